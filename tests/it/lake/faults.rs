//! Denied reads, objects that vanish, damage, kills, and two at once.

use std::io::Write;

use super::given::{self, key, record, texts};
use crate::support::World;
use crate::support::proxy::{Call, Verdict};

const HOUR: &str = "2021-12-30T17";
const OTHER: &str = "2021-12-30T18";

fn error(status: u16, code: &str) -> Verdict {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>no</Message></Error>");
    Verdict::Answer(status, "application/xml", text)
}

fn reads(call: &Call, key: &str) -> bool {
    call.is("GetObject") && call.target.ends_with(key)
}

/// The proxy denies one object, as a bucket's policy may.
#[tokio::test(flavor = "multi_thread")]
async fn an_hour_with_a_file_that_may_not_be_read_is_left_and_the_others_are_done() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    given::put(&world, &key(HOUR, 1), record(2, "two")).await;
    given::put(&world, &key(OTHER, 0), record(3, "three")).await;
    let denied = key(HOUR, 1);
    world
        .proxy
        .rule(move |call| if reads(call, &denied) { error(403, "AccessDenied") } else { Verdict::Forward });
    let ran = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(3);
    assert_eq!((&ran.json()["hours"], &ran.json()["failed"][0]["hour"]), (&1.into(), &HOUR.into()));
    assert!(ran.err.contains("s3:GetObject on s3://") && ran.err.contains("was denied"), "{}", ran.err);
    let csvs = given::results(&world, "csvs").await;
    assert!(csvs.iter().all(|key| key.contains("hc2021123018")), "{csvs:?}");
    world.proxy.no_rule();
    let done = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json();
    assert_eq!((&done["hours"], &done["rows_out"]), (&1.into(), &2.into()));
}

