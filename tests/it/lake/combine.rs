//! Combining on moto's S3, and in folders.

use std::io::Write;

use super::given::{self, PREFIX, column, key, local, record, texts, write};
use crate::support::World;

const HOUR: &str = "2021-12-30T17";

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_becomes_one_file_with_the_predecessors_names_and_columns() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one") + &record(2, "two, \"quoted\"")).await;
    given::put(&world, &key(HOUR, 1), record(3, "trois é 🚀")).await;
    let ran = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0);
    let done = ran.json();
    assert_eq!(
        (&done["hours"], &done["files"], &done["rows_in"], &done["rows_out"], &done["malformed"]),
        (&1.into(), &2.into(), &3.into(), &3.into(), &0.into())
    );
    let output = done["outputs"][0].as_str().expect("a key");
    let name = output.strip_prefix(&format!("{PREFIX}csvs/tweets_2_hc2021123017_s")).expect(output);
    assert_eq!(name.len(), "YYYYMMDDHHMMSS.csv".len());
    let csv = given::get(&world, output).await;
    assert_eq!(texts(&csv), ["one", "two, \"quoted\"", "trois é 🚀"]);
    assert_eq!(column(&csv, "created_at"), ["2021-12-30 17:35:53+00:00"; 3]);
    let files: Vec<String> = [0, 0, 1]
        .iter()
        .map(|number| key(HOUR, *number).rsplit('/').next().expect("a name").to_owned())
        .collect();
    assert_eq!(column(&csv, "file_name"), files);
    let header = String::from_utf8_lossy(&csv).lines().next().expect("a header").to_owned();
    assert_eq!(
        header,
        "id,contributors,created_at,source,in_reply_to_screen_name,source_text,place_id,place_url,place_place_type,\
         place_country_code,place_country,user_name,user_screen_name,user_followers,user_friends,user_listed,\
         user_favourites,user_statuses,user_protected,user_verified,user_joined,user_location,retweeted_tweet,text,file_name"
    );
    let metadata = given::get(&world, &output.replace("tweets_2", "tweets_metadata_2")).await;
    assert_eq!(column(&metadata, "values_index"), ["0", "1", "0"]);
    assert_eq!(column(&metadata, "file_number"), ["0", "0", "1"]);
    assert_eq!(column(&metadata, "len_values"), ["53"; 3]);
    let manifest = &given::results(&world, "manifests").await[0];
    let manifest: serde_json::Value =
        serde_json::from_slice(&given::get(&world, manifest).await).expect("JSON");
    assert_eq!(manifest["sources"][1]["key"], key(HOUR, 1));
    assert_eq!((&manifest["sources"][0]["rows"], &manifest["counts"]["rows_out"]), (&2.into(), &3.into()));
    assert!(manifest["sources"][0]["etag"].as_str().is_some_and(|etag| etag.len() == 32));
}

#[tokio::test(flavor = "multi_thread")]
async fn parquet_is_typed_and_names_its_sources() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "one") + &record(2, "None"));
    let from = folder.path().to_str().expect("a path");
    let done = local(folder.path(), &["combine", "--from", from, "--json"]).await.expect(0).json();
    let output = done["outputs"][0].as_str().expect("a path").to_owned();
    assert!(output.ends_with(".parquet"), "{output}");
    let content: bytes::Bytes = std::fs::read(&output).expect("a file").into();
    let columns = ["id", "created_at", "user_followers", "user_verified", "place_id", "text"];
    let rows = hydrant::lake::combined::parse(content.clone(), &output, &columns.map(ToOwned::to_owned))
        .expect("rows");
    let types: Vec<String> = rows.columns().iter().map(|column| column.dtype().to_string()).collect();
    assert_eq!(types, ["str", "datetime[ms, UTC]", "i64", "bool", "str", "str"]);
    let cell = |name: &str, row: usize| rows.column(name).expect(name).get(row).expect("a cell").to_string();
    assert_eq!((cell("user_followers", 0), cell("user_verified", 1)), ("7".into(), "true".into()));
    assert_eq!((cell("place_id", 0), cell("text", 1)), ("null".into(), "\"None\"".into()));
    assert!(String::from_utf8_lossy(&content).contains("hydrant.sources"));
}

