//! What the console can ask for. Effects are data: `update` makes them, the driver runs them.
//!
//! Each room has a file here with its slots, its jobs, what a job comes to, and what it feeds while it goes on; the
//! types of this file wrap them, so that the frame treats every room alike.

pub mod host;
pub mod lake;
pub mod logs;
pub mod stack;
pub mod stream;
pub mod topics;

use std::path::PathBuf;

use super::pane::Pane;
use crate::settings::Secret;

/// What kind of work a slot holds: what becomes of it when somebody wants it to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// It only looks, and comes to an end: `esc` cancels it, and it can be dropped where it is.
    Loads,
    /// It only looks, and goes on until it is told to stop: a tail, a watch. It is not counted as work.
    Watches,
    /// It does something that must not be dropped: it is told to stop and comes to a safe point by itself, and
    /// leaving the console asks first.
    Runs {
        /// What happens to it if the console is left.
        on_quit: &'static str,
    },
    /// It goes along with something that runs elsewhere and goes on there if the console is left. To cancel it means to
    /// end that, which it does by itself.
    Follows {
        /// What happens to it if the console is left.
        on_quit: &'static str,
    },
}

macro_rules! rooms {
    ($( $Room:ident $room:ident ),+ $(,)?) => {
        /// A place where one task can be at a time. A new one in the same place cancels the old one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Slot {
            /// Signing in, and learning whose account it is.
            Connect,
            /// Writing a settings file.
            Settings,
            $(
                #[doc = concat!("One of the ", stringify!($Room), " pane.")]
                $Room($room::Slot),
            )+
        }

        /// Work for a task.
        #[derive(Debug, Clone)]
        pub enum Job {
            /// Sign in.
            Connect,
            /// Write a commented settings file.
            WriteSettings(PathBuf),
            $(
                #[doc = concat!("One of the ", stringify!($Room), " pane.")]
                $Room($room::Job),
            )+
        }

        /// What a task came to.
        #[derive(Debug)]
        #[allow(clippy::large_enum_variant, reason = "it is boxed where it is handed on")]
        pub enum Outcome {
            /// Signed in.
            Connected(Identity),
            /// The settings file is written.
            Wrote(PathBuf),
            $(
                #[doc = concat!("One of the ", stringify!($Room), " pane.")]
                $Room($room::Outcome),
            )+
        }

        /// What a task feeds while it goes on: posts, log lines. It goes through a ring, and may be dropped.
        #[derive(Debug)]
        pub enum Item {
            $(
                #[doc = concat!("One of the ", stringify!($Room), " pane.")]
                $Room($room::Item),
            )+
        }

        impl Slot {
            /// The pane whose slot it is; `None` for the frame's own.
            pub const fn pane(self) -> Option<Pane> {
                match self {
                    Self::Connect | Self::Settings => None,
                    $( Self::$Room(_) => Some(Pane::$Room), )+
                }
            }

            /// What kind of work it holds.
            pub const fn manner(self) -> Manner {
                match self {
                    Self::Connect | Self::Settings => Manner::Loads,
                    $( Self::$Room(slot) => slot.manner(), )+
                }
            }
        }

        #[allow(unreachable_code, reason = "a room without jobs has a type of them that nothing is of")]
        impl Job {
            /// Where it runs.
            pub const fn slot(&self) -> Slot {
                match self {
                    Self::Connect => Slot::Connect,
                    Self::WriteSettings(_) => Slot::Settings,
                    $( Self::$Room(job) => Slot::$Room(job.slot()), )+
                }
            }

            /// What it does, for the list of tasks.
            pub fn words(&self) -> String {
                match self {
                    Self::Connect => "signing in".to_owned(),
                    Self::WriteSettings(_) => "writing hydrant.toml".to_owned(),
                    $( Self::$Room(job) => job.words(), )+
                }
            }

            /// Whether it is on the list of what a read-only run may do: it changes nothing in the cloud or on a
            /// host. The driver runs nothing else then.
            pub const fn is_allowed_readonly(&self) -> bool {
                match self {
                    Self::Connect | Self::WriteSettings(_) => true,
                    $( Self::$Room(job) => job.is_allowed_readonly(), )+
                }
            }
        }

        impl Item {
            /// How many bytes it counts in its ring.
            pub fn bytes(&self) -> usize {
                match self {
                    $( Self::$Room(item) => item.bytes(), )+
                }
            }
        }

        $(
            impl From<$room::Slot> for Slot {
                fn from(slot: $room::Slot) -> Self {
                    Self::$Room(slot)
                }
            }

            impl From<$room::Job> for Job {
                fn from(job: $room::Job) -> Self {
                    Self::$Room(job)
                }
            }

            impl From<$room::Outcome> for Outcome {
                fn from(outcome: $room::Outcome) -> Self {
                    Self::$Room(outcome)
                }
            }

            impl From<$room::Item> for Item {
                fn from(item: $room::Item) -> Self {
                    Self::$Room(item)
                }
            }
        )+
    };
}

rooms! {
    Stack stack,
    Stream stream,
    Lake lake,
    Topics topics,
    Logs logs,
    Host host,
}

impl Outcome {
    /// Of a run that came to its end: what failed in it, each in a sentence, and whether it was stopped.
    pub fn shortfall(&self) -> (&[String], bool) {
        match self {
            Self::Stack(stack::Outcome::Ran(ran)) => (&ran.failures, ran.interrupted),
            Self::Lake(lake::Outcome::Ran(ran)) | Self::Topics(topics::Outcome::JobCombined(ran)) => {
                (&ran.failures, ran.interrupted)
            }
            _ => (&[], false),
        }
    }
}

/// Whose stack it is and where, once that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The stack's name.
    pub stack: String,
    /// Its region.
    pub region: String,
    /// The account, masked.
    pub account: String,
}

/// A failure, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What failed, on which thing, why, what to do: one sentence.
    pub sentence: String,
    /// The causes under it.
    pub causes: Vec<String>,
    /// What kind of remedy it needs.
    pub remedy: Remedy,
}

/// What helps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Trying again, or nothing that hydrant knows.
    Retry,
    /// Signing in.
    SignIn,
    /// Settings.
    Settings,
    /// It was cancelled by the operator: nothing is wrong.
    Cancelled,
}

/// A program that takes the terminal over while the console steps aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The program.
    pub name: String,
    /// Its arguments. They are seen by everybody on this machine: no secrets.
    pub arguments: Vec<String>,
    /// What is said before it begins, such as how to come back.
    pub said: String,
}

/// Something that the console asks for.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Run this, in the place of what runs there.
    Start(Job),
    /// Stop what runs there; a run that changes things stops at a safe point.
    Cancel(Slot),
    /// Let the tail that runs, and those that are started, have events live or not.
    Live(bool),
    /// Put text on the clipboard.
    Copy(String),
    /// Put a secret on the clipboard.
    CopySecret(Secret),
    /// Step aside until the shell brings the console back.
    Suspend,
    /// Step aside until this program ends.
    StepAside(Program),
    /// End.
    Quit,
}
