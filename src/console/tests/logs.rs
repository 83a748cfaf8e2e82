//! What the Logs pane promises, and its pictures.

use jiff::{SignedDuration, Timestamp};

use super::given::{Given, morning, trouble};
use super::pictures::take;
use crate::console::effect::logs::{Item, Job, Outcome, Slot};
use crate::console::effect::{Effect, Item as AnyItem, Job as AnyJob, Remedy};
use crate::console::event::Event;
use crate::console::pane::logs::lines::MOST;
use crate::logs::{Ending, Group, LogEvent, Marks, Note};
use crate::stack::status::StackState;

const OWN: &str = "kinesisfirehose_twitter_delivery_stream";

fn at(seconds_ago: i64) -> Timestamp {
    morning().checked_sub(SignedDuration::from_secs(seconds_ago)).expect("in range")
}

fn event(seconds_ago: i64, message: &str) -> LogEvent {
    LogEvent {
        group: OWN.into(),
        stream: "twitter_delivery_stream".into(),
        at: at(seconds_ago),
        ingested: None,
        message: message.to_owned(),
        is_late: false,
    }
}

fn group(name: &str, bytes: u64) -> Group {
    let arn = format!("arn:aws:logs:us-east-2:471100000815:log-group:{name}");
    Group { name: name.to_owned(), arn, bytes, retention_days: Some(30), created: None }
}

pub(super) fn groups() -> Outcome {
    let groups = vec![group("/aws/sagemaker/NotebookInstances", 1_250_000), group(OWN, 37_020)];
    Outcome::Groups { own: OWN.to_owned(), groups }
}

/// Items that a tail fed.
fn feed(given: &mut Given, items: Vec<Item>, dropped: u64) {
    let items = items.into_iter().map(AnyItem::Logs).collect();
    given.happen(Event::Arrived { slot: Slot::Tail.into(), items, dropped });
}

fn lines(given: &mut Given, events: &[(i64, &str)]) {
    feed(given, events.iter().map(|(ago, message)| Item::Event(event(*ago, message))).collect(), 0);
}

/// The tail that effects start.
fn tail(effects: &[Effect]) -> Option<(Vec<String>, String, Option<String>)> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start(AnyJob::Logs(Job::Tail { groups, since, pattern, .. })) => {
            Some((groups.clone(), since.to_string(), pattern.clone()))
        }
        _ => None,
    })
}

/// Whether effects say that events are to come live, or that they are not.
fn live(effects: &[Effect]) -> Option<bool> {
    effects.iter().find_map(|effect| match effect {
        Effect::Live(wanted) => Some(*wanted),
        _ => None,
    })
}

fn followed(width: u16, height: u16) -> Given {
    let mut given = Given::with_stack(width, height, StackState::Ready);
    given.came(Slot::Groups, groups());
    given.press("6");
    given
}

fn busy(width: u16, height: u16) -> Given {
    let mut given = followed(width, height);
    let error = r#"{"deliveryStreamARN":"arn:aws:firehose:us-east-2:471100000815:deliverystream/twitter_delivery_stream","errorCode":"S3.AccessDenied","errorMessage":"Access was denied. Ensure that the trust policy allows Firehose to assume the role.","attemptsMade":8}"#;
    lines(
        &mut given,
        &[
            (300, "2026-11-20T13:57:07Z INFO hydrant::stream: started: replay → firehose"),
            (240, "2026-11-20T13:58:07Z INFO hydrant::stream: 3702 posts delivered"),
            (
                200,
                "2026-11-20T13:58:47Z WARN hydrant::stream: throttled by the delivery stream, again in 2 s",
            ),
            (120, error),
            (60, "a line with \u{1b}[31mcolours\u{1b}[0m and wide 漢字 characters 🚀"),
            (5, "2026-11-20T14:02:02Z DEBUG hydrant::stream: a batch of 500"),
        ],
    );
    let mut late = event(150, "2026-11-20T13:59:37Z INFO hydrant::stream: this one came late");
    late.is_late = true;
    feed(&mut given, vec![Item::Event(late), Item::Note(Note::Live)], 0);
    given
}

