//! What the database holds and held: providers, names, removals.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Services, SnapshotRef, page_size, store_failed};
use crate::domain::{Change, Column, ErrorReason, Filing, Identity, Rejection, Removal, RmdNumber, Who};
use crate::listing::index::Index;
use crate::listing::search::search;
use crate::observe::clock;
use crate::records::{Records, Resolved, Unresolved};
use crate::store::StoreError;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;
const DEFAULT_MATCHES: usize = 20;
const MOST_MATCHES: usize = 200;

/// The most characters of a search that are looked at.
const LONGEST_SEARCH: usize = 200;

/// A filing that is listed.
#[derive(Debug, Clone)]
pub struct CurrentFiling {
    /// The filing.
    pub filing: Arc<Filing>,
    /// Since when its row could not be read, if so.
    pub carried_since: Option<Timestamp>,
}

impl CurrentFiling {
    fn of(index: &Index, filing: Arc<Filing>) -> Self {
        let carried_since = index.snapshot().carried.get(&filing.number()).copied();
        Self { filing, carried_since }
    }
}

/// What is known of a provider.
#[derive(Debug, Clone)]
pub struct ProviderReport {
    /// The filings that are listed.
    pub filings: Vec<CurrentFiling>,
    /// Every removal, newest first.
    pub removals: Vec<Arc<Removal>>,
    /// Every change, oldest first, where they were asked for.
    pub changes: Vec<Change>,
    /// The listing that all this rests on.
    pub snapshot: SnapshotRef,
    /// The time of which this is true, if one was asked about.
    pub at: Option<Timestamp>,
}

/// A filing that bears a name like the one that was searched.
#[derive(Debug, Clone)]
pub struct ListedMatch {
    /// The filing.
    pub filing: CurrentFiling,
    /// Its removal, if it is not listed any more.
    pub removal: Option<Arc<Removal>>,
    /// The name that matched, as filed.
    pub name: String,
    /// The column in which it is filed.
    pub column: Column,
    /// From 0 to 1, where 1 is the same name.
    pub score: f64,
}

/// What a search found, best first.
#[derive(Debug, Clone)]
pub struct SearchReport {
    /// The filings.
    pub matches: Vec<ListedMatch>,
    /// The listing that was searched.
    pub snapshot: SnapshotRef,
}

/// Which removals are wanted.
#[derive(Debug, Clone, Default)]
pub struct RemovalsRequest {
    /// Those that were first missed at this time or after it.
    pub since: Option<Timestamp>,
    /// Those that were first missed before this time.
    pub until: Option<Timestamp>,
    /// Also those of filings that are listed again.
    pub include_reinstated: bool,
    /// So many at most; 0 leaves it to the daemon.
    pub page_size: u32,
    /// Those behind this page; empty for the first.
    pub page_token: String,
}

/// A page of removals.
#[derive(Debug, Clone)]
pub struct RemovalsPage {
    /// The removals, newest first.
    pub removals: Vec<Arc<Removal>>,
    /// What asks for the next page; empty behind the last.
    pub next_page_token: String,
    /// How many there are on all pages.
    pub total: u64,
    /// The listing that this rests on.
    pub snapshot: SnapshotRef,
}

/// The provider that a name leads to.
#[inline]
pub(super) fn resolve(who: &Who, records: &Records, now: Timestamp) -> Result<Resolved, Rejection> {
    records.resolve(who, now).map_err(peer_unknown)
}

#[cold]
fn peer_unknown(unresolved: Unresolved) -> Rejection {
    ErrorReason::PeerUnknown.reject(unresolved.to_string())
}

/// The filings and the removals under an identity. By one filing's number, that filing's alone.
pub(super) fn known(index: &Index, identity: Identity) -> (Vec<Arc<Filing>>, Vec<Arc<Removal>>) {
    let filings: Vec<Arc<Filing>> = match identity {
        Identity::Frn(frn) => index.by_frn(frn).map(|current| Arc::clone(current.filing())).collect(),
        Identity::RmdNumber(number) => {
            index.by_number(number).map(|current| Arc::clone(current.filing())).into_iter().collect()
        }
    };
    let removals = index
        .removals()
        .newest_first()
        .filter(|removal| match identity {
            Identity::Frn(frn) => removal.filing.frn() == Some(frn),
            Identity::RmdNumber(number) => removal.filing.number() == number,
        })
        .cloned()
        .collect();
    (filings, removals)
}

