//! The hosts as their visitors see them: by the real `ssh` and `sftp`, where this machine has them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ssh_key::{Algorithm, LineEnding, PrivateKey};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;

use super::folder::{InstanceId, Surroundings};
use super::machines::Machines;
use super::sshd::Programs;
use super::{Host, Options, Seen, look_at, start_with};
use crate::sandbox::call::Place;
use crate::sandbox::clock::Pace;
use crate::sandbox::world::Shared;
use crate::sandbox::{ec2, ids};

const PATIENCE: Duration = Duration::from_secs(30);

/// A world that holds instances and nothing else, the door to them, and an operator with a key.
struct Site {
    seen: Arc<Mutex<Seen>>,
    host: Option<Host>,
    folder: tempfile::TempDir,
    key: PathBuf,
}

impl Site {
    /// With one instance that runs; none where there is no OpenSSH.
    async fn new() -> Option<(Self, String)> {
        let mut site = Self::without_instance()?;
        let id = site.run_instance();
        site.open(Duration::ZERO);
        site.until_it_answers().await;
        Some((site, id))
    }

    fn without_instance() -> Option<Self> {
        let programs = Programs::find().ok()?;
        let user = super::sshd::own_user().ok()?;
        super::sshd::can_log_in(&user).ok()?;
        programs.sftp_server?;
        let client = std::process::Command::new("ssh").arg("-V").stderr(Stdio::null()).status();
        client.ok()?;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let key = folder.path().join("key");
        let site = Self { seen: Arc::default(), host: None, folder, key };
        site.write_key("key", &private_key());
        Some(site)
    }

    fn open(&mut self, boot: Duration) {
        let seen = Arc::clone(&self.seen);
        let look = move |_: &BTreeSet<_>| Some(seen.lock().expect("not poisoned").clone());
        let options = Options { port: 0, endpoint: "127.0.0.1:4566".parse().expect("an address") };
        let stop = CancellationToken::new();
        let host = start_with(Box::new(look), Programs::find(), &self.sandbox(), boot, options, stop);
        self.host = Some(host.expect("a free port"));
        assert_eq!(self.host().available(), Ok(()));
    }

    fn host(&self) -> &Host {
        self.host.as_ref().expect("opened")
    }

    fn write_key(&self, name: &str, key: &PrivateKey) {
        let path = self.folder.path().join(name);
        key.write_openssh_file(&path, LineEnding::LF).expect("written");
    }

    /// An instance that was given a host key and the operator's, both known to the operator.
    fn run_instance(&self) -> String {
        let host_key = private_key();
        let private = host_key.to_openssh(LineEnding::LF).expect("text");
        let block = private.lines().fold(String::new(), |block, line| block + "    " + line + "\n");
        let operator = PrivateKey::read_openssh_file(&self.key).expect("a key");
        let instance = ec2::Host {
            instance_id: ids::ec2("i"),
            place: Place { account: "123456789012".to_owned(), region: "us-east-1".to_owned() },
            user_data: format!("#cloud-config\nssh_keys:\n  ed25519_private: |\n{block}").into_bytes(),
            authorized_key: Some(operator.public_key().to_openssh().expect("text")),
            role_arn: None,
        };
        let id = instance.instance_id.clone();
        self.trust(&id, &host_key);
        self.change(|seen| seen.running.push(instance));
        id
    }

    /// Lets the operator trust this key, and no other, for an instance.
    fn trust(&self, id: &str, key: &PrivateKey) {
        let public = key.public_key().to_openssh().expect("text");
        let known = self.folder.path().join(format!("known-{id}"));
        std::fs::write(known, format!("{id} {public}\n")).expect("written");
    }

    fn change(&self, change: impl FnOnce(&mut Seen)) {
        change(&mut self.seen.lock().expect("not poisoned"));
    }

    /// The sandbox's own folder, with all in its name that sshd's configuration could stumble over.
    fn sandbox(&self) -> PathBuf {
        self.folder.path().join("a 100%h #sandbox $HOME")
    }

    fn disk(&self, id: &str) -> PathBuf {
        self.sandbox().join("hosts").join(id)
    }

    async fn answers(&self) -> bool {
        TcpStream::connect(self.host().address()).await.is_ok()
    }

