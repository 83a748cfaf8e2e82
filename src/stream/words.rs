//! Unwanted words: posts that hold one are left out.
//!
//! The words are the user's, one a line of a file; a word may be several (`bin laden`). Upper and lower case are the
//! same. By default a word must stand alone, so that "god" does not drop a post on the Goddard centre; the predecessor
//! looked for it anywhere, and by setting so does this. However many words there are, a text is gone through once.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::LakeError;
use crate::settings::WordMatch;

/// Words that are looked for.
#[derive(Debug, Clone)]
pub struct Unwanted {
    words: Vec<String>,
    how: WordMatch,
    automaton: Option<AhoCorasick>,
}

impl Unwanted {
    /// None at all.
    pub fn nothing() -> Self {
        Self { words: Vec::new(), how: WordMatch::Word, automaton: None }
    }

    /// From the text of a file: a word a line; white space around it, empty lines and lines that begin with `#` do not
    /// count.
    pub fn read(text: &str, how: WordMatch) -> Result<Self, LakeError> {
        let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
        let words = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self::new(words.map(str::to_lowercase).collect(), how)
    }

    fn new(mut words: Vec<String>, how: WordMatch) -> Result<Self, LakeError> {
        words.sort();
        words.dedup();
        if words.is_empty() {
            return Ok(Self { how, ..Self::nothing() });
        }
        // Where words must stand alone, one that does not may cover another that does: all of them must be seen.
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(true)
            .kind((words.len() < 500).then_some(AhoCorasickKind::DFA))
            .build(&words)
            .map_err(|error| LakeError::Unreadable {
                file: "the file of unwanted words".to_owned(),
                kind: "a list of words",
                why: error.to_string(),
            })?;
        Ok(Self { words, how, automaton: Some(automaton) })
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
        if text.is_ascii() {
            self.found(automaton, text)
        } else {
            // Beyond ASCII, upper and lower case are more than a bit apart.
            self.found(automaton, &text.to_lowercase())
        }
    }

    fn found(&self, automaton: &AhoCorasick, text: &str) -> bool {
        // Most posts hold none: to know that takes half as long as to know where.
        if !automaton.is_match(text) {
            return false;
        }
        match self.how {
            WordMatch::Substring => true,
            WordMatch::Word => automaton.find_overlapping_iter(text).any(|found| {
                let (before, word, after) =
                    (text.get(..found.start()), text.get(found.range()), text.get(found.end()..));
                let (Some(before), Some(word), Some(after)) = (before, word, after) else { return false };
                !joins(before.chars().next_back(), word.chars().next())
                    && !joins(word.chars().next_back(), after.chars().next())
            }),
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
            "# one user's list\ngod\nbin laden\nNFT\nblock-2\n\n  élan  \nstraße\n日本\nwii\nwiiu party\n",
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
