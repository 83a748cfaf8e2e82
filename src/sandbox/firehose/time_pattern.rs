//! Prefixes with expressions: `year=!{timestamp:yyyy}/!{firehose:random-string}/`.
//!
//! The letters of a time pattern are those of Java's `DateTimeFormatter`, since that is what Firehose evaluates them
//! with; text between single quotes stands for itself.

use jiff::Zoned;

/// A piece of a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    Literal(String),
    Time(String),
    RandomString,
    ErrorOutputType,
}

impl Part {
    pub(super) fn is_expression(&self) -> bool {
        !matches!(self, Self::Literal(_))
    }

    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Time(_))
    }

    pub(super) fn is_error_type(&self) -> bool {
        *self == Self::ErrorOutputType
    }
}

/// The parts of a prefix, or what is wrong with it.
pub(super) fn parse(prefix: &str) -> Result<Vec<Part>, String> {
    let mut parts = Vec::new();
    let mut rest = prefix;
    while let Some((before, after)) = rest.split_once("!{") {
        if !before.is_empty() {
            parts.push(Part::Literal(before.to_owned()));
        }
        let (expression, behind) =
            after.split_once('}').ok_or_else(|| format!("the expression !{{{after} has no end"))?;
        let part = match expression.split_once(':') {
            Some(("timestamp", pattern)) => {
                let moment = Zoned::new(jiff::Timestamp::UNIX_EPOCH, jiff::tz::TimeZone::UTC);
                format(pattern, &moment)?;
                Part::Time(pattern.to_owned())
            }
            Some(("firehose", "random-string")) => Part::RandomString,
            Some(("firehose", "error-output-type")) => Part::ErrorOutputType,
            Some(("partitionKeyFromQuery" | "partitionKeyFromLambda", _)) => {
                return Err("the sandbox's Firehose has no dynamic partitioning".to_owned());
            }
            _ => return Err(format!("!{{{expression}}} is not an expression that Firehose knows")),
        };
        parts.push(part);
        rest = behind;
    }
    if !rest.is_empty() {
        parts.push(Part::Literal(rest.to_owned()));
    }
    Ok(parts)
}

/// The folder of objects whose oldest record came at `moment`. Without a time in the prefix, the hour follows it.
pub(super) fn folder(prefix: &str, moment: &Zoned, random: &str) -> String {
    let parts = parse(prefix).unwrap_or_else(|_| vec![Part::Literal(prefix.to_owned())]);
    let mut folder = String::new();
    for part in &parts {
        match part {
            Part::Literal(text) => folder.push_str(text),
            Part::Time(pattern) => folder.push_str(&format(pattern, moment).unwrap_or_default()),
            Part::RandomString => folder.push_str(random),
            Part::ErrorOutputType => folder.push_str("processing-failed"),
        }
    }
    if !parts.iter().any(Part::is_time) {
        folder.push_str(&moment.strftime("%Y/%m/%d/%H/").to_string());
    }
    folder
}

fn format(pattern: &str, moment: &Zoned) -> Result<String, String> {
    let mut text = String::new();
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' if characters.peek() == Some(&'\'') => {
                characters.next();
                text.push('\'');
            }
            '\'' => loop {
                match characters.next() {
                    Some('\'') => break,
                    Some(quoted) => text.push(quoted),
                    None => return Err(format!("the quotation in the time pattern {pattern} has no end")),
                }
            },
            letter if letter.is_ascii_alphabetic() => {
                let mut count = 1;
                while characters.next_if_eq(&letter).is_some() {
                    count += 1;
                }
                text.push_str(&field(letter, count, moment).ok_or_else(|| {
                    format!("the sandbox does not know the letter {letter} of the time pattern {pattern}")
                })?);
            }
            plain => text.push(plain),
        }
    }
    Ok(text)
}

fn field(letter: char, count: usize, moment: &Zoned) -> Option<String> {
    let number = |number: i64| Some(format!("{number:0count$}"));
    match (letter, count) {
        ('y' | 'u' | 'Y', 2) => Some(format!("{:02}", moment.year().rem_euclid(100))),
        ('y' | 'u' | 'Y', _) => number(moment.year().into()),
        ('M' | 'L', 3) => Some(moment.strftime("%b").to_string()),
        ('M' | 'L', 4) => Some(moment.strftime("%B").to_string()),
        ('M' | 'L', _) => number(moment.month().into()),
        ('d', _) => number(moment.day().into()),
        ('D', _) => number(moment.day_of_year().into()),
        ('E', 1..=3) => Some(moment.strftime("%a").to_string()),
        ('E', _) => Some(moment.strftime("%A").to_string()),
        ('H', _) => number(moment.hour().into()),
        ('h', _) => number(i64::from((moment.hour() + 11) % 12 + 1)),
        ('a', _) => Some(moment.strftime("%p").to_string()),
        ('m', _) => number(moment.minute().into()),
        ('s', _) => number(moment.second().into()),
        ('S', 1..=9) => Some(format!("{:09}", moment.subsec_nanosecond()).chars().take(count).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment() -> Zoned {
        "2026-03-07T15:04:09.120[UTC]".parse().expect("a time")
    }

    #[test]
    fn prefixes_become_folders() {
        for (prefix, folder) in [
            ("", "2026/03/07/15/"),
            ("raw/", "raw/2026/03/07/15/"),
            ("raw-", "raw-2026/03/07/15/"),
            ("y=!{timestamp:yyyy}/m=!{timestamp:MM}/", "y=2026/m=03/"),
            ("!{timestamp:yyyy/MM/dd/HH}/", "2026/03/07/15/"),
            ("!{timestamp:'hour='HH}/", "hour=15/"),
            ("!{timestamp:yy-M-d'T'h a''}", "26-3-7T3 PM'"),
            ("!{timestamp:EEE, DDD SSS}", "Sat, 066 120"),
            ("!{firehose:random-string}/", "abc/2026/03/07/15/"),
        ] {
            assert_eq!(super::folder(prefix, &moment(), "abc"), folder, "{prefix}");
        }
    }

    #[test]
    fn what_is_no_expression_is_refused() {
        for prefix in [
            "!{timestamp:yyyy",
            "!{time:yyyy}",
            "!{}",
            "!{firehose:x}",
            "!{timestamp:'open}",
            "!{timestamp:Q}",
        ] {
            assert!(parse(prefix).is_err(), "{prefix}");
        }
    }
}
