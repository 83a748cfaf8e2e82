//! The Lake pane: years, months, days and hours as a tree, a calendar of hours to jump by, the files of an hour, and
//! the chosen file opened.
//!
//! What is known of an hour is kept for the session: looked at again, only the latest hours are listed anew, unless
//! the operator asks for all. What a listing did not see any more is gone.

mod drawing;
mod opened;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::flow::{Attention, Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState, engine};
use crate::console::action::Action;
use crate::console::app::{App, Desk};
use crate::console::canvas::Canvas;
use crate::console::effect::Trouble;
use crate::console::effect::lake::{Item, Job, Outcome, Ran, Slot};
use crate::console::effect::topics as jobs;
use crate::console::overlay::Overlay;
use crate::console::theme::Role;
use crate::console::widget::dialog::{Answer, Confirm, Dialog};
use crate::console::widget::table::TableState;
use crate::console::widget::tree::{Node, TreeState};
use crate::console::words;
use crate::lake::combine::{self, Why, Wish};
use crate::lake::hours::Span;
use crate::lake::listing::Totals;
use crate::lake::outputs::Combined;
use crate::lake::place::Entry;
use crate::lake::{Hour, Layout};
use crate::progress::Report;
use opened::Opened;

/// How often the latest hours are looked at by themselves.
const REFRESH: SignedDuration = SignedDuration::from_mins(1);
/// While a listing comes, the tree is made anew this often.
const REBUILD: SignedDuration = SignedDuration::from_millis(300);
/// Hours that may still change without anybody asking.
const LATEST: i64 = 3;

/// Where the keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Focus {
    #[default]
    Tree,
    Map,
    Files,
    Opened,
}

/// What the pane holds.
#[derive(Debug, Default)]
pub struct LakePane {
    address: String,
    layout: Option<Layout>,
    hours: BTreeMap<Hour, Totals>,
    combined: BTreeMap<Hour, Combined>,
    known: Known,
    asked: Option<Timestamp>,
    /// What is listed, or was last, and the hours of it that were seen.
    listing: (Span, BTreeSet<Hour>),
    /// When it is first to be listed.
    first: Option<Timestamp>,
    trouble: Option<Trouble>,
    focus: Focus,
    tree: TreeState,
    nodes: Vec<Node>,
    /// When the tree was last made from the hours.
    rebuilt: Option<Timestamp>,
    /// Whether the operator has done anything here: until then, the way to the newest hour is open.
    touched: bool,
    /// The hour that the map stands on.
    map: Option<Hour>,
    /// The hour whose files are shown.
    hour: Option<Hour>,
    /// The files that lie in it.
    files: Vec<Entry>,
    files_listed: bool,
    /// What a listing of them brings while those of the one before are shown.
    coming: Vec<Entry>,
    table: TableState,
    opened: Option<Opened>,
    /// What combining tells last of each hour.
    running: BTreeMap<String, Report>,
    /// Which span is asked about.
    wanted: Option<Span>,
    /// How hours are combined from here.
    wish: Wish,
}

/// How much is known of the lake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Known {
    /// Not all of it yet.
    #[default]
    Part,
    /// There is no bucket.
    NoBucket,
    /// The hours were listed to the end.
    Whole,
}

/// A file of the hour that is shown: one that lies in it, or one that was made of it.
#[derive(Debug, Clone)]
struct Shown {
    key: String,
    name: String,
    /// Unknown of what was made of it: names alone are known.
    bytes: Option<u64>,
    written: Timestamp,
    is_made: bool,
}

/// How an hour stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Raw,
    Stale,
    Combined,
}

impl LakePane {
    fn list(&mut self, span: Span, desk: &Desk) -> Vec<Ask> {
        self.asked = Some(desk.now);
        self.listing = (span, BTreeSet::new());
        vec![Ask::start(Job::Hours(span))]
    }

