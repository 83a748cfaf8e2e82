//! What becomes of posts before they are fitted, as options.

use std::path::PathBuf;

use clap::Args;

use crate::cli::CliError;
use crate::topics::{TextCounts, TextSteps, TopicsError};

/// The steps from posts to documents.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Text")]
pub(super) struct Steps {
    /// Keep retweets
    #[arg(long)]
    retweets: bool,
    /// Only posts of more than so many words [default: 25]
    #[arg(long, value_name = "N")]
    longer_than: Option<usize>,
    /// Only words of at least so many letters [default: 5]
    #[arg(long, value_name = "N")]
    letters: Option<usize>,
    /// Letters are those from a to z alone
    #[arg(long)]
    ascii: bool,
    /// Language of the stop words that are dropped; may be given several times [default: en]
    #[arg(long, value_name = "CODE")]
    language: Vec<String>,
    /// File of further stop words, one a line
    #[arg(long, value_name = "FILE")]
    stop_words: Option<PathBuf>,
    /// Fold posts that share at least this part of their words; above 1, only equal ones [default: 0.8]
    #[arg(long, value_name = "X")]
    alike: Option<f64>,
    /// A word must be in at least so many documents [default: 5]
    #[arg(long, value_name = "N")]
    min_df: Option<u32>,
    /// A word must be in at most this part of the documents [default: 0.75]
    #[arg(long, value_name = "X")]
    max_df: Option<f64>,
    /// At most so many words, the most frequent ones [default: 262144]
    #[arg(long, value_name = "N")]
    vocabulary: Option<usize>,
}

impl Steps {
    /// The same as the room takes them.
    pub(super) fn steps(&self) -> Result<TextSteps, CliError> {
        let mut steps = TextSteps { retweets: self.retweets, ascii: self.ascii, ..TextSteps::default() };
        set(&mut steps.longer_than, self.longer_than);
        set(&mut steps.letters, self.letters);
        set(&mut steps.alike, self.alike);
        set(&mut steps.vocabulary.least, self.min_df);
        set(&mut steps.vocabulary.most, self.max_df);
        set(&mut steps.vocabulary.size, self.vocabulary);
        if !self.language.is_empty() {
            steps.languages.clone_from(&self.language);
        }
        if let Some(path) = &self.stop_words {
            let text = std::fs::read_to_string(path).map_err(|source| TopicsError::File {
                action: "read",
                path: path.clone(),
                source,
            })?;
            steps.stop_words =
                text.lines().map(|line| line.trim().to_owned()).filter(|word| !word.is_empty()).collect();
        }
        steps.check()?;
        // Before anything is read: only a language that nobody knows has no words.
        steps.all_stop_words().map_err(|error| CliError::Usage(error.to_string()))?;
        Ok(steps)
    }
}

fn set<T>(setting: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *setting = given;
    }
}

/// What each step dropped, for a person.
pub(super) fn dropped(counts: &TextCounts) -> Vec<String> {
    counts.rows().map(|(what, count)| format!("{count:>10}  {what}")).collect()
}
