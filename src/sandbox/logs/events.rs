//! Events: how they are taken in, where they lie, and when they are too old.
//!
//! An event's key is its stream's key, its time in twenty digits and its number in twenty digits, so a stream's events
//! are neighbours in the order of their time, and of two of the same time the one that came first is first. Numbers
//! grow over all streams and are never given twice.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::streams::sequence_token;
use super::{State, check_time, constraint, invalid, live_tail, no_stream, stream_key, streams_prefix};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;

/// A log event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    /// When it happened, in milliseconds since 1970.
    pub(super) timestamp: i64,
    number: u64,
    /// When it came in, in milliseconds since 1970.
    pub(super) ingested: i64,
    pub(super) message: String,
}

impl Event {
    /// What it counts for in every limit and on the bill.
    pub(super) fn size(&self) -> u64 {
        size(&self.message)
    }

    pub(super) fn position(&self) -> Position {
        Position { timestamp: self.timestamp, number: self.number }
    }

    /// Unique and always the same.
    pub(super) fn id(&self) -> String {
        self.position().digits()
    }
}

/// AWS counts 26 bytes for an event beside its message.
const OVERHEAD: u64 = 26;

fn size(message: &str) -> u64 {
    message.len() as u64 + OVERHEAD
}

/// A place in the order of a stream's or a group's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    timestamp: i64,
    number: u64,
}

impl Position {
    /// Before every event of this time.
    pub(super) fn at(timestamp: i64) -> Self {
        Self { timestamp: timestamp.max(0), number: 0 }
    }

    /// The next one: nothing lies between the two.
    pub(super) fn next(self) -> Self {
        Self { number: self.number.saturating_add(1), ..self }
    }

    /// 56 digits, as AWS writes ids of events.
    pub(super) fn digits(self) -> String {
        format!("{:020}{:036}", self.timestamp, self.number)
    }

    pub(super) fn read(digits: &str) -> Option<Self> {
        if digits.len() != 56 || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let (timestamp, number) = digits.split_at_checked(20)?;
        Some(Self { timestamp: timestamp.parse().ok()?, number: number.parse().ok()? })
    }

    /// The same order as one number.
    pub(super) fn rank(self) -> u128 {
        u128::from(self.timestamp.unsigned_abs()) << 64 | u128::from(self.number)
    }

    fn key(self, stream_key: &str) -> String {
        format!("{stream_key}:{:020}:{:020}", self.timestamp, self.number)
    }
}

impl State {
    /// A stream's events from one position on and before another, in order, from either end.
    pub(super) fn stretch<'a>(
        &'a self,
        stream_key: &str,
        from: Position,
        to: Position,
    ) -> impl DoubleEndedIterator<Item = &'a Event> + use<'a> {
        self.events.between(&from.key(stream_key), &to.key(stream_key)).map(|(_, event)| event)
    }
}

/// An event on its way in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Incoming {
    pub(super) timestamp: i64,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PutLogEvents {
    log_group_name: String,
    log_stream_name: String,
    log_events: Vec<Incoming>,
    /// AWS ignores it since 2023.
    #[serde(rename = "sequenceToken")]
    _sequence_token: Option<String>,
}

const MOST_EVENTS: usize = 10_000;
const LARGEST_BATCH: u64 = 1_048_576;
const LONGEST_SPAN: Duration = Duration::from_hours(24);

pub(super) fn put(world: &mut World, call: &Call, input: PutLogEvents) -> Answer {
    check_batch(&input.log_events)?;
    let (group, stream, mut events) = (input.log_group_name, input.log_stream_name, input.log_events);
    let logs = &mut world.logs;
    let keeps_from = logs.group(&call.place, &group)?.keeps_from(call.now);
    if !logs.streams.contains(&stream_key(&call.place, &group, &stream)) {
        return Err(no_stream());
    }
    let taken = Taken::of(&events, keeps_from, call.now);
    events.truncate(taken.too_new_from);
    events.drain(..taken.expired_to.max(taken.too_old_to).min(events.len()));
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && i128::from(last.timestamp) - i128::from(first.timestamp) > i128::from(milliseconds(LONGEST_SPAN))
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    ingest(logs, &call.place, &group, &stream, events, call.now);
    let mut answer = json!({ "nextSequenceToken": sequence_token(call.now.as_millisecond()) });
    if let Some(rejected) = taken.rejected() {
        answer["rejectedLogEventsInfo"] = rejected;
    }
    Ok(answer.into())
}

