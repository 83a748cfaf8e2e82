//! Hours that are larger than the memory that they may take.

use std::path::Path;

use hydrant::lake::combine::{self, Format, Outcome, Wish};
use hydrant::lake::hours::Span;
use hydrant::lake::{Address, Lake, Layout, Place, combined};
use hydrant::progress::Progress;
use tokio_util::sync::CancellationToken;

use super::given::{key, local, record, write};

const HOUR: &str = "2021-12-30T17";
const ROWS: u64 = 40_000;

async fn combined_within(lake: &Path, results: &Path, memory: u64) -> Outcome {
    let place = |path: &Path| Place::at(Address::Folder(path.to_owned()), None).expect("a place");
    let lake = Lake::new(place(lake), Layout::new(super::given::PREFIX).expect("a layout"));
    let wish = Wish { formats: [Format::Csv, Format::Parquet].into(), memory, ..Wish::default() };
    let (stop, results) = (CancellationToken::new(), place(results));
    let plan =
        combine::plan(&lake, &results, Span::default(), &wish, |_| false, &stop).await.expect("a plan");
    combine::run(&lake, &results, plan, &wish, &Progress::silent(), &stop).await
}

/// What a run wrote, by the beginning and the end of its name.
fn written(outcome: &Outcome, start: &str, end: &str) -> Vec<u8> {
    let keys = outcome.outputs.iter().chain(&outcome.beside);
    let mut found = keys.filter(|key| {
        let name = key.rsplit('/').next().unwrap_or_default();
        name.starts_with(start) && name.ends_with(end)
    });
    std::fs::read(found.next().expect(end)).expect("it is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_many_times_larger_than_its_part_of_the_memory_has_the_same_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let lake = folder.path().join("lake");
    let mut bytes = 0;
    for file in 0..4 {
        let mut content = String::new();
        for number in 0..ROWS / 4 {
            let id = file * (ROWS / 4) + number;
            content.push_str(&record(1_477_000_000_000_000_000 + (id ^ 0x5) * 4001, &format!("orbit {id}")));
            // Each again a good deal later, and some that have names for ids.
            if id >= 9000 {
                content.push_str(&record(1_477_000_000_000_000_000 + ((id - 9000) ^ 0x5) * 4001, "again"));
            }
            if id.is_multiple_of(7) {
                content.push_str(&record(0, "named").replacen('0', &format!("at{}", id % 21_000), 1));
                content.push_str("torn\trow\n");
            }
        }
        bytes += content.len() as u64;
        write(&lake, &key(HOUR, usize::try_from(file).expect("small")), content);
    }
    // Beside what the program takes there is one MiB left, which is a part of 256 KiB for the ids.
    let part = 1 << 20;
    assert!(bytes > 20 * part);
    let small = combined_within(&lake, &folder.path().join("small"), (64 << 20) + part).await;
    let large = combined_within(&lake, &folder.path().join("large"), 16 << 30).await;
    assert!(small.failures.is_empty() && large.failures.is_empty(), "{:?}", small.failures);
    assert_eq!(small.counts, large.counts);
    assert_eq!(small.counts.duplicates, ROWS - 9000 + (ROWS - 21_000).div_ceil(7));
    for (start, end) in [("tweets_4", ".csv"), ("tweets_metadata_4", ".csv"), ("tweets_4", ".jsonl")] {
        let differs = written(&small, start, end) != written(&large, start, end);
        assert!(!differs, "{start}…{end} depends on the memory");
    }
    for (start, columns) in [
        ("tweets_4", ["id", "text", "created_at", "user_verified", "file_name"].as_slice()),
        ("tweets_metadata_4", &["file_name", "values_index", "malformed_values", "file_hour"]),
    ] {
        let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
        let rows = |outcome| {
            combined::parse(written(outcome, start, ".parquet").into(), "parquet", &columns).expect("rows")
        };
        assert!(rows(&small).equals_missing(&rows(&large)), "{start}….parquet depends on the memory");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_no_hour_can_do_with_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = local(folder.path(), &["combine", "--from", ".", "--memory", "100MB"]).await.expect(2);
    assert!(refused.err.contains("cannot be combined in less than 160MiB"), "{}", refused.err);
}
