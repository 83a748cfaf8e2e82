//! `hydrant combine --engine spark`.

use std::time::Instant;

use crate::cli::style::{safe, talk};
use crate::cli::{CliError, Context, style};
use crate::lake::combine::{Outcome, Plan, Wish, elsewhere};
use crate::lake::{Lake, Place};
use crate::progress::{Progress, Report};
use crate::spark::combine::{self, Order};
use crate::spark::local::Local;
use crate::spark::{Engine, SparkError, follow};

/// Has Spark combine what is due.
pub(super) async fn run(
    context: &Context,
    lake: &Lake,
    results: &Place,
    plan: &Plan,
    wish: &Wish,
    threads: Option<usize>,
) -> Result<Outcome, CliError> {
    let began = Instant::now();
    if plan.due.is_empty() {
        return Ok(Outcome::default());
    }
    if let Some(remote) = [&lake.place, results].into_iter().find(|place| !place.is_local()) {
        return Err(SparkError::NotAFile(remote.url("")).into());
    }
    let out =
        tempfile::tempdir().map_err(|source| CliError::Io { what: "make a folder".to_owned(), source })?;
    let reader = std::env::current_exe().ok();
    let order = Order { lake, results, plan, wish, reader };
    let job = context.unless_stopped(order.job(out.path(), &context.stop)).await??;
    let engine = Local { program: context.settings.spark_submit.to_string(), threads };
    let mut run = engine.submit(&job).await?;
    let json = context.global.json;
    let progress = Progress::to(move |report: Report| {
        if !json {
            talk!("  {} {}", style::faint("·"), safe(&report.text));
        }
    });
    let followed = follow(run.as_mut(), &job, &progress, &context.stop).await;
    if let Err(error) = followed {
        order.clear().await?;
        // The log is what explains it, and its folder goes with this run.
        let kept = context.folders.state.join("spark.log");
        return Err(match (error, std::fs::copy(run.log(), &kept)) {
            (SparkError::Failed { why, .. }, Ok(_)) => SparkError::Failed { why, log: kept },
            (error, _) => error,
        }
        .into());
    }
    let answer = combine::answer(out.path())?;
    Ok(elsewhere::take_over(results, plan, answer, began.elapsed().as_secs_f64()).await)
}
