//! Lines of the stream that are not as they should be: what no reader can use, and posts in strange shapes.

use serde_json::{Map, Value, json};

/// How many useless lines there are before they come again.
const USELESS: usize = 14;

/// Lines that are no posts, one after another.
pub(super) fn rubbish(which: usize) -> Vec<u8> {
    const LINES: [&[u8]; USELESS] = [
        b"{}",
        b"[]",
        b"null",
        b"\"text\"",
        b"{\"meta\":{\"sent\":\"2026-11-20T14:03:00.000Z\"}}",
        b"{\"data\":{}}",
        b"{\"data\":null,\"matching_rules\":[]}",
        b"{\"data\":{\"id\":\"1\"",
        b"<html>",
        // A lone surrogate as an escape; bytes that are no UTF-8, a cut letter among them.
        b"{\"data\":{\"id\":\"2123779209033285632\",\"text\":\"cut \\ud83d here\",\
          \"edit_history_tweet_ids\":[\"2123779209033285632\"]},\"matching_rules\":[]}",
        b"{\"data\":{\"id\":\"2123779209033285633\",\"text\":\"\xff \xc0\x80 \xed\xa0\x80 \xf0\x9f\x9a\"},\"matching_rules\":[]}",
        b"\0\0\0\0",
        b"deep",
        b"long",
    ];
    match LINES.get(which % LINES.len()).copied().unwrap_or_default() {
        b"deep" => vec![b'['; 100_000],
        b"long" => {
            let mut line = b"{\"data\":{\"id\":\"2\",\"text\":\"".to_vec();
            line.resize(5 << 20, b'x');
            line
        }
        line => line.to_vec(),
    }
}

/// A post's line in a shape that a reader must survive: the post is the same. `number` says which shape.
pub(super) fn strange(line: &[u8], number: u64) -> Vec<u8> {
    let Ok(Value::Object(mut document)) = serde_json::from_slice(line) else { return line.to_vec() };
    match number % 4 {
        0 => with_unknown_keys(&mut document),
        1 => with_numbers(&mut document),
        2 => {
            if let Some(includes) = document.get_mut("includes").and_then(Value::as_object_mut) {
                includes.remove("users");
            }
            with_nulls(&mut document);
        }
        _ => bare(&mut document),
    }
    Value::Object(document).to_string().into_bytes()
}

/// At each level there is something that no document of X's speaks of.
fn with_unknown_keys(document: &mut Map<String, Value>) {
    for part in document.values_mut() {
        let objects: Vec<&mut Map<String, Value>> = match part {
            Value::Object(object) => vec![object],
            Value::Array(list) => list.iter_mut().filter_map(Value::as_object_mut).collect(),
            _ => Vec::new(),
        };
        for object in objects {
            object.insert("embedding_similarity".to_owned(), json!(0.25));
            object.insert("x_new_thing".to_owned(), json!({ "kind": ["of", null] }));
        }
    }
    document.insert("x_trace".to_owned(), json!([1, "two"]));
}

/// Ids and counts in the other of the two forms that numbers have.
fn with_numbers(document: &mut Map<String, Value>) {
    let Some(data) = document.get_mut("data").and_then(Value::as_object_mut) else { return };
    for name in ["id", "author_id", "conversation_id", "in_reply_to_user_id"] {
        if let Some(number) = data.get(name).and_then(Value::as_str).and_then(|id| id.parse::<u64>().ok()) {
            data.insert(name.to_owned(), json!(number));
        }
    }
    if let Some(metrics) = data.get_mut("public_metrics").and_then(Value::as_object_mut) {
        for count in metrics.values_mut() {
            *count = json!(count.to_string());
        }
    }
}

/// What may be missing is there, and null.
fn with_nulls(document: &mut Map<String, Value>) {
    let Some(data) = document.get_mut("data").and_then(Value::as_object_mut) else { return };
    for name in ["geo", "withheld", "lang", "entities", "public_metrics", "in_reply_to_user_id", "note_tweet"]
    {
        data.entry(name).or_insert(Value::Null);
    }
}

/// The least that a post can be.
fn bare(document: &mut Map<String, Value>) {
    document.remove("includes");
    if let Some(data) = document.get_mut("data").and_then(Value::as_object_mut) {
        data.retain(|name, _| {
            ["id", "text", "edit_history_tweet_ids", "edit_history_post_ids"].contains(&name.as_str())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rubbish_is_one_line_each() {
        for which in 0..USELESS {
            assert!(!rubbish(which).contains(&b'\n'));
        }
    }

    #[test]
    fn a_strange_post_is_still_the_same_post() {
        let line = json!({
            "data": { "id": "2123779146118725632", "text": "a", "author_id": "5",
                      "public_metrics": { "like_count": 0 } },
            "includes": { "users": [{ "id": "5" }] },
            "matching_rules": [{ "id": "1", "tag": "t" }],
        })
        .to_string()
        .into_bytes();
        for number in 0..4 {
            let strange: Value = serde_json::from_slice(&strange(&line, number)).expect("JSON");
            let id = &strange["data"]["id"];
            assert!(id == "2123779146118725632" || id.as_u64() == Some(2_123_779_146_118_725_632));
            assert_eq!(strange["data"]["text"], "a");
        }
    }
}
