//! The ids that an hour has had already, however many they are.
//!
//! Ids are kept in memory up to a bound; what is over it lies on disk, in sorted runs without a name, which are gone
//! when the process is, whatever ends it. An hour's ids come nearly in order of time, and so do their numbers: a run
//! is hardly ever asked for an id that is not between its first and its last. Ids in any other order are as right,
//! and slower.
//!
//! An id of digits is its number, and exact. Any other stands as 128 bits of its SHA-256: nobody has found two texts
//! that share them.

use std::collections::HashSet;
use std::fs::File;
use std::hash::Hash;
use std::io::{BufReader, BufWriter, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};

/// About what an id takes in memory, with the room that a table needs to grow and the copy that is sorted.
const BYTES_OF_AN_ID: usize = 40;
/// Runs on disk, at most; with another, all become one.
const RUNS: usize = 8;
/// What is read of a run to look for one id.
const BLOCK: usize = 4096;

/// Ids that were seen.
#[derive(Debug)]
pub(super) struct Ids {
    numbers: Seen<u64>,
    others: Seen<u128>,
}

impl Ids {
    /// None yet; they take about as many bytes in memory as are given.
    pub(super) fn within(bytes: usize) -> Self {
        let most = (bytes / 2 / BYTES_OF_AN_ID).max(64);
        // An hour has ids of one kind or the other, and those of the other are twice as long.
        Self { numbers: Seen::new(most), others: Seen::new(most / 2) }
    }

