//! The door of the embedded cloud: takes a request, finds out who calls what, lets faults strike, and answers in the
//! caller's protocol.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::Frame;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HOST};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::call::{Call, Place, Service};
use super::fault::Kind;
use super::inflow::{self, Inflow};
use super::operation::{Operation, Reply};
use super::refusal::Refusal;
use super::wire::{Encoded, Form, Protocol, read_form};
use super::world::{Shared, World};
use super::{control, ec2, feed, firehose, iam, ids, imds, logs, s3, sagemaker, ssm, sts, tagging};

/// A body on its way out.
pub(crate) type Body = BoxBody<Bytes, Infallible>;

/// No request of the JSON and query protocols is larger: a full Firehose batch is 4 MiB before base64.
const LARGEST_REQUEST: usize = 16 << 20;
/// A client must send its head and its body within this time.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
const BODY_LIMIT: Duration = Duration::from_mins(1);
/// How far a caller's clock may be off.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_mins(15);

/// What is behind the door.
#[derive(Debug)]
pub(crate) struct Rooms {
    /// The cloud.
    pub(crate) shared: Arc<Shared>,
    /// X and Jetstream, which have doors of their own; the control door switches their faults.
    pub(crate) feed: feed::Running,
}

/// Serves until asked to stop. Every connection ends with it.
pub(crate) async fn serve(listener: TcpListener, rooms: Arc<Rooms>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, most likely: others must end first.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small answers must not wait for the client's acknowledgement; without it they are only slower.
        drop(stream.set_nodelay(true));
        let (rooms, stop) = (Arc::clone(&rooms), stop.clone());
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let rooms = Arc::clone(&rooms);
                async move {
                    let (request, left) = inflow::split(request);
                    let mut response = answer(&rooms, request).await;
                    left.settle(&mut response).await;
                    Ok::<_, Infallible>(response)
                }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                // A client may close its side once it has asked.
                .half_close(true)
                .header_read_timeout(HEAD_LIMIT)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is its own affair.
            tokio::select! {
                ended = connection => drop(ended),
                () = stop.cancelled() => {}
            }
        });
    }
}

async fn answer(rooms: &Rooms, request: Request<Inflow>) -> Response<Body> {
    let shared = &rooms.shared;
    if !from_this_machine(&request) {
        return plain(StatusCode::FORBIDDEN, "the sandbox answers to loopback addresses only\n");
    }
    let path = request.uri().path();
    if path.starts_with(control::PREFIX) {
        return control::answer(rooms, request).await;
    }
    if path.starts_with(imds::PREFIX) {
        return imds::answer(shared, request).await;
    }
    let request_id = ids::uuid();
    let (parts, body) = request.into_parts();
    let signature = Signature::of(&parts);
    let target =
        parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).map(ToOwned::to_owned);
    let mut response = match (&signature, target) {
        (Some(signature), None) if signature.service == "s3" => {
            s3::wire::answer(
                shared,
                Request::from_parts(parts, body),
                Some(&signature.access_key),
                &request_id,
            )
            .await
        }
        (None, None) if !is_form(&parts) => {
            s3::wire::answer(shared, Request::from_parts(parts, body), None, &request_id).await
        }
        (signature, target) => {
            cloud(shared, parts.uri.query(), body, signature.as_ref(), target.as_deref(), &request_id).await
        }
    };
    finish(&mut response, shared, &request_id);
    response
}

/// A page in a browser must not reach the sandbox under a name that only looks like this machine.
fn from_this_machine(request: &Request<Inflow>) -> bool {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
    let Some(host) = host.or_else(|| request.uri().host()) else { return true };
    let name = host.rsplit_once(':').map_or(host, |(name, port)| {
        if port.bytes().all(|digit| digit.is_ascii_digit()) { name } else { host }
    });
    name == "[::1]"
        || ["127.0.0.1", "localhost"].iter().any(|own| {
            name == *own
                || name.strip_suffix(own).is_some_and(|rest| rest.ends_with('.') || rest.ends_with('-'))
        })
}

