//! Random and truncated requests to every service: always an answer or a closed connection, never a panic, never a
//! file outside the folder.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::sandbox::Sandbox;

/// A generator of numbers that a test can repeat.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).expect("small")).expect("small")
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

/// Requests that mean something to each service, to be broken.
fn templates() -> Vec<Vec<u8>> {
    let signed = |service: &str| {
        format!(
            "authorization: AWS4-HMAC-SHA256 Credential=key/20261122/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=00\r\n"
        )
    };
    let json = |service: &str, target: &str, body: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\n{}x-amz-target: {target}\r\ncontent-type: application/x-amz-json-1.1\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            signed(service),
            body.len()
        )
    };
    let form = |service: &str, body: &str| {
        format!(
            "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\n{}content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            signed(service),
            body.len()
        )
    };
    let s3 = |method: &str, path: &str, more: &str, body: &str| {
        format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{}{more}content-length: {}\r\nconnection: close\r\n\r\n{body}",
            signed("s3"),
            body.len()
        )
    };
    [
        json("firehose", "Firehose_20150804.PutRecordBatch", r#"{"DeliveryStreamName":"s","Records":[{"Data":"eA=="}]}"#),
        json("firehose", "Firehose_20150804.CreateDeliveryStream", r#"{"DeliveryStreamName":"s","ExtendedS3DestinationConfiguration":{"RoleARN":"arn:aws:iam::1:role/r","BucketARN":"arn:aws:s3:::b","Prefix":"!{timestamp:yyyy}/"}}"#),
        json("logs", "Logs_20140328.PutLogEvents", r#"{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1,"message":"m"}]}"#),
        json("logs", "Logs_20140328.FilterLogEvents", r#"{"logGroupName":"g","filterPattern":"{ $.a = 1 && ($.b != \"x\") }"}"#),
        json("sagemaker", "SageMaker.CreateNotebookInstance", r#"{"NotebookInstanceName":"n","InstanceType":"ml.t3.medium","RoleArn":"arn:aws:iam::123456789012:role/r"}"#),
        json("ssm", "AmazonSSM.GetParameter", r#"{"Name":"/aws/service/x"}"#),
        json("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", r#"{"TagFilters":[{"Key":"k","Values":["v"]}]}"#),
        form("iam", "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%5D%7D"),
        form("sts", "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Fr&RoleSessionName=s"),
        form("ec2", "Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount=1&MaxCount=1&BlockDeviceMapping.1.Ebs.VolumeSize=8"),
        form("ec2", "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId=sg-1&IpPermissions.1.IpRanges.1.CidrIp=1.2.3.4%2F32"),
        s3("PUT", "/bucket-one", "", ""),
        s3("PUT", "/bucket-one/../../../../etc/passwd", "", "x"),
        s3("PUT", "/bucket-one/%2e%2e/%2e%2e/%00/x", "x-amz-meta-a: b\r\n", "x"),
        s3("PUT", "/bucket-one/chunked", "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\nx-amz-decoded-content-length: 3\r\n", "3\r\nabc\r\n0\r\n\r\n"),
        s3("GET", "/bucket-one?list-type=2&delimiter=%2F&continuation-token=x&max-keys=7", "", ""),
        s3("POST", "/bucket-one?delete", "", "<Delete><Object><Key>a</Key></Object></Delete>"),
        s3("PUT", "/bucket-one?lifecycle", "", "<LifecycleConfiguration><Rule><ID>a</ID></Rule></LifecycleConfiguration>"),
        s3("GET", "/bucket-one/chunked", "range: bytes=1-99999999999999999999\r\n", ""),
        "GET /_hydrant/faults HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n".to_owned(),
        "PUT /_imds/i-00000000/latest/api/token HTTP/1.1\r\nhost: 127.0.0.1\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".to_owned(),
    ]
    .map(String::into_bytes)
    .into()
}

/// Sends bytes, closes that side, and waits for the answer's head, or for the end.
async fn send(port: u16, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    drop(stream.write_all(bytes).await);
    drop(stream.shutdown().await);
    head(stream).await
}

/// Sends a whole request and waits for the answer's head.
async fn ask(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("it listens");
    stream.write_all(request).await.expect("sent");
    head(stream).await
}

async fn head(mut stream: TcpStream) -> String {
    let mut answer = vec![0; 512];
    let read = tokio::time::timeout(std::time::Duration::from_mins(1), stream.read(&mut answer)).await;
    let read = read.expect("an answer or an end").unwrap_or(0);
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

/// A request with something wrong in it.
fn broken(template: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut broken = template.to_vec();
    match numbers.below(4) {
        0 => broken.truncate(numbers.below(template.len())),
        1 => {
            let at = numbers.below(template.len());
            broken[at] = numbers.next().to_le_bytes()[0];
        }
        2 => {
            let (at, count) = (numbers.below(template.len()), numbers.below(40));
            let noise = numbers.bytes(count);
            broken.splice(at..at, noise);
        }
        _ => {
            let (from, to) = (numbers.below(template.len()), numbers.below(template.len()));
            broken.drain(from.min(to)..from.max(to));
        }
    }
    broken
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_are_answered_and_harm_nothing() {
    let sandbox = Sandbox::new(&[]).await;
    let port = sandbox.serving.port();
    let mut numbers = Numbers(20_261_122);
    for template in templates() {
        let whole = send(port, &template).await;
        assert!(whole.starts_with("HTTP/1.1 "), "{whole:?}");
        for _ in 0..40 {
            let broken = broken(&template, &mut numbers);
            let answer = send(port, &broken).await;
            assert!(!answer.starts_with("HTTP/1.1 500"), "{}\n{answer}", String::from_utf8_lossy(&broken));
        }
    }
    for _ in 0..60 {
        let count = numbers.below(3000);
        let noise = numbers.bytes(count);
        send(port, &noise).await;
    }
    // It lives, and nothing lies beside its folder.
    let s3 = sandbox.aws().s3;
    s3.list_buckets().send().await.expect("it answers");
    let beside: Vec<_> = std::fs::read_dir(sandbox.folder.path()).expect("there").collect();
    assert_eq!(beside.len(), 1);
}

/// The port of an address of the sandbox's line.
fn port_of(sandbox: &Sandbox, address: &str) -> u16 {
    let address = sandbox.serving.line[address].as_str().expect("an address");
    address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port")
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_requests_to_the_feeds_servers_harm_nothing() {
    let sandbox = Sandbox::new(&[]).await;
    let x = [
        "POST /oauth2/token HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Basic a2V5OnNlY3JldA==\r\ncontent-length: 29\r\nconnection: close\r\n\r\ngrant_type=client_credentials",
        "POST /2/tweets/search/stream/rules HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer A%2FB\r\ncontent-length: 47\r\nconnection: close\r\n\r\n{\"add\":[{\"value\":\"(a OR \\\"b\\\") -c\",\"tag\":\"t\"}]}",
        "GET /2/tweets/search/stream?tweet.fields=a,b&expansions=%ff HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer A\r\nconnection: close\r\n\r\n",
        "DELETE /2/connections/all HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    ];
    let jetstream = [
        "GET /subscribe?wantedCollections=app.bsky.feed.post&cursor=1 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "GET /xrpc/network.bsky.jetstream.getZstdDictionary?id=7 HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n",
    ];
    let mut numbers = Numbers(20_261_126);
    for (port, templates) in
        [(port_of(&sandbox, "x_api_url"), &x[..]), (port_of(&sandbox, "jetstream_url"), &jetstream[..])]
    {
        for template in templates {
            let whole = ask(port, template.as_bytes()).await;
            assert!(whole.starts_with("HTTP/1.1 "), "{whole:?}");
            for _ in 0..30 {
                let broken = broken(template.as_bytes(), &mut numbers);
                let answer = send(port, &broken).await;
                assert!(
                    !answer.starts_with("HTTP/1.1 500"),
                    "{}\n{answer}",
                    String::from_utf8_lossy(&broken)
                );
            }
        }
        let count = numbers.below(3000);
        let noise = numbers.bytes(count);
        send(port, &noise).await;
    }
    // Both answer as before.
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let sent = client.get(format!("{}/_hydrant/feed/sent", sandbox.serving.endpoint())).send().await;
    let sent = sent.expect("an answer").text().await.expect("text");
    let sent: serde_json::Value = serde_json::from_str(&sent).expect("JSON");
    assert!(sent["x"]["connects"].is_u64() && sent["jetstream"]["posts"].is_array(), "{sent}");
}
