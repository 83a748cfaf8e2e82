//! Log streams: each holds the events of one source.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::groups::LARGEST_PAGE;
use super::{
    check_length, constraint, group_arn, invalid, invalid_token, named_group, no_stream, page_size,
    stream_key, streams_prefix,
};
use crate::sandbox::call::{Call, Place};
use crate::sandbox::fault::Kind;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::paging;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;

/// A log stream, with what is known of its events without looking at them. Times are milliseconds since 1970.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stream {
    pub(super) name: String,
    created: Timestamp,
    pub(super) first_event: Option<i64>,
    pub(super) last_event: Option<i64>,
    pub(super) last_ingestion: Option<i64>,
}

impl Stream {
    pub(super) fn new(name: &str, now: Timestamp) -> Self {
        Self {
            name: name.to_owned(),
            created: now,
            first_event: None,
            last_event: None,
            last_ingestion: None,
        }
    }

    fn show(&self, place: &Place, group: &str) -> Value {
        let mut shown = json!({
            "logStreamName": self.name,
            "creationTime": self.created.as_millisecond(),
            "arn": format!("{}:log-stream:{}", group_arn(place, group), self.name),
            // AWS stopped counting by stream in 2019.
            "storedBytes": 0,
        });
        let times = [
            ("firstEventTimestamp", self.first_event),
            ("lastEventTimestamp", self.last_event),
            ("lastIngestionTime", self.last_ingestion),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                shown[name] = json!(time);
            }
        }
        if let Some(last) = self.last_ingestion {
            shown["uploadSequenceToken"] = json!(sequence_token(last));
        }
        shown
    }

    /// What puts it in its place among its group's streams. Streams without events come before all others.
    fn rank(&self, order: Order) -> String {
        match order {
            Order::Name => self.name.clone(),
            Order::LastEvent => {
                format!("{:020}:{}", self.last_event.map_or(0, |time| time.saturating_add(1)), self.name)
            }
        }
    }
}

/// Writers need not give it back any more, but are still given one.
pub(super) fn sequence_token(ingested: i64) -> String {
    format!("49{ingested:054}")
}

/// The rules for a stream's name.
pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    const AT: &str = "logStreamName";
    check_length(AT, name, 512)?;
    if name.contains([':', '*']) {
        return Err(constraint(name, AT, "Member must satisfy regular expression pattern: [^:*]*"));
    }
    Ok(())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OneStream {
    log_group_name: String,
    log_stream_name: String,
}

pub(super) fn create(world: &mut World, call: &Call, input: OneStream) -> Answer {
    check_name(&input.log_stream_name)?;
    let logs = &mut world.logs;
    logs.group(&call.place, &input.log_group_name)?;
    let key = stream_key(&call.place, &input.log_group_name, &input.log_stream_name);
    if logs.streams.contains(&key) {
        return Err(Refusal::new(
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        ));
    }
    logs.streams.insert(key, Stream::new(&input.log_stream_name, call.now));
    Ok(Reply::empty())
}

