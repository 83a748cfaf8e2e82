//! How the Logs pane looks.

use super::{Focus, LogsPane, Typing};
use crate::console::action::Action;
use crate::console::app::{Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::logs::Slot;
use crate::console::event::Size;
use crate::console::theme::{Role, Signs};
use crate::console::words;
use crate::logs::line::{Folded, Level};
use crate::logs::{LogEvent, Note, own};

/// Rows of lines that are seen in a pane of this size: all but the head and what is typed.
pub(super) fn seen(area: Size) -> usize {
    usize::from(area.height.saturating_sub(2))
}

/// How wide the list of groups is.
pub(super) fn list_width(width: u16) -> u16 {
    if width >= 150 {
        44
    } else if width >= 110 {
        32
    } else {
        24
    }
}

/// The first line that is seen, when so many are.
pub(super) fn top(pane: &LogsPane, seen: usize) -> usize {
    match pane.chosen {
        None => pane.lines.len().saturating_sub(seen),
        // The size may have changed since.
        Some(line) => pane.top.clamp((line + 1).saturating_sub(seen.max(1)), line),
    }
}

pub(super) fn draw(pane: &LogsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let list = list_width(width);
    groups(pane, desk, &mut canvas.part(0, 0, list - 1, height));
    let upright = canvas.signs().upright;
    for y in 0..height {
        canvas.put(list - 1, y, upright, Role::Faint);
    }
    let mut right = canvas.part(list + 1, 0, width.saturating_sub(list + 1), height);
    head(pane, desk, &mut right);
    let body = height.saturating_sub(2);
    let wide = right.width();
    tail(pane, desk, &mut right.part(0, 1, wide, body));
    foot(pane, &mut right.part(0, height.saturating_sub(1), wide, 1));
}

fn groups(pane: &LogsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let focused = pane.focus == Focus::Groups;
    canvas.put(0, 0, "Groups", if focused { Role::Accent } else { Role::Faint });
    let width = canvas.width();
    if let Some(trouble) = &pane.groups_trouble {
        canvas.part(0, 1, width, 12).paragraph(0, &trouble.sentence, Role::Bad);
        return;
    }
    if pane.groups.is_empty() {
        let why = match &desk.session {
            Session::Connecting => "signing in…",
            Session::Failed(_) | Session::Unset(_) => "not signed in",
            Session::Connected(_) => "listing the groups…",
        };
        canvas.put(0, 1, why, Role::Faint);
        return;
    }
    let height = usize::from(canvas.height().saturating_sub(2));
    let top = pane.list.top(height);
    for (y, (index, group)) in (1..canvas.height()).zip(pane.groups.iter().enumerate().skip(top)) {
        let followed = pane.followed.contains(&group.name);
        let size = if group.name == own::NAME { String::new() } else { words::bytes(group.bytes) };
        let role = if followed { Role::Strong } else { Role::Text };
        let (sign, sign_role) = match (followed, pane.gone.contains(&group.name)) {
            (true, true) => (canvas.signs().failed, Role::Bad),
            (true, false) => (canvas.signs().ready, Role::Good),
            (false, _) => (" ", Role::Good),
        };
        let mark = if pane.list.marked.contains(&index) { "+" } else { " " };
        // The end of a name tells groups apart better than its beginning does.
        let room = usize::from(width).saturating_sub(5 + size.len() + 1);
        let name = tail_of(&group.name, room, canvas.signs().more);
        canvas.line(
            0,
            y,
            &[(" ", role), (mark, Role::Accent), (sign, sign_role), (" ", role), (&name, role)],
        );
        canvas.put_right(width, y, &size, Role::Faint);
        if index == pane.list.chosen && focused {
            let pointer = canvas.signs().pointer;
            canvas.mark_row(y, Role::Strong);
            canvas.put(0, y, pointer, Role::Accent);
        }
    }
}

/// A name cut at its beginning.
fn tail_of(name: &str, room: usize, more: &str) -> String {
    let count = name.chars().count();
    if count <= room {
        return name.to_owned();
    }
    let end: String = name.chars().skip(count - room.saturating_sub(1)).collect();
    format!("{more}{end}")
}

fn head(pane: &LogsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let dot = format!(" {} ", canvas.signs().dot);
    let focused = pane.focus == Focus::Lines;
    let role = if focused { Role::Accent } else { Role::Strong };
    let width = canvas.width();
    let (state, state_role) = state(pane, desk, &canvas.signs());
    let right = u16::try_from(state.chars().count()).unwrap_or(0) + 2;
    let followed = match pane.followed.as_slice() {
        [] => "nothing is followed".to_owned(),
        [one] => tail_of(one, usize::from(width.saturating_sub(right + 14)).max(12), canvas.signs().more),
        several => format!("{} groups", several.len()),
    };
    let mut left = canvas.part(0, 0, width.saturating_sub(right), 1);
    let x = left.line(0, 0, &[(&followed, role), (&dot, Role::Faint)]);
    let x = left.put(x, 0, &format!("since {}", pane.since), Role::Text);
    if let Some(pattern) = &pane.pattern {
        left.line(x, 0, &[(&dot, Role::Faint), (pattern, Role::Warn)]);
    }
    canvas.put_right(width, 0, &state, state_role);
}

/// How the reading goes, in a word or two.
fn state(pane: &LogsPane, desk: &Desk, signs: &Signs) -> (String, Role) {
    let (sign, text, role) = if !desk.tasks.runs(Slot::Tail) {
        (signs.absent, "not followed".to_owned(), Role::Faint)
    } else if pane.chosen.is_some() {
        (signs.working, format!("paused, {} new", words::count(pane.waiting)), Role::Warn)
    } else {
        match &pane.note {
            None => (signs.working, "reading".to_owned(), Role::Warn),
            // Which group is gone is said elsewhere: the others go on.
            Some(Note::Live | Note::CaughtUp | Note::Answered | Note::Gone(_)) if pane.live.is_on() => {
                (signs.ready, "live, $0.01 a minute".to_owned(), Role::Good)
            }
            Some(Note::Live | Note::CaughtUp | Note::Answered | Note::Gone(_)) => {
                (signs.ready, "following".to_owned(), Role::Good)
            }
            Some(Note::Polling(_)) => (signs.ready, "asking every 2 s".to_owned(), Role::Good),
            Some(Note::Sampled) => (signs.drifted, "sampled".to_owned(), Role::Warn),
            Some(Note::Again { throttled, after, .. }) => {
                let what = if *throttled { "throttled" } else { "no answer" };
                (signs.drifted, format!("{what}, again in {} s", after.as_secs() + 1), Role::Warn)
            }
        }
    };
    (format!("{sign} {text}"), role)
}

fn tail(pane: &LogsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if pane.lines.is_empty() {
        let [open, mark, since] =
            [Action::Open, Action::LogsMark, Action::LogsSince].map(|action| desk.key(action));
        let text = if pane.followed.is_empty() {
            format!("Choose a group and open it with {open}; mark several with {mark} to see them as one.")
        } else if desk.tasks.runs(Slot::Tail) && pane.note.is_none() {
            "Reading what there is…".to_owned()
        } else {
            format!("No line in this time. {since} begins earlier; what comes in is shown as it comes.")
        };
        canvas.part(0, 1, canvas.width(), 4).paragraph(0, &text, Role::Faint);
        return;
    }
    let height = usize::from(canvas.height());
    let top = top(pane, height);
    let several = pane.followed.len() > 1;
    for (y, index) in (0..canvas.height()).zip(top..) {
        let Some(event) = pane.lines.get(index) else { break };
        line(pane, event, several, y, canvas);
        if pane.chosen == Some(index) {
            canvas.mark_row(y, Role::Strong);
            let pointer = canvas.signs().pointer;
            canvas.put(0, y, pointer, Role::Accent);
        }
    }
}

fn line(pane: &LogsPane, event: &LogEvent, several: bool, y: u16, canvas: &mut Canvas<'_>) {
    let level = Level::of(&event.message);
    let role = match level {
        Level::Error => Role::Bad,
        Level::Warn => Role::Warn,
        Level::Debug => Role::Faint,
        Level::Info | Level::Unknown => Role::Text,
    };
    let time = event.at.strftime("%H:%M:%S").to_string();
    let mut x = canvas.line(2, y, &[(&time, Role::Faint), (" ", Role::Faint)]);
    // A level is said in a letter too: colour alone tells nothing.
    x = canvas.put(x, y, level.word().get(..1).unwrap_or(" "), role);
    x = canvas.put(x, y, " ", role);
    if event.is_late {
        x = canvas.put(x, y, "late ", Role::Warn);
    }
    if several {
        x = canvas.line(
            x,
            y,
            &[(&tail_of(&event.group, 14, canvas.signs().more), Role::Accent), (" ", role)],
        );
    }
    let found = pane.search.as_ref().is_some_and(|search| search.is_match(&event.message));
    let role = if found { Role::Accent } else { role };
    match Folded::of(&event.message) {
        Some(folded) => {
            x = canvas.put(x, y, &folded.text, role);
            for (name, value) in &folded.fields {
                x = canvas.line(
                    x,
                    y,
                    &[("  ", role), (name, Role::Faint), ("=", Role::Faint), (value, role)],
                );
            }
        }
        None => {
            canvas.put(x, y, event.message.trim_end(), role);
        }
    }
}

fn foot(pane: &LogsPane, canvas: &mut Canvas<'_>) {
    if let Some((typing, input)) = &pane.typing {
        let prompt = match typing {
            Typing::Search => "search (a regular expression): ",
            Typing::Pattern => "CloudWatch filter pattern: ",
            Typing::Since => "since (10m, 2h, 1d, a time): ",
            Typing::Save => "write the lines to: ",
        };
        let x = canvas.put(0, 0, prompt, Role::Accent);
        input.draw(canvas, x, 0);
        return;
    }
    let mut said = vec![words::counted(pane.lines.len(), "line", "lines")];
    if pane.lines.gone() > 0 {
        said.push(format!("{} let go", words::counted(pane.lines.gone(), "older one", "older ones")));
    }
    if pane.dropped > 0 {
        said.push(format!("{} came too fast to be shown", words::count(pane.dropped)));
    }
    said.extend(pane.gone.iter().map(|group| format!("{group}: deleted")));
    if let Some(search) = &pane.search {
        said.push(format!("searching {search}"));
    }
    canvas.put(0, 0, &said.join(&format!(" {} ", canvas.signs().dot)), Role::Faint);
}
