//! What stands beside the cards: the words of the chosen topic by relevance, the map of all topics, or what a model is.

use std::collections::HashSet;

use super::super::TopicsPane;
use super::super::open::Open;
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::effect::topics::Slot;
use crate::console::theme::Role;
use crate::console::widget::dots::{self, ACROSS, DOWN, Dots};
use crate::console::words;
use crate::topics::browse::Word;
use crate::topics::{Description, Method};

/// From this height on, words and map stand over one another.
const BOTH: u16 = 40;
/// Rows over the words: whose they are, the slider of λ with its ends, and the head.
const HEAD: u16 = 6;
/// The row that the shares over time take above the head of the words.
const OVER_TIME: u16 = 1;

/// The chosen topic.
pub(super) fn topic(pane: &TopicsPane, open: &Open, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    let Some(topic) = pane.chosen_topic() else { return };
    let high = if height >= BOTH { height / 2 } else { height };
    words_of(pane, open, topic, desk, &mut canvas.part(0, 0, width, high));
    if high < height {
        canvas.part(0, high, width, 1).rule(0);
        map(open, topic, desk, &mut canvas.part(0, high + 1, width, height - high - 1));
    }
}

fn words_of(pane: &TopicsPane, open: &Open, topic: usize, desk: &Desk, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let number = format!("{topic}  ");
    canvas.line(0, 0, &[(&number, Role::Faint), (&open.title(topic), Role::Accent)]);
    if let Some(described) = open.about.topics.get(topic) {
        let dot = canvas.signs().dot;
        let about = format!("{:.1} % of all text {dot} npmi {:.3}", described.share * 100.0, described.npmi);
        canvas.put(0, 1, &about, Role::Faint);
    }
    slider(pane.lambda, 2, desk, canvas);
    let drawn = open.hours.as_ref().is_some_and(|hours| super::hours::line(hours, topic, HEAD - 2, canvas));
    let first = if drawn { HEAD + OVER_TIME } else { HEAD };
    let Some((lambda, words)) = &open.words else {
        let doing =
            if desk.tasks.runs(Slot::Model) { "Reading the model…" } else { "Ranking the words…" };
        canvas.put(0, first - 1, doing, Role::Faint);
        return;
    };
    let stale = *lambda != pane.lambda;
    let signs = canvas.signs().progress;
    let head =
        if stale { "ranking…".to_owned() } else { format!("{} here {} elsewhere", signs[0], signs[1]) };
    let term = width * 2 / 5;
    canvas.put(0, first - 1, "word", Role::Faint);
    canvas.part(term + 1, first - 1, width.saturating_sub(term + 1), 1).put(0, 0, &head, Role::Faint);
    let shown = words.get(topic).map(Vec::as_slice).unwrap_or_default();
    let seen = usize::from(canvas.height().saturating_sub(first));
    let most = shown.iter().take(seen).map(|word| word.everywhere).fold(0.0, f32::max);
    for (y, word) in (first..canvas.height()).zip(shown) {
        one(word, most, term, y, canvas);
    }
}

fn one(word: &Word, most: f32, term: u16, y: u16, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    canvas.part(0, y, term, 1).put(0, 0, &word.term, Role::Text);
    let room = width.saturating_sub(term + 1 + 6);
    let all = cells(word.everywhere / most, room).max(1);
    let here = cells(word.here, all);
    let [full, empty] = canvas.signs().progress;
    let mut bar = canvas.part(term + 1, y, room, 1);
    let x = bar.put(0, 0, &full.repeat(usize::from(here)), Role::Accent);
    bar.put(x, 0, &empty.repeat(usize::from(all - here)), Role::Faint);
    canvas.put_right(width, y, &format!("{:.0} %", word.here * 100.0), Role::Faint);
}

/// So much of a number of cells.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a part of a small number")]
fn cells(part: f32, of: u16) -> u16 {
    if part.is_finite() { (part.clamp(0.0, 1.0) * f32::from(of)).round() as u16 } else { 0 }
}

