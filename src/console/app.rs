//! The console's state, and what happens to it: events in, effects out. No network, no disk, no clock, no terminal:
//! the same events make the same state, whoever sends them.

use jiff::{SignedDuration, Timestamp};

use super::action::{Action, Danger, Keymap};
use super::effect::{Effect, Identity, Job, Outcome, Remedy, Slot, Trouble};
use super::event::{Event, Mouse, Size};
use super::key::Key;
use super::overlay::{Overlay, Turn};
use super::pane::Pane;
use super::pane::stack::StackPane;
use super::tasks::{State, Tasks};
use super::theme::Look;

/// Where the calls go, as the header says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// `aws`, `sandbox`, or an endpoint's address.
    pub words: String,
    /// Whether it is real money.
    pub real: bool,
}

/// What the console is started with.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// How it looks.
    pub look: Look,
    /// Which key does what.
    pub keymap: Keymap,
    /// Where the calls go.
    pub target: Target,
    /// Whether changes are refused.
    pub readonly: bool,
    /// What is missing before anything can be asked of AWS; shown as a welcome.
    pub missing: Option<Missing>,
}

/// What a first run finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Each thing that was looked for, and whether it is there.
    pub checks: Vec<(String, bool)>,
    /// Where a settings file would be written.
    pub settings_file: std::path::PathBuf,
}

/// Whether the console knows whose account it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// There is nothing to sign in with: the welcome is shown.
    Unset(Missing),
    /// It is being asked.
    Connecting,
    /// It is known.
    Connected(Identity),
    /// It could not be learned.
    Failed(Trouble),
}

/// A line at the bottom that fades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it says.
    pub text: String,
    /// When it came up.
    pub at: Timestamp,
}

/// The console's whole state.
#[derive(Debug, Clone)]
pub struct App {
    /// The terminal's size.
    pub size: Size,
    /// The moment of the last event.
    pub now: Timestamp,
    /// Whether the terminal is looked at.
    pub focused: bool,
    /// How it looks.
    pub look: Look,
    /// Which key does what.
    pub keymap: Keymap,
    /// Where the calls go.
    pub target: Target,
    /// Whether changes are refused.
    pub readonly: bool,
    /// The pane that is seen.
    pub pane: Pane,
    /// Whose account it is.
    pub session: Session,
    /// What is going on.
    pub tasks: Tasks,
    /// A line that fades.
    pub notice: Option<Notice>,
    /// Errors that were not read yet, the newest last.
    pub problems: Vec<Trouble>,
    /// What lies on top, the topmost last.
    pub overlays: Vec<Overlay>,
    /// The Stack pane.
    pub stack: StackPane,
}

/// How long a notice is shown.
const NOTICE: SignedDuration = SignedDuration::from_secs(6);
/// How often the stack is read by itself while it is looked at, and while it is not.
const REFRESH: SignedDuration = SignedDuration::from_secs(30);
const REFRESH_AWAY: SignedDuration = SignedDuration::from_mins(5);
/// Errors that are kept to be read.
const PROBLEMS: usize = 20;

impl App {
    /// The console before anything happened.
    pub fn new(beginning: Beginning, now: Timestamp) -> Self {
        Self {
            size: Size::default(),
            now,
            focused: true,
            look: beginning.look,
            keymap: beginning.keymap,
            target: beginning.target,
            readonly: beginning.readonly,
            pane: Pane::default(),
            session: beginning.missing.map_or(Session::Connecting, Session::Unset),
            tasks: Tasks::default(),
            notice: None,
            problems: Vec::new(),
            overlays: Vec::new(),
            stack: StackPane::default(),
        }
    }

    /// Something happened, at this moment.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.now = now;
        let mut effects = match event {
            Event::Started if matches!(self.session, Session::Unset(_)) => Vec::new(),
            Event::Started => self.start(Job::Connect),
            Event::Key(key) => self.press(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resized(size) => {
                self.size = size;
                Vec::new()
            }
            Event::Focus(focused) => {
                self.focused = focused;
                Vec::new()
            }
            Event::Tick => Vec::new(),
            Event::Told(slot, report) => {
                self.tasks.told(slot, &report);
                if slot == Slot::Run {
                    self.stack.told(now, report);
                }
                Vec::new()
            }
            Event::Ended(slot, result) => self.ended(slot, *result),
        };
        effects.extend(self.what_is_due());
        effects
    }

