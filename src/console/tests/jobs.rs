//! Jobs on Spark in the console: what it promises of them.

use std::path::{Path, PathBuf};

use super::given::Given;
use super::pictures::take;
use crate::console::effect::lake::Ran;
use crate::console::effect::topics::{From, Job, OnSpark, Outcome, Planned, Slot, SparkWork, key};
use crate::console::effect::{Effect, Job as AnyJob, Remedy, Trouble};
use crate::console::event::Event;
use crate::lake::hours::Span;
use crate::progress::{Phase, Report};
use crate::settings::EngineName;
use crate::topics::Description;

const ID: &str = "topics-3f9a1c2e4b5d";

fn there() -> Vec<(u64, String, EngineName)> {
    vec![(key(Path::new("week-47")), ID.to_owned(), EngineName::Sagemaker)]
}

fn slot() -> Slot {
    Slot::Job(key(Path::new("week-47")))
}

/// A console that has found a job which runs at SageMaker.
fn with_job(width: u16, height: u16) -> Given {
    let mut given = Given::started(width, height);
    given.signed_in();
    given.came(Slot::Jobs, Outcome::Jobs(there()));
    let text = "stage 4 of 6: 19,886 words, 842,113 tokens, 20 topics, 85 iterations".to_owned();
    let report = Report { kind: "spark", name: ID.to_owned(), phase: Phase::Acting, text };
    given.happen(Event::Told(slot().into(), report));
    given
}

/// The form of a fit filled in for SageMaker, and confirmed.
fn asked_for(given: &mut Given) -> Vec<Effect> {
    given.signed_in();
    given.came(Slot::Jobs, Outcome::Jobs(Vec::new()));
    // From the confirmation back to the last field, and two options on: hydrant itself, Spark here, SageMaker.
    given.press("5 f shift-tab right right enter")
}

/// What the driver says of it.
fn planned(given: &mut Given, asked: &[Effect]) {
    planned_but(given, asked, None);
}

/// The same, with what keeps it from being handed over.
fn planned_but(given: &mut Given, asked: &[Effect], hindrance: Option<&str>) {
    let job = started(asked).into_iter().find_map(|job| match job {
        AnyJob::Topics(Job::Plan(job)) => Some(job.clone()),
        _ => None,
    });
    let plan = [
        "63 files, 1.2 GB, at SageMaker: 2 × ml.m5.xlarge with 50 GB",
        "about $0.48 an hour, $0.07 by the time it takes; ended after 240 minutes, so $1.92 at most",
        "it takes about 9 min, hydrant itself about 3 min (measured 2026-11-26 on 2 cores)",
    ];
    let planned = Planned {
        job: job.expect("a plan is asked for"),
        key: key(Path::new("week-47")),
        plan: plan.map(str::to_owned).to_vec(),
        advice: Some(
            "hydrant itself does this in about 3 min and for nothing: choose hydrant as the engine"
                .to_owned(),
        ),
        hindrance: hindrance.map(str::to_owned),
    };
    given.came(Slot::Plan, Outcome::Planned(Box::new(planned)));
}

fn with_plan(width: u16, height: u16) -> Given {
    let mut given = Given::started(width, height);
    let asked = asked_for(&mut given);
    planned(&mut given, &asked);
    given
}

fn started(effects: &[Effect]) -> Vec<&AnyJob> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Start(job) = effect { Some(job) } else { None })
        .collect()
}

#[test]
fn jobs_that_run_already_are_gone_along_with_once() {
    let mut given = Given::started(120, 36);
    given.signed_in();
    given.came(Slot::Jobs, Outcome::Jobs(Vec::new()));
    let asked = given.press("5");
    assert!(started(&asked).iter().any(|job| matches!(job, AnyJob::Topics(Job::Jobs))));
    let found = given.came(Slot::Jobs, Outcome::Jobs([there(), there()].concat()));
    assert!(matches!(started(&found).as_slice(), [AnyJob::Topics(Job::Follow { id, .. })] if id == ID));
    let again = given.came(Slot::Jobs, Outcome::Jobs(there()));
    assert!(started(&again).is_empty(), "a second one in its slot would end it");
}

