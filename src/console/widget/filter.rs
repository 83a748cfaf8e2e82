//! A filter line: typed after `/`, kept with enter, cleared with esc. While it is typed it takes every key.

use super::input::Input;
use crate::console::canvas::Canvas;
use crate::console::key::Key;
use crate::console::theme::Role;

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    input: Input,
    typing: bool,
}

impl Filter {
    /// Opens the line: what was typed before is there to be changed.
    pub fn open(&mut self) {
        self.typing = true;
    }

    /// Whether it is being typed.
    pub fn is_typing(&self) -> bool {
        self.typing
    }

    /// What is looked for; empty if nothing is.
    pub fn text(&self) -> String {
        self.input.text()
    }

    /// Whether it hides nothing.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty()
    }

    /// Takes a key while it is typed; `true` if what is looked for has changed.
    pub fn key(&mut self, key: Key) -> bool {
        if key == Key::named("enter") {
            self.typing = false;
            return false;
        }
        if key == Key::named("esc") {
            return self.clear();
        }
        let before = self.input.text();
        self.input.press(key);
        before != self.input.text()
    }

    /// Takes pasted text.
    pub fn paste(&mut self, text: &str) {
        self.input.paste(text);
    }

    /// Looks for nothing any more; `true` if it did.
    pub fn clear(&mut self) -> bool {
        let looked = !self.is_empty();
        *self = Self::default();
        looked
    }

    /// Whether any of these texts holds every word that is looked for, in whatever case.
    pub fn matches<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> bool {
        if self.is_empty() {
            return true;
        }
        let all = texts.into_iter().map(str::to_lowercase).collect::<Vec<_>>().join("\n");
        self.text().to_lowercase().split_whitespace().all(|word| all.contains(word))
    }

    /// Draws the line in a row, if there is anything to draw; `found` says what is left, such as `3 of 15`.
    pub fn draw(&self, canvas: &mut Canvas<'_>, y: u16, found: &str) {
        if !self.typing && self.is_empty() {
            return;
        }
        let x = canvas.put(1, y, "/ ", Role::Key);
        let room = canvas.width() / 2;
        if self.typing {
            self.input.draw(&mut canvas.part(0, y, room, 1), x, 0);
        } else {
            canvas.part(0, y, room, 1).put(x, 0, &self.text(), Role::Accent);
        }
        let width = canvas.width();
        canvas.part(room, y, width - room, 1).put_right(width - room - 1, 0, found, Role::Faint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_typed_kept_and_cleared() {
        let mut filter = Filter::default();
        filter.open();
        assert!("log GROUP".chars().all(|character| filter.key(if character == ' ' {
            Key::named("space")
        } else {
            Key::char(character)
        })));
        assert!(!filter.key(Key::named("enter")) && !filter.is_typing());
        assert!(filter.matches(["log-stream", "of the group"]) && !filter.matches(["log-stream"]));
        filter.open();
        assert!(filter.key(Key::named("esc")));
        assert!(filter.matches([]) && !filter.is_typing());
    }
}
