//! Hours that are combined elsewhere: what whoever does it must know, in a form that can be handed over, and what is made
//! of the answer. The results are the same files, with the same names, in the same places.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Before, Due, Format, HourDone, Left, Outcome, Plan, Wish, stamp};
use crate::lake::lines::LONGEST;
use crate::lake::outputs::{Fingerprint, Kind, Stamp};
use crate::lake::place::Entry;
use crate::lake::{Hour, Lake, LakeError, Place, columns, listing};
use crate::stream::record::{COLUMNS, COUNT, Column};
use crate::stream::words::word_characters;

/// The work of a plan as `assets/spark/combine.py` documents it, but for where it runs and what may lie there; and the
/// hours that are `left` as they are.
pub async fn hand_over(
    lake: &Lake,
    results: &Place,
    plan: &Plan,
    wish: &Wish,
    stop: &CancellationToken,
) -> Result<Value, LakeError> {
    let (mut hours, mut left) = (Vec::new(), plan.left.clone());
    for due in &plan.due {
        // Listed again: between the plan and now, files may have come, or gone.
        let files = listing::files(lake, due.totals.hour, stop).await?;
        let before = Before::of(results, &due.combined).await?;
        let (gone, came) = before.beside(files.iter().map(Entry::name));
        if gone > 0 && !wish.again {
            left.push(Left { hour: due.totals.hour, gone, came });
            continue;
        }
        hours.push(hour(lake, results, due, &files, &before, wish));
    }
    left.sort_by_key(|left| left.hour);
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
        "left": left,
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

fn hour(lake: &Lake, results: &Place, due: &Due, files: &[Entry], before: &Before, wish: &Wish) -> Value {
    let stamp: Stamp = stamp(due, files.len() as u64, Timestamp::now());
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
                "had": before.has(file.name()),
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
    use crate::lake::Layout;
    use crate::lake::hours::Span;
    use crate::lake::outputs::Sums;

    #[tokio::test]
    async fn files_that_are_gone_are_not_handed_over_as_less_and_those_that_were_combined_are_marked() {
        let folder = tempfile::tempdir().expect("a folder");
        let lake = Lake::new(Place::Folder(folder.path().to_owned()), Layout::new("").expect("a layout"));
        let (results, stop) = (lake.results(), CancellationToken::new());
        let stamp = Stamp { hour: "2021-12-30T17".parse().expect("an hour"), saved: 1_640_973_618, files: 2 };
        let sums = Sums { rows: 2, fingerprint: Fingerprint::of("two files"), wish: None };
        let sources = br#"{ "sources": [{ "key": "x/a" }, { "key": "x/b" }] }"#;
        results.put(&stamp.key(Kind::Parquet), b"rows").await.expect("written");
        results.put(&stamp.manifest_key(&sums), sources).await.expect("written");
        for name in ["a", "b", "c"] {
            lake.place.put(&format!("2021/12/30/17/{name}"), b"post").await.expect("written");
        }
        let mut wish = Wish::default();
        let plan = super::super::plan(&lake, &results, Span::default(), &wish, |_| false, &stop).await;
        let plan = plan.expect("a plan");
        let over = hand_over(&lake, &results, &plan, &wish, &stop).await.expect("work");
        let had = |over: &Value| -> Vec<Value> {
            let files = over["hours"][0]["files"].as_array().cloned().unwrap_or_default();
            files.iter().map(|file| file["had"].clone()).collect()
        };
        assert_eq!((had(&over), &over["left"]), (vec![true.into(), true.into(), false.into()], &json!([])));
        // It goes between the plan and the work.
        lake.place.delete(&["2021/12/30/17/a".to_owned()]).await.expect("removed");
        let over = hand_over(&lake, &results, &plan, &wish, &stop).await.expect("work");
        let left = json!([{ "hour": "2021-12-30T17", "gone": 1, "came": 1 }]);
        assert_eq!((&over["hours"], &over["left"]), (&json!([]), &left));
        wish.again = true;
        let over = hand_over(&lake, &results, &plan, &wish, &stop).await.expect("work");
        assert_eq!((had(&over), &over["left"]), (vec![true.into(), false.into()], &json!([])));
    }

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
