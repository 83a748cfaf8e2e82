//! `hydrant doctor`: what has to be right before anything else can be.

use std::path::Path;
use std::process::Stdio;

use clap::Args;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::cloud::{Cloud, Identity};
use crate::host::facts::Facts;
use crate::host::{self, HostError};
use crate::progress::Progress;
use crate::settings::EngineName;
use crate::spark::Desk;
use crate::spark::local::is_there;
use crate::stack::Names;
use crate::stack::permissions::{self, Checked};

/// Check settings, credentials, permissions, clock, ssh and disk
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant doctor --policy > operator-policy.json")]
pub(super) struct Doctor {
    /// Print the permissions policy that an operator's user needs, and check nothing; if its names are so long that
    /// IAM takes it in several documents alone, the one of that number
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "0")]
    policy: Option<usize>,
}

/// Free space under which a stream could fill the disk within a day.
const LITTLE_SPACE: u64 = 2 * 1024 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Ok,
    Warning,
    Failed,
}

#[derive(Debug, serde::Serialize)]
struct Row {
    check: &'static str,
    verdict: Verdict,
    found: String,
}

impl Row {
    fn new(check: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { check, verdict, found: found.into() }
    }
}

impl Doctor {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        if let Some(number) = self.policy {
            return policy(&context, number).await;
        }
        let mut rows = vec![settings(&context)];
        rows.extend(context.unless_stopped(account(&context)).await?);
        rows.push(ssh().await);
        let signed_in = rows.iter().any(|row| row.check == "credentials" && row.verdict == Verdict::Ok);
        if signed_in && *context.settings.instance {
            rows.push(context.unless_stopped(host(&context)).await?);
        }
        rows.push(spark(&context));
        rows.extend(context.unless_stopped(engines(&context, signed_in)).await?);
        rows.push(disk(&context.folders.data));
        for row in &rows {
            if context.global.json {
                continue;
            }
            let sign = match row.verdict {
                Verdict::Ok => style::good("● ok     "),
                Verdict::Warning => style::warn("◌ warning"),
                Verdict::Failed => style::bad("✗ failed "),
            };
            answer!("  {sign} {:<14} {}", row.check, style::safe(&row.found));
        }
        if context.global.json {
            answer!("{}", serde_json::to_string(&rows).expect("rows of text are JSON"));
        }
        let failed = rows.iter().any(|row| row.verdict == Verdict::Failed);
        Ok(if failed { Exit::Failed } else { Exit::Done })
    }
}

async fn policy(context: &Context, number: usize) -> Result<Exit, CliError> {
    let cloud = context.cloud().await?;
    // Whoever needs the policy may not be able to sign in yet: then it is written for any account.
    let identity = cloud.identity().await.unwrap_or_else(|error| {
        talk!("{} the account is not known, so the policy says `*` for it: {error}", style::warn("hydrant:"));
        Identity { account: "*".to_owned(), arn: String::new(), partition: "aws".to_owned() }
    });
    let names = Names::new(&context.settings, &identity, cloud.region());
    let documents = permissions::policies(&names);
    let (count, largest) = (documents.len(), permissions::LARGEST_POLICY);
    if number == 0 && count > 1 {
        return Err(CliError::Usage(format!(
            "with names of this length the policy is longer than the {largest} characters that IAM takes in one document: attach all of `hydrant doctor --policy=1` to `--policy={count}`"
        )));
    }
    let policy = documents.get(number.saturating_sub(1)).ok_or_else(|| {
        CliError::Usage(format!("the policy has no document {number}: the last is {count}"))
    })?;
    answer!("{}", serde_json::to_string_pretty(&policy).expect("a policy is JSON"));
    Ok(Exit::Done)
}

