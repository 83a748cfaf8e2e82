//! The report's charts, as SVG that stands in the page: no script, no font and no address in them.
//!
//! Drawn on the plain surface of plotters, in units of pixels. The drawing goes into a text, which always takes it.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts and shares become pixels"
)]

use plotters::coord::Shift;
use plotters::prelude::{
    Circle, Color, DrawingArea, EmptyElement, IntoDrawingArea, IntoFont, PathElement, Polygon, RGBColor,
    Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::page::escape;
use crate::topics::questions::{HeatMap, SharesPerHour};

/// What tells topics apart: eight colours that differ to every eye, and grey for the rest.
pub(super) const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(117, 86, 168),
    RGBColor(140, 109, 49),
];
pub(super) const REST: RGBColor = RGBColor(190, 194, 200);
const INK: RGBColor = RGBColor(33, 37, 41);
const FAINT: RGBColor = RGBColor(108, 117, 125);
const LINE: RGBColor = RGBColor(222, 226, 230);
const DRAWN: &str = "a text takes every drawing";
/// About how wide a letter is, for a size of text.
const LETTER: f64 = 0.56;

/// The colour of a topic.
pub(super) fn colour(topic: usize) -> RGBColor {
    COLOURS.get(topic).copied().unwrap_or(REST)
}

/// What is read best on a colour: black or white.
pub(super) fn ink_on(colour: RGBColor) -> RGBColor {
    if luminance(colour) > 0.2 { INK } else { RGBColor(255, 255, 255) }
}

/// How bright a colour is, from 0 to 1: relative luminance, as WCAG reckons contrast with it (its curve taken as a power).
fn luminance(RGBColor(red, green, blue): RGBColor) -> f64 {
    let linear = |part: u8| (f64::from(part) / 255.0).powf(2.2);
    0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Point = (i32, i32);

/// Draws on a surface of this size; what the chart shows is said for those who cannot see it.
fn draw(size: (u32, u32), shows: &str, paint: impl FnOnce(&Pen<'_>)) -> String {
    let mut svg = String::new();
    {
        let pen = Pen(SVGBackend::with_string(&mut svg, size).into_drawing_area());
        paint(&pen);
        pen.0.present().expect(DRAWN);
    }
    svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{}\" ", escape(shows)), 1)
}

struct Pen<'a>(Area<'a>);

#[derive(Clone, Copy)]
struct Letters {
    size: i32,
    colour: RGBColor,
    across: HPos,
    bold: bool,
}

const LABEL: Letters = Letters { size: 12, colour: INK, across: HPos::Left, bold: false };

impl Pen<'_> {
    fn rectangle(&self, from: Point, to: Point, colour: RGBColor) {
        self.0.draw(&Rectangle::new([from, to], colour.filled())).expect(DRAWN);
    }

    fn line(&self, points: Vec<Point>, colour: RGBColor, width: u32) {
        self.0.draw(&PathElement::new(points, colour.stroke_width(width))).expect(DRAWN);
    }

    fn text(&self, text: &str, at: Point, letters: Letters) {
        // plotters writes a size 1.24 times too small.
        let size = f64::from(letters.size) * 1.24;
        let font = ("system-ui, sans-serif", size).into_font();
        let font = if letters.bold { font.style(plotters::style::FontStyle::Bold) } else { font };
        let style = plotters::style::TextStyle::from(font)
            .color(&letters.colour)
            .pos(Pos::new(letters.across, VPos::Center));
        let text = crate::text::sanitise(text);
        self.0.draw(&(EmptyElement::at(at) + Text::new(text, (0, 0), style))).expect(DRAWN);
    }
}

/// As much of a text as fits into so many pixels.
fn cut(text: &str, size: i32, pixels: i32) -> String {
    let letters = (f64::from(pixels) / (f64::from(size) * LETTER)).max(1.0) as usize;
    crate::text::fit(text, letters, "…").into_owned()
}

/// About half of how wide a text is drawn.
fn half_width(text: &str, size: i32) -> i32 {
    (crate::text::width(text) as f64 * f64::from(size) * LETTER / 2.0).ceil() as i32
}

