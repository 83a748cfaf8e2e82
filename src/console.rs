//! The console: what the operator lives in.
//!
//! State is data, and so is what it asks for. Events go into [`app::App::update`], which gives back effects; the
//! [`driver`] runs them as tasks, whose reports come back as events; [`draw`] shows the state. Only this file, the
//! driver and the terminal do anything to the world.
//!
//! ```text
//! event ──▶ app (update) ──▶ effect ──▶ driver ──▶ rooms
//!   ▲          │                           │
//!   │          ▼                           │
//!   │        draw ──▶ terminal             │
//!   └──────────────────────────────────────┘
//! ```

pub mod action;
pub mod app;
pub mod canvas;
pub mod draw;
pub mod driver;
pub mod effect;
pub mod event;
pub mod frames;
pub mod key;
pub mod overlay;
pub mod pane;
pub mod tasks;
pub mod terminal;
#[cfg(test)]
mod tests;
pub mod theme;
mod welcome;
pub mod widget;
pub mod words;

use std::time::Instant;

use crossterm::event::{Event as Input, EventStream, KeyEventKind, MouseButton, MouseEventKind};
use futures_util::StreamExt;
use jiff::Timestamp;
use secrecy::ExposeSecret;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use app::{App, Beginning};
use driver::{Driver, Rooms};
use effect::Effect;
use effect::stream::On;
use event::{Event, Mouse, Size};
use frames::Frames;
use key::Key;
use terminal::Screen;

/// How the console ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was quit, and nothing goes on.
    Done,
    /// It was quit while a run was going on, which was stopped at a safe point.
    Stopped,
    /// Something in it met a fault; where the report is was said.
    Fault,
}

/// Opens the console and keeps it until it is quit, or asked to stop.
pub async fn run(beginning: Beginning, rooms: Rooms, stop: CancellationToken) -> std::io::Result<Ending> {
    let stop = stop.child_token();
    terminal::report_panics(rooms.folders.state.clone(), stop.clone());
    let mut console = Console {
        screen: Some(Screen::take()?),
        input: Some(EventStream::new()),
        app: App::new(beginning, Timestamp::now()),
        driver: Driver::new(rooms),
        frames: Frames::default(),
        quit: false,
    };
    let kept = console.keep(stop).await;
    console.end(kept).await
}

struct Console {
    /// Absent while the console steps aside.
    screen: Option<Screen>,
    input: Option<EventStream>,
    app: App,
    driver: Driver,
    frames: Frames,
    quit: bool,
}

