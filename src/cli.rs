//! The command line: one file per group of commands. It parses, asks, prints, and gives exit codes; the work is done
//! in the rooms.
//!
//! Standard output is the answer, standard error is talk. With `--json`, standard output holds JSON and nothing else.

mod combine;
mod config;
mod console;
mod doctor;
mod extras;
mod host;
mod jobs;
mod lake;
mod logging;
mod logs;
mod notebook;
#[cfg(feature = "sandbox")]
mod sandbox;
mod stack;
mod stream;
mod style;
mod topics;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tokio_util::sync::CancellationToken;

use crate::cloud::{Cloud, CloudError, Terms};
use crate::host::HostError;
use crate::lake::LakeError;
use crate::settings::{Folders, Layers, Settings, SettingsError, Sources};
use crate::spark::SparkError;
use crate::stack::graph::Part;
use crate::stack::{LockError, StackError};
use crate::stream::StreamError;
use crate::topics::TopicsError;
use style::talk;

/// So many cells of an argument are repeated at most.
const LONGEST_SHOWN: usize = 200;

/// How a command ended, as its exit code says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: wrong usage or settings.
    Usage,
    /// 3: done in part, or a difference was found.
    Partly,
    /// 130: interrupted.
    Interrupted,
    /// That of a command that was run for the operator.
    Other(u8),
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
            Exit::Interrupted => 130,
            Exit::Other(code) => code,
        })
    }
}