impl Services {
    /// What is known of a provider, now or at a time; with `history`, all changes up to then.
    ///
    /// # Errors
    ///
    /// If nobody bound the name, history does not reach back so far, or no listing is loaded.
    pub async fn provider(&self, who: &Who, at: Option<Timestamp>, history: bool) -> Result<ProviderReport, Rejection> {
        let (now, index, records) = match at {
            Some(at) => {
                let then = self.as_of(at).await?;
                (at, then.index, then.records)
            }
            None => (clock::now(), self.loaded()?, self.records.load_full()),
        };
        let (filings, removals) = known(&index, resolve(who, &records, now)?.identity);
        let mut changes = Vec::new();
        if history {
            let mut numbers: BTreeSet<RmdNumber> = filings.iter().map(|filing| filing.number()).collect();
            numbers.extend(removals.iter().map(|removal| removal.filing.number()));
            changes = self.changes_of(numbers).await?;
            changes.retain(|change| change.snapshot <= index.snapshot().serial);
        }
        Ok(ProviderReport {
            filings: filings.into_iter().map(|filing| CurrentFiling::of(&index, filing)).collect(),
            removals,
            changes,
            snapshot: SnapshotRef::of(&index, now),
            at,
        })
    }

    async fn changes_of(&self, numbers: BTreeSet<RmdNumber>) -> Result<Vec<Change>, Rejection> {
        let store = Arc::clone(&self.store);
        let read = move || {
            let mut changes = Vec::new();
            for number in numbers {
                changes.extend(store.changes_of(number)?);
            }
            changes.sort_by_key(|change| change.serial);
            Ok::<_, StoreError>(changes)
        };
        self.budget.work.blocking(read).await?.map_err(|error| store_failed(&error))
    }

    /// The filings that bear such a name; `limit` of them at most, 0 leaves it to the daemon.
    ///
    /// # Errors
    ///
    /// If no listing is loaded.
    pub async fn search(&self, text: &str, limit: u32) -> Result<SearchReport, Rejection> {
        let index = self.loaded()?;
        let limit = page_size(limit, DEFAULT_MATCHES, MOST_MATCHES);
        let text: String = text.chars().take(LONGEST_SEARCH).collect();
        let searched = Arc::clone(&index);
        // Some milliseconds, and more where the names are not ready yet: no call's answer should wait for them.
        let found = self.budget.work.blocking(move || search(&searched, &text, limit)).await?;
        let listed = |found: crate::listing::search::NameMatch| ListedMatch {
            filing: CurrentFiling::of(&index, found.filing),
            removal: found.removal,
            name: found.name,
            column: found.column,
            score: found.score,
        };
        Ok(SearchReport {
            matches: found.into_iter().map(listed).collect(),
            snapshot: SnapshotRef::of(&index, clock::now()),
        })
    }

    /// A page of removals.
    ///
    /// # Errors
    ///
    /// If the page token is none of ours, or no listing is loaded.
    pub fn removals(&self, request: &RemovalsRequest) -> Result<RemovalsPage, Rejection> {
        let index = self.loaded()?;
        let page = page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE);
        let behind = match request.page_token.as_str() {
            "" => None,
            token => Some(read_token(token).ok_or_else(|| {
                ErrorReason::InvalidPageToken.reject(format!("{token:?} is no page token of this daemon"))
            })?),
        };
        let matching: Vec<&Arc<Removal>> = index
            .removals()
            .newest_first()
            .filter(|removal| request.include_reinstated || removal.reinstated_at.is_none())
            .filter(|removal| request.since.is_none_or(|since| removal.first_missing_at >= since))
            .filter(|removal| request.until.is_none_or(|until| removal.first_missing_at < until))
            .collect();
        let rest = matching.iter().filter(|removal| behind.is_none_or(|behind| key(removal) < behind));
        let mut removals: Vec<Arc<Removal>> = rest.take(page + 1).map(|removal| Arc::clone(removal)).collect();
        let mut next_page_token = String::new();
        if removals.len() > page {
            removals.truncate(page);
            next_page_token = removals.last().map(|last| token(key(last))).unwrap_or_default();
        }
        let total = matching.len() as u64;
        Ok(RemovalsPage { removals, next_page_token, total, snapshot: SnapshotRef::of(&index, clock::now()) })
    }
}

/// A removal's place in the order of removals. It holds across pages even if a sync comes between them.
fn key(removal: &Removal) -> (u64, u32) {
    (removal.snapshot.0, removal.filing.number().value())
}

fn token((serial, number): (u64, u32)) -> String {
    format!("{serial}.{number}")
}

fn read_token(token: &str) -> Option<(u64, u32)> {
    let (serial, number) = token.split_once('.')?;
    Some((serial.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_read_back_and_rubbish_is_not() {
        assert_eq!(read_token(&token((7, 1410))), Some((7, 1410)));
        for rubbish in ["", "7", "7.x", ".", "-1.2"] {
            assert_eq!(read_token(rubbish), None, "{rubbish:?}");
        }
    }
}
