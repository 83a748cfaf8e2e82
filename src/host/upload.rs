//! A file put on the host whole or not at all: sent to a temporary name beside it, compared by its checksum, renamed.
//! What an upload that was cut left behind, a later one removes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::output::{Order, word};
use super::{Host, HostError};

/// What is uploaded, and where to. Paths on the host are relative to the home folder, or absolute.
#[derive(Debug, Clone)]
pub(super) struct Upload<'a> {
    /// What it is, in the operator's words.
    pub(super) what: &'a str,
    /// Where it is put.
    pub(super) path: &'a str,
    /// Its permissions, as `chmod` takes them.
    pub(super) mode: &'a str,
    /// A command that must go well with the temporary file as `$1`, before the file gets its name.
    pub(super) proof: Option<&'a str>,
    /// How long it may take.
    pub(super) limit: Duration,
}

/// The SHA-256 of a file's content, in hexadecimal.
pub(super) fn checksum(content: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a String takes every text");
        text
    })
}

/// The checksum of a file on the host; `None` if it is not there.
pub(super) async fn checksum_there(host: &Host, path: &str) -> Result<Option<String>, HostError> {
    let what = format!("looking at {path}");
    let path = word(path);
    let order = Order::new(&*what, format!("if [ -e {path} ]; then sha256sum < {path}; fi"));
    let output = host.run(&order.within(Duration::from_mins(1))).await?.good(&what)?;
    Ok(output.split_whitespace().next().map(str::to_owned))
}

/// The checksum of a file of this machine, and how many bytes it has.
pub(super) async fn checksum_here(path: &Path) -> Result<(String, usize), HostError> {
    let path = path.to_owned();
    blocking(move || {
        let content = std::fs::read(&path).map_err(HostError::file("read", &path))?;
        Ok((checksum(&content), content.len()))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HostError> + Send + 'static,
) -> Result<T, HostError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(HostError::Interrupted))
}

/// Compresses a file of this machine, fast: the link is slower than both ends, but not by much. The checksum is that of
/// what was compressed.
pub(super) async fn compress(path: &Path) -> Result<(Arc<[u8]>, String), HostError> {
    let path = path.to_owned();
    blocking(move || {
        let content = std::fs::read(&path).map_err(HostError::file("read", &path))?;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let packed = encoder.write_all(&content).and_then(|()| encoder.finish());
        let packed = packed.map_err(HostError::file("compress", &path))?;
        Ok((Arc::from(packed), checksum(&content)))
    })
    .await
}

/// Puts a file there; `content` is compressed if `packed` says so.
pub(super) async fn put(
    host: &Host,
    upload: &Upload<'_>,
    content: Arc<[u8]>,
    packed: bool,
    checksum: &str,
) -> Result<(), HostError> {
    let Upload { what, limit, .. } = upload;
    let order = Order::new(*what, script(upload, packed, checksum)).reading(content).within(*limit);
    host.run(&order).await?.good(what).map(drop)
}

/// What takes the content there.
fn script(upload: &Upload<'_>, packed: bool, checksum: &str) -> String {
    let Upload { path, mode, proof, limit, .. } = upload;
    let path = word(path);
    let unpack = if packed { "gzip -dc" } else { "cat" };
    let proof = proof.map(|proof| format!("set -- \"$new\"; {proof}\n")).unwrap_or_default();
    // Another may be under way at the same time: what was not written to for longer than one may take is of none. A
    // `find` that knows no minutes leaves it there.
    let minutes = limit.as_secs() / 60 + 1;
    format!(
        "set -e; umask 077\n\
         folder=$(dirname {path})\n\
         mkdir -p \"$folder\"\n\
         find \"$folder\" -maxdepth 1 -name \"$(basename {path}).new.*\" -mmin +{minutes} -exec rm -f {{}} \\; 2>/dev/null || true\n\
         new={path}.new.$$\n\
         trap 'rm -f \"$new\"' EXIT\n\
         {unpack} > \"$new\"\n\
         [ \"$(sha256sum < \"$new\" | cut -d' ' -f1)\" = {checksum} ] || {{ echo 'it arrived other than it was sent' >&2; exit 1; }}\n\
         chmod {mode} \"$new\"\n\
         {proof}\
         mv -f \"$new\" {path}\n\
         trap - EXIT\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_was_cut_is_removed_and_what_another_is_sending_is_not() {
        let home = tempfile::tempdir().expect("a folder");
        let left = |name: &str, minutes: u64| {
            let file = std::fs::File::create(home.path().join(name)).expect("made");
            let then = SystemTime::now() - Duration::from_secs(60 * minutes);
            file.set_modified(then).expect("set");
        };
        left("it's.new.1", 15);
        left("it's.new.2", 9);
        left("another.new.3", 15);
        let limit = Duration::from_mins(10);
        let upload = Upload { what: "a file", path: "it's", mode: "644", proof: None, limit };
        let mut sh = Command::new("sh");
        sh.arg("-c").arg(script(&upload, false, &checksum(b"content"))).current_dir(home.path());
        let mut sh = sh.stdin(Stdio::piped()).spawn().expect("sh");
        sh.stdin.take().expect("a pipe").write_all(b"content").expect("sent");
        assert!(sh.wait().expect("it ends").success());
        let files = std::fs::read_dir(home.path()).expect("a folder");
        let mut names: Vec<_> = files.map(|file| file.expect("one").file_name()).collect();
        names.sort();
        assert_eq!(names, ["another.new.3", "it's", "it's.new.2"]);
        assert_eq!(std::fs::read(home.path().join("it's")).expect("there"), b"content");
    }
}
