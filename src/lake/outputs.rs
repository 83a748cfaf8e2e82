//! Combined hours, and what their names say.
//!
//! An hour's files lie beside the years of the lake: `csvs/tweets_<files>_hc<YYYYMMDDHH>_s<YYYYMMDDHHMMSS>.csv`
//! (how many files were read, the hour, when it was combined) with `csvs/tweets_metadata_…` beside it, as the
//! predecessor named them; `parquet/` holds the same in columns, `quarantine/` the records that are malformed, and
//! `manifests/` a JSON for each combined hour that names its source files. A manifest's name also holds how many rows
//! there are, the [`Fingerprint`] of the sources and that of what was wanted: so one listing tells, without opening
//! anything, which hours are combined, which have changed since, and which were combined otherwise.
//!
//! While a run is at an hour, an empty `manifests/….begun` keeps its names for it alone. A run that was killed leaves it
//! there; it says nothing of the hour, and goes once there is a newer result.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::place::Entry;
use super::{Hour, LakeError, Place};

/// What names of combined hours begin with.
const START: &str = "tweets_";
/// What the name ends with by which a run has its other names for itself.
const BEGUN: &str = ".begun";

/// The kinds of file that combining makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The rows, as Parquet.
    Parquet,
    /// The rows, as CSV.
    Csv,
    /// A row for each raw row, as CSV.
    Metadata,
    /// A row for each raw row, as Parquet.
    MetadataParquet,
    /// Malformed records, as JSON lines.
    Quarantine,
    /// What was read and what came of it, as JSON.
    Manifest,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Parquet, Self::Csv, Self::Metadata, Self::MetadataParquet, Self::Quarantine, Self::Manifest];

    /// The folder, what names begin with, and what they end with.
    fn shape(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Parquet => ("parquet/", "tweets_", ".parquet"),
            Self::Csv => ("csvs/", "tweets_", ".csv"),
            Self::Metadata => ("csvs/", "tweets_metadata_", ".csv"),
            Self::MetadataParquet => ("parquet/", "tweets_metadata_", ".parquet"),
            Self::Quarantine => ("quarantine/", "tweets_", ".jsonl"),
            Self::Manifest => ("manifests/", "tweets_", ".json"),
        }
    }
}

/// The folders that hold combined hours.
pub const FOLDERS: [&str; 4] = ["csvs/", "parquet/", "quarantine/", "manifests/"];

/// A sum over an hour's source files that changes when any of them does. The order of the files does not matter, so
/// that it can be taken while a listing comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Takes one more file in. The key's own name counts, not where the lake lies.
    pub fn add(&mut self, file: &Entry) {
        let mut hash = Fnv::new();
        hash.write(file.name().as_bytes());
        hash.write(&[0]);
        hash.write(file.etag.as_bytes());
        hash.write(&file.bytes.to_le_bytes());
        self.0 = self.0.wrapping_add(hash.mixed());
    }

    /// Of a text.
    pub(super) fn of(text: &str) -> Self {
        let mut hash = Fnv::new();
        hash.write(text.as_bytes());
        Self(hash.mixed())
    }

    fn read(digits: &str) -> Option<Self> {
        u64::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// FNV-1a with a finishing mix: the same on every machine and in every version, which names in a bucket need.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn mixed(self) -> u64 {
        let one = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let two = (one ^ (one >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        two ^ (two >> 31)
    }
}

/// What the names of one run over one hour have in common. Ordered by when the run was: the newest is what counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// The hour.
    pub hour: Hour,
    /// When it was combined, in seconds since 1970.
    pub saved: i64,
    /// How many source files were read.
    pub files: u64,
}

/// What a manifest's name adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    /// Rows that came out.
    pub rows: u64,
    /// Of the source files.
    pub fingerprint: Fingerprint,
    /// Of what was wanted; older manifests do not say it.
    pub wish: Option<Fingerprint>,
}

impl Stamp {
    fn written(&self) -> String {
        let saved = Timestamp::from_second(self.saved).unwrap_or_default();
        format!("{}_hc{}_s{}", self.files, self.hour.compact(), saved.strftime("%Y%m%d%H%M%S"))
    }

