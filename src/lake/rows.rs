//! What a line of an hour's file is: a row, or malformed for a reason.
//!
//! Lines are records of 53 columns, JSON objects of the same columns, or posts as their networks write them (every
//! shape that [`wire`] knows: a lake may have been filled by somebody else's streamer); all may stand in one file. A
//! page of posts is a row for each. A record's last tab may be missing, and its line may end with a carriage return
//! too. Nothing is guessed: what is not quite a record is malformed, and the reason says why; so is a notice, which is
//! no post, but may be a deletion that somebody must know of.

use std::fmt;
use std::io::{BufRead, Write};

use super::lines::{LONGEST, Line};
use super::times::{self, Time};
use crate::stream::record::{self, COUNT, Column, Fields, Format};
use crate::stream::wire::{self, Incoming};
use crate::stream::wording::Wording;

/// Why a line is not a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It has another number of fields.
    Fields(usize),
    /// It is longer than any record.
    TooLong(u64),
    /// It is not UTF-8.
    Encoding {
        /// The first byte that is not.
        at: usize,
    },
    /// It holds a NUL.
    Nul {
        /// Which byte it is.
        at: usize,
    },
    /// It holds a carriage return that does not end it.
    CarriageReturn {
        /// Which byte it is.
        at: usize,
    },
    /// It is a JSON object, but neither a record nor a post: why, in words.
    Json(String),
    /// It says that the post of this id was taken back.
    Deletion(String),
    /// It is something else that a source said of itself, of this kind.
    Notice(String),
    /// A time is none.
    Time(Column),
    /// Its file breaks off in it: however whole it looks, what was to follow is not known.
    BrokenOff,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(count) => write!(f, "it has {count} fields, not {COUNT}"),
            Self::TooLong(length) => write!(f, "it has {length} bytes, more than any record ({LONGEST})"),
            Self::Encoding { at } => write!(f, "byte {at} is not UTF-8"),
            Self::Nul { at } => write!(f, "byte {at} is NUL"),
            Self::CarriageReturn { at } => write!(f, "byte {at} is a carriage return within the line"),
            Self::Json(why) => write!(f, "it is neither a record nor a post: {why}"),
            Self::Deletion(id) => write!(f, "it is no post, but says that {id} was deleted"),
            Self::Notice(kind) => write!(f, "it is no post, but a notice: {kind}"),
            Self::Time(column) => write!(f, "{} is not a time", column.name()),
            Self::BrokenOff => f.write_str("its file breaks off in it"),
        }
    }
}

/// A good record, with what was read of it on the way.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Its fields, as they came.
    pub(super) fields: Fields<'a>,
    /// Milliseconds since 1970.
    pub(super) created_at: Option<i64>,
    /// Milliseconds since 1970.
    pub(super) user_joined: Option<i64>,
}

impl<'a> Row<'a> {
    /// A field as text. The whole line is UTF-8 and tabs part it, so every field is.
    pub(super) fn get(&self, column: Column) -> &'a str {
        std::str::from_utf8(self.fields.get(column)).unwrap_or_default()
    }
}

/// Reads lines. Holds what is needed to read one that is not a plain record.
#[derive(Debug, Default)]
pub(super) struct Reader {
    wire: wire::Reader,
    wording: Wording,
    rewritten: Vec<u8>,
}

impl Reader {
    /// Gives what the line is: nothing if there is nothing in it, a row or a reason, of a page of posts a row for each.
    /// With how many fields it has, for the list of raw rows.
    pub(super) fn read<E>(
        &mut self,
        line: Line<'_>,
        mut each: impl FnMut(usize, Result<Row<'_>, Malformed>) -> Result<(), E>,
    ) -> Result<(), E> {
        let bytes = line.bytes;
        if bytes.is_empty() || bytes == b"\r" {
            return Ok(());
        }
        if line.is_cut() {
            return each(0, Err(Malformed::TooLong(line.length)));
        }
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if let Some(at) = memchr::memchr2(0, b'\r', bytes) {
            let is_nul = bytes.get(at) == Some(&0);
            let why = if is_nul { Malformed::Nul { at } } else { Malformed::CarriageReturn { at } };
            return each(fields_in(bytes), Err(why));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            return each(fields_in(bytes), Err(Malformed::Encoding { at: error.valid_up_to() }));
        }
        match Fields::split(bytes) {
            Ok(fields) => each(COUNT, row(&fields)),
            Err(_) if bytes.trim_ascii_start().first() == Some(&b'{') => match self.rewrite(bytes) {
                Ok(()) => self.rewritten(each),
                Err(why) => each(fields_in(bytes), Err(why)),
            },
            // All fields, and no tab after the last.
            Err(record::Malformed::Columns(COUNT)) if bytes.last() != Some(&b'\t') => {
                self.rewritten.clear();
                self.rewritten.extend_from_slice(bytes);
                self.rewritten.extend_from_slice(b"\t\n");
                self.rewritten(each)
            }
            Err(_) => {
                let count = fields_in(bytes);
                each(count, Err(Malformed::Fields(count)))
            }
        }
    }

    /// A JSON line as records, if it is one or more.
    fn rewrite(&mut self, line: &[u8]) -> Result<(), Malformed> {
        self.rewritten.clear();
        match self.wire.read(line) {
            Incoming::Posts(posts) => {
                for post in posts {
                    post.part(&mut self.wording);
                    post.write(&self.wording, Format::Tsv, &mut self.rewritten);
                }
                Ok(())
            }
            Incoming::JsonRecord(record) => {
                record.write(Format::Tsv, &mut self.rewritten);
                Ok(())
            }
            Incoming::Delete(_, id) => Err(Malformed::Deletion(id)),
            Incoming::Notice(notice) => Err(Malformed::Notice(notice.kind)),
            Incoming::Unknown(why) => Err(Malformed::Json(why)),
            // Its fields were parted already, and it had too few or too many.
            Incoming::Record(_) => Err(Malformed::Fields(fields_in(line))),
        }
    }

    /// Gives the records that a line was rewritten as.
    fn rewritten<E>(
        &self,
        mut each: impl FnMut(usize, Result<Row<'_>, Malformed>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.rewritten.split_inclusive(|byte| *byte == b'\n').try_for_each(|line| {
            let fields = Fields::split(line).map_err(|_| Malformed::Fields(fields_in(line)));
            each(COUNT, fields.and_then(|fields| row(&fields)))
        })
    }
}

