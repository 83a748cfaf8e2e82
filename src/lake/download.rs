//! Brings a file here. What was cut off goes on where it stopped, unless the file is another one by then.
//!
//! The bytes gather in a hidden file whose name holds the source's `ETag`, beside where they belong; whole, it takes its
//! name. One alone writes to it: two at once would make a third file of both.

use std::fs::TryLockError;
use std::path::{Path, PathBuf};

use tokio::io::AsyncWriteExt;
use tokio_util::sync::CancellationToken;

use super::{LakeError, Place};

/// What a download did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Downloaded {
    /// The file's size.
    pub bytes: u64,
    /// How much of it was there from before.
    pub resumed_from: u64,
}

/// The file to write: as given, in the folder that was given, or by the key's last part in the working folder.
pub fn target(to: Option<&Path>, key: &str) -> PathBuf {
    let name = key.rsplit('/').next().unwrap_or_default();
    // A key may be named as no file can be.
    let name = if matches!(name, "" | "." | "..") { "download" } else { name };
    let is_folder = |path: &Path| path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/");
    match to {
        Some(folder) if is_folder(folder) => folder.join(name),
        Some(file) => file.to_owned(),
        None => PathBuf::from(name),
    }
}

/// Brings the file here, telling how much of how much is there. Asked to stop, it keeps what it has for the next time.
pub async fn download(
    place: &Place,
    key: &str,
    to: &Path,
    mut tell: impl FnMut(u64, u64),
    stop: &CancellationToken,
) -> Result<Downloaded, LakeError> {
    let missing = |error| missing(error, place, key);
    let Some(about) = place.stat(key).await.map_err(missing)? else {
        return Err(LakeError::Missing(place.url(key)));
    };
    let parent = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent.filter(|parent| !parent.is_dir()) {
        return Err(LakeError::NoFolder(parent.display().to_string()));
    }
    let passing = passing(to, &about.etag);
    let io = |what| move |path: &Path, source| LakeError::io(what, path, source);
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&passing);
    let file = file.map_err(|source| io("write")(&passing, source))?;
    // Where the file system knows no locks, it is as it was without.
    if let Err(TryLockError::WouldBlock) = file.try_lock() {
        return Err(LakeError::ComesAlready(to.display().to_string()));
    }
    let mut file = tokio::fs::File::from_std(file);
    let there = file.metadata().await.map_err(|source| io("read")(&passing, source))?.len();
    let resumed_from = if there <= about.bytes { there } else { 0 };
    if there > about.bytes {
        file.set_len(0).await.map_err(|source| io("write")(&passing, source))?;
    }
    let mut done = resumed_from;
    tell(done, about.bytes);
    if done < about.bytes {
        let mut body = place.read(key, done).await.map_err(missing)?;
        loop {
            let piece = tokio::select! {
                piece = body.next() => piece,
                () = stop.cancelled() => Err(LakeError::Interrupted),
            };
            let piece = match piece {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => {
                    // What is there stays there.
                    drop(file.flush().await);
                    return Err(missing(error));
                }
            };
            file.write_all(&piece).await.map_err(|source| io("write")(&passing, source))?;
            done += piece.len() as u64;
            tell(done, about.bytes);
        }
    }
    file.flush().await.map_err(|source| io("write")(&passing, source))?;
    file.sync_data().await.map_err(|source| io("write")(&passing, source))?;
    let written = file.metadata().await.map_err(|source| io("read")(&passing, source))?.len();
    if done != about.bytes || written != about.bytes {
        // Another file came in its place in the meantime, or something else wrote here.
        drop(tokio::fs::remove_file(&passing).await);
        return Err(LakeError::BrokenOff(place.url(key)));
    }
    tokio::fs::rename(&passing, to).await.map_err(|source| io("write")(to, source))?;
    Ok(Downloaded { bytes: done, resumed_from })
}

