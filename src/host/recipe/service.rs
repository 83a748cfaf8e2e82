//! How the streamer is kept running: a systemd unit where systemd runs. Elsewhere (containers, the sandbox) the service
//! detaches by itself when it is started, with the same promises but that of coming back after a reboot.

use std::sync::Arc;

use async_trait::async_trait;

use super::UNIT;
use crate::host::facts::Facts;
use crate::host::output::{Order, word};
use crate::host::task::{Checked, Task};
use crate::host::upload::checksum;
use crate::host::{Host, HostError};

/// The unit, with places for what differs between hosts.
const TEMPLATE: &str = include_str!("../../../assets/hydrant-stream.service");

pub(super) struct Service {
    pub(super) facts: Arc<Facts>,
    pub(super) folder: String,
}

fn unit(user: &str, home: &str, folder: &str) -> String {
    // systemd takes `%` for its own.
    let plain = |text: &str| text.replace('%', "%%");
    TEMPLATE.replace("{user}", user).replace("{folder}", &plain(folder)).replace("{home}", &plain(home))
}

impl Service {
    fn unit(&self, host: &Host) -> String {
        unit(&host.way().user, &self.facts.home, &self.folder)
    }
}

#[async_trait]
impl Task for Service {
    fn name(&self) -> &'static str {
        "service"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["binary", "settings", "credentials"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        if !self.facts.systemd || self.facts.confined {
            let why = "there is no systemd to run it: `hydrant stream start --on host` detaches the service by itself";
            return Ok(Checked::NotHere(why.to_owned()));
        }
        let what = "looking at the unit";
        let script = format!(
            "sha256sum < /etc/systemd/system/{UNIT} 2>/dev/null | cut -d' ' -f1; systemctl is-enabled {UNIT} 2>/dev/null; true"
        );
        let said = host.run(&Order::new(what, script)).await?.good(what)?;
        let wanted = checksum(self.unit(host).as_bytes());
        Ok(if said.contains(&wanted) && said.lines().any(|line| line == "enabled") {
            Checked::Good(format!("{UNIT} is installed and enabled"))
        } else {
            Checked::Needed(format!("install {UNIT} and enable it"))
        })
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let what = "installing the unit";
        if let Some(why) = self.facts.why_not_root() {
            return Err(HostError::Command { what: what.to_owned(), code: 1, said: why.to_owned() });
        }
        let root = self.facts.as_root();
        let script = format!(
            "set -e; new=$(mktemp); trap 'rm -f \"$new\"' EXIT; cat > \"$new\"\n\
             {root}install -m 644 \"$new\" /etc/systemd/system/{UNIT}\n\
             {root}systemctl daemon-reload\n\
             {root}systemctl enable {UNIT}\n"
        );
        let order = Order::new(what, script).reading(self.unit(host).into_bytes());
        host.run(&order).await?.good(what)
    }
}

/// hydrant's own log on the host is a file a day, seven of them kept, wherever it runs. What a start without systemd
/// writes beside it is bounded by logrotate, where there is one.
pub(super) struct Logs {
    pub(super) facts: Arc<Facts>,
    pub(super) folder: String,
}

const ROTATION: &str = "/etc/logrotate.d/hydrant";

impl Logs {
    fn rotation(&self, host: &Host) -> String {
        format!(
            "# Written by `hydrant host provision`: what is changed here is changed back.\n\
             \"{}\"/*.log {{\n    su {user} {user}\n    weekly\n    rotate 4\n    maxsize 20M\n    compress\n    copytruncate\n    missingok\n    notifempty\n}}\n",
            self.folder,
            user = host.way().user,
        )
    }
}

#[async_trait]
impl Task for Logs {
    fn name(&self) -> &'static str {
        "logs"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["system"]
    }

    async fn check(&self, host: &Host) -> Result<Checked, HostError> {
        let what = "looking for logrotate";
        let script =
            format!("[ -d /etc/logrotate.d ] && echo yes; sha256sum < {} 2>/dev/null; true", word(ROTATION));
        let said = host.run(&Order::new(what, script)).await?.good(what)?;
        if !said.starts_with("yes") || self.facts.why_not_root().is_some() {
            let why = "hydrant keeps seven days of its own log; logrotate is not there, or not ours to set";
            return Ok(Checked::NotHere(why.to_owned()));
        }
        if said.contains(&checksum(self.rotation(host).as_bytes())) {
            return Ok(Checked::Good(ROTATION.to_owned()));
        }
        Ok(Checked::Needed(format!("write {ROTATION}")))
    }

    async fn apply(&self, host: &Host) -> Result<String, HostError> {
        let what = "writing the rotation of logs";
        let root = self.facts.as_root();
        let script = format!(
            "set -e; new=$(mktemp); trap 'rm -f \"$new\"' EXIT; cat > \"$new\"; {root}install -m 644 \"$new\" {ROTATION}"
        );
        let order = Order::new(what, script).reading(self.rotation(host).into_bytes());
        host.run(&order).await?.good(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_runs_the_service_of_that_user_and_keeps_its_bounds() {
        let unit = unit("ec2-user", "/home/100%", "/home/100%/hydrant");
        for line in [
            "User=ec2-user",
            "WorkingDirectory=/home/100%%/hydrant",
            "ReadWritePaths=/home/100%%",
            "KillSignal=SIGTERM",
            "TimeoutStopSec=120",
            "Restart=on-failure",
            "NoNewPrivileges=yes",
        ] {
            assert!(unit.lines().any(|other| other == line), "{line}\n{unit}");
        }
        assert!(!unit.contains('{'), "every place is filled in");
    }
}
