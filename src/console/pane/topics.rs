//! The Topics pane: the models that are kept, and one of them read: its topics by their shares, the words of the chosen
//! one by relevance, a map of all, their shares over time, the posts that are most of it, and the answers to the
//! questions about all posts. What is being fitted stands over the models.
//!
//! Ranking words, placing topics, finding posts and asking questions are jobs: nothing that grows with a model is done
//! where the screen is drawn. A model that is read is kept in memory until another one is.

mod asked;
mod drawing;
mod form;
mod open;
mod periods;
mod work;

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use super::flow::{Place, State as StationState, Station};
use super::{Ask, Employs, Pane, PaneState};
use crate::console::action::Action;
use crate::console::app::{App, Desk, Session};
use crate::console::canvas::Canvas;
use crate::console::effect::topics::{Item, Job, OnSpark, Outcome, Planned, Slot, SparkWork};
use crate::console::effect::{Remedy, Trouble};
use crate::console::event::Size;
use crate::console::key::{Code, Key};
use crate::console::overlay::Overlay;
use crate::console::widget::dialog::{Answer, Dialog, Field};
use crate::console::widget::filter::Filter;
use crate::console::widget::input::Input;
use crate::console::widget::table::TableState;
use crate::console::words;
use crate::progress::Report;
use crate::settings::EngineName;
use crate::topics::questions::NAMES;
use crate::topics::{Description, Kept, TypicalPost};
use asked::{Asked, State as AskedState};
use open::{Found, Open, Posts};
use work::{End, Kind, Work};

/// How often the models are listed by themselves while somebody looks.
const REFRESH: SignedDuration = SignedDuration::from_mins(1);
/// The same of those in the bucket: each listing is paid for.
const REFRESH_FAR: SignedDuration = SignedDuration::from_mins(10);
/// λ at first, in tenths: what people read topics best by (Sievert and Shirley 2014).
const LAMBDA: u8 = 6;
/// Models whose coherence the station shows.
const TREND: usize = 24;

/// Where the keys go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Focus {
    /// The models, and what is being fitted.
    #[default]
    Models,
    /// The topics of the open model.
    Topics,
    /// The posts of one.
    Posts,
    /// The questions about all posts.
    Answers,
}

/// What stands beside the topics, or in the place of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum View {
    /// The chosen topic's words.
    #[default]
    Words,
    /// All topics, by how alike they are.
    Map,
    /// All topics, by how much of each hour is theirs.
    Hours,
}

/// What the pane holds.
#[derive(Debug)]
pub struct TopicsPane {
    /// Where the models are kept, once they were listed.
    folder: Option<PathBuf>,
    /// Those of this machine and those of the bucket, the newest first.
    models: Vec<Kept>,
    /// Those of the bucket.
    far: Vec<Kept>,
    asked: Option<Timestamp>,
    /// When those of the bucket were asked for.
    asked_far: Option<Timestamp>,
    /// When they are first to be listed.
    first: Option<Timestamp>,
    trouble: Option<Trouble>,
    list: TableState,
    focus: Focus,
    open: Option<Open>,
    /// λ in tenths.
    lambda: u8,
    view: View,
    filter: Filter,
    /// The name that is being typed.
    naming: Option<Input>,
    /// What is being fitted, and what became of it if it left no model.
    work: Option<Work>,
    /// The model to go to when the models are listed.
    wanted: Option<PathBuf>,
    /// What was filled in last.
    filled: Option<Vec<Field>>,
    /// The job on Spark whose plan is shown.
    planned: Option<Planned>,
}

impl Default for TopicsPane {
    fn default() -> Self {
        Self {
            folder: None,
            models: Vec::new(),
            far: Vec::new(),
            asked: None,
            asked_far: None,
            first: None,
            trouble: None,
            list: TableState::default(),
            focus: Focus::default(),
            open: None,
            lambda: LAMBDA,
            view: View::default(),
            filter: Filter::default(),
            naming: None,
            work: None,
            wanted: None,
            filled: None,
            planned: None,
        }
    }
}

