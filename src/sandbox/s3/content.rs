//! The files with the bytes of objects: `objects/<first two digits>/<uuid>` under the sandbox's folder.
//!
//! Bytes are written as they come and read as they go, never a whole large object in memory. They are on disk before a
//! row can name them (Linux's file systems write the names of a new file and its folder with its first sync). A file
//! that was written is removed again unless a row took it over.

use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http_body_util::StreamBody;
use hyper::body::Frame;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Md5};
use s3s::dto::StreamingBlob;
use s3s::{Body, S3Error, S3Result, dto, s3_error};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufWriter};

use super::about::About;
use super::checksum::{self, Algorithm, Checksum};
use super::refused::refuse;
use super::{Object, Piece};

/// What is read or written at once.
const BUFFER: usize = 256 << 10;
/// What one request can put.
const LARGEST: u64 = 5 << 30;

fn path(folder: &Path, file: &str) -> PathBuf {
    folder.join("objects").join(file.get(..2).unwrap_or("00")).join(file)
}

/// A file that no row names yet: it goes unless it is kept.
#[derive(Debug)]
pub(super) struct Fresh {
    path: PathBuf,
    name: Box<str>,
    kept: bool,
}

impl Fresh {
    fn new(folder: &Path) -> io::Result<Self> {
        let name: Box<str> = uuid::Uuid::new_v4().simple().to_string().into();
        let path = path(folder, &name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        Ok(Self { path, name, kept: false })
    }

    fn keep(mut self) -> Box<str> {
        self.kept = true;
        std::mem::take(&mut self.name)
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if !self.kept {
            remove_file(&self.path);
        }
    }
}

/// Bytes that are in a file of their own now.
#[derive(Debug)]
pub(super) struct Arrived {
    file: Fresh,
    pub(super) size: u64,
    pub(super) md5: [u8; 16],
    pub(super) sums: dto::Checksum,
}

impl Arrived {
    /// The hexadecimal MD5, which is the `ETag` of what came in one piece.
    pub(super) fn etag(&self) -> Box<str> {
        format!("{:032x}", u128::from_be_bytes(self.md5)).into()
    }

    /// The file for a row that takes it over.
    pub(super) fn into_piece(self) -> Piece {
        Piece { size: self.size, file: self.file.keep() }
    }

    /// An object of these bytes, with the sum of an algorithm that was computed on the way.
    pub(super) fn into_object(self, algorithm: Algorithm, about: Option<Box<About>>) -> Object {
        let value = checksum::of(&self.sums, algorithm).unwrap_or_default().into();
        Object {
            size: self.size,
            etag: self.etag(),
            checksum: Checksum { algorithm, value },
            about,
            pieces: Box::new([self.into_piece()]),
        }
    }
}

/// What is computed of bytes as they pass.
struct Passing {
    size: u64,
    md5: Md5,
    sums: ChecksumHasher,
}

impl Passing {
    fn new(algorithms: &[Algorithm]) -> Self {
        Self { size: 0, md5: Md5::new(), sums: checksum::hasher(algorithms) }
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.md5.update(bytes);
        self.sums.update(bytes);
    }

    fn arrived(self, file: Fresh) -> Arrived {
        Arrived { file, size: self.size, md5: self.md5.finalize(), sums: self.sums.finalize() }
    }
}

/// Writes bytes that are in memory.
pub(super) fn write(folder: &Path, bytes: &[u8]) -> io::Result<Arrived> {
    let fresh = Fresh::new(folder)?;
    let mut file = File::create_new(&fresh.path)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    let mut passing = Passing::new(&[Algorithm::Crc64Nvme]);
    passing.pass(bytes);
    Ok(passing.arrived(fresh))
}

/// Writes a body as it comes in.
pub(super) async fn take(
    folder: &Path,
    body: Option<StreamingBlob>,
    algorithms: &[Algorithm],
) -> S3Result<Arrived> {
    let fresh = Fresh::new(folder).map_err(broken)?;
    let file = tokio::fs::File::create_new(&fresh.path).await.map_err(broken)?;
    let mut file = BufWriter::with_capacity(BUFFER, file);
    let mut passing = Passing::new(algorithms);
    let mut body = body;
    while let Some(bytes) = next(&mut body).await? {
        passing.pass(&bytes);
        if passing.size > LARGEST {
            return Err(s3_error!(EntityTooLarge));
        }
        file.write_all(&bytes).await.map_err(broken)?;
    }
    file.flush().await.map_err(broken)?;
    file.get_ref().sync_data().await.map_err(broken)?;
    Ok(passing.arrived(fresh))
}

/// A client that has sent nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body did not come in time")]
pub(super) struct TooSlow;

/// A body that is not the one that was signed.
#[derive(Debug, thiserror::Error)]
#[error("the body is not the one that was signed")]
pub(super) struct NotAsSigned;

async fn next(body: &mut Option<StreamingBlob>) -> S3Result<Option<Bytes>> {
    let Some(body) = body else { return Ok(None) };
    match body.next().await {
        None => Ok(None),
        Some(Ok(bytes)) => Ok(Some(bytes)),
        Some(Err(error)) if error.is::<TooSlow>() => Err(s3_error!(RequestTimeout)),
        Some(Err(error)) if error.is::<NotAsSigned>() => Err(refuse(
            "XAmzContentSHA256Mismatch",
            400,
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )),
        Some(Err(_)) => Err(s3_error!(IncompleteBody)),
    }
}

fn broken(error: io::Error) -> S3Error {
    tracing::error!(%error, "an object's file cannot be written or read");
    S3Error::internal_error(error)
}

/// A range of an object's bytes on its way out.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// The file that is read, and how much of it is left.
    current: Option<(File, u64)>,
    /// The files after it, and what of them is wanted.
    rest: VecDeque<(PathBuf, Range<u64>)>,
}

