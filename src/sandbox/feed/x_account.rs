//! What X keeps of an app: its tokens, its rules, its connections, how often it called, and what it was given.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::posts::mix;
use super::x_rules::Book;
use crate::sandbox::clock::{Pace, iso};
use crate::sandbox::ids;

/// The app that everyone here is.
pub(super) const APP: &str = "12345678";
pub(super) const PROJECT: &str = "1650000000000000001";
/// How many posts a month may be read.
pub(super) const MONTHLY_CAP: u64 = 3_000_000;

/// Everything that X keeps of the app. Connections end with the sandbox; the rest is there again.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) tokens: Tokens,
    pub(super) rules: Book,
    #[serde(skip)]
    pub(super) connections: Connections,
    pub(super) limits: Limits,
    pub(super) usage: Usage,
    /// The number of the first post that the first connection could be given.
    #[serde(skip)]
    pub(super) first: Option<u64>,
}

/// App-only bearer tokens. A token says of itself whose it is, so that one from before a restart is still good.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tokens {
    /// How often each key's token was invalidated.
    generations: HashMap<u64, u8>,
}

/// What is wrong with a bearer token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadToken {
    Unknown,
    Invalidated,
}

const TOKEN_HEAD: &str = "AAAAAAAAAAAAAAAAAAAAA";

impl Tokens {
    /// The token of a key, always the same one until it is invalidated. It holds escapes, which are part of it.
    pub(super) fn of(&self, key: &str, secret: &str) -> String {
        let owner = fingerprint(&[key.as_bytes(), b"\0", secret.as_bytes()]);
        Self::written(owner, self.generations.get(&owner).copied().unwrap_or_default())
    }

    fn written(owner: u64, generation: u8) -> String {
        let check = mix(owner, u64::from(generation) + 99);
        format!("{TOKEN_HEAD}{owner:016X}%2F{generation:02X}%2Bsandbox{check:016x}%3D")
    }

    /// Whether a token is good.
    pub(super) fn check(&self, token: &str) -> Result<(), BadToken> {
        let rest = token.strip_prefix(TOKEN_HEAD).ok_or(BadToken::Unknown)?;
        let read = |range, length| {
            rest.get::<std::ops::Range<usize>>(range)
                .filter(|digits| digits.len() == length)
                .and_then(|digits| u64::from_str_radix(digits, 16).ok())
        };
        let (Some(owner), Some(generation)) = (read(0..16, 16), read(19..21, 2)) else {
            return Err(BadToken::Unknown);
        };
        let generation = u8::try_from(generation).unwrap_or_default();
        if token != Self::written(owner, generation) {
            return Err(BadToken::Unknown);
        }
        let current = self.generations.get(&owner).copied().unwrap_or_default();
        if generation < current { Err(BadToken::Invalidated) } else { Ok(()) }
    }

    /// Makes a key's token worthless; the next one is another.
    pub(super) fn invalidate(&mut self, key: &str, secret: &str) {
        let owner = fingerprint(&[key.as_bytes(), b"\0", secret.as_bytes()]);
        let generation = self.generations.entry(owner).or_default();
        *generation = generation.saturating_add(1);
    }
}

fn fingerprint(parts: &[&[u8]]) -> u64 {
    parts.iter().flat_map(|part| part.iter()).fold(0x5eed, |mixed, byte| mix(mixed, u64::from(*byte)))
}

/// What calls are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) enum Limit {
    Connect,
    ReadRules,
    ChangeRules,
    Connections,
    KillConnections,
    Usage,
}

impl Limit {
    /// How many calls a window allows.
    pub(super) const fn calls(self) -> u32 {
        match self {
            Self::Connect | Self::Usage => 50,
            Self::ReadRules => 450,
            Self::ChangeRules => 100,
            Self::Connections => 75,
            Self::KillConnections => 25,
        }
    }
}

const WINDOW: Duration = Duration::from_mins(15);

/// How often was called in the windows that run.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Limits {
    windows: HashMap<Limit, Window>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Window {
    ends: Timestamp,
    calls: u32,
}

/// What a call leaves of its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowance {
    pub(super) allowed: bool,
    pub(super) limit: u32,
    pub(super) remaining: u32,
    /// Seconds since 1970.
    pub(super) reset: i64,
}