    /// The key of a file of this run, relative to the results' place.
    pub fn key(&self, kind: Kind) -> String {
        let (folder, start, end) = kind.shape();
        format!("{folder}{start}{}{end}", self.written())
    }

    /// The key of this run's manifest.
    pub fn manifest_key(&self, sums: &Sums) -> String {
        let (folder, start, end) = Kind::Manifest.shape();
        let wish = sums.wish.map(|wish| format!("_w{wish}")).unwrap_or_default();
        format!("{folder}{start}{}_r{}_f{}{wish}{end}", self.written(), sums.rows, sums.fingerprint)
    }

    /// The same before its rows and sources are known: `{rows}` and `{print}` stand for them.
    pub fn manifest_pattern(&self, wish: Fingerprint) -> String {
        let (folder, start, end) = Kind::Manifest.shape();
        format!("{folder}{start}{}_r{{rows}}_f{{print}}_w{wish}{end}", self.written())
    }

    /// The key of the file by which a run has all names of this stamp for itself.
    pub(super) fn begun_key(&self) -> String {
        let (folder, start, _) = Kind::Manifest.shape();
        format!("{folder}{start}{}{BEGUN}", self.written())
    }

    /// What the key of every manifest of this stamp begins with, whatever was wanted.
    pub(super) fn manifests(&self) -> String {
        let (folder, start, _) = Kind::Manifest.shape();
        format!("{folder}{start}{}_", self.written())
    }

    /// The stamp whose names a key keeps for a run.
    fn read_begun(key: &str) -> Option<Self> {
        let (_, _, end) = Kind::Manifest.shape();
        let (_, stamp, _) = Self::read(&format!("{}{end}", key.strip_suffix(BEGUN)?))?;
        (stamp.begun_key() == key).then_some(stamp)
    }

    /// What a key says, if it is one of a combined hour.
    pub fn read(key: &str) -> Option<(Kind, Self, Option<Sums>)> {
        // Longer beginnings first: every metadata name also begins as a plain one does.
        let kinds = [
            Kind::Metadata,
            Kind::MetadataParquet,
            Kind::Parquet,
            Kind::Csv,
            Kind::Quarantine,
            Kind::Manifest,
        ];
        kinds.into_iter().find_map(|kind| {
            let (folder, start, end) = kind.shape();
            let middle = key.strip_prefix(folder)?.strip_prefix(start)?.strip_suffix(end)?;
            let mut parts = middle.split('_');
            let files = parts.next()?.parse().ok()?;
            let hour = Hour::from_compact(parts.next()?.strip_prefix("hc")?)?;
            let saved = saved(parts.next()?.strip_prefix('s')?)?;
            let sums = match (parts.next(), parts.next()) {
                (Some(rows), Some(print)) if kind == Kind::Manifest => Some(Sums {
                    rows: rows.strip_prefix('r')?.parse().ok()?,
                    fingerprint: Fingerprint::read(print.strip_prefix('f')?)?,
                    wish: match parts.next() {
                        Some(wish) => Some(Fingerprint::read(wish.strip_prefix('w')?)?),
                        None => None,
                    },
                }),
                (None, None) => None,
                _ => return None,
            };
            parts.next().is_none().then_some((kind, Self { hour, saved, files }, sums))
        })
    }
}

fn saved(digits: &str) -> Option<i64> {
    if digits.len() != 14 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (day, time) = digits.split_at(10);
    let hour = Hour::from_compact(day)?;
    let minute: i64 = time.get(..2)?.parse().ok()?;
    let second: i64 = time.get(2..)?.parse().ok()?;
    (minute < 60 && second < 61).then(|| hour.begins().as_second() + minute * 60 + second)
}

/// What there is of one combined hour.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Combined {
    /// Every run's files, oldest run first. There is more than one run of ours only until the newer one has tidied up;
    /// the predecessor's stay.
    pub runs: BTreeMap<Stamp, Run>,
}

/// The files of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// Their keys, by kind.
    pub files: BTreeMap<Kind, String>,
    /// What the manifest's name says; a run of the predecessor has none, nor has one that was cut off.
    pub sums: Option<Sums>,
}

