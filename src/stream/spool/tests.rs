use proptest::prelude::*;

use super::*;

const LIMIT: u64 = 1 << 20;

fn at(number: u64) -> Timestamp {
    Timestamp::from_microsecond(1_795_000_000_000_000 + i64::try_from(number).expect("small"))
        .expect("a time")
}

fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(PostKey(number), at(number), |out| out.extend_from_slice(line(number).as_bytes()));
    }
    batch
}

fn line(number: u64) -> String {
    format!("{number}\t{}\n", "x".repeat(usize::try_from(number % 97).expect("small")))
}

fn open(folder: &Path) -> (Spool, Found) {
    Spool::open(folder, LIMIT).expect("a spool")
}

/// Every post from the reader's place up to a number.
fn read(reader: &mut Reader, upto: u64) -> Vec<u64> {
    let mut numbers = Vec::new();
    let lost = reader.read(upto, |number, entry| {
        assert_eq!((entry.key, entry.received), (PostKey(number), at(number)));
        assert_eq!(entry.line, line(number).as_bytes());
        numbers.push(number);
        true
    });
    assert_eq!(lost.expect("read"), 0);
    numbers
}

#[test]
fn what_was_appended_is_given_until_it_is_delivered_also_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, found) = open(folder.path());
    assert_eq!((found.pending, found.mark), (0, None));
    spool.append(&mut batch(0..10), Some("cursor 1")).expect("kept");
    let mut reader = spool.reader();
    assert_eq!(read(&mut reader, 4), [0, 1, 2, 3]);
    spool.append(&mut batch(10..12), None).expect("kept");
    assert_eq!(read(&mut reader, 12), (4..12).collect::<Vec<_>>());
    spool.delivered(7).expect("noted");
    drop(spool);
    let (spool, found) = open(folder.path());
    assert_eq!((found.pending, found.torn_bytes, found.mark.as_deref()), (5, 0, Some("cursor 1")));
    assert_eq!(found.keys, (7..12).map(PostKey).collect::<Vec<_>>());
    assert_eq!(read(&mut spool.reader(), 12), (7..12).collect::<Vec<_>>());
    assert_eq!(pending_in(folder.path()).expect("read"), 5);
}

#[test]
fn how_far_files_go_is_kept_with_the_position_and_a_position_of_before_has_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..10), None).expect("kept");
    spool.delivered_into(7, vec![FileEnd { name: "csv-1".into(), length: 123 }]).expect("noted");
    drop(spool);
    let (spool, found) = open(folder.path());
    assert_eq!((found.pending, pending_in(folder.path()).expect("read")), (3, 3));
    assert_eq!((spool.length_of("csv-1"), spool.length_of("csv-2")), (Some(123), None));
    drop(spool);
    std::fs::write(folder.path().join(POSITION), "8\n").expect("written");
    let (spool, found) = open(folder.path());
    assert_eq!((found.pending, spool.length_of("csv-1")), (2, None));
}

#[test]
fn two_processes_never_share_a_spool() {
    let folder = tempfile::tempdir().expect("a folder");
    let _one = open(folder.path());
    assert!(matches!(Spool::open(folder.path(), LIMIT), Err(SpoolError::InUse(_))));
}

#[test]
fn a_torn_tail_is_cut_and_counted_wherever_it_was_torn() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..3), Some("m")).expect("kept");
    let before = std::fs::read(path_of(folder.path(), 0)).expect("there").len();
    spool.append(&mut batch(3..5), None).expect("kept");
    drop(spool);
    let whole = std::fs::read(path_of(folder.path(), 0)).expect("there");
    for torn in before..whole.len() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(path_of(folder.path(), 0), &whole[..torn]).expect("written");
        let (mut spool, found) = open(folder.path());
        assert!([3, 4].contains(&found.pending), "{torn}: {}", found.pending);
        let kept = std::fs::read(path_of(folder.path(), 0)).expect("there").len();
        assert_eq!(found.torn_bytes, (torn - kept) as u64);
        spool.append(&mut batch(found.pending..9), None).expect("kept");
        assert_eq!(read(&mut spool.reader(), 9), (0..9).collect::<Vec<_>>());
    }
}

#[test]
fn segments_go_when_the_position_is_behind_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    let mut next = 0;
    while spool.segments.len() < 4 {
        spool.append(&mut batch(next..next + 200), None).expect("kept");
        next += 200;
    }
    let third = spool.segments[2].0;
    spool.delivered(third).expect("noted");
    assert_eq!(spool.segments.len(), 2);
    assert_eq!(segments_in(folder.path()).expect("listed").len(), 2);
    assert_eq!(read(&mut spool.reader(), next), (third..next).collect::<Vec<_>>());
    spool.delivered(next).expect("noted");
    assert_eq!((spool.segments.len(), spool.pending()), (1, 0));
}

