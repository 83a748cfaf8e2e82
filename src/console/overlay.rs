//! What lies on top of a pane: the keys page, the palette, tasks, an error, plans and questions.

use std::fmt::Write;

use jiff::Timestamp;

use super::action::{Action, Danger, Scope};
use super::app::{App, Desk};
use super::canvas::Canvas;
use super::effect::{Slot, Trouble};
use super::event::Size;
use super::key::Key;
use super::pane::Pane;
use super::tasks::{State, Task, Tasks};
use super::theme::Role;
use super::widget::dialog::{Answer, Confirm, Dialog};
use super::widget::filter::Filter;
use super::widget::input::Input;
use super::widget::table::TableState;
use super::widget::text_view::{self, TextState};
use super::words;

/// Something on top of a pane.
#[derive(Debug, Clone)]
pub struct Overlay(What);

#[derive(Debug, Clone)]
enum What {
    Keys(Reading),
    Palette { input: Input, rows: TableState },
    Tasks(TaskRows),
    Text { title: String, text: String, reading: Reading },
    Told(Dialog),
    Question { pane: Pane, name: &'static str, dialog: Dialog },
    Quit(Dialog),
}

/// What a key did.
#[derive(Debug, Clone, Copy)]
pub enum Turn {
    /// It stays.
    Stays,
    /// It closes.
    Closes,
    /// It closes, and this action is done.
    Acts(Action),
    /// A pane's question is answered.
    Answers {
        /// Whose it is.
        pane: Pane,
        /// Its name.
        name: &'static str,
        /// The answer.
        answer: Answer,
        /// Whether it stays open.
        stays: bool,
    },
    /// It stays, and this task is cancelled.
    Cancels(Slot),
    /// The console ends.
    Quits,
}

/// How high and wide overlays of text are at most.
const WIDEST: u16 = 96;

impl Overlay {
    /// The keys of this pane and of all.
    pub fn keys() -> Self {
        Self(What::Keys(Reading {
            view: TextState { wrap: false, headings: true, ..TextState::default() },
            ..Reading::default()
        }))
    }

    /// Every action by its name.
    pub fn palette() -> Self {
        Self(What::Palette { input: Input::default(), rows: TableState::default() })
    }

    /// What is going on.
    pub fn tasks(tasks: &Tasks) -> Self {
        let mut rows = TaskRows::default();
        rows.point(tasks, 0);
        Self(What::Tasks(rows))
    }

    /// An error with its causes.
    pub fn problem(trouble: Trouble) -> Self {
        let mut text = trouble.sentence;
        for cause in trouble.causes {
            text.push_str("\n\nbecause: ");
            text.push_str(&cause);
        }
        Self::text("Error", text)
    }

    /// A text to read.
    pub fn text(title: impl Into<String>, text: impl Into<String>) -> Self {
        Self(What::Text { title: title.into(), text: text.into(), reading: Reading::default() })
    }

    /// Something to read that asks nothing.
    pub fn told(dialog: Dialog) -> Self {
        Self(What::Told(dialog))
    }

    /// A question of a pane, under a name by which the pane knows it when the answer comes. One of the same name that
    /// is open already is replaced.
    pub fn question(pane: Pane, name: &'static str, dialog: Dialog) -> Self {
        Self(What::Question { pane, name, dialog })
    }

    /// The dialog of a question.
    pub fn dialog(&self) -> Option<&Dialog> {
        match &self.0 {
            What::Question { dialog, .. } => Some(dialog),
            _ => None,
        }
    }

    /// Whether both are the same question.
    pub fn is_same_question(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (What::Question { pane, name, .. }, What::Question { pane: p, name: n, .. }) => {
                (pane, name) == (p, n)
            }
            _ => false,
        }
    }

    /// Asks before what is going on is left.
    pub fn quit(left: &[(&str, &str)]) -> Self {
        let line = |(what, then): &(&str, &str)| {
            [(format!("{what} goes on."), Role::Strong), (format!("  If you quit, {then}."), Role::Text)]
        };
        let body = left.iter().flat_map(line).collect();
        Self(What::Quit(Dialog::new("Quit?", body, Confirm::Enter { does: "quit" })))
    }

