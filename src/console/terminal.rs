//! The terminal: taken over and given back, whatever happens in between.

use std::io::{Stdout, Write, stdout};
use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::style::Print;
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute, queue};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use tokio_util::sync::CancellationToken;

/// Buttons and the wheel, by cells; not every movement, which nothing here needs and every terminal sends.
const MOUSE_ON: &str = "\u{1b}[?1000h\u{1b}[?1006h";
const MOUSE_OFF: &str = "\u{1b}[?1006l\u{1b}[?1000l";

/// Whether this process has the terminal: it is given back once.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The screen while the console has it. Dropping it gives it back.
#[derive(Debug)]
pub struct Screen {
    /// Not dropped: it would show the cursor, which is done already, and panic where the terminal is gone.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<Stdout>>>,
}

impl Screen {
    /// Takes the terminal over.
    pub fn take() -> std::io::Result<Self> {
        enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let entered = execute!(
            stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            Print(MOUSE_ON),
            cursor::Hide
        );
        let terminal = entered.and_then(|()| Terminal::new(CrosstermBackend::new(stdout())));
        match terminal {
            Ok(terminal) => Ok(Self { terminal: ManuallyDrop::new(terminal) }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Draws a frame as one: a terminal that knows how shows none of it before all of it.
    pub fn draw(&mut self, draw: impl FnOnce(&mut Buffer)) -> std::io::Result<()> {
        queue!(stdout(), BeginSynchronizedUpdate)?;
        self.terminal.draw(|frame| draw(frame.buffer_mut()))?;
        execute!(stdout(), EndSynchronizedUpdate)
    }

    /// The size in cells.
    pub fn size(&self) -> std::io::Result<(u16, u16)> {
        let size = self.terminal.size()?;
        Ok((size.width, size.height))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back, if it was taken. Safe to call from anywhere, and again.
pub fn give_back() {
    if TAKEN.swap(false, Ordering::SeqCst) {
        // There is nobody to tell if this fails.
        drop(execute!(
            stdout(),
            Print(MOUSE_OFF),
            DisableFocusChange,
            DisableBracketedPaste,
            LeaveAlternateScreen,
            cursor::Show
        ));
        drop(disable_raw_mode());
    }
}

/// Puts text on the clipboard of the terminal, which may be at the other end of an ssh connection (OSC 52).
pub fn copy(text: &str) -> std::io::Result<()> {
    let mut out = stdout();
    write!(out, "\u{1b}]52;c;{}\u{7}", BASE64_STANDARD.encode(text))?;
    out.flush()
}

/// What a panic beside the console's own thread left to be said once the terminal is given back.
static FAULT: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic leaves a report in the folder, and asks the console to stop. On this thread, which is the console's
/// own, it gives the terminal back and says where the report is. On any other the console still draws: it is for the
/// console to end, give the terminal back, and say so then ([`fault`]).
pub fn report_panics(folder: PathBuf, stop: CancellationToken) {
    let own = std::thread::current().id();
    std::panic::set_hook(Box::new(move |panic| {
        let report = format!(
            "hydrant {} met a fault of its own.\n\n{panic}\n\n{}\n",
            env!("CARGO_PKG_VERSION"),
            std::backtrace::Backtrace::force_capture()
        );
        let said = match write_report(&folder, &report) {
            Ok(path) => format!("hydrant: a fault of its own; the report is in {}", path.display()),
            Err(_) => report,
        };
        if std::thread::current().id() == own {
            give_back();
            say(&said);
        } else {
            FAULT.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(said);
        }
        stop.cancel();
    }));
}

/// What is to be said of a panic that ended the console.
pub fn fault() -> Option<String> {
    FAULT.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// One panic may lead to others: all of a process are in one file.
fn write_report(folder: &Path, report: &str) -> std::io::Result<PathBuf> {
    crate::settings::Folders::make_private(folder)?;
    let path = folder.join(format!("panic-{}.txt", std::process::id()));
    std::fs::OpenOptions::new().create(true).append(true).open(&path)?.write_all(report.as_bytes())?;
    Ok(path)
}

/// Says something once the screen is the shell's again. A terminal that is gone hears nothing, and that is no fault.
pub fn say(text: &str) {
    drop(writeln!(std::io::stderr(), "{text}"));
}

/// Whether another program has the terminal.
static LENT: AtomicBool = AtomicBool::new(false);

/// Whether another program has the terminal: an interrupt that comes from it is meant for that one. ssh reads it raw
/// once it is connected, and until then `ctrl-c` reaches both.
pub fn is_lent() -> bool {
    LENT.load(Ordering::SeqCst)
}

/// Runs a program in the terminal until it ends.
pub fn run(program: &super::effect::Program) -> std::io::Result<()> {
    let mut out = stdout();
    writeln!(out, "{}", crate::text::sanitise(&program.said))?;
    out.flush()?;
    LENT.store(true, Ordering::SeqCst);
    let ended = std::process::Command::new(&program.name).args(&program.arguments).status();
    // The signal that ended it has come here too, and may not have been looked at yet.
    std::thread::sleep(std::time::Duration::from_millis(50));
    LENT.store(false, Ordering::SeqCst);
    match ended {
        Ok(_) => Ok(()),
        Err(error) => writeln!(out, "hydrant: cannot run {}: {error}", program.name),
    }
}

/// Stops until the shell brings it back, as the terminal's own `ctrl-z` would: whoever runs hydrant for the shell stops
/// with it, or the shell would go on waiting for that.
pub fn stop_until_continued() -> std::io::Result<()> {
    use rustix::process::{Signal, kill_current_process_group};
    kill_current_process_group(Signal::TSTP)?;
    // Another thread may take the signal, and this one run on for a moment: the terminal must not be taken again before
    // the process has stopped.
    std::thread::sleep(std::time::Duration::from_millis(50));
    Ok(())
}
