//! One hour: its files are read ahead and in order by one task, and taken apart by one thread.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::elsewhere::appended_words;
use super::output::Outputs;
use super::{Before, Due, HourDone, REPORT_EVERY, Shared, Wish, keep, stamp};
use crate::lake::encoding::Decoder;
use crate::lake::ids::Ids;
use crate::lake::lines::{Line, Lines};
use crate::lake::listing;
use crate::lake::manifest::{Counts, Manifest, Source, UnwantedWords, sources_note};
use crate::lake::outputs::{Fingerprint, Kind, Run, Stamp, Sums};
use crate::lake::place::{Body, Entry};
use crate::lake::raw_rows::RawRow;
use crate::lake::rows::{Malformed, Reader, Row, fields_in};
use crate::lake::{LakeError, Place};
use crate::progress::Phase;
use crate::stream::record::Column;
use crate::text::counted;

/// Files up to this size are read whole, some of them ahead; larger ones piece by piece.
pub(super) const WHOLE: u64 = 8 << 20;
/// Pieces that may wait for the thread.
const WAITING: usize = 2;

/// What comes of a file, in order.
enum Piece {
    Begins(usize),
    Bytes(Bytes),
    Ends,
    /// It was listed and is gone.
    Gone(usize),
}

/// Combines an hour. What is there at the end is a whole result and its manifest, or what was there before.
pub(super) async fn combine(shared: &Arc<Shared>, due: Due) -> Result<HourDone, LakeError> {
    let hour = due.totals.hour;
    shared.progress.tell("hour", &hour.to_string(), Phase::Acting, due.why.words());
    // Listed again: between the plan and now, files may have come.
    let files: Arc<[Entry]> = listing::files(&shared.lake, hour, &shared.stop).await?.into();
    let before = Before::of(&shared.results, &due.combined).await?;
    let (gone, _) = before.beside(files.iter().map(Entry::name));
    if gone > 0 && !shared.wish.again {
        return Err(LakeError::Fuller { hour, gone });
    }
    let stamp = keep(&shared.results, stamp(&due, files.len() as u64, Timestamp::now())).await?;
    let mut old = due.combined.clone();
    let made = make(shared, due, before, files, stamp).await;
    // Its names are given back only when everything that has them is seen, or gone.
    let mut over = vec![stamp.begun_key()];
    if let Ok(made) = &made {
        let run = Run { files: made.outputs.iter().cloned().collect(), sums: Some(made.sums(&shared.wish)) };
        old.runs.insert(stamp, run);
        over.extend(old.replaced());
    }
    if let Err(error) = shared.results.delete(&over).await {
        tracing::warn!(%error, "earlier results are still there");
    }
    let made = made?;
    let keys = |rows: bool| made.keys(&shared.results, rows);
    let (outputs, beside) = (keys(true), keys(false));
    Ok(HourDone { counts: made.counts, outputs, beside, vanished: made.vanished, damaged: made.damaged() })
}

/// Makes the results and their manifest; if it cannot, none of them is left.
async fn make(
    shared: &Arc<Shared>,
    due: Due,
    before: Before,
    files: Arc<[Entry]>,
    stamp: Stamp,
) -> Result<Made, LakeError> {
    let (sender, receiver) = mpsc::channel(WAITING);
    let reading = tokio::spawn(read(Arc::clone(shared), Arc::clone(&files), sender));
    let work =
        Work { shared: Arc::clone(shared), due, before, files, stamp, receiver, runtime: Handle::current() };
    let worked = tokio::task::spawn_blocking(move || work.run()).await;
    reading.abort();
    let made = worked.map_err(|_| LakeError::Interrupted)??;
    if let Err(error) = commit(shared, &made).await {
        let keys: Vec<String> = made.outputs.into_iter().map(|(_, key)| key).collect();
        drop(shared.results.delete(&keys).await);
        return Err(error);
    }
    Ok(made)
}

/// What was made of an hour, before its manifest.
struct Made {
    stamp: Stamp,
    fingerprint: Fingerprint,
    sources: Vec<Source>,
    counts: Counts,
    vanished: u64,
    misfits: std::collections::BTreeMap<&'static str, u64>,
    outputs: Vec<(Kind, String)>,
}

impl Made {
    fn sums(&self, wish: &Wish) -> Sums {
        Sums { rows: self.counts.rows_out, fingerprint: self.fingerprint, wish: Some(wish.fingerprint()) }
    }