#[test]
fn a_read_only_console_leaves_jobs_alone() {
    let mut given = Given::with(120, 36, None, true);
    given.signed_in();
    assert!(started(&given.came(Slot::Jobs, Outcome::Jobs(there()))).is_empty());
}

#[test]
fn who_quits_is_told_that_the_job_goes_on_and_it_is_not_cancelled() {
    let mut given = with_job(120, 36);
    assert!(given.press("q").is_empty());
    assert!(given.shows("goes on where it runs"));
    let effects = given.press("enter");
    assert!(matches!(effects.as_slice(), [Effect::Quit]), "{effects:?}");
}

#[test]
fn a_job_is_cancelled_from_the_list_of_tasks() {
    let mut given = with_job(120, 36);
    given.press("t");
    assert!(given.shows("stage 4 of 6") && given.shows("at SageMaker"));
    let effects = given.press("enter");
    assert!(matches!(effects.as_slice(), [Effect::Cancel(cancelled)] if *cancelled == slot().into()));
}

#[test]
fn what_became_of_a_job_is_said_in_words() {
    let mut given = with_job(120, 36);
    let why = "the Spark job failed: AlgorithmError: See job logs for more information, exit code: 1";
    let trouble = Trouble { sentence: why.to_owned(), causes: Vec::new(), remedy: Remedy::Retry };
    given.failed(slot(), trouble);
    given.press("t");
    assert!(given.shows("AlgorithmError: See job logs"));
    let mut done = with_job(120, 36);
    let about = Description::from(&super::topics::model(2));
    let effects = done.came(slot(), Outcome::JobDone { folder: PathBuf::from("models/week-47"), about });
    assert!(started(&effects).iter().any(|job| matches!(job, AnyJob::Topics(Job::Models))), "it is listed");
    assert!(done.shows("models/week-47"));
}

