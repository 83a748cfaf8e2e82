//! How much of each hour's posts belongs to which topic: a line beside the words of one, and a heat map of all, with the
//! chosen one's shares as columns and numbers under it.

use super::super::TopicsPane;
use super::super::open::Open;
use super::super::periods::{Periods, ends};
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::effect::topics::Slot;
use crate::console::theme::Role;
use crate::console::widget::bars;
use crate::console::widget::heat_map::{self, HeatMap};
use crate::text;
use crate::topics::questions::SharesPerHour;

/// Cells of a topic's title beside the map at most.
const TITLE: usize = 20;
/// Rows under the map: what the chosen topic came to, its columns, and their numbers.
const BELOW: u16 = 8;
/// Cells at the right of a row for its highest share.
const MOST: u16 = 7;
/// How wide a cell is at most.
const WIDEST: u16 = 4;

/// A topic's shares in one row, with their least and greatest; `false` if there are none.
pub(super) fn line(hours: &SharesPerHour, topic: usize, y: u16, canvas: &mut Canvas<'_>) -> bool {
    let room = canvas.width().saturating_sub(24).min(48);
    let periods = Periods::of(hours, room.into());
    let shares = periods.of_topic(topic);
    let Some((least, greatest, _)) = ends(&shares).filter(|_| room > 0) else { return false };
    let long = u16::try_from(shares.len()).unwrap_or(room).min(room);
    canvas.put(0, y, &periods.by(), Role::Faint);
    bars::sparkline(canvas, 8, y, long, &shares, Role::Accent);
    canvas.put(8 + long + 2, y, &format!("{} – {}", percent(least), percent(greatest)), Role::Faint);
    true
}

/// Every topic in a row, each by its own highest share; under them the chosen one's shares.
pub(super) fn draw(pane: &TopicsPane, open: &Open, chosen: usize, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let titles = |topic: usize| titled(topic, open, desk.look.signs.more);
    let topics = pane.shown_topics();
    let heads = topics.iter().map(|topic| text::width(&titles(*topic))).max().unwrap_or_default();
    let heads = heads.min(usize::from(width / 3));
    // Every row's head has the same width, so that what stands under the map stands under its columns.
    let title = |topic: usize| {
        let title = titles(topic);
        let gap = heads.saturating_sub(text::width(&title));
        format!("{title}{}", " ".repeat(gap))
    };
    let cells = width.saturating_sub(u16::try_from(heads + 1).unwrap_or(width));
    let room = usize::from(cells / heat_map::CELL);
    let Some(hours) = &open.hours else {
        let doing = if desk.tasks.runs(Slot::Hours) { "Reading the shares…" } else { "Not read." };
        canvas.put(0, 0, "Over time", Role::Strong);
        canvas.put(0, 2, doing, Role::Faint);
        return;
    };
    let periods = Periods::of(hours, room);
    head(&periods, desk, canvas);
    if periods.shares.is_empty() {
        let why =
            "No post's topics are kept with this model: it was made of tokens, or predicts none with a time.";
        canvas.part(0, 2, width, 3).paragraph(0, why, Role::Faint);
        return;
    }
    let count = u16::try_from(periods.shares.len()).unwrap_or(u16::MAX);
    // Short pieces of time say more than the column beside them.
    let most = if count.saturating_mul(heat_map::CELL).saturating_add(MOST) <= cells { MOST } else { 0 };
    let frame = Frame {
        x: u16::try_from(heads + 1).unwrap_or(width),
        cell: (cells - most).checked_div(count).unwrap_or_default().clamp(heat_map::CELL, WIDEST),
        count,
    };
    frame.days(&periods, &mut canvas.part(0, 1, width, 1));
    let at = topics.iter().position(|topic| *topic == chosen).unwrap_or_default();
    let rows = u16::try_from(topics.len()).unwrap_or(u16::MAX).min(8);
    let below = if height >= BELOW + rows + 3 { BELOW } else { 3 };
    let seen = usize::from(height.saturating_sub(3 + below)).max(1);
    let top = at.saturating_sub(seen - 1).max(open.topics.top(seen));
    let row = |topic: &usize| {
        let shares = periods.of_topic(*topic);
        let highest = ends(&shares).map_or(0.0, |(_, greatest, _)| greatest).max(f64::MIN_POSITIVE);
        (title(*topic), shares.into_iter().map(|share| share.map(|share| share / highest)).collect())
    };
    let rows: Vec<(String, Vec<Option<f64>>)> = topics.iter().skip(top).take(seen).map(row).collect();
    let drawn = u16::try_from(rows.len()).unwrap_or(u16::MAX);
    let map = HeatMap { columns: periods.heads.clone(), rows };
    heat_map::draw_wide(&mut canvas.part(0, 2, width, drawn.saturating_add(1)), &map, frame.cell, None);
    if most > 0 {
        canvas.part(frame.end() + 1, 2, MOST, 1).put_right(MOST - 1, 0, "most", Role::Faint);
        for (y, topic) in (3..).zip(topics.iter().skip(top).take(seen)) {
            let Some((_, greatest, _)) = ends(&periods.of_topic(*topic)) else { continue };
            let role = if *topic == chosen { Role::Text } else { Role::Faint };
            canvas.part(frame.end() + 1, y, MOST, 1).put_right(MOST - 1, 0, &percent(greatest), role);
        }
    }
    let heads = u16::try_from(heads).unwrap_or(u16::MAX);
    if let Some(y) = at.checked_sub(top).and_then(|row| u16::try_from(row).ok()) {
        canvas.part(0, 3 + y, heads, 1).put(0, 0, &title(chosen), Role::Accent);
    }
    one(&periods, open, chosen, &mut canvas.part(0, 3 + drawn + 1, width, below), frame);
}

