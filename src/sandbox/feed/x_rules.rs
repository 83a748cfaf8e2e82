//! The rules that an app has at X: added, deleted, listed. They are X's, not a connection's: a client that comes back
//! finds them.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::posts::snowflake;
use super::rules::Rule;
use super::x_wire::Matched;
use crate::sandbox::clock::Pace;

/// How many rules an app may have.
pub(super) const MOST: usize = 1000;
/// How long a change takes to be felt in the stream; X promises twenty seconds at most.
const SETTLES: Duration = Duration::from_secs(8);

#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Written")]
struct Row {
    id: String,
    value: String,
    tag: Option<String>,
    /// As its value says.
    #[serde(skip_serializing)]
    rule: Arc<Rule>,
    since: Timestamp,
    /// When it is no longer felt, if it is deleted.
    until: Option<Timestamp>,
}

/// A row as it is on disk.
#[derive(Deserialize)]
struct Written {
    id: String,
    value: String,
    tag: Option<String>,
    since: Timestamp,
    until: Option<Timestamp>,
}

impl TryFrom<Written> for Row {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { id, value, tag, since, until } = written;
        let rule = Rule::parse(&value).map_err(|why| why.join(" "))?;
        Ok(Self { id, value, tag, rule: Arc::new(rule), since, until })
    }
}

/// All rules of the app.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Book {
    rows: Vec<Row>,
    made: u64,
}

/// A rule as the stream matches it.
#[derive(Debug, Clone)]
pub(super) struct Active {
    pub(super) rule: Arc<Rule>,
    pub(super) matched: Matched,
}

/// A rule that is asked for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    pub(super) value: String,
    #[serde(default)]
    pub(super) tag: Option<String>,
}

/// What became of rules that were asked for.
#[derive(Debug, Default)]
pub(super) struct Added {
    pub(super) created: Vec<Value>,
    pub(super) errors: Vec<Value>,
    pub(super) invalid: usize,
}

/// The app would have too many rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

impl Book {
    fn kept(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.until.is_none())
    }

    pub(super) fn len(&self) -> usize {
        self.kept().count()
    }

    /// The rules that are felt at a moment.
    pub(super) fn active(&self, now: Timestamp) -> Vec<Active> {
        self.rows
            .iter()
            .filter(|row| row.since <= now && row.until.is_none_or(|until| now < until))
            .map(|row| Active {
                rule: Arc::clone(&row.rule),
                matched: Matched { id: row.id.clone(), tag: row.tag.clone().unwrap_or_default() },
            })
            .collect()
    }

    /// Adds what is good of what is wanted; a dry run only says what would be.
    pub(super) fn add(
        &mut self,
        wanted: &[Wanted],
        dry: bool,
        now: Timestamp,
        pace: Pace,
    ) -> Result<Added, TooMany> {
        self.forget(now);
        let mut added = Added::default();
        let mut rows: Vec<Row> = Vec::new();
        for wanted in wanted {
            let same = |row: &&Row| row.value == wanted.value;
            if let Some(other) = self.kept().find(same).or_else(|| rows.iter().find(same)) {
                added.errors.push(json!({
                    "value": wanted.value,
                    "id": other.id,
                    "title": "DuplicateRule",
                    "type": "https://api.twitter.com/2/problems/duplicate-rules",
                }));
                continue;
            }
            match Rule::parse(&wanted.value) {
                Ok(rule) => {
                    self.made += 1;
                    let row = Row {
                        id: snowflake(now.as_millisecond(), self.made).to_string(),
                        value: wanted.value.clone(),
                        tag: wanted.tag.clone(),
                        rule: Arc::new(rule),
                        since: pace.after(now, SETTLES),
                        until: None,
                    };
                    added.created.push(row.shown());
                    rows.push(row);
                }
                Err(details) => {
                    added.invalid += 1;
                    added.errors.push(json!({
                        "value": wanted.value,
                        "details": details,
                        "title": "UnprocessableEntity",
                        "type": "https://api.twitter.com/2/problems/invalid-rules",
                    }));
                }
            }
        }
        if self.len() + rows.len() > MOST {
            return Err(TooMany);
        }
        if !dry {
            self.rows.append(&mut rows);
        }
        Ok(added)
    }

    /// Deletes the rules that `which` says by id and value, and gives back how many those were.
    pub(super) fn delete(
        &mut self,
        which: impl Fn(&str, &str) -> bool,
        dry: bool,
        now: Timestamp,
        pace: Pace,
    ) -> usize {
        let until = pace.after(now, SETTLES);
        let mut deleted = 0;
        for row in self.rows.iter_mut().filter(|row| row.until.is_none()) {
            if which(&row.id, &row.value) {
                deleted += 1;
                if !dry {
                    row.until = Some(until);
                }
            }
        }
        deleted
    }

    /// The rules as X lists them.
    pub(super) fn list(&self) -> impl Iterator<Item = Value> {
        self.kept().map(Row::shown)
    }

    /// Drops what is deleted and felt no more.
    fn forget(&mut self, now: Timestamp) {
        self.rows.retain(|row| row.until.is_none_or(|until| now < until));
    }
}

impl Row {
    fn shown(&self) -> Value {
        let mut shown = json!({ "id": self.id, "value": self.value });
        if let Some(tag) = &self.tag {
            shown["tag"] = json!(tag);
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(values: &[&str]) -> Vec<Wanted> {
        values.iter().map(|value| Wanted { value: (*value).to_owned(), tag: None }).collect()
    }

    fn now() -> Timestamp {
        "2026-11-20T14:03:01Z".parse().expect("a time")
    }

    #[test]
    fn good_rules_are_added_beside_bad_ones() {
        let (mut book, pace) = (Book::default(), Pace::default());
        let added = book.add(&wanted(&["mars", "lang:en", "mars"]), false, now(), pace).expect("room");
        assert_eq!((added.created.len(), added.errors.len(), added.invalid), (1, 2, 1));
        assert_eq!(book.len(), 1);
        let titles: Vec<_> =
            added.errors.iter().map(|error| error["title"].as_str().expect("a title")).collect();
        assert_eq!(titles, ["UnprocessableEntity", "DuplicateRule"]);
    }

    #[test]
    fn a_dry_run_changes_nothing() {
        let (mut book, pace) = (Book::default(), Pace::default());
        book.add(&wanted(&["mars"]), true, now(), pace).expect("room");
        assert_eq!(book.len(), 0);
        book.add(&wanted(&["mars"]), false, now(), pace).expect("room");
        assert_eq!(book.delete(|_, _| true, true, now(), pace), 1);
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn changes_are_felt_after_a_while() {
        let (mut book, pace) = (Book::default(), Pace::new(1).expect("a pace"));
        let at = |seconds| now() + Duration::from_secs(seconds);
        book.add(&wanted(&["mars"]), false, now(), pace).expect("room");
        assert_eq!((book.active(at(0)).len(), book.active(at(20)).len()), (0, 1));
        book.delete(|_, value| value == "mars", false, at(30), pace);
        assert_eq!((book.len(), book.active(at(30)).len(), book.active(at(50)).len()), (0, 1, 0));
    }

    #[test]
    fn a_thousand_rules_are_the_most() {
        let (mut book, pace) = (Book::default(), Pace::default());
        let values: Vec<String> = (0..=MOST).map(|number| format!("word{number}")).collect();
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        assert_eq!(book.add(&wanted(&values), false, now(), pace).expect_err("one too many"), TooMany);
        book.add(&wanted(&values[..MOST]), false, now(), pace).expect("room");
        assert!(book.add(&wanted(&["one"]), false, now(), pace).is_err());
    }
}
