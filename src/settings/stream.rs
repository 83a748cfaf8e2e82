//! The types of the stream's settings.

use std::fmt;

use super::SettingValue;

/// An amount of US dollars, to a millionth: X's price of a post has three places. Where it is serialised, it is the number
/// of millionths.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(transparent)]
pub struct Dollars(u64);

/// Millionths of a dollar in a dollar.
const MICROS: u64 = 1_000_000;

impl Dollars {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// So many of it.
    #[must_use]
    pub fn times(self, count: u64) -> Self {
        Self(self.0.saturating_mul(count))
    }

    /// Both together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// What is left of it; nothing, where more was taken.
    #[must_use]
    pub fn less(self, taken: Self) -> Self {
        Self(self.0.saturating_sub(taken.0))
    }

    /// How many things of this price it buys.
    pub fn buys(self, price: Self) -> u64 {
        self.0.checked_div(price.0).unwrap_or(u64::MAX)
    }

    /// For showing and for charts.
    #[expect(clippy::cast_precision_loss, reason = "sums that matter are far below 2^53 millionths")]
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / MICROS as f64
    }
}

impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, micros) = (self.0 / MICROS, self.0 % MICROS);
        let places = format!("{micros:06}");
        let places = places.trim_end_matches('0');
        // Cents are always shown, and as much beyond as there is.
        if places.len() <= 2 { write!(f, "{whole}.{places:0<2}") } else { write!(f, "{whole}.{places}") }
    }
}

impl SettingValue for Dollars {
    fn parse(written: &str) -> Result<Self, String> {
        let read = || {
            let (whole, places) = written.split_once('.').unwrap_or((written, ""));
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if whole.is_empty() || places.len() > 6 || !digits(whole) || !digits(places) {
                return None;
            }
            let micros: u64 = format!("{places:0<6}").parse().ok()?;
            whole.parse::<u64>().ok()?.checked_mul(MICROS)?.checked_add(micros)
        };
        read().map(Self).ok_or_else(|| format!("must be an amount of dollars such as 12.50, not `{written}`"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// How records are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordFormat {
    /// The 53 columns, tab-separated.
    Tsv,
    /// JSON lines of the same columns.
    Jsonl,
}

impl SettingValue for RecordFormat {
    fn parse(written: &str) -> Result<Self, String> {
        match written {
            "tsv" => Ok(Self::Tsv),
            "jsonl" => Ok(Self::Jsonl),
            other => Err(format!("must be `tsv` or `jsonl`, not `{other}`")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Tsv => "tsv".to_owned(),
            Self::Jsonl => "jsonl".to_owned(),
        })
    }
}

/// Words, parted by commas: `en, fi`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words(pub Vec<String>);

impl SettingValue for Words {
    fn parse(written: &str) -> Result<Self, String> {
        let words = written.split(',').map(str::trim).filter(|word| !word.is_empty());
        Ok(Self(words.map(ToOwned::to_owned).collect()))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.join(", "))
    }
}

/// The address of a websocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketUrl(String);

impl SocketUrl {
    /// The address, as given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SettingValue for SocketUrl {
    fn parse(written: &str) -> Result<Self, String> {
        let is_socket = reqwest::Url::parse(written).is_ok_and(|url| {
            matches!(url.scheme(), "ws" | "wss") && url.host().is_some() && url.username().is_empty()
        });
        if is_socket {
            Ok(Self(written.trim_end_matches('/').to_owned()))
        } else {
            Err(format!(
                "must be the address of a websocket such as wss://jetstream.example, not `{written}`"
            ))
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dollars_are_exact() {
        for (written, shown) in
            [("12.5", "12.50"), ("0.005", "0.005"), ("3", "3.00"), ("0.000001", "0.000001")]
        {
            assert_eq!(Dollars::parse(written).expect("dollars").to_string(), shown);
        }
        for wrong in ["", "-1", ".5", "1.2345678", "1e3", "$5", "99999999999999999999"] {
            assert!(Dollars::parse(wrong).is_err(), "{wrong}");
        }
        let price = Dollars::parse("0.005").expect("dollars");
        assert_eq!(
            (Dollars::parse("1").expect("dollars").buys(price), price.times(3).to_string()),
            (200, "0.015".into())
        );
    }
}
