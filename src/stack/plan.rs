//! Wanted against there: what would have to be done, decided without doing anything.
//!
//! The same [`decide`] that makes the plan drives the work: after every act the resource is read again and decided
//! anew, until there is nothing left to do. So a plan shows what will happen, and a run that was cut off anywhere is
//! taken up by reading, not by remembering.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::graph::{Kind, Part};
use super::names::STACK_TAG;
use crate::text::sanitise;

/// The property that every taggable resource must have: whose it is.
pub const OWNER: &str = STACK_TAG;

/// How long a delivery stream keeps what it took before it writes it.
pub(super) const BUFFER_SECONDS: &str = "buffer seconds";

/// The property that lists what else of the stack's is there, beyond the one that should be.
pub(super) const OTHERS: &str = "other instances of this stack";

/// The property that says what data goes with a resource that is deleted.
pub(super) const HOLDS: &str = "holds";

/// A list that has nothing on it.
pub(super) const NONE: &str = "none";

/// The property that says that something failed.
pub(super) const STATE: &str = "state";

/// How a difference is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mend {
    /// In place.
    Change,
    /// By terminating something else that is there and should not be.
    Terminate,
    /// Only by deleting the resource and making a new one.
    Replace,
}

impl Mend {
    /// Whether it takes away something that is there.
    pub const fn destroys(self) -> bool {
        matches!(self, Self::Terminate | Self::Replace)
    }
}

/// One property as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Want {
    /// In the operator's words.
    pub property: &'static str,
    /// The value, as [`Found::properties`] would show it.
    pub value: String,
    /// What a difference takes.
    pub mend: Mend,
}

/// A resource as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Every property that hydrant cares about.
    pub wants: Vec<Want>,
}

impl Wanted {
    /// Adds a property that can be mended in place.
    #[must_use]
    pub fn with(self, property: &'static str, value: impl Into<String>) -> Self {
        self.add(property, value.into(), Mend::Change)
    }

    /// Adds a property that is decided when the resource is made.
    #[must_use]
    pub fn fixed(self, property: &'static str, value: impl Into<String>) -> Self {
        self.add(property, value.into(), Mend::Replace)
    }

    /// Adds a list that is mended by terminating what is on it.
    #[must_use]
    pub fn without(self, property: &'static str) -> Self {
        self.add(property, NONE.to_owned(), Mend::Terminate)
    }

    fn add(mut self, property: &'static str, value: String, mend: Mend) -> Self {
        self.wants.push(Want { property, value, mend });
        self
    }

    fn differences(&self, there: &BTreeMap<&'static str, String>) -> Vec<Difference> {
        self.wants
            .iter()
            .filter(|want| there.get(want.property) != Some(&want.value))
            .map(|want| Difference {
                property: want.property,
                wanted: want.value.clone(),
                there: there.get(want.property).cloned(),
                mend: want.mend,
            })
            .collect()
    }
}

/// Where a resource is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// AWS is still making it.
    Creating,
    /// It works.
    Ready,
    /// AWS is changing it, in these words; only waiting helps.
    Working(&'static str),
    /// AWS is removing it.
    Deleting,
    /// AWS gave up on it, for this reason; only deleting helps, or for some kinds starting it again.
    Failed(String),
}

/// A resource as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// AWS's id, or the name where the name is the id.
    pub id: String,
    /// Its address in AWS.
    pub arn: String,
    /// Where it is in its life.
    pub life: Life,
    /// Its properties, in the operator's words.
    pub properties: BTreeMap<&'static str, String>,
    /// What else is worth saying: an address, what it holds.
    pub detail: String,
    /// When it was made, where AWS says so.
    pub made: Option<Timestamp>,
}

impl Found {
    /// A resource that works.
    pub fn ready(id: impl Into<String>, arn: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            arn: arn.into(),
            life: Life::Ready,
            properties: BTreeMap::new(),
            detail: String::new(),
            made: None,
        }
    }

    /// Notes when it was made.
    #[must_use]
    pub fn made_at(mut self, time: Option<&aws_smithy_types::DateTime>) -> Self {
        self.made = time.and_then(|time| Timestamp::from_second(time.secs()).ok());
        self
    }

    /// Notes a property; an absent one is not noted.
    #[must_use]
    pub fn with(mut self, property: &'static str, value: impl Into<Option<String>>) -> Self {
        if let Some(value) = value.into() {
            self.properties.insert(property, value);
        }
        self
    }
}