fn check_batch(events: &[Incoming]) -> Result<(), Refusal> {
    if events.is_empty() {
        let rule = "Member must have length greater than or equal to 1";
        return Err(constraint("[]", "logEvents", rule));
    }
    if events.len() > MOST_EVENTS {
        let rule = format!("Member must have length less than or equal to {MOST_EVENTS}");
        return Err(constraint(format!("{} events", events.len()), "logEvents", &rule));
    }
    for (index, event) in events.iter().enumerate() {
        check_time(&format!("logEvents.{}.member.timestamp", index + 1), Some(event.timestamp))?;
        if event.message.is_empty() {
            let member = format!("logEvents.{}.member.message", index + 1);
            return Err(constraint("", &member, "Member must have length greater than or equal to 1"));
        }
        let bytes = size(&event.message);
        if bytes > LARGEST_BATCH {
            return Err(invalid(format!(
                "Log event too large: {bytes} bytes exceeds limit of {LARGEST_BATCH}"
            )));
        }
    }
    let bytes: u64 = events.iter().map(|event| size(&event.message)).sum();
    if bytes > LARGEST_BATCH {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {LARGEST_BATCH}")));
    }
    if !events.is_sorted_by_key(|event| event.timestamp) {
        return Err(invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    Ok(())
}

/// Events older than this are not taken.
const OLDEST: Duration = Duration::from_hours(14 * 24);
/// Events further ahead than this are not taken.
const NEWEST: Duration = Duration::from_hours(2);

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).expect("hours and days")
}

/// Which part of a batch is taken; its events are in order of their time.
struct Taken {
    /// Before this index, events are older than anything that is taken.
    too_old_to: usize,
    /// Before this index, events are older than what the group keeps.
    expired_to: usize,
    /// From this index on, events are too far ahead.
    too_new_from: usize,
    of: usize,
}

impl Taken {
    fn of(events: &[Incoming], keeps_from: i64, now: Timestamp) -> Self {
        let now = now.as_millisecond();
        let before = |time: i64| events.partition_point(|event| event.timestamp < time);
        Self {
            too_old_to: before(now - milliseconds(OLDEST)),
            expired_to: before(keeps_from),
            too_new_from: events.partition_point(|event| event.timestamp <= now + milliseconds(NEWEST)),
            of: events.len(),
        }
    }

    fn rejected(&self) -> Option<Value> {
        let mut rejected = Map::new();
        if self.too_old_to > 0 {
            rejected.insert("tooOldLogEventEndIndex".to_owned(), json!(self.too_old_to));
        }
        if self.expired_to > self.too_old_to {
            rejected.insert("expiredLogEventEndIndex".to_owned(), json!(self.expired_to));
        }
        if self.too_new_from < self.of {
            rejected.insert("tooNewLogEventStartIndex".to_owned(), json!(self.too_new_from));
        }
        (!rejected.is_empty()).then_some(Value::Object(rejected))
    }
}

/// The row that says how many events there ever were.
const COUNTED: &str = "events";

/// Takes events into a stream that is there, and shows them to who looks on live.
pub(super) fn ingest(
    logs: &mut State,
    place: &Place,
    group: &str,
    stream: &str,
    events: Vec<Incoming>,
    now: Timestamp,
) {
    let (group_key, stream_key) = (place.key(group), stream_key(place, group, stream));
    let (Some(first), Some(last)) =
        (events.iter().map(|event| event.timestamp).min(), events.iter().map(|event| event.timestamp).max())
    else {
        return;
    };
    let ingested = now.as_millisecond();
    let mut number = logs.counted.get(COUNTED).copied().unwrap_or(0);
    let mut bytes = 0;
    for Incoming { timestamp, message } in events {
        number += 1;
        let event = Event { timestamp, number, ingested, message };
        bytes += event.size();
        live_tail::offer(&mut logs.sessions, &group_key, stream, &event);
        logs.events.insert(event.position().key(&stream_key), event);
    }
    logs.counted.insert(COUNTED, number);
    if let Some(group) = logs.groups.get_mut(&group_key) {
        group.stored_bytes += bytes;
    }
    if let Some(stream) = logs.streams.get_mut(&stream_key) {
        stream.first_event = Some(stream.first_event.map_or(first, |there| there.min(first)));
        stream.last_event = Some(stream.last_event.map_or(last, |there| there.max(last)));
        stream.last_ingestion = Some(ingested);
    }
}

