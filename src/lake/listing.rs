//! Finds the hours of a lake and what they hold, page by page as they come.
//!
//! From the root down, folder by folder, days apart and several at once; what the span leaves out is not looked into.
//! A day is listed flat, which takes a request for each thousand files; a day that does not end within some pages is
//! full, and its hours are listed beside one another. The newest come first. Dropping the receiver, or the token,
//! ends it.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::hours::{Folder, Span};
use super::outputs::{Combined, Fingerprint};
use super::place::{Depth, Entry, Page};
use super::{Hour, Lake, LakeError};

/// Folders that are listed at once.
const AT_ONCE: usize = 12;
/// Pages of one day after which its hours are listed apart.
const FLAT_PAGES: usize = 3;
/// Pages that may wait for the one who reads them.
const WAITING: usize = 16;

/// Something that a listing saw.
#[derive(Debug)]
pub enum Listed {
    /// Folders of hours, which may be empty still.
    Hours(Vec<Hour>),
    /// Files of one hour, in order; there may be more to come.
    Files {
        /// The hour.
        hour: Hour,
        /// The folder that they are in.
        folder: String,
        /// The files.
        files: Vec<Entry>,
    },
    /// This many pages are read, of those that are known to be needed.
    Pages {
        /// Folders that are read to their end.
        done: usize,
        /// Folders that are known.
        known: usize,
    },
}

/// What an hour holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// The hour.
    pub hour: Hour,
    /// The folder that its files are in; with a random part in the prefix, the first of several.
    pub folder: String,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// When the newest of them was written.
    pub newest: Timestamp,
    /// Of the files.
    pub fingerprint: Fingerprint,
}

impl Totals {
    /// An hour that nothing is known of.
    pub fn empty(hour: Hour, folder: String) -> Self {
        let (newest, fingerprint) = (Timestamp::UNIX_EPOCH, Fingerprint::default());
        Self { hour, folder, files: 0, bytes: 0, newest, fingerprint }
    }

    /// Takes one more file in.
    pub fn add(&mut self, file: &Entry) {
        self.files += 1;
        self.bytes += file.bytes;
        self.newest = self.newest.max(file.modified);
        self.fingerprint.add(file);
    }
}

/// An hour as it is shown: what it holds, and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct HourRow {
    /// The hour.
    pub hour: Hour,
    /// The whole key of its folder.
    pub prefix: String,
    /// How many files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The key of the combined rows, if there are any.
    pub combined: Option<String>,
    /// Whether files changed or came since it was combined.
    pub stale: bool,
    /// How many rows were combined, where that is known.
    pub rows: Option<u64>,
}

impl HourRow {
    /// Puts together what is known of an hour.
    pub fn new(lake: &Lake, results: &super::Place, totals: &Totals, combined: Option<&Combined>) -> Self {
        let newest = combined.and_then(Combined::newest);
        Self {
            hour: totals.hour,
            prefix: lake.place.full_key(&totals.folder),
            files: totals.files,
            bytes: totals.bytes,
            combined: newest.and_then(|(_, run)| run.rows_key()).map(|key| results.full_key(key)),
            stale: combined.is_some_and(|combined| combined.is_stale(totals.files, totals.fingerprint)),
            rows: newest.and_then(|(_, run)| run.sums).map(|sums| sums.rows),
        }
    }
}

/// Begins a listing; what it sees comes through the receiver, an error as the last.
pub fn begin(lake: &Lake, span: Span, stop: &CancellationToken) -> mpsc::Receiver<Result<Listed, LakeError>> {
    let root = Task { folder: lake.layout.root().to_owned(), flat: false, after: None };
    walk(lake, span, root, stop)
}

/// Begins a listing of one hour. Where its folder is known, nothing else is looked into.
pub fn begin_hour(
    lake: &Lake,
    hour: Hour,
    stop: &CancellationToken,
) -> mpsc::Receiver<Result<Listed, LakeError>> {
    match lake.layout.folder_of(hour) {
        Some(folder) => walk(lake, Span::only(hour), Task { folder, flat: true, after: None }, stop),
        None => begin(lake, Span::only(hour), stop),
    }
}

