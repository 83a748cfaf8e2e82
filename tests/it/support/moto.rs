//! Starts moto, the AWS emulator, once for the whole test program.
//!
//! Its virtual environment is made on first use, in the target folder, pinned. What cannot be made here is said in
//! one line.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::sync::OnceCell;

const PACKAGE: &str = "moto[server]==5.2.5";

/// The port that moto listens on.
pub async fn port() -> u16 {
    static PORT: OnceCell<u16> = OnceCell::const_new();
    *PORT.get_or_init(|| async { tokio::task::spawn_blocking(start).await.expect("moto starts") }).await
}

fn start() -> u16 {
    let python = environment().join("bin/python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/serve_moto.py");
    let mut server = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("moto's Python starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("moto prints its port");
    // Its standard input stays open as long as this process lives, and moto with it.
    std::mem::forget(server.stdin.take());
    line.trim().parse().unwrap_or_else(|_| panic!("moto printed {line:?} where its port was expected"))
}

/// The virtual environment, made if it is not there. A lock file keeps two test programs from making it at once.
fn environment() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let environment = folder.join("moto-5.2.5");
    let lock = std::fs::File::create(folder.join("moto.lock")).expect("the target folder can be written");
    lock.lock().expect("the lock is waited for");
    let finished = environment.join("finished");
    if !finished.exists() {
        let hint = "the tests need python3 with venv: on Debian, `apt-get install python3-venv`";
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment), hint);
        let hint = "the tests need the Python package moto, and it could not be installed";
        run(
            Command::new(environment.join("bin/python")).args(["-m", "pip", "install", "--quiet", PACKAGE]),
            hint,
        );
        std::fs::write(finished, PACKAGE).expect("the target folder can be written");
    }
    environment
}

fn run(command: &mut Command, hint: &str) {
    let done = command.stdin(Stdio::null()).status().is_ok_and(|status| status.success());
    assert!(done, "{hint}");
}
