//! `hydrant topics answer`.

use std::path::{Path, PathBuf};

use clap::builder::PossibleValuesParser;
use clap::{Args, ValueEnum};

use super::fit::cloud_for;
use crate::cli::style::{answer, faint, safe, strong, talk};
use crate::cli::{CliError, Context, Exit};
use crate::lake::{Address, Place};
use crate::topics::questions::{self, Answers, Cell, Countries, Predicted, Table};
use crate::topics::{self, Shelf, TopicsError};

/// What is told beside the eleven answers.
const HOURS: &str = "shares_per_hour";

/// Answer eleven questions about posts and their topics
#[derive(Debug, Args)]
#[command(
    after_help = "Example: hydrant topics answer model --input combined/ --out answers --format csv,parquet"
)]
pub(super) struct Answer {
    /// The model's folder, local or `s3://`
    #[arg(value_name = "DIR")]
    folder: String,
    #[command(flatten)]
    asked: Asked,
    /// Only these questions; may be given several times [default: all]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(questions::NAMES.into_iter().chain([HOURS])))]
    question: Vec<String>,
    /// Folder, local or `s3://`, that a file for each answer goes to
    #[arg(long, value_name = "DIR")]
    out: Option<String>,
    /// How these files are written
    #[arg(long, value_enum, value_delimiter = ',', default_value = "csv", value_name = "FORMAT")]
    format: Vec<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Parquet,
}

/// What the questions are put to.
#[derive(Debug, Args)]
pub(super) struct Asked {
    /// Combined hours: .csv or .parquet files, or folders of them, local or `s3://`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) input: Vec<String>,
    /// Predictions of these hours [default: those that are kept with the model]
    #[arg(long, value_name = "PATH", num_args = 1..)]
    predictions: Vec<String>,
    /// Rows of each ranking
    #[arg(long, value_name = "N", default_value_t = questions::TOP)]
    top: usize,
    /// Places and their countries, beside those that hydrant knows, in the manner of its assets/places.toml
    #[arg(long, value_name = "FILE")]
    places: Option<PathBuf>,
}

impl Asked {
    /// Every address that is named.
    pub(super) fn addresses(&self) -> impl Iterator<Item = &String> {
        self.input.iter().chain(&self.predictions)
    }

    /// Asks.
    pub(super) async fn answers(
        &self,
        shelf: &Shelf,
        model: &topics::Model,
        cloud: Option<&crate::cloud::Cloud>,
    ) -> Result<Answers, CliError> {
        let kept = match &self.predictions[..] {
            [] => shelf.predictions().await?,
            given => topics::find_rows(given, cloud).await?,
        };
        if kept.is_empty() {
            return Err(TopicsError::NoPredictions(shelf.url("")).into());
        }
        let predicted = Predicted::read(&kept, model.k()).await?;
        let hours = topics::find_rows(&self.input, cloud).await?;
        let own = match &self.places {
            Some(path) => Some(Countries::with(&read(path)?)?),
            None => None,
        };
        let countries = own.as_ref().unwrap_or_else(|| Countries::shipped());
        Ok(questions::answer(model, &predicted, &hours, countries, self.top).await?)
    }
}

fn read(path: &Path) -> Result<String, TopicsError> {
    let failed = |source| TopicsError::File { action: "read", path: path.to_owned(), source };
    std::fs::read_to_string(path).map_err(failed)
}

impl Answer {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if self.asked.input.is_empty() {
            return Err(CliError::Usage(
                "there is nothing to ask: give combined hours with --input".to_owned(),
            ));
        }
        if self.out.is_some() {
            context.refuse_if_readonly(1)?;
        }
        let named = self.asked.addresses().chain([&self.folder]).chain(&self.out);
        let cloud = cloud_for(context, named).await?;
        let shelf = context.unless_stopped(Shelf::open(&self.folder, cloud.as_ref())).await??;
        let model = topics::load(shelf.folder())?;
        let asking = self.asked.answers(&shelf, &model, cloud.as_ref());
        let mut answers = context.unless_stopped(asking).await??;
        answers.answers.retain(|answer| self.asks(answer.name));
        answers.unanswered.retain(|one| self.asks(one.name));
        let outputs = match &self.out {
            Some(out) => {
                let place = Place::at(Address::parse(out)?, cloud.as_ref())?;
                self.write(&answers, &place).await?
            }
            None => Vec::new(),
        };
        if context.global.json {
            let mut document = serde_json::to_value(&answers).expect("numbers and text are JSON");
            document["model"] = self.folder.clone().into();
            document["outputs"] = outputs.into();
            answer!("{document}");
        } else {
            show(&answers, self.asks(HOURS));
            for output in &outputs {
                talk!("{}", safe(output));
            }
        }
        Ok(Exit::Done)
    }

    fn asks(&self, name: &str) -> bool {
        self.question.is_empty() || self.question.iter().any(|asked| asked == name)
    }

    async fn write(&self, answers: &Answers, place: &Place) -> Result<Vec<String>, CliError> {
        let hours = answers.shares_per_hour.table(&answers.topics);
        let tables = answers.answers.iter().map(|answer| (answer.name, answer.table()));
        let mut outputs = Vec::new();
        for (name, table) in tables.chain(self.asks(HOURS).then_some((HOURS, hours))) {
            for format in &self.format {
                let (ending, content) = match format {
                    Format::Csv => ("csv", table.csv()?),
                    Format::Parquet => ("parquet", table.parquet()?),
                };
                let key = format!("{name}.{ending}");
                place.put(&key, &content).await?;
                outputs.push(place.url(&key));
            }
        }
        Ok(outputs)
    }
}

/// The answers, for a person.
fn show(answers: &Answers, hours: bool) {
    answer!("{} of {} posts have a topic; the answers are about them", answers.with_topic, answers.posts);
    for one in &answers.answers {
        answer!("\n{}  {}", strong(safe(&one.question)), faint(one.name));
        show_table(&one.table());
    }
    if hours {
        answer!("\n{}  {}", strong("How much of each hour belongs to which topic?"), faint(HOURS));
        show_table(&answers.shares_per_hour.table(&answers.topics));
    }
    for one in &answers.unanswered {
        answer!("\n{}: not answered, {}", one.name, one.because);
    }
}

/// A table in columns: texts at the left, numbers at the right.
fn show_table(table: &Table) {
    const WIDEST: usize = 28;
    let cell = |cell: &Cell| match cell {
        Cell::Number(number) => format!("{number:.3}"),
        other => crate::text::fit(&safe(other.written()), WIDEST, "…").into_owned(),
    };
    let head = table.columns.iter().map(|name| crate::text::fit(&safe(name), WIDEST, "…").into_owned());
    let mut rows = vec![head.collect::<Vec<_>>()];
    rows.extend(table.rows.iter().map(|row| row.iter().map(cell).collect()));
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|text| crate::text::width(text)).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let is_text = |column: usize| table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Text(_))));
    let at_left: Vec<bool> = (0..table.columns.len()).map(is_text).collect();
    for row in &rows {
        let mut line = String::new();
        for ((text, width), at_left) in row.iter().zip(&widths).zip(&at_left) {
            let gap = " ".repeat(width - crate::text::width(text));
            line.push_str("  ");
            let (first, second) = if *at_left { (text, &gap) } else { (&gap, text) };
            line.push_str(first);
            line.push_str(second);
        }
        answer!("{}", line.trim_end());
    }
}
