//! `hydrant jobs`: the jobs on Spark that were begun from this machine, wherever they run.

use super::style::{answer, safe, strong, talk};
use super::topics::show_model;
use super::{CliError, Context, Exit, style};
use crate::logs::{Ending, Follow, LogsError, Request, Told, tail};
use crate::progress::{Progress, Report};
use crate::settings::EngineName;
use crate::spark::{self, Book, Desk, End, Engine, Entry, How, Job, Log, OnStop, Results, SparkError};
use clap::{Args, Subcommand};

/// Jobs on Spark: what runs and what has ended, wherever it was begun from this machine
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant jobs\n  hydrant jobs follow 3f9a\n  hydrant jobs logs 3f9a --follow"
)]
pub(super) struct Jobs {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Debug, Subcommand)]
enum What {
    /// List them, the newest first; what runs is asked how it stands
    List,
    /// Go along with a job to its end, and bring its results
    Follow(One),
    /// End a job where it runs
    Cancel(One),
    /// Show the log of a job
    Logs(Logs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant jobs follow 3f9a")]
struct One {
    /// The job's id, or a part of it that no other has
    #[arg(value_name = "ID")]
    id: String,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant jobs logs 3f9a --follow")]
struct Logs {
    #[command(flatten)]
    one: One,
    /// Go on with what comes in, until it is stopped
    #[arg(short, long)]
    follow: bool,
}

impl Jobs {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.what.unwrap_or(What::List) {
            What::List => list(&context).await,
            What::Follow(one) => follow(&context, &one.id).await,
            What::Cancel(one) => cancel(&context, &one.id).await,
            What::Logs(logs) => logs.show(&context).await,
        }
    }
}

async fn engine(context: &Context, name: EngineName) -> Result<Box<dyn Engine>, CliError> {
    let desk = Desk { settings: &context.settings, threads: None };
    desk.engine(name, async || context.cloud().await).await
}

/// What is told of a job on its way.
pub(super) fn progress(context: &Context) -> Progress {
    let json = context.global.json;
    Progress::to(move |report: Report| {
        if !json {
            talk!("  {} {}", style::faint("·"), safe(&report.text));
        }
    })
}

/// Takes a job to its end, or goes along with it if it runs already.
pub(super) async fn see_through(
    context: &Context,
    engine: &dyn Engine,
    job: Job,
) -> Result<Results, CliError> {
    let book = Book::of(&context.folders);
    let mut entry = book.begin(engine.name(), job)?;
    go_along(context, &book, engine, &mut entry).await
}

async fn go_along(
    context: &Context,
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
) -> Result<Results, CliError> {
    let progress = progress(context);
    // One on this machine has it to itself; one elsewhere is found again.
    let on_stop = if engine.name() == EngineName::Local { OnStop::Cancel } else { OnStop::Leave };
    let results = spark::see_through(book, engine, entry, &progress, (&context.stop, on_stop)).await?;
    if let Some(cost) = entry.cost.filter(|cost| *cost > 0.0 && !context.global.json) {
        talk!("  {} it has cost about ${cost:.2}", style::faint("·"));
    }
    Ok(results)
}

/// What a job came to.
pub(super) fn show_results(context: &Context, results: &Results) {
    match results {
        Results::Topics(described) if context.global.json => {
            answer!("{}", serde_json::to_string(described).expect("numbers and text are JSON"));
        }
        Results::Topics(described) => show_model(described),
        // Not of the book: whoever has it combined shows it.
        Results::Combined(_) => {}
    }
}

/// Looks at what runs, and writes down what it shows.
async fn refresh(context: &Context, book: &Book, entry: &mut Entry) -> Result<(), CliError> {
    if entry.handle.is_none() {
        return Ok(());
    }
    let engine = engine(context, entry.engine).await?;
    Ok(spark::follow::glance(book, engine.as_ref(), entry).await?)
}

async fn list(context: &Context) -> Result<Exit, CliError> {
    let book = Book::of(&context.folders);
    let mut entries = book.list()?;
    let mut unknown = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.end.is_none()) {
        let looked = context.unless_stopped(refresh(context, &book, entry)).await?;
        if let Err(error) = looked {
            unknown.push(format!("{}: {error}", entry.id));
        }
    }
    if context.global.json {
        let rows: Vec<serde_json::Value> = entries.iter().map(row).collect();
        answer!("{}", serde_json::to_string(&rows).expect("rows of text are JSON"));
    } else if entries.is_empty() {
        talk!("no jobs yet: `hydrant topics fit --engine spark --on sagemaker` begins one");
    }
    for entry in entries.iter().filter(|_| !context.global.json) {
        let sign = match entry.state() {
            "done" => style::good("●"),
            "failed" => style::bad("✗"),
            "cancelled" => style::faint("○"),
            _ => style::warn("◐"),
        };
        let cost = entry.cost.map_or_else(|| "?".to_owned(), |cost| format!("{cost:.2}"));
        answer!(
            "{sign} {} {:<14} {:<9} {} ${cost:<6} {}",
            strong(&entry.id),
            entry.engine.name(),
            entry.state(),
            entry.begun.strftime("%F %H:%M UTC"),
            safe(entry.about()),
        );
        // Words that say what to do next stand under the stage, which says where it was.
        if entry.end.is_none() && entry.stage.is_some() && entry.words != "it runs" {
            answer!("  {}", style::faint(safe(&entry.words)));
        }
    }
    for why in &unknown {
        talk!("{} {}", style::warn("not asked:"), safe(why));
    }
    Ok(if unknown.is_empty() { Exit::Done } else { Exit::Partly })
}

fn row(entry: &Entry) -> serde_json::Value {
    let why = match &entry.end {
        Some(End { how: How::Failed(why), .. }) => Some(why),
        _ => None,
    };
    serde_json::json!({
        "id": entry.id, "engine": entry.engine, "state": entry.state(), "begun": entry.begun,
        "ended": entry.end.as_ref().map(|end| end.at), "stage": entry.stage, "words": entry.words,
        "cost_usd": entry.cost, "why": why, "handle": entry.handle, "out": entry.job.out,
    })
}

async fn follow(context: &Context, id: &str) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let book = Book::of(&context.folders);
    let mut entry = book.find(id)?;
    match &entry.end {
        None => {
            let engine = engine(context, entry.engine).await?;
            let results = go_along(context, &book, engine.as_ref(), &mut entry).await?;
            show_results(context, &results);
            Ok(Exit::Done)
        }
        Some(End { how: How::Done, .. }) => {
            talk!("{} is done: its results are in {}", entry.id, entry.job.out.display());
            Ok(Exit::Done)
        }
        Some(End { how: How::Cancelled, .. }) => {
            Err(SparkError::Cancelled(format!("{} was ended before its end", entry.id)).into())
        }
        Some(End { how: How::Failed(why), .. }) => {
            let log = format!("shown by `hydrant jobs logs {}`", entry.id);
            Err(SparkError::Failed { why: why.clone(), log }.into())
        }
    }
}

