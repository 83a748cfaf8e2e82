//! The files that combining one hour writes, from the thread that reads the rows.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use polars::io::parquet::write::{BatchedWriter, KeyValueMetadata};
use polars::prelude::{DataFrame, ParquetWriter, PolarsError, PolarsResult, Schema};
use polars_parquet::write::ParquetType;
use tokio::runtime::Handle;

use super::{Due, Format, Wish};
use crate::lake::csv_rows;
use crate::lake::lines::Line;
use crate::lake::outputs::{Kind, Stamp};
use crate::lake::parquet_pages::{self, Group, Pages};
use crate::lake::parquet_rows::Gathered;
use crate::lake::place::Upload;
use crate::lake::raw_rows::{ColumnList, CsvList, RawRow};
use crate::lake::rows::{Malformed, Row};
use crate::lake::{LakeError, Place};
use crate::stream::record::Column;

/// What is gathered before it is written.
const BUFFER: usize = 1 << 20;
/// Rows of a group of Parquet, at most; readers hold a group at a time.
const GROUP_ROWS: usize = 128 << 10;
/// Rows that are made into pages at once, at most, and about as many bytes.
const PIECE_ROWS: usize = 8 << 10;
const PIECE: usize = 4 << 20;

/// One file that is being written.
struct Sink {
    key: String,
    upload: Upload,
    buffer: Vec<u8>,
    runtime: Handle,
}

impl Sink {
    fn begin(place: &Place, key: String, runtime: &Handle) -> Result<Self, LakeError> {
        let upload = runtime.block_on(place.create(&key))?;
        Ok(Self { key, upload, buffer: Vec::with_capacity(BUFFER + BUFFER / 4), runtime: runtime.clone() })
    }

