//! The Logs pane: log groups on the left, the tail on the right. hydrant's own log is one of the groups, and the
//! stack's own is followed without being asked for.
//!
//! The tail follows until one scrolls, or pauses it; what comes in meanwhile is taken in all the same, and counted.
//! Late lines stand where they belong and say so. While the pane is not seen, nothing is followed: it goes on from
//! there when it is seen again, and shows nothing twice.

mod drawing;
pub mod lines;
mod live;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use regex::Regex;

use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::Trouble;
use crate::console::effect::logs::{Item, Job, Outcome, Slot};
use crate::console::event::Size;
use crate::console::key::{Code, Key};
use crate::console::overlay::Overlay;
use crate::console::widget::input::Input;
use crate::console::widget::table::TableState;
use crate::logs::line::unfolded;
use crate::logs::moment::Moment;
use crate::logs::{Ending, Group, LogEvent, Marks, Note, Unmatched, own};
use crate::progress::Report;
use lines::Lines;
use live::Live;

/// What is being typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Typing {
    /// What lines are searched for.
    Search,
    /// CloudWatch's filter pattern.
    Pattern,
    /// Where the tail begins.
    Since,
    /// The file that lines are written to.
    Save,
}

/// Where the operator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Focus {
    #[default]
    Groups,
    Lines,
}

/// What the pane holds.
#[derive(Debug)]
pub struct LogsPane {
    /// The stack's own group first, then hydrant's own log, then the others.
    groups: Vec<Group>,
    groups_trouble: Option<Trouble>,
    list: TableState,
    focus: Focus,
    /// The groups that are followed.
    followed: Vec<String>,
    /// Those of them that were deleted meanwhile.
    gone: BTreeSet<String>,
    /// How far streams are read whose lines bear no times to go on from.
    marks: Marks,
    since: Moment,
    pattern: Option<String>,
    search: Option<Regex>,
    lines: Lines,
    /// The line that is chosen; `None` follows the newest.
    chosen: Option<usize>,
    /// The first line that is seen while it does not follow: what is looked at does not move.
    top: usize,
    /// Lines that came in while it did not follow.
    waiting: u64,
    /// Lines that came in faster than they could be taken.
    dropped: u64,
    /// How the reading goes, the last that was told.
    note: Option<Note>,
    /// Whether events come live, and are to.
    live: Live,
    /// The lines that are there and that a tail which goes on shows again, each once.
    overlap: Unmatched,
    typing: Option<(Typing, Input)>,
}

impl Default for LogsPane {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            groups_trouble: None,
            list: TableState::default(),
            focus: Focus::default(),
            followed: Vec::new(),
            gone: BTreeSet::new(),
            marks: Marks::new(),
            since: Moment::Ago(SignedDuration::from_mins(10)),
            pattern: None,
            search: None,
            lines: Lines::default(),
            chosen: None,
            top: 0,
            waiting: 0,
            dropped: 0,
            note: None,
            live: Live::default(),
            overlap: Unmatched::default(),
            typing: None,
        }
    }
}

/// A tail that goes on looks back so far, for what came in late.
const OVERLAP: SignedDuration = SignedDuration::from_mins(2);

impl LogsPane {
    fn tail(&mut self, since: Moment) -> Vec<Ask> {
        self.note = None;
        self.live.end();
        // One group that is not there would be the end of all. When none is left, all are looked for again.
        let mut groups = self.followed.clone();
        groups.retain(|group| !self.gone.contains(group));
        if groups.is_empty() {
            self.gone.clear();
            groups.clone_from(&self.followed);
        }
        let (marks, pattern) = (self.marks.clone(), self.pattern.clone());
        vec![Ask::Live(true), Ask::start(Job::Tail { groups, since, marks, pattern })]
    }

    /// Follows what is marked, or else what is chosen, from the beginning.
    fn follow_chosen(&mut self) -> Vec<Ask> {
        let marked = self.list.marked.iter().filter_map(|row| self.groups.get(*row));
        let mut names: Vec<String> = marked.map(|group| group.name.clone()).collect();
        if names.is_empty() {
            names.extend(self.groups.get(self.list.chosen).map(|group| group.name.clone()));
        }
        self.followed = names;
        self.begin_anew()
    }

