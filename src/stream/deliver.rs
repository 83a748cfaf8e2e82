//! The way out: from the spool to every sink, in order where it can be, and the position behind what all of them have.
//!
//! Requests to Firehose end in any order; the position moves past what is settled without a gap, and is written down a
//! few times a second, with how far the local files go there, which are on disk before it. What a crash left in a file
//! behind that is cut away before it comes again; Firehose gets it again: at least once is what there is. Of a post that
//! is there twice within an hour, the lake's combining takes one; across the end of an hour both stay.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::deletes::Deleted;
use super::live::{Live, Side};
use super::quarantine::Quarantine;
use super::sink::csv::{Behind, CsvFile, name_of};
use super::sink::firehose::{Firehose, Request, Sent};
use super::spool::{FileEnd, Reader, Spool, SpoolError};
use crate::text::counted;

/// The position is written down at most so often.
const SAVES: Duration = Duration::from_millis(100);
/// Few posts wait so long for others to go with them.
const LINGER: Duration = Duration::from_millis(400);
/// So many posts do not wait for others.
const ENOUGH: u64 = 1000;
/// A spool that cannot be read, and a file that cannot be written, are tried again so often.
const TRIES: Duration = Duration::from_secs(1);

/// What is shared with the way in.
#[derive(Debug, Clone)]
pub struct Shared {
    /// What waits.
    pub spool: Arc<Mutex<Spool>>,
    /// What it tells of itself.
    pub live: Live,
    /// What is not delivered any more.
    pub deleted: Deleted,
    /// What no sink takes.
    pub quarantine: Arc<Mutex<Quarantine>>,
}

