//! A loopback proxy in front of the emulator. It gives each test an account of its own, writes down every call, and
//! lets a test answer some calls itself: as AWS answers where the emulator does not, or as a failing network does.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use futures_util::stream;
use http_body_util::{BodyExt, Either, Full, StreamBody};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A call as AWS names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    pub service: String,
    pub operation: String,
    /// The request as sent: query for S3, body for the others.
    pub input: String,
    /// The path, which for S3 is bucket and key.
    pub target: String,
}

impl Call {
    pub fn is(&self, operation: &str) -> bool {
        self.operation == operation
    }

    pub fn changes(&self) -> bool {
        !["Get", "List", "Describe", "Head"].iter().any(|verb| self.operation.starts_with(verb))
    }
}

/// What the proxy does with a call.
pub enum Verdict {
    /// Hands it on.
    Forward,
    /// Answers it in the emulator's place.
    Answer(u16, &'static str, String),
    /// Hands on another request in its place, and answers with this.
    ForwardInstead(String, u16, &'static str, String),
    /// Breaks the connection, and does not hand it on.
    ResetBefore,
    /// Hands it on and breaks the connection.
    ResetAfter,
    /// Never answers, and does not hand it on.
    SwallowBefore,
    /// Hands it on and never answers.
    SwallowAfter,
    /// Hands it on and answers with the headers alone: the body never comes.
    Stall,
}

impl Verdict {
    /// Refuses a call as one of too many, as services of JSON do.
    pub fn throttled() -> Self {
        let body = r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#;
        Self::Answer(400, "application/x-amz-json-1.1", body.to_owned())
    }
}

type Rule = Box<dyn FnMut(&Call) -> Verdict + Send>;

struct Shared {
    target: String,
    account: String,
    client: reqwest::Client,
    calls: Mutex<Vec<Call>>,
    rule: Mutex<Rule>,
    swallowed: tokio::sync::Notify,
}

pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Proxy {
    pub async fn start(target: u16, account: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            target: format!("http://127.0.0.1:{target}"),
            account,
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            calls: Mutex::default(),
            rule: Mutex::new(Box::new(|_| Verdict::Forward)),
            swallowed: tokio::sync::Notify::new(),
        });
        let served = Arc::clone(&shared);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&served);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&shared), request));
                    // A client that goes away in the middle is part of the tests.
                    drop(
                        hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await,
                    );
                });
            }
        });
        Self { shared, port, server }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// From now on, every call is decided by this rule.
    pub fn rule(&self, rule: impl FnMut(&Call) -> Verdict + Send + 'static) {
        *self.shared.rule.lock().expect("no rule panics") = Box::new(rule);
    }

    pub fn no_rule(&self) {
        self.rule(|_| Verdict::Forward);
    }

    /// The calls since the last time that this was asked.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.shared.calls.lock().expect("nothing panics with it"))
    }

    /// Waits until a call is swallowed.
    pub async fn swallowed(&self) {
        let limit = std::time::Duration::from_mins(1);
        tokio::time::timeout(limit, self.shared.swallowed.notified()).await.expect("the call is made");
    }
}

/// A body that never comes.
type Nothing = StreamBody<stream::Pending<Result<Frame<Bytes>, std::convert::Infallible>>>;

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Either<Full<Bytes>, Nothing>>, io::Error> {
    decide(&shared, request).await.map(|(response, stalls)| {
        let length = response.body().size_hint().exact().unwrap_or_default();
        let mut response = response.map(|body| {
            if stalls { Either::Right(StreamBody::new(stream::pending())) } else { Either::Left(body) }
        });
        if stalls {
            response.headers_mut().insert("content-length", length.into());
            shared.swallowed.notify_one();
        }
        response
    })
}

/// The answer, and whether its body is held back.
async fn decide(
    shared: &Arc<Shared>,
    request: Request<Incoming>,
) -> Result<(Response<Full<Bytes>>, bool), io::Error> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Ok((
            plain(StatusCode::BAD_REQUEST, "text/plain", "the request was cut off".to_owned()),
            false,
        ));
    };
    let call = identify(&parts, &body);
    shared.calls.lock().expect("nothing panics with it").push(call.clone());
    let verdict = (shared.rule.lock().expect("no rule panics"))(&call);
    let stalls = matches!(verdict, Verdict::Stall);
    let response = match verdict {
        Verdict::Forward | Verdict::Stall => Ok(forward(shared, &parts, body).await),
        Verdict::Answer(status, kind, text) => {
            Ok(plain(StatusCode::from_u16(status).expect("a status"), kind, text))
        }
        Verdict::ForwardInstead(instead, status, kind, text) => {
            forward(shared, &parts, Bytes::from(instead)).await;
            Ok(plain(StatusCode::from_u16(status).expect("a status"), kind, text))
        }
        Verdict::ResetBefore => Err(broken()),
        Verdict::ResetAfter => {
            forward(shared, &parts, body).await;
            Err(broken())
        }
        Verdict::SwallowBefore => swallow(shared).await,
        Verdict::SwallowAfter => {
            forward(shared, &parts, body).await;
            swallow(shared).await
        }
    };
    response.map(|response| (response, stalls))
}

