//! The ssh keys of a stack, made here and kept in its folder of the user's data folder.
//!
//! - `id_ed25519`: signs the operator in on the host. Its public half is imported into EC2; the private half never
//!   leaves this machine.
//! - `host_ed25519`: the host's own key, made before the host so that the first connection can already be strict.
//!   Its private half goes to the host in its user data and is removed here once the host is there.
//! - `known_hosts`: what ssh is told to trust, under an alias that holds the instance's id, so that an address that
//!   another instance inherits is not trusted with it.
//!
//! Every private half is 0600 from its first byte and whole or absent after a crash.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ssh_key::{Algorithm, LineEnding, PrivateKey, PublicKey};

use super::StackError;
use crate::settings::Folders;

/// The folder of a stack on this machine, and the keys in it.
#[derive(Debug)]
pub(super) struct Keys {
    folder: PathBuf,
}

impl Keys {
    pub(super) fn open(folder: PathBuf) -> Result<Self, StackError> {
        let keys = Self { folder };
        keys.operator()?;
        Ok(keys)
    }

    /// Where they are.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    fn operator_file(&self) -> PathBuf {
        self.folder.join("id_ed25519")
    }

    fn host_file(&self) -> PathBuf {
        self.folder.join("host_ed25519")
    }

    fn known_hosts_file(&self) -> PathBuf {
        self.folder.join("known_hosts")
    }

    /// The public half of the operator's key, if the key is on this machine.
    pub(super) fn operator(&self) -> Result<Option<PublicKey>, StackError> {
        Ok(read(&self.operator_file())?.map(|key| key.public_key().clone()))
    }

    /// The public half of the operator's key, made if there is none.
    pub(super) fn make_operator(&self, comment: &str) -> Result<PublicKey, StackError> {
        Ok(self.read_or_make(&self.operator_file(), comment)?.public_key().clone())
    }

    /// The host's own key, made if there is none.
    pub(super) fn make_host(&self, comment: &str) -> Result<PrivateKey, StackError> {
        self.read_or_make(&self.host_file(), comment)
    }

    /// The name under which a host's key is known.
    pub(super) fn host_alias(instance_id: &str) -> String {
        format!("hydrant-{instance_id}")
    }

    /// Trusts the key of this fingerprint for the instance that was given it, if the key is the one kept here, and
    /// forgets the key's private half.
    pub(super) fn trust_host(&self, instance_id: &str, given: &str) -> Result<(), StackError> {
        let Some(key) = read(&self.host_file())?.filter(|key| fingerprint(key.public_key()) == given) else {
            return Ok(());
        };
        let public = openssh(key.public_key(), &self.host_file())?;
        let line = format!("{} {public}\n", Self::host_alias(instance_id));
        let path = self.known_hosts_file();
        write_whole(&path, line.as_bytes()).map_err(StackError::file("write", &path))?;
        remove(&self.host_file())
    }

    fn read_or_make(&self, path: &Path, comment: &str) -> Result<PrivateKey, StackError> {
        if let Some(key) = read(path)? {
            return Ok(key);
        }
        let bad = |source| StackError::Key { path: path.to_owned(), source };
        let mut key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).map_err(bad)?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF).map_err(bad)?;
        Folders::make_private(&self.folder).map_err(StackError::file("make", &self.folder))?;
        write_whole(path, text.as_bytes()).map_err(StackError::file("write", path))?;
        Ok(key)
    }

    /// Removes every key, then what `others` removes, then the folder, if nothing else is in it.
    pub(super) fn remove_with(&self, others: impl FnOnce() -> std::io::Result<()>) -> Result<(), StackError> {
        for path in [self.operator_file(), self.host_file(), self.known_hosts_file()] {
            remove(&path)?;
        }
        others().map_err(StackError::file("remove", &self.folder))?;
        // A folder that something else is in stays; that is no failure of ours.
        drop(std::fs::remove_dir(&self.folder));
        Ok(())
    }
}

/// A public key as EC2 and `known_hosts` write it, without its comment.
pub(super) fn openssh(key: &PublicKey, path: &Path) -> Result<String, StackError> {
    let text = key.to_openssh().map_err(|source| StackError::Key { path: path.to_owned(), source })?;
    Ok(without_comment(&text))
}

/// What a key is told apart by, as `ssh-keygen -l` shows it.
pub(super) fn fingerprint(key: &PublicKey) -> String {
    key.fingerprint(ssh_key::HashAlg::Sha256).to_string()
}

/// The first two words of a public key's line: the algorithm and the key itself.
pub(super) fn without_comment(line: &str) -> String {
    line.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
}

fn read(path: &Path) -> Result<Option<PrivateKey>, StackError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StackError::file("read", path)(error)),
    };
    PrivateKey::from_openssh(text)
        .map(Some)
        .map_err(|source| StackError::Key { path: path.to_owned(), source })
}

/// Under its name the file is whole or not there: written beside it, synced, renamed, and the name synced too.
fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    drop(std::fs::remove_file(&beside));
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

fn remove(path: &Path) -> Result<(), StackError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StackError::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn keys_are_made_once_private_and_trusted_by_instance() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let keys = Keys::open(folder.path().join("stack")).expect("no keys yet");
        assert!(keys.operator().expect("readable").is_none());
        let made = keys.make_operator("c").expect("made");
        assert_eq!(keys.make_operator("c").expect("read"), made);
        let mode = |path: PathBuf| std::fs::metadata(path).expect("is there").permissions().mode() & 0o777;
        assert_eq!((mode(keys.operator_file()), mode(keys.folder.clone())), (0o600, 0o700));

        let host = keys.make_host("host").expect("made");
        keys.trust_host("i-2", "SHA256:of-another-key").expect("nothing to trust");
        assert!(!keys.known_hosts_file().exists(), "another operator's host is not trusted for ours");
        keys.trust_host("i-1", &fingerprint(host.public_key())).expect("trusted");
        keys.trust_host("i-1", &fingerprint(host.public_key())).expect("trusting again changes nothing");
        let known = std::fs::read_to_string(keys.known_hosts_file()).expect("is there");
        assert_eq!(
            known,
            format!("hydrant-i-1 {}\n", without_comment(&host.public_key().to_openssh().expect("text")))
        );
        assert!(!keys.host_file().exists(), "the host's private half is not kept");

        keys.remove_with(|| Ok(())).expect("removed");
        assert!(!keys.folder.exists());
    }

    #[test]
    fn a_key_that_is_none_is_said_and_not_overwritten() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("id_ed25519"), "precious").expect("written");
        assert!(matches!(Keys::open(folder.path().to_owned()), Err(StackError::Key { .. })));
        assert_eq!(std::fs::read_to_string(folder.path().join("id_ed25519")).expect("is there"), "precious");
    }
}
