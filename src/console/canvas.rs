//! The one way to draw: text that is made safe, measured by grapheme, and cut at the edge of its area.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::theme::{HEATS, Look, Role, Signs};
use crate::text;

/// An area to draw in. Nothing that is drawn leaves it.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    area: Rect,
    look: &'a Look,
}

impl<'a> Canvas<'a> {
    /// The whole of a buffer.
    pub fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        let area = buffer.area;
        Self { buffer, area, look }
    }

    /// How wide it is, in cells.
    pub fn width(&self) -> u16 {
        self.area.width
    }

    /// How high it is, in rows.
    pub fn height(&self) -> u16 {
        self.area.height
    }

    /// The signs to draw with.
    pub fn signs(&self) -> Signs {
        self.look.signs
    }

    /// What the intensities of a heat map are drawn with: full cells where colours tell them apart, denser and denser
    /// ones where they do not.
    pub fn shades(&self) -> [&'static str; HEATS as usize] {
        let colour = |heat| self.look.theme.style(Role::Heat(heat)).fg;
        if colour(0) == colour(HEATS - 1) {
            self.look.signs.shades
        } else {
            [self.look.signs.bars[7]; HEATS as usize]
        }
    }

    /// Where it lies on the screen.
    pub fn area(&self) -> Rect {
        self.area
    }

    /// A part of it. What would lie outside is cut off.
    pub fn part(&mut self, x: u16, y: u16, width: u16, height: u16) -> Canvas<'_> {
        let wanted =
            Rect { x: self.area.x.saturating_add(x), y: self.area.y.saturating_add(y), width, height };
        let area = wanted.intersection(self.area);
        Canvas { buffer: self.buffer, area, look: self.look }
    }

    /// All of it but so many cells at each side and rows at top and bottom.
    pub fn inside(&mut self, sides: u16, ends: u16) -> Canvas<'_> {
        let (width, height) = (self.width(), self.height());
        self.part(sides, ends, width.saturating_sub(2 * sides), height.saturating_sub(2 * ends))
    }

    /// Writes text from a place on, and gives back the cell after it.
    pub fn put(&mut self, x: u16, y: u16, text: &str, role: Role) -> u16 {
        let room = usize::from(self.width().saturating_sub(x));
        if y >= self.height() || room == 0 {
            return x;
        }
        let safe = self.spell(text);
        let shown = text::fit(&safe, room, self.look.signs.more);
        let style = self.look.theme.style(role);
        let at = (self.area.x.saturating_add(x), self.area.y.saturating_add(y));
        let (after, _) = self.buffer.set_stringn(at.0, at.1, &shown, room, style);
        after.saturating_sub(self.area.x)
    }

    /// The text made safe, and in ASCII where nothing else can be drawn.
    fn spell(&self, text: &str) -> String {
        let safe = text::sanitise(text);
        if self.look.signs.ascii && !safe.is_ascii() { text::to_ascii(&safe) } else { safe }
    }

    /// Writes text so that it ends before a cell; text that is too long keeps its beginning.
    pub fn put_right(&mut self, end: u16, y: u16, text: &str, role: Role) {
        let width = u16::try_from(text::width(&self.spell(text))).unwrap_or(u16::MAX);
        let end = end.min(self.width());
        let x = end.saturating_sub(width);
        self.part(x, y, end - x, 1).put(0, 0, text, role);
    }

    /// Writes pieces one after the other. A line that is too long is cut as a whole: its end says so, wherever it falls.
    pub fn line(&mut self, x: u16, y: u16, pieces: &[(&str, Role)]) -> u16 {
        let mut x = x;
        let mut rest = pieces.iter();
        while let Some((text, role)) = rest.next() {
            let after = self.put(x, y, text, *role);
            let is_cut = after >= self.width() && rest.clone().any(|(text, _)| !text.trim().is_empty());
            if is_cut {
                return self.put(x, y, &format!("{text}{}", self.look.signs.more), *role);
            }
            x = after;
        }
        x
    }

    /// Writes text over several rows, broken between words; gives back how many rows it took.
    pub fn paragraph(&mut self, y: u16, text: &str, role: Role) -> u16 {
        let mut row = y;
        for line in text::wrap(&text::sanitise(text), usize::from(self.width())) {
            self.put(0, row, &line, role);
            row = row.saturating_add(1);
        }
        row - y
    }

    /// A level line across.
    pub fn rule(&mut self, y: u16) {
        let rule = self.look.signs.rule.repeat(usize::from(self.width()));
        self.put(0, y, &rule, Role::Faint);
    }

    /// Gives a whole row a role, over what is drawn there.
    pub fn mark_row(&mut self, y: u16, role: Role) {
        if y < self.height() {
            let row = Rect { y: self.area.y + y, height: 1, ..self.area };
            self.buffer.set_style(row, self.look.theme.style(role));
        }
    }

    /// Wipes it, for what lies on top of something.
    pub fn clear(&mut self) {
        for position in self.area.positions() {
            if let Some(cell) = self.buffer.cell_mut(position) {
                cell.reset();
                cell.set_style(self.look.theme.style(Role::Text));
            }
        }
    }

    /// A frame around it with a title.
    pub fn frame(&mut self, title: &str, role: Role) {
        let (width, height) = (self.width(), self.height());
        if width < 2 || height < 2 {
            return;
        }
        let Signs { rule, upright, corners: [top_left, top_right, bottom_left, bottom_right], .. } =
            self.signs();
        let level = rule.repeat(usize::from(width - 2));
        self.line(0, 0, &[(top_left, role), (&level, role), (top_right, role)]);
        self.line(0, height - 1, &[(bottom_left, role), (&level, role), (bottom_right, role)]);
        for y in 1..height - 1 {
            self.put(0, y, upright, role);
            self.put(width - 1, y, upright, role);
        }
        if !title.is_empty() {
            self.part(2, 0, width.saturating_sub(4), 1).put(0, 0, &format!(" {title} "), Role::Strong);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::{Depth, Signs, Theme};

    #[test]
    fn a_line_that_is_too_long_says_so_wherever_its_end_falls() {
        let theme = Theme::shipped("dark", Depth::None).expect("it is shipped");
        let look = Look { theme, signs: Signs::UNICODE };
        for width in 1..8 {
            let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
            Canvas::new(&mut buffer, &look).line(
                0,
                0,
                &[("ab", Role::Text), ("cd", Role::Strong), ("ef", Role::Text)],
            );
            let drawn: String = buffer.content().iter().map(ratatui::buffer::Cell::symbol).collect();
            assert_eq!(drawn.contains('…'), width < 6, "{width}: {drawn}");
        }
    }
}
