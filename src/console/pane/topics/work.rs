//! What is being fitted: how far it is, how it goes, and what became of it.

use jiff::{SignedDuration, Timestamp};

use crate::console::words;
use crate::topics::sweep::{Sweep, Tried};
use crate::topics::{Step, TextCounts};

/// What kind of work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One model, which is kept.
    Fit,
    /// So many models, of which none is.
    Sweep {
        /// How many.
        models: usize,
    },
}

/// How it ended, where it left no model.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    /// It failed, for this reason.
    Failed(String),
    /// It says which number of topics is best.
    Swept(Sweep),
}

/// Work.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) began: Timestamp,
    /// What it does, before there are passes.
    pub(super) stage: String,
    pub(super) counts: Option<TextCounts>,
    pub(super) step: Option<Step>,
    /// The likelihood by passes, of the model that is being fitted.
    pub(super) likelihood: Vec<(f64, f64)>,
    pub(super) tried: Vec<Tried>,
    pub(super) end: Option<End>,
    /// When the first pass was over.
    first: Option<Timestamp>,
    last: Option<Timestamp>,
}

impl Work {
    pub(super) fn new(kind: Kind, name: String, began: Timestamp) -> Self {
        Self {
            kind,
            name,
            began,
            stage: "looking for posts".to_owned(),
            counts: None,
            step: None,
            likelihood: Vec::new(),
            tried: Vec::new(),
            end: None,
            first: None,
            last: None,
        }
    }

    pub(super) fn read(&mut self, posts: usize) {
        self.stage = format!("making documents of {}", words::counted(posts, "post", "posts"));
    }

    pub(super) fn prepared(&mut self, counts: TextCounts) {
        "the first pass".clone_into(&mut self.stage);
        self.counts = Some(counts);
    }

    /// A pass is over; a pass that is not after the last one is another model's.
    pub(super) fn pass(&mut self, step: Step, now: Timestamp) {
        if self.step.is_none_or(|last| step.iteration <= last.iteration) {
            self.likelihood.clear();
            self.first = Some(now);
        }
        (self.step, self.last) = (Some(step), Some(now));
        if let Some(likelihood) = step.likelihood.filter(|likelihood| likelihood.is_finite()) {
            self.likelihood.push((passes(step.iteration), likelihood));
        }
    }

    /// How much is done, of how much, in passes of one model.
    pub(super) fn done(&self) -> (u64, u64) {
        self.step.map_or((0, 0), |step| (step.iteration as u64, step.of as u64))
    }

    /// How long the passes that are left take at most, by those that are over.
    pub(super) fn left(&self) -> Option<SignedDuration> {
        let (step, first, last) = (self.step?, self.first?, self.last?);
        let over = i32::try_from(step.iteration.checked_sub(1)?).ok().filter(|over| *over > 0)?;
        let left = i32::try_from(step.of.saturating_sub(step.iteration)).ok()?;
        let each = last.duration_since(first).checked_div(over)?;
        each.checked_mul(left)
    }

    /// In a word or two.
    pub(super) fn in_short(&self) -> String {
        match (&self.end, self.kind, self.done()) {
            (Some(End::Failed(_)), ..) => "failed".to_owned(),
            (Some(End::Swept(_)), ..) => "swept".to_owned(),
            (None, Kind::Sweep { models }, _) => format!("{} of {models}", self.tried.len()),
            (None, Kind::Fit, (_, 0)) => "preparing".to_owned(),
            (None, Kind::Fit, (done, of)) => format!("fitting {} %", done * 100 / of),
        }
    }
}

/// Passes as a place on a curve.
#[expect(clippy::cast_precision_loss, reason = "there are at most 100,000")]
fn passes(iteration: usize) -> f64 {
    iteration as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_that_is_left_is_told_by_the_passes_that_are_over() {
        let now: Timestamp = "2026-11-20T14:02:07Z".parse().expect("a time");
        let later = |seconds| now.checked_add(SignedDuration::from_secs(seconds)).expect("a time");
        let mut work = Work::new(Kind::Fit, "a".to_owned(), now);
        assert_eq!((work.left(), work.done()), (None, (0, 0)));
        let step = |iteration| Step { iteration, of: 101, likelihood: Some(-8.0) };
        work.pass(step(1), later(10));
        assert_eq!(work.left(), None);
        work.pass(step(21), later(20));
        assert_eq!(work.left(), Some(SignedDuration::from_secs(40)));
        assert_eq!(work.in_short(), "fitting 20 %");
        assert_eq!(work.likelihood.len(), 2);
        // The next model of a sweep begins anew.
        work.pass(step(1), later(30));
        assert_eq!((work.likelihood.len(), work.left()), (1, None));
    }
}
