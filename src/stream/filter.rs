//! hydrant's own filter: which posts are kept.
//!
//! Terms are taken as X's track did: a term of several words asks for all of them in any order, whole words, in any
//! case; a term in quotes asks for the words as they stand. Unwanted words drop a post wherever they occur. What a whole
//! word is, [`words`](super::words) says. Samples are drawn by the post's key, so the same posts are kept whenever they
//! come.

use aho_corasick::AhoCorasick;

use super::post::{Post, PostKey};
use super::words::{TooManyWords, Unwanted, automaton, lowered, stands_alone};

/// What is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Any of these terms; none means every post.
    pub terms: Vec<String>,
    /// Any of these languages (`en`); none means every language. A post that does not say its own is kept.
    pub languages: Vec<String>,
    /// None of these words.
    pub unwanted: Unwanted,
    /// Whether reposts are kept.
    pub retweets: bool,
    /// Of a hundred posts, so many.
    pub sample_percent: u32,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            terms: Vec::new(),
            languages: Vec::new(),
            unwanted: Unwanted::nothing(),
            retweets: true,
            sample_percent: 100,
        }
    }
}

/// The filter, ready to look at posts.
#[derive(Debug)]
pub struct Filter {
    wanted: Wanted,
    terms: Option<Terms>,
}

/// Terms as the words that they are made of.
#[derive(Debug)]
struct Terms {
    words: AhoCorasick,
    /// Of each term, the words that it needs.
    needed: Vec<Vec<usize>>,
    /// Which words the present text has.
    found: Vec<bool>,
}

impl Filter {
    /// Makes a filter.
    pub fn new(mut wanted: Wanted) -> Result<Self, TooManyWords> {
        wanted.languages.iter_mut().for_each(|language| *language = language.to_lowercase());
        let terms =
            Terms::new(&wanted.terms.iter().map(|term| term.trim().to_lowercase()).collect::<Vec<_>>())?;
        Ok(Self { wanted, terms })
    }

    /// Whether a post is kept.
    pub fn keeps(&mut self, post: &Post<'_>) -> bool {
        (self.wanted.retweets || !post.is_retweet)
            && self.samples(post.key())
            && self.speaks(post.lang.as_deref())
            && self.keeps_text(&post.text)
    }

    /// Whether a record is kept: it knows no language, and its hashtags and users stand beside its text.
    pub fn keeps_record(&mut self, key: PostKey, is_retweet: bool, texts: &[&str]) -> bool {
        let looks_at_text = self.terms.is_some() || !self.wanted.unwanted.is_nothing();
        (self.wanted.retweets || !is_retweet)
            && self.samples(key)
            && (!looks_at_text || self.keeps_text(&texts.join(" ")))
    }

    fn samples(&self, key: PostKey) -> bool {
        // Ids count upwards; their digits must be mixed before they are as good as drawn (the finaliser of MurmurHash 3).
        let mut mixed = key.0 ^ (key.0 >> 33);
        mixed = mixed.wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^= mixed >> 33;
        mixed = mixed.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^= mixed >> 33;
        mixed % 100 < u64::from(self.wanted.sample_percent)
    }

    fn speaks(&self, language: Option<&str>) -> bool {
        let languages = &self.wanted.languages;
        let same = |language: &str| {
            // `en-GB` is English too.
            let bare = language.split('-').next().unwrap_or_default();
            languages
                .iter()
                .any(|wanted| bare.eq_ignore_ascii_case(wanted) || language.eq_ignore_ascii_case(wanted))
        };
        languages.is_empty() || language.is_none_or(same)
    }

    fn keeps_text(&mut self, text: &str) -> bool {
        !self.wanted.unwanted.is_in(text)
            && self.terms.as_mut().is_none_or(|terms| terms.are_in(&lowered(text)))
    }
}

