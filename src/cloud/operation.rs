//! The AWS operations that hydrant may call, and what each needs to be permitted.
//!
//! This table is the allow-list: the guard in the clients refuses any call that is not in it, refuses those
//! marked [`Change`](Access::Change) in read-only mode, and the permissions policy for an operator's user is made
//! from it. So neither the list of reads nor the policy can drift from what the code does.

/// Whether an operation leaves the world as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It changes something: journalled, recorded, refused in read-only mode.
    Change,
    /// It adds data, over and over: refused in read-only mode, and counted by the one who adds rather than recorded.
    Add,
}

/// What a permission is needed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// Cannot be limited to a resource.
    Anything,
    /// The lake's bucket.
    Bucket,
    /// The objects in it.
    Objects,
    /// The stack's log group and its streams.
    LogGroup,
    /// The delivery stream.
    DeliveryStream,
    /// The stack's roles.
    Roles,
    /// The stack's roles, given to a service.
    PassedRoles,
    /// The instance profile.
    InstanceProfile,
    /// EC2 things of the region that carry the stack's tag.
    TaggedEc2,
    /// Tagging EC2 things as the stack's.
    OwnTags,
    /// EC2 things of the region that are being made or used in making one.
    Ec2,
    /// The notebook and its lifecycle configuration.
    Notebook,
    /// Where SageMaker logs what its notebooks do.
    NotebookLogs,
    /// SageMaker's processing jobs that hydrant's names begin.
    SparkJobs,
    /// Where they log.
    SparkLogs,
    /// EMR Serverless's applications and their runs.
    Applications,
}

/// One operation of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spec {
    /// The service as its SDK client names it.
    pub service: &'static str,
    /// The operation's name in the service's API.
    pub name: &'static str,
    /// Whether it changes anything.
    pub access: Access,
    /// The permissions it takes.
    pub permissions: &'static [(&'static str, On)],
}

macro_rules! operations {
    ($( $service:literal { $( $access:ident $name:ident [ $( $permission:literal $on:ident ),+ ] ; )* } )*) => {
        /// An operation that hydrant may call.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "each is documented by AWS under the very same name")]
        pub enum Operation { $( $( $name, )* )* }

        impl Operation {
            /// Every operation of the table.
            pub const ALL: &[Self] = &[ $( $( Self::$name, )* )* ];

            /// Its line in the table.
            pub const fn spec(self) -> Spec {
                match self { $( $( Self::$name => Spec {
                    service: $service,
                    name: stringify!($name),
                    access: Access::$access,
                    permissions: &[ $( ($permission, On::$on) ),+ ],
                }, )* )* }
            }
        }
    };
}

