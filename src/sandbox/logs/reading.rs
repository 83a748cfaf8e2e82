//! Reading events back: a stream in either direction, and a search over a group's streams.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use serde::Deserialize;
use serde_json::{Value, json};

use super::events::{Event, Position, streams_of};
use super::pattern::Pattern;
use super::{check_time, constraint, invalid, invalid_token, named_group, no_stream, page_size, stream_key};
use crate::sandbox::call::Call;
use crate::sandbox::operation::Answer;
use crate::sandbox::paging;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;

/// No page holds more events, or more bytes of them.
const MOST_EVENTS: usize = 10_000;
const LARGEST_PAGE: u64 = 1_048_576;
/// A page of a search looks at this many events at most; so one with few matches, or none, may have a next one.
const SEARCHED_PER_PAGE: usize = 10_000;

/// Where a page begins, and in which direction it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bookmark {
    /// At this position and later.
    Forward(Position),
    /// Before this position.
    Backward(Position),
}

impl Bookmark {
    /// As AWS writes it: `f/` or `b/` and 56 digits.
    fn token(self) -> String {
        match self {
            Self::Forward(position) => format!("f/{}/s", position.digits()),
            Self::Backward(position) => format!("b/{}/s", position.digits()),
        }
    }

    fn read(token: &str) -> Result<Self, Refusal> {
        let token = token.strip_suffix("/s").unwrap_or(token);
        let (direction, digits) = token.split_once('/').ok_or_else(invalid_token)?;
        let position = Position::read(digits).ok_or_else(invalid_token)?;
        match direction {
            "f" => Ok(Self::Forward(position)),
            "b" => Ok(Self::Backward(position)),
            _ => Err(invalid_token()),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct GetLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    next_token: Option<String>,
    limit: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
    /// Nothing is masked here: it makes no difference.
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

pub(super) fn get_log_events(world: &mut World, call: &Call, input: GetLogEvents) -> Answer {
    let limit = page_size(input.limit, MOST_EVENTS)?;
    check_time("startTime", input.start_time)?;
    check_time("endTime", input.end_time)?;
    let group =
        named_group(&call.place, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let logs = &world.logs;
    let keeps_from = logs.group(&call.place, group)?.keeps_from(call.now);
    let key = stream_key(&call.place, group, &input.log_stream_name);
    if !logs.streams.contains(&key) {
        return Err(no_stream());
    }
    let from = Position::at(input.start_time.unwrap_or(0).max(keeps_from));
    let to = Position::at(input.end_time.unwrap_or(i64::MAX));
    let bookmark = match input.next_token.as_deref() {
        Some(token) => Bookmark::read(token)?,
        None if input.start_from_head => Bookmark::Forward(from),
        None => Bookmark::Backward(to),
    };
    let events: Vec<&Event> = match bookmark {
        Bookmark::Forward(start) => fitting(logs.stretch(&key, start.max(from), to), limit),
        Bookmark::Backward(end) => {
            let mut events = fitting(logs.stretch(&key, from, end.min(to)).rev(), limit);
            events.reverse();
            events
        }
    };
    // Whoever is at an end gets the token that was passed, and finds there what comes in later.
    let (back, forth) = match (events.first(), events.last(), bookmark) {
        (Some(first), Some(last), _) => (first.position(), last.position().next()),
        (_, _, Bookmark::Backward(_)) if input.next_token.is_none() => (from, from),
        (_, _, Bookmark::Forward(at) | Bookmark::Backward(at)) => (at, at),
    };
    let shown: Vec<Value> = events
        .into_iter()
        .map(|event| {
            json!({
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
            })
        })
        .collect();
    Ok(json!({
        "events": shown,
        "nextForwardToken": Bookmark::Forward(forth).token(),
        "nextBackwardToken": Bookmark::Backward(back).token(),
    })
    .into())
}

/// As many events as a page holds.
fn fitting<'a>(events: impl Iterator<Item = &'a Event>, limit: usize) -> Vec<&'a Event> {
    let mut bytes = 0;
    let fits = |event: &&Event| {
        bytes += event.size();
        bytes <= LARGEST_PAGE
    };
    events.take(limit).take_while(fits).collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct FilterLogEvents {
    log_group_name: Option<String>,
    log_group_identifier: Option<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    filter_pattern: Option<String>,
    next_token: Option<String>,
    limit: Option<i64>,
    start_from_head: Option<bool>,
    /// AWS always mixes the streams since 2019.
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
    /// Nothing is masked here: it makes no difference.
    #[serde(rename = "unmask")]
    _unmask: Option<bool>,
}

/// Newest-first searches reach back to 2024-01-01 and no further.
const NEWEST_FIRST_SINCE: i64 = 1_704_067_200_000;

pub(super) fn filter_log_events(world: &mut World, call: &Call, input: FilterLogEvents) -> Answer {
    let limit = page_size(input.limit, MOST_EVENTS)?;
    check_time("startTime", input.start_time)?;
    check_time("endTime", input.end_time)?;
    let pattern = Pattern::of(input.filter_pattern.as_deref())?;
    let from_head = input.start_from_head.unwrap_or(true);
    if !from_head && input.start_time.is_some_and(|start| start < NEWEST_FIRST_SINCE) {
        return Err(invalid("startFromHead can be false only for a startTime on or after January 1, 2024."));
    }
    let group =
        named_group(&call.place, input.log_group_name.as_deref(), input.log_group_identifier.as_deref())?;
    let keeps_from = world.logs.group(&call.place, group)?.keeps_from(call.now);
    let streams = chosen_streams(world, call, group, &input)?;
    let from = Position::at(input.start_time.unwrap_or(0).max(keeps_from));
    // Unlike the end of GetLogEvents, this one is within.
    let to = Position::at(input.end_time.unwrap_or(i64::MAX).saturating_add(1));
    let (from, to, newest_first) = match input.next_token.as_deref() {
        None => (from, to, !from_head),
        Some(token) => {
            let token = paging::read_token(token).ok_or_else(invalid_token)?;
            match Bookmark::read(&token)? {
                Bookmark::Forward(at) => (from.max(at), to, false),
                Bookmark::Backward(at) => (from, to.min(at), true),
            }
        }
    };
    let stretches = streams.iter().map(|(key, _)| world.logs.stretch(key, from, to));
    let found = if newest_first {
        search(Merged::new(stretches.map(Iterator::rev), true), &pattern, limit)
    } else {
        search(Merged::new(stretches, false), &pattern, limit)
    };
    let shown: Vec<Value> = found
        .events
        .iter()
        .map(|(stream, event)| {
            json!({
                "logStreamName": streams.get(*stream).map(|(_, name)| name),
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.ingested,
                "eventId": event.id(),
            })
        })
        .collect();
    let mut answer = json!({ "events": shown, "searchedLogStreams": [] });
    if let Some(next) = found.next {
        answer["nextToken"] = json!(paging::token(&next.token()));
    }
    Ok(answer.into())
}

/// The keys and names of the streams that a search is about.
fn chosen_streams<'a>(
    world: &'a World,
    call: &Call,
    group: &str,
    input: &FilterLogEvents,
) -> Result<Vec<(String, &'a str)>, Refusal> {
    let logs = &world.logs;
    let Some(names) = &input.log_stream_names else {
        let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
        return Ok(streams_of(logs, &call.place, group, prefix).collect());
    };
    if input.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix are mutually exclusive parameters."));
    }
    check_names("logStreamNames", names)?;
    // A stream that is named twice is searched once.
    let mut streams = BTreeMap::new();
    for name in names {
        let key = stream_key(&call.place, group, name);
        let stream = logs.streams.get(&key).ok_or_else(no_stream)?;
        streams.insert(key, stream.name.as_str());
    }
    Ok(streams.into_iter().collect())
}

/// A list of streams' names is of one to a hundred.
pub(super) fn check_names(member: &str, names: &[String]) -> Result<(), Refusal> {
    match names.len() {
        0 => Err(constraint("[]", member, "Member must have length greater than or equal to 1")),
        1..=100 => Ok(()),
        more => {
            let rule = "Member must have length less than or equal to 100";
            Err(constraint(format!("{more} names"), member, rule))
        }
    }
}

/// The events of several streams in one order.
struct Merged<'a, I: Iterator<Item = &'a Event>> {
    streams: Vec<I>,
    /// Each stream's next event, by its rank.
    heads: BinaryHeap<Reverse<(u128, usize)>>,
    next: Vec<Option<&'a Event>>,
    newest_first: bool,
}

impl<'a, I: Iterator<Item = &'a Event>> Merged<'a, I> {
    fn new(streams: impl Iterator<Item = I>, newest_first: bool) -> Self {
        let streams: Vec<I> = streams.collect();
        let next = vec![None; streams.len()];
        let mut merged = Self { streams, heads: BinaryHeap::new(), next, newest_first };
        for stream in 0..merged.streams.len() {
            merged.advance(stream);
        }
        merged
    }

