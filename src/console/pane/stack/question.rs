//! What the Stack pane asks before it acts, and what it tells after it.

use super::Waiting;
use crate::console::effect::stack::{Proof, Ran, Shown};
use crate::console::theme::Role;
use crate::console::widget::dialog::{Confirm, Dialog, Field, Line};
use crate::console::widget::input::Input;
use crate::console::words;
use crate::host::service::Waits;
use crate::stack::StreamHere;
use crate::stack::graph::Part;
use crate::stack::plan::{Act, Next, Plan};

/// What creating would do, to be confirmed: by the stack's name, if something that is there goes by it.
pub(super) fn create(plan: &Plan, shown: Shown, waiting: Option<&Waiting>, stack: &str) -> Dialog {
    let to_do = plan.work().filter(|step| !matches!(step.next, Next::Leave(_))).count();
    let title = if to_do == 0 { "Nothing to do" } else { "This will be done" };
    let mut body = why_anew(shown);
    if plan.destroys() {
        let warning = "What is replaced, deleted or terminated is gone, and all that is on it.";
        body.push((warning.to_owned(), Role::Bad));
        body.extend(waiting.into_iter().flat_map(Waiting::lines));
    }
    if !body.is_empty() {
        body.push((String::new(), Role::Text));
    }
    body.extend(plan_lines(plan));
    if to_do == 0 || !plan.refusals().is_empty() {
        return Dialog::new(title, body, Confirm::Nothing);
    }
    if !plan.destroys() {
        return Dialog::new(title, body, Confirm::Enter { does: "go on" });
    }
    let confirm = Confirm::Typed { expected: stack.to_owned(), input: Input::default(), does: "go on" };
    Dialog::new(title, body, confirm)
        .with(waiting.and_then(Waiting::field).into_iter().collect())
        .destroying()
}

/// What is said first of a plan that takes the place of one that was agreed to.
fn why_anew(shown: Shown) -> Vec<Line> {
    match shown {
        Shown::First => Vec::new(),
        Shown::Anew => wrapped(
            "Nothing was done: what is there changed since the plan was shown. This is the plan now.",
            Role::Warn,
        ),
    }
}

impl Waiting {
    /// Whether there is anything to be said of it.
    pub(super) fn is_anything(&self) -> bool {
        self.waits != Waits::Nothing || self.here != StreamHere::Nothing || self.unwritten.is_some()
    }

    /// Whether it is to be delivered first, where something is that can be.
    pub(super) fn drains(&self) -> bool {
        self.drain && self.field().is_some()
    }

    /// What goes with the host, and what this machine's stream goes on with.
    fn lines(&self) -> Vec<Line> {
        let host = match &self.waits {
            Waits::Nothing => None,
            Waits::Posts(posts) => {
                let wait = words::counted(posts, "post waits", "posts wait");
                Some(format!("{wait} on the host and would go with it undelivered."))
            }
            Waits::Unknown(why) => Some(format!(
                "The host could not be asked what waits there: {why}. What waits goes with it if it is not delivered."
            )),
        };
        let here = self.here.words().map(|words| format!("Note: {words}."));
        let role = if self.here.goes_on() { Role::Bad } else { Role::Warn };
        let lines = [host.map(|says| (says, Role::Bad)), here.map(|says| (says, role))];
        lines.into_iter().flatten().flat_map(|(says, role)| wrapped(&says, role)).collect()
    }

    /// Whether it is to be delivered first. What waits on this machine's disk and is read by nobody stays there.
    fn field(&self) -> Option<Field> {
        let label = match (&self.waits, self.here.goes_on(), self.unwritten) {
            (Waits::Nothing, true, _) => "stop this machine's stream first, once it has delivered".to_owned(),
            (Waits::Nothing, false, None) => return None,
            (Waits::Nothing, false, Some(unwritten)) => {
                let seconds = unwritten.as_secs();
                format!("wait {seconds} s first: the delivery stream writes what it took")
            }
            (_, true, _) => "deliver first what waits on the host and here, and stop the stream".to_owned(),
            (Waits::Posts(posts), false, _) => {
                let waits = words::counted(posts, "post that waits", "posts that wait");
                format!("deliver first the {waits} on the host")
            }
            (Waits::Unknown(_), false, _) => "deliver first what waits on the host, or do nothing".to_owned(),
        };
        Some(Field::Toggle { label, on: self.drain })
    }
}

/// The fields of a teardown: about the data, and about what waits on the host, if something does. A plan to create has
/// no more than the second.
pub(super) const DELETE_DATA: usize = 0;
pub(super) const DRAIN: usize = 1;

