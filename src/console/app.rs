//! The console's state, and what happens to it: events in, effects out. No network, no disk, no clock, no terminal:
//! the same events make the same state, whoever sends them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::action::{Action, Danger, Keymap, Scope};
use super::effect::{Effect, Identity, Job, Manner, Outcome, Remedy, Slot, Trouble};
use super::event::{Event, Mouse, Size};
use super::key::Key;
use super::overlay::{Overlay, Turn};
use super::pane::{Ask, Pane, PaneState, Panes};
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

/// What every pane may look at: the console around it.
#[derive(Debug)]
pub struct Desk {
    /// The terminal's size.
    pub size: Size,
    /// The moment of the last event.
    pub now: Timestamp,
    /// Whether the terminal is looked at.
    pub focused: bool,
    /// When that last changed.
    pub focus_changed: Timestamp,
    /// When somebody last did something here: pressed a key, or came back.
    pub touched: Timestamp,
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
}

impl Desk {
    /// The size of a pane.
    pub fn area(&self) -> Size {
        let Size { width, height } = self.size;
        let frame = super::draw::ABOVE + super::draw::BELOW;
        Size { width: width.saturating_sub(2), height: height.saturating_sub(frame) }
    }

    /// Whether there is no room to draw in.
    pub fn is_too_small(&self) -> bool {
        let (width, height) = super::draw::SMALLEST;
        self.size.width < width || self.size.height < height
    }

    /// Whose account it is, once that is known.
    pub fn identity(&self) -> Option<&Identity> {
        match &self.session {
            Session::Connected(identity) => Some(identity),
            _ => None,
        }
    }

    /// What hinders whatever needs AWS.
    pub fn not_signed_in(&self) -> Option<String> {
        self.identity().is_none().then(|| "not signed in".to_owned())
    }

    /// The key that does an action, as hints name it; nothing, if its keys were taken from it.
    pub fn key(&self, action: Action) -> String {
        self.keymap.shown(action).map(|key| key.to_string()).unwrap_or_default()
    }

    /// Something that goes on, and the key that shows it.
    pub fn shown_by(&self, what: &str, action: Action) -> String {
        format!("{what}: `{}` shows it", self.key(action))
    }

    /// The moment so much later.
    pub fn later(&self, by: SignedDuration) -> Option<Timestamp> {
        self.now.checked_add(by).ok()
    }
}

/// The console's whole state.
#[derive(Debug)]
pub struct App {
    /// What every pane may look at.
    pub desk: Desk,
    /// The panes.
    pub panes: Panes,
    /// What lies on top, the topmost last.
    pub overlays: Vec<Overlay>,
    /// What runs, in case it has to be asked again.
    asked: BTreeMap<Slot, Job>,
    /// What failed because nobody was signed in any more: it goes on when somebody is.
    waiting: BTreeMap<Slot, Job>,
    /// How many keys and clicks there were.
    touches: u64,
    /// How many there had been when what runs was begun.
    begun_at: BTreeMap<Slot, u64>,
    /// Since when no key was pressed, if what is on top came up while something else was being done: until there is a
    /// pause, an enter was meant for that.
    unheeded: Option<Timestamp>,
}

/// How long a notice is shown.
const NOTICE: SignedDuration = SignedDuration::from_secs(6);
/// Without a key for so long, what came up has been seen.
const PAUSE: SignedDuration = SignedDuration::from_secs(1);
/// Errors that are kept to be read.
const PROBLEMS: usize = 20;

impl App {
    /// The console before anything happened.
    pub fn new(beginning: Beginning, now: Timestamp) -> Self {
        let desk = Desk {
            size: Size::default(),
            now,
            focused: true,
            focus_changed: now,
            touched: now,
            look: beginning.look,
            keymap: beginning.keymap,
            target: beginning.target,
            readonly: beginning.readonly,
            pane: Pane::default(),
            session: beginning.missing.map_or(Session::Connecting, Session::Unset),
            tasks: Tasks::default(),
            notice: None,
            problems: Vec::new(),
        };
        Self {
            desk,
            panes: Panes::default(),
            overlays: Vec::new(),
            asked: BTreeMap::new(),
            waiting: BTreeMap::new(),
            touches: 0,
            begun_at: BTreeMap::new(),
            unheeded: None,
        }
    }

