//! The sandbox's own door: what it is, which faults are on, and starting anew.
//!
//! ```text
//! GET    /_hydrant/          what this is
//! GET    /_hydrant/faults    the faults that are on, as a JSON list of texts
//! PUT    /_hydrant/faults    from now on there are these
//! POST   /_hydrant/reset     forget everything
//! ```
//!
//! What changes something must carry the header `x-hydrant-control`, which no page in a browser can send here.

use std::sync::Arc;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use serde_json::json;

use super::fault::Fault;
use super::s3;
use super::server::{Body, plain};
use super::world::Shared;

/// Where the paths of this door begin.
pub(crate) const PREFIX: &str = "/_hydrant/";

const HEADER: &str = "x-hydrant-control";
const LARGEST_REQUEST: usize = 64 << 10;

pub(crate) async fn answer(shared: &Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    if parts.method != Method::GET && !parts.headers.contains_key(HEADER) {
        return plain(StatusCode::FORBIDDEN, format!("this needs the header {HEADER}\n"));
    }
    let what = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let done = match (parts.method, what) {
        (Method::GET, "") => Ok(json!({ "sandbox": env!("CARGO_PKG_VERSION") }).to_string()),
        (Method::GET, "faults") => Ok(faults(shared)),
        (Method::PUT, "faults") => match Limited::new(body, LARGEST_REQUEST).collect().await {
            Ok(body) => match serde_json::from_slice::<Vec<Fault>>(&body.to_bytes()) {
                Ok(new) => shared
                    .with(|world| world.faults.set(new))
                    .map(|()| faults(shared))
                    .map_err(|error| error.to_string()),
                Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
            },
            Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
        },
        (Method::POST, "reset") => {
            let forgotten = shared.reset().map_err(|error| error.to_string());
            let sweeping = Arc::clone(shared);
            tokio::task::spawn_blocking(move || s3::sweep_leftovers(&sweeping));
            forgotten.map(|()| "{}".to_owned())
        }
        _ => return plain(StatusCode::NOT_FOUND, "there is no such thing here\n"),
    };
    match done {
        Ok(document) => plain(StatusCode::OK, document + "\n"),
        Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, error + "\n"),
    }
}

fn faults(shared: &Shared) -> String {
    json!(shared.look(|world| world.faults.list().cloned().collect::<Vec<_>>())).to_string()
}
