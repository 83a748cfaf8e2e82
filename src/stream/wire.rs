//! Lines of a source, read: what each is, and the posts in it.
//!
//! A line is classified by what it holds, never by where it came from: X's API v2 in both of its dialects (single posts,
//! search pages, flattened ones), API v1.1 with its notices, Bluesky's Jetstream in both versions, hydrant's own
//! records as columns or JSON. Posts borrow from the line. What is none of these is [`Incoming::Unknown`]: the caller
//! counts it and keeps the line.

mod bluesky;
mod lenient;
mod v1;
mod v2;

use super::post::{Post, PostKey};
use super::record::{Fields, JsonRecord};

/// What a line is.
#[derive(Debug)]
pub enum Incoming<'a> {
    /// Posts: mostly one, of a search page many.
    Posts(Vec<Post<'a>>),
    /// A record, in columns.
    Record(Box<Fields<'a>>),
    /// A record, as JSON.
    JsonRecord(JsonRecord),
    /// A post that its author took back.
    Delete(PostKey, String),
    /// Something else that a source says of itself: how many posts it left out, a warning, an account's state.
    Notice(Notice),
    /// Nothing that can be read: why, in words.
    Unknown(String),
}

/// What a source says of itself between posts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Notice {
    /// What kind of notice it is: `limit`, `OperationalDisconnect`, `identity` …
    pub kind: String,
    /// What it says.
    pub detail: String,
    /// Whether the source ends its stream with it.
    pub ends: bool,
}

/// The shapes that lines have had, the last one first: a file or a stream hardly ever mixes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Shape {
    #[default]
    Enveloped,
    Flat,
    V1,
    Bluesky,
    JsonRecord,
}

impl Shape {
    const ALL: [Self; 5] = [Self::Enveloped, Self::Flat, Self::V1, Self::Bluesky, Self::JsonRecord];

    /// The line in this shape; `None` if it has another. An error if it is no JSON that this shape could have.
    fn read(self, line: &[u8]) -> Result<Option<Incoming<'_>>, serde_json::Error> {
        match self {
            Self::Enveloped => v2::enveloped(line),
            Self::Flat => v2::flat(line),
            Self::V1 => v1::read(line),
            Self::Bluesky => bluesky::read(line),
            Self::JsonRecord => Ok(JsonRecord::parse(line).ok().map(Incoming::JsonRecord)),
        }
    }
}

/// Reads lines; remembers what the last one was.
#[derive(Debug, Default)]
pub struct Reader {
    last: Shape,
}

impl Reader {
    /// Reads a line, given without its line end.
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Incoming<'a> {
        if line.trim_ascii_start().first() != Some(&b'{') {
            return match Fields::split(line) {
                Ok(fields) => Incoming::Record(Box::new(fields)),
                Err(why) => Incoming::Unknown(why.to_string()),
            };
        }
        let mut why = None;
        let others = Shape::ALL.into_iter().filter(|shape| *shape != self.last);
        for shape in std::iter::once(self.last).chain(others) {
            match shape.read(line) {
                Ok(Some(incoming)) => {
                    self.last = shape;
                    return incoming;
                }
                Ok(None) => {}
                Err(error) => why = Some(error),
            }
        }
        Incoming::Unknown(why.map_or_else(
            || "it is JSON, but neither a post nor a notice".to_owned(),
            |error| error.to_string(),
        ))
    }
}

#[cfg(test)]
mod tests;
