//! Consoles to begin a test with.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::console::action::Keymap;
use crate::console::app::{App, Beginning, Missing, Target};
use crate::console::draw;
use crate::console::effect::stack::{self, Property, Surveyed};
use crate::console::effect::{Effect, Identity, Job, Outcome, Remedy, Slot, Trouble};
use crate::console::event::{Event, Size};
use crate::console::key::Key;
use crate::console::theme::{Depth, Look, Signs, Theme};
use crate::settings::{Settings, Sources};
use crate::stack::Estimate;
use crate::stack::graph::{Kind, Part};
use crate::stack::plan::{Difference, Found, Life, Mend, Next, Plan, Stays, Step};
use crate::stack::status::{ResourceState, ResourceStatus, StackState, Status};

/// The moment at which every test begins.
pub(super) fn morning() -> Timestamp {
    "2026-11-20T14:02:07Z".parse().expect("a time")
}

pub(super) fn look(depth: Depth, signs: &Signs) -> Look {
    let signs = *signs;
    Look { theme: Theme::shipped("dark", depth).expect("it is shipped"), signs }
}

pub(super) struct Given {
    pub(super) app: App,
    pub(super) now: Timestamp,
    /// What was started and did not end.
    pub(super) under_way: BTreeSet<Slot>,
}

impl Given {
    /// A console that has just started, of this size.
    pub(super) fn started(width: u16, height: u16) -> Self {
        Self::with(width, height, None, false)
    }

    pub(super) fn with(width: u16, height: u16, missing: Option<Missing>, readonly: bool) -> Self {
        let beginning = Beginning {
            look: look(Depth::Sixteen, &Signs::UNICODE),
            keymap: Keymap::default(),
            target: Target { words: "sandbox".to_owned(), real: false },
            readonly,
            missing,
        };
        let mut given =
            Self { app: App::new(beginning, morning()), now: morning(), under_way: BTreeSet::new() };
        given.happen(Event::Resized(Size { width, height }));
        given.happen(Event::Started);
        given
    }

    /// Signed in, with the stack read.
    pub(super) fn with_stack(width: u16, height: u16, state: StackState) -> Self {
        let mut given = Self::started(width, height);
        given.signed_in();
        given.came(stack::Slot::Survey, stack::Outcome::Surveyed(surveyed(state)));
        given
    }

    pub(super) fn signed_in(&mut self) -> Vec<Effect> {
        let identity = Identity {
            stack: "space-tweets".to_owned(),
            region: "us-east-2".to_owned(),
            account: "4711…0815".to_owned(),
        };
        self.came(Slot::Connect, Outcome::Connected(identity))
    }

    pub(super) fn happen(&mut self, event: Event) -> Vec<Effect> {
        if let Event::Ended(slot, _) = &event {
            self.under_way.remove(slot);
        }
        let effects = self.app.update(self.now, event);
        self.under_way.extend(started(&effects));
        effects
    }

    /// A task ended well.
    pub(super) fn came(&mut self, slot: impl Into<Slot>, outcome: impl Into<Outcome>) -> Vec<Effect> {
        self.happen(Event::Ended(slot.into(), Box::new(Ok(outcome.into()))))
    }

    /// A task failed.
    pub(super) fn failed(&mut self, slot: impl Into<Slot>, trouble: Trouble) -> Vec<Effect> {
        self.happen(Event::Ended(slot.into(), Box::new(Err(trouble))))
    }

    /// Presses keys one after the other, as `hydrant.toml` writes them, and gives back what the last asked for.
    pub(super) fn press(&mut self, keys: &str) -> Vec<Effect> {
        keys.split(' ')
            .map(|key| self.happen(Event::Key(key.parse::<Key>().expect("a key"))))
            .last()
            .unwrap_or_default()
    }

    pub(super) fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            self.happen(Event::Key(Key::char(character)));
        }
    }

    pub(super) fn seconds_later(&mut self, seconds: i64) -> Vec<Effect> {
        self.now =
            self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time of this age");
        self.happen(Event::Tick)
    }

    /// What is on the screen.
    pub(super) fn screen(&self) -> Buffer {
        let Size { width, height } = self.app.desk.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        draw::draw(&self.app, &mut buffer);
        buffer
    }

    pub(super) fn shows(&self, text: &str) -> bool {
        lines(&self.screen()).iter().any(|line| line.contains(text))
    }
}

/// The screen's rows as text.
pub(super) fn lines(buffer: &Buffer) -> Vec<String> {
    let width = usize::from(buffer.area.width);
    buffer.content.chunks(width).map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>()).collect()
}

/// The jobs that effects start.
pub(super) fn started(effects: &[Effect]) -> Vec<Slot> {
    let slot = |effect: &Effect| match effect {
        Effect::Start(job) => Some(job.slot()),
        _ => None,
    };
    effects.iter().filter_map(slot).collect()
}

