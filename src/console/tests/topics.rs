//! The Topics pane: what it promises, and its pictures.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use ndarray::Array2;

use super::given::{Given, lines, look, morning, started, trouble};
use super::pictures::take;
use crate::console::effect::topics::{From, Item, Job, Outcome, Slot};
use crate::console::effect::{Effect, Job as AnyJob, Outcome as AnyOutcome, Remedy};
use crate::console::event::{Event, Mouse};
use crate::console::pane::Pane;
use crate::console::pane::flow::{self, Place, State};
use crate::console::theme::{Depth, Signs};
use crate::lake::hours::Span;
use crate::topics::browse::{self, Relevance};
use crate::topics::questions::{Answer, Answers, Body, HeatMap, NAMES, SharesPerHour, Table, Unanswered};
use crate::topics::sweep::{Sweep, Tried};
use crate::topics::{
    Description, Fitted, Kept, Method, Model, Quality, Seconds, Step, TextCounts, TypicalPost,
};

/// Subjects of the models: what a topic is about.
const SUBJECTS: [[&str; 8]; 6] = [
    ["launch", "rocket", "booster", "falcon", "landing", "engine", "orbit", "countdown"],
    ["galaxy", "telescope", "spectrum", "redshift", "cluster", "nebula", "infrared", "survey"],
    ["mars", "rover", "crater", "sample", "sol", "regolith", "drill", "jezero"],
    ["storm", "aurora", "solar", "flare", "magnetic", "geomagnetic", "plasma", "sunspot"],
    ["moon", "lunar", "lander", "south", "pole", "crew", "artemis", "spacesuit"],
    ["火星", "探査機", "着陸", "軌道", "観測", "衛星", "打上げ", "宇宙"],
];
/// Words that every topic has.
const COMMON: [&str; 4] = ["today", "space", "first", "mission"];

/// A model whose first topics are the subjects, and the others what is left.
pub(super) fn model(k: usize) -> Model {
    let terms: Vec<String> =
        SUBJECTS.iter().flatten().chain(&COMMON).map(|term| (*term).to_owned()).collect();
    let mut topics = Array2::zeros((k, terms.len()));
    for (topic, mut row) in topics.rows_mut().into_iter().enumerate() {
        for (term, weight) in row.iter_mut().enumerate() {
            let place = f32::from(u16::try_from(term % 8).expect("few"));
            let own = term / 8 == topic % SUBJECTS.len() && term < 48;
            *weight = match (own, term >= 48) {
                (true, _) => 9.0 - place + f32::from(u16::try_from(topic).expect("few")) * 0.01,
                (false, true) => 6.0 - place,
                (false, false) => 0.02,
            };
        }
        let sum = row.sum();
        row.mapv_inplace(|weight| weight / sum);
    }
    let weights: Vec<f32> =
        (0..k).map(|topic| 1.0 / (2.0 + f32::from(u16::try_from(topic).expect("few")))).collect();
    let sum: f32 = weights.iter().sum();
    let mut names = vec![String::new(); k];
    if let Some(name) = names.get_mut(1) {
        "deep sky".clone_into(name);
    }
    let mut seconds = Seconds::default();
    seconds.note("sample", 1.25);
    Model {
        method: Method::Lda,
        document_frequencies: vec![7; terms.len()],
        terms,
        topics,
        shares: weights.iter().map(|weight| weight / sum).collect(),
        prior: vec![0.1; k],
        names,
        fitted: Fitted {
            seed: 88,
            iterations: 140,
            documents: 12_345,
            tokens: 98_765,
            seconds,
            likelihood: (1..15)
                .map(|pass: u32| (pass as usize * 10, -9.0 + f64::from(pass).ln() * 0.6))
                .collect(),
            stopped: false,
        },
        quality: Quality { npmi: vec![0.21; k], diversity: 0.93 },
    }
}

fn folder(name: &str) -> PathBuf {
    Path::new("models").join(name)
}

fn kept(name: &str, k: usize, hours: i64) -> Kept {
    let made = morning().checked_sub(SignedDuration::from_hours(hours)).ok();
    Kept { folder: folder(name), made, about: Ok(Description::from(&model(k))) }
}

fn models() -> Vec<Kept> {
    let mut coarse = kept("coarse", 4, 30);
    if let Ok(about) = &mut coarse.about {
        (about.method, about.coherence_npmi) = (Method::Gsdmm, 0.314);
    }
    let torn = Kept {
        about: Err("models/torn/model.json is not a topic model: it ends in its midst".to_owned()),
        ..kept("torn", 2, 60)
    };
    vec![kept("2026-11-20-1200", 12, 2), coarse, torn]
}

