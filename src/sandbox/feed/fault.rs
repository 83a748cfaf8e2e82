//! What goes wrong on X's and Jetstream's side on purpose, and is switched on and off while the servers run.
//!
//! A fault is written `NAME[:KIND][@POSTS][=TIMES]`. `@POSTS` is how many posts a connection gets before it strikes;
//! `=TIMES` is how often it strikes before it is off by itself. `x-cut@5=1` breaks one connection off within its sixth
//! post, `x-auth=1` refuses one call. Without `=TIMES` it is on until it is switched off. Times are written `500ms`,
//! `2s` or `3m`.
//!
//! Of a stream that is open:
//!
//! ```text
//! x-stall                  silence, keep-alives and all; the connection stays open
//! x-quiet[:20s]            keep-alives so often, but no posts
//! x-burst[:4s]             posts are held for so long and then come at once
//! x-split[:odd|bytes|lf]   lines come in pieces: cut at odd places, byte by byte, or with a bare \n as their end
//! x-garbage                lines between the posts that no reader can use, one of five megabytes among them
//! x-repeat                 posts come twice, and some out of order
//! x-late[:3m]              every tenth post comes so much later than others of its time
//! x-strange                keys that nobody knows, nulls, numbers where texts were, no author, bare posts
//! x-gzip[:held]            compressed if the client takes it: flushed at each post, or only at each twentieth
//! x-overlap[:10s]          a connection after another begins with so much of what was given before
//! x-dialect[:post|:mixed]  the other dialect's names, or both in turn
//! x-disconnect[:TYPE]      a message of this disconnect_type, and the end
//! x-hang[:TYPE]            the message, and then silence instead of the end
//! x-exception[:ISSUE]      a bare ConnectionException with this connection_issue, and the end
//! x-close                  the end without a word
//! x-truncate               half a line, and a clean end
//! x-cut                    half a line, and the connection is dropped
//! x-reset                  half a line, and the connection is reset
//! ```
//!
//! Of calls, connecting to the stream among them:
//!
//! ```text
//! x-auth[:v1]              401, whatever the token; `v1` in the older shape
//! x-credits                402: the credits are used up
//! x-cap                    403: the own spending limit is reached
//! x-forbidden[:REASON]     403: client-not-enrolled, or official-client-forbidden
//! x-usage                  429: the month's cap is reached
//! x-limit[:RESET]          429 with none remaining, and a reset in so much time, or past, missing, far, or nonsense
//! x-unavailable[:STATUS]   503, or another status, with a page instead of a document
//! x-empty[:STATUS]         the same with nothing
//! x-page                   200, but a page
//! x-redirect               to the same place under another name
//! x-slow[:2s]              answers are late
//! x-silent                 the connection is taken, and never answered
//! x-rules-half             of the rules of one call only every second is made
//! x-backfill               not a fault: the account may use `backfill_minutes`, as enterprises may
//! ```
//!
//! Of Jetstream:
//!
//! ```text
//! jet-stall                silence; the connection stays open
//! jet-slow[:200ms]         so much time between two events
//! jet-repeat               events come twice
//! jet-disorder             every fourth event comes after the next three
//! jet-garbage              messages that are no events
//! jet-cut                  the connection is dropped
//! jet-close                it is closed in good order
//! jet-error[:NAME]         an error message (ConsumerTooSlow), and a close
//! jet-refuse[:STATUS]      no subscription: 503, or another status
//! jet-silent               the connection is taken, and never answered
//! ```

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use tokio::sync::watch;

use crate::sandbox::fault::{time, written_time};

/// A fault of X's or Jetstream's side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedFault {
    pub(super) what: What,
    /// How many posts a connection gets before it strikes.
    pub(super) after: u64,
    /// How often it strikes yet; `None` is for ever.
    pub(super) times: Option<u64>,
}

/// How lines are cut into pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Odd,
    Bytes,
    BareLineFeed,
}

/// Which names posts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Tweet,
    Post,
    Mixed,
}

