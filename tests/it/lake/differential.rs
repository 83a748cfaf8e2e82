//! The same lake, combined by hydrant and by pandas the predecessor's way: cell by cell the same.
//!
//! The rows have what real ones have, and every kind of odd Unicode. Where hydrant differs on purpose (repeated ids,
//! NUL, lone carriage returns, lines that are no text) there is a test of its own.

use std::path::Path;
use std::process::Stdio;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::given::{local, write};

pub const ROWS: usize = 120_000;
const FILES: usize = 20;
const PIECES: &[&str] = &[
    "telescope",
    "launch",
    "nebula,",
    "\"quoted\"",
    "it's",
    "火星探査機",
    "🚀",
    "👨‍👩‍👧‍👦",
    "🇫🇮",
    "e\u{301}",
    "\u{200b}",
    "\u{a0}",
    "\u{2028}",
    "\u{85}",
    "\u{b}",
    "\u{c}",
    "\u{1f}",
    "שלום",
    "\u{202e}evil\u{202c}",
    "STRASSE",
    "ẞ",
    "ﬃ",
    "a;b",
    "a\\b",
    "'",
    "\"",
    ",",
    "",
    " ",
    "None",
    "NaN",
    "\u{feff}",
    "\u{1b}[31m",
    "rt truth",
    "&amp;",
    "z̵̴̡a",
    "\u{10ffff}",
    "नीता",
    "=1+1",
    "-",
    "0x1F",
    "1e5",
    "True",
    "ΣΊΣΥ",
    "İ",
    "日",
];
/// What holds an unwanted word, or nearly.
const RARE: &[&str] = &[
    "Goddard",
    "god",
    "crypto",
    "NFT",
    "İstanbul",
    "ΣΊΣΥΦΟΣ",
    "日本語",
    "Élan",
    "ÉLAN",
    "go d",
    "cryp to",
    "nf t",
];
pub const WORDS: &str = "crypto\ngod\nnft\nσίσυφος\ni̇stanbul\n日本\nélan\n";

fn row(rng: &mut StdRng, id: usize) -> String {
    let mut some = |most: usize| {
        let count = rng.random_range(0..=most);
        (0..count).map(|_| *PIECES.choose(rng).expect("pieces")).collect::<Vec<_>>().join(" ")
    };
    let (mut text, name, location) = (some(25), some(3), some(2));
    if id.is_multiple_of(9) {
        text.push_str(RARE.choose(rng).expect("pieces"));
    }
    let place = if id.is_multiple_of(9) {
        "p1\thttps://x/p.json\tcity\tHouston\tHouston, TX\tUS\tUnited States\tPolygon"
    } else {
        "\t\t\t\t\t\t\t"
    };
    let day = 1 + id % 28;
    let at = format!("Wed Dec {day:02} {:02}:{:02}:{:02} +0000 2021", id % 24, id % 60, id % 59);
    format!(
        "{}\tNone\tNone\tNone\tNone\tFalse\t0\t1\t2\t3\tFalse\tTrue\t{at}\t<a href=\"http://x/{id}\" rel=\"nofollow\">Web</a>\tNone\t{}\tWeb App\t{place}\t[[]]\t{{}}\t\t\t\t\t\t\t{name}\tuser_{id}\t{id}\t7\t1\t2\t3\tFalse\tTrue\tFalse\tSat Nov 27 20:38:14 +0000 2010\t{location}\t{}\thttps://t.co/x\tmars|moon\tnasa\t1\t1\t2\t{text}\t\n",
        1_477_000_000_000_000_000 + id,
        if id.is_multiple_of(5) { "elonmusk" } else { "None" },
        if id.is_multiple_of(3) { "yes" } else { "no" },
    )
}

