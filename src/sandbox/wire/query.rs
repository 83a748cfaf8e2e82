//! Forms, as the query protocols send parameters: `Filter.1.Value.2=x` is the second value of the first filter.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

/// No list of a request is this long, and no parameter this deep.
const LONGEST_LIST: u32 = 10_000;
const DEEPEST: usize = 12;

/// A form with its parameters as a document.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) action: String,
    pub(crate) version: String,
    pub(crate) input: Value,
}

/// Reads a form; `None` when it has no action or a name that cannot be a parameter's.
pub(crate) fn read_form(body: &[u8]) -> Option<Form> {
    let text = std::str::from_utf8(body).ok()?;
    let mut root = BTreeMap::new();
    let (mut action, mut version) = (None, String::new());
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        match name.as_str() {
            "Action" => action = Some(value),
            "Version" => version = value,
            // What the caller calls itself by is no parameter of the operation.
            name if name.starts_with("X-Amz-") || name == "AWSAccessKeyId" => {}
            name => {
                let path: Vec<&str> = name.split('.').collect();
                if path.len() > DEEPEST {
                    return None;
                }
                place(&mut root, &path, value)?;
            }
        }
    }
    Some(Form { action: action?, version, input: Value::Object(fields(root)) })
}

fn decode(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

enum Node {
    Leaf(String),
    Branch(BTreeMap<String, Node>),
}

/// Puts a value at its path; `None` if something else is there already.
fn place(branch: &mut BTreeMap<String, Node>, path: &[&str], value: String) -> Option<()> {
    let (first, rest) = path.split_first()?;
    if rest.is_empty() {
        branch.insert((*first).to_owned(), Node::Leaf(value));
        return Some(());
    }
    match branch.entry((*first).to_owned()).or_insert_with(|| Node::Branch(BTreeMap::new())) {
        Node::Branch(below) => place(below, rest, value),
        Node::Leaf(_) => None,
    }
}

fn fields(branch: BTreeMap<String, Node>) -> Map<String, Value> {
    branch.into_iter().map(|(name, node)| (name, document(node))).collect()
}

fn document(node: Node) -> Value {
    let mut branch = match node {
        Node::Leaf(text) => return Value::String(text),
        Node::Branch(branch) => branch,
    };
    if branch.len() == 1
        && let Some(members) = branch.remove("member")
    {
        return document(members);
    }
    let positions: Option<Vec<u32>> =
        branch.keys().map(|name| name.parse().ok().filter(|position| *position <= LONGEST_LIST)).collect();
    match positions {
        Some(positions) if !positions.is_empty() => {
            let mut items: Vec<(u32, Value)> =
                positions.into_iter().zip(branch.into_values().map(document)).collect();
            items.sort_by_key(|(position, _)| *position);
            Value::Array(items.into_iter().map(|(_, item)| item).collect())
        }
        _ => Value::Object(fields(branch)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_of_both_kinds_are_read_in_their_order() {
        let form = read_form(
            b"Action=Do&Version=1&Tags.member.2.Key=b&Tags.member.1.Key=a&Filter.1.Value.10=z&Filter.1.Value.9=y&Name=a+b%2Bc",
        )
        .expect("a form");
        assert_eq!((form.action.as_str(), form.version.as_str()), ("Do", "1"));
        assert_eq!(
            form.input,
            json!({ "Tags": [{ "Key": "a" }, { "Key": "b" }], "Filter": [{ "Value": ["y", "z"] }], "Name": "a b+c" })
        );
    }

    #[test]
    fn what_contradicts_itself_is_no_form() {
        assert!(read_form(b"Action=Do&A=1&A.B=2").is_none());
        assert!(read_form(b"A=1").is_none());
        assert!(read_form(b"Action=%ff").is_none());
        assert!(read_form(format!("Action=Do&{}x=1", "a.".repeat(40)).as_bytes()).is_none());
    }
}