    /// Whether the id is new; from now on it is not. A record without an id is always new.
    pub(super) fn is_new(&mut self, id: &[u8]) -> std::io::Result<bool> {
        match number(id) {
            Some(number) => self.numbers.insert(number),
            None if id.is_empty() || id == b"None" => Ok(true),
            None => self.others.insert(hashed(id)),
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

fn hashed(id: &[u8]) -> u128 {
    let digest = digest(&SHA256, id);
    digest.as_ref().first_chunk().map_or(0, |first| u128::from_le_bytes(*first))
}

/// What stands for an id, on disk too.
trait Key: Copy + Ord + Hash {
    /// Its bytes there.
    type Bytes: AsRef<[u8]> + AsMut<[u8]> + Default;
    fn to_bytes(self) -> Self::Bytes;
    fn of(bytes: Self::Bytes) -> Self;
}

impl Key for u64 {
    type Bytes = [u8; 8];
    fn to_bytes(self) -> Self::Bytes {
        self.to_le_bytes()
    }
    fn of(bytes: Self::Bytes) -> Self {
        Self::from_le_bytes(bytes)
    }
}

impl Key for u128 {
    type Bytes = [u8; 16];
    fn to_bytes(self) -> Self::Bytes {
        self.to_le_bytes()
    }
    fn of(bytes: Self::Bytes) -> Self {
        Self::from_le_bytes(bytes)
    }
}

#[derive(Debug)]
struct Seen<K> {
    /// The last ones, in memory.
    fresh: HashSet<K>,
    /// How many those may be.
    most: usize,
    /// All before, on disk; no key is in two of them.
    runs: Vec<Run<K>>,
}

impl<K: Key> Seen<K> {
    fn new(most: usize) -> Self {
        Self { fresh: HashSet::new(), most, runs: Vec::new() }
    }

    fn insert(&mut self, key: K) -> std::io::Result<bool> {
        if self.fresh.contains(&key) {
            return Ok(false);
        }
        for run in &mut self.runs {
            if run.contains(key)? {
                return Ok(false);
            }
        }
        if self.fresh.len() >= self.most {
            self.spill()?;
        }
        Ok(self.fresh.insert(key))
    }

    fn spill(&mut self) -> std::io::Result<()> {
        let mut sorted: Vec<K> = self.fresh.drain().collect();
        sorted.sort_unstable();
        self.runs.push(Run::write(sorted.into_iter().map(Ok))?);
        if self.runs.len() > RUNS {
            let sources = self.runs.iter().map(Run::keys).collect::<std::io::Result<_>>()?;
            self.runs = vec![Run::write(Merged::new(sources)?)?];
        }
        Ok(())
    }
}

/// Keys on disk, in order.
#[derive(Debug)]
struct Run<K> {
    file: File,
    /// The first key of each block.
    firsts: Vec<K>,
    last: Option<K>,
    /// The block that was looked into last, and which one it is.
    block: (Option<usize>, Vec<K>),
}

impl<K: Key> Run<K> {
    const IN_A_BLOCK: usize = BLOCK / size_of::<K::Bytes>();

    fn write(keys: impl Iterator<Item = std::io::Result<K>>) -> std::io::Result<Self> {
        let mut file = BufWriter::new(tempfile::tempfile_in(folder())?);
        let (mut firsts, mut last) = (Vec::new(), None);
        for (number, key) in keys.enumerate() {
            let key = key?;
            if number.is_multiple_of(Self::IN_A_BLOCK) {
                firsts.push(key);
            }
            last = Some(key);
            file.write_all(key.to_bytes().as_ref())?;
        }
        let file = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        Ok(Self { file, firsts, last, block: (None, Vec::new()) })
    }

    fn contains(&mut self, key: K) -> std::io::Result<bool> {
        if self.last.is_none_or(|last| key > last) {
            return Ok(false);
        }
        let Some(number) = self.firsts.partition_point(|first| *first <= key).checked_sub(1) else {
            return Ok(false);
        };
        let (there, block) = &mut self.block;
        if *there != Some(number) {
            *there = None;
            block.clear();
            let mut bytes = [0; BLOCK];
            let (mut filled, start) = (0, (number * BLOCK) as u64);
            while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match self.file.read_at(rest, start + filled as u64)? {
                    0 => break,
                    read => filled += read,
                }
            }
            let keys = bytes.get(..filled).unwrap_or_default().chunks_exact(size_of::<K::Bytes>());
            block.extend(keys.map(read_key::<K>));
            *there = Some(number);
        }
        Ok(block.binary_search(&key).is_ok())
    }

    /// All keys, from the first.
    fn keys(&self) -> std::io::Result<impl Iterator<Item = std::io::Result<K>> + use<K>> {
        use std::io::Seek;
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        let mut file = BufReader::with_capacity(16 * BLOCK, file);
        Ok(std::iter::from_fn(move || {
            let mut bytes = K::Bytes::default();
            match file.read_exact(bytes.as_mut()) {
                Ok(()) => Some(Ok(K::of(bytes))),
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => None,
                Err(error) => Some(Err(error)),
            }
        }))
    }
}

/// Where much may lie for a while: `TMPDIR` if it is set, and else not `/tmp`, which is memory on many machines.
fn folder() -> PathBuf {
    let usual = Path::new("/var/tmp");
    let set = std::env::var_os("TMPDIR").is_some();
    if !set && usual.is_dir() { usual.to_owned() } else { std::env::temp_dir() }
}

fn read_key<K: Key>(bytes: &[u8]) -> K {
    let mut own = K::Bytes::default();
    own.as_mut().copy_from_slice(bytes);
    K::of(own)
}

/// Keys of several runs in one order. There are few runs: the smallest is looked for in all of them.
struct Merged<K, S> {
    heads: Vec<(K, S)>,
}

impl<K: Key, S: Iterator<Item = std::io::Result<K>>> Merged<K, S> {
    fn new(sources: Vec<S>) -> std::io::Result<Self> {
        let mut heads = Vec::new();
        for mut source in sources {
            if let Some(first) = source.next() {
                heads.push((first?, source));
            }
        }
        Ok(Self { heads })
    }
}

impl<K: Key, S: Iterator<Item = std::io::Result<K>>> Iterator for Merged<K, S> {
    type Item = std::io::Result<K>;

    fn next(&mut self) -> Option<Self::Item> {
        let least = (0..self.heads.len()).min_by_key(|at| self.heads.get(*at).map(|(key, _)| *key))?;
        let (head, source) = self.heads.get_mut(least)?;
        let key = *head;
        match source.next() {
            Some(Ok(next)) => *head = next,
            Some(Err(error)) => return Some(Err(error)),
            None => drop(self.heads.swap_remove(least)),
        }
        Some(Ok(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        let mut ids = Ids::within(1 << 20);
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
            assert_eq!(ids.is_new(id.as_bytes()).expect("the disk is there"), new, "{id}");
        }
    }

    #[test]
    fn ids_over_the_bound_lie_on_disk_and_are_known_all_the_same() {
        let mut ids = Ids::within(0);
        // Neither in order nor scattered: as posts come, and each again a good deal later.
        let id = |number: u64| (1_477_000_000_000_000_000 + (number ^ 0x15) * 4001).to_string();
        for number in 0..20_000 {
            assert!(ids.is_new(id(number).as_bytes()).expect("the disk is there"));
            if let Some(earlier) = number.checked_sub(5000) {
                assert!(!ids.is_new(id(earlier).as_bytes()).expect("the disk is there"));
            }
        }
        assert!((1..=RUNS).contains(&ids.numbers.runs.len()) && ids.numbers.fresh.len() <= ids.numbers.most);
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
        #[test]
        fn whatever_the_bound_the_same_ids_are_new(
            given in proptest::collection::vec(proptest::prop_oneof!["[0-9]{1,3}", "[a-z]{1,2}", "[0-9]{17,21}"], 0..1000),
        ) {
            let (mut small, mut all) = (Ids::within(0), HashSet::new());
            for id in &given {
                proptest::prop_assert_eq!(small.is_new(id.as_bytes()).expect("the disk is there"), all.insert(id));
            }
        }
    }
}
