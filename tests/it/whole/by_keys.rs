//! The day by keys alone: nothing is known of hydrant but what stands on its screen. In the midst of it the console is
//! killed and opened again.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use super::account::Account;
use super::by_commands::Day;
use super::given::{assert_one_subject_each, id, lines, posts};
use crate::support::proxy::Verdict;
use crate::support::terminal::Terminal;

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(100);

/// A file that the stream on the host reads as it is written: posts come when the test says so.
struct Feed {
    path: PathBuf,
    /// Open for both ends, so that opening waits for nobody, and what was given waits for whoever reads next.
    pipe: File,
}

impl Feed {
    fn make(account: &Account) -> Self {
        let path = account.home().join("feed");
        assert!(Command::new("mkfifo").arg(&path).status().expect("there is `mkfifo`").success());
        let pipe = File::options().read(true).write(true).open(&path).expect("it is there");
        Self { path, pipe }
    }

    /// To be called where a stream runs: a pipe holds little.
    fn give(&mut self, posts: &[String]) {
        self.pipe.write_all(lines(posts).as_bytes()).expect("it is read");
    }
}

/// Starts a stream on the host, with the feed as its source.
fn start(terminal: &mut Terminal, feed: &Feed) {
    terminal.press("3");
    terminal.until("The stream does not run");
    terminal.press("S");
    terminal.until("Source and terms");
    terminal.press(&format!("\t\u{15}replay:{}\r", feed.path.display()));
    terminal.until("the next start asks for this");
    terminal.press("s");
    terminal.until("start on the host");
    // The machine is the only field: tab goes to it, space to the host.
    terminal.press("\t \r");
    terminal.until("the host ● running");
}

