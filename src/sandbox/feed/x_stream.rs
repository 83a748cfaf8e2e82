//! One connection to the filtered stream: posts as they are written, keep-alives, and an end with a reason.
//!
//! What waits for a reader is bounded: a reader that lets it fill up is disconnected, as X does.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::Dialect;
use super::fault::{FeedFault, Names, Split, What};
use super::rules::Seen;
use super::sent::Completes;
use super::x_account::Opened;
use super::x_api::{Api, Body, Socket};
use super::x_lines::{Lines, Marks};
use super::x_mangle::{rubbish, strange};
use super::x_rules::Active;
use super::x_wire::{self, Asked, Matched};

/// X promises an empty line at least so often. Clients wait by real time, so this is no matter of pace.
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// How often is looked for posts that are due.
const LOOKS: Duration = Duration::from_millis(50);
/// A stream that is further behind than this much time leaves posts out: the machine slept.
const FURTHEST_BEHIND: Duration = Duration::from_secs(5);
/// Posts between two chances for others to run.
const AT_ONCE: u64 = 64;
/// How long a client that is disconnected may take to read what still waits for it.
const LAST_READS: Duration = Duration::from_secs(10);
const LINE_END: &[u8] = b"\r\n";
const BARE_LINE_END: &[u8] = b"\n";

/// What a client that may connect gets.
pub(super) struct Granted {
    pub(super) opened: Opened,
    pub(super) asked: Asked,
    /// How much of the past it gets first, because it asked for it.
    pub(super) past: Duration,
    /// And because a fault has it so: as far back as any connection was given posts.
    pub(super) overlap: Duration,
    /// Whether it is compressed, and if so whether it is held back.
    pub(super) gzip: Option<bool>,
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    ClientGone,
    /// With a last message of this type.
    Disconnect(String),
    /// The same, but the connection stays open and silent.
    Hang(String),
    /// With a bare message about this issue.
    Exception(String),
    /// In good order, without a word, perhaps within a line.
    Closed,
    Cut,
    Reset,
    /// The account's other calls ended it already.
    Killed,
}

/// Begins a stream; its posts come from a task of its own.
pub(super) fn begin(api: &Arc<Api>, granted: Granted, socket: Socket) -> Body {
    let Granted { opened, asked, past, overlap, gzip } = granted;
    let (lines, body) = Lines::new(api.feed.rate(), gzip, Arc::clone(&api.sent));
    let now = Timestamp::now();
    let ago = |time: Duration| api.feed.number_at(now.checked_sub(time).unwrap_or(now));
    let first = *api.account().first.get_or_insert_with(|| ago(past));
    let stream = Stream {
        next: ago(past).min(ago(overlap).max(first)),
        replays_until: api.feed.number_at(now),
        connect: api.sent.connected(),
        api: Arc::clone(api),
        opened,
        asked,
        lines,
        faults: api.switches.watch(),
        last_sent: Instant::now(),
        last_burst: Instant::now(),
        silence: None,
        told: false,
        posts: 0,
        rubbish: 0,
        again: VecDeque::new(),
        late: VecDeque::new(),
    };
    tokio::spawn(stream.run(socket));
    body
}

/// How a stream is silent.
#[derive(Debug, Clone, Copy)]
enum Silence {
    Whole,
    /// But for keep-alives so often.
    KeepAlives(Duration),
}

/// A post's line, with its end.
#[derive(Debug, Clone)]
struct Line {
    id: u64,
    bytes: Vec<u8>,
}

/// What is sent together, and what is complete with so many bytes of it: a connection may end within.
#[derive(Debug, Default)]
struct Batch {
    bytes: Vec<u8>,
    marks: Marks,
}

impl Batch {
    fn add(&mut self, line: Line) {
        // A reader may take a line for whole when nothing but its end is missing.
        let whole = self.bytes.len() + line.bytes.trim_ascii_end().len();
        self.marks.push((whole, Completes { posts: vec![line.id], ..Completes::default() }));
        self.bytes.extend(line.bytes);
    }

    /// Something that is no post.
    fn add_other(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.marks.push((self.bytes.len(), Completes { useless: 1, ..Completes::default() }));
    }

    /// A line that breaks off.
    fn add_broken(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.marks.push((self.bytes.len(), Completes { broken: 1, ..Completes::default() }));
    }
}

