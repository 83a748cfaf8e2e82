//! Tags, as every service takes and shows them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::refusal::Refusal;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// A tag of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

/// What a resource may carry.
const MOST: usize = 50;

/// The tags of a request, on top of what is there. `code` is the service's word for a tag that will not do.
pub(crate) fn merge(there: &Tags, new: &[Tag], code: &'static str) -> Result<Tags, Refusal> {
    let mut tags = there.clone();
    for tag in new {
        let (key, value) = (&tag.key, &tag.value);
        if key.is_empty() || key.chars().count() > 128 {
            return Err(Refusal::new(code, "Tag keys must be between 1 and 128 characters long"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(Refusal::new(code, "Tag keys starting with 'aws:' are reserved for internal use"));
        }
        if value.chars().count() > 256 {
            return Err(Refusal::new(code, "Tag values must be at most 256 characters long"));
        }
        tags.insert(key.clone(), value.clone());
    }
    if tags.len() > MOST {
        return Err(Refusal::new(code, format!("A resource can have at most {MOST} tags")));
    }
    Ok(tags)
}

/// `[{"Key": …, "Value": …}]`
pub(crate) fn list(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
}

/// A resource with its tags, for the search over all services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tagged {
    pub(crate) arn: String,
    pub(crate) tags: Tags,
}
