//! The Flow pane: the pipeline as a drawing, and what needs attention.
//!
//! A station is a function of the whole state. One that is not built yet says so in its place; when its room gets a
//! pane, its function here is the only thing to change.

use crate::console::action::Action;
use crate::console::app::{App, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::Slot;
use crate::console::pane::stack::session_trouble;
use crate::console::theme::{Role, Signs};
use crate::console::widget::bars;
use crate::stack::graph::Kind;
use crate::stack::status::{ResourceState, StackState};

/// How a station stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nobody knows: its room is not built, or nothing was read yet.
    Unknown,
    /// It is not there.
    Absent,
    /// It is on its way.
    Working,
    /// It works.
    Ready,
    /// It is there and not as it should be.
    Drifted,
    /// It is broken.
    Failed,
}

/// A station of the pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Station {
    /// Its name.
    pub title: &'static str,
    /// How it stands.
    pub state: State,
    /// The one thing that matters about it.
    pub number: String,
    /// Its last values, the newest at the end.
    pub trend: Vec<Option<f64>>,
    /// What flows out of it: a rate, if one is known.
    pub flow: Option<String>,
}

impl Station {
    fn unknown(title: &'static str, why: &str) -> Self {
        Self { title, state: State::Unknown, number: why.to_owned(), trend: Vec::new(), flow: None }
    }
}

/// The stations, from source to words.
pub fn stations(app: &App) -> [Station; 6] {
    [
        Station::unknown("Source", "not built"),
        Station::unknown("Streamer", "not built"),
        of_resource(app, "Firehose", Kind::DeliveryStream),
        of_resource(app, "Lake", Kind::Bucket),
        Station::unknown("Combined", "not built"),
        Station::unknown("Topics", "not built"),
    ]
}

fn of_resource(app: &App, title: &'static str, kind: Kind) -> Station {
    let resource =
        app.stack.last.as_ref().and_then(|(_, surveyed)| {
            surveyed.status.resources.iter().find(|resource| resource.kind == kind)
        });
    let Some(resource) = resource else { return Station::unknown(title, "not read yet") };
    let (state, words) = match resource.state {
        ResourceState::Absent => (State::Absent, "absent"),
        ResourceState::Creating => (State::Working, "being made"),
        ResourceState::Ready => (State::Ready, "ready"),
        ResourceState::Drifted => (State::Drifted, "drifted"),
        ResourceState::Deleting => (State::Working, "being deleted"),
        ResourceState::Failed => (State::Failed, "failed"),
    };
    Station { title, state, number: words.to_owned(), trend: Vec::new(), flow: None }
}

/// Something that needs the operator, and the action that mends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attention {
    /// In a sentence.
    pub text: String,
    /// How bad it is.
    pub role: Role,
    /// What helps, and where.
    pub action: Option<Action>,
}

/// What needs attention, the most urgent first.
pub fn attention(app: &App) -> Vec<Attention> {
    let mut list = Vec::new();
    if let Some(trouble) = session_trouble(app) {
        list.push(Attention {
            text: trouble.sentence.clone(),
            role: Role::Bad,
            action: Some(Action::Refresh),
        });
    }
    if let Some(problem) = app.problems.last().filter(|_| session_trouble(app).is_none()) {
        list.push(Attention {
            text: problem.sentence.clone(),
            role: Role::Bad,
            action: Some(Action::Problem),
        });
    }
    if app.tasks.runs(Slot::Run) {
        let text = "the stack is being changed".to_owned();
        list.push(Attention { text, role: Role::Warn, action: Some(Action::Tasks) });
    }
    let Some((_, surveyed)) = &app.stack.last else { return list };
    let (text, role) = match surveyed.status.state {
        StackState::Absent => ("nothing of the stack is there: create it in the Stack pane", Role::Text),
        StackState::Partial => ("not all of the stack is there", Role::Warn),
        StackState::Drifted => ("the stack is not as hydrant left it", Role::Warn),
        StackState::Ready => return list,
    };
    list.push(Attention { text: text.to_owned(), role, action: Some(Action::Stack) });
    list
}

