//! A table of any length: only the rows that are seen are asked for, so that a million scroll as ten do.

use std::collections::BTreeSet;

use crate::console::action::Action;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;

/// How wide a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Width {
    /// Always so wide.
    Fixed(u16),
    /// At least so wide, and its share of what is left.
    Share(u16),
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// How wide it is.
    pub width: Width,
    /// Numbers stand at the right.
    pub right: bool,
    /// As the table gets narrow, columns of the highest rank give way first; those of rank 0 stay.
    pub rank: u8,
}

/// A cell: text and what it is.
pub type Cell = (String, Role);

/// Where the operator is in a table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TableState {
    /// The row that is chosen.
    pub chosen: usize,
    /// The first row that is seen.
    top: usize,
    /// Marked rows.
    pub marked: BTreeSet<usize>,
    /// The column that it is sorted by, and whether backwards.
    pub sort: Option<(usize, bool)>,
}

impl TableState {
    /// Moves as an action says, in a table of so many rows of which so many are seen; `false` if it is no movement.
    pub fn act(&mut self, action: Action, rows: usize, seen: usize) -> bool {
        let last = rows.saturating_sub(1);
        let page = seen.max(2) - 1;
        self.chosen = match action {
            Action::Up => self.chosen.saturating_sub(1),
            Action::Down => self.chosen.saturating_add(1),
            Action::PageUp => self.chosen.saturating_sub(page),
            Action::PageDown => self.chosen.saturating_add(page),
            Action::First => 0,
            Action::Last => last,
            _ => return false,
        }
        .min(last);
        self.reveal(seen);
        true
    }

    /// Turns the wheel so many rows.
    pub fn scroll(&mut self, by: i8, rows: usize, seen: usize) {
        let action = if by < 0 { Action::Up } else { Action::Down };
        for _ in 0..by.unsigned_abs() {
            self.act(action, rows, seen);
        }
    }

    /// Sorts by the next column, and after the last one not at all.
    pub fn sort_next(&mut self, columns: usize) {
        self.sort = match self.sort {
            None => Some((0, false)),
            Some((column, _)) if column + 1 < columns => Some((column + 1, false)),
            Some(_) => None,
        };
    }

    /// Sorts by a column, and if it is sorted by it already, the other way round.
    pub fn sort_by(&mut self, column: usize) {
        self.sort = match self.sort {
            Some((sorted, backwards)) if sorted == column => Some((column, !backwards)),
            _ => Some((column, false)),
        };
    }

    /// Takes a click at a cell of the table's area, its head being the first row; `false` if nothing is there.
    pub fn click(&mut self, x: u16, y: u16, columns: &[Column], rows: usize, area: Size) -> bool {
        let Some(row) = y.checked_sub(1) else {
            let column = column_at(columns, area.width, x);
            if let Some(column) = column {
                self.sort_by(column);
            }
            return column.is_some();
        };
        let row = self.top(usize::from(area.height.saturating_sub(1))) + usize::from(row);
        let there = row < rows && y < area.height && x < area.width;
        if there {
            self.chosen = row;
        }
        there
    }

    /// Reverses the order.
    pub fn reverse(&mut self) {
        if let Some((_, backwards)) = &mut self.sort {
            *backwards = !*backwards;
        }
    }

    /// Keeps the choice inside a table that has changed.
    pub fn settle(&mut self, rows: usize) {
        self.chosen = self.chosen.min(rows.saturating_sub(1));
        self.top = self.top.min(rows.saturating_sub(1));
        self.marked.retain(|row| *row < rows);
    }

    /// The first row that is seen when so many are.
    pub fn top(&self, seen: usize) -> usize {
        let lowest = (self.chosen + 1).saturating_sub(seen.max(1));
        self.top.clamp(lowest, self.chosen.max(lowest))
    }

    fn reveal(&mut self, seen: usize) {
        self.top = self.top(seen);
    }
}

/// The columns that there is room for, with where each begins and how wide it is.
fn lay_out(columns: &[Column], width: u16) -> Vec<(usize, u16, u16)> {
    let least = |column: &Column| match column.width {
        Width::Fixed(width) | Width::Share(width) => width,
    };
    let mut kept: Vec<usize> = (0..columns.len()).collect();
    let need = |kept: &[usize]| -> u16 {
        kept.iter().filter_map(|index| columns.get(*index)).map(|column| least(column) + 2).sum::<u16>()
    };
    while need(&kept) > width + 2 {
        let highest =
            kept.iter().copied().filter(|index| columns.get(*index).is_some_and(|column| column.rank > 0));
        let Some(gone) = highest.max_by_key(|index| columns.get(*index).map_or(0, |column| column.rank))
        else {
            break;
        };
        kept.retain(|index| *index != gone);
    }
    let is_share =
        |index: &&usize| matches!(columns.get(**index).map(|column| column.width), Some(Width::Share(_)));
    let shares = u16::try_from(kept.iter().filter(is_share).count()).unwrap_or(0);
    let spare = (width + 2).saturating_sub(need(&kept));
    let mut x = 0;
    let mut placed = Vec::new();
    let mut given = 0;
    for index in kept {
        let Some(column) = columns.get(index) else { continue };
        let extra = match column.width {
            Width::Share(_) if shares > 0 => {
                given += 1;
                // The last share takes what the division leaves.
                if given == shares { spare - spare / shares * (shares - 1) } else { spare / shares }
            }
            _ => 0,
        };
        let wide = least(column) + extra;
        placed.push((index, x, wide));
        x += wide + 2;
    }
    placed
}

