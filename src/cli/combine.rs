//! `hydrant combine`: hourly folders into one file each.

mod on_spark;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::{Args, ValueEnum};
use jiff::{SignedDuration, Timestamp};

use self::on_spark::OnSpark;
use super::jobs::show_job;
use super::lake::{bytes, lake, place};
use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::lake::columns;
use crate::lake::combine::{self, Format, Left, Outcome, Plan, Wish};
use crate::lake::hours::{Span, is_open};
use crate::lake::{Lake, LakeError, Place};
use crate::progress::{Phase, Progress, Report};
use crate::settings::{EngineName, WordMatch};
use crate::stream::words::Unwanted;
use crate::text::{count, counted};

/// Combine hourly folders into one file each
///
/// Does the hours that are not combined yet and those whose files changed or came since.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant combine --since 2026-11-22 --format csv,parquet\n  hydrant combine --watch\n  hydrant combine --from ./lake --to ./combined --unwanted words.txt"
)]
pub(super) struct Combine {
    /// First hour (2026-11-22T18) or day (2026-11-22)
    #[arg(long, value_name = "HOUR")]
    since: Option<String>,
    /// Last hour or day, included
    #[arg(long, value_name = "HOUR")]
    until: Option<String>,
    /// What to write
    #[arg(long, value_enum, value_delimiter = ',', default_value = "parquet")]
    format: Vec<Written>,
    /// Leave out posts with a word of this file; the setting `unwanted_words` if not given
    #[arg(long, value_name = "FILE")]
    unwanted: Option<std::path::PathBuf>,
    /// Whether an unwanted word must stand alone; the setting `unwanted_match` if not given
    #[arg(long = "match", value_enum, value_name = "HOW")]
    how: Option<How>,
    /// Keep these of the 53 columns instead of the usual 24
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    columns: Vec<String>,
    /// Append to the text what was taken out of it
    #[arg(long, value_enum, value_delimiter = ',', value_name = "WHAT")]
    append: Vec<Append>,
    /// Where the hours are: a folder, or `s3://bucket/prefix`
    #[arg(long, value_name = "PLACE")]
    from: Option<String>,
    /// Where the results go, if not beside the hours
    #[arg(long, value_name = "PLACE")]
    to: Option<String>,
    /// How much memory to take at most (such as 512MB, 160MiB at least); a quarter of the machine's if not given
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    memory: Option<u64>,
    /// Combine hours again that are as they should be
    #[arg(long)]
    again: bool,
    /// Show what would be done, and do nothing; exit code 3 if there is anything to do
    #[arg(long, conflicts_with = "watch")]
    dry_run: bool,
    /// Keep combining as hours close, looking every so many seconds (60)
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "60")]
    watch: Option<u64>,
    /// What does the work: hydrant itself, or Spark
    #[arg(long, value_enum, default_value = "local")]
    engine: Engine,
    /// Where Spark runs: local, sagemaker, emr-serverless or databricks [default: as `spark_on` says, local]
    #[arg(long, value_name = "PLACE")]
    on: Option<EngineName>,
    /// Show what the job would read, take and cost, and change nothing (spark)
    #[arg(long)]
    plan: bool,
    /// How many threads of Spark on this machine; all cores if not given (spark)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
