//! What the operator wants, and where each wish came from.
//!
//! Every setting is one line in the `settings!` table below: its key, its type, its default and the
//! variables of other programs that also set it. A key has the same name everywhere: `ssh_from` in
//! `hydrant.toml`, `HYDRANT_SSH_FROM` in the environment and in `.env`, `--set ssh_from=…` as a flag.
//! The strongest layer that speaks wins: flag, environment, `.env`, `hydrant.toml`, default; each value
//! remembers its [`Origin`]. An unknown key is an error that names the nearest known one, and a value that
//! does not parse names the place it was written. Secrets are a type that cannot be printed.

mod folders;
mod layer;
mod spark;
mod stream;
mod value;

use std::fmt::{self, Write};
use std::ops::Deref;

pub use folders::Folders;
pub use layer::{BoundAction, Layers, Origin, Sources};
pub use spark::EngineName;
pub use stream::{Dollars, RecordFormat, SocketUrl, Words};
pub use value::{
    BucketName, Cidr, Compression, Name, Prefix, Region, RetentionDays, Secret, SettingValue, StackName, Url,
    Whole, WordMatch,
};

/// One value and where it came from. Reads as the value itself.
#[derive(Debug, Clone)]
pub struct Setting<T> {
    value: T,
    /// The layer, and the place in it, that decided the value.
    pub origin: Origin,
}

impl<T> Setting<T> {
    /// Decides the value anew: what the operator says now is as strong as the command line.
    pub fn decide(&mut self, value: T) {
        *self = Self { value, origin: Origin::Flag };
    }
}

impl<T> Deref for Setting<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// What is known about a key before any value is read.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// The key's one name, as in `hydrant.toml`.
    pub name: &'static str,
    /// Variables of other programs that set it too, strongest first.
    pub variables: &'static [&'static str],
    /// The default as it would be written in `hydrant.toml`; `None` where there is none.
    pub default: Option<&'static str>,
    /// One or two sentences for `hydrant config --init`.
    pub help: &'static str,
}

impl Key {
    /// The key's own environment variable, such as `HYDRANT_SSH_FROM`.
    pub fn variable(&self) -> String {
        format!("HYDRANT_{}", self.name.to_ascii_uppercase())
    }
}

/// A line of `hydrant config`: the key, its value as it may be shown, and its origin.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Row {
    /// The key.
    pub key: &'static str,
    /// The value as written in `hydrant.toml`; secrets are masked, absent values are `None`.
    pub value: Option<String>,
    /// Where it came from, in words.
    pub origin: String,
    /// Whether the value is masked.
    #[serde(skip)]
    pub is_secret: bool,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A key that hydrant does not know.
    #[error("{origin}: there is no setting `{key}`{}", nearest.map(|n| format!("; did you mean `{n}`?")).unwrap_or_default())]
    UnknownKey {
        /// As written.
        key: String,
        /// Where it was written.
        origin: Origin,
        /// The known key that is spelled most alike, if one is.
        nearest: Option<&'static str>,
    },
    /// A value that does not fit its key.
    #[error("{origin}: `{key}` {why}")]
    BadValue {
        /// The key.
        key: &'static str,
        /// Where the value was written.
        origin: Origin,
        /// What is wrong with it; never repeats the value of a secret.
        why: String,
    },
    /// A file that is there but cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A file that is not TOML, or a `.env` line that is not `NAME=value`.
    #[error("{path}:{line}: {why}")]
    BadFile {
        /// The file.
        path: String,
        /// Counted from 1.
        line: usize,
        /// What the parser expected.
        why: String,
    },
    /// A variable that sends only one service elsewhere.
    #[error(
        "{0} sends only one service elsewhere, and hydrant works in one place: unset it, or use AWS_ENDPOINT_URL"
    )]
    ServiceEndpoint(String),
    /// A `--set` that is not `KEY=VALUE`.
    #[error("`--set {0}`: write it as `--set key=value`")]
    BadFlag(String),
}

macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $name:ident : $type:ty $(= $default:literal)? $(, also $($variable:literal)+)? ; )*) => {
        /// All settings, each with its origin.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $( $(#[doc = $doc])+ pub $name: Setting<$type>, )*
        }

        /// Every key, in the order in which `hydrant config` prints them.
        pub const KEYS: &[Key] = &[ $( Key {
            name: stringify!($name),
            variables: &[$($($variable),+)?],
            default: settings!(@default $($default)?),
            help: concat!($($doc),+),
        } ),* ];

        impl Settings {
            /// Takes each key from the strongest layer that has it.
            pub fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
                Ok(Self { $( $name: layers.pick(settings!(@default $($default)?), stringify!($name))?, )* })
            }

            /// What was set, as the variables that say the same to a process of our own. An environment is its owner's
            /// to read, as arguments are not: so secrets may go this way.
            pub fn variables(&self) -> Vec<(String, String)> {
                let mut variables = Vec::new();
                $( if self.$name.origin != Origin::Default {
                    let name = format!("HYDRANT_{}", stringify!($name).to_ascii_uppercase());
                    variables.push((name, self.$name.write().unwrap_or_default()));
                } )*
                variables
            }

            /// The settings as lines to show; secrets are masked.
            pub fn rows(&self) -> Vec<Row> {
                vec![ $( Row {
                    key: stringify!($name),
                    value: self.$name.show(),
                    origin: self.$name.origin.to_string(),
                    is_secret: <$type as SettingValue>::SECRET,
                } ),* ]
            }
        }
    };
    (@default $default:literal) => { Some($default) };
    (@default) => { None };
}

