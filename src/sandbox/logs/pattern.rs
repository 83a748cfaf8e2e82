//! Filter patterns: which events a search or a live tail wants. There are four languages, told apart by how they
//! begin:
//!
//! ```text
//! error -debug "out of memory"              terms: all of these, none of those
//! %^ERROR [0-9]+%                           a regular expression
//! { $.level = "error" && $.latency > 100 }  conditions on a message that is JSON
//! [ip, user, ..., status = 4*, bytes]       conditions on the words of a message
//! ```
//!
//! Everything is case-sensitive. What cannot be read is refused, as AWS does, rather than taken for something else.

mod comparison;
mod formula;
mod json;
mod reader;
mod regex;
mod terms;
mod words;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{check_length, constraint, invalid};
use crate::sandbox::call::Call;
use crate::sandbox::operation::Answer;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::world::World;
use json::Conditions;
use reader::Reader;
use terms::Terms;
use words::Words;

/// A filter pattern.
#[derive(Debug)]
pub(super) enum Pattern {
    Everything,
    Terms(Terms),
    Json(Conditions),
    Words(Words),
}

/// A pattern that cannot be read, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed(String);

/// A delimited pattern may hold so many regular expressions.
const MOST_REGEXES: usize = 2;

impl Pattern {
    /// The pattern of a request; without one, everything matches.
    pub(super) fn of(text: Option<&str>) -> Result<Self, Refusal> {
        let text = text.unwrap_or_default();
        if text.chars().count() > 1024 {
            let rule = "Member must have length less than or equal to 1024";
            return Err(constraint(text, "filterPattern", rule));
        }
        Self::read(text).map_err(|Malformed(why)| invalid(format!("Invalid filter pattern{why}")))
    }

    fn read(text: &str) -> Result<Self, Malformed> {
        let text = text.trim();
        let mut reader = Reader::new(text);
        let pattern = match text.chars().next() {
            None => return Ok(Self::Everything),
            Some('{') => Self::Json(Conditions::read(&mut reader)?),
            Some('[') => Self::Words(Words::read(&mut reader)?),
            Some(_) => return Terms::read(&mut reader).map(Self::Terms),
        };
        if reader.regexes() > MOST_REGEXES {
            return Err(Malformed(format!(": there are more than {MOST_REGEXES} regular expressions")));
        }
        Ok(pattern)
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        match self {
            Self::Everything => true,
            Self::Terms(terms) => terms.match_all(message),
            Self::Json(conditions) => conditions.matched(message).is_some(),
            Self::Words(words) => words.matched(message).is_some(),
        }
    }

    /// What a metric filter takes out of a message that matches; `None` of one that does not.
    fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match self {
            Self::Json(conditions) => conditions.matched(message),
            Self::Words(words) => words.matched(message),
            _ => self.matches(message).then(BTreeMap::new),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TestMetricFilter {
    filter_pattern: String,
    log_event_messages: Vec<String>,
}

pub(super) fn test_metric_filter(_: &mut World, _: &Call, input: TestMetricFilter) -> Answer {
    if !(1..=50).contains(&input.log_event_messages.len()) {
        let rule = "Member must have length between 1 and 50";
        return Err(constraint("[...]", "logEventMessages", rule));
    }
    for message in &input.log_event_messages {
        check_length("logEventMessages", message, usize::MAX)?;
    }
    let pattern = Pattern::of(Some(&input.filter_pattern))?;
    let matches: Vec<Value> = input
        .log_event_messages
        .iter()
        .zip(1_u32..)
        .filter_map(|(message, number)| Some((number, message, pattern.extract(message)?)))
        .map(|(number, message, values)| {
            json!({ "eventNumber": number, "eventMessage": message, "extractedValues": values })
        })
        .collect();
    Ok(json!({ "matches": matches }).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    fn matching<'a>(pattern: &str, messages: &[&'a str]) -> Vec<&'a str> {
        let pattern = Pattern::read(pattern).unwrap_or_else(|why| panic!("{pattern}: {why:?}"));
        messages.iter().copied().filter(|message| pattern.matches(message)).collect()
    }

    /// The rows of a table: a pattern, and of `messages` those that match, by their numbers.
    fn check(messages: &[&str], table: &[(&str, &[usize])]) {
        for (pattern, expected) in table {
            let expected: Vec<&str> = expected.iter().map(|index| messages[*index]).collect();
            assert_eq!(matching(pattern, messages), expected, "{pattern}");
        }
    }

