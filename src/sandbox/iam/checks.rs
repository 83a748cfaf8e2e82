//! What names, paths, tags, documents and pages must be like, and how IAM words it when they are not.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sandbox::paging::{self, Page};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::{self, Tag, Tags};
use crate::sandbox::wire::Number;

/// What there is not.
pub(super) fn no_such(message: impl Into<String>) -> Refusal {
    Refusal::new("NoSuchEntity", message).status(404)
}

/// What there is already.
pub(super) fn exists(message: impl Into<String>) -> Refusal {
    Refusal::new("EntityAlreadyExists", message).status(409)
}

/// More than a quota lets.
pub(super) fn limit(message: impl Into<String>) -> Refusal {
    Refusal::new("LimitExceeded", message).status(409)
}

/// What is in use cannot be deleted.
pub(super) fn conflict(message: impl Into<String>) -> Refusal {
    Refusal::new("DeleteConflict", message).status(409)
}

/// A parameter that does not fit the others, or the state.
pub(super) fn invalid_input(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidInput", message)
}

/// A parameter that is wrong by itself.
pub(super) fn validation(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}

/// A parameter that does not keep to the model; `member` is its name with a small initial.
pub(super) fn constraint(member: &str, value: &str, rule: &str) -> Refusal {
    validation(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {rule}"
    ))
}

/// The length of a text, in characters.
pub(super) fn length(member: &str, value: &str, from: usize, to: usize) -> Result<(), Refusal> {
    let length = value.chars().count();
    if length < from {
        let rule = format!("Member must have length greater than or equal to {from}");
        return Err(constraint(member, value, &rule));
    }
    if length > to {
        let rule = format!("Member must have length less than or equal to {to}");
        return Err(constraint(member, value, &rule));
    }
    Ok(())
}

/// A number between two others.
pub(super) fn range(member: &str, value: u32, from: u32, to: u32) -> Result<(), Refusal> {
    let text = value.to_string();
    if value < from {
        let rule = format!("Member must have value greater than or equal to {from}");
        return Err(constraint(member, &text, &rule));
    }
    if value > to {
        return Err(constraint(member, &text, &format!("Member must have value less than or equal to {to}")));
    }
    Ok(())
}

/// A name of something in IAM.
pub(super) fn name(member: &str, value: &str, longest: usize) -> Result<(), Refusal> {
    length(member, value, 1, longest)?;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "+=,.@_-".contains(letter);
    if value.chars().all(fits) {
        return Ok(());
    }
    Err(validation(format!(
        "The specified value for {member} is invalid. It must contain only alphanumeric characters and/or the \
         following: +=,.@_-"
    )))
}

/// The path that something is to have: the root unless something else is said.
pub(super) fn path(given: Option<String>) -> Result<String, Refusal> {
    let path = given.unwrap_or_else(|| "/".to_owned());
    length("path", &path, 1, 512)?;
    let fits =
        path.starts_with('/') && path.ends_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    if fits && path != "//" {
        return Ok(path);
    }
    Err(validation(
        "The specified value for path is invalid. It must begin and end with / and contain only alphanumeric \
         characters and/or / characters.",
    ))
}

/// What paths are to begin with: any unless something else is said.
pub(super) fn path_prefix(given: Option<String>) -> Result<String, Refusal> {
    let prefix = given.unwrap_or_else(|| "/".to_owned());
    length("pathPrefix", &prefix, 1, 512)?;
    if prefix.starts_with('/') && prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(prefix);
    }
    Err(validation(
        "The specified value for pathPrefix is invalid. It must begin with the / character and contain only \
         alphanumeric characters and/or / characters.",
    ))
}

/// The ARN of a managed policy, by its form.
pub(super) fn policy_arn(arn: &str) -> Result<(), Refusal> {
    length("policyArn", arn, 20, 2048)?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", "aws", "iam", "", account, what]
            if what.starts_with("policy/") && (*account == "aws" || is_account(account)) =>
        {
            Ok(())
        }
        _ => Err(invalid_input(format!("ARN {arn} is not valid."))),
    }
}