/// What tearing down would do, to be confirmed by the stack's name.
pub(super) fn tear_down(
    plan: &Plan,
    delete_data: bool,
    shown: Shown,
    waiting: Option<&Waiting>,
    stack: &str,
) -> Dialog {
    let gone = plan.steps.iter().filter(|step| step.destroys()).count();
    // It stands first: in a small terminal, the end of a long plan is not seen at once.
    let is_notebook = plan.part() == Part::Notebook;
    let warning = match (gone, delete_data) {
        (0, _) => ("There is nothing to delete.", Role::Text),
        _ if is_notebook => {
            ("What is deleted cannot be brought back, and neither can what is on its disk.", Role::Bad)
        }
        (_, true) => {
            ("What is deleted cannot be brought back, and neither can the data in the bucket.", Role::Bad)
        }
        (_, false) => ("What is deleted cannot be brought back.", Role::Warn),
    };
    let mut body = why_anew(shown);
    body.extend(wrapped(warning.0, warning.1));
    body.extend(waiting.into_iter().flat_map(Waiting::lines));
    body.push((String::new(), Role::Text));
    body.extend(plan_lines(plan));
    let label = if is_notebook {
        "delete what it logged too"
    } else {
        "delete the data in the bucket too, with every version of it"
    };
    let label = label.to_owned();
    let confirm = if gone == 0 {
        Confirm::Nothing
    } else {
        Confirm::Typed { expected: stack.to_owned(), input: Input::default(), does: "tear down" }
    };
    let mut fields = vec![Field::Toggle { label, on: delete_data }];
    fields.extend(waiting.and_then(Waiting::field));
    Dialog::new("Tear down", body, confirm).with(fields).destroying()
}

/// How a run ended; after a teardown, what the audit proves.
pub(super) fn how_it_ended(ran: &Ran) -> Dialog {
    let mut body: Vec<Line> = Vec::new();
    if ran.interrupted {
        body.push((
            "It was stopped at a safe point; the same action goes on from there.".to_owned(),
            Role::Warn,
        ));
    }
    body.extend(ran.failures.iter().flat_map(|failure| wrapped(failure, Role::Bad)));
    match &ran.proof {
        Some(Proof::Gone) => {
            body.push(("Nothing is left: looked by tag, by name and by path.".to_owned(), Role::Good));
        }
        Some(Proof::Kept(kind, why)) => {
            body.push((format!("Everything is gone but the {kind}:"), Role::Good));
            body.extend(wrapped(why, Role::Warn));
        }
        Some(Proof::Left { left, blind }) => {
            body.extend(left.iter().flat_map(|arn| wrapped(&format!("left: {arn}"), Role::Bad)));
            let unseen = |place: &String| {
                wrapped(&format!("the audit could not look everywhere: {place}"), Role::Warn)
            };
            body.extend(blind.iter().flat_map(unseen));
        }
        None if body.is_empty() => body.push(("Everything is as it should be.".to_owned(), Role::Good)),
        None => {}
    }
    let title = if ran.failures.is_empty() && !ran.interrupted { "Done" } else { "Not all was done" };
    Dialog::new(title, body, Confirm::Nothing)
}

fn wrapped(text: &str, role: Role) -> Vec<Line> {
    crate::text::wrap(&crate::text::sanitise(text), 70).into_iter().map(|line| (line, role)).collect()
}

/// Each step of a plan, with what differs under it; what stays as it is comes last, since it is not what is asked about.
fn plan_lines(plan: &Plan) -> Vec<Line> {
    let mut lines = Vec::new();
    let stays = plan.steps.iter().filter(|step| step.next == Next::Rest && step.found.is_some());
    for step in plan.work().chain(stays) {
        let act = step.act();
        let role = match act {
            Act::Create => Role::Good,
            Act::Change | Act::Adopt | Act::Wait => Role::Warn,
            Act::Replace | Act::Delete | Act::Refuse => Role::Bad,
            Act::Absent | Act::Unchanged | Act::Leave => Role::Faint,
        };
        let line = format!("{} {:<9} {:<17} {}", act.sign(), act.word(), step.kind, step.name);
        lines.push((line, role));
        let under = |text: &str, role| {
            let text = crate::text::wrap(&crate::text::sanitise(text), 66);
            text.into_iter().map(move |line| (format!("    {line}"), role))
        };
        for difference in step.differences() {
            lines.extend(under(&difference.to_string(), Role::Faint));
        }
        if let Some(others) = step.goes_along() {
            lines.extend(under(&format!("and with it {others}"), Role::Bad));
        }
        if let Some(why) = step.why() {
            lines.extend(under(why, Role::Warn));
        }
    }
    lines
}
