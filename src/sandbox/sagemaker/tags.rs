//! The tags of notebook instances, lifecycle configurations and processing jobs.

use serde::Deserialize;
use serde_json::json;

use super::constraints::Constraints;
use super::{Kind, State, invalid, key};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tag, Tags};
use crate::sandbox::world::World;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct AddTags {
    resource_arn: String,
    tags: Vec<Tag>,
}

pub(super) fn add(world: &mut World, call: &Call, input: AddTags) -> Answer {
    let there = find(&mut world.sagemaker, call, &input.resource_arn)?;
    *there = tags::merge(there, &input.tags, "ValidationException")?;
    Ok(json!({ "Tags": tags::list(there) }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListTags {
    resource_arn: String,
    next_token: Option<String>,
    max_results: Option<i64>,
}

/// A resource has at most fifty tags and a page at least fifty places: there is one page.
pub(super) fn list(world: &mut World, call: &Call, input: ListTags) -> Answer {
    let mut constraints = Constraints::default();
    constraints.within("maxResults", input.max_results.unwrap_or(50), &(50..=i64::MAX));
    constraints.hold()?;
    if input.next_token.is_some_and(|token| !token.is_empty()) {
        return Err(invalid("The NextToken is not valid"));
    }
    Ok(json!({ "Tags": tags::list(find(&mut world.sagemaker, call, &input.resource_arn)?) }).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteTags {
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) fn delete(world: &mut World, call: &Call, input: DeleteTags) -> Answer {
    let mut constraints = Constraints::default();
    constraints.must(!input.tag_keys.is_empty(), "tagKeys", "[]", "have length greater than or equal to 1");
    constraints.at_most("tagKeys", input.tag_keys.len(), 50);
    constraints.hold()?;
    let there = find(&mut world.sagemaker, call, &input.resource_arn)?;
    there.retain(|key, _| !input.tag_keys.contains(key));
    Ok(Reply::empty())
}

/// The tags of a resource by its ARN.
fn find<'a>(state: &'a mut State, call: &Call, arn: &str) -> Result<&'a mut Tags, Refusal> {
    let not_found = || invalid(format!("Could not find resource '{arn}'."));
    let (kind, name) = read_arn(&call.place, arn).ok_or_else(not_found)?;
    let key = key(&call.place, name);
    match kind {
        Kind::Notebook => {
            let there = state.notebooks.get(&key).is_some_and(|notebook| notebook.status(call.now).is_some());
            state.notebooks.get_mut(&key).filter(|_| there).map(|notebook| &mut notebook.tags)
        }
        Kind::LifecycleConfig => state.lifecycle_configs.get_mut(&key).map(|config| &mut config.tags),
        Kind::Job => state.jobs.get_mut(&key).map(|job| &mut job.tags),
    }
    .ok_or_else(not_found)
}

fn read_arn<'a>(place: &Place, arn: &'a str) -> Option<(Kind, &'a str)> {
    let (kind, name) = arn.strip_prefix(&place.arn("sagemaker", ""))?.split_once('/')?;
    Some((Kind::ALL.into_iter().find(|known| known.name() == kind)?, name))
}

#[cfg(test)]
mod tests {
    use crate::sandbox::trial::Trial;
    use serde_json::json;

    #[test]
    fn tags_are_added_replaced_and_taken() {
        let mut trial = Trial::new();
        let config = json!({
            "NotebookInstanceLifecycleConfigName": "setup", "Tags": [{ "Key": "a", "Value": "1" }],
        });
        let made = trial.ask("sagemaker", "CreateNotebookInstanceLifecycleConfig", config).expect("made");
        let arn = &made["NotebookInstanceLifecycleConfigArn"];
        let more = json!({ "ResourceArn": arn, "Tags": [{ "Key": "a", "Value": "2" }, { "Key": "b", "Value": "" }] });
        trial.ask("sagemaker", "AddTags", more).expect("added");
        let keys = json!({ "ResourceArn": arn, "TagKeys": ["b", "c"] });
        trial.ask("sagemaker", "DeleteTags", keys).expect("taken");
        let listed = trial.ask("sagemaker", "ListTags", json!({ "ResourceArn": arn })).expect("a list");
        assert_eq!(listed, json!({ "Tags": [{ "Key": "a", "Value": "2" }] }));
    }

    #[test]
    fn what_is_not_there_has_no_tags() {
        let mut trial = Trial::new();
        let place = "arn:aws:sagemaker:us-east-1:123456789012";
        for arn in
            [format!("{place}:notebook-instance/none"), format!("{place}:model/none"), "none".to_owned()]
        {
            assert_eq!(
                trial.refused("sagemaker", "ListTags", json!({ "ResourceArn": arn })),
                "ValidationException"
            );
        }
    }
}
