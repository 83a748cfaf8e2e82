//! The stream service on the host: started, drained, asked. hydrant itself is there, so it is asked to do there what it
//! does here: one way to do each thing, on either machine. Where systemd keeps the unit, starting and stopping go
//! through it, so that the service comes back after a reboot.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::facts::Facts;
use super::output::{Order, Output, word};
use super::recipe::{Difference, FOLDER, UNIT, differences};
use super::{Host, HostError};
use crate::progress::Progress;
use crate::settings::{Folders, Settings};
use crate::stream::live::Status;
use crate::stream::service::Place;

/// A start waits until the service answers.
const START: Duration = Duration::from_mins(1);
/// Whoever only wants to know what waits there does not wait longer than this for an answer.
const A_MOMENT: Duration = Duration::from_secs(8);
/// A stop delivers what waits; the unit gives it two minutes.
const STOP: Duration = Duration::from_mins(3);
/// What a host says that hydrant was never put on.
const NEVER: &str = "hydrant-was-never-here";

/// Goes to where hydrant is on the host, or says that it is not there.
fn there() -> String {
    format!(
        "cd \"$HOME/{FOLDER}\" 2>/dev/null && [ -x bin/hydrant ] || {{ echo 'hydrant is not on the host yet: `hydrant host provision` puts it there' >&2; exit 1; }}"
    )
}

fn words(arguments: &[String]) -> String {
    arguments.iter().map(|argument| word(argument)).collect::<Vec<_>>().join(" ")
}

/// The script by which the host does `hydrant stream …` as it would be done there.
pub fn script(arguments: &[String]) -> String {
    format!("{}\nexec bin/hydrant stream {}", there(), words(arguments))
}

/// Compares the settings that the host was provisioned with to those of now, but for what the start itself says by these
/// arguments: what differs, in a sentence, if anything does. A host without a file of them has the defaults. Where what a stream may cost differs, it must not be started.
pub async fn compare(
    host: &Host,
    settings: &Settings,
    arguments: &[String],
) -> Result<Option<String>, HostError> {
    let what = "reading the settings on the host";
    let read = Order::new(what, format!("cat \"$HOME/{FOLDER}/hydrant.toml\" 2>/dev/null; true"));
    let there = host.run(&read).await?.good(what)?;
    let differences = differences(settings, &there, arguments);
    let words = |of: &mut dyn Iterator<Item = &Difference>| {
        of.map(|difference| crate::text::sanitise(&difference.to_string())).collect::<Vec<_>>().join(", ")
    };
    let money = words(&mut differences.iter().filter(|difference| difference.is_of_money()));
    if !money.is_empty() {
        return Err(HostError::OtherLimits(money));
    }
    let all = words(&mut differences.iter());
    Ok((!all.is_empty())
        .then(|| format!("the host has other settings: {all}; `hydrant host provision` brings these there")))
}

/// Starts it with these arguments of `hydrant stream run`; the last line is its status as JSON.
pub async fn start(host: &Host, arguments: &[String]) -> Result<Output, HostError> {
    let what = "starting the stream on the host";
    let facts = Facts::read(host).await?;
    let start = if facts.systemd && !facts.confined {
        let (there, arguments, root) = (there(), word(&arguments_of_unit(arguments)), facts.as_root());
        // It is there once it answers, or if it came to its end by then. What systemd has to start again has failed.
        // Old ones of systemd have no `--value`.
        format!(
            "{there}\nset -e; umask 077; printf '%s\\n' {arguments} > service.env\n\
             {root}systemctl reset-failed {UNIT} 2>/dev/null || true\n\
             {root}systemctl restart {UNIT}\n\
             for i in $(seq 60); do\n\
               bin/hydrant stream status --json 2>/dev/null | grep -q '\"pid\":[0-9]' && break\n\
               case $(systemctl show -p ActiveState {UNIT} | cut -d= -f2) in\n\
                 inactive) break;;\n\
                 failed|activating) {root}systemctl stop {UNIT}; {root}journalctl -q -o cat -n 1 _SYSTEMD_UNIT={UNIT} >&2; exit 1;;\n\
                 *) sleep 0.5;;\n\
               esac\n\
             done\n\
             bin/hydrant stream status --json"
        )
    } else {
        script(&[&["start".to_owned(), "--json".to_owned()], arguments].concat())
    };
    host.run_once(&Order::new(what, start).within(START)).await
}

/// The line of the file from which the unit has the arguments. systemd takes the quotes off a value first, and then
/// parts it into words as a shell would.
fn arguments_of_unit(arguments: &[String]) -> String {
    let quoted = |text: &str, quote: char, special: &[char]| {
        let escaped: String =
            text.chars().flat_map(|c| special.contains(&c).then_some('\\').into_iter().chain([c])).collect();
        format!("{quote}{escaped}{quote}")
    };
    let words: Vec<String> = arguments.iter().map(|word| quoted(word, '\'', &['\\', '\''])).collect();
    format!("STREAM_ARGUMENTS={}", quoted(&words.join(" "), '"', &['\\', '"', '$', '`']))
}

