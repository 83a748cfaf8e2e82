//! Against moto.

use super::*;
use crate::support::World;
use crate::support::proxy::Verdict;

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_first_and_then_what_comes_in() {
    let world = World::new().await;
    let aws = world.aws();
    make(&aws, "g", &["a", "b"]).await;
    put(&aws, "g", "a", &[(120, "one"), (60, "three")]).await;
    put(&aws, "g", "b", &[(90, "two")]).await;
    let mut tailed = Tailed::start(&world.proxy.endpoint(), &["g"], None, Follow::Poll).await;
    tailed.until("it is caught up", |tailed| tailed.has(|note| *note == Note::CaughtUp)).await;
    assert_eq!(tailed.messages(), ["one", "two", "three"]);
    put(&aws, "g", "b", &[(0, "four")]).await;
    tailed.until_shown("four").await;
    let tailed = tailed.stop().await;
    assert_eq!(tailed.messages(), ["one", "two", "three", "four"]);
    assert!(tailed.events.iter().all(|event| !event.is_late));
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_said_waited_out_and_costs_nothing() {
    let world = World::new().await;
    let aws = world.aws();
    make(&aws, "g", &["a"]).await;
    put(&aws, "g", "a", &[(60, "one"), (30, "two")]).await;
    let mut refusals = 3;
    world.proxy.rule(move |call| {
        if !call.is("FilterLogEvents") || refusals == 0 {
            return Verdict::Forward;
        }
        refusals -= 1;
        Verdict::throttled()
    });
    let (ending, tailed) = Tailed::start(&world.proxy.endpoint(), &["g"], None, Follow::No).await.end().await;
    assert!(matches!(ending, Ok(Ending::Whole)), "{ending:?}");
    assert_eq!(tailed.messages(), ["one", "two"]);
    let pauses: Vec<Duration> = tailed
        .notes
        .iter()
        .filter_map(|note| match note {
            Note::Again { throttled: true, after, .. } => Some(*after),
            _ => None,
        })
        .collect();
    assert_eq!(pauses.len(), 3);
    assert!(pauses.is_sorted(), "each pause is longer than the one before: {pauses:?}");
    assert_eq!(tailed.notes.last(), Some(&Note::Answered));
}

/// moto's sessions are over as soon as they are begun.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_session_that_ends_is_not_begun_again_by_itself() {
    let world = World::new().await;
    let aws = world.aws();
    make(&aws, "g", &["a"]).await;
    world.proxy.take_calls();
    let mut tailed = Tailed::start(&world.proxy.endpoint(), &["g"], None, Follow::watch()).await;
    tailed.until("it polls", |tailed| tailed.has(|note| matches!(note, Note::Polling(_)))).await;
    for message in ["one", "two"] {
        put(&aws, "g", "a", &[(0, message)]).await;
        tailed.until_shown(message).await;
    }
    let begun = world.proxy.take_calls().iter().filter(|call| call.is("StartLiveTail")).count();
    assert_eq!(begun, 1);
    tailed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_begun_in_the_same_tail_whenever_somebody_looks_on() {
    let world = World::new().await;
    let aws = world.aws();
    make(&aws, "g", &["a"]).await;
    put(&aws, "g", "a", &[(0, "before")]).await;
    let (looks, looked) = tokio::sync::watch::channel(false);
    let mut tailed = Tailed::start(&world.proxy.endpoint(), &["g"], None, Follow::Watch(looked)).await;
    tailed.until_shown("before").await;
    let begun = || world.proxy.take_calls().iter().filter(|call| call.is("StartLiveTail")).count();
    assert_eq!(begun(), 0, "nobody looks on");
    for time in 1..=2 {
        looks.send_replace(true);
        let over = |tailed: &Tailed| {
            tailed.notes.iter().filter(|note| matches!(note, Note::Polling(_))).count() == time
        };
        tailed.until("a session that ends", over).await;
        assert_eq!(begun(), 1);
        looks.send_replace(false);
    }
    put(&aws, "g", "a", &[(0, "after")]).await;
    tailed.until_shown("after").await;
    // moto's sessions begin with what is there, which AWS's do not.
    assert_eq!(tailed.shown("after"), 1, "{:?}", tailed.messages());
    tailed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_no_first_answer_gives_up_and_says_why() {
    // Nothing listens there.
    for follow in [Follow::No, Follow::Poll] {
        let patience = Duration::from_secs(1);
        let tailed = Tailed::with("http://127.0.0.1:9", &["g"], None, follow, patience).await;
        let (ending, tailed) = tailed.end().await;
        let error = ending.expect_err("nobody answers").to_string();
        assert!(error.contains("logs:FilterLogEvents on g"), "{error}");
        assert!(tailed.has(|note| matches!(note, Note::Again { .. })), "it is tried again first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_follows_waits_for_an_endpoint_that_is_away_for_longer_than_that() {
    let world = World::new().await;
    let aws = world.aws();
    make(&aws, "g", &["a"]).await;
    let (endpoint, patience) = (world.proxy.endpoint(), Duration::from_secs(1));
    let mut tailed = Tailed::with(&endpoint, &["g"], None, Follow::Poll, patience).await;
    tailed.until("it is caught up", |tailed| tailed.has(|note| *note == Note::CaughtUp)).await;
    let mut refusals = 4;
    world.proxy.rule(move |call| {
        if !call.is("FilterLogEvents") || refusals == 0 {
            return Verdict::Forward;
        }
        refusals -= 1;
        Verdict::throttled()
    });
    put(&aws, "g", "a", &[(0, "one")]).await;
    tailed.until_shown("one").await;
    let again = tailed.notes.iter().filter(|note| matches!(note, Note::Again { .. })).count();
    assert_eq!(again, 4);
    tailed.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_not_there_is_named() {
    let world = World::new().await;
    let (ending, _) =
        Tailed::start(&world.proxy.endpoint(), &["nowhere"], None, Follow::Poll).await.end().await;
    let error = ending.expect_err("there is no such group").to_string();
    assert_eq!(error, "there is no log group nowhere in this region: `hydrant logs groups` lists them");
}
