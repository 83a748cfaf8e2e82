use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::stream::record::{Column as C, Format};
use crate::stream::wording::Wording;

fn user(id: &str, name: &str) -> Value {
    json!({ "id": id, "username": name, "name": "Orbit Watcher", "created_at": "2023-04-23T09:00:00.000Z",
        "location": "Turku, Finland", "protected": false, "verified": true, "verified_type": "blue",
        "public_metrics": { "followers_count": 1204, "following_count": 310, "tweet_count": 8841, "listed_count": 12,
            "like_count": 4021, "media_count": 77 } })
}

fn tweet(id: &str, text: &str) -> Value {
    json!({ "id": id, "text": text, "created_at": "2026-11-20T14:03:01.000Z", "author_id": "11", "lang": "en",
        "edit_history_tweet_ids": [id],
        "public_metrics": { "retweet_count": 3, "reply_count": 1, "like_count": 2, "quote_count": 4 } })
}

fn with(mut tweet: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("an object: {more}") };
    tweet.as_object_mut().expect("an object").extend(more);
    tweet
}

fn envelope(data: Value, tweets: Value) -> Value {
    let mut line = json!({ "includes": { "users": [user("11", "orbitwatcher"), user("12", "lunar_desk")] },
        "matching_rules": [{ "id": "1", "tag": "space-1" }] });
    line["data"] = data;
    line["includes"]["tweets"] = tweets;
    line
}

/// The same in the names of August 2026.
fn renamed(line: &Value) -> Value {
    let text = [
        ("referenced_tweets", "referenced_posts"),
        ("note_tweet", "note_post"),
        ("edit_history_tweet_ids", "edit_history_post_ids"),
        ("\"tweets\"", "\"posts\""),
        ("retweet_count", "repost_count"),
        ("tweet_count", "post_count"),
    ]
    .into_iter()
    .fold(line.to_string(), |text, (old, new)| text.replace(old, new));
    serde_json::from_str(&text.replace("repost_post_count", "repost_count")).expect("JSON")
}

fn records(line: &[u8]) -> Vec<Vec<String>> {
    let (mut wording, mut out) = (Wording::default(), Vec::new());
    match Reader::default().read(line) {
        Incoming::Posts(posts) => {
            for post in posts {
                post.part(&mut wording);
                post.write(&wording, Format::Tsv, &mut out);
            }
        }
        Incoming::Record(fields) => fields.write(Format::Tsv, &mut out),
        Incoming::JsonRecord(record) => record.write(Format::Tsv, &mut out),
        other => panic!("{other:?}"),
    }
    let lines = out.split_inclusive(|byte| *byte == b'\n');
    let fields = |line: &[u8]| {
        let fields = Fields::split(line).expect("a record");
        fields.columns().map(|(_, text)| text.into_owned()).collect()
    };
    lines.map(fields).collect()
}

fn record(line: &Value) -> Vec<String> {
    records(line.to_string().as_bytes()).remove(0)
}

fn columns<const N: usize>(line: &Value, wanted: [C; N]) -> [String; N] {
    let record = record(line);
    wanted.map(|column| record[column as usize].clone())
}

fn samples() -> Vec<Value> {
    let note = "One long text. ".repeat(30);
    let original =
        with(tweet("5", "One long text… https://t.co/Zy"), json!({ "note_tweet": { "text": note } }));
    let refers = |kind: &str| json!({ "referenced_tweets": [{ "type": kind, "id": "5" }] });
    vec![
        envelope(
            tweet("2123779146118725632", "Burn done #mars $RKLB thanks @lunar_desk https://t.co/Ab"),
            json!([]),
        ),
        envelope(with(tweet("6", "RT @lunar_desk: One long…"), refers("retweeted")), json!([original])),
        envelope(with(tweet("7", "This. https://t.co/Qu"), refers("quoted")), json!([original])),
        envelope(
            with(
                tweet("8", "@lunar_desk agreed"),
                json!({ "in_reply_to_user_id": "12",
                "referenced_tweets": [{ "type": "quoted", "id": "5" }, { "type": "replied_to", "id": "9" }] }),
            ),
            json!([original]),
        ),
        envelope(
            with(tweet("10", "Ünïcode 🚀…"), json!({ "note_tweet": { "text": "Ünïcode 🚀 in full #mars" } })),
            json!([]),
        ),
    ]
}

