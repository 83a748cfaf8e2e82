//! What each resource of a stack is called, and how AWS writes its address.

use crate::cloud::Identity;
use crate::settings::{Name, Origin, Region, Setting, Settings};

use super::graph::Kind;

/// The tag that says which stack a resource belongs to. Everything that can carry a tag carries it.
pub const STACK_TAG: &str = "hydrant:stack";
/// The tag that says which hydrant made it.
pub(super) const VERSION_TAG: &str = "hydrant:version";
/// The tag that says which region the stack of an IAM thing is in.
pub(super) const REGION_TAG: &str = "hydrant:region";
/// This hydrant.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The names of one stack in one account and region. A name that was set is used as it is; the defaults of a stack
/// other than `default` begin with the stack's name, so that stacks stand side by side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The stack's own name.
    pub stack: String,
    /// The account's twelve digits.
    pub account: String,
    /// The region.
    pub region: Region,
    partition: String,
    bucket: String,
    log_group: String,
    log_stream: String,
    firehose_role: String,
    delivery_stream: String,
    key_pair: String,
    security_group: String,
    instance_role: String,
    instance_profile: String,
    instance: String,
}

impl Names {
    /// The names that these settings give in this account and region.
    pub fn new(settings: &Settings, identity: &Identity, region: &Region) -> Self {
        let stack = settings.stack.as_str();
        let prefixed =
            |name: &str| if stack == "default" { name.to_owned() } else { format!("{stack}-{name}") };
        let own = |name: &Setting<Name>| match name.origin {
            Origin::Default => prefixed(name.as_str()),
            _ => name.to_string(),
        };
        let bucket = match settings.bucket.as_ref() {
            Some(name) => name.to_string(),
            // Only a bucket's name must be lower case and without underscores.
            None => prefixed(&format!("hydrant-{}-{region}", identity.account))
                .to_ascii_lowercase()
                .replace('_', "-"),
        };
        Self {
            stack: stack.to_owned(),
            account: identity.account.clone(),
            region: region.clone(),
            partition: identity.partition.clone(),
            bucket,
            log_group: own(&settings.log_group),
            log_stream: own(&settings.log_stream),
            firehose_role: own(&settings.firehose_role),
            delivery_stream: own(&settings.delivery_stream),
            key_pair: own(&settings.key_pair),
            security_group: own(&settings.security_group),
            instance_role: own(&settings.instance_role),
            instance_profile: own(&settings.instance_profile),
            instance: own(&settings.instance_name),
        }
    }

    /// The name of the resource of that kind.
    pub fn of(&self, kind: Kind) -> &str {
        match kind {
            Kind::Bucket => &self.bucket,
            Kind::LogGroup => &self.log_group,
            Kind::LogStream => &self.log_stream,
            Kind::FirehoseRole => &self.firehose_role,
            Kind::DeliveryStream => &self.delivery_stream,
            Kind::KeyPair => &self.key_pair,
            Kind::SecurityGroup => &self.security_group,
            Kind::InstanceRole => &self.instance_role,
            Kind::InstanceProfile => &self.instance_profile,
            Kind::Instance => &self.instance,
        }
    }

    /// The IAM path of the stack's roles and profiles: one listing by path finds them all.
    pub fn iam_path(&self) -> String {
        format!("/hydrant/{}/{}/", self.stack, self.region)
    }

    /// The ARN of a resource that has its name in it; EC2's have ids instead, see [`Names::ec2_arn`].
    pub fn arn(&self, kind: Kind) -> String {
        let Self { partition, account, region, .. } = self;
        let name = self.of(kind);
        match kind {
            Kind::Bucket => format!("arn:{partition}:s3:::{name}"),
            Kind::LogGroup => format!("arn:{partition}:logs:{region}:{account}:log-group:{name}"),
            Kind::LogStream => format!("{}:log-stream:{name}", self.arn(Kind::LogGroup)),
            Kind::FirehoseRole | Kind::InstanceRole => {
                format!("arn:{partition}:iam::{account}:role{}{name}", self.iam_path())
            }
            Kind::InstanceProfile => {
                format!("arn:{partition}:iam::{account}:instance-profile{}{name}", self.iam_path())
            }
            Kind::DeliveryStream => {
                format!("arn:{partition}:firehose:{region}:{account}:deliverystream/{name}")
            }
            Kind::KeyPair => self.ec2_arn("key-pair", name),
            Kind::SecurityGroup => self.ec2_arn("security-group", name),
            Kind::Instance => self.ec2_arn("instance", name),
        }
    }

    /// The ARN of something in EC2 by its id.
    pub fn ec2_arn(&self, what: &str, id: &str) -> String {
        format!("arn:{}:ec2:{}:{}:{what}/{id}", self.partition, self.region, self.account)
    }

    /// The ARN of any region's and any account's things of a service, for policies: `arn:aws:iam::`.
    pub fn arn_start(&self, service: &str) -> String {
        format!("arn:{}:{service}", self.partition)
    }

    /// The name of a service as a principal. All that hydrant uses are the same in every partition.
    pub fn service(service: &str) -> String {
        format!("{service}.amazonaws.com")
    }

    /// The tags of every resource, as key and value.
    pub fn tags(&self) -> [(&'static str, &str); 2] {
        [(STACK_TAG, &self.stack), (VERSION_TAG, VERSION)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Layers, SettingValue, Sources};

    fn names(flags: &[(&str, &str)]) -> Names {
        let flags = flags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let layers = Layers::read(&Sources { flags, ..Sources::default() }).expect("good flags");
        let settings = Settings::from_layers(&layers).expect("good settings");
        let identity =
            Identity { account: "123456789012".into(), arn: String::new(), partition: "aws".into() };
        Names::new(&settings, &identity, &Region::parse("eu-central-1").expect("a region"))
    }

    impl Names {
        /// The names that the defaults give in one account and region.
        pub(in crate::stack) fn example() -> Self {
            names(&[])
        }
    }

    #[test]
    fn defaults_are_the_predecessors_and_other_stacks_stand_beside_them() {
        assert_eq!(names(&[]).of(Kind::DeliveryStream), "twitter_delivery_stream");
        assert_eq!(names(&[]).of(Kind::Bucket), "hydrant-123456789012-eu-central-1");
        let other = names(&[("stack", "Space_Tweets"), ("key_pair", "mine"), ("bucket", "my-lake")]);
        assert_eq!(other.of(Kind::DeliveryStream), "Space_Tweets-twitter_delivery_stream");
        assert_eq!(
            (other.of(Kind::KeyPair), other.of(Kind::Bucket)),
            ("mine", "my-lake"),
            "a name that was set stays"
        );
        let bucket = names(&[("stack", "Space_Tweets")]);
        assert_eq!(bucket.of(Kind::Bucket), "space-tweets-hydrant-123456789012-eu-central-1");
    }
}
