//! `hydrant host`: the remote host over ssh.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::host::facts::Facts;
use crate::host::output::{Order, word};
use crate::host::recipe::Recipe;
use crate::host::service::{self, Waits};
use crate::host::task::{Done, Mode, State};
use crate::host::{self, Host as Remote};
use crate::progress::{Phase, Progress, Report};
use crate::text::count;

/// The remote host over ssh: make it ready, look at it, run things on it
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  hydrant host provision\n  hydrant host run -- df -h")]
pub(super) struct Host {
    #[command(subcommand)]
    command: HostCommand,
}

#[derive(Debug, Subcommand)]
enum HostCommand {
    /// Make the host what it should be; what is so already is left alone
    Provision(Provision),
    /// Show what the host is and whether its service runs
    Status(Status),
    /// Run a command on the host; its exit code is ours
    Run(Run),
    /// Open a shell on the host
    Shell(Shell),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant host provision --check\n  hydrant host provision --host-binary target/aarch64-unknown-linux-gnu/release/hydrant"
)]
struct Provision {
    /// Show what would be changed, and change nothing
    #[arg(long)]
    check: bool,
    /// The hydrant program for the host, where this one does not run there
    #[arg(long, value_name = "FILE")]
    host_binary: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant host status --json")]
struct Status {}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant host run -- df -h")]
struct Run {
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "CMD")]
    command: Vec<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant host shell")]
struct Shell {}

impl Host {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.command {
            HostCommand::Provision(provision) => provision.run(context).await,
            HostCommand::Status(_) => status(context).await,
            HostCommand::Run(run) => run.run(context).await,
            HostCommand::Shell(_) => shell(context).await,
        }
    }
}

/// Finds the host and connects, waiting so long for one that boots.
async fn connect(context: &Context, patience: Duration) -> Result<Remote, CliError> {
    let stop = context.stop.clone();
    Ok(host::connect(&context.settings, &context.folders, patience, progress(context), stop).await?)
}

fn progress(context: &Context) -> Progress {
    let json = context.global.json;
    Progress::to(move |report| say(&report, json))
}

fn say(report: &Report, json: bool) {
    if json {
        answer!("{}", serde_json::to_string(report).expect("plain data is JSON"));
        return;
    }
    let sign = match report.phase {
        Phase::Acting => style::faint("·"),
        Phase::Waiting => style::warn("◐"),
        Phase::Done => style::good("●"),
        Phase::Failed => style::bad("✗"),
        Phase::Skipped => style::faint("–"),
    };
    talk!("  {sign} {:<12} {}", style::safe(&report.name), style::safe(&report.text));
}

impl Provision {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        if !self.check {
            context.refuse_if_readonly(1)?;
        }
        let region = context.cloud().await?.region().to_string();
        let recipe = Recipe::wanted(&context.settings, &region, self.host_binary)?;
        let host = connect(&context, host::BOOTING).await?;
        let result = recipe.make(&host, if self.check { Mode::Check } else { Mode::Apply }).await;
        host.close().await;
        let (facts, done) = result?;
        show(&context, &facts, &done);
        Ok(exit(&done, self.check, context.stop.is_cancelled()))
    }
}

fn show(context: &Context, facts: &Facts, done: &[Done]) {
    if context.global.json {
        let changed = done.iter().filter(|done| done.state == State::Changed).count();
        answer!("{}", serde_json::json!({ "facts": facts, "tasks": done, "changed": changed }));
        return;
    }
    answer!("");
    for done in done {
        let (sign, word) = match done.state {
            State::Ok => (style::good("●"), "ok"),
            State::Changed => (style::warn("~"), "changed"),
            State::WouldChange => (style::warn("~"), "would change"),
            State::Failed => (style::bad("✗"), "failed"),
            State::Skipped => (style::faint("–"), "skipped"),
        };
        answer!("  {sign} {word:<12} {:<12} {}", done.task, style::safe(&done.text));
        if context.global.verbose > 0 {
            for line in done.output.lines() {
                answer!("      {}", style::faint(style::safe(line)));
            }
        }
    }
}

fn exit(done: &[Done], check: bool, interrupted: bool) -> Exit {
    let has = |state: State| done.iter().any(|done| done.state == state);
    if interrupted {
        return Exit::Interrupted;
    }
    match (has(State::Failed), has(State::Changed)) {
        (true, true) => Exit::Partly,
        (true, false) => Exit::Failed,
        (false, _) if check && has(State::WouldChange) => Exit::Partly,
        (false, _) => Exit::Done,
    }
}

/// What is said of the service where there is none.
const NOT_THERE: &str = "hydrant is not there yet: `hydrant host provision` puts it there";

/// How the service stands, by its own status.
fn how_it_runs(status: &serde_json::Value) -> String {
    let number = |name: &str| count(status[name].as_u64().unwrap_or(0));
    format!(
        "{}: {} received, {} delivered, {} waiting",
        status["state"].as_str().unwrap_or("unknown"),
        number("received"),
        number("delivered"),
        number("pending"),
    )
}

