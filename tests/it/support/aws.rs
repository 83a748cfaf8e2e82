//! The independent witness: the SDK's own clients, made without any of hydrant's code, and a listing of everything
//! in the account.

use aws_credential_types::Credentials;
use aws_sdk_ec2::types::InstanceStateName;
use aws_types::region::Region;

pub struct Aws {
    pub s3: aws_sdk_s3::Client,
    pub firehose: aws_sdk_firehose::Client,
    pub ec2: aws_sdk_ec2::Client,
    pub iam: aws_sdk_iam::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub sagemaker: aws_sdk_sagemaker::Client,
}

impl Aws {
    pub fn new(endpoint: &str, region: &str) -> Self {
        Self::with(endpoint, region, Credentials::new("AKIAWITNESS", "witness", None, None, "test"))
    }

    /// With credentials of somebody else than the witness.
    pub fn with(endpoint: &str, region: &str, credentials: Credentials) -> Self {
        macro_rules! client {
            ($sdk:ident $(, $option:ident)?) => {
                $sdk::Client::from_conf(
                    $sdk::Config::builder()
                        .behavior_version($sdk::config::BehaviorVersion::latest())
                        .region(Region::new(region.to_owned()))
                        .credentials_provider(credentials.clone())
                        .endpoint_url(endpoint)
                        $(.$option(true))?
                        .build(),
                )
            };
        }
        Self {
            s3: client!(aws_sdk_s3, force_path_style),
            firehose: client!(aws_sdk_firehose),
            ec2: client!(aws_sdk_ec2),
            iam: client!(aws_sdk_iam),
            logs: client!(aws_sdk_cloudwatchlogs),
            sagemaker: client!(aws_sdk_sagemaker),
        }
    }

    /// Everything that anybody made in this account and region and that is not gone, one line each, sorted.
    pub async fn everything(&self) -> Vec<String> {
        let mut all = Vec::new();
        let buckets = self.s3.list_buckets().send().await.expect("a listing");
        all.extend(buckets.buckets().iter().filter_map(|bucket| Some(format!("bucket {}", bucket.name()?))));
        let groups = self.logs.describe_log_groups().send().await.expect("a listing");
        for group in groups.log_groups().iter().filter_map(|group| group.log_group_name()) {
            all.push(format!("log group {group}"));
            let streams =
                self.logs.describe_log_streams().log_group_name(group).send().await.expect("a listing");
            let names = streams.log_streams().iter().filter_map(|stream| stream.log_stream_name());
            all.extend(names.map(|name| format!("log stream {group}:{name}")));
        }
        let streams = self.firehose.list_delivery_streams().send().await.expect("a listing");
        all.extend(streams.delivery_stream_names().iter().map(|name| format!("delivery stream {name}")));
        let roles = self.iam.list_roles().send().await.expect("a listing");
        all.extend(roles.roles().iter().map(|role| format!("role {}", role.role_name())));
        let profiles = self.iam.list_instance_profiles().send().await.expect("a listing");
        all.extend(
            profiles
                .instance_profiles()
                .iter()
                .map(|profile| format!("profile {}", profile.instance_profile_name())),
        );
        let policies = self.iam.list_policies().scope("Local".into()).send().await.expect("a listing");
        all.extend(
            policies.policies().iter().filter_map(|policy| Some(format!("policy {}", policy.policy_name()?))),
        );
        let pairs = self.ec2.describe_key_pairs().send().await.expect("a listing");
        all.extend(
            pairs.key_pairs().iter().filter_map(|pair| Some(format!("key pair {}", pair.key_name()?))),
        );
        let groups = self.ec2.describe_security_groups().send().await.expect("a listing");
        let names = groups.security_groups().iter().filter_map(|group| group.group_name());
        all.extend(names.filter(|name| *name != "default").map(|name| format!("security group {name}")));
        let instances = self.ec2.describe_instances().send().await.expect("a listing");
        let alive = instances.reservations().iter().flat_map(|group| group.instances()).filter(|instance| {
            instance.state().and_then(|state| state.name()) != Some(&InstanceStateName::Terminated)
        });
        all.extend(alive.map(|instance| {
            format!("instance {}", instance.instance_type().map_or("?", |kind| kind.as_str()))
        }));
        let volumes = self.ec2.describe_volumes().send().await.expect("a listing");
        all.extend(volumes.volumes().iter().map(|_| "volume".to_owned()));
        all.sort();
        all
    }

    /// The notebooks and their configurations. moto cannot list them.
    pub async fn notebooks(&self) -> Vec<String> {
        let mut all = Vec::new();
        let notebooks = self.sagemaker.list_notebook_instances().send().await.expect("a listing");
        let names = notebooks.notebook_instances().iter().filter_map(|one| one.notebook_instance_name());
        all.extend(names.map(|name| format!("notebook {name}")));
        let configs = self.sagemaker.list_notebook_instance_lifecycle_configs().send().await;
        let configs = configs.expect("a listing");
        let names = configs
            .notebook_instance_lifecycle_configs()
            .iter()
            .filter_map(|one| one.notebook_instance_lifecycle_config_name());
        all.extend(names.map(|name| format!("notebook config {name}")));
        all
    }
}