/// Reads lines for another program: for each a JSON list of what it is, `{"row": […]}` with all fields or `{"why": …}`
/// with how many `fields` there are.
pub fn as_json(mut lines: impl BufRead, mut out: impl Write) -> std::io::Result<()> {
    let (mut reader, mut line) = (Reader::default(), Vec::new());
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return out.flush();
        }
        let bytes = line.strip_suffix(b"\n").unwrap_or(&line);
        let whole = Line { bytes: bytes.get(..LONGEST).unwrap_or(bytes), length: bytes.len() as u64 };
        let mut all = Vec::new();
        let Ok(()) = reader.read(whole, |count, row| {
            all.push(match row {
                Ok(row) => serde_json::json!({ "row": Column::ALL.map(|column| row.get(column)).to_vec() }),
                Err(why) => serde_json::json!({ "fields": count, "why": why.to_string() }),
            });
            Ok::<_, std::convert::Infallible>(())
        });
        writeln!(out, "{}", serde_json::Value::from(all))?;
    }
}

/// The row of a record whose times can be read.
fn row<'a>(fields: &Fields<'a>) -> Result<Row<'a>, Malformed> {
    let time = |column| match times::read(fields.get(column)) {
        Time::At(at) => Ok(Some(at)),
        Time::Absent => Ok(None),
        Time::Unreadable => Err(Malformed::Time(column)),
    };
    let (created_at, user_joined) = (time(Column::CreatedAt)?, time(Column::UserJoined)?);
    Ok(Row { fields: *fields, created_at, user_joined })
}