fn settings(context: &Context) -> Row {
    if let Err(error) = super::console::starts(context) {
        return Row::new(
            "settings",
            Verdict::Failed,
            format!("the console does not start with them: {error}"),
        );
    }
    let read = [&context.layers.file, &context.layers.dotenv];
    let read: Vec<String> = read.into_iter().flatten().map(|path| path.display().to_string()).collect();
    let from = if read.is_empty() {
        "no hydrant.toml and no .env: defaults and environment".to_owned()
    } else {
        read.join(", ")
    };
    Row::new("settings", Verdict::Ok, from)
}

async fn account(context: &Context) -> Vec<Row> {
    let cloud = match context.cloud().await {
        Ok(cloud) => cloud,
        Err(error) => return vec![Row::new("region", Verdict::Failed, error.to_string())],
    };
    let region = Row::new("region", Verdict::Ok, format!("{} at {}", cloud.region(), cloud.place()));
    let identity = match cloud.identity().await {
        Ok(identity) => identity,
        Err(error) => return vec![region, Row::new("credentials", Verdict::Failed, error.to_string())],
    };
    let whose = format!("account {} as {}", identity.masked_account(), crate::text::sanitise(&identity.arn));
    let names = Names::new(&context.settings, &identity, cloud.region());
    let permissions = match permissions::check(&cloud, &identity, &names).await {
        Checked::All => Row::new("permissions", Verdict::Ok, "all that hydrant needs"),
        Checked::Missing(missing) => {
            let found = format!(
                "missing: {}; `hydrant doctor --policy` prints a policy that has them",
                missing.join(", ")
            );
            Row::new("permissions", Verdict::Failed, found)
        }
        Checked::Unknown(why) => Row::new("permissions", Verdict::Warning, format!("not checked: {why}")),
    };
    vec![region, Row::new("credentials", Verdict::Ok, whose), permissions, clock(&cloud)]
}

fn clock(cloud: &Cloud) -> Row {
    let Some(ahead) = cloud.clock_ahead() else {
        return Row::new("clock", Verdict::Warning, "no answer told the time");
    };
    let seconds = ahead.as_secs();
    let found = match seconds {
        -2..=2 => "right".to_owned(),
        3.. => format!("{seconds} s ahead of {}", cloud.place()),
        _ => format!("{} s behind {}", -seconds, cloud.place()),
    };
    // AWS refuses requests whose time is more than five minutes off.
    let verdict = match seconds.unsigned_abs() {
        0..=30 => Verdict::Ok,
        31..=240 => Verdict::Warning,
        _ => Verdict::Failed,
    };
    Row::new("clock", verdict, found)
}

/// Whether Spark can be run on this machine: which only `--engine spark` needs.
fn spark(context: &Context) -> Row {
    let program = &*context.settings.spark_submit;
    let has_java = std::env::var_os("JAVA_HOME").is_some() || is_there("java");
    match (is_there(program), has_java) {
        (true, true) => Row::new("spark", Verdict::Ok, format!("{program} and Java, for `--engine spark`")),
        (true, false) => Row::new(
            "spark",
            Verdict::Warning,
            "no Java: install version 17 for `--engine spark`, or set JAVA_HOME",
        ),
        (false, _) => Row::new(
            "spark",
            Verdict::Ok,
            format!("no {program} here, which only `--engine spark` needs: `pip install pyspark`"),
        ),
    }
}

/// Whether the engines elsewhere can be used, and what is missing. Only that which `spark_on` wants is worth a warning.
async fn engines(context: &Context, signed_in: bool) -> Vec<Row> {
    let wanted = *context.settings.spark_on;
    let row = |name: EngineName, usable: Result<String, String>| {
        let (verdict, found) = match usable {
            Ok(found) => (Verdict::Ok, found),
            Err(why) if name == wanted => (Verdict::Warning, why),
            Err(why) => (Verdict::Ok, format!("not usable, which only `--on {}` minds: {why}", name.name())),
        };
        Row::new(name.name(), verdict, found)
    };
    let mut rows = Vec::new();
    for name in [EngineName::Sagemaker, EngineName::EmrServerless, EngineName::Databricks] {
        let usable = if signed_in || name == EngineName::Databricks {
            usable(context, name).await.map_err(|error| error.to_string())
        } else {
            Err("it needs credentials for AWS".to_owned())
        };
        rows.push(row(name, usable));
    }
    rows
}