    /// The whole keys of the files with rows, or of the others.
    fn keys(&self, results: &Place, rows: bool) -> Vec<String> {
        let of_kind =
            self.outputs.iter().filter(|(kind, _)| matches!(kind, Kind::Csv | Kind::Parquet) == rows);
        of_kind.map(|(_, key)| results.full_key(key)).collect()
    }

    fn damaged(&self) -> Vec<String> {
        let damaged = self.sources.iter().filter_map(|source| Some((source, source.damage.as_ref()?)));
        damaged.map(|(source, why)| format!("{}: {why}", source.key)).collect()
    }
}

/// Writes the manifest, which makes the run complete.
async fn commit(shared: &Shared, made: &Made) -> Result<(), LakeError> {
    let wish = &shared.wish;
    let outputs: Vec<String> = made.outputs.iter().map(|(_, key)| shared.results.full_key(key)).collect();
    let manifest = Manifest {
        hydrant: env!("CARGO_PKG_VERSION"),
        hour: made.stamp.hour,
        combined_at: Timestamp::from_second(made.stamp.saved).unwrap_or_default().to_string(),
        sources: &made.sources,
        counts: made.counts,
        columns: wish.columns.iter().map(|column| column.name()).collect(),
        unwanted: UnwantedWords { words: wish.unwanted.words().len(), how: wish.unwanted.how() },
        appended: appended_words(wish),
        not_typed: made.misfits.clone(),
        outputs,
    };
    let text = serde_json::to_string_pretty(&manifest).expect("plain data is JSON");
    let key = made.stamp.manifest_key(&made.sums(wish));
    shared.results.put(&key, text.as_bytes()).await
}

/// Reads the files in order, some of them ahead. Asked to stop, it waits for no answer any more.
async fn read(shared: Arc<Shared>, files: Arc<[Entry]>, pieces: mpsc::Sender<Result<Piece, LakeError>>) {
    tokio::select! {
        () = read_all(&shared, &files, &pieces) => {}
        () = shared.stop.cancelled() => drop(pieces.send(Err(LakeError::Interrupted)).await),
    }
}

async fn read_all(
    shared: &Arc<Shared>,
    files: &Arc<[Entry]>,
    pieces: &mpsc::Sender<Result<Piece, LakeError>>,
) {
    let fetches = (0..files.len()).map(|number| {
        let (shared, files) = (Arc::clone(shared), Arc::clone(files));
        async move {
            // As a task of its own, it goes on while another file's pieces are being taken.
            let fetching = tokio::spawn(async move {
                tokio::select! {
                    fetched = fetch(&shared, files.get(number)) => fetched,
                    () = shared.stop.cancelled() => Err(LakeError::Interrupted),
                }
            });
            fetching.await.unwrap_or(Err(LakeError::Interrupted))
        }
    });
    let mut fetched = stream::iter(fetches).buffered(shared.share.ahead).enumerate();
    while let Some((number, fetched)) = fetched.next().await {
        let sent = match fetched {
            Ok(fetched) => send(number, fetched, pieces).await,
            Err(error) if error.is_missing() => pieces.send(Ok(Piece::Gone(number))).await.is_ok(),
            Err(error) => {
                drop(pieces.send(Err(error)).await);
                false
            }
        };
        if !sent {
            return;
        }
    }
}

/// A file whose content is there, or coming.
enum Fetched {
    Whole(Vec<Bytes>),
    Coming(Body),
}

async fn fetch(shared: &Shared, file: Option<&Entry>) -> Result<Fetched, LakeError> {
    let file = file.ok_or(LakeError::Interrupted)?;
    let mut body = shared.lake.place.read(&file.key, 0).await?;
    if file.bytes > WHOLE {
        return Ok(Fetched::Coming(body));
    }
    let mut pieces = Vec::new();
    while let Some(piece) = body.next().await? {
        pieces.push(piece);
    }
    Ok(Fetched::Whole(pieces))
}

