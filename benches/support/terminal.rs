//! The program in a pseudo-terminal, over a sandbox in a process of its own.

#![allow(dead_code, unreachable_pub, reason = "each benchmark uses a part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

/// Whatever is waited for comes within this time.
pub const LIMIT: Duration = Duration::from_mins(1);

/// A sandbox, and the variables that lead to it.
pub fn serve(home: &Path) -> (Child, Vec<(String, String)>) {
    let mut sandbox = Command::new(env!("CARGO_BIN_EXE_hydrant"))
        .args(["sandbox", "--serve", "--dir"])
        .arg(home.join("cloud"))
        .env("HOME", home)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    let mut line = String::new();
    BufReader::new(sandbox.stdout.take().expect("it is piped"))
        .read_line(&mut line)
        .expect("it says where it is");
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
    let variables = line["env"].as_object().expect("variables").iter();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let variables = variables.map(|(name, value)| (name.clone(), text(value))).collect();
    (sandbox, variables)
}

/// The console in a pseudo-terminal of 120×36.
pub struct Console {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    /// Its process.
    pub id: u32,
    /// From process start to the first frame.
    pub first_frame: Duration,
    /// What it wrote, and when.
    written: mpsc::Receiver<(Instant, Vec<u8>)>,
    screen: vt100::Parser,
    input: Box<dyn Write + Send>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Console {
    pub fn open(home: &Path, variables: &[(String, String)]) -> Self {
        let size = PtySize { cols: 120, rows: 36, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_hydrant"));
        command.env_clear();
        for (name, value) in [("TERM", "xterm-256color"), ("LANG", "C.UTF-8")] {
            command.env(name, value);
        }
        for (name, value) in variables {
            command.env(name, value);
        }
        command.env("HOME", home);
        command.cwd(home);
        let mut output = pair.master.try_clone_reader().expect("its output");
        let input = pair.master.take_writer().expect("its input");
        let (sender, written) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                if sender.send((Instant::now(), buffer[..read].to_vec())).is_err() {
                    break;
                }
            }
        });
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        drop(pair.slave);
        let id = child.process_id().expect("it runs");
        let mut console = Self {
            child,
            id,
            first_frame: Duration::ZERO,
            written,
            screen: vt100::Parser::new(36, 120, 0),
            input,
            _master: pair.master,
        };
        console.until("quit");
        console.first_frame = began.elapsed();
        console
    }

    /// Waits until its screen shows a text.
    pub fn until(&mut self, text: &str) {
        while !self.contents().contains(text) {
            assert!(self.draw(LIMIT).is_some(), "{text:?} does not come up:\n{}", self.contents());
        }
    }

    /// Draws what it writes next, within a time; gives when it was written.
    pub fn draw(&mut self, limit: Duration) -> Option<Instant> {
        let (at, bytes) = self.written.recv_timeout(limit).ok()?;
        self.screen.process(&bytes);
        Some(at)
    }

    /// What its screen shows.
    pub fn contents(&self) -> String {
        self.screen.screen().contents()
    }

    pub fn press(&mut self, keys: &str) {
        self.input.write_all(keys.as_bytes()).expect("it reads its keys");
        self.input.flush().expect("it reads its keys");
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
