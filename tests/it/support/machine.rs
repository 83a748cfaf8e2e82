//! A machine of its own over this one's files: systemd is its first process, sshd a service of it, and whatever is
//! changed there goes with it. For what a confined login must leave alone: packages, units, a power cut.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::sshd::{Sshd, free_port, sshd};

pub struct Machine {
    pub sshd: Sshd,
    // After the processes that use it.
    disk: Disk,
}

/// What the machine writes, and the group that its processes are in.
struct Disk(tempfile::TempDir);

const SYSTEMD: &str = "/lib/systemd/systemd";
/// Where the machine's sshd finds its keys.
const KEYS: &str = "/etc/trial-ssh";

/// In namespaces of its own: puts the machine's root together below `$1` and runs there what follows.
///
/// The kernel is shared and stays as it is: its settings can be read only, the devices are the harmless ones, and the
/// control groups are those below the machine's own. Its user's home is empty. At the first boot the services that this machine has enabled are
/// taken out.
const BOOT: &str = r#"
set -e
disk=$1; shift
root=$disk/root
mount -t overlay -o "lowerdir=/,upperdir=$disk/written,workdir=$disk/work" overlay "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount --bind "$disk/home" "$root$(eval echo ~)"
for folder in run tmp dev; do mount -t tmpfs tmpfs "$root/$folder"; done
chmod 1777 "$root/tmp"
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
for device in null zero full random urandom tty; do
  touch "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
if [ ! -e "$disk/booted" ]; then
  rm -f "$root"/etc/systemd/system/*.wants/*
  for unit in getty.target systemd-logind.service dbus.service dbus.socket systemd-update-utmp-runlevel.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
  ln -s ../trial-ssh.service "$root/etc/systemd/system/multi-user.target.wants/trial-ssh.service"
  touch "$disk/booted"
fi
exec env -i container=trial PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"
"#;

impl Disk {
    /// `None` where the kernel, or who runs the tests, does not allow what a machine needs.
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2g", "tmpfs"]).arg(folder.path()).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then_some(())?;
        let disk = Self(folder);
        for name in ["written", "work", "root", "home", "groups"] {
            std::fs::create_dir(disk.path(name)).expect("made");
        }
        let mut groups = Command::new("mount");
        groups.args(["-t", "cgroup2", "cgroup2"]).arg(disk.path("groups"));
        groups.status().is_ok_and(|status| status.success()).then_some(())?;
        std::fs::create_dir(disk.group()).ok()?;
        let tried = disk.run(&["true"]).stderr(Stdio::null()).status();
        std::fs::remove_file(disk.path("booted")).ok()?;
        tried.is_ok_and(|status| status.success()).then_some(disk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file that the machine will have.
    fn write(&self, path: &str, content: &[u8]) {
        let path = self.path("written").join(path.trim_start_matches('/'));
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, content).expect("written");
        if path.ends_with("host_key") {
            // sshd takes no key that others can read.
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
    }

    fn group(&self) -> PathBuf {
        self.path("groups").join(format!("hydrant-{}", self.0.path().file_name().expect("a name").display()))
    }

    /// A program in the machine, whose first process it is; all of them end with the one that is started here.
    fn run(&self, program: &[&str]) -> Command {
        let enter = "echo $$ > \"$1/cgroup.procs\" && shift && exec unshare --mount --pid --fork --kill-child \
                     --cgroup --ipc --uts --propagation private sh -c \"$@\"";
        let mut command = Command::new("sh");
        command.args(["-c", enter, "sh"]).arg(self.group()).args([BOOT, "boot"]).arg(self.0.path());
        command.args(program).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let mut groups = Command::new("find");
        groups.arg(self.group()).args(["-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
        drop(groups.stderr(Stdio::null()).status());
        for mounted in [self.path("groups"), self.0.path().to_owned()] {
            drop(Command::new("umount").arg("--lazy").arg(mounted).stderr(Stdio::null()).status());
        }
    }
}

impl Machine {
    /// Boots one that has these files more, where one can be had; else says that it cannot.
    pub async fn boot(files: &[(&str, &[u8])], variables: &[(&str, &str)]) -> Option<Self> {
        let disk = Path::new(SYSTEMD).is_file().then(Disk::new).flatten();
        let Some(disk) = disk else {
            eprintln!("skipped: no machine with a systemd of its own can be had here");
            return None;
        };
        let keys = tempfile::tempdir().expect("a temporary folder");
        let port = free_port().await;
        let config = Sshd::make(keys.path(), Path::new(KEYS), port, variables);
        let unit =
            format!("[Service]\nRuntimeDirectory=sshd\nExecStart={} -D -e -f {KEYS}/sshd_config\n", sshd());
        disk.write("/etc/systemd/system/trial-ssh.service", unit.as_bytes());
        disk.write(&format!("{KEYS}/sshd_config"), config.as_bytes());
        for key in ["host_key", "authorized_keys"] {
            let content = std::fs::read(keys.path().join(key)).expect("a key");
            disk.write(&format!("{KEYS}/{key}"), &content);
        }
        for (path, content) in files {
            disk.write(path, content);
        }
        let child = start(&disk, keys.path());
        Some(Self { sshd: Sshd::of(keys, port, child).await, disk })
    }

    /// The power is cut, and comes back.
    pub async fn power_cut(&mut self) {
        let disk = &self.disk;
        self.sshd.again(|sshd| start(disk, sshd.folder.path())).await;
    }
}

fn start(disk: &Disk, keys: &Path) -> Child {
    let log = std::fs::File::options().create(true).append(true).open(keys.join("log")).expect("made");
    let mut command = disk.run(&[SYSTEMD, "--system", "--unit=multi-user.target", "--show-status=no"]);
    command.stderr(log).spawn().expect("a machine starts")
}
