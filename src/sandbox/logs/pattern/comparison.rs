//! Comparisons of a value with what a pattern wants of it: `= "text*"`, `!= %expression%`, `>= 100`.

use std::cmp::Ordering;

use super::Malformed;
use super::reader::Reader;
use super::regex::Regex;

/// What a pattern wants of a value.
#[derive(Debug)]
pub(super) enum Comparison {
    Text { wild: Wild, equal: bool },
    Regex { regex: Regex, equal: bool },
    Number { operator: Operator, number: f64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Operator {
    /// The longer ones first, as they begin with the shorter ones.
    const ALL: [(&'static str, Self); 6] = [
        ("!=", Self::Unequal),
        ("<=", Self::AtMost),
        (">=", Self::AtLeast),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    fn holds(self, value: f64, wanted: f64) -> bool {
        value.partial_cmp(&wanted).is_some_and(|order| match self {
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::Less => order == Ordering::Less,
            Self::AtMost => order != Ordering::Greater,
            Self::Greater => order == Ordering::Greater,
            Self::AtLeast => order != Ordering::Less,
        })
    }
}

impl Comparison {
    /// An operator and a value.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.skip_space();
        let operator = Operator::ALL.into_iter().find(|(symbol, _)| reader.take(symbol));
        let (_, operator) = operator.ok_or_else(|| reader.unexpected())?;
        reader.skip_space();
        if reader.take("\"") {
            let text = reader.quoted('"')?;
            return Self::text(operator, &text);
        }
        if reader.take("%") {
            let regex = reader.regex()?;
            return Ok(Self::Regex { regex, equal: equality(operator)? });
        }
        let bare =
            reader.take_while(|letter| !letter.is_whitespace() && !"\"%&|(),=<>![]{}".contains(letter));
        if bare.is_empty() {
            return Err(reader.unexpected());
        }
        match number(bare) {
            Some(number) => Ok(Self::Number { operator, number }),
            None => Self::text(operator, bare),
        }
    }

    fn text(operator: Operator, text: &str) -> Result<Self, Malformed> {
        Ok(Self::Text { wild: Wild::new(text), equal: equality(operator)? })
    }

    pub(super) fn holds(&self, value: &str) -> bool {
        match self {
            Self::Text { wild, equal } => wild.fits(value) == *equal,
            Self::Regex { regex, equal } => regex.is_in(value) == *equal,
            Self::Number { operator, number: wanted } => match number(value) {
                Some(value) => operator.holds(value, *wanted),
                None => *operator == Operator::Unequal,
            },
        }
    }
}

/// Only numbers have an order.
fn equality(operator: Operator) -> Result<bool, Malformed> {
    match operator {
        Operator::Equal => Ok(true),
        Operator::Unequal => Ok(false),
        _ => Err(Malformed(": only numbers are less or greater than others".to_owned())),
    }
}

/// Rust reads words such as `inf` as numbers too.
fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Text in which an asterisk stands for any text.
#[derive(Debug)]
pub(super) struct Wild(Vec<String>);

impl Wild {
    fn new(text: &str) -> Self {
        Self(text.split('*').map(ToOwned::to_owned).collect())
    }

    fn fits(&self, value: &str) -> bool {
        let [first, rest @ ..] = self.0.as_slice() else { return value.is_empty() };
        let [between @ .., last] = rest else { return value == first };
        let Some(mut left) = value.strip_prefix(first.as_str()) else { return false };
        for part in between {
            let Some((_, after)) = left.split_once(part.as_str()) else { return false };
            left = after;
        }
        left.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asterisks_stand_for_any_text() {
        let table = [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "a1b2c", true),
            ("a*b*c", "acb", false),
            ("**", "x", true),
            ("", "", true),
            ("", "x", false),
        ];
        for (wild, value, fits) in table {
            assert_eq!(Wild::new(wild).fits(value), fits, "{wild} {value}");
        }
    }
}