impl Console {
    async fn keep(&mut self, stop: CancellationToken) -> std::io::Result<()> {
        let mut hang_up = signal(SignalKind::hangup())?;
        self.measure()?;
        let fed = self.driver.fed();
        // The first frame comes before anything is asked of anybody.
        self.draw()?;
        self.happen(Event::Started)?;
        while !self.quit {
            let frame = self.frames.due(Instant::now());
            let wake = self.app.next_wake();
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                _ = hang_up.recv() => return Ok(()),
                input = next_input(&mut self.input) => match input {
                    Some(Ok(input)) => {
                        if let Some(event) = translate(&input) {
                            self.happen(event)?;
                        }
                    }
                    // The terminal is gone.
                    Some(Err(_)) | None => return Ok(()),
                },
                () = until(frame) => self.draw()?,
                event = self.driver.next() => self.happen(event)?,
                // Once a frame will show what was fed, more of it changes nothing.
                () = fed.notified(), if !self.frames.is_fed() => self.frames.want_for_feed(),
                () = until_time(wake) => self.happen(Event::Tick)?,
            }
        }
        Ok(())
    }

    fn happen(&mut self, event: Event) -> std::io::Result<()> {
        self.frames.want();
        self.take(event)
    }

    fn take(&mut self, event: Event) -> std::io::Result<()> {
        for effect in self.app.update(Timestamp::now(), event) {
            match effect {
                Effect::Start(job) => self.driver.start(job),
                Effect::Cancel(slot) => self.driver.cancel(slot),
                Effect::Live(wanted) => self.driver.live(wanted),
                Effect::Copy(text) => terminal::copy(&text)?,
                Effect::CopySecret(secret) => terminal::copy(secret.expose_secret())?,
                Effect::Suspend => self.step_aside(terminal::stop_until_continued)?,
                Effect::StepAside(program) => self.step_aside(|| terminal::run(&program))?,
                Effect::Quit => self.quit = true,
            }
        }
        Ok(())
    }

    fn draw(&mut self) -> std::io::Result<()> {
        for event in self.driver.drain() {
            self.take(event)?;
        }
        if let Some(screen) = &mut self.screen {
            screen.draw(|buffer| draw::draw(&self.app, buffer))?;
        }
        self.frames.drawn(Instant::now());
        Ok(())
    }

    fn measure(&mut self) -> std::io::Result<()> {
        if let Some(screen) = &self.screen {
            let (width, height) = screen.size()?;
            self.app.desk.size = Size { width, height };
        }
        Ok(())
    }

    /// Gives the terminal to somebody else until it is given back. The reader of keys goes with it: it must not take
    /// what is typed for the other.
    fn step_aside(&mut self, other: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        self.input = None;
        self.screen = None;
        other()?;
        self.screen = Some(Screen::take()?);
        self.input = Some(EventStream::new());
        self.measure()?;
        self.frames.want();
        Ok(())
    }

    /// Gives the terminal back and says how it ended. A terminal that is gone, as when ssh is cut, must not tear a run
    /// away in the middle of a call: whatever ended the console, the run comes to its safe point first.
    async fn end(&mut self, kept: std::io::Result<()>) -> std::io::Result<Ending> {
        drop(self.screen.take());
        let ending = self.leave().await;
        if let Some(said) = terminal::fault() {
            terminal::say(&said);
            return Ok(Ending::Fault);
        }
        kept.map(|()| ending)
    }

    /// Waits for a run to come to its safe point. The screen is the shell's again by now.
    async fn leave(&mut self) -> Ending {
        for on in self.app.panes.stream.running() {
            let (place, option) = match on {
                On::Local => ("on this machine", ""),
                On::Host => ("on the host", " --on host"),
            };
            terminal::say(&format!(
                "hydrant: the stream {place} goes on; `hydrant stream stop{option}` ends it"
            ));
        }
        let runs = self.driver.must_end();
        if runs.is_empty() {
            return Ending::Done;
        }
        terminal::say("hydrant: stopping at a safe point");
        for slot in runs {
            self.driver.cancel(slot);
        }
        while !self.driver.must_end().is_empty() {
            self.driver.next().await;
        }
        Ending::Stopped
    }
}

async fn next_input(input: &mut Option<EventStream>) -> Option<std::io::Result<Input>> {
    match input {
        Some(stream) => stream.next().await,
        None => std::future::pending().await,
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}

async fn until_time(time: Option<Timestamp>) {
    let Some(time) = time else { return std::future::pending().await };
    let left = time.duration_since(Timestamp::now());
    tokio::time::sleep(left.try_into().unwrap_or_default()).await;
}

/// What the terminal reports, in the console's own terms.
fn translate(input: &Input) -> Option<Event> {
    match input {
        Input::Key(key) if key.kind != KeyEventKind::Release => Key::from_terminal(key).map(Event::Key),
        Input::Paste(text) => Some(Event::Paste(text.clone())),
        Input::Resize(width, height) => Some(Event::Resized(Size { width: *width, height: *height })),
        Input::FocusGained => Some(Event::Focus(true)),
        Input::FocusLost => Some(Event::Focus(false)),
        Input::Mouse(mouse) => match mouse.kind {
            MouseEventKind::Down(MouseButton::Left) => {
                Some(Event::Mouse(Mouse::Click { x: mouse.column, y: mouse.row }))
            }
            MouseEventKind::ScrollDown => {
                Some(Event::Mouse(Mouse::Wheel { x: mouse.column, y: mouse.row, by: 3 }))
            }
            MouseEventKind::ScrollUp => {
                Some(Event::Mouse(Mouse::Wheel { x: mouse.column, y: mouse.row, by: -3 }))
            }
            _ => None,
        },
        Input::Key(_) => None,
    }
}
