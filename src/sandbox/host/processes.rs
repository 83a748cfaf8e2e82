//! What runs on a host: the processes that its `sshd`s started, and those that carry the host's mark in their
//! environment, wherever they have gone since. Only those are ever ended.

use std::collections::BTreeSet;

use super::folder::Folder;

/// The variable that every process on a host has; its value is the instance's id.
pub(super) const MARK: &str = "SANDBOX_INSTANCE";

/// A process that is held on to: its number may be given to another one, and then this is still the first.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(super) struct Process(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Process {
    /// The process of this number, if it is one that `is_meant`.
    fn open(pid: u32, is_meant: impl Fn(u32) -> bool) -> Option<Self> {
        use rustix::process::{Pid, PidfdFlags, pidfd_open};
        let held = pidfd_open(Pid::from_raw(i32::try_from(pid).ok()?)?, PidfdFlags::empty()).ok()?;
        // Asked after it is held: before, the number could still change hands.
        is_meant(pid).then_some(Self(held))
    }

    fn end(&self) {
        // One that is not there any more needs no end.
        let _ = rustix::process::pidfd_send_signal(&self.0, rustix::process::Signal::KILL);
    }
}

/// Without Linux's `/proc` no process is found, so that none is ended.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub(super) struct Process;

#[cfg(not(target_os = "linux"))]
impl Process {
    fn open(_: u32, _: impl Fn(u32) -> bool) -> Option<Self> {
        None
    }

    fn end(&self) {}
}

/// The processes that these ones started, and those that they started, and so on.
pub(super) fn started_by(roots: impl Iterator<Item = u32>) -> Vec<Process> {
    let mut family: BTreeSet<u32> = roots.collect();
    if family.is_empty() {
        return Vec::new();
    }
    let parents: Vec<(u32, u32)> = pids().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    let mut started = Vec::new();
    loop {
        let children: Vec<(u32, u32)> = parents
            .iter()
            .copied()
            .filter(|(pid, parent)| family.contains(parent) && !family.contains(pid))
            .collect();
        if children.is_empty() {
            return started;
        }
        for (pid, its_parent) in children {
            family.insert(pid);
            started.extend(Process::open(pid, |pid| parent(pid) == Some(its_parent)));
        }
    }
}

/// Ends these processes.
pub(super) fn end(processes: Vec<Process>) {
    for process in processes {
        process.end();
    }
}

/// How often it is looked again for processes that were started while others were ended.
const ROUNDS: usize = 20;

/// Ends the processes that carry the mark of the host in this folder, and the `sshd`s that write its log.
pub(super) fn end_marked(host: &Folder) {
    let own = std::process::id();
    for _ in 0..ROUNDS {
        let is_of_host = |pid| is_marked(pid, host) || is_sshd(pid, host);
        let found: Vec<Process> = pids()
            .filter(|pid| *pid != own && is_of_host(*pid))
            .filter_map(|pid| Process::open(pid, is_of_host))
            .collect();
        if found.is_empty() {
            return;
        }
        end(found);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    tracing::warn!(host = host.id().as_str(), "something on a host cannot be ended");
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn parent(pid: u32) -> Option<u32> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `PID (NAME) STATE PARENT …`, and the name may hold anything.
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn is_marked(pid: u32, host: &Folder) -> bool {
    let mark = format!("{MARK}={}", host.id().as_str());
    std::fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
}

/// An `sshd` writes its title over its environment: it is known by the log that it holds open.
fn is_sshd(pid: u32, host: &Folder) -> bool {
    let is_named_so = std::fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name.starts_with(b"sshd"));
    let files = || std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    is_named_so && files().any(|file| std::fs::read_link(file.path()).is_ok_and(|file| file == host.log()))
}
