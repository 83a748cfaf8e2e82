//! What holds for any bytes whatever. Each function takes some, and panics where a promise of hydrant's is broken.
//!
//! The fuzzer calls them with what it makes up, the test program with what lies in `corpus` and with that damaged.

#![allow(dead_code, reason = "a target of the fuzzer calls one of them")]

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use hydrant::stream::lines::{Lines, Piece};
use hydrant::stream::post::PostKey;
use hydrant::stream::record::{COUNT, Fields, Format, JsonRecord, Line, read_time};
use hydrant::stream::spool::{Batch, Found, Spool, SpoolError, pending_in};
use hydrant::stream::wire::{Incoming, Reader};
use hydrant::stream::wording::Wording;
use serde_json::Value;

/// Bytes as a source of decisions: when they are used up, there are no more.
struct Choices<'a>(&'a [u8]);

impl<'a> Choices<'a> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn below(&mut self, limit: usize) -> Option<usize> {
        let number = usize::from(self.next()?) << 8 | usize::from(self.next()?);
        Some(number % limit.max(1))
    }

    fn some(&mut self) -> Option<&'a [u8]> {
        let count = usize::from(self.next()?).min(self.0.len());
        let (some, rest) = self.0.split_at(count);
        self.0 = rest;
        Some(some)
    }
}

/// Where the pieces of a stream are cut means nothing: the lines are those that a plain reading of all of it has.
///
/// The first byte says how long a line may be, the next three how long the pieces are; the rest is the stream.
pub fn lines(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let Some(longest) = choices.next().map(|byte| 1 + usize::from(byte) % 64) else { return };
    let sizes: Vec<usize> = (0..3).filter_map(|_| Some(1 + usize::from(choices.next()?) % 80)).collect();
    let text = choices.0;
    let expected = plainly(text, longest);
    assert_eq!(given([text], longest), expected, "in one piece");
    let (mut pieces, mut rest) = (Vec::new(), text);
    for size in sizes.into_iter().cycle() {
        let (piece, more) = rest.split_at(size.min(rest.len()));
        pieces.push(piece);
        rest = more;
        if rest.is_empty() {
            break;
        }
    }
    assert_eq!(given(pieces, longest), expected, "in pieces");
}

/// A line, or the beginning of one that is too long.
type Read = (bool, Vec<u8>);

fn given<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, longest: usize) -> Vec<Read> {
    let mut lines = Lines::new(longest);
    let mut given = Vec::new();
    for piece in pieces {
        lines.push(piece, |piece| {
            given.push(match piece {
                Piece::Line(line) => (true, line.to_vec()),
                Piece::TooLong(line) => (false, line.to_vec()),
            });
        });
    }
    lines.end(|rest| given.push((true, rest.to_vec())));
    given
}

fn plainly(text: &[u8], longest: usize) -> Vec<Read> {
    let mut parts: Vec<&[u8]> =
        text.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).collect();
    // What follows the last line's end is one more, unless it is nothing but space.
    if parts.last().is_some_and(|last| last.len() <= longest && last.trim_ascii().is_empty()) {
        parts.pop();
    }
    let lines = parts.into_iter().filter(|line| !line.is_empty());
    lines.map(|line| (line.len() <= longest, line[..line.len().min(longest)].to_vec())).collect()
}

/// Whatever a line is, it is read as something; a post in it is one record of 53 columns in either format, whatever
/// kind of line was read before; and X's new names say what its old ones do.
pub fn wire(bytes: &[u8]) {
    let mut reader = Reader::default();
    for line in bytes.split(|byte| *byte == b'\n') {
        records(&mut reader, line);
        let alone = records(&mut Reader::default(), line);
        if let Some((old, new)) = in_both_dialects(line) {
            let [old, new] = [old, new].map(|line| records(&mut Reader::default(), line.as_bytes()));
            assert_eq!(old, new);
            assert!(alone.is_empty() || alone == old, "{alone:?} {old:?}");
        }
    }
}

