//! What could not be used, kept to be looked at: a file of JSON lines, each with when, why and the bytes.
//!
//! Nothing that is put here is lost silently; but a source gone mad must not fill the disk either. The file stops
//! growing at `LARGEST`; what comes after that is only counted, and the file's last line says so.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;

/// How large the file may become.
const LARGEST: u64 = 64 << 20;

/// The file. It is made when there is something to put into it.
#[derive(Debug)]
pub struct Quarantine {
    path: PathBuf,
    file: Option<(File, u64)>,
}

#[derive(serde::Serialize)]
struct Kept<'a> {
    at: Timestamp,
    why: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<&'a str>,
    /// What is no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

impl Quarantine {
    /// For what goes wrong from now on.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps something. What cannot be kept is said in the log: it is counted all the same.
    pub fn keep(&mut self, bytes: &[u8], why: &str) {
        if let Err(error) = self.write(bytes, why) {
            tracing::error!(%error, path = %self.path.display(), why, "a broken line could not be kept");
        }
    }

    fn write(&mut self, bytes: &[u8], why: &str) -> io::Result<()> {
        let (file, size) = if let Some(open) = &mut self.file {
            open
        } else {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.path)?;
            let size = file.metadata()?.len();
            self.file.insert((file, size))
        };
        if *size >= LARGEST {
            return Ok(());
        }
        let text = std::str::from_utf8(bytes).ok();
        let base64 = if text.is_none() { Some(BASE64_STANDARD.encode(bytes)) } else { None };
        let mut line = serde_json::to_vec(&Kept { at: Timestamp::now(), why, line: text, base64 })?;
        line.push(b'\n');
        if *size + line.len() as u64 >= LARGEST {
            line.extend_from_slice(b"{\"why\":\"this file is full: what follows is only counted\"}\n");
            *size = LARGEST;
        } else {
            *size += line.len() as u64;
        }
        file.write_all(&line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut quarantine = Quarantine::new(folder.path().join("quarantine.jsonl"));
        quarantine.keep(b"<html>", "no JSON");
        quarantine.keep(b"\xff\"", "no UTF-8");
        let text = std::fs::read_to_string(quarantine.path()).expect("there");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!((lines[0]["line"].as_str(), lines[0]["why"].as_str()), (Some("<html>"), Some("no JSON")));
        assert_eq!(lines[1]["base64"], "/yI=");
    }
}
