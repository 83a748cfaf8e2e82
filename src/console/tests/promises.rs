use super::given::{
    Given, lines, look, plan, plan_down, plan_down_with_data, started, starts, surveyed, surveyed_part,
    trouble,
};
use crate::console::action::{Action, Keymap};
use crate::console::app::{Missing, Session, Target};
use crate::console::effect::stack::{Job, Outcome, Proof, Ran, Shown, Slot};
use crate::console::effect::{Effect, Job as AnyJob, Remedy, Slot as AnySlot, Trouble, stream, topics};
use crate::console::event::{Event, Mouse, Size};
use crate::console::pane::Pane;
use crate::console::tasks::State;
use crate::console::theme::{Depth, Role, Signs};
use crate::host::service::Waits;
use crate::progress::{Phase, Report};
use crate::stack::StreamHere;
use crate::stack::graph::{Kind, Part};
use crate::stack::plan::{Difference, Mend, Next};
use crate::stack::status::StackState;

fn report(text: &str) -> Report {
    Report { kind: "bucket", name: "b".to_owned(), phase: Phase::Acting, text: text.to_owned() }
}

#[test]
fn it_signs_in_first_and_reads_the_stack_then() {
    let mut given = Given::started(100, 30);
    assert!(given.app.desk.tasks.runs(AnySlot::Connect));
    let effects = given.signed_in();
    let next =
        [Slot::Survey.into(), stream::Slot::Watch(stream::On::Local).into(), topics::Slot::Jobs.into()];
    assert_eq!(started(&effects), next);
}

#[test]
fn nothing_is_asked_of_anybody_before_there_is_something_to_sign_in_with() {
    let missing = Missing {
        checks: vec![("a profile".to_owned(), false)],
        settings_file: "/home/me/hydrant.toml".into(),
    };
    let mut given = Given::with(100, 30, Some(missing), false);
    assert_eq!(given.app.desk.tasks.all(), []);
    assert!(given.shows("Welcome"));
    assert!(matches!(given.press("enter")[..], [Effect::Start(AnyJob::WriteSettings(_))]));
    // The panes behind it are not seen, and so none of their keys does anything.
    assert!(given.press("3 s 5 f 2 c").is_empty());
    assert!(given.app.overlays.is_empty());
    assert!(matches!(given.press("r")[..], [Effect::Start(AnyJob::Connect)]), "an instance's role, say");
}

#[test]
fn a_question_that_comes_up_while_something_else_is_done_takes_no_enter_that_was_meant_for_that() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    assert!(given.shows("planning what to do"));
    given.press("enter");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    assert!(given.press("enter").is_empty() && given.shows("This will be done"));
    assert!(given.shows("it came up while you did something else"));
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { .. })));
}

#[test]
fn no_other_key_makes_an_enter_meant_for_something_else_count_but_a_pause_does() {
    let asked = || {
        let mut given = Given::with_stack(100, 30, StackState::Absent);
        given.press("2 c j j");
        given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
        given
    };
    let mut given = asked();
    given.happen(Event::Mouse(Mouse::Wheel { x: 40, y: 12, by: 3 }));
    given.happen(Event::Mouse(Mouse::Click { x: 40, y: 12 }));
    assert!(given.press("j enter").is_empty() && given.shows("confirm it once more"));
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { .. })));
    let mut given = asked();
    given.press("j");
    given.seconds_later(1);
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { .. })), "it was seen by then");
    // A name that is typed is no stray key.
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D j");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    given.type_text("space-tweets");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Down { .. })));
}

#[test]
fn a_proof_is_not_closed_by_a_key_that_was_meant_for_something_else() {
    for key in ["enter", "esc", "q"] {
        let mut given = Given::with_stack(100, 30, StackState::Ready);
        given.press("2 D");
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        given.type_text("space-tweets");
        given.press("enter j");
        let after = Some(surveyed(StackState::Absent));
        let ran = Ran { after, failures: Vec::new(), interrupted: false, proof: Some(Proof::Gone) };
        given.came(Slot::Run, Outcome::Ran(ran));
        assert!(given.press(key).is_empty() && given.shows("Nothing is left"), "{key}");
        assert!(given.shows("close it once more"));
        given.press(key);
        assert!(given.app.overlays.is_empty(), "{key}");
    }
}

#[test]
fn where_there_is_no_room_to_draw_no_key_does_anything_but_leave() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.happen(Event::Resized(Size { width: 79, height: 23 }));
    assert!(given.press("2 c enter").is_empty() && given.app.desk.tasks.work().count() == 0);
    assert!(matches!(given.press("ctrl-z")[..], [Effect::Suspend]));
    assert!(matches!(given.press("q")[..], [Effect::Quit]));
}

