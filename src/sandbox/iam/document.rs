//! A policy as it is written: read into types, and refused as IAM refuses it.
//!
//! There are two uses, and IAM words its complaints differently for each: policies that say what a role may do, and
//! trust policies, which say who may take it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::checks;
use super::condition::{self, Condition, Unreadable};
use crate::sandbox::refusal::Refusal;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) statements: Vec<Statement>,
}

/// One of its statements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) effect: Effect,
    /// Only trust policies have them.
    pub(super) principals: Option<Principals>,
    pub(super) actions: Element,
    /// Trust policies have none: they are about their role.
    pub(super) resources: Option<Element>,
    pub(super) conditions: Vec<Condition>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// `Action` or `NotAction`, `Resource` or `NotResource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    /// It is about everything else.
    pub(super) is_except: bool,
    pub(super) patterns: Vec<String>,
}

/// `Principal` or `NotPrincipal`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principals {
    /// It is about everyone else.
    pub(super) is_except: bool,
    pub(super) named: Vec<Principal>,
}

/// Someone who may take a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Principal {
    Everyone,
    /// An account's number or the ARN of its root, a user, a role, a session.
    Aws(String),
    Service(String),
    /// From a provider of identities: never met here.
    Federated,
}

impl Policy {
    /// Reads what a role or whoever a managed policy is attached to may do.
    pub(super) fn identity(document: &str) -> Result<Self, Refusal> {
        read(document, &Identity)
    }

    /// Reads who may take a role.
    pub(super) fn trust(document: &str) -> Result<Self, Refusal> {
        read(document, &Trust)
    }
}

/// A document that is none.
fn malformed(message: impl Into<String>) -> Refusal {
    Refusal::new("MalformedPolicyDocument", message)
}

const SYNTAX: &str = "Syntax errors in policy.";

/// What differs between the uses of policies.
trait Use {
    fn no_json(&self) -> Refusal;
    /// A field that no policy, or none for this use, may have.
    fn foreign(&self, field: &str) -> Refusal;
    fn missing(&self, field: &str) -> Refusal;
    fn bad_effect(&self, effect: &str) -> Refusal;
    fn check_fields(&self, statement: &Map<String, Value>) -> Result<(), Refusal>;
    fn check_action(&self, action: &str) -> Result<(), Refusal>;
}

/// What someone may do.
struct Identity;

/// Who may take a role.
struct Trust;

impl Use for Identity {
    fn no_json(&self) -> Refusal {
        malformed(SYNTAX)
    }

    fn foreign(&self, _: &str) -> Refusal {
        malformed(SYNTAX)
    }

    fn missing(&self, field: &str) -> Refusal {
        match field {
            "Action" => malformed("Policy statement must contain actions."),
            "Resource" => malformed("Policy statement must contain resources."),
            _ => malformed(SYNTAX),
        }
    }

    fn bad_effect(&self, _: &str) -> Refusal {
        malformed(SYNTAX)
    }

    fn check_fields(&self, statement: &Map<String, Value>) -> Result<(), Refusal> {
        if statement.contains_key("Principal") || statement.contains_key("NotPrincipal") {
            return Err(malformed("Policy document should not specify a principal."));
        }
        for (field, except) in [("Action", "NotAction"), ("Resource", "NotResource")] {
            if !statement.contains_key(field) && !statement.contains_key(except) {
                return Err(self.missing(field));
            }
        }
        Ok(())
    }

    fn check_action(&self, action: &str) -> Result<(), Refusal> {
        if action == "*" {
            return Ok(());
        }
        let (vendor, name) = action.split_once(':').ok_or_else(no_vendor)?;
        if name.contains(':') {
            return Err(malformed("Actions/Condition can contain only one colon."));
        }
        let fits = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '.';
        if vendor != "*" && (vendor.is_empty() || !vendor.chars().all(fits)) {
            return Err(malformed(format!("Vendor {vendor} is not valid")));
        }
        Ok(())
    }
}

impl Use for Trust {
    fn no_json(&self) -> Refusal {
        malformed("This policy contains invalid Json")
    }

    fn foreign(&self, field: &str) -> Refusal {
        malformed(format!("Unknown field {field}"))
    }

    fn missing(&self, field: &str) -> Refusal {
        malformed(format!("Missing required field {field}"))
    }

    fn bad_effect(&self, effect: &str) -> Refusal {
        malformed(format!("Invalid effect: {effect}"))
    }

