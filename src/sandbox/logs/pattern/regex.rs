//! The regular expressions of filter patterns: a small language without groups, so that a search is one walk over the
//! text with a mark on every step that could come next. It never goes back, whatever the expression is.

use std::iter::Peekable;
use std::str::Chars;

use super::Malformed;
use super::reader::invalid_character;

/// A regular expression.
#[derive(Debug)]
pub(in super::super) struct Regex {
    /// One of these must match.
    branches: Vec<Vec<Step>>,
}

#[derive(Debug, Clone)]
enum Step {
    Start,
    End,
    /// One letter.
    One(Class),
    /// One letter or none.
    Maybe(Class),
    /// Any number of letters.
    Any(Class),
}

/// A set of letters: those of these ranges, or all others.
#[derive(Debug, Clone)]
struct Class {
    ranges: Vec<(char, char)>,
    inverted: bool,
}

/// Repetitions are written out; this bounds what they come to.
const MOST_STEPS: usize = 500;

impl Regex {
    pub(super) fn read(expression: &str) -> Result<Self, Malformed> {
        let mut letters = expression.chars().peekable();
        let mut branches = vec![Vec::new()];
        let mut all = 0;
        while let Some(letter) = letters.next() {
            if letter == '|' {
                branches.push(Vec::new());
                continue;
            }
            let steps = read_steps(letter, &mut letters)?;
            all += steps.len();
            if all > MOST_STEPS {
                return Err(Malformed(": the regular expression is too large".to_owned()));
            }
            branches.last_mut().expect("there is one from the beginning").extend(steps);
        }
        if branches.iter().any(Vec::is_empty) {
            return Err(Malformed(String::new()));
        }
        Ok(Self { branches })
    }

    /// Whether a part of the text matches.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.branches.iter().any(|steps| is_in(steps, text))
    }
}

type Letters<'a> = Peekable<Chars<'a>>;

fn read_steps(letter: char, letters: &mut Letters<'_>) -> Result<Vec<Step>, Malformed> {
    let class = match letter {
        '^' => return Ok(vec![Step::Start]),
        '$' => return Ok(vec![Step::End]),
        '.' => Class { ranges: Vec::new(), inverted: true },
        '[' => read_class(letters)?,
        '\\' => read_escape(letters)?,
        literal => Class::of(permitted(literal)?),
    };
    let (least, most) = match letters.peek() {
        Some('?') => (0, Some(1)),
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('{') => {
            letters.next();
            return read_counts(letters).map(|(least, most)| repeated(&class, least, most));
        }
        _ => return Ok(vec![Step::One(class)]),
    };
    letters.next();
    Ok(repeated(&class, least, most))
}

fn repeated(class: &Class, least: usize, most: Option<usize>) -> Vec<Step> {
    let mut steps = vec![Step::One(class.clone()); least];
    match most {
        Some(most) => steps.extend(vec![Step::Maybe(class.clone()); most.saturating_sub(least)]),
        None => steps.push(Step::Any(class.clone())),
    }
    steps
}

/// What stands between braces: `3`, `3,`, `,5` or `3,5`.
fn read_counts(letters: &mut Letters<'_>) -> Result<(usize, Option<usize>), Malformed> {
    let malformed = || Malformed(String::new());
    let mut inside = String::new();
    loop {
        match letters.next() {
            Some('}') => break,
            Some(letter) => inside.push(letter),
            None => return Err(malformed()),
        }
    }
    let number = |text: &str| {
        text.trim().parse().ok().filter(|number: &usize| *number <= MOST_STEPS).ok_or_else(malformed)
    };
    match inside.split_once(',').map(|(least, most)| (least.trim(), most.trim())) {
        None => number(&inside).map(|count| (count, Some(count))),
        Some(("", "")) => Err(malformed()),
        Some(("", most)) => Ok((0, Some(number(most)?))),
        Some((least, "")) => Ok((number(least)?, None)),
        Some((least, most)) => {
            let (least, most) = (number(least)?, number(most)?);
            if least <= most { Ok((least, Some(most))) } else { Err(malformed()) }
        }
    }
}