/// What `x-rate-limit-reset` says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reset {
    In(Duration),
    Past,
    Missing,
    Far,
    Nonsense,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    Stall,
    Quiet(Duration),
    Burst(Duration),
    Split(Split),
    Garbage,
    Repeat,
    Late(Duration),
    Strange,
    Gzip { held: bool },
    Overlap(Duration),
    Dialect(Names),
    Disconnect(String),
    Hang(String),
    Exception(String),
    Close,
    Truncate,
    Cut,
    Reset,
    Auth { v1: bool },
    Credits,
    Cap,
    Forbidden(String),
    Usage,
    Limit(Reset),
    Unavailable(u16),
    Empty(u16),
    Page,
    Redirect,
    Slow(Duration),
    Silent,
    RulesHalf,
    Backfill,
    JetStall,
    JetSlow(Duration),
    JetRepeat,
    JetDisorder,
    JetGarbage,
    JetCut,
    JetClose,
    JetError(String),
    JetRefuse(u16),
    JetSilent,
}

impl What {
    /// How many posts a connection gets before this strikes, if nothing is said.
    const fn usual_after(&self) -> u64 {
        match self {
            Self::Disconnect(_)
            | Self::Hang(_)
            | Self::Exception(_)
            | Self::Close
            | Self::JetClose
            | Self::JetError(_) => 1,
            Self::Truncate | Self::Cut | Self::Reset | Self::JetCut => 4,
            _ => 0,
        }
    }

    /// Whether it ends a stream within a line.
    pub(super) const fn breaks_a_line(&self) -> bool {
        matches!(self, Self::Truncate | Self::Cut | Self::Reset)
    }

    /// Whether it ends a stream, or its posts, between two lines.
    pub(super) const fn ends_between_lines(&self) -> bool {
        matches!(
            self,
            Self::Stall
                | Self::Quiet(_)
                | Self::Disconnect(_)
                | Self::Hang(_)
                | Self::Exception(_)
                | Self::Close
        )
    }

    /// Whether a stream that is open ends with it: the account may not read any more.
    pub(super) const fn ends_streams(&self) -> bool {
        matches!(self, Self::Auth { .. } | Self::Credits | Self::Cap | Self::Forbidden(_) | Self::Usage)
    }

    /// Whether X refuses calls with it.
    pub(super) const fn refuses(&self) -> bool {
        matches!(
            self,
            Self::Auth { .. } | Self::Credits | Self::Cap | Self::Forbidden(_) | Self::Usage | Self::Limit(_)
        )
    }

    /// Whether something that stands in front of X answers instead of X.
    pub(super) const fn hides_x(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Empty(_) | Self::Page | Self::Redirect | Self::Silent)
    }

    /// Whether Jetstream ends, or falls silent, with it.
    pub(super) const fn ends_jetstream(&self) -> bool {
        matches!(self, Self::JetStall | Self::JetCut | Self::JetClose | Self::JetError(_))
    }
}

const USUAL_DISCONNECT: &str = "OperationalDisconnect";
const USUAL_ISSUE: &str = "TooManyConnections";
const NOT_ENROLLED: &str = "client-not-enrolled";
const TOO_SLOW: &str = "ConsumerTooSlow";
const QUIET: Duration = Duration::from_secs(20);
const BURST: Duration = Duration::from_secs(4);
const LATE: Duration = Duration::from_mins(3);
const OVERLAP: Duration = Duration::from_secs(10);
const SLOW: Duration = Duration::from_secs(2);
const JET_SLOW: Duration = Duration::from_millis(200);
const RESET: Duration = Duration::from_secs(3);
const UNAVAILABLE: u16 = 503;

impl FeedFault {
    /// Every fault, as it is written at its shortest.
    pub(crate) const NAMES: [&'static str; 42] = [
        "x-stall",
        "x-quiet",
        "x-burst",
        "x-split",
        "x-garbage",
        "x-repeat",
        "x-late",
        "x-strange",
        "x-gzip",
        "x-overlap",
        "x-dialect",
        "x-disconnect",
        "x-hang",
        "x-exception",
        "x-close",
        "x-truncate",
        "x-cut",
        "x-reset",
        "x-auth",
        "x-credits",
        "x-cap",
        "x-forbidden",
        "x-usage",
        "x-limit",
        "x-unavailable",
        "x-empty",
        "x-page",
        "x-redirect",
        "x-slow",
        "x-silent",
        "x-rules-half",
        "x-backfill",
        "jet-stall",
        "jet-slow",
        "jet-repeat",
        "jet-disorder",
        "jet-garbage",
        "jet-cut",
        "jet-close",
        "jet-error",
        "jet-refuse",
        "jet-silent",
    ];
}

