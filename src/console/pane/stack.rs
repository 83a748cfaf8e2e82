//! The Stack pane: resources in the order in which they depend on one another, the chosen one whole, and the run that
//! creates or tears down, line by line, where each resource stands. The notebook is a second stack in the same pane: one
//! key goes from one to the other, and everything else is the same.

mod drawing;
mod question;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::flow::{Attention, Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::stack::{Item, Job, Outcome, Ran, Slot, Surveyed};
use crate::console::effect::{Slot as AnySlot, Trouble};
use crate::console::key::Key;
use crate::console::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::widget::dialog::{Answer, Dialog};
use crate::console::widget::filter::Filter;
use crate::console::widget::table::TableState;
use crate::console::words;
use crate::host::service::Waits;
use crate::progress::{Phase, Report};
use crate::stack::StreamHere;
use crate::stack::graph::{Kind, Part};
use crate::stack::plan::Plan;
use crate::stack::status::{ResourceState, ResourceStatus, StackState};

/// What the pane holds.
#[derive(Debug, Default)]
pub struct StackPane {
    /// The pipeline's stack as it was last read, and when.
    pub last: Option<(Timestamp, Surveyed)>,
    /// The notebook's.
    notebook: Option<(Timestamp, Surveyed)>,
    /// Which of the two is shown.
    part: Part,
    /// Why it could not be read the last time.
    pub trouble: Option<Trouble>,
    /// When it was last asked for.
    asked: Option<Timestamp>,
    /// Where the operator is.
    pub table: TableState,
    /// What of it is shown.
    pub filter: Filter,
    /// What was told, the newest last.
    events: VecDeque<(Timestamp, Report)>,
    /// What the run told last about each kind, while there is one.
    running: BTreeMap<&'static str, Report>,
    /// What AWS said last when it was asked too often, and when.
    slowed: Option<(Timestamp, String)>,
    /// How many resources the run is about.
    to_do: usize,
    /// The plan that is being shown.
    planned: Option<Planned>,
    /// The stack whose teardown is planned or shown, whichever of the two is looked at meanwhile.
    torn_down: Part,
    /// What waits in what the shown plan takes away, if anything does or may.
    waiting: Option<Waiting>,
}

/// What waits in what goes, and whether it is to be delivered first.
#[derive(Debug)]
struct Waiting {
    /// On the host.
    waits: Waits,
    /// In this machine's stream.
    here: StreamHere,
    /// For how long what the delivery stream took may not be written yet.
    unwritten: Option<Duration>,
    drain: bool,
}

impl Default for Waiting {
    /// What is not known to be nothing is delivered first, unless that is not wanted.
    fn default() -> Self {
        Self { waits: Waits::Nothing, here: StreamHere::Nothing, unwritten: None, drain: true }
    }
}

#[derive(Debug)]
enum Planned {
    Up(Plan),
    Down { plan: Plan, delete_data: bool },
}

/// How long it is shown that AWS asked to slow down.
const SLOWED: SignedDuration = SignedDuration::from_secs(10);
/// Events that are kept.
const EVENTS: usize = 500;
/// How often the stack is read by itself while it is looked at, and while it is not.
const REFRESH: SignedDuration = SignedDuration::from_secs(30);
const REFRESH_AWAY: SignedDuration = SignedDuration::from_mins(5);

impl StackPane {
    /// What AWS said of being asked too often, for as long as that is news.
    fn slowed(&self, now: Timestamp) -> Option<&str> {
        let (at, text) = self.slowed.as_ref()?;
        (now.duration_since(*at) < SLOWED).then_some(text)
    }

    /// How many resources the run has come to an end with, and of how many.
    fn progress(&self) -> (usize, usize) {
        let ended = |report: &&Report| matches!(report.phase, Phase::Done | Phase::Failed | Phase::Skipped);
        let done = self.running.values().filter(ended).count();
        (done, self.to_do.max(done))
    }

