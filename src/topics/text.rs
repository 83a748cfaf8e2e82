//! From posts to documents: each step drops what does not help, and counts what it dropped. What is folded into another
//! post is kept in mind, so that every post has its topics in the end.

use std::collections::{HashMap, HashSet};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use super::TopicsError;
use super::corpus::Corpus;
use super::near_duplicates;
use super::predictions::with_words;
use super::vocabulary::VocabularyRule;

/// A post, as far as topics need it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Post {
    /// Its id.
    pub id: String,
    /// When it was written.
    pub created_at: String,
    /// Whether it repeats another.
    pub retweet: bool,
    /// What it says.
    pub text: String,
}

/// The steps, each with the predecessor's value unless it is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextSteps {
    /// Whether retweets are kept.
    pub retweets: bool,
    /// Only posts of more than so many words, parted by white space.
    pub longer_than: usize,
    /// Only tokens of at least so many letters.
    pub letters: usize,
    /// Letters are those from a to z alone: others part tokens.
    pub ascii: bool,
    /// Languages whose stop words are dropped, by their two-letter codes.
    pub languages: Vec<String>,
    /// Stop words of the operator's own.
    pub stop_words: Vec<String>,
    /// How much of their words two posts must share to be folded into one; above 1, only equal ones are.
    pub alike: f64,
    /// Which words count.
    pub vocabulary: VocabularyRule,
}

impl Default for TextSteps {
    fn default() -> Self {
        Self {
            retweets: false,
            longer_than: 25,
            letters: 5,
            ascii: false,
            languages: vec!["en".to_owned()],
            stop_words: Vec::new(),
            alike: 0.8,
            vocabulary: VocabularyRule::default(),
        }
    }
}

/// What the steps dropped or folded, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TextCounts {
    /// Posts that came in.
    pub posts: usize,
    /// Retweets.
    pub retweets: usize,
    /// Posts of too few words.
    pub short: usize,
    /// Tokens that are stop words.
    pub stop_words: usize,
    /// Posts of which no token was left.
    pub empty: usize,
    /// Posts whose text is another's, once cleaned.
    pub equal: usize,
    /// Posts that differ from another by a word or two.
    pub near: usize,
    /// Documents that are left.
    pub documents: usize,
    /// Words that are in too few or too many documents.
    pub words_dropped: usize,
    /// Words that count.
    pub vocabulary: usize,
    /// Posts that are left without a word that counts: they have no topic. `None` where nobody counted them, as on Spark.
    #[serde(default)]
    pub unknown: Option<usize>,
}

impl TextCounts {
    /// Each of them that was counted, with what it counts, for a person.
    pub fn rows(&self) -> impl Iterator<Item = (&'static str, usize)> {
        let unknown = self.unknown.map(|unknown| ("of such words alone, without a topic", unknown));
        let counted = [
            ("posts", self.posts),
            ("retweets dropped", self.retweets),
            ("too short, dropped", self.short),
            ("without a word that counts, dropped", self.empty),
            ("equal to another, folded", self.equal),
            ("nearly equal to another, folded", self.near),
            ("documents", self.documents),
            ("words too rare or too common, dropped", self.words_dropped),
        ];
        counted.into_iter().chain(unknown).chain([("words", self.vocabulary)])
    }
}

/// Posts as documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The documents, one for all posts that are folded together.
    pub corpus: Corpus,
    /// For each post, its document; none if a step dropped it.
    pub documents: Vec<Option<u32>>,
    /// For each document, the post that stands for it.
    pub posts: Vec<u32>,
    /// What was dropped.
    pub counts: TextCounts,
}

impl TextSteps {
    /// Whether the numbers make sense.
    pub fn check(&self) -> Result<(), TopicsError> {
        if !(self.alike.is_finite() && self.alike >= 0.0) {
            let (value, wanted) = (self.alike.to_string(), "it must be a number from 0 on");
            return Err(TopicsError::BadParameter {
                what: "the part of words that posts share",
                value,
                wanted,
            });
        }
        self.vocabulary.check()
    }

