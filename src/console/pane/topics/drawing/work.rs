//! What is being fitted, as far as it is, and what a sweep came to.

use super::super::work::{End, Kind, Work};
use crate::console::action::Action;
use crate::console::app::Desk;
use crate::console::canvas::Canvas;
use crate::console::effect::topics::Slot;
use crate::console::theme::Role;
use crate::console::widget::bars::{self, Bar};
use crate::console::widget::dots;
use crate::console::words;
use crate::topics::sweep::Tried;

/// Rows of the curve at most.
const CURVE: u16 = 10;

pub(super) fn draw(work: &Work, desk: &Desk, canvas: &mut Canvas<'_>) {
    let title = match work.kind {
        Kind::Fit => format!("Fitting {}", work.name),
        Kind::Sweep { models } => format!("Trying {}", words::counted(models, "model", "models")),
    };
    canvas.put(0, 0, &title, Role::Accent);
    let mut y = 2;
    match &work.end {
        Some(End::Failed(why)) => {
            let width = canvas.width();
            y += canvas.part(0, y, width, 8).paragraph(0, why, Role::Bad) + 1;
            let again = if work.kind == Kind::Fit { Action::TopicsFit } else { Action::TopicsSweep };
            let (again, whole) = (desk.key(again), desk.key(Action::Problem));
            canvas.line(0, y, &[(&again, Role::Key), (" asks again, as it was filled in", Role::Faint)]);
            canvas.line(0, y + 1, &[(&whole, Role::Key), (" shows the causes", Role::Faint)]);
            return;
        }
        Some(End::Swept(sweep)) => {
            match sweep.recommended {
                Some(number) => {
                    let number = format!("{number} topics");
                    canvas.line(0, y, &[("Take ", Role::Text), (&number, Role::Strong)]);
                }
                None => drop(canvas.put(0, y, "No recommendation", Role::Strong)),
            }
            let width = canvas.width();
            let because = canvas.part(0, y + 1, width, 6).paragraph(0, &sweep.because, Role::Text);
            tried(&sweep.tried, y + because + 2, canvas);
            return;
        }
        None => {}
    }
    let stopping = desk
        .tasks
        .running()
        .any(|task| task.slot == Slot::Fit.into() && task.state == crate::console::tasks::State::Stopping);
    let hint = match (stopping, work.kind, work.step) {
        (true, ..) => "is stopping: it comes to a safe point",
        (_, Kind::Fit, Some(_)) => "stops it, and keeps the model as it is",
        _ => "stops it",
    };
    y = passes(work, desk, y, canvas);
    y = counts(work, y, canvas);
    if !work.tried.is_empty() {
        y = tried(&work.tried, y, canvas) + 1;
    }
    let x = canvas.put(0, y, &desk.key(Action::TopicsStop), Role::Key) + 1;
    let width = canvas.width().saturating_sub(x);
    y += canvas.part(x, y, width, 3).paragraph(0, hint, Role::Faint) + 1;
    if work.likelihood.len() > 1 && y + 4 <= canvas.height() {
        let (width, high) = (canvas.width(), (canvas.height() - y - 1).min(CURVE));
        canvas.put(0, y, "likelihood by passes", Role::Faint);
        dots::curve(&mut canvas.part(0, y + 1, width.min(100), high), &work.likelihood, Role::Accent);
    }
}

/// How far it is; gives back the next free row.
fn passes(work: &Work, desk: &Desk, y: u16, canvas: &mut Canvas<'_>) -> u16 {
    let ago = words::since(work.began, desk.now);
    let (done, of) = work.done();
    if of == 0 {
        canvas.line(0, y, &[(&work.stage, Role::Text), ("   begun ", Role::Faint), (&ago, Role::Faint)]);
        return y + 2;
    }
    let wide = canvas.width().min(60);
    bars::progress(canvas, 0, y, wide, done, of);
    let pass = format!("pass {} of {} at most", words::count(done), words::count(of));
    let dot = format!(" {} ", canvas.signs().dot);
    let mut said = vec![pass];
    if let Some((_, likelihood)) = work.likelihood.last() {
        said.push(format!("likelihood {likelihood:.4}"));
    }
    if let Some(left) = work.left() {
        said.push(format!("{} left at most", in_words(left.as_secs().max(0))));
    }
    if let Kind::Sweep { models } = work.kind {
        said.insert(0, format!("model {} of {models}", work.tried.len() + 1));
    }
    let rows = canvas.paragraph(y + 1, &said.join(&dot), Role::Text);
    y + rows + 2
}

fn in_words(seconds: i64) -> String {
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

/// What became of the posts; gives back the next free row.
fn counts(work: &Work, y: u16, canvas: &mut Canvas<'_>) -> u16 {
    let Some(counts) = &work.counts else { return y };
    let mut row = y;
    for (what, count) in counts.rows().filter(|(_, count)| *count > 0) {
        canvas.put_right(10, row, &words::count(count), Role::Strong);
        canvas.put(12, row, what, Role::Faint);
        row += 1;
    }
    row + 1
}

/// Each number of topics with the means of its seeds: the held-out likelihood in words, the coherence as a bar. Gives
/// back the next free row.
fn tried(tried: &[Tried], y: u16, canvas: &mut Canvas<'_>) -> u16 {
    let mut sizes: Vec<usize> = tried.iter().map(|one| one.k).collect();
    sizes.sort_unstable();
    sizes.dedup();
    let bar = |k: &usize| {
        let of: Vec<&Tried> = tried.iter().filter(|one| one.k == *k).collect();
        let mean = |value: fn(&Tried) -> f64| of.iter().map(|one| value(one)).sum::<f64>() / count(of.len());
        let (coherence, held_out) = (mean(|one| one.coherence_npmi), mean(|one| one.held_out));
        let words = format!("{coherence:.3} {held_out:>7.3}");
        Bar { label: format!("{k} topics"), value: coherence, words }
    };
    let bars: Vec<Bar> = sizes.iter().map(bar).collect();
    let head = "coherence, as a bar, and the likelihood of unseen words, in nats";
    let y = y + canvas.paragraph(y, head, Role::Faint) - 1;
    let (width, rows) = (canvas.width().min(90), u16::try_from(bars.len()).unwrap_or(u16::MAX));
    bars::chart(&mut canvas.part(0, y + 1, width, rows), &bars);
    y.saturating_add(rows).saturating_add(2)
}

#[expect(clippy::cast_precision_loss, reason = "there are few seeds")]
fn count(number: usize) -> f64 {
    number.max(1) as f64
}
