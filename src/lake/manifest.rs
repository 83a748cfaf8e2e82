//! What a combined hour was made of: its source files with what S3 said of them, what came of their rows, and how.
//!
//! A JSON file of `manifests/`, written last: a run whose manifest is there is complete.

use super::Hour;
use super::place::Entry;
use crate::settings::WordMatch;

/// What became of the rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Files that were read.
    pub files: u64,
    /// Their bytes, as they lie.
    pub bytes_in: u64,
    /// Lines that are not empty.
    pub rows_in: u64,
    /// Rows that were kept.
    pub rows_out: u64,
    /// Lines that are no record.
    pub malformed: u64,
    /// Posts with an unwanted word.
    pub unwanted: u64,
    /// Posts whose id came before.
    pub duplicates: u64,
}

impl Counts {
    /// Adds those of another hour.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.bytes_in += other.bytes_in;
        self.rows_in += other.rows_in;
        self.rows_out += other.rows_out;
        self.malformed += other.malformed;
        self.unwanted += other.unwanted;
        self.duplicates += other.duplicates;
    }

    /// Whether every row is accounted for.
    pub fn balance(&self) -> bool {
        self.rows_in == self.rows_out + self.malformed + self.unwanted + self.duplicates
    }
}

/// A source file.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Source {
    /// Its whole key.
    pub key: String,
    /// S3's `ETag`, or size and time of a local file.
    pub etag: String,
    /// Its bytes, as it lies.
    pub bytes: u64,
    /// How it is packed.
    pub encoding: &'static str,
    /// Its lines that are not empty.
    pub rows: u64,
    /// Those that are no record.
    pub malformed: u64,
    /// What is wrong with the file itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damage: Option<String>,
}

/// The whole of it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Manifest<'a> {
    /// Which hydrant wrote it.
    pub hydrant: &'static str,
    /// The hour.
    pub hour: Hour,
    /// When it was combined.
    pub combined_at: String,
    /// The source files, in the order in which they were read.
    pub sources: &'a [Source],
    /// What became of their rows.
    pub counts: Counts,
    /// The names of the kept columns.
    pub columns: Vec<&'static str>,
    /// Words that were looked for, and how.
    pub unwanted: UnwantedWords,
    /// What was appended to the texts: `hashtags`, `users`.
    pub appended: Vec<&'static str>,
    /// Values that a typed column could not hold, by column: they are empty there, and as they were in the CSV.
    pub not_typed: std::collections::BTreeMap<&'static str, u64>,
    /// The keys of the results.
    pub outputs: Vec<String>,
}

/// Words that were looked for, and how.
#[derive(Debug, Clone, serde::Serialize)]
pub struct UnwantedWords {
    /// How many words there are.
    pub words: usize,
    /// How they are looked for.
    #[serde(rename = "match")]
    pub how: WordMatch,
}

/// As many sources as a Parquet file names itself: its readers hold its metadata whole.
const NAMED: usize = 1000;

/// The sources alone, for the metadata of a Parquet file, which is written before the rows are counted: for many, how
/// many they are and which manifest names them, but for the sums in its name.
pub fn sources_note(full_key: impl Fn(&str) -> String, files: &[Entry], manifest: &str) -> String {
    if files.len() > NAMED {
        return serde_json::json!({ "files": files.len(), "manifest": manifest }).to_string();
    }
    let sources: Vec<_> = files
        .iter()
        .map(|file| serde_json::json!({ "key": full_key(&file.key), "etag": file.etag, "bytes": file.bytes }))
        .collect();
    serde_json::Value::from(sources).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parquet_file_names_its_sources_or_where_they_are_named() {
        let file = |number: usize| Entry {
            key: format!("2026/11/22/18/{number}"),
            bytes: 7,
            etag: "x".to_owned(),
            modified: jiff::Timestamp::UNIX_EPOCH,
        };
        let files: Vec<Entry> = (0..=NAMED).map(file).collect();
        let note = |files: &[Entry]| -> serde_json::Value {
            let note = sources_note(|key| format!("p/{key}"), files, "p/manifests/tweets_x.json");
            serde_json::from_str(&note).expect("JSON")
        };
        let few = note(files.get(..NAMED).expect("files"));
        assert_eq!(
            (few.as_array().map(Vec::len), &few[1]["key"]),
            (Some(NAMED), &"p/2026/11/22/18/1".into())
        );
        assert_eq!(
            note(&files),
            serde_json::json!({ "files": 1001, "manifest": "p/manifests/tweets_x.json" })
        );
    }
}
