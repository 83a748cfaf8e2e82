//! Keys as people write them: `q`, `D`, `ctrl-c`, `shift-tab`, `enter`.

use std::fmt;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What was pressed, without its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A character, as it comes out: a capital letter is not a letter with shift.
    Char(char),
    /// A key with a name.
    Named(&'static str),
    /// A function key.
    F(u8),
}

/// A key with its modifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What was pressed.
    pub code: Code,
    /// With control.
    pub ctrl: bool,
    /// With alt.
    pub alt: bool,
}

/// Names of keys, and what the terminal library calls them.
const NAMED: [(&str, KeyCode); 16] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("shift-tab", KeyCode::BackTab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("page-up", KeyCode::PageUp),
    ("page-down", KeyCode::PageDown),
    ("space", KeyCode::Char(' ')),
];

impl Key {
    /// A character without modifiers.
    pub const fn char(character: char) -> Self {
        Self { code: Code::Char(character), ctrl: false, alt: false }
    }

    /// A named key without modifiers; an unknown name is a key that nobody can press.
    pub const fn named(name: &'static str) -> Self {
        Self { code: Code::Named(name), ctrl: false, alt: false }
    }

    /// The text that this key types, if it types any.
    pub fn typed(self) -> Option<char> {
        match self.code {
            _ if self.ctrl || self.alt => None,
            Code::Char(character) => Some(character),
            Code::Named("space") => Some(' '),
            _ => None,
        }
    }

    /// What the terminal reports as pressed; `None` for releases and keys that hydrant has no name for.
    pub fn from_terminal(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let code = match event.code {
            KeyCode::F(number) => Code::F(number),
            code => match NAMED.iter().find(|(_, known)| *known == code) {
                Some((name, _)) => Code::Named(name),
                None => Code::Char(code.as_char()?),
            },
        };
        let has = |modifier| event.modifiers.contains(modifier);
        Some(Self { code, ctrl: has(KeyModifiers::CONTROL), alt: has(KeyModifiers::ALT) })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ctrl {
            f.write_str("ctrl-")?;
        }
        if self.alt {
            f.write_str("alt-")?;
        }
        match self.code {
            Code::Char(character) => write!(f, "{character}"),
            Code::Named(name) => f.write_str(name),
            Code::F(number) => write!(f, "f{number}"),
        }
    }
}

fn named(text: &str) -> Option<Code> {
    if let Some((name, _)) = NAMED.iter().find(|(name, _)| *name == text) {
        return Some(Code::Named(name));
    }
    let number = text.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(Code::F(number))
}

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut rest, mut ctrl, mut alt) = (text, false, false);
        loop {
            if let Some(after) = rest.strip_prefix("ctrl-").filter(|after| !after.is_empty()) {
                (rest, ctrl) = (after, true);
            } else if let Some(after) = rest.strip_prefix("alt-").filter(|after| !after.is_empty()) {
                (rest, alt) = (after, true);
            } else {
                break;
            }
        }
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(' '), None) => Code::Named("space"),
            (Some(only), None) => Code::Char(only),
            _ => named(rest).ok_or_else(|| {
                format!("{text} is not a key: write it as q, D, ctrl-r, enter, space, page-down or f5")
            })?,
        };
        Ok(Self { code, ctrl, alt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_written_as_they_are_read() {
        for text in [
            "q",
            "D",
            "?",
            "-",
            "ctrl-c",
            "alt-x",
            "ctrl-alt-k",
            "enter",
            "shift-tab",
            "space",
            "page-down",
            "f5",
            "é",
        ] {
            assert_eq!(text.parse::<Key>().expect("a key").to_string(), text);
        }
        for text in ["", "qq", "hyper-x", "f0", "f25", "ctrl-"] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }
}
