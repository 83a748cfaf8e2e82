//! What the console costs while nothing happens: from process start to the first frame, CPU over half a minute of
//! idling, and memory. The program runs in a pseudo-terminal over a sandbox in a process of its own.
//!
//! `cargo bench --bench idle [-- SECONDS]`. Times are medians of eleven starts.

#[path = "support/terminal.rs"]
mod terminal;

use std::time::{Duration, Instant};

use terminal::{Console, serve};

const STARTS: usize = 11;

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
    let [all, own] = ["VmRSS", "RssAnon"].map(|line| f64::from(memory(console.id, line)) / 1000.0);
    println!(
        "memory then (RSS): {all:.1} MB; {own:.1} MB of it its own, the rest pages of the program's file"
    );
    drop(console);
    drop(sandbox.kill());
    drop(sandbox.wait());
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

/// Resident memory of a process in kB, as a line of its status says.
fn memory(id: u32, name: &str) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let is_named = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'));
    let line = status.lines().find(is_named).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).unwrap_or_default()
}
