//! How the memory of a run is shared out: some to the program itself, the rest in equal parts to the hours that are
//! done at once, which are as many as have enough of it. However large an hour is, it makes do with its part: what
//! waits to be written is bounded, and the ids that were seen lie on disk when they are too many.

use super::hour::WHOLE;

/// What the program takes beside its hours: itself, clients, listings.
const PROGRAM: u64 = 64 << 20;
/// What an hour takes in any case: rows that are gathered and being packed, files that are read ahead, and parts that are
/// under way to a bucket, which may be three of 8 MiB for each large file.
const AN_HOUR: u64 = 96 << 20;
/// The least that a run can be held to.
pub const LEAST: u64 = PROGRAM + AN_HOUR;
/// A group of Parquet is written when its pages take as much, whatever there is; larger ones pack no better.
const LARGEST_GROUP: u64 = 64 << 20;

/// Of an hour's part, what is bounded by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    /// Files that are read ahead.
    pub(super) ahead: usize,
    /// About how much of a Parquet group is gathered, in bytes.
    pub(super) group: usize,
    /// How much of the ids is held in memory, in bytes.
    pub(super) ids: usize,
}

/// How many hours are done at once, out of so many that could be, and the share of each.
pub(super) fn share_out(memory: u64, could: usize) -> (usize, Share) {
    let all = memory.saturating_sub(PROGRAM);
    let at_once = usize::try_from(all / AN_HOUR).unwrap_or(usize::MAX).clamp(1, could.max(1));
    let part = all / at_once as u64;
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let share = Share {
        ahead: bytes((part / 8 / WHOLE).clamp(1, 8)),
        group: bytes((part / 4).min(LARGEST_GROUP)),
        ids: bytes(part / 4),
    };
    (at_once, share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn hours_are_done_at_once_as_far_as_there_is_memory_for_each() {
        for (memory, could, at_once) in [
            (LEAST, 8, 1),
            (LEAST + AN_HOUR - 1, 8, 1),
            (LEAST + AN_HOUR, 8, 2),
            (16 << 30, 8, 8),
            (16 << 30, 0, 1),
            (0, 8, 1),
        ] {
            assert_eq!(share_out(memory, could).0, at_once, "{memory} for {could}");
        }
    }

    #[test]
    fn the_parts_of_a_share_leave_much_of_it() {
        let (_, share) = share_out(LEAST, 1);
        assert_eq!(share, Share { ahead: 1, group: bytes(24 * MIB), ids: bytes(24 * MIB) });
    }

    fn bytes(bytes: u64) -> usize {
        usize::try_from(bytes).expect("it fits")
    }
}
