//! One connection to the filtered stream: posts as they are written, keep-alives, and an end with a reason.
//!
//! What waits for a reader is bounded: a reader that lets it fill up is disconnected, as X does.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::rules::Seen;
use super::x_account::Opened;
use super::x_api::{Api, Body};
use super::x_fault::XFault;
use super::x_rules::Active;
use super::x_wire::{self, Asked, Matched};

/// X promises an empty line at least so often. Clients wait by real time, so this is no matter of pace.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often is looked for posts that are due.
const LOOKS: Duration = Duration::from_millis(50);
/// A stream that is further behind than this much time leaves posts out: the machine slept.
const FURTHEST_BEHIND: u64 = 5;
/// Posts between two chances for others to run.
const AT_ONCE: u64 = 64;
/// How long a client that is disconnected may take to read what still waits for it.
const LAST_READS: Duration = Duration::from_secs(10);
/// Odd lengths, so that every place of a line is cut sooner or later: within letters, between CR and LF.
const CUT_LENGTHS: [usize; 7] = [1, 3, 7, 31, 5, 127, 53];
const LINE_END: &[u8] = b"\r\n";

/// How many bytes may wait for a reader: five seconds of posts of 4 KiB, within bounds.
fn most_waiting(rate: u64) -> usize {
    usize::try_from(rate * 4096 * 5).unwrap_or(usize::MAX).clamp(256 << 10, 16 << 20)
}

/// The sending end of a body.
#[derive(Debug)]
struct Lines {
    to: mpsc::UnboundedSender<io::Result<Bytes>>,
    waiting: Arc<AtomicUsize>,
    most: usize,
}

impl Lines {
    fn new(most: usize) -> (Self, Body) {
        let (to, from) = mpsc::unbounded_channel::<io::Result<Bytes>>();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting);
        let frames = futures_util::stream::unfold(from, move |mut from| {
            let counted = Arc::clone(&counted);
            async move {
                let next = from.recv().await?;
                if let Ok(bytes) = &next {
                    counted.fetch_sub(bytes.len(), Ordering::Relaxed);
                }
                Some((next.map(Frame::data), from))
            }
        });
        (Self { to, waiting, most }, BodyExt::boxed(StreamBody::new(frames)))
    }

    fn is_full(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) >= self.most
    }

    /// The bound is [`Lines::is_full`], which is asked before something is made; what is made is sent.
    fn send(&self, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if !bytes.is_empty() {
            self.waiting.fetch_add(bytes.len(), Ordering::Relaxed);
            // A reader that is gone is noticed by its closed channel.
            drop(self.to.send(Ok(bytes)));
        }
    }

    fn break_off(&self) {
        drop(self.to.send(Err(io::Error::new(io::ErrorKind::ConnectionAborted, "cut on purpose"))));
    }
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    ClientGone,
    /// With a last message of this type.
    Disconnect(String),
    Cut,
    /// The account's other calls ended it already.
    Killed,
}

/// Begins a stream; its posts come from a task of its own.
pub(super) fn begin(api: &Arc<Api>, opened: Opened, asked: Asked, socket: CancellationToken) -> Body {
    let (lines, body) = Lines::new(most_waiting(api.feed.rate()));
    let stream = Stream {
        next: api.feed.number_at(Timestamp::now()),
        api: Arc::clone(api),
        opened,
        asked,
        lines,
        faults: api.watch_faults(),
        last_sent: Instant::now(),
        posts: 0,
        rubbish: 0,
        late: VecDeque::new(),
        cuts: 0,
    };
    tokio::spawn(stream.run(socket));
    body
}

struct Stream {
    api: Arc<Api>,
    opened: Opened,
    asked: Asked,
    lines: Lines,
    faults: watch::Receiver<Vec<XFault>>,
    /// The number of the next post.
    next: u64,
    last_sent: Instant,
    /// How many posts were delivered.
    posts: u64,
    /// How many useless lines were sent.
    rubbish: usize,
    /// Posts that are held back so that they come out of order.
    late: VecDeque<Vec<u8>>,
    /// How many cuts were made into lines.
    cuts: usize,
}