#[test]
fn pictures() {
    take("logs_signing_in", |width, height| {
        let mut given = Given::started(width, height);
        given.press("6");
        given
    });
    take("logs_failed", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("6");
        given.failed(Slot::Groups, trouble(Remedy::Retry));
        given
    });
    take("logs_empty", followed);
    take("logs_live", busy);
    take("logs_paused", |width, height| {
        let mut given = busy(width, height);
        given.press("l k k");
        lines(&mut given, &[(1, "newer"), (0, "newest")]);
        given
    });
    take("logs_throttled", |width, height| {
        let mut given = busy(width, height);
        let after = std::time::Duration::from_millis(3500);
        let why = "logs:FilterLogEvents: ThrottlingException".to_owned();
        feed(&mut given, vec![Item::Note(Note::Again { why, throttled: true, after })], 120);
        given
    });
    take("logs_pattern", |width, height| {
        let mut given = busy(width, height);
        given.press("f");
        given.type_text("{ $.errorCode = \"S3*\" }");
        given
    });
    take("logs_event", |width, height| {
        let mut given = busy(width, height);
        given.press("l k k enter");
        given
    });
}

#[test]
fn the_stacks_own_group_is_followed_as_soon_as_somebody_looks() {
    let mut given = Given::with_stack(120, 36, StackState::Ready);
    let effects = given.came(Slot::Groups, groups());
    assert_eq!(tail(&effects), None, "nobody looks yet, and looking costs");
    let effects = given.press("6");
    assert_eq!(tail(&effects), Some((vec![OWN.to_owned()], "10m".to_owned(), None)));
    lines(&mut given, &[(30, "one")]);
    let effects = given.press("1");
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Cancel(_))), "{effects:?}");
    let (_, since, _) = tail(&given.press("6")).expect("it goes on");
    assert_eq!(since, at(150).to_string(), "from a little before the newest line");
    lines(&mut given, &[(30, "one"), (10, "two")]);
    assert!(given.shows("2 lines"), "what was shown is not shown again");
}

#[test]
fn a_clock_that_is_ahead_does_not_hide_what_is_logged_meanwhile() {
    let mut given = followed(120, 36);
    lines(&mut given, &[(30, "of now"), (-1800, "of a clock ahead")]);
    given.press("1");
    let (_, since, _) = tail(&given.press("6")).expect("it goes on");
    assert_eq!(since, at(120).to_string(), "from before now");
    lines(&mut given, &[(30, "of now"), (-1800, "of a clock ahead"), (0, "logged meanwhile")]);
    assert!(given.shows("logged meanwhile") && given.shows("3 lines"));
}

#[test]
fn streams_without_times_are_gone_on_with_from_where_they_are_read_to() {
    let marks = |effects: &[Effect]| {
        effects.iter().find_map(|effect| match effect {
            Effect::Start(AnyJob::Logs(Job::Tail { marks, .. })) => Some(marks.clone()),
            _ => None,
        })
    };
    let mark = |at: u64| Marks::from([(("local:a-job".into(), "spark.log".into()), at)]);
    let mut given = followed(120, 36);
    feed(&mut given, vec![Item::Read(mark(100)), Item::Read(mark(250))], 0);
    given.press("1");
    assert_eq!(marks(&given.press("6")), Some(mark(250)));
    assert_eq!(marks(&given.press("h enter")), Some(Marks::new()), "who begins anew sees it again");
}

#[test]
fn who_signs_in_again_sees_no_line_twice() {
    let mut given = followed(120, 36);
    lines(&mut given, &[(30, "one")]);
    note(&mut given, Note::CaughtUp);
    given.failed(Slot::Tail, trouble(Remedy::SignIn));
    let (_, since, _) = tail(&given.signed_in()).expect("it goes on");
    assert_eq!(since, at(150).to_string());
    lines(&mut given, &[(30, "one"), (10, "two")]);
    assert!(given.shows("2 lines"));
}

