//! The host over ssh: a real sshd on a loopback port, by itself and behind the sandbox's instance.

mod connection;
mod machine;
mod provisioning;
mod running;
#[cfg(feature = "sandbox")]
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hydrant::host::facts::Facts;
use hydrant::host::recipe::{HostSettings, Recipe};
use hydrant::host::task::{Done, Mode, State, run};
use hydrant::host::{Host, HostError, Way};
use hydrant::progress::{Progress, Report};
use tokio_util::sync::CancellationToken;

use crate::support::run::{Ran, command};
use crate::support::sshd::{Sshd, Wire};

/// Whatever is waited for comes within this time, however busy the machine is.
const LIMIT: Duration = Duration::from_mins(1);

/// The way to a host at a port.
fn way(sshd: &Sshd, port: u16) -> Way {
    Way {
        host: "127.0.0.1".to_owned(),
        port,
        user: sshd.user.clone(),
        key_file: sshd.path("key"),
        known_hosts: sshd.path("known_hosts"),
        alias: None,
        instance: None,
    }
}

async fn connect(way: Way) -> Result<(Host, Arc<std::sync::Mutex<Vec<Report>>>), HostError> {
    let told: Arc<std::sync::Mutex<Vec<Report>>> = Arc::default();
    let listener = Arc::clone(&told);
    let progress = Progress::to(move |report| listener.lock().expect("nothing panics").push(report));
    let host = Host::connect(way, Duration::from_secs(5), progress, CancellationToken::new()).await?;
    Ok((host, told))
}

/// A program that is quickly sent: it says its version, as the recipe asks.
fn program(folder: &Path, bytes: usize) -> PathBuf {
    let path = folder.join("program");
    // What cannot be compressed, after the end of the script.
    let noise: Vec<u8> = (0..bytes).map(|_| rand::random()).collect();
    let mut content = b"#!/bin/sh\necho hydrant 0.1.0\nexit 0\n".to_vec();
    content.extend(noise);
    std::fs::write(&path, content).expect("written");
    path
}

fn recipe(binary: PathBuf) -> Recipe {
    Recipe {
        binary,
        settings: HostSettings {
            toml: "region = \"us-east-1\"\nterms_file = \"terms_file.txt\"\n".to_owned(),
            files: vec![("terms_file.txt".to_owned(), b"mars rover\n".to_vec())],
        },
        credentials: Some("HYDRANT_X_API_KEY='k'\n".to_owned().into()),
        packages: Vec::new(),
        python: Vec::new(),
    }
}

fn state(done: &[Done], task: &str) -> State {
    done.iter().find(|done| done.task == task).unwrap_or_else(|| panic!("{task} in {done:?}")).state
}

fn text<'a>(done: &'a [Done], task: &str) -> &'a str {
    &done.iter().find(|done| done.task == task).unwrap_or_else(|| panic!("{task} in {done:?}")).text
}

/// `hydrant` with a host that no stack is needed for.
async fn hydrant(home: &Path, sshd: &Sshd, port: u16, arguments: &[&str]) -> Ran {
    let mut command = command(home);
    command.args(arguments).env("AWS_REGION", "us-east-1");
    for (key, value) in sshd.settings(port) {
        command.env(format!("HYDRANT_{}", key.to_uppercase()), value);
    }
    crate::support::run::run(command).await
}
