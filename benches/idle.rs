//! What the console costs while nothing happens: from process start to the first frame, CPU over half a minute of
//! idling, and memory. The program runs in a pseudo-terminal over a sandbox in a process of its own.
//!
//! `cargo bench --bench idle [-- SECONDS]`. Times are medians of eleven starts.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use portable_pty::{CommandBuilder, PtySize, native_pty_system};

const STARTS: usize = 11;
/// Whatever is waited for comes within this time.
const LIMIT: Duration = Duration::from_mins(1);

fn main() {
    let seconds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(30);
    let home = tempfile::tempdir().expect("a temporary folder");
    let (mut sandbox, variables) = serve(home.path());
    let mut starts: Vec<Duration> =
        (0..STARTS).map(|_| Console::open(home.path(), &variables).first_frame).collect();
    starts.sort_unstable();
    println!("from process start to the first frame: {:.1} ms", starts[STARTS / 2].as_secs_f64() * 1000.0);

    let mut console = Console::open(home.path(), &variables);
    console.until("nothing of the stack is there");
    // What the start leaves behind is not idling.
    std::thread::sleep(Duration::from_secs(3));
    let before = cpu(console.id);
    let began = Instant::now();
    std::thread::sleep(Duration::from_secs(seconds));
    let used = cpu(console.id).saturating_sub(before);
    let share = used.as_secs_f64() / began.elapsed().as_secs_f64() * 100.0;
    println!(
        "CPU over {seconds} s of idling: {share:.2} % of a core, in steps of {:.2} %",
        1.0 / f64::from(u32::try_from(seconds).unwrap_or(1))
    );
    println!("memory then (RSS): {:.1} MB", f64::from(rss(console.id)) / 1000.0);
    drop(console);
    drop(sandbox.kill());
    drop(sandbox.wait());
}

/// A sandbox, and the variables that lead to it.
fn serve(home: &Path) -> (Child, Vec<(String, String)>) {
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

struct Console {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    id: u32,
    first_frame: Duration,
    written: mpsc::Receiver<Vec<u8>>,
    screen: vt100::Parser,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Console {
    fn open(home: &Path, variables: &[(String, String)]) -> Self {
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
        let (sender, written) = mpsc::channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65536];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                if sender.send(buffer[..read].to_vec()).is_err() {
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
            _master: pair.master,
        };
        console.until("quit");
        console.first_frame = began.elapsed();
        console
    }

    /// Waits until its screen shows a text.
    fn until(&mut self, text: &str) {
        while !self.screen.screen().contents().contains(text) {
            self.screen.process(&self.written.recv_timeout(LIMIT).expect("it comes up"));
        }
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// CPU time of a process, in the kernel's ticks of a hundredth of a second.
fn cpu(id: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).expect("it runs");
    // The name in brackets may hold spaces; user and system time are the twelfth and thirteenth after it.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// Resident memory of a process in kB.
fn rss(id: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()
}
