//! X made hostile: a server that answers every connection as a script says.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::Mutex;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;

/// Whatever a test waits for is there long before.
const LIMIT: Duration = Duration::from_mins(1);

/// How a connection to the stream is answered.
#[derive(Debug, Clone)]
enum Reply {
    /// A stream of these pieces, each its own chunk; then how it goes on.
    Stream(Vec<Vec<u8>>, Then),
    /// A refusal: status, more headers, body.
    Refuse(u16, String, String),
    /// Not a byte.
    Nothing,
    /// A packed stream.
    Gzip(Vec<Vec<u8>>),
}

#[derive(Debug, Clone, Copy)]
enum Then {
    /// The body ends as it should.
    Close,
    /// The connection ends within the body.
    Break,
    /// It stays open and silent.
    Silence,
    /// It stays open with a keep-alive again and again.
    KeepAlives,
    /// It never ends, and is never silent.
    Blanks,
}

#[derive(Default)]
struct Script {
    /// How a bearer is given; with none, one that is good.
    bearer: Mutex<Option<Reply>>,
    replies: Mutex<VecDeque<Reply>>,
    /// What was asked for, in order: method and path.
    asked: Mutex<Vec<String>>,
}

struct X {
    url: String,
    script: Arc<Script>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for X {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl X {
    /// The last reply is given again and again.
    async fn playing(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let script = Arc::new(Script { replies: Mutex::new(replies.into()), ..Script::default() });
        let served = Arc::clone(&script);
        let server = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let script = Arc::clone(&served);
                tokio::spawn(async move { drop(serve(socket, &script).await) });
            }
        });
        Self { url, script, server }
    }

    fn asked(&self, what: &str) -> usize {
        self.script.asked.lock().expect("no panic").iter().filter(|asked| asked.contains(what)).count()
    }
}

