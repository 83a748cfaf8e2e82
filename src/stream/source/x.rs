//! X's filtered stream: connected, kept connected, and listened to.
//!
//! Lines are handed over as they come; here they are only looked at far enough to tell posts from what X says of the
//! connection. What to do after every way in which a connection ends, or does not begin, stands in [`verdict`]. A pause
//! is only forgotten when posts have come, not when a connection was opened: else a stream that closes at once would be
//! opened in a circle, and X allows 50 connections in 15 minutes.

pub mod api;
pub mod verdict;

use std::collections::VecDeque;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;
use reqwest::Response;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Arrival, Arrivals};
use crate::stream::StreamError;
use crate::stream::lines::{Lines, Piece};
use crate::stream::live::{Live, Side};
use crate::stream::wire::{Incoming, Notice, Reader};
use api::{Api, ApiError};
use verdict::{Pause, Verdict};

/// A line is no longer: a post with all that belongs to it has some tens of kilobytes.
const LONGEST_LINE: usize = 1 << 20;
/// X allows 50; a few are left to the operator.
const MOST_CONNECTS: usize = 45;
const CONNECTS_WINDOW: Duration = Duration::from_mins(15);
/// While nothing helps but a person, how often it is looked again.
const PARKED: Duration = Duration::from_hours(1);
/// Another connection of the app is waited for: so long at first, and so often before it is said.
const GHOST: Duration = Duration::from_secs(5);
const GHOST_TRIES: u32 = 4;
/// So many posts are looked at for fields that never come.
const CHECKED_POSTS: u32 = 200;
/// What every post has that asks for it, by the names of before and after August 2026.
const FIELDS: [&[&str]; 6] = [
    &["\"created_at\""],
    &["\"lang\""],
    &["\"author_id\""],
    &["\"conversation_id\""],
    &["\"public_metrics\""],
    &["\"followers_count\""],
];

/// The stream, ready to connect.
#[derive(Debug)]
pub struct FilteredStream {
    /// X.
    pub api: Arc<Api>,
    /// The rules that are wanted; `None` leaves X's alone.
    pub rules: Option<Vec<String>>,
    /// The tag of our rules.
    pub tag: String,
    /// Without a byte for so long, the connection is taken for dead. X promises one every 20 s.
    pub stall: Duration,
    /// Whether other connections of the app may be ended so that ours is let in.
    pub takes_over: bool,
    /// How many times faster than it should everything is waited for; tests have no hour.
    pub haste: u32,
    /// Where gaps are written down.
    pub gaps: Option<PathBuf>,
}

/// How a connection ended.
#[derive(Debug)]
enum Ended {
    /// It was asked to.
    Stopped,
    /// The network, or X without a word.
    Quietly(String),
    /// By one of X's messages.
    Told(Notice),
}

/// Tries in a row that failed, of each kind of pause.
#[derive(Debug, Default)]
struct Tries {
    network: u32,
    http: u32,
    rate: u32,
    ghost: u32,
    bearer: u32,
    rules: u32,
}

