//! The questions about the posts of the open model: what became of them, and where the operator is in their answers.

use std::sync::Arc;

use crate::console::action::Action;
use crate::console::widget::table::TableState;
use crate::topics::questions::{Answers, Body, NAMES};

/// What became of the questions.
#[derive(Debug)]
pub(super) enum State {
    /// They are being asked.
    Asking,
    /// They could not be answered, for this reason.
    Failed(String),
    /// They are answered.
    Answered(Arc<Answers>),
}

/// The questions.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) state: State,
    /// Which question is chosen, by its place in [`NAMES`].
    pub(super) list: TableState,
    /// Whether the keys go to its answer.
    pub(super) inside: bool,
    /// The row and, in a heat map, the column of the answer where the operator is.
    pub(super) at: (usize, usize),
}

/// What the chosen question came to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Chosen<'a> {
    /// What was asked, and what was found.
    Answer { question: &'a str, body: &'a Body },
    /// Why there is no answer.
    Unanswered(&'a str),
}

impl Asked {
    pub(super) fn begin() -> Self {
        Self { state: State::Asking, list: TableState::default(), inside: false, at: (0, 0) }
    }

    pub(super) fn answers(&self) -> Option<&Arc<Answers>> {
        match &self.state {
            State::Answered(answers) => Some(answers),
            State::Asking | State::Failed(_) => None,
        }
    }

    /// What a question came to.
    pub(super) fn of(answers: &Answers, row: usize) -> Option<Chosen<'_>> {
        let name = NAMES.get(row)?;
        if let Some(answer) = answers.answers.iter().find(|answer| answer.name == *name) {
            return Some(Chosen::Answer { question: &answer.question, body: &answer.body });
        }
        let unanswered = answers.unanswered.iter().find(|one| one.name == *name)?;
        Some(Chosen::Unanswered(&unanswered.because))
    }

    /// How many rows and columns the chosen answer has for the operator to be in.
    fn size(&self) -> (usize, usize) {
        match self.answers().and_then(|answers| Self::of(answers, self.list.chosen)) {
            Some(Chosen::Answer { body: Body::Table(table), .. }) => (table.rows.len(), 1),
            Some(Chosen::Answer { body: Body::HeatMap { heat_map }, .. }) => {
                (heat_map.rows.len(), heat_map.columns.len())
            }
            _ => (0, 0),
        }
    }

    /// Goes into the chosen answer, if there is anything in it.
    pub(super) fn enter(&mut self) {
        self.inside = self.size().0 > 0;
    }

    /// Moves as an action says, among questions or in an answer of which so many rows are seen; `false` if it is no
    /// movement.
    pub(super) fn act(&mut self, action: Action, seen: usize) -> bool {
        if !self.inside {
            let chosen = self.list.chosen;
            let moved = self.list.act(action, NAMES.len(), NAMES.len());
            if self.list.chosen != chosen {
                self.at = (0, 0);
            }
            return moved;
        }
        let (rows, columns) = self.size();
        let page = seen.max(2) - 1;
        let (row, column) = self.at;
        let to = match action {
            Action::Up => (row.saturating_sub(1), column),
            Action::Down => (row + 1, column),
            Action::PageUp => (row.saturating_sub(page), column),
            Action::PageDown => (row + page, column),
            Action::First => (0, column),
            Action::Last => (rows, column),
            Action::Left => (row, column.saturating_sub(1)),
            Action::Right => (row, column + 1),
            _ => return false,
        };
        self.at = (to.0.min(rows.saturating_sub(1)), to.1.min(columns.saturating_sub(1)));
        true
    }

    /// One step back, from the answer to the questions; `false` if that is where the operator is.
    pub(super) fn back(&mut self) -> bool {
        std::mem::take(&mut self.inside)
    }
}
