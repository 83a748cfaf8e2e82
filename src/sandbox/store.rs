//! The sandbox's state on disk: one crash-safe file, in which every table of every service has its rows.
//!
//! Services keep their rows in memory, in [`Table`]s that remember which rows were touched; after each call the
//! touched rows are written in one transaction, and only then is the call answered. So whatever a client was told is
//! there after a kill at any moment, and a call that was not answered is there whole or not at all. A file that could
//! not be written once takes nothing more until it is opened again.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Rows of one kind by their key, in the order of their keys.
#[derive(Debug)]
pub(crate) struct Table<T> {
    name: &'static str,
    rows: BTreeMap<String, T>,
    touched: BTreeSet<String>,
}

impl<T> Table<T> {
    /// An empty table. Its name is the one on disk.
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, rows: BTreeMap::new(), touched: BTreeSet::new() }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&T> {
        self.rows.get(key)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.rows.contains_key(key)
    }

    /// The row, to be changed: it is written whether or not it is.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut T> {
        let row = self.rows.get_mut(key)?;
        self.touched.insert(key.to_owned());
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: impl Into<String>, row: T) -> Option<T> {
        let key = key.into();
        self.touched.insert(key.clone());
        self.rows.insert(key, row)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<T> {
        let row = self.rows.remove(key)?;
        self.touched.insert(key.to_owned());
        Some(row)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &T)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), row))
    }

    /// The rows whose keys begin with `prefix`, in order.
    pub(crate) fn under<'a>(&'a self, prefix: &str) -> impl Iterator<Item = (&'a str, &'a T)> + use<'a, T> {
        let prefix = prefix.to_owned();
        self.from(Bound::Included(&prefix)).take_while(move |(key, _)| key.starts_with(&prefix))
    }

    /// The rows from a key on, in order.
    pub(crate) fn from<'a>(
        &'a self,
        start: Bound<&str>,
    ) -> impl Iterator<Item = (&'a str, &'a T)> + use<'a, T> {
        self.rows.range::<str, _>((start, Bound::Unbounded)).map(|(key, row)| (key.borrow(), row))
    }

    /// The rows from one key on and before another, in order, from either end.
    pub(crate) fn between<'a>(
        &'a self,
        from: &str,
        to: &str,
    ) -> impl DoubleEndedIterator<Item = (&'a str, &'a T)> + use<'a, T> {
        let range = (Bound::Included(from.min(to)), Bound::Excluded(to));
        self.rows.range::<str, _>(range).map(|(key, row)| (key.as_str(), row))
    }

    /// Removes the rows whose keys begin with `prefix`.
    pub(crate) fn remove_under(&mut self, prefix: &str) {
        let keys: Vec<String> = self.under(prefix).map(|(key, _)| key.to_owned()).collect();
        for key in &keys {
            self.remove(key);
        }
    }

    /// Removes the rows that `gone` says, and gives back how many there were.
    pub(crate) fn remove_where(&mut self, gone: impl Fn(&str, &T) -> bool) -> usize {
        let keys: Vec<String> =
            self.rows.iter().filter(|(key, row)| gone(key, row)).map(|(key, _)| key.clone()).collect();
        for key in &keys {
            self.remove(key);
        }
        keys.len()
    }

    /// Changes the rows that `which` says; no other is touched.
    pub(crate) fn change_where(&mut self, which: impl Fn(&T) -> bool, change: impl Fn(&mut T)) {
        for (key, row) in self.rows.iter_mut().filter(|(_, row)| which(row)) {
            self.touched.insert(key.clone());
            change(row);
        }
    }
}

/// A table, whatever its rows are.
pub(crate) trait Kept {
    fn name(&self) -> &'static str;
    fn load(&mut self, key: &str, row: &[u8]) -> Result<(), StoreError>;
    /// The touched rows as they are to be on disk; `None` is a row that is gone.
    fn take_touched(&mut self) -> Vec<(String, Option<Vec<u8>>)>;
    /// All rows are gone, and so they will be on disk.
    fn clear(&mut self);
    /// Forgets what is in memory, to be loaded anew.
    fn forget(&mut self);
}

impl<T: Serialize + DeserializeOwned> Kept for Table<T> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn load(&mut self, key: &str, row: &[u8]) -> Result<(), StoreError> {
        let row = serde_json::from_slice(row).map_err(|source| StoreError::Row {
            table: self.name,
            key: key.to_owned(),
            source,
        })?;
        self.rows.insert(key.to_owned(), row);
        Ok(())
    }

    fn take_touched(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let touched = std::mem::take(&mut self.touched);
        let written = |key: &String| {
            self.rows
                .get(key)
                .map(|row| serde_json::to_vec(row).expect("rows are plain data with text as keys"))
        };
        touched
            .into_iter()
            .map(|key| {
                let row = written(&key);
                (key, row)
            })
            .collect()
    }

    fn clear(&mut self) {
        self.touched = std::mem::take(&mut self.rows).into_keys().collect();
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.touched.clear();
    }
}

/// Why the state could not be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the sandbox's state is in use: is another sandbox running in this folder?")]
    InUse,
    #[error("the sandbox's state cannot be read or written")]
    Disk(#[source] redb::Error),
    #[error("the sandbox cannot write to {}: {why}", folder.display())]
    Unwritten { folder: PathBuf, why: String },
    #[error("the sandbox's state is of another version (table {table}, row {key}): start it with --reset")]
    Row {
        table: &'static str,
        key: String,
        #[source]
        source: serde_json::Error,
    },
}

