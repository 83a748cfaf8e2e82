//! The order for a processing job, as it is given and as it is described: what it may say, and what must hold of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::constraints::Constraints;
use super::{instance_types, invalid};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::Tag;

/// A processing job as it is ordered, and as it is described.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Order {
    pub(super) processing_job_name: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    processing_inputs: Vec<ProcessingInput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    processing_output_config: Option<OutputConfig>,
    processing_resources: Resources,
    #[serde(default)]
    stopping_condition: StoppingCondition,
    pub(super) app_specification: App,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    environment: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    network_config: Option<NetworkConfig>,
    pub(super) role_arn: String,
    /// Listed by `ListTags`, not described.
    #[serde(default, skip_serializing)]
    pub(super) tags: Vec<Tag>,
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment_config: Option<ExperimentConfig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcessingInput {
    input_name: String,
    #[serde(default)]
    app_managed: bool,
    #[serde(rename = "S3Input")]
    s3_input: S3Input,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3Input {
    #[serde(rename = "S3Uri")]
    uri: String,
    #[serde(rename = "LocalPath", skip_serializing_if = "Option::is_none")]
    local_path: Option<String>,
    #[serde(rename = "S3DataType")]
    data_type: String,
    #[serde(rename = "S3InputMode", skip_serializing_if = "Option::is_none")]
    input_mode: Option<String>,
    #[serde(rename = "S3DataDistributionType", skip_serializing_if = "Option::is_none")]
    data_distribution_type: Option<String>,
    #[serde(rename = "S3CompressionType", skip_serializing_if = "Option::is_none")]
    compression_type: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OutputConfig {
    outputs: Vec<ProcessingOutput>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kms_key_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ProcessingOutput {
    output_name: String,
    #[serde(rename = "S3Output")]
    s3_output: S3Output,
    #[serde(default)]
    app_managed: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3Output {
    #[serde(rename = "S3Uri")]
    uri: String,
    #[serde(rename = "LocalPath", skip_serializing_if = "Option::is_none")]
    local_path: Option<String>,
    #[serde(rename = "S3UploadMode")]
    upload_mode: String,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Resources {
    cluster_config: ClusterConfig,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ClusterConfig {
    instance_count: i64,
    instance_type: String,
    #[serde(rename = "VolumeSizeInGB")]
    volume_size_in_gb: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_kms_key_id: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct StoppingCondition {
    max_runtime_in_seconds: i64,
}

impl Default for StoppingCondition {
    fn default() -> Self {
        Self { max_runtime_in_seconds: 86_400 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct App {
    pub(super) image_uri: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    container_entrypoint: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) container_arguments: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NetworkConfig {
    #[serde(default)]
    enable_inter_container_traffic_encryption: bool,
    #[serde(default)]
    enable_network_isolation: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_config: Option<VpcConfig>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct VpcConfig {
    security_group_ids: Vec<String>,
    subnets: Vec<String>,
}

/// Kept as it is: there are no experiments here that a job could belong to.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are AWS's")]
struct ExperimentConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trial_component_display_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_name: Option<String>,
}

impl Order {
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let mut constraints = Constraints::default();
        constraints.name("processingJobName", &self.processing_job_name);
        constraints.role(&self.role_arn);
        self.processing_resources.cluster_config.check(&mut constraints);
        self.app_specification.check(&mut constraints);
        self.check_environment(&mut constraints);
        self.check_network(&mut constraints);
        let runtime = self.stopping_condition.max_runtime_in_seconds;
        constraints.within("stoppingCondition.maxRuntimeInSeconds", runtime, &(1..=777_600));
        constraints.at_most("processingInputs", self.processing_inputs.len(), 10);
        for (index, input) in self.processing_inputs.iter().enumerate() {
            input.s3_input.check(&mut constraints, &format!("processingInputs.{}.member.s3Input", index + 1));
        }
        let outputs = self.outputs();
        constraints.at_most("processingOutputConfig.outputs", outputs.len(), 10);
        for (index, output) in outputs.iter().enumerate() {
            let member = format!("processingOutputConfig.outputs.{}.member.s3Output", index + 1);
            output.s3_output.check(&mut constraints, &member);
        }
        constraints.hold()?;
        self.check_names_and_paths()
    }

    fn outputs(&self) -> &[ProcessingOutput] {
        self.processing_output_config.as_ref().map(|config| config.outputs.as_slice()).unwrap_or_default()
    }

    pub(super) fn security_group_ids(&self) -> &[String] {
        self.network_config
            .as_ref()
            .and_then(|network| network.vpc_config.as_ref())
            .map(|vpc| vpc.security_group_ids.as_slice())
            .unwrap_or_default()
    }

    fn check_environment(&self, constraints: &mut Constraints) {
        constraints.at_most("environment", self.environment.len(), 100);
        for (name, value) in &self.environment {
            let word = |character: char| character.is_ascii_alphanumeric() || character == '_';
            let holds =
                name.chars().all(word) && name.starts_with(|first| word(first) && !first.is_ascii_digit());
            constraints.longest("environment.key", name, 256);
            constraints.pattern(holds, "environment.key", name, "[a-zA-Z_][a-zA-Z0-9_]*");
            constraints.longest(&format!("environment.{name}.member"), value, 256);
        }
    }

    fn check_network(&self, constraints: &mut Constraints) {
        let Some(vpc) = self.network_config.as_ref().and_then(|network| network.vpc_config.as_ref()) else {
            return;
        };
        let lists = [("securityGroupIds", &vpc.security_group_ids, 5), ("subnets", &vpc.subnets, 16)];
        for (list, ids, most) in lists {
            let member = format!("networkConfig.vpcConfig.{list}");
            constraints.must(!ids.is_empty(), &member, "[]", "have length greater than or equal to 1");
            constraints.at_most(&member, ids.len(), most);
            for (index, id) in ids.iter().enumerate() {
                constraints.id(&format!("{member}.{}.member", index + 1), id);
            }
        }
    }

    /// What SageMaker itself moves needs a place in the container, and no two things may share a name or a place.
    fn check_names_and_paths(&self) -> Result<(), Refusal> {
        let inputs = self.processing_inputs.iter();
        let inputs = inputs.map(|it| ("input", &it.input_name, &it.s3_input.local_path, it.app_managed));
        let outputs = self.outputs().iter();
        let outputs = outputs.map(|it| ("output", &it.output_name, &it.s3_output.local_path, it.app_managed));
        let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
        for (kind, name, path, app_managed) in inputs.chain(outputs) {
            if !names.insert((kind, name)) {
                return Err(invalid(format!("The processing {kind} name {name} is used more than once.")));
            }
            let Some(path) = path else {
                if app_managed {
                    continue;
                }
                return Err(invalid(format!("The processing {kind} {name} must have a LocalPath.")));
            };
            if !path.starts_with("/opt/ml/processing/") {
                return Err(invalid(format!(
                    "The LocalPath {path} of the processing {kind} {name} must begin with /opt/ml/processing/."
                )));
            }
            if !paths.insert(path) {
                return Err(invalid(format!("The LocalPath {path} is used more than once.")));
            }
        }
        Ok(())
    }
}

impl ClusterConfig {
    fn check(&self, constraints: &mut Constraints) {
        let member = |name: &str| format!("processingResources.clusterConfig.{name}");
        let known: Vec<String> = instance_types::names(instance_types::PROCESSING).collect();
        constraints.one_of(&member("instanceType"), &self.instance_type, &known);
        constraints.within(&member("instanceCount"), self.instance_count, &(1..=100));
        constraints.within(&member("volumeSizeInGB"), self.volume_size_in_gb, &(1..=16_384));
    }
}

impl App {
    fn check(&self, constraints: &mut Constraints) {
        constraints.longest("appSpecification.imageUri", &self.image_uri, 255);
        let lists = [
            ("containerEntrypoint", &self.container_entrypoint),
            ("containerArguments", &self.container_arguments),
        ];
        for (list, words) in lists {
            let member = format!("appSpecification.{list}");
            constraints.at_most(&member, words.len(), 100);
            for (index, word) in words.iter().enumerate() {
                constraints.longest(&format!("{member}.{}.member", index + 1), word, 256);
            }
        }
    }

    /// An image whose name says so fails: that is how failing jobs are practised in the sandbox.
    pub(super) fn fails(&self) -> bool {
        self.image_uri.rsplit('/').next().is_some_and(|name| name.contains("fail"))
    }
}

impl S3Input {
    fn check(&self, constraints: &mut Constraints, member: &str) {
        check_uri(constraints, &format!("{member}.s3Uri"), &self.uri);
        let choices: [(&str, Option<&str>, &[&str]); 4] = [
            ("s3DataType", Some(&self.data_type), &["ManifestFile", "S3Prefix"]),
            ("s3InputMode", self.input_mode.as_deref(), &["Pipe", "File"]),
            (
                "s3DataDistributionType",
                self.data_distribution_type.as_deref(),
                &["FullyReplicated", "ShardedByS3Key"],
            ),
            ("s3CompressionType", self.compression_type.as_deref(), &["None", "Gzip"]),
        ];
        for (name, chosen, choices) in choices {
            if let Some(chosen) = chosen {
                constraints.one_of(&format!("{member}.{name}"), chosen, choices);
            }
        }
    }
}

impl S3Output {
    fn check(&self, constraints: &mut Constraints, member: &str) {
        check_uri(constraints, &format!("{member}.s3Uri"), &self.uri);
        constraints.one_of(&format!("{member}.s3UploadMode"), &self.upload_mode, &["Continuous", "EndOfJob"]);
    }
}

fn check_uri(constraints: &mut Constraints, member: &str, uri: &str) {
    let bucket = uri.strip_prefix("s3://").or_else(|| uri.strip_prefix("https://"));
    let holds = bucket.is_some_and(|bucket| !bucket.is_empty() && !bucket.starts_with('/'));
    constraints.longest(member, uri, 1024);
    constraints.pattern(holds, member, uri, "^(https|s3)://([^/]+)/?(.*)$");
}