/// Where λ stands between its ends, and the keys that move it.
fn slider(lambda: u8, y: u16, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (lower, higher) = (desk.key(Action::TopicsParticular), desk.key(Action::TopicsFrequent));
    let signs = canvas.signs();
    let name = if signs.ascii { "lambda" } else { "λ" };
    let others = u16::try_from(10 + crate::text::width(name)).unwrap_or(u16::MAX);
    let step = usize::from((canvas.width().saturating_sub(others) / 10).clamp(1, 3));
    let (before, after) = (usize::from(lambda) * step, usize::from(10 - lambda.min(10)) * step);
    let x = canvas.line(
        0,
        y,
        &[
            (&lower, Role::Key),
            (" ", Role::Text),
            (&signs.rule.repeat(before), Role::Faint),
            (signs.ready, Role::Accent),
            (&signs.rule.repeat(after), Role::Faint),
            (" ", Role::Text),
            (&higher, Role::Key),
        ],
    );
    let value = format!("  {name} {:.1}", f32::from(lambda) / 10.0);
    canvas.put(x, y, &value, Role::Strong);
    if step > 1 {
        canvas.put(2, y + 1, "particular", Role::Faint);
        canvas.put_right(x.saturating_sub(2), y + 1, "frequent", Role::Faint);
    }
}

/// Every topic as a circle: its area is its share, and topics that stand near one another are alike in their words.
pub(super) fn map(open: &Open, chosen: usize, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (width, height) = (canvas.width(), canvas.height());
    canvas.line(
        0,
        0,
        &[
            ("Map", Role::Strong),
            ("  area: share, near: alike   ", Role::Faint),
            (&desk.key(Action::TopicsMap), Role::Key),
            (" words", Role::Faint),
        ],
    );
    let Some(places) = &open.places else {
        let doing = if desk.tasks.runs(Slot::Map) { "Placing the topics…" } else { "Not placed." };
        canvas.put(0, 2, doing, Role::Faint);
        return;
    };
    let mut field = canvas.part(0, 1, width, height.saturating_sub(2));
    let circles = circles(open, places, field.width(), field.height());
    let mut drawing = Dots::new(field.width(), field.height());
    for circle in circles.iter().filter(|circle| circle.topic != chosen) {
        drawing.circle(circle.at, circle.radius, false, Role::Faint);
    }
    if let Some(circle) = circles.iter().find(|circle| circle.topic == chosen) {
        drawing.circle(circle.at, circle.radius, true, Role::Accent);
    }
    drawing.draw(&mut field);
    labels(open, &circles, chosen, &mut field);
    let title = format!("{chosen}  {}", open.title(chosen));
    let leading = open.terms(chosen).take(12).collect::<Vec<_>>().join(" ");
    canvas.line(
        0,
        height.saturating_sub(1),
        &[(&title, Role::Accent), ("  ", Role::Text), (&leading, Role::Text)],
    );
}

struct Circle {
    topic: usize,
    /// In dots.
    at: (f64, f64),
    radius: f64,
}

/// Circles in a field of so many cells: as far apart as there is room, and no further from round than dots are.
fn circles(open: &Open, places: &[(f64, f64)], width: u16, height: u16) -> Vec<Circle> {
    let (wide, high) = (f64::from(width) * f64::from(ACROSS), f64::from(height) * f64::from(DOWN));
    let topics = &open.about.topics;
    let largest = topics.iter().map(|topic| f64::from(topic.share)).fold(0.0, f64::max).max(1e-9);
    // The more topics there are, the less room each has.
    let count = f64::from(u32::try_from(topics.len().max(1)).unwrap_or(u32::MAX));
    let greatest = (wide.min(high) / (2.0 + 1.3 * count.sqrt())).max(2.0);
    let (mut least, mut most) = ((f64::INFINITY, f64::INFINITY), (f64::NEG_INFINITY, f64::NEG_INFINITY));
    for (x, y) in places {
        least = (least.0.min(*x), least.1.min(*y));
        most = (most.0.max(*x), most.1.max(*y));
    }
    let room = ((wide - 2.0 * greatest).max(1.0), (high - 2.0 * greatest).max(1.0));
    let spread = ((most.0 - least.0).max(1e-9), (most.1 - least.1).max(1e-9));
    let scale = (room.0 / spread.0).min(room.1 / spread.1);
    let middle = (f64::midpoint(least.0, most.0), f64::midpoint(least.1, most.1));
    let circle = |(topic, (x, y)): (usize, &(f64, f64))| {
        let share = topics.get(topic).map_or(0.0, |topic| f64::from(topic.share));
        Circle {
            topic,
            at: (wide / 2.0 + (x - middle.0) * scale, high / 2.0 + (y - middle.1) * scale),
            radius: (greatest * (share / largest).sqrt()).max(1.0),
        }
    };
    places.iter().enumerate().map(circle).collect()
}

