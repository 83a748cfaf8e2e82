//! What the Topics pane asks for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Manner;
use crate::lake::hours::Span;
use crate::settings::EngineName;
use crate::topics::browse::Word;
use crate::topics::questions::{Answers, SharesPerHour};
use crate::topics::sweep::{Sweep, Tried};
use crate::topics::{Description, Kept, Model, Order, Step, TextCounts, TextSteps, TypicalPost};

/// Where its tasks run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// Listing the models of this machine.
    Models,
    /// Listing those of the bucket.
    FarModels,
    /// Reading one.
    Model,
    /// Ranking its words.
    Words,
    /// Placing its topics on a map.
    Map,
    /// Reading the shares of topics hour by hour.
    Hours,
    /// Finding the posts that a topic is most of.
    Documents,
    /// Asking the questions.
    Answers,
    /// Writing the report.
    Report,
    /// Naming a topic.
    Name,
    /// Fitting a model, or several.
    Fit,
    /// Finding the jobs on Spark that run already.
    Jobs,
    /// Planning a job on Spark.
    Plan,
    /// Handing one over and going along with it, whose key this is.
    Job(u64),
}

/// The key of the job whose results go to a folder: no two that run have the same folder.
pub fn key(out: &Path) -> u64 {
    let fold = |key: u64, byte: &u8| (key ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    out.as_os_str().as_encoded_bytes().iter().fold(0xcbf2_9ce4_8422_2325, fold)
}

impl Slot {
    /// What kind of work it holds.
    pub const fn manner(self) -> Manner {
        match self {
            Self::Models
            | Self::FarModels
            | Self::Model
            | Self::Words
            | Self::Map
            | Self::Hours
            | Self::Documents
            | Self::Answers
            | Self::Plan => Manner::Loads,
            Self::Jobs => Manner::Watches,
            Self::Job(_) => {
                Manner::Follows { on_quit: "it goes on where it runs, and the next console finds it again" }
            }
            Self::Report => Manner::Runs { on_quit: "the report is written first" },
            Self::Name => Manner::Runs { on_quit: "the name is written down first" },
            Self::Fit => Manner::Runs { on_quit: "it stops, and keeps the model as it is then" },
        }
    }
}

/// Where posts come from, to be fitted or to be asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// The lake's combined hours of a span.
    Lake(Span),
    /// Files and folders, local or `s3://`.
    Paths(Vec<String>),
}

/// A fit as it is wished for.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The posts.
    pub from: From,
    /// What becomes of them before they are fitted.
    pub steps: TextSteps,
    /// How they are fitted.
    pub order: Order,
}

/// What Spark is to do, and where it runs.
#[derive(Debug, Clone)]
pub struct OnSpark {
    /// Where.
    pub engine: EngineName,
    /// What.
    pub work: SparkWork,
}

/// What Spark can do.
#[derive(Debug, Clone)]
pub enum SparkWork {
    /// Fit a model and keep it under a name.
    Fit {
        /// How.
        wish: Box<Wish>,
        /// The name of its folder.
        name: String,
    },
    /// Combine what is due of a span.
    Combine(Span),
}

impl OnSpark {
    /// What it is, in a few words.
    pub fn words(&self) -> String {
        match &self.work {
            SparkWork::Fit { name, .. } => format!("fitting {name}"),
            SparkWork::Combine(_) => "combining hours".to_owned(),
        }
    }
}

/// The plan of a job on Spark.
#[derive(Debug, Clone)]
pub struct Planned {
    /// Of what.
    pub job: OnSpark,
    /// The key that the job will have.
    pub key: u64,
    /// What it would read, take and cost, a line each.
    pub plan: Vec<String>,
    /// Which of the two engines it is for.
    pub advice: Option<String>,
    /// What keeps it from being handed over, and what to do.
    pub hindrance: Option<String>,
}

