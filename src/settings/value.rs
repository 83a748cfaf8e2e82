//! The types that settings have. Each knows how it is written and what is wrong with what is not.

use std::fmt;
use std::net::IpAddr;

use secrecy::{ExposeSecret, SecretString};

/// A text that cannot be printed: its `Debug` is masked and it has no `Display`.
pub type Secret = SecretString;

/// A value that can be written in `hydrant.toml`, a variable or a flag.
pub trait SettingValue: Sized {
    /// Whether it is shown masked, and goes nowhere but to a process of our own.
    const SECRET: bool = false;
    /// From how it is written; the error completes the sentence "`key` …".
    fn parse(written: &str) -> Result<Self, String>;
    /// As it may be shown; `None` when it is absent.
    fn show(&self) -> Option<String>;
    /// As it is written, secrets too: for handing it on to a process of our own, and for nothing else.
    fn write(&self) -> Option<String> {
        self.show()
    }
    /// What an unset key without default gives; `None` if it must have one.
    fn absent() -> Option<Self> {
        None
    }
}

impl<T: SettingValue> SettingValue for Option<T> {
    const SECRET: bool = T::SECRET;

    /// An empty text unsets the key, so that a stronger layer can undo a weaker one.
    fn parse(written: &str) -> Result<Self, String> {
        if written.is_empty() { Ok(None) } else { T::parse(written).map(Some) }
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }

