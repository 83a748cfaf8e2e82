//! What can go wrong in a call, in the operator's terms.

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::request_id::RequestId;

use super::guard::Refusal;
use super::{Operation, Place};
use crate::text::sanitise;

/// A call that failed, or clients that could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CloudError {
    /// Nobody said which region.
    #[error(
        "no region is set: give --region, AWS_REGION, `region` in hydrant.toml or a profile that has one"
    )]
    NoRegion,
    /// The endpoint that the profile names is none.
    #[error("the profile's endpoint_url {0}")]
    BadEndpoint(String),
    /// One call failed.
    #[error("{}", .0.sentence())]
    Call(#[source] Box<CallError>),
}

/// The details of a failed call.
#[derive(Debug)]
pub struct CallError {
    /// What was called.
    pub operation: Operation,
    /// What it was about.
    pub target: String,
    /// The kind of failure, which decides what to do about it.
    pub failure: Failure,
    /// AWS's error code.
    pub code: Option<String>,
    /// AWS's words, made safe to show.
    pub message: String,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
    place: Place,
    profile: Option<String>,
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} on {}: {}",
            self.operation.permission(),
            self.target,
            self.code.as_deref().unwrap_or("no answer")
        )?;
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(self.source.as_ref())
    }
}

/// The kinds of failure that are answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The thing is not there.
    Missing,
    /// A thing of that name is there already.
    Exists,
    /// Something else still needs the thing, or is changing it: wait.
    InUse,
    /// A role or profile made a moment ago is not known everywhere yet: wait.
    NotYetUsable,
    /// The client token was used before, for a request that differed.
    TokenReused,
    /// The caller may not do that.
    Denied,
    /// There are no credentials.
    NoCredentials,
    /// The credentials are out of date.
    Expired,
    /// The credentials are wrong.
    BadCredentials,
    /// This machine's clock is too far from AWS's.
    ClockOff,
    /// Too many calls, and they stayed too many over all retries.
    Throttled,
    /// No answer within the limit.
    TimedOut,
    /// No connection.
    Unreachable,
    /// The service failed.
    Broken,
    /// Refused here: the run is read-only.
    Readonly,
    /// AWS did not accept the request, or hydrant would not send it.
    Refused,
}

impl Failure {
    /// Whether the same call may well succeed a little later.
    pub fn passes(self) -> bool {
        matches!(
            self,
            Self::InUse
                | Self::NotYetUsable
                | Self::Throttled
                | Self::TimedOut
                | Self::Unreachable
                | Self::Broken
        )
    }