fn part(given: &mut Given, outcome: Outcome) -> Vec<Effect> {
    given.happen(Event::Came(Box::new(AnyOutcome::Topics(outcome))))
}

/// Signed in, in the pane, with these models.
fn listed(width: u16, height: u16, models: Vec<Kept>) -> Given {
    let mut given = Given::started(width, height);
    given.signed_in();
    given.press("5");
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models });
    given
}

fn ranked(model: &Model, lambda: u8) -> Outcome {
    let relevance = Relevance::of(model);
    let words = (0..model.k()).map(|topic| relevance.words(topic, f32::from(lambda) / 10.0, 60)).collect();
    Outcome::Ranked { folder: folder("2026-11-20-1200"), lambda, words }
}

/// The same with the newest open, read, ranked and placed.
fn opened(width: u16, height: u16) -> Given {
    let mut given = listed(width, height, models());
    given.press("enter");
    let (model, folder) = (Arc::new(model(12)), folder("2026-11-20-1200"));
    given.came(Slot::Model, Outcome::Opened { folder: folder.clone(), model: Arc::clone(&model) });
    given.came(Slot::Words, ranked(&model, 6));
    given.came(Slot::Map, Outcome::Placed { folder: folder.clone(), places: browse::map(&model) });
    given.came(Slot::Hours, Outcome::Hours { folder, hours: hours(12, 30) });
    given
}

/// Shares of topics in so many hours, one of which has no posts.
fn hours(topics: usize, hours: i64) -> SharesPerHour {
    let mut shares = SharesPerHour::default();
    let first: crate::lake::Hour = "2026-11-19T08".parse().expect("an hour");
    let hours = (0..hours).zip(std::iter::successors(Some(first), |hour| Some(hour.next())));
    for (number, hour) in hours.filter(|(number, _)| *number != 7) {
        let weight = |topic: usize| {
            let turn = f64::from(u32::try_from(number).expect("few")) / 4.0
                + f64::from(u32::try_from(topic).expect("few"));
            (1.1 + turn.sin()) / f64::from(u32::try_from(topic + 1).expect("few"))
        };
        let sum: f64 = (0..topics).map(weight).sum();
        shares.hours.push(hour);
        shares.posts.push(40 + number.unsigned_abs());
        shares.shares.push((0..topics).map(|topic| weight(topic) / sum).collect());
    }
    shares
}

fn answers() -> Answers {
    let titles: Vec<String> =
        (0..12).map(|topic| SUBJECTS[topic % SUBJECTS.len()][topic / SUBJECTS.len()].to_owned()).collect();
    let ranked = |column: &str, names: &[&str]| {
        let mut table = Table::new(&[column, "posts", "share"]);
        for (place, name) in names.iter().enumerate() {
            let posts = 900_u64 / (place as u64 + 1);
            table.rows.push(vec![
                (*name).into(),
                posts.into(),
                (f64::from(u32::try_from(posts).expect("few")) / 2_700.0).into(),
            ]);
        }
        Body::Table(table)
    };
    let map = |rows_are, rows: &[&str]| {
        let cells =
            (0..rows.len() as u64).map(|row| (0..12).map(|topic| (row * 7 + topic * 13) % 29).collect());
        let rows = rows.iter().map(|row| (*row).to_owned()).collect();
        let heat_map =
            HeatMap { rows_are, columns_are: "topic", rows, columns: titles.clone(), cells: cells.collect() };
        Body::HeatMap { heat_map }
    };
    let places = ["United States", "Japan", "Deutschland", "打上げ場", "hostile \u{1b}[31mplace"];
    let answers = NAMES.into_iter().filter(|name| *name != "replied_to").map(|name| {
        let body = match name {
            "hours_by_weekday" => Body::HeatMap {
                heat_map: HeatMap {
                    rows_are: "weekday",
                    columns_are: "hour",
                    rows: ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].map(str::to_owned).into(),
                    columns: (0..24).map(|hour| format!("{hour:02}")).collect(),
                    cells: (0..7)
                        .map(|day| (0..24).map(|hour| (day * 5 + hour * hour) % 50).collect())
                        .collect(),
                },
            },
            "clients_by_topic" => map("client", &["Twitter Web App", "Twitter for iPhone", "TweetDeck"]),
            "countries_by_topic" => map("country", &places),
            _ => ranked(name, &places),
        };
        Answer { name, question: format!("What of {}?", name.replace('_', " ")), body }
    });
    Answers {
        posts: 74_722,
        with_topic: 13_400,
        posts_by_topic: vec![1_000; 12],
        answers: answers.collect(),
        topics: titles,
        unanswered: vec![Unanswered {
            name: "replied_to",
            because: "the hours have no column `in_reply_to_screen_name`".to_owned(),
        }],
        shares_per_hour: hours(12, 30),
    }
}