#[test]
fn both_dialects_give_the_same_record() {
    for line in samples() {
        assert_ne!(line, renamed(&line));
        assert_eq!(record(&line), record(&renamed(&line)));
    }
}

#[test]
fn escapes_and_plain_letters_give_the_same_record() {
    for line in samples() {
        let escaped: String = line
            .to_string()
            .chars()
            .map(|character| {
                let mut units = [0; 2];
                let escape = |unit: &u16| format!("\\u{unit:04x}");
                if character.is_ascii() {
                    character.to_string()
                } else {
                    character.encode_utf16(&mut units).iter().map(escape).collect()
                }
            })
            .collect();
        assert_eq!(records(escaped.as_bytes()).remove(0), record(&line));
    }
}

#[test]
fn the_record_is_the_predecessors() {
    let [first, retweet, quote, reply, long] = samples().try_into().expect("five");
    let shown = columns(
        &first,
        [C::Id, C::CreatedAt, C::Text, C::TweetTextUrls, C::TweetTextHashtags, C::TweetTextUsernames],
    );
    assert_eq!(
        shown,
        [
            "2123779146118725632",
            "Fri Nov 20 14:03:01 +0000 2026",
            "Burn done $RKLB thanks",
            "https://t.co/Ab",
            "#mars",
            "@lunar_desk"
        ]
    );
    let author = columns(
        &first,
        [
            C::UserName,
            C::UserScreenName,
            C::UserFollowers,
            C::UserFriends,
            C::UserListed,
            C::UserFavourites,
            C::UserStatuses,
            C::UserVerified,
            C::UserJoined,
            C::UserLocation,
        ],
    );
    assert_eq!(
        author,
        [
            "Orbit Watcher",
            "orbitwatcher",
            "1204",
            "310",
            "12",
            "4021",
            "8841",
            "True",
            "Sun Apr 23 09:00:00 +0000 2023",
            "Turku, Finland"
        ]
    );
    let counts = columns(
        &first,
        [C::QuoteCount, C::ReplyCount, C::RetweetCount, C::FavoriteCount, C::Source, C::Favorited],
    );
    assert_eq!(counts, ["4", "1", "3", "2", "None", "False"]);
    let [text, marked] = columns(&retweet, [C::Text, C::RetweetedTweet]);
    assert_eq!((text.as_str(), marked.as_str()), ("One long text. ".repeat(30).trim_end(), "yes"));
    assert_eq!(columns(&quote, [C::IsQuoteStatus, C::Text]), ["True", "This."]);
    assert_eq!(
        columns(&reply, [C::InReplyToUserId, C::InReplyToScreenName, C::IsQuoteStatus, C::RetweetedTweet]),
        ["12", "lunar_desk", "True", "no"]
    );
    assert_eq!(columns(&long, [C::Text, C::TweetTextHashtags]), ["Ünïcode in full", "#mars"]);
}

#[test]
fn a_place_comes_from_includes_and_a_point_with_it() {
    let place = json!({ "id": "0a1b", "full_name": "Turku, Finland", "name": "Turku", "country": "Finland", "country_code": "FI",
        "place_type": "city", "geo": { "type": "Feature", "bbox": [22.0402, 60.3401, 22.4901, 60.6302], "properties": {} } });
    let geo = json!({ "geo": { "place_id": "0a1b", "coordinates": { "type": "Point", "coordinates": [22, 60.4518] } } });
    let mut line = envelope(with(tweet("1", "Aurora"), geo), json!([]));
    line["includes"]["places"] = json!([place]);
    let shown = columns(
        &line,
        [
            C::PlaceId,
            C::PlaceName,
            C::PlaceCountryCode,
            C::PlaceBoundingBoxType,
            C::PlaceBoundingBoxCoordinates,
            C::CoordsLon,
            C::CoordsLat,
        ],
    );
    assert_eq!(
        shown,
        [
            "0a1b",
            "Turku",
            "FI",
            "Polygon",
            "[[[22.0402, 60.3401], [22.4901, 60.3401], [22.4901, 60.6302], [22.0402, 60.6302]]]",
            "22",
            "60.4518"
        ]
    );
    line["includes"]["places"] = json!([]);
    assert_eq!(
        columns(&line, [C::PlaceId, C::PlaceName, C::PlaceBoundingBoxCoordinates]),
        ["0a1b", "", "[[]]"]
    );
    line["data"]["geo"] = json!({});
    assert_eq!(columns(&line, [C::PlaceId, C::CoordsType]), ["", ""]);
}