/// A property that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// In the operator's words.
    pub property: &'static str,
    /// As it should be.
    pub wanted: String,
    /// As it is; `None` if it is not set at all.
    pub there: Option<String>,
    /// What it takes.
    pub mend: Mend,
}

impl Difference {
    /// Whether mending it terminates something that mending `agreed` would not.
    pub(super) fn takes_more_than(&self, agreed: &[Self]) -> bool {
        fn list(difference: &Difference) -> impl Iterator<Item = &str> {
            difference.there.as_deref().unwrap_or_default().split(", ")
        }
        let same = |other: &&Self| (other.property, other.mend) == (self.property, self.mend);
        let agreed = agreed.iter().find(same);
        let is_agreed = |thing| agreed.is_some_and(|agreed| list(agreed).any(|other| other == thing));
        self.mend == Mend::Terminate && !list(self).all(is_agreed)
    }

    /// In full, for a sentence rather than a line: why something failed is worth its room.
    pub(super) fn whole(&self) -> String {
        match (&self.there, self.property) {
            (Some(there), STATE) => sanitise(there),
            _ => self.to_string(),
        }
    }
}

/// Characters that a value may have to be shown in a line.
const SHOWN: usize = 76;

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { property, wanted, .. } = self;
        let there = self.there.as_deref().unwrap_or("not set");
        // Of two policies, the first characters are the same: showing those would say nothing. What is to be
        // terminated is named, however much it is.
        let is_list = self.mend == Mend::Terminate;
        if *property != STATE && !is_list && wanted.chars().count().max(there.chars().count()) > SHOWN {
            return write!(f, "{property}: differs (`status --json` has both)");
        }
        let how = if is_list { " (to be terminated)" } else { "" };
        write!(f, "{property}: {} → {}{how}", sanitise(there), sanitise(wanted))
    }
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This stack's.
    Us,
    /// Another hydrant stack's.
    Stack(String),
    /// Nobody's that hydrant knows of.
    Nobody,
}

/// What a decision depends on beside the resource itself.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// Whether the journal says that this stack began to make it and may not have tagged it yet.
    pub begun: bool,
    /// Whether the operator said that nobody's things of our names are to be taken over.
    pub adopt: bool,
}

impl Claim<'_> {
    /// Whose the resource is. One without a tag is ours if we began to make it: the tag may be the next call.
    pub fn owner(&self, found: &Found) -> Owner {
        match found.properties.get(OWNER) {
            Some(stack) if stack == self.stack => Owner::Us,
            Some(other) => Owner::Stack(other.clone()),
            None if self.begun => Owner::Us,
            None => Owner::Nobody,
        }
    }
}

/// Why something stays on the way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stays {
    /// The reason: whose it is, or what it holds.
    pub why: String,
    /// The command's option that would take it all the same. The console asks for the same in a field of its question.
    pub unless: Option<&'static str>,
}

impl std::fmt::Display for Stays {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.why)?;
        self.unless.map_or(Ok(()), |option| write!(f, "; {option} deletes them with it"))
    }
}

impl From<String> for Stays {
    fn from(why: String) -> Self {
        Self { why, unless: None }
    }
}

/// The next thing to do about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing: it is as it should be.
    Rest,
    /// Make it.
    Create,
    /// Take over somebody's and mend these differences.
    Adopt(Vec<Difference>),
    /// Mend these differences in place.
    Change(Vec<Difference>),
    /// Delete it and make it anew, because of these.
    Replace(Vec<Difference>),
    /// Wait: AWS is at work on it.
    Wait(&'static str),
    /// Delete it: it is ours and not wanted.
    Delete,
    /// Leave it as it is on the way down, and say why: it is not ours, or it holds data.
    Leave(Stays),
    /// Do nothing and say why: it is not ours to touch.
    Refuse(String),
}

