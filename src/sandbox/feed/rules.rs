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

use super::posts::{Feed, Post, Relation, Target};
use super::text::Piece;
use super::x_wire::has_picture;

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
        let mut reader = Reader { letters: value.chars().collect(), at: 0, depth: 0 };
        let node = reader.any()?;
        reader.spaces();
        if let Some(letter) = reader.peek() {
            return Err(vec![format!("missing EOF at '{letter}' (at position {})", reader.at + 1)]);
        }
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

/// How deep brackets may go: far beyond what 1,024 characters of sense hold.
const DEEPEST: usize = 64;

struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: usize,
}

type Read<T> = Result<T, Vec<String>>;

impl Reader {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.at).copied()
    }

    fn spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn wrong<T>(&self, what: &str) -> Read<T> {
        Err(vec![format!("{what} (at position {})", self.at + 1)])
    }

    fn any(&mut self) -> Read<Node> {
        self.spaces();
        let at = self.at + 1;
        let mut nodes = vec![self.all()?];
        while self.takes_or() {
            nodes.push(self.all()?);
        }
        if nodes.len() == 1
            && let Some(only) = nodes.pop()
        {
            return Ok(only);
        }
        Ok(Node { at, what: What::Any(nodes) })
    }

    fn takes_or(&mut self) -> bool {
        self.spaces();
        let is_or = self.letters.get(self.at..self.at + 2) == Some(&['O', 'R'])
            && self.letters.get(self.at + 2).is_none_or(|next| next.is_whitespace() || *next == '(');
        if is_or {
            self.at += 2;
        }
        is_or
    }

    fn all(&mut self) -> Read<Node> {
        self.spaces();
        let at = self.at + 1;
        let mut nodes = Vec::new();
        loop {
            self.spaces();
            let begun = self.at;
            if self.peek().is_none_or(|next| next == ')') {
                break;
            }
            if self.takes_or() {
                self.at = begun;
                break;
            }
            nodes.push(self.term()?);
        }
        match (nodes.len(), self.peek()) {
            (0, None) => self.wrong("no viable alternative at input '<EOF>'"),
            (0, Some(')')) => self.wrong("no viable alternative at input ')'"),
            (0, Some(_)) => self.wrong("no viable alternative at input 'OR'"),
            _ => Ok(Node { at, what: What::All(nodes) }),
        }
    }

    fn term(&mut self) -> Read<Node> {
        let at = self.at + 1;
        if self.peek() == Some('-') {
            self.at += 1;
            if self.peek().is_none_or(|next| next == '-' || next.is_whitespace()) {
                return self.wrong("no viable alternative at input '-'");
            }
            let negated = self.term()?;
            return Ok(Node { at, what: What::Not(Box::new(negated)) });
        }
        if self.peek() == Some('(') {
            self.depth += 1;
            if self.depth > DEEPEST {
                return self.wrong("too many nested brackets");
            }
            self.at += 1;
            let inner = self.any()?;
            self.spaces();
            if self.peek() != Some(')') {
                return self.wrong("missing ')' at '<EOF>'");
            }
            self.at += 1;
            self.depth -= 1;
            return Ok(inner);
        }
        let condition = self.condition()?;
        if matches!(condition, Condition::Is(Quality::Nullcast))
            && self.letters.get(at.saturating_sub(2)) != Some(&'-')
        {
            return Err(vec![format!("is:nullcast can only be used negated (at position {at})")]);
        }
        Ok(Node { at, what: What::Is(condition) })
    }

    fn condition(&mut self) -> Read<Condition> {
        let at = self.at + 1;
        if self.peek() == Some('"') {
            let text = self.quoted()?;
            let slack = self.slack()?;
            let words = words_of(&text);
            return Ok(match words.len() {
                0 => Condition::Glyphs(text.trim().to_lowercase()),
                _ if has_glyphs(&text) => Condition::Glyphs(text.to_lowercase()),
                _ => Condition::Phrase(words, slack),
            });
        }
        let word = self.word();
        let sign = word.chars().next();
        if let Some((name, value)) = word.split_once(':') {
            let value =
                if value.is_empty() && self.peek() == Some('"') { self.quoted()? } else { value.to_owned() };
            return operator(name, &value, at);
        }
        let rest = || word.chars().skip(1).collect::<String>().to_lowercase();
        let signed = |make: fn(String) -> Condition| {
            let rest = rest();
            if rest.is_empty() || rest.chars().any(|letter| letter.is_ascii_punctuation() && letter != '_') {
                return Err(vec![format!("no viable alternative at input '{word}' (at position {at})")]);
            }
            Ok(make(rest))
        };
        match sign {
            Some('#') => signed(Condition::Tag),
            Some('@') => signed(Condition::Mention),
            Some('$') => signed(Condition::Cash),
            _ => keyword(&word, at),
        }
    }

    /// Up to the next space or bracket.
    fn word(&mut self) -> String {
        let mut word = String::new();
        while let Some(letter) = self.peek() {
            if letter.is_whitespace() || matches!(letter, '(' | ')' | '"') {
                break;
            }
            word.push(letter);
            self.at += 1;
        }
        word
    }

    fn quoted(&mut self) -> Read<String> {
        let begun = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                None => {
                    self.at = begun;
                    return self.wrong("no viable alternative at character '\"'");
                }
                Some('"') => break,
                Some('\\') if self.letters.get(self.at + 1) == Some(&'"') => {
                    text.push('"');
                    self.at += 2;
                }
                Some(letter) => {
                    text.push(letter);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        if text.trim().is_empty() {
            self.at = begun;
            return self.wrong("Phrases must not be empty");
        }
        Ok(text)
    }

    /// `~N` after a phrase.
    fn slack(&mut self) -> Read<usize> {
        if self.peek() != Some('~') {
            return Ok(0);
        }
        self.at += 1;
        let number = self.word();
        number
            .parse()
            .ok()
            .filter(|slack| (1..=6).contains(slack))
            .map_or_else(|| self.wrong("Proximity must be between 1 and 6"), Ok)
    }
}

