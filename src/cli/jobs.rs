//! `hydrant jobs`: the jobs on Spark that were begun from this machine, wherever they run.

use super::style::{answer, safe, strong, talk};
use super::topics::{cloud_for, show_model};
use super::{CliError, Context, Exit, logs, style};
use crate::cloud::Cloud;
use crate::lake::Place;
use crate::logs::{Ending, Follow, LogsError, PATIENCE, Request, Told, tail};
use crate::progress::{Progress, Report};
use crate::settings::EngineName;
use crate::spark::plan::Plan;
use crate::spark::{
    self, Book, Desk, End, Engine, Entry, How, Job, Log, LogLine, OnStop, Results, Run, SparkError, Work,
};
use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

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
    #[command(after_help = "Example: hydrant jobs list --json")]
    List,
    /// Go along with a job to its end, and bring its results
    #[command(after_help = "Example: hydrant jobs follow 3f9a")]
    Follow(One),
    /// End a job where it runs
    #[command(after_help = "Example: hydrant jobs cancel 3f9a")]
    Cancel(One),
    /// Show the log of a job
    Logs(Logs),
}

#[derive(Debug, Args)]
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
    /// Go on with what comes in, until the job has ended
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

/// Takes a fit to its end, or goes along with it if it runs already; of one whose model was only not sent yet, sends it.
pub(super) async fn fit_by(context: &Context, engine: &dyn Engine, job: Job) -> Result<Exit, CliError> {
    let book = Book::of(&context.folders);
    // Before anything is paid for: who cannot sign in could not send the model either.
    let cloud = cloud_for(context, &job.model).await?;
    let mut entry = book.begin(engine.name(), job)?;
    if entry.end.is_some() {
        return send(context, (&book, &mut entry), cloud.as_ref()).await;
    }
    let results = go_along(context, &book, engine, &mut entry).await?;
    fitted(context, (&book, &mut entry), results, cloud.as_ref()).await
}

/// The end of a fit: its model is where it belongs, and shown.
async fn fitted(
    context: &Context,
    job: (&Book, &mut Entry),
    results: Results,
    cloud: Option<&Cloud>,
) -> Result<Exit, CliError> {
    let described = spark::topics::wind_up(job, results, cloud, &progress(context), &context.stop).await?;
    show_model(context, &described);
    Ok(Exit::Done)
}

/// Sends the model of a job that is done.
async fn send(
    context: &Context,
    (book, entry): (&Book, &mut Entry),
    cloud: Option<&Cloud>,
) -> Result<Exit, CliError> {
    talk!("{} is done: its model goes to {} now", entry.id, safe(entry.job.place()));
    let described = spark::topics::send((book, entry), cloud, &progress(context), &context.stop).await?;
    show_model(context, &described);
    Ok(Exit::Done)
}

/// Takes a job of the book to its end.
pub(super) async fn go_along(
    context: &Context,
    book: &Book,
    engine: &dyn Engine,
    entry: &mut Entry,
) -> Result<Results, SparkError> {
    let progress = progress(context);
    // One on this machine has it to itself; one elsewhere is found again.
    let on_stop = if engine.name() == EngineName::Local { OnStop::Cancel } else { OnStop::Leave };
    let results = spark::see_through(book, engine, entry, &progress, (&context.stop, on_stop)).await?;
    if let Some(cost) = entry.cost.filter(|cost| *cost > 0.0 && !context.global.json) {
        talk!("  {} it has cost about ${cost:.2}", style::faint("·"));
    }
    Ok(results)
}

