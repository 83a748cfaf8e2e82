//! Makes one file of each hour.
//!
//! A [`Plan`] says which hours are due: those that are not combined yet in the formats that are wanted, and those
//! whose files changed or came since. [`run`] does them, several at once, within a memory bound: an hour is never held
//! whole. Each hour's results appear whole or not at all, the manifest last; only then are those of an earlier run of
//! ours removed. Two runs over the same hour leave one result.
//!
//! Nothing is lost: a line that is no record goes to `quarantine/` with its file, line and reason; an hour with a file
//! that may not be read is not combined, and the others are. A result of files that are gone by now is left as it is,
//! for there is more in it than could be made again; and an hour keeps the formats that it has.

mod before;
pub mod elsewhere;
mod hour;
mod memory;
mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::columns::KEPT;
use super::hours::Span;
use super::listing::{self, Totals};
use super::manifest::Counts;
use super::outputs::{self, Combined, Fingerprint, Kind, Stamp};
use super::{Entry, Hour, Lake, LakeError, Place};
use crate::progress::{Phase, Progress};
use crate::stream::record::Column;
use crate::stream::words::Unwanted;
use crate::text::counted;
use before::Before;
pub use memory::LEAST as LEAST_MEMORY;
use memory::Share;

/// Hours whose files are looked at beside one another.
const LOOKED_AT_ONCE: usize = 8;
/// Runs that may begin with the same hour in the same second.
const AT_THE_SAME_HOUR: usize = 100;
/// Reports of one hour come at most this often.
const REPORT_EVERY: Duration = Duration::from_millis(250);

/// A format of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Typed columns, zstd.
    Parquet,
    /// As the predecessor wrote it.
    Csv,
}

impl Format {
    fn kind(self) -> Kind {
        match self {
            Self::Parquet => Kind::Parquet,
            Self::Csv => Kind::Csv,
        }
    }
}

/// What is wanted of the results.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The formats; not none.
    pub formats: BTreeSet<Format>,
    /// Posts with these words are left out.
    pub unwanted: Unwanted,
    /// The columns that are kept; `file_name` is one more.
    pub columns: Vec<Column>,
    /// Whether the hashtags are appended to the text.
    pub append_hashtags: bool,
    /// Whether the names of users are appended to the text.
    pub append_users: bool,
    /// How much memory the whole program may take, in bytes; [`LEAST_MEMORY`] at least.
    pub memory: u64,
    /// Whether hours that are combined already are combined again.
    pub again: bool,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            formats: [Format::Parquet].into(),
            unwanted: Unwanted::nothing(),
            columns: KEPT.to_vec(),
            append_hashtags: false,
            append_users: false,
            memory: quarter_of_memory(),
            again: false,
        }
    }
}

impl Wish {
    /// Two wishes with the same one make the same rows of the same files.
    pub fn fingerprint(&self) -> Fingerprint {
        let columns: Vec<&str> = self.columns.iter().map(|column| column.name()).collect();
        let words = self.unwanted.words();
        let how = (!words.is_empty()).then(|| self.unwanted.how());
        let appended = [self.append_hashtags, self.append_users];
        Fingerprint::of(&serde_json::json!([columns, words, how, appended]).to_string())
    }
}

/// A quarter of this machine's memory, or [`LEAST_MEMORY`] if that is more.
pub fn quarter_of_memory() -> u64 {
    (rustix::system::sysinfo().totalram / 4).max(LEAST_MEMORY)
}

/// Why an hour is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// It was not combined yet.
    New,
    /// Its files changed, or more came.
    Changed,
    /// Other words were left out, other columns kept, or other things appended than are wanted.
    Wish,
    /// A format is wanted that there is not.
    Format,
    /// It was asked for.
    Again,
}

impl Why {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::New => "not combined yet",
            Self::Changed => "files changed since",
            Self::Wish => "combined with other words or columns",
            Self::Format => "not in this format yet",
            Self::Again => "asked for again",
        }
    }
}

/// An hour that is due.
#[derive(Debug, Clone)]
pub struct Due {
    /// What it holds, as the listing saw it.
    pub totals: Totals,
    /// Why.
    pub why: Why,
    /// What there is of earlier runs.
    pub combined: Combined,
    /// What is to be written: what is wanted, and what there is of ours. A newer result takes the place of the whole.
    pub formats: BTreeSet<Format>,
}

/// An hour that is left as it is: there is more in its result than in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Left {
    /// The hour.
    pub hour: Hour,
    /// How many files that were combined are gone.
    pub gone: u64,
    /// How many came since, and are not combined.
    pub came: u64,
}

impl Left {
    /// In words.
    pub fn words(&self) -> String {
        let gone = counted(self.gone, "file that was combined is gone", "files that were combined are gone");
        let came = match self.came {
            0 => String::new(),
            came => {
                format!(", and {}", counted(came, "that came is not combined", "that came are not combined"))
            }
        };
        format!("{gone}{came}: the result is left as it is; {}", again(self.hour))
    }
}