/// The same with the questions answered.
fn answered(width: u16, height: u16) -> Given {
    let mut given = opened(width, height);
    given.press("a enter");
    let answers = Arc::new(answers());
    given.came(Slot::Answers, Outcome::Answered { folder: folder("2026-11-20-1200"), answers });
    given
}

fn posts() -> Vec<TypicalPost> {
    let texts = [
        "Booster landing on the drone ship, the falcon is home. Engine chill went as planned and the countdown never stopped; what a launch, what a rocket!",
        "Hostile \u{1b}[31mtext\u{1b}[0m in a rocket post\u{202e}, with a bell\u{7} and\nlines\tand tabs",
        "打上げは成功 rocket 🚀 の軌道は正常です",
    ];
    let post = |(number, text): (usize, &&str)| TypicalPost {
        id: format!("199{number}"),
        created_at: "Fri Nov 20 14:00:18 +0000 2026".to_owned(),
        text: (*text).to_owned(),
        share: 0.99 - 0.07 * f32::from(u16::try_from(number).expect("few")),
        posts: 1 + number * 11,
        words: 6,
    };
    texts.iter().enumerate().map(post).collect()
}

/// The same with the posts of the largest topic.
fn with_posts(width: u16, height: u16) -> Given {
    let mut given = opened(width, height);
    given.press("enter");
    let posts = Some(posts());
    given.came(Slot::Documents, Outcome::Documents { folder: folder("2026-11-20-1200"), topic: 0, posts });
    given
}

fn counts() -> TextCounts {
    TextCounts {
        posts: 74_722,
        retweets: 20_100,
        short: 40_004,
        stop_words: 99_000,
        empty: 18,
        equal: 1_200,
        near: 1_055,
        documents: 12_345,
        words_dropped: 31_007,
        vocabulary: 5_432,
        unknown: Some(0),
    }
}

/// A fit under way: read, prepared, and some passes over.
fn fitting(width: u16, height: u16) -> Given {
    let mut given = listed(width, height, models());
    given.press("f enter");
    part(&mut given, Outcome::Read(74_722));
    part(&mut given, Outcome::Prepared(counts()));
    for iteration in 1..=120 {
        if iteration % 12 == 1 {
            given.seconds_later(1);
        }
        let likelihood =
            (iteration % 5 == 0).then(|| -9.0 + f64::from(u32::try_from(iteration).expect("few")).ln() * 0.4);
        let step = Step { iteration, of: 500, likelihood };
        let items = vec![crate::console::effect::Item::Topics(Item::Pass(step))];
        given.happen(Event::Arrived { slot: Slot::Fit.into(), items, dropped: 0 });
    }
    given
}

fn tried(k: usize, seed: u64) -> Tried {
    let size = f64::from(u32::try_from(k).expect("few"));
    Tried {
        k,
        seed,
        topics: k,
        held_out: -8.9 + size.ln() * 0.2,
        coherence_npmi: 0.31 - size * 0.004,
        diversity: 0.9,
    }
}

fn swept(width: u16, height: u16) -> Given {
    let mut given = listed(width, height, models());
    given.press("w enter");
    let all: Vec<Tried> =
        [5, 10, 20, 40].into_iter().flat_map(|k| [tried(k, 1), tried(k, 2), tried(k, 3)]).collect();
    for one in &all {
        part(&mut given, Outcome::Tried(one.clone()));
    }
    let because = "20 topics tell unseen words as well as 40 do, to within what the seed alone makes; fewer topics are easier to read";
    let sweep = Sweep { tried: all, recommended: Some(20), because: because.to_owned() };
    given.came(Slot::Fit, Outcome::Swept(sweep));
    given
}

fn job(effects: &[Effect]) -> Option<&Job> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start(AnyJob::Topics(job)) => Some(job),
        _ => None,
    })
}

/// The row of the screen that a text is in.
fn row(given: &Given, text: &str) -> Option<usize> {
    lines(&given.screen()).iter().position(|line| line.contains(text))
}

#[test]
fn models_are_listed_when_somebody_looks_and_again_when_they_are_old() {
    let mut given = Given::started(100, 30);
    given.signed_in();
    assert!(started(&given.press("5")).contains(&Slot::Models.into()));
    let mut given = listed(100, 30, models());
    given.press("4 5");
    assert!(job(&given.seconds_later(59)).is_none());
    assert!(matches!(job(&given.seconds_later(1)), Some(Job::Models)));
}

