//! Files that a program on this machine writes its log to, tailed as a group is. Their lines bear no times of their own
//! that could be relied on: each is of the moment at which it was read.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::sync::CancellationToken;

use super::growing::{Growing, PIECE, Rest, tell};
use super::{Ending, LogEvent, LogsError, Told};

/// Tails files under a group's name until it is stopped. One that is not there, or not any more, says nothing.
pub async fn tail(
    name: &str,
    files: Vec<PathBuf>,
    stop: &CancellationToken,
    told: impl FnMut(Told) + Send,
) -> Result<Ending, LogsError> {
    let mut files = Files { group: name.into(), readers: files.into_iter().map(Reader::new).collect() };
    tell(&mut files, true, stop, told).await
}

struct Files {
    group: Arc<str>,
    readers: Vec<Reader>,
}

impl Growing for Files {
    async fn next(&mut self) -> Result<Option<Vec<LogEvent>>, LogsError> {
        let mut all = None;
        for reader in &mut self.readers {
            if let Some(events) = reader.next(&self.group).await? {
                all.get_or_insert_with(Vec::new).extend(events);
            }
        }
        Ok(all)
    }
}

struct Reader {
    file: PathBuf,
    stream: Arc<str>,
    /// How far it was read; `None` before the first look, which shows a piece of its end.
    at: Option<u64>,
    rest: Rest,
}

impl Reader {
    fn new(file: PathBuf) -> Self {
        let stream = file.file_name().map(|name| name.to_string_lossy().as_ref().into()).unwrap_or_default();
        Self { file, stream, at: None, rest: Rest::default() }
    }

    async fn next(&mut self, group: &Arc<str>) -> Result<Option<Vec<LogEvent>>, LogsError> {
        let cannot = |source| LogsError::File { path: self.file.clone(), source };
        let mut open = match tokio::fs::File::open(&self.file).await {
            Ok(open) => open,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(error)),
        };
        let length = open.metadata().await.map_err(cannot)?.len();
        // A file that is shorter than what was read of it was begun anew.
        let at = self.at.filter(|at| *at <= length).unwrap_or(length.saturating_sub(PIECE));
        open.seek(std::io::SeekFrom::Start(at)).await.map_err(cannot)?;
        let mut piece = Vec::new();
        let read = open.take(PIECE).read_to_end(&mut piece).await.map_err(cannot)?;
        self.at = Some(at + read as u64);
        if piece.is_empty() {
            return Ok(None);
        }
        let lines = self.rest.lines(&piece);
        let now = Timestamp::now();
        let event = |line: &str| LogEvent {
            group: Arc::clone(group),
            stream: Arc::clone(&self.stream),
            at: now,
            ingested: None,
            message: line.to_owned(),
            is_late: false,
        };
        let text = String::from_utf8_lossy(&lines);
        Ok(Some(text.lines().filter(|line| !line.is_empty()).map(event).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn what_is_written_is_told_and_half_a_line_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let (there, later) = (folder.path().join("spark.log"), folder.path().join("spark.out"));
        std::fs::write(&there, "one\ntw").expect("written");
        let (stop, said) = (CancellationToken::new(), Arc::new(Mutex::new(Vec::new())));
        let (own, kept) = (stop.clone(), Arc::clone(&said));
        let files = vec![there.clone(), later.clone()];
        let task = tokio::spawn(async move {
            tail("local:x", files, &own, |told| {
                let Told::Events(events) = told else { return };
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend(events.into_iter().map(|event| (event.stream.to_string(), event.message)));
            })
            .await
        });
        let line = |stream: &str, text: &str| (stream.to_owned(), text.to_owned());
        let until = async |wanted: Vec<(String, String)>| {
            for _ in 0..600 {
                if *said.lock().unwrap_or_else(PoisonError::into_inner) == wanted {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            panic!("{:?}", said.lock().unwrap_or_else(PoisonError::into_inner));
        };
        until(vec![line("spark.log", "one")]).await;
        std::fs::write(&later, "three\n").expect("written");
        until(vec![line("spark.log", "one"), line("spark.out", "three")]).await;
        let mut file = std::fs::OpenOptions::new().append(true).open(&there).expect("opened");
        file.write_all(b"o\n").expect("written");
        until(vec![line("spark.log", "one"), line("spark.out", "three"), line("spark.log", "two")]).await;
        stop.cancel();
        assert_eq!(task.await.expect("it ends").expect("well"), Ending::Stopped);
    }
}
