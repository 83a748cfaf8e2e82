//! AWS's own managed policies: the few that operators of such a pipeline attach. Their documents are shorter than
//! AWS's, and say the same of the services that are here.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::json;

use super::access::Source;
use super::document::Policy;
use super::policies::{ManagedPolicy, Version};
use crate::sandbox::tags::Tags;

/// A policy by its name, what it is for, and what it allows on everything.
struct AwsPolicy {
    name: &'static str,
    description: &'static str,
    actions: &'static [&'static str],
}

const ADMINISTRATOR: &str = "AdministratorAccess";

const POLICIES: &[AwsPolicy] = &[
    AwsPolicy {
        name: ADMINISTRATOR,
        description: "Provides full access to AWS services and resources.",
        actions: &["*"],
    },
    AwsPolicy {
        name: "AmazonEC2FullAccess",
        description: "Provides full access to Amazon EC2 via the AWS Management Console.",
        actions: &["ec2:*", "elasticloadbalancing:*", "cloudwatch:*", "autoscaling:*"],
    },
    AwsPolicy {
        name: "AmazonEC2ReadOnlyAccess",
        description: "Provides read only access to Amazon EC2 via the AWS Management Console.",
        actions: &["ec2:Describe*", "ec2:Get*", "cloudwatch:ListMetrics", "cloudwatch:GetMetricStatistics"],
    },
    AwsPolicy {
        name: "AmazonKinesisFirehoseFullAccess",
        description: "Provides full access to all Amazon Kinesis Firehose Delivery Streams.",
        actions: &["firehose:*"],
    },
    AwsPolicy {
        name: "AmazonKinesisFirehoseReadOnlyAccess",
        description: "Provides read only access to all Amazon Kinesis Firehose Delivery Streams.",
        actions: &["firehose:Describe*", "firehose:List*"],
    },
    AwsPolicy {
        name: "AmazonS3FullAccess",
        description: "Provides full access to all buckets via the AWS Management Console.",
        actions: &["s3:*", "s3-object-lambda:*"],
    },
    AwsPolicy {
        name: "AmazonS3ReadOnlyAccess",
        description: "Provides read only access to all buckets via the AWS Management Console.",
        actions: &["s3:Get*", "s3:List*", "s3:Describe*", "s3-object-lambda:Get*", "s3-object-lambda:List*"],
    },
    AwsPolicy {
        name: "AmazonSSMManagedInstanceCore",
        description: "The policy for Amazon EC2 Role to enable AWS Systems Manager service core functionality.",
        actions: &[
            "ssm:DescribeAssociation",
            "ssm:GetDeployablePatchSnapshotForInstance",
            "ssm:GetDocument",
            "ssm:DescribeDocument",
            "ssm:GetManifest",
            "ssm:GetParameter",
            "ssm:GetParameters",
            "ssm:ListAssociations",
            "ssm:ListInstanceAssociations",
            "ssm:PutInventory",
            "ssm:PutComplianceItems",
            "ssm:PutConfigurePackageResult",
            "ssm:UpdateAssociationStatus",
            "ssm:UpdateInstanceAssociationStatus",
            "ssm:UpdateInstanceInformation",
            "ssmmessages:*",
            "ec2messages:*",
        ],
    },
    AwsPolicy {
        name: "AmazonSageMakerFullAccess",
        description: "Provides full access to Amazon SageMaker via the AWS Management Console and SDK.",
        actions: &[
            "sagemaker:*",
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:CreateBucket",
            "s3:GetBucketLocation",
            "s3:ListBucket",
            "s3:ListAllMyBuckets",
            "s3:GetBucketCors",
            "s3:PutBucketCors",
            "logs:CreateLogDelivery",
            "logs:CreateLogGroup",
            "logs:CreateLogStream",
            "logs:DeleteLogDelivery",
            "logs:Describe*",
            "logs:GetLogDelivery",
            "logs:GetLogEvents",
            "logs:ListLogDeliveries",
            "logs:PutLogEvents",
            "logs:PutResourcePolicy",
            "logs:UpdateLogDelivery",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:Describe*",
            "iam:ListRoles",
        ],
    },
    AwsPolicy {
        name: "CloudWatchAgentServerPolicy",
        description: "Permissions required to use AmazonCloudWatchAgent on servers",
        actions: &[
            "cloudwatch:PutMetricData",
            "ec2:DescribeVolumes",
            "ec2:DescribeTags",
            "logs:PutLogEvents",
            "logs:PutRetentionPolicy",
            "logs:DescribeLogStreams",
            "logs:DescribeLogGroups",
            "logs:CreateLogStream",
            "logs:CreateLogGroup",
        ],
    },
    AwsPolicy {
        name: "CloudWatchLogsFullAccess",
        description: "Provides full access to CloudWatch Logs",
        actions: &["logs:*", "cloudwatch:GenerateQuery"],
    },
    AwsPolicy {
        name: "CloudWatchLogsReadOnlyAccess",
        description: "Provides read only access to CloudWatch Logs",
        actions: &[
            "logs:Describe*",
            "logs:Get*",
            "logs:List*",
            "logs:StartQuery",
            "logs:StopQuery",
            "logs:TestMetricFilter",
            "logs:FilterLogEvents",
            "logs:StartLiveTail",
            "logs:StopLiveTail",
        ],
    },
    AwsPolicy {
        name: "ReadOnlyAccess",
        description: "Provides read-only access to AWS services and resources.",
        actions: &[
            "ec2:Describe*",
            "ec2:Get*",
            "firehose:Describe*",
            "firehose:List*",
            "iam:Generate*",
            "iam:Get*",
            "iam:List*",
            "iam:Simulate*",
            "logs:Describe*",
            "logs:FilterLogEvents",
            "logs:Get*",
            "logs:List*",
            "logs:StartLiveTail",
            "s3:Get*",
            "s3:List*",
            "sagemaker:Describe*",
            "sagemaker:List*",
            "ssm:Describe*",
            "ssm:Get*",
            "ssm:List*",
            "sts:GetCallerIdentity",
            "sts:GetAccessKeyInfo",
            "tag:Get*",
        ],
    },
];

