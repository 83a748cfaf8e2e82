//! Texts that differ by a word or two, found without comparing each with each: `MinHash` signatures (Broder 1997) in
//! bands, so that likely pairs meet in a bucket; then the words themselves decide.

#![allow(clippy::cast_possible_truncation, reason = "a hash may be cut")]

use std::collections::HashMap;

use rayon::prelude::*;

use super::random::Draws;

/// Bands of a signature, and numbers in a band. Texts that share 80 % of their words meet in some band 98 times of 100,
/// those that share 30 % six times.
const BANDS: usize = 8;
const DEPTH: usize = 4;
/// Texts of one bucket that a text is compared with at most: a bucket with more is a phrase that everybody writes.
const COMPARED: usize = 32;

/// For each text, the first one that it is all but equal to: itself if there is none before it.
///
/// A text is the sorted numbers of its different words. `alike` is how much of all their words two texts must share
/// (Jaccard), from 0 to 1. A text is compared with those that stand for others, so what is folded is always as near to
/// the text that stands for it.
pub fn fold<W: AsRef<[u32]> + Sync>(texts: &[W], alike: f64) -> Vec<u32> {
    let signatures: Vec<[u64; BANDS]> = texts.par_iter().map(|text| signature(text.as_ref())).collect();
    let mut buckets: HashMap<(usize, u64), Vec<u32>> = HashMap::new();
    let mut first = Vec::with_capacity(texts.len());
    for (index, (text, signature)) in (0..).zip(texts.iter().zip(&signatures)) {
        let text = text.as_ref();
        let met = signature.iter().enumerate().filter_map(|(band, hash)| buckets.get(&(band, *hash)));
        let candidates = met.flat_map(|bucket| bucket.iter().take(COMPARED)).copied();
        let near = |other: &u32| {
            texts.get(*other as usize).is_some_and(|other| jaccard(text, other.as_ref()) >= alike)
        };
        match candidates.filter(near).min() {
            Some(found) if !text.is_empty() => first.push(found),
            _ => {
                first.push(index);
                for (band, hash) in signature.iter().enumerate() {
                    buckets.entry((band, *hash)).or_default().push(index);
                }
            }
        }
    }
    first
}

fn signature(words: &[u32]) -> [u64; BANDS] {
    std::array::from_fn(|band| {
        (0..DEPTH).fold(0_u64, |hash, row| {
            let draws = Draws::new(0x6e65_6172, (band * DEPTH + row) as u64);
            let least = words.iter().map(|word| draws.bits(u64::from(*word))).min().unwrap_or_default();
            hash.rotate_left(16) ^ least
        })
    })
}

/// How much of all their words two texts share. Both are sorted, without repetitions.
fn jaccard(one: &[u32], other: &[u32]) -> f64 {
    let (mut a, mut b, mut shared) = (0, 0, 0_u32);
    while let (Some(left), Some(right)) = (one.get(a), other.get(b)) {
        shared += u32::from(left == right);
        a += usize::from(left <= right);
        b += usize::from(right <= left);
    }
    let all = (one.len() + other.len()) as u32 - shared;
    if all == 0 { 0.0 } else { f64::from(shared) / f64::from(all) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_differ_by_a_word_are_folded_and_others_are_not() {
        let text: Vec<u32> = (0..12).collect();
        let mut by_one = text.clone();
        by_one[3] = 100;
        by_one.sort_unstable();
        let half: Vec<u32> = (6..18).collect();
        let folded = fold(&[text.clone(), half, by_one, text, vec![], vec![]], 0.8);
        assert_eq!(folded, [0, 1, 0, 0, 4, 5]);
    }

    #[test]
    fn most_pairs_that_share_four_fifths_are_found() {
        let draws = Draws::new(1, 1);
        let mut texts = Vec::new();
        for pair in 0..500_u64 {
            let mut text: Vec<u32> = (0..20).map(|place| draws.below(pair * 100 + place, 1 << 30)).collect();
            text.sort_unstable();
            let mut other = text.clone();
            other[7] += 1;
            other.sort_unstable();
            texts.extend([text, other]);
        }
        let folded = fold(&texts, 0.8);
        let found = folded.iter().zip(0..).filter(|(first, index)| **first != *index).count();
        assert!(found > 480, "{found} of 500");
    }
}
