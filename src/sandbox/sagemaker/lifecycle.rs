//! Lifecycle configurations: the scripts that run when a notebook instance is made or started.
//!
//! The sandbox does not run them. What a script would have printed by `echo` is what its log shows, and a line
//! `exit 1` is where it fails.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::constraints::{Constraints, check_name};
use super::listing::{By, Entry, List};
use super::{Kind, invalid, key, present};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::clock::epoch_seconds;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tag, Tags};
use crate::sandbox::world::World;

/// A lifecycle configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LifecycleConfig {
    pub(super) name: String,
    /// Runs once, when a notebook instance is made.
    on_create: Vec<Hook>,
    /// Runs at every start, the first too.
    on_start: Vec<Hook>,
    pub(super) tags: Tags,
    created: Timestamp,
    modified: Timestamp,
}

/// A script in base64.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Hook {
    content: String,
}

/// What a script leaves behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScriptLog {
    /// The last part of its log stream's name.
    pub(super) stream: String,
    pub(super) lines: Vec<String>,
    pub(super) failed: bool,
}

impl LifecycleConfig {
    pub(super) fn arn(&self, place: &Place) -> String {
        Kind::LifecycleConfig.arn(place, &self.name)
    }

    /// What a start leaves behind: after a script that fails, no other runs.
    pub(super) fn run(&self, first_start: bool) -> Vec<ScriptLog> {
        let on_create = self.on_create.iter().filter(|_| first_start).map(|hook| ("OnCreate", hook));
        let on_start = self.on_start.iter().map(|hook| ("OnStart", hook));
        let mut logs: Vec<ScriptLog> = Vec::new();
        for (event, hook) in on_create.chain(on_start) {
            if logs.last().is_some_and(|log| log.failed) {
                break;
            }
            logs.push(hook.run(event));
        }
        logs
    }

    fn shown(&self, place: &Place) -> Value {
        json!({
            "NotebookInstanceLifecycleConfigArn": self.arn(place),
            "NotebookInstanceLifecycleConfigName": self.name,
            "CreationTime": epoch_seconds(self.created),
            "LastModifiedTime": epoch_seconds(self.modified),
        })
    }
}

impl Hook {
    fn run(&self, event: &str) -> ScriptLog {
        let script = BASE64_STANDARD.decode(&self.content).unwrap_or_default();
        let script = String::from_utf8_lossy(&script);
        let failed = script.lines().any(|line| line.trim() == "exit 1");
        let mut lines: Vec<String> = script
            .lines()
            .map(str::trim)
            .take_while(|line| *line != "exit 1")
            .filter_map(|line| line.strip_prefix("echo "))
            .map(|text| text.trim_matches(['"', '\'']).to_owned())
            .collect();
        let ended = if failed { "failed with exit code 1" } else { "ended" };
        lines.push(format!("hydrant sandbox: {event} {ended}; nothing of it was run"));
        ScriptLog { stream: format!("LifecycleConfig{event}"), lines, failed }
    }
}

/// The longest script, in base64.
const LONGEST_SCRIPT: usize = 16_384;

