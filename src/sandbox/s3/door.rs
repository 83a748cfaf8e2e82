//! Who asks S3, and the way from an operation to the world and back.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use s3s::crypto::{Checksum as _, Sha256};
use s3s::{S3Error, S3ErrorCode, S3Result, dto};

use crate::sandbox::call::Caller;
use crate::sandbox::store::StoreError;
use crate::sandbox::world::{Shared, World};

/// What came after a body, once it is read to its end.
pub(super) type Trailers = Arc<Mutex<Vec<(String, String)>>>;

/// One request: all that an operation needs to know besides its parameters.
#[derive(Debug, Clone)]
pub(super) struct Door {
    pub(super) shared: Arc<Shared>,
    pub(super) caller: Caller,
    /// Where the caller means to be.
    pub(super) region: String,
    pub(super) now: Timestamp,
    pub(super) trailers: Trailers,
}

impl Door {
    /// Looks at the world.
    pub(super) async fn look<T: Send + 'static>(
        &self,
        at: impl FnOnce(&World) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.look_whole(at).map_err(unwritten)?).await?
    }

    /// Changes the world.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        how: impl FnOnce(&mut World) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.with(how).map_err(unwritten)?).await?
    }

    /// The sandbox's folder.
    pub(super) async fn folder(&self) -> S3Result<std::path::PathBuf> {
        self.look(|world| Ok(world.folder.clone())).await
    }

    /// A trailer of the body, which is there once the body is read.
    pub(super) fn trailer(&self, name: &str) -> Option<String> {
        let trailers = self.trailers.lock().unwrap_or_else(PoisonError::into_inner);
        trailers.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    }

    pub(super) fn owner(&self) -> dto::Owner {
        let account = self.caller.account();
        dto::Owner { display_name: Some(account.to_owned()), id: Some(canonical_id(account)) }
    }
}

/// The id that S3 knows an account by: no more than that it is 64 digits is said of it.
fn canonical_id(account: &str) -> String {
    use std::fmt::Write;
    Sha256::checksum(account.as_bytes()).iter().fold(String::new(), |mut id, byte| {
        write!(id, "{byte:02x}").expect("text takes all that is written");
        id
    })
}

/// The state's file is read and written there, and disk blocks.
async fn blocking<T: Send + 'static>(act: impl FnOnce() -> T + Send + 'static) -> S3Result<T> {
    tokio::task::spawn_blocking(act).await.map_err(|panic| {
        tracing::error!(%panic, service = "s3", "a fault of the sandbox itself");
        S3Error::internal_error(panic)
    })
}

fn unwritten(error: StoreError) -> S3Error {
    tracing::error!(%error, service = "s3", "the sandbox's state is not written");
    S3Error::with_message(S3ErrorCode::InternalError, error.to_string())
}

/// A time as answers show it.
pub(super) fn shown(seconds: i64) -> dto::Timestamp {
    let time = Timestamp::from_second(seconds).unwrap_or_default();
    std::time::SystemTime::from(time).into()
}
