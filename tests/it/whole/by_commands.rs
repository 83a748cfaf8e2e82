//! The day by commands alone, wherever the account is.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::account::Account;
use super::given::{assert_one_subject_each, id, lines, posts};

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(3);
const LOOK: Duration = Duration::from_millis(200);

pub(super) struct Day {
    pub(super) account: Account,
    posts: PathBuf,
    count: usize,
}

impl Day {
    pub(super) fn begin(account: Account, count: usize) -> Self {
        let file = account.home().join("posts.jsonl");
        std::fs::write(&file, lines(&posts(count))).unwrap();
        Self { posts: file, account, count }
    }

    pub(super) async fn done(&self, arguments: &[&str]) -> Value {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        self.account.hydrant(&arguments).await.expect(0).json()
    }

    /// The host's stream with the posts as its source.
    async fn start(&self, speed: &str) {
        self.start_from(&self.posts.display().to_string(), speed).await;
    }

    /// The same with the posts that are in a file there.
    pub(super) async fn start_from(&self, posts: &str, speed: &str) {
        let source = format!("replay:{posts}");
        let start =
            ["stream", "start", "--on", "host", "--to", "firehose", "--source", &source, "--speed", speed];
        self.done(&start).await;
    }

    /// Waits until the host's stream says something of itself.
    pub(super) async fn until(&self, what: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = async {
            loop {
                let ran = self.account.hydrant(&["stream", "status", "--on", "host", "--json"]).await;
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
    pub(super) async fn combined(&self) -> BTreeSet<String> {
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
            let text = self.account.hydrant(&["lake", "cat", &key]).await.expect(0).out;
            let rows: Vec<&str> = text.lines().skip(1).filter_map(|row| row.split(',').next()).collect();
            let of_hour: BTreeSet<String> = rows.iter().map(|id| (*id).to_owned()).collect();
            assert_eq!(of_hour.len(), rows.len(), "a post is there twice in {key}");
            ids.extend(of_hour);
        }
        ids
    }

    pub(super) fn expected(&self) -> BTreeSet<String> {
        (0..self.count).map(id).collect()
    }

    /// The address of what lies beside the hours.
    async fn results(&self) -> String {
        let status = self.done(&["status"]).await;
        let resources = status["resources"].as_array().expect("a list of resources");
        let bucket = resources.iter().find(|resource| resource["kind"] == "bucket").expect("a bucket");
        let lake = self.done(&["lake", "hours"]).await;
        let key = lake[0]["combined"].as_str().unwrap_or_else(|| panic!("{lake}"));
        let (prefix, _) = key.split_once("parquet/").unwrap_or_else(|| panic!("{key}"));
        format!("s3://{}/{prefix}", bucket["name"].as_str().expect("a name"))
    }

    /// Topics are found in the lake's hours, their words read, the questions asked, and the report written.
    async fn topics(&self) {
        let lake = self.results().await;
        let fit = format!("topics fit --input {lake} --model lda --k 3 --longer-than 5 --out model");
        let fitted = self.done(&fit.split(' ').collect::<Vec<_>>()).await;
        // Nearly equal texts may be folded.
        assert!(fitted["documents"].as_u64() > Some(500) && fitted["k"] == 3, "{fitted}");
        let home = self.account.home();
        assert_one_subject_each(&std::fs::read_to_string(home.join("model/topic_terms.csv")).unwrap());
        let shown = self.account.hydrant(&["topics", "show", "model"]).await.expect(0).out;
        assert!(shown.contains("telescope"), "{shown}");

        let answers = self.done(&["topics", "answer", "model", "--input", &lake]).await;
        let all = Value::from(self.count);
        assert_eq!((&answers["posts"], &answers["with_topic"]), (&all, &all));
        let of = |name: &str| {
            let all = answers["answers"].as_array().expect("a list of answers");
            all.iter().find(|answer| answer["name"] == name).unwrap_or_else(|| panic!("{name}: {answers}"))
        };
        // Each subject has a client and a country of its own.
        for name in ["clients_by_topic", "countries_by_topic"] {
            let map = &of(name)["heat_map"];
            let rows = map["cells"].as_array().expect("rows");
            assert_eq!(rows.len(), 3, "{map}");
            for cells in rows {
                let cells: Vec<u64> =
                    cells.as_array().expect("cells").iter().filter_map(Value::as_u64).collect();
                let most = cells.iter().max().copied().unwrap_or_default();
                assert!(most * 10 > cells.iter().sum::<u64>() * 9, "{name}: {map}");
            }
        }
        assert_eq!(answers["shares_per_hour"]["hours"].as_array().map(Vec::len), Some(6), "{answers}");
        let told = self.done(&["topics", "report", "model", "--input", &lake]).await;
        assert_eq!(told["output"], "model/report.html");
        let page = std::fs::read_to_string(home.join("model/report.html")).unwrap();
        assert!(page.contains("telescope") && page.contains("Which countries write about which topic?"));
    }

    /// Waits until the stream has delivered everything, and finds every post in the bucket, once.
    pub(super) async fn every_post_comes_out_once(&self) {
        let is_over = |status: &Value| status["state"] == "stopped" && status["pending"] == 0;
        let last = self.until("the end of the posts", is_over).await;
        assert_eq!(last["malformed"], 0, "{last}");
        assert_eq!(self.combined().await, self.expected());
    }

    pub(super) async fn end(&self) {
        self.done(&["down", "--yes", "--delete-data"]).await;
        assert_eq!(self.account.aws().everything().await, Vec::<String>::new());
    }
}

async fn from_an_empty_account_to_words_and_back(account: Account) {
    let began = Instant::now();
    let day = Day::begin(account, 900);
    day.done(&["up"]).await;
    day.done(&["host", "provision"]).await;
    day.start("max").await;
    let last = day.until("the end of the posts", |status| status["state"] == "stopped").await;
    assert_eq!((&last["received"], &last["delivered"]), (&900.into(), &900.into()), "{last}");
    assert_eq!(day.combined().await, day.expected());
    day.topics().await;
    day.end().await;
    eprintln!("the whole day took {:.1} s", began.elapsed().as_secs_f64());
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back_in_the_sandbox() {
    from_an_empty_account_to_words_and_back(Account::sandbox().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_account_to_words_and_back_on_moto_with_a_real_sshd() {
    from_an_empty_account_to_words_and_back(Account::moto().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn through_faults_every_post_still_comes_out_once() {
    let day = Day::begin(Account::sandbox().await, 3_000);
    let Account::Sandbox(sandbox) = &day.account else { unreachable!() };
    day.done(&["up"]).await;
    day.done(&["host", "provision"]).await;
    // While Firehose takes nothing, the stream cannot have ended when it is killed as no program can prevent.
    sandbox.faults(&["throttle:firehose=100%"]).await;
    day.start("max").await;
    let status = day.until("every post", |status| status["received"] == day.count).await;
    assert_eq!((&status["pending"], &status["delivered"]), (&day.count.into(), &0.into()), "{status}");
    let kill = format!("kill -9 {}", status["pid"]);
    sandbox.hydrant(&["host", "run", "--", "sh", "-c", &kill]).await.expect(0);
    day.until("the end that it met", |status| status["state"] == "failed").await;
    sandbox.faults(&["throttle:firehose=30%", "partial=20%", "slow:s3=20ms"]).await;
    day.start("max").await;
    day.until("posts", |status| status["delivered"].as_u64() > Some(0)).await;
    sandbox.faults(&["throttle:firehose=30%", "partial=20%", "cut-ssh"]).await;
    let cut = sandbox.hydrant(&["host", "run", "--", "true"]).await;
    assert_ne!(cut.code, Some(0), "the connection is cut: {}", cut.err);
    sandbox.faults(&["throttle:firehose=30%", "partial=20%"]).await;
    day.every_post_comes_out_once().await;
    day.end().await;
}
