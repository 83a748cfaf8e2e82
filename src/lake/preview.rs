//! The beginning of a file, opened: what an operator sees before anything is downloaded.
//!
//! Only the first part is read, whatever the file's size; what is packed is unpacked, records are parted into their
//! fields, tables are shown as tables, and what is no text is said to be none. Of a Parquet file, whose index is at
//! its end, the whole is read if it is not too large.

use super::encoding::{Decoder, Encoding};
use super::lines::{Line, Lines};
use super::rows::Reader;
use super::{LakeError, Place, combined};
use crate::stream::record::{COLUMNS, Column};

/// How much of a file is read.
pub const FIRST_PART: u64 = 256 << 10;
/// How much it may unpack to.
const UNPACKED: usize = 1 << 20;
/// Rows that are shown.
const ROWS: usize = 500;
/// A Parquet file up to this size is read whole.
const LARGEST_TABLE: u64 = 64 << 20;
/// Bytes that are shown of what is no text.
const BINARY: usize = 4096;

/// What is known of a file's beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// The file's size.
    pub bytes: u64,
    /// How it is packed.
    pub encoding: Encoding,
    /// What is in it.
    pub content: Content,
    /// Whether there is more of it than is shown.
    pub more: bool,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// What is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Empty,
    /// Records, and lines among them that are none.
    Records(Vec<Record>),
    /// A table with a header.
    Table {
        /// The names of its columns.
        columns: Vec<String>,
        /// Its rows, each with a field for each column.
        rows: Vec<Vec<String>>,
    },
    /// Lines of text.
    Text(Vec<String>),
    /// No text: its first bytes.
    Binary(Vec<u8>),
}

/// A line of a file of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The line as it is; bytes that are no UTF-8 become U+FFFD.
    pub raw: String,
    /// Its 53 fields, or why it has none.
    pub fields: Result<Vec<String>, String>,
}

impl Record {
    /// The field of a column; nothing if the line is no record.
    pub fn get(&self, column: Column) -> &str {
        self.fields.as_ref().ok().and_then(|fields| fields.get(column as usize)).map_or("", String::as_str)
    }
}

/// The names of a record's fields.
pub fn field_names() -> &'static [&'static str] {
    &COLUMNS
}

/// Opens the beginning of a file.
pub async fn open(place: &Place, key: &str) -> Result<Preview, LakeError> {
    let Some(about) = place.stat(key).await? else { return Err(LakeError::Missing(place.url(key))) };
    let first = place.get_range(key, 0..FIRST_PART).await?;
    if first.starts_with(b"PAR1") {
        return parquet(place, key, about.bytes).await;
    }
    let cut = about.bytes > first.len() as u64;
    let name = key.to_owned();
    let opened = tokio::task::spawn_blocking(move || read(&first, cut, &name, about.bytes));
    opened.await.map_err(|_| LakeError::Interrupted)
}

async fn parquet(place: &Place, key: &str, bytes: u64) -> Result<Preview, LakeError> {
    let preview = |content, more, fault| Preview { bytes, encoding: Encoding::Plain, content, more, fault };
    if bytes > LARGEST_TABLE {
        let why = format!("a Parquet file over {} MiB is not opened here: download it", LARGEST_TABLE >> 20);
        return Ok(preview(Content::Empty, true, Some(why)));
    }
    let content = place.get(key).await?;
    let file = place.url(key);
    let table = tokio::task::spawn_blocking(move || combined::head(content, &file, ROWS));
    let (columns, rows, all) = table.await.map_err(|_| LakeError::Interrupted)??;
    let more = all > rows.len();
    Ok(preview(Content::Table { columns, rows }, more, None))
}

fn read(first: &[u8], cut: bool, name: &str, bytes: u64) -> Preview {
    let (plain, encoding, mut more, fault) = unpack(first, cut);
    let content = content(&plain, &mut more, name);
    Preview { bytes, encoding, content, more, fault }
}

