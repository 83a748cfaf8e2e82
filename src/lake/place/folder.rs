//! A folder on this machine, read and listed as a bucket is.

use std::fs::{File, Metadata};
use std::io::{Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use jiff::Timestamp;

use super::{Depth, Entry, Page};
use crate::lake::LakeError;

/// How much is read at once.
const PIECE: usize = 4 << 20;
/// Entries of a page, as S3 has them.
const PAGE: usize = 1000;
/// What names of files that are not complete begin with; listings do not see them.
pub(super) const HIDDEN: char = '.';

/// The file of a key; a key that would lead out of the folder has none.
pub(super) fn path_of(folder: &Path, key: &str) -> Result<PathBuf, LakeError> {
    let relative = Path::new(key);
    let stays = relative.components().all(|part| matches!(part, Component::Normal(_)));
    if key.is_empty() || !stays {
        return Err(LakeError::BadKey(key.to_owned()));
    }
    Ok(folder.join(relative))
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LakeError> + Send + 'static,
) -> Result<T, LakeError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LakeError::Interrupted)?
}

fn entry(key: String, about: &Metadata) -> Entry {
    let modified = about.modified().ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or_default();
    Entry { key, bytes: about.len(), etag: format!("{}-{}", about.len(), modified.as_nanosecond()), modified }
}

pub(super) async fn stat(folder: &Path, key: &str) -> Result<Option<Entry>, LakeError> {
    let (path, key) = (path_of(folder, key)?, key.to_owned());
    blocking(move || match std::fs::metadata(&path) {
        Ok(about) if about.is_file() => Ok(Some(entry(key, &about))),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(LakeError::io("read", &path, source)),
    })
    .await
}

pub(super) async fn get_range(folder: &Path, key: &str, range: Range<u64>) -> Result<Bytes, LakeError> {
    let path = path_of(folder, key)?;
    blocking(move || {
        let read = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(range.start))?;
            let mut content = Vec::new();
            file.take(range.end.saturating_sub(range.start)).read_to_end(&mut content)?;
            Ok(content.into())
        };
        read().map_err(|source| LakeError::io("read", &path, source))
    })
    .await
}

pub(super) async fn put_new(folder: &Path, key: &str) -> Result<bool, LakeError> {
    let path = path_of(folder, key)?;
    blocking(move || {
        let parent = path.parent().unwrap_or(&path);
        std::fs::create_dir_all(parent).map_err(|source| LakeError::io("make", parent, source))?;
        match File::create_new(&path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
            Err(source) => Err(LakeError::io("write", &path, source)),
        }
    })
    .await
}

pub(super) async fn delete(folder: &Path, keys: &[String]) -> Result<(), LakeError> {
    let paths = keys.iter().map(|key| path_of(folder, key)).collect::<Result<Vec<_>, _>>()?;
    blocking(move || {
        for path in paths {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LakeError::io("delete", &path, source));
                }
                _ => {}
            }
        }
        Ok(())
    })
    .await
}

/// A file that is being read.
#[derive(Debug)]
pub struct FolderBody {
    file: Option<(File, u64)>,
    path: PathBuf,
}

impl FolderBody {
    pub(super) async fn open(folder: &Path, key: &str, from: u64) -> Result<Self, LakeError> {
        let path = path_of(folder, key)?;
        blocking(move || {
            let open = || {
                let mut file = File::open(&path)?;
                let left = file.metadata()?.len().saturating_sub(from);
                file.seek(SeekFrom::Start(from))?;
                Ok((file, left))
            };
            let file = open().map_err(|source| LakeError::io("read", &path, source))?;
            Ok(Self { file: Some(file), path })
        })
        .await
    }

    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, LakeError> {
        let Some((file, left)) = self.file.take() else { return Ok(None) };
        let path = self.path.clone();
        let read =
            blocking(move || read_piece(file, left).map_err(|source| LakeError::io("read", &path, source)));
        let (piece, file) = read.await?;
        self.file = file;
        Ok((!piece.is_empty()).then_some(piece))
    }
}

/// A piece, and the file if there may be more. What is left is only a hint: a file may be growing.
fn read_piece(mut file: File, left: u64) -> std::io::Result<(Bytes, Option<(File, u64)>)> {
    let room = usize::try_from(left).unwrap_or(PIECE).clamp(1, PIECE);
    let mut piece = Vec::with_capacity(room);
    let read = Read::by_ref(&mut file).take(room as u64).read_to_end(&mut piece)?;
    let left = left.saturating_sub(read as u64);
    let more = if read == 0 || left == 0 { None } else { Some((file, left)) };
    Ok((piece.into(), more))
}