/// Topics as circles, as far apart as they differ, their areas by their shares.
pub(super) fn map(places: &[(f64, f64)], shares: &[f32], titles: &[String]) -> String {
    const SIDE: (u32, u32) = (720, 480);
    const MARGIN: f64 = 70.0;
    let range = |of: fn(&(f64, f64)) -> f64| {
        let least = places.iter().map(of).fold(f64::INFINITY, f64::min);
        let most = places.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        (least, most)
    };
    let ((left, right), (bottom, top)) = (range(|place| place.0), range(|place| place.1));
    // One scale for both directions: distances are what the map is about.
    let room = (f64::from(SIDE.0) - 2.0 * MARGIN, f64::from(SIDE.1) - 2.0 * MARGIN);
    let scale = (room.0 / (right - left).max(1e-9)).min(room.1 / (top - bottom).max(1e-9)).min(1e6);
    let middle = (f64::midpoint(left, right), f64::midpoint(bottom, top));
    let pixel = |place: &(f64, f64)| {
        let x = f64::from(SIDE.0) / 2.0 + (place.0 - middle.0) * scale;
        let y = f64::from(SIDE.1) / 2.0 - (place.1 - middle.1) * scale;
        (x.round() as i32, y.round() as i32)
    };
    let largest = shares.iter().copied().fold(1e-9, f32::max);
    draw(SIDE, "Topics in two dimensions: near ones have words in common, larger ones hold more", |pen| {
        let mid = (SIDE.0 as i32 / 2, SIDE.1 as i32 / 2);
        pen.line(vec![(0, mid.1), (SIDE.0 as i32, mid.1)], LINE, 1);
        pen.line(vec![(mid.0, 0), (mid.0, SIDE.1 as i32)], LINE, 1);
        let circles = places.iter().zip(shares).enumerate();
        for (topic, (place, share)) in circles.clone() {
            let radius = (44.0 * f64::from(share / largest).sqrt()).max(3.0).round() as i32;
            let circle = Circle::new(pixel(place), radius, colour(topic).mix(0.55).filled());
            pen.0.draw(&circle).expect(DRAWN);
            pen.0.draw(&Circle::new(pixel(place), radius, colour(topic).stroke_width(1))).expect(DRAWN);
        }
        let numbers: Vec<Point> = places.iter().map(pixel).collect();
        let mut named: Vec<(Point, i32)> = Vec::new();
        for (topic, (x, y)) in numbers.iter().copied().enumerate() {
            let number = Letters { size: 13, across: HPos::Center, bold: true, ..LABEL };
            pen.text(&topic.to_string(), (x, y), number);
            let Some(title) = titles.get(topic) else { continue };
            let name = cut(title, 11, 150);
            let (at, half) = ((x, y + 15), half_width(&name, 11));
            // Names in one another can be read by nobody; the larger topic comes first, and numbers say the rest.
            let apart = |other: Point, other_half: i32| {
                (at.0 - other.0).abs() > half + other_half || (at.1 - other.1).abs() > 13
            };
            let is_free = named.iter().all(|(other, half)| apart(*other, *half))
                && numbers.iter().enumerate().all(|(other, place)| other == topic || apart(*place, 8));
            if is_free {
                pen.text(&name, at, Letters { size: 11, across: HPos::Center, ..LABEL });
                named.push((at, half));
            }
        }
    })
}

