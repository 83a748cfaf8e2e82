//! Live tails: connections on which new events are shown once a second.
//!
//! The wire is an event stream as all JSON services of AWS have it: an empty first message, then `sessionStart`, then
//! one `sessionUpdate` a second with what came in since the last one. A client that reads too slowly loses the oldest
//! updates, never more than a bounded number of them waits; one that goes away ends its session.

use std::collections::VecDeque;
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::events::Event;
use super::groups::Class;
use super::pattern::Pattern;
use super::reading::check_names;
use super::{constraint, invalid, name_in_arn, no_group};
use crate::sandbox::call::Call;
use crate::sandbox::ids;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;

/// Who looks on live.
#[derive(Debug)]
pub(super) struct Session {
    /// The place, as far as the number of its sessions goes.
    place: String,
    /// The keys and ARNs of the groups.
    groups: Vec<(String, String)>,
    streams: Streams,
    pattern: Pattern,
    /// What is shown in the next update.
    results: Vec<Value>,
    bytes: usize,
    /// There was more than an update holds.
    sampled: bool,
    next_update: Timestamp,
    ends: Timestamp,
    /// Its time is up, and it stays only until the client has taken what waits.
    is_over: bool,
    /// Updates that the client has not taken yet.
    waiting: VecDeque<Bytes>,
    frames: mpsc::Sender<Bytes>,
}

#[derive(Debug)]
enum Streams {
    All,
    Named(Vec<String>),
    Beginning(Vec<String>),
}

/// How many sessions an account may have in a region.
const MOST_SESSIONS: usize = 15;
const EVERY: Duration = Duration::from_secs(1);
const LASTS: Duration = Duration::from_hours(3);
/// An update holds so many events at most, and so many bytes of them.
const MOST_EVENTS: usize = 500;
const LARGEST_UPDATE: usize = 1 << 20;
/// So many updates wait for a slow client; then the oldest is dropped.
const MOST_WAITING: usize = 10;
/// What the connection itself holds: the first two messages fit.
const IN_CONNECTION: usize = 2;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "AWS names them so")]
pub(super) struct StartLiveTail {
    log_group_identifiers: Vec<String>,
    log_stream_names: Option<Vec<String>>,
    log_stream_name_prefixes: Option<Vec<String>>,
    log_event_filter_pattern: Option<String>,
}

pub(super) fn start(world: &mut World, call: &Call, input: StartLiveTail) -> Answer {
    let groups = groups(world, call, &input.log_group_identifiers)?;
    let streams = streams(&input)?;
    let pattern = Pattern::of(input.log_event_filter_pattern.as_deref())?;
    let sessions = &mut world.logs.sessions;
    sessions.retain(|session| !session.frames.is_closed());
    let place = call.place.prefix();
    if sessions.iter().filter(|session| session.place == place).count() >= MOST_SESSIONS {
        return Err(Refusal::new(
            "LimitExceededException",
            format!("There can be at most {MOST_SESSIONS} Live Tail sessions at a time."),
        ));
    }
    let mut begun = json!({
        "requestId": call.request_id,
        "sessionId": ids::uuid(),
        "logGroupIdentifiers": input.log_group_identifiers,
    });
    let restrictions = [
        ("logStreamNames", json!(input.log_stream_names)),
        ("logStreamNamePrefixes", json!(input.log_stream_name_prefixes)),
        ("logEventFilterPattern", json!(input.log_event_filter_pattern)),
    ];
    for (name, restriction) in restrictions.into_iter().filter(|(_, restriction)| !restriction.is_null()) {
        begun[name] = restriction;
    }
    let (sender, receiver) = mpsc::channel(IN_CONNECTION);
    let waiting = VecDeque::from([event("initial-response", &json!({})), event("sessionStart", &begun)]);
    let mut session = Session {
        place,
        groups,
        streams,
        pattern,
        results: Vec::new(),
        bytes: 0,
        sampled: false,
        next_update: call.now.checked_add(EVERY).unwrap_or(Timestamp::MAX),
        ends: world.pace.after(call.now, LASTS),
        is_over: false,
        waiting,
        frames: sender,
    };
    session.send();
    sessions.push(session);
    Ok(Reply::Frames(receiver))
}

