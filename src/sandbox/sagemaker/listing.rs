//! What SageMaker's lists have in common: filters by name and time, an order, pages.

use std::cmp::Ordering;

use jiff::Timestamp;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};

use super::constraints::Constraints;
use crate::sandbox::clock::epoch_seconds;
use crate::sandbox::paging::{Page, read_token, token};
use crate::sandbox::refusal::Refusal;

/// The parameters of a list: those that every list has, and its own.
#[derive(Debug)]
pub(super) struct List<F> {
    common: Common,
    pub(super) own: F,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Common {
    next_token: Option<String>,
    max_results: Option<i64>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    name_contains: Option<String>,
    creation_time_before: Option<f64>,
    creation_time_after: Option<f64>,
    last_modified_time_before: Option<f64>,
    last_modified_time_after: Option<f64>,
}

/// The names of [`Common`]'s parameters on the wire.
const COMMON: [&str; 9] = [
    "NextToken",
    "MaxResults",
    "SortBy",
    "SortOrder",
    "NameContains",
    "CreationTimeBefore",
    "CreationTimeAfter",
    "LastModifiedTimeBefore",
    "LastModifiedTimeAfter",
];

/// Serde cannot both join two types into one document and refuse what neither knows: this does.
impl<'de, F: DeserializeOwned> Deserialize<'de> for List<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (common, own): (Map<_, _>, Map<_, _>) = Map::deserialize(deserializer)?
            .into_iter()
            .partition(|(name, _)| COMMON.contains(&name.as_str()));
        Ok(Self {
            common: serde_json::from_value(Value::Object(common)).map_err(D::Error::custom)?,
            own: serde_json::from_value(Value::Object(own)).map_err(D::Error::custom)?,
        })
    }
}

/// A line of a list before it is chosen, and what it is chosen and sorted by.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    pub(super) status: &'static str,
    pub(super) summary: Value,
}

/// By what a list can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Name,
    CreationTime,
    LastModifiedTime,
    Status,
}

impl By {
    const fn name(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::CreationTime => "CreationTime",
            Self::LastModifiedTime => "LastModifiedTime",
            Self::Status => "Status",
        }
    }

    /// A text that sorts as the entries do; names make it the entry's own.
    fn rank(self, entry: &Entry) -> String {
        let name = &entry.name;
        match self {
            Self::Name => name.clone(),
            Self::CreationTime => format!("{:020}/{name}", entry.created.as_microsecond()),
            Self::LastModifiedTime => format!("{:020}/{name}", entry.modified.as_microsecond()),
            Self::Status => format!("{}/{name}", entry.status),
        }
    }
}

/// How many lines a page has that does not say.
const USUAL: i64 = 10;

impl<F> List<F> {
    /// The page that is asked for. The first of `orders` is the one if none is asked for.
    pub(super) fn page(
        &self,
        entries: impl Iterator<Item = Entry>,
        orders: &[By],
    ) -> Result<Page<Value>, Refusal> {
        let asked = &self.common;
        let most = asked.max_results.unwrap_or(USUAL);
        let mut constraints = Constraints::default();
        constraints.within("maxResults", most, &(1..=100));
        constraints.one_of("sortOrder", asked.descends(), &["Ascending", "Descending"]);
        let names: Vec<_> = orders.iter().map(|by| by.name()).collect();
        if let Some(by) = &asked.sort_by {
            constraints.one_of("sortBy", by, &names);
        }
        constraints.hold()?;
        let by = orders
            .iter()
            .find(|by| asked.sort_by.as_deref().is_none_or(|asked| asked == by.name()))
            .copied()
            .unwrap_or(By::Name);
        let after = asked.next_token.as_deref().map(|token| read_token(token).ok_or_else(bad_token));
        let after = after.transpose()?;
        let order = |one: &str, other: &str| {
            if asked.descends() == "Descending" { other.cmp(one) } else { one.cmp(other) }
        };
        let mut ranked: Vec<(String, Value)> = entries
            .filter(|entry| asked.wants(entry))
            .map(|entry| (by.rank(&entry), entry.summary))
            .filter(|(rank, _)| after.as_deref().is_none_or(|after| order(rank, after) == Ordering::Greater))
            .collect();
        ranked.sort_by(|(one, _), (other, _)| order(one, other));
        let most = usize::try_from(most).expect("from 1 to 100");
        let next = ranked.get(most).and(ranked.get(most - 1)).map(|(rank, _)| token(rank));
        Ok(Page { items: ranked.into_iter().take(most).map(|(_, summary)| summary).collect(), next })
    }
}

fn bad_token() -> Refusal {
    Refusal::new("ValidationException", "The NextToken is not valid")
}

impl Common {
    fn descends(&self) -> &str {
        self.sort_order.as_deref().unwrap_or("Ascending")
    }

    fn wants(&self, entry: &Entry) -> bool {
        let (created, modified) = (epoch_seconds(entry.created), epoch_seconds(entry.modified));
        self.name_contains.as_deref().is_none_or(|part| entry.name.contains(part))
            && self.creation_time_before.is_none_or(|limit| created < limit)
            && self.creation_time_after.is_none_or(|limit| created > limit)
            && self.last_modified_time_before.is_none_or(|limit| modified < limit)
            && self.last_modified_time_after.is_none_or(|limit| modified > limit)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "PascalCase", deny_unknown_fields)]
    struct Own {
        status_equals: Option<String>,
    }

    fn list(parameters: Value) -> Result<List<Own>, serde_json::Error> {
        serde_json::from_value(parameters)
    }

    fn entries() -> impl Iterator<Item = Entry> {
        (0..25_i64).map(|number| Entry {
            name: format!("n{:02}", (number * 7) % 25),
            created: Timestamp::from_second(number).expect("a time"),
            modified: Timestamp::from_second(100 - number).expect("a time"),
            status: "",
            summary: json!(number),
        })
    }

    #[test]
    fn pages_join_to_the_whole_in_both_directions() {
        for (order, first) in [("Ascending", 0), ("Descending", 24)] {
            let (mut all, mut next) = (Vec::new(), None);
            loop {
                let asked = json!({ "SortOrder": order, "SortBy": "CreationTime", "NextToken": next });
                let page = list(asked).expect("parameters").page(entries(), &[By::Name, By::CreationTime]);
                let page = page.expect("a page");
                all.extend(page.items);
                next = page.next;
                if next.is_none() {
                    break;
                }
            }
            assert_eq!((all.len(), all.first()), (25, Some(&json!(first))));
        }
    }

    #[test]
    fn filters_are_joined_by_and() {
        let asked = json!({ "NameContains": "n0", "CreationTimeAfter": 5, "LastModifiedTimeAfter": 80.5, "MaxResults": 100 });
        let page = list(asked).expect("parameters").page(entries(), &[By::Name]).expect("a page");
        assert_eq!(page.items, [json!(18), json!(11), json!(15), json!(8), json!(19), json!(12)]);
    }

    #[test]
    fn what_neither_part_knows_is_refused() {
        assert_eq!(
            list(json!({ "StatusEquals": "Failed" })).expect("known").own.status_equals.as_deref(),
            Some("Failed")
        );
        let complaint = list(json!({ "Colour": "red" })).expect_err("unknown").to_string();
        assert!(complaint.starts_with("unknown field `Colour`"), "{complaint}");
        assert!(list(json!({ "MaxResults": 0 })).expect("read").page(entries(), &[By::Name]).is_err());
        assert!(list(json!({ "NextToken": "?" })).expect("read").page(entries(), &[By::Name]).is_err());
    }
}
