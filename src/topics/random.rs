//! Chance by counting: the draw for a thing is a function of the seed, of the pass and of the thing's number, never of
//! who draws first. So a model is the same, byte for byte, whatever number of threads made it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "numbers are cut to the bits that a draw takes"
)]
#![allow(clippy::inline_always, reason = "a draw is made for every token of every pass")]

/// An odd constant that walks through all 64-bit numbers (Steele, Lea and Flood 2014, *Fast splittable pseudorandom
/// number generators*: the golden ratio).
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every bit of the answer depends on every bit of the number: the finaliser of `SplitMix64`.
#[inline(always)]
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// The draws of one pass.
#[derive(Debug, Clone, Copy)]
pub struct Draws {
    key: u64,
}

impl Draws {
    /// Those of pass number `pass` under a seed.
    pub const fn new(seed: u64, pass: u64) -> Self {
        Self { key: mix(mix(seed.wrapping_add(STRIDE)) ^ pass.wrapping_mul(STRIDE)) }
    }

    /// Thing number `index`'s draw: 64 even bits.
    #[inline(always)]
    pub const fn bits(self, index: u64) -> u64 {
        mix(self.key.wrapping_add(index.wrapping_mul(STRIDE)))
    }

    /// Thing number `index`'s draw from [0, 1), in steps of 2⁻²⁴: all that an `f32` can tell apart there.
    #[inline(always)]
    pub fn unit(self, index: u64) -> f32 {
        (self.bits(index) >> 40) as u32 as f32 * (1.0 / 16_777_216.0)
    }

    /// A second draw of the same kind for the same thing, from the bits that the first one left.
    #[inline(always)]
    pub fn second(self, index: u64) -> f32 {
        (self.bits(index) & 0xff_ffff) as u32 as f32 * (1.0 / 16_777_216.0)
    }

    /// Thing number `index`'s draw from the whole numbers below `end` (even to within `end` / 2³²).
    #[inline(always)]
    pub const fn below(self, index: u64, end: u32) -> u32 {
        (((self.bits(index) >> 32) * end as u64) >> 32) as u32
    }
}
