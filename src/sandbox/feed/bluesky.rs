//! What happens on Bluesky when the feed's posts are written there: events as both versions of Jetstream send them.
//!
//! Each post number has four places for events, so that a cursor leads back to the same event: what was written, an
//! earlier record that is deleted, and, seldom, an account's new handle or new state.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::posts::{Feed, Post, Relation, Target, mix, moment};
use super::text::{self, Piece};
use crate::sandbox::clock::iso;

/// Places for events at each post.
const PLACES: u64 = 4;
/// How many posts later a record is deleted.
const DELETED_AFTER: u64 = 40;

pub(super) const POSTS: &str = "app.bsky.feed.post";
const REPOSTS: &str = "app.bsky.feed.repost";

/// Something that happened.
#[derive(Debug)]
pub(super) struct Event {
    /// Its place in the order of all events of this instance.
    pub(super) seq: u64,
    /// Microseconds since 1970.
    pub(super) time_us: i64,
    pub(super) did: String,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Create { collection: &'static str, rkey: String, cid: String, record: Value },
    Delete { collection: &'static str, rkey: String },
    Identity { handle: String },
    Account { active: bool },
}

impl What {
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Create { .. } | Self::Delete { .. } => "commit",
            Self::Identity { .. } => "identity",
            Self::Account { .. } => "account",
        }
    }

    pub(super) const fn collection(&self) -> Option<&'static str> {
        match self {
            Self::Create { collection, .. } | Self::Delete { collection, .. } => Some(collection),
            Self::Identity { .. } | Self::Account { .. } => None,
        }
    }
}

/// The number of the post that an event with this sequence number belongs to.
pub(super) const fn number_of(seq: u64) -> u64 {
    seq / PLACES
}

/// The first sequence number of a post's events.
pub(super) const fn first_of(number: u64) -> u64 {
    number * PLACES
}

/// The event with a sequence number, as tests compare it: what was done to which record.
pub(super) fn name(feed: &Feed, seq: u64) -> Value {
    let event = events(feed, number_of(seq)).into_iter().find(|event| event.seq == seq);
    let Some(Event { did, what, time_us, .. }) = event else { return Value::Null };
    let (operation, record) = match what {
        What::Create { collection, rkey, .. } => ("create", format!("{did}/{collection}/{rkey}")),
        What::Delete { collection, rkey } => ("delete", format!("{did}/{collection}/{rkey}")),
        What::Identity { .. } => ("identity", did),
        What::Account { .. } => ("account", did),
    };
    json!({ "seq": seq, "time_us": time_us, "operation": operation, "record": record })
}

/// What happens at a post's number.
pub(super) fn events(feed: &Feed, number: u64) -> Vec<Event> {
    let post = feed.post(number);
    let mut events = Vec::with_capacity(2);
    let mut add = |place: u64, author: usize, what: What| {
        events.push(Event {
            seq: number * PLACES + place,
            time_us: post.at + i64::try_from(place).unwrap_or_default(),
            did: feed.person(author).did.clone(),
            what,
        });
    };
    add(0, post.author, create(feed, &post));
    if let Some(earlier) = number.checked_sub(DELETED_AFTER).map(|earlier| feed.post(earlier))
        && earlier.one_of(53, 31)
    {
        add(1, earlier.author, What::Delete { collection: collection(&earlier), rkey: rkey(earlier.at) });
    }
    if post.one_of(211, 32) {
        let handle = text::bluesky_handle(&feed.person(post.author).handle);
        add(2, post.author, What::Identity { handle });
    }
    if post.one_of(307, 33) {
        add(3, post.author, What::Account { active: !post.one_of(3, 34) });
    }
    events
}

fn collection(post: &Post) -> &'static str {
    if post.refers(Relation::Retweeted).is_some() { REPOSTS } else { POSTS }
}

