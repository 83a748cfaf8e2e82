//! The console's own work: a full frame, a long table, and `update`.
//!
//! `cargo bench --bench console`.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use hydrant::console::action::{Action, Keymap};
use hydrant::console::app::{App, Beginning, Target};
use hydrant::console::canvas::Canvas;
use hydrant::console::draw;
use hydrant::console::effect::stack::{Outcome, Slot, Surveyed};
use hydrant::console::effect::stream;
use hydrant::console::effect::{Identity, Outcome as AnyOutcome, Slot as AnySlot};
use hydrant::console::event::{Event, Size};
use hydrant::console::key::Key;
use hydrant::console::pane::Pane;
use hydrant::console::theme::{Depth, Look, Role, Signs, Theme};
use hydrant::console::widget::table::{self, Column, TableState, Width};
use hydrant::settings::{Settings, Sources};
use hydrant::stack::Estimate;
use hydrant::stack::graph::{Kind, Part};
use hydrant::stack::status::{ResourceState, ResourceStatus, StackState, Status};
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

const SIZE: Size = Size { width: 200, height: 60 };

fn main() {
    divan::main();
}

fn look() -> Look {
    Look { theme: Theme::shipped("dark", Depth::True).expect("it is shipped"), signs: Signs::UNICODE }
}

fn now() -> Timestamp {
    "2026-11-20T14:02:07Z".parse().expect("a time")
}

/// A console that is signed in and has read a whole stack.
fn app(pane: Pane) -> App {
    let beginning = Beginning {
        look: look(),
        keymap: Keymap::default(),
        target: Target { words: "sandbox".to_owned(), real: false },
        readonly: false,
        missing: None,
    };
    let mut app = App::new(beginning, now());
    app.update(now(), Event::Resized(SIZE));
    let identity = Identity {
        stack: "space-tweets".to_owned(),
        region: "us-east-2".to_owned(),
        account: "4711…0815".to_owned(),
    };
    app.update(now(), Event::Ended(AnySlot::Connect, Box::new(Ok(AnyOutcome::Connected(identity)))));
    let resource = |kind: Kind| ResourceStatus {
        kind,
        name: format!("{kind}-of-the-stack"),
        id: Some(format!("{kind}-0123456789abcdef0")),
        arn: Some(format!("arn:aws:example:us-east-2:471100000815:{kind}")),
        state: ResourceState::Ready,
        detail: "as it should be".to_owned(),
        made: None,
        differences: Vec::new(),
    };
    let settings = Settings::load(&Sources::default()).expect("the defaults are good");
    let status = Status {
        stack: "space-tweets".to_owned(),
        region: "us-east-2".to_owned(),
        account: "471100000815".to_owned(),
        state: StackState::Ready,
        resources: Part::Pipeline.kinds().map(resource).collect(),
        left: Vec::new(),
        estimate: Estimate::of(&BTreeMap::new(), &settings),
    };
    let surveyed = Outcome::Surveyed(Surveyed { part: Part::Pipeline, status, properties: BTreeMap::new() });
    app.update(now(), Event::Ended(Slot::Survey.into(), Box::new(Ok(surveyed.into()))));
    app.update(now(), Event::Key(app.desk.keymap.shown(pane.action()).expect("it has a key")));
    app
}

fn buffer() -> Buffer {
    Buffer::empty(Rect::new(0, 0, SIZE.width, SIZE.height))
}

#[divan::bench(args = [Pane::Flow, Pane::Stack])]
fn full_frame_200x60(bencher: Bencher<'_, '_>, pane: Pane) {
    let app = app(pane);
    let mut buffer = buffer();
    bencher.bench_local(|| draw::draw(black_box(&app), &mut buffer));
}

const COLUMNS: [Column; 4] = [
    Column { title: "name", width: Width::Share(30), right: false, rank: 0 },
    Column { title: "bytes", width: Width::Fixed(10), right: true, rank: 0 },
    Column { title: "posts", width: Width::Fixed(10), right: true, rank: 1 },
    Column { title: "text", width: Width::Share(40), right: false, rank: 2 },
];

#[divan::bench(args = [100, 1_000_000])]
fn scroll_and_draw_a_table(bencher: Bencher<'_, '_>, rows: usize) {
    let look = look();
    let mut buffer = buffer();
    let mut state = TableState::default();
    let row = |index: usize| {
        vec![
            (format!("2026/11/20/14/file-{index}.gz"), Role::Text),
            (format!("{}", index * 17), Role::Text),
            (format!("{}", index % 997), Role::Text),
            ("what people say, and an emoji 🚀".to_owned(), Role::Faint),
        ]
    };
    bencher.bench_local(|| {
        // From end to end and on from there, so that every place of the table is seen.
        if !(0..rows - 60).contains(&state.chosen) {
            state.act(Action::First, rows, 58);
        }
        state.act(Action::PageDown, rows, 58);
        let mut canvas = Canvas::new(&mut buffer, &look);
        table::draw(&mut canvas, &COLUMNS, black_box(&state), rows, row);
    });
}

#[divan::bench(args = ["j", "tab", "?", "/"])]
fn update(bencher: Bencher<'_, '_>, key: &str) {
    let mut app = app(Pane::Stack);
    let key: Key = key.parse().expect("a key");
    bencher.bench_local(|| {
        app.overlays.clear();
        app.update(now(), Event::Key(black_box(key)))
    });
}

/// A frame's share of 5,000 posts a second: taken in and drawn. At 60 frames a second there are 16.7 ms for it.
#[divan::bench]
fn five_thousand_posts_a_second(bencher: Bencher<'_, '_>) {
    let mut app = app(Pane::Stream);
    let mut buffer = buffer();
    let slot = stream::Slot::Watch(stream::On::Local);
    let post = |number: usize| {
        let mut fields = vec![String::from("None"); 53];
        fields[0] = (2_123_779_146_118_725_632_u64 + number as u64).to_string();
        fields[12] = "Fri Nov 20 14:02:07 +0000 2026".into();
        fields[34] = format!("orbit_{}", number % 7);
        fields[47] = ["#mars", "#moon|#Mars"][number % 2].into();
        fields[52] = format!("Perihelion burn {number} done, the rover is on its way 🚀 to orbit").repeat(3);
        stream::Item::Post((fields.join("\t") + "\t\n").into())
    };
    let mut number = 0;
    let mut frame = || {
        number += 84;
        let items = (number - 84..number).map(|number| post(number).into()).collect();
        Event::Arrived { slot: slot.into(), items, dropped: 0 }
    };
    // With the ring full, each post drives out another.
    for _ in 0..1200 {
        app.update(now(), frame());
    }
    bencher.with_inputs(frame).bench_local_values(|event| {
        app.update(now(), event);
        draw::draw(black_box(&app), &mut buffer);
    });
}