/// The shares of topics over time, one upon the other; hours become days where there are many.
pub(super) fn hours(all: &SharesPerHour, shown: usize) -> String {
    const SIDE: (u32, u32) = (960, 300);
    const LEFT: f64 = 44.0;
    const RIGHT: f64 = 950.0;
    const TOP: f64 = 10.0;
    const BOTTOM: f64 = 250.0;
    let bars = bars(all);
    let spans = bars.last().map_or(1, |bar| bar.at + 1);
    let wide = (RIGHT - LEFT) / spans as f64;
    let shown = shown.min(COLOURS.len());
    let height = |share: f64| (BOTTOM - (BOTTOM - TOP) * share).round() as i32;
    draw(SIDE, "How much of each hour belongs to each topic", |pen| {
        for quarter in 0..=4 {
            let share = f64::from(quarter) * 0.25;
            pen.line(vec![(LEFT as i32, height(share)), (RIGHT as i32, height(share))], LINE, 1);
            let label = Letters { size: 11, colour: FAINT, across: HPos::Right, ..LABEL };
            pen.text(&format!("{:.0} %", share * 100.0), (LEFT as i32 - 6, height(share)), label);
        }
        for bar in &bars {
            let from = LEFT + wide * bar.at as f64;
            let (from, to) = (from.round() as i32, (from + wide).round() as i32);
            // A thin gap between bars that are wide enough for one.
            let to = if to - from > 4 { to - 1 } else { to.max(from + 1) };
            let mut below = 0.0;
            for (topic, share) in bar.shares.iter().take(shown).enumerate() {
                pen.rectangle((from, height(below + share)), (to, height(below)), colour(topic));
                below += share;
            }
            if below < 0.999 {
                pen.rectangle((from, height(1.0)), (to, height(below)), REST);
            }
        }
        let every = (spans / 8).max(1);
        for bar in bars.iter().scan(i64::MIN, |last, bar| {
            let far = last.checked_add(every).is_none_or(|next| bar.at >= next);
            if far {
                *last = bar.at;
            }
            Some((bar, far))
        }) {
            let (bar, labelled) = bar;
            if labelled {
                let x = (LEFT + wide * (bar.at as f64 + 0.5)).round() as i32;
                let label = Letters { size: 11, colour: FAINT, across: HPos::Center, ..LABEL };
                let x = x.clamp(LEFT as i32 + 10, RIGHT as i32 - 24);
                let (day, hour) = bar.label.split_once('T').unwrap_or((&bar.label, ""));
                pen.text(day, (x, BOTTOM as i32 + 16), label);
                if !hour.is_empty() {
                    pen.text(&format!("{hour}:00"), (x, BOTTOM as i32 + 32), label);
                }
            }
        }
    })
}

struct Bar {
    /// Its hour or day.
    unit: i64,
    /// Its place from the left.
    at: i64,
    label: String,
    shares: Vec<f64>,
}

/// Hours as bars; days if there are more than two weeks of them. A long gap takes no more room than a short one.
fn bars(all: &SharesPerHour) -> Vec<Bar> {
    const HOURS: i64 = 14 * 24;
    const GAP: i64 = 4;
    let number = |hour: &crate::lake::Hour| hour.begins().as_second().div_euclid(3_600);
    let hours: Vec<i64> = all.hours.iter().map(number).collect();
    let span = hours.first().zip(hours.last()).map_or(0, |(first, last)| last - first);
    let unit = if span > HOURS { 24 } else { 1 };
    let mut bars: Vec<(Bar, f64)> = Vec::new();
    for (((at, hour), posts), shares) in hours.iter().zip(&all.hours).zip(&all.posts).zip(&all.shares) {
        let (this, posts) = (at.div_euclid(unit), *posts as f64);
        let label = if unit == 1 { hour.to_string() } else { hour.day().to_string() };
        match bars.last_mut() {
            Some((bar, so_far)) if bar.unit == this => {
                for (sum, share) in bar.shares.iter_mut().zip(shares) {
                    *sum = (*sum * *so_far + share * posts) / (*so_far + posts);
                }
                *so_far += posts;
            }
            last => {
                let at = last.map_or(0, |(last, _)| last.at + (this - last.unit).min(GAP));
                bars.push((Bar { unit: this, at, label, shares: shares.clone() }, posts));
            }
        }
    }
    bars.into_iter().map(|(bar, _)| bar).collect()
}

/// How a heat map's colours are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    /// By the number, beside the largest of all.
    All,
    /// By the number's share of its row, beside the largest of these shares.
    Row,
}