/// Why a command could not do its work: one sentence, and a chain of causes for `-v`.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(transparent)]
    Cloud(#[from] CloudError),
    #[error(transparent)]
    Stack(#[from] StackError),
    #[error(transparent)]
    Lake(#[from] LakeError),
    #[error(transparent)]
    Stream(#[from] StreamError),
    #[cfg(feature = "sandbox")]
    #[error(transparent)]
    Sandbox(#[from] crate::sandbox::SandboxError),
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Host(#[from] crate::host::HostError),
    #[error(transparent)]
    Logs(#[from] crate::logs::LogsError),
    #[error(transparent)]
    Topics(#[from] TopicsError),
    #[error(transparent)]
    Spark(#[from] SparkError),
    #[error("this run is read-only (--readonly), and that would change or make something: nothing was done")]
    Readonly,
    #[error("{0}")]
    Usage(String),
    #[error("cannot {what}")]
    Io {
        what: String,
        #[source]
        source: std::io::Error,
    },
}

impl CliError {
    fn exit(&self) -> Exit {
        match self {
            Self::Settings(_)
            | Self::Usage(_)
            | Self::Cloud(CloudError::NoRegion)
            | Self::Host(
                HostError::Cloud(CloudError::NoRegion)
                | HostError::NoAddress
                | HostError::BadAddress(_)
                | HostError::OtherLimits(_)
                | HostError::Settings(_),
            )
            | Self::Topics(TopicsError::BadNumberOfTopics(_) | TopicsError::BadParameter { .. }) => {
                Exit::Usage
            }
            Self::Spark(
                SparkError::NotSet { .. } | SparkError::NotInABucket { .. } | SparkError::NoImage(_),
            ) => Exit::Usage,
            Self::Lake(error) if error.is_of_usage() => Exit::Usage,
            _ if self.is_interruption() => Exit::Interrupted,
            _ => Exit::Failed,
        }
    }

    /// Whether the operator asked for the end of it.
    fn is_interruption(&self) -> bool {
        match self {
            Self::Stack(StackError::Interrupted) => true,
            Self::Host(error) => error.is_interruption(),
            Self::Lake(error) => error.is_interruption(),
            Self::Topics(error) => error.is_interruption(),
            Self::Spark(error) => error.is_interruption(),
            _ => false,
        }
    }
}

/// A terminal console for social-stream-to-topics pipelines on AWS.
#[derive(Debug, Parser)]
#[command(name = "hydrant", version, about, max_term_width = 100)]
#[command(
    after_help = "Settings come from flags, the environment, .env, hydrant.toml and defaults, in that order; `hydrant config` shows them.\nExample: hydrant sandbox    (the console over a cloud of this machine: no account, no money)"
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options that every command takes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Settings file, instead of the hydrant.toml found upwards
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// AWS profile to sign in with
    #[arg(long, global = true, value_name = "NAME")]
    profile: Option<String>,
    /// AWS region
    #[arg(long, global = true, value_name = "NAME")]
    region: Option<String>,
    /// Where AWS calls go instead of AWS
    #[arg(long, global = true, value_name = "URL")]
    endpoint_url: Option<String>,
    /// Stack to work on
    #[arg(long, global = true, value_name = "NAME")]
    stack: Option<String>,
    /// Any setting, as in hydrant.toml; may be given several times
    #[arg(long, global = true, value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// JSON on standard output, and nothing else there
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not ask before what cannot be undone
    #[arg(long, global = true)]
    pub(crate) yes: bool,
    /// Change nothing in AWS, at X or on the host; make no results here
    #[arg(long, global = true)]
    readonly: bool,
    /// More talk: causes of errors and calls made; twice, every call
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Colour on a terminal, always or never
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open the console (what hydrant does without a command)
    Console(console::Console),
    /// Create what is missing of the stack and mend what differs
    Up(stack::Up),
    /// Tear the stack down and prove that nothing is left
    Down(stack::Down),
    /// Show the stack's state, drift and cost
    Status(stack::Status),
    /// The SageMaker notebook: make it, open it, tear it down
    Notebook(notebook::NotebookCommand),
    /// Browse the lake: hourly folders and their files
    Lake(lake::LakeCommand),
    /// Combine hourly folders into one file each
    Combine(combine::Combine),
    /// Posts in, records out: from X, Bluesky or files to Firehose and CSV
    Stream(stream::StreamCommand),
    /// The remote host over ssh: make it ready, look at it, run things on it
    Host(host::Host),
    /// Tail CloudWatch log groups, or list them
    Logs(logs::Logs),
    /// Run an embedded cloud on this machine, with the console over it: no account, no money
    #[cfg(feature = "sandbox")]
    Sandbox(sandbox::SandboxCommand),
    /// Topic models: fit, look at, predict
    Topics(topics::Topics),
    /// Jobs on Spark: what runs and what has ended, wherever it was begun from this machine
    Jobs(jobs::Jobs),
    /// Check settings, credentials, permissions, clock, ssh and disk
    Doctor(doctor::Doctor),
    /// Show the settings and where each came from
    Config(config::Config),
    /// Print shell completions
    Completions(extras::Completions),
    /// Print the manual page
    Man(extras::Man),
}

/// What a command needs beside its own arguments.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) global: Global,
    pub(crate) settings: Settings,
    pub(crate) layers: Layers,
    pub(crate) folders: Folders,
    pub(crate) stop: CancellationToken,
}

impl Context {
    pub(crate) fn new(global: Global, stop: CancellationToken) -> Result<Self, CliError> {
        let no_home = || CliError::Usage("there is no home folder: set HOME".to_owned());
        let folders = Folders::of_user().ok_or_else(no_home)?;
        let working_folder = std::env::current_dir()
            .map_err(|source| CliError::Io { what: "see the working folder".into(), source })?;
        let sources = Sources {
            flags: global.flags()?,
            // A variable that is not Unicode is none of hydrant's.
            environment: std::env::vars_os()
                .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
                .collect(),
            working_folder,
            config_folder: folders.config.clone(),
            config_file: global.config.clone(),
        };
        let layers = Layers::read(&sources)?;
        let settings = Settings::from_layers(&layers)?;
        Ok(Self { global, settings, layers, folders, stop })
    }

    /// The same run with settings that beat all others.
    pub(crate) fn with_settings(mut self, settings: &[(&str, String)]) -> Result<Self, CliError> {
        self.global.set.extend(settings.iter().map(|(key, value)| format!("{key}={value}")));
        Self::new(self.global, self.stop)
    }

    /// Ends a read-only run that has something to do before it writes anything, on this machine or elsewhere. The
    /// clients would refuse every change as well.
    pub(crate) fn refuse_if_readonly(&self, to_do: usize) -> Result<(), CliError> {
        if self.global.readonly && to_do > 0 { Err(CliError::Readonly) } else { Ok(()) }
    }

    /// Does what changes nothing, and gives it up at once when the operator asks to stop.
    pub(crate) async fn unless_stopped<T>(&self, looking: impl Future<Output = T>) -> Result<T, CliError> {
        tokio::select! {
            found = looking => Ok(found),
            () = self.stop.cancelled() => Err(StackError::Interrupted.into()),
        }
    }

    /// The clients, on this run's terms.
    pub(crate) async fn cloud(&self) -> Result<Cloud, CliError> {
        let changes = self.folders.state.join("changes.jsonl");
        Ok(Cloud::connect(&self.settings, Terms { readonly: self.global.readonly, changes: Some(changes) })
            .await?)
    }
}

impl Global {
    /// Whether colours were declined on the command line.
    pub(crate) fn is_colourless(&self) -> bool {
        self.color == Color::Never
    }

    fn flags(&self) -> Result<Vec<(String, String)>, SettingsError> {
        let own = [
            ("profile", &self.profile),
            ("region", &self.region),
            ("endpoint_url", &self.endpoint_url),
            ("stack", &self.stack),
        ];
        let mut flags: Vec<(String, String)> =
            own.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value.clone()?))).collect();
        for pair in &self.set {
            let (key, value) = pair.split_once('=').ok_or_else(|| SettingsError::BadFlag(pair.clone()))?;
            flags.push((key.to_owned(), value.to_owned()));
        }
        Ok(flags)
    }
}

/// What the console hands to other threads has as much room there as a command has on the main one: unoptimised, a call
/// of AWS deep within a change of the stack takes more than the usual 2 MiB. What is not used costs nothing.
const STACK: usize = 8 << 20;

/// Runs the command that the arguments say, to the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let parsed = Cli::command().try_get_matches_from(&arguments);
    let parsed = parsed.and_then(|found| {
        let cli = Cli::from_arg_matches(&found).map_err(|error| error.format(&mut Cli::command()))?;
        Ok((name_of(&found), cli))
    });
    let (name, cli) = match parsed {
        Ok(parsed) => parsed,
        Err(error) => return refused(&error, &arguments).into(),
    };
    style::choose(cli.global.color == Color::Always, cli.global.color == Color::Never);
    let verbose = cli.global.verbose;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.enable_all().thread_stack_size(STACK).build() {
        Ok(runtime) => runtime,
        Err(source) => return complain(&CliError::Io { what: "start".into(), source }, verbose).into(),
    };
    let exit = runtime.block_on(dispatch(cli, &name)).unwrap_or_else(|error| complain(&error, verbose));
    let exit = match style::unwritten() {
        Some(source) if matches!(exit, Exit::Done | Exit::Partly) => complain(&unwritten(source), verbose),
        _ => exit,
    };
    // A task that is still in a system call must not hold up the answer.
    runtime.shutdown_background();
    exit.into()
}

/// The command's name, without its arguments: `host run`.
fn name_of(found: &ArgMatches) -> String {
    let names = std::iter::successors(found.subcommand(), |(_, found)| found.subcommand());
    names.map(|(name, _)| name).collect::<Vec<_>>().join(" ")
}

/// What the parser says of arguments that it does not take, or of help that was asked for.
fn refused(error: &clap::Error, arguments: &[OsString]) -> Exit {
    // Help and version are answers; clap prints them where they belong.
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return match error.print() {
            Err(source) if source.kind() != std::io::ErrorKind::BrokenPipe => complain(&unwritten(source), 0),
            _ => Exit::Done,
        };
    }
    // It repeats what it does not take: the same is said of what is safe to show.
    let shown = arguments.iter().map(|argument| {
        let text = style::safe(argument.to_string_lossy());
        crate::text::fit(&text, LONGEST_SHOWN, "…").into_owned()
    });
    drop(Cli::try_parse_from(shown).err().as_ref().unwrap_or(error).print());
    Exit::Usage
}

fn unwritten(source: std::io::Error) -> CliError {
    CliError::Io { what: "write the answer".to_owned(), source }
}

async fn dispatch(cli: Cli, name: &str) -> Result<Exit, CliError> {
    let command = cli.command.unwrap_or(Command::Console(console::Console {}));
    match command {
        Command::Completions(completions) => return Ok(completions.run(&mut Cli::command())),
        Command::Man(_) => return extras::man(&Cli::command()),
        _ => {}
    }
    let context = Context::new(cli.global, stop_on_signals())?;
    let _log = logging::start(&context.folders, context.global.verbose);
    // Not its arguments, in which there may be what nobody else is to read.
    tracing::info!(version = env!("CARGO_PKG_VERSION"), command = name, "started");
    let result = match command {
        Command::Console(console) => console.run(context).await,
        Command::Up(up) => up.run(Part::Pipeline, context).await,
        Command::Down(down) => down.run(Part::Pipeline, context).await,
        Command::Status(status) => status.run(Part::Pipeline, context).await,
        Command::Notebook(notebook) => notebook.run(context).await,
        Command::Lake(lake) => lake.run(context).await,
        Command::Combine(combine) => combine.run(context).await,
        Command::Stream(stream) => stream.run(context).await,
        Command::Host(host) => host.run(context).await,
        Command::Logs(logs) => logs.run(context).await,
        #[cfg(feature = "sandbox")]
        Command::Sandbox(sandbox) => sandbox.run(context).await,
        Command::Topics(topics) => topics.run(context).await,
        Command::Jobs(jobs) => jobs.run(context).await,
        Command::Doctor(doctor) => doctor.run(context).await,
        Command::Config(config) => config.run(&context),
        Command::Completions(_) | Command::Man(_) => Ok(Exit::Done),
    };
    match &result {
        Ok(exit) => tracing::info!(?exit, "ended"),
        Err(error) => tracing::error!(%error, "ended"),
    }
    result
}

/// The first Ctrl+C or SIGTERM asks for a stop at a safe point; the second ends the process where it is, which the
/// journal makes safe too.
fn stop_on_signals() -> CancellationToken {
    let stop = CancellationToken::new();
    let asked = stop.clone();
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        let mut again = false;
        loop {
            tokio::select! {
                _ = interrupt.recv() => {
                    if crate::console::terminal::is_lent() {
                        continue;
                    }
                }
                _ = terminate.recv() => {}
            }
            if again {
                std::process::exit(130);
            }
            again = true;
            talk!("hydrant: stopping at a safe point; once more to stop at once");
            asked.cancel();
        }
    });
    stop
}

