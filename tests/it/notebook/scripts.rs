//! What runs on the notebook itself: the watch that stops it, the script of its starts, the ready document.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_mins(1);

fn asset(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/notebook").join(name)
}

/// A Jupyter that answers what it is told to, on a port of its own.
fn jupyter(kernels: &Arc<Mutex<String>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let kernels = Arc::clone(kernels);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let answer = if request[..length].starts_with(b"GET /api/kernels") {
                let body = kernels.lock().unwrap().clone();
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                )
            } else {
                // A Jupyter without terminals.
                "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned()
            };
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    address
}

struct Watch {
    child: std::process::Child,
    folder: tempfile::TempDir,
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Watch {
    /// The watch with an `aws` of ours, which writes down what it was asked.
    fn start(jupyter: &str, idle_seconds: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let aws = folder.path().join("aws");
        std::fs::write(&aws, format!("#!/bin/sh\necho \"$@\" > {}/asked\n", folder.path().display()))
            .unwrap();
        assert!(Command::new("chmod").arg("755").arg(&aws).status().unwrap().success());
        let child = Command::new("python3")
            .arg(asset("idle_stop.py"))
            .args(["mydemo", "us-east-1", idle_seconds])
            .env("HYDRANT_AWS", &aws)
            .env("HYDRANT_JUPYTER", jupyter)
            .env("HYDRANT_EVERY", "0.05")
            .stdout(Stdio::null())
            .spawn()
            .expect("the tests need python3");
        Self { child, folder }
    }

    fn asked(&self) -> Option<String> {
        std::fs::read_to_string(self.folder.path().join("asked")).ok()
    }

    fn ends(&mut self) -> bool {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            if self.child.try_wait().unwrap().is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }
}

#[test]
fn a_kernel_that_computes_keeps_the_notebook_and_an_idle_one_does_not() {
    let busy = r#"[{"execution_state": "busy", "last_activity": "2020-01-01T00:00:00.000000Z"}]"#;
    let kernels = Arc::new(Mutex::new(busy.to_owned()));
    let mut watch = Watch::start(&jupyter(&kernels), "1");
    // Many times as long as it would wait for an idle one.
    std::thread::sleep(Duration::from_secs(3));
    assert!(
        watch.child.try_wait().unwrap().is_none() && watch.asked().is_none(),
        "a busy kernel was stopped"
    );
    *kernels.lock().unwrap() =
        r#"[{"execution_state": "idle", "last_activity": "2020-01-01T00:00:00.000000Z"}]"#.to_owned();
    assert!(watch.ends(), "an idle one goes on for ever");
    let asked = watch.asked().unwrap();
    assert_eq!(
        asked.trim(),
        "sagemaker stop-notebook-instance --notebook-instance-name mydemo --region us-east-1"
    );
}

#[test]
fn one_that_was_used_a_moment_ago_is_kept() {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_mins(10);
    let used = format!(
        r#"[{{"execution_state": "idle", "last_activity": "{}"}}]"#,
        now.strftime("%Y-%m-%dT%H:%M:%S.000000Z")
    );
    let watch = Watch::start(&jupyter(&Arc::new(Mutex::new(used))), "1");
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(watch.asked(), None);
}

#[test]
fn the_script_of_a_start_is_one_that_a_shell_takes() {
    let checked = Command::new("bash").arg("-n").arg(asset("on_start.sh")).status().expect("bash is there");
    assert!(checked.success());
}

#[test]
fn the_ready_document_is_one_and_all_its_code_is_python() {
    let document: serde_json::Value =
        serde_json::from_slice(&std::fs::read(asset("hydrant.ipynb")).unwrap()).unwrap();
    assert_eq!(document["nbformat"], 4);
    let cells = document["cells"].as_array().unwrap();
    let text = |cell: &serde_json::Value| -> String {
        cell["source"].as_array().unwrap().iter().filter_map(|line| line.as_str()).collect()
    };
    let code: Vec<String> = cells.iter().filter(|cell| cell["cell_type"] == "code").map(text).collect();
    assert!(code.len() >= 4 && cells.iter().all(|cell| cell["outputs"].as_array().is_none_or(Vec::is_empty)));
    let mut python = Command::new("python3")
        .args(["-c", "import ast, json, sys; [ast.parse(cell) for cell in json.load(sys.stdin)]"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the tests need python3");
    serde_json::to_writer(python.stdin.take().unwrap(), &code).unwrap();
    assert!(python.wait().unwrap().success());
}
