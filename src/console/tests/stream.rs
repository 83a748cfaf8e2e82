//! What the Stream pane promises.

use super::given::{Given, morning, started, trouble};
use crate::console::effect::stream::{Item, Job, On, Outcome, Slot, Wishes};
use crate::console::effect::{Effect, Job as AnyJob, Remedy, Slot as AnySlot};
use crate::console::event::{Event, Mouse};
use crate::stack::status::StackState;
use crate::stream::counters::Counters;
use crate::stream::live::{State, Status};

/// A record of a post, told by its number.
fn post(number: u64) -> Item {
    let mut fields = vec![String::new(); 53];
    fields[0] = (2_123_779_146_118_725_632 + number).to_string();
    fields[12] = format!("Fri Nov 20 14:{:02}:{:02} +0000 2026", number / 60 % 60, number % 60);
    fields[34] = format!("orbit_{}", number % 7);
    fields[45] = if number.is_multiple_of(5) { "yes" } else { "no" }.to_owned();
    fields[46] = if number.is_multiple_of(3) { "https://t.co/AbC" } else { "" }.to_owned();
    fields[47] = ["", "#mars", "#moon|#Mars"][usize::try_from(number % 3).expect("small")].to_owned();
    fields[52] = format!("Perihelion burn {number} done, the rover is on its way 🚀 to orbit");
    Item::Post((fields.join("\t") + "\t\n").into())
}

fn arrived(given: &mut Given, posts: std::ops::Range<u64>, dropped: u64) {
    let items = posts.map(|number| post(number).into()).collect();
    given.happen(Event::Arrived { slot: Slot::Watch(On::Local).into(), items, dropped });
}

fn status(state: State, received: u64) -> Status {
    Status {
        on: "local".to_owned(),
        state,
        since: Some(morning()),
        source: "x".to_owned(),
        sinks: vec!["firehose".to_owned()],
        counters: Counters {
            received,
            filtered: 7,
            delivered: received - 19,
            pending: 12,
            ..Counters::default()
        },
        rate: 61.5,
        lag_s: 0.4,
        terms: vec!["rover".to_owned(), "orbit".to_owned()],
        ..Status::default()
    }
}

fn told(given: &mut Given, status: Status) {
    given.happen(Event::Came(Box::new(Outcome::Status(On::Local, Box::new(status)).into())));
}

pub(super) fn running(width: u16, height: u16) -> Given {
    let mut given = Given::with_stack(width, height, StackState::Ready);
    given.press("3");
    for minute in 0..15 {
        given.seconds_later(60);
        for second in 0..2 {
            given.seconds_later(second);
            told(
                &mut given,
                status(State::Running, 1000 + 3000 * minute + 50 * u64::try_from(second).expect("small")),
            );
        }
    }
    arrived(&mut given, 0..200, 0);
    given
}

pub(super) fn stopped(width: u16, height: u16) -> Given {
    let mut given = Given::with_stack(width, height, StackState::Ready);
    given.press("3");
    given.came(Slot::Watch(On::Local), Outcome::Status(On::Local, Box::new(status(State::Stopped, 3702))));
    given
}

#[test]
fn the_newest_post_is_at_the_bottom_and_followed_until_somebody_moves() {
    let mut given = running(120, 36);
    assert!(given.shows("Perihelion burn 199 done"));
    arrived(&mut given, 200..205, 0);
    assert!(given.shows("Perihelion burn 204 done"));
    given.press("g");
    assert!(given.shows("Perihelion burn 0 done") && !given.shows("Perihelion burn 204 done"));
    arrived(&mut given, 205..300, 0);
    assert!(given.shows("Perihelion burn 0 done"), "it stays where the operator is");
    given.press("G");
    assert!(given.shows("Perihelion burn 299 done"));
}

#[test]
fn a_pause_loses_nothing_and_says_how_many_wait() {
    let mut given = running(120, 36);
    given.press("space");
    arrived(&mut given, 200..250, 0);
    assert!(given.shows("paused, 50 wait") && given.shows("burn 199 done") && !given.shows("burn 249 done"));
    given.press("space");
    assert!(given.shows("burn 249 done") && !given.shows("paused"));
}