    /// What a turn does that must not happen to what nobody has read: a question is confirmed by enter alone, or what is
    /// told is closed. Where something is to be typed, no stray key goes on.
    pub fn ends_unread(&self, turn: Turn) -> Option<&'static str> {
        match (&self.0, turn) {
            (What::Question { dialog, .. }, Turn::Answers { answer: Answer::Confirmed, .. }) => {
                (!matches!(dialog.confirm, Confirm::Typed { .. })).then_some("confirm")
            }
            (What::Told(_), Turn::Closes) => Some("close"),
            _ => None,
        }
    }

    /// Whether it asks about quitting.
    pub fn is_quit(&self) -> bool {
        matches!(self.0, What::Quit(_))
    }

    /// Takes pasted text in.
    pub fn paste(&mut self, text: &str) {
        match &mut self.0 {
            What::Palette { input, .. } => input.paste(text),
            What::Told(dialog) | What::Question { dialog, .. } | What::Quit(dialog) => dialog.paste(text),
            What::Keys(reading) | What::Text { reading, .. } => reading.paste(text),
            What::Tasks(_) => {}
        }
    }

    /// Takes a key; `action` is what the key would do if nothing lay on top.
    pub fn press(&mut self, app: &App, key: Key, action: Option<Action>) -> Turn {
        let seen = tasks_seen(app.desk.size);
        match &mut self.0 {
            What::Palette { input, rows } => press_palette(app, input, rows, key, action),
            What::Keys(reading) => reading.press(&keys_text(app), app.desk.size, key, action),
            What::Text { text, reading, .. } => reading.press(text, app.desk.size, key, action),
            What::Tasks(rows) => press_tasks(app, rows, seen, action),
            What::Told(dialog) | What::Question { dialog, .. } | What::Quit(dialog) => {
                let answer = dialog.press(key, action, room(app.desk.size));
                self.turn(answer)
            }
        }
    }

    /// Turns the wheel so many steps, down being positive: what is seen moves, and what has the keys stays where it is.
    pub fn wheel(&mut self, app: &App, by: i8) {
        let (desk, tasks) = (&app.desk, &app.desk.tasks);
        match &mut self.0 {
            What::Palette { input, rows } => rows.scroll(by, found(app, &input.text()).len(), PALETTE),
            What::Keys(reading) => reading.wheel(&keys_text(app), desk.size, by),
            What::Text { text, reading, .. } => reading.wheel(text, desk.size, by),
            What::Tasks(list) => {
                list.rows = list.now(tasks);
                list.rows.scroll(by, tasks.all().len(), tasks_seen(desk.size));
                list.point(tasks, list.rows.chosen);
            }
            What::Told(dialog) | What::Question { dialog, .. } | What::Quit(dialog) => {
                dialog.scroll(by.into(), room(desk.size));
            }
        }
    }

    /// Takes a click into the room that overlays are drawn in: a row that is clicked is chosen, an action that is chosen
    /// is done. No task is cancelled by a click: a hand that slips must not decide.
    pub fn click(&mut self, app: &App, x: u16, y: u16, room: (u16, u16)) -> Turn {
        match &mut self.0 {
            What::Palette { input, rows } => {
                let actions = found(app, &input.text());
                let window = Window::palette(actions.len(), room);
                let row = window.row(x, y, 2).map(|row| row + rows.top(window.seen(2)));
                let Some(row) = row.filter(|row| *row < actions.len()) else { return Turn::Stays };
                if row == rows.chosen {
                    return done_by(app, actions.get(row));
                }
                rows.chosen = row;
                Turn::Stays
            }
            What::Tasks(list) => {
                let tasks = &app.desk.tasks;
                let window = Window::tasks(tasks.all().len(), room);
                let row = window.row(x, y, 1).map(|row| row / 2);
                let rows = list.now(tasks);
                let row =
                    row.filter(|row| *row < window.seen(3) / 2).map(|row| row + rows.top(window.seen(3) / 2));
                if let Some(row) = row.filter(|row| *row < tasks.all().len()) {
                    list.point(tasks, row);
                }
                Turn::Stays
            }
            What::Told(dialog) | What::Question { dialog, .. } | What::Quit(dialog) => {
                let answer = dialog.click(x, y, room);
                self.turn(answer)
            }
            What::Keys(_) | What::Text { .. } => Turn::Stays,
        }
    }

    /// What an answer of its dialog means.
    fn turn(&self, answer: Answer) -> Turn {
        match (&self.0, answer) {
            (_, Answer::Open) => Turn::Stays,
            (What::Question { pane, name, .. }, answer) => {
                let stays = matches!(answer, Answer::Toggled(_));
                Turn::Answers { pane: *pane, name, answer, stays }
            }
            (_, Answer::Toggled(_)) => Turn::Stays,
            (What::Quit(_), Answer::Confirmed) => Turn::Quits,
            (_, Answer::Cancelled | Answer::Confirmed) => Turn::Closes,
        }
    }

    /// Draws it over the pane.
    pub fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        match &self.0 {
            What::Keys(reading) => {
                let text = keys_text(app);
                reading.draw("Keys", &text, &app.desk, &mut window(canvas, "Keys", 86, canvas.height()));
            }
            What::Text { title, text, reading } => {
                let lines = text.lines().map(|line| line.len() / 70 + 1).sum::<usize>();
                let height = u16::try_from(lines + 6).unwrap_or(u16::MAX);
                reading.draw(title, text, &app.desk, &mut window(canvas, title, WIDEST, height));
            }
            What::Palette { input, rows } => draw_palette(app, canvas, input, rows),
            What::Tasks(rows) => draw_tasks(app, canvas, rows),
            What::Told(dialog) | What::Question { dialog, .. } | What::Quit(dialog) => dialog.draw(canvas),
        }
    }
}