    #[test]
    fn terms() {
        let messages = [
            "[ERROR 400] BAD REQUEST",
            "[ERROR 419] MISSING ARGUMENTS",
            "[INFO] REQUEST FAILED",
            "[ERROR 500] INTERNAL SERVER ERROR",
            "error request-id-7",
        ];
        check(
            &messages,
            &[
                ("", &[0, 1, 2, 3, 4]),
                ("\" \"", &[0, 1, 2, 3, 4]),
                ("ERROR", &[0, 1, 3]),
                ("error", &[4]),
                ("ERROR ARGUMENTS", &[1]),
                ("QUEST", &[0, 2]),
                ("?ERROR ?FAILED", &[0, 1, 2, 3]),
                ("?ERROR ?FAILED REQUEST", &[0, 2]),
                ("ERROR -ARGUMENTS", &[0, 3]),
                ("ERROR -\"INTERNAL SERVER\"", &[0, 1]),
                ("-ERROR", &[2, 4]),
                ("\"INTERNAL SERVER ERROR\"", &[3]),
                ("\"[ERROR 4\"", &[0, 1]),
                ("\"request-id-7\"", &[4]),
                // Without quotation marks, a hyphen excludes what follows it.
                ("error request-id-7", &[]),
            ],
        );
        assert_eq!(matching(r#""say \"hi\"""#, &[r#"I say "hi" now"#, "I say hi"]).len(), 1);
    }

    #[test]
    fn regular_expressions() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("%AUTHORIZED%", &["[401] UNAUTHORIZED REQUEST"], &["authorized"]),
            ("%^[hc]at%", &["hat", "cats"], &["a hat"]),
            ("%[hc]at$%", &["a hat"], &["hats"]),
            ("%colou?r%", &["color", "colour"], &["colouur"]),
            ("%^a{3,5}$%", &["aaa", "aaaaa"], &["aa", "aaaaaa"]),
            ("%^a{2}$%", &["aa"], &["a", "aaa"]),
            ("%^a{,2}$%", &["", "aa"], &["aaa"]),
            ("%gra|ey%", &["gray", "grey"], &["gr"]),
            ("%^starting|^shutting down%", &["shutting down now"], &["not starting"]),
            ("%\\[.\\]%", &["[a]", "[]]"], &["a"]),
            ("%ab*c%", &["ac", "abbc"], &["ab"]),
            ("%ab+c%", &["abc"], &["ac"]),
            ("%10\\.10\\.0\\.1%", &["from 10.10.0.1"], &["10010,051"]),
            ("%\\d\\s\\w%", &["1 a"], &["1-a"]),
            ("%^\\D\\S\\W$%", &["ab-"], &["1b-"]),
            ("%\\x28%", &["f("], &["f"]),
            ("%^[^a-z]+$%", &["ABC 1"], &["ABc"]),
        ];
        for (pattern, good, bad) in table {
            assert_eq!(matching(pattern, good), *good, "{pattern}");
            assert_eq!(matching(pattern, bad), Vec::<&str>::new(), "{pattern}");
        }
    }

