//! `hydrant topics fit`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};

use super::on_spark::OnSpark;
use super::text::{Steps, dropped};
use crate::cli::style::{answer, safe, strong, talk};
use crate::cli::{CliError, Context, Exit, style};
use crate::cloud::Cloud;
use crate::text::counted;
use crate::topics::{self, Description, Documents, Method, Order, Post, Shelf, Step, Watch, Writer};

/// Find the topics of documents
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant topics fit --input s3://bucket/datasets/twitter/kinesis-demo/ --k 20 --out model\n  hydrant topics fit --tokens posts.txt --model lda --k 20 --out model"
)]
pub(super) struct Fit {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    how: How,
    #[command(flatten)]
    text: Steps,
    #[command(flatten)]
    spark: OnSpark,
    /// Folder, local or `s3://`, that the model and its tables go to
    #[arg(long, value_name = "DIR")]
    out: String,
}

/// What a model is made from.
#[derive(Debug, Clone, Args)]
#[group(required = true, multiple = false)]
pub(super) struct From {
    /// Combined hours: .csv or .parquet files, or folders of them, local or `s3://`
    #[arg(long, value_name = "PATH", num_args = 1..)]
    pub(super) input: Vec<String>,
    /// Documents that are tokens already: one a line, parted by spaces, used as they are
    #[arg(long, value_name = "FILE")]
    pub(super) tokens: Option<PathBuf>,
}

impl From {
    /// Reads the documents.
    pub(super) async fn documents(&self, context: &Context, text: &Steps) -> Result<Documents, CliError> {
        if let Some(path) = &self.tokens {
            return Ok(Documents::of_tokens(path)?);
        }
        let steps = text.steps()?;
        let posts = self.posts(context).await?;
        Ok(aside(move || Documents::of_posts(posts, steps)).await??)
    }

    async fn posts(&self, context: &Context) -> Result<Vec<Post>, CliError> {
        read_inputs(context, &self.input).await
    }
}

/// The clients, if one of these addresses is in a bucket.
pub(crate) async fn cloud_for(
    context: &Context,
    addresses: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Option<Cloud>, CliError> {
    let remote = addresses.into_iter().any(|address| address.as_ref().starts_with("s3://"));
    Ok(if remote { Some(context.cloud().await?) } else { None })
}

/// Where a model is to be written. If it takes the place of one whose topics have names, says what becomes of those.
pub(super) async fn shelf_for(context: &Context, out: &str) -> Result<Shelf, CliError> {
    let shelf = Shelf::at(out, cloud_for(context, [out]).await?.as_ref())?;
    if let Some(file) = context.unless_stopped(shelf.names_to_keep()).await?? {
        talk!(
            "the model in {} has topics with names: it makes room for the new one, and the names are kept in {file}",
            safe(out)
        );
    }
    Ok(shelf)
}

/// Reads posts; a bucket is reached only if one is named.
async fn read_inputs(context: &Context, inputs: &[String]) -> Result<Vec<Post>, CliError> {
    let cloud = cloud_for(context, inputs).await?;
    let posts = context.unless_stopped(topics::read_posts(inputs, cloud.as_ref())).await?;
    Ok(posts?)
}

/// Does what takes long on a thread of its own.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, CliError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| CliError::Io {
        what: "go on: the thread that did the work has ended".into(),
        source: std::io::Error::other(error),
    })
}

/// How a model is made.
#[derive(Debug, Clone, Args)]
pub(super) struct How {
    /// How many topics; for gsdmm, at most how many [default: 20; gsdmm 100]
    #[arg(long, value_name = "N")]
    k: Option<usize>,
    /// Where chance begins: the same seed gives the same model [default: 88]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    every: HowEvery,
}