/// What to do about a resource on the way up.
pub fn decide(
    kind: Kind,
    name: &str,
    wanted: Option<&Wanted>,
    found: Option<&Found>,
    claim: Claim<'_>,
) -> Next {
    let (wanted, found) = match (wanted, found) {
        (None, None) => return Next::Rest,
        (Some(_), None) => return Next::Create,
        (wanted, Some(found)) => (wanted, found),
    };
    let owner = claim.owner(found);
    let Some(wanted) = wanted else {
        return match (owner, &found.life) {
            (Owner::Us, Life::Deleting) => Next::Wait("being deleted"),
            (Owner::Us, Life::Working(what)) => Next::Wait(what),
            (Owner::Us, _) => Next::Delete,
            _ => Next::Rest,
        };
    };
    let setting = kind.lies_in().unwrap_or(kind).setting();
    match &owner {
        Owner::Stack(other) => {
            return Next::Refuse(format!(
                "the {kind} {name} belongs to the stack `{other}`: choose another name with `{setting}`"
            ));
        }
        Owner::Nobody if !claim.adopt => {
            return Next::Refuse(format!(
                "the {kind} {name} is there already and hydrant did not make it: take it over with --adopt, or choose another name with `{setting}`"
            ));
        }
        Owner::Us | Owner::Nobody => {}
    }
    match &found.life {
        Life::Creating => return Next::Wait("being created"),
        Life::Deleting => return Next::Wait("being deleted"),
        Life::Working(what) => return Next::Wait(what),
        Life::Failed(why) => {
            let mend = if kind.can_start_again() { Mend::Change } else { Mend::Replace };
            let (property, wanted) = (STATE, "ready".to_owned());
            let failed = Difference { property, wanted, there: Some(format!("failed: {why}")), mend };
            return mended(kind, name, &owner, vec![failed]);
        }
        Life::Ready => {}
    }
    mended(kind, name, &owner, wanted.differences(&found.properties))
}

/// How these differences of a resource that is ours, or to be taken over, are mended.
fn mended(kind: Kind, name: &str, owner: &Owner, differences: Vec<Difference>) -> Next {
    let replaces = differences.iter().any(|difference| difference.mend == Mend::Replace);
    match (owner, replaces) {
        // To take a thing over is not to delete it.
        (Owner::Nobody, true) => {
            let setting = kind.setting();
            let fixed = differences.iter().filter(|difference| difference.mend == Mend::Replace);
            let fixed: Vec<String> = fixed.map(Difference::whole).collect();
            Next::Refuse(format!(
                "the {kind} {name} cannot be taken over, since only a new one would be as it should ({}): choose another name with `{setting}`",
                fixed.join(", ")
            ))
        }
        (_, true) => Next::Replace(differences),
        (Owner::Nobody, false) => Next::Adopt(differences),
        (_, false) if differences.is_empty() => Next::Rest,
        (_, false) => Next::Change(differences),
    }
}

/// What to do about a resource on the way down. `kept` says why a bucket is to stay.
pub fn decide_down(
    kind: Kind,
    name: &str,
    found: Option<&Found>,
    kept: Option<Stays>,
    claim: Claim<'_>,
) -> Next {
    let Some(found) = found else { return Next::Rest };
    match (claim.owner(found), kept) {
        (Owner::Us, Some(stays)) => Next::Leave(stays),
        (Owner::Us, None) => Next::Delete,
        (Owner::Stack(other), _) => {
            Next::Leave(format!("the {kind} {name} belongs to the stack `{other}`").into())
        }
        (Owner::Nobody, _) => Next::Leave(not_made(kind, name).into()),
    }
}

/// Why nobody's is left alone.
pub(super) fn not_made(kind: Kind, name: &str) -> String {
    match kind.lies_in() {
        None => format!("hydrant did not make the {kind} {name}"),
        Some(home) => {
            format!("the {kind} {name} is of a {home} that hydrant is not known to have made")
        }
    }
}

