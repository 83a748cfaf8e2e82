//! The permissions policy that an operator's user needs, made from the table of operations, so that it says what the
//! code calls and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::PolicyEvaluationDecisionType;
use aws_smithy_types::retry::RetryConfig;
use serde_json::{Value, json};

use super::graph::Kind;
use super::names::{Names, STACK_TAG};
use crate::cloud::{Cloud, Identity, On, Operation};

/// IAM's limit for a managed policy, white space not counted.
pub const LARGEST_POLICY: usize = 6144;

/// The services that the stack's roles are given to.
const PASSED_TO: [&str; 4] = ["ec2", "firehose", "sagemaker", "emr-serverless"];

/// The policy for this stack with both its parts, as IAM takes it: in one document, or where its names are long in as few
/// as hold it, which give the same rights when all of them are attached. Its statements have no names: there is no room.
pub fn policies(names: &Names) -> Vec<Value> {
    let mut documents: Vec<Vec<Value>> = Vec::new();
    for (_, statement) in statements(names) {
        let fits = |document: &&mut Vec<Value>| {
            let with: Vec<Value> = document.iter().chain([&statement]).cloned().collect();
            weight(&document_of(&with)) <= LARGEST_POLICY
        };
        match documents.iter_mut().find(fits) {
            Some(document) => document.push(statement),
            None => documents.push(vec![statement]),
        }
    }
    documents.iter().map(|statements| document_of(statements)).collect()
}

