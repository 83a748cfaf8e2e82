//! A heat map: rows and columns of cells whose intensity says how much.

use super::bars::level;
use crate::console::canvas::Canvas;
use crate::console::theme::Role;

/// A heat map's values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HeatMap {
    /// The columns' heads.
    pub columns: Vec<String>,
    /// Each row's head and its cells; `None` is a cell of which nothing is known.
    pub rows: Vec<(String, Vec<Option<f64>>)>,
}

/// How wide a cell is at least.
pub const CELL: u16 = 2;

/// Draws it, cells of two columns' width each; `chosen` is a row and a column.
pub fn draw(canvas: &mut Canvas<'_>, map: &HeatMap, chosen: Option<(usize, usize)>) {
    draw_wide(canvas, map, CELL, chosen);
}

/// The same with cells of another width.
pub fn draw_wide(canvas: &mut Canvas<'_>, map: &HeatMap, cell: u16, chosen: Option<(usize, usize)>) {
    let cell = cell.max(CELL);
    let heads = map.rows.iter().map(|(head, _)| crate::text::width(head)).max().unwrap_or_default();
    let heads = u16::try_from(heads).unwrap_or(u16::MAX).min(canvas.width() / 3);
    let highest = map.rows.iter().flat_map(|(_, cells)| cells).flatten().copied().fold(0.0, f64::max);
    let x_of = |column: usize| {
        let cells = u16::try_from(column).unwrap_or(u16::MAX).saturating_mul(cell);
        heads.saturating_add(1).saturating_add(cells)
    };
    // Heads that would run into one another stand over every second column, where they have room for three digits.
    let every =
        if map.columns.iter().any(|head| crate::text::width(head) >= usize::from(cell)) { 2 } else { 1 };
    for (column, head) in map.columns.iter().enumerate().step_by(every) {
        canvas.part(x_of(column), 0, 3, 1).put(0, 0, head, Role::Faint);
    }
    let shades = canvas.shades();
    for (row, (y, (head, cells))) in (1..canvas.height()).zip(&map.rows).enumerate() {
        canvas.part(0, y, heads, 1).put(0, 0, head, Role::Faint);
        for (column, value) in cells.iter().enumerate() {
            let (role, sign) = match value {
                Some(value) => {
                    let level = level(*value, highest, shades.len());
                    (Role::Heat(u8::try_from(level).unwrap_or(0)), shades[level].repeat(usize::from(cell)))
                }
                None => (Role::Faint, "· ".to_owned()),
            };
            let role = if chosen == Some((row, column)) { Role::Chosen } else { role };
            canvas.part(x_of(column), y, cell, 1).put(0, 0, &sign, role);
        }
    }
}