operations! {
    "STS" {
        Read GetCallerIdentity ["sts:GetCallerIdentity" Anything];
    }
    "S3" {
        Read GetBucketTagging ["s3:GetBucketTagging" Bucket];
        Read GetPublicAccessBlock ["s3:GetBucketPublicAccessBlock" Bucket];
        Read GetBucketEncryption ["s3:GetEncryptionConfiguration" Bucket];
        Read GetBucketLifecycleConfiguration ["s3:GetLifecycleConfiguration" Bucket];
        Read ListObjectVersions ["s3:ListBucketVersions" Bucket];
        Read ListMultipartUploads ["s3:ListBucketMultipartUploads" Bucket];
        Read ListObjectsV2 ["s3:ListBucket" Bucket];
        Read GetObject ["s3:GetObject" Objects];
        Read HeadObject ["s3:GetObject" Objects];
        Change PutObject ["s3:PutObject" Objects];
        Change CreateMultipartUpload ["s3:PutObject" Objects];
        Change UploadPart ["s3:PutObject" Objects];
        Change CompleteMultipartUpload ["s3:PutObject" Objects];
        Change CreateBucket ["s3:CreateBucket" Bucket];
        Change PutBucketTagging ["s3:PutBucketTagging" Bucket];
        Change PutPublicAccessBlock ["s3:PutBucketPublicAccessBlock" Bucket];
        Change PutBucketEncryption ["s3:PutEncryptionConfiguration" Bucket];
        Change PutBucketLifecycleConfiguration ["s3:PutLifecycleConfiguration" Bucket];
        Change DeleteObjects ["s3:DeleteObject" Objects, "s3:DeleteObjectVersion" Objects];
        Change AbortMultipartUpload ["s3:AbortMultipartUpload" Objects];
        Change DeleteBucket ["s3:DeleteBucket" Bucket];
    }
    "CloudWatch Logs" {
        Read DescribeLogGroups ["logs:DescribeLogGroups" Anything];
        Read DescribeLogStreams ["logs:DescribeLogStreams" LogGroup, "logs:DescribeLogStreams" NotebookLogs];
        Read ListTagsForResource ["logs:ListTagsForResource" LogGroup];
        Read FilterLogEvents ["logs:FilterLogEvents" LogGroup, "logs:FilterLogEvents" SparkLogs];
        Read StartLiveTail ["logs:StartLiveTail" LogGroup];
        Change CreateLogGroup ["logs:CreateLogGroup" LogGroup, "logs:TagResource" LogGroup];
        Change TagResource ["logs:TagResource" LogGroup];
        Change PutRetentionPolicy ["logs:PutRetentionPolicy" LogGroup];
        Change DeleteRetentionPolicy ["logs:DeleteRetentionPolicy" LogGroup];
        Change CreateLogStream ["logs:CreateLogStream" LogGroup];
        Change DeleteLogStream ["logs:DeleteLogStream" LogGroup, "logs:DeleteLogStream" NotebookLogs];
        Change DeleteLogGroup ["logs:DeleteLogGroup" LogGroup, "logs:DeleteLogGroup" NotebookLogs];
        Add PutLogEvents ["logs:PutLogEvents" LogGroup];
    }
    "Firehose" {
        Read DescribeDeliveryStream ["firehose:DescribeDeliveryStream" DeliveryStream];
        Read ListTagsForDeliveryStream ["firehose:ListTagsForDeliveryStream" DeliveryStream];
        Change CreateDeliveryStream [
            "firehose:CreateDeliveryStream" DeliveryStream, "firehose:TagDeliveryStream" DeliveryStream, "iam:PassRole" PassedRoles
        ];
        Change TagDeliveryStream ["firehose:TagDeliveryStream" DeliveryStream];
        Change UpdateDestination ["firehose:UpdateDestination" DeliveryStream, "iam:PassRole" PassedRoles];
        Add PutRecordBatch ["firehose:PutRecordBatch" DeliveryStream];
        Change DeleteDeliveryStream ["firehose:DeleteDeliveryStream" DeliveryStream];
    }
    "IAM" {
        Read GetRole ["iam:GetRole" Roles];
        Read GetRolePolicy ["iam:GetRolePolicy" Roles];
        Read ListAttachedRolePolicies ["iam:ListAttachedRolePolicies" Roles];
        Read ListRolePolicies ["iam:ListRolePolicies" Roles];
        Read GetInstanceProfile ["iam:GetInstanceProfile" InstanceProfile];
        Read SimulatePrincipalPolicy ["iam:SimulatePrincipalPolicy" Anything];
        Read ListRoles ["iam:ListRoles" Anything];
        Read ListInstanceProfiles ["iam:ListInstanceProfiles" Anything];
        Change CreateRole ["iam:CreateRole" Roles, "iam:TagRole" Roles];
        Change TagRole ["iam:TagRole" Roles];
        Change UpdateAssumeRolePolicy ["iam:UpdateAssumeRolePolicy" Roles];
        Change PutRolePolicy ["iam:PutRolePolicy" Roles];
        Change DeleteRolePolicy ["iam:DeleteRolePolicy" Roles];
        Change DetachRolePolicy ["iam:DetachRolePolicy" Roles];
        Change DeleteRole ["iam:DeleteRole" Roles];
        Change CreateInstanceProfile ["iam:CreateInstanceProfile" InstanceProfile, "iam:TagInstanceProfile" InstanceProfile];
        Change TagInstanceProfile ["iam:TagInstanceProfile" InstanceProfile];
        Change AddRoleToInstanceProfile ["iam:AddRoleToInstanceProfile" InstanceProfile, "iam:PassRole" PassedRoles];
        Change RemoveRoleFromInstanceProfile ["iam:RemoveRoleFromInstanceProfile" InstanceProfile];
        Change DeleteInstanceProfile ["iam:DeleteInstanceProfile" InstanceProfile];
    }
    "EC2" {
        Read DescribeKeyPairs ["ec2:DescribeKeyPairs" Anything];
        Read DescribeSecurityGroups ["ec2:DescribeSecurityGroups" Anything];
        Read DescribeInstances ["ec2:DescribeInstances" Anything];
        Read DescribeImages ["ec2:DescribeImages" Anything];
        Read DescribeVpcs ["ec2:DescribeVpcs" Anything];
        Read DescribeVolumes ["ec2:DescribeVolumes" Anything];
        Read DescribeSubnets ["ec2:DescribeSubnets" Anything];
        Change CreateTags ["ec2:CreateTags" OwnTags];
        Change ImportKeyPair ["ec2:ImportKeyPair" Ec2, "ec2:CreateTags" OwnTags];
        Change DeleteKeyPair ["ec2:DeleteKeyPair" TaggedEc2];
        Change CreateSecurityGroup ["ec2:CreateSecurityGroup" Ec2, "ec2:CreateTags" OwnTags];
        Change AuthorizeSecurityGroupIngress ["ec2:AuthorizeSecurityGroupIngress" TaggedEc2];
        Change RevokeSecurityGroupIngress ["ec2:RevokeSecurityGroupIngress" TaggedEc2];
        Change DeleteSecurityGroup ["ec2:DeleteSecurityGroup" TaggedEc2];
        Change RunInstances ["ec2:RunInstances" Ec2, "ec2:CreateTags" OwnTags, "iam:PassRole" PassedRoles];
        Change StartInstances ["ec2:StartInstances" TaggedEc2];
        Change ModifyInstanceAttribute ["ec2:ModifyInstanceAttribute" TaggedEc2];
        Change ModifyInstanceMetadataOptions ["ec2:ModifyInstanceMetadataOptions" TaggedEc2];
        Change TerminateInstances ["ec2:TerminateInstances" TaggedEc2];
    }
    "SageMaker" {
        Read DescribeNotebookInstance ["sagemaker:DescribeNotebookInstance" Notebook];
        Read DescribeNotebookInstanceLifecycleConfig ["sagemaker:DescribeNotebookInstanceLifecycleConfig" Notebook];
        Read ListTags ["sagemaker:ListTags" Notebook];
        Change CreateNotebookInstanceLifecycleConfig ["sagemaker:CreateNotebookInstanceLifecycleConfig" Notebook, "sagemaker:AddTags" Notebook];
        Change UpdateNotebookInstanceLifecycleConfig ["sagemaker:UpdateNotebookInstanceLifecycleConfig" Notebook];
        Change DeleteNotebookInstanceLifecycleConfig ["sagemaker:DeleteNotebookInstanceLifecycleConfig" Notebook];
        Change CreateNotebookInstance [
            "sagemaker:CreateNotebookInstance" Notebook, "sagemaker:AddTags" Notebook, "iam:PassRole" PassedRoles,
            "ec2:CreateNetworkInterface" Ec2
        ];
        Change UpdateNotebookInstance ["sagemaker:UpdateNotebookInstance" Notebook, "iam:PassRole" PassedRoles];
        Change StartNotebookInstance ["sagemaker:StartNotebookInstance" Notebook];
        Change StopNotebookInstance ["sagemaker:StopNotebookInstance" Notebook];
        Change DeleteNotebookInstance ["sagemaker:DeleteNotebookInstance" Notebook, "ec2:DeleteNetworkInterface" Ec2];
        Change CreatePresignedNotebookInstanceUrl ["sagemaker:CreatePresignedNotebookInstanceUrl" Notebook];
        Change AddTags ["sagemaker:AddTags" Notebook];
        Read DescribeProcessingJob ["sagemaker:DescribeProcessingJob" SparkJobs];
        Change CreateProcessingJob [
            "sagemaker:CreateProcessingJob" SparkJobs, "sagemaker:AddTags" SparkJobs, "iam:PassRole" PassedRoles
        ];
        Change StopProcessingJob ["sagemaker:StopProcessingJob" SparkJobs];
    }
    "EMR Serverless" {
        Read ListApplications ["emr-serverless:ListApplications" Anything];
        Read GetJobRun ["emr-serverless:GetJobRun" Applications];
        Change CreateApplication ["emr-serverless:CreateApplication" Applications, "emr-serverless:TagResource" Applications];
        Change StartJobRun ["emr-serverless:StartJobRun" Applications, "iam:PassRole" PassedRoles];
        Change CancelJobRun ["emr-serverless:CancelJobRun" Applications];
    }
    "Resource Groups Tagging API" {
        Read GetResources ["tag:GetResources" Anything];
    }
}

impl Operation {
    /// As permissions write it: `s3:CreateBucket`.
    pub fn permission(self) -> &'static str {
        self.spec().permissions.first().map_or("", |(permission, _)| permission)
    }

    /// Whether it changes anything.
    pub fn changes(self) -> bool {
        self.spec().access != Access::Read
    }

    /// Whether each call of it goes into the record of changes.
    pub fn is_recorded(self) -> bool {
        self.spec().access == Access::Change
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_is_named_so() {
        for operation in Operation::ALL {
            // A live tail is started and changes nothing.
            let verbs = ["Get", "List", "Describe", "Head", "Simulate", "Filter", "StartLiveTail"];
            let looks = verbs.iter().any(|verb| operation.spec().name.starts_with(verb));
            assert_eq!(looks, !operation.changes(), "{operation:?}");
        }
    }
}
