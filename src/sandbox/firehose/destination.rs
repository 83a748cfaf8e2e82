//! Where a delivery stream delivers to, and how: S3, checked as Firehose checks it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{breaks_constraint, invalid, time_pattern};
use crate::sandbox::refusal::Refusal;

/// A stream has one destination, and AWS calls it so.
pub(super) const ID: &str = "destinationId-000000000001";

/// A destination as it is asked for. What is absent keeps its value in an update, and takes AWS's default in a
/// creation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Configuration {
    #[serde(rename = "RoleARN", skip_serializing_if = "Option::is_none")]
    role_arn: Option<String>,
    #[serde(rename = "BucketARN", skip_serializing_if = "Option::is_none")]
    bucket_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_output_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    buffering_hints: Option<BufferingHints>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compression_format: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encryption_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_logging_options: Option<CloudWatchLoggingOptions>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    s3_backup_mode: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamic_partitioning_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_format_conversion_configuration: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file_extension: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_time_zone: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BufferingHints {
    #[serde(rename = "SizeInMBs", skip_serializing_if = "Option::is_none")]
    size: Option<i64>,
    #[serde(rename = "IntervalInSeconds", skip_serializing_if = "Option::is_none")]
    interval: Option<i64>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CloudWatchLoggingOptions {
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_group_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_stream_name: Option<String>,
}

/// A destination that passed every check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Destination(Configuration);

/// AWS's defaults.
const USUAL_SIZE: i64 = 5;
const USUAL_INTERVAL: i64 = 300;

impl Destination {
    pub(super) fn new(asked: Configuration) -> Result<Self, Refusal> {
        let hints = asked.buffering_hints.unwrap_or(BufferingHints { size: None, interval: None });
        // One hint alone is not half a pair: AWS takes both or neither.
        if hints.size.is_some() != hints.interval.is_some() {
            return Err(invalid("BufferingHints: SizeInMBs and IntervalInSeconds must be given together"));
        }
        let complete = Configuration {
            buffering_hints: Some(BufferingHints {
                size: hints.size.or(Some(USUAL_SIZE)),
                interval: hints.interval.or(Some(USUAL_INTERVAL)),
            }),
            compression_format: asked.compression_format.or_else(|| Some("UNCOMPRESSED".to_owned())),
            encryption_configuration: asked
                .encryption_configuration
                .or_else(|| Some(json!({ "NoEncryptionConfig": "NoEncryption" }))),
            cloud_watch_logging_options: asked.cloud_watch_logging_options.or_else(|| {
                Some(CloudWatchLoggingOptions { enabled: Some(false), ..CloudWatchLoggingOptions::default() })
            }),
            s3_backup_mode: asked.s3_backup_mode.or_else(|| Some("Disabled".to_owned())),
            ..asked
        };
        complete.check()?;
        Ok(Self(complete))
    }

    /// The destination with what an update says in the place of what was.
    pub(super) fn updated(&self, update: Configuration) -> Result<Self, Refusal> {
        let old = self.0.clone();
        Self::new(Configuration {
            role_arn: update.role_arn.or(old.role_arn),
            bucket_arn: update.bucket_arn.or(old.bucket_arn),
            prefix: update.prefix.or(old.prefix),
            error_output_prefix: update.error_output_prefix.or(old.error_output_prefix),
            buffering_hints: update.buffering_hints.or(old.buffering_hints),
            compression_format: update.compression_format.or(old.compression_format),
            encryption_configuration: update.encryption_configuration.or(old.encryption_configuration),
            cloud_watch_logging_options: update
                .cloud_watch_logging_options
                .or(old.cloud_watch_logging_options),
            processing_configuration: update.processing_configuration.or(old.processing_configuration),
            s3_backup_mode: update.s3_backup_mode.or(old.s3_backup_mode),
            dynamic_partitioning_configuration: update
                .dynamic_partitioning_configuration
                .or(old.dynamic_partitioning_configuration),
            data_format_conversion_configuration: update
                .data_format_conversion_configuration
                .or(old.data_format_conversion_configuration),
            file_extension: update.file_extension.or(old.file_extension),
            custom_time_zone: update.custom_time_zone.or(old.custom_time_zone),
        })
    }

    pub(super) fn role_arn(&self) -> &str {
        self.0.role_arn.as_deref().unwrap_or_default()
    }

    pub(super) fn bucket(&self) -> &str {
        self.bucket_arn().rsplit(':').next().unwrap_or_default()
    }

    pub(super) fn bucket_arn(&self) -> &str {
        self.0.bucket_arn.as_deref().unwrap_or_default()
    }

    pub(super) fn prefix(&self) -> &str {
        self.0.prefix.as_deref().unwrap_or_default()
    }

    /// At how many bytes a buffer is full.
    pub(super) fn size(&self) -> u64 {
        let megabytes = self.0.buffering_hints.and_then(|hints| hints.size).unwrap_or(USUAL_SIZE);
        u64::try_from(megabytes).unwrap_or(1) << 20
    }

    /// At what age a buffer is delivered, by AWS's time.
    pub(super) fn interval(&self) -> Duration {
        let seconds = self.0.buffering_hints.and_then(|hints| hints.interval).unwrap_or(USUAL_INTERVAL);
        Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
    }

    pub(super) fn gzip(&self) -> bool {
        self.0.compression_format.as_deref() == Some("GZIP")
    }

    /// What objects' names end with.
    pub(super) fn extension(&self) -> &str {
        match self.0.file_extension.as_deref() {
            Some(own) if !own.is_empty() => own,
            _ if self.gzip() => ".gz",
            _ => "",
        }
    }

    pub(super) fn time_zone(&self) -> jiff::tz::TimeZone {
        let name = self.0.custom_time_zone.as_deref().unwrap_or("UTC");
        jiff::tz::TimeZone::get(name).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// The log group and stream that errors go to, if logging is on.
    pub(super) fn error_log(&self) -> Option<(&str, &str)> {
        let options =
            self.0.cloud_watch_logging_options.as_ref().filter(|options| options.enabled == Some(true))?;
        Some((options.log_group_name.as_deref()?, options.log_stream_name.as_deref()?))
    }

    /// As `DescribeDeliveryStream` shows it: in full, and in the form of the older interface.
    pub(super) fn describe(&self) -> Value {
        let older = Configuration {
            s3_backup_mode: None,
            processing_configuration: None,
            dynamic_partitioning_configuration: None,
            data_format_conversion_configuration: None,
            file_extension: None,
            custom_time_zone: None,
            ..self.0.clone()
        };
        json!({
            "DestinationId": ID,
            "S3DestinationDescription": older,
            "ExtendedS3DestinationDescription": self.0,
        })
    }
}

impl Configuration {
    fn check(&self) -> Result<(), Refusal> {
        self.check_arns()?;
        self.check_buffering()?;
        self.check_names()?;
        self.check_logging()?;
        self.check_what_is_not_here()
    }

    fn check_arns(&self) -> Result<(), Refusal> {
        let role = required(self.role_arn.as_deref(), "roleARN")?;
        if !role.starts_with("arn:") || !role.contains(":iam::") || !role.contains(":role/") {
            return Err(breaks_constraint(role, "roleARN", "satisfy regular expression pattern: arn:.*"));
        }
        let bucket = required(self.bucket_arn.as_deref(), "bucketARN")?;
        let name = bucket.split_once(":s3:::").map_or("", |(_, name)| name);
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        if !bucket.starts_with("arn:") || name.is_empty() || name.len() > 255 || !name.bytes().all(allowed) {
            let constraint = "satisfy regular expression pattern: arn:.*:s3:::[\\w\\.\\-]{1,255}";
            return Err(breaks_constraint(bucket, "bucketARN", constraint));
        }
        Ok(())
    }

    fn check_buffering(&self) -> Result<(), Refusal> {
        let Some(hints) = self.buffering_hints else { return Ok(()) };
        let limits = [("sizeInMBs", hints.size, 1, 128), ("intervalInSeconds", hints.interval, 0, 900)];
        for (member, value, least, most) in limits {
            let Some(value) = value else { continue };
            let member = format!("extendedS3DestinationConfiguration.bufferingHints.{member}");
            if value < least {
                let constraint = format!("have value greater than or equal to {least}");
                return Err(breaks_constraint(&value.to_string(), &member, &constraint));
            }
            if value > most {
                let constraint = format!("have value less than or equal to {most}");
                return Err(breaks_constraint(&value.to_string(), &member, &constraint));
            }
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), Refusal> {
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let error_prefix = self.error_output_prefix.as_deref().unwrap_or_default();
        for (member, text) in [("prefix", prefix), ("errorOutputPrefix", error_prefix)] {
            if text.len() > 1024 {
                return Err(breaks_constraint(text, member, "have length less than or equal to 1024"));
            }
        }
        let parts = time_pattern::parse(prefix).map_err(invalid)?;
        let error_parts = time_pattern::parse(error_prefix).map_err(invalid)?;
        if parts.iter().any(time_pattern::Part::is_error_type) {
            return Err(invalid("Prefix cannot contain !{firehose:error-output-type}"));
        }
        let evaluates = parts.iter().any(time_pattern::Part::is_expression);
        if evaluates && !error_parts.iter().any(time_pattern::Part::is_error_type) {
            return Err(invalid(
                "ErrorOutputPrefix cannot be null or empty when Prefix contains expressions, and must contain \
                 !{firehose:error-output-type}",
            ));
        }
        if let Some(extension) = self.file_extension.as_deref().filter(|extension| !extension.is_empty()) {
            let allowed =
                |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!-_.*'()".contains(&byte);
            let good = extension.len() > 1 && extension.len() <= 128 && extension.starts_with('.');
            if !good || !extension.bytes().all(allowed) {
                let constraint = "satisfy regular expression pattern: ^$|\\.[0-9a-z!\\-_.*'()]+";
                return Err(breaks_constraint(extension, "fileExtension", constraint));
            }
        }
        match self.custom_time_zone.as_deref() {
            Some(name) if jiff::tz::TimeZone::get(name).is_err() => {
                Err(invalid(format!("{name} is not a time zone")))
            }
            _ => Ok(()),
        }
    }

    fn check_logging(&self) -> Result<(), Refusal> {
        match &self.cloud_watch_logging_options {
            Some(options)
                if options.enabled == Some(true)
                    && (options.log_group_name.is_none() || options.log_stream_name.is_none()) =>
            {
                Err(invalid(
                    "LogGroupName and LogStreamName must be provided when CloudWatch logging is enabled",
                ))
            }
            _ => Ok(()),
        }
    }

    /// What the sandbox would have to do and does not is refused, not kept silently.
    fn check_what_is_not_here(&self) -> Result<(), Refusal> {
        match self.compression_format.as_deref() {
            None | Some("UNCOMPRESSED" | "GZIP") => {}
            Some(known @ ("ZIP" | "Snappy" | "HADOOP_SNAPPY")) => {
                return Err(invalid(format!("the sandbox compresses with GZIP only, not {known}")));
            }
            Some(unknown) => {
                let constraint = "satisfy enum value set: [UNCOMPRESSED, GZIP, ZIP, Snappy, HADOOP_SNAPPY]";
                return Err(breaks_constraint(unknown, "compressionFormat", constraint));
            }
        }
        let on = |document: &Option<Value>| {
            document.as_ref().and_then(|document| document.get("Enabled")) == Some(&Value::Bool(true))
        };
        let wanted = [
            ("transformation of records", on(&self.processing_configuration)),
            ("dynamic partitioning", on(&self.dynamic_partitioning_configuration)),
            ("format conversion", on(&self.data_format_conversion_configuration)),
            ("backup", self.s3_backup_mode.as_deref() == Some("Enabled")),
        ];
        match wanted.iter().find(|(_, wanted)| *wanted) {
            Some((what, _)) => Err(invalid(format!("the sandbox's Firehose has no {what}"))),
            None => Ok(()),
        }
    }
}

fn required<'a>(value: Option<&'a str>, member: &str) -> Result<&'a str, Refusal> {
    value.ok_or_else(|| {
        let constraint = "Member must not be null";
        let message = format!(
            "1 validation error detected: Value null at 'extendedS3DestinationConfiguration.{member}' failed to satisfy \
             constraint: {constraint}"
        );
        Refusal::new("ValidationException", message)
    })
}