/// Shows the plan of a job: it is the answer when nothing else is asked for, and talk before a job. What keeps the job
/// from being handed over is the error that whoever asked comes to next.
pub(super) fn show_job(context: &Context, plan: &Plan, hindrance: Option<&CliError>, alone: bool) {
    let lines =
        || plan.to_string().lines().map(|line| format!("  {}", safe(line))).collect::<Vec<_>>().join("\n");
    match (alone, context.global.json) {
        (true, true) => {
            let mut shown = serde_json::to_value(plan).expect("a plan is plain data");
            let (by_time, at_most) = plan.dollars();
            shown["usd"] = serde_json::json!(by_time);
            shown["usd_at_most"] = serde_json::json!(at_most);
            shown["advice"] = serde_json::json!(plan.advice());
            shown["hindrance"] = serde_json::json!(hindrance.map(ToString::to_string));
            answer!("{shown}");
        }
        (true, false) => answer!("{}", lines()),
        (false, false) => talk!("{}", lines()),
        (false, true) => {}
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
        "cost_usd": entry.cost, "why": why, "handle": entry.handle, "out": entry.job.place(),
    })
}

async fn follow(context: &Context, id: &str) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let book = Book::of(&context.folders);
    let mut entry = book.find(id)?;
    match &entry.end {
        None => {
            let engine = engine(context, entry.engine).await?;
            let cloud = cloud_for(context, &entry.job.model).await?;
            let came = go_along(context, &book, engine.as_ref(), &mut entry).await;
            if entry.job.work == Work::Combine {
                let results = combined_by(context, &entry.job).await?;
                let outcome = spark::combine::wind_up(&entry, came, &results).await?;
                return Ok(super::combine::end(context, &outcome, 0));
            }
            fitted(context, (&book, &mut entry), came?, cloud.as_ref()).await
        }
        Some(End { how: How::Done, .. }) if entry.is_unsent() => {
            let cloud = cloud_for(context, &entry.job.model).await?;
            send(context, (&book, &mut entry), cloud.as_ref()).await
        }
        Some(End { how: How::Done, .. }) => {
            talk!("{} is done: its results are in {}", safe(&entry.id), safe(entry.job.place()));
            if context.global.json {
                answer!("{}", row(&entry));
            }
            Ok(Exit::Done)
        }
        Some(_) => Err(entry.bad_end().expect("what has ended and is not done ended badly").into()),
    }
}

/// Where a job that combines puts its results.
async fn combined_by(context: &Context, job: &Job) -> Result<Place, CliError> {
    super::lake::place(context, spark::combine::address_of(job)).await
}

async fn cancel(context: &Context, id: &str) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let book = Book::of(&context.folders);
    let mut entry = book.find(id)?;
    if entry.end.is_some() {
        talk!("{} has ended already: it is {}", entry.id, entry.state());
        if context.global.json {
            answer!("{}", row(&entry));
        }
        return Ok(Exit::Done);
    }
    let engine = engine(context, entry.engine).await?;
    let progress = progress(context);
    let cancelled = spark::follow::cancel(&book, engine.as_ref(), &mut entry, &progress, &context.stop);
    let cancelled = context.unless_stopped(cancelled).await?;
    if entry.end.is_some() && entry.job.work == Work::Combine {
        spark::combine::clear(&entry.job, &combined_by(context, &entry.job).await?).await?;
    }
    cancelled?;
    if context.global.json {
        answer!("{}", row(&entry));
    } else {
        talk!("{} is cancelled", entry.id);
    }
    Ok(Exit::Done)
}

impl Logs {
    async fn show(self, context: &Context) -> Result<Exit, CliError> {
        let book = Book::of(&context.folders);
        let entry = book.find(&self.one.id)?;
        let handle = entry.handle.clone().ok_or_else(|| SparkError::NoLog(entry.id.clone()))?;
        let engine = engine(context, entry.engine).await?;
        let mut run = engine.attach(&entry.job, &handle).await?;
        let mut lines = match run.log() {
            Log::Group { group, streams } => {
                let job = Watched { book: &book, entry: &entry, run: run.as_mut() };
                return self.of_group(context, job, group, &streams).await;
            }
            Log::Lines { lines, .. } => lines,
        };
        let mut pace = run.pace();
        loop {
            // In this order: what is said before the end is there by then. A job that has ended is asked nothing.
            let over = !self.follow || is_over(&book, &entry, run.as_mut()).await?;
            for line in lines.news(over).await? {
                show_line(context, &line);
            }
            if over {
                return Ok(Exit::Done);
            }
            tokio::select! {
                () = tokio::time::sleep(pace.0) => pace.0 = (pace.0 * 2).min(pace.1),
                () = context.stop.cancelled() => return Ok(Exit::Interrupted),
            }
        }
    }

