//! Jobs on Spark in the console: what it promises of them.

use std::path::{Path, PathBuf};

use super::given::Given;
use crate::console::effect::topics::{Job, Outcome, Slot, key};
use crate::console::effect::{Effect, Job as AnyJob, Remedy, Trouble};
use crate::console::event::Event;
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