#[test]
fn a_filter_shows_what_holds_a_text() {
    let mut given = running(120, 36);
    given.press("/");
    given.type_text("burn 42");
    given.press("enter");
    assert!(given.shows("burn 42 done") && !given.shows("burn 199 done") && given.shows("1 match"));
    given.press("esc");
    assert!(given.shows("burn 199 done"));
}

#[test]
fn a_post_is_opened_with_every_field_of_its_record() {
    let mut given = running(120, 36);
    given.press("enter");
    assert!(given.shows("2123779146118725831") && given.shows("in_reply_to_screen_name"));
    given.press("G");
    assert!(given.shows("tweet_text_hashtags") && given.shows("num_hashtags_in_tweet_text"));
    given.press("esc");
    assert!(given.shows("burn 199 done"));
}

#[test]
fn what_came_too_fast_is_said() {
    let mut given = running(120, 36);
    arrived(&mut given, 200..201, 1234);
    assert!(given.shows("1,234 came too fast to be shown"));
}

#[test]
fn the_stream_is_started_and_stopped_after_a_question() {
    let mut given = stopped(120, 36);
    given.press("s");
    let effects = given.press("enter");
    let here = |effect: &Effect| {
        matches!(effect, Effect::Start(AnyJob::Stream(Job::Start { on: On::Local, wishes: None })))
    };
    assert!(effects.len() == 1 && effects.iter().all(here), "{effects:?}");
    let effects = given.came(Slot::Switch, Outcome::Started(On::Local, Box::new(status(State::Running, 19))));
    assert_eq!(started(&effects), [AnySlot::Stream(Slot::Watch(On::Local))]);
    given.press("s");
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Local)))]));
    given.came(Slot::Switch, Outcome::Stopped(On::Local, Box::new(status(State::Stopped, 3702))));
    assert!(given.shows("12 posts wait for the next start"));
}

fn settled() -> Outcome {
    let wishes = Wishes { source: "x".into(), languages: "en".into(), terms: "rover, orbit".into() };
    Outcome::Wishes(Box::new(wishes), vec!["sinks         firehose".to_owned()])
}

pub(super) fn wishing(width: u16, height: u16) -> Given {
    let mut given = stopped(width, height);
    given.press("S");
    given.came(Slot::Wishes, settled());
    given
}

