//! How much of each hour's posts belongs to which topic: a line beside the words of one, and a heat map of all.

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
/// Rows under the map: what the chosen topic came to, and its columns.
const BELOW: u16 = 7;

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
    let room = usize::from(width).saturating_sub(heads + 1) / 2;
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
    let at = topics.iter().position(|topic| *topic == chosen).unwrap_or_default();
    let below = if height > BELOW + 10 { BELOW } else { 2 };
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
    heat_map::draw(&mut canvas.part(0, 2, width, drawn.saturating_add(1)), &map, None);
    let heads = u16::try_from(heads).unwrap_or(u16::MAX);
    if let Some(y) = at.checked_sub(top).and_then(|row| u16::try_from(row).ok()) {
        canvas.part(0, 3 + y, heads, 1).put(0, 0, &title(chosen), Role::Accent);
    }
    one(&periods, open, chosen, &mut canvas.part(0, 3 + drawn + 1, width, below), heads + 1);
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
fn one(periods: &Periods, open: &Open, topic: usize, canvas: &mut Canvas<'_>, x: u16) {
    let shares = periods.of_topic(topic);
    let Some((least, greatest, at)) = ends(&shares) else { return };
    let when = periods.names.get(at).map(String::as_str).unwrap_or_default();
    let said = format!("  {} at least, {} at most: {when}", percent(least), percent(greatest));
    let title = format!("{topic}  {}", open.title(topic));
    canvas.line(0, 0, &[(&title, Role::Accent), (&said, Role::Text)]);
    let (width, rows) = (canvas.width(), canvas.height().saturating_sub(1));
    if rows > 1 {
        bars::columns(&mut canvas.part(x, 1, width.saturating_sub(x), rows), &shares, 2, Role::Accent);
    }
}

fn percent(share: f64) -> String {
    let of = share * 100.0;
    if of < 9.95 { format!("{of:.1} %") } else { format!("{of:.0} %") }
}
