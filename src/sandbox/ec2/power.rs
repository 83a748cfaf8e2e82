//! Starting, stopping, rebooting and terminating instances. A call is about all its instances or about none.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::instances::{self, Instance, Life, PowerState, SHUTTING_DOWN, STARTING, STOPPING};
use super::{dry_run, missing};
use crate::sandbox::call::Call;
use crate::sandbox::fault::Kind;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::wire::Flag;
use crate::sandbox::world::World;

/// The instances that a call is about, each once.
fn meant<'a>(world: &'a mut World, call: &Call, ids: &[String]) -> Result<Vec<&'a Instance>, Refusal> {
    if ids.is_empty() {
        return Err(missing("InstanceId"));
    }
    instances::settle(world, call.now);
    let mut seen = BTreeSet::new();
    let once: Vec<String> = ids.iter().filter(|id| seen.insert(*id)).cloned().collect();
    instances::find(world, &call.place, &once)
}

fn wrong_state(message: String) -> Refusal {
    Refusal::new("IncorrectInstanceState", message)
}

/// Gives instances a new life, and shows their states before and after.
fn change(world: &mut World, call: &Call, changes: &[(String, Option<Life>)]) -> Vec<Value> {
    let mut shown = Vec::new();
    for (id, life) in changes {
        let key = call.place.key(id);
        let Some(before) = world.ec2.instances.get(&key).map(|instance| instance.state(call.now)) else {
            continue;
        };
        let mut after = before;
        if let Some(life) = *life
            && let Some(instance) = world.ec2.instances.get_mut(&key)
        {
            instance.life = life;
            if matches!(life, Life::Starting { .. }) {
                instance.launched = call.now;
            }
            after = instance.state(call.now);
        }
        shown.push(json!({
            "instanceId": id,
            "previousState": before.document(),
            "currentState": after.document(),
        }));
    }
    shown
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StartInstances {
    instance_id: Vec<String>,
    dry_run: Option<Flag>,
}

pub(super) fn start_instances(world: &mut World, call: &Call, input: StartInstances) -> Answer {
    let up = world.pace.after(call.now, STARTING);
    let mut changes = Vec::new();
    for instance in meant(world, call, &input.instance_id)? {
        let life = match instance.state(call.now) {
            PowerState::Pending | PowerState::Running => None,
            PowerState::Stopped => Some(Life::Starting { up }),
            PowerState::Stopping | PowerState::ShuttingDown | PowerState::Terminated => {
                return Err(wrong_state(format!(
                    "The instance '{}' is not in a state from which it can be started.",
                    instance.id
                )));
            }
        };
        changes.push((instance.id.clone(), life));
    }
    dry_run(input.dry_run)?;
    Ok(json!({ "instancesSet": change(world, call, &changes) }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct StopInstances {
    instance_id: Vec<String>,
    hibernate: Option<Flag>,
    /// Stopping is never held up by an operating system here.
    #[serde(rename = "Force")]
    _force: Option<Flag>,
    #[serde(rename = "SkipOsShutdown")]
    _skip_os_shutdown: Option<Flag>,
    dry_run: Option<Flag>,
}

pub(super) fn stop_instances(world: &mut World, call: &Call, input: StopInstances) -> Answer {
    let stopping = Life::Stopping { since: call.now, down: world.pace.after(call.now, STOPPING) };
    let mut changes = Vec::new();
    for instance in meant(world, call, &input.instance_id)? {
        let life = match instance.state(call.now) {
            PowerState::Stopping | PowerState::Stopped => None,
            PowerState::Running => Some(stopping),
            PowerState::Pending | PowerState::ShuttingDown | PowerState::Terminated => {
                return Err(wrong_state(format!(
                    "This instance '{}' is not in a state from which it can be stopped.",
                    instance.id
                )));
            }
        };
        if instance.stop_protected {
            return Err(protected(instance, "stopped", "disableApiStop"));
        }
        changes.push((instance.id.clone(), life));
    }
    if input.hibernate == Some(Flag(true)) {
        let message = "The specified instances are not configured for hibernation.";
        return Err(Refusal::new("UnsupportedHibernationConfiguration", message));
    }
    dry_run(input.dry_run)?;
    Ok(json!({ "instancesSet": change(world, call, &changes) }).into())
}

fn protected(instance: &Instance, what: &str, attribute: &str) -> Refusal {
    let message = format!(
        "The instance '{}' may not be {what}. Modify its '{attribute}' instance attribute and try again.",
        instance.id
    );
    Refusal::new("OperationNotPermitted", message)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct RebootInstances {
    instance_id: Vec<String>,
    dry_run: Option<Flag>,
}

/// A reboot shows in no state. One of a terminated instance is ignored.
pub(super) fn reboot_instances(world: &mut World, call: &Call, input: RebootInstances) -> Answer {
    for instance in meant(world, call, &input.instance_id)? {
        if matches!(instance.state(call.now), PowerState::Stopping | PowerState::Stopped) {
            return Err(wrong_state(format!(
                "This instance '{}' is not in a state from which it can be rebooted.",
                instance.id
            )));
        }
    }
    dry_run(input.dry_run)?;
    Ok(Reply::Document(json!({ "return": true })))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct TerminateInstances {
    instance_id: Vec<String>,
    /// Terminating is never held up by an operating system here.
    #[serde(rename = "Force")]
    _force: Option<Flag>,
    #[serde(rename = "SkipOsShutdown")]
    _skip_os_shutdown: Option<Flag>,
    dry_run: Option<Flag>,
}

/// One protected instance keeps all others of its zone from being terminated, but not those of other zones,
/// although the call fails.
pub(super) fn terminate_instances(world: &mut World, call: &Call, input: TerminateInstances) -> Answer {
    let all = meant(world, call, &input.instance_id)?;
    let is_over = |instance: &Instance| {
        matches!(instance.state(call.now), PowerState::ShuttingDown | PowerState::Terminated)
    };
    let guarded: Vec<&Instance> =
        all.iter().copied().filter(|instance| instance.termination_protected && !is_over(instance)).collect();
    let refusal = guarded.first().map(|instance| protected(instance, "terminated", "disableApiTermination"));
    let in_guarded_zone =
        |instance: &Instance| guarded.iter().any(|guarded| guarded.subnet == instance.subnet);
    let doomed: Vec<(String, bool)> = all
        .iter()
        .filter(|instance| !in_guarded_zone(instance))
        .map(|instance| (instance.id.clone(), is_over(instance)))
        .collect();
    dry_run(input.dry_run)?;
    let changes: Vec<_> = doomed
        .into_iter()
        .map(|(id, is_over)| (id, (!is_over).then(|| shutting_down(world, call))))
        .collect();
    let shown = change(world, call, &changes);
    match refusal {
        Some(refusal) => Err(refusal),
        None => Ok(json!({ "instancesSet": shown }).into()),
    }
}

fn shutting_down(world: &mut World, call: &Call) -> Life {
    let sticks = world.faults.strikes(Kind::StuckDelete, "ec2", "TerminateInstances");
    let gone = (!sticks).then(|| world.pace.after(call.now, SHUTTING_DOWN));
    Life::ShuttingDown { since: call.now, gone }
}