    /// The stack that is shown, as it was last read.
    pub fn read(&self) -> Option<&(Timestamp, Surveyed)> {
        match self.part {
            Part::Pipeline => self.last.as_ref(),
            Part::Notebook => self.notebook.as_ref(),
        }
    }

    fn reading(&self) -> &'static str {
        match self.part {
            Part::Pipeline => "Reading the stack…",
            Part::Notebook => "Reading the notebook's stack…",
        }
    }

    /// The other stack takes the place of the one that is shown.
    fn switch(&mut self, desk: &Desk) -> Vec<Ask> {
        self.part = match self.part {
            Part::Pipeline => Part::Notebook,
            Part::Notebook => Part::Pipeline,
        };
        self.table = TableState::default();
        self.trouble = None;
        self.settle();
        if desk.identity().is_some() { self.survey(desk) } else { Vec::new() }
    }

    /// Elsewhere than here it is the pipeline that is looked at.
    fn survey(&mut self, desk: &Desk) -> Vec<Ask> {
        self.asked = Some(desk.now);
        let part = if desk.pane == Pane::Stack { self.part } else { Part::Pipeline };
        vec![Ask::start(Job::Survey(part))]
    }

    fn surveyed(&mut self, now: Timestamp, surveyed: Surveyed) {
        if surveyed.part != self.part {
            match surveyed.part {
                Part::Pipeline => self.last = Some((now, surveyed)),
                Part::Notebook => self.notebook = Some((now, surveyed)),
            }
            return;
        }
        // The operator stays on the resource, not on the row.
        let chosen = self.chosen().map(|resource| resource.kind);
        match self.part {
            Part::Pipeline => self.last = Some((now, surveyed)),
            Part::Notebook => self.notebook = Some((now, surveyed)),
        }
        self.trouble = None;
        let kinds: Vec<Kind> = self.rows().iter().map(|resource| resource.kind).collect();
        if let Some(row) = kinds.iter().position(|kind| Some(*kind) == chosen) {
            self.table.chosen = row;
        }
        self.table.settle(kinds.len());
    }

    fn ran(&mut self, now: Timestamp, ran: Ran) {
        self.running.clear();
        if let Some(after) = ran.after {
            self.surveyed(now, after);
        }
        self.asked = Some(now);
    }

    /// The resources in the order of the table.
    pub fn rows(&self) -> Vec<&ResourceStatus> {
        let Some((_, surveyed)) = self.read() else { return Vec::new() };
        let shown = |resource: &&ResourceStatus| {
            let id = resource.id.as_deref().unwrap_or_default();
            self.filter.matches([
                resource.kind.name(),
                &resource.name,
                id,
                drawing::state_word(resource.state),
            ])
        };
        let mut rows: Vec<&ResourceStatus> = surveyed.status.resources.iter().filter(shown).collect();
        match self.table.sort {
            None => rows.sort_by_key(|resource| order(resource.kind)),
            Some((column, backwards)) => {
                rows.sort_by_key(|resource| match column {
                    0 => resource.state.sign().to_string(),
                    1 => resource.kind.to_string(),
                    2 => resource.name.clone(),
                    3 => resource.id.clone().unwrap_or_default(),
                    // The oldest first, and last what is not there.
                    4 => resource.made.map_or_else(|| "~".to_owned(), |made| made.to_string()),
                    5 => drawing::cost_class(resource.kind).to_owned(),
                    _ => resource.detail.clone(),
                });
                if backwards {
                    rows.reverse();
                }
            }
        }
        rows
    }

    /// The resource that is chosen.
    pub fn chosen(&self) -> Option<&ResourceStatus> {
        self.rows().get(self.table.chosen).copied()
    }

    fn settle(&mut self) {
        let rows = self.rows().len();
        self.table.settle(rows);
    }

