//! The one gate for foreign text: whatever AWS, a file or a person out there says is made safe here before it is
//! shown. And how numbers are said.

use std::borrow::Cow;
use std::fmt::{Display, Write};

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// The text with everything that could move the cursor, change colours, reorder or hide text made visible:
/// control characters become their pictures (`␛`), bidirectional marks and what takes no room become `<U+202E>`.
/// Line breaks and tabs become single spaces, so that the result is one line.
pub fn sanitise(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut has_roomless = false;
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' => {
                if !safe.ends_with(' ') {
                    safe.push(' ');
                }
            }
            '\u{0}'..='\u{1f}' => safe.extend(char::from_u32(0x2400 + u32::from(character))),
            '\u{7f}' => safe.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => spell(character, &mut safe),
            // Terminals disagree about how wide what is before a variation selector becomes: without it, they agree.
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' => {}
            plain => {
                has_roomless |= plain.width() == Some(0);
                safe.push(plain);
            }
        }
    }
    if has_roomless { without_roomless(&safe) } else { safe }
}

fn spell(character: char, out: &mut String) {
    write!(out, "<U+{:04X}>", u32::from(character)).expect("a String takes every text");
}

/// A mark belongs to the letter before it. One that has none takes no room, and would not be drawn.
fn without_roomless(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        if grapheme.width() > 0 {
            seen.push_str(grapheme);
        } else {
            grapheme.chars().for_each(|character| spell(character, &mut seen));
        }
    }
    seen
}

/// The text for a terminal that draws nothing but ASCII: what hydrant itself writes has its like there, every other
/// sign is a question mark.
pub fn to_ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for grapheme in text.graphemes(true) {
        plain.push_str(match grapheme {
            ascii if ascii.is_ascii() => ascii,
            "…" => "...",
            "→" | "▶" => ">",
            "±" => "+-",
            "·" | "–" | "—" | "─" | "−" => "-",
            "●" => "*",
            "◐" => "~",
            "○" => "o",
            "◌" | "▲" => "!",
            "×" | "✗" => "x",
            "’" => "'",
            "“" | "”" => "\"",
            "λ" => "lambda",
            _ => "?",
        });
    }
    plain
}

