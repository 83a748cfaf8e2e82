//! The notebook's lifecycle configuration: the script that runs, as root, at each of its starts. It sets the watch that
//! stops a forgotten instance, runs the operator's own script, says where the lake is, and leaves everything that takes
//! long to the background: SageMaker gives up on a start whose scripts take more than five minutes.

use async_trait::async_trait;
use aws_sdk_sagemaker::types::NotebookInstanceLifecycleHook;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Resource, differs, owner_in_sagemaker, sagemaker_tags, tag_in_sagemaker};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::names::Names;
use crate::stack::plan::{Difference, Found, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct NotebookConfig;

const KIND: Kind = Kind::NotebookConfig;
const AT_START: &str = "at each start";
const WHEN_MADE: &str = "when made";
/// SageMaker's limit for a script, in base64.
const LONGEST: usize = 16_384;

const ON_START: &str = include_str!("../../../assets/notebook/on_start.sh");
const IDLE_STOP: &str = include_str!("../../../assets/notebook/idle_stop.py");

/// A text as a shell takes it: one word, whatever is in it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The whole script. `own` is the operator's.
fn script(names: &Names, idle_minutes: u32, own: &str) -> String {
    let settings = [
        ("bucket", names.of(Kind::Bucket)),
        ("prefix", names.lake()),
        ("document", names.of(Kind::NotebookFile)),
        ("region", names.region.as_str()),
        ("notebook", names.of(Kind::Notebook)),
        ("idle_seconds", &(u64::from(idle_minutes) * 60).to_string()),
    ];
    let settings: Vec<String> =
        settings.iter().map(|(name, value)| format!("{name}={}", quoted(value))).collect();
    // The own script goes in last, so that nothing in it is taken for a place to put something.
    ON_START
        .replace("@settings@", &settings.join("\n"))
        .replace("@idle_stop@", IDLE_STOP.trim_end())
        .replace("@own@", own.trim_end())
}

fn wanted_script(stack: &Stack) -> Result<String, StackError> {
    let own = match stack.settings.notebook_script.as_ref() {
        Some(path) => std::fs::read_to_string(path).map_err(StackError::file("read", path))?,
        None => String::new(),
    };
    let script = script(&stack.names, stack.settings.notebook_idle_minutes.get(), &own);
    let length = STANDARD.encode(&script).len();
    if length > LONGEST { Err(StackError::ScriptTooLong { length, most: LONGEST }) } else { Ok(script) }
}

fn hook(stack: &Stack) -> Result<NotebookInstanceLifecycleHook, StackError> {
    let content = STANDARD.encode(wanted_script(stack)?);
    Ok(NotebookInstanceLifecycleHook::builder().content(content).build())
}

/// What the hooks run; what is not text is shown as it came.
fn scripts(hooks: &[NotebookInstanceLifecycleHook]) -> String {
    let text = |hook: &NotebookInstanceLifecycleHook| {
        let content = hook.content().unwrap_or_default();
        let bytes = STANDARD.decode(content).ok();
        bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| content.to_owned())
    };
    let scripts: Vec<String> = hooks.iter().map(text).collect();
    if scripts.is_empty() { "nothing".to_owned() } else { scripts.join("\n") }
}

#[async_trait]
impl Resource for NotebookConfig {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(AT_START, wanted_script(stack)?)
            .with(WHEN_MADE, "nothing"))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let name = stack.names.of(KIND);
        let request = stack
            .cloud
            .sagemaker
            .describe_notebook_instance_lifecycle_config()
            .notebook_instance_lifecycle_config_name(name);
        let answer =
            stack.call(KIND, Operation::DescribeNotebookInstanceLifecycleConfig, request.send()).await;
        let Some(there) = if_there(answer)? else { return Ok(None) };
        let arn = there.notebook_instance_lifecycle_config_arn().unwrap_or_default();
        let Some(owner) = if_there(owner_in_sagemaker(stack, KIND, arn).await)? else { return Ok(None) };
        let found = Found::ready(name, arn)
            .with(OWNER, owner)
            .with(AT_START, scripts(there.on_start()))
            .with(WHEN_MADE, scripts(there.on_create()));
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let request = stack
            .cloud
            .sagemaker
            .create_notebook_instance_lifecycle_config()
            .notebook_instance_lifecycle_config_name(stack.names.of(KIND))
            .on_start(hook(stack)?)
            .set_tags(Some(sagemaker_tags(stack)));
        or_there(stack.call(KIND, Operation::CreateNotebookInstanceLifecycleConfig, request.send()).await)
    }

    /// A notebook that runs has the new script from its next start on.
    async fn change(
        &self,
        stack: &Stack,
        found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        if differs(differences, OWNER) {
            tag_in_sagemaker(stack, KIND, &found.arn).await?;
        }
        if differs(differences, AT_START) || differs(differences, WHEN_MADE) {
            let request = stack
                .cloud
                .sagemaker
                .update_notebook_instance_lifecycle_config()
                .notebook_instance_lifecycle_config_name(stack.names.of(KIND))
                .on_start(hook(stack)?)
                .set_on_create(Some(Vec::new()));
            stack.call(KIND, Operation::UpdateNotebookInstanceLifecycleConfig, request.send()).await?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        let request = stack
            .cloud
            .sagemaker
            .delete_notebook_instance_lifecycle_config()
            .notebook_instance_lifecycle_config_name(stack.names.of(KIND));
        stack.call(KIND, Operation::DeleteNotebookInstanceLifecycleConfig, request.send()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_whole_and_leaves_room_for_one_of_the_operators() {
        let script = script(&Names::example(), 60, "echo 'own @settings@'\n");
        assert!(!script.contains("@idle_stop@") && !script.contains("@own@"));
        assert!(script.contains("echo 'own @settings@'"), "the own script is taken as it is");
        assert!(
            script.contains("idle_seconds='3600'")
                && script.contains("bucket='hydrant-123456789012-eu-central-1'")
        );
        let length = STANDARD.encode(&script).len();
        assert!(length < LONGEST - 4_096, "{length} of {LONGEST}");
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        assert_eq!(quoted("it's $(here)"), r"'it'\''s $(here)'");
    }
}
