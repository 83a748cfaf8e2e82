//! The instance metadata service, version 2 only: how a program on the host gets the credentials of its profile.

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};

use super::server::{Body, plain};
use super::world::Shared;

/// Where the paths of this door begin; the instance's id follows.
pub(crate) const PREFIX: &str = "/_imds/";

pub(crate) async fn answer(_: &Arc<Shared>, _: Request<Incoming>) -> Response<Body> {
    plain(StatusCode::NOT_FOUND, "")
}
