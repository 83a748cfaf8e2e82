//! The machines behind the instances: booted when an instance runs, powered off when it does not any more, removed
//! when it is terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::door::Visitor;
use super::folder::{Folder, InstanceId, Surroundings, can_be_written};
use super::processes;
use super::sshd::Connection;
use super::{Look, Seen};
use crate::sandbox::ec2;

/// How many connections there may be at a time.
const MOST_CONNECTIONS: usize = 64;

pub(super) struct Machines {
    folder: PathBuf,
    look: Look,
    sshd: PathBuf,
    surroundings: Surroundings,
    /// How long a machine takes to boot.
    boot: Duration,
    /// Every machine that has a disk.
    all: BTreeMap<InstanceId, Machine>,
    /// Those that are on, the oldest first.
    on: Vec<InstanceId>,
    is_cut: bool,
    is_closed: bool,
}

#[derive(Debug)]
struct Machine {
    folder: Folder,
    power: Power,
    connections: Vec<Connection>,
}

#[derive(Debug)]
enum Power {
    Off,
    On {
        answers_from: Instant,
    },
    /// It could not be booted, and is not tried again before its next start.
    Broken,
}

impl std::fmt::Debug for Machines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machines")
            .field("folder", &self.folder)
            .field("all", &self.all)
            .finish_non_exhaustive()
    }
}

impl Machines {
    /// The machines whose disks are in this folder. They are all off: what an earlier sandbox that was killed left
    /// running on them is ended.
    pub(super) fn open(
        folder: &Path,
        look: Look,
        sshd: PathBuf,
        surroundings: Surroundings,
        boot: Duration,
    ) -> Result<Self, String> {
        can_be_written(folder)?;
        let refuse = |error| format!("cannot use the folder of the hosts {}: {error}", folder.display());
        crate::settings::Folders::make_private(folder).map_err(refuse)?;
        let mut all = BTreeMap::new();
        for entry in folder.read_dir().map_err(refuse)? {
            let name = entry.map_err(refuse)?.file_name();
            let Some(id) = name.to_str().and_then(InstanceId::new) else { continue };
            all.insert(id.clone(), Machine::off(Folder::of(folder, id)));
        }
        for machine in all.values_mut() {
            machine.power_off();
        }
        Ok(Self {
            folder: folder.to_owned(),
            look,
            sshd,
            surroundings,
            boot,
            all,
            on: Vec::new(),
            is_cut: false,
            is_closed: false,
        })
    }

    /// Does what the world asks for at this moment. While that cannot be read, all stays as it is.
    pub(super) fn follow(&mut self, now: Instant) {
        if self.is_closed {
            return;
        }
        let with_disk: BTreeSet<InstanceId> = self.all.keys().cloned().collect();
        let Some(Seen { running, gone, is_cut }) = (self.look)(&with_disk) else { return };
        let running: Vec<(InstanceId, ec2::Host)> = running
            .into_iter()
            .filter_map(|host| InstanceId::new(&host.instance_id).map(|id| (id, host)))
            .collect();
        for (id, machine) in &mut self.all {
            machine.connections.retain_mut(|connection| !connection.is_over());
            if !matches!(machine.power, Power::Off) && !running.iter().any(|(running, _)| running == id) {
                machine.power_off();
            }
        }
        for (id, host) in &running {
            let folder = &self.folder;
            let machine =
                self.all.entry(id.clone()).or_insert_with(|| Machine::off(Folder::of(folder, id.clone())));
            if matches!(machine.power, Power::Off) {
                machine.boot(host, &self.surroundings, now + self.boot);
            }
        }
        for id in &gone {
            if let Some(mut machine) = self.all.remove(id) {
                machine.remove();
            }
        }
        if is_cut && !self.is_cut {
            self.all.values_mut().for_each(Machine::cut);
        }
        self.is_cut = is_cut;
        self.on = running.into_iter().map(|(id, _)| id).filter(|id| !gone.contains(id)).collect();
    }

    /// Whether there is a host that answers.
    pub(super) fn answer(&self, now: Instant) -> bool {
        self.oldest(now).is_some()
    }

    /// Leads a visitor to the oldest host that answers; without one, or with too many visitors, he is turned away.
    pub(super) fn connect(&mut self, visitor: Visitor, now: Instant) {
        let connections: usize = self.all.values().map(|machine| machine.connections.len()).sum();
        let oldest = self.oldest(now).filter(|_| connections < MOST_CONNECTIONS);
        let Some(machine) = oldest.and_then(|id| self.all.get_mut(&id)) else { return visitor.turn_away() };
        match Connection::open(&self.sshd, &machine.folder, visitor) {
            Ok(connection) => machine.connections.push(connection),
            Err(error) => {
                tracing::error!(%error, sshd = %self.sshd.display(), "a connection to a host is not served");
            }
        }
    }

    fn oldest(&self, now: Instant) -> Option<InstanceId> {
        if self.is_closed || self.is_cut {
            return None;
        }
        let answers = |id: &&InstanceId| {
            self.all.get(id).is_some_and(
                |machine| matches!(machine.power, Power::On { answers_from } if answers_from <= now),
            )
        };
        self.on.iter().find(answers).cloned()
    }

    /// Powers everything off, for good.
    pub(super) fn close(&mut self) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        for machine in self.all.values_mut().filter(|machine| !matches!(machine.power, Power::Off)) {
            machine.power_off();
        }
    }
}

impl Machine {
    fn off(folder: Folder) -> Self {
        Self { folder, power: Power::Off, connections: Vec::new() }
    }

    fn boot(&mut self, host: &ec2::Host, surroundings: &Surroundings, answers_from: Instant) {
        self.power = match self.folder.furnish(host, surroundings) {
            Ok(()) => Power::On { answers_from },
            Err(error) => {
                tracing::error!(%error, folder = %self.folder.path().display(), "a host cannot boot");
                Power::Broken
            }
        };
    }

    /// The connections end, what they started goes on: so it is when a network is cut.
    fn cut(&mut self) {
        self.connections.drain(..).for_each(Connection::cut);
    }

    /// Everything that runs on it ends.
    fn power_off(&mut self) {
        // As long as `sshd` lives it can be seen what it started: later, only by the mark of the host.
        let started = processes::started_by(self.connections.iter().map(Connection::pid));
        self.cut();
        processes::end(started);
        processes::end_marked(&self.folder);
        self.power = Power::Off;
    }

    fn remove(&mut self) {
        self.power_off();
        if let Err(error) = std::fs::remove_dir_all(self.folder.path()) {
            tracing::warn!(%error, folder = %self.folder.path().display(), "a host's folder is not removed");
        }
    }
}
