//! The list of raw rows that goes with a combined hour: where each row came from, how long it was, and whether it was
//! malformed. It has a row for every line of every file, in their order, whatever became of it.

use polars::prelude::{
    BooleanChunkedBuilder, ChunkedBuilder, DataFrame, Int64Type, IntoColumn, IntoSeries, PolarsResult,
    PrimitiveChunkedBuilder, Schema, StringChunkedBuilder,
};

use super::Hour;
use super::csv_rows::field;

/// The columns, as the predecessor named them.
pub(super) const COLUMNS: [&str; 10] = [
    "file_number",
    "file_name",
    "encoded_length",
    "values_index",
    "len_values",
    "malformed_values",
    "file_year",
    "file_month",
    "file_day",
    "file_hour",
];

/// One raw row.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawRow {
    /// How many bytes it has.
    pub(super) length: u64,
    /// Which row of its file it is, counted from 0.
    pub(super) index: u64,
    /// How many fields it has.
    pub(super) fields: usize,
    /// Whether it is no record.
    pub(super) malformed: bool,
}

/// The list as CSV.
#[derive(Debug)]
pub(super) struct CsvList {
    hour: [String; 2],
    before: Vec<u8>,
}

impl CsvList {
    pub(super) fn new(hour: Hour, out: &mut Vec<u8>) -> Self {
        out.extend_from_slice(COLUMNS.join(",").as_bytes());
        out.push(b'\n');
        let [year, month, day] = parts(hour);
        let of_day = hour.of_day();
        let end = |malformed: &str| format!(",{malformed},{year},{month:02},{day:02},{of_day:02}\n");
        Self { hour: [end("False"), end("True")], before: Vec::new() }
    }

    /// What follows is from this file, the first being 0.
    pub(super) fn file(&mut self, number: usize, name: &str) {
        self.before.clear();
        decimal(number as u64, &mut self.before);
        self.before.push(b',');
        field(name.as_bytes(), &mut self.before);
        self.before.push(b',');
    }

    pub(super) fn push(&self, row: RawRow, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.before);
        decimal(row.length, out);
        out.push(b',');
        decimal(row.index, out);
        out.push(b',');
        decimal(row.fields as u64, out);
        let [good, malformed] = &self.hour;
        out.extend_from_slice(if row.malformed { malformed } else { good }.as_bytes());
    }
}

fn parts(hour: Hour) -> [i64; 3] {
    let day = hour.day();
    [i64::from(day.year()), i64::from(day.month()), i64::from(day.day())]
}

/// A number in digits. For a million rows, the way over the formatter would be felt.
fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0_u8; 20];
    let mut from = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        from -= 1;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(from..).unwrap_or_default());
}

/// The list as columns, gathered until there is enough for a group.
pub(super) struct ColumnList {
    hour: Hour,
    number: i64,
    name: String,
    numbers: PrimitiveChunkedBuilder<Int64Type>,
    names: StringChunkedBuilder,
    lengths: PrimitiveChunkedBuilder<Int64Type>,
    indices: PrimitiveChunkedBuilder<Int64Type>,
    fields: PrimitiveChunkedBuilder<Int64Type>,
    malformed: BooleanChunkedBuilder,
    rows: usize,
}

impl std::fmt::Debug for ColumnList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} raw rows", self.rows)
    }
}

impl ColumnList {
    pub(super) fn new(hour: Hour) -> Self {
        let [number, name, length, index, fields, malformed, ..] = COLUMNS;
        Self {
            hour,
            number: 0,
            name: String::new(),
            numbers: PrimitiveChunkedBuilder::new(number.into(), 0),
            names: StringChunkedBuilder::new(name.into(), 0),
            lengths: PrimitiveChunkedBuilder::new(length.into(), 0),
            indices: PrimitiveChunkedBuilder::new(index.into(), 0),
            fields: PrimitiveChunkedBuilder::new(fields.into(), 0),
            malformed: BooleanChunkedBuilder::new(malformed.into(), 0),
            rows: 0,
        }
    }

    pub(super) fn file(&mut self, number: usize, name: &str) {
        self.number = i64::try_from(number).unwrap_or(i64::MAX);
        name.clone_into(&mut self.name);
    }

    pub(super) fn push(&mut self, row: RawRow) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.numbers.append_value(self.number);
        self.names.append_value(&self.name);
        self.lengths.append_value(whole(row.length));
        self.indices.append_value(whole(row.index));
        self.fields.append_value(whole(row.fields as u64));
        self.malformed.append_value(row.malformed);
        self.rows += 1;
    }

    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The gathered rows as columns; gathering begins anew.
    pub(super) fn take(&mut self) -> PolarsResult<DataFrame> {
        let mut new = Self::new(self.hour);
        new.number = self.number;
        new.name.clone_from(&self.name);
        let full = std::mem::replace(self, new);
        let rows = full.rows;
        let mut columns = vec![
            full.numbers.finish().into_series().into_column(),
            full.names.finish().into_series().into_column(),
            full.lengths.finish().into_series().into_column(),
            full.indices.finish().into_series().into_column(),
            full.fields.finish().into_series().into_column(),
            full.malformed.finish().into_series().into_column(),
        ];
        let [year, month, day] = parts(full.hour);
        let of_hour = [year, month, day, i64::from(full.hour.of_day())];
        for (name, value) in COLUMNS.into_iter().skip(columns.len()).zip(of_hour) {
            let mut same: PrimitiveChunkedBuilder<Int64Type> =
                PrimitiveChunkedBuilder::new(name.into(), rows);
            (0..rows).for_each(|_| same.append_value(value));
            columns.push(same.finish().into_series().into_column());
        }
        DataFrame::new(rows, columns)
    }

    pub(super) fn schema(&self) -> PolarsResult<Schema> {
        Ok(Self::new(self.hour).take()?.schema().as_ref().clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_file_row_and_hour() {
        let mut out = Vec::new();
        let mut list = CsvList::new("2021-12-30T07".parse().expect("an hour"), &mut out);
        list.file(3, "stream-1-x");
        list.push(RawRow { length: 512, index: 0, fields: 53, malformed: false }, &mut out);
        list.push(RawRow { length: 10_000_000, index: 104, fields: 2, malformed: true }, &mut out);
        assert_eq!(
            String::from_utf8(out).expect("text"),
            "file_number,file_name,encoded_length,values_index,len_values,malformed_values,file_year,file_month,file_day,file_hour\n\
             3,stream-1-x,512,0,53,False,2021,12,30,07\n3,stream-1-x,10000000,104,2,True,2021,12,30,07\n"
        );
    }
}
