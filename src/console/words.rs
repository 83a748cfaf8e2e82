//! Numbers and times as people say them.

use jiff::Timestamp;

pub use crate::text::{bytes, count, counted};

/// `now`, `42 s`, `3 min`, `2 h`, `5 d`: how long ago `then` was.
pub fn since(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(then).as_secs().max(0);
    match seconds {
        0 => "now".to_owned(),
        1..=59 => format!("{seconds} s"),
        60..=3599 => format!("{} min", seconds / 60),
        3600..=86_399 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// `<1 s`, `42 s`, `3 min`: how long something took, or takes already.
pub fn lasted(began: Timestamp, ended: Timestamp) -> String {
    match since(began, ended) {
        moment if moment == "now" => "<1 s".to_owned(),
        time => time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!(
            [0, 999, 1_250, 12_500, 1_250_000_000].map(bytes),
            ["0 B", "999 B", "1.2 kB", "12 kB", "1.2 GB"]
        );
        assert_eq!(bytes(u64::MAX), "18 EB");
    }
}
