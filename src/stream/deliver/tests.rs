//! The way out with a real spool and real files: what is settled when, and what damage and a disk that fails do to it.

use std::path::{Path, PathBuf};

use tokio::task::JoinHandle;

use super::*;
use crate::stream::counters::Counters;
use crate::stream::post::PostKey;
use crate::stream::record::{COUNT, Format, Line};
use crate::stream::spool::Batch;

const PATIENCE: Duration = Duration::from_mins(1);
const SPOOL: u64 = 16 << 20;

fn batch(numbers: std::ops::Range<u64>) -> Batch {
    let mut batch = Batch::default();
    for number in numbers {
        batch.push(PostKey(number), Timestamp::UNIX_EPOCH, |out| {
            let mut line = Line::begin(Format::Tsv, out);
            line.text(&number.to_string());
            (1..COUNT).for_each(|_| line.absent());
            line.end();
        });
    }
    batch
}

/// Posts that wait from before.
fn kept(folder: &Path, numbers: std::ops::Range<u64>) {
    let (mut spool, _) = Spool::open(&folder.join("spool"), SPOOL).expect("a spool");
    spool.append(&mut batch(numbers), None).expect("kept");
}

fn segment(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("spool/{first:020}.spool"))
}

fn pending(folder: &Path) -> u64 {
    Spool::open(&folder.join("spool"), SPOOL).expect("a spool").0.pending()
}

/// The first cell of every row.
fn rows(folder: &Path) -> Vec<String> {
    let mut reader = csv::Reader::from_path(folder.join("posts.csv")).expect("a file");
    reader.records().map(|row| row.expect("a row")[0].to_owned()).collect()
}

/// A way out into one file, with no more to come than waits.
struct Given {
    live: Live,
    give_up: CancellationToken,
    running: JoinHandle<io::Result<()>>,
}

impl Given {
    fn new(folder: &Path, change: impl FnOnce(&mut Delivery)) -> Self {
        Self::with_more(folder, Deleted::default(), change).0
    }

    /// One that more can come to, as long as the sender is there, and what was taken back by then.
    fn with_more(
        folder: &Path,
        deleted: Deleted,
        change: impl FnOnce(&mut Delivery),
    ) -> (Self, watch::Sender<u64>) {
        let (spool, _) = Spool::open(&folder.join("spool"), SPOOL).expect("a spool");
        let live = Live::new("x".into(), vec![]);
        live.carried(spool.pending());
        let (more, received) = watch::channel(spool.next());
        let shared = Shared {
            spool: Arc::new(Mutex::new(spool)),
            live: live.clone(),
            deleted,
            quarantine: Arc::new(Mutex::new(Quarantine::new(folder.join("quarantine.jsonl")))),
        };
        let path = folder.join("posts.csv");
        let file = CsvFile::open(&path, false).expect("a file");
        let mut delivery = Delivery::new(shared, vec![file], None);
        change(&mut delivery);
        let give_up = CancellationToken::new();
        let running = tokio::spawn(delivery.run(received, give_up.clone()));
        (Self { live, give_up, running }, more)
    }

    async fn ended(self) -> io::Result<Counters> {
        let ended = tokio::time::timeout(PATIENCE, self.running).await.expect("it ends").expect("no panic");
        let counters = self.live.status().counters;
        assert!(counters.balance(), "{counters:?}");
        ended.map(|()| counters)
    }