    fn write(&self) -> Option<String> {
        self.as_ref().and_then(T::write)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl SettingValue for String {
    fn parse(written: &str) -> Result<Self, String> {
        Ok(written.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.clone())
    }
}

impl SettingValue for bool {
    fn parse(written: &str) -> Result<Self, String> {
        written.parse().map_err(|_| format!("must be `true` or `false`, not `{written}`"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl SettingValue for Secret {
    const SECRET: bool = true;

    fn parse(written: &str) -> Result<Self, String> {
        Ok(written.to_owned().into())
    }

    fn show(&self) -> Option<String> {
        Some(if self.expose_secret().is_empty() { "(empty)" } else { "••••" }.to_owned())
    }

    fn write(&self) -> Option<String> {
        Some(self.expose_secret().to_owned())
    }
}

/// A whole number between two bounds, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<const MIN: u32, const MAX: u32>(u32);

impl<const MIN: u32, const MAX: u32> Whole<MIN, MAX> {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }

    /// The number as the AWS clients take it. The bounds of every setting fit.
    pub fn as_i32(self) -> i32 {
        i32::try_from(self.0).unwrap_or(i32::MAX)
    }
}

impl<const MIN: u32, const MAX: u32> SettingValue for Whole<MIN, MAX> {
    fn parse(written: &str) -> Result<Self, String> {
        match written.parse::<u32>() {
            Ok(number) if (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ => Err(format!("must be a whole number from {MIN} to {MAX}, not `{written}`")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// How Firehose compresses the files it writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Plain text.
    None,
    /// Gzip.
    Gzip,
}

impl SettingValue for Compression {
    fn parse(written: &str) -> Result<Self, String> {
        match written {
            "none" => Ok(Self::None),
            "gzip" => Ok(Self::Gzip),
            other => Err(format!("must be `none` or `gzip`, not `{other}`")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::None => "none".to_owned(),
            Self::Gzip => "gzip".to_owned(),
        })
    }
}

/// How an unwanted word is looked for in a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum WordMatch {
    /// Standing alone.
    #[default]
    Word,
    /// Anywhere.
    Substring,
}

impl SettingValue for WordMatch {
    fn parse(written: &str) -> Result<Self, String> {
        match written {
            "word" => Ok(Self::Word),
            "substring" => Ok(Self::Substring),
            other => Err(format!("must be `word` or `substring`, not `{other}`")),
        }
    }

    fn show(&self) -> Option<String> {
        Some(match self {
            Self::Word => "word".to_owned(),
            Self::Substring => "substring".to_owned(),
        })
    }
}

/// Days that CloudWatch keeps log events: only some numbers are possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionDays(i32);

impl RetentionDays {
    const ALLOWED: [i32; 23] = [
        1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288,
        3653, 0,
    ];

    /// The number; 0 is for ever.
    pub fn get(self) -> i32 {
        self.0
    }
}

impl SettingValue for RetentionDays {
    fn parse(written: &str) -> Result<Self, String> {
        let days = written.parse().ok().filter(|days| Self::ALLOWED.contains(days));
        days.map(Self).ok_or_else(|| {
            format!("must be a number of days that CloudWatch allows (1, 3, 5, 7, 14, 30, 60, 90, … 3653; 0 for ever), not `{written}`")
        })
    }

    fn show(&self) -> Option<String> {
        Some(self.0.to_string())
    }
}

/// A text with a rule: a newtype over `String` that only its rule can make.
macro_rules! ruled_text {
    ($(#[$doc:meta])+ $name:ident, $holds:expr, $must:literal) => {
        $(#[$doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl SettingValue for $name {
            fn parse(written: &str) -> Result<Self, String> {
                let holds: fn(&str) -> bool = $holds;
                match written {
                    "" => Err("must not be empty".to_owned()),
                    _ if holds(written) => Ok(Self(written.to_owned())),
                    _ => Err(format!(concat!("must ", $must, ", not `{}`"), written)),
                }
            }

            fn show(&self) -> Option<String> {
                Some(self.0.clone())
            }
        }
    };
}

ruled_text!(
    /// A name of a resource: what every service that hydrant names things in accepts.
    Name,
    |text| text.len() <= 128 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c)),
    "be at most 128 letters, digits and `_-./`"
);
ruled_text!(
    /// A stack's name: it becomes a part of every other name, of a path in IAM and of a folder here.
    StackName,
    |text| text.len() <= 32 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)),
    "be at most 32 letters, digits, `_` and `-`"
);
ruled_text!(
    /// A bucket's name, by S3's rules.
    BucketName,
    |text| {
        let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        (3..=63).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
            && edge(text.chars().next())
            && edge(text.chars().last())
    },
    "be 3 to 63 of a–z, 0–9, `-` and `.`, beginning and ending with a letter or digit"
);
ruled_text!(
    /// A key prefix in the bucket; it ends with a slash and does not begin with one.
    Prefix,
    |text| !text.starts_with('/') && text.ends_with('/'),
    "not begin with `/` and must end with it"
);
ruled_text!(
    /// An AWS region's name.
    Region,
    |text| text.len() <= 32 && text.contains('-') && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
    "be a region's name such as us-east-1"
);
ruled_text!(
    /// An address of a web service.
    Url,
    |text| reqwest::Url::parse(text).is_ok_and(|url| {
        let is_web = matches!(url.scheme(), "http" | "https") && url.host().is_some();
        is_web && url.username().is_empty() && url.password().is_none()
    }),
    "be an address such as https://example.com, without a name or password in it"
);

impl Url {
    /// The host and, where one is written, the port: `127.0.0.1:5000`.
    pub fn authority(&self) -> String {
        reqwest::Url::parse(&self.0).map(|url| url.authority().to_owned()).unwrap_or_default()
    }
}

/// A block of addresses, such as `203.0.113.7/32`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    bits: u8,
}

impl Cidr {
    /// The block that holds this one address.
    pub fn only(address: IpAddr) -> Self {
        Self { address, bits: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The same block written by its first address, as AWS gives it back.
    fn masked(self) -> Self {
        let address = match self.address {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::from((address.to_bits() & mask).to_be_bytes())
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                IpAddr::from((address.to_bits() & mask).to_be_bytes())
            }
        };
        Self { address, ..self }
    }

    /// Whether it is a block of IPv4 addresses.
    pub fn is_ipv4(&self) -> bool {
        self.address.is_ipv4()
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl SettingValue for Cidr {
    fn parse(written: &str) -> Result<Self, String> {
        let block = || {
            let (address, bits) = written.split_once('/')?;
            let (address, bits): (IpAddr, u8) = (address.parse().ok()?, bits.parse().ok()?);
            (bits <= Self::only(address).bits).then(|| Self { address, bits }.masked())
        };
        block().ok_or_else(|| format!("must be an address block such as 203.0.113.7/32, not `{written}`"))
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_written_by_its_first_address() {
        for (written, block) in [
            ("203.0.113.7/32", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("203.0.113.7/0", "0.0.0.0/0"),
            ("2001:db8::7/64", "2001:db8::/64"),
            ("2001:db8::7/0", "::/0"),
        ] {
            assert_eq!(Cidr::parse(written).map(|block| block.to_string()), Ok(block.to_owned()));
        }
    }
}
