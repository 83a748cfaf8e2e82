//! The Lake pane: what it promises, and its pictures.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::given::{Given, lines, started, trouble};
use super::pictures::take;
use crate::console::effect::lake::{Job, Outcome, Ran, Slot};
use crate::console::effect::{Effect, Job as AnyJob, Outcome as AnyOutcome, Remedy};
use crate::console::event::Event;
use crate::console::pane::Pane;
use crate::console::pane::flow::{self, Place};
use crate::lake::encoding::Encoding;
use crate::lake::hours::Span;
use crate::lake::listing::Totals;
use crate::lake::outputs::{Combined, Kind, Run, Stamp, Sums};
use crate::lake::place::Entry;
use crate::lake::preview::{Content, Preview, Record};
use crate::lake::{Hour, Layout};
use crate::stream::record::{COUNT, Column};

fn layout() -> Layout {
    Layout::new("datasets/twitter/kinesis-demo/").expect("a layout")
}

fn hour(back: i64) -> Hour {
    let now: Timestamp = "2026-11-20T14:02:07Z".parse().expect("a time");
    Hour::of(now.checked_sub(SignedDuration::from_hours(back)).expect("a time"))
}

fn file(hour: Hour, number: u64) -> Entry {
    let folder = layout().folder_of(hour).expect("a folder");
    Entry {
        key: format!("{folder}twitter_delivery_stream-1-{hour}-{number:02}-00-0123456789abcdef"),
        bytes: 90_000 + number * 3_001,
        etag: format!("{number:032x}"),
        modified: hour.begins(),
    }
}

fn totals(hour: Hour, files: u64) -> Totals {
    let mut totals = Totals::empty(hour, layout().folder_of(hour).expect("a folder"));
    (0..files).for_each(|number| totals.add(&file(hour, number)));
    totals
}

fn combined(of: &Totals) -> Combined {
    let stamp = Stamp { hour: of.hour, saved: of.hour.ends().as_second(), files: of.files };
    let sums = Sums { rows: of.files * 64, fingerprint: of.fingerprint, wish: None };
    let files = BTreeMap::from([(Kind::Parquet, stamp.key(Kind::Parquet))]);
    Combined { runs: BTreeMap::from([(stamp, Run { files, sums: Some(sums) })]) }
}

fn part(given: &mut Given, outcome: Outcome) {
    given.happen(Event::Came(Box::new(AnyOutcome::Lake(outcome))));
}

/// Signed in, in the pane, with the lake listed: so many hours, the newest not combined, the one before it stale.
pub(super) fn with_lake(width: u16, height: u16, hours: i64) -> Given {
    let mut given = Given::started(width, height);
    given.signed_in();
    given.press("4");
    given.seconds_later(1);
    let address = "s3://hydrant-471100000815-us-east-2/".to_owned();
    part(&mut given, Outcome::Found { address, layout: layout() });
    let mut known = BTreeMap::new();
    for back in (0..hours).rev() {
        let files = 20 + u64::from(hour(back).of_day().unsigned_abs()) * 2;
        let of = totals(hour(back), files);
        if back > 1 {
            known.insert(of.hour, combined(&of));
        }
        if back == 1 {
            known.insert(of.hour, combined(&totals(hour(back), files - 1)));
        }
        part(&mut given, Outcome::Totals(of));
    }
    part(&mut given, Outcome::Combined(known));
    given.came(Slot::Hours, Outcome::Listed);
    given
}

fn preview() -> Preview {
    let texts =
        ["Perihelion burn done, telemetry nominal", "火星探査機が着陸", "first light frames are clean 🔭"];
    let record = |text: &&str| {
        let mut fields = vec!["None".to_owned(); COUNT];
        let mut set = |column: Column, value: &str| value.clone_into(&mut fields[column as usize]);
        set(Column::CreatedAt, "Fri Nov 20 14:00:18 +0000 2026");
        set(Column::UserScreenName, "orbitwatcher");
        set(Column::TweetTextHashtags, "mars|moon");
        set(Column::Text, text);
        Record { raw: fields.join("\t"), fields: Ok(fields) }
    };
    let mut records: Vec<Record> = texts.iter().map(record).collect();
    records
        .push(Record { raw: "a\ttorn\trow".to_owned(), fields: Err("it has 3 fields, not 53".to_owned()) });
    Preview {
        bytes: 93_001,
        encoding: Encoding::Gzip,
        content: Content::Records(records),
        more: false,
        fault: None,
    }
}

/// The same with the newest hour's first file open.
fn with_file(width: u16, height: u16) -> Given {
    let mut given = with_lake(width, height, 60);
    given.press("g j j j enter");
    let of = hour(0);
    let files = (0..40).map(|number| file(of, number)).collect();
    part(&mut given, Outcome::Files { hour: of, files });
    given.came(Slot::Files, Outcome::FilesListed(of));
    given.press("enter");
    let key = file(of, 0).key;
    given.came(Slot::Preview, Outcome::Opened { key, preview: preview() });
    given
}

