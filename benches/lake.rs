//! What combining costs: wall time, CPU time and peak memory of `hydrant combine` over a lake that this makes itself.
//!
//! `cargo bench --bench lake -- [--hours 24] [--files 58] [--rows 1500] [--keep FOLDER]`
//!
//! With `--keep`, the lake stays in that folder (and is used again if it is there), so that `benches/lake_peers.py`
//! can be run over the same files.
//!
//! Then `hydrant lake hours` lists a million keys from a loopback server that speaks as much of S3 as that takes and
//! makes up its answers as they are asked for (`--keys 1000000`): what is measured is hydrant.

#![allow(
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a program that measures; it fails by panicking"
)]

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

const WORDS: &[&str] = &[
    "telescope",
    "launch",
    "orbit",
    "rover",
    "crew",
    "station",
    "matter",
    "light",
    "shuttle",
    "probe",
    "lander",
    "image",
    "dust",
    "ring",
    "moon",
    "tests",
    "rocket",
    "engine",
    "booster",
    "sample",
    "return",
    "window",
    "delay",
    "nebula",
    "galaxy",
    "comet",
    "asteroid",
    "payload",
    "astronaut",
    "capsule",
    "saturn",
    "jupiter",
    "neptune",
];
const RARE: &[&str] =
    &["crypto", "wallet", "goddard", "日本語", "🚀", "café", "“quoted”", "\u{2028}", "comma,", "\"q\""];
/// One user's list, as long as real ones are.
const UNWANTED: &str = "crypto\ntoken\nwallet\nliquidity\nrewards\ndogecoin\nbinance\nmoney\nnft\narcade\nhomework\nmarketing\nsega\nxbox\nwii\nessay\nscriptures\nhosting\nservers\nbrowsing\nservices\ndecentralized\nbin laden\nvolcano detected\nblock-2\n";

struct Shape {
    hours: usize,
    files: usize,
    rows: usize,
}

fn row(rng: &mut StdRng, number: usize, day: usize, hour: usize, out: &mut String) {
    let mut text = String::new();
    for _ in 0..rng.random_range(3..=45) {
        text.push_str(WORDS.choose(rng).unwrap());
        text.push(' ');
    }
    if number.is_multiple_of(17) {
        text.push_str(RARE.choose(rng).unwrap());
    }
    let place = if number.is_multiple_of(40) {
        "p1\thttps://api.example.org/p.json\tcity\tHouston\tHouston, TX\tUS\tUnited States\tPolygon"
    } else {
        "\t\t\t\t\t\t\t"
    };
    let id = 1_477_000_000_000_000_000 + number * 4001;
    writeln!(
        out,
        "{id}\tNone\tNone\tNone\tNone\tFalse\t0\t0\t0\t0\tFalse\tFalse\tWed Dec {day:02} {hour:02}:{:02}:{:02} +0000 2021\t<a href=\"http://example.org/download\" rel=\"nofollow\">Web App</a>\tNone\t{}\tWeb App\t{place}\t[[]]\t{{}}\t\t\t\t\t\t\t{}\tuser_{}\t{}\t{}\t2\t{}\t{}\tFalse\tFalse\tFalse\tSat Nov 27 20:38:14 +0000 2010\t{}\t{}\t\tmars|moon\t\t0\t0\t2\t{}\t",
        number % 60,
        number % 59,
        if number.is_multiple_of(10) { "somebody" } else { "None" },
        if number.is_multiple_of(3) { "Émile" } else { "O'Neil" },
        number % 50_021,
        number % 90_001,
        number % 500,
        number % 7001,
        number % 40_009,
        if number.is_multiple_of(3) { "None" } else { "Los Angeles, CA" },
        if number.is_multiple_of(3) { "yes" } else { "no" },
        text.trim_end(),
    )
    .unwrap();
}