/// A heat map with its numbers; as many rows and columns as are asked for.
pub(super) fn heat(map: &HeatMap, shade: Shade, rows: usize, columns: usize) -> String {
    const LEFT: i32 = 150;
    const WIDE: i32 = 960;
    const HIGH: i32 = 24;
    let (rows, columns) = (map.rows.len().min(rows), map.columns.len().min(columns));
    let cell = ((WIDE - LEFT) / (columns.max(1) as i32)).min(90);
    let names_fit = map.columns.iter().take(columns).all(|name| cut(name, 11, cell - 4) == *name);
    // Names that do not fit across stand on two levels in turn.
    let top = if names_fit { 24 } else { 40 };
    let size = ((LEFT + cell * columns as i32) as u32, (top + HIGH * rows as i32 + 4) as u32);
    let whole = |cells: &[u64]| match shade {
        Shade::All => 1.0,
        Shade::Row => cells.iter().sum::<u64>().max(1) as f64,
    };
    let parts = map.cells.iter().take(rows).flat_map(|cells| cells.iter().map(|n| *n as f64 / whole(cells)));
    let darkest = parts.fold(0.0, f64::max).max(1e-9);
    draw(size, &format!("How often each {} meets each {}", map.rows_are, map.columns_are), |pen| {
        for (column, name) in map.columns.iter().take(columns).enumerate() {
            let x = LEFT + cell * column as i32 + cell / 2;
            let level = if names_fit || column % 2 == 0 { 12 } else { 28 };
            let letters = Letters { size: 11, colour: FAINT, across: HPos::Center, ..LABEL };
            let room = if names_fit { cell } else { cell * 2 };
            pen.text(&cut(name, 11, room - 4), (x.max(LEFT), level), letters);
        }
        for (row, (name, cells)) in map.rows.iter().zip(&map.cells).take(rows).enumerate() {
            let y = top + HIGH * row as i32;
            let letters = Letters { across: HPos::Right, ..LABEL };
            pen.text(&cut(name, 12, LEFT - 12), (LEFT - 8, y + HIGH / 2), letters);
            for (column, count) in cells.iter().take(columns).enumerate() {
                let part = *count as f64 / whole(cells) / darkest;
                let x = LEFT + cell * column as i32;
                pen.rectangle((x, y), (x + cell - 2, y + HIGH - 2), tint(part));
                let ink = if part > 0.5 { RGBColor(255, 255, 255) } else { INK };
                let letters = Letters { size: 11, colour: ink, across: HPos::Center, ..LABEL };
                if *count > 0 {
                    pen.text(&cut(&short(*count), 11, cell), (x + cell / 2 - 1, y + HIGH / 2 - 1), letters);
                }
            }
        }
    })
}

/// From nearly white to dark blue.
fn tint(part: f64) -> RGBColor {
    let part = part.clamp(0.0, 1.0);
    let mix = |from: f64, to: f64| (from + (to - from) * part).round() as u8;
    RGBColor(mix(244.0, 8.0), mix(247.0, 69.0), mix(251.0, 148.0))
}

/// `1,234` as it is, `12.3k` where there is more.
fn short(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..1_000_000 => format!("{:.1}k", count as f64 / 1e3),
        _ => format!("{:.1}M", count as f64 / 1e6),
    }
}

