//! X's API as far as the stream needs it: the bearer, the rules, the connection.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::verdict::{Limits, Verdict, verdict};
use crate::settings::Secret;
use crate::stream::rules::{Difference, Rule, compare};

/// Connecting takes at most this long.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// A document takes at most this long, and the head of a stream.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
/// No document is longer: a thousand rules take far less.
const LONGEST_DOCUMENT: usize = 16 << 20;
/// No refusal is longer than what is read of it.
const LONGEST_REFUSAL: usize = 64 << 10;

/// Everything that is asked for, to rebuild the 53 columns. The stream takes the names of before August 2026.
const FIELDS: &str = "tweet.fields=created_at,lang,public_metrics,referenced_tweets,in_reply_to_user_id,entities,geo,\
    note_tweet,source,possibly_sensitive,withheld,edit_history_tweet_ids,edit_controls,conversation_id,author_id\
    &expansions=author_id,in_reply_to_user_id,referenced_tweets.id,referenced_tweets.id.author_id,geo.place_id,\
    entities.mentions.username\
    &user.fields=created_at,location,protected,verified,verified_type,public_metrics,name,username,withheld\
    &place.fields=contained_within,country,country_code,full_name,geo,id,name,place_type";

/// Why a call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// There are no keys.
    #[error(
        "there are no X credentials: set TWITTER_API_KEY and TWITTER_API_KEY_SECRET, or `x_api_key` and `x_api_key_secret`"
    )]
    NoKeys,
    /// The keys are not good.
    #[error("X does not accept the API key and secret ({0}): check them in the developer console")]
    BadKeys(String),
    /// No answer.
    #[error("X at {url} could not be reached ({why})")]
    Network {
        /// Where.
        url: String,
        /// The last cause.
        why: String,
    },
    /// An answer that is a refusal.
    #[error("X refused to {what} (HTTP {status}{})", if .words.is_empty() { String::new() } else { format!(": {}", .words) })]
    Refused {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
        /// What X says.
        words: String,
        /// What to do about it.
        verdict: Verdict,
    },
    /// An answer that is no such document.
    #[error("X answered something else than was asked for ({0})")]
    Unexpected(String),
    /// Rules that X did not take.
    #[error("X did not take the rules: {0}")]
    Rules(String),
}

/// X's API.
#[derive(Debug)]
pub struct Api {
    client: reqwest::Client,
    base: String,
    keys: Option<(Secret, Secret)>,
    /// Derived once and used raw: it holds `%2F` and `%3D` that are its own.
    bearer: Mutex<Option<SecretString>>,
    /// An answer takes at most this long, and then its body.
    limit: Duration,
}

