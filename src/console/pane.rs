//! The panes: state, keys and drawing of one each. None of them touches the network, the disk, a clock or the terminal.
//!
//! A pane is a small set of things, each in its place (NAME is the room's):
//!
//! 1. `pane/NAME.rs` (and `pane/NAME/`): its state, with [`PaneState`] (what the operator does and sees) and
//!    [`Employs`] (what its jobs bring). Every method but `draw` has a default, so that a pane says only what it has.
//! 2. `effect/NAME.rs`: its slots (one task at a time in each, and of which [`Manner`]), its jobs, their outcomes, and
//!    the items that a feed brings.
//! 3. `driver/NAME.rs`: `run(job, rooms, line)`, the only part of it that does anything. A job tells its progress by
//!    `line.progress()`, brings a part of its outcome by `line.came(…).await` (bounded, never lost: the pages of a
//!    listing), feeds posts or log lines by `line.feed(…)` (a byte-bounded ring, drained once a frame, what it drops
//!    is counted), and ends on an outcome. Loads and watches are dropped where they are when they are cancelled; a run
//!    looks at `line.stop()` and comes to a safe point.
//! 4. `action.rs`: its lines in the table of actions, under its name. Its keys may take the place of a habit's
//!    (`s` sort, `n` next) that the pane has not, never of one that it has or of a key that is valid everywhere.
//! 5. `tests/`: what it promises, and its pictures.
//!
//! A pane changes itself and asks ([`Ask`]) for the rest: to start a job, to open a dialog, to say something. A
//! dialog's answer comes back to the pane that asked ([`PaneState::answered`]) with the dialog itself, so that what
//! was filled in can be read from it. Its station in the Flow pane is [`PaneState::station`].
//!
//! [`Manner`]: super::effect::Manner

mod engine;
pub mod flow;
pub mod host;
pub mod lake;
pub mod logs;
pub mod stack;
pub mod stream;
pub mod topics;

use jiff::Timestamp;

use super::action::Action;
use super::app::{App, Desk};
use super::canvas::Canvas;
use super::effect::{Item, Job, Outcome, Program, Slot, Trouble};
use super::key::Key;
use super::overlay::Overlay;
use super::widget::dialog::{Answer, Dialog};
use crate::progress::Report;
use crate::settings::Secret;
use flow::{Attention, Place, Station};

/// A pane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Pane {
    /// The pipeline as a drawing.
    #[default]
    Flow,
    /// What hydrant owns in AWS.
    Stack,
    /// Live posts.
    Stream,
    /// Hourly folders.
    Lake,
    /// Topic models.
    Topics,
    /// CloudWatch logs.
    Logs,
    /// The remote host.
    Host,
}

impl Pane {
    /// Every pane, in the order of their keys.
    pub const ALL: [Self; 7] =
        [Self::Flow, Self::Stack, Self::Stream, Self::Lake, Self::Topics, Self::Logs, Self::Host];

    /// As the tabs name it.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Flow => "Flow",
            Self::Stack => "Stack",
            Self::Stream => "Stream",
            Self::Lake => "Lake",
            Self::Topics => "Topics",
            Self::Logs => "Logs",
            Self::Host => "Host",
        }
    }

    /// The action that goes there.
    pub const fn action(self) -> Action {
        match self {
            Self::Flow => Action::Flow,
            Self::Stack => Action::Stack,
            Self::Stream => Action::Stream,
            Self::Lake => Action::Lake,
            Self::Topics => Action::Topics,
            Self::Logs => Action::Logs,
            Self::Host => Action::Host,
        }
    }

    /// The pane so many steps on, round and round.
    #[must_use]
    pub fn step(self, by: isize) -> Self {
        let all = Self::ALL;
        let here = all.iter().position(|pane| *pane == self).unwrap_or_default();
        let there = (here.cast_signed() + by).rem_euclid(all.len().cast_signed());
        all.get(there.cast_unsigned()).copied().unwrap_or_default()
    }
}

/// What a pane asks of the console.
#[derive(Debug, Clone)]
pub enum Ask {
    /// Start this task.
    Start(Job),
    /// Cancel what runs there.
    Cancel(Slot),
    /// Let the tail that runs, and those that are started, have events live or not.
    Live(bool),
    /// Open this on top; a question that is open already under the same name is replaced.
    Open(Box<Overlay>),
    /// Say something at the bottom, for some seconds.
    Say(String),
    /// Tell of a failure: it stays until it is read.
    Fail(Trouble),
    /// Put text on the clipboard, and say so.
    Copy(String),
    /// Put a secret on the clipboard, and say what it is, not what it says.
    CopySecret {
        /// The secret.
        link: Secret,
        /// What it is.
        what: String,
    },
    /// Go to a pane.
    Go(Pane),
    /// Let a pane, seen or not, do an action.
    Of(Pane, Action),
    /// Step aside until a program ends.
    StepAside(Program),
}

impl Ask {
    /// To start a job.
    pub fn start(job: impl Into<Job>) -> Self {
        Self::Start(job.into())
    }

    /// To cancel what runs in a slot.
    pub fn cancel(slot: impl Into<Slot>) -> Self {
        Self::Cancel(slot.into())
    }

    /// To open something on top.
    pub fn open(overlay: Overlay) -> Self {
        Self::Open(Box::new(overlay))
    }
}

