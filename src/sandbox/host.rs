//! The host behind the sandbox's instances: a real OpenSSH server, run without privileges in the sandbox's folder.
//!
//! Every instance has the address 127.0.0.1, and one loopback port for the sandbox's life leads to the oldest instance
//! that runs and has booted. Behind it is `sshd` in its inetd mode: one process per connection, with the socket as its
//! input and output, the instance's own keys, and a folder of its own as the home of whoever logs in. The user who
//! logs in is the one who runs the sandbox, since nobody else can be let in without privileges.
//!
//! As at AWS: nothing answers until the instance has booted; the host has the key that its user data gave it; what was
//! started on it ends with the instance, and its disk only when it is terminated. `cloud-init status --wait` says that
//! it is done; scripts in the user data are not run. Shells are this machine's own, so nothing hides the rest of it.
//!
//! ```text
//! door        the port: closed without an instance, as a port without a server is
//! machines    the instances that run: booted, connected to, powered off
//! folder      what is on an instance's disk, written when it boots
//! user_data   the host key in the user data
//! sshd        the program, and one process of it for each connection
//! processes   what runs on a host, to be ended with it
//! ```
//!
//! It binds the loopback only. Nothing is written outside the sandbox's folder, but for what `sshd` itself demands of
//! root: `/run/sshd`, and the machine's list of logins when a terminal is asked for.

mod door;
mod folder;
mod machines;
mod processes;
mod sshd;
#[cfg(test)]
mod tests;
mod user_data;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use self::door::Door;
use self::folder::{InstanceId, Surroundings};
use self::machines::Machines;
use self::sshd::Programs;
use super::ec2;
use super::fault::Kind;
use super::world::{Shared, World};

/// Where hosts are reached, and what they reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    /// The port at which hosts answer; 0 takes any free one.
    pub(crate) port: u16,
    /// The sandbox's endpoint, which programs on a host call.
    pub(crate) endpoint: SocketAddr,
}

/// How long an instance at AWS runs before its `sshd` answers.
const BOOT: Duration = Duration::from_secs(20);
/// How often the world is looked at for instances that came or went.
const LOOK: Duration = Duration::from_millis(50);

/// The door to the hosts. When it is dropped, they lose their power: nothing that was started on them goes on.
#[derive(Debug)]
pub(crate) struct Host {
    address: SocketAddr,
    user: String,
    available: Result<(), String>,
    machines: Option<Arc<Mutex<Machines>>>,
}

impl Host {
    /// Where instances are reached, from now on and for the sandbox's life.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The user to log in as.
    pub(crate) fn user(&self) -> &str {
        &self.user
    }

    /// Whether hosts can be logged in to; if not, a line that says what to do. Connections are then refused, and
    /// the rest of the sandbox works.
    pub(crate) fn available(&self) -> Result<(), String> {
        self.available.clone()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Here and not in the task that serves: the runtime may end before that has its turn.
        if let Some(machines) = &self.machines {
            lock(machines).close();
        }
    }
}

/// What of the world the hosts depend on, at a moment.
#[derive(Debug, Default, Clone)]
struct Seen {
    /// The instances that run, the oldest first.
    running: Vec<ec2::Host>,
    /// Those of the instances asked about that are terminated.
    gone: BTreeSet<InstanceId>,
    /// Whether hosts are cut off on purpose.
    is_cut: bool,
}

impl Seen {
    fn of(world: &World, asked: &BTreeSet<InstanceId>, now: Timestamp) -> Self {
        Self {
            running: ec2::running_hosts(world, now),
            gone: asked.iter().filter(|id| ec2::is_gone(world, id.as_str(), now)).cloned().collect(),
            is_cut: world.faults.is_on(Kind::CutSsh, "", ""),
        }
    }
}

/// Looks at the world, also for what became of these instances; `None` while the world cannot be read.
type Look = Box<dyn Fn(&BTreeSet<InstanceId>) -> Option<Seen> + Send>;

fn look_at(shared: Arc<Shared>) -> Look {
    Box::new(move |asked| shared.look_whole(|world| Seen::of(world, asked, world.now())).ok())
}

/// Opens the door to the hosts of this world's instances. To be called where a runtime is.
pub(crate) fn start(
    shared: Arc<Shared>,
    folder: &Path,
    options: Options,
    stop: CancellationToken,
) -> std::io::Result<Host> {
    let boot = shared.look(|world| world.pace).scale(BOOT);
    start_with(look_at(shared), Programs::find(), folder, boot, options, stop)
}

fn start_with(
    look: Look,
    programs: Result<Programs, String>,
    folder: &Path,
    boot: Duration,
    options: Options,
    stop: CancellationToken,
) -> std::io::Result<Host> {
    let door = Door::bind((Ipv4Addr::LOCALHOST, options.port).into())?;
    let address = door.address();
    let user = sshd::own_user();
    let machines = programs.and_then(|programs| {
        let user = user.clone()?;
        sshd::can_log_in(&user)?;
        let folder = folder.join("hosts");
        let surroundings =
            Surroundings { user, endpoint: options.endpoint, sftp_server: programs.sftp_server };
        Machines::open(&folder, look, programs.sshd, surroundings, boot)
    });
    let user = user.unwrap_or_default();
    let machines = match machines {
        Ok(machines) => Arc::new(Mutex::new(machines)),
        Err(reason) => {
            // The door stays shut, and keeps its port.
            tokio::spawn(async move {
                stop.cancelled().await;
                drop(door);
            });
            return Ok(Host { address, user, available: Err(reason), machines: None });
        }
    };
    tokio::spawn(serve(door, Arc::clone(&machines), stop));
    Ok(Host { address, user, available: Ok(()), machines: Some(machines) })
}

/// Follows the world and lets visitors in until asked to stop.
async fn serve(mut door: Door, machines: Arc<Mutex<Machines>>, stop: CancellationToken) {
    let mut moments = tokio::time::interval(LOOK);
    moments.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let visitor = tokio::select! {
            visitor = door.visitor() => Some(visitor),
            _ = moments.tick() => None,
            () = stop.cancelled() => break,
        };
        let following = Arc::clone(&machines);
        // Folders are written and processes started: both block.
        let followed = tokio::task::spawn_blocking(move || {
            let mut machines = lock(&following);
            machines.follow(Instant::now());
            if let Some(visitor) = visitor {
                machines.connect(visitor, Instant::now());
            }
            machines.answer(Instant::now())
        });
        match followed.await {
            Ok(answers) => door.set_open(answers),
            Err(panic) => tracing::error!(%panic, "a fault of the sandbox itself"),
        }
    }
    let closing = tokio::task::spawn_blocking(move || lock(&machines).close());
    if let Err(panic) = closing.await {
        tracing::error!(%panic, "a fault of the sandbox itself");
    }
}

fn lock(machines: &Mutex<Machines>) -> MutexGuard<'_, Machines> {
    machines.lock().unwrap_or_else(PoisonError::into_inner)
}