#[test]
fn what_is_missing_is_absent_and_the_post_stays() {
    for line in [
        json!({ "data": { "id": "1", "text": "t", "edit_history_tweet_ids": ["1"] }, "matching_rules": [] }),
        json!({ "data": { "id": 1, "text": "t", "created_at": null, "lang": null, "public_metrics": null, "geo": null, "referenced_tweets": null }, "includes": null }),
        envelope(with(tweet("1", "t"), json!({ "author_id": "99" })), json!([])),
        with(
            envelope(tweet("1", "t"), json!([])),
            json!({ "errors": [{ "title": "Not Found Error" }], "unknown": { "a": [1] } }),
        ),
        envelope(
            with(tweet("1", "t"), json!({ "public_metrics": { "like_count": "7" }, "unknown": [[[]]] })),
            json!([]),
        ),
    ] {
        assert_eq!(columns(&line, [C::Id, C::Text]), ["1", "t"], "{line}");
    }
    let gone = envelope(
        with(
            tweet("2", "RT @gone_user: this was deleted"),
            json!({ "referenced_tweets": [{ "type": "reposted", "id": "404" }] }),
        ),
        json!([]),
    );
    assert_eq!(columns(&gone, [C::Text, C::RetweetedTweet]), ["this was deleted", "yes"]);
}

#[test]
fn pages_and_flattened_posts_are_read() {
    let page = envelope(json!([tweet("1", "one"), tweet("2", "two")]), json!([]));
    let texts: Vec<String> = records(page.to_string().as_bytes())
        .into_iter()
        .map(|mut record| record.remove(C::Text as usize))
        .collect();
    assert_eq!(texts, ["one", "two"]);
    let flat = with(
        tweet("3", "RT @a: cut…"),
        json!({ "author": user("11", "orbitwatcher"),
        "geo": { "place_id": "p", "full_name": "Turku, Finland", "country_code": "FI" },
        "referenced_tweets": [{ "type": "retweeted", "id": "5", "text": "whole", "author": user("12", "lunar_desk") }] }),
    );
    assert_eq!(
        columns(&flat, [C::Text, C::UserScreenName, C::RetweetedTweet, C::PlaceFullName]),
        ["whole", "orbitwatcher", "yes", "Turku, Finland"]
    );
}

#[test]
fn the_old_interface_and_its_notices_are_read() {
    let line = json!({ "created_at": "Fri Nov 20 14:03:30 +0000 2026", "id": 2_123_779_267_753_541_632_u64, "id_str": "2123779267753541632",
        "text": "Long one…", "truncated": true, "source": "<a href=\"https://example.org\" rel=\"nofollow\">Example App</a>",
        "user": { "name": "Orbit Watcher", "screen_name": "orbitwatcher", "location": null, "followers_count": 1204, "created_at": "Sun Apr 23 09:00:00 +0000 2023" },
        "geo": { "type": "Point", "coordinates": [60.45, 22.26] }, "coordinates": { "type": "Point", "coordinates": [22.26, 60.45] },
        "place": { "id": "p", "full_name": "Turku", "bounding_box": { "coordinates": [[[22.0, 60.3], [22.0, 60.6], [22.4, 60.6], [22.4, 60.3]]] } },
        "is_quote_status": false, "extended_tweet": { "full_text": "Long one in full #mars" }, "lang": "en" });
    let shown = columns(
        &line,
        [
            C::Id,
            C::Text,
            C::TweetTextHashtags,
            C::SourceText,
            C::UserScreenName,
            C::UserLocation,
            C::CoordsLon,
            C::PlaceBoundingBoxType,
        ],
    );
    assert_eq!(
        shown,
        [
            "2123779267753541632",
            "Long one in full",
            "#mars",
            "Example App",
            "orbitwatcher",
            "None",
            "22.26",
            "Polygon"
        ]
    );
    let retweet = with(line.clone(), json!({ "retweeted_status": line }));
    assert_eq!(columns(&retweet, [C::RetweetedTweet, C::Text]), ["yes", "Long one in full"]);
    let mut reader = Reader::default();
    let delete = br#"{"delete":{"status":{"id":9007199254740993,"id_str":"9007199254740993","user_id":1},"timestamp_ms":"1"}}"#;
    assert!(matches!(reader.read(delete), Incoming::Delete(PostKey(9_007_199_254_740_993), _)));
    for kind in ["limit", "scrub_geo", "status_withheld", "warning", "disconnect"] {
        let line = json!({ kind: { "track": 14 } }).to_string();
        assert!(
            matches!(reader.read(line.as_bytes()), Incoming::Notice(Notice { kind: read, .. }) if read == kind)
        );
    }
}