    /// The span is listed to its end: what was not seen is gone, and the files of the hour that is shown are listed
    /// anew where they are others.
    fn listed(&mut self, desk: &Desk) -> Vec<Ask> {
        let (span, seen) = std::mem::take(&mut self.listing);
        self.hours.retain(|hour, _| !span.holds(*hour) || seen.contains(hour));
        // Of another bucket than the one that was known, the latest hours are not all.
        if span == Span::default() {
            self.known = Known::Whole;
        }
        self.rebuild();
        let Some(hour) = self.hour else { return Vec::new() };
        let Some(totals) = self.hours.get(&hour) else {
            (self.hour, self.files, self.files_listed, self.opened) = (None, Vec::new(), false, None);
            if matches!(self.focus, Focus::Files | Focus::Opened) {
                self.focus = Focus::Tree;
            }
            return vec![Ask::Say(format!("{hour} is gone: no file is left in it"))];
        };
        let known = (self.files.len() as u64, self.files.iter().map(|file| file.bytes).sum::<u64>());
        let differs = self.files_listed && known != (totals.files, totals.bytes);
        if differs && !desk.tasks.runs(Slot::Files) { self.list_files(hour) } else { Vec::new() }
    }

    fn standing(&self, hour: Hour) -> Standing {
        let totals = self.hours.get(&hour);
        match self.combined.get(&hour).filter(|combined| combined.newest().is_some()) {
            None => Standing::Raw,
            Some(combined)
                if totals.is_some_and(|totals| combined.is_stale(totals.files, totals.fingerprint)) =>
            {
                Standing::Stale
            }
            Some(_) => Standing::Combined,
        }
    }

    /// Rows that are known of an hour.
    fn posts(&self, hour: Hour) -> Option<u64> {
        self.combined.get(&hour)?.newest()?.1.sums.map(|sums| sums.rows)
    }

    /// Hours that have ended and are not combined as they are. The present one is not behind: it still fills.
    fn behind(&self, desk: &Desk) -> usize {
        let present = Hour::of(desk.now);
        let is_behind = |hour: &&Hour| **hour < present && self.standing(**hour) != Standing::Combined;
        self.hours.keys().filter(is_behind).count()
    }

    fn rebuild(&mut self) {
        let chosen = self.chosen_node().map(|node| node.path.clone());
        let mut nodes: Vec<Node> = Vec::new();
        let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
        for (hour, totals) in &self.hours {
            let path = path_of(*hour);
            for depth in 1..=4 {
                let branch: String = path.split('/').take(depth).collect::<Vec<_>>().join("/");
                let sum = sums.entry(branch).or_default();
                *sum = (sum.0 + totals.files, sum.1 + totals.bytes);
            }
        }
        // Numbers of rows at the same depth stand under one another.
        let mut wide = [(0, 0); 4];
        let sums: BTreeMap<String, (String, String)> = sums
            .into_iter()
            .map(|(branch, (files, bytes))| {
                let (files, bytes) = (words::count(files), words::bytes(bytes));
                if let Some(wide) = wide.get_mut(branch.matches('/').count()) {
                    *wide = (wide.0.max(files.len()), wide.1.max(bytes.len()));
                }
                (branch, (files, bytes))
            })
            .collect();
        let posts: BTreeMap<Hour, String> =
            self.hours.keys().filter_map(|hour| Some((*hour, words::count(self.posts(*hour)?)))).collect();
        let wide_posts = posts.values().map(String::len).max().unwrap_or_default();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        // The newest first: what an operator looks for is there.
        for hour in self.hours.keys().rev() {
            let path = path_of(*hour);
            let parts: Vec<&str> = path.split('/').collect();
            for (depth, part) in parts.iter().enumerate() {
                let branch = parts.get(..=depth).unwrap_or_default().join("/");
                if !seen.insert(branch.clone()) {
                    continue;
                }
                let Some((files, bytes)) = sums.get(&branch) else { continue };
                let is_hour = depth == 3;
                let (wide_files, wide_bytes) = wide.get(depth).copied().unwrap_or_default();
                let noun = if files == "1" { "file " } else { "files" };
                let note = format!("{files:>wide_files$} {noun} {bytes:>wide_bytes$}");
                let more = match posts.get(hour) {
                    Some(posts) if is_hour => {
                        format!(" {posts:>wide_posts$} {}", if posts == "1" { "post " } else { "posts" })
                    }
                    _ if posts.is_empty() => String::new(),
                    _ => " ".repeat(wide_posts + " posts".len() + 1),
                };
                let label = if is_hour { format!("{part}:00") } else { (*part).to_owned() };
                let depth = u16::try_from(depth).unwrap_or(0);
                nodes.push(Node { path: branch, label, note, more, depth, branch: !is_hour });
            }
        }
        if !self.touched
            && let Some(newest) = self.hours.keys().next_back().copied()
        {
            self.tree.open.clear();
            self.open_way_to(newest);
        }
        self.nodes = nodes;
        let visible = self.tree.visible(&self.nodes);
        let at = chosen.and_then(|path| visible.iter().position(|node| node.path == path));
        let rows = visible.len();
        if let Some(at) = at {
            self.tree.rows.chosen = at;
        }
        self.tree.rows.settle(rows);
    }

