//! What was received and is not delivered yet, on disk.
//!
//! The promise: when [`Spool::append`] returns, its posts survive a crash of this process and of the machine; a post is
//! given to the reader until [`Spool::delivered`] was told of it, and nothing is removed before that is durable too.
//!
//! # On disk
//!
//! A folder of segments, named by the number of their first post in 20 digits (`00000000000000000017.spool`), beside
//! `position`, which holds the number of the first post that is not delivered (decimal, a line end), and behind it a line
//! for each local file that posts are written to: its name, a space, how long the file was with all of the posts before
//! that number in it (decimal). Posts are numbered from 0 in the order of their receipt, and a number is never used twice.
//!
//! ```text
//! segment  = "hydspl1\n" entry*
//! entry    = length crc kind payload      length: u32 of kind and payload; crc: CRC-32 (IEEE) of the same
//! kind     = 1: a post   payload = key received line      key: u64; received: i64, microseconds since 1970
//!            2: a mark   payload = where the source goes on after the posts before it, in the source's own words
//! ```
//!
//! Numbers are little-endian. Every segment begins with the mark that holds there.
//!
//! # The order that crash safety needs
//!
//! 1. Entries are appended and synced before their posts count as received. A tail that a crash tore is cut off at the
//!    next start, and counted: its posts never counted.
//! 2. A new segment is synced, and its folder after it, before anything else is appended to it.
//! 3. `position` is written beside, synced, renamed, and the folder synced: it moves at once or not at all.
//! 4. A segment is removed only when the durable position is behind all of its posts. Never the last one.
//! 5. After a failed write the segment is cut back to where it was and given up; the next append begins another, whose
//!    name says which numbers count. So what a half-dead disk left behind is never read as posts.
//! 6. On a disk that is full there must be room for what makes room: a new `position`, and the beginning of a segment
//!    behind which the one before it may go. Two small files keep it, `reserve-1` and `reserve-2`; they are given up
//!    when nothing else helps, and made again when something was removed.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::post::PostKey;

const MAGIC: &[u8; 8] = b"hydspl1\n";
/// Length and CRC.
const HEAD: usize = 8;
const POST: u8 = 1;
const MARK: u8 = 2;
/// Kind, key and time of receipt.
const POST_HEAD: usize = 1 + 8 + 8;
/// No entry is longer: what a length beyond it says is not a length.
const LONGEST: usize = 64 << 20;
/// No spool ever comes this far: a position beyond it is damage. What follows a position may be named by twice as much.
const BEYOND: u64 = 1 << 62;
/// Posts are read from disk in pieces of this size.
const READ_AHEAD: usize = 256 << 10;
const POSITION: &str = "position";
const SUFFIX: &str = ".spool";
/// A few blocks of any file system.
const RESERVE: [u8; 16 << 10] = [0; 16 << 10];
/// What each is for.
const FOR_POSITION: &str = "reserve-1";
const FOR_SEGMENT: &str = "reserve-2";

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It holds as much as it may, or the disk does: deliver first. Nothing was written.
    #[error("the spool is full")]
    Full,
    /// Another process uses it.
    #[error("another process uses the spool in {0}")]
    InUse(PathBuf),
    /// The disk.
    #[error("the spool in {folder}: {source}")]
    Disk {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Posts that are received together.
#[derive(Debug, Default)]
pub struct Batch {
    entries: Vec<u8>,
    posts: u64,
}

impl Batch {
    /// Adds a post; `write` appends its record.
    pub fn push(&mut self, key: PostKey, received: Timestamp, write: impl FnOnce(&mut Vec<u8>)) {
        let begins = self.begin(POST);
        self.entries.extend_from_slice(&key.0.to_le_bytes());
        self.entries.extend_from_slice(&received.as_microsecond().to_le_bytes());
        write(&mut self.entries);
        self.finish(begins);
        self.posts += 1;
    }

    /// How many posts it holds.
    pub fn posts(&self) -> u64 {
        self.posts
    }

    /// How many bytes it takes on disk.
    pub fn bytes(&self) -> usize {
        self.entries.len()
    }

    /// The posts in it, in order.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut rest = self.entries.as_slice();
        std::iter::from_fn(move || {
            loop {
                let Framed::Whole { kind, payload, length } = frame(rest) else { return None };
                rest = rest.get(length..).unwrap_or_default();
                if let Some(entry) = Entry::read(kind, payload) {
                    return Some(entry);
                }
            }
        })
    }

    /// Empties it; its memory stays.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.posts = 0;
    }

    fn mark(&mut self, mark: &str) {
        let begins = self.begin(MARK);
        self.entries.extend_from_slice(mark.as_bytes());
        self.finish(begins);
    }

    fn begin(&mut self, kind: u8) -> usize {
        let begins = self.entries.len();
        self.entries.extend_from_slice(&[0; HEAD]);
        self.entries.push(kind);
        begins
    }

    fn finish(&mut self, begins: usize) {
        let body = self.entries.get(begins + HEAD..).unwrap_or_default();
        let length = u32::try_from(body.len()).expect("an entry is shorter than 4 GiB");
        let crc = crc32fast::hash(body);
        if let Some(head) = self.entries.get_mut(begins..begins + HEAD) {
            head[..4].copy_from_slice(&length.to_le_bytes());
            head[4..].copy_from_slice(&crc.to_le_bytes());
        }
    }
}

