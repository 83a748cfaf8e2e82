//! `hydrant up`, `down` and `status`, and the same for the notebook.

use std::io::{BufRead, IsTerminal};
use std::time::Duration;

use clap::Args;

use super::style::{answer, talk};
use super::{CliError, Context, Exit, style};
use crate::cloud::Place;
use crate::host::service::Waits;
use crate::progress::{Phase, Progress, Report};
use crate::text::counted;

use crate::stack::audit::Audit;
use crate::stack::graph::{Kind, Part};
use crate::stack::outcome::{Ending, Outcome, Teardown};
use crate::stack::plan::{Act, Next, Plan, Step};
use crate::stack::status::{ResourceState, StackState};
use crate::stack::{Stack, StackError, StreamHere, Survey};

/// Create what is missing of the stack and mend what differs
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  hydrant up --plan\n  hydrant up --only security-group    (your address changed: open port 22 to the new one)"
)]
pub(super) struct Up {
    /// Show what would be done, and do nothing; exit code 3 if there is anything to do
    #[arg(long)]
    pub(super) plan: bool,
    /// Take over things of the stack's names that hydrant did not make
    #[arg(long)]
    pub(super) adopt: bool,
    /// Have delivered first what waits on a host and in a delivery stream that go; if that fails, nothing is torn down
    #[arg(long)]
    pub(super) drain: bool,
    /// Only these kinds of resource
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = kind)]
    pub(super) only: Vec<Kind>,
}

/// Tear the stack down and prove that nothing is left
#[derive(Debug, Args)]
#[command(
    after_help = "A bucket that holds anything is kept, and that is a success, unless --delete-data is given.\n\nExample: hydrant down --plan"
)]
pub(super) struct Down {
    /// Show what would be deleted, and do nothing; exit code 3 if there is anything to delete
    #[arg(long)]
    pub(super) plan: bool,
    /// Delete the bucket with everything in it: all versions, all unfinished uploads
    #[arg(long)]
    pub(super) delete_data: bool,
    /// Have delivered first what waits on the host, in this machine's stream, which ends with that, and in the delivery stream; if that fails, nothing is torn down
    #[arg(long)]
    pub(super) drain: bool,
}

/// Show the stack's state, drift and cost
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code 3 if some of it is missing or not as it should be, 0 if all of it is there or nothing.\n\nExample: hydrant status --json"
)]
pub(super) struct Status {}

/// How long an interrupted or failed run looks at what it leaves before it ends.
const LAST_LOOK: Duration = Duration::from_secs(10);

fn kind(name: &str) -> Result<Kind, String> {
    let kinds = || Part::Pipeline.kinds().map(Kind::name).collect::<Vec<_>>().join(", ");
    let named = Kind::named(name).filter(|kind| kind.part() == Part::Pipeline);
    named.ok_or_else(|| format!("the kinds are {}", kinds()))
}

/// A command as it is typed, for whoever is to type it again.
fn typed(part: Part, command: &str) -> String {
    match part {
        Part::Pipeline => command.to_owned(),
        Part::Notebook => format!("notebook {command}"),
    }
}

impl Up {
    pub(super) async fn run(self, part: Part, context: Context) -> Result<Exit, CliError> {
        let stack = open(part, &context).await?;
        let command = typed(part, "up");
        let _lock = if self.plan { None } else { Some(stack.lock(&command)?) };
        let whole = context.unless_stopped(stack.plan_up(self.adopt)).await??;
        let mut plan = whole.clone();
        if !self.only.is_empty() {
            plan.steps.retain(|step| self.only.contains(&step.kind));
        }
        show_plan(&context, &stack, &plan);
        if self.plan {
            talk_calls(&context, &stack);
            return Ok(plan_exit(&plan));
        }
        context.refuse_if_readonly(plan.work().count())?;
        let refusals = plan.refusals();
        if !refusals.is_empty() {
            return Err(StackError::Refused(refusals).into());
        }
        let warning = "What is to be replaced, deleted or terminated is gone, and all that is on it.";
        agree(&context, &stack, &plan, warning, self.drain).await?;
        let outcome = stack.up(&plan, self.adopt).await;
        let survey = if outcome.is_complete() {
            brought_up(whole, &outcome)
        } else {
            last_look(&stack, self.adopt).await
        };
        show_status(&context, &stack, &survey, &Audit::default());
        talk_calls(&context, &stack);
        Ok(end(&outcome))
    }
}