#[test]
fn bluesky_is_read_in_both_versions() {
    let record = json!({ "$type": "app.bsky.feed.post", "createdAt": "2026-11-20T14:03:30.000Z", "langs": ["en"], "text": "Rocket 🚀 up #mars",
        "reply": { "parent": { "uri": "at://did:plc:b/app.bsky.feed.post/1" } }, "embed": { "$type": "app.bsky.embed.record" } });
    let commit =
        json!({ "operation": "create", "collection": "app.bsky.feed.post", "rkey": "3m5", "record": record });
    let first = json!({ "did": "did:plc:a", "time_us": 1_795_183_410_000_123_i64, "kind": "commit", "commit": commit });
    let mut second = commit;
    second["$type"] = json!("network.bsky.jetstream.subscribeEvents#commit");
    second["did"] = json!("did:plc:a");
    second["seq"] = json!(812_345_678);
    second["time"] = json!("2026-11-20T14:03:30.000123Z");
    let second = json!({ "$type": "message", "payload": second });
    for line in [&first, &second] {
        let shown = columns(
            line,
            [
                C::Id,
                C::Text,
                C::TweetTextHashtags,
                C::UserScreenName,
                C::InReplyToUserId,
                C::IsQuoteStatus,
                C::CreatedAt,
            ],
        );
        assert_eq!(
            shown,
            [
                "at://did:plc:a/app.bsky.feed.post/3m5",
                "Rocket up",
                "#mars",
                "did:plc:a",
                "did:plc:b",
                "True",
                "Fri Nov 20 14:03:30 +0000 2026"
            ]
        );
    }
    let mut claims = first.clone();
    claims["commit"]["record"]["createdAt"] = json!("1970-01-01T00:00:00.000Z");
    assert_eq!(columns(&claims, [C::CreatedAt]), ["Fri Nov 20 14:03:30 +0000 2026"]);
    let mut deleted = first;
    deleted["commit"] = json!({ "operation": "delete", "collection": "app.bsky.feed.post", "rkey": "3m5" });
    let Incoming::Delete(key, _) = Reader::default().read(deleted.to_string().leak().as_bytes()) else {
        panic!("a deletion")
    };
    assert_eq!(key, PostKey::of("at://did:plc:a/app.bsky.feed.post/3m5"));
    let identity =
        br#"{"did":"did:plc:a","time_us":1,"kind":"identity","identity":{"handle":"orbit.example"}}"#;
    assert!(matches!(Reader::default().read(identity), Incoming::Notice(_)));
    let error = br#"{"$type":"error","error":"FutureCursor","message":"invented"}"#;
    assert!(matches!(Reader::default().read(error), Incoming::Notice(Notice { ends: true, .. })));
}

#[test]
fn messages_of_x_are_read_wrapped_and_bare() {
    for kind in ["OperationalDisconnect", "UpstreamOperationalDisconnect", "SlowReader", "Unheard"] {
        let bare = json!({ "title": "operational-disconnect", "disconnect_type": kind, "detail": "d", "type": "https://api.x.com/2/problems/operational-disconnect" });
        for line in [json!({ "errors": [bare] }), bare] {
            let line = line.to_string();
            let Incoming::Notice(notice) = Reader::default().read(line.as_bytes()) else { panic!("{line}") };
            assert_eq!(notice, Notice { kind: kind.into(), detail: "d".into(), ends: true });
        }
    }
    let issue =
        br#"{"title":"ConnectionException","detail":"d","connection_issue":"TooManyConnections","type":"t"}"#;
    assert!(
        matches!(Reader::default().read(issue), Incoming::Notice(Notice { kind, .. }) if kind == "TooManyConnections")
    );
}

