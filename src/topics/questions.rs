//! What is asked of a lake once its posts have topics: eleven questions, each answered by a table or a heat map, and
//! the shares of topics hour by hour.
//!
//! The answers are about posts that have a topic: those that predictions hold, joined to the rows of combined hours by
//! their ids. Which country a location is in, a list says ([`Countries`]). All times are UTC.

mod countries;
mod predicted;
mod table;
mod tally;

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::Serialize;

use super::TopicsError;
use super::input::RowFile;
use super::model::Model;
use crate::lake::combined;
pub use countries::{Countries, Country};
pub use predicted::{Predicted, SharesPerHour};
pub use table::{Cell, HeatMap, Table};
use tally::{Flags, Tally};

/// Rows of a ranking, unless another number is asked for.
pub const TOP: usize = 50;
/// The questions' names, in their order.
pub const NAMES: [&str; 11] = [
    "replied_to",
    "clients",
    "clients_by_topic",
    "followers_by_topic",
    "hours_by_weekday",
    "verified_and_protected",
    "locations_present",
    "locations",
    "location_countries",
    "countries",
    "countries_by_topic",
];
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// All answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answers {
    /// Rows of the hours.
    pub posts: u64,
    /// Those of them that have a topic, which the answers are about.
    pub with_topic: u64,
    /// The topics' titles, no two alike.
    pub topics: Vec<String>,
    /// How many posts each topic has.
    pub posts_by_topic: Vec<u64>,
    /// The answers, in the order of [`NAMES`].
    pub answers: Vec<Answer>,
    /// The questions that could not be answered.
    pub unanswered: Vec<Unanswered>,
    /// The shares of topics, hour by hour, of every post that was predicted.
    pub shares_per_hour: SharesPerHour,
}

/// The answer to one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// What it is called.
    pub name: &'static str,
    /// What was asked.
    pub question: String,
    /// What was found.
    #[serde(flatten)]
    pub body: Body,
}

/// A table, or a heat map.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Body {
    /// Columns and rows.
    Table(Table),
    /// How many of each two that meet.
    HeatMap {
        /// The map.
        heat_map: HeatMap,
    },
}

impl Body {
    /// Whether it has no row.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Table(table) => table.rows.is_empty(),
            Self::HeatMap { heat_map } => heat_map.rows.is_empty(),
        }
    }
}

/// A question without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unanswered {
    /// What it is called.
    pub name: &'static str,
    /// Why.
    pub because: String,
}

impl Answer {
    /// The answer as a table.
    pub fn table(&self) -> Table {
        match &self.body {
            Body::Table(table) => table.clone(),
            Body::HeatMap { heat_map } => heat_map.table(),
        }
    }
}

/// Asks the rows of combined hours.
pub async fn answer(
    model: &Model,
    predicted: &Predicted,
    hours: &[RowFile],
    countries: &Countries,
    top: usize,
) -> Result<Answers, TopicsError> {
    let mut tally = Tally::new(predicted.k());
    for file in hours {
        let frame = combined::read_present(&file.place, &file.key, &tally::COLUMNS).await?;
        tally.add(&frame, predicted, countries).map_err(|error| file.is_not_posts(&error))?;
    }
    if tally.with_topic == 0 {
        return Err(TopicsError::NonePredicted(tally.posts));
    }
    Ok(Asked { tally: &tally, titles: titles(model), countries, top }.answers(predicted.shares_per_hour()))
}

/// The topics' titles; where two are alike, with their numbers.
pub fn titles(model: &Model) -> Vec<String> {
    let all: Vec<String> = (0..model.k()).map(|topic| model.title(topic)).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for title in &all {
        *times.entry(title).or_default() += 1;
    }
    let unlike = |(topic, title): (usize, &String)| match times.get(title.as_str()) {
        Some(1) => title.clone(),
        _ => format!("{title} ({topic})"),
    };
    all.iter().enumerate().map(unlike).collect()
}

/// A question and its answer, out of what was counted.
type Ask<'a> = fn(&Asked<'a>) -> (String, Body);

/// What was counted, on its way to answers.
struct Asked<'a> {
    tally: &'a Tally,
    titles: Vec<String>,
    countries: &'a Countries,
    top: usize,
}