impl Limits {
    /// Counts a call.
    pub(super) fn take(&mut self, limit: Limit, now: Timestamp, pace: Pace) -> Allowance {
        let fresh = || Window { ends: pace.after(now, WINDOW), calls: 0 };
        let window = self.windows.entry(limit).or_insert_with(fresh);
        if window.ends <= now {
            *window = fresh();
        }
        let allowed = window.calls < limit.calls();
        window.calls += u32::from(allowed);
        Allowance {
            allowed,
            limit: limit.calls(),
            remaining: limit.calls() - window.calls,
            reset: window.ends.as_second() + 1,
        }
    }
}

/// The one connection that X allows, and those that were.
#[derive(Debug, Default)]
pub(super) struct Connections {
    all: Vec<Connection>,
}

#[derive(Debug)]
struct Connection {
    id: String,
    at: Timestamp,
    client_ip: String,
    ended: Option<Ended>,
    kill: CancellationToken,
}

#[derive(Debug)]
struct Ended {
    /// When X has noticed.
    noticed: Timestamp,
    reason: String,
}

/// A connection that is open.
#[derive(Debug, Clone)]
pub(super) struct Opened {
    pub(super) id: String,
    /// Cancelled when the connection is to be ended.
    pub(super) kill: CancellationToken,
}

/// How many connections X remembers here.
const REMEMBERED: usize = 100;
/// How long X takes a client for connected that went away without a word.
const NOTICES: Duration = Duration::from_secs(5);

impl Connections {
    /// Whether there never was one.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Opens one, unless there is one.
    pub(super) fn open(&mut self, client_ip: String, now: Timestamp) -> Option<Opened> {
        if self.all.iter().any(|connection| connection.is_active(now)) {
            return None;
        }
        if self.all.len() >= REMEMBERED {
            self.all.remove(0);
        }
        let opened = Opened { id: ids::uuid(), kill: CancellationToken::new() };
        let Opened { id, kill } = opened.clone();
        self.all.push(Connection { id, at: now, client_ip, ended: None, kill });
        Some(opened)
    }

    /// X ended a connection itself.
    pub(super) fn close(&mut self, id: &str, reason: &str, now: Timestamp) {
        if let Some(connection) =
            self.all.iter_mut().find(|connection| connection.id == id && connection.ended.is_none())
        {
            connection.ended = Some(Ended { noticed: now, reason: reason.to_owned() });
        }
    }

    /// The client went away, which X does not notice at once.
    pub(super) fn lose(&mut self, id: &str, now: Timestamp, pace: Pace) {
        self.close(id, "client disconnected", pace.after(now, NOTICES));
    }

    /// Ends those active connections that `which` says by their ids, and gives back whose those were.
    pub(super) fn kill(&mut self, which: impl Fn(&str) -> bool, now: Timestamp) -> Vec<String> {
        let mut killed = Vec::new();
        for connection in
            self.all.iter_mut().filter(|connection| connection.is_active(now) && which(&connection.id))
        {
            connection.kill.cancel();
            connection.ended = Some(Ended { noticed: now, reason: "killed by API".to_owned() });
            killed.push(connection.id.clone());
        }
        killed
    }

    /// The connections as X lists them, the latest first.
    pub(super) fn list(&self, active: Option<bool>, now: Timestamp) -> Vec<Value> {
        self.all
            .iter()
            .rev()
            .filter(|connection| active.is_none_or(|active| active == connection.is_active(now)))
            .map(|connection| connection.shown(now))
            .collect()
    }
}

impl Connection {
    fn is_active(&self, now: Timestamp) -> bool {
        self.ended.as_ref().is_none_or(|ended| now < ended.noticed)
    }

    fn shown(&self, now: Timestamp) -> Value {
        let mut shown = json!({
            "id": self.id,
            "endpoint_name": "filtered_stream",
            "connected_at": iso(self.at),
            "client_ip": self.client_ip,
        });
        if let Some(ended) = self.ended.as_ref().filter(|_| !self.is_active(now)) {
            shown["disconnected_at"] = json!(iso(ended.noticed));
            shown["disconnect_reason"] = json!(ended.reason);
        }
        shown
    }
}

