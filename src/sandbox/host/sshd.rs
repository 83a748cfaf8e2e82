//! The OpenSSH server: where it is, whom it can let in, and one process of it for each connection.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process_group};

use super::door::Visitor;
use super::folder::{Folder, PLAIN_PATH};

/// A log longer than this begins anew.
const LONGEST_LOG: u64 = 1 << 20;

/// The programs of OpenSSH that a host needs.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) sshd: PathBuf,
    /// Without it there is no sftp, and no scp of today's.
    pub(super) sftp_server: Option<PathBuf>,
}

impl Programs {
    /// As they are on this machine; if they are not, a line that says how to get them.
    pub(super) fn find() -> Result<Self, String> {
        Self::find_in(std::env::var_os("PATH"), &["/usr/sbin", "/usr/local/sbin", "/sbin"])
    }

    pub(super) fn find_in(path: Option<OsString>, also: &[&str]) -> Result<Self, String> {
        let path = path.unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(also.iter().map(PathBuf::from));
        // sshd refuses to be started by a relative path.
        let mut files = folders.map(|folder| folder.join("sshd")).filter(|sshd| sshd.is_absolute());
        let sshd = files.find(|sshd| sshd.is_file()).ok_or(
            "hosts cannot be logged in to, since this machine has no sshd: `apt-get install openssh-server` \
             (Debian, Ubuntu) or `dnf install openssh-server` (Fedora, Amazon Linux) brings it",
        )?;
        Ok(Self { sshd, sftp_server: SFTP_SERVERS.iter().map(PathBuf::from).find(|file| file.is_file()) })
    }
}

/// Debian and Ubuntu; Fedora, Amazon Linux; Alpine, Arch and SUSE; macOS.
const SFTP_SERVERS: [&str; 4] = [
    "/usr/lib/openssh/sftp-server",
    "/usr/libexec/openssh/sftp-server",
    "/usr/lib/ssh/sftp-server",
    "/usr/libexec/sftp-server",
];

/// The name of the user who runs this process.
pub(super) fn own_user() -> Result<String, String> {
    let output = Command::new("id").arg("-un").stdin(Stdio::null()).output();
    let name = output.ok().filter(|output| output.status.success());
    name.and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|name| name.trim().to_owned())
        .filter(|name| is_plain(name))
        .ok_or_else(|| {
            let id = geteuid().as_raw();
            format!("hosts cannot be logged in to, since the user with the id {id} has no plain name here")
        })
}

/// A name that `AllowUsers` takes as that one name, not as a pattern.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '$'))
}

/// sshd starts everything by the user's own shell, and lets nobody in who has none.
pub(super) fn can_log_in(user: &str) -> Result<(), String> {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    // A user who is not in the file comes from a directory service, where shells are usual.
    let entry = users.lines().find(|line| line.split(':').next() == Some(user));
    let shell = entry.and_then(|line| line.split(':').nth(6)).unwrap_or_default();
    if shell.ends_with("/nologin") || shell.ends_with("/false") {
        return Err(format!("hosts cannot be logged in to, since the user {user} has no login shell"));
    }
    Ok(())
}

/// A connection to a host: the `sshd` that serves it. It has a process group of its own; what is started over the
/// connection is in other ones.
#[derive(Debug)]
pub(super) struct Connection {
    sshd: Child,
}

impl Connection {
    pub(super) fn open(sshd: &Path, folder: &Folder, visitor: Visitor) -> std::io::Result<Self> {
        if geteuid().is_root() {
            make_separation_folder();
        }
        let log = folder.log();
        if log.metadata().is_ok_and(|log| log.len() > LONGEST_LOG) {
            File::options().write(true).open(&log)?.set_len(0)?;
        }
        let input = visitor.let_in()?;
        let output = input.try_clone()?;
        let sshd = Command::new(sshd)
            .arg("-i")
            .arg("-f")
            .arg(folder.config())
            .arg("-E")
            .arg(log)
            .current_dir("/")
            // Nothing of the operator's own environment, least of all his keys, reaches a host.
            .env_clear()
            .env("PATH", PLAIN_PATH)
            .stdin(input)
            .stdout(output)
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        Ok(Self { sshd })
    }

    /// Whether the visitor is gone.
    pub(super) fn is_over(&mut self) -> bool {
        !matches!(self.sshd.try_wait(), Ok(None))
    }

    pub(super) fn pid(&self) -> u32 {
        self.sshd.id()
    }

    /// Ends it at once, without a farewell.
    pub(super) fn cut(mut self) {
        // One that ended by itself and was waited for has no process group any more, and its number may be another's.
        if self.is_over() {
            return;
        }
        let group = i32::try_from(self.pid()).ok().and_then(Pid::from_raw);
        if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
            tracing::warn!(%error, "a connection to a host is not cut");
            return;
        }
        drop(self.sshd.wait());
    }
}

/// As root, sshd gives up its privileges in this folder before somebody is known. The system makes it when it starts
/// its own sshd, so that in a container it is not there; elsewhere than on Debian's kin the package brings another.
fn make_separation_folder() {
    let folder = Path::new("/run/sshd");
    if !folder.exists()
        && let Err(error) = std::fs::create_dir(folder)
    {
        tracing::warn!(%error, "/run/sshd is not made");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_sshd_says_how_to_get_it() {
        let empty = tempfile::tempdir().expect("a temporary folder");
        let refused = Programs::find_in(Some(empty.path().into()), &[]).expect_err("there is none");
        assert!(refused.contains("apt-get install openssh-server"), "{refused}");
        std::fs::write(empty.path().join("sshd"), "").expect("written");
        assert!(Programs::find_in(Some(empty.path().into()), &[]).is_ok());
    }

    #[test]
    fn a_name_that_could_be_a_pattern_lets_nobody_in() {
        assert!(is_plain("ec2-user") && is_plain("root"));
        for name in ["", "*", "a b", "a?", "!root", "user@host", "a\nPermitRootLogin yes"] {
            assert!(!is_plain(name), "{name}");
        }
    }
}