    /// Takes posts through the steps.
    pub fn prepare(&self, posts: &[Post]) -> Result<Prepared, TopicsError> {
        self.check()?;
        let stop_words = self.all_stop_words()?;
        let mut counts = TextCounts { posts: posts.len(), ..TextCounts::default() };
        let cleaned: Vec<Kept> = posts.par_iter().map(|post| self.clean(post, &stop_words)).collect();

        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut terms = Vec::new();
        let mut equal: HashMap<&[String], u32> = HashMap::new();
        let mut documents: Vec<Option<u32>> = Vec::with_capacity(posts.len());
        let mut texts: Vec<Vec<u32>> = Vec::new();
        let mut stand_for: Vec<u32> = Vec::new();
        for (index, kept) in (0..).zip(&cleaned) {
            let tokens = match kept {
                Kept::Retweet => {
                    counts.retweets += 1;
                    documents.push(None);
                    continue;
                }
                Kept::Short => {
                    counts.short += 1;
                    documents.push(None);
                    continue;
                }
                Kept::Tokens(tokens, stopped) => {
                    counts.stop_words += stopped;
                    tokens
                }
            };
            if tokens.is_empty() {
                counts.empty += 1;
                documents.push(None);
                continue;
            }
            let next = u32::try_from(texts.len()).expect("fewer than four thousand million posts");
            let document = *equal.entry(tokens).or_insert(next);
            documents.push(Some(document));
            if document != next {
                counts.equal += 1;
                continue;
            }
            let mut words = Vec::with_capacity(tokens.len());
            for token in tokens {
                let next = u32::try_from(numbers.len()).expect("fewer than four thousand million words");
                words.push(*numbers.entry(token).or_insert_with(|| {
                    terms.push(token.clone());
                    next
                }));
            }
            texts.push(words);
            stand_for.push(index);
        }
        self.fold(terms, &texts, documents, &stand_for, counts)
    }

    /// Folds what is all but equal, and keeps the words that count.
    fn fold(
        &self,
        terms: Vec<String>,
        texts: &[Vec<u32>],
        mut documents: Vec<Option<u32>>,
        stand_for: &[u32],
        mut counts: TextCounts,
    ) -> Result<Prepared, TopicsError> {
        let sets: Vec<Vec<u32>> = texts
            .par_iter()
            .map(|words| {
                let mut words = words.clone();
                words.sort_unstable();
                words.dedup();
                words
            })
            .collect();
        let all = 0..u32::try_from(texts.len()).expect("fewer than four thousand million posts");
        let first = if self.alike > 1.0 { all.collect() } else { near_duplicates::fold(&sets, self.alike) };
        let mut numbers = vec![0; texts.len()];
        let mut corpus = Corpus::over(terms);
        let mut posts = Vec::new();
        for (index, first) in first.iter().enumerate() {
            if *first as usize == index {
                numbers[index] = u32::try_from(posts.len()).expect("no more than there were");
                corpus.push(texts[index].iter().copied());
                posts.push(stand_for[index]);
            } else {
                numbers[index] = numbers[*first as usize];
            }
        }
        let alone = documents.iter().flatten().count() - counts.equal;
        counts.near = alone - posts.len();
        for document in documents.iter_mut().flatten() {
            *document = numbers[*document as usize];
        }
        if corpus.is_empty() && counts.posts > 0 {
            return Err(TopicsError::NothingLeft(Box::new(counts)));
        }
        let all_words = corpus.terms().len();
        let corpus = self.vocabulary.apply(&corpus)?;
        counts.documents = corpus.len();
        counts.vocabulary = corpus.terms().len();
        counts.words_dropped = all_words - counts.vocabulary;
        let with_words = with_words(&documents, &corpus).iter().flatten().count();
        counts.unknown = Some(documents.iter().flatten().count() - with_words);
        Ok(Prepared { corpus, documents, posts, counts })
    }