impl FromStr for FeedFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, times) = split_count(text, '=')?;
        let (rest, after) = split_count(rest, '@')?;
        let (name, kind) = rest.split_once(':').map_or((rest, None), |(name, kind)| (name, Some(kind)));
        let what = what(name, kind)?;
        if times == Some(0) {
            return Err(format!("{text} would never strike: leave it out"));
        }
        Ok(Self { after: after.unwrap_or_else(|| what.usual_after()), what, times })
    }
}

fn split_count(text: &str, mark: char) -> Result<(&str, Option<u64>), String> {
    let Some((rest, count)) = text.split_once(mark) else { return Ok((text, None)) };
    let count = count.parse().map_err(|_| format!("{count} is no number, in {text}"))?;
    Ok((rest, Some(count)))
}

fn what(name: &str, kind: Option<&str>) -> Result<What, String> {
    let word = |usual: &str| {
        let word = kind.unwrap_or(usual);
        let is_a_word =
            !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_alphanumeric() || letter == b'-');
        is_a_word.then(|| word.to_owned()).ok_or_else(|| format!("{word} is not one word, as {usual} is"))
    };
    let lasting = |usual| match kind {
        None => Ok(usual),
        Some(text) => time(text).ok_or_else(|| format!("{text} is no time: write it as 500ms, 2s or 20m")),
    };
    let status = || match kind {
        None => Ok(UNAVAILABLE),
        Some(text) => text
            .parse()
            .ok()
            .filter(|status| (400..600).contains(status))
            .ok_or_else(|| format!("{text} is no status of a refusal: those are from 400 to 599")),
    };
    let no_kind = |kinds: &str| format!("{} is no kind of {name}: {kinds}", kind.unwrap_or_default());
    let plain = |what| match kind {
        None => Ok(what),
        Some(kind) => Err(format!("{name} has no kinds, so {kind} means nothing")),
    };
    match name {
        "x-quiet" => lasting(QUIET).map(What::Quiet),
        "x-burst" => lasting(BURST).map(What::Burst),
        "x-late" => lasting(LATE).map(What::Late),
        "x-overlap" => lasting(OVERLAP).map(What::Overlap),
        "x-slow" => lasting(SLOW).map(What::Slow),
        "jet-slow" => lasting(JET_SLOW).map(What::JetSlow),
        "x-disconnect" => word(USUAL_DISCONNECT).map(What::Disconnect),
        "x-hang" => word(USUAL_DISCONNECT).map(What::Hang),
        "x-exception" => word(USUAL_ISSUE).map(What::Exception),
        "x-forbidden" => word(NOT_ENROLLED).map(What::Forbidden),
        "jet-error" => word(TOO_SLOW).map(What::JetError),
        "x-unavailable" => status().map(What::Unavailable),
        "x-empty" => status().map(What::Empty),
        "jet-refuse" => status().map(What::JetRefuse),
        "x-split" => match kind {
            None | Some("odd") => Ok(What::Split(Split::Odd)),
            Some("bytes") => Ok(What::Split(Split::Bytes)),
            Some("lf") => Ok(What::Split(Split::BareLineFeed)),
            Some(_) => Err(no_kind("there are odd, bytes and lf")),
        },
        "x-gzip" => match kind {
            None => Ok(What::Gzip { held: false }),
            Some("held") => Ok(What::Gzip { held: true }),
            Some(_) => Err(no_kind("there is held")),
        },
        "x-dialect" => match kind {
            None | Some("post") => Ok(What::Dialect(Names::Post)),
            Some("tweet") => Ok(What::Dialect(Names::Tweet)),
            Some("mixed") => Ok(What::Dialect(Names::Mixed)),
            Some(_) => Err(no_kind("there are post, tweet and mixed")),
        },
        "x-auth" => match kind {
            None => Ok(What::Auth { v1: false }),
            Some("v1") => Ok(What::Auth { v1: true }),
            Some(_) => Err(no_kind("there is v1")),
        },
        "x-limit" => match kind {
            Some("past") => Ok(What::Limit(Reset::Past)),
            Some("missing") => Ok(What::Limit(Reset::Missing)),
            Some("far") => Ok(What::Limit(Reset::Far)),
            Some("nonsense") => Ok(What::Limit(Reset::Nonsense)),
            _ => lasting(RESET).map(|time| What::Limit(Reset::In(time))),
        },
        "x-stall" => plain(What::Stall),
        "x-garbage" => plain(What::Garbage),
        "x-repeat" => plain(What::Repeat),
        "x-strange" => plain(What::Strange),
        "x-close" => plain(What::Close),
        "x-truncate" => plain(What::Truncate),
        "x-cut" => plain(What::Cut),
        "x-reset" => plain(What::Reset),
        "x-credits" => plain(What::Credits),
        "x-cap" => plain(What::Cap),
        "x-usage" => plain(What::Usage),
        "x-page" => plain(What::Page),
        "x-redirect" => plain(What::Redirect),
        "x-silent" => plain(What::Silent),
        "x-rules-half" => plain(What::RulesHalf),
        "x-backfill" => plain(What::Backfill),
        "jet-stall" => plain(What::JetStall),
        "jet-repeat" => plain(What::JetRepeat),
        "jet-disorder" => plain(What::JetDisorder),
        "jet-garbage" => plain(What::JetGarbage),
        "jet-cut" => plain(What::JetCut),
        "jet-close" => plain(What::JetClose),
        "jet-silent" => plain(What::JetSilent),
        _ => Err(format!("{name} is no fault of the feed: there are {}", FeedFault::NAMES.join(", "))),
    }
}