impl FilteredStream {
    /// Hands over lines until it is asked to stop or nothing helps but a person.
    pub async fn run(self, to: Arrivals, live: Live, stop: CancellationToken) -> Result<(), StreamError> {
        let mut tries = Tries::default();
        let mut connects: VecDeque<Instant> = VecDeque::new();
        let mut rules_due = self.rules.is_some();
        live.change(|status| status.gaps.begin(Timestamp::now()));
        while !stop.is_cancelled() {
            if rules_due {
                match self.sync_rules(&live, &stop).await {
                    Ok(()) => rules_due = false,
                    Err(error) => {
                        self.recover(error, &mut tries, &live, &stop).await?;
                        continue;
                    }
                }
            }
            self.keep_to_the_limit(&mut connects, &stop).await;
            connects.push_back(Instant::now());
            live.change(|status| status.connection = Some("connecting".to_owned()));
            let connected = tokio::select! {
                connected = self.api.connect() => connected,
                () = stop.cancelled() => break,
            };
            let answer = match connected {
                Ok(answer) => answer,
                Err(error) => {
                    if matches!(&error, ApiError::Refused { verdict: Verdict::Rules, .. })
                        && self.rules.is_some()
                    {
                        rules_due = true;
                    }
                    self.recover(error, &mut tries, &live, &stop).await?;
                    continue;
                }
            };
            live.hold(Side::Source, None);
            live.change(|status| status.connection = Some("connected".to_owned()));
            let ended = self.listen(answer, &to, &live, &stop, &mut tries).await;
            let now = Timestamp::now();
            live.change(|status| {
                status.connection = Some("disconnected".to_owned());
                status.gaps.begin(now);
            });
            match ended {
                Ended::Stopped => break,
                Ended::Quietly(why) => {
                    live.failed(format!("X's stream ended: {why}"));
                    tries.network += 1;
                    self.wait(Pause::Network.after(tries.network), &stop).await;
                }
                Ended::Told(notice) => {
                    let said = format!("X ended the stream: {} {}", notice.kind, notice.detail);
                    live.failed(crate::text::sanitise(&said));
                    match notice.kind.as_str() {
                        "InvalidRules"
                        | "ClientApplicationStateDegraded"
                        | "RulesInvalidIssue"
                        | "RuleConfigurationIssue" => {
                            rules_due = self.rules.is_some();
                        }
                        "TooManyConnections" => {
                            self.ghost(&mut tries, &live, &stop).await?;
                            continue;
                        }
                        _ => {}
                    }
                    // The first goes at once: X's own ends are over in a moment.
                    tries.network += 1;
                    self.wait(Pause::Network.after(tries.network), &stop).await;
                }
            }
        }
        Ok(())
    }

    async fn sync_rules(&self, live: &Live, stop: &CancellationToken) -> Result<(), ApiError> {
        let Some(wanted) = &self.rules else { return Ok(()) };
        live.change(|status| status.connection = Some("setting rules".to_owned()));
        let synced = tokio::select! {
            synced = self.api.sync_rules(wanted, &self.tag, false) => synced,
            () = stop.cancelled() => return Ok(()),
        };
        let difference = synced?;
        if !difference.add.is_empty() || !difference.delete.is_empty() {
            tracing::info!(added = difference.add.len(), deleted = difference.delete.len(), "rules");
        }
        Ok(())
    }

    /// Does what an error asks for; an error of its own if that is to stop.
    async fn recover(
        &self,
        error: ApiError,
        tries: &mut Tries,
        live: &Live,
        stop: &CancellationToken,
    ) -> Result<(), StreamError> {
        let verdict = match &error {
            ApiError::Network { .. } => Verdict::Again(Pause::Network),
            ApiError::Refused { verdict, .. } => verdict.clone(),
            ApiError::Unexpected(_) => Verdict::Again(Pause::Http),
            ApiError::NoKeys | ApiError::BadKeys(_) | ApiError::Rules(_) => Verdict::Stop(error.to_string()),
        };
        live.change(|status| status.connection = Some("waiting".to_owned()));
        let pause = match verdict {
            Verdict::Stop(why) => return Err(StreamError::Refused(why)),
            Verdict::Park(why) => {
                live.hold(Side::Source, Some(why));
                self.wait(PARKED, stop).await;
                return Ok(());
            }
            Verdict::Ghost => return self.ghost(tries, live, stop).await,
            Verdict::Bearer => {
                // It was derived anew and refused again.
                tries.bearer += 1;
                if tries.bearer > 1 {
                    return Err(StreamError::Refused(format!(
                        "{error}: X does not accept the bearer of these keys; regenerate them in the developer console"
                    )));
                }
                self.api.forget_bearer().await;
                Duration::ZERO
            }
            Verdict::Rules => {
                tries.rules += 1;
                if self.rules.is_none() {
                    return Err(StreamError::Refused(
                        "X has no rules for this app, so it would send nothing: run `hydrant stream rules sync`".to_owned(),
                    ));
                }
                if tries.rules == 1 { Duration::ZERO } else { Pause::Http.after(tries.rules - 1) }
            }
            Verdict::After(wait) => wait + Duration::from_millis(rand::rng().random_range(200..3000)),
            Verdict::Again(pause) => {
                let count = match pause {
                    Pause::Network => &mut tries.network,
                    Pause::Http => &mut tries.http,
                    Pause::Rate => &mut tries.rate,
                };
                *count += 1;
                pause.after(*count)
            }
        };
        live.failed(&error);
        self.wait(pause, stop).await;
        Ok(())
    }