    /// When something is due by itself: what moves, fades or is to be read again. `None` is never.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let later = |time: Timestamp, by: SignedDuration| time.checked_add(by).ok();
        let next_minute =
            later(self.now, SignedDuration::from_secs(60 - self.now.as_second().rem_euclid(60)));
        let moving = self.tasks.running().next().and(later(self.now, SignedDuration::from_secs(1)));
        let fading = self.notice.as_ref().and_then(|notice| later(notice.at, NOTICE));
        [next_minute, moving, fading, self.refresh_due()].into_iter().flatten().min()
    }

    /// The stack is read by itself where it is shown, and never while it is being changed.
    fn refresh_due(&self) -> Option<Timestamp> {
        let shown = matches!(self.pane, Pane::Flow | Pane::Stack);
        let busy =
            self.tasks.runs(Slot::Run) || self.tasks.runs(Slot::Survey) || self.tasks.runs(Slot::Connect);
        if !shown || busy || !matches!(self.session, Session::Connected(_)) {
            return None;
        }
        let every = if self.focused { REFRESH } else { REFRESH_AWAY };
        self.stack.asked_at().and_then(|asked| asked.checked_add(every).ok())
    }

    fn what_is_due(&mut self) -> Vec<Effect> {
        if self.notice.as_ref().is_some_and(|notice| self.now.duration_since(notice.at) >= NOTICE) {
            self.notice = None;
        }
        match self.refresh_due() {
            Some(due) if due <= self.now => self.survey(),
            _ => Vec::new(),
        }
    }

    /// Starts a task.
    pub fn start(&mut self, job: Job) -> Vec<Effect> {
        self.tasks.begin(&job, self.now);
        vec![Effect::Start(job)]
    }

    /// Reads the stack again.
    pub fn survey(&mut self) -> Vec<Effect> {
        self.stack.asked(self.now);
        self.start(Job::Survey)
    }

    /// Says something at the bottom.
    pub fn say(&mut self, text: impl Into<String>) {
        self.notice = Some(Notice { text: text.into(), at: self.now });
    }

    fn press(&mut self, key: Key) -> Vec<Effect> {
        let action = self.keymap.action(self.pane, key);
        if action == Some(Action::QuitNow) {
            return self.quit();
        }
        match self.overlays.pop() {
            Some(overlay) => self.press_overlay(overlay, key, action),
            None => match action {
                Some(action) => self.act(action),
                None => Vec::new(),
            },
        }
    }

    fn press_overlay(&mut self, mut overlay: Overlay, key: Key, action: Option<Action>) -> Vec<Effect> {
        match overlay.press(self, key, action) {
            Turn::Stays => {
                self.overlays.push(overlay);
                Vec::new()
            }
            Turn::Closes => Vec::new(),
            Turn::Acts(action) => self.act(action),
            Turn::Starts(job) => self.start(job),
            // The dialog stays until the new plan takes its place.
            Turn::StaysAndStarts(job) => {
                self.overlays.push(overlay);
                self.start(job)
            }
            Turn::Cancels(slot) => {
                self.overlays.push(overlay);
                self.cancel(slot)
            }
            Turn::Quits => vec![Effect::Quit],
        }
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if let Some(overlay) = self.overlays.last_mut() {
            overlay.paste(text);
        }
        Vec::new()
    }

    fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        match mouse {
            Mouse::Wheel(by) if self.overlays.is_empty() => {
                if self.pane == Pane::Stack {
                    self.stack.scroll(by, self.size);
                }
                Vec::new()
            }
            Mouse::Wheel(by) => {
                let key = if by < 0 { Key::named("up") } else { Key::named("down") };
                self.press(key)
            }
            Mouse::Click { x, y } if self.overlays.is_empty() => {
                if let Some(pane) = super::draw::tab_at(x, y) {
                    return self.act(pane.action());
                }
                if self.pane == Pane::Stack {
                    self.stack.click(x, y, self.size);
                }
                Vec::new()
            }
            Mouse::Click { .. } => Vec::new(),
        }
    }

    /// Why an action cannot be done now; `None` if it can.
    pub fn hindrance(&self, action: Action) -> Option<String> {
        if action.spec().danger != Danger::None {
            if self.readonly {
                return Some("this run is read-only".to_owned());
            }
            if !matches!(self.session, Session::Connected(_)) {
                return Some("not signed in".to_owned());
            }
            if self.tasks.runs(Slot::Run) {
                return Some("a run is under way: `t` shows it".to_owned());
            }
        }
        match action {
            Action::Problem if self.problems.is_empty() => Some("there is no error".to_owned()),
            Action::Refresh if matches!(self.session, Session::Unset(_)) => Some("not signed in".to_owned()),
            _ => None,
        }
    }

    /// Does an action, or says why not.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        if let Some(why) = self.hindrance(action) {
            self.say(format!("{}: {why}", action.spec().short));
            return Vec::new();
        }
        if let Some(pane) = action.pane() {
            return self.go_to(pane);
        }
        match action {
            Action::NextPane => self.go_to(self.pane.step(1)),
            Action::PreviousPane => self.go_to(self.pane.step(-1)),
            Action::Keys => self.open(Overlay::keys()),
            Action::Palette => self.open(Overlay::palette()),
            Action::Tasks => self.open(Overlay::tasks()),
            Action::Problem => match self.problems.pop() {
                Some(problem) => self.open(Overlay::problem(problem)),
                None => Vec::new(),
            },
            Action::Suspend => vec![Effect::Suspend],
            Action::Quit | Action::QuitNow => self.quit(),
            Action::Refresh => self.refresh(),
            Action::Create => self.start(Job::PlanUp),
            Action::TearDown => self.start(Job::PlanDown { delete_data: false }),
            Action::Back => self.back(),
            Action::Copy => self.copy(),
            Action::Open if matches!(self.session, Session::Unset(_)) => self.write_settings(),
            _ => {
                if self.pane == Pane::Stack {
                    self.stack.act(action, self.size);
                }
                Vec::new()
            }
        }
    }

    fn go_to(&mut self, pane: Pane) -> Vec<Effect> {
        self.pane = pane;
        Vec::new()
    }

    fn open(&mut self, overlay: Overlay) -> Vec<Effect> {
        self.overlays.push(overlay);
        Vec::new()
    }

    fn refresh(&mut self) -> Vec<Effect> {
        match self.session {
            Session::Connected(_) => self.survey(),
            Session::Connecting | Session::Unset(_) => Vec::new(),
            Session::Failed(_) => {
                self.session = Session::Connecting;
                self.start(Job::Connect)
            }
        }
    }

    fn write_settings(&mut self) -> Vec<Effect> {
        match &self.session {
            Session::Unset(missing) => {
                let file = missing.settings_file.clone();
                self.start(Job::WriteSettings(file))
            }
            _ => Vec::new(),
        }
    }

    /// One step back: nothing lies on top here, so what loads is cancelled.
    fn back(&mut self) -> Vec<Effect> {
        let loading =
            [Slot::Plan, Slot::Survey, Slot::Connect].into_iter().find(|slot| self.tasks.runs(*slot));
        match loading {
            Some(slot) => self.cancel(slot),
            None => Vec::new(),
        }
    }

    fn cancel(&mut self, slot: Slot) -> Vec<Effect> {
        self.tasks.stop(slot);
        vec![Effect::Cancel(slot)]
    }

    fn copy(&mut self) -> Vec<Effect> {
        let (Pane::Stack, Some(address)) = (self.pane, self.stack.address()) else {
            self.say("copy: nothing here has an address");
            return Vec::new();
        };
        self.say(format!("copied {address}"));
        vec![Effect::Copy(address)]
    }

    /// Quits, unless something that must not be left silently is going on.
    fn quit(&mut self) -> Vec<Effect> {
        let left: Vec<(&'static str, &'static str)> =
            self.tasks.running().filter_map(|task| Some((task.words, task.slot.on_quit()?))).collect();
        if left.is_empty() || self.overlays.iter().any(Overlay::is_quit) {
            return vec![Effect::Quit];
        }
        self.open(Overlay::quit(&left))
    }

    fn ended(&mut self, slot: Slot, result: Result<Outcome, Trouble>) -> Vec<Effect> {
        let state = match &result {
            Ok(_) => State::Done,
            Err(trouble) if trouble.remedy == Remedy::Cancelled => State::Cancelled,
            Err(trouble) => State::Failed(trouble.sentence.clone()),
        };
        self.tasks.end(slot, state, self.now);
        match result {
            Ok(outcome) => self.came_to(outcome),
            Err(trouble) => self.failed(slot, trouble),
        }
    }

    fn came_to(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Connected(identity) => {
                self.session = Session::Connected(identity);
                self.survey()
            }
            Outcome::Surveyed(surveyed) => {
                self.stack.surveyed(self.now, surveyed);
                Vec::new()
            }
            Outcome::PlannedUp(plan) => self.open(Overlay::plan(plan)),
            Outcome::PlannedDown { plan, delete_data } => {
                let Session::Connected(identity) = &self.session else { return Vec::new() };
                let overlay = Overlay::teardown(plan, delete_data, &identity.stack);
                self.overlays.retain(|open| !open.is_teardown());
                self.open(overlay)
            }
            Outcome::Ran(ran) => {
                let overlay = Overlay::ran(&ran);
                self.stack.ran(self.now, ran);
                self.open(overlay)
            }
            Outcome::Wrote(path) => {
                self.say(format!("wrote {}: edit it and start hydrant again", path.display()));
                Vec::new()
            }
        }
    }

    fn failed(&mut self, slot: Slot, trouble: Trouble) -> Vec<Effect> {
        if trouble.remedy == Remedy::Cancelled {
            self.say("cancelled");
        }
        match slot {
            Slot::Connect => self.session = Session::Failed(trouble.clone()),
            Slot::Survey => self.stack.survey_failed(self.now, trouble.clone()),
            Slot::Plan | Slot::Run | Slot::Settings => {}
        }
        if trouble.remedy == Remedy::SignIn && slot != Slot::Connect {
            self.session = Session::Failed(trouble.clone());
        }
        if trouble.remedy != Remedy::Cancelled {
            self.problems.push(trouble);
            let surplus = self.problems.len().saturating_sub(PROBLEMS);
            self.problems.drain(..surplus);
        }
        Vec::new()
    }
}