/// Where the cells of the map stand, and all that stands under and above them.
#[derive(Debug, Clone, Copy)]
struct Frame {
    x: u16,
    cell: u16,
    count: u16,
}

impl Frame {
    fn of(self, at: usize) -> u16 {
        self.x.saturating_add(u16::try_from(at).unwrap_or(u16::MAX).saturating_mul(self.cell))
    }

    fn end(self) -> u16 {
        self.of(self.count.into())
    }

    /// The days above the hours, each where it begins and where it has room before the next.
    fn days(self, periods: &Periods, canvas: &mut Canvas<'_>) {
        for (place, (at, day)) in periods.days.iter().enumerate() {
            let next = periods.days.get(place + 1).map_or_else(|| canvas.width(), |(next, _)| self.of(*next));
            let room = next.saturating_sub(self.of(*at));
            if text::width(day) < usize::from(room) {
                canvas.part(self.of(*at), 0, room, 1).put(0, 0, day, Role::Faint);
            }
        }
    }
}

/// A topic's number and title, as long as there is room for.
fn titled(topic: usize, open: &Open, more: &str) -> String {
    format!("{topic:>3}  {}", text::fit(&text::sanitise(&open.title(topic)), TITLE, more))
}

fn head(periods: &Periods, desk: &Desk, canvas: &mut Canvas<'_>) {
    let by = periods.by();
    let from = match (periods.names.first(), periods.names.last()) {
        (Some(first), Some(last)) if periods.cut => {
            format!("the last {}, {first} to {last} UTC", periods.names.len())
        }
        (Some(first), Some(last)) => format!("{first} to {last} UTC"),
        _ => String::new(),
    };
    let key = desk.key(Action::TopicsHours);
    canvas.line(
        0,
        0,
        &[
            ("Over time", Role::Strong),
            ("  ", Role::Text),
            (&by, Role::Faint),
            ("  ", Role::Text),
            (&from, Role::Faint),
            ("   ", Role::Text),
            (&key, Role::Key),
            (" words", Role::Faint),
        ],
    );
}

/// The chosen topic: its shares in words, and as columns under those of the map where there is room.
fn one(periods: &Periods, open: &Open, topic: usize, canvas: &mut Canvas<'_>, frame: Frame) {
    let shares = periods.of_topic(topic);
    let Some((least, greatest, at)) = ends(&shares) else { return };
    let when = periods.names.get(at).map(String::as_str).unwrap_or_default();
    let said = format!("  {} at least, {} at most: {when}", percent(least), percent(greatest));
    let title = format!("{topic}  {}", open.title(topic));
    canvas.line(0, 0, &[(&title, Role::Accent), (&said, Role::Text)]);
    let (width, rows) = (canvas.width(), canvas.height().saturating_sub(2));
    let axis = frame.x.saturating_sub(1);
    if rows > 1 {
        // The columns begin at nothing, and the highest is as high as there is room.
        canvas.part(0, 1, axis, 1).put_right(axis, 0, &percent(greatest), Role::Faint);
        canvas.part(0, rows, axis, 1).put_right(axis, 0, "0 %", Role::Faint);
        let columns = &mut canvas.part(frame.x, 1, width.saturating_sub(frame.x), rows);
        bars::columns(columns, &shares, frame.cell, Role::Accent);
    }
    // Numbers without their sign, as many as do not run into one another.
    let every = usize::from(4_u16.div_ceil(frame.cell));
    for (at, share) in shares.iter().enumerate().step_by(every) {
        if let Some(share) = share {
            canvas.part(frame.of(at), 1 + rows, 3, 1).put(0, 0, &format!("{:.0}", share * 100.0), Role::Text);
        }
    }
    canvas.part(0, 1 + rows, axis, 1).put_right(axis, 0, "%", Role::Faint);
}

fn percent(share: f64) -> String {
    let of = share * 100.0;
    if of < 9.95 { format!("{of:.1} %") } else { format!("{of:.0} %") }
}
