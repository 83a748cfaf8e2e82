//! The embedded cloud's whole state, and the one lock around it.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

use super::clock::Pace;
use super::fault::Faults;
use super::store::{Kept, Store, StoreError, Table};
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
    /// What X keeps of its app, as it was when that was last looked at.
    x: Table<serde_json::Value>,
}

/// The one row of X's.
const X_APP: &str = "app";

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
            x: Table::new("x"),
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
        tables.push(&mut self.x);
        tables
    }

    /// What time it is in this cloud: this machine's, and what the fault `skew` adds to it.
    pub(crate) fn now(&self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.faults.ahead()).unwrap_or(now)
    }

    /// Takes every table's rows from the disk, in the place of what is in memory.
    fn load(&mut self, store: &Store) -> Result<(), StoreError> {
        firehose::keep_files(self);
        s3::keep_files(self);
        for table in self.tables() {
            table.forget();
            store.load(table)?;
        }
        Ok(())
    }

    /// Removes the files that no row names any more. To be called when that is on disk.
    fn remove_files(&mut self) {
        firehose::remove_files(self);
        s3::remove_files(self);
    }

    /// What X kept of its app.
    pub(crate) fn x(&self) -> Option<&serde_json::Value> {
        self.x.get(X_APP)
    }

    /// X keeps this of its app.
    pub(crate) fn keep_x(&mut self, app: serde_json::Value) {
        if self.x() != Some(&app) {
            self.x.insert(X_APP, app);
        }
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
    inside: Mutex<Inside>,
    /// Why nothing can be written, while nothing can.
    trouble: watch::Sender<Option<String>>,
}

#[derive(Debug)]
struct Inside {
    world: World,
    /// The file that holds what the world is; `None` once that is in doubt, until it is read again.
    store: Option<Store>,
}

impl Inside {
    /// Does something with the world and writes it; says whether there was anything to write. What could not be
    /// written did not happen: the world is then again as the disk holds it, and until it can be, nothing is done.
    fn change<T>(&mut self, act: impl FnOnce(&mut World) -> T) -> Result<(T, bool), StoreError> {
        // Not in its place meanwhile: a panic in an operation leaves a world that is not the disk's, too.
        let store = match self.store.take() {
            Some(store) => store,
            None => self.read_again()?,
        };
        let done = act(&mut self.world);
        match store.commit(&mut self.world.tables()) {
            Ok(written) => {
                self.world.remove_files();
                self.store = Some(store);
                Ok((done, written))
            }
            Err(error) => {
                // Only one can have the file open.
                drop(store);
                // If this fails too, the next who comes tries it.
                self.store = self.read_again().ok();
                Err(error)
            }
        }
    }

    fn read_again(&mut self) -> Result<Store, StoreError> {
        let store = Store::open(&super::state_file(&self.world.folder))?;
        self.world.load(&store)?;
        Ok(store)
    }
}

impl Shared {
    /// The world as its folder holds it; an empty one in an empty folder.
    pub(crate) fn open(folder: &Path, pace: Pace) -> Result<Self, StoreError> {
        let mut inside = Inside { world: World::empty(folder, pace), store: None };
        inside.store = Some(inside.read_again()?);
        Ok(Self { inside: Mutex::new(inside), trouble: watch::Sender::new(None) })
    }

    /// Does something with the world. When this returns, what changed is on disk; after an error, nothing changed.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> Result<T, StoreError> {
        let mut inside = self.lock();
        match inside.change(act) {
            Ok((done, written)) => {
                if written {
                    self.trouble.send_if_modified(|trouble| trouble.take().is_some());
                }
                Ok(done)
            }
            Err(error) => {
                let error = match error {
                    StoreError::Disk(source) => {
                        StoreError::Unwritten { folder: inside.world.folder.clone(), why: source.to_string() }
                    }
                    other => other,
                };
                self.trouble.send_if_modified(|trouble| {
                    let is_new = trouble.is_none();
                    trouble.get_or_insert_with(|| error.to_string());
                    is_new
                });
                Err(error)
            }
        }
    }

    /// Why nothing can be written, whenever that begins and ends.
    pub(crate) fn trouble(&self) -> watch::Receiver<Option<String>> {
        self.trouble.subscribe()
    }

    /// Forgets everything: what `--reset` does, without a restart.
    pub(crate) fn reset(&self) -> Result<(), StoreError> {
        self.with(|world| {
            for table in world.tables() {
                table.clear();
            }
        })
    }

    /// Looks at the world without changing it. While the file cannot be read, its rows may be some that were never
    /// written, or half of those that were: what they decide is for [`Self::look_whole`].
    pub(crate) fn look<T>(&self, at: impl FnOnce(&World) -> T) -> T {
        at(&self.lock().world)
    }

    /// Looks at the world as the disk holds it, or not at all.
    pub(crate) fn look_whole<T>(&self, at: impl FnOnce(&World) -> T) -> Result<T, StoreError> {
        self.with(|world| at(world))
    }

    /// What time it is in the cloud.
    pub(crate) fn now(&self) -> Timestamp {
        self.look(World::now)
    }

    /// How long an answer is held back.
    pub(crate) fn late(&self, service: &str, operation: &str) -> Duration {
        self.look(|world| world.faults.late(service, operation))
    }

    /// A panic in an operation is answered as an internal error; what it left is forgotten by the next change.
    fn lock(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Shared {
    /// From now on the disk takes nothing more, until the file is opened again.
    pub(crate) fn fill_disk(&self) {
        let mut inside = self.lock();
        inside.store = None;
        inside.store = Some(Store::on_full_disk(&super::state_file(&inside.world.folder)));
    }
}
