//! A tail of log groups: their history in one order of time, then what comes in, each event once.
//!
//! It goes in rounds. A round reads every group from its window's beginning, page by page (an empty
//! page with a token after it is normal), hands on what was not shown yet, and forgets what is too old to be asked for
//! again. The first round is the history. Whoever looks on has Live Tail beside the rounds, which then come seldom and
//! bring what a sample left out, what came late, and the proof that Live Tail shows anything at all.
//!
//! Calls that are refused because there are too many are made again after a pause that grows, and the listener is told.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use backon::{BackoffBuilder, ExponentialBuilder};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::live::{self, Live, Named, Update};
use super::merge::{Lane, ready};
use super::window::{Reach, Window};
use super::{LogEvent, LogsError, Marks, groups};
use crate::cloud::{Cloud, Failure, Operation};

/// How events that are still to come are waited for.
#[derive(Debug, Clone)]
pub enum Follow {
    /// Not at all: the tail ends with the history.
    No,
    /// By asking every other second: complete, and without cost.
    Poll,
    /// The same until this is cancelled, and once more then: nothing comes any more.
    Until(CancellationToken),
    /// By Live Tail where the endpoint has it, and asking besides, as long as this says that somebody looks on. It costs
    /// by the minute: a session that ended is followed by another only when that is said once more.
    Watch(watch::Receiver<bool>),
}

impl Follow {
    /// By Live Tail, for one session: somebody looks on all the time.
    pub fn watch() -> Self {
        Self::Watch(watch::channel(true).1)
    }

    fn follows(&self) -> bool {
        !matches!(self, Self::No)
    }
}

/// What is tailed.
#[derive(Debug, Clone)]
pub struct Request {
    /// The groups' names.
    pub groups: Vec<String>,
    /// Where the history begins.
    pub since: Timestamp,
    /// A filter pattern, in CloudWatch's own language; it is applied there.
    pub pattern: Option<String>,
    /// What comes after the history.
    pub follow: Follow,
    /// For how long a call is made again and again: to somebody who follows, until the first is answered.
    pub patience: Duration,
}

/// Long enough for a service that is busy, and no longer than somebody waits for who does not answer at all.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Events that are to be shown, in the order of time among themselves.
    Events(Vec<LogEvent>),
    /// How far streams are read that are gone on with by that alone.
    Read(Marks),
    /// How the reading goes.
    Note(Note),
}

/// How the reading goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// Everything up to now was told: what comes is new.
    CaughtUp,
    /// Events come live.
    Live,
    /// They do not, for this reason; they are asked for every other second.
    Polling(String),
    /// There is more than Live Tail shows; the rest is fetched a little later, and then it is caught up again.
    Sampled,
    /// A call failed in a way that passes; it is made again after so long.
    Again {
        /// Why.
        why: String,
        /// Whether there were too many calls.
        throttled: bool,
        /// How long.
        after: Duration,
    },
    /// Calls are answered again.
    Answered,
    /// A group that was followed was deleted.
    Gone(String),
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CaughtUp => f.write_str("up to now; following"),
            Self::Live => f.write_str("events come live, by Live Tail, which costs a cent a minute"),
            Self::Polling(why) => write!(f, "no live tail ({why}): asking every {} s", EVERY.as_secs()),
            Self::Sampled => {
                f.write_str("more than 500 events a second: a sample is shown, the rest follows")
            }
            Self::Again { why, throttled, after } => {
                let what = if *throttled { "throttled" } else { "no answer" };
                write!(f, "{what}: again in {:.1} s ({why})", after.as_secs_f64())
            }
            Self::Answered => f.write_str("answered again"),
            Self::Gone(group) => write!(f, "the log group {group} was deleted"),
        }
    }
}

/// How a tail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With the history, or what was followed, as asked.
    Whole,
    /// It was stopped.
    Stopped,
    /// No group that was followed is left.
    Gone,
}