settings! {
    /// The stack's name: one word for everything that belongs together. Other stacks than `default` put it before every name.
    stack: StackName = "default";
    /// How the console looks: `dark`, `light`, `high-contrast`, `none`, or a theme of your own.
    theme: Name = "dark";
    /// Draw with ASCII signs only.
    ascii: bool = "false";
    /// The AWS profile to sign in with.
    profile: Option<String>, also "AWS_PROFILE" "AWS_DEFAULT_PROFILE";
    /// The AWS region; unset, the profile's.
    region: Option<Region>, also "AWS_REGION" "AWS_DEFAULT_REGION";
    /// Where AWS calls go instead of AWS: the sandbox or an emulator.
    endpoint_url: Option<Url>, also "AWS_ENDPOINT_URL";
    /// AWS access key id; better left to a profile.
    aws_access_key_id: Option<String>, also "AWS_ACCESS_KEY_ID";
    /// AWS secret access key; better left to a profile.
    aws_secret_access_key: Option<Secret>, also "AWS_SECRET_ACCESS_KEY";
    /// AWS session token of temporary credentials.
    aws_session_token: Option<Secret>, also "AWS_SESSION_TOKEN";

    /// The bucket of the lake; unset, `hydrant-<account>-<region>`.
    bucket: Option<BucketName>, also "AWS_S3_BUCKET_NAME";
    /// Where in the bucket the hourly folders begin.
    prefix: Prefix = "datasets/twitter/kinesis-demo/";
    /// Where in the bucket Firehose puts what it could not deliver.
    error_prefix: Prefix = "datasets/twitter/kinesis-demo-errors/!{firehose:error-output-type}/";
    /// The Firehose delivery stream.
    delivery_stream: Name = "twitter_delivery_stream";
    /// Firehose writes a file after this many MiB (1 to 128) …
    buffer_mb: Whole<1, 128> = "5";
    /// … or after this many seconds (0 to 900), whichever comes first.
    buffer_seconds: Whole<0, 900> = "60";
    /// How Firehose compresses its files: `none` or `gzip`.
    compression: Compression = "none";
    /// A file of words, one a line: posts with one of them are left out when hours are combined.
    unwanted_words: Option<String>;
    /// Whether an unwanted word must stand alone (`word`) or counts anywhere (`substring`).
    unwanted_match: WordMatch = "word";
    /// The folder on this machine in which the console keeps topic models, and looks for them.
    models: String = "models";
    /// The log group of the delivery stream and of the streamer.
    log_group: Name = "kinesisfirehose_twitter_delivery_stream";
    /// The log stream for delivery errors.
    log_stream: Name = "twitter_delivery_stream";
    /// Days after which log events are dropped; one of the numbers that CloudWatch allows.
    log_retention_days: RetentionDays = "30";
    /// The role by which Firehose writes to the bucket.
    firehose_role: Name = "kinesis-firehose-role";

    /// Whether the stack has a remote host; `false` leaves out the instance and all that only it needs.
    instance: bool = "true";
    /// The security group of the host; it opens port 22 to `ssh_from` only.
    security_group: Name = "allow-inbound-ssh";
    /// The key pair of the host; the private half is made and kept on this machine.
    key_pair: Name = "ec2-key-pair";
    /// The role by which the host puts records and writes its log.
    instance_role: Name = "hydrant-streamer-role";
    /// The profile that gives the host its role.
    instance_profile: Name = "hydrant-streamer-profile";
    /// The host's `Name` tag.
    instance_name: Name = "hydrant-streamer";
    /// The host's type; types with a `g` in their family are arm64 (t4g.micro), others x86_64.
    instance_type: Name = "t3.micro";
    /// The image to start; unset, the newest Amazon Linux 2023 of the type's architecture.
    instance_image: Option<Name>;
    /// The host's disk (gp3) in GiB.
    instance_volume_gb: Whole<8, 16384> = "8";
    /// The addresses that may reach port 22, as a block (`203.0.113.7/32`); unset, your own, asked of `ssh_from_service`.
    ssh_from: Option<Cidr>;
    /// A service that answers with the address you come from, as plain text.
    ssh_from_service: Url = "https://checkip.amazonaws.com/";

    /// Where the remote host is (`address:port`) when it is not the stack's own instance.
    host_address: Option<String>;
    /// The user to sign in as on the remote host.
    host_user: Name = "ec2-user";
    /// The private key for the remote host; unset, the stack's own.
    host_key_file: Option<String>;
    /// The known-hosts file for the remote host; unset, the stack's own.
    host_known_hosts: Option<String>;
    /// The hydrant program for the host, where this one does not run there; unset, this one.
    host_binary: Option<String>;
    /// Packages that the host gets beside hydrant, which needs none: names with spaces between them.
    host_packages: Option<String>;
    /// Python packages that the host gets by pip: names with spaces between them.
    host_python_packages: Option<String>;

    /// The SageMaker notebook instance; no underscores.
    notebook_name: Name = "mydemo";
    /// The notebook's type.
    notebook_type: Name = "ml.t3.xlarge";
    /// The notebook's disk in GB; it can grow and never shrink.
    notebook_volume_gb: Whole<5, 16384> = "20";
    /// The notebook's platform, as SageMaker names it.
    notebook_platform: Name = "notebook-al2023-v1";
    /// The role by which the notebook reads the lake.
    notebook_role: Name = "hydrant-notebook-role";
    /// The notebook's security group; it lets nobody in.
    notebook_security_group: Name = "mysgname";
    /// The notebook's lifecycle configuration: what runs at each of its starts.
    notebook_config: Name = "mynbconfig";
    /// The subnet of the notebook; unset, the first of the default VPC.
    notebook_subnet: Option<Name>;
    /// After so many minutes without work the notebook stops itself; 0 lets it run for ever.
    notebook_idle_minutes: Whole<0, 10080> = "60";
    /// A script of your own that runs as root at each start of the notebook, before what hydrant does there.
    notebook_script: Option<String>;

    /// The program that submits jobs to Spark on this machine.
    spark_submit: String = "spark-submit";
    /// Where `--engine spark` runs: `local`, `sagemaker`, `emr-serverless` or `databricks`.
    spark_on: EngineName = "local";
    /// The role that a Spark job in AWS works by, as a name or an ARN; unset, SageMaker's jobs have the notebook's.
    spark_role: Option<String>;
    /// How many machines a Spark job elsewhere has.
    spark_instances: Whole<1, 100> = "2";
    /// After so many minutes a Spark job elsewhere is ended, whatever it costs by then.
    spark_limit_minutes: Whole<5, 10080> = "240";
    /// What SageMaker runs Spark jobs on.
    sagemaker_instance_type: Name = "ml.m5.xlarge";
    /// The disk of each of these machines in GB.
    sagemaker_volume_gb: Whole<10, 16384> = "50";
    /// The Spark image that SageMaker runs; unset, AWS's own in the region.
    sagemaker_image: Option<String>;
    /// The application of EMR Serverless that jobs run in, by its id; unset, the stack's own, made when there is none.
    emr_application: Option<String>;
    /// The release that such an application is made of.
    emr_release: Name = "emr-7.5.0";
    /// The address of the Databricks workspace.
    databricks_host: Option<Url>, also "DATABRICKS_HOST";
    /// A token for the Databricks workspace.
    databricks_token: Option<Secret>, also "DATABRICKS_TOKEN";
    /// The folder of a Unity Catalog volume through which jobs and their results go: /Volumes/CATALOG/SCHEMA/VOLUME.
    databricks_volume: Option<String>;
    /// The folder of the Databricks workspace that the launcher is put into.
    databricks_folder: String = "/Shared/hydrant";
    /// The Databricks runtime that jobs run on.
    databricks_runtime: Name = "15.4.x-scala2.12";
    /// What Databricks runs jobs on.
    databricks_node_type: Name = "m5d.xlarge";
    /// The instance profile by which a cluster of Databricks reads the lake; unset, the workspace's own ways.
    databricks_instance_profile: Option<String>;

    /// X API key (consumer key).
    x_api_key: Option<Secret>, also "TWITTER_API_KEY";
    /// X API key secret.
    x_api_key_secret: Option<Secret>, also "TWITTER_API_KEY_SECRET";
    /// X access token; the stream does not need it.
    x_access_token: Option<Secret>, also "TWITTER_ACCESS_TOKEN";
    /// X access token secret; the stream does not need it.
    x_access_token_secret: Option<Secret>, also "TWITTER_ACCESS_TOKEN_SECRET";
    /// Where X's API is.
    x_api_url: Url = "https://api.x.com", also "X_API_URL";
    /// Without a byte for so many seconds, a connection to X is taken for dead; X promises one every 20 s.
    x_stall_seconds: Whole<1, 600> = "30";
    /// Whether other connections of the app may be ended when X lets no second one in.
    x_take_over: bool = "false";
    /// What X bills for a post, in dollars.
    x_post_price: Dollars = "0.005";
    /// Where Bluesky's Jetstream is.
    jetstream_url: SocketUrl = "wss://jetstream1.us-east.bsky.network", also "JETSTREAM_URL";
    /// The version of Jetstream's wire: 1 or 2.
    jetstream_version: Whole<1, 2> = "1";
    /// Whether Jetstream sends its messages compressed, which is half as much.
    jetstream_zstd: bool = "true";

    /// Where posts come from: `x`, `jetstream` or `replay:FILE`.
    source: String = "x";
    /// Where records go: `firehose`, `csv:FILE` or `none`; several parted by commas.
    to: Words = "firehose";
    /// How fast a replay plays: `max`, or a number of times as fast as the posts were written.
    speed: String = "max";
    /// The search terms: a file with one a line. Several words ask for all of them; unset, the shipped example of space science.
    terms_file: Option<String>;
    /// The languages that are wanted, parted by commas; empty takes every one.
    languages: Words = "en";
    /// A file of words, one a line; posts that have one of them are not even received. `unwanted_match` says how they are looked for.
    stream_unwanted_words: Option<String>;
    /// Whether reposts are kept.
    retweets: bool = "true";
    /// Of a hundred posts, so many are kept.
    sample_percent: Whole<1, 100> = "100";
    /// How records are written: `tsv` (the 53 columns) or `jsonl`.
    record_format: RecordFormat = "tsv";
    /// Records are put together up to this many KiB before they are sent to Firehose (0 to 1000); 0 sends each alone.
    aggregate_kb: Whole<0, 1000> = "64";
    /// Whether cells of the CSV file that a spreadsheet would run as formulas are defused.
    csv_safe: bool = "false";
    /// The most that waits on disk, in MiB; when it is full, no more posts are read.
    spool_mb: Whole<1, 1_048_576> = "1024";
    /// For how many hours a post is remembered, so that it is not taken twice.
    dedup_hours: Whole<1, 48> = "6";
    /// The most posts that one run reads.
    max_posts: Option<Whole<1, 4_294_967_295>>;
    /// The most dollars that one run may cost.
    max_spend: Option<Dollars>;
    /// The most dollars that a day may cost.
    daily_budget: Option<Dollars>;
    /// How many seconds a stop waits for what is to be delivered; the rest waits for the next start.
    drain_seconds: Whole<0, 3600> = "30";
    /// Whether a run brings X's rules in line with the terms before it connects.
    sync_rules: bool = "true";
    /// The streamer's own log stream in the log group.
    streamer_log_stream: Name = "hydrant-streamer";
}

