//! Fine drawing: four dots a cell, as quarters of a block, which every font has. Places are counted in units that are
//! as wide as they are high, two across a cell and four down, so that circles are round; a dot is two units high.

use crate::console::canvas::Canvas;
use crate::console::theme::Role;

/// Units of a cell, across and down.
pub const ACROSS: i32 = 2;
/// See [`ACROSS`].
pub const DOWN: i32 = 4;

/// Quarters of a block by their bits: upper left, upper right, lower left, lower right.
const QUARTERS: [&str; 16] = [" ", "▘", "▝", "▀", "▖", "▌", "▞", "▛", "▗", "▚", "▐", "▜", "▄", "▙", "▟", "█"];
/// What stands for none, few and many dots where only ASCII can be drawn.
const PLAIN: [&str; 5] = [" ", ".", ":", ":", "*"];

/// An area of dots.
#[derive(Debug, Clone)]
pub struct Dots {
    width: i32,
    height: i32,
    /// A cell's dots, and what it was drawn as last.
    cells: Vec<(u8, Role)>,
}

impl Dots {
    /// Nothing yet, over so many cells.
    pub fn new(width: u16, height: u16) -> Self {
        let cells = vec![(0, Role::Faint); usize::from(width) * usize::from(height)];
        Self { width: i32::from(width), height: i32::from(height), cells }
    }

    /// Sets a dot; one outside is not drawn.
    pub fn dot(&mut self, x: i32, y: i32, role: Role) {
        let (column, row) = (x.div_euclid(ACROSS), y.div_euclid(DOWN));
        if column < 0 || row < 0 || column >= self.width || row >= self.height {
            return;
        }
        let at = |place: i32| usize::try_from(place).unwrap_or_default();
        let bit = 1 << (x.rem_euclid(ACROSS) + y.rem_euclid(DOWN) / 2 * 2);
        if let Some(cell) = self.cells.get_mut(at(row * self.width + column)) {
            *cell = (cell.0 | bit, role);
        }
    }

    /// A circle's line; filled, every other dot inside is set too.
    pub fn circle(&mut self, centre: (f64, f64), radius: f64, filled: bool, role: Role) {
        let reach = whole(radius.ceil()).clamp(0, 1_000);
        let middle = (whole(centre.0.round()), whole(centre.1.round()));
        for dy in -reach..=reach {
            for dx in -reach..=reach {
                let away = f64::from(dx).hypot(f64::from(dy));
                let (x, y) = (middle.0 + dx, middle.1 + dy);
                let on_line = (away - radius).abs() < 0.5;
                // Every other dot, each two units high.
                let every_other = (x + y.div_euclid(2)).rem_euclid(2) == 0;
                if on_line || (filled && away < radius && every_other) {
                    self.dot(x, y, role);
                }
            }
        }
    }

    /// A straight line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), role: Role) {
        let steps = whole((to.0 - from.0).abs().max((to.1 - from.1).abs()).ceil()).clamp(1, 10_000);
        for step in 0..=steps {
            let part = f64::from(step) / f64::from(steps);
            let along = |from: f64, to: f64| whole((from + (to - from) * part).round());
            self.dot(along(from.0, to.0), along(from.1, to.1), role);
        }
    }

    /// Draws them from the canvas's corner on.
    pub fn draw(&self, canvas: &mut Canvas<'_>) {
        let plain = canvas.signs().ascii;
        let width = usize::try_from(self.width).unwrap_or_default().max(1);
        for (y, row) in (0..canvas.height()).zip(self.cells.chunks(width)) {
            for (x, (bits, role)) in (0..canvas.width()).zip(row) {
                if *bits == 0 {
                    continue;
                }
                let signs = if plain {
                    PLAIN.get(bits.count_ones() as usize)
                } else {
                    QUARTERS.get(usize::from(*bits))
                };
                canvas.put(x, y, signs.copied().unwrap_or(" "), *role);
            }
        }
    }
}

