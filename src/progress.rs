//! How long work tells what it does. A room reports; the door that started it turns reports into lines, bars or jobs.

use std::fmt;
use std::sync::Arc;

/// Where a piece of work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It acts: the text says what it does.
    Acting,
    /// It waits: the text says for what.
    Waiting,
    /// It is done.
    Done,
    /// It failed: the text says why.
    Failed,
    /// It was not tried: the text says why.
    Skipped,
}

/// One report.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// What kind of thing it is about, such as `delivery-stream`.
    pub kind: &'static str,
    /// The thing's name.
    pub name: String,
    /// Where the work on it stands.
    pub phase: Phase,
    /// In words.
    pub text: String,
}

/// Where reports go. Cheap to clone; never blocks the work.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Report) + Send + Sync>);

impl Progress {
    /// Hands every report to `listener`, which must not block.
    pub fn to(listener: impl Fn(Report) + Send + Sync + 'static) -> Self {
        Self(Arc::new(listener))
    }

    /// Tells nobody.
    pub fn silent() -> Self {
        Self::to(drop)
    }

    /// Reports.
    pub fn tell(&self, kind: &'static str, name: &str, phase: Phase, text: impl Into<String>) {
        let report = Report { kind, name: name.to_owned(), phase, text: text.into() };
        tracing::info!(kind, name, ?phase, text = report.text, "progress");
        (self.0)(report);
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
