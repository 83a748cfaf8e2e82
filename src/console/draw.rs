//! The frame around the panes: header, tabs, footer, and what lies on top. A function of the state.

use ratatui::buffer::Buffer;

use super::action::{Action, Scope};
use super::app::{App, Session};
use super::canvas::Canvas;
use super::overlay::role_of;
use super::pane::Pane;
use super::theme::Role;
use super::welcome;

/// The smallest terminal that everything is usable in.
pub const SMALLEST: (u16, u16) = (80, 24);

/// Rows of the frame above and below a pane.
pub(super) const ABOVE: u16 = 3;
pub(super) const BELOW: u16 = 2;

/// Draws the whole screen.
pub fn draw(app: &App, buffer: &mut Buffer) {
    let mut canvas = Canvas::new(buffer, &app.desk.look);
    canvas.clear();
    if canvas.width() < SMALLEST.0 || canvas.height() < SMALLEST.1 {
        return too_small(app, &mut canvas);
    }
    header(app, &mut canvas);
    tabs(app, &mut canvas);
    canvas.rule(ABOVE - 1);
    let (width, height) = (canvas.width(), canvas.height());
    let mut pane = canvas.part(1, ABOVE, width - 2, height - ABOVE - BELOW);
    match &app.desk.session {
        Session::Unset(missing) => welcome::draw(missing, &app.desk, &mut pane),
        _ => app.panes.get(app.desk.pane).draw(app, &mut pane),
    }
    canvas.rule(height - BELOW);
    footer(app, &mut canvas);
    let (top, high) = overlays(height);
    let mut middle = canvas.part(0, top, width, high);
    for overlay in &app.overlays {
        overlay.draw(app, &mut middle);
    }
}

/// The first row of what overlays are drawn in, and its height, on a screen of some height.
pub fn overlays(height: u16) -> (u16, u16) {
    let top = ABOVE - 1;
    (top, height.saturating_sub(top + BELOW - 1))
}

fn too_small(app: &App, canvas: &mut Canvas<'_>) {
    let (width, height) = SMALLEST;
    let here = format!("This terminal has {}×{}.", canvas.width(), canvas.height());
    let y = canvas.paragraph(0, &format!("hydrant needs {width}×{height}. {here}"), Role::Text);
    if app.desk.tasks.work().next().is_some() {
        let leaves = app.desk.key(Action::QuitNow);
        canvas.paragraph(y + 1, &format!("Something goes on here: {leaves}, twice, leaves it."), Role::Warn);
    }
}

fn header(app: &App, canvas: &mut Canvas<'_>) {
    let dot = format!(" {} ", canvas.signs().dot);
    let signs = canvas.signs();
    // From the right: what is always seen. What stands at the left ends before it.
    let time = app.desk.now.strftime("%H:%M UTC").to_string();
    let tasks = app.desk.tasks.work().count();
    let mut right = canvas.width() - 1;
    let mut at_right = |text: String, role: Role, canvas: &mut Canvas<'_>| {
        canvas.put_right(right, 0, &text, role);
        right = right.saturating_sub(u16::try_from(crate::text::width(&text)).unwrap_or(0) + 2);
    };
    at_right(time, Role::Faint, canvas);
    if tasks > 0 {
        at_right(format!("{} {tasks}", signs.task), Role::Warn, canvas);
    }
    if !app.desk.problems.is_empty() {
        at_right(format!("{} {}", signs.problem, app.desk.problems.len()), Role::Bad, canvas);
    }
    let canvas = &mut canvas.part(0, 0, right, 1);
    let mut x = canvas.line(1, 0, &[("hydrant", Role::Accent), ("  ", Role::Text)]);
    let faint = |text: &'static str| (text.to_owned(), Role::Faint);
    let who: Vec<(String, Role)> = match &app.desk.session {
        Session::Connected(identity) => vec![
            (identity.stack.clone(), Role::Strong),
            (identity.region.clone(), Role::Text),
            (identity.account.clone(), Role::Text),
        ],
        Session::Connecting => vec![faint("signing in…")],
        Session::Failed(_) => vec![("not signed in".to_owned(), Role::Bad)],
        Session::Unset(_) => vec![faint("no settings yet")],
    };
    for (text, role) in who {
        x = canvas.line(x, 0, &[(&text, role), (&dot, Role::Faint)]);
    }
    x = canvas.put(x, 0, &app.desk.target.words, if app.desk.target.real { Role::Bad } else { Role::Good });
    if app.desk.readonly {
        canvas.line(x, 0, &[(&dot, Role::Faint), ("read-only", Role::Warn)]);
    }
}

/// Where each tab begins, and how wide it is.
fn tab_places() -> impl Iterator<Item = (Pane, u16, u16)> {
    let mut x = 1;
    Pane::ALL.into_iter().map(move |pane| {
        // A digit, a space, the title.
        let width = u16::try_from(pane.title().len()).unwrap_or(0) + 2;
        let place = (pane, x, width);
        x += width + 3;
        place
    })
}

