//! `hydrant notebook`: the notebook's stack by the same commands as the pipeline's, and the way into it.

use std::io::IsTerminal;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, stack, style};
use crate::stack::LINK_LIFE;
use crate::stack::graph::Part;

/// The SageMaker notebook and what it needs: make it, look at it, open it, tear it down
#[derive(Debug, Args)]
#[command(
    after_help = "The notebook reads the lake's bucket, so `hydrant up` comes before it. It stops itself after an hour without work (`notebook_idle_minutes`).\n\nExample: hydrant notebook up && hydrant notebook open"
)]
pub(super) struct NotebookCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create what is missing, mend what differs, start it if it is stopped
    #[command(after_help = "Example: hydrant notebook up --plan")]
    Up {
        /// Show what would be done, and do nothing; exit code 3 if there is anything to do
        #[arg(long)]
        plan: bool,
        /// Take over things of its names that hydrant did not make
        #[arg(long)]
        adopt: bool,
    },
    /// Stop it, delete it and all that it needed, and prove that nothing is left
    #[command(
        after_help = "What is on the notebook's disk goes with it.\n\nExample: hydrant notebook down --delete-logs"
    )]
    Down {
        /// Show what would be deleted, and do nothing; exit code 3 if there is anything to delete
        #[arg(long)]
        plan: bool,
        /// Delete what it logged too, and the log group with it unless other notebooks log there
        #[arg(long)]
        delete_logs: bool,
    },
    /// Show its state, drift and cost
    #[command(
        after_help = "Exit code 3 if some of it is missing or not as it should be, 0 if all of it is there or nothing.\n\nExample: hydrant notebook status --json"
    )]
    Status,
    /// Make a link into it, and print it or open it in the browser
    #[command(
        after_help = "Whoever has the link is in, for five minutes: it is printed on a terminal, with --print, or with --json, and kept nowhere.\n\nExample: hydrant notebook open --browser"
    )]
    Open {
        /// Print it even where standard output is no terminal
        #[arg(long, conflicts_with = "browser")]
        print: bool,
        /// Open it in this machine's browser
        #[arg(long)]
        browser: bool,
    },
}

impl NotebookCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.action {
            Action::Up { plan, adopt } => {
                stack::Up { plan, adopt, drain: false, only: Vec::new() }.run(Part::Notebook, context).await
            }
            Action::Down { plan, delete_logs } => {
                stack::Down { plan, delete_data: delete_logs, drain: false }
                    .run(Part::Notebook, context)
                    .await
            }
            Action::Status => stack::Status {}.run(Part::Notebook, context).await,
            Action::Open { print, browser } => open(&context, print, browser).await,
        }
    }
}

async fn open(context: &Context, print: bool, browser: bool) -> Result<Exit, CliError> {
    let json = context.global.json;
    if !(print || browser || json || std::io::stdout().is_terminal()) {
        return Err(CliError::Usage(
            "the link is a secret, and standard output is no terminal: say --print, or --browser to open it"
                .to_owned(),
        ));
    }
    let notebook = stack::open(Part::Notebook, context).await?;
    context.refuse_if_readonly(1)?;
    let link = context.unless_stopped(notebook.notebook_link()).await??;
    if browser {
        crate::browser::open(&link).await.map_err(|source| CliError::Io {
            what: "open a browser: say --print and open the link yourself".to_owned(),
            source,
        })?;
        talk!("{} opened in the browser", style::good("hydrant:"));
    } else if json {
        answer!(
            "{}",
            serde_json::json!({ "url": link.expose_secret(), "expires_in_s": LINK_LIFE.as_secs() })
        );
    } else {
        answer!("{}", link.expose_secret());
        talk!("good for {} minutes; whoever has it is in", LINK_LIFE.as_secs() / 60);
    }
    Ok(Exit::Done)
}
