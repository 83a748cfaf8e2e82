//! Runs the jobs of the Host pane.

use super::{Line, Rooms};
use crate::console::effect::host::{Job, Look, Outcome, Service};
use crate::console::effect::{Program, Remedy, Trouble};
use crate::host::facts::Facts;
use crate::host::recipe::Recipe;
use crate::host::service;
use crate::host::task::Mode;
use crate::host::{self, Host, HostError};

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    match job {
        Job::Look => match look(rooms, line).await {
            Ok(look) => Ok(Outcome::Looked(Box::new(look))),
            // Before `up` there is nothing to look at, and that is no failure.
            Err(error @ (HostError::NoInstance | HostError::NoAddress)) => {
                Ok(Outcome::NoHost(error.to_string()))
            }
            Err(error) => Err(trouble(&error)),
        },
        Job::Provision { check } => {
            let cloud = rooms.cloud().await?;
            let recipe = Recipe::wanted(&rooms.settings, cloud.region().as_str(), None);
            let recipe = recipe.map_err(|error| trouble(&error))?;
            let host = connect(rooms, line, host::BOOTING).await.map_err(|error| trouble(&error))?;
            let made = recipe.make(&host, if check { Mode::Check } else { Mode::Apply }).await;
            host.close().await;
            let (_, done) = made.map_err(|error| trouble(&error))?;
            Ok(if check { Outcome::Checked(done) } else { Outcome::Provisioned(done) })
        }
        Job::Shell => {
            let progress = line.progress();
            let way = host::find(&rooms.settings, &rooms.folders, host::UP, &progress, line.stop()).await;
            let way = way.and_then(|way| way.check_key().map(|()| way)).map_err(|error| trouble(&error))?;
            Ok(Outcome::Shell(Program {
                name: "ssh".to_owned(),
                arguments: way.ssh_arguments(),
                said: format!("{}@{}: `exit` brings the console back", way.user, way.address()),
            }))
        }
    }
}

pub(super) async fn connect(
    rooms: &Rooms,
    line: &Line,
    patience: std::time::Duration,
) -> Result<Host, HostError> {
    let (progress, stop) = (line.progress(), line.stop().clone());
    host::connect(&rooms.settings, &rooms.folders, patience, progress, stop).await
}

async fn look(rooms: &Rooms, line: &Line) -> Result<Look, HostError> {
    let host = connect(rooms, line, host::UP).await?;
    let looked = look_at(&host).await;
    host.close().await;
    looked
}

async fn look_at(host: &Host) -> Result<Look, HostError> {
    let (facts, service, journal) =
        tokio::try_join!(Facts::read(host), service::status(host), service::journal(host))?;
    let number = |status: &serde_json::Value, name: &str| status[name].as_u64().unwrap_or(0);
    let service = service.map(|status| Service {
        state: crate::text::sanitise(status["state"].as_str().unwrap_or("unknown")),
        received: number(&status, "received"),
        delivered: number(&status, "delivered"),
        pending: number(&status, "pending"),
        last_error: status["last_error"].as_str().map(crate::text::sanitise),
    });
    let way = host.way();
    let address = format!("{}@{}", way.user, way.address());
    Ok(Look { address, instance: way.instance.clone(), facts, service, journal })
}

pub(super) fn trouble(error: &HostError) -> Trouble {
    match error {
        HostError::Interrupted => Trouble::cancelled(),
        HostError::Cloud(cloud) => Trouble::of_cloud(cloud),
        HostError::Stack(stack) => Trouble::of_stack(stack),
        HostError::Settings(_) | HostError::BadAddress(_) | HostError::OtherLimits(_) => {
            Trouble::of(error, Remedy::Settings)
        }
        _ => Trouble::of(error, Remedy::Retry),
    }
}
