//! Files that a program on this machine writes its log to, tailed as a group is. Their lines bear no times of their own
//! that could be relied on: each is of the moment at which it was read. So whoever goes on is to say how far they are read.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::sync::CancellationToken;

use super::growing::{Growing, PIECE, Rest, tell};
use super::{Ending, LogEvent, LogsError, Marks, Told};

/// Tails files under a group's name until it is stopped, each from its mark on: one without begins with a piece of its
/// end. A file that is not there, or not any more, says nothing.
pub async fn tail(
    name: &str,
    files: Vec<PathBuf>,
    marks: &Marks,
    stop: &CancellationToken,
    told: impl FnMut(Told) + Send,
) -> Result<Ending, LogsError> {
    let group: Arc<str> = name.into();
    let readers = files.into_iter().map(|file| Reader::new(file, &group, marks)).collect();
    let mut files = Files { group, readers };
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

    fn marks(&self) -> Marks {
        let mark = |reader: &Reader| {
            let whole = reader.at?.saturating_sub(reader.rest.len() as u64);
            Some(((Arc::clone(&self.group), Arc::clone(&reader.stream)), whole))
        };
        self.readers.iter().filter_map(mark).collect()
    }
}

struct Reader {
    file: PathBuf,
    stream: Arc<str>,
    /// How far it is read; `None` before the first look, which shows a piece of its end.
    at: Option<u64>,
    rest: Rest,
}

impl Reader {
    fn new(file: PathBuf, group: &Arc<str>, marks: &Marks) -> Self {
        let stream: Arc<str> =
            file.file_name().map(|name| name.to_string_lossy().as_ref().into()).unwrap_or_default();
        let at = marks.get(&(Arc::clone(group), Arc::clone(&stream))).copied();
        Self { file, stream, at, rest: Rest::default() }
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
            tail("local:x", files, &Marks::new(), &own, |told| {
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

    /// What is told of a file until it is read to its end, and how far it is read then.
    async fn read(file: &std::path::Path, marks: &Marks) -> (Vec<String>, Marks) {
        let (stop, mut said, mut read) = (CancellationToken::new(), Vec::new(), Marks::new());
        let until = stop.clone();
        let told = |told| match told {
            Told::Events(events) => said.extend(events.into_iter().map(|event| event.message)),
            Told::Read(marks) => read.extend(marks),
            Told::Note(_) => until.cancel(),
        };
        tail("local:x", vec![file.to_owned()], marks, &stop, told).await.expect("it is read");
        (said, read)
    }

    #[tokio::test]
    async fn whoever_goes_on_is_told_what_came_since_and_nothing_twice() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("spark.log");
        std::fs::write(&file, "one\ntwo\nthr").expect("written");
        let (said, marks) = read(&file, &Marks::new()).await;
        assert_eq!(
            (said, marks.values().copied().collect::<Vec<_>>()),
            (vec!["one".into(), "two".into()], vec![8])
        );
        std::fs::write(&file, "one\ntwo\nthree\nfour\n").expect("written");
        let (said, later) = read(&file, &marks).await;
        assert_eq!(said, ["three", "four"]);
        assert_eq!(read(&file, &later).await.0, Vec::<String>::new());
        std::fs::write(&file, "anew\n").expect("written");
        assert_eq!(read(&file, &later).await.0, ["anew"], "a file that was begun anew is another one");
    }
}