/// A post as the spool holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// What it is known by.
    pub key: PostKey,
    /// When it was received.
    pub received: Timestamp,
    /// Its record, line end included.
    pub line: &'a [u8],
}

impl<'a> Entry<'a> {
    fn read(kind: u8, payload: &'a [u8]) -> Option<Self> {
        let (key, rest) = payload.split_first_chunk()?;
        let (received, line) = rest.split_first_chunk()?;
        let received = Timestamp::from_microsecond(i64::from_le_bytes(*received)).unwrap_or_default();
        (kind == POST).then_some(Self { key: PostKey(u64::from_le_bytes(*key)), received, line })
    }
}

/// What stands at the beginning of some bytes.
enum Framed<'a> {
    Whole {
        kind: u8,
        payload: &'a [u8],
        length: usize,
    },
    /// There may be more of it.
    Short,
    /// It is no entry.
    Broken,
}

fn frame(bytes: &[u8]) -> Framed<'_> {
    let Some((head, rest)) = bytes.split_first_chunk::<HEAD>() else { return Framed::Short };
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    let (length, crc) = head.split_at(4);
    let (length, crc) = (number(length) as usize, number(crc));
    if !(1..=LONGEST).contains(&length) {
        return Framed::Broken;
    }
    let Some(body) = rest.get(..length) else { return Framed::Short };
    match body.split_first() {
        Some((kind, payload)) if crc32fast::hash(body) == crc && (*kind != POST || length >= POST_HEAD) => {
            Framed::Whole { kind: *kind, payload, length: HEAD + length }
        }
        _ => Framed::Broken,
    }
}

/// What was found at start.
#[derive(Debug, Default)]
pub struct Found {
    /// Posts that are not delivered.
    pub pending: u64,
    /// Their keys.
    pub keys: Vec<PostKey>,
    /// Bytes of a torn tail that were cut off.
    pub torn_bytes: u64,
    /// Posts that a damaged disk took: numbers that no segment holds.
    pub lost: u64,
    /// Where the source goes on.
    pub mark: Option<String>,
}

/// How far a local file is known to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileEnd {
    /// What the file is called here; it has no blank.
    pub name: String,
    /// How many bytes of it hold the posts before the position.
    pub length: u64,
}

/// The writing end. There is one, and one [`Reader`].
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    _lock: File,
    /// Numbers of first posts, oldest first, with the bytes of each.
    segments: Vec<(u64, u64)>,
    /// The last segment, unless a write to it failed.
    open: Option<File>,
    next: u64,
    position: u64,
    files: Vec<FileEnd>,
    mark: Option<String>,
    limit: u64,
    flushes: u64,
}

impl Spool {
    /// Opens the spool in a folder, which is made if need be, and says what is in it. It will not take more than about
    /// `limit` bytes.
    pub fn open(folder: &Path, limit: u64) -> Result<(Self, Found), SpoolError> {
        let disk = |source| SpoolError::Disk { folder: folder.to_owned(), source };
        crate::settings::Folders::make_private(folder).map_err(disk)?;
        let lock = options().create(true).write(true).open(folder.join("lock")).map_err(disk)?;
        lock.try_lock().map_err(|_| SpoolError::InUse(folder.to_owned()))?;
        Self::recover(folder, lock, limit).map_err(disk)
    }