    fn open_way_to(&mut self, hour: Hour) {
        let path = path_of(hour);
        let parts: Vec<&str> = path.split('/').collect();
        for depth in 1..parts.len() {
            self.tree.open.insert(parts.get(..depth).unwrap_or_default().join("/"));
        }
    }

    fn chosen_node(&self) -> Option<&Node> {
        self.tree.visible(&self.nodes).get(self.tree.rows.chosen).copied()
    }

    /// The hours that the chosen branch of the tree holds.
    fn chosen_span(&self) -> Option<Span> {
        let path = &self.chosen_node()?.path;
        let inside = |hour: &&Hour| {
            let own = path_of(**hour);
            own == *path || own.starts_with(&format!("{path}/"))
        };
        let since = self.hours.keys().find(inside).copied();
        let until = self.hours.keys().rev().find(inside).copied();
        Some(Span { since, until })
    }

    fn chosen_hour(&self) -> Option<Hour> {
        match self.focus {
            Focus::Map => self.map,
            Focus::Files | Focus::Opened => self.hour,
            Focus::Tree => self.chosen_span().filter(|span| span.since == span.until)?.since,
        }
    }

    fn chosen_file(&self) -> Option<Shown> {
        let chosen = || self.shown(&self.made(), self.table.chosen);
        matches!(self.focus, Focus::Files | Focus::Opened).then(chosen)?
    }

    /// What was made of the hour that is shown, the newest first: its rows, what is malformed, what was read.
    fn made(&self) -> Vec<Shown> {
        let (Some(hour), Some(layout)) = (self.hour, &self.layout) else { return Vec::new() };
        let runs = self.combined.get(&hour).into_iter().flat_map(|combined| combined.runs.iter().rev());
        runs.flat_map(|(stamp, run)| run.files.values().map(move |key| (stamp.saved, key)))
            .map(|(saved, key)| Shown {
                key: format!("{}{key}", layout.root()),
                name: key.clone(),
                bytes: None,
                written: Timestamp::from_second(saved).unwrap_or_default(),
                is_made: true,
            })
            .collect()
    }

    /// The file in a row of the table: what was made of the hour stands before what lies in it.
    fn shown(&self, made: &[Shown], row: usize) -> Option<Shown> {
        if let Some(made) = made.get(row) {
            return Some(made.clone());
        }
        let file = self.files.get(row.checked_sub(made.len())?)?;
        Some(Shown {
            key: file.key.clone(),
            name: file.name().to_owned(),
            bytes: Some(file.bytes),
            written: file.modified,
            is_made: false,
        })
    }

    /// Changes which files are shown; the one that is chosen stays chosen.
    fn change_files(&mut self, change: impl FnOnce(&mut Self)) {
        let chosen = self.shown(&self.made(), self.table.chosen).map(|file| file.key);
        change(self);
        let made = self.made();
        if let Some(key) = chosen {
            let at_first = made.iter().position(|file| file.key == key);
            let after = || self.files.iter().position(|file| file.key == key).map(|row| made.len() + row);
            self.table.chosen = at_first.or_else(after).unwrap_or(self.table.chosen);
        }
        self.table.settle(made.len() + self.files.len());
    }

    fn enter_hour(&mut self, hour: Hour) -> Vec<Ask> {
        self.focus = Focus::Files;
        if self.hour != Some(hour) {
            self.hour = Some(hour);
            (self.files, self.files_listed, self.opened) = (Vec::new(), false, None);
            self.table = TableState::default();
        }
        self.list_files(hour)
    }

