//! How text leaves: the answer on standard output, talk on standard error, with colour and weight on a terminal.
//! Nothing is told by colour alone. A reader that went away has had enough; the work goes on.

use std::fmt::{Arguments, Display};
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;

static COLOUR: OnceLock<bool> = OnceLock::new();

/// Decides once: always, never, or when standard error is a terminal and `NO_COLOR` is not set.
pub(super) fn choose(always: bool, never: bool) {
    let wanted = || {
        let said_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        std::io::stderr().is_terminal() && std::io::stdout().is_terminal() && !said_no
    };
    COLOUR.get_or_init(|| always || (!never && wanted()));
}

fn paint(code: &str, text: impl Display) -> String {
    if COLOUR.get() == Some(&true) { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
}

/// What went well.
pub(super) fn good(text: impl Display) -> String {
    paint("32", text)
}

/// What differs or waits.
pub(super) fn warn(text: impl Display) -> String {
    paint("33", text)
}

/// What failed or destroys.
pub(super) fn bad(text: impl Display) -> String {
    paint("1;31", text)
}

/// What matters less.
pub(super) fn faint(text: impl Display) -> String {
    paint("2", text)
}

/// What matters more.
pub(super) fn strong(text: impl Display) -> String {
    paint("1", text)
}

/// A line of the answer, on standard output.
macro_rules! answer {
    ($($text:tt)*) => { $crate::cli::style::write_line(std::io::stdout(), format_args!($($text)*)) };
}

/// A line of talk, on standard error.
macro_rules! talk {
    ($($text:tt)*) => { $crate::cli::style::write_line(std::io::stderr(), format_args!($($text)*)) };
}

pub(super) use {answer, talk};

pub(super) fn write_line(mut to: impl Write, text: Arguments<'_>) {
    drop(writeln!(to, "{text}"));
}

/// Whether somebody watches standard error.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// A line on standard error in the place of the one before.
pub(super) fn same_line(text: &str) {
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    let text = crate::text::fit(text, columns.saturating_sub(1), "…");
    drop(write!(std::io::stderr(), "\r\u{1b}[2K{text}"));
}

/// Takes that line away.
pub(super) fn clear_line() {
    drop(write!(std::io::stderr(), "\r\u{1b}[2K"));
}

/// Something that came from outside, made safe to show.
pub(super) fn safe(text: impl Display) -> String {
    crate::text::sanitise(&text.to_string())
}
