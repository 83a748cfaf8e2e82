//! Pages of rows: in the order of their keys' bytes, with common prefixes, from wherever a page begins.
//!
//! A row's key is bucket, object key and a tail, parted by NUL, which no object key here holds: so the order of rows
//! is the order of keys, and for one key that of tails. Everything that a list leaves out (a common prefix that is
//! shown already, older versions) is passed over by one search, not row by row.

use std::ops::Bound;

use super::Version;
use crate::sandbox::store::Table;

/// What a list asks for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing<'q> {
    pub(super) bucket: &'q str,
    pub(super) prefix: &'q str,
    /// Never empty.
    pub(super) delimiter: Option<&'q str>,
    pub(super) limit: usize,
}

/// A line of a list.
#[derive(Debug)]
pub(super) enum Entry<'a, T> {
    Row {
        key: &'a str,
        tail: &'a str,
        row: &'a T,
        /// Whether it is the first of its key.
        first: bool,
    },
    /// What several keys begin with.
    Prefix(&'a str),
}

#[derive(Debug)]
pub(super) struct Page<'a, T> {
    pub(super) entries: Vec<Entry<'a, T>>,
    /// Whether there is more.
    pub(super) truncated: bool,
}

impl<'a, T> Page<'a, T> {
    const fn new() -> Self {
        Self { entries: Vec::new(), truncated: false }
    }

    /// After what the next page begins: a key or a common prefix, and the tail of a row.
    pub(super) fn last(&self) -> Option<(&'a str, Option<&'a str>)> {
        self.entries.last().map(|entry| match entry {
            Entry::Row { key, tail, .. } => (*key, Some(*tail)),
            Entry::Prefix(prefix) => (*prefix, None),
        })
    }
}

/// The key of a row.
pub(super) fn row_key(bucket: &str, key: &str, tail: &str) -> String {
    format!("{bucket}\0{key}\0{tail}")
}

/// Where the rows after all of a key's begin. Nothing sorts between: no key holds a NUL.
fn after_key(bucket: &str, key: &str) -> String {
    format!("{bucket}\0{key}\u{1}")
}

/// The first text after all that begin with a prefix; `None` when there is none.
fn past(prefix: &str) -> Option<String> {
    let mut text = prefix.to_owned();
    while let Some(last) = text.pop() {
        // The range of characters skips those that are no characters.
        if let Some(next) = (last..=char::MAX).nth(1) {
            text.push(next);
            return Some(text);
        }
    }
    None
}

