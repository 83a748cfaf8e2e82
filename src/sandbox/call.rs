//! One call: who makes it, where, when, and to which service.

use jiff::Timestamp;

use super::wire::Protocol;

/// A service of the embedded cloud that is reached by the JSON or the query protocols. (S3 has its own door.)
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Service {
    Sts,
    Iam,
    Ec2,
    Firehose,
    Logs,
    SageMaker,
    Ssm,
    Tagging,
}

impl Service {
    pub(crate) const ALL: [Self; 8] = [
        Self::Sts,
        Self::Iam,
        Self::Ec2,
        Self::Firehose,
        Self::Logs,
        Self::SageMaker,
        Self::Ssm,
        Self::Tagging,
    ];

    /// As credentials' scopes, permissions and ARNs name it.
    pub(crate) const fn signing_name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
            Self::Ec2 => "ec2",
            Self::Firehose => "firehose",
            Self::Logs => "logs",
            Self::SageMaker => "sagemaker",
            Self::Ssm => "ssm",
            Self::Tagging => "tagging",
        }
    }

    /// As permissions name it.
    pub(crate) const fn permission_prefix(self) -> &'static str {
        match self {
            Self::Tagging => "tag",
            other => other.signing_name(),
        }
    }

    /// The code with which the services of the JSON protocol refuse parameters that break their model.
    pub(crate) const fn code_of_invalid(self) -> &'static str {
        match self {
            Self::Logs | Self::Tagging => "InvalidParameterException",
            _ => "ValidationException",
        }
    }

    pub(crate) const fn protocol(self) -> Protocol {
        match self {
            Self::Sts => Protocol::Query {
                version: "2011-06-15",
                namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
            },
            Self::Iam => Protocol::Query {
                version: "2010-05-08",
                namespace: "https://iam.amazonaws.com/doc/2010-05-08/",
            },
            Self::Ec2 => {
                Protocol::Ec2 { version: "2016-11-15", namespace: "http://ec2.amazonaws.com/doc/2016-11-15/" }
            }
            Self::Firehose => Protocol::Json { target: "Firehose_20150804" },
            Self::Logs => Protocol::Json { target: "Logs_20140328" },
            Self::SageMaker => Protocol::Json { target: "SageMaker" },
            Self::Ssm => Protocol::Json { target: "AmazonSSM" },
            Self::Tagging => Protocol::Json { target: "ResourceGroupsTaggingAPI_20170126" },
        }
    }
}

/// An account in a region: what most resources belong to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct Place {
    pub(crate) account: String,
    pub(crate) region: String,
}

impl Place {
    /// The key of a row that belongs to this place: rows of a place are neighbours, so [`Place::prefix`] finds them.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.prefix())
    }

    /// What the keys of all rows of this place begin with.
    pub(crate) fn prefix(&self) -> String {
        format!("{}/{}/", self.account, self.region)
    }

    /// The ARN of a thing of this place: `arn:aws:firehose:us-east-1:123456789012:deliverystream/posts`.
    pub(crate) fn arn(&self, service: &str, thing: &str) -> String {
        format!("arn:aws:{service}:{}:{}:{thing}", self.region, self.account)
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// The account's operator, who may do everything.
    Operator { account: String },
    /// A session of a role: it may do what the role's policies allow.
    Role { account: String, role: String, role_id: String, session: String },
    /// A session whose time is over: it may do nothing.
    Expired(Box<Caller>),
}

impl Caller {
    pub(crate) fn account(&self) -> &str {
        match self {
            Self::Operator { account } | Self::Role { account, .. } => account,
            Self::Expired(once) => once.account(),
        }
    }

    pub(crate) fn arn(&self) -> String {
        match self {
            Self::Operator { account } => format!("arn:aws:iam::{account}:user/operator"),
            Self::Role { account, role, session, .. } => {
                format!("arn:aws:sts::{account}:assumed-role/{role}/{session}")
            }
            Self::Expired(once) => once.arn(),
        }
    }

    pub(crate) fn user_id(&self) -> String {
        match self {
            Self::Operator { .. } => "AIDASANDBOXOPERATOR00".to_owned(),
            Self::Role { role_id, session, .. } => format!("{role_id}:{session}"),
            Self::Expired(once) => once.user_id(),
        }
    }
}

/// One call, before its parameters are read.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) service: Service,
    /// As the API names it: `CreateDeliveryStream`.
    pub(crate) operation: String,
    pub(crate) place: Place,
    pub(crate) caller: Caller,
    /// When it came in. Everything that the call does happens at this moment.
    pub(crate) now: Timestamp,
    pub(crate) request_id: String,
}