    /// Another connection is open: our own of before, which X has not noticed to be gone, or somebody else's.
    async fn ghost(
        &self,
        tries: &mut Tries,
        live: &Live,
        stop: &CancellationToken,
    ) -> Result<(), StreamError> {
        tries.ghost += 1;
        if tries.ghost >= GHOST_TRIES {
            if self.takes_over {
                self.api.kill_connections().await.unwrap_or_else(|error| live.failed(error));
            } else {
                live.hold(Side::Source, Some(
                    "X says that another connection of this app is open: stop the other client, or let hydrant end it with `x_take_over = true`"
                        .to_owned(),
                ));
            }
        }
        self.wait((GHOST * tries.ghost).min(Duration::from_mins(1)), stop).await;
        Ok(())
    }

    /// Waits while another connect would be one too many.
    async fn keep_to_the_limit(&self, connects: &mut VecDeque<Instant>, stop: &CancellationToken) {
        let window = CONNECTS_WINDOW / self.haste;
        while connects.front().is_some_and(|first| first.elapsed() >= window) {
            connects.pop_front();
        }
        if connects.len() >= MOST_CONNECTS
            && let Some(first) = connects.front()
        {
            let rest = window.saturating_sub(first.elapsed());
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn wait(&self, pause: Duration, stop: &CancellationToken) {
        tokio::select! {
            () = tokio::time::sleep(pause / self.haste) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Reads a connection to its end.
    async fn listen(
        &self,
        mut answer: Response,
        to: &Arrivals,
        live: &Live,
        stop: &CancellationToken,
        tries: &mut Tries,
    ) -> Ended {
        let mut body = Body::of(&answer);
        let mut lines = Lines::new(LONGEST_LINE);
        let mut ear = Ear { reader: Reader::default(), check: Some(FieldCheck::default()) };
        loop {
            let chunk = tokio::select! {
                chunk = tokio::time::timeout(self.stall, answer.chunk()) => chunk,
                () = stop.cancelled() => return Ended::Stopped,
            };
            let (bytes, end) = match chunk {
                Ok(Ok(Some(chunk))) => match body.decode(&chunk) {
                    Ok(bytes) => (bytes, None),
                    Err(error) => (Vec::new(), Some(format!("what came could not be unpacked: {error}"))),
                },
                Ok(Ok(None)) => (Vec::new(), Some("the connection was closed".to_owned())),
                Ok(Err(error)) => (Vec::new(), Some(format!("the connection broke: {}", last_cause(&error)))),
                Err(_) => (Vec::new(), Some(format!("not a byte for {} s", self.stall.as_secs()))),
            };
            let mut heard = Heard::default();
            lines.push(&bytes, |piece| heard.take(piece, &mut ear));
            if end.is_some() {
                lines.end(|rest| heard.rest(rest, &mut ear));
            }
            let now = Timestamp::now();
            if heard.posts > 0 {
                // Only posts prove that it works again.
                *tries = Tries::default();
                live.end_gap(now, self.gaps.as_deref());
            }
            if !heard.missing.is_empty() {
                let missing = heard.missing.join(", ");
                live.failed(format!(
                    "X never sent {missing} in the first {CHECKED_POSTS} posts, although it was asked for"
                ));
            }
            for arrival in heard.arrivals(now) {
                if to.send(arrival).await.is_err() {
                    return Ended::Stopped;
                }
            }
            if let Some(notice) = heard.told {
                return Ended::Told(notice);
            }
            if let Some(why) = end {
                return Ended::Quietly(why);
            }
        }
    }
}

/// What a piece of the stream held.
#[derive(Debug, Default)]
struct Heard {
    lines: Vec<u8>,
    broken: Vec<Arrival>,
    posts: u32,
    told: Option<Notice>,
    missing: Vec<&'static str>,
}

/// Tells posts from messages.
struct Ear {
    reader: Reader,
    check: Option<FieldCheck>,
}

impl Heard {
    fn take(&mut self, piece: Piece<'_>, ear: &mut Ear) {
        match piece {
            Piece::Line(line) => self.line(line, ear),
            Piece::TooLong(line) => self.broken.push(Arrival::Broken {
                line: line.get(..4096).unwrap_or(line).to_vec(),
                why: "the line is longer than 1 MiB",
            }),
        }
    }

    fn line(&mut self, line: &[u8], ear: &mut Ear) {
        // After its last word, X has nothing more to say.
        if self.told.is_some() {
            return;
        }
        match ear.reader.read(line) {
            Incoming::Notice(notice) if notice.ends => {
                self.told = Some(notice);
                return;
            }
            Incoming::Posts(_) => {
                self.posts += 1;
                if let Some(check) = &mut ear.check
                    && let Some(missing) = check.look(line)
                {
                    ear.check = None;
                    self.missing = missing;
                }
            }
            _ => {}
        }
        self.lines.extend_from_slice(line);
        self.lines.push(b'\n');
    }

    /// What stands after the last line end: a whole line whose end did not come, or half of one.
    fn rest(&mut self, rest: &[u8], ear: &mut Ear) {
        if let Incoming::Unknown(_) = ear.reader.read(rest) {
            let line = rest.to_vec();
            self.broken.push(Arrival::Broken { line, why: "the connection ended in the middle of the line" });
        } else {
            self.line(rest, ear);
        }
    }

    fn arrivals(&mut self, received: Timestamp) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        if !self.lines.is_empty() {
            arrivals.push(Arrival::Lines { lines: std::mem::take(&mut self.lines), received, mark: None });
        }
        arrivals.append(&mut self.broken);
        arrivals
    }
}

/// X ignores what it does not know and bills the call: a field that never comes must be noticed here.
#[derive(Debug, Default)]
struct FieldCheck {
    posts: u32,
    seen: [bool; FIELDS.len()],
}

impl FieldCheck {
    /// Once enough posts were looked at, the names of what never came.
    fn look(&mut self, line: &[u8]) -> Option<Vec<&'static str>> {
        self.posts += 1;
        for (seen, names) in self.seen.iter_mut().zip(FIELDS) {
            *seen = *seen || names.iter().any(|name| memchr::memmem::find(line, name.as_bytes()).is_some());
        }
        if self.posts < CHECKED_POSTS {
            return None;
        }
        let missing = self.seen.iter().zip(FIELDS).filter(|(seen, _)| !**seen);
        Some(missing.filter_map(|(_, names)| names.first().copied()).collect())
    }
}

/// A body as it is packed. Nobody asked for packing; who sends it all the same is understood.
enum Body {
    Plain,
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
}

impl Body {
    fn of(answer: &Response) -> Self {
        match answer.headers().get("content-encoding").map(|packing| packing.as_bytes()) {
            Some(b"gzip") => Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new()))),
            _ => Self::Plain,
        }
    }

    fn decode(&mut self, chunk: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Plain => Ok(chunk.to_vec()),
            Self::Gzip(decoder) => {
                decoder.write_all(chunk)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

fn last_cause(error: &reqwest::Error) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let why = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    crate::text::sanitise(&why)
}

#[cfg(test)]
mod tests;
