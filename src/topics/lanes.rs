//! Sums of many `f32`, always in the same order: eight side by side, then those by halves. So they are the same bits
//! whatever vectors the machine has.

/// Numbers that are added up side by side.
pub(super) const LANES: usize = 8;

/// Eight numbers together.
#[allow(clippy::many_single_char_names, reason = "a name for each lane says no more than its letter")]
#[inline]
pub(super) fn together(lanes: [f32; LANES]) -> f32 {
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}

/// The sum of products.
pub(super) fn dot(one: &[f32], other: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    let (whole, rest) = one.as_chunks::<LANES>();
    let (other_whole, other_rest) = other.as_chunks::<LANES>();
    for (one, other) in whole.iter().zip(other_whole) {
        for lane in 0..LANES {
            sums[lane] += one[lane] * other[lane];
        }
    }
    for ((sum, one), other) in sums.iter_mut().zip(rest).zip(other_rest) {
        *sum += one * other;
    }
    together(sums)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(clippy::float_cmp, reason = "small whole numbers are exact")]
    fn nothing_is_left_out() {
        let numbers: Vec<f32> = (1..=19_u8).map(f32::from).collect();
        assert_eq!(dot(&numbers, &[1.0; 19]), 190.0);
    }
}
