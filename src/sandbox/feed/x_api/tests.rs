//! The server as clients see it, over the loopback.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sandbox::clock::Pace;
use crate::sandbox::feed::{Options, Running, start};

/// A feed's X, and a client of it.
struct Client {
    feed: Running,
    http: reqwest::Client,
    token: String,
    _stop: tokio_util::sync::DropGuard,
}

const STREAM: &str = "/2/tweets/search/stream";
const RULES: &str = "/2/tweets/search/stream/rules";
const LONG: Duration = Duration::from_mins(1);
/// A rule that most posts match, so that tests do not wait.
const MOST_POSTS: &str = "the OR a OR is OR so OR not OR that OR from:nobody";

impl Client {
    async fn new(rate: u32) -> Self {
        let stop = CancellationToken::new();
        let options = Options { rate, ..Options::default() };
        let pace = Pace::new(100).expect("a pace");
        let feed = start(options, pace, stop.clone()).expect("a feed");
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let mut client = Self { feed, http, token: String::new(), _stop: stop.drop_guard() };
        let (status, answered) = client.token("key", "secret").await;
        assert_eq!(status, 200);
        client.token = answered["access_token"].as_str().expect("a token").to_owned();
        client
    }

    async fn token(&self, key: &str, secret: &str) -> (u16, Value) {
        let response = self
            .http
            .post(format!("{}/oauth2/token", self.feed.x_api_url))
            .basic_auth(key, Some(secret))
            .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8")
            .body("grant_type=client_credentials")
            .send()
            .await
            .expect("an answer");
        answered(response).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Response {
        let url = format!("{}{path}", self.feed.x_api_url);
        let request =
            self.http.request(method, url).header("authorization", format!("Bearer {}", self.token));
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        timeout(LONG, request.send()).await.expect("in time").expect("an answer")
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answered(self.send(Method::GET, path, None).await).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answered(self.send(Method::POST, path, Some(body)).await).await
    }

    /// A stream with a rule that most posts match.
    async fn stream(&self, query: &str) -> Lines {
        self.post(RULES, json!({ "add": [{ "value": MOST_POSTS, "tag": "most" }] })).await;
        let response = self.send(Method::GET, &format!("{STREAM}?{query}"), None).await;
        assert_eq!(response.status(), 200);
        Lines { response, read: Vec::new(), chunks: 0 }
    }

    fn fault(&self, fault: &str) {
        self.feed.set_faults(vec![fault.parse().expect("a fault")]);
    }
}

async fn answered(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.expect("a body");
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// A stream's lines.
struct Lines {
    response: Response,
    read: Vec<u8>,
    chunks: usize,
}

impl Lines {
    /// The next line without its end; `None` when the stream is over, however it ended.
    async fn next(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                assert_eq!(line.pop(), Some(b'\r'));
                return Some(line);
            }
            match timeout(LONG, self.response.chunk()).await.expect("in time") {
                Ok(Some(chunk)) => {
                    self.chunks += 1;
                    self.read.extend_from_slice(&chunk);
                }
                Ok(None) | Err(_) => return None,
            }
        }
    }

    async fn post(&mut self) -> Value {
        loop {
            let line = self.next().await.expect("a line");
            if !line.is_empty() {
                return serde_json::from_slice(&line).expect("JSON");
            }
        }
    }

    async fn last(mut self) -> Option<Value> {
        let mut last = None;
        while let Some(line) = self.next().await {
            last = serde_json::from_slice(&line).ok().or(last);
        }
        last
    }
}

#[tokio::test]
async fn a_wrong_secret_gets_no_token_and_a_wrong_token_no_answer() {
    let mut client = Client::new(20).await;
    let (status, refused) = client.token("key", "wrong").await;
    assert_eq!((status, refused["errors"][0]["code"].as_u64()), (403, Some(99)));
    assert_eq!(client.get(RULES).await.0, 200);
    client.token = client.token.replace("%2F", "/");
    let (status, refused) = client.get(RULES).await;
    assert_eq!((status, refused["title"].as_str()), (401, Some("Unauthorized")));
}

#[tokio::test]
async fn without_rules_there_is_no_stream() {
    let client = Client::new(20).await;
    let (status, refused) = client.get(STREAM).await;
    assert_eq!((status, refused["connection_issue"].as_str()), (409, Some("RuleConfigurationIssue")));
    let (status, rules) = client.get(RULES).await;
    assert_eq!((status, rules.get("data"), &rules["meta"]["result_count"]), (200, None, &json!(0)));
}

#[tokio::test]
async fn posts_come_with_what_was_asked_for_and_the_rules_they_match() {
    let client = Client::new(400).await;
    let mut lines = client.stream("tweet.fields=lang,nonsense&expansions=author_id").await;
    for _ in 0..50 {
        let line = lines.post().await;
        assert_eq!(line["matching_rules"][0]["tag"], "most");
        assert!(line["data"]["lang"].is_string() && line["data"].get("created_at").is_none());
        assert!(line["includes"]["users"][0]["username"].is_string() || line["errors"].is_array());
    }
    drop(lines);
    let (_, usage) = client.get("/2/usage/tweets?usage.fields=project_usage,daily_project_usage").await;
    let today =
        usage["data"]["daily_project_usage"]["usage"][0]["usage"].as_str().expect("a count").to_owned();
    assert!(today.parse::<u64>().expect("a number") >= 50);
}