#[test]
fn a_fit_on_spark_is_planned_first_then_handed_over_and_gone_along_with() {
    let mut given = Given::started(120, 36);
    let asked = asked_for(&mut given);
    let [AnyJob::Topics(Job::Plan(OnSpark { engine, work: SparkWork::Fit { wish, .. } }))] =
        started(&asked)[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!((*engine, &wish.from), (EngineName::Sagemaker, &From::Lake(Span::default())));
    planned(&mut given, &asked);
    for part in ["63 files, 1.2 GB, at SageMaker", "$1.92 at most", "hydrant itself does this in about 3 min"]
    {
        assert!(given.shows(part), "{part}");
    }
    let effects = given.press("enter");
    assert!(
        matches!(started(&effects)[..], [job @ AnyJob::Topics(Job::Submit { .. })] if job.slot() == slot().into()),
        "{effects:?}"
    );
    let text = "stage 2 of 6: reading".to_owned();
    given.happen(Event::Told(
        slot().into(),
        Report { kind: "spark", name: ID.to_owned(), phase: Phase::Acting, text },
    ));
    given.press("t");
    assert!(given.shows("at SageMaker") && given.shows("stage 2 of 6"), "it is a task like any other");
    assert!(given.shows("fitting"), "by the name that it was given");
}

#[test]
fn a_plan_that_is_left_hands_nothing_over() {
    let mut given = with_plan(120, 36);
    assert!(started(&given.press("esc")).is_empty());
    assert!(given.app.overlays.is_empty());
}

#[test]
fn a_read_only_console_shows_the_plan_and_hands_nothing_over() {
    let mut given = Given::with(120, 36, None, true);
    let asked = asked_for(&mut given);
    planned(&mut given, &asked);
    assert!(given.shows("63 files") && given.shows("read-only"));
    assert!(started(&given.press("enter")).is_empty());
}

#[test]
fn a_plan_that_cannot_be_handed_over_says_why_and_offers_nothing() {
    let mut given = Given::started(120, 36);
    let asked = asked_for(&mut given);
    let why = "there is no role hydrant-notebook-role for the Spark job: `hydrant notebook up` makes it, or name one with `spark_role`";
    planned_but(&mut given, &asked, Some(why));
    for part in ["63 files", "there is no role hydrant-notebook-role", "or name one with `spark_role`"] {
        assert!(given.shows(part), "{part}");
    }
    assert!(!given.shows("hand it over"));
    assert!(started(&given.press("enter")).is_empty());
}

#[test]
fn a_job_that_runs_already_is_not_begun_in_its_place() {
    let mut given = with_job(120, 36);
    let asked = given.press("5 f shift-tab right right enter");
    planned(&mut given, &asked);
    assert!(given.shows("such a job runs already"));
    assert!(started(&given.press("enter")).is_empty());
}

#[test]
fn hours_are_combined_on_spark_from_the_lakes_own_form() {
    let mut given = super::lake::with_lake(120, 36, 30);
    let asked = given.press("g c shift-tab right enter");
    let [AnyJob::Topics(Job::Plan(OnSpark { engine, work: SparkWork::Combine(span) }))] = started(&asked)[..]
    else {
        panic!("{asked:?}")
    };
    assert!(*engine == EngineName::Sagemaker && span.since.is_some(), "{span:?}");
    planned(&mut given, &asked);
    assert!(given.shows("combining hours at SageMaker"));
    let effects = given.press("enter");
    assert!(matches!(started(&effects)[..], [AnyJob::Topics(Job::Submit { .. })]), "{effects:?}");
    let ran = Ran {
        hours: 2,
        skipped: 0,
        rows: 6_100,
        malformed: 3,
        failures: Vec::new(),
        interrupted: false,
        combined: std::collections::BTreeMap::new(),
    };
    let listed = given.came(slot(), Outcome::JobCombined(ran));
    assert!(given.shows("2 hours combined: 6,100 posts"));
    assert!(started(&listed).iter().any(|job| matches!(job, AnyJob::Lake(_))), "the lake is looked at again");
}

#[test]
fn a_job_that_another_console_began_is_found_at_the_start() {
    let mut given = Given::started(120, 36);
    let effects = given.signed_in();
    assert!(started(&effects).iter().any(|job| matches!(job, AnyJob::Topics(Job::Jobs))));
    let found = given.came(Slot::Jobs, Outcome::Jobs(there()));
    assert!(matches!(started(&found)[..], [AnyJob::Topics(Job::Follow { .. })]));
}

#[test]
fn pictures_of_jobs() {
    take("jobs_form", |width, height| {
        let mut given = Given::started(width, height);
        given.signed_in();
        given.press("5 f shift-tab right right");
        given
    });
    take("jobs_plan", with_plan);
    let seen = |mut given: Given| {
        given.press("t");
        given
    };
    // Found again by a console that was opened later: by its id.
    take("jobs_found_again", |width, height| seen(with_job(width, height)));
    take("jobs_running", |width, height| {
        let mut given = with_plan(width, height);
        given.press("enter");
        let text = "stage 4 of 6: 19,886 words, 842,113 tokens, 20 topics, 85 iterations".to_owned();
        let report = Report { kind: "spark", name: ID.to_owned(), phase: Phase::Acting, text };
        given.happen(Event::Told(slot().into(), report));
        given.seconds_later(200);
        seen(given)
    });
    take("jobs_failed", |width, height| {
        let mut given = with_job(width, height);
        let why = "the Spark job failed: AlgorithmError: See job logs for more information, exit code: 1; its log says: 1 words count in 2 documents: nothing can be learned from that; its whole log is in the log group /aws/sagemaker/ProcessingJobs, streams hydrant-topics…";
        let trouble = Trouble { sentence: why.to_owned(), causes: Vec::new(), remedy: Remedy::Retry };
        given.failed(slot(), trouble);
        seen(given)
    });
    take("jobs_done", |width, height| {
        let mut given = with_job(width, height);
        let about = Description::from(&super::topics::model(2));
        given.came(slot(), Outcome::JobDone { folder: PathBuf::from("models/week-47"), about });
        seen(given)
    });
}