/// Every resource as the run last read it: what the run brought up is as it should be, so nothing has to be read
/// again. What was not part of the run is as the plan found it.
fn brought_up(mut whole: Plan, outcome: &Outcome) -> Survey {
    for step in &mut whole.steps {
        match outcome.endings.get(&step.kind) {
            Some(Ending::Deleted | Ending::Absent) => (step.found, step.next) = (None, Next::Rest),
            Some(_) => (step.found, step.next) = (outcome.found.get(&step.kind).cloned(), Next::Rest),
            None => {}
        }
    }
    Survey { plan: whole, ..Survey::default() }
}

/// What is there after a run that did not come to its end: as much as can be read in a moment.
async fn last_look(stack: &Stack, adopt: bool) -> Survey {
    tokio::time::timeout(LAST_LOOK, stack.survey(adopt)).await.unwrap_or_else(|_| stack.unread())
}

impl Down {
    pub(super) async fn run(self, part: Part, context: Context) -> Result<Exit, CliError> {
        let stack = open(part, &context).await?;
        let command = typed(part, "down");
        let _lock = if self.plan { None } else { Some(stack.lock(&command)?) };
        let plan = context.unless_stopped(stack.plan_down(self.delete_data)).await?;
        show_plan(&context, &stack, &plan);
        let here = if plan.ends_delivery() {
            context.unless_stopped(stack.stream_here(&context.folders)).await?
        } else {
            StreamHere::Nothing
        };
        if let Some(sentence) = stream_goes_on(&here, self.drain) {
            talk!("{} {}", style::warn("hydrant:"), style::safe(sentence));
        }
        if self.plan {
            talk_calls(&context, &stack);
            return Ok(plan_exit(&plan));
        }
        context.refuse_if_readonly(plan.steps.iter().filter(|step| step.destroys()).count())?;
        let warning = match (part, self.delete_data) {
            (Part::Notebook, _) => {
                "What is deleted cannot be brought back, and neither can what is on the notebook's disk."
            }
            (Part::Pipeline, true) => {
                "What is deleted cannot be brought back, and neither can the data in the bucket."
            }
            (Part::Pipeline, false) => "What is deleted cannot be brought back.",
        };
        agree(&context, &stack, &plan, warning, self.drain).await?;
        let mut teardown = stack.down(&plan, self.delete_data).await;
        if teardown.outcome.is_interrupted() {
            teardown.survey = last_look(&stack, false).await;
        }
        show_status(&context, &stack, &teardown.survey, &teardown.audit);
        talk_calls(&context, &stack);
        let exit = end(&teardown.outcome);
        if here.goes_on() && !self.drain {
            talk!(
                "{} this machine's stream still runs: `hydrant stream stop` ends it",
                style::warn("hydrant:")
            );
        }
        Ok(if exit == Exit::Done { proof(&teardown) } else { exit })
    }
}

/// Says what the audit proves: nothing left, only what was kept on purpose, or something that nobody meant to leave.
fn proof(teardown: &Teardown) -> Exit {
    for sentence in &teardown.audit.blind {
        talk!("{} the audit could not look everywhere: {}", style::warn("hydrant:"), style::safe(sentence));
    }
    for arn in teardown.unmeant() {
        talk!("{} left: {}", style::bad("hydrant:"), style::safe(arn));
    }
    if !teardown.is_proven() {
        return Exit::Partly;
    }
    match teardown.kept() {
        Some((kind, why)) => talk!("{} everything is gone but the {kind}: {why}", style::good("hydrant:")),
        None => talk!("{} nothing is left: looked by tag, name and path", style::good("hydrant:")),
    }
    Exit::Done
}