    fn begin_anew(&mut self) -> Vec<Ask> {
        if self.followed.is_empty() {
            return Vec::new();
        }
        (self.lines, self.chosen, self.overlap) = (Lines::default(), None, Unmatched::default());
        (self.top, self.waiting, self.dropped) = (0, 0, 0);
        (self.gone, self.marks) = (BTreeSet::new(), Marks::new());
        self.focus = Focus::Lines;
        self.tail(self.since)
    }

    /// Follows on from what is there. A clock that is ahead does not hide the present.
    fn go_on(&mut self, desk: &Desk) -> Vec<Ask> {
        let newest = self.lines.iter().next_back().map(|event| event.at.min(desk.now));
        match newest.and_then(|at| at.checked_sub(OVERLAP).ok()) {
            Some(at) => {
                self.overlap = Unmatched::default();
                // CloudWatch is asked by the millisecond; times of hydrant's own log are finer.
                let from = at.as_millisecond();
                let shown_again = self.lines.iter().rev().take_while(|line| line.at.as_millisecond() >= from);
                shown_again.for_each(|line| self.overlap.add(line));
                self.tail(Moment::At(at))
            }
            None => self.tail(self.since),
        }
    }

    fn listed(&mut self, own_group: &str, groups: Vec<Group>) {
        let (mut first, others): (Vec<Group>, Vec<Group>) =
            groups.into_iter().partition(|group| group.name == own_group);
        first.push(Group {
            name: own::NAME.to_owned(),
            arn: String::new(),
            bytes: 0,
            retention_days: Some(7),
            created: None,
        });
        first.extend(others);
        self.groups = first;
        self.groups_trouble = None;
        self.list.settle(self.groups.len());
    }

    fn take(&mut self, event: LogEvent) {
        if self.overlap.take(&event) {
            return;
        }
        let at = self.lines.insert(event);
        if let Some(chosen) = &mut self.chosen {
            if at <= *chosen {
                *chosen += 1;
            }
            if at < self.top {
                self.top += 1;
            }
            self.waiting += 1;
        }
    }

    /// The line that is chosen, or the newest.
    fn current(&self) -> Option<usize> {
        self.chosen.or_else(|| self.lines.len().checked_sub(1))
    }

    /// Chooses a line, which is then seen; none follows the newest.
    fn choose(&mut self, line: Option<usize>, seen: usize) {
        if self.chosen.is_none() {
            self.top = self.lines.len().saturating_sub(seen);
        }
        self.chosen = line;
        match line {
            Some(line) => self.top = self.top.clamp((line + 1).saturating_sub(seen.max(1)), line),
            None => self.waiting = 0,
        }
    }

    fn toggle_pause(&mut self, seen: usize) {
        let line = if self.chosen.is_some() { None } else { self.lines.len().checked_sub(1) };
        self.choose(line, seen);
    }

    fn move_in_lines(&mut self, action: Action, seen: usize) -> bool {
        let Some(current) = self.current() else { return false };
        let last = self.lines.len().saturating_sub(1);
        let page = seen.max(2) - 1;
        let to = match action {
            Action::Up => current.saturating_sub(1),
            Action::Down => current + 1,
            Action::PageUp => current.saturating_sub(page),
            Action::PageDown => current + page,
            Action::First => 0,
            Action::Last => last + 1,
            _ => return false,
        };
        // Beyond the last line is the place where it follows.
        self.choose((to <= last).then_some(to), seen);
        true
    }

    /// To the next line that fits what is searched for, round and round.
    fn find(&mut self, backwards: bool, seen: usize) -> Vec<Ask> {
        let Some(search) = &self.search else { return Vec::new() };
        let (count, from) = (self.lines.len(), self.current().unwrap_or(0));
        let fits =
            |index: &usize| self.lines.get(*index).is_some_and(|event| search.is_match(&event.message));
        let steps = 1..=count;
        let found = if backwards {
            steps.map(|step| (from + count - step % count) % count).find(|index| fits(index))
        } else {
            steps.map(|step| (from + step) % count).find(|index| fits(index))
        };
        match found {
            Some(index) => self.choose(Some(index), seen),
            None => return vec![Ask::Say(format!("no line fits {search}"))],
        }
        Vec::new()
    }

    fn open_line(&self) -> Vec<Ask> {
        let Some(event) = self.current().and_then(|index| self.lines.get(index)) else { return Vec::new() };
        let ingested =
            event.ingested.map_or("unknown".to_owned(), |at| at.strftime("%F %T%.3f UTC").to_string());
        let text = format!(
            "{}\n\ngroup     {}\nstream    {}\ntime      {}\ntaken in  {ingested}",
            unfolded(&event.message),
            event.group,
            event.stream,
            event.at.strftime("%F %T%.3f UTC"),
        );
        vec![Ask::open(Overlay::text("Event", text))]
    }

