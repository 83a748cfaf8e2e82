//! The Stack pane: resources in the order in which they depend on one another, the chosen one whole, and the run that
//! creates or tears down, line by line, where each resource stands.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::console::action::Action;
use crate::console::app::{App, Session};
use crate::console::canvas::Canvas;
use crate::console::draw::{ABOVE, BELOW};
use crate::console::effect::{Property, Ran, Slot, Surveyed, Trouble};
use crate::console::event::Size;
use crate::console::overlay::order;
use crate::console::theme::{Role, Signs};
use crate::console::widget::table::{self, Column, TableState, Width};
use crate::console::words;
use crate::progress::{Phase, Report};
use crate::stack::graph::Kind;
use crate::stack::status::{ResourceState, ResourceStatus, StackState};

/// What the pane holds.
#[derive(Debug, Clone, Default)]
pub struct StackPane {
    /// The stack as it was last read, and when.
    pub last: Option<(Timestamp, Surveyed)>,
    /// Why it could not be read the last time.
    pub trouble: Option<Trouble>,
    /// When it was last asked for.
    asked: Option<Timestamp>,
    /// Where the operator is.
    pub table: TableState,
    /// What was told, the newest last.
    events: VecDeque<(Timestamp, Report)>,
    /// What the run told last about each kind, while there is one.
    running: BTreeMap<&'static str, Report>,
}

/// Events that are kept.
const EVENTS: usize = 500;

/// From this width on, details stand at the right; below it, under the table.
const WIDE: u16 = 150;

const COLUMNS: [Column; 5] = [
    Column { title: "", width: Width::Fixed(10), right: false, rank: 0 },
    Column { title: "resource", width: Width::Fixed(17), right: false, rank: 0 },
    Column { title: "name", width: Width::Share(34), right: false, rank: 0 },
    Column { title: "id", width: Width::Share(12), right: false, rank: 2 },
    Column { title: "", width: Width::Share(14), right: false, rank: 1 },
];

impl StackPane {
    pub(in crate::console) fn asked(&mut self, now: Timestamp) {
        self.asked = Some(now);
    }

    pub(in crate::console) fn asked_at(&self) -> Option<Timestamp> {
        self.asked
    }

    pub(in crate::console) fn surveyed(&mut self, now: Timestamp, surveyed: Surveyed) {
        // The operator stays on the resource, not on the row.
        let chosen = self.chosen().map(|resource| resource.kind);
        self.last = Some((now, surveyed));
        self.trouble = None;
        let kinds: Vec<Kind> = self.rows().iter().map(|resource| resource.kind).collect();
        if let Some(row) = kinds.iter().position(|kind| Some(*kind) == chosen) {
            self.table.chosen = row;
        }
        self.table.settle(kinds.len());
    }

    pub(in crate::console) fn survey_failed(&mut self, now: Timestamp, trouble: Trouble) {
        self.asked = Some(now);
        self.trouble = Some(trouble);
    }

    pub(in crate::console) fn told(&mut self, now: Timestamp, report: Report) {
        self.running.insert(report.kind, report.clone());
        self.events.push_back((now, report));
        if self.events.len() > EVENTS {
            self.events.pop_front();
        }
    }

    pub(in crate::console) fn ran(&mut self, now: Timestamp, ran: Ran) {
        self.running.clear();
        if let Some(after) = ran.after {
            self.surveyed(now, after);
        }
        self.asked = Some(now);
    }

