//! What each resource of a stack is called, and how AWS writes its address.

use crate::cloud::Identity;
use crate::settings::{Name, Origin, Region, Setting, Settings};

use super::graph::{Kind, Part};

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
    /// The stack's own name, as its tag says it: of the notebook's, `default/notebook`. No name that is set can have
    /// a `/`, so that the two parts never meet.
    pub stack: String,
    /// Which of the two stacks of that name.
    pub part: Part,
    base: String,
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
    notebook_role: String,
    notebook_security_group: String,
    lake: String,
    notebook_config: String,
    notebook_file: String,
    notebook: String,
    spark_role: Option<String>,
}

/// Where SageMaker logs what its processing jobs do.
pub const SPARK_LOGS: &str = "/aws/sagemaker/ProcessingJobs";
/// Where SageMaker logs what every notebook of the account does.
const NOTEBOOK_LOGS: &str = "/aws/sagemaker/NotebookInstances";
/// The folder of the ready notebook, under the lake's prefix.
const NOTEBOOK_FILE: &str = "notebooks/hydrant.ipynb";

/// A stack's name as its tag says it.
fn tagged(base: &str, part: Part) -> String {
    match part {
        Part::Pipeline => base.to_owned(),
        Part::Notebook => format!("{base}/notebook"),
    }
}

impl Names {
    /// The names of the pipeline that these settings give in this account and region.
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
        // SageMaker takes no underscores.
        let in_sagemaker = |name: &Setting<Name>| own(name).replace('_', "-");
        Self {
            stack: stack.to_owned(),
            part: Part::Pipeline,
            base: stack.to_owned(),
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
            notebook_role: own(&settings.notebook_role),
            notebook_security_group: own(&settings.notebook_security_group),
            lake: settings.prefix.as_str().to_owned(),
            notebook_file: format!("{}{NOTEBOOK_FILE}", settings.prefix.as_str()),
            notebook_config: in_sagemaker(&settings.notebook_config),
            notebook: in_sagemaker(&settings.notebook_name),
            spark_role: (*settings.spark_role).clone(),
        }
    }

    /// The names as that part of the stack has them.
    #[must_use]
    pub fn of_part(self, part: Part) -> Self {
        Self { stack: tagged(&self.base, part), part, ..self }
    }

    /// Where in the bucket the lake begins.
    pub fn lake(&self) -> &str {
        &self.lake
    }

    /// The ARN of the role that was named for Spark jobs, wherever in IAM it lies.
    pub fn spark_role(&self) -> Option<String> {
        let role = self.spark_role.as_ref()?;
        let Self { partition, account, .. } = self;
        Some(if role.starts_with("arn:") {
            role.clone()
        } else {
            format!("arn:{partition}:iam::{account}:role/{role}")
        })
    }

    /// The ARN of all processing jobs that hydrant makes.
    pub fn spark_jobs(&self) -> String {
        let Self { partition, account, region, .. } = self;
        format!("arn:{partition}:sagemaker:{region}:{account}:processing-job/hydrant-*")
    }

    /// The ARN of all of EMR Serverless's applications and their runs, whose names AWS gives.
    pub fn applications(&self) -> String {
        let Self { partition, account, region, .. } = self;
        format!("arn:{partition}:emr-serverless:{region}:{account}:/*")
    }

    /// The ARN of AWS's Spark image in the region, whichever account of AWS's it is in.
    pub fn spark_image(&self) -> String {
        format!("arn:{}:ecr:{}:*:repository/sagemaker-spark-processing", self.partition, self.region)
    }

    /// The ARN of the group that they log to.
    pub fn spark_logs(&self) -> String {
        let Self { partition, account, region, .. } = self;
        format!("arn:{partition}:logs:{region}:{account}:log-group:{SPARK_LOGS}")
    }

    /// The name without a part, for what is called by it: the log of commands, other stacks.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The tags' values of both parts, for policies.
    pub fn owners(&self) -> [String; 2] {
        Part::ALL.map(|part| tagged(&self.base, part))
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
            Kind::NotebookRole => &self.notebook_role,
            Kind::NotebookSecurityGroup => &self.notebook_security_group,
            Kind::NotebookFile => &self.notebook_file,
            Kind::NotebookConfig => &self.notebook_config,
            Kind::NotebookLogs => NOTEBOOK_LOGS,
            Kind::Notebook => &self.notebook,
        }
    }

    /// The IAM path of the part's roles and profiles: one listing by path finds them all.
    pub fn iam_path(&self) -> String {
        self.iam_path_of(self.part)
    }

    fn iam_path_of(&self, part: Part) -> String {
        format!("/hydrant/{}/{}/", tagged(&self.base, part), self.region)
    }

    /// The ARN of a resource that has its name in it; EC2's have ids instead, see [`Names::ec2_arn`].
    pub fn arn(&self, kind: Kind) -> String {
        let Self { partition, account, region, .. } = self;
        let name = self.of(kind);
        match kind {
            Kind::Bucket => format!("arn:{partition}:s3:::{name}"),
            Kind::NotebookFile => format!("{}/{name}", self.arn(Kind::Bucket)),
            Kind::LogGroup | Kind::NotebookLogs => {
                format!("arn:{partition}:logs:{region}:{account}:log-group:{name}")
            }
            Kind::LogStream => format!("{}:log-stream:{name}", self.arn(Kind::LogGroup)),
            Kind::FirehoseRole | Kind::InstanceRole | Kind::NotebookRole => {
                format!("arn:{partition}:iam::{account}:role{}{name}", self.iam_path_of(kind.part()))
            }
            Kind::InstanceProfile => {
                format!(
                    "arn:{partition}:iam::{account}:instance-profile{}{name}",
                    self.iam_path_of(kind.part())
                )
            }
            // SageMaker writes names in ARNs in lower case, however they were given.
            Kind::NotebookConfig => format!(
                "arn:{partition}:sagemaker:{region}:{account}:notebook-instance-lifecycle-config/{}",
                name.to_ascii_lowercase()
            ),
            Kind::Notebook => format!(
                "arn:{partition}:sagemaker:{region}:{account}:notebook-instance/{}",
                name.to_ascii_lowercase()
            ),
            Kind::DeliveryStream => {
                format!("arn:{partition}:firehose:{region}:{account}:deliverystream/{name}")
            }
            Kind::KeyPair => self.ec2_arn("key-pair", name),
            Kind::SecurityGroup | Kind::NotebookSecurityGroup => self.ec2_arn("security-group", name),
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

        /// Those that these settings give there.
        pub(in crate::stack) fn of_settings(flags: &[(&str, &str)]) -> Self {
            names(flags)
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
        assert_eq!(bucket.of(Kind::Notebook), "Space-Tweets-mydemo", "SageMaker takes no underscores");
    }

    #[test]
    fn the_notebook_is_a_stack_of_its_own_beside_the_pipeline() {
        let pipeline = names(&[("stack", "space")]);
        let notebook = pipeline.clone().of_part(Part::Notebook);
        assert_eq!((pipeline.stack.as_str(), notebook.stack.as_str()), ("space", "space/notebook"));
        assert!(!notebook.iam_path().starts_with(&pipeline.iam_path()));
        assert_eq!(notebook.of(Kind::Bucket), pipeline.of(Kind::Bucket), "it reads the same lake");
        for kind in Kind::ALL {
            assert_eq!(pipeline.arn(kind), notebook.arn(kind), "one thing, one address: {kind}");
        }
    }
}
