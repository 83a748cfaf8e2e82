//! `hydrant sandbox`: the embedded cloud of this machine, served until it is stopped.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::style::{answer, talk};
use super::{CliError, Context, Exit};
use crate::sandbox::{Fault, Options, Pace, Sandbox};

/// Run an embedded cloud on this machine: no account, no money
#[derive(Debug, Args)]
#[command(after_help = "Example: hydrant sandbox --serve --pace 100 --fault throttle:firehose=30%")]
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
    fault: Vec<Fault>,
    /// Listen on this port, instead of a free one
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
}

/// The region that the sandbox names; it answers in every region.
const REGION: &str = "us-east-1";

impl SandboxCommand {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let folder = self.dir.unwrap_or_else(|| context.folders.data.join("sandbox"));
        let options =
            Options { folder, reset: self.reset, pace: self.pace, faults: self.fault, port: self.port };
        let sandbox = Sandbox::start(options).await?;
        let env: BTreeMap<&str, String> = BTreeMap::from([
            ("AWS_ACCESS_KEY_ID", "sandbox".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "sandbox".to_owned()),
            ("AWS_REGION", REGION.to_owned()),
            ("AWS_ENDPOINT_URL", sandbox.endpoint_url()),
        ]);
        if self.serve {
            answer!("{}", json!({ "endpoint_url": sandbox.endpoint_url(), "region": REGION, "env": env }));
        } else {
            for (name, value) in &env {
                answer!("export {name}={value}");
            }
            talk!(
                "Serving until Ctrl+C. In another terminal, the lines above make every command use this sandbox."
            );
        }
        context.stop.cancelled().await;
        drop(sandbox);
        Ok(Exit::Done)
    }
}
