//! Checksums: which there are, what a client claims, what arrived, and how the sums of parts become one.
//!
//! The sum of an object in parts is either composite (the sum of the parts' sums, with `-` and their number) or the
//! one of the whole object. For a CRC the latter follows from the parts' sums and sizes, without their bytes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::{S3Result, dto, s3_error};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

/// A sum that is kept with its object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksum {
    pub(super) algorithm: Algorithm,
    /// Base64, and `-` and the number of parts if it is composite.
    pub(super) value: Box<str>,
}

/// Puts a sum into the member of an answer that is its algorithm's.
macro_rules! show_sum {
    ($answer:expr, $algorithm:expr, $value:expr) => {{
        let value = Some(String::from($value));
        match $algorithm {
            $crate::sandbox::s3::checksum::Algorithm::Crc32 => $answer.checksum_crc32 = value,
            $crate::sandbox::s3::checksum::Algorithm::Crc32c => $answer.checksum_crc32c = value,
            $crate::sandbox::s3::checksum::Algorithm::Crc64Nvme => $answer.checksum_crc64nvme = value,
            $crate::sandbox::s3::checksum::Algorithm::Sha1 => $answer.checksum_sha1 = value,
            $crate::sandbox::s3::checksum::Algorithm::Sha256 => $answer.checksum_sha256 = value,
        }
    }};
}
pub(super) use show_sum;

/// The sum that the members of a request claim, if any does.
macro_rules! claimed_sum {
    ($input:expr) => {
        $crate::sandbox::s3::checksum::only([
            ($crate::sandbox::s3::checksum::Algorithm::Crc32, $input.checksum_crc32.as_deref()),
            ($crate::sandbox::s3::checksum::Algorithm::Crc32c, $input.checksum_crc32c.as_deref()),
            ($crate::sandbox::s3::checksum::Algorithm::Crc64Nvme, $input.checksum_crc64nvme.as_deref()),
            ($crate::sandbox::s3::checksum::Algorithm::Sha1, $input.checksum_sha1.as_deref()),
            ($crate::sandbox::s3::checksum::Algorithm::Sha256, $input.checksum_sha256.as_deref()),
        ])
    };
}
pub(super) use claimed_sum;

/// The one claim that is made. S3 takes no more than one.
pub(super) fn only(claims: [(Algorithm, Option<&str>); 5]) -> S3Result<Option<(Algorithm, String)>> {
    let mut made = claims.into_iter().filter_map(|(algorithm, sum)| Some((algorithm, sum?.to_owned())));
    let claim = made.next();
    if made.next().is_some() {
        return Err(s3_error!(
            InvalidRequest,
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        ));
    }
    Ok(claim)
}

impl Algorithm {
    pub(super) const ALL: [Self; 5] = [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// As requests and answers name it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    pub(super) fn named(name: &str) -> S3Result<Self> {
        Self::ALL.into_iter().find(|known| known.name().eq_ignore_ascii_case(name)).ok_or_else(|| {
            s3_error!(
                InvalidRequest,
                "Checksum algorithm provided is unsupported. Please try again with any of the valid types: \
                 [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]"
            )
        })
    }

    /// The header or trailer that carries a sum.
    pub(super) fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// Whether an upload in parts has a composite sum: asked for, or by the algorithm's own rule.
    pub(super) fn is_composite(self, asked: Option<&str>) -> S3Result<bool> {
        let (may_be_whole, may_be_composite) = match self {
            Self::Crc32 | Self::Crc32c => (true, true),
            Self::Crc64Nvme => (true, false),
            Self::Sha1 | Self::Sha256 => (false, true),
        };
        let composite = asked.map_or(may_be_composite, |asked| asked == dto::ChecksumType::COMPOSITE);
        if if composite { may_be_composite } else { may_be_whole } {
            return Ok(composite);
        }
        Err(s3_error!(
            InvalidRequest,
            "The {} checksum type cannot be used with the {} checksum algorithm.",
            asked.unwrap_or_default(),
            self.name().to_ascii_lowercase()
        ))
    }

    fn sum(self, bytes: &[u8]) -> String {
        match self {
            Self::Crc32 => BASE64_STANDARD.encode(Crc32::checksum(bytes)),
            Self::Crc32c => BASE64_STANDARD.encode(Crc32c::checksum(bytes)),
            Self::Crc64Nvme => BASE64_STANDARD.encode(Crc64Nvme::checksum(bytes)),
            Self::Sha1 => BASE64_STANDARD.encode(Sha1::checksum(bytes)),
            Self::Sha256 => BASE64_STANDARD.encode(Sha256::checksum(bytes)),
        }
    }

    /// Bits of a CRC and its polynomial, lowest power first.
    const fn polynomial(self) -> Option<(u32, u64)> {
        match self {
            Self::Crc32 => Some((32, 0xEDB8_8320)),
            Self::Crc32c => Some((32, 0x82F6_3B78)),
            Self::Crc64Nvme => Some((64, 0x9A6C_9329_AC4B_C9B5)),
            Self::Sha1 | Self::Sha256 => None,
        }
    }
}