/// How many fields there are: parted by tabs, one after the last or not.
pub(super) fn fields_in(line: &[u8]) -> usize {
    let tabs = memchr::memchr_iter(b'\t', line).count();
    if line.last() == Some(&b'\t') { tabs } else { tabs + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Vec<String> {
        let mut fields = vec!["x".to_owned(); COUNT];
        for column in [Column::CreatedAt, Column::UserJoined] {
            if let Some(field) = fields.get_mut(column as usize) {
                "Fri Dec 31 19:00:18 +0000 2021".clone_into(field);
            }
        }
        fields
    }

    /// What a line is: how many fields it has, and what `of` says of its row.
    fn all<T>(line: &[u8], of: impl Fn(&Row<'_>) -> T) -> Vec<(usize, Result<T, Malformed>)> {
        let line = Line { bytes: line.get(..LONGEST).unwrap_or(line), length: line.len() as u64 };
        let mut all = Vec::new();
        let Ok(()) = Reader::default().read(line, |count, row| {
            all.push((count, row.map(|row| of(&row))));
            Ok::<_, std::convert::Infallible>(())
        });
        all
    }

    fn read(line: &[u8]) -> Option<(usize, Result<Option<i64>, Malformed>)> {
        let all = all(line, |row| row.created_at);
        assert!(all.len() < 2);
        all.into_iter().next()
    }

    #[test]
    fn a_record_is_a_row_with_or_without_its_last_tab() {
        let good = Some((COUNT, Ok(Some(1_640_977_218_000))));
        let line = record().join("\t");
        for end in ["", "\t", "\r", "\t\r"] {
            assert_eq!(read((line.clone() + end).as_bytes()), good, "{end:?}");
        }
        assert_eq!(read(b""), None);
        assert_eq!(read(b"\r"), None);
    }

    #[test]
    fn an_empty_last_field_is_a_field() {
        let mut fields = record();
        if let Some(text) = fields.last_mut() {
            text.clear();
        }
        assert!(matches!(read((fields.join("\t") + "\t").as_bytes()), Some((COUNT, Ok(_)))));
    }

    #[test]
    fn every_way_to_be_malformed_has_its_reason() {
        let line = record().join("\t") + "\t";
        let with = |byte: u8| {
            let mut line = line.clone().into_bytes();
            line.insert(3, byte);
            line
        };
        for (line, why) in [
            (record().get(..50).expect("fields").join("\t").into_bytes(), "it has 50 fields, not 53"),
            ((record().join("\t") + "\tx\t").into_bytes(), "it has 54 fields, not 53"),
            (b"x".to_vec(), "it has 1 fields, not 53"),
            (b"\t".to_vec(), "it has 1 fields, not 53"),
            (with(0xff), "byte 3 is not UTF-8"),
            (with(0), "byte 3 is NUL"),
            (with(b'\r'), "byte 3 is a carriage return within the line"),
            (
                b"{\"id\":1}".to_vec(),
                "it is neither a record nor a post: it is JSON, but neither a post nor a notice",
            ),
            (
                br#"{"delete":{"status":{"id":9,"id_str":"9","user_id":1}}}"#.to_vec(),
                "it is no post, but says that 9 was deleted",
            ),
            (br#"{"limit":{"track":14}}"#.to_vec(), "it is no post, but a notice: limit"),
            (vec![b'x'; 10_000_000], "it has 10000000 bytes, more than any record (1048576)"),
            (line.replace("Fri Dec 31", "Fri Dec 41").into_bytes(), "created_at is not a time"),
        ] {
            let (_, row) = read(&line).expect("something");
            assert_eq!(row.map_err(|why| why.to_string()), Err(why.to_owned()));
        }
    }

    #[test]
    fn json_that_breaks_off_is_malformed() {
        let read = read(br#"{"data":{"id":"1","te"#);
        assert!(matches!(read, Some((1, Err(Malformed::Json(_))))), "{read:?}");
    }

    #[test]
    fn posts_as_their_networks_write_them_are_rows() {
        let of = |row: &Row<'_>| {
            let columns = [Column::Id, Column::UserScreenName, Column::TweetTextHashtags, Column::Text];
            (columns.map(|column| row.get(column).to_owned()), row.created_at)
        };
        let v2 = r#"{"data":{"id":"1","text":"Mars &amp;\tmoon #mars","created_at":"2026-11-20T14:03:01.000Z","author_id":"7"},"includes":{"users":[{"id":"7","username":"orbit"}]},"matching_rules":[]}"#;
        let v1 = r#"{"created_at":"Fri Nov 20 14:03:01 +0000 2026","id":1,"id_str":"1","text":"Mars &amp; moon #mars","user":{"screen_name":"orbit"}}"#;
        let flat = r#"{"id":"1","text":"Mars &amp; moon #mars","created_at":"2026-11-20T14:03:01.000Z","author":{"username":"orbit"}}"#;
        let wanted = (["1", "orbit", "#mars", "Mars & moon"].map(str::to_owned), Some(1_795_183_381_000));
        for line in [v2, v1, flat, &format!("{v2}\r")] {
            assert_eq!(all(line.as_bytes(), of), [(COUNT, Ok(wanted.clone()))], "{line}");
        }
        let page = r#"{"data":[{"id":"1","text":"one"},{"id":"2","text":"two"}],"meta":{}}"#;
        let texts: Vec<_> = all(page.as_bytes(), |row| row.get(Column::Text).to_owned());
        assert_eq!(texts, [(COUNT, Ok("one".to_owned())), (COUNT, Ok("two".to_owned()))]);
    }

    #[test]
    fn another_program_hears_what_each_line_is() {
        let good = record().join("\t") + "\t";
        let page = r#"{"data":[{"id":"1","text":"one"},{"id":"2","text":"two"}],"meta":{}}"#;
        let mut out = Vec::new();
        as_json(format!("{good}\n{{\"id\":1}}\n{page}").as_bytes(), &mut out).expect("written");
        let out = String::from_utf8(out).expect("text");
        let lines: Vec<Vec<serde_json::Value>> =
            out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let text = |item: &serde_json::Value| item["row"][COUNT - 1].as_str().map(ToOwned::to_owned);
        let texts: Vec<Vec<Option<String>>> =
            lines.iter().map(|line| line.iter().map(text).collect()).collect();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(texts, [vec![some("x")], vec![None], vec![some("one"), some("two")]]);
        assert!(lines[1][0]["why"].as_str().is_some_and(|why| why.contains("neither a record nor a post")));
    }

    #[test]
    fn a_json_record_is_the_same_row() {
        let mut json = Vec::new();
        let line = record().join("\t") + "\t";
        Fields::split(line.as_bytes()).expect("a record").write(Format::Json, &mut json);
        let json = json.strip_suffix(b"\n").expect("a line");
        assert_eq!(read(json), read(line.as_bytes()));
    }
}