impl Terms {
    fn new(terms: &[String]) -> Result<Option<Self>, TooManyWords> {
        let mut words: Vec<String> = Vec::new();
        let mut place_of = |word: &str| {
            words.iter().position(|known| known == word).unwrap_or_else(|| {
                words.push(word.to_owned());
                words.len() - 1
            })
        };
        let mut needed = Vec::new();
        for term in terms.iter().filter(|term| !term.is_empty()) {
            let phrase = term.strip_prefix('"').and_then(|term| term.strip_suffix('"'));
            needed.push(match phrase {
                Some(phrase) => vec![place_of(phrase)],
                None => term.split_whitespace().map(&mut place_of).collect(),
            });
        }
        if needed.is_empty() {
            return Ok(None);
        }
        let found = vec![false; words.len()];
        Ok(Some(Self { words: automaton(&words)?, needed, found }))
    }

    fn are_in(&mut self, text: &str) -> bool {
        self.found.fill(false);
        for found in self.words.find_overlapping_iter(text) {
            if stands_alone(text, found.range())
                && let Some(word) = self.found.get_mut(found.pattern().as_usize())
            {
                *word = true;
            }
        }
        let has = |word: &usize| self.found.get(*word).copied().unwrap_or_default();
        self.needed.iter().any(|words| words.iter().all(has))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::WordMatch;

    fn keeps(wanted: &Wanted, text: &str) -> bool {
        let mut filter = Filter::new(wanted.clone()).expect("few words");
        filter.keeps(&Post { id: "1".into(), text: text.into(), ..Post::default() })
    }

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn terms_ask_for_all_their_words_in_any_order() {
        let terms = words(&["mars rover", "\"james webb\"", "hubble", "nasa", "#esa", "宇宙"]);
        let wanted = Wanted { terms, ..Wanted::default() };
        for (text, kept) in [
            ("The Rover on MARS", true),
            ("The rover on the moon", false),
            ("marsrover", false),
            ("#mars @rover", true),
            ("James Webb", true),
            ("Webb James", false),
            ("HUBBLE!", true),
            ("hubbles", false),
            ("nasa_news", false),
            ("#esa", true),
            ("esa", false),
            ("", false),
            ("夕方の宇宙船", true),
        ] {
            assert_eq!(keeps(&wanted, text), kept, "{text}");
        }
    }

    #[test]
    fn unwanted_words_are_whole_words_unless_asked_for_anywhere() {
        let unwanted = |how| Unwanted::read("god\nbin laden\nß\n#mars\n日本\n", how).expect("few words");
        let wanted = Wanted { unwanted: unwanted(WordMatch::Word), ..Wanted::default() };
        let anywhere = Wanted { unwanted: unwanted(WordMatch::Substring), ..Wanted::default() };
        for (text, kept, kept_anywhere) in [
            ("Goddard", true, false),
            ("oh GOD.", false, false),
            ("Bin Laden", false, false),
            ("good", true, true),
            ("to #Mars!", false, false),
            ("to Mars!", true, true),
            ("夕方の日本語", false, false),
        ] {
            assert_eq!((keeps(&wanted, text), keeps(&anywhere, text)), (kept, kept_anywhere), "{text}");
        }
    }

    #[test]
    fn languages_and_reposts() {
        let wanted = Wanted { languages: words(&["EN"]), retweets: false, ..Wanted::default() };
        let mut filter = Filter::new(wanted).expect("few words");
        for (lang, is_retweet, kept) in [
            (Some("en"), false, true),
            (Some("en-GB"), false, true),
            (Some("fi"), false, false),
            (None, false, true),
            (Some("en"), true, false),
        ] {
            let post = Post { lang: lang.map(Into::into), is_retweet, ..Post::default() };
            assert_eq!(filter.keeps(&post), kept, "{lang:?} {is_retweet}");
        }
    }

    #[test]
    fn a_sample_is_as_large_as_asked_for_and_the_same_again() {
        let filter = Filter::new(Wanted { sample_percent: 30, ..Wanted::default() }).expect("no words");
        let kept: Vec<u64> =
            (0..20_000).filter(|id| filter.samples(PostKey(1_477_000_000_000_000_000 + id * 4001))).collect();
        assert!((5_600..6_400).contains(&kept.len()), "{}", kept.len());
        assert!(kept.iter().all(|id| filter.samples(PostKey(1_477_000_000_000_000_000 + id * 4001))));
    }
}