/// One sentence on standard error, and with `-v` the causes under it.
fn complain(error: &CliError, verbose: u8) -> Exit {
    let (sentence, causes) = told(error, verbose > 0);
    talk!("{} {sentence}", style::bad("hydrant:"));
    for cause in causes {
        talk!("  because: {cause}");
    }
    error.exit()
}

/// A failure in one sentence, and the way to it for those who ask.
fn told(error: &dyn std::error::Error, verbose: bool) -> (String, Vec<String>) {
    let causes = || std::iter::successors(error.source(), |cause| cause.source());
    let mut sentence = style::safe(error);
    // The system's own reason belongs to the sentence.
    for reason in causes().filter_map(|cause| cause.downcast_ref::<std::io::Error>()).map(system_words) {
        if !sentence.contains(&reason) {
            sentence = format!("{sentence} ({reason})");
        }
    }
    if !verbose {
        return (without_numbers(&sentence), Vec::new());
    }
    let mut said = Vec::new();
    for text in causes().map(style::safe) {
        if said.last() != Some(&text) && text != sentence {
            said.push(text);
        }
    }
    (sentence, said)
}

/// Why the system refused, as people say it.
fn system_words(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::InvalidData if error.to_string().ends_with("valid UTF-8") => {
            "it is not UTF-8: save it as text in UTF-8".to_owned()
        }
        _ => style::safe(error),
    }
}