/// A row of the list.
#[derive(Debug, Clone, Copy)]
enum Row<'a> {
    Work(&'a Work),
    Model(&'a Kept),
}

impl TopicsPane {
    fn list_models(&mut self, desk: &Desk) -> Vec<Ask> {
        self.asked = Some(desk.now);
        let mut asks = vec![Ask::start(Job::Models)];
        let is_old = self.asked_far.is_none_or(|asked| desk.now.duration_since(asked) >= REFRESH_FAR);
        if is_old && desk.identity().is_some() && !desk.tasks.runs(Slot::FarModels) {
            self.asked_far = Some(desk.now);
            asks.push(Ask::start(Job::FarModels));
        }
        asks
    }

    /// The models of this machine.
    fn near(&self) -> Vec<Kept> {
        let is_near = |model: &&Kept| !self.far.iter().any(|far| far.folder == model.folder);
        self.models.iter().filter(is_near).cloned().collect()
    }

    /// What is listed: what is being fitted first, then the models as they are sorted, those that are looked for.
    fn rows(&self) -> Vec<Row<'_>> {
        let filter = (self.focus == Focus::Models).then_some(&self.filter);
        let found = |model: &&Kept| {
            let method = model.about.as_ref().map_or("", |about| about.method.name());
            filter.is_none_or(|filter| filter.matches([model.name().as_str(), method]))
        };
        let mut models: Vec<&Kept> = self.models.iter().filter(found).collect();
        if let Some((column, backwards)) = self.list.sort {
            let number = |model: &Kept, of: fn(&Description) -> f64| {
                model.about.as_ref().map_or(f64::NEG_INFINITY, of)
            };
            models.sort_by(|a, b| match column {
                0 => a.name().cmp(&b.name()),
                1 => method(a).cmp(method(b)),
                2 => number(a, topics_of).total_cmp(&number(b, topics_of)),
                3 => number(a, |about| about.coherence_npmi)
                    .total_cmp(&number(b, |about| about.coherence_npmi)),
                _ => a.made.cmp(&b.made),
            });
            if backwards {
                models.reverse();
            }
        }
        self.work.iter().map(Row::Work).chain(models.into_iter().map(Row::Model)).collect()
    }

    fn chosen(&self) -> Option<Row<'_>> {
        self.rows().get(self.list.chosen).copied()
    }

    /// Opens what is chosen in the list.
    fn open_model(&mut self) -> Vec<Ask> {
        let Some(Row::Model(model)) = self.chosen() else { return Vec::new() };
        let about = match &model.about {
            Ok(about) => about.clone(),
            Err(why) => return vec![Ask::Say(why.clone())],
        };
        let folder = model.folder.clone();
        self.focus = Focus::Topics;
        self.filter.clear();
        if self.open.as_ref().is_some_and(|open| open.folder == folder) {
            return Vec::new();
        }
        self.open = Some(Open::new(folder.clone(), about));
        vec![Ask::start(Job::Open(folder))]
    }

    /// The topic that is chosen in the open model.
    fn chosen_topic(&self) -> Option<usize> {
        if self.focus == Focus::Models {
            return None;
        }
        let open = self.open.as_ref()?;
        self.shown_topics().get(open.topics.chosen).copied()
    }

    /// The topics of the open model that are looked for.
    fn shown_topics(&self) -> Vec<usize> {
        let Some(open) = &self.open else { return Vec::new() };
        let filter = (self.focus == Focus::Topics).then_some(&self.filter);
        let found = |topic: &usize| filter.is_none_or(|filter| open.matches(*topic, filter));
        (0..open.about.topics.len()).filter(found).collect()
    }

    /// The posts that are looked for, of those that were found.
    fn shown_posts(&self) -> Vec<&TypicalPost> {
        let posts = self.open.as_ref().and_then(|open| open.posts.as_ref());
        let found = posts.map(Posts::found).unwrap_or_default();
        found.iter().filter(|post| self.filter.matches([post.text.as_str()])).collect()
    }

    fn open_topic(&mut self) -> Vec<Ask> {
        let Some(topic) = self.chosen_topic() else { return Vec::new() };
        let Some(open) = &mut self.open else { return Vec::new() };
        // Hidden topics come back with the posts: the choice goes with its topic.
        open.topics.chosen = topic;
        self.focus = Focus::Posts;
        self.filter.clear();
        if open.posts.as_ref().is_some_and(|posts| posts.topic == topic) {
            return Vec::new();
        }
        open.posts = Some(Posts { topic, found: Found::Looking, chosen: 0, top: 0 });
        let (folder, words) = (open.folder.clone(), open.leading_words(topic));
        vec![Ask::start(Job::Documents { folder, topic, words })]
    }

    fn open_post(&self) -> Vec<Ask> {
        let Some(open) = &self.open else { return Vec::new() };
        let Some(posts) = &open.posts else { return Vec::new() };
        let shown = self.shown_posts();
        let Some(post) = shown.get(posts.chosen) else { return Vec::new() };
        let folded = match post.posts {
            0 | 1 => String::new(),
            posts => format!("\nposts   {posts} that say this, or all but this"),
        };
        let text = format!(
            "{}\n\ntopic   {} {}, {:.0} %\nid      {}\ntime    {}{folded}",
            post.text,
            posts.topic,
            open.title(posts.topic),
            post.share * 100.0,
            post.id,
            post.created_at,
        );
        vec![Ask::open(Overlay::text("Post", text))]
    }

    /// One step back; `None` at the outermost.
    fn back(&mut self) -> Option<Vec<Ask>> {
        if self.filter.clear() {
            return Some(Vec::new());
        }
        self.focus = match self.focus {
            Focus::Models => return None,
            Focus::Topics => Focus::Models,
            Focus::Posts => Focus::Topics,
            Focus::Answers => return Some(self.back_from_answers()),
        };
        Some(Vec::new())
    }

    /// From an answer to the questions, and from those to the topics; who goes while they are asked asks no more.
    fn back_from_answers(&mut self) -> Vec<Ask> {
        let Some(open) = &mut self.open else { return Vec::new() };
        let Some(asked) = &mut open.asked else { return Vec::new() };
        if asked.back() {
            return Vec::new();
        }
        self.focus = Focus::Topics;
        match asked.state {
            AskedState::Asking => {
                open.asked = None;
                vec![Ask::cancel(Slot::Answers)]
            }
            AskedState::Failed(_) | AskedState::Answered(_) => Vec::new(),
        }
    }

    /// Goes to the answers; to the form of the questions if there are none, or if the operator is there.
    fn ask(&mut self) -> Vec<Ask> {
        let answered = self.open.as_ref().and_then(|open| open.asked.as_ref());
        if self.focus != Focus::Answers && answered.is_some_and(|asked| asked.answers().is_some()) {
            self.focus = Focus::Answers;
            self.filter.clear();
            return Vec::new();
        }
        vec![form::ask_about(self.filled.as_deref())]
    }

    /// The model that a report is of: the chosen one, or the open one.
    fn reported(&self) -> Option<&PathBuf> {
        match (self.focus, self.chosen()) {
            (Focus::Models, Some(Row::Model(model))) => model.about.as_ref().ok().map(|_| &model.folder),
            (Focus::Models, _) => None,
            _ => self.open.as_ref().map(|open| &open.folder),
        }
    }

    fn report(&self) -> Vec<Ask> {
        let Some(folder) = self.reported() else { return Vec::new() };
        let open = self.open.as_ref().filter(|open| open.folder == *folder);
        let answers = open.and_then(|open| open.asked.as_ref()?.answers().cloned());
        vec![Ask::start(Job::Report { folder: folder.clone(), answers, lambda: self.lambda })]
    }

    /// Shows this beside the topics, or the words again.
    fn turn_to(&mut self, view: View) {
        self.view = if self.view == view { View::Words } else { view };
        if self.focus == Focus::Answers {
            self.focus = Focus::Topics;
        }
    }

    fn rank(&mut self, lambda: u8) -> Vec<Ask> {
        let before = std::mem::replace(&mut self.lambda, lambda.min(10));
        let Some(open) = self.open.as_ref().filter(|_| before != self.lambda) else { return Vec::new() };
        let Some(model) = open.model.clone() else { return Vec::new() };
        vec![Ask::start(Job::Rank { folder: open.folder.clone(), model, lambda: self.lambda })]
    }

    fn begin_naming(&mut self) {
        let name = self.chosen_topic().and_then(|topic| {
            let open = self.open.as_ref()?;
            open.about.topics.get(topic).map(|topic| topic.name.clone())
        });
        let mut input = Input::default();
        input.paste(&name.unwrap_or_default());
        self.naming = Some(input);
    }

    fn named(&mut self, name: &str) -> Vec<Ask> {
        let (Some(topic), Some(open)) = (self.chosen_topic(), &self.open) else { return Vec::new() };
        vec![Ask::start(Job::Name { folder: open.folder.clone(), topic, name: name.trim().to_owned() })]
    }

    /// Lists what came anew, and keeps the choice where it was.
    fn listed(&mut self, near: Vec<Kept>) {
        let at = match self.chosen() {
            Some(Row::Model(model)) => Some(model.folder.clone()),
            _ => None,
        };
        let at = self.wanted.take().or(at);
        self.models = near;
        self.models.extend(self.far.iter().cloned());
        self.models.sort_by_key(|model| std::cmp::Reverse(model.made));
        let is_there = |open: &Open| self.models.iter().any(|model| model.folder == open.folder);
        if self.open.as_ref().is_some_and(|open| !is_there(open)) {
            (self.open, self.focus, self.naming) = (None, Focus::Models, None);
        }
        let is_at = |row: &Row<'_>| matches!(row, Row::Model(model) if Some(&model.folder) == at.as_ref());
        let rows = self.rows();
        let (place, count) = (rows.iter().position(is_at), rows.len());
        self.list.chosen = place.unwrap_or(self.list.chosen);
        self.list.settle(count);
    }

    /// A job to fit begins: it stands over the models.
    fn begin(&mut self, work: Work, job: Job) -> Vec<Ask> {
        self.work = Some(work);
        self.focus = Focus::Models;
        self.filter.clear();
        self.list.act(Action::First, self.models.len() + 1, 1);
        vec![Ask::start(job)]
    }

    fn begin_asking(&mut self, from: crate::console::effect::topics::From) -> Vec<Ask> {
        let Some(open) = &mut self.open else { return Vec::new() };
        open.asked = Some(Asked::begin());
        self.focus = Focus::Answers;
        self.filter.clear();
        vec![Ask::start(Job::Answer { folder: open.folder.clone(), from })]
    }

    fn asked(&mut self) -> Option<&mut Asked> {
        self.open.as_mut().filter(|_| self.focus == Focus::Answers)?.asked.as_mut()
    }

    /// Whether the keys go to the answer of the chosen question.
    fn is_in_answer(&self) -> bool {
        let asked = self.open.as_ref().and_then(|open| open.asked.as_ref());
        self.focus == Focus::Answers && asked.is_some_and(|asked| asked.inside)
    }

    fn enter_answer(&mut self) {
        if let Some(asked) = self.asked() {
            asked.enter();
        }
    }

    fn move_in_answers(&mut self, action: Action, area: Size) -> bool {
        let seen = drawing::answers::seen(area);
        self.asked().is_some_and(|asked| asked.act(action, seen))
    }

    /// A click on a question chooses it; one on its answer goes there.
    fn click_answers(&mut self, on_questions: bool, y: u16) {
        let Some(asked) = self.asked() else { return };
        let question = usize::from(y).checked_sub(drawing::answers::HEAD.into());
        match question.filter(|question| on_questions && *question < NAMES.len()) {
            Some(question) => {
                (asked.list.chosen, asked.inside, asked.at) = (question, false, (0, 0));
            }
            None if !on_questions => asked.enter(),
            None => {}
        }
    }

    /// A model is fitted: it is there at once, for a key that comes before the listing.
    fn fitted(&mut self, folder: PathBuf, about: Description, desk: &Desk) -> Vec<Ask> {
        self.work = None;
        let stopped = if about.stopped { ", stopped and kept as it was then" } else { "" };
        let said = format!("{} topics are kept in {}{stopped}", about.k, folder.display());
        let fresh = Kept { folder: folder.clone(), made: Some(desk.now), about: Ok(about) };
        let near = std::iter::once(fresh).chain(self.near()).collect();
        self.wanted = Some(folder.clone());
        self.listed(near);
        self.wanted = Some(folder);
        let mut asks = self.list_models(desk);
        asks.push(Ask::Say(said));
        asks
    }

    /// A job on Spark has left a model: it is listed.
    fn job_done(&mut self, folder: PathBuf, topics: usize, desk: &Desk) -> Vec<Ask> {
        let said = format!("{topics} topics of a job on Spark are kept in {}", folder.display());
        self.wanted = Some(folder);
        let mut asks = self.list_models(desk);
        asks.push(Ask::Say(said));
        asks
    }

    /// What a job would read, take and cost: it is handed over when the operator has seen it.
    fn planned(&mut self, planned: Planned, desk: &Desk) -> Vec<Ask> {
        let hindrance = if desk.readonly {
            Some("this run is read-only: nothing is handed over".to_owned())
        } else if desk.tasks.runs(Slot::Job(planned.key)) {
            Some(desk.shown_by("such a job runs already", Action::Tasks))
        } else {
            planned.hindrance.clone()
        };
        let ask = form::ask_job(&planned, hindrance);
        self.planned = Some(planned);
        vec![ask]
    }

    fn move_in_posts(&mut self, action: Action, desk: &Desk) -> bool {
        let heights = drawing::posts::heights(&self.shown_posts(), desk.area(), self.focus);
        let seen = usize::from(drawing::below(desk.area()).saturating_sub(drawing::posts::HEAD));
        let Some(posts) = self.open.as_mut().and_then(|open| open.posts.as_mut()) else { return false };
        posts.act(action, &heights, seen)
    }
}