fn job(effects: &[Effect]) -> Option<&Job> {
    effects.iter().find_map(|effect| match effect {
        Effect::Start(AnyJob::Lake(job)) => Some(job),
        _ => None,
    })
}

#[test]
fn the_lake_is_listed_once_and_then_only_its_latest_hours() {
    let mut given = Given::started(100, 30);
    given.signed_in();
    given.press("4");
    let first = given.seconds_later(1);
    assert!(matches!(job(&first), Some(Job::Hours(span)) if *span == Span::default()));
    let mut given = with_lake(100, 30, 30);
    let again = given.seconds_later(61);
    let Some(Job::Hours(span)) = job(&again) else { panic!("{again:?}") };
    assert_eq!(span.since, Some(hour(3)));
    let all = given.press("r");
    assert!(matches!(job(&all), Some(Job::Hours(span)) if *span == Span::default()));
}

#[test]
fn the_way_to_the_newest_hour_is_open_and_enter_lists_its_files() {
    let mut given = with_lake(120, 36, 30);
    assert!(given.shows("14:00"));
    let effects = given.press("g j j j enter");
    assert!(matches!(job(&effects), Some(Job::Files(of)) if *of == hour(0)), "{effects:?}");
}

/// The hour's files as a listing brings them.
fn list_files(given: &mut Given, of: Hour, files: u64) {
    let files = (0..files).map(|number| file(of, number)).collect();
    part(given, Outcome::Files { hour: of, files });
    given.came(Slot::Files, Outcome::FilesListed(of));
}

fn lists_files(effects: &[Effect], wanted: Hour) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Start(AnyJob::Lake(Job::Files(of))) if *of == wanted))
}

#[test]
fn the_files_of_the_hour_that_is_shown_are_those_that_are_there_now() {
    let mut given = with_lake(120, 36, 30);
    let of = hour(0);
    given.press("g j j j enter");
    list_files(&mut given, of, 48);
    given.press("j j");
    // Listed anew because somebody asks, comes again, or the tree says otherwise.
    assert!(lists_files(&given.press("r"), of));
    part(&mut given, Outcome::Files { hour: of, files: (1..10).map(|number| file(of, number)).collect() });
    assert!(given.shows("48 files  listing"), "what was there is seen meanwhile");
    given.came(Slot::Files, Outcome::FilesListed(of));
    assert!(given.shows(&format!("{of}  9 files")));
    let opened = given.press("enter");
    assert!(matches!(job(&opened), Some(Job::Open(key)) if *key == file(of, 2).key), "it stays chosen");
    for (files, again) in [(9, false), (11, true)] {
        given.press("r");
        list_files(&mut given, of, 9);
        part(&mut given, Outcome::Totals(totals(of, files)));
        let listed = given.came(Slot::Hours, Outcome::Listed);
        assert_eq!(lists_files(&listed, of), again, "{files}");
    }
    given.press("esc");
    assert!(lists_files(&given.press("enter"), of));
}

#[test]
fn hours_that_are_not_there_any_more_are_gone() {
    let mut given = with_lake(120, 36, 30);
    given.press("g j j j enter");
    list_files(&mut given, hour(0), 48);
    given.seconds_later(61);
    part(&mut given, Outcome::Totals(totals(hour(1), 46)));
    given.came(Slot::Hours, Outcome::Listed);
    assert!(given.shows(&format!("{} is gone", hour(0))));
    // Hours 0, 2 and 3 were looked at and are not there; what was not looked at stays.
    assert!(given.shows("27 hours") && given.press("d").is_empty());
    given.press("r");
    given.came(Slot::Hours, Outcome::Listed);
    assert!(given.shows("There are no hours yet"));
    given.press("c");
    assert!(given.app.overlays.is_empty());
}

#[test]
fn a_listing_that_breaks_off_takes_nothing_away() {
    let mut given = with_lake(120, 36, 30);
    given.press("r");
    part(&mut given, Outcome::Totals(totals(hour(1), 46)));
    given.failed(Slot::Hours, trouble(Remedy::Retry));
    assert!(given.shows("30 hours"));
}

