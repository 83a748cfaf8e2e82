//! `hydrant topics fit --engine spark`.

use clap::{Args, ValueEnum};

use super::fit::{From, How, cloud_for, shelf_for};
use super::text::Steps;
use crate::cli::jobs::{fit_by, show_job};
use crate::cli::{CliError, Context, Exit};
use crate::settings::EngineName as Place;
use crate::spark::plan::{Kind, Machine, Plan, Size};
use crate::spark::topics::{Documents, ITERATIONS, K, Optimizer, Order, SEED, Weights};
use crate::spark::{Desk, must_reach};
use crate::topics::{self, Method};

/// Where the work is done, and what only Spark is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub(super) struct OnSpark {
    /// What does the work: hydrant itself, or Spark
    #[arg(long, value_enum, default_value = "local")]
    engine: EngineName,
    /// Where Spark runs: local, sagemaker, emr-serverless or databricks [default: as `spark_on` says, local]
    #[arg(long, value_name = "PLACE")]
    on: Option<Place>,
    /// Show what the job would read, take and cost, and change nothing (spark)
    #[arg(long)]
    plan: bool,
    /// How MLlib looks for topics (spark) [default: online]
    #[arg(long, value_enum)]
    optimizer: Option<OptimizerName>,
    /// What a word in a document counts for (spark) [default: counts]
    #[arg(long, value_enum)]
    weights: Option<WeightsName>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EngineName {
    /// hydrant, on this machine
    Local,
    /// MLlib's LDA
    Spark,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OptimizerName {
    /// Variational, batch by batch
    Online,
    /// Expectation and maximisation, as the predecessor did
    Em,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WeightsName {
    /// How often it is there
    Counts,
    /// TF-IDF, as the predecessor had it
    Tfidf,
}

impl OnSpark {
    /// Whether Spark is to do it. What only a job on Spark has is refused where hydrant itself does it.
    pub(super) fn is_wanted(&self) -> Result<bool, CliError> {
        let of_spark = self.plan || self.on.is_some() || self.optimizer.is_some() || self.weights.is_some();
        if self.engine == EngineName::Local && of_spark {
            let said = "--plan, --on, --optimizer and --weights are of a job on Spark: add --engine spark, or leave them out";
            return Err(CliError::Usage(said.to_owned()));
        }
        Ok(self.engine == EngineName::Spark)
    }

    pub(super) async fn fit(
        &self,
        context: &Context,
        from: &From,
        how: &How,
        text: &Steps,
        out: &str,
    ) -> Result<Exit, CliError> {
        let asked = how.order(topics::Watch::default());
        if asked.method.is_some_and(|method| method != Method::Lda) {
            return Err(CliError::Usage(
                "Spark fits by LDA alone: say --model lda, or leave --engine spark out".to_owned(),
            ));
        }
        if asked.alpha.is_some() || asked.beta.is_some() || asked.learn_alpha {
            return Err(CliError::Usage(
                "MLlib chooses its own priors: leave --alpha, --beta and --learn-alpha out".to_owned(),
            ));
        }
        let k = asked.k.unwrap_or(K);
        if !(2..=1000).contains(&k) {
            return Err(topics::TopicsError::BadNumberOfTopics(k).into());
        }
        let name = self.on.unwrap_or(*context.settings.spark_on);
        must_reach(name, &from.input)?;
        let (documents, size) = documents(context, from, text).await?;
        let desk = Desk { settings: &context.settings, threads: asked.threads };
        let engine = context.unless_stopped(desk.ready(name, async || context.cloud().await)).await?;
        let plan = Plan::of(Kind::Fit, name, size, &context.settings, Machine::this());
        show_job(context, &plan, engine.as_ref().err(), self.plan);
        if self.plan {
            return engine.map(|_| Exit::Done);
        }
        context.refuse_if_readonly(1)?;
        let engine = engine?;
        let order = Order {
            documents,
            k,
            iterations: asked.iterations.unwrap_or(ITERATIONS),
            seed: asked.seed.unwrap_or(SEED),
            optimizer: match self.optimizer {
                None | Some(OptimizerName::Online) => Optimizer::Online,
                Some(OptimizerName::Em) => Optimizer::Em,
            },
            weights: match self.weights {
                None | Some(WeightsName::Counts) => Weights::Counts,
                Some(WeightsName::Tfidf) => Weights::Tfidf,
            },
        };
        let shelf = shelf_for(context, out).await?;
        let job = order.job_to(shelf.place(), &context.folders.state)?;
        fit_by(context, engine.as_ref(), job).await
    }
}

async fn documents(context: &Context, from: &From, text: &Steps) -> Result<(Documents, Size), CliError> {
    if let Some(path) = &from.tokens {
        return Ok((Documents::Tokens(path.clone()), Size::of_file(path)?));
    }
    let cloud = cloud_for(context, &from.input).await?;
    let files = context.unless_stopped(topics::find_rows(&from.input, cloud.as_ref())).await??;
    Ok(context.unless_stopped(Documents::of_hours(&files, text.steps()?)).await??)
}