#[test]
fn a_flow_that_nobody_left_learns_of_the_models_too() {
    let mut given = Given::started(100, 30);
    given.signed_in();
    assert_eq!(flow::station(&given.app, Place::Topics).state, State::Unknown);
    assert!(started(&given.seconds_later(1)).contains(&Slot::Models.into()));
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: Vec::new() });
    assert_eq!(flow::station(&given.app, Place::Topics).number, "no model");
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: models() });
    let station = flow::station(&given.app, Place::Topics);
    assert_eq!((station.state, station.number.as_str()), (State::Ready, "12 topics"));
    assert_eq!(station.more, "2 h");
    assert_eq!(station.trend, [None, Some(0.314), Some(0.21)]);
    let given = fitting(100, 30);
    let station = flow::station(&given.app, Place::Topics);
    assert_eq!((station.state, station.number.as_str()), (State::Working, "fitting 24 %"));
}

#[test]
fn models_are_read_without_an_account() {
    let mut given = Given::started(100, 30);
    given.failed(crate::console::effect::Slot::Connect, trouble(Remedy::SignIn));
    assert!(started(&given.press("5")).contains(&Slot::Models.into()));
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: models() });
    assert!(given.shows("coarse"));
    assert!(matches!(job(&given.press("enter")), Some(Job::Open(_))));
}

#[test]
fn opening_reads_the_model_then_ranks_its_words_and_places_its_topics() {
    let mut given = listed(120, 36, models());
    let effects = given.press("enter");
    assert!(matches!(job(&effects), Some(Job::Open(path)) if *path == folder("2026-11-20-1200")));
    // What the list knows of it is there before anything is read.
    assert!(given.shows("deep sky") && given.shows("Reading the model"));
    let model = Arc::new(model(12));
    let effects = given.came(Slot::Model, Outcome::Opened { folder: folder("2026-11-20-1200"), model });
    assert_eq!(started(&effects), [Slot::Words.into(), Slot::Map.into(), Slot::Hours.into()]);
    // Opened once more, nothing is read again.
    assert!(job(&given.press("esc enter")).is_none());
}

#[test]
fn a_smaller_lambda_ranks_words_anew_and_the_slider_follows_at_once() {
    let mut given = opened(120, 36);
    assert!(given.shows("λ 0.6"));
    let effects = given.press("[");
    assert!(matches!(job(&effects), Some(Job::Rank { lambda: 5, .. })), "{effects:?}");
    assert!(given.shows("λ 0.5") && given.shows("ranking…"));
    given.came(Slot::Words, ranked(&model(12), 5));
    assert!(!given.shows("ranking…"));
    for _ in 0..20 {
        given.press("]");
    }
    assert!(given.shows("λ 1.0"));
    assert!(job(&given.press("]")).is_none(), "it is at its end");
    let first = |lambda| {
        let Outcome::Ranked { words, .. } = ranked(&model(12), lambda) else { unreachable!() };
        words[0].iter().position(|word| word.term == "today")
    };
    assert!(first(10) < first(0), "what every topic has goes down");
}

#[test]
fn words_of_another_model_are_not_taken_for_these() {
    let mut given = opened(120, 36);
    let other = Outcome::Ranked { folder: folder("coarse"), lambda: 6, words: Vec::new() };
    given.came(Slot::Words, other);
    assert!(given.shows("booster"));
}

#[test]
fn a_topic_is_named_and_the_name_is_written_down_with_the_model() {
    let mut given = opened(120, 36);
    given.press("n");
    given.type_text("lift-off q5");
    let effects = given.press("enter");
    let Some(Job::Name { folder: of, topic: 0, name }) = job(&effects) else { panic!("{effects:?}") };
    assert_eq!((of, name.as_str()), (&folder("2026-11-20-1200"), "lift-off q5"));
    let mut about = Description::from(&model(12));
    "lift-off q5".clone_into(&mut about.topics[0].name);
    given.came(Slot::Name, Outcome::Named { folder: folder("2026-11-20-1200"), about });
    assert!(given.shows("lift-off q5"));
    // What was there is there to be changed, and esc changes nothing.
    given.press("n");
    given.type_text("!");
    assert!(given.shows("lift-off q5!"));
    assert!(job(&given.press("esc")).is_none());
    given.press("esc");
    assert!(given.shows("lift-off q5"), "the list knows it too");
}

