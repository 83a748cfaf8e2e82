//! Runs the jobs of the Stream pane.

use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use super::{Line, Rooms};
use crate::console::effect::stream::{Item, Job, On, Outcome, Wishes};
use crate::console::effect::{Remedy, Trouble};
use crate::host::output::Output;
use crate::host::recipe::handed_on;
use crate::host::{self, Host, HostError, service};
use crate::progress::Phase;
use crate::settings::{Folders, SettingValue, Settings, Words};
use crate::stream::live::Status;
use crate::stream::record::{Format, JsonRecord};
use crate::stream::rules;
use crate::stream::service::{Answer, Ask, Client, Place, ServiceError};

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let place = Place::of(&rooms.folders, rooms.settings.stack.as_str());
    let trouble = |error: ServiceError| Trouble::of(&error, Remedy::Retry);
    match job {
        Job::Watch(On::Local) => watch(&place, rooms, line).await.map_err(trouble),
        Job::Watch(On::Host) => watch_host(rooms, line).await.map_err(Away::trouble),
        Job::Start { on: On::Local, wishes } => {
            let settings = asked(rooms, wishes.as_deref())
                .map_err(|error| Trouble::of(&TermsNotKept(error), Remedy::Retry))?;
            let started = place.start(&settings).await;
            started.map(|status| Outcome::Started(On::Local, Box::new(status))).map_err(trouble)
        }
        Job::Start { on: On::Host, wishes } => {
            let started = start_on_host(wishes.as_deref(), rooms, line).await;
            started.map(|status| Outcome::Started(On::Host, status)).map_err(Away::trouble)
        }
        Job::Stop(On::Local) => stop(&place, rooms).await.map_err(trouble),
        Job::Stop(On::Host) => {
            let stopped = stop_on_host(rooms, line).await;
            stopped.map(|status| Outcome::Stopped(On::Host, status)).map_err(Away::trouble)
        }
        Job::Wishes => Ok(wishes(rooms)),
    }
}

/// Why the stream on the host cannot be had: the way to it, or itself.
#[derive(Debug, thiserror::Error)]
enum Away {
    #[error(transparent)]
    Host(#[from] HostError),
    #[error("on the host: {0}")]
    Service(#[from] ServiceError),
}

impl Away {
    fn trouble(self) -> Trouble {
        match self {
            Self::Host(error) => super::host::trouble(&error),
            Self::Service(_) => Trouble::of(&self, Remedy::Retry),
        }
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

async fn start_on_host(wishes: Option<&Wishes>, rooms: &Rooms, line: &Line) -> Result<Box<Status>, Away> {
    let mut arguments = handed_on(&rooms.settings);
    if let Some(wishes) = wishes {
        let languages = Words::parse(&wishes.languages).unwrap_or_default().0.join(",");
        for (key, value) in [("source", &wishes.source), ("languages", &languages)] {
            arguments.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
    }
    let host = super::host::connect(rooms, line, host::UP).await?;
    let started = async {
        if let Some(differs) = service::compare(&host, &rooms.settings, &arguments).await? {
            line.progress().tell("stream", "host", Phase::Acting, differs);
        }
        service::start(&host, &arguments).await
    };
    let started = started.await;
    host.close().await;
    Ok(ended_on(&started?)?)
}

async fn stop_on_host(rooms: &Rooms, line: &Line) -> Result<Box<Status>, Away> {
    let host = super::host::connect(rooms, line, host::UP).await?;
    let stopped = service::stop(&host).await;
    host.close().await;
    Ok(ended_on(&stopped?)?)
}

/// The status that a command on the host ended on.
fn ended_on(output: &Output) -> Result<Box<Status>, HostError> {
    let status = service::said(&output.out).and_then(|status| serde_json::from_value(status).ok());
    status.map(Box::new).ok_or_else(|| output.failure("the stream on the host"))
}

async fn watch(place: &Place, rooms: &Rooms, line: &Line) -> Result<Outcome, ServiceError> {
    match tail(place, On::Local, line).await {
        Ok(()) | Err(ServiceError::NotRunning) => {}
        Err(error) => return Err(error),
    }
    Ok(Outcome::Status(On::Local, Box::new(status(place, rooms).await?)))
}

/// The same through the socket that ssh forwards, which lasts as long as the connection. Before `up` there is no host,
/// and one that boots or is off does not answer: there is no stream to be watched then, and nothing has failed.
async fn watch_host(rooms: &Rooms, line: &Line) -> Result<Outcome, Away> {
    let host = match super::host::connect(rooms, line, Duration::ZERO).await {
        Ok(host) => host,
        Err(error @ HostError::Interrupted) => return Err(error.into()),
        Err(error) => return Ok(Outcome::NoHost(error.to_string())),
    };
    let watched = watch_on(&host, line).await;
    host.close().await;
    watched
}

async fn watch_on(host: &Host, line: &Line) -> Result<Outcome, Away> {
    let Some(status) = status_on(host).await? else {
        let why = "hydrant is not on the host yet: it is provisioned in its pane".to_owned();
        return Ok(Outcome::NoHost(why));
    };
    let status = if status.socket.is_some() {
        tail(&service::reach(host, &status).await?, On::Host, line).await?;
        status_on(host).await?.unwrap_or_default()
    } else {
        status
    };
    Ok(Outcome::Status(On::Host, status))
}

/// How the service on the host is; `None` if hydrant is not there.
async fn status_on(host: &Host) -> Result<Option<Box<Status>>, HostError> {
    let Some(status) = service::status(host).await? else { return Ok(None) };
    let read = serde_json::from_value(status).map(|status| Some(Box::new(status)));
    read.map_err(|error| HostError::Command {
        what: "asking the service on the host".to_owned(),
        code: 0,
        said: format!("its answer is of another version than this one: {error}"),
    })
}

/// Feeds posts and tells how the stream is until it ends.
async fn tail(place: &Place, on: On, line: &Line) -> Result<(), ServiceError> {
    let mut client = Client::connect(place).await?;
    client.ask(Ask::Tail).await?;
    let mut record = Vec::new();
    while let Some(answer) = client.next().await? {
        match answer {
            Answer::Status(status) => line.came(Outcome::Status(on, status)).await,
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
    Ok(())
}

async fn status(place: &Place, rooms: &Rooms) -> Result<Status, ServiceError> {
    place.status(Place::pending(&rooms.folders, rooms.settings.stack.as_str())).await
}

async fn stop(place: &Place, rooms: &Rooms) -> Result<Outcome, ServiceError> {
    let mut client = Client::connect(place).await?;
    client.ask(Ask::Stop).await?;
    while client.next().await?.is_some() {}
    Ok(Outcome::Stopped(On::Local, Box::new(status(place, rooms).await?)))
}

/// The search terms that count, parted by commas.
fn shown_terms(settings: &Settings) -> io::Result<String> {
    let terms = match settings.terms_file.as_ref() {
        None => rules::example(),
        Some(file) => crate::stream::words::word_list(&std::fs::read_to_string(file)?),
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