impl Run {
    /// Whether a file of it is of a kind that the predecessor did not make.
    fn is_plainly_ours(&self) -> bool {
        self.sums.is_some() || self.files.keys().any(|kind| !matches!(kind, Kind::Csv | Kind::Metadata))
    }

    /// Whether another has rows in every format that this one has them in.
    fn is_covered_by(&self, other: &Self) -> bool {
        let rows = |kind: &&Kind| matches!(kind, Kind::Csv | Kind::Parquet);
        self.files.keys().filter(rows).all(|kind| other.files.contains_key(kind))
    }

    /// The key of the rows: Parquet if there is one.
    pub fn rows_key(&self) -> Option<&String> {
        self.files.get(&Kind::Parquet).or_else(|| self.files.get(&Kind::Csv))
    }
}

impl Combined {
    /// The newest run whose rows are there to be read: one that is complete, if there is one.
    pub fn newest(&self) -> Option<(&Stamp, &Run)> {
        let with_rows = || self.runs.iter().rev().filter(|(_, run)| run.rows_key().is_some());
        with_rows().find(|(_, run)| run.sums.is_some()).or_else(|| with_rows().next())
    }

    /// The newest run that is complete and ours.
    pub(super) fn newest_of_ours(&self) -> Option<(&Stamp, &Run)> {
        self.runs.iter().rev().find(|(_, run)| run.sums.is_some())
    }

    /// Whether the last run is complete and of exactly these sources. Of the predecessor's, only the number of files is
    /// known; a run of our own without a manifest was cut off, or is under way.
    pub fn is_of(&self, files: u64, fingerprint: Fingerprint) -> bool {
        self.runs.last_key_value().is_some_and(|(stamp, run)| match run.sums {
            // The name has how many were listed; one that vanished before it was read is not of the result.
            Some(sums) => sums.fingerprint == fingerprint,
            None => self.is_the_predecessors() && stamp.files == files,
        })
    }

    /// How many files there are fewer than its result was made of.
    pub fn fewer(&self, files: u64) -> u64 {
        let result = self.newest().filter(|(_, run)| run.sums.is_some() || self.is_the_predecessors());
        result.map_or(0, |(stamp, _)| stamp.files.saturating_sub(files))
    }

    /// Whether there is a result, and files changed or came since. Where files went, there is more in it than is left.
    pub fn is_stale(&self, files: u64, fingerprint: Fingerprint) -> bool {
        self.newest().is_some() && !self.is_of(files, fingerprint) && self.fewer(files) == 0
    }

    fn is_the_predecessors(&self) -> bool {
        self.newest().is_some() && !self.runs.values().any(Run::is_plainly_ours)
    }

    /// The files of runs that a newer, complete one has replaced, manifests last: what was cut off in between is found
    /// again. Only ours, and none that has a format which the newer one does not have.
    pub(super) fn replaced(&self) -> Vec<String> {
        let Some((newest, result)) = self.newest_of_ours() else { return Vec::new() };
        let first = self.runs.iter().find(|(_, run)| run.sums.is_some()).map(|(stamp, _)| stamp);
        let is_replaced = |(stamp, run): &(&Stamp, &Run)| match run.sums {
            _ if *stamp >= newest => false,
            Some(_) => run.is_covered_by(result),
            // It was cut off: this is no result.
            None if run.is_plainly_ours() => true,
            // CSV alone may be the predecessor's. Where ours came before, the predecessor is not at work any more.
            None => first.is_some_and(|first| first < *stamp) && run.is_covered_by(result),
        };
        let old = self.runs.iter().filter(is_replaced).flat_map(|(_, run)| &run.files);
        let mut keys: Vec<(bool, &String)> = old.map(|(kind, key)| (*kind == Kind::Manifest, key)).collect();
        keys.sort();
        keys.into_iter().map(|(_, key)| key.clone()).collect()
    }
}

/// Finds every combined hour in a place of results.
pub async fn find(results: &Place) -> Result<BTreeMap<Hour, Combined>, LakeError> {
    Ok(find_with_begun(results).await?.0)
}

