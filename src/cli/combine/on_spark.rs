//! `hydrant combine --engine spark`.

use std::time::Instant;

use crate::cli::jobs::progress;
use crate::cli::{CliError, Context};
use crate::lake::combine::{Outcome, Plan, Wish, elsewhere};
use crate::lake::{Lake, Place};
use crate::settings::EngineName;
use crate::spark::combine::Order;
use crate::spark::local::Local;
use crate::spark::{Book, OnStop, Results, SparkError, see_through};

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
    let engine = Local::new(context.settings.spark_submit.to_string(), threads);
    let progress = progress(context);
    // Its hours are complete by their manifests, whoever is there to hear of it: the plan of the next run finds them, and
    // nobody has to find the job.
    let book = Book::at(out.path().join("jobs"));
    let mut entry = book.begin(EngineName::Local, job)?;
    let stop = (&context.stop, OnStop::Cancel);
    let answer = match see_through(&book, &engine, &mut entry, &progress, stop).await {
        Ok(Results::Combined(answer)) => answer,
        Ok(other) => unreachable!("hours were combined, not {other:?}"),
        Err(error) => {
            order.clear().await?;
            // The log is what explains it, and its folder goes with this run.
            let kept = context.folders.state.join("spark.log");
            return Err(match (error, std::fs::copy(out.path().join("spark.log"), &kept)) {
                (SparkError::Failed { why, .. }, Ok(_)) => {
                    SparkError::Failed { why, log: kept.display().to_string() }
                }
                (error, _) => error,
            }
            .into());
        }
    };
    Ok(elsewhere::take_over(results, plan, answer, began.elapsed().as_secs_f64()).await)
}
