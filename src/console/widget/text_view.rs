//! A text to read: wrapped or scrolled sideways, and searched.

use crate::console::action::Action;
use crate::console::canvas::Canvas;
use crate::console::theme::Role;
use crate::text;

/// Where the operator is in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextState {
    /// The first line that is seen.
    pub top: usize,
    /// The first column that is seen, if lines are not wrapped.
    pub left: usize,
    /// Whether long lines go on below.
    pub wrap: bool,
    /// Whether lines that are not indented are headings.
    pub headings: bool,
    /// What is looked for.
    pub search: String,
}

impl Default for TextState {
    fn default() -> Self {
        Self { top: 0, left: 0, wrap: true, headings: false, search: String::new() }
    }
}

/// The lines as they are shown in so many columns.
pub fn lines(text: &str, state: &TextState, width: usize) -> Vec<String> {
    let safe = text.lines().map(text::sanitise);
    if state.wrap { safe.flat_map(|line| text::wrap(&line, width.max(1))).collect() } else { safe.collect() }
}

impl TextState {
    /// Moves as an action says; `false` if it is no movement.
    pub fn act(&mut self, action: Action, lines: usize, seen: usize) -> bool {
        let last = lines.saturating_sub(seen);
        let page = seen.max(2) - 1;
        // It may have been left further down, where fewer lines were seen.
        self.top = self.top.min(last);
        match action {
            Action::Up => self.top = self.top.saturating_sub(1),
            Action::Down => self.top += 1,
            Action::PageUp => self.top = self.top.saturating_sub(page),
            Action::PageDown => self.top += page,
            Action::First => self.top = 0,
            Action::Last => self.top = last,
            Action::Left => self.left = self.left.saturating_sub(8),
            Action::Right if !self.wrap => self.left += 8,
            _ => return false,
        }
        self.top = self.top.min(last);
        true
    }

    /// Goes to the next line that holds what is looked for, round and round.
    pub fn find_next(&mut self, lines: &[String]) {
        self.find(lines, (self.top + 1..lines.len()).chain(0..=self.top));
    }

    /// Goes to the line before that holds it.
    pub fn find_previous(&mut self, lines: &[String]) {
        self.find(lines, (0..self.top).rev().chain((self.top..lines.len()).rev()));
    }

    /// Goes to the first line from here on that holds it.
    pub fn find_here(&mut self, lines: &[String]) {
        self.find(lines, (self.top..lines.len()).chain(0..self.top));
    }

    fn find(&mut self, lines: &[String], mut order: impl Iterator<Item = usize>) {
        let wanted = self.search.to_lowercase();
        let holds =
            |index: &usize| lines.get(*index).is_some_and(|line| line.to_lowercase().contains(&wanted));
        if !wanted.is_empty() {
            self.top = order.find(holds).unwrap_or(self.top);
        }
    }

    /// Whether long lines go on below, or are scrolled sideways.
    pub fn toggle_wrap(&mut self) {
        (self.wrap, self.left) = (!self.wrap, 0);
    }
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, text: &str, state: &TextState) {
    let lines = lines(text, state, usize::from(canvas.width()));
    let wanted = state.search.to_lowercase();
    // Where there is room for more than is left from there on, the end stands at the bottom; but what was looked for
    // stands at the top wherever it is.
    let last = lines.len().saturating_sub(usize::from(canvas.height()));
    let top = if wanted.is_empty() { state.top.min(last) } else { state.top };
    for (y, line) in (0..canvas.height()).zip(lines.iter().skip(top)) {
        let shown: String = if state.wrap { line.clone() } else { skip(line, state.left) };
        let found = !wanted.is_empty() && line.to_lowercase().contains(&wanted);
        let heading = state.headings && !line.starts_with(' ');
        let role = match (found, heading) {
            (true, _) => Role::Accent,
            (false, true) => Role::Strong,
            (false, false) => Role::Text,
        };
        canvas.put(0, y, &shown, role);
    }
}

fn skip(line: &str, columns: usize) -> String {
    use unicode_segmentation::UnicodeSegmentation;
    let mut passed = 0;
    line.graphemes(true)
        .skip_while(|grapheme| {
            let hidden = passed < columns;
            passed += text::width(grapheme);
            hidden
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::console::theme::{Depth, Look, Signs, Theme};

    #[test]
    fn a_search_goes_round() {
        let lines: Vec<String> = ["one", "two", "One more", "three"].map(str::to_owned).into();
        let mut state = TextState { search: "one".to_owned(), ..TextState::default() };
        state.find_next(&lines);
        assert_eq!(state.top, 2);
        state.find_next(&lines);
        assert_eq!(state.top, 0);
        state.find_previous(&lines);
        assert_eq!(state.top, 2);
        state.find_here(&lines);
        assert_eq!(state.top, 2);
    }

    #[test]
    fn nothing_is_seen_beyond_the_end() {
        let mut state = TextState::default();
        for _ in 0..100 {
            state.act(Action::PageDown, 30, 10);
        }
        assert_eq!(state.top, 20);
        state.act(Action::Last, 3, 10);
        assert_eq!(state.top, 0);
    }

    #[test]
    fn where_more_is_seen_than_before_the_end_stays_at_the_bottom() {
        let text = (0..30).map(|line| format!("line {line}")).collect::<Vec<_>>().join("\n");
        let mut state = TextState { top: 25, ..TextState::default() };
        let theme = Theme::shipped("dark", Depth::None).expect("it is shipped");
        let look = Look { theme, signs: Signs::UNICODE };
        let mut buffer = Buffer::empty(Rect::new(0, 0, 10, 20));
        draw(&mut Canvas::new(&mut buffer, &look), &text, &state);
        let row = |y: u16| (0..10_u16).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        assert_eq!((row(0).trim(), row(19).trim()), ("line 10", "line 29"));
        state.act(Action::Up, 30, 20);
        assert_eq!(state.top, 9, "the way back begins at what is seen");
    }
}