    fn check_fields(&self, statement: &Map<String, Value>) -> Result<(), Refusal> {
        if let Some(field) = ["Resource", "NotResource"].iter().find(|field| statement.contains_key(**field))
        {
            return Err(malformed(format!("Has prohibited field {field}")));
        }
        for (field, except) in [("Principal", "NotPrincipal"), ("Action", "NotAction")] {
            if !statement.contains_key(field) && !statement.contains_key(except) {
                return Err(self.missing(field));
            }
        }
        Ok(())
    }

    fn check_action(&self, action: &str) -> Result<(), Refusal> {
        let about_sessions = ["*", "assume", "tagsession", "setsourceidentity", "setcontext"];
        let action = action.to_lowercase();
        let name = action.strip_prefix("sts:").unwrap_or_default();
        if about_sessions.iter().any(|known| name.starts_with(known)) {
            return Ok(());
        }
        Err(malformed("AssumeRole policy may only specify STS AssumeRole actions."))
    }
}

fn no_vendor() -> Refusal {
    malformed("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.")
}

fn read(document: &str, usage: &dyn Use) -> Result<Policy, Refusal> {
    checks::document_text(document)?;
    let policy: Value = serde_json::from_str(document).map_err(|_| usage.no_json())?;
    let policy = policy.as_object().ok_or_else(|| usage.no_json())?;
    if let Some(field) = policy.keys().find(|field| !["Version", "Id", "Statement"].contains(&field.as_str()))
    {
        return Err(usage.foreign(field));
    }
    match policy.get("Version").map(Value::as_str) {
        None | Some(Some("2012-10-17" | "2008-10-17")) => {}
        Some(_) => return Err(malformed("The policy must contain a valid version string")),
    }
    let statements = match policy.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(one @ Value::Object(_)) => vec![one],
        Some(_) => return Err(malformed(SYNTAX)),
        None => return Err(usage.missing("Statement")),
    };
    let mut ids = BTreeSet::new();
    let mut read = Vec::with_capacity(statements.len());
    for statement in statements {
        let statement = statement.as_object().ok_or_else(|| malformed(SYNTAX))?;
        if let Some(id) = read_id(statement)?
            && !ids.insert(id)
        {
            return Err(malformed("Statement IDs (SID) in a single policy must be unique."));
        }
        read.push(read_statement(statement, usage)?);
    }
    Ok(Policy { statements: read })
}

fn read_id(statement: &Map<String, Value>) -> Result<Option<&str>, Refusal> {
    let Some(id) = statement.get("Sid") else { return Ok(None) };
    let id = id.as_str().ok_or_else(|| malformed(SYNTAX))?;
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(malformed(
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
             [0-9A-Za-z]*",
        ));
    }
    Ok((!id.is_empty()).then_some(id))
}

const FIELDS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

fn read_statement(statement: &Map<String, Value>, usage: &dyn Use) -> Result<Statement, Refusal> {
    if let Some(field) = statement.keys().find(|field| !FIELDS.contains(&field.as_str())) {
        return Err(usage.foreign(field));
    }
    let effect = match statement.get("Effect").map(|effect| effect.as_str().unwrap_or_default()) {
        Some("Allow") => Effect::Allow,
        Some("Deny") => Effect::Deny,
        Some(other) => return Err(usage.bad_effect(other)),
        None => return Err(usage.missing("Effect")),
    };
    usage.check_fields(statement)?;
    let actions = read_element(statement, "Action", "NotAction")?.ok_or_else(|| usage.missing("Action"))?;
    for action in &actions.patterns {
        usage.check_action(action)?;
    }
    let resources = read_element(statement, "Resource", "NotResource")?;
    for resource in resources.iter().flat_map(|resources| &resources.patterns) {
        check_resource(resource)?;
    }
    let conditions = match statement.get("Condition") {
        None => Vec::new(),
        Some(block) => condition::read(block).map_err(|error| match error {
            Unreadable::Operator(name) => malformed(format!("Invalid Condition type : {name}.")),
            Unreadable::Key => no_vendor(),
            Unreadable::Syntax => malformed(SYNTAX),
        })?,
    };
    Ok(Statement { effect, principals: read_principals(statement)?, actions, resources, conditions })
}

/// One of two fields that exclude each other, if there is one.
fn one_of<'a>(
    statement: &'a Map<String, Value>,
    field: &str,
    except: &str,
) -> Result<Option<(bool, &'a Value)>, Refusal> {
    match (statement.get(field), statement.get(except)) {
        (Some(_), Some(_)) => Err(malformed(SYNTAX)),
        (Some(value), None) => Ok(Some((false, value))),
        (None, Some(value)) => Ok(Some((true, value))),
        (None, None) => Ok(None),
    }
}