#[test]
fn a_full_spool_takes_nothing_and_goes_on_when_there_is_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    let mut next = 0;
    while spool.append(&mut batch(next..next + 500), None).is_ok() {
        next += 500;
    }
    assert!(matches!(spool.append(&mut batch(next..next + 500), None), Err(SpoolError::Full)));
    assert!(spool.bytes() <= LIMIT);
    spool.delivered(next).expect("noted");
    spool.append(&mut batch(next..next + 500), None).expect("there is room");
    assert_eq!(read(&mut spool.reader(), next + 500), (next..next + 500).collect::<Vec<_>>());
}

/// A file to which nothing can be written, until the reserve is given up through which a link leads to it.
fn full(folder: &Path, path: &Path, reserve: &str) {
    let reserve = folder.join(reserve);
    std::fs::remove_file(&reserve).expect("it is kept");
    std::os::unix::fs::symlink("/dev/full", &reserve).expect("linked");
    std::os::unix::fs::symlink(&reserve, path).expect("linked");
}

#[test]
fn on_a_full_disk_the_position_has_the_room_of_its_reserve() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..10), None).expect("kept");
    full(folder.path(), &folder.path().join("position.new"), FOR_POSITION);
    spool.delivered(7).expect("noted");
    drop(spool);
    assert_eq!(open(folder.path()).1.pending, 3);
    let (mut spool, _) = open(folder.path());
    std::os::unix::fs::symlink("/dev/full", folder.path().join("position.new")).expect("linked");
    assert!(matches!(spool.delivered(8), Err(SpoolError::Disk { .. })), "no reserve helps here");
    assert_eq!(spool.pending(), 3, "what is not durable has not moved");
}

#[test]
fn on_a_full_disk_a_segment_has_the_room_of_its_reserve_and_what_is_delivered_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..10), None).expect("kept");
    drop(spool);
    let (mut spool, _) = open(folder.path());
    spool.delivered(10).expect("noted");
    full(folder.path(), &path_of(folder.path(), 10), FOR_SEGMENT);
    spool.append(&mut batch(10..12), None).expect("kept");
    assert_eq!(segments_in(folder.path()).expect("listed"), [10], "the one before it is gone");
    assert!(folder.path().join(FOR_SEGMENT).is_file(), "the next reserve is made when something was removed");
    assert_eq!(read(&mut spool.reader(), 12), [10, 11]);
    drop(spool);
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(12..13), None).expect("kept");
    std::os::unix::fs::symlink("/dev/full", path_of(folder.path(), 13)).expect("linked");
    (spool.open, spool.next) = (None, 13);
    std::fs::remove_file(folder.path().join(FOR_SEGMENT)).expect("it is kept");
    assert!(matches!(spool.append(&mut batch(13..14), None), Err(SpoolError::Full)), "no reserve, no room");
    spool.append(&mut batch(13..14), None).expect("there is room again");
}

#[test]
fn what_is_no_segment_is_left_alone_and_a_number_that_cannot_be_is_damage() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..3), None).expect("kept");
    drop(spool);
    for name in ["7.spool", "+0000000000000000001.spool", "99999999999999999999.spool", "notes.spool"] {
        std::fs::write(folder.path().join(name), "not ours").expect("written");
    }
    std::fs::write(folder.path().join(POSITION), u64::MAX.to_string()).expect("written");
    assert_eq!(pending_in(folder.path()).expect("read"), 3);
    let (mut spool, found) = open(folder.path());
    assert_eq!((found.pending, found.lost, spool.next()), (3, 0, 3));
    spool.append(&mut batch(3..4), None).expect("kept");
    assert_eq!(read(&mut spool.reader(), 4), [0, 1, 2, 3]);
}

#[test]
fn a_damaged_middle_loses_what_it_held_and_nothing_else_and_says_how_much() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(0..10), None).expect("kept");
    drop(spool);
    let (mut spool, _) = open(folder.path());
    spool.append(&mut batch(10..20), None).expect("kept");
    let path = path_of(folder.path(), 0);
    let mut bytes = std::fs::read(&path).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x40;
    std::fs::write(&path, bytes).expect("written");
    let mut seen = Vec::new();
    let lost = spool.reader().read(20, |number, _| {
        seen.push(number);
        true
    });
    let lost = lost.expect("read");
    assert!(lost > 0 && seen.len() as u64 + lost == 20, "{lost} {seen:?}");
    assert!(seen.ends_with(&(10..20).collect::<Vec<_>>()));
    drop(spool);
    assert_eq!(open(folder.path()).1.lost, lost);
}

