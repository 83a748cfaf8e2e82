//! What comes in while it is followed, against the sandbox: late events, empty pages, live tails, groups that go.

use super::*;
use crate::support::sandbox::Sandbox;

#[tokio::test(flavor = "multi_thread")]
async fn late_events_are_shown_marked_and_nothing_comes_twice() {
    let sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["fast", "slow"]).await;
    put(&aws, "g", "fast", &[(5, "first")]).await;
    let mut tailed = Tailed::start(&sandbox.serving.endpoint(), &["g"], None, Follow::Poll).await;
    tailed.until_shown("first").await;
    put(&aws, "g", "fast", &[(0, "newest")]).await;
    tailed.until_shown("newest").await;
    put(&aws, "g", "slow", &[(90, "late")]).await;
    tailed.until_shown("late").await;
    // Another look far back, which finds the late one again.
    put(&aws, "g", "slow", &[(80, "later still")]).await;
    tailed.until_shown("later still").await;
    let tailed = tailed.stop().await;
    assert_eq!(tailed.messages(), ["first", "newest", "late", "later still"]);
    let late: Vec<bool> = tailed.events.iter().map(|event| event.is_late).collect();
    assert_eq!(late, [false, false, true, true]);
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_pages_are_gone_through() {
    let sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["s"]).await;
    // A page looks at ten thousand events: the first two hold nothing that fits.
    for _ in 0..3 {
        put(&aws, "g", "s", &vec![(60, "dull"); 9_000]).await;
    }
    put(&aws, "g", "s", &[(30, "bright")]).await;
    let endpoint = sandbox.serving.endpoint();
    let (ending, tailed) = Tailed::start(&endpoint, &["g"], Some("bright"), Follow::No).await.end().await;
    assert!(matches!(ending, Ok(Ending::Whole)), "{ending:?}");
    assert_eq!(tailed.messages(), ["bright"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_groups_are_one_in_time_and_one_that_is_deleted_is_said_to_be() {
    let sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    make(&aws, "a", &["s"]).await;
    make(&aws, "b", &["s"]).await;
    put(&aws, "a", "s", &[(50, "1"), (30, "3"), (10, "5")]).await;
    put(&aws, "b", "s", &[(40, "2"), (20, "4")]).await;
    let mut tailed = Tailed::start(&sandbox.serving.endpoint(), &["a", "b"], None, Follow::Poll).await;
    tailed.until_shown("5").await;
    assert_eq!(tailed.messages(), ["1", "2", "3", "4", "5"]);
    aws.logs.delete_log_group().log_group_name("a").send().await.expect("deleted");
    tailed.until("it is gone", |tailed| tailed.has(|note| *note == Note::Gone("a".to_owned()))).await;
    put(&aws, "b", "s", &[(0, "6")]).await;
    tailed.until_shown("6").await;
    aws.logs.delete_log_group().log_group_name("b").send().await.expect("deleted");
    let (ending, tailed) = tailed.end().await;
    assert!(matches!(ending, Ok(Ending::Gone)), "{ending:?}");
    assert_eq!(tailed.messages(), ["1", "2", "3", "4", "5", "6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_events_come_at_once_and_what_a_sample_left_out_follows() {
    let sandbox = Sandbox::new(&[]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["s"]).await;
    put(&aws, "g", "s", &[(5, "before")]).await;
    let mut tailed = Tailed::start(&sandbox.serving.endpoint(), &["g"], None, Follow::watch()).await;
    tailed.until("it is live", |tailed| tailed.has(|note| *note == Note::Live)).await;
    tailed.until_shown("before").await;
    put(&aws, "g", "s", &[(0, "one")]).await;
    tailed.until_shown("one").await;
    let many: Vec<String> = (0..1_200).map(|number| format!("event {number}")).collect();
    let events: Vec<(i64, &str)> = many.iter().map(|message| (0, message.as_str())).collect();
    put(&aws, "g", "s", &events).await;
    tailed.until("it is sampled", |tailed| tailed.has(|note| *note == Note::Sampled)).await;
    tailed.until("all are there", |tailed| tailed.events.len() >= many.len() + 2).await;
    put(&aws, "g", "s", &[(0, "last")]).await;
    tailed.until_shown("last").await;
    let tailed = tailed.stop().await;
    for message in many.iter().map(String::as_str).chain(["before", "one", "last"]) {
        assert_eq!(tailed.shown(message), 1, "{message}");
    }
    assert!(!tailed.has(|note| matches!(note, Note::Polling(_))), "{:?}", tailed.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_live_tail_events_are_asked_for_and_that_is_said() {
    let sandbox = Sandbox::new(&["--fault", "error:logs.StartLiveTail=100%"]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["s"]).await;
    let mut tailed = Tailed::start(&sandbox.serving.endpoint(), &["g"], None, Follow::watch()).await;
    tailed.until("that is said", |tailed| tailed.has(|note| matches!(note, Note::Polling(_)))).await;
    put(&aws, "g", "s", &[(0, "one")]).await;
    tailed.until_shown("one").await;
    tailed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn throttled_by_half_everything_still_comes_once() {
    let sandbox = Sandbox::new(&["--fault", "throttle:logs.FilterLogEvents=50%"]).await;
    let aws = sandbox.aws();
    make(&aws, "g", &["s"]).await;
    let mut tailed = Tailed::start(&sandbox.serving.endpoint(), &["g"], None, Follow::Poll).await;
    for message in ["one", "two", "three"] {
        put(&aws, "g", "s", &[(0, message)]).await;
        tailed.until_shown(message).await;
    }
    let tailed = tailed.stop().await;
    assert_eq!(tailed.messages(), ["one", "two", "three"]);
    assert!(tailed.has(|note| matches!(note, Note::Again { throttled: true, .. })));
    assert!(tailed.has(|note| *note == Note::Answered));
}
