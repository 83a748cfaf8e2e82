//! The tags of log groups: by ARN, and by name as older clients do it.

use serde::Deserialize;
use serde_json::json;

use super::groups::as_list;
use super::{constraint, name_in_arn, no_group};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tags};
use crate::sandbox::world::World;

/// What a group may carry.
const MOST: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagResource {
    resource_arn: String,
    tags: Tags,
}

pub(super) fn tag_resource(world: &mut World, call: &Call, input: TagResource) -> Answer {
    let group = group_in(&call.place, &input.resource_arn)?;
    tag(world, call, group, input.tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

pub(super) fn untag_resource(world: &mut World, call: &Call, input: UntagResource) -> Answer {
    let group = group_in(&call.place, &input.resource_arn)?;
    untag(world, call, group, &input.tag_keys)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListTagsForResource {
    resource_arn: String,
}

pub(super) fn list_for_resource(world: &mut World, call: &Call, input: ListTagsForResource) -> Answer {
    let group = group_in(&call.place, &input.resource_arn)?;
    list(world, call, group)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TagLogGroup {
    log_group_name: String,
    tags: Tags,
}

pub(super) fn tag_group(world: &mut World, call: &Call, input: TagLogGroup) -> Answer {
    tag(world, call, &input.log_group_name, input.tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UntagLogGroup {
    log_group_name: String,
    tags: Vec<String>,
}

pub(super) fn untag_group(world: &mut World, call: &Call, input: UntagLogGroup) -> Answer {
    untag(world, call, &input.log_group_name, &input.tags)
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ListTagsLogGroup {
    log_group_name: String,
}

pub(super) fn list_of_group(world: &mut World, call: &Call, input: ListTagsLogGroup) -> Answer {
    list(world, call, &input.log_group_name)
}

/// The group of an ARN. Here, unlike elsewhere in this service, the ARN must not end with `:*`.
fn group_in<'a>(place: &Place, arn: &'a str) -> Result<&'a str, Refusal> {
    if arn.is_empty() || arn.contains('*') {
        let rule = "Member must satisfy regular expression pattern: [\\w+=/:,.@-]*";
        return Err(constraint(arn, "resourceArn", rule));
    }
    name_in_arn(place, arn).ok_or_else(no_group)
}

fn tag(world: &mut World, call: &Call, group: &str, new: Tags) -> Answer {
    let there = &world.logs.group(&call.place, group)?.tags;
    let added = new.keys().filter(|key| !there.contains_key(*key)).count();
    if there.len() + added > MOST {
        return Err(Refusal::new(
            "TooManyTagsException",
            format!("The log group can have at most {MOST} tags"),
        ));
    }
    let tags = tags::merge(there, &as_list(new), "InvalidParameterException")?;
    world.logs.group_mut(&call.place, group)?.tags = tags;
    Ok(Reply::empty())
}

fn untag(world: &mut World, call: &Call, group: &str, keys: &[String]) -> Answer {
    let group = world.logs.group_mut(&call.place, group)?;
    group.tags.retain(|key, _| !keys.contains(key));
    Ok(Reply::empty())
}

fn list(world: &World, call: &Call, group: &str) -> Answer {
    Ok(json!({ "tags": world.logs.group(&call.place, group)?.tags }).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::logs;
    use crate::sandbox::trial::Trial;

    const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:a";

    fn with_group() -> Trial {
        let mut trial = Trial::new();
        let group = json!({ "logGroupName": "a", "tags": { "owner": "me" } });
        trial.ask("logs", "CreateLogGroup", group).expect("made");
        trial
    }

    #[test]
    fn tags_are_the_same_by_arn_and_by_name() {
        let mut trial = with_group();
        trial
            .ask("logs", "TagResource", json!({ "resourceArn": ARN, "tags": { "stack": "x" } }))
            .expect("tagged");
        trial
            .ask("logs", "UntagLogGroup", json!({ "logGroupName": "a", "tags": ["owner"] }))
            .expect("untagged");
        let tags = trial.ask("logs", "ListTagsForResource", json!({ "resourceArn": ARN })).expect("tags");
        assert_eq!(tags, json!({ "tags": { "stack": "x" } }));
        let tags = trial.ask("logs", "ListTagsLogGroup", json!({ "logGroupName": "a" })).expect("tags");
        assert_eq!(tags, json!({ "tags": { "stack": "x" } }));
    }

    #[test]
    fn an_arn_is_taken_without_its_star() {
        let mut trial = with_group();
        let mut code =
            |arn: &str| trial.refused("logs", "ListTagsForResource", json!({ "resourceArn": arn }));
        assert_eq!(code(&format!("{ARN}:*")), "InvalidParameterException");
        assert_eq!(code(&format!("{ARN}b")), "ResourceNotFoundException");
        assert_eq!(code(&ARN.replace("us-east-1", "eu-west-1")), "ResourceNotFoundException");
    }

    #[test]
    fn a_group_carries_fifty_tags_and_no_more() {
        let mut trial = with_group();
        let many: Tags = (0..50).map(|number| (format!("t{number}"), String::new())).collect();
        let code = trial.refused("logs", "TagResource", json!({ "resourceArn": ARN, "tags": many }));
        assert_eq!(code, "TooManyTagsException");
    }

    #[test]
    fn the_search_by_tag_finds_groups_by_the_arn_that_takes_tags() {
        let trial = with_group();
        let place = Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let found = logs::tagged(&trial.world, &place);
        assert_eq!(found.iter().map(|tagged| tagged.arn.as_str()).collect::<Vec<_>>(), [ARN]);
    }
}
