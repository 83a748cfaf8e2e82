//! `hydrant topics fit --engine spark`.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::fit::{From, How, show};
use super::text::Steps;
use crate::cli::style::{answer, safe, talk};
use crate::cli::{CliError, Context, Exit, style};
use crate::progress::{Progress, Report};
use crate::spark::local::Local;
use crate::spark::topics::{Documents, Optimizer, Order, Weights};
use crate::spark::{Engine, SparkError, follow};
use crate::topics::{self, Method};

/// Where the work is done, and what only Spark is told.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Engine")]
pub(super) struct OnSpark {
    /// What does the work: hydrant itself, or Spark on this machine (`spark_submit`)
    #[arg(long, value_enum, default_value = "local")]
    engine: EngineName,
    /// How MLlib looks for topics (spark)
    #[arg(long, value_enum, default_value = "online")]
    optimizer: OptimizerName,
    /// What a word in a document counts for (spark)
    #[arg(long, value_enum, default_value = "counts")]
    weights: WeightsName,
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

/// As the predecessor had them.
const K: usize = 20;
const ITERATIONS: usize = 85;
const SEED: u64 = 88;

impl OnSpark {
    pub(super) fn is_wanted(&self) -> bool {
        self.engine == EngineName::Spark
    }

    pub(super) async fn fit(
        &self,
        context: &Context,
        from: &From,
        how: &How,
        text: &Steps,
        out: &Path,
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
        let order = Order {
            documents: documents(context, from, text).await?,
            k,
            iterations: asked.iterations.unwrap_or(ITERATIONS),
            seed: asked.seed.unwrap_or(SEED),
            optimizer: match self.optimizer {
                OptimizerName::Online => Optimizer::Online,
                OptimizerName::Em => Optimizer::Em,
            },
            weights: match self.weights {
                WeightsName::Counts => Weights::Counts,
                WeightsName::Tfidf => Weights::Tfidf,
            },
        };
        let job = order.job(out)?;
        let engine = Local { program: context.settings.spark_submit.to_string(), threads: asked.threads };
        let mut run = engine.submit(&job).await?;
        let json = context.global.json;
        let progress = Progress::to(move |report: Report| {
            if !json {
                talk!("  {} {}", style::faint("·"), safe(&report.text));
            }
        });
        follow(run.as_mut(), &job, &progress, &context.stop).await?;
        let described = order.finish(out)?;
        if json {
            answer!("{}", serde_json::to_string(&described).expect("numbers and text are JSON"));
        } else {
            show(&described);
        }
        Ok(Exit::Done)
    }
}

async fn documents(context: &Context, from: &From, text: &Steps) -> Result<Documents, CliError> {
    if let Some(path) = &from.tokens {
        return Ok(Documents::Tokens(path.clone()));
    }
    if let Some(remote) = from.input.iter().find(|input| input.contains("://")) {
        return Err(SparkError::NotAFile(remote.clone()).into());
    }
    let files = context.unless_stopped(topics::find_rows(&from.input, None)).await??;
    let files = files.iter().map(topics::RowFile::url).collect();
    Ok(Documents::Hours(files, Box::new(text.steps()?)))
}