pub fn make_lake(folder: &Path) {
    let mut rng = StdRng::seed_from_u64(7);
    for file in 0..FILES {
        let mut content = String::new();
        for number in 0..ROWS / FILES {
            let id = file * (ROWS / FILES) + number;
            content.push_str(&row(&mut rng, id));
            match rng.random_range(0..400) {
                0 => content.push_str("too\tshort\t\n"),
                1 => content.push_str(&row(&mut rng, id).replace("\t0\t1\t", "\t0\t1\t1\t")),
                2 => content.push('\n'),
                _ => {}
            }
        }
        if file % 4 == 0 {
            content.pop();
        }
        write(folder, &format!("2021/12/30/{:02}/stream-1-2021-12-30-{file:02}", 16 + file % 2), content);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cell_is_what_pandas_makes_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    make_lake(&path("lake"));
    write(folder.path(), "words.txt", WORDS);
    std::fs::create_dir(path("reference")).expect("made");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/pandas_reference.py");
    let reference = tokio::process::Command::new("python3")
        .arg(script)
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .args([path("lake"), path("reference"), path("words.txt")])
        .stdin(Stdio::null())
        .status();
    let ours = local(
        folder.path(),
        &[
            "combine",
            "--from",
            "lake",
            "--to",
            "ours",
            "--format",
            "csv,parquet",
            "--unwanted",
            "words.txt",
            "--match",
            "substring",
            "--json",
        ],
    );
    let (reference, ours) = tokio::join!(reference, ours);
    assert!(reference.expect("python3").success());
    let done = ours.expect(0).json();
    assert_eq!(
        done["rows_in"],
        done["rows_out"].as_u64().unwrap()
            + done["malformed"].as_u64().unwrap()
            + done["unwanted"].as_u64().unwrap()
    );
    assert!(done["rows_in"].as_u64().unwrap() >= ROWS as u64 && done["malformed"].as_u64().unwrap() > 100);
    let mut compared = 0;
    for key in done["outputs"].as_array().expect("keys").iter().filter_map(|key| key.as_str()) {
        let hour = key.split("_hc").nth(1).and_then(|rest| rest.get(..10)).expect("an hour");
        let expected = std::fs::read(path("reference").join(format!("{hour}.csv"))).expect("pandas wrote it");
        let got = std::fs::read(folder.path().join(key)).expect("hydrant wrote it");
        if key.ends_with(".csv") {
            compared += same_csv(&expected, &got);
        } else {
            same_as_parquet(&expected, got);
        }
    }
    assert!(compared >= 100_000, "{compared}");
}

fn same_csv(expected: &[u8], got: &[u8]) -> usize {
    let (mut expected, mut got) = (csv::Reader::from_reader(expected), csv::Reader::from_reader(got));
    let header = expected.headers().expect("a header").clone();
    assert_eq!(&header, got.headers().expect("a header"));
    let (mut expected, mut got) = (expected.records(), got.records());
    let mut rows = 0;
    loop {
        let (one, other) = (expected.next(), got.next());
        let (Some(one), Some(other)) = (one, other) else {
            assert!(expected.next().is_none() && got.next().is_none(), "as many rows");
            return rows;
        };
        let (one, other) = (one.expect("a row"), other.expect("a row"));
        for ((one, other), name) in one.iter().zip(&other).zip(&header) {
            assert_eq!(one, other, "{name} of row {rows}");
        }
        assert_eq!(one.len(), other.len());
        rows += 1;
    }
}

/// Typed columns say the same as the text, and `None` or nothing is null.
fn same_as_parquet(expected: &[u8], got: Vec<u8>) {
    let names = [
        "id",
        "source",
        "in_reply_to_screen_name",
        "user_followers",
        "user_verified",
        "user_name",
        "text",
        "file_name",
    ];
    let rows =
        hydrant::lake::combined::parse(got.into(), "parquet", &names.map(ToOwned::to_owned)).expect("rows");
    let mut reader = csv::Reader::from_reader(expected);
    let places: Vec<usize> = names
        .iter()
        .map(|name| {
            reader.headers().expect("a header").iter().position(|header| header == *name).expect("a column")
        })
        .collect();
    let mut count = 0;
    for (number, record) in reader.records().enumerate() {
        let record = record.expect("a row");
        for (column, place) in rows.columns().iter().zip(&places) {
            use polars::prelude::AnyValue;
            let expected = &record[*place];
            let got = match column.get(number).expect("a cell") {
                AnyValue::Null => "None".to_owned(),
                AnyValue::Boolean(flag) => if flag { "True" } else { "False" }.to_owned(),
                AnyValue::String(text) => text.to_owned(),
                other => other.to_string(),
            };
            assert_eq!(got, *expected, "{} of row {number}", column.name());
        }
        count += 1;
    }
    assert_eq!(count, rows.height());
}