#[test]
fn the_age_of_the_newest_model_is_there_whole_or_not_at_all() {
    let mut given = Given::started(120, 36);
    given.signed_in();
    let made = morning().checked_sub(SignedDuration::from_mins(42)).ok();
    let models = vec![Kept { made, ..kept("a", 12, 0) }];
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: models.clone() });
    assert!(given.shows("12 topics") && !given.shows("topics,"), "{:#?}", lines(&given.screen()));
    let mut wide = Given::started(200, 36);
    wide.signed_in();
    wide.came(Slot::Models, Outcome::Models { folder: "models".into(), models });
    assert!(wide.shows("12 topics, 42 min"));
}

#[test]
fn shares_over_time_stand_beside_the_words_and_in_the_place_of_both() {
    let mut given = opened(120, 36);
    assert!(given.shows("by 6 h"));
    given.press("v");
    assert!(given.shows("Over time") && given.shows("2026-11-20 13:00 UTC"), "{:#?}", lines(&given.screen()));
    assert!(given.shows("0  launch  ") && given.shows("at most"));
    // When days begin, and the chosen topic's shares as numbers with their axis.
    assert!(given.shows("Nov 19    ") && given.shows("Nov 20"), "{:#?}", lines(&given.screen()));
    given.press("j");
    assert!(given.shows("1  deep sky  "));
    assert!(given.shows("25 % █") && given.shows("0 % █"), "{:#?}", lines(&given.screen()));
    assert!(given.shows("% 25  25  23"), "{:#?}", lines(&given.screen()));
    given.press("v");
    assert!(given.shows("elsewhere") && !given.shows("Over time"));
    // A model of tokens keeps no posts, and says so.
    let none = Outcome::Hours { folder: folder("2026-11-20-1200"), hours: SharesPerHour::default() };
    given.came(Slot::Hours, none);
    assert!(!given.shows("by 6 h"));
    given.press("v");
    assert!(given.shows("it was made of tokens"));
}

#[test]
fn the_questions_are_asked_of_the_lake_or_of_files_and_read_as_tables_and_maps() {
    let mut given = opened(120, 36);
    given.press("a");
    assert!(given.shows("What do its posts say?"));
    let effects = given.press("enter");
    let Some(Job::Answer { folder: of, from }) = job(&effects) else { panic!("{effects:?}") };
    assert_eq!((of, from), (&folder("2026-11-20-1200"), &From::Lake(Span::default())));
    assert!(given.shows("Reading the posts"));
    let mut given = answered(120, 36);
    assert!(given.shows("the hours have no column"));
    given.press("j");
    assert!(given.shows("What of clients?") && given.shows("About the 13,400 of 74,722 posts"));
    assert!(given.shows("United States") && given.shows("33.3 %") && given.shows("␛[31mplace"));
    given.press("j enter");
    assert!(given.shows("Twitter Web App about launch: 0 posts"));
    given.press("j l");
    assert!(given.shows("Twitter for iPhone about galaxy: 20 posts"));
    // One step back at a time.
    given.press("h h esc");
    assert!(given.shows("goes from cell to cell"));
    given.press("esc");
    assert!(given.shows("λ 0.6"));
    // They are kept while the model is open; asked again, other posts are meant.
    given.press("a");
    assert!(given.shows("What of clients by topic?"));
    given.press("a tab tab tab");
    given.type_text("hour.csv");
    let effects = given.press("enter");
    let Some(Job::Answer { from, .. }) = job(&effects) else { panic!("{effects:?}") };
    assert_eq!(from, &From::Paths(vec!["hour.csv".to_owned()]));
}

#[test]
fn who_goes_while_the_questions_are_asked_asks_no_more() {
    let mut given = opened(120, 36);
    given.press("a enter");
    let effects = given.press("esc");
    assert!(matches!(effects[..], [Effect::Cancel(slot)] if slot == Slot::Answers.into()), "{effects:?}");
    given.failed(Slot::Answers, trouble(Remedy::Cancelled));
    assert!(given.shows("λ 0.6"));
    let mut given = opened(120, 36);
    given.press("a enter");
    given.failed(Slot::Answers, trouble(Remedy::Retry));
    assert!(given.shows("asks again, of other posts"));
    given.press("a");
    assert!(given.shows("What do its posts say?"));
}