/// When AWS wrote them.
const WRITTEN: Timestamp = Timestamp::constant(1_423_161_624, 0);

impl AwsPolicy {
    fn arn(&self) -> String {
        format!("arn:aws:iam::aws:policy/{}", self.name)
    }

    fn document(&self) -> String {
        let statement = json!({ "Effect": "Allow", "Action": self.actions, "Resource": "*" });
        json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string()
    }

    /// Its place in the list is its id.
    fn as_managed(&self, place: usize) -> ManagedPolicy {
        let version = Version { document: self.document(), created: WRITTEN };
        ManagedPolicy {
            name: self.name.to_owned(),
            path: "/".to_owned(),
            id: format!("ANPASANDBOX{place:010}"),
            arn: self.arn(),
            description: Some(self.description.to_owned()),
            created: WRITTEN,
            updated: WRITTEN,
            tags: Tags::new(),
            versions: BTreeMap::from([(1, version)]),
            default: 1,
            newest: 1,
        }
    }
}

/// All of them.
pub(super) fn all() -> impl Iterator<Item = ManagedPolicy> {
    POLICIES.iter().enumerate().map(|(place, policy)| policy.as_managed(place))
}

/// The one of an ARN.
pub(super) fn by_arn(arn: &str) -> Option<ManagedPolicy> {
    let (place, policy) = POLICIES.iter().enumerate().find(|(_, policy)| policy.arn() == arn)?;
    Some(policy.as_managed(place))
}

/// What the operator may do.
pub(super) fn administrator() -> Option<Source> {
    let policy = POLICIES.iter().find(|policy| policy.name == ADMINISTRATOR)?;
    Some(Source { id: ADMINISTRATOR.to_owned(), policy: Policy::identity(&policy.document()).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn awss_own_policies_are_policies() {
        for policy in all() {
            assert!(Policy::identity(policy.document().expect("a version")).is_ok(), "{}", policy.name);
        }
        assert!(by_arn("arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess").is_some());
        assert!(administrator().is_some());
    }
}