    /// Lists the files of the hour that is shown; what is known of them is seen meanwhile.
    fn list_files(&mut self, hour: Hour) -> Vec<Ask> {
        self.coming = Vec::new();
        if !self.files_listed {
            self.files = Vec::new();
        }
        vec![Ask::start(Job::Files(hour))]
    }

    fn open_file(&mut self) -> Vec<Ask> {
        let Some(file) = self.chosen_file() else { return Vec::new() };
        let key = file.key.clone();
        if self.opened.as_ref().is_some_and(|opened| opened.key == key) {
            self.focus = Focus::Opened;
            return Vec::new();
        }
        vec![Ask::start(Job::Open(key))]
    }

    /// One step deeper.
    fn open(&mut self, desk: &Desk) -> Vec<Ask> {
        match self.focus {
            Focus::Tree => {
                if let Some(hour) = self.chosen_hour() {
                    return self.enter_hour(hour);
                }
                self.tree.act(Action::Open, &self.nodes, drawing::tree_seen(desk.area()));
                Vec::new()
            }
            Focus::Map => match self.map.filter(|hour| self.hours.contains_key(hour)) {
                Some(hour) => {
                    self.open_way_to(hour);
                    let path = path_of(hour);
                    let at = self.tree.visible(&self.nodes).iter().position(|node| node.path == path);
                    self.tree.rows.chosen = at.unwrap_or(self.tree.rows.chosen);
                    self.enter_hour(hour)
                }
                None => Vec::new(),
            },
            Focus::Files => self.open_file(),
            Focus::Opened => {
                if let Some(opened) = &mut self.opened {
                    opened.show_record();
                }
                Vec::new()
            }
        }
    }

    /// One step back; `None` at the outermost.
    fn back(&mut self) -> Option<Vec<Ask>> {
        self.focus = match self.focus {
            Focus::Tree => return None,
            Focus::Map | Focus::Files => Focus::Tree,
            Focus::Opened => {
                if self.opened.as_mut().is_some_and(Opened::back) {
                    Focus::Opened
                } else {
                    Focus::Files
                }
            }
        };
        Some(Vec::new())
    }

    fn move_on_map(&mut self, action: Action) -> bool {
        let Some(at) = self.map else { return false };
        let by = match action {
            Action::Left => -1,
            Action::Right => 1,
            Action::Up => -24,
            Action::Down => 24,
            _ => return false,
        };
        let moved = at.begins().checked_add(SignedDuration::from_hours(by)).map(Hour::of);
        let (first, last) = (self.hours.keys().next(), self.hours.keys().next_back());
        if let (Ok(moved), Some(first), Some(last)) = (moved, first, last) {
            self.map = Some(moved.clamp(*first, *last));
        }
        true
    }

    /// Asks what to combine: what is chosen, which may be an hour, a day, or more.
    fn ask_to_combine(&mut self) -> Vec<Ask> {
        let span = match self.chosen_hour() {
            Some(hour) => Some(Span::only(hour)),
            None => self.chosen_span(),
        };
        let span = span.unwrap_or_default();
        // By the rule that the plan of the run itself goes by: what is shown is what is done.
        let (none, wished) = (Combined::default(), self.wish.fingerprint());
        let (mut due, mut fuller): (Vec<(&Totals, Why)>, u64) = (Vec::new(), 0);
        for totals in self.hours.values().filter(|totals| span.holds(totals.hour)) {
            let combined = self.combined.get(&totals.hour).unwrap_or(&none);
            match combine::why(totals, combined, &self.wish, wished) {
                Some(why) => due.push((totals, why)),
                // Whether files that came are not combined, only its manifest tells.
                None => fuller += u64::from(!combined.is_of(totals.files, totals.fingerprint)),
            }
        }
        if due.is_empty() && fuller == 0 {
            return vec![Ask::Say("what is chosen is combined as it is".to_owned())];
        }
        let files: u64 = due.iter().map(|(totals, _)| totals.files).sum();
        let bytes: u64 = due.iter().map(|(totals, _)| totals.bytes).sum();
        let mut body = vec![(
            format!(
                "{}, {}, {}:",
                words::counted(due.len(), "hour", "hours"),
                words::counted(files, "file", "files"),
                words::bytes(bytes)
            ),
            Role::Strong,
        )];
        for (totals, why) in due.iter().take(12) {
            body.push((format!("  {}  {}", totals.hour, why.words()), Role::Text));
        }
        if due.len() > 12 {
            body.push((format!("  and {} more", due.len() - 12), Role::Faint));
        }
        if fuller > 0 {
            let hours = words::counted(fuller, "hour holds", "hours hold");
            let text = format!("{hours} fewer files than were combined: left where some of those are gone");
            body.push((text, Role::Text));
        }
        body.push((String::new(), Role::Text));
        body.push((
            "Each becomes one Parquet file; what lies in the hours stays as it is.".to_owned(),
            Role::Faint,
        ));
        self.wanted = Some(span);
        body.push((
            "Spark is for more than one machine can take: its plan is shown first.".to_owned(),
            Role::Faint,
        ));
        let dialog = Dialog::new("Combine", body, Confirm::Enter { does: "combine" });
        let dialog = dialog.with(vec![engine::field(true)]);
        vec![Ask::open(Overlay::question(Pane::Lake, "combine", dialog))]
    }