impl Stream {
    async fn run(mut self, socket: CancellationToken) {
        let end = self.give().await;
        let now = Timestamp::now();
        {
            let mut account = self.api.account();
            match &end {
                End::ClientGone => account.connections.lose(&self.opened.id, now, self.api.pace),
                End::Disconnect(kind) => account.connections.close(&self.opened.id, kind, now),
                End::Cut => account.connections.close(&self.opened.id, "UpstreamUncleanDisconnect", now),
                End::Killed => {}
            }
        }
        match end {
            End::ClientGone => return,
            End::Disconnect(kind) => self.lines.send(disconnect_line(&kind)),
            End::Killed => self.lines.send(disconnect_line("ForceDisconnect")),
            End::Cut => {
                // What is before the cut must get out, or there is nothing cut.
                tokio::time::sleep(LOOKS).await;
                self.lines.break_off();
            }
        }
        // Whoever does not even read the end of it is cut off.
        let Lines { to, waiting, .. } = self.lines;
        let watched = to.clone();
        drop(to);
        let begun = Instant::now();
        while waiting.load(Ordering::Relaxed) > 0 && !watched.is_closed() {
            if begun.elapsed() > LAST_READS {
                socket.cancel();
                return;
            }
            tokio::time::sleep(LOOKS).await;
        }
    }

    async fn give(&mut self) -> End {
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.opened.kill.cancelled() => return End::Killed,
                () = self.lines.to.closed() => return End::ClientGone,
            }
            let faults = self.faults.borrow_and_update().clone();
            if faults.iter().any(XFault::refuses) {
                return End::Disconnect("OperationalDisconnect".to_owned());
            }
            if faults.contains(&XFault::Stall) {
                self.next = self.api.feed.number_at(Timestamp::now());
                continue;
            }
            if let Some(end) = self.give_what_is_due(&faults).await {
                return end;
            }
            if self.last_sent.elapsed() >= KEEP_ALIVE {
                self.send(LINE_END.to_vec(), &faults);
            }
        }
    }

    async fn give_what_is_due(&mut self, faults: &[XFault]) -> Option<End> {
        let now = Timestamp::now();
        let due = self.api.feed.number_at(now);
        let earliest = due.saturating_sub(self.api.feed.rate() * FURTHEST_BEHIND);
        if self.next < earliest {
            tracing::warn!(posts = earliest - self.next, "the feed is behind and leaves posts out");
            self.next = earliest;
        }
        let rules = self.api.account().rules.active(now);
        let before = self.posts;
        let mut end = None;
        let mut batch = Vec::new();
        while self.next < due && end.is_none() {
            let upto = due.min(self.next + AT_ONCE);
            while self.next < upto && end.is_none() {
                let number = self.next;
                self.next += 1;
                if let Some(line) = self.line(number, &rules) {
                    end = self.deliver(line, faults, &mut batch);
                }
            }
            self.send(std::mem::take(&mut batch), faults);
            tokio::task::yield_now().await;
            if end.is_none() && self.lines.is_full() {
                end = Some(End::Disconnect("SlowReader".to_owned()));
            }
        }
        if self.posts > before {
            self.api.account().usage.add(self.posts - before, now);
        }
        end
    }

    /// The line of a post, if a rule matches it.
    fn line(&self, number: u64, rules: &[Active]) -> Option<Vec<u8>> {
        if rules.is_empty() {
            return None;
        }
        let feed = &self.api.feed;
        let post = feed.post(number);
        let seen = Seen::of(feed, &post);
        let matched: Vec<Matched> = rules
            .iter()
            .filter(|active| active.rule.matches(&seen))
            .map(|active| active.matched.clone())
            .collect();
        if matched.is_empty() {
            return None;
        }
        let mut line = x_wire::line(feed, &post, &self.asked, self.api.dialect, &matched).into_bytes();
        line.extend_from_slice(LINE_END);
        Some(line)
    }

    /// Puts a post's line, and what faults put around it, into the batch.
    fn deliver(&mut self, line: Vec<u8>, faults: &[XFault], batch: &mut Vec<u8>) -> Option<End> {
        self.posts += 1;
        let cut = faults.contains(&XFault::Cut) && self.posts.is_multiple_of(5);
        if cut {
            batch.extend_from_slice(line.get(..line.len() / 2).unwrap_or_default());
            return Some(End::Cut);
        }
        if faults.contains(&XFault::Repeat) {
            self.repeat(line, batch);
        } else {
            batch.extend(self.late.drain(..).flatten());
            batch.extend_from_slice(&line);
        }
        if faults.contains(&XFault::Garbage) && self.posts.is_multiple_of(3) {
            batch.extend_from_slice(&rubbish(self.rubbish));
            batch.extend_from_slice(LINE_END);
            self.rubbish += 1;
        }
        faults.iter().find_map(|fault| match fault {
            XFault::Disconnect(kind) => Some(End::Disconnect(kind.clone())),
            _ => None,
        })
    }

    /// Every post comes a second time, some posts later; so some come after younger ones.
    fn repeat(&mut self, line: Vec<u8>, batch: &mut Vec<u8>) {
        batch.extend_from_slice(&line);
        self.late.push_back(line);
        if self.late.len() > 4 {
            batch.extend(self.late.drain(..2).flatten());
        }
    }

    fn send(&mut self, bytes: Vec<u8>, faults: &[XFault]) {
        if bytes.is_empty() {
            return;
        }
        self.last_sent = Instant::now();
        if !faults.contains(&XFault::Split) {
            self.lines.send(bytes);
            return;
        }
        let mut rest = Bytes::from(bytes);
        while !rest.is_empty() {
            let length = CUT_LENGTHS.get(self.cuts % CUT_LENGTHS.len()).copied().unwrap_or(1).min(rest.len());
            self.cuts += 1;
            self.lines.send(rest.split_to(length));
        }
    }
}

