//! Every post with its topics, as a file of rows: what a step folded into another post has that one's topics. A post
//! without a word that the model knows has none: what is expected of any says nothing of it.

use std::path::Path;

use ndarray::Array2;
use polars::prelude::{Column, DataFrame, ParquetCompression, ParquetWriter, PolarsError};

use super::TopicsError;
use super::corpus::Corpus;
use super::order::Found;
use super::outputs::{csv_of, write};
use super::text::{Post, Prepared};

/// A Parquet file with a row for each post that has a document: `id`, `created_at`, `text`, `document`,
/// `dominant_topic`, `probability`, and a share for each topic.
pub fn predictions(
    posts: &[Post],
    documents: &[Option<u32>],
    shares: &Array2<f32>,
) -> Result<Vec<u8>, TopicsError> {
    rows(posts, documents, shares).map_err(|error| TopicsError::File {
        action: "write",
        path: "predictions".into(),
        source: std::io::Error::other(error),
    })
}

/// The document of each post, where it has a word.
pub(super) fn with_words(documents: &[Option<u32>], corpus: &Corpus) -> Vec<Option<u32>> {
    let has_words = |document: &u32| !corpus.document(*document as usize).is_empty();
    documents.iter().map(|document| document.filter(has_words)).collect()
}

/// Writes `predictions.parquet`, and `folded.csv`: which post stands for which.
pub fn write_posts(
    folder: &Path,
    posts: &[Post],
    prepared: &Prepared,
    found: &Found,
) -> Result<(), TopicsError> {
    let documents = with_words(&prepared.documents, &found.corpus);
    write(&folder.join("predictions.parquet"), &[predictions(posts, &documents, &found.shares)?])?;
    let mut rows = vec![["id", "stands_for_it", "text", "text_that_stands_for_it"].map(str::to_owned)];
    for (index, (post, document)) in posts.iter().zip(&prepared.documents).enumerate() {
        let stands =
            document.and_then(|document| prepared.posts.get(document as usize)).map(|at| *at as usize);
        if let Some(other) = stands.filter(|other| *other != index).and_then(|other| posts.get(other)) {
            rows.push([post.id.clone(), other.id.clone(), post.text.clone(), other.text.clone()]);
        }
    }
    write(&folder.join("folded.csv"), &[csv_of(&rows)?])
}

fn rows(posts: &[Post], documents: &[Option<u32>], shares: &Array2<f32>) -> Result<Vec<u8>, PolarsError> {
    let kept: Vec<(&Post, u32)> =
        posts.iter().zip(documents).filter_map(|(post, document)| Some((post, (*document)?))).collect();
    let text = |of: fn(&Post) -> &str| kept.iter().map(|(post, _)| of(post)).collect::<Vec<_>>();
    let dominant: Vec<u32> = kept.iter().map(|(_, document)| dominant(shares, *document)).collect();
    let probability: Vec<f32> = kept
        .iter()
        .zip(&dominant)
        .map(|((_, document), topic)| shares[[*document as usize, *topic as usize]])
        .collect();
    let mut columns = vec![
        Column::new("id".into(), text(|post| &post.id)),
        Column::new("created_at".into(), text(|post| &post.created_at)),
        Column::new("text".into(), text(|post| &post.text)),
        Column::new("document".into(), kept.iter().map(|(_, document)| *document).collect::<Vec<_>>()),
        Column::new("dominant_topic".into(), dominant),
        Column::new("probability".into(), probability),
    ];
    for topic in 0..shares.ncols() {
        let of_topic: Vec<f32> =
            kept.iter().map(|(_, document)| shares[[*document as usize, topic]]).collect();
        columns.push(Column::new(format!("topic_{topic}").into(), of_topic));
    }
    let mut frame = DataFrame::new(kept.len(), columns)?;
    let mut bytes = Vec::new();
    ParquetWriter::new(&mut bytes).with_compression(ParquetCompression::Snappy).finish(&mut frame)?;
    Ok(bytes)
}

fn dominant(shares: &Array2<f32>, document: u32) -> u32 {
    let row = shares.row(document as usize);
    let mut most = 0;
    for (topic, share) in row.iter().enumerate() {
        if *share > row[most] {
            most = topic;
        }
    }
    u32::try_from(most).expect("at most a thousand topics")
}

#[cfg(test)]
mod tests {
    use polars::prelude::{ParquetReader, SerReader};

    use super::*;

    #[test]
    fn every_post_that_was_folded_has_its_topics_again() {
        let post = |id: &str| Post { id: id.to_owned(), ..Post::default() };
        let posts = [post("1"), post("2"), post("3")];
        let shares = ndarray::arr2(&[[0.25, 0.75], [1.0, 0.0]]);
        let bytes = predictions(&posts, &[Some(1), None, Some(0)], &shares).expect("rows");
        let frame = ParquetReader::new(std::io::Cursor::new(bytes)).finish().expect("Parquet");
        let ids: Vec<_> = frame.column("id").expect("ids").str().expect("text").iter().flatten().collect();
        assert_eq!(ids, ["1", "3"]);
        let topics: Vec<_> = frame
            .column("dominant_topic")
            .expect("topics")
            .u32()
            .expect("numbers")
            .iter()
            .flatten()
            .collect();
        assert_eq!(topics, [0, 1]);
    }
}
