//! The conditions of a statement: each compares what the request's context says of a key with the values that the
//! policy names.

use std::cmp::Ordering;
use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::Value;

use super::pattern::{self, Context};

/// `"StringLikeIfExists": { "aws:SourceArn": ["…", "…"] }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Condition {
    quantifier: Option<Quantifier>,
    test: Test,
    /// The condition holds where none of the values fits.
    is_negated: bool,
    if_exists: bool,
    /// The key that it asks for.
    pub(super) key: String,
    values: Vec<String>,
}

/// For keys of several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    All,
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Same,
    SameIgnoringCase,
    Like,
    Arn,
    Number(Compared),
    Date(Compared),
    Bool,
    Ip,
    Null,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compared {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// The operators' names, what they test, and whether they hold where it fails.
const OPERATORS: &[(&str, Test, bool)] = &[
    ("StringEquals", Test::Same, false),
    ("StringNotEquals", Test::Same, true),
    ("StringEqualsIgnoreCase", Test::SameIgnoringCase, false),
    ("StringNotEqualsIgnoreCase", Test::SameIgnoringCase, true),
    ("StringLike", Test::Like, false),
    ("StringNotLike", Test::Like, true),
    ("ArnEquals", Test::Arn, false),
    ("ArnLike", Test::Arn, false),
    ("ArnNotEquals", Test::Arn, true),
    ("ArnNotLike", Test::Arn, true),
    ("NumericEquals", Test::Number(Compared::Equal), false),
    ("NumericNotEquals", Test::Number(Compared::Equal), true),
    ("NumericLessThan", Test::Number(Compared::Less), false),
    ("NumericLessThanEquals", Test::Number(Compared::LessOrEqual), false),
    ("NumericGreaterThan", Test::Number(Compared::Greater), false),
    ("NumericGreaterThanEquals", Test::Number(Compared::GreaterOrEqual), false),
    ("DateEquals", Test::Date(Compared::Equal), false),
    ("DateNotEquals", Test::Date(Compared::Equal), true),
    ("DateLessThan", Test::Date(Compared::Less), false),
    ("DateLessThanEquals", Test::Date(Compared::LessOrEqual), false),
    ("DateGreaterThan", Test::Date(Compared::Greater), false),
    ("DateGreaterThanEquals", Test::Date(Compared::GreaterOrEqual), false),
    ("Bool", Test::Bool, false),
    ("BinaryEquals", Test::Same, false),
    ("IpAddress", Test::Ip, false),
    ("NotIpAddress", Test::Ip, true),
    ("Null", Test::Null, false),
];

/// Why a condition is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// There is no operator of that name.
    Operator(String),
    /// A key without a service's name before it.
    Key,
    /// Anything else.
    Syntax,
}

/// Reads a statement's `Condition`.
pub(super) fn read(block: &Value) -> Result<Vec<Condition>, Unreadable> {
    let mut conditions = Vec::new();
    for (operator, keys) in block.as_object().ok_or(Unreadable::Syntax)? {
        let (quantifier, test, is_negated, if_exists) =
            read_operator(operator).ok_or_else(|| Unreadable::Operator(operator.clone()))?;
        for (key, values) in keys.as_object().ok_or(Unreadable::Syntax)? {
            if !key.contains(':') {
                return Err(Unreadable::Key);
            }
            let values = read_values(values).ok_or(Unreadable::Syntax)?;
            let key = key.clone();
            conditions.push(Condition { quantifier, test, is_negated, if_exists, key, values });
        }
    }
    Ok(conditions)
}

fn read_operator(text: &str) -> Option<(Option<Quantifier>, Test, bool, bool)> {
    let (quantifier, rest) = match text.split_once(':') {
        Some(("ForAllValues", rest)) => (Some(Quantifier::All), rest),
        Some(("ForAnyValue", rest)) => (Some(Quantifier::Any), rest),
        Some(_) => return None,
        None => (None, text),
    };
    let (name, if_exists) = rest.strip_suffix("IfExists").map_or((rest, false), |name| (name, true));
    let (_, test, is_negated) = OPERATORS.iter().find(|(known, ..)| *known == name)?;
    // Whether a key exists cannot depend on whether it exists.
    (*test != Test::Null || !if_exists).then_some((quantifier, *test, *is_negated, if_exists))
}