    fn recover(folder: &Path, lock: File, limit: u64) -> io::Result<(Self, Found)> {
        let mut firsts = segments_in(folder)?;
        firsts.sort_unstable();
        // A position that cannot be read delivers everything again rather than losing anything.
        let (position, files) =
            position_in(folder).unwrap_or_else(|| (firsts.first().copied().unwrap_or_default(), Vec::new()));
        let mut spool = Self {
            folder: folder.to_owned(),
            _lock: lock,
            segments: Vec::new(),
            open: None,
            next: position,
            position,
            files,
            mark: None,
            limit,
            flushes: 0,
        };
        let mut found = Found::default();
        for (place, first) in firsts.iter().copied().enumerate() {
            let upto = firsts.get(place + 1).copied();
            if upto.is_some_and(|upto| upto <= position) {
                std::fs::remove_file(spool.path(first))?;
                continue;
            }
            spool.scan(first, upto, &mut found)?;
        }
        found.mark.clone_from(&spool.mark);
        spool.keep_reserves();
        Ok((spool, found))
    }

    /// Takes a segment in: what is whole in it, up to the number where the next one begins.
    fn scan(&mut self, first: u64, upto: Option<u64>, found: &mut Found) -> io::Result<()> {
        let path = self.path(first);
        let mut bytes = Vec::new();
        File::open(&path)?.read_to_end(&mut bytes)?;
        if first > self.next {
            found.lost += first - self.next.max(self.position);
        }
        let mut number = first;
        let mut whole = 0;
        if let Some(rest) = bytes.strip_prefix(MAGIC) {
            whole = MAGIC.len();
            let mut rest = rest;
            while let Framed::Whole { kind, payload, length } = frame(rest)
                && (kind != POST || upto.is_none_or(|upto| number < upto))
            {
                if let Some(entry) = Entry::read(kind, payload) {
                    if number >= self.position {
                        found.pending += 1;
                        found.keys.push(entry.key);
                    }
                    number += 1;
                } else if kind == MARK {
                    let mark = String::from_utf8_lossy(payload);
                    self.mark = (!mark.is_empty()).then(|| mark.into_owned());
                }
                whole += length;
                rest = rest.get(length..).unwrap_or_default();
            }
        }
        self.next = self.next.max(number);
        let torn = (bytes.len() - whole) as u64;
        match upto {
            None if torn > 0 => {
                found.torn_bytes += torn;
                let file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(whole as u64)?;
                file.sync_all()?;
            }
            Some(upto) => {
                found.lost += upto.saturating_sub(number.max(self.position));
                self.next = self.next.max(upto);
            }
            None => {}
        }
        // Always begun anew: the last segment of before is never written to again.
        self.segments.push((first, whole as u64));
        Ok(())
    }

    /// A reader from the first post that is not delivered.
    pub fn reader(&self) -> Reader {
        Reader { folder: self.folder.clone(), segment: None, next: self.position }
    }

    /// How many posts are not delivered.
    pub fn pending(&self) -> u64 {
        self.next - self.position
    }

    /// The number that the next post gets.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How often posts were flushed to disk since it was opened.
    pub fn flushes(&self) -> u64 {
        self.flushes
    }

    /// How many bytes it takes on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Whether a batch of so many bytes has room.
    pub fn has_room(&self, bytes: usize) -> bool {
        self.pending() == 0 || self.bytes() + bytes as u64 <= self.limit
    }

    /// Keeps a batch, and where the source goes on after it. When this returns, it is on disk.
    pub fn append(&mut self, batch: &mut Batch, mark: Option<&str>) -> Result<(), SpoolError> {
        if !self.has_room(batch.bytes()) {
            return Err(SpoolError::Full);
        }
        let posts = batch.posts();
        let before = batch.bytes();
        if let Some(mark) = mark.filter(|mark| self.mark.as_deref() != Some(mark)) {
            batch.mark(mark);
        }
        let written = self.write(&batch.entries);
        batch.entries.truncate(before);
        written.map_err(|error| {
            if is_full(&error) {
                SpoolError::Full
            } else {
                SpoolError::Disk { folder: self.folder.clone(), source: error }
            }
        })?;
        self.next += posts;
        if let Some(mark) = mark {
            self.mark = Some(mark.to_owned());
        }
        Ok(())
    }

