//! The model that is open: what is known of it so far, and where the operator is in it.

use std::path::PathBuf;
use std::sync::Arc;

use super::asked::Asked;
use crate::console::action::Action;
use crate::console::widget::filter::Filter;
use crate::console::widget::table::TableState;
use crate::topics::browse::Word;
use crate::topics::questions::SharesPerHour;
use crate::topics::{Description, Model, TypicalPost};

/// Leading words that tell which posts of a topic are typical.
const LEADING: usize = 20;
/// Leading words that are looked at when topics are looked for.
const LOOKED_AT: usize = 12;

/// An open model.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) folder: PathBuf,
    /// What the list says of it: there at once, names included.
    pub(super) about: Description,
    /// Its words' weights, once they are read.
    pub(super) model: Option<Arc<Model>>,
    /// λ in tenths, and each topic's words by it.
    pub(super) words: Option<(u8, Vec<Vec<Word>>)>,
    /// Where each topic is on the map.
    pub(super) places: Option<Vec<(f64, f64)>>,
    /// The shares of topics hour by hour, once they are read.
    pub(super) hours: Option<SharesPerHour>,
    /// The questions, once they were asked.
    pub(super) asked: Option<Asked>,
    /// Where the operator is, among the topics that are shown.
    pub(super) topics: TableState,
    pub(super) posts: Option<Posts>,
}

/// What was found of a topic's posts.
#[derive(Debug)]
pub(super) enum Found {
    /// Nothing yet.
    Looking,
    /// The model keeps no texts.
    NoTexts,
    /// The most typical first.
    Posts(Vec<TypicalPost>),
}

/// The posts of a topic.
#[derive(Debug)]
pub(super) struct Posts {
    pub(super) topic: usize,
    pub(super) found: Found,
    pub(super) chosen: usize,
    /// The first that is seen.
    pub(super) top: usize,
}

impl Open {
    pub(super) fn new(folder: PathBuf, about: Description) -> Self {
        Self {
            folder,
            about,
            model: None,
            words: None,
            places: None,
            hours: None,
            asked: None,
            topics: TableState::default(),
            posts: None,
        }
    }

    /// A topic's words, the most relevant first; before they were ranked, those that its description has.
    pub(super) fn terms(&self, topic: usize) -> impl Iterator<Item = &str> {
        let ranked = self.words.as_ref().and_then(|(_, words)| words.get(topic));
        let described = self.about.topics.get(topic).filter(|_| ranked.is_none());
        let ranked = ranked.into_iter().flatten().map(|word| word.term.as_str());
        ranked.chain(described.into_iter().flat_map(|topic| &topic.words).map(String::as_str))
    }

    pub(super) fn leading_words(&self, topic: usize) -> Vec<String> {
        self.terms(topic).take(LEADING).map(str::to_owned).collect()
    }

    /// How a topic is called: its name, or else its leading word.
    pub(super) fn title(&self, topic: usize) -> String {
        match self.about.topics.get(topic) {
            Some(described) if !described.name.is_empty() => described.name.clone(),
            _ => self.terms(topic).next().unwrap_or("no words").to_owned(),
        }
    }

    /// Whether a topic's name or one of its leading words is looked for.
    pub(super) fn matches(&self, topic: usize, filter: &Filter) -> bool {
        let name = self.about.topics.get(topic).map(|topic| topic.name.as_str());
        filter.matches(self.terms(topic).take(LOOKED_AT).chain(name))
    }
}

impl Posts {
    /// The posts that were found.
    pub(super) fn found(&self) -> &[TypicalPost] {
        match &self.found {
            Found::Posts(posts) => posts,
            Found::Looking | Found::NoTexts => &[],
        }
    }

    /// Moves as an action says, among posts of these heights of which so many rows are seen; `false` if it is no
    /// movement.
    pub(super) fn act(&mut self, action: Action, heights: &[usize], seen: usize) -> bool {
        let last = heights.len().saturating_sub(1);
        let page = heights.iter().skip(self.top).scan(0, |sum, height| {
            *sum += height;
            (*sum <= seen).then_some(())
        });
        let page = page.count().max(2) - 1;
        self.chosen = match action {
            Action::Up => self.chosen.saturating_sub(1),
            Action::Down => self.chosen + 1,
            Action::PageUp => self.chosen.saturating_sub(page),
            Action::PageDown => self.chosen + page,
            Action::First => 0,
            Action::Last => last,
            _ => return false,
        }
        .min(last);
        self.top = self.top_for(heights, seen);
        true
    }

    /// The first post that is seen, so that the chosen one is.
    pub(super) fn top_for(&self, heights: &[usize], seen: usize) -> usize {
        let mut top = self.top.min(self.chosen);
        let rows = |top: usize| heights.iter().take(self.chosen + 1).skip(top).sum::<usize>();
        while top < self.chosen && rows(top) > seen {
            top += 1;
        }
        top
    }

    /// Chooses the post at a row of those that are seen.
    pub(super) fn choose_at(&mut self, row: usize, heights: &[usize]) {
        let mut below = 0;
        for (index, height) in heights.iter().enumerate().skip(self.top) {
            below += height;
            if row < below {
                self.chosen = index;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chosen_post_is_always_seen() {
        let heights = [3, 5, 2, 7, 3, 4, 6, 2];
        let mut posts = Posts { topic: 0, found: Found::Looking, chosen: 0, top: 0 };
        let actions = [
            Action::Last,
            Action::Up,
            Action::PageUp,
            Action::First,
            Action::PageDown,
            Action::Down,
            Action::PageDown,
        ];
        for action in actions {
            assert!(posts.act(action, &heights, 10));
            let rows: usize = heights[posts.top..=posts.chosen].iter().sum();
            assert!(posts.top <= posts.chosen && rows <= 10, "{action:?}: {posts:?}");
        }
        posts.act(Action::First, &heights, 10);
        posts.choose_at(4, &heights);
        assert_eq!(posts.chosen, 1);
        assert!(posts.act(Action::Down, &[], 10) && posts.chosen == 0);
    }
}
