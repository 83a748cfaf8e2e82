//! How the Stream pane is drawn: counters on top, posts below, or one post whole.

use super::StreamPane;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::console::widget::bars;
use crate::console::words;
use crate::stream::live::{State, Status};
use crate::stream::record::{Column, Fields};
use crate::text;

/// Rows above the posts.
const HEAD: u16 = 5;
/// How wide the authors' names are.
const NAME: u16 = 16;

/// How many posts are seen.
pub(super) fn seen(area: Size) -> usize {
    usize::from(area.height.saturating_sub(HEAD)).max(1)
}

/// Draws the pane.
pub(super) fn draw(pane: &StreamPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    match &pane.status {
        Some(status) => head(pane, status, &mut canvas.part(0, 0, width, HEAD)),
        None => nothing_yet(pane, &mut canvas.part(0, 0, width, HEAD)),
    }
    let mut body = canvas.part(0, HEAD, width, height.saturating_sub(HEAD));
    if let Some((number, top)) = pane.open {
        whole(pane, number, top, &mut body);
    } else if pane.history.is_empty() {
        empty(pane, desk, &mut body);
    } else {
        posts(pane, &mut body);
    }
}

fn nothing_yet(pane: &StreamPane, canvas: &mut Canvas<'_>) {
    match &pane.trouble {
        Some(trouble) => canvas.paragraph(0, &trouble.sentence, Role::Bad),
        None => canvas.put(0, 0, "looking for the stream", Role::Faint),
    };
}

fn head(pane: &StreamPane, status: &Status, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    let (sign, role) = match status.state {
        State::Running => (signs.ready, Role::Good),
        State::Starting | State::Draining => (signs.working, Role::Warn),
        State::Stopped => (signs.absent, Role::Faint),
        State::Failed => (signs.failed, Role::Bad),
    };
    let mut x = canvas.line(0, 0, &[(sign, role), (" ", Role::Text), (status.state.name(), role)]);
    if !status.source.is_empty() {
        let sinks = status.sinks.join(", ");
        x = canvas.line(
            x + 2,
            0,
            &[
                (&status.source, Role::Text),
                (" ", Role::Text),
                (signs.arrow, Role::Faint),
                (" ", Role::Text),
                (&sinks, Role::Text),
            ],
        );
    }
    if let Some(spent) = &status.spent {
        let spent = format!("${:.2} run  ${:.2} today  ${:.2} month", spent.run, spent.today, spent.month);
        x = canvas.put(x + 2, 0, &spent, Role::Warn);
    }
    let paused = match (pane.paused, pane.waiting()) {
        (false, _) => String::new(),
        (true, waiting) => format!("paused, {} wait", words::count(waiting)),
    };
    canvas.put(x + 2, 0, &paused, Role::Accent);
    let counters = &status.counters;
    let numbers = [
        ("received", counters.received, Role::Text),
        ("filtered", counters.filtered, Role::Text),
        ("delivered", counters.delivered, Role::Good),
        ("pending", counters.pending, Role::Text),
        ("retried", counters.retried, Role::Text),
        ("duplicates", counters.duplicates, Role::Text),
        ("malformed", counters.malformed, if counters.malformed > 0 { Role::Warn } else { Role::Text }),
    ];
    let rate = format!("{}/s", status.rate);
    let lag = format!("lag {} s", status.lag_s);
    let rate = [("rate ", Role::Faint), (&rate, Role::Strong), ("  ", Role::Text), (&lag, Role::Faint)];
    let mut below = canvas.line(0, 2, &rate) + 2;
    let mut x = 0;
    for (name, number, role) in numbers {
        let number = words::count(number);
        let long = u16::try_from(name.len() + 1 + number.len()).unwrap_or(u16::MAX);
        // On a narrow screen the last ones stand in the next row, before the line of the rate.
        let (at, row) = if x + long <= canvas.width() { (&mut x, 1) } else { (&mut below, 2) };
        *at = canvas.line(*at, row, &[(name, Role::Faint), (" ", Role::Text), (&number, role)]) + 2;
    }
    let x = below;
    let room = canvas.width().saturating_sub(x).min(60);
    bars::sparkline(canvas, x, 2, room, &pane.rates.trend(), Role::Accent);
    let mut x = 0;
    if let Some(why) =
        status.held.as_ref().or(if status.state == State::Failed { status.last_error.as_ref() } else { None })
    {
        x = canvas.put(0, 3, why, Role::Warn) + 2;
    }
    for (tag, count) in pane.history.top_tags(12) {
        let count = words::count(u64::from(count));
        x = canvas.line(x, 3, &[(tag, Role::Accent), (" ", Role::Text), (&count, Role::Faint)]) + 2;
    }
    canvas.rule(4);
    let filter = match &pane.typing {
        Some(input) => format!(" / {}_ ", input.text()),
        None if !pane.history.filter().is_empty() => format!(" / {} ", pane.history.filter()),
        None => String::new(),
    };
    let x = canvas.put(2, 4, &filter, Role::Key);
    if !filter.is_empty() {
        canvas.put(x, 4, &format!(" {} match ", words::count(pane.history.shown() as u64)), Role::Faint);
    }
    if pane.skipped > 0 {
        let skipped = format!(" {} came too fast to be shown ", words::count(pane.skipped));
        canvas.put_right(canvas.width().saturating_sub(2), 4, &skipped, Role::Warn);
    }
}

