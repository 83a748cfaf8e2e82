//! `hydrant topics sweep`.

use clap::Args;

use super::fit::{From, HowEvery, aside, watch};
use super::text::Steps;
use crate::cli::style::{answer, safe, talk};
use crate::cli::{CliError, Context, Exit};
use crate::topics::Order;
use crate::topics::sweep::sweep;

/// Try several numbers of topics, and recommend one
#[derive(Debug, Args)]
#[command(
    after_help = "Example: hydrant topics sweep --tokens posts.txt --model lda --sizes 5,10,20,40 --seeds 1,2,3"
)]
pub(super) struct Sweep {
    #[command(flatten)]
    from: From,
    /// Numbers of topics to try
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "5,10,20,40")]
    sizes: Vec<usize>,
    /// Seeds to try each from
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "1,2,3")]
    seeds: Vec<u64>,
    #[command(flatten)]
    how: HowEvery,
    #[command(flatten)]
    text: Steps,
}

impl Sweep {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        let order = self.how.order(watch(context));
        for k in &self.sizes {
            Order { k: Some(*k), ..order.clone() }.check_numbers()?;
        }
        let documents = self.from.documents(context, &self.text).await?;
        let (json, stop) = (context.global.json, context.stop.clone());
        let outcome = aside(move || {
            sweep(&documents.corpus, &order, &self.sizes, &self.seeds, |one| {
                if !json {
                    talk!("k {:>4} seed {:>3}: {:.4} nats a token", one.k, one.seed, one.held_out);
                }
            })
        })
        .await??;
        if json {
            answer!("{}", serde_json::to_string(&outcome).expect("numbers and text are JSON"));
        } else {
            answer!("   k  seed  topics  held out  coherence  diversity");
            for one in &outcome.tried {
                answer!(
                    "{:>4}  {:>4}  {:>6}  {:>8.4}  {:>9.3}  {:>9.2}",
                    one.k,
                    one.seed,
                    one.topics,
                    one.held_out,
                    one.coherence_npmi,
                    one.diversity
                );
            }
            answer!("{}", safe(&outcome.because));
        }
        Ok(if stop.is_cancelled() { Exit::Interrupted } else { Exit::Done })
    }
}