#[test]
fn the_list_of_tasks_points_at_a_task_and_not_at_a_row() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter 1 t");
    assert!(given.shows("creating the stack"));
    // Whatever begins meanwhile stands above it.
    let watch = stream::Slot::Watch(stream::On::Local);
    given.came(watch, stream::Outcome::Status(stream::On::Local, Box::default()));
    given.seconds_later(2);
    assert_ne!(given.app.desk.tasks.all()[0].slot, Slot::Run.into());
    let run = AnySlot::from(Slot::Run);
    assert!(matches!(given.press("enter")[..], [Effect::Cancel(slot)] if slot == run));
}

#[test]
fn what_fails_again_and_again_is_one_error_and_pushes_no_other_out() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.failed(Slot::Run, Trouble { sentence: "the teardown failed".to_owned(), ..trouble(Remedy::Retry) });
    for _ in 0..30 {
        given.failed(Slot::Survey, trouble(Remedy::Retry));
    }
    let known: Vec<&str> = given.app.desk.problems.iter().map(|problem| problem.sentence.as_str()).collect();
    assert!(matches!(known[..], ["the teardown failed", _]), "{known:?}");
}

#[test]
fn creating_shows_its_plan_before_it_does_anything() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2");
    assert!(starts(&given.press("c"), |job| matches!(job, Job::PlanUp(Part::Pipeline))));
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    assert!(given.shows("This will be done"));
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { drain: false, .. })));
    assert!(given.app.overlays.is_empty());
}

#[test]
fn a_run_is_known_for_as_long_as_it_goes_on_however_often_the_stream_is_looked_for() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter 1");
    let watch = stream::Slot::Watch(stream::On::Local);
    for _ in 0..100 {
        let stopped = stream::Outcome::Status(stream::On::Local, Box::default());
        given.came(watch, stopped);
        assert!(started(&given.seconds_later(2)).contains(&watch.into()));
    }
    assert!(given.app.hindrance(Action::Create).is_some(), "a second run would end the first");
    given.press("t");
    assert!(given.shows("creating the stack"));
    assert!(given.press("esc q").is_empty(), "who quits is asked");
}

#[test]
fn a_plan_that_would_do_more_by_now_is_shown_anew_and_asked_again() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter");
    given.came(Slot::Run, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::Anew });
    assert!(given.shows("Nothing was done: what is there changed since the plan was shown."));
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { .. })));
}

#[test]
fn a_plan_that_is_declined_does_nothing() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    assert!(given.press("esc").is_empty());
    assert!(given.app.overlays.is_empty());
}

#[test]
fn a_teardown_starts_only_when_the_stacks_name_is_typed() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2");
    assert!(starts(&given.press("D"), |job| matches!(
        job,
        Job::PlanDown { part: Part::Pipeline, delete_data: false, .. }
    )));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(given.shows("it holds 3,702 objects"));
    assert!(given.press("enter").is_empty());
    given.type_text("space-tweet");
    assert!(given.press("enter").is_empty());
    given.type_text("s");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Down { delete_data: false, .. })));
}

#[test]
fn deleting_the_data_too_makes_the_plan_anew_and_asks_again() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    given.type_text("space-tweets");
    assert!(starts(&given.press("tab space"), |job| matches!(
        job,
        Job::PlanDown { part: Part::Pipeline, delete_data: true, .. }
    )));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down_with_data(), delete_data: true, shown: Shown::First },
    );
    assert_eq!(given.app.overlays.len(), 1);
    // The data that goes is named, and the warning of it is whole in the smallest terminal too.
    given.happen(Event::Resized(Size { width: 80, height: 24 }));
    assert!(given.shows("and with it 3,702 object versions, 1.2 GB"));
    assert!(given.shows("neither can the data in") && given.shows(" bucket. "));
    // What was typed for the other plan does not count for this one.
    assert!(given.press("enter").is_empty());
}

#[test]
fn the_stack_whose_teardown_is_shown_is_the_one_that_is_planned_anew() {
    let anew = |given: &mut Given| {
        starts(&given.press("tab space"), |job| {
            matches!(job, Job::PlanDown { part: Part::Pipeline, delete_data: true, .. })
        })
    };
    let shown = |shown| Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown };
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    // The other stack is looked at before the plan is there.
    given.press("2 D b");
    given.came(Slot::Plan, shown(Shown::First));
    assert!(anew(&mut given));
    // And switched once more, while that is under way.
    assert!(starts(&given.press("space"), |job| matches!(job, Job::PlanDown { part: Part::Pipeline, .. })));
    // The same of a plan that takes the place of one that was to be carried out.
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D");
    given.came(Slot::Plan, shown(Shown::First));
    given.type_text("space-tweets");
    given.press("enter b");
    given.came(Slot::Run, shown(Shown::Anew));
    assert!(anew(&mut given));
}

