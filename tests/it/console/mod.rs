//! The console in a terminal: the real binary in a pseudo-terminal, over a sandbox.

mod host_and_logs;
mod in_a_terminal;
mod stream;
mod topics;

use crate::support::sandbox::Sandbox;
use crate::support::terminal::Terminal;

/// A console over a sandbox that runs already.
pub fn console(sandbox: &Sandbox) -> Terminal {
    let variables = sandbox.serving.line["env"].as_object().expect("an object of variables");
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("text"))).collect();
    Terminal::run(sandbox.home.path(), (120, 36), &[], &variables)
}
