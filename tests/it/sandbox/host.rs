//! The host: a real sshd behind the sandbox's instance.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::run::Ran;
use crate::support::sandbox::Sandbox;

/// The file of that name under the stack's own folder.
fn file(sandbox: &Sandbox, name: &str) -> PathBuf {
    let stacks = sandbox.home.path().join(".local/share/hydrant/stacks");
    let folder = std::fs::read_dir(stacks).expect("a stack").next().expect("one").expect("readable").path();
    folder.join(name)
}

/// One command over ssh, with strict host keys and nothing of the user's own ssh settings.
async fn ssh(sandbox: &Sandbox, command: &str) -> Ran {
    let ssh = &sandbox.serving.line["ssh"];
    let text = |name: &str| ssh[name].as_str().expect("text").to_owned();
    let port = ssh["port"].as_u64().expect("a port").to_string();
    let instances = sandbox.aws().ec2.describe_instances().send().await.expect("a listing");
    let instance = instances.reservations()[0].instances()[0].instance_id().expect("an id").to_owned();
    let mut client = Command::new("ssh");
    client
        .args([
            "-F",
            "/dev/null",
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        ])
        .args(["-o", "ConnectTimeout=10", "-o"])
        .arg(format!("UserKnownHostsFile={}", file(sandbox, "known_hosts").display()))
        .arg("-o")
        .arg(format!("HostKeyAlias=hydrant-{instance}"))
        .arg("-i")
        .arg(file(sandbox, "id_ed25519"))
        .args(["-p", &port, &format!("{}@127.0.0.1", text("user")), command])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(30), client.output()).await;
    let ended = ended.expect("it ends in time").expect("ssh runs");
    Ran {
        code: ended.status.code(),
        out: String::from_utf8_lossy(&ended.stdout).into_owned(),
        err: String::from_utf8_lossy(&ended.stderr).into_owned(),
    }
}

/// The host boots a moment after its instance runs.
async fn booted(sandbox: &Sandbox) {
    for _ in 0..100 {
        if ssh(sandbox, "true").await.code == Some(0) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the host does not answer: {:?}", ssh(sandbox, "true").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_instance_is_a_host_until_it_is_gone() {
    let sandbox = Sandbox::new(&[]).await;
    assert!(sandbox.serving.line["ssh"]["available"] == true, "{}", sandbox.serving.line["ssh"]);
    sandbox.hydrant(&["up"]).await.expect(0);
    booted(&sandbox).await;
    let home = ssh(&sandbox, "pwd; echo $HOME; exit 7").await;
    assert_eq!(home.code, Some(7), "{}", home.err);
    let inside = sandbox.dir().canonicalize().expect("there").display().to_string();
    assert!(home.out.lines().all(|line| line.starts_with(&inside)), "{}", home.out);
    sandbox.faults(&["cut-ssh"]).await;
    assert_eq!(ssh(&sandbox, "true").await.code, Some(255));
    sandbox.faults(&[]).await;
    booted(&sandbox).await;
    let user = sandbox.serving.line["ssh"]["user"].as_str().expect("text").to_owned();
    assert_eq!(sandbox.serving.line["env"]["HYDRANT_HOST_USER"], user);
}