async fn serve(socket: TcpStream, script: &Script) -> std::io::Result<()> {
    let (read, mut write) = socket.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if read.read_line(&mut head).await? == 0 {
                return Ok(());
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        read.read_exact(&mut body).await?;
        let asked = head.lines().next().unwrap_or_default().to_owned();
        script.asked.lock().expect("no panic").push(asked.clone());
        let document = |text: &str| {
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
                text.len()
            )
        };
        let bearer = script.bearer.lock().expect("no panic").clone();
        if asked.starts_with("POST /oauth2/token") {
            if let Some(reply) = bearer {
                return answer(&mut write, reply).await;
            }
            write
                .write_all(
                    document(r#"{"token_type":"bearer","access_token":"AAAA%2Fnot%3Dreal"}"#).as_bytes(),
                )
                .await?;
            continue;
        }
        assert!(head.contains("Bearer AAAA%2Fnot%3Dreal"), "the bearer is used raw: {head}");
        if asked.contains("/rules") {
            let summary = r#"{"meta":{"summary":{"created":1,"not_created":0,"deleted":1,"not_deleted":0}}}"#;
            write.write_all(document(summary).as_bytes()).await?;
            continue;
        }
        if asked.starts_with("DELETE") {
            write.write_all(document("{}").as_bytes()).await?;
            continue;
        }
        let reply = {
            let mut replies = script.replies.lock().expect("no panic");
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        return answer(&mut write, reply.expect("a reply")).await;
    }
}

async fn answer(write: &mut tokio::net::tcp::OwnedWriteHalf, reply: Reply) -> std::io::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ntransfer-encoding: chunked\r\n";
    let (pieces, more, then) = match reply {
        Reply::Nothing => {
            std::future::pending::<()>().await;
            return Ok(());
        }
        Reply::Refuse(status, headers, body) => {
            let length = body.len();
            let text = format!(
                "HTTP/1.1 {status} No\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
            return write.write_all(text.as_bytes()).await;
        }
        Reply::Stream(pieces, then) => (pieces, "", then),
        Reply::Gzip(pieces) => {
            let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            let mut flushed = Vec::new();
            for piece in pieces {
                packed.write_all(&piece)?;
                packed.flush()?;
                flushed.push(std::mem::take(packed.get_mut()));
            }
            (flushed, "content-encoding: gzip\r\n", Then::Silence)
        }
    };
    write.write_all(format!("{head}{more}\r\n").as_bytes()).await?;
    for piece in pieces {
        write.write_all(format!("{:x}\r\n", piece.len()).as_bytes()).await?;
        write.write_all(&piece).await?;
        write.write_all(b"\r\n").await?;
        write.flush().await?;
        tokio::task::yield_now().await;
    }
    match then {
        Then::Close => write.write_all(b"0\r\n\r\n").await,
        Then::Break => Ok(()),
        Then::Silence => {
            std::future::pending::<()>().await;
            Ok(())
        }
        Then::Blanks => loop {
            write.write_all(format!("10000\r\n{}\r\n", " ".repeat(0x10000)).as_bytes()).await?;
        },
        Then::KeepAlives => loop {
            tokio::time::sleep(Duration::from_millis(40)).await;
            write.write_all(b"2\r\n\r\n\r\n").await?;
        },
    }
}

fn post(number: u64) -> Vec<u8> {
    format!("{{\"data\":{{\"id\":\"{number}\",\"text\":\"Ünï 🚀 {number}\"}}}}\r\n").into_bytes()
}

fn disconnect(kind: &str) -> Vec<u8> {
    format!("{{\"errors\":[{{\"title\":\"operational-disconnect\",\"disconnect_type\":\"{kind}\",\"detail\":\"d\",\"type\":\"https://api.x.com/2/problems/operational-disconnect\"}}]}}\r\n").into_bytes()
}

/// What came of a run.
struct Came {
    posts: Vec<u64>,
    broken: usize,
    live: Live,
    ended: Result<(), StreamError>,
}

fn stream(x: &X, rules: bool) -> FilteredStream {
    let keys = Some(("key".to_owned().into(), "secret".to_owned().into()));
    FilteredStream {
        api: Arc::new(Api::new(&x.url, keys).expect("a client")),
        rules: rules.then(|| vec!["(mars)".to_owned()]),
        tag: "hydrant:test".to_owned(),
        stall: Duration::from_millis(600),
        takes_over: true,
        haste: 500,
        gaps: None,
    }
}

/// Runs until so many posts came, or it ends by itself.
async fn run(x: &X, wanted: usize) -> Came {
    run_as(stream(x, true), |came, _| came.posts.len() >= wanted).await
}

/// Runs until something holds, or it ends by itself.
async fn run_as(stream: FilteredStream, holds: impl Fn(&Came, &Live) -> bool) -> Came {
    let (to, mut arrivals) = mpsc::channel(super::super::ARRIVALS);
    let (live, stop) = (Live::new("x".into(), vec![]), CancellationToken::new());
    let running = tokio::spawn(stream.run(to, live.clone(), stop.clone()));
    let mut came = Came { posts: Vec::new(), broken: 0, live: live.clone(), ended: Ok(()) };
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let collecting = async {
        while !holds(&came, &live) {
            let arrival = tokio::select! {
                arrival = arrivals.recv() => arrival,
                _ = looks.tick() => continue,
            };
            match arrival {
                None => return,
                Some(Arrival::Broken { .. }) => came.broken += 1,
                Some(Arrival::Lines { lines, .. }) => {
                    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                        match Reader::default().read(line) {
                            Incoming::Posts(posts) => {
                                came.posts.extend(posts.iter().map(|post| post.key().0));
                            }
                            _ => came.broken += 1,
                        }
                    }
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, collecting).await.expect("it comes in time");
    stop.cancel();
    drop(arrivals);
    came.ended = tokio::time::timeout(LIMIT, running).await.expect("it ends in time").expect("no panic");
    came
}

#[tokio::test]
async fn lines_may_be_cut_anywhere_and_come_together() {
    let all: Vec<u8> = [post(1), b"\r\n".to_vec(), post(2), post(3)].concat();
    let by_byte: Vec<Vec<u8>> = all.chunks(1).map(<[u8]>::to_vec).collect();
    let bare: Vec<u8> = String::from_utf8(all.clone()).expect("text").replace("\r\n", "\n").into_bytes();
    for pieces in [by_byte, vec![all], vec![bare]] {
        let x = X::playing(vec![Reply::Stream(pieces, Then::Silence)]).await;
        let came = run(&x, 3).await;
        assert_eq!((came.posts, came.broken), (vec![1, 2, 3], 0));
    }
}

#[tokio::test]
async fn broken_lines_are_handed_over_and_the_stream_stays() {
    let long = [vec![b'x'; 5 << 20], b"\r\n".to_vec()].concat();
    let pieces = vec![post(1), b"<html>\r\n".to_vec(), b"{}\r\n".to_vec(), long, post(2)];
    let x = X::playing(vec![Reply::Stream(pieces, Then::Silence)]).await;
    let came = run(&x, 2).await;
    assert_eq!((came.posts, came.broken), (vec![1, 2], 3));
    assert_eq!(x.asked("/stream?"), 1);
}

#[tokio::test]
async fn a_stream_that_ends_any_way_goes_on_with_the_next() {
    let half = post(9)[..20].to_vec();
    let unfinished = post(2)[..post(2).len() - 2].to_vec();
    let x = X::playing(vec![
        Reply::Stream(vec![post(1)], Then::Close),
        // Whole, but for its line end.
        Reply::Stream(vec![unfinished], Then::Close),
        // In the middle of a line, without the end of the body.
        Reply::Stream(vec![post(3), half], Then::Break),
        // Silent for longer than X ever is.
        Reply::Stream(vec![post(4)], Then::Silence),
        Reply::Stream(vec![], Then::Silence),
        Reply::Stream(vec![post(5)], Then::Silence),
    ])
    .await;
    let came = run(&x, 5).await;
    assert_eq!((came.posts, came.broken), (vec![1, 2, 3, 4, 5], 1));
    assert_eq!(came.live.status().gaps.count, 5);
}

#[tokio::test]
async fn keep_alives_without_posts_are_no_stall() {
    let x = X::playing(vec![Reply::Stream(vec![], Then::KeepAlives)]).await;
    let began = std::time::Instant::now();
    run_as(stream(&x, true), |_, _| began.elapsed() > Duration::from_millis(1800)).await;
    assert_eq!(x.asked("/stream?"), 1, "it stayed for three times as long as a stall takes");
}

#[tokio::test]
async fn every_kind_of_disconnect_is_understood_with_and_without_an_end_after_it() {
    let kinds = [
        "OperationalDisconnect",
        "UpstreamOperationalDisconnect",
        "ForceDisconnect",
        "UpstreamUncleanDisconnect",
        "SlowReader",
        "InternalError",
        "ClientApplicationStateDegraded",
        "InvalidRules",
        "NeverHeardOf",
    ];
    for then in [Then::Close, Then::Silence] {
        let mut replies: Vec<Reply> = kinds
            .iter()
            .zip(1..)
            .map(|(kind, number)| Reply::Stream(vec![[post(number), disconnect(kind)].concat()], then))
            .collect();
        replies.push(Reply::Stream(vec![post(100)], Then::Silence));
        let x = X::playing(replies).await;
        let came = run(&x, kinds.len() + 1).await;
        assert_eq!(came.broken, 0);
        assert!(
            x.asked("GET /2/tweets/search/stream/rules") >= 3,
            "rules are looked at again when X says that they are bad"
        );
    }
}

#[tokio::test]
async fn errors_beside_a_post_are_no_disconnect() {
    let line = b"{\"data\":{\"id\":\"7\",\"text\":\"t\"},\"errors\":[{\"title\":\"Not Found Error\",\"type\":\"https://api.twitter.com/2/problems/resource-not-found\"}]}\r\n".to_vec();
    let x = X::playing(vec![Reply::Stream(vec![line, post(8)], Then::Silence)]).await;
    assert_eq!(run(&x, 2).await.posts, [7, 8]);
    assert_eq!(x.asked("/stream?"), 1);
}

#[tokio::test]
async fn refusals_that_pass_are_waited_out() {
    let problem = |kind: &str| {
        format!(
            "{{\"title\":\"t\",\"connection_issue\":\"{kind}\",\"type\":\"https://api.x.com/2/problems/streaming-connection\"}}"
        )
    };
    let now = Timestamp::now().as_second();
    let reset = |reset: i64| format!("x-rate-limit-remaining: 0\r\nx-rate-limit-reset: {reset}\r\n");
    let too_many = "{\"title\":\"Too Many Requests\",\"status\":429}".to_owned();
    let refuse =
        |status: u16, headers: &str, body: &str| Reply::Refuse(status, headers.to_owned(), body.to_owned());
    let x = X::playing(vec![
        refuse(401, "", "{\"title\":\"Unauthorized\"}"),
        refuse(503, "content-type: text/html\r\n", "<!DOCTYPE html>"),
        refuse(502, "", ""),
        refuse(302, "location: https://elsewhere.example/\r\n", ""),
        refuse(409, "", &problem("RuleConfigurationIssue")),
        refuse(429, &reset(now + 3), &too_many),
        refuse(429, &reset(now - 100), &too_many),
        refuse(429, &reset(now + 90 * 86_400), &too_many),
        refuse(429, "x-rate-limit-remaining: 0\r\nx-rate-limit-reset: soon\r\n", &too_many),
        refuse(429, "x-rate-limit-remaining: 12\r\n", &problem("TooManyConnections")),
        refuse(200, "content-type: text/html\r\n", "<html>"),
        Reply::Stream(vec![post(1)], Then::Silence),
    ])
    .await;
    let came = run(&x, 1).await;
    assert_eq!(came.posts, [1]);
    assert_eq!(x.asked("oauth2/token"), 2, "once at first, and once after the 401");
    assert!(came.live.status().held.is_none());
}

#[tokio::test]
async fn a_ghost_is_ended_when_it_does_not_go_by_itself() {
    let ghost = Reply::Refuse(429, String::new(), "{\"connection_issue\":\"TooManyConnections\"}".to_owned());
    let mut replies = vec![ghost; 5];
    replies.push(Reply::Stream(vec![post(1)], Then::Silence));
    let x = X::playing(replies).await;
    assert_eq!(run(&x, 1).await.posts, [1]);
    assert!(x.asked("DELETE /2/connections/all") >= 1);
}

#[tokio::test]
async fn what_costs_money_parks_and_what_only_a_person_mends_stops() {
    let credits = "{\"title\":\"CreditsDepleted\",\"detail\":\"d\",\"type\":\"https://api.twitter.com/2/problems/credits\"}";
    for (status, body, says) in [
        (402, credits, "no credits"),
        (403, credits, "spending limit"),
        (429, "{\"title\":\"UsageCapExceeded\"}", "cap of posts"),
    ] {
        let x = X::playing(vec![Reply::Refuse(status, String::new(), body.to_owned())]).await;
        let came = run_as(stream(&x, true), |_, live| live.status().held.is_some()).await;
        assert!(came.live.status().held.is_some_and(|why| why.contains(says)), "{status}");
        assert_eq!(x.asked("/stream?"), 1, "{status}: it is not asked again at once");
    }
    let enrolled = "{\"reason\":\"client-not-enrolled\",\"detail\":\"d\",\"type\":\"https://api.twitter.com/2/problems/client-forbidden\"}";
    for (status, body, says) in [
        (400, "{\"errors\":[{\"message\":\"bogus\"}]}", "bogus"),
        (401, "{}", "bearer"),
        (403, enrolled, "pay-per-use"),
    ] {
        let x = X::playing(vec![Reply::Refuse(status, String::new(), body.to_owned())]).await;
        let came = run(&x, 1).await;
        let why = came.ended.expect_err("it stops").to_string();
        assert!(why.contains(says), "{status}: {why}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_or_is_not_there_is_tried_again() {
    let mut hanging = stream(&X::playing(vec![Reply::Nothing]).await, true);
    // Nobody listens where a listener was a moment ago.
    hanging.rules = None;
    let came = run_as(hanging, |_, live| live.status().last_error.is_some()).await;
    assert!(came.live.status().last_error.is_some_and(|why| why.contains("could not be reached")));
    assert!(came.ended.is_ok());
}

#[tokio::test]
async fn a_packed_stream_is_understood_line_by_line() {
    let x = X::playing(vec![Reply::Gzip(vec![post(1), b"\r\n".to_vec(), post(2)])]).await;
    assert_eq!(run(&x, 2).await.posts, [1, 2]);
}

#[tokio::test]
async fn a_stream_that_closes_at_once_is_not_opened_in_a_circle() {
    let x = X::playing(vec![Reply::Stream(vec![], Then::Close)]).await;
    let began = std::time::Instant::now();
    let mut slow = stream(&x, true);
    // 15 minutes are 9 s here.
    slow.haste = 100;
    run_as(slow, |_, _| began.elapsed() > Duration::from_secs(4)).await;
    assert!(x.asked("/stream?") <= 50, "{} connects in a window", x.asked("/stream?"));
}

#[test]
fn a_field_that_never_comes_is_noticed() {
    let mut check = FieldCheck::default();
    let line = br#"{"data":{"id":"1","created_at":"x","lang":"en","author_id":"1","conversation_id":"1","public_metrics":{}}}"#;
    let said = (0..CHECKED_POSTS).find_map(|_| check.look(line)).expect("after so many posts");
    assert_eq!(said, ["\"followers_count\""]);
}

/// What an X says of its rules that gives a bearer like this.
async fn rules_of(bearer: Reply, limit: Duration) -> String {
    let x = X::playing(vec![]).await;
    *x.script.bearer.lock().expect("no panic") = Some(bearer);
    let keys = Some(("key".into(), "secret".into()));
    let api = Api::new(&x.url, keys).expect("an address").within(limit);
    let asked = tokio::time::timeout(LIMIT, api.rules()).await.expect("it has a limit");
    asked.expect_err("no bearer, no rules").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_that_never_comes_to_an_end_is_not_waited_for() {
    let begins = || vec![b"{\"access_token\":".to_vec()];
    let silent = rules_of(Reply::Stream(begins(), Then::Silence), Duration::from_millis(500)).await;
    assert!(silent.contains("no answer in time"), "{silent}");
    let endless = rules_of(Reply::Stream(begins(), Then::Blanks), LIMIT).await;
    assert!(endless.contains("no token"), "{endless}");
}