fn document_of(statements: &[Value]) -> Value {
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// How much of IAM's limit a document takes. What hydrant writes has no white space.
fn weight(document: &Value) -> usize {
    document.to_string().len()
}

fn statements(names: &Names) -> Vec<(On, Value)> {
    let mut actions: BTreeMap<On, BTreeSet<&str>> = BTreeMap::new();
    for operation in Operation::ALL {
        for (permission, on) in operation.spec().permissions {
            actions.entry(*on).or_default().insert(permission);
        }
    }
    let mut all: Vec<_> =
        actions.into_iter().map(|(on, actions)| (on, statement(names, on, &actions))).collect();
    // Another's role is passed, and looked at before.
    all.extend(
        names.spark_role().map(|role| {
            (On::Roles, json!({ "Effect": "Allow", "Action": ["iam:GetRole"], "Resource": role }))
        }),
    );
    all
}

fn statement(names: &Names, on: On, actions: &BTreeSet<&str>) -> Value {
    let (region, account) = (&names.region, &names.account);
    let role = |kind| names.arn(kind);
    // A role that was adopted stands at the root, whatever path hydrant gives its own.
    let adopted_role = |kind| format!("{}::{account}:role/{}", names.arn_start("iam"), names.of(kind));
    let bucket = names.arn(Kind::Bucket);
    let log_group = names.arn(Kind::LogGroup);
    let notebook_logs = names.arn(Kind::NotebookLogs);
    let mut statement = json!({ "Effect": "Allow", "Action": actions });
    statement["Resource"] = match on {
        On::Anything | On::Ec2 | On::OwnTags => json!("*"),
        On::Bucket => json!(bucket),
        On::Objects => json!(format!("{bucket}/*")),
        On::LogGroup => json!([log_group, format!("{log_group}:*")]),
        On::DeliveryStream => json!(names.arn(Kind::DeliveryStream)),
        On::Roles | On::PassedRoles => {
            let mut roles = vec![
                role(Kind::FirehoseRole),
                role(Kind::InstanceRole),
                role(Kind::NotebookRole),
                adopted_role(Kind::FirehoseRole),
                adopted_role(Kind::InstanceRole),
                adopted_role(Kind::NotebookRole),
            ];
            roles.extend(names.spark_role().filter(|_| on == On::PassedRoles));
            json!(roles)
        }
        On::Notebook => json!([names.arn(Kind::Notebook), names.arn(Kind::NotebookConfig)]),
        On::NotebookLogs => json!([notebook_logs, format!("{notebook_logs}:*")]),
        On::SparkJobs => json!(names.spark_jobs()),
        On::Applications => json!(names.applications()),
        On::SparkLogs => json!([names.spark_logs(), format!("{}:*", names.spark_logs())]),
        On::InstanceProfile => json!([
            names.arn(Kind::InstanceProfile),
            format!(
                "{}::{account}:instance-profile/{}",
                names.arn_start("iam"),
                names.of(Kind::InstanceProfile)
            )
        ]),
        On::TaggedEc2 => json!(format!("{}:{region}:{account}:*/*", names.arn_start("ec2"))),
    };
    match on {
        On::Ec2 => {
            statement["Condition"] = json!({ "StringEquals": { "aws:RequestedRegion": region.as_str() } });
        }
        // Who could put this tag on anything could then terminate it: so only together with the stack's own value, and
        // an operator who must not adopt anything can be held to `ec2:CreateAction` on top.
        On::OwnTags => {
            statement["Condition"] =
                json!({ "StringEquals": { format!("aws:RequestTag/{STACK_TAG}"): names.owners() } });
        }
        On::TaggedEc2 => {
            statement["Condition"] =
                json!({ "StringEquals": { format!("aws:ResourceTag/{STACK_TAG}"): names.owners() } });
        }
        On::PassedRoles => {
            let services = PASSED_TO.map(Names::service);
            statement["Condition"] = json!({ "StringEquals": { "iam:PassedToService": services } });
        }
        _ => {}
    }
    statement
}

/// What a check of the caller's permissions gave.
#[derive(Debug, PartialEq, Eq)]
pub enum Checked {
    /// Every permission is there.
    All,
    /// These are not.
    Missing(Vec<String>),
    /// IAM would not say, for this reason.
    Unknown(String),
}

/// Asks IAM whether the caller has every permission of the table on this stack's resources.
pub async fn check(cloud: &Cloud, identity: &Identity, names: &Names) -> Checked {
    let context = |key: &str, value: &str| {
        let kind = aws_sdk_iam::types::ContextKeyTypeEnum::String;
        let entry = aws_sdk_iam::types::ContextEntry::builder();
        entry.context_key_name(key).context_key_values(value).context_key_type(kind).build()
    };
    let mut missing = Vec::new();
    for (on, part) in statements(names) {
        let texts = |value: &Value| -> Vec<String> {
            let many = value.as_array().into_iter().flatten();
            many.chain(std::iter::once(value)).filter_map(Value::as_str).map(ToOwned::to_owned).collect()
        };
        let mut resources = texts(&part["Resource"]);
        // Own roles come first; whether one could be adopted too is not worth a warning.
        let of_a_group = matches!(on, On::LogGroup | On::NotebookLogs | On::SparkLogs);
        resources.truncate(if of_a_group { 2 } else { 1 });
        let services: &[&str] = if on == On::PassedRoles { &PASSED_TO } else { &["ec2"] };
        for service in services {
            let request = cloud
                .iam
                .simulate_principal_policy()
                .policy_source_arn(principal(&identity.arn))
                .set_action_names(Some(texts(&part["Action"])))
                .set_resource_arns(Some(resources.clone()))
                .context_entries(context(&format!("aws:ResourceTag/{STACK_TAG}"), &names.stack))
                .context_entries(context(&format!("aws:RequestTag/{STACK_TAG}"), &names.stack))
                .context_entries(context("aws:RequestedRegion", names.region.as_str()))
                .context_entries(context("iam:PassedToService", &Names::service(service)))
                .max_items(1000)
                .customize()
                .config_override(aws_sdk_iam::config::Builder::new().retry_config(RetryConfig::disabled()))
                .send();
            match cloud.call(Operation::SimulatePrincipalPolicy, "your own permissions", request).await {
                Ok(answer) => missing.extend(
                    answer
                        .evaluation_results()
                        .iter()
                        .filter(|result| result.eval_decision() != &PolicyEvaluationDecisionType::Allowed)
                        .map(|result| result.eval_action_name().to_owned()),
                ),
                Err(error) => return Checked::Unknown(error.to_string()),
            }
        }
    }
    missing.sort();
    missing.dedup();
    if missing.is_empty() { Checked::All } else { Checked::Missing(missing) }
}

/// Whose policies count: a session's are those of its role.
fn principal(caller: &str) -> String {
    let Some((start, session)) = caller.split_once(":assumed-role/") else { return caller.to_owned() };
    let role = session.split('/').next().unwrap_or_default();
    format!("{}:role/{role}", start.replacen(":sts:", ":iam:", 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_permissions_are_its_roles() {
        let session = "arn:aws:sts::123456789012:assumed-role/Admin/me@example.com";
        assert_eq!(principal(session), "arn:aws:iam::123456789012:role/Admin");
        assert_eq!(principal("arn:aws:iam::123456789012:user/op"), "arn:aws:iam::123456789012:user/op");
    }

    /// Each action with what it is permitted on and under which condition, however documents part them.
    fn rights(documents: &[Value]) -> BTreeSet<String> {
        let mut rights = BTreeSet::new();
        for statement in documents.iter().flat_map(|one| one["Statement"].as_array().into_iter().flatten()) {
            for action in statement["Action"].as_array().into_iter().flatten() {
                rights.insert(format!("{action} {} {}", statement["Resource"], statement["Condition"]));
            }
        }
        rights
    }

    #[test]
    fn every_operation_is_permitted_and_the_usual_policy_is_one_document() {
        let documents = policies(&Names::example());
        let [policy] = documents.as_slice() else { panic!("{} documents", documents.len()) };
        let text = policy.to_string();
        for operation in Operation::ALL {
            for (permission, _) in operation.spec().permissions {
                assert!(text.contains(&format!("\"{permission}\"")), "{permission}");
            }
        }
        let (_, anything) = statements(&Names::example()).remove(0);
        assert_eq!(anything["Resource"], "*");
        let looks = |action: &str| {
            [":Get", ":List", ":Describe", ":Simulate"].iter().any(|verb| action.contains(verb))
        };
        let actions = anything["Action"].as_array().into_iter().flatten().filter_map(Value::as_str);
        assert!(actions.into_iter().all(looks), "only looking may be permitted on anything: {anything}");
    }

    #[test]
    fn a_policy_of_long_names_is_parted_without_a_right_more_or_less() {
        let longest = "Space_Tweets_of_the_whole_year_2";
        let role = format!("arn:aws:iam::123456789012:role/{}", "r".repeat(64));
        for stack in ["space", longest] {
            let names = Names::of_settings(&[("stack", stack), ("spark_role", &role)]);
            let documents = policies(&names);
            assert!((2..=3).contains(&documents.len()), "{stack}: {} documents", documents.len());
            assert!(documents.iter().all(|one| weight(one) <= LARGEST_POLICY), "{stack}");
            let all: Vec<Value> = statements(&names).into_iter().map(|(_, statement)| statement).collect();
            assert_eq!(rights(&documents), rights(&[document_of(&all)]), "{stack}");
            assert!(rights(&documents).contains(&format!("\"iam:GetRole\" \"{role}\" null")), "{stack}");
        }
    }
}
