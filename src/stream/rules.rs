//! Rules of X's filtered stream: made from search terms, and brought in line with what X holds.
//!
//! X keeps rules over runs, and others of the same app may have theirs. So hydrant never appends blindly: it tags its
//! own ([`tag`]), compares by value, adds what is missing and deletes what is not wanted any more, and leaves every rule
//! without its tag alone.

use std::fmt::Write;

use super::words::word_list;

/// X takes no longer rule on self-serve plans.
pub const LONGEST_RULE: usize = 1024;

/// The example that hydrant brings: space science, the predecessor's subject.
pub fn example() -> Vec<String> {
    word_list(include_str!("../../assets/terms/space.txt"))
}

/// The tag of a stack's rules.
pub fn tag(stack: &str) -> String {
    format!("hydrant:{stack}")
}

/// What is asked for beside terms.
#[derive(Debug, Clone, Default)]
pub struct Also {
    /// Any of these languages; none means every one.
    pub languages: Vec<String>,
    /// Whether reposts are left out.
    pub no_retweets: bool,
    /// Of a hundred posts, so many; X draws them, and only bills those.
    pub sample_percent: u32,
}

/// Why terms make no rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermsError {
    /// There are none.
    #[error("there are no search terms: name a file with one a line in `terms_file`")]
    None,
    /// One does not fit.
    #[error("the search term `{0}` is too long for a rule of X, which has {LONGEST_RULE} characters")]
    TooLong(String),
}

/// The terms that say something: lower-cased, each once, without those that a shorter one covers (`hubble telescope`
/// finds nothing that `hubble` does not).
pub fn essential(terms: &[String]) -> Vec<String> {
    let words = |term: &String| {
        let mut words: Vec<String> = term.split_whitespace().map(str::to_lowercase).collect();
        if !is_phrase(term) {
            words.sort_unstable();
            words.dedup();
        }
        words
    };
    let mut kept: Vec<(Vec<String>, &String)> = Vec::new();
    for term in terms {
        let own = words(term);
        if !own.is_empty() && !kept.iter().any(|(known, _)| *known == own) {
            kept.push((own, term));
        }
    }
    let bare = |word: &String| word.trim_matches('"').to_owned();
    let covers = |shorter: &(Vec<String>, &String), longer: &(Vec<String>, &String)| {
        !is_phrase(shorter.1)
            && shorter.0 != longer.0
            && shorter.0.iter().all(|word| longer.0.iter().any(|other| bare(other) == *word))
    };
    kept.iter()
        .filter(|term| !kept.iter().any(|other| covers(other, term)))
        .map(|(_, term)| term.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase())
        .collect()
}

fn is_phrase(term: &str) -> bool {
    term.trim().len() > 2 && term.trim().starts_with('"') && term.trim().ends_with('"')
}

/// As few rules as the terms fit into.
pub fn pack(terms: &[String], also: &Also) -> Result<Vec<String>, TermsError> {
    let suffix = suffix(also);
    let mut rules: Vec<String> = Vec::new();
    let mut open = String::new();
    // `(` and `)` around the alternatives.
    let room = LONGEST_RULE - suffix.chars().count() - 2;
    for term in essential(terms) {
        let piece = piece(&term);
        let length = piece.chars().count();
        if length > room {
            return Err(TermsError::TooLong(term));
        }
        if !open.is_empty() && open.chars().count() + " OR ".len() + length > room {
            rules.push(format!("({open}){suffix}"));
            open.clear();
        }
        if !open.is_empty() {
            open.push_str(" OR ");
        }
        open.push_str(&piece);
    }
    if open.is_empty() {
        return Err(TermsError::None);
    }
    rules.push(format!("({open}){suffix}"));
    Ok(rules)
}

/// A term as a rule has it: X reads a space as "and", and words with signs in them only in quotes.
fn piece(term: &str) -> String {
    if is_phrase(term) {
        return term.to_owned();
    }
    let words: Vec<String> = term
        .split_whitespace()
        .map(|word| {
            let bare = word.strip_prefix(['#', '@', '$']).unwrap_or(word);
            let plain = !bare.is_empty() && bare.chars().all(|sign| sign.is_alphanumeric() || sign == '_');
            // `or` and `and` would be read as operators.
            let operator = matches!(word, "or" | "and");
            if plain && !operator { word.to_owned() } else { format!("\"{}\"", word.replace('"', "")) }
        })
        .collect();
    match words.as_slice() {
        [word] => word.clone(),
        words => format!("({})", words.join(" ")),
    }
}

fn suffix(also: &Also) -> String {
    let mut suffix = String::new();
    let languages: Vec<String> = also.languages.iter().map(|language| format!("lang:{language}")).collect();
    match languages.as_slice() {
        [] => {}
        [language] => suffix = format!(" {language}"),
        several => suffix = format!(" ({})", several.join(" OR ")),
    }
    if also.no_retweets {
        suffix.push_str(" -is:retweet");
    }
    if (1..100).contains(&also.sample_percent) {
        write!(suffix, " sample:{}", also.sample_percent).expect("a String takes every text");
    }
    suffix
}

