//! How the Stream pane is drawn: counters on top, posts below, or one post whole; where both streams run, twice.

use super::StreamPane;
use super::side::Side;
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::effect::stream::On;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::console::widget::bars;
use crate::console::words;
use crate::stream::live::{State, Status};
use crate::stream::record::{Column, Fields};
use crate::text;

/// Rows above the posts; where there is little width, one more for counters.
const HEAD: u16 = 5;
const NARROW: u16 = 80;
/// From this width on, there is room for two streams side by side.
const WIDE: u16 = 110;
/// How wide the authors' names are.
const NAME: u16 = 16;

/// How many posts are seen.
pub(super) fn seen(area: Size) -> usize {
    usize::from(area.height.saturating_sub(HEAD)).max(1)
}

fn is_split(pane: &StreamPane, width: u16) -> bool {
    pane.both_run() && width >= WIDE
}

/// Whose side a column is, where there are two.
pub(super) fn side_at(pane: &StreamPane, area: Size, x: u16) -> Option<On> {
    let on = if x < area.width / 2 { On::Local } else { On::Host };
    is_split(pane, area.width).then_some(on)
}

/// Draws the pane.
pub(super) fn draw(pane: &StreamPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    if !is_split(pane, width) {
        return stream(pane, pane.on(), desk, canvas);
    }
    let left = width / 2;
    stream(pane, On::Local, desk, &mut canvas.part(0, 0, left - 1, height));
    let upright = canvas.signs().upright;
    for y in 0..height {
        canvas.put(left, y, upright, Role::Faint);
    }
    stream(pane, On::Host, desk, &mut canvas.part(left + 2, 0, width - left - 2, height));
}

/// One of the two streams.
fn stream(pane: &StreamPane, on: On, desk: &Desk, canvas: &mut Canvas<'_>) {
    let side = pane.side(on);
    let (width, height) = (canvas.width(), canvas.height());
    let rows = if width < NARROW - 2 { HEAD + 1 } else { HEAD };
    match &side.status {
        Some(status) => head(pane, on, status, &mut canvas.part(0, 0, width, rows)),
        None => nothing_yet(pane, on, &mut canvas.part(0, 0, width, rows)),
    }
    other(pane, on, desk, &mut canvas.part(0, 0, width, 1));
    let mut body = canvas.part(0, rows, width, height.saturating_sub(rows));
    if let Some((number, top)) = side.open {
        whole(side, number, top, &mut body);
    } else if side.history.is_empty() {
        empty(side, desk, &mut body);
    } else {
        posts(side, &mut body);
    }
}

fn nothing_yet(pane: &StreamPane, on: On, canvas: &mut Canvas<'_>) {
    let side = pane.side(on);
    let no_host = pane.no_host.as_ref().filter(|_| on == On::Host);
    match (&side.trouble, no_host) {
        (Some(trouble), _) => canvas.part(0, 1, canvas.width(), 4).paragraph(0, &trouble.sentence, Role::Bad),
        (None, Some(why)) => canvas.part(0, 1, canvas.width(), 4).paragraph(0, why, Role::Faint),
        (None, None) => canvas.put(0, 0, &format!("looking for the stream on {}", on.name()), Role::Faint),
    };
}

/// How the stream is that is not seen, if there is anything to say of it.
fn other(pane: &StreamPane, on: On, desk: &Desk, canvas: &mut Canvas<'_>) {
    let other = pane.side(on.other());
    let has_news = other.runs() || other.pending() > 0;
    let Some(status) = other.status.as_ref().filter(|_| has_news && !is_split(pane, desk.area().width))
    else {
        return;
    };
    let key = desk.keymap.shown(Action::StreamOther).map(|key| key.to_string()).unwrap_or_default();
    let pending = words::count(status.counters.pending);
    let text = format!("{key} {}: {}, {pending} waiting", on.other().name(), status.state.name());
    canvas.put_right(canvas.width(), 0, &text, Role::Accent);
}

fn sign(status: &Status, canvas: &Canvas<'_>) -> (&'static str, Role) {
    let signs = canvas.signs();
    match status.state {
        State::Running => (signs.ready, Role::Good),
        State::Starting | State::Draining => (signs.working, Role::Warn),
        State::Stopped => (signs.absent, Role::Faint),
        State::Failed => (signs.failed, Role::Bad),
    }
}

fn head(pane: &StreamPane, on: On, status: &Status, canvas: &mut Canvas<'_>) {
    let side = pane.side(on);
    let rows = canvas.height();
    let rule = rows - 1;
    first_row(pane, on, status, canvas);
    counters(side, status, rows - 3, canvas);
    let held = status.held.as_ref();
    let failed = status.last_error.as_ref().filter(|_| status.state == State::Failed);
    let mut x = match (&side.trouble, held.or(failed)) {
        (Some(trouble), _) => canvas.put(0, rule - 1, &trouble.sentence, Role::Bad) + 2,
        (None, Some(why)) => canvas.put(0, rule - 1, why, Role::Warn) + 2,
        (None, None) => 0,
    };
    for (tag, count) in side.history.top_tags(12) {
        let count = words::count(count);
        x = canvas.line(x, rule - 1, &[(tag, Role::Accent), (" ", Role::Text), (&count, Role::Faint)]) + 2;
    }
    canvas.rule(rule);
    let filter = match &pane.typing {
        Some(input) => format!(" / {}_ ", input.text()),
        None if !side.history.filter().is_empty() => format!(" / {} ", side.history.filter()),
        None => String::new(),
    };
    let x = canvas.put(2, rule, &filter, Role::Key);
    if !filter.is_empty() {
        canvas.put(x, rule, &format!(" {} match ", words::count(side.history.shown())), Role::Faint);
    }
    if side.skipped > 0 {
        let skipped = format!(" {} came too fast to be shown ", words::count(side.skipped));
        canvas.put_right(canvas.width().saturating_sub(2), rule, &skipped, Role::Warn);
    }
}

