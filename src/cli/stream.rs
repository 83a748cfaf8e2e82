//! `hydrant stream`: posts in, records out; here, in the background, and watched.

mod assemble;
mod rules;
mod shown;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::host::OnHost;
use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::host::recipe::{handed_on, must_name_no_file};
use crate::stream::live::{Live, State, Status};
use crate::stream::service::{Answer, Ask, Client, Place, Server};
use crate::stream::{StreamError, pipeline};
use crate::text::counted;

/// Posts in, records out
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant stream check --csv posts.csv --max 1000 --source jetstream\n  hydrant stream start --source x --to firehose\n  hydrant stream tail"
)]
pub(super) struct StreamCommand {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Posts to a CSV file on this machine, and nowhere else
    #[command(
        after_help = "Example: hydrant stream check --csv posts.csv --max 1000 --source replay:posts.jsonl.gz"
    )]
    Check(Check),
    /// The stream in the foreground, until it ends or is stopped
    #[command(
        after_help = "Example: hydrant stream run --source replay:posts.jsonl --speed 10 --to firehose"
    )]
    Run(Run),
    /// The stream in the background
    #[command(after_help = "Example: hydrant stream start --source x")]
    Start(Start),
    /// Take no more posts, deliver what waits, and end
    #[command(after_help = "Example: hydrant stream stop")]
    Stop(Where),
    /// How the stream is
    #[command(after_help = "Example: hydrant stream status --json")]
    Status(Where),
    /// Posts as they come
    #[command(after_help = "Example: hydrant stream tail --json | jq .post.text")]
    Tail(Where),
    /// X's rules: what posts the stream asks for
    Rules(rules::Rules),
}

/// Where posts come from, and what is kept of them.
#[derive(Debug, Clone, Args)]
struct Posts {
    /// x, jetstream, or replay:FILE (`-` is standard input); several files by giving it several times
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// How fast a replay plays: max, or times real time
    #[arg(long, value_name = "TIMES")]
    speed: Option<String>,
    /// A file of search terms, one a line
    #[arg(long, value_name = "FILE")]
    terms_file: Option<PathBuf>,
    /// A file of words; posts that have one are left out
    #[arg(long, value_name = "FILE")]
    unwanted: Option<PathBuf>,
}

impl Posts {
    fn settings(&self) -> Vec<(&'static str, String)> {
        let path = |path: &PathBuf| path.display().to_string();
        let mut set = Vec::new();
        if !self.source.is_empty() {
            set.push(("source", self.source.join(",")));
        }
        set.extend(self.speed.clone().map(|speed| ("speed", speed)));
        set.extend(self.terms_file.as_ref().map(|file| ("terms_file", path(file))));
        set.extend(self.unwanted.as_ref().map(|file| ("stream_unwanted_words", path(file))));
        set
    }
}

#[derive(Debug, Args)]
struct Check {
    /// The file; it is appended to
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// End after so many posts
    #[arg(long, value_name = "POSTS", value_parser = clap::value_parser!(u64).range(1..))]
    max: Option<u64>,
    #[command(flatten)]
    posts: Posts,
}

#[derive(Debug, Clone, Args)]
struct Run {
    #[command(flatten)]
    posts: Posts,
    /// firehose, csv:FILE or none; may be given several times
    #[arg(long, value_name = "SINK")]
    to: Vec<String>,
    /// End before more posts than this are read
    #[arg(long, value_name = "POSTS")]
    max_posts: Option<u32>,
    /// End before this run costs more dollars
    #[arg(long, value_name = "DOLLARS")]
    max_spend: Option<String>,
}

impl Run {
    fn settings(&self) -> Vec<(&'static str, String)> {
        let mut set = self.posts.settings();
        if !self.to.is_empty() {
            set.push(("to", self.to.join(",")));
        }
        set.extend(self.max_posts.map(|posts| ("max_posts", posts.to_string())));
        set.extend(self.max_spend.clone().map(|dollars| ("max_spend", dollars)));
        set
    }
}

#[derive(Debug, Args)]
struct Start {
    #[command(flatten)]
    run: Run,
    #[command(flatten)]
    place: Where,
}

