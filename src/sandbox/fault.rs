//! What goes wrong on purpose: game days, and our own tests.
//!
//! A fault is a kind, where it applies, and how much: `throttle:firehose.PutRecordBatch=30%`. Shares are counted, not
//! drawn: of every ten calls three are hit, always the same ones.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::feed::FeedFault;

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
    /// The cloud's clock is ahead by so much time.
    Skew,
    /// Buckets are not there any more.
    LostBucket,
    /// What is being deleted, or a notebook or a job that is being stopped, stays so for ever.
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
            Self::Deny
            | Self::LostBucket
            | Self::StuckDelete
            | Self::CutSsh
            | Self::FailJob
            | Self::HoldJob => Amount::Share(100),
            Self::Slow => Amount::Time(Duration::from_secs(2)),
            Self::Skew => Amount::Time(Duration::from_mins(20)),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amount {
    /// Of a hundred calls, so many.
    Share(u8),
    Time(Duration),
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
                let (service, operation) = place
                    .split_once('.')
                    .map_or((place, None), |(service, operation)| (service, Some(operation)));
                (Some(service.to_owned()), operation.map(ToOwned::to_owned))
            }
        };
        let amount = match (amount, kind.usual()) {
            (None, usual) => usual,
            (Some(text), Amount::Share(_)) => {
                let share =
                    text.strip_suffix('%').and_then(|share| share.parse().ok()).filter(|share| *share <= 100);
                Amount::Share(share.ok_or_else(|| format!("{text} is no share: write it as 30%"))?)
            }
            (Some(text), Amount::Time(_)) => Amount::Time(
                time(text).ok_or_else(|| format!("{text} is no time: write it as 500ms, 2s or 20m"))?,
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
}

impl Faults {
    /// From now on there are these.
    pub(crate) fn set(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.on = faults.into_iter().map(|fault| (fault, 0)).collect();
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

    /// Whether a fault of this kind is on, however much of it. Counts no chance.
    pub(crate) fn is_on(&self, kind: Kind) -> bool {
        self.list().any(|fault| fault.kind == kind && fault.amount != Amount::Share(0))
    }

    /// By how much a fault of time is on; the most of several.
    pub(crate) fn time(&self, kind: Kind, service: &str, operation: &str) -> Duration {
        self.list()
            .filter(|fault| fault.fits(kind, service, operation))
            .map(|fault| match fault.amount {
                Amount::Time(time) => time,
                Amount::Share(_) => Duration::ZERO,
            })
            .max()
            .unwrap_or_default()
    }
}

impl Fault {
    fn fits(&self, kind: Kind, service: &str, operation: &str) -> bool {
        let same = |named: &Option<String>, actual: &str| {
            named.as_deref().is_none_or(|named| named.eq_ignore_ascii_case(actual))
        };
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
        for text in ["throttle", "deny:ec2.RunInstances", "slow:s3=500ms", "partial=10%", "cut-ssh"] {
            assert_eq!(text.parse::<Fault>().expect("a fault").to_string(), text);
        }
        for text in
            ["flood", "throttle=2", "slow=2", "slow=30%", "throttle=130%", "skew=99999999999999999999m"]
        {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
    }
}