struct Stream {
    api: Arc<Api>,
    opened: Opened,
    asked: Asked,
    /// The how many-th connection it is.
    connect: u64,
    lines: Lines,
    faults: watch::Receiver<Vec<FeedFault>>,
    /// The number of the next post.
    next: u64,
    /// Posts before this number are of the past: they come as fast as they are read.
    replays_until: u64,
    last_sent: Instant,
    last_burst: Instant,
    /// Fallen silent for good.
    silence: Option<Silence>,
    /// Whether the last message is sent.
    told: bool,
    /// How many posts were delivered.
    posts: u64,
    /// How many useless lines were sent.
    rubbish: usize,
    /// Posts that come a second time.
    again: VecDeque<Line>,
    /// Posts that are held back, and when they are due.
    late: VecDeque<(Instant, Line)>,
}

impl Stream {
    async fn run(mut self, socket: Socket) {
        let end = self.give().await;
        self.account_for(&end);
        if let Some(message) = self.last_message(&end) {
            let mut batch = Batch::default();
            batch.add_other(&message);
            self.lines.send(batch.bytes, batch.marks, None);
        }
        match end {
            End::ClientGone => {}
            End::Hang(_) => {
                tokio::select! {
                    () = self.opened.kill.cancelled() => {}
                    () = self.lines.reader_gone() => {}
                }
                self.account_for(&End::ClientGone);
            }
            End::Cut | End::Reset => {
                // What is before the cut must get out, or there is nothing cut.
                while !self.lines.is_empty() && !self.lines.is_reader_gone() {
                    tokio::time::sleep(LOOKS).await;
                }
                tokio::time::sleep(LOOKS).await;
                if end == End::Reset {
                    socket.reset();
                    // Ended before the connection is, the body would have its last chunk.
                    self.lines.reader_gone().await;
                } else {
                    self.lines.break_off();
                }
            }
            End::Disconnect(_) | End::Exception(_) | End::Closed | End::Killed => {
                let leaving = self.lines.finish();
                // Whoever does not even read the end of it is cut off.
                let begun = Instant::now();
                while !leaving.is_done() {
                    if begun.elapsed() > LAST_READS {
                        socket.close();
                        return;
                    }
                    tokio::time::sleep(LOOKS).await;
                }
            }
        }
    }

    /// Tells the account that the connection is over.
    fn account_for(&self, end: &End) {
        let now = Timestamp::now();
        let mut account = self.api.account();
        let id = &self.opened.id;
        match end {
            End::ClientGone => account.connections.lose(id, now, self.api.pace),
            End::Disconnect(kind) | End::Exception(kind) => account.connections.close(id, kind, now),
            End::Cut | End::Reset => account.connections.close(id, "UpstreamUncleanDisconnect", now),
            End::Closed => account.connections.close(id, "OperationalDisconnect", now),
            // It is open yet; or it was ended by the account's other calls.
            End::Hang(_) | End::Killed => {}
        }
    }