#[tokio::test]
async fn a_second_connection_is_refused_until_the_first_is_ended() {
    let client = Client::new(200).await;
    let mut first = client.stream("").await;
    first.post().await;
    let response = client.send(Method::GET, STREAM, None).await;
    assert_eq!(response.headers()["x-rate-limit-limit"], "50");
    assert_ne!(response.headers()["x-rate-limit-remaining"], "0");
    let (status, refused) = answered(response).await;
    assert_eq!((status, refused["connection_issue"].as_str()), (429, Some("TooManyConnections")));
    let (_, listed) = client.get("/2/connections").await;
    assert_eq!(listed["data"][0]["endpoint_name"], "filtered_stream");
    let killed = answered(client.send(Method::DELETE, "/2/connections/all", None).await).await;
    assert_eq!((killed.0, &killed.1["data"]["successful_kills"]), (200, &json!(1)));
    let last = first.last().await.expect("a last message");
    assert_eq!(last["errors"][0]["disconnect_type"], "ForceDisconnect");
    assert_eq!(client.send(Method::GET, STREAM, None).await.status(), 200);
}

#[tokio::test]
async fn connecting_too_often_is_refused_with_when_to_come_back() {
    let client = Client::new(20).await;
    for _ in 0..50 {
        assert_eq!(client.get(STREAM).await.0, 409);
    }
    let response = client.send(Method::GET, STREAM, None).await;
    assert_eq!(response.headers()["x-rate-limit-remaining"], "0");
    assert!(response.headers().contains_key("x-rate-limit-reset"));
    let (status, refused) = answered(response).await;
    assert_eq!((status, refused["title"].as_str()), (429, Some("Too Many Requests")));
}

#[tokio::test]
async fn rules_are_added_and_deleted_as_x_tells_it() {
    let client = Client::new(20).await;
    let add = json!({ "add": [{ "value": "hubble", "tag": "space-1" }] });
    let (status, added) = client.post(RULES, add.clone()).await;
    assert_eq!((status, &added["meta"]["summary"]["created"]), (201, &json!(1)));
    let (status, again) = client.post(RULES, add).await;
    assert_eq!((status, again["errors"][0]["title"].as_str()), (200, Some("DuplicateRule")));
    let (status, bad) = client.post(RULES, json!({ "add": [{ "value": "lang:en" }] })).await;
    assert_eq!((status, &bad["meta"]["summary"]["invalid"]), (400, &json!(1)));
    let (_, counts) = client.get(&format!("{RULES}/counts")).await;
    assert_eq!(counts["data"]["client_app_rules_count"]["rule_count"], 1);
    let id = added["data"][0]["id"].as_str().expect("an id");
    let (_, listed) = client.get(&format!("{RULES}?ids={id}")).await;
    assert_eq!(listed["data"], json!([{ "id": id, "value": "hubble", "tag": "space-1" }]));
    let (status, deleted) = client.post(RULES, json!({ "delete": { "ids": [id, "1"] } })).await;
    assert_eq!((status, &deleted["meta"]["summary"]), (200, &json!({ "deleted": 1, "not_deleted": 1 })));
    assert_eq!(client.post(RULES, json!({})).await.0, 400);
    assert_eq!(client.get(&format!("{STREAM}?backfill_minutes=2")).await.0, 400);
    assert_eq!(client.get(&format!("{STREAM}?post.fields=lang")).await.0, 400);
}

#[tokio::test]
async fn the_account_s_troubles_are_told_as_x_tells_them() {
    let client = Client::new(20).await;
    for (fault, status, title) in [
        ("x-credits", 402, "CreditsDepleted"),
        ("x-cap", 403, "SpendCapReached"),
        ("x-auth", 401, "Unauthorized"),
    ] {
        client.fault(fault);
        let (answered, refused) = client.get(STREAM).await;
        assert_eq!((answered, refused["title"].as_str()), (status, Some(title)));
    }
    client.fault("x-unavailable");
    let (status, page) = client.get(STREAM).await;
    assert!(status == 503 && page.as_str().expect("a page").contains("<html>"));
}

#[tokio::test]
async fn a_stream_ends_as_it_is_told_to() {
    let client = Client::new(200).await;
    client.fault("x-disconnect:UpstreamOperationalDisconnect");
    let mut lines = client.stream("").await;
    assert!(lines.post().await["data"].is_object());
    assert_eq!(lines.post().await["errors"][0]["disconnect_type"], "UpstreamOperationalDisconnect");
    assert_eq!(lines.next().await, None);
    client.fault("x-cut");
    let mut lines = client.stream("").await;
    while lines.next().await.is_some() {}
    assert!(!lines.read.is_empty(), "the last line is cut");
}

#[tokio::test]
async fn split_and_useless_lines_take_no_post_away() {
    let client = Client::new(200).await;
    client.fault("x-split");
    let mut lines = client.stream("").await;
    for _ in 0..10 {
        assert!(lines.post().await["data"]["id"].is_string());
    }
    assert!(lines.chunks > 30, "{}", lines.chunks);
    client.fault("x-garbage");
    let (mut posts, mut others) = (0, 0);
    while others < 8 {
        let line = lines.next().await.expect("a line");
        let is_post =
            serde_json::from_slice::<Value>(&line).is_ok_and(|line| line["data"]["text"].is_string());
        *(if is_post { &mut posts } else { &mut others }) += 1;
    }
    assert!(posts > 20, "{posts}");
}

#[tokio::test]
async fn a_reader_that_does_not_read_is_disconnected() {
    let client = Client::new(5000).await;
    let lines = client.stream("tweet.fields=entities,public_metrics,edit_controls").await;
    let ended = async {
        loop {
            let (_, listed) = client.get("/2/connections?status=inactive").await;
            if let Some(reason) = listed["data"][0]["disconnect_reason"].as_str() {
                return reason.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    assert_eq!(timeout(Duration::from_mins(3), ended).await.expect("in time"), "SlowReader");
    drop(lines);
}
