//! `hydrant up`, `down` and `status`.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;

use super::{CliError, Context, Exit, style};
use crate::cloud::Place;
use crate::progress::{Phase, Progress, Report};
use crate::stack::apply::{Outcome, Teardown};
use crate::stack::audit::Audit;
use crate::stack::graph::Kind;
use crate::stack::plan::{Next, Plan, Step};
use crate::stack::status::{ResourceState, StackState};
use crate::stack::{Stack, StackError, Survey};

/// Create what is missing of the stack and mend what differs
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant up --plan\n  hydrant up --only security-group    (your address changed: open port 22 to the new one)"
)]
pub(super) struct Up {
    /// Show what would be done, and do nothing; exit code 3 if there is anything to do
    #[arg(long)]
    plan: bool,
    /// Take over things of the stack's names that hydrant did not make
    #[arg(long)]
    adopt: bool,
    /// Only these kinds of resource
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    only: Vec<Kind>,
}

/// Tear the stack down and prove that nothing is left
#[derive(Debug, Args)]
#[command(
    after_help = "A bucket that holds anything is kept, and that is a success, unless --delete-data is given.\n\nExample: hydrant down --plan"
)]
pub(super) struct Down {
    /// Show what would be deleted, and do nothing; exit code 3 if there is anything to delete
    #[arg(long)]
    plan: bool,
    /// Delete the bucket with everything in it: all versions, all unfinished uploads
    #[arg(long)]
    delete_data: bool,
}

/// Show the stack's state, drift and cost
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 3 if something is missing or not as it should be.\n\nExample: hydrant status --json"
)]
pub(super) struct Status {}

fn kind(name: &str) -> Result<Kind, String> {
    let kinds = || Kind::ALL.map(Kind::name).join(", ");
    Kind::named(name).ok_or_else(|| format!("the kinds are {}", kinds()))
}

impl Up {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let stack = open(&context).await?;
        let _lock = if self.plan { None } else { Some(stack.lock("up")?) };
        let mut plan = context.unless_stopped(stack.plan_up(self.adopt)).await??;
        if !self.only.is_empty() {
            plan.steps.retain(|step| self.only.contains(&step.kind));
        }
        show_plan(&context, &stack, &plan);
        if self.plan {
            talk_calls(&context, &stack);
            return Ok(plan_exit(&plan));
        }
        let refusals = plan.refusals();
        if !refusals.is_empty() {
            return Err(StackError::Refused(refusals).into());
        }
        if plan.steps.iter().any(Step::destroys) {
            confirm(
                &context,
                "What is to be replaced or deleted is gone then, with everything on it.",
                stack.names().stack.as_str(),
            )
            .await?;
        }
        let outcome = stack.up(&plan, self.adopt).await;
        let survey =
            if outcome.is_complete() { brought_up(plan, &outcome) } else { stack.survey(self.adopt).await };
        show_status(&context, &stack, &survey, &Audit::default());
        talk_calls(&context, &stack);
        Ok(end(&outcome, "up"))
    }
}

/// Every resource as the run last read it: all are as they should be, so nothing has to be read again.
fn brought_up(mut plan: Plan, outcome: &Outcome) -> Survey {
    for step in &mut plan.steps {
        step.found = outcome.found.get(&step.kind).cloned();
        step.next = Next::Rest;
    }
    Survey { plan, ..Survey::default() }
}

impl Down {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let stack = open(&context).await?;
        let _lock = if self.plan { None } else { Some(stack.lock("down")?) };
        let plan = context.unless_stopped(stack.plan_down(self.delete_data)).await?;
        show_plan(&context, &stack, &plan);
        if self.plan {
            talk_calls(&context, &stack);
            return Ok(plan_exit(&plan));
        }
        if plan.steps.iter().any(Step::destroys) {
            let warning = if self.delete_data {
                "What is deleted cannot be brought back, and neither can the data in the bucket."
            } else {
                "What is deleted cannot be brought back."
            };
            confirm(&context, warning, stack.names().stack.as_str()).await?;
        }
        let teardown = stack.down(&plan, self.delete_data).await;
        if !teardown.outcome.is_interrupted() {
            show_status(&context, &stack, &teardown.survey, &teardown.audit);
        }
        talk_calls(&context, &stack);
        let exit = end(&teardown.outcome, "down");
        Ok(if exit == Exit::Done { proof(&teardown) } else { exit })
    }
}