fn check_hooks(constraints: &mut Constraints, member: &str, hooks: &[Hook]) {
    constraints.at_most(member, hooks.len(), 1);
    for (index, Hook { content }) in hooks.iter().enumerate() {
        let member = format!("{member}.{}.member.content", index + 1);
        constraints.longest(&member, content, LONGEST_SCRIPT);
        constraints.must(!content.is_empty(), &member, content, "have length greater than or equal to 1");
        constraints.must(BASE64_STANDARD.decode(content).is_ok(), &member, content, "be base64-encoded");
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateConfig {
    notebook_instance_lifecycle_config_name: String,
    #[serde(default)]
    on_create: Vec<Hook>,
    #[serde(default)]
    on_start: Vec<Hook>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(world: &mut World, call: &Call, input: CreateConfig) -> Answer {
    let name = input.notebook_instance_lifecycle_config_name;
    let mut constraints = Constraints::default();
    constraints.name("notebookInstanceLifecycleConfigName", &name);
    check_hooks(&mut constraints, "onCreate", &input.on_create);
    check_hooks(&mut constraints, "onStart", &input.on_start);
    constraints.hold()?;
    let (key, arn) = (key(&call.place, &name), Kind::LifecycleConfig.arn(&call.place, &name));
    if world.sagemaker.lifecycle_configs.contains(&key) {
        return Err(refused("create", &arn, "already exists"));
    }
    let config = LifecycleConfig {
        name,
        on_create: input.on_create,
        on_start: input.on_start,
        tags: tags::merge(&Tags::new(), &input.tags, "ValidationException")?,
        created: call.now,
        modified: call.now,
    };
    world.sagemaker.lifecycle_configs.insert(key, config);
    Ok(json!({ "NotebookInstanceLifecycleConfigArn": arn }).into())
}

/// How AWS words what it will not do with a lifecycle configuration.
fn refused(verb: &str, arn: &str, why: &str) -> Refusal {
    let what = "Notebook Instance Lifecycle Config";
    invalid(format!("Unable to {verb} {what} '{arn}'. (Details: {what} {why}.)"))
}

/// The configuration of a name, to do something with it.
pub(super) fn find<'a>(
    world: &'a World,
    place: &Place,
    name: &str,
    verb: &str,
) -> Result<&'a LifecycleConfig, Refusal> {
    check_name("notebookInstanceLifecycleConfigName", name)?;
    let there = world.sagemaker.lifecycle_configs.get(&key(place, name));
    there.ok_or_else(|| refused(verb, &Kind::LifecycleConfig.arn(place, name), "does not exist"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ConfigName {
    notebook_instance_lifecycle_config_name: String,
}

pub(super) fn describe(world: &mut World, call: &Call, input: ConfigName) -> Answer {
    let config = find(world, &call.place, &input.notebook_instance_lifecycle_config_name, "describe")?;
    let mut shown = config.shown(&call.place);
    shown["OnCreate"] = json!(config.on_create);
    shown["OnStart"] = json!(config.on_start);
    Ok(shown.into())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NoFilters {}

pub(super) fn list(world: &mut World, call: &Call, input: List<NoFilters>) -> Answer {
    let prefix = call.place.prefix();
    let entries = world.sagemaker.lifecycle_configs.under(&prefix).map(|(_, config)| Entry {
        name: config.name.clone(),
        created: config.created,
        modified: config.modified,
        status: "",
        summary: config.shown(&call.place),
    });
    let page = input.page(entries, &[By::CreationTime, By::Name, By::LastModifiedTime])?;
    Ok(present(json!({ "NotebookInstanceLifecycleConfigs": page.items, "NextToken": page.next })).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateConfig {
    notebook_instance_lifecycle_config_name: String,
    on_create: Option<Vec<Hook>>,
    on_start: Option<Vec<Hook>>,
}

/// Notebook instances that use it have the new scripts from their next start on.
pub(super) fn update(world: &mut World, call: &Call, input: UpdateConfig) -> Answer {
    let mut constraints = Constraints::default();
    check_hooks(&mut constraints, "onCreate", input.on_create.as_deref().unwrap_or_default());
    check_hooks(&mut constraints, "onStart", input.on_start.as_deref().unwrap_or_default());
    constraints.hold()?;
    let name = input.notebook_instance_lifecycle_config_name;
    find(world, &call.place, &name, "update")?;
    let config = world.sagemaker.lifecycle_configs.get_mut(&key(&call.place, &name)).expect("it was found");
    config.on_create = input.on_create.unwrap_or_else(|| config.on_create.clone());
    config.on_start = input.on_start.unwrap_or_else(|| config.on_start.clone());
    config.modified = call.now;
    Ok(Reply::empty())
}

pub(super) fn delete(world: &mut World, call: &Call, input: ConfigName) -> Answer {
    let name = input.notebook_instance_lifecycle_config_name;
    let arn = find(world, &call.place, &name, "delete")?.arn(&call.place);
    let users: Vec<String> = world
        .sagemaker
        .notebooks
        .under(&call.place.prefix())
        .filter(|(_, notebook)| notebook.status(call.now).is_some())
        .filter(|(_, notebook)| {
            notebook.lifecycle_config_name.as_deref().is_some_and(|used| used.eq_ignore_ascii_case(&name))
        })
        .map(|(_, notebook)| notebook.arn(&call.place))
        .collect();
    if !users.is_empty() {
        return Err(refused(
            "delete",
            &arn,
            &format!("is in use by Notebook Instances: {}", users.join(", ")),
        ));
    }
    world.sagemaker.lifecycle_configs.remove(&key(&call.place, &name));
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::sagemaker::trials::{encoded, with_role};
    use crate::sandbox::trial::Trial;

    fn hooks(content: &str) -> Value {
        json!({ "NotebookInstanceLifecycleConfigName": "setup", "OnStart": [{ "Content": content }] })
    }

    fn create(trial: &mut Trial, content: &str) -> Result<Value, Refusal> {
        trial.ask("sagemaker", "CreateNotebookInstanceLifecycleConfig", hooks(content))
    }

    #[test]
    fn a_script_is_base64_of_a_limited_length() {
        let mut trial = Trial::new();
        let full = encoded(&"x".repeat(12_288));
        assert_eq!(full.len(), 16_384);
        for wrong in ["", "echo hello", &encoded(&"x".repeat(12_289))] {
            assert_eq!(create(&mut trial, wrong).expect_err("refused").code, "ValidationException");
        }
        create(&mut trial, &full).expect("made");
        let refusal = create(&mut trial, &full).expect_err("made already");
        assert!(refusal.message.contains("already exists"), "{refusal:?}");
        let name = json!({ "NotebookInstanceLifecycleConfigName": "setup" });
        let shown = trial.ask("sagemaker", "DescribeNotebookInstanceLifecycleConfig", name).expect("there");
        assert_eq!((&shown["OnStart"][0]["Content"], &shown["OnCreate"]), (&json!(full), &json!([])));
    }

    #[test]
    fn a_configuration_in_use_cannot_be_deleted() {
        let mut trial = with_role("notebooks");
        create(&mut trial, &encoded("true")).expect("made");
        let notebook = json!({
            "NotebookInstanceName": "topics", "InstanceType": "ml.t3.medium", "LifecycleConfigName": "setup",
            "RoleArn": "arn:aws:iam::123456789012:role/notebooks",
        });
        trial.ask("sagemaker", "CreateNotebookInstance", notebook).expect("made");
        let name = json!({ "NotebookInstanceLifecycleConfigName": "setup" });
        let deletion = "DeleteNotebookInstanceLifecycleConfig";
        let refusal = trial.ask("sagemaker", deletion, name.clone()).expect_err("in use");
        assert!(
            refusal.message.contains("is in use") && refusal.message.contains("notebook-instance/topics")
        );
        trial.world.sagemaker.notebooks.remove_where(|_, _| true);
        trial.ask("sagemaker", deletion, name.clone()).expect("deleted");
        assert_eq!(trial.refused("sagemaker", deletion, name), "ValidationException");
    }

    #[test]
    fn after_a_script_that_fails_no_other_runs() {
        let hook = |script: &str| vec![Hook { content: encoded(script) }];
        let config = LifecycleConfig {
            name: "setup".to_owned(),
            on_create: hook("echo \"installing\"\n  exit 1\necho never"),
            on_start: hook("echo starting"),
            tags: Tags::new(),
            created: Timestamp::UNIX_EPOCH,
            modified: Timestamp::UNIX_EPOCH,
        };
        let first = config.run(true);
        assert_eq!((first.len(), first[0].stream.as_str()), (1, "LifecycleConfigOnCreate"));
        assert_eq!(
            (first[0].failed, first[0].lines[0].as_str(), first[0].lines.len()),
            (true, "installing", 2)
        );
        let later = config.run(false);
        assert_eq!((later.len(), later[0].failed, later[0].lines[0].as_str()), (1, false, "starting"));
    }
}
