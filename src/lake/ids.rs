//! The ids that an hour has had already.
//!
//! Exact, not by chance: an id of digits is kept as its number, which takes eight bytes, any other as it is.

use std::collections::HashSet;

/// Ids that were seen.
#[derive(Debug, Default)]
pub(super) struct Ids {
    numbers: HashSet<u64>,
    others: HashSet<Box<[u8]>>,
}

impl Ids {
    /// Whether the id is new; from now on it is not. A record without an id is always new.
    pub(super) fn is_new(&mut self, id: &[u8]) -> bool {
        match number(id) {
            Some(number) => self.numbers.insert(number),
            None if id.is_empty() || id == b"None" => true,
            None => self.others.insert(id.into()),
        }
    }
}

/// The number that is written so and not otherwise: without zeros before it.
fn number(id: &[u8]) -> Option<u64> {
    let (first, _) = id.split_first()?;
    if id.len() > 19 || (*first == b'0' && id.len() > 1) {
        return None;
    }
    id.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        let mut ids = Ids::default();
        for (id, new) in [
            ("1477000000000004001", true),
            ("1477000000000004001", false),
            ("01477000000000004001", true),
            ("0", true),
            ("00", true),
            ("3kabc", true),
            ("3kabc", false),
            ("18446744073709551616", true),
            ("18446744073709551616", false),
            ("", true),
            ("", true),
            ("None", true),
            ("None", true),
        ] {
            assert_eq!(ids.is_new(id.as_bytes()), new, "{id}");
        }
    }
}