fn records(reader: &mut Reader, line: &[u8]) -> Vec<Vec<u8>> {
    let write = |format: Format| {
        let (mut wording, mut out) = (Wording::default(), Vec::new());
        match reader.read(line) {
            Incoming::Posts(posts) => {
                assert!(!posts.is_empty(), "posts are at least one");
                for post in posts {
                    post.part(&mut wording);
                    post.write(&wording, format, &mut out);
                }
            }
            Incoming::Record(fields) => fields.write(format, &mut out),
            Incoming::JsonRecord(record) => record.write(format, &mut out),
            Incoming::Delete(..) | Incoming::Notice(_) | Incoming::Unknown(_) => {}
        }
        out.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let [columns, json] = [Format::Tsv, Format::Json].map(write);
    assert_eq!(columns.len(), json.len());
    for (columns, json) in columns.iter().zip(&json) {
        assert!(Fields::split(columns).is_ok(), "a record has 53 columns");
        let mut back = Vec::new();
        JsonRecord::parse(json).expect("a record in JSON is one").write(Format::Tsv, &mut back);
        assert_eq!(columns, &back, "both formats say the same");
    }
    columns
}

/// A post in its envelope with X's names of before August 2026, and the same with those of after it; `None` if the line
/// is something else, or has both already.
fn in_both_dialects(line: &[u8]) -> Option<(String, String)> {
    let Value::Object(object) = serde_json::from_slice(line).ok()? else { return None };
    let known = ["data", "includes", "matching_rules", "errors"];
    if !object.contains_key("data") || object.keys().any(|key| !known.contains(&key.as_str())) {
        return None;
    }
    let old = Value::Object(object);
    let new = renamed(&old)?;
    Some((old.to_string(), new.to_string()))
}

const NAMES: [(&str, &str); 5] = [
    ("tweets", "posts"),
    ("referenced_tweets", "referenced_posts"),
    ("note_tweet", "note_post"),
    ("retweet_count", "repost_count"),
    ("tweet_count", "post_count"),
];

fn renamed(value: &Value) -> Option<Value> {
    match value {
        Value::Object(object) => {
            let mut renames = serde_json::Map::new();
            for (key, value) in object {
                if NAMES.iter().any(|(_, new)| new == key) {
                    return None;
                }
                let name = NAMES.iter().find(|(old, _)| old == key).map_or(key.as_str(), |(_, new)| new);
                renames.insert(name.to_owned(), renamed(value)?);
            }
            Some(Value::Object(renames))
        }
        Value::Array(list) => list.iter().map(renamed).collect::<Option<_>>().map(Value::Array),
        other => Some(other.clone()),
    }
}

/// No text of any field can shift a column; what was written is read back, by columns and by JSON; and a line that is
/// taken for a record is written again as one that stays as it is.
pub fn record(bytes: &[u8]) {
    if let Ok(fields) = Fields::split(bytes) {
        let (mut once, mut twice) = (Vec::new(), Vec::new());
        fields.write(Format::Tsv, &mut once);
        Fields::split(&once).expect("it was written here").write(Format::Tsv, &mut twice);
        assert_eq!(once, twice);
    }
    if let Ok(record) = JsonRecord::parse(bytes) {
        let mut written = Vec::new();
        record.write(Format::Tsv, &mut written);
        same_in_json(&written);
    }
    let text = String::from_utf8_lossy(bytes);
    // What parts the fields here is nothing that a field could not hold; but something must part them.
    let fields: Vec<&str> = text.split('\u{1f}').chain(std::iter::repeat("")).take(COUNT).collect();
    let mut written = Vec::new();
    let mut line = Line::begin(Format::Tsv, &mut written);
    for field in &fields {
        read_time(field);
        line.text(field);
    }
    line.end();
    assert_eq!(memchr::memchr_iter(b'\n', &written).count(), 1, "it is one line");
    let read = Fields::split(&written).expect("no field shifts a column");
    for (field, read) in fields.iter().zip(read.iter()) {
        let breaks = |character: char| character.is_control() || "\u{2028}\u{2029}".contains(character);
        if field.contains(breaks) {
            let left =
                |text: &str| text.chars().filter(|one| !breaks(*one) && *one != ' ').collect::<String>();
            let read = std::str::from_utf8(read).expect("text stays text");
            assert!(!read.contains(breaks), "{read:?}");
            assert_eq!(left(field), left(read), "nothing else is taken");
        } else {
            assert_eq!(field.as_bytes(), read);
        }
    }
    same_in_json(&written);
}

fn same_in_json(columns: &[u8]) {
    let (mut json, mut back) = (Vec::new(), Vec::new());
    Fields::split(columns).expect("a record").write(Format::Json, &mut json);
    JsonRecord::parse(&json).expect("a record in JSON is one").write(Format::Tsv, &mut back);
    assert_eq!(columns, back);
}

/// Whatever was done to its files, a spool opens; gives what it holds in order, each post once, and says how many are
/// missing; and takes the next post. As long as no more than one place was damaged, what it gives is what it was given.
///
/// The bytes are what is done to it, one thing after another.
pub fn spool(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a folder");
    let mut trial = Trial::new(folder.path());
    let mut choices = Choices(bytes);
    for _ in 0..24 {
        if trial.act(&mut choices).is_none() {
            break;
        }
    }
    trial.reopen();
    let next = trial.spool().next();
    trial.append(1, 7);
    let mut last = None;
    trial
        .spool()
        .reader()
        .read(next + 1, |number, _| {
            last = Some(number);
            true
        })
        .expect("it is read");
    assert_eq!(last, Some(next), "the next post is taken");
}

const LIMIT: u64 = 1 << 20;

/// The number of the first post that is not delivered.
fn place(spool: &Spool) -> u64 {
    spool.next() - spool.pending()
}

/// A process that another test is just starting has its lock too, until it becomes a program.
fn open(folder: &Path) -> (Spool, Found) {
    let began = Instant::now();
    loop {
        match Spool::open(folder, LIMIT) {
            Err(SpoolError::InUse(_)) if began.elapsed() < Duration::from_mins(1) => std::thread::yield_now(),
            opened => return opened.expect("a spool opens"),
        }
    }
}

struct Trial<'a> {
    folder: &'a Path,
    /// None while somebody else has its files.
    spool: Option<Spool>,
    /// Every post that was appended.
    appended: BTreeMap<u64, Vec<u8>>,
    delivered: u64,
    /// How many places were damaged.
    damages: u32,
}