fn read_values(values: &Value) -> Option<Vec<String>> {
    match values {
        Value::Array(values) => values.iter().map(read_value).collect(),
        value => Some(vec![read_value(value)?]),
    }
}

fn read_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

impl Condition {
    /// Whether it holds in a context.
    pub(super) fn holds(&self, context: &Context) -> bool {
        let actual = context.get(&self.key);
        if self.test == Test::Null {
            let is_null = actual.is_none().to_string();
            return self.values.iter().any(|value| value.eq_ignore_ascii_case(&is_null));
        }
        let Some(actual) = actual else {
            return self.if_exists
                || self.quantifier.map_or(self.is_negated, |quantifier| quantifier == Quantifier::All);
        };
        let holds = |actual: &String| self.fits_one(actual, context) != self.is_negated;
        match self.quantifier {
            Some(Quantifier::All) => actual.iter().all(holds),
            None if self.is_negated => actual.iter().all(holds),
            Some(Quantifier::Any) | None => actual.iter().any(holds),
        }
    }

    fn fits_one(&self, actual: &str, context: &Context) -> bool {
        self.values.iter().any(|wanted| self.test.fits(wanted, actual, context))
    }
}

impl Test {
    fn fits(self, wanted: &str, actual: &str, context: &Context) -> bool {
        match self {
            Self::Same => pattern::is_same(wanted, actual, context),
            Self::SameIgnoringCase => {
                pattern::is_same(&wanted.to_lowercase(), &actual.to_lowercase(), context)
            }
            Self::Like => pattern::is_like(wanted, actual, context),
            Self::Arn => pattern::is_arn_like(wanted, actual, context),
            Self::Number(compared) => {
                let number = |text: &str| text.parse::<f64>().ok();
                compared.holds(
                    number(actual)
                        .zip(number(wanted))
                        .and_then(|(actual, wanted)| actual.partial_cmp(&wanted)),
                )
            }
            Self::Date(compared) => {
                compared.holds(moment(actual).zip(moment(wanted)).map(|(actual, wanted)| actual.cmp(&wanted)))
            }
            Self::Bool => wanted.eq_ignore_ascii_case(actual),
            Self::Ip => is_within(actual, wanted).unwrap_or(false),
            Self::Null => false,
        }
    }
}