/// How often groups are asked for what is new; each group adds to it, since an account has five calls a second.
const EVERY: Duration = Duration::from_secs(2);
const EACH_GROUP: Duration = Duration::from_millis(400);
/// The same while events come live.
const EVERY_WHEN_LIVE: Duration = Duration::from_secs(10);
/// How often it is looked far back, for late events.
const FAR: Duration = Duration::from_secs(10);
/// The pauses after a call that failed: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// An event that was taken in so long ago and did not come live does not come any more.
const LIVE_IS_SLOW: Duration = Duration::from_secs(10);
/// The largest page that CloudWatch gives.
const PAGE: i32 = 10_000;

/// Tails groups until the end of the history, or until it is stopped. `told` is called with everything in order and
/// must not block.
pub async fn tail(
    cloud: &Cloud,
    request: &Request,
    stop: &CancellationToken,
    told: impl FnMut(Told) + Send,
) -> Result<Ending, LogsError> {
    let window = || match request.follow {
        Follow::No => Window::once(request.since),
        Follow::Poll | Follow::Until(_) | Follow::Watch(_) => Window::since(request.since),
    };
    let windows = request.groups.iter().map(|group| (group.as_str().into(), window())).collect();
    let looks = match &request.follow {
        Follow::Watch(looks) => Some(looks.clone()),
        Follow::No | Follow::Poll | Follow::Until(_) => None,
    };
    let mut tail = Tail { cloud, request, told, windows, looks, live: None, answered: false };
    tokio::select! {
        ending = tail.run() => ending,
        () = stop.cancelled() => Ok(Ending::Stopped),
    }
}

struct Tail<'a, F> {
    cloud: &'a Cloud,
    request: &'a Request,
    told: F,
    windows: BTreeMap<Arc<str>, Window>,
    /// Whether somebody looks on.
    looks: Option<watch::Receiver<bool>>,
    live: Option<Live>,
    /// Whether a call was answered yet.
    answered: bool,
}