/// The message that a stream ends with.
fn disconnect_line(kind: &str) -> Vec<u8> {
    let detail = match kind {
        "UpstreamOperationalDisconnect" => {
            "This stream has been disconnected upstream for operational reasons."
        }
        "SlowReader" => "This stream has been disconnected because the client was reading too slowly.",
        "ForceDisconnect" => "This stream has been disconnected on request.",
        "InvalidRules" => "This stream has been disconnected because its rules are invalid.",
        _ => "This stream has been disconnected for operational reasons.",
    };
    let mut line = json!({ "errors": [{
        "title": "operational-disconnect",
        "disconnect_type": kind,
        "detail": detail,
        "type": "https://api.twitter.com/2/problems/operational-disconnect",
    }] })
    .to_string()
    .into_bytes();
    line.extend_from_slice(LINE_END);
    line
}

/// Lines that are no posts, one after another.
fn rubbish(which: usize) -> Vec<u8> {
    const LINES: [&[u8]; 14] = [
        b"{}",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"meta\":{\"sent\":\"2026-11-20T14:03:00.000Z\"}}",
        b"{\"data\":{}}",
        b"{\"data\":null,\"matching_rules\":[]}",
        b"{\"data\":{\"id\":\"1\"",
        b"<html>",
        // A lone surrogate as an escape; bytes that are no UTF-8, a cut letter among them.
        b"{\"data\":{\"id\":\"2123779209033285632\",\"text\":\"cut \\ud83d here\",\
          \"edit_history_tweet_ids\":[\"2123779209033285632\"]},\"matching_rules\":[]}",
        b"{\"data\":{\"id\":\"2123779209033285633\",\"text\":\"\xff \xc0\x80 \xed\xa0\x80 \xf0\x9f\x9a\"},\"matching_rules\":[]}",
        b"\0\0\0\0",
        b"deep",
        b"long",
    ];
    match LINES.get(which % LINES.len()).copied().unwrap_or_default() {
        b"deep" => vec![b'['; 100_000],
        b"long" => {
            let mut line = b"{\"data\":{\"id\":\"2\",\"text\":\"".to_vec();
            line.resize(5 << 20, b'x');
            line
        }
        line => line.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_for_a_reader_is_bounded() {
        assert_eq!(most_waiting(1), 256 << 10);
        assert_eq!(most_waiting(10_000), 16 << 20);
    }

    #[test]
    fn rubbish_is_one_line_each() {
        for which in 0..14 {
            assert!(!rubbish(which).contains(&b'\n'));
        }
    }
}
