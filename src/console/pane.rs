//! The panes: state, keys and drawing of one each. None of them touches the network, the disk, a clock or the terminal.

pub mod flow;
pub mod stack;
mod to_come;

use super::action::Action;
use super::app::App;
use super::canvas::Canvas;

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

    /// Draws the pane.
    pub(super) fn draw(self, app: &App, canvas: &mut Canvas<'_>) {
        match self {
            Self::Flow => flow::draw(app, canvas),
            Self::Stack => stack::draw(app, canvas),
            Self::Stream | Self::Lake | Self::Topics | Self::Logs | Self::Host => to_come::draw(self, canvas),
        }
    }
}