/// Says what the audit proves: nothing left, only what was kept on purpose, or something that nobody meant to leave.
fn proof(teardown: &Teardown) -> Exit {
    for sentence in &teardown.audit.blind {
        eprintln!("{} the audit could not look everywhere: {sentence}", style::warn("hydrant:"));
    }
    for arn in teardown.unmeant() {
        eprintln!("{} left: {arn}", style::bad("hydrant:"));
    }
    if !teardown.is_proven() {
        return Exit::Partly;
    }
    match teardown.bucket_kept() {
        Some(why) => eprintln!("{} everything is gone but the bucket: {why}", style::good("hydrant:")),
        None => eprintln!("{} nothing is left: looked by tag, by name and by path", style::good("hydrant:")),
    }
    Exit::Done
}

impl Status {
    pub(super) async fn run(self, context: Context) -> Result<Exit, CliError> {
        let stack = open(&context).await?;
        let survey = context.unless_stopped(stack.survey(false)).await?;
        let status = show_status(&context, &stack, &survey, &Audit::default());
        talk_calls(&context, &stack);
        Ok(match status.state {
            _ if !survey.unreadable.is_empty() => Exit::Failed,
            StackState::Ready | StackState::Absent => Exit::Done,
            StackState::Partial | StackState::Drifted => Exit::Partly,
        })
    }
}

async fn open(context: &Context) -> Result<Stack, CliError> {
    let json = context.global.json;
    let progress = Progress::to(move |report| if json { print_json(&report) } else { talk(&report) });
    let cloud = context.cloud().await?;
    let opening =
        Stack::open(cloud, context.settings.clone(), &context.folders, progress, context.stop.clone());
    Ok(context.unless_stopped(opening).await??)
}

fn print_json(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("plain data is JSON");
    // A reader that went away has had enough; the work goes on.
    drop(writeln!(std::io::stdout(), "{line}"));
}

fn talk(report: &Report) {
    let sign = match report.phase {
        Phase::Acting => style::faint("·"),
        Phase::Waiting => style::warn("◐"),
        Phase::Done => style::good("●"),
        Phase::Failed => style::bad("✗"),
        Phase::Skipped => style::faint("–"),
    };
    let name = crate::text::sanitise(&report.name);
    drop(writeln!(std::io::stderr(), "  {sign} {:<17} {name:<42}  {}", report.kind, report.text));
}

fn talk_calls(context: &Context, stack: &Stack) {
    if context.global.verbose == 0 {
        return;
    }
    let calls = stack.cloud().calls();
    let each: Vec<String> = calls.iter().map(|(call, times)| format!("{call} {times}")).collect();
    eprintln!("{} calls: {}", calls.values().sum::<u64>(), each.join(", "));
}

fn headline(stack: &Stack) -> String {
    let place = match stack.cloud().place() {
        Place::Aws => style::bad("aws"),
        Place::Endpoint(url) => url.to_string(),
    };
    let names = stack.names();
    format!(
        "{} · {} · account {} · {place}",
        style::strong(&names.stack),
        names.region,
        stack.identity().masked_account()
    )
}

#[derive(serde::Serialize)]
struct PlanLine<'a> {
    kind: Kind,
    name: &'a str,
    action: &'static str,
    differences: Vec<String>,
    why: Option<&'a str>,
}

