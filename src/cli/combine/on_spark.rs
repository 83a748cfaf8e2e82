//! `hydrant combine --engine spark`.

use crate::cli::jobs;
use crate::cli::{CliError, Context};
use crate::lake::combine::{Outcome, Plan, Wish};
use crate::lake::{Lake, Place};
use crate::settings::EngineName;
use crate::spark::combine::{self, Order};
use crate::spark::plan::{self, Kind, Machine, Size};
use crate::spark::{Book, Desk, Engine, OnStop, SparkError, must_reach, see_through};

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
        must_reach(self.engine, [self.lake.place.url(""), self.results.url("")])?;
        let (size, settings) = (Size::of_due(&self.plan.due), &self.context.settings);
        Ok(plan::Plan::of(Kind::Combine, self.engine, size, settings, Machine::this()))
    }

    /// The engine, if a job can be handed over to it.
    pub(super) async fn ready(&self) -> Result<Box<dyn Engine>, CliError> {
        let desk = Desk { settings: &self.context.settings, threads: self.threads };
        desk.ready(self.engine, async || self.context.cloud().await).await
    }

    /// Has Spark combine what is due.
    pub(super) async fn run(&self, engine: &dyn Engine) -> Result<Outcome, CliError> {
        match engine.name() {
            EngineName::Local => self.here(engine).await,
            _ => self.elsewhere(engine).await,
        }
    }

    fn order(&self, reader: Option<std::path::PathBuf>) -> Order<'_> {
        Order { lake: self.lake, results: self.results, plan: self.plan, wish: self.wish, reader }
    }

    async fn here(&self, engine: &dyn Engine) -> Result<Outcome, CliError> {
        let context = self.context;
        let out = tempfile::tempdir()
            .map_err(|source| CliError::Io { what: "make a folder".to_owned(), source })?;
        let order = self.order(std::env::current_exe().ok());
        let job = context.unless_stopped(order.job(out.path(), &context.stop)).await??;
        let progress = jobs::progress(context);
        if let Some(outcome) = combine::all_left(&job) {
            return Ok(outcome);
        }
        // Its hours are complete by their manifests, whoever is there to hear of it: the plan of the next run finds them,
        // and nobody has to find the job.
        let book = Book::at(out.path().join("jobs"));
        let mut entry = book.begin(EngineName::Local, job)?;
        let stop = (&context.stop, OnStop::Cancel);
        let came = see_through(&book, engine, &mut entry, &progress, stop).await;
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
    async fn elsewhere(&self, engine: &dyn Engine) -> Result<Outcome, CliError> {
        let context = self.context;
        let out = combine::out_of(&context.folders.state, self.results);
        let order = self.order(None);
        let job = context.unless_stopped(order.job(&out, &context.stop)).await??;
        if let Some(outcome) = combine::all_left(&job) {
            return Ok(outcome);
        }
        let book = Book::of(&context.folders);
        let mut entry = book.begin(engine.name(), job)?;
        let came = jobs::go_along(context, &book, engine, &mut entry).await;
        Ok(combine::wind_up(&entry, came, self.results).await?)
    }
}