/// Whose stream it is, how it is, from where to where, and what it costs.
fn first_row(pane: &StreamPane, on: On, status: &Status, canvas: &mut Canvas<'_>) {
    let mut x = 0;
    if on == On::Host || pane.there.status.is_some() {
        let role = if pane.both_run() && pane.on() == on { Role::Key } else { Role::Strong };
        x = canvas.put(0, 0, on.name(), role) + 1;
    }
    let (sign, role) = sign(status, canvas);
    x = canvas.line(x, 0, &[(sign, role), (" ", Role::Text), (status.state.name(), role)]);
    if !status.source.is_empty() {
        let (sinks, arrow) = (status.sinks.join(", "), canvas.signs().arrow);
        let space = (" ", Role::Text);
        let way =
            [(status.source.as_str(), Role::Text), space, (arrow, Role::Faint), space, (&sinks, Role::Text)];
        x = canvas.line(x + 2, 0, &way);
    }
    if let Some(spent) = &status.spent {
        let spent = format!("${:.2} run  ${:.2} today  ${:.2} month", spent.run, spent.today, spent.month);
        x = canvas.put(x + 2, 0, &spent, Role::Warn);
    }
    if pane.paused {
        let waiting = words::count(pane.side(on).waiting());
        canvas.put(x + 2, 0, &format!("paused, {waiting} waiting"), Role::Accent);
    }
}

/// What became of all posts, how fast they come and how long they wait: in the rows from 1 to `last`.
fn counters(side: &Side, status: &Status, last: u16, canvas: &mut Canvas<'_>) {
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
    let mut below = canvas.line(0, last, &rate) + 2;
    let (mut x, mut row) = (0, 1);
    for (name, number, role) in numbers {
        let number = words::count(number);
        let long = u16::try_from(name.len() + 1 + number.len()).unwrap_or(u16::MAX);
        if row < last && x + long > canvas.width() {
            (x, row) = (0, row + 1);
        }
        // On a narrow screen the last ones stand behind the rate.
        let at = if row < last { &mut x } else { &mut below };
        *at = canvas.line(*at, row, &[(name, Role::Faint), (" ", Role::Text), (&number, role)]) + 2;
    }
    let room = canvas.width().saturating_sub(below).min(60);
    bars::sparkline(canvas, below, last, room, &side.rates.trend(), Role::Accent);
}

fn empty(side: &Side, desk: &Desk, canvas: &mut Canvas<'_>) {
    let key = |action| desk.keymap.shown(action).map(|key| key.to_string()).unwrap_or_default();
    let said = if side.runs() {
        "No post came yet. They are shown here as they come.".to_owned()
    } else {
        format!(
            "The stream does not run. `{}` starts it; `{}` shows where its posts come from.",
            key(Action::StreamSwitch),
            key(Action::StreamWishes)
        )
    };
    canvas.inside(2, 1).paragraph(0, &said, Role::Text);
}

fn posts(side: &Side, canvas: &mut Canvas<'_>) {
    let rows = usize::from(canvas.height());
    let end = side.end();
    // The chosen one stays in the middle where it can; else the newest are at the bottom.
    let bottom = match side.chosen {
        None => end,
        Some(chosen) => {
            let half = isize::try_from(rows / 2).unwrap_or(0);
            (side.history.step(chosen, half, end) + 1).min(end)
        }
    };
    let numbers = side.history.upto(bottom, rows);
    let indent = rows - numbers.len();
    for (row, number) in (indent..).zip(numbers) {
        let y = u16::try_from(row).unwrap_or(u16::MAX);
        let Some(fields) = side.history.get(number).and_then(|line| Fields::split(line.as_bytes()).ok())
        else {
            continue;
        };
        post(&fields, side, y, canvas);
        if side.chosen == Some(number) {
            canvas.mark_row(y, Role::Chosen);
        }
    }
}

fn post(fields: &Fields<'_>, side: &Side, y: u16, canvas: &mut Canvas<'_>) {
    let time = fields.text(Column::CreatedAt);
    let clock = time.split(' ').nth(3).unwrap_or("--:--:--");
    canvas.put(0, y, clock, Role::Faint);
    canvas.part(9, y, NAME, 1).put(0, 0, &fields.text(Column::UserScreenName), Role::Strong);
    let mut x = 9 + NAME + 1;
    if fields.get(Column::RetweetedTweet) == b"yes" {
        x = canvas.put(x, y, "RT ", Role::Faint);
    }
    let terms = side.status.as_ref().map(|status| status.terms.as_slice()).unwrap_or_default();
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
fn whole(side: &Side, number: u64, top: usize, canvas: &mut Canvas<'_>) {
    let Some(fields) = side.history.get(number).and_then(|line| Fields::split(line.as_bytes()).ok()) else {
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