impl fmt::Display for FeedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)?;
        if self.after != self.what.usual_after() {
            write!(f, "@{}", self.after)?;
        }
        self.times.map_or(Ok(()), |times| write!(f, "={times}"))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = |name: &str, word: &str, usual: &str| {
            if word == usual { name.to_owned() } else { format!("{name}:{word}") }
        };
        let lasting = |name: &str, time: Duration, usual: Duration| {
            if time == usual { name.to_owned() } else { format!("{name}:{}", written_time(time)) }
        };
        let status = |name: &str, status: u16| {
            if status == UNAVAILABLE { name.to_owned() } else { format!("{name}:{status}") }
        };
        let written = match self {
            Self::Quiet(time) => lasting("x-quiet", *time, QUIET),
            Self::Burst(time) => lasting("x-burst", *time, BURST),
            Self::Late(time) => lasting("x-late", *time, LATE),
            Self::Overlap(time) => lasting("x-overlap", *time, OVERLAP),
            Self::Slow(time) => lasting("x-slow", *time, SLOW),
            Self::JetSlow(time) => lasting("jet-slow", *time, JET_SLOW),
            Self::Limit(Reset::In(time)) => lasting("x-limit", *time, RESET),
            Self::Disconnect(kind) => word("x-disconnect", kind, USUAL_DISCONNECT),
            Self::Hang(kind) => word("x-hang", kind, USUAL_DISCONNECT),
            Self::Exception(issue) => word("x-exception", issue, USUAL_ISSUE),
            Self::Forbidden(reason) => word("x-forbidden", reason, NOT_ENROLLED),
            Self::JetError(name) => word("jet-error", name, TOO_SLOW),
            Self::Unavailable(code) => status("x-unavailable", *code),
            Self::Empty(code) => status("x-empty", *code),
            Self::JetRefuse(code) => status("jet-refuse", *code),
            plain => plain.fixed_name().to_owned(),
        };
        f.write_str(&written)
    }
}