/// Its work.
#[derive(Debug, Clone)]
pub enum Job {
    /// List the models that are kept on this machine.
    Models,
    /// List those in the stack's bucket: beside its hours, and under `models/` at its root.
    FarModels,
    /// Read the model in a folder.
    Open(PathBuf),
    /// Rank the words of every topic by relevance.
    Rank {
        /// The model's folder.
        folder: PathBuf,
        /// The model.
        model: Arc<Model>,
        /// λ in tenths.
        lambda: u8,
    },
    /// Place the topics on a map.
    Place {
        /// The model's folder.
        folder: PathBuf,
        /// The model.
        model: Arc<Model>,
    },
    /// Read the shares of topics hour by hour, of the posts whose topics are kept with the model.
    Hours {
        /// The model's folder.
        folder: PathBuf,
        /// How many topics it has.
        topics: usize,
    },
    /// Ask the questions.
    Answer {
        /// The model's folder.
        folder: PathBuf,
        /// The posts to ask about.
        from: From,
    },
    /// Write the model as a page, and show it.
    Report {
        /// The model's folder.
        folder: PathBuf,
        /// The answers, if the questions were asked.
        answers: Option<Arc<Answers>>,
        /// λ in tenths.
        lambda: u8,
    },
    /// Find the posts that are most of a topic.
    Documents {
        /// The model's folder.
        folder: PathBuf,
        /// The topic.
        topic: usize,
        /// The topic's leading words.
        words: Vec<String>,
    },
    /// Name a topic.
    Name {
        /// The model's folder.
        folder: PathBuf,
        /// The topic.
        topic: usize,
        /// The name; empty takes it away.
        name: String,
    },
    /// Fit a model and keep it under a name.
    Fit {
        /// How.
        wish: Box<Wish>,
        /// The name of its folder.
        name: String,
    },
    /// Fit several, keep none, and say which number of topics is best.
    Sweep {
        /// How.
        wish: Box<Wish>,
        /// Numbers of topics.
        sizes: Vec<usize>,
        /// Seeds for each.
        seeds: Vec<u64>,
    },
    /// Find the jobs on Spark that run already.
    Jobs,
    /// Say what a job on Spark would read, take and cost.
    Plan(OnSpark),
    /// Hand one over, and go along with it to its end.
    Submit {
        /// The job.
        job: OnSpark,
        /// Its key.
        key: u64,
    },
    /// Go along with one to its end.
    Follow {
        /// Its key.
        key: u64,
        /// Its id.
        id: String,
        /// Where it runs.
        engine: EngineName,
    },
}

impl Job {
    /// Where it runs.
    pub const fn slot(&self) -> Slot {
        match self {
            Self::Models => Slot::Models,
            Self::FarModels => Slot::FarModels,
            Self::Open(_) => Slot::Model,
            Self::Rank { .. } => Slot::Words,
            Self::Place { .. } => Slot::Map,
            Self::Hours { .. } => Slot::Hours,
            Self::Documents { .. } => Slot::Documents,
            Self::Answer { .. } => Slot::Answers,
            Self::Report { .. } => Slot::Report,
            Self::Name { .. } => Slot::Name,
            Self::Fit { .. } | Self::Sweep { .. } => Slot::Fit,
            Self::Jobs => Slot::Jobs,
            Self::Plan(_) => Slot::Plan,
            Self::Submit { key, .. } | Self::Follow { key, .. } => Slot::Job(*key),
        }
    }

    /// What it does, for the list of tasks.
    pub fn words(&self) -> String {
        match self {
            Self::Models => "listing topic models".to_owned(),
            Self::FarModels => "listing the bucket's topic models".to_owned(),
            Self::Open(folder) => format!("reading {}", folder.display()),
            Self::Rank { lambda, .. } => {
                format!("ranking words at λ {:.1}", f32::from(*lambda) / 10.0)
            }
            Self::Place { .. } => "placing topics on a map".to_owned(),
            Self::Hours { .. } => "reading the shares by hour".to_owned(),
            Self::Answer { .. } => "asking the questions".to_owned(),
            Self::Report { .. } => "writing the report".to_owned(),
            Self::Documents { topic, .. } => format!("finding posts of topic {topic}"),
            Self::Name { topic, .. } => format!("naming topic {topic}"),
            Self::Fit { name, .. } => format!("fitting {name}"),
            Self::Sweep { .. } => "trying numbers of topics".to_owned(),
            Self::Jobs => "finding jobs on Spark".to_owned(),
            Self::Plan(job) => format!("planning a job {}: {}", job.engine.at(), job.words()),
            Self::Submit { job, .. } => format!("{} {}", job.words(), job.engine.at()),
            Self::Follow { id, engine, .. } => format!("{id} {}", engine.at()),
        }
    }