    async fn of_group(
        &self,
        context: &Context,
        mut job: Watched<'_>,
        group: String,
        streams: &str,
    ) -> Result<Exit, CliError> {
        let cloud = context.cloud().await?;
        let over = CancellationToken::new();
        let follow = if self.follow { Follow::Until(over.clone()) } else { Follow::No };
        let (groups, since) = (vec![group.clone()], job.entry.begun);
        let request = Request { groups, since, pattern: None, follow, patience: PATIENCE };
        let json = context.global.json;
        let told = |told| match told {
            Told::Read(_) => {}
            Told::Note(note) => logs::say(&note),
            Told::Events(events) => {
                for event in events.iter().filter(|event| event.stream.starts_with(streams)) {
                    if json {
                        let line = serde_json::json!({ "at": event.at, "stream": &*event.stream, "message": event.message });
                        answer!("{line}");
                    } else {
                        answer!("{}", safe(event.message.trim_end()));
                    }
                }
            }
        };
        let mut is_over = job.is_over().await?;
        let mut said = false;
        let ended = loop {
            let tailing = tail(&cloud, &request, &context.stop, told);
            let ended = tokio::select! {
                ended = tailing => ended,
                failed = job.until_over(&over), if self.follow => return Err(failed),
            };
            // The group comes with the first line of the first job.
            match ended {
                Err(LogsError::NoGroup(_)) if !is_over => {}
                ended => break ended?,
            }
            if !said {
                talk!("{} {} has no lines yet", style::faint("·"), job.entry.id);
                said = true;
            }
            if !self.follow {
                return Ok(Exit::Done);
            }
            tokio::select! {
                () = tokio::time::sleep(job.run.pace().0) => is_over = job.is_over().await?,
                () = context.stop.cancelled() => return Ok(Exit::Interrupted),
            }
        };
        match ended {
            Ending::Whole => Ok(Exit::Done),
            Ending::Stopped => Ok(Exit::Interrupted),
            Ending::Gone => Err(LogsError::NoGroup(group).into()),
        }
    }
}

/// A job whose log is read.
struct Watched<'a> {
    book: &'a Book,
    entry: &'a Entry,
    run: &'a mut dyn Run,
}

impl Watched<'_> {
    async fn is_over(&mut self) -> Result<bool, CliError> {
        is_over(self.book, self.entry, self.run).await
    }

    /// Says when the job is over; comes back only with what stands in the way of looking.
    async fn until_over(&mut self, over: &CancellationToken) -> CliError {
        let mut pace = self.run.pace();
        loop {
            match self.is_over().await {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return error,
            }
            tokio::time::sleep(pace.0).await;
            pace.0 = (pace.0 * 2).min(pace.1);
        }
        over.cancel();
        std::future::pending().await
    }
}

fn show_line(context: &Context, line: &LogLine) {
    match line {
        LogLine::Said { file, text } if context.global.json => {
            answer!("{}", serde_json::json!({ "stream": file, "message": text }));
        }
        LogLine::Said { text, .. } => answer!("{}", safe(text)),
        LogLine::Note(note) => talk!("{} {}", style::faint("·"), safe(note)),
    }
}

/// Whether a job has ended, by the book or by a look. A look that fails in passing says nothing.
async fn is_over(book: &Book, entry: &Entry, run: &mut dyn Run) -> Result<bool, CliError> {
    if book.find(&entry.id)?.end.is_some() {
        return Ok(true);
    }
    match run.is_over().await {
        Err(error) if error.passes() => Ok(false),
        over => Ok(over?),
    }
}
