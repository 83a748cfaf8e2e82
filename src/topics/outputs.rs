//! A model as CSV files: the words of each topic, every word's weight, and every document's topics.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "shares become whole millionths"
)]

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use ndarray::{Array2, ArrayView1};
use rayon::prelude::*;

use super::TopicsError;
use super::model::Model;

/// Words of a topic in `topic_terms.csv`.
const TOP_TERMS: usize = 15;
/// Rows that are written down at a time by one thread.
const ROWS: usize = 4_096;
/// Shares of documents are whole numbers of this.
const PARTS: i64 = 1_000_000;
/// What names of files that are not complete end with, and a dot is what they begin with.
pub(super) const UNFINISHED: &str = ".unfinished";

/// Writes `topic_terms.csv`, `topic_term_matrix.csv` and `doc_topics.csv` into a folder that is there.
pub fn write_outputs(folder: &Path, model: &Model, shares: &Array2<f32>) -> Result<(), TopicsError> {
    write_words(folder, model)?;
    write(&folder.join("doc_topics.csv"), &documents(shares))
}

/// Writes `topic_terms.csv` and `topic_term_matrix.csv`: what a model is without its documents.
pub fn write_words(folder: &Path, model: &Model) -> Result<(), TopicsError> {
    write(&folder.join("topic_terms.csv"), &[top_terms(model)?])?;
    write(&folder.join("topic_term_matrix.csv"), &term_matrix(model)?)
}

/// The leading words of each topic, as CSV.
pub(super) fn top_terms(model: &Model) -> Result<Vec<u8>, TopicsError> {
    let mut rows = vec![["topic", "rank", "term", "weight"].map(str::to_owned)];
    for topic in 0..model.k() {
        for (rank, (term, weight)) in (1..).zip(model.top_terms(topic, TOP_TERMS)) {
            rows.push([topic.to_string(), format!("{rank}"), model.terms[term].clone(), weight.to_string()]);
        }
    }
    csv_of(&rows)
}

fn term_matrix(model: &Model) -> Result<Vec<Vec<u8>>, TopicsError> {
    let mut parts = vec![csv_of(&[&model.terms])?];
    let rows: Vec<Vec<u8>> = (0..model.k())
        .into_par_iter()
        .map(|topic| {
            let row = model.topics.row(topic);
            let mut line = Vec::with_capacity(row.len() * 14);
            for (index, weight) in row.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                serde_json::to_writer(&mut line, weight).expect("a number is written to memory");
            }
            line.push(b'\n');
            line
        })
        .collect();
    parts.extend(rows);
    Ok(parts)
}

fn documents(shares: &Array2<f32>) -> Vec<Vec<u8>> {
    let mut head = String::from("document");
    for topic in 0..shares.ncols() {
        write!(head, ",topic_{topic}").expect("a String takes every text");
    }
    head.push('\n');
    let rows = (0..shares.nrows().div_ceil(ROWS)).into_par_iter().map(|chunk| {
        let mut text = Vec::with_capacity(ROWS * (shares.ncols() * 9 + 8));
        for document in chunk * ROWS..shares.nrows().min((chunk + 1) * ROWS) {
            write!(text, "{document}").expect("memory takes every text");
            push_shares(&mut text, shares.row(document));
            text.push(b'\n');
        }
        text
    });
    let rows: Vec<Vec<u8>> = rows.collect();
    std::iter::once(head.into_bytes()).chain(rows).collect()
}

/// Six places each, and together exactly 1: what rounding leaves is the largest share's.
fn push_shares(text: &mut Vec<u8>, shares: ArrayView1<'_, f32>) {
    let whole = |share: &f32| (f64::from(*share) * PARTS as f64).round() as i64;
    let mut largest = 0;
    let mut all = 0;
    for (topic, share) in shares.iter().enumerate() {
        all += whole(share);
        if *share > shares[largest] {
            largest = topic;
        }
    }
    for (topic, share) in shares.iter().enumerate() {
        let left = if topic == largest { PARTS - all } else { 0 };
        push_millionths(text, (whole(share) + left).max(0) as u32);
    }
}

/// `,0.250000`, without the zeros at its end.
fn push_millionths(text: &mut Vec<u8>, share: u32) {
    let mut digits = *b",0.000000";
    digits[1] += (share / 1_000_000) as u8;
    let mut rest = share % 1_000_000;
    for digit in digits[3..].iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    let end = digits.iter().rposition(|digit| *digit != b'0').unwrap_or(0);
    // Neither "0." nor a sole comma is a number.
    let end = if end <= 2 { 2 } else { end + 1 };
    text.extend_from_slice(&digits[..end]);
}

pub(super) fn csv_of<R: AsRef<[F]>, F: AsRef<[u8]>>(rows: &[R]) -> Result<Vec<u8>, TopicsError> {
    let failed = |source: std::io::Error| TopicsError::File { action: "write", path: "CSV".into(), source };
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row.as_ref()).map_err(|error| failed(error.into()))?;
    }
    writer.into_inner().map_err(|error| failed(error.into_error()))
}

/// Writes a file whole or not at all. Until it is whole it has a name that nobody else's has.
pub(super) fn write(path: &Path, parts: &[impl AsRef<[u8]>]) -> Result<(), TopicsError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = path.with_file_name(format!(".{name}.{}{UNFINISHED}", uuid::Uuid::new_v4().simple()));
    let write = || {
        let mut file = std::fs::File::create_new(&unfinished)?;
        for part in parts {
            file.write_all(part.as_ref())?;
        }
        file.sync_all()?;
        std::fs::rename(&unfinished, path)
    };
    write().map_err(|source| {
        drop(std::fs::remove_file(&unfinished));
        TopicsError::File { action: "write", path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_written_leaves_nothing_and_anothers_part_is_not_in_the_way() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("a.csv");
        // Nothing can be written under this name.
        std::fs::create_dir(home.path().join("a.csv.part")).expect("made");
        write(&path, &["a"]).expect("written");
        std::fs::create_dir_all(home.path().join("b.csv/c")).expect("made");
        write(&home.path().join("b.csv"), &["b"]).expect_err("a folder is there");
        let mut left: Vec<_> =
            std::fs::read_dir(home.path()).expect("read").flatten().map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["a.csv", "a.csv.part", "b.csv"]);
    }

    #[test]
    fn shares_are_short_and_make_one() {
        let mut text = Vec::new();
        push_shares(&mut text, ndarray::arr1(&[1.0 / 3.0, 0.0, 2.0 / 3.0, 1e-9]).view());
        assert_eq!(String::from_utf8_lossy(&text), ",0.333333,0,0.666667,0");
        let mut text = Vec::new();
        push_shares(&mut text, ndarray::arr1(&[0.0, 1.0]).view());
        assert_eq!(String::from_utf8_lossy(&text), ",0,1");
    }
}
