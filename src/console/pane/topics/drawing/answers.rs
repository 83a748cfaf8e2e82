//! The questions at the left, and beside them the answer to the chosen one: a table with bars for shares, or a heat map
//! whose chosen cell is said in words.

use super::super::asked::{Asked, Chosen, State};
use super::super::open::Open;
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::console::widget::bars;
use crate::console::widget::heat_map;
use crate::console::words;
use crate::text;
use crate::topics::questions::{Answers, Body, Cell, HeatMap, NAMES, Table};

/// Cells of the questions.
pub(in super::super) const LIST: u16 = 25;
/// Rows over the questions, and over an answer: what was asked, of how many posts, and an empty one.
pub(in super::super) const HEAD: u16 = 2;
const OVER: u16 = 3;
/// Rows over an answer's rows: of a heat map the chosen cell in words, and the columns' heads.
const HEADS: u16 = 2;
/// Cells of a text in a table at most.
const WIDEST: usize = 32;
/// Parts of a whole bar.
const PARTS: u64 = 1_000;

/// Rows of an answer that are seen.
pub(in super::super) fn seen(area: Size) -> usize {
    usize::from(super::below(area).saturating_sub(OVER + HEADS)).max(1)
}

pub(super) fn questions(asked: &Asked, canvas: &mut Canvas<'_>) {
    canvas.put(1, 0, "Questions", Role::Strong);
    let pointer = canvas.signs().pointer;
    for (row, (y, name)) in (HEAD..canvas.height()).zip(NAMES).enumerate() {
        let chosen = row == asked.list.chosen;
        let answered = asked.answers().and_then(|answers| Asked::of(answers, row));
        let role = match (chosen, answered) {
            (true, _) => Role::Accent,
            (false, Some(Chosen::Unanswered(_)) | None) => Role::Faint,
            (false, Some(Chosen::Answer { .. })) => Role::Text,
        };
        if chosen {
            canvas.put(0, y, pointer, if asked.inside { Role::Faint } else { Role::Pointer });
        }
        canvas.put(2, y, &name.replace('_', " "), role);
    }
}

pub(super) fn answer(open: &Open, asked: &Asked, desk: &Desk, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let answers = match &asked.state {
        State::Asking => {
            canvas.put(0, 0, "Reading the posts…", Role::Faint);
            canvas.line(0, 2, &[(&desk.key(Action::Back), Role::Key), (" asks no more", Role::Faint)]);
            return;
        }
        State::Failed(why) => {
            let rows = canvas.part(0, 0, width, 6).paragraph(0, why, Role::Bad);
            let again = desk.key(Action::TopicsAsk);
            canvas.line(0, rows + 1, &[(&again, Role::Key), (" asks again, of other posts", Role::Faint)]);
            return;
        }
        State::Answered(answers) => answers,
    };
    match Asked::of(answers, asked.list.chosen) {
        Some(Chosen::Answer { question, body }) => {
            canvas.put(0, 0, question, Role::Strong);
            canvas.put(0, 1, &about(answers), Role::Faint);
            if body.is_empty() {
                canvas.put(0, OVER, "Nothing: none of these posts has what it asks for.", Role::Faint);
                return;
            }
            let high = canvas.height().saturating_sub(OVER);
            let mut below = canvas.part(0, OVER, width, high);
            match body {
                Body::Table(table) => draw_table(table, asked, &mut below),
                Body::HeatMap { heat_map } => draw_map(heat_map, open, asked, desk, &mut below),
            }
        }
        Some(Chosen::Unanswered(why)) => {
            let name = NAMES.get(asked.list.chosen).copied().unwrap_or_default();
            canvas.put(0, 0, &name.replace('_', " "), Role::Strong);
            canvas.paragraph(1, &format!("Not answered: {why}."), Role::Faint);
        }
        None => {}
    }
}

fn about(answers: &Answers) -> String {
    let all = words::counted(answers.posts, "post", "posts");
    if answers.with_topic == answers.posts {
        return format!("About all of {all}: each has a topic.");
    }
    format!("About the {} of {all} with a topic.", words::count(answers.with_topic))
}

/// A cell as it is read: counts in groups, shares in parts of a hundred.
fn written(cell: &Cell, column: &str) -> String {
    match cell {
        Cell::Whole(number) => words::count(*number),
        Cell::Number(number) if column == "share" => format!("{:.1} %", number * 100.0),
        Cell::Number(number) => format!("{number:.1}"),
        Cell::Text(text) => text::fit(&text::sanitise(text), WIDEST, "…").into_owned(),
        Cell::Nothing => String::new(),
    }
}