#[tokio::test(flavor = "multi_thread")]
async fn late_files_make_an_hour_stale_and_it_is_combined_again() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    let combine = ["combine", "--format", "csv,parquet", "--json"];
    let first = world.hydrant(&combine).await.expect(0).json();
    assert_eq!(world.hydrant(&combine).await.expect(0).json()["skipped_hours"], 1);
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!(
        (&hours[0]["hour"], &hours[0]["files"], &hours[0]["stale"]),
        (&HOUR.into(), &1.into(), &false.into())
    );
    assert_eq!(hours[0]["prefix"], format!("{PREFIX}2021/12/30/17/"));
    given::put(&world, &key(HOUR, 1), record(2, "late")).await;
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!((&hours[0]["files"], &hours[0]["stale"]), (&2.into(), &true.into()));
    assert!(hours[0]["combined"].is_string());
    let dry = world.hydrant(&["combine", "--dry-run", "--json"]).await.expect(3).json();
    assert_eq!(dry["due"][0]["why"], "changed");
    world.hydrant(&combine).await.expect(0);
    let csvs = given::results(&world, "csvs").await;
    assert_eq!(csvs.len(), 2, "the rows and the list of raw rows, of the new run alone: {csvs:?}");
    assert!(csvs.iter().all(|key| key.contains("2_hc")), "{csvs:?}");
    assert!(!csvs.contains(&first["outputs"][0].as_str().expect("a key").to_owned()));
    assert_eq!(given::results(&world, "manifests").await.len(), 1);
    assert_eq!(given::results(&world, "parquet").await.len(), 2);
    let rows = csvs.iter().find(|key| !key.contains("metadata")).expect("rows");
    assert_eq!(texts(&given::get(&world, rows).await), ["one", "late"]);
}

/// Other programs leave marks beside what they write.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_data_is_not_of_its_hour_for_anybody() {
    let folder = tempfile::tempdir().expect("a folder");
    let from = folder.path().to_str().expect("a path");
    write(folder.path(), &key(HOUR, 0), record(1, "one"));
    let hidden = key(HOUR, 1).replace("twitter_delivery_stream", "_SUCCESS");
    write(folder.path(), &hidden, "no row");
    write(folder.path(), &hidden.replace("_SUCCESS", ".crc"), "no row");
    let combine = ["combine", "--from", from, "--format", "csv", "--json"];
    let done = local(folder.path(), &combine).await.expect(0).json();
    assert_eq!((&done["files"], &done["malformed"]), (&1.into(), &0.into()));
    assert_eq!(local(folder.path(), &combine).await.expect(0).json()["skipped_hours"], 1);
}

/// The content of a file is another one, with as many files as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_makes_its_hour_stale() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, &key(HOUR, 0), record(1, "one")).await;
    world.hydrant(&["combine", "--format", "csv"]).await.expect(0);
    given::put(&world, &key(HOUR, 0), record(1, "eno")).await;
    world.hydrant(&["combine", "--format", "csv"]).await.expect(0);
    let csvs = given::results(&world, "csvs").await;
    assert_eq!(csvs.len(), 2, "{csvs:?}");
    let rows = csvs.iter().find(|key| !key.contains("metadata")).expect("rows");
    assert_eq!(texts(&given::get(&world, rows).await), ["eno"]);
}

