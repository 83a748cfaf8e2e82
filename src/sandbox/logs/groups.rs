//! Log groups: what they are called, how long they keep their events, and what protects them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    check_group_name, constraint, group_arn, invalid, invalid_token, named_group, page_size, streams_prefix,
};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::fault::Kind;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::paging;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tag, Tags};
use crate::sandbox::world::World;

/// A log group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) name: String,
    created: Timestamp,
    pub(super) class: Class,
    kms_key: Option<String>,
    retention_days: Option<i64>,
    pub(super) tags: Tags,
    pub(super) stored_bytes: u64,
    pub(super) protected: bool,
}

/// What a group costs, and what can be done with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) enum Class {
    #[default]
    Standard,
    InfrequentAccess,
}

impl Group {
    pub(super) fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created: now,
            class: Class::default(),
            kms_key: None,
            retention_days: None,
            tags: Tags::new(),
            stored_bytes: 0,
            protected: false,
        }
    }

    /// Events before this time, in milliseconds since 1970, are not kept any more.
    pub(super) fn keeps_from(&self, now: Timestamp) -> i64 {
        let day = jiff::SignedDuration::from_hours(24).as_secs() * 1000;
        self.retention_days.map_or(0, |days| now.as_millisecond().saturating_sub(days.saturating_mul(day)))
    }

    fn show(&self, place: &Place) -> Value {
        let arn = group_arn(place, &self.name);
        let mut shown = json!({
            "logGroupName": self.name,
            "creationTime": self.created.as_millisecond(),
            "metricFilterCount": 0,
            "arn": format!("{arn}:*"),
            "storedBytes": self.stored_bytes,
            "logGroupClass": self.class,
            "logGroupArn": arn,
            "deletionProtectionEnabled": self.protected,
        });
        if let Some(days) = self.retention_days {
            shown["retentionInDays"] = json!(days);
        }
        if let Some(key) = &self.kms_key {
            shown["kmsKeyId"] = json!(key);
        }
        shown
    }

    /// What a search by a part of the name shows.
    fn show_briefly(&self, place: &Place) -> Value {
        json!({
            "logGroupName": self.name,
            "creationTime": self.created.as_millisecond(),
            "arn": format!("{}:*", group_arn(place, &self.name)),
        })
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateLogGroup {
    log_group_name: String,
    kms_key_id: Option<String>,
    #[serde(default)]
    tags: Tags,
    log_group_class: Option<String>,
    #[serde(default)]
    deletion_protection_enabled: bool,
}

pub(super) fn create(world: &mut World, call: &Call, input: CreateLogGroup) -> Answer {
    let name = input.log_group_name;
    check_group_name(&name)?;
    let class = match input.log_group_class.as_deref() {
        None | Some("STANDARD") => Class::Standard,
        Some("INFREQUENT_ACCESS") => Class::InfrequentAccess,
        Some(other) => {
            let rule = "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS]";
            return Err(constraint(other, "logGroupClass", rule));
        }
    };
    let tags = tags::merge(&Tags::new(), &as_list(input.tags), "InvalidParameterException")?;
    let key = call.place.key(&name);
    let groups = &mut world.logs.groups;
    if groups.contains(&key) {
        return Err(Refusal::new("ResourceAlreadyExistsException", "The specified log group already exists"));
    }
    let group = Group {
        class,
        kms_key: input.kms_key_id,
        tags,
        protected: input.deletion_protection_enabled,
        ..Group::new(&name, call.now)
    };
    groups.insert(key, group);
    Ok(Reply::empty())
}

/// Tags as the other services take them.
pub(super) fn as_list(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag { key, value }).collect()
}

/// No page of groups or streams is larger.
pub(super) const LARGEST_PAGE: usize = 50;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeLogGroups {
    log_group_name_prefix: Option<String>,
    log_group_name_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    log_group_class: Option<String>,
    log_group_identifiers: Option<Vec<String>>,
    /// No account is linked to another here: it makes no difference.
    #[serde(rename = "includeLinkedAccounts")]
    _include_linked_accounts: Option<bool>,
}

