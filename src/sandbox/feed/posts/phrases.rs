//! Sentences from their forms and words.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;

use super::subject_of;
use crate::sandbox::feed::people::{pick, pick_from};
use crate::sandbox::feed::text::Piece;
use crate::sandbox::feed::words::{self, Subject};

/// One of a list, some more often than others.
pub(super) fn weighted<'a, T>(rng: &mut ChaCha8Rng, from: &'a [T], weight: impl Fn(&T) -> u16) -> &'a T {
    let all: u16 = from.iter().map(&weight).sum();
    let mut drawn = rng.random_range(0..all.max(1));
    for candidate in from {
        match drawn.checked_sub(weight(candidate)) {
            None => return candidate,
            Some(rest) => drawn = rest,
        }
    }
    from.first().expect("lists to draw from are not empty")
}

/// Sentences on one theme of a subject.
pub(super) fn sentences(rng: &mut ChaCha8Rng, subject: &'static Subject, count: u32) -> String {
    let theme = pick_from(rng, subject.themes);
    sentences_of(rng, subject, theme, count)
}

/// Sentences on a theme.
pub(super) fn sentences_of(
    rng: &mut ChaCha8Rng,
    subject: &'static Subject,
    theme: &words::Theme,
    count: u32,
) -> String {
    let mut text = String::with_capacity(256);
    let capitals = rng.random_range(0..3_u32) != 0;
    for nth in 0..count {
        let own = rng.random_range(0..4_u32) == 0;
        let form = pick(rng, if own { subject.sentences } else { words::SENTENCES });
        let sentence = fill(form, |slot| {
            let list = match slot {
                "n" => theme.nouns,
                "v" => theme.verbs,
                "a" => theme.adjectives,
                _ => theme.scenes,
            };
            pick(rng, list)
        });
        if nth > 0 {
            text.push_str(if text.ends_with(['?', '!', '.']) { " " } else { ". " });
        }
        let mut letters = sentence.chars();
        match letters.next() {
            Some(first) if capitals => text.extend(first.to_uppercase().chain(letters)),
            _ => text.push_str(&sentence),
        }
    }
    text
}

/// Puts words into a sentence's slots, which are in braces.
pub(super) fn fill(form: &str, mut word: impl FnMut(&str) -> &'static str) -> String {
    let mut text = String::with_capacity(form.len() * 2);
    let mut rest = form;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let (slot, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(word(slot));
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A near-duplicate: one of the words is another.
pub(super) fn one_word_changed(mut pieces: Vec<Piece>, rng: &mut ChaCha8Rng, subject: usize) -> Vec<Piece> {
    let theme = pick_from(rng, subject_of(subject).themes);
    let other = pick(rng, theme.nouns);
    let drawn = rng.random_range(0..1000_usize);
    let longest = pieces.iter_mut().filter_map(|piece| match piece {
        Piece::Words(words) => Some(words),
        _ => None,
    });
    if let Some(text) = longest.max_by_key(|words| words.len()) {
        let mut parts: Vec<&str> = text.split(' ').collect();
        let index = drawn % parts.len().max(1);
        if let Some(part) = parts.get_mut(index) {
            *part = other;
        }
        *text = parts.join(" ");
    }
    pieces
}

/// Ten letters and digits, as in shortened links.
pub(super) fn code(rng: &mut ChaCha8Rng) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..10).map(|_| char::from(*pick_from(rng, LETTERS))).collect()
}
