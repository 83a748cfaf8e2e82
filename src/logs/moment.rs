//! Where a tail begins: so long ago, or at a time.

use jiff::{SignedDuration, Timestamp};

/// A moment in the past as it is typed: `90s`, `10m`, `2h`, `1d`, or a time such as `2026-11-22T18:00:00Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Ago(SignedDuration),
    /// Then.
    At(Timestamp),
}

impl Moment {
    /// The time that it is, seen from now; never one before 1970, which CloudWatch does not know.
    pub fn before(self, now: Timestamp) -> Timestamp {
        let at = match self {
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::UNIX_EPOCH),
            Self::At(at) => at,
        };
        at.max(Timestamp::UNIX_EPOCH)
    }
}

impl std::str::FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = || {
            let number = text.strip_suffix(['s', 'm', 'h', 'd'])?;
            let number: i64 = number.parse().ok().filter(|number| *number >= 0)?;
            let unit = match text.as_bytes().last()? {
                b's' => 1,
                b'm' => 60,
                b'h' => 3600,
                _ => 86_400,
            };
            Some(Self::Ago(SignedDuration::from_secs(number.checked_mul(unit)?)))
        };
        ago()
            .or_else(|| text.parse().ok().map(Self::At))
            .ok_or_else(|| format!("write it as 90s, 10m, 2h, 1d or 2026-11-22T18:00:00Z, not `{text}`"))
    }
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::Ago(ago) => match ago.as_secs() {
                days if days > 0 && days % 86_400 == 0 => write!(f, "{}d", days / 86_400),
                hours if hours > 0 && hours % 3600 == 0 => write!(f, "{}h", hours / 3600),
                minutes if minutes > 0 && minutes % 60 == 0 => write!(f, "{}m", minutes / 60),
                seconds => write!(f, "{seconds}s"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_they_are_read() {
        for text in ["90s", "10m", "2h", "1d", "0s", "2026-11-22T18:00:00Z"] {
            assert_eq!(text.parse::<Moment>().map(|moment| moment.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("120m".parse::<Moment>().map(|moment| moment.to_string()), Ok("2h".to_owned()));
        for text in [
            "",
            "m",
            "-1m",
            "1w",
            "10 m",
            "1.5h",
            "99999999999999999999s",
            "yesterday",
            "9223372036854775807d",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text}");
        }
        let now: Timestamp = "2026-11-22T18:00:00Z".parse().expect("a time");
        assert_eq!(
            Moment::Ago(SignedDuration::from_mins(10)).before(now).to_string(),
            "2026-11-22T17:50:00Z"
        );
        for long_ago in ["99999d", "1960-01-01T00:00:00Z"] {
            let moment: Moment = long_ago.parse().expect("a moment");
            assert_eq!(moment.before(now), Timestamp::UNIX_EPOCH, "{long_ago}");
        }
        assert_eq!(Moment::Ago(SignedDuration::MAX).before(now), Timestamp::UNIX_EPOCH);
    }
}