#[test]
fn what_waits_on_the_host_is_named_before_a_teardown_and_delivered_first_unless_it_is_not_wanted() {
    let confirmed = |given: &mut Given, wanted: bool| {
        given.type_text("space-tweets");
        let effects = given.press("enter");
        assert!(
            starts(&effects, |job| matches!(job, Job::Down { drain, .. } if *drain == wanted)),
            "{effects:?}"
        );
    };
    let asked = || {
        let mut given = Given::with_stack(100, 40, StackState::Ready);
        given.press("2");
        assert!(starts(&given.press("D"), |job| matches!(job, Job::PlanDown { ask_host: true, .. })));
        given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Posts(3702)).into())));
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        assert!(given.shows("3,702 posts wait on the host and would go with it"));
        given
    };
    confirmed(&mut asked(), true);
    let mut given = asked();
    given.press("tab tab space tab");
    confirmed(&mut given, false);
    // The host is asked once, and what was answered holds for the plan that is made anew.
    let mut given = asked();
    let anew = given.press("tab space");
    assert!(starts(&anew, |job| matches!(job, Job::PlanDown { delete_data: true, ask_host: false, .. })));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan(&Next::Delete), delete_data: true, shown: Shown::First },
    );
    assert!(given.shows("3,702 posts wait on the host and would go with it"));
    confirmed(&mut given, true);
    // The next teardown asks anew, and what does not wait is not spoken of.
    given.press("2 D");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(!given.shows("wait on the host"));
}

#[test]
fn what_the_delivery_stream_has_not_written_is_waited_for_unless_it_is_not_wanted_or_the_data_goes_too() {
    let shown = |delete_data| {
        let mut plan = plan_down();
        for step in plan.steps.iter_mut().filter(|step| step.kind == Kind::DeliveryStream) {
            step.found = step.found.take().map(|found| found.with("buffer seconds", "60".to_owned()));
        }
        let mut given = Given::with_stack(100, 40, StackState::Ready);
        given.press("2 D");
        given.came(Slot::Plan, Outcome::PlannedDown { plan, delete_data, shown: Shown::First });
        assert!(given.shows("what it took in the last 60 s and has not written yet"));
        given
    };
    let confirmed = |given: &mut Given, wanted: bool| {
        given.type_text("space-tweets");
        let effects = given.press("enter");
        assert!(starts(&effects, |job| matches!(job, Job::Down { drain, .. } if *drain == wanted)));
    };
    let mut given = shown(false);
    assert!(given.shows("[x] wait 60 s first: the delivery stream writes what it took"));
    confirmed(&mut given, true);
    let mut given = shown(false);
    given.press("tab tab space tab");
    confirmed(&mut given, false);
    let mut given = shown(true);
    assert!(!given.shows("s first"));
    confirmed(&mut given, false);
}

#[test]
fn a_stream_that_runs_into_what_goes_is_named_and_stopped_first_unless_it_is_not_wanted() {
    let asked = |here: StreamHere, delete_data| {
        let mut given = Given::with_stack(100, 40, StackState::Ready);
        given.press("2 D");
        given.happen(Event::Came(Box::new(Outcome::StreamHere(here).into())));
        given.came(Slot::Plan, Outcome::PlannedDown { plan: plan_down(), delete_data, shown: Shown::First });
        given
    };
    let confirmed = |given: &mut Given, wanted: bool| {
        given.type_text("space-tweets");
        let effects = given.press("enter");
        assert!(starts(&effects, |job| matches!(job, Job::Down { drain, .. } if *drain == wanted)));
    };
    for delete_data in [false, true] {
        let mut given = asked(StreamHere::Runs(3), delete_data);
        assert!(given.shows("this machine's stream runs into what goes (3 posts wait here)"));
        assert!(given.shows("[x] stop this machine's stream first, once it has delivered"));
        confirmed(&mut given, true);
    }
    let mut given = asked(StreamHere::Runs(3), false);
    given.press("tab tab space tab");
    confirmed(&mut given, false);
    // What no stream reads stays on this machine's disk: there is nothing to choose.
    let mut given = asked(StreamHere::Waits(3), false);
    assert!(given.shows("3 posts wait on this machine for the delivery stream") && !given.shows("[x]"));
    confirmed(&mut given, false);
}

