//! Rows as compressed pages of Parquet, gathered until there are enough of them for a group.
//!
//! A group of rows must be written column by column, and so all of it is held until it is whole. Held as columns, the
//! 128k rows of a good group would take a hundred megabytes; as pages that are compressed as the rows come, ten. Pages
//! of one column share no dictionary, therefore: they are plain, and zstd finds what repeats.

use polars::prelude::{CompatLevel, DataFrame, PolarsError, PolarsResult};
use polars_parquet::parquet::CowBuffer;
use polars_parquet::write::{
    CompressedPage, CompressionOptions, Encoding, ParquetType, StatisticsOptions, Version, WriteOptions,
    array_to_columns, compress,
};
use rayon::prelude::*;

const OPTIONS: WriteOptions = WriteOptions {
    statistics: StatisticsOptions {
        min_value: true,
        max_value: true,
        distinct_count: false,
        null_count: true,
        binary_statistics_truncate_length: None,
    },
    version: Version::V1,
    compression: CompressionOptions::Zstd(None),
    data_page_size: None,
};

/// The pages of some rows, column by column.
pub(super) type Pages = Vec<Vec<CompressedPage>>;

/// Rows as pages; the columns are done on as many threads as are free.
pub(super) fn of(rows: &DataFrame, types: &[ParquetType]) -> PolarsResult<Pages> {
    let columns: Vec<_> = rows.columns().iter().zip(types).collect();
    columns
        .into_par_iter()
        .map(|(column, kind)| {
            let series = column.as_materialized_series().rechunk();
            let array = series.to_arrow(0, CompatLevel::newest());
            let pages = array_to_columns(array, kind.clone(), OPTIONS, &[Encoding::Plain])?;
            pages
                .into_iter()
                .flatten()
                .map(|page| {
                    Ok(fitting(compress(page?, Vec::new(), OPTIONS.compression).map_err(PolarsError::from)?))
                })
                .collect()
        })
        .collect()
}

/// The page in no more memory than it needs: it is packed into room for the case that it does not get smaller.
fn fitting(mut page: CompressedPage) -> CompressedPage {
    if let CompressedPage::Data(page) = &mut page {
        let packed = page.slice_mut();
        *packed = CowBuffer::Owned(packed.to_vec());
    }
    page
}

/// A group that is being gathered.
#[derive(Debug)]
pub(super) struct Group {
    pages: Pages,
    rows: usize,
    bytes: usize,
}

impl Group {
    /// An empty one of so many columns.
    pub(super) fn new(columns: usize) -> Self {
        Self { pages: (0..columns).map(|_| Vec::new()).collect(), rows: 0, bytes: 0 }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// What it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Appends rows.
    pub(super) fn add(&mut self, rows: usize, pages: Pages) {
        self.rows += rows;
        for (all, more) in self.pages.iter_mut().zip(pages) {
            self.bytes += more.iter().map(page_bytes).sum::<usize>();
            all.extend(more);
        }
    }

    /// Its rows and pages; it is empty then.
    pub(super) fn take(&mut self) -> (usize, Pages) {
        let full = std::mem::replace(self, Self::new(self.pages.len()));
        (full.rows, full.pages)
    }
}

/// A page with what is noted of it: each has its statistics and its column's description.
fn page_bytes(page: &CompressedPage) -> usize {
    let packed = match page {
        CompressedPage::Data(page) => page.compressed_size(),
        CompressedPage::Dict(_) => 0,
    };
    packed + 512
}
