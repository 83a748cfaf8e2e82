//! Shell completions and the manual page, made from the same definitions as the commands themselves.

use std::io::{self, Write};

use clap::Args;

use super::{CliError, Exit, style};

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
        drop(style::answer_piece(&script));
        Exit::Done
    }
}

/// Print the manual page
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant man | man -l -")]
pub(super) struct Man {}

pub(super) fn man(command: &clap::Command) -> Result<Exit, CliError> {
    let page =
        page(command).map_err(|source| CliError::Io { what: "write the manual page".to_owned(), source });
    drop(style::answer_piece(&page?));
    Ok(Exit::Done)
}

/// The page of the whole program: what stands for all of it, and then each command with its own options, since one page
/// is all that there is.
fn page(command: &clap::Command) -> io::Result<Vec<u8>> {
    let whole = clap_mangen::Man::new(command.clone());
    let mut page = Vec::new();
    whole.render_title(&mut page)?;
    whole.render_name_section(&mut page)?;
    whole.render_synopsis_section(&mut page)?;
    whole.render_description_section(&mut page)?;
    whole.render_options_section(&mut page)?;
    writeln!(page, ".SH COMMANDS")?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        of_command(command, "hydrant", &mut page)?;
    }
    whole.render_extra_section(&mut page)?;
    whole.render_version_section(&mut page)?;
    Ok(page)
}

/// A command, or each of its own in its place.
fn of_command(command: &clap::Command, above: &str, page: &mut Vec<u8>) -> io::Result<()> {
    let name = format!("{above} {}", command.get_name());
    if command.get_subcommands().next().is_some() {
        let mut shown = command.get_subcommands().filter(|command| !command.is_hide_set());
        return shown.try_for_each(|command| of_command(command, &name, page));
    }
    let man = clap_mangen::Man::new(command.clone().bin_name(name.clone()).disable_help_flag(true));
    writeln!(page, ".SS \"{name}\"")?;
    let mut sections = Vec::new();
    man.render_description_section(&mut sections)?;
    man.render_synopsis_section(&mut sections)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut sections)?;
    }
    if command.get_after_help().is_some() {
        man.render_extra_section(&mut sections)?;
    }
    // Within a command's part its sections are paragraphs.
    for line in sections.split_inclusive(|byte| *byte == b'\n') {
        page.extend_from_slice(if line.starts_with(b".SH") { b".PP\n" } else { line });
    }
    Ok(())
}