fn is_form(parts: &Parts) -> bool {
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let asks =
        parts.uri.query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("Action=")));
    let posts = parts.method == hyper::Method::POST && kind.starts_with("application/x-www-form-urlencoded");
    parts.uri.path() == "/" && (posts || asks)
}

fn finish(response: &mut Response<Body>, shared: &Shared, request_id: &str) {
    let date = shared.now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = response.headers_mut();
    if let Ok(date) = date.parse() {
        headers.insert(DATE, date);
    }
    for name in ["x-amzn-requestid", "x-amz-request-id"] {
        if !headers.contains_key(name)
            && let Ok(id) = request_id.parse()
        {
            headers.insert(name, id);
        }
    }
}

/// What a signature says of the caller. It is not verified: the sandbox gives nothing away that needs guarding, and
/// takes any key.
#[derive(Debug)]
struct Signature {
    access_key: String,
    region: String,
    service: String,
    at: Option<Timestamp>,
}

impl Signature {
    fn of(parts: &Parts) -> Option<Self> {
        let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
        let query = |name: &str| {
            parts
                .uri
                .query()?
                .split('&')
                .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name))
                .map(|(_, value)| {
                    percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
                })
        };
        let scope = match header(AUTHORIZATION.as_str()) {
            Some(header) => header.split_once("Credential=")?.1.split([',', ' ']).next()?.to_owned(),
            None => query("X-Amz-Credential")?,
        };
        // KEY/DATE/REGION/SERVICE/aws4_request; the key itself may hold slashes.
        let mut backwards = scope.rsplitn(5, '/');
        let (_, service, region, _, access_key) =
            (backwards.next()?, backwards.next()?, backwards.next()?, backwards.next()?, backwards.next()?);
        // A presigned request may be older than a clock is off: its own expiry counts.
        let at = header("x-amz-date").and_then(|date| {
            jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date)
                .ok()?
                .to_zoned(jiff::tz::TimeZone::UTC)
                .ok()
        });
        Some(Self {
            access_key: access_key.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
            at: at.map(|at| at.timestamp()),
        })
    }
}

/// A call before it is known whether its operation exists.
struct Asked {
    service: Service,
    operation: String,
    input: serde_json::Value,
}

async fn cloud(
    shared: &Arc<Shared>,
    query: Option<&str>,
    body: Inflow,
    signature: Option<&Signature>,
    target: Option<&str>,
    request_id: &str,
) -> Response<Body> {
    let protocol = target.map_or(Service::Sts.protocol(), |_| Service::Logs.protocol());
    let refuse = |refusal: &Refusal| refused(protocol, refusal, request_id);
    let collected = tokio::time::timeout(BODY_LIMIT, Limited::new(body, LARGEST_REQUEST).collect()).await;
    let Ok(Ok(body)) = collected.map(|body| body.map(http_body_util::Collected::to_bytes)) else {
        return refuse(
            &Refusal::new("RequestEntityTooLargeException", "the request is too large, too slow or cut off")
                .status(413),
        );
    };
    let asked = match (target, signature) {
        (Some(target), _) => ask_json(target, &body),
        (None, signature) => {
            // The query protocols take their parameters in the address too.
            let form = if body.is_empty() { query.unwrap_or_default().as_bytes() } else { &body };
            ask_form(form, signature.map(|signature| signature.service.as_str()))
        }
    };
    let asked = match asked {
        Ok(asked) => asked,
        Err(refusal) => return refuse(&refusal),
    };
    let protocol = asked.service.protocol();
    let Some(signature) = signature else {
        let refusal = match protocol {
            Protocol::Ec2 { .. } => {
                Refusal::new("AuthFailure", "AWS was not able to validate the provided access credentials")
                    .status(401)
            }
            _ => Refusal::new("MissingAuthenticationToken", "Request is missing Authentication Token")
                .status(403),
        };
        return refused(protocol, &refusal, request_id);
    };
    let name = asked.service.signing_name();
    let late = shared.late(name, &asked.operation);
    if !late.is_zero() {
        tokio::time::sleep(late).await;
    }
    let now = shared.now();
    if let Some(refusal) = out_of_time(asked.service, signature, now) {
        return refused(protocol, &refusal, request_id);
    }
    let (access_key, region) = (signature.access_key.clone(), signature.region.clone());
    let (operation, id) = (asked.operation.clone(), request_id.to_owned());
    let doing = Arc::clone(shared);
    // The state's file is written before the answer: that is disk, and disk blocks.
    let done = tokio::task::spawn_blocking(move || {
        doing.with(|world| {
            let caller = iam::caller(world, &access_key, now);
            let place = Place { account: caller.account().to_owned(), region };
            let call = Call {
                service: asked.service,
                operation: asked.operation,
                place,
                caller,
                now,
                request_id: id,
            };
            run(world, &call, asked.input)
        })
    });
    match done.await {
        Ok(Ok(Ok(Reply::Document(document)))) => {
            encoded(StatusCode::OK, protocol.answer(&operation, &document, request_id))
        }
        Ok(Ok(Ok(Reply::Frames(frames)))) => streamed(frames),
        Ok(Ok(Err(refusal))) => refused(protocol, &refusal, request_id),
        Ok(Err(error)) => {
            tracing::error!(%error, service = name, operation, "the sandbox's state is not written");
            refused(protocol, &Refusal::new("InternalFailure", error.to_string()).status(500), request_id)
        }
        Err(panic) => {
            tracing::error!(%panic, service = name, operation, "a fault of the sandbox itself");
            let message = "the sandbox met a fault of its own: its log says more";
            refused(protocol, &Refusal::new("InternalFailure", message).status(500), request_id)
        }
    }
}