    fn of(operation: Operation, code: &str, message: &str, status: u16) -> Self {
        match code {
            "NoSuchBucket"
            | "NoSuchTagSet"
            | "NoSuchPublicAccessBlockConfiguration"
            | "ServerSideEncryptionConfigurationNotFoundError"
            | "NoSuchLifecycleConfiguration"
            | "NoSuchUpload"
            | "NotFound"
            | "ResourceNotFoundException"
            | "NoSuchEntity"
            | "InvalidGroup.NotFound"
            | "InvalidGroupId.NotFound"
            | "InvalidKeyPair.NotFound"
            | "InvalidPermission.NotFound"
            | "InvalidInstanceID.NotFound" => Self::Missing,
            "BucketAlreadyOwnedByYou"
            | "BucketAlreadyExists"
            | "ResourceAlreadyExistsException"
            | "EntityAlreadyExists"
            | "InvalidGroup.Duplicate"
            | "InvalidKeyPair.Duplicate"
            | "InvalidPermission.Duplicate" => Self::Exists,
            "ResourceInUseException" if operation == Operation::CreateDeliveryStream => Self::Exists,
            "LimitExceeded" if operation == Operation::AddRoleToInstanceProfile => Self::Exists,
            "DependencyViolation"
            | "DeleteConflict"
            | "ResourceInUseException"
            | "ResourceInUse"
            | "InvalidKeyPair.InUse"
            | "InvalidGroup.InUse"
            | "BucketNotEmpty"
            | "OperationAborted"
            | "OperationAbortedException"
            | "ConcurrentModification"
            | "ConcurrentModificationException"
            | "IncorrectInstanceState"
            | "EntityTemporarilyUnmodifiable" => Self::InUse,
            "IdempotentParameterMismatch" | "IdempotentInstanceTerminated" => Self::TokenReused,
            _ if is_propagation(code, message) => Self::NotYetUsable,
            // SageMaker has one code for nearly everything: only the words tell.
            "ValidationException" if operation.spec().service == "SageMaker" => of_sagemaker(message),
            // EC2's word for an image that is somebody else's, too.
            "AuthFailure" if matches!(operation, Operation::DescribeImages | Operation::RunInstances) => {
                Self::Denied
            }
            // The same codes say that a signature is wrong, or that a session is over: only the words tell.
            _ if is_about_the_clock(code, message) => Self::ClockOff,
            "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "TokenRefreshRequired" => {
                Self::Expired
            }
            "InvalidClientTokenId"
            | "UnrecognizedClientException"
            | "InvalidAccessKeyId"
            | "AuthFailure"
            | "InvalidToken"
            | "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "MissingAuthenticationToken" => Self::BadCredentials,
            "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" | "Forbidden" => Self::Denied,
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "PriorRequestNotComplete" => Self::Throttled,
            _ => match status {
                404 => Self::Missing,
                403 => Self::Denied,
                429 => Self::Throttled,
                500.. => Self::Broken,
                _ => Self::Refused,
            },
        }
    }
}

/// Right after a role or an instance profile was made, other services do not know it yet and answer with what looks
/// like a mistake in the request. The texts are those that Terraform's users met (its issues 4407, 5541 and 47937).
fn is_propagation(code: &str, message: &str) -> bool {
    let says = |text: &str| message.contains(text);
    match code {
        "InvalidArgumentException" => {
            says("unable to assume role")
                || says("Verify that the IAM role has access")
                || says("security token included in the request is invalid")
        }
        "InvalidParameterValue" => {
            says("Invalid IAM Instance Profile") || says("has no associated IAM Roles")
        }
        "MalformedPolicyDocument" => says("Invalid principal"),
        "ValidationException" => says("Could not assume role"),
        _ => false,
    }
}

/// What SageMaker's `ValidationException` is about.
fn of_sagemaker(message: &str) -> Failure {
    let says = |text: &str| message.contains(text);
    if says("RecordNotFound") || says("does not exist") || says("Could not find") {
        Failure::Missing
    } else if says("Cannot create a duplicate") || says("already exists") {
        Failure::Exists
    } else if says("is in use by") || message.starts_with("Status (") {
        Failure::InUse
    } else {
        Failure::Refused
    }
}

impl CloudError {
    pub(super) fn from_sdk<E>(
        operation: Operation,
        target: &str,
        place: &Place,
        profile: Option<&str>,
        error: SdkError<E, HttpResponse>,
    ) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let request_id = error.request_id().map(sanitise);
        let code = error.code().map(sanitise);
        let mut message = error.message().map(sanitise).unwrap_or_default();
        let failure = match &error {
            SdkError::TimeoutError(_) => Failure::TimedOut,
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                if code.is_none() && message.is_empty() {
                    message = format!("HTTP {status}");
                }
                Failure::of(operation, code.as_deref().unwrap_or_default(), &message, status)
            }
            SdkError::ResponseError(_) => {
                "its answer could not be read".clone_into(&mut message);
                Failure::Broken
            }
            other => {
                let causes =
                    || std::iter::successors(std::error::Error::source(other), |error| error.source());
                message = causes().last().map(|error| sanitise(&error.to_string())).unwrap_or_default();
                causes().find_map(failure_before_sending).unwrap_or(Failure::Unreachable)
            }
        };
        Self::Call(Box::new(CallError {
            operation,
            target: sanitise(target),
            failure,
            code,
            message,
            request_id,
            place: place.clone(),
            profile: profile.map(ToOwned::to_owned),
            source: Box::new(error),
        }))
    }

    /// The kind of failure.
    pub fn failure(&self) -> Failure {
        match self {
            Self::NoRegion | Self::BadEndpoint(_) => Failure::Refused,
            Self::Call(call) => call.failure,
        }
    }

    /// AWS's error code, if it answered.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::NoRegion | Self::BadEndpoint(_) => None,
            Self::Call(call) => call.code.as_deref(),
        }
    }

    /// Whether the thing that was asked for is not there.
    pub fn is_missing(&self) -> bool {
        self.failure() == Failure::Missing
    }
}