#[test]
fn after_a_read_that_failed_what_was_handed_out_is_handed_out_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for first in [0, 10] {
        open(folder.path()).0.append(&mut batch(first..first + 10), None).expect("kept");
    }
    let (spool, _) = open(folder.path());
    let (there, away) = (path_of(folder.path(), 10), folder.path().join("away"));
    // Nothing can be read from a folder.
    std::fs::rename(&there, &away).and_then(|()| std::fs::create_dir(&there)).expect("moved");
    let mut reader = spool.reader();
    let mut handed = 0;
    reader
        .read(20, |_, _| {
            handed += 1;
            true
        })
        .expect_err("it is no file");
    assert_eq!(handed, 10);
    std::fs::remove_dir(&there).and_then(|()| std::fs::rename(&away, &there)).expect("moved");
    assert_eq!(read(&mut reader, 20), (0..20).collect::<Vec<_>>());
}

#[derive(Debug, Clone)]
enum Act {
    Append(u64),
    Deliver(u64),
    Read(u64),
    /// The process dies; of the last segment's end, so much garbage follows.
    Crash(Vec<u8>),
    /// A write that failed in the middle: the segment is given up.
    GiveUp,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1..60u64).prop_map(Act::Append),
        2 => (0..80u64).prop_map(Act::Deliver),
        3 => (0..80u64).prop_map(Act::Read),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Act::Crash),
        1 => Just(Act::GiveUp),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Whatever happens, the spool is a list: what was appended, in order, from the first that was not delivered.
    #[test]
    fn it_is_a_list_that_outlives_crashes(acts in prop::collection::vec(act(), 1..40)) {
        let folder = tempfile::tempdir().expect("a folder");
        let (mut spool, _) = open(folder.path());
        let mut reader = spool.reader();
        let (mut next, mut delivered, mut given) = (0, 0, 0);
        for act in acts {
            match act {
                Act::Append(count) => {
                    let mark = format!("up to {}", next + count);
                    if spool.append(&mut batch(next..next + count), Some(&mark)).is_ok() {
                        next += count;
                    }
                }
                Act::Deliver(count) => {
                    delivered = (delivered + count).min(given).max(delivered);
                    spool.delivered(delivered).expect("noted");
                }
                Act::Read(count) => {
                    let upto = (given + count).min(next);
                    prop_assert_eq!(read(&mut reader, upto), (given..upto).collect::<Vec<_>>());
                    given = upto;
                }
                Act::Crash(garbage) => {
                    let last = spool.segments.last().map(|(first, _)| *first);
                    drop(spool);
                    if let Some(last) = last {
                        let mut file = OpenOptions::new().append(true).open(path_of(folder.path(), last)).expect("there");
                        file.write_all(&garbage).expect("written");
                    }
                    let (again, found) = open(folder.path());
                    prop_assert_eq!(found.pending, next - delivered);
                    prop_assert_eq!(found.lost, 0);
                    prop_assert_eq!(found.torn_bytes, if last.is_some() { garbage.len() as u64 } else { 0 });
                    if next > 0 {
                        prop_assert_eq!(found.mark, Some(format!("up to {next}")));
                    }
                    spool = again;
                    reader = spool.reader();
                    given = delivered;
                }
                Act::GiveUp => {
                    if let (Some(file), Some((_, bytes))) = (spool.open.take(), spool.segments.last()) {
                        // A batch that reached the disk although its sync failed, and could not be cut off: others
                        // come in its place.
                        let entries = batch(next + 1000..next + 1003).entries;
                        file.write_all_at(&entries, *bytes).expect("written");
                        spool.append(&mut batch(next..next + 4), Some(&format!("up to {}", next + 4))).expect("kept");
                        next += 4;
                    }
                }
            }
            prop_assert_eq!(spool.pending(), next - delivered);
        }
        prop_assert_eq!(read(&mut reader, next), (given..next).collect::<Vec<_>>());
    }

    #[test]
    fn no_bytes_make_the_reader_stumble(bytes in prop::collection::vec(any::<u8>(), 0..600), with_magic in any::<bool>()) {
        let folder = tempfile::tempdir().expect("a folder");
        let bytes = if with_magic { [MAGIC.as_slice(), &bytes].concat() } else { bytes };
        std::fs::write(path_of(folder.path(), 0), bytes).expect("written");
        let (mut spool, found) = open(folder.path());
        let next = spool.next();
        spool.append(&mut batch(next..next + 1), None).expect("kept");
        let mut count = 0;
        let lost = spool.reader().read(next + 1, |_, _| { count += 1; true }).expect("read");
        prop_assert_eq!(count + lost, found.pending + 1);
    }
}