    /// Whether a read-only run may do it. A new model is a folder of this machine, as a download is; a name and a
    /// report change what somebody keeps.
    pub const fn is_allowed_readonly(&self) -> bool {
        !matches!(self, Self::Name { .. } | Self::Report { .. } | Self::Submit { .. } | Self::Follow { .. })
    }
}

/// What a task came to, or came to in part.
#[derive(Debug)]
pub enum Outcome {
    /// The models that are kept, the newest first.
    Models {
        /// Where they are kept.
        folder: PathBuf,
        /// The models.
        models: Vec<Kept>,
    },
    /// The models in the bucket; none, if there is no bucket.
    FarModels(Vec<Kept>),
    /// A model is read.
    Opened {
        /// Its folder.
        folder: PathBuf,
        /// The model.
        model: Arc<Model>,
    },
    /// The words of every topic are ranked.
    Ranked {
        /// The model's folder.
        folder: PathBuf,
        /// λ in tenths.
        lambda: u8,
        /// Each topic's words, the most relevant first.
        words: Vec<Vec<Word>>,
    },
    /// The topics are placed.
    Placed {
        /// The model's folder.
        folder: PathBuf,
        /// Where each is.
        places: Vec<(f64, f64)>,
    },
    /// The shares of topics are read; of no hours, if no post's topics are kept with the model.
    Hours {
        /// The model's folder.
        folder: PathBuf,
        /// The shares.
        hours: SharesPerHour,
    },
    /// The questions are answered.
    Answered {
        /// The model's folder.
        folder: PathBuf,
        /// The answers.
        answers: Arc<Answers>,
    },
    /// The report is written.
    Reported {
        /// Where.
        address: String,
        /// Whether something here shows it.
        shown: bool,
    },
    /// The posts that are most of a topic; none if the model keeps no texts.
    Documents {
        /// The model's folder.
        folder: PathBuf,
        /// The topic.
        topic: usize,
        /// The posts, the most typical first.
        posts: Option<Vec<TypicalPost>>,
    },
    /// A topic is named.
    Named {
        /// The model's folder.
        folder: PathBuf,
        /// The model with the name.
        about: Description,
    },
    /// So many posts are read.
    Read(usize),
    /// They are documents now.
    Prepared(TextCounts),
    /// The model is fitted and kept.
    Fitted {
        /// Its folder.
        folder: PathBuf,
        /// The model.
        about: Description,
    },
    /// One model of a sweep is fitted.
    Tried(Tried),
    /// The sweep is done, or was stopped.
    Swept(Sweep),
    /// The jobs on Spark that may be running: their keys, their ids, and where.
    Jobs(Vec<(u64, String, EngineName)>),
    /// What a job on Spark would read, take and cost.
    Planned(Box<Planned>),
    /// Hours were combined by Spark, or not.
    JobCombined(super::lake::Ran),
    /// A fit on Spark is done, and its model is here.
    JobDone {
        /// The model's folder.
        folder: PathBuf,
        /// The model.
        about: Description,
    },
}

/// What a fit feeds: how it goes.
#[derive(Debug)]
pub enum Item {
    /// A pass over all documents.
    Pass(Step),
}

impl Item {
    /// How many bytes it counts in its ring.
    pub fn bytes(&self) -> usize {
        size_of::<Self>()
    }
}
