//! Runs the jobs of the Stream pane.

use std::io;
use std::os::unix::fs::OpenOptionsExt;

use super::{Line, Rooms};
use crate::console::effect::stream::{Item, Job, On, Outcome, Wishes};
use crate::console::effect::{Remedy, Trouble};
use crate::host::{self, HostError, service};
use crate::settings::{Folders, SettingValue, Settings, Words};
use crate::stream::record::{Format, JsonRecord};
use crate::stream::rules;
use crate::stream::service::{Answer, Ask, Client, Place, ServiceError};

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let place = Place::of(&rooms.folders, rooms.settings.stack.as_str());
    let trouble = |error: ServiceError| Trouble::of(&error, Remedy::Retry);
    match job {
        Job::Watch => watch(&place, rooms, line).await.map_err(trouble),
        Job::Start { on: On::Local, wishes } => {
            let settings = asked(rooms, wishes.as_deref())
                .map_err(|error| Trouble::of(&TermsNotKept(error), Remedy::Retry))?;
            let started = place.start(&settings).await;
            started.map(|status| Outcome::Started(Box::new(status))).map_err(trouble)
        }
        Job::Start { on: On::Host, wishes } => {
            let started = start_on_host(wishes.as_deref(), rooms, line).await;
            started.map(Outcome::StartedOnHost).map_err(|error| super::host::trouble(&error))
        }
        Job::Stop => stop(&place, rooms).await.map_err(trouble),
        Job::Wishes => Ok(wishes(rooms)),
    }
}

/// The terms that were typed could not be written down for the stream.
#[derive(Debug, thiserror::Error)]
#[error("the search terms cannot be kept: {0}")]
struct TermsNotKept(#[source] io::Error);

/// The settings with what was asked for in the pane.
fn asked(rooms: &Rooms, wishes: Option<&Wishes>) -> io::Result<Settings> {
    let mut settings = rooms.settings.clone();
    let Some(wishes) = wishes else { return Ok(settings) };
    settings.source.decide(wishes.source.clone());
    settings.languages.decide(Words::parse(&wishes.languages).unwrap_or_default());
    if wishes.terms != shown_terms(&rooms.settings).unwrap_or_default() {
        let folder = rooms.folders.data.join("stream").join(settings.stack.as_str());
        Folders::make_private(&folder)?;
        let file = folder.join("terms.txt");
        let terms = Words::parse(&wishes.terms).unwrap_or_default().0.join("\n") + "\n";
        let mut options = std::fs::OpenOptions::new();
        let mut opened = options.create(true).truncate(true).write(true).mode(0o600).open(&file)?;
        io::Write::write_all(&mut opened, terms.as_bytes())?;
        settings.terms_file.decide(Some(file.display().to_string()));
    }
    Ok(settings)
}

async fn start_on_host(wishes: Option<&Wishes>, rooms: &Rooms, line: &Line) -> Result<String, HostError> {
    let mut arguments = Vec::new();
    if let Some(wishes) = wishes {
        // Without spaces, which part the arguments over there.
        let languages = Words::parse(&wishes.languages).unwrap_or_default().0.join(",");
        for (key, value) in [("source", &wishes.source), ("languages", &languages)] {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
    }
    let host = super::host::connect(rooms, line, host::UP).await?;
    let started = service::start(&host, &arguments).await;
    host.close().await;
    let output = started?;
    let Some(status) = service::said(&output.out) else {
        return Err(output.failure("the stream on the host"));
    };
    Ok(crate::text::sanitise(status["state"].as_str().unwrap_or("unknown")))
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

/// The search terms that count, parted by commas.
fn shown_terms(settings: &Settings) -> io::Result<String> {
    let terms = match settings.terms_file.as_ref() {
        None => rules::example(),
        Some(file) => crate::stream::filter::word_list(&std::fs::read_to_string(file)?),
    };
    Ok(rules::essential(&terms).join(", "))
}

/// What the settings ask for.
fn wishes(rooms: &Rooms) -> Outcome {
    let settings = &rooms.settings;
    let mut lines = vec![
        format!("sinks         {}", settings.to.0.join(", ")),
        format!("sample        {} of 100 posts", settings.sample_percent.get()),
    ];
    let limits = [
        ("max_posts", settings.max_posts.as_ref().map(|posts| posts.get().to_string())),
        ("max_spend", settings.max_spend.as_ref().map(|dollars| format!("${dollars}"))),
        ("daily_budget", settings.daily_budget.as_ref().map(|dollars| format!("${dollars}"))),
    ];
    for (name, limit) in limits {
        lines.push(format!("{name:<13} {}", limit.unwrap_or_else(|| "no limit".to_owned())));
    }
    lines.push(String::new());
    let terms = shown_terms(settings).unwrap_or_else(|error| {
        lines.push(format!("the search terms cannot be read: {error}"));
        String::new()
    });
    lines.push("What is changed here holds for streams that this console starts from now on;".to_owned());
    lines.push("hydrant.toml is for what shall always hold. Terms are parted by commas; of".to_owned());
    lines.push("those that a shorter one covers, only the shorter one is asked for.".to_owned());
    let wishes = Wishes {
        source: settings.source.to_string(),
        languages: settings.languages.show().unwrap_or_default(),
        terms,
    };
    Outcome::Wishes(Box::new(wishes), lines)
}
