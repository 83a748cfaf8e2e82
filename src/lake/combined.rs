//! Combined hours as columns: only those that are asked for, from Parquet or CSV, wherever they lie.

use std::io::Cursor;

use bytes::Bytes;
use polars::prelude::{
    AnyValue, Column, CsvReadOptions, DataFrame, DataType, ParquetReader, PlSmallStr, PolarsError, SerReader,
    TimeUnit,
};

use super::times::{self, Time};
use super::{LakeError, Place, outputs};

/// How a file of rows is written, by its first bytes.
fn is_parquet(content: &[u8]) -> bool {
    content.starts_with(b"PAR1")
}

/// Reads these columns of a file of rows. Parquet gives typed columns, CSV text; empty fields of a CSV are nulls. A
/// column that the file does not have is an error.
pub async fn read(place: &Place, key: &str, columns: &[&str]) -> Result<DataFrame, LakeError> {
    let content = place.get(key).await?;
    let (file, columns) = (place.url(key), columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    // Unpacking takes longer than a task may hold its thread.
    tokio::task::spawn_blocking(move || parse(content, &file, &columns))
        .await
        .map_err(|_| LakeError::Interrupted)?
}

/// Reads those of these columns that a file of rows has; a file that has none of them is an error.
pub async fn read_present(place: &Place, key: &str, columns: &[&str]) -> Result<DataFrame, LakeError> {
    let content = place.get(key).await?;
    let (file, wanted) = (place.url(key), columns.iter().map(ToString::to_string).collect::<Vec<_>>());
    let read = move || {
        let kind = if is_parquet(&content) { "Parquet" } else { "CSV" };
        let unreadable = |why| LakeError::Unreadable { file: file.clone(), kind, why };
        let names = names(content.clone()).map_err(&unreadable)?;
        let there: Vec<String> = wanted.iter().filter(|name| names.contains(name)).cloned().collect();
        if there.is_empty() {
            return Err(unreadable(format!("it has none of the columns {}", wanted.join(", "))));
        }
        parse(content, &file, &there)
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| LakeError::Interrupted)?
}

/// The columns that a file of rows has.
fn names(content: Bytes) -> Result<Vec<String>, String> {
    if is_parquet(&content) {
        let schema = ParquetReader::new(Cursor::new(content)).schema().map_err(|error| error.to_string())?;
        return Ok(schema.iter_names().map(ToString::to_string).collect());
    }
    let mut reader = csv::Reader::from_reader(&content[..]);
    let header = reader.byte_headers().map_err(|error| error.to_string())?;
    Ok(header.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect())
}

/// A column's moments in milliseconds since 1970, whether they are typed or written as records and results write
/// them.
pub fn moments(column: &Column) -> Result<Vec<Option<i64>>, PolarsError> {
    if let DataType::Datetime(unit, _) = column.dtype() {
        let parts = match unit {
            TimeUnit::Nanoseconds => 1_000_000,
            TimeUnit::Microseconds => 1_000,
            TimeUnit::Milliseconds => 1,
        };
        let numbers = column.cast(&DataType::Int64)?;
        return Ok(numbers.i64()?.iter().map(|at| at.map(|at| at.div_euclid(parts))).collect());
    }
    let text = column.cast(&DataType::String)?;
    let read = |field: &str| match times::read(field.as_bytes()) {
        Time::At(milliseconds) => Some(milliseconds),
        Time::Absent | Time::Unreadable => None,
    };
    Ok(text.str()?.iter().map(|field| field.and_then(read)).collect())
}

/// A moment as CSV results write it: `2021-12-30 17:35:53+00:00`.
pub fn written(milliseconds: i64) -> String {
    let mut text = Vec::new();
    times::write(milliseconds, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The same of content that is there already.
pub fn parse(content: Bytes, file: &str, columns: &[String]) -> Result<DataFrame, LakeError> {
    let kind = if is_parquet(&content) { "Parquet" } else { "CSV" };
    let read = if is_parquet(&content) { parquet(content, columns) } else { csv(content, columns) };
    read.map_err(|error| LakeError::Unreadable { file: file.to_owned(), kind, why: error.to_string() })
}

fn parquet(content: Bytes, columns: &[String]) -> Result<DataFrame, PolarsError> {
    ParquetReader::new(Cursor::new(content)).with_columns(Some(columns.to_vec())).finish()
}

fn csv(content: Bytes, columns: &[String]) -> Result<DataFrame, PolarsError> {
    let wanted: Vec<PlSmallStr> = columns.iter().map(|name| PlSmallStr::from_str(name)).collect();
    let read = CsvReadOptions::default()
        .with_has_header(true)
        // Text as it stands: what looks like a number need not be one.
        .with_infer_schema_length(Some(0))
        .with_columns(Some(wanted.into()))
        .into_reader_with_file_handle(Cursor::new(content))
        .finish()?;
    // The reader keeps the file's order; asked for is another.
    read.select(columns.iter().map(String::as_str))
}

/// The first rows of a Parquet file as text, with the names of its columns and how many rows it has.
pub fn head(content: Bytes, file: &str, rows: usize) -> Result<Head, LakeError> {
    let read = || {
        let mut reader = ParquetReader::new(Cursor::new(content));
        let all = reader.num_rows()?;
        let table = reader.with_slice(Some((0, rows))).finish()?;
        let names = table.get_column_names().iter().map(ToString::to_string).collect();
        let columns = table.columns().iter().map(texts).collect::<Result<Vec<_>, _>>()?;
        let row = |row: usize| columns.iter().filter_map(|column| column.get(row).cloned()).collect();
        Ok((names, (0..table.height()).map(row).collect(), all))
    };
    read().map_err(|error: PolarsError| LakeError::Unreadable {
        file: file.to_owned(),
        kind: "Parquet",
        why: error.to_string(),
    })
}

/// A column's cells as text; moments as CSV results write them, whatever others call Greenwich: the library itself would
/// have to know time zones to show one that has a name.
fn texts(column: &Column) -> Result<Vec<String>, PolarsError> {
    if let DataType::Datetime(..) = column.dtype() {
        return Ok(moments(column)?.into_iter().map(|at| at.map(written).unwrap_or_default()).collect());
    }
    let cell = |row: usize| match column.get(row) {
        Ok(AnyValue::Null) | Err(_) => String::new(),
        Ok(AnyValue::String(text)) => text.to_owned(),
        Ok(AnyValue::StringOwned(text)) => text.to_string(),
        Ok(other) => other.to_string(),
    };
    Ok((0..column.len()).map(cell).collect())
}

/// Names of columns, rows, and how many rows there are in all.
pub type Head = (Vec<String>, Vec<Vec<String>>, usize);

/// The newest rows of every combined hour in a place of results, in the order of the hours: their keys.
pub async fn all_rows(results: &Place) -> Result<Vec<String>, LakeError> {
    let hours = outputs::find(results).await?;
    Ok(hours.values().filter_map(|hour| hour.newest()?.1.rows_key().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use polars::prelude::{NamedFrom, ParquetWriter, Series, TimeZone};

    use super::*;

    #[test]
    fn moments_are_shown_alike_whoever_wrote_them_and_whatever_their_zone_is_called() {
        for (unit, zone, number) in [
            (TimeUnit::Milliseconds, None, 1_640_885_753_000_i64),
            // As Spark has it.
            (TimeUnit::Microseconds, Some(TimeZone::UTC), 1_640_885_753_000_000),
        ] {
            let ids = Series::new("id".into(), ["1", "2"]);
            let times = Series::new("created_at".into(), [Some(number), None]).into_datetime(unit, zone);
            let mut frame = DataFrame::new(2, vec![ids.into(), times.into()]).expect("a table");
            let mut file = Vec::new();
            ParquetWriter::new(&mut file).finish(&mut frame).expect("written");
            let (names, rows, all) = head(file.into(), "a file", 10).expect("a head");
            assert_eq!((names, all), (vec!["id".to_owned(), "created_at".to_owned()], 2));
            assert_eq!(rows, [["1", "2021-12-30 17:35:53+00:00"], ["2", ""]]);
        }
    }
}
