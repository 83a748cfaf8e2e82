//! What an instance said while it booted: above all its host keys, by which a careful operator knows it.

use std::fmt::Write;

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;
use ssh_key::{HashAlg, PublicKey};

use super::dry_run;
use super::instances::{self, Instance};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::operation::Answer;
use crate::sandbox::wire::Flag;
use crate::sandbox::world::World;

/// How long after an instance is up its console can be read.
const LAG: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct GetConsoleOutput {
    instance_id: String,
    /// What there is, is always the latest.
    #[serde(rename = "Latest")]
    _latest: Option<Flag>,
    dry_run: Option<Flag>,
}

pub(super) fn get_console_output(world: &mut World, call: &Call, input: GetConsoleOutput) -> Answer {
    instances::settle(world, call.now);
    let instance = instances::find_one(world, &call.place, &input.instance_id)?;
    dry_run(input.dry_run)?;
    let up = instance.up_since(call.now);
    let is_there = up.is_some_and(|up| world.pace.after(up, LAG) <= call.now);
    let output = is_there.then(|| BASE64_STANDARD.encode(text(instance)));
    Ok(json!({ "instanceId": instance.id, "timestamp": iso(call.now), "output": output }).into())
}

fn text(instance: &Instance) -> String {
    let mut text = format!("Amazon Linux 2023\nlocalhost login: cloud-init: instance-id {}\n", instance.id);
    if let Some(key) = host_key(&instance.user_data_bytes()) {
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        let line = key.to_openssh().unwrap_or_default();
        write!(
            text,
            "ci-info: no authorized SSH keys fingerprints found for user root.\n\
             -----BEGIN SSH HOST KEY FINGERPRINTS-----\n\
             256 {fingerprint} root@localhost (ED25519)\n\
             -----END SSH HOST KEY FINGERPRINTS-----\n\
             -----BEGIN SSH HOST KEY KEYS-----\n\
             {line}\n\
             -----END SSH HOST KEY KEYS-----\n"
        )
        .expect("a String takes every text");
    }
    text + "Cloud-init finished.\n"
}

/// The public half of the ed25519 host key that cloud-init is given, if it is.
fn host_key(user_data: &[u8]) -> Option<PublicKey> {
    let text = std::str::from_utf8(user_data).ok()?;
    if !text.starts_with("#cloud-config") {
        return None;
    }
    let line = text.lines().find_map(|line| line.trim().strip_prefix("ed25519_public:"))?;
    PublicKey::from_openssh(line.trim().trim_matches(['"', '\''])).ok()
}
