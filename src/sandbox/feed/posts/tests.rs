//! What holds of every feed.

use std::collections::{HashMap, HashSet};

use super::*;

fn feed() -> Feed {
    Feed::new(7, 20)
}

/// A stretch of posts of a Saturday afternoon.
fn stretch(feed: &Feed, at: &str, count: u64) -> Vec<Post> {
    let first = feed.number_at(at.parse().expect("a time"));
    (first..first + count).map(|number| feed.post(number)).collect()
}

#[test]
fn a_post_is_the_same_whenever_it_is_asked_for() {
    let number = 4_000_000_123;
    assert_eq!(format!("{:?}", feed().post(number)), format!("{:?}", feed().post(number)));
    assert_ne!(feed().post(number).pieces, Feed::new(8, 20).post(number).pieces);
}

#[test]
fn ids_say_when_and_never_repeat() {
    let feed = Feed::new(7, 10_000);
    let posts = stretch(&feed, "2026-11-20T14:03:01Z", 3000);
    let ids: HashSet<u64> = posts.iter().map(|post| post.id).collect();
    assert_eq!(ids.len(), posts.len());
    for post in &posts {
        assert_eq!(i64::try_from(post.id >> 22).expect("small") + SNOWFLAKE_EPOCH, post.at_ms());
    }
    let first = posts.first().expect("one");
    assert_eq!(feed.post(feed.number_at_us(first.at)).id, first.id);
}

#[test]
fn what_is_repeated_or_answered_was_written_before_and_reads_the_same() {
    let feed = feed();
    let mut met = HashMap::new();
    for post in stretch(&feed, "2026-11-20T14:03:01Z", 600) {
        for (relation, target) in &post.references {
            *met.entry(relation.name()).or_insert(0) += 1;
            let Some(other) = target.whole() else { continue };
            assert!(other.at < post.at);
            let itself = feed.post(feed.number_at_us(other.at));
            assert_eq!(itself.pieces, other.pieces);
            assert!(itself.refers(Relation::Retweeted).is_none());
            if *relation == Relation::RepliedTo {
                assert_eq!(post.conversation, itself.conversation);
            }
        }
    }
    assert!(met.len() == 3 && met.values().all(|count| *count > 10), "{met:?}");
}

#[test]
fn what_is_written_about_follows_the_hour_and_the_day() {
    let feed = feed();
    let share = |at: &str, subject: usize| {
        stretch(&feed, at, 400).iter().filter(|post| post.subject == subject).count()
    };
    let (football, transport) = (2, 5);
    assert!(share("2026-11-21T14:30:00Z", football) > 2 * share("2026-11-20T07:30:00Z", football));
    assert!(share("2026-11-20T07:30:00Z", transport) > 2 * share("2026-11-21T14:30:00Z", transport));
}

#[test]
fn a_few_write_most_and_all_scripts_occur() {
    let posts = stretch(&feed(), "2026-11-20T14:03:01Z", 3000);
    let mut by_author: HashMap<usize, u32> = HashMap::new();
    let mut languages = HashSet::new();
    for post in &posts {
        *by_author.entry(post.author).or_default() += 1;
        languages.insert(post.lang);
    }
    let mut counts: Vec<u32> = by_author.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    let top: u32 = counts.iter().take(counts.len() / 10).sum();
    assert!(top * 10 > 3 * 3000, "the busiest tenth wrote {top}");
    assert!(languages.len() > 10, "{languages:?}");
}

#[test]
fn posts_of_an_hour_lie_in_it_in_order() {
    let hour = 498_000;
    let posts: Vec<Post> = (0..200).map(|index| feed().post_of_hour(hour, index, 200)).collect();
    assert!(posts.iter().all(|post| post.at.div_euclid(HOUR_US) == i64::from(hour)));
    assert!(posts.is_sorted_by_key(|post| post.at));
}
