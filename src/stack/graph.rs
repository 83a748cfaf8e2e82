//! The kinds of resource that the stacks are made of, what each needs, and the walk along those needs: everything that
//! can go in parallel does, and nothing whose need has failed is tried.

use std::collections::BTreeMap;
use std::future::Future;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use crate::cloud::Operation;

/// The two stacks that one name stands for: what brings posts into the lake, and the notebook that reads it. They are
/// made, watched and torn down by the same machinery and apart from one another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Part {
    /// From posts to the lake.
    #[default]
    Pipeline,
    /// The SageMaker notebook and what it needs.
    Notebook,
}

impl Part {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Pipeline, Self::Notebook];

    /// Its kinds of resource, each after what it needs.
    pub fn kinds(self) -> impl Iterator<Item = Kind> {
        Kind::ALL.into_iter().filter(move |kind| kind.part() == self)
    }
}

/// A kind of resource, in an order in which each comes after what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The lake.
    Bucket,
    /// Where Firehose and the streamer log.
    LogGroup,
    /// Where Firehose writes delivery errors.
    LogStream,
    /// What Firehose may do.
    FirehoseRole,
    /// From posts to files in the bucket.
    DeliveryStream,
    /// How the operator signs in on the host.
    KeyPair,
    /// Who may reach the host.
    SecurityGroup,
    /// What the host may do.
    InstanceRole,
    /// Gives the host its role.
    InstanceProfile,
    /// The host.
    Instance,
    /// What the notebook may do.
    NotebookRole,
    /// Who may reach the notebook: nobody.
    NotebookSecurityGroup,
    /// The ready notebook document in the bucket.
    NotebookFile,
    /// What runs at each start of the notebook.
    NotebookConfig,
    /// What the notebook logged; SageMaker makes it.
    NotebookLogs,
    /// The notebook instance.
    Notebook,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Bucket,
        Self::LogGroup,
        Self::LogStream,
        Self::FirehoseRole,
        Self::DeliveryStream,
        Self::KeyPair,
        Self::SecurityGroup,
        Self::InstanceRole,
        Self::InstanceProfile,
        Self::Instance,
        Self::NotebookRole,
        Self::NotebookSecurityGroup,
        Self::NotebookFile,
        Self::NotebookConfig,
        Self::NotebookLogs,
        Self::Notebook,
    ];

    /// The stack that it is of.
    pub const fn part(self) -> Part {
        match self {
            Self::NotebookRole
            | Self::NotebookSecurityGroup
            | Self::NotebookFile
            | Self::NotebookConfig
            | Self::NotebookLogs
            | Self::Notebook => Part::Notebook,
            _ => Part::Pipeline,
        }
    }

    /// Its name in commands and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::LogGroup => "log-group",
            Self::LogStream => "log-stream",
            Self::FirehoseRole => "firehose-role",
            Self::DeliveryStream => "delivery-stream",
            Self::KeyPair => "key-pair",
            Self::SecurityGroup => "security-group",
            Self::InstanceRole => "instance-role",
            Self::InstanceProfile => "instance-profile",
            Self::Instance => "instance",
            Self::NotebookRole => "notebook-role",
            Self::NotebookSecurityGroup => "notebook-security-group",
            Self::NotebookFile => "notebook-file",
            Self::NotebookConfig => "notebook-config",
            Self::NotebookLogs => "notebook-logs",
            Self::Notebook => "notebook",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What must be ready before it is made, and still be there until it is gone.
    pub const fn needs(self) -> &'static [Self] {
        match self {
            Self::Bucket
            | Self::LogGroup
            | Self::FirehoseRole
            | Self::KeyPair
            | Self::SecurityGroup
            | Self::InstanceRole
            | Self::NotebookRole
            | Self::NotebookSecurityGroup
            | Self::NotebookFile
            | Self::NotebookConfig
            | Self::NotebookLogs => &[],
            Self::LogStream => &[Self::LogGroup],
            Self::DeliveryStream => &[Self::Bucket, Self::LogStream, Self::FirehoseRole],
            Self::InstanceProfile => &[Self::InstanceRole],
            Self::Instance => &[Self::KeyPair, Self::SecurityGroup, Self::InstanceProfile],
            // The logs come last on the way down: a notebook that stops still writes some.
            Self::Notebook => &[
                Self::NotebookRole,
                Self::NotebookSecurityGroup,
                Self::NotebookFile,
                Self::NotebookConfig,
                Self::NotebookLogs,
            ],
        }
    }

    /// What it lies in and belongs to: it has no tag of its own, and is whoever's that is.
    pub const fn lies_in(self) -> Option<Self> {
        match self {
            Self::LogStream => Some(Self::LogGroup),
            Self::NotebookLogs => Some(Self::Notebook),
            _ => None,
        }
    }

    /// What needs it.
    pub fn needed_by(self) -> Vec<Self> {
        Self::ALL.into_iter().filter(|kind| kind.needs().contains(&self)).collect()
    }

    /// The call that makes one.
    pub const fn maker(self) -> Operation {
        match self {
            Self::Bucket => Operation::CreateBucket,
            Self::LogGroup | Self::NotebookLogs => Operation::CreateLogGroup,
            Self::LogStream => Operation::CreateLogStream,
            Self::FirehoseRole | Self::InstanceRole | Self::NotebookRole => Operation::CreateRole,
            Self::DeliveryStream => Operation::CreateDeliveryStream,
            Self::KeyPair => Operation::ImportKeyPair,
            Self::SecurityGroup | Self::NotebookSecurityGroup => Operation::CreateSecurityGroup,
            Self::InstanceProfile => Operation::CreateInstanceProfile,
            Self::Instance => Operation::RunInstances,
            Self::NotebookFile => Operation::PutObject,
            Self::NotebookConfig => Operation::CreateNotebookInstanceLifecycleConfig,
            Self::Notebook => Operation::CreateNotebookInstance,
        }
    }

    /// The call after which it is gone.
    pub const fn remover(self) -> Operation {
        match self {
            Self::Bucket => Operation::DeleteBucket,
            Self::LogGroup | Self::NotebookLogs => Operation::DeleteLogGroup,
            Self::LogStream => Operation::DeleteLogStream,
            Self::FirehoseRole | Self::InstanceRole | Self::NotebookRole => Operation::DeleteRole,
            Self::DeliveryStream => Operation::DeleteDeliveryStream,
            Self::KeyPair => Operation::DeleteKeyPair,
            Self::SecurityGroup | Self::NotebookSecurityGroup => Operation::DeleteSecurityGroup,
            Self::InstanceProfile => Operation::DeleteInstanceProfile,
            Self::Instance => Operation::TerminateInstances,
            Self::NotebookFile => Operation::DeleteObjects,
            Self::NotebookConfig => Operation::DeleteNotebookInstanceLifecycleConfig,
            Self::Notebook => Operation::DeleteNotebookInstance,
        }
    }

    /// The setting that names it.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Bucket => "bucket",
            Self::LogGroup => "log_group",
            Self::LogStream => "log_stream",
            Self::FirehoseRole => "firehose_role",
            Self::DeliveryStream => "delivery_stream",
            Self::KeyPair => "key_pair",
            Self::SecurityGroup => "security_group",
            Self::InstanceRole => "instance_role",
            Self::InstanceProfile => "instance_profile",
            Self::Instance => "instance_name",
            Self::NotebookRole => "notebook_role",
            Self::NotebookSecurityGroup => "notebook_security_group",
            Self::NotebookFile => "prefix",
            Self::NotebookConfig => "notebook_config",
            Self::Notebook | Self::NotebookLogs => "notebook_name",
        }
    }

    /// Whether it may hold what cannot be made again, so that it is deleted only when that is asked for.
    pub const fn holds_data(self) -> bool {
        matches!(self, Self::Bucket | Self::NotebookLogs)
    }

    /// Whether one that failed can be started again with everything that is on it.
    pub const fn can_start_again(self) -> bool {
        matches!(self, Self::Notebook)
    }

    /// Whether it is there only for the remote host.
    pub const fn is_of_host(self) -> bool {
        matches!(
            self,
            Self::KeyPair | Self::SecurityGroup | Self::InstanceRole | Self::InstanceProfile | Self::Instance
        )
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

impl serde::Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// How the walk went at one kind.
#[derive(Debug)]
pub enum Walked<T, E> {
    /// Its work was done.
    Done(T),
    /// Its work failed.
    Failed(E),
    /// It was not tried, because this one before it was not done.
    Skipped(Kind),
}

/// Does the work of each of `kinds`, each as soon as all those of `kinds` that come `before` it are done.
/// One failure stops only what comes after it.
pub async fn walk<T, E, F>(
    kinds: &[Kind],
    before: impl Fn(Kind) -> Vec<Kind>,
    work: impl Fn(Kind) -> F,
) -> BTreeMap<Kind, Walked<T, E>>
where
    F: Future<Output = Result<T, E>>,
{
    let mut walked: BTreeMap<Kind, Walked<T, E>> = BTreeMap::new();
    let mut waiting: Vec<Kind> = kinds.to_vec();
    let mut running = FuturesUnordered::new();
    loop {
        let mut moved = false;
        waiting.retain(|&kind| {
            let earlier = || before(kind).into_iter().filter(|other| kinds.contains(other));
            if let Some(broken) = earlier()
                .find(|other| matches!(walked.get(other), Some(Walked::Failed(_) | Walked::Skipped(_))))
            {
                walked.insert(kind, Walked::Skipped(broken));
                moved = true;
                return false;
            }
            let ready = earlier().all(|other| matches!(walked.get(&other), Some(Walked::Done(_))));
            if ready {
                let task = work(kind);
                running.push(async move { (kind, task.await) });
            }
            !ready
        });
        if moved {
            continue;
        }
        let Some((kind, result)) = running.next().await else { break };
        walked.insert(kind, result.map_or_else(Walked::Failed, Walked::Done));
    }
    walked
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn needs_come_first_in_the_list_so_there_is_no_circle() {
        for kind in Kind::ALL {
            assert!(kind.needs().iter().all(|need| *need < kind), "{kind}");
            assert_eq!(Kind::named(kind.name()), Some(kind));
        }
    }

    #[tokio::test]
    async fn a_walk_goes_along_the_needs_and_a_failure_stops_only_what_follows() {
        let order = Mutex::new(Vec::new());
        let walked = walk(
            &Kind::ALL,
            |kind| kind.needs().to_vec(),
            |kind| {
                let order = &order;
                async move {
                    tokio::task::yield_now().await;
                    order.lock().expect("no panic holds it").push(kind);
                    if kind == Kind::LogGroup { Err("broken") } else { Ok(()) }
                }
            },
        )
        .await;
        let order = order.into_inner().expect("no panic held it");
        assert!(matches!(walked[&Kind::LogGroup], Walked::Failed("broken")));
        assert!(matches!(walked[&Kind::LogStream], Walked::Skipped(Kind::LogGroup)));
        assert!(matches!(walked[&Kind::DeliveryStream], Walked::Skipped(Kind::LogStream)));
        assert!(matches!(walked[&Kind::Instance], Walked::Done(())));
        let place = |kind| order.iter().position(|other| *other == kind);
        for kind in &order {
            assert!(
                kind.needs().iter().all(|need| place(*need) < place(*kind)),
                "{kind} before what it needs"
            );
        }
    }

    #[tokio::test]
    async fn backwards_each_waits_for_what_needs_it() {
        let order = Mutex::new(Vec::new());
        walk::<_, (), _>(&Kind::ALL, Kind::needed_by, |kind| {
            let order = &order;
            async move {
                tokio::task::yield_now().await;
                order.lock().expect("no panic holds it").push(kind);
                Ok(())
            }
        })
        .await;
        let order = order.into_inner().expect("no panic held it");
        assert_eq!(order.len(), Kind::ALL.len());
        let place = |kind| order.iter().position(|other| *other == kind);
        assert!(
            place(Kind::Instance) < place(Kind::SecurityGroup)
                && place(Kind::DeliveryStream) < place(Kind::Bucket)
        );
    }
}