    async fn until_it_answers(&self) {
        until("the host answers", async || self.answers().await).await;
    }

    async fn until_it_is_refused(&self) {
        until("the host is gone", async || !self.answers().await).await;
    }

    /// A client that knows the key of this host and trusts no other.
    fn client(&self, program: &str, id: &str) -> Command {
        let known = self.folder.path().join(format!("known-{id}"));
        let mut command = Command::new(program);
        command.args(["-F", "/dev/null", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        command.args(["-o", "GlobalKnownHostsFile=/dev/null", "-o", "IdentitiesOnly=yes"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display()));
        command.arg("-o").arg(format!("HostKeyAlias={id}"));
        command.arg("-o").arg(format!("User={}", self.host().user()));
        command.arg("-o").arg(format!("Port={}", self.host().address().port()));
        command.arg("-i").arg(&self.key).stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What a command on the host says: its code, its output, its complaints.
    async fn run(&self, id: &str, command: &str) -> (Option<i32>, String, String) {
        let mut client = self.client("ssh", id);
        let output = tokio::time::timeout(PATIENCE, client.arg("127.0.0.1").arg(command).output());
        let output = output.await.expect("in time").expect("a client");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// A command that goes on, after its first line of output.
    async fn begin(&self, id: &str, command: &str) -> (Child, String) {
        let mut client = self.client("ssh", id);
        let mut child =
            client.arg("127.0.0.1").arg(command).stdout(Stdio::piped()).spawn().expect("a client");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("in time");
        (child, line.expect("readable").expect("a line"))
    }

    /// A client that only forwards: no command of its runs on the host.
    async fn forward(&self, id: &str, here: &Path, there: &Path) -> Child {
        let mut client = self.client("ssh", id);
        let forward = format!("{}:{}", here.display(), there.display());
        let child = client.args(["-N", "-L"]).arg(forward).arg("127.0.0.1").spawn().expect("a client");
        until("the socket is forwarded", async || here.exists()).await;
        child
    }
}

fn private_key() -> PrivateKey {
    PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519).expect("a key")
}

async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("in vain: {what}"));
}

async fn until_ended(pid: &str) {
    until("the process ended", async || !goes_on(pid)).await;
}

fn goes_on(pid: &str) -> bool {
    // One that has ended and is not waited for yet is still listed, as a zombie.
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, state)| !state.trim_start().starts_with(['Z', 'X']))
}

/// A process that detaches itself from the connection that started it, and says its number.
const DETACHED: &str = "setsid sh -c 'echo $$; exec sleep 600' 2>&1 </dev/null & wait";

