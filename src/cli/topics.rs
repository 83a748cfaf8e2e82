//! `hydrant topics`: fit models, look at them, and ask them.

mod fit;

use clap::{Args, Subcommand};

use super::{CliError, Context, Exit};

/// Topic models
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics fit --tokens posts.txt --model lda --k 20 --out model")]
pub(super) struct Topics {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the topics of documents
    Fit(fit::Fit),
}

impl Topics {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.command {
            Command::Fit(fit) => fit.run(&context).await,
        }
    }
}
