//! From a post's line to the screen: how long until it is seen in the Stream pane, through the pipeline, its spool on
//! disk, the service's socket, the console and a pseudo-terminal.
//!
//! `cargo bench --bench tail [-- POSTS]`: so many posts (600), some 40 a second at moments that nothing else agrees with.

#[path = "support/terminal.rs"]
mod terminal;

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use terminal::{Console, LIMIT, serve};

fn main() {
    let posts: usize = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(600);
    let home = tempfile::tempdir().expect("a temporary folder");
    let (mut sandbox, variables) = serve(home.path());
    let pipe = home.path().join("posts");
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).expect("a pipe");
    let mut feed = std::fs::OpenOptions::new().read(true).write(true).open(&pipe).expect("a pipe");
    let mut service = run(home.path(), &pipe);
    let mut console = Console::open(home.path(), &variables);
    console.press("3");
    console.until("No post came yet");

    let mut times = Vec::new();
    let mut random = StdRng::seed_from_u64(1);
    for number in 0..posts {
        let mark = format!("mark-{number:06}");
        let sent = Instant::now();
        let id = 2_000_000_000_000_000_000_u64 + number as u64;
        writeln!(feed, r#"{{"data":{{"id":"{id}","text":"{mark} of a post"}}}}"#).expect("it is read");
        let seen = loop {
            let drawn = console.draw(LIMIT).expect("it is drawn");
            if console.contents().contains(&mark) {
                break drawn;
            }
        };
        times.push(seen.saturating_duration_since(sent));
        std::thread::sleep(Duration::from_millis(random.random_range(0..25)));
    }
    times.sort_unstable();
    let share =
        |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "from a post's line to the screen, {posts} posts: median {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        share(50),
        share(99),
        times.last().copied().unwrap_or_default().as_secs_f64() * 1e3
    );
    drop(console);
    for child in [&mut service, &mut sandbox] {
        drop(child.kill());
        drop(child.wait());
    }
}

/// The stream in the foreground of a process of its own.
fn run(home: &Path, pipe: &Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_hydrant"))
        .args(["stream", "run", "--json", "--to", "none", "--source"])
        .arg(format!("replay:{}", pipe.display()))
        .env("HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}
