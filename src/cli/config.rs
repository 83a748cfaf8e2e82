//! `hydrant config`: the settings and where each came from.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use clap::Args;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::settings::Settings;

/// Show the settings and where each came from
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant config --init && $EDITOR hydrant.toml")]
pub(super) struct Config {
    /// Write a hydrant.toml with every setting explained into the working folder
    #[arg(long)]
    init: bool,
}

impl Config {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, CliError> {
        if self.init {
            return init(context);
        }
        let rows = context.settings.rows();
        if context.global.json {
            answer!("{}", serde_json::to_string(&rows).expect("rows of text are JSON"));
            return Ok(Exit::Done);
        }
        for file in [&context.layers.dotenv, &context.layers.file].into_iter().flatten() {
            answer!("{}", style::faint(format!("read {}", file.display())));
        }
        for row in rows {
            let value = row.value.unwrap_or_else(|| "–".to_owned());
            let value = style::safe(value);
            answer!("{:<24} {value:<46} {}", row.key, style::faint(row.origin));
        }
        Ok(Exit::Done)
    }
}

fn init(context: &Context) -> Result<Exit, CliError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::AlreadyExists => {
            CliError::Usage("there is a hydrant.toml here already: it was left as it is".to_owned())
        }
        _ => CliError::Io { what: "write hydrant.toml".to_owned(), source },
    };
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open("hydrant.toml")
        .map_err(failed)?;
    file.write_all(Settings::template().as_bytes()).map_err(failed)?;
    if context.global.json {
        answer!("{}", serde_json::json!({ "file": "hydrant.toml" }));
    } else {
        talk!("wrote hydrant.toml: every setting is in it, commented out");
    }
    Ok(Exit::Done)
}
