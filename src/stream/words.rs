//! Words that somebody wrote down, one a line of a file, and where a text has them. What is kept of a stream and what is
//! left out when hours are combined is told by the same rules.
//!
//! Upper and lower case are the same; a word may be several (`bin laden`). A word stands alone where neither of its ends
//! lies within another, so that "god" does not drop a post on the Goddard centre; the predecessor looked for it anywhere,
//! and by setting so does this. However many words there are, a text is gone through once.

use std::borrow::Cow;
use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use crate::settings::WordMatch;

/// The lines of a word list: one word or term each. White space around it does not count; empty lines and those that begin
/// with `#` followed by a space are for people. `#mars` is a word, as people write it.
pub fn word_list(text: &str) -> Vec<String> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && *line != "#" && !line.starts_with("# "))
        .map(ToOwned::to_owned)
        .collect()
}

/// Why words cannot be looked for.
#[derive(Debug, thiserror::Error)]
#[error("the words are too many to be looked for")]
pub struct TooManyWords(#[from] aho_corasick::BuildError);

/// What finds words, which are in lower case, in texts as [`lowered`] gives them.
pub(super) fn automaton(words: &[String]) -> Result<AhoCorasick, TooManyWords> {
    // Where words must stand alone, one that does not may cover another that does: all of them must be seen.
    Ok(AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind((words.len() < 500).then_some(AhoCorasickKind::DFA))
        .build(words)?)
}

/// The text in lower case, as far as what finds words does not see to that itself: beyond ASCII, upper and lower case are
/// more than a bit apart.
pub(super) fn lowered(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.to_lowercase()) }
}

/// Whether neither end of a span lies within a word.
pub(super) fn stands_alone(text: &str, span: Range<usize>) -> bool {
    let (before, word, after) = (text.get(..span.start), text.get(span.clone()), text.get(span.end..));
    let (Some(before), Some(word), Some(after)) = (before, word, after) else { return false };
    !joins(before.chars().next_back(), word.chars().next())
        && !joins(word.chars().next_back(), after.chars().next())
}

/// Words whose posts are left out.
#[derive(Debug, Clone)]
pub struct Unwanted {
    words: Vec<String>,
    how: WordMatch,
    automaton: Option<AhoCorasick>,
}

impl Default for Unwanted {
    fn default() -> Self {
        Self::nothing()
    }
}

impl Unwanted {
    /// None at all.
    pub fn nothing() -> Self {
        Self { words: Vec::new(), how: WordMatch::Word, automaton: None }
    }

    /// From the text of a file, a [`word_list`].
    pub fn read(text: &str, how: WordMatch) -> Result<Self, TooManyWords> {
        let mut words: Vec<String> = word_list(text).iter().map(|word| word.to_lowercase()).collect();
        words.sort();
        words.dedup();
        let automaton = if words.is_empty() { None } else { Some(automaton(&words)?) };
        Ok(Self { words, how, automaton })
    }

    /// Whether there are none.
    pub fn is_nothing(&self) -> bool {
        self.words.is_empty()
    }

    /// The words, in lower case and in order.
    pub fn words(&self) -> &[String] {
        &self.words
    }

    /// How they are looked for.
    pub fn how(&self) -> WordMatch {
        self.how
    }

    /// Whether the text holds one of them.
    pub fn is_in(&self, text: &str) -> bool {
        let Some(automaton) = &self.automaton else { return false };
        let text = &*lowered(text);
        // Most posts hold none: to know that takes half as long as to know where.
        automaton.is_match(text)
            && match self.how {
                WordMatch::Substring => true,
                WordMatch::Word => {
                    automaton.find_overlapping_iter(text).any(|found| stands_alone(text, found.range()))
                }
            }
    }
}

/// Whether two neighbours belong to one word.
fn joins(left: Option<char>, right: Option<char>) -> bool {
    let (Some(left), Some(right)) = (left, right) else { return false };
    is_of_word(left) && is_of_word(right)
}

/// Letters and digits make words, and underscores as names have them. Where words are not parted by spaces, any sign
/// may begin or end one.
fn is_of_word(character: char) -> bool {
    let unparted = matches!(
        character,
        '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}'
    );
    (character.is_alphanumeric() || character == '_') && !unparted
}

/// The characters that make words, as ranges of their numbers, for whoever looks for the words elsewhere.
pub fn word_characters() -> Vec<(u32, u32)> {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for character in (char::MIN..=char::MAX).filter(|character| is_of_word(*character)).map(u32::from) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == character => *last = character,
            _ => ranges.push((character, character)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwanted(how: WordMatch) -> Unwanted {
        Unwanted::read(
            "# one user's list\ngod\nbin laden\nNFT\nblock-2\n\n  élan  \nstraße\n日本\nwii\nwiiu party\nοδος\n#mars\n",
            how,
        )
        .expect("words")
    }

    #[test]
    fn a_word_counts_only_where_it_stands_alone() {
        let unwanted = unwanted(WordMatch::Word);
        for (text, found) in [
            ("The Goddard centre", false),
            ("oh my GOD!", true),
            ("god", true),
            ("bin laden", true),
            ("robin laden", false),
            ("#nft drop", true),
            ("nft_drop", false),
            ("block-2 engine", true),
            ("ÉLAN vital", true),
            ("élans", false),
            ("STRASSE straße", true),
            ("夕方の日本語", true),
            ("ΟΔΟΣ", true),
            ("on #Mars", true),
            ("on mars", false),
            ("my wiiu party", true),
            ("my wiiu", false),
            ("", false),
        ] {
            assert_eq!(unwanted.is_in(text), found, "{text}");
        }
    }

    #[test]
    fn the_predecessors_way_finds_it_anywhere() {
        let unwanted = unwanted(WordMatch::Substring);
        for (text, found) in [("The Goddard centre", true), ("nft_drop", true), ("rover", false)] {
            assert_eq!(unwanted.is_in(text), found, "{text}");
        }
    }

    #[test]
    fn a_word_list_has_comments_and_hashtags() {
        assert_eq!(word_list("\u{feff}# space\n\nmars rover\n #esa \n#\n# \n"), ["mars rover", "#esa"]);
    }

    #[test]
    fn no_words_drop_nothing() {
        assert!(!Unwanted::read("# nothing\n\n", WordMatch::Substring).expect("words").is_in("anything"));
    }

    proptest::proptest! {
        #[test]
        fn substrings_are_found_as_a_plain_search_finds_them(text: String) {
            let unwanted = unwanted(WordMatch::Substring);
            let lower = text.to_lowercase();
            let plain = unwanted.words().iter().any(|word| lower.contains(word.as_str()));
            proptest::prop_assert_eq!(unwanted.is_in(&text), plain);
        }
    }
}
