//! What the sandbox costs: `cargo bench --bench sandbox`.
//!
//! From process start to its line and to its first answer (median of 15); memory when idle, with 10,000 objects and
//! after a restart with them; puts and listed keys a second from one client. The same puts go to the emulator whose endpoint is in
//! `PEER_ENDPOINT`, if there is one.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::primitives::ByteStream;

const OBJECTS: usize = 10_000;
const STARTS: usize = 15;
/// Puts that are timed beside a peer, which may be slow.
const TIMED: usize = 1_000;

struct Served {
    child: Child,
    endpoint: String,
    line_after: Duration,
}

impl Served {
    fn start(folder: &Path) -> Self {
        let began = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_hydrant"))
            .args(["sandbox", "--serve", "--dir"])
            .arg(folder)
            .env("HOME", folder.parent().expect("it has one"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line).expect("a line");
        let line_after = began.elapsed();
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let endpoint = line["endpoint_url"].as_str().expect("an address").to_owned();
        Self { child, endpoint, line_after }
    }

    /// Resident memory in MiB.
    fn memory(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let kibibytes = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        kibibytes.map_or(f64::NAN, |kibibytes| kibibytes / 1024.0)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn client(endpoint: &str) -> aws_sdk_s3::Client {
    aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .build(),
    )
}

/// Puts small objects one after the other, to puts a second.
async fn put(s3: &aws_sdk_s3::Client, numbers: std::ops::Range<usize>) -> f64 {
    let count = numbers.len();
    let began = Instant::now();
    for number in numbers {
        let body = ByteStream::from(format!("record {number}\n").into_bytes());
        let key = format!("raw/2026/11/{:02}/{:02}/posts-{number}", number / 240 % 28 + 1, number / 10 % 24);
        s3.put_object().bucket("bench").key(key).body(body).send().await.expect("put");
    }
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
    let count = count as f64;
    count / began.elapsed().as_secs_f64()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let starts =
        (0..STARTS).map(|number| Served::start(&folder.path().join(number.to_string())).line_after).collect();
    println!("start to its line, new folder    {:>8.1} ms", median(starts).as_secs_f64() * 1e3);

    let home = folder.path().join("full");
    let served = Served::start(&home);
    println!("memory idle                      {:>8.1} MiB", served.memory());
    let s3 = client(&served.endpoint);
    s3.create_bucket().bucket("bench").send().await.expect("made");
    let rate = put(&s3, 0..TIMED).await;
    println!("puts, one client                 {rate:>8.0} /s");
    put(&s3, TIMED..OBJECTS).await;
    println!("memory with {OBJECTS} objects       {:>8.1} MiB", served.memory());
    let began = Instant::now();
    let page = s3
        .list_objects_v2()
        .bucket("bench")
        .prefix("raw/2026/11/")
        .delimiter("/")
        .send()
        .await
        .expect("a page");
    let (days, took) = (page.common_prefixes().len(), began.elapsed().as_secs_f64() * 1e3);
    println!("{days} common prefixes over them    {took:>8.1} ms");
    let (began, mut keys) = (Instant::now(), 0_u32);
    let mut pages = s3.list_objects_v2().bucket("bench").into_paginator().send();
    while let Some(page) = pages.next().await {
        keys += u32::try_from(page.expect("a page").contents().len()).expect("a page is small");
    }
    let rate = f64::from(keys) / began.elapsed().as_secs_f64();
    println!("keys listed, one client          {rate:>8.0} /s");
    drop(served);

    let starts = (0..STARTS).map(|_| Served::start(&home).line_after).collect();
    println!("start to its line, {OBJECTS} objects {:>7.1} ms", median(starts).as_secs_f64() * 1e3);
    println!("memory after a restart with them {:>8.1} MiB", Served::start(&home).memory());

    if let Ok(peer) = std::env::var("PEER_ENDPOINT") {
        let s3 = client(&peer);
        s3.create_bucket().bucket("bench").send().await.expect("made");
        println!("puts, one client, the peer       {:>8.0} /s", put(&s3, 0..TIMED).await);
    }
}
