//! Shell completions and the manual page, made from the same definitions as the commands themselves.

use std::io::Write;

use clap::Args;

use super::{CliError, Exit};

/// Print shell completions
#[derive(Debug, Args)]
#[command(
    after_help = "Example: hydrant completions bash > ~/.local/share/bash-completion/completions/hydrant"
)]
pub(super) struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(&self, command: &mut clap::Command) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, command, "hydrant", &mut script);
        drop(std::io::stdout().write_all(&script));
        Exit::Done
    }
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant man | man -l -")]
pub(super) struct Man {}

pub(super) fn man(command: clap::Command) -> Result<Exit, CliError> {
    let mut page = Vec::new();
    let write = |source| CliError::Io { what: "write the manual page".to_owned(), source };
    clap_mangen::Man::new(command).render(&mut page).map_err(write)?;
    drop(std::io::stdout().write_all(&page));
    Ok(Exit::Done)
}