impl Asked<'_> {
    fn answers(self, shares_per_hour: SharesPerHour) -> Answers {
        let mut answers = Vec::new();
        let mut unanswered = Vec::new();
        for name in NAMES {
            let (column, answer): (&str, Ask<'_>) = match name {
                "replied_to" => ("in_reply_to_screen_name", Asked::replied_to),
                "clients" => ("source_text", Asked::clients),
                "clients_by_topic" => ("source_text", Asked::clients_by_topic),
                "followers_by_topic" => ("user_followers", Asked::followers_by_topic),
                "hours_by_weekday" => ("created_at", Asked::hours_by_weekday),
                "verified_and_protected" => ("user_verified", Asked::verified_and_protected),
                "locations_present" => ("user_location", Asked::locations_present),
                "locations" => ("user_location", Asked::locations),
                "location_countries" => ("user_location", Asked::location_countries),
                "countries" => ("user_location", Asked::countries),
                _ => ("user_location", Asked::countries_by_topic),
            };
            if self.tally.seen.contains(column) {
                let (question, body) = answer(&self);
                answers.push(Answer { name, question, body });
            } else {
                let because = format!("the hours have no column `{column}`");
                unanswered.push(Unanswered { name, because });
            }
        }
        Answers {
            posts: self.tally.posts,
            with_topic: self.tally.with_topic,
            posts_by_topic: self.tally.of_topic.clone(),
            topics: self.titles,
            answers,
            unanswered,
            shares_per_hour,
        }
    }

    fn replied_to(&self) -> (String, Body) {
        let ranked = ranking(self.tally.replied_to.iter().map(|(user, posts)| (user.as_str(), *posts)));
        let rows = self.shared(ranked, self.tally.with_topic);
        ("Whom do most posts reply to?".to_owned(), table(&["user", "posts", "share"], rows))
    }

    fn ranked_clients(&self) -> Vec<(&str, u64)> {
        ranking(self.tally.clients.iter().map(|(client, topics)| (client.as_str(), topics.iter().sum())))
    }

    fn clients(&self) -> (String, Body) {
        let rows = self.shared(self.ranked_clients(), self.tally.with_topic);
        ("Which clients are posts written with?".to_owned(), table(&["client", "posts", "share"], rows))
    }

    fn clients_by_topic(&self) -> (String, Body) {
        let clients = self.ranked_clients().into_iter().map(|(client, _)| client).take(self.top);
        let rows = clients.map(|client| (client.to_owned(), self.tally.clients[client].clone()));
        ("Which clients write about which topic?".to_owned(), self.by_topic("client", rows))
    }

    fn followers_by_topic(&self) -> (String, Body) {
        let columns = ["topic", "posts", "min", "mean", "median", "max"];
        let row = |(title, followers): (&String, &Vec<u64>)| {
            let mut sorted = followers.clone();
            sorted.sort_unstable();
            let mut row = vec![Cell::from(title.as_str()), Cell::Whole(sorted.len() as u64)];
            row.extend(match (sorted.first(), sorted.last()) {
                (Some(least), Some(most)) => {
                    [Cell::Whole(*least), mean(&sorted).into(), median(&sorted).into(), Cell::Whole(*most)]
                }
                _ => [const { Cell::Nothing }; 4],
            });
            row
        };
        let rows = self.titles.iter().zip(&self.tally.followers).map(row).collect();
        ("How many followers have the authors of each topic?".to_owned(), table(&columns, rows))
    }

    fn hours_by_weekday(&self) -> (String, Body) {
        let of_topic = &self.tally.of_topic;
        let most = (0..of_topic.len()).max_by_key(|topic| (of_topic[*topic], Reverse(*topic)));
        let most = most.unwrap_or_default();
        let heat_map = HeatMap {
            rows_are: "weekday",
            columns_are: "hour",
            rows: WEEKDAYS.iter().map(ToString::to_string).collect(),
            columns: (0..24).map(|hour| format!("{hour:02}")).collect(),
            cells: self.tally.hours[most].iter().map(|hours| hours.to_vec()).collect(),
        };
        let question =
            format!("When is most posted about the most frequent topic, {}? (UTC)", self.titles[most]);
        (question, Body::HeatMap { heat_map })
    }

    fn verified_and_protected(&self) -> (String, Body) {
        let row = |what: &str, flags: Flags| {
            vec![what.into(), flags.yes.into(), flags.no.into(), flags.unsaid.into()]
        };
        let rows = vec![row("verified", self.tally.verified), row("protected", self.tally.protected)];
        let question = "How many posts are of verified, and of protected accounts?".to_owned();
        (question, table(&["account", "yes", "no", "not_said"], rows))
    }

    fn locations_present(&self) -> (String, Body) {
        let (all, present) = (self.tally.with_topic, self.tally.located);
        let rows = [("present", present), ("missing", all - present)];
        let rows =
            rows.map(|(what, posts)| vec![what.into(), posts.into(), part(posts, all).into()]).to_vec();
        ("How many authors say where they are?".to_owned(), table(&["location", "posts", "share"], rows))
    }

    fn ranked_locations(&self) -> Vec<(&str, u64)> {
        ranking(self.tally.locations.iter().map(|(location, known)| (location.as_str(), known.posts)))
    }

    fn locations(&self) -> (String, Body) {
        let rows = self.shared(self.ranked_locations(), self.tally.with_topic);
        ("Where do authors say that they are?".to_owned(), table(&["location", "posts", "share"], rows))
    }

    fn location_countries(&self) -> (String, Body) {
        let row = |(location, posts): (&str, u64)| {
            let country =
                self.tally.locations[location].country.and_then(|number| self.countries.get(number));
            let [code, name] = match country {
                Some(country) => [country.code.as_str().into(), country.name.as_str().into()],
                None => [const { Cell::Nothing }; 2],
            };
            vec![location.into(), code, name, posts.into()]
        };
        let rows = self.ranked_locations().into_iter().take(self.top).map(row).collect();
        let question = "Which countries are these locations in?".to_owned();
        (question, table(&["location", "code", "country", "posts"], rows))
    }

    /// Countries by the posts from them: their numbers.
    fn ranked_countries(&self) -> Vec<(u16, u64)> {
        let sums = self.tally.countries.iter().map(|(number, topics)| (*number, topics.iter().sum()));
        let mut ranked: Vec<(u16, u64)> = sums.collect();
        ranked.sort_unstable_by_key(|(number, posts)| (Reverse(*posts), *number));
        ranked
    }

    fn countries(&self) -> (String, Body) {
        let mut rows = Vec::new();
        let mut known = 0;
        for (number, posts) in self.ranked_countries() {
            known += posts;
            if let Some(country) = self.countries.get(number) {
                let share = part(posts, self.tally.with_topic);
                let (code, name) = (country.code.as_str(), country.name.as_str());
                rows.push(vec![code.into(), name.into(), posts.into(), share.into()]);
            }
        }
        let rest = self.tally.with_topic - known;
        rows.push(vec![
            Cell::Nothing,
            "not known".into(),
            rest.into(),
            part(rest, self.tally.with_topic).into(),
        ]);
        ("Which countries are posts from?".to_owned(), table(&["code", "country", "posts", "share"], rows))
    }

    fn countries_by_topic(&self) -> (String, Body) {
        let rows = self.ranked_countries().into_iter().filter_map(|(number, _)| {
            let country = self.countries.get(number)?;
            Some((country.name.clone(), self.tally.countries[&number].clone()))
        });
        ("Which countries write about which topic?".to_owned(), self.by_topic("country", rows))
    }

    fn by_topic(&self, rows_are: &'static str, rows: impl Iterator<Item = (String, Vec<u64>)>) -> Body {
        let (rows, cells) = rows.unzip();
        let heat_map = HeatMap { rows_are, columns_are: "topic", rows, columns: self.titles.clone(), cells };
        Body::HeatMap { heat_map }
    }

    /// The first of a ranking, each with its share of all.
    fn shared(&self, ranked: Vec<(&str, u64)>, all: u64) -> Vec<Vec<Cell>> {
        let row = |(name, posts): (&str, u64)| vec![name.into(), posts.into(), part(posts, all).into()];
        ranked.into_iter().take(self.top).map(row).collect()
    }
}