/// What is done about a resource, in a word and a sign. The colours belong to those who draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Nothing: it is not there and not wanted.
    Absent,
    /// Nothing: it is as it should be.
    Unchanged,
    /// It is made.
    Create,
    /// It is taken over.
    Adopt,
    /// It is mended in place.
    Change,
    /// It is deleted and made anew.
    Replace,
    /// It is waited for.
    Wait,
    /// It is deleted.
    Delete,
    /// It stays.
    Leave,
    /// Nothing may be done.
    Refuse,
}

impl Act {
    /// The word for it, as an imperative.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Unchanged => "unchanged",
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Change => "change",
            Self::Replace => "replace",
            Self::Wait => "wait",
            Self::Delete => "delete",
            Self::Leave => "leave",
            Self::Refuse => "refuse",
        }
    }

    /// The sign that the console and the command line show; never told by colour alone.
    pub const fn sign(self) -> char {
        match self {
            Self::Create => '+',
            Self::Adopt | Self::Change => '~',
            Self::Replace => '±',
            Self::Delete => '-',
            Self::Wait => '◐',
            Self::Refuse => '✗',
            Self::Absent | Self::Unchanged | Self::Leave => '=',
        }
    }
}

/// One resource of a plan: what is there and what would be done.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// As it is; `None` if it is not there.
    pub found: Option<Found>,
    /// Whether it should be there.
    pub wanted: bool,
    /// What would be done.
    pub next: Next,
}

impl Step {
    /// What would be done, in a word.
    pub fn act(&self) -> Act {
        match &self.next {
            Next::Rest if self.found.is_none() => Act::Absent,
            Next::Rest => Act::Unchanged,
            Next::Create => Act::Create,
            Next::Adopt(_) => Act::Adopt,
            Next::Change(_) => Act::Change,
            Next::Replace(_) => Act::Replace,
            Next::Wait(_) => Act::Wait,
            Next::Delete => Act::Delete,
            Next::Leave(_) => Act::Leave,
            Next::Refuse(_) => Act::Refuse,
        }
    }

    /// Why nothing is done about it yet, or at all.
    pub fn why(&self) -> Option<&str> {
        match &self.next {
            Next::Refuse(why) | Next::Leave(Stays { why, .. }) => Some(why),
            Next::Wait(what) => Some(what),
            _ => None,
        }
    }

    /// The differences that it would mend.
    pub fn differences(&self) -> &[Difference] {
        match &self.next {
            Next::Adopt(differences) | Next::Change(differences) | Next::Replace(differences) => differences,
            _ => &[],
        }
    }

    /// What else goes with a resource that is taken away, in words: other instances by their ids, the data that it holds,
    /// or what a delivery stream has not written yet.
    pub fn goes_along(&self) -> Option<String> {
        if let Some(buffered) = self.unwritten() {
            return Some(match buffered.as_secs() {
                0 => "what it took a moment ago and has not written yet".to_owned(),
                seconds => format!("what it took in the last {seconds} s and has not written yet"),
            });
        }
        let found = self.found.as_ref().filter(|_| self.next == Next::Delete)?;
        let others = found.properties.get(OTHERS).filter(|others| *others != NONE);
        others.or_else(|| found.properties.get(HOLDS)).cloned()
    }

    /// For how long what a delivery stream took may still be in it: AWS deletes that with it.
    fn unwritten(&self) -> Option<Duration> {
        let found = self.found.as_ref().filter(|_| self.kind == Kind::DeliveryStream && self.takes_it())?;
        found.properties.get(BUFFER_SECONDS)?.parse().ok().map(Duration::from_secs)
    }

    /// Whether doing it takes away something that is there.
    pub fn destroys(&self) -> bool {
        self.takes_it() || self.differences().iter().any(|difference| difference.mend.destroys())
    }

    /// Whether doing it takes away the resource itself, with everything on it.
    pub fn takes_it(&self) -> bool {
        matches!(self.next, Next::Replace(_) | Next::Delete)
    }
}

/// What would be done about each resource, in the order of their needs.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// A step for every resource, those with nothing to do included.
    pub steps: Vec<Step>,
}

