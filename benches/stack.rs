//! `up`, `up` again, `status` and `down`, as an operator runs them, against the emulator on this machine: wall time,
//! CPU time of hydrant itself, and calls made.
//!
//! `cargo bench --bench stack [-- ROUNDS]`. The emulator answers one call at a time, so wall times are mostly its own; calls
//! and CPU seconds are hydrant's. Medians over the rounds.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// One run of a command.
struct Run {
    wall: Duration,
    cpu: Duration,
    calls: u64,
}

fn main() {
    let rounds = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(5);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support/serve_moto.py");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut emulator = Command::new("python3")
        .args([&script, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the benchmark needs python3 with venv");
    let mut port = String::new();
    let out = emulator.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut port).expect("the emulator prints its port");
    let endpoint = format!("http://127.0.0.1:{}", port.trim());
    let home = tempfile::tempdir().expect("a temporary folder");

    let commands: [(&str, &[&str]); 4] =
        [("up", &["up"]), ("up again", &["up"]), ("status", &["status"]), ("down", &["down", "--yes"])];
    let mut runs: Vec<Vec<Run>> = commands.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (runs, (_, arguments)) in runs.iter_mut().zip(commands) {
            runs.push(run(arguments, &endpoint, home.path()));
        }
    }
    println!("{:<10} {:>10} {:>10} {:>7}   median of {rounds}", "command", "wall ms", "cpu ms", "calls");
    for ((name, _), runs) in commands.iter().zip(&runs) {
        let median = |of: fn(&Run) -> u128| {
            let mut all: Vec<u128> = runs.iter().map(of).collect();
            all.sort_unstable();
            all.get(all.len() / 2).copied().unwrap_or_default()
        };
        let (wall, cpu) = (median(|run| run.wall.as_millis()), median(|run| run.cpu.as_millis()));
        println!("{name:<10} {wall:>10} {cpu:>10} {:>7}", median(|run| u128::from(run.calls)));
    }
    drop(emulator.stdin.take());
    drop(emulator.wait());
}

fn run(arguments: &[&str], endpoint: &str, home: &Path) -> Run {
    let before = cpu_of_children();
    let began = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_hydrant"))
        .args(arguments)
        .arg("-v")
        .env_clear()
        .env("HOME", home)
        .env("AWS_ACCESS_KEY_ID", "emulator")
        .env("AWS_SECRET_ACCESS_KEY", "emulator")
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL", endpoint)
        .output()
        .expect("hydrant starts");
    let (wall, cpu) = (began.elapsed(), cpu_of_children().saturating_sub(before));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {talk}");
    let line = talk.lines().find(|line| line.contains(" calls: ")).unwrap_or_default();
    Run { wall, cpu, calls: line.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or_default() }
}

/// User and system time of every child that was waited for, as the kernel counts it in ticks of 10 ms.
fn cpu_of_children() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