/// A rule as X holds it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
pub struct Rule {
    /// X's id of it.
    pub id: String,
    /// The rule.
    pub value: String,
    /// Whose it is.
    #[serde(default)]
    pub tag: Option<String>,
}

/// What has to be done so that X holds the wanted rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Values that X does not hold under our tag.
    pub add: Vec<String>,
    /// Rules of ours that are not wanted.
    pub delete: Vec<Rule>,
    /// Rules of ours that are wanted and there.
    pub keep: Vec<Rule>,
    /// How many rules are not ours.
    pub others: usize,
}

/// Compares what is wanted with what X holds.
pub fn compare(wanted: &[String], held: &[Rule], tag: &str) -> Difference {
    let ours = |rule: &&Rule| rule.tag.as_deref() == Some(tag);
    let (keep, delete) = held.iter().filter(ours).cloned().partition(|rule| wanted.contains(&rule.value));
    let keep: Vec<Rule> = keep;
    let is_held = |value: &&String| keep.iter().any(|rule| rule.value == **value);
    let add = wanted.iter().filter(|value| !is_held(value)).cloned().collect();
    Difference { add, delete, keep, others: held.iter().filter(|rule| !ours(rule)).count() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(terms: &[&str]) -> Vec<String> {
        terms.iter().map(|term| (*term).to_owned()).collect()
    }

    fn english() -> Also {
        Also { languages: vec!["en".into()], ..Also::default() }
    }

    #[test]
    fn the_example_fits_into_one_rule_when_covered_terms_are_left_out() {
        let example = example();
        assert_eq!(example.len(), 61);
        assert_eq!(essential(&example).len(), 49);
        let rules = pack(&example, &english()).expect("rules");
        assert_eq!(rules.len(), 1);
        assert!(rules[0].chars().count() <= LONGEST_RULE && rules[0].ends_with(") lang:en"), "{}", rules[0]);
        assert!(rules[0].contains("(mars rover)") && !rules[0].contains("hubble telescope"), "{}", rules[0]);
    }

    #[test]
    fn covered_terms_go_and_phrases_cover_nothing_but_themselves() {
        let kept = essential(&terms(&[
            "Hubble",
            "hubble telescope",
            "mars rover",
            "rover mars",
            "\"james webb\"",
            "james webb telescope",
            "big \"x\"",
        ]));
        assert_eq!(kept, ["hubble", "mars rover", "\"james webb\"", "james webb telescope", "big \"x\""]);
        assert_eq!(essential(&terms(&["james webb", "\"the james webb\""])), ["james webb"]);
    }

    #[test]
    fn words_are_written_so_that_x_reads_them_as_words() {
        for (term, written) in [
            ("hubble", "hubble"),
            ("mars rover", "(mars rover)"),
            ("#mars", "#mars"),
            ("c++", "\"c++\""),
            ("sink or swim", "(sink \"or\" swim)"),
            ("\"a b\"", "\"a b\""),
        ] {
            assert_eq!(piece(term), written);
        }
        let also = Also { languages: vec!["en".into(), "fi".into()], no_retweets: true, sample_percent: 10 };
        assert_eq!(
            pack(&terms(&["mars"]), &also).expect("a rule"),
            ["(mars) (lang:en OR lang:fi) -is:retweet sample:10"]
        );
        assert_eq!(pack(&[], &also), Err(TermsError::None));
        assert!(matches!(pack(&["x".repeat(1100)], &also), Err(TermsError::TooLong(_))));
    }

    #[test]
    fn rules_that_are_not_ours_are_never_touched() {
        let rule = |id: &str, value: &str, tag: Option<&str>| Rule {
            id: id.into(),
            value: value.into(),
            tag: tag.map(Into::into),
        };
        let held = [
            rule("1", "a", Some("hydrant:s")),
            rule("2", "b", Some("hydrant:s")),
            rule("3", "c", Some("other")),
            rule("4", "a", None),
        ];
        let difference = compare(&terms(&["a", "c"]), &held, "hydrant:s");
        assert_eq!(
            difference,
            Difference {
                add: terms(&["c"]),
                delete: vec![held[1].clone()],
                keep: vec![held[0].clone()],
                others: 2
            }
        );
    }

    proptest! {
        #[test]
        fn no_rule_is_too_long_and_no_term_is_left_out(terms in prop::collection::vec("[a-zé]{1,12}( [a-z]{1,9}){0,3}", 1..300)) {
            let rules = pack(&terms, &english()).expect("rules");
            prop_assert!(rules.iter().all(|rule| rule.chars().count() <= LONGEST_RULE));
            let all = rules.join(" ");
            for term in essential(&terms) {
                prop_assert!(all.contains(&piece(&term)), "{}", term);
            }
        }
    }
}
