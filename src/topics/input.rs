//! Posts out of combined hours, wherever they lie: only the columns that topics need.

use polars::prelude::{Column, DataFrame, DataType, PolarsError};

use super::TopicsError;
use super::text::Post;
use crate::cloud::Cloud;
use crate::lake::{Address, LakeError, Place, combined};

/// What a post is read from; a file that has the text alone will do.
const COLUMNS: [&str; 4] = ["id", "created_at", "retweeted_tweet", "text"];

/// A file of rows, and where it lies.
#[derive(Debug, Clone)]
pub struct RowFile {
    /// Where.
    pub place: Place,
    /// Its key there.
    pub key: String,
}

/// Whether an address is one file of rows, not a folder of them.
fn is_file(address: &str) -> bool {
    let lower = address.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    let ending = lower.rsplit_once('.').map(|(_, ending)| ending);
    // What the predecessor and hydrant write beside the rows is not rows.
    matches!(ending, Some("csv" | "parquet" | "gzip"))
        && !lower.contains("metadata")
        && !lower.contains("malformed")
}

/// The files of rows that are meant by addresses of files and of folders, local or `s3://`: the newest rows of each
/// combined hour in a folder, or, where there are no combined hours, every file of rows in the order of names.
pub async fn find_rows(inputs: &[String], cloud: Option<&Cloud>) -> Result<Vec<RowFile>, TopicsError> {
    let mut files = Vec::new();
    for input in inputs {
        if is_file(input) {
            let (address, key) = Address::parse_file(input)?;
            let file = RowFile { place: Place::at(address, cloud)?, key };
            if file.place.stat(&file.key).await?.is_none() {
                return Err(LakeError::Missing(file.url()).into());
            }
            files.push(file);
            continue;
        }
        let place = Place::at(Address::parse(input)?, cloud)?;
        if std::path::Path::new(input).is_file() {
            return Err(TopicsError::NoInput(input.clone()));
        }
        place.must_be_there()?;
        let mut keys = combined::all_rows(&place).await?;
        if keys.is_empty() {
            let entries = place.list_all("").await?;
            keys.extend(entries.into_iter().filter(|entry| is_file(entry.name())).map(|entry| entry.key));
            keys.sort();
        }
        if keys.is_empty() {
            return Err(TopicsError::NoInput(input.clone()));
        }
        files.extend(keys.into_iter().map(|key| RowFile { place: place.clone(), key }));
    }
    Ok(files)
}

/// Reads the posts of all that [`find_rows`] finds.
pub async fn read_posts(inputs: &[String], cloud: Option<&Cloud>) -> Result<Vec<Post>, TopicsError> {
    let mut posts = Vec::new();
    for file in find_rows(inputs, cloud).await? {
        posts.extend(read_file(&file).await?);
    }
    Ok(posts)
}

/// Reads the posts of one file.
pub(super) async fn read_file(file: &RowFile) -> Result<Vec<Post>, TopicsError> {
    let frame = combined::read_present(&file.place, &file.key, &COLUMNS).await?;
    posts(&frame).map_err(|error| file.is_not_posts(&error))
}

impl RowFile {
    /// Its whole address.
    pub fn url(&self) -> String {
        self.place.url(&self.key)
    }

    pub(super) fn is_not_posts(&self, error: &PolarsError) -> TopicsError {
        TopicsError::NotPosts { file: self.url(), why: error.to_string() }
    }
}

fn posts(frame: &DataFrame) -> Result<Vec<Post>, PolarsError> {
    let column = |name: &str| -> Option<Column> { frame.column(name).ok()?.cast(&DataType::String).ok() };
    let mut posts = vec![Post::default(); frame.height()];
    let mut fill = |column: Option<&Column>, set: fn(&mut Post, &str)| -> Result<(), PolarsError> {
        if let Some(column) = column {
            for (post, cell) in posts.iter_mut().zip(column.str()?.iter()) {
                set(post, cell.unwrap_or_default());
            }
        }
        Ok(())
    };
    fill(column("id").as_ref(), |post, cell| cell.clone_into(&mut post.id))?;
    fill(column("retweeted_tweet").as_ref(), |post, cell| {
        post.retweet = matches!(cell, "yes" | "true" | "True");
    })?;
    fill(Some(&frame.column("text")?.cast(&DataType::String)?), |post, cell| {
        cell.clone_into(&mut post.text);
    })?;
    if let Ok(times) = frame.column("created_at") {
        for (post, moment) in posts.iter_mut().zip(combined::moments(times)?) {
            post.created_at = moment.map(combined::written).unwrap_or_default();
        }
    }
    Ok(posts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_rows_is_known_by_its_own_name_whatever_its_folder_is_called() {
        for file in ["metadata-2026/hour.csv", "s3://bucket/malformed/hour.PARQUET", "hour.gzip"] {
            assert!(is_file(file), "{file}");
        }
        for other in ["csvs/tweets_metadata_1.csv", "hour_malformed.csv", "hours.csv/", "metadata", "a.csv/b"]
        {
            assert!(!is_file(other), "{other}");
        }
    }
}
