//! The AWS clients, made once from the settings, and the one way to call them.
//!
//! Every call of every room goes through [`Cloud::call`]. It names the operation and the thing it is about, so
//! that an error can; it is checked against the table of [operations](Operation) before it leaves (see
//! `guard`); and if it changes anything, it is written into the record of changes. All clients share
//! one set of rules: retries with jitter, a limit on every wait, path-style buckets and no address but the endpoint's
//! own where the endpoint is custom, and no look-up of instance metadata there.

mod changes;
mod credentials;
mod error;
mod guard;
mod listed;
mod operation;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{AppName, BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::request_id::RequestId;
use jiff::SignedDuration;

use crate::progress::Progress;
use crate::settings::{Region, SettingValue, Settings, Url};
use changes::ChangeRecord;
pub use error::{CloudError, Failure};
use guard::Guard;
pub use listed::listed_key;
pub use operation::{Access, On, Operation, Spec};

/// Connecting takes at most this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// One try of a call takes at most this long; the slowest that hydrant makes deletes 1,000 objects.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(30);
/// A call with all its retries takes at most this long.
const CALL_LIMIT: Duration = Duration::from_mins(2);
/// Retries are the SDK's standard ones, not its adaptive ones: those pace a client that was throttled by a token bucket
/// that holds one token at low rates, while a retry costs five, so the call sleeps until its time limit. Measured with
/// every other call throttled: `up` and `down` 245 s adaptive, a few seconds standard. What stays throttled over all
/// retries is waited out by the one who called.
///
/// Tries of a call that is throttled or meets a passing fault, and how long the first and the longest pause is.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc);

/// Who the credentials belong to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account's twelve digits.
    pub account: String,
    /// The caller's own name in AWS.
    pub arn: String,
    /// `aws`, or the partition of China or the US government.
    pub partition: String,
}

impl Identity {
    /// The account as it is shown: first and last four digits.
    pub fn masked_account(&self) -> String {
        match (self.account.get(..4), self.account.get(self.account.len().saturating_sub(4)..)) {
            (Some(first), Some(last)) if self.account.len() > 8 => format!("{first}…{last}"),
            _ => self.account.clone(),
        }
    }
}

/// Where the clients point: AWS, or an endpoint that stands in for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// AWS itself: real money.
    Aws,
    /// An emulator or the sandbox.
    Endpoint(Url),
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Aws => f.write_str("aws"),
            Self::Endpoint(url) => url.fmt(f),
        }
    }
}

/// The clients, one of each service, and the rules that they share.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Amazon S3.
    pub s3: aws_sdk_s3::Client,
    /// Amazon Data Firehose.
    pub firehose: aws_sdk_firehose::Client,
    /// Amazon EC2.
    pub ec2: aws_sdk_ec2::Client,
    /// AWS IAM.
    pub iam: aws_sdk_iam::Client,
    /// Amazon CloudWatch Logs.
    pub logs: aws_sdk_cloudwatchlogs::Client,
    /// Amazon SageMaker.
    pub sagemaker: aws_sdk_sagemaker::Client,
    /// Amazon EMR Serverless.
    pub emr_serverless: aws_sdk_emrserverless::Client,
    /// Finds resources by tag over most services at once.
    pub tagging: aws_sdk_resourcegroupstagging::Client,
    sts: aws_sdk_sts::Client,
    config: SdkConfig,
    region: Region,
    place: Place,
    profile: Option<String>,
    guard: Guard,
    changes: Arc<ChangeRecord>,
}

/// What the one who connects decides beside the settings.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Refuse every operation that changes anything.
    pub readonly: bool,
    /// The file that every change is appended to, as JSON lines; `None` keeps no record.
    pub changes: Option<PathBuf>,
}