#[test]
fn a_host_that_could_not_be_asked_is_said_and_goes_only_once_it_has_delivered() {
    let why = "the host at 127.0.0.1:22 does not answer: refused".to_owned();
    let mut given = Given::with_stack(100, 40, StackState::Ready);
    given.press("2 D");
    given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Unknown(why)).into())));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(given.shows("The host could not be asked what waits there"));
    assert!(given.shows("[x] deliver first what waits on the host, or do nothing"));
    given.type_text("space-tweets");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Down { drain: true, .. })));
    // What is known not to wait is not spoken of.
    given.press("2 D");
    given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Nothing).into())));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(!given.shows("on the host"));
}

#[test]
fn creating_what_takes_something_away_goes_on_only_when_the_stacks_name_is_typed() {
    let asked = |next: &Next| {
        let mut given = Given::with_stack(100, 40, StackState::Drifted);
        given.press("2 c");
        given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Posts(3702)).into())));
        let mut plan = plan(&Next::Rest);
        plan.steps
            .iter_mut()
            .filter(|step| step.kind == Kind::Instance)
            .for_each(|step| step.next = next.clone());
        given.came(Slot::Plan, Outcome::PlannedUp { plan, shown: Shown::First });
        assert!(given.shows("is gone, and all that is on it"));
        assert!(given.press("enter").is_empty(), "enter alone destroys nothing");
        given
    };
    let difference = |mend| Difference {
        property: "type",
        wanted: "t3.small".to_owned(),
        there: Some("t3.micro".to_owned()),
        mend,
    };
    for next in [Next::Delete, Next::Replace(vec![difference(Mend::Replace)])] {
        let mut given = asked(&next);
        assert!(given.shows("3,702 posts wait on the host and would go with it"));
        given.type_text("space-tweets");
        assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { drain: true, .. })));
        let mut given = asked(&next);
        given.press("tab space tab");
        given.type_text("space-tweets");
        assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { drain: false, .. })));
    }
    // Where another than the host goes, what waits on the host is of no matter.
    let mut given = asked(&Next::Change(vec![difference(Mend::Terminate)]));
    assert!(!given.shows("3,702 posts"));
    given.type_text("space-tweets");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Up { drain: false, .. })));
}

#[test]
fn what_is_typed_is_no_key() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(given.press("q").is_empty());
    assert_eq!(given.app.overlays.len(), 1);
    given.press("1");
    assert_eq!(given.app.desk.pane, Pane::Stack);
    assert!(matches!(given.press("ctrl-c")[..], [Effect::Quit]));
}

#[test]
fn read_only_means_that_nothing_can_be_changed_and_says_so() {
    let mut given = Given::with(100, 30, None, true);
    given.signed_in();
    given.came(Slot::Survey, Outcome::Surveyed(surveyed(StackState::Ready)));
    assert!(given.press("2 D").is_empty());
    assert!(given.shows("read-only"));
    assert!(given.press("c").is_empty());
}

#[test]
fn a_run_is_told_line_by_line_and_ends_on_its_proof() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    given.type_text("space-tweets");
    given.press("enter");
    given.happen(Event::Told(Slot::Run.into(), report("emptying it")));
    assert!(given.shows("emptying it"));
    // Nothing else can be begun meanwhile, and it says so.
    assert!(given.press("c").is_empty());
    assert!(given.shows("a run is under way"));
    let ran = Ran {
        after: Some(surveyed(StackState::Absent)),
        failures: Vec::new(),
        interrupted: false,
        proof: Some(Proof::Gone),
    };
    given.came(Slot::Run, Outcome::Ran(ran));
    assert!(given.shows("Nothing is left"));
    given.seconds_later(1);
    given.press("esc");
    assert!(given.app.overlays.is_empty() && given.shows("nothing of the stack is there"));
}

#[test]
fn quitting_in_a_run_asks_and_says_what_happens_to_it() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter");
    assert!(given.press("q").is_empty());
    assert!(given.shows("stops at a safe point"));
    given.press("esc");
    given.press("q");
    assert!(matches!(given.press("enter")[..], [Effect::Quit]));
}

#[test]
fn the_operator_stays_on_the_resource_when_the_stack_is_read_again() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 j j s s o");
    let before = given.app.panes.stack.chosen().map(|resource| resource.kind);
    let mut again = surveyed(StackState::Drifted);
    again.status.resources.reverse();
    given.came(Slot::Survey, Outcome::Surveyed(again));
    assert_eq!(given.app.panes.stack.chosen().map(|resource| resource.kind), before);
}

#[test]
fn age_and_cost_are_seen_beside_the_details_too() {
    for width in [150, 160, 200] {
        let mut given = Given::with_stack(width, 45, StackState::Ready);
        given.press("2");
        let screen = lines(&given.screen());
        let heads = screen.iter().find(|line| line.contains("resource")).expect("the table is drawn");
        assert!(heads.contains("age") && heads.contains("cost"), "at {width}: {heads}");
    }
}