fn show_plan(context: &Context, stack: &Stack, plan: &Plan) {
    let lines: Vec<PlanLine<'_>> = plan
        .steps
        .iter()
        .filter(|step| step.action() != "absent")
        .map(|step| PlanLine {
            kind: step.kind,
            name: &step.name,
            action: step.action(),
            differences: step.differences().iter().map(ToString::to_string).collect(),
            why: match &step.next {
                Next::Refuse(why) | Next::Leave(why) => Some(why),
                Next::Wait(what) => Some(what),
                _ => None,
            },
        })
        .collect();
    if context.global.json {
        print_json(&serde_json::json!({ "plan": lines }));
        return;
    }
    println!("\n{}\n", headline(stack));
    for line in &lines {
        let sign = match line.action {
            "create" => style::good("+"),
            "change" | "adopt" => style::warn("~"),
            "replace" => style::bad("±"),
            "delete" => style::bad("-"),
            "refuse" => style::bad("✗"),
            "wait" => style::warn("◐"),
            _ => style::faint("="),
        };
        println!("  {sign} {:<9} {:<17} {}", line.action, line.kind, line.name);
        for text in line.differences.iter().map(String::as_str).chain(line.why) {
            println!("      {}", style::faint(text));
        }
    }
    println!("\n{}", summary(plan));
}

fn summary(plan: &Plan) -> String {
    let count = |action: &str| plan.steps.iter().filter(|step| step.action() == action).count();
    let parts: Vec<String> = ["create", "adopt", "change", "replace", "wait", "delete", "refuse"]
        .into_iter()
        .filter_map(|action| {
            Some(count(action)).filter(|count| *count > 0).map(|count| format!("{count} to {action}"))
        })
        .collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

fn plan_exit(plan: &Plan) -> Exit {
    let has_work = plan.work().any(|step| !matches!(step.next, Next::Leave(_)));
    if has_work { Exit::Partly } else { Exit::Done }
}

fn show_status(
    context: &Context,
    stack: &Stack,
    survey: &Survey,
    audit: &Audit,
) -> crate::stack::status::Status {
    let status = stack.status(survey, audit);
    if context.global.json {
        print_json(&status);
        return status;
    }
    println!("\n{}\n", headline(stack));
    for resource in &status.resources {
        let sign = resource.state.sign();
        let sign = match resource.state {
            ResourceState::Ready => style::good(sign),
            ResourceState::Failed => style::bad(sign),
            ResourceState::Absent => style::faint(sign),
            _ => style::warn(sign),
        };
        let state = serde_json::to_value(resource.state).ok();
        let state = state.as_ref().and_then(|state| state.as_str()).unwrap_or_default().to_owned();
        println!("  {sign} {state:<9} {:<17} {}", resource.kind, crate::text::sanitise(&resource.name));
        for text in resource.detail.split("; ").filter(|text| !text.is_empty()) {
            println!("      {}", style::faint(text));
        }
    }
    println!("\n{}", style::faint(&status.estimate));
    status
}

/// Asks for the stack's name to be typed. Without a terminal to ask on, and without `--yes`, nothing is done.
async fn confirm(context: &Context, warning: &str, name: &str) -> Result<(), CliError> {
    if context.global.yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(
            "this would delete something and there is nobody to ask: say --yes".to_owned(),
        ));
    }
    eprint!("{warning}\nType the stack's name ({name}) to go on: ");
    let answer = tokio::task::spawn_blocking(|| {
        let mut typed = String::new();
        std::io::stdin().lock().read_line(&mut typed).map(|_| typed)
    });
    let typed = context.unless_stopped(answer).await?.map_err(std::io::Error::other);
    let typed = typed
        .and_then(|typed| typed)
        .map_err(|source| CliError::Io { what: "read your answer".to_owned(), source })?;
    if typed.trim() == name {
        Ok(())
    } else {
        Err(CliError::Usage("that is not its name: nothing was done".to_owned()))
    }
}

fn end(outcome: &Outcome, command: &str) -> Exit {
    let done = outcome.endings.values().filter(|ending| ending.is_work_done()).count();
    let undone = outcome.endings.values().filter(|ending| ending.is_failure()).count();
    if outcome.is_interrupted() {
        eprintln!(
            "{} stopped: {done} done, {undone} not; `hydrant {command}` goes on from here",
            style::warn("hydrant:")
        );
        return Exit::Interrupted;
    }
    for (kind, error) in outcome.failures() {
        eprintln!("{} {kind}: {error}", style::bad("hydrant:"));
    }
    match (outcome.is_complete(), done) {
        (true, _) => Exit::Done,
        (false, 0) => Exit::Failed,
        (false, _) => Exit::Partly,
    }
}