impl Outgoing {
    /// Opens the first file, so that an object that is deleted now can still be read. To be called while its row is
    /// sure to be there.
    pub(super) fn open(folder: &Path, object: &Object, range: &Range<u64>) -> S3Result<Self> {
        let mut rest = slices(folder, &object.pieces, range);
        let Some((path, wanted)) = rest.pop_front() else { return Ok(Self::default()) };
        let mut file = File::open(path).map_err(broken)?;
        file.seek(SeekFrom::Start(wanted.start)).map_err(broken)?;
        Ok(Self { current: Some((file, wanted.end - wanted.start)), rest })
    }

    /// The bytes as a body.
    pub(super) fn into_body(self) -> StreamingBlob {
        let reading = Reading {
            current: self.current.map(|(file, left)| (tokio::fs::File::from_std(file), left)),
            rest: self.rest,
        };
        let bytes = futures_util::stream::unfold(reading, |mut reading| async move {
            let bytes = reading.next().await.transpose()?;
            Some((bytes.map(Frame::data), reading))
        });
        StreamingBlob::from(Body::http_body_unsync(StreamBody::new(bytes)))
    }
}

/// Which bytes of which files a range of an object is.
fn slices(folder: &Path, pieces: &[Piece], range: &Range<u64>) -> VecDeque<(PathBuf, Range<u64>)> {
    let mut begin = 0;
    let mut slices = VecDeque::new();
    for piece in pieces {
        let end = begin + piece.size;
        let wanted = range.start.max(begin)..range.end.min(end);
        if !wanted.is_empty() {
            slices.push_back((path(folder, &piece.file), wanted.start - begin..wanted.end - begin));
        }
        begin = end;
    }
    slices
}

struct Reading {
    current: Option<(tokio::fs::File, u64)>,
    rest: VecDeque<(PathBuf, Range<u64>)>,
}

impl Reading {
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            match &mut self.current {
                Some((file, left)) if *left > 0 => {
                    let mut bytes =
                        BytesMut::with_capacity(BUFFER.min(usize::try_from(*left).unwrap_or(BUFFER)));
                    let read = file.take(*left).read_buf(&mut bytes).await?;
                    if read == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    *left -= read as u64;
                    return Ok(Some(bytes.freeze()));
                }
                _ => {
                    let Some((path, wanted)) = self.rest.pop_front() else { return Ok(None) };
                    let mut file = tokio::fs::File::open(path).await?;
                    file.seek(SeekFrom::Start(wanted.start)).await?;
                    self.current = Some((file, wanted.end - wanted.start));
                }
            }
        }
    }
}

/// Removes a file that no row names.
pub(super) fn remove(folder: &Path, file: &str) {
    remove_file(&path(folder, file));
}

fn remove_file(path: &Path) {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            tracing::warn!(%error, "an object's file cannot be removed");
        }
        _ => {}
    }
}

/// Removes the files that are older than a moment and not among those named.
pub(super) fn sweep(folder: &Path, named: &HashSet<Box<str>>, before: SystemTime) {
    let Ok(folders) = folder.join("objects").read_dir() else { return };
    let files = folders.flatten().filter_map(|entry| entry.path().read_dir().ok()).flatten().flatten();
    for file in files {
        let is_named = file.file_name().to_str().is_some_and(|name| named.contains(name));
        let is_old = file.metadata().and_then(|about| about.modified()).is_ok_and(|at| at < before);
        if !is_named && is_old {
            remove_file(&file.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_nobody_took_over_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let arrived = write(folder.path(), b"hello").expect("written");
        let path = arrived.file.path.clone();
        assert!(path.exists());
        drop(arrived);
        assert!(!path.exists());
    }

    #[test]
    fn a_range_over_pieces_is_the_right_bytes_of_each() {
        let piece = |file: &str, size| Piece { file: file.into(), size };
        let pieces = [piece("aa1", 10), piece("bb2", 0), piece("cc3", 5)];
        let names = |range: Range<u64>| {
            let slices = slices(Path::new(""), &pieces, &range);
            slices
                .into_iter()
                .map(|(path, wanted)| {
                    (path.file_name().expect("a name").to_string_lossy().into_owned(), wanted)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(names(0..15), [("aa1".to_owned(), 0..10), ("cc3".to_owned(), 0..5)]);
        assert_eq!(names(9..11), [("aa1".to_owned(), 9..10), ("cc3".to_owned(), 0..1)]);
        assert_eq!(names(10..12), [("cc3".to_owned(), 0..2)]);
        assert_eq!(names(3..3), []);
    }

    #[test]
    fn leftovers_are_swept_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let [kept, left] =
            [b"kept", b"left"].map(|bytes| write(folder.path(), bytes).expect("written").into_piece().file);
        let named = HashSet::from([kept.clone()]);
        sweep(folder.path(), &named, SystemTime::UNIX_EPOCH);
        assert!(path(folder.path(), &left).exists(), "it may be in the making");
        sweep(folder.path(), &named, SystemTime::now() + Duration::from_secs(1));
        assert!(!path(folder.path(), &left).exists());
        assert!(path(folder.path(), &kept).exists());
    }
}
