//! CloudWatch Logs: groups of streams of events, and the ways to read them.
//!
//! Events are rows in the order of their stream, their time and their arrival, so that a page of a stream or of a
//! group is a range, however many events there are. What a group keeps only for some days is gone for readers at the
//! moment it is too old, and from the disk soon after.

mod events;
mod groups;
mod live_tail;
mod pattern;
mod reading;
mod streams;
mod tags;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::call::{Call, Place};
use super::operation::operations;
use super::refusal::Refusal;
use super::store::{Kept, Table};
use super::tags::Tagged;
use super::world::World;
use events::{Event, Incoming};
use groups::Group;
use live_tail::Session;
use streams::Stream;

/// What CloudWatch Logs holds.
#[derive(Debug)]
pub(crate) struct State {
    /// By place and name.
    groups: Table<Group>,
    /// By their group's key and their name.
    streams: Table<Stream>,
    /// By their stream's key, their time and their number.
    events: Table<Event>,
    /// How many events there ever were, in one row: the newest event's number.
    counted: Table<u64>,
    /// Who looks on live. A restart ends their connections, so they are not kept.
    sessions: Vec<Session>,
    /// When events are next looked at for their age.
    next_sweep: Option<Timestamp>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            groups: Table::new("logs-groups"),
            streams: Table::new("logs-streams"),
            events: Table::new("logs-events"),
            counted: Table::new("logs-counted"),
            sessions: Vec::new(),
            next_sweep: None,
        }
    }
}

impl State {
    pub(crate) fn tables(&mut self) -> Vec<&mut dyn Kept> {
        vec![&mut self.groups, &mut self.streams, &mut self.events, &mut self.counted]
    }

    /// A group of a place, or the refusal that there is none.
    fn group(&self, place: &Place, name: &str) -> Result<&Group, Refusal> {
        self.groups.get(&place.key(name)).ok_or_else(no_group)
    }

    fn group_mut(&mut self, place: &Place, name: &str) -> Result<&mut Group, Refusal> {
        self.groups.get_mut(&place.key(name)).ok_or_else(no_group)
    }
}

operations! {
    CreateLogGroup => groups::create, on group_resource;
    DescribeLogGroups => groups::describe, on group_resource;
    DeleteLogGroup => groups::delete, on group_resource;
    PutRetentionPolicy => groups::put_retention, on group_resource;
    DeleteRetentionPolicy => groups::delete_retention, on group_resource;
    PutLogGroupDeletionProtection => groups::put_deletion_protection, on group_resource;
    TagResource => tags::tag_resource, on tagged_resource;
    UntagResource => tags::untag_resource, on tagged_resource;
    ListTagsForResource => tags::list_for_resource, on tagged_resource;
    TagLogGroup => tags::tag_group, on group_resource;
    UntagLogGroup => tags::untag_group, on group_resource;
    ListTagsLogGroup => tags::list_of_group, on group_resource;
    CreateLogStream => streams::create, on stream_resource;
    DescribeLogStreams => streams::describe, on group_resource;
    DeleteLogStream => streams::delete, on stream_resource;
    PutLogEvents => events::put, on stream_resource;
    GetLogEvents => reading::get_log_events, on stream_resource;
    FilterLogEvents => reading::filter_log_events, on group_resource;
    StartLiveTail => live_tail::start, on live_tail_resource;
    TestMetricFilter => pattern::test_metric_filter;
}

/// How often events that are too old are looked for. Readers do not see them even before.
const SWEEP: Duration = Duration::from_mins(1);

pub(crate) fn tick(world: &mut World, now: Timestamp) {
    let logs = &mut world.logs;
    live_tail::tick(&mut logs.sessions, now);
    if logs.next_sweep.is_none_or(|due| now >= due) {
        logs.next_sweep = now.checked_add(SWEEP).ok();
        events::sweep(logs, now);
    }
}

/// The tagged things of a place.
pub(crate) fn tagged(world: &World, place: &Place) -> Vec<Tagged> {
    let prefix = place.prefix();
    let groups = world.logs.groups.under(&prefix).map(|(_, group)| group);
    groups
        .filter(|group| !group.tags.is_empty())
        .map(|group| Tagged { arn: group_arn(place, &group.name), tags: group.tags.clone() })
        .collect()
}

/// Writes events of a service itself (Firehose's errors, a notebook's log) to a stream. If `make` says so, the stream
/// and its group are made as such services make their own; otherwise the answer is `false` when the group or the
/// stream is not there.
pub(crate) fn write(
    world: &mut World,
    place: &Place,
    group: &str,
    stream: &str,
    make: bool,
    messages: &[String],
    now: Timestamp,
) -> bool {
    if make && (check_group_name(group).is_err() || streams::check_name(stream).is_err()) {
        return false;
    }
    let logs = &mut world.logs;
    let (group_key, stream_key) = (place.key(group), stream_key(place, group, stream));
    if make && !logs.groups.contains(&group_key) {
        logs.groups.insert(group_key.as_str(), Group::new(group, now));
    }
    if make && !logs.streams.contains(&stream_key) {
        logs.streams.insert(stream_key.as_str(), Stream::new(stream, now));
    }
    if !logs.groups.contains(&group_key) || !logs.streams.contains(&stream_key) {
        return false;
    }
    let timestamp = now.as_millisecond();
    let events = messages
        .iter()
        .filter(|message| !message.is_empty())
        .map(|message| Incoming { timestamp, message: message.clone() })
        .collect();
    events::ingest(logs, place, group, stream, events, now);
    true
}