fn table(columns: &[&str], rows: Vec<Vec<Cell>>) -> Body {
    Body::Table(Table { rows, ..Table::new(columns) })
}

/// By falling numbers; of equals, by name.
fn ranking<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> Vec<(&'a str, u64)> {
    let mut ranked: Vec<(&str, u64)> = counts.collect();
    ranked.sort_unstable_by_key(|(name, posts)| (Reverse(*posts), *name));
    ranked
}

#[allow(clippy::cast_precision_loss, reason = "counts are fewer than 2⁵²")]
fn part(some: u64, all: u64) -> f64 {
    some as f64 / all.max(1) as f64
}

#[allow(clippy::cast_precision_loss, reason = "a mean to read")]
fn mean(numbers: &[u64]) -> f64 {
    numbers.iter().map(|number| *number as f64).sum::<f64>() / numbers.len().max(1) as f64
}

/// The middle of sorted numbers; the mean of the middle two.
#[allow(clippy::cast_precision_loss, reason = "a median to read")]
fn median(sorted: &[u64]) -> f64 {
    let middle = |at: usize| sorted.get(at).copied().unwrap_or_default() as f64;
    let half = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        middle(half)
    } else {
        f64::midpoint(middle(half.saturating_sub(1)), middle(half))
    }
}

#[cfg(test)]
mod tests;
