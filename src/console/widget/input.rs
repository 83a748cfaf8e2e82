//! A line that is typed: text and a cursor that moves by grapheme.

use unicode_segmentation::UnicodeSegmentation;

use crate::console::canvas::Canvas;
use crate::console::key::{Code, Key};
use crate::console::theme::Role;
use crate::text;

/// The longest text that is taken, in bytes.
const LONGEST: usize = 4096;

/// A line of text being typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Input {
    before: String,
    after: String,
}

impl Input {
    /// The text so far.
    pub fn text(&self) -> String {
        format!("{}{}", self.before, self.after)
    }

    /// Whether nothing was typed.
    pub fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Types what a key types, or moves as it says; `false` if the key means nothing here.
    pub fn press(&mut self, key: Key) -> bool {
        if let Some(character) = key.typed() {
            self.paste(character.encode_utf8(&mut [0; 4]));
            return true;
        }
        match (key.code, key.ctrl) {
            (Code::Named("backspace"), false) => drop(pop(&mut self.before)),
            (Code::Named("delete"), _) => drop(shift(&mut self.after)),
            (Code::Named("left"), _) => self.after = pop(&mut self.before) + &self.after,
            (Code::Named("right"), _) => self.before += &shift(&mut self.after),
            (Code::Named("home"), _) | (Code::Char('a'), true) => {
                self.after = std::mem::take(&mut self.before) + &self.after;
            }
            (Code::Named("end"), _) | (Code::Char('e'), true) => {
                self.before += &std::mem::take(&mut self.after);
            }
            (Code::Char('u'), true) => self.before.clear(),
            (Code::Char('w') | Code::Named("backspace"), true) => {
                let kept = self.before.trim_end().rfind(char::is_whitespace).map_or(0, |space| space + 1);
                self.before.truncate(kept);
            }
            _ => return false,
        }
        true
    }

    /// Takes text in where the cursor is; line breaks and control characters are left out.
    pub fn paste(&mut self, text: &str) {
        let room = LONGEST.saturating_sub(self.before.len() + self.after.len());
        for character in text.chars().filter(|character| !character.is_control()) {
            if self.before.len() + character.len_utf8() <= room + self.before.len() {
                self.before.push(character);
            }
        }
        let mut end = self.before.len().min(LONGEST);
        while !self.before.is_char_boundary(end) {
            end -= 1;
        }
        self.before.truncate(end);
    }

    /// Draws it in a row, scrolled so that the cursor is seen.
    pub fn draw(&self, canvas: &mut Canvas<'_>, x: u16, y: u16) {
        let room = usize::from(canvas.width().saturating_sub(x + 1));
        let mut shown = self.before.as_str();
        while text::width(shown) > room {
            let Some(first) = shown.graphemes(true).next() else { break };
            shown = shown.get(first.len()..).unwrap_or_default();
        }
        let x = canvas.put(x, y, shown, Role::Strong);
        let mut rest = self.after.graphemes(true);
        let x = canvas.put(x, y, rest.next().unwrap_or(" "), Role::Chosen);
        canvas.put(x, y, rest.as_str(), Role::Strong);
    }
}

/// Takes the last grapheme off.
fn pop(text: &mut String) -> String {
    let last = text.graphemes(true).next_back().unwrap_or_default().to_owned();
    text.truncate(text.len() - last.len());
    last
}

/// Takes the first grapheme off.
fn shift(text: &mut String) -> String {
    let first = text.graphemes(true).next().unwrap_or_default().to_owned();
    text.drain(..first.len());
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cursor_moves_by_what_is_seen() {
        let mut input = Input::default();
        input.paste("ae\u{301}👩‍🚀z\n");
        for _ in 0..2 {
            input.press(Key::named("left"));
        }
        input.press(Key::named("backspace"));
        assert_eq!(input.text(), "a👩‍🚀z");
        input.press(Key::named("home"));
        input.press(Key::named("delete"));
        input.press(Key::named("end"));
        input.press(Key::char('!'));
        assert_eq!(input.text(), "👩‍🚀z!");
        assert!(!input.press(Key::named("tab")));
    }
}
