//! How the Stack pane is drawn: the table, and beside or under it the resource that is chosen.

use jiff::{SignedDuration, Timestamp};

use super::StackPane;
use crate::console::action::Action;
use crate::console::app::{Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::stack::{Property, Slot};
use crate::console::event::Size;
use crate::console::pane::flow::{instead, session_trouble};
use crate::console::theme::{Role, Signs};
use crate::console::widget::bars;
use crate::console::widget::table::{self, Column, Width};
use crate::console::words;
use crate::progress::Phase;
use crate::stack::graph::{Kind, Part};
use crate::stack::status::{ResourceState, StackState};

/// From this width on, details stand at the right; below it, under the table.
const WIDE: u16 = 150;
/// Cells that the table needs to give way with nothing but ids.
const NEEDED: u16 = 106;

/// Cells of the line that fills while a run goes on.
const PROGRESS: u16 = 14;

/// Cells at the right that say when the stack was read, at least.
const READ: u16 = 16;

/// A read that takes longer is said with its time: what is shown may be so no more.
const SLOW: SignedDuration = SignedDuration::from_secs(10);

/// Rows of the pane above the table: the summary, and the filter's line.
pub(super) const TABLE: u16 = 2;

pub(super) const COLUMNS: [Column; 7] = [
    Column { title: "state", width: Width::Fixed(10), right: false, rank: 0 },
    Column { title: "resource", width: Width::Fixed(17), right: false, rank: 0 },
    Column { title: "name", width: Width::Share(40), right: false, rank: 0 },
    Column { title: "id", width: Width::Share(12), right: false, rank: 3 },
    Column { title: "age", width: Width::Fixed(6), right: true, rank: 2 },
    Column { title: "cost", width: Width::Fixed(7), right: false, rank: 2 },
    Column { title: "", width: Width::Share(12), right: false, rank: 1 },
];

/// How many rows of the table are seen.
pub(super) fn seen(area: Size) -> usize {
    usize::from(table_area(area).height.saturating_sub(1)).max(1)
}

/// The size of the table in a pane.
pub(super) fn table_area(area: Size) -> Size {
    Size { width: table_width(area.width), height: table_height(area.width, area.height) }
}

fn table_width(pane: u16) -> u16 {
    if pane >= WIDE { (pane * 3 / 5).max(NEEDED) } else { pane }
}

fn table_height(width: u16, pane: u16) -> u16 {
    let below = pane.saturating_sub(TABLE);
    if width >= WIDE { below } else { below.min(12) }
}

/// Draws the pane.
pub(super) fn draw(pane: &StackPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    summary(pane, desk, canvas);
    let (width, height) = (canvas.width(), canvas.height());
    if pane.read().is_none() {
        return nothing_yet(
            pane,
            desk,
            &mut canvas.part(1, 2, width.saturating_sub(2), height.saturating_sub(2)),
        );
    }
    let Size { width: wide, height: high } = table_area(Size { width, height });
    let (all, shown) = (pane.read().map_or(0, |(_, read)| read.status.resources.len()), pane.rows().len());
    pane.filter.draw(canvas, 1, &format!("{shown} of {all}"));
    resources(pane, desk.now, &mut canvas.part(0, 2, wide, high));
    if width >= WIDE {
        details(pane, desk, &mut canvas.part(wide + 3, 2, width - wide - 4, height - 2));
        for y in 2..height {
            let upright = canvas.signs().upright;
            canvas.put(wide + 1, y, upright, Role::Faint);
        }
    } else {
        canvas.part(0, 2 + high, width, 1).rule(0);
        details(
            pane,
            desk,
            &mut canvas.part(2, 3 + high, width.saturating_sub(4), height.saturating_sub(3 + high)),
        );
    }
}

fn summary(pane: &StackPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    let Some((at, surveyed)) = pane.read() else { return };
    let status = &surveyed.status;
    let changing = desk.tasks.runs(Slot::Run);
    let is_notebook = surveyed.part == Part::Notebook;
    let (words, role) = match status.state {
        // What was read before the run began says nothing now.
        _ if changing => ("the stack is being changed", Role::Warn),
        StackState::Absent if is_notebook => ("nothing of the notebook is there", Role::Faint),
        StackState::Partial if is_notebook => ("not all of the notebook is there", Role::Warn),
        StackState::Ready if is_notebook => ("the notebook is as it should be", Role::Good),
        StackState::Absent => ("nothing of the stack is there", Role::Faint),
        StackState::Partial => ("not all of the stack is there", Role::Warn),
        StackState::Ready => ("everything is as it should be", Role::Good),
        StackState::Drifted => ("something is not as hydrant left it", Role::Warn),
    };
    let (read, stale) = when_read(pane, desk, *at);
    let role = if stale { Role::Warn } else { role };
    let sign = match status.state {
        _ if changing => signs.working,
        _ if stale => signs.unknown,
        StackState::Absent => signs.absent,
        StackState::Partial => signs.working,
        StackState::Ready => signs.ready,
        StackState::Drifted => signs.drifted,
    };
    let x = canvas.line(1, 0, &[(sign, role), (" ", role), (words, role)]);
    let width = canvas.width();
    let taken = u16::try_from(crate::text::width(&read)).unwrap_or(u16::MAX).saturating_add(1);
    let begin = width.saturating_sub(taken.max(READ));
    if changing {
        let (done, of) = pane.progress();
        bars::progress(canvas, x + 3, 0, PROGRESS, done as u64, of as u64);
        canvas.put(x + 3 + PROGRESS + 1, 0, &format!("{done} of {of}"), Role::Text);
    } else if status.state == StackState::Absent {
        let create = desk.keymap.shown(Action::Create).map(|key| key.to_string()).unwrap_or_default();
        canvas.line(x, 0, &[(": ", Role::Faint), (&create, Role::Key), (" creates it", Role::Faint)]);
    } else {
        // What it is made of is for the commands; here it is the sum that matters.
        let estimate = status.estimate.to_string();
        let sum = estimate.split([':', '\n']).next().unwrap_or_default();
        let by_hour = sum.split(',').next().unwrap_or_default();
        let bare = by_hour.trim_start_matches("costs ");
        let room = begin.saturating_sub(x + 3);
        let fits = |sum: &&str| crate::text::width(sum) <= usize::from(room);
        let shown = [sum, by_hour, bare].into_iter().find(fits).unwrap_or_default();
        canvas.put(x + 3, 0, shown, Role::Faint);
    }
    if pane.filter.is_empty() && !pane.filter.is_typing() {
        if desk.tasks.runs(Slot::Plan) {
            let back = desk.key(Action::Back);
            let cancels =
                [("planning what to do… ", Role::Text), (&back, Role::Key), (" cancels", Role::Faint)];
            canvas.line(1, 1, &cancels);
        } else {
            canvas.put(1, 1, pane.slowed(desk.now).unwrap_or_default(), Role::Warn);
        }
    }
    let role = if stale { Role::Warn } else { Role::Faint };
    canvas.part(begin, 0, width - begin, 1).put_right(width - begin - 1, 0, &read, role);
}

/// When the stack was read, in words, and whether nobody knows any more that it is so.
fn when_read(pane: &StackPane, desk: &Desk, at: Timestamp) -> (String, bool) {
    let ago = match words::since(at, desk.now).as_str() {
        "now" => "now".to_owned(),
        time => format!("{time} ago"),
    };
    if pane.trouble.is_some() {
        return (format!("could not be read again; as of {ago}"), true);
    }
    match desk.tasks.running().find(|task| task.slot == Slot::Survey.into()) {
        Some(task) if desk.now.duration_since(task.began) < SLOW => ("reading…".to_owned(), false),
        Some(task) => (format!("as of {ago}; reading, {}", words::lasted(task.began, desk.now)), true),
        None => (format!("read {ago}"), false),
    }
}

fn nothing_yet(pane: &StackPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if let Some(trouble) = session_trouble(desk).or(pane.trouble.as_ref()) {
        return instead(canvas, desk, trouble);
    }
    let words = match desk.session {
        Session::Connecting => "Signing in: asking AWS whose account this is…",
        _ => pane.reading(),
    };
    canvas.put(0, 0, words, Role::Faint);
    canvas.put(0, 1, pane.slowed(desk.now).unwrap_or_default(), Role::Warn);
    canvas.line(0, 3, &[(&desk.key(Action::Back), Role::Key), (" cancels", Role::Faint)]);
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

/// A resource's state in a word.
pub(super) fn state_word(state: ResourceState) -> &'static str {
    state_of(&Signs::UNICODE, state).1
}

/// By what a resource is charged for.
pub(super) fn cost_class(kind: Kind) -> &'static str {
    match kind {
        Kind::Bucket
        | Kind::LogGroup
        | Kind::LogStream
        | Kind::DeliveryStream
        | Kind::NotebookFile
        | Kind::NotebookLogs => "by use",
        Kind::Instance | Kind::Notebook => "by hour",
        _ => "free",
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

fn resources(pane: &StackPane, now: Timestamp, canvas: &mut Canvas<'_>) {
    let rows = pane.rows();
    let signs = canvas.signs();
    table::draw(canvas, &COLUMNS, &pane.table, rows.len(), |index| {
        let Some(resource) = rows.get(index) else { return Vec::new() };
        let (sign, state, role) = state_of(&signs, resource.state);
        // While a run is on, what it says of a resource is newer than what was read.
        let (first, note) = match pane.running.get(resource.kind.name()) {
            Some(report) => {
                let (sign, role) = phase_of(&signs, report.phase);
                ((format!("{sign} {}", phase_word(report.phase)), role), (report.text.clone(), role))
            }
            None => ((format!("{sign} {state}"), role), (resource.detail.clone(), Role::Faint)),
        };
        vec![
            first,
            // In the notebook's stack, that it is the notebook's goes without saying.
            (resource.kind.name().trim_start_matches("notebook-").to_owned(), Role::Text),
            (resource.name.clone(), Role::Text),
            (resource.id.clone().filter(|id| *id != resource.name).unwrap_or_default(), Role::Faint),
            (resource.made.map(|made| words::since(made, now)).unwrap_or_default(), Role::Faint),
            (cost_class(resource.kind).to_owned(), Role::Faint),
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

fn details(pane: &StackPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let Some(resource) = pane.chosen() else { return };
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
    y = properties(pane, canvas, resource.kind, y);
    events(pane, canvas, resource.kind, y);
    if y > canvas.height() + 1 {
        let last = canvas.height().saturating_sub(1);
        let width = canvas.width();
        let open = desk.keymap.shown(Action::Open).map(|key| key.to_string()).unwrap_or_default();
        canvas.part(width.saturating_sub(20), last, 20, 1).put_right(
            20,
            0,
            &format!("{open}: all of it"),
            Role::Faint,
        );
    }
}

fn properties(pane: &StackPane, canvas: &mut Canvas<'_>, kind: Kind, from: u16) -> u16 {
    let none = Vec::new();
    let properties: &Vec<Property> =
        pane.read().and_then(|(_, surveyed)| surveyed.properties.get(&kind)).unwrap_or(&none);
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

fn events(pane: &StackPane, canvas: &mut Canvas<'_>, kind: Kind, from: u16) {
    let told = pane.events.iter().rev().filter(|(_, report)| report.kind == kind.name());
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