    fn write(&mut self, entries: &[u8]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let segment_size = (self.limit / 8).clamp(64 << 10, 16 << 20);
        let is_full = self.segments.last().is_none_or(|(_, bytes)| *bytes >= segment_size);
        if self.open.is_none() || is_full {
            self.with_reserve(FOR_SEGMENT, Self::begin_segment)?;
        }
        let (Some(file), Some((_, bytes))) = (&mut self.open, self.segments.last_mut()) else {
            return Ok(());
        };
        let written = file.write_all_at(entries, *bytes).and_then(|()| file.sync_data());
        if written.is_ok() {
            self.flushes += 1;
            *bytes += entries.len() as u64;
        } else {
            // What a failed sync left is unknown: cut it off, and never write to this file again.
            drop(file.set_len(*bytes));
            self.open = None;
        }
        written
    }

    fn begin_segment(&mut self) -> io::Result<()> {
        let mut head = Batch::default();
        head.mark(self.mark.as_deref().unwrap_or_default());
        let head = [MAGIC.as_slice(), &head.entries].concat();
        let path = self.path(self.next);
        // One of the same number holds no post: it was begun and given up.
        let begun = options().create(true).truncate(true).write(true).open(&path).and_then(|mut file| {
            file.write_all(&head)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
            Ok(file)
        });
        let file = begun.inspect_err(|_| {
            // An empty file would only be in the way of the next try.
            drop(std::fs::remove_file(&path));
        })?;
        self.segments.retain(|(first, _)| *first != self.next);
        self.segments.push((self.next, head.len() as u64));
        self.open = Some(file);
        // The one before it was the last one until now, and may have nothing left to deliver.
        self.remove_delivered()
    }

    /// How long a local file is known to be; `None` when that was never noted.
    pub fn length_of(&self, name: &str) -> Option<u64> {
        self.files.iter().find(|file| file.name == name).map(|file| file.length)
    }

    /// Everything before the post of this number is delivered. When this returns, that is on disk.
    pub fn delivered(&mut self, upto: u64) -> Result<(), SpoolError> {
        self.delivered_into(upto, Vec::new())
    }

    /// The same, where posts are written to local files, with how far each goes.
    pub fn delivered_into(&mut self, upto: u64, files: Vec<FileEnd>) -> Result<(), SpoolError> {
        self.move_to(upto.min(self.next), files)
            .map_err(|source| SpoolError::Disk { folder: self.folder.clone(), source })
    }

    /// From now on posts are written to these files behind these ends.
    pub fn goes_into(&mut self, files: Vec<FileEnd>) -> Result<(), SpoolError> {
        let position = self.position;
        self.with_reserve(FOR_POSITION, |spool| spool.write_position(position, &files))
            .map_err(|source| SpoolError::Disk { folder: self.folder.clone(), source })?;
        self.files = files;
        Ok(())
    }

    fn move_to(&mut self, upto: u64, files: Vec<FileEnd>) -> io::Result<()> {
        if upto <= self.position {
            return Ok(());
        }
        self.with_reserve(FOR_POSITION, |spool| spool.write_position(upto, &files))?;
        (self.position, self.files) = (upto, files);
        self.remove_delivered()
    }

    /// Removes the segments whose posts are all delivered.
    fn remove_delivered(&mut self) -> io::Result<()> {
        // The last segment stays, whatever it holds: it is being written to.
        while let [(first, _), (following, _), ..] = self.segments.as_slice()
            && *following <= self.position
        {
            std::fs::remove_file(self.path(*first))?;
            self.segments.remove(0);
        }
        self.keep_reserves();
        Ok(())
    }

