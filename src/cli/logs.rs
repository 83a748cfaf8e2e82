//! `hydrant logs`: CloudWatch logs in a pipe or on a terminal.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use jiff::Timestamp;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::logs::line::{Folded, Level};
use crate::logs::moment::Moment;
use crate::logs::{Ending, Follow, LogEvent, LogsError, Note, PATIENCE, Request, Told, groups, own, tail};
use crate::stack::Names;
use crate::stack::graph::Kind;
use crate::text::counted;

/// Tail CloudWatch log groups, or list them
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydrant logs tail -f\n  hydrant logs groups")]
pub(super) struct Logs {
    #[command(subcommand)]
    command: LogsCommand,
}

#[derive(Debug, Subcommand)]
enum LogsCommand {
    /// Show what log groups hold, and with -f what comes in
    Tail(Tail),
    /// List the log groups of the region
    Groups(Groups),
}

#[derive(Debug, Args)]
#[command(
    after_help = "A filter pattern is CloudWatch's own: words, \"quoted words\", -without, ?either, { $.json = value }.\n\nExamples:\n  hydrant logs tail -f\n  hydrant logs tail /aws/sagemaker/NotebookInstances --since 2h --filter ERROR\n  hydrant logs tail local:hydrant --since 1d --match 'hydrant::cli: ' --json | jq .message"
)]
struct Tail {
    /// The groups; without any, the stack's own. `local:hydrant` is hydrant's own log on this machine
    #[arg(value_name = "GROUP")]
    groups: Vec<String>,
    /// Go on with what comes in, until it is stopped; on a terminal by Live Tail, which costs a cent a minute for three
    /// hours at most (into a pipe, without cost)
    #[arg(short, long)]
    follow: bool,
    /// Where to begin: so long ago (90s, 10m, 2h, 1d), or a time (2026-11-22T18:00:00Z)
    #[arg(long, default_value = "10m", value_name = "WHEN")]
    since: Moment,
    /// Only events that fit this pattern; it is applied by CloudWatch
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only lines that fit this regular expression; it is applied here
    #[arg(long = "match", value_name = "REGEX")]
    matching: Option<regex::Regex>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant logs groups /aws/sagemaker --json")]
struct Groups {
    /// Only groups whose name begins so
    #[arg(value_name = "PREFIX")]
    prefix: Option<String>,
}

impl Logs {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.command {
            LogsCommand::Tail(tail) => tail.run(context).await,
            LogsCommand::Groups(groups) => groups.run(context).await,
        }
    }
}

impl Tail {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        let since = self.since.before(Timestamp::now());
        let show = Show {
            json: context.global.json,
            several: self.groups.len() > 1,
            matching: self.matching,
            follow: self.follow,
        };
        if self.groups.iter().any(|group| group == own::NAME) {
            if self.groups.len() > 1 || self.filter.is_some() {
                let why = format!("{} is tailed alone, and filtered with --match only", own::NAME);
                return Err(CliError::Usage(why));
            }
            let folder = &context.folders.state;
            let ending = own::tail(folder, since, self.follow, &context.stop, |told| show.told(told)).await?;
            return Ok(exit(ending));
        }
        let cloud = context.cloud().await?;
        let groups = if self.groups.is_empty() {
            let identity = context.unless_stopped(cloud.identity()).await??;
            vec![Names::new(&context.settings, &identity, cloud.region()).of(Kind::LogGroup).to_owned()]
        } else {
            self.groups
        };
        // Live Tail costs by the minute: it is for somebody who looks on.
        let follow = match (self.follow, std::io::stdout().is_terminal()) {
            (false, _) => Follow::No,
            (true, true) => Follow::watch(),
            (true, false) => Follow::Poll,
        };
        let request = Request { groups, since, pattern: self.filter, follow, patience: PATIENCE };
        let ending = tail(&cloud, &request, &context.stop, |told| show.told(told)).await?;
        if ending == Ending::Gone {
            let left = request.groups.join(", ");
            return Err(LogsError::NoGroup(left).into());
        }
        Ok(exit(ending))
    }
}