/// What makes a result of what is left, of this hour alone: others may be left, too.
pub(super) fn again(hour: Hour) -> String {
    format!("`hydrant combine --again --since {hour} --until {hour}` combines what is left")
}

/// What is to be done.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// The hours that are due, oldest first.
    pub due: Vec<Due>,
    /// How many hours are combined as they should be.
    pub skipped: u64,
    /// Hours that are left as they are, oldest first.
    pub left: Vec<Left>,
    /// Runs that a newer one has replaced and that are still there, as after a run that was cut off.
    pub replaced: Vec<String>,
}

/// Looks at the lake and its results and says what is due. Hours for which `leave_out` holds are not.
pub async fn plan(
    lake: &Lake,
    results: &Place,
    span: Span,
    wish: &Wish,
    leave_out: impl Fn(Hour) -> bool,
    stop: &CancellationToken,
) -> Result<Plan, LakeError> {
    let looking = async {
        let (hours, found) =
            tokio::join!(listing::totals(lake, span, stop), outputs::find_with_begun(results));
        let (combined, begun) = found?;
        let is_over = |stamp: &&Stamp| {
            let result = combined.get(&stamp.hour).and_then(Combined::newest_of_ours);
            result.is_some_and(|(newest, _)| *stamp <= newest)
        };
        let over: Vec<String> = begun.iter().filter(is_over).map(Stamp::begun_key).collect();
        let mut plan = judge(lake, results, hours?, combined, wish, &leave_out, stop).await?;
        plan.replaced.extend(over);
        Ok(plan)
    };
    tokio::select! {
        plan = looking => plan,
        () = stop.cancelled() => Err(LakeError::Interrupted),
    }
}

async fn judge(
    lake: &Lake,
    results: &Place,
    hours: BTreeMap<Hour, Totals>,
    mut combined: BTreeMap<Hour, Combined>,
    wish: &Wish,
    leave_out: &impl Fn(Hour) -> bool,
    stop: &CancellationToken,
) -> Result<Plan, LakeError> {
    let mut plan = Plan::default();
    let mut due = Vec::new();
    let wished = wish.fingerprint();
    for (hour, totals) in hours {
        if leave_out(hour) {
            continue;
        }
        let combined = combined.remove(&hour).unwrap_or_default();
        // Where files went, the manifest says whether it is they that were combined.
        let is_of = combined.is_of(totals.files, totals.fingerprint);
        if let Some(why) = why(&totals, &combined, wish, wished).or_else(|| (!is_of).then_some(Why::Changed))
        {
            let formats = formats(&combined, wish);
            due.push(Due { totals, why, combined, formats });
        } else {
            plan.skipped += 1;
            plan.replaced.extend(combined.replaced());
        }
    }
    // How many files there are does not tell whether some are gone, for others may have come.
    let look = |due: Due| async move {
        let mut left = Left { hour: due.totals.hour, gone: 0, came: 0 };
        if due.why == Why::Changed && !wish.again {
            let files = listing::files(lake, left.hour, stop).await?;
            // A manifest that may not be read is a failure of its hour, not of all.
            if let Ok(before) = Before::of(results, &due.combined).await {
                (left.gone, left.came) = before.beside(files.iter().map(Entry::name));
            }
        }
        Ok::<_, LakeError>((due, left))
    };
    let mut looked = stream::iter(due).map(look).buffered(LOOKED_AT_ONCE);
    while let Some((due, left)) = looked.try_next().await? {
        if left.gone == 0 {
            plan.due.push(due);
        } else {
            plan.left.push(left);
            plan.replaced.extend(due.combined.replaced());
        }
    }
    Ok(plan)
}

/// Why an hour is due, as far as the names of its results tell; nothing if it is combined as it should be, or its
/// result is of more files than there are. `wished` is the wish's fingerprint, which is one for all hours.
pub fn why(totals: &Totals, combined: &Combined, wish: &Wish, wished: Fingerprint) -> Option<Why> {
    let Some((_, run)) = combined.newest() else { return Some(Why::New) };
    if !combined.is_of(totals.files, totals.fingerprint) {
        let is_fuller = combined.fewer(totals.files) > 0 && !wish.again;
        return (!is_fuller).then_some(Why::Changed);
    }
    if wish.again {
        return Some(Why::Again);
    }
    if run.sums.and_then(|sums| sums.wish).is_some_and(|made_by| made_by != wished) {
        return Some(Why::Wish);
    }
    let has_all = wish.formats.iter().all(|format| run.files.contains_key(&format.kind()));
    (!has_all).then_some(Why::Format)
}