#[test]
fn what_was_made_of_an_hour_lies_beside_its_files() {
    let mut given = with_lake(120, 36, 30);
    let of = hour(2);
    given.press("g j j j j j enter");
    list_files(&mut given, of, 2);
    let mut made = combined(&totals(of, 2));
    let (stamp, run) = made.runs.iter_mut().next().expect("there is one");
    let quarantine = stamp.key(Kind::Quarantine);
    run.files.insert(Kind::Quarantine, quarantine.clone());
    given.press("j");
    let first = |effects: &[Effect]| match job(effects) {
        Some(Job::Open(key) | Job::Download(key)) => Some(key.clone()),
        _ => None,
    };
    assert_eq!(first(&given.press("enter")), Some(file(of, 0).key), "after the rows");
    part(&mut given, Outcome::Combined(BTreeMap::from([(of, made)])));
    assert!(given.shows("2 files, 2 made of it") && given.shows("parquet/tweets_"));
    assert_eq!(first(&given.press("enter")), Some(file(of, 0).key), "it stays chosen");
    let root = layout().root().to_owned();
    assert_eq!(first(&given.press("k enter")), Some(format!("{root}{quarantine}")));
    let copied = given.press("y");
    let address = format!("s3://hydrant-471100000815-us-east-2/{root}{quarantine}");
    assert!(copied.iter().any(|effect| matches!(effect, Effect::Copy(text) if *text == address)));
    assert_eq!(first(&given.press("d")), Some(format!("{root}{quarantine}")));
}

#[test]
fn combining_asks_and_does_what_is_chosen_and_due() {
    let mut given = with_lake(120, 36, 30);
    // The year: everything that is behind.
    given.press("g c");
    assert!(given.shows("2 hours, "));
    assert!(given.shows("files changed since") && given.shows("not combined yet"));
    let effects = given.press("enter");
    let Some(Job::Combine(span)) = job(&effects) else { panic!("{effects:?}") };
    assert!(span.holds(hour(0)) && span.holds(hour(29)));
    given.came(
        Slot::Combine,
        Outcome::Ran(Ran {
            hours: 2,
            skipped: 28,
            rows: 6_100,
            malformed: 3,
            failures: Vec::new(),
            interrupted: false,
            combined: (0..30)
                .map(|back| {
                    (
                        hour(back),
                        combined(&totals(hour(back), 20 + u64::from(hour(back).of_day().unsigned_abs()) * 2)),
                    )
                })
                .collect(),
        }),
    );
    assert!(given.shows("2 hours combined: 6,100 posts, 3 malformed rows put away"));
    assert!(given.shows("all combined"));
    given.press("c");
    assert!(given.app.overlays.is_empty(), "there is nothing to combine");
}

/// What the dialog names is what the run does: it goes by the same rule.
#[test]
fn hours_of_another_format_or_wish_are_named_before_they_are_combined_and_fuller_results_are_left() {
    let mut given = with_lake(120, 36, 6);
    let of = |back: i64| totals(hour(back), 20 + u64::from(hour(back).of_day().unsigned_abs()) * 2);
    let mut known: BTreeMap<Hour, Combined> = (0..6).map(|back| (hour(back), combined(&of(back)))).collect();
    // The predecessor's.
    let run =
        |known: &mut BTreeMap<Hour, Combined>, back: i64, files: u64, with: &dyn Fn(Stamp, &mut Run)| {
            let (stamp, mut run) = combined(&totals(hour(back), files)).runs.pop_first().expect("a run");
            with(stamp, &mut run);
            known.insert(hour(back), Combined { runs: BTreeMap::from([(stamp, run)]) });
        };
    run(&mut known, 2, of(2).files, &|stamp, run| {
        *run = Run { files: BTreeMap::from([(Kind::Csv, stamp.key(Kind::Csv))]), sums: None };
    });
    let other = crate::lake::combine::Wish { append_users: true, ..Default::default() }.fingerprint();
    run(&mut known, 3, of(3).files, &|_, run| {
        run.sums = run.sums.map(|sums| Sums { wish: Some(other), ..sums });
    });
    run(&mut known, 4, of(4).files + 9, &|_, _| {});
    part(&mut given, Outcome::Combined(known));
    given.press("g c");
    assert!(given.shows("2 hours, "));
    assert!(given.shows("not in this format yet") && given.shows("combined with other words or columns"));
    assert!(!given.shows("files changed since"));
    assert!(given.shows("1 hour holds fewer files than were combined"));
}

#[test]
fn a_second_download_does_not_stop_the_first() {
    let mut given = with_file(120, 36);
    assert!(job(&given.press("d")).is_some());
    assert!(job(&given.press("d")).is_none());
    assert!(given.shows("a file is being downloaded"));
}

#[test]
fn a_read_only_look_never_combines() {
    let effects = Job::Combine(Span::default());
    assert!(!effects.is_allowed_readonly());
    assert!(
        Job::Hours(Span::default()).is_allowed_readonly() && Job::Open(String::new()).is_allowed_readonly()
    );
}