impl Compared {
    /// What cannot be compared fits nothing.
    fn holds(self, order: Option<Ordering>) -> bool {
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// A time in ISO 8601, or seconds since 1970.
fn moment(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| Timestamp::from_second(text.parse().ok()?).ok())
}

/// Whether an address is in a network, `203.0.113.0/24`; a single address is a network of one.
fn is_within(address: &str, network: &str) -> Option<bool> {
    let (start, length) =
        network.split_once('/').map_or((network, None), |(start, bits)| (start, Some(bits)));
    let bits = |address: IpAddr| match address {
        IpAddr::V4(four) => (u128::from(four.to_bits()) << 96, 32_u32),
        IpAddr::V6(six) => (six.to_bits(), 128),
    };
    let (address, width) = bits(address.parse().ok()?);
    let (start, of_network) = bits(start.parse().ok()?);
    let length = length.map_or(Some(width), |length| length.parse().ok())?;
    if width != of_network || length > width {
        return Some(false);
    }
    // A network of length 0 holds every address of its kind.
    let differing = (address ^ start).checked_shr(128 - length).unwrap_or(0);
    Some(differing == 0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(block: &Value) -> bool {
        let mut context = Context::default()
            .with("aws:SourceAccount", "123456789012")
            .with("aws:SourceArn", "arn:aws:firehose:us-east-1:123456789012:deliverystream/posts")
            .with("aws:SourceIp", "203.0.113.9")
            .with("aws:CurrentTime", "2026-11-20T14:03:01Z")
            .with("aws:SecureTransport", "true")
            .with("s3:max-keys", "10");
        context.set("aws:TagKeys", vec!["team".to_owned(), "cost".to_owned()]);
        read(block).expect("a condition block").iter().all(|condition| condition.holds(&context))
    }

    #[test]
    fn what_holds_and_what_does_not() {
        for (block, expected) in [
            (json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } }), true),
            (json!({ "StringEquals": { "AWS:sourceaccount": ["1", "123456789012"] } }), true),
            (json!({ "StringEquals": { "aws:SourceAccount": "12345678901*" } }), false),
            (json!({ "StringLike": { "aws:SourceAccount": "12345678901*" } }), true),
            (json!({ "StringNotEquals": { "aws:SourceAccount": ["1", "2"] } }), true),
            (json!({ "StringNotEquals": { "aws:SourceAccount": ["1", "123456789012"] } }), false),
            (json!({ "StringEquals": { "sts:ExternalId": "x" } }), false),
            (json!({ "StringNotEquals": { "sts:ExternalId": "x" } }), true),
            (json!({ "StringEqualsIfExists": { "sts:ExternalId": "x" } }), true),
            (json!({ "StringEqualsIfExists": { "aws:SourceAccount": "1" } }), false),
            (
                json!({ "ArnLike": { "aws:SourceArn": "arn:aws:firehose:*:123456789012:deliverystream/*" } }),
                true,
            ),
            (json!({ "ArnEquals": { "aws:SourceArn": "arn:aws:firehose:*:210987654321:*" } }), false),
            (json!({ "ArnNotLike": { "aws:SourceArn": "arn:aws:s3:::*" } }), true),
            (json!({ "Bool": { "aws:SecureTransport": true } }), true),
            (json!({ "Bool": { "aws:SecureTransport": "false" } }), false),
            (json!({ "Null": { "sts:ExternalId": "true" } }), true),
            (json!({ "Null": { "aws:SourceAccount": true } }), false),
            (json!({ "Null": { "aws:SourceAccount": "false" } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": ["10.0.0.0/8", "203.0.113.0/24"] } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": "203.0.113.10" } }), false),
            (json!({ "IpAddress": { "aws:SourceIp": "0.0.0.0/0" } }), true),
            (json!({ "IpAddress": { "aws:SourceIp": "::/0" } }), false),
            (json!({ "NotIpAddress": { "aws:SourceIp": "203.0.113.0/24" } }), false),
            (json!({ "NumericLessThanEquals": { "s3:max-keys": 10 } }), true),
            (json!({ "NumericGreaterThan": { "s3:max-keys": "10" } }), false),
            (json!({ "DateGreaterThan": { "aws:CurrentTime": "2026-01-01T00:00:00Z" } }), true),
            (json!({ "DateLessThan": { "aws:CurrentTime": "1700000000" } }), false),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team", "cost", "x"] } }), true),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } }), false),
            (json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": ["team"] } }), true),
            (json!({ "ForAllValues:StringEquals": { "aws:Nothing": ["team"] } }), true),
            (json!({ "ForAnyValue:StringEquals": { "aws:Nothing": ["team"] } }), false),
            (json!({ "StringEquals": { "aws:SourceAccount": "${aws:SourceAccount}" } }), true),
            (
                json!({ "Bool": { "aws:SecureTransport": "true" }, "StringEquals": { "aws:SourceAccount": "1" } }),
                false,
            ),
        ] {
            assert_eq!(holds(&block), expected, "{block}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (block, expected) in [
            (json!({ "StringEqual": { "aws:x": "1" } }), Unreadable::Operator("StringEqual".to_owned())),
            (json!({ "NullIfExists": { "aws:x": "1" } }), Unreadable::Operator("NullIfExists".to_owned())),
            (
                json!({ "ForSome:StringLike": { "aws:x": "1" } }),
                Unreadable::Operator("ForSome:StringLike".to_owned()),
            ),
            (json!({ "StringEquals": { "x": "1" } }), Unreadable::Key),
            (json!({ "StringEquals": "x" }), Unreadable::Syntax),
            (json!({ "StringEquals": { "aws:x": {} } }), Unreadable::Syntax),
            (json!([]), Unreadable::Syntax),
        ] {
            assert_eq!(read(&block).expect_err("no condition"), expected, "{block}");
        }
    }
}