impl Checksum {
    pub(super) fn is_composite(&self) -> bool {
        self.value.contains('-')
    }

    pub(super) fn kind(&self) -> dto::ChecksumType {
        dto::ChecksumType::from_static(if self.is_composite() {
            dto::ChecksumType::COMPOSITE
        } else {
            dto::ChecksumType::FULL_OBJECT
        })
    }
}

/// Computes the sums of some algorithms at once.
pub(super) fn hasher(algorithms: &[Algorithm]) -> ChecksumHasher {
    let mut hasher = ChecksumHasher::default();
    for algorithm in algorithms {
        match algorithm {
            Algorithm::Crc32 => hasher.crc32 = Some(Crc32::new()),
            Algorithm::Crc32c => hasher.crc32c = Some(Crc32c::new()),
            Algorithm::Crc64Nvme => hasher.crc64nvme = Some(Crc64Nvme::new()),
            Algorithm::Sha1 => hasher.sha1 = Some(Sha1::new()),
            Algorithm::Sha256 => hasher.sha256 = Some(Sha256::new()),
        }
    }
    hasher
}

/// One of the sums that were computed.
pub(super) fn of(sums: &dto::Checksum, algorithm: Algorithm) -> Option<&str> {
    match algorithm {
        Algorithm::Crc32 => sums.checksum_crc32.as_deref(),
        Algorithm::Crc32c => sums.checksum_crc32c.as_deref(),
        Algorithm::Crc64Nvme => sums.checksum_crc64nvme.as_deref(),
        Algorithm::Sha1 => sums.checksum_sha1.as_deref(),
        Algorithm::Sha256 => sums.checksum_sha256.as_deref(),
    }
}

/// The composite sum of parts.
pub(super) fn composite(algorithm: Algorithm, parts: &[&str]) -> Box<str> {
    let sums: Vec<u8> =
        parts.iter().flat_map(|sum| BASE64_STANDARD.decode(sum).unwrap_or_default()).collect();
    format!("{}-{}", algorithm.sum(&sums), parts.len()).into()
}

/// The sum of the whole object from the sums and sizes of its parts; `None` for an algorithm that is no CRC.
pub(super) fn whole(algorithm: Algorithm, parts: &[(&str, u64)]) -> Option<Box<str>> {
    let (bits, polynomial) = algorithm.polynomial()?;
    let mut sum = 0;
    for (part, size) in parts {
        let bytes = BASE64_STANDARD.decode(part).ok()?;
        let part = bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        sum = times(power_of_bytes(*size, bits, polynomial), sum, bits, polynomial) ^ part;
    }
    let bytes = sum.to_be_bytes();
    Some(BASE64_STANDARD.encode(if bits == 32 { &bytes[4..] } else { &bytes[..] }).into())
}

/// The product of two polynomials modulo a third. The highest bit is the lowest power.
fn times(mut left: u64, mut right: u64, bits: u32, polynomial: u64) -> u64 {
    let mut product = 0;
    for _ in 0..bits {
        if left >> (bits - 1) & 1 == 1 {
            product ^= right;
        }
        left <<= 1;
        right = if right & 1 == 1 { right >> 1 ^ polynomial } else { right >> 1 };
    }
    product
}

/// The polynomial that appends so many zero bytes.
fn power_of_bytes(mut count: u64, bits: u32, polynomial: u64) -> u64 {
    let one = 1 << (bits - 1);
    let mut square = one >> 8;
    let mut power = one;
    while count > 0 {
        if count & 1 == 1 {
            power = times(power, square, bits, polynomial);
        }
        square = times(square, square, bits, polynomial);
        count >>= 1;
    }
    power
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_a_whole_follows_from_its_parts() {
        let bytes: Vec<u8> = (0..70_000_u32).flat_map(u32::to_le_bytes).collect();
        let (first, rest) = bytes.split_at(100_001);
        let (second, third) = rest.split_at(1);
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let sums = [first, second, third, &[]].map(|part| (algorithm.sum(part), part.len() as u64));
            let parts: Vec<_> = sums.iter().map(|(sum, size)| (sum.as_str(), *size)).collect();
            assert_eq!(whole(algorithm, &parts).as_deref(), Some(algorithm.sum(&bytes).as_str()));
        }
        assert_eq!(whole(Algorithm::Sha256, &[]), None);
    }

    #[test]
    fn only_a_crc_can_be_of_the_whole_and_only_the_short_ones_can_be_both() {
        assert!(Algorithm::Crc32.is_composite(None).expect("its rule"));
        assert!(!Algorithm::Crc32.is_composite(Some("FULL_OBJECT")).expect("it may"));
        assert!(!Algorithm::Crc64Nvme.is_composite(None).expect("its rule"));
        assert!(Algorithm::Crc64Nvme.is_composite(Some("COMPOSITE")).is_err());
        assert!(Algorithm::Sha256.is_composite(Some("FULL_OBJECT")).is_err());
    }
}