/// A text that is being read: moved in, searched, wrapped or scrolled sideways.
#[derive(Debug, Clone, Default)]
struct Reading {
    view: TextState,
    filter: Filter,
}

/// Rows of a window that are not its text: its frame, and the hints with an empty row above them.
const AROUND: u16 = 4;

impl Reading {
    /// The lines of a text on a screen of this size, and how many of them are seen.
    fn lines(&self, text: &str, size: Size) -> (Vec<String>, usize) {
        let width = usize::from(size.width.min(WIDEST).saturating_sub(6));
        let seen = usize::from(size.height.saturating_sub(AROUND + 4)).max(1);
        (text_view::lines(text, &self.view, width), seen)
    }

    fn wheel(&mut self, text: &str, size: Size, by: i8) {
        let (lines, seen) = self.lines(text, size);
        let action = if by < 0 { Action::Up } else { Action::Down };
        for _ in 0..by.unsigned_abs() {
            self.view.act(action, lines.len(), seen);
        }
    }

    fn press(&mut self, text: &str, size: Size, key: Key, action: Option<Action>) -> Turn {
        let (lines, seen) = self.lines(text, size);
        if self.filter.is_typing() {
            self.filter.key(key);
            self.view.search = self.filter.text();
            self.view.find_here(&lines);
        } else {
            match action {
                Some(Action::Back) if !self.view.search.is_empty() => {
                    self.filter.clear();
                    self.view.search.clear();
                }
                Some(Action::Back | Action::Quit | Action::Open | Action::Keys | Action::Problem) => {
                    return Turn::Closes;
                }
                Some(Action::Wrap) => self.view.toggle_wrap(),
                Some(Action::Filter) => self.filter.open(),
                Some(Action::Next) => self.view.find_next(&lines),
                Some(Action::Previous) => self.view.find_previous(&lines),
                Some(action) => drop(self.view.act(action, lines.len(), seen)),
                None => {}
            }
        }
        self.view.top = self.view.top.min(lines.len().saturating_sub(1));
        Turn::Stays
    }

    fn paste(&mut self, text: &str) {
        if self.filter.is_typing() {
            self.filter.paste(text);
            self.view.search = self.filter.text();
        }
    }

