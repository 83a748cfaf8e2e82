//! The day of an operator from beginning to end, by commands alone: a stack and a host, posts through the host's
//! stream into the lake, hours combined, topics found and read, everything torn down; and the same with faults in the
//! way, from which every post still comes out once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(200);

const SUBJECTS: [[&str; 8]; 3] = [
    ["rocket", "booster", "engine", "landing", "launch", "payload", "thrust", "nozzle"],
    ["galaxy", "telescope", "nebula", "spectrum", "mirror", "cosmic", "stellar", "infrared"],
    ["senate", "budget", "congress", "contract", "funding", "committee", "hearing", "policy"],
];

const ENDINGS: [&str; 6] = ["", "ing", "ward", "less", "ist", "like"];

/// Posts as X's stream writes them, each about one subject.
fn posts(count: usize) -> String {
    let (mut lines, mut rng) = (String::new(), StdRng::seed_from_u64(7));
    for number in 0..count {
        let subject = &SUBJECTS[number % SUBJECTS.len()];
        let word = |_| {
            let (stem, ending) = (subject.choose(&mut rng), ENDINGS.choose(&mut rng));
            format!("{}{}", stem.expect("some"), ending.expect("some"))
        };
        let said: Vec<String> = (0..12).map(word).collect();
        let post = json!({ "data": {
            "id": (1_900_000_000_000_000_000_u64 + number as u64).to_string(),
            "text": format!("{} number {number}", said.join(" ")),
            "author_id": "7",
            "created_at": "2026-11-20T14:02:07.000Z",
            "lang": "en",
        }});
        writeln!(lines, "{post}").unwrap();
    }
    lines
}

struct Day {
    sandbox: Sandbox,
    posts: PathBuf,
    count: usize,
}

impl Day {
    async fn begin(count: usize) -> Self {
        let sandbox = Sandbox::new(&[]).await;
        let file = sandbox.home.path().join("posts.jsonl");
        std::fs::write(&file, posts(count)).unwrap();
        Self { posts: file, sandbox, count }
    }

    async fn done(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.sandbox.hydrant(&arguments).await.expect(0).json()
    }

    /// The host's stream with the posts as its source.
    async fn start(&self, speed: &str) {
        let source = format!("replay:{}", self.posts.display());
        let start =
            ["stream", "start", "--on", "host", "--to", "firehose", "--source", &source, "--speed", speed];
        self.done(&start).await;
    }

