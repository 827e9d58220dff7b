//! Joining a fleet with a store that has a past of its own: what the fleet holds comes to stand in its place, what records the
//! fleet lacks can be brought along as ordinary events, and the old file is kept.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::Fault;
use super::client::{Client, ClientError};
use super::follow::{FollowError, Following};
use super::lacking::{self, Lacking};
use super::site::{Params, Site};
use crate::domain::{Record, RecordEvent};
use crate::records::{Change, Records};
use crate::store::{ChangeError, FILE_NAME, JOURNAL_NAME, Ledger, Log, PublishedRecords, Store, StoreError};
use crate::sync::Publisher;

/// Why a site did not join. Nothing has changed at it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// No fleet of this name is there.
    #[error("no fleet of this name is founded in its etcd: `rmdd fleet init` founds it")]
    NotFounded,
    /// The fleet could not be read.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It could not be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
    /// A store could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record could not be brought.
    #[error("records could not be brought to the fleet: {0}")]
    Change(#[from] ChangeError),
    /// A file could not be moved.
    #[error("{}: {source}", .path.display())]
    File {
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl From<Fault> for JoinError {
    fn from(fault: Fault) -> Self {
        Self::Client(fault.into())
    }
}

/// A store beside the old one that holds what the fleet does.
#[derive(Debug)]
pub struct Joining {
    site: Arc<Site>,
    records: Arc<PublishedRecords>,
}

/// Follows the fleet into an empty store, to its heads.
///
/// # Errors
///
/// If it cannot be followed.
pub async fn follow(
    client: Client,
    params: Params,
    store: Arc<Store>,
    publisher: Publisher,
    records: Arc<PublishedRecords>,
) -> Result<Joining, JoinError> {
    let site = Arc::new(Site::new(params, client, store));
    let following = Following::new(Arc::clone(&site), publisher, Arc::clone(&records));
    let polled = site.client.poll().await.map_err(ClientError::from)?;
    let founding = polled.fleet.transpose()?.ok_or(JoinError::NotFounded)?;
    for head in polled.heads {
        let head = head.transpose()?.ok_or(JoinError::NotFounded)?;
        if let Some(base) = head.base {
            following.take(founding.id, head.log, base).await?;
        }
        following.to(&head).await?;
        site.set_head(head);
    }
    Ok(Joining { site, records })
}

impl Joining {
    /// Where the fleet's logs end.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn indexes(&self) -> Result<[u64; 2], StoreError> {
        let position = self.site.store.fleet_position()?;
        Ok(Log::ALL.map(|log| position.map_or(0, |position| position.of(log).index)))
    }

    /// The records of another store that the fleet has none of, with its history, and what became of them there. Those that the
    /// fleet has it keeps as it has them.
    ///
    /// # Errors
    ///
    /// If the fleet's history cannot be read.
    pub fn lacking(&self, own: Vec<Record>, own_events: &[RecordEvent]) -> Result<Vec<Lacking>, StoreError> {
        let events = all_events(&self.site.store)?;
        Ok(lacking::lacking(own, own_events, &self.records.load_full(), &events))
    }

    /// Records that both have, and of which the fleet says something else.
    pub fn differing(&self, own: &[Record]) -> Vec<Record> {
        let fleet: Arc<Records> = self.records.load_full();
        let differs = |record: &&Record| {
            fleet.get(record.kind(), &record.id()).is_some_and(|theirs| !theirs.says_the_same(record))
        };
        own.iter().filter(differs).cloned().collect()
    }

    /// Brings records to the fleet, as if somebody put them on record now.
    ///
    /// # Errors
    ///
    /// If they cannot be put on record, or the fleet cannot be told.
    pub async fn bring(&self, records: Vec<Record>, by: &str, now: Timestamp) -> Result<Vec<RecordEvent>, JoinError> {
        let ledger = Ledger::Fleet(Arc::clone(&self.site.store), Arc::clone(&self.site) as _);
        let mut by_kind: BTreeMap<&str, Vec<Record>> = BTreeMap::new();
        for mut record in records {
            // What it was in its own store says nothing here.
            record.revision = 0;
            by_kind.entry(record.kind().as_str()).or_default().push(record);
        }
        let mut events = Vec::new();
        for (_, records) in by_kind {
            let change = Change::Put { records, replace: false, by: by.to_owned() };
            events.extend(self.records.change(&ledger, change, now).await?);
        }
        Ok(events)
    }
}

/// All that ever became of a store's records.
///
/// # Errors
///
/// If it cannot be read.
pub fn all_events(store: &Store) -> Result<Vec<RecordEvent>, StoreError> {
    store.record_events_between(0, u64::MAX, usize::MAX)
}

/// Puts the store of one directory into the place of that of another, whose files are kept under other names. Returns under
/// which. Both stores are closed.
///
/// # Errors
///
/// If a file cannot be moved.
pub fn put_in_place(made: &Path, state_dir: &Path, now: Timestamp) -> Result<PathBuf, JoinError> {
    let rename = |from: &Path, to: &Path| {
        std::fs::rename(from, to).map_err(|source| JoinError::File { path: from.to_owned(), source })
    };
    let stamp = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let kept = |name: &str| state_dir.join(format!("{name}.before-fleet-{stamp}"));
    // The journal first: a store without its journal begins another, and a journal without its store would fill a new one.
    for name in [JOURNAL_NAME, FILE_NAME] {
        let there = state_dir.join(name);
        if there.symlink_metadata().is_ok() {
            rename(&there, &kept(name))?;
        }
    }
    for name in [FILE_NAME, JOURNAL_NAME] {
        let new = made.join(name);
        if new.symlink_metadata().is_ok() {
            rename(&new, &state_dir.join(name))?;
        }
    }
    Ok(kept(FILE_NAME))
}