/// Removes what its group does not keep any more.
pub(super) fn sweep(logs: &mut State, now: Timestamp) {
    let limited: Vec<(String, i64)> = logs
        .groups
        .iter()
        .map(|(key, group)| (key.to_owned(), group.keeps_from(now)))
        .filter(|(_, keeps_from)| *keeps_from > 0)
        .collect();
    for (group_key, keeps_from) in limited {
        let streams: Vec<String> = logs
            .streams
            .under(&format!("{group_key}:"))
            .filter(|(_, stream)| stream.first_event.is_some_and(|first| first < keeps_from))
            .map(|(key, _)| key.to_owned())
            .collect();
        let freed: u64 = streams.iter().map(|stream| sweep_stream(logs, stream, keeps_from)).sum();
        if freed > 0
            && let Some(group) = logs.groups.get_mut(&group_key)
        {
            group.stored_bytes = group.stored_bytes.saturating_sub(freed);
        }
    }
}

/// Removes a stream's events before a time, and gives back what they stored.
fn sweep_stream(logs: &mut State, stream_key: &str, keeps_from: i64) -> u64 {
    let old: Vec<Position> = logs
        .stretch(stream_key, Position::at(0), Position::at(keeps_from))
        .map(|event| event.position())
        .collect();
    let mut freed = 0;
    for position in old {
        freed += logs.events.remove(&position.key(stream_key)).map_or(0, |event| event.size());
    }
    let first =
        logs.stretch(stream_key, Position::at(0), Position::at(i64::MAX)).next().map(|event| event.timestamp);
    if let Some(stream) = logs.streams.get_mut(stream_key) {
        stream.first_event = first;
        stream.last_event = stream.last_event.filter(|_| first.is_some());
    }
    freed
}

