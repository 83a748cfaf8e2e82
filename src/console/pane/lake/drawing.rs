//! How the Lake pane is drawn: the tree at the left, and at the right the calendar, the files and what is open.

use jiff::SignedDuration;

use super::{Focus, Known, LakePane, Standing};
use crate::console::action::Action;
use crate::console::app::{Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::lake::Slot;
use crate::console::event::Size;
use crate::console::pane::flow::{instead, session_trouble};
use crate::console::theme::Role;
use crate::console::widget::heat_map::{self, HeatMap};
use crate::console::widget::table::{self, Column, Width};
use crate::console::widget::tree;
use crate::console::words;
use crate::lake::Hour;

/// From this height on, the calendar stands over the files; below it, in their place while it is used.
const HIGH: u16 = 30;
/// Days of the calendar.
const DAYS: u16 = 7;
/// Rows above everything: what the lake is, and an empty one.
const ABOVE: u16 = 2;

const FILES: [Column; 3] = [
    Column { title: "file", width: Width::Share(20), right: false, rank: 0 },
    Column { title: "size", width: Width::Fixed(8), right: true, rank: 1 },
    Column { title: "written", width: Width::Fixed(8), right: true, rank: 2 },
];

/// Where the parts are, in a pane of this size.
struct Parts {
    left: u16,
    map: u16,
    files: u16,
}

impl Parts {
    fn of(area: Size) -> Self {
        let left = (area.width * 2 / 5).clamp(28, 56);
        let map = if area.height >= HIGH { DAYS + 3 } else { 0 };
        let rest = area.height.saturating_sub(ABOVE + map);
        Self { left, map, files: (rest / 3).max(4) }
    }
}

/// How many rows of the tree are seen.
pub(super) fn tree_seen(area: Size) -> usize {
    usize::from(area.height.saturating_sub(ABOVE)).max(1)
}

/// How many files are seen.
pub(super) fn files_seen(area: Size) -> usize {
    usize::from(Parts::of(area).files.saturating_sub(2)).max(1)
}

/// How much of an open file is seen.
pub(super) fn opened_size(area: Size) -> Size {
    let parts = Parts::of(area);
    Size {
        width: area.width.saturating_sub(parts.left + 3),
        height: area.height.saturating_sub(ABOVE + parts.map + parts.files + 1),
    }
}

/// Draws the pane.
pub(super) fn draw(pane: &LakePane, desk: &Desk, canvas: &mut Canvas<'_>) {
    summary(pane, desk, canvas);
    let (width, height) = (canvas.width(), canvas.height());
    if pane.hours.is_empty() {
        let mut inside = canvas.part(1, ABOVE, width.saturating_sub(2), height.saturating_sub(ABOVE));
        return nothing(pane, desk, &mut inside);
    }
    let parts = Parts::of(Size { width, height });
    let below = height.saturating_sub(ABOVE);
    if parts.map == 0 && pane.focus == Focus::Map {
        return map(pane, &mut canvas.part(1, ABOVE, width.saturating_sub(2), below));
    }
    tree::draw(&mut canvas.part(0, ABOVE, parts.left, below), &pane.nodes, &pane.tree);
    for y in ABOVE..height {
        let upright = canvas.signs().upright;
        canvas.put(parts.left + 1, y, upright, Role::Faint);
    }
    let (x, wide) = (parts.left + 3, width.saturating_sub(parts.left + 3));
    let mut y = ABOVE;
    if parts.map > 0 {
        map(pane, &mut canvas.part(x, y, wide, parts.map - 1));
        y += parts.map;
    }
    if pane.hour.is_none() {
        return progress(pane, desk, &mut canvas.part(x, y, wide, height.saturating_sub(y)));
    }
    files(pane, desk, &mut canvas.part(x, y, wide, parts.files));
    y += parts.files;
    canvas.part(x, y, wide, 1).rule(0);
    let mut rest = canvas.part(x, y + 1, wide, height.saturating_sub(y + 1));
    match &pane.opened {
        Some(opened) => opened.draw(&mut rest, pane.focus == Focus::Opened),
        None if desk.tasks.runs(Slot::Preview) => {
            rest.put(0, 0, "Opening…", Role::Faint);
        }
        None => {
            rest.line(0, 0, &[(&desk.key(Action::Open), Role::Key), (" opens the chosen file", Role::Faint)]);
        }
    }
}

fn summary(pane: &LakePane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if pane.hours.is_empty() {
        return;
    }
    let files: u64 = pane.hours.values().map(|totals| totals.files).sum();
    let bytes: u64 = pane.hours.values().map(|totals| totals.bytes).sum();
    let text = format!(
        "{}, {}, {}",
        words::counted(pane.hours.len(), "hour", "hours"),
        words::counted(files, "file", "files"),
        words::bytes(bytes)
    );
    let x = canvas.put(1, 0, &text, Role::Strong);
    let signs = canvas.signs();
    let (sign, words, role) = match pane.behind(desk) {
        0 => (signs.ready, "all combined".to_owned(), Role::Good),
        behind => (signs.drifted, format!("{} to combine", words::count(behind)), Role::Warn),
    };
    canvas.line(x + 3, 0, &[(sign, role), (" ", role), (&words, role)]);
    let width = canvas.width();
    let at_right = if desk.tasks.runs(Slot::Hours) {
        ("listing…".to_owned(), Role::Faint)
    } else if let Some(trouble) = &pane.trouble {
        (trouble.sentence.clone(), Role::Bad)
    } else {
        let ago = pane.asked.map(|at| words::since(at, desk.now)).unwrap_or_default();
        (if ago == "now" { "read now".to_owned() } else { format!("read {ago} ago") }, Role::Faint)
    };
    let begin = width * 3 / 5;
    canvas.part(begin, 0, width - begin, 1).put_right(width - begin - 1, 0, &at_right.0, at_right.1);
}

fn nothing(pane: &LakePane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if let Some(trouble) = session_trouble(desk).or(pane.trouble.as_ref()) {
        return instead(canvas, desk, trouble);
    }
    if pane.known == Known::NoBucket {
        canvas.put(0, 0, "There is no bucket yet that could hold a lake.", Role::Text);
        let stack = desk.key(Action::Stack);
        canvas.line(0, 2, &[(&stack, Role::Key), (" is the stack, where it is created", Role::Faint)]);
        return;
    }
    if matches!(desk.session, Session::Connecting) || pane.known != Known::Whole {
        let words = match desk.session {
            Session::Connecting => "Signing in: asking AWS whose account this is…",
            _ => "Listing the lake's hours…",
        };
        canvas.put(0, 0, words, Role::Faint);
        canvas.line(0, 2, &[(&desk.key(Action::Back), Role::Key), (" cancels", Role::Faint)]);
        return;
    }
    let root = pane.layout.as_ref().map_or("", |layout| layout.root());
    canvas.line(
        0,
        0,
        &[("There are no hours yet under ", Role::Text), (&pane.address, Role::Strong), (root, Role::Strong)],
    );
    canvas.put(0, 2, "Firehose writes the first file a minute or so after the first post:", Role::Faint);
    canvas.line(0, 3, &[(&desk.key(Action::Stream), Role::Key), (" starts a stream", Role::Faint)]);
}

/// What combining says of each hour, or what to do.
fn progress(pane: &LakePane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if !desk.tasks.runs(Slot::Combine) {
        let hints = [
            (Action::Open, "opens what is chosen"),
            (Action::LakeCombine, "combines it: an hour, a day, a month"),
            (Action::LakeMap, "goes to the calendar"),
        ];
        let keys = hints.map(|(action, _)| desk.key(action));
        let widest = keys.iter().map(|key| crate::text::width(key)).max().unwrap_or_default();
        let column = u16::try_from(widest + 1).unwrap_or(u16::MAX).max(6);
        for (y, (key, (_, does))) in (0..).zip(keys.iter().zip(hints)) {
            canvas.put(0, y, key, Role::Key);
            canvas.put(column, y, does, Role::Faint);
        }
        return;
    }
    canvas.put(0, 0, "Combining", Role::Strong);
    for (y, report) in (2..canvas.height()).zip(pane.running.values().rev()) {
        canvas.line(0, y, &[(&report.name, Role::Text), ("  ", Role::Text), (&report.text, Role::Faint)]);
    }
}

/// The last days, an hour a cell; how full it is shows in its colour, and the chosen one in words.
fn map(pane: &LakePane, canvas: &mut Canvas<'_>) {
    let Some(newest) = pane.map.or_else(|| pane.hours.keys().next_back().copied()) else { return };
    // The chosen day is the last but two, where there are days after it.
    let last = pane.hours.keys().next_back().map_or(newest.day(), |hour| hour.day());
    let end = newest.day().checked_add(SignedDuration::from_hours(48)).map_or(last, |day| day.min(last));
    let days = i64::from(DAYS.min(canvas.height().saturating_sub(2)));
    let first = end.checked_sub(SignedDuration::from_hours(24 * (days - 1))).unwrap_or(end);
    let mut chart = HeatMap { columns: (0..24).map(|hour| format!("{hour:02}")).collect(), rows: Vec::new() };
    let mut chosen = None;
    for number in 0..days {
        let Ok(day) = first.checked_add(SignedDuration::from_hours(24 * number)) else { break };
        let cells = (0..24)
            .map(|of_day| {
                let hour: Hour = format!("{day}T{of_day:02}").parse().ok()?;
                if pane.focus == Focus::Map && pane.map == Some(hour) {
                    chosen = Some((chart.rows.len(), of_day));
                }
                pane.hours.get(&hour).map(|totals| super::as_f64(totals.bytes))
            })
            .collect();
        chart.rows.push((day.strftime("%a %b %d").to_string(), cells));
    }
    heat_map::draw(canvas, &chart, chosen);
    if pane.focus == Focus::Map
        && let Some(hour) = pane.map
    {
        let text = match pane.hours.get(&hour) {
            Some(totals) => {
                let files = words::counted(totals.files, "file", "files");
                format!("{hour}: {files}, {}", words::bytes(totals.bytes))
            }
            None => format!("{hour}: no files"),
        };
        let y = u16::try_from(chart.rows.len()).unwrap_or(0) + 1;
        let (words, role) = standing(pane, hour);
        canvas.line(0, y, &[(&text, Role::Text), ("  ", role), (words, role)]);
    }
}

fn standing(pane: &LakePane, hour: Hour) -> (&'static str, Role) {
    match pane.standing(hour) {
        Standing::Raw => ("not combined", Role::Faint),
        Standing::Stale => ("stale: files changed since it was combined", Role::Warn),
        Standing::Combined => ("combined", Role::Good),
    }
}

fn files(pane: &LakePane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let Some(hour) = pane.hour else { return };
    let (words, role) = standing(pane, hour);
    let listing = if desk.tasks.runs(Slot::Files) { "  listing…" } else { "" };
    let made = pane.made();
    let mut count = format!("  {}", words::counted(pane.files.len(), "file", "files"));
    if !made.is_empty() {
        count = format!("{count}, {} made of it", words::count(made.len()));
    }
    let name = hour.to_string();
    let title = if pane.focus == Focus::Files { Role::Accent } else { Role::Strong };
    canvas.line(
        0,
        0,
        &[(&name, title), (&count, Role::Faint), (listing, Role::Faint), ("  ", role), (words, role)],
    );
    let (width, height) = (canvas.width(), canvas.height().saturating_sub(1));
    table::draw(
        &mut canvas.part(0, 1, width, height),
        &FILES,
        &pane.table,
        made.len() + pane.files.len(),
        |row| {
            let Some(file) = pane.shown(&made, row) else { return Vec::new() };
            vec![
                (file.name, if file.is_made { Role::Strong } else { Role::Text }),
                (file.bytes.map(words::bytes).unwrap_or_default(), Role::Faint),
                (words::since(file.written, desk.now), Role::Faint),
            ]
        },
    );
}
