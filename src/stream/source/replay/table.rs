//! CSV with a header, as lines: hydrant's own columns become records, others posts.
//!
//! Of others, twarc's dotted columns are known (`author.public_metrics.followers_count`), and the names that small data
//! sets use for an id and a text.

use std::io::{self, BufRead};

use serde_json::{Value, json};

use crate::stream::record::{COLUMNS, Format, Line};

/// Whether a file that begins so is CSV: its first line is neither JSON nor a record, and has an id and a text.
pub(super) fn is_table(begins: &[u8]) -> bool {
    let first = begins.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let first = first.strip_prefix(b"\xef\xbb\xbf").unwrap_or(first);
    if first.first().is_none_or(|byte| matches!(byte, b'{' | b'[')) || first.contains(&b'\t') {
        return false;
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(first);
    reader.records().next().is_some_and(|header| header.is_ok_and(|header| Shape::of(&header).is_some()))
}

/// Where in a row what stands.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// Of each of the record's columns, its place.
    Record(Vec<usize>),
    /// Of each path into a post, the place.
    Post(Vec<(&'static [&'static str], usize)>),
}

/// Paths into a flattened post, and the columns that hold them, the best first.
const PATHS: &[(&[&str], &[&str])] = &[
    (&["id"], &["id", "id_str", "tweet_id", "post_id", "tweetid", "tweet id"]),
    (&["text"], &["text", "full_text", "tweet", "tweet_text", "content"]),
    (&["created_at"], &["created_at", "tweet_created", "date", "timestamp"]),
    (&["lang"], &["lang", "language"]),
    (&["in_reply_to_user_id"], &["in_reply_to_user_id"]),
    (
        &["in_reply_to_user", "username"],
        &["in_reply_to_username", "in_reply_to_user.username", "in_reply_to_screen_name"],
    ),
    (&["source"], &["source"]),
    (&["public_metrics", "retweet_count"], &["public_metrics.retweet_count", "retweet_count"]),
    (&["public_metrics", "reply_count"], &["public_metrics.reply_count", "reply_count"]),
    (&["public_metrics", "like_count"], &["public_metrics.like_count", "favorite_count", "like_count"]),
    (&["public_metrics", "quote_count"], &["public_metrics.quote_count", "quote_count"]),
    (&["author", "id"], &["author.id", "author_id", "user_id"]),
    (&["author", "username"], &["author.username", "user_screen_name", "username", "screen_name", "name"]),
    (&["author", "name"], &["author.name", "user_name"]),
    (&["author", "location"], &["author.location", "user_location"]),
    (&["author", "created_at"], &["author.created_at"]),
    (&["author", "public_metrics", "followers_count"], &["author.public_metrics.followers_count"]),
    (&["author", "public_metrics", "following_count"], &["author.public_metrics.following_count"]),
    (&["author", "public_metrics", "tweet_count"], &["author.public_metrics.tweet_count"]),
    (&["author", "public_metrics", "listed_count"], &["author.public_metrics.listed_count"]),
    (&["geo", "place_id"], &["geo.place_id"]),
    (&["geo", "full_name"], &["geo.full_name"]),
    (&["geo", "name"], &["geo.name"]),
    (&["geo", "country"], &["geo.country"]),
    (&["geo", "country_code"], &["geo.country_code"]),
    (&["geo", "place_type"], &["geo.place_type"]),
];

/// Ids of posts that another refers to, and how.
const REFERENCES: [(&str, &str); 3] = [
    ("retweeted", "referenced_tweets.retweeted.id"),
    ("quoted", "referenced_tweets.quoted.id"),
    ("replied_to", "referenced_tweets.replied_to.id"),
];

impl Shape {
    fn of(header: &csv::StringRecord) -> Option<Self> {
        let names: Vec<String> =
            header.iter().map(|name| name.trim_start_matches('\u{feff}').trim().to_lowercase()).collect();
        let place = |name: &str| names.iter().position(|known| known == name);
        if let Some(places) = COLUMNS.iter().map(|name| place(name)).collect::<Option<Vec<_>>>() {
            return Some(Self::Record(places));
        }
        let of_path = |(path, columns): &(&'static [&'static str], &[&str])| {
            columns.iter().find_map(|column| place(column)).map(|place| (*path, place))
        };
        let mut paths: Vec<_> = PATHS.iter().filter_map(of_path).collect();
        let has = |wanted: &str| paths.iter().any(|(path, _)| *path == [wanted]);
        if !has("id") || !has("text") {
            return None;
        }
        for (kind, column) in REFERENCES {
            if let Some(place) = place(column) {
                paths.push((reference(kind), place));
            }
        }
        Some(Self::Post(paths))
    }
}

const fn reference(kind: &str) -> &'static [&'static str] {
    match kind.as_bytes() {
        b"retweeted" => &["referenced_tweets", "retweeted"],
        b"quoted" => &["referenced_tweets", "quoted"],
        _ => &["referenced_tweets", "replied_to"],
    }
}

