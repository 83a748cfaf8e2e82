//! `hydrant combine --engine spark`.

use crate::cli::jobs;
use crate::cli::{CliError, Context};
use crate::lake::combine::{Outcome, Plan, Wish};
use crate::lake::{Lake, Place};
use crate::settings::EngineName;
use crate::spark::combine::{self, Order};
use crate::spark::local::Local;
use crate::spark::plan::{self, Kind, Machine, Size};
use crate::spark::{Book, Desk, OnStop, SparkError, see_through};

/// What Spark is to combine, and where it runs.
pub(super) struct OnSpark<'a> {
    pub(super) context: &'a Context,
    pub(super) lake: &'a Lake,
    pub(super) results: &'a Place,
    pub(super) plan: &'a Plan,
    pub(super) wish: &'a Wish,
    pub(super) threads: Option<usize>,
    pub(super) engine: EngineName,
}

impl OnSpark<'_> {
    /// The plan of the job, if that Spark can read the hours and write the results.
    pub(super) fn plan(&self) -> Result<plan::Plan, CliError> {
        combine::must_reach(self.engine, [&self.lake.place, self.results])?;
        let (size, settings) = (Size::of_due(&self.plan.due), &self.context.settings);
        Ok(plan::Plan::of(Kind::Combine, self.engine, size, settings, Machine::this()))
    }

    /// Has Spark combine what is due.
    pub(super) async fn run(&self) -> Result<Outcome, CliError> {
        if self.plan.due.is_empty() {
            return Ok(Outcome::default());
        }
        match self.engine {
            EngineName::Local => self.here().await,
            _ => self.elsewhere().await,
        }
    }

    fn order(&self, reader: Option<std::path::PathBuf>) -> Order<'_> {
        Order { lake: self.lake, results: self.results, plan: self.plan, wish: self.wish, reader }
    }

    async fn here(&self) -> Result<Outcome, CliError> {
        let context = self.context;
        let out = tempfile::tempdir()
            .map_err(|source| CliError::Io { what: "make a folder".to_owned(), source })?;
        let order = self.order(std::env::current_exe().ok());
        let job = context.unless_stopped(order.job(out.path(), &context.stop)).await??;
        let engine = Local::new(context.settings.spark_submit.to_string(), self.threads);
        let progress = jobs::progress(context);
        // Its hours are complete by their manifests, whoever is there to hear of it: the plan of the next run finds them,
        // and nobody has to find the job.
        let book = Book::at(out.path().join("jobs"));
        let mut entry = book.begin(EngineName::Local, job)?;
        let stop = (&context.stop, OnStop::Cancel);
        let came = see_through(&book, &engine, &mut entry, &progress, stop).await;
        let outcome = combine::wind_up(&entry, came, self.results).await;
        // The log is what explains a failure, and its folder goes with this run.
        let kept = context.folders.state.join("spark.log");
        match outcome {
            Err(SparkError::Failed { why, .. })
                if std::fs::copy(out.path().join("spark.log"), &kept).is_ok() =>
            {
                Err(SparkError::Failed { why, log: kept.display().to_string() }.into())
            }
            outcome => Ok(outcome?),
        }
    }

    /// A job elsewhere is in the book: who begins it may leave, and find it again.
    async fn elsewhere(&self) -> Result<Outcome, CliError> {
        let context = self.context;
        let out = combine::out_of(&context.folders.state, self.results);
        let order = self.order(None);
        let job = context.unless_stopped(order.job(&out, &context.stop)).await??;
        let desk = Desk { settings: &context.settings, threads: None };
        let engine = desk.engine(self.engine, async || context.cloud().await).await?;
        let book = Book::of(&context.folders);
        let mut entry = book.begin(engine.name(), job)?;
        let came = jobs::go_along(context, &book, engine.as_ref(), &mut entry).await;
        Ok(combine::wind_up(&entry, came, self.results).await?)
    }
}