    /// Writes what is gathered, once there is enough of it.
    fn relieve(&mut self) -> Result<(), LakeError> {
        if self.buffer.len() < BUFFER { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<(), LakeError> {
        self.runtime.block_on(self.upload.write(&self.buffer))?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<String, LakeError> {
        if let Err(error) = self.flush() {
            self.abort();
            return Err(error);
        }
        self.runtime.block_on(self.upload.finish())?;
        Ok(self.key)
    }

    fn abort(self) {
        self.runtime.block_on(self.upload.abort());
    }
}

/// A Parquet file that is being written. The writer owns its end of the sink; this keeps the other.
struct ParquetSink {
    writer: BatchedWriter<Bridge>,
    sink: Arc<Mutex<Option<Sink>>>,
    types: Arc<[ParquetType]>,
    group: Group,
    /// A group is written when it takes as much.
    largest: usize,
    /// The rows that are being made into pages, while others are read: how many, and where the pages come from.
    under_way: Option<(usize, Receiver<PolarsResult<Pages>>)>,
}

/// What the Parquet writer writes to.
struct Bridge(Arc<Mutex<Option<Sink>>>);

impl Write for Bridge {
    fn write(&mut self, content: &[u8]) -> std::io::Result<usize> {
        let mut sink = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sink = sink.as_mut().ok_or_else(|| std::io::Error::other("it is closed"))?;
        sink.buffer.extend_from_slice(content);
        sink.relieve().map_err(std::io::Error::other)?;
        Ok(content.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl ParquetSink {
    fn begin(
        place: &Place,
        key: &str,
        schema: &Schema,
        notes: Vec<(String, String)>,
        largest: usize,
        runtime: &Handle,
    ) -> Result<Self, LakeError> {
        let sink = Arc::new(Mutex::new(Some(Sink::begin(place, key.to_owned(), runtime)?)));
        let writer = ParquetWriter::new(Bridge(Arc::clone(&sink)))
            .with_key_value_metadata(Some(KeyValueMetadata::from_static(notes)))
            .batched(schema);
        match writer {
            Ok(mut writer) => {
                let types: Arc<[ParquetType]> = writer.parquet_schema().fields().into();
                let group = Group::new(types.len());
                Ok(Self { writer, sink, types, group, largest, under_way: None })
            }
            Err(error) => {
                abort(&sink);
                Err(engine(key, &error))
            }
        }
    }

    /// Takes rows. They are made into pages on other threads; those of the rows before must be done by now.
    fn write(&mut self, rows: DataFrame) -> Result<(), LakeError> {
        self.settle()?;
        if rows.height() == 0 {
            return Ok(());
        }
        let (sender, receiver) = sync_channel(1);
        self.under_way = Some((rows.height(), receiver));
        let types = Arc::clone(&self.types);
        // Where nobody waits for them any more, the pages are for nothing.
        rayon::spawn(move || drop(sender.send(parquet_pages::of(&rows, &types))));
        Ok(())
    }

    /// Waits for what is under way, and writes the group if it is whole.
    fn settle(&mut self) -> Result<(), LakeError> {
        if let Some((rows, pages)) = self.under_way.take() {
            let pages = pages.recv().map_err(|_| LakeError::Interrupted)?;
            self.group.add(rows, pages.map_err(|error| engine("rows", &error))?);
        }
        if self.group.rows() + PIECE_ROWS > GROUP_ROWS || self.group.bytes() >= self.largest {
            self.write_group()?;
        }
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), LakeError> {
        let (rows, pages) = self.group.take();
        if rows == 0 {
            return Ok(());
        }
        self.writer.write_row_group(rows as u64, &pages).map_err(|error| engine("a group of rows", &error))
    }

    fn finish(mut self) -> Result<String, LakeError> {
        let written = self.settle().and_then(|()| self.write_group());
        let written =
            written.and_then(|()| self.writer.finish().map_err(|error| engine("a Parquet file", &error)));
        if let Err(error) = written {
            abort(&self.sink);
            return Err(error);
        }
        let sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner).take();
        sink.ok_or(LakeError::Interrupted)?.finish()
    }
}

fn abort(sink: &Mutex<Option<Sink>>) {
    if let Some(sink) = sink.lock().unwrap_or_else(PoisonError::into_inner).take() {
        sink.abort();
    }
}

fn engine(file: &str, error: &PolarsError) -> LakeError {
    LakeError::NotWritten { file: file.to_owned(), why: error.to_string() }
}

struct CsvOut {
    rows: Sink,
    list: Sink,
    raw: CsvList,
    /// The present file's name, as a field.
    file: Vec<u8>,
}

struct ParquetOut {
    rows: ParquetSink,
    list: ParquetSink,
    gathered: Gathered,
    raw: ColumnList,
}

/// Everything that one hour's run writes but the manifest.
pub(super) struct Outputs {
    results: Place,
    stamp: Stamp,
    runtime: Handle,
    columns: Vec<Column>,
    csv: Option<CsvOut>,
    parquet: Option<ParquetOut>,
    /// Made when there is something to put into it.
    quarantine: Option<Sink>,
    /// The present file: its whole key and its name.
    key: String,
    name: String,
}

impl Outputs {
    pub(super) fn begin(
        results: &Place,
        stamp: Stamp,
        due: &Due,
        wish: &Wish,
        group: usize,
        sources: &str,
        runtime: &Handle,
    ) -> Result<Self, LakeError> {
        let mut outputs = Self {
            results: results.clone(),
            stamp,
            runtime: runtime.clone(),
            columns: wish.columns.clone(),
            csv: None,
            parquet: None,
            quarantine: None,
            key: String::new(),
            name: String::new(),
        };
        let made = due.formats.iter().try_for_each(|format| match format {
            Format::Csv => outputs.begin_csv(),
            Format::Parquet => outputs.begin_parquet(group, sources),
        });
        match made {
            Ok(()) => Ok(outputs),
            Err(error) => {
                outputs.abort();
                Err(error)
            }
        }
    }

    fn begin_csv(&mut self) -> Result<(), LakeError> {
        let mut rows = Sink::begin(&self.results, self.stamp.key(Kind::Csv), &self.runtime)?;
        let list = Sink::begin(&self.results, self.stamp.key(Kind::Metadata), &self.runtime);
        let mut list = match list {
            Ok(list) => list,
            Err(error) => {
                rows.abort();
                return Err(error);
            }
        };
        csv_rows::header(&self.columns, &mut rows.buffer);
        let raw = CsvList::new(self.stamp.hour, &mut list.buffer);
        self.csv = Some(CsvOut { rows, list, raw, file: Vec::new() });
        Ok(())
    }

    fn begin_parquet(&mut self, group: usize, sources: &str) -> Result<(), LakeError> {
        let (gathered, raw) = (Gathered::new(&self.columns), ColumnList::new(self.stamp.hour));
        let schemas = (gathered.schema(), raw.schema());
        let (Ok(schema), Ok(raw_schema)) = schemas else {
            return Err(LakeError::NoColumn("of the results".to_owned()));
        };
        let notes = vec![("hydrant.sources".to_owned(), sources.to_owned())];
        let key = |kind| self.stamp.key(kind);
        let rows =
            ParquetSink::begin(&self.results, &key(Kind::Parquet), &schema, notes, group, &self.runtime)?;
        let list = key(Kind::MetadataParquet);
        let list = ParquetSink::begin(&self.results, &list, &raw_schema, Vec::new(), group, &self.runtime);
        match list {
            Ok(list) => self.parquet = Some(ParquetOut { rows, list, gathered, raw }),
            Err(error) => {
                abort(&rows.sink);
                return Err(error);
            }
        }
        Ok(())
    }

    /// What follows is from this file, the first being 0.
    pub(super) fn file(&mut self, number: usize, key: String, name: &str) {
        if let Some(csv) = &mut self.csv {
            csv.file.clear();
            csv_rows::field(name.as_bytes(), &mut csv.file);
            csv.raw.file(number, name);
        }
        if let Some(parquet) = &mut self.parquet {
            parquet.raw.file(number, name);
        }
        self.key = key;
        name.clone_into(&mut self.name);
    }

    /// Notes a raw row, whatever becomes of it.
    pub(super) fn raw(&mut self, row: RawRow) -> Result<(), LakeError> {
        if let Some(csv) = &mut self.csv {
            csv.raw.push(row, &mut csv.list.buffer);
            csv.list.relieve()?;
        }
        if let Some(parquet) = &mut self.parquet {
            parquet.raw.push(row);
            if parquet.raw.rows() >= PIECE_ROWS {
                parquet.write_list()?;
            }
        }
        Ok(())
    }

    /// Writes a row that is kept.
    pub(super) fn row(&mut self, row: &Row<'_>, text: &str) -> Result<(), LakeError> {
        if let Some(csv) = &mut self.csv {
            csv_rows::row(row, &self.columns, text.as_bytes(), &csv.file, &mut csv.rows.buffer);
            csv.rows.relieve()?;
        }
        if let Some(parquet) = &mut self.parquet {
            parquet.gathered.push(row, text, &self.name);
            if parquet.gathered.bytes() >= PIECE || parquet.gathered.rows() >= PIECE_ROWS {
                parquet.write_rows()?;
            }
        }
        Ok(())
    }

    /// Puts a line away that is no row.
    pub(super) fn malformed(
        &mut self,
        line: Line<'_>,
        number: u64,
        why: &Malformed,
    ) -> Result<(), LakeError> {
        let mut entry = serde_json::json!({ "file": self.key, "line": number, "reason": why.to_string() });
        match std::str::from_utf8(line.bytes) {
            Ok(text) => entry["row"] = text.into(),
            Err(_) => {
                entry["row_base64"] = base64::engine::general_purpose::STANDARD.encode(line.bytes).into();
            }
        }
        if line.is_cut() {
            entry["length"] = line.length.into();
        }
        self.put_away(&entry)
    }

    /// Notes that the rest of the present file cannot be read.
    pub(super) fn damaged(&mut self, number: u64, why: &str) -> Result<(), LakeError> {
        let entry =
            serde_json::json!({ "file": self.key, "line": number, "reason": format!("from here on, {why}") });
        self.put_away(&entry)
    }

    fn put_away(&mut self, entry: &serde_json::Value) -> Result<(), LakeError> {
        if self.quarantine.is_none() {
            self.quarantine =
                Some(Sink::begin(&self.results, self.stamp.key(Kind::Quarantine), &self.runtime)?);
        }
        let Some(sink) = &mut self.quarantine else { return Ok(()) };
        sink.buffer.extend_from_slice(entry.to_string().as_bytes());
        sink.buffer.push(b'\n');
        sink.relieve()
    }

    /// Values that typed columns could not hold, by column.
    pub(super) fn misfits(&self) -> BTreeMap<&'static str, u64> {
        let gathered = self.parquet.iter().flat_map(|parquet| parquet.gathered.misfits());
        gathered.map(|(column, count)| (column.name(), count)).collect()
    }

    /// Completes every file, and gives their keys. If one fails, none is left.
    pub(super) fn finish(mut self) -> Result<Vec<(Kind, String)>, LakeError> {
        let mut done = Vec::new();
        let finished = self.finish_into(&mut done);
        if let Err(error) = finished {
            let keys: Vec<String> = done.into_iter().map(|(_, key)| key).collect();
            if let Err(error) = self.runtime.block_on(self.results.delete(&keys)) {
                tracing::warn!(%error, "a result of a run that failed is still there");
            }
            self.abort();
            return Err(error);
        }
        Ok(done)
    }

    fn finish_into(&mut self, done: &mut Vec<(Kind, String)>) -> Result<(), LakeError> {
        if let Some(parquet) = &mut self.parquet {
            parquet.write_rows()?;
            parquet.write_list()?;
        }
        if let Some(sink) = self.quarantine.take() {
            done.push((Kind::Quarantine, sink.finish()?));
        }
        if let Some(CsvOut { rows, list, .. }) = self.csv.take() {
            let list = list.finish();
            // The rows come last: where they are, everything that goes with them is.
            match list {
                Ok(key) => done.push((Kind::Metadata, key)),
                Err(error) => {
                    rows.abort();
                    return Err(error);
                }
            }
            done.push((Kind::Csv, rows.finish()?));
        }
        if let Some(ParquetOut { rows, list, .. }) = self.parquet.take() {
            match list.finish() {
                Ok(key) => done.push((Kind::MetadataParquet, key)),
                Err(error) => {
                    abort(&rows.sink);
                    return Err(error);
                }
            }
            done.push((Kind::Parquet, rows.finish()?));
        }
        Ok(())
    }

    /// Gives everything up: nothing of it is left.
    pub(super) fn abort(self) {
        if let Some(csv) = self.csv {
            csv.rows.abort();
            csv.list.abort();
        }
        if let Some(parquet) = self.parquet {
            abort(&parquet.rows.sink);
            abort(&parquet.list.sink);
        }
        if let Some(sink) = self.quarantine {
            sink.abort();
        }
    }
}

impl ParquetOut {
    fn write_rows(&mut self) -> Result<(), LakeError> {
        let rows = self.gathered.take().map_err(|error| engine("rows", &error))?;
        self.rows.write(rows)
    }

    fn write_list(&mut self) -> Result<(), LakeError> {
        let rows = self.raw.take().map_err(|error| engine("raw rows", &error))?;
        self.list.write(rows)
    }
}
