//! `hydrant sandbox`: the embedded cloud of this machine, under the console or served until it is stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, console};
use crate::cloud::Identity;
use crate::console::app::Target;
use crate::sandbox::{AnyFault, Dialect, Lake, Options, Pace, Sandbox};
use crate::settings::{Region, SettingValue};
use crate::stack::Names;
use crate::stack::graph::Kind;

/// Run an embedded cloud on this machine: no account, no money
#[derive(Debug, Args)]
#[command(
    after_help = "Faults: throttle, deny, error, partial, slow, skew, lost-bucket, stuck-delete, cut-ssh, fail-job, hold-job; of X's side x-stall, x-quiet, x-burst, x-split, x-garbage, x-repeat, x-late, x-strange, x-gzip, x-overlap, x-dialect, x-disconnect, x-hang, x-exception, x-close, x-truncate, x-cut, x-reset, x-auth, x-credits, x-cap, x-forbidden, x-usage, x-limit, x-unavailable, x-empty, x-page, x-redirect, x-slow, x-silent, x-rules-half, x-backfill; of Jetstream's jet-stall, jet-slow, jet-repeat, jet-disorder, jet-garbage, jet-cut, jet-close, jet-error, jet-refuse, jet-silent. The feed's are written NAME[:KIND][@POSTS][=TIMES]: x-cut@5=1 cuts one connection within its sixth post.\n\nExamples:\n  hydrant sandbox --serve --pace 100\n  hydrant sandbox --serve --fault throttle:firehose=30% --fault slow:s3=500ms"
)]
pub(super) struct SandboxCommand {
    /// Print one JSON line that says where it is, and serve without a console
    #[arg(long)]
    serve: bool,
    /// Keep its state here, instead of in the user's data folder
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Forget what it holds and start anew
    #[arg(long)]
    reset: bool,
    /// How many times faster than at AWS things come about, from 1 to 100
    #[arg(long, default_value = "20", value_name = "TIMES")]
    pace: Pace,
    /// What goes wrong, as KIND[:SERVICE[.OPERATION]][=AMOUNT]; may be given several times
    #[arg(long, value_name = "FAULT")]
    fault: Vec<AnyFault>,
    /// Listen on this port, instead of the last one or a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// Let the host's ssh listen on this port, instead of the last one or a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    ssh_port: u16,
    /// Posts a second that the feed plays
    #[arg(long, default_value_t = 20, value_name = "POSTS", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    feed_rate: u32,
    /// The names that X's wire uses: tweet or post
    #[arg(long, default_value = "tweet", value_name = "DIALECT")]
    dialect: Dialect,
    /// Where the feed begins: the same number gives the same posts
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    seed: u64,
    /// Fill the stack's bucket with this many past hours as soon as it is made
    #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u32).range(1..=8760))]
    lake: Option<u32>,
}

/// The region that the sandbox names; it answers in every region.
const REGION: &str = "us-east-1";
/// The account of callers that do not name one.
const ACCOUNT: &str = "123456789012";

impl SandboxCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        if self.reset {
            context.refuse_if_readonly(1)?;
        }
        let folder = self.dir.unwrap_or_else(|| context.folders.data.join("sandbox"));
        let sandbox = Sandbox::start(Options {
            folder,
            reset: self.reset,
            pace: self.pace,
            faults: self.fault,
            port: self.port,
            ssh_port: self.ssh_port,
            feed_rate: self.feed_rate,
            dialect: self.dialect,
            seed: self.seed,
        })?;
        if let Some(hours) = self.lake {
            sandbox.fill_when_made(lake(&context, hours));
        }
        let missing = sandbox.ssh_missing();
        if let Some(why) = &missing {
            talk!("hydrant: {why}");
        }
        if self.serve {
            answer!("{}", line(&sandbox));
            tell(sandbox.trouble(), &context.stop).await;
            return Ok(Exit::Done);
        }
        let context = context.with_settings(&settings(&sandbox))?;
        let words = if missing.is_some() { "sandbox without hosts" } else { "sandbox" };
        // The sandbox lives as long as the console over it.
        let ended = console::open(context, Target { words: words.to_owned(), real: false }).await;
        drop(sandbox);
        ended
    }
}

/// Says what the sandbox cannot do any more, once each time, until it is to stop.
async fn tell(mut trouble: watch::Receiver<Option<String>>, stop: &CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            Ok(()) = trouble.changed() => {
                if let Some(why) = trouble.borrow_and_update().as_deref() {
                    talk!("hydrant: {why}");
                }
            }
        }
    }
}

/// Settings that make a command use the sandbox, and the variables that say the same.
fn settings(sandbox: &Sandbox) -> Vec<(&'static str, String)> {
    vec![
        ("aws_access_key_id", "sandbox".to_owned()),
        ("aws_secret_access_key", "sandbox".to_owned()),
        ("region", REGION.to_owned()),
        ("endpoint_url", sandbox.endpoint_url()),
        ("x_api_key", "sandbox".to_owned()),
        ("x_api_key_secret", "sandbox".to_owned()),
        ("x_api_url", sandbox.x_api_url().to_owned()),
        ("jetstream_url", sandbox.jetstream_url().to_owned()),
        ("host_address", sandbox.ssh_address().to_string()),
        ("host_user", sandbox.ssh_user().to_owned()),
    ]
}

/// The same as variables: where others know one, in the name that others know too.
fn variables(sandbox: &Sandbox) -> BTreeMap<String, String> {
    let known = |key: &str| match key {
        "aws_access_key_id" | "aws_secret_access_key" | "x_api_url" | "jetstream_url" => key.to_uppercase(),
        "region" => "AWS_REGION".to_owned(),
        "endpoint_url" => "AWS_ENDPOINT_URL".to_owned(),
        own => format!("HYDRANT_{}", own.to_uppercase()),
    };
    let mut variables: BTreeMap<String, String> =
        settings(sandbox).into_iter().map(|(key, value)| (known(key), value)).collect();
    // boto3 and the first AWS CLI know the region by this name only.
    variables.insert("AWS_DEFAULT_REGION".to_owned(), REGION.to_owned());
    variables
}

fn line(sandbox: &Sandbox) -> serde_json::Value {
    let missing = sandbox.ssh_missing();
    json!({
        "endpoint_url": sandbox.endpoint_url(),
        "region": REGION,
        "x_api_url": sandbox.x_api_url(),
        "jetstream_url": sandbox.jetstream_url(),
        "ssh": {
            "host": sandbox.ssh_address().ip().to_string(),
            "port": sandbox.ssh_address().port(),
            "user": sandbox.ssh_user(),
            "available": missing.is_none(),
            "missing": missing,
        },
        "env": variables(sandbox),
    })
}

/// The past of the stack that these settings describe.
fn lake(context: &Context, hours: u32) -> Lake {
    let settings = &context.settings;
    let operator = Identity { account: ACCOUNT.to_owned(), arn: String::new(), partition: "aws".to_owned() };
    let region = Region::parse(REGION).expect("it is a region");
    let names = Names::new(settings, &operator, &region);
    Lake {
        bucket: names.of(Kind::Bucket).to_owned(),
        prefix: settings.prefix.to_string(),
        stream: names.of(Kind::DeliveryStream).to_owned(),
        hours,
    }
}