/// What was asked for by the one job that was started.
fn asked(effects: &[Effect]) -> (On, Option<Wishes>) {
    match effects {
        [Effect::Start(AnyJob::Stream(Job::Start { on, wishes }))] => (*on, wishes.as_deref().cloned()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn source_and_terms_are_edited_and_hold_from_the_next_start() {
    let mut given = wishing(120, 36);
    assert!(given.shows("rover, orbit"));
    given.press("tab");
    given.type_text("y");
    given.press("enter");
    assert!(given.shows("is no source"), "it is not closed over a source that there is not");
    given.press("backspace");
    given.press("backspace");
    given.type_text("jetstream");
    given.press("tab");
    given.press("tab");
    given.type_text(", moon");
    given.press("enter");
    given.press("s");
    assert!(given.shows("Asked for here: jetstream"));
    let (on, wishes) = asked(&given.press("enter"));
    let wished =
        Wishes { source: "jetstream".into(), languages: "en".into(), terms: "rover, orbit, moon".into() };
    assert_eq!((on, wishes), (On::Local, Some(wished)));
}

#[test]
fn it_is_started_on_the_host_unless_its_terms_are_only_here() {
    let mut given = wishing(120, 36);
    given.press("enter");
    for key in ["s", "tab", "space"] {
        given.press(key);
    }
    assert_eq!(asked(&given.press("enter")), (On::Host, None));
    let effects = given.came(Slot::Switch, Outcome::Started(On::Host, Box::new(status(State::Running, 19))));
    assert_eq!(started(&effects), [AnySlot::Stream(Slot::Watch(On::Host))]);
    assert!(given.shows("the stream runs on the host"));
    given.came(Slot::Watch(On::Host), Outcome::Status(On::Host, Box::new(status(State::Stopped, 19))));
    given.press("S");
    given.came(Slot::Wishes, settled());
    given.press("tab");
    given.press("tab");
    given.press("tab");
    given.type_text(", moon");
    given.press("enter");
    for key in ["s", "tab", "space"] {
        given.press(key);
    }
    assert_eq!(started(&given.press("enter")), []);
    assert!(given.shows("on this machine only"));
}

/// The same on the host, with other posts.
fn runs_on_the_host(given: &mut Given, pending: u64) {
    let mut there = status(State::Running, 9_000);
    (there.on, there.source, there.counters.pending) = ("host".to_owned(), "jetstream".to_owned(), pending);
    given.happen(Event::Came(Box::new(Outcome::Status(On::Host, Box::new(there)).into())));
    let items = (7000..7100).map(|number| post(number).into()).collect();
    given.happen(Event::Arrived { slot: Slot::Watch(On::Host).into(), items, dropped: 0 });
}

pub(super) fn both(width: u16, height: u16) -> Given {
    let mut given = running(width, height);
    runs_on_the_host(&mut given, 340);
    given
}

pub(super) fn on_the_host(width: u16, height: u16) -> Given {
    let mut given = stopped(width, height);
    runs_on_the_host(&mut given, 340);
    given
}

#[test]
fn what_runs_on_the_host_is_shown_as_what_runs_here_is() {
    let mut given = on_the_host(120, 36);
    assert!(given.shows("the host ● running  jetstream") && given.shows("burn 7099 done"));
    assert!(given.shows("this machine: stopped, 12 wait"), "what waits here is not forgotten");
    given.press("b");
    assert!(given.shows("this machine ○ stopped") && given.shows("the host: running, 340 wait"));
}

#[test]
fn both_streams_stand_side_by_side_and_the_keys_are_for_one_of_them() {
    let mut given = both(120, 36);
    assert!(given.shows("this machine ● running") && given.shows("the host ● running"));
    assert!(given.shows("burn 199 done") && given.shows("burn 7099 done"));
    given.press("b g");
    assert!(given.shows("burn 199 done") && given.shows("burn 7000 done") && !given.shows("burn 7099 done"));
    given.press("space");
    arrived(&mut given, 200..210, 0);
    assert!(given.shows("paused, 10 wait") && !given.shows("burn 209 done"), "a pause holds both");
    given.press("space b /");
    given.type_text("burn 70");
    given.press("enter");
    assert!(given.shows("burn 70 done") && given.shows("100 match"), "a filter is for both");
}

#[test]
fn where_there_is_no_room_for_two_a_line_tells_of_the_other() {
    let mut given = both(80, 24);
    assert!(given.shows("the host: running, 340 wait") && !given.shows("burn 7099 done"));
    given.press("b");
    assert!(given.shows("this machine: running, 12 wait") && given.shows("burn 7099 done"));
}

#[test]
fn every_counter_of_two_streams_is_seen() {
    let given = both(120, 36);
    for name in ["received", "filtered", "delivered", "pending", "retried", "duplicates", "malformed 0"] {
        let twice = |line: &String| line.matches(name).count() == 2;
        assert!(super::given::lines(&given.screen()).iter().any(twice), "{name}");
    }
}

#[test]
fn it_is_stopped_on_the_host_after_what_waits_there_was_said() {
    let mut given = on_the_host(120, 36);
    given.press("s");
    assert!(given.shows("340 posts wait on the host.") && given.shows("12 posts wait on this machine."));
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Host)))]));
    let mut draining = status(State::Draining, 9_000);
    draining.counters.pending = 101;
    given.happen(Event::Came(Box::new(Outcome::Status(On::Host, Box::new(draining)).into())));
    assert!(given.shows("◐ draining") && given.shows("pending 101"), "how far it is, is seen");
    let mut end = status(State::Stopped, 9_000);
    end.counters.pending = 0;
    given.came(Slot::Switch, Outcome::Stopped(On::Host, Box::new(end)));
    assert!(given.shows("the stream on the host is stopped; everything is delivered"));
}