impl Status {
    pub(super) async fn run(self, part: Part, context: Context) -> Result<Exit, CliError> {
        let stack = open(part, &context).await?;
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

pub(super) async fn open(part: Part, context: &Context) -> Result<Stack, CliError> {
    let json = context.global.json;
    let progress = Progress::to(move |report| if json { print_json(&report) } else { talk_of(&report) });
    let cloud = context.cloud().await?;
    let opening =
        Stack::open(part, cloud, context.settings.clone(), &context.folders, progress, context.stop.clone());
    Ok(context.unless_stopped(opening).await??)
}

fn print_json(value: &impl serde::Serialize) {
    let line = serde_json::to_string(value).expect("plain data is JSON");
    answer!("{line}");
}

fn talk_of(report: &Report) {
    let sign = match report.phase {
        Phase::Acting => style::faint("·"),
        Phase::Waiting => style::warn("◐"),
        Phase::Done => style::good("●"),
        Phase::Failed => style::bad("✗"),
        Phase::Skipped => style::faint("–"),
    };
    let (name, text) = (style::safe(&report.name), style::safe(&report.text));
    talk!("  {sign} {:<23} {name:<42}  {text}", report.kind);
}

fn talk_calls(context: &Context, stack: &Stack) {
    if context.global.verbose == 0 {
        return;
    }
    let calls = stack.cloud().calls();
    let each: Vec<String> = calls.iter().map(|(call, times)| format!("{call} {times}")).collect();
    talk!("{}: {}", counted(calls.values().sum::<u64>(), "call", "calls"), each.join(", "));
}

fn headline(stack: &Stack) -> String {
    let place = match stack.cloud().place() {
        Place::Aws => style::bad("aws"),
        Place::Endpoint(url) => style::safe(url),
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
    action: Act,
    differences: Vec<String>,
    why: Option<String>,
}

fn show_plan(context: &Context, stack: &Stack, plan: &Plan) {
    let lines: Vec<PlanLine<'_>> = plan
        .steps
        .iter()
        .filter(|step| step.act() != Act::Absent)
        .map(|step| PlanLine {
            kind: step.kind,
            name: &step.name,
            action: step.act(),
            differences: step.differences().iter().map(ToString::to_string).chain(also(step)).collect(),
            why: match &step.next {
                Next::Leave(stays) => Some(stays.to_string()),
                _ => step.why().map(ToOwned::to_owned),
            },
        })
        .collect();
    if context.global.json {
        print_json(&serde_json::json!({ "plan": lines }));
        return;
    }
    answer!("\n{}\n", headline(stack));
    for line in &lines {
        let (sign, word) = (line.action.sign(), line.action.word());
        let sign = match line.action {
            Act::Create => style::good(sign),
            Act::Change | Act::Adopt | Act::Wait => style::warn(sign),
            Act::Replace | Act::Delete | Act::Refuse => style::bad(sign),
            Act::Absent | Act::Unchanged | Act::Leave => style::faint(sign),
        };
        answer!("  {sign} {word:<9} {:<23} {}", line.kind, line.name);
        for text in line.differences.iter().chain(&line.why) {
            answer!("      {}", style::faint(style::safe(text)));
        }
    }
    answer!("\n{}", summary(plan));
}

/// What goes with a resource that is deleted, in words.
fn also(step: &Step) -> Option<String> {
    step.goes_along().map(|others| format!("and with it {others}"))
}

fn summary(plan: &Plan) -> String {
    let count = |act: Act| plan.steps.iter().filter(|step| step.act() == act).count();
    let parts: Vec<String> =
        [Act::Create, Act::Adopt, Act::Change, Act::Replace, Act::Wait, Act::Delete, Act::Refuse]
            .into_iter()
            .map(|act| (count(act), act.word()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, word)| format!("{count} to {word}"))
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
    answer!("\n{}\n", headline(stack));
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
        answer!("  {sign} {state:<9} {:<23} {}", resource.kind, style::safe(&resource.name));
        for text in resource.detail.split("; ").filter(|text| !text.is_empty()) {
            answer!("      {}", style::faint(style::safe(text)));
        }
    }
    answer!("\n{}", style::faint(&status.estimate));
    status
}

/// Says what a plan takes away and has it agreed to, and then, if `drain`, has delivered what waits in what goes.
/// Only after that may anything be done.
async fn agree(
    context: &Context,
    stack: &Stack,
    plan: &Plan,
    warning: &str,
    drain: bool,
) -> Result<(), CliError> {
    if !plan.destroys() {
        return Ok(());
    }
    if plan.takes_host() {
        let waits = Box::pin(super::host::waiting(context)).await;
        if let Some(sentence) = host_goes(&waits, drain) {
            talk!("{} {}", style::warn("hydrant:"), style::safe(sentence));
        }
    }
    if let Some(buffered) = plan.unwritten().filter(|_| !drain) {
        talk!(
            "{} what the delivery stream took in the last {} s goes with it unless it is written: --drain waits for that",
            style::warn("hydrant:"),
            buffered.as_secs()
        );
    }
    confirm(context, warning, stack.names().stack.as_str()).await?;
    if !drain {
        return Ok(());
    }
    if plan.ends_delivery() {
        stack.stop_stream_here(&context.folders).await?;
    }
    // Whatever it said a moment ago, a host that goes is drained if that is wanted: more may have come since.
    if plan.takes_host() {
        Box::pin(super::host::deliver(context)).await?;
    }
    Ok(stack.let_it_write(plan).await?)
}

/// What is to be said of this machine's stream before the delivery stream goes.
fn stream_goes_on(here: &StreamHere, drain: bool) -> Option<String> {
    let words = here.words()?;
    Some(match (here.goes_on(), drain) {
        (false, _) => words,
        (true, true) => format!("{words}: it delivers what waits and ends first"),
        (true, false) => {
            format!(
                "{words}: `hydrant stream stop` ends it, and --drain does that first and delivers what waits"
            )
        }
    })
}

/// What is to be said of the posts on a host that goes.
fn host_goes(waits: &Waits, drain: bool) -> Option<String> {
    match (waits, drain) {
        (Waits::Nothing, _) => None,
        (Waits::Posts(posts), true) => {
            Some(format!("{} for the host to deliver first", counted(posts, "post waits", "posts wait")))
        }
        (Waits::Posts(posts), false) => Some(format!(
            "{} on the host and would go with it: --drain delivers first",
            counted(posts, "post waits", "posts wait")
        )),
        (Waits::Unknown(why), true) => Some(format!(
            "the host could not be asked what waits there: {why}; it goes only once it has delivered"
        )),
        (Waits::Unknown(why), false) => {
            Some(format!("the host could not be asked what waits there: {why}; whatever does goes with it"))
        }
    }
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

fn end(outcome: &Outcome) -> Exit {
    let done = outcome.endings.values().filter(|ending| ending.is_work_done()).count();
    let undone = outcome.endings.values().filter(|ending| ending.is_failure()).count();
    let failed = outcome.failures().filter(|(_, error)| !matches!(error, StackError::Interrupted));
    for (kind, error) in failed {
        talk!("{} {kind}: {}", style::bad("hydrant:"), style::safe(error));
    }
    if outcome.is_interrupted() {
        talk!(
            "{} stopped: {done} done, {undone} not; the same command goes on from here",
            style::warn("hydrant:")
        );
        return Exit::Interrupted;
    }
    match (outcome.is_complete(), done) {
        (true, _) => Exit::Done,
        (false, 0) => Exit::Failed,
        (false, _) => Exit::Partly,
    }
}