    /// Everything that is known of the chosen resource, as a text.
    fn whole(&self) -> Option<String> {
        let chosen = self.chosen()?;
        let (_, surveyed) = self.read()?;
        let mut lines = vec![
            format!("kind   {}", chosen.kind),
            format!("state  {}", drawing::state_word(chosen.state)),
            format!("id     {}", chosen.id.as_deref().unwrap_or("none")),
            format!("ARN    {}", chosen.arn.as_deref().unwrap_or("none")),
            format!("cost   {}", drawing::cost_class(chosen.kind)),
        ];
        if !chosen.detail.is_empty() {
            lines.extend([String::new(), chosen.detail.clone()]);
        }
        let properties = surveyed.properties.get(&chosen.kind).map(Vec::as_slice).unwrap_or_default();
        if !properties.is_empty() {
            lines.extend([String::new(), "Properties".to_owned()]);
        }
        for property in properties {
            lines.push(format!("  {}: {}", property.name, property.there.as_deref().unwrap_or("not set")));
            lines.extend(property.wanted.as_ref().map(|wanted| format!("    should be {wanted}")));
        }
        let told: Vec<_> =
            self.events.iter().filter(|(_, report)| report.kind == chosen.kind.name()).collect();
        if !told.is_empty() {
            lines.extend([String::new(), "Events, UTC".to_owned()]);
        }
        lines
            .extend(told.iter().map(|(at, report)| format!("  {} {}", at.strftime("%H:%M:%S"), report.text)));
        Some(lines.join("\n"))
    }

    fn resource(&self, kind: Kind) -> Option<&ResourceStatus> {
        let (_, surveyed) = self.last.as_ref()?;
        surveyed.status.resources.iter().find(|resource| resource.kind == kind)
    }

    /// What waits in what the plan takes away. Where the data goes too, what is not written yet is part of it.
    fn what_goes_with(&mut self, plan: &Plan, delete_data: bool) -> Option<&Waiting> {
        let known = self.waiting.take().unwrap_or_default();
        let waiting = Waiting {
            waits: if plan.takes_host() { known.waits } else { Waits::Nothing },
            here: if plan.ends_delivery() { known.here } else { StreamHere::Nothing },
            unwritten: plan.unwritten().filter(|_| !delete_data),
            drain: known.drain,
        };
        self.waiting = waiting.is_anything().then_some(waiting);
        self.waiting.as_ref()
    }

    /// Plans the teardown; what waits on the host is asked for once.
    fn plan_down(&mut self, part: Part, delete_data: bool, ask_host: bool) -> Vec<Ask> {
        (self.planned, self.torn_down) = (None, part);
        vec![Ask::start(Job::PlanDown { part, delete_data, ask_host })]
    }
}

/// What is to be typed before a plan is carried out that destroys.
fn stack_name(part: Part, desk: &Desk) -> Option<String> {
    let identity = desk.identity()?;
    Some(match part {
        Part::Pipeline => identity.stack.clone(),
        Part::Notebook => format!("{}/notebook", identity.stack),
    })
}

/// The kinds of a stack in the order in which they are shown.
fn order(kind: Kind) -> usize {
    Kind::ALL.iter().position(|known| *known == kind).unwrap_or(usize::MAX)
}