/// Whether AWS refuses a request for the time on it.
fn is_about_the_clock(code: &str, message: &str) -> bool {
    ["RequestTimeTooSkewed", "RequestInTheFuture"].contains(&code)
        || message.contains("Signature expired")
        || message.contains("Signature not yet current")
}

fn failure_before_sending(error: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(refusal) = error.downcast_ref::<Refusal>() {
        return Some(if matches!(refusal, Refusal::Readonly) { Failure::Readonly } else { Failure::Refused });
    }
    error.downcast_ref::<CredentialsError>().map(|credentials| match credentials {
        CredentialsError::CredentialsNotLoaded(_) => Failure::NoCredentials,
        CredentialsError::ProviderTimedOut(_) => Failure::TimedOut,
        // A profile whose SSO session or process has lapsed reports so only in words.
        // A machine that is no instance, or one that may not ask: it gives none.
        _ if is_about_instances(error) => Failure::NoCredentials,
        _ => Failure::Expired,
    })
}

/// Whether credentials were asked of an instance's metadata, which is what is left when nobody gave any.
fn is_about_instances(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.to_string().contains("IMDS"))
}

impl CallError {
    /// One plain sentence: what failed, on which thing, why, and what to do.
    fn sentence(&self) -> String {
        let Self { target, message, place, .. } = self;
        let call = self.operation.permission();
        let said = match &self.code {
            Some(code) if message.is_empty() => code.clone(),
            Some(code) => format!("{code}: {}", message.trim_end_matches('.')),
            None => message.trim_end_matches('.').to_owned(),
        };
        let login = match &self.profile {
            Some(profile) => format!("sign in with `aws sso login --profile {profile}`"),
            None => "sign in with `aws sso login --profile …`, or set AWS_PROFILE".to_owned(),
        };
        match self.failure {
            Failure::Missing if self.code.as_deref() == Some("NoSuchBucket") => format!(
                "there is no such bucket ({call} on {target}): `hydrant up` makes the stack's own; `hydrant status` shows its name"
            ),
            Failure::NoCredentials => {
                format!(
                    "there are no AWS credentials: {login}, or give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
                )
            }
            Failure::Expired => format!("the AWS credentials have expired ({said}): {login}"),
            Failure::BadCredentials => {
                format!("AWS does not accept the credentials ({said}): check the keys, or {login}")
            }
            Failure::ClockOff => {
                format!(
                    "this machine's clock is too far from AWS's ({said}): set it, as with `timedatectl set-ntp true`; `hydrant doctor` says how far it is off"
                )
            }
            Failure::Denied => format!(
                "{call} on {target} was denied ({said}): ask for this permission; `hydrant doctor --policy` prints all that are needed"
            ),
            Failure::Throttled => {
                format!(
                    "{call} on {target} was throttled over all retries ({said}): wait a minute and try again"
                )
            }
            Failure::TimedOut => {
                format!("{call} on {target} got no answer from {place} in time: try again")
            }
            Failure::Unreachable => format!(
                "{call} on {target} could not reach {place} ({said}): check the network{}",
                if *place == Place::Aws { "" } else { ", and that the endpoint is running" }
            ),
            Failure::Broken => {
                format!("{call} on {target} failed at {place} ({said}): try again")
            }
            Failure::Readonly => {
                format!("{call} on {target} would change something, and this run is read-only")
            }
            _ => format!("{call} on {target} failed ({said})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart_by_what_to_do_about_them() {
        use Operation::{
            AddRoleToInstanceProfile, CreateBucket, CreateDeliveryStream, DeleteDeliveryStream, RunInstances,
        };
        for (operation, code, message, status, expected) in [
            (CreateBucket, "SlowDown", "", 503, Failure::Throttled),
            (CreateBucket, "InternalError", "", 500, Failure::Broken),
            (CreateBucket, "AccessDenied", "", 403, Failure::Denied),
            (CreateBucket, "ExpiredToken", "", 400, Failure::Expired),
            (CreateBucket, "Odd", "", 403, Failure::Denied),
            (CreateDeliveryStream, "ResourceInUseException", "", 400, Failure::Exists),
            (DeleteDeliveryStream, "ResourceInUseException", "", 400, Failure::InUse),
            (
                CreateDeliveryStream,
                "InvalidArgumentException",
                "Firehose is unable to assume role x.",
                400,
                Failure::NotYetUsable,
            ),
            (
                CreateDeliveryStream,
                "InvalidArgumentException",
                "BufferingHints are wrong",
                400,
                Failure::Refused,
            ),
            (
                RunInstances,
                "InvalidParameterValue",
                "Value (x) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
                400,
                Failure::NotYetUsable,
            ),
            (
                RunInstances,
                "InvalidParameterValue",
                "Value (x) for parameter groupId is invalid",
                400,
                Failure::Refused,
            ),
            (
                RunInstances,
                "InvalidParameterValue",
                "IAM Instance Profile \"p\" has no associated IAM Roles",
                400,
                Failure::NotYetUsable,
            ),
            (RunInstances, "AuthFailure", "Not authorized for images: [ami-1]", 400, Failure::Denied),
            (CreateBucket, "RequestTimeTooSkewed", "", 403, Failure::ClockOff),
            (
                Operation::GetCallerIdentity,
                "SignatureDoesNotMatch",
                "Signature expired: 20261122T140307Z is now earlier than 20261122T142307Z (20261122T143807Z - 15 min.)",
                403,
                Failure::ClockOff,
            ),
            (
                Operation::CreateNotebookInstance,
                "ValidationException",
                "Could not assume role arn:aws:iam::1:role/x. Please ensure that the role exists",
                400,
                Failure::NotYetUsable,
            ),
            (
                Operation::DescribeNotebookInstance,
                "ValidationException",
                "RecordNotFound",
                400,
                Failure::Missing,
            ),
            (
                Operation::DeleteNotebookInstance,
                "ValidationException",
                "Status (Stopping) not in ([Stopped, Failed]). Unable to transition to (Deleting)",
                400,
                Failure::InUse,
            ),
            (
                Operation::CreateNotebookInstance,
                "ValidationException",
                "1 validation error detected",
                400,
                Failure::Refused,
            ),
            (CreateBucket, "ValidationException", "RecordNotFound", 400, Failure::Refused),
            (RunInstances, "RequestExpired", "Request has expired.", 400, Failure::Expired),
            (RunInstances, "IdempotentParameterMismatch", "", 400, Failure::TokenReused),
            (AddRoleToInstanceProfile, "LimitExceeded", "", 409, Failure::Exists),
        ] {
            assert_eq!(Failure::of(operation, code, message, status), expected, "{code} {message}");
        }
    }

    #[test]
    fn what_passes_is_tried_again_by_a_command_or_a_key() {
        for failure in [Failure::Throttled, Failure::TimedOut, Failure::Broken] {
            let call = CallError {
                operation: Operation::GetCallerIdentity,
                target: "the caller".to_owned(),
                failure,
                code: None,
                message: "no".to_owned(),
                request_id: None,
                place: Place::Aws,
                profile: None,
                source: "no".into(),
            };
            let sentence = call.sentence();
            assert!(sentence.ends_with("try again") && !sentence.contains("command"), "{sentence}");
        }
    }
}