#[test]
fn the_stack_is_read_again_by_itself_less_often_unseen_and_never_in_a_run() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2");
    assert!(given.seconds_later(29).is_empty());
    assert_eq!(started(&given.seconds_later(1)), [Slot::Survey.into()]);
    given.came(Slot::Survey, Outcome::Surveyed(surveyed(StackState::Absent)));
    given.happen(Event::Focus(false));
    assert!(given.seconds_later(100).is_empty());
    assert_eq!(started(&given.seconds_later(200)), [Slot::Survey.into()]);
    given.came(Slot::Survey, Outcome::Surveyed(surveyed(StackState::Absent)));
    given.happen(Event::Focus(true));
    given.press("c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter");
    assert!(given.seconds_later(600).is_empty());
}

#[test]
fn nothing_wakes_an_idle_console_but_its_clock() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("6");
    given.came(super::super::effect::logs::Slot::Groups, super::logs::groups());
    let wake = given.app.next_wake().expect("the clock");
    assert_eq!(wake.as_second() % 60, 0);
}

#[test]
fn a_failed_sign_in_is_a_screen_with_the_remedy_and_can_be_tried_again() {
    let mut given = Given::started(100, 30);
    given.failed(AnySlot::Connect, trouble(Remedy::SignIn));
    given.press("2");
    assert!(given.shows("tries again"));
    assert_eq!(started(&given.press("r")), [AnySlot::Connect]);
    assert_eq!(given.app.desk.session, Session::Connecting);
}

#[test]
fn credentials_that_run_out_are_a_screen_and_what_was_read_stays() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 r");
    given.failed(Slot::Survey, trouble(Remedy::SignIn));
    assert!(given.shows("not signed in"));
    assert!(given.shows("could not be read again"));
}

#[test]
fn an_error_stays_until_it_is_read_and_opens_whole() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 r");
    given.failed(Slot::Survey, trouble(Remedy::Retry));
    given.seconds_later(20);
    assert!(given.shows("▲ 1"));
    given.press("e");
    assert!(given.shows("because: tcp connect error"));
    given.press("esc");
    assert!(!given.shows("▲ 1"));
}

#[test]
fn esc_cancels_what_loads_and_never_quits() {
    let mut given = Given::started(100, 30);
    assert!(matches!(given.press("esc")[..], [Effect::Cancel(AnySlot::Connect)]));
    given.failed(AnySlot::Connect, trouble(Remedy::Cancelled));
    assert!(given.app.desk.problems.is_empty());
    for _ in 0..5 {
        assert!(!given.press("esc").iter().any(|effect| matches!(effect, Effect::Quit)));
    }
}

#[test]
fn the_palette_finds_an_action_and_goes_where_it_is_done() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press(":");
    given.type_text("tear down");
    assert!(given.press("enter").is_empty());
    assert_eq!(given.app.desk.pane, Pane::Stack);
    given.press(":");
    given.type_text("tear down");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::PlanDown { .. })));
}

#[test]
fn tabs_and_rows_are_chosen_by_the_mouse() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.happen(Event::Mouse(Mouse::Click { x: 10, y: 1 }));
    assert_eq!(given.app.desk.pane, Pane::Stack);
    given.happen(Event::Mouse(Mouse::Click { x: 20, y: 9 }));
    assert_eq!(given.app.panes.stack.table.chosen, 3);
    given.happen(Event::Mouse(Mouse::Wheel { x: 20, y: 9, by: -2 }));
    assert_eq!(given.app.panes.stack.table.chosen, 1);
    given.happen(Event::Mouse(Mouse::Click { x: 20, y: 5 }));
    assert_eq!(given.app.panes.stack.table.sort, Some((1, false)));
    given.happen(Event::Mouse(Mouse::Click { x: 20, y: 5 }));
    assert_eq!(given.app.panes.stack.table.sort, Some((1, true)));
}

#[test]
fn copying_gives_the_address_of_what_is_chosen() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2");
    let effects = given.press("y");
    assert!(matches!(&effects[..], [Effect::Copy(text)] if text.starts_with("arn:aws:")), "{effects:?}");
}

#[test]
fn what_failed_for_want_of_credentials_goes_on_after_signing_in_again() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.failed(Slot::Plan, trouble(Remedy::SignIn));
    assert_eq!(started(&given.press("r")), [AnySlot::Connect]);
    let effects = given.signed_in();
    assert!(starts(&effects, |job| matches!(job, Job::PlanUp(Part::Pipeline))), "{effects:?}");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    // A run is not begun again by itself: it was cut off, and its plan may be another by now.
    given.press("enter");
    given.failed(Slot::Run, trouble(Remedy::SignIn));
    given.press("r");
    assert!(!starts(&given.signed_in(), |job| matches!(job, Job::Up { .. })));
}

