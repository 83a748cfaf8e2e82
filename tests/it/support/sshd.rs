//! A real sshd on a loopback port, with a home folder of its own, and a wire to it that can be slow, cut or dead.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A host. Whoever runs the tests signs in.
pub struct Sshd {
    pub folder: tempfile::TempDir,
    pub port: u16,
    pub user: String,
    child: Child,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn keygen(path: &Path) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
    assert!(made.expect("the tests need ssh-keygen: `apt-get install openssh-client`").success());
}

/// The settings of an sshd whose keys lie in a folder, and what it gives to whoever signs in.
fn config(port: u16, keys: &Path, given: &[(&str, &str)]) -> String {
    let given = given.iter().map(|(name, value)| format!("\"{name}={value}\""));
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM no\n\
         StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nSetEnv {}\n\
         AllowStreamLocalForwarding yes\nForceCommand cd \"$HOME\" && exec /bin/sh -c \"${{SSH_ORIGINAL_COMMAND:-exec /bin/sh -i}}\"\n",
        keys.join("host_key").display(),
        keys.join("authorized_keys").display(),
        given.collect::<Vec<_>>().join(" "),
    )
}

const PATH: (&str, &str) = ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

/// Where sshd is; it wants to be called by its whole path.
pub(super) fn sshd() -> &'static str {
    let known = ["/usr/sbin/sshd", "/usr/local/sbin/sshd", "/sbin/sshd"];
    let found = known.into_iter().find(|program| Path::new(program).is_file());
    found.expect("the tests need sshd: `apt-get install openssh-server`")
}

impl Sshd {
    pub async fn start(home: Option<&Path>, variables: &[(&str, &str)]) -> Self {
        let keys = tempfile::tempdir().expect("a temporary folder");
        let path = |name: &str| keys.path().join(name);
        let home = home.map_or_else(|| path("home"), Path::to_path_buf);
        std::fs::create_dir_all(&home).expect("made");
        let port = free_port().await;
        let given = [&[("HOME", home.to_str().expect("text"))], variables].concat();
        let config = Self::make(keys.path(), keys.path(), port, &given);
        std::fs::write(path("sshd_config"), config).expect("written");
        drop(std::fs::create_dir("/run/sshd"));
        let log = std::fs::File::create(path("log")).expect("made");
        let child = Command::new(sshd())
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("sshd starts");
        Self::of(keys, port, child).await
    }

    /// Makes the keys of a host and of its user, and gives the settings of the sshd that will find them in another
    /// folder than they are made in.
    pub(super) fn make(keys: &Path, found_in: &Path, port: u16, variables: &[(&str, &str)]) -> String {
        keygen(&keys.join("host_key"));
        keygen(&keys.join("key"));
        std::fs::copy(keys.join("key.pub"), keys.join("authorized_keys")).expect("copied");
        config(port, found_in, &[&[PATH], variables].concat())
    }

    /// The host of these keys, as soon as it answers. The process is what it ends with.
    pub(super) async fn of(folder: tempfile::TempDir, port: u16, child: Child) -> Self {
        let id = Command::new("id").arg("-un").output().expect("there is `id`");
        let user = String::from_utf8_lossy(&id.stdout).trim().to_owned();
        let mut sshd = Self { folder, port, user, child };
        let public = std::fs::read_to_string(sshd.path("host_key.pub")).expect("a key");
        sshd.trust(sshd.port, &public);
        sshd.answers().await;
        sshd
    }

    async fn answers(&mut self) {
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                return;
            }
            let ended = self.child.try_wait().expect("it is ours");
            let log = || std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(ended.is_none(), "sshd ends: {}", log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("sshd does not answer");
    }

    /// Ends it with all that it runs, and has another process serve in its place.
    pub(super) async fn again(&mut self, start: impl FnOnce(&Self) -> Child) {
        drop(self.child.kill());
        drop(self.child.wait());
        self.child = start(self);
        self.answers().await;
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    /// From now on this key is the host's, behind that port.
    pub fn trust(&self, port: u16, public: &str) {
        let key: Vec<&str> = public.split_whitespace().take(2).collect();
        let line = format!("[127.0.0.1]:{port} {}\n", key.join(" "));
        std::fs::write(self.path("known_hosts"), line).expect("written");
    }

    /// The host as a wire leads to it.
    pub fn through(&self, wire: &Wire) {
        let public = std::fs::read_to_string(self.path("host_key.pub")).expect("a key");
        self.trust(wire.port, &public);
    }

    /// The settings by which hydrant reaches it at a port.
    pub fn settings(&self, port: u16) -> Vec<(String, String)> {
        let text = |name: &str| self.path(name).display().to_string();
        [
            ("host_address", format!("127.0.0.1:{port}")),
            ("host_user", self.user.clone()),
            ("host_key_file", text("key")),
            ("host_known_hosts", text("known_hosts")),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

pub async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// A wire to a port. What goes to the host can be delayed, cut after so many bytes, or stopped.
pub struct Wire {
    pub port: u16,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Milliseconds that each piece takes.
    delay: AtomicU64,
    /// Bytes until it is cut, once; negative is never.
    cut_after: AtomicI64,
    dead: AtomicBool,
    connections: AtomicU64,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Wire {
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::new(State { cut_after: AtomicI64::new(-1), ..State::default() });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { continue };
                shared.connections.fetch_add(1, Ordering::Relaxed);
                let (near_in, near_out) = near.into_split();
                let (far_in, far_out) = far.into_split();
                let (up, down) = (Arc::clone(&shared), Arc::clone(&shared));
                tokio::spawn(async move {
                    // When one direction ends, so does the other: that is what a cut is.
                    tokio::select! {
                        () = pump(near_in, far_out, &up, true) => {}
                        () = pump(far_in, near_out, &down, false) => {}
                    }
                });
            }
        });
        Self { port, state, task }
    }

    pub fn delay(&self, time: Duration) {
        self.state.delay.store(u64::try_from(time.as_millis()).expect("short"), Ordering::Relaxed);
    }

    pub fn cut_after(&self, bytes: i64) {
        self.state.cut_after.store(bytes, Ordering::Relaxed);
    }

    /// Cuts every connection that has anything more to send, once.
    pub fn cut(&self) {
        self.cut_after(0);
    }

    pub fn was_cut(&self) -> bool {
        self.state.cut_after.load(Ordering::Relaxed) < 0
    }

    pub fn dead(&self, dead: bool) {
        self.state.dead.store(dead, Ordering::Relaxed);
    }

    pub fn connections(&self) -> u64 {
        self.state.connections.load(Ordering::Relaxed)
    }
}

async fn pump(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    state: &State,
    up: bool,
) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        tokio::time::sleep(Duration::from_millis(state.delay.load(Ordering::Relaxed))).await;
        while state.dead.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = state.cut_after.load(Ordering::Relaxed);
        if up && left >= 0 {
            let left = left - i64::try_from(read).expect("small");
            state.cut_after.store(left.max(-1), Ordering::Relaxed);
            if left < 0 {
                return;
            }
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
