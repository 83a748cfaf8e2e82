//! Lists, as every Describe operation gives them: picked by filters, in pages.
//!
//! A filter's name stands for a place in the answer itself (`instance-state-name` for `instanceState.name`), so what
//! can be filtered by is a table of names and paths. A path goes into every item of the lists that it meets.

use serde::Deserialize;
use serde_json::Value;

use super::invalid;
use crate::sandbox::paging::{self, Page};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Number;

/// A filter of a request.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Filter {
    name: String,
    #[serde(default)]
    value: Vec<String>,
}

/// Where the values are that a list can be filtered by.
pub(super) struct Searchable {
    /// The path of the tags.
    pub(super) tags: &'static str,
    /// Names of filters and their paths; [`NOTHING`] where nothing here ever has such a value.
    pub(super) by: &'static [(&'static str, &'static str)],
}

/// The path of what AWS can filter by and nothing in the sandbox has.
pub(super) const NOTHING: &str = "-";

/// A call may name so many values in all its filters.
const MOST_VALUES: usize = 200;
/// A page holds at least and at most so many items.
const SMALLEST_PAGE: i64 = 5;
const LARGEST_PAGE: i64 = 1000;

/// What a filter asks of an item.
enum Wish {
    Value(&'static str),
    Tag(String),
    TagKey,
    TagValue,
}

impl Searchable {
    /// The items that fit all filters.
    pub(super) fn pick(
        &self,
        filters: &[Filter],
        items: Vec<(String, Value)>,
    ) -> Result<Vec<(String, Value)>, Refusal> {
        if filters.iter().map(|filter| filter.value.len()).sum::<usize>() > MOST_VALUES {
            let message = "The maximum number of filter values specified on a single call is 200";
            return Err(Refusal::new("FilterLimitExceeded", message));
        }
        let wishes = filters.iter().map(|filter| self.wish(filter)).collect::<Result<Vec<_>, _>>()?;
        let fits = |item: &Value| wishes.iter().all(|(wish, patterns)| self.grants(item, wish, patterns));
        Ok(items.into_iter().filter(|(_, item)| fits(item)).collect())
    }

    fn wish(&self, filter: &Filter) -> Result<(Wish, Vec<Pattern>), Refusal> {
        let name = filter.name.as_str();
        let wish = match (name.strip_prefix("tag:"), name) {
            (Some(key), _) => Wish::Tag(key.to_owned()),
            (_, "tag-key") => Wish::TagKey,
            (_, "tag-value") => Wish::TagValue,
            _ => self
                .by
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, path)| Wish::Value(path))
                .ok_or_else(|| invalid(format!("The filter '{name}' is invalid")))?,
        };
        Ok((wish, filter.value.iter().map(|value| Pattern::new(value)).collect()))
    }

    fn grants(&self, item: &Value, wish: &Wish, patterns: &[Pattern]) -> bool {
        let mut values = Vec::new();
        match wish {
            Wish::Value(path) => collect(item, path, &mut values),
            Wish::TagKey => collect(item, &format!("{}.key", self.tags), &mut values),
            Wish::TagValue => collect(item, &format!("{}.value", self.tags), &mut values),
            Wish::Tag(key) => each(item, self.tags, &mut |tag| {
                if tag.get("key").and_then(Value::as_str) == Some(key) {
                    collect(tag, "value", &mut values);
                }
            }),
        }
        values.iter().any(|value| patterns.iter().any(|pattern| pattern.fits(value)))
    }
}

/// Shows every value at a path, where the path and its end go into the items of lists.
fn each(document: &Value, path: &str, show: &mut dyn FnMut(&Value)) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| each(item, path, show)),
        found if path.is_empty() => show(found),
        Value::Object(fields) => {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            if let Some(below) = fields.get(first) {
                each(below, rest, show);
            }
        }
        _ => {}
    }
}

fn collect(document: &Value, path: &str, values: &mut Vec<String>) {
    each(document, path, &mut |value| match value {
        Value::String(text) => values.push(text.clone()),
        Value::Bool(_) | Value::Number(_) => values.push(value.to_string()),
        _ => {}
    });
}

/// A filter's value: `*` stands for any text, `?` for any character, and a backslash takes that from them.
struct Pattern(Vec<Part>);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Any,
    One,
    This(char),
}

