//! Rows as typed columns, gathered until there is enough for a group and then written as Parquet.

use polars::prelude::{
    BooleanChunkedBuilder, Column as Series, DataFrame, Float64Type, Int64Type, IntoColumn, IntoSeries,
    PlSmallStr, PolarsResult, PrimitiveChunkedBuilder, StringChunkedBuilder, TimeUnit, TimeZone,
};
use polars::prelude::{ChunkedBuilder, Schema};

use super::columns::{FILE_NAME, Type, type_of};
use super::rows::Row;
use crate::stream::record::Column;

/// One column that is being filled.
enum Filling {
    Text(StringChunkedBuilder),
    Whole(PrimitiveChunkedBuilder<Int64Type>),
    Decimal(PrimitiveChunkedBuilder<Float64Type>),
    Flag(BooleanChunkedBuilder),
    Time(PrimitiveChunkedBuilder<Int64Type>),
}

impl Filling {
    fn new(name: &str, kind: Type, rows: usize) -> Self {
        let name = PlSmallStr::from_str(name);
        match kind {
            Type::Text | Type::Optional => Self::Text(StringChunkedBuilder::new(name, rows)),
            Type::Whole => Self::Whole(PrimitiveChunkedBuilder::new(name, rows)),
            Type::Decimal => Self::Decimal(PrimitiveChunkedBuilder::new(name, rows)),
            Type::Flag => Self::Flag(BooleanChunkedBuilder::new(name, rows)),
            Type::Time => Self::Time(PrimitiveChunkedBuilder::new(name, rows)),
        }
    }

    fn finish(self) -> Series {
        match self {
            Self::Text(builder) => builder.finish().into_series().into_column(),
            Self::Whole(builder) => builder.finish().into_series().into_column(),
            Self::Decimal(builder) => builder.finish().into_series().into_column(),
            Self::Flag(builder) => builder.finish().into_series().into_column(),
            Self::Time(builder) => builder
                .finish()
                .into_datetime(TimeUnit::Milliseconds, Some(TimeZone::UTC))
                .into_series()
                .into_column(),
        }
    }
}

/// Rows that are gathered for a group.
pub(super) struct Gathered {
    columns: Vec<Column>,
    filling: Vec<Filling>,
    file: StringChunkedBuilder,
    rows: usize,
    bytes: usize,
    /// Values that are not what their column holds, by the place of the column.
    misfits: Vec<u64>,
}

impl std::fmt::Debug for Gathered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} rows", self.rows)
    }
}

impl Gathered {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut gathered = Self {
            columns: columns.to_vec(),
            filling: Vec::new(),
            file: StringChunkedBuilder::new(FILE_NAME.into(), 0),
            rows: 0,
            bytes: 0,
            misfits: vec![0; columns.len()],
        };
        gathered.begin();
        gathered
    }

    fn begin(&mut self) {
        let rows = self.rows;
        self.filling =
            self.columns.iter().map(|column| Filling::new(column.name(), type_of(*column), rows)).collect();
        self.file = StringChunkedBuilder::new(FILE_NAME.into(), rows);
        (self.rows, self.bytes) = (0, 0);
    }

    /// About how much memory the gathered rows take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How many rows are gathered.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// The columns that had values which they cannot hold, with how many.
    pub(super) fn misfits(&self) -> impl Iterator<Item = (Column, u64)> {
        self.columns.iter().copied().zip(self.misfits.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// Takes one row in.
    pub(super) fn push(&mut self, row: &Row<'_>, text: &str, file: &str) {
        for ((column, filling), misfits) in self.columns.iter().zip(&mut self.filling).zip(&mut self.misfits)
        {
            let kind = type_of(*column);
            let value = if *column == Column::Text { text } else { row.get(*column) };
            let absent = kind != Type::Text && (value.is_empty() || value == "None");
            match filling {
                Filling::Text(builder) => {
                    builder.append_option((!absent).then_some(value));
                    self.bytes += value.len();
                }
                Filling::Whole(builder) => builder.append_option(parsed(value, absent, misfits)),
                Filling::Decimal(builder) => builder.append_option(parsed(value, absent, misfits)),
                Filling::Flag(builder) => {
                    let flag = match value {
                        "True" | "true" => Some(true),
                        "False" | "false" => Some(false),
                        _ => None,
                    };
                    *misfits += u64::from(flag.is_none() && !absent);
                    builder.append_option(flag);
                }
                Filling::Time(builder) => builder.append_option(if *column == Column::CreatedAt {
                    row.created_at
                } else {
                    row.user_joined
                }),
            }
        }
        self.file.append_value(file);
        self.rows += 1;
        // A view, or a number, for each value beside the texts themselves.
        self.bytes += file.len() + 16 * (self.columns.len() + 1);
    }

    /// The gathered rows as columns; gathering begins anew.
    pub(super) fn take(&mut self) -> PolarsResult<DataFrame> {
        let rows = self.rows;
        let file = std::mem::replace(&mut self.file, StringChunkedBuilder::new(FILE_NAME.into(), 0));
        let mut columns: Vec<Series> =
            std::mem::take(&mut self.filling).into_iter().map(Filling::finish).collect();
        columns.push(file.finish().into_series().into_column());
        self.begin();
        DataFrame::new(rows, columns)
    }

    /// The names and types of the columns.
    pub(super) fn schema(&self) -> PolarsResult<Schema> {
        let empty = Self::new(&self.columns).take()?;
        Ok(empty.schema().as_ref().clone())
    }
}

fn parsed<T: std::str::FromStr>(value: &str, absent: bool, misfits: &mut u64) -> Option<T> {
    if absent {
        return None;
    }
    let parsed = value.parse().ok();
    *misfits += u64::from(parsed.is_none());
    parsed
}
