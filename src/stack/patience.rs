//! How hydrant waits: for the state itself, never for a fixed time, with growing pauses, a limit, and an ear for the
//! operator who asks to stop.

use std::time::{Duration, Instant};

use backon::BackoffBuilder;

use super::graph::Kind;
use super::{Stack, StackError};
use crate::cloud::Failure;
use crate::progress::Phase;

/// The first pause of a wait, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// What was made a moment ago is known everywhere within this time; what is still missing then is missing.
const SEEN_LIMIT: Duration = Duration::from_secs(90);

/// How long hydrant waits for one resource of a kind before it gives up and says so.
fn limit(kind: Kind) -> Duration {
    Duration::from_secs(
        60 * match kind {
            // A notebook takes minutes to start and to stop; its network interface, which holds its group, goes last.
            Kind::Notebook => 20,
            Kind::NotebookSecurityGroup => 15,
            Kind::Instance | Kind::SecurityGroup => 10,
            Kind::Bucket | Kind::DeliveryStream => 6,
            _ => 4,
        },
    )
}

/// Growing pauses up to a limit, which end early when the operator asks to stop. The limit counts from the first
/// wait: work that takes long, as emptying a bucket does, is not waiting.
pub(super) struct Patience<'a> {
    stack: &'a Stack,
    kind: Kind,
    since: Option<Instant>,
    pauses: backon::ExponentialBackoff,
    said: String,
}

impl<'a> Patience<'a> {
    pub(super) fn new(stack: &'a Stack, kind: Kind) -> Self {
        Self { stack, kind, since: None, pauses: pauses(), said: String::new() }
    }

    /// Something was achieved: what comes next has all the time again.
    pub(super) fn renew(&mut self) {
        (self.since, self.pauses) = (None, pauses());
    }

    /// Says what is waited for, once, and waits a little.
    pub(super) async fn wait(&mut self, waiting_for: &str) -> Result<(), StackError> {
        self.wait_within(limit(self.kind), waiting_for).await
    }

    async fn wait_within(&mut self, limit: Duration, waiting_for: &str) -> Result<(), StackError> {
        let name = self.stack.names.of(self.kind);
        if self.since.get_or_insert_with(Instant::now).elapsed() > limit {
            let (kind, name, waiting_for) = (self.kind, name.to_owned(), waiting_for.to_owned());
            return Err(StackError::TooLong { kind, name, waiting_for, limit });
        }
        if self.said != waiting_for {
            self.stack.progress.tell(self.kind.name(), name, Phase::Waiting, waiting_for);
            waiting_for.clone_into(&mut self.said);
        }
        let pause = self.pauses.next().unwrap_or(LONGEST_PAUSE);
        tokio::select! {
            () = tokio::time::sleep(pause) => Ok(()),
            () = self.stack.stop.cancelled() => Err(StackError::Interrupted),
        }
    }

    /// Waits if the error is one that passes; hands it back if it is not, or if it has not passed in time.
    pub(super) async fn wait_out(&mut self, error: StackError) -> Result<(), StackError> {
        let failure = match &error {
            StackError::Cloud(cloud) => cloud.failure(),
            StackError::NotSeenYet(_) => Failure::Missing,
            _ => return Err(error),
        };
        let (limit, why) = match failure {
            Failure::NotYetUsable => (limit(self.kind), "waiting until AWS knows the role everywhere"),
            Failure::InUse => (limit(self.kind), "waiting until nothing uses it any more"),
            Failure::Throttled => (limit(self.kind), "throttled; trying again"),
            Failure::Missing | Failure::TokenReused => (SEEN_LIMIT, "waiting until AWS shows what was made"),
            failure if failure.passes() => (limit(self.kind), "no good answer; trying again"),
            _ => return Err(error),
        };
        let code = match &error {
            StackError::Cloud(cloud) => cloud.code().map(|code| format!(" ({code})")).unwrap_or_default(),
            _ => String::new(),
        };
        match self.wait_within(limit, &format!("{why}{code}")).await {
            // The reason that AWS gave is worth more than that it took long.
            Err(StackError::TooLong { .. }) => Err(error),
            waited => waited,
        }
    }
}

/// Pauses that grow from the first to the longest and go on so for ever.
pub(super) fn pauses() -> backon::ExponentialBackoff {
    backon::ExponentialBuilder::default()
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(1.6)
        .with_jitter()
        .without_max_times()
        .build()
}