impl<F: FnMut(Told) + Send> Tail<'_, F> {
    async fn run(&mut self) -> Result<Ending, LogsError> {
        if self.looks.as_mut().is_some_and(|looks| *looks.borrow_and_update()) {
            // Before the history is read, so that nothing falls between the two.
            self.go_live().await;
        }
        self.round(Reach::Far).await?;
        if !self.request.follow.follows() {
            return Ok(Ending::Whole);
        }
        self.note(Note::CaughtUp);
        let mut far = Instant::now() + FAR;
        let mut next = Instant::now() + self.every();
        while !self.windows.is_empty() {
            let turn = tokio::select! {
                update = next_of(&mut self.live) => Turn::Came(update),
                looks = change_of(&mut self.looks) => Turn::Looks(looks),
                () = tokio::time::sleep_until(next) => Turn::Round,
                () = end_of(&self.request.follow) => Turn::Last,
            };
            match turn {
                Turn::Came(Update::Events { events, sampled }) => self.came_live(events, sampled),
                Turn::Looks(true) => {
                    if self.live.is_none() {
                        self.go_live().await;
                    }
                }
                Turn::Looks(false) => {
                    if self.live.take().is_some() {
                        self.note(Note::CaughtUp);
                        next = Instant::now();
                    }
                }
                Turn::Came(Update::Over(why)) => {
                    tracing::info!(why, "the live tail is over");
                    // What came in since is found by the round that follows.
                    self.live = None;
                    self.note(Note::Polling(why));
                    next = Instant::now();
                }
                Turn::Round => {
                    let reach = if Instant::now() >= far { Reach::Far } else { Reach::Near };
                    if reach == Reach::Far {
                        far = Instant::now() + FAR;
                    }
                    self.round(reach).await?;
                    next = Instant::now() + self.every();
                }
                Turn::Last => {
                    // What was said last takes a moment to come in.
                    tokio::time::sleep(EVERY).await;
                    self.round(Reach::Far).await?;
                    return Ok(Ending::Whole);
                }
            }
        }
        Ok(Ending::Gone)
    }

    fn every(&self) -> Duration {
        let groups = u32::try_from(self.windows.len()).unwrap_or(u32::MAX);
        if self.live.is_some() { EVERY_WHEN_LIVE } else { EVERY.max(EACH_GROUP.saturating_mul(groups)) }
    }

    fn note(&mut self, note: Note) {
        (self.told)(Told::Note(note));
    }

    async fn go_live(&mut self) {
        match self.start_live().await {
            Ok(live) => {
                self.live = Some(live);
                self.note(Note::Live);
            }
            Err(why) => self.note(Note::Polling(why)),
        }
    }

    async fn start_live(&self) -> Result<Live, String> {
        if self.windows.len() > live::MOST_GROUPS {
            return Err(format!("it takes {} groups at most", live::MOST_GROUPS));
        }
        let mut named = Vec::new();
        for name in self.windows.keys() {
            let group = groups::named(self.cloud, name).await.map_err(|error| error.to_string())?;
            named.push(Named { name: Arc::clone(name), arn: group.arn });
        }
        let pattern = self.request.pattern.as_deref();
        Live::start(self.cloud, named, pattern).await.map_err(|error| error.to_string())
    }

    fn came_live(&mut self, mut events: Vec<LogEvent>, sampled: bool) {
        let now = Timestamp::now();
        events.sort_by_key(|event| (event.at, event.ingested));
        events.retain_mut(|event| {
            self.windows.get_mut(&event.group).is_some_and(|window| window.came_live(event, now))
        });
        if sampled && self.live.as_mut().is_some_and(|live| live.sampling.was_shown(now)) {
            self.note(Note::Sampled);
        }
        if !events.is_empty() {
            (self.told)(Told::Events(events));
        }
        for window in self.windows.values_mut() {
            window.end_round();
        }
    }

    /// Reads every group from its window's beginning to now.
    async fn round(&mut self, reach: Reach) -> Result<(), LogsError> {
        let mut pagers: Vec<Pager> = self
            .windows
            .iter()
            .map(|(group, window)| Pager { group: Arc::clone(group), from: window.from(reach), token: None })
            .collect();
        let mut lanes: Vec<Lane> = pagers.iter().map(|_| Lane::default()).collect();
        let mut missed = false;
        while let Some(waiting) = lanes.iter().position(Lane::waits) {
            let (Some(pager), Some(lane)) = (pagers.get_mut(waiting), lanes.get_mut(waiting)) else { break };
            let page = self.page(pager).await?;
            let Some(Page { events, more }) = page else {
                lane.is_over = true;
                self.windows.remove(&pager.group);
                let group = pager.group.to_string();
                self.note(Note::Gone(group));
                continue;
            };
            lane.is_over = !more;
            let (fresh, unseen) = self.fresh(events);
            missed |= unseen;
            lane.add(fresh);
            let ready = ready(&mut lanes);
            if !ready.is_empty() {
                (self.told)(Told::Events(ready));
            }
        }
        for window in self.windows.values_mut() {
            window.end_round();
        }
        if missed {
            self.live = None;
            self.note(Note::Polling("it does not show what comes in".to_owned()));
        }
        if self.live.as_mut().is_some_and(|live| live.sampling.is_over(Timestamp::now())) {
            self.note(Note::CaughtUp);
        }
        Ok(())
    }

    /// The events of a page that were not shown yet, and whether one of them should have come live long ago.
    fn fresh(&mut self, page: Vec<(String, LogEvent)>) -> (Vec<LogEvent>, bool) {
        let now = Timestamp::now();
        let slow = now.checked_sub(LIVE_IS_SLOW).unwrap_or(now);
        let began = self.live.as_ref().filter(|live| !live.sampling.is_on()).map(|live| live.began);
        let mut missed = false;
        let live = self.live.is_some();
        let fresh = page
            .into_iter()
            .filter_map(|(id, mut event)| {
                let window = self.windows.get_mut(&event.group)?;
                let shown = window.polled(&id, &mut event, now, live);
                let due = |began: Timestamp| event.ingested.is_some_and(|at| at > began && at < slow);
                missed |= shown && began.is_some_and(due);
                shown.then_some(event)
            })
            .collect();
        (fresh, missed)
    }

    /// The next page of a group, and whether more come; `None` if the group is not there any more. Waits out what
    /// passes: for ever, if somebody follows what was answered before.
    async fn page(&mut self, pager: &mut Pager) -> Result<Option<Page>, LogsError> {
        let mut pauses = ExponentialBuilder::default()
            .with_jitter()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .without_max_times()
            .build();
        let mut failed = false;
        let begun = Instant::now();
        loop {
            let request = self
                .cloud
                .logs
                .filter_log_events()
                .log_group_name(pager.group.as_ref())
                .start_time(pager.from)
                .set_filter_pattern(self.request.pattern.clone())
                .set_next_token(pager.token.clone())
                .limit(PAGE)
                .customize()
                // The pauses are made here, where they can be told.
                .config_override(
                    aws_sdk_cloudwatchlogs::config::Builder::new().retry_config(RetryConfig::disabled()),
                )
                .send();
            let error = match self.cloud.call(Operation::FilterLogEvents, &pager.group, request).await {
                Ok(page) => {
                    self.answered = true;
                    if failed {
                        self.note(Note::Answered);
                    }
                    // A token that leads back to the same page would lead there for ever.
                    let next = page.next_token.filter(|token| Some(token) != pager.token.as_ref());
                    let events = page.events.unwrap_or_default();
                    let events = events.into_iter().filter_map(|event| pager.event(event)).collect();
                    let more = next.is_some();
                    pager.token = next;
                    return Ok(Some(Page { events, more }));
                }
                Err(error) => error,
            };
            // One that was never there is a mistake in the name; the first round finds it.
            if error.is_missing() && self.windows.get(&pager.group).is_some_and(Window::is_followed) {
                return Ok(None);
            }
            let waits = self.answered && self.request.follow.follows();
            let again = error.failure().passes() && (waits || begun.elapsed() < self.request.patience);
            let (Some(after), true) = (pauses.next(), again) else {
                return Err(LogsError::of(error, &pager.group, self.request.pattern.as_deref()));
            };
            failed = true;
            let throttled = error.failure() == Failure::Throttled;
            self.note(Note::Again { why: error.to_string(), throttled, after });
            tokio::time::sleep(after).await;
        }
    }
}