    /// What a model is to judge: the tokens of each post that the steps keep.
    pub fn kept(&self, posts: &[Post]) -> Result<Vec<Option<Vec<String>>>, TopicsError> {
        let stop_words = self.all_stop_words()?;
        let tokens = |post: &Post| match self.clean(post, &stop_words) {
            Kept::Tokens(tokens, _) if !tokens.is_empty() => Some(tokens),
            Kept::Tokens(..) | Kept::Retweet | Kept::Short => None,
        };
        Ok(posts.par_iter().map(tokens).collect())
    }

    /// A text's tokens, by the same rules: a mark that is no letter itself (an accent, a virama) belongs to the letter
    /// before it, and counts for none.
    pub fn tokens(&self, text: &str) -> Vec<String> {
        let mut tokens = Vec::new();
        let lower = in_small_letters(text);
        let is_letter =
            |letter: char| if self.ascii { letter.is_ascii_lowercase() } else { letter.is_alphabetic() };
        let is_mark = |letter: char| letter >= FIRST_MARK && !self.ascii && is_combining_mark(letter);
        let mut in_token = false;
        let parts = lower.split(|letter: char| {
            in_token = is_letter(letter) || (in_token && is_mark(letter));
            !in_token
        });
        for token in parts.filter(|token| !token.is_empty()) {
            let letters =
                if token.is_ascii() { token.len() } else { token.chars().filter(|c| is_letter(*c)).count() };
            if letters >= self.letters {
                tokens.push(token.to_owned());
            }
        }
        tokens
    }

    /// Every stop word, shipped and the operator's own.
    pub fn all_stop_words(&self) -> Result<HashSet<String>, TopicsError> {
        let mut all: HashSet<String> = self.stop_words.iter().map(|word| in_small_letters(word)).collect();
        for language in &self.languages {
            let words =
                stop_words::lookup(language).ok_or_else(|| TopicsError::NoLanguage(language.clone()))?;
            all.extend(words.iter().map(|word| in_small_letters(word)));
        }
        Ok(all)
    }

    fn clean(&self, post: &Post, stop_words: &HashSet<String>) -> Kept {
        if post.retweet && !self.retweets {
            return Kept::Retweet;
        }
        if post.text.split_whitespace().count() <= self.longer_than {
            return Kept::Short;
        }
        let mut tokens = self.tokens(&post.text);
        let before = tokens.len();
        tokens.retain(|token| !stop_words.contains(token));
        let stopped = before - tokens.len();
        Kept::Tokens(tokens, stopped)
    }
}

/// The first character that is a mark, or that is otherwise put together with marks; above nearly all Latin text.
const FIRST_MARK: char = '\u{300}';

/// A text in small letters, each with its marks as the one character that they are, if there is one (NFC). What is left
/// of a capital `İ` beside its `i`, a dot above it, goes.
fn in_small_letters(text: &str) -> String {
    let lower = text.to_lowercase();
    if lower.is_ascii() || is_nfc_quick(lower.chars()) == IsNormalized::Yes {
        return lower;
    }
    lower.nfc().collect::<String>().replace("i\u{307}", "i")
}