impl PaneState for StackPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Filter, Action::Sort, Action::SortBackwards, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        match action {
            Action::Refresh if desk.identity().is_some() => return Some(self.survey(desk)),
            Action::Create => {
                self.waiting = None;
                return Some(vec![Ask::start(Job::PlanUp(self.part))]);
            }
            Action::StackOther => return Some(self.switch(desk)),
            Action::StackLink => return Some(vec![Ask::start(Job::Link)]),
            Action::TearDown => {
                self.waiting = None;
                return Some(self.plan_down(self.part, false, self.part == Part::Pipeline));
            }
            Action::Open => {
                let (title, text) = (self.chosen()?.name.clone(), self.whole()?);
                return Some(vec![Ask::open(Overlay::text(title, text))]);
            }
            Action::Filter => self.filter.open(),
            Action::Back if self.filter.clear() => self.settle(),
            Action::Sort => self.table.sort_next(drawing::COLUMNS.len()),
            Action::SortBackwards => self.table.reverse(),
            _ => {
                let rows = self.rows().len();
                return self.table.act(action, rows, drawing::seen(desk.area())).then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        if action == Action::StackOther {
            return None;
        }
        if action == Action::StackLink && self.part != Part::Notebook {
            return Some("it leads into the notebook: that is the other stack".to_owned());
        }
        if !matches!(action, Action::Create | Action::TearDown | Action::StackLink) {
            let nothing = self.read().is_none() && action != Action::Refresh;
            return nothing.then(|| "the stack was not read yet".to_owned());
        }
        let busy = || desk.tasks.runs(Slot::Run).then(|| desk.shown_by("a run is under way", Action::Tasks));
        desk.not_signed_in().or_else(busy)
    }

    fn click(&mut self, x: u16, y: u16, desk: &Desk) -> Vec<Ask> {
        let rows = self.rows().len();
        if let Some(y) = y.checked_sub(drawing::TABLE) {
            self.table.click(x, y, &drawing::COLUMNS, rows, drawing::table_area(desk.area()));
        }
        Vec::new()
    }

    fn is_typing(&self) -> bool {
        self.filter.is_typing()
    }

    fn key(&mut self, key: Key, _desk: &Desk) -> Vec<Ask> {
        if self.filter.key(key) {
            self.settle();
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        self.filter.paste(text);
        self.settle();
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        self.survey(desk)
    }

    /// The stack is read by itself where it is shown, and never while it is being changed.
    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let shown = matches!(desk.pane, Pane::Flow | Pane::Stack);
        let busy =
            desk.tasks.runs(Slot::Run) || desk.tasks.runs(Slot::Survey) || desk.tasks.runs(AnySlot::Connect);
        if !shown || busy {
            return None;
        }
        desk.identity()?;
        let every = if desk.focused { REFRESH } else { REFRESH_AWAY };
        self.asked.and_then(|asked| asked.checked_add(every).ok())
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        self.survey(desk)
    }

