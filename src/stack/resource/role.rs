//! The roles: Firehose's, the host's and the notebook's. Each has one inline policy that names exactly what its service
//! needs on this stack's resources, and a trust policy that lets only that service take it; the Firehose role only on
//! behalf of this account.

use async_trait::async_trait;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::{Resource, differs, iam_tags, owner_in_iam};
use crate::cloud::Operation;
use crate::stack::graph::Kind;
use crate::stack::names::Names;
use crate::stack::plan::{Difference, Found, NONE, OWNER, Wanted};
use crate::stack::{Made, Stack, StackError, if_there, or_there};

pub(super) struct Role(pub(super) Kind);

/// The name of the one inline policy.
const POLICY_NAME: &str = "hydrant";
const TRUST: &str = "trust policy";
const POLICY: &str = "policy";
const OTHERS: &str = "other policies";

fn trust(kind: Kind, names: &Names) -> Value {
    let service = match kind {
        Kind::FirehoseRole => "firehose",
        // No condition as Firehose's has: AWS's list of the SageMaker features that send their account along does not
        // have notebook instances, and only who may pass the role can put a notebook on it.
        Kind::NotebookRole => "sagemaker",
        _ => "ec2",
    };
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": { "Service": Names::service(service) },
        "Action": "sts:AssumeRole",
    });
    if kind == Kind::FirehoseRole {
        // Without it, anyone's delivery stream could be pointed at this role (the "confused deputy").
        statement["Condition"] = json!({ "StringEquals": { "aws:SourceAccount": names.account } });
    }
    json!({ "Version": "2012-10-17", "Statement": [statement] })
}

fn policy(kind: Kind, names: &Names) -> Value {
    let bucket = names.arn(Kind::Bucket);
    let log_group = names.arn(Kind::LogGroup);
    let statements = match kind {
        Kind::NotebookRole => notebook_statements(names),
        Kind::FirehoseRole => json!([
            {
                "Sid": "Deliver",
                "Effect": "Allow",
                "Action": [
                    "s3:AbortMultipartUpload", "s3:GetBucketLocation", "s3:GetObject", "s3:ListBucket",
                    "s3:ListBucketMultipartUploads", "s3:PutObject"
                ],
                "Resource": [bucket, format!("{bucket}/*")],
            },
            { "Sid": "Log", "Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": format!("{log_group}:log-stream:*") },
        ]),
        _ => json!([
            {
                "Sid": "Put",
                "Effect": "Allow",
                "Action": ["firehose:PutRecord", "firehose:PutRecordBatch"],
                "Resource": names.arn(Kind::DeliveryStream),
            },
            {
                "Sid": "Log",
                "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": [format!("{log_group}:*"), format!("{log_group}:log-stream:*")],
            },
        ]),
    };
    json!({ "Version": "2012-10-17", "Statement": statements })
}

/// Below the lake's prefix, where a notebook may write: what is made of the hours, never the hours themselves.
const WRITTEN: [&str; 4] = ["csvs/*", "parquet/*", "models/*", "predictions/*"];

