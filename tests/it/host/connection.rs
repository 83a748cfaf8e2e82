//! Getting in, and not getting in.

use std::os::unix::fs::PermissionsExt;

use hydrant::host::output::Order;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn another_hosts_key_is_refused_and_an_unknown_one_too() {
    let sshd = Sshd::start(None, &[]).await;
    let other = Sshd::start(None, &[]).await;
    let key = std::fs::read_to_string(other.path("host_key.pub")).expect("a key");
    sshd.trust(sshd.port, &key);
    let error = connect(way(&sshd, sshd.port)).await.map(drop).expect_err("it is another's");
    assert!(matches!(error, HostError::WrongHostKey { .. }), "{error:?}");
    assert!(error.to_string().contains("shows another key"), "{error}");
    std::fs::write(sshd.path("known_hosts"), "").expect("written");
    let error = connect(way(&sshd, sshd.port)).await.map(drop).expect_err("it is not known");
    assert!(matches!(error, HostError::UnknownHostKey { .. }), "{error:?}");
    let log = std::fs::read_to_string(sshd.path("log")).expect("a log");
    assert!(!log.contains("Accepted"), "nobody was let in: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_others_can_read_or_that_is_not_the_right_one_is_named() {
    let sshd = Sshd::start(None, &[]).await;
    let mode = |mode| std::fs::set_permissions(sshd.path("key"), std::fs::Permissions::from_mode(mode));
    mode(0o644).expect("set");
    let error = connect(way(&sshd, sshd.port)).await.map(drop).expect_err("it is open").to_string();
    assert!(error.contains("can be read by others (mode 644): `chmod 600` it"), "{error}");
    mode(0o600).expect("set");
    std::fs::write(sshd.path("authorized_keys"), "").expect("written");
    let error = connect(way(&sshd, sshd.port)).await.map(drop).expect_err("it is not let in").to_string();
    assert!(error.contains("does not let"), "{error}");
    std::fs::remove_file(sshd.path("key")).expect("removed");
    let error = connect(way(&sshd, sshd.port)).await.map(drop).expect_err("there is none").to_string();
    assert!(error.contains("is not there"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_down_is_waited_for_in_words() {
    let sshd = Sshd::start(None, &[]).await;
    let port = crate::support::sshd::free_port().await;
    let told: Arc<std::sync::Mutex<Vec<Report>>> = Arc::default();
    let listener = Arc::clone(&told);
    let progress = Progress::to(move |report| listener.lock().expect("nothing panics").push(report));
    let patience = Duration::from_secs(2);
    let error = Host::connect(way(&sshd, port), patience, progress, CancellationToken::new()).await;
    let error = error.map(drop).expect_err("nobody is there").to_string();
    assert!(error.contains("does not answer") && error.contains("Connection refused"), "{error}");
    let told = told.lock().expect("nothing panics");
    assert!(told[0].text.contains("does not answer yet"), "{told:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_is_noticed_and_taken_up_again_while_work_goes_on() {
    let sshd = Sshd::start(None, &[]).await;
    let wire = Wire::to(sshd.port).await;
    sshd.through(&wire);
    let (host, told) = connect(way(&sshd, wire.port)).await.expect("connected");
    let started = "nohup sh -c 'while :; do date +%s%N > beat; sleep 0.1; done' >/dev/null 2>&1 & echo $!";
    let pid = host.run(&Order::new("starting work", started)).await.expect("ran").out;
    // The wire goes dead without a word: only keep-alives tell.
    wire.dead(true);
    let began = std::time::Instant::now();
    let order = Order::new("asking", "echo still here").within(LIMIT);
    let asking = host.run(&order);
    let alive = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        while told.lock().expect("nothing panics").iter().all(|told| !told.text.contains("taking it up")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let noticed = began.elapsed();
        wire.dead(false);
        noticed
    };
    let (output, noticed) =
        tokio::time::timeout(LIMIT, async { tokio::join!(asking, alive) }).await.expect("in time");
    assert_eq!(output.expect("asked again").out, "still here\n");
    assert!(noticed < Duration::from_secs(45), "keep-alives are three seconds apart: {noticed:?}");
    assert!(wire.connections() >= 2);
    let beat = || std::fs::read_to_string(sshd.home().join("beat")).unwrap_or_default();
    let before = beat();
    let goes_on = async {
        while beat() == before {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(LIMIT, goes_on).await.expect("the work goes on");
    host.run(&Order::new("ending work", format!("kill {pid}"))).await.expect("ended");
    host.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_nobody_closed_ends_all_the_same() {
    let sshd = Sshd::start(None, &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    drop(host);
    let ended = async {
        let log = || std::fs::read_to_string(sshd.path("log")).unwrap_or_default();
        while !log().contains("Disconnected from user") {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    // Left to itself, ssh keeps it for a minute.
    tokio::time::timeout(LIMIT / 2, ended).await.expect("it is at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commands_at_once_are_queued_and_a_slow_one_is_ended() {
    let sshd = Sshd::start(None, &[]).await;
    let (host, _) = connect(way(&sshd, sshd.port)).await.expect("connected");
    let orders: Vec<Order> = (0..30).map(|n| Order::new("counting", format!("echo {n}; exit {n}"))).collect();
    let all = futures_util::future::join_all(orders.iter().map(|order| host.run(order))).await;
    for (number, output) in all.into_iter().enumerate() {
        let output = output.expect("ran");
        assert_eq!(
            (output.code, output.out.trim()),
            (i32::try_from(number).expect("small"), &*number.to_string())
        );
    }
    let slow = host.run(&Order::new("sleeping", "sleep 600").within(Duration::from_millis(500))).await;
    assert!(matches!(slow, Err(HostError::Slow { .. })), "{slow:?}");
    let much = host.run(&Order::new("talking", "head -c 5000000 /dev/zero | tr '\\0' x")).await.expect("ran");
    assert_eq!(much.out.len(), 1 << 20, "of much, the beginning is kept");
    host.close().await;
}