/// The unpacked beginning, whether there is more, and what is wrong.
fn unpack(first: &[u8], cut: bool) -> (Vec<u8>, Encoding, bool, Option<String>) {
    struct Enough;
    let mut decoder = Decoder::default();
    let mut plain = Vec::new();
    let mut each = |piece: &[u8]| {
        plain.extend_from_slice(piece);
        if plain.len() > UNPACKED { Err(Enough) } else { Ok(()) }
    };
    let mut fault = None;
    let mut more = cut;
    match decoder.feed(first, &mut each) {
        Err(Enough) => more = true,
        Ok(Err(error)) => fault = Some(error.to_string()),
        // Of a part, the end is never good.
        Ok(Ok(())) if cut => {
            let _ = decoder.finish(&mut each);
        }
        Ok(Ok(())) => match decoder.finish(&mut each) {
            Err(Enough) => more = true,
            Ok(ended) => fault = ended.err().map(|error| error.to_string()),
        },
    }
    let encoding = decoder.encoding();
    let fault = fault.map(|why| format!("it is not good {}: {why}", encoding.name()));
    (plain, encoding, more, fault)
}

fn content(plain: &[u8], more: &mut bool, name: &str) -> Content {
    if plain.is_empty() {
        return Content::Empty;
    }
    if is_binary(plain) {
        *more |= plain.len() > BINARY;
        return Content::Binary(plain.get(..BINARY).unwrap_or(plain).to_vec());
    }
    let bare = name.trim_end_matches(".gz").trim_end_matches(".zst").trim_end_matches(".bz2");
    let ends_with = |end: &str| bare.rsplit_once('.').is_some_and(|(_, its)| its.eq_ignore_ascii_case(end));
    let is_csv = ends_with("csv");
    let first_line = plain.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if is_csv || (first_line.starts_with(b"id,") && !first_line.contains(&b'\t')) {
        return table(plain, more);
    }
    let looks_like_records =
        first_line.contains(&b'\t') || (first_line.starts_with(b"{") && !is_json_of_ours(name));
    let mut reader = Reader::default();
    let mut records = Vec::new();
    let mut any = false;
    let mut each = |line: Line<'_>| {
        if records.len() >= ROWS {
            return Err(());
        }
        let raw = String::from_utf8_lossy(line.bytes);
        reader.read(line, |_, row| {
            any |= row.is_ok();
            let fields = row
                .map(|row| {
                    row.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
                })
                .map_err(|why| why.to_string());
            records.push(Record { raw: raw.to_string(), fields });
            Ok(())
        })
    };
    let mut lines = Lines::default();
    let fed = lines.feed(plain, &mut each);
    // The last line of a part is not whole.
    if fed.is_err() {
        *more = true;
    } else if !*more {
        let _ = lines.finish(&mut each);
    }
    if any || looks_like_records {
        Content::Records(records)
    } else {
        Content::Text(records.into_iter().map(|record| record.raw).collect())
    }
}

/// What was put away, and what an hour was made of: JSON without a record in it.
fn is_json_of_ours(key: &str) -> bool {
    let mut parts = key.rsplit('/');
    let (name, folder) = (parts.next(), parts.next());
    matches!(folder, Some("quarantine" | "manifests")) && name.is_some_and(|name| name.starts_with("tweets_"))
}

/// A NUL, or much that is no UTF-8, is not in text. A single odd byte may be.
fn is_binary(plain: &[u8]) -> bool {
    let beginning = plain.get(..8192).unwrap_or(plain);
    let lossy = String::from_utf8_lossy(beginning);
    let odd = lossy.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER).count();
    let nuls = memchr::memchr_iter(0, beginning).count();
    nuls * 100 > beginning.len() || odd * 10 > beginning.len()
}