fn groups(world: &World, call: &Call, identifiers: &[String]) -> Result<Vec<(String, String)>, Refusal> {
    if !(1..=10).contains(&identifiers.len()) {
        let rule = "Member must have length between 1 and 10";
        return Err(constraint(format!("{} groups", identifiers.len()), "logGroupIdentifiers", rule));
    }
    let group = |arn: &String| {
        if !arn.starts_with("arn:") || arn.ends_with('*') {
            return Err(invalid(
                "Each log group must be specified by its ARN, and the ARN can't end with an asterisk (*).",
            ));
        }
        let name = name_in_arn(&call.place, arn).ok_or_else(no_group)?;
        let group = world.logs.group(&call.place, name)?;
        if group.class != Class::Standard {
            return Err(Refusal::new(
                "InvalidOperationException",
                "Live Tail is only supported for log groups in the Standard log class.",
            ));
        }
        Ok((call.place.key(name), arn.clone()))
    };
    identifiers.iter().map(group).collect()
}

fn streams(input: &StartLiveTail) -> Result<Streams, Refusal> {
    let streams = match (&input.log_stream_names, &input.log_stream_name_prefixes) {
        (None, None) => return Ok(Streams::All),
        (Some(_), Some(_)) => {
            return Err(invalid("Only one of logStreamNames and logStreamNamePrefixes can be specified."));
        }
        (Some(names), None) => {
            check_names("logStreamNames", names)?;
            Streams::Named(names.clone())
        }
        (None, Some(prefixes)) => {
            check_names("logStreamNamePrefixes", prefixes)?;
            Streams::Beginning(prefixes.clone())
        }
    };
    if input.log_group_identifiers.len() > 1 {
        return Err(invalid(
            "logStreamNames and logStreamNamePrefixes can be specified only with a single log group.",
        ));
    }
    Ok(streams)
}

impl Streams {
    fn have(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|name| name == stream),
            Self::Beginning(prefixes) => prefixes.iter().any(|prefix| stream.starts_with(prefix)),
        }
    }
}

/// Shows a new event to whom it concerns.
pub(super) fn offer(sessions: &mut [Session], group_key: &str, stream: &str, event: &Event) {
    for session in sessions {
        session.offer(group_key, stream, event);
    }
}

impl Session {
    fn offer(&mut self, group_key: &str, stream: &str, event: &Event) {
        if self.is_over || self.sampled {
            return;
        }
        let Some((_, arn)) = self.groups.iter().find(|(key, _)| key == group_key) else { return };
        if !self.streams.have(stream) || !self.pattern.matches(&event.message) {
            return;
        }
        let bytes = self.bytes.saturating_add(event.message.len());
        let is_full = self.results.len() == MOST_EVENTS || bytes > LARGEST_UPDATE;
        if is_full && !self.results.is_empty() {
            self.sampled = true;
            return;
        }
        self.bytes = bytes;
        self.results.push(json!({
            "logStreamName": stream,
            "logGroupIdentifier": arn,
            "message": event.message,
            "timestamp": event.timestamp,
            "ingestionTime": event.ingested,
        }));
    }

    fn update(&mut self, now: Timestamp) {
        let update = json!({
            "sessionMetadata": { "sampled": self.sampled },
            "sessionResults": std::mem::take(&mut self.results),
        });
        (self.bytes, self.sampled) = (0, false);
        if self.waiting.len() >= MOST_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(event("sessionUpdate", &update));
        self.next_update = now.checked_add(EVERY).unwrap_or(Timestamp::MAX);
    }

    /// Gives the connection what it has room for.
    fn send(&mut self) {
        while let Some(frame) = self.waiting.pop_front() {
            match self.frames.try_send(frame) {
                Ok(()) => {}
                Err(TrySendError::Full(frame)) => {
                    self.waiting.push_front(frame);
                    return;
                }
                Err(TrySendError::Closed(_)) => {
                    self.waiting.clear();
                    return;
                }
            }
        }
    }
}

/// Sends what is due. A session whose time is up, or whose client is gone, ends.
pub(super) fn tick(sessions: &mut Vec<Session>, now: Timestamp) {
    sessions.retain_mut(|session| {
        if session.frames.is_closed() {
            return false;
        }
        if !session.is_over && (now >= session.ends || now >= session.next_update) {
            session.update(now);
        }
        if !session.is_over && now >= session.ends {
            session.is_over = true;
            session.waiting.push_back(timeout());
        }
        session.send();
        !session.is_over || !session.waiting.is_empty()
    });
}

