//! Packages that the user wants on the host beside hydrant, which needs none.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::host::facts::Facts;
use crate::host::output::{Order, word};
use crate::host::task::{Checked, Task};
use crate::host::{Host, HostError};

/// Packages of the system.
pub(super) struct Packages {
    pub(super) facts: Arc<Facts>,
    pub(super) wanted: Vec<String>,
}

/// Packages of Python.
pub(super) struct Python {
    pub(super) wanted: Vec<String>,
}

const LIMIT: Duration = Duration::from_mins(10);

fn refuse(what: &str, why: impl Into<String>) -> HostError {
    HostError::Command { what: what.to_owned(), code: 1, said: why.into() }
}

/// The lines of an output, as a list.
fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(crate::text::sanitise).collect()
}

fn words(names: &[String]) -> String {
    names.iter().map(|name| word(name)).collect::<Vec<_>>().join(" ")
}

impl Packages {
    /// Those that are not there.
    async fn missing(&self, host: &Host) -> Result<Vec<String>, HostError> {
        let what = "looking for packages";
        let is_there = if self.facts.packages == "apt-get" {
            "dpkg-query -W -f='${Status}' \"$p\" 2>/dev/null | grep -q 'install ok installed'"
        } else {
            "rpm -q --whatprovides \"$p\" >/dev/null 2>&1"
        };
        let script =
            format!("for p in {}; do {is_there} || printf '%s\\n' \"$p\"; done", words(&self.wanted));
        Ok(lines(&host.run(&Order::new(what, script)).await?.good(what)?))
    }
}

#[async_trait]
impl Task for Packages {
    fn name(&self) -> &'static str {
        "packages"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        if self.wanted.is_empty() {
            return Ok(Checked::NotHere("none are wanted (`host_packages`)".to_owned()));
        }
        if self.facts.packages.is_empty() {
            return Err(refuse("installing packages", "there is no dnf, yum or apt-get on the host"));
        }
        let missing = self.missing(host).await?;
        if missing.is_empty() {
            return Ok(Checked::Good(self.wanted.join(" ")));
        }
        Ok(Checked::Needed(format!("install {} by {}", missing.join(" "), self.facts.packages)))
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let what = "installing packages";
        if let Some(why) = self.facts.why_not_root() {
            return Err(refuse(what, why));
        }
        let (root, tool) = (self.facts.as_root(), &self.facts.packages);
        let names = words(&self.missing(host).await?);
        let script = if tool == "apt-get" {
            format!(
                "export DEBIAN_FRONTEND=noninteractive; {root}apt-get -q update && {root}apt-get -q -y --no-install-recommends install {names}"
            )
        } else {
            format!("{root}{tool} -q -y install {names}")
        };
        host.run(&Order::new(what, script).within(LIMIT)).await?.good(what)
    }
}

impl Python {
    async fn missing(&self, host: &Host) -> Result<Vec<String>, HostError> {
        let what = "looking for Python packages";
        // A requirement such as `boto3>=1.34` is looked for by its name.
        let script = format!(
            "for p in {}; do python3 -m pip -q show \"${{p%%[!A-Za-z0-9._-]*}}\" >/dev/null 2>&1 || printf '%s\\n' \"$p\"; done",
            words(&self.wanted)
        );
        let order = Order::new(what, script).within(LIMIT);
        Ok(lines(&host.run(&order).await?.good(what)?))
    }
}

#[async_trait]
impl Task for Python {
    fn name(&self) -> &'static str {
        "python"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["packages"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        if self.wanted.is_empty() {
            return Ok(Checked::NotHere("none are wanted (`host_python_packages`)".to_owned()));
        }
        let missing = self.missing(host).await?;
        if missing.is_empty() {
            return Ok(Checked::Good(self.wanted.join(" ")));
        }
        Ok(Checked::Needed(format!("install {} by pip", missing.join(" "))))
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let what = "installing Python packages";
        let names = words(&self.missing(host).await?);
        // Into the user's own folder, which the system's packages do not use: what Debian's pip refuses by itself. The
        // variable says so to a pip that asks, and nothing to an older one.
        let script = format!("PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip -q install --user {names}");
        let output = host.run(&Order::new(what, script).within(LIMIT)).await?;
        if output.err.contains("No module named pip") || output.code == 127 {
            let why = "there is no pip on the host: put python3-pip into `host_packages`";
            return Err(refuse(what, why));
        }
        output.good(what)
    }
}