/// What is wanted, and what there is of ours.
fn formats(combined: &Combined, wish: &Wish) -> BTreeSet<Format> {
    let there = |format: &Format| {
        combined.newest_of_ours().is_some_and(|(_, run)| run.files.contains_key(&format.kind()))
    };
    wish.formats.iter().copied().chain([Format::Parquet, Format::Csv].into_iter().filter(there)).collect()
}

/// What a run did.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Hours that were combined.
    pub hours: Vec<Hour>,
    /// What became of their rows.
    pub counts: Counts,
    /// The whole keys of the rows.
    pub outputs: Vec<String>,
    /// The whole keys of what lies beside them: lists of raw rows, quarantines.
    pub beside: Vec<String>,
    /// Hours that were left as they are.
    pub left: Vec<Left>,
    /// Hours that were not, and why.
    pub failures: Vec<(Hour, LakeError)>,
    /// Files that were listed and gone when they were read.
    pub vanished: u64,
    /// Files that are damaged: what could be read of them was.
    pub damaged: Vec<String>,
    /// Whether it stopped because the operator asked.
    pub interrupted: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// What one hour came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(default)]
struct HourDone {
    counts: Counts,
    outputs: Vec<String>,
    beside: Vec<String>,
    vanished: u64,
    damaged: Vec<String>,
}

impl Outcome {
    fn add(&mut self, hour: Hour, done: HourDone) {
        self.hours.push(hour);
        self.counts.add(&done.counts);
        self.outputs.extend(done.outputs);
        self.beside.extend(done.beside);
        self.vanished += done.vanished;
        self.damaged.extend(done.damaged);
    }

    /// Removes what its hours replace, and puts it in order.
    async fn settle(&mut self, results: &Place) {
        tidy(results, self).await;
        self.hours.sort();
        self.outputs.sort();
        self.beside.sort();
        self.failures.sort_by_key(|(hour, _)| *hour);
    }
}

/// What every hour of a run shares.
#[derive(Debug)]
struct Shared {
    lake: Lake,
    results: Place,
    wish: Wish,
    /// Of the memory, for each hour.
    share: Share,
    progress: Progress,
    stop: CancellationToken,
}

/// Combines what is due. A failure of one hour does not keep the others from being done.
pub async fn run(
    lake: &Lake,
    results: &Place,
    plan: Plan,
    wish: &Wish,
    progress: &Progress,
    stop: &CancellationToken,
) -> Outcome {
    let began = Instant::now();
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let (at_once, share) = memory::share_out(wish.memory, cores.min(plan.due.len()));
    let shared = Arc::new(Shared {
        lake: lake.clone(),
        results: results.clone(),
        wish: wish.clone(),
        share,
        progress: progress.clone(),
        stop: stop.clone(),
    });
    let mut outcome = Outcome { left: plan.left, ..Outcome::default() };
    if let Err(error) = results.delete(&plan.replaced).await {
        tracing::warn!(%error, "what was replaced is still there");
    }
    let mut waiting = plan.due.into_iter();
    let mut under_way = JoinSet::new();
    loop {
        while under_way.len() < at_once
            && !stop.is_cancelled()
            && let Some(due) = waiting.next()
        {
            under_way.spawn(one(Arc::clone(&shared), due));
        }
        let Some(ended) = under_way.join_next().await else { break };
        let Ok((hour, done)) = ended else { continue };
        match done {
            Ok(done) => outcome.add(hour, done),
            Err(LakeError::Interrupted) => outcome.interrupted = true,
            Err(error) => outcome.failures.push((hour, error)),
        }
    }
    outcome.interrupted |= stop.is_cancelled() && waiting.len() > 0;
    outcome.settle(results).await;
    outcome.seconds = began.elapsed().as_secs_f64();
    outcome
}

async fn one(shared: Arc<Shared>, due: Due) -> (Hour, Result<HourDone, LakeError>) {
    let hour = due.totals.hour;
    let name = hour.to_string();
    let done = hour::combine(&shared, due).await;
    match &done {
        Ok(done) => {
            let Counts { files, rows_out, malformed, unwanted, duplicates, .. } = done.counts;
            shared.progress.tell(
                "hour",
                &name,
                Phase::Done,
                format!(
                    "{} of {}; {malformed} malformed, {unwanted} unwanted, {duplicates} duplicate",
                    counted(rows_out, "row", "rows"),
                    counted(files, "file", "files")
                ),
            );
        }
        Err(LakeError::Interrupted) => shared.progress.tell("hour", &name, Phase::Skipped, "stopped"),
        Err(error) => shared.progress.tell("hour", &name, Phase::Failed, error.to_string()),
    }
    (hour, done)
}

