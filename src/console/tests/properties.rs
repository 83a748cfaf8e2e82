use std::collections::BTreeSet;

use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::given::{Given, look, plan, plan_down, surveyed, trouble};
use crate::console::canvas::Canvas;
use crate::console::effect::stack::{Outcome, Proof, Ran, Shown, Slot};
use crate::console::effect::{Remedy, Slot as AnySlot, stream};
use crate::console::event::{Event, Mouse, Size};
use crate::console::key::{Code, Key};
use crate::console::theme::{Depth, Role, Signs};
use crate::progress::{Phase, Report};
use crate::stack::plan::Next;
use crate::stack::status::StackState;

fn key() -> impl Strategy<Value = Key> {
    let named = prop::sample::select(vec![
        "enter",
        "esc",
        "tab",
        "shift-tab",
        "backspace",
        "delete",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "page-up",
        "page-down",
        "space",
    ]);
    let code = prop_oneof![
        any::<char>().prop_map(Code::Char),
        "[a-zA-Z1-7?:]".prop_map(|text| Code::Char(text.chars().next().unwrap_or('x'))),
        named.prop_map(Code::Named)
    ];
    (code, prop::bool::weighted(0.1), prop::bool::weighted(0.05)).prop_map(|(code, ctrl, alt)| Key {
        code,
        ctrl,
        alt,
    })
}

fn slot() -> impl Strategy<Value = AnySlot> {
    use crate::console::effect::topics::Slot as Topics;
    let own = [Slot::Survey, Slot::Plan, Slot::Run].map(AnySlot::Stack);
    let topics = [Topics::Models, Topics::Model, Topics::Documents, Topics::Fit].map(AnySlot::Topics);
    prop::sample::select([&own[..], &topics[..], &[AnySlot::Connect, AnySlot::Settings]].concat())
}

fn state() -> impl Strategy<Value = StackState> {
    prop::sample::select(vec![
        StackState::Absent,
        StackState::Partial,
        StackState::Ready,
        StackState::Drifted,
    ])
}

/// Something that may happen, as a recipe: an event cannot be cloned.
#[derive(Debug, Clone)]
enum Happening {
    Key(Key),
    Paste(String),
    Click(u16, u16),
    Wheel(u16, u16, i8),
    Resize(u16, u16),
    Focus(bool),
    Tick(i64),
    Told(AnySlot, String),
    Failed(AnySlot, bool),
    Connected,
    Surveyed(StackState),
    PlannedUp,
    PlannedDown(bool),
    Ran(bool),
    Topics(u8),
    LookedForStream,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        20 => key().prop_map(Happening::Key),
        1 => any::<String>().prop_map(Happening::Paste),
        2 => (any::<u16>(), 0..60_u16).prop_map(|(x, y)| Happening::Click(x, y)),
        2 => (any::<u16>(), 0..60_u16, any::<i8>()).prop_map(|(x, y, by)| Happening::Wheel(x, y, by)),
        2 => (0..260_u16, 0..90_u16).prop_map(|(width, height)| Happening::Resize(width, height)),
        1 => any::<bool>().prop_map(Happening::Focus),
        2 => (0..1000_i64).prop_map(Happening::Tick),
        2 => (slot(), any::<String>()).prop_map(|(slot, text)| Happening::Told(slot, text)),
        1 => (slot(), any::<bool>()).prop_map(|(slot, sign_in)| Happening::Failed(slot, sign_in)),
        1 => Just(Happening::Connected),
        2 => state().prop_map(Happening::Surveyed),
        1 => Just(Happening::PlannedUp),
        1 => any::<bool>().prop_map(Happening::PlannedDown),
        1 => any::<bool>().prop_map(Happening::Ran),
        3 => any::<u8>().prop_map(Happening::Topics),
        6 => Just(Happening::LookedForStream),
    ]
}

