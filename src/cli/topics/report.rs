//! `hydrant topics report`.

use std::sync::Arc;

use clap::Args;

use super::answer::Asked;
use super::fit::cloud_for;
use crate::cli::style::{answer, safe};
use crate::cli::{CliError, Context, Exit};
use crate::lake::{Address, Place};
use crate::topics::{self, Shelf, report};

/// Write a model as one HTML file to read and to hand on
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant topics report model --input combined/ --out report.html")]
pub(super) struct Report {
    /// The model's folder, local or `s3://`
    #[arg(value_name = "DIR")]
    folder: String,
    #[command(flatten)]
    asked: Asked,
    /// What stands above it [default: the folder's name]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// How words are ranked at first: 1 is by probability, towards 0 by what other topics do not have
    #[arg(long, value_name = "X", default_value_t = 0.6)]
    lambda: f32,
    /// File to write, local or `s3://` [default: report.html in the model's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<String>,
}

impl Report {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        if !(0.0..=1.0).contains(&self.lambda) {
            return Err(CliError::Usage(format!("--lambda is {}: it must be 0 to 1", self.lambda)));
        }
        let named = self.asked.addresses().chain([&self.folder]).chain(&self.out);
        let cloud = cloud_for(context, named).await?;
        let shelf = context.unless_stopped(Shelf::open(&self.folder, cloud.as_ref())).await??;
        let model = Arc::new(topics::load(shelf.folder())?);
        let answers = if self.asked.input.is_empty() {
            None
        } else {
            let asking = self.asked.answers(&shelf, &model, cloud.as_ref());
            Some(context.unless_stopped(asking).await??)
        };
        let name = self.folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        let title = self.title.clone().unwrap_or_else(|| name.to_owned());
        let gathering = report::Report::gather(&shelf, model, title, answers, hundredths(self.lambda));
        let page = context.unless_stopped(gathering).await??;
        let (place, key) = match &self.out {
            Some(out) => {
                let (address, key) = Address::parse_file(out)?;
                (Place::at(address, cloud.as_ref())?, key)
            }
            None => (shelf.place().clone(), "report.html".to_owned()),
        };
        page.write(&place, &key).await?;
        let output = place.url(&key);
        if context.global.json {
            answer!("{}", serde_json::json!({ "model": self.folder, "output": output }));
        } else {
            answer!("{}", safe(output));
        }
        Ok(Exit::Done)
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is 0 to 1")]
fn hundredths(lambda: f32) -> u8 {
    (lambda * 100.0).round() as u8
}