/// What the predecessor combined while Firehose was still writing stayed so.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_predecessor_combined_is_known_and_mended() {
    let world = World::new().await;
    given::bucket(&world).await;
    for number in 0..2 {
        given::put(&world, &key(HOUR, number), record(number as u64, "text")).await;
        given::put(&world, &key("2021-12-30T18", number), record(number as u64, "text")).await;
    }
    let whole = format!("{PREFIX}csvs/tweets_2_hc2021123017_s20211231180018.csv");
    let cut = format!("{PREFIX}csvs/tweets_1_hc2021123018_s20211230182000.csv");
    given::put(&world, &whole, "id,text\n").await;
    given::put(&world, &cut, "id,text\n").await;
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!((&hours[0]["combined"], &hours[0]["stale"]), (&whole.clone().into(), &false.into()));
    assert_eq!((&hours[1]["combined"], &hours[1]["stale"]), (&cut.clone().into(), &true.into()));
    let done = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json();
    assert_eq!((&done["hours"], &done["skipped_hours"]), (&1.into(), &1.into()));
    let csvs = given::results(&world, "csvs").await;
    let ours = done["outputs"][0].as_str().expect("a key").to_owned();
    assert_eq!(csvs.len(), 4, "the predecessor's two stay, beside ours and its list: {csvs:?}");
    assert!([&whole, &cut, &ours].into_iter().all(|key| csvs.contains(key)), "{csvs:?}");
    let hours = world.hydrant(&["lake", "hours", "--json"]).await.expect(0).json();
    assert_eq!((&hours[1]["combined"], &hours[1]["stale"]), (&ours.into(), &false.into()));
    assert_eq!(world.hydrant(&["combine", "--json"]).await.expect(0).json()["hours"], 2, "as Parquet, too");
    let csvs = given::results(&world, "csvs").await;
    assert!(csvs.contains(&whole) && csvs.contains(&cut), "{csvs:?}");
}

/// The names of the files in a folder of results.
fn names(folder: &std::path::Path, results: &str) -> Vec<String> {
    let Ok(files) = std::fs::read_dir(folder.join(PREFIX).join(results)) else { return Vec::new() };
    let mut names: Vec<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_keeps_the_formats_that_it_has_and_is_not_combined_for_them_again() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "one"));
    let from = folder.path().to_str().expect("a path");
    let combine = async |format: &str| {
        local(folder.path(), &["combine", "--from", from, "--format", format, "--json"]).await
    };
    combine("csv").await.expect(0);
    assert_eq!(combine("parquet").await.expect(0).json()["outputs"].as_array().map(Vec::len), Some(2));
    for format in ["csv", "parquet", "csv,parquet"] {
        assert_eq!(combine(format).await.expect(0).json()["skipped_hours"], 1, "{format}");
    }
    write(folder.path(), &key(HOUR, 1), record(2, "late"));
    assert_eq!(combine("parquet").await.expect(0).json()["rows_out"], 2);
    for results in ["csvs", "parquet"] {
        let names = names(folder.path(), results);
        assert_eq!((names.len(), names.iter().all(|name| name.contains("2_hc"))), (2, true), "{names:?}");
    }
    assert_eq!(names(folder.path(), "manifests").len(), 1);
}

