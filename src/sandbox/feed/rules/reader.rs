//! Reads a rule, and says in X's words where it is wrong.

use super::{Condition, Node, Part, Quality, What, has_glyphs, words_of};

/// How deep brackets may go: far beyond what 1,024 characters of sense hold.
const DEEPEST: usize = 64;

pub(super) struct Reader {
    letters: Vec<char>,
    at: usize,
    depth: usize,
}

/// What was read, or what X says against it.
pub(super) type Read<T> = Result<T, Vec<String>>;

impl Reader {
    pub(super) fn new(rule: &str) -> Self {
        Self { letters: rule.chars().collect(), at: 0, depth: 0 }
    }

    /// The whole rule.
    pub(super) fn rule(mut self) -> Read<Node> {
        let node = self.any()?;
        self.spaces();
        match self.peek() {
            None => Ok(node),
            Some(letter) => self.wrong(&format!("missing EOF at '{letter}'")),
        }
    }

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