fn make(lake: &Path, shape: &Shape) -> u64 {
    let mut rng = StdRng::seed_from_u64(1);
    let (mut number, mut bytes) = (0, 0);
    for hour in 0..shape.hours {
        let (day, of_day) = (1 + hour / 24, hour % 24);
        let folder = lake.join(format!("2021/12/{day:02}/{of_day:02}"));
        std::fs::create_dir_all(&folder).unwrap();
        for file in 0..shape.files {
            let mut content = String::new();
            for _ in 0..shape.rows {
                number += 1;
                row(&mut rng, number, day, of_day, &mut content);
                if number.is_multiple_of(1000) {
                    content.push_str("a\ttorn\trow\n");
                }
            }
            bytes += content.len() as u64;
            let name = format!("stream-1-2021-12-{day:02}-{of_day:02}-{file:02}-00-{number:032x}");
            std::fs::write(folder.join(name), content).unwrap();
        }
    }
    std::fs::write(lake.join("unwanted.txt"), UNWANTED).unwrap();
    bytes
}

/// CPU seconds and peak memory of all children so far; the peak is that of the largest.
fn used() -> f64 {
    let of_children = std::fs::read_to_string("/proc/self/stat").unwrap();
    // After the name in parentheses: cutime and cstime are the fields 16 and 17, in ticks of 10 ms.
    let fields: Vec<&str> = of_children.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u32 = fields[13].parse::<u32>().unwrap() + fields[14].parse::<u32>().unwrap();
    f64::from(ticks) / 100.0
}

/// Runs the binary and gives its wall time, CPU time and peak memory.
fn run(arguments: &[&str], home: &Path) -> (f64, f64, u64, serde_json::Value) {
    let (began, before) = (Instant::now(), used());
    let mut child = Command::new(env!("CARGO_BIN_EXE_hydrant"))
        .args(arguments)
        .env_clear()
        .env("HOME", home)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let status = PathBuf::from(format!("/proc/{}/status", child.id()));
    let watch = std::thread::spawn(move || {
        let mut peak = 0;
        while let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let Some(line) = line else { break };
            peak = line.trim().trim_end_matches(" kB").parse().unwrap_or(peak);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        peak
    });
    let mut out = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().unwrap(), &mut out).unwrap();
    assert!(child.wait().unwrap().success(), "{out}");
    let wall = began.elapsed().as_secs_f64();
    let peak: u64 = watch.join().unwrap();
    (wall, used() - before, peak, serde_json::from_str(out.lines().last().unwrap()).unwrap())
}

/// Ten days of hours with files enough for so many keys, as a bucket lists them.
struct Bucket {
    keys: usize,
}

impl Bucket {
    const HOURS: usize = 240;

    fn of_hour(&self) -> usize {
        self.keys / Self::HOURS
    }

    fn key(&self, number: usize) -> String {
        let (hour, file) = (number / self.of_hour(), number % self.of_hour());
        let (day, of_day) = (1 + hour / 24, hour % 24);
        let second = file * 3600 / self.of_hour();
        format!(
            "p/2021/12/{day:02}/{of_day:02}/stream-1-2021-12-{day:02}-{of_day:02}-{:02}-{:02}-{file:032x}",
            second / 60,
            second % 60
        )
    }

    /// The first key that is not before this one.
    fn from(&self, start: &str) -> usize {
        let (mut low, mut high) = (0, self.of_hour() * Self::HOURS);
        while low < high {
            let middle = low.midpoint(high);
            if self.key(middle).as_str() < start { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// A page, as S3 answers it.
    fn page(&self, query: &str) -> String {
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let parameter = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| decoded(value))
        };
        let prefix = parameter("prefix").unwrap_or_default();
        let delimited = parameter("delimiter").is_some();
        let after = parameter("continuation-token").or_else(|| parameter("start-after"));
        let mut number =
            after.as_ref().map_or(0, |after| self.from(&format!("{after}\u{1}"))).max(self.from(&prefix));
        let mut body = String::from("<?xml version=\"1.0\"?><ListBucketResult>");
        let (mut count, mut last) = (0, String::new());
        while count < 1000 && number < self.of_hour() * Self::HOURS {
            let key = self.key(number);
            let Some(rest) = key.strip_prefix(&prefix) else { break };
            if let Some((folder, _)) = rest.split_once('/').filter(|_| delimited) {
                last = format!("{prefix}{folder}/");
                write!(body, "<CommonPrefixes><Prefix>{last}</Prefix></CommonPrefixes>").unwrap();
                number = self.from(&format!("{prefix}{folder}0"));
            } else {
                write!(
                    body,
                    "<Contents><Key>{key}</Key><LastModified>2021-12-31T00:00:00.000Z</LastModified><ETag>&quot;{number:032x}&quot;</ETag><Size>5242880</Size><StorageClass>STANDARD</StorageClass></Contents>"
                )
                .unwrap();
                last = key;
                number += 1;
            }
            count += 1;
        }
        let more = number < self.of_hour() * Self::HOURS && self.key(number).starts_with(&prefix);
        write!(body, "<IsTruncated>{more}</IsTruncated><KeyCount>{count}</KeyCount>").unwrap();
        if more {
            write!(body, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
        }
        body + "</ListBucketResult>"
    }
}

/// Serves it, and gives its address.
fn serve(bucket: Bucket) -> String {
    use http_body_util::Full;
    use hyper::body::{Bytes, Incoming};
    use hyper::{Request, Response};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let bucket = std::sync::Arc::new(bucket);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let bucket = std::sync::Arc::clone(&bucket);
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                        let page = bucket.page(request.uri().query().unwrap_or_default());
                        async move {
                            Ok::<_, std::convert::Infallible>(Response::new(Full::new(Bytes::from(page))))
                        }
                    });
                    let stream = hyper_util::rt::TokioIo::new(stream);
                    drop(hyper::server::conn::http1::Builder::new().serve_connection(stream, service).await);
                });
            }
        });
    });
    address
}

