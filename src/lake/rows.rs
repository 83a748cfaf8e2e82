//! What a line of an hour's file is: a row, or malformed for a reason.
//!
//! Lines are records of 53 columns, or JSON objects of the same columns; both may stand in one file. A record's last
//! tab may be missing, and its line may end with a carriage return too. Nothing is guessed: what is not quite a record
//! is malformed, and the reason says why.

use std::fmt;

use super::lines::{LONGEST, Line};
use super::times::{self, Time};
use crate::stream::record::{self, COUNT, Column, Fields, Format, JsonRecord};

/// Why a line is not a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// It is a JSON object, but not of a record's columns.
    Json,
    /// A time is none.
    Time(Column),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fields(count) => write!(f, "it has {count} fields, not {COUNT}"),
            Self::TooLong(length) => write!(f, "it has {length} bytes, more than any record ({LONGEST})"),
            Self::Encoding { at } => write!(f, "byte {at} is not UTF-8"),
            Self::Nul { at } => write!(f, "byte {at} is NUL"),
            Self::CarriageReturn { at } => write!(f, "byte {at} is a carriage return within the line"),
            Self::Json => f.write_str("it is JSON, but no record"),
            Self::Time(column) => write!(f, "{} is not a time", column.name()),
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
    rewritten: Vec<u8>,
}

impl Reader {
    /// What the line is; `None` if there is nothing in it. With how many fields it has, for the list of raw rows.
    pub(super) fn read<'a>(&'a mut self, line: Line<'a>) -> Option<(usize, Result<Row<'a>, Malformed>)> {
        let bytes = line.bytes;
        if bytes.is_empty() || bytes == b"\r" {
            return None;
        }
        if line.is_cut() {
            return Some((0, Err(Malformed::TooLong(line.length))));
        }
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        if let Some(at) = memchr::memchr2(0, b'\r', bytes) {
            let is_nul = bytes.get(at) == Some(&0);
            let why = if is_nul { Malformed::Nul { at } } else { Malformed::CarriageReturn { at } };
            return Some((fields_in(bytes), Err(why)));
        }
        if let Err(error) = std::str::from_utf8(bytes) {
            return Some((fields_in(bytes), Err(Malformed::Encoding { at: error.valid_up_to() })));
        }
        Some(self.row(bytes))
    }

    fn row<'a>(&'a mut self, bytes: &'a [u8]) -> (usize, Result<Row<'a>, Malformed>) {
        let fields = match Fields::split(bytes) {
            Ok(fields) => fields,
            Err(_) if bytes.first() == Some(&b'{') => {
                self.rewritten.clear();
                if !rewrite(bytes, &mut self.rewritten) {
                    return (fields_in(bytes), Err(Malformed::Json));
                }
                match Fields::split(&self.rewritten) {
                    Ok(fields) => fields,
                    Err(_) => return (fields_in(bytes), Err(Malformed::Json)),
                }
            }
            // All fields, and no tab after the last.
            Err(record::Malformed::Columns(COUNT)) if bytes.last() != Some(&b'\t') => {
                self.rewritten.clear();
                self.rewritten.extend_from_slice(bytes);
                self.rewritten.push(b'\t');
                match Fields::split(&self.rewritten) {
                    Ok(fields) => fields,
                    Err(_) => return (COUNT, Err(Malformed::Fields(COUNT))),
                }
            }
            Err(_) => {
                let count = fields_in(bytes);
                return (count, Err(Malformed::Fields(count)));
            }
        };
        let time = |column| match times::read(fields.get(column)) {
            Time::At(at) => Ok(Some(at)),
            Time::Absent => Ok(None),
            Time::Unreadable => Err(Malformed::Time(column)),
        };
        let (created_at, user_joined) = match (time(Column::CreatedAt), time(Column::UserJoined)) {
            (Ok(created_at), Ok(user_joined)) => (created_at, user_joined),
            (Err(why), _) | (_, Err(why)) => return (COUNT, Err(why)),
        };
        (COUNT, Ok(Row { fields, created_at, user_joined }))
    }
}

/// A JSON line as a record, if it is one.
fn rewrite(line: &[u8], out: &mut Vec<u8>) -> bool {
    JsonRecord::parse(line).map(|record| record.write(Format::Tsv, out)).is_ok()
}

/// How many fields there are: parted by tabs, one after the last or not.
fn fields_in(line: &[u8]) -> usize {
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

    fn read(line: &[u8]) -> Option<(usize, Result<Option<i64>, Malformed>)> {
        let length = line.len() as u64;
        let line = Line { bytes: line.get(..LONGEST).unwrap_or(line), length };
        Reader::default().read(line).map(|(count, row)| (count, row.map(|row| row.created_at)))
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
            (b"{\"id\":1}".to_vec(), "it is JSON, but no record"),
            (b"{".to_vec(), "it is JSON, but no record"),
            (vec![b'x'; 10_000_000], "it has 10000000 bytes, more than any record (1048576)"),
            (line.replace("Fri Dec 31", "Fri Dec 41").into_bytes(), "created_at is not a time"),
        ] {
            let (_, row) = read(&line).expect("something");
            assert_eq!(row.map_err(|why| why.to_string()), Err(why.to_owned()));
        }
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