    fn write_position(&self, upto: u64, files: &[FileEnd]) -> io::Result<()> {
        let beside = self.folder.join("position.new");
        let mut file = options().create(true).truncate(true).write(true).open(&beside)?;
        let mut text = Vec::new();
        writeln!(text, "{upto}")?;
        for FileEnd { name, length } in files {
            writeln!(text, "{name} {length}")?;
        }
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&beside, self.folder.join(POSITION))?;
        File::open(&self.folder)?.sync_all()
    }

    /// Does something that needs a little room; if the disk has none, what was kept for it makes some.
    fn with_reserve(
        &mut self,
        reserve: &str,
        mut act: impl FnMut(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        match act(self) {
            Err(error) if is_full(&error) && std::fs::remove_file(self.folder.join(reserve)).is_ok() => {
                act(self)
            }
            done => done,
        }
    }

    /// Keeps a little room, if there is any.
    fn keep_reserves(&self) {
        for reserve in [FOR_POSITION, FOR_SEGMENT].map(|name| self.folder.join(name)) {
            if reserve.exists() {
                continue;
            }
            let made = options().create_new(true).write(true).open(&reserve).and_then(|mut file| {
                file.write_all(&RESERVE)?;
                file.sync_data()
            });
            if made.is_err() {
                // Half of one keeps nobody's room.
                drop(std::fs::remove_file(&reserve));
            }
        }
    }

    fn path(&self, first: u64) -> PathBuf {
        path_of(&self.folder, first)
    }

    /// The next batch is written, and its flush fails: nothing can be flushed to this device.
    #[cfg(test)]
    pub(super) fn fail_next_flush(&mut self) {
        if self.open.is_none() {
            self.begin_segment().expect("a segment");
        }
        self.open = Some(OpenOptions::new().write(true).open("/dev/null").expect("it is everywhere"));
    }
}

/// Whether a write failed because there is no room on the disk.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn path_of(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}{SUFFIX}"))
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

fn segments_in(folder: &Path) -> io::Result<Vec<u64>> {
    let number = |entry: io::Result<std::fs::DirEntry>| {
        let name = entry.ok()?.file_name();
        let digits = name.to_str()?.strip_suffix(SUFFIX)?;
        // Other names may be numbers too, but are no segments.
        let is_ours = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse().ok().filter(|number| is_ours && *number < 2 * BEYOND)
    };
    Ok(std::fs::read_dir(folder)?.filter_map(number).collect())
}

/// The durable position and how far files go there, if there is one that can be read.
fn position_in(folder: &Path) -> Option<(u64, Vec<FileEnd>)> {
    let text = std::fs::read_to_string(folder.join(POSITION)).ok()?;
    let mut lines = text.lines();
    let position = lines.next()?.trim().parse().ok().filter(|position| *position < BEYOND)?;
    let file = |line: &str| {
        let (name, length) = line.split_once(' ')?;
        Some(FileEnd { name: name.to_owned(), length: length.parse().ok()? })
    };
    Some((position, lines.filter_map(file).collect()))
}

/// How many posts a spool holds that are not delivered, without opening it: for a look at one that nobody runs.
pub fn pending_in(folder: &Path) -> io::Result<u64> {
    let mut firsts = segments_in(folder)?;
    firsts.sort_unstable();
    let position = position_in(folder)
        .map_or_else(|| firsts.first().copied().unwrap_or_default(), |(position, _)| position);
    let Some(last) = firsts.last().copied() else { return Ok(0) };
    let mut bytes = Vec::new();
    File::open(path_of(folder, last))?.read_to_end(&mut bytes)?;
    let mut rest = bytes.strip_prefix(MAGIC).unwrap_or_default();
    let mut next = last;
    while let Framed::Whole { kind, length, .. } = frame(rest) {
        next += u64::from(kind == POST);
        rest = rest.get(length..).unwrap_or_default();
    }
    Ok(next.saturating_sub(position))
}

/// The reading end: gives the posts in order, each once, from the first that was not delivered when it was made.
#[derive(Debug)]
pub struct Reader {
    folder: PathBuf,
    segment: Option<OpenSegment>,
    /// The number of the next post to give.
    next: u64,
}

/// A segment that is being read.
#[derive(Debug)]
struct OpenSegment {
    path: PathBuf,
    /// Open only while it is read: of a segment that is removed but open, the disk keeps the room.
    file: Option<File>,
    first: u64,
    /// Where the following one begins: what is behind that here was never kept.
    end: Option<u64>,
    /// The number of the next post in it.
    number: u64,
    /// Where in the file `buffer` begins.
    at: u64,
    buffer: Vec<u8>,
    /// Where in the buffer the next entry begins.
    from: usize,
}