fn walk(
    lake: &Lake,
    span: Span,
    first: Task,
    stop: &CancellationToken,
) -> mpsc::Receiver<Result<Listed, LakeError>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let (lake, stop) = (lake.clone(), stop.clone());
    tokio::spawn(async move {
        // On this machine, a folder is not listed faster by parts.
        let flat_pages = if lake.place.is_local() { usize::MAX } else { FLAT_PAGES };
        let walk = Walk { lake, span, flat_pages, seen: sender.clone() };
        let ended = tokio::select! {
            ended = Arc::new(walk).run(first) => ended,
            () = stop.cancelled() => Err(LakeError::Interrupted),
            () = sender.closed() => Ok(()),
        };
        if let Err(error) = ended {
            drop(sender.send(Err(error)).await);
        }
    });
    receiver
}

/// The whole of it: every hour of the span that has files.
pub async fn totals(
    lake: &Lake,
    span: Span,
    stop: &CancellationToken,
) -> Result<BTreeMap<Hour, Totals>, LakeError> {
    let mut hours = BTreeMap::new();
    let mut listing = begin(lake, span, stop);
    while let Some(listed) = listing.recv().await {
        if let Listed::Files { hour, folder, files } = listed? {
            let totals = hours.entry(hour).or_insert_with(|| Totals::empty(hour, folder));
            for file in &files {
                totals.add(file);
            }
        }
    }
    Ok(hours)
}

/// Every file of one hour, in the order of their keys.
pub async fn files(lake: &Lake, hour: Hour, stop: &CancellationToken) -> Result<Vec<Entry>, LakeError> {
    let mut all = Vec::new();
    let mut listing = begin_hour(lake, hour, stop);
    while let Some(listed) = listing.recv().await {
        if let Listed::Files { files, .. } = listed? {
            all.extend(files);
        }
    }
    all.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(all)
}

struct Walk {
    lake: Lake,
    span: Span,
    /// Pages of a folder after which what is in it is listed apart.
    flat_pages: usize,
    seen: mpsc::Sender<Result<Listed, LakeError>>,
}

/// One listing that is to be made.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Task {
    folder: String,
    flat: bool,
    after: Option<String>,
}

impl Walk {
    async fn run(self: Arc<Self>, first: Task) -> Result<(), LakeError> {
        // The last key is taken first: years, days and hours come newest first.
        let mut waiting = vec![first];
        let mut under_way = FuturesUnordered::new();
        let (mut done, mut known) = (0, 1);
        loop {
            while under_way.len() < AT_ONCE
                && let Some(task) = waiting.pop()
            {
                under_way.push(tokio::spawn(Arc::clone(&self).list(task)));
            }
            let Some(more) = under_way.next().await else { return Ok(()) };
            let more = more.map_err(|_| LakeError::Interrupted)??;
            (done, known) = (done + 1, known + more.len());
            waiting.extend(more);
            waiting.sort();
            self.tell(Listed::Pages { done, known }).await;
        }
    }

    async fn tell(&self, listed: Listed) {
        // Whoever listened has gone: the listing ends by itself then.
        drop(self.seen.send(Ok(listed)).await);
    }

    async fn list(self: Arc<Self>, task: Task) -> Result<Vec<Task>, LakeError> {
        let depth = if task.flat { Depth::All } else { Depth::Folder };
        let whole_hour = matches!(self.lake.layout.folder(&task.folder, &self.span), Folder::Hour(_));
        let mut pages = self.lake.place.list_after(&task.folder, depth, task.after.as_deref());
        let mut more = Vec::new();
        let mut read = 0;
        while let Some(page) = pages.next().await? {
            if self.seen.is_closed() {
                return Ok(Vec::new());
            }
            read += 1;
            more.extend(self.below(&page, task.after.as_deref()).await);
            let last = page.files.last().map(|file| file.key.clone());
            self.tell_files(page.files).await;
            if task.flat && !whole_hour && read >= self.flat_pages {
                // A full folder: the one in it that the listing stands in is read on, which may hold folders itself,
                // and the later ones beside it.
                let Some(last) = last else { continue };
                let Some(inner) = folder_in(&task.folder, &last).map(ToOwned::to_owned) else { continue };
                more.push(Task { folder: task.folder.clone(), flat: false, after: Some(inner.clone()) });
                more.push(Task { folder: inner, flat: true, after: Some(last) });
                break;
            }
        }
        Ok(more)
    }

