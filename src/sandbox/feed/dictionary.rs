//! The dictionary that Jetstream's second version compresses with: trained on this feed's own events, and given to
//! whoever asks.

use std::io;
use std::sync::LazyLock;

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::net::TcpStream;
use zstd::dict::EncoderDictionary;

use super::jetstream_asked::Query;

/// Made by `zstandard.train_dictionary(16384, events, dict_id=20261126)` of some thousand events of seed 1.
pub(super) const BYTES: &[u8] = include_bytes!("jetstream.dictionary");
const LEVEL: i32 = 3;
const PATH: &str = "/xrpc/network.bsky.jetstream.getZstdDictionary";
const HEAD_LIMIT: std::time::Duration = std::time::Duration::from_secs(10);
/// The first line of a request comes as one piece, but for clients that are none.
const FIRST_LINE_LIMIT: std::time::Duration = std::time::Duration::from_secs(2);

static PREPARED: LazyLock<EncoderDictionary<'static>> =
    LazyLock::new(|| EncoderDictionary::copy(BYTES, LEVEL));

/// The dictionary's number: in its head, after the magic one (RFC 8878, section 5).
pub(super) fn id() -> u64 {
    match BYTES {
        [_, _, _, _, a, b, c, d, ..] => u64::from(u32::from_le_bytes([*a, *b, *c, *d])),
        _ => 0,
    }
}

/// One frame of these bytes.
pub(super) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    zstd::bulk::Compressor::with_prepared_dictionary(&PREPARED)?.compress(bytes)
}

/// Whether a client that just connected asks for the dictionary, and for no subscription.
pub(super) async fn is_asked_for(stream: &TcpStream) -> io::Result<bool> {
    let mut head = [0; 4 + PATH.len()];
    let peeked = tokio::time::timeout(FIRST_LINE_LIMIT, async {
        loop {
            let seen = stream.peek(&mut head).await?;
            let wanted = b"GET ".iter().chain(PATH.as_bytes());
            let differs = head.iter().take(seen).zip(wanted).any(|(byte, wanted)| byte != wanted);
            if differs || seen == 0 || seen == head.len() {
                return Ok(!differs && seen == head.len());
            }
            // The rest of the line is on its way.
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    peeked.await.unwrap_or(Ok(false))
}

/// Answers the request for it.
pub(super) async fn answer(stream: TcpStream) -> io::Result<()> {
    let service = service_fn(|request: Request<hyper::body::Incoming>| async move {
        Ok::<_, std::convert::Infallible>(document(request.uri().query().unwrap_or_default()))
    });
    hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
        .map_err(io::Error::other)
}

fn document(query: &str) -> Response<Full<Bytes>> {
    let wanted = Query::of(query).number("id");
    let (status, kind, body) = match wanted {
        Ok(None) => (StatusCode::OK, "application/octet-stream", Bytes::from_static(BYTES)),
        Ok(Some(wanted)) if wanted == id() => {
            (StatusCode::OK, "application/octet-stream", Bytes::from_static(BYTES))
        }
        Ok(Some(wanted)) => {
            let error = json!({ "error": "DictionaryNotFound", "message": format!("there is no dictionary {wanted}") });
            (StatusCode::NOT_FOUND, "application/json", error.to_string().into())
        }
        Err(message) => {
            let error = json!({ "error": "InvalidRequest", "message": message });
            (StatusCode::BAD_REQUEST, "application/json", error.to_string().into())
        }
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static(kind));
    response
}
