//! Posts out of combined hours, wherever they lie: only the columns that topics need.

use polars::prelude::{Column, DataFrame, DataType, PolarsError};

use super::TopicsError;
use super::text::Post;
use crate::cloud::Cloud;
use crate::lake::{Address, LakeError, Place, combined};

/// What a post is read from; a file that has the text alone will do.
const COLUMNS: [&str; 4] = ["id", "created_at", "retweeted_tweet", "text"];

/// Whether an address is one file of rows, not a folder of them.
fn is_file(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    // What the predecessor and hydrant write beside the rows is not rows.
    matches!(ending, Some("csv" | "parquet" | "gzip"))
        && !lower.contains("metadata")
        && !lower.contains("malformed")
}

/// The files of rows that inputs stand for: files, and folders with files in them, local or `s3://`; of a folder the
/// newest rows of each combined hour, or, where there are no combined hours, every file of rows in the order of names.
async fn files(inputs: &[String], cloud: Option<&Cloud>) -> Result<Vec<(Place, String)>, TopicsError> {
    let mut files = Vec::new();
    for input in inputs {
        let before = files.len();
        if is_file(input) {
            let (address, key) = Address::parse_file(input)?;
            files.push((Place::at(address, cloud)?, key));
        } else {
            let place = Place::at(Address::parse(input)?, cloud)?;
            let mut keys = combined::all_rows(&place).await?;
            if keys.is_empty() {
                let entries = place.list_all("").await?;
                keys.extend(entries.into_iter().filter(|entry| is_file(entry.name())).map(|entry| entry.key));
                keys.sort();
            }
            files.extend(keys.into_iter().map(|key| (place.clone(), key)));
        }
        if files.len() == before {
            return Err(TopicsError::NoInput(input.clone()));
        }
    }
    Ok(files)
}

/// The addresses of those files, for other programs.
pub async fn row_files(inputs: &[String], cloud: Option<&Cloud>) -> Result<Vec<String>, TopicsError> {
    Ok(files(inputs, cloud).await?.into_iter().map(|(place, key)| place.url(&key)).collect())
}

/// Reads the posts of those files.
pub async fn read_posts(inputs: &[String], cloud: Option<&Cloud>) -> Result<Vec<Post>, TopicsError> {
    let mut posts = Vec::new();
    for (place, key) in files(inputs, cloud).await? {
        posts.extend(read_file(&place, &key).await?);
    }
    Ok(posts)
}

async fn read_file(place: &Place, key: &str) -> Result<Vec<Post>, TopicsError> {
    let frame = match combined::read(place, key, &COLUMNS).await {
        Ok(frame) => frame,
        // Not one of the lake's own: then the text alone.
        Err(LakeError::Unreadable { .. }) => combined::read(place, key, &["text"]).await?,
        Err(error) => return Err(error.into()),
    };
    posts(&frame).map_err(|error| TopicsError::NotPosts { file: place.url(key), why: error.to_string() })
}

fn posts(frame: &DataFrame) -> Result<Vec<Post>, PolarsError> {
    let column = |name: &str| -> Option<Column> { frame.column(name).ok()?.cast(&DataType::String).ok() };
    let [ids, times, retweets, texts] = COLUMNS.map(column);
    let mut posts = vec![Post::default(); frame.height()];
    let mut fill = |column: Option<&Column>, set: fn(&mut Post, &str)| -> Result<(), PolarsError> {
        if let Some(column) = column {
            for (post, cell) in posts.iter_mut().zip(column.str()?.iter()) {
                set(post, cell.unwrap_or_default());
            }
        }
        Ok(())
    };
    fill(ids.as_ref(), |post, cell| cell.clone_into(&mut post.id))?;
    fill(times.as_ref(), |post, cell| cell.clone_into(&mut post.created_at))?;
    fill(retweets.as_ref(), |post, cell| post.retweet = matches!(cell, "yes" | "true" | "True"))?;
    fill(texts.as_ref(), |post, cell| cell.clone_into(&mut post.text))?;
    Ok(posts)
}