    async fn end(self) -> Counters {
        self.ended().await.expect("delivered, or given up")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_file_does_not_take_before_it_is_given_up_is_not_delivered_and_comes_with_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    let given = Given::new(folder.path(), |delivery| {
        delivery.csv[0] = CsvFile::that_takes_nothing(&folder.path().join("posts.csv"));
    });
    let why = given.live.until_held().await;
    assert!(why.contains("cannot write") && why.contains("posts.csv"), "{why}");
    given.give_up.cancel();
    let counters = given.end().await;
    assert_eq!((counters.delivered, counters.pending, pending(folder.path())), (0, 10, 10));
    let counters = Given::new(folder.path(), |_| ()).end().await;
    assert_eq!((counters.delivered, counters.pending, pending(folder.path())), (10, 0, 0));
    assert_eq!(rows(folder.path()), (0..10).map(|number: u64| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_cannot_be_read_holds_everything_until_it_can() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    let (there, away) = (segment(folder.path(), 0), folder.path().join("away"));
    let given = Given::new(folder.path(), |_| {
        // Nothing can be read from a folder.
        std::fs::rename(&there, &away).and_then(|()| std::fs::create_dir(&there)).expect("moved");
    });
    let why = given.live.until_held().await;
    assert!(why.contains("cannot read the spool"), "{why}");
    std::fs::remove_dir(&there).and_then(|()| std::fs::rename(&away, &there)).expect("moved");
    let live = given.live.clone();
    assert_eq!(given.end().await.delivered, 10);
    assert_eq!(live.status().held, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn posts_that_a_damaged_disk_took_are_counted_once_and_the_rest_is_delivered() {
    let folder = tempfile::tempdir().expect("a folder");
    for first in [0, 10, 20] {
        kept(folder.path(), first..first + 10);
    }
    std::fs::remove_file(segment(folder.path(), 10)).expect("there");
    let counters = Given::new(folder.path(), |_| ()).end().await;
    assert_eq!((counters.received, counters.delivered, counters.malformed), (30, 20, 10));
    assert_eq!((counters.pending, pending(folder.path())), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn delivery_goes_on_behind_damage_that_nothing_follows() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    let mut bytes = std::fs::read(segment(folder.path(), 0)).expect("there");
    *bytes.last_mut().expect("some") ^= 0x40;
    std::fs::write(segment(folder.path(), 0), bytes).expect("written");
    std::fs::write(segment(folder.path(), 10), "hydspl1\n").expect("written");
    let counters = Given::new(folder.path(), |_| ()).end().await;
    assert_eq!((counters.received, counters.delivered, counters.malformed), (10, 9, 1));
    assert_eq!((counters.pending, pending(folder.path())), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_post_that_was_taken_back_is_not_delivered_however_much_is_delivered_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    // Several requests.
    kept(folder.path(), 0..12_000);
    let given = Given::new(folder.path(), |delivery| delivery.shared.deleted.add(PostKey(11_999), 12_000));
    let counters = given.end().await;
    assert_eq!((counters.delivered, counters.filtered, counters.pending), (11_999, 1, 0));
    assert_eq!(rows(folder.path()).last().map(String::as_str), Some("11998"));
}

/// Appends to the file as a run does that ends before it notes anything.
fn written_and_not_noted(folder: &Path, numbers: std::ops::Range<u64>, torn: usize) {
    let mut file = CsvFile::open(&folder.join("posts.csv"), false).expect("a file");
    let lines: Vec<u8> = batch(numbers).iter().flat_map(|entry| entry.line.iter().copied()).collect();
    file.append(&lines).expect("written");
    let file = std::fs::OpenOptions::new().write(true).open(folder.join("posts.csv")).expect("there");
    let length = file.metadata().expect("there").len();
    file.set_len(length - torn as u64).expect("torn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_written_before_a_crash_is_there_once_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    Given::new(folder.path(), |_| ()).end().await;
    kept(folder.path(), 10..30);
    written_and_not_noted(folder.path(), 10..25, 20);
    let counters = Given::new(folder.path(), |_| ()).end().await;
    assert_eq!((counters.delivered, counters.pending), (20, 0));
    assert_eq!(rows(folder.path()), (0..30).map(|number: u64| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_there_once_after_a_crash_although_posts_among_them_were_taken_back_before_or_after_it() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    Given::new(folder.path(), |_| ()).end().await;
    kept(folder.path(), 10..30);
    // 15 was taken back before it was written, 12 after.
    written_and_not_noted(folder.path(), 10..15, 0);
    written_and_not_noted(folder.path(), 16..25, 20);
    let deleted = Deleted::default();
    for number in [12, 15] {
        deleted.add(PostKey(number), 30);
    }
    let given = Given::with_more(folder.path(), deleted, |_| ()).0;
    let live = given.live.clone();
    let counters = given.end().await;
    assert_eq!((counters.delivered, counters.filtered, live.status().last_error), (18, 2, None));
    let once = (0..30).filter(|number| ![12, 15].contains(number));
    assert_eq!(rows(folder.path()), once.map(|number: u64| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_wrote_to_a_file_stays_and_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    Given::new(folder.path(), |_| ()).end().await;
    written_and_not_noted(folder.path(), 77..78, 0);
    kept(folder.path(), 10..20);
    let given = Given::new(folder.path(), |_| ());
    let live = given.live.clone();
    given.end().await;
    let said = live.status().last_error.expect("it is said");
    assert!(said.contains("rows may be there twice"), "{said}");
    assert_eq!((rows(folder.path()).len(), rows(folder.path())[10].as_str()), (21, "77"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_file_may_not_be_on_disk_ends_before_the_position_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    let (given, more) = Given::with_more(folder.path(), Deleted::default(), |delivery| {
        delivery.csv[0] = CsvFile::that_keeps_nothing(&folder.path().join("posts.csv"));
    });
    let said = given.ended().await.expect_err("more could come, and it would seem to be on disk").to_string();
    assert!(said.contains("may not be on disk"), "{said}");
    assert!(more.is_closed(), "the way in learns of it");
    assert_eq!(pending(folder.path()), 10, "they come again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_cannot_write_its_last_position_down_says_so_and_its_rows_are_there_once_after_the_next() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    // Nothing can be written where a folder is.
    let in_the_way = folder.path().join("spool/position.new");
    let given = Given::new(folder.path(), |_| std::fs::create_dir(&in_the_way).expect("made"));
    let said = given.ended().await.expect_err("it is not known to be delivered").to_string();
    assert!(said.contains("spool"), "{said}");
    std::fs::remove_dir(&in_the_way).expect("there");
    assert_eq!(pending(folder.path()), 10);
    Given::new(folder.path(), |_| ()).end().await;
    assert_eq!((rows(folder.path()).len(), pending(folder.path())), (10, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_position_is_written_down_again_only_some_time_after_that_was_done_however_long_it_took() {
    let folder = tempfile::tempdir().expect("a folder");
    kept(folder.path(), 0..10);
    let (spool, _) = Spool::open(&folder.path().join("spool"), SPOOL).expect("a spool");
    let spool = Arc::new(Mutex::new(spool));
    let shared = Shared {
        spool: Arc::clone(&spool),
        live: Live::new("x".into(), vec![]),
        deleted: Deleted::default(),
        quarantine: Arc::new(Mutex::new(Quarantine::new(folder.path().join("quarantine.jsonl")))),
    };
    let mut delivery = Delivery::new(shared, vec![], None);
    delivery.settled.upto = 10;
    let (holds, held) = std::sync::mpsc::channel();
    // As a slow disk does.
    let slow = std::thread::spawn(move || {
        let _spool = spool.lock().expect("no panic");
        holds.send(()).expect("somebody waits");
        std::thread::sleep(SAVES);
        Instant::now()
    });
    held.recv().expect("it holds");
    delivery.save().expect("saved");
    let done = slow.join().expect("no panic");
    assert!(delivery.saved == 10 && delivery.save_due >= done + SAVES);
}
