//! `hydrant sandbox --serve`: its line, its folder, several at once, and the control door.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::run::{command, run};
use crate::support::sandbox::{Sandbox, Serving};

#[tokio::test(flavor = "multi_thread")]
async fn the_line_says_all_that_other_commands_need() {
    let sandbox = Sandbox::new(&[]).await;
    let line = &sandbox.serving.line;
    for address in ["endpoint_url", "x_api_url"] {
        let address = line[address].as_str().expect("an address");
        assert!(address.starts_with("http://127.0.0.1:"), "{address}");
    }
    assert_eq!(line["region"], "us-east-1");
    assert!(line["ssh"].is_object(), "{line}");
    assert_eq!(line["env"]["AWS_ENDPOINT_URL"], line["endpoint_url"]);
    // boto3 knows no other name.
    assert_eq!(line["env"]["AWS_DEFAULT_REGION"], "us-east-1");
    sandbox.hydrant(&["status"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_run_side_by_side_and_two_never_share_a_folder() {
    let (one, other) = (Sandbox::new(&[]).await, Sandbox::new(&[]).await);
    one.aws().s3.create_bucket().bucket("only-in-one").send().await.expect("made");
    assert_eq!(one.aws().everything().await, ["bucket only-in-one"]);
    assert_eq!(other.aws().everything().await, Vec::<String>::new());
    let mut second = command(one.home.path());
    second.args(["sandbox", "--serve", "--dir"]).arg(one.dir());
    let refused = run(second).await.expect(1);
    assert!(refused.err.contains("another sandbox"), "{}", refused.err);
    let mut resetting = command(one.home.path());
    resetting.args(["sandbox", "--serve", "--reset", "--dir"]).arg(one.dir());
    run(resetting).await.expect(1);
    assert_eq!(one.aws().everything().await, ["bucket only-in-one"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_holds_is_back_after_a_kill_and_gone_after_a_reset() {
    let mut sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    aws.s3.create_bucket().bucket("kept").send().await.expect("made");
    let body = aws_sdk_s3::primitives::ByteStream::from_static(b"every byte");
    aws.s3.put_object().bucket("kept").key("a/../b").body(body).send().await.expect("put");
    aws.logs.create_log_group().log_group_name("kept").send().await.expect("made");
    sandbox.kill_and_restart().await;
    let aws = sandbox.aws();
    assert_eq!(aws.everything().await, ["bucket kept", "log group kept"]);
    let object = aws.s3.get_object().bucket("kept").key("a/../b").send().await.expect("there");
    assert_eq!(object.body.collect().await.expect("read").into_bytes().as_ref(), b"every byte");
    sandbox.serving.kill().await;
    sandbox.serving = Serving::start(sandbox.home.path(), &sandbox.dir(), &["--reset"]).await;
    assert_eq!(sandbox.aws().everything().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_comes_back_where_it_was_so_that_a_stack_finds_its_keys_again() {
    let mut sandbox = Sandbox::new(&[]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let addresses = sandbox.serving.line["env"].clone();
    sandbox.serving.kill().await;
    sandbox.serving = Serving::start(sandbox.home.path(), &sandbox.dir(), &[]).await;
    assert_eq!(sandbox.serving.line["env"], addresses);
    let again = sandbox.hydrant(&["up"]).await.expect(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
    sandbox.hydrant(&["host", "status"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_of_past_hours_fills_the_bucket_as_soon_as_it_is_made() {
    let sandbox = Sandbox::new(&["--lake", "5"]).await;
    sandbox.hydrant(&["up"]).await.expect(0);
    let s3 = sandbox.aws().s3;
    let listing = || s3.list_objects_v2().bucket("hydrant-123456789012-us-east-1").send();
    let mut keys: Vec<String> = Vec::new();
    for _ in 0..200 {
        let listed = listing().await.expect("a listing");
        keys = listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        if keys.len() >= 20 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(keys.len(), 20, "four files an hour: {keys:?}");
    let shape = "datasets/twitter/kinesis-demo/";
    assert!(
        keys.iter().all(|key| key.starts_with(shape) && key.contains("/twitter_delivery_stream-1-")),
        "{keys:?}"
    );
    let plain = sandbox.hydrant(&["down", "--yes"]).await.expect(0);
    assert!(plain.err.contains("everything is gone but the bucket"), "{}", plain.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_and_posts_come_from_the_feed() {
    let sandbox = Sandbox::new(&["--feed-rate", "200", "--dialect", "post"]).await;
    let x = sandbox.serving.line["x_api_url"].as_str().expect("an address").to_owned();
    let client = reqwest::Client::new();
    let token = client
        .post(format!("{x}/oauth2/token"))
        .basic_auth("sandbox", Some("sandbox"))
        .header("content-type", "application/x-www-form-urlencoded;charset=UTF-8")
        .body("grant_type=client_credentials")
        .send()
        .await
        .expect("an answer");
    let token: serde_json::Value = serde_json::from_str(&token.text().await.expect("text")).expect("JSON");
    let token = token["access_token"].as_str().expect("a token").to_owned();
    let rules = client
        .post(format!("{x}/2/tweets/search/stream/rules"))
        .bearer_auth(&token)
        .header("content-type", "application/json")
        .body(r#"{"add":[{"value":"the OR we OR new","tag":"all"}]}"#)
        .send()
        .await
        .expect("an answer");
    assert_eq!(rules.status(), 201, "{:?}", rules.text().await);
    let stream =
        client.get(format!("{x}/2/tweets/search/stream?tweet.fields=created_at")).bearer_auth(&token);
    let mut stream = stream.send().await.expect("an answer");
    assert_eq!(stream.status(), 200);
    let mut bytes = Vec::new();
    let limit = std::time::Duration::from_mins(1);
    while !bytes.windows(2).any(|pair| pair == b"\r\n") || bytes.len() < 100 {
        let chunk =
            tokio::time::timeout(limit, stream.chunk()).await.expect("posts in time").expect("a chunk");
        bytes.extend_from_slice(&chunk.expect("it goes on"));
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let post = text.split("\r\n").find(|line| !line.is_empty()).expect("a post");
    let post: serde_json::Value = serde_json::from_str(post).expect("JSON");
    assert!(post["data"]["id"].is_string() && post["data"]["created_at"].is_string(), "{post}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_that_is_not_a_sandboxs_is_never_touched() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("thesis.txt"), "years of work").expect("written");
    for more in [&[][..], &["--reset"]] {
        let mut hydrant = command(home.path());
        hydrant.args(["sandbox", "--serve", "--dir"]).arg(folder.path()).args(more);
        let refused = run(hydrant).await.expect(1);
        assert!(refused.err.contains("no sandbox made it"), "{}", refused.err);
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_cannot_reach_it() {
    let sandbox = Sandbox::new(&[]).await;
    let client = reqwest::Client::new();
    let endpoint = sandbox.serving.endpoint();
    // A name that only resolves to this machine, and a request that a page could make without asking first.
    let rebound = client.get(&endpoint).header("host", "evil.example").send().await.expect("an answer");
    assert_eq!(rebound.status(), 403);
    let simple = client.post(format!("{endpoint}/_hydrant/reset")).send().await.expect("an answer");
    assert_eq!(simple.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_folder_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;
    let mut sandbox = Sandbox::new(&[]).await;
    let state = sandbox.dir().join("state.redb");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(&sandbox.dir()), mode(&state)), (0o700, 0o600));
    // One that was there, and open to others, is closed to them.
    sandbox.serving.kill().await;
    for (path, open) in [(&sandbox.dir(), 0o755), (&state, 0o644)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(open)).expect("ours");
    }
    sandbox.serving = Serving::start(sandbox.home.path(), &sandbox.dir(), &[]).await;
    assert_eq!((mode(&sandbox.dir()), mode(&state)), (0o700, 0o600));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_skewed_cloud_stamps_by_its_own_clock() {
    let sandbox = Sandbox::new(&[]).await;
    let s3 = sandbox.aws().s3;
    s3.create_bucket().bucket("clocks").send().await.expect("made");
    for (fault, seconds) in [("skew=10m", 600), ("skew=-10m", -600)] {
        sandbox.faults(&[fault]).await;
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"x");
        s3.put_object().bucket("clocks").key(fault).body(body).send().await.expect("put");
        let head = s3.head_object().bucket("clocks").key(fault).send().await.expect("there");
        let modified = head.last_modified().expect("a time").secs();
        let ahead = modified - jiff::Timestamp::now().as_second();
        assert!((ahead - seconds).abs() < 120, "{fault}: {ahead} s");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_fault_or_pace_is_wrong_usage() {
    let home = tempfile::tempdir().expect("a folder");
    for wrong in [["--fault", "flood"], ["--fault", "throttle:s4"], ["--pace", "0"], ["--pace", "101"]] {
        let mut hydrant = command(home.path());
        hydrant.args(["sandbox", "--serve"]).args(wrong);
        run(hydrant).await.expect(2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_feeds_faults_are_switched_like_the_clouds_and_wrong_ones_are_named() {
    let sandbox = Sandbox::new(&["--fault", "x-cut@5=1", "--fault", "jet-slow:50ms"]).await;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let faults = format!("{}/_hydrant/faults", sandbox.serving.endpoint());
    let on = client.get(&faults).send().await.expect("an answer").text().await.expect("text");
    assert_eq!(on.trim(), r#"["x-cut@5=1","jet-slow:50ms"]"#);
    sandbox.faults(&["throttle:s3=10%", "x-limit:far", "jet-refuse:502=3"]).await;
    let on = client.get(&faults).send().await.expect("an answer").text().await.expect("text");
    assert_eq!(on.trim(), r#"["throttle:s3=10%","x-limit:far","jet-refuse:502=3"]"#);
    let wrong = client.put(&faults).header("x-hydrant-control", "1").body(r#"["x-flood"]"#).send().await;
    let wrong = wrong.expect("an answer");
    assert_eq!(wrong.status(), 400);
    assert!(wrong.text().await.expect("text").contains("x-flood is no fault of the feed"));
}

/// One request on a connection that is already there, its body in pieces; gives the answer's head.
async fn send(connection: &mut TcpStream, head: &str, body: &[&[u8]]) -> String {
    connection.write_all(head.as_bytes()).await.expect("it is taken");
    for piece in body {
        tokio::task::yield_now().await;
        connection.write_all(piece).await.expect("it is taken");
    }
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if let Some((head, rest)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok())
                .unwrap_or_default();
            if rest.len() >= length {
                return head.to_lowercase();
            }
        }
        let got = tokio::time::timeout(Duration::from_mins(1), connection.read_buf(&mut read)).await;
        assert!(got.expect("it answers").expect("it can be read") > 0, "the connection ended: {text}");
    }
}

#[tokio::test]
async fn a_connection_outlives_what_was_refused_or_is_said_to_end() {
    let sandbox = Sandbox::new(&[]).await;
    let mut connection = TcpStream::connect(("127.0.0.1", sandbox.serving.port())).await.expect("it listens");
    let put = |length: usize, more: &str| {
        format!(
            "PUT /nobodys-bucket/key HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n{more}\r\n"
        )
    };
    let pieces: Vec<&[u8]> = vec![&[b'x'; 1000]; 200];
    for _ in 0..20 {
        let answer = send(&mut connection, &put(200_000, ""), &pieces).await;
        assert!(answer.starts_with("http/1.1 403"), "{answer}");
        assert!(!answer.contains("connection: close"), "{answer}");
    }
    // A client that waits to be told to go on is told not to, and that it must come again.
    let answer = send(&mut connection, &put(200_000, "expect: 100-continue\r\n"), &[]).await;
    assert!(answer.starts_with("http/1.1 403"), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
}
