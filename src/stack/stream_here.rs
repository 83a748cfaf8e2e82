//! This machine's own stream before a teardown: with the delivery stream gone, it would go on reading, and paying for,
//! posts that have nowhere to go. What waits on this machine's disk is not lost by a teardown; what waits on a host that
//! goes is, and that is [`crate::host::service`]'s to say.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::graph::Kind;
use super::{Stack, StackError};
use crate::progress::{Phase, Progress};
use crate::settings::Folders;
use crate::stream::live::State;
use crate::stream::service::{Answer, Ask, Client, Place, ServiceError};
use crate::stream::sink::SinkKind;
use crate::stream::spool::pending_in;
use crate::text::counted;

/// How often it is told how much is left to be delivered.
const TELLS: Duration = Duration::from_secs(5);

/// How this machine's stream stands to the delivery stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamHere {
    /// None runs into it, and nothing waits for it.
    Nothing,
    /// One runs into it, and so many posts wait.
    Runs(u64),
    /// None runs, and so many posts wait for it on disk.
    Waits(u64),
    /// One runs and could not be asked, for this reason.
    Unknown(String),
}

impl StreamHere {
    /// Whether something here would go on without the delivery stream, as far as is known.
    pub fn goes_on(&self) -> bool {
        matches!(self, Self::Runs(_) | Self::Unknown(_))
    }

    /// What is to be said of it before the delivery stream goes.
    pub fn words(&self) -> Option<String> {
        let wait = |posts: &u64| counted(*posts, "post waits", "posts wait");
        match self {
            Self::Nothing => None,
            Self::Runs(posts) => Some(format!(
                "this machine's stream runs into what goes ({} here), and would go on reading, and paying for, posts that have nowhere to go",
                wait(posts)
            )),
            Self::Waits(posts) => Some(format!(
                "{} on this machine for the delivery stream: they stay here, and a stream delivers them once it is there again",
                wait(posts)
            )),
            Self::Unknown(why) => Some(format!(
                "this machine's stream could not be asked where it delivers to: {why}; if it is to what goes, it would go on reading, and paying for, posts that have nowhere to go"
            )),
        }
    }
}

impl Stack {
    /// How this machine's stream of this stack's name stands to the delivery stream.
    pub async fn stream_here(&self, folders: &Folders) -> StreamHere {
        stands(folders, self.settings.stack.as_str()).await
    }

    /// Has this machine's stream deliver what waits and end, if it runs into the delivery stream. If it does not end, or
    /// leaves posts undelivered, nothing may be torn down.
    pub async fn stop_stream_here(&self, folders: &Folders) -> Result<(), StackError> {
        let name = self.names.of(Kind::DeliveryStream);
        stop(folders, self.settings.stack.as_str(), name, &self.progress, &self.stop).await
    }
}

async fn stands(folders: &Folders, stack: &str) -> StreamHere {
    let place = Place::of(folders, stack);
    if place.is_running() {
        match place.status(0).await {
            Ok(status)
                if !matches!(status.state, State::Stopped | State::Failed)
                    && status.sinks.contains(&SinkKind::Firehose.to_string()) =>
            {
                return StreamHere::Runs(status.counters.pending);
            }
            Ok(_) => {}
            Err(error) => return StreamHere::Unknown(error.to_string()),
        }
    }
    match waits_on_disk(folders, stack) {
        0 => StreamHere::Nothing,
        posts => StreamHere::Waits(posts),
    }
}

/// Posts that wait for the delivery stream: the folder of a spool is named by the sinks that it is for.
fn waits_on_disk(folders: &Folders, stack: &str) -> u64 {
    let firehose = SinkKind::Firehose.to_string();
    let spools = std::fs::read_dir(Place::spools(folders, stack)).into_iter().flatten().flatten();
    let for_it =
        spools.filter(|spool| spool.file_name().to_string_lossy().split('+').any(|sink| sink == firehose));
    for_it.filter_map(|spool| pending_in(&spool.path()).ok()).sum()
}

async fn stop(
    folders: &Folders,
    stack: &str,
    delivery_stream: &str,
    progress: &Progress,
    stop: &CancellationToken,
) -> Result<(), StackError> {
    match stands(folders, stack).await {
        StreamHere::Nothing | StreamHere::Waits(_) => return Ok(()),
        StreamHere::Unknown(why) => return Err(StackError::StreamNotStopped(why)),
        StreamHere::Runs(_) => {}
    }
    let place = Place::of(folders, stack);
    let ended = async {
        until_it_ends(&place, |posts| {
            let wait = counted(posts, "post waits", "posts wait");
            let text = format!("this machine's stream delivers first, and ends: {wait}");
            progress.tell(Kind::DeliveryStream.name(), delivery_stream, Phase::Waiting, text);
        })
        .await?;
        place.status(waits_on_disk(folders, stack)).await
    };
    let ended = tokio::select! {
        ended = ended => ended,
        () = stop.cancelled() => return Err(StackError::Interrupted),
    };
    match ended.map_err(|error| StackError::StreamNotStopped(error.to_string()))?.counters.pending {
        0 => Ok(()),
        posts => Err(StackError::StreamNotDelivered(posts)),
    }
}

