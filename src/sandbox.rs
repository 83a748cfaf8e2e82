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
//! host       what is behind EC2's instances: a real OpenSSH server in the sandbox's folder
//! world      all services' state, and the one lock around it
//! store      the state on disk: an answer is given only after what it changed is written
//! clock      time, and how much faster than AWS's the sandbox's runs
//! fault      what goes wrong on purpose
//! ```
//!
//! It never binds or calls anything but the loopback, and never writes outside its folder.

// An operation owns its parameters: that most only look at them is their own affair. Parameters and members are named
// as AWS names them, even where AWS repeats a name within a name.
#![allow(clippy::needless_pass_by_value, clippy::struct_field_names)]

mod call;
mod clock;
mod control;
mod ec2;
mod fault;
mod feed;
mod firehose;
mod host;
mod iam;
mod ids;
mod imds;
mod inflow;
mod logs;
mod operation;
mod paging;
mod ports;
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
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use clock::Pace;
pub use fault::{AnyFault, Fault, Kind};
pub use feed::{Dialect, FeedFault};
use ports::Ports;
use server::Rooms;
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
    pub faults: Vec<AnyFault>,
    /// The port of the endpoint; 0 takes the one that this folder's sandbox had last, else any free one.
    pub port: u16,
    /// The port of the host's ssh; 0 likewise.
    pub ssh_port: u16,
    /// The feed's posts a second, from 1 to 10,000.
    pub feed_rate: u32,
    /// Which of X's two dialects the feed speaks.
    pub dialect: Dialect,
    /// Where the feed's posts begin: the same number gives the same posts.
    pub seed: u64,
}

impl Options {
    /// A sandbox in this folder as it is if nothing else is said.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        let feed = feed::Options::default();
        Self {
            folder: folder.into(),
            reset: false,
            pace: Pace::default(),
            faults: Vec::new(),
            port: 0,
            ssh_port: 0,
            feed_rate: feed.rate,
            dialect: feed.dialect,
            seed: feed.seed,
        }
    }
}

/// A lake of past hours, to be there as if the stream had run for some time.
#[derive(Debug, Clone)]
pub struct Lake {
    /// The bucket. Its making is waited for.
    pub bucket: String,
    /// What keys begin with.
    pub prefix: String,
    /// The delivery stream that objects are named after.
    pub stream: String,
    /// How many hours before now.
    pub hours: u32,
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
    rooms: Arc<Rooms>,
    host: host::Host,
    stop: CancellationToken,
}

/// How often what is due by itself is looked for.
const TICK: Duration = Duration::from_millis(50);
/// When it is looked for again after it could not be written: each try reads the whole state.
const AFTER_A_FAILURE: Duration = Duration::from_secs(1);
/// How often what X keeps of its app is written, if it has changed: with a stream, it always has.
const KEEP_X: Duration = Duration::from_secs(1);
/// How often it is looked whether the bucket of a lake is there.
const LOOK: Duration = Duration::from_millis(250);

impl Sandbox {
    /// Starts one on the loopback. When this returns, it answers. To be called where a runtime is.
    pub fn start(options: Options) -> Result<Self, SandboxError> {
        let folder = prepare(&options)?;
        let no_port = |port| move |source| SandboxError::Port { port, source };
        let shared = Arc::new(Shared::open(&folder, options.pace)?);
        let (faults, feed_faults) = AnyFault::part(options.faults);
        shared.with(|world| world.faults.set(faults))?;
        shared.look(firehose::sweep_leftovers);
        let stop = CancellationToken::new();
        // Whatever fails from here on ends what was started before.
        let ending = stop.clone().drop_guard();
        let mut ports = Ports::of(&folder);
        let listener = ports
            .bind("endpoint", options.port, listen, |bound| Ok(bound.local_addr()?.port()))
            .map_err(no_port(options.port))?;
        let address = listener.local_addr().map_err(no_port(options.port))?;
        let feed = feed::Options {
            rate: options.feed_rate,
            dialect: options.dialect,
            seed: options.seed,
            faults: feed_faults,
        };
        let feed = feed::start(feed, options.pace, &mut ports, stop.clone()).map_err(no_port(0))?;
        // What an older version kept may be of another shape.
        if let Some(kept) = shared.look(|world| world.x().cloned())
            && let Err(error) = feed.take_up(kept)
        {
            tracing::warn!(%error, "X's side begins anew");
        }
        let host = |port| {
            let host = host::Options { port, endpoint: address };
            host::start(Arc::clone(&shared), &folder, host, stop.clone())
        };
        let host = ports
            .bind("ssh", options.ssh_port, host, |host| Ok(host.address().port()))
            .map_err(no_port(options.ssh_port))?;
        ports.keep();
        let sweeping = Arc::clone(&shared);
        tokio::task::spawn_blocking(move || s3::sweep_leftovers(&sweeping));
        let rooms = Arc::new(Rooms { shared, feed });
        tokio::spawn(server::serve(listener, Arc::clone(&rooms), stop.clone()));
        tokio::spawn(tick(Arc::clone(&rooms), stop.clone()));
        ending.disarm();
        Ok(Self { address, rooms, host, stop })
    }

