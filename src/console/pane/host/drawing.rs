//! How the Host pane looks.

use jiff::Timestamp;

use super::{HostPane, word};
use crate::console::action::Action;
use crate::console::app::{Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::host::{Look, Slot};
use crate::console::event::Size;
use crate::console::theme::{Role, Signs};
use crate::console::words;
use crate::host::task::State;
use crate::progress::Phase;

/// Rows of tasks that are seen in a pane of this size.
pub(super) fn seen(area: Size) -> usize {
    usize::from(area.height.saturating_sub(2)).min(12)
}

pub(super) fn draw(pane: &HostPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let left = if width >= 110 { 46 } else { 34 };
    system(pane, desk, &mut canvas.part(0, 0, left - 1, height));
    let upright = canvas.signs().upright;
    for y in 0..height {
        canvas.put(left - 1, y, upright, Role::Faint);
    }
    let mut right = canvas.part(left + 1, 0, width.saturating_sub(left + 1), height);
    let rows = u16::try_from(pane.done.len().max(pane.told.len()).clamp(3, 12)).unwrap_or(12);
    let wide = right.width();
    tasks(pane, desk, &mut right.part(0, 0, wide, rows + 2));
    journal(pane, &mut right.part(0, rows + 3, wide, height.saturating_sub(rows + 3)));
}

fn system(pane: &HostPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    canvas.put(0, 0, "Host", Role::Faint);
    let width = canvas.width();
    let looking = desk.tasks.runs(Slot::Look);
    let Some((at, look)) = &pane.look else {
        let (text, role) = match (&pane.trouble, &pane.none, &desk.session) {
            (Some(trouble), _, _) => (trouble.sentence.clone(), Role::Bad),
            (None, Some(why), _) => (why.clone(), Role::Faint),
            (None, None, Session::Connecting) => ("signing in…".to_owned(), Role::Faint),
            (None, None, Session::Failed(_) | Session::Unset(_)) => ("not signed in".to_owned(), Role::Faint),
            (None, None, Session::Connected(_)) => ("connecting over ssh…".to_owned(), Role::Faint),
        };
        canvas.part(0, 2, width.saturating_sub(1), 12).paragraph(0, &text, role);
        return;
    };
    let (sign, role, state) = match &pane.trouble {
        None => (signs.ready, Role::Good, "reachable"),
        Some(_) if looking => (signs.working, Role::Warn, "trying again"),
        Some(_) => (signs.failed, Role::Bad, "does not answer"),
    };
    let x = canvas.line(0, 2, &[(sign, role), (" ", role), (state, role)]);
    let ago = words::since(*at, desk.now);
    canvas.put(x, 2, &format!("  {ago}{}", if ago == "now" { "" } else { " ago" }), Role::Faint);
    let mut y = 4;
    for (name, value, role) in rows(look) {
        canvas.put(0, y, name, Role::Faint);
        canvas.part(10, y, width.saturating_sub(11), 1).put(0, 0, &value, role);
        y += 1;
    }
    y += 1;
    canvas.put(0, y, "Service", Role::Faint);
    service(look, desk, &mut canvas.part(0, y + 1, width.saturating_sub(1), 6));
}

fn rows(look: &Look) -> Vec<(&'static str, String, Role)> {
    let facts = &look.facts;
    let used = |free: u64, all: u64| {
        let tight = all > 0 && free < all / 10;
        (
            format!("{} free of {}", words::bytes(free), words::bytes(all)),
            if tight { Role::Warn } else { Role::Text },
        )
    };
    let (memory, memory_role) = used(facts.memory_free, facts.memory);
    let (disk, disk_role) = used(facts.disk_free, facts.disk);
    let busy = facts.load > facts.processors.max(1) * 200;
    let skewed = facts.clock_ahead_s.abs() > 30;
    let plain = Role::Text;
    vec![
        ("address", look.address.clone(), Role::Strong),
        ("instance", look.instance.clone().unwrap_or_else(|| "not the stack's".to_owned()), plain),
        ("system", facts.distribution.clone(), plain),
        ("", format!("{}, {}", facts.architecture, facts.libc), plain),
        ("up", format!("{} h {} min", facts.up_s / 3600, facts.up_s / 60 % 60), plain),
        (
            "load",
            format!("{}.{:02} on {} CPU", facts.load / 100, facts.load % 100, facts.processors),
            if busy { Role::Warn } else { plain },
        ),
        ("memory", memory, memory_role),
        ("disk", disk, disk_role),
        ("clock", clock(facts.clock_ahead_s), if skewed { Role::Warn } else { plain }),
        ("systemd", if facts.systemd { "yes" } else { "no" }.to_owned(), plain),
    ]
}

fn clock(ahead: i64) -> String {
    match ahead {
        -2..=2 => "right".to_owned(),
        3.. => format!("{ahead} s ahead"),
        _ => format!("{} s behind", ahead.unsigned_abs()),
    }
}

fn service(look: &Look, desk: &Desk, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    let Some(service) = &look.service else {
        let key = desk.key(Action::HostProvision);
        canvas.paragraph(0, &format!("hydrant is not there yet: {key} provisions the host."), Role::Faint);
        return;
    };
    let (sign, role) = match service.state.as_str() {
        "running" => (signs.ready, Role::Good),
        "starting" | "draining" => (signs.working, Role::Warn),
        "failed" => (signs.failed, Role::Bad),
        _ => (signs.absent, Role::Faint),
    };
    canvas.line(0, 0, &[(sign, role), (" ", role), (&service.state, role)]);
    let sent = format!(
        "{} received, {} delivered, {} waiting",
        words::count(service.received),
        words::count(service.delivered),
        words::count(service.pending)
    );
    canvas.put(0, 1, &sent, Role::Text);
    if let Some(error) = &service.last_error {
        canvas.part(0, 2, canvas.width(), 4).paragraph(0, error, Role::Warn);
    }
}

fn of_state(signs: &Signs, state: State) -> (&'static str, Role) {
    match state {
        State::Ok => (signs.ready, Role::Good),
        State::Changed => (signs.ready, Role::Accent),
        State::WouldChange => (signs.drifted, Role::Warn),
        State::Failed => (signs.failed, Role::Bad),
        State::Skipped => (signs.absent, Role::Faint),
    }
}

fn tasks(pane: &HostPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let signs = canvas.signs();
    let width = canvas.width();
    let running = desk.tasks.runs(Slot::Provision);
    canvas.put(
        0,
        0,
        if running { "Tasks, under way" } else { "Tasks" },
        if running { Role::Accent } else { Role::Faint },
    );
    if running {
        for (y, (name, report)) in (1..canvas.height()).zip(&pane.told) {
            let (sign, role) = match report.phase {
                Phase::Acting | Phase::Waiting => (signs.working, Role::Warn),
                Phase::Done => (signs.ready, Role::Good),
                Phase::Failed => (signs.failed, Role::Bad),
                Phase::Skipped => (signs.absent, Role::Faint),
            };
            canvas.line(
                2,
                y,
                &[(sign, role), (" ", role), (&format!("{name:<12} "), Role::Text), (&report.text, role)],
            );
        }
        return;
    }
    if pane.done.is_empty() {
        let key = desk.key(Action::HostProvision);
        let text = format!(
            "Nothing was provisioned from here yet. {key} looks what the host lacks, shows it, and asks."
        );
        canvas.part(0, 1, width, 3).paragraph(0, &text, Role::Faint);
        return;
    }
    let top = pane.table.top(usize::from(canvas.height().saturating_sub(1)));
    for (y, (index, done)) in (1..canvas.height()).zip(pane.done.iter().enumerate().skip(top)) {
        let (sign, role) = of_state(&signs, done.state);
        let head = format!("{:<10} {:<12} ", word(done.state), done.task);
        canvas.line(2, y, &[(sign, role), (" ", role), (&head, role), (&done.text, Role::Text)]);
        if index == pane.table.chosen {
            canvas.mark_row(y, Role::Strong);
            canvas.put(0, y, signs.pointer, Role::Accent);
        }
    }
}

fn journal(pane: &HostPane, canvas: &mut Canvas<'_>) {
    canvas.put(0, 0, "Journal of the service", Role::Faint);
    let lines = pane.look.as_ref().map_or(&[][..], |(_, look)| &look.journal);
    if lines.is_empty() {
        canvas.put(0, 1, "It has written nothing yet.", Role::Faint);
        return;
    }
    let room = usize::from(canvas.height().saturating_sub(1));
    for (y, line) in (1..canvas.height()).zip(lines.iter().skip(lines.len().saturating_sub(room))) {
        let role = match crate::logs::line::Level::of(line) {
            crate::logs::line::Level::Error => Role::Bad,
            crate::logs::line::Level::Warn => Role::Warn,
            _ => Role::Text,
        };
        canvas.put(0, y, &short(line), role);
    }
}

/// A line of hydrant's own without what it takes much room for: the day, parts of seconds, and where in it that was said.
fn short(line: &str) -> String {
    let parts = line.split_once(' ').and_then(|(at, rest)| Some((at.parse::<Timestamp>().ok()?, rest)));
    let Some((at, rest)) = parts else { return line.to_owned() };
    let (level, said) = rest.trim_start().split_once(' ').unwrap_or(("", rest));
    let said = match said.split_once(": ") {
        Some((place, said)) if place.starts_with("hydrant") && !place.contains(' ') => said,
        _ => said,
    };
    format!("{} {level:<5} {said}", at.strftime("%H:%M:%S"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_journal_says_when_how_bad_and_what() {
        let line = "2026-11-20T14:01:30.125Z  WARN hydrant::stream: X closed the stream: again in 1.2 s";
        assert_eq!(short(line), "14:01:30 WARN  X closed the stream: again in 1.2 s");
        for line in ["no time before it", "2026-11-20T14:01:30Z", ""] {
            assert_eq!(short(line), line);
        }
    }
}