pub(super) fn delete(world: &mut World, call: &Call, input: OneStream) -> Answer {
    let (group, stream) = (&input.log_group_name, &input.log_stream_name);
    world.logs.group(&call.place, group)?.check_unprotected()?;
    let key = stream_key(&call.place, group, stream);
    if !world.logs.streams.contains(&key) {
        return Err(no_stream());
    }
    if world.faults.strikes(Kind::StuckDelete, "logs", &call.operation) {
        return Ok(Reply::empty());
    }
    let logs = &mut world.logs;
    let events = format!("{key}:");
    let freed: u64 = logs.events.under(&events).map(|(_, event)| event.size()).sum();
    logs.events.remove_under(&events);
    logs.streams.remove(&key);
    let group = logs.group_mut(&call.place, group)?;
    group.stored_bytes = group.stored_bytes.saturating_sub(freed);
    Ok(Reply::empty())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Name,
    LastEvent,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct DescribeLogStreams {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name_prefix: Option<String>,
    order_by: Option<String>,
    #[serde(default)]
    descending: bool,
    next_token: Option<String>,
    limit: Option<i64>,
}

pub(super) fn describe(world: &mut World, call: &Call, input: DescribeLogStreams) -> Answer {
    let limit = page_size(input.limit, LARGEST_PAGE)?;
    let order = match input.order_by.as_deref() {
        None | Some("LogStreamName") => Order::Name,
        Some("LastEventTime") => Order::LastEvent,
        Some(other) => {
            let rule = "Member must satisfy enum value set: [LogStreamName, LastEventTime]";
            return Err(constraint(other, "orderBy", rule));
        }
    };
    if order == Order::LastEvent && input.log_stream_name_prefix.is_some() {
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let after = match input.next_token.as_deref() {
        Some(token) => Some(paging::read_token(token).ok_or_else(invalid_token)?),
        None => None,
    };
    let logs = &world.logs;
    let group =
        named_group(&call.place, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    logs.group(&call.place, group)?;
    let prefix = format!(
        "{}{}",
        streams_prefix(&call.place, group),
        input.log_stream_name_prefix.as_deref().unwrap_or_default()
    );
    let mut streams: Vec<(String, &Stream)> =
        logs.streams.under(&prefix).map(|(_, stream)| (stream.rank(order), stream)).collect();
    streams.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    if input.descending {
        streams.reverse();
    }
    let is_later = |rank: &str, after: &str| if input.descending { rank < after } else { rank > after };
    let mut rest = streams
        .into_iter()
        .skip_while(|(rank, _)| after.as_ref().is_some_and(|after| !is_later(rank, after)));
    let page: Vec<_> = rest.by_ref().take(limit).collect();
    let shown: Vec<Value> = page.iter().map(|(_, stream)| stream.show(&call.place, group)).collect();
    let mut answer = json!({ "logStreams": shown });
    if let (Some((last, _)), Some(_)) = (page.last(), rest.next()) {
        answer["nextToken"] = json!(paging::token(last));
    }
    Ok(answer.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    fn with_streams(names: &[&str]) -> Trial {
        let mut trial = Trial::new();
        trial.ask("logs", "CreateLogGroup", json!({ "logGroupName": "g" })).expect("made");
        for name in names {
            let stream = json!({ "logGroupName": "g", "logStreamName": name });
            trial.ask("logs", "CreateLogStream", stream).expect("made");
        }
        trial
    }

    fn put(trial: &mut Trial, stream: &str, timestamp: i64) {
        let events = json!([{ "timestamp": timestamp, "message": "m" }]);
        let input = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events });
        trial.ask("logs", "PutLogEvents", input).expect("put");
    }

    fn names(answer: &Value) -> Vec<&str> {
        let streams = answer["logStreams"].as_array().expect("a list");
        streams.iter().filter_map(|stream| stream["logStreamName"].as_str()).collect()
    }

    #[test]
    fn a_stream_needs_its_group_and_a_name_of_its_own() {
        let mut trial = with_streams(&["s"]);
        let mut code = |group: &str, stream: &str| {
            let stream = json!({ "logGroupName": group, "logStreamName": stream });
            trial.refused("logs", "CreateLogStream", stream)
        };
        assert_eq!(code("none", "s"), "ResourceNotFoundException");
        assert_eq!(code("g", "s"), "ResourceAlreadyExistsException");
        for bad in ["", "a:b", "a*", &"a".repeat(513)] {
            assert_eq!(code("g", bad), "InvalidParameterException", "{bad}");
        }
    }

    #[test]
    fn a_new_stream_has_no_times_of_events() {
        let mut trial = with_streams(&["s"]);
        let answer =
            trial.ask("logs", "DescribeLogStreams", json!({ "logGroupName": "g" })).expect("streams");
        let stream = &answer["logStreams"][0];
        assert_eq!(stream["arn"], "arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s");
        for absent in ["firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime"] {
            assert!(stream.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn streams_are_ordered_by_name_or_by_their_last_event() {
        let mut trial = with_streams(&["c", "a", "b"]);
        let now = trial.now.as_millisecond();
        put(&mut trial, "a", now - 1000);
        put(&mut trial, "c", now - 5000);
        let mut ask = |more: Value| {
            let mut input = json!({ "logGroupIdentifier": "g" });
            input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            trial.ask("logs", "DescribeLogStreams", input).expect("streams")
        };
        assert_eq!(names(&ask(json!({}))), ["a", "b", "c"]);
        assert_eq!(names(&ask(json!({ "orderBy": "LastEventTime" }))), ["b", "c", "a"]);
        let newest = json!({ "orderBy": "LastEventTime", "descending": true, "limit": 2 });
        let first = ask(newest);
        assert_eq!(names(&first), ["a", "c"]);
        let next = json!({ "orderBy": "LastEventTime", "descending": true, "nextToken": first["nextToken"] });
        let last = ask(next);
        assert_eq!(names(&last), ["b"]);
        assert!(last.get("nextToken").is_none());
    }

    #[test]
    fn an_order_by_time_takes_no_prefix() {
        let mut trial = with_streams(&[]);
        let input = json!({ "logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "a" });
        assert_eq!(trial.refused("logs", "DescribeLogStreams", input), "InvalidParameterException");
    }

    #[test]
    fn a_deleted_stream_gives_back_what_it_stored() {
        let mut trial = with_streams(&["s", "s2"]);
        let now = trial.now.as_millisecond();
        put(&mut trial, "s", now);
        put(&mut trial, "s2", now);
        let stored = |trial: &mut Trial| {
            trial.ask("logs", "DescribeLogGroups", json!({})).expect("groups")["logGroups"][0]["storedBytes"]
                .clone()
        };
        assert_eq!(stored(&mut trial), 54);
        let stream = json!({ "logGroupName": "g", "logStreamName": "s" });
        trial.ask("logs", "DeleteLogStream", stream.clone()).expect("deleted");
        assert_eq!(stored(&mut trial), 27);
        assert_eq!(trial.refused("logs", "DeleteLogStream", stream), "ResourceNotFoundException");
    }
}