impl Shared {
    /// Runs something with the spool. The disk may be slow; others go on meanwhile.
    pub fn with_spool<T>(&self, act: impl FnOnce(&mut Spool) -> T) -> T {
        tokio::task::block_in_place(|| act(&mut self.spool.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// The way out.
#[derive(Debug)]
pub struct Delivery {
    shared: Shared,
    /// What is before its place was handed on.
    reader: Reader,
    csv: Vec<CsvFile>,
    firehose: Option<Arc<Firehose>>,
    settled: Reached,
    /// The number that is written down.
    saved: u64,
    /// When the next may be written down.
    save_due: Instant,
    /// Beginnings of requests that are under way.
    under_way: BTreeMap<u64, UnderWay>,
    /// Requests that ended before one that began earlier.
    ended: BTreeMap<u64, Reached>,
    last_received: Timestamp,
}

/// Up to where everything is settled.
#[derive(Debug, Default)]
struct Reached {
    /// The number of the first post that is not.
    upto: u64,
    /// How long the files are with the posts before it.
    files: Vec<u64>,
}

/// What is known of a request that was handed on.
#[derive(Debug)]
struct UnderWay {
    /// When its first post was received.
    received: Timestamp,
    /// How long the files are with its posts.
    files: Vec<u64>,
}

impl Delivery {
    /// Begins at the first post that is not delivered.
    pub fn new(shared: Shared, mut csv: Vec<CsvFile>, firehose: Option<Firehose>) -> Self {
        let reader = shared.with_spool(|spool| {
            make_ready(&mut csv, spool, &shared);
            spool.reader()
        });
        let next = reader.next();
        Self {
            shared,
            reader,
            csv,
            firehose: firehose.map(Arc::new),
            settled: Reached { upto: next, files: Vec::new() },
            saved: next,
            save_due: Instant::now(),
            under_way: BTreeMap::new(),
            ended: BTreeMap::new(),
            last_received: Timestamp::now(),
        }
    }

    /// Delivers until the way in is closed (the sender of `received` is gone) and everything is delivered, or until it
    /// is given up.
    pub async fn run(
        mut self,
        mut received: watch::Receiver<u64>,
        give_up: CancellationToken,
    ) -> io::Result<()> {
        let mut sending: JoinSet<Option<Sent>> = JoinSet::new();
        let mut open = true;
        let mut lingers: Option<Instant> = None;
        loop {
            // Also while there is always something to take.
            if self.settled.upto > self.saved && self.save_due <= Instant::now() {
                self.save()?;
            }
            let upto = *received.borrow_and_update();
            let waiting = upto - self.reader.next();
            if waiting > 0 && lingers.is_none() {
                lingers = Some(Instant::now() + LINGER);
            }
            let is_due = !open
                || self.firehose.is_none()
                || waiting >= ENOUGH
                || lingers.is_some_and(|until| until <= Instant::now());
            let has_room = self.firehose.as_ref().is_none_or(|firehose| sending.len() < firehose.at_once());
            if waiting > 0 && is_due && has_room {
                lingers = None;
                self.take(upto, &mut sending, &give_up).await;
                // Others must have their turn, however much there is.
                tokio::task::yield_now().await;
                if give_up.is_cancelled() {
                    break;
                }
                continue;
            }
            if !open && waiting == 0 && sending.is_empty() {
                break;
            }
            let linger = lingers.filter(|_| has_room && !is_due);
            let save = (self.settled.upto > self.saved).then_some(self.save_due);
            tokio::select! {
                Some(sent) = sending.join_next() => {
                    match sent {
                        Ok(Some(sent)) => self.sent(sent),
                        Ok(None) => break,
                        Err(error) => return Err(io::Error::other(error)),
                    }
                }
                changed = received.changed(), if open => open = changed.is_ok(),
                () = sleep_until(linger), if linger.is_some() => {}
                () = sleep_until(save), if save.is_some() => {}
                () = give_up.cancelled() => break,
            }
        }
        sending.shutdown().await;
        if self.settled.upto > self.saved {
            self.sync()?;
            self.note().map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Reads some posts and hands them on: to every file, and only then to Firehose. What could not be read or written
    /// before it was given up is not settled: the next start delivers it.
    async fn take(&mut self, upto: u64, sending: &mut JoinSet<Option<Sent>>, give_up: &CancellationToken) {
        let live = self.shared.live.clone();
        let read = insist("read the spool", Side::WayOut, &live, give_up, || self.pack(upto)).await;
        let Some((request, lines)) = read else { return };
        for file in &mut self.csv {
            let what = format!("write {}", file.path().display());
            let side = Side::File(file.path().to_owned());
            if insist(&what, side, &live, give_up, || file.append(&lines)).await.is_none() {
                return;
            }
        }
        self.hand_on(request, sending, give_up);
    }

    /// Reads posts into a request, and their lines for the files; after an error, nothing was read.
    fn pack(&mut self, upto: u64) -> io::Result<(Request, Vec<u8>)> {
        let packing = self.firehose.as_ref().map(|firehose| firehose.packing());
        let mut request = Request::new(self.reader.next(), packing);
        let mut lines: Vec<u8> = Vec::new();
        let mut first_received = None;
        let lost = self.reader.read(upto, |number, entry| {
            first_received.get_or_insert(entry.received);
            if self.shared.deleted.holds(entry.key, number) {
                request.withdraw();
            } else {
                request.add(entry.line);
                if !self.csv.is_empty() {
                    lines.extend_from_slice(entry.line);
                }
            }
            !request.is_full()
        })?;
        if lost > 0 {
            let lost = counted(
                lost,
                "post in the spool was damaged on disk and is lost",
                "posts in the spool were damaged on disk and are lost",
            );
            self.shared.live.failed(lost);
        }
        request.close(self.reader.next(), lost);
        request.received = first_received.unwrap_or_else(Timestamp::now);
        Ok((request, lines))
    }

    /// Every file has the posts of a request: Firehose gets them, if there is one and anything to send.
    fn hand_on(
        &mut self,
        request: Request,
        sending: &mut JoinSet<Option<Sent>>,
        give_up: &CancellationToken,
    ) {
        self.last_received = request.received;
        let files = self.csv.iter().map(CsvFile::length).collect();
        self.under_way.insert(request.first, UnderWay { received: request.received, files });
        match &self.firehose {
            Some(firehose) if !request.is_empty() => {
                let (firehose, live, give_up) =
                    (Arc::clone(firehose), self.shared.live.clone(), give_up.clone());
                sending.spawn(async move { firehose.send(request, &live, &give_up).await });
            }
            _ => self.sent(request.unsent()),
        }
    }

    /// A request ended: its posts are settled, and the position moves as far as there is no gap.
    fn sent(&mut self, sent: Sent) {
        for (record, why) in sent.refused {
            self.shared.quarantine.lock().unwrap_or_else(PoisonError::into_inner).keep(&record, &why);
        }
        let files = self.under_way.remove(&sent.first).map(|request| request.files).unwrap_or_default();
        self.ended.insert(sent.first, Reached { upto: sent.upto, files });
        while let Some(settled) = self.ended.remove(&self.settled.upto) {
            self.settled = settled;
        }
        self.shared.deleted.passed(self.settled.upto);
        let oldest = self.under_way.first_key_value().map_or(self.last_received, |(_, first)| first.received);
        self.shared.live.settled(sent.settled, Some(oldest));
    }

    /// Writes the position down, once the files are on disk; again only after a while, however long it took.
    fn save(&mut self) -> io::Result<()> {
        self.sync()?;
        // What could not be noted is noted the next time, or comes again.
        if let Err(error) = self.note() {
            self.shared.live.failed(error);
        }
        self.save_due = Instant::now() + SAVES;
        Ok(())
    }

    /// Puts the files on disk. After an error the run must end: the system tells of what it lost only once, and the next
    /// try would succeed without it. The next start writes again what is not noted.
    fn sync(&self) -> io::Result<()> {
        for file in &self.csv {
            tokio::task::block_in_place(|| file.sync()).map_err(|error| {
                let path = file.path().display();
                io::Error::new(
                    error.kind(),
                    format!("what was written to {path} may not be on disk: {error}"),
                )
            })?;
        }
        Ok(())
    }

    /// Writes the position down. The files must be on disk.
    fn note(&mut self) -> Result<(), SpoolError> {
        let upto = self.settled.upto;
        let ends = self.csv.iter().zip(&self.settled.files);
        let files = ends.map(|(file, length)| end_of(file, *length)).collect();
        let bytes =
            self.shared.with_spool(|spool| spool.delivered_into(upto, files).map(|()| spool.bytes()))?;
        self.saved = upto;
        self.shared.live.change(|status| status.spool_bytes = bytes);
        Ok(())
    }
}

/// Makes files ready to be appended to, and notes how far they go before anything is.
fn make_ready(csv: &mut [CsvFile], spool: &mut Spool, shared: &Shared) {
    if csv.is_empty() {
        return;
    }
    for file in csv.iter_mut() {
        // With no row, it only ends a line that was torn.
        let ready = cut_back(file, spool, shared).and_then(|()| file.append(&[]));
        if let Err(error) = ready {
            shared.live.failed(format!("cannot make {} ready: {error}", file.path().display()));
        }
    }
    let files = csv.iter().map(|file| end_of(file, file.length())).collect();
    if let Err(error) = spool.goes_into(files) {
        shared.live.failed(error);
    }
}

/// Cuts away what a run that crashed left in a file and what comes again; says so if something else is there.
fn cut_back(file: &mut CsvFile, spool: &Spool, shared: &Shared) -> io::Result<()> {
    let Some(length) = spool.length_of(&name_of(file.path())).filter(|_| spool.pending() > 0) else {
        return Ok(());
    };
    let path = file.path().display().to_string();
    let behind = file.cut_back(length, |compare| {
        let mut reader = spool.reader();
        let read = reader
            .read(spool.next(), |number, entry| compare(entry.line, shared.deleted.holds(entry.key, number)));
        read.map(drop)
    })?;
    match behind {
        Behind::Nothing => {}
        Behind::Cut(bytes) => {
            tracing::info!(path, bytes, "what was not known to be delivered is cut away, and comes again");
        }
        Behind::Others(bytes) => shared.live.failed(format!(
            "{path} has more behind what was noted ({bytes} bytes), and not only what comes again: rows may be there twice"
        )),
    }
    Ok(())
}

fn end_of(file: &CsvFile, length: u64) -> FileEnd {
    FileEnd { name: name_of(file.path()), length }
}

/// Tries something until it is done, and says meanwhile what everything waits for; `None` when it is given up.
async fn insist<T>(
    what: &str,
    side: Side,
    live: &Live,
    give_up: &CancellationToken,
    mut act: impl FnMut() -> io::Result<T>,
) -> Option<T> {
    loop {
        let error = match tokio::task::block_in_place(&mut act) {
            Ok(done) => {
                live.hold(side, None);
                return Some(done);
            }
            Err(error) => error,
        };
        live.hold(side.clone(), Some(format!("cannot {what}: {error}; what was received waits")));
        tokio::select! {
            () = tokio::time::sleep(TRIES) => {}
            () = give_up.cancelled() => return None,
        }
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