/// A listing of a folder.
#[derive(Debug)]
pub struct FolderPages {
    folder: PathBuf,
    depth: Depth,
    /// Only keys that begin so are listed.
    prefix: String,
    after: Option<String>,
    /// What is still to be looked at, the next one last: keys that end with a slash are folders.
    waiting: Vec<String>,
    ready: std::vec::IntoIter<Entry>,
    begun: bool,
}

impl FolderPages {
    pub(super) fn new(folder: &Path, prefix: &str, depth: Depth, after: Option<&str>) -> Self {
        let (parent, _) = prefix.rsplit_once('/').map_or(("", prefix), |(parent, name)| (parent, name));
        let first = if parent.is_empty() { String::new() } else { format!("{parent}/") };
        Self {
            folder: folder.to_owned(),
            depth,
            prefix: prefix.to_owned(),
            after: after.map(ToOwned::to_owned),
            waiting: vec![first],
            ready: Vec::new().into_iter(),
            begun: false,
        }
    }

    pub(super) async fn next(&mut self) -> Result<Option<Page>, LakeError> {
        let ready: Vec<Entry> = self.ready.by_ref().take(PAGE).collect();
        if !ready.is_empty() {
            return Ok(Some(Page { folders: Vec::new(), files: ready }));
        }
        let mut page = Page::default();
        while let Some(key) = self.waiting.pop() {
            let listed = self.look_into(&key).await?;
            match self.depth {
                Depth::Folder => {
                    (page.folders, page.files) = (listed.folders, listed.files);
                    break;
                }
                Depth::All => {
                    self.waiting.extend(listed.folders.into_iter().rev());
                    page.files.extend(listed.files);
                    if page.files.len() >= PAGE {
                        break;
                    }
                }
            }
        }
        // Of a folder that files and folders share, S3's order is by whole keys.
        page.files.sort_by(|one, other| one.key.cmp(&other.key));
        if page.files.len() > PAGE {
            self.ready = page.files.split_off(PAGE).into_iter();
        }
        let first = !std::mem::replace(&mut self.begun, true);
        let is_empty = page.files.is_empty() && page.folders.is_empty();
        Ok((!is_empty || (first && !self.waiting.is_empty())).then_some(page))
    }

    /// What lies directly in one folder, of what the listing is about.
    async fn look_into(&self, parent: &str) -> Result<Page, LakeError> {
        let path = if parent.is_empty() { self.folder.clone() } else { self.folder.join(parent) };
        let (parent, prefix, after) = (parent.to_owned(), self.prefix.clone(), self.after.clone());
        blocking(move || {
            look_into(&path, &parent, &prefix, after.as_deref())
                .map_err(|source| LakeError::io("list", &path, source))
        })
        .await
    }
}

fn look_into(path: &Path, parent: &str, prefix: &str, after: Option<&str>) -> std::io::Result<Page> {
    let listing = match std::fs::read_dir(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Page::default()),
        listing => listing?,
    };
    let mut page = Page::default();
    for found in listing {
        let found = found?;
        let Some(name) = found.file_name().to_str().map(ToOwned::to_owned) else {
            tracing::warn!(name = ?found.file_name(), "a file whose name is not text is not listed");
            continue;
        };
        if name.starts_with(HIDDEN) {
            continue;
        }
        // A link counts as what it leads to; one that leads nowhere, or a file that vanished, as nothing.
        let Ok(about) = std::fs::metadata(found.path()) else { continue };
        let key = format!("{parent}{name}");
        if about.is_dir() {
            let key = format!("{key}/");
            let comes_later = after.is_none_or(|after| key.as_str() > after || after.starts_with(&key));
            if comes_later && (key.starts_with(prefix) || prefix.starts_with(&key)) {
                page.folders.push(key);
            }
        } else if key.starts_with(prefix) && after.is_none_or(|after| key.as_str() > after) {
            page.files.push(entry(key, &about));
        }
    }
    page.folders.sort();
    page.files.sort_by(|one, other| one.key.cmp(&other.key));
    Ok(page)
}
