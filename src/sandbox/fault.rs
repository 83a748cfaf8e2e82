//! What goes wrong on purpose: game days, and our own tests.
//!
//! A fault is a kind, where it applies, and how much: `throttle:firehose.PutRecordBatch=30%`. Shares are counted, not
//! drawn: of every ten calls three are hit, always the same ones. A fault that could never strike is refused.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;

use super::call::Service;
use super::feed::FeedFault;
use super::{s3, server};

/// The kinds of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Calls are refused because there are too many.
    Throttle,
    /// Calls are refused for want of a permission.
    Deny,
    /// Calls fail with an internal error.
    Error,
    /// Some records of a batch are not taken.
    Partial,
    /// Answers are late by so much time.
    Slow,
    /// The cloud's clock is ahead by so much time, or behind: all that it stamps and all that it waits for. When the
    /// fault is taken away the clock goes back, and what was begun meanwhile waits for it.
    Skew,
    /// Buckets are not there any more: those that are made from now on are.
    LostBucket,
    /// What is being deleted, or a notebook or a job that is being stopped, stays so until the fault is taken away.
    StuckDelete,
    /// Connections to the host are cut, and new ones refused.
    CutSsh,
    /// Processing jobs that are begun fail when their time is over.
    FailJob,
    /// Processing jobs that are begun go on until the fault is taken away, and end then.
    HoldJob,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::Throttle,
        Self::Deny,
        Self::Error,
        Self::Partial,
        Self::Slow,
        Self::Skew,
        Self::LostBucket,
        Self::StuckDelete,
        Self::CutSsh,
        Self::FailJob,
        Self::HoldJob,
    ];

    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Throttle => "throttle",
            Self::Deny => "deny",
            Self::Error => "error",
            Self::Partial => "partial",
            Self::Slow => "slow",
            Self::Skew => "skew",
            Self::LostBucket => "lost-bucket",
            Self::StuckDelete => "stuck-delete",
            Self::CutSsh => "cut-ssh",
            Self::FailJob => "fail-job",
            Self::HoldJob => "hold-job",
        }
    }

    /// How much of it there is if nothing is said.
    const fn usual(self) -> Amount {
        match self {
            Self::Throttle | Self::Error | Self::Partial => Amount::Share(50),
            Self::Deny | Self::LostBucket | Self::StuckDelete | Self::FailJob | Self::HoldJob => {
                Amount::Share(100)
            }
            Self::CutSsh => Amount::All,
            Self::Slow => Amount::Time(Duration::from_secs(2)),
            Self::Skew => Amount::Ahead(SignedDuration::from_mins(20)),
        }
    }

    /// What it can strike.
    const fn reach(self) -> Reach {
        match self {
            Self::Throttle | Self::Deny | Self::Error | Self::Slow => Reach::Calls,
            Self::Skew | Self::CutSsh => Reach::Everything,
            Self::LostBucket => Reach::Bucket,
            Self::Partial => Reach::Some(&[("firehose", "PutRecord"), ("firehose", "PutRecordBatch")]),
            Self::StuckDelete => Reach::Some(&[
                ("firehose", "DeleteDeliveryStream"),
                ("ec2", "TerminateInstances"),
                ("ec2", "DeleteSecurityGroup"),
                ("logs", "DeleteLogGroup"),
                ("logs", "DeleteLogStream"),
                ("iam", "DeleteRole"),
                ("iam", "DeleteInstanceProfile"),
                ("sagemaker", "StopProcessingJob"),
                ("sagemaker", "StopNotebookInstance"),
                ("sagemaker", "DeleteNotebookInstance"),
            ]),
            Self::FailJob | Self::HoldJob => Reach::Some(&[("sagemaker", "CreateProcessingJob")]),
        }
    }

    /// A place where it can strike: a service and an operation, either of which may be left out.
    fn place(self, text: &str) -> Result<(String, Option<String>), String> {
        let name = self.name();
        let (service, operation) =
            text.split_once('.').map_or((text, None), |(service, operation)| (service, Some(operation)));
        let place = || (service.to_owned(), operation.map(ToOwned::to_owned));
        match self.reach() {
            Reach::Everything => Err(format!("{name} strikes everything: write it without :{text}")),
            Reach::Bucket if text.is_empty() => Err(format!("{name}: names no bucket")),
            // A bucket's name may hold dots.
            Reach::Bucket => Ok((text.to_owned(), None)),
            Reach::Some(places) => {
                let fits = |(own, its): &(&str, &str)| {
                    *own == service && operation.is_none_or(|operation| operation == *its)
                };
                if places.iter().any(fits) {
                    return Ok(place());
                }
                let places: Vec<String> =
                    places.iter().map(|(service, operation)| format!("{service}.{operation}")).collect();
                Err(format!("{name} never strikes {text}: it strikes {}", places.join(", ")))
            }
            Reach::Calls => {
                let of_cloud = Service::ALL.into_iter().find(|known| known.signing_name() == service);
                if of_cloud.is_none() && service != "s3" {
                    let known = Service::ALL.map(Service::signing_name).join(", ");
                    return Err(format!("{service} is no service here: there are {known} and s3"));
                }
                let is_there = |operation: &str| {
                    of_cloud.map_or_else(
                        || s3::carries(operation),
                        |service| server::table(service).iter().any(|known| known.name == operation),
                    )
                };
                match operation {
                    Some(operation) if !is_there(operation) => Err(format!(
                        "{operation} is no operation of {service} here: it is written as AWS writes it, as in \
                         firehose.PutRecordBatch"
                    )),
                    _ => Ok(place()),
                }
            }
        }
    }
}