fn create(feed: &Feed, post: &Post) -> What {
    let collection = collection(post);
    let record = match post.refers(Relation::Retweeted) {
        Some(target) => json!({
            "$type": REPOSTS,
            "createdAt": iso(moment(post.at)),
            "subject": subject(feed, target),
        }),
        None => record(feed, post),
    };
    What::Create { collection, rkey: rkey(post.at), cid: cid(post.id), record }
}

fn record(feed: &Feed, post: &Post) -> Value {
    let composed = text::for_bluesky(&post.pieces, feed.people());
    let mut record = json!({ "$type": POSTS, "createdAt": claimed(post), "text": composed.text });
    // Clients need not say the language.
    if !post.one_of(25, 35) {
        record["langs"] = json!([if post.lang == "iw" { "he" } else { post.lang }]);
    }
    let facets: Vec<Value> = composed.spans.iter().filter_map(|span| facet(feed, span)).collect();
    if !facets.is_empty() {
        record["facets"] = facets.into();
    }
    if let Some(parent) = post.refers(Relation::RepliedTo) {
        let parent = subject(feed, parent);
        record["reply"] = json!({ "root": parent, "parent": parent });
    }
    if let Some(quoted) = post.refers(Relation::Quoted) {
        record["embed"] = json!({ "$type": "app.bsky.embed.record", "record": subject(feed, quoted) });
    }
    record
}

fn facet(feed: &Feed, span: &text::Span<'_>) -> Option<Value> {
    let feature = match span.piece {
        Piece::Tag(tag) => json!({ "$type": "app.bsky.richtext.facet#tag", "tag": tag }),
        Piece::Mention(whom) => {
            json!({ "$type": "app.bsky.richtext.facet#mention", "did": feed.person(*whom).did })
        }
        Piece::Link(link) => json!({ "$type": "app.bsky.richtext.facet#link", "uri": link.page }),
        Piece::Words(_) | Piece::Cash(_) => return None,
    };
    Some(json!({ "index": { "byteStart": span.start, "byteEnd": span.end }, "features": [feature] }))
}

/// When the client says that it wrote a post: it may say anything.
fn claimed(post: &Post) -> String {
    match mix(post.salt, 36) % 400 {
        0 => "2019-02-30T25:00:00Z".to_owned(),
        1 => "1970-01-01T00:00:00.000Z".to_owned(),
        2 => iso(moment(post.at + 86_400_000_000 * 400)),
        _ => iso(moment(post.at)),
    }
}

fn subject(feed: &Feed, target: &Target) -> Value {
    let Some(post) = target.whole() else {
        return json!({ "uri": format!("at://did:plc:gone/{POSTS}/{}", target.id()), "cid": cid(target.id()) });
    };
    let did = &feed.person(post.author).did;
    json!({ "uri": format!("at://{did}/{}/{}", collection(post), rkey(post.at)), "cid": cid(post.id) })
}

/// A record's key: its time in thirteen letters that sort as times do.
fn rkey(us: i64) -> String {
    const LETTERS: &[u8] = b"234567abcdefghijklmnopqrstuvwxyz";
    let number = us.unsigned_abs() << 10 | 0x2a;
    (0..13_u32)
        .rev()
        .map(|place| usize::try_from(number >> (place * 5) & 31).ok().and_then(|index| LETTERS.get(index)))
        .map(|letter| char::from(letter.copied().unwrap_or(b'2')))
        .collect()
}

/// Looks like a content id; nothing can be checked with it.
fn cid(id: u64) -> String {
    const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut cid = "bafyrei".to_owned();
    let mut mixed = 0;
    for place in 0..52_u64 {
        if place % 12 == 0 {
            mixed = mix(id, place);
        }
        let letter = usize::try_from(mixed & 31).ok().and_then(|index| LETTERS.get(index)).copied();
        cid.push(char::from(letter.unwrap_or(b'a')));
        mixed >>= 5;
    }
    cid
}