    fn advance(&mut self, stream: usize) {
        let next = self.streams.get_mut(stream).and_then(Iterator::next);
        if let Some(event) = next {
            let rank = event.position().rank();
            self.heads.push(Reverse((if self.newest_first { !rank } else { rank }, stream)));
        }
        if let Some(head) = self.next.get_mut(stream) {
            *head = next;
        }
    }
}

impl<'a, I: Iterator<Item = &'a Event>> Iterator for Merged<'a, I> {
    /// A stream's index and its event.
    type Item = (usize, &'a Event);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((_, stream)) = self.heads.pop()?;
        let event = self.next.get_mut(stream)?.take()?;
        self.advance(stream);
        Some((stream, event))
    }
}

/// A page of a search.
struct Found<'a> {
    events: Vec<(usize, &'a Event)>,
    next: Option<Bookmark>,
}

fn search<'a, I: Iterator<Item = &'a Event>>(
    events: Merged<'a, I>,
    pattern: &Pattern,
    limit: usize,
) -> Found<'a> {
    let newest_first = events.newest_first;
    let mut found = Found { events: Vec::new(), next: None };
    let (mut bytes, mut searched) = (0, 0);
    for (stream, event) in events {
        let matches = pattern.matches(&event.message);
        bytes += if matches { event.size() } else { 0 };
        if found.events.len() == limit || searched == SEARCHED_PER_PAGE || bytes > LARGEST_PAGE {
            let at = event.position();
            let bookmark = if newest_first { Bookmark::Backward(at.next()) } else { Bookmark::Forward(at) };
            found.next = Some(bookmark);
            return found;
        }
        searched += 1;
        if matches {
            found.events.push((stream, event));
        }
    }
    found
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

    /// Puts messages at times before now.
    fn put(trial: &mut Trial, stream: &str, events: &[(i64, &str)]) {
        let now = trial.now.as_millisecond();
        let events: Vec<Value> = events
            .iter()
            .map(|(age, message)| json!({ "timestamp": now - age, "message": message }))
            .collect();
        let input = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events });
        trial.ask("logs", "PutLogEvents", input).expect("put");
    }

    fn ask(trial: &mut Trial, operation: &str, more: &Value) -> Value {
        let mut input = json!({ "logGroupName": "g" });
        input.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        trial.ask("logs", operation, input).expect("events")
    }

    fn messages(answer: &Value) -> Vec<&str> {
        let events = answer["events"].as_array().expect("a list");
        events.iter().filter_map(|event| event["message"].as_str()).collect()
    }

    #[test]
    fn a_stream_is_read_from_its_head_or_its_tail() {
        let mut trial = with_streams(&["s"]);
        put(&mut trial, "s", &[(3, "a"), (2, "b"), (1, "c")]);
        let mut get = |more: &Value| ask(&mut trial, "GetLogEvents", more);
        let head = get(&json!({ "logStreamName": "s", "limit": 2, "startFromHead": true }));
        assert_eq!(messages(&head), ["a", "b"]);
        let forth = get(&json!({ "logStreamName": "s", "nextToken": head["nextForwardToken"] }));
        assert_eq!(messages(&forth), ["c"]);
        let tail = get(&json!({ "logStreamName": "s", "limit": 2 }));
        assert_eq!(messages(&tail), ["b", "c"]);
        let back = get(&json!({ "logStreamName": "s", "nextToken": tail["nextBackwardToken"] }));
        assert_eq!(messages(&back), ["a"]);
    }

    #[test]
    fn at_an_end_the_same_token_comes_back_and_finds_what_comes_later() {
        let mut trial = with_streams(&["s"]);
        put(&mut trial, "s", &[(3, "a")]);
        let first = ask(&mut trial, "GetLogEvents", &json!({ "logStreamName": "s", "startFromHead": true }));
        let forth = json!({ "logStreamName": "s", "nextToken": first["nextForwardToken"] });
        let end = ask(&mut trial, "GetLogEvents", &forth);
        assert_eq!(messages(&end), Vec::<&str>::new());
        assert_eq!(end["nextForwardToken"], first["nextForwardToken"]);
        put(&mut trial, "s", &[(2, "b")]);
        assert_eq!(messages(&ask(&mut trial, "GetLogEvents", &forth)), ["b"]);
        let back = json!({ "logStreamName": "s", "nextToken": first["nextBackwardToken"] });
        let end = ask(&mut trial, "GetLogEvents", &back);
        assert_eq!(end["nextBackwardToken"], first["nextBackwardToken"]);
    }

    #[test]
    fn a_follower_of_an_empty_stream_finds_its_first_event() {
        let mut trial = with_streams(&["s"]);
        for from_head in [true, false] {
            let input = json!({ "logStreamName": "s", "startFromHead": from_head });
            let empty = ask(&mut trial, "GetLogEvents", &input);
            put(&mut trial, "s", &[(0, "a")]);
            let forth = json!({ "logStreamName": "s", "nextToken": empty["nextForwardToken"], "limit": 1 });
            assert_eq!(messages(&ask(&mut trial, "GetLogEvents", &forth)), ["a"]);
            trial
                .ask("logs", "DeleteLogStream", json!({ "logGroupName": "g", "logStreamName": "s" }))
                .expect("deleted");
            trial
                .ask("logs", "CreateLogStream", json!({ "logGroupName": "g", "logStreamName": "s" }))
                .expect("made");
        }
    }

    #[test]
    fn the_end_is_without_in_a_stream_and_within_in_a_search() {
        let mut trial = with_streams(&["s"]);
        put(&mut trial, "s", &[(3, "a"), (2, "b"), (1, "c")]);
        let now = trial.now.as_millisecond();
        let range = json!({ "logStreamName": "s", "startTime": now - 3, "endTime": now - 1 });
        assert_eq!(messages(&ask(&mut trial, "GetLogEvents", &range)), ["a", "b"]);
        let range = json!({ "startTime": now - 3, "endTime": now - 1 });
        assert_eq!(messages(&ask(&mut trial, "FilterLogEvents", &range)), ["a", "b", "c"]);
    }

    #[test]
    fn a_token_that_was_not_given_out_is_refused() {
        let mut trial = with_streams(&["s"]);
        for token in ["", "f/", "f/12", "x/1", &format!("f/{}é", "0".repeat(54))] {
            for operation in ["GetLogEvents", "FilterLogEvents"] {
                let mut input = json!({ "logGroupName": "g", "nextToken": token });
                if operation == "GetLogEvents" {
                    input["logStreamName"] = json!("s");
                }
                assert_eq!(trial.refused("logs", operation, input), "InvalidParameterException", "{token}");
            }
        }
    }

    #[test]
    fn a_search_mixes_the_streams_in_the_order_of_time_and_pages_join_to_the_whole() {
        let mut trial = with_streams(&["one", "two"]);
        put(&mut trial, "two", &[(4, "b"), (2, "d"), (1, "f")]);
        put(&mut trial, "one", &[(5, "a"), (3, "c"), (2, "e")]);
        for (from_head, order) in [(true, "abcdef"), (false, "fedcba")] {
            let (mut all, mut ids) = (Vec::new(), Vec::new());
            let mut input = json!({ "limit": 2, "startFromHead": from_head });
            loop {
                let page = ask(&mut trial, "FilterLogEvents", &input);
                all.extend(messages(&page).into_iter().map(ToOwned::to_owned));
                ids.extend(
                    page["events"]
                        .as_array()
                        .expect("a list")
                        .iter()
                        .map(|event| event["eventId"].as_str().expect("text").to_owned()),
                );
                let Some(next) = page.get("nextToken") else { break };
                input["nextToken"] = next.clone();
            }
            assert_eq!(all.concat(), order);
            ids.sort();
            ids.dedup();
            assert_eq!(ids.len(), 6, "ids are unique");
        }
    }

    #[test]
    fn a_search_is_limited_to_streams_by_names_or_a_prefix_never_both() {
        let mut trial = with_streams(&["a/1", "a/2", "b"]);
        for stream in ["a/1", "a/2", "b"] {
            put(&mut trial, stream, &[(1, stream)]);
        }
        let mut found = |more: &Value| -> Vec<String> {
            let answer = ask(&mut trial, "FilterLogEvents", more);
            messages(&answer).into_iter().map(ToOwned::to_owned).collect()
        };
        assert_eq!(found(&json!({ "logStreamNamePrefix": "a/" })), ["a/1", "a/2"]);
        assert_eq!(found(&json!({ "logStreamNames": ["b", "a/1", "b"] })), ["a/1", "b"]);
        assert_eq!(found(&json!({ "logStreamNamePrefix": "none" })), Vec::<String>::new());
        let both = json!({ "logGroupName": "g", "logStreamNames": ["b"], "logStreamNamePrefix": "a" });
        assert_eq!(trial.refused("logs", "FilterLogEvents", both), "InvalidParameterException");
        let none = json!({ "logGroupName": "g", "logStreamNames": ["none"] });
        assert_eq!(trial.refused("logs", "FilterLogEvents", none), "ResourceNotFoundException");
    }

    #[test]
    fn a_search_with_rare_matches_goes_on_through_empty_pages() {
        let mut trial = with_streams(&["s"]);
        for _ in 0..2 {
            put(&mut trial, "s", &vec![(2, "dull"); 9_000]);
        }
        put(&mut trial, "s", &[(1, "bright")]);
        let mut input = json!({ "filterPattern": "bright" });
        let first = ask(&mut trial, "FilterLogEvents", &input);
        assert_eq!(messages(&first), Vec::<&str>::new());
        input["nextToken"] = first["nextToken"].clone();
        let last = ask(&mut trial, "FilterLogEvents", &input);
        assert_eq!(messages(&last), ["bright"]);
        assert!(last.get("nextToken").is_none());
    }

    #[test]
    fn a_page_is_of_a_megabyte_at_most() {
        let mut trial = with_streams(&["s"]);
        let long = "x".repeat(400_000);
        for _ in 0..3 {
            put(&mut trial, "s", &[(1, &long)]);
        }
        let page = ask(&mut trial, "FilterLogEvents", &json!({}));
        assert_eq!(messages(&page).len(), 2);
        assert!(page.get("nextToken").is_some());
        let page = ask(&mut trial, "GetLogEvents", &json!({ "logStreamName": "s" }));
        assert_eq!(messages(&page).len(), 2);
    }

    #[test]
    fn a_group_is_named_one_way() {
        let mut trial = with_streams(&[]);
        assert_eq!(trial.refused("logs", "FilterLogEvents", json!({})), "InvalidParameterException");
        let both = json!({ "logGroupName": "g", "logGroupIdentifier": "g" });
        assert_eq!(trial.refused("logs", "FilterLogEvents", both), "InvalidParameterException");
        let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
        trial.ask("logs", "FilterLogEvents", json!({ "logGroupIdentifier": arn })).expect("found");
    }

    #[test]
    fn newest_first_reaches_back_to_2024() {
        let mut trial = with_streams(&[]);
        let input =
            json!({ "logGroupName": "g", "startFromHead": false, "startTime": 1_704_067_199_999_i64 });
        assert_eq!(trial.refused("logs", "FilterLogEvents", input), "InvalidParameterException");
    }
}