/// The rows of a CSV file.
pub(super) struct Rows {
    reader: csv::Reader<Box<dyn BufRead>>,
    shape: Shape,
    row: csv::ByteRecord,
}

impl Rows {
    pub(super) fn new(from: Box<dyn BufRead>) -> io::Result<Self> {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(from);
        let header = reader.headers()?;
        let shape = Shape::of(header).ok_or_else(|| io::Error::other("the header names no id or no text"))?;
        Ok(Self { reader, shape, row: csv::ByteRecord::new() })
    }

    /// Appends the next row as a line without its end; `false` at the end of the file.
    pub(super) fn next(&mut self, line: &mut Vec<u8>) -> io::Result<bool> {
        if !self.reader.read_byte_record(&mut self.row)? {
            return Ok(false);
        }
        let cell = |place: usize| String::from_utf8_lossy(self.row.get(place).unwrap_or_default());
        match &self.shape {
            Shape::Record(places) => {
                let mut record = Line::begin(Format::Tsv, line);
                for place in places {
                    record.text(&cell(*place));
                }
                record.end();
                line.pop();
            }
            Shape::Post(paths) => {
                let mut post = json!({});
                for (path, place) in paths {
                    let cell = cell(*place);
                    if !cell.is_empty() {
                        put(&mut post, path, &cell);
                    }
                }
                serde_json::to_writer(line, &post)?;
            }
        }
        Ok(true)
    }
}

fn put(post: &mut Value, path: &[&str], cell: &str) {
    match path {
        ["referenced_tweets", kind] => {
            let reference = json!({ "type": kind, "id": cell });
            match post.get_mut("referenced_tweets").and_then(Value::as_array_mut) {
                Some(list) => list.push(reference),
                None => post["referenced_tweets"] = json!([reference]),
            }
        }
        [.., "created_at"] => {
            let inner = path.iter().fold(post, |inner, key| &mut inner[*key]);
            *inner = json!(iso(cell));
        }
        _ => {
            let inner = path.iter().fold(post, |inner, key| &mut inner[*key]);
            *inner = json!(cell);
        }
    }
}

/// A time as posts have it: `2015-02-24 11:35:52 -0800` and `2022-01-01 12:00:00+00:00` are written in data sets too.
fn iso(cell: &str) -> String {
    let formats = ["%Y-%m-%d %H:%M:%S %z", "%Y-%m-%d %H:%M:%S%:z", "%a %b %d %H:%M:%S %z %Y"];
    let read = |format: &&str| jiff::Timestamp::strptime(format, cell).ok();
    formats.iter().find_map(read).map_or_else(|| cell.to_owned(), |at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        assert!(is_table(text.as_bytes()), "{text}");
        let mut rows = Rows::new(Box::new(io::Cursor::new(text.to_owned().into_bytes()))).expect("a header");
        let (mut lines, mut line) = (Vec::new(), Vec::new());
        while rows.next(&mut line).expect("a row") {
            lines.push(String::from_utf8(std::mem::take(&mut line)).expect("text"));
        }
        lines
    }

    #[test]
    fn columns_of_others_become_posts() {
        let twarc = "id,text,author.username,public_metrics.like_count,referenced_tweets.retweeted.id\n1,\"a\nb\",orbit,7,5\n";
        let post: Value = serde_json::from_str(&lines(twarc)[0]).expect("JSON");
        assert_eq!(
            post,
            json!({ "id": "1", "text": "a\nb", "author": { "username": "orbit" },
            "public_metrics": { "like_count": "7" }, "referenced_tweets": [{ "type": "retweeted", "id": "5" }] })
        );
        let small = "tweet_id,airline,name,text,tweet_created\n5,x,someone,hello,2015-02-24 11:35:52 -0800\n";
        let post: Value = serde_json::from_str(&lines(small)[0]).expect("JSON");
        assert_eq!(
            post,
            json!({ "id": "5", "text": "hello", "created_at": "2015-02-24T19:35:52Z", "author": { "username": "someone" } })
        );
    }

    #[test]
    fn our_own_columns_become_records() {
        let header = COLUMNS.join(",");
        let row: Vec<String> = (0..COLUMNS.len()).map(|place| format!("\"{place},x\"")).collect();
        let line = lines(&format!("{header}\n{}\n", row.join(","))).remove(0);
        assert_eq!(line, (0..COLUMNS.len()).map(|place| format!("{place},x\t")).collect::<Vec<_>>().concat());
    }

    #[test]
    fn what_is_no_table_is_not_taken_for_one() {
        for text in ["", "{\"id\":1,\"text\":2}\n", "id\ttext\n", "a,b\n1,2\n", "just text\n"] {
            assert!(!is_table(text.as_bytes()), "{text}");
        }
    }
}
