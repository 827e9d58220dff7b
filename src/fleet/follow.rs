//! Following the logs: what lies between where the store stands and the heads is read, checked as a whole, applied entry by
//! entry, and published by the same way as what is decided here.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::apply::{self, Applied};
use super::base::{self, Assembly};
use super::branch;
use super::client::{Client, ClientError};
use super::engine::EngineError;
use super::entry::{self, Entry};
use super::head::{BaseName, Head};
use super::site::{Site, place};
use super::{Fault, entry_of, format};
use crate::domain::wording::count;
use crate::domain::{SyncOutcome, SyncRecord};
use crate::store::{FleetId, Log, Position, PublishedRecords, State, StoreError, SyncState};
use crate::sync::Publisher;

/// Why a log was not followed to its head. What comes before is applied.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// etcd does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The log has another entry where this site stands, or a base that lacks what this site holds.
    #[error("the fleet's log `{}` has gone another way than this site", .0.as_str())]
    Forked(Log),
    /// What comes next says something that this version does not know.
    #[error("{0}")]
    Newer(String),
    /// What comes next cannot be had or applied; a newer base leads on.
    #[error("{0}")]
    Stuck(String),
    /// The store did not take it. It may the next time.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A task broke off.
    #[error("work on the store was interrupted")]
    Interrupted,
}

impl From<Fault> for FollowError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Store(error @ (StoreError::Diverges { .. } | StoreError::BadBase { .. })) => {
                Self::Stuck(error.to_string())
            }
            Fault::Store(error) => Self::Store(error),
            // What is older than what this version reads is behind a base by now: that leads on.
            Fault::Format { found, .. } if found < format::oldest() => Self::Stuck(fault.to_string()),
            Fault::Format { .. } | Fault::Unknown { .. } => Self::Newer(fault.to_string()),
            fault => Self::Stuck(fault.to_string()),
        }
    }
}

impl From<ClientError> for FollowError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Engine(error) => Self::Engine(error),
            ClientError::Fault(fault) => Self::from(fault),
            missing @ ClientError::Missing(_) => Self::Stuck(missing.to_string()),
        }
    }
}

/// What follows the logs of a fleet into the store, and publishes it.
#[derive(Debug, Clone)]
pub struct Following {
    pub site: Arc<Site>,
    /// Where listings are published.
    pub publisher: Publisher,
    /// Where records are.
    pub records: Arc<PublishedRecords>,
    /// Whether the store may hold something else than is published, by [`Log::ALL`].
    apart: Arc<[AtomicBool; 2]>,
}

impl Following {
    /// Follows the logs into a store of which everything is published.
    pub fn new(site: Arc<Site>, publisher: Publisher, records: Arc<PublishedRecords>) -> Self {
        Self { site, publisher, records, apart: Arc::default() }
    }

    /// Publishes what the store holds where that may be something else than is published: what was to be written broke off, or
    /// could not be read again.
    ///
    /// # Errors
    ///
    /// If it cannot be read. It is tried again the next time.
    pub async fn settle(&self) -> Result<(), FollowError> {
        for log in Log::ALL {
            if !self.apart[place(log)].load(Ordering::Acquire) {
                continue;
            }
            match log {
                Log::Listing => {
                    let _turn = self.publisher.turn().await;
                    self.publisher.reload(&self.site.store)?;
                }
                Log::Records => {
                    self.records.replace(&self.site.store, async { Ok::<_, FollowError>(()) }).await?;
                }
            }
            self.set_apart(log, false);
        }
        Ok(())
    }

    fn set_apart(&self, log: Log, apart: bool) {
        self.apart[place(log)].store(apart, Ordering::Release);
    }

    /// Whether the file alone says what came of writing to it.
    fn is_open(done: &Result<(), FollowError>) -> bool {
        matches!(done, Err(FollowError::Store(_) | FollowError::Interrupted))
    }