/// How every model of a sweep is made: what is varied there is not among it.
#[derive(Debug, Clone, Args)]
pub(super) struct HowEvery {
    /// Method [default: gsdmm for short documents, lda for others]
    #[arg(long, value_enum)]
    model: Option<ModelName>,
    /// Passes over all documents [default: until it no longer gains; gsdmm 30]
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// Threads; the outcome does not depend on them [default: all cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// What is expected of every topic in a document, in tokens [default: 0.1]
    #[arg(long, value_name = "X")]
    alpha: Option<f32>,
    /// Learn alpha from the documents, each topic's own (lda)
    #[arg(long)]
    learn_alpha: bool,
    /// What is expected of every word in a topic, in tokens [default: lda 0.01, gsdmm 0.1]
    #[arg(long, value_name = "X")]
    beta: Option<f32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModelName {
    /// Several topics a document
    Lda,
    /// The same of words that weigh by TF-IDF, as Spark's users have it
    #[value(name = "lda-tfidf")]
    LdaTfIdf,
    /// One topic a document; surplus topics empty themselves
    Gsdmm,
    /// Non-negative factors of TF-IDF
    Nmf,
}

impl How {
    /// The same as the room takes it.
    pub(super) fn order(&self, watch: Watch) -> Order {
        Order { k: self.k, seed: self.seed, ..self.every.order(watch) }
    }
}

impl HowEvery {
    /// The same as the room takes it.
    pub(super) fn order(&self, watch: Watch) -> Order {
        Order {
            method: self.model.map(|model| match model {
                ModelName::Lda => Method::Lda,
                ModelName::LdaTfIdf => Method::LdaTfIdf,
                ModelName::Gsdmm => Method::Gsdmm,
                ModelName::Nmf => Method::Nmf,
            }),
            iterations: self.iterations,
            threads: self.threads.map(usize::from),
            alpha: self.alpha,
            learn_alpha: self.learn_alpha,
            beta: self.beta,
            watch,
            ..Order::default()
        }
    }
}

impl Fit {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        if self.spark.is_wanted()? {
            return self.spark.fit(context, &self.from, &self.how, &self.text, &self.out).await;
        }
        context.refuse_if_readonly(1)?;
        let order = self.how.order(watch(context));
        order.check_numbers()?;
        let shelf = shelf_for(context, &self.out).await?;
        let writer = Writer::of(shelf.folder())?;
        let json = context.global.json;
        let stop = context.stop.clone();
        let begun = Instant::now();
        let documents = self.from.documents(context, &self.text).await?;
        let read = begun.elapsed().as_secs_f64();
        if let Some(counts) = documents.counts().filter(|_| !json) {
            for line in dropped(counts) {
                talk!("{line}");
            }
        }
        let described = aside(move || topics::fit_into(&writer, &order, documents, read)).await??;
        shelf.send().await?;
        show(context, &described);
        Ok(if stop.is_cancelled() { Exit::Interrupted } else { Exit::Done })
    }
}

/// Tells of the passes on a terminal, and stops when the operator asks for it.
pub(super) fn watch(context: &Context) -> Watch {
    let shown = std::io::stderr().is_terminal() && !context.global.json;
    Watch::new(context.stop.clone(), move |step: Step| {
        let Step { iteration, of, likelihood } = step;
        if shown && let Some(likelihood) = likelihood {
            talk!("pass {iteration} of {of} · {likelihood:.4}");
        }
    })
}

/// A model, for a person or a program.
pub(crate) fn show(context: &Context, model: &Description) {
    if context.global.json {
        answer!("{}", serde_json::to_string(model).expect("numbers and text are JSON"));
    } else {
        show_topics(model);
    }
}

fn show_topics(model: &Description) {
    for topic in &model.topics {
        let share = format!("{:5.1} %", topic.share * 100.0);
        let name = if topic.name.is_empty() { String::new() } else { format!("{} · ", safe(&topic.name)) };
        answer!("{} {share}  {}{}", strong(format!("{:>4}", topic.topic)), name, safe(topic.words.join(" ")));
    }
    answer!(
        "{}",
        style::faint(format!(
            "{} · {} topics · {} · {} · {} · coherence {:.3} · diversity {:.2} · {:.1} s",
            model.method.name(),
            model.k,
            counted(model.documents, "document", "documents"),
            counted(model.tokens, "token", "tokens"),
            counted(model.vocabulary, "word", "words"),
            model.coherence_npmi,
            model.diversity,
            model.seconds.all(),
        ))
    );
}
