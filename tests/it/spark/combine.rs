//! Hours combined by Spark: what hydrant itself makes of them, cell by cell and byte by byte.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use polars::prelude::{Column, DataType};

use super::Desk;
use crate::lake::differential::{ROWS, WORDS, make_lake};
use crate::lake::given::{record, write};

/// Spark on a busy machine, and the unoptimised program, each take minutes for so many rows.
const PATIENCE: Duration = Duration::from_mins(45);

impl Desk {
    async fn patiently(&self, arguments: &[&str]) -> serde_json::Value {
        let running = self.command(arguments).output();
        let ran = tokio::time::timeout(PATIENCE, running).await.expect("in time").expect("it starts");
        let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(matches!(ran.status.code(), Some(0 | 3)), "{:?}: {err}", ran.status);
        serde_json::from_str(out.lines().last().unwrap_or_default()).expect(&err)
    }
}

/// What the differential lake does not have: packed files, JSON, posts as networks write them, values that no typed
/// column holds, times of every kind, lines that are broken in every way, repetitions, and hours with nothing in them.
fn add_odd_hours(lake: &Path) {
    let with = |id: u64, change: &dyn Fn(&mut Vec<String>)| {
        let mut fields: Vec<String> =
            record(id, "Größe of Mars").trim_end().split('\t').map(str::to_owned).collect();
        fields.truncate(53);
        change(&mut fields);
        fields.join("\t") + "\t\n"
    };
    let mut odd = Vec::new();
    for (place, at) in [
        "",
        "None",
        "2021-12-30T17:35:53.250Z",
        "Fri Dec 31 19:00:18 +0200 2021",
        "yes",
        "Thu Feb 30 00:00:00 +0000 2024",
    ]
    .iter()
    .enumerate()
    {
        odd.extend(with(100 + place as u64, &|fields| (*at).clone_into(&mut fields[12])).into_bytes());
    }
    for (place, followers) in ["x", "+5", "-3", "99999999999999999999", "1_0", "", "7.0"].iter().enumerate() {
        odd.extend(with(200 + place as u64, &|fields| (*followers).clone_into(&mut fields[35])).into_bytes());
    }
    odd.extend(with(300, &|fields| "maybe".clone_into(&mut fields[41])).into_bytes());
    odd.extend(with(301, &|fields| "at:plc/a".clone_into(&mut fields[0])).into_bytes());
    odd.extend(with(302, &|fields| "at:plc/a".clone_into(&mut fields[0])).into_bytes());
    odd.extend(with(303, &|fields| fields[0].clear()).repeat(2).into_bytes());
    odd.extend(record(100, "again").into_bytes());
    odd.extend(record(400, "carriage").trim_end().as_bytes());
    odd.extend(b"\r\n\r\n\n");
    odd.extend(record(401, "no last tab").trim_end_matches("\t\n").as_bytes());
    odd.extend(b"\nnul\0\nlone\rreturn\nnot\xff utf8\n\t\n   {\"id\": 1}\n{\"torn\n");
    odd.extend([vec![b'x'; 3_000_000], b"\n".to_vec()].concat());
    odd.extend(br#"{"data":[{"id":"1","text":"one #mars"},{"id":"2","text":"two, \"quoted\""}],"meta":{}}"#);
    odd.extend(b"\n{\"delete\":{\"status\":{\"id\":9,\"id_str\":\"9\",\"user_id\":1}}}\n");
    odd.extend(record(402, "nft \u{85} no end of line").trim_end().as_bytes());
    let folder = "2021/12/30/18";
    write(lake, &format!("{folder}/stream-1-plain, \"odd\" name"), &odd);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(record(500, "gzip").as_bytes()).expect("packed");
    let one = gzip.finish().expect("packed");
    write(lake, &format!("{folder}/stream-2-gzip"), [one.clone(), one].concat());
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(record(501, "bzip2").as_bytes()).expect("packed");
    write(lake, &format!("{folder}/stream-3-bzip2"), bzip2.finish().expect("packed"));
    let mut torn = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    torn.write_all((record(502, "whole") + &record(503, "torn")).as_bytes()).expect("packed");
    let torn = torn.finish().expect("packed");
    write(lake, &format!("{folder}/stream-4-torn"), torn.get(..torn.len() - 40).expect("some"));
    write(lake, "2021/12/30/19/stream-1-empty", "");
    write(lake, "2021/12/30/20/stream-1-nothing-good", "too\tshort\n");
}

/// The files of a place of results, by folder, kind and hour: their names have the time of the run, too.
fn results(place: &Path) -> BTreeMap<(String, String, String), PathBuf> {
    let mut all = BTreeMap::new();
    for folder in std::fs::read_dir(place).expect("a folder") {
        let folder = folder.expect("a folder").path();
        for file in std::fs::read_dir(&folder).expect("a folder") {
            let path = file.expect("a file").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            let (kind, rest) = name.split_once("_hc").unwrap_or_else(|| panic!("{name} is no result"));
            let hour = rest.get(..10).expect("an hour").to_owned();
            let of = folder.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(all.insert((of, kind.to_owned(), hour), path).is_none());
        }
    }
    all
}

fn columns_of(path: &Path) -> Vec<String> {
    let content = std::fs::read(path).expect("a file");
    let head = hydrant::lake::combined::head(content.into(), "parquet", 1).expect("a head");
    head.0
}

fn same_files(ours: &Path, theirs: &Path) -> usize {
    let (ours, theirs) = (results(ours), results(theirs));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    let mut cells = 0;
    for (what, our) in &ours {
        let their = &theirs[what];
        let (one, other) = (std::fs::read(our).expect("a file"), std::fs::read(their).expect("a file"));
        match what.0.as_str() {
            "parquet" => {
                let names = columns_of(our);
                assert_eq!(names, columns_of(their), "{what:?}");
                let parse = |content: Vec<u8>| {
                    hydrant::lake::combined::parse(content.into(), "parquet", &names).expect("rows")
                };
                let (one, other) = (parse(one), parse(other));
                assert_eq!(one.height(), other.height(), "{what:?}");
                for (one, other) in one.columns().iter().zip(other.columns()) {
                    // Greenwich has two names.
                    let kind = |column: &Column| match column.dtype() {
                        DataType::Datetime(unit, Some(_)) => DataType::Datetime(*unit, None),
                        other => other.clone(),
                    };
                    assert_eq!(kind(one), kind(other), "{} of {what:?}", one.name());
                    let same = one.to_physical_repr().equals_missing(&other.to_physical_repr());
                    assert!(same, "{} of {what:?}", one.name());
                }
                cells += one.height() * one.width();
            }
            "manifests" => {
                let read = |content: &[u8]| {
                    let mut whole: serde_json::Value = serde_json::from_slice(content).expect("JSON");
                    for passing in ["combined_at", "outputs"] {
                        whole.as_object_mut().expect("an object").remove(passing).expect(passing);
                    }
                    whole
                };
                assert_eq!(read(&one), read(&other), "{what:?}");
                let sums = |path: &Path| path.to_string_lossy().rsplit_once("_r").expect("sums").1.to_owned();
                assert_eq!(sums(our), sums(their), "rows and fingerprint stand in the name");
            }
            _ => assert!(one == other, "{} and {} differ", our.display(), their.display()),
        }
    }
    cells
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn every_cell_is_what_hydrant_itself_makes_of_it() {
    let desk = Desk::real();
    make_lake(&desk.path("lake"));
    add_odd_hours(&desk.path("lake"));
    std::fs::write(desk.path("words.txt"), WORDS).unwrap();
    let common =
        ["combine", "--from", "lake", "--format", "csv,parquet", "--unwanted", "words.txt", "--json"];
    let ours = desk.patiently(&[&common[..], &["--to", "ours"]].concat()).await;
    let theirs = desk.patiently(&[&common[..], &["--to", "theirs", "--engine", "spark"]].concat()).await;
    for key in [
        "hours",
        "files",
        "rows_in",
        "rows_out",
        "malformed",
        "unwanted",
        "duplicates",
        "bytes_in",
        "vanished",
        "damaged",
        "failed",
    ] {
        assert_eq!(ours[key], theirs[key], "{key}");
    }
    assert!(ours["rows_out"].as_u64().unwrap() > 100_000 && ours["rows_in"].as_u64().unwrap() > ROWS as u64);
    assert!(same_files(&desk.path("ours"), &desk.path("theirs")) > 100_000 * 25);
    let again = desk.patiently(&[&common[..], &["--to", "theirs", "--dry-run"]].concat()).await;
    assert_eq!(again["due"], serde_json::json!([]), "hydrant itself takes Spark's hours for combined");
    // Another choice of columns, the predecessor's way with words, and what was taken out of texts behind them.
    let other = ["--since", "2021-12-30T18", "--match", "substring", "--append", "hashtags,users"];
    let columns = ["--columns", "id,coords_lon,num_urls_in_tweet_text,place_name,text,created_at"];
    let wish = [&common[..], &other, &columns].concat();
    desk.patiently(&[&wish[..], &["--to", "ours2"]].concat()).await;
    desk.patiently(&[&wish[..], &["--to", "theirs2", "--engine", "spark", "--threads", "1"]].concat()).await;
    same_files(&desk.path("ours2"), &desk.path("theirs2"));
    // A late file: the hour is combined again, and what was there is replaced.
    write(&desk.path("lake"), "2021/12/30/19/stream-2-late", record(900, "late"));
    let late = desk.patiently(&[&common[..], &["--to", "theirs", "--engine", "spark"]].concat()).await;
    assert_eq!((&late["hours"], &late["rows_out"]), (&1.into(), &1.into()));
    desk.patiently(&[&common[..], &["--to", "ours"]].concat()).await;
    same_files(&desk.path("ours"), &desk.path("theirs"));
}

/// The launcher of engines elsewhere, with Spark on this machine in their place: folders stand for the bucket, which lays
/// no sums beside its files.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Spark"]
async fn through_the_launcher_of_engines_elsewhere_the_same_files_come() {
    let real = Desk::real();
    let launcher = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/spark/elsewhere.py");
    let mut desk = Desk::with_program(&format!(
        "#!/bin/sh\nfor last; do script=$settings; settings=$last; done\nexec {} --master 'local[2]' --conf spark.driver.host=127.0.0.1 --conf spark.driver.bindAddress=127.0.0.1 --conf spark.hadoop.fs.file.impl=org.apache.hadoop.fs.RawLocalFileSystem {launcher} $script $settings $(dirname $(dirname $settings))\n",
        real.submit
    ));
    desk.python.clone_from(&real.python);
    write(
        &desk.path("lake"),
        "2021/12/30/17/stream-1",
        record(1, "one") + &record(2, "two") + "too\tshort\n",
    );
    write(&desk.path("lake"), "2021/12/30/18/stream-1", record(3, "three"));
    let common = ["combine", "--from", "lake", "--format", "csv,parquet", "--json"];
    desk.patiently(&[&common[..], &["--to", "ours"]].concat()).await;
    let theirs = desk.patiently(&[&common[..], &["--to", "theirs", "--engine", "spark"]].concat()).await;
    assert_eq!((&theirs["rows_out"], &theirs["malformed"]), (&3.into(), &1.into()));
    assert!(same_files(&desk.path("ours"), &desk.path("theirs")) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_combine_that_is_stopped_leaves_nothing_and_says_so() {
    let desk = Desk::with_program(
        "#!/bin/sh\nmkdir -p out/spark-passing/1/csv\necho half > out/spark-passing/1/csv/part-0\ntouch begun\necho '{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}'\nsleep 600\n",
    );
    write(&desk.path("lake"), "2021/12/30/17/stream-1", record(1, "one"));
    let combine = ["combine", "--engine", "spark", "--from", "lake", "--to", "out"];
    let running = crate::support::run::Running::of(desk.command(&combine).spawn().unwrap());
    while !desk.path("begun").exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    running.interrupt();
    let stopped = running.end().await.expect(130);
    assert!(stopped.err.contains("stopped as asked; nothing was written"), "{}", stopped.err);
    assert!(!desk.path("out/spark-passing").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_spark_cannot_do_is_said_before_anything_is_done() {
    let desk = Desk::with_program("#!/bin/sh\ntouch begun\nexit 1\n");
    write(&desk.path("lake"), "2021/12/30/17/stream-1", record(1, "one"));
    let combine = ["combine", "--engine", "spark", "--from", "lake", "--to", "out"];
    for more in [["--watch", "60"], ["--memory", "1GB"]] {
        desk.hydrant(&[&combine[..], &more].concat()).await.expect(2);
    }
    assert!(!desk.path("begun").exists());
    let failed = desk.hydrant(&combine).await.expect(1);
    assert!(failed.err.contains("the Spark job failed"), "{}", failed.err);
    assert!(!desk.path("out").join("csvs").exists() && !desk.path("out").join("manifests").exists());
}