    fn draw(&self, title: &str, text: &str, desk: &Desk, inside: &mut Canvas<'_>) {
        let (width, height) = (inside.width(), inside.height());
        text_view::draw(&mut inside.part(0, 0, width, height.saturating_sub(2)), text, &self.view);
        let last = height.saturating_sub(1);
        if self.filter.is_typing() || !self.filter.is_empty() {
            let (next, before) = (desk.key(Action::Next), desk.key(Action::Previous));
            return self.filter.draw(
                inside,
                last,
                &format!("enter keeps   {next} {before} next   esc clears"),
            );
        }
        let wrap = if self.view.wrap { " scroll sideways   " } else { " wrap lines   " };
        let [back, search, wraps] =
            [Action::Back, Action::Filter, Action::Wrap].map(|action| desk.key(action));
        let mut hints = vec![
            (back.as_str(), Role::Key),
            (" close   ", Role::Faint),
            (search.as_str(), Role::Key),
            (" search   ", Role::Faint),
        ];
        if title != "Keys" {
            hints.extend([(wraps.as_str(), Role::Key), (wrap, Role::Faint)]);
        }
        inside.line(0, last, &hints);
    }
}

/// The room that overlays are drawn in on a screen of this size.
fn room(size: Size) -> (u16, u16) {
    (size.width, super::draw::overlays(size.height).1)
}

/// A window in the middle of a room.
#[derive(Debug, Clone, Copy)]
struct Window {
    corner: (u16, u16),
    size: (u16, u16),
}

impl Window {
    fn of(width: u16, height: u16, room: (u16, u16)) -> Self {
        let size = (width.min(WIDEST).min(room.0), height.min(room.1));
        Self { corner: ((room.0 - size.0) / 2, (room.1 - size.1) / 2), size }
    }

    /// That of the palette, with so many actions.
    fn palette(actions: usize, room: (u16, u16)) -> Self {
        let height = u16::try_from(actions).unwrap_or(u16::MAX).clamp(1, 14) + 4;
        Self::of(84, height, room)
    }

    /// That of the list of so many tasks.
    fn tasks(tasks: usize, room: (u16, u16)) -> Self {
        let height = u16::try_from(tasks * 2).unwrap_or(u16::MAX).saturating_add(5).max(7);
        Self::of(84, height, room)
    }

    /// An empty one; what is drawn into it is inside its frame.
    fn draw<'a>(self, canvas: &'a mut Canvas<'_>, title: &str) -> Canvas<'a> {
        let ((x, y), (width, height)) = (self.corner, self.size);
        {
            let mut frame = canvas.part(x, y, width, height);
            frame.clear();
            frame.frame(title, Role::Pointer);
        }
        canvas.part(x + 3, y + 1, width.saturating_sub(6), height.saturating_sub(2))
    }

    /// Rows inside its frame, but for so many that are not the list's.
    fn seen(self, others: u16) -> usize {
        usize::from(self.size.1.saturating_sub(2 + others))
    }

    /// The row inside its frame that is at a cell, counted from the first of the list, which has so many above it.
    fn row(self, x: u16, y: u16, above: u16) -> Option<usize> {
        let (column, row) = (x.checked_sub(self.corner.0)?, y.checked_sub(self.corner.1 + 1 + above)?);
        let inside = column < self.size.0 && usize::from(row) < self.seen(above);
        inside.then_some(usize::from(row))
    }
}

/// An empty window of this size in the middle; what is drawn into it is inside its frame.
fn window<'a>(canvas: &'a mut Canvas<'_>, title: &str, width: u16, height: u16) -> Canvas<'a> {
    Window::of(width, height, (canvas.width(), canvas.height())).draw(canvas, title)
}

/// Cells of the help beside the keys: what the smallest screen has room for.
const HELP: usize = 53;

fn keys_text(app: &App) -> String {
    let mut text = String::new();
    let here = app.desk.pane;
    let habits = app.panes.get(here).habits();
    let of_pane = |action: &Action| match action.spec().scope {
        Scope::Pane(pane) => pane == here,
        Scope::Habit => habits.contains(action),
        Scope::Everywhere => false,
    };
    let everywhere = |action: &Action| action.spec().scope == Scope::Everywhere;
    for (title, belongs) in
        [(here.title(), &of_pane as &dyn Fn(&Action) -> bool), ("everywhere", &everywhere)]
    {
        let actions: Vec<Action> = Action::ALL.iter().copied().filter(belongs).collect();
        if actions.is_empty() {
            continue;
        }
        writeln!(text, "{title}").expect("a String takes every text");
        for action in actions {
            let keys: Vec<String> = app.desk.keymap.keys(action).iter().map(ToString::to_string).collect();
            let not_now = app.hindrance(action).map(|why| format!(" (not now: {why})")).unwrap_or_default();
            let help = crate::text::wrap(&format!("{}{not_now}", action.spec().help), HELP);
            // The help's further lines stand under its first.
            let heads = std::iter::once(keys.join(" ")).chain(std::iter::repeat(String::new()));
            for (head, line) in heads.zip(help) {
                writeln!(text, "  {head:<18} {line}").expect("a String takes every text");
            }
        }
        text.push('\n');
    }
    text
}