impl Api {
    /// At an address, with an app's key and secret.
    pub fn new(base: &str, keys: Option<(Secret, Secret)>) -> Result<Self, ApiError> {
        let agent = concat!("hydrant/", env!("CARGO_PKG_VERSION"));
        let client = reqwest::Client::builder()
            .user_agent(agent)
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| network(base, &error))?;
        Ok(Self {
            client,
            base: base.trim_end_matches('/').to_owned(),
            keys,
            bearer: Mutex::new(None),
            limit: ANSWER_LIMIT,
        })
    }

    /// With another limit for answers.
    #[cfg(test)]
    pub(super) fn within(self, limit: Duration) -> Self {
        Self { limit, ..self }
    }

    /// Where it is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The bearer is not good any more.
    pub async fn forget_bearer(&self) {
        *self.bearer.lock().await = None;
    }

    /// Opens the stream; the answer's body never ends.
    pub async fn connect(&self) -> Result<Response, ApiError> {
        let what = "open the stream";
        let answer = self.send(Method::GET, &format!("/2/tweets/search/stream?{FIELDS}"), None, what).await?;
        let kind =
            answer.headers().get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.starts_with("text/html") {
            let verdict = Verdict::Again(super::verdict::Pause::Http);
            let words = "a page instead of a stream".to_owned();
            return Err(ApiError::Refused { what, status: 200, words, verdict });
        }
        Ok(answer)
    }

    /// All rules that the app has.
    pub async fn rules(&self) -> Result<Vec<Rule>, ApiError> {
        #[derive(Deserialize)]
        struct Page {
            #[serde(default)]
            data: Vec<Rule>,
            #[serde(default)]
            meta: Meta,
        }
        #[derive(Deserialize, Default)]
        struct Meta {
            #[serde(default)]
            next_token: Option<String>,
        }
        let mut rules = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let page = token.as_ref().map(|token| format!("&pagination_token={token}")).unwrap_or_default();
            let path = format!("/2/tweets/search/stream/rules?max_results=1000{page}");
            let page: Page = self.document(Method::GET, &path, None, "list the rules").await?;
            rules.extend(page.data);
            token = page.meta.next_token;
            if token.is_none() {
                return Ok(rules);
            }
        }
    }

    /// Brings X's rules in line with what is wanted; with `dry_run`, X only checks what would be added.
    pub async fn sync_rules(
        &self,
        wanted: &[String],
        tag: &str,
        dry_run: bool,
    ) -> Result<Difference, ApiError> {
        let difference = compare(wanted, &self.rules().await?, tag);
        // What is new comes first, so that nothing is missed between the two.
        if !difference.add.is_empty() {
            let add: Vec<Value> =
                difference.add.iter().map(|value| json!({ "value": value, "tag": tag })).collect();
            self.change_rules(&json!({ "add": add }), dry_run).await?;
        }
        if !difference.delete.is_empty() && !dry_run {
            let ids: Vec<&str> = difference.delete.iter().map(|rule| rule.id.as_str()).collect();
            self.change_rules(&json!({ "delete": { "ids": ids } }), false).await?;
        }
        Ok(difference)
    }

    /// Good rules are taken beside bad ones: only the summary tells.
    async fn change_rules(&self, change: &Value, dry_run: bool) -> Result<(), ApiError> {
        let path = if dry_run {
            "/2/tweets/search/stream/rules?dry_run=true"
        } else {
            "/2/tweets/search/stream/rules"
        };
        let answer: Value = self.document(Method::POST, path, Some(change), "change the rules").await?;
        let count = |name: &str| answer["meta"]["summary"][name].as_u64().unwrap_or_default();
        let failed = count("not_created") + count("not_deleted");
        let problems = answer["errors"].as_array().into_iter().flatten();
        // One that is there already is what was wanted.
        let mut bad = problems.filter(|problem| problem["title"] != "DuplicateRule").peekable();
        if failed == 0 || bad.peek().is_none() {
            return Ok(());
        }
        let words: Vec<String> = bad
            .map(|problem| {
                let details = problem["details"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let details: Vec<&str> = details.collect();
                let title = problem["title"].as_str().unwrap_or("refused");
                crate::text::sanitise(&format!("{title} {}", details.join("; ")))
            })
            .collect();
        Err(ApiError::Rules(words.join(", ")))
    }

    /// Ends every connection of the app.
    pub async fn kill_connections(&self) -> Result<(), ApiError> {
        self.send(Method::DELETE, "/2/connections/all", None, "end other connections").await.map(drop)
    }

    async fn document<T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &'static str,
    ) -> Result<T, ApiError> {
        let answer = self.send(method, path, body, what).await?;
        self.read(answer).await
    }

    /// The document that an answer holds.
    async fn read<T: serde::de::DeserializeOwned>(&self, answer: Response) -> Result<T, ApiError> {
        match tokio::time::timeout(self.limit, body(answer, LONGEST_DOCUMENT)).await {
            Ok(Ok(bytes)) => {
                serde_json::from_slice(&bytes).map_err(|error| ApiError::Unexpected(error.to_string()))
            }
            Ok(Err(error)) => Err(network(&self.base, &error)),
            Err(_) => Err(self.too_late()),
        }
    }

    /// A call with the bearer; a bearer that is not accepted is derived once more.
    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        what: &'static str,
    ) -> Result<Response, ApiError> {
        let mut fresh = false;
        loop {
            let bearer = self.bearer(fresh).await?;
            let mut request = self
                .client
                .request(method.clone(), format!("{}{path}", self.base))
                .header("authorization", format!("Bearer {}", bearer.expose_secret()));
            if let Some(body) = body {
                request = request.header("content-type", "application/json").body(body.to_string());
            }
            let answer = self.answer(request).await?;
            if answer.status().is_success() {
                return Ok(answer);
            }
            let refused = refusal(answer, what).await;
            match &refused {
                ApiError::Refused { verdict: Verdict::Bearer, .. } if !fresh => fresh = true,
                _ => return Err(refused),
            }
        }
    }

    /// The bearer, derived from key and secret when there is none yet.
    async fn bearer(&self, fresh: bool) -> Result<SecretString, ApiError> {
        #[derive(Deserialize)]
        struct Token {
            access_token: String,
        }
        let mut cached = self.bearer.lock().await;
        if let Some(bearer) = cached.as_ref().filter(|_| !fresh) {
            return Ok(bearer.clone());
        }
        let (key, secret) = self.keys.as_ref().ok_or(ApiError::NoKeys)?;
        let escaped = |part: &Secret| {
            percent_encoding::utf8_percent_encode(part.expose_secret(), percent_encoding::NON_ALPHANUMERIC)
                .to_string()
        };
        let pair = BASE64_STANDARD.encode(format!("{}:{}", escaped(key), escaped(secret)));
        let request = self
            .client
            .post(format!("{}/oauth2/token", self.base))
            .header("authorization", format!("Basic {pair}"))
            .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8")
            .body("grant_type=client_credentials");
        let answer = self.answer(request).await?;
        let what = "give a bearer token";
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => {
                let words = match refusal(answer, what).await {
                    ApiError::Refused { words, .. } => words,
                    other => other.to_string(),
                };
                return Err(ApiError::BadKeys(words));
            }
            _ => return Err(refusal(answer, what).await),
        }
        let token: Token = match self.read(answer).await {
            // What is wrong with it may quote a token.
            Err(ApiError::Unexpected(_)) => return Err(ApiError::Unexpected("no token".to_owned())),
            read => read?,
        };
        let bearer = SecretString::from(token.access_token);
        *cached = Some(bearer.clone());
        Ok(bearer)
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> Result<Response, ApiError> {
        match tokio::time::timeout(self.limit, request.send()).await {
            Ok(answer) => answer.map_err(|error| network(&self.base, &error)),
            Err(_) => Err(self.too_late()),
        }
    }

    fn too_late(&self) -> ApiError {
        ApiError::Network { url: self.base.clone(), why: "no answer in time".to_owned() }
    }
}