impl Pattern {
    fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut characters = text.chars();
        while let Some(character) = characters.next() {
            parts.push(match character {
                '*' => Part::Any,
                '?' => Part::One,
                '\\' => Part::This(characters.next().unwrap_or('\\')),
                plain => Part::This(plain),
            });
        }
        Self(parts)
    }

    /// Goes back to the last `*` only, so that the time is at most the product of the two lengths.
    fn fits(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        let (mut part, mut at) = (0, 0);
        let mut last_any: Option<(usize, usize)> = None;
        while let Some(character) = text.get(at) {
            match self.0.get(part) {
                Some(Part::Any) => {
                    last_any = Some((part, at));
                    part += 1;
                }
                Some(wanted) if matches!(wanted, Part::One) || *wanted == Part::This(*character) => {
                    part += 1;
                    at += 1;
                }
                _ => {
                    let Some((any, from)) = last_any else { return false };
                    last_any = Some((any, from + 1));
                    (part, at) = (any + 1, from + 1);
                }
            }
        }
        self.0.iter().skip(part).all(|part| *part == Part::Any)
    }
}

/// A page of the items, in the order of their keys.
pub(super) fn page(
    mut items: Vec<(String, Value)>,
    max_results: Option<Number<i64>>,
    next_token: Option<&str>,
) -> Result<Page<Value>, Refusal> {
    let limit = max_results.map_or(LARGEST_PAGE, |limit| limit.0);
    if limit < SMALLEST_PAGE {
        return Err(invalid(format!(
            "Value ( {limit} ) for parameter maxResults is invalid. Expecting a value greater than {SMALLEST_PAGE}."
        )));
    }
    let limit = usize::try_from(limit.min(LARGEST_PAGE)).expect("from 5 to 1000");
    let read = |token: &str| {
        paging::read_token(token)
            .ok_or_else(|| Refusal::new("InvalidNextToken", format!("The token '{token}' is invalid")))
    };
    let after = next_token.filter(|token| !token.is_empty()).map(read).transpose()?;
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(paging::page(items.into_iter(), after.as_deref(), limit))
}

/// A list of ids and a size of pages do not go together.
pub(super) fn not_both<T>(
    ids: &[T],
    ids_name: &str,
    max_results: Option<Number<i64>>,
) -> Result<(), Refusal> {
    if ids.is_empty() || max_results.is_none() {
        return Ok(());
    }
    let message = format!("The parameter {ids_name} cannot be used with the parameter maxResults");
    Err(Refusal::new("InvalidParameterCombination", message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SEARCHABLE: Searchable =
        Searchable { tags: "tagSet", by: &[("colour", "outer.colours.name"), ("size", "size")] };

    fn picked(name: &str, values: &[&str]) -> Result<Vec<String>, Refusal> {
        let items = vec![
            (
                "a".to_owned(),
                json!({ "size": 1, "outer": { "colours": [{ "name": "red" }, { "name": "blue" }] } }),
            ),
            ("b".to_owned(), json!({ "size": 12, "tagSet": [{ "key": "Name", "value": "x*y" }] })),
        ];
        let filters: Vec<Filter> =
            serde_json::from_value(json!([{ "Name": name, "Value": values }])).expect("a filter");
        Ok(SEARCHABLE.pick(&filters, items)?.into_iter().map(|(key, _)| key).collect())
    }

    #[test]
    fn a_filter_looks_where_its_name_points() {
        assert_eq!(picked("colour", &["green", "blue"]).expect("known"), ["a"]);
        assert_eq!(picked("size", &["1?"]).expect("known"), ["b"]);
        assert_eq!(picked("tag:Name", &["x*"]).expect("known"), ["b"]);
        assert_eq!(picked("tag-key", &["N*e"]).expect("known"), ["b"]);
        assert_eq!(
            picked("taste", &["sweet"]).expect_err("unknown").message,
            "The filter 'taste' is invalid"
        );
    }

    #[test]
    fn wildcards_match_as_in_a_shell_and_can_be_escaped() {
        for (pattern, text, fits) in [
            ("al2023-ami-2023.*-kernel-*-x86_64", "al2023-ami-2023.8.1-kernel-6.1-x86_64", true),
            ("al2023-ami-2023.*-kernel-*-x86_64", "al2023-ami-2023.8.1-kernel-6.1-arm64", false),
            ("*", "", true),
            ("a*b*c", "aXbXbXc", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("?", "", false),
        ] {
            assert_eq!(Pattern::new(pattern).fits(text), fits, "{pattern} and {text}");
        }
    }
}