fn draw_table(table: &Table, asked: &Asked, canvas: &mut Canvas<'_>) {
    let seen = usize::from(canvas.height().saturating_sub(1)).max(1);
    let top = (asked.at.0 + 1).saturating_sub(seen);
    let cells = |row: &Vec<Cell>| -> Vec<String> {
        row.iter().zip(&table.columns).map(|(cell, column)| written(cell, column)).collect()
    };
    // The widths are those of all rows, so that nothing jumps as one scrolls.
    let mut widths: Vec<usize> = table.columns.iter().map(|column| text::width(column)).collect();
    for row in &table.rows {
        for (width, cell) in widths.iter_mut().zip(cells(row)) {
            *width = (*width).max(text::width(&cell));
        }
    }
    let is_text = |column: usize| table.rows.iter().any(|row| matches!(row.get(column), Some(Cell::Text(_))));
    let mut places = Vec::with_capacity(widths.len());
    let mut x: u16 = 2;
    for (column, width) in widths.iter().enumerate() {
        let wide = u16::try_from(*width).unwrap_or(u16::MAX);
        places.push((x, wide, is_text(column)));
        x = x.saturating_add(wide).saturating_add(2);
    }
    let put =
        |canvas: &mut Canvas<'_>, y: u16, (x, wide, at_left): (u16, u16, bool), text: &str, role: Role| {
            let mut room = canvas.part(x, y, wide, 1);
            if at_left {
                room.put(0, 0, text, role);
            } else {
                room.put_right(wide, 0, text, role);
            }
        };
    for (place, column) in places.iter().zip(&table.columns) {
        put(canvas, 0, *place, &column.replace('_', " "), Role::Faint);
    }
    let shares = table.columns.iter().position(|column| column == "share");
    let highest = shares.map_or(0.0, |column| {
        table.rows.iter().map(|row| share(row, column)).fold(0.0, f64::max).max(f64::MIN_POSITIVE)
    });
    let bar = canvas.width().saturating_sub(x).min(40);
    let pointer = canvas.signs().pointer;
    for (y, (index, row)) in (1..canvas.height()).zip(table.rows.iter().enumerate().skip(top)) {
        let chosen = asked.inside && index == asked.at.0;
        if chosen {
            canvas.put(0, y, pointer, Role::Pointer);
        }
        for (place, cell) in places.iter().zip(cells(row)) {
            put(canvas, y, *place, &cell, if chosen { Role::Strong } else { Role::Text });
        }
        if let (Some(column), 8..) = (shares, bar) {
            bars::progress(canvas, x, y, bar, parts(share(row, column) / highest), PARTS);
        }
    }
}

fn share(row: &[Cell], column: usize) -> f64 {
    match row.get(column) {
        Some(Cell::Number(share)) => *share,
        _ => 0.0,
    }
}

fn draw_map(map: &HeatMap, open: &Open, asked: &Asked, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let (row, column) = asked.at;
    let by_topic = map.columns_are == "topic";
    let heads = map.rows.iter().map(|head| text::width(&text::sanitise(head))).max().unwrap_or_default();
    let heads = u16::try_from(heads).unwrap_or(u16::MAX).min(width / 3);
    let seen = usize::from(height.saturating_sub(HEADS)).max(1);
    let room = usize::from(width.saturating_sub(heads + 1) / 2).max(1);
    let (top, left) = ((row + 1).saturating_sub(seen), (column + 1).saturating_sub(room));
    // A client or a country has its own highest: which topics it is about is the question. Hours share one.
    let all = map.cells.iter().flatten().copied().max().unwrap_or_default();
    let highest =
        |cells: &[u64]| if by_topic { cells.iter().copied().max().unwrap_or_default() } else { all };
    let head = |column: usize| if by_topic { column.to_string() } else { map.columns[column].clone() };
    let shown = heat_map::HeatMap {
        columns: (left..map.columns.len()).take(room).map(head).collect(),
        rows: map
            .rows
            .iter()
            .zip(&map.cells)
            .skip(top)
            .take(seen)
            .map(|(name, cells)| {
                let highest = number(highest(cells).max(1));
                let cell = |count: &u64| Some(number(*count) / highest);
                (name.clone(), cells.iter().skip(left).take(room).map(cell).collect())
            })
            .collect(),
    };
    let rows = u16::try_from(shown.rows.len() + 1).unwrap_or(u16::MAX);
    let chosen = asked.inside.then(|| (row - top, column - left));
    heat_map::draw(&mut canvas.part(0, 1, width, rows), &shown, chosen);
    if by_topic {
        let columns = u16::try_from(shown.columns.len() * 2).unwrap_or(u16::MAX);
        let x = heads.saturating_add(columns).saturating_add(4);
        legend(
            map,
            open,
            left,
            column,
            &mut canvas.part(x, 1, width.saturating_sub(x), height.saturating_sub(1)),
        );
    }
    if !asked.inside {
        let enter = desk.key(Action::Open);
        canvas.line(0, 0, &[(&enter, Role::Key), (" goes from cell to cell", Role::Faint)]);
        return;
    }
    let (Some(name), Some(cells), Some(of)) =
        (map.rows.get(row), map.cells.get(row), map.columns.get(column))
    else {
        return;
    };
    let of = if by_topic { &titled(map, open, column) } else { of };
    let count = cells.get(column).copied().unwrap_or_default();
    let sum: u64 = cells.iter().sum();
    let part = format!("  {:.0} % of its {}", number(count) / number(sum.max(1)) * 100.0, words::count(sum));
    let posts = words::counted(count, "post", "posts");
    let between = if by_topic { " about " } else { " at " };
    canvas.line(
        0,
        0,
        &[
            (name, Role::Accent),
            (between, Role::Faint),
            (of, Role::Accent),
            (": ", Role::Faint),
            (&posts, Role::Strong),
            (&part, Role::Faint),
        ],
    );
}

/// What the numbers over the columns stand for.
fn legend(map: &HeatMap, open: &Open, left: usize, chosen: usize, canvas: &mut Canvas<'_>) {
    if canvas.width() < 12 {
        return;
    }
    for (y, topic) in (0..canvas.height()).zip(left..map.columns.len()) {
        let role = if topic == chosen { Role::Text } else { Role::Faint };
        canvas.put(0, y, &format!("{topic:>3}  {}", titled(map, open, topic)), role);
    }
}

/// A topic by the name that it had when it was asked about; one without is told by its leading word, as everywhere in the
/// pane.
fn titled(map: &HeatMap, open: &Open, topic: usize) -> String {
    match map.columns.get(topic) {
        Some(title) if *title != format!("topic {topic}") => title.clone(),
        _ => open.title(topic),
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are fewer than 2⁵²")]
fn number(count: u64) -> f64 {
    count as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1,000")]
fn parts(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0).round() as u64
}