/// Waits until these posts lie in the bucket, as Firehose put them there.
async fn are_in_the_bucket(account: &Account, expected: &BTreeSet<String>) {
    let s3 = account.aws().s3;
    let buckets = s3.list_buckets().send().await.expect("a listing");
    let bucket = buckets.buckets().first().and_then(|bucket| bucket.name()).expect("a bucket");
    let waiting = async {
        loop {
            let listing = s3.list_objects_v2().bucket(bucket).send().await.expect("a listing");
            let mut found = BTreeSet::new();
            for key in listing.contents().iter().filter_map(|object| object.key()) {
                let object = s3.get_object().bucket(bucket).key(key).send().await.expect("an object");
                let content = object.body.collect().await.expect("its content").to_vec();
                let content = String::from_utf8(content).expect("text");
                found.extend(content.lines().filter_map(|row| row.split('\t').next()).map(str::to_owned));
            }
            if found.is_superset(expected) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("Firehose delivers what it took");
}

fn host(terminal: &mut Terminal) {
    terminal.press("7");
    terminal.until("reachable");
    terminal.press("p");
    terminal.until("make it so");
    terminal.press("\r");
    terminal.until("provisioned:");
}

/// Files by hour, what is in one, and all of them combined.
fn lake(terminal: &mut Terminal, count: usize) {
    terminal.press("4r");
    // Those of the present hour, which is not behind while it fills, and can be combined all the same.
    terminal.until(" files, ");
    terminal.press("G\r");
    terminal.until("twitter_delivery_stream-1-");
    terminal.press("\r");
    terminal.until("number ");
    // To the calendar and back, which is to the tree; there, to the top of it.
    terminal.press("mmgc");
    terminal.until("Each becomes one Parquet file");
    terminal.press("\r");
    terminal.until(&format!("combined: {count} posts"));
}

/// Topics, their words, the questions, and the report.
fn topics(terminal: &mut Terminal, account: &Account, count: usize) {
    // More than five words, words of two posts, LDA, three of them.
    terminal.press("5f");
    terminal.until("Fit a model");
    terminal.press("\t\t\t\t\u{15}5\t\t\u{15}2\t \t3\t\t\t\u{15}day\r");
    terminal.until("3 topics are kept in models/day");
    terminal.press("\r");
    terminal.until("elsewhere");
    terminal.until("by hour");
    let model = account.home().join("models/day");
    assert_one_subject_each(&std::fs::read_to_string(model.join("topic_terms.csv")).expect("it is kept"));

    terminal.press("a");
    terminal.until("What do its posts say?");
    terminal.press("\r");
    terminal.until(&format!("About all of {count} posts"));
    terminal.press("j");
    terminal.until("Which clients are posts written with?");
    terminal.until("TweetDeck");
    terminal.press("G");
    terminal.until("Which countries write about which topic?");
    terminal.press("\r");
    terminal.until("posts  ");
    terminal.press("x");
    terminal.until("the report is in models/day/report.html");
    let page = std::fs::read_to_string(model.join("report.html")).expect("it is written");
    assert!(page.contains("Which countries write about which topic?"));
}

/// The stack, data and all.
fn down(terminal: &mut Terminal) {
    terminal.press("2D");
    terminal.until("Type default to go on");
    terminal.press("\t ");
    terminal.until("neither can the data in");
    terminal.press("default\r");
    terminal.until("Nothing is left");
    terminal.escape("Nothing is left");
    terminal.until("nothing of the stack is there");
}

async fn from_an_empty_account_to_words_and_back_by_keys_alone(account: Account) {
    const COUNT: usize = 600;
    let began = Instant::now();
    let mut ended = Vec::new();
    let mut is_done = |what: &str| ended.push(format!("{what} {:.1} s", began.elapsed().as_secs_f64()));
    let mut feed = Feed::make(&account);
    let posts = posts(COUNT);
    let (morning, evening) = posts.split_at(COUNT / 2);
    let mut terminal = account.console();
    terminal.create_the_stack();
    is_done("stack");
    host(&mut terminal);
    is_done("host");
    start(&mut terminal, &feed);
    // Posts are shown from when the console watches, which may be a moment after it knows that the stream runs.
    for post in morning {
        feed.give(std::slice::from_ref(post));
        if !terminal.screen().contains("number ") {
            tokio::time::sleep(LOOK).await;
        }
    }
    terminal.until("delivered 300");
    terminal.until("number 299");
    // What the service wrote, and nothing of those who look at it.
    terminal.press("7");
    terminal.until("the stream runs");
    assert!(!terminal.screen().contains("started version"), "{}", terminal.screen());

    // The stream on the host goes on without a console.
    terminal.kill();
    feed.give(evening);
    let mut terminal = account.console();
    terminal.press("3");
    terminal.until("delivered 600");
    drop(feed);
    are_in_the_bucket(&account, &(0..COUNT).map(id).collect()).await;
    is_done("stream");

    lake(&mut terminal, COUNT);
    is_done("lake");
    topics(&mut terminal, &account, COUNT);
    is_done("topics");
    down(&mut terminal);
    is_done("down");
    terminal.press("q");
    let (status, _) = terminal.end();
    assert!(status.success(), "{status:?}");
    assert_eq!(account.aws().everything().await, Vec::<String>::new());
    eprintln!("the whole day by keys, from its beginning: {}", ended.join(", "));
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back_by_keys_alone_in_the_sandbox() {
    from_an_empty_account_to_words_and_back_by_keys_alone(Account::sandbox().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back_by_keys_alone_on_moto_with_a_real_sshd() {
    from_an_empty_account_to_words_and_back_by_keys_alone(Account::moto().await).await;
}

/// Kills the stream on the host through the console's shell there.
fn kill_the_stream(terminal: &mut Terminal) {
    terminal.press("7");
    terminal.until("reachable");
    terminal.press("!");
    terminal.until("brings the console back");
    // A shell that answers is one that is there; what is typed before would be lost.
    terminal.press("echo here-$((6 * 7))\n");
    terminal.until("here-42");
    terminal.press("kill -9 $(cat .local/state/hydrant/stream/default/lock) && echo gone-$((6 * 7))\n");
    terminal.until("gone-42");
    terminal.press("exit\n");
    terminal.until("reachable");
}

#[tokio::test(flavor = "multi_thread")]
async fn through_faults_that_are_watched_every_post_still_comes_out_once() {
    let day = Day::begin(Account::moto().await, 900);
    let Account::Moto { world, wire, .. } = &day.account else { unreachable!() };
    day.done(&["up"]).await;
    day.done(&["host", "provision"]).await;
    let mut feed = Feed::make(&day.account);
    let posts = posts(900);
    let mut terminal = day.account.console();
    start(&mut terminal, &feed);
    feed.give(&posts[..200]);
    terminal.until("delivered 200");

    // The connection is cut: it is taken up again, and what came meanwhile is there.
    wire.cut();
    let cut = async {
        while !wire.was_cut() {
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LIMIT, cut).await.expect("keep-alives go over it");
    feed.give(&posts[200..400]);
    terminal.until("delivered 400");

    // Firehose takes nothing: posts wait, also for a console that is killed and opened again.
    world
        .proxy
        .rule(move |call| if call.is("PutRecordBatch") { Verdict::throttled() } else { Verdict::Forward });
    feed.give(&posts[400..600]);
    terminal.until("pending 200");
    terminal.kill();
    let mut terminal = day.account.console();
    terminal.press("3");
    terminal.until("pending 200");

    // The service is killed: what it had is sent by the next, of whose calls every other one is refused.
    kill_the_stream(&mut terminal);
    terminal.press("3");
    terminal.until("the host: failed, 200 wait");
    let mut calls = 0;
    world.proxy.rule(move |call| {
        calls += usize::from(call.is("PutRecordBatch"));
        if call.is("PutRecordBatch") && calls % 2 == 1 { Verdict::throttled() } else { Verdict::Forward }
    });
    start(&mut terminal, &feed);
    terminal.until("pending 0");
    feed.give(&posts[600..]);
    drop(feed);
    day.until("the end of the posts", |status| status["state"] == "stopped" && status["pending"] == 0).await;
    terminal.press("q");
    assert!(terminal.end().0.success());
    world.proxy.no_rule();
    assert_eq!(day.combined().await, day.expected());
    day.end().await;
}
