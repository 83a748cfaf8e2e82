//! `hydrant topics predict`.

use std::sync::Arc;

use clap::Args;

use super::fit::{aside, cloud_for};
use crate::cli::style::{answer, safe, talk};
use crate::cli::{CliError, Context, Exit};
use crate::cloud::Cloud;
use crate::lake::{Address, Place};
use crate::text::{count, counted};
use crate::topics::later::{Teller, Telling, predict_into};
use crate::topics::{self, RowFile, Shelf};

/// Tell the topics of posts that a model has not seen
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant topics predict model --input combined/     # every hour that has none yet; kept with the model\n  hydrant topics predict s3://bucket/models/space --input s3://bucket/datasets/twitter/kinesis-demo/\n  hydrant topics predict model --input hour.parquet --out predictions.parquet"
)]
pub(super) struct Predict {
    /// The model's folder, local or `s3://`
    #[arg(value_name = "DIR")]
    folder: String,
    /// Combined hours: .csv or .parquet files, or folders of them, local or `s3://`
    #[arg(long, value_name = "PATH", num_args = 1.., required = true)]
    input: Vec<String>,
    /// A .parquet file for all posts; or a folder, local or `s3://`, for a file an hour, those that are there already
    /// left out [default: predictions/ in the model's folder]
    #[arg(long, value_name = "FILE|DIR")]
    out: Option<String>,
}

impl Predict {
    pub(super) async fn run(self, context: &Context) -> Result<Exit, CliError> {
        context.refuse_if_readonly(1)?;
        let named = self.input.iter().chain([&self.folder]).chain(&self.out);
        let cloud = cloud_for(context, named).await?;
        let shelf = context.unless_stopped(Shelf::open(&self.folder, cloud.as_ref())).await??;
        let teller = Teller {
            model: topics::load(shelf.folder())?,
            steps: topics::read_text(shelf.folder())?.steps,
            print: shelf.print()?,
        };
        match &self.out {
            Some(out) if out.ends_with(".parquet") => {
                self.one_file(context, cloud.as_ref(), teller, out).await
            }
            Some(out) => {
                let into = Place::at(Address::parse(out)?, cloud.as_ref())?;
                self.hour_by_hour(context, cloud.as_ref(), teller, &into).await
            }
            None => {
                let into = shelf.place().within("predictions/");
                self.hour_by_hour(context, cloud.as_ref(), teller, &into).await
            }
        }
    }

    async fn one_file(
        &self,
        context: &Context,
        cloud: Option<&Cloud>,
        teller: Teller,
        out: &str,
    ) -> Result<Exit, CliError> {
        let (address, key) = Address::parse_file(out)?;
        let place = Place::at(address, cloud)?;
        let posts = context.unless_stopped(topics::read_posts(&self.input, cloud)).await??;
        let all = posts.len();
        let Telling { file, predicted, unknown } = aside(move || teller.tell(&posts)).await??;
        place.put(&key, &file).await?;
        if context.global.json {
            let told = serde_json::json!({ "posts": all, "predicted": predicted, "unknown": unknown, "output": out });
            answer!("{told}");
        } else {
            let left_out = left_out(all - predicted - unknown, unknown);
            answer!("{predicted} of {all} posts have their topics in {}{left_out}", safe(out));
        }
        Ok(Exit::Done)
    }

    async fn hour_by_hour(
        &self,
        context: &Context,
        cloud: Option<&Cloud>,
        teller: Teller,
        into: &Place,
    ) -> Result<Exit, CliError> {
        let files = context.unless_stopped(topics::find_rows(&self.input, cloud)).await??;
        let (quiet, teller) = (context.global.json, Arc::new(teller));
        let tell = |file: &RowFile, posts| {
            if !quiet {
                talk!("{:>15}  {}", counted(posts, "post", "posts"), safe(file.url()));
            }
        };
        let told = predict_into(into, &teller, &files, &context.stop, tell).await?;
        if context.global.json {
            let mut document = serde_json::to_value(&told).expect("numbers and text are JSON");
            document["output"] = into.url("").into();
            answer!("{document}");
        } else {
            answer!(
                "{} of {} posts have their topics in {}{}; {} had theirs already",
                told.predicted,
                told.posts,
                safe(into.url("")),
                left_out(told.posts - told.predicted - told.unknown, told.unknown),
                counted(told.skipped, "file of rows", "files of rows")
            );
        }
        Ok(Exit::Done)
    }
}

/// Why not all posts have topics.
fn left_out(dropped: usize, unknown: usize) -> String {
    let mut why = Vec::new();
    if dropped > 0 {
        why.push(format!(
            "{} are retweets or too short, as the model's own text steps have it",
            count(dropped)
        ));
    }
    if unknown > 0 {
        why.push(format!("{} without a word that the model knows", counted(unknown, "post", "posts")));
    }
    if why.is_empty() { String::new() } else { format!(" ({})", why.join("; ")) }
}