/// What stands between brackets; the opening one is taken.
fn read_class(letters: &mut Letters<'_>) -> Result<Class, Malformed> {
    let malformed = || Malformed(String::new());
    let inverted = letters.next_if_eq(&'^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = match letters.next().ok_or_else(malformed)? {
            ']' if ranges.is_empty() => return Err(malformed()),
            ']' => return Ok(Class { ranges, inverted }),
            '\\' => {
                let escaped = read_escape(letters)?;
                match escaped.ranges.as_slice() {
                    [(first, last)] if first == last && !escaped.inverted => *first,
                    _ if escaped.inverted => return Err(malformed()),
                    several => {
                        ranges.extend_from_slice(several);
                        continue;
                    }
                }
            }
            literal => permitted_in_class(literal)?,
        };
        let mut ahead = letters.clone();
        let last = match (ahead.next(), ahead.next()) {
            (Some('-'), Some(last)) if last != ']' && last != '\\' => {
                *letters = ahead;
                permitted_in_class(last)?
            }
            _ => first,
        };
        if last < first {
            return Err(malformed());
        }
        ranges.push((first, last));
    }
}

fn read_escape(letters: &mut Letters<'_>) -> Result<Class, Malformed> {
    let letter = letters.next().ok_or_else(|| Malformed(String::new()))?;
    let class =
        |ranges: &[(char, char)]| Class { ranges: ranges.to_vec(), inverted: letter.is_ascii_uppercase() };
    Ok(match letter {
        'd' | 'D' => class(&[('0', '9')]),
        's' | 'S' => class(&[('\t', '\t'), (' ', ' '), ('\n', '\n'), ('\r', '\r')]),
        'w' | 'W' => class(&[('a', 'z'), ('A', 'Z'), ('_', '_'), ('0', '9')]),
        't' => Class::of('\t'),
        'n' => Class::of('\n'),
        'x' => {
            let digits: String = letters.by_ref().take(2).collect();
            let code =
                u8::from_str_radix(&digits, 16).ok().filter(|code| digits.len() == 2 && code.is_ascii());
            Class::of(code.map(char::from).ok_or_else(|| Malformed(String::new()))?)
        }
        operator if OPERATORS.contains(operator) => Class::of(operator),
        symbol if SYMBOLS.contains(symbol) => Class::of(symbol),
        other => return Err(Malformed(invalid_character(other))),
    })
}

const OPERATORS: &str = "^$?[]{}|\\*+.";
const SYMBOLS: &str = ":_#=@/;,- ";

/// A letter that stands for itself.
fn permitted(letter: char) -> Result<char, Malformed> {
    if letter.is_ascii_alphanumeric() || SYMBOLS.contains(letter) {
        return Ok(letter);
    }
    Err(Malformed(invalid_character(letter)))
}

fn permitted_in_class(letter: char) -> Result<char, Malformed> {
    if OPERATORS.contains(letter) { Ok(letter) } else { permitted(letter) }
}

impl Class {
    fn of(letter: char) -> Self {
        Self { ranges: vec![(letter, letter)], inverted: false }
    }

    fn has(&self, letter: char) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&letter)) != self.inverted
    }
}

fn is_in(steps: &[Step], text: &str) -> bool {
    let mut letters = text.chars();
    let mut is_first = true;
    // A mark at a step: everything before it has matched up to here.
    let mut marks = vec![false; steps.len() + 1];
    loop {
        marks[0] = true;
        let letter = letters.next();
        for (index, step) in steps.iter().enumerate() {
            let passes = match step {
                Step::Start => is_first,
                Step::End => letter.is_none(),
                Step::Maybe(_) | Step::Any(_) => true,
                Step::One(_) => false,
            };
            marks[index + 1] |= marks[index] && passes;
        }
        if marks[steps.len()] {
            return true;
        }
        let Some(letter) = letter else { return false };
        let mut next = vec![false; steps.len() + 1];
        for (index, step) in steps.iter().enumerate().filter(|(index, _)| marks[*index]) {
            match step {
                Step::One(class) | Step::Maybe(class) => next[index + 1] |= class.has(letter),
                Step::Any(class) => next[index] |= class.has(letter),
                Step::Start | Step::End => {}
            }
        }
        marks = next;
        is_first = false;
    }
}