impl Event {
    /// As version 1 writes it.
    pub(super) fn v1(&self) -> Value {
        let rev = rkey(self.time_us);
        let mut event = json!({ "did": self.did, "time_us": self.time_us, "kind": self.what.kind() });
        let time = iso(moment(self.time_us));
        match &self.what {
            What::Create { collection, rkey, cid, record } => {
                event["commit"] = json!({
                    "rev": rev, "operation": "create", "collection": collection, "rkey": rkey,
                    "record": record, "cid": cid,
                });
            }
            What::Delete { collection, rkey } => {
                event["commit"] =
                    json!({ "rev": rev, "operation": "delete", "collection": collection, "rkey": rkey });
            }
            What::Identity { handle } => {
                event["identity"] =
                    json!({ "did": self.did, "handle": handle, "seq": self.seq, "time": time });
            }
            What::Account { active } => {
                event["account"] = account(&self.did, *active, self.seq, &time);
            }
        }
        event
    }

    /// As version 2 writes it.
    pub(super) fn v2(&self) -> Value {
        let time = Timestamp::from_microsecond(self.time_us)
            .map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string());
        let mut payload = json!({
            "$type": format!("network.bsky.jetstream.subscribeEvents#{}", self.what.kind()),
            "seq": self.seq, "did": self.did, "time": time, "witnessedAt": time,
        });
        let mut put = |name: &str, value: Value| payload[name] = value;
        match &self.what {
            What::Create { collection, rkey, cid, record } => {
                put("rev", json!(self::rkey(self.time_us)));
                put("operation", json!("create"));
                put("collection", json!(collection));
                put("rkey", json!(rkey));
                put("record", record.clone());
                put("cid", json!(cid));
            }
            What::Delete { collection, rkey } => {
                put("rev", json!(self::rkey(self.time_us)));
                put("operation", json!("delete"));
                put("collection", json!(collection));
                put("rkey", json!(rkey));
            }
            // Both wrap the event of the network itself.
            What::Identity { handle } => put(
                "identity",
                json!({ "did": self.did, "handle": handle, "seq": self.seq, "time": iso(moment(self.time_us)) }),
            ),
            What::Account { active } => {
                put("account", account(&self.did, *active, self.seq, &iso(moment(self.time_us))));
            }
        }
        json!({ "$type": "message", "payload": payload })
    }
}

fn account(did: &str, active: bool, seq: u64, time: &str) -> Value {
    let mut account = json!({ "active": active, "did": did, "seq": seq, "time": time });
    if !active {
        account["status"] = json!("deactivated");
    }
    account
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_deleted_was_created_before() {
        let feed = Feed::new(7, 20);
        let first = feed.number_at("2026-11-20T14:03:01Z".parse().expect("a time"));
        let mut created = std::collections::HashSet::new();
        let (mut deleted, mut seqs, mut kinds) = (0, Vec::new(), std::collections::BTreeSet::new());
        for number in first..first + 2000 {
            for event in events(&feed, number) {
                seqs.push(event.seq);
                assert_eq!(number_of(event.seq), number);
                kinds.insert(event.what.kind());
                match &event.what {
                    What::Create { rkey, .. } => {
                        created.insert((event.did.clone(), rkey.clone()));
                    }
                    What::Delete { rkey, .. } if number >= first + DELETED_AFTER => {
                        deleted += 1;
                        assert!(created.contains(&(event.did.clone(), rkey.clone())));
                    }
                    _ => {}
                }
            }
        }
        assert!(deleted > 10 && kinds.len() == 3, "{deleted} {kinds:?}");
        assert!(seqs.is_sorted());
    }

    #[test]
    fn keys_sort_as_their_times() {
        let keys: Vec<String> =
            [1_795_183_410_000_123, 1_795_183_410_000_124, 1_895_183_410_000_000].map(rkey).into();
        assert!(keys.is_sorted() && keys.iter().all(|key| key.len() == 13));
    }
}