fn keyword(word: &str, at: usize) -> Read<Condition> {
    for (name, sign) in [("and", "a space"), ("or", "OR")] {
        if word.eq_ignore_ascii_case(name) {
            return Err(vec![format!(
                "Ambiguous use of {name} as a keyword. Use {sign} to logically join two clauses, or \"{name}\" to find \
                 occurrences of {name} in text (at position {at})"
            )]);
        }
    }
    if let Some((index, letter)) =
        word.chars().enumerate().find(|(_, letter)| letter.is_ascii_punctuation() && *letter != '_')
    {
        return Err(vec![format!(
            "no viable alternative at character '{letter}' (at position {})",
            at + index
        )]);
    }
    let lower = word.to_lowercase();
    if has_glyphs(word) { Ok(Condition::Glyphs(lower)) } else { Ok(Condition::Keyword(lower)) }
}

fn operator(name: &str, value: &str, at: usize) -> Read<Condition> {
    let invalid = |what: String| Err(vec![format!("{what} (at position {at})")]);
    if value.is_empty() {
        return invalid(format!("missing value for operator '{name}'"));
    }
    let lower = || value.to_lowercase();
    let unknown = || invalid(format!("Reference to invalid operator '{name}:{value}'."));
    Ok(match name {
        "from" => Condition::From(lower()),
        "to" => Condition::To(lower()),
        "retweets_of" => Condition::RetweetsOf(lower()),
        "url" => Condition::Url(lower()),
        "lang"
            if (2..=3).contains(&value.len()) && value.bytes().all(|letter| letter.is_ascii_alphabetic()) =>
        {
            Condition::Lang(lower())
        }
        "lang" => return invalid(format!("Reference to invalid language '{value}'")),
        "place" => Condition::Place(lower()),
        "place_country" if value.len() == 2 => Condition::PlaceCountry(value.to_uppercase()),
        "place_country" => return invalid(format!("'{value}' is not an ISO 3166-1 alpha-2 country code")),
        "conversation_id" => match value.parse() {
            Ok(id) => Condition::Conversation(id),
            Err(_) => return invalid(format!("'{value}' is not a valid conversation id")),
        },
        "sample" => match value.parse().ok().filter(|share| (1..=100).contains(share)) {
            Some(share) => Condition::Sample(share),
            None => return invalid("sample must be a whole number from 1 to 100".to_owned()),
        },
        "is" => Condition::Is(match value {
            "retweet" => Quality::Retweet,
            "reply" => Quality::Reply,
            "quote" => Quality::Quote,
            "verified" => Quality::Verified,
            "nullcast" => Quality::Nullcast,
            _ => return unknown(),
        }),
        "has" => Condition::Has(match value {
            "links" => Part::Links,
            "hashtags" => Part::Hashtags,
            "cashtags" => Part::Cashtags,
            "mentions" => Part::Mentions,
            "media" => Part::Media,
            "images" => Part::Images,
            "geo" => Part::Geo,
            _ => return unknown(),
        }),
        _ => {
            return Err(vec![
                format!("Reference to invalid operator '{name}' (at position {at})."),
                format!("Reference to invalid field '{name}' (at position {at})."),
            ]);
        }
    })
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
mod tests {
    use super::*;

    /// A post with a text and a hashtag, by the first of the people.
    fn post(feed: &Feed, text: &str) -> Post {
        let mut post = feed.post(0);
        post.references.clear();
        post.reply_to = None;
        post.author = 0;
        post.lang = "en";
        post.place = None;
        post.pieces = vec![Piece::Words(text.to_owned()), Piece::Tag("NightSky"), Piece::Cash("ORBX")];
        post
    }

    #[test]
    fn rules_match_as_they_read() {
        let feed = Feed::new(1, 20);
        let text = "The Mars rover 🚀 met a Café, didn't it? 火星探査機が着陸";
        let post = post(&feed, text);
        let seen = Seen::of(&feed, &post);
        let own = format!("from:{}", feed.person(0).handle);
        for (rule, holds) in [
            ("mars", true),
            ("MARS rover", true),
            ("marsrover", false),
            ("mar", false),
            ("rover mars", true),
            ("\"mars rover\"", true),
            ("\"rover mars\"", false),
            ("\"rover mars\"~2", true),
            ("\"mars café\"~2", false),
            ("\"mars café\"~3", true),
            ("cafe", false),
            ("café", true),
            ("\"didn't\"", true),
            ("🚀", true),
            ("🛰️", false),
            ("火星", true),
            ("#nightsky", true),
            ("#night", false),
            ("nightsky", true),
            ("$orbx", true),
            ("@orbx", false),
            (own.as_str(), true),
            ("from:nobody_else", false),
            ("mars lang:en", true),
            ("mars lang:fr", false),
            ("mars -rover", false),
            ("mars -hubble", true),
            ("hubble OR mars", true),
            ("(hubble OR mars) rover", true),
            // A space binds tighter than OR: only `hubble` is asked for its language.
            ("mars OR hubble lang:fr", true),
            ("(mars OR hubble) lang:fr", false),
            ("mars -(hubble OR comet)", true),
            ("mars is:retweet", false),
            ("mars -is:retweet -is:nullcast", true),
            ("mars has:hashtags has:cashtags -has:links", true),
            ("mars sample:100", true),
            ("mars place_country:fi", false),
        ] {
            let parsed = Rule::parse(rule).unwrap_or_else(|details| panic!("{rule}: {details:?}"));
            assert_eq!(parsed.matches(&seen), holds, "{rule}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_rule_is_said_with_its_place() {
        for (rule, said) in [
            ("", "no viable alternative at input '<EOF>' (at position 1)"),
            ("lang:en", "Rules must contain a non-negated standalone operator (at position 1)"),
            ("-mars", "Rules must contain a non-negated standalone operator (at position 1)"),
            ("mars OR lang:en", "Rules must contain a non-negated standalone operator (at position 9)"),
            (
                "(is:retweet has:links)",
                "Rules must contain a non-negated standalone operator (at position 2)",
            ),
            (
                "mars AND rover",
                "Ambiguous use of and as a keyword. Use a space to logically join two clauses, or \"and\" \
                to find occurrences of and in text (at position 6)",
            ),
            ("(mars", "missing ')' at '<EOF>' (at position 6)"),
            ("mars)", "missing EOF at ')' (at position 5)"),
            ("mars OR", "no viable alternative at input '<EOF>' (at position 8)"),
            ("OR mars", "no viable alternative at input 'OR' (at position 1)"),
            ("()", "no viable alternative at input ')' (at position 2)"),
            ("\"mars", "no viable alternative at character '\"' (at position 1)"),
            ("mars don't", "no viable alternative at character ''' (at position 9)"),
            ("mars h:m", "Reference to invalid operator 'h' (at position 6)."),
            ("mars has:polls", "Reference to invalid operator 'has:polls'. (at position 6)"),
            ("mars sample:0", "sample must be a whole number from 1 to 100 (at position 6)"),
            ("mars point_radius:[1 2 3km]", "Reference to invalid operator 'point_radius' (at position 6)."),
            ("mars is:nullcast", "is:nullcast can only be used negated (at position 6)"),
            ("\"a b\"~9", "Proximity must be between 1 and 6 (at position 8)"),
        ] {
            let details = Rule::parse(rule).expect_err(rule);
            assert_eq!(details.first().map(String::as_str), Some(said), "{rule}");
        }
        assert!(Rule::parse(&"(".repeat(1000)).is_err());
        assert!(Rule::parse(&"x".repeat(1025)).is_err());
        assert!(Rule::parse(&"x".repeat(1024)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn no_rule_breaks_the_reader(rule in "[-a-zA-Z0-9 ()\":#@$~éß火🚀\\\\'_]{0,40}") {
            drop(Rule::parse(&rule));
        }
    }
}
