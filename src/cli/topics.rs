//! `hydrant topics`: fit models, look at them, and ask them.

mod answer;
mod fit;
mod models;
mod on_spark;
mod predict;
mod report;
mod sweep;
mod text;

pub(super) use fit::{cloud_for, show as show_model};

use clap::{Args, Subcommand};

use super::{CliError, Context, Exit};

/// Topic models
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics fit --input hours.parquet --k 20 --out model")]
pub(super) struct Topics {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Find the topics of documents
    Fit(Box<fit::Fit>),
    /// Try several numbers of topics, and recommend one
    Sweep(Box<sweep::Sweep>),
    /// List the models in a folder
    List(models::List),
    /// Show a model's topics
    Show(models::Show),
    /// Name a topic
    Name(models::Name),
    /// Tell the topics of posts that a model has not seen
    Predict(predict::Predict),
    /// Answer eleven questions about posts and their topics
    Answer(answer::Answer),
    /// Write a model as one HTML file to read and to hand on
    Report(report::Report),
}

impl Topics {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        match self.command {
            Command::Fit(fit) => fit.run(&context).await,
            Command::Sweep(sweep) => sweep.run(&context).await,
            Command::List(list) => list.run(&context).await,
            Command::Show(show) => show.run(&context).await,
            Command::Name(name) => name.run(&context).await,
            Command::Predict(predict) => predict.run(&context).await,
            Command::Answer(answer) => answer.run(&context).await,
            Command::Report(report) => report.run(&context).await,
        }
    }
}