    /// Follows a log to its head.
    ///
    /// # Errors
    ///
    /// If something of it cannot be had or applied. What comes before it is applied.
    pub async fn to(&self, head: &Head) -> Result<(), FollowError> {
        let log = head.log;
        let Some(position) = self.position(log)? else { return Ok(()) };
        if position.index >= head.index {
            return Ok(());
        }
        let entries = self.site.client.entries(log, position.index + 1, head.index).await?;
        if (entries.len() as u64) < head.index - position.index {
            let missing = entry_of(log, position.index + 1 + entries.len() as u64);
            return Err(FollowError::Stuck(format!("{missing} is not in the fleet's etcd")));
        }
        let chained = match entry::chain(log, &position, &entries, head.sha256) {
            Ok(chained) => chained,
            Err(fault) => return Err(self.why_broken(log, &position, fault).await),
        };
        drop(entries);
        for entry in chained.entries {
            let payload = self.site.client.payload(&entry).await?;
            let index = entry.position.index;
            let applied = match log {
                Log::Listing => self.listing(entry, payload).await,
                Log::Records => self.change(entry, payload).await,
            };
            // A disk that is full is met each second: what is still not done is not looked for in the file each time.
            if Self::is_open(&applied) && self.position(log).ok().flatten().is_none_or(|at| at.index >= index) {
                self.set_apart(log, true);
            }
            applied?;
            self.site.progressed();
        }
        chained.then.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// A chain that does not lead from where this site stands to the head: either it stands on an entry that is not the
    /// log's, or an entry is not what was written.
    async fn why_broken(&self, log: Log, position: &Position, fault: Fault) -> FollowError {
        let own = match position.index {
            0 => Ok(Vec::new()),
            index => self.site.client.entries(log, index, index).await,
        };
        let sha256 = own.map(|own| own.first().map(|bytes| crate::domain::Sha256Digest::of(bytes)));
        match sha256 {
            Ok(Some(sha256)) if sha256 != position.sha256 => FollowError::Forked(log),
            _ => fault.into(),
        }
    }

    fn position(&self, log: Log) -> Result<Option<Position>, StoreError> {
        Ok(self.site.store.fleet_position()?.map(|position| position.of(log)))
    }

    /// Whether the store has not done what an entry says.
    fn lacks(&self, entry: &Entry) -> Result<bool, StoreError> {
        Ok(self.position(entry.log)?.is_some_and(|position| position.index < entry.position.index))
    }

    async fn listing(&self, entry: Entry, payload: Vec<u8>) -> Result<(), FollowError> {
        let turn = self.publisher.turn().await;
        // This site may have made it itself.
        if !self.lacks(&entry)? {
            return Ok(());
        }
        self.publish_what_is_stored()?;
        let (store, index, state) = (Arc::clone(&self.site.store), self.publisher.index(), self.publisher.state());
        let name = (entry.position.index, entry.site.clone());
        let applied =
            tokio::task::spawn_blocking(move || apply::listing(&store, (index.as_ref(), &state), &entry, &payload));
        let Applied { index, state } = applied.await.map_err(|_| FollowError::Interrupted)??;
        log_followed(&name, &state, index.is_some());
        let succeeded = state.last.as_ref().is_some_and(|last| last.outcome.is_success());
        self.publisher.publish(index, state);
        drop(turn);
        self.publisher.drop_old(succeeded);
        Ok(())
    }

    /// A disk that failed at the very end of a commit leaves it open whether it did as it was told: the file says.
    fn publish_what_is_stored(&self) -> Result<(), StoreError> {
        let published = self.publisher.index().map(|index| index.snapshot().serial);
        match self.site.store.newest_snapshot()? {
            newest if newest == published => Ok(()),
            _ => self.publisher.reload(&self.site.store),
        }
    }

    async fn change(&self, entry: Entry, payload: Vec<u8>) -> Result<(), FollowError> {
        let store = Arc::clone(&self.site.store);
        let follow = async {
            if !self.lacks(&entry)? {
                return Ok(Vec::new());
            }
            let applied = tokio::task::spawn_blocking(move || apply::records(&store, &entry, &payload));
            Ok::<_, FollowError>(applied.await.map_err(|_| FollowError::Interrupted)??)
        };
        self.records.follow(&self.site.store, follow).await
    }

    /// Takes a base in the place of what a log has made of this store.
    ///
    /// # Errors
    ///
    /// If it cannot be had, is not what it should be, or the store does not take it.
    pub async fn take(&self, fleet: FleetId, log: Log, base: BaseName) -> Result<(), FollowError> {
        match self.taken(fleet, log, base).await {
            Err(FollowError::Stuck(why)) if self.holds(log, base).await? => {
                tracing::warn!("{why}; this site holds what that base held");
                Ok(())
            }
            taken => taken,
        }
    }

    /// Whether this site stands at a base, and holds what it held: so the site that has founded the fleet does.
    async fn holds(&self, log: Log, base: BaseName) -> Result<bool, FollowError> {
        if self.position(log)?.is_none_or(|position| position.index != base.index) {
            return Ok(false);
        }
        let (store, format) = (Arc::clone(&self.site.store), self.site.store.fleet_format()?.unwrap_or(format::FORMAT));
        let made = tokio::task::spawn_blocking(move || {
            let (state, position) = store.state(log)?;
            let position = position.ok_or(StoreError::Interrupted)?.of(log);
            base::make(&state, position, format)
        });
        Ok(made.await.map_err(|_| FollowError::Interrupted)??.name == base)
    }

    async fn taken(&self, fleet: FleetId, log: Log, base: BaseName) -> Result<(), FollowError> {
        let (state, position) = fetched(&self.site.client, log, base).await?;
        let store = Arc::clone(&self.site.store);
        // One that was begun again holds what its archive and journal gave, and the fleet's takes the place of that.
        let follows = self.position(log)?.is_some_and(|at| at.index > 0);
        let held = tokio::task::spawn_blocking(move || {
            if follows && let Some(last) = branch::stands_here(&state, &store)? {
                return store.pass_base(fleet, position, last).map(|()| None);
            }
            let lacks = follows && branch::lacks(&state, &store)?;
            Ok::<_, StoreError>(Some((state, lacks)))
        });
        let Some((state, lacks)) = held.await.map_err(|_| FollowError::Interrupted)?? else {
            self.site.progressed();
            return Ok(());
        };
        if lacks {
            return Err(FollowError::Forked(log));
        }
        let store = Arc::clone(&self.site.store);
        let take = async move {
            let taken = tokio::task::spawn_blocking(move || store.take_base(&state, fleet, position));
            taken.await.map_err(|_| FollowError::Interrupted)?.map_err(|error| FollowError::from(Fault::Store(error)))
        };
        let taken = match log {
            Log::Listing => {
                let _turn = self.publisher.turn().await;
                match take.await {
                    Ok(()) => self.publisher.reload(&self.site.store).map_err(FollowError::from),
                    failed => failed,
                }
            }
            Log::Records => self.records.replace(&self.site.store, take).await,
        };
        self.set_apart(log, Self::is_open(&taken));
        taken?;
        if log == Log::Listing {
            // What listings no longer show is copied then, too.
            self.publisher.drop_old(false);
        }
        let (name, index) = (log.as_str(), base.index);
        tracing::info!(log = name, index, "the base of the fleet's log `{name}` at entry {index} is taken");
        self.site.progressed();
        Ok(())
    }
}

/// What a base holds, and where whoever takes it stands.
///
/// # Errors
///
/// If it cannot be had, or is not what it should be.
pub async fn fetched(client: &Client, log: Log, base: BaseName) -> Result<(State, Position), FollowError> {
    let manifest = client.blob(log, base.manifest).await?;
    let mut assembly = Assembly::begin(log, base.index, &manifest)?;
    while let Some(part) = assembly.next() {
        let part = client.blob(log, part).await?;
        let added = tokio::task::spawn_blocking(move || assembly.add(&part).map(|()| assembly));
        assembly = added.await.map_err(|_| FollowError::Interrupted)??;
    }
    Ok(assembly.finish()?)
}

/// The one line that says what another site's cycle came to.
fn log_followed((index, site): &(u64, String), state: &SyncState, published: bool) {
    let Some(SyncRecord { outcome, .. }) = &state.last else { return };
    let said = match outcome {
        SyncOutcome::Applied { serial, filings, .. } => {
            format!("snapshot {serial} with {} filings is in force", count(*filings))
        }
        SyncOutcome::Unchanged { serial, .. } => format!("snapshot {serial} is confirmed"),
        SyncOutcome::Held { .. } => "a listing is held".to_owned(),
        SyncOutcome::Refused { .. } | SyncOutcome::Failed { .. } => "a sync has brought nothing".to_owned(),
    };
    tracing::info!(entry = index, site, published, "site {site} has fetched for the fleet: {said}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_that_is_not_read_any_more_leads_to_a_base_and_one_that_is_not_read_yet_to_a_newer_version() {
        let of = |found| FollowError::from(Fault::Format { what: "entry 7".to_owned(), found });
        let said = of(format::oldest() - 1).to_string();
        assert!(matches!(of(format::oldest() - 1), FollowError::Stuck(_)), "{said}");
        assert!(said.starts_with("entry 7 has format 0, and this version of rmdd reads format 1 alone"), "{said}");
        assert!(matches!(of(format::newest() + 1), FollowError::Newer(_)));
    }
}