#[test]
fn who_signs_in_again_in_another_pane_goes_on_where_it_ended_as_soon_as_somebody_looks() {
    let mut given = followed(120, 36);
    lines(&mut given, &[(30, "one")]);
    note(&mut given, Note::CaughtUp);
    given.failed(Slot::Tail, trouble(Remedy::SignIn));
    given.press("1");
    given.seconds_later(1800);
    assert_eq!(tail(&given.signed_in()), None, "nobody looks");
    let (_, since, _) = tail(&given.press("6")).expect("it goes on");
    assert_eq!(since, at(150).to_string(), "from what was shown, not from ten minutes before now");
    lines(&mut given, &[(30, "one"), (10, "two")]);
    assert!(given.shows("2 lines"));
    // The failure may be on its way while one leaves.
    given.press("1");
    given.failed(Slot::Tail, trouble(Remedy::SignIn));
    assert_eq!(tail(&given.signed_in()), None, "nobody looks");
    assert!(tail(&given.press("6")).is_some());
}

#[test]
fn of_lines_that_are_the_same_each_is_shown_once_on_coming_back() {
    let mut given = followed(120, 36);
    let mut newest = event(30, "of a finer clock");
    newest.at = newest.at.checked_add(SignedDuration::from_micros(400)).expect("in range");
    lines(&mut given, &[(150, "edge"), (40, "same"), (40, "same")]);
    feed(&mut given, vec![Item::Event(newest.clone())], 0);
    given.press("1");
    given.press("6");
    lines(&mut given, &[(150, "edge"), (40, "same"), (40, "same")]);
    feed(&mut given, vec![Item::Event(newest)], 0);
    assert!(given.shows("4 lines"), "what was shown is not shown again");
    lines(&mut given, &[(40, "same"), (10, "new"), (10, "new")]);
    assert!(given.shows("7 lines"), "what came meanwhile is, though it says the same");
    note(&mut given, Note::CaughtUp);
    lines(&mut given, &[(10, "new")]);
    assert!(given.shows("8 lines"));
}

#[test]
fn a_group_that_is_deleted_is_named_and_the_others_go_on() {
    const OTHER: &str = "/aws/sagemaker/NotebookInstances";
    let mut given = followed(120, 36);
    given.press("h m j j m");
    given.press("enter");
    note(&mut given, Note::Live);
    note(&mut given, Note::Gone(OTHER.to_owned()));
    assert!(given.shows("live, $0.01 a minute") && given.shows(&format!("{OTHER}: deleted")));
    given.press("1");
    let (groups, _, _) = tail(&given.press("6")).expect("it goes on");
    assert_eq!(groups, [OWN], "one that is not there would be the end of all");
    note(&mut given, Note::Gone(OWN.to_owned()));
    given.came(Slot::Tail, Outcome::Ended(Ending::Gone));
    let (groups, _, _) = tail(&given.press("r")).expect("both are looked for again");
    assert_eq!(groups, [OWN, OTHER]);
}

#[test]
fn it_follows_until_one_scrolls_and_loses_nothing_while_it_is_paused() {
    let mut given = followed(120, 36);
    let many: Vec<String> = (0..100).map(|number| format!("line {number}")).collect();
    let events: Vec<(i64, &str)> =
        many.iter().zip((100..200).rev()).map(|(message, ago)| (ago, message.as_str())).collect();
    lines(&mut given, &events);
    assert!(given.shows("line 99") && !given.shows("line 10 "));
    given.press("space");
    lines(&mut given, &[(1, "newer"), (0, "newest")]);
    assert!(!given.shows("newest") && given.shows("2 new"));
    given.press("space");
    assert!(given.shows("newest"));
    given.press("l k");
    lines(&mut given, &[(50, "in between")]);
    given.press("G");
    assert!(given.shows("newest") && given.shows("103 lines"));
}

#[test]
fn ten_thousand_lines_a_second_stay_in_bounds_and_what_went_is_counted() {
    let mut given = followed(120, 36);
    for second in 0..25 {
        let events = (0..10_000).map(|_| Item::Event(event(100 - second, "a line of a busy group")));
        feed(&mut given, events.collect(), 7);
    }
    assert_eq!(MOST, 200_000);
    for said in ["200,000 lines", "50,000 older ones let go", "175 came too fast"] {
        assert!(given.shows(said), "{said}");
    }
}