/// What a tail does next.
enum Turn {
    /// Something came live.
    Came(Update),
    /// Somebody looks on, or does no more.
    Looks(bool),
    /// It is time to ask.
    Round,
    /// Nothing comes any more.
    Last,
}

/// The end of what is followed; none, where nobody says it.
async fn end_of(follow: &Follow) {
    match follow {
        Follow::Until(ended) => ended.cancelled().await,
        Follow::No | Follow::Poll | Follow::Watch(_) => std::future::pending().await,
    }
}

/// What comes live; nothing, where nothing does.
async fn next_of(live: &mut Option<Live>) -> Update {
    match live {
        Some(live) => live.next().await,
        None => std::future::pending().await,
    }
}

/// What is said next of whether somebody looks on; nothing, where that is not asked or nobody is there to say it.
async fn change_of(looks: &mut Option<watch::Receiver<bool>>) -> bool {
    if let Some(looks) = looks
        && looks.changed().await.is_ok()
    {
        return *looks.borrow_and_update();
    }
    std::future::pending().await
}

/// Events with their ids, and whether more come.
struct Page {
    events: Vec<(String, LogEvent)>,
    more: bool,
}

/// Where the reading of a group is.
struct Pager {
    group: Arc<str>,
    from: i64,
    token: Option<String>,
}

impl Pager {
    fn event(&self, event: aws_sdk_cloudwatchlogs::types::FilteredLogEvent) -> Option<(String, LogEvent)> {
        let time = |at: Option<i64>| Timestamp::from_millisecond(at?).ok();
        let read = LogEvent {
            group: Arc::clone(&self.group),
            stream: event.log_stream_name.as_deref().unwrap_or_default().into(),
            at: time(event.timestamp)?,
            ingested: time(event.ingestion_time),
            message: event.message.unwrap_or_default(),
            is_late: false,
        };
        Some((event.event_id?, read))
    }
}
