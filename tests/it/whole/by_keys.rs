//! The day by keys alone: nothing is known of hydrant but what stands on its screen. In the midst of it the console is
//! killed and opened again.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::given::{assert_one_subject_each, lines, posts};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

const POSTS: usize = 600;
/// Firehose delivers within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(100);

fn console(sandbox: &Sandbox) -> Terminal {
    let variables = sandbox.serving.line["env"].as_object().expect("an object of variables");
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
    Terminal::run(sandbox.home.path(), (140, 44), &[], &variables)
}

/// A file that the stream on the host reads as it is written: posts come when the test says so.
struct Feed(File);

impl Feed {
    fn make(path: &Path) {
        assert!(Command::new("mkfifo").arg(path).status().expect("there is `mkfifo`").success());
    }

    /// Waits until somebody reads it.
    fn open(path: &Path) -> Self {
        Self(File::options().write(true).open(path).expect("it is there"))
    }

    fn give(&mut self, posts: &[String]) {
        self.0.write_all(lines(posts).as_bytes()).expect("it is read");
    }
}

/// Waits until so many rows lie in the bucket.
async fn delivered(sandbox: &Sandbox, rows: usize) {
    let s3 = sandbox.aws().s3;
    let waiting = async {
        loop {
            let buckets = s3.list_buckets().send().await.expect("a listing");
            let bucket = buckets.buckets().first().and_then(|bucket| bucket.name()).expect("a bucket");
            let listing = s3.list_objects_v2().bucket(bucket).send().await.expect("a listing");
            let mut found = 0;
            for key in listing.contents().iter().filter_map(|object| object.key()) {
                let object = s3.get_object().bucket(bucket).key(key).send().await.expect("an object");
                let content = object.body.collect().await.expect("its content").into_bytes();
                found += content.iter().filter(|byte| **byte == b'\n').count();
            }
            if found >= rows {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("Firehose delivers what it took");
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back_by_keys_alone() {
    let began = Instant::now();
    let sandbox = Sandbox::new(&[]).await;
    let feed = sandbox.home.path().join("feed");
    Feed::make(&feed);
    let posts = posts(POSTS);
    let mut terminal = console(&sandbox);
    terminal.until("nothing of the stack is there");

    // The stack.
    terminal.press("2");
    terminal.until("resource");
    terminal.press("c");
    terminal.until("This will be done");
    terminal.press("\r");
    terminal.until("Everything is as it should be");
    terminal.escape("Everything is as it should be");

    // The host.
    terminal.press("7");
    terminal.until("reachable");
    terminal.press("p");
    terminal.until("Provision the host");
    terminal.press("\r");
    terminal.until("provisioned:");

    // A stream on the host, from the file.
    terminal.press("3S");
    terminal.until("Source and terms");
    terminal.press(&format!("\t\u{15}replay:{}\r", feed.display()));
    terminal.until("the next start asks for this");
    terminal.press("s");
    terminal.until("Start the stream");
    // The machine is the only field: tab goes to it, space to the host.
    terminal.press("\t \r");
    let mut source =
        tokio::task::spawn_blocking(move || Feed::open(&feed)).await.expect("the stream reads it");
    let (morning, evening) = posts.split_at(POSTS / 2);
    source.give(morning);
    terminal.until("delivered 300");
    terminal.until("number 299");

    // The console is killed; the stream on the host is none of its business.
    terminal.kill();
    source.give(evening);
    let mut terminal = console(&sandbox);
    terminal.press("3");
    terminal.until("delivered 600");
    drop(source);
    delivered(&sandbox, POSTS).await;

    // Files by hour, and what is in one.
    terminal.press("4r");
    terminal.until("to combine");
    terminal.press("G\r");
    terminal.until("twitter_delivery_stream-1-");
    terminal.press("\r");
    terminal.until("number ");
    terminal.press("\u{1b}");
    terminal.until("opens the chosen file");
    terminal.escape("opens the chosen file");
    terminal.press("gc");
    terminal.until("Each becomes one Parquet file");
    terminal.press("\r");
    terminal.until("all combined");

    // Topics: more than five words, words of two posts, LDA, three of them.
    terminal.press("5f");
    terminal.until("Fit a model");
    terminal.press("\t\t\t\t\u{15}5\t\t\u{15}2\t \t3\t\t\t\u{15}day\r");
    terminal.until("3 topics are kept in models/day");
    terminal.press("\r");
    terminal.until("elsewhere");
    terminal.until("by hour");
    let model = sandbox.home.path().join("models/day");
    assert_one_subject_each(&std::fs::read_to_string(model.join("topic_terms.csv")).unwrap());

    // The questions, of the lake's hours.
    terminal.press("a");
    terminal.until("What do its posts say?");
    terminal.press("\r");
    terminal.until("About all 600 posts");
    terminal.press("j");
    terminal.until("Which clients are posts written with?");
    terminal.until("TweetDeck");
    terminal.press("G");
    terminal.until("Which countries write about which topic?");
    terminal.press("\r");
    terminal.until("posts  ");
    terminal.press("x");
    terminal.until("the report is in models/day/report.html");
    let page = std::fs::read_to_string(model.join("report.html")).unwrap();
    assert!(page.contains("Which countries write about which topic?"));

    // Down, data and all.
    terminal.press("2D");
    terminal.until("Type default to go on");
    terminal.press("\t ");
    terminal.until("neither can the data in the bucket");
    terminal.press("default\r");
    terminal.until("Nothing is left");
    terminal.escape("Nothing is left");
    terminal.until("nothing of the stack is there");
    terminal.press("q");
    let (status, _) = terminal.end();
    assert!(status.success(), "{status:?}");
    assert_eq!(sandbox.aws().everything().await, Vec::<String>::new());
    eprintln!("the whole day by keys took {:.1} s", began.elapsed().as_secs_f64());
}