/// Stops it, once everything is delivered; the last line is its status as JSON.
pub async fn stop(host: &Host) -> Result<Output, HostError> {
    let what = "stopping the stream on the host";
    let facts = Facts::read(host).await?;
    let stop = if facts.systemd && !facts.confined {
        let root = facts.as_root();
        format!("{}\n{root}systemctl stop {UNIT}; bin/hydrant stream status --json", there())
    } else {
        script(&["stop".to_owned(), "--json".to_owned()])
    };
    host.run(&Order::new(what, stop).within(STOP)).await
}

/// What the service says of itself, in its own JSON; `None` if hydrant is not there yet.
pub async fn status(host: &Host) -> Result<Option<serde_json::Value>, HostError> {
    let what = "asking the service on the host";
    let output = host.run(&Order::new(what, script(&["status".to_owned(), "--json".to_owned()]))).await?;
    // Its exit code says how the service stands; so do its words, and these say more.
    Ok(said(&output.out))
}

/// What waits on the host to be delivered. That it could not be asked is not that nothing waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Nothing: it says so, or hydrant was never put there, or there is no instance.
    Nothing,
    /// So many posts.
    Posts(u64),
    /// It could not be asked, for this reason.
    Unknown(String),
}

/// What waits on the host, as far as it answers within a moment.
pub async fn waiting(settings: &Settings, folders: &Folders, stop: &CancellationToken) -> Waits {
    let asking = async {
        let host =
            super::connect(settings, folders, Duration::ZERO, Progress::silent(), stop.clone()).await?;
        let pending = pending(&host).await;
        host.close().await;
        pending
    };
    match tokio::time::timeout(A_MOMENT, asking).await {
        Ok(Ok(0) | Err(HostError::NoInstance)) => Waits::Nothing,
        Ok(Ok(posts)) => Waits::Posts(posts),
        // It was not waited for, so how long that took says nothing.
        Ok(Err(HostError::TooLong { last, .. })) => Waits::Unknown(last),
        Ok(Err(error)) => Waits::Unknown(error.to_string()),
        Err(_) => Waits::Unknown(format!("it gave no answer within {} s", A_MOMENT.as_secs())),
    }
}

async fn pending(host: &Host) -> Result<u64, HostError> {
    match before_a_teardown(host).await? {
        Some(status) => Ok(status.pending),
        None => Ok(0),
    }
}

/// What has to be known of the service before the host may go.
#[derive(Debug, PartialEq, Eq)]
struct Stand {
    runs: bool,
    pending: u64,
    sinks: Vec<String>,
}

impl Stand {
    fn of(status: &serde_json::Value) -> Option<Self> {
        let state = status["state"].as_str()?;
        let sinks = status["sinks"].as_array().into_iter().flatten();
        Some(Self {
            runs: ["starting", "running", "draining"].contains(&state),
            pending: status["pending"].as_u64()?,
            sinks: sinks.filter_map(|sink| sink.as_str()).map(ToOwned::to_owned).collect(),
        })
    }
}

/// How the service stands; `None` if hydrant was never put on the host, whose folder is the first thing that
/// provisioning makes. A status that cannot be read is a failure: it might hide posts.
async fn before_a_teardown(host: &Host) -> Result<Option<Stand>, HostError> {
    let what = "asking the service on the host what waits";
    let status = script(&["status".to_owned(), "--json".to_owned()]);
    let ask = format!("[ -e \"$HOME/{FOLDER}\" ] || {{ echo {NEVER}; exit 0; }}\n{status}");
    let output = host.run(&Order::new(what, ask)).await?;
    if output.code == 0 && output.out.trim() == NEVER {
        return Ok(None);
    }
    said(&output.out).as_ref().and_then(Stand::of).map(Some).ok_or_else(|| output.failure(what))
}

/// Has everything delivered that waits on the host, or says why it is not: then nothing may be torn down. An instance
/// that is not there keeps nothing.
pub async fn deliver(
    settings: &Settings,
    folders: &Folders,
    progress: Progress,
    stop: CancellationToken,
) -> Result<(), HostError> {
    let delivered = async {
        let host = super::connect(settings, folders, super::UP, progress, stop).await?;
        let left = drain(&host).await;
        host.close().await;
        left
    };
    match delivered.await {
        Ok(0) | Err(HostError::NoInstance) => Ok(()),
        Ok(left) => Err(HostError::NotDrained(left)),
        Err(HostError::Interrupted) => Err(HostError::Interrupted),
        Err(error) => Err(HostError::NotDelivered(Box::new(error))),
    }
}

