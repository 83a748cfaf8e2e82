//! Answers as they are handed on: tables and heat maps, as JSON, CSV or Parquet.

use polars::prelude::{Column, DataFrame, ParquetCompression, ParquetWriter, PolarsError};
use serde::Serialize;

use crate::topics::TopicsError;
use crate::topics::outputs::csv_of;

/// One value.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Cell {
    /// There is none.
    Nothing,
    /// A text.
    Text(String),
    /// A number of things.
    Whole(u64),
    /// A part, a mean.
    Number(f64),
}

impl Cell {
    /// As it is written; a number with at most six places.
    pub fn written(&self) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::Text(text) => text.clone(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => {
                let text = format!("{number:.6}");
                text.trim_end_matches('0').trim_end_matches('.').to_owned()
            }
        }
    }

    fn whole(&self) -> Option<u64> {
        match self {
            Self::Whole(number) => Some(*number),
            _ => None,
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a count beside parts and means")]
    fn number(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => Some(*number),
            _ => None,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<f64> for Cell {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Named columns, and rows with a cell for each.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Table {
    /// The columns' names, no two alike.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table of no rows yet.
    pub fn new(columns: &[&str]) -> Self {
        Self { columns: columns.iter().map(ToString::to_string).collect(), rows: Vec::new() }
    }

    /// As CSV with a header.
    pub fn csv(&self) -> Result<Vec<u8>, TopicsError> {
        let mut rows = vec![self.columns.clone()];
        rows.extend(self.rows.iter().map(|row| row.iter().map(Cell::written).collect()));
        csv_of(&rows)
    }

    /// As Parquet with typed columns.
    pub fn parquet(&self) -> Result<Vec<u8>, TopicsError> {
        let write = || -> Result<Vec<u8>, PolarsError> {
            let columns = self.columns.iter().enumerate().map(|(at, name)| self.column(at, name)).collect();
            let mut frame = DataFrame::new(self.rows.len(), columns)?;
            let mut bytes = Vec::new();
            ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy).finish(&mut frame)?;
            Ok(bytes)
        };
        write().map_err(|error| TopicsError::File {
            action: "write",
            path: "Parquet".into(),
            source: std::io::Error::other(error),
        })
    }

    fn column(&self, at: usize, name: &str) -> Column {
        let cells = || self.rows.iter().map(|row| row.get(at).unwrap_or(&Cell::Nothing));
        let all = |is: fn(&Cell) -> bool| cells().all(|cell| matches!(cell, Cell::Nothing) || is(cell));
        if all(|cell| matches!(cell, Cell::Whole(_))) {
            Column::new(name.into(), cells().map(Cell::whole).collect::<Vec<_>>())
        } else if all(|cell| matches!(cell, Cell::Whole(_) | Cell::Number(_))) {
            Column::new(name.into(), cells().map(Cell::number).collect::<Vec<_>>())
        } else {
            let text = |cell: &Cell| (*cell != Cell::Nothing).then(|| cell.written());
            Column::new(name.into(), cells().map(text).collect::<Vec<_>>())
        }
    }
}

/// Counts of two things that meet.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HeatMap {
    /// What a row is.
    pub rows_are: &'static str,
    /// What a column is.
    pub columns_are: &'static str,
    /// The rows' names.
    pub rows: Vec<String>,
    /// The columns' names, no two alike.
    pub columns: Vec<String>,
    /// How many, a row each.
    pub cells: Vec<Vec<u64>>,
}

impl HeatMap {
    /// The same as a table: its first column is the rows' names.
    pub fn table(&self) -> Table {
        let mut table = Table::new(&[self.rows_are]);
        table.columns.extend(self.columns.iter().cloned());
        table.rows = self
            .rows
            .iter()
            .zip(&self.cells)
            .map(|(name, cells)| {
                std::iter::once(Cell::from(name.as_str()))
                    .chain(cells.iter().map(|n| Cell::Whole(*n)))
                    .collect()
            })
            .collect();
        table
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{DataType, ParquetReader, SerReader};

    use super::*;

    #[test]
    fn a_table_is_csv_and_typed_parquet() {
        let mut table = Table::new(&["client", "posts", "share"]);
        table.rows.push(vec!["a, \"b\"".into(), 3_u64.into(), 0.75.into()]);
        table.rows.push(vec![Cell::Nothing, 1_u64.into(), 0.25.into()]);
        let csv = String::from_utf8(table.csv().expect("CSV")).expect("text");
        assert_eq!(csv, "client,posts,share\n\"a, \"\"b\"\"\",3,0.75\n,1,0.25\n");
        let bytes = std::io::Cursor::new(table.parquet().expect("Parquet"));
        let frame = ParquetReader::new(bytes).finish().expect("Parquet");
        let types: Vec<_> = frame.columns().iter().map(|column| column.dtype().clone()).collect();
        assert_eq!(types, [DataType::String, DataType::UInt64, DataType::Float64]);
    }

    #[test]
    fn a_heat_map_is_a_table_too() {
        let map = HeatMap {
            rows_are: "client",
            columns_are: "topic",
            rows: vec!["web".into()],
            columns: vec!["topic 0".into(), "topic 1".into()],
            cells: vec![vec![4, 0]],
        };
        assert_eq!(map.table().csv().expect("CSV"), b"client,topic 0,topic 1\nweb,4,0\n");
    }
}
