//! What the sources themselves must not hold: the pure part of the console does no I/O and asks no clock.

use std::path::{Path, PathBuf};

/// What reaches the network, the disk, a clock, the environment, a process or the terminal.
const IMPURE: [&str; 18] = [
    "std::fs",
    "std::net",
    "std::io",
    "std::env",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio::",
    "crossterm",
    "reqwest",
    "aws_sdk",
    "println!",
    "cloud::Cloud",
    "rand::",
];

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).expect("the sources are there") {
            sources(&entry.expect("an entry").path(), found);
        }
    } else if path.extension().is_some_and(|extension| extension == "rs") {
        found.push(path.to_owned());
    }
}

#[test]
fn state_and_drawing_touch_no_network_no_disk_no_clock_and_no_terminal() {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
    let mut files = Vec::new();
    let pure = [
        "app.rs",
        "pane.rs",
        "pane",
        "widget.rs",
        "widget",
        "effect.rs",
        "effect",
        "overlay.rs",
        "draw.rs",
        "canvas.rs",
        "tasks.rs",
        "words.rs",
        "welcome.rs",
        "action.rs",
        "event.rs",
    ];
    for part in pure {
        sources(&console.join(part), &mut files);
    }
    assert!(files.len() > 30, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            let found = IMPURE.iter().find(|impure| line.contains(**impure));
            assert!(found.is_none(), "{}: {line}", file.display());
        }
    }
}

#[test]
fn hints_name_keys_by_what_they_do() {
    let console = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console");
    let mut files = vec![console.join("overlay.rs"), console.join("draw.rs")];
    sources(&console.join("pane"), &mut files);
    // A key in a sentence, and a key that is drawn as one; a dialog's and a filter's own are not changed by anybody.
    let written = regex::Regex::new("\"[^\"]*`[^`]{1,3}`|\\(\"[^ \"]+\", Role::Key\\)").expect("good");
    let fixed = ["esc", "enter"];
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source");
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let own = line.contains(" keep   ") && fixed.iter().all(|key| line.contains(key));
            let named = written.find(line).filter(|found| !found.as_str().contains("`{") && !own);
            assert!(named.is_none(), "{}: {line}", file.display());
        }
    }
}