/// The likelihood as it rose.
pub(super) fn likelihood(curve: &[(usize, f64)]) -> String {
    const SIDE: (u32, u32) = (720, 200);
    const LEFT: f64 = 70.0;
    const RIGHT: f64 = 700.0;
    const TOP: f64 = 16.0;
    const BOTTOM: f64 = 160.0;
    let least = curve.iter().map(|(_, nats)| *nats).fold(f64::INFINITY, f64::min);
    let most = curve.iter().map(|(_, nats)| *nats).fold(f64::NEG_INFINITY, f64::max);
    let passes = curve.last().map_or(1, |(pass, _)| *pass).max(1) as f64;
    let pixel = |(pass, nats): &(usize, f64)| {
        let x = LEFT + (RIGHT - LEFT) * *pass as f64 / passes;
        let y = BOTTOM - (BOTTOM - TOP) * (nats - least) / (most - least).max(1e-12);
        (x.round() as i32, y.round() as i32)
    };
    draw(SIDE, "The likelihood as it rose from pass to pass", |pen| {
        let label = Letters { size: 11, colour: FAINT, across: HPos::Right, ..LABEL };
        for nats in [least, most] {
            let (_, y) = pixel(&(0, nats));
            pen.line(vec![(LEFT as i32, y), (RIGHT as i32, y)], LINE, 1);
            pen.text(&format!("{nats:.3}"), (LEFT as i32 - 6, y), label);
        }
        pen.text("0", (LEFT as i32 + 4, BOTTOM as i32 + 16), label);
        pen.text(&format!("pass {passes:.0}"), (RIGHT as i32, BOTTOM as i32 + 16), label);
        let points: Vec<Point> = curve.iter().map(pixel).collect();
        if let [only] = points[..] {
            let dot = Polygon::new(
                vec![(only.0 - 3, only.1), (only.0, only.1 - 3), (only.0 + 3, only.1)],
                COLOURS[0],
            );
            pen.0.draw(&dot).expect(DRAWN);
        } else {
            pen.line(points, COLOURS[0], 2);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_cannot_leave_the_drawing() {
        let name = "</svg><script>alert(1)</script>\u{1b}[31m".to_owned();
        let map = HeatMap {
            rows_are: "client",
            columns_are: "topic",
            rows: vec![name.clone()],
            columns: vec![name.clone()],
            cells: vec![vec![3]],
        };
        for svg in [
            heat(&map, Shade::Row, 9, 9),
            super::map(&[(0.0, 0.0), (0.0, 0.0)], &[0.5, 0.5], &[name.clone(), name]),
        ] {
            assert!(
                !svg.contains("<script") && !svg.contains('\u{1b}') && svg.matches("</svg>").count() == 1,
                "{svg}"
            );
            assert!(svg.starts_with("<svg role=\"img\" aria-label="), "{svg}");
        }
    }

    #[test]
    fn a_number_is_read_on_every_topics_colour() {
        for colour in COLOURS.into_iter().chain([REST]) {
            let (one, other) = (luminance(colour) + 0.05, luminance(ink_on(colour)) + 0.05);
            assert!(one.max(other) / one.min(other) >= 4.0, "{colour:?}");
        }
    }

    #[test]
    fn names_on_the_map_are_not_drawn_into_one_another() {
        let names = ["rockets", "telescopes", "rovers"].map(str::to_owned);
        let near = map(&[(0.0, 0.0), (0.001, 0.0), (1.0, 1.0)], &[0.5, 0.3, 0.2], &names);
        assert!(
            near.contains("rockets") && near.contains("rovers") && !near.contains("telescopes"),
            "{near}"
        );
        let far = map(&[(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)], &[0.5, 0.3, 0.2], &names);
        assert!(names.iter().all(|name| far.contains(name)), "{far}");
    }

    #[test]
    fn many_hours_become_days() {
        let mut all = SharesPerHour::default();
        for hour in 0..=15 * 24_i64 {
            let at = jiff::Timestamp::from_second(1_700_000_000 / 86_400 * 86_400 + hour * 3_600)
                .expect("a moment");
            all.hours.push(crate::lake::Hour::of(at));
            all.posts.push(if hour % 24 == 0 { 3 } else { 0 });
            all.shares.push(vec![0.25, 0.75]);
        }
        let bars = bars(&all);
        assert_eq!(bars.len(), 16);
        assert!(bars.iter().all(|bar| bar.label.len() == 10));
        assert!((bars[3].shares[0] - 0.25).abs() < 1e-9);
    }

    #[test]
    fn charts_of_nothing_are_drawn_too() {
        let nothing =
            HeatMap { rows_are: "a", columns_are: "b", rows: vec![], columns: vec![], cells: vec![] };
        for svg in [
            heat(&nothing, Shade::All, 5, 5),
            hours(&SharesPerHour::default(), 4),
            likelihood(&[]),
            likelihood(&[(1, -1.0)]),
            map(&[], &[], &[]),
        ] {
            assert!(svg.contains("</svg>") && !svg.contains("NaN"), "{svg}");
        }
    }
}