/// What a service fails with, so that its connection is dropped without an answer.
fn broken() -> io::Error {
    io::Error::from(io::ErrorKind::ConnectionReset)
}

async fn swallow(shared: &Shared) -> Result<Response<Full<Bytes>>, io::Error> {
    shared.swallowed.notify_one();
    std::future::pending().await
}

fn plain(status: StatusCode, kind: &str, text: String) -> Response<Full<Bytes>> {
    let response = Response::builder().status(status).header("content-type", kind);
    response.header("x-amzn-requestid", "from-the-proxy").body(Full::from(text)).expect("a response")
}

async fn forward(shared: &Shared, parts: &hyper::http::request::Parts, body: Bytes) -> Response<Full<Bytes>> {
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut headers = parts.headers.clone();
    // The body may be another one than the one that was measured and signed.
    headers.remove("content-length");
    let request = shared
        .client
        .request(parts.method.clone(), format!("{}{path}", shared.target))
        .headers(headers)
        .header("x-moto-account-id", &shared.account)
        .body(body);
    let answer = request.send().await.expect("the emulator answers");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        // An answer to HEAD says how long the body would be; of any other, it is counted anew.
        let is_length = name == "content-length" && parts.method != hyper::Method::HEAD;
        if name != "transfer-encoding" && name != "connection" && !is_length {
            response = response.header(name, value);
        }
    }
    response.body(Full::from(answer.bytes().await.expect("the emulator's whole answer"))).expect("a response")
}

fn identify(parts: &hyper::http::request::Parts, body: &Bytes) -> Call {
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // Credential=KEY/DATE/REGION/SERVICE/aws4_request
    let service = header("authorization").split('/').nth(3).unwrap_or("unknown").to_owned();
    let body = String::from_utf8_lossy(body).into_owned();
    let target = header("x-amz-target").rsplit('.').next().unwrap_or_default();
    let form =
        || body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default().to_owned();
    let query = parts.uri.query().unwrap_or_default();
    let (operation, input) = match service.as_str() {
        "s3" => (s3_operation(parts.method.as_str(), parts.uri.path(), query), query.to_owned()),
        // It has no names of operations on its wire: a path and a method say them.
        "emr-serverless" => (parts.method.to_string(), body.clone()),
        _ if !target.is_empty() => (target.to_owned(), body.clone()),
        _ => (form(), body.clone()),
    };
    Call { service, operation, input, target: parts.uri.path().to_owned() }
}

fn s3_operation(method: &str, path: &str, query: &str) -> String {
    let parameters: BTreeMap<&str, &str> =
        query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect();
    let has = |name: &str| parameters.contains_key(name);
    let of_object = path.trim_matches('/').contains('/');
    let verb = match method {
        "GET" => "Get",
        "HEAD" => "Head",
        "PUT" => "Put",
        "DELETE" => "Delete",
        _ => "Post",
    };
    let subject = [
        ("tagging", "BucketTagging"),
        ("publicAccessBlock", "PublicAccessBlock"),
        ("encryption", "BucketEncryption"),
        ("lifecycle", "BucketLifecycleConfiguration"),
        ("versioning", "BucketVersioning"),
    ];
    if let Some((_, subject)) = subject.iter().find(|(parameter, _)| has(parameter)) {
        return format!("{verb}{subject}");
    }
    match (method, of_object) {
        ("POST", false) if has("delete") => "DeleteObjects",
        ("GET", false) if has("versions") => "ListObjectVersions",
        ("GET", false) if has("uploads") => "ListMultipartUploads",
        ("GET", false) => "ListObjectsV2",
        ("PUT", false) => "CreateBucket",
        ("DELETE", false) => "DeleteBucket",
        ("HEAD", false) => "HeadBucket",
        ("DELETE", true) if has("uploadId") => "AbortMultipartUpload",
        ("POST", true) if has("uploads") => "CreateMultipartUpload",
        ("PUT", true) if has("uploadId") => "UploadPart",
        ("PUT", true) => "PutObject",
        ("POST", true) if has("uploadId") => "CompleteMultipartUpload",
        ("GET", true) => "GetObject",
        ("HEAD", true) => "HeadObject",
        _ => "Unknown",
    }
    .to_owned()
}