macro_rules! from_redb {
    ($( $kind:ident ),*) => { $(
        impl From<redb::$kind> for StoreError {
            fn from(source: redb::$kind) -> Self {
                Self::Disk(source.into())
            }
        }
    )* };
}
from_redb!(TransactionError, TableError, StorageError, CommitError);

impl From<redb::DatabaseError> for StoreError {
    fn from(source: redb::DatabaseError) -> Self {
        match source {
            redb::DatabaseError::DatabaseAlreadyOpen => Self::InUse,
            other => Self::Disk(other.into()),
        }
    }
}

/// The file. Only one process can have it open.
#[derive(Debug)]
pub(crate) struct Store {
    database: Database,
}

/// Rows are in memory already: the file's own cache needs to hold little.
const CACHE: usize = 2 << 20;

impl Store {
    /// Opens the file, or makes it; nobody but its owner may read it.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        private(path).map_err(|error| StoreError::Disk(error.into()))?;
        let database = Database::builder().set_cache_size(CACHE).create(path)?;
        Ok(Self { database })
    }

    /// Reads all rows of a table.
    pub(crate) fn load(&self, table: &mut dyn Kept) -> Result<(), StoreError> {
        let transaction = self.database.begin_read()?;
        let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(table.name());
        match transaction.open_table(definition) {
            Ok(rows) => {
                for row in rows.iter()? {
                    let (key, row) = row?;
                    table.load(key.value(), row.value())?;
                }
                Ok(())
            }
            Err(TableError::TableDoesNotExist(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what was touched in all tables, as one; says whether anything was. After an error, memory is ahead of the
    /// disk.
    pub(crate) fn commit(&self, tables: &mut [&mut dyn Kept]) -> Result<bool, StoreError> {
        let touched: Vec<_> = tables
            .iter_mut()
            .map(|table| (table.name(), table.take_touched()))
            .filter(|(_, touched)| !touched.is_empty())
            .collect();
        if touched.is_empty() {
            return Ok(false);
        }
        let transaction = self.database.begin_write()?;
        for (name, rows) in touched {
            let definition: TableDefinition<'_, &str, &[u8]> = TableDefinition::new(name);
            let mut table = transaction.open_table(definition)?;
            for (key, row) in rows {
                match row {
                    Some(row) => drop(table.insert(key.as_str(), row.as_slice())?),
                    None => drop(table.remove(key.as_str())?),
                }
            }
        }
        transaction.commit()?;
        Ok(true)
    }
}

/// Makes the file, or takes the right to read it from everybody else.
fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?;
    file.set_permissions(std::fs::Permissions::from_mode(0o600))
}

/// A file on a disk that takes nothing more.
#[cfg(test)]
mod full_disk {
    use std::io::{Error, ErrorKind, Result};
    use std::sync::atomic::{AtomicBool, Ordering};

    use redb::StorageBackend;
    use redb::backends::FileBackend;

    use super::{Database, Path, Store};

    #[derive(Debug)]
    struct Disk {
        file: FileBackend,
        is_full: std::sync::Arc<AtomicBool>,
    }

    impl Disk {
        fn check(&self) -> Result<()> {
            if self.is_full.load(Ordering::SeqCst) { Err(ErrorKind::StorageFull.into()) } else { Ok(()) }
        }
    }

    impl StorageBackend for Disk {
        fn len(&self) -> Result<u64> {
            self.file.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
            self.file.read(offset, out)
        }

        fn set_len(&self, len: u64) -> Result<()> {
            self.check().and_then(|()| self.file.set_len(len))
        }

        fn sync_data(&self) -> Result<()> {
            self.check().and_then(|()| self.file.sync_data())
        }

        fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
            self.check().and_then(|()| self.file.write(offset, data))
        }
    }

    impl Store {
        /// The file that is there, on a disk that is full once it is open.
        pub(crate) fn on_full_disk(path: &Path) -> Self {
            let file = std::fs::File::options().read(true).write(true).open(path).expect("it is there");
            let is_full = std::sync::Arc::new(AtomicBool::new(false));
            let file = FileBackend::new(file).map_err(Error::other).expect("nobody else has it");
            let disk = Disk { file, is_full: std::sync::Arc::clone(&is_full) };
            let database = Database::builder().create_with_backend(disk).expect("a good file");
            is_full.store(true, Ordering::SeqCst);
            Self { database }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_committed_is_there_again_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("state");
        let mut numbers: Table<u32> = Table::new("numbers");
        {
            let store = Store::open(&path).expect("a new file");
            numbers.insert("a", 1);
            numbers.insert("b", 2);
            store.commit(&mut [&mut numbers]).expect("written");
            numbers.remove("a");
            *numbers.get_mut("b").expect("it is there") = 3;
            store.commit(&mut [&mut numbers]).expect("written");
            numbers.insert("never", 4);
            assert!(matches!(Store::open(&path), Err(StoreError::InUse)));
        }
        let mut again: Table<u32> = Table::new("numbers");
        Store::open(&path).expect("the same file").load(&mut again).expect("read");
        assert_eq!(again.iter().collect::<Vec<_>>(), [("b", &3)]);
    }
}
