//! S3's door: takes the signature off a request and the chunks out of its body, lets `s3s` read it and write its
//! answer, and completes what is refused.

use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::{BodyExt, BodyStream, Full, Limited, StreamBody};
use hyper::body::{Frame, SizeHint};
use hyper::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderName, HeaderValue, RANGE,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use s3s::crypto::{Checksum as _, Sha256};
use s3s::host::{S3Host, VirtualHost};
use s3s::service::S3ServiceBuilder;
use s3s::{HttpResponse, S3Error, S3Result, s3_error};

use super::chunked::Chunked;
use super::content::{NotAsSigned, TooSlow};
use super::door::{Door, Trailers};
use super::gate::NoKeys;
use super::refused;
use super::signing::{self, Signed};
use crate::sandbox::call::Caller;
use crate::sandbox::iam;
use crate::sandbox::inflow::Inflow;
use crate::sandbox::server::Body;
use crate::sandbox::world::Shared;

/// No document of an error is larger.
const LARGEST_ERROR: usize = 64 << 10;
/// A client that sends nothing for so long has gone away.
const PATIENCE: Duration = Duration::from_secs(20);
/// The region of clients that do not say.
const USUAL_REGION: &str = "us-east-1";

/// Answers a request to S3. `access_key` is the one that signed, if any did.
pub(crate) async fn answer(
    shared: &Arc<Shared>,
    request: Request<Inflow>,
    access_key: Option<&str>,
    request_id: &str,
) -> Response<Body> {
    let about = refused::About::of(request.uri());
    let answered = match ask(shared, request, access_key).await {
        Ok(answered) => Ok(answered),
        Err(error) => error.to_http_response(),
    };
    match answered {
        Ok(answered) => {
            let mut response = complete(answered, &about, request_id).await;
            response.headers_mut().insert("x-amz-id-2", HeaderValue::from_static(refused::HOST_ID));
            response
        }
        Err(error) => {
            tracing::error!(%error, service = "s3", "an answer could not be written");
            let mut response = Response::new(Full::new(Bytes::new()).boxed());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

async fn ask(
    shared: &Arc<Shared>,
    request: Request<Inflow>,
    access_key: Option<&str>,
) -> S3Result<HttpResponse> {
    let (mut parts, body) = request.into_parts();
    let signed = Signed::read(&parts)?.ok_or_else(|| s3_error!(AccessDenied))?;
    let access_key = access_key.unwrap_or(&signed.access_key).to_owned();
    signing::strip(&mut parts);
    put_right(&mut parts)?;
    let (now, caller) = {
        let shared = Arc::clone(shared);
        // The world may be held by one who writes to disk.
        let looked = tokio::task::spawn_blocking(move || {
            shared.look(|world| {
                let now = world.now();
                (now, iam::caller(world, &access_key, now))
            })
        });
        looked.await.map_err(S3Error::internal_error)?
    };
    signed.check(now)?;
    if matches!(caller, Caller::Expired(_)) {
        return Err(s3_error!(ExpiredToken, "The provided token has expired."));
    }
    let region = if signed.region.is_empty() { USUAL_REGION.to_owned() } else { signed.region };
    let door = Door { shared: Arc::clone(shared), caller, region, now, trailers: Trailers::default() };
    let body = decoded(&mut parts.headers, body, &door.trailers)?;
    let mut service = S3ServiceBuilder::new(door.clone());
    service.set_auth(NoKeys);
    service.set_access(door);
    service.set_host(Loopback);
    let answered = service.build().call(Request::from_parts(parts, body)).await;
    answered.map_err(|error| S3Error::with_source(s3s::S3ErrorCode::InternalError, error.into()))
}

/// What S3 takes and `s3s` does not.
fn put_right(parts: &mut Parts) -> S3Result<()> {
    // A range that cannot be read, or several, are as good as none.
    let readable = parts
        .headers
        .get(RANGE)
        .is_none_or(|range| range.to_str().is_ok_and(|range| s3s::dto::Range::parse(range).is_ok()));
    if !readable {
        parts.headers.remove(RANGE);
    }
    let algorithm = HeaderName::from_static("x-amz-checksum-algorithm");
    if let Some(named) = parts.headers.get("x-amz-sdk-checksum-algorithm").cloned()
        && !parts.headers.contains_key("x-amz-trailer")
    {
        parts.headers.entry(algorithm).or_insert(named);
    }
    let deletes_many = parts.method == Method::POST
        && parts
            .uri
            .query()
            .is_some_and(|query| query.split('&').any(|pair| pair == "delete" || pair == "delete="));
    let has_digest = parts.headers.keys().any(|name| {
        let name = name.as_str();
        name == "content-md5" || name == "x-amz-trailer" || name.starts_with("x-amz-checksum-")
    });
    if deletes_many && !has_digest {
        return Err(s3_error!(InvalidRequest, "Missing required header for this request: Content-MD5"));
    }
    let takes_bytes =
        parts.method == Method::PUT && parts.uri.query().is_none_or(|query| !query.contains("tagging"));
    let has_length = parts.headers.contains_key(CONTENT_LENGTH)
        || parts.headers.contains_key("x-amz-decoded-content-length");
    if takes_bytes && !has_length && parts.headers.contains_key("transfer-encoding") {
        return Err(s3_error!(MissingContentLength));
    }
    Ok(())
}

/// A bucket may be named by the host: `bucket.localhost`.
struct Loopback;

impl S3Host for Loopback {
    fn parse_host_header<'a>(&'a self, host: &'a str) -> S3Result<VirtualHost<'a>> {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        Ok(match name.strip_suffix(".localhost") {
            Some(bucket) if bucket != "s3" => VirtualHost::new("localhost").with_bucket(bucket),
            _ => VirtualHost::new(name),
        })
    }
}

const CHUNKED: &str = "aws-chunked";

/// The body without its chunks. What comes after them is in `trailers` once the body is read.
fn decoded(headers: &mut HeaderMap, body: Inflow, trailers: &Trailers) -> S3Result<s3s::Body> {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let encodings = header(CONTENT_ENCODING.as_str()).unwrap_or_default().to_owned();
    let streams = header("x-amz-content-sha256").is_some_and(|sum| sum.starts_with("STREAMING-"));
    if !streams && !encodings.contains(CHUNKED) {
        let signed =
            header("x-amz-content-sha256").filter(|sum| sum.len() == 64).map(str::to_ascii_lowercase);
        let whole = Whole { body: Plain(BodyStream::new(body)), signed, sum: Sha256::new() };
        return Ok(streamed(whole, |mut whole| async move {
            let bytes = whole.next().await;
            (bytes, whole)
        }));
    }
    let length: u64 = header("x-amz-decoded-content-length")
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| s3_error!(MissingContentLength))?;
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    headers.remove("x-amz-content-sha256");
    // The rest of it is the object's own encoding.
    let rest: Vec<&str> =
        encodings.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != CHUNKED).collect();
    match HeaderValue::from_str(&rest.join(",")) {
        Ok(rest) if !rest.is_empty() => drop(headers.insert(CONTENT_ENCODING, rest)),
        _ => drop(headers.remove(CONTENT_ENCODING)),
    }
    let reading = Reading {
        body: Plain(BodyStream::new(body)),
        chunks: Chunked::default(),
        ready: Vec::new().into_iter(),
        left: length,
        trailers: Arc::clone(trailers),
    };
    Ok(streamed(reading, |mut reading| async move {
        let bytes = reading.next().await;
        (bytes, reading)
    }))
}

type Read = Result<Option<Bytes>, s3s::StdError>;

/// A body of what is read piece by piece.
fn streamed<R: Send + 'static, F: Future<Output = (Read, R)> + Send + 'static>(
    reading: R,
    mut next: impl FnMut(R) -> F + Send + 'static,
) -> s3s::Body {
    let bytes = futures_util::stream::unfold(reading, move |reading| {
        let next = next(reading);
        async move {
            let (bytes, reading) = next.await;
            Some((bytes.transpose()?.map(Frame::data), reading))
        }
    });
    s3s::Body::http_body_unsync(StreamBody::new(Box::pin(bytes)))
}

/// A body as it comes in.
struct Plain(BodyStream<Inflow>);

impl Plain {
    async fn next(&mut self) -> Read {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.0.next()).await.map_err(|_| TooSlow)?;
            let Some(frame) = frame.transpose()? else { return Ok(None) };
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

/// A body that comes as it is, and that must be the one that was signed if its sum is.
struct Whole {
    body: Plain,
    /// In hexadecimal digits.
    signed: Option<String>,
    sum: Sha256,
}

impl Whole {
    async fn next(&mut self) -> Read {
        let Some(bytes) = self.body.next().await? else {
            let sum = std::mem::replace(&mut self.sum, Sha256::new()).finalize();
            let is_other = self.signed.take().is_some_and(|signed| !is_hex_of(&signed, &sum));
            return if is_other { Err(NotAsSigned.into()) } else { Ok(None) };
        };
        if self.signed.is_some() {
            self.sum.update(&bytes);
        }
        Ok(Some(bytes))
    }
}

/// Whether hexadecimal digits stand for these bytes.
fn is_hex_of(digits: &str, bytes: &[u8]) -> bool {
    let pairs = (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok());
    pairs.eq(bytes.iter().copied().map(Some))
}

/// A body in chunks that is being read.
struct Reading {
    body: Plain,
    chunks: Chunked,
    ready: std::vec::IntoIter<Bytes>,
    /// How many bytes are still to come.
    left: u64,
    trailers: Trailers,
}

impl Reading {
    async fn next(&mut self) -> Read {
        loop {
            if let Some(bytes) = self.ready.next() {
                self.left = self.left.checked_sub(bytes.len() as u64).ok_or("more than was announced")?;
                return Ok(Some(bytes));
            }
            let Some(bytes) = self.body.next().await? else { return self.end() };
            let mut ready = Vec::new();
            self.chunks.feed(bytes, &mut ready)?;
            self.ready = ready.into_iter();
        }
    }

    fn end(&mut self) -> Read {
        if !self.chunks.is_over() || self.left > 0 {
            return Err("the body was cut off".into());
        }
        let mut trailers = self.trailers.lock().unwrap_or_else(PoisonError::into_inner);
        *trailers = std::mem::take(&mut self.chunks).into_trailers();
        Ok(None)
    }
}

/// An answer for the server: what is refused gets its last members, what is not there gets no document.
async fn complete(answered: HttpResponse, about: &refused::About, request_id: &str) -> Response<Body> {
    let (mut parts, body) = answered.into_parts();
    if parts.status == StatusCode::NOT_MODIFIED {
        parts.headers.remove(CONTENT_TYPE);
        return Response::from_parts(parts, Full::new(Bytes::new()).boxed());
    }
    if parts.status.is_success() {
        if parts.headers.contains_key(CONTENT_RANGE) {
            parts.status = StatusCode::PARTIAL_CONTENT;
        }
        return Response::from_parts(parts, BodyExt::boxed(Outgoing(body)));
    }
    let document = match Limited::new(body, LARGEST_ERROR).collect().await {
        Ok(document) => String::from_utf8_lossy(&document.to_bytes()).into_owned(),
        Err(_) => String::new(),
    };
    let document = refused::complete(&document, about, request_id);
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(document.len()));
    Response::from_parts(parts, Full::new(Bytes::from(document)).boxed())
}

/// The body of an answer. When its file cannot be read to the end, it ends before its length, and the connection
/// with it: that is how a client learns of it.
struct Outgoing(s3s::Body);

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context).map(|frame| match frame? {
            Ok(frame) => Some(Ok(frame)),
            Err(error) => {
                tracing::error!(%error, service = "s3", "an object cannot be read to its end");
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types::ChecksumMode;

    use crate::sandbox::{Options, Sandbox};

    #[tokio::test]
    async fn a_file_that_the_sdk_uploads_in_chunks_comes_back_as_it_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
        std::fs::write(&file, &bytes).expect("written");
        let options = Options::new(folder.path().join("sandbox"));
        let sandbox = Sandbox::start(options).expect("a sandbox");
        let settings = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
            .endpoint_url(sandbox.endpoint_url())
            .force_path_style(true)
            .build();
        let s3 = aws_sdk_s3::Client::from_conf(settings);
        s3.create_bucket().bucket("posts").send().await.expect("a bucket");
        let body = ByteStream::from_path(&file).await.expect("a body");
        s3.put_object().bucket("posts").key("a/b c").body(body).send().await.expect("put");
        let there = s3.get_object().bucket("posts").key("a/b c").checksum_mode(ChecksumMode::Enabled);
        let there = there.send().await.expect("an object");
        assert!(there.content_encoding().is_none());
        assert!(there.body.collect().await.expect("its bytes").to_vec() == bytes);
    }
}
