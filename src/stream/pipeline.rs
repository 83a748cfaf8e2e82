//! The way in, and the whole: source → filter → duplicates → record → spool → sinks.
//!
//! A source hands over lines; here they are taken in, kept, and counted: in this order, so that what is counted is safe.
//! Lines that come together are flushed together, as [`super::group`] has it. When the spool is full, or its disk fails,
//! the way in waits, and with it the source: nothing is dropped.
//!
//! The end, whoever asks for it, goes downstream: the source is told to stop, the way in takes what it handed over, the
//! way out delivers. All of it together has the time of a drain; what is not kept then is said, and what is not delivered
//! waits for the next start.
//!
//! Without a spool (`check`, and `--to none`) records go to the files at once.

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::StreamError;
use super::deletes::{Deleted, Deletes};
use super::deliver::{Delivery, Shared};
use super::group::Group;
use super::intake::{Aside, Intake};
use super::live::{Live, Settled, Side, State};
use super::money::Book;
use super::post::PostKey;
use super::quarantine::Quarantine;
use super::sink::csv::CsvFile;
use super::sink::firehose::Firehose;
use super::source::{ARRIVALS, Arrival, Source};
use super::spool::{Spool, SpoolError};

/// A source that was told to stop and hands over nothing for so long has nothing.
const SILENCE: Duration = Duration::from_secs(2);
/// From then on its end is waited for this long.
const SOURCE_LIMIT: Duration = Duration::from_secs(1);
/// How often a full spool or disk is tried again.
const TRIES: Duration = Duration::from_millis(200);

/// All that a run needs.
#[derive(Debug)]
pub struct Plan {
    /// Where posts come from.
    pub source: Source,
    /// What becomes of lines.
    pub intake: Intake,
    /// What may be spent.
    pub book: Book,
    /// The most posts that are kept; `None` is no limit.
    pub most_kept: Option<u64>,
    /// Files that records go to.
    pub csv: Vec<CsvFile>,
    /// The delivery stream that records go to.
    pub firehose: Option<Firehose>,
    /// What waits on disk; `None` hands over at once.
    pub spool: Option<Spool>,
    /// Where what cannot be used is kept.
    pub quarantine: Quarantine,
    /// Where posts that their authors took back are written down, for whoever keeps the lake.
    pub deletes: Option<Deletes>,
    /// How long a stop waits for what is to be delivered.
    pub drain: Duration,
}

/// Runs until the source ends, a limit is reached, or it is asked to stop; then takes no more, and delivers what it has.
pub async fn run(plan: Plan, live: Live, stop: CancellationToken) -> Result<(), StreamError> {
    let Plan { source, intake, book, most_kept, csv, firehose, spool, quarantine, deletes, drain } = plan;
    let quarantine = Arc::new(Mutex::new(quarantine));
    let ends = Ends { stop: stop.child_token(), give_up: CancellationToken::new() };
    let (store, delivering) = match spool {
        Some(spool) => {
            live.carried(spool.pending());
            let (kept, received) = watch::channel(spool.next());
            let shared = Shared {
                deleted: taken_back(&spool, deletes.as_ref(), &live),
                spool: Arc::new(Mutex::new(spool)),
                live: live.clone(),
                quarantine: Arc::clone(&quarantine),
            };
            let delivery = Delivery::new(shared.clone(), csv, firehose);
            let delivering = tokio::spawn(delivery.run(received, ends.give_up.clone()));
            (Store::Spool { shared, kept }, Some(delivering))
        }
        None => (Store::Direct { csv }, None),
    };
    let (to, arrivals) = mpsc::channel(ARRIVALS);
    live.change(|status| {
        status.state = State::Running;
        tracing::info!(source = status.source, sinks = status.sinks.join(", "), "the stream runs");
    });
    let reading = tokio::spawn(source.run(to, live.clone(), ends.stop.clone()));
    let way_in = WayIn {
        intake,
        book,
        most_kept,
        store,
        group: Group::default(),
        kept: 0,
        live: live.clone(),
        quarantine,
        deletes,
    };
    let whole = async {
        let taken = way_in.run(arrivals, &ends).await;
        let read = ended(reading).await;
        // What went wrong with the way out says more than what followed from it.
        delivered(delivering).await.and(taken).and(read)
    };
    tokio::select! {
        whole = whole => whole,
        never = ends.limit(drain, &live) => match never {},
    }
}

/// What was taken back of the posts that wait from before.
fn taken_back(spool: &Spool, deletes: Option<&Deletes>, live: &Live) -> Deleted {
    let deleted = Deleted::default();
    if let Some(deletes) = deletes.filter(|_| spool.pending() > 0) {
        match tokio::task::block_in_place(|| deletes.keys()) {
            Ok(keys) => keys.into_iter().for_each(|key| deleted.add(key, spool.next())),
            Err(error) => live.failed(format!("what authors took back could not be read: {error}")),
        }
    }
    deleted
}