    fn ran(&mut self, ran: &Ran) -> Vec<Ask> {
        self.running.clear();
        self.now_combined(ran.combined.clone());
        vec![told_of(ran)]
    }

    fn now_combined(&mut self, combined: BTreeMap<Hour, Combined>) {
        self.change_files(|pane| pane.combined = combined);
        self.rebuild();
    }
}

/// What combining came to, whoever did it.
pub(super) fn told_of(ran: &Ran) -> Ask {
    if ran.failures.is_empty() && !ran.interrupted {
        return Ask::Say(format!(
            "{} combined: {}, {} put away",
            words::counted(ran.hours, "hour", "hours"),
            words::counted(ran.rows, "post", "posts"),
            words::counted(ran.malformed, "malformed row", "malformed rows")
        ));
    }
    let mut body = Vec::new();
    if ran.interrupted {
        body.push(("It was stopped; the same action goes on from there.".to_owned(), Role::Warn));
    }
    body.push((format!("{} combined.", words::counted(ran.hours, "hour was", "hours were")), Role::Text));
    body.extend(ran.failures.iter().map(|failure| (failure.clone(), Role::Bad)));
    Ask::open(Overlay::told(Dialog::new("Combining", body, Confirm::Nothing)))
}

/// `2026/11/22/18`: where an hour stands in the tree, whatever its folder is called.
fn path_of(hour: Hour) -> String {
    let day = hour.day();
    format!("{:04}/{:02}/{:02}/{:02}", day.year(), day.month(), day.day(), hour.of_day())
}