fn empty(pane: &StreamPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let key = |action| desk.keymap.shown(action).map(|key| key.to_string()).unwrap_or_default();
    let said = if pane.runs() {
        "No post came yet. They are shown here as they come.".to_owned()
    } else {
        format!(
            "The stream does not run. `{}` starts it; `{}` shows where its posts come from.",
            key(crate::console::action::Action::StreamSwitch),
            key(crate::console::action::Action::StreamWishes)
        )
    };
    canvas.inside(2, 1).paragraph(0, &said, Role::Text);
}

fn posts(pane: &StreamPane, canvas: &mut Canvas<'_>) {
    let rows = usize::from(canvas.height());
    let end = pane.end();
    // The chosen one stays in the middle where it can; else the newest are at the bottom.
    let bottom = match pane.chosen {
        None => end,
        Some(chosen) => {
            let half = isize::try_from(rows / 2).unwrap_or(0);
            (pane.history.step(chosen, half, end) + 1).min(end)
        }
    };
    let numbers = pane.history.upto(bottom, rows);
    let indent = rows - numbers.len();
    for (row, number) in (indent..).zip(numbers) {
        let y = u16::try_from(row).unwrap_or(u16::MAX);
        let Some(fields) = pane.history.get(number).and_then(|line| Fields::split(line.as_bytes()).ok())
        else {
            continue;
        };
        post(&fields, pane, y, canvas);
        if pane.chosen == Some(number) {
            canvas.mark_row(y, Role::Chosen);
        }
    }
}

fn post(fields: &Fields<'_>, pane: &StreamPane, y: u16, canvas: &mut Canvas<'_>) {
    let time = fields.text(Column::CreatedAt);
    let clock = time.split(' ').nth(3).unwrap_or("--:--:--");
    canvas.put(0, y, clock, Role::Faint);
    canvas.part(9, y, NAME, 1).put(0, 0, &fields.text(Column::UserScreenName), Role::Strong);
    let mut x = 9 + NAME + 1;
    if fields.get(Column::RetweetedTweet) == b"yes" {
        x = canvas.put(x, y, "RT ", Role::Faint);
    }
    let terms = pane.status.as_ref().map(|status| status.terms.as_slice()).unwrap_or_default();
    for word in fields.text(Column::Text).split_inclusive(' ') {
        let bare = word.trim_matches(|sign: char| !sign.is_alphanumeric()).to_lowercase();
        let role = if !bare.is_empty() && terms.contains(&bare) { Role::Accent } else { Role::Text };
        x = canvas.put(x, y, word, role);
        if x >= canvas.width() {
            return;
        }
    }
    for (column, role) in [
        (Column::TweetTextHashtags, Role::Key),
        (Column::TweetTextUsernames, Role::Good),
        (Column::TweetTextUrls, Role::Faint),
    ] {
        for item in fields.text(column).split('|').filter(|item| !item.is_empty()) {
            x = canvas.put(x + 1, y, item, role);
        }
    }
}

/// A post with its record, field by field.
fn whole(pane: &StreamPane, number: u64, top: usize, canvas: &mut Canvas<'_>) {
    let Some(fields) = pane.history.get(number).and_then(|line| Fields::split(line.as_bytes()).ok()) else {
        canvas.put(0, 0, "this post is no longer remembered", Role::Faint);
        return;
    };
    let width = usize::from(canvas.width());
    let mut lines: Vec<(String, Role)> = text::wrap(&text::sanitise(&fields.text(Column::Text)), width)
        .into_iter()
        .map(|line| (line, Role::Strong))
        .collect();
    lines.push((String::new(), Role::Text));
    for (column, value) in fields.columns() {
        let role = if value.is_empty() || value == "None" { Role::Faint } else { Role::Text };
        lines.push((format!("{:<32} {}", column.name(), value), role));
    }
    let height = usize::from(canvas.height());
    let top = top.min(lines.len().saturating_sub(height));
    for (y, (line, role)) in (0..canvas.height()).zip(lines.iter().skip(top)) {
        canvas.put(0, y, line, *role);
    }
}