/// `3,702`: a whole number, its digits in groups.
pub fn count(number: impl Display) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        let follows_a_digit = place > usize::from(digits.starts_with('-'));
        if follows_a_digit && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 post`, `3,702 posts`: how many there are of something, in the form that the number asks for.
pub fn counted(number: impl Display, one: &str, several: &str) -> String {
    let number = count(number);
    let form = if number == "1" { one } else { several };
    format!("{number} {form}")
}

/// `1.2 GB`, in steps of 1,000, as storage is billed and disks are sold.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut scale: u64 = 1;
    while number / scale >= 1000 && unit + 1 < UNITS.len() {
        scale *= 1000;
        unit += 1;
    }
    let (whole, tenth) = (number / scale, number % scale * 10 / scale);
    match unit {
        0 => format!("{number} B"),
        _ if whole < 10 => format!("{whole}.{tenth} {}", UNITS[unit]),
        _ => format!("{whole} {}", UNITS[unit]),
    }
}

/// `12.0 GB`, always with a tenth: in columns, and for what is only about so much.
pub fn bytes_and_a_tenth(number: f64) -> String {
    let mut size = number;
    for unit in ["B", "kB", "MB", "GB"] {
        if size < 1000.0 {
            return if unit == "B" { format!("{size:.0} B") } else { format!("{size:.1} {unit}") };
        }
        size /= 1000.0;
    }
    format!("{size:.1} TB")
}

/// How many cells the text takes. Both the screen and this measure by grapheme.
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// The text if it fits into so many cells; else as much of it as fits with `more` at its end.
pub fn fit<'a>(text: &'a str, cells: usize, more: &str) -> Cow<'a, str> {
    // Most text is short and plain: one cell a byte.
    if text.len() <= cells || width(text) <= cells {
        return Cow::Borrowed(text);
    }
    let room = cells.saturating_sub(width(more));
    let mut used = 0;
    let mut cut = String::new();
    for grapheme in text.graphemes(true) {
        used += grapheme.width();
        if used > room {
            break;
        }
        cut.push_str(grapheme);
    }
    cut.push_str(more);
    Cow::Owned(cut)
}

/// The text in lines of at most so many cells, broken between words where that can be done. Where a line is broken, the
/// spaces there go.
pub fn wrap(text: &str, cells: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    let mut words = text.split_word_bound_indices().peekable();
    while let Some((start, mut word)) = words.next() {
        // A sign stays with what follows it at once, and what closes a bracket or ends a clause with what stood before.
        let is_blank = |word: &str| word.trim().is_empty();
        let mut take = !word.contains(char::is_alphanumeric);
        while let Some((at, next)) = words.peek()
            && !is_blank(word)
            && !is_blank(next)
            && (take
                || matches!(*next, "," | "." | ";" | ":" | "!" | "?" | ")" | "]" | "}" | "”" | "’" | "…"))
        {
            word = text.get(start..at + next.len()).unwrap_or(word);
            take = !next.contains(char::is_alphanumeric);
            words.next();
        }
        let wide = width(word);
        if is_blank(word) {
            let begins = used == 0 && lines.len() > 1;
            if begins || used + wide > cells {
                used = if begins { 0 } else { cells };
                continue;
            }
        } else if used + wide > cells && used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let wide = grapheme.width();
            if used + wide > cells && used > 0 {
                lines.push(String::new());
                used = 0;
            }
            if let Some(line) = lines.last_mut() {
                line.push_str(grapheme);
            }
            used += wide;
        }
    }
    for line in &mut lines {
        line.truncate(line.trim_end().len());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_begin_with_a_word_and_a_bracket_stays_with_what_it_opens() {
        assert_eq!(wrap("to sign in", 7), ["to sign", "in"]);
        assert_eq!(wrap("abcd  e", 5), ["abcd", "e"]);
        assert_eq!(wrap("it broke (twice)", 10), ["it broke", "(twice)"]);
        assert_eq!(wrap("an end, or not", 6), ["an", "end,", "or not"]);
        assert_eq!(wrap("in a .env", 7), ["in a", ".env"]);
        assert_eq!(wrap("use --drain", 8), ["use", "--drain"]);
        assert_eq!(wrap("  indented", 20), ["  indented"]);
    }

    #[test]
    fn numbers_are_said_in_groups_and_with_the_form_they_ask_for() {
        let said = [-123, -1_234, 0, 999, 1_000, 1_234_567].map(|number: i64| count(number));
        assert_eq!(said, ["-123", "-1,234", "0", "999", "1,000", "1,234,567"]);
        let said = [0, 1, 2_000].map(|number| counted(number, "post waits", "posts wait"));
        assert_eq!(said, ["0 posts wait", "1 post waits", "2,000 posts wait"]);
    }

    #[test]
    fn nothing_that_steers_a_terminal_passes() {
        for (foreign, safe) in [
            ("plain – täxt 🚀", "plain – täxt 🚀"),
            ("\u{1b}[31mred\u{1b}[0m", "␛[31mred␛[0m"),
            ("a\r\nb\tc", "a b c"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("safe\u{202e}txt.exe", "safe<U+202E>txt.exe"),
            ("zero\u{200b}width", "zero<U+200B>width"),
            ("love \u{2764}\u{fe0f}!", "love \u{2764}!"),
            ("f\u{34f}i\u{1160}r\u{ffa0}e\u{3164}", "f<U+034F>i<U+1160>r<U+FFA0>e<U+3164>"),
            ("\u{301}alone, and with its le\u{301}tter", "<U+0301>alone, and with its le\u{301}tter"),
            ("f\u{1161}", "f<U+1161>"),
            ("\u{1112}\u{1161}\u{11ab}", "\u{1112}\u{1161}\u{11ab}"),
        ] {
            assert_eq!(sanitise(foreign), safe);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_control_character_ever_passes(text: String) {
            proptest::prop_assert!(!sanitise(&text).chars().any(char::is_control));
            proptest::prop_assert!(sanitise(&text).graphemes(true).all(|grapheme| grapheme.width() > 0));
        }
    }
}
