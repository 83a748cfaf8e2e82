//! The embedded cloud's whole state, and the one lock around it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::clock::Pace;
use super::fault::{Faults, Kind};
use super::store::{Kept, Store, StoreError};
use super::{ec2, firehose, iam, logs, s3, sagemaker};

/// All services' state. Operations are plain functions on it: they neither wait nor do I/O, but for the two that
/// keep bytes in files (S3's objects, Firehose's buffers).
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) pace: Pace,
    pub(crate) faults: Faults,
    /// The sandbox's folder: nothing is written outside it.
    pub(crate) folder: PathBuf,
    pub(crate) iam: iam::State,
    pub(crate) ec2: ec2::State,
    pub(crate) firehose: firehose::State,
    pub(crate) logs: logs::State,
    pub(crate) s3: s3::State,
    pub(crate) sagemaker: sagemaker::State,
}

impl World {
    /// A world in which nothing is yet.
    pub(crate) fn empty(folder: &Path, pace: Pace) -> Self {
        Self {
            pace,
            faults: Faults::default(),
            folder: folder.to_owned(),
            iam: iam::State::default(),
            ec2: ec2::State::default(),
            firehose: firehose::State::default(),
            logs: logs::State::default(),
            s3: s3::State::default(),
            sagemaker: sagemaker::State::default(),
        }
    }

    /// Every table of every service.
    fn tables(&mut self) -> Vec<&mut dyn Kept> {
        let mut tables = self.iam.tables();
        tables.extend(self.ec2.tables());
        tables.extend(self.firehose.tables());
        tables.extend(self.logs.tables());
        tables.extend(self.s3.tables());
        tables.extend(self.sagemaker.tables());
        tables
    }

    /// Does what is due by itself: buffers that are delivered, jobs that end, what expires.
    pub(crate) fn tick(&mut self, now: Timestamp) {
        ec2::tick(self, now);
        firehose::tick(self, now);
        logs::tick(self, now);
        sagemaker::tick(self, now);
    }
}

/// The world behind its lock, with its state on disk.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    store: Store,
}

impl Shared {
    /// The world as its folder holds it; an empty one in an empty folder.
    pub(crate) fn open(folder: &Path, pace: Pace) -> Result<Self, StoreError> {
        let store = Store::open(&super::state_file(folder))?;
        let mut world = World::empty(folder, pace);
        for table in world.tables() {
            store.load(table)?;
        }
        Ok(Self { world: Mutex::new(world), store })
    }

    /// Does something with the world. When this returns, what changed is on disk.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> Result<T, StoreError> {
        let mut world = self.lock();
        let done = act(&mut world);
        self.store.commit(&mut world.tables())?;
        Ok(done)
    }

    /// Forgets everything: what `--reset` does, without a restart.
    pub(crate) fn reset(&self) -> Result<(), StoreError> {
        self.with(|world| {
            for table in world.tables() {
                table.clear();
            }
        })
    }

    /// Looks at the world without changing it.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        at(&self.lock())
    }

    /// How far the cloud's clock is ahead of this machine's.
    pub(crate) fn skew(&self) -> Duration {
        self.look(|world| world.faults.time(Kind::Skew, "", ""))
    }

    /// How long an answer is held back.
    pub(crate) fn late(&self, service: &str, operation: &str) -> Duration {
        self.look(|world| world.faults.time(Kind::Slow, service, operation))
    }

    /// A panic in an operation is answered as an internal error; the state is the one in memory, whole or not, as it
    /// is on disk up to the last answer.
    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
