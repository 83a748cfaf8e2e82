//! The stream on a host that systemd runs: killed, and through a power cut, and every post still comes out once.

use super::account::Account;
use super::by_commands::Day;
use super::given::{lines, posts};
use crate::support::proxy::Verdict;

const POSTS: usize = 900;

#[tokio::test(flavor = "multi_thread")]
async fn systemd_brings_the_stream_back_after_a_kill_and_a_power_cut_and_every_post_comes_out_once() {
    // A path with a space in it: the unit has its arguments by way of a file.
    let there = "/srv/the posts.jsonl";
    let Some(account) = Account::moto_and_a_machine(&[(there, lines(&posts(POSTS)).as_bytes())]).await else {
        return;
    };
    let mut day = Day::begin(account, POSTS);
    day.done(&["up"]).await;
    let provisioned = day.done(&["host", "provision"]).await;
    let service =
        provisioned["tasks"].as_array().and_then(|tasks| tasks.iter().find(|task| task["task"] == "service"));
    assert_eq!(service.expect("the task")["state"], "changed", "{provisioned}");

    let Account::Machine { world, .. } = &day.account else { unreachable!() };
    world.proxy.rule(|call| if call.is("PutRecordBatch") { Verdict::throttled() } else { Verdict::Forward });
    let missing =
        ["stream", "start", "--on", "host", "--source", "replay:/srv/none.jsonl", "--to", "firehose"];
    let missing = day.account.hydrant(&missing).await.expect(1);
    assert!(missing.err.contains("cannot read /srv/none.jsonl"), "{}", missing.err);
    day.start_from(there, "max").await;
    let before = day.until("every post", |status| status["pending"] == POSTS).await;
    let kill = format!("kill -9 {}", before["pid"]);
    day.account.hydrant(&["host", "run", "--", "sh", "-c", &kill]).await.expect(0);
    let after = day.until("the service that systemd brings back", |status| {
        status["pid"].is_u64()
            && status["pid"] != before["pid"]
            && status["pending"].as_u64() >= Some(POSTS as u64)
    });
    after.await;

    let Account::Machine { machine, .. } = &mut day.account else { unreachable!() };
    machine.power_cut().await;
    let up_again = |status: &serde_json::Value| {
        status["state"] != "failed" && status["pending"].as_u64() >= Some(POSTS as u64)
    };
    day.until("the service that the boot brings back", up_again).await;
    let Account::Machine { world, .. } = &day.account else { unreachable!() };
    world.proxy.no_rule();
    day.every_post_comes_out_once().await;
    day.end().await;
}
