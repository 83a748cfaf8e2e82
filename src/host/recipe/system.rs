//! Whether the host can run the streamer at all.

use std::sync::Arc;

use async_trait::async_trait;

use crate::host::facts::Facts;
use crate::host::task::{Checked, Task};
use crate::host::{Host, HostError};

pub(super) struct System {
    pub(super) facts: Arc<Facts>,
}

/// The program, its compressed form on the way, and a spool of an hour's posts.
const ROOM: u64 = 512 * 1024 * 1024;
/// AWS refuses requests whose time is five minutes off.
const CLOCK: u64 = 240;

fn hindrance(facts: &Facts) -> Option<String> {
    let ahead = facts.clock_ahead_s;
    if facts.home.is_empty() {
        return Some("whoever signs in has no home folder".to_owned());
    }
    if facts.disk_free < ROOM && facts.disk > 0 {
        let (free, needed) = (facts.disk_free / 1_000_000, ROOM / 1_000_000);
        return Some(format!(
            "its disk has {free} MB free, and {needed} MB are needed: clear it, or raise `instance_volume_gb`"
        ));
    }
    (ahead.unsigned_abs() > CLOCK).then(|| {
        let (by, way) = (ahead.unsigned_abs(), if ahead > 0 { "ahead" } else { "behind" });
        format!("its clock is {by} s {way}, and AWS refuses what is five minutes off: start chronyd there")
    })
}

#[async_trait]
impl Task for System {
    fn name(&self) -> &'static str {
        "system"
    }

    async fn check(&self, _host: &Host) -> Result<Checked, HostError> {
        let facts = &self.facts;
        if let Some(why) = hindrance(facts) {
            return Err(HostError::Command { what: "the system check".to_owned(), code: 1, said: why });
        }
        let gigabytes = |bytes: u64| format!("{}.{}", bytes / 1_000_000_000, bytes / 100_000_000 % 10);
        Ok(Checked::Good(format!(
            "{}, {}, {}, {} CPU, {} GB memory, {} GB free",
            facts.distribution,
            facts.architecture,
            facts.libc,
            facts.processors,
            gigabytes(facts.memory),
            gigabytes(facts.disk_free),
        )))
    }

    async fn apply(&self, _host: &Host) -> Result<String, HostError> {
        Ok(String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hinders_is_said_with_its_remedy() {
        let good = Facts {
            architecture: "x86_64".into(),
            distribution: "Amazon Linux 2023".into(),
            libc: "glibc 2.34".into(),
            kernel: "6.1".into(),
            processors: 2,
            memory: 1 << 30,
            memory_free: 1 << 29,
            disk: 8 << 30,
            disk_free: 6 << 30,
            load: 5,
            up_s: 60,
            clock_ahead_s: -2,
            home: "/home/ec2-user".into(),
            root: false,
            sudo: true,
            systemd: true,
            confined: false,
            packages: "dnf".into(),
            pip: false,
        };
        assert_eq!(hindrance(&good), None);
        let full = hindrance(&Facts { disk_free: 1 << 20, ..good.clone() }).expect("too little room");
        assert!(full.contains("1 MB free") && full.contains("instance_volume_gb"), "{full}");
        let skewed = hindrance(&Facts { clock_ahead_s: -900, ..good }).expect("too far off");
        assert!(skewed.contains("900 s behind"), "{skewed}");
    }
}
