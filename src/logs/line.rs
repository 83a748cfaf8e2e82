//! A log event as it is shown: its level, and its JSON folded into columns.

use serde_json::Value;

/// How bad a line is, by its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warn,
    /// Something happened.
    Info,
    /// For those who look into it.
    Debug,
    /// It does not say.
    Unknown,
}

impl Level {
    /// As it is written in a column.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
            Self::Unknown => "",
        }
    }

    /// The level that a word names, in whatever case.
    fn named(word: &str) -> Option<Self> {
        const NAMES: [(&str, Level); 14] = [
            ("error", Level::Error),
            ("err", Level::Error),
            ("fatal", Level::Error),
            ("critical", Level::Error),
            ("panic", Level::Error),
            ("severe", Level::Error),
            ("warn", Level::Warn),
            ("warning", Level::Warn),
            ("info", Level::Info),
            ("notice", Level::Info),
            ("debug", Level::Debug),
            ("trace", Level::Debug),
            ("verbose", Level::Debug),
            ("fine", Level::Debug),
        ];
        NAMES.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, level)| level)
    }

    /// The level of a line of text: a level's name in capitals, in brackets, or after `level=`, near its beginning.
    /// A small `error` in a sentence is a word like any other.
    pub fn of(text: &str) -> Self {
        if let Some(Value::Object(fields)) = json(text) {
            return of_fields(&fields);
        }
        let start: String = text.chars().take(NEAR).collect();
        let mut before = "";
        for word in start.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let capital = word.len() > 2 && word.chars().all(|c| c.is_ascii_uppercase());
            let named = ["level", "lvl", "severity"].iter().any(|name| before.eq_ignore_ascii_case(name));
            if (capital || named || is_bracketed(&start, word))
                && let Some(level) = Self::named(word)
            {
                return level;
            }
            before = word;
        }
        Self::Unknown
    }
}

/// A level stands within so many characters, after a time and a name.
const NEAR: usize = 96;

fn is_bracketed(text: &str, word: &str) -> bool {
    text.contains(&format!("[{word}]"))
}

fn of_fields(fields: &serde_json::Map<String, Value>) -> Level {
    let said = ["level", "severity", "lvl", "log.level", "levelname"].into_iter().find_map(|name| {
        let value = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?.1;
        match value {
            Value::String(word) => Level::named(word),
            // bunyan and pino count in tens.
            Value::Number(number) => number.as_u64().map(|number| match number {
                50.. => Level::Error,
                40.. => Level::Warn,
                30.. => Level::Info,
                _ => Level::Debug,
            }),
            _ => None,
        }
    });
    // Firehose's delivery errors have a code and no level.
    said.unwrap_or_else(|| {
        let failed = ["errorCode", "errorMessage", "error"].iter().any(|name| {
            fields.get(*name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
        });
        if failed { Level::Error } else { Level::Unknown }
    })
}

/// A message that is a JSON object, in one line: what it says, and its other fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folded {
    /// The field that is a sentence, if there is one.
    pub text: String,
    /// The others by their paths (`error.code`), in the order of their names.
    pub fields: Vec<(String, String)>,
}

impl Folded {
    /// Folds a message that is a JSON object; `None` if it is none.
    pub fn of(message: &str) -> Option<Self> {
        let Some(Value::Object(object)) = json(message) else { return None };
        let names = ["message", "msg", "errorMessage", "text", "event"];
        let sentence = names
            .into_iter()
            .find(|name| object.get(*name).is_some_and(|value| value.is_string()))
            .unwrap_or_default();
        let mut folded = Self { text: String::new(), fields: Vec::new() };
        for (name, value) in &object {
            match value {
                Value::String(text) if name == sentence => folded.text.clone_from(text),
                value => folded.fold(name, value),
            }
        }
        Some(folded)
    }

    fn fold(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(object) if !object.is_empty() => {
                for (name, value) in object {
                    self.fold(&format!("{path}.{name}"), value);
                }
            }
            Value::String(text) => self.fields.push((path.to_owned(), text.clone())),
            value => self.fields.push((path.to_owned(), value.to_string())),
        }
    }
}

/// The whole of a message, for reading: JSON over several lines, everything else as it is.
pub fn unfolded(message: &str) -> String {
    json(message)
        .and_then(|value| serde_json::to_string_pretty(&value).ok())
        .unwrap_or_else(|| message.to_owned())
}

/// The JSON that a message is, if it is an object or a list.
fn json(message: &str) -> Option<Value> {
    let text = message.trim();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_read_as_programs_write_them() {
        for (line, level) in [
            ("2026-11-22T14:03:07.123456Z  INFO hydrant::stream: started", Level::Info),
            ("2026-11-22 14:03:07,123 [main] ERROR com.example.Thing - broke", Level::Error),
            ("WARNING:root:look out", Level::Warn),
            ("level=warn msg=\"slow\"", Level::Warn),
            ("time=x level=error msg=y", Level::Error),
            ("[error] 12#0: connect() failed", Level::Error),
            ("E1122 no such thing", Level::Unknown),
            ("there was an error in the sentence", Level::Unknown),
            ("AN INFORMATION", Level::Unknown),
            (r#"{"level":"debug","message":"x"}"#, Level::Debug),
            (r#"{"level":50,"msg":"pino"}"#, Level::Error),
            (r#"{"Severity":"NOTICE"}"#, Level::Info),
            (
                r#"{"deliveryStreamARN":"arn","errorCode":"S3.AccessDenied","errorMessage":"no"}"#,
                Level::Error,
            ),
            (r#"{"error":null}"#, Level::Unknown),
            ("{broken json ERROR", Level::Error),
            ("", Level::Unknown),
        ] {
            assert_eq!(Level::of(line), level, "{line}");
        }
    }

    #[test]
    fn json_is_folded_into_what_it_says_and_columns() {
        let folded =
            Folded::of(r#" {"errorCode":"S3","errorMessage":"no","a":{"b":[1,2],"c":{}},"n":null} "#);
        let folded = folded.expect("an object");
        assert_eq!(folded.text, "no");
        let fields: Vec<(&str, &str)> =
            folded.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("a.b", "[1,2]"), ("a.c", "{}"), ("errorCode", "S3"), ("n", "null")]);
        for none in ["text", "[1]", "{", "\"x\"", "12"] {
            assert_eq!(Folded::of(none), None, "{none}");
        }
        assert_eq!(unfolded("[1]"), "[\n  1\n]");
        assert_eq!(unfolded("plain {"), "plain {");
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_too_odd(line: String) {
            let _ = (Level::of(&line), Folded::of(&line), unfolded(&line));
        }
    }
}