/// What a kind of fault can strike.
#[derive(Debug, Clone, Copy)]
enum Reach {
    /// There is nothing to choose.
    Everything,
    /// A bucket, by its name.
    Bucket,
    /// Any operation of any service.
    Calls,
    /// These operations of these services.
    Some(&'static [(&'static str, &'static str)]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    /// Of a hundred calls, so many.
    Share(u8),
    /// There is no less of it.
    All,
    Time(Duration),
    /// A time that may lie behind, too.
    Ahead(SignedDuration),
}

/// A fault that is switched on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    service: Option<String>,
    operation: Option<String>,
    amount: Amount,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (what, amount) = text.split_once('=').map_or((text, None), |(what, amount)| (what, Some(amount)));
        let (kind, place) = what.split_once(':').map_or((what, None), |(kind, place)| (kind, Some(place)));
        let kind = Kind::ALL.into_iter().find(|known| known.name() == kind).ok_or_else(|| {
            format!(
                "{kind} is no fault: there are {} and {}",
                Kind::ALL.map(Kind::name).join(", "),
                FeedFault::NAMES.join(", ")
            )
        })?;
        let (service, operation) = match place {
            None => (None, None),
            Some(place) => {
                let (service, operation) = kind.place(place)?;
                (Some(service), operation)
            }
        };
        let amount = match (amount, kind.usual()) {
            (None, usual) => usual,
            (Some(text), Amount::Share(_)) => {
                let share =
                    text.strip_suffix('%').and_then(|share| share.parse().ok()).filter(|share| *share <= 100);
                Amount::Share(share.ok_or_else(|| format!("{text} is no share: write it as 30%"))?)
            }
            (Some(text), Amount::All) => {
                return Err(format!("{} strikes everything: write it without ={text}", kind.name()));
            }
            (Some(text), Amount::Time(_)) => Amount::Time(
                time(text).ok_or_else(|| format!("{text} is no time: write it as 500ms, 2s or 20m"))?,
            ),
            (Some(text), Amount::Ahead(_)) => Amount::Ahead(
                ahead(text)
                    .ok_or_else(|| format!("{text} is no time: write it as 500ms, 2s, 20m or -20m"))?,
            ),
        };
        Ok(Self { kind, service, operation, amount })
    }
}

/// A time as it is written: `500ms`, `2s` or `20m`.
pub(super) fn time(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|digit: char| digit.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number = number.parse().ok()?;
    match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        _ => None,
    }
}

/// A time as [`time`] reads it, and the same with a minus.
fn ahead(text: &str) -> Option<SignedDuration> {
    let (behind, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let time = SignedDuration::try_from(time(text)?).ok()?;
    Some(if behind { -time } else { time })
}

/// As [`time`] reads it.
pub(super) fn written_time(time: Duration) -> String {
    format!("{}ms", time.as_millis())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let Some(service) = &self.service {
            write!(f, ":{service}")?;
        }
        if let Some(operation) = &self.operation {
            write!(f, ".{operation}")?;
        }
        match self.amount {
            amount if amount == self.kind.usual() => Ok(()),
            Amount::All => Ok(()),
            Amount::Ahead(time) => write!(f, "={}ms", time.as_millis()),
            Amount::Share(share) => write!(f, "={share}%"),
            Amount::Time(time) => write!(f, "={}", written_time(time)),
        }
    }
}

/// A fault of the cloud, or of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyFault {
    /// Of the cloud.
    Cloud(Fault),
    /// Of X's or Jetstream's side.
    Feed(FeedFault),
}

impl AnyFault {
    /// The cloud's and the feed's, apart.
    pub(crate) fn part(faults: impl IntoIterator<Item = Self>) -> (Vec<Fault>, Vec<FeedFault>) {
        let (mut cloud, mut feed) = (Vec::new(), Vec::new());
        for fault in faults {
            match fault {
                Self::Cloud(fault) => cloud.push(fault),
                Self::Feed(fault) => feed.push(fault),
            }
        }
        (cloud, feed)
    }
}

impl FromStr for AnyFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("x-") || text.starts_with("jet-") {
            text.parse().map(Self::Feed)
        } else {
            text.parse().map(Self::Cloud)
        }
    }
}

/// The faults that are on, and how often each could have struck.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    on: Vec<(Fault, u64)>,
    /// Buckets that were made since: none of them is lost.
    made: BTreeSet<String>,
}

impl Faults {
    /// From now on there are these.
    pub(crate) fn set(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.on = faults.into_iter().map(|fault| (fault, 0)).collect();
        self.made.clear();
    }