async fn cancel(context: &Context, id: &str) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let book = Book::of(&context.folders);
    let mut entry = book.find(id)?;
    if entry.end.is_some() {
        talk!("{} has ended already: it is {}", entry.id, entry.state());
        return Ok(Exit::Done);
    }
    let engine = engine(context, entry.engine).await?;
    context.unless_stopped(spark::follow::cancel(&book, engine.as_ref(), &mut entry)).await??;
    if context.global.json {
        answer!("{}", row(&entry));
    } else {
        talk!("{} is cancelled", entry.id);
    }
    Ok(Exit::Done)
}

impl Logs {
    async fn show(self, context: &Context) -> Result<Exit, CliError> {
        let entry = Book::of(&context.folders).find(&self.one.id)?;
        let handle = entry.handle.clone().ok_or_else(|| SparkError::NoLog(entry.id.clone()))?;
        let engine = engine(context, entry.engine).await?;
        let (group, streams) = match engine.attach(&entry.job, &handle).await?.log() {
            Log::Group { group, streams } => (group, streams),
            Log::Files(files) => {
                // What a pager or `tail -f` shows better than hydrant would.
                for file in files.iter().filter(|file| file.exists()) {
                    let read = tokio::fs::read(file).await;
                    let text = read.map_err(|source| CliError::Io {
                        what: format!("read {}", file.display()),
                        source,
                    })?;
                    String::from_utf8_lossy(&text).lines().for_each(|line| answer!("{}", safe(line)));
                }
                return Ok(Exit::Done);
            }
            Log::Address(address) => {
                answer!("{}", safe(address));
                return Ok(Exit::Done);
            }
        };
        let cloud = context.cloud().await?;
        let follow = if self.follow { Follow::Poll } else { Follow::No };
        let request = Request { groups: vec![group.clone()], since: entry.begun, pattern: None, follow };
        let json = context.global.json;
        let told = |told| {
            let Told::Events(events) = told else { return };
            for event in events.iter().filter(|event| event.stream.starts_with(&streams)) {
                if json {
                    let line = serde_json::json!({ "at": event.at, "stream": &*event.stream, "message": event.message });
                    answer!("{line}");
                } else {
                    answer!("{}", safe(event.message.trim_end()));
                }
            }
        };
        match tail(&cloud, &request, &context.stop, told).await? {
            Ending::Whole => Ok(Exit::Done),
            Ending::Stopped => Ok(Exit::Interrupted),
            Ending::Gone => Err(LogsError::NoGroup(group).into()),
        }
    }
}
