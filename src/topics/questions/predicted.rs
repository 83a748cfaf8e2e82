//! What predictions say: each post's topic, by its id, and the shares of topics in each hour.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use polars::prelude::{DataFrame, DataType, PolarsError};
use serde::Serialize;

use super::table::{Cell, Table};
use crate::lake::{Hour, combined};
use crate::topics::TopicsError;
use crate::topics::input::RowFile;

/// What predictions say of posts.
#[derive(Debug, Default)]
pub struct Predicted {
    topics: HashMap<Box<str>, u16>,
    hours: BTreeMap<i64, (u64, Vec<f64>)>,
    k: usize,
}

/// How much of the posts of each hour belongs to each topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SharesPerHour {
    /// The hours that have posts, in their order.
    pub hours: Vec<Hour>,
    /// How many posts each has.
    pub posts: Vec<u64>,
    /// A row an hour, the mean of its posts' shares: together 1.
    pub shares: Vec<Vec<f64>>,
}

impl Predicted {
    /// Reads what predictions of a model with `k` topics say. A post that is in several files counts once.
    pub async fn read(files: &[RowFile], k: usize) -> Result<Self, TopicsError> {
        let mut predicted = Self { k, ..Self::default() };
        let topics: Vec<String> = (0..k).map(|topic| format!("topic_{topic}")).collect();
        let mut columns = vec!["id", "created_at", "dominant_topic"];
        columns.extend(topics.iter().map(String::as_str));
        for file in files {
            let frame = combined::read(&file.place, &file.key, &columns).await?;
            predicted
                .add(&frame)
                .map_err(|error| TopicsError::NotPredictions { file: file.url(), why: error.to_string() })?;
        }
        Ok(predicted)
    }

    fn add(&mut self, frame: &DataFrame) -> Result<(), PolarsError> {
        let ids = frame.column("id")?.cast(&DataType::String)?;
        let dominant = frame.column("dominant_topic")?.cast(&DataType::UInt32)?;
        let moments = combined::moments(frame.column("created_at")?)?;
        let mut shares = Vec::with_capacity(self.k);
        for topic in 0..self.k {
            shares.push(frame.column(&format!("topic_{topic}"))?.cast(&DataType::Float64)?);
        }
        let shares = shares.iter().map(|column| column.f64()).collect::<Result<Vec<_>, _>>()?;
        for (row, ((id, topic), moment)) in
            ids.str()?.iter().zip(dominant.u32()?.iter()).zip(moments).enumerate()
        {
            let topic = topic.and_then(|topic| u16::try_from(topic).ok());
            let (Some(id), Some(topic)) = (id, topic.filter(|topic| usize::from(*topic) < self.k)) else {
                continue;
            };
            // Posts without an id cannot be told apart, and all count.
            if !id.is_empty() && self.topics.insert(id.into(), topic).is_some() {
                continue;
            }
            if let Some(moment) = moment {
                let hour = moment.div_euclid(3_600_000);
                let (posts, sums) = self.hours.entry(hour).or_insert_with(|| (0, vec![0.0; self.k]));
                *posts += 1;
                for (sum, column) in sums.iter_mut().zip(&shares) {
                    *sum += column.get(row).unwrap_or_default();
                }
            }
        }
        Ok(())
    }

    /// How many topics there are.
    pub fn k(&self) -> usize {
        self.k
    }

    /// How many posts have a topic that can be asked for.
    pub fn len(&self) -> usize {
        self.topics.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.topics.is_empty()
    }

    /// The topic that a post is most of.
    pub fn topic(&self, id: &str) -> Option<usize> {
        self.topics.get(id).map(|topic| usize::from(*topic))
    }

    /// The shares of topics, hour by hour.
    #[allow(clippy::cast_precision_loss, reason = "posts of an hour are fewer than 2⁵²")]
    pub fn shares_per_hour(&self) -> SharesPerHour {
        let mut all = SharesPerHour::default();
        for (hour, (posts, sums)) in &self.hours {
            let begins = Timestamp::from_second(hour * 3_600).unwrap_or_default();
            all.hours.push(Hour::of(begins));
            all.posts.push(*posts);
            all.shares.push(sums.iter().map(|sum| sum / *posts as f64).collect());
        }
        all
    }
}

impl SharesPerHour {
    /// As a table: `hour`, `posts`, and a column for each topic.
    pub fn table(&self, topics: &[String]) -> Table {
        let mut table = Table::new(&["hour", "posts"]);
        table.columns.extend(topics.iter().cloned());
        for ((hour, posts), shares) in self.hours.iter().zip(&self.posts).zip(&self.shares) {
            let mut row = vec![Cell::Text(hour.to_string()), Cell::Whole(*posts)];
            row.extend(shares.iter().map(|share| Cell::Number(*share)));
            table.rows.push(row);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::Column;

    use super::*;

    fn frame(rows: &[(&str, &str, u32, [f32; 2])]) -> DataFrame {
        let columns = vec![
            Column::new("id".into(), rows.iter().map(|row| row.0).collect::<Vec<_>>()),
            Column::new("created_at".into(), rows.iter().map(|row| row.1).collect::<Vec<_>>()),
            Column::new("dominant_topic".into(), rows.iter().map(|row| row.2).collect::<Vec<_>>()),
            Column::new("topic_0".into(), rows.iter().map(|row| row.3[0]).collect::<Vec<_>>()),
            Column::new("topic_1".into(), rows.iter().map(|row| row.3[1]).collect::<Vec<_>>()),
        ];
        DataFrame::new(rows.len(), columns).expect("columns of one length")
    }

    #[test]
    fn an_hour_has_the_mean_of_its_posts_and_no_post_counts_twice() {
        let mut predicted = Predicted { k: 2, ..Predicted::default() };
        predicted
            .add(&frame(&[
                ("1", "2026-11-22 18:00:00+00:00", 0, [0.75, 0.25]),
                ("2", "Sun Nov 22 18:59:59 +0000 2026", 1, [0.25, 0.75]),
                ("3", "2026-11-22 20:00:00+00:00", 1, [0.0, 1.0]),
                ("4", "", 0, [1.0, 0.0]),
            ]))
            .expect("predictions");
        predicted.add(&frame(&[("3", "2026-11-22 20:00:00+00:00", 1, [0.0, 1.0])])).expect("predictions");
        assert_eq!((predicted.len(), predicted.topic("2"), predicted.topic("9")), (4, Some(1), None));
        let hours = predicted.shares_per_hour();
        assert_eq!(
            hours.hours.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["2026-11-22T18", "2026-11-22T20"]
        );
        assert_eq!(
            (hours.posts.clone(), hours.shares.clone()),
            (vec![2, 1], vec![vec![0.5, 0.5], vec![0.0, 1.0]])
        );
        let csv = hours.table(&["a".into(), "b".into()]).csv().expect("CSV");
        assert_eq!(csv, b"hour,posts,a,b\n2026-11-22T18,2,0.5,0.5\n2026-11-22T20,1,0,1\n");
    }
}