impl Listing<'_> {
    /// Where a page begins that comes after a key or a common prefix.
    fn start(&self, after: Option<&str>) -> Option<String> {
        let first = format!("{}\0{}", self.bucket, self.prefix);
        let Some(after) = after else { return Some(first) };
        let start = match self.common(after) {
            Some(common) => format!("{}\0{}", self.bucket, past(common)?),
            None => after_key(self.bucket, after),
        };
        Some(first.max(start))
    }

    /// The common prefix that a key is shown under, if there is one.
    fn common<'k>(&self, key: &'k str) -> Option<&'k str> {
        let (delimiter, rest) = (self.delimiter?, key.strip_prefix(self.prefix)?);
        let end = self.prefix.len() + rest.find(delimiter)? + delimiter.len();
        key.get(..end)
    }

    /// Object key and tail of a row; `None` for a row that is not asked for.
    fn parts<'k>(&self, row: &'k str) -> Option<(&'k str, &'k str)> {
        let (key, tail) = row.strip_prefix(self.bucket)?.strip_prefix('\0')?.rsplit_once('\0')?;
        key.starts_with(self.prefix).then_some((key, tail))
    }

    /// The current objects after a key or a common prefix.
    pub(super) fn objects<'a>(&self, table: &'a Table<Version>, after: Option<&str>) -> Page<'a, Version> {
        let mut page = Page::new();
        let mut at = self.start(after).filter(|_| self.limit > 0);
        while let Some(start) = at {
            let Some((row_key, row)) = table.from(Bound::Included(&start)).next() else { break };
            let Some((key, tail)) = self.parts(row_key) else { break };
            let common = self.common(key);
            at = Some(after_key(self.bucket, key));
            // A deleted key says nothing of others under the same prefix.
            if row.object.is_none() {
                continue;
            }
            if page.entries.len() == self.limit {
                page.truncated = true;
                break;
            }
            page.entries.push(match common {
                Some(common) => Entry::Prefix(common),
                None => Entry::Row { key, tail, row, first: true },
            });
            if let Some(common) = common {
                at = past(common).map(|next| format!("{}\0{next}", self.bucket));
            }
        }
        page
    }

    /// All rows after a key or a common prefix, or after one row of a key.
    pub(super) fn rows<'a, T>(
        &self,
        table: &'a Table<T>,
        after: Option<(&str, Option<&str>)>,
    ) -> Page<'a, T> {
        let mut page = Page::new();
        let (mut at, mut before) = match after {
            Some((key, Some(tail))) => {
                (Some(format!("{}\0", row_key(self.bucket, key, tail))), Some(key.to_owned()))
            }
            Some((key, None)) => (self.start(Some(key)), None),
            None => (self.start(None), None),
        };
        at = at.filter(|_| self.limit > 0);
        while let Some(start) = at {
            let Some((row_key, row)) = table.from(Bound::Included(&start)).next() else { break };
            let Some((key, tail)) = self.parts(row_key) else { break };
            if page.entries.len() == self.limit {
                page.truncated = true;
                break;
            }
            if let Some(common) = self.common(key) {
                page.entries.push(Entry::Prefix(common));
                at = past(common).map(|next| format!("{}\0{next}", self.bucket));
                continue;
            }
            let first = before.as_deref() != Some(key);
            page.entries.push(Entry::Row { key, tail, row, first });
            before = Some(key.to_owned());
            at = Some(format!("{row_key}\0"));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&str]) -> Table<Version> {
        let mut table = Table::new("test");
        for key in keys {
            let object = super::super::objects::tests::object();
            let object = (!key.ends_with('-')).then(|| Box::new(object));
            table.insert(row_key("bucket", key, "1"), Version { modified: 0, object });
            table.insert(row_key("bucket", key, "2"), Version { modified: 0, object: None });
        }
        table.insert(row_key("bucket2", "z", "1"), Version { modified: 0, object: None });
        table
    }

    fn shown<T>(page: &Page<'_, T>) -> Vec<String> {
        let show = |entry: &Entry<'_, T>| match entry {
            Entry::Row { key, .. } => (*key).to_owned(),
            Entry::Prefix(prefix) => format!("[{prefix}]"),
        };
        page.entries.iter().map(show).collect()
    }

    fn listing(prefix: &'static str, delimiter: Option<&'static str>, limit: usize) -> Listing<'static> {
        Listing { bucket: "bucket", prefix, delimiter, limit }
    }

    #[test]
    fn keys_come_in_the_order_of_their_bytes() {
        let keys = ["a", "a\u{1}", "a!", "a/b", "a0", "é", "\u{ffff}", "😀", "gone-"];
        let page = listing("", None, 1000);
        let table = table(&keys);
        let page = page.objects(&table, None);
        assert_eq!(shown(&page), ["a", "a\u{1}", "a!", "a/b", "a0", "é", "\u{ffff}", "😀"]);
        assert!(!page.truncated);
    }

    #[test]
    fn a_common_prefix_is_shown_once_and_only_for_keys_that_are_there() {
        let table = table(&["a/1", "a/2", "a/b/3", "b", "c/gone-", "d//4", "e/f/5"]);
        assert_eq!(shown(&listing("", Some("/"), 9).objects(&table, None)), ["[a/]", "b", "[d/]", "[e/]"]);
        assert_eq!(shown(&listing("a/", Some("/"), 9).objects(&table, None)), ["a/1", "a/2", "[a/b/]"]);
        assert_eq!(shown(&listing("d/", Some("/"), 9).objects(&table, None)), ["[d//]"]);
        assert_eq!(shown(&listing("", Some("//"), 9).objects(&table, Some("c"))), ["[d//]", "e/f/5"]);
    }

    #[test]
    fn pages_join_to_the_whole() {
        let keys: Vec<String> = (0..50).map(|number| format!("{}/{number:02}", number % 7)).collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).chain(["0", "6", "8-"]).collect();
        let table = table(&keys);
        for delimiter in [None, Some("/")] {
            let whole = shown(&listing("", delimiter, 1000).objects(&table, None));
            for limit in 1..=whole.len() {
                let (mut all, mut after) = (Vec::new(), None);
                loop {
                    let page = listing("", delimiter, limit).objects(&table, after);
                    all.extend(shown(&page));
                    after = page.last().map(|(key, _)| key);
                    assert!(page.entries.len() == limit || !page.truncated);
                    if !page.truncated {
                        break;
                    }
                }
                assert_eq!(all, whole);
            }
        }
        assert!(listing("", None, 0).objects(&table, None).entries.is_empty());
    }

    #[test]
    fn a_page_of_rows_can_begin_amid_a_key() {
        let table = table(&["a", "b"]);
        let page = listing("", None, 9).rows(&table, Some(("a", Some("1"))));
        let firsts: Vec<_> = page
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Row { key, tail, first, .. } => (*key, *tail, *first),
                Entry::Prefix(_) => unreachable!("no delimiter"),
            })
            .collect();
        assert_eq!(firsts, [("a", "2", false), ("b", "1", true), ("b", "2", false)]);
        assert_eq!(listing("", None, 9).rows(&table, Some(("a", None))).entries.len(), 2);
        assert_eq!(listing("", None, 4).rows(&table, None).entries.len(), 4);
        assert!(!listing("", None, 4).rows(&table, None).truncated);
    }

    #[test]
    fn past_a_prefix_comes_what_does_not_begin_with_it() {
        assert_eq!(past("a/").as_deref(), Some("a0"));
        assert_eq!(past("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(past("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(past("\u{10ffff}"), None);
    }
}
