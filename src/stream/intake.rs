//! What becomes of a line: read, filtered, compared with what was there before, and written as a record.
//!
//! Pure but for its memory of keys: it takes a line and adds to a [`Batch`] and a [`Tally`]; what it sets aside goes to
//! its caller.

use jiff::Timestamp;

use super::counters::Tally;
use super::dedup::Window;
use super::filter::Filter;
use super::post::PostKey;
use super::record::{Column, Fields, Format};
use super::spool::Batch;
use super::wire::{Incoming, Notice, Reader};
use super::wording::Wording;

/// What a line may hold beside posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aside {
    /// A line that cannot be read, and why. It is counted; its caller keeps it.
    Malformed(String),
    /// A post that its author took back.
    Deleted(PostKey, String),
    /// What the source says of itself.
    Said(Notice),
}

/// The way of lines to records.
#[derive(Debug)]
pub struct Intake {
    reader: Reader,
    filter: Filter,
    /// Which posts were there before.
    pub window: Window,
    wording: Wording,
    converted: Vec<u8>,
}

impl Intake {
    /// With a filter and a memory.
    pub fn new(filter: Filter, window: Window) -> Self {
        Self { reader: Reader::default(), filter, window, wording: Wording::default(), converted: Vec::new() }
    }

    /// Takes a line, without its end.
    pub fn line(
        &mut self,
        line: &[u8],
        received: Timestamp,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Option<Aside> {
        match self.reader.read(line) {
            Incoming::Posts(posts) => {
                for post in posts {
                    let key = post.key();
                    if !self.filter.keeps(&post) {
                        tally.filtered += 1;
                    } else if self.window.is_new(key) {
                        post.part(&mut self.wording);
                        batch.push(key, received, |out| post.write(&self.wording, Format::Tsv, out));
                    } else {
                        tally.duplicates += 1;
                    }
                }
                None
            }
            Incoming::Record(fields) => self.record(&fields, received, batch, tally),
            Incoming::JsonRecord(record) => {
                let mut converted = std::mem::take(&mut self.converted);
                converted.clear();
                record.write(Format::Tsv, &mut converted);
                let aside = Fields::split(&converted)
                    .ok()
                    .and_then(|fields| self.record(&fields, received, batch, tally));
                self.converted = converted;
                aside
            }
            Incoming::Delete(key, id) => Some(Aside::Deleted(key, id)),
            // What says nothing (somebody's new name, a like) is news of others, not of the source.
            Incoming::Notice(notice) if notice.detail.is_empty() && !notice.ends => None,
            Incoming::Notice(notice) => Some(Aside::Said(notice)),
            Incoming::Unknown(why) => {
                tally.malformed += 1;
                Some(Aside::Malformed(why))
            }
        }
    }

    fn record(
        &mut self,
        fields: &Fields<'_>,
        received: Timestamp,
        batch: &mut Batch,
        tally: &mut Tally,
    ) -> Option<Aside> {
        let id = fields.text(Column::Id);
        if id.is_empty() {
            tally.malformed += 1;
            return Some(Aside::Malformed("the record has no id".to_owned()));
        }
        let key = PostKey::of(&id);
        let is_retweet = fields.get(Column::RetweetedTweet) == b"yes";
        let texts = [Column::Text, Column::TweetTextHashtags, Column::TweetTextUsernames];
        let texts = texts.map(|column| fields.text(column));
        if !self.filter.keeps_record(key, is_retweet, &texts.each_ref().map(|text| text.as_ref())) {
            tally.filtered += 1;
        } else if self.window.is_new(key) {
            batch.push(key, received, |out| fields.write(Format::Tsv, out));
        } else {
            tally.duplicates += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::stream::filter::Wanted;

    fn intake(wanted: Wanted) -> Intake {
        let window = Window::in_memory(Duration::from_hours(1), Timestamp::UNIX_EPOCH);
        Intake::new(Filter::new(wanted).expect("few words"), window)
    }

    fn take(intake: &mut Intake, lines: &[&str]) -> (u64, Tally, Vec<Aside>) {
        let (mut batch, mut tally) = (Batch::default(), Tally::default());
        let asides = lines
            .iter()
            .filter_map(|line| intake.line(line.as_bytes(), Timestamp::UNIX_EPOCH, &mut batch, &mut tally))
            .collect();
        (batch.posts(), tally, asides)
    }

    #[test]
    fn every_line_is_counted_once() {
        let post = |id: u64, text: &str| format!(r#"{{"data":{{"id":"{id}","text":"{text}"}}}}"#);
        let mut intake = intake(Wanted { terms: vec!["mars".into()], ..Wanted::default() });
        let lines =
            [post(1, "Mars"), post(2, "moon"), post(1, "Mars again"), "<html>".into(), post(3, "#mars")];
        let (kept, tally, asides) = take(&mut intake, &lines.each_ref().map(String::as_str));
        assert_eq!((kept, tally), (2, Tally { filtered: 1, duplicates: 1, malformed: 1 }));
        assert!(matches!(asides.as_slice(), [Aside::Malformed(_)]));
    }

    #[test]
    fn what_others_did_is_no_notice_of_the_source() {
        let account = r#"{"did":"did:plc:a","time_us":1,"kind":"account","account":{"active":true}}"#;
        let limit = r#"{"limit":{"track":14}}"#;
        let (kept, tally, asides) = take(&mut intake(Wanted::default()), &[account, limit]);
        assert_eq!((kept, tally), (0, Tally::default()));
        assert!(matches!(asides.as_slice(), [Aside::Said(notice)] if notice.kind == "limit"), "{asides:?}");
    }

    #[test]
    fn a_record_that_is_read_is_the_record_that_is_written() {
        let line = (0..53).map(|column| format!("field {column}\t")).collect::<Vec<_>>().concat();
        let (mut batch, mut tally) = (Batch::default(), Tally::default());
        let mut intake = intake(Wanted::default());
        intake.line(line.as_bytes(), Timestamp::UNIX_EPOCH, &mut batch, &mut tally);
        assert_eq!(batch.iter().next().expect("a post").line, (line.clone() + "\n").as_bytes());
        let nameless = line.replacen("field 0", "", 1);
        let (kept, tally, _) = take(&mut intake, &[&nameless]);
        assert_eq!((kept, tally.malformed), (0, 1));
    }

    #[test]
    fn overlaps_and_disorder_give_every_post_once() {
        let post = |id: char| format!(r#"{{"data":{{"id":"{}","text":"{id}"}}}}"#, u32::from(id));
        let lines: Vec<String> = "ABCBCDACCE".chars().map(post).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let (kept, tally, _) = take(&mut intake(Wanted::default()), &lines);
        assert_eq!((kept, tally.duplicates), (5, 5));
    }
}
