//! `hydrant topics list`, `show`, `name` and `predict`: what to do with models that are there.

use std::path::{Path, PathBuf};

use clap::Args;

use super::fit::{aside, read_inputs, show};
use crate::cli::style::{answer, safe};
use crate::cli::{CliError, Context, Exit};
use crate::topics::predict::Predictor;
use crate::topics::{self, Description, Post, TopicsError, kept};

/// List the models in a folder
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics list models")]
pub(super) struct List {
    /// Folder with a folder for each model
    #[arg(default_value = ".", value_name = "DIR")]
    folder: PathBuf,
}

impl List {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let failed = |source| TopicsError::File { action: "read", path: self.folder.clone(), source };
        std::fs::metadata(&self.folder).map_err(failed)?;
        let mut models = kept::list(&self.folder)?;
        models.sort_by(|a, b| a.folder.cmp(&b.folder));
        let mut found: Vec<(String, Description)> = Vec::new();
        for model in models {
            found.push((model.folder.display().to_string(), topics::describe(&model.folder)?));
        }
        if context.global.json {
            let rows: Vec<_> = found
                .iter()
                .map(|(folder, model)| {
                    serde_json::json!({
                        "folder": folder, "method": model.method, "k": model.k, "documents": model.documents,
                        "coherence_npmi": model.coherence_npmi, "diversity": model.diversity,
                    })
                })
                .collect();
            answer!("{}", serde_json::Value::from(rows));
            return Ok(Exit::Done);
        }
        for (folder, model) in &found {
            answer!(
                "{:<40} {:<6} {:>4} topics {:>9} documents  coherence {:.3}",
                safe(folder),
                model.method.name(),
                model.k,
                model.documents,
                model.coherence_npmi
            );
        }
        if found.is_empty() {
            answer!("no models in {}: make one with `hydrant topics fit`", safe(self.folder.display()));
        }
        Ok(Exit::Done)
    }
}

/// Show a model's topics
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics show model --lambda 0.6")]
pub(super) struct Show {
    /// The model's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Rank words by relevance: 1 is by probability, towards 0 by what other topics do not have
    #[arg(long, value_name = "X")]
    lambda: Option<f32>,
}

impl Show {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let mut described = topics::describe(&self.folder)?;
        if let Some(lambda) = self.lambda {
            if !(0.0..=1.0).contains(&lambda) {
                return Err(CliError::Usage(format!("--lambda is {lambda}: it must be 0 to 1")));
            }
            let model = topics::load(&self.folder)?;
            for topic in &mut described.topics {
                let terms = topics::browse::relevant_terms(&model, topic.topic, lambda, topic.words.len());
                topic.words = terms.into_iter().map(|(term, _)| model.terms[term].clone()).collect();
            }
        }
        if context.global.json {
            answer!("{}", serde_json::to_string(&described).expect("numbers and text are JSON"));
        } else {
            show(&described);
        }
        Ok(Exit::Done)
    }
}

/// Name a topic
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics name model 3 \"rocket launches\"")]
pub(super) struct Name {
    /// The model's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The topic's number
    #[arg(value_name = "TOPIC")]
    topic: usize,
    /// What it is called; empty takes the name away
    #[arg(value_name = "NAME")]
    words: String,
}

impl Name {
    pub(super) fn run(&self, context: &Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        kept::rename(&self.folder, self.topic, &self.words)?;
        Ok(Exit::Done)
    }
}

/// Tell the topics of posts that a model has not seen
#[derive(Debug, Args)]
#[command(
    after_help = "Example: hydrant topics predict model --input hours/2026112218.parquet --out predictions.parquet"
)]
pub(super) struct Predict {
    /// The model's folder
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Combined hours: .csv or .parquet files, or folders of them, local or `s3://`
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    input: Vec<String>,
    /// Parquet file to write: a row for each post that the model's steps keep
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

impl Predict {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        let posts = read_inputs(context, &self.input).await?;
        let (all, out) = (posts.len(), self.out.clone());
        let told = aside(move || predict(&self.folder, &posts, &self.out)).await??;
        if context.global.json {
            answer!("{}", serde_json::json!({ "posts": all, "predicted": told, "output": out }));
        } else {
            answer!("{told} of {all} posts have their topics in {}", safe(out.display()));
        }
        Ok(Exit::Done)
    }
}

fn predict(folder: &Path, posts: &[Post], out: &Path) -> Result<usize, TopicsError> {
    let model = topics::load(folder)?;
    let kept = topics::read_text(folder)?.steps.kept(posts)?;
    let mut documents = Vec::with_capacity(posts.len());
    let mut told = 0;
    for tokens in &kept {
        documents.push(tokens.is_some().then_some(told));
        told += u32::from(tokens.is_some());
    }
    let predictor = Predictor::new(&model);
    let corpus = predictor.corpus(kept.iter().flatten().map(|tokens| tokens.iter().map(String::as_str)));
    let shares = predictor.shares(&corpus);
    let rows = topics::predictions(posts, &documents, &shares)?;
    std::fs::write(out, rows).map_err(|source| TopicsError::File {
        action: "write",
        path: out.to_owned(),
        source,
    })?;
    Ok(told as usize)
}
