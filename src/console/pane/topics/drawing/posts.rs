//! The posts that are most of a topic: how much, how many say the same, and the text with the topic's words in it.

use std::collections::HashSet;

use super::super::open::Found;
use super::super::{Focus, TopicsPane};
use super::Parts;
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::text;
use crate::topics::TypicalPost;

/// Rows over the posts: whose they are, its words, and an empty one.
pub(in super::super) const HEAD: u16 = 3;
/// Cells beside a text: its share, and how many say the same.
const GUTTER: u16 = 15;
/// Rows of a text that are shown of it here; `enter` shows all.
const ROWS: usize = 6;
/// The topic's words that are told from others in a text.
const WORDS: usize = 30;

/// A post's text in rows.
fn rows(post: &TypicalPost, width: u16) -> Vec<String> {
    let mut rows =
        text::wrap(&text::sanitise(post.text.trim()), usize::from(width.saturating_sub(GUTTER + 1)).max(8));
    rows.truncate(ROWS);
    rows
}

/// How many rows each post takes, with the empty one under it.
pub(in super::super) fn heights(posts: &[&TypicalPost], area: Size, focus: Focus) -> Vec<usize> {
    let width = Parts::of(area, focus).cards.wide;
    posts.iter().map(|post| rows(post, width).len() + 1).collect()
}

pub(super) fn draw(pane: &TopicsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let Some((open, posts)) = pane.open.as_ref().and_then(|open| Some((open, open.posts.as_ref()?))) else {
        return;
    };
    let title = open.title(posts.topic);
    let described = open.about.topics.get(posts.topic);
    let share = described.map(|topic| format!("   {:.1} % of all text", topic.share * 100.0));
    let number = format!("{:>3}  ", posts.topic);
    canvas.line(
        1,
        0,
        &[
            (&number, Role::Faint),
            (&title, Role::Accent),
            (share.as_deref().unwrap_or_default(), Role::Faint),
        ],
    );
    let leading = open.terms(posts.topic).take(12).collect::<Vec<_>>().join(" ");
    let width = canvas.width();
    canvas.part(6, 1, width.saturating_sub(7), 1).put(0, 0, &leading, Role::Text);
    let mut below = canvas.part(0, HEAD, width, canvas.height().saturating_sub(HEAD));
    match &posts.found {
        Found::Looking => {
            below.put(1, 0, "Looking for the posts that are most of it…", Role::Faint);
            below.line(1, 2, &[(&desk.key(Action::Back), Role::Key), (" goes back", Role::Faint)]);
            return;
        }
        Found::NoTexts => {
            let why = "This model was made of tokens: it keeps no texts to show.";
            below.part(1, 0, width.saturating_sub(2), 3).paragraph(0, why, Role::Faint);
            return;
        }
        Found::Posts(_) => {}
    }
    let shown = pane.shown_posts();
    if shown.is_empty() {
        below.put(1, 0, "No post holds that.", Role::Faint);
        return;
    }
    let words: HashSet<&str> = open.terms(posts.topic).take(WORDS).collect();
    let heights = heights(&shown, desk.area(), pane.focus);
    let top = posts.top_for(&heights, usize::from(below.height()));
    let mut y = 0;
    for (index, post) in shown.iter().enumerate().skip(top) {
        if y >= below.height() {
            break;
        }
        let chosen = index == posts.chosen;
        one(post, &words, chosen, y, &mut below);
        y = y.saturating_add(heights.get(index).and_then(|high| u16::try_from(*high).ok()).unwrap_or(1));
    }
}

fn one(post: &TypicalPost, words: &HashSet<&str>, chosen: bool, y: u16, canvas: &mut Canvas<'_>) {
    let share = format!("{:.0} %", post.share * 100.0);
    canvas.put_right(7, y, &share, if chosen { Role::Accent } else { Role::Strong });
    if post.posts > 1 {
        canvas.put(9, y, &format!("×{}", post.posts), Role::Faint);
    }
    let pointer = canvas.signs().pointer;
    for (row, line) in (y..).zip(rows(post, canvas.width())) {
        let pieces = marked(&line, words);
        let pieces: Vec<(&str, Role)> = pieces.iter().map(|(piece, role)| (*piece, *role)).collect();
        canvas.line(GUTTER, row, &pieces);
        if chosen {
            canvas.put(0, row, pointer, Role::Pointer);
        }
    }
}

/// A line in pieces: the topic's words, and what is between them.
fn marked<'a>(line: &'a str, words: &HashSet<&str>) -> Vec<(&'a str, Role)> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let letters = first.is_alphabetic();
        let end = rest.find(|next: char| next.is_alphabetic() != letters).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        let own = letters && words.contains(piece.to_lowercase().as_str());
        pieces.push((piece, if own { Role::Accent } else { Role::Text }));
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topics_words_are_told_from_others_whole_and_in_any_case() {
        let words = HashSet::from(["rocket", "élan"]);
        let pieces = marked("Rocket #rockets, ÉLAN!", &words);
        let own: Vec<&str> =
            pieces.iter().filter(|(_, role)| *role == Role::Accent).map(|(piece, _)| *piece).collect();
        assert_eq!(own, ["Rocket", "ÉLAN"]);
        assert_eq!(pieces.iter().map(|(piece, _)| *piece).collect::<String>(), "Rocket #rockets, ÉLAN!");
    }
}