    fn begin_typing(&mut self, typing: Typing) {
        let mut input = Input::default();
        match typing {
            Typing::Search => input.paste(self.search.as_ref().map_or("", |regex| regex.as_str())),
            Typing::Pattern => input.paste(self.pattern.as_deref().unwrap_or_default()),
            Typing::Since => input.paste(&self.since.to_string()),
            Typing::Save => input.paste("hydrant-logs.txt"),
        }
        self.typing = Some((typing, input));
    }

    fn typed(&mut self, typing: Typing, text: &str, seen: usize) -> Vec<Ask> {
        match typing {
            Typing::Search if text.is_empty() => self.search = None,
            Typing::Search => {
                // What is no regular expression is looked for as it stands.
                self.search = Regex::new(text).or_else(|_| Regex::new(&regex::escape(text))).ok();
                return self.find(true, seen);
            }
            Typing::Pattern => {
                self.pattern = (!text.is_empty()).then(|| text.to_owned());
                return self.begin_anew();
            }
            Typing::Since => match text.parse() {
                Ok(since) => {
                    self.since = since;
                    return self.begin_anew();
                }
                Err(why) => return vec![Ask::Say(why)],
            },
            Typing::Save => {
                let line = |event: &LogEvent| {
                    format!("{} {} {} {}\n", event.at, event.group, event.stream, event.message.trim_end())
                };
                let lines: String = self.lines.iter().map(line).collect();
                return vec![Ask::start(Job::Save { path: text.into(), text: lines })];
            }
        }
        Vec::new()
    }
}

impl PaneState for LogsPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Filter, Action::Next, Action::Previous, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        let seen = drawing::seen(desk.area());
        match action {
            Action::Refresh => {
                let mut asks = vec![Ask::start(Job::Groups)];
                if !desk.tasks.runs(Slot::Tail) && !self.followed.is_empty() {
                    asks.extend(self.go_on(desk));
                }
                return Some(asks);
            }
            Action::Open => {
                return Some(match self.focus {
                    Focus::Groups => self.follow_chosen(),
                    Focus::Lines => self.open_line(),
                });
            }
            Action::Back if self.focus == Focus::Lines => self.focus = Focus::Groups,
            Action::Left => self.focus = Focus::Groups,
            Action::Right => self.focus = Focus::Lines,
            Action::LogsPause => self.toggle_pause(seen),
            Action::LogsMark => {
                let row = self.list.chosen;
                if !self.list.marked.remove(&row) {
                    self.list.marked.insert(row);
                }
            }
            Action::LogsPattern => self.begin_typing(Typing::Pattern),
            Action::LogsSince => self.begin_typing(Typing::Since),
            Action::LogsSave => self.begin_typing(Typing::Save),
            Action::Filter => self.begin_typing(Typing::Search),
            Action::Next => return Some(self.find(false, seen)),
            Action::Previous => return Some(self.find(true, seen)),
            _ => {
                let moved = match self.focus {
                    Focus::Groups => self.list.act(action, self.groups.len(), seen),
                    Focus::Lines => self.move_in_lines(action, seen),
                };
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        let nothing = || self.lines.is_empty().then(|| "there is no line".to_owned());
        match action {
            Action::LogsSave | Action::Copy => nothing(),
            Action::Next | Action::Previous if self.search.is_none() => {
                Some(format!("nothing is searched for: `{}`", desk.key(Action::Filter)))
            }
            Action::LogsPattern | Action::LogsSince => desk.not_signed_in(),
            _ => None,
        }
    }

    fn is_typing(&self) -> bool {
        self.typing.is_some()
    }

    fn key(&mut self, key: Key, desk: &Desk) -> Vec<Ask> {
        let Some((typing, mut input)) = self.typing.take() else { return Vec::new() };
        match key.code {
            Code::Named("esc") => Vec::new(),
            Code::Named("enter") => self.typed(typing, input.text().trim(), drawing::seen(desk.area())),
            _ => {
                input.press(key);
                self.typing = Some((typing, input));
                Vec::new()
            }
        }
    }

    fn paste(&mut self, text: &str) {
        if let Some((_, input)) = &mut self.typing {
            input.paste(text);
        }
    }

    fn click(&mut self, x: u16, y: u16, desk: &Desk) -> Vec<Ask> {
        let Size { width, .. } = desk.area();
        let row = usize::from(y).saturating_sub(1);
        if x < drawing::list_width(width) {
            self.focus = Focus::Groups;
            let row = row + self.list.top(drawing::seen(desk.area()));
            if y > 0 && row < self.groups.len() {
                let again = self.list.chosen == row;
                self.list.chosen = row;
                return if again { self.follow_chosen() } else { Vec::new() };
            }
        } else {
            self.focus = Focus::Lines;
            let seen = drawing::seen(desk.area());
            let row = row + drawing::top(self, seen);
            if y > 0 && row < self.lines.len() {
                self.choose(Some(row), seen);
            }
        }
        Vec::new()
    }

    fn wheel(&mut self, by: i8, x: u16, _y: u16, desk: &Desk) -> Vec<Ask> {
        let seen = drawing::seen(desk.area());
        if x < drawing::list_width(desk.area().width) {
            self.list.scroll(by, self.groups.len(), seen);
        } else {
            let action = if by < 0 { Action::Up } else { Action::Down };
            for _ in 0..by.unsigned_abs() {
                self.move_in_lines(action, seen);
            }
        }
        Vec::new()
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        if desk.pane != Pane::Logs {
            return Vec::new();
        }
        let mut asks = vec![Ask::start(Job::Groups)];
        if !self.followed.is_empty() && !desk.tasks.runs(Slot::Tail) {
            asks.extend(self.go_on(desk));
        }
        asks
    }

    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        match desk.identity() {
            None => Vec::new(),
            Some(_) if self.followed.is_empty() => vec![Ask::start(Job::Groups)],
            Some(_) => self.go_on(desk),
        }
    }

    fn left(&mut self, _desk: &Desk) -> Vec<Ask> {
        self.live.end();
        // One that waits for a signing in too: it would begin unseen, where it began before, and nothing closes the gap.
        vec![Ask::cancel(Slot::Tail)]
    }

    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let follows = desk.pane == Pane::Logs && desk.tasks.runs(Slot::Tail);
        self.live.due(desk).filter(|_| follows)
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        vec![Ask::Live(self.live.turn(desk.now))]
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        let event = self.current().and_then(|index| self.lines.get(index))?;
        Some(event.message.trim_end().to_owned())
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

