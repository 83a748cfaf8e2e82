//! A post's text taken apart: what is read, and the links, hashtags and users that stood in it.
//!
//! The rules are the predecessor's, without its faults: links (`https?://` up to the next space), `#hashtags` and
//! `@users` leave the text for lists of their own, emoji are removed, line breaks and runs of spaces become one space.
//! A retweet's mark is only taken off as a whole (`RT @user: `), never as a set of letters: "rt truth" stays.

use super::record::breaks;

/// A text in its parts. Made to be filled again and again, so that no post costs an allocation.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Wording {
    /// What is left to read.
    pub text: String,
    /// The links, joined by `|`.
    pub urls: List,
    /// The hashtags with their `#`, joined by `|`.
    pub hashtags: List,
    /// The users with their `@`, joined by `|`.
    pub users: List,
    unescaped: String,
}

/// Things joined by `|`, and how many they are.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct List {
    /// As a record writes them.
    pub joined: String,
    /// How many.
    pub count: u64,
}

impl List {
    fn clear(&mut self) {
        self.joined.clear();
        self.count = 0;
    }

    fn push(&mut self, item: &str) {
        if self.count > 0 {
            self.joined.push('|');
        }
        // Only links can hold one; in a link, this is how it is written.
        if item.contains('|') {
            self.joined.push_str(&item.replace('|', "%7C"));
        } else {
            self.joined.push_str(item);
        }
        self.count += 1;
    }
}

/// How a text was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// X's: `&`, `<` and `>` are escaped, users are letters, digits and `_`.
    #[default]
    X,
    /// Bluesky's: as typed; users are domain names.
    Bluesky,
}

impl Wording {
    /// Takes a text apart, in place of what was there before.
    pub fn part(&mut self, text: &str, style: Style) {
        self.text.clear();
        self.urls.clear();
        self.hashtags.clear();
        self.users.clear();
        if style == Style::X && memchr::memchr(b'&', text.as_bytes()).is_some() {
            let mut unescaped = std::mem::take(&mut self.unescaped);
            unescape(text, &mut unescaped);
            self.part_plain(&unescaped, style);
            self.unescaped = unescaped;
        } else {
            self.part_plain(text, style);
        }
    }

    fn part_plain(&mut self, text: &str, style: Style) {
        let mut rest = text;
        let mut before = None;
        let mut emoji_before = false;
        while let Some(character) = rest.chars().next() {
            let taken = match character {
                'h' => link(rest).inspect(|link| self.urls.push(link)),
                '#' if !before.is_some_and(is_word) => hashtag(rest).inspect(|tag| self.hashtags.push(tag)),
                '@' if !before.is_some_and(is_word) => {
                    user(rest, style).inspect(|user| self.users.push(user))
                }
                _ => None,
            };
            if let Some(taken) = taken {
                self.space();
                rest = rest.get(taken.len()..).unwrap_or_default();
                before = Some(' ');
                continue;
            }
            let part_of_emoji = emoji_before && matches!(character, '\u{200d}' | '\u{fe0e}');
            emoji_before = part_of_emoji || is_emoji(character);
            if emoji_before || character.is_whitespace() || breaks(character) {
                self.space();
            } else {
                self.text.push(character);
            }
            before = Some(character);
            rest = rest.get(character.len_utf8()..).unwrap_or_default();
        }
        if self.text.ends_with(' ') {
            self.text.pop();
        }
    }

    /// One space, unless there is one or nothing stands before it.
    fn space(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }
}

/// The text behind a retweet's mark, if it begins with one.
pub fn without_retweet_mark(text: &str) -> &str {
    let behind = || {
        let rest = text.strip_prefix("RT @")?;
        let name = rest.find(|character: char| !is_handle(character))?;
        rest.get(name..)?.strip_prefix(": ").filter(|_| name > 0)
    };
    behind().unwrap_or(text)
}

/// `https?://` and at least one sign more, up to the next space.
fn link(text: &str) -> Option<&str> {
    let rest = text.strip_prefix("http")?;
    let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix("://")?;
    let end =
        rest.find(|character: char| character.is_whitespace() || breaks(character)).unwrap_or(rest.len());
    let length = text.len() - rest.len() + end;
    text.get(..length).filter(|_| end > 0)
}

/// `#` and a word that is no number, as X takes hashtags.
fn hashtag(text: &str) -> Option<&str> {
    let word = text.get(1..)?;
    let end = word.find(|character: char| !is_word(character)).unwrap_or(word.len());
    let word = word.get(..end)?;
    let is_tag = word.contains(|character: char| !character.is_ascii_digit());
    text.get(..1 + end).filter(|_| is_tag)
}