fn event(kind: &'static str, payload: &Value) -> Bytes {
    frame("event", ":event-type", kind, payload)
}

fn timeout() -> Bytes {
    let payload = json!({ "message": "Your Live Tail session has timed out after three hours." });
    frame("exception", ":exception-type", "SessionTimeoutException", &payload)
}

fn frame(kind: &'static str, type_header: &'static str, of_type: &'static str, payload: &Value) -> Bytes {
    let header =
        |name: &'static str, value: &'static str| Header::new(name, HeaderValue::String(value.into()));
    let message = Message::new(payload.to_string())
        .add_header(header(":message-type", kind))
        .add_header(header(type_header, of_type))
        .add_header(header(":content-type", "application/json"));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("the headers are short and the payload is bounded");
    bytes.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    const ARN: &str = "arn:aws:logs:us-east-1:123456789012:log-group:g";

    fn with_streams() -> Trial {
        let mut trial = Trial::new();
        trial.ask("logs", "CreateLogGroup", json!({ "logGroupName": "g" })).expect("made");
        for name in ["a/1", "b/1"] {
            let stream = json!({ "logGroupName": "g", "logStreamName": name });
            trial.ask("logs", "CreateLogStream", stream).expect("made");
        }
        trial
    }

    fn put(trial: &mut Trial, stream: &str, messages: &[&str]) {
        let now = trial.now.as_millisecond();
        let events: Vec<Value> =
            messages.iter().map(|message| json!({ "timestamp": now, "message": message })).collect();
        let input = json!({ "logGroupName": "g", "logStreamName": stream, "logEvents": events });
        trial.ask("logs", "PutLogEvents", input).expect("put");
    }

    fn begin(trial: &mut Trial, more: Value) -> mpsc::Receiver<Bytes> {
        let mut input = json!({ "logGroupIdentifiers": [ARN] });
        if let Value::Object(more) = more {
            input.as_object_mut().expect("an object").extend(more);
        }
        match trial.reply("logs", "StartLiveTail", input).expect("begun") {
            Reply::Frames(frames) => frames,
            Reply::Document(document) => panic!("{document}"),
        }
    }

    /// The next frame's type and payload.
    fn next(frames: &mut mpsc::Receiver<Bytes>) -> (String, Value) {
        let frame = frames.try_recv().expect("a frame");
        let message = aws_smithy_eventstream::frame::read_message_from(frame).expect("a good frame");
        let kind = message
            .headers()
            .iter()
            .find(|header| [":event-type", ":exception-type"].contains(&header.name().as_str()))
            .and_then(|header| header.value().as_string().ok())
            .expect("a type")
            .as_str()
            .to_owned();
        (kind, serde_json::from_slice(message.payload()).expect("JSON"))
    }

    fn second(trial: &mut Trial) {
        trial.wait(EVERY);
    }

    fn shown(update: &Value) -> Vec<&str> {
        let results = update["sessionResults"].as_array().expect("a list");
        results.iter().filter_map(|result| result["message"].as_str()).collect()
    }

    #[test]
    fn only_what_comes_in_after_the_start_is_shown_once_a_second() {
        let mut trial = with_streams();
        put(&mut trial, "a/1", &["before"]);
        let mut frames = begin(&mut trial, json!({}));
        assert_eq!(next(&mut frames).0, "initial-response");
        let (kind, begun) = next(&mut frames);
        assert_eq!(kind, "sessionStart");
        assert_eq!(begun["logGroupIdentifiers"], json!([ARN]));
        put(&mut trial, "a/1", &["one", "two"]);
        put(&mut trial, "b/1", &["three"]);
        assert!(frames.try_recv().is_err(), "a second has not passed");
        second(&mut trial);
        let (kind, update) = next(&mut frames);
        assert_eq!(kind, "sessionUpdate");
        assert_eq!(shown(&update), ["one", "two", "three"]);
        assert_eq!(update["sessionMetadata"]["sampled"], false);
        assert_eq!(update["sessionResults"][2]["logStreamName"], "b/1");
        assert_eq!(update["sessionResults"][2]["logGroupIdentifier"], ARN);
        second(&mut trial);
        assert_eq!(shown(&next(&mut frames).1), Vec::<&str>::new());
    }

    #[test]
    fn a_session_is_limited_to_streams_and_a_pattern() {
        let mut trial = with_streams();
        let mut by_prefix = begin(&mut trial, json!({ "logStreamNamePrefixes": ["a/"] }));
        let mut by_pattern = begin(&mut trial, json!({ "logEventFilterPattern": "error" }));
        put(&mut trial, "a/1", &["fine"]);
        put(&mut trial, "b/1", &["an error"]);
        for frames in [&mut by_prefix, &mut by_pattern] {
            next(frames);
            next(frames);
        }
        second(&mut trial);
        assert_eq!(shown(&next(&mut by_prefix).1), ["fine"]);
        assert_eq!(shown(&next(&mut by_pattern).1), ["an error"]);
    }

    #[test]
    fn of_more_than_five_hundred_events_a_sample_is_shown() {
        let mut trial = with_streams();
        let mut frames = begin(&mut trial, json!({}));
        next(&mut frames);
        next(&mut frames);
        put(&mut trial, "a/1", &["m"; 501]);
        second(&mut trial);
        let (_, update) = next(&mut frames);
        assert_eq!(shown(&update).len(), 500);
        assert_eq!(update["sessionMetadata"]["sampled"], true);
    }

    #[test]
    fn a_slow_client_loses_the_oldest_updates_and_nothing_piles_up() {
        let mut trial = with_streams();
        let mut frames = begin(&mut trial, json!({}));
        for number in 0..30 {
            put(&mut trial, "a/1", &[&number.to_string()]);
            second(&mut trial);
        }
        assert_eq!(trial.world.logs.sessions[0].waiting.len(), MOST_WAITING);
        next(&mut frames);
        next(&mut frames);
        second(&mut trial);
        let oldest = next(&mut frames).1;
        assert_eq!(shown(&oldest), ["21"]);
    }

    #[test]
    fn a_session_ends_with_its_client() {
        let mut trial = with_streams();
        drop(begin(&mut trial, json!({})));
        trial.wait(Duration::from_millis(50));
        assert!(trial.world.logs.sessions.is_empty());
    }

    #[test]
    fn a_session_times_out_after_three_hours() {
        let mut trial = with_streams();
        let mut frames = begin(&mut trial, json!({}));
        next(&mut frames);
        next(&mut frames);
        trial.wait(LASTS);
        assert_eq!(next(&mut frames).0, "sessionUpdate");
        assert_eq!(next(&mut frames).0, "SessionTimeoutException");
        assert_eq!(frames.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }

    #[test]
    fn what_is_tailed_is_named_as_aws_wants_it() {
        let mut trial = with_streams();
        let table = [
            (json!({ "logGroupIdentifiers": ["g"] }), "InvalidParameterException"),
            (json!({ "logGroupIdentifiers": [format!("{ARN}:*")] }), "InvalidParameterException"),
            (json!({ "logGroupIdentifiers": [] }), "InvalidParameterException"),
            (json!({ "logGroupIdentifiers": vec![ARN; 11] }), "InvalidParameterException"),
            (json!({ "logGroupIdentifiers": [format!("{ARN}x")] }), "ResourceNotFoundException"),
            (
                json!({ "logGroupIdentifiers": [ARN, ARN], "logStreamNames": ["a"] }),
                "InvalidParameterException",
            ),
            (
                json!({ "logGroupIdentifiers": [ARN], "logStreamNames": ["a"], "logStreamNamePrefixes": ["a"] }),
                "InvalidParameterException",
            ),
            (
                json!({ "logGroupIdentifiers": [ARN], "logEventFilterPattern": "\"" }),
                "InvalidParameterException",
            ),
        ];
        for (input, code) in table {
            assert_eq!(trial.refused("logs", "StartLiveTail", input.clone()), code, "{input}");
        }
    }

    #[test]
    fn fifteen_may_look_on_at_a_time() {
        let mut trial = with_streams();
        let sessions: Vec<_> = (0..MOST_SESSIONS).map(|_| begin(&mut trial, json!({}))).collect();
        let one_more = json!({ "logGroupIdentifiers": [ARN] });
        assert_eq!(trial.refused("logs", "StartLiveTail", one_more.clone()), "LimitExceededException");
        drop(sessions);
        trial.reply("logs", "StartLiveTail", one_more).expect("there is room again");
    }
}