    pub(crate) fn list(&self) -> impl Iterator<Item = &Fault> {
        self.on.iter().map(|(fault, _)| fault)
    }

    /// Whether a fault of this kind strikes now. Counts the chance.
    pub(crate) fn strikes(&mut self, kind: Kind, service: &str, operation: &str) -> bool {
        let mut struck = false;
        for (fault, chances) in self.on.iter_mut().filter(|(fault, _)| fault.fits(kind, service, operation)) {
            let Amount::Share(share) = fault.amount else { continue };
            let hits = |chances: u64| chances * u64::from(share) / 100;
            struck |= hits(*chances + 1) > hits(*chances);
            *chances += 1;
        }
        struck
    }

    /// Whether a fault of this kind is on there, however much of it. Counts no chance.
    pub(crate) fn is_on(&self, kind: Kind, service: &str, operation: &str) -> bool {
        self.list().any(|fault| fault.fits(kind, service, operation) && fault.amount != Amount::Share(0))
    }

    /// Whether a bucket is lost now. Counts the chance.
    pub(crate) fn loses(&mut self, bucket: &str) -> bool {
        !self.made.contains(bucket) && self.strikes(Kind::LostBucket, bucket, "")
    }

    /// A bucket was made: what was lost before is another one.
    pub(crate) fn made(&mut self, bucket: &str) {
        if self.is_on(Kind::LostBucket, bucket, "") {
            self.made.insert(bucket.to_owned());
        }
    }

    /// By how much an answer is late; the most of several.
    pub(crate) fn late(&self, service: &str, operation: &str) -> Duration {
        self.list()
            .filter(|fault| fault.fits(Kind::Slow, service, operation))
            .filter_map(|fault| match fault.amount {
                Amount::Time(time) => Some(time),
                _ => None,
            })
            .max()
            .unwrap_or_default()
    }

    /// By how much the cloud's clock is ahead; the last of several.
    pub(crate) fn ahead(&self) -> SignedDuration {
        self.list()
            .filter_map(|fault| match fault.amount {
                Amount::Ahead(time) => Some(time),
                _ => None,
            })
            .last()
            .unwrap_or_default()
    }
}

impl Fault {
    fn fits(&self, kind: Kind, service: &str, operation: &str) -> bool {
        let same =
            |named: &Option<String>, actual: &str| named.as_deref().is_none_or(|named| named == actual);
        self.kind == kind && same(&self.service, service) && same(&self.operation, operation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_counted_not_drawn() {
        let mut faults = Faults::default();
        faults.set(["throttle:firehose=30%".parse().expect("a fault")]);
        let hits = |faults: &mut Faults, service| {
            (0..100).filter(|_| faults.strikes(Kind::Throttle, service, "PutRecord")).count()
        };
        assert_eq!(hits(&mut faults, "firehose"), 30);
        assert_eq!(hits(&mut faults, "s3"), 0);
    }

    #[test]
    fn faults_are_written_as_they_are_read() {
        for text in [
            "throttle",
            "deny:ec2.RunInstances",
            "error:s3.GetObject",
            "slow:s3=500ms",
            "partial=10%",
            "partial:firehose.PutRecordBatch",
            "cut-ssh",
            "lost-bucket:posts.of.mine",
            "stuck-delete:sagemaker",
            "hold-job:sagemaker",
            "skew=-60000ms",
        ] {
            assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
        }
        for text in
            ["flood", "throttle=2", "slow=2", "slow=30%", "throttle=130%", "skew=99999999999999999999m"]
        {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_that_could_never_strike_is_refused_with_what_could() {
        for (text, why) in [
            ("throttle:s4", "s4 is no service here"),
            ("slow:cloudwatchlogs=5s", "logs"),
            ("throttle:firehose.PutRecordBatchs", "PutRecordBatchs is no operation of firehose"),
            ("deny:iam.CreateRoll", "CreateRoll is no operation of iam"),
            ("deny:s3.PutBucketWebsite", "PutBucketWebsite is no operation of s3"),
            ("partial:s3", "it strikes firehose.PutRecord, firehose.PutRecordBatch"),
            ("partial:firehose.CreateDeliveryStream", "it strikes firehose.PutRecord"),
            ("fail-job:ec2", "it strikes sagemaker.CreateProcessingJob"),
            ("stuck-delete:s3", "firehose.DeleteDeliveryStream"),
            ("skew:s3=20m", "without :s3"),
            ("cut-ssh:i-1", "without :i-1"),
            ("cut-ssh=10%", "without =10%"),
            ("lost-bucket:", "names no bucket"),
        ] {
            let refused = text.parse::<Fault>().expect_err(text);
            assert!(refused.contains(why), "{text}: {refused}");
        }
    }

    #[test]
    fn the_clock_can_be_ahead_or_behind() {
        let mut faults = Faults::default();
        for (text, seconds) in [("skew", 1200), ("skew=90s", 90), ("skew=-2m", -120)] {
            faults.set([text.parse().expect("a fault")]);
            assert_eq!(faults.ahead().as_secs(), seconds, "{text}");
        }
        faults.set([]);
        assert!(faults.ahead().is_zero());
    }
}
