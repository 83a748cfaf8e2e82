//! What the feed's servers gave out, for tests that compare it with what arrived: the list is the servers' own.
//!
//! A post counts as sent when its whole line, or its whole message, is handed to the connection. What a client that
//! died had not read of its connection is lost with it, as it is at X.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

/// How many are remembered: eight megabytes of numbers.
const MOST: usize = 1_000_000;
/// How many are told at once.
pub(super) const AT_ONCE: usize = 20_000;

/// What one server gave out.
#[derive(Debug, Default)]
pub(super) struct Sent(Mutex<Log>);

#[derive(Debug, Default)]
struct Log {
    /// Every post that was sent whole, in order; one that was sent twice is there twice.
    posts: VecDeque<u64>,
    /// How many of the first are forgotten.
    forgotten: u64,
    connects: u64,
    refused: BTreeMap<u16, u64>,
    useless: u64,
    broken: u64,
    keep_alives: u64,
}

/// What a piece of a stream completes.
#[derive(Debug, Clone, Default)]
pub(super) struct Completes {
    /// Posts, as the server numbers them.
    pub(super) posts: Vec<u64>,
    /// Lines or messages that are no posts.
    pub(super) useless: u64,
    /// Lines that break off.
    pub(super) broken: u64,
    pub(super) keep_alives: u64,
}

impl Completes {
    pub(super) fn add(&mut self, other: Self) {
        self.posts.extend(other.posts);
        self.useless += other.useless;
        self.broken += other.broken;
        self.keep_alives += other.keep_alives;
    }
}

impl Sent {
    fn change(&self, change: impl FnOnce(&mut Log)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Counts a connection, and gives back the how many-th it is.
    pub(super) fn connected(&self) -> u64 {
        let mut connect = 0;
        self.change(|log| {
            log.connects += 1;
            connect = log.connects;
        });
        connect
    }

    pub(super) fn refused(&self, status: u16) {
        self.change(|log| *log.refused.entry(status).or_default() += 1);
    }

    pub(super) fn add(&self, completes: &Completes) {
        self.change(|log| {
            log.posts.extend(&completes.posts);
            while log.posts.len() > MOST {
                log.posts.pop_front();
                log.forgotten += 1;
            }
            log.useless += completes.useless;
            log.broken += completes.broken;
            log.keep_alives += completes.keep_alives;
        });
    }

    pub(super) fn reset(&self) {
        self.change(|log| *log = Log::default());
    }

    /// As JSON: the counts, and the posts from the `from`-th on, written by `name`.
    pub(super) fn told(&self, from: u64, name: impl Fn(u64) -> Value) -> Value {
        let (mut told, posts) = {
            let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let first = from.max(log.forgotten);
            let skipped = usize::try_from(first - log.forgotten).unwrap_or(usize::MAX);
            let posts: Vec<u64> = log.posts.iter().skip(skipped).take(AT_ONCE).copied().collect();
            let total = log.forgotten + u64::try_from(log.posts.len()).unwrap_or(u64::MAX);
            let told = json!({
                "connects": log.connects,
                "refused": log.refused.iter().map(|(code, times)| (code.to_string(), json!(times)))
                    .collect::<serde_json::Map<_, _>>(),
                "sent": total,
                "useless": log.useless,
                "broken": log.broken,
                "keep_alives": log.keep_alives,
                "first": first.min(total),
            });
            (told, posts)
        };
        told["posts"] = posts.into_iter().map(name).collect();
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_told_in_order_from_a_place_on() {
        let sent = Sent::default();
        sent.connected();
        sent.refused(429);
        sent.add(&Completes { posts: vec![7, 8, 7], keep_alives: 1, ..Completes::default() });
        let told = sent.told(1, |post| json!(post));
        assert_eq!((&told["sent"], &told["first"], &told["posts"]), (&json!(3), &json!(1), &json!([8, 7])));
        assert_eq!((&told["refused"]["429"], &told["keep_alives"]), (&json!(1), &json!(1)));
        assert_eq!(sent.told(9, |post| json!(post))["posts"], json!([]));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_forgotten_is_counted() {
        let sent = Sent::default();
        sent.add(&Completes { posts: (0..1_000_002).collect(), ..Completes::default() });
        let told = sent.told(0, |post| json!(post));
        assert_eq!((&told["sent"], &told["first"]), (&json!(1_000_002), &json!(2)));
        assert_eq!(told["posts"].as_array().map(Vec::len), Some(AT_ONCE));
    }
}