impl Settings {
    /// Reads all layers and decides every key.
    pub fn load(sources: &Sources) -> Result<Self, SettingsError> {
        Self::from_layers(&Layers::read(sources)?)
    }

    /// Whether sign-in is by profile although keys are given too: the stronger layer decides, as
    /// `--profile` is meant to beat keys left in a `.env`.
    pub fn profile_beats_keys(&self) -> bool {
        self.profile.is_some() && self.profile.origin.is_stronger_than(&self.aws_access_key_id.origin)
    }

    /// A `hydrant.toml` with every key explained, set to its default and commented out.
    pub fn template() -> String {
        let mut text = String::from(
            "# hydrant.toml: settings of the pipeline in this folder and below.\n\
             # Flags, the environment and .env are stronger than this file; `hydrant config` shows what won.\n",
        );
        for key in KEYS {
            let value = match key.default {
                None => "\"\"".to_owned(),
                Some(plain) if plain.parse::<u64>().is_ok() || plain.parse::<bool>().is_ok() => {
                    plain.to_owned()
                }
                Some(quoted) => format!("{quoted:?}"),
            };
            write!(text, "\n#{}\n# {} = {value}\n", key.help, key.name).expect("a String takes every text");
        }
        text
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(sources: &Sources) -> Result<Settings, SettingsError> {
        Settings::load(sources)
    }

    fn sources() -> (tempfile::TempDir, Sources) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let sources = Sources {
            working_folder: folder.path().join("a/b"),
            config_folder: folder.path().join("config"),
            ..Sources::default()
        };
        std::fs::create_dir_all(&sources.working_folder).expect("a working folder");
        (folder, sources)
    }

