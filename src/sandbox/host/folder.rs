//! What is on an instance's disk.
//!
//! ```text
//! home/             the home of whoever logs in; everything else belongs to the sandbox
//! bin/cloud-init    says that booting is done
//! host_key          the host's own key, from the user data or made here; once there, it stays
//! authorized_keys   the public half of the instance's key pair
//! sshd_config       written at each boot
//! enter             what every login begins with
//! sshd.log          what sshd says
//! ```

use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};

use super::processes::MARK;
use super::user_data;
use crate::sandbox::ec2;
use crate::settings::Folders;

/// Where programs are looked for on a host, after its own.
pub(super) const PLAIN_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An instance's id, which may be the name of a folder: `i-` and 8 to 17 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InstanceId(String);

impl InstanceId {
    pub(super) fn new(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("i-")?;
        let is_id = (8..=17).contains(&digits.len())
            && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What all hosts have in common.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// Who may log in.
    pub(super) user: String,
    /// Where the sandbox's AWS is.
    pub(super) endpoint: SocketAddr,
    pub(super) sftp_server: Option<PathBuf>,
}

/// The folder that is an instance's disk.
#[derive(Debug, Clone)]
pub(super) struct Folder {
    id: InstanceId,
    path: PathBuf,
}

/// Whether paths in this folder can be written in an `sshd_config`, which knows no way to write quotes.
pub(super) fn can_be_written(folder: &Path) -> Result<(), String> {
    let is_plain = |c: char| !c.is_control() && !matches!(c, '"' | '\'' | '\\');
    match folder.to_str() {
        Some(text) if text.chars().all(is_plain) => Ok(()),
        _ => Err(format!(
            "hosts cannot be logged in to, since sshd cannot be told a folder with quotes in its name: {}",
            folder.display()
        )),
    }
}

impl Folder {
    pub(super) fn of(hosts: &Path, id: InstanceId) -> Self {
        Self { path: hosts.join(id.as_str()), id }
    }

    pub(super) fn id(&self) -> &InstanceId {
        &self.id
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn config(&self) -> PathBuf {
        self.path.join("sshd_config")
    }

    pub(super) fn log(&self) -> PathBuf {
        self.path.join("sshd.log")
    }

    fn home(&self) -> PathBuf {
        self.path.join("home")
    }

    fn bin(&self) -> PathBuf {
        self.path.join("bin")
    }

    fn host_key(&self) -> PathBuf {
        self.path.join("host_key")
    }

    fn authorized_keys(&self) -> PathBuf {
        self.path.join("authorized_keys")
    }

    fn enter(&self) -> PathBuf {
        self.path.join("enter")
    }

    /// Writes what the host needs to boot, and leaves alone what is the visitors'.
    pub(super) fn furnish(&self, host: &ec2::Host, surroundings: &Surroundings) -> std::io::Result<()> {
        for folder in [&self.path, &self.home(), &self.bin()] {
            Folders::make_private(folder)?;
        }
        if !self.has_host_key() {
            let key = user_data::host_key(&host.user_data).map_or_else(new_key, Ok);
            let text = key.and_then(|key| key.to_openssh(LineEnding::LF)).map_err(std::io::Error::other)?;
            write(&self.host_key(), &text, 0o600)?;
        }
        write(&self.authorized_keys(), &authorized_keys(host), 0o600)?;
        write(&self.enter(), ENTER, 0o600)?;
        write(&self.bin().join("cloud-init"), CLOUD_INIT, 0o700)?;
        write(&self.config(), &self.sshd_config(host, surroundings), 0o600)
    }

    fn has_host_key(&self) -> bool {
        std::fs::read(self.host_key()).is_ok_and(|key| PrivateKey::from_openssh(key).is_ok())
    }

    fn sshd_config(&self, host: &ec2::Host, surroundings: &Surroundings) -> String {
        let sftp = surroundings.sftp_server.as_ref();
        let sftp = sftp.map(|server| format!("Subsystem sftp {}\n", server.display())).unwrap_or_default();
        format!(
            include_str!("sshd_config.txt"),
            host_key = self.host_key().display(),
            // In this path, and in no other, sshd looks for `%h` and its kin.
            authorized_keys = self.authorized_keys().display().to_string().replace('%', "%%"),
            user = surroundings.user,
            sftp = sftp,
            enter = self.enter().display(),
            environment = self.environment(host, surroundings.endpoint),
        )
    }

    /// What every process on the host is given, in the form of `SetEnv`. It comes before anything of the user's own:
    /// with another home, a shell reads none of the files of the real one.
    fn environment(&self, host: &ec2::Host, endpoint: SocketAddr) -> String {
        let id = self.id.as_str();
        let mut variables = vec![
            ("HOME", self.home().display().to_string()),
            ("PATH", format!("{}:{PLAIN_PATH}", self.bin().display())),
            (MARK, id.to_owned()),
            ("AWS_ENDPOINT_URL", format!("http://{endpoint}")),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{endpoint}/_imds/{id}")),
        ];
        // A region is what its caller wrote, and this is a file of commands.
        let region = &host.place.region;
        if !region.is_empty() && region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            variables.push(("AWS_REGION", region.clone()));
        }
        let quoted = variables.iter().map(|(name, value)| format!("\"{name}={value}\""));
        quoted.collect::<Vec<_>>().join(" ")
    }
}

fn new_key() -> ssh_key::Result<PrivateKey> {
    PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519)
}