/// Where another run was at the same hours at the same time, the newest result stays and the others go.
async fn tidy(results: &Place, outcome: &mut Outcome) {
    if outcome.hours.is_empty() {
        return;
    }
    let tidying = async {
        let combined: BTreeMap<Hour, Combined> = outputs::find(results).await?;
        let ours = outcome.hours.iter().filter_map(|hour| combined.get(hour));
        let old: Vec<String> = ours.flat_map(Combined::replaced).collect();
        results.delete(&old).await?;
        Ok::<_, LakeError>(old)
    };
    match tidying.await {
        Ok(old) => {
            let gone: BTreeSet<String> = old.iter().map(|key| results.full_key(key)).collect();
            outcome.outputs.retain(|key| !gone.contains(key));
            outcome.beside.retain(|key| !gone.contains(key));
        }
        // The next run finds them again.
        Err(error) => tracing::warn!(%error, "earlier results are still there"),
    }
}

/// Keeps a stamp's names for this run alone, or those of the next second that nobody has: of two runs that begin in the
/// same one, one would write the rows and the other the manifest.
async fn keep(results: &Place, mut stamp: Stamp) -> Result<Stamp, LakeError> {
    for _ in 0..AT_THE_SAME_HOUR {
        let begun = stamp.begun_key();
        if results.put_new(&begun).await? {
            // Whoever had it before may have come to its end since the results were listed.
            if results.list_all(&stamp.manifests()).await?.is_empty() {
                return Ok(stamp);
            }
            results.delete(&[begun]).await?;
        }
        stamp.saved += 1;
    }
    let why = "too many runs are at this hour: wait until they are done".to_owned();
    Err(LakeError::NotWritten { file: results.url(&stamp.begun_key()), why })
}

/// The stamp of a run over an hour: later than those of all runs before it, even if clocks disagree.
fn stamp(due: &Due, files: u64, now: Timestamp) -> Stamp {
    let last = due.combined.runs.keys().map(|stamp| stamp.saved).max();
    let saved = last.map_or(now.as_second(), |last| now.as_second().max(last.saturating_add(1)));
    Stamp { hour: due.totals.hour, saved, files }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::outputs::Sums;

    #[tokio::test]
    async fn of_runs_that_begin_with_an_hour_in_the_same_second_each_has_its_own_names() {
        let folder = tempfile::tempdir().expect("a folder");
        let results = Place::Folder(folder.path().to_owned());
        let at = |saved| Stamp { hour: "2021-12-30T17".parse().expect("an hour"), saved, files: 2 };
        assert_eq!(keep(&results, at(100)).await.expect("a stamp"), at(100));
        assert_eq!(keep(&results, at(100)).await.expect("a stamp"), at(101), "the first is under way");
        // The first is done: its names are taken still, whatever it wanted.
        let sums = Sums { rows: 308, fingerprint: Fingerprint::of("two files"), wish: None };
        results.put(&at(100).manifest_key(&sums), b"{}").await.expect("written");
        results.delete(&[at(100).begun_key()]).await.expect("deleted");
        assert_eq!(keep(&results, at(100)).await.expect("a stamp"), at(102));
        // What was killed says nothing of the hour, and goes once there is a newer result.
        let (hours, begun) = outputs::find_with_begun(&results).await.expect("found");
        assert_eq!((hours.len(), begun), (1, vec![at(101), at(102)]));
    }

    #[tokio::test]
    async fn what_killed_runs_left_goes_once_there_is_a_newer_result() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = crate::lake::Layout::new("").expect("a layout");
        let lake = Lake::new(Place::Folder(folder.path().to_owned()), layout);
        let (results, stop) = (lake.results(), CancellationToken::new());
        lake.place.put("2021/12/30/17/a", b"no record\n").await.expect("written");
        let hour = "2021-12-30T17".parse().expect("an hour");
        let (killed, later) =
            (Stamp { hour, saved: 100, files: 1 }, Stamp { hour, saved: 1 << 33, files: 1 });
        for stamp in [killed, later] {
            assert_eq!(keep(&results, stamp).await.expect("a stamp"), stamp);
        }
        let wish = Wish { formats: [Format::Csv].into(), ..Wish::default() };
        let looked =
            async || plan(&lake, &results, Span::default(), &wish, |_| false, &stop).await.expect("a plan");
        let first = looked().await;
        assert_eq!((first.due.len(), first.replaced.len()), (1, 0));
        let outcome = run(&lake, &results, first, &wish, &Progress::silent(), &stop).await;
        assert_eq!((outcome.hours.len(), outcome.failures.len()), (1, 0));
        let second = looked().await;
        assert_eq!((second.due.len(), second.replaced.clone()), (0, vec![killed.begun_key()]));
        run(&lake, &results, second, &wish, &Progress::silent(), &stop).await;
        let (_, begun) = outputs::find_with_begun(&results).await.expect("found");
        assert_eq!(begun, [later], "it may be under way");
    }
}
