//! `hydrant topics list`, `show` and `name`: what to do with models that are there.

use clap::Args;

use super::fit::{aside, cloud_for, show};
use crate::cli::style::{answer, safe};
use crate::cli::{CliError, Context, Exit};
use crate::text::counted;
use crate::topics::{self, Shelf, kept};

/// List the models in a folder
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics list models")]
pub(super) struct List {
    /// Folder with a folder for each model, local or `s3://`
    #[arg(default_value = ".", value_name = "DIR")]
    folder: String,
}

impl List {
    pub(super) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let cloud = cloud_for(context, [&self.folder]).await?;
        let found = context.unless_stopped(topics::find_models(&self.folder, cloud.as_ref())).await??;
        let exit = if found.iter().all(|kept| kept.about.is_ok()) { Exit::Done } else { Exit::Partly };
        if context.global.json {
            let rows: Vec<_> = found
                .iter()
                .map(|kept| match &kept.about {
                    Ok(model) => serde_json::json!({
                        "folder": kept.folder, "method": model.method, "k": model.k, "documents": model.documents,
                        "coherence_npmi": model.coherence_npmi, "diversity": model.diversity,
                    }),
                    Err(why) => serde_json::json!({ "folder": kept.folder, "error": why }),
                })
                .collect();
            answer!("{}", serde_json::Value::from(rows));
            return Ok(exit);
        }
        for kept in &found {
            let folder = kept.folder.to_string_lossy();
            match &kept.about {
                Ok(model) => answer!(
                    "{:<40} {:<6} {:>4} topics {:>19}  coherence {:.3}",
                    safe(&folder),
                    model.method.name(),
                    model.k,
                    counted(model.documents, "document", "documents"),
                    model.coherence_npmi
                ),
                Err(why) => answer!("{:<40} cannot be read: {}", safe(&folder), safe(why)),
            }
        }
        if found.is_empty() {
            answer!("no models in {}: make one with `hydrant topics fit`", safe(&self.folder));
        }
        Ok(exit)
    }
}

/// Show a model's topics
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics show model --lambda 0.6")]
pub(super) struct Show {
    /// The model's folder, local or `s3://`
    #[arg(value_name = "DIR")]
    folder: String,
    /// Rank words by relevance: 1 is by probability, towards 0 by what other topics do not have
    #[arg(long, value_name = "X")]
    lambda: Option<f32>,
}

impl Show {
    pub(super) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        let cloud = cloud_for(context, [&self.folder]).await?;
        let shelf = context.unless_stopped(Shelf::open(&self.folder, cloud.as_ref())).await??;
        let mut described = topics::describe(shelf.folder())?;
        if let Some(lambda) = self.lambda {
            if !(0.0..=1.0).contains(&lambda) {
                return Err(CliError::Usage(format!("--lambda is {lambda}: it must be 0 to 1")));
            }
            let model = topics::load(shelf.folder())?;
            for topic in &mut described.topics {
                let terms = topics::browse::relevant_terms(&model, topic.topic, lambda, topic.words.len());
                topic.words = terms.into_iter().map(|(term, _)| model.terms[term].clone()).collect();
            }
        }
        show(context, &described);
        Ok(Exit::Done)
    }
}

/// Name a topic
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics name model 3 \"rocket launches\"")]
pub(super) struct Name {
    /// The model's folder, local or `s3://`
    #[arg(value_name = "DIR")]
    folder: String,
    /// The topic's number
    #[arg(value_name = "TOPIC")]
    topic: usize,
    /// What it is called; empty takes the name away
    #[arg(value_name = "NAME")]
    words: String,
}

impl Name {
    pub(super) async fn run(&self, context: &Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        let cloud = cloud_for(context, [&self.folder]).await?;
        let shelf = context.unless_stopped(Shelf::open(&self.folder, cloud.as_ref())).await??;
        context.unless_stopped(shelf.renew_description()).await??;
        let (folder, topic, words) = (shelf.folder().to_owned(), self.topic, self.words.clone());
        let described = aside(move || kept::rename(&folder, topic, &words)).await??;
        shelf.send_description().await?;
        if context.global.json {
            show(context, &described);
        }
        Ok(Exit::Done)
    }
}