/// The actions that fit what was typed, the best first.
fn found(app: &App, typed: &str) -> Vec<Action> {
    use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
    use nucleo_matcher::{Config, Matcher, Utf32Str};
    let here = |action: &Action| match action.spec().scope {
        Scope::Everywhere => true,
        Scope::Habit => app.panes.get(app.desk.pane).habits().contains(action),
        Scope::Pane(pane) => pane == app.desk.pane,
    };
    let pattern = Pattern::parse(typed, CaseMatching::Ignore, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut room = Vec::new();
    let mut scored: Vec<(u32, Action)> = Action::ALL
        .iter()
        .copied()
        .filter_map(|action| {
            let spec = action.spec();
            let keys: Vec<String> = app.desk.keymap.keys(action).iter().map(ToString::to_string).collect();
            let text = format!("{} {} {}", spec.name, spec.help, keys.join(" "));
            Some((pattern.score(Utf32Str::new(&text, &mut room), &mut matcher)?, action))
        })
        .collect();
    // Of equals, what is valid here stands first, and then the table's order.
    scored.sort_by_key(|(score, action)| (std::cmp::Reverse(*score), !here(action)));
    scored.into_iter().map(|(_, action)| action).collect()
}

/// Rows that a page moves in the palette.
const PALETTE: usize = 12;

fn press_palette(
    app: &App,
    input: &mut Input,
    rows: &mut TableState,
    key: Key,
    action: Option<Action>,
) -> Turn {
    let actions = found(app, &input.text());
    if key == Key::named("esc") {
        return Turn::Closes;
    }
    if key == Key::named("enter") {
        return done_by(app, actions.get(rows.chosen));
    }
    // Letters are typed here: the arrows move, whatever else they are bound to.
    let action = match key {
        key if key == Key::named("up") => Some(Action::Up),
        key if key == Key::named("down") => Some(Action::Down),
        _ => action,
    };
    if input.press(key) {
        rows.chosen = 0;
    } else if let Some(action) = action {
        rows.act(action, actions.len(), PALETTE);
    }
    Turn::Stays
}

/// What choosing an action in the palette does.
fn done_by(app: &App, action: Option<&Action>) -> Turn {
    action.map_or(Turn::Stays, |action| match action.spec().scope {
        // An action of another pane goes there, where it is seen and done.
        Scope::Pane(pane) if pane != app.desk.pane => Turn::Acts(pane.action()),
        _ => Turn::Acts(*action),
    })
}

fn draw_palette(app: &App, canvas: &mut Canvas<'_>, input: &Input, rows: &TableState) {
    let actions = found(app, &input.text());
    let window = Window::palette(actions.len(), (canvas.width(), canvas.height()));
    let mut inside = window.draw(canvas, "Command");
    let x = inside.put(0, 0, ": ", Role::Key);
    input.draw(&mut inside, x, 0);
    let seen = window.seen(2);
    if actions.is_empty() {
        inside.put(2, 2, "no action is called so", Role::Faint);
    }
    for (y, (index, action)) in (2..inside.height()).zip(actions.iter().enumerate().skip(rows.top(seen))) {
        let hindered = app.hindrance(*action);
        let key = app.desk.keymap.shown(*action).map(|key| key.to_string()).unwrap_or_default();
        let role = if hindered.is_some() { Role::Faint } else { Role::Text };
        inside.put(2, y, action.spec().name, role);
        inside.part(21, y, 9, 1).put(0, 0, &key, Role::Key);
        let help = hindered.map_or_else(|| action.spec().help.to_owned(), |why| format!("not now: {why}"));
        inside.put(31, y, &help, Role::Faint);
        if index == rows.chosen {
            inside.mark_row(y, Role::Strong);
            let pointer = inside.signs().pointer;
            inside.put(0, y, pointer, Role::Pointer);
        }
    }
}

/// The list of tasks: it points at a task and not at a row, since new ones come in above it.
#[derive(Debug, Clone, Default)]
struct TaskRows {
    rows: TableState,
    chosen: Option<(Slot, Timestamp)>,
}

impl TaskRows {
    fn is_chosen(&self, task: &Task) -> bool {
        self.chosen == Some((task.slot, task.began))
    }

    /// The rows as they are now; one that was forgotten leaves the pointer where it was.
    fn now(&self, tasks: &Tasks) -> TableState {
        let mut rows = self.rows.clone();
        if let Some(place) = tasks.all().iter().position(|task| self.is_chosen(task)) {
            rows.chosen = place;
        }
        rows
    }

    fn point(&mut self, tasks: &Tasks, row: usize) {
        self.rows.chosen = row;
        self.chosen = tasks.all().get(row).map(|task| (task.slot, task.began));
    }
}

/// Tasks that a page moves in a list on a screen of this size.
fn tasks_seen(size: Size) -> usize {
    usize::from(size.height.saturating_sub(8)).max(1)
}

fn press_tasks(app: &App, list: &mut TaskRows, seen: usize, action: Option<Action>) -> Turn {
    let tasks = &app.desk.tasks;
    // It was opened before there was anything to point at.
    if list.chosen.is_none() {
        list.point(tasks, 0);
    }
    match action {
        Some(Action::Back | Action::Quit | Action::Tasks) => Turn::Closes,
        Some(Action::Open) => match tasks.all().iter().find(|task| list.is_chosen(task)) {
            Some(task) if task.ended.is_none() => Turn::Cancels(task.slot),
            _ => Turn::Stays,
        },
        Some(action) => {
            list.rows = list.now(tasks);
            list.rows.act(action, tasks.all().len(), seen);
            list.point(tasks, list.rows.chosen);
            Turn::Stays
        }
        None => Turn::Stays,
    }
}

fn draw_tasks(app: &App, canvas: &mut Canvas<'_>, list: &TaskRows) {
    let rows = list.now(&app.desk.tasks);
    let tasks = app.desk.tasks.all();
    let window = Window::tasks(tasks.len(), (canvas.width(), canvas.height()));
    let mut inside = window.draw(canvas, "Tasks");
    if tasks.is_empty() {
        inside.put(2, 1, "Nothing was started yet.", Role::Faint);
    }
    let seen = window.seen(3) / 2;
    for (y, task) in (1..inside.height()).step_by(2).zip(tasks.iter().skip(rows.top(seen))).take(seen) {
        let signs = inside.signs();
        let (sign, words, role) = match &task.state {
            State::Running => (signs.working, "running".to_owned(), Role::Warn),
            State::Stopping => (signs.working, "stopping".to_owned(), Role::Warn),
            State::Done => (signs.ready, "done".to_owned(), Role::Good),
            State::Failed(_) => (signs.failed, "failed".to_owned(), Role::Bad),
            State::Cancelled => (signs.absent, "cancelled".to_owned(), Role::Faint),
        };
        let lasted = words::lasted(task.began, task.ended.unwrap_or(app.desk.now));
        inside.line(2, y, &[(sign, role), (" ", Role::Text), (&task.words, Role::Text)]);
        let width = inside.width();
        inside.put_right(width, y, &format!("{words} {lasted}"), role);
        let under = match &task.state {
            State::Failed(why) => why.as_str(),
            _ => task.last.as_str(),
        };
        inside.put(4, y + 1, under, Role::Faint);
        if list.is_chosen(task) {
            let pointer = inside.signs().pointer;
            inside.put(0, y, pointer, Role::Pointer);
        }
    }
    let last = inside.height().saturating_sub(1);
    let (cancels, closes) = (app.desk.key(Action::Open), app.desk.key(Action::Back));
    inside.line(
        0,
        last,
        &[
            (&cancels, Role::Key),
            (" cancel what runs   ", Role::Faint),
            (&closes, Role::Key),
            (" close", Role::Faint),
        ],
    );
}

/// Whether an action is one that a footer should show as dangerous.
pub(super) fn role_of(danger: Danger) -> Role {
    match danger {
        Danger::Destroys => Role::Bad,
        Danger::None | Danger::Changes => Role::Key,
    }
}