fn read_element(
    statement: &Map<String, Value>,
    field: &str,
    except: &str,
) -> Result<Option<Element>, Refusal> {
    let Some((is_except, value)) = one_of(statement, field, except)? else { return Ok(None) };
    let patterns = texts(value).ok_or_else(|| malformed(SYNTAX))?;
    Ok(Some(Element { is_except, patterns }))
}

/// A text, or a list of texts.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(one) => Some(vec![one.clone()]),
        Value::Array(many) => many.iter().map(|text| text.as_str().map(ToOwned::to_owned)).collect(),
        _ => None,
    }
}

fn check_resource(resource: &str) -> Result<(), Refusal> {
    if resource == "*" {
        return Ok(());
    }
    let mut parts = resource.splitn(6, ':');
    if parts.next() != Some("arn") {
        return Err(malformed(format!("Resource {resource} must be in ARN format or \"*\".")));
    }
    let partition = parts.next().unwrap_or_default();
    if !["aws", "aws-cn", "aws-us-gov", "*"].contains(&partition) {
        return Err(malformed(format!(
            "Partition \"{partition}\" is not valid for resource \"{resource}\"."
        )));
    }
    let vendor = parts.next().unwrap_or("*");
    if vendor != "*" && vendor.contains(['*', '?']) {
        return Err(malformed("Resource vendor must be fully qualified and cannot contain regexes."));
    }
    Ok(())
}

fn read_principals(statement: &Map<String, Value>) -> Result<Option<Principals>, Refusal> {
    let Some((is_except, value)) = one_of(statement, "Principal", "NotPrincipal")? else { return Ok(None) };
    let named = match value {
        Value::String(text) if text == "*" => vec![Principal::Everyone],
        Value::Object(kinds) if !kinds.is_empty() => {
            let mut named = Vec::new();
            for (kind, names) in kinds {
                for name in texts(names).ok_or_else(|| malformed("Invalid principal in policy."))? {
                    named.push(read_principal(kind, name)?);
                }
            }
            named
        }
        _ => return Err(malformed("Invalid principal in policy.")),
    };
    Ok(Some(Principals { is_except, named }))
}

fn read_principal(kind: &str, name: String) -> Result<Principal, Refusal> {
    match kind {
        "AWS" if name == "*" => Ok(Principal::Everyone),
        "AWS" if is_aws_principal(&name) => Ok(Principal::Aws(name)),
        "Service" if is_service(&name) => Ok(Principal::Service(name)),
        "Federated" if !name.is_empty() => Ok(Principal::Federated),
        _ => Err(invalid_principal(kind, &name)),
    }
}

/// A principal that is none, or that there is not.
pub(super) fn invalid_principal(kind: &str, name: &str) -> Refusal {
    malformed(format!("Invalid principal in policy: \"{}\":\"{name}\"", kind.to_uppercase()))
}

/// `firehose.amazonaws.com`, `logs.us-east-1.amazonaws.com`
fn is_service(name: &str) -> bool {
    let domains = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com", ".aws.internal"];
    let service = domains.iter().find_map(|domain| name.strip_suffix(domain)).unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    service.split('.').all(|label| !label.is_empty() && label.bytes().all(fits))
}

