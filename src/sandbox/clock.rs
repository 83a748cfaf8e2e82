//! Time in the sandbox: the machine's own clock, and a pace at which AWS's waits go by.

use std::time::Duration;

use jiff::Timestamp;

/// How many times faster than at AWS things come about: 1 takes AWS's own times, 100 hardly any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace(u8);

impl Pace {
    /// The pace, if it is from 1 to 100.
    pub fn new(times: u8) -> Option<Self> {
        (1..=100).contains(&times).then_some(Self(times))
    }

    /// How long something takes here that takes AWS `real`.
    pub fn scale(self, real: Duration) -> Duration {
        real / u32::from(self.0)
    }

    /// When something that takes AWS `real` and begins at `from` is over.
    pub(crate) fn after(self, from: Timestamp, real: Duration) -> Timestamp {
        from.checked_add(self.scale(real)).unwrap_or(Timestamp::MAX)
    }
}

impl Default for Pace {
    /// Brisk: a minute of AWS's passes in three seconds.
    fn default() -> Self {
        Self(20)
    }
}

impl std::str::FromStr for Pace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse()
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| "a pace is a whole number from 1 to 100".to_owned())
    }
}

/// Seconds since 1970 with milliseconds, as the JSON protocols write a time.
pub(crate) fn epoch_seconds(time: Timestamp) -> f64 {
    // Milliseconds of this century are far below 2^53.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century are far below 2^53")]
    let milliseconds = time.as_millisecond() as f64;
    milliseconds / 1000.0
}

/// `2026-11-20T14:03:01.000Z`, as the XML protocols write a time.
pub(crate) fn iso(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