/// Goes along with the jobs that nobody here goes along with yet: one that is begun anew would end what it followed.
fn follow(jobs: Vec<(u64, String, EngineName)>, desk: &Desk) -> Vec<Ask> {
    let mut taken = BTreeSet::new();
    let unfollowed = jobs
        .into_iter()
        .filter(|(key, ..)| !desk.readonly && !desk.tasks.runs(Slot::Job(*key)) && taken.insert(*key));
    unfollowed.map(|(key, id, engine)| Ask::start(Job::Follow { key, id, engine })).collect()
}

fn method(model: &Kept) -> &'static str {
    model.about.as_ref().map_or("", |about| about.method.name())
}

#[expect(clippy::cast_precision_loss, reason = "there are at most a thousand")]
fn topics_of(about: &Description) -> f64 {
    about.topics.len() as f64
}

impl PaneState for TopicsPane {
    fn habits(&self) -> &'static [Action] {
        &[Action::Open, Action::Filter, Action::Sort, Action::SortBackwards, Action::Copy]
    }

    fn act(&mut self, action: Action, desk: &Desk) -> Option<Vec<Ask>> {
        let area = desk.area();
        match action {
            Action::Refresh => {
                self.asked_far = None;
                return Some(self.list_models(desk));
            }
            Action::Open => {
                return Some(match self.focus {
                    Focus::Models => self.open_model(),
                    Focus::Topics => self.open_topic(),
                    Focus::Posts => self.open_post(),
                    Focus::Answers => {
                        self.enter_answer();
                        Vec::new()
                    }
                });
            }
            Action::Back => return self.back(),
            Action::Left if self.is_in_answer() => return self.move_in_answers(action, area).then(Vec::new),
            Action::Left if self.focus != Focus::Models => return self.back(),
            Action::Right if self.focus == Focus::Models => return Some(self.open_model()),
            Action::Right if self.focus == Focus::Topics => return Some(self.open_topic()),
            Action::Filter => self.filter.open(),
            Action::Sort => self.list.sort_next(drawing::COLUMNS.len()),
            Action::SortBackwards => self.list.reverse(),
            Action::TopicsFit => return Some(vec![form::ask_fit(self.filled.as_deref(), desk.now)]),
            Action::TopicsSweep => return Some(vec![form::ask_sweep(self.filled.as_deref())]),
            Action::TopicsStop => return Some(vec![Ask::cancel(Slot::Fit)]),
            Action::TopicsName => self.begin_naming(),
            Action::Right if self.focus == Focus::Answers && !self.is_in_answer() => self.enter_answer(),
            Action::TopicsMap => self.turn_to(View::Map),
            Action::TopicsHours => self.turn_to(View::Hours),
            Action::TopicsAsk => return Some(self.ask()),
            Action::TopicsReport => return Some(self.report()),
            Action::TopicsParticular => return Some(self.rank(self.lambda.saturating_sub(1))),
            Action::TopicsFrequent => return Some(self.rank(self.lambda + 1)),
            _ => {
                let moved = match self.focus {
                    Focus::Models => {
                        let rows = self.rows().len();
                        self.list.act(action, rows, drawing::list_seen(area))
                    }
                    Focus::Topics => {
                        let rows = self.shown_topics().len();
                        let open = self.open.as_mut()?;
                        open.topics.act(action, rows, drawing::cards::seen(area))
                    }
                    Focus::Posts => self.move_in_posts(action, desk),
                    Focus::Answers => self.move_in_answers(action, area),
                };
                return moved.then(Vec::new);
            }
        }
        Some(Vec::new())
    }

    fn hindrance(&self, action: Action, desk: &Desk) -> Option<String> {
        let said = |hindered: bool, why: &str| hindered.then(|| why.to_owned());
        match action {
            Action::TopicsFit | Action::TopicsSweep => {
                let busy = || format!("a model is being fitted: `{}` stops it", desk.key(Action::TopicsStop));
                desk.tasks.runs(Slot::Fit).then(busy)
            }
            Action::TopicsStop => said(!desk.tasks.runs(Slot::Fit), "nothing is being fitted"),
            Action::TopicsName => {
                said(self.chosen_topic().is_none(), "open a model and choose a topic first")
                    .or_else(|| said(desk.tasks.runs(Slot::Name), "a name is being written down"))
            }
            Action::TopicsMap
            | Action::TopicsHours
            | Action::TopicsAsk
            | Action::TopicsParticular
            | Action::TopicsFrequent => said(self.open.is_none(), "open a model first"),
            Action::TopicsReport => said(self.reported().is_none(), "choose a model first")
                .or_else(|| said(desk.tasks.runs(Slot::Report), "a report is being written")),
            Action::Sort | Action::SortBackwards if self.focus == Focus::Answers => {
                Some("answers stand in their order".to_owned())
            }
            Action::Filter if self.focus == Focus::Answers => Some("there are eleven questions".to_owned()),
            Action::Sort | Action::SortBackwards if self.focus != Focus::Models => {
                Some("topics stand in the order of their shares".to_owned())
            }
            Action::Open => said(self.rows().is_empty(), "there is no model"),
            _ => None,
        }
    }

    fn is_typing(&self) -> bool {
        self.filter.is_typing() || self.naming.is_some()
    }

    fn key(&mut self, key: Key, _desk: &Desk) -> Vec<Ask> {
        if let Some(mut input) = self.naming.take() {
            match key.code {
                Code::Named("esc") => {}
                Code::Named("enter") => return self.named(&input.text()),
                _ => {
                    input.press(key);
                    self.naming = Some(input);
                }
            }
            return Vec::new();
        }
        if self.filter.key(key) {
            self.found();
        }
        Vec::new()
    }

    fn paste(&mut self, text: &str) {
        if let Some(input) = &mut self.naming {
            input.paste(text);
        } else {
            self.filter.paste(text);
            self.found();
        }
    }

    fn click(&mut self, x: u16, y: u16, desk: &Desk) -> Vec<Ask> {
        let area = desk.area();
        let Some(y) = y.checked_sub(drawing::ABOVE) else { return Vec::new() };
        let parts = drawing::Parts::of(area, self.focus);
        if let Some(x) = parts.list.holds(x) {
            let rows = self.rows().len();
            let (was, chosen) = (self.focus, self.list.chosen);
            self.focus = Focus::Models;
            let size = Size { width: parts.list.wide, height: drawing::below(area) };
            let there = self.list.click(x, y, &drawing::COLUMNS, rows, size);
            let again = there && y > 0 && was == Focus::Models && self.list.chosen == chosen;
            return if again { self.open_model() } else { Vec::new() };
        }
        if self.focus == Focus::Posts {
            let heights = drawing::posts::heights(&self.shown_posts(), area, self.focus);
            let posts = self.open.as_mut().and_then(|open| open.posts.as_mut());
            if let (Some(posts), Some(row)) = (posts, y.checked_sub(drawing::posts::HEAD)) {
                posts.choose_at(usize::from(row), &heights);
            }
            return Vec::new();
        }
        if self.focus == Focus::Answers {
            self.click_answers(parts.cards.holds(x).is_some(), y);
            return Vec::new();
        }
        if self.view != View::Words && self.focus == Focus::Topics {
            return Vec::new();
        }
        if parts.cards.holds(x).is_some() && self.focus == Focus::Topics {
            let count = self.shown_topics().len();
            let Some(open) = &mut self.open else { return Vec::new() };
            let card = usize::from(y / drawing::cards::high(area));
            let row = open.topics.top(drawing::cards::seen(area)) + card;
            if row < count {
                let again = open.topics.chosen == row;
                open.topics.chosen = row;
                return if again { self.open_topic() } else { Vec::new() };
            }
        } else if parts.cards.holds(x).is_some() {
            return self.open_model();
        }
        Vec::new()
    }

    fn signed_in(&mut self, desk: &Desk) -> Vec<Ask> {
        self.first = desk.later(SignedDuration::from_secs(1));
        // Jobs that an earlier console or a command has begun are gone along with from here on.
        let mut asks = vec![Ask::start(Job::Jobs)];
        // What was listed before that is of this machine alone.
        if self.asked.is_some() && desk.pane == Pane::Topics {
            asks.extend(self.list_models(desk));
        }
        asks
    }

    /// Models are on this machine: they are there for somebody who is not signed in too.
    fn entered(&mut self, desk: &Desk) -> Vec<Ask> {
        let welcome = matches!(desk.session, Session::Unset(_));
        if welcome {
            return Vec::new();
        }
        // Those that a command has begun since.
        let mut asks = Vec::new();
        if !desk.tasks.runs(Slot::Jobs) {
            asks.push(Ask::start(Job::Jobs));
        }
        if self.asked.is_none() && !desk.tasks.runs(Slot::Models) {
            asks.extend(self.list_models(desk));
        }
        asks
    }

    fn due(&self, desk: &Desk) -> Option<Timestamp> {
        let shown = matches!(desk.pane, Pane::Flow | Pane::Topics) && desk.focused;
        if !shown || desk.tasks.runs(Slot::Models) {
            return None;
        }
        match self.asked {
            Some(asked) => asked.checked_add(REFRESH).ok(),
            None => self.first,
        }
    }

    fn tick(&mut self, desk: &Desk) -> Vec<Ask> {
        self.list_models(desk)
    }

    fn answered(&mut self, name: &'static str, answer: Answer, dialog: &Dialog, desk: &Desk) -> Vec<Ask> {
        if answer != Answer::Confirmed {
            return Vec::new();
        }
        if name == form::JOB {
            let begin = |Planned { job, key, .. }| Ask::start(Job::Submit { job, key });
            return self.planned.take().map(begin).into_iter().collect();
        }
        let filled = form::filled(dialog);
        match name {
            form::FIT => match form::read_fit(dialog) {
                Ok((wish, name)) => {
                    self.filled = Some(filled);
                    if let Some(engine) = form::read_engine(dialog) {
                        let work = SparkWork::Fit { wish: Box::new(wish), name };
                        return vec![Ask::start(Job::Plan(OnSpark { engine, work }))];
                    }
                    let work = Work::new(Kind::Fit, name.clone(), desk.now);
                    self.begin(work, Job::Fit { wish: Box::new(wish), name })
                }
                Err(why) => vec![Ask::Say(why)],
            },
            form::ASK => match form::read_about(dialog) {
                Ok(from) => {
                    self.filled = Some(form::filled_posts(self.filled.take(), dialog));
                    self.begin_asking(from)
                }
                Err(why) => vec![Ask::Say(why)],
            },
            _ => match form::read_sweep(dialog) {
                Ok((wish, sizes, seeds)) => {
                    self.filled = Some(filled);
                    let kind = Kind::Sweep { models: sizes.len() * seeds.len() };
                    let work = Work::new(kind, "sweep".to_owned(), desk.now);
                    self.begin(work, Job::Sweep { wish: Box::new(wish), sizes, seeds })
                }
                Err(why) => vec![Ask::Say(why)],
            },
        }
    }

    fn address(&self, _desk: &Desk) -> Option<String> {
        match (self.focus, &self.open) {
            (Focus::Posts, Some(open)) => {
                let chosen = open.posts.as_ref()?.chosen;
                self.shown_posts().get(chosen).map(|post| post.text.clone())
            }
            (Focus::Topics | Focus::Answers, Some(open)) => Some(open.folder.display().to_string()),
            _ => match self.chosen()? {
                Row::Model(model) => Some(model.folder.display().to_string()),
                Row::Work(_) => None,
            },
        }
    }

    fn station(&self, place: Place, desk: &Desk) -> Option<Station> {
        if place != Place::Topics {
            return None;
        }
        let coherence = |model: &Kept| model.about.as_ref().ok().map(|about| about.coherence_npmi);
        let mut trend: Vec<Option<f64>> = self.models.iter().take(TREND).map(coherence).collect();
        trend.reverse();
        let working = self.work.as_ref().filter(|_| desk.tasks.runs(Slot::Fit));
        let mut more = String::new();
        let (state, number) = match (working, self.models.first()) {
            (Some(work), _) => (StationState::Working, work.in_short()),
            (None, Some(newest)) => {
                more = newest.made.map(|made| words::since(made, desk.now)).unwrap_or_default();
                match &newest.about {
                    Ok(about) => (StationState::Ready, format!("{} topics", about.topics.len())),
                    Err(_) => (StationState::Drifted, "unreadable".to_owned()),
                }
            }
            (None, None) if self.folder.is_some() => (StationState::Absent, "no model".to_owned()),
            (None, None) => return Some(Station::unknown("not read")),
        };
        Some(Station { state, number, more, trend, ..Station::default() })
    }

    fn draw(&self, app: &App, canvas: &mut Canvas<'_>) {
        drawing::draw(self, &app.desk, canvas);
    }
}

