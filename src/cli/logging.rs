//! hydrant's own log: a file a day in the user's state folder, seven of them kept. Secrets cannot reach it, as their
//! type has no way to be printed; the clients' own debug output, which would hold requests, is left out.

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::EnvFilter;

use crate::settings::Folders;

/// Days of log that are kept.
const DAYS: usize = 7;

/// Lines that may wait for the disk; further ones are dropped. Their places are all touched at the start: the crate's
/// own 128,000 cost 4 MB of memory before a line is written.
const WAITING: usize = 4_096;

/// Starts logging; the guard writes out what is left when it is dropped. Without a folder to write to, hydrant works
/// without a log.
pub(super) fn start(folders: &Folders, verbose: u8) -> Option<WorkerGuard> {
    Folders::make_private(&folders.state).ok()?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("hydrant")
        .filename_suffix("log")
        .max_log_files(DAYS)
        .build(&folders.state)
        .ok()?;
    let (writer, guard) = NonBlockingBuilder::default().buffered_lines_limit(WAITING).finish(files);
    // The crate of the sandbox's S3 writes down every refusal as an error; ours knows which are.
    let level = if verbose > 1 { "hydrant=debug,s3s=off,warn" } else { "hydrant=info,s3s=off,error" };
    let subscriber = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_ansi(false)
        .with_env_filter(EnvFilter::new(level))
        .finish();
    tracing::subscriber::set_global_default(subscriber).ok()?;
    Some(guard)
}