/// A file that is not there is named with its whole address.
pub fn missing(error: LakeError, place: &Place, key: &str) -> LakeError {
    if error.is_missing() { LakeError::Missing(place.url(key)) } else { error }
}

fn passing(to: &Path, etag: &str) -> PathBuf {
    let name = to.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let etag: String = etag.chars().filter(char::is_ascii_alphanumeric).collect();
    to.with_file_name(format!(".{name}.{etag}.part"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_download_goes_on_where_it_stopped_and_not_with_another_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("lake"));
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        place.put("a", &content).await.expect("written");
        let to = folder.path().join("here");
        let etag = place.stat("a").await.expect("a look").expect("it is there").etag;
        std::fs::write(passing(&to, &etag), content.get(..1000).expect("a part")).expect("written");
        std::fs::write(passing(&to, "another"), b"of another content").expect("written");
        let stop = CancellationToken::new();
        let mut told = Vec::new();
        let done = download(&place, "a", &to, |done, all| told.push((done, all)), &stop).await.expect("done");
        assert_eq!(done, Downloaded { bytes: 400_000, resumed_from: 1000 });
        assert_eq!((told.first(), told.last()), (Some(&(1000, 400_000)), Some(&(400_000, 400_000))));
        assert_eq!(std::fs::read(&to).expect("read"), content);
    }

    #[tokio::test]
    async fn of_two_downloads_to_one_file_the_second_is_refused_and_the_first_is_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("lake"));
        place.put("a", &vec![b'x'; 9 << 20]).await.expect("written");
        let (to, stop) = (folder.path().join("here"), CancellationToken::new());
        let mut second = None;
        let tell = |done, _| {
            if done > 0 && second.is_none() {
                let (place, to, stop) = (place.clone(), to.clone(), stop.clone());
                // As another process would: it has its own opening of the file.
                let other = async move { download(&place, "a", &to, |_, _| {}, &stop).await };
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                second = std::thread::spawn(move || runtime.block_on(other)).join().ok();
            }
        };
        let done = download(&place, "a", &to, tell, &stop).await.expect("done");
        let refused = second.expect("it was tried").expect_err("it is refused").to_string();
        assert!(refused.contains("is being brought already"), "{refused}");
        assert_eq!((done.bytes, std::fs::metadata(&to).expect("it is there").len()), (9 << 20, 9 << 20));
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("lake"));
        place.put("x/a", b"content").await.expect("written");
        let stop = CancellationToken::new();
        let come = async |key: &str, to: &str| {
            let mut path = folder.path().as_os_str().to_owned();
            path.push(to);
            let to = target(Some(Path::new(&path)), key);
            download(&place, key, &to, |_, _| panic!("not a byte"), &stop).await.expect_err(key).to_string()
        };
        let none = format!("there is no folder {}/new", folder.path().display());
        for to in ["/new/file", "/new/"] {
            assert_eq!(come("x/a", to).await.trim_end_matches('/'), none, "{to}");
        }
        assert_eq!(come("x/b", "/new/file").await, format!("there is no file {}", place.url("x/b")));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "the lake alone");
        std::fs::create_dir(folder.path().join("new")).expect("made");
        let to = target(Some(&folder.path().join("new/")), "x/a");
        download(&place, "x/a", &to, |_, _| {}, &stop).await.expect("done");
        assert_eq!(std::fs::read(folder.path().join("new/a")).expect("read"), b"content");
    }

    #[tokio::test]
    async fn what_was_stopped_is_kept_and_not_seen() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Place::Folder(folder.path().join("lake"));
        place.put("a", b"content").await.expect("written");
        let to = folder.path().join("here");
        let stop = CancellationToken::new();
        stop.cancel();
        let stopped = download(&place, "a", &to, |_, _| {}, &stop).await;
        assert!(stopped.is_err() || to.exists());
        let done = download(&place, "a", &to, |_, _| {}, &CancellationToken::new()).await.expect("done");
        assert_eq!(done.bytes, 7);
    }
}