#[test]
fn the_report_is_written_with_what_was_asked_and_its_place_is_said() {
    let mut given = listed(120, 36, models());
    let effects = given.press("x");
    assert!(
        matches!(job(&effects), Some(Job::Report { folder: of, answers: None, .. }) if *of == folder("2026-11-20-1200")),
        "{effects:?}"
    );
    let mut given = answered(120, 36);
    let effects = given.press("x");
    assert!(matches!(job(&effects), Some(Job::Report { answers: Some(_), lambda: 6, .. })), "{effects:?}");
    given.press("x");
    assert!(given.shows("a report is being written"));
    let address = "models/2026-11-20-1200/report.html".to_owned();
    given.came(Slot::Report, Outcome::Reported { address: address.clone(), shown: false });
    assert!(given.shows("the report is in models/2026-11-20-1200/report.html"));
    given.came(Slot::Report, Outcome::Reported { address, shown: true });
    assert!(given.shows("the report is opened: models"));
    let mut given = Given::with(120, 36, None, true);
    given.signed_in();
    given.press("5");
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: models() });
    assert!(job(&given.press("x")).is_none() && given.shows("read-only"));
}

#[test]
fn a_read_only_look_names_nothing_and_fits_all_the_same() {
    assert!(!Job::Name { folder: folder("a"), topic: 0, name: String::new() }.is_allowed_readonly());
    let mut given = Given::with(120, 36, None, true);
    given.signed_in();
    given.press("5");
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: models() });
    given.press("enter n");
    assert!(given.shows("read-only"));
    given.press("esc f");
    assert!(given.shows("Fit a model"));
}

#[test]
fn the_posts_of_a_topic_are_found_read_and_safe_to_show() {
    let mut given = opened(120, 36);
    let effects = given.press("enter");
    let Some(Job::Documents { topic: 0, words, .. }) = job(&effects) else { panic!("{effects:?}") };
    assert!(words.contains(&"booster".to_owned()), "{words:?}");
    let given = with_posts(120, 36);
    assert!(given.shows("×12") && given.shows("99 %"));
    assert!(given.shows("␛[31mtext") && given.shows("<U+202E>"));
    let control = |cell: &ratatui::buffer::Cell| cell.symbol().chars().any(char::is_control);
    assert!(!given.screen().content.iter().any(control));
    let mut given = given;
    given.press("j enter");
    assert!(given.shows("12 that say this") && given.shows("1991"));
    given.press("esc /");
    given.type_text("drone");
    assert!(given.shows("1 of 3") && !given.shows("×12"));
    given.press("enter");
    let effects = given.press("y");
    assert!(
        matches!(&effects[..], [Effect::Copy(text)] if text.starts_with("Booster landing")),
        "{effects:?}"
    );
    // One step back at a time: the filter, the topics, the models.
    given.press("esc");
    assert!(given.shows("×12"));
    given.press("esc");
    assert!(given.shows("λ 0.6"));
    given.press("esc");
    assert!(given.shows("3 models in models"));
}

#[test]
fn a_model_of_tokens_says_that_it_keeps_no_texts() {
    let mut given = opened(100, 30);
    given.press("enter");
    given.came(
        Slot::Documents,
        Outcome::Documents { folder: folder("2026-11-20-1200"), topic: 0, posts: None },
    );
    assert!(given.shows("it keeps no texts"));
}

#[test]
fn topics_are_filtered_by_name_and_word_and_the_chosen_one_is_the_one_that_is_meant() {
    let mut given = opened(120, 36);
    given.press("/");
    given.type_text("jezero");
    assert!(given.shows("2 of 12"));
    given.press("enter j");
    let effects = given.press("enter");
    assert!(matches!(job(&effects), Some(Job::Documents { topic: 8, .. })), "{effects:?}");
    given.press("esc /");
    given.type_text("deep");
    assert!(given.shows("1 of 12") && given.shows("deep sky"));
    given.press("esc");
    assert!(given.shows("launch"));
}

#[test]
fn models_are_filtered_and_sorted_and_a_torn_one_says_why() {
    let mut given = listed(120, 36, models());
    given.press("s s s s o");
    let before = row(&given, "coarse");
    assert!(before < row(&given, "2026-11-20-1200"), "the most coherent first");
    given.press("s s G");
    assert!(given.shows("it ends in its midst"));
    assert!(job(&given.press("enter")).is_none());
    given.press("/");
    given.type_text("gsdmm");
    assert!(given.shows("1 of 3") && !given.shows("torn"));
}

#[test]
fn the_choice_stays_with_its_model_when_they_are_listed_again() {
    let mut given = listed(120, 36, models());
    given.press("j");
    let mut more = models();
    more.insert(0, kept("newest", 8, 0));
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: more });
    assert!(matches!(job(&given.press("enter")), Some(Job::Open(path)) if *path == folder("coarse")));
    // What is open goes when its folder goes.
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: vec![kept("newest", 8, 0)] });
    assert!(given.shows("1 model in models"));
}