#[test]
fn a_filter_takes_every_key_and_hides_what_does_not_hold_it() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 /");
    given.type_text("roleq");
    assert!(given.shows("0 of 10"));
    given.press("backspace enter");
    assert!(given.shows("2 of 10") && given.shows("firehose-role") && !given.shows("log-stream-of"));
    given.press("j");
    assert_eq!(given.app.panes.stack.chosen().map(|chosen| chosen.kind.name()), Some("instance-role"));
    given.press("esc");
    assert!(given.shows("log-stream-of"));
}

#[test]
fn the_chosen_resource_opens_whole_and_its_text_is_searched() {
    let mut given = Given::with_stack(100, 30, StackState::Drifted);
    given.press("2 enter");
    assert!(given.shows("should be blocked"));
    given.press("/");
    given.type_text("encr");
    given.press("enter");
    let first = lines(&given.screen()).iter().position(|line| line.contains("encryption: AES256"));
    given.press("esc esc");
    assert!(given.app.overlays.is_empty() && first.is_some());
}

#[test]
fn a_station_is_chosen_by_arrows_or_a_click_and_opens_its_pane() {
    let mut given = Given::with_stack(120, 30, StackState::Ready);
    given.press("l l enter");
    assert_eq!(given.app.desk.pane, Pane::Stack);
    given.press("1");
    given.happen(Event::Mouse(Mouse::Click { x: 100, y: 6 }));
    assert_eq!(given.app.panes.flow.chosen, 5);
    given.happen(Event::Mouse(Mouse::Click { x: 100, y: 6 }));
    assert_eq!(given.app.desk.pane, Pane::Topics);
}

#[test]
fn habits_that_mean_nothing_here_say_so() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    assert!(given.press("s").is_empty());
    assert!(given.shows("nothing to sort here"));
}

#[test]
fn production_is_named_in_the_colour_of_danger() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.app.desk.target = Target { words: "aws".to_owned(), real: true };
    let screen = given.screen();
    let x = lines(&screen)[0].find(" aws").expect("the target is named");
    let x = lines(&screen)[0][..x].chars().count() + 1;
    let cell = &screen[(u16::try_from(x).expect("small"), 0)];
    let bad = given.app.desk.look.theme.style(Role::Bad);
    assert_eq!(cell.style().fg, bad.fg);
}

#[test]
fn resizing_keeps_the_choice() {
    let mut given = Given::with_stack(120, 40, StackState::Ready);
    given.press("2 j j j j");
    let chosen = given.app.panes.stack.chosen().map(|resource| resource.kind);
    for (width, height) in [(80, 24), (10, 3), (250, 80), (80, 24)] {
        given.happen(Event::Resized(Size { width, height }));
        given.screen();
    }
    assert_eq!(given.app.panes.stack.chosen().map(|resource| resource.kind), chosen);
}

#[test]
fn where_unicode_cannot_be_drawn_nothing_but_ascii_is() {
    for state in [StackState::Absent, StackState::Partial, StackState::Drifted] {
        let mut given = Given::with_stack(100, 30, state);
        given.app.desk.look = look(Depth::None, &Signs::ASCII);
        for keys in ["1", "2", "enter", "esc", "?", "esc", ":", "esc", "t", "esc", "r", "3"] {
            given.press(keys);
            let screen = given.screen();
            assert!(
                screen.content.iter().all(|cell| cell.symbol().is_ascii()),
                "{keys}: {:#?}",
                lines(&screen)
            );
        }
        given.press("2 c");
        given.came(
            Slot::Plan,
            Outcome::PlannedUp { plan: plan(&Next::Wait("being created")), shown: Shown::First },
        );
        assert!(given.screen().content.iter().all(|cell| cell.symbol().is_ascii()));
    }
}

#[test]
fn a_run_says_how_much_of_it_is_done() {
    let mut given = Given::with_stack(100, 30, StackState::Absent);
    given.press("2 c");
    given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
    given.press("enter");
    assert!(given.shows("0 of 10"));
    let done = Report { phase: Phase::Done, ..report("created") };
    given.happen(Event::Told(Slot::Run.into(), done));
    assert!(given.shows("1 of 10"));
}

#[test]
fn a_call_that_is_throttled_says_so_and_when_it_is_tried_again() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 r");
    let text = "AWS asks to slow down (ListRoles); trying again within 2 s".to_owned();
    let said = Report { kind: "aws", name: "IAM".to_owned(), phase: Phase::Waiting, text };
    given.happen(Event::Told(Slot::Survey.into(), said));
    assert!(given.shows("trying again within 2 s"));
    given.seconds_later(10);
    assert!(!given.shows("trying again within 2 s"));
}