async fn usable(context: &Context, name: EngineName) -> Result<String, CliError> {
    let desk = Desk { settings: &context.settings, threads: None };
    let engine = desk.engine(name, async || context.cloud().await).await?;
    Ok(engine.ready().await?)
}

async fn ssh() -> Row {
    let asked = tokio::process::Command::new("ssh").arg("-V").stdin(Stdio::null()).output();
    match tokio::time::timeout(std::time::Duration::from_secs(5), asked).await {
        Ok(Ok(output)) => Row::new(
            "ssh",
            Verdict::Ok,
            crate::text::sanitise(String::from_utf8_lossy(&output.stderr).trim()),
        ),
        _ => Row::new(
            "ssh",
            Verdict::Warning,
            "no ssh program: install openssh-client to reach the remote host",
        ),
    }
}

/// Whether the host lets us in, and what it lacks at a glance.
async fn host(context: &Context) -> Row {
    let silent = Progress::silent();
    let stop = context.stop.clone();
    let connected = host::connect(&context.settings, &context.folders, host::UP, silent, stop).await;
    let host = match connected {
        Ok(host) => host,
        Err(HostError::NoInstance) => {
            return Row::new("host", Verdict::Ok, "there is none yet: `hydrant up` makes it");
        }
        Err(error @ HostError::NoAddress) => return Row::new("host", Verdict::Warning, error.to_string()),
        Err(error) => return Row::new("host", Verdict::Failed, error.to_string()),
    };
    let facts = Facts::read(&host).await;
    let address = format!("{}@{}", host.way().user, host.way().address());
    host.close().await;
    match facts {
        Ok(facts) if facts.clock_ahead_s.abs() > 30 => {
            let found = format!("{address}: its clock is {} s off", facts.clock_ahead_s);
            Row::new("host", Verdict::Warning, found)
        }
        Ok(facts) => Row::new("host", Verdict::Ok, format!("{address}, {}", facts.distribution)),
        Err(error) => Row::new("host", Verdict::Failed, error.to_string()),
    }
}

/// Why nothing can be put into a folder that is there.
fn not_writable(folder: &Path) -> Option<String> {
    use rustix::fs::Access;
    if !folder.is_dir() {
        return Some(format!("{} is no folder", folder.display()));
    }
    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).err().map(|error| error.to_string())
}

fn disk(data: &Path) -> Row {
    let there = data.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    if let Some(why) = not_writable(there) {
        let found = format!(
            "{} cannot be written: {why}; keys, journals and posts are kept there: free it, or say where with XDG_DATA_HOME",
            data.display()
        );
        return Row::new("disk", Verdict::Failed, found);
    }
    match rustix::fs::statvfs(there) {
        Ok(space) => {
            let free = space.f_bavail.saturating_mul(space.f_frsize);
            let verdict = if free < LITTLE_SPACE { Verdict::Warning } else { Verdict::Ok };
            let gigabytes = free / (1024 * 1024 * 1024);
            Row::new("disk", verdict, format!("{gigabytes} GB free for {}", data.display()))
        }
        Err(error) => Row::new("disk", Verdict::Warning, format!("{}: {error}", there.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_cannot_be_written_is_a_failure_with_its_remedy() {
        let row = disk(Path::new("/dev/null/hydrant"));
        assert!(matches!(row.verdict, Verdict::Failed), "{}", row.found);
        assert!(
            row.found.contains("/dev/null is no folder") && row.found.contains("XDG_DATA_HOME"),
            "{}",
            row.found
        );
        let folder = tempfile::tempdir().expect("a folder");
        let row = disk(&folder.path().join("not/yet"));
        assert!(row.found.contains("free for"), "{}", row.found);
    }
}