/// The column whose head is at a cell of a table of this width.
fn column_at(columns: &[Column], width: u16, x: u16) -> Option<usize> {
    let placed = lay_out(columns, width.saturating_sub(2));
    let at = placed.into_iter().find(|(_, start, wide)| (start + 2..start + 2 + wide).contains(&x));
    at.map(|(column, _, _)| column)
}

/// Draws a table with its head. `row` gives the cells of a row; it is asked only for rows that are seen.
pub fn draw(
    canvas: &mut Canvas<'_>,
    columns: &[Column],
    state: &TableState,
    rows: usize,
    row: impl Fn(usize) -> Vec<Cell>,
) {
    let placed = lay_out(columns, canvas.width().saturating_sub(2));
    for (index, x, wide) in &placed {
        let Some(column) = columns.get(*index) else { continue };
        let order = match state.sort {
            Some((sorted, backwards)) if sorted == *index => canvas.signs().order[usize::from(backwards)],
            _ => "",
        };
        let title = format!("{}{order}", column.title);
        put(&mut canvas.part(x + 2, 0, *wide, 1), column.right, &title, Role::Faint);
    }
    let seen = usize::from(canvas.height().saturating_sub(1));
    let top = state.top(seen);
    for (y, index) in (1..canvas.height()).zip(top..rows) {
        let cells = row(index);
        for (column, x, wide) in &placed {
            let (Some(cell), Some(spec)) = (cells.get(*column), columns.get(*column)) else { continue };
            put(&mut canvas.part(x + 2, y, *wide, 1), spec.right, &cell.0, cell.1);
        }
        let pointer = canvas.signs().pointer;
        if index == state.chosen {
            canvas.mark_row(y, Role::Strong);
            canvas.put(0, y, pointer, Role::Pointer);
        }
    }
}

fn put(canvas: &mut Canvas<'_>, right: bool, text: &str, role: Role) {
    if right {
        canvas.put_right(canvas.width(), 0, text, role);
    } else {
        canvas.put(0, 0, text, role);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { title: "name", width: Width::Share(10), right: false, rank: 0 },
        Column { title: "size", width: Width::Fixed(8), right: true, rank: 1 },
        Column { title: "note", width: Width::Share(10), right: false, rank: 2 },
    ];

    #[test]
    fn columns_give_way_by_rank_and_share_what_is_left() {
        assert_eq!(lay_out(&COLUMNS, 40), [(0, 0, 14), (1, 16, 8), (2, 26, 14)]);
        assert_eq!(lay_out(&COLUMNS, 30), [(0, 0, 20), (1, 22, 8)]);
        assert_eq!(lay_out(&COLUMNS, 12), [(0, 0, 12)]);
    }

    #[test]
    fn a_click_chooses_a_row_or_sorts_by_the_column_under_it() {
        let mut state = TableState::default();
        let area = Size { width: 42, height: 10 };
        assert!(state.click(5, 3, &COLUMNS, 5, area));
        assert_eq!(state.chosen, 2);
        assert!(!state.click(5, 7, &COLUMNS, 5, area));
        assert!(state.click(19, 0, &COLUMNS, 5, area));
        assert_eq!(state.sort, Some((1, false)));
        assert!(state.click(19, 0, &COLUMNS, 5, area));
        assert_eq!(state.sort, Some((1, true)));
    }

    #[test]
    fn marks_go_with_their_rows() {
        let mut state = TableState { marked: [0, 1].into(), ..TableState::default() };
        state.settle(1);
        assert_eq!(state.marked.iter().copied().collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn the_choice_is_always_seen_and_always_there() {
        let mut state = TableState::default();
        for action in
            [Action::Last, Action::PageUp, Action::Up, Action::First, Action::PageDown, Action::Down]
        {
            assert!(state.act(action, 1_000_000, 20));
            let top = state.top(20);
            assert!((top..top + 20).contains(&state.chosen), "{action:?}");
        }
        state.settle(3);
        assert_eq!(state.chosen, 2);
        state.act(Action::Down, 0, 20);
        assert_eq!(state.chosen, 0);
    }
}