/// The notebook reads the one bucket, writes what it makes beside the hours, logs, and stops itself.
fn notebook_statements(names: &Names) -> Value {
    let bucket = names.arn(Kind::Bucket);
    let lake = format!("{bucket}/{}", names.lake());
    let logs = names.arn(Kind::NotebookLogs);
    let spark_logs = names.spark_logs();
    json!([
        {
            "Sid": "Look",
            "Effect": "Allow",
            "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            "Resource": bucket,
        },
        { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": format!("{bucket}/*") },
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Action": ["s3:AbortMultipartUpload", "s3:DeleteObject", "s3:PutObject"],
            "Resource": WRITTEN.map(|folder| format!("{lake}{folder}")),
        },
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            "Resource": [logs, format!("{logs}:*"), spark_logs, format!("{spark_logs}:*")],
        },
        // A Spark job takes this role too: SageMaker fetches the job's image with it.
        {
            "Sid": "SparkImage",
            "Effect": "Allow",
            "Action": ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
            "Resource": names.spark_image(),
        },
        { "Sid": "Registry", "Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*" },
        {
            "Sid": "StopWhenIdle",
            "Effect": "Allow",
            "Action": "sagemaker:StopNotebookInstance",
            "Resource": names.arn(Kind::Notebook),
        },
    ])
}

/// A policy as IAM gives it back (percent-encoded), in one canonical form; what is no JSON stays as it is.
fn canonical(document: &str) -> String {
    let text = percent_decode_str(document).decode_utf8_lossy();
    serde_json::from_str::<Value>(&text).map_or_else(|_| text.into_owned(), |value| value.to_string())
}

impl Role {
    fn name<'a>(&self, stack: &'a Stack) -> &'a str {
        stack.names.of(self.0)
    }

    async fn put_policy(&self, stack: &Stack) -> Result<(), StackError> {
        let request = stack
            .cloud
            .iam
            .put_role_policy()
            .role_name(self.name(stack))
            .policy_name(POLICY_NAME)
            .policy_document(policy(self.0, &stack.names).to_string());
        stack.call(self.0, Operation::PutRolePolicy, request.send()).await.map(drop)
    }

    async fn attached(&self, stack: &Stack) -> Result<Vec<(String, String)>, StackError> {
        let mut attached = Vec::new();
        let mut pages = stack.cloud.iam.list_attached_role_policies().role_name(self.name(stack));
        loop {
            let page = stack.call(self.0, Operation::ListAttachedRolePolicies, pages.clone().send()).await?;
            let policies = page.attached_policies.unwrap_or_default();
            attached.extend(
                policies.into_iter().filter_map(|policy| Some((policy.policy_name?, policy.policy_arn?))),
            );
            match page.marker {
                Some(marker) if page.is_truncated => pages = pages.marker(marker),
                _ => return Ok(attached),
            }
        }
    }

    async fn inline(&self, stack: &Stack) -> Result<Vec<String>, StackError> {
        let request = stack.cloud.iam.list_role_policies().role_name(self.name(stack));
        Ok(stack.call(self.0, Operation::ListRolePolicies, request.send()).await?.policy_names)
    }

    /// The names of all that the role may do beside hydrant's one policy. Not looked up for Firehose's role, which only
    /// Firehose ever takes: whoever gets onto the host or into the notebook has theirs.
    async fn others(&self, stack: &Stack) -> Result<Vec<String>, StackError> {
        if self.0 == Kind::FirehoseRole {
            return Ok(Vec::new());
        }
        let (attached, inline) = tokio::try_join!(self.attached(stack), self.inline(stack))?;
        let inline = inline.into_iter().filter(|name| name != POLICY_NAME);
        Ok(attached.into_iter().map(|(name, _)| name).chain(inline).collect())
    }

    async fn detach_all(&self, stack: &Stack) -> Result<(), StackError> {
        for (_, arn) in self.attached(stack).await? {
            let request = stack.cloud.iam.detach_role_policy().role_name(self.name(stack)).policy_arn(arn);
            if_there(stack.call(self.0, Operation::DetachRolePolicy, request.send()).await)?;
        }
        Ok(())
    }

    async fn delete_inline(&self, stack: &Stack, also_ours: bool) -> Result<(), StackError> {
        for policy in self.inline(stack).await?.into_iter().filter(|name| also_ours || name != POLICY_NAME) {
            let request =
                stack.cloud.iam.delete_role_policy().role_name(self.name(stack)).policy_name(policy);
            if_there(stack.call(self.0, Operation::DeleteRolePolicy, request.send()).await)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Resource for Role {
    async fn wanted(&self, stack: &Stack, _found: Option<&Found>) -> Result<Wanted, StackError> {
        Ok(Wanted::default()
            .with(OWNER, &stack.names.stack)
            .with(TRUST, trust(self.0, &stack.names).to_string())
            .with(POLICY, policy(self.0, &stack.names).to_string())
            .with(OTHERS, NONE))
    }

    async fn read(&self, stack: &Stack) -> Result<Option<Found>, StackError> {
        let iam = &stack.cloud.iam;
        let name = self.name(stack);
        let request = iam.get_role().role_name(name);
        let answer = if_there(stack.call(self.0, Operation::GetRole, request.send()).await)?;
        let Some(role) = answer.and_then(|answer| answer.role) else { return Ok(None) };
        let policy = iam.get_role_policy().role_name(name).policy_name(POLICY_NAME);
        let (policy, others) =
            tokio::join!(stack.call(self.0, Operation::GetRolePolicy, policy.send()), self.others(stack));
        let (Some(others), policy) = (if_there(others)?, if_there(policy)?) else { return Ok(None) };
        let owner = owner_in_iam(stack, role.tags());
        let found = Found::ready(name, &role.arn)
            .made_at(Some(role.create_date()))
            .with(OWNER, owner)
            .with(TRUST, role.assume_role_policy_document().map(canonical))
            .with(POLICY, policy.map(|policy| canonical(policy.policy_document())))
            .with(OTHERS, if others.is_empty() { NONE.to_owned() } else { others.join(", ") });
        Ok(Some(found))
    }

    async fn create(&self, stack: &Stack) -> Result<Made, StackError> {
        let purpose = match self.0 {
            Kind::FirehoseRole => "delivery stream",
            Kind::NotebookRole => "notebook",
            _ => "host",
        };
        let request = stack
            .cloud
            .iam
            .create_role()
            .role_name(self.name(stack))
            .path(stack.names.iam_path())
            .description(format!("What the {purpose} of the hydrant stack {} may do", stack.names.stack))
            .assume_role_policy_document(trust(self.0, &stack.names).to_string())
            .set_tags(Some(iam_tags(stack)));
        or_there(stack.call(self.0, Operation::CreateRole, request.send()).await)
    }

    async fn change(
        &self,
        stack: &Stack,
        _found: &Found,
        differences: &[Difference],
    ) -> Result<(), StackError> {
        let iam = &stack.cloud.iam;
        let name = self.name(stack);
        if differs(differences, OWNER) {
            let request = iam.tag_role().role_name(name).set_tags(Some(iam_tags(stack)));
            stack.call(self.0, Operation::TagRole, request.send()).await?;
        }
        if differs(differences, TRUST) {
            let document = trust(self.0, &stack.names).to_string();
            let request = iam.update_assume_role_policy().role_name(name).policy_document(document);
            stack.call(self.0, Operation::UpdateAssumeRolePolicy, request.send()).await?;
        }
        if differs(differences, POLICY) {
            self.put_policy(stack).await?;
        }
        if differs(differences, OTHERS) {
            self.detach_all(stack).await?;
            self.delete_inline(stack, false).await?;
        }
        Ok(())
    }

    async fn delete(&self, stack: &Stack, _found: &Found) -> Result<(), StackError> {
        self.detach_all(stack).await?;
        self.delete_inline(stack, true).await?;
        let request = stack.cloud.iam.delete_role().role_name(self.name(stack));
        stack.call(self.0, Operation::DeleteRole, request.send()).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn the_host_may_put_to_this_stream_and_write_this_log_and_nothing_else() {
        let policy = policy(Kind::InstanceRole, &Names::example());
        let expected = json!([
            {
                "Sid": "Put", "Effect": "Allow",
                "Action": ["firehose:PutRecord", "firehose:PutRecordBatch"],
                "Resource": "arn:aws:firehose:eu-central-1:123456789012:deliverystream/twitter_delivery_stream",
            },
            {
                "Sid": "Log", "Effect": "Allow",
                "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
                "Resource": [
                    "arn:aws:logs:eu-central-1:123456789012:log-group:kinesisfirehose_twitter_delivery_stream:*",
                    "arn:aws:logs:eu-central-1:123456789012:log-group:kinesisfirehose_twitter_delivery_stream:log-stream:*",
                ],
            },
        ]);
        assert_eq!(policy["Statement"], expected);
    }

    #[test]
    fn the_notebook_reads_one_bucket_writes_beside_the_hours_and_stops_only_itself() {
        let names = Names::example();
        let policy = policy(Kind::NotebookRole, &names);
        let bucket = "arn:aws:s3:::hydrant-123456789012-eu-central-1";
        for statement in policy["Statement"].as_array().expect("statements") {
            let resources = match &statement["Resource"] {
                Value::Array(many) => many.clone(),
                one => vec![one.clone()],
            };
            // A token for the registry is not of anything; it opens what the role may read there.
            if statement["Action"] == "ecr:GetAuthorizationToken" {
                continue;
            }
            for resource in resources {
                let resource = resource.as_str().expect("an ARN").to_owned();
                let own = [
                    bucket,
                    "arn:aws:ecr:eu-central-1:*:repository/sagemaker-spark-processing",
                    "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/sagemaker/ProcessingJobs",
                    "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/sagemaker/NotebookInstances",
                    "arn:aws:sagemaker:eu-central-1:123456789012:notebook-instance/mydemo",
                ];
                assert!(own.iter().any(|own| resource.starts_with(own)), "{resource}");
            }
            if statement["Sid"] == "Write" {
                let resources = statement["Resource"].to_string();
                assert!(
                    !resources.contains("kinesis-demo/*"),
                    "the hours are not its to change: {resources}"
                );
            }
        }
        let trust = trust(Kind::NotebookRole, &names);
        assert_eq!(trust["Statement"][0]["Principal"]["Service"], "sagemaker.amazonaws.com");
    }

    #[test]
    fn firehose_may_deliver_to_this_bucket_for_this_account_only() {
        let names = Names::example();
        let policy = policy(Kind::FirehoseRole, &names);
        let bucket = "arn:aws:s3:::hydrant-123456789012-eu-central-1";
        assert_eq!(policy["Statement"][0]["Resource"], json!([bucket, format!("{bucket}/*")]));
        let trust = trust(Kind::FirehoseRole, &names);
        assert_eq!(trust["Statement"][0]["Principal"]["Service"], "firehose.amazonaws.com");
        assert_eq!(trust["Statement"][0]["Condition"]["StringEquals"]["aws:SourceAccount"], "123456789012");
    }

    #[test]
    fn a_policy_reads_the_same_however_iam_spells_it() {
        let spelled = "%7B%20%22b%22%3A%201%2C%0A%22a%22%3A%5B2%5D%7D";
        assert_eq!(canonical(spelled), r#"{"a":[2],"b":1}"#);
        assert_eq!(canonical("not a policy"), "not a policy");
    }
}
