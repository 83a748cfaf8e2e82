//! The Flow pane: the pipeline as a drawing, and what needs attention.
//!
//! A station is what the pane whose business it is says of it ([`PaneState::station`]); one that nobody speaks for is
//! drawn as unknown, in its place.

use super::{Ask, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::Trouble;
use crate::console::event::Size;
use crate::console::theme::{Role, Signs};
use crate::console::widget::bars;

/// What the pane holds.
#[derive(Debug, Default)]
pub struct FlowPane {
    /// The station where the operator is, by its place in the drawing.
    pub chosen: usize,
}

impl PaneState for FlowPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        let last = Place::ALL.len() - 1;
        let row = usize::from(Layout::of(desk.area()).per_row);
        let there = match action {
            Action::Left => self.chosen.saturating_sub(1),
            Action::Right => self.chosen + 1,
            Action::Up if self.chosen >= row => self.chosen - row,
            Action::Down if self.chosen + row <= last => self.chosen + row,
            Action::First => 0,
            Action::Last => last,
            Action::Open => return Some(vec![Ask::Go(Place::ALL.get(self.chosen)?.pane())]),
            Action::Refresh => return Some(refresh_all()),
            _ => return None,
        };
        self.chosen = there.min(last);
        Some(Vec::new())
    }

    fn click(&mut self, x: u16, y: u16, desk: &Desk) -> Vec<Ask> {
        let Some(station) = Layout::of(desk.area()).at(x, y) else { return Vec::new() };
        if self.chosen == station {
            return Place::ALL.get(station).map(|place| Ask::Go(place.pane())).into_iter().collect();
        }
        self.chosen = station;
        Vec::new()
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        draw(self, app, canvas);
    }
}

fn refresh_all() -> Vec<Ask> {
    let of = |pane| Ask::Of(pane, Action::Refresh);
    Pane::ALL.into_iter().filter(|pane| *pane != Pane::Flow).map(of).collect()
}
/// A place in the pipeline, from source to words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where posts come from.
    Source,
    /// What takes them in and sends them on.
    Streamer,
    /// The delivery stream.
    Firehose,
    /// The bucket's hours.
    Lake,
    /// The combined hours.
    Combined,
    /// Topic models.
    Topics,
}

impl Place {
    /// Every place, in the order in which posts pass them.
    pub const ALL: [Self; 6] =
        [Self::Source, Self::Streamer, Self::Firehose, Self::Lake, Self::Combined, Self::Topics];

    /// As the drawing names it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::Streamer => "Streamer",
            Self::Firehose => "Firehose",
            Self::Lake => "Lake",
            Self::Combined => "Combined",
            Self::Topics => "Topics",
        }
    }

    /// The pane whose business it is.
    pub const fn pane(self) -> Pane {
        match self {
            Self::Source | Self::Streamer => Pane::Stream,
            Self::Firehose => Pane::Stack,
            Self::Lake | Self::Combined => Pane::Lake,
            Self::Topics => Pane::Topics,
        }
    }
}

/// How a station stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Nobody knows: nothing was read yet.
    #[default]
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
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Station {
    /// How it stands.
    pub state: State,
    /// The one thing that matters about it.
    pub number: String,
    /// What is said after it where there is room for both whole.
    pub more: String,
    /// Its last values, the newest at the end.
    pub trend: Vec<Option<f64>>,
    /// What flows out of it: a rate, if one is known.
    pub flow: Option<String>,
}

impl Station {
    /// One of which nobody knows how it stands, for this reason.
    pub fn unknown(why: &str) -> Self {
        Self { number: why.to_owned(), ..Self::default() }
    }
}

/// How a place of the pipeline stands. A room speaks for its place; where it is silent, the stack says whether there is
/// anything at all.
pub fn station(app: &App, place: Place) -> Station {
    let said = Pane::ALL.into_iter().rev().find_map(|pane| app.panes.get(pane).station(place, &app.desk));
    said.unwrap_or_else(|| Station::unknown("not read"))
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
    let trouble = session_trouble(&app.desk);
    if let Some(trouble) = trouble {
        list.push(Attention {
            text: trouble.sentence.clone(),
            role: Role::Bad,
            action: Some(Action::Refresh),
        });
    }
    if let Some(problem) = app.desk.problems.last().filter(|_| trouble.is_none()) {
        list.push(Attention {
            text: problem.sentence.clone(),
            role: Role::Bad,
            action: Some(Action::Problem),
        });
    }
    let mut of_panes: Vec<Attention> =
        Pane::ALL.into_iter().flat_map(|pane| app.panes.get(pane).attention(&app.desk)).collect();
    of_panes.sort_by_key(|attention| match attention.role {
        Role::Bad => 0,
        Role::Warn => 1,
        _ => 2,
    });
    list.extend(of_panes);
    list
}

