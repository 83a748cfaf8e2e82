//! The Stream pane: posts as they come, what became of all of them, and the switch.
//!
//! Posts are kept in a ring of 100,000 posts, bounded in bytes too; each is its record's line, and only the lines that
//! are seen are parted into fields. The newest is at the bottom and followed until the operator moves; a pause holds the
//! picture still while posts go on coming in behind it, and says how many.

mod drawing;
mod history;

use jiff::{SignedDuration, Timestamp};

use super::flow::{Attention, Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::Trouble;
use crate::console::effect::stream::{Item, Job, On, Outcome, Slot, Wishes};
use crate::console::key::{Code, Key};
use crate::console::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::widget::dialog::{Answer, Confirm, Dialog, Field};
use crate::console::widget::input::Input;
use crate::console::words;
use crate::progress::Report;
use crate::stream::live::{State, Status};
use crate::stream::source::SourceKind;
use history::{History, Rates};

/// Posts that are kept.
const MOST_POSTS: usize = 100_000;
/// Bytes of posts that are kept.
const MOST_BYTES: usize = 96 << 20;
/// How often it is looked whether a stream runs.
const LOOKS: SignedDuration = SignedDuration::from_secs(2);

/// What the pane holds.
#[derive(Debug, Default)]
pub struct StreamPane {
    /// How the stream is, as it said last.
    status: Option<Status>,
    trouble: Option<Trouble>,
    /// When it was last looked for.
    asked: Option<Timestamp>,
    history: History,
    rates: Rates,
    /// The number of the post at the bottom, while the picture is held still.
    held: Option<u64>,
    paused: bool,
    /// The post that is chosen; none while the newest is followed.
    chosen: Option<u64>,
    /// The post that is open, and the first of its rows that is seen.
    open: Option<(u64, usize)>,
    typing: Option<Input>,
    /// Posts that could not be shown because they came too fast.
    skipped: u64,
    /// What the settings ask for, as they were read last, and what the operator asks for instead.
    settled: Option<Box<Wishes>>,
    wishes: Option<Box<Wishes>>,
}

/// Where a stream can be started.
const PLACES: [&str; 2] = ["this machine", "the host"];

impl StreamPane {
    fn runs(&self) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| matches!(status.state, State::Starting | State::Running | State::Draining))
    }

    fn watch(&mut self, desk: &Desk) -> Vec<Ask> {
        self.asked = Some(desk.now);
        vec![Ask::start(Job::Watch)]
    }

    /// The number after the last post that may be seen.
    fn end(&self) -> u64 {
        self.held.unwrap_or_else(|| self.history.end())
    }

    /// Posts that came since the picture is held still.
    fn waiting(&self) -> u64 {
        self.history.end() - self.end()
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
        self.held = self.paused.then(|| self.history.end());
        if !self.paused {
            self.chosen = None;
        }
    }

    /// Moves by so many of the posts that match.
    fn step(&mut self, by: isize) {
        if let Some((number, top)) = self.open {
            let top = top.saturating_add_signed(by).min(crate::stream::record::COUNT);
            self.open = Some((number, top));
            return;
        }
        let from = self.chosen.or_else(|| self.history.last_before(self.end()));
        let Some(from) = from else { return };
        let to = self.history.step(from, by, self.end());
        self.chosen = Some(to);
        // At the bottom the newest is followed again.
        if by > 0 && self.history.last_before(self.end()) == Some(to) && !self.paused {
            self.chosen = None;
        }
    }

    fn start_question(&self) -> Dialog {
        let line = |text: &str, role| (text.to_owned(), role);
        let mut body = vec![
            line("It runs in the background, also when the console is left.", Role::Text),
            line("X bills each post; `S` shows and changes the source and the terms.", Role::Faint),
        ];
        if let Some(wishes) = &self.wishes {
            body.push((format!("Asked for here: {}", wishes.source), Role::Accent));
        }
        let options = PLACES.map(ToOwned::to_owned).to_vec();
        let place = Field::Choice { label: "on".to_owned(), options, chosen: 0 };
        Dialog::new("Start the stream", body, Confirm::Enter { does: "start" }).with(vec![place])
    }

    fn start(&self, dialog: &Dialog) -> Vec<Ask> {
        let on = if dialog.text(0) == PLACES[0] { On::Local } else { On::Host };
        let types_terms = match (&self.wishes, &self.settled) {
            (Some(wishes), Some(settled)) => wishes.terms != settled.terms,
            _ => false,
        };
        if on == On::Host && types_terms {
            let why =
                "the terms that were typed here are on this machine only: the host has its own `terms_file`";
            return vec![Ask::Say(why.to_owned())];
        }
        vec![Ask::start(Job::Start { on, wishes: self.wishes.clone() })]
    }

    fn put(&mut self, status: Status, now: Timestamp) {
        self.rates.add(now, status.counters.received, status.since);
        self.trouble = None;
        self.status = Some(status);
    }
}