/// Cells of a station's box.
const BOX: u16 = 13;
const HIGH: u16 = 5;

pub(in crate::console) fn draw(app: &App, canvas: &mut Canvas<'_>) {
    let stations = stations(app);
    let (width, height) = (canvas.width(), canvas.height());
    let count = u16::try_from(stations.len()).unwrap_or(1);
    // One row of boxes where there is room for pipes between them, else two.
    let per_row = if width >= count * (BOX + 3) { count } else { count / 2 };
    let step = width / per_row;
    let rows = count.div_ceil(per_row);
    let gap = if height > 20 { 2 } else { 1 };
    for (index, station) in (0..count).zip(&stations) {
        let (column, row) = (index % per_row, index / per_row);
        let (x, y) = (column * step, 1 + row * (HIGH + gap));
        let wide = (step - 3).min(26);
        station_box(&mut canvas.part(x, y, wide, HIGH), station);
        if index + 1 < count {
            pipe(canvas, x + wide, y + 2, step.saturating_sub(wide), station);
        }
    }
    let below = 2 + rows * (HIGH + gap);
    needs(app, &mut canvas.part(1, below, width.saturating_sub(2), height.saturating_sub(below)));
}

fn sign(signs: &Signs, state: State) -> (&'static str, Role) {
    match state {
        State::Unknown => (signs.unknown, Role::Faint),
        State::Absent => (signs.absent, Role::Faint),
        State::Working => (signs.working, Role::Warn),
        State::Ready => (signs.ready, Role::Good),
        State::Drifted => (signs.drifted, Role::Warn),
        State::Failed => (signs.failed, Role::Bad),
    }
}

fn station_box(canvas: &mut Canvas<'_>, station: &Station) {
    let (sign, role) = sign(&canvas.signs(), station.state);
    let known = station.state != State::Unknown;
    canvas.frame("", if station.state == State::Failed { Role::Bad } else { Role::Faint });
    let width = canvas.width();
    canvas.line(
        2,
        1,
        &[(sign, role), (" ", role), (station.title, if known { Role::Strong } else { Role::Faint })],
    );
    canvas.part(2, 2, width.saturating_sub(3), 1).put(
        0,
        0,
        &station.number,
        if known { role } else { Role::Faint },
    );
    bars::sparkline(canvas, 2, 3, width.saturating_sub(4), &station.trend, Role::Accent);
}

fn pipe(canvas: &mut Canvas<'_>, x: u16, y: u16, length: u16, station: &Station) {
    let signs = canvas.signs();
    let line = signs.rule.repeat(usize::from(length.saturating_sub(1)));
    let role = if station.flow.is_some() { Role::Accent } else { Role::Faint };
    canvas.line(x, y, &[(&line, role), (signs.arrow, role)]);
    if let Some(flow) = &station.flow {
        canvas.part(x, y.saturating_sub(1), length, 1).put(0, 0, flow, Role::Text);
    }
}

fn needs(app: &App, canvas: &mut Canvas<'_>) {
    canvas.put(0, 0, "Needs attention", Role::Strong);
    let list = attention(app);
    if list.is_empty() {
        let words = match app.session {
            Session::Connecting => "Signing in…",
            _ if app.stack.last.is_none() => "Reading the stack…",
            _ => "Nothing.",
        };
        canvas.put(0, 1, words, Role::Faint);
        return;
    }
    let mut y = 1;
    for item in list {
        if y >= canvas.height() {
            break;
        }
        let key = item
            .action
            .and_then(|action| app.keymap.shown(action))
            .map(|key| key.to_string())
            .unwrap_or_default();
        canvas.put(0, y, &key, Role::Key);
        let width = canvas.width().saturating_sub(4);
        y += canvas.part(4, y, width, 3).paragraph(0, &item.text, item.role);
    }
}