/// What is left to be done for the pipeline to run whole, where nothing needs attention: in the order of the drawing.
fn next_steps(app: &App) -> Vec<Attention> {
    let stands = |place| station(app, place).state;
    let mut steps = Vec::new();
    let mut step = |text: &str, action| {
        steps.push(Attention { text: text.to_owned(), role: Role::Text, action: Some(action) });
    };
    if stands(Place::Firehose) == State::Ready && stands(Place::Streamer) == State::Absent {
        step("the stream does not run: start it in the Stream pane", Action::Stream);
    }
    if stands(Place::Combined) == State::Ready && stands(Place::Topics) == State::Absent {
        step("hours are combined and no topics fitted: fit them in the Topics pane", Action::Topics);
    }
    steps
}

/// Why there is nothing to show, if signing in failed.
pub(super) fn session_trouble(desk: &Desk) -> Option<&Trouble> {
    match &desk.session {
        Session::Failed(trouble) => Some(trouble),
        _ => None,
    }
}

/// What stands in place of something that could not be read.
pub(super) fn instead(canvas: &mut Canvas<'_>, desk: &Desk, trouble: &Trouble) {
    let rows = canvas.paragraph(0, &trouble.sentence, Role::Bad);
    let (again, whole) = (desk.key(Action::Refresh), desk.key(Action::Problem));
    let mut pieces = vec![(again.as_str(), Role::Key), (" tries again   ", Role::Text)];
    // Once it was read there is nothing behind that key.
    if desk.problems.iter().any(|problem| problem.sentence == trouble.sentence) {
        pieces.extend([(whole.as_str(), Role::Key), (" shows the causes", Role::Text)]);
    }
    canvas.line(0, rows + 1, &pieces);
}

/// Cells of a station's box.
const BOX: u16 = 13;
const HIGH: u16 = 5;
/// Stations of the drawing.
const STATIONS: u16 = 6;

/// Where the stations stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Stations in a row.
    per_row: u16,
    /// Cells from one station to the next.
    step: u16,
    /// Rows from one row of stations to the next.
    high: u16,
    /// Cells of a station.
    wide: u16,
}

impl Layout {
    fn of(area: Size) -> Self {
        // One row of boxes where there is room for pipes between them, else two.
        let per_row = if area.width >= STATIONS * (BOX + 3) { STATIONS } else { STATIONS / 2 };
        let step = area.width / per_row;
        Self {
            per_row,
            step,
            high: HIGH + if area.height > 20 { 2 } else { 1 },
            // A pipe has room for its rate where the stations can spare it.
            wide: step.saturating_sub(9).clamp(BOX + 1, 26).min(step.saturating_sub(3)),
        }
    }

    fn place(self, station: u16) -> (u16, u16) {
        (station % self.per_row * self.step, 1 + station / self.per_row * self.high)
    }

    fn at(self, x: u16, y: u16) -> Option<usize> {
        let holds = |station: &u16| {
            let (left, top) = self.place(*station);
            (left..left + self.wide).contains(&x) && (top..top + HIGH).contains(&y)
        };
        (0..STATIONS).find(holds).map(usize::from)
    }
}

fn draw(pane: &FlowPane, app: &App, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let layout = Layout::of(Size { width, height });
    for (index, place) in (0..STATIONS).zip(Place::ALL) {
        let station = station(app, place);
        let (x, y) = layout.place(index);
        let chosen = pane.chosen == usize::from(index);
        station_box(&mut canvas.part(x, y, layout.wide, HIGH), place, &station, chosen);
        if index + 1 < STATIONS {
            pipe(canvas, x + layout.wide, y + 2, layout.step.saturating_sub(layout.wide), &station);
        }
    }
    let below = 2 + STATIONS / layout.per_row * layout.high;
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

fn station_box(canvas: &mut Canvas<'_>, place: Place, station: &Station, chosen: bool) {
    let (sign, role) = sign(&canvas.signs(), station.state);
    let known = station.state != State::Unknown;
    let frame = match (chosen, station.state) {
        (true, _) => Role::Pointer,
        (false, State::Failed) => Role::Bad,
        _ => Role::Faint,
    };
    canvas.frame("", frame);
    let width = canvas.width();
    canvas.line(
        2,
        1,
        &[(sign, role), (" ", role), (place.title(), if known { Role::Strong } else { Role::Faint })],
    );
    let mut line = canvas.part(2, 2, width.saturating_sub(3), 1);
    let x = line.put(0, 0, &station.number, if known { role } else { Role::Faint });
    if !station.more.is_empty() {
        let more = format!(", {}", station.more);
        // What is cut says nothing: it is there whole, or not at all.
        if usize::from(line.width().saturating_sub(x)) >= crate::text::width(&more) {
            line.put(x, 0, &more, role);
        }
    }
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
    let (urgent, steps) = (attention(app), next_steps(app));
    let (heading, list) = if urgent.is_empty() && !steps.is_empty() {
        ("What comes next", steps)
    } else {
        ("Needs attention", urgent)
    };
    canvas.put(0, 0, heading, Role::Strong);
    if list.is_empty() {
        let words = match app.desk.session {
            Session::Connecting => "Signing in…",
            _ if app.panes.stack.last.is_none() => "Reading the stack…",
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
        let key = item.action.map(|action| app.desk.key(action)).unwrap_or_default();
        canvas.put(0, y, &key, Role::Key);
        let width = canvas.width().saturating_sub(4);
        y += canvas.part(4, y, width, 3).paragraph(0, &item.text, item.role);
    }
}