enum Kept {
    Retweet,
    Short,
    Tokens(Vec<String>, usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(text: &str) -> Post {
        Post { text: text.to_owned(), ..Post::default() }
    }

    fn loose() -> TextSteps {
        let vocabulary = VocabularyRule { least: 1, most: 1.0, size: 100 };
        TextSteps { longer_than: 2, letters: 3, vocabulary, ..TextSteps::default() }
    }

    #[test]
    fn tokens_are_long_words_in_small_letters() {
        let unicode = TextSteps::default();
        assert_eq!(
            unicode.tokens("The TELESCOPE's Größe: 12345 élève! naïve"),
            ["telescope", "größe", "élève", "naïve"]
        );
        let ascii = TextSteps { ascii: true, ..unicode };
        assert_eq!(ascii.tokens("Größe of telescopes, naïvely"), ["telescopes"]);
    }

    #[test]
    fn a_letter_and_its_marks_are_one_whatever_way_they_are_written() {
        let steps = TextSteps { letters: 3, ..TextSteps::default() };
        for (text, tokens) in [
            ("İSTANBUL Istanbul", &["istanbul", "istanbul"][..]),
            ("te\u{301}le\u{301}vision TÉLÉVISION", &["télévision", "télévision"]),
            // The virama makes one sign of two letters, and no one character.
            ("वैज्ञानिक, रॉकेट", &["वैज्ञानिक", "रॉकेट"]),
            ("ax\u{302}is \u{301}2\u{302}abc", &["ax\u{302}is", "abc"]),
        ] {
            assert_eq!(steps.tokens(text), tokens, "{text}");
        }
        let four = TextSteps { letters: 4, ..steps.clone() };
        assert_eq!(four.tokens("abx\u{302} abcx\u{302}"), ["abcx\u{302}"], "a mark is no letter");
        let ascii = TextSteps { ascii: true, ..steps.clone() };
        assert_eq!(ascii.tokens("nai\u{308}vely İSTANBUL"), ["vely", "istanbul"]);
        let stop_words = vec!["E\u{301}le\u{300}ve".to_owned(), "वैज्ञानिक".to_owned()];
        let steps = TextSteps { stop_words, longer_than: 1, ..steps };
        let kept = steps.kept(&[post("élève वैज्ञानिक rocket")]).expect("English");
        assert_eq!(kept, [Some(vec!["rocket".to_owned()])]);
    }

    #[test]
    fn each_step_counts_what_it_dropped_and_every_post_has_its_document() {
        let long = "jupiter saturn neptune uranus pluto hubble cassini perseverance exomars rover";
        let posts = [
            post(long),
            Post { retweet: true, ..post(long) },
            post("too short"),
            post("1 2 3 4"),
            post(&format!("{long}!!")),
            post(&long.replace("pluto", "ceres")),
            post("about their satellite launch tonight"),
        ];
        let prepared = loose().prepare(&posts).expect("good settings");
        let counts = &prepared.counts;
        assert_eq!((counts.posts, counts.retweets, counts.short, counts.empty), (7, 1, 1, 1));
        assert_eq!((counts.equal, counts.near, counts.documents), (1, 1, 2));
        assert_eq!(prepared.documents, [Some(0), None, None, None, Some(0), Some(0), Some(1)]);
        assert_eq!(prepared.posts, [0, 6]);
        assert!(counts.stop_words >= 2, "{counts:?}");
        assert!(!prepared.corpus.terms().contains(&"their".to_owned()));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused_before_anything_is_done() {
        let vocabulary = VocabularyRule { most: 0.0, ..VocabularyRule::default() };
        let steps = |alike| TextSteps { alike, ..loose() };
        for (steps, value) in [
            (steps(f64::INFINITY), "is inf"),
            (steps(f64::NAN), "is NaN"),
            (steps(-0.1), "is -0.1"),
            (TextSteps { vocabulary, ..loose() }, "is 0"),
        ] {
            let refused = steps.prepare(&[]).expect_err("no sense").to_string();
            assert!(refused.contains(value), "{refused}");
        }
        assert!(steps(0.0).check().is_ok() && steps(2.0).check().is_ok());
    }

    #[test]
    fn what_nobody_counted_is_not_said_to_be_none() {
        let said = |counts: &TextCounts| counts.rows().any(|(what, _)| what.contains("without a topic"));
        let counted = TextCounts { unknown: Some(0), ..TextCounts::default() };
        assert_eq!((said(&counted), said(&TextCounts::default())), (true, false));
    }

    #[test]
    fn own_stop_words_and_no_folding() {
        let steps = TextSteps { stop_words: vec!["Rover".to_owned()], alike: 2.0, ..loose() };
        let prepared =
            steps.prepare(&[post("rover lands today venus"), post("rover lands today")]).expect("good");
        assert_eq!(prepared.counts.documents, 2);
        assert!(!prepared.corpus.terms().contains(&"rover".to_owned()));
    }
}
