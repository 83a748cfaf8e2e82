//! Rows as CSV, as pandas writes it: a header, fields in quotes only where they must be, a line feed after each row.

use super::columns::{FILE_NAME, Type, type_of};
use super::rows::Row;
use super::times;
use crate::stream::record::Column;

/// Appends a field, in quotes if it holds what would end it.
pub(super) fn field(value: &[u8], out: &mut Vec<u8>) {
    // Counted and not looked for, which the compiler turns into a few wide comparisons.
    let special = |byte: &u8| u8::from(matches!(byte, b',' | b'"' | b'\n' | b'\r'));
    if value.iter().map(special).fold(0, |any, one| any | one) == 0 {
        out.extend_from_slice(value);
        return;
    }
    out.push(b'"');
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'"', rest) {
        let (before, after) = rest.split_at(at + 1);
        out.extend_from_slice(before);
        out.push(b'"');
        rest = after;
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The header of these columns.
pub(super) fn header(columns: &[Column], out: &mut Vec<u8>) {
    for column in columns {
        out.extend_from_slice(column.name().as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(FILE_NAME.as_bytes());
    out.push(b'\n');
}

/// One row. `text` is the post's text, with whatever is appended to it; `file` the file's name as a field.
pub(super) fn row(row: &Row<'_>, columns: &[Column], text: &[u8], file: &[u8], out: &mut Vec<u8>) {
    for column in columns {
        match (column, type_of(*column)) {
            (Column::Text, _) => field(text, out),
            (_, Type::Time) => {
                let at = if *column == Column::CreatedAt { row.created_at } else { row.user_joined };
                if let Some(at) = at {
                    times::write(at, out);
                }
            }
            _ => field(row.fields.get(*column), out),
        }
        out.push(b',');
    }
    out.extend_from_slice(file);
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_stand_only_where_they_must() {
        for (value, expected) in [
            ("", ""),
            ("plain é", "plain é"),
            ("a, b", "\"a, b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("a\rb", "\"a\rb\""),
            (" padded ", " padded "),
        ] {
            let mut out = Vec::new();
            field(value.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn every_field_comes_back(values in proptest::collection::vec("[^\0]*", 2..6)) {
            // Not at the very beginning, where a byte order mark is none of the field.
            let mut out = b"x,".to_vec();
            for value in &values {
                field(value.as_bytes(), &mut out);
                out.push(b',');
            }
            out.pop();
            out.push(b'\n');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
            let record = reader.records().next().expect("a record").expect("CSV");
            proptest::prop_assert_eq!(record.iter().skip(1).collect::<Vec<_>>(), values.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}