fn user(text: &str, style: Style) -> Option<&str> {
    let name = text.get(1..)?;
    let end = match style {
        Style::X => name.find(|character: char| !is_handle(character)).unwrap_or(name.len()),
        Style::Bluesky => {
            let domain = |character: char| is_handle(character) || matches!(character, '.' | '-');
            let end = name.find(|character: char| !domain(character)).unwrap_or(name.len());
            // A full stop ends a sentence, not a name.
            name.get(..end).unwrap_or_default().trim_end_matches(['.', '-']).len()
        }
    };
    text.get(..1 + end).filter(|_| end > 0)
}

fn is_handle(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Emoji and what only belongs to them: variation selectors, keycaps, tags. Joiners are of use in other scripts, and
/// only go with an emoji before them.
const fn is_emoji(character: char) -> bool {
    matches!(character,
        '\u{20e3}' | '\u{2190}'..='\u{21ff}' | '\u{2300}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}'
        | '\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{e0020}'..='\u{e007f}')
}

/// The entities that X's texts carry, resolved exactly once.
fn unescape(text: &str, into: &mut String) {
    const ENTITIES: [(&str, char); 5] =
        [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\'')];
    into.clear();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        let (plain, from) = rest.split_at(at);
        into.push_str(plain);
        let (entity, character) =
            ENTITIES.into_iter().find(|(entity, _)| from.starts_with(entity)).unwrap_or(("&", '&'));
        into.push(character);
        rest = from.get(entity.len()..).unwrap_or_default();
    }
    into.push_str(rest);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parted(text: &str, style: Style) -> (String, String, String, String) {
        let mut wording = Wording::default();
        wording.part("something of before #tag @user https://t.co/x", Style::X);
        wording.part(text, style);
        (wording.text, wording.urls.joined, wording.hashtags.joined, wording.users.joined)
    }

    #[test]
    fn a_text_comes_apart() {
        for (text, read, urls, hashtags, users) in [
            (
                "Perihelion burn done, telemetry nominal #mars $RKLB thanks @lunar_desk https://t.co/AbC",
                "Perihelion burn done, telemetry nominal $RKLB thanks",
                "https://t.co/AbC",
                "#mars",
                "@lunar_desk",
            ),
            ("two http://a.b/c?x|y https://d", "two", "http://a.b/c?x%7Cy|https://d", "", ""),
            (
                "no http:// https:// link, mail a@b.example, #1 and C#5a",
                "no http:// https:// link, mail a@b.example, #1 and C#5a",
                "",
                "",
                "",
            ),
            ("#火星 @x: #हिंदी!", ": !", "", "#火星|#हिंदी", "@x"),
            ("######## @@@ $$$", "######## @@@ $$$", "", "", ""),
            ("rt truth starts @tart", "rt truth starts", "", "", "@tart"),
            ("rocket 👨‍👩‍👧‍👦 🇫🇮 👍🏽 1️⃣ ❤️ 🏴‍☠️ end a🚀b", "rocket 1 end a b", "", "", ""),
            ("a\tb\nc\r\nd\u{2028}e  f \u{0} g", "a b c d e f g", "", "", ""),
            ("&amp;lt; &lt;b&gt; &quot;q&quot; & &nope; R&amp;D", "&lt; <b> \"q\" & &nope; R&D", "", "", ""),
            ("e\u{301} z\u{335}\u{321} क्‍ष", "e\u{301} z\u{335}\u{321} क्‍ष", "", "", ""),
        ] {
            let expected = (read.to_owned(), urls.to_owned(), hashtags.to_owned(), users.to_owned());
            assert_eq!(parted(text, Style::X), expected, "{text:?}");
        }
        let bluesky = parted("hi @orbit.example. R&amp;D", Style::Bluesky);
        assert_eq!((bluesky.0.as_str(), bluesky.3.as_str()), ("hi . R&amp;D", "@orbit.example"));
    }

    #[test]
    fn a_retweets_mark_goes_as_a_whole_or_not_at_all() {
        for (text, behind) in [
            ("RT @gone_user: this was deleted", "this was deleted"),
            ("rt truth", "rt truth"),
            ("RT @: x", "RT @: x"),
            ("RT @a b", "RT @a b"),
            ("RT truth", "RT truth"),
        ] {
            assert_eq!(without_retweet_mark(text), behind);
        }
    }

    proptest! {
        #[test]
        fn parted_once_a_text_stays_as_it_is(text in "([a-z#@&;. ]|https://|&amp;|🚀|\\PC|\\s)*") {
            let mut once = Wording::default();
            once.part(&text, Style::Bluesky);
            prop_assert!(!once.text.contains(breaks) && !once.text.starts_with(' ') && !once.text.ends_with(' '));
            prop_assert_eq!(once.urls.count == 0, once.urls.joined.is_empty());
            let items = if once.hashtags.count == 0 { 0 } else { once.hashtags.joined.split('|').count() as u64 };
            prop_assert_eq!(items, once.hashtags.count);
        }
    }
}
