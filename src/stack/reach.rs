//! How the stack's own instance is reached: its address, the operator's key, and the name its host key is known under.

use std::path::PathBuf;

use super::graph::Kind;
use super::plan::Life;
use super::{Stack, StackError, resource};

/// What ssh has to know about the stack's instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// The instance's id.
    pub instance: String,
    /// Its public address; `None` until it has one.
    pub address: Option<String>,
    /// Whether it runs, as far as EC2 knows; that its ssh answers is another matter.
    pub runs: bool,
    /// The private key that signs the operator in.
    pub key_file: PathBuf,
    /// The file of host keys that are trusted.
    pub known_hosts: PathBuf,
    /// The name in that file: the address may be another host's tomorrow.
    pub alias: String,
}

impl Stack {
    /// How its instance is reached; `None` if there is none.
    pub async fn reach(&self) -> Result<Option<Reach>, StackError> {
        let Some(found) = resource::of(Kind::Instance).read(self).await? else { return Ok(None) };
        if found.life == Life::Deleting {
            return Ok(None);
        }
        let folder = self.keys.folder();
        Ok(Some(Reach {
            alias: super::keys::Keys::host_alias(&found.id),
            address: found.detail.strip_prefix("at ").map(ToOwned::to_owned),
            runs: found.life == Life::Ready
                && found.properties.get("power").is_none_or(|power| power == "on"),
            key_file: folder.join("id_ed25519"),
            known_hosts: folder.join("known_hosts"),
            instance: found.id,
        }))
    }
}
