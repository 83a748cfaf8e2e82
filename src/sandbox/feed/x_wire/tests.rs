//! Lines as a client reads them.

use serde_json::Value;

use super::*;

/// What hydrant asks for, to rebuild its records.
fn everything() -> Asked {
    let query = [
        (
            "tweet.fields",
            "created_at,lang,public_metrics,referenced_tweets,in_reply_to_user_id,entities,geo,note_tweet,source,\
             possibly_sensitive,withheld,edit_history_tweet_ids,edit_controls,conversation_id,author_id",
        ),
        (
            "expansions",
            "author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,geo.place_id,\
             entities.mentions.username",
        ),
        (
            "user.fields",
            "created_at,location,protected,verified,verified_type,public_metrics,name,username,withheld",
        ),
        ("place.fields", "contained_within,country,country_code,full_name,geo,id,name,place_type"),
    ];
    Asked::of(&query.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect())
}

fn lines(asked: &Asked, dialect: Dialect, count: u64) -> Vec<Value> {
    let feed = Feed::new(7, 20);
    let first = feed.number_at("2026-11-20T14:03:01Z".parse().expect("a time"));
    let matched = [Matched { id: "1991000000000000101".to_owned(), tag: "space-1".to_owned() }];
    (first..first + count)
        .map(|number| {
            let text = line(&feed, &feed.post(number), asked, dialect, &matched);
            assert!(!text.contains(['\n', '\r']), "a record is one line: {text}");
            serde_json::from_str(&text).expect("a line is JSON")
        })
        .collect()
}

#[test]
fn what_was_not_asked_for_is_not_there() {
    for line in lines(&Asked::default(), Dialect::Tweet, 200) {
        let data = line["data"].as_object().expect("a post");
        let fields: Vec<&str> = data.keys().map(String::as_str).collect();
        assert_eq!(fields, ["edit_history_tweet_ids", "id", "text"]);
        assert!(line.get("includes").is_none());
    }
}

#[test]
fn the_dialects_differ_in_names_only() {
    let (old, new) = (lines(&everything(), Dialect::Tweet, 400), lines(&everything(), Dialect::Post, 400));
    let renamed = |line: &Value| {
        line.to_string()
            .replace("referenced_posts", "referenced_tweets")
            .replace("note_post", "note_tweet")
            .replace("edit_history_post_ids", "edit_history_tweet_ids")
            .replace("\"posts\":", "\"tweets\":")
            .replace("repost_count", "retweet_count")
            .replace("post_count", "tweet_count")
            .replace("\"scope\":\"post\"", "\"scope\":\"tweet\"")
    };
    for (old, new) in old.iter().zip(&new) {
        let new: Value = serde_json::from_str(&renamed(new)).expect("still JSON");
        assert_eq!(*old, new);
    }
}

#[test]
fn every_entity_stands_where_it_says() {
    let mut met = 0;
    for line in lines(&everything(), Dialect::Tweet, 1500) {
        let mut texts = vec![(&line["data"]["text"], &line["data"]["entities"])];
        let note = &line["data"]["note_tweet"];
        texts.push((&note["text"], &note["entities"]));
        for (text, entities) in texts {
            let Some(text) = text.as_str() else { continue };
            let letters: Vec<char> = text.chars().collect();
            for (kind, entity) in entities.as_object().into_iter().flatten().flat_map(|(kind, all)| {
                all.as_array().expect("a list").iter().map(move |entity| (kind, entity))
            }) {
                let (start, end) =
                    (entity["start"].as_u64().expect("a number"), entity["end"].as_u64().expect("one"));
                let range = usize::try_from(start).expect("small")..usize::try_from(end).expect("small");
                let slice: String = letters.get(range).expect("within the text").iter().collect();
                let said = match kind.as_str() {
                    "hashtags" => format!("#{}", entity["tag"].as_str().expect("a tag")),
                    "cashtags" => format!("${}", entity["tag"].as_str().expect("a tag")),
                    "mentions" => format!("@{}", entity["username"].as_str().expect("a handle")),
                    _ => entity["url"].as_str().expect("a link").to_owned(),
                };
                assert_eq!(slice, said);
                met += 1;
            }
        }
    }
    assert!(met > 1000);
}

#[test]
fn long_posts_retweets_quotes_and_places_come_as_x_sends_them() {
    let mut met = std::collections::BTreeSet::new();
    for line in lines(&everything(), Dialect::Tweet, 4000) {
        let data = &line["data"];
        let text = data["text"].as_str().expect("a text");
        assert!(text.chars().count() <= text::SHORT, "{text}");
        if let Some(note) = data["note_tweet"]["text"].as_str() {
            met.insert("long");
            assert!(text.ends_with('…') && note.chars().count() > text::SHORT);
        }
        for reference in data["referenced_tweets"].as_array().into_iter().flatten() {
            let included = line["includes"]["tweets"]
                .as_array()
                .into_iter()
                .flatten()
                .find(|tweet| tweet["id"] == reference["id"]);
            match (reference["type"].as_str().expect("a type"), included) {
                ("retweeted", Some(original)) => {
                    met.insert("retweeted");
                    assert!(text.starts_with("RT @"));
                    assert!(original["public_metrics"]["impression_count"].is_u64());
                }
                ("retweeted", None) => {
                    met.insert("gone");
                    assert_eq!(line["errors"][0]["resource_id"], reference["id"]);
                }
                ("quoted", Some(_)) => {
                    met.insert("quoted");
                }
                ("replied_to", Some(parent)) => {
                    met.insert("replied_to");
                    assert_eq!(data["in_reply_to_user_id"], parent["author_id"]);
                    assert!(text.starts_with('@'));
                }
                other => panic!("{other:?}"),
            }
        }
        if data["geo"]["place_id"].is_string() {
            met.insert("place");
        }
        if data["geo"]["coordinates"].is_object() {
            met.insert("point");
        }
        if data["edit_history_tweet_ids"].as_array().expect("a history").len() > 1 {
            met.insert("edited");
        }
    }
    let all = ["edited", "gone", "long", "place", "point", "quoted", "replied_to", "retweeted"];
    assert_eq!(met.into_iter().collect::<Vec<_>>(), all);
}