impl Reader {
    /// The number of the next post to give.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// Hands posts to `take`, with their numbers, up to and without the number `upto`, which must be on disk, as long as
    /// it asks for more. Gives back how many a damaged disk took on the way. After an error it stands where it stood
    /// before: what was handed out is handed out again.
    pub fn read(&mut self, upto: u64, take: impl FnMut(u64, Entry<'_>) -> bool) -> io::Result<u64> {
        let begins = self.next;
        self.read_on(upto, take).inspect_err(|_| {
            self.next = begins;
            self.segment = None;
        })
    }

    fn read_on(&mut self, upto: u64, mut take: impl FnMut(u64, Entry<'_>) -> bool) -> io::Result<u64> {
        let mut lost = 0;
        if let Some(segment) = self.segment.as_mut().filter(|segment| segment.end.is_none()) {
            // It was the last one. Whatever is before `upto` is in segments that are there now.
            segment.end = segments_in(&self.folder)?.into_iter().filter(|first| *first > segment.first).min();
        }
        while self.next < upto {
            let Some(segment) = &mut self.segment else {
                lost += self.go_on(None, upto)?;
                continue;
            };
            match segment.step()? {
                Step::Post(number, range) if number >= self.next => {
                    let entry = segment.entry(range);
                    self.next = number + 1;
                    if let Some(entry) = entry
                        && !take(number, entry)
                    {
                        break;
                    }
                }
                Step::Post(..) => {}
                Step::End => {
                    let first = segment.first;
                    lost += self.go_on(Some(first), upto)?;
                }
            }
        }
        if let Some(segment) = &mut self.segment {
            segment.file = None;
        }
        Ok(lost)
    }

    /// Opens the segment that holds the next post, or the next one that there is; gives back how many lie between.
    fn go_on(&mut self, after: Option<u64>, upto: u64) -> io::Result<u64> {
        let mut firsts = segments_in(&self.folder)?;
        firsts.retain(|first| after.is_none_or(|after| *first > after));
        firsts.sort_unstable();
        let holding = firsts.iter().copied().rev().find(|first| *first <= self.next);
        let first = holding.or_else(|| firsts.iter().copied().find(|first| *first < upto));
        let begins = first.unwrap_or(upto).max(self.next);
        let lost = begins - self.next;
        self.next = begins;
        self.segment = match first {
            Some(first) => Some(OpenSegment {
                path: path_of(&self.folder, first),
                file: None,
                first,
                end: firsts.iter().copied().find(|following| *following > first),
                number: first,
                at: MAGIC.len() as u64,
                buffer: Vec::new(),
                from: 0,
            }),
            None => None,
        };
        Ok(lost)
    }
}

/// What comes next in a segment.
enum Step {
    /// A post: its number, and where its entry stands in the buffer.
    Post(u64, std::ops::Range<usize>),
    /// Nothing that can be read.
    End,
}

impl OpenSegment {
    fn step(&mut self) -> io::Result<Step> {
        let mut fresh = false;
        loop {
            if self.end.is_some_and(|end| self.number >= end) {
                return Ok(Step::End);
            }
            match frame(self.buffer.get(self.from..).unwrap_or_default()) {
                Framed::Whole { kind, length, .. } => {
                    let range = self.from..self.from + length;
                    self.from += length;
                    if kind == POST {
                        let number = self.number;
                        self.number += 1;
                        return Ok(Step::Post(number, range));
                    }
                }
                Framed::Short => {
                    if !self.fill()? {
                        return Ok(Step::End);
                    }
                }
                // What was read ahead may have been half written then: once more, from the file as it is now.
                Framed::Broken if !fresh => {
                    fresh = true;
                    self.buffer.truncate(self.from);
                    self.fill()?;
                }
                Framed::Broken => return Ok(Step::End),
            }
        }
    }

    fn entry(&self, range: std::ops::Range<usize>) -> Option<Entry<'_>> {
        match frame(self.buffer.get(range)?) {
            Framed::Whole { kind, payload, .. } => Entry::read(kind, payload),
            _ => None,
        }
    }

    /// Reads on; `false` at the file's end, and where it was removed because all of it is delivered.
    fn fill(&mut self) -> io::Result<bool> {
        let file = match self.file.take() {
            Some(file) => file,
            None => match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                opened => opened?,
            },
        };
        self.buffer.drain(..self.from);
        self.at += self.from as u64;
        self.from = 0;
        let had = self.buffer.len();
        self.buffer.resize(had + READ_AHEAD, 0);
        let read = file.read_at(self.buffer.get_mut(had..).unwrap_or_default(), self.at + had as u64)?;
        self.file = Some(file);
        self.buffer.truncate(had + read);
        Ok(read > 0)
    }
}

#[cfg(test)]
mod tests;