/// Names hold no colon, so that it parts the names in a key.
fn stream_key(place: &Place, group: &str, stream: &str) -> String {
    format!("{}{stream}", streams_prefix(place, group))
}

/// What the keys of all streams and events of a group begin with.
fn streams_prefix(place: &Place, group: &str) -> String {
    format!("{}:", place.key(group))
}

/// A group's ARN as it is tagged: without the `:*` that the same ARN ends with elsewhere.
fn group_arn(place: &Place, group: &str) -> String {
    place.arn("logs", &format!("log-group:{group}"))
}

/// The name in a group's ARN, if it is one of this place.
fn name_in_arn<'a>(place: &Place, arn: &'a str) -> Option<&'a str> {
    arn.strip_prefix(&group_arn(place, ""))
}

/// The group that a call means by its name or its identifier, which is the name or the ARN.
fn named_group<'a>(
    place: &Place,
    name: Option<&'a str>,
    identifier: Option<&'a str>,
) -> Result<&'a str, Refusal> {
    match (name, identifier) {
        (None, Some(arn)) if arn.starts_with("arn:") => {
            let name = name_in_arn(place, arn).ok_or_else(no_group)?;
            Ok(name.strip_suffix(":*").unwrap_or(name))
        }
        (Some(name), None) | (None, Some(name)) => Ok(name),
        (Some(_), Some(_)) => {
            Err(invalid("LogGroupName and LogGroupIdentifier are mutually exclusive parameters."))
        }
        (None, None) => Err(invalid("Either LogGroupName or LogGroupIdentifier must be specified.")),
    }
}

fn check_group_name(name: &str) -> Result<(), Refusal> {
    const AT: &str = "logGroupName";
    check_length(AT, name, 512)?;
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || ".-_/#".contains(letter)) {
        return Err(constraint(
            name,
            AT,
            "Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+",
        ));
    }
    if name.starts_with("aws/") {
        return Err(invalid("Log groups starting with aws/ are reserved for AWS."));
    }
    Ok(())
}

fn check_length(member: &str, text: &str, most: usize) -> Result<(), Refusal> {
    if text.is_empty() {
        return Err(constraint(text, member, "Member must have length greater than or equal to 1"));
    }
    if text.chars().count() > most {
        let rule = format!("Member must have length less than or equal to {most}");
        return Err(constraint(text, member, &rule));
    }
    Ok(())
}

/// How many things a page holds: at most, and if nothing is said, `most`.
fn page_size(limit: Option<i64>, most: usize) -> Result<usize, Refusal> {
    let Some(limit) = limit else { return Ok(most) };
    if limit < 1 {
        return Err(constraint(limit, "limit", "Member must have value greater than or equal to 1"));
    }
    usize::try_from(limit).ok().filter(|limit| *limit <= most).ok_or_else(|| {
        let rule = format!("Member must have value less than or equal to {most}");
        constraint(limit, "limit", &rule)
    })
}

fn check_time(member: &str, time: Option<i64>) -> Result<(), Refusal> {
    match time {
        Some(time) if time < 0 => {
            Err(constraint(time, member, "Member must have value greater than or equal to 0"))
        }
        _ => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

fn constraint(value: impl std::fmt::Display, member: &str, rule: &str) -> Refusal {
    invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

fn invalid_token() -> Refusal {
    invalid("The specified nextToken is invalid.")
}

fn no_group() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log group does not exist.")
}

fn no_stream() -> Refusal {
    Refusal::new("ResourceNotFoundException", "The specified log stream does not exist.")
}

fn text<'a>(input: &'a Value, member: &str) -> &'a str {
    input.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn group_of<'a>(call: &Call, input: &'a Value) -> &'a str {
    let identifier = text(input, "logGroupIdentifier");
    match name_in_arn(&call.place, identifier) {
        Some(name) => name.strip_suffix(":*").unwrap_or(name),
        None if identifier.is_empty() => text(input, "logGroupName"),
        None => identifier,
    }
}

/// What a call about a group is about. AWS names no stream, but writes the colon before its name: so a policy must end
/// with `:*` to allow it.
fn group_resource(call: &Call, input: &Value) -> String {
    format!("{}:log-stream:", group_arn(&call.place, group_of(call, input)))
}

fn stream_resource(call: &Call, input: &Value) -> String {
    format!("{}{}", group_resource(call, input), text(input, "logStreamName"))
}

fn live_tail_resource(_: &Call, input: &Value) -> String {
    let first = input.get("logGroupIdentifiers").and_then(|arns| arns.get(0)).and_then(Value::as_str);
    format!("{}:log-stream:", first.unwrap_or_default())
}

fn tagged_resource(_: &Call, input: &Value) -> String {
    text(input, "resourceArn").to_owned()
}
