//! Sparklines and bar charts.

use crate::console::canvas::Canvas;
use crate::console::theme::{HEATS, Role};

/// The newest values at the right, each a bar of one cell, the highest being full. No value is an empty cell; zero is
/// the lowest bar.
pub fn sparkline(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, values: &[Option<f64>], role: Role) {
    let highest = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let bars = canvas.signs().bars;
    let newest = values.len().saturating_sub(usize::from(width));
    let shown = values.get(newest..).unwrap_or_default();
    let indent = usize::from(width).saturating_sub(shown.len());
    for (cell, value) in (x.saturating_add(u16::try_from(indent).unwrap_or(0))..).zip(shown) {
        if let Some(value) = value {
            canvas.put(cell, y, bars[level(*value, highest, bars.len())], role);
        }
    }
}

/// Values from left to right, each a column of so many cells' width, the highest being as high as there is room.
pub fn columns(canvas: &mut Canvas<'_>, values: &[Option<f64>], wide: u16, role: Role) {
    let highest = values.iter().flatten().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let bars = canvas.signs().bars;
    let rows = canvas.height();
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value else { continue };
        let x = u16::try_from(at).unwrap_or(u16::MAX).saturating_mul(wide);
        let steps = level(*value, highest, usize::from(rows) * bars.len()) + 1;
        for row in 0..rows {
            let left = steps.saturating_sub(usize::from(row) * bars.len()).min(bars.len());
            if let Some(bar) = left.checked_sub(1).and_then(|left| bars.get(left)) {
                canvas.put(x, rows - 1 - row, &bar.repeat(usize::from(wide)), role);
            }
        }
    }
}

/// How much of something is done, as a line that fills.
pub fn progress(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, done: u64, of: u64) {
    let [full, empty] = canvas.signs().progress;
    let filled = (u64::from(width) * done.min(of)).checked_div(of).unwrap_or(0);
    let filled = usize::try_from(filled).unwrap_or(usize::MAX).min(usize::from(width));
    let x = canvas.put(x, y, &full.repeat(filled), Role::Accent);
    canvas.put(x, y, &empty.repeat(usize::from(width) - filled), Role::Faint);
}

/// Which of so many steps a value reaches.
pub(super) fn level(value: f64, highest: f64, steps: usize) -> usize {
    if !value.is_finite() || value <= 0.0 || highest <= 0.0 {
        return 0;
    }
    let share = (value / highest).min(1.0);
    // The share is between 0 and 1, and there are few steps.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "small and positive"
    )]
    let step = (share * steps as f64).ceil() as usize;
    step.clamp(1, steps) - 1
}

/// A bar of a chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// What it stands for.
    pub label: String,
    /// How long it is.
    pub value: f64,
    /// Its value in words.
    pub words: String,
}

/// Bars below one another, the longest as wide as there is room, labels left and words right.
pub fn chart(canvas: &mut Canvas<'_>, bars: &[Bar]) {
    let widest = |texts: &mut dyn Iterator<Item = &String>| {
        u16::try_from(texts.map(|text| crate::text::width(text)).max().unwrap_or_default())
            .unwrap_or(u16::MAX)
    };
    let labels = widest(&mut bars.iter().map(|bar| &bar.label)).min(canvas.width() / 3);
    let words = widest(&mut bars.iter().map(|bar| &bar.words)).min(canvas.width() / 3);
    let room = canvas.width().saturating_sub(labels + words + 2);
    let highest = bars.iter().map(|bar| bar.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
    let full = canvas.signs().bars[7];
    for (y, bar) in (0..canvas.height()).zip(bars) {
        canvas.part(0, y, labels, 1).put(0, 0, &bar.label, Role::Text);
        let length = if room == 0 { 0 } else { level(bar.value, highest, usize::from(room)) + 1 };
        let length = if bar.value > 0.0 { length } else { 0 };
        canvas.part(labels + 1, y, room, 1).put(0, 0, &full.repeat(length), Role::Heat(HEATS / 2));
        let width = canvas.width();
        canvas.part(width.saturating_sub(words), y, words, 1).put_right(words, 0, &bar.words, Role::Faint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_fills_its_line_and_never_leaves_it() {
        use crate::console::theme::{Depth, Look, Signs, Theme};
        let theme = Theme::shipped("none", Depth::None).expect("it is shipped");
        let look = Look { theme, signs: Signs::ASCII };
        for (done, of, line) in
            [(0, 4, "----"), (1, 4, "#---"), (4, 4, "####"), (9, 4, "####"), (0, 0, "----")]
        {
            let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 4, 1));
            progress(&mut Canvas::new(&mut buffer, &look), 0, 0, 4, done, of);
            let drawn: String = buffer.content.iter().map(|cell| cell.symbol()).collect();
            assert_eq!(drawn, line);
        }
    }

    #[test]
    fn columns_stand_beside_one_another_and_a_gap_stays_empty() {
        use crate::console::theme::{Depth, Look, Signs, Theme};
        let theme = Theme::shipped("none", Depth::None).expect("it is shipped");
        let look = Look { theme, signs: Signs::UNICODE };
        let mut buffer = ratatui::buffer::Buffer::empty(ratatui::layout::Rect::new(0, 0, 6, 2));
        let values = [Some(1.0), None, Some(0.25)];
        columns(&mut Canvas::new(&mut buffer, &look), &values, 2, Role::Accent);
        let drawn: Vec<String> =
            buffer.content.chunks(6).map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect();
        assert_eq!(drawn, ["██    ", "██  ▄▄"]);
    }

    #[test]
    fn levels_are_even_and_odd_values_are_low() {
        assert_eq!([0.0, 0.1, 1.0, 4.0, 7.9, 8.0].map(|value| level(value, 8.0, 8)), [0, 0, 0, 3, 7, 7]);
        assert_eq!([f64::NAN, f64::INFINITY, -1.0].map(|value| level(value, 8.0, 8)), [0, 0, 0]);
        assert_eq!(level(1.0, 0.0, 8), 0);
    }
}
