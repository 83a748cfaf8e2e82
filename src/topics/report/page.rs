//! The report's page: what foreign text becomes in HTML, and the pieces that the page is made of.

use std::fmt::Write;

use plotters::style::RGBColor;

use crate::text::count;
use crate::topics::questions::{Cell, Table};

/// Foreign text, safe to stand in HTML and in its attributes: nothing that steers or hides text, and no markup.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for sign in crate::text::sanitise(text).chars() {
        match sign {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}

/// A colour as CSS has it.
pub(super) fn css(RGBColor(red, green, blue): RGBColor) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// A page that is being written. What is given to [`raw`](Self::raw) is the report's own; foreign text goes through
/// [`escape`].
#[derive(Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn raw(&mut self, html: impl AsRef<str>) {
        self.0.push_str(html.as_ref());
        self.0.push('\n');
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// A chart, and what there is to know of it.
    pub(super) fn figure(&mut self, svg: &str, caption: &str) {
        self.raw(format!("<figure>{svg}<figcaption>{}</figcaption></figure>", escape(caption)));
    }

    /// A table with at most so many rows, and how many it has in all.
    pub(super) fn table(&mut self, table: &Table, most: usize) {
        // Where there is no number, a column of numbers has a dash, and is one all the same.
        let is_number = |column: usize| {
            let mut cells = table.rows.iter().map(|row| row.get(column));
            cells.all(|cell| !matches!(cell, Some(Cell::Text(_)) | None))
        };
        let classes: Vec<&str> = (0..table.columns.len())
            .map(|column| if is_number(column) { " class=\"n\"" } else { "" })
            .collect();
        let mut html = String::from("<table><thead><tr>");
        let add = |html: &mut String, text: std::fmt::Arguments<'_>| {
            html.write_fmt(text).expect("a String takes every text");
        };
        for (name, class) in table.columns.iter().zip(&classes) {
            add(&mut html, format_args!("<th{class}>{}</th>", escape(&name.replace('_', " "))));
        }
        html.push_str("</tr></thead><tbody>");
        for row in table.rows.iter().take(most) {
            html.push_str("<tr>");
            for ((cell, class), name) in row.iter().zip(&classes).zip(&table.columns) {
                let text = match cell {
                    Cell::Nothing => "–".to_owned(),
                    Cell::Text(text) => escape(text),
                    Cell::Whole(number) => count(number),
                    Cell::Number(share) if name == "share" => format!("{:.1} %", share * 100.0),
                    Cell::Number(number) => count(format!("{number:.0}")),
                };
                add(&mut html, format_args!("<td{class}>{text}</td>"));
            }
            html.push_str("</tr>");
        }
        html.push_str("</tbody></table>");
        self.raw(html);
        if table.rows.len() > most {
            self.raw(format!("<p class=\"faint\">The first {most} of {}.</p>", count(table.rows.len())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_foreign_text_becomes_markup() {
        assert_eq!(
            escape("<b onclick='x'>&\"\u{202e}\u{1b}[31m\n"),
            "&lt;b onclick=&#39;x&#39;&gt;&amp;&quot;&lt;U+202E&gt;␛[31m "
        );
    }

    #[test]
    fn numbers_stand_under_one_another_also_where_one_is_missing() {
        let mut table = Table::new(&["topic", "mean"]);
        table.rows.push(vec!["mars".into(), Cell::Nothing]);
        table.rows.push(vec!["moon".into(), 7_u64.into()]);
        let mut page = Page::default();
        page.table(&table, 2);
        let html = page.finish();
        assert!(
            html.contains("<th class=\"n\">mean</th>") && html.contains("<td class=\"n\">–</td>"),
            "{html}"
        );
        assert!(html.contains("<th>topic</th>"), "{html}");
    }

    #[test]
    fn tables_are_cut_and_say_so() {
        let mut table = Table::new(&["user", "posts"]);
        for row in 0..3_u64 {
            table.rows.push(vec!["<i>".into(), (row * 1_000).into()]);
        }
        let mut page = Page::default();
        page.table(&table, 2);
        let html = page.finish();
        assert!(html.contains("<td>&lt;i&gt;</td><td class=\"n\">1,000</td>"), "{html}");
        assert!(html.contains("The first 2 of 3.") && !html.contains("2,000"), "{html}");
    }
}