#[test]
fn lines_are_searched_written_and_filtered() {
    let mut given = busy(120, 36);
    given.press("/");
    given.type_text("hydrant::stream: [0-9]+");
    given.press("enter");
    given.press("y");
    let copied = given.press("y");
    assert!(
        matches!(copied.as_slice(), [Effect::Copy(text), ..] if text.contains("3702 posts delivered")),
        "{copied:?}"
    );
    given.press("w backspace");
    let effects = given.press("enter");
    let saved = effects.iter().find_map(|effect| match effect {
        Effect::Start(AnyJob::Logs(Job::Save { path, text })) => Some((path.clone(), text.lines().count())),
        _ => None,
    });
    assert_eq!(saved, Some(("hydrant-logs.tx".into(), 7)));
    given.press("f");
    given.type_text("ERROR -quiet");
    let (_, _, pattern) = tail(&given.press("enter")).expect("it begins anew");
    assert_eq!(pattern.as_deref(), Some("ERROR -quiet"));
    assert!(given.shows("0 lines"));
    given.press("s ctrl-u");
    given.type_text("2h");
    assert_eq!(tail(&given.press("enter")).map(|(_, since, _)| since).as_deref(), Some("2h"));
    given.press("s ctrl-u");
    given.type_text("soon");
    assert_eq!(tail(&given.press("enter")), None);
    assert!(given.shows("write it as 90s"));
}

fn note(given: &mut Given, note: Note) {
    feed(given, vec![Item::Note(note)], 0);
}

fn over() -> Note {
    Note::Polling("the session ended".to_owned())
}

#[test]
fn a_live_session_that_ended_is_followed_by_another_only_for_who_looks_on() {
    let mut given = Given::with_stack(120, 36, StackState::Ready);
    given.came(Slot::Groups, groups());
    assert_eq!(live(&given.press("6")), Some(true));
    note(&mut given, Note::Live);
    note(&mut given, Note::CaughtUp);
    assert!(given.shows("live, $0.01 a minute"), "what costs by the minute says so");
    given.seconds_later(3 * 3600);
    note(&mut given, over());
    assert!(given.shows("asking every 2 s"));
    for _ in 0..100 {
        assert_eq!(live(&given.seconds_later(600)), None, "nobody is there");
    }
    assert_eq!(live(&given.press("down")), Some(true));
}

#[test]
fn sessions_that_end_at_once_are_begun_ever_more_seldom() {
    let mut given = followed(120, 36);
    let mut pauses = Vec::new();
    for _ in 0..8 {
        note(&mut given, Note::Live);
        note(&mut given, over());
        let mut seconds = 0;
        while live(&[given.seconds_later(1), given.press("down")].concat()).is_none() {
            seconds += 1;
        }
        pauses.push(seconds);
    }
    assert!(pauses[0] >= 8 && pauses.is_sorted(), "{pauses:?}");
    assert!(pauses[7] > 500, "{pauses:?}");
}

#[test]
fn who_turns_to_another_window_pays_for_no_live_session() {
    let mut given = followed(120, 36);
    note(&mut given, Note::Live);
    given.happen(Event::Focus(false));
    assert_eq!(live(&given.seconds_later(59)), None, "a glance aside ends nothing");
    let aside = given.seconds_later(1);
    assert_eq!((live(&aside), tail(&aside)), (Some(false), None), "the tail itself goes on");
    assert_eq!(live(&given.seconds_later(3600)), None);
    let back = given.happen(Event::Focus(true));
    assert_eq!((live(&back), tail(&back)), (Some(true), None));
}

#[test]
fn several_groups_are_marked_and_followed_as_one() {
    let mut given = followed(120, 36);
    given.press("h m j j m");
    let (groups, _, _) = tail(&given.press("enter")).expect("they are followed");
    assert_eq!(groups, [OWN, "/aws/sagemaker/NotebookInstances"]);
    assert!(given.shows("2 groups"));
}