fn happen(given: &mut Given, happening: Happening) {
    match happening {
        Happening::Key(key) => drop(given.happen(Event::Key(key))),
        Happening::Paste(text) => drop(given.happen(Event::Paste(text))),
        Happening::Click(x, y) => drop(given.happen(Event::Mouse(Mouse::Click { x, y }))),
        Happening::Wheel(x, y, by) => drop(given.happen(Event::Mouse(Mouse::Wheel { x, y, by }))),
        Happening::Resize(width, height) => drop(given.happen(Event::Resized(Size { width, height }))),
        Happening::Focus(focused) => drop(given.happen(Event::Focus(focused))),
        Happening::Tick(seconds) => drop(given.seconds_later(seconds)),
        Happening::Told(slot, text) => {
            let report = Report { kind: "bucket", name: text.clone(), phase: Phase::Waiting, text };
            given.happen(Event::Told(slot, report));
        }
        Happening::Failed(slot, sign_in) => {
            let remedy = if sign_in { Remedy::SignIn } else { Remedy::Retry };
            given.failed(slot, trouble(remedy));
        }
        Happening::Connected => drop(given.signed_in()),
        Happening::Topics(step) => {
            given.happen(Event::Came(Box::new(super::topics::any(step).into())));
        }
        Happening::LookedForStream => {
            let stopped = stream::Outcome::Status(stream::On::Local, Box::default());
            given.came(stream::Slot::Watch(stream::On::Local), stopped);
            given.seconds_later(2);
        }
        Happening::Surveyed(state) => drop(given.came(Slot::Survey, Outcome::Surveyed(surveyed(state)))),
        Happening::PlannedUp => drop(
            given.came(Slot::Plan, Outcome::PlannedUp { plan: plan(&Next::Create), shown: Shown::First }),
        ),
        Happening::PlannedDown(delete_data) => {
            given.came(
                Slot::Plan,
                Outcome::PlannedDown { plan: plan_down(), delete_data, shown: Shown::First },
            );
        }
        Happening::Ran(good) => {
            let ran = Ran {
                after: good.then(|| surveyed(StackState::Absent)),
                failures: if good { Vec::new() } else { vec!["bucket: it failed".to_owned()] },
                interrupted: !good,
                proof: good.then_some(Proof::Gone),
            };
            given.came(Slot::Run, Outcome::Ran(ran));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_it_goes_on_and_draws_inside_its_frame(happenings in prop::collection::vec(happening(), 500)) {
        let mut given = Given::started(100, 30);
        for (index, happening) in happenings.into_iter().enumerate() {
            happen(&mut given, happening);
            let listed: BTreeSet<AnySlot> = given.app.desk.tasks.running().map(|task| task.slot).collect();
            prop_assert_eq!(&listed, &given.under_way, "what was started and did not end is listed");
            // A buffer refuses what lies outside it by a panic.
            if index % 7 == 0 {
                given.screen();
            }
        }
        given.screen();
    }
}

proptest! {
    #[test]
    fn any_text_keeps_the_grid(text in any::<String>(), width in 1..40_u16) {
        let look = look(Depth::Sixteen, &Signs::UNICODE);
        let mut buffer = Buffer::empty(Rect::new(0, 0, width + 1, 3));
        let mut canvas = Canvas::new(&mut buffer, &look);
        canvas.put(width, 1, "|", Role::Text);
        canvas.part(0, 1, width, 1).put(0, 0, &text, Role::Text);
        canvas.part(0, 2, width, 1).put_right(width, 0, &text, Role::Text);
        canvas.part(0, 0, width, 1).paragraph(0, &text, Role::Text);
        let symbols: Vec<&str> = buffer.content.iter().map(|cell| cell.symbol()).collect();
        prop_assert_eq!(symbols.get(usize::from(width + 1 + width)).copied(), Some("|"));
        prop_assert!(symbols.iter().all(|symbol| !symbol.chars().any(char::is_control)));
    }
}
