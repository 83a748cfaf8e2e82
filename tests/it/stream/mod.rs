//! The stream as others see it: the program, its files, its socket, and what it leaves in S3.

mod check;
mod firehose;
mod full_disk;
mod fuzz;
mod kills;
#[cfg(feature = "sandbox")]
mod oracle;
mod service;
#[cfg(feature = "sandbox")]
mod x;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::aws::Aws;

/// A post as X's stream has it; its text is known by its number.
fn post(number: u64) -> Value {
    json!({ "data": { "id": id(number), "text": text(number), "created_at": "2026-11-20T14:03:01.000Z", "lang": "en" } })
}

fn id(number: u64) -> String {
    (2_000_000_000_000_000_000 + number).to_string()
}

fn text(number: u64) -> String {
    format!("post {number} says “{}”", "words, ".repeat(usize::try_from(number % 23).unwrap()))
}

/// What the record says of it.
fn read(number: u64) -> String {
    text(number)
}

/// A file of posts.
fn posts(folder: &Path, numbers: std::ops::Range<u64>) -> PathBuf {
    let file = folder.join("posts.jsonl");
    let lines: String = numbers.map(|number| post(number).to_string() + "\r\n").collect();
    std::fs::write(&file, lines).unwrap();
    file
}

fn replay(file: &Path) -> String {
    format!("replay:{}", file.display())
}

/// A pipe that posts can be put into while the stream runs: a named one, so that a process in the background has it.
fn pipe(home: &Path) -> PathBuf {
    let path = home.join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    path
}

/// `received = filtered + duplicates + malformed + delivered + pending`.
#[track_caller]
fn balances(status: &Value) {
    let count = |name: &str| status[name].as_u64().unwrap_or_else(|| panic!("{name} in {status}"));
    let parts = ["filtered", "duplicates", "malformed", "delivered", "pending"].map(count);
    assert_eq!(count("received"), parts.iter().sum::<u64>(), "{status}");
}

/// Every record in the bucket: how often each id is there, and its text.
async fn in_s3(aws: &Aws, bucket: &str) -> BTreeMap<String, (u64, String)> {
    let mut found: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut pages = aws.s3.list_objects_v2().bucket(bucket).into_paginator().send();
    while let Some(page) = pages.next().await {
        for object in page.expect("a listing").contents() {
            let key = object.key().expect("a key");
            let body = aws.s3.get_object().bucket(bucket).key(key).send().await.expect("there").body;
            let bytes = body.collect().await.expect("read").into_bytes();
            for line in String::from_utf8(bytes.to_vec()).expect("text").lines() {
                let fields: Vec<&str> = line.split('\t').collect();
                assert_eq!(fields.len(), 54, "53 columns and a tab: {line:?}");
                let record = found.entry(fields[0].to_owned()).or_insert_with(|| (0, fields[52].to_owned()));
                assert_eq!(record.1, fields[52], "the same post is the same record");
                record.0 += 1;
            }
        }
    }
    found
}

/// Exactly these posts are there, each with its text; how many are there more than once.
#[track_caller]
fn exactly(found: &BTreeMap<String, (u64, String)>, numbers: std::ops::Range<u64>) -> usize {
    let expected: BTreeMap<String, String> = numbers.map(|number| (id(number), read(number))).collect();
    let lost: Vec<&String> = expected.keys().filter(|id| !found.contains_key(*id)).take(5).collect();
    let never_sent: Vec<&String> = found.keys().filter(|id| !expected.contains_key(*id)).take(5).collect();
    assert!(
        lost.is_empty() && never_sent.is_empty(),
        "lost {lost:?}, never sent {never_sent:?} of {}",
        found.len()
    );
    for (id, (_, text)) in found {
        assert_eq!(text, &expected[id]);
    }
    found.values().filter(|(count, _)| *count > 1).count()
}
