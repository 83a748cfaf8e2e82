//! The settings that the streamer on the host runs with: those that were given here, without what is about this
//! machine and without secrets.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::short;
use crate::host::task::{Checked, Task};
use crate::host::upload::{self, Upload, checksum};
use crate::host::{Host, HostError};
use crate::settings::{Origin, Settings};

pub(super) struct TheSettings {
    pub(super) path: String,
    pub(super) content: String,
}

/// What is about this machine or the way to the host, and what is secret: credentials go their own way, and the host
/// has a role of its own at AWS.
const NOT_THERE: [&str; 13] = [
    "theme",
    "ascii",
    "profile",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "x_api_key",
    "x_api_key_secret",
    "x_access_token",
    "x_access_token_secret",
    "ssh_from",
    "ssh_from_service",
    "region",
];

/// The host's `hydrant.toml`. The region is the one that was found, whoever said it.
pub fn settings_for_host(settings: &Settings, region: &str) -> String {
    let mut text =
        String::from("# Written by `hydrant host provision`: what is changed here is changed back.\n");
    writeln!(text, "region = {region:?}").expect("a String takes every text");
    let default = Origin::Default.to_string();
    for row in settings.rows() {
        let is_about_us = NOT_THERE.contains(&row.key) || row.key.starts_with("host_");
        let (Some(value), false, false) = (row.value, row.origin == default, is_about_us) else { continue };
        let quoted = toml::Value::String(value).to_string();
        writeln!(text, "{} = {quoted}", row.key).expect("a String takes every text");
    }
    text
}

#[async_trait]
impl Task for TheSettings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        let here = checksum(self.content.as_bytes());
        Ok(match upload::checksum_there(host, &self.path).await? {
            Some(there) if there == here => Checked::Good(short(&self.path)),
            Some(_) => Checked::Needed(format!("replace {}, which differs", short(&self.path))),
            None => Checked::Needed(format!("write {}", short(&self.path))),
        })
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let upload = Upload {
            what: "writing the settings",
            path: &self.path,
            mode: "644",
            proof: None,
            limit: Duration::from_mins(1),
        };
        let content: Arc<[u8]> = self.content.as_bytes().into();
        upload::put(host, &upload, content, false, &checksum(self.content.as_bytes())).await?;
        Ok(self.content.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Sources;

    #[test]
    fn what_was_given_goes_along_and_secrets_do_not() {
        let flags = [
            ("bucket", "my-lake"),
            ("delivery_stream", "mine"),
            ("buffer_mb", "7"),
            ("x_api_key", "hunter2"),
            ("aws_secret_access_key", "hunter3"),
            ("host_address", "127.0.0.1:22"),
            ("theme", "light"),
        ];
        let flags = flags.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let settings = Settings::load(&Sources { flags, ..Sources::default() }).expect("good settings");
        let text = settings_for_host(&settings, "us-east-1");
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert_eq!(
            lines,
            [
                "region = \"us-east-1\"",
                "bucket = \"my-lake\"",
                "delivery_stream = \"mine\"",
                "buffer_mb = \"7\""
            ]
        );
        // It is read back as it was written.
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("hydrant.toml"), &text).expect("written");
        let sources = Sources { working_folder: folder.path().to_owned(), ..Sources::default() };
        assert_eq!(Settings::load(&sources).expect("good settings").buffer_mb.get(), 7);
    }
}