impl PaneState for LakePane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        self.touched |= action != Action::Refresh;
        match action {
            Action::Refresh if desk.identity().is_some() => {
                let mut asks = self.list(Span::default(), desk);
                asks.extend(self.hour.map(|hour| self.list_files(hour)).into_iter().flatten());
                return Some(asks);
            }
            Action::Open => return Some(self.open(desk)),
            Action::Back => return self.back(),
            Action::LakeCombine => return Some(self.ask_to_combine()),
            Action::LakeDownload => {
                let key = self.chosen_file()?.key.clone();
                return Some(vec![Ask::start(Job::Download(key))]);
            }
            Action::LakeMap => {
                self.map = self.chosen_hour().or(self.map).or_else(|| self.hours.keys().next_back().copied());
                self.focus = if self.focus == Focus::Map { Focus::Tree } else { Focus::Map };
            }
            Action::LakeView => {
                if let Some(opened) = &mut self.opened {
                    opened.next_view();
                }
            }
            Action::Left if self.focus == Focus::Files => self.focus = Focus::Tree,
            _ => {
                let area = desk.area();
                let moved = match self.focus {
                    Focus::Tree => self.tree.act(action, &self.nodes, drawing::tree_seen(area)),
                    Focus::Map => self.move_on_map(action),
                    Focus::Files => {
                        let rows = self.made().len() + self.files.len();
                        self.table.act(action, rows, drawing::files_seen(area))
                    }
                    Focus::Opened => self
                        .opened
                        .as_mut()
                        .is_some_and(|opened| opened.act(action, drawing::opened_size(area))),
                };
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        match action {
            Action::LakeCombine => desk
                .not_signed_in()
                .or_else(|| self.hours.is_empty().then(|| "there are no hours".to_owned()))
                .or_else(|| {
                    let busy = || desk.shown_by("hours are being combined", Action::Tasks);
                    desk.tasks.runs(Slot::Combine).then(busy)
                }),
            Action::LakeDownload => {
                let none = self.chosen_file().is_none().then(|| "choose a file first".to_owned());
                none.or_else(|| {
                    let busy = || desk.shown_by("a file is being downloaded", Action::Tasks);
                    desk.tasks.runs(Slot::Download).then(busy)
                })
            }
            Action::LakeView => self.opened.is_none().then(|| "open a file first".to_owned()),
            Action::LakeMap => self.hours.is_empty().then(|| "there are no hours".to_owned()),
            _ => None,
        }
    }

    /// What could not be listed may be there by now.
    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        let again = self.known == Known::NoBucket || self.trouble.is_some();
        if !again || desk.identity().is_none() || desk.tasks.runs(Slot::Hours) {
            return Vec::new();
        }
        self.tick(desk)
    }

    /// The stack is read first: it is what an operator waits for.
    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        self.first = desk.later(SignedDuration::from_secs(1));
        Vec::new()
    }

    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let shown = matches!(desk.pane, Pane::Flow | Pane::Lake) && desk.focused;
        let busy = desk.tasks.runs(Slot::Hours) || desk.tasks.runs(Slot::Combine);
        if !shown || busy || desk.identity().is_none() {
            return None;
        }
        match self.asked {
            Some(asked) => asked.checked_add(REFRESH).ok(),
            None => self.first,
        }
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        // A bucket that was never listed to its end is listed whole.
        let latest = desk.now.checked_sub(SignedDuration::from_hours(LATEST)).map(Hour::of).ok();
        let span =
            if self.known == Known::Whole { Span { since: latest, until: None } } else { Span::default() };
        self.list(span, desk)
    }

    fn answered(&mut self, _name: &'static str, answer: Answer, dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        if let Answer::Toggled(_) = answer {
            return Vec::new();
        }
        match (answer, self.wanted.take(), engine::chosen(dialog, 0)) {
            (Answer::Confirmed, Some(span), None) => vec![Ask::start(Job::Combine(span))],
            (Answer::Confirmed, Some(span), Some(engine)) => {
                vec![Ask::start(jobs::Job::Plan(jobs::OnSpark {
                    engine,
                    work: jobs::SparkWork::Combine(span),
                }))]
            }
            _ => Vec::new(),
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        let key = match (self.chosen_file(), self.chosen_hour(), &self.layout) {
            (Some(file), ..) => file.key,
            (None, Some(hour), _) => self.hours.get(&hour)?.folder.clone(),
            (None, None, Some(layout)) => layout.root().to_owned(),
            _ => return None,
        };
        Some(format!("{}{key}", self.address))
    }

    fn station(&self, place: Place, desk: &Desk) -> Option<Station> {
        let known = self.known == Known::Whole || !self.hours.is_empty();
        let is_of_hours = matches!(place, Place::Lake | Place::Combined);
        if is_of_hours && known && self.known == Known::Part && desk.tasks.runs(Slot::Hours) {
            // What is known of some of the hours says nothing of the newest.
            let number = "being read".to_owned();
            return Some(Station { state: StationState::Working, number, ..Station::default() });
        }
        if self.known == Known::NoBucket && place == Place::Combined {
            let number = "no bucket".to_owned();
            return Some(Station { state: StationState::Absent, number, ..Station::default() });
        }
        if !known {
            return None;
        }
        let day = |value: &dyn Fn(Hour) -> Option<f64>| {
            (0..24)
                .rev()
                .map(|back| {
                    desk.now.checked_sub(SignedDuration::from_hours(back)).ok().map(Hour::of).and_then(value)
                })
                .collect()
        };
        match place {
            Place::Lake => {
                let now = self.hours.get(&Hour::of(desk.now)).map_or(0, |totals| totals.files);
                let state = if self.hours.is_empty() { StationState::Absent } else { StationState::Ready };
                let files = |hour: Hour| self.hours.get(&hour).map(|totals| as_f64(totals.files));
                let number = words::counted(now, "file", "files");
                let more = "this hour".to_owned();
                Some(Station { state, number, more, trend: day(&files), ..Station::default() })
            }
            Place::Combined => {
                let behind = self.behind(desk);
                let (state, number) = match behind {
                    _ if desk.tasks.runs(Slot::Combine) => (StationState::Working, "combining".to_owned()),
                    _ if self.hours.is_empty() => (StationState::Absent, "no hours".to_owned()),
                    0 => (StationState::Ready, "up to date".to_owned()),
                    1 => (StationState::Drifted, "1 h behind".to_owned()),
                    hours => (StationState::Drifted, format!("{hours} h behind")),
                };
                let rows = |hour: Hour| self.posts(hour).map(as_f64);
                Some(Station { state, number, trend: day(&rows), ..Station::default() })
            }
            _ => None,
        }
    }

    fn attention(&self, desk: &Desk) -> Vec<Attention> {
        let behind = if self.known == Known::Whole { self.behind(desk) } else { 0 };
        if behind == 0 || desk.tasks.runs(Slot::Combine) {
            return Vec::new();
        }
        let key = desk.key(Action::LakeCombine);
        let wait = words::counted(behind, "hour waits", "hours wait");
        let text = format!("{wait} to be combined: {key} in the Lake pane does it");
        vec![Attention { text, role: Role::Text, action: Some(Action::Lake) }]
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

#[expect(clippy::cast_precision_loss, reason = "it becomes one of eight heights")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

impl Employs for LakePane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Found { address, layout } => {
                if self.address != address {
                    let listing = std::mem::take(&mut self.listing);
                    *self = Self { asked: self.asked, listing, ..Self::default() };
                }
                (self.address, self.layout, self.trouble) = (address, Some(layout), None);
            }
            Outcome::Wished(wish) => self.wish = *wish,
            Outcome::NoBucket => {
                *self = Self { asked: Some(desk.now), known: Known::NoBucket, ..Self::default() }
            }
            Outcome::Totals(totals) => {
                self.listing.1.insert(totals.hour);
                self.hours.insert(totals.hour, totals);
                // The pages of a large lake come faster than anybody reads a tree.
                let is_old = self.rebuilt.is_none_or(|at| desk.now.duration_since(at) >= REBUILD);
                if is_old {
                    self.rebuilt = Some(desk.now);
                    self.rebuild();
                }
            }
            Outcome::Combined(combined) => self.now_combined(combined),
            Outcome::Listed => return self.listed(desk),
            Outcome::Files { hour, files } if self.hour == Some(hour) => {
                let list = if self.files_listed { &mut self.coming } else { &mut self.files };
                list.extend(files);
            }
            Outcome::FilesListed(hour) if self.hour == Some(hour) => {
                if self.files_listed {
                    self.change_files(|pane| pane.files = std::mem::take(&mut pane.coming));
                }
                self.files_listed = true;
            }
            Outcome::Files { .. } | Outcome::FilesListed(_) => {}
            Outcome::Opened { key, preview } => {
                self.opened = Some(Opened::new(key, preview));
                self.focus = Focus::Opened;
            }
            Outcome::Downloaded { file, bytes } => {
                return vec![Ask::Say(format!("{} ({})", file.display(), words::bytes(bytes)))];
            }
            Outcome::Ran(ran) => return self.ran(&ran),
        }
        Vec::new()
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
        match slot {
            Slot::Hours => {
                self.asked = Some(desk.now);
                self.trouble = Some(trouble.clone());
            }
            Slot::Combine => self.running.clear(),
            Slot::Files | Slot::Preview | Slot::Download => {}
        }
        Vec::new()
    }

    fn told(&mut self, slot: Slot, report: Report, _desk: &Desk) {
        if slot == Slot::Combine {
            self.running.insert(report.name.clone(), report);
        }
    }

    fn arrived(&mut self, _slot: Slot, _items: Vec<Item>, _dropped: u64, _desk: &Desk) {}
}
