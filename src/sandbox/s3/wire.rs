//! S3's door.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use crate::sandbox::server::{Body, plain};
use crate::sandbox::world::Shared;

/// Answers a request to S3. `access_key` is the one that signed, if any did.
pub(crate) async fn answer(
    _: &Arc<Shared>,
    _: Request<Incoming>,
    _access_key: Option<&str>,
    _request_id: &str,
) -> Response<Body> {
    plain(StatusCode::NOT_IMPLEMENTED, "")
}