/// On which machine.
#[derive(Debug, Clone, Copy, Args)]
struct Where {
    /// On this machine, or on the remote host
    #[arg(long, value_enum, default_value = "local", value_name = "PLACE")]
    on: On,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum On {
    Local,
    Host,
}

impl StreamCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        if let Verb::Start(start) = &self.command
            && start.place.on == On::Host
        {
            let context = context.with_settings(&start.run.settings())?;
            must_name_no_file(&context.settings)?;
            let there = OnHost::Start(handed_on(&context.settings));
            return super::host::stream(&context, there).await;
        }
        if let Some(there) = self.command.on_host() {
            return super::host::stream(&context, there).await;
        }
        match self.command {
            Verb::Check(check) => check.run(context).await,
            Verb::Run(run) => run.run(context).await,
            Verb::Start(start) => start.run(context).await,
            Verb::Stop(_) => stop(&context).await,
            Verb::Status(_) => status(&context).await,
            Verb::Tail(_) => tail(&context).await,
            Verb::Rules(rules) => rules.run(&context).await,
        }
    }
}

impl Verb {
    /// What the host is to do beside starting; `None` if it is meant for this machine.
    fn on_host(&self) -> Option<OnHost> {
        match self {
            Self::Stop(place) if place.on == On::Host => Some(OnHost::Stop),
            Self::Status(place) if place.on == On::Host => Some(OnHost::Status),
            Self::Tail(place) if place.on == On::Host => Some(OnHost::Tail),
            _ => None,
        }
    }
}

/// The service of this run's stack on this machine.
fn place(context: &Context) -> Place {
    Place::of(&context.folders, context.settings.stack.as_str())
}

impl Check {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        let mut set = self.posts.settings();
        set.push(("to", format!("csv:{}", self.csv.display())));
        let context = context.with_settings(&set)?;
        context.refuse_if_readonly(1)?;
        let live = assemble::live(&context)?;
        let plan = assemble::check(&context, self.max)?;
        let aside = plan.quarantine.path().to_owned();
        let ended = follow(pipeline::run(plan, live.clone(), context.stop.clone()), &live, &context).await;
        live.change(|status| status.state = State::Stopped);
        finish(&context, &live.status(), Some(&aside), ended)
    }
}

impl Run {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        let context = context.with_settings(&self.settings())?;
        context.refuse_if_readonly(1)?;
        let place = place(&context);
        let _lock = place.lock().map_err(StreamError::from)?;
        let live = assemble::live(&context)?;
        // Before it answers: whoever starts it is told of it, and not that it runs.
        assemble::has_its_delivery_stream(&context).await?;
        // A client's stop ends it as well as a signal's, but it is no interruption.
        let stop = context.stop.child_token();
        let server = Server::begin(place, live.clone(), stop.clone()).map_err(StreamError::from)?;
        let mut aside = None;
        let ended = match assemble::run(&context).await {
            Ok(plan) => {
                aside = Some(plan.quarantine.path().to_owned());
                let log = assemble::cloud_log(&context, &live).await;
                let ended = follow(pipeline::run(plan, live.clone(), stop), &live, &context).await;
                if let Some(log) = log {
                    log.end().await;
                }
                ended.map_err(CliError::from)
            }
            Err(error) => Err(error),
        };
        let (state, why) = match &ended {
            Ok(()) => (State::Stopped, None),
            Err(error) => (State::Failed, Some(error.to_string())),
        };
        server.end(state, why).await;
        finish(&context, &live.status(), aside.as_deref(), ended)
    }
}

/// Runs to the end, and says how it goes on a terminal.
async fn follow<T>(run: impl Future<Output = T>, live: &Live, context: &Context) -> T {
    let mut tells = tokio::time::interval(Duration::from_secs(1));
    let shows = style::is_terminal() && !context.global.json;
    tokio::pin!(run);
    loop {
        tokio::select! {
            ended = &mut run => {
                if shows {
                    style::clear_line();
                }
                return ended;
            }
            _ = tells.tick(), if shows => style::same_line(&shown::line(&live.status())),
        }
    }
}

/// The last word of a run, which kept aside what it could not use.
fn finish(
    context: &Context,
    status: &Status,
    aside: Option<&Path>,
    ended: Result<(), impl Into<CliError>>,
) -> Result<Exit, CliError> {
    if context.global.json {
        answer!("{}", shown::json(status));
    } else {
        answer!("{}", shown::summary(status));
        if let Some(file) = aside.filter(|_| status.counters.malformed > 0) {
            talk!("what could not be used is kept in {}, each with the reason", style::safe(file.display()));
        }
    }
    ended.map_err(|error| -> CliError { error.into() })?;
    Ok(if context.stop.is_cancelled() { Exit::Interrupted } else { delivered(status) })
}