    #[test]
    fn the_strongest_layer_wins_and_each_value_knows_its_origin() {
        let (folder, mut sources) = sources();
        std::fs::write(
            folder.path().join("a/hydrant.toml"),
            "bucket = \"from-file\"\nbuffer_mb = 7\nprefix = \"p/\"\n",
        )
        .expect("written");
        std::fs::write(
            folder.path().join(".env"),
            "AWS_S3_BUCKET_NAME=from-dotenv\nHYDRANT_BUFFER_MB=8\nUNRELATED=1\n",
        )
        .expect("written");
        sources.environment = vec![("HYDRANT_BUFFER_MB".into(), "9".into())];
        sources.flags = vec![("buffer_seconds".into(), "61".into())];
        let settings = load(&sources).expect("settings");
        assert_eq!(settings.bucket.as_ref().map(ToString::to_string), Some("from-dotenv".into()));
        assert_eq!(settings.buffer_mb.get(), 9);
        assert_eq!(settings.buffer_seconds.get(), 61);
        assert_eq!(settings.prefix.to_string(), "p/");
        assert_eq!(settings.compression.origin, Origin::Default);
        assert!(settings.prefix.origin.to_string().ends_with("hydrant.toml:3"), "{}", settings.prefix.origin);
        assert!(
            settings.bucket.origin.to_string().contains(".env:1 (AWS_S3_BUCKET_NAME)"),
            "{}",
            settings.bucket.origin
        );
        assert_eq!(settings.buffer_mb.origin.to_string(), "environment (HYDRANT_BUFFER_MB)");
        assert_eq!(settings.buffer_seconds.origin.to_string(), "flag");
    }