fn stop_question() -> Dialog {
    let body = vec![("It takes no more posts, delivers what it has, and ends.".to_owned(), Role::Text)];
    Dialog::new("Stop the stream", body, Confirm::Enter { does: "stop" })
}

/// The form of what is asked for.
fn form(wishes: &Wishes, lines: Vec<String>) -> Dialog {
    let body = lines.into_iter().map(|line| (line, Role::Faint)).collect();
    let text = |label: &str, text: &str, check| {
        let mut input = Input::default();
        input.paste(text);
        Field::Text { label: label.to_owned(), input, check }
    };
    let fields = vec![
        text("source", &wishes.source, is_source),
        text("languages", &wishes.languages, |_| Ok(())),
        text("terms", &wishes.terms, |_| Ok(())),
    ];
    Dialog::new("Source and terms", body, Confirm::Enter { does: "keep" }).with(fields)
}

fn is_source(text: &str) -> Result<(), String> {
    text.trim().parse::<SourceKind>().map(drop)
}

impl PaneState for StreamPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Filter, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        let page = isize::try_from(drawing::seen(desk.area())).unwrap_or(10);
        match action {
            Action::Refresh if !desk.tasks.runs(Slot::Watch) => return Some(self.watch(desk)),
            Action::StreamSwitch => {
                let (name, dialog) =
                    if self.runs() { ("stop", stop_question()) } else { ("start", self.start_question()) };
                return Some(vec![Ask::open(Overlay::question(Pane::Stream, name, dialog))]);
            }
            Action::StreamWishes => return Some(vec![Ask::start(Job::Wishes)]),
            Action::StreamPause => self.pause(),
            Action::Filter => self.typing = Some(Input::default()),
            Action::Open => {
                self.open =
                    self.chosen.or_else(|| self.history.last_before(self.end())).map(|number| (number, 0));
            }
            Action::Back if self.open.is_some() => self.open = None,
            Action::Back if !self.history.filter().is_empty() => self.history.set_filter(""),
            Action::Back if self.chosen.is_some() => self.chosen = None,
            Action::Up => self.step(-1),
            Action::Down => self.step(1),
            Action::PageUp => self.step(-page),
            Action::PageDown => self.step(page),
            Action::First => self.step(isize::MIN / 2),
            Action::Last if self.open.is_some() => self.step(isize::MAX / 2),
            Action::Last => {
                self.chosen = None;
            }
            _ => return None,
        }
        Some(Vec::new())
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        match action {
            Action::StreamSwitch if desk.tasks.runs(Slot::Switch) => {
                Some("it is being started or stopped".to_owned())
            }
            Action::StreamSwitch if desk.readonly => Some("this run is read-only".to_owned()),
            Action::Open if self.history.is_empty() => Some("there is no post yet".to_owned()),
            _ => None,
        }
    }

    fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    fn key(&mut self, key: Key, _desk: &Desk) -> Vec<Ask> {
        let Some(input) = &mut self.typing else { return Vec::new() };
        match key.code {
            Code::Named("enter") => self.typing = None,
            Code::Named("esc") => {
                self.typing = None;
                self.history.set_filter("");
            }
            _ => {
                input.press(key);
                let text = input.text();
                self.history.set_filter(&text);
            }
        }
        self.chosen = None;
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if let Some(input) = &mut self.typing {
            input.paste(text);
            let text = input.text();
            self.history.set_filter(&text);
        }
    }

    fn wheel(&mut self, by: i8, _x: u16, _y: u16, _desk: &Desk) -> Vec<Ask> {
        self.step(isize::from(by) * 3);
        Vec::new()
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        self.watch(desk)
    }

    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        if desk.tasks.runs(Slot::Watch) { Vec::new() } else { self.watch(desk) }
    }

    /// A stream that runs is watched all the time; one that does not is looked for where it is shown.
    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let shown = matches!(desk.pane, Pane::Flow | Pane::Stream);
        if !shown || desk.tasks.runs(Slot::Watch) {
            return None;
        }
        self.asked.and_then(|asked| asked.checked_add(LOOKS).ok())
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        self.watch(desk)
    }

    fn answered(&mut self, name: &'static str, answer: Answer, dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        match (answer, name) {
            (Answer::Confirmed, "start") => self.start(dialog),
            (Answer::Confirmed, "wishes") => {
                let [source, languages, terms] = [0, 1, 2].map(|field| dialog.text(field));
                let wishes = Some(Box::new(Wishes { source, languages, terms }));
                self.wishes = if wishes == self.settled { None } else { wishes };
                vec![Ask::Say("the next start asks for this".to_owned())]
            }
            (Answer::Confirmed, "stop") => vec![Ask::start(Job::Stop)],
            _ => Vec::new(),
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        let number = self.chosen.or_else(|| self.history.last_before(self.end()))?;
        let line = self.history.get(number)?;
        let fields = crate::stream::record::Fields::split(line.as_bytes()).ok()?;
        Some(fields.text(crate::stream::record::Column::Id).into_owned())
    }

    fn station(&self, place: Place, _desk: &Desk) -> Option<Station> {
        let status = self.status.as_ref()?;
        let state = match status.state {
            _ if status.held.is_some() => StationState::Drifted,
            State::Stopped => StationState::Absent,
            State::Starting | State::Draining => StationState::Working,
            State::Running => StationState::Ready,
            State::Failed => StationState::Failed,
        };
        let flow = self.runs().then(|| format!("{}/s", status.rate));
        match place {
            Place::Source => Some(Station {
                state,
                number: if self.runs() { status.source.clone() } else { status.state.name().to_owned() },
                trend: self.rates.trend(),
                flow,
            }),
            Place::Streamer => Some(Station {
                state,
                number: format!("{} waiting", words::count(status.counters.pending)),
                trend: self.rates.trend(),
                flow,
            }),
            _ => None,
        }
    }

    fn attention(&self, _desk: &Desk) -> Vec<Attention> {
        let Some(status) = &self.status else { return Vec::new() };
        let mut list = Vec::new();
        if let Some(why) = &status.held {
            list.push(Attention {
                text: format!("the stream waits: {why}"),
                role: Role::Warn,
                action: Some(Action::Stream),
            });
        }
        if status.state == State::Failed {
            let why = status.last_error.as_deref().unwrap_or("nobody knows why");
            list.push(Attention {
                text: format!("the stream failed: {why}"),
                role: Role::Bad,
                action: Some(Action::Stream),
            });
        }
        list
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

impl Employs for StreamPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Status(status) => {
                self.asked = Some(desk.now);
                self.put(*status, desk.now);
                Vec::new()
            }
            Outcome::Started(status) => {
                self.put(*status, desk.now);
                let mut asks = self.watch(desk);
                asks.push(Ask::Say("the stream runs in the background".to_owned()));
                asks
            }
            Outcome::Stopped(status) => {
                let pending = status.counters.pending;
                self.put(*status, desk.now);
                let said = if pending == 0 {
                    "the stream is stopped; everything is delivered".to_owned()
                } else {
                    format!("the stream is stopped; {} posts wait for the next start", words::count(pending))
                };
                vec![Ask::Say(said)]
            }
            Outcome::StartedOnHost(state) => {
                vec![Ask::Say(format!("the stream on the host is {state}; its pane is `7`"))]
            }
            Outcome::Wishes(settled, lines) => {
                let dialog = form(self.wishes.as_ref().unwrap_or(&settled), lines);
                self.settled = Some(settled);
                vec![Ask::open(Overlay::question(Pane::Stream, "wishes", dialog))]
            }
        }
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
        if slot == Slot::Watch {
            self.asked = Some(desk.now);
            self.trouble = Some(trouble.clone());
        }
        Vec::new()
    }

    fn told(&mut self, _slot: Slot, _report: Report, _desk: &Desk) {}

    fn arrived(&mut self, _slot: Slot, items: Vec<Item>, dropped: u64, _desk: &Desk) {
        self.skipped += dropped;
        for item in items {
            match item {
                Item::Post(line) => self.history.push(line),
                Item::Skipped(posts) => self.skipped += posts,
            }
        }
    }
}
