//! What a run has printed, by `runs/get-output`: Databricks gives it once the run is over, the last 5 MB of it, with the
//! error and the stack trace of a task that failed. Until then the run's stages are told, and where its page is. What is
//! not there is said.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::Value;

use super::{Running, State, state_of};
use crate::spark::{LogLine, LogLines, SparkError, Stage};

/// So much of a log Databricks gives at most.
const GIVEN: &str = "the last 5 MB";

/// The log of a run.
#[derive(Debug)]
pub(super) struct Printed {
    run: Running,
    /// The stages that were told before the log was there, which has them, too.
    told: BTreeSet<String>,
    has_noted: bool,
    is_whole: bool,
}

impl Printed {
    pub(super) fn of(run: Running) -> Self {
        Self { run, told: BTreeSet::new(), has_noted: false, is_whole: false }
    }
}

fn said(file: &str, text: impl Into<String>) -> LogLine {
    LogLine::Said { file: file.to_owned(), text: text.into() }
}

#[async_trait]
impl LogLines for Printed {
    async fn news(&mut self, _is_end: bool) -> Result<Vec<LogLine>, SparkError> {
        if self.is_whole {
            return Ok(Vec::new());
        }
        let run = self.run.ask().await?;
        if matches!(state_of(&run), State::Waiting(_) | State::Running) {
            let stages: Vec<String> = self.run.stages().await.iter().map(Stage::to_string).collect();
            let mut lines: Vec<LogLine> = stages.iter().map(|stage| said("progress.json", stage)).collect();
            self.told.extend(stages);
            if !std::mem::replace(&mut self.has_noted, true) {
                let page = &self.run.page;
                let why =
                    format!("Databricks gives the log of a run once it is over; until then there is {page}");
                lines.push(LogLine::Note(why));
            }
            return Ok(lines);
        }
        let output = self.run.output(&run).await?.unwrap_or_default();
        self.is_whole = true;
        let mut lines = lines(&output, &self.run.page);
        lines.retain(|line| !matches!(line, LogLine::Said { text, .. } if self.told.contains(text)));
        Ok(lines)
    }
}

/// The lines of what Databricks gives of a run that is over, and what it does not give.
fn lines(output: &Value, page: &str) -> Vec<LogLine> {
    let text = |field: &str| output[field].as_str().unwrap_or_default();
    let mut lines = Vec::new();
    if output["logs_truncated"] == true {
        let note =
            format!("Databricks gives {GIVEN} of a log: what was said before that is not here ({page})");
        lines.push(LogLine::Note(note));
    }
    let stage_or =
        |line: &str| Stage::of_line(line).map_or_else(|| line.to_owned(), |stage| stage.to_string());
    lines.extend(
        text("logs").lines().filter(|line| !line.is_empty()).map(|line| said("logs", stage_or(line))),
    );
    lines.extend(text("error_trace").lines().map(|line| said("error_trace", line)));
    // A trace ends with the error.
    if !text("error_trace").contains(text("error")) {
        lines.extend(text("error").lines().map(|line| said("error", line)));
    }
    if text("logs").is_empty() {
        lines.insert(0, LogLine::Note(format!("Databricks has nothing that this run printed ({page})")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(output: &Value) -> Vec<String> {
        let text = |line| match line {
            LogLine::Said { file, text } => format!("{file}: {text}"),
            LogLine::Note(note) => note,
        };
        lines(output, "PAGE").into_iter().map(text).collect()
    }

    #[test]
    fn what_is_not_there_is_said_before_what_is() {
        let none = "Databricks has nothing that this run printed (PAGE)";
        assert_eq!(shown(&json!({})), [none]);
        assert_eq!(shown(&json!({ "error": "no cluster" })), [none, "error: no cluster"]);
        let cut = shown(&json!({ "logs": "one\n\ntwo\n", "logs_truncated": true }));
        let [note, rest @ ..] = cut.as_slice() else { panic!("{cut:?}") };
        assert!(note.contains("the last 5 MB") && note.contains("PAGE"), "{note}");
        assert_eq!(rest, ["logs: one", "logs: two"]);
    }

    #[test]
    fn a_failure_is_told_once_where_its_trace_ends_with_it() {
        let trace = "Traceback\n  line 1\nValueError: no hours";
        let failed = json!({ "logs": "one\n", "logs_truncated": false, "error": "ValueError: no hours", "error_trace": trace });
        let expected = [
            "logs: one",
            "error_trace: Traceback",
            "error_trace:   line 1",
            "error_trace: ValueError: no hours",
        ];
        assert_eq!(shown(&failed), expected);
    }

    #[test]
    fn stages_are_told_in_words() {
        let log = json!({ "logs": "{\"stage\": 1, \"of\": 6, \"text\": \"reading\"}\n" });
        assert_eq!(shown(&log), ["logs: stage 1 of 6: reading"]);
    }
}