    #[test]
    fn the_predecessors_dotenv_works_unchanged() {
        let (folder, sources) = sources();
        std::fs::write(
            folder.path().join(".env"),
            "AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY=abc\nAWS_REGION=us-east-2\nAWS_S3_BUCKET_NAME=lake-of-tweets\n\
             TWITTER_API_KEY=k\nTWITTER_API_KEY_SECRET=s\nTWITTER_ACCESS_TOKEN=t\nTWITTER_ACCESS_TOKEN_SECRET=u\n",
        )
        .expect("written");
        let settings = load(&sources).expect("settings");
        assert_eq!(settings.region.as_ref().map(ToString::to_string), Some("us-east-2".into()));
        assert!(settings.x_api_key_secret.is_some() && settings.aws_secret_access_key.is_some());
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_known_one() {
        let (folder, sources) = sources();
        std::fs::write(folder.path().join("a/hydrant.toml"), "\nbukcet = \"x\"\n").expect("written");
        let error = load(&sources).expect_err("an error").to_string();
        assert!(
            error.ends_with("hydrant.toml:2: there is no setting `bukcet`; did you mean `bucket`?"),
            "{error}"
        );
    }

    #[test]
    fn an_unknown_variable_of_our_own_is_an_error_and_others_are_not_ours() {
        let (_folder, mut sources) = sources();
        sources.environment = vec![("HYDRANT_SSH_FORM".into(), "x".into()), ("PATH".into(), "/bin".into())];
        let error = load(&sources).expect_err("an error").to_string();
        assert_eq!(
            error,
            "environment (HYDRANT_SSH_FORM): there is no setting `ssh_form`; did you mean `ssh_from`?"
        );
    }

    #[test]
    fn a_value_that_does_not_fit_says_where_and_why() {
        let (folder, sources) = sources();
        for (written, expected) in [
            ("buffer_mb = 129", "`buffer_mb` must be a whole number from 1 to 128, not `129`"),
            ("buffer_mb = \"many\"", "`buffer_mb` must be a whole number from 1 to 128, not `many`"),
            (
                "bucket = \"No_Such\"",
                "`bucket` must be 3 to 63 of a–z, 0–9, `-` and `.`, beginning and ending with a letter or digit, not `No_Such`",
            ),
            (
                "ssh_from = \"1.2.3.4\"",
                "`ssh_from` must be an address block such as 203.0.113.7/32, not `1.2.3.4`",
            ),
            (
                "ssh_from = \"1.2.3.4/33\"",
                "`ssh_from` must be an address block such as 203.0.113.7/32, not `1.2.3.4/33`",
            ),
            ("compression = \"zip\"", "`compression` must be `none` or `gzip`, not `zip`"),
            ("instance = \"maybe\"", "`instance` must be `true` or `false`, not `maybe`"),
            ("prefix = \"/a\"", "`prefix` must not begin with `/` and must end with it, not `/a`"),
            ("region = \"../x\"", "`region` must be a region's name such as us-east-1, not `../x`"),
            ("stack = \"\"", "`stack` must not be empty"),
            ("stack = [1]", "`stack` must be text, a number or true/false"),
        ] {
            std::fs::write(folder.path().join("a/hydrant.toml"), written).expect("written");
            let error = load(&sources).expect_err(written).to_string();
            assert!(error.ends_with(&format!("hydrant.toml:1: {expected}")), "{error}");
        }
    }

    #[test]
    fn broken_files_name_their_line() {
        let (folder, sources) = sources();
        std::fs::write(folder.path().join("a/hydrant.toml"), "bucket = \"ok-name\"\nprefix = \n")
            .expect("written");
        let error = load(&sources).expect_err("an error").to_string();
        assert!(error.contains("hydrant.toml:2: "), "{error}");
    }

    #[test]
    fn secrets_are_never_shown() {
        let (_folder, mut sources) = sources();
        sources.environment = vec![
            ("AWS_SECRET_ACCESS_KEY".into(), "hunter2".into()),
            ("TWITTER_API_KEY".into(), "hunter2".into()),
        ];
        let settings = load(&sources).expect("settings");
        assert!(!format!("{settings:?}").contains("hunter2"));
        let rows = serde_json::to_string(&settings.rows()).expect("JSON");
        assert!(!rows.contains("hunter2") && rows.contains("••••"), "{rows}");
    }

    #[test]
    fn what_is_handed_on_says_the_same() {
        let (_folder, mut sources) = sources();
        sources.environment = vec![("TWITTER_API_KEY".into(), "hunter2".into())];
        sources.flags = vec![("buffer_mb".into(), "9".into()), ("languages".into(), String::new())];
        let variables = load(&sources).expect("settings").variables();
        sources.flags = Vec::new();
        sources.environment = variables.clone();
        let again = load(&sources).expect("settings");
        assert_eq!((again.buffer_mb.get(), again.languages.0.len(), again.variables()), (9, 0, variables));
    }

    #[test]
    fn a_profile_beats_keys_only_from_a_stronger_layer() {
        let (folder, mut sources) = sources();
        std::fs::write(
            folder.path().join(".env"),
            "AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY=abc\nAWS_PROFILE=weak\n",
        )
        .expect("written");
        assert!(!load(&sources).expect("settings").profile_beats_keys());
        sources.flags = vec![("profile".into(), "strong".into())];
        assert!(load(&sources).expect("settings").profile_beats_keys());
    }

    #[test]
    fn the_template_is_a_file_of_defaults() {
        let (folder, sources) = sources();
        let live: String = Settings::template()
            .lines()
            .map(|line| {
                line.strip_prefix("# ")
                    .filter(|rest| rest.contains(" = ") && !rest.ends_with("\"\""))
                    .unwrap_or("")
                    .to_owned()
                    + "\n"
            })
            .collect();
        std::fs::write(folder.path().join("a/hydrant.toml"), live).expect("written");
        let settings = load(&sources).expect("the template's own defaults are good");
        assert_eq!(settings.delivery_stream.to_string(), "twitter_delivery_stream");
    }
}
