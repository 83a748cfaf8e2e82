//! Patterns for messages of words: `[ip, user, ..., status = 4*, bytes > 1000]`.
//!
//! Words are parted by space; what stands between quotation marks or brackets is one word. The last name stands for the
//! rest of the message, so `[level = ERROR, rest]` fits a message of any length.

use std::collections::BTreeMap;

use super::Malformed;
use super::comparison::Comparison;
use super::formula::Formula;
use super::reader::Reader;

/// Names for the words of a message, and conditions on them.
#[derive(Debug)]
pub(in super::super) struct Words {
    before: Vec<Field>,
    /// The names behind an ellipsis, which stands for any number of words.
    after: Option<Vec<Field>>,
}

#[derive(Debug)]
struct Field {
    name: String,
    wants: Option<Formula<Comparison>>,
}

impl Words {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.demand("[")?;
        let mut words = Self { before: Vec::new(), after: None };
        loop {
            reader.skip_space();
            if reader.take("...") {
                if words.after.replace(Vec::new()).is_some() {
                    return Err(Malformed(": there is more than one ellipsis".to_owned()));
                }
            } else {
                words.after.as_mut().unwrap_or(&mut words.before).push(Field::read(reader)?);
            }
            reader.skip_space();
            if !reader.take(",") {
                break;
            }
        }
        if reader.is_at_end() {
            return Err(Malformed(": If a filter pattern starts with '[' it must end with ']'".to_owned()));
        }
        reader.demand("]")?;
        if reader.is_at_end() { Ok(words) } else { Err(reader.unexpected()) }
    }

    /// The words of a message that matches, by their names; those of the ellipsis by their numbers.
    pub(super) fn matched(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let words = split(message);
        let texts: Vec<&str> = match &self.after {
            Some(_) => words.iter().map(|word| word.text).collect(),
            None => up_to_the_rest(&words, self.before.len())?,
        };
        let after = self.after.as_deref().unwrap_or_default();
        let between = texts.len().checked_sub(self.before.len() + after.len())?;
        let mut fields: Vec<Option<&Field>> = self.before.iter().map(Some).collect();
        fields.extend(std::iter::repeat_n(None, between));
        fields.extend(after.iter().map(Some));
        let mut values = BTreeMap::new();
        for ((text, field), number) in texts.into_iter().zip(fields).zip(1_u32..) {
            if field.is_some_and(|field| !field.fits(text)) {
                return None;
            }
            let name = field.map_or_else(|| number.to_string(), |field| field.name.clone());
            values.insert(format!("${name}"), text.to_owned());
        }
        Some(values)
    }
}

impl Field {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let name = read_name(&mut reader.clone())?;
        let mut ahead = reader.clone();
        read_name(&mut ahead)?;
        ahead.skip_space();
        if matches!(ahead.peek(), Some(',' | ']') | None) {
            *reader = ahead;
            return Ok(Self { name, wants: None });
        }
        let mut one = |reader: &mut Reader<'_>| {
            // A condition of a field is about that field alone.
            if read_name(reader)? == name { Comparison::read(reader) } else { Err(Malformed(String::new())) }
        };
        let wants = Formula::read(reader, &mut one)?;
        Ok(Self { name, wants: Some(wants) })
    }

    fn fits(&self, text: &str) -> bool {
        self.wants.as_ref().is_none_or(|wants| wants.holds(&|comparison| comparison.holds(text)))
    }
}

fn read_name(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    let name = reader.take_while(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
    if name.is_empty() { Err(reader.unexpected()) } else { Ok(name.to_owned()) }
}

/// A word of a message, without the marks around it, and the message from where it begins.
struct Word<'a> {
    text: &'a str,
    from: &'a str,
}

fn split(message: &str) -> Vec<Word<'_>> {
    let mut words = Vec::new();
    let mut rest = message.trim();
    while !rest.is_empty() {
        let closing = match rest.chars().next() {
            Some('"') => Some('"'),
            Some('[') => Some(']'),
            _ => None,
        };
        let marked = closing.and_then(|closing| rest.get(1..)?.split_once(closing));
        let (text, after) =
            marked.unwrap_or_else(|| rest.split_once(char::is_whitespace).unwrap_or((rest, "")));
        words.push(Word { text, from: rest });
        rest = after.trim_start();
    }
    words
}

/// The texts of a message's first words, and its rest as the last; `None` if there are not so many.
fn up_to_the_rest<'a>(words: &[Word<'a>], count: usize) -> Option<Vec<&'a str>> {
    let last = words.get(count.checked_sub(1)?)?;
    let mut texts: Vec<&str> = words.iter().take(count - 1).map(|word| word.text).collect();
    texts.push(if words.len() == count { last.text } else { last.from });
    Some(texts)
}
