//! A command on the host, and what came of it.

use std::sync::Arc;
use std::time::Duration;

use super::HostError;

/// A command for the host's `/bin/sh`.
#[derive(Clone)]
pub struct Order {
    /// What it is for, in the operator's words: `reading the facts`.
    pub what: String,
    /// The script. It is seen in the host's list of processes: no secrets in it.
    pub script: String,
    /// What it reads from its standard input; secrets go this way.
    pub input: Option<Arc<[u8]>>,
    /// How long it may take.
    pub limit: Duration,
}

impl std::fmt::Debug for Order {
    /// Without the input, which may be a secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Order")
            .field("what", &self.what)
            .field("script", &self.script)
            .finish_non_exhaustive()
    }
}

impl Order {
    /// A command that only looks, or changes a thing or two: half a minute.
    pub fn new(what: impl Into<String>, script: impl Into<String>) -> Self {
        Self { what: what.into(), script: script.into(), input: None, limit: Duration::from_secs(30) }
    }

    /// With something to read.
    #[must_use]
    pub fn reading(mut self, input: impl Into<Arc<[u8]>>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// With more time.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Its exit code.
    pub code: i32,
    /// Its standard output; of much, the beginning.
    pub out: String,
    /// Its standard error; of much, the beginning.
    pub err: String,
}

impl Output {
    /// Whether it went well.
    pub fn is_good(&self) -> bool {
        self.code == 0
    }

    /// The output of a command that went well; else what it said, as an error.
    pub fn good(self, what: &str) -> Result<String, HostError> {
        if self.is_good() { Ok(self.out) } else { Err(self.failure(what)) }
    }

    /// The error that it is.
    pub fn failure(&self, what: &str) -> HostError {
        let lines = |text: &str| text.trim().lines().rev().take(3).map(str::to_owned).collect::<Vec<_>>();
        let mut last = lines(&self.err);
        if last.is_empty() {
            last = lines(&self.out);
        }
        last.reverse();
        let said = if last.is_empty() { "it said nothing".to_owned() } else { last.join(" / ") };
        HostError::Command { what: what.to_owned(), code: self.code, said: crate::text::sanitise(&said) }
    }
}

/// Text as one word of a shell's command.
pub fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_one_word_whatever_is_in_it() {
        for text in ["plain", "two words", "it's", "$(x) `y` \\ \"z\"", "", "-n", "a\nb"] {
            let script = format!("printf %s {}", word(text));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().expect("a shell");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }

    #[test]
    fn a_failure_says_its_last_lines_made_safe() {
        let output = Output { code: 2, out: "out".into(), err: "a\nb\nc\n\u{1b}[31md\n".into() };
        let error = output.failure("making it").to_string();
        assert_eq!(error, "making it failed on the host (exit 2): b / c / ␛[31md");
        let silent = Output { code: 1, out: String::new(), err: String::new() };
        assert!(silent.good("x").expect_err("it failed").to_string().ends_with("it said nothing"));
    }
}