fn table(plain: &[u8], more: &mut bool) -> Content {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(plain);
    let text = |field: &[u8]| String::from_utf8_lossy(field).into_owned();
    let columns: Vec<String> =
        reader.byte_headers().map(|header| header.iter().map(text).collect()).unwrap_or_default();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for record in reader.byte_records() {
        let Ok(record) = record else { break };
        if rows.len() == ROWS {
            *more = true;
            break;
        }
        rows.push(record.iter().map(text).collect());
    }
    if *more && rows.last().is_some_and(|last| last.len() < columns.len()) {
        rows.pop();
    }
    Content::Table { columns, rows }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    async fn preview(name: &str, content: &[u8]) -> Preview {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().to_owned());
        place.put(name, content).await.expect("written");
        open(&place, name).await.expect("opened")
    }

    fn record(text: &str) -> String {
        let mut fields = vec!["None"; 52];
        fields.push(text);
        fields.join("\t") + "\t\n"
    }

    fn texts(preview: &Preview) -> Vec<String> {
        let Content::Records(records) = &preview.content else { panic!("{preview:?}") };
        records.iter().map(|record| record.get(Column::Text).to_owned()).collect()
    }

    #[tokio::test]
    async fn records_are_parted_into_fields_packed_or_not() {
        let text = record("one") + &record("two") + "not a record\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).expect("packed");
        for (content, encoding) in [
            (text.clone().into_bytes(), Encoding::Plain),
            (gzip.finish().expect("packed"), Encoding::Gzip),
            (zstd::encode_all(text.as_bytes(), 1).expect("packed"), Encoding::Zstd),
        ] {
            let preview = preview("file", &content).await;
            assert_eq!((preview.encoding, preview.more, &preview.fault), (encoding, false, &None));
            assert_eq!(texts(&preview), ["one", "two", ""]);
            let Content::Records(records) = &preview.content else { panic!("records") };
            assert_eq!(
                records.last().map(|last| last.fields.clone()),
                Some(Err("it has 1 fields, not 53".into()))
            );
        }
    }

    #[tokio::test]
    async fn of_a_large_file_the_first_part_is_opened() {
        let text = record("one").repeat(10_000);
        let seen = preview("file", text.as_bytes()).await;
        assert!(seen.more && seen.fault.is_none() && texts(&seen).len() == ROWS);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        gzip.write_all(text.as_bytes()).expect("packed");
        let seen = preview("file.gz", &gzip.finish().expect("packed")).await;
        assert!(seen.more && seen.fault.is_none() && texts(&seen).len() == ROWS);
    }

    #[tokio::test]
    async fn tables_text_nothing_and_what_is_no_text_are_told_apart() {
        let table = preview("a.csv", b"id,text\n1,\"a, b\"\n").await;
        assert_eq!(
            table.content,
            Content::Table {
                columns: vec!["id".into(), "text".into()],
                rows: vec![vec!["1".into(), "a, b".into()]]
            }
        );
        assert_eq!(preview("notes", b"a\nb").await.content, Content::Text(vec!["a".into(), "b".into()]));
        let put_away = r#"{"file":"a","line":3,"reason":"it has 1 fields, not 53","row":"torn"}"#;
        let put_away_line = format!("{put_away}\n");
        let seen = preview("quarantine/tweets_1.jsonl", put_away_line.as_bytes()).await;
        assert_eq!(seen.content, Content::Text(vec![put_away.to_owned()]));
        let of_an_hour = preview("2026/11/22/18/a.jsonl", put_away_line.as_bytes()).await;
        assert!(
            matches!(of_an_hour.content, Content::Records(_)),
            "posts may be JSON, and lines that are none"
        );
        assert_eq!(preview("empty", b"").await.content, Content::Empty);
        let bytes: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        assert!(matches!(preview("image", &bytes).await.content, Content::Binary(_)));
    }

    #[tokio::test]
    async fn a_torn_file_shows_what_there_is_and_says_so() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all((record("one") + &record("two")).repeat(50).as_bytes()).expect("packed");
        let packed = gzip.finish().expect("packed");
        let torn = preview("a.gz", packed.get(..packed.len() - 9).expect("most of it")).await;
        assert!(torn.fault.is_some_and(|why| why.contains("not good gzip")));
    }
}