fn is_aws_principal(name: &str) -> bool {
    if checks::is_account(name) {
        return true;
    }
    let parts: Vec<&str> = name.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", "aws", "iam", "", account, what] => {
            let is_thing = ["role/", "user/"]
                .iter()
                .filter_map(|kind| what.strip_prefix(kind))
                .any(|name| !name.is_empty());
            checks::is_account(account) && (*what == "root" || is_thing) && !what.contains(['*', '?'])
        }
        ["arn", "aws", "sts", "", account, what] => {
            checks::is_account(account)
                && what.strip_prefix("assumed-role/").is_some_and(|session| session.contains('/'))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn complaint(read: Result<Policy, Refusal>) -> String {
        let refusal = read.expect_err("a document that will not do");
        format!("{}: {}", refusal.code, refusal.message)
    }

    #[test]
    fn what_does_not_say_what_someone_may_do_is_refused() {
        let with = |field: &str, value: Value| {
            let mut statement = json!({ "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*" });
            statement[field] = value;
            json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
        };
        for (document, expected) in [
            ("{".to_owned(), "Syntax errors in policy."),
            ("[]".to_owned(), "Syntax errors in policy."),
            (json!({ "Version": "2012-10-17" }).to_string(), "Syntax errors in policy."),
            (json!({ "Version": "2012-10-17", "Statement": [] }).to_string(), "Syntax errors in policy."),
            (json!({ "Version": "2013-01-01", "Statement": [] }).to_string(), "valid version string"),
            (with("Effect", json!("allow")), "Syntax errors in policy."),
            (with("Actions", json!("s3:GetObject")), "Syntax errors in policy."),
            (with("NotAction", json!("s3:GetObject")), "Syntax errors in policy."),
            (with("Action", json!("GetObject")), "must be prefaced by a vendor"),
            (with("Action", json!("s3:Get:Object")), "only one colon"),
            (with("Action", json!("s 3:GetObject")), "Vendor s 3 is not valid"),
            (with("Resource", json!("tweets")), "must be in ARN format"),
            (with("Resource", json!("arn:s3:::tweets")), "Partition \"s3\" is not valid"),
            (with("Resource", json!("arn:aws:s*:::tweets")), "Resource vendor"),
            (with("Principal", json!("*")), "should not specify a principal"),
            (with("Sid", json!("a b")), "must be alpha-numeric"),
            (
                with("Condition", json!({ "StringEqual": { "aws:x": "1" } })),
                "Invalid Condition type : StringEqual.",
            ),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "s3:*" } }).to_string(),
                "must contain resources",
            ),
            (
                json!({ "Statement": { "Effect": "Allow", "Resource": "*" } }).to_string(),
                "must contain actions",
            ),
        ] {
            let complaint = complaint(Policy::identity(&document));
            assert!(complaint.starts_with("MalformedPolicyDocument: "), "{document}: {complaint}");
            assert!(complaint.contains(expected), "{document}: {complaint}");
        }
        assert_eq!(Policy::identity("").expect_err("empty").code, "ValidationError");
        let twice = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Sid": "A" });
        let twice = json!({ "Statement": [twice, twice] }).to_string();
        assert!(complaint(Policy::identity(&twice)).contains("must be unique"));
    }

    #[test]
    fn what_does_not_say_who_may_take_a_role_is_refused() {
        let with = |field: &str, value: Value| {
            let mut statement = json!({
                "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "ec2.amazonaws.com" },
            });
            statement[field] = value;
            json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
        };
        for (document, expected) in [
            ("not a policy".to_owned(), "This policy contains invalid Json"),
            (json!({ "Version": "2012-10-17" }).to_string(), "Missing required field Statement"),
            (with("Resource", json!("*")), "Has prohibited field Resource"),
            (with("Action", json!("s3:GetObject")), "may only specify STS AssumeRole actions"),
            (with("Action", json!("sts:GetCallerIdentity")), "may only specify STS AssumeRole actions"),
            (
                with("Principal", json!({ "Service": "ec2" })),
                "Invalid principal in policy: \"SERVICE\":\"ec2\"",
            ),
            (with("Principal", json!({ "Service": ".amazonaws.com" })), "Invalid principal"),
            (with("Principal", json!({ "AWS": "arn:aws:iam::123456789012:role/*" })), "Invalid principal"),
            (with("Principal", json!({ "AWS": "someone" })), "\"AWS\":\"someone\""),
            (with("Principal", json!("someone")), "Invalid principal"),
            (
                json!({ "Statement": { "Effect": "Allow", "Action": "sts:AssumeRole" } }).to_string(),
                "Missing required field Principal",
            ),
        ] {
            let complaint = complaint(Policy::trust(&document));
            assert!(complaint.starts_with("MalformedPolicyDocument: "), "{document}: {complaint}");
            assert!(complaint.contains(expected), "{document}: {complaint}");
        }
        for principal in [
            json!("*"),
            json!({ "AWS": ["123456789012", "arn:aws:iam::123456789012:root"] }),
            json!({ "AWS": "arn:aws:iam::123456789012:role/path/name" }),
            json!({ "AWS": "arn:aws:sts::123456789012:assumed-role/name/session" }),
            json!({ "Service": ["firehose.amazonaws.com", "logs.eu-central-1.amazonaws.com"] }),
            json!({ "Federated": "accounts.google.com" }),
        ] {
            let document = with("Principal", principal);
            assert!(Policy::trust(&document).is_ok(), "{document}");
        }
    }
}