    /// The resources in the order of the table.
    pub fn rows(&self) -> Vec<&ResourceStatus> {
        let Some((_, surveyed)) = &self.last else { return Vec::new() };
        let mut rows: Vec<&ResourceStatus> = surveyed.status.resources.iter().collect();
        match self.table.sort {
            None => rows.sort_by_key(|resource| order(resource.kind)),
            Some((column, backwards)) => {
                rows.sort_by_key(|resource| match column {
                    0 => resource.state.sign().to_string(),
                    1 => resource.kind.to_string(),
                    2 => resource.name.clone(),
                    3 => resource.id.clone().unwrap_or_default(),
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

    /// What copying gives: the ARN, or else the id.
    pub(in crate::console) fn address(&self) -> Option<String> {
        let chosen = self.chosen()?;
        chosen.arn.clone().or_else(|| chosen.id.clone())
    }

    pub(in crate::console) fn act(&mut self, action: Action, size: Size) {
        let rows = self.rows().len();
        match action {
            Action::Sort => self.table.sort_next(COLUMNS.len()),
            Action::SortBackwards => self.table.reverse(),
            _ => drop(self.table.act(action, rows, seen(size))),
        }
    }

    pub(in crate::console) fn scroll(&mut self, by: i8, size: Size) {
        let rows = self.rows().len();
        self.table.scroll(by, rows, seen(size));
    }

    pub(in crate::console) fn click(&mut self, x: u16, y: u16, size: Size) {
        // Above the first row stand the frame, the summary, an empty row and the head.
        let first = ABOVE + 3;
        let head = first - 1;
        if y == head {
            self.table.sort_next(COLUMNS.len());
        }
        let in_table = x < table_width(size.width.saturating_sub(2)) + 1;
        if let Some(row) = y.checked_sub(first).filter(|_| in_table) {
            let row = self.table.top(seen(size)) + usize::from(row);
            if row < self.rows().len() {
                self.table.chosen = row;
            }
        }
    }
}

/// How many rows of the table are seen.
fn seen(size: Size) -> usize {
    let pane = size.height.saturating_sub(ABOVE + BELOW);
    usize::from(table_height(size.width, pane).saturating_sub(1)).max(1)
}

fn table_width(pane: u16) -> u16 {
    if pane >= WIDE { pane * 3 / 5 } else { pane }
}

fn table_height(width: u16, pane: u16) -> u16 {
    let below = pane.saturating_sub(2);
    if width >= WIDE { below } else { below.min(12) }
}

/// Draws the pane.
pub(in crate::console) fn draw(app: &App, canvas: &mut Canvas<'_>) {
    summary(app, canvas);
    let (width, height) = (canvas.width(), canvas.height());
    if app.stack.last.is_none() {
        return nothing_yet(app, &mut canvas.part(1, 2, width.saturating_sub(2), height.saturating_sub(2)));
    }
    let (wide, high) = (table_width(width), table_height(width + 2, height));
    resources(app, &mut canvas.part(0, 2, wide, high));
    if width >= WIDE {
        details(app, &mut canvas.part(wide + 3, 2, width - wide - 4, height - 2));
        for y in 2..height {
            let upright = canvas.signs().upright;
            canvas.put(wide + 1, y, upright, Role::Faint);
        }
    } else {
        canvas.part(0, 2 + high, width, 1).rule(0);
        details(app, &mut canvas.part(2, 3 + high, width.saturating_sub(4), height.saturating_sub(3 + high)));
    }
}

fn summary(app: &App, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    let Some((at, surveyed)) = &app.stack.last else { return };
    let status = &surveyed.status;
    let changing = app.tasks.runs(Slot::Run);
    let (words, role) = match status.state {
        // What was read before the run began says nothing now.
        _ if changing => ("the stack is being changed", Role::Warn),
        StackState::Absent => ("nothing of the stack is there", Role::Faint),
        StackState::Partial => ("not all of the stack is there", Role::Warn),
        StackState::Ready => ("everything is as it should be", Role::Good),
        StackState::Drifted => ("something is not as hydrant left it", Role::Warn),
    };
    let sign = match status.state {
        _ if changing => signs.working,
        StackState::Absent => signs.absent,
        StackState::Partial => signs.working,
        StackState::Ready => signs.ready,
        StackState::Drifted => signs.drifted,
    };
    let x = canvas.line(1, 0, &[(sign, role), (" ", role), (words, role)]);
    let width = canvas.width();
    // What it is made of is for the commands; here it is the sum that matters.
    let estimate = status.estimate.to_string();
    let sum = estimate.split([':', '\n']).next().unwrap_or_default();
    canvas.part(x + 3, 0, (width * 3 / 4).saturating_sub(x + 3), 1).put(0, 0, sum, Role::Faint);
    let read = if app.tasks.runs(Slot::Survey) {
        "reading…".to_owned()
    } else if app.stack.trouble.is_some() {
        format!("could not be read again; as of {} ago", words::since(*at, app.now))
    } else {
        match words::since(*at, app.now).as_str() {
            "now" => "read now".to_owned(),
            ago => format!("read {ago} ago"),
        }
    };
    let role = if app.stack.trouble.is_some() { Role::Warn } else { Role::Faint };
    let begin = width * 3 / 4;
    canvas.part(begin, 0, width - begin, 1).put_right(width - begin - 1, 0, &read, role);
}

fn nothing_yet(app: &App, canvas: &mut Canvas<'_>) {
    if let Some(trouble) = session_trouble(app).or(app.stack.trouble.as_ref()) {
        let rows = canvas.paragraph(0, &trouble.sentence, Role::Bad);
        canvas.line(
            0,
            rows + 1,
            &[
                ("r", Role::Key),
                (" tries again   ", Role::Text),
                ("e", Role::Key),
                (" shows the causes", Role::Text),
            ],
        );
        return;
    }
    let words = match app.session {
        Session::Connecting => "Signing in: asking AWS whose account this is…",
        _ => "Reading the stack…",
    };
    canvas.put(0, 0, words, Role::Faint);
    canvas.line(0, 2, &[("esc", Role::Key), (" cancels", Role::Faint)]);
}

/// Why there is nothing to show, if signing in failed.
pub(super) fn session_trouble(app: &App) -> Option<&Trouble> {
    match &app.session {
        Session::Failed(trouble) => Some(trouble),
        _ => None,
    }
}

fn state_of(signs: &Signs, state: ResourceState) -> (&'static str, &'static str, Role) {
    match state {
        ResourceState::Absent => (signs.absent, "absent", Role::Faint),
        ResourceState::Creating => (signs.working, "creating", Role::Warn),
        ResourceState::Ready => (signs.ready, "ready", Role::Good),
        ResourceState::Drifted => (signs.drifted, "drifted", Role::Warn),
        ResourceState::Deleting => (signs.working, "deleting", Role::Warn),
        ResourceState::Failed => (signs.failed, "failed", Role::Bad),
    }
}

fn phase_of(signs: &Signs, phase: Phase) -> (&'static str, Role) {
    match phase {
        Phase::Acting => (signs.unknown, Role::Warn),
        Phase::Waiting => (signs.working, Role::Warn),
        Phase::Done => (signs.ready, Role::Good),
        Phase::Failed => (signs.failed, Role::Bad),
        Phase::Skipped => (signs.absent, Role::Faint),
    }
}

fn resources(app: &App, canvas: &mut Canvas<'_>) {
    let rows = app.stack.rows();
    let signs = canvas.signs();
    table::draw(canvas, &COLUMNS, &app.stack.table, rows.len(), |index| {
        let Some(resource) = rows.get(index) else { return Vec::new() };
        let (sign, state, role) = state_of(&signs, resource.state);
        // While a run is on, what it says of a resource is newer than what was read.
        let (first, note) = match app.stack.running.get(resource.kind.name()) {
            Some(report) => {
                let (sign, role) = phase_of(&signs, report.phase);
                ((format!("{sign} {}", phase_word(report.phase)), role), (report.text.clone(), role))
            }
            None => ((format!("{sign} {state}"), role), (resource.detail.clone(), Role::Faint)),
        };
        vec![
            first,
            (resource.kind.to_string(), Role::Text),
            (resource.name.clone(), Role::Text),
            (resource.id.clone().filter(|id| *id != resource.name).unwrap_or_default(), Role::Faint),
            note,
        ]
    });
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Acting => "acting",
        Phase::Waiting => "waiting",
        Phase::Done => "done",
        Phase::Failed => "failed",
        Phase::Skipped => "skipped",
    }
}

fn details(app: &App, canvas: &mut Canvas<'_>) {
    let Some(resource) = app.stack.chosen() else { return };
    let signs = canvas.signs();
    let (sign, state, role) = state_of(&signs, resource.state);
    canvas.line(
        0,
        0,
        &[(&resource.name, Role::Strong), ("  ", Role::Text), (sign, role), (" ", role), (state, role)],
    );
    canvas.put(0, 1, resource.arn.as_deref().or(resource.id.as_deref()).unwrap_or("not there"), Role::Faint);
    let mut y = 3;
    if !resource.detail.is_empty() {
        for part in resource.detail.split("; ") {
            y += canvas.part(0, y, canvas.width(), canvas.height().saturating_sub(y)).paragraph(
                0,
                part,
                Role::Text,
            );
        }
        y += 1;
    }
    y = properties(app, canvas, resource.kind, y);
    events(app, canvas, resource.kind, y);
}

fn properties(app: &App, canvas: &mut Canvas<'_>, kind: Kind, from: u16) -> u16 {
    let none = Vec::new();
    let properties: &Vec<Property> =
        app.stack.last.as_ref().and_then(|(_, surveyed)| surveyed.properties.get(&kind)).unwrap_or(&none);
    let names =
        properties.iter().map(|property| crate::text::width(&property.name)).max().unwrap_or_default();
    let names = u16::try_from(names).unwrap_or(u16::MAX).min(canvas.width() / 3);
    let mut y = from;
    for property in properties {
        canvas.part(0, y, names, 1).put(0, 0, &property.name, Role::Faint);
        let there = property.there.as_deref().unwrap_or("not set");
        let role = if property.wanted.is_some() { Role::Warn } else { Role::Text };
        canvas.put(names + 2, y, there, role);
        if let Some(wanted) = &property.wanted {
            y += 1;
            canvas.line(names + 2, y, &[("should be ", Role::Faint), (wanted, Role::Good)]);
        }
        y += 1;
    }
    y + 1
}

fn events(app: &App, canvas: &mut Canvas<'_>, kind: Kind, from: u16) {
    let told = app.stack.events.iter().rev().filter(|(_, report)| report.kind == kind.name());
    for (y, (at, report)) in (from..canvas.height()).zip(told) {
        let (sign, role) = phase_of(&canvas.signs(), report.phase);
        let time = at.strftime("%H:%M:%S").to_string();
        canvas.line(
            0,
            y,
            &[(&time, Role::Faint), (" ", Role::Text), (sign, role), (" ", role), (&report.text, Role::Text)],
        );
    }
}
