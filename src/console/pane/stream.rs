//! The Stream pane: posts as they come, what became of all of them, and the switch.
//!
//! Posts are kept in a ring of 100,000 posts, bounded in bytes too; each is its record's line, and only the lines that
//! are seen are parted into fields. The newest is at the bottom and followed until the operator moves; a pause holds the
//! picture still while posts go on coming in behind it, and says how many.
//!
//! The stream of this machine and that of the host are two sides of the same pane: the one that runs is shown, both side
//! by side if both run and there is room, and a key leads from one to the other.

mod drawing;
mod history;
mod side;

use jiff::{SignedDuration, Timestamp};

use super::flow::{Attention, Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::stream::{Item, Job, On, Outcome, Slot, Wishes};
use crate::console::effect::{Remedy, Trouble};
use crate::console::key::{Code, Key};
use crate::console::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::widget::dialog::{Answer, Confirm, Dialog, Field};
use crate::console::widget::input::Input;
use crate::console::words;
use crate::progress::Report;
use crate::stream::live::State;
use crate::stream::source::SourceKind;
use side::Side;

/// Posts that are kept of each side.
const MOST_POSTS: usize = 100_000;
/// Bytes of posts that are kept of each side.
const MOST_BYTES: usize = 96 << 20;
/// How often it is looked whether a stream runs here.
const LOOKS: SignedDuration = SignedDuration::from_secs(2);
/// And on the host, which takes a connection.
const LOOKS_AT_HOST: SignedDuration = SignedDuration::from_secs(15);

/// What the pane holds.
#[derive(Debug, Default)]
pub struct StreamPane {
    here: Side,
    there: Side,
    /// Why there is no stream on the host to be looked for.
    no_host: Option<String>,
    /// The side that the operator went to.
    went: Option<On>,
    paused: bool,
    typing: Option<Input>,
    /// What the settings ask for, as they were read last, and what the operator asks for instead.
    settled: Option<Box<Wishes>>,
    wishes: Option<Box<Wishes>>,
}

/// What can be done to a stream, as a choice says it.
fn choice(on: On, runs: bool) -> String {
    format!("{} {}", if runs { "stop on" } else { "start on" }, on.name())
}

impl StreamPane {
    /// Where a stream runs that was seen last: it goes on when the console is left.
    pub fn running(&self) -> impl Iterator<Item = On> {
        On::ALL.into_iter().filter(|on| self.side(*on).runs())
    }

    fn side(&self, on: On) -> &Side {
        match on {
            On::Local => &self.here,
            On::Host => &self.there,
        }
    }

    fn side_mut(&mut self, on: On) -> &mut Side {
        match on {
            On::Local => &mut self.here,
            On::Host => &mut self.there,
        }
    }

    /// The side that has the keys.
    fn on(&self) -> On {
        let other = if self.there.runs() && !self.here.runs() { On::Host } else { On::Local };
        self.went.unwrap_or(other)
    }

    fn now(&self) -> &Side {
        self.side(self.on())
    }

    fn now_mut(&mut self) -> &mut Side {
        self.side_mut(self.on())
    }

    fn both_run(&self) -> bool {
        self.here.runs() && self.there.runs()
    }

    fn watch(&mut self, on: On, desk: &Desk) -> Vec<Ask> {
        self.side_mut(on).asked = Some(desk.now);
        vec![Ask::start(Job::Watch(on))]
    }

    /// Looks for what is not watched already. The host is looked for by whoever is signed in.
    fn look(&mut self, desk: &Desk) -> Vec<Ask> {
        let wanted =
            |on: &On| !desk.tasks.runs(Slot::Watch(*on)) && (*on == On::Local || desk.identity().is_some());
        On::ALL.into_iter().filter(wanted).flat_map(|on| self.watch(on, desk)).collect()
    }

    fn filter(&mut self, text: &str) {
        for on in On::ALL {
            self.side_mut(on).filter(text);
        }
    }

    fn pause(&mut self) {
        self.paused = !self.paused;
        for on in On::ALL {
            let paused = self.paused;
            self.side_mut(on).hold(paused);
        }
    }

    /// The question behind the switch: what can be done, that of the side with the keys first.
    fn switch(&self, desk: &Desk) -> (&'static str, Dialog) {
        let on = self.on();
        let stops = On::ALL.into_iter().any(|on| self.side(on).runs());
        let mut body = Vec::new();
        if stops {
            let text = "One that is stopped takes no more posts, delivers what it has, and ends.";
            body.push((text.to_owned(), Role::Text));
        }
        for on in On::ALL.into_iter().filter(|on| self.side(*on).pending() > 0) {
            let wait = words::counted(self.side(on).pending(), "post waits", "posts wait");
            body.push((format!("{wait} on {}.", on.name()), Role::Warn));
        }
        let starts = On::ALL.into_iter().any(|on| !self.side(on).runs());
        if starts {
            body.push(("It runs in the background, also when the console is left.".to_owned(), Role::Text));
            let key = desk.key(Action::StreamWishes);
            let costs = format!("X bills each post; `{key}` shows and changes the source and the terms.");
            body.push((costs, Role::Faint));
        }
        if let (Some(wishes), true) = (&self.wishes, starts) {
            body.push((format!("Asked for here: {}", wishes.source), Role::Accent));
        }
        let options = [on, on.other()].map(|on| choice(on, self.side(on).runs())).to_vec();
        let field = Field::Choice { label: "do".to_owned(), options, chosen: 0 };
        let title = match (starts, stops) {
            (true, false) => "Start the stream",
            (false, true) => "Stop the stream",
            _ => "Start or stop the stream",
        };
        (SWITCH, Dialog::new(title, body, Confirm::Enter { does: "do it" }).with(vec![field]))
    }

    /// Does what was chosen, if that still makes sense.
    fn switched(&self, dialog: &Dialog) -> Vec<Ask> {
        let chosen = dialog.text(0);
        let Some(on) = On::ALL.into_iter().find(|on| chosen == choice(*on, self.side(*on).runs())) else {
            return vec![Ask::Say("it has started or ended meanwhile: nothing was done".to_owned())];
        };
        if self.side(on).runs() {
            return vec![Ask::start(Job::Stop(on))];
        }
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
}

const SWITCH: &str = "switch";

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
            Action::Refresh => {
                self.no_host = None;
                return Some(self.look(desk));
            }
            Action::StreamSwitch => {
                let (name, dialog) = self.switch(desk);
                return Some(vec![Ask::open(Overlay::question(Pane::Stream, name, dialog))]);
            }
            Action::StreamOther => self.went = Some(self.on().other()),
            Action::StreamWishes => return Some(vec![Ask::start(Job::Wishes)]),
            Action::StreamPause => self.pause(),
            Action::Filter => self.typing = Some(Input::default()),
            Action::Open => {
                let side = self.now_mut();
                side.open = side.meant().map(|number| (number, 0));
            }
            Action::Back if self.now().open.is_some() => self.now_mut().open = None,
            Action::Back if !self.now().history.filter().is_empty() => self.filter(""),
            Action::Back if self.now().chosen.is_some() => self.now_mut().chosen = None,
            Action::Up => self.now_mut().step(-1),
            Action::Down => self.now_mut().step(1),
            Action::PageUp => self.now_mut().step(-page),
            Action::PageDown => self.now_mut().step(page),
            Action::First => self.now_mut().step(isize::MIN / 2),
            Action::Last if self.now().open.is_some() => self.now_mut().step(isize::MAX / 2),
            Action::Last => self.now_mut().chosen = None,
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
            Action::Open if self.now().history.is_empty() => Some("there is no post yet".to_owned()),
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
                self.filter("");
            }
            _ => {
                input.press(key);
                let text = input.text();
                self.filter(&text);
            }
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if let Some(input) = &mut self.typing {
            input.paste(text);
            let text = input.text();
            self.filter(&text);
        }
    }

    fn wheel(&mut self, by: i8, x: u16, _y: u16, desk: &Desk) -> Vec<Ask> {
        let on = drawing::side_at(self, desk.area(), x).unwrap_or_else(|| self.on());
        self.side_mut(on).step(isize::from(by) * 3);
        Vec::new()
    }

    fn click(&mut self, x: u16, _y: u16, desk: &Desk) -> Vec<Ask> {
        self.went = drawing::side_at(self, desk.area(), x).or(self.went);
        Vec::new()
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        if desk.pane == Pane::Stream { self.look(desk) } else { self.watch(On::Local, desk) }
    }

    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        self.look(desk)
    }

    /// A stream that runs is watched all the time; one that does not is looked for where it is shown.
    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let shown = matches!(desk.pane, Pane::Flow | Pane::Stream);
        let due = |on: On, every| {
            let idle = !desk.tasks.runs(Slot::Watch(on));
            self.side(on).asked.filter(|_| shown && idle)?.checked_add(every).ok()
        };
        let host =
            due(On::Host, LOOKS_AT_HOST).filter(|_| self.no_host.is_none() && desk.pane == Pane::Stream);
        [due(On::Local, LOOKS), host].into_iter().flatten().min()
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        let is_due = |asked: Option<Timestamp>, every| {
            asked.and_then(|asked| asked.checked_add(every).ok()).is_some_and(|due| due <= desk.now)
        };
        let mut asks = Vec::new();
        if is_due(self.here.asked, LOOKS) && !desk.tasks.runs(Slot::Watch(On::Local)) {
            asks.extend(self.watch(On::Local, desk));
        }
        let host = self.no_host.is_none() && desk.pane == Pane::Stream && desk.identity().is_some();
        if host && is_due(self.there.asked, LOOKS_AT_HOST) && !desk.tasks.runs(Slot::Watch(On::Host)) {
            asks.extend(self.watch(On::Host, desk));
        }
        asks
    }

    fn answered(&mut self, name: &'static str, answer: Answer, dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        match (answer, name) {
            (Answer::Confirmed, SWITCH) => self.switched(dialog),
            (Answer::Confirmed, "wishes") => {
                let [source, languages, terms] = [0, 1, 2].map(|field| dialog.text(field));
                let wishes = Some(Box::new(Wishes { source, languages, terms }));
                self.wishes = if wishes == self.settled { None } else { wishes };
                vec![Ask::Say("the next start asks for this".to_owned())]
            }
            _ => Vec::new(),
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        let side = self.now();
        let line = side.history.get(side.meant()?)?;
        let fields = crate::stream::record::Fields::split(line.as_bytes()).ok()?;
        Some(fields.text(crate::stream::record::Column::Id).into_owned())
    }

    fn station(&self, place: Place, _desk: &Desk) -> Option<Station> {
        let side = &self.here;
        let status = side.status.as_ref()?;
        let state = match status.state {
            _ if status.held.is_some() => StationState::Drifted,
            State::Stopped => StationState::Absent,
            State::Starting | State::Draining => StationState::Working,
            State::Running => StationState::Ready,
            State::Failed => StationState::Failed,
        };
        let flow = side.runs().then(|| format!("{}/s", status.rate));
        match place {
            Place::Source => Some(Station {
                state,
                number: if side.runs() { status.source.clone() } else { status.state.name().to_owned() },
                trend: side.rates.trend(),
                flow,
                ..Station::default()
            }),
            Place::Streamer => Some(Station {
                state,
                number: format!("{} waiting", words::count(status.counters.pending)),
                trend: side.rates.trend(),
                flow,
                ..Station::default()
            }),
            _ => None,
        }
    }

    fn attention(&self, _desk: &Desk) -> Vec<Attention> {
        let action = Some(Action::Stream);
        let mut list = Vec::new();
        for (side, stream) in [(&self.here, "the stream"), (&self.there, "the stream on the host")] {
            let Some(status) = &side.status else { continue };
            if let Some(why) = &status.held {
                list.push(Attention { text: format!("{stream} waits: {why}"), role: Role::Warn, action });
            }
            if status.state == State::Failed {
                let why = status.last_error.as_deref().unwrap_or("nobody knows why");
                list.push(Attention { text: format!("{stream} failed: {why}"), role: Role::Bad, action });
            }
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
            Outcome::Status(on, status) => {
                if on == On::Host {
                    self.no_host = None;
                }
                self.side_mut(on).asked = Some(desk.now);
                self.side_mut(on).put(*status, desk.now);
                Vec::new()
            }
            // One that ran and cannot be reached any more is looked for again; it goes on meanwhile.
            Outcome::NoHost(why) if self.there.runs() => {
                self.there.asked = Some(desk.now);
                self.there.trouble =
                    Some(Trouble { sentence: why, causes: Vec::new(), remedy: Remedy::Retry });
                Vec::new()
            }
            Outcome::NoHost(why) => {
                self.no_host = Some(why);
                (self.there.status, self.there.trouble) = (None, None);
                Vec::new()
            }
            Outcome::Started(on, status) => {
                self.no_host = None;
                self.side_mut(on).put(*status, desk.now);
                let mut asks = self.watch(on, desk);
                asks.push(Ask::Say(match on {
                    On::Local => "the stream runs in the background".to_owned(),
                    On::Host => "the stream runs on the host".to_owned(),
                }));
                asks
            }
            Outcome::Stopped(on, status) => {
                let pending = status.counters.pending;
                self.side_mut(on).put(*status, desk.now);
                let stream = if on == On::Local { "the stream" } else { "the stream on the host" };
                let said = if pending == 0 {
                    format!("{stream} is stopped; everything is delivered")
                } else {
                    let wait = words::counted(pending, "post waits", "posts wait");
                    format!("{stream} is stopped; {wait} for the next start")
                };
                vec![Ask::Say(said)]
            }
            Outcome::Wishes(settled, lines) => {
                let dialog = form(self.wishes.as_ref().unwrap_or(&settled), lines);
                self.settled = Some(settled);
                vec![Ask::open(Overlay::question(Pane::Stream, "wishes", dialog))]
            }
        }
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
        if let Slot::Watch(on) = slot {
            let side = self.side_mut(on);
            side.asked = Some(desk.now);
            side.trouble = Some(trouble.clone());
        }
        Vec::new()
    }

    fn told(&mut self, _slot: Slot, _report: Report, _desk: &Desk) {}

    fn arrived(&mut self, slot: Slot, items: Vec<Item>, dropped: u64, _desk: &Desk) {
        let Slot::Watch(on) = slot else { return };
        let side = self.side_mut(on);
        side.skipped += dropped;
        for item in items {
            match item {
                Item::Post(line) => side.history.push(line),
                Item::Skipped(posts) => side.skipped += posts,
            }
        }
    }
}
