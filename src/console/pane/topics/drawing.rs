//! How the Topics pane is drawn: the models at the left, the topics of one as cards, and beside them the words of the
//! chosen topic and the map of all. Where there is no room for three, the models give way to what is open.

pub(super) mod answers;
pub(super) mod cards;
mod hours;
pub(super) mod posts;
mod side;
mod work;

use super::{Focus, Row, TopicsPane, View};
use crate::console::action::Action;
use crate::console::app::{Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::topics::Slot;
use crate::console::event::Size;
use crate::console::pane::flow::instead;
use crate::console::theme::Role;
use crate::console::widget::table::{self, Column, Width};
use crate::console::words;
use crate::topics::{Description, Method};

/// Rows above everything: what is open, and what is looked for or an empty one.
pub(super) const ABOVE: u16 = 2;
/// From this width on there is room for models, topics and words.
const WIDE: u16 = 110;

/// The columns of the list.
pub(super) const COLUMNS: [Column; 5] = [
    Column { title: "model", width: Width::Share(15), right: false, rank: 0 },
    Column { title: "by", width: Width::Fixed(5), right: false, rank: 2 },
    Column { title: "k", width: Width::Fixed(4), right: true, rank: 1 },
    Column { title: "npmi", width: Width::Fixed(5), right: true, rank: 1 },
    Column { title: "made", width: Width::Fixed(6), right: true, rank: 3 },
];

/// A part of the pane, from a column on.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) x: u16,
    pub(super) wide: u16,
}

impl Part {
    /// Which of its columns a cell is in.
    pub(super) fn holds(self, x: u16) -> Option<u16> {
        x.checked_sub(self.x).filter(|inside| *inside < self.wide)
    }
}

/// Where the parts are; one that is not shown has no width.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Parts {
    pub(super) list: Part,
    pub(super) cards: Part,
    pub(super) side: Part,
}

impl Parts {
    pub(super) fn of(area: Size, focus: Focus) -> Self {
        let whole = area.width;
        if focus == Focus::Answers {
            let cards = Part { x: 0, wide: answers::LIST };
            let side = Part { x: answers::LIST + 3, wide: whole.saturating_sub(answers::LIST + 3) };
            return Self { list: Part::default(), cards, side };
        }
        let list = match (whole >= WIDE, focus) {
            (true, _) if whole >= 150 => 46,
            (true, _) | (false, Focus::Models) => 38,
            (false, _) => 0,
        };
        let rest_at = if list > 0 { list + 3 } else { 0 };
        let rest = whole.saturating_sub(rest_at);
        let list = Part { x: 0, wide: list.min(whole) };
        // Posts need their lines long; models in a narrow terminal leave room for nothing but their topics.
        if focus == Focus::Posts || (focus == Focus::Models && whole < WIDE) {
            return Self { list, cards: Part { x: rest_at, wide: rest }, side: Part::default() };
        }
        let cards = rest * 11 / 20;
        let side_at = rest_at + cards + 3;
        Self {
            list,
            cards: Part { x: rest_at, wide: cards },
            side: Part { x: side_at, wide: whole.saturating_sub(side_at) },
        }
    }
}

/// Rows below the summary.
pub(super) fn below(area: Size) -> u16 {
    area.height.saturating_sub(ABOVE)
}

/// Rows of the list that are seen.
pub(super) fn list_seen(area: Size) -> usize {
    usize::from(below(area).saturating_sub(1)).max(1)
}