#[test]
fn with_both_running_either_is_stopped_and_the_one_with_the_keys_first() {
    let mut given = both(120, 36);
    given.press("s");
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Local)))]));
    let mut given = both(120, 36);
    given.press("s tab space");
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Host)))]));
    let mut given = both(120, 36);
    given.press("b s");
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Host)))]));
    let mut given = both(120, 36);
    given.press("s");
    told(&mut given, status(State::Stopped, 3702));
    assert_eq!(started(&given.press("enter")), [], "what ended meanwhile is not started by mistake");
    assert!(given.shows("nothing was done"));
}

#[test]
fn a_host_that_is_not_there_is_no_failure_and_is_not_asked_for_again_and_again() {
    let mut given = stopped(120, 36);
    given.came(Slot::Watch(On::Host), Outcome::NoHost("the stack has no instance".to_owned()));
    assert!(!given.shows("no instance"));
    assert_eq!(started(&given.seconds_later(60)), [AnySlot::Stream(Slot::Watch(On::Local))]);
    given.press("b");
    assert!(given.shows("the stack has no instance"), "whoever looks is told why");
    given.failed(Slot::Watch(On::Local), trouble(Remedy::Retry));
    let asked = started(&given.press("r"));
    assert!(asked.contains(&AnySlot::Stream(Slot::Watch(On::Host))), "{asked:?}");
}

#[test]
fn a_host_that_was_lost_is_looked_for_until_it_answers() {
    let mut given = on_the_host(120, 36);
    given.came(Slot::Watch(On::Host), Outcome::NoHost("it does not answer".to_owned()));
    assert!(given.shows("it does not answer") && given.shows("the host ● running"), "it goes on meanwhile");
    let asked = started(&given.seconds_later(20));
    assert!(asked.contains(&AnySlot::Stream(Slot::Watch(On::Host))), "{asked:?}");
    runs_on_the_host(&mut given, 5);
    assert!(!given.shows("it does not answer"));
}

#[test]
fn a_click_takes_the_keys_to_that_side() {
    let mut given = both(120, 36);
    given.happen(Event::Mouse(Mouse::Click { x: 100, y: 20 }));
    given.press("s");
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::Stream(Job::Stop(On::Host)))]));
}

#[test]
fn every_counter_is_seen_at_eighty_columns() {
    let given = running(80, 24);
    for name in ["received", "filtered", "delivered", "pending", "retried", "duplicates", "malformed 0"] {
        assert!(given.shows(name), "{name}");
    }
}

#[test]
fn a_stream_that_waits_needs_attention_in_the_drawing_too() {
    let mut given = running(120, 36);
    let mut held = status(State::Running, 50_000);
    held.held = Some("X: the account has no credits left".to_owned());
    told(&mut given, held);
    assert!(given.shows("no credits left"));
    given.press("1");
    assert!(given.shows("the stream waits: X: the account has no credits left"));
}

#[test]
fn where_nothing_needs_attention_the_drawing_says_what_comes_next() {
    let mut given = stopped(120, 36);
    given.press("1");
    assert!(given.shows("What comes next"));
    assert!(given.shows("3   the stream does not run: start it in the Stream pane"));
    given.press("3");
    told(&mut given, status(State::Running, 3702));
    given.press("1");
    assert!(given.shows("Needs attention"));
    assert!(given.shows("Nothing."));
}

#[test]
fn it_is_looked_for_again_where_it_is_shown_and_left_alone_elsewhere() {
    let mut given = stopped(120, 36);
    assert_eq!(started(&given.seconds_later(3)), [AnySlot::Stream(Slot::Watch(On::Local))]);
    given.failed(Slot::Watch(On::Local), trouble(Remedy::Retry));
    given.press("7");
    assert_eq!(started(&given.seconds_later(3)), []);
}

/// Bounded work for a burst: a frame's worth of posts is taken and drawn while others wait.
#[test]
fn a_hundred_thousand_posts_are_kept_and_no_more() {
    let mut given = running(80, 24);
    for batch in 0..110 {
        arrived(&mut given, batch * 1000..(batch + 1) * 1000, 0);
    }
    assert!(given.shows("burn 109999 done"));
    given.press("g");
    assert!(given.shows("burn 10000 done"));
}