impl Employs for LogsPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Groups { own, groups } => {
                let is_there = groups.iter().any(|group| group.name == own);
                self.listed(&own, groups);
                if self.followed.is_empty() && is_there {
                    self.followed = vec![own];
                    // It is followed as soon as somebody looks.
                    return if desk.pane == Pane::Logs { self.begin_anew() } else { Vec::new() };
                }
                Vec::new()
            }
            Outcome::Ended(Ending::Gone) => {
                let groups = self.followed.join(", ");
                let again = desk.key(Action::Refresh);
                vec![Ask::Say(format!("{groups}: deleted; `{again}` looks for it again"))]
            }
            Outcome::Ended(_) => Vec::new(),
            Outcome::Saved(path) => vec![Ask::Say(format!("wrote {}", path.display()))],
        }
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, _desk: &Desk) -> Vec<Ask> {
        if slot == Slot::Groups && self.groups.is_empty() {
            self.groups_trouble = Some(trouble.clone());
        }
        Vec::new()
    }

    fn told(&mut self, _slot: Slot, _report: Report, _desk: &Desk) {}

    fn arrived(&mut self, _slot: Slot, items: Vec<Item>, dropped: u64, desk: &Desk) {
        self.dropped += dropped;
        for item in items {
            match item {
                Item::Event(event) => self.take(event),
                Item::Read(marks) => self.marks.extend(marks),
                Item::Note(note) => {
                    if let Note::Gone(group) = &note {
                        self.gone.insert(group.clone());
                    }
                    if note == Note::CaughtUp {
                        self.overlap = Unmatched::default();
                    }
                    self.live.told(&note, desk.now);
                    // That calls are answered again takes the word that they were not away.
                    self.note = Some(note);
                }
            }
        }
        let gone = self.lines.trim();
        if let Some(chosen) = &mut self.chosen {
            *chosen = chosen.saturating_sub(gone);
            self.top = self.top.saturating_sub(gone);
        }
    }
}