/// Values over their places as a curve that fills the canvas, the least at the bottom.
pub fn curve(canvas: &mut Canvas<'_>, points: &[(f64, f64)], role: Role) {
    let mut dots = Dots::new(canvas.width(), canvas.height());
    let (wide, high) = (dots.width * ACROSS - 1, dots.height * DOWN - 1);
    let x = scale(points.iter().map(|point| point.0), f64::from(wide));
    let y = scale(points.iter().map(|point| point.1), f64::from(high));
    let at = |point: &(f64, f64)| (x(point.0), f64::from(high) - y(point.1));
    if let [only] = points {
        dots.line(at(only), at(only), role);
    }
    for pair in points.windows(2) {
        if let [from, to] = pair {
            dots.line(at(from), at(to), role);
        }
    }
    dots.draw(canvas);
}

/// From values to places between 0 and `room`; what is all the same stands in the middle.
fn scale(values: impl Iterator<Item = f64>, room: f64) -> impl Fn(f64) -> f64 {
    let (least, most) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| (least.min(value), most.max(value)));
    move |value| {
        let spread = most - least;
        if value.is_finite() && spread > 0.0 { (value - least) / spread * room } else { room / 2.0 }
    }
}

/// The screen is small: whatever lies beyond is as good as at its edge.
#[expect(clippy::cast_possible_truncation, reason = "it is clamped before")]
fn whole(value: f64) -> i32 {
    if value.is_finite() { value.clamp(-1e6, 1e6) as i32 } else { 0 }
}

#[cfg(test)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use super::*;
    use crate::console::theme::{Depth, Look, Signs, Theme};

    fn drawn(signs: &Signs, width: u16, height: u16, draw: impl Fn(&mut Canvas<'_>)) -> Vec<String> {
        let look = Look { theme: Theme::shipped("none", Depth::None).expect("it is shipped"), signs: *signs };
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw(&mut Canvas::new(&mut buffer, &look));
        let rows = buffer.content.chunks(usize::from(width));
        rows.map(|row| row.iter().map(|cell| cell.symbol()).collect()).collect()
    }

    #[test]
    fn a_rising_curve_rises_and_fills_its_room() {
        let points = [(0.0, -9.0), (10.0, -8.0), (20.0, -7.0)];
        let rows = drawn(&Signs::UNICODE, 4, 2, |canvas| curve(canvas, &points, Role::Text));
        assert_eq!(rows, ["  ▄▀", "▄▀▘ "]);
        let level = drawn(&Signs::ASCII, 4, 1, |canvas| curve(canvas, &[(0.0, 1.0), (1.0, 1.0)], Role::Text));
        assert_eq!(level, ["::::"]);
    }

    #[test]
    fn whatever_is_drawn_stays_inside() {
        let rows = drawn(&Signs::UNICODE, 3, 2, |canvas| {
            let mut dots = Dots::new(9, 9);
            dots.circle((-5.0, 3.0), 7.0, true, Role::Text);
            dots.circle((f64::NAN, f64::INFINITY), f64::NAN, true, Role::Text);
            dots.line((-1e9, 0.0), (1e9, f64::NAN), Role::Text);
            dots.draw(canvas);
            curve(canvas, &[(f64::NAN, 1.0), (2.0, f64::NEG_INFINITY)], Role::Text);
        });
        assert!(rows.iter().all(|row| row.chars().count() == 3), "{rows:?}");
        assert!(drawn(&Signs::UNICODE, 1, 1, |canvas| curve(canvas, &[], Role::Text)) == [" "]);
    }

    #[test]
    fn a_filled_circle_has_more_dots_than_its_line() {
        let count = |filled| {
            let mut dots = Dots::new(20, 10);
            dots.circle((20.0, 20.0), 15.0, filled, Role::Text);
            dots.cells.iter().map(|(bits, _)| bits.count_ones()).sum::<u32>()
        };
        assert!(count(true) > count(false) * 2);
    }
}