impl Cloud {
    /// Makes the clients. Asks nothing of AWS yet: credentials are looked up by the first call.
    pub async fn connect(settings: &Settings, terms: Terms) -> Result<Self, CloudError> {
        let profile = settings
            .profile
            .as_ref()
            .filter(|_| settings.profile_beats_keys() || settings.aws_access_key_id.is_none());
        let region = credentials::region(settings).await.ok_or(CloudError::NoRegion)?;
        let app = AppName::new(concat!("hydrant-", env!("CARGO_PKG_VERSION")))
            .expect("a version is a valid app name");
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .region(aws_types::region::Region::new(region.to_string()))
            .app_name(app)
            // One for all services: each would load the system's certificates and keep connections of its own.
            .http_client(aws_smithy_http_client::Builder::new().tls_provider(TLS).build_https())
            .retry_config(
                RetryConfig::standard()
                    .with_max_attempts(ATTEMPTS)
                    .with_initial_backoff(FIRST_PAUSE)
                    .with_max_backoff(LONGEST_PAUSE),
            )
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_LIMIT)
                    .operation_attempt_timeout(ATTEMPT_LIMIT)
                    .operation_timeout(CALL_LIMIT)
                    .build(),
            )
            // Given below, when it is known where the calls go.
            .no_credentials();
        if let Some(profile) = profile {
            loader = loader.profile_name(profile);
        }
        if let Some(url) = settings.endpoint_url.as_ref() {
            loader = loader.endpoint_url(url.as_str());
        }
        let config = loader.load().await;
        // A profile can name an endpoint too: what is shown and guarded must be where the calls go.
        let place = match config.endpoint_url() {
            Some(url) => Place::Endpoint(Url::parse(url).map_err(CloudError::BadEndpoint)?),
            None => Place::Aws,
        };
        let credentials = credentials::provider(settings, &place).await;
        let config = config.into_builder().credentials_provider(credentials).build();
        let changes = Arc::new(ChangeRecord::new(terms.changes, &settings.stack));
        Ok(Self::from_config(config, region, place, profile.cloned(), terms.readonly, changes))
    }

    /// The same connections and credentials for another piece of work: what it counts and whom it tells is its own.
    #[must_use]
    pub fn for_another(&self) -> Self {
        let (config, changes) = (self.config.clone(), Arc::clone(&self.changes));
        let (region, place, profile) = (self.region.clone(), self.place.clone(), self.profile.clone());
        Self::from_config(config, region, place, profile, self.guard.is_readonly(), changes)
    }

    fn from_config(
        config: SdkConfig,
        region: Region,
        place: Place,
        profile: Option<String>,
        readonly: bool,
        changes: Arc<ChangeRecord>,
    ) -> Self {
        let guard = Guard::new(readonly, &place);
        macro_rules! client {
            ($sdk:ident $(, $option:ident ( $value:expr ))*) => {
                $sdk::Client::from_conf($sdk::config::Builder::from(&config).interceptor(guard.clone()) $(.$option($value))* .build())
            };
        }
        Self {
            s3: client!(aws_sdk_s3, force_path_style(place != Place::Aws)),
            firehose: client!(aws_sdk_firehose),
            ec2: client!(aws_sdk_ec2),
            iam: client!(aws_sdk_iam),
            logs: client!(aws_sdk_cloudwatchlogs),
            sagemaker: client!(aws_sdk_sagemaker),
            emr_serverless: client!(aws_sdk_emrserverless),
            tagging: client!(aws_sdk_resourcegroupstagging),
            sts: client!(aws_sdk_sts),
            config,
            region,
            place,
            profile,
            guard,
            changes,
        }
    }

    /// The region that every client talks to.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// AWS, or the endpoint that stands in for it.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How often each operation was called so far, retries not counted.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.guard.calls()
    }

    /// From now on, tells of every call that AWS asks to be made less often, and when it is tried again.
    pub fn tell_when_slowed(&self, progress: Progress) {
        self.guard.tell_when_slowed(progress);
    }

    /// How far this machine's clock is ahead of AWS's, by the last answer; to the second.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        self.guard.clock_ahead()
    }

    /// Asks who the credentials belong to.
    pub async fn identity(&self) -> Result<Identity, CloudError> {
        let answer = self
            .call(Operation::GetCallerIdentity, "your credentials", self.sts.get_caller_identity().send())
            .await?;
        let arn = answer.arn.unwrap_or_default();
        let partition =
            arn.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws").to_owned();
        Ok(Identity { account: answer.account.unwrap_or_default(), arn, partition })
    }

    /// Makes one call: `target` is the thing it is about, in the operator's words.
    ///
    /// The request is only sent if the table permits `operation` and it is the one that `request` really is.
    pub async fn call<T, E>(
        &self,
        operation: Operation,
        target: &str,
        request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, CloudError>
    where
        T: RequestId,
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let answer = guard::CALL.scope(operation, Box::pin(request)).await;
        let answered_id = match &answer {
            Ok(output) => output.request_id().map(ToOwned::to_owned),
            Err(error) => error.request_id().map(ToOwned::to_owned),
        };
        let result = answer.map_err(|error| {
            CloudError::from_sdk(operation, target, &self.place, self.profile.as_deref(), error)
        });
        if operation.is_recorded() {
            self.changes.append(operation, target, answered_id.as_deref(), result.as_ref().err());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    async fn cloud(terms: Terms) -> Cloud {
        let settings = [
            ("region", "us-east-1"),
            ("endpoint_url", "http://127.0.0.1:1"),
            ("aws_access_key_id", "a"),
            ("aws_secret_access_key", "b"),
        ];
        let flags = settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        Cloud::connect(&settings, terms).await.expect("clients")
    }

    fn sentence<T>(answer: Result<T, CloudError>) -> String {
        answer.err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[tokio::test]
    async fn a_call_that_was_not_announced_does_not_leave() {
        let cloud = cloud(Terms::default()).await;
        let silent = cloud.s3.get_bucket_tagging().bucket("b").send().await.expect_err("it is refused");
        let silent = format!("{}", aws_smithy_types::error::display::DisplayErrorContext(silent));
        assert!(silent.contains("S3 GetBucketTagging is not the operation that was announced"), "{silent}");
        let request = cloud.s3.delete_bucket().bucket("b").send();
        let disguised = sentence(cloud.call(Operation::GetBucketTagging, "b", request).await);
        assert!(disguised.contains("S3 DeleteBucket is not the operation that was announced"), "{disguised}");
        assert!(cloud.calls().is_empty());
    }

    #[tokio::test]
    async fn with_a_custom_endpoint_nothing_goes_anywhere_else() {
        let cloud = cloud(Terms::default()).await;
        let elsewhere = aws_sdk_s3::config::Builder::new().endpoint_url("http://127.0.0.2:1");
        let request = cloud.s3.get_bucket_tagging().bucket("b").customize().config_override(elsewhere).send();
        let refused = sentence(cloud.call(Operation::GetBucketTagging, "b", request).await);
        assert!(refused.contains("127.0.0.2:1, which is not the endpoint that was given"), "{refused}");
    }

    #[tokio::test]
    async fn read_only_holds_whoever_calls() {
        let cloud = cloud(Terms { readonly: true, changes: None }).await;
        let request = cloud.s3.delete_bucket().bucket("b").send();
        let refused = sentence(cloud.call(Operation::DeleteBucket, "b", request).await);
        assert_eq!(refused, "s3:DeleteBucket on b would change something, and this run is read-only");
    }
}