/// The proxy answers as S3 does for an object that was deleted between the listing and the read.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_vanished_is_counted_and_the_hour_is_of_the_others() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    given::put(&world, &key(HOUR, 1), record(2, "two")).await;
    let gone = key(HOUR, 0);
    world.proxy.rule(move |call| if reads(call, &gone) { error(404, "NoSuchKey") } else { Verdict::Forward });
    let combine = ["combine", "--format", "csv", "--json"];
    let done = world.hydrant(&combine).await.expect(3).json();
    assert_eq!((&done["vanished"], &done["files"], &done["rows_out"]), (&1.into(), &1.into(), &1.into()));
    // If it was there after all, the hour is not what was combined.
    world.proxy.no_rule();
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!(hours[0]["stale"], true);
    assert_eq!(world.hydrant(&combine).await.expect(0).json()["rows_out"], 2);
    // What was combined does not give way to less, whoever asks for it.
    given::put(&world, &key(HOUR, 2), record(3, "three")).await;
    let whole = given::results(&world, "csvs").await;
    world.proxy.rule(|call| if reads(call, "0") { error(404, "NoSuchKey") } else { Verdict::Forward });
    for again in [None, Some("--again")] {
        let arguments: Vec<&str> = combine.into_iter().chain(again).collect();
        let ran = world.hydrant(&arguments).await.expect(1);
        assert!(ran.err.contains("1 file that it was combined of went meanwhile"), "{}", ran.err);
        assert_eq!(given::results(&world, "csvs").await, whole);
    }
    world.proxy.no_rule();
    assert_eq!(world.hydrant(&combine).await.expect(0).json()["rows_out"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_torn_file_what_can_be_read_is_combined_and_the_rest_is_said() {
    let world = World::new().await;
    given::bucket(&world).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let content: String = (0..100).map(|id| record(id, "text")).collect();
    gzip.write_all(content.as_bytes()).expect("packed");
    let mut torn = gzip.finish().expect("packed");
    torn.truncate(torn.len() / 2);
    given::put(&world, &(key(HOUR, 0) + ".gz"), torn).await;
    given::put(&world, &key(HOUR, 1), record(1000, "whole")).await;
    let ran = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(3);
    let done = ran.json();
    let rows = texts(&given::get(&world, done["outputs"][0].as_str().expect("a key")).await);
    assert!(
        rows.len() > 40 && rows.len() < 60 && rows.last().is_some_and(|text| text == "whole"),
        "{}",
        rows.len()
    );
    assert!(done["damaged"][0].as_str().is_some_and(|why| why.contains("not good gzip")), "{done}");
    let quarantine = given::get(&world, &given::results(&world, "quarantine").await[0]).await;
    let quarantine = String::from_utf8_lossy(&quarantine);
    assert!(quarantine.contains("from here on, it is not good gzip"), "{quarantine}");
    assert!(quarantine.contains("its file breaks off in it"), "{quarantine}");
    assert_eq!(
        world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json()["skipped_hours"],
        1
    );
}

/// A record's text is its last column: broken off in it, it looks like a row of another text.
#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_a_torn_file_breaks_off_in_is_no_row() {
    let noise = |number: u64| format!("{:08x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32);
    let long = |id: u64| (0..2000).map(|at| noise(id * 2000 + at)).collect::<String>();
    let content: String = (0..40).map(|id| record(id, &long(id))).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content.as_bytes()).expect("packed");
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(content.as_bytes()).expect("packed");
    let zstd = zstd::encode_all(content.as_bytes(), 1).expect("packed");
    for packed in [gzip.finish().expect("packed"), bzip2.finish().expect("packed"), zstd] {
        let folder = tempfile::tempdir().expect("a folder");
        given::write(folder.path(), &key(HOUR, 0), packed.get(..packed.len() * 7 / 10).expect("a part"));
        let combine =
            ["combine", "--from", folder.path().to_str().expect("a path"), "--format", "csv", "--json"];
        let done = given::local(folder.path(), &combine).await.expect(3).json();
        assert!(done["damaged"][0].as_str().is_some_and(|why| why.contains("it is cut off")), "{done}");
        assert_eq!(done["malformed"], 1, "{done}");
        let csv = std::fs::read(done["outputs"][0].as_str().expect("a path")).expect("a file");
        let rows = texts(&csv);
        let whole: Vec<String> = (0..rows.len() as u64).map(long).collect();
        assert!(!rows.is_empty() && rows == whole, "{} rows", rows.len());
    }
}

/// Killed at each of its writes in turn, it leaves whole results or none, and the next run completes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_in_the_middle_leaves_nothing_half() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    let combine = ["combine", "--format", "csv,parquet", "--json"];
    world.hydrant(&combine).await.expect(0);
    given::put(&world, &key(HOUR, 1), record(2, "two")).await;
    for write in 0..7 {
        let mut writes = 0;
        world.proxy.rule(move |call| {
            if !call.changes() {
                return Verdict::Forward;
            }
            writes += 1;
            if writes == write + 1 { Verdict::SwallowBefore } else { Verdict::Forward }
        });
        let running = world.start(&combine);
        world.proxy.swallowed().await;
        running.kill().await;
        world.proxy.no_rule();
        for csv in given::results(&world, "csvs").await.iter().filter(|key| !key.contains("metadata")) {
            let rows = texts(&given::get(&world, csv).await);
            assert!(rows == ["one"] || rows == ["one", "two"], "{write}: {csv}: {rows:?}");
        }
        let rows = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
        assert!(rows[0]["combined"].is_string(), "there is always a result: {write}");
    }
    world.hydrant(&combine).await.expect(0);
    // A second look clears away what the killed ones left.
    world.hydrant(&combine).await.expect(0);
    let csvs = given::results(&world, "csvs").await;
    assert_eq!(csvs.len(), 2, "{csvs:?}");
    let rows = csvs.iter().find(|key| !key.contains("metadata")).expect("rows");
    assert_eq!(texts(&given::get(&world, rows).await), ["one", "two"]);
    assert_eq!(given::results(&world, "manifests").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_at_once_leave_one_result_for_each_hour() {
    let world = World::new().await;
    given::bucket(&world).await;
    for hour in [HOUR, OTHER] {
        for number in 0..5_usize {
            given::put(&world, &key(hour, number), record(number as u64, hour)).await;
        }
    }
    let combine = ["combine", "--format", "csv", "--json"];
    let (one, two) = (world.start(&combine), world.start(&combine));
    let (one, two) = tokio::join!(one.end(), two.end());
    one.expect(0);
    two.expect(0);
    world.hydrant(&combine).await.expect(0);
    let csvs = given::results(&world, "csvs").await;
    let rows: Vec<&String> = csvs.iter().filter(|key| !key.contains("metadata")).collect();
    assert_eq!(rows.len(), 2, "{csvs:?}");
    for csv in rows {
        assert_eq!(texts(&given::get(&world, csv).await).len(), 5);
    }
}

/// Interrupts `combine` while this happens to what reads one object, and looks at how it ends.
async fn interrupted_while(world: &World, held: String, what: fn() -> Verdict) {
    world.proxy.rule(move |call| if reads(call, &held) { what() } else { Verdict::Forward });
    let running = world.start(&["combine", "--format", "csv", "--json"]);
    world.proxy.swallowed().await;
    running.interrupt();
    let ran = running.end().await.expect(130);
    assert!(ran.err.contains("the same command goes on from here"), "{}", ran.err);
    assert!(given::results(world, "csvs").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_it_stops_without_half_outputs_and_goes_on() {
    let world = World::new().await;
    given::bucket(&world).await;
    for number in 0..3 {
        given::put(&world, &key(HOUR, number), record(number as u64, "text")).await;
    }
    interrupted_while(&world, key(HOUR, 2), || Verdict::SwallowBefore).await;
    world.proxy.no_rule();
    assert_eq!(
        world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json()["rows_out"],
        3
    );
}

/// The headers are there, and the body never comes.
#[tokio::test(flavor = "multi_thread")]
async fn interrupted_in_a_read_that_hangs_it_stops_at_once() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "text")).await;
    interrupted_while(&world, key(HOUR, 0), || Verdict::Stall).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn read_only_looks_and_writes_nothing() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    let before = given::keys(&world).await;
    world.hydrant(&["combine", "--readonly"]).await.expect(1);
    world.hydrant(&["lake", "hours", "--readonly"]).await.expect(0);
    world.hydrant(&["combine", "--dry-run", "--readonly"]).await.expect(3);
    assert_eq!(given::keys(&world).await, before);
}