    /// What is to be listed of the folders of a page.
    async fn below(&self, page: &Page, after: Option<&str>) -> Vec<Task> {
        let mut hours = Vec::new();
        let mut tasks = Vec::new();
        for folder in &page.folders {
            // A folder that a listing began after is listed again by S3 for what else is in it.
            if after.is_some_and(|after| folder.as_str() <= after) {
                continue;
            }
            let flat = match self.lake.layout.folder(folder, &self.span) {
                Folder::Other => continue,
                Folder::Above => false,
                Folder::Day => true,
                Folder::Hour(hour) => {
                    hours.push(hour);
                    true
                }
            };
            tasks.push(Task { folder: folder.clone(), flat, after: None });
        }
        if !hours.is_empty() {
            self.tell(Listed::Hours(hours)).await;
        }
        tasks
    }

    /// Tells which files are of which hour. Everybody hears of files from here alone, so that all of them, the plan and
    /// whoever carries it out, mean the same.
    async fn tell_files(&self, files: Vec<Entry>) {
        let mut hours: Vec<(Hour, String, Vec<Entry>)> = Vec::new();
        for file in files {
            let Some((hour, used)) = self.lake.layout.hour_of(&file.key) else { continue };
            if !self.span.holds(hour) || is_hidden(&file) {
                continue;
            }
            let folder = file.key.get(..used).unwrap_or_default();
            match hours.last_mut() {
                Some((last, in_folder, files)) if *last == hour && in_folder == folder => files.push(file),
                _ => hours.push((hour, folder.to_owned(), vec![file])),
            }
        }
        for (hour, folder, files) in hours {
            self.tell(Listed::Files { hour, folder, files }).await;
        }
    }
}

/// The folder directly in this one that a key lies in, if it does not lie in this one itself.
fn folder_in<'k>(folder: &str, key: &'k str) -> Option<&'k str> {
    let below = key.strip_prefix(folder)?;
    key.get(..folder.len() + below.find('/')? + 1)
}

/// Names that programs give to what is not data.
fn is_hidden(file: &Entry) -> bool {
    file.name().starts_with(['.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::{Layout, Place};

    /// As a bucket is listed, whose full days are listed apart.
    async fn listed(folder: &std::path::Path, prefix: &str, flat_pages: usize) -> BTreeMap<String, u32> {
        let layout = Layout::new(prefix).expect("a layout");
        let root = Task { folder: layout.root().to_owned(), flat: false, after: None };
        let lake = Lake::new(Place::Folder(folder.to_owned()), layout);
        let (seen, mut listing) = mpsc::channel(WAITING);
        let walk = Arc::new(Walk { lake, span: Span::default(), flat_pages, seen });
        let walking = tokio::spawn(walk.run(root));
        let mut times: BTreeMap<String, u32> = BTreeMap::new();
        while let Some(listed) = listing.recv().await {
            if let Ok(Listed::Files { files, .. }) = listed {
                for file in files {
                    *times.entry(file.key).or_default() += 1;
                }
            }
        }
        walking.await.expect("it ends").expect("it is listed");
        times
    }

    /// The listing of a full day is taken up where it stopped, however deep its folders are.
    #[tokio::test]
    async fn every_file_of_a_full_day_is_seen_once_whatever_folders_its_hours_have() {
        for (prefix, minutes) in [
            ("p/!{timestamp:yyyy/MM/dd/HH}/", [""; 3]),
            ("p/!{timestamp:yyyy/MM/dd/HH/mm}/", ["00/", "29/", "30/"]),
        ] {
            let folder = tempfile::tempdir().expect("a folder");
            let mut files = 0;
            for hour in 17..20 {
                for (part, minute) in minutes.into_iter().enumerate() {
                    let inner = folder.path().join(format!("p/2026/11/22/{hour}/{minute}"));
                    std::fs::create_dir_all(&inner).expect("a folder");
                    // More than a page of a folder holds.
                    for number in 0..400 {
                        std::fs::write(inner.join(format!("{part}-{number:03}")), "").expect("a file");
                        files += 1;
                    }
                }
            }
            for flat_pages in [1, 2, usize::MAX] {
                let times = listed(folder.path(), prefix, flat_pages).await;
                let odd: Vec<_> = times.iter().filter(|(_, times)| **times != 1).take(3).collect();
                assert_eq!(
                    (times.len(), odd),
                    (files, Vec::new()),
                    "{prefix}, apart after {flat_pages} pages"
                );
            }
        }
    }
}