impl Plan {
    /// The stack that it is of.
    pub fn part(&self) -> Part {
        self.steps.first().map_or_else(Part::default, |step| step.kind.part())
    }

    /// The steps that do something.
    pub fn work(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.next != Next::Rest)
    }

    /// Refuses what would be made in something that is refused.
    pub(super) fn refuse_inside_refused(&mut self) {
        let refused = |step: &&Step| matches!(step.next, Next::Refuse(_));
        let refused: Vec<(Kind, String)> =
            self.steps.iter().filter(refused).map(|step| (step.kind, step.name.clone())).collect();
        for step in self.steps.iter_mut().filter(|step| step.next == Next::Create) {
            let home = refused.iter().find(|(kind, _)| step.kind.lies_in() == Some(*kind));
            if let Some((home, named)) = home {
                let (kind, name, setting) = (step.kind, &step.name, home.setting());
                step.next = Next::Refuse(format!(
                    "the {kind} {name} would be made in the {home} {named}, which is not ours: choose another with `{setting}`"
                ));
            }
        }
    }

    /// Whether it takes away anything that is there: then it is carried out only once that was agreed to.
    pub fn destroys(&self) -> bool {
        self.steps.iter().any(Step::destroys)
    }

    /// Whether carrying it out does nothing that carrying out `shown` would not have done. What has been done meanwhile
    /// need not be agreed to again.
    pub fn goes_no_further_than(&self, shown: &Self) -> bool {
        let id = |step: &Step| step.found.as_ref().map(|found| found.id.clone());
        let same = |step: &Step, shown: &Step| {
            shown.next == step.next && id(shown) == id(step) && shown.goes_along() == step.goes_along()
        };
        self.steps.iter().all(|step| match (&step.next, shown.step(step.kind)) {
            // What was to be made once the old one has gone is made.
            (Next::Rest | Next::Wait(_) | Next::Leave(_), _)
            | (Next::Create, Some(Step { next: Next::Wait(_), wanted: true, .. })) => true,
            (_, shown) => shown.is_some_and(|shown| same(step, shown)),
        })
    }

    /// Whether the host goes, with every post that waits on it.
    pub fn takes_host(&self) -> bool {
        self.step(Kind::Instance).is_some_and(Step::takes_it)
    }

    /// Whether the delivery stream goes and none takes its place: what a stream reads then has nowhere to go.
    pub fn ends_delivery(&self) -> bool {
        self.step(Kind::DeliveryStream).is_some_and(|step| step.next == Next::Delete)
    }

    /// For how long what was put into a delivery stream that goes may not be written yet; `None` if none goes.
    pub fn unwritten(&self) -> Option<Duration> {
        self.step(Kind::DeliveryStream)?.unwritten()
    }

    /// Why it cannot be carried out, if it cannot.
    pub fn refusals(&self) -> Vec<String> {
        let why = |step: &Step| match &step.next {
            Next::Refuse(why) => Some(why.clone()),
            _ => None,
        };
        self.steps.iter().filter_map(why).collect()
    }

    /// The step of that kind.
    pub fn step(&self, kind: Kind) -> Option<&Step> {
        self.steps.iter().find(|step| step.kind == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Wanted {
        Wanted::default().with(OWNER, "default").with("retention", "30 days").fixed("region", "us-east-1")
    }

    fn there(properties: &[(&'static str, &str)]) -> Found {
        properties.iter().fold(Found::ready("id", "arn"), |found, (property, value)| {
            found.with(property, (*value).to_owned())
        })
    }

    const OURS: (&str, &str) = (OWNER, "default");
    const CLAIM: Claim<'static> = Claim { stack: "default", begun: false, adopt: false };

    fn decide_group(found: Option<&Found>, claim: Claim<'_>) -> Next {
        decide(Kind::LogGroup, "g", Some(&wanted()), found, claim)
    }

    #[test]
    fn each_case_has_its_one_next_thing() {
        let good = there(&[OURS, ("retention", "30 days"), ("region", "us-east-1")]);
        let drifted = there(&[OURS, ("retention", "7 days"), ("region", "us-east-1")]);
        let elsewhere = there(&[OURS, ("retention", "30 days"), ("region", "eu-west-1")]);
        assert_eq!(decide_group(None, CLAIM), Next::Create);
        assert_eq!(decide_group(Some(&good), CLAIM), Next::Rest);
        let Next::Change(differences) = decide_group(Some(&drifted), CLAIM) else { panic!("not a change") };
        assert_eq!(
            differences.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["retention: 7 days → 30 days"]
        );
        assert!(matches!(decide_group(Some(&elsewhere), CLAIM), Next::Replace(_)));
        assert_eq!(decide(Kind::LogGroup, "g", None, Some(&good), CLAIM), Next::Delete);
        assert_eq!(decide(Kind::LogGroup, "g", None, None, CLAIM), Next::Rest);
        for (life, next) in [(Life::Creating, "being created"), (Life::Deleting, "being deleted")] {
            assert_eq!(decide_group(Some(&Found { life, ..good.clone() }), CLAIM), Next::Wait(next));
        }
        let failed = Found { life: Life::Failed("no role".into()), ..good };
        assert!(matches!(decide_group(Some(&failed), CLAIM), Next::Replace(_)));
        let again = decide(Kind::Notebook, "n", Some(&wanted()), Some(&failed), CLAIM);
        assert!(matches!(again, Next::Change(_)), "what is on a notebook is not thrown away: {again:?}");
    }

    #[test]
    fn a_delivery_stream_goes_with_what_it_has_not_written() {
        let found = there(&[OURS, (BUFFER_SECONDS, "60")]);
        let plan = |kind, next| Plan {
            steps: vec![Step { kind, name: "n".into(), found: Some(found.clone()), wanted: false, next }],
        };
        let goes = plan(Kind::DeliveryStream, Next::Delete);
        assert_eq!(goes.unwritten(), Some(Duration::from_mins(1)));
        let along = goes.steps[0].goes_along();
        assert_eq!(along.as_deref(), Some("what it took in the last 60 s and has not written yet"));
        for stays in [plan(Kind::DeliveryStream, Next::Rest), plan(Kind::Bucket, Next::Delete)] {
            assert_eq!((stays.unwritten(), stays.steps[0].goes_along()), (None, None));
        }
    }

    #[test]
    fn data_that_goes_is_named_and_more_of_it_was_not_agreed_to() {
        let plan = |holds: &str| Plan {
            steps: vec![Step {
                kind: Kind::Bucket,
                name: "b".into(),
                found: Some(there(&[OURS, (HOLDS, holds)])),
                wanted: false,
                next: Next::Delete,
            }],
        };
        let shown = plan("24 object versions, 718 kB");
        assert_eq!(shown.steps[0].goes_along().as_deref(), Some("24 object versions, 718 kB"));
        assert!(shown.goes_no_further_than(&shown));
        assert!(!plan("25 object versions, 720 kB").goes_no_further_than(&shown));
    }

    #[test]
    fn what_is_not_ours_is_not_touched_unless_it_is_to_be_adopted() {
        let nobodys = there(&[("retention", "30 days"), ("region", "us-east-1")]);
        let theirs = there(&[(OWNER, "other"), ("retention", "30 days"), ("region", "us-east-1")]);
        let adopting = Claim { adopt: true, ..CLAIM };
        assert!(matches!(decide_group(Some(&nobodys), CLAIM), Next::Refuse(why) if why.contains("--adopt")));
        assert!(matches!(decide_group(Some(&nobodys), adopting), Next::Adopt(d) if d.len() == 1));
        assert!(
            matches!(decide_group(Some(&theirs), adopting), Next::Refuse(why) if why.contains("`other`"))
        );
        assert_eq!(
            decide(Kind::LogGroup, "g", None, Some(&nobodys), adopting),
            Next::Rest,
            "not wanted, not ours"
        );
    }

    #[test]
    fn what_is_to_be_taken_over_is_never_replaced() {
        let adopting = Claim { adopt: true, ..CLAIM };
        let elsewhere = there(&[("retention", "30 days"), ("region", "eu-west-1")]);
        let failed = Found { life: Life::Failed("no role".into()), ..there(&[]) };
        for (found, why) in [(&elsewhere, "region: eu-west-1 → us-east-1"), (&failed, "failed: no role")] {
            let Next::Refuse(said) = decide_group(Some(found), adopting) else { panic!("not refused") };
            assert!(said.contains("cannot be taken over") && said.contains(why), "{said}");
        }
        let again = decide(Kind::Notebook, "n", Some(&wanted()), Some(&failed), adopting);
        assert!(matches!(again, Next::Adopt(_)), "it can be started with what is on it: {again:?}");
    }

    #[test]
    fn what_terminates_something_destroys_and_goes_no_further_than_was_agreed() {
        let wanted = Wanted::default().with(OWNER, "default").without("others").with("power", "on");
        let with = |others: &str| there(&[OURS, ("others", others), ("power", "off")]);
        let step = |others: &str| {
            let found = with(others);
            let next = decide(Kind::Instance, "i", Some(&wanted), Some(&found), CLAIM);
            Step { kind: Kind::Instance, name: "i".into(), found: Some(found), wanted: true, next }
        };
        let (none, two) = (step(NONE), step("i-2, i-3"));
        assert!(!none.destroys(), "to be started is all: {none:?}");
        assert!(two.destroys() && !two.takes_it(), "{two:?}");
        assert_eq!(two.differences()[0].to_string(), "others: i-2, i-3 → none (to be terminated)");
        let takes_more = |now: &str, agreed: &Step| {
            step(now).differences().iter().any(|difference| difference.takes_more_than(agreed.differences()))
        };
        assert!(!takes_more("i-2, i-3", &two) && !takes_more("i-3", &two) && !takes_more(NONE, &none));
        assert!(takes_more("i-2, i-4", &two) && takes_more("i-2", &none));
    }

    #[test]
    fn a_plan_that_was_shown_covers_what_is_left_of_it_and_no_more() {
        let plan = |next: &Next, id: &str| {
            let found = (*next != Next::Create).then(|| Found::ready(id, "arn"));
            let (name, next) = (String::new(), next.clone());
            Plan { steps: vec![Step { kind: Kind::Instance, name, found, wanted: true, next }] }
        };
        let differences = |there: &str| {
            Wanted::default()
                .fixed("type", "small")
                .differences(&BTreeMap::from([("type", there.to_owned())]))
        };
        let replace = |there: &str| Next::Replace(differences(there));
        let shown = [plan(&Next::Create, "i-1"), plan(&replace("micro"), "i-1"), plan(&Next::Delete, "i-1")];
        for shown in &shown {
            assert!(shown.goes_no_further_than(shown));
            assert!(plan(&Next::Rest, "i-1").goes_no_further_than(shown), "somebody was faster");
            assert!(!plan(&replace("nano"), "i-1").goes_no_further_than(shown));
            assert!(!plan(&Next::Delete, "i-2").goes_no_further_than(shown), "another than was shown");
            assert!(!plan(&Next::Refuse("theirs".into()), "i-1").goes_no_further_than(shown));
        }
        assert!(!plan(&Next::Delete, "i-1").goes_no_further_than(&plan(&Next::Rest, "i-1")));
        let waited = plan(&Next::Wait("being deleted"), "i-1");
        assert!(plan(&Next::Create, "i-1").goes_no_further_than(&waited), "what it waited for has come");
        let mut with_another = plan(&Next::Delete, "i-1");
        let found = with_another.steps[0].found.take().expect("there").with(OTHERS, "i-2".to_owned());
        with_another.steps[0].found = Some(found);
        assert_eq!(with_another.steps[0].goes_along().as_deref(), Some("i-2"));
        assert!(!with_another.goes_no_further_than(&shown[2]), "another would go with it");
    }

    #[test]
    fn what_was_begun_is_ours_before_it_has_its_tag() {
        let untagged = there(&[("retention", "30 days"), ("region", "us-east-1")]);
        let next = decide_group(Some(&untagged), Claim { begun: true, ..CLAIM });
        assert!(matches!(next, Next::Change(differences) if differences[0].property == OWNER));
    }
}