#[tokio::test(flavor = "multi_thread")]
async fn a_command_gives_its_output_and_its_code() {
    let Some((site, id)) = Site::new().await else { return };
    let said = site.run(&id, "echo out; echo err >&2; exit 7").await;
    assert_eq!(said, (Some(7), "out\n".to_owned(), "err\n".to_owned()));
    assert_eq!(site.run(&id, "cloud-init status --wait").await.1, "status: done\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_is_at_home_in_the_instances_folder_and_brings_nothing_of_the_operators() {
    let Some((site, id)) = Site::new().await else { return };
    let home = site.disk(&id).join("home");
    assert_eq!(site.run(&id, "pwd").await.1.trim(), home.to_str().expect("text"));
    let (_, environment, _) = site.run(&id, "env").await;
    let variables: BTreeSet<&str> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    let ours = ["HOME", "PATH", "SANDBOX_INSTANCE", "AWS_ENDPOINT_URL", "AWS_REGION"];
    let theirs = ["USER", "LOGNAME", "SHELL", "SHLVL", "PWD", "_", "SSH_CLIENT", "SSH_CONNECTION"];
    let expected = ours.into_iter().chain(theirs).chain(["AWS_EC2_METADATA_SERVICE_ENDPOINT"]).collect();
    assert!(variables.is_subset(&expected), "{environment}");
    for line in [
        format!("HOME={}", home.display()),
        format!("SANDBOX_INSTANCE={id}"),
        format!("AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:4566/_imds/{id}"),
        "AWS_ENDPOINT_URL=http://127.0.0.1:4566".to_owned(),
        "AWS_REGION=us-east-1".to_owned(),
    ] {
        assert!(environment.lines().any(|is| is == line), "{line} in {environment}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_instances_key_is_let_in_and_only_its_host_key_is_shown() {
    let Some((mut site, id)) = Site::new().await else { return };
    site.write_key("other", &private_key());
    let operators = std::mem::replace(&mut site.key, site.folder.path().join("other"));
    let (code, _, complaint) = site.run(&id, "true").await;
    assert_eq!(code, Some(255));
    assert!(complaint.contains("Permission denied (publickey)"), "{complaint}");

    site.key = operators;
    site.trust(&id, &private_key());
    let (code, _, complaint) = site.run(&id, "true").await;
    assert_eq!(code, Some(255));
    assert!(complaint.contains("Host key verification failed"), "{complaint}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_put_and_got() {
    let Some((site, id)) = Site::new().await else { return };
    let local = site.folder.path().join("local");
    let sent: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    std::fs::write(&local, &sent).expect("written");
    let batch = site.folder.path().join("batch");
    let (from, back) = (local.display(), site.folder.path().join("back"));
    std::fs::write(&batch, format!("put {from} there\nget there {}\n", back.display())).expect("written");
    let mut client = site.client("sftp", &id);
    let output = client.arg("-b").arg(&batch).arg("127.0.0.1").output().await.expect("a client");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(std::fs::read(&back).expect("got") == sent && site.disk(&id).join("home/there").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unix_socket_is_forwarded() {
    let Some((site, id)) = Site::new().await else { return };
    let (here, there) = (site.folder.path().join("here"), site.folder.path().join("there"));
    let service = UnixListener::bind(&there).expect("a socket");
    tokio::spawn(async move {
        let (mut stream, _) = service.accept().await.expect("a visitor");
        stream.write_all(b"hello").await.expect("written");
    });
    let _forwarding = site.forward(&id, &here, &there).await;
    let mut stream = UnixStream::connect(&here).await.expect("forwarded");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("readable");
    assert_eq!(said, "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_on_a_host_ends_with_it_and_nothing_else_does() {
    let Some((site, id)) = Site::new().await else { return };
    let (mut attached, shell) = site.begin(&id, "echo $$; sleep 600").await;
    let (gone, detached) = site.begin(&id, DETACHED).await;
    drop(gone);
    let (_still_there, unmarked) = site.begin(&id, "echo $$; exec env -i sleep 600").await;
    let mut others = Command::new("sleep");
    let others = others.arg("600").env("SANDBOX_INSTANCE", ids::ec2("i")).kill_on_drop(true);
    let others = others.spawn().expect("a process");
    let other = others.id().expect("running").to_string();

    site.change(|seen| seen.running.clear());
    site.until_it_is_refused().await;
    for pid in [&shell, &detached, &unmarked] {
        until_ended(pid).await;
    }
    let status = tokio::time::timeout(PATIENCE, attached.wait()).await.expect("in time");
    assert_eq!(status.expect("a client").code(), Some(255));
    assert!(goes_on(&other));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_instance_keeps_its_disk_and_its_key_and_a_terminated_one_does_not() {
    let Some((site, id)) = Site::new().await else { return };
    site.run(&id, "echo kept > note").await;
    let instance = site.seen.lock().expect("not poisoned").running.clone();
    site.change(|seen| seen.running.clear());
    site.until_it_is_refused().await;

    site.change(|seen| seen.running = instance);
    site.until_it_answers().await;
    assert_eq!(site.run(&id, "cat note").await.1, "kept\n");

    let gone = InstanceId::new(&id).expect("an id");
    site.change(|seen| {
        seen.running.clear();
        seen.gone = BTreeSet::from([gone]);
    });
    until("the disk is removed", async || !site.disk(&id).exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_network_is_cut_nobody_comes_in_and_what_was_started_goes_on() {
    let Some((site, id)) = Site::new().await else { return };
    let (mut client, detached) = site.begin(&id, DETACHED).await;
    site.change(|seen| seen.is_cut = true);
    site.until_it_is_refused().await;
    let status = tokio::time::timeout(PATIENCE, client.wait()).await.expect("in time");
    assert_eq!(status.expect("a client").code(), Some(255));
    let (code, _, complaint) = site.run(&id, "true").await;
    assert!(code == Some(255) && complaint.contains("Connection refused"), "{complaint}");

    site.change(|seen| seen.is_cut = false);
    site.until_it_answers().await;
    assert_eq!(site.run(&id, &format!("kill -0 {detached} && echo alive")).await.1, "alive\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_instance_answers_and_the_next_one_after_it() {
    let Some((site, first)) = Site::new().await else { return };
    let second = site.run_instance();
    assert_eq!(site.run(&first, "echo first").await.1, "first\n");
    site.change(|seen| drop(seen.running.remove(0)));
    until("the second answers", async || site.run(&second, "true").await.0 == Some(0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_does_not_answer_before_it_has_booted() {
    let Some(mut site) = Site::without_instance() else { return };
    let id = site.run_instance();
    site.open(Duration::from_hours(1));
    until("it boots", async || site.disk(&id).join("sshd_config").exists()).await;
    assert!(!site.answers().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_without_an_injected_key_has_one_of_its_own_that_outlives_a_restart() {
    let Some(mut site) = Site::without_instance() else { return };
    let id = site.run_instance();
    site.change(|seen| seen.running[0].user_data.clear());
    site.open(Duration::ZERO);
    site.until_it_answers().await;
    let made = PrivateKey::read_openssh_file(&site.disk(&id).join("host_key")).expect("a key");
    site.trust(&id, &made);
    let (_visitor, running) = site.begin(&id, DETACHED).await;

    site.host = None;
    until_ended(&running).await;
    site.open(Duration::ZERO);
    site.until_it_answers().await;
    assert_eq!(site.run(&id, "true").await.0, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_sandbox_left_is_ended_by_the_next() {
    let Some((mut site, id)) = Site::new().await else { return };
    let (_visitor, running) = site.begin(&id, DETACHED).await;
    let here = site.folder.path().join("here");
    let mut forwarding = site.forward(&id, &here, Path::new("/nowhere")).await;
    let _killed = site.host.take();
    site.open(Duration::ZERO);
    until_ended(&running).await;
    let status = tokio::time::timeout(PATIENCE, forwarding.wait()).await.expect("in time");
    assert_eq!(status.expect("a client").code(), Some(255));
}

#[tokio::test]
async fn without_sshd_the_port_is_there_and_refuses() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let options = Options { port: 0, endpoint: "127.0.0.1:4566".parse().expect("an address") };
    let look = |_: &BTreeSet<_>| Some(Seen::default());
    let missing = Programs::find_in(None, &[]);
    let host =
        start_with(Box::new(look), missing, folder.path(), Duration::ZERO, options, CancellationToken::new());
    let host = host.expect("a free port");
    assert!(host.available().expect_err("no sshd").contains("openssh-server"));
    let refused = TcpStream::connect(host.address()).await.expect_err("refused");
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
}

#[test]
fn while_the_world_cannot_be_read_every_disk_stays() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shared = Arc::new(Shared::open(folder.path(), Pace::default()).expect("a world"));
    let hosts = folder.path().join("hosts");
    // The world has no instance of this name.
    let disk = hosts.join(ids::ec2("i"));
    std::fs::create_dir_all(&disk).expect("a folder");
    let surroundings = Surroundings {
        user: String::new(),
        endpoint: "127.0.0.1:4566".parse().expect("an address"),
        sftp_server: None,
    };
    let look = look_at(Arc::clone(&shared));
    let mut machines =
        Machines::open(&hosts, look, PathBuf::from("sshd"), surroundings, Duration::ZERO).expect("opened");
    let (state, aside) = (crate::sandbox::state_file(folder.path()), folder.path().join("aside"));
    shared.fill_disk();
    std::fs::rename(&state, &aside).expect("moved");
    std::fs::create_dir(&state).expect("in its way");
    shared.with(|world| world.keep_x(true.into())).expect_err("the disk is full");
    machines.follow(Instant::now());
    assert!(disk.is_dir(), "nobody can know that it is gone");
    std::fs::remove_dir(&state).expect("out of its way");
    std::fs::rename(&aside, &state).expect("moved back");
    machines.follow(Instant::now());
    assert!(!disk.exists(), "its instance is gone");
}