/// The line of the instance's key. One that is not a key, or that brings options with it, is left out.
fn authorized_keys(host: &ec2::Host) -> String {
    let key = host.authorized_key.as_deref().and_then(|key| PublicKey::from_openssh(key.trim()).ok());
    key.and_then(|mut key| {
        key.set_comment("");
        key.to_openssh().ok()
    })
    .map_or_else(String::new, |key| key + "\n")
}

/// What every login begins with. sshd starts it by the user's own shell, in his real home.
const ENTER: &str = r#"# Written by the sandbox at each boot.
cd "$HOME" || exit 1
unset OLDPWD MAIL
[ -n "${SSH_ORIGINAL_COMMAND+given}" ] || exec /bin/sh
set -- "$SSH_ORIGINAL_COMMAND"
unset SSH_ORIGINAL_COMMAND
exec /bin/sh -c "$1"
"#;

/// What waits for a new host waits for this.
const CLOUD_INIT: &str = r#"#!/bin/sh
# Written by the sandbox at each boot: a host that answers has booted.
case "$1" in
status) echo "status: done" ;;
*) echo "cloud-init: on a host of the sandbox there is only: cloud-init status [--wait]" >&2; exit 2 ;;
esac
"#;

/// Under its name the file is whole or as it was.
fn write(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    drop(std::fs::remove_file(&beside));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::call::Place;

    fn host(authorized_key: Option<&str>, region: &str) -> ec2::Host {
        ec2::Host {
            instance_id: "i-0123456789abcdef0".to_owned(),
            place: Place { account: "123456789012".to_owned(), region: region.to_owned() },
            user_data: Vec::new(),
            authorized_key: authorized_key.map(ToOwned::to_owned),
            role_arn: None,
        }
    }

    #[test]
    fn only_an_instance_id_becomes_a_folder() {
        for id in ["i-0123456789abcdef0", "i-01234567"] {
            assert!(InstanceId::new(id).is_some(), "{id}");
        }
        for id in [
            "",
            "i-",
            "i-0123456",
            "i-0123456789abcdef01",
            "i-0123456/",
            "i-../../../..",
            "I-01234567",
            "i-0123456G",
        ] {
            assert!(InstanceId::new(id).is_none(), "{id}");
        }
    }

    #[test]
    fn a_key_brings_neither_options_nor_further_lines() {
        let key = new_key().expect("a key").public_key().to_openssh().expect("text");
        assert_eq!(authorized_keys(&host(Some(&format!("{key} comment")), "")), format!("{key}\n"));
        for none in
            [format!("command=\"/bin/evil\" {key}"), format!("{key}\ncommand=\"x\" {key}"), "*".to_owned()]
        {
            let lines = authorized_keys(&host(Some(&none), ""));
            assert!(!lines.contains("command"), "{lines}");
        }
    }

    #[test]
    fn a_region_of_anything_adds_nothing_to_the_configuration() {
        let folder = Folder::of(Path::new("/hosts"), InstanceId::new("i-01234567").expect("an id"));
        let endpoint = "127.0.0.1:4566".parse().expect("an address");
        let of = |region| folder.environment(&host(None, region), endpoint);
        assert!(of("us-east-1").ends_with(" \"AWS_REGION=us-east-1\""));
        for region in ["", "x\"\nPermitEmptyPasswords yes", "a b"] {
            assert!(!of(region).contains("AWS_REGION"), "{region}");
        }
    }

    #[test]
    fn a_folder_that_sshd_cannot_be_told_is_refused() {
        assert!(can_be_written(Path::new("/home/a b/100%/#1/ü")).is_ok());
        for folder in ["/a\"b", "/a'b", "/a\\b", "/a\nb"] {
            assert!(can_be_written(Path::new(folder)).is_err(), "{folder}");
        }
    }
}
