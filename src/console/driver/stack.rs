//! Runs the jobs of the Stack pane.

use super::{Line, Rooms};
use crate::console::effect::Trouble;
use crate::console::effect::stack::{Job, Outcome, Proof, Property, Ran, Shown, Surveyed};
use crate::host::service::{self, Waits};
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
        Job::PlanUp(_) => {
            let plan = stack.plan_up(false).await.map_err(|error| Trouble::of_stack(&error))?;
            Ok(planned_up(plan, Shown::First, rooms, line).await)
        }
        Job::Link => {
            stack.notebook_link().await.map(Outcome::Link).map_err(|error| Trouble::of_stack(&error))
        }
        Job::PlanDown { delete_data, ask_host, .. } => {
            // Both are large; side by side on a worker's stack they would be too large for it.
            let asked = async {
                if ask_host {
                    let (waits, here) =
                        tokio::join!(what_waits(rooms, line), stack.stream_here(&rooms.folders));
                    line.came(Outcome::HostWaits(waits)).await;
                    line.came(Outcome::StreamHere(here)).await;
                }
            };
            let (plan, ()) = tokio::join!(Box::pin(stack.plan_down(delete_data)), asked);
            Ok(Outcome::PlannedDown { plan, delete_data, shown: Shown::First })
        }
        // What was shown may be an hour old, and somebody else at work since: with the lock, it is looked at again.
        Job::Up { plan: shown, drain } => {
            let _lock = stack.lock("console").map_err(|error| Trouble::of_lock(&error))?;
            let plan = stack.plan_up(false).await.map_err(|error| Trouble::of_stack(&error))?;
            if !plan.goes_no_further_than(&shown) {
                return Ok(planned_up(plan, Shown::Anew, rooms, line).await);
            }
            if drain {
                deliver_first(&stack, &plan, rooms, line).await?;
            }
            Ok(Outcome::Ran(up(&stack, &plan).await))
        }
        Job::Down { plan: shown, delete_data, drain } => {
            let _lock = stack.lock("console").map_err(|error| Trouble::of_lock(&error))?;
            let plan = Box::pin(stack.plan_down(delete_data)).await;
            if !plan.goes_no_further_than(&shown) {
                if plan.takes_host() {
                    line.came(Outcome::HostWaits(what_waits(rooms, line).await)).await;
                }
                if plan.ends_delivery() {
                    line.came(Outcome::StreamHere(stack.stream_here(&rooms.folders).await)).await;
                }
                return Ok(Outcome::PlannedDown { plan, delete_data, shown: Shown::Anew });
            }
            if drain {
                deliver_first(&stack, &plan, rooms, line).await?;
            }
            Ok(Outcome::Ran(down(&stack, &plan, delete_data).await))
        }
    }
}

async fn planned_up(plan: Plan, shown: Shown, rooms: &Rooms, line: &Line) -> Outcome {
    if plan.takes_host() {
        line.came(Outcome::HostWaits(what_waits(rooms, line).await)).await;
    }
    Outcome::PlannedUp { plan, shown }
}

async fn what_waits(rooms: &Rooms, line: &Line) -> Waits {
    Box::pin(service::waiting(&rooms.settings, &rooms.folders, line.stop())).await
}

/// Has delivered what waits in what goes, or says why it is not: then nothing may be torn down.
async fn deliver_first(stack: &Stack, plan: &Plan, rooms: &Rooms, line: &Line) -> Result<(), Trouble> {
    if plan.ends_delivery() {
        stack.stop_stream_here(&rooms.folders).await.map_err(|error| Trouble::of_stack(&error))?;
    }
    if plan.takes_host() {
        let (name, progress) = (Kind::Instance.name(), line.progress());
        progress.tell(name, name, Phase::Waiting, "delivering first what waits there");
        Box::pin(service::deliver(&rooms.settings, &rooms.folders, progress, line.stop().clone()))
            .await
            .map_err(|error| super::host::trouble(&error))?;
    }
    stack.let_it_write(plan).await.map_err(|error| Trouble::of_stack(&error))
}

async fn up(stack: &Stack, plan: &Plan) -> Ran {
    let outcome = stack.up(plan, false).await;
    let after = stack.survey(false).await;
    Ran {
        after: Some(surveyed(stack, &after, &Audit::default())),
        failures: failures(&outcome),
        interrupted: outcome.is_interrupted(),
        proof: None,
    }
}

async fn down(stack: &Stack, plan: &Plan, delete_data: bool) -> Ran {
    let teardown = stack.down(plan, delete_data).await;
    let interrupted = teardown.outcome.is_interrupted();
    Ran {
        after: (!interrupted).then(|| surveyed(stack, &teardown.survey, &teardown.audit)),
        failures: failures(&teardown.outcome),
        interrupted,
        proof: (!interrupted && teardown.outcome.is_complete()).then(|| proof(&teardown)),
    }
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
        Some((kind, stays)) => Proof::Kept(kind, stays.why.clone()),
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