/// Asks it to take no more posts, deliver what it has and end, and tells how many wait until it has.
async fn until_it_ends(place: &Place, tell: impl Fn(u64)) -> Result<(), ServiceError> {
    let mut client = match Client::connect(place).await {
        Err(ServiceError::NotRunning) => return Ok(()),
        connected => connected?,
    };
    client.ask(Ask::Stop).await?;
    let mut told: Option<tokio::time::Instant> = None;
    while let Some(answer) = client.next().await? {
        if let Answer::Status(status) = answer
            && told.is_none_or(|told| told.elapsed() >= TELLS)
        {
            tell(status.counters.pending);
            told = Some(tokio::time::Instant::now());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::stream::counters::Tally;
    use crate::stream::live::Live;
    use crate::stream::post::PostKey;
    use crate::stream::service::Server;
    use crate::stream::spool::{Batch, Spool};

    const STACK: &str = "default";

    fn folders() -> (tempfile::TempDir, Folders) {
        let folder = tempfile::tempdir().expect("a folder");
        let at = folder.path().to_owned();
        (folder, Folders { data: at.clone(), state: at.clone(), config: at })
    }

    /// A stream that runs into these sinks with so many posts that wait, and ends as it is when it is asked to.
    fn runs(folders: &Folders, sinks: &[&str], posts: u64) -> tokio::task::JoinHandle<()> {
        let place = Place::of(folders, STACK);
        let lock = place.lock().expect("locked");
        let live = Live::new("x".into(), sinks.iter().map(|sink| (*sink).to_owned()).collect());
        live.change(|status| status.state = State::Running);
        live.took(posts, Tally::default(), Timestamp::now());
        let stop = CancellationToken::new();
        let server = Server::begin(place, live, stop.clone()).expect("it answers");
        tokio::spawn(async move {
            stop.cancelled().await;
            server.end(State::Stopped, None).await;
            drop(lock);
        })
    }

    async fn stopped(folders: &Folders) -> Result<(), StackError> {
        stop(folders, STACK, "twitter_delivery_stream", &Progress::silent(), &CancellationToken::new()).await
    }

    #[tokio::test]
    async fn one_that_runs_into_the_delivery_stream_is_named_and_ends_before_that_goes() {
        let (_folder, folders) = folders();
        assert_eq!(stands(&folders, STACK).await, StreamHere::Nothing);
        let run = runs(&folders, &["firehose", "csv:posts.csv"], 0);
        let here = stands(&folders, STACK).await;
        assert_eq!(here, StreamHere::Runs(0));
        assert!(here.words().is_some_and(|words| words.contains("posts that have nowhere to go")));
        stopped(&folders).await.expect("it delivered and ended");
        run.await.expect("it has ended");
        assert_eq!(stands(&folders, STACK).await, StreamHere::Nothing);
    }

    #[tokio::test]
    async fn one_that_leaves_posts_undelivered_stops_the_teardown() {
        let (_folder, folders) = folders();
        let run = runs(&folders, &["firehose"], 3);
        assert_eq!(stands(&folders, STACK).await, StreamHere::Runs(3));
        let refused = stopped(&folders).await.expect_err("posts are left");
        assert!(refused.to_string().starts_with("3 posts still wait on this machine"), "{refused}");
        run.await.expect("it has ended");
    }

    #[tokio::test]
    async fn one_that_delivers_elsewhere_is_left_alone() {
        let (_folder, folders) = folders();
        let run = runs(&folders, &["csv:posts.csv"], 3);
        assert_eq!(stands(&folders, STACK).await, StreamHere::Nothing);
        stopped(&folders).await.expect("there is nothing to stop");
        assert!(Place::of(&folders, STACK).is_running());
        run.abort();
    }

    #[tokio::test]
    async fn what_waits_on_disk_for_the_delivery_stream_stays_and_is_counted() {
        let (_folder, folders) = folders();
        for sinks in ["firehose", "csv-0+firehose", "csv-0"] {
            let folder = Place::spools(&folders, STACK).join(sinks);
            let (mut spool, _) = Spool::open(&folder, 1 << 20).expect("a spool");
            let mut batch = Batch::default();
            batch.push(PostKey(1), Timestamp::now(), |out| out.extend_from_slice(b"a post\n"));
            spool.append(&mut batch, None).expect("kept");
        }
        assert_eq!(stands(&folders, STACK).await, StreamHere::Waits(2));
        stopped(&folders).await.expect("nothing runs");
    }

    #[tokio::test]
    async fn who_stops_meanwhile_waits_no_longer() {
        let (_folder, folders) = folders();
        let run = runs(&folders, &["firehose"], 3);
        let stop_now = CancellationToken::new();
        stop_now.cancel();
        let stopped = stop(&folders, STACK, "s", &Progress::silent(), &stop_now).await;
        assert!(matches!(stopped, Err(StackError::Interrupted)), "{stopped:?}");
        run.abort();
    }
}