/// How many posts were delivered on each day.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Usage {
    days: BTreeMap<Date, u64>,
}

impl Usage {
    pub(super) fn add(&mut self, posts: u64, now: Timestamp) {
        *self.days.entry(day(now)).or_default() += posts;
    }

    /// What was delivered in the month of a moment.
    pub(super) fn month(&self, now: Timestamp) -> u64 {
        self.days.range(day(now).first_of_month()..).map(|(_, posts)| posts).sum()
    }

    /// Some days up to a moment, the latest first, as X writes them.
    pub(super) fn daily(&self, days: u8, now: Timestamp) -> Vec<Value> {
        self.days
            .iter()
            .rev()
            .take_while(|(date, _)| {
                day(now).since(**date).is_ok_and(|since| since.get_days() < i32::from(days))
            })
            .map(|(date, posts)| json!({ "date": format!("{date}T00:00:00.000Z"), "usage": posts.to_string() }))
            .collect()
    }
}

fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::UTC).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Timestamp {
        "2026-11-20T14:03:01Z".parse::<Timestamp>().expect("a time") + Duration::from_secs(seconds)
    }

    #[test]
    fn a_token_is_the_same_until_it_is_invalidated_and_only_good_raw() {
        let mut tokens = Tokens::default();
        let token = tokens.of("key", "secret");
        assert!(token.contains("%2F") && token.contains("%3D"));
        assert_eq!((tokens.of("key", "secret"), tokens.check(&token)), (token.clone(), Ok(())));
        assert_eq!(Tokens::default().check(&token), Ok(()));
        let decoded = token.replace("%2F", "/").replace("%2B", "+").replace("%3D", "=");
        assert_eq!(tokens.check(&decoded), Err(BadToken::Unknown));
        assert_eq!(tokens.check("AAAAAAAAAAAAAAAAAAAAAé"), Err(BadToken::Unknown));
        tokens.invalidate("key", "secret");
        assert_eq!(tokens.check(&token), Err(BadToken::Invalidated));
        assert_eq!(tokens.check(&tokens.of("key", "secret")), Ok(()));
    }

    #[test]
    fn a_window_allows_so_many_calls_and_then_begins_anew() {
        let (mut limits, pace) = (Limits::default(), Pace::new(1).expect("a pace"));
        for remaining in (0..50).rev() {
            assert_eq!(limits.take(Limit::Connect, at(0), pace).remaining, remaining);
        }
        let refused = limits.take(Limit::Connect, at(1), pace);
        assert!(!refused.allowed && refused.reset >= at(900).as_second());
        assert!(limits.take(Limit::Connect, at(900), pace).allowed);
    }

    #[test]
    fn a_client_that_vanished_blocks_the_next_for_a_while() {
        let (mut connections, pace) = (Connections::default(), Pace::new(1).expect("a pace"));
        let open =
            |connections: &mut Connections, seconds| connections.open("127.0.0.1".to_owned(), at(seconds));
        let first = open(&mut connections, 0).expect("the first");
        assert!(open(&mut connections, 1).is_none());
        connections.lose(&first.id, at(2), pace);
        assert!(open(&mut connections, 3).is_none());
        let second = open(&mut connections, 8).expect("the first is gone");
        connections.close(&second.id, "OperationalDisconnect", at(9));
        let third = open(&mut connections, 9).expect("X itself ended the second");
        assert_eq!(connections.kill(|_| true, at(10)), [third.id]);
        assert!(third.kill.is_cancelled());
        assert_eq!(connections.list(Some(false), at(10)).len(), 3);
    }

    #[test]
    fn usage_is_counted_by_day_and_month() {
        let mut usage = Usage::default();
        let a_day = 86_400;
        usage.add(5, at(0));
        usage.add(2, at(a_day));
        usage.add(1, at(a_day));
        assert_eq!(usage.month(at(a_day)), 8);
        assert_eq!(usage.month(at(20 * a_day)), 0);
        let daily = usage.daily(1, at(a_day));
        assert_eq!(daily, [json!({ "date": "2026-11-21T00:00:00.000Z", "usage": "3" })]);
    }
}