impl<'a> Trial<'a> {
    fn new(folder: &'a Path) -> Self {
        let (spool, _) = open(folder);
        Self { folder, spool: Some(spool), appended: BTreeMap::new(), delivered: 0, damages: 0 }
    }

    fn spool(&mut self) -> &mut Spool {
        self.spool.as_mut().expect("it is open")
    }

    fn act(&mut self, choices: &mut Choices<'_>) -> Option<()> {
        match choices.next()? % 11 {
            0..=2 => self.append(1 + choices.below(8)?, choices.below(300)?),
            3 => {
                let upto = (place(self.spool()) + choices.below(8)? as u64).min(self.spool().next());
                self.spool().delivered(upto).expect("it is noted");
                self.delivered = upto;
            }
            4 => self.reopen(),
            5 => {
                let (which, place, change) = (choices.below(64)?, choices.below(1 << 16)?, choices.next()?);
                self.damage(which, |file| {
                    if let Some(byte) = place.checked_rem(file.len()).and_then(|place| file.get_mut(place)) {
                        *byte ^= change;
                    }
                });
            }
            6 => {
                let (which, length) = (choices.below(64)?, choices.below(1 << 16)?);
                self.damage(which, |file| file.truncate(length % (file.len() + 1)));
            }
            7 => {
                let (which, garbage) = (choices.below(64)?, choices.some()?);
                self.damage(which, |file| file.extend_from_slice(garbage));
            }
            8 => {
                let (name, content) = (choices.some()?, choices.some()?);
                let name: String = name.iter().take(24).map(|byte| char::from(b' ' + byte % 95)).collect();
                let is_segment = name.len() == 20 && name.bytes().all(|byte| byte.is_ascii_digit());
                if !name.contains('/') && !is_segment {
                    // A file of somebody else's does no harm.
                    self.close();
                    std::fs::write(self.folder.join(format!("{name}.spool")), content).expect("written");
                    self.reopen();
                }
            }
            9 => {
                let position = choices.some()?;
                self.close();
                std::fs::write(self.folder.join("position"), position).expect("written");
                self.damages += 2;
                self.reopen();
            }
            _ => {
                // As far as any spool comes; beyond that, no name is a segment's.
                let number = choices.0.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes) >> 2);
                let content = choices.some()?;
                self.close();
                let content = [b"hydspl1\n".as_slice(), content].concat();
                std::fs::write(self.folder.join(format!("{number:020}.spool")), content).expect("written");
                self.damages += 2;
                self.reopen();
            }
        }
        Some(())
    }

    fn append(&mut self, posts: usize, length: usize) {
        let (mut batch, mut next) = (Batch::default(), self.spool().next());
        for post in 0..posts {
            let line = format!("{next}\t{}\n", "x".repeat(length + post)).into_bytes();
            batch.push(PostKey(next), jiff::Timestamp::UNIX_EPOCH, |out| out.extend_from_slice(&line));
            self.appended.insert(next, line);
            next += 1;
        }
        self.spool().append(&mut batch, Some(&format!("up to {next}"))).expect("there is room");
        assert_eq!(self.spool().next(), next);
    }

    fn close(&mut self) {
        self.spool = None;
    }

    fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder).expect("a folder").flatten();
        let is_segment = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "spool");
        let mut segments: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_segment).collect();
        segments.sort_unstable();
        segments
    }

    fn damage(&mut self, which: usize, damage: impl FnOnce(&mut Vec<u8>)) {
        self.close();
        let segments = self.segments();
        if let Some(path) = which.checked_rem(segments.len()).and_then(|which| segments.get(which)) {
            let mut content = std::fs::read(path).expect("it is read");
            damage(&mut content);
            let mut file = OpenOptions::new().write(true).truncate(true).open(path).expect("it is there");
            file.write_all(&content).expect("it is written");
            self.damages += 1;
        }
        self.reopen();
    }

    fn reopen(&mut self) {
        self.close();
        let waits = pending_in(self.folder).expect("it is looked at");
        let (spool, found) = open(self.folder);
        assert_eq!(found.pending, found.keys.len() as u64);
        assert_eq!(found.pending + found.lost, spool.pending(), "every number is there or missing");
        let (place, next) = (place(&spool), spool.next());
        let mut given = Vec::new();
        let lost = spool.reader().read(next, |number, entry| {
            given.push((number, entry.key, entry.line.to_vec()));
            true
        });
        let lost = lost.expect("it is read");
        assert_eq!(given.len() as u64 + lost, spool.pending(), "every number is given or missing");
        assert!(given.is_sorted_by(|one, other| one.0 < other.0), "in order, each once");
        assert!(given.iter().all(|(number, ..)| (place..next).contains(number)));
        if self.damages <= 1 {
            for (number, key, line) in &given {
                assert_eq!((self.appended.get(number), key.0), (Some(line), *number));
            }
        }
        if self.damages == 0 {
            assert_eq!((given.len() as u64, waits), (spool.pending(), spool.pending()), "nothing is missing");
            assert_eq!((place, next), (self.delivered, self.appended.len() as u64));
        }
        self.spool = Some(spool);
    }
}
