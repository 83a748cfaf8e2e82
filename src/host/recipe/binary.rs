//! The program itself, put there when it is another than here.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;

use super::short;
use crate::host::task::{Checked, Task};
use crate::host::upload::{self, Upload};
use crate::host::{Host, HostError};

pub(super) struct Binary {
    here: PathBuf,
    there: String,
}

/// Some fifty megabytes over a slow link.
const LIMIT: Duration = Duration::from_mins(15);

impl Binary {
    pub(super) fn new(here: PathBuf, folder: &str) -> Self {
        Self { here, there: format!("{folder}/bin/hydrant") }
    }
}

#[async_trait]
impl Task for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        let there = short(&self.there);
        let old = upload::checksum_there(host, &self.there).await?;
        let (here, bytes) = upload::checksum_here(&self.here).await?;
        let size = bytes / 1_000_000;
        Ok(match old {
            Some(old) if old == here => Checked::Good(format!("{there} is the one that is here")),
            Some(_) => Checked::Needed(format!("replace {there} ({size} MB, sent compressed)")),
            None => Checked::Needed(format!("put {there} there ({size} MB, sent compressed)")),
        })
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let (packed, checksum) = upload::compress(&self.here).await?;
        let upload = Upload {
            what: "sending the program",
            path: &self.there,
            mode: "755",
            // A program for another machine, or for a newer C library, is found out before it takes the old one's place.
            proof: Some(
                "said=$(\"$1\" --version 2>&1) || { echo \"this program does not run there ($said): give one that does with --host-binary, or as host_binary in hydrant.toml\" >&2; exit 1; }",
            ),
            limit: LIMIT,
        };
        upload::put(host, &upload, packed, true, &checksum).await?;
        Ok(format!("sha256 {checksum}"))
    }
}
