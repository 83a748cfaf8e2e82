//! Patterns of terms: `error`, `-debug`, `?warning`, `"out of memory"` and `%regular expressions%`.

use super::Malformed;
use super::reader::Reader;
use super::regex::Regex;

/// What a message must and must not contain.
#[derive(Debug, Default)]
pub(in super::super) struct Terms {
    wanted: Vec<Term>,
    excluded: Vec<Term>,
    /// Any one of these, but only if there are no others: beside others, AWS ignores them.
    optional: Vec<Term>,
}

#[derive(Debug)]
enum Term {
    Text(String),
    Regex(Regex),
}

impl Terms {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut terms = Self::default();
        while !reader.is_at_end() {
            let terms = if reader.take("-") {
                &mut terms.excluded
            } else if reader.take("?") {
                &mut terms.optional
            } else {
                &mut terms.wanted
            };
            terms.push(Term::read(reader)?);
            reader.skip_space();
        }
        Ok(terms)
    }

    pub(super) fn match_all(&self, message: &str) -> bool {
        if self.wanted.is_empty() && self.excluded.is_empty() {
            return self.optional.iter().any(|term| term.is_in(message));
        }
        self.wanted.iter().all(|term| term.is_in(message))
            && !self.excluded.iter().any(|term| term.is_in(message))
    }
}

impl Term {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.take("\"") {
            let text = reader.quoted('"')?;
            if text.is_empty() {
                return Err(Malformed(": Invalid character(s) in term '\"\"'".to_owned()));
            }
            return Ok(Self::Text(text));
        }
        if reader.take("%") {
            return reader.regex().map(Self::Regex);
        }
        // Everything else must stand between quotation marks.
        let text = reader.take_while(|letter| letter.is_alphanumeric() || letter == '_' || letter == '.');
        if text.is_empty() {
            return Err(reader.unexpected());
        }
        Ok(Self::Text(text.to_owned()))
    }

    fn is_in(&self, message: &str) -> bool {
        match self {
            Self::Text(text) => message.contains(text.as_str()),
            Self::Regex(regex) => regex.is_in(message),
        }
    }
}
