//! What all the languages of patterns have in common: quotation marks, regular expressions, symbols and space.

use super::Malformed;
use super::regex::Regex;

/// A pattern that is being read, from left to right.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    rest: &'a str,
    regexes: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(pattern: &'a str) -> Self {
        Self { rest: pattern, regexes: 0 }
    }

    /// How many regular expressions were read.
    pub(super) fn regexes(&self) -> usize {
        self.regexes
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Takes a symbol if it comes next.
    pub(super) fn take(&mut self, symbol: &str) -> bool {
        let Some(rest) = self.rest.strip_prefix(symbol) else { return false };
        self.rest = rest;
        true
    }

    /// Takes a symbol that must come next.
    pub(super) fn demand(&mut self, symbol: &str) -> Result<(), Malformed> {
        if self.take(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn take_while(&mut self, mut wanted: impl FnMut(char) -> bool) -> &'a str {
        let end = self.rest.find(|letter| !wanted(letter)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// The text up to the closing mark, which is taken too; a backslash stands before a mark that is meant itself.
    pub(super) fn quoted(&mut self, mark: char) -> Result<String, Malformed> {
        let mut text = String::new();
        let mut letters = self.rest.chars();
        while let Some(letter) = letters.next() {
            match letter {
                _ if letter == mark => {
                    self.rest = letters.as_str();
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some(escaped) if escaped == mark || escaped == '\\' => text.push(escaped),
                    Some(other) => text.extend(['\\', other]),
                    None => break,
                },
                _ => text.push(letter),
            }
        }
        Err(Malformed(String::new()))
    }

    /// The regular expression up to the closing percent sign, which is taken too.
    pub(super) fn regex(&mut self) -> Result<Regex, Malformed> {
        let (expression, rest) = self.rest.split_once('%').ok_or_else(|| Malformed(String::new()))?;
        self.rest = rest;
        self.regexes += 1;
        Regex::read(expression)
    }

    /// Nothing good can begin with what comes next.
    pub(super) fn unexpected(&self) -> Malformed {
        Malformed(self.peek().map_or_else(String::new, invalid_character))
    }
}

pub(super) fn invalid_character(letter: char) -> String {
    format!(": Invalid character(s) in term '{letter}'")
}