#[test]
fn what_cannot_be_read_again_is_shown_with_its_age_and_not_as_good() {
    let mut given = Given::with_stack(120, 30, StackState::Ready);
    given.press("2");
    given.seconds_later(120);
    assert!(given.shows("● everything is as it should be") && given.shows("reading…"));
    given.seconds_later(42);
    assert!(given.shows("as of 2 min ago; reading, 42 s"));
    assert!(given.shows("everything is as it should be") && !given.shows("● everything"));
    given.failed(Slot::Survey, trouble(Remedy::Retry));
    assert!(started(&given.seconds_later(30)).contains(&Slot::Survey.into()));
    assert!(given.shows("could not be read again; as of 3 min ago") && !given.shows("● everything"));
    given.came(Slot::Survey, Outcome::Surveyed(surveyed(StackState::Ready)));
    assert!(given.shows("● everything is as it should be") && given.shows("read now"));
}

#[test]
fn the_notebook_is_a_second_stack_in_the_same_pane() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2");
    assert!(given.shows("bucket") && !given.shows("mydemo"));
    // There is no way into it from the pipeline's stack.
    assert!(given.press("i").is_empty());
    let asked = given.press("b");
    assert!(starts(&asked, |job| matches!(job, Job::Survey(Part::Notebook))), "{asked:?}");
    given.came(Slot::Survey, Outcome::Surveyed(surveyed_part(Part::Notebook, StackState::Ready)));
    assert!(given.shows("the notebook is as it should be") && !given.shows("delivery-stream"));
    assert!(starts(&given.press("c"), |job| matches!(job, Job::PlanUp(Part::Notebook))));
    assert!(starts(&given.press("D"), |job| matches!(job, Job::PlanDown { part: Part::Notebook, .. })));
    // What comes of the other one meanwhile is kept for it, and shown there.
    given.came(Slot::Survey, Outcome::Surveyed(surveyed(StackState::Drifted)));
    assert!(given.shows("the notebook is as it should be"));
    given.press("b");
    assert!(given.shows("something is not as hydrant left it"));
}

#[test]
fn a_link_into_the_notebook_is_copied_and_never_shown() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 b");
    given.came(Slot::Survey, Outcome::Surveyed(surveyed_part(Part::Notebook, StackState::Ready)));
    assert!(starts(&given.press("i"), |job| matches!(job, Job::Link)));
    let link = "https://notebook.example/?authToken=hunter2".to_owned();
    let effects = given.came(Slot::Plan, Outcome::Link(link.into()));
    assert!(matches!(effects.as_slice(), [Effect::CopySecret(_)]), "{effects:?}");
    assert!(!format!("{effects:?}").contains("hunter2") && !given.shows("hunter2"));
    assert!(given.shows("copied the link into the notebook"));
}

#[test]
fn the_wheel_over_a_question_moves_its_text_and_nothing_else() {
    let mut given = Given::with_stack(80, 24, StackState::Ready);
    given.press("2 D");
    given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Posts(3702)).into())));
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    let wheel = |given: &mut Given, by| given.happen(Event::Mouse(Mouse::Wheel { x: 40, y: 12, by }));
    assert!(given.shows("page-down") && given.shows("What is deleted"));
    wheel(&mut given, 30);
    assert!(!given.shows("page-down") && !given.shows("What is deleted"), "the end is seen");
    // The name still goes where it went, and enter goes on by it.
    given.type_text("space-tweets");
    assert!(starts(&given.press("enter"), |job| matches!(job, Job::Down { delete_data: false, .. })));
}

#[test]
fn the_wheel_and_the_arrows_move_what_lies_on_top_whatever_down_is_bound_to() {
    let mut given = Given::with_stack(80, 24, StackState::Ready);
    given.app.desk.keymap = Keymap::new([("down", vec!["j"]), ("up", vec!["k"])]).expect("good keys");
    let wheel = |given: &mut Given| given.happen(Event::Mouse(Mouse::Wheel { x: 40, y: 12, by: 3 }));
    given.press("?");
    let before = given.screen();
    wheel(&mut given);
    assert_ne!(given.screen(), before, "the keys page");
    given.press("esc :");
    let before = given.screen();
    wheel(&mut given);
    let after = given.screen();
    assert_ne!(after, before, "the palette");
    given.press("up up up");
    assert_eq!(given.screen(), before);
    given.press("down down down");
    assert_eq!(given.screen(), after);
}

