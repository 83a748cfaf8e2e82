//! Hours that are combined elsewhere: what whoever does it must know, in a form that can be handed over, and what is made
//! of the answer. The results are the same files, with the same names, in the same places.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Due, Format, HourDone, Outcome, Plan, Wish, stamp};
use crate::lake::lines::LONGEST;
use crate::lake::outputs::{Fingerprint, Kind, Stamp};
use crate::lake::place::Entry;
use crate::lake::{Hour, Lake, LakeError, Place, columns, listing};
use crate::stream::record::{COLUMNS, COUNT, Column};
use crate::stream::words::word_characters;

/// The work of a plan as `assets/spark/combine.py` documents it, but for where it runs and what may lie there.
pub async fn hand_over(
    lake: &Lake,
    results: &Place,
    plan: &Plan,
    wish: &Wish,
    stop: &CancellationToken,
) -> Result<Value, LakeError> {
    let mut hours = Vec::new();
    for due in &plan.due {
        // Listed again: between the plan and now, files may have come.
        let files = listing::files(lake, due.totals.hour, stop).await?;
        hours.push(hour(lake, results, due, &files, wish, Timestamp::now()));
    }
    // A job writes the same formats of every hour.
    let formats: BTreeSet<Format> = plan.due.iter().flat_map(|due| due.formats.iter().copied()).collect();
    let appended: Vec<Column> =
        [(wish.append_hashtags, Column::TweetTextHashtags), (wish.append_users, Column::TweetTextUsernames)]
            .into_iter()
            .filter_map(|(wanted, column)| wanted.then_some(column))
            .collect();
    let columns: Vec<Value> = wish
        .columns
        .iter()
        .map(|column| json!({ "name": column.name(), "type": columns::type_of(*column) }))
        .collect();
    let unwanted = json!({ "words": wish.unwanted.words().len(), "match": wish.unwanted.how() });
    Ok(json!({
        "hours": hours,
        "results": address(results, ""),
        "formats": formats,
        "names": COLUMNS.as_slice(),
        "count": COUNT,
        "longest": LONGEST,
        "columns": columns,
        "append": appended.iter().map(|column| column.name()).collect::<Vec<_>>(),
        "unwanted": {
            "words": wish.unwanted.words(),
            "match": wish.unwanted.how(),
            "word_characters": word_characters(),
        },
        "manifest": {
            "hydrant": env!("CARGO_PKG_VERSION"),
            "unwanted": unwanted,
            "appended": appended_words(wish),
        },
    }))
}

/// Where a file is for a process with another working folder.
pub fn address(place: &Place, key: &str) -> String {
    match place {
        Place::Folder(folder) => {
            let path = folder.join(key);
            std::path::absolute(&path).unwrap_or(path).to_string_lossy().into_owned()
        }
        Place::Bucket(_) => place.url(key),
    }
}

/// What manifests say of what was appended.
pub(super) fn appended_words(wish: &Wish) -> Vec<&'static str> {
    let appended = [("hashtags", wish.append_hashtags), ("users", wish.append_users)];
    appended.into_iter().filter_map(|(name, appended)| appended.then_some(name)).collect()
}

fn hour(lake: &Lake, results: &Place, due: &Due, files: &[Entry], wish: &Wish, now: Timestamp) -> Value {
    let stamp: Stamp = stamp(due, files.len() as u64, now);
    let kinds = [
        ("csv", Kind::Csv),
        ("metadata", Kind::Metadata),
        ("parquet", Kind::Parquet),
        ("metadata_parquet", Kind::MetadataParquet),
        ("quarantine", Kind::Quarantine),
    ];
    let outputs: serde_json::Map<String, Value> = kinds
        .into_iter()
        .map(|(name, kind)| {
            let key = stamp.key(kind);
            (name.to_owned(), json!({ "key": key, "full": results.full_key(&key) }))
        })
        .collect();
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let mut print = Fingerprint::default();
            print.add(file);
            json!({
                "url": address(&lake.place, &file.key), "key": lake.place.full_key(&file.key), "name": file.name(),
                "etag": file.etag, "bytes": file.bytes, "print": print.to_string(),
            })
        })
        .collect();
    json!({
        "hour": stamp.hour.compact(),
        "name": stamp.hour,
        "combined_at": Timestamp::from_second(stamp.saved).unwrap_or_default().to_string(),
        "files": files,
        "outputs": outputs,
        "manifest": stamp.manifest_pattern(wish.fingerprint()),
    })
}

/// What came of the work.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer {
    /// Each hour, in the order of the plan.
    pub hours: Vec<Answered>,
}

/// What came of one hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answered {
    hour: Hour,
    /// Why it was not combined.
    failed: Option<String>,
    #[serde(flatten)]
    done: HourDone,
}

/// Removes what the new results replace, and says what was done.
pub async fn take_over(results: &Place, replaced: &[String], answer: Answer, seconds: f64) -> Outcome {
    let mut outcome = Outcome { seconds, ..Outcome::default() };
    for answered in answer.hours {
        match answered.failed {
            Some(why) => outcome.failures.push((answered.hour, LakeError::Elsewhere(why))),
            None => outcome.add(answered.hour, answered.done),
        }
    }
    if let Err(error) = results.delete(replaced).await {
        tracing::warn!(%error, "what was replaced is still there");
    }
    outcome.settle(results).await;
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_what_was_done_and_what_was_not() {
        let answer = json!({ "spark": "3.5.9", "hours": [
            { "hour": "2021-12-30T17", "counts": { "files": 1, "bytes_in": 9, "rows_in": 2, "rows_out": 1, "malformed": 1,
              "unwanted": 0, "duplicates": 0 }, "outputs": ["a"], "beside": [], "vanished": 0, "damaged": [] },
            { "hour": "2021-12-30T18", "failed": "it holds lines of JSON" },
        ] });
        let answer: Answer = serde_json::from_value(answer).expect("an answer");
        assert_eq!(answer.hours.first().map(|hour| hour.done.counts.rows_out), Some(1));
        assert_eq!(
            answer.hours.last().and_then(|hour| hour.failed.as_deref()),
            Some("it holds lines of JSON")
        );
        let odd = json!({ "hours": [{ "hour": "yesterday", "counts": {} }] });
        assert!(serde_json::from_value::<Answer>(odd).is_err(), "an hour that is none is not passed over");
    }
}