pub(super) fn draw(pane: &TopicsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let area = Size { width: canvas.width(), height: canvas.height() };
    if pane.models.is_empty() && pane.work.is_none() {
        let mut inside = canvas.part(1, 1, area.width.saturating_sub(2), area.height.saturating_sub(1));
        return nothing(pane, desk, &mut inside);
    }
    summary(pane, desk, canvas);
    pane.filter.draw(canvas, 1, &found(pane));
    let parts = Parts::of(area, pane.focus);
    let high = below(area);
    let mapped = pane.view != View::Words && pane.focus == Focus::Topics;
    for (part, shown) in [(parts.cards, true), (parts.side, !mapped)] {
        if shown && part.wide > 0 && part.x > 0 {
            let upright = canvas.signs().upright;
            (ABOVE..area.height).for_each(|y| {
                canvas.put(part.x - 2, y, upright, Role::Faint);
            });
        }
    }
    if parts.list.wide > 0 {
        list(pane, desk, &mut canvas.part(0, ABOVE, parts.list.wide, high));
    }
    let at = |part: Part| (part.x, ABOVE, part.wide, high);
    let (x, y, wide, _) = at(parts.cards);
    let mut cards = canvas.part(x, y, wide, high);
    if pane.focus == Focus::Posts {
        return posts::draw(pane, desk, &mut cards);
    }
    if let (Focus::Answers, Some(open)) = (pane.focus, &pane.open) {
        let Some(asked) = &open.asked else { return };
        answers::questions(asked, &mut cards);
        let (x, y, wide, high) = at(parts.side);
        return answers::answer(open, asked, desk, &mut canvas.part(x, y, wide, high));
    }
    match (pane.focus, pane.chosen(), &pane.open) {
        (Focus::Models, Some(Row::Work(working)), _) => {
            // A fit has nothing to stand beside it.
            let wide = area.width.saturating_sub(parts.cards.x);
            work::draw(working, desk, &mut canvas.part(x, y, wide, high));
        }
        (Focus::Models, Some(Row::Model(model)), _) => match &model.about {
            Ok(about) => {
                cards::of_description(about, &mut cards);
                let (x, y, wide, high) = at(parts.side);
                side::model(about, &mut canvas.part(x, y, wide, high));
            }
            Err(why) => {
                cards.paragraph(0, why, Role::Bad);
            }
        },
        (_, _, Some(open)) if pane.view != View::Words => {
            let wide = area.width.saturating_sub(parts.cards.x);
            let mut whole = canvas.part(x, y, wide, high);
            match (pane.chosen_topic(), pane.view) {
                (Some(topic), View::Map) => side::map(open, topic, desk, &mut whole),
                (Some(topic), _) => hours::draw(pane, open, topic, desk, &mut whole),
                (None, _) => {}
            }
        }
        (_, _, Some(open)) => {
            cards::of_open(pane, open, &mut cards);
            let (x, y, wide, high) = at(parts.side);
            side::topic(pane, open, desk, &mut canvas.part(x, y, wide, high));
        }
        (_, None, None) | (Focus::Topics | Focus::Posts | Focus::Answers, _, None) => {}
    }
}

/// What is left of what is looked for.
fn found(pane: &TopicsPane) -> String {
    let (found, of) = match pane.focus {
        Focus::Models => (pane.rows().len() - usize::from(pane.work.is_some()), pane.models.len()),
        Focus::Topics => {
            (pane.shown_topics().len(), pane.open.as_ref().map_or(0, |open| open.about.topics.len()))
        }
        Focus::Answers => return String::new(),
        Focus::Posts => {
            let posts = pane.open.as_ref().and_then(|open| open.posts.as_ref());
            (pane.shown_posts().len(), posts.map_or(0, |posts| posts.found().len()))
        }
    };
    format!("{found} of {of}")
}

fn summary(pane: &TopicsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let width = canvas.width();
    let state = state(pane, desk, canvas);
    let right =
        state.as_ref().map_or(0, |(text, _)| u16::try_from(crate::text::width(text)).unwrap_or(0) + 2);
    let mut left = canvas.part(0, 0, width.saturating_sub(right), 1);
    let dot = format!(" {} ", left.signs().dot);
    if let (Some(open), true) = (&pane.open, pane.focus != Focus::Models) {
        let name = open.folder.file_name().unwrap_or_default().to_string_lossy();
        let x = left.line(1, 0, &[(&name, Role::Accent), (&dot, Role::Faint)]);
        left.put(x, 0, &quality(&open.about).join(&dot), Role::Text);
    } else {
        let folder = pane.folder.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default();
        let count = words::counted(pane.models.len() - pane.far.len(), "model", "models");
        let x = left.line(1, 0, &[(&count, Role::Strong), (" in ", Role::Faint), (&folder, Role::Text)]);
        if !pane.far.is_empty() {
            let far = words::count(pane.far.len());
            left.line(x, 0, &[(", ", Role::Faint), (&far, Role::Strong), (" in the bucket", Role::Faint)]);
        }
    }
    if let Some((text, role)) = state {
        canvas.put_right(width.saturating_sub(1), 0, &text, role);
    }
}

