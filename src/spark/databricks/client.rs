//! Calls to a workspace of Databricks: made again while it asks for patience, refused in its own words. The token goes
//! into one header and nowhere else.

use std::time::Duration;

use backon::BackoffBuilder;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::settings::Secret;
use crate::spark::SparkError;
use crate::text::sanitise;

/// One call takes at most this long; the slowest brings a table of topics.
const CALL_LIMIT: Duration = Duration::from_mins(2);
/// Tries of a call that is throttled or meets a passing fault, and how long the first and the longest pause is.
const TRIES: usize = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub(super) struct Client {
    http: reqwest::Client,
    host: String,
    token: Secret,
}

/// What a call carries.
pub(super) enum Sent {
    Nothing,
    Json(Value),
    Bytes(Vec<u8>),
}

/// What Databricks says of a call that it refused.
fn refused(status: StatusCode, body: &[u8]) -> String {
    let said: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (code, message) = (text("error_code"), text("message"));
    match (code.is_empty(), message.is_empty()) {
        (true, true) => format!("HTTP {status}"),
        (false, true) => code,
        (true, false) => message,
        (false, false) => format!("{code}: {message}"),
    }
}

impl Client {
    /// For a workspace, of which nothing is asked yet.
    pub(super) fn of(host: &str, token: Secret) -> Result<Self, SparkError> {
        let http = reqwest::Client::builder().timeout(CALL_LIMIT).build();
        let http = http.map_err(|error| SparkError::Databricks {
            what: "reach the workspace".to_owned(),
            why: error.to_string(),
            passes: false,
        })?;
        Ok(Self { http, host: host.trim_end_matches('/').to_owned(), token })
    }

    /// The workspace's address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Makes a call, again and again while Databricks asks for patience; `None` if the thing is not there.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
        what: &str,
    ) -> Result<Option<bytes::Bytes>, SparkError> {
        let failed = |why: String, passes| SparkError::Databricks {
            what: what.to_owned(),
            why: sanitise(&why),
            passes,
        };
        let mut pauses = backon::ExponentialBuilder::default()
            .with_min_delay(FIRST_PAUSE)
            .with_max_delay(LONGEST_PAUSE)
            .with_jitter()
            .with_max_times(TRIES - 1)
            .build();
        loop {
            let request = self.http.request(method.clone(), format!("{}{path}", self.host));
            let request = request.bearer_auth(self.token.expose_secret());
            let request = match &sent {
                Sent::Nothing => request,
                Sent::Json(value) => {
                    request.header("content-type", "application/json").body(value.to_string())
                }
                Sent::Bytes(bytes) => {
                    request.header("content-type", "application/octet-stream").body(bytes.clone())
                }
            };
            let (why, asked) = match request.send().await {
                Ok(answer) => {
                    let status = answer.status();
                    let after = answer.headers().get("retry-after").and_then(|after| after.to_str().ok());
                    let after = after.and_then(|after| after.parse().ok()).map(Duration::from_secs);
                    match answer.bytes().await {
                        Ok(body) if status.is_success() => return Ok(Some(body)),
                        Ok(_) if status == StatusCode::NOT_FOUND && method == Method::GET => return Ok(None),
                        Ok(body) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                            (refused(status, &body), after)
                        }
                        Ok(body) if [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) => {
                            let why = format!("{}; look at `databricks_token`", refused(status, &body));
                            return Err(failed(why, false));
                        }
                        Ok(body) => return Err(failed(refused(status, &body), false)),
                        Err(error) => (error.without_url().to_string(), None),
                    }
                }
                Err(error) => (error.without_url().to_string(), None),
            };
            let Some(pause) = pauses.next() else { return Err(failed(why, true)) };
            tracing::info!(what, why, "Databricks is asked again");
            tokio::time::sleep(asked.unwrap_or(pause).min(LONGEST_PAUSE * 2)).await;
        }
    }

    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        sent: Sent,
        what: &str,
    ) -> Result<Value, SparkError> {
        let body = self.call(method, path, sent, what).await?.unwrap_or_default();
        if body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&body).map_err(|error| SparkError::Databricks {
            what: what.to_owned(),
            why: format!("its answer is no JSON: {error}"),
            passes: false,
        })
    }

    /// Writes a file into a volume.
    pub(super) async fn put(&self, path: &str, content: Vec<u8>) -> Result<(), SparkError> {
        let call = format!("/api/2.0/fs/files{path}?overwrite=true");
        self.call(Method::PUT, &call, Sent::Bytes(content), &format!("write {path}")).await.map(drop)
    }

    pub(super) async fn get(&self, path: &str) -> Result<Option<bytes::Bytes>, SparkError> {
        self.call(Method::GET, &format!("/api/2.0/fs/files{path}"), Sent::Nothing, &format!("read {path}"))
            .await
    }

    /// The names of the files in a folder of a volume.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<String>, SparkError> {
        let (mut names, mut token) = (Vec::new(), String::new());
        loop {
            let page = if token.is_empty() {
                String::new()
            } else {
                format!("?page_token={}", utf8_percent_encode(&token, NON_ALPHANUMERIC))
            };
            let call = format!("/api/2.0/fs/directories{path}{page}");
            let listed = self.json(Method::GET, &call, Sent::Nothing, &format!("list {path}")).await?;
            let files = listed["contents"].as_array().into_iter().flatten();
            let files = files.filter(|file| file["is_directory"] != true);
            names.extend(files.filter_map(|file| file["name"].as_str()).map(ToOwned::to_owned));
            match listed["next_page_token"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return Ok(names),
            }
        }
    }
}
