//! The Host pane: what the remote host is, whether its service runs, and what provisioning made of it.

mod drawing;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::flow::{Attention, Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::host::{Item, Job, Look, Outcome, Slot};
use crate::console::effect::{Remedy, Trouble};
use crate::console::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::widget::dialog::{Answer, Confirm, Dialog};
use crate::console::widget::table::TableState;
use crate::console::words;
use crate::host::task::{Done, State};
use crate::progress::Report;

/// What the pane holds.
#[derive(Debug, Default)]
pub struct HostPane {
    /// The host as it was last looked at, and when.
    look: Option<(Timestamp, Look)>,
    /// Why there is none.
    none: Option<String>,
    /// Why it could not be looked at the last time.
    trouble: Option<Trouble>,
    /// When it was last asked for.
    asked: Option<Timestamp>,
    /// What came of each task the last time, in the order of the recipe.
    done: Vec<Done>,
    /// What each task tells while they run, in the order in which they began.
    told: Vec<(String, Report)>,
    table: TableState,
}

/// How often the host is looked at by itself while the pane is seen.
const REFRESH: SignedDuration = SignedDuration::from_secs(15);
/// The question before anything is changed.
const PROVISION: &str = "provision";

impl HostPane {
    fn look(&mut self, desk: &Desk) -> Vec<Ask> {
        self.asked = Some(desk.now);
        vec![Ask::start(Job::Look)]
    }

    fn provision(&mut self, check: bool) -> Vec<Ask> {
        self.told.clear();
        if !check {
            self.done.clear();
        }
        vec![Ask::start(Job::Provision { check })]
    }

    fn question(done: &[Done]) -> Dialog {
        let needed = done.iter().filter(|done| done.state == State::WouldChange);
        let body = needed.map(|done| (format!("{:<12} {}", done.task, done.text), Role::Text)).collect();
        Dialog::new("Provision the host", body, Confirm::Enter { does: "make it so" })
    }

    fn how_many(done: &[Done]) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for done in done {
            *counts.entry(word(done.state)).or_default() += 1;
        }
        counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }
}

/// How a task ended, in a word.
fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Changed => "changed",
        State::WouldChange => "to change",
        State::Failed => "failed",
        State::Skipped => "skipped",
    }
}