pub(super) fn trouble(remedy: Remedy) -> Trouble {
    Trouble {
        sentence:
            "firehose:DescribeDeliveryStream on twitter_delivery_stream: no answer within 30 s; try again"
                .to_owned(),
        causes: vec!["connection refused".to_owned(), "tcp connect error".to_owned()],
        remedy,
    }
}

fn name(kind: Kind) -> String {
    format!("{kind}-of-the-stack")
}

/// A stack in which every resource is as the whole is, but that a drifted one has two drifted resources.
pub(super) fn surveyed(state: StackState) -> Surveyed {
    surveyed_part(Part::Pipeline, state)
}

/// One of the two stacks, all of it in this state.
pub(super) fn surveyed_part(part: Part, state: StackState) -> Surveyed {
    let resources = part.kinds().enumerate().map(|(index, kind)| resource(kind, index, state)).collect();
    let settings = Settings::load(&Sources::default()).expect("the defaults are good");
    let status = Status {
        stack: "space-tweets".to_owned(),
        region: "us-east-2".to_owned(),
        account: "471100000815".to_owned(),
        state,
        resources,
        left: Vec::new(),
        estimate: Estimate::of(&BTreeMap::new(), &settings),
    };
    let property = |name: &str, there: Option<&str>, wanted: Option<&str>| Property {
        name: name.to_owned(),
        there: there.map(str::to_owned),
        wanted: wanted.map(str::to_owned),
    };
    let drift = (state == StackState::Drifted).then_some("blocked");
    let properties = vec![
        property("encryption", Some("AES256"), None),
        property("public access", Some(if drift.is_some() { "open" } else { "blocked" }), drift),
    ];
    Surveyed { part, status, properties: BTreeMap::from([(Kind::Bucket, properties)]) }
}

fn resource(kind: Kind, index: usize, whole: StackState) -> ResourceStatus {
    let state = match whole {
        StackState::Absent => ResourceState::Absent,
        StackState::Drifted if index < 2 => ResourceState::Drifted,
        StackState::Ready | StackState::Drifted => ResourceState::Ready,
        StackState::Partial => {
            [ResourceState::Ready, ResourceState::Creating, ResourceState::Absent, ResourceState::Failed]
                [index % 4]
        }
    };
    let there = state != ResourceState::Absent;
    let difference = Difference {
        property: "public access",
        wanted: "blocked".to_owned(),
        there: Some("open".to_owned()),
        mend: Mend::Change,
    };
    let drifted = state == ResourceState::Drifted;
    ResourceStatus {
        kind,
        name: name(kind),
        id: there.then(|| format!("{kind}-0123456789abcdef0")),
        arn: there.then(|| format!("arn:aws:example:us-east-2:471100000815:{kind}")),
        state,
        // Ages of all sizes: minutes, hours, days.
        made: there.then(|| {
            let minutes = 7_i64.pow(u32::try_from(index % 5).expect("small"));
            morning().checked_sub(SignedDuration::from_mins(minutes)).expect("a time")
        }),
        detail: if drifted { difference.to_string() } else { String::new() },
        differences: if drifted { vec![difference] } else { Vec::new() },
    }
}

/// A plan that does the same to every resource.
pub(super) fn plan(next: &Next) -> Plan {
    let step = |kind: Kind| {
        let there = !matches!(next, Next::Create);
        let found = Found {
            id: "id".to_owned(),
            arn: "arn".to_owned(),
            life: Life::Ready,
            properties: BTreeMap::new(),
            detail: String::new(),
            made: None,
        };
        Step { kind, name: name(kind), found: there.then_some(found), wanted: true, next: next.clone() }
    };
    Plan { steps: Part::Pipeline.kinds().map(step).collect() }
}

/// A plan that deletes everything but the bucket, which holds something.
pub(super) fn plan_down() -> Plan {
    let mut plan = plan(&Next::Delete);
    if let Some(bucket) = plan.steps.iter_mut().find(|step| step.kind == Kind::Bucket) {
        bucket.next = Next::Leave(Stays {
            why: "it holds 3,702 objects (1.2 GB)".to_owned(),
            unless: Some("--delete-data"),
        });
    }
    plan
}

/// A plan that deletes everything, with what the bucket holds.
pub(super) fn plan_down_with_data() -> Plan {
    let mut plan = plan(&Next::Delete);
    for step in plan.steps.iter_mut().filter(|step| step.kind == Kind::Bucket) {
        step.found =
            step.found.take().map(|found| found.with("holds", "3,702 object versions, 1.2 GB".to_owned()));
    }
    plan
}

/// Whether an effect starts this kind of job of the stack.
pub(super) fn starts(effects: &[Effect], is: impl Fn(&stack::Job) -> bool) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Start(Job::Stack(job)) if is(job)))
}