fn ask_json(target: &str, body: &[u8]) -> Result<Asked, Refusal> {
    let unknown = || Refusal::new("UnknownOperationException", "");
    let (prefix, operation) = target.rsplit_once('.').ok_or_else(unknown)?;
    let service = Service::ALL
        .into_iter()
        .find(|service| matches!(service.protocol(), Protocol::Json { target } if target == prefix))
        .ok_or_else(unknown)?;
    let body = if body.is_empty() { b"{}" } else { body };
    let input = serde_json::from_slice(body)
        .ok()
        .filter(serde_json::Value::is_object)
        .ok_or_else(|| Refusal::new("SerializationException", "the request's body is not a JSON object"))?;
    Ok(Asked { service, operation: operation.to_owned(), input })
}

fn ask_form(body: &[u8], signed_for: Option<&str>) -> Result<Asked, Refusal> {
    let Form { action, version, input } = read_form(body)
        .ok_or_else(|| Refusal::new("MalformedInput", "the request's body is not a form with an action"))?;
    let of_version = |service: &Service| match service.protocol() {
        Protocol::Query { version: own, .. } | Protocol::Ec2 { version: own, .. } => own == version,
        Protocol::Json { .. } => false,
    };
    // A caller that names no version means the service that it signed for.
    let of_scope = |service: &Service| {
        version.is_empty()
            && !matches!(service.protocol(), Protocol::Json { .. })
            && signed_for == Some(service.signing_name())
    };
    let service = Service::ALL.into_iter().find(|service| of_version(service) || of_scope(service));
    let service = service.ok_or_else(|| {
        Refusal::new("InvalidAction", format!("Could not find operation {action} for version {version}"))
    })?;
    Ok(Asked { service, operation: action, input })
}

/// AWS takes no request from a clock that is far off.
fn out_of_time(service: Service, signature: &Signature, now: Timestamp) -> Option<Refusal> {
    let at = signature.at?;
    if at.duration_since(now).abs() <= LARGEST_SKEW {
        return None;
    }
    let (code, status) = match service.protocol() {
        Protocol::Ec2 { .. } => ("RequestExpired", 400),
        Protocol::Query { .. } => ("SignatureDoesNotMatch", 403),
        Protocol::Json { .. } => ("InvalidSignatureException", 400),
    };
    let limit = now.checked_sub(LARGEST_SKEW).unwrap_or(now);
    let shown = |time: Timestamp| time.strftime("%Y%m%dT%H%M%SZ").to_string();
    let message = if at < now {
        format!(
            "Signature expired: {} is now earlier than {} ({} - 15 min.)",
            shown(at),
            shown(limit),
            shown(now)
        )
    } else {
        format!(
            "Signature not yet current: {} is still later than {} (15 min. after now)",
            shown(at),
            shown(now)
        )
    };
    Some(Refusal::new(code, message).status(status))
}