#[test]
fn an_open_file_is_seen_as_table_raw_and_record_and_esc_leads_back() {
    let mut given = with_file(120, 36);
    assert!(given.shows("Perihelion burn done") && given.shows("malformed: it has 3 fields"));
    given.press("v");
    assert!(given.shows("None │ None"));
    given.press("v");
    assert!(given.shows("user_screen_name") || given.shows("contributors"));
    given.press("esc esc esc");
    assert_eq!(given.app.desk.pane, Pane::Lake);
    let effects = given.press("d");
    assert!(job(&effects).is_none(), "no file is chosen any more");
}

#[test]
fn what_is_chosen_is_copied_and_downloaded_by_its_address() {
    let mut given = with_file(120, 36);
    let effects = given.press("y");
    let copied = effects.iter().find_map(|effect| match effect {
        Effect::Copy(text) => Some(text.clone()),
        _ => None,
    });
    let key = file(hour(0), 0).key;
    assert_eq!(copied, Some(format!("s3://hydrant-471100000815-us-east-2/{key}")));
    let effects = given.press("d");
    assert!(matches!(job(&effects), Some(Job::Download(of)) if *of == key));
}

#[test]
fn the_map_leads_to_an_hour() {
    let mut given = with_lake(120, 36, 60);
    given.press("m h up");
    let effects = given.press("enter");
    assert!(matches!(job(&effects), Some(Job::Files(of)) if *of == hour(25)), "{effects:?}");
}

#[test]
fn a_million_files_scroll_as_ten_do() {
    let mut given = with_lake(200, 60, 3);
    given.press("g j j j enter");
    let of = hour(0);
    for page in 0..1000 {
        let files = (0..1000).map(|number| file(of, page * 1000 + number)).collect();
        part(&mut given, Outcome::Files { hour: of, files });
    }
    assert!(given.shows("1,000,000 files"));
    given.press("G");
    assert!(given.shows("999999-00"));
}

#[test]
fn of_hours_that_are_still_being_listed_nothing_is_told_yet() {
    let mut given = Given::started(120, 36);
    given.signed_in();
    given.press("4");
    given.seconds_later(1);
    let address = "s3://hydrant-471100000815-us-east-2/".to_owned();
    part(&mut given, Outcome::Found { address, layout: layout() });
    part(&mut given, Outcome::Totals(totals(hour(30), 20)));
    for place in [Place::Lake, Place::Combined] {
        assert_eq!(flow::station(&given.app, place).number, "being read");
    }
    given.press("1");
    assert!(!given.shows("to be combined"));
    given.came(Slot::Hours, Outcome::Listed);
    assert_eq!(flow::station(&given.app, Place::Combined).number, "1 h behind");
    assert!(given.shows("1 hour waits to be combined"));
}

#[test]
fn its_stations_say_how_full_and_how_far_behind() {
    let given = with_lake(120, 36, 30);
    let station = flow::station(&given.app, Place::Lake);
    assert_eq!((station.number.as_str(), station.more.as_str()), ("48 files", "this hour"));
    // The present hour still fills: it is not behind. What waits is counted alike in the station, the pane and what needs
    // attention.
    assert_eq!(flow::station(&given.app, Place::Combined).number, "1 h behind");
    assert!(given.shows("1 to combine"));
    let mut given = given;
    given.press("1");
    assert!(
        given.shows("1 hour waits to be combined: c in the Lake pane does it"),
        "{:#?}",
        lines(&given.screen())
    );
}

#[test]
fn it_lists_as_soon_as_somebody_is_signed_in_and_looks() {
    let mut given = Given::started(100, 30);
    given.signed_in();
    assert!(started(&given.seconds_later(1)).contains(&Slot::Hours.into()));
}

#[test]
fn pictures() {
    take("lake_empty", |width, height| with_lake(width, height, 0));
    take("lake", |width, height| with_lake(width, height, 24 * 40));
    take("lake_file", with_file);
    take("lake_map", |width, height| {
        let mut given = with_lake(width, height, 24 * 10);
        given.press("m h h up");
        given
    });
    take("lake_combine", |width, height| {
        let mut given = with_lake(width, height, 60);
        given.press("g c");
        given
    });
    take("lake_failing", |width, height| {
        let mut given = Given::started(width, height);
        given.signed_in();
        given.press("4");
        given.seconds_later(1);
        given.failed(Slot::Hours, trouble(Remedy::Retry));
        given.press("esc");
        given
    });
}

#[test]
fn a_bucket_that_is_not_there_yet_is_no_error_and_is_looked_for_again() {
    let mut given = Given::started(120, 36);
    given.signed_in();
    given.press("4");
    given.came(Slot::Hours, Outcome::NoBucket);
    assert!(given.shows("There is no bucket yet") && given.app.desk.problems.is_empty());
    given.press("1");
    assert!(given.shows("no bucket"));
    let effects = given.press("4");
    assert!(matches!(effects[..], [Effect::Start(AnyJob::Lake(Job::Hours(_)))]), "{effects:?}");
}