pub(super) fn describe(world: &mut World, call: &Call, input: DescribeLogGroups) -> Answer {
    let limit = page_size(input.limit, LARGEST_PAGE)?;
    let (prefix, part) = (input.log_group_name_prefix.as_deref(), input.log_group_name_pattern.as_deref());
    if prefix.is_some() && part.is_some() {
        return Err(invalid(
            "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
        ));
    }
    let identified = input.log_group_identifiers.as_deref();
    if identified.is_some() && (prefix.is_some() || part.is_some() || input.log_group_class.is_some()) {
        return Err(invalid("LogGroup identifiers cannot be combined with other filters."));
    }
    let identified = match identified {
        Some(identifiers) if identifiers.is_empty() || identifiers.len() > LARGEST_PAGE => {
            return Err(invalid("LogGroup identifiers must be between 1 and 50."));
        }
        Some(identifiers) => {
            let names = identifiers.iter().map(|identifier| named_group(&call.place, None, Some(identifier)));
            Some(names.filter_map(Result::ok).collect::<Vec<_>>())
        }
        None => None,
    };
    let class = match input.log_group_class.as_deref() {
        None => None,
        Some("STANDARD") => Some(vec![Class::Standard]),
        Some("INFREQUENT_ACCESS" | "ESSENTIALS") => Some(vec![Class::InfrequentAccess]),
        Some("DELIVERY") => Some(vec![]),
        Some(other) => {
            let rule =
                "Member must satisfy enum value set: [STANDARD, INFREQUENT_ACCESS, DELIVERY, ESSENTIALS]";
            return Err(constraint(other, "logGroupClass", rule));
        }
    };
    let after = match input.next_token.as_deref() {
        Some(token) => Some(paging::read_token(token).ok_or_else(invalid_token)?),
        None => None,
    };
    let wanted = |group: &Group| {
        prefix.is_none_or(|prefix| group.name.starts_with(prefix))
            && part.is_none_or(|part| group.name.contains(part))
            && class.as_ref().is_none_or(|classes| classes.contains(&group.class))
            && identified.as_ref().is_none_or(|names| names.contains(&group.name.as_str()))
    };
    let place = &call.place;
    let of_place = place.prefix();
    let groups = world
        .logs
        .groups
        .under(&of_place)
        .filter(|(_, group)| wanted(group))
        .map(|(_, group)| (group.name.clone(), group));
    let page = paging::page(groups, after.as_deref(), limit);
    let shown: Vec<Value> = page
        .items
        .into_iter()
        .map(|group| if part.is_some() { group.show_briefly(place) } else { group.show(place) })
        .collect();
    let mut answer = json!({ "logGroups": shown });
    if let Some(next) = page.next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer.into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OneGroup {
    log_group_name: String,
}

/// Gone at once, with all its streams and events; with a stuck deletion, AWS accepts it and nothing comes of it.
pub(super) fn delete(world: &mut World, call: &Call, input: OneGroup) -> Answer {
    let name = &input.log_group_name;
    world.logs.group(&call.place, name)?.check_unprotected()?;
    if world.faults.strikes(Kind::StuckDelete, "logs", &call.operation) {
        return Ok(Reply::empty());
    }
    let (logs, prefix) = (&mut world.logs, streams_prefix(&call.place, name));
    logs.groups.remove(&call.place.key(name));
    logs.streams.remove_under(&prefix);
    logs.events.remove_under(&prefix);
    Ok(Reply::empty())
}

impl Group {
    pub(super) fn check_unprotected(&self) -> Result<(), Refusal> {
        if !self.protected {
            return Ok(());
        }
        Err(Refusal::new(
            "ValidationException",
            "The log group has deletion protection enabled. Disable it before deleting the log group or its streams.",
        ))
    }
}

/// For how many days a group may keep its events.
const RETENTIONS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutRetentionPolicy {
    log_group_name: String,
    retention_in_days: i64,
}

pub(super) fn put_retention(world: &mut World, call: &Call, input: PutRetentionPolicy) -> Answer {
    let days = input.retention_in_days;
    if !RETENTIONS.contains(&days) {
        let rule = format!("Member must satisfy enum value set: {RETENTIONS:?}");
        return Err(constraint(days, "retentionInDays", &rule));
    }
    world.logs.group_mut(&call.place, &input.log_group_name)?.retention_days = Some(days);
    Ok(Reply::empty())
}

pub(super) fn delete_retention(world: &mut World, call: &Call, input: OneGroup) -> Answer {
    world.logs.group_mut(&call.place, &input.log_group_name)?.retention_days = None;
    Ok(Reply::empty())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutDeletionProtection {
    log_group_identifier: String,
    deletion_protection_enabled: bool,
}

pub(super) fn put_deletion_protection(
    world: &mut World,
    call: &Call,
    input: PutDeletionProtection,
) -> Answer {
    let name = named_group(&call.place, None, Some(&input.log_group_identifier))?;
    world.logs.group_mut(&call.place, name)?.protected = input.deletion_protection_enabled;
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    fn with_groups(names: &[&str]) -> Trial {
        let mut trial = Trial::new();
        for name in names {
            trial.ask("logs", "CreateLogGroup", json!({ "logGroupName": name })).expect("made");
        }
        trial
    }

    fn names(answer: &Value) -> Vec<&str> {
        let groups = answer["logGroups"].as_array().expect("a list");
        groups.iter().filter_map(|group| group["logGroupName"].as_str()).collect()
    }

    #[test]
    fn a_group_is_shown_with_both_forms_of_its_arn_and_no_retention_until_there_is_one() {
        let mut trial = with_groups(&["/hydrant/posts"]);
        let group = trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups")["logGroups"][0].take();
        assert_eq!(group["arn"], "arn:aws:logs:us-east-1:123456789012:log-group:/hydrant/posts:*");
        assert_eq!(group["logGroupArn"], "arn:aws:logs:us-east-1:123456789012:log-group:/hydrant/posts");
        assert_eq!(group["creationTime"], trial.now.as_millisecond());
        assert_eq!(group["logGroupClass"], "STANDARD");
        assert!(group.get("retentionInDays").is_none());
        let seven = json!({ "logGroupName": "/hydrant/posts", "retentionInDays": 7 });
        trial.ask("logs", "PutRetentionPolicy", seven).expect("set");
        let group = trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups")["logGroups"][0].take();
        assert_eq!(group["retentionInDays"], 7);
        let name = json!({ "logGroupName": "/hydrant/posts" });
        trial.ask("logs", "DeleteRetentionPolicy", name).expect("unset");
        let group = trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups")["logGroups"][0].take();
        assert!(group.get("retentionInDays").is_none());
    }

    #[test]
    fn a_name_is_taken_once_and_only_of_the_letters_allowed() {
        let mut trial = with_groups(&["a"]);
        let mut code = |name: &str| trial.refused("logs", "CreateLogGroup", json!({ "logGroupName": name }));
        assert_eq!(code("a"), "ResourceAlreadyExistsException");
        for bad in ["", "two words", "a:b", "a*", "aws/mine", "é", &"a".repeat(513)] {
            assert_eq!(code(bad), "InvalidParameterException", "{bad}");
        }
    }

    #[test]
    fn groups_come_in_pages_in_the_order_of_their_names() {
        let mut trial = with_groups(&["b/2", "a", "b/1", "b/3"]);
        let first = trial.ask("logs", "DescribeLogGroups", json!({ "logGroupNamePrefix": "b/", "limit": 2 }));
        let first = first.expect("a page");
        assert_eq!(names(&first), ["b/1", "b/2"]);
        let next = json!({ "logGroupNamePrefix": "b/", "limit": 2, "nextToken": first["nextToken"] });
        let last = trial.ask("logs", "DescribeLogGroups", next).expect("a page");
        assert_eq!(names(&last), ["b/3"]);
        assert!(last.get("nextToken").is_none());
    }

    #[test]
    fn a_search_is_by_the_beginning_or_by_a_part_of_the_name_never_both() {
        let mut trial = with_groups(&["/a/DataLogs", "/b/datalogs"]);
        let found = trial.ask("logs", "DescribeLogGroups", json!({ "logGroupNamePattern": "Data" }));
        assert_eq!(names(&found.expect("groups")), ["/a/DataLogs"]);
        let both = json!({ "logGroupNamePattern": "Data", "logGroupNamePrefix": "/a" });
        assert_eq!(trial.refused("logs", "DescribeLogGroups", both), "InvalidParameterException");
        let many = json!({ "limit": 51 });
        assert_eq!(trial.refused("logs", "DescribeLogGroups", many), "InvalidParameterException");
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:/b/datalogs";
        let found = trial.ask("logs", "DescribeLogGroups", json!({ "logGroupIdentifiers": [arn] }));
        assert_eq!(names(&found.expect("groups")), ["/b/datalogs"]);
    }

    #[test]
    fn only_certain_numbers_of_days_can_be_kept() {
        let mut trial = with_groups(&["a"]);
        let days = |name: &str, days: i64| json!({ "logGroupName": name, "retentionInDays": days });
        for bad in [0, 2, 31, -1] {
            let code = trial.refused("logs", "PutRetentionPolicy", days("a", bad));
            assert_eq!(code, "InvalidParameterException", "{bad}");
        }
        assert_eq!(trial.refused("logs", "PutRetentionPolicy", days("none", 7)), "ResourceNotFoundException");
    }

    #[test]
    fn a_deleted_group_takes_its_streams_with_it_and_leaves_its_neighbours() {
        let mut trial = with_groups(&["a", "ab"]);
        for group in ["a", "ab"] {
            let stream = json!({ "logGroupName": group, "logStreamName": "s" });
            trial.ask("logs", "CreateLogStream", stream).expect("made");
        }
        trial.ask("logs", "DeleteLogGroup", json!({ "logGroupName": "a" })).expect("deleted");
        let group = |name: &str| json!({ "logGroupName": name });
        assert_eq!(trial.refused("logs", "DescribeLogStreams", group("a")), "ResourceNotFoundException");
        assert_eq!(trial.refused("logs", "DeleteLogGroup", group("a")), "ResourceNotFoundException");
        let left = trial.ask("logs", "DescribeLogStreams", group("ab")).expect("streams");
        assert_eq!(left["logStreams"][0]["logStreamName"], "s");
        trial.ask("logs", "CreateLogGroup", group("a")).expect("made again");
        let anew = trial.ask("logs", "DescribeLogStreams", group("a")).expect("streams");
        assert_eq!(anew["logStreams"], json!([]));
    }

    #[test]
    fn a_stuck_deletion_leaves_the_group() {
        let mut trial = with_groups(&["a"]);
        trial.world.faults.set(["stuck-delete:logs".parse().expect("a fault")]);
        trial.ask("logs", "DeleteLogGroup", json!({ "logGroupName": "a" })).expect("accepted");
        let left = trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups");
        assert_eq!(names(&left), ["a"]);
    }

    #[test]
    fn a_protected_group_is_not_deleted_until_the_protection_is_taken_off() {
        let mut trial = Trial::new();
        let group = json!({ "logGroupName": "a", "deletionProtectionEnabled": true });
        trial.ask("logs", "CreateLogGroup", group).expect("made");
        let name = json!({ "logGroupName": "a" });
        assert_eq!(trial.refused("logs", "DeleteLogGroup", name.clone()), "ValidationException");
        let off = json!({ "logGroupIdentifier": "a", "deletionProtectionEnabled": false });
        trial.ask("logs", "PutLogGroupDeletionProtection", off).expect("off");
        trial.ask("logs", "DeleteLogGroup", name).expect("deleted");
    }
}