    /// Waits until the host's stream says something of itself.
    async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = async {
            loop {
                let ran = self.sandbox.hydrant(&["stream", "status", "--on", "host", "--json"]).await;
                // A connection that was cut is made anew by the next look.
                if ran.code == Some(0) || !ran.out.is_empty() {
                    last = ran.json();
                    if holds(&last) {
                        return;
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let in_time = tokio::time::timeout(LIMIT, waiting).await;
        assert!(in_time.is_ok(), "{what} does not come about: {last}");
        last
    }

    /// Waits until Firehose has put everything into the bucket, and combines it; gives the ids of the posts.
    async fn combined(&self) -> BTreeSet<String> {
        let waiting = async {
            loop {
                let combined = self.done(&["combine", "--format", "csv,parquet"]).await;
                assert_eq!(combined["malformed"], 0, "{combined}");
                let ids = self.ids().await;
                if ids.len() >= self.count {
                    return ids;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(LIMIT, waiting).await.expect("Firehose delivers what it took")
    }

    async fn ids(&self) -> BTreeSet<String> {
        let hours = self.done(&["lake", "hours"]).await;
        let mut ids = BTreeSet::new();
        for hour in hours.as_array().expect("a list of hours") {
            let Some(key) = hour["combined"].as_str() else { continue };
            let key = key.replace(".parquet", ".csv").replace("/parquet/", "/csvs/");
            let text = self.sandbox.hydrant(&["lake", "cat", &key]).await.expect(0).out;
            let rows: Vec<&str> = text.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
            let of_hour: BTreeSet<String> = rows.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!(of_hour.len(), rows.len(), "a post is there twice in {key}");
            ids.extend(of_hour);
        }
        ids
    }

    fn expected(&self) -> BTreeSet<String> {
        (0..self.count).map(|number| (1_900_000_000_000_000_000_u64 + number as u64).to_string()).collect()
    }

    async fn end(&self) {
        self.done(&["down", "--yes", "--delete-data"]).await;
        assert_eq!(self.sandbox.aws().everything().await, Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back() {
    let day = Day::begin(900).await;
    day.done(&["up"]).await;
    day.done(&["host", "provision"]).await;
    day.start("max").await;
    let last = day.until("the end of the posts", |status| status["state"] == "stopped").await;
    assert_eq!((&last["received"], &last["delivered"]), (&900.into(), &900.into()), "{last}");
    assert_eq!(day.combined().await, day.expected());

    let lake = day.done(&["lake", "hours"]).await;
    let key = lake[0]["combined"].as_str().unwrap_or_else(|| panic!("{lake}")).to_owned();
    let home = day.sandbox.home.path();
    let file = home.join("hour.parquet");
    let file = file.to_str().expect("text");
    day.sandbox.hydrant(&["lake", "get", &key, "--to", file]).await.expect(0);
    let fit = [
        "topics",
        "fit",
        "--input",
        file,
        "--model",
        "lda",
        "--k",
        "3",
        "--longer-than",
        "5",
        "--out",
        "model",
    ];
    let fitted = day.done(&fit).await;
    // Nearly equal texts may be folded.
    assert!(fitted["documents"].as_u64() > Some(500) && fitted["k"] == 3, "{fitted}");
    // Each topic's words are one subject's.
    let table = std::fs::read_to_string(home.join("model/topic_terms.csv")).unwrap();
    let mut words: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        if fields[1].parse::<usize>().unwrap() <= 5 {
            let subject =
                SUBJECTS.iter().position(|subject| subject.iter().any(|stem| fields[2].starts_with(stem)));
            words.entry(fields[0]).or_default().insert(subject.unwrap_or_else(|| panic!("{row}")));
        }
    }
    assert!(words.len() == 3 && words.values().all(|subjects| subjects.len() == 1), "{words:?}");
    let shown = day.sandbox.hydrant(&["topics", "show", "model"]).await.expect(0).out;
    assert!(shown.contains("telescope"), "{shown}");
    day.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_faults_every_post_still_comes_out_once() {
    let day = Day::begin(3_000).await;
    day.done(&["up"]).await;
    day.done(&["host", "provision"]).await;
    // While Firehose takes nothing, the stream cannot have ended when it is killed as no program can prevent.
    day.sandbox.faults(&["throttle:firehose=100%"]).await;
    day.start("max").await;
    let status = day.until("every post", |status| status["received"] == day.count).await;
    assert_eq!((&status["pending"], &status["delivered"]), (&day.count.into(), &0.into()), "{status}");
    let kill = format!("kill -9 {}", status["pid"]);
    day.sandbox.hydrant(&["host", "run", "--", "sh", "-c", &kill]).await.expect(0);
    day.until("the end that it met", |status| status["state"] == "failed").await;
    day.sandbox.faults(&["throttle:firehose=30%", "partial=20%", "slow:s3=20ms"]).await;
    day.start("max").await;
    day.until("posts", |status| status["delivered"].as_u64() > Some(0)).await;
    day.sandbox.faults(&["throttle:firehose=30%", "partial=20%", "cut-ssh"]).await;
    let cut = day.sandbox.hydrant(&["host", "run", "--", "true"]).await;
    assert_ne!(cut.code, Some(0), "the connection is cut: {}", cut.err);
    day.sandbox.faults(&["throttle:firehose=30%", "partial=20%"]).await;
    let last = day
        .until("the end of the posts", |status| status["state"] == "stopped" && status["pending"] == 0)
        .await;
    assert_eq!(last["malformed"], 0, "{last}");
    assert_eq!(day.combined().await, day.expected());
    day.end().await;
}