impl What {
    /// How it is written, of those that are always written the same.
    const fn fixed_name(&self) -> &'static str {
        match self {
            Self::Stall => "x-stall",
            Self::Split(Split::Odd) => "x-split",
            Self::Split(Split::Bytes) => "x-split:bytes",
            Self::Split(Split::BareLineFeed) => "x-split:lf",
            Self::Garbage => "x-garbage",
            Self::Repeat => "x-repeat",
            Self::Strange => "x-strange",
            Self::Gzip { held: false } => "x-gzip",
            Self::Gzip { held: true } => "x-gzip:held",
            Self::Dialect(Names::Post) => "x-dialect",
            Self::Dialect(Names::Tweet) => "x-dialect:tweet",
            Self::Dialect(Names::Mixed) => "x-dialect:mixed",
            Self::Close => "x-close",
            Self::Truncate => "x-truncate",
            Self::Cut => "x-cut",
            Self::Reset => "x-reset",
            Self::Auth { v1: false } => "x-auth",
            Self::Auth { v1: true } => "x-auth:v1",
            Self::Credits => "x-credits",
            Self::Cap => "x-cap",
            Self::Usage => "x-usage",
            Self::Limit(Reset::Past) => "x-limit:past",
            Self::Limit(Reset::Missing) => "x-limit:missing",
            Self::Limit(Reset::Far) => "x-limit:far",
            Self::Limit(Reset::Nonsense) => "x-limit:nonsense",
            Self::Page => "x-page",
            Self::Redirect => "x-redirect",
            Self::Silent => "x-silent",
            Self::RulesHalf => "x-rules-half",
            Self::Backfill => "x-backfill",
            Self::JetStall => "jet-stall",
            Self::JetRepeat => "jet-repeat",
            Self::JetDisorder => "jet-disorder",
            Self::JetGarbage => "jet-garbage",
            Self::JetCut => "jet-cut",
            Self::JetClose => "jet-close",
            Self::JetSilent => "jet-silent",
            // Written with what they carry.
            Self::Quiet(_)
            | Self::Burst(_)
            | Self::Late(_)
            | Self::Overlap(_)
            | Self::Slow(_)
            | Self::JetSlow(_)
            | Self::Limit(Reset::In(_))
            | Self::Disconnect(_)
            | Self::Hang(_)
            | Self::Exception(_)
            | Self::Forbidden(_)
            | Self::JetError(_)
            | Self::Unavailable(_)
            | Self::Empty(_)
            | Self::JetRefuse(_) => "",
        }
    }
}

/// The faults that are on, for all servers of a feed.
#[derive(Debug)]
pub(super) struct Switches {
    on: watch::Sender<Vec<FeedFault>>,
}

impl Switches {
    pub(super) fn new(faults: Vec<FeedFault>) -> Self {
        Self { on: watch::Sender::new(faults) }
    }

    /// From now on there are these.
    pub(super) fn set(&self, faults: Vec<FeedFault>) {
        self.on.send_replace(faults);
    }

    pub(super) fn list(&self) -> Vec<FeedFault> {
        self.on.borrow().clone()
    }

    pub(super) fn watch(&self) -> watch::Receiver<Vec<FeedFault>> {
        self.on.subscribe()
    }

    /// The first fault that fits, with what is found in it. It strikes: one of its times is used up.
    pub(super) fn strike<T>(&self, fits: impl Fn(&FeedFault) -> Option<T>) -> Option<T> {
        let mut struck = None;
        self.on.send_if_modified(|on| {
            let Some((index, found)) =
                on.iter().enumerate().find_map(|(index, fault)| fits(fault).map(|found| (index, found)))
            else {
                return false;
            };
            struck = Some(found);
            let Some(fault) = on.get_mut(index) else { return false };
            let Some(times) = fault.times else { return false };
            if times > 1 {
                fault.times = Some(times - 1);
            } else {
                on.remove(index);
            }
            true
        });
        struck
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_they_are_read() {
        let more = [
            "x-disconnect:SlowReader",
            "x-disconnect:SlowReader@3=2",
            "x-stall@5",
            "x-auth=1",
            "x-quiet:500ms",
            "x-limit:past",
            "x-limit:9000ms",
            "x-unavailable:520",
            "jet-cut@0=1",
        ];
        for text in FeedFault::NAMES.into_iter().chain(more) {
            assert_eq!(text.parse::<FeedFault>().expect("a fault").to_string(), text);
        }
        for text in [
            "stall",
            "x-flood",
            "x-stall:now",
            "x-disconnect:",
            "x-disconnect:two words",
            "x-cut=0",
            "x-cut@soon",
            "x-empty:200",
            "x-quiet:long",
            "x-split:twice",
        ] {
            assert!(text.parse::<FeedFault>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_fault_with_times_is_off_by_itself() {
        let switches = Switches::new(vec!["x-auth=2".parse().expect("a fault")]);
        let strike = || switches.strike(|fault| fault.what.refuses().then_some(()));
        assert_eq!([strike(), strike(), strike()], [Some(()), Some(()), None]);
        assert!(switches.list().is_empty());
        switches.set(vec!["x-auth".parse().expect("a fault")]);
        assert!((0..10).all(|_| strike().is_some()));
    }
}
