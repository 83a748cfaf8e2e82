//! What an hour's result was made of, to tell what is gone of it.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::lake::outputs::{Combined, Kind};
use crate::lake::{LakeError, Place};

/// The files of an hour's result.
#[derive(Debug)]
pub(super) enum Before {
    /// Their names, as the manifest has them: not the keys, which say where the lake lay.
    Named(BTreeSet<String>),
    /// How many there were; the predecessor's result says no more.
    Counted(u64),
}

#[derive(Deserialize)]
struct Sources {
    sources: Vec<Source>,
}

#[derive(Deserialize)]
struct Source {
    key: String,
}

impl Before {
    /// Of what there is of an hour; where there are no rows, there is nothing to be kept, whatever a manifest says.
    pub(super) async fn of(results: &Place, combined: &Combined) -> Result<Self, LakeError> {
        let Some(manifest) = combined.newest().and_then(|(_, run)| run.files.get(&Kind::Manifest)) else {
            return Ok(Self::Counted(combined.fewer(0)));
        };
        let content = match results.get(manifest).await {
            // Another run has just put its own in its place.
            Err(error) if error.is_missing() => return Ok(Self::Counted(0)),
            content => content?,
        };
        let read: Sources = match serde_json::from_slice(&content) {
            Ok(read) => read,
            Err(error) => {
                tracing::warn!(%error, manifest, "it is no manifest");
                return Ok(Self::Counted(combined.fewer(0)));
            }
        };
        let name = |source: Source| source.key.rsplit('/').next().unwrap_or_default().to_owned();
        Ok(Self::Named(read.sources.into_iter().map(name).collect()))
    }

    /// Whether a file of this name is one of them; of the predecessor's, any may be.
    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(name),
            Self::Counted(files) => *files > 0,
        }
    }

    /// How many of them are gone, and how many came, beside these names.
    pub(super) fn beside<'n>(&self, there: impl Iterator<Item = &'n str>) -> (u64, u64) {
        match self {
            Self::Named(names) => {
                let there: BTreeSet<&str> = there.collect();
                let gone = names.iter().filter(|name| !there.contains(name.as_str())).count();
                let came = there.into_iter().filter(|name| !names.contains(*name)).count();
                (gone as u64, came as u64)
            }
            Self::Counted(files) => {
                let there = there.count() as u64;
                (files.saturating_sub(there), there.saturating_sub(*files))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lake::outputs::{self, Fingerprint, Stamp, Sums};

    #[tokio::test]
    async fn a_manifest_whose_rows_are_gone_protects_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let results = Place::Folder(folder.path().to_owned());
        let stamp = Stamp { hour: "2021-12-30T17".parse().expect("an hour"), saved: 1_640_973_618, files: 2 };
        let sums = Sums { rows: 2, fingerprint: Fingerprint::of("two files"), wish: None };
        let sources = br#"{ "sources": [{ "key": "x/a" }, { "key": "x/b" }] }"#;
        results.put(&stamp.key(Kind::Csv), b"id").await.expect("written");
        results.put(&stamp.manifest_key(&sums), sources).await.expect("written");
        let gone = async || {
            let combined = outputs::find_hour(&results, stamp.hour).await.expect("found");
            Before::of(&results, &combined).await.expect("read").beside(["b", "c"].into_iter())
        };
        assert_eq!(gone().await, (1, 1));
        results.delete(&[stamp.key(Kind::Csv)]).await.expect("removed");
        assert_eq!(gone().await, (0, 2));
    }
}