/// The chosen topic's label first, then those of the largest, each where no other stands.
fn labels(open: &Open, circles: &[Circle], chosen: usize, canvas: &mut Canvas<'_>) {
    let mut taken: HashSet<(u16, u16)> = HashSet::new();
    let mut order: Vec<&Circle> = circles.iter().collect();
    order.sort_by_key(|circle| circle.topic != chosen);
    for circle in order {
        let long = match open.about.topics.get(circle.topic) {
            Some(topic) if !topic.name.is_empty() => format!("{} {}", circle.topic, topic.name),
            _ => format!("{} {}", circle.topic, open.terms(circle.topic).next().unwrap_or_default()),
        };
        let role = if circle.topic == chosen { Role::Accent } else { Role::Text };
        for label in [long, circle.topic.to_string()] {
            if place(&label, circle, role, &mut taken, canvas) {
                break;
            }
        }
    }
}

fn place(
    label: &str,
    circle: &Circle,
    role: Role,
    taken: &mut HashSet<(u16, u16)>,
    canvas: &mut Canvas<'_>,
) -> bool {
    let wide = u16::try_from(crate::text::width(&crate::text::sanitise(label))).unwrap_or(u16::MAX);
    let column = cell(circle.at.0 / f64::from(ACROSS)).saturating_sub(wide / 2);
    let x = column.min(canvas.width().saturating_sub(wide));
    let y = cell(circle.at.1 / f64::from(DOWN)).min(canvas.height().saturating_sub(1));
    // One free cell at each side keeps labels apart.
    let cells: Vec<(u16, u16)> =
        (x.saturating_sub(1)..x.saturating_add(wide).saturating_add(1)).map(|x| (x, y)).collect();
    if wide > canvas.width() || cells.iter().any(|cell| taken.contains(cell)) {
        return false;
    }
    taken.extend(cells);
    let mut room = canvas.part(x, y, wide, 1);
    room.clear();
    room.put(0, 0, label, role);
    true
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped before")]
fn cell(place: f64) -> u16 {
    if place.is_finite() { place.floor().clamp(0.0, f64::from(u16::MAX)) as u16 } else { 0 }
}

/// What a model is, and how its fit went.
pub(super) fn model(about: &Description, canvas: &mut Canvas<'_>) {
    let count = |number: usize| words::count(number);
    let passes =
        if about.stopped { format!("{}, stopped", count(about.iterations)) } else { count(about.iterations) };
    let rows = [
        ("method", about.method.name().to_owned()),
        ("topics", about.k.to_string()),
        ("coherence", format!("{:.3} npmi", about.coherence_npmi)),
        ("diversity", format!("{:.2}", about.diversity)),
        ("documents", count(about.documents)),
        ("tokens", count(about.tokens)),
        ("words", count(about.vocabulary)),
        ("passes", passes),
        ("seed", about.seed.to_string()),
        ("took", format!("{:.1} s", about.seconds.all())),
    ];
    for (y, (label, value)) in (0..canvas.height()).zip(&rows) {
        canvas.line(0, y, &[(&format!("{label:<12}"), Role::Faint), (value, Role::Text)]);
    }
    let top = 12;
    let points = curve_of(about);
    let (width, height) = (canvas.width(), canvas.height());
    if points.len() < 2 || height < top + 4 {
        return;
    }
    let (first, last) =
        (points.first().map_or(0.0, |point| point.1), points.last().map_or(0.0, |point| point.1));
    let what = if about.method == Method::Nmf { "how well it fits" } else { "likelihood, nats a token" };
    canvas.put(0, top, what, Role::Faint);
    let high = (height - top - 2).min(10);
    dots::curve(&mut canvas.part(0, top + 1, width, high), &points, Role::Accent);
    let ends = format!("{first:.3} → {last:.3}");
    canvas.put(0, top + 1 + high, &ends, Role::Faint);
}

#[expect(clippy::cast_precision_loss, reason = "passes are at most 100,000")]
fn curve_of(about: &Description) -> Vec<(f64, f64)> {
    about.log_likelihood.iter().map(|(pass, likelihood)| (*pass as f64, *likelihood)).collect()
}
