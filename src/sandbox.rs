//! The sandbox: an embedded cloud on this machine, so that the whole pipeline runs without an account.
//!
//! A server on a loopback port that speaks the wire protocols of the AWS services that hydrant calls. The rooms do
//! not know it: they use their real clients, and only the endpoint differs. It behaves as AWS does where operators
//! feel it (states take their time, roles propagate late, what is in use cannot be deleted) and refuses what it does
//! not know instead of accepting it silently.
//!
//! ```text
//! server     accepts, finds out who calls what, answers in the caller's protocol
//! wire       the protocols: JSON, query and EC2's; each to and from one kind of document
//! operation  the table of a service: names of operations and the functions behind them
//! <service>  one file per service: its state, its rules, its operations
//! world      all services' state, and the one lock around it
//! store      the state on disk: an answer is given only after what it changed is written
//! clock      time, and how much faster than AWS's the sandbox's runs
//! fault      what goes wrong on purpose
//! ```
//!
//! It never binds or calls anything but the loopback, and never writes outside its folder.

mod call;
mod clock;
mod control;
mod ec2;
mod fault;
mod firehose;
mod iam;
mod ids;
mod imds;
mod logs;
mod operation;
mod paging;
mod refusal;
mod s3;
mod sagemaker;
mod server;
mod ssm;
mod store;
mod sts;
mod tagging;
mod tags;
#[cfg(test)]
mod trial;
mod wire;
mod world;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use clock::Pace;
pub use fault::{Fault, Kind};
use store::StoreError;
use world::Shared;

/// How a sandbox is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it keeps everything. Made if it is not there; only its owner may enter it.
    pub folder: PathBuf,
    /// Forget what the folder holds.
    pub reset: bool,
    /// How fast things come about.
    pub pace: Pace,
    /// What goes wrong from the beginning.
    pub faults: Vec<Fault>,
    /// The port of the endpoint; 0 takes any free one.
    pub port: u16,
}

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Its folder cannot be used.
    #[error("cannot use the sandbox's folder {}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Its state cannot be used.
    #[error("{message}")]
    State {
        /// What is wrong with it.
        message: String,
        /// Why.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// There is no port for it.
    #[error("cannot listen on port {port} of this machine")]
    Port {
        /// The port asked for.
        port: u16,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl From<StoreError> for SandboxError {
    fn from(error: StoreError) -> Self {
        Self::State {
            message: error.to_string(),
            source: std::error::Error::source(&error).map(|source| source.to_string().into()),
        }
    }
}

/// A sandbox that runs; it ends when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    address: SocketAddr,
    stop: CancellationToken,
}

/// How often what is due by itself is looked for.
const TICK: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Starts one on the loopback. When this returns, it answers.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let folder = prepare(&options)?;
        let shared = Arc::new(Shared::open(&folder, options.pace)?);
        shared.with(|world| world.faults.set(options.faults))?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(|source| SandboxError::Port { port: options.port, source })?;
        let address =
            listener.local_addr().map_err(|source| SandboxError::Port { port: options.port, source })?;
        let stop = CancellationToken::new();
        let sweeping = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || s3::sweep_leftovers(&sweeping));
        tokio::spawn(server::serve(listener, Arc::clone(&shared), stop.clone()));
        tokio::spawn(tick(shared, stop.clone()));
        Ok(Self { address, stop })
    }

    /// Where AWS calls go.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The file whose presence says that a folder is a sandbox's.
const MARK: &str = "hydrant-sandbox";

/// The folder, made and emptied as asked. Only a folder that a sandbox made is ever emptied.
fn prepare(options: &Options) -> Result<PathBuf, SandboxError> {
    let refuse = |source| SandboxError::Folder { folder: options.folder.clone(), source };
    let mark = options.folder.join(MARK);
    let is_there = options.folder.exists();
    if is_there && !mark.exists() && options.folder.read_dir().map_err(refuse)?.next().is_some() {
        let foreign = std::io::Error::other("it is not empty, and no sandbox made it");
        return Err(refuse(foreign));
    }
    if is_there && options.reset {
        // Two sandboxes must not have one folder, and least of all when one of them empties it.
        drop(store::Store::open(&state_file(&options.folder))?);
        std::fs::remove_dir_all(&options.folder).map_err(refuse)?;
    }
    crate::settings::Folders::make_private(&options.folder).map_err(refuse)?;
    std::fs::write(&mark, "This folder belongs to a hydrant sandbox, which may empty it.\n")
        .map_err(refuse)?;
    options.folder.canonicalize().map_err(refuse)
}

fn state_file(folder: &Path) -> PathBuf {
    folder.join("state.redb")
}

async fn tick(shared: Arc<Shared>, stop: CancellationToken) {
    let mut moments = tokio::time::interval(TICK);
    moments.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = moments.tick() => {}
            () = stop.cancelled() => return,
        }
        let shared = Arc::clone(&shared);
        let ticked =
            tokio::task::spawn_blocking(move || shared.with(|world| world.tick(Timestamp::now()))).await;
        match ticked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the sandbox's state is not written"),
            Err(panic) => tracing::error!(%panic, "a fault of the sandbox itself"),
        }
    }
}
