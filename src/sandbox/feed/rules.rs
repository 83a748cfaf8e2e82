//! The rule language of X's filtered stream: read, refused with X's words where it is wrong, and matched with posts.
//!
//! ```text
//! any   = all ("OR" all)*          a space binds tighter than OR
//! all   = term+
//! term  = "-"? ( "(" any ")" | "\"phrase\"" ("~" N)? | "#" tag | "@" name | "$" symbol | name ":" value | keyword )
//! ```
//!
//! Keywords are matched with the words of a text, whatever their case, accents as they are; a quote is matched with
//! the words of what it quotes too. What X knows and the sandbox does not carry (`entity:`, `point_radius:`, …) is
//! refused like what nobody knows.

mod reader;

use super::posts::{Feed, Post, Relation, Target};
use super::text::Piece;
use super::x_wire::has_picture;
use reader::Reader;

/// The longest rule, in characters.
pub(super) const LONGEST: usize = 1024;

/// A rule that can be matched.
#[derive(Debug)]
pub(super) struct Rule(Node);

#[derive(Debug)]
struct Node {
    /// Where it begins in the rule, from 1.
    at: usize,
    what: What,
}

#[derive(Debug)]
enum What {
    Any(Vec<Node>),
    All(Vec<Node>),
    Not(Box<Node>),
    Is(Condition),
}

#[derive(Debug)]
enum Condition {
    Keyword(String),
    /// Emoji, and scripts that are written without spaces: found anywhere.
    Glyphs(String),
    /// The words, with as many others between them at most.
    Phrase(Vec<String>, usize),
    Tag(String),
    Mention(String),
    Cash(String),
    From(String),
    To(String),
    RetweetsOf(String),
    Url(String),
    Lang(String),
    Place(String),
    PlaceCountry(String),
    Conversation(u64),
    Sample(u64),
    Is(Quality),
    Has(Part),
}

#[derive(Debug, Clone, Copy)]
enum Quality {
    Retweet,
    Reply,
    Quote,
    Verified,
    /// Promoted posts that are not shown: the feed has none.
    Nullcast,
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Links,
    Hashtags,
    Cashtags,
    Mentions,
    Media,
    Images,
    Geo,
}

impl Rule {
    /// Reads a rule. The error is what X says in `details`.
    pub(super) fn parse(value: &str) -> Result<Self, Vec<String>> {
        let length = value.chars().count();
        if length > LONGEST {
            return Err(vec![format!(
                "Rules must be at most {LONGEST} characters long, this one has {length}."
            )]);
        }
        let node = Reader::new(value).rule()?;
        if let Some(at) = without_standalone(&node) {
            return Err(vec![format!(
                "Rules must contain a non-negated standalone operator (at position {at})"
            )]);
        }
        Ok(Self(node))
    }

    pub(super) fn matches(&self, seen: &Seen<'_>) -> bool {
        self.0.holds(seen)
    }
}

impl Node {
    fn holds(&self, seen: &Seen<'_>) -> bool {
        match &self.what {
            What::Any(nodes) => nodes.iter().any(|node| node.holds(seen)),
            What::All(nodes) => nodes.iter().all(|node| node.holds(seen)),
            What::Not(node) => !node.holds(seen),
            What::Is(condition) => condition.holds(seen),
        }
    }
}

/// Where a part begins that nothing which can stand alone holds up.
fn without_standalone(node: &Node) -> Option<usize> {
    match &node.what {
        What::Any(nodes) => nodes.iter().find_map(without_standalone),
        What::All(nodes) => nodes.iter().all(|node| without_standalone(node).is_some()).then_some(node.at),
        What::Not(_) => Some(node.at),
        What::Is(condition) => (!condition.stands_alone()).then_some(node.at),
    }
}

/// Whether a text has what no word is made of, or a script that does not part its words.
fn has_glyphs(text: &str) -> bool {
    text.chars().any(|letter| {
        !letter.is_ascii() && !letter.is_alphanumeric() && !letter.is_whitespace()
            || matches!(letter, '\u{e00}'..='\u{e7f}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
    })
}

/// A text's words in lower case: what stands between punctuation, symbols and spaces.
fn words_of(text: &str) -> Vec<String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// A post with what rules look at.
pub(super) struct Seen<'a> {
    feed: &'a Feed,
    post: &'a Post,
    /// The post's own entities: a retweet's are its original's.
    worded: &'a Post,
    text: String,
    /// Where in the text its words are.
    words: Vec<(usize, usize)>,
}

impl<'a> Seen<'a> {
    pub(super) fn of(feed: &'a Feed, post: &'a Post) -> Self {
        let worded = post.worded();
        let mut text = String::with_capacity(400);
        append(&mut text, feed, worded);
        if let Some(quoted) = post.refers(Relation::Quoted).and_then(Target::whole) {
            append(&mut text, feed, quoted);
        }
        let mut words = Vec::with_capacity(64);
        let mut begun = None;
        for (index, letter) in text.char_indices().chain([(text.len(), ' ')]) {
            match (letter.is_alphanumeric(), begun) {
                (true, None) => begun = Some(index),
                (false, Some(start)) => {
                    words.push((start, index));
                    begun = None;
                }
                _ => {}
            }
        }
        Self { feed, post, worded, text, words }
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.words.iter().map(|(start, end)| self.text.get(*start..*end).unwrap_or_default())
    }