impl TopicsPane {
    /// What is looked for has changed: the choice begins at the first that was found.
    fn found(&mut self) {
        match (self.focus, &mut self.open) {
            (Focus::Models, _) => self.list.chosen = 0,
            (Focus::Topics, Some(open)) => open.topics.chosen = 0,
            (Focus::Posts, Some(Open { posts: Some(posts), .. })) => (posts.chosen, posts.top) = (0, 0),
            _ => {}
        }
    }
}

impl Employs for TopicsPane {
    type Slot = Slot;
    type Outcome = Outcome;
    type Item = Item;

    fn came_to(&mut self, outcome: Outcome, desk: &Desk) -> Vec<Ask> {
        match outcome {
            Outcome::Models { folder, models } => {
                (self.folder, self.trouble) = (Some(folder), None);
                self.listed(models);
            }
            Outcome::FarModels(models) => {
                let near = self.near();
                self.far = models;
                self.listed(near);
            }
            Outcome::Opened { folder, model } => {
                let lambda = self.lambda;
                let Some(open) = self.open.as_mut().filter(|open| open.folder == folder) else {
                    return Vec::new();
                };
                open.model = Some(model.clone());
                let place = Job::Place { folder: folder.clone(), model: model.clone() };
                let hours = Job::Hours { folder: folder.clone(), topics: model.k() };
                let rank = Job::Rank { folder, model, lambda };
                return vec![Ask::start(rank), Ask::start(place), Ask::start(hours)];
            }
            Outcome::Ranked { folder, lambda, words } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.folder == folder) {
                    open.words = Some((lambda, words));
                }
            }
            Outcome::Placed { folder, places } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.folder == folder) {
                    open.places = Some(places);
                }
            }
            Outcome::Hours { folder, hours } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.folder == folder) {
                    open.hours = Some(hours);
                }
            }
            Outcome::Answered { folder, answers } => {
                let open = self.open.as_mut().filter(|open| open.folder == folder);
                if let Some(asked) = open.and_then(|open| open.asked.as_mut()) {
                    asked.state = AskedState::Answered(answers);
                }
            }
            Outcome::Reported { address, shown } => {
                let said = if shown { "the report is opened: " } else { "the report is in " };
                return vec![Ask::Say(format!("{said}{address}"))];
            }
            Outcome::Documents { folder, topic, posts } => {
                let open = self.open.as_mut().filter(|open| open.folder == folder);
                if let Some(wanted) = open.and_then(|open| open.posts.as_mut())
                    && wanted.topic == topic
                {
                    wanted.found = posts.map_or(Found::NoTexts, Found::Posts);
                }
            }
            Outcome::Named { folder, about } => {
                if let Some(open) = self.open.as_mut().filter(|open| open.folder == folder) {
                    open.about = about.clone();
                }
                let listed = self.models.iter_mut().chain(&mut self.far);
                for model in listed.filter(|model| model.folder == folder) {
                    model.about = Ok(about.clone());
                }
            }
            Outcome::Read(posts) => {
                if let Some(work) = &mut self.work {
                    work.read(posts);
                }
            }
            Outcome::Prepared(counts) => {
                if let Some(work) = &mut self.work {
                    work.prepared(counts);
                }
            }
            Outcome::Tried(tried) => {
                if let Some(work) = &mut self.work {
                    work.tried.push(tried);
                }
            }
            Outcome::Swept(sweep) => {
                if let Some(work) = &mut self.work {
                    work.end = Some(End::Swept(sweep));
                }
            }
            Outcome::Jobs(jobs) => return follow(jobs, desk),
            Outcome::Planned(planned) => return self.planned(*planned, desk),
            Outcome::JobCombined(ran) => {
                return vec![super::lake::told_of(&ran), Ask::Of(Pane::Lake, Action::Refresh)];
            }
            Outcome::JobDone { folder, about } => return self.job_done(folder, about.k, desk),
            Outcome::Fitted { folder, about } => return self.fitted(folder, about, desk),
        }
        Vec::new()
    }

    fn failed(&mut self, slot: Slot, trouble: &Trouble, desk: &Desk) -> Vec<Ask> {
        match slot {
            Slot::Models => {
                self.asked = Some(desk.now);
                self.trouble = Some(trouble.clone());
            }
            Slot::Model => (self.open, self.focus) = (None, Focus::Models),
            Slot::Documents => {
                if let Some(open) = &mut self.open {
                    open.posts = None;
                }
                if self.focus == Focus::Posts {
                    self.focus = Focus::Topics;
                }
            }
            Slot::Answers => {
                let asked = self.open.as_mut().and_then(|open| open.asked.as_mut());
                if let Some(asked) = asked {
                    asked.state = AskedState::Failed(trouble.sentence.clone());
                }
            }
            Slot::Fit if trouble.remedy == Remedy::Cancelled => self.work = None,
            Slot::Fit => {
                if let Some(work) = &mut self.work {
                    work.end = Some(End::Failed(trouble.sentence.clone()));
                }
            }
            // The console tells of them by itself; there is no model of a job that failed.
            Slot::FarModels
            | Slot::Words
            | Slot::Map
            | Slot::Hours
            | Slot::Name
            | Slot::Report
            | Slot::Jobs
            | Slot::Plan
            | Slot::Job(_) => {}
        }
        Vec::new()
    }

    fn told(&mut self, slot: Slot, report: Report, _desk: &Desk) {
        if let (Slot::Fit, Some(work)) = (slot, &mut self.work) {
            work.stage = report.text;
        }
    }

    fn arrived(&mut self, _slot: Slot, items: Vec<Item>, _dropped: u64, desk: &Desk) {
        for Item::Pass(step) in items {
            if let Some(work) = &mut self.work {
                work.pass(step, desk.now);
            }
        }
    }
}