#[test]
fn a_fit_asks_how_goes_on_under_the_eyes_and_ends_on_its_model() {
    let mut given = listed(120, 36, models());
    given.press("f");
    assert!(given.shows("Fit a model"));
    let effects = given.press("enter");
    let Some(Job::Fit { wish, name }) = job(&effects) else { panic!("{effects:?}") };
    assert_eq!((&wish.from, name.as_str()), (&From::Lake(Span::default()), "2026-11-20-1402"));
    let mut given = fitting(120, 36);
    assert!(given.shows("pass 120 of 500 at most") && given.shows("left at most"));
    assert!(given.shows("20,100  retweets dropped"));
    // Only one at a time, and it says so.
    given.press("f");
    assert!(given.app.overlays.is_empty() && given.shows("a model is being fitted"));
    let about = Description::from(&model(12));
    let effects = given.came(Slot::Fit, Outcome::Fitted { folder: folder("fresh"), about });
    assert_eq!(started(&effects), [Slot::Models.into()]);
    let mut more = models();
    more.insert(2, kept("fresh", 12, 40));
    given.came(Slot::Models, Outcome::Models { folder: "models".into(), models: more });
    assert!(given.shows("12 topics are kept in models/fresh"));
    assert!(matches!(job(&given.press("enter")), Some(Job::Open(path)) if *path == folder("fresh")));
}

#[test]
fn a_fit_is_stopped_by_a_key_and_leaving_asks_first() {
    let mut given = fitting(120, 36);
    given.press("q");
    assert!(given.shows("keeps the model as it is then"));
    given.press("esc");
    let effects = given.press("c");
    assert!(matches!(effects[..], [Effect::Cancel(slot)] if slot == Slot::Fit.into()), "{effects:?}");
    assert!(given.shows("is stopping"));
    let mut about = Description::from(&model(12));
    about.stopped = true;
    given.came(Slot::Fit, Outcome::Fitted { folder: folder("fresh"), about });
    assert!(given.shows("stopped and kept as it was then"));
    given.press("c");
    assert!(given.shows("nothing is being fitted"));
}

#[test]
fn a_fit_that_fails_says_why_and_asks_again_with_what_was_filled_in() {
    let mut given = listed(120, 36, models());
    given.press("f tab");
    given.type_text("2026-11-19");
    given.press("enter");
    let why = "none of the 900 posts is left: 3 are retweets, 897 have too few words";
    let failed = crate::console::effect::Trouble { sentence: why.to_owned(), ..trouble(Remedy::Retry) };
    given.failed(Slot::Fit, failed);
    assert!(given.shows("897 have too few words") && given.shows("asks again"));
    given.press("f");
    assert!(given.shows("2026-11-19"));
    given.press("esc j");
    assert!(given.shows("12,345"), "the models are there as before");
}

#[test]
fn what_is_filled_in_wrong_is_said_and_nothing_begins() {
    let mut given = listed(120, 36, models());
    given.press("f tab");
    given.type_text("soon");
    assert!(given.press("enter").is_empty());
    assert!(given.shows("posts since: an hour or a day"));
}

#[test]
fn a_sweep_shows_each_number_of_topics_and_recommends_one() {
    let given = swept(120, 36);
    assert!(given.shows("Take 20 topics") && given.shows("40 topics"));
    assert!(given.shows("easier to read"));
}

#[test]
fn rows_and_cards_are_chosen_and_opened_by_the_mouse() {
    let mut given = listed(120, 36, models());
    let click = |given: &mut Given, x, y| given.happen(Event::Mouse(Mouse::Click { x, y }));
    click(&mut given, 5, 7);
    let effects = click(&mut given, 5, 7);
    assert!(matches!(job(&effects), Some(Job::Open(path)) if *path == folder("coarse")), "{effects:?}");
    let mut given = opened(120, 36);
    let second = u16::try_from(row(&given, "deep sky").expect("it is shown")).expect("small");
    assert!(job(&click(&mut given, 60, second)).is_none());
    let effects = click(&mut given, 60, second);
    assert!(matches!(job(&effects), Some(Job::Documents { topic: 1, .. })), "{effects:?}");
    given.happen(Event::Mouse(Mouse::Wheel { x: 60, y: 10, by: 3 }));
    assert_eq!(given.app.desk.pane, Pane::Topics);
}

#[test]
fn esc_cancels_what_loads_and_a_model_that_cannot_be_read_leads_back() {
    let mut given = listed(120, 36, models());
    given.press("enter");
    given.failed(Slot::Model, trouble(Remedy::Retry));
    assert!(given.shows("3 models in models") && given.app.desk.problems.len() == 1);
    let mut given = opened(120, 36);
    given.press("enter");
    given.failed(Slot::Documents, trouble(Remedy::Retry));
    assert!(given.shows("λ 0.6"));
}