    fn answered(&mut self, _name: &'static str, answer: Answer, dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        let drain_field = if matches!(self.planned, Some(Planned::Up(_))) { 0 } else { question::DRAIN };
        if answer == Answer::Toggled(drain_field) {
            if let Some(waiting) = &mut self.waiting {
                waiting.drain = dialog.is_on(drain_field);
            }
            return Vec::new();
        }
        match (answer, self.planned.take()) {
            (Answer::Confirmed, Some(planned)) => {
                let drain = self.waiting.take().is_some_and(|waiting| waiting.drains());
                let (Planned::Up(plan) | Planned::Down { plan, .. }) = &planned;
                self.to_do = plan.work().count();
                vec![Ask::start(match planned {
                    Planned::Up(plan) => Job::Up { plan, drain },
                    Planned::Down { plan, delete_data } => Job::Down { plan, delete_data, drain },
                })]
            }
            // What goes depends on it: the plan is made anew and shown again.
            (Answer::Toggled(_), _) => {
                self.plan_down(self.torn_down, dialog.is_on(question::DELETE_DATA), false)
            }
            (Answer::Cancelled, None) => vec![Ask::cancel(Slot::Plan)],
            _ => Vec::new(),
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        let chosen = self.chosen()?;
        chosen.arn.clone().or_else(|| chosen.id.clone())
    }

    fn station(&self, place: Place, desk: &Desk) -> Option<Station> {
        let kind = match place {
            Place::Firehose => Kind::DeliveryStream,
            Place::Lake => Kind::Bucket,
            _ => return None,
        };
        let Some(resource) = self.resource(kind) else { return Some(Station::unknown("not read")) };
        let (state, said) = match resource.state {
            ResourceState::Absent => (StationState::Absent, "absent"),
            ResourceState::Creating => (StationState::Working, "being made"),
            ResourceState::Ready => (StationState::Ready, "ready"),
            ResourceState::Drifted => (StationState::Drifted, "drifted"),
            ResourceState::Deleting => (StationState::Working, "being deleted"),
            ResourceState::Failed => (StationState::Failed, "failed"),
        };
        let number = said.to_owned();
        // What could not be read again is what it was then, and nobody knows what it is.
        match (&self.trouble, &self.last) {
            (Some(_), Some((at, _))) => {
                let more = format!("as of {} ago", words::since(*at, desk.now));
                Some(Station { state: StationState::Unknown, number, more, ..Station::default() })
            }
            _ => Some(Station { state, number, ..Station::default() }),
        }
    }

    fn attention(&self, desk: &Desk) -> Vec<Attention> {
        let mut list = Vec::new();
        if desk.tasks.runs(Slot::Run) {
            let text = "the stack is being changed".to_owned();
            list.push(Attention { text, role: Role::Warn, action: Some(Action::Tasks) });
        }
        let Some((_, surveyed)) = &self.last else { return list };
        let (text, role) = match surveyed.status.state {
            StackState::Absent => ("nothing of the stack is there: create it in the Stack pane", Role::Text),
            StackState::Partial => ("not all of the stack is there", Role::Warn),
            StackState::Drifted => ("the stack is not as hydrant left it", Role::Warn),
            StackState::Ready => return list,
        };
        list.push(Attention { text: text.to_owned(), role, action: Some(Action::Stack) });
        list
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

impl Employs for StackPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Surveyed(surveyed) => {
                self.surveyed(desk.now, surveyed);
                Vec::new()
            }
            Outcome::PlannedUp { plan, shown } => {
                let Some(name) = stack_name(plan.part(), desk) else { return Vec::new() };
                let dialog = question::create(&plan, shown, self.what_goes_with(&plan, false), &name);
                self.planned = Some(Planned::Up(plan));
                vec![Ask::open(Overlay::question(Pane::Stack, "create", dialog))]
            }
            Outcome::HostWaits(waits) => {
                self.waiting.get_or_insert_default().waits = waits;
                Vec::new()
            }
            Outcome::StreamHere(here) => {
                self.waiting.get_or_insert_default().here = here;
                Vec::new()
            }
            Outcome::PlannedDown { plan, delete_data, shown } => {
                let Some(name) = stack_name(plan.part(), desk) else { return Vec::new() };
                let waiting = self.what_goes_with(&plan, delete_data);
                let dialog = question::tear_down(&plan, delete_data, shown, waiting, &name);
                self.torn_down = plan.part();
                self.planned = Some(Planned::Down { plan, delete_data });
                vec![Ask::open(Overlay::question(Pane::Stack, "tear down", dialog))]
            }
            Outcome::Link(link) => vec![Ask::CopySecret {
                link,
                what: "the link into the notebook, good for 5 minutes: whoever has it is in".to_owned(),
            }],
            Outcome::Ran(ran) => {
                let told = question::how_it_ended(&ran);
                self.ran(desk.now, ran);
                // There may be a bucket now, or none any more.
                vec![Ask::Of(Pane::Lake, Action::Refresh), Ask::open(Overlay::told(told))]
            }
        }
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
        match slot {
            Slot::Survey => {
                self.asked = Some(desk.now);
                self.trouble = Some(trouble.clone());
            }
            Slot::Run => self.running.clear(),
            Slot::Plan => {}
        }
        Vec::new()
    }

    fn told(&mut self, slot: Slot, report: Report, desk: &Desk) {
        if report.kind == "aws" {
            self.slowed = Some((desk.now, report.text));
            return;
        }
        if slot != Slot::Run {
            return;
        }
        self.running.insert(report.kind, report.clone());
        self.events.push_back((desk.now, report));
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    fn arrived(&mut self, _slot: Slot, _items: Vec<Item>, _dropped: u64, _desk: &Desk) {}
}