/// What goes on, at the right of the summary.
fn state(pane: &TopicsPane, desk: &Desk, canvas: &Canvas<'_>) -> Option<(String, Role)> {
    let signs = canvas.signs();
    let runs = |slot: Slot| desk.tasks.runs(slot);
    if let Some(work) = pane.work.as_ref().filter(|_| runs(Slot::Fit)) {
        return Some((format!("{} {}", signs.working, work.in_short()), Role::Warn));
    }
    if runs(Slot::Name) {
        return Some(("writing the name down…".to_owned(), Role::Faint));
    }
    if let Some(trouble) = &pane.trouble {
        return Some((trouble.sentence.clone(), Role::Bad));
    }
    None
}

/// A method as a narrow column has it.
fn in_short(method: Method) -> &'static str {
    match method {
        Method::LdaTfIdf => "tfidf",
        method => method.name(),
    }
}

/// What tells how good a model is, in a few words each.
fn quality(about: &Description) -> Vec<String> {
    let mut words = vec![
        about.method.name().to_owned(),
        format!("{} topics", about.k),
        words::counted(about.documents, "document", "documents"),
        format!("coherence {:.3}", about.coherence_npmi),
        format!("diversity {:.2}", about.diversity),
    ];
    if about.stopped {
        words.push("stopped early".to_owned());
    }
    words
}

fn list(pane: &TopicsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    let (rows, failed) = (pane.rows(), canvas.signs().failed);
    table::draw(canvas, &COLUMNS, &pane.list, rows.len(), |row| {
        let Some(row) = rows.get(row) else { return Vec::new() };
        let model = match row {
            Row::Work(work) => {
                let role = if work.end.is_some() { Role::Text } else { Role::Warn };
                return vec![(work.in_short(), role)];
            }
            Row::Model(model) => model,
        };
        let is_far = pane.far.iter().any(|far| far.folder == model.folder);
        let unknown = if is_far { "s3" } else { "" }.to_owned();
        let made = model.made.map_or(unknown, |made| words::since(made, desk.now));
        match &model.about {
            Ok(about) => vec![
                (model.name(), Role::Text),
                (in_short(about.method).to_owned(), Role::Faint),
                (about.k.to_string(), Role::Text),
                (format!("{:.2}", about.coherence_npmi), Role::Text),
                (made, Role::Faint),
            ],
            Err(_) => vec![(format!("{failed} {}", model.name()), Role::Bad)],
        }
    });
    if pane.focus != Focus::Models {
        return;
    }
    // An empty list under a filter says so in its place.
    if rows.is_empty() {
        canvas.put(2, 1, "No model holds that.", Role::Faint);
    }
}

fn nothing(pane: &TopicsPane, desk: &Desk, canvas: &mut Canvas<'_>) {
    if let Some(trouble) = &pane.trouble {
        return instead(canvas, desk, trouble);
    }
    let Some(folder) = &pane.folder else {
        let words = match desk.session {
            Session::Connecting if !desk.tasks.runs(Slot::Models) => "Signing in…",
            _ => "Looking for models…",
        };
        canvas.put(0, 0, words, Role::Faint);
        return;
    };
    let folder = folder.display().to_string();
    canvas.line(
        0,
        0,
        &[("There is no topic model yet in ", Role::Text), (&folder, Role::Strong), (".", Role::Text)],
    );
    let hints = [
        (Action::TopicsFit, "fits one, from the lake's combined hours or from files of posts"),
        (Action::TopicsSweep, "tries several numbers of topics first, and says which is best"),
        (Action::Lake, "is the lake, where hours are combined"),
    ];
    for (y, (action, words)) in (2..).zip(hints) {
        canvas.line(0, y, &[(&desk.key(action), Role::Key), ("  ", Role::Text), (words, Role::Faint)]);
    }
}
