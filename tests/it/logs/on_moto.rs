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

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_not_there_is_named() {
    let world = World::new().await;
    let (ending, _) =
        Tailed::start(&world.proxy.endpoint(), &["nowhere"], None, Follow::Poll).await.end().await;
    let error = ending.expect_err("there is no such group").to_string();
    assert_eq!(error, "there is no log group nowhere in this region: `hydrant logs groups` lists them");
}
