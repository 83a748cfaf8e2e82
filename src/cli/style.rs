//! How text leaves: the answer on standard output, talk on standard error, with colour and weight on a terminal.
//! Nothing is told by colour alone. A reader that went away has had enough; the work goes on.

use std::ffi::OsStr;
use std::fmt::{Arguments, Display};
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

static COLOUR: OnceLock<bool> = OnceLock::new();
/// Why some of the answer could not be written.
static UNWRITTEN: Mutex<Option<io::Error>> = Mutex::new(None);

/// Decides once: always, never, or when both streams are terminals that take sequences and `NO_COLOR` is not set.
pub(super) fn choose(always: bool, never: bool) {
    let wanted = || {
        let said_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        takes_sequences(&std::io::stderr()) && takes_sequences(&std::io::stdout()) && !said_no
    };
    COLOUR.get_or_init(|| always || (!never && wanted()));
}

/// Whether what is written there may be coloured, and written over.
fn takes_sequences(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !is_dumb(std::env::var_os("TERM").as_deref())
}

/// A terminal that says of itself that it shows whatever it is sent, such as a shell within an editor.
fn is_dumb(term: Option<&OsStr>) -> bool {
    term.is_some_and(|term| term == "dumb")
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
    ($($text:tt)*) => { $crate::cli::style::answer_line(format_args!($($text)*)) };
}

/// A line of talk, on standard error.
macro_rules! talk {
    ($($text:tt)*) => { $crate::cli::style::talk_line(format_args!($($text)*)) };
}

pub(super) use {answer, talk};

pub(super) fn talk_line(text: Arguments<'_>) {
    drop(writeln!(io::stderr(), "{text}"));
}

pub(super) fn answer_line(text: Arguments<'_>) {
    drop(answer_piece(format!("{text}\n").as_bytes()));
}

/// Writes a piece of the answer as it is. Most have nothing to do about a failure: the run ends with it by itself, unless
/// it is only a reader that went away.
pub(super) fn answer_piece(piece: &[u8]) -> io::Result<()> {
    let mut out = io::stdout();
    // What would wait in a buffer until the end would fail there unseen.
    let written = out.write_all(piece).and_then(|()| out.flush());
    if let Err(error) = &written
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        // Of an error there is one; its kind and its words are all that is told of it.
        let again = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(again);
    }
    written
}

/// Why some of the answer could not be written, if so: a disk that is full, say.
pub(super) fn unwritten() -> Option<io::Error> {
    UNWRITTEN.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// Whether somebody watches standard error.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// A line on standard error in the place of the one before; none where a line cannot be written over.
pub(super) fn same_line(text: &str) {
    if !takes_sequences(&std::io::stderr()) {
        return;
    }
    let columns = crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns));
    let text = crate::text::fit(text, columns.saturating_sub(1), "…");
    drop(write!(std::io::stderr(), "\r\u{1b}[2K{text}"));
}

/// Takes that line away.
pub(super) fn clear_line() {
    if takes_sequences(&std::io::stderr()) {
        drop(write!(std::io::stderr(), "\r\u{1b}[2K"));
    }
}

/// Something that came from outside, made safe to show.
pub(super) fn safe(text: impl Display) -> String {
    crate::text::sanitise(&text.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dumb_terminal_is_sent_no_sequences() {
        let is_dumb = |term: &str| is_dumb(Some(OsStr::new(term)));
        assert!(is_dumb("dumb") && !is_dumb("xterm-256color") && !super::is_dumb(None));
    }
}
