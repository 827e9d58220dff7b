//! Facts of a site of a fleet: said to the log first, and made here as everywhere once they stand there.

use tokio::runtime::Handle;

use super::apply;
use super::client::ClientError;
use super::engine::EngineError;
use super::entry::{self, Written};
use super::head::Head;
use super::site::Site;
use super::step::Trouble;
use super::{Fault, payload};
use crate::domain::{HeldListing, RecordEvent};
use crate::listing::canonical;
use crate::store::{
    Advance, Committed, CycleFact, Expected, Log, Position, Shared, SnapshotFact, StoreError, SyncState,
};

/// What is said where an append did not come about.
fn cut_off(error: impl std::fmt::Display) -> StoreError {
    StoreError::CutOff { detail: format!("nothing was changed, because the fleet cannot be told: {error}") }
}

/// Why a change is refused before it is tried.
fn refusal(trouble: &Trouble) -> StoreError {
    cut_off(trouble)
}

fn from_engine(error: EngineError) -> StoreError {
    match error {
        EngineError::Unknown { .. } => StoreError::Unheard {
            detail: format!(
                "whether the change was made is not known: {error}. Look at what is on record before you try again"
            ),
        },
        error => cut_off(error),
    }
}

fn from_fault(fault: Fault) -> StoreError {
    match fault {
        Fault::Store(error) => error,
        fault => cut_off(fault),
    }
}

impl Site {
    /// Where the store stands in a log, and the head if the log ends there. Waits for etcd: it belongs on a thread for such
    /// work.
    fn at_the_head(&self, log: Log) -> Result<Option<(Position, Head)>, StoreError> {
        if let Some(trouble) = self.trouble() {
            return Err(refusal(&trouble));
        }
        let position = self.store.fleet_position()?.ok_or_else(|| cut_off("this site has not joined it yet"))?;
        let position = position.of(log);
        let ends_here = |head: &Head| (head.index, head.sha256) == (position.index, position.sha256);
        if let Some(head) = self.head(log).filter(ends_here) {
            return Ok(Some((position, head)));
        }
        let polled = Handle::current().block_on(self.client.poll()).map_err(cut_off)?;
        let [listing, records] = polled.heads;
        let head = match log {
            Log::Listing => listing,
            Log::Records => records,
        };
        let head = head.ok_or_else(|| refusal(&Trouble::NotFounded))?.map_err(from_fault)?;
        self.set_head(head);
        Ok(ends_here(&head).then_some((position, head)))
    }

    /// Appends an entry of the listing's log, under the term in which this site fetches.
    fn append_listing(&self, payload: Vec<u8>) -> Result<Advance, StoreError> {
        let term = self.term().ok_or(StoreError::NotFetcher)?;
        let (position, head) = self.at_the_head(Log::Listing)?.ok_or(StoreError::NotFetcher)?;
        let author = self.author(&head);
        let now = author.at;
        let written = entry::write(Log::Listing, &position, payload, author).map_err(from_fault)?;
        let append = self.client.append(&head, &written, Some(&term.fetcher));
        let appended = Handle::current().block_on(append);
        if let Err(EngineError::Denied { .. }) = appended {
            self.set_denied(true);
        }
        if !appended.map_err(from_engine)? {
            return Err(StoreError::NotFetcher);
        }
        self.appended(&head, &written);
        // Behind an entry of a clock that was ahead, an entry has that one's time: so it is at all sites, and it is here.
        self.set_offset(now.as_millisecond() - written.position.at.as_millisecond());
        Ok(Advance { log: Log::Listing, from: position.sha256, to: written.position })
    }

    fn appended(&self, head: &Head, written: &Written) {
        self.set_head(Head { index: written.position.index, sha256: written.position.sha256, ..*head });
    }

    /// Follows the log of records up to its head, in the store alone: whoever changes them publishes what is there then.
    fn catch_up_records(&self) -> Result<(), StoreError> {
        let handle = Handle::current();
        let Some(head) = handle.block_on(self.client.poll()).map_err(cut_off)?.heads.into_iter().nth(1).flatten()
        else {
            return Err(refusal(&Trouble::NotFounded));
        };
        let head = head.map_err(from_fault)?;
        let Some(position) = self.store.fleet_position()?.map(|position| position.records) else {
            return Err(cut_off("this site has not joined it yet"));
        };
        let entries = self.client.entries(Log::Records, position.index + 1, head.index);
        let entries = handle.block_on(entries).map_err(cut_off)?;
        let chained = entry::chain(Log::Records, &position, &entries, head.sha256).map_err(from_fault)?;
        for entry in chained.entries {
            let payload = handle.block_on(self.client.payload(&entry)).map_err(|error| match error {
                ClientError::Fault(fault) => from_fault(fault),
                error => cut_off(error),
            })?;
            apply::records(&self.store, &entry, &payload).map_err(from_fault)?;
        }
        self.set_head(head);
        self.progressed();
        Ok(())
    }
}

impl Shared for Site {
    fn snapshot(&self, fact: &SnapshotFact) -> Result<Committed, StoreError> {
        // What others could not apply must not come to stand in the log.
        let (expected, found) = (fact.snapshot.serial.0.saturating_sub(1), self.store.newest_snapshot()?);
        let found = found.map_or(0, |serial| serial.0);
        if expected != found {
            return Err(StoreError::Conflict { expected, found });
        }
        let listing_sha256 = canonical::digest(&fact.snapshot.filings);
        let (payload, last_change) = payload::of_snapshot(fact, listing_sha256);
        let advance = self.append_listing(payload)?;
        self.store.follow_snapshot(fact, &Expected { listing_sha256, last_change, advance })
    }

    fn cycle(&self, fact: &CycleFact) -> Result<SyncState, StoreError> {
        let advance = self.append_listing(payload::of_cycle(fact))?;
        self.store.follow_cycle(fact, &advance)
    }

    fn held(&self, listing: &HeldListing) -> Result<Vec<HeldListing>, StoreError> {
        let advance = self.append_listing(payload::of_held(listing))?;
        self.store.follow_held(listing, &advance)
    }

    fn records(&self, events: &[RecordEvent]) -> Result<(), StoreError> {
        let first = events.first().map_or(0, |event| event.serial);
        let behind = |found| StoreError::Conflict { expected: first.saturating_sub(1), found };
        let Some((position, head)) = self.at_the_head(Log::Records)? else {
            self.catch_up_records()?;
            return Err(behind(self.store.load_records()?.1));
        };
        // Nobody could follow what is behind events that the log has not.
        if let Some((first, last)) = self.store.unlogged()? {
            return Err(refusal(&Trouble::Beyond(first, last)));
        }
        let last = self.store.load_records()?.1;
        if last + 1 != first {
            return Err(behind(last));
        }
        let payload = payload::of_records(events).map_err(from_fault)?;
        let written = entry::write(Log::Records, &position, payload, self.author(&head)).map_err(from_fault)?;
        if !Handle::current().block_on(self.client.append(&head, &written, None)).map_err(from_engine)? {
            self.catch_up_records()?;
            return Err(behind(self.store.load_records()?.1));
        }
        self.appended(&head, &written);
        let advance = Advance { log: Log::Records, from: position.sha256, to: written.position };
        self.store.follow_records(events, &advance).map_err(|error| StoreError::Unheard {
            detail: format!("the change is made in the fleet, and this site could not write it down yet: {error}"),
        })?;
        self.progressed();
        Ok(())
    }
}