#[test]
fn a_run_in_which_something_failed_or_that_was_stopped_is_not_done_and_its_error_stays_until_it_is_read() {
    let ran = |failures: &[&str], interrupted| {
        let mut given = Given::with_stack(100, 30, StackState::Absent);
        given.press("2 c");
        given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
        given.press("enter");
        let failures = failures.iter().map(|failure| (*failure).to_owned()).collect();
        given.came(Slot::Run, Outcome::Ran(Ran { after: None, failures, interrupted, proof: None }));
        given.press("esc t");
        given
    };
    let state = |given: &Given| {
        let run = given.app.desk.tasks.all().iter().find(|task| task.slot == Slot::Run.into());
        run.expect("it is listed").state.clone()
    };
    let mut given = ran(&["instance: not allowed", "key-pair: there is one already"], false);
    assert!(given.shows("failed <1 s") && given.shows("▲ 2"));
    assert_eq!(
        state(&given),
        State::Failed("instance: not allowed; key-pair: there is one already".to_owned())
    );
    given.press("esc e");
    assert!(given.shows("key-pair: there is one already"));
    given.press("esc e");
    assert!(given.shows("instance: not allowed"));
    given.press("esc");
    assert!(!given.shows("▲"));
    let given = ran(&[], true);
    assert!(state(&given) == State::Cancelled && !given.shows("▲"));
    assert_eq!(state(&ran(&[], false)), State::Done);
}

#[test]
fn the_console_goes_to_the_shell_from_anywhere() {
    for keys in ["2", "2 /", ":", "?", "t"] {
        let mut given = Given::with_stack(100, 30, StackState::Ready);
        given.press(keys);
        let before = given.screen();
        assert!(matches!(given.press("ctrl-z")[..], [Effect::Suspend]), "{keys}");
        assert_eq!(given.screen(), before, "it comes back to what it was: {keys}");
    }
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 D");
    given.came(
        Slot::Plan,
        Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
    );
    assert!(matches!(given.press("ctrl-z")[..], [Effect::Suspend]));
}

#[test]
fn the_palette_finds_an_action_by_its_key() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press(":");
    given.type_text("ctrl-z");
    assert!(matches!(given.press("enter")[..], [Effect::Suspend]));
}

/// Clicks on the row of the screen that shows a text.
fn click_on(given: &mut Given, text: &str) -> Vec<Effect> {
    let rows = lines(&given.screen());
    let y = rows.iter().position(|row| row.contains(text)).expect("it is shown");
    given.happen(Event::Mouse(Mouse::Click { x: 30, y: u16::try_from(y).expect("small") }))
}

#[test]
fn a_click_in_the_palette_chooses_and_one_on_what_is_chosen_does_it() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press(":");
    given.type_text("pane.");
    click_on(&mut given, "pane.lake");
    assert_eq!((given.app.desk.pane, given.app.overlays.len()), (Pane::Flow, 1));
    click_on(&mut given, "pane.lake");
    assert_eq!((given.app.desk.pane, given.app.overlays.len()), (Pane::Lake, 0));
    // Beside its rows a click does nothing.
    given.press(":");
    given.happen(Event::Mouse(Mouse::Click { x: 0, y: 0 }));
    click_on(&mut given, "Command");
    assert_eq!(given.app.overlays.len(), 1);
}

#[test]
fn a_click_in_the_list_of_tasks_points_at_one_and_cancels_none() {
    let mut given = Given::with_stack(100, 30, StackState::Ready);
    given.press("2 r c t");
    assert!(given.shows("planning what to create"));
    for _ in 0..2 {
        assert!(click_on(&mut given, "reading the stack").is_empty());
    }
    let survey = AnySlot::from(Slot::Survey);
    assert!(matches!(given.press("enter")[..], [Effect::Cancel(slot)] if slot == survey));
}

#[test]
fn the_help_of_every_key_is_seen_whole_in_the_smallest_terminal() {
    let mut given = Given::with_stack(80, 24, StackState::Ready);
    for pane in ["1", "2", "3", "4", "5", "6", "7"] {
        given.press(pane);
        given.press("?");
        for _ in 0..10 {
            assert!(!lines(&given.screen()).iter().any(|line| line.contains("…  │")), "pane {pane}");
            given.press("page-down");
        }
        given.press("esc");
    }
}

#[test]
fn a_failed_pane_names_the_key_of_its_causes_until_they_were_read() {
    let mut given = Given::started(100, 30);
    given.failed(AnySlot::Connect, trouble(Remedy::SignIn));
    given.press("2");
    assert!(given.shows("e shows the causes"));
    given.press("e esc");
    assert!(given.shows("r tries again") && !given.shows("shows the causes"));
}
