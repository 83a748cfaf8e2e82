//! A file that is open: its records as a table, raw, or one of them field by field.

use crate::console::action::Action;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::console::widget::table::{self, Column as Head, TableState, Width};
use crate::console::widget::text_view::{self, TextState};
use crate::console::words;
use crate::lake::preview::{Content, Preview, field_names};
use crate::stream::record::Column;

/// How records are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum View {
    #[default]
    Table,
    Raw,
    Record,
}

/// A file that is open.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) key: String,
    preview: Preview,
    view: View,
    table: TableState,
    text: TextState,
}

/// What of a record a table shows.
const COLUMNS: [Head; 4] = [
    Head { title: "time", width: Width::Fixed(19), right: false, rank: 2 },
    Head { title: "user", width: Width::Fixed(15), right: false, rank: 1 },
    Head { title: "text", width: Width::Share(20), right: false, rank: 0 },
    Head { title: "hashtags", width: Width::Share(10), right: false, rank: 3 },
];
/// A column of any other table. Of many columns the first are seen; the rest, row by row.
const PLAIN: Head = Head { title: "", width: Width::Share(8), right: false, rank: 1 };
const PLAINS: [Head; 6] = [PLAIN; 6];

impl Opened {
    pub(super) fn new(key: String, preview: Preview) -> Self {
        Self { key, preview, view: View::default(), table: TableState::default(), text: TextState::default() }
    }

    fn rows(&self) -> usize {
        match &self.preview.content {
            Content::Records(records) => records.len(),
            Content::Table { rows, .. } => rows.len(),
            Content::Text(lines) => lines.len(),
            Content::Empty | Content::Binary(_) => 0,
        }
    }

    fn is_tabular(&self) -> bool {
        matches!(self.preview.content, Content::Records(_) | Content::Table { .. })
    }

    /// The chosen row, field by field.
    pub(super) fn show_record(&mut self) {
        if self.is_tabular() && self.view != View::Record && self.rows() > 0 {
            (self.view, self.text) = (View::Record, TextState::default());
        }
    }

    /// From one record back to all; `false` if they are seen already.
    pub(super) fn back(&mut self) -> bool {
        let was = std::mem::take(&mut self.view);
        was == View::Record
    }

    pub(super) fn next_view(&mut self) {
        self.text = TextState::default();
        self.view = match self.view {
            _ if !self.is_tabular() => View::Table,
            View::Table => View::Raw,
            View::Raw => View::Record,
            View::Record => View::Table,
        };
    }

    pub(super) fn act(&mut self, action: Action, size: Size) -> bool {
        let seen = usize::from(size.height.saturating_sub(2)).max(1);
        if self.view == View::Table && self.is_tabular() {
            return self.table.act(action, self.rows(), seen.saturating_sub(1).max(1));
        }
        let lines = text_view::lines(&self.as_text(), &self.text, usize::from(size.width)).len();
        self.text.act(action, lines, seen)
    }

    /// What is seen that is no table.
    fn as_text(&self) -> String {
        match (&self.preview.content, self.view) {
            (Content::Records(records), View::Record) => {
                records.get(self.table.chosen).map_or(String::new(), |record| match &record.fields {
                    Ok(fields) => by_field(field_names().iter().copied(), fields),
                    Err(why) => format!("not a record: {why}\n\n{}", record.raw),
                })
            }
            (Content::Records(records), _) => {
                records.iter().map(|record| record.raw.replace('\t', " │ ")).collect::<Vec<_>>().join("\n")
            }
            (Content::Table { columns, rows }, View::Record) => rows
                .get(self.table.chosen)
                .map_or(String::new(), |row| by_field(columns.iter().map(String::as_str), row)),
            (Content::Table { columns, rows }, _) => {
                let lines = std::iter::once(columns).chain(rows).map(|row| row.join(" │ "));
                lines.collect::<Vec<_>>().join("\n")
            }
            (Content::Text(lines), _) => lines.join("\n"),
            (Content::Binary(bytes), _) => hex(bytes),
            (Content::Empty, _) => String::new(),
        }
    }

    pub(super) fn draw(&self, canvas: &mut Canvas<'_>, focused: bool) {
        let name = self.key.rsplit('/').next().unwrap_or_default();
        let kind = match &self.preview.content {
            Content::Empty => "empty".to_owned(),
            Content::Records(records) => words::counted(records.len(), "record", "records"),
            Content::Table { rows, .. } => words::counted(rows.len(), "row", "rows"),
            Content::Text(lines) => words::counted(lines.len(), "line", "lines"),
            Content::Binary(_) => "no text".to_owned(),
        };
        let more = if self.preview.more { ", the first part" } else { "" };
        let about = format!(
            "  {kind}{more} · {} · {}",
            self.preview.encoding.name(),
            words::bytes(self.preview.bytes)
        );
        let role = if focused { Role::Accent } else { Role::Strong };
        canvas.line(0, 0, &[(name, role), (&about, Role::Faint)]);
        let mut top = 1;
        if let Some(fault) = &self.preview.fault {
            canvas.put(0, top, fault, Role::Bad);
            top += 1;
        }
        let (width, height) = (canvas.width(), canvas.height().saturating_sub(top));
        let mut below = canvas.part(0, top, width, height);
        match (&self.preview.content, self.view) {
            (Content::Empty, _) => {
                below.put(0, 1, "There is nothing in this file.", Role::Faint);
            }
            (Content::Records(records), View::Table) => {
                table::draw(&mut below, &COLUMNS, &self.table, records.len(), |row| {
                    let Some(record) = records.get(row) else { return Vec::new() };
                    if let Err(why) = &record.fields {
                        let malformed = (format!("malformed: {why}"), Role::Bad);
                        return vec![(String::new(), Role::Text), (String::new(), Role::Text), malformed];
                    }
                    let cell = |column| record.get(column).to_owned();
                    let time = cell(Column::CreatedAt);
                    let time = time.get(4..19).unwrap_or(&time).to_owned();
                    vec![
                        (time, Role::Faint),
                        (cell(Column::UserScreenName), Role::Text),
                        (cell(Column::Text), Role::Text),
                        (cell(Column::TweetTextHashtags).replace('|', " "), Role::Accent),
                    ]
                });
            }
            (Content::Table { columns, rows }, View::Table) => {
                let shown = PLAINS.get(..columns.len()).unwrap_or(&PLAINS);
                table::draw(&mut below, shown, &self.table, rows.len(), |row| {
                    let cells = rows.get(row).into_iter().flatten().take(shown.len());
                    cells.map(|cell| (cell.clone(), Role::Text)).collect()
                });
                below.put(2, 0, &columns.join(" · "), Role::Faint);
            }
            _ => text_view::draw(&mut below, &self.as_text(), &self.text),
        }
    }
}

/// A line for each field that says something.
fn by_field<'a>(names: impl Iterator<Item = &'a str>, fields: &[String]) -> String {
    let lines = names.zip(fields).map(|(name, field)| format!("{name:<32}{field}"));
    lines.collect::<Vec<_>>().join("\n")
}

fn hex(bytes: &[u8]) -> String {
    let line = |(number, bytes): (usize, &[u8])| {
        let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let text: String =
            bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
        format!("{:06x}  {:<47}  {text}", number * 16, digits.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect::<Vec<_>>().join("\n")
}
