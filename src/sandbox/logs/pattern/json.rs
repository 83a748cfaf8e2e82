//! Patterns for messages that are JSON: `{ $.level = "error" && $.user.id NOT EXISTS }`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Malformed;
use super::comparison::Comparison;
use super::formula::Formula;
use super::reader::Reader;

/// Conditions on a JSON document.
#[derive(Debug)]
pub(in super::super) struct Conditions(Formula<Condition>);

#[derive(Debug)]
struct Condition {
    selector: Selector,
    wants: Wants,
}

#[derive(Debug)]
enum Wants {
    Value(Comparison),
    Null,
    Boolean(bool),
    Nothing,
}

/// Which values of a document are meant: `$.users[*].id`.
#[derive(Debug)]
struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
    Every,
}

/// A pattern may select so many times by an asterisk, and a selector once.
const MOST_WILD_SELECTORS: usize = 3;

impl Conditions {
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.demand("{")?;
        let formula = Formula::read(reader, &mut Condition::read)?;
        if reader.is_at_end() {
            return Err(Malformed(": If a filter pattern starts with '{' it must end with '}'".to_owned()));
        }
        reader.demand("}")?;
        if !reader.is_at_end() {
            return Err(reader.unexpected());
        }
        let wild = formula.conditions().into_iter().filter(|condition| condition.selector.is_wild()).count();
        if wild > MOST_WILD_SELECTORS {
            return Err(Malformed(format!(": there are more than {MOST_WILD_SELECTORS} wildcard selectors")));
        }
        Ok(Self(formula))
    }

    /// The values that are selected in a message that matches.
    pub(super) fn matched(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let Self(formula) = self;
        let document: Value = serde_json::from_str(message).ok().filter(|value: &Value| !is_scalar(value))?;
        if !formula.holds(&|condition| condition.holds(&document)) {
            return None;
        }
        let selected = formula.conditions().into_iter().filter_map(|condition| {
            let value = condition.selector.select(&document).into_iter().find_map(scalar)?;
            Some((condition.selector.text.clone(), value))
        });
        Some(selected.collect())
    }
}

fn is_scalar(value: &Value) -> bool {
    !value.is_object() && !value.is_array()
}

/// What can be compared: text and numbers.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Condition {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let selector = Selector::read(reader)?;
        reader.skip_space();
        let wants = match reader.take_while(|letter| letter.is_ascii_alphabetic()) {
            "" => Wants::Value(Comparison::read(reader)?),
            "IS" => {
                reader.skip_space();
                match reader.take_while(|letter| letter.is_ascii_alphabetic()) {
                    "NULL" => Wants::Null,
                    "TRUE" => Wants::Boolean(true),
                    "FALSE" => Wants::Boolean(false),
                    _ => return Err(Malformed(String::new())),
                }
            }
            "NOT" => {
                reader.skip_space();
                reader.demand("EXISTS")?;
                Wants::Nothing
            }
            _ => return Err(Malformed(String::new())),
        };
        Ok(Self { selector, wants })
    }

    fn holds(&self, document: &Value) -> bool {
        let selected = self.selector.select(document);
        match &self.wants {
            Wants::Nothing => selected.is_empty(),
            Wants::Null => selected.into_iter().any(Value::is_null),
            Wants::Boolean(wanted) => selected.into_iter().any(|value| value.as_bool() == Some(*wanted)),
            Wants::Value(comparison) => {
                selected.into_iter().filter_map(scalar).any(|value| comparison.holds(&value))
            }
        }
    }
}

impl Selector {
    fn read(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.demand("$")?;
        let (mut text, mut steps) = ("$".to_owned(), Vec::new());
        loop {
            let step = if reader.take(".") && reader.peek() != Some('[') {
                Step::read_key(reader)?
            } else if reader.take("[") {
                Step::read_brackets(reader)?
            } else {
                break;
            };
            match &step {
                Step::Key(key) => text.extend([".", key]),
                Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
                Step::Every => text.push_str("[*]"),
            }
            steps.push(step);
        }
        let selector = Self { text, steps };
        let wild = selector.steps.iter().filter(|step| matches!(step, Step::Every)).count();
        if selector.steps.is_empty() || wild > 1 {
            return Err(reader.unexpected());
        }
        Ok(selector)
    }

    fn is_wild(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Every))
    }

    fn select<'v>(&self, document: &'v Value) -> Vec<&'v Value> {
        let mut selected = vec![document];
        for step in &self.steps {
            selected = selected.into_iter().flat_map(|value| step.select(value)).collect();
        }
        selected
    }
}

impl Step {
    fn read_key(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        if reader.take("*") {
            return Ok(Self::Every);
        }
        let key = reader.take_while(|letter| letter.is_alphanumeric() || letter == '_' || letter == '-');
        if key.is_empty() {
            return Err(reader.unexpected());
        }
        Ok(Self::Key(key.to_owned()))
    }

    /// What stands between brackets; the opening one is taken.
    fn read_brackets(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let step = if reader.take("*") {
            Self::Every
        } else if reader.take("'") {
            Self::Key(reader.quoted('\'')?)
        } else if reader.take("\"") {
            Self::Key(reader.quoted('"')?)
        } else {
            let digits = reader.take_while(|letter| letter.is_ascii_digit());
            Self::Index(digits.parse().map_err(|_| reader.unexpected())?)
        };
        reader.demand("]")?;
        Ok(step)
    }

    fn select<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        match self {
            Self::Key(key) => value.as_object().and_then(|object| object.get(key)).into_iter().collect(),
            Self::Index(index) => value.as_array().and_then(|array| array.get(*index)).into_iter().collect(),
            Self::Every => match value {
                Value::Array(array) => array.iter().collect(),
                Value::Object(object) => object.values().collect(),
                _ => Vec::new(),
            },
        }
    }
}
