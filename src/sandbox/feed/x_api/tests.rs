//! The server as clients see it, over the loopback.

use std::time::Duration;

use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::sandbox::clock::Pace;
use crate::sandbox::feed::{Options, Running, start};
use crate::sandbox::ports::Ports;

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
    /// What was given out.
    fn sent(&self) -> Value {
        self.feed.sent(0)["x"].clone()
    }

    async fn new(rate: u32) -> Self {
        let stop = CancellationToken::new();
        let options = Options { rate, ..Options::default() };
        let pace = Pace::new(100).expect("a pace");
        let feed = start(options, pace, &mut Ports::default(), stop.clone()).expect("a feed");
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
        Lines { response, read: Vec::new(), chunks: 0, ended_well: false }
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
    /// Whether the body came to its end, rather than breaking off.
    ended_well: bool,
}

impl Lines {
    /// The next line without its end; `None` when the stream is over, however it ended.
    async fn next(&mut self) -> Option<Vec<u8>> {
        self.line().await.map(|mut line| {
            assert_eq!(line.pop(), Some(b'\r'));
            line
        })
    }

    /// The next line up to its `\n`.
    async fn line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                line.pop();
                return Some(line);
            }
            match timeout(LONG, self.response.chunk()).await.expect("in time") {
                Ok(Some(chunk)) => {
                    self.chunks += 1;
                    self.read.extend_from_slice(&chunk);
                }
                Ok(None) => {
                    self.ended_well = true;
                    return None;
                }
                Err(_) => return None,
            }
        }
    }

    /// The ids of all posts to the end, which of them came broken or strange or not.
    async fn ids(&mut self) -> Vec<String> {
        let mut ids = Vec::new();
        while let Some(line) = self.line().await {
            let post: Option<Value> = serde_json::from_slice(&line).ok();
            let id = post.map(|post| post["data"]["id"].clone()).unwrap_or_default();
            ids.extend(id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string())));
        }
        ids
    }

    async fn post(&mut self) -> Value {
        loop {
            let line = self.next().await.expect("a line");
            if !line.is_empty() {
                return serde_json::from_slice(&line).expect("JSON");
            }
        }
    }

    /// The last line, which may have no end.
    async fn last(mut self) -> Option<Value> {
        let mut last = None;
        while let Some(line) = self.line().await {
            last = serde_json::from_slice(&line).ok().or(last);
        }
        serde_json::from_slice(&self.read).ok().or(last)
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
async fn calls_are_refused_in_every_way_that_x_has() {
    let client = Client::new(20).await;
    let call = async |fault: &str| {
        client.fault(fault);
        let response = client.send(Method::GET, RULES, None).await;
        let told = |name: &str| response.headers().get(name).map(|value| value.to_str().map(str::to_owned));
        let reset = told("x-rate-limit-reset").map(|reset| reset.expect("ASCII"));
        let status = response.status().as_u16();
        (status, reset, response.text().await.expect("a body"))
    };
    let now = jiff::Timestamp::now().as_second();
    assert!(call("x-auth:v1").await.2.contains("\"code\":89"));
    assert!(call("x-forbidden").await.2.contains("client-not-enrolled"));
    assert!(call("x-usage").await.2.contains("UsageCapExceeded"));
    let in_seconds = |reset: Option<String>| reset.and_then(|at| at.parse::<i64>().ok()).map(|at| at - now);
    assert!(matches!(in_seconds(call("x-limit:9s").await.1), Some(9..=70)));
    assert!(in_seconds(call("x-limit:past").await.1).is_some_and(|reset| reset < -60));
    assert!(in_seconds(call("x-limit:far").await.1).is_some_and(|reset| reset > 86_400));
    assert_eq!(call("x-limit:nonsense").await.1.as_deref(), Some("soon"));
    assert_eq!(call("x-limit:missing").await.1, None);
    assert_eq!(
        (call("x-unavailable:502").await.0, call("x-empty:520").await),
        (502, (520, None, String::new()))
    );
    let (status, _, page) = call("x-page").await;
    assert!(status == 200 && page.contains("<html>"));
    // Followed to another name, the token stays behind.
    assert_eq!(call("x-redirect=1").await.0, 401);
    client.fault("x-auth=1");
    assert_eq!((client.get(RULES).await.0, client.get(RULES).await.0), (401, 200));
    client.fault("x-silent");
    let waiting = client.http.get(format!("{}{RULES}", client.feed.x_api_url)).send();
    assert!(timeout(Duration::from_millis(300), waiting).await.is_err());
    assert_eq!(client.sent()["refused"]["429"], 6);
}

#[tokio::test]
async fn of_the_rules_of_one_call_some_can_be_left_out() {
    let client = Client::new(20).await;
    client.fault("x-rules-half=1");
    let add = json!({ "add": [{ "value": "mars" }, { "value": "venus" }, { "value": "saturn" }] });
    let (status, answered) = client.post(RULES, add.clone()).await;
    let summary = &answered["meta"]["summary"];
    assert_eq!((status, &summary["created"], &summary["not_created"]), (201, &json!(2), &json!(1)));
    assert_eq!(answered["errors"][0]["value"], "venus");
    assert_eq!(client.post(RULES, add).await.1["meta"]["summary"]["created"], 1);
}

#[tokio::test]
async fn a_stream_ends_as_it_is_told_to() {
    let client = Client::new(200).await;
    client.fault("x-disconnect:UpstreamOperationalDisconnect");
    let mut lines = client.stream("").await;
    assert!(lines.post().await["data"].is_object());
    assert_eq!(lines.post().await["errors"][0]["disconnect_type"], "UpstreamOperationalDisconnect");
    assert!(lines.next().await.is_none() && lines.ended_well);
    for (fault, ends_well) in [("x-cut", false), ("x-reset@2", false), ("x-truncate", true)] {
        client.fault(fault);
        let mut lines = client.stream("").await;
        let whole = lines.ids().await.len();
        assert_eq!(
            (whole, lines.ended_well),
            (if fault == "x-reset@2" { 2 } else { 4 }, ends_well),
            "{fault}"
        );
        assert!(!lines.read.is_empty(), "the last line is cut");
    }
    client.fault("x-close@3");
    let mut lines = client.stream("").await;
    assert_eq!((lines.ids().await.len(), lines.read.len(), lines.ended_well), (3, 0, true));
    client.fault("x-exception:ProvisioningSubscription");
    let last = client.stream("").await.last().await.expect("a last line");
    assert_eq!(
        (&last["connection_issue"], &last["errors"]),
        (&json!("ProvisioningSubscription"), &Value::Null)
    );
    client.fault("x-hang:SlowReader=1");
    let mut lines = client.stream("").await;
    assert!(lines.post().await["data"].is_object());
    assert_eq!(lines.post().await["errors"][0]["disconnect_type"], "SlowReader");
    assert!(
        timeout(Duration::from_millis(300), lines.line()).await.is_err(),
        "the stream is open and silent"
    );
    assert_eq!(client.sent()["connects"], 7);
}

#[tokio::test]
async fn a_silent_stream_is_silent_and_a_quiet_one_keeps_alive() {
    let client = Client::new(200).await;
    client.fault("x-quiet:50ms@2");
    let mut lines = client.stream("").await;
    let (first, second) = (lines.post().await, lines.post().await);
    assert_ne!(first["data"]["id"], second["data"]["id"]);
    for _ in 0..3 {
        assert_eq!(lines.next().await.as_deref(), Some(&b""[..]));
    }
    client.fault("x-stall");
    // What was on its way may come yet.
    while timeout(Duration::from_millis(300), lines.line()).await.is_ok() {}
    client.feed.set_faults(Vec::new());
    assert!(lines.post().await["data"].is_object());
    client.fault("x-burst:700ms");
    let mut longest = Duration::ZERO;
    while longest < Duration::from_millis(400) {
        let begun = std::time::Instant::now();
        lines.post().await;
        longest = longest.max(begun.elapsed());
    }
}

#[tokio::test]
async fn what_was_sent_whole_is_what_arrived() {
    let client = Client::new(400).await;
    for fault in
        ["x-split", "x-garbage", "x-repeat", "x-late:100ms", "x-strange", "x-split:lf", "x-dialect:mixed"]
    {
        client.feed.reset();
        client.feed.set_faults(vec![fault.parse().expect("a fault"), "x-cut@40=1".parse().expect("a fault")]);
        let arrived = client.stream("tweet.fields=public_metrics&expansions=author_id").await.ids().await;
        let sent = client.sent();
        let sent: Vec<&str> =
            sent["posts"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let arrived: Vec<&str> = arrived.iter().map(String::as_str).filter(|id| sent.contains(id)).collect();
        assert_eq!(arrived, sent, "{fault}");
        assert!(sent.len() >= 35, "{fault}: {}", sent.len());
    }
}

#[tokio::test]
async fn a_compressed_stream_can_be_read_as_it_comes_unless_it_is_held() {
    let client = Client::new(200).await;
    let stream = async |fault: &str| {
        client.fault(fault);
        client.post(RULES, json!({ "add": [{ "value": MOST_POSTS }] })).await;
        let request = client
            .http
            .get(format!("{}{STREAM}", client.feed.x_api_url))
            .header("accept-encoding", "gzip")
            .bearer_auth(&client.token);
        let response = timeout(LONG, request.send()).await.expect("in time").expect("an answer");
        assert_eq!(response.headers()["content-encoding"], "gzip");
        response
    };
    let mut response = stream("x-gzip").await;
    let mut plain = flate2::write::GzDecoder::new(Vec::new());
    while !plain.get_ref().ends_with(b"\r\n") {
        let chunk = timeout(LONG, response.chunk()).await.expect("in time").expect("a chunk").expect("more");
        std::io::Write::write_all(&mut plain, &chunk).expect("gzip");
        std::io::Write::flush(&mut plain).expect("gzip");
    }
    drop(response);
    client.send(Method::DELETE, "/2/connections/all", None).await;
    client.feed.reset();
    client
        .feed
        .set_faults(vec!["x-gzip:held".parse().expect("a fault"), "x-close@45".parse().expect("a fault")]);
    client.post(RULES, json!({ "add": [{ "value": MOST_POSTS }] })).await;
    let request = client
        .http
        .get(format!("{}{STREAM}", client.feed.x_api_url))
        .header("accept-encoding", "gzip")
        .bearer_auth(&client.token);
    let whole = timeout(LONG, async { request.send().await.expect("an answer").bytes().await.expect("all") });
    let whole = whole.await.expect("in time");
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&whole[..]), &mut text).expect("gzip");
    assert_eq!((text.lines().count(), &client.sent()["sent"]), (45, &json!(45)));
}

#[tokio::test]
async fn a_connection_after_another_may_begin_with_some_of_the_past() {
    let client = Client::new(100).await;
    client.feed.set_faults(vec![
        "x-overlap:60s".parse().expect("a fault"),
        "x-close@30=1".parse().expect("a fault"),
    ]);
    let first = client.stream("").await.ids().await;
    let mut lines = client.stream("").await;
    let (mut again, last) = (Vec::new(), first.last().expect("a post"));
    while !again.contains(last) {
        again.push(lines.post().await["data"]["id"].as_str().expect("an id").to_owned());
    }
    assert!(first.iter().rev().take(10).all(|id| again.contains(id)));
    drop(lines);
    client.send(Method::DELETE, "/2/connections/all", None).await;
    client.fault("x-backfill");
    let mut lines = client.stream("backfill_minutes=2&tweet.fields=created_at").await;
    let at = lines.post().await["data"]["created_at"].as_str().expect("a time").parse::<jiff::Timestamp>();
    let ago = jiff::Timestamp::now().duration_since(at.expect("a time")).as_secs();
    assert!(ago >= 100, "{ago}");
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
