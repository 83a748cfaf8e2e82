//! A text as pieces: words, hashtags, cashtags, mentions, links. Put together, each piece knows where it stands.

use std::fmt::Write;

use super::people::People;

/// A part of a text. Pieces are joined by single spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Words(String),
    /// Without the `#`.
    Tag(&'static str),
    /// Without the `$`.
    Cash(&'static str),
    /// Whom, by their place among the people.
    Mention(usize),
    Link(Link),
}

/// A link as X shortens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    /// What follows `https://t.co/`.
    pub(super) code: String,
    /// Where it goes.
    pub(super) page: String,
    /// Whether it stands for a picture of the post.
    pub(super) picture: bool,
}

impl Link {
    pub(super) fn short(&self) -> String {
        format!("https://t.co/{}", self.code)
    }

    /// The page as X shows it: without the scheme, and cut.
    pub(super) fn display(&self) -> String {
        let bare = self.page.strip_prefix("https://").unwrap_or(&self.page);
        let bare = bare.strip_prefix("www.").unwrap_or(bare);
        if bare.chars().count() <= 27 {
            return bare.to_owned();
        }
        bare.chars().take(26).chain(['…']).collect()
    }
}

/// Where a piece stands in a text put together, in code points or bytes as its maker counts; the end is exclusive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span<'a> {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) piece: &'a Piece,
}

/// A text put together.
#[derive(Debug, Default)]
pub(super) struct Composed<'a> {
    pub(super) text: String,
    pub(super) spans: Vec<Span<'a>>,
}

/// How many code points of a text X shows before it is a long post.
pub(super) const SHORT: usize = 280;
/// Where a long text is cut, and a retweet's.
const CUT_LONG: usize = 277;
const CUT_RETWEET: usize = 139;

/// The text as X writes it: `&`, `<` and `>` are escaped, links are shortened. Spans are in code points of this text.
pub(super) fn for_x<'a>(pieces: &'a [Piece], people: &People) -> Composed<'a> {
    let mut done = Composed::default();
    let mut at = 0;
    append_for_x(&mut done, &mut at, pieces, people);
    done
}

/// The text of a retweet, which is cut: `RT @handle: ` and the original.
pub(super) fn retweet_for_x<'a>(mention: &'a Piece, pieces: &'a [Piece], people: &People) -> Composed<'a> {
    let mut done = Composed { text: "RT ".to_owned(), spans: Vec::new() };
    let mut at = 3;
    append_for_x(&mut done, &mut at, std::slice::from_ref(mention), people);
    done.text.push_str(": ");
    at += 2;
    append_for_x(&mut done, &mut at, pieces, people);
    if at > CUT_RETWEET + 1 { cut(&done, CUT_RETWEET) } else { done }
}

/// What X shows of a long text; the whole is in the note.
pub(super) fn shortened<'a>(whole: &Composed<'a>) -> Composed<'a> {
    cut(whole, CUT_LONG)
}

fn cut<'a>(whole: &Composed<'a>, keep: usize) -> Composed<'a> {
    let mut text: String = whole.text.chars().take(keep).collect();
    text.push('…');
    Composed { text, spans: whole.spans.iter().filter(|span| span.end <= keep).copied().collect() }
}

fn append_for_x<'a>(done: &mut Composed<'a>, at: &mut usize, pieces: &'a [Piece], people: &People) {
    for (index, piece) in pieces.iter().enumerate() {
        if index > 0 {
            done.text.push(' ');
            *at += 1;
        }
        let (start, from) = (*at, done.text.len());
        match piece {
            Piece::Words(words) => escape(words, &mut done.text),
            Piece::Tag(tag) => put(&mut done.text, format_args!("#{tag}")),
            Piece::Cash(symbol) => put(&mut done.text, format_args!("${symbol}")),
            Piece::Mention(whom) => put(&mut done.text, format_args!("@{}", people.get(*whom).handle)),
            Piece::Link(link) => put(&mut done.text, format_args!("https://t.co/{}", link.code)),
        }
        *at += done.text.get(from..).map_or(0, |added| added.chars().count());
        if !matches!(piece, Piece::Words(_)) {
            done.spans.push(Span { start, end: *at, piece });
        }
    }
}

fn put(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).expect("a String takes every text");
}

fn escape(words: &str, into: &mut String) {
    for character in words.chars() {
        match character {
            '&' => into.push_str("&amp;"),
            '<' => into.push_str("&lt;"),
            '>' => into.push_str("&gt;"),
            plain => into.push(plain),
        }
    }
}

/// Bluesky takes no longer text than this, in code points here (it counts graphemes, which are no more).
const BLUESKY_LONGEST: usize = 300;

/// The text as Bluesky has it: as it was typed, links as they are shown. Spans are in bytes of UTF-8.
pub(super) fn for_bluesky<'a>(pieces: &'a [Piece], people: &People) -> Composed<'a> {
    let mut done = Composed::default();
    let mut length = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let own = match piece {
            Piece::Words(words) => words.clone(),
            Piece::Tag(tag) => format!("#{tag}"),
            Piece::Cash(symbol) => format!("${symbol}"),
            Piece::Mention(whom) => format!("@{}", bluesky_handle(&people.get(*whom).handle)),
            Piece::Link(link) => link.display(),
        };
        length += own.chars().count() + usize::from(index > 0);
        if length > BLUESKY_LONGEST {
            break;
        }
        if index > 0 {
            done.text.push(' ');
        }
        let start = done.text.len();
        done.text.push_str(&own);
        if matches!(piece, Piece::Tag(_) | Piece::Mention(_) | Piece::Link(_)) {
            done.spans.push(Span { start, end: done.text.len(), piece });
        }
    }
    done
}

/// `lunar_desk` is `lunar-desk.example` there.
pub(super) fn bluesky_handle(handle: &str) -> String {
    format!("{}.example", handle.to_lowercase().replace('_', "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_count_code_points_of_the_escaped_text() {
        let people = People::new(1);
        let pieces = [
            Piece::Words("🚀 fish & chips <3".to_owned()),
            Piece::Tag("été"),
            Piece::Mention(4),
            Piece::Cash("ORBX"),
        ];
        let done = for_x(&pieces, &people);
        assert!(done.text.starts_with("🚀 fish &amp; chips &lt;3 #été @"));
        for span in &done.spans {
            let slice: String = done.text.chars().skip(span.start).take(span.end - span.start).collect();
            assert!(slice.starts_with(['#', '@', '$']) && !slice.contains(' '), "{slice}");
        }
    }

    #[test]
    fn a_cut_text_keeps_only_the_entities_that_are_whole() {
        let people = People::new(1);
        let pieces = [Piece::Words("x".repeat(274)), Piece::Tag("mars"), Piece::Tag("rover")];
        let whole = for_x(&pieces, &people);
        let short = shortened(&whole);
        assert_eq!((whole.spans.len(), short.spans.len()), (2, 0));
        assert_eq!(short.text.chars().count(), 278);
    }

    #[test]
    fn facets_count_bytes() {
        let people = People::new(1);
        let pieces = [Piece::Words("Ракета 🚀 & <b>".to_owned()), Piece::Tag("космос")];
        let done = for_bluesky(&pieces, &people);
        let span = done.spans.first().expect("the hashtag");
        assert_eq!(done.text.get(span.start..span.end), Some("#космос"));
    }
}