enum Written {
    Csv,
    Parquet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum How {
    Word,
    Substring,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Append {
    Hashtags,
    Users,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Engine {
    /// hydrant, on this machine
    Local,
    /// Spark, for data beyond one machine
    Spark,
}

/// As much memory as a run can do with.
fn memory(written: &str) -> Result<u64, String> {
    let bytes = size(written)?;
    if bytes < combine::LEAST_MEMORY {
        let least = combine::LEAST_MEMORY >> 20;
        return Err(format!("an hour cannot be combined in less than {least}MiB of memory"));
    }
    Ok(bytes)
}

/// `512MB`, `2GiB`, `1000000`.
fn size(written: &str) -> Result<u64, String> {
    let bad = || format!("a size is written as 512MB or 2GiB, not `{written}`");
    let digits = written.find(|c: char| !c.is_ascii_digit()).unwrap_or(written.len());
    let (number, unit) = written.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return Err(bad()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(bad)
}

impl Combine {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        if self.engine == Engine::Spark && (self.watch.is_some() || self.memory.is_some()) {
            let said =
                "Spark has its own memory and ends: leave --watch and --memory out with --engine spark";
            return Err(CliError::Usage(said.to_owned()));
        }
        if self.engine == Engine::Local && (self.plan || self.on.is_some() || self.threads.is_some()) {
            let said = "--plan, --on and --threads are of a job on Spark: add --engine spark, or see what is due by --dry-run";
            return Err(CliError::Usage(said.to_owned()));
        }
        let span = Span::parse(self.since.as_deref(), self.until.as_deref())?;
        let wish = self.wish(&context)?;
        let lake = lake(&context, self.from.as_deref()).await?;
        let results = match &self.to {
            Some(written) => place(&context, written).await?,
            None => lake.results(),
        };
        if let Some(seconds) = self.watch {
            return watch(&context, &lake, &results, span, &wish, Duration::from_secs(seconds.max(1))).await;
        }
        let plan = combine::plan(&lake, &results, span, &wish, |_| false, &context.stop).await?;
        if self.dry_run {
            return Ok(show_plan(&context, &plan));
        }
        let spark = OnSpark {
            context: &context,
            lake: &lake,
            results: &results,
            plan: &plan,
            wish: &wish,
            threads: self.threads,
            engine: self.on.unwrap_or(*context.settings.spark_on),
        };
        let mut ready = None;
        if self.engine == Engine::Spark && (self.plan || !plan.due.is_empty()) {
            let planned = spark.plan()?;
            let engine = context.unless_stopped(spark.ready()).await?;
            show_job(&context, &planned, engine.as_ref().err(), self.plan);
            if self.plan {
                return engine.map(|_| Exit::Done);
            }
            ready = Some(engine);
        }
        // Whoever may not write to this machine's own folder may not either.
        context.refuse_if_readonly(plan.due.len() + plan.replaced.len())?;
        if plan.due.is_empty() && plan.skipped == 0 && plan.left.is_empty() {
            let root = lake.place.url(lake.layout.root());
            talk!("there are no hours{} under {}", span.words(), style::safe(root));
        }
        let skipped = plan.skipped;
        let outcome = match ready {
            Some(engine) => spark.run(engine?.as_ref()).await?,
            // Where nothing is due, nobody is needed to clear away what was replaced.
            None => combine::run(&lake, &results, plan, &wish, &progress(&context), &context.stop).await,
        };
        Ok(end(&context, &outcome, skipped))
    }

    fn wish(&self, context: &Context) -> Result<Wish, CliError> {
        let how = match self.how {
            Some(How::Word) => WordMatch::Word,
            Some(How::Substring) => WordMatch::Substring,
            None => *context.settings.unwanted_match,
        };
        let set = context.settings.unwanted_words.as_ref().map(Into::into);
        let unwanted = match self.unwanted.clone().or(set) {
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|source| CliError::Io {
                    what: format!("read the unwanted words in {}", path.display()),
                    source,
                })?;
                Unwanted::read(&text, how).map_err(LakeError::from)?
            }
            None => Unwanted::nothing(),
        };
        let formats: BTreeSet<Format> = self
            .format
            .iter()
            .map(|format| match format {
                Written::Csv => Format::Csv,
                Written::Parquet => Format::Parquet,
            })
            .collect();
        let usual = Wish::default();
        Ok(Wish {
            formats,
            unwanted,
            columns: if self.columns.is_empty() { usual.columns } else { columns::chosen(&self.columns)? },
            append_hashtags: self.append.contains(&Append::Hashtags),
            append_users: self.append.contains(&Append::Users),
            memory: self.memory.unwrap_or(usual.memory),
            again: self.again,
        })
    }
}

fn progress(context: &Context) -> Progress {
    let json = context.global.json;
    Progress::to(move |report| {
        if json {
            answer!("{}", serde_json::to_string(&report).expect("plain data is JSON"));
        } else {
            talk_of(&report);
        }
    })
}

fn talk_of(report: &Report) {
    let sign = match report.phase {
        Phase::Done => style::good("●"),
        Phase::Failed => style::bad("✗"),
        Phase::Skipped => style::faint("–"),
        Phase::Waiting => style::warn("◐"),
        // Lines that move on belong on a terminal only.
        Phase::Acting if !std::io::IsTerminal::is_terminal(&std::io::stderr()) => return,
        Phase::Acting => style::faint("·"),
    };
    talk!("  {sign} {}  {}", style::safe(&report.name), style::safe(&report.text));
}

fn show_plan(context: &Context, plan: &Plan) -> Exit {
    if context.global.json {
        let due: Vec<_> = plan
            .due
            .iter()
            .map(|due| serde_json::json!({ "hour": due.totals.hour, "why": due.why, "files": due.totals.files, "bytes": due.totals.bytes }))
            .collect();
        let replaced = plan.replaced.len();
        answer!(
            "{}",
            serde_json::json!({ "due": due, "skipped_hours": plan.skipped, "left": plan.left, "replaced": replaced })
        );
    } else {
        for due in &plan.due {
            let totals = &due.totals;
            answer!(
                "{}  {:>12}  {:>9}  {}",
                totals.hour,
                counted(totals.files, "file", "files"),
                bytes(totals.bytes),
                due.why.words()
            );
        }
        say_left(&plan.left);
        let due = counted(plan.due.len(), "hour", "hours");
        answer!("{due} to combine, {} as it should be", count(plan.skipped));
        if !plan.replaced.is_empty() {
            answer!("{} to clear away", counted(plan.replaced.len(), "replaced file", "replaced files"));
        }
    }
    if plan.due.is_empty() && plan.replaced.is_empty() { Exit::Done } else { Exit::Partly }
}

/// Says what was done, and gives the exit code.
pub(super) fn end(context: &Context, outcome: &Outcome, skipped: u64) -> Exit {
    let counts = &outcome.counts;
    if context.global.json {
        let failed: Vec<_> = outcome
            .failures
            .iter()
            .map(|(hour, error)| serde_json::json!({ "hour": hour, "why": error.to_string() }))
            .collect();
        answer!(
            "{}",
            serde_json::json!({
                "hours": outcome.hours.len(), "files": counts.files, "rows_in": counts.rows_in, "rows_out": counts.rows_out,
                "malformed": counts.malformed, "unwanted": counts.unwanted, "duplicates": counts.duplicates,
                "skipped_hours": skipped, "bytes_in": counts.bytes_in, "seconds": outcome.seconds,
                "outputs": outcome.outputs, "beside": outcome.beside, "failed": failed, "vanished": outcome.vanished,
                "damaged": outcome.damaged, "left": outcome.left,
            })
        );
    } else {
        for key in &outcome.outputs {
            answer!("{}", style::safe(key));
        }
        talk!(
            "{}: {} of {} rows in {} ({}); {} malformed, {} unwanted, {} duplicate; {} as it should be; {:.1} s",
            counted(outcome.hours.len(), "hour", "hours"),
            count(counts.rows_out),
            count(counts.rows_in),
            counted(counts.files, "file", "files"),
            bytes(counts.bytes_in),
            count(counts.malformed),
            count(counts.unwanted),
            count(counts.duplicates),
            counted(skipped, "hour was", "hours were"),
            outcome.seconds
        );
    }
    if outcome.vanished > 0 {
        talk!(
            "{} {} listed and gone when read",
            style::warn("hydrant:"),
            counted(outcome.vanished, "file was", "files were")
        );
    }
    say_left(&outcome.left);
    for damage in &outcome.damaged {
        talk!("{} damaged: {}; what could be read is combined", style::bad("hydrant:"), style::safe(damage));
    }
    for (hour, error) in &outcome.failures {
        talk!("{} {hour} was not combined: {}", style::bad("hydrant:"), style::safe(error));
    }
    if outcome.interrupted {
        talk!("{} stopped; the same command goes on from here", style::warn("hydrant:"));
        return Exit::Interrupted;
    }
    let is_whole = outcome.damaged.is_empty() && outcome.vanished == 0;
    let all_combined = outcome.left.iter().all(|left| left.came == 0);
    match (outcome.failures.is_empty(), outcome.hours.is_empty()) {
        (true, _) if is_whole && all_combined => Exit::Done,
        (false, true) => Exit::Failed,
        _ => Exit::Partly,
    }
}

/// Says which hours are left as they are, and why.
fn say_left(left: &[Left]) {
    for left in left {
        talk!("{} {}: {}", style::warn("hydrant:"), left.hour, left.words());
    }
}

/// Combines what is due, again and again; an hour that can still get files waits until it is closed.
async fn watch(
    context: &Context,
    lake: &Lake,
    results: &Place,
    span: Span,
    wish: &Wish,
    every: Duration,
) -> Result<Exit, CliError> {
    let buffer = SignedDuration::from_secs(i64::from(context.settings.buffer_seconds.get()));
    let mut wish = wish.clone();
    // What is left is said again only when it is something else.
    let mut said = Vec::new();
    loop {
        let now = Timestamp::now();
        let open = |hour| is_open(hour, now, buffer);
        match combine::plan(lake, results, span, &wish, open, &context.stop).await {
            Ok(plan) if plan.due.is_empty() && plan.replaced.is_empty() && plan.left == said => {}
            Ok(plan) => {
                context.refuse_if_readonly(plan.due.len() + plan.replaced.len())?;
                let skipped = plan.skipped;
                let is_said = plan.left == said;
                said.clone_from(&plan.left);
                let mut outcome =
                    combine::run(lake, results, plan, &wish, &progress(context), &context.stop).await;
                // For a program, each line is whole.
                if is_said && !context.global.json {
                    outcome.left.clear();
                }
                end(context, &outcome, skipped);
                // Whatever was asked for again has been done once.
                wish.again = false;
            }
            Err(LakeError::Interrupted) => {}
            // What passes is tried again with the next look.
            Err(LakeError::Cloud(error)) if error.failure().passes() => {
                talk!("{} {}", style::warn("hydrant:"), style::safe(&error));
            }
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = context.stop.cancelled() => return Ok(Exit::Interrupted),
        }
    }
}
