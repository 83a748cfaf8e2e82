//! How fast posts go through: read, filtered, written as records, kept on disk, and given back.
//!
//! `cargo bench --bench stream`; "items" are posts. The posts are made up, and of the shape that X's stream has: an
//! author, entities, some with a reference and an emoji; about 1.6 kB each.

use std::time::Duration;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use hydrant::stream::counters::Tally;
use hydrant::stream::dedup::Window;
use hydrant::stream::filter::{Filter, Wanted};
use hydrant::stream::intake::Intake;
use hydrant::stream::record::{Fields, Format};
use hydrant::stream::rules;
use hydrant::stream::sink::csv::CsvFile;
use hydrant::stream::spool::{Batch, Spool};
use jiff::Timestamp;
use serde_json::json;

fn main() {
    divan::main();
}

const POSTS: u64 = 5_000;

fn lines() -> Vec<String> {
    let words = "launch rover telescope orbit crew light matter shuttle probe image dust ring moon test engine signal";
    let words: Vec<&str> = words.split(' ').collect();
    (0..POSTS)
        .map(|number| {
            let id = (2_123_779_146_118_725_632 + number * 4001).to_string();
            let length = usize::try_from(8 + number % 30).unwrap_or(8);
            let start = usize::try_from(number).unwrap_or_default();
            let said: Vec<&str> = (0..length).map(|place| words[(start * 7 + place * 3) % words.len()]).collect();
            let emoji = if number % 5 == 0 { " 🚀" } else { "" };
            let text = format!("{} #mars &amp; @lunar_desk{emoji} https://t.co/AbCdEf1234", said.join(" "));
            let metrics = json!({ "retweet_count": 0, "reply_count": 0, "like_count": 0, "quote_count": 0, "bookmark_count": 0, "impression_count": 0 });
            let user = |id: &str, name: &str| json!({ "id": id, "username": name, "name": "Orbit Watcher", "created_at": "2023-04-23T09:00:00.000Z",
                "location": "Turku, Finland", "protected": false, "verified": true, "verified_type": "blue",
                "public_metrics": { "followers_count": 1204, "following_count": 310, "tweet_count": 8841, "listed_count": 12, "like_count": 4021, "media_count": 77 } });
            json!({
                "data": { "id": id, "text": text, "created_at": "2026-11-20T14:03:01.000Z", "author_id": "1650000000000000001",
                    "conversation_id": id, "lang": "en", "possibly_sensitive": false, "edit_history_tweet_ids": [id],
                    "edit_controls": { "edits_remaining": 5, "is_edit_eligible": true, "editable_until": "2026-11-20T15:03:01.000Z" },
                    "public_metrics": metrics, "entities": { "hashtags": [{ "start": 40, "end": 45, "tag": "mars" }],
                        "mentions": [{ "start": 59, "end": 70, "username": "lunar_desk", "id": "1650000000000000002" }],
                        "urls": [{ "start": 71, "end": 94, "url": "https://t.co/AbCdEf1234", "expanded_url": "https://example.org/burn", "display_url": "example.org/burn" }] } },
                "includes": { "users": [user("1650000000000000001", "orbitwatcher"), user("1650000000000000002", "lunar_desk")] },
                "matching_rules": [{ "id": "1991000000000000101", "tag": "space-1" }]
            })
            .to_string()
        })
        .collect()
}

fn intake() -> Intake {
    let wanted = Wanted { terms: rules::example(), languages: vec!["en".into()], ..Wanted::default() };
    let mut all = wanted;
    all.terms.extend(["launch", "rover", "moon", "orbit", "mars"].map(ToOwned::to_owned));
    let filter = Filter::new(all).expect("few words");
    Intake::new(filter, Window::in_memory(Duration::from_hours(6), Timestamp::UNIX_EPOCH))
}

fn batch(lines: &[String]) -> Batch {
    let (mut batch, mut tally) = (Batch::default(), Tally::default());
    let mut intake = intake();
    for line in lines {
        intake.line(line.as_bytes(), Timestamp::UNIX_EPOCH, &mut batch, &mut tally);
    }
    assert!(batch.posts() * 10 > POSTS * 9, "the filter keeps nearly all of them: {}", batch.posts());
    batch
}

/// Read, filtered by 66 terms, compared with what was there, and written as records.
#[divan::bench]
fn intake_of_posts(bencher: Bencher<'_, '_>) {
    let lines = lines();
    let bytes: usize = lines.iter().map(String::len).sum();
    bencher
        .counter(ItemsCount::new(POSTS))
        .counter(BytesCount::new(bytes))
        .with_inputs(|| (intake(), Batch::default(), Tally::default()))
        .bench_local_refs(|(intake, batch, tally)| {
            for line in &lines {
                intake.line(line.as_bytes(), Timestamp::UNIX_EPOCH, batch, tally);
            }
        });
}

/// A record's line parted into its fields.
#[divan::bench]
fn records_split(bencher: Bencher<'_, '_>) {
    let batch = batch(&lines());
    let lines: Vec<Vec<u8>> = batch.iter().map(|entry| entry.line.to_vec()).collect();
    let bytes: usize = lines.iter().map(Vec::len).sum();
    bencher.counter(ItemsCount::new(lines.len())).counter(BytesCount::new(bytes)).bench_local(|| {
        for line in &lines {
            black_box(Fields::split(black_box(line)).expect("a record"));
        }
    });
}

/// A record turned into JSON, as for watchers.
#[divan::bench]
fn records_as_json(bencher: Bencher<'_, '_>) {
    let batch = batch(&lines());
    bencher.counter(ItemsCount::new(batch.posts())).bench_local(|| {
        let mut out = Vec::new();
        for entry in batch.iter() {
            Fields::split(entry.line).expect("a record").write(Format::Json, &mut out);
        }
        out
    });
}

/// Appended to a CSV file.
#[divan::bench]
fn records_to_csv(bencher: Bencher<'_, '_>) {
    let batch = batch(&lines());
    let lines: Vec<u8> = batch.iter().flat_map(|entry| entry.line.iter().copied()).collect();
    let folder = tempfile::tempdir().expect("a folder");
    let mut file = CsvFile::open(&folder.path().join("posts.csv"), false).expect("a file");
    bencher.counter(ItemsCount::new(batch.posts())).bench_local(|| file.append(&lines).expect("written"));
}

/// Kept on disk, synced, read back, and its place moved behind it.
#[divan::bench]
fn spool_there_and_back(bencher: Bencher<'_, '_>) {
    let mut batch = batch(&lines());
    let folder = tempfile::tempdir().expect("a folder");
    let (mut spool, _) = Spool::open(folder.path(), 1 << 30).expect("a spool");
    let mut reader = spool.reader();
    bencher.counter(ItemsCount::new(batch.posts())).bench_local(|| {
        spool.append(&mut batch, None).expect("kept");
        let mut bytes = 0;
        reader
            .read(spool.next(), |_, entry| {
                bytes += entry.line.len();
                true
            })
            .expect("read");
        spool.delivered(spool.next()).expect("noted");
        bytes
    });
}
