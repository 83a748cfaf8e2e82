//! Runs the jobs of the Stream pane.

use super::{Line, Rooms};
use crate::console::effect::stream::{Item, Job, Outcome};
use crate::console::effect::{Remedy, Trouble};
use crate::stream::record::{Format, JsonRecord};
use crate::stream::rules;
use crate::stream::service::{Answer, Ask, Client, Place, ServiceError};

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let place = Place::of(&rooms.folders, rooms.settings.stack.as_str());
    let trouble = |error: ServiceError| Trouble::of(&error, Remedy::Retry);
    match job {
        Job::Watch => watch(&place, rooms, line).await.map_err(trouble),
        Job::Start => place
            .start(&rooms.settings)
            .await
            .map(|status| Outcome::Started(Box::new(status)))
            .map_err(trouble),
        Job::Stop => stop(&place, rooms).await.map_err(trouble),
        Job::Wishes => Ok(Outcome::Wishes(wishes(rooms))),
    }
}

async fn watch(place: &Place, rooms: &Rooms, line: &Line) -> Result<Outcome, ServiceError> {
    if !place.is_running() {
        return status(place, rooms).await;
    }
    let mut client = Client::connect(place).await?;
    client.ask(Ask::Tail).await?;
    let mut record = Vec::new();
    while let Some(answer) = client.next().await? {
        match answer {
            Answer::Status(status) => line.came(Outcome::Status(status)).await,
            Answer::Skipped(posts) => line.feed(Item::Skipped(posts)),
            Answer::Post(post) => {
                record.clear();
                if let Ok(post) = JsonRecord::of(post) {
                    post.write(Format::Tsv, &mut record);
                    line.feed(Item::Post(String::from_utf8_lossy(&record).into()));
                }
            }
        }
    }
    status(place, rooms).await
}

async fn status(place: &Place, rooms: &Rooms) -> Result<Outcome, ServiceError> {
    let pending = Place::pending(&rooms.folders, rooms.settings.stack.as_str());
    place.status(pending).await.map(|status| Outcome::Status(Box::new(status)))
}

async fn stop(place: &Place, rooms: &Rooms) -> Result<Outcome, ServiceError> {
    let mut client = Client::connect(place).await?;
    client.ask(Ask::Stop).await?;
    while client.next().await?.is_some() {}
    match status(place, rooms).await? {
        Outcome::Status(status) => Ok(Outcome::Stopped(status)),
        other => Ok(other),
    }
}

/// What the settings ask for, in lines.
fn wishes(rooms: &Rooms) -> Vec<String> {
    let settings = &rooms.settings;
    let mut lines = vec![
        format!("source     {}  ({})", *settings.source, settings.source.origin),
        format!("sinks      {}  ({})", settings.to.0.join(", "), settings.to.origin),
        format!("languages  {}  ({})", settings.languages.0.join(", "), settings.languages.origin),
        format!("sample     {} of 100 posts", settings.sample_percent.get()),
    ];
    let limits = [
        ("max_posts", settings.max_posts.as_ref().map(|posts| posts.get().to_string())),
        ("max_spend", settings.max_spend.as_ref().map(|dollars| format!("${dollars}"))),
        ("daily_budget", settings.daily_budget.as_ref().map(|dollars| format!("${dollars}"))),
    ];
    for (name, limit) in limits {
        lines.push(format!("{name}  {}", limit.unwrap_or_else(|| "no limit".to_owned())));
    }
    let terms = match settings.terms_file.as_ref() {
        None => Ok(rules::example()),
        Some(file) => std::fs::read_to_string(file).map(|text| crate::stream::filter::word_list(&text)),
    };
    match terms {
        Ok(terms) => {
            lines.push(String::new());
            lines.push(format!(
                "{} search terms, {} of them not covered by shorter ones:",
                terms.len(),
                rules::essential(&terms).len()
            ));
            lines.extend(rules::essential(&terms).iter().map(|term| format!("  {term}")));
        }
        Err(error) => lines.push(format!("the search terms cannot be read: {error}")),
    }
    lines.push(String::new());
    lines.push(
        "Change them in hydrant.toml (`hydrant config --init` writes one); they hold from the next start."
            .to_owned(),
    );
    lines
}