    /// Something happened, at this moment.
    pub fn update(&mut self, now: Timestamp, event: Event) -> Vec<Effect> {
        self.desk.now = now;
        if matches!(event, Event::Key(_) | Event::Paste(_) | Event::Mouse(_) | Event::Focus(true)) {
            self.desk.touched = now;
        }
        if matches!(event, Event::Key(_) | Event::Mouse(Mouse::Click { .. })) {
            self.touches += 1;
        }
        let mut effects = match event {
            Event::Started if matches!(self.desk.session, Session::Unset(_)) => Vec::new(),
            Event::Started => self.start(Job::Connect),
            // What cannot be seen must not be answered: where there is no room, only leaving is left.
            Event::Key(key) if self.desk.is_too_small() => self.press_unseen(key),
            Event::Paste(_) | Event::Mouse(_) if self.desk.is_too_small() => Vec::new(),
            Event::Key(key) => self.press(key),
            Event::Paste(text) => self.paste(&text),
            Event::Mouse(mouse) => self.mouse(mouse),
            Event::Resized(size) => {
                self.desk.size = size;
                Vec::new()
            }
            Event::Focus(focused) => {
                if focused != self.desk.focused {
                    (self.desk.focused, self.desk.focus_changed) = (focused, now);
                }
                Vec::new()
            }
            Event::Tick => Vec::new(),
            Event::Told(slot, report) => {
                self.desk.tasks.told(slot, &report);
                self.panes.told(slot, report, &self.desk);
                Vec::new()
            }
            Event::Came(outcome) => self.came_to(*outcome),
            Event::Arrived { slot, items, dropped } => {
                self.panes.arrived(slot, items, dropped, &self.desk);
                Vec::new()
            }
            Event::Ended(slot, result) => self.ended(slot, *result),
        };
        effects.extend(self.what_is_due());
        effects
    }

