//! Patterns of policies: `*` is any text, `?` any letter, `${key}` what the request's context says of the key.
//!
//! What a variable stands for is taken literally, also where it holds a `*`. A variable that the context does not know
//! matches nothing, unless it names a default: `${aws:PrincipalTag/team, 'none'}`. Documents of the old version
//! 2008-10-17, in which AWS takes variables literally, are treated no differently.

use std::collections::BTreeMap;

/// What is known of a request, by key. Keys do not differ by case.
#[derive(Debug, Clone, Default)]
pub(super) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// The same with one more key.
    pub(super) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.set(key, vec![value.into()]);
        self
    }

    /// Sets a key, which may have several values.
    pub(super) fn set(&mut self, key: &str, values: Vec<String>) {
        self.0.insert(key.to_lowercase(), values);
    }

    /// The values of a key, if it is known.
    pub(super) fn get(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_lowercase()).map(Vec::as_slice)
    }

    /// What a variable stands for: keys of several values stand for nothing.
    fn variable(&self, name: &str) -> Option<String> {
        if matches!(name, "*" | "?" | "$") {
            return Some(name.to_owned());
        }
        let (name, default) = name.split_once(',').map_or((name, None), |(name, default)| {
            (name.trim_end(), default.trim().strip_prefix('\'').and_then(|text| text.strip_suffix('\'')))
        });
        match self.get(name) {
            Some([value]) => Some(value.clone()),
            _ => default.map(ToOwned::to_owned),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Letter(char),
    One,
    Any,
}

/// A pattern's tokens; `None` when a variable of it is not known.
fn tokens(pattern: &str, context: &Context) -> Option<Vec<Token>> {
    let mut tokens = Vec::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(letter) = rest.chars().next() {
        if let Some((name, after)) = rest.strip_prefix("${").and_then(|inner| inner.split_once('}')) {
            tokens.extend(context.variable(name)?.chars().map(Token::Letter));
            rest = after;
            continue;
        }
        tokens.push(match letter {
            '*' => Token::Any,
            '?' => Token::One,
            plain => Token::Letter(plain),
        });
        rest = rest.get(letter.len_utf8()..).unwrap_or_default();
    }
    Some(tokens)
}

/// Whether a text is the pattern's, with its wildcards and variables.
pub(super) fn is_like(pattern: &str, text: &str, context: &Context) -> bool {
    tokens(pattern, context).is_some_and(|tokens| fits(&tokens, text))
}

/// Whether a text is exactly this one, but for variables.
pub(super) fn is_same(pattern: &str, text: &str, context: &Context) -> bool {
    let letter = |token: &Token| match token {
        Token::Letter(letter) => *letter,
        Token::Any => '*',
        Token::One => '?',
    };
    tokens(pattern, context).is_some_and(|tokens| tokens.iter().map(letter).eq(text.chars()))
}

/// Whether an ARN is the pattern's. Each of the six parts is compared for itself, so that a wildcard does not reach
/// over a colon; parts that the pattern leaves out are any.
pub(super) fn is_arn_like(pattern: &str, arn: &str, context: &Context) -> bool {
    if pattern == "*" {
        return true;
    }
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let patterns = arn_parts(pattern);
    parts.len() == 6
        && parts
            .iter()
            .zip(patterns.into_iter().chain(std::iter::repeat("*")))
            .all(|(part, pattern)| is_like(pattern, part, context))
}

/// The parts of an ARN's pattern: colons in variables part nothing.
fn arn_parts(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::with_capacity(6);
    let (mut start, mut in_variable) = (0, false);
    for (at, letter) in pattern.char_indices() {
        match letter {
            '{' if pattern.get(..at).is_some_and(|before| before.ends_with('$')) => in_variable = true,
            '}' => in_variable = false,
            ':' if !in_variable && parts.len() < 5 => {
                parts.extend(pattern.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.extend(pattern.get(start..));
    parts
}

/// Goes through the text once, and back only to the last `*`: the time is at most the product of the two lengths.
fn fits(pattern: &[Token], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut read) = (0, 0);
    let mut last_any = None;
    while let Some(letter) = text.get(read) {
        match pattern.get(at) {
            Some(Token::Any) => {
                last_any = Some((at, read));
                at += 1;
            }
            Some(Token::One) => (at, read) = (at + 1, read + 1),
            Some(Token::Letter(wanted)) if wanted == letter => (at, read) = (at + 1, read + 1),
            _ => {
                let Some((any, from)) = last_any else { return false };
                last_any = Some((any, from + 1));
                (at, read) = (any + 1, from + 1);
            }
        }
    }
    pattern.iter().skip(at).all(|token| *token == Token::Any)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_in_policies() {
        let none = Context::default();
        for (pattern, text, expected) in [
            ("*", "", true),
            ("s3:Get*", "s3:GetObject", true),
            ("s3:Get*", "s3:PutObject", false),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxbyy", false),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("${*}", "*", true),
            ("${*}", "x", false),
        ] {
            assert_eq!(is_like(pattern, text, &none), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn wildcards_of_arns_stay_within_their_part() {
        let known = Context::default().with("aws:PrincipalAccount", "123456789012");
        let arn = "arn:aws:s3:::tweets/2026/11";
        for (pattern, expected) in [
            ("*", true),
            ("arn:aws:s3:::tweets/*", true),
            ("arn:aws:s3:::*", true),
            ("arn:aws:s3", true),
            ("arn:aws:s3:*:*:*", true),
            ("arn:aws:s3:*tweets/*", false),
            ("arn:aws:s3:::Tweets/*", false),
            ("arn:aws:s3:::tweets", false),
        ] {
            assert_eq!(is_arn_like(pattern, arn, &known), expected, "{pattern}");
        }
        let role = "arn:aws:iam::123456789012:role/a:b";
        assert!(is_arn_like("arn:aws:iam::${aws:PrincipalAccount}:role/*", role, &known));
        assert!(!is_arn_like("arn:aws:iam::*", "*", &known), "what is about no resource needs `*`");
    }

    #[test]
    fn variables_are_literal_or_unknown() {
        let known = Context::default().with("aws:userid", "a*").with("aws:PrincipalTag/Team", "x");
        assert!(is_like("home/${aws:UserId}/?", "home/a*/1", &known));
        assert!(!is_like("home/${aws:userid}/?", "home/abc/1", &known));
        assert!(!is_like("${aws:username}", "", &known));
        assert!(is_like("${aws:username, 'none'}", "none", &known));
        assert!(is_same("${aws:PrincipalTag/team}*", "x*", &known));
        assert!(!is_same("*", "x", &known));
    }
}