/// The same, and the stamps of runs that began and have not come to their end, whether they are under way or were
/// killed.
pub(super) async fn find_with_begun(
    results: &Place,
) -> Result<(BTreeMap<Hour, Combined>, Vec<Stamp>), LakeError> {
    let mut hours: BTreeMap<Hour, Combined> = BTreeMap::new();
    let mut begun = Vec::new();
    for folder in FOLDERS {
        let mut pages = results.list(folder, super::place::Depth::Folder);
        while let Some(page) = pages.next().await? {
            for file in page.files {
                if let Some((kind, stamp, sums)) = Stamp::read(&file.key) {
                    let run = hours.entry(stamp.hour).or_default().runs.entry(stamp).or_default();
                    run.sums = run.sums.or(sums);
                    run.files.insert(kind, file.key);
                } else {
                    begun.extend(Stamp::read_begun(&file.key));
                }
            }
        }
    }
    Ok((hours, begun))
}

/// The same for one hour. Names do not begin with the hour, so that this is the same listing.
pub async fn find_hour(results: &Place, hour: Hour) -> Result<Combined, LakeError> {
    Ok(find(results).await?.remove(&hour).unwrap_or_default())
}

/// Whether a key looks like rows of a combined hour, whoever made it.
pub fn is_rows(key: &str) -> bool {
    matches!(Stamp::read(key), Some((Kind::Csv | Kind::Parquet, ..))) && key.contains(START)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        Stamp { hour: "2021-12-30T17".parse().expect("an hour"), saved: 1_640_973_618, files: 58 }
    }

    fn file(key: &str, etag: &str) -> Entry {
        Entry { key: key.into(), bytes: 1, etag: etag.into(), modified: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn names_are_the_predecessors() {
        assert_eq!(stamp().key(Kind::Csv), "csvs/tweets_58_hc2021123017_s20211231180018.csv");
        assert_eq!(stamp().key(Kind::Metadata), "csvs/tweets_metadata_58_hc2021123017_s20211231180018.csv");
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for kind in [Kind::Parquet, Kind::Csv, Kind::Metadata, Kind::MetadataParquet, Kind::Quarantine] {
            assert_eq!(Stamp::read(&stamp().key(kind)), Some((kind, stamp(), None)));
        }
        for wish in [None, Some(Fingerprint::of("a wish"))] {
            let sums = Sums { rows: 3702, fingerprint: Fingerprint(0xdead_beef), wish };
            assert_eq!(
                Stamp::read(&stamp().manifest_key(&sums)),
                Some((Kind::Manifest, stamp(), Some(sums)))
            );
        }
        let sums = Sums { rows: 3702, fingerprint: Fingerprint(7), wish: Some(Fingerprint(8)) };
        let pattern = stamp().manifest_pattern(Fingerprint(8));
        let filled = pattern.replace("{rows}", "3702").replace("{print}", &Fingerprint(7).to_string());
        assert_eq!(filled, stamp().manifest_key(&sums));
        let begun = stamp().begun_key();
        assert_eq!((Stamp::read(&begun), Stamp::read_begun(&begun)), (None, Some(stamp())));
        assert!(stamp().manifest_key(&sums).starts_with(&stamp().manifests()));
        assert!(!begun.starts_with(&stamp().manifests()));
        assert_eq!(Stamp::read_begun(&stamp().manifest_key(&sums).replace(".json", BEGUN)), None);
        for key in [
            "csvs/tweets_x_hc2021123017_s20211231180018.csv",
            "csvs/notes.csv",
            "csvs/tweets_1_hc20211230_s1.csv",
        ] {
            assert_eq!(Stamp::read(key), None, "{key}");
        }
    }

    #[test]
    fn a_run_that_was_cut_off_does_not_count() {
        let print = Fingerprint(7);
        let complete = |rows: bool| Run {
            files: rows.then(|| (Kind::Csv, "x".to_owned())).into_iter().collect(),
            sums: Some(Sums { rows: 1, fingerprint: print, wish: None }),
        };
        let without = |kind| Run { files: BTreeMap::from([(kind, "y".to_owned())]), sums: None };
        let later = Stamp { saved: stamp().saved + 1, ..stamp() };
        let of = |runs: Vec<(Stamp, Run)>| Combined { runs: runs.into_iter().collect() };
        assert!(of(vec![(stamp(), complete(true))]).is_of(58, print));
        assert!(of(vec![(stamp(), complete(true))]).is_of(57, print), "one vanished before it was read");
        assert!(!of(vec![(stamp(), complete(true))]).is_of(58, Fingerprint(8)));
        assert_eq!(of(vec![(stamp(), complete(true))]).fewer(49), 9);
        assert!(of(vec![(stamp(), without(Kind::Csv))]).is_of(58, print), "the predecessor's");
        assert!(!of(vec![(stamp(), without(Kind::Parquet))]).is_of(58, print), "cut off before its manifest");
        let cut = of(vec![(stamp(), complete(true)), (later, without(Kind::Csv))]);
        assert!(!cut.is_of(58, print));
        assert_eq!(cut.newest().map(|(stamp, _)| *stamp), Some(stamp()));
        assert!(!Combined::default().is_of(0, Fingerprint::default()));
    }

    #[test]
    fn only_runs_of_ours_are_replaced_and_only_in_formats_that_the_newer_one_has() {
        let at = |saved| Stamp { saved, ..stamp() };
        let run = |stamp: Stamp, kinds: &[Kind], complete: bool| {
            let mut files: BTreeMap<Kind, String> =
                kinds.iter().map(|kind| (*kind, stamp.key(*kind))).collect();
            let sums = Sums { rows: 1, fingerprint: Fingerprint(7), wish: None };
            if complete {
                files.insert(Kind::Manifest, stamp.manifest_key(&sums));
            }
            (stamp, Run { files, sums: complete.then_some(sums) })
        };
        let csv = [Kind::Csv, Kind::Metadata];
        let parquet = [Kind::Parquet, Kind::MetadataParquet];
        let both = [csv, parquet].concat();
        let replaced = |runs: Vec<(Stamp, Run)>| Combined { runs: runs.into_iter().collect() }.replaced();
        let predecessors = run(at(1), &csv, false);
        for ours in [csv.as_slice(), &parquet, &both] {
            assert_eq!(replaced(vec![predecessors.clone(), run(at(2), ours, true)]), Vec::<String>::new());
        }
        assert_eq!(replaced(vec![run(at(2), &csv, true), run(at(3), &parquet, true)]), Vec::<String>::new());
        let old = replaced(vec![predecessors.clone(), run(at(2), &csv, true), run(at(3), &both, true)]);
        assert_eq!(old.len(), 3, "{old:?}");
        assert!(old.last().is_some_and(|key| key.starts_with("manifests/")), "{old:?}");
        // What was cut off goes, once there is a whole one.
        let cut = [run(at(2), &both, true), run(at(3), &csv, false), run(at(4), &parquet, false)];
        assert_eq!(replaced(cut.to_vec()), Vec::<String>::new());
        let old = replaced([cut.to_vec(), vec![run(at(5), &both, true)]].concat());
        assert_eq!(old.len(), 9, "{old:?}");
    }

    #[test]
    fn a_fingerprint_is_of_the_files_and_not_of_their_order() {
        let print = |files: &[Entry]| {
            let mut print = Fingerprint::default();
            for file in files {
                print.add(file);
            }
            print
        };
        let (one, two) = (file("a/1", "x"), file("a/2", "y"));
        assert_eq!(print(&[one.clone(), two.clone()]), print(&[two.clone(), one.clone()]));
        assert_ne!(print(&[one.clone(), two.clone()]), print(&[one.clone(), file("a/2", "z")]));
        assert_ne!(print(std::slice::from_ref(&one)), print(&[one, two]));
    }

    proptest::proptest! {
        #[test]
        fn no_key_makes_reading_panic(key: String) {
            let _ = Stamp::read(&key);
            let _ = Stamp::read(&format!("csvs/tweets_{key}.csv"));
        }
    }
}
