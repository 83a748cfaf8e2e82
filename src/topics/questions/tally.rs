//! Counts posts file by file, so that no more than one file of rows is in memory: what the answers are made of.

use std::collections::{BTreeSet, HashMap};

use polars::prelude::{DataFrame, DataType, PolarsError};

use super::countries::Countries;
use super::predicted::Predicted;
use crate::lake::combined;

/// The columns that are asked.
pub(super) const COLUMNS: [&str; 8] = [
    "id",
    "created_at",
    "in_reply_to_screen_name",
    "source_text",
    "user_followers",
    "user_verified",
    "user_protected",
    "user_location",
];

/// Yes, no, not said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flags {
    pub(super) yes: u64,
    pub(super) no: u64,
    pub(super) unsaid: u64,
}

/// A location: how many posts, and the number of its country.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Location {
    pub(super) posts: u64,
    pub(super) country: Option<u16>,
}

/// What was counted.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) k: usize,
    /// The columns that some file had.
    pub(super) seen: BTreeSet<&'static str>,
    pub(super) posts: u64,
    pub(super) with_topic: u64,
    pub(super) of_topic: Vec<u64>,
    pub(super) replied_to: HashMap<String, u64>,
    pub(super) clients: HashMap<String, Vec<u64>>,
    pub(super) followers: Vec<Vec<u64>>,
    /// Of each topic: weekdays from Monday, by hours of the day.
    pub(super) hours: Vec<[[u64; 24]; 7]>,
    pub(super) verified: Flags,
    pub(super) protected: Flags,
    pub(super) locations: HashMap<String, Location>,
    pub(super) located: u64,
    pub(super) countries: HashMap<u16, Vec<u64>>,
}

impl Tally {
    pub(super) fn new(k: usize) -> Self {
        Self {
            k,
            of_topic: vec![0; k],
            followers: vec![Vec::new(); k],
            hours: vec![[[0; 24]; 7]; k],
            ..Self::default()
        }
    }

    /// Counts the posts of a file that have a topic.
    pub(super) fn add(
        &mut self,
        frame: &DataFrame,
        predicted: &Predicted,
        countries: &Countries,
    ) -> Result<(), PolarsError> {
        self.seen.extend(COLUMNS.iter().filter(|name| frame.column(name).is_ok()));
        let mut topics: Vec<Option<usize>> = vec![None; frame.height()];
        texts(frame, "id", |row, id| {
            if let (Some(id), Some(place)) = (id, topics.get_mut(row)) {
                *place = predicted.topic(id);
            }
        })?;
        self.posts += frame.height() as u64;
        for topic in topics.iter().flatten() {
            self.with_topic += 1;
            self.of_topic[*topic] += 1;
        }
        let topic = |row: usize| topics.get(row).copied().flatten();
        texts(frame, "in_reply_to_screen_name", |row, user| {
            if let (Some(user), Some(_)) = (user, topic(row)) {
                count(&mut self.replied_to, user, 1_u64, |all, one| *all += one);
            }
        })?;
        let k = self.k;
        texts(frame, "source_text", |row, client| {
            if let (Some(client), Some(topic)) = (client, topic(row)) {
                count(&mut self.clients, client, topic, |all: &mut Vec<u64>, topic| {
                    all.resize(k, 0);
                    all[topic] += 1;
                });
            }
        })?;
        texts(frame, "user_followers", |row, followers| {
            let followers = followers.and_then(|followers| followers.parse().ok());
            if let (Some(followers), Some(topic)) = (followers, topic(row)) {
                self.followers[topic].push(followers);
            }
        })?;
        for (name, flags) in [("user_verified", &mut self.verified), ("user_protected", &mut self.protected)]
        {
            texts(frame, name, |row, flag| {
                if topic(row).is_some() {
                    match flag {
                        Some("True" | "true") => flags.yes += 1,
                        Some("False" | "false") => flags.no += 1,
                        _ => flags.unsaid += 1,
                    }
                }
            })?;
        }
        if let Ok(times) = frame.column("created_at") {
            for (row, moment) in combined::moments(times)?.into_iter().enumerate() {
                if let (Some(moment), Some(topic)) = (moment, topic(row)) {
                    let (weekday, hour) = weekday_and_hour(moment);
                    self.hours[topic][weekday][hour] += 1;
                }
            }
        }
        texts(frame, "user_location", |row, location| {
            let Some(topic) = topic(row) else { return };
            let Some(location) = location.map(str::trim).filter(|location| !location.is_empty()) else {
                return;
            };
            self.located += 1;
            if !self.locations.contains_key(location) {
                let country = countries.number_of(location);
                self.locations.insert(location.to_owned(), Location { posts: 0, country });
            }
            let Some(known) = self.locations.get_mut(location) else { return };
            known.posts += 1;
            if let Some(country) = known.country {
                self.countries.entry(country).or_insert_with(|| vec![0; k])[topic] += 1;
            }
        })
    }
}

/// Adds to what is counted under a name.
fn count<V: Default, A>(all: &mut HashMap<String, V>, name: &str, with: A, add: impl FnOnce(&mut V, A)) {
    match all.get_mut(name) {
        Some(known) => add(known, with),
        None => add(all.entry(name.to_owned()).or_default(), with),
    }
}

/// Goes through a column's cells as text; nothing where one is empty, or is the predecessor's word for that.
fn texts(
    frame: &DataFrame,
    name: &str,
    mut each: impl FnMut(usize, Option<&str>),
) -> Result<(), PolarsError> {
    let Ok(column) = frame.column(name) else { return Ok(()) };
    let column = column.cast(&DataType::String)?;
    for (row, cell) in column.str()?.iter().enumerate() {
        each(row, cell.filter(|cell| !cell.is_empty() && *cell != "None"));
    }
    Ok(())
}

/// The day of the week, from Monday, and the hour of the day, both in UTC.
fn weekday_and_hour(milliseconds: i64) -> (usize, usize) {
    let hours = milliseconds.div_euclid(3_600_000);
    // 1 January 1970 was a Thursday.
    let weekday = (hours.div_euclid(24) + 3).rem_euclid(7);
    (usize::try_from(weekday).unwrap_or_default(), usize::try_from(hours.rem_euclid(24)).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weekdays_are_those_of_the_calendar() {
        for text in
            ["1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-11-22T18:30:00Z", "2024-02-29T05:00:00Z"]
        {
            let at: jiff::Timestamp = text.parse().expect("a moment");
            let day = at.to_zoned(jiff::tz::TimeZone::UTC);
            let wanted = (
                usize::try_from(day.weekday().to_monday_zero_offset()).expect("a weekday"),
                usize::try_from(day.hour()).expect("an hour"),
            );
            assert_eq!(weekday_and_hour(at.as_millisecond()), wanted, "{text}");
        }
    }
}
