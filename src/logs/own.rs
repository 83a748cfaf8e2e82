//! hydrant's own log, tailed as a group is: the files that a day begins, in the user's state folder.

use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::sync::CancellationToken;

use super::growing::{Growing, PIECE, Rest, tell};
use super::{Ending, LogEvent, LogsError, Told};

/// The name under which hydrant's own log is a group; no group at CloudWatch can have a colon in its name.
pub const NAME: &str = "local:hydrant";

/// Tails the log files in a folder.
pub async fn tail(
    folder: &Path,
    since: Timestamp,
    follow: bool,
    stop: &CancellationToken,
    told: impl FnMut(Told) + Send,
) -> Result<Ending, LogsError> {
    let mut reader =
        Reader { folder: folder.to_owned(), file: None, at: 0, rest: Rest::default(), since, last: since };
    tell(&mut reader, follow, stop, told).await
}

struct Reader {
    folder: PathBuf,
    /// The file that is read, and how far.
    file: Option<PathBuf>,
    at: u64,
    rest: Rest,
    since: Timestamp,
    /// The time of the line before: a line without one belongs to it.
    last: Timestamp,
}

impl Growing for Reader {
    /// The next piece; `None` at the end of the newest file.
    async fn next(&mut self) -> Result<Option<Vec<LogEvent>>, LogsError> {
        let files =
            files(&self.folder).map_err(|source| LogsError::File { path: self.folder.clone(), source })?;
        let first = || {
            // A file's name says its day: older ones hold nothing that is asked for.
            let day = self.since.strftime("hydrant.%Y-%m-%d.log").to_string();
            files.iter().find(|file| name(file) >= day.as_str()).cloned()
        };
        let Some(file) = self.file.clone().or_else(first) else { return Ok(None) };
        let cannot = |source| LogsError::File { path: file.clone(), source };
        if self.file.is_none() {
            self.file = Some(file.clone());
        }
        let mut piece = Vec::new();
        match tokio::fs::File::open(&file).await {
            Ok(mut open) => {
                open.seek(SeekFrom::Start(self.at)).await.map_err(cannot)?;
                open.take(PIECE).read_to_end(&mut piece).await.map_err(cannot)?;
            }
            // Seven days later it is cleared away.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
        if piece.is_empty() {
            let Some(next) = files.iter().find(|other| name(other) > name(&file)) else { return Ok(None) };
            (self.file, self.at) = (Some(next.clone()), 0);
            self.rest.clear();
            return Ok(Some(Vec::new()));
        }
        self.at += piece.len() as u64;
        let lines = self.rest.lines(&piece);
        Ok(Some(self.events(&file, &lines)))
    }
}

impl Reader {
    fn events(&mut self, file: &Path, lines: &[u8]) -> Vec<LogEvent> {
        let (group, stream): (Arc<str>, Arc<str>) = (NAME.into(), name(file).into());
        let text = String::from_utf8_lossy(lines);
        text.lines()
            .filter_map(|line| {
                let (first, message) = line.split_once(' ').unwrap_or((line, ""));
                let (at, message) = match first.parse() {
                    Ok(at) => (at, message.trim_start()),
                    Err(_) => (self.last, line),
                };
                self.last = at;
                (at >= self.since && !line.is_empty()).then(|| LogEvent {
                    group: Arc::clone(&group),
                    stream: Arc::clone(&stream),
                    at,
                    ingested: None,
                    message: message.to_owned(),
                    is_late: false,
                })
            })
            .collect()
    }
}

fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The log files, the oldest first. No folder is no file.
fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| name(path).starts_with("hydrant.") && path.extension().is_some_and(|end| end == "log"))
        .collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[tokio::test]
    async fn lines_come_from_the_day_on_that_is_asked_for_and_later_ones_as_they_are_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |day: &str| folder.path().join(format!("hydrant.2026-11-{day}.log"));
        std::fs::write(path("20"), "2026-11-20T10:00:00Z  INFO old: no\n").expect("written");
        std::fs::write(
            path("21"),
            "2026-11-21T09:00:00.123456Z  INFO early: no\n2026-11-21T11:00:00Z ERROR a: one\n  and more\n",
        )
        .expect("written");
        std::fs::write(path("22"), "2026-11-22T10:00:00Z  WARN b: two\n2026-11-22T10:00:01Z  INFO to be fin")
            .expect("written");
        let stop = CancellationToken::new();
        let since = "2026-11-21T10:00:00Z".parse().expect("a time");
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let (tailed, stopping) = (folder.path().to_owned(), stop.clone());
        let tail = tokio::spawn(async move {
            tail(&tailed, since, true, &stopping, move |told| drop(sender.send(told))).await
        });
        let mut seen = Vec::new();
        let mut appended = false;
        while let Some(told) = receiver.recv().await {
            let Told::Events(events) = told else { continue };
            seen.extend(events.into_iter().map(|event| event.message));
            if seen.len() == 3 && !appended {
                appended = true;
                let mut file = std::fs::OpenOptions::new().append(true).open(path("22")).expect("there");
                file.write_all(b"ished\n").expect("written");
            }
            if seen.len() == 4 {
                stop.cancel();
            }
        }
        assert_eq!(seen, ["ERROR a: one", "  and more", "WARN b: two", "INFO to be finished"]);
        assert!(matches!(tail.await, Ok(Ok(Ending::Stopped))));
    }

    #[tokio::test]
    async fn without_files_there_is_nothing() {
        let ending = tail(
            Path::new("/nonexistent"),
            Timestamp::UNIX_EPOCH,
            false,
            &CancellationToken::new(),
            |told| unreachable!("{told:?}"),
        )
        .await;
        assert!(matches!(ending, Ok(Ending::Whole)));
    }
}