#[test]
fn what_is_nothing_is_unknown() {
    let deep = vec![b'['; 100_000];
    let deep_inside = [b"{\"data\":".as_slice(), &vec![b'['; 100_000]].concat();
    let bad_bytes = b"{\"data\":{\"id\":\"3\",\"text\":\"\xff \xc0\x80 \xed\xa0\x80 \xf0\x9f\x9a\"},\"matching_rules\":[]}";
    for line in [
        b"{}".as_slice(),
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"meta\":{\"sent\":\"2026-11-20T14:03:00.000Z\"}}",
        b"{\"data\":{}}",
        b"{\"data\":null,\"matching_rules\":[]}",
        b"{\"data\":{\"id\":\"1\"",
        b"<html>",
        &deep,
        &deep_inside,
        bad_bytes,
        b"\0\0",
        b"{\"data\":{\"id\":\"2\",\"text\":\"cut \\ud83d here\"},\"matching_rules\":[]}",
    ] {
        let read = Reader::default().read(line);
        assert!(
            matches!(read, Incoming::Unknown(_)),
            "{:?} {read:?}",
            String::from_utf8_lossy(&line[..line.len().min(80)])
        );
    }
}

#[test]
fn a_json_record_with_hardly_anything_in_it_is_one() {
    let line = ["1"].into_iter().chain(std::iter::repeat_n("None", 51)).chain(["text"]);
    let line = line.map(|field| field.to_owned() + "\t").collect::<String>();
    let mut json = Vec::new();
    Fields::split(line.as_bytes()).expect("a record").write(Format::Json, &mut json);
    assert!(matches!(Reader::default().read(&json), Incoming::JsonRecord(_)));
}

#[test]
fn a_file_may_mix_its_shapes() {
    let mut reader = Reader::default();
    let first = samples().remove(0).to_string();
    let flat = tweet("3", "flat").to_string();
    let (mut record, mut wording) = (Vec::new(), Wording::default());
    if let Incoming::Posts(posts) = reader.read(first.as_bytes()) {
        posts[0].part(&mut wording);
        posts[0].write(&wording, Format::Json, &mut record);
    }
    for _ in 0..2 {
        assert!(matches!(reader.read(first.as_bytes()), Incoming::Posts(_)));
        assert!(matches!(reader.read(flat.as_bytes()), Incoming::Posts(_)));
        assert!(
            matches!(reader.read(&record), Incoming::JsonRecord(_)),
            "{}",
            String::from_utf8_lossy(&record)
        );
        assert!(matches!(reader.read("x\t".repeat(53).as_bytes()), Incoming::Record(_)));
    }
}

proptest! {
    #[test]
    fn no_line_makes_the_reader_stumble(line in prop::collection::vec(any::<u8>(), 0..300)) {
        drop(Reader::default().read(&line));
    }

    /// Posts of every shape with bytes changed, cut and doubled in the middle.
    #[test]
    fn no_damage_makes_the_reader_stumble(which in 0..5usize, at in any::<prop::sample::Index>(), to in any::<u8>(), cut in any::<bool>(), new_names in any::<bool>()) {
        let line = samples().remove(which);
        let mut line = if new_names { renamed(&line) } else { line }.to_string().into_bytes();
        let at = at.index(line.len());
        line[at] = to;
        if cut {
            line.truncate(at);
        }
        drop(Reader::default().read(&line));
    }

    /// Whatever a text holds, its record is one line of 53 columns with the id in front.
    #[test]
    fn every_text_becomes_one_line(text in "\\PC*|[\\x00-\\x{ff}]*", name: String, new_names in any::<bool>()) {
        let mut line = envelope(tweet("17", &text), json!([]));
        line["includes"]["users"][0]["name"] = json!(name);
        let line = if new_names { renamed(&line) } else { line };
        let record = record(&line);
        prop_assert_eq!(&record[0], "17");
        prop_assert!(record.iter().all(|field| !field.contains(crate::stream::record::breaks)));
    }
}