/// The keys and names of streams of a group that a reader may want.
pub(super) fn streams_of<'a>(
    logs: &'a State,
    place: &Place,
    group: &str,
    name_prefix: &str,
) -> impl Iterator<Item = (String, &'a str)> + use<'a> {
    let prefix = format!("{}{name_prefix}", streams_prefix(place, group));
    let streams: Vec<_> =
        logs.streams.under(&prefix).map(|(key, stream)| (key.to_owned(), stream.name.as_str())).collect();
    streams.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::logs;
    use crate::sandbox::trial::Trial;

    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;

    fn with_stream() -> Trial {
        let mut trial = Trial::new();
        trial.ask("logs", "CreateLogGroup", json!({ "logGroupName": "g" })).expect("made");
        let stream = json!({ "logGroupName": "g", "logStreamName": "s" });
        trial.ask("logs", "CreateLogStream", stream).expect("made");
        trial
    }

    /// A batch of events at these times from now.
    fn batch(trial: &Trial, ages: &[i64]) -> Value {
        let now = trial.now.as_millisecond();
        let events: Vec<Value> = ages
            .iter()
            .map(|age| json!({ "timestamp": now + age, "message": format!("at {age}") }))
            .collect();
        json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events })
    }

    fn messages(trial: &mut Trial) -> Vec<String> {
        let input = json!({ "logGroupName": "g", "logStreamName": "s", "startFromHead": true });
        let answer = trial.ask("logs", "GetLogEvents", input).expect("events");
        let events = answer["events"].as_array().expect("a list");
        events.iter().map(|event| event["message"].as_str().expect("text").to_owned()).collect()
    }

    #[test]
    fn a_batch_must_be_in_order_and_within_a_day() {
        let mut trial = with_stream();
        let disordered = batch(&trial, &[0, -1]);
        let refusal = trial.reply("logs", "PutLogEvents", disordered).expect_err("refused");
        assert_eq!(refusal.code, "InvalidParameterException");
        assert_eq!(
            refusal.message,
            "Log events in a single PutLogEvents request must be in chronological order."
        );
        let long = batch(&trial, &[-DAY - 1, 0]);
        assert_eq!(trial.refused("logs", "PutLogEvents", long), "InvalidParameterException");
        let a_day = batch(&trial, &[-DAY, 0]);
        trial.ask("logs", "PutLogEvents", a_day).expect("taken");
        assert_eq!(messages(&mut trial).len(), 2, "what was refused left nothing");
    }

    #[test]
    fn what_is_too_old_or_too_new_is_left_out_and_named_by_its_index() {
        let mut trial = with_stream();
        let mixed = batch(&trial, &[-15 * DAY, -14 * DAY - 1, -1, 0, 2 * HOUR, 2 * HOUR + 1]);
        let answer = trial.ask("logs", "PutLogEvents", mixed).expect("taken in part");
        assert_eq!(
            answer["rejectedLogEventsInfo"],
            json!({ "tooOldLogEventEndIndex": 2, "tooNewLogEventStartIndex": 5 })
        );
        assert_eq!(messages(&mut trial), ["at -1", "at 0", "at 7200000"]);
        let good = batch(&trial, &[0]);
        let answer = trial.ask("logs", "PutLogEvents", good).expect("taken");
        assert!(answer.get("rejectedLogEventsInfo").is_none());
        assert!(answer["nextSequenceToken"].is_string());
    }

    #[test]
    fn what_the_group_would_not_keep_is_not_taken() {
        let mut trial = with_stream();
        let three = json!({ "logGroupName": "g", "retentionInDays": 3 });
        trial.ask("logs", "PutRetentionPolicy", three).expect("set");
        let mixed = batch(&trial, &[-3 * DAY - 1, -3 * DAY]);
        let answer = trial.ask("logs", "PutLogEvents", mixed).expect("taken in part");
        assert_eq!(answer["rejectedLogEventsInfo"], json!({ "expiredLogEventEndIndex": 1 }));
    }

    #[test]
    fn a_batch_is_limited_in_number_and_bytes() {
        let mut trial = with_stream();
        let none = batch(&trial, &[]);
        assert_eq!(trial.refused("logs", "PutLogEvents", none), "InvalidParameterException");
        let many = batch(&trial, &vec![0; 10_001]);
        assert_eq!(trial.refused("logs", "PutLogEvents", many), "InvalidParameterException");
        let mut put = |bytes: usize| {
            let events = json!([{ "timestamp": trial.now.as_millisecond(), "message": "x".repeat(bytes) }]);
            trial.reply(
                "logs",
                "PutLogEvents",
                json!({ "logGroupName": "g", "logStreamName": "s", "logEvents": events }),
            )
        };
        assert!(put(0).is_err());
        assert!(put(1_048_576 - 26).is_ok());
        assert!(put(1_048_576 - 25).is_err());
    }

    #[test]
    fn events_need_their_group_and_their_stream() {
        let mut trial = with_stream();
        let events = json!([{ "timestamp": trial.now.as_millisecond(), "message": "m" }]);
        let mut message = |group: &str, stream: &str| {
            let input = json!({ "logGroupName": group, "logStreamName": stream, "logEvents": events });
            trial.reply("logs", "PutLogEvents", input).expect_err("refused").message
        };
        assert_eq!(message("none", "s"), "The specified log group does not exist.");
        assert_eq!(message("g", "none"), "The specified log stream does not exist.");
    }

    #[test]
    fn any_sequence_token_will_do() {
        let mut trial = with_stream();
        let mut input = batch(&trial, &[0]);
        input["sequenceToken"] = json!("stale");
        trial.ask("logs", "PutLogEvents", input).expect("taken");
    }

    #[test]
    fn old_events_are_gone_for_readers_at_once_and_from_the_disk_soon_after() {
        let mut trial = with_stream();
        let input = batch(&trial, &[-DAY + HOUR, 0]);
        trial.ask("logs", "PutLogEvents", input).expect("taken");
        let a_day = json!({ "logGroupName": "g", "retentionInDays": 1 });
        trial.ask("logs", "PutRetentionPolicy", a_day).expect("set");
        trial.now = trial.now.checked_add(Duration::from_hours(1) + Duration::from_millis(1)).expect("later");
        assert_eq!(messages(&mut trial), ["at 0"]);
        assert_eq!(trial.world.logs.events.len(), 2);
        trial.wait(SWEEP_AND_MORE);
        assert_eq!(trial.world.logs.events.len(), 1);
        let groups = trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups");
        assert_eq!(groups["logGroups"][0]["storedBytes"], 30);
        let streams =
            trial.ask("logs", "DescribeLogStreams", json!({ "logGroupName": "g" })).expect("streams");
        let stream = &streams["logStreams"][0];
        assert_eq!(stream["firstEventTimestamp"], stream["lastEventTimestamp"]);
    }

    const SWEEP_AND_MORE: Duration = Duration::from_secs(61);

    #[test]
    fn a_service_writes_to_what_is_there_and_makes_what_it_may() {
        let mut trial = with_stream();
        let place = Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() };
        let messages = ["one".to_owned(), String::new(), "two".to_owned()];
        let now = trial.now;
        let mut write = |group: &str, stream: &str, make: bool| {
            logs::write(&mut trial.world, &place, group, stream, make, &messages, now)
        };
        assert!(write("g", "s", false));
        assert!(!write("g", "new", false));
        assert!(!write("none", "s", false));
        assert!(write("/aws/sagemaker/NotebookInstances", "n/jupyter.log", true));
        assert!(!write("bad name", "s", true));
        assert_eq!(super::tests::messages(&mut trial), ["one", "two"]);
    }
}