    async fn give(&mut self) -> End {
        let mut looks = tokio::time::interval(LOOKS);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {}
                () = self.opened.kill.cancelled() => return End::Killed,
                () = self.lines.reader_gone() => return End::ClientGone,
            }
            let faults = self.faults.borrow_and_update().clone();
            if faults.iter().any(|fault| fault.what.ends_streams() && fault.times.is_none()) {
                return End::Disconnect("OperationalDisconnect".to_owned());
            }
            if let Some(end) = self.end_between_lines() {
                return end;
            }
            let mut keep_alive = KEEP_ALIVE;
            if let Some(silence) = self.silence.or_else(|| self.silence_of(&faults)) {
                self.next = self.api.feed.number_at(Timestamp::now());
                self.replays_until = self.next;
                match silence {
                    Silence::Whole => continue,
                    Silence::KeepAlives(often) => keep_alive = often,
                }
            } else if self.holds_back(&faults) {
                continue;
            } else if let Some(end) = self.give_what_is_due(&faults).await {
                return end;
            }
            if self.last_sent.elapsed() >= keep_alive {
                let bytes = line_end(&faults).to_vec();
                let keep_alive = Completes { keep_alives: 1, ..Completes::default() };
                self.send(Batch { marks: vec![(bytes.len(), keep_alive)], bytes }, &faults);
            }
        }
    }

    /// A silence that lasts as long as its fault is on.
    fn silence_of(&self, faults: &[FeedFault]) -> Option<Silence> {
        faults.iter().filter(|fault| fault.times.is_none() && self.posts >= fault.after).find_map(|fault| {
            match fault.what {
                What::Stall => Some(Silence::Whole),
                What::Quiet(often) => Some(Silence::KeepAlives(often)),
                _ => None,
            }
        })
    }

    fn is_silent(&self, faults: &[FeedFault]) -> bool {
        self.silence.is_some() || self.silence_of(faults).is_some()
    }

    /// Whether posts wait for the next burst.
    fn holds_back(&mut self, faults: &[FeedFault]) -> bool {
        let every = faults.iter().find_map(|fault| match fault.what {
            What::Burst(every) => Some(every),
            _ => None,
        });
        let Some(every) = every else { return false };
        if self.last_burst.elapsed() < every {
            return true;
        }
        self.last_burst = Instant::now();
        // A burst is all that was held back, however much that is.
        self.replays_until = self.api.feed.number_at(Timestamp::now());
        false
    }

    /// Lets a fault strike that ends the stream, or its posts, between two lines.
    fn end_between_lines(&mut self) -> Option<End> {
        if self.silence.is_some() {
            return None;
        }
        let posts = self.posts;
        let what = self.api.switches.strike(|fault| {
            let lasts = matches!(fault.what, What::Stall | What::Quiet(_)) && fault.times.is_none();
            let strikes = fault.what.ends_between_lines() && !lasts && posts >= fault.after;
            strikes.then(|| fault.what.clone())
        })?;
        match what {
            What::Stall => self.silence = Some(Silence::Whole),
            What::Quiet(often) => self.silence = Some(Silence::KeepAlives(often)),
            What::Disconnect(kind) => return Some(End::Disconnect(kind)),
            What::Hang(kind) => return Some(End::Hang(kind)),
            What::Exception(issue) => return Some(End::Exception(issue)),
            _ => return Some(End::Closed),
        }
        None
    }

    /// Lets a fault strike that ends the stream within a line.
    fn end_within_a_line(&self) -> Option<End> {
        let posts = self.posts;
        let what = self.api.switches.strike(|fault| {
            (fault.what.breaks_a_line() && posts >= fault.after).then(|| fault.what.clone())
        })?;
        Some(match what {
            What::Cut => End::Cut,
            What::Reset => End::Reset,
            _ => End::Closed,
        })
    }

    async fn give_what_is_due(&mut self, faults: &[FeedFault]) -> Option<End> {
        let now = Timestamp::now();
        let due = self.api.feed.number_at(now);
        let earliest = due.saturating_sub(self.api.feed.rate() * FURTHEST_BEHIND.as_secs());
        if self.next < earliest && self.next >= self.replays_until {
            tracing::warn!(posts = earliest - self.next, "the feed is behind and leaves posts out");
            self.next = earliest;
        }
        let rules = self.api.account().rules.active(now);
        let before = self.posts;
        let mut end = None;
        let mut batch = self.what_was_late();
        while self.next < due && end.is_none() {
            let upto = due.min(self.next + AT_ONCE);
            while self.next < upto && end.is_none() && !self.is_silent(faults) {
                let number = self.next;
                self.next += 1;
                if let Some(line) = self.line(number, &rules, faults) {
                    end = self.deliver(line, faults, &mut batch);
                }
            }
            if let Some(message) = end.as_ref().and_then(|end| self.last_message(end)) {
                // It comes together with the posts before it.
                batch.add_other(&message);
                self.told = true;
            }
            self.send(std::mem::take(&mut batch), faults);
            tokio::task::yield_now().await;
            if self.is_silent(faults) {
                break;
            }
            if end.is_none() && self.lines.is_full() {
                if self.next < self.replays_until {
                    // The past waits for its reader.
                    break;
                }
                end = Some(End::Disconnect("SlowReader".to_owned()));
            }
        }
        self.send(batch, faults);
        if self.posts > before {
            self.api.account().usage.add(self.posts - before, now);
        }
        end
    }

    /// The posts that were held back until now.
    fn what_was_late(&mut self) -> Batch {
        let mut batch = Batch::default();
        while self.late.front().is_some_and(|(due, _)| *due <= Instant::now()) {
            if let Some((_, line)) = self.late.pop_front() {
                batch.add(line);
            }
        }
        batch
    }

    /// The line of a post, if a rule matches it.
    fn line(&self, number: u64, rules: &[Active], faults: &[FeedFault]) -> Option<Line> {
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
        let dialect = self.dialect(number, faults);
        let mut bytes = x_wire::line(feed, &post, &self.asked, dialect, &matched).into_bytes();
        if faults.iter().any(|fault| fault.what == What::Strange) {
            bytes = strange(&bytes, number);
        }
        bytes.extend_from_slice(line_end(faults));
        Some(Line { id: post.id, bytes })
    }

    fn dialect(&self, number: u64, faults: &[FeedFault]) -> Dialect {
        let names = faults.iter().find_map(|fault| match fault.what {
            What::Dialect(names) => Some(names),
            _ => None,
        });
        match names {
            None => self.api.dialect,
            Some(Names::Tweet) => Dialect::Tweet,
            Some(Names::Mixed) if number.is_multiple_of(2) => Dialect::Tweet,
            Some(Names::Post | Names::Mixed) => Dialect::Post,
        }
    }

    /// Puts a post's line, and what faults put around it, into the batch.
    fn deliver(&mut self, line: Line, faults: &[FeedFault], batch: &mut Batch) -> Option<End> {
        if let Some(end) = self.end_within_a_line() {
            batch.add_broken(line.bytes.get(..line.bytes.len() / 2).unwrap_or_default());
            return Some(end);
        }
        self.posts += 1;
        let late = faults.iter().find_map(|fault| match fault.what {
            What::Late(time) if self.posts.is_multiple_of(10) => Some(time),
            _ => None,
        });
        if let Some(late) = late {
            self.late.push_back((Instant::now() + late, line));
        } else if faults.iter().any(|fault| fault.what == What::Repeat) {
            self.repeat(line, batch);
        } else {
            for line in self.again.drain(..) {
                batch.add(line);
            }
            batch.add(line);
        }
        if faults.iter().any(|fault| fault.what == What::Garbage) && self.posts.is_multiple_of(3) {
            batch.add_other(&rubbish(self.rubbish));
            batch.bytes.extend_from_slice(line_end(faults));
            self.rubbish += 1;
        }
        self.end_between_lines()
    }

    /// Every post comes a second time, some posts later; so some come after younger ones.
    fn repeat(&mut self, line: Line, batch: &mut Batch) {
        batch.add(line.clone());
        self.again.push_back(line);
        if self.again.len() > 4 {
            for line in self.again.drain(..2) {
                batch.add(line);
            }
        }
    }

    fn send(&mut self, batch: Batch, faults: &[FeedFault]) {
        if batch.bytes.is_empty() {
            return;
        }
        self.last_sent = Instant::now();
        self.lines.send(batch.bytes, batch.marks, split_of(faults));
    }

    /// The message that tells of an end, if it is one that is told and was not yet. It names X by the one or the other
    /// of its names, and has an end of a line or has none: a reader must take all.
    fn last_message(&self, end: &End) -> Option<Vec<u8>> {
        let host = if self.connect.is_multiple_of(2) { "api.x.com" } else { "api.twitter.com" };
        let message = match end {
            _ if self.told => return None,
            End::ClientGone | End::Closed | End::Cut | End::Reset => return None,
            End::Disconnect(kind) | End::Hang(kind) => disconnect(kind, host),
            End::Killed => disconnect("ForceDisconnect", host),
            End::Exception(issue) => json!({
                "title": "ConnectionException",
                "detail": "This stream is currently at the maximum allowed connection limit.",
                "connection_issue": issue,
                "type": format!("https://{host}/2/problems/streaming-connection"),
            }),
        };
        let mut message = message.to_string().into_bytes();
        if matches!(end, End::Hang(_)) || self.connect % 4 < 2 {
            message.extend_from_slice(LINE_END);
        }
        Some(message)
    }
}

fn split_of(faults: &[FeedFault]) -> Option<Split> {
    faults.iter().find_map(|fault| match fault.what {
        What::Split(split) => Some(split),
        _ => None,
    })
}

fn line_end(faults: &[FeedFault]) -> &'static [u8] {
    if split_of(faults) == Some(Split::BareLineFeed) { BARE_LINE_END } else { LINE_END }
}

/// The message of an operational disconnect.
fn disconnect(kind: &str, host: &str) -> serde_json::Value {
    let detail = match kind {
        "UpstreamOperationalDisconnect" => {
            "This stream has been disconnected upstream for operational reasons."
        }
        "SlowReader" => "This stream has been disconnected because the client was reading too slowly.",
        "ForceDisconnect" => "This stream has been disconnected on request.",
        "InvalidRules" => "This stream has been disconnected because its rules are invalid.",
        _ => "This stream has been disconnected for operational reasons.",
    };
    json!({ "errors": [{
        "title": "operational-disconnect",
        "disconnect_type": kind,
        "detail": detail,
        "type": format!("https://{host}/2/problems/operational-disconnect"),
    }] })
}
