//! `hydrant lake`: listings, contents, downloads.

use std::io::Write;

use super::given::{self, PREFIX, key, local, record, write};
use crate::support::World;

#[tokio::test(flavor = "multi_thread")]
async fn hours_are_listed_by_the_span_and_nothing_else_is_looked_into() {
    let world = World::new().await;
    given::bucket(&world).await;
    for hour in ["2021-11-30T23", "2021-12-30T17", "2021-12-30T18", "2021-12-31T00"] {
        given::put(&world, &key(hour, 0), record(1, "text")).await;
    }
    for beside in ["csvs/notes.csv", "models/x/2021/12/30/17/y", "predictions/z", "2021/readme"] {
        given::put(&world, &format!("{PREFIX}{beside}"), "x").await;
    }
    let hours = |ran: &crate::support::run::Ran| -> Vec<String> {
        let rows = ran.json();
        rows.as_array()
            .expect("rows")
            .iter()
            .map(|row| row["hour"].as_str().expect("an hour").to_owned())
            .collect()
    };
    let all = world.hydrant(&["lake", "hours", "--json"]).await.expect(0);
    assert_eq!(hours(&all), ["2021-11-30T23", "2021-12-30T17", "2021-12-30T18", "2021-12-31T00"]);
    assert_eq!(all.json()[0]["combined"], serde_json::Value::Null);
    world.proxy.take_calls();
    let some = world
        .hydrant(&["lake", "hours", "--since", "2021-12-30T18", "--until", "2021-12-30", "--json"])
        .await;
    assert_eq!(hours(&some.expect(0)), ["2021-12-30T18"]);
    let listed: Vec<String> = world.proxy.take_calls().into_iter().map(|call| call.input).collect();
    assert!(
        !listed.iter().any(|query| query.contains("2021%2F11") || query.contains("12%2F31")),
        "{listed:?}"
    );
    let wrong = world.hydrant(&["lake", "hours", "--since", "yesterday"]).await.expect(2);
    assert!(wrong.err.contains("`yesterday` is not an hour"), "{}", wrong.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_listed_printed_and_downloaded() {
    let world = World::new().await;
    given::bucket(&world).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(record(1, "unpacked").as_bytes()).expect("packed");
    let key = key("2021-12-30T17", 0) + ".gz";
    given::put(&world, &key, gzip.finish().expect("packed")).await;
    let top = world.hydrant(&["lake", "ls", PREFIX, "--json"]).await.expect(0);
    let rows: serde_json::Value = serde_json::from_str(&top.out).expect("one document");
    assert_eq!(rows[0]["prefix"], format!("{PREFIX}2021/"));
    let deep = world.hydrant(&["lake", "ls", PREFIX, "--recursive", "--json"]).await.expect(0);
    let rows: serde_json::Value = serde_json::from_str(&deep.out).expect("one document");
    assert_eq!(rows[0]["key"], key);
    let cat = world.hydrant(&["lake", "cat", &key]).await.expect(0);
    assert_eq!(cat.out, record(1, "unpacked"));
    let cat = world.hydrant(&["lake", "cat", &format!("s3://{}/{key}", world.bucket())]).await.expect(0);
    assert_eq!(cat.out, record(1, "unpacked"));
    world.hydrant(&["lake", "get", &key, "--to", "here.gz"]).await.expect(0);
    assert_eq!(
        std::fs::read(world.home.path().join("here.gz")).expect("a file"),
        given::get(&world, &key).await
    );
    let gone = world.hydrant(&["lake", "cat", "no/such/key"]).await.expect(1);
    assert!(
        gone.err.contains(&format!("there is no file s3://{}/no/such/key", world.bucket())),
        "{}",
        gone.err
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_a_lake_without_any_aws() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), "lake/2021/12/30/17/s-1-x", record(1, "text"));
    let hours = local(folder.path(), &["lake", "hours", "--from", "lake", "--json"]).await.expect(0).json();
    assert_eq!(
        (&hours[0]["hour"], &hours[0]["prefix"]),
        (&"2021-12-30T17".into(), &"lake/2021/12/30/17/".into())
    );
    let cat = local(folder.path(), &["lake", "cat", "./lake/2021/12/30/17/s-1-x"]).await.expect(0);
    assert_eq!(cat.out, record(1, "text"));
    let json = local(folder.path(), &["lake", "cat", "--json", "./lake/2021/12/30/17/s-1-x"]).await.expect(2);
    assert!(json.err.contains("leave it out") && json.out.is_empty(), "{}", json.err);
    let none = local(folder.path(), &["lake", "hours", "--from", "nowhere"]).await.expect(1);
    assert!(none.err.contains("there is no folder nowhere"), "{}", none.err);
    let wrong = local(folder.path(), &["lake", "hours", "--from", "gs://x"]).await.expect(2);
    assert!(wrong.err.contains("neither a folder nor an address"), "{}", wrong.err);
}

/// A day of more files than the flat listing goes through is listed hour by hour, and every file is counted once.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_day_is_counted_to_the_last_file() {
    let world = World::new().await;
    given::bucket(&world).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let puts =
        (0..24_usize).flat_map(|hour| (0..150).map(move |number| (hour, number))).map(|(hour, number)| {
            let key = key(&format!("2021-12-30T{hour:02}"), number);
            let url = format!("{}/{}/{key}", world.proxy.endpoint(), world.bucket());
            let request =
                client.put(url).header("authorization", "AWS4-HMAC-SHA256 Credential=A/D/R/s3/aws4_request");
            async move { assert!(request.body("x").send().await.expect("an answer").status().is_success()) }
        });
    use futures_util::StreamExt;
    futures_util::stream::iter(puts).buffer_unordered(16).collect::<Vec<_>>().await;
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    let files: Vec<u64> =
        hours.as_array().expect("rows").iter().filter_map(|row| row["files"].as_u64()).collect();
    assert_eq!(files, [150; 24]);
}
