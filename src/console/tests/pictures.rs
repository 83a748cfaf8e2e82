//! Pictures of every state at three sizes, and of some without colours and in ASCII. A picture holds the text and,
//! under it, where each style is: a change of either is seen.

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::given::{
    Given, lines, look, plan, plan_down, plan_down_with_data, surveyed, surveyed_part, trouble,
};
use crate::console::app::Missing;
use crate::console::effect::stack::{Outcome, Proof, Ran, Shown, Slot};
use crate::console::effect::{Remedy, Slot as AnySlot};
use crate::console::event::Event;
use crate::console::theme::{Depth, Signs};
use crate::host::service::Waits;
use crate::progress::{Phase, Report};
use crate::stack::graph::{Kind, Part};
use crate::stack::plan::{Difference, Mend, Next};
use crate::stack::status::StackState;

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 36), (200, 60)];

/// The screen as text, and each run of cells that is styled.
fn picture(buffer: &Buffer) -> String {
    let mut picture = lines(buffer).iter().map(|line| line.trim_end()).collect::<Vec<_>>().join("\n");
    picture.push_str("\n\nstyles\n");
    let width = usize::from(buffer.area.width);
    for (y, row) in buffer.content.chunks(width).enumerate() {
        let mut x = 0;
        while let Some(first) = row.get(x) {
            let same = row.iter().skip(x).take_while(|cell| cell.style() == first.style()).count();
            let style = first.style();
            let words: Vec<String> = [
                style
                    .fg
                    .filter(|colour| *colour != Color::Reset)
                    .map(|colour| colour.to_string().to_lowercase()),
                style
                    .bg
                    .filter(|colour| *colour != Color::Reset)
                    .map(|colour| format!("on {colour}").to_lowercase()),
                (style.add_modifier != Modifier::empty())
                    .then(|| format!("{:?}", style.add_modifier).to_lowercase()),
            ]
            .into_iter()
            .flatten()
            .collect();
            if !words.is_empty() {
                writeln!(picture, "{y}:{x}-{} {}", x + same - 1, words.join(" "))
                    .expect("a String takes every text");
            }
            x += same;
        }
    }
    picture
}

/// Takes a picture at every size, in the dark theme and without colours.
pub(super) fn take(name: &str, make: impl Fn(u16, u16) -> Given) {
    for (width, height) in SIZES {
        let mut given = make(width, height);
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), picture(&given.screen()));
        given.app.desk.look = look(Depth::None, &Signs::UNICODE);
        insta::assert_snapshot!(format!("{name}_{width}x{height}_colourless"), picture(&given.screen()));
    }
}

/// Takes a picture at every size, in ASCII.
fn take_in_ascii(name: &str, make: impl Fn(u16, u16) -> Given) {
    for (width, height) in SIZES {
        let mut given = make(width, height);
        given.app.desk.look = look(Depth::None, &Signs::ASCII);
        insta::assert_snapshot!(format!("{name}_ascii_{width}x{height}"), picture(&given.screen()));
    }
}

fn stack_in(state: StackState) -> impl Fn(u16, u16) -> Given {
    move |width, height| {
        let mut given = Given::with_stack(width, height, state);
        given.press("2");
        given
    }
}

#[test]
fn flow() {
    take("flow_ready", |width, height| Given::with_stack(width, height, StackState::Ready));
    take("flow_drifted", |width, height| Given::with_stack(width, height, StackState::Drifted));
    take("flow_what_comes_next", |width, height| {
        let mut given = super::stream::stopped(width, height);
        given.press("1");
        given
    });
    take("flow_signing_in", Given::started);
}

#[test]
fn stack() {
    take("stack_absent", stack_in(StackState::Absent));
    take("stack_partial", stack_in(StackState::Partial));
    take("stack_ready", stack_in(StackState::Ready));
    take("stack_drifted", stack_in(StackState::Drifted));
    take("stack_notebook", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 b");
        given.came(Slot::Survey, Outcome::Surveyed(surveyed_part(Part::Notebook, StackState::Ready)));
        given
    });
}

#[test]
fn stack_loading_and_failed() {
    take("stack_loading", |width, height| {
        let mut given = Given::started(width, height);
        given.press("2");
        given
    });
    take("stack_failed", |width, height| {
        let mut given = Given::started(width, height);
        given.failed(AnySlot::Connect, trouble(Remedy::SignIn));
        given.press("2");
        given
    });
}