/// Whether there is somebody to send more to.
async fn send(number: usize, fetched: Fetched, pieces: &mpsc::Sender<Result<Piece, LakeError>>) -> bool {
    if pieces.send(Ok(Piece::Begins(number))).await.is_err() {
        return false;
    }
    match fetched {
        Fetched::Whole(whole) => {
            for piece in whole {
                if pieces.send(Ok(Piece::Bytes(piece))).await.is_err() {
                    return false;
                }
            }
        }
        Fetched::Coming(mut body) => loop {
            let piece = match body.next().await {
                Ok(Some(piece)) => Ok(Piece::Bytes(piece)),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            let ends = piece.is_err();
            if pieces.send(piece).await.is_err() || ends {
                return false;
            }
        },
    }
    pieces.send(Ok(Piece::Ends)).await.is_ok()
}

/// What the thread has to do.
struct Work {
    shared: Arc<Shared>,
    due: Due,
    before: Before,
    files: Arc<[Entry]>,
    stamp: Stamp,
    receiver: mpsc::Receiver<Result<Piece, LakeError>>,
    runtime: Handle,
}

impl Work {
    fn run(mut self) -> Result<Made, LakeError> {
        let shared = Arc::clone(&self.shared);
        let manifest = shared.results.full_key(&self.stamp.manifest_pattern(shared.wish.fingerprint()));
        let sources = sources_note(|key| shared.lake.place.full_key(key), &self.files, &manifest);
        let outputs = Outputs::begin(
            &shared.results,
            self.stamp,
            &self.due,
            &shared.wish,
            shared.share.group,
            &sources,
            &self.runtime,
        )?;
        let mut rows = Rows::new(&shared.wish, shared.share.ids, outputs);
        match self.take_all(&mut rows) {
            Ok(()) => self.finish(rows),
            Err(error) => {
                rows.taken.outputs.abort();
                Err(error)
            }
        }
    }

    fn take_all(&mut self, rows: &mut Rows<'_>) -> Result<(), LakeError> {
        let shared = Arc::clone(&self.shared);
        let mut reported = Instant::now();
        let mut taken = 0;
        while taken < self.files.len() {
            if shared.stop.is_cancelled() {
                return Err(LakeError::Interrupted);
            }
            // Without a last word, the one who reads was stopped.
            match self.receiver.blocking_recv().ok_or(LakeError::Interrupted)?? {
                Piece::Begins(number) => {
                    let file = self.files.get(number).ok_or(LakeError::Interrupted)?;
                    rows.begin(number, file, shared.lake.place.full_key(&file.key));
                }
                Piece::Bytes(piece) => rows.take(&piece)?,
                Piece::Ends => {
                    rows.end()?;
                    taken += 1;
                }
                Piece::Gone(number) => {
                    let key = self.files.get(number).map_or("", |file| file.key.as_str());
                    tracing::warn!(key, "it was listed and is gone");
                    rows.taken.vanished += 1;
                    taken += 1;
                }
            }
            if reported.elapsed() >= REPORT_EVERY {
                reported = Instant::now();
                let of = counted(self.files.len(), "file", "files");
                let text = format!("{taken} of {of}, {}", counted(rows.taken.counts.rows_in, "row", "rows"));
                shared.progress.tell("hour", &self.stamp.hour.to_string(), Phase::Acting, text);
            }
        }
        Ok(())
    }

    fn finish(self, rows: Rows<'_>) -> Result<Made, LakeError> {
        let Taken { outputs, sources, counts, fingerprint, vanished, .. } = rows.taken;
        debug_assert!(counts.balance(), "{counts:?}");
        if let gone @ 1.. = self.lost(&sources) {
            outputs.abort();
            return Err(LakeError::Fuller { hour: self.stamp.hour, gone });
        }
        let misfits = outputs.misfits();
        let outputs = outputs.finish()?;
        Ok(Made { stamp: self.stamp, fingerprint, sources, counts, vanished, misfits, outputs })
    }
}

impl Work {
    /// How many files of the result that is there were not read. Whoever wants it made of what is left means what was
    /// listed.
    fn lost(&self, sources: &[Source]) -> u64 {
        let names = sources.iter().map(|source| source.key.rsplit('/').next().unwrap_or_default());
        let (gone, _) = self.before.beside(names);
        if !self.shared.wish.again {
            return gone;
        }
        let (known, _) = self.before.beside(self.files.iter().map(Entry::name));
        gone - known.min(gone)
    }
}

/// The rows of an hour, as they are taken in.
struct Rows<'w> {
    decoder: Decoder,
    lines: Lines,
    reader: Reader,
    taken: Taken<'w>,
}

/// What became of them.
struct Taken<'w> {
    wish: &'w Wish,
    outputs: Outputs,
    ids: Ids,
    counts: Counts,
    fingerprint: Fingerprint,
    vanished: u64,
    sources: Vec<Source>,
    file: FileState,
    appended: String,
}

/// How far the present file is.
#[derive(Default)]
struct FileState {
    /// Lines so far, empty ones too.
    line: u64,
    damage: Option<String>,
}

impl<'w> Rows<'w> {
    fn new(wish: &'w Wish, ids: usize, outputs: Outputs) -> Self {
        let taken = Taken {
            wish,
            outputs,
            ids: Ids::within(ids),
            counts: Counts::default(),
            fingerprint: Fingerprint::default(),
            vanished: 0,
            sources: Vec::new(),
            file: FileState::default(),
            appended: String::new(),
        };
        Self { decoder: Decoder::default(), lines: Lines::default(), reader: Reader::default(), taken }
    }