/// What a source says that was told to stop. One that waits for a pipe to give something cannot be woken; it has nothing
/// that was taken.
async fn ended(reading: JoinHandle<Result<(), StreamError>>) -> Result<(), StreamError> {
    match tokio::time::timeout(SOURCE_LIMIT, reading).await {
        Ok(read) => read.map_err(|error| StreamError::Broken(error.to_string()))?,
        Err(_) => Ok(()),
    }
}

/// What the way out says when it has delivered everything, or has given up.
async fn delivered(delivering: Option<JoinHandle<io::Result<()>>>) -> Result<(), StreamError> {
    let Some(delivering) = delivering else { return Ok(()) };
    delivering
        .await
        .map_err(|error| StreamError::Broken(error.to_string()))?
        .map_err(|source| StreamError::Disk { what: "deliver from the spool".to_owned(), source })
}

/// How a run ends.
struct Ends {
    /// No more is asked of the source.
    stop: CancellationToken,
    /// What is not kept or delivered by now is not waited for any more.
    give_up: CancellationToken,
}

impl Ends {
    /// Gives up when a drain has had its time.
    async fn limit(&self, drain: Duration, live: &Live) -> Infallible {
        self.stop.cancelled().await;
        live.change(|status| status.state = State::Draining);
        tokio::time::sleep(drain).await;
        self.give_up.cancel();
        std::future::pending().await
    }
}

enum Store {
    Spool { shared: Shared, kept: watch::Sender<u64> },
    Direct { csv: Vec<CsvFile> },
}

impl Store {
    /// Waits until nobody delivers any more what is kept here.
    async fn abandoned(&self) {
        match self {
            Self::Spool { kept, .. } => kept.closed().await,
            Self::Direct { .. } => std::future::pending().await,
        }
    }
}

struct WayIn {
    intake: Intake,
    book: Book,
    most_kept: Option<u64>,
    store: Store,
    group: Group,
    /// Posts that were kept, those in the group included.
    kept: u64,
    live: Live,
    quarantine: Arc<Mutex<Quarantine>>,
    deletes: Option<Deletes>,
}

impl WayIn {
    /// Takes what a source hands over until it has ended, which it is told to when no more may be taken.
    async fn run(mut self, mut arrivals: mpsc::Receiver<Arrival>, ends: &Ends) -> Result<(), StreamError> {
        let mut taken = self.take_all(&mut arrivals, ends).await;
        ends.stop.cancel();
        if let Err(StreamError::NotKept { posts, .. }) = &mut taken {
            // What is still on its way was read too: it is paid for, and it is not kept either.
            while let Some(arrival) = next(&mut arrivals, &ends.stop).await {
                tokio::task::block_in_place(|| self.take(arrival));
            }
            *posts = self.group.batch.posts();
        }
        self.book.save(Timestamp::now());
        taken
    }

    async fn take_all(
        &mut self,
        arrivals: &mut mpsc::Receiver<Arrival>,
        ends: &Ends,
    ) -> Result<(), StreamError> {
        loop {
            let due = self.group.due();
            let arrival = tokio::select! {
                arrival = next(arrivals, &ends.stop) => arrival,
                () = sleep_until(due), if due.is_some() => {
                    self.commit(&ends.give_up).await?;
                    continue;
                }
                // Its end says why; what was read can still be kept.
                () = self.store.abandoned(), if !ends.stop.is_cancelled() => {
                    ends.stop.cancel();
                    continue;
                }
            };
            let Some(arrival) = arrival else { break };
            let goes_on = tokio::task::block_in_place(|| self.take(arrival));
            // Asked here too: a source that always has something ready must not put the flush off.
            if self.group.is_due(Instant::now()) || !goes_on {
                self.commit(&ends.give_up).await?;
            }
            if !goes_on {
                break;
            }
        }
        self.commit(&ends.give_up).await
    }

    /// Takes what a source handed over; `false` when no more may be taken.
    fn take(&mut self, arrival: Arrival) -> bool {
        let now = Timestamp::now();
        let (lines, received, mark) = match arrival {
            Arrival::Broken { line, why } => {
                self.group.came(Instant::now(), now);
                self.group.tally.malformed += 1;
                self.set_aside(&line, Aside::Malformed(why.to_owned()));
                return true;
            }
            Arrival::Lines { lines, received, mark } => (lines, received, mark),
        };
        self.group.came(Instant::now(), received);
        let room = match self.book.room(now) {
            Ok(room) => room,
            Err(reached) => return self.reached(&reached.to_string()),
        };
        let before = self.group.taken();
        let mut goes_on = true;
        let mut lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
        for line in lines.by_ref() {
            let Group { batch, tally, .. } = &mut self.group;
            let kept_before = batch.posts();
            let aside = self.intake.line(line, received, batch, tally);
            self.kept += batch.posts() - kept_before;
            if let Some(aside) = aside {
                self.set_aside(line, aside);
            }
            if self.most_kept.is_some_and(|most| self.kept >= most) {
                goes_on = false;
                break;
            }
            if self.group.taken() - before >= room {
                break;
            }
        }
        // A source that goes on behind lines that were not taken would never give them again.
        if mark.is_some() && lines.peek().is_none() {
            self.group.mark = mark;
        }
        self.book.spend(self.group.taken() - before, now);
        let spent = self.book.spent();
        if spent.is_some() {
            self.live.change(|status| status.spent = spent);
        }
        match self.book.room(now) {
            Ok(_) => goes_on,
            Err(reached) => self.reached(&reached.to_string()),
        }
    }