/// A pane as the operator meets it. What it may look at of the console is the desk; what it may change is itself.
pub trait PaneState {
    /// The habits that mean something here, such as sorting: they are shown, and done by `act`.
    fn habits(&self) -> &'static [Action] {
        &[]
    }

    /// Does an action: one of its own, a habit, a movement, refresh or back. `None` if it means nothing here now; then
    /// `esc` cancels what loads.
    fn act(&mut self, _action: Action, _desk: &Desk) -> Option<Vec<Ask>> {
        None
    }

    /// Why an action of its own or a habit cannot be done now; `None` if it can.
    fn hindrance(&self, _action: Action, _desk: &Desk) -> Option<String> {
        None
    }

    /// Whether text is being typed, such as a filter: then every key but `ctrl-c` and `ctrl-z` goes to `key`, and none
    /// is an action.
    fn is_typing(&self) -> bool {
        false
    }

    /// Takes a key while text is being typed.
    fn key(&mut self, _key: Key, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// Takes pasted text while text is being typed.
    fn paste(&mut self, _text: &str) {}

    /// Takes a click at a cell of the pane, whose size is the desk's `area`.
    fn click(&mut self, _x: u16, _y: u16, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// Takes so many steps of the wheel, down being positive, at a cell of the pane.
    fn wheel(&mut self, by: i8, _x: u16, _y: u16, desk: &Desk) -> Vec<Ask> {
        let action = if by < 0 { Action::Up } else { Action::Down };
        (0..by.unsigned_abs()).filter_map(|_| self.act(action, desk)).flatten().collect()
    }

    /// The console has signed in, at first or again: what the pane wants to know from then on.
    fn signed_in(&mut self, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// The operator comes to this pane.
    fn entered(&mut self, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// The operator leaves it.
    fn left(&mut self, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// When something of it is due by itself: to be read again, or because it moves. It is asked of every pane, seen
    /// or not.
    fn due(&self, _desk: &Desk) -> Option<Timestamp> {
        None
    }

    /// Does what is due.
    fn tick(&mut self, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// Takes the answer to a question that it opened under a name ([`Overlay::question`]).
    fn answered(&mut self, _name: &'static str, _answer: Answer, _dialog: &Dialog, _desk: &Desk) -> Vec<Ask> {
        Vec::new()
    }

    /// What copying gives: the address of what is chosen.
    fn address(&self, _desk: &Desk) -> Option<String> {
        None
    }

    /// Its station in the drawing of the pipeline, if that place is its business.
    fn station(&self, _place: Place, _desk: &Desk) -> Option<Station> {
        None
    }

    /// What of it needs attention, the most urgent first.
    fn attention(&self, _desk: &Desk) -> Vec<Attention> {
        Vec::new()
    }

    /// Draws it.
    fn draw(&self, app: &App, canvas: &mut Canvas<'_>);
}

/// A pane as its jobs meet it.
pub trait Employs {
    /// Where its tasks run.
    type Slot;
    /// What they come to.
    type Outcome;
    /// What they feed.
    type Item;

    /// A task came to something, at its end or on its way.
    fn came_to(&mut self, outcome: Self::Outcome, desk: &Desk) -> Vec<Ask>;

    /// A task failed, or was cancelled. The console tells of it by itself.
    fn failed(&mut self, slot: Self::Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask>;

    /// A task tells what it does.
    fn told(&mut self, slot: Self::Slot, report: Report, desk: &Desk);

    /// A task fed items since the last frame; so many before them were dropped because nobody came to take them.
    fn arrived(&mut self, slot: Self::Slot, items: Vec<Self::Item>, dropped: u64, desk: &Desk);
}

macro_rules! panes {
    ($( $Room:ident $room:ident $State:ty ),+ $(,)?) => {
        /// All panes.
        #[derive(Debug, Default)]
        pub struct Panes {
            /// The Flow pane.
            pub flow: flow::FlowPane,
            $(
                #[doc = concat!("The ", stringify!($Room), " pane.")]
                pub $room: $State,
            )+
        }

        impl Panes {
            /// A pane.
            pub fn get(&self, pane: Pane) -> &dyn PaneState {
                match pane {
                    Pane::Flow => &self.flow,
                    $( Pane::$Room => &self.$room, )+
                }
            }

            /// A pane, to be changed.
            pub fn get_mut(&mut self, pane: Pane) -> &mut dyn PaneState {
                match pane {
                    Pane::Flow => &mut self.flow,
                    $( Pane::$Room => &mut self.$room, )+
                }
            }

            /// A task of a pane came to something.
            pub(super) fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
                match outcome {
                    Outcome::Connected(_) | Outcome::Wrote(_) => Vec::new(),
                    $( Outcome::$Room(outcome) => self.$room.came_to(outcome, desk), )+
                }
            }

            /// A task of a pane failed.
            pub(super) fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
                match slot {
                    Slot::Connect | Slot::Settings => Vec::new(),
                    $( Slot::$Room(slot) => self.$room.failed(slot, trouble, desk), )+
                }
            }

            /// A task of a pane tells something.
            pub(super) fn told(&mut self, slot: Slot, report: Report, desk: &Desk) {
                match slot {
                    Slot::Connect | Slot::Settings => {}
                    $( Slot::$Room(slot) => self.$room.told(slot, report, desk), )+
                }
            }

            /// A task of a pane fed items.
            #[allow(irrefutable_let_patterns, reason = "while one room alone feeds, every item is its own")]
            pub(super) fn arrived(&mut self, slot: Slot, items: Vec<Item>, dropped: u64, desk: &Desk) {
                match slot {
                    Slot::Connect | Slot::Settings => {}
                    $( Slot::$Room(slot) => {
                        // A slot feeds items of its own pane.
                        let own = |item| if let Item::$Room(item) = item { Some(item) } else { None };
                        self.$room.arrived(slot, items.into_iter().filter_map(own).collect(), dropped, desk);
                    } )+
                }
            }
        }
    };
}

panes! {
    Stack stack stack::StackPane,
    Stream stream stream::StreamPane,
    Lake lake lake::LakePane,
    Topics topics topics::TopicsPane,
    Logs logs logs::LogsPane,
    Host host host::HostPane,
}