#[test]
fn a_thousand_topics_are_scrolled_as_ten_are() {
    let mut given = listed(200, 60, vec![kept("many", 1_000, 1)]);
    given.press("enter");
    let (model, folder) = (Arc::new(model(1_000)), folder("many"));
    let places = (0..1_000_u32).map(|topic| (f64::from(topic).sin(), f64::from(topic).cos())).collect();
    given.came(Slot::Model, Outcome::Opened { folder: folder.clone(), model });
    given.came(Slot::Map, Outcome::Placed { folder, places });
    given.press("G");
    assert!(given.shows("999  "));
    given.press("m");
    assert!(given.shows("999"));
}

#[test]
fn an_answer_of_nobody_says_so() {
    let mut given = answered(80, 24);
    let mut none = answers();
    for answer in &mut none.answers {
        match &mut answer.body {
            Body::Table(table) => table.rows.clear(),
            Body::HeatMap { heat_map } => heat_map.rows.clear(),
        }
    }
    let folder = folder("2026-11-20-1200");
    given.came(Slot::Answers, Outcome::Answered { folder, answers: Arc::new(none) });
    for keys in ["j", "j enter l", "G enter"] {
        given.press(keys);
        assert!(given.shows("Nothing: none of these posts has what it asks for."), "{keys}");
    }
}

#[test]
fn where_unicode_cannot_be_drawn_only_ascii_is() {
    for make in [opened, with_posts, answered, fitting, swept] {
        let mut given = make(120, 36);
        given.app.desk.look = look(Depth::None, &Signs::ASCII);
        for keys in ["k", "m", "m", "v", "v", "a", "enter"] {
            given.press(keys);
            assert!(
                given.screen().content.iter().all(|cell| cell.symbol().is_ascii()),
                "{:#?}",
                lines(&given.screen())
            );
        }
    }
}

fn with_models(width: u16, height: u16) -> Given {
    listed(width, height, models())
}

/// What keys make of a beginning.
fn after(beginning: fn(u16, u16) -> Given, keys: &'static str) -> impl Fn(u16, u16) -> Given {
    move |width, height| {
        let mut given = beginning(width, height);
        given.press(keys);
        given
    }
}

#[test]
fn pictures() {
    take("topics_loading", |width, height| {
        let mut given = Given::started(width, height);
        given.signed_in();
        given.press("5");
        given
    });
    take("topics_empty", |width, height| listed(width, height, Vec::new()));
    take("topics_failing", |width, height| {
        let mut given = Given::started(width, height);
        given.signed_in();
        given.press("5");
        given.failed(Slot::Models, trouble(Remedy::Retry));
        given.press("e esc");
        given
    });
    take("topics_models", with_models);
    take("topics_words", after(opened, "j"));
    take("topics_map", after(opened, "j m"));
    take("topics_naming", |width, height| {
        let mut given = opened(width, height);
        given.press("n");
        given.type_text("lift-off");
        given
    });
    take("topics_posts", with_posts);
    take("topics_hours", after(opened, "v j"));
    take("topics_answers", after(answered, "j"));
    take("topics_answers_map", after(answered, "G enter l l"));
    take("topics_asking", after(opened, "a"));
    take("topics_form", after(with_models, "f"));
    take("topics_fitting", fitting);
    take("topics_failed", |width, height| {
        let mut given = fitting(width, height);
        given.failed(Slot::Fit, trouble(Remedy::Retry));
        given
    });
    take("topics_sweep", swept);
    take("topics_flow", after(with_models, "1"));
}

/// A console with a model open, for whatever may happen to it.
pub(super) fn any(step: u8) -> Outcome {
    let (model, folder) = (model(3), folder("2026-11-20-1200"));
    match step % 11 {
        0 => Outcome::Models { folder: "models".into(), models: models() },
        1 => Outcome::Opened { folder, model: Arc::new(model) },
        2 => ranked(&model, 3),
        3 => Outcome::Placed { folder, places: browse::map(&model) },
        4 => Outcome::Documents { folder, topic: 0, posts: Some(posts()) },
        5 => Outcome::Models { folder: "models".into(), models: Vec::new() },
        6 => Outcome::Tried(tried(5, 1)),
        7 => Outcome::Hours { folder, hours: hours(3, 20) },
        8 => Outcome::Answered { folder, answers: Arc::new(answers()) },
        9 => Outcome::Reported { address: "report.html".to_owned(), shown: false },
        _ => Outcome::Fitted { folder, about: Description::from(&model) },
    }
}