    /// Where AWS calls go.
    pub fn endpoint_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where X's API is.
    pub fn x_api_url(&self) -> &str {
        &self.rooms.feed.x_api_url
    }

    /// Where Jetstream is.
    pub fn jetstream_url(&self) -> &str {
        &self.rooms.feed.jetstream_url
    }

    /// Where the host's ssh is, once an instance runs.
    pub fn ssh_address(&self) -> SocketAddr {
        self.host.address()
    }

    /// Who to sign in as on the host.
    pub fn ssh_user(&self) -> &str {
        self.host.user()
    }

    /// Why there is no host, and how to get one; `None` if there is.
    pub fn ssh_missing(&self) -> Option<String> {
        self.host.available().err()
    }

    /// Why nothing can be written to its folder, whenever that begins and ends. Until it ends, every call is answered
    /// with that.
    pub fn trouble(&self) -> tokio::sync::watch::Receiver<Option<String>> {
        self.rooms.shared.trouble()
    }

    /// Fills a lake as soon as its bucket is there.
    pub fn fill_when_made(&self, lake: Lake) {
        let (rooms, stop) = (Arc::clone(&self.rooms), self.stop.clone());
        let Lake { bucket, prefix, stream, hours } = lake;
        let lake = feed::Backfill { bucket, prefix, stream, hours, posts: feed::USUAL_POSTS };
        tokio::spawn(async move {
            while !rooms.shared.look(|world| s3::is_there(world, &lake.bucket)) {
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = stop.cancelled() => return,
                }
            }
            let filled = tokio::task::spawn_blocking(move || {
                rooms.feed.fill(&rooms.shared, &lake, rooms.shared.now())
            });
            match filled.await {
                Ok(Ok(Ok((objects, records)))) => tracing::info!(objects, records, "the lake is filled"),
                other => tracing::warn!(?other, "the lake is not filled"),
            }
        });
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
    crate::settings::Folders::keep_private(&options.folder).map_err(refuse)?;
    std::fs::write(&mark, "This folder belongs to a hydrant sandbox, which may empty it.\n")
        .map_err(refuse)?;
    options.folder.canonicalize().map_err(refuse)
}

/// The endpoint's listener. To be called where a runtime is.
fn listen(port: u16) -> std::io::Result<TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

fn state_file(folder: &Path) -> PathBuf {
    folder.join("state.redb")
}

async fn tick(rooms: Arc<Rooms>, stop: CancellationToken) {
    let mut kept = Instant::now();
    let mut moments = tokio::time::interval(TICK);
    moments.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = moments.tick() => {}
            () = stop.cancelled() => return,
        }
        let x = (kept.elapsed() >= KEEP_X).then(|| rooms.feed.kept());
        if x.is_some() {
            kept = Instant::now();
        }
        let rooms = Arc::clone(&rooms);
        let ticked = tokio::task::spawn_blocking(move || {
            rooms.shared.with(|world| {
                if let Some(x) = x {
                    world.keep_x(x);
                }
                world.tick(world.now());
            })
        })
        .await;
        match ticked {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(%error, "the sandbox's state is not written");
                moments.reset_after(AFTER_A_FAILURE);
            }
            Err(panic) => tracing::error!(%panic, "a fault of the sandbox itself"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn xs_rules_are_there_again_after_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let start = || Sandbox::start(Options::new(folder.path().join("sandbox"))).expect("a sandbox");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let sandbox = start();
        let token = client
            .post(format!("{}/oauth2/token", sandbox.x_api_url()))
            .basic_auth("sandbox", Some("sandbox"))
            .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8")
            .body("grant_type=client_credentials");
        let token = token.send().await.expect("an answer").text().await.expect("text");
        let token: serde_json::Value = serde_json::from_str(&token).expect("JSON");
        let token = token["access_token"].as_str().expect("a token").to_owned();
        let rules = format!("{}/2/tweets/search/stream/rules", sandbox.x_api_url());
        let add = client.post(&rules).bearer_auth(&token).header("content-type", "application/json");
        let added = add.body(r#"{"add":[{"value":"mars","tag":"planet"}]}"#).send().await.expect("an answer");
        assert!(added.status().is_success(), "{added:?}");
        let is_kept = || {
            let x = sandbox.rooms.shared.look(|world| world.x().map(ToString::to_string));
            x.is_some_and(|x| x.contains("mars"))
        };
        let until = Instant::now() + Duration::from_mins(1);
        while !is_kept() {
            assert!(Instant::now() < until, "it is never kept");
            tokio::time::sleep(TICK).await;
        }
        let shared = Arc::downgrade(&sandbox.rooms.shared);
        drop(sandbox);
        // Its tasks let go of the file one after another.
        while shared.strong_count() > 0 {
            assert!(Instant::now() < until, "it does not end");
            tokio::time::sleep(TICK).await;
        }
        let again = start();
        let rules = format!("{}/2/tweets/search/stream/rules", again.x_api_url());
        let listed = client.get(rules).bearer_auth(&token).send().await.expect("an answer");
        let listed = listed.text().await.expect("text");
        assert!(listed.contains("mars") && listed.contains("planet"), "{listed}");
    }
}