/// As a lifecycle rule takes them, or a removal that was cut off.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_of_files_that_are_gone_is_left_until_it_is_asked_for_again() {
    let folder = tempfile::tempdir().expect("a folder");
    for number in 0..10_usize {
        write(folder.path(), &key(HOUR, number), record(number as u64, "text"));
    }
    let from = folder.path().to_str().expect("a path");
    let combine = async |more: &[&str]| {
        let all = ["combine", "--from", from, "--format", "csv", "--json"];
        local(folder.path(), &[&all[..], more].concat()).await
    };
    let rows = |ran: &crate::support::run::Ran| ran.json()["rows_out"].clone();
    assert_eq!(rows(&combine(&[]).await.expect(0)), 10);
    let whole = names(folder.path(), "csvs");
    for number in 1..10 {
        std::fs::remove_file(folder.path().join(key(HOUR, number))).expect("removed");
    }
    let left = combine(&[]).await.expect(0);
    assert!(left.err.contains("9 files that were combined are gone"), "{}", left.err);
    let only = format!("`hydrant combine --again --since {HOUR} --until {HOUR}` combines what is left");
    assert!(left.err.contains(&only), "{}", left.err);
    let hours = local(folder.path(), &["lake", "hours", "--from", from, "--json"]).await.expect(0).json();
    assert_eq!((&hours[0]["stale"], &hours[0]["rows"]), (&false.into(), &10.into()));
    // With as many others, how many there are says nothing.
    for number in 10..20_usize {
        write(folder.path(), &key(HOUR, number), record(number as u64, "text"));
    }
    let dry = combine(&["--dry-run"]).await.expect(0).json();
    assert_eq!(
        (&dry["due"], &dry["left"][0]["gone"], &dry["left"][0]["came"]),
        (&serde_json::json!([]), &9.into(), &10.into())
    );
    let left = combine(&[]).await.expect(3);
    assert!(left.err.contains("10 that came are not combined"), "{}", left.err);
    assert_eq!(names(folder.path(), "csvs"), whole);
    assert_eq!(rows(&combine(&["--again"]).await.expect(0)), 11);
    assert_eq!(combine(&[]).await.expect(0).json()["skipped_hours"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_is_combined_again_when_other_words_or_columns_are_wanted() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "crypto") + &record(2, "plain"));
    write(folder.path(), "words.txt", "crypto\n");
    let from = folder.path().to_str().expect("a path");
    let combine = async |more: &[&str]| {
        let all = ["combine", "--from", from, "--json"];
        local(folder.path(), &[&all[..], more].concat()).await
    };
    let unwanted = ["--unwanted", "words.txt"];
    assert_eq!(combine(&[]).await.expect(0).json()["rows_out"], 2);
    let dry = combine(&[unwanted.as_slice(), &["--dry-run"]].concat()).await.expect(3).json();
    assert_eq!(dry["due"][0]["why"], "wish");
    assert_eq!(combine(&unwanted).await.expect(0).json()["rows_out"], 1);
    assert_eq!(combine(&unwanted).await.expect(0).json()["skipped_hours"], 1);
    let columns = [unwanted.as_slice(), &["--columns", "id,text"]].concat();
    assert_eq!(combine(&columns).await.expect(0).json()["hours"], 1);
    assert_eq!(names(folder.path(), "manifests").len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_shown_and_what_may_only_look_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "one"));
    let from = folder.path().to_str().expect("a path");
    let refused = local(folder.path(), &["combine", "--from", from, "--watch", "--dry-run"]).await.expect(2);
    assert!(refused.err.contains("cannot be used with"), "{}", refused.err);
    assert!(names(folder.path(), "parquet").is_empty());
    // A run that was replaced, and is still there: who may only look does not clear it away either.
    let combine = ["combine", "--from", from];
    local(folder.path(), &combine).await.expect(0);
    let keep = |results: &str| -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let path = |name: String| folder.path().join(PREFIX).join(results).join(name);
        let files = names(folder.path(), results).into_iter().map(path);
        files.map(|path| (path.clone(), std::fs::read(path).expect("read"))).collect()
    };
    let old = [keep("parquet"), keep("manifests")].concat();
    write(folder.path(), &key(HOUR, 1), record(2, "late"));
    local(folder.path(), &combine).await.expect(0);
    for (path, content) in &old {
        std::fs::write(path, content).expect("written");
    }
    local(folder.path(), &[&combine[..], &["--readonly"]].concat()).await.expect(1);
    assert!(old.iter().all(|(path, _)| path.exists()));
    local(folder.path(), &combine).await.expect(0);
    assert!(old.iter().all(|(path, _)| !path.exists()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_without_hours_is_named_and_a_reversed_one_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "one"));
    let from = folder.path().to_str().expect("a path");
    for command in [["combine"].as_slice(), &["lake", "hours"]] {
        let run =
            async |more: &[&str]| local(folder.path(), &[command, &["--from", from], more].concat()).await;
        let none = run(&["--since", "2030-01-01"]).await.expect(0);
        assert!(none.err.contains("no hours since 2030-01-01T00 under"), "{}", none.err);
        let reversed = run(&["--since", "2021-12-31", "--until", "2021-12-30"]).await.expect(2);
        assert!(
            reversed.err.contains("begins at 2021-12-31T00, after its end at 2021-12-30T23"),
            "{}",
            reversed.err
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_malformed_row_is_put_away_with_file_line_and_reason() {
    let world = World::new().await;
    given::bucket(&world).await;
    let good = |id: u64| record(id, "good").into_bytes();
    let mut content = good(1);
    content.extend_from_slice(b"short\trow\t\n");
    content.extend_from_slice(record(9, "one\ttoo many").as_bytes());
    content.extend_from_slice(record(9, "bad").replace("bad", "b\u{7f}d").as_bytes());
    let mut broken = record(9, "xyz").into_bytes();
    let at = broken.len() - 4;
    for byte in [0xff, 0, b'\r'] {
        broken[at] = byte;
        content.extend_from_slice(&broken);
    }
    content.extend_from_slice(&vec![b'x'; 10_000_000]);
    content.push(b'\n');
    content.extend_from_slice(record(8, "no time").replace("Thu Dec 30", "Thu Dec 99").as_bytes());
    content.extend_from_slice(b"\n");
    content.extend_from_slice(record(2, "last, without a line end").trim_end_matches('\n').as_bytes());
    given::put(&world, &key(HOUR, 0), content).await;
    let done = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json();
    assert_eq!((&done["rows_in"], &done["rows_out"], &done["malformed"]), (&10.into(), &3.into(), &7.into()));
    let quarantine = given::results(&world, "quarantine").await;
    let lines = String::from_utf8(given::get(&world, &quarantine[0]).await).expect("text");
    let entries: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let reasons: Vec<(u64, &str)> = entries
        .iter()
        .map(|entry| (entry["line"].as_u64().expect("a line"), entry["reason"].as_str().expect("a reason")))
        .collect();
    let at = record(9, "xyz").len() - 4;
    let at = |what: &str| format!("byte {at} is {what}");
    assert_eq!(
        reasons,
        [
            (2, "it has 2 fields, not 53"),
            (3, "it has 54 fields, not 53"),
            (5, at("not UTF-8").as_str()),
            (6, at("NUL").as_str()),
            (7, at("a carriage return within the line").as_str()),
            (8, "it has 10000000 bytes, more than any record (1048576)"),
            (9, "created_at is not a time"),
        ]
    );
    assert!(entries.iter().all(|entry| entry["file"] == key(HOUR, 0)));
    assert_eq!(entries[0]["row"], "short\trow\t");
    assert!(entries[2]["row_base64"].is_string());
    assert_eq!(entries[5]["length"], 10_000_000);
    let rows = texts(&given::get(&world, done["outputs"][0].as_str().expect("a key")).await);
    assert_eq!(rows, ["good", "b\u{7f}d", "last, without a line end"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn packed_empty_and_mixed_files_are_one_hour() {
    let world = World::new().await;
    given::bucket(&world).await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(record(1, "gz").as_bytes()).expect("packed");
    given::put(&world, &(key(HOUR, 0) + ".gz"), gzip.finish().expect("packed")).await;
    given::put(&world, &key(HOUR, 1), zstd::encode_all(record(2, "zst").as_bytes(), 1).expect("packed"))
        .await;
    given::put(&world, &key(HOUR, 2), "").await;
    let mut json = Vec::new();
    let line = record(3, "json");
    let fields = hydrant::stream::record::Fields::split(line.as_bytes()).expect("a record");
    fields.write(hydrant::stream::record::Format::Json, &mut json);
    json.extend_from_slice(record(4, "and tabs").as_bytes());
    given::put(&world, &key(HOUR, 3), json).await;
    let done = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json();
    assert_eq!((&done["files"], &done["rows_out"], &done["malformed"]), (&4.into(), &4.into(), &0.into()));
    let rows = given::get(&world, done["outputs"][0].as_str().expect("a key")).await;
    assert_eq!(texts(&rows), ["gz", "zst", "json", "and tabs"]);
    assert_eq!(column(&rows, "user_followers"), ["7"; 4]);
    assert_eq!(column(&rows, "user_verified"), ["True"; 4]);
}

/// A lake that somebody else's streamer filled, or several did.
#[tokio::test(flavor = "multi_thread")]
async fn posts_as_x_writes_them_are_combined_with_records_of_any_other() {
    let folder = tempfile::tempdir().expect("a folder");
    let user = r#""id":"7","username":"orbit","name":"Orbit","verified":true,"public_metrics":{"followers_count":7}"#;
    let v2 = format!(
        r##"{{"data":{{"id":"1","text":"v2 &amp; tab\there #mars","created_at":"2021-12-30T17:35:53.000Z","author_id":"7"}},"includes":{{"users":[{{{user}}}]}}}}"##
    );
    let v1 = r#"{"created_at":"Thu Dec 30 17:35:53 +0000 2021","id":2,"id_str":"2","text":"v1.1","user":{"screen_name":"orbit","followers_count":7,"verified":true}}"#;
    let page = format!(
        r#"{{"data":[{{"id":"4","text":"of a page","created_at":"2021-12-30T17:35:53Z","author_id":"7"}},{{"id":"1","text":"v2 again"}}],"includes":{{"users":[{{{user}}}]}}}}"#
    );
    let deletion = r#"{"delete":{"status":{"id":9,"id_str":"9","user_id":7}}}"#;
    let cut = v2.get(..60).expect("its beginning");
    let mut json = Vec::new();
    let line = record(5, "a JSON record");
    let fields = hydrant::stream::record::Fields::split(line.as_bytes()).expect("a record");
    fields.write(hydrant::stream::record::Format::Json, &mut json);
    let json = String::from_utf8(json).expect("text");
    let first = format!("{v2}\r\n{v1}\n{}{deletion}\n", record(3, "columns"));
    write(folder.path(), &key(HOUR, 0), first);
    write(folder.path(), &key(HOUR, 1), format!("{page}\n{json}{cut}\n"));
    let from = folder.path().to_str().expect("a path");
    let combine = ["combine", "--from", from, "--format", "csv,parquet", "--json"];
    let done = local(folder.path(), &combine).await.expect(0).json();
    let counts = ["rows_in", "rows_out", "malformed", "duplicates"].map(|count| done[count].as_u64());
    assert_eq!(counts, [Some(8), Some(5), Some(2), Some(1)], "{done}");
    let csv = std::fs::read(done["outputs"][0].as_str().expect("a path")).expect("a file");
    assert_eq!(texts(&csv), ["v2 & tab here", "v1.1", "columns", "of a page", "a JSON record"]);
    assert_eq!(column(&csv, "created_at"), ["2021-12-30 17:35:53+00:00"; 5]);
    assert_eq!(column(&csv, "user_followers"), ["7"; 5]);
    assert_eq!(column(&csv, "user_verified"), ["True"; 5]);
    let quarantine =
        std::fs::read_dir(folder.path().join(PREFIX).join("quarantine")).expect("a folder").next();
    let quarantine = std::fs::read_to_string(quarantine.expect("a file").expect("a file").path());
    let entries: Vec<serde_json::Value> =
        quarantine.expect("text").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries[0]["reason"], "it is no post, but says that 9 was deleted");
    assert!(
        entries[1]["reason"].as_str().is_some_and(|why| why.starts_with("it is neither a record nor a post"))
    );
    assert_eq!((entries.len(), &entries[0]["row"], &entries[1]["row"]), (2, &deletion.into(), &cut.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn unwanted_words_and_repeated_ids_are_left_out_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts_in = ["the Goddard centre", "oh my GOD", "crypto!", "plain"];
    let rows: String = texts_in.iter().zip(1..).map(|(text, id)| record(id, text)).collect();
    write(folder.path(), &key(HOUR, 0), rows);
    write(folder.path(), &key(HOUR, 1), record(4, "plain again") + &record(5, "new"));
    write(folder.path(), "words.txt", "god\nCRYPTO\n");
    let from = folder.path().to_str().expect("a path");
    for (how, kept, unwanted) in [("word", 3, 2), ("substring", 2, 3)] {
        let to = folder.path().join(how);
        let to = to.to_str().expect("a path");
        let done = local(
            folder.path(),
            &[
                "combine",
                "--from",
                from,
                "--to",
                to,
                "--format",
                "csv",
                "--unwanted",
                "words.txt",
                "--match",
                how,
                "--json",
            ],
        )
        .await
        .expect(0)
        .json();
        assert_eq!(
            (&done["rows_out"], &done["unwanted"], &done["duplicates"]),
            (&kept.into(), &unwanted.into(), &1.into())
        );
        assert_eq!(done["rows_in"], 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_are_chosen_and_what_was_taken_out_is_appended() {
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), &key(HOUR, 0), record(1, "rover"));
    let from = folder.path().to_str().expect("a path");
    let done = local(
        folder.path(),
        &[
            "combine",
            "--from",
            from,
            "--format",
            "csv",
            "--columns",
            "text,id,quote_count",
            "--append",
            "hashtags,users",
            "--json",
        ],
    )
    .await
    .expect(0)
    .json();
    let csv = std::fs::read_to_string(done["outputs"][0].as_str().expect("a path")).expect("a file");
    assert!(csv.starts_with("text,id,quote_count,file_name\nrover mars moon nasa,1,None,"), "{csv}");
    let refused = local(folder.path(), &["combine", "--from", from, "--columns", "txet"]).await.expect(2);
    assert!(refused.err.contains("there is no column `txet`"), "{}", refused.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_files_than_a_page_holds_are_all_combined() {
    let world = World::new().await;
    given::bucket(&world).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let files = 3_500;
    // As the SDK would sign each of them, this alone would take half a minute.
    let puts = (0..files).map(|number| {
        let url = format!("{}/{}/{}", world.proxy.endpoint(), world.bucket(), key(HOUR, number));
        let body = if number % 7 == 0 { record(number as u64, "text") } else { String::new() };
        let request =
            client.put(url).header("authorization", "AWS4-HMAC-SHA256 Credential=A/D/R/s3/aws4_request");
        async move { assert!(request.body(body).send().await.expect("an answer").status().is_success()) }
    });
    use futures_util::StreamExt;
    futures_util::stream::iter(puts).buffer_unordered(16).collect::<Vec<_>>().await;
    let done = world.hydrant(&["combine", "--format", "csv", "--json"]).await.expect(0).json();
    assert_eq!((&done["files"], &done["rows_out"]), (&files.into(), &files.div_ceil(7).into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn custom_prefixes_and_other_places_are_lakes_too() {
    let world = World::new().await;
    given::bucket(&world).await;
    given::put(&world, "lake/year=2021/month=12/day=30/hour=17/s-3-x", record(1, "text")).await;
    let prefix =
        "prefix=lake/year=!{timestamp:yyyy}/month=!{timestamp:MM}/day=!{timestamp:dd}/hour=!{timestamp:HH}/";
    let done =
        world.hydrant(&["combine", "--set", prefix, "--format", "csv", "--json"]).await.expect(0).json();
    assert!(
        done["outputs"][0].as_str().is_some_and(|key| key.starts_with("lake/csvs/tweets_1_hc2021123017_s"))
    );
    given::put(&world, "deep/er/2021/12/30/17/s-1-x", record(1, "text")).await;
    let from = format!("s3://{}/deep/er", world.bucket());
    let hours = world.hydrant(&["lake", "hours", "--from", &from, "--json"]).await.expect(0).json();
    assert_eq!(hours[0]["prefix"], "deep/er/2021/12/30/17/");
    let to = world.home.path().join("out");
    let to = to.to_str().expect("a path");
    let done = world.hydrant(&["combine", "--from", &from, "--to", to, "--json"]).await.expect(0).json();
    assert!(std::path::Path::new(done["outputs"][0].as_str().expect("a path")).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn watching_combines_hours_that_are_closed_and_then_late_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    write(&lake, &key(HOUR, 0), record(1, "one"));
    let now = hydrant::lake::Hour::of(jiff::Timestamp::now());
    write(&lake, &key(&now.to_string(), 0), record(2, "open"));
    let mut command = crate::support::run::command(folder.path());
    command.args(["combine", "--watch", "1", "--format", "csv", "--json", "--from"]).arg(&lake);
    let mut child = command.spawn().expect("it starts");
    let stdout = child.stdout.take().expect("it is piped");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    let mut next = async || loop {
        let line = tokio::time::timeout(std::time::Duration::from_mins(1), lines.next_line());
        let line = line.await.expect("in time").expect("text").expect("a line");
        let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        if line["rows_out"].is_number() {
            return line;
        }
    };
    let first = next().await;
    assert_eq!((&first["hours"], &first["rows_out"]), (&1.into(), &1.into()), "the open hour waits");
    write(&lake, &key(HOUR, 1), record(3, "late"));
    assert_eq!(next().await["rows_out"], 2);
    crate::support::run::Running::of(child).kill().await;
}
