//! The way in with a real spool: what is flushed when, and what a disk that fails does to it.

use super::*;
use crate::settings::Dollars;
use crate::stream::dedup::Window;
use crate::stream::filter::{Filter, Wanted};
use crate::stream::money::Limits;

const PATIENCE: Duration = Duration::from_mins(1);

/// A way in, and what can be seen of it.
struct Given {
    folder: tempfile::TempDir,
    to: mpsc::Sender<Arrival>,
    live: Live,
    spool: Arc<Mutex<Spool>>,
    deleted: Deleted,
    kept: watch::Receiver<u64>,
    stop: CancellationToken,
    give_up: CancellationToken,
    running: JoinHandle<Result<(), StreamError>>,
}

/// Where the first segment will be.
const FIRST: &str = "spool/00000000000000000000.spool";

impl Given {
    /// A way in whose disk fails from the beginning, if it is to: a folder stands where its segment belongs.
    fn new(fails: bool) -> Self {
        Self::with(fails, Limits::default())
    }

    fn with(fails: bool, limits: Limits) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let (spool, _) = Spool::open(&path("spool"), 16 << 20).expect("a spool");
        if fails {
            std::fs::create_dir(path(FIRST)).expect("made");
        }
        let spool = Arc::new(Mutex::new(spool));
        let live = Live::new("x".into(), vec![]);
        let deleted = Deleted::default();
        let quarantine = Arc::new(Mutex::new(Quarantine::new(path("quarantine.jsonl"))));
        let shared = Shared {
            spool: Arc::clone(&spool),
            live: live.clone(),
            deleted: deleted.clone(),
            quarantine: Arc::clone(&quarantine),
        };
        let (kept_to, kept) = watch::channel(0);
        let window = Window::in_memory(Duration::from_hours(1), Timestamp::UNIX_EPOCH);
        let way_in = WayIn {
            intake: Intake::new(Filter::new(Wanted::default()).expect("no words"), window),
            book: Book::open(None, Dollars::default(), limits).expect("a book"),
            most_kept: None,
            store: Store::Spool { shared, kept: kept_to },
            group: Group::default(),
            kept: 0,
            live: live.clone(),
            quarantine,
            deletes: None,
        };
        let (to, arrivals) = mpsc::channel(ARRIVALS);
        let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
        let ends = Ends { stop: stop.clone(), give_up: give_up.clone() };
        let running = tokio::spawn(async move { way_in.run(arrivals, &ends).await });
        Self { folder, to, live, spool, deleted, kept, stop, give_up, running }
    }

    async fn post(&self, number: u64) {
        self.posts(number..number + 1, None).await;
    }

    /// Posts that come together, and where their source goes on behind them.
    async fn posts(&self, numbers: std::ops::Range<u64>, mark: Option<&str>) {
        let line = |number| format!("{{\"data\":{{\"id\":\"{number}\",\"text\":\"{number}\"}}}}\n");
        let lines: String = numbers.map(line).collect();
        let mark = mark.map(str::to_owned);
        let arrival = Arrival::Lines { lines: lines.into_bytes(), received: Timestamp::now(), mark };
        self.to.send(arrival).await.expect("it takes posts");
    }

    /// Hands posts over that cannot be kept, and as many more as find room on the way; gives why they are not.
    async fn fill(&self) -> String {
        self.post(1).await;
        let why = self.live.until_held().await;
        for number in 2..=1 + ARRIVALS as u64 {
            self.post(number).await;
        }
        why
    }

    /// Ends the source, and gives what the way in says at its end.
    async fn end(self) -> (Result<(), StreamError>, Live, Vec<u64>, u64) {
        drop(self.to);
        let ended = tokio::time::timeout(PATIENCE, self.running).await.expect("it ends").expect("no panic");
        let spool = self.spool.lock().expect("no panic");
        let mut numbers = Vec::new();
        let read = spool.reader().read(spool.next(), |_, entry| {
            numbers.push(entry.key.0);
            true
        });
        assert_eq!(read.expect("read"), 0);
        (ended, self.live, numbers, spool.flushes())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn few_flushes_do_for_many_posts_and_what_is_kept_was_counted() {
    let mut given = Given::new(false);
    let begun = Instant::now();
    for number in 1..=2000 {
        given.post(number).await;
        let kept = *given.kept.borrow_and_update();
        let counted = given.live.status().counters;
        assert!(counted.received >= kept && counted.balance(), "{kept} {counted:?}");
    }
    let (ended, live, numbers, flushes) = given.end().await;
    ended.expect("the source ended");
    assert_eq!(numbers.len(), 2000);
    assert_eq!((live.status().counters.received, live.status().counters.pending), (2000, 2000));
    // However slow this machine is: one for each interval, and one at the end.
    let most = begun.elapsed().as_millis() / crate::stream::group::LONGEST.as_millis() + 1;
    assert!((1..=most).contains(&u128::from(flushes)), "{flushes} flushes, {most} at most");
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_wait_are_flushed_although_nothing_else_comes() {
    let mut given = Given::new(false);
    given.post(1).await;
    tokio::time::timeout(PATIENCE, given.kept.changed()).await.expect("flushed").expect("it goes on");
    assert_eq!((*given.kept.borrow(), given.live.status().counters.received), (1, 1));
    assert_eq!(given.spool.lock().expect("no panic").flushes(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_fails_nothing_counts_and_then_everything_does_once() {
    let mut given = Given::new(true);
    let why = given.fill().await;
    assert!(why.contains("spool") && why.contains("no more posts are read until it can be written"), "{why}");
    // What fits on the way to it is taken by the channel; nobody reads it.
    assert!(given.to.try_send(Arrival::Broken { line: vec![], why: "more" }).is_err(), "its source waits");
    assert_eq!((given.live.status().counters.received, *given.kept.borrow()), (0, 0));
    std::fs::remove_dir(given.folder.path().join(FIRST)).expect("there");
    tokio::time::timeout(PATIENCE, given.kept.changed()).await.expect("flushed").expect("it goes on");
    let (ended, live, numbers, _) = given.end().await;
    ended.expect("the source ended");
    let status = live.status();
    assert_eq!((status.held, status.counters.received), (None, 1 + ARRIVALS as u64));
    assert!(status.last_error.is_some(), "it was told");
    assert_eq!(numbers, (1..=1 + ARRIVALS as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_while_there_is_no_room_waits_for_room_and_takes_what_was_handed_over() {
    let given = Given::new(true);
    given.fill().await;
    given.stop.cancel();
    // It tries again after it was told to stop, and finds no room.
    given.live.hold(Side::WayIn, None);
    given.live.until_held().await;
    assert_eq!((given.live.status().counters.received, given.running.is_finished()), (0, false));
    std::fs::remove_dir(given.folder.path().join(FIRST)).expect("there");
    let (ended, live, numbers, _) = given.end().await;
    ended.expect("everything is kept");
    assert_eq!(live.status().counters.received, 1 + ARRIVALS as u64);
    assert_eq!(numbers, (1..=1 + ARRIVALS as u64).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_when_a_stop_has_had_its_time_is_said_with_its_reason_and_all_of_it_is_counted() {
    let given = Given::new(true);
    given.fill().await;
    given.stop.cancel();
    given.give_up.cancel();
    let (ended, live, numbers, flushes) = given.end().await;
    let said = ended.expect_err("posts are not kept").to_string();
    let begins = format!("{} posts that were read are not kept: the spool in ", 1 + ARRIVALS);
    assert!(said.starts_with(&begins), "{said}");
    assert_eq!((live.status().counters.received, numbers, flushes), (0, vec![], 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn when_nobody_delivers_any_more_what_was_read_is_kept_and_no_more_is_read() {
    let mut given = Given::new(false);
    given.post(1).await;
    tokio::time::timeout(PATIENCE, given.kept.changed()).await.expect("flushed").expect("it goes on");
    let (_, nobody) = watch::channel(0);
    drop(std::mem::replace(&mut given.kept, nobody));
    tokio::time::timeout(PATIENCE, given.stop.cancelled()).await.expect("the source is told to stop");
    given.post(2).await;
    let (ended, _, numbers, _) = given.end().await;
    ended.expect("what was read is kept");
    assert_eq!(numbers, [1, 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_goes_on_behind_what_was_taken_whole_and_never_behind_what_a_limit_cut_off() {
    for (last, goes_on) in [(15, "v1 15"), (20, "v1 10")] {
        let given = Given::with(false, Limits { max_posts: Some(15), ..Limits::default() });
        given.posts(0..10, Some("v1 10")).await;
        given.posts(10..last, Some(&format!("v1 {last}"))).await;
        let folder = given.folder.path().join("spool");
        let Given { folder: _kept, running, spool, .. } = given;
        tokio::time::timeout(PATIENCE, running).await.expect("it ends").expect("no panic").expect("kept");
        drop(spool);
        let (spool, found) = Spool::open(&folder, 16 << 20).expect("a spool");
        assert_eq!((spool.next(), found.mark.as_deref()), (15, Some(goes_on)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_is_taken_back_before_it_is_flushed_is_not_forgotten_by_what_was_delivered_before_it() {
    let mut given = Given::new(false);
    let lines = "{\"data\":{\"id\":\"7\",\"text\":\"x\"}}\n{\"delete\":{\"status\":{\"id_str\":\"7\"}}}\n";
    let arrival = Arrival::Lines { lines: lines.into(), received: Timestamp::now(), mark: None };
    given.to.send(arrival).await.expect("it takes posts");
    tokio::time::timeout(PATIENCE, given.kept.changed()).await.expect("flushed").expect("it goes on");
    given.deleted.passed(0);
    assert!(given.deleted.holds(PostKey(7), 0), "it waits");
    given.deleted.passed(1);
    assert!(!given.deleted.holds(PostKey(7), 0), "it is past");
}