/// Whether this is the number of an account.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// What a document weighs against its quota: white space is not counted.
pub(super) fn weight(document: &str) -> usize {
    document.chars().filter(|letter| !letter.is_whitespace()).count()
}

/// The letters that a document may have.
pub(super) fn document_text(document: &str) -> Result<(), Refusal> {
    length("policyDocument", document, 1, 131_072)?;
    let fits = |letter: char| matches!(letter, '\t' | '\n' | '\r' | ' '..='\u{ff}');
    if document.chars().all(fits) {
        return Ok(());
    }
    Err(validation(
        "The specified value for policyDocument is invalid. It must contain only printable ASCII characters.",
    ))
}

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A document as IAM gives it back.
pub(super) fn encoded(document: &str) -> String {
    utf8_percent_encode(document, RESERVED).to_string()
}

/// The tags of a request on top of what is there. IAM's keys do not differ by case alone.
pub(super) fn tag(there: &Tags, new: &[Tag]) -> Result<Tags, Refusal> {
    for (index, tag) in new.iter().enumerate() {
        let member = |what: &str| format!("tags.{}.member.{what}", index + 1);
        length(&member("key"), &tag.key, 1, 128)?;
        length(&member("value"), &tag.value, 0, 256)?;
        for (what, text) in [("key", &tag.key), ("value", &tag.value)] {
            let fits = |letter: char| {
                letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@".contains(letter)
            };
            if !text.chars().all(fits) {
                let rule = "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+";
                return Err(constraint(&member(what), text, rule));
            }
        }
        if new.iter().take(index).any(|other| other.key.eq_ignore_ascii_case(&tag.key)) {
            return Err(invalid_input(
                "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
            ));
        }
    }
    let replaced = |key: &str| new.iter().any(|tag| tag.key.eq_ignore_ascii_case(key));
    let kept: Tags = there
        .iter()
        .filter(|(key, _)| !replaced(key))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if kept.len() + new.len() > MOST_TAGS {
        return Err(limit(format!("The number of tags has reached the maximum limit of {MOST_TAGS}.")));
    }
    tags::merge(&kept, new, "InvalidInput")
}

const MOST_TAGS: usize = 50;

/// Takes tags away, whatever the case of their keys.
pub(super) fn untag(tags: &mut Tags, keys: &[String]) {
    tags.retain(|there, _| !keys.iter().any(|key| key.eq_ignore_ascii_case(there)));
}

/// A list of a request. Clients send an empty list as an empty text.
pub(super) fn list<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::String(text) if text.is_empty() => Ok(Vec::new()),
        list => serde_json::from_value(list).map_err(D::Error::custom),
    }
}

/// How long a page is that does not say.
const PAGE: u32 = 100;
const LONGEST_PAGE: u32 = 1000;

/// A page of a list whose keys ascend.
pub(super) fn page<T>(
    items: impl Iterator<Item = (String, T)>,
    marker: Option<&str>,
    max_items: Option<Number<u32>>,
) -> Result<Page<T>, Refusal> {
    let most = max_items.map_or(PAGE, |most| most.0);
    range("maxItems", most, 1, LONGEST_PAGE)?;
    let after = match marker {
        None => None,
        Some(marker) => {
            Some(paging::read_token(marker).ok_or_else(|| validation(format!("Invalid Marker: {marker}")))?)
        }
    };
    Ok(paging::page(items, after.as_deref(), usize::try_from(most).unwrap_or(usize::MAX)))
}

/// A page as lists are answered.
pub(super) fn listed<T: Serialize>(what: &str, page: Page<T>) -> Value {
    json!({ what: page.items, "IsTruncated": page.next.is_some(), "Marker": page.next })
}

/// Tags as a list in pages.
pub(super) fn listed_tags(
    tags: &Tags,
    marker: Option<&str>,
    max_items: Option<Number<u32>>,
) -> Result<Value, Refusal> {
    let tags = tags.iter().map(|(key, value)| (key.clone(), json!({ "Key": key, "Value": value })));
    Ok(listed("Tags", page(tags, marker, max_items)?))
}

/// Tags where an answer leaves them out when there are none.
pub(super) fn shown_tags(tags: &Tags) -> Option<Value> {
    (!tags.is_empty()).then(|| tags::list(tags))
}