async fn status(context: Context) -> Result<Exit, CliError> {
    let host = connect(&context, host::UP).await?;
    let read = tokio::try_join!(Facts::read(&host), service::status(&host));
    let way = host.way().clone();
    host.close().await;
    let (facts, service) = read?;
    if context.global.json {
        let status = serde_json::json!({
            "address": way.address(),
            "user": way.user,
            "instance": way.instance,
            "reachable": true,
            "facts": facts,
            "service": service,
        });
        answer!("{status}");
        return Ok(Exit::Done);
    }
    let giga = |bytes: u64| format!("{}.{} GB", bytes / 1_000_000_000, bytes / 100_000_000 % 10);
    let rows = [
        ("address", format!("{}@{}", way.user, way.address())),
        ("instance", way.instance.unwrap_or_else(|| "not the stack's".to_owned())),
        ("system", format!("{}, {}, {}", facts.distribution, facts.architecture, facts.libc)),
        ("kernel", facts.kernel.clone()),
        ("up", format!("{} h {} min", facts.up_s / 3600, facts.up_s / 60 % 60)),
        ("load", format!("{}.{:02} on {} CPU", facts.load / 100, facts.load % 100, facts.processors)),
        ("memory", format!("{} free of {}", giga(facts.memory_free), giga(facts.memory))),
        ("disk", format!("{} free of {}", giga(facts.disk_free), giga(facts.disk))),
        ("clock", format!("{} s ahead of this machine's", facts.clock_ahead_s)),
        ("service", service.as_ref().map_or_else(|| NOT_THERE.to_owned(), how_it_runs)),
    ];
    let error = service.as_ref().and_then(|service| service["last_error"].as_str());
    for (name, value) in rows.into_iter().chain(error.map(|error| ("", error.to_owned()))) {
        answer!("  {} {}", style::faint(format!("{name:<10}")), style::safe(value));
    }
    Ok(Exit::Done)
}

impl Run {
    async fn run(self, context: Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        let host = connect(&context, host::UP).await?;
        let script = self.command.iter().map(|part| word(part)).collect::<Vec<_>>().join(" ");
        let code = host.run_here(&script).await;
        host.close().await;
        Ok(exit_of(code?))
    }
}

/// A command of `hydrant stream` that is meant for the host.
#[derive(Debug)]
pub(super) enum OnHost {
    /// With these arguments of `hydrant stream run`.
    Start(Vec<String>),
    Stop,
    Status,
    Tail,
}

/// Has the host do what would be done here.
pub(super) async fn stream(context: &Context, what: OnHost) -> Result<Exit, CliError> {
    if matches!(what, OnHost::Start(_) | OnHost::Stop) {
        context.refuse_if_readonly(1)?;
    }
    let host = connect(context, host::UP).await?;
    let result = stream_on(&host, context, what).await;
    host.close().await;
    result
}

async fn stream_on(host: &Remote, context: &Context, what: OnHost) -> Result<Exit, CliError> {
    let json = context.global.json;
    let output = match &what {
        OnHost::Tail => {
            let arguments = if json { vec!["tail", "--json"] } else { vec!["tail"] };
            let arguments: Vec<String> = arguments.into_iter().map(ToOwned::to_owned).collect();
            return Ok(exit_of(host.run_here(&service::script(&arguments)).await?));
        }
        OnHost::Start(arguments) => {
            if let Some(differs) = service::compare(host, &context.settings, arguments).await? {
                talk!("{} {differs}", style::warn("hydrant:"));
            }
            service::start(host, arguments).await?
        }
        OnHost::Stop => service::stop(host).await?,
        OnHost::Status => {
            let arguments = ["status", "--json"].map(ToOwned::to_owned);
            host.run(&Order::new("asking the service on the host", service::script(&arguments))).await?
        }
    };
    let Some(status) = service::said(&output.out) else {
        return Err(output.failure("the stream on the host").into());
    };
    if json {
        answer!("{status}");
    } else {
        answer!("the stream on the host is {}", style::safe(how_it_runs(&status)));
        if let Some(error) = status["last_error"].as_str() {
            talk!("{} {}", style::warn("hydrant:"), style::safe(error));
        }
    }
    Ok(exit_of(output.code))
}

/// The exit code of a command that was run there.
fn exit_of(code: i32) -> Exit {
    match code {
        0 => Exit::Done,
        code => Exit::Other(u8::try_from(code).unwrap_or(1)),
    }
}

/// What waits on the host, before something takes the host away.
pub(super) async fn waiting(context: &Context) -> Waits {
    service::waiting(&context.settings, &context.folders, &context.stop).await
}

/// Has everything delivered that waits on the host, or says why it is not.
pub(super) async fn deliver(context: &Context) -> Result<(), CliError> {
    let stop = context.stop.clone();
    Ok(service::deliver(&context.settings, &context.folders, progress(context), stop).await?)
}

async fn shell(context: Context) -> Result<Exit, CliError> {
    context.refuse_if_readonly(1)?;
    let silent = Progress::silent();
    let way = host::find(&context.settings, &context.folders, host::UP, &silent, &context.stop).await?;
    way.check_key()?;
    let mut ssh = std::process::Command::new("ssh");
    ssh.args(way.ssh_arguments());
    let status = tokio::task::spawn_blocking(move || ssh.status()).await;
    let status = status
        .map_err(std::io::Error::other)
        .and_then(|status| status)
        .map_err(|source| CliError::Io { what: "open a shell".to_owned(), source })?;
    Ok(match status.code() {
        Some(0) => Exit::Done,
        code => Exit::Other(code.and_then(|code| code.try_into().ok()).unwrap_or(1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_the_service_stands_is_a_sentence() {
        let status = serde_json::json!({ "state": "running", "received": 37_020, "delivered": 36_900, "pending": 120 });
        assert_eq!(how_it_runs(&status), "running: 37,020 received, 36,900 delivered, 120 waiting");
    }
}
