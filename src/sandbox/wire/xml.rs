//! XML from documents, as the query protocols answer.

use serde_json::Value;

/// Text that is safe between tags. What XML 1.0 cannot carry at all becomes U+FFFD.
pub(crate) fn text(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '\r' => safe.push_str("&#13;"),
            '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                safe.push('\u{fffd}');
            }
            plain => safe.push(plain),
        }
    }
    safe
}

/// An object's fields as elements, one after the other. An array's items are elements named `item`; what is null is
/// left out.
pub(super) fn children(document: &Value, item: &str) -> String {
    let mut xml = String::new();
    if let Value::Object(fields) = document {
        for (name, value) in fields {
            element(&mut xml, name, value, item);
        }
    }
    xml
}

fn element(xml: &mut String, name: &str, value: &Value, item: &str) {
    if value.is_null() {
        return;
    }
    xml.push('<');
    xml.push_str(name);
    xml.push('>');
    match value {
        Value::Object(_) => xml.push_str(&children(value, item)),
        Value::Array(items) => {
            for value in items {
                element(xml, item, value, item);
            }
        }
        Value::String(plain) => xml.push_str(&text(plain)),
        Value::Bool(flag) => xml.push_str(if *flag { "true" } else { "false" }),
        Value::Number(number) => xml.push_str(&number.to_string()),
        Value::Null => {}
    }
    xml.push_str("</");
    xml.push_str(name);
    xml.push('>');
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_nulls_and_hostile_text() {
        let document = json!({ "a": [{ "b": "x<y&\u{1}" }, { "b": 2 }], "c": null, "d": true, "e": [] });
        assert_eq!(
            children(&document, "member"),
            "<a><member><b>x&lt;y&amp;\u{fffd}</b></member><member><b>2</b></member></a><d>true</d><e></e>"
        );
    }
}