    /// When something is due by itself: what moves, fades or is to be read again. `None` is never.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let desk = &self.desk;
        let next_minute = desk.later(SignedDuration::from_secs(60 - desk.now.as_second().rem_euclid(60)));
        let moving = desk.tasks.work().next().and(desk.later(SignedDuration::from_secs(1)));
        let fading = desk.notice.as_ref().and_then(|notice| notice.at.checked_add(NOTICE).ok());
        let panes = Pane::ALL.into_iter().filter_map(|pane| self.panes.get(pane).due(desk)).min();
        [next_minute, moving, fading, panes].into_iter().flatten().min()
    }

    fn what_is_due(&mut self) -> Vec<Effect> {
        let now = self.desk.now;
        if self.desk.notice.as_ref().is_some_and(|notice| now.duration_since(notice.at) >= NOTICE) {
            self.desk.notice = None;
        }
        let mut effects = Vec::new();
        for pane in Pane::ALL {
            let state = self.panes.get_mut(pane);
            if state.due(&self.desk).is_some_and(|due| due <= now) {
                let asks = state.tick(&self.desk);
                effects.extend(self.grant(asks));
            }
        }
        effects
    }

    /// Does what a pane asks for.
    fn grant(&mut self, asks: Vec<Ask>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for ask in asks {
            match ask {
                Ask::Start(job) => effects.extend(self.start(job)),
                Ask::Cancel(slot) => effects.extend(self.cancel(slot)),
                Ask::Live(wanted) => effects.push(Effect::Live(wanted)),
                Ask::Open(overlay) => self.open(*overlay),
                Ask::Say(text) => self.say(text),
                Ask::Fail(trouble) => self.problem(trouble),
                Ask::Copy(text) => effects.extend(self.copy(text)),
                Ask::CopySecret { link, what } => {
                    self.say(format!("copied {what}"));
                    effects.push(Effect::CopySecret(link));
                }
                Ask::Go(pane) => effects.extend(self.go_to(pane)),
                Ask::Of(pane, action) => {
                    let asks = self.panes.get_mut(pane).act(action, &self.desk);
                    effects.extend(self.grant(asks.unwrap_or_default()));
                }
                Ask::StepAside(program) => effects.push(Effect::StepAside(program)),
            }
        }
        effects
    }

    fn seen(&mut self) -> (&mut dyn PaneState, &Desk) {
        (self.panes.get_mut(self.desk.pane), &self.desk)
    }

    fn start(&mut self, job: Job) -> Vec<Effect> {
        self.desk.tasks.begin(&job, self.desk.now);
        self.begun_at.insert(job.slot(), self.touches);
        self.waiting.remove(&job.slot());
        if matches!(job.slot().manner(), Manner::Loads | Manner::Watches) {
            self.asked.insert(job.slot(), job.clone());
        }
        vec![Effect::Start(job)]
    }

    fn cancel(&mut self, slot: Slot) -> Vec<Effect> {
        self.desk.tasks.stop(slot);
        // What nobody wants any more is not begun again by a signing in, even if its failure is still on its way.
        self.asked.remove(&slot);
        self.waiting.remove(&slot);
        vec![Effect::Cancel(slot)]
    }

    /// Says something at the bottom.
    fn say(&mut self, text: impl Into<String>) {
        self.desk.notice = Some(Notice { text: text.into(), at: self.desk.now });
    }

    fn press_unseen(&mut self, key: Key) -> Vec<Effect> {
        match self.desk.keymap.on_top(key) {
            // What goes on is asked about, and the question is not seen: only who insists leaves.
            Some(Action::Quit) if self.desk.tasks.work().next().is_some() => Vec::new(),
            Some(Action::Quit | Action::QuitNow) => self.quit(),
            Some(Action::Suspend) => vec![Effect::Suspend],
            _ => Vec::new(),
        }
    }

    fn press(&mut self, key: Key) -> Vec<Effect> {
        match self.desk.keymap.on_top(key) {
            Some(Action::QuitNow) => return self.quit(),
            // A letter that it is bound to is still typed where something is.
            Some(Action::Suspend) if key.typed().is_none() => return vec![Effect::Suspend],
            _ => {}
        }
        if let Some(overlay) = self.overlays.pop() {
            let action = self.desk.keymap.on_top(key);
            return self.press_overlay(overlay, key, action);
        }
        let action = self.desk.keymap.action(self.desk.pane, key);
        let (pane, desk) = self.seen();
        if pane.is_typing() {
            let asks = pane.key(key, desk);
            return self.grant(asks);
        }
        action.map(|action| self.act(action)).unwrap_or_default()
    }

    fn press_overlay(&mut self, mut overlay: Overlay, key: Key, action: Option<Action>) -> Vec<Effect> {
        let turn = overlay.press(self, key, action);
        self.turned(overlay, turn)
    }

    fn click_overlay(&mut self, x: u16, y: u16) -> Vec<Effect> {
        let (top, height) = super::draw::overlays(self.desk.size.height);
        let Some(y) = y.checked_sub(top) else { return Vec::new() };
        let Some(mut overlay) = self.overlays.pop() else { return Vec::new() };
        let turn = overlay.click(self, x, y, (self.desk.size.width, height));
        self.turned(overlay, turn)
    }

    fn turned(&mut self, overlay: Overlay, turn: Turn) -> Vec<Effect> {
        let now = self.desk.now;
        self.unheeded = self.unheeded.filter(|last| now.duration_since(*last) < PAUSE);
        if let Some(does) = overlay.ends_unread(turn).filter(|_| self.unheeded.take().is_some()) {
            self.overlays.push(overlay);
            self.say(format!("it came up while you did something else: {does} it once more"));
            return Vec::new();
        }
        // A key that does nothing to it was meant for something else too.
        self.unheeded = self.unheeded.map(|_| now);
        match turn {
            Turn::Stays => {
                self.overlays.push(overlay);
                Vec::new()
            }
            Turn::Closes => Vec::new(),
            Turn::Acts(action) => self.act(action),
            Turn::Answers { pane, name, answer, stays } => {
                let Some(dialog) = overlay.dialog() else { return Vec::new() };
                let asks = self.panes.get_mut(pane).answered(name, answer, dialog, &self.desk);
                if stays {
                    self.overlays.push(overlay);
                }
                self.grant(asks)
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
        } else if self.seen().0.is_typing() {
            self.seen().0.paste(text);
        }
        Vec::new()
    }

    fn mouse(&mut self, mouse: Mouse) -> Vec<Effect> {
        if !self.overlays.is_empty() {
            return match mouse {
                Mouse::Wheel { by, .. } => {
                    if let Some(mut overlay) = self.overlays.pop() {
                        overlay.wheel(self, by);
                        self.overlays.push(overlay);
                    }
                    Vec::new()
                }
                Mouse::Click { x, y } => self.click_overlay(x, y),
            };
        }
        // A pane begins one cell from the left and under the frame's upper rows.
        let inside = |x: u16, y: u16, size: Size| {
            let (x, y) = (x.checked_sub(1)?, y.checked_sub(super::draw::ABOVE)?);
            (x < size.width && y < size.height).then_some((x, y))
        };
        let area = self.desk.area();
        if matches!(self.desk.session, Session::Unset(_)) {
            return Vec::new();
        }
        let (pane, desk) = self.seen();
        let asks = match mouse {
            Mouse::Wheel { x, y, by } => match inside(x, y, area) {
                Some((x, y)) => pane.wheel(by, x, y, desk),
                None => pane.wheel(by, 0, 0, desk),
            },
            Mouse::Click { x, y } => match (super::draw::tab_at(x, y), inside(x, y, area)) {
                (Some(tab), _) => vec![Ask::Go(tab)],
                (None, Some((x, y))) => pane.click(x, y, desk),
                (None, None) => Vec::new(),
            },
        };
        self.grant(asks)
    }

    /// Why an action cannot be done now; `None` if it can.
    pub fn hindrance(&self, action: Action) -> Option<String> {
        let spec = action.spec();
        if spec.danger != Danger::None && self.desk.readonly {
            return Some("this run is read-only".to_owned());
        }
        match (action, spec.scope) {
            // The panes are not seen yet: the first run's screen stands in their place.
            (_, Scope::Pane(_) | Scope::Habit) if matches!(self.desk.session, Session::Unset(_)) => {
                Some("not signed in".to_owned())
            }
            (_, Scope::Pane(pane)) => self.panes.get(pane).hindrance(action, &self.desk),
            (_, Scope::Habit) => {
                let pane = self.panes.get(self.desk.pane);
                if pane.habits().contains(&action) {
                    pane.hindrance(action, &self.desk)
                } else {
                    Some(format!("nothing to {} here", spec.short))
                }
            }
            (Action::Problem, _) if self.desk.problems.is_empty() => Some("there is no error".to_owned()),
            _ => None,
        }
    }

    /// Does an action, or says why not.
    pub fn act(&mut self, action: Action) -> Vec<Effect> {
        let first = matches!(self.desk.session, Session::Unset(_));
        if first && action == Action::Open {
            return self.write_settings();
        }
        if let Some(why) = self.hindrance(action) {
            self.say(format!("{}: {why}", action.spec().short));
            return Vec::new();
        }
        if let Some(pane) = action.pane() {
            return self.go_to(pane);
        }
        match action {
            Action::NextPane => self.go_to(self.desk.pane.step(1)),
            Action::PreviousPane => self.go_to(self.desk.pane.step(-1)),
            Action::Keys => self.open_and_wait(Overlay::keys()),
            Action::Palette => self.open_and_wait(Overlay::palette()),
            Action::Tasks => self.open_and_wait(Overlay::tasks(&self.desk.tasks)),
            Action::Problem => match self.desk.problems.pop() {
                Some(problem) => self.open_and_wait(Overlay::problem(problem)),
                None => Vec::new(),
            },
            Action::Suspend => vec![Effect::Suspend],
            Action::Quit | Action::QuitNow => self.quit(),
            Action::Refresh if matches!(self.desk.session, Session::Failed(_) | Session::Unset(_)) => {
                self.desk.session = Session::Connecting;
                self.start(Job::Connect)
            }
            Action::Copy => {
                let address = self.panes.get(self.desk.pane).address(&self.desk);
                if address.is_none() {
                    self.say("copy: nothing here has an address");
                }
                address.map(|address| self.copy(address)).unwrap_or_default()
            }
            _ => {
                let (pane, desk) = self.seen();
                match pane.act(action, desk) {
                    Some(asks) => self.grant(asks),
                    None if action == Action::Back => self.cancel_what_loads(),
                    None => Vec::new(),
                }
            }
        }
    }

    fn go_to(&mut self, pane: Pane) -> Vec<Effect> {
        if pane == self.desk.pane {
            return Vec::new();
        }
        let (left, desk) = self.seen();
        let mut asks = left.left(desk);
        self.desk.pane = pane;
        let (entered, desk) = self.seen();
        asks.extend(entered.entered(desk));
        self.grant(asks)
    }

    fn open(&mut self, overlay: Overlay) {
        self.unheeded = None;
        self.overlays.retain(|open| !open.is_same_question(&overlay));
        self.overlays.push(overlay);
    }

    fn open_and_wait(&mut self, overlay: Overlay) -> Vec<Effect> {
        self.open(overlay);
        Vec::new()
    }

    fn write_settings(&mut self) -> Vec<Effect> {
        match &self.desk.session {
            Session::Unset(missing) => {
                let file = missing.settings_file.clone();
                self.start(Job::WriteSettings(file))
            }
            _ => Vec::new(),
        }
    }

    /// One step back where nothing is open: what loads is cancelled, that of the pane that is seen first.
    fn cancel_what_loads(&mut self) -> Vec<Effect> {
        let loading = self.desk.tasks.running().filter(|task| task.slot.manner() == Manner::Loads);
        let slot = loading.map(|task| task.slot).min_by_key(|slot| slot.pane() != Some(self.desk.pane));
        slot.map(|slot| self.cancel(slot)).unwrap_or_default()
    }

    fn copy(&mut self, text: String) -> Vec<Effect> {
        self.say(format!("copied {text}"));
        vec![Effect::Copy(text)]
    }

    /// Quits, unless something that must not be left silently is going on.
    fn quit(&mut self) -> Vec<Effect> {
        let left: Vec<(&str, &str)> = self
            .desk
            .tasks
            .running()
            .filter_map(|task| match task.slot.manner() {
                Manner::Runs { on_quit } | Manner::Follows { on_quit } => {
                    Some((task.words.as_str(), on_quit))
                }
                Manner::Loads | Manner::Watches => None,
            })
            .collect();
        if left.is_empty() || self.overlays.iter().any(Overlay::is_quit) {
            return vec![Effect::Quit];
        }
        let question = Overlay::quit(&left);
        self.open_and_wait(question)
    }

    fn ended(&mut self, slot: Slot, result: Result<Outcome, Trouble>) -> Vec<Effect> {
        let state = match &result {
            Ok(outcome) => match outcome.shortfall() {
                ([], false) => State::Done,
                ([], true) => State::Cancelled,
                (failures, _) => State::Failed(failures.join("; ")),
            },
            Err(trouble) if trouble.remedy == Remedy::Cancelled => State::Cancelled,
            Err(trouble) => State::Failed(trouble.sentence.clone()),
        };
        self.desk.tasks.end(slot, state, self.desk.now);
        let busy = self.begun_at.remove(&slot).is_some_and(|touches| touches != self.touches);
        match result {
            Ok(outcome) => {
                self.asked.remove(&slot);
                // What a dialog says of them is gone with it; they stay until they are read.
                for sentence in outcome.shortfall().0 {
                    let (sentence, causes) = (sentence.clone(), Vec::new());
                    self.problem(Trouble { sentence, causes, remedy: Remedy::Retry });
                }
                let open = self.overlays.len();
                let effects = self.came_to(outcome);
                if busy && self.overlays.len() > open {
                    self.unheeded = Some(self.desk.now);
                }
                effects
            }
            Err(trouble) => self.failed(slot, trouble),
        }
    }

    fn came_to(&mut self, outcome: Outcome) -> Vec<Effect> {
        match outcome {
            Outcome::Connected(identity) => {
                self.desk.session = Session::Connected(identity);
                let waiting = std::mem::take(&mut self.waiting);
                let asks: Vec<Ask> = Pane::ALL
                    .into_iter()
                    .flat_map(|pane| self.panes.get_mut(pane).signed_in(&self.desk))
                    .collect();
                let mut effects = self.grant(asks);
                for (slot, job) in waiting {
                    // A pane that asks again by itself has asked already.
                    if !self.desk.tasks.runs(slot) {
                        effects.extend(self.start(job));
                    }
                }
                effects
            }
            Outcome::Wrote(path) => {
                self.say(format!("wrote {}: edit it and start hydrant again", path.display()));
                Vec::new()
            }
            outcome => {
                let asks = self.panes.came_to(outcome, &self.desk);
                self.grant(asks)
            }
        }
    }

    fn failed(&mut self, slot: Slot, trouble: Trouble) -> Vec<Effect> {
        let asks = self.panes.failed(slot, &trouble, &self.desk);
        if let Some(job) = self.asked.remove(&slot).filter(|_| trouble.remedy == Remedy::SignIn)
            && slot != Slot::Connect
        {
            self.waiting.insert(slot, job);
        }
        if slot == Slot::Connect || trouble.remedy == Remedy::SignIn {
            self.desk.session = Session::Failed(trouble.clone());
        }
        match trouble.remedy {
            Remedy::Cancelled if slot.manner() == Manner::Watches => {}
            Remedy::Cancelled => self.say("cancelled"),
            _ => self.problem(trouble),
        }
        self.grant(asks)
    }

    /// Keeps an error until it is read. What fails again and again is one error, and does not push others out.
    fn problem(&mut self, trouble: Trouble) {
        self.desk.problems.retain(|known| known.sentence != trouble.sentence);
        self.desk.problems.push(trouble);
        let surplus = self.desk.problems.len().saturating_sub(PROBLEMS);
        self.desk.problems.drain(..surplus);
    }
}