/// The sentence without the numbers of the system's errors: their words are there too.
fn without_numbers(sentence: &str) -> String {
    const BEGINS: &str = " (os error ";
    let mut parts = sentence.split(BEGINS);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(')') {
        Some((number, rest)) if number.bytes().all(|digit| digit.is_ascii_digit()) => text + rest,
        _ => text + BEGINS + part,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_shows_an_example() {
        fn check(command: &clap::Command, name: &str) {
            let shown = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(shown.contains("Example"), "{name}: {shown}");
            for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
                check(command, &format!("{name} {}", command.get_name()));
            }
        }
        check(&Cli::command(), "hydrant");
    }

    #[test]
    fn what_was_stopped_as_asked_is_no_failure_wherever_it_was() {
        let lake = || LakeError::Interrupted;
        let all: [CliError; 6] = [
            lake().into(),
            TopicsError::from(lake()).into(),
            SparkError::from(lake()).into(),
            SparkError::from(TopicsError::from(lake())).into(),
            HostError::from(StackError::Interrupted).into(),
            StackError::Interrupted.into(),
        ];
        for error in all {
            assert_eq!(error.exit(), Exit::Interrupted, "{error:?}");
        }
        assert_eq!(CliError::Readonly.exit(), Exit::Failed);
    }

    #[test]
    fn a_failure_is_one_sentence_with_the_systems_reason_in_it_once() {
        let error = || std::io::Error::from_raw_os_error(2);
        let bare = CliError::Io { what: "open x.csv".into(), source: error() };
        assert_eq!(told(&bare, false).0, "cannot open x.csv (No such file or directory)");
        let with_reason = CliError::Lake(LakeError::io("read", std::path::Path::new("x.csv"), error()));
        assert_eq!(told(&with_reason, false).0, "cannot read x.csv: No such file or directory");
        assert_eq!(told(&with_reason, false).1, Vec::<String>::new());
        let (sentence, causes) = told(&bare, true);
        assert!(sentence.contains("(os error 2)"), "{sentence}");
        assert_eq!(causes, ["No such file or directory (os error 2)"]);
        let binary =
            std::fs::read_to_string(std::env::current_exe().expect("this program")).expect_err("not text");
        let binary = CliError::Io { what: "read hydrant.toml".into(), source: binary };
        assert_eq!(
            told(&binary, false).0,
            "cannot read hydrant.toml (it is not UTF-8: save it as text in UTF-8)"
        );
        assert_eq!(without_numbers("a (os error x) b (os error 7)"), "a (os error x) b");
    }
}