/// The pane whose tab is at a cell.
pub(super) fn tab_at(x: u16, y: u16) -> Option<Pane> {
    let at = |(_, start, width): &(Pane, u16, u16)| y == 1 && (*start..start + width).contains(&x);
    tab_places().find(at).map(|(pane, _, _)| pane)
}

fn tabs(app: &App, canvas: &mut Canvas<'_>) {
    for (pane, x, _) in tab_places() {
        let key = app.desk.keymap.shown(pane.action()).map(|key| key.to_string()).unwrap_or_default();
        let chosen = app.desk.pane == pane;
        let (number, title) = if chosen { (Role::Accent, Role::Accent) } else { (Role::Faint, Role::Text) };
        canvas.line(x, 1, &[(&key, number), (" ", Role::Text), (pane.title(), title)]);
    }
}

/// What the footer shows of a pane beside its own actions, and what gives way first where there is no room.
const COMMON: [Action; 4] = [Action::Refresh, Action::Keys, Action::Palette, Action::Quit];
const GIVES_WAY: [Action; 7] = [
    Action::SortBackwards,
    Action::Wrap,
    Action::Copy,
    Action::Sort,
    Action::Refresh,
    Action::Palette,
    Action::Quit,
];

/// The actions whose keys work right now and are worth a hint. `n` and `N` are said where something was found, `[` and
/// `]` beside what they move.
fn hints(app: &App) -> Vec<Action> {
    // What lies on top says its own keys.
    if !app.overlays.is_empty() {
        return vec![Action::QuitNow];
    }
    if matches!(app.desk.session, Session::Unset(_)) {
        return vec![Action::Refresh, Action::Keys, Action::Quit];
    }
    let pane = app.panes.get(app.desk.pane);
    let is_own = |action: &Action| match action.spec().scope {
        Scope::Pane(pane) => pane == app.desk.pane,
        Scope::Habit => pane.habits().contains(action),
        Scope::Everywhere => false,
    };
    let quiet = [Action::Next, Action::Previous, Action::TopicsParticular, Action::TopicsFrequent];
    let own = Action::ALL.iter().copied().filter(is_own).filter(|action| !quiet.contains(action));
    own.chain(COMMON).collect()
}

fn footer(app: &App, canvas: &mut Canvas<'_>) {
    let row = canvas.height() - 1;
    if app.overlays.is_empty() && app.panes.get(app.desk.pane).is_typing() {
        let keys =
            [("enter", Role::Key), (" keep   ", Role::Text), ("esc", Role::Key), (" clear", Role::Text)];
        canvas.line(1, row, &keys);
        return;
    }
    let message = message(app, canvas);
    let key = |action: Action| app.desk.keymap.shown(action).map(|key| key.to_string());
    let wide = |action: &Action| {
        key(*action)
            .map_or(0, |key| crate::text::width(&key) + 1 + crate::text::width(action.spec().short) + 3)
    };
    let mut hints = hints(app);
    // What has to be said needs the room more than keys do, and most of all those that are the same everywhere.
    let width = usize::from(canvas.width());
    let said = message.as_ref().map_or(0, |(text, _)| crate::text::width(text) + 3);
    let room = (width.saturating_sub(1) - said.min(width - 1)).max(width / 4);
    let fit = |hints: &[Action]| hints.iter().map(wide).sum::<usize>() <= room;
    for spare in GIVES_WAY {
        if fit(&hints) {
            break;
        }
        hints.retain(|action| *action != spare);
    }
    while !fit(&hints) {
        // What cannot be done now gives way before what can, and the way to all keys stays.
        let hindered = hints.iter().rposition(|action| app.hindrance(*action).is_some());
        let spare = hindered.or_else(|| hints.iter().rposition(|action| *action != Action::Keys));
        match spare {
            Some(spare) => hints.remove(spare),
            None => break,
        };
    }
    let mut x = 1;
    for action in hints {
        let Some(key) = key(action) else { continue };
        let spec = action.spec();
        let hindered = app.hindrance(action).is_some();
        let role = if hindered { Role::Faint } else { role_of(spec.danger) };
        let words = if hindered { Role::Faint } else { Role::Text };
        x = canvas.line(x, row, &[(&key, role), (" ", Role::Text), (spec.short, words), ("   ", Role::Text)]);
    }
    let Some((text, role)) = message else { return };
    let width = canvas.width();
    canvas.part(x, row, width.saturating_sub(x + 1), 1).put_right(
        width.saturating_sub(x + 1),
        0,
        &text,
        role,
    );
}

/// What the footer has to say: a notice, or else the newest error that was not read.
fn message(app: &App, canvas: &Canvas<'_>) -> Option<(String, Role)> {
    if let Some(notice) = &app.desk.notice {
        return Some((notice.text.clone(), Role::Text));
    }
    let problem = app.desk.problems.last()?;
    let key = app.desk.keymap.shown(Action::Problem).map(|key| key.to_string()).unwrap_or_default();
    Some((format!("{} {key}: {}", canvas.signs().failed, problem.sentence), Role::Bad))
}
