//! What the host is: its system, its room, its clock, and what it can do. One script reads all of it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::output::Order;
use super::{Host, HostError};

/// The facts.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and none excludes another")]
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Facts {
    /// As `uname -m` says it: `x86_64`, `aarch64`.
    pub architecture: String,
    /// As the distribution names itself.
    pub distribution: String,
    /// The C library: `glibc 2.34`, `musl`.
    pub libc: String,
    /// The kernel.
    pub kernel: String,
    /// Processors.
    pub processors: u32,
    /// Memory in bytes, all of it and what is free for use.
    pub memory: u64,
    /// What of it is free for use.
    pub memory_free: u64,
    /// The disk of the home folder in bytes.
    pub disk: u64,
    /// What of it is free.
    pub disk_free: u64,
    /// The load of the last minute, in hundredths.
    pub load: u32,
    /// Seconds since it booted.
    pub up_s: u64,
    /// How far its clock is ahead of this machine's, in seconds.
    pub clock_ahead_s: i64,
    /// The home folder of whoever signs in.
    pub home: String,
    /// Whether whoever signs in is root.
    pub root: bool,
    /// Whether `sudo` works without a password.
    pub sudo: bool,
    /// Whether systemd runs the host.
    pub systemd: bool,
    /// Whether whoever signs in was given another home than is his: the login is confined to it, and the system around
    /// it is somebody else's. Nothing is changed there then.
    pub confined: bool,
    /// `dnf`, `yum`, `apt-get`, or nothing that is known.
    pub packages: String,
    /// Whether Python is there with pip.
    pub pip: bool,
}

/// Prints `name=value` lines. Everything in it is POSIX or tolerates its absence.
const SCRIPT: &str = r#"
say() { printf '%s=%s\n' "$1" "$2"; }
say architecture "$(uname -m)"
say distribution "$(. /etc/os-release 2>/dev/null; echo "${PRETTY_NAME:-unknown}")"
libc=$(getconf GNU_LIBC_VERSION 2>/dev/null) || libc=$(ldd --version 2>&1 | grep -o musl | head -n 1)
say libc "${libc:-unknown}"
say kernel "$(uname -r)"
say processors "$(getconf _NPROCESSORS_ONLN 2>/dev/null)"
say memory "$(awk '$1=="MemTotal:"{print $2}' /proc/meminfo 2>/dev/null)"
say memory_free "$(awk '$1=="MemAvailable:"{print $2}' /proc/meminfo 2>/dev/null)"
df -Pk "$HOME" | awk 'NR==2{print "disk=" $2; print "disk_free=" $4}'
say load "$(cut -d' ' -f1 /proc/loadavg 2>/dev/null)"
say up "$(cut -d' ' -f1 /proc/uptime 2>/dev/null)"
say home "$HOME"
say root "$(id -u)"
[ "$(eval echo "~$(id -un)")" = "$HOME" ] || say confined yes
sudo -n true >/dev/null 2>&1 && say sudo yes
[ -d /run/systemd/system ] && say systemd yes
for tool in dnf yum apt-get; do command -v $tool >/dev/null 2>&1 && say packages $tool && break; done
python3 -m pip --version >/dev/null 2>&1 && say pip yes
say time "$(date +%s)"
"#;

impl Facts {
    /// Reads them.
    pub async fn read(host: &Host) -> Result<Self, HostError> {
        let what = "reading the facts of the host";
        let order = Order::new(what, SCRIPT).within(Duration::from_mins(1));
        let output = host.run(&order).await?.good(what)?;
        // The time is the last thing that it says, so that what came before does not count as a clock that is off.
        Ok(Self::parse(&output, Timestamp::now()))
    }

    fn parse(text: &str, now: Timestamp) -> Self {
        let said: BTreeMap<&str, &str> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let text = |name: &str| crate::text::sanitise(said.get(name).copied().unwrap_or_default().trim());
        let number =
            |name: &str| text(name).split('.').next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let is = |name: &str| said.get(name) == Some(&"yes");
        let load = text("load");
        let (whole, hundredths) = load.split_once('.').unwrap_or((&load, "0"));
        let time = text("time").parse::<i64>().ok();
        Self {
            architecture: text("architecture"),
            distribution: text("distribution"),
            libc: text("libc"),
            kernel: text("kernel"),
            processors: number("processors").try_into().unwrap_or(0),
            memory: number("memory").saturating_mul(1024),
            memory_free: number("memory_free").saturating_mul(1024),
            disk: number("disk").saturating_mul(1024),
            disk_free: number("disk_free").saturating_mul(1024),
            load: whole
                .parse::<u32>()
                .unwrap_or(0)
                .saturating_mul(100)
                .saturating_add(hundredths.parse().unwrap_or(0)),
            up_s: number("up"),
            clock_ahead_s: time.map_or(0, |time| time.saturating_sub(now.as_second())),
            home: said.get("home").copied().unwrap_or_default().to_owned(),
            root: text("root") == "0",
            sudo: is("sudo"),
            systemd: is("systemd"),
            confined: is("confined"),
            packages: text("packages"),
            pip: is("pip"),
        }
    }

    /// Why what needs root cannot be done; `None` if it can.
    pub fn why_not_root(&self) -> Option<&'static str> {
        match (self.confined, self.root || self.sudo) {
            (true, _) => {
                Some("the login is confined to a home of its own, and the system around it is not ours")
            }
            (false, true) => None,
            (false, false) => Some("it needs root, and sudo asks for a password there"),
        }
    }

    /// What goes before a command that needs root.
    pub fn as_root(&self) -> &'static str {
        if self.root { "" } else { "sudo -n " }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_read_whatever_is_missing() {
        let now = Timestamp::from_second(1_000).expect("in range");
        let facts = Facts::parse(
            "architecture=aarch64\ndistribution=Amazon Linux 2023\nlibc=glibc 2.34\nmemory=1000\nload=0.07\n\
             up=12.34\nhome=/home/a=b\nroot=1000\nsudo=yes\ntime=1003\nnoise\n",
            now,
        );
        assert_eq!(facts.architecture, "aarch64");
        assert_eq!((facts.memory, facts.load, facts.up_s, facts.clock_ahead_s), (1_024_000, 7, 12, 3));
        assert_eq!(facts.home, "/home/a=b");
        assert!(
            facts.why_not_root().is_none() && !facts.root && !facts.systemd && facts.as_root() == "sudo -n "
        );
        let nothing = Facts::parse("", now);
        assert_eq!((nothing.disk_free, nothing.clock_ahead_s, nothing.pip), (0, 0, false));
    }

    #[test]
    fn the_script_runs_here_and_says_everything() {
        let output = std::process::Command::new("sh").arg("-c").arg(SCRIPT).output().expect("a shell");
        let facts = Facts::parse(&String::from_utf8_lossy(&output.stdout), Timestamp::now());
        assert_eq!(facts.architecture, std::env::consts::ARCH);
        assert!(facts.memory > 0 && facts.disk > 0 && facts.processors > 0, "{facts:?}");
        assert!(facts.clock_ahead_s.abs() <= 2, "{facts:?}");
    }
}
