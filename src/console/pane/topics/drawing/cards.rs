//! Topics as cards, the largest first: its name or number, its share as a bar, and its leading words.

use super::super::TopicsPane;
use super::super::open::Open;
use crate::console::canvas::Canvas;
use crate::console::event::Size;
use crate::console::theme::Role;
use crate::console::widget::bars;
use crate::console::widget::input::Input;
use crate::topics::Description;

/// From this height of the pane on, a card has a second row of words and an empty row under it.
const HIGH: u16 = 26;

/// Rows of a card.
pub(in super::super) fn high(area: Size) -> u16 {
    if area.height >= HIGH { 4 } else { 2 }
}

/// How many cards are seen.
pub(in super::super) fn seen(area: Size) -> usize {
    usize::from(super::below(area) / high(area)).max(1)
}

struct Card<'a> {
    topic: usize,
    name: &'a str,
    share: f32,
    /// The largest share, which has the longest bar.
    largest: f32,
    words: Vec<&'a str>,
    chosen: bool,
    naming: Option<&'a Input>,
}

/// The cards of a model that is only described.
pub(super) fn of_description(about: &Description, canvas: &mut Canvas<'_>) {
    let largest = about.topics.first().map_or(0.0, |topic| topic.share);
    let cards = about.topics.iter().map(|topic| Card {
        topic: topic.topic,
        name: &topic.name,
        share: topic.share,
        largest,
        words: topic.words.iter().map(String::as_str).collect(),
        chosen: false,
        naming: None,
    });
    all(cards, canvas);
}

/// The cards of the open model, from the first that is seen on.
pub(super) fn of_open(pane: &TopicsPane, open: &Open, canvas: &mut Canvas<'_>) {
    let shown = pane.shown_topics();
    if shown.is_empty() {
        canvas.put(0, 0, "No topic holds that.", Role::Faint);
        return;
    }
    let area = Size { width: canvas.width(), height: canvas.height() + super::ABOVE };
    let top = open.topics.top(seen(area));
    let largest = open.about.topics.first().map_or(0.0, |topic| topic.share);
    let cards = shown.iter().enumerate().skip(top).filter_map(|(row, topic)| {
        let described = open.about.topics.get(*topic)?;
        let chosen = row == open.topics.chosen;
        Some(Card {
            topic: *topic,
            name: &described.name,
            share: described.share,
            largest,
            words: open.terms(*topic).take(24).collect(),
            chosen,
            naming: pane.naming.as_ref().filter(|_| chosen),
        })
    });
    all(cards, canvas);
}

fn all<'a>(cards: impl Iterator<Item = Card<'a>>, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let high = high(Size { width, height: height + super::ABOVE });
    for (y, card) in (0..height).step_by(usize::from(high)).zip(cards) {
        one(&card, &mut canvas.part(0, y, width, high));
    }
}

fn one(card: &Card<'_>, canvas: &mut Canvas<'_>) {
    let (width, high) = (canvas.width(), canvas.height());
    let pointer = canvas.signs().pointer;
    if card.chosen {
        (0..high.min(3)).for_each(|y| {
            canvas.put(0, y, pointer, Role::Pointer);
        });
    }
    let share = format!("{:.1} %", card.share * 100.0);
    let bar = width / 4;
    let left = width.saturating_sub(bar + 10);
    let number = format!("{:>3}", card.topic);
    let mut head = canvas.part(1, 0, left, 1);
    let x = head.line(0, 0, &[(&number, Role::Faint), ("  ", Role::Text)]);
    match card.naming {
        Some(input) => input.draw(&mut head, x, 0),
        None if card.name.is_empty() => {
            let leading = card.words.first().copied().unwrap_or_default();
            head.put(x, 0, leading, if card.chosen { Role::Accent } else { Role::Strong });
        }
        None => {
            head.put(x, 0, card.name, if card.chosen { Role::Accent } else { Role::Strong });
        }
    }
    let parts = if card.largest > 0.0 { parts_of(card.share / card.largest) } else { 0 };
    bars::progress(canvas, left + 2, 0, bar, parts, PARTS);
    canvas.put_right(width, 0, &share, Role::Text);
    // What stands in the head is not said twice.
    let skipped = usize::from(card.name.is_empty() && card.naming.is_none());
    let words: Vec<&str> = card.words.iter().copied().skip(skipped).collect();
    let mut body = canvas.part(6, 1, width.saturating_sub(7), high.saturating_sub(1).min(2));
    in_rows(&words, &mut body);
}

/// Words one after the other, those that fit whole.
fn in_rows(words: &[&str], canvas: &mut Canvas<'_>) {
    let (mut x, mut y) = (0_u16, 0);
    for word in words {
        let wide = u16::try_from(crate::text::width(&crate::text::sanitise(word))).unwrap_or(u16::MAX);
        if x > 0 && x.saturating_add(wide) > canvas.width() {
            (x, y) = (0, y + 1);
        }
        if y >= canvas.height() {
            break;
        }
        x = canvas.put(x, y, word, Role::Text) + 1;
    }
}

/// Parts of a whole bar.
const PARTS: u64 = 1_000;

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and 1,000")]
fn parts_of(share: f32) -> u64 {
    (share.clamp(0.0, 1.0) * 1_000.0).round() as u64
}