    /// Whether the words follow one another with at most so many others between the first and the last.
    fn has_phrase(&self, phrase: &[String], slack: usize) -> bool {
        let all: Vec<&str> = self.words().collect();
        if slack == 0 {
            return all
                .windows(phrase.len())
                .any(|window| window.iter().zip(phrase).all(|(word, own)| word == own));
        }
        let reach = phrase.len() + slack;
        (0..all.len()).any(|start| {
            let window = all.get(start..(start + reach).min(all.len())).unwrap_or_default();
            phrase.iter().all(|own| window.contains(&own.as_str()))
        })
    }

    fn has_piece(&self, wanted: impl Fn(&Piece) -> bool) -> bool {
        self.worded.pieces.iter().any(wanted)
    }

    /// A person by handle or id.
    fn is_called(&self, whom: usize, name: &str) -> bool {
        let person = self.feed.person(whom);
        let name = name.strip_prefix('@').unwrap_or(name);
        person.handle.eq_ignore_ascii_case(name) || name.parse() == Ok(person.id)
    }
}

/// The words of a post in lower case; shortened links say nothing.
fn append(text: &mut String, feed: &Feed, post: &Post) {
    for piece in &post.pieces {
        match piece {
            Piece::Words(words) if words.is_ascii() => {
                text.extend(words.chars().map(|letter| letter.to_ascii_lowercase()));
            }
            Piece::Words(words) => text.push_str(&words.to_lowercase()),
            Piece::Tag(tag) => text.push_str(&tag.to_lowercase()),
            Piece::Cash(symbol) => text.push_str(&symbol.to_lowercase()),
            Piece::Mention(whom) => text.push_str(&feed.person(*whom).handle.to_lowercase()),
            Piece::Link(_) => {}
        }
        text.push('\n');
    }
}

impl Condition {
    /// Whether it may hold up a rule by itself.
    const fn stands_alone(&self) -> bool {
        !matches!(self, Self::Lang(_) | Self::Sample(_) | Self::Is(_) | Self::Has(_))
    }

    fn holds(&self, seen: &Seen<'_>) -> bool {
        let post = seen.post;
        match self {
            Self::Keyword(word) => seen.words().any(|own| own == word),
            Self::Glyphs(glyphs) => seen.text.contains(glyphs.as_str()),
            Self::Phrase(words, slack) => seen.has_phrase(words, *slack),
            Self::Tag(tag) => {
                seen.has_piece(|piece| matches!(piece, Piece::Tag(own) if own.to_lowercase() == *tag))
            }
            Self::Cash(symbol) => {
                seen.has_piece(|piece| matches!(piece, Piece::Cash(own) if own.eq_ignore_ascii_case(symbol)))
            }
            Self::Mention(name) => {
                let retweeted = !std::ptr::eq(seen.worded, post) && seen.is_called(seen.worded.author, name);
                retweeted
                    || seen.has_piece(
                        |piece| matches!(piece, Piece::Mention(whom) if seen.is_called(*whom, name)),
                    )
            }
            Self::From(name) => seen.is_called(post.author, name),
            Self::To(name) => post.reply_to.is_some_and(|to| seen.is_called(to, name)),
            Self::RetweetsOf(name) => {
                !std::ptr::eq(seen.worded, post) && seen.is_called(seen.worded.author, name)
            }
            Self::Url(part) => seen.has_piece(
                |piece| matches!(piece, Piece::Link(link) if link.page.to_lowercase().contains(part)),
            ),
            Self::Lang(code) => post.lang == code || (post.lang == "iw" && code == "he"),
            Self::Place(name) => post.place.is_some_and(|place| {
                place.id == name
                    || place.name.to_lowercase() == *name
                    || place.full_name.to_lowercase().contains(name)
            }),
            Self::PlaceCountry(code) => post.place.is_some_and(|place| place.country_code == code),
            Self::Conversation(id) => post.conversation == *id,
            Self::Sample(share) => super::posts::mix(post.id, 11) % 100 < *share,
            Self::Is(quality) => match quality {
                Quality::Retweet => post.refers(Relation::Retweeted).is_some(),
                Quality::Reply => post.refers(Relation::RepliedTo).is_some(),
                Quality::Quote => post.refers(Relation::Quoted).is_some(),
                Quality::Verified => seen.feed.person(post.author).verified != super::people::Badge::None,
                Quality::Nullcast => false,
            },
            Self::Has(part) => match part {
                Part::Links => seen.has_piece(|piece| matches!(piece, Piece::Link(_))),
                Part::Hashtags => seen.has_piece(|piece| matches!(piece, Piece::Tag(_))),
                Part::Cashtags => seen.has_piece(|piece| matches!(piece, Piece::Cash(_))),
                Part::Mentions => {
                    post.refers(Relation::Retweeted).is_some()
                        || seen.has_piece(|piece| matches!(piece, Piece::Mention(_)))
                }
                Part::Media | Part::Images => has_picture(post),
                Part::Geo => post.place.is_some(),
            },
        }
    }
}

#[cfg(test)]
mod tests;
