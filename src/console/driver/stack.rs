//! Runs the jobs of the Stack pane.

use super::{Line, Rooms};
use crate::console::effect::Trouble;
use crate::console::effect::stack::{Job, Outcome, Proof, Property, Ran, Surveyed};
use crate::host::{self, HostError, service};
use crate::progress::Phase;
use crate::stack::audit::Audit;
use crate::stack::graph::Kind;
use crate::stack::outcome::{Outcome as StackOutcome, Teardown};
use crate::stack::plan::{Plan, Step};
use crate::stack::{Stack, StackError, Survey};

pub(super) async fn run(job: Job, rooms: &Rooms, line: &Line) -> Result<Outcome, Trouble> {
    let stack = rooms.stack(job.part(), line).await?;
    match job {
        Job::Survey(_) => {
            Ok(Outcome::Surveyed(surveyed(&stack, &stack.survey(false).await, &Audit::default())))
        }
        Job::PlanUp(_) => match stack.plan_up(false).await {
            Ok(plan) => Ok(Outcome::PlannedUp(plan)),
            Err(error) => Err(Trouble::of_stack(&error)),
        },
        Job::Link => {
            stack.notebook_link().await.map(Outcome::Link).map_err(|error| Trouble::of_stack(&error))
        }
        Job::PlanDown { delete_data, ask_host, .. } => {
            // Both are large; side by side on a worker's stack they would be too large for it.
            let waiting = Box::pin(async {
                if ask_host {
                    service::waiting(&rooms.settings, &rooms.folders, line.stop()).await
                } else {
                    None
                }
            });
            let (plan, waiting) = tokio::join!(Box::pin(stack.plan_down(delete_data)), waiting);
            if let Some(posts) = waiting {
                line.came(Outcome::HostWaits(posts)).await;
            }
            Ok(Outcome::PlannedDown { plan, delete_data })
        }
        Job::Up(plan) => up(&stack, &plan).await.map(Outcome::Ran),
        Job::Down { plan, delete_data, drain } => {
            if drain {
                Box::pin(deliver_what_waits(rooms, line))
                    .await
                    .map_err(|error| super::host::trouble(&error))?;
            }
            down(&stack, &plan, delete_data).await.map(Outcome::Ran)
        }
    }
}

/// Has the host deliver what waits there, or says that it does not: then nothing may be torn down.
async fn deliver_what_waits(rooms: &Rooms, line: &Line) -> Result<(), HostError> {
    let name = Kind::Instance.name();
    line.progress().tell(name, name, Phase::Waiting, "delivering first what waits there");
    let host = super::host::connect(rooms, line, host::UP).await?;
    let drained = service::drain(&host).await;
    host.close().await;
    match drained? {
        0 => Ok(()),
        waiting => Err(HostError::NotDrained(waiting)),
    }
}

async fn up(stack: &Stack, plan: &Plan) -> Result<Ran, Trouble> {
    let _lock = stack.lock("console").map_err(|error| Trouble::of_lock(&error))?;
    let outcome = stack.up(plan, false).await;
    let after = stack.survey(false).await;
    Ok(Ran {
        after: Some(surveyed(stack, &after, &Audit::default())),
        failures: failures(&outcome),
        interrupted: outcome.is_interrupted(),
        proof: None,
    })
}

async fn down(stack: &Stack, plan: &Plan, delete_data: bool) -> Result<Ran, Trouble> {
    let _lock = stack.lock("console").map_err(|error| Trouble::of_lock(&error))?;
    let teardown = stack.down(plan, delete_data).await;
    let interrupted = teardown.outcome.is_interrupted();
    Ok(Ran {
        after: (!interrupted).then(|| surveyed(stack, &teardown.survey, &teardown.audit)),
        failures: failures(&teardown.outcome),
        interrupted,
        proof: (!interrupted && teardown.outcome.is_complete()).then(|| proof(&teardown)),
    })
}

fn failures(outcome: &StackOutcome) -> Vec<String> {
    outcome
        .failures()
        .filter(|(_, error)| !matches!(error, StackError::Interrupted))
        .map(|(kind, error)| format!("{kind}: {error}"))
        .collect()
}

fn proof(teardown: &Teardown) -> Proof {
    if !teardown.is_proven() {
        let left = teardown.unmeant().cloned().collect();
        return Proof::Left { left, blind: teardown.audit.blind.clone() };
    }
    match teardown.kept() {
        Some((kind, why)) => Proof::Kept(kind, why.to_owned()),
        None => Proof::Gone,
    }
}

fn surveyed(stack: &Stack, survey: &Survey, audit: &Audit) -> Surveyed {
    let properties = survey.plan.steps.iter().map(|step| (step.kind, properties(step))).collect();
    Surveyed { part: stack.names().part, status: stack.status(survey, audit), properties }
}

fn properties(step: &Step) -> Vec<Property> {
    let differences = step.differences();
    let there = step.found.iter().flat_map(|found| &found.properties);
    let mut list: Vec<Property> = there
        .map(|(name, value)| Property {
            name: (*name).to_owned(),
            there: Some(value.clone()),
            wanted: differences
                .iter()
                .find(|difference| difference.property == *name)
                .map(|difference| difference.wanted.clone()),
        })
        .collect();
    let unset = differences.iter().filter(|difference| difference.there.is_none());
    list.extend(unset.map(|difference| Property {
        name: difference.property.to_owned(),
        there: None,
        wanted: Some(difference.wanted.clone()),
    }));
    list
}