fn list(keys: usize, home: &Path) {
    let endpoint = serve(Bucket { keys });
    let settings =
        ["region=us-east-1", "aws_access_key_id=a", "aws_secret_access_key=b", "bucket=lake", "prefix=p/"];
    let mut arguments = vec!["lake", "hours", "--json", "--endpoint-url", &endpoint];
    arguments.extend(settings.iter().flat_map(|setting| ["--set", setting]));
    let mut runs: Vec<(f64, f64, u64, serde_json::Value)> = (0..3).map(|_| run(&arguments, home)).collect();
    runs.sort_by(|one, other| one.0.total_cmp(&other.0));
    let (wall, cpu, peak, hours) = &runs[1];
    let files: u64 = hours.as_array().unwrap().iter().map(|hour| hour["files"].as_u64().unwrap()).sum();
    let rate = files as f64 / wall;
    println!(
        "listing  {wall:6.2} s wall  {cpu:6.2} s CPU  {:4} MB peak  {rate:.0} keys/s  ({files} keys)",
        peak / 1000
    );
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let after = |name: &str| {
        arguments.iter().position(|argument| argument == name).and_then(|at| arguments.get(at + 1)).cloned()
    };
    let number = |name: &str, usual: usize| after(name).map_or(usual, |text| text.parse().unwrap());
    let shape =
        Shape { hours: number("--hours", 24), files: number("--files", 58), rows: number("--rows", 1500) };
    let temporary = tempfile::tempdir().unwrap();
    let folder = after("--keep").map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    let lake = folder.join("lake");
    if !lake.exists() {
        println!("making the lake: {} MB", make(&lake, &shape) / 1_000_000);
    }
    let lake = lake.to_str().unwrap().to_owned();
    let words = format!("{lake}/unwanted.txt");
    for format in ["csv", "parquet"] {
        let mut runs: Vec<(f64, f64, u64, serde_json::Value)> = (0..3)
            .map(|run_number| {
                let to = folder.join(format!("out-{format}-{run_number}"));
                let to = to.to_str().unwrap().to_owned();
                let done = run(
                    &[
                        "combine",
                        "--from",
                        &lake,
                        "--to",
                        &to,
                        "--format",
                        format,
                        "--unwanted",
                        &words,
                        "--match",
                        "substring",
                        "--json",
                    ],
                    temporary.path(),
                );
                std::fs::remove_dir_all(&to).unwrap();
                done
            })
            .collect();
        runs.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (wall, cpu, peak, done) = &runs[1];
        let rows = done["rows_in"].as_f64().unwrap();
        println!(
            "{format:<8} {wall:6.2} s wall  {cpu:6.2} s CPU  {:4} MB peak  {:.2} million rows/s  ({} rows in, {} out)",
            peak / 1000,
            rows / wall / 1e6,
            done["rows_in"],
            done["rows_out"]
        );
    }
    list(number("--keys", 1_000_000), temporary.path());
}