#[test]
fn plans_and_runs() {
    take("plan_up", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Absent);
        given.press("2 c");
        given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
        given
    });
    take("plan_up_replaces", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Drifted);
        given.press("2 c");
        let why = "the instance i-0123456789abcdef0 does not run yet".to_owned();
        given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Unknown(why)).into())));
        let mut plan = plan(&Next::Rest);
        let mended = |property, there: &str, wanted: &str, mend| Difference {
            property,
            wanted: wanted.to_owned(),
            there: Some(there.to_owned()),
            mend,
        };
        let differences = vec![
            mended("type", "t3.micro", "t3.small", Mend::Replace),
            mended("other instances of this stack", "i-0fedcba9876543210", "none", Mend::Terminate),
        ];
        for step in plan.steps.iter_mut().filter(|step| step.kind == Kind::Instance) {
            step.next = Next::Replace(differences.clone());
        }
        given.came(Slot::Plan, Outcome::PlannedUp { plan, shown: Shown::Anew });
        given
    });
    take("plan_down", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 D");
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        given.type_text("space");
        given
    });
    take("plan_down_with_data", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 D");
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down_with_data(), delete_data: true, shown: Shown::First },
        );
        given
    });
    take("plan_down_waiting", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 D");
        given.happen(Event::Came(Box::new(Outcome::HostWaits(Waits::Posts(3702)).into())));
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        given
    });
    take("run_down", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 D");
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        given.type_text("space-tweets");
        given.press("enter");
        for (kind, phase, text) in [
            ("instance", Phase::Waiting, "shutting down"),
            ("delivery-stream", Phase::Acting, "deleting"),
            ("key-pair", Phase::Done, "deleted"),
            ("log-group", Phase::Failed, "denied"),
        ] {
            let report = Report { kind, name: kind.to_owned(), phase, text: text.to_owned() };
            given.happen(Event::Told(Slot::Run.into(), report));
        }
        given
    });
    take("proof", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        let proof = Proof::Kept(Kind::Bucket, "it holds 3,702 objects (1.2 GB)".to_owned());
        let ran = Ran {
            after: Some(surveyed(StackState::Partial)),
            failures: Vec::new(),
            interrupted: false,
            proof: Some(proof),
        };
        given.press("2");
        given.came(Slot::Run, Outcome::Ran(ran));
        given
    });
}

#[test]
fn a_run_that_failed() {
    take("not_all_was_done", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Absent);
        let failure = "instance: ec2:RunInstances: not allowed (UnauthorizedOperation); `hydrant doctor --policy` \
                       shows the permissions that are needed";
        let ran = Ran {
            after: Some(surveyed(StackState::Partial)),
            failures: vec![failure.to_owned()],
            interrupted: false,
            proof: None,
        };
        given.press("2");
        given.came(Slot::Run, Outcome::Ran(ran));
        given
    });
}

#[test]
fn overlays() {
    take("keys", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 ?");
        given
    });
    take("palette", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press(":");
        given.type_text("stack");
        given
    });
    take("tasks", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 r");
        given.failed(Slot::Survey, trouble(Remedy::Retry));
        given.press("c t");
        given
    });
    take("error", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 r");
        given.failed(Slot::Survey, trouble(Remedy::Retry));
        given.press("e");
        given
    });
}

#[test]
fn what_is_filtered_and_read_whole() {
    take("stack_filtered", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Drifted);
        given.press("2 /");
        given.type_text("log");
        given
    });
    take("stack_whole", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Drifted);
        given.press("2 enter /");
        given.type_text("access");
        given.press("enter");
        given
    });
    take("quit", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Absent);
        given.press("2 c");
        given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First });
        given.press("enter q");
        given
    });
    take("proof_gone", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        let after = Some(surveyed(StackState::Absent));
        let ran = Ran { after, failures: Vec::new(), interrupted: false, proof: Some(Proof::Gone) };
        given.press("2");
        given.came(Slot::Run, Outcome::Ran(ran));
        given
    });
}

#[test]
fn first_run() {
    take("welcome", |width, height| {
        let checks =
            vec![("access keys in the environment".to_owned(), false), ("a region".to_owned(), true)];
        let settings_file = "/home/me/.config/hydrant/hydrant.toml".into();
        Given::with(width, height, Some(Missing { checks, settings_file }), false)
    });
}

#[test]
fn the_stream() {
    take("stream_running", super::stream::running);
    take("stream_stopped", super::stream::stopped);
    take("stream_wishes", super::stream::wishing);
    take("stream_both", super::stream::both);
    take("stream_on_the_host", |width, height| {
        let mut given = super::stream::on_the_host(width, height);
        given.press("s");
        given
    });
    take("stream_post", |width, height| {
        let mut given = super::stream::running(width, height);
        given.press("k enter");
        given
    });
    take("stream_flow", |width, height| {
        let mut given = super::stream::running(width, height);
        given.press("1");
        given
    });
}

#[test]
fn in_ascii() {
    take_in_ascii("stack", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Partial);
        given.press("2 j");
        given
    });
    take_in_ascii("plan_down", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press("2 D");
        given.came(
            Slot::Plan,
            Outcome::PlannedDown { plan: plan_down(), delete_data: false, shown: Shown::First },
        );
        given
    });
    take_in_ascii("palette", |width, height| {
        let mut given = Given::with_stack(width, height, StackState::Ready);
        given.press(":");
        given
    });
    take_in_ascii("flow", |width, height| Given::with_stack(width, height, StackState::Drifted));
}

#[test]
fn too_small() {
    let given = Given::with_stack(79, 23, StackState::Ready);
    insta::assert_snapshot!("too_small", picture(&given.screen()));
}