fn exit(ending: Ending) -> Exit {
    match ending {
        Ending::Whole | Ending::Gone => Exit::Done,
        Ending::Stopped => Exit::Interrupted,
    }
}

/// How events are printed.
struct Show {
    json: bool,
    /// Whether there is more than one group, which is then said.
    several: bool,
    matching: Option<regex::Regex>,
    follow: bool,
}

impl Show {
    fn told(&self, told: Told) {
        match told {
            Told::Events(events) => {
                for event in events {
                    if self.matching.as_ref().is_none_or(|regex| regex.is_match(&event.message)) {
                        self.event(&event);
                    }
                }
            }
            Told::Read(_) => {}
            Told::Note(note) => say(&note),
        }
    }

    fn event(&self, event: &LogEvent) {
        let level = Level::of(&event.message);
        if self.json {
            let line = serde_json::json!({
                "timestamp": event.at,
                "ingested": event.ingested,
                "group": event.group.as_ref(),
                "stream": event.stream.as_ref(),
                "level": (level != Level::Unknown).then_some(level),
                "late": event.is_late,
                "message": event.message,
            });
            answer!("{line}");
            return;
        }
        let time = event.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let stream = style::safe(&event.stream);
        let source = if self.several { format!("{}/{stream}", style::safe(&event.group)) } else { stream };
        let late = if event.is_late && self.follow { style::warn("late ") } else { String::new() };
        answer!("{} {} {late}{}", style::faint(time), style::faint(source), painted(&event.message, level));
    }
}

/// Says how the reading goes. What is usual is not worth a word; what costs is.
pub(super) fn say(note: &Note) {
    match note {
        Note::CaughtUp => {}
        Note::Polling(why) => tracing::info!(why, "no live tail"),
        note => talk!("{} {}", style::warn("hydrant:"), style::safe(note)),
    }
}

/// A message in one line, in the colour of its level; JSON folded to what it says and its fields.
fn painted(message: &str, level: Level) -> String {
    let text = match Folded::of(message) {
        Some(folded) => {
            let fields = folded.fields.iter().map(|(name, value)| format!("{name}={value}"));
            let text = (!folded.text.is_empty()).then(|| folded.text.clone());
            style::safe(text.into_iter().chain(fields).collect::<Vec<_>>().join("  "))
        }
        None => style::safe(message.trim_end()),
    };
    match level {
        Level::Error => style::bad(text),
        Level::Warn => style::warn(text),
        Level::Debug => style::faint(text),
        Level::Info | Level::Unknown => text,
    }
}

impl Groups {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        let cloud = context.cloud().await?;
        let groups = context.unless_stopped(groups(&cloud, self.prefix.as_deref())).await??;
        if context.global.json {
            answer!("{}", serde_json::to_string(&groups).expect("names and numbers are JSON"));
            return Ok(Exit::Done);
        }
        for group in &groups {
            let kept =
                group.retention_days.map_or("for ever".to_owned(), |days| counted(days, "day", "days"));
            answer!("{:>14}  {kept:>9}  {}", group.bytes, style::safe(&group.name));
        }
        if groups.is_empty() {
            talk!("hydrant: there is no log group here; `hydrant up` makes the stack's");
        }
        Ok(Exit::Done)
    }
}

#[cfg(test)]
mod tests {
    use clap::Command;

    use super::*;

    #[test]
    fn the_examples_pattern_fits_what_every_command_writes() {
        let logs = Logs::augment_args(Command::new("logs"));
        let help = logs.find_subcommand("tail").and_then(Command::get_after_help).expect("help").to_string();
        let pattern =
            help.split("--match '").nth(1).and_then(|rest| rest.split('\'').next()).expect("a pattern");
        let pattern = regex::Regex::new(pattern).expect("a regular expression");
        // As the subscriber writes it: where a command is said to start is one up from here.
        let module = module_path!().trim_end_matches("::logs::tests");
        assert!(
            pattern.is_match(&format!("INFO {module}: started version=\"1\" command=\"up\"")),
            "{pattern}"
        );
    }
}