/// What a service can do.
pub(crate) fn table(service: Service) -> &'static [Operation] {
    match service {
        Service::Sts => sts::OPERATIONS,
        Service::Iam => iam::OPERATIONS,
        Service::Ec2 => ec2::OPERATIONS,
        Service::Firehose => firehose::OPERATIONS,
        Service::Logs => logs::OPERATIONS,
        Service::SageMaker => sagemaker::OPERATIONS,
        Service::Ssm => ssm::OPERATIONS,
        Service::Tagging => tagging::OPERATIONS,
    }
}

/// Does a call: faults first, then the caller's permissions, then the operation.
pub(crate) fn run(world: &mut World, call: &Call, input: serde_json::Value) -> Result<Reply, Refusal> {
    let Some(operation) = table(call.service).iter().find(|operation| operation.name == call.operation)
    else {
        tracing::warn!(
            service = call.service.signing_name(),
            operation = call.operation,
            "unknown to the sandbox"
        );
        return Err(match call.service.protocol() {
            Protocol::Json { .. } => Refusal::new("UnknownOperationException", ""),
            Protocol::Query { version, .. } => Refusal::new(
                "InvalidAction",
                format!("Could not find operation {} for version {version}", call.operation),
            ),
            Protocol::Ec2 { .. } => Refusal::new(
                "InvalidAction",
                format!("The action {} is not valid for this web service.", call.operation),
            ),
        });
    };
    let name = call.service.signing_name();
    if world.faults.strikes(Kind::Throttle, name, &call.operation) {
        return Err(throttled(call.service));
    }
    if world.faults.strikes(Kind::Error, name, &call.operation) {
        return Err(Refusal::new(
            "InternalFailure",
            "The request processing has failed because of an unknown error, exception or failure.",
        )
        .status(500));
    }
    let permission = format!("{}:{}", call.service.permission_prefix(), call.operation);
    if world.faults.strikes(Kind::Deny, name, &call.operation) {
        return Err(iam::denial(call, &permission, "*"));
    }
    let resource = (operation.resource)(call, &input);
    iam::authorize(world, &call.caller, &permission, &resource, call.now)
        .map_err(|_| iam::denial(call, &permission, &resource))?;
    (operation.run)(world, call, input)
}

fn throttled(service: Service) -> Refusal {
    match service {
        Service::Ec2 => Refusal::new("RequestLimitExceeded", "Request limit exceeded.").status(503),
        Service::Firehose => Refusal::new("ServiceUnavailableException", "Slow down.").status(503),
        Service::Iam | Service::Sts => Refusal::new("Throttling", "Rate exceeded"),
        _ => Refusal::new("ThrottlingException", "Rate exceeded"),
    }
}

fn refused(protocol: Protocol, refusal: &Refusal, request_id: &str) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut response = encoded(status, protocol.refuse(refusal, request_id));
    if matches!(protocol, Protocol::Json { .. })
        && let Ok(code) = refusal.code.parse()
    {
        response.headers_mut().insert("x-amzn-errortype", code);
    }
    response
}

fn encoded(status: StatusCode, answer: Encoded) -> Response<Body> {
    let mut response = Response::new(Full::new(answer.body).boxed());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, answer.content_type.parse().expect("our own kinds are good headers"));
    response
}

fn streamed(frames: tokio::sync::mpsc::Receiver<Bytes>) -> Response<Body> {
    let frames =
        futures_util::stream::unfold(
            frames,
            |mut frames| async move { Some((frames.recv().await?, frames)) },
        );
    let body = StreamBody::new(frames.map(|bytes| Ok(Frame::data(bytes))));
    let mut response = Response::new(BodyExt::boxed(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("application/vnd.amazon.eventstream"));
    response
}

/// A plain answer, for doors that are not AWS's.
pub(crate) fn plain(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(text.into())).boxed());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