/// Whether everything that was received is delivered.
fn delivered(status: &Status) -> Exit {
    if status.counters.pending > 0 { Exit::Partly } else { Exit::Done }
}

impl Start {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        let set = self.run.settings();
        let context = context.with_settings(&set)?;
        context.refuse_if_readonly(1)?;
        // What is wrong with the settings is better said here than in a log.
        assemble::live(&context)?;
        let started = place(&context).start(&context.settings).await.map_err(StreamError::from)?;
        let log = place(&context).log().display().to_string();
        if context.global.json {
            answer!("{}", shown::json(&started));
        } else if let Some(pid) = started.pid {
            answer!("the stream runs in the background (process {pid}); its log is {log}");
        } else {
            answer!("the stream has come to its end already: {}; its log is {log}", shown::summary(&started));
        }
        Ok(if started.pid.is_some() { Exit::Done } else { delivered(&started) })
    }
}

async fn stop(context: &Context) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let mut client = Client::connect(&place(context)).await.map_err(StreamError::from)?;
    client.ask(Ask::Stop).await.map_err(StreamError::from)?;
    let mut last: Option<Status> = None;
    let patience = context.stop.clone();
    loop {
        let answered = tokio::select! {
            answered = client.next() => answered,
            () = patience.cancelled() => {
                talk!("hydrant: the stream goes on stopping by itself");
                return Ok(Exit::Interrupted);
            }
        };
        match answered.map_err(StreamError::from)? {
            Some(Answer::Status(status)) => {
                if style::is_terminal() && !context.global.json {
                    style::same_line(&shown::line(&status));
                }
                last = Some(*status);
            }
            Some(_) => {}
            None => break,
        }
    }
    if style::is_terminal() && !context.global.json {
        style::clear_line();
    }
    let status = last.unwrap_or_default();
    let waits = match status.counters.pending {
        0 => "everything is delivered".to_owned(),
        pending => format!("{} for the next start", counted(pending, "post waits", "posts wait")),
    };
    if context.global.json {
        answer!("{}", shown::json(&status));
    } else if status.state != State::Failed {
        answer!("the stream is stopped; {waits}");
    }
    if status.state == State::Failed {
        let why = status.last_error.unwrap_or_else(|| "it does not say why".to_owned());
        return Err(StreamError::Failed(format!("{why}; of what is kept, {waits}")).into());
    }
    Ok(delivered(&status))
}

async fn status(context: &Context) -> Result<Exit, CliError> {
    let status = place(context)
        .status(Place::pending(&context.folders, context.settings.stack.as_str()))
        .await
        .map_err(StreamError::from)?;
    if context.global.json {
        answer!("{}", shown::json(&status));
    } else {
        for line in shown::all(&status) {
            answer!("{line}");
        }
    }
    Ok(if status.state == State::Failed { Exit::Partly } else { Exit::Done })
}

async fn tail(context: &Context) -> Result<Exit, CliError> {
    let mut client = Client::connect(&place(context)).await.map_err(StreamError::from)?;
    client.ask(Ask::Tail).await.map_err(StreamError::from)?;
    let mut last: Option<Status> = None;
    loop {
        let answered = tokio::select! {
            answered = client.next() => answered,
            () = context.stop.cancelled() => return Ok(Exit::Interrupted),
        };
        let Some(answered) = answered.map_err(StreamError::from)? else { return Ok(Exit::Done) };
        if context.global.json {
            let written = writes(&serde_json::to_string(&answered).expect("an answer is JSON"));
            if !written {
                return Ok(Exit::Done);
            }
            continue;
        }
        let written = match &answered {
            Answer::Post(post) => writes(&shown::post(post)),
            Answer::Skipped(count) => {
                talk!(
                    "{}",
                    style::warn(format!(
                        "{} left out: they came faster than they are read",
                        counted(count, "post was", "posts were")
                    ))
                );
                true
            }
            Answer::Status(status) => {
                let changed = last
                    .as_ref()
                    .is_none_or(|last| last.counters != status.counters || last.state != status.state);
                if changed && style::is_terminal() {
                    talk!("{}", style::faint(shown::line(status)));
                }
                last = Some((**status).clone());
                true
            }
        };
        if !written {
            return Ok(Exit::Done);
        }
    }
}

/// Writes a line; `false` when nobody reads any more.
fn writes(line: &str) -> bool {
    style::answer_piece(format!("{line}\n").as_bytes()).is_ok()
}
