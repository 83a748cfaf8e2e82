//! Starts moto, the AWS emulator, once for the whole test program.
//!
//! The script makes moto's virtual environment on first use, in the target folder, pinned; what it lacks it says in
//! one line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

/// The port that moto listens on.
pub async fn port() -> u16 {
    static PORT: OnceCell<u16> = OnceCell::const_new();
    *PORT.get_or_init(port_of_its_own).await
}

/// The port of another one, for a test that would disturb the rest.
pub async fn port_of_its_own() -> u16 {
    tokio::task::spawn_blocking(start).await.expect("moto starts")
}

/// The Python that has boto3 beside moto; it is there once moto was started.
pub fn python() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("moto-5.2.5/bin/python")
}

#[expect(clippy::zombie_processes, reason = "it ends with this process, which has nothing to wait for then")]
fn start() -> u16 {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/serve_moto.py");
    let mut server = Command::new("python3")
        .arg(script)
        .arg(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the tests need python3 with venv: on Debian, `apt-get install python3-venv`");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("moto prints its port");
    // Its standard input stays open as long as this process lives, and moto with it.
    std::mem::forget(server.stdin.take());
    line.trim().parse().expect("the script says above what it lacks")
}