    #[test]
    fn json_conditions() {
        let messages = [
            r#"{"level":"error","latency":150,"user":{"id":1},"tags":["a","b"],"ok":true,"note":null}"#,
            r#"{"level":"warning","latency":100,"user":{"id":2},"tags":["c"],"ok":false,"a.b":"dotted"}"#,
            r#"{"level":"error","latency":"99.5","items":[{"n":1},{"n":2}],"matrix":[[0,1],[2,3]]}"#,
            "level=error",
            r#"{"broken"#,
        ];
        check(
            &messages,
            &[
                (r#"{ $.level = "error" }"#, &[0, 2]),
                ("{$.level=error}", &[0, 2]),
                (r#"{ $.level != "error" }"#, &[1]),
                (r#"{ $.level = "err*" }"#, &[0, 2]),
                (r#"{ $.level = "*r*r" }"#, &[0, 2]),
                ("{ $.level = * }", &[0, 1, 2]),
                (r#"{ $.level = "error" && $.latency > 100 }"#, &[0]),
                ("{ $.latency >= 100 }", &[0, 1]),
                ("{ $.latency < 1e+2 }", &[2]),
                ("{ $.latency <= 100 }", &[1, 2]),
                ("{ $.latency != 100 }", &[0, 2]),
                ("{ $.latency = 1* }", &[0, 1]),
                (r#"{ $.latency = "150" }"#, &[0]),
                ("{ $.user.id = 2 }", &[1]),
                ("{ $.tags[1] = b }", &[0]),
                ("{ $.tags[*] = c }", &[1]),
                ("{ $.tags = a }", &[]),
                ("{ $.items[*].n = 2 }", &[2]),
                ("{ $.matrix[1][0] = 2 }", &[2]),
                ("{ $.* = dotted }", &[1]),
                ("{ $.['a.b'] = dotted }", &[1]),
                ("{ $.a.b = dotted }", &[]),
                ("{ $.note IS NULL }", &[0]),
                ("{ $.note NOT EXISTS }", &[1, 2]),
                ("{ $.ok IS TRUE }", &[0]),
                ("{ $.ok IS FALSE }", &[1]),
                ("{ $.ok = true }", &[]),
                ("{ $.level = %^w.*g$% }", &[1]),
                // And binds tighter than or.
                ("{ $.level = error || $.level = warning && $.latency = 7 }", &[0, 2]),
                ("{ ($.level = error || $.level = warning) && $.latency = 100 }", &[1]),
            ],
        );
    }

    #[test]
    fn words_by_their_place() {
        let messages = [
            r#"127.0.0.1 Prod frank [10/Oct/2000:13:25:15 -0700] "GET /index.html HTTP/1.0" 404 1534"#,
            r#"127.0.0.2 Prod jane [10/Oct/2000:13:25:16 -0700] "POST /api HTTP/1.0" 200 99"#,
            "ERROR 09/25/2014 12:00:02 Failed to process request",
            "WARNING once",
            "ERROR",
        ];
        check(
            &messages,
            &[
                ("[ip, user, name, time, request, status, bytes]", &[0, 1, 2]),
                ("[ip, user, name, time, request = *.html*, status = 4*, bytes]", &[0]),
                ("[ip, user, name, time, request, status < 400, bytes < 1000]", &[1]),
                ("[..., request = *.html*, status = 4*, bytes]", &[0]),
                ("[..., status = 404 || status = 200, bytes]", &[0, 1]),
                ("[ip = 127.0.0.*, ...]", &[0, 1]),
                (r"[ip = %^127\.0\.0\.[2-9]$%, ..., bytes]", &[1]),
                ("[w1=ERROR, w2]", &[2]),
                ("[w1=ERROR]", &[4]),
                ("[w1=ERROR || w1=WARNING, w2]", &[2, 3]),
                ("[w1!=ERROR && w1!=WARNING, w2]", &[0, 1]),
                ("[w1=\"ERROR\", ...]", &[2, 4]),
            ],
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for pattern in [
            "\"ERROR",
            "\"\"",
            "ERROR,WARN",
            "key:value",
            "a && b",
            "- ERROR",
            "ERR*",
            "%ERROR",
            "%%",
            "%a(b)%",
            "%caf\u{e9}%",
            "%hello!%",
            "%[abc%",
            "%a**%",
            "%a{5,3}%",
            "%a{99999999}%",
            "%\\p%",
            "{ $.a = 1",
            "{ $.a }",
            "{ $.a == 1 }",
            "{ $.a > \"b\" }",
            "{ $.a EXISTS }",
            "{ $.a IS NOT NULL }",
            "{ !($.a = 1) }",
            "{ ($.a = 1 }",
            "{ $.a = 1 AND $.b = 2 }",
            "{ $..a = 1 }",
            "{ $.a[-1] = 1 }",
            "{ $.a[*][*] = 1 }",
            "{ $.\"a\" = 1 }",
            "{ \"a\": 1 }",
            "{ $.a[*]=1 || $.b[*]=1 || $.c[*]=1 || $.d[*]=1 }",
            "{ $.a = %a% || $.a = %b% || $.a = %c% }",
            "[a, b",
            "[]",
            "[a, b] c",
            "[..., a, ...]",
            "[a = 4* && b > 3, b]",
        ] {
            assert!(Pattern::read(pattern).is_err(), "{pattern}");
        }
        let refusal = Pattern::of(Some("a:b")).expect_err("refused");
        assert_eq!(refusal.code, "InvalidParameterException");
        assert_eq!(refusal.message, "Invalid filter pattern: Invalid character(s) in term ':'");
        assert!(Pattern::of(Some(&"a".repeat(1025))).is_err());
        assert!(Pattern::of(Some(&format!("{{{}", "(".repeat(1000)))).is_err(), "deep, but no overflow");
    }

    #[test]
    fn a_metric_filter_is_tried_on_messages() {
        let mut trial = Trial::new();
        let input = json!({
            "filterPattern": "[ip, ..., status = 4*, bytes]",
            "logEventMessages": ["10.0.0.1 GET 200 7", "10.0.0.1 GET 404 1534"],
        });
        let answer = trial.ask("logs", "TestMetricFilter", input).expect("tried");
        let values = json!({ "$ip": "10.0.0.1", "$2": "GET", "$status": "404", "$bytes": "1534" });
        assert_eq!(
            answer["matches"],
            json!([{ "eventNumber": 2, "eventMessage": "10.0.0.1 GET 404 1534", "extractedValues": values }])
        );
        let input = json!({
            "filterPattern": "{ $.level = error }",
            "logEventMessages": [r#"{"level":"error"}"#],
        });
        let answer = trial.ask("logs", "TestMetricFilter", input).expect("tried");
        assert_eq!(answer["matches"][0]["extractedValues"], json!({ "$.level": "error" }));
    }
}