    fn begin(&mut self, number: usize, file: &Entry, key: String) {
        self.taken.begin(number, file, key);
        (self.decoder, self.lines) = (Decoder::default(), Lines::default());
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), LakeError> {
        let Self { decoder, lines, reader, taken } = self;
        if taken.file.damage.is_some() {
            return Ok(());
        }
        let fed = decoder.feed(piece, |plain| lines.feed(plain, |line| taken.line(reader, line)))?;
        if let Err(fault) = fed {
            taken.file.damage = Some(format!("it is not good {}: {fault}", decoder.encoding().name()));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), LakeError> {
        let Self { decoder, lines, reader, taken } = self;
        if taken.file.damage.is_none() {
            let ended = decoder.finish(|plain| lines.feed(plain, |line| taken.line(reader, line)))?;
            if let Err(fault) = ended {
                taken.file.damage = Some(format!("it is not good {}: {fault}", decoder.encoding().name()));
            }
        }
        let broken = taken.file.damage.is_some();
        lines.finish(|line| if broken { taken.broken_off(line) } else { taken.line(reader, line) })?;
        taken.end(decoder.encoding().name())
    }
}

impl Taken<'_> {
    fn begin(&mut self, number: usize, file: &Entry, key: String) {
        self.outputs.file(number, key.clone(), file.name());
        self.fingerprint.add(file);
        self.counts.files += 1;
        self.counts.bytes_in += file.bytes;
        let encoding = "plain";
        let etag = file.etag.clone();
        self.sources.push(Source {
            key,
            etag,
            bytes: file.bytes,
            encoding,
            rows: 0,
            malformed: 0,
            damage: None,
        });
        self.file = FileState::default();
    }

    fn end(&mut self, encoding: &'static str) -> Result<(), LakeError> {
        let damage = self.file.damage.take();
        if let Some(why) = &damage {
            self.outputs.damaged(self.file.line + 1, why)?;
        }
        if let Some(source) = self.sources.last_mut() {
            source.encoding = encoding;
            source.damage = damage;
        }
        Ok(())
    }

    fn line(&mut self, reader: &mut Reader, line: Line<'_>) -> Result<(), LakeError> {
        self.file.line += 1;
        reader.read(line, |fields, row| self.row(line, fields, row))
    }

    /// The line that a damaged file breaks off in.
    fn broken_off(&mut self, line: Line<'_>) -> Result<(), LakeError> {
        self.file.line += 1;
        self.row(line, fields_in(line.bytes), Err(Malformed::BrokenOff))
    }

    fn row(
        &mut self,
        line: Line<'_>,
        fields: usize,
        row: Result<Row<'_>, Malformed>,
    ) -> Result<(), LakeError> {
        let Some(source) = self.sources.last_mut() else { return Ok(()) };
        self.outputs.raw(RawRow {
            length: line.length,
            index: source.rows,
            fields,
            malformed: row.is_err(),
        })?;
        source.rows += 1;
        self.counts.rows_in += 1;
        let row = match row {
            Ok(row) => row,
            Err(why) => {
                source.malformed += 1;
                self.counts.malformed += 1;
                return self.outputs.malformed(line, self.file.line, &why);
            }
        };
        let text = row.get(Column::Text);
        if self.wish.unwanted.is_in(text) {
            self.counts.unwanted += 1;
            return Ok(());
        }
        let is_new = self.ids.is_new(row.fields.get(Column::Id)).map_err(LakeError::NoRoomForIds)?;
        if !is_new {
            self.counts.duplicates += 1;
            return Ok(());
        }
        self.counts.rows_out += 1;
        if self.wish.append_hashtags || self.wish.append_users {
            append(self.wish, &row, text, &mut self.appended);
            self.outputs.row(&row, &self.appended)
        } else {
            self.outputs.row(&row, text)
        }
    }
}

/// The text with what was taken out of it behind it, parted by spaces.
fn append(wish: &Wish, row: &Row<'_>, text: &str, out: &mut String) {
    out.clear();
    out.push_str(text);
    let parts =
        [(wish.append_hashtags, Column::TweetTextHashtags), (wish.append_users, Column::TweetTextUsernames)];
    for (_, column) in parts.into_iter().filter(|(wanted, _)| *wanted) {
        for word in row.get(column).split('|').filter(|word| !word.is_empty() && *word != "None") {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
}