/// The body of an answer, up to so many bytes of it.
async fn body(mut answer: Response, most: usize) -> reqwest::Result<Vec<u8>> {
    let mut body = Vec::new();
    while body.len() < most
        && let Some(chunk) = answer.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(most);
    Ok(body)
}

async fn refusal(answer: Response, what: &'static str) -> ApiError {
    let status = answer.status().as_u16();
    let number = |name: &str| answer.headers().get(name)?.to_str().ok()?.parse::<i64>().ok();
    let limits = Limits {
        remaining: number("x-rate-limit-remaining").and_then(|left| u64::try_from(left).ok()),
        reset: number("x-rate-limit-reset"),
    };
    let body = match tokio::time::timeout(ANSWER_LIMIT, body(answer, LONGEST_REFUSAL)).await {
        Ok(Ok(bytes)) => bytes,
        _ => Vec::new(),
    };
    let verdict = verdict(status, limits, &body, Timestamp::now());
    let words = serde_json::from_slice::<Value>(&body).ok().and_then(|document| {
        let said = [&document["errors"][0]["message"], &document["detail"], &document["title"]];
        said.into_iter().find_map(|said| said.as_str().map(crate::text::sanitise))
    });
    ApiError::Refused { what, status, words: words.unwrap_or_default(), verdict }
}

/// The last cause says most: `connection refused`.
fn network(url: &str, error: &reqwest::Error) -> ApiError {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let why = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
    ApiError::Network { url: url.to_owned(), why: crate::text::sanitise(&why) }
}
