//! X's keys on the host: in a `.env` that only its owner reads, in the folder where the service runs.
//!
//! They are sent by standard input and compared by a checksum that the host says, so that they are on no command
//! line, in no other process's environment, and in no log. AWS's keys are never sent: the host has a role of its own.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};

use super::short;
use crate::host::output::{Order, word};
use crate::host::task::{Checked, Task};
use crate::host::upload::{self, Upload, checksum};
use crate::host::{Host, HostError};
use crate::settings::Settings;

pub(super) struct Credentials {
    pub(super) path: String,
    pub(super) content: Option<SecretString>,
}

/// The file for these settings; `None` if no key is set.
pub fn credentials_file(settings: &Settings) -> Option<SecretString> {
    let keys = [
        ("HYDRANT_X_API_KEY", settings.x_api_key.as_ref()),
        ("HYDRANT_X_API_KEY_SECRET", settings.x_api_key_secret.as_ref()),
        ("HYDRANT_X_ACCESS_TOKEN", settings.x_access_token.as_ref()),
        ("HYDRANT_X_ACCESS_TOKEN_SECRET", settings.x_access_token_secret.as_ref()),
    ];
    let mut text = String::new();
    for (name, key) in keys {
        let Some(key) = key.map(ExposeSecret::expose_secret).filter(|key| !key.is_empty()) else { continue };
        // Within single quotes everything means itself; no key of X has one in it.
        let plain: String = key.chars().filter(|c| *c != '\'' && !c.is_control()).collect();
        writeln!(text, "{name}='{plain}'").expect("a String takes every text");
    }
    (!text.is_empty()).then(|| text.into())
}

#[async_trait]
impl Task for Credentials {
    fn name(&self) -> &'static str {
        "credentials"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        let Some(content) = &self.content else {
            let none = "no X keys are set here; other sources need none";
            return Ok(Checked::NotHere(none.to_owned()));
        };
        let here = checksum(content.expose_secret().as_bytes());
        match upload::checksum_there(host, &self.path).await? {
            None => {
                Ok(Checked::Needed(format!("write X's keys to {} for its owner only", short(&self.path))))
            }
            Some(there) if there != here => {
                Ok(Checked::Needed(format!("replace {}, which holds other keys", short(&self.path))))
            }
            Some(_) => {
                let what = "looking at the permissions of X's keys";
                let script = format!("stat -c %a {}", word(&self.path));
                let mode = host.run(&Order::new(what, script)).await?.good(what)?;
                Ok(match mode.trim() {
                    "600" => Checked::Good(format!("{}, for its owner only", short(&self.path))),
                    mode => Checked::Needed(format!(
                        "close {}, which others can read ({mode})",
                        short(&self.path)
                    )),
                })
            }
        }
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let Some(content) = &self.content else { return Ok(String::new()) };
        let upload = Upload {
            what: "writing X's keys",
            path: &self.path,
            mode: "600",
            proof: None,
            limit: Duration::from_mins(1),
        };
        let bytes: Arc<[u8]> = content.expose_secret().as_bytes().into();
        let checksum = checksum(&bytes);
        upload::put(host, &upload, bytes, false, &checksum).await?;
        Ok(format!("{} for its owner only", short(&self.path)))
    }
}
