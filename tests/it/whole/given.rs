//! The posts of a day, and what can be said of the words that are found in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;

pub const SUBJECTS: [[&str; 8]; 3] = [
    ["rocket", "booster", "engine", "landing", "launch", "payload", "thrust", "nozzle"],
    ["galaxy", "telescope", "nebula", "spectrum", "mirror", "cosmic", "stellar", "infrared"],
    ["senate", "budget", "congress", "contract", "funding", "committee", "hearing", "policy"],
];

const ENDINGS: [&str; 6] = ["", "ing", "ward", "less", "ist", "like"];

/// What each subject's posts are written with, and where their authors say that they are.
const AUTHORS: [(&str, &str, &str); 3] = [
    ("Twitter Web App", "ada", "Austin, TX"),
    ("Twitter for iPhone", "bora", "Tokyo, Japan"),
    ("TweetDeck", "chika", "Lagos"),
];

pub fn id(number: usize) -> String {
    (1_900_000_000_000_000_000_u64 + number as u64).to_string()
}

/// Posts as X's stream writes them, a line each: each about one subject, by one author, over six hours.
pub fn posts(count: usize) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(7);
    let post = |number: usize| {
        let subject = &SUBJECTS[number % SUBJECTS.len()];
        let word = |_| {
            let (stem, ending) = (subject.choose(&mut rng), ENDINGS.choose(&mut rng));
            format!("{}{}", stem.expect("some"), ending.expect("some"))
        };
        let said: Vec<String> = (0..12).map(word).collect();
        let (client, user, place) = AUTHORS[number % AUTHORS.len()];
        let second = number * 6 * 3_600 / count;
        json!({
            "data": {
                "id": id(number),
                "text": format!("number {number} {}", said.join(" ")),
                "author_id": user,
                "created_at": format!("2026-11-20T{:02}:{:02}:{:02}.000Z", 8 + second / 3_600, second / 60 % 60, second % 60),
                "lang": "en",
                "source": client,
            },
            "includes": { "users": [{
                "id": user, "username": user, "name": user, "location": place,
                "public_metrics": { "followers_count": 100, "following_count": 3, "tweet_count": 9, "listed_count": 1 },
            }] },
        })
        .to_string()
    };
    (0..count).map(post).collect()
}

/// The same as one text.
pub fn lines(posts: &[String]) -> String {
    posts.iter().fold(String::new(), |mut all, post| {
        writeln!(all, "{post}").unwrap();
        all
    })
}

/// Each topic's leading words, in a model's table of them, must be one subject's.
pub fn assert_one_subject_each(table: &str) {
    let mut words: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for row in table.lines().skip(1) {
        let fields: Vec<&str> = row.split(',').collect();
        if fields[1].parse::<usize>().unwrap() <= 5 {
            let subject =
                SUBJECTS.iter().position(|subject| subject.iter().any(|stem| fields[2].starts_with(stem)));
            words.entry(fields[0]).or_default().insert(subject.unwrap_or_else(|| panic!("{row}")));
        }
    }
    assert!(words.len() == 3 && words.values().all(|subjects| subjects.len() == 1), "{words:?}");
}