/// By the service, which ends with it, or if that does not run, by a run for its sinks that has no source. Gives how
/// many posts still wait.
async fn drain(host: &Host) -> Result<u64, HostError> {
    let what = "delivering what waits on the host";
    let Some(before) = before_a_teardown(host).await? else { return Ok(0) };
    if !before.runs && before.pending == 0 {
        return Ok(0);
    }
    let output = if before.runs {
        stop(host).await?
    } else {
        let nothing = ["run", "--json", "--source", "replay:/dev/null"].map(ToOwned::to_owned);
        let to = before.sinks.into_iter().flat_map(|sink| ["--to".to_owned(), sink]);
        let arguments: Vec<String> = nothing.into_iter().chain(to).collect();
        host.run(&Order::new(what, script(&arguments)).within(STOP)).await?
    };
    let after = said(&output.out).and_then(|status| status["pending"].as_u64());
    after.ok_or_else(|| output.failure(what))
}

/// The service on the host as one of this machine: its socket, as long as the connection lasts.
pub async fn reach(host: &Host, status: &Status) -> Result<Place, HostError> {
    let Some(socket) = &status.socket else {
        return Err(HostError::Command {
            what: "watching the stream on the host".to_owned(),
            code: 1,
            said:
                "hydrant there is older and does not say where it answers: `hydrant host provision` renews it"
                    .to_owned(),
        });
    };
    Ok(Place::at(host.forward(socket).await?))
}

/// The status that a command of the service ended on, as the host's.
pub fn said(out: &str) -> Option<serde_json::Value> {
    let mut status: serde_json::Value = serde_json::from_str(out.lines().last()?).ok()?;
    // Over there, it is the local one.
    if let Some(on) = status.get_mut("on") {
        *on = "host".into();
    }
    Some(status)
}

/// The last lines that the service wrote, the oldest first: of systemd's journal, or else of hydrant's own
/// log, in which every command says when it starts and ends: whoever looks at the service would fill it.
pub async fn journal(host: &Host) -> Result<Vec<String>, HostError> {
    let what = "reading the journal";
    let script = format!(
        "if [ -d /run/systemd/system ]; then journalctl -q -n 100 -o cat -u {UNIT} 2>/dev/null; fi | grep . || \
         ls -t \"${{XDG_STATE_HOME:-$HOME/.local/state}}\"/hydrant/hydrant.*.log 2>/dev/null | head -n 1 | xargs -r grep -v ' INFO hydrant::cli: ' | tail -n 100; true"
    );
    let text = host.run(&Order::new(what, script)).await?.good(what)?;
    Ok(text.lines().map(crate::text::sanitise).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_there_is_the_hosts_here() {
        let status = said("noise\n{\"on\":\"local\",\"state\":\"running\"}\n").expect("a status");
        assert_eq!((&status["on"], &status["state"]), (&"host".into(), &"running".into()));
        assert_eq!(said("no JSON"), None);
        assert_eq!(said(""), None);
    }

    #[test]
    fn arguments_stay_the_words_that_they_are() {
        let words = ["--set", "source=replay:/srv/it's \"here\".jsonl", r"a\b $HOME"].map(ToOwned::to_owned);
        assert_eq!(
            arguments_of_unit(&words),
            r#"STREAM_ARGUMENTS="'--set' 'source=replay:/srv/it\\'s \"here\".jsonl' 'a\\\\b \$HOME'""#
        );
    }

    #[test]
    fn a_status_that_does_not_say_what_waits_is_none() {
        let stand = |status: &str| Stand::of(&serde_json::from_str(status).expect("JSON"));
        let whole = r#"{"state":"failed","pending":7,"sinks":["firehose","csv:out.csv"]}"#;
        let sinks = vec!["firehose".to_owned(), "csv:out.csv".to_owned()];
        assert_eq!(stand(whole), Some(Stand { runs: false, pending: 7, sinks }));
        assert_eq!(stand(r#"{"state":"running","pending":0}"#).map(|stand| stand.runs), Some(true));
        for odd in
            ["{}", "[]", r#"{"state":"running"}"#, r#"{"pending":7}"#, r#"{"state":"running","pending":-1}"#]
        {
            assert_eq!(stand(odd), None, "{odd}");
        }
    }

    #[test]
    fn without_hydrant_the_script_says_what_to_do() {
        let home = tempfile::tempdir().expect("a folder");
        let mut sh = std::process::Command::new("sh");
        let ran =
            sh.arg("-c").arg(script(&["status".to_owned()])).env("HOME", home.path()).output().expect("sh");
        assert_eq!(ran.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&ran.stderr).contains("`hydrant host provision` puts it there"));
    }
}