    fn reached(&self, why: &str) -> bool {
        tracing::info!(why, "no more posts are taken");
        self.live.change(|status| status.notice = Some(why.to_owned()));
        false
    }

    fn set_aside(&mut self, line: &[u8], aside: Aside) {
        match aside {
            Aside::Malformed(why) => {
                self.quarantine.lock().unwrap_or_else(PoisonError::into_inner).keep(line, &why);
            }
            Aside::Deleted(key, id) => self.delete(key, &id),
            Aside::Said(notice) => {
                let said = format!("{}: {}", notice.kind, notice.detail);
                self.live.change(|status| status.notice = Some(said));
            }
        }
    }

    /// A post was taken back: if it still waits, it is not delivered; else whoever keeps the lake must know.
    fn delete(&mut self, key: PostKey, id: &str) {
        if let Store::Spool { shared, kept } = &self.store {
            // The number that the next post will get: only those before it can have been taken back.
            let next = *kept.borrow() + self.group.batch.posts();
            shared.deleted.add(key, next);
        }
        if let Some(deletes) = &mut self.deletes {
            deletes.keep(id);
        }
    }

    /// Keeps what was taken, and counts it.
    async fn commit(&mut self, give_up: &CancellationToken) -> Result<(), StreamError> {
        if self.group.is_empty() {
            return Ok(());
        }
        match &mut self.store {
            Store::Direct { csv } => {
                let posts = self.group.batch.posts();
                if !csv.is_empty() {
                    let lines: Vec<u8> =
                        self.group.batch.iter().flat_map(|entry| entry.line.iter().copied()).collect();
                    for file in csv {
                        let written = file.append(&lines);
                        written.map_err(|source| {
                            let what = format!("write {}", file.path().display());
                            StreamError::Disk { what, source }
                        })?;
                    }
                }
                self.group.count(&self.live);
                let delivered = Settled { delivered: posts, ..Settled::default() };
                self.live.settled(delivered, None);
            }
            Store::Spool { shared, kept } => {
                let next = flushed(&mut self.group, shared, kept, give_up).await?;
                // Only now: a key that is known without its post would make it lost.
                if let Err(error) = tokio::task::block_in_place(|| self.intake.window.keep(Timestamp::now()))
                {
                    self.live.failed(format!("the ids of posts could not be kept: {error}"));
                }
                // And only then: a post that was delivered must be known after a restart, or it would come again.
                kept.send_replace(next);
            }
        }
        let batch = self.group.begin_anew();
        self.group.batch = self.live.show(batch);
        Ok(())
    }
}

/// What the source hands over next; `None` when it has ended, or was told to and hands over nothing.
async fn next(arrivals: &mut mpsc::Receiver<Arrival>, stop: &CancellationToken) -> Option<Arrival> {
    let silent = async {
        stop.cancelled().await;
        tokio::time::sleep(SILENCE).await;
    };
    tokio::select! {
        arrival = arrivals.recv() => arrival,
        () = silent => None,
    }
}

/// Flushes a group to the spool, however long there is no room or the disk fails; gives the number of the next post.
/// Given up, or with nobody there any more who would make room, it says what is not kept, and why.
async fn flushed(
    group: &mut Group,
    shared: &Shared,
    kept: &watch::Sender<u64>,
    give_up: &CancellationToken,
) -> Result<u64, StreamError> {
    loop {
        let error = match shared.with_spool(|spool| group.flush(spool, &shared.live)) {
            Ok(next) => {
                shared.live.hold(Side::WayIn, None);
                return Ok(next);
            }
            Err(error) => error,
        };
        let why = match &error {
            SpoolError::Full => {
                "the spool or its disk is full: no more posts are read until some are delivered".to_owned()
            }
            other => format!("{other}: no more posts are read until it can be written"),
        };
        shared.live.hold(Side::WayIn, Some(why));
        tokio::select! {
            () = tokio::time::sleep(TRIES) => continue,
            () = give_up.cancelled() => {}
            () = kept.closed() => {}
        }
        return Err(StreamError::NotKept { posts: group.batch.posts(), why: error.to_string() });
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