impl PaneState for HostPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        match action {
            Action::Refresh if desk.identity().is_some() => Some(self.look(desk)),
            Action::HostProvision => Some(self.provision(true)),
            Action::HostShell => Some(vec![Ask::start(Job::Shell)]),
            Action::Open => {
                let done = self.done.get(self.table.chosen)?;
                let output =
                    if done.output.trim().is_empty() { "(it wrote nothing)" } else { done.output.trim() };
                let text = format!("{}: {}\n\n{output}", word(done.state), done.text);
                Some(vec![Ask::open(Overlay::text(format!("Task {}", done.task), text))])
            }
            _ => {
                let seen = drawing::seen(desk.area());
                self.table.act(action, self.done.len(), seen).then(Vec::new)
            }
        }
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        match action {
            Action::HostProvision => {
                let busy = desk.tasks.runs(Slot::Provision);
                desk.not_signed_in()
                    .or_else(|| self.none.clone())
                    .or_else(|| busy.then(|| "it is under way".to_owned()))
            }
            Action::HostShell if desk.readonly => Some("this run is read-only".to_owned()),
            Action::HostShell => desk.not_signed_in().or_else(|| self.none.clone()),
            Action::Open if self.done.is_empty() => Some("no task has run".to_owned()),
            Action::Copy if self.look.is_none() => Some("the host is not known".to_owned()),
            _ => None,
        }
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        if desk.pane == Pane::Host { self.look(desk) } else { Vec::new() }
    }

    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        if desk.identity().is_some() && !desk.tasks.runs(Slot::Look) { self.look(desk) } else { Vec::new() }
    }

    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let busy = desk.tasks.runs(Slot::Look) || desk.tasks.runs(Slot::Provision);
        if desk.pane != Pane::Host || busy || desk.identity().is_none() || !desk.focused {
            return None;
        }
        self.asked.and_then(|asked| asked.checked_add(REFRESH).ok())
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        self.look(desk)
    }

    fn answered(&mut self, name: &'static str, answer: Answer, _dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        match (name, answer) {
            (PROVISION, Answer::Confirmed) => self.provision(false),
            _ => Vec::new(),
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        self.look.as_ref().map(|(_, look)| look.address.clone())
    }

    fn station(&self, place: Place, _desk: &Desk) -> Option<Station> {
        let (_, look) = self.look.as_ref().filter(|_| place == Place::Streamer)?;
        // While it is stopped there, the stream here speaks for the place.
        let service = look.service.as_ref().filter(|service| service.state != "stopped")?;
        let state = match service.state.as_str() {
            "running" => StationState::Ready,
            "starting" | "draining" => StationState::Working,
            "failed" => StationState::Failed,
            _ => StationState::Absent,
        };
        let number = match service.state.as_str() {
            "running" => format!("{} sent", words::count(service.delivered)),
            other => other.to_owned(),
        };
        Some(Station { state, number, ..Station::default() })
    }

    fn attention(&self, _desk: &Desk) -> Vec<Attention> {
        let action = Some(Action::Host);
        let mut list = Vec::new();
        if let Some((_, look)) = &self.look {
            if let Some(service) = &look.service {
                if let Some(error) = service.last_error.as_ref().filter(|_| service.state == "failed") {
                    let text = format!("the service on the host failed: {error}");
                    list.push(Attention { text, role: Role::Bad, action });
                }
                if service.pending > 0 && service.state != "running" {
                    let text = format!(
                        "{} on the host and nothing sends it on",
                        words::counted(service.pending, "post waits", "posts wait")
                    );
                    list.push(Attention { text, role: Role::Warn, action });
                }
            } else {
                let text = "the host is there and has no hydrant yet: provision it".to_owned();
                list.push(Attention { text, role: Role::Warn, action });
            }
        }
        list
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

impl Employs for HostPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Looked(look) => {
                (self.look, self.none, self.trouble) = (Some((desk.now, *look)), None, None);
                Vec::new()
            }
            Outcome::NoHost(why) => {
                (self.look, self.none, self.trouble) = (None, Some(why), None);
                Vec::new()
            }
            Outcome::Checked(done) => {
                let needed = done.iter().any(|done| done.state == State::WouldChange);
                let question = Self::question(&done);
                self.done = done;
                self.table.settle(self.done.len());
                if needed {
                    return vec![Ask::open(Overlay::question(Pane::Host, PROVISION, question))];
                }
                vec![Ask::Say(format!("nothing to change: {}", Self::how_many(&self.done)))]
            }
            Outcome::Provisioned(done) => {
                self.done = done;
                self.told.clear();
                self.table.settle(self.done.len());
                let mut asks = vec![Ask::Say(format!("provisioned: {}", Self::how_many(&self.done)))];
                let failed = self.done.iter().filter(|done| done.state == State::Failed);
                asks.extend(failed.map(|done| {
                    Ask::Fail(Trouble {
                        sentence: format!("{} on the host: {}", done.task, done.text),
                        causes: Vec::new(),
                        remedy: Remedy::Retry,
                    })
                }));
                asks.extend(self.look(desk));
                asks
            }
            Outcome::Shell(program) => vec![Ask::StepAside(program)],
        }
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, _desk: &Desk) -> Vec<Ask> {
        // That somebody wanted no answer says nothing of the host.
        if slot == Slot::Look && trouble.remedy != Remedy::Cancelled {
            self.trouble = Some(trouble.clone());
        }
        Vec::new()
    }

    fn told(&mut self, slot: Slot, report: Report, _desk: &Desk) {
        if slot != Slot::Provision {
            return;
        }
        match self.told.iter_mut().find(|(name, _)| *name == report.name) {
            Some((_, last)) => *last = report,
            None => self.told.push((report.name.clone(), report)),
        }
    }

    // Nothing feeds this pane: there is no item to be given.
    fn arrived(&mut self, _slot: Slot, _items: Vec<Item>, _dropped: u64, _desk: &Desk) {}
}
