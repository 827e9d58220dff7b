//! How the operator's own peers and filings stand.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{Services, SnapshotRef, interrupted, page_size};
use crate::decide::impact::Basis;
use crate::decide::own::{OwnFiling, own_filings};
use crate::decide::standing::{PeerState, Standing, count_states, standings, standings_of};
use crate::domain::{Change, ChangeKind, FieldChange, ProviderRole, RecordKind, Rejection};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::records::Records;

const DEFAULT_PAGE: usize = 500;
const LARGEST_PAGE: usize = 2000;

/// So many of the worst are named in a summary.
const NAMED: usize = 5;

/// What changes within this time changes soon.
const SOON: SignedDuration = SignedDuration::from_hours(24);

/// Changes of the operator's own filings are told for so long.
const OWN_CHANGES_FOR: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How the operator's peers stand, in numbers.
#[derive(Debug, Clone, Default)]
pub struct PeersSummary {
    /// How many are in each state of [`PeerState::ALL`].
    counts: [u64; PeerState::ALL.len()],
    /// The worst of those that are not simply accepted.
    pub worst: Vec<Standing>,
    /// The next moment at which the standing of one changes by itself, the listing's age apart.
    pub next_deadline_at: Option<Timestamp>,
    /// Of how many it does within 24 hours.
    pub changing_soon: u64,
}

impl PeersSummary {
    /// The summary of these.
    pub fn of(mut standings: Vec<Standing>, now: Timestamp) -> Self {
        let counts = PeerState::ALL.map(|state| standings.iter().filter(|of| of.state == state).count() as u64);
        let next = |standing: &Standing| standing.next_deadline().map(|deadline| deadline.at);
        let soon = now.checked_add(SOON).unwrap_or(Timestamp::MAX);
        let changing_soon = standings.iter().filter(|of| next(of).is_some_and(|at| at <= soon)).count() as u64;
        let next_deadline_at = standings.iter().filter_map(next).min();
        standings.retain(|standing| standing.state != PeerState::Accepted);
        // The worst first; of those, where something happens soonest.
        standings.sort_by_key(|standing| (standing.state, next(standing).unwrap_or(Timestamp::MAX)));
        standings.truncate(NAMED);
        Self { counts, worst: standings, next_deadline_at, changing_soon }
    }

    /// How many are in this state.
    pub fn count(&self, state: PeerState) -> u64 {
        PeerState::ALL.iter().position(|of| *of == state).and_then(|place| self.counts.get(place)).copied().unwrap_or(0)
    }
}

/// How the operator's own filings under one FRN stand, and what changed of them lately.
#[derive(Debug, Clone)]
pub struct OwnReport {
    /// How they stand.
    pub own: OwnFiling,
    /// What changed in the last 30 days, newest first.
    pub changes: Vec<Change>,
    /// What comes, in the order of time, is told as of then.
    pub now: Timestamp,
}

/// Which standings are wanted.
#[derive(Debug, Clone, Default)]
pub struct StandingsRequest {
    /// So many at most; 0 leaves it to the daemon.
    pub page_size: u32,
    /// Those behind this page; empty for the first.
    pub page_token: String,
}

/// A page of standings, by the peers' IDs.
#[derive(Debug, Clone)]
pub struct StandingsPage {
    /// How the peers stand.
    pub standings: Vec<Standing>,
    /// What asks for the next page; empty behind the last.
    pub next_page_token: String,
    /// How the operator's own filings stand; on the first page alone.
    pub own: Vec<OwnReport>,
    /// The listing that this rests on.
    pub snapshot: SnapshotRef,
}

/// Whether a change changes a certified role.
pub(crate) fn changes_roles(change: &Change) -> bool {
    let is_role = |field: &FieldChange| ProviderRole::ALL.iter().any(|role| role.column().name() == field.column);
    change.kind.fields().iter().any(is_role)
}

impl Services {
    /// How every peer that is bound now stands, by ID; nothing before the first listing. Looks at nothing but memory.
    pub fn standings(&self, now: Timestamp) -> Option<Vec<Standing>> {
        let (index, records, policy) = (self.index.load_full()?, self.records.load_full(), self.policy.load_full());
        Some(standings(Basis { index: &index, records: &records, policy: &policy }, now))
    }

    /// How many peers that are bound now stand how; nothing before the first listing. Looks at nothing but memory.
    pub fn count_peers(&self, now: Timestamp) -> Option<[(PeerState, u64); PeerState::ALL.len()]> {
        let (index, records, policy) = (self.index.load_full()?, self.records.load_full(), self.policy.load_full());
        Some(count_states(Basis { index: &index, records: &records, policy: &policy }, now))
    }

    /// How the operator's own filings stand; nothing before the first listing. Reads the store.
    pub fn own_filings(&self, now: Timestamp) -> Vec<OwnReport> {
        let Some(index) = self.index.load_full() else { return Vec::new() };
        let own = own_filings(&index, &self.me.load(), now);
        own.into_iter().map(|own| OwnReport { changes: self.own_changes(&own, &index, now), own, now }).collect()
    }

    fn own_changes(&self, own: &OwnFiling, index: &Index, now: Timestamp) -> Vec<Change> {
        let listed = own.filings.iter().map(|filing| filing.number());
        let numbers = listed.chain(index.removed_by_frn(own.frn).map(|removal| removal.filing.number()));
        let since = now.checked_sub(OWN_CHANGES_FOR).unwrap_or(Timestamp::MIN);
        let mut changes: Vec<Change> = numbers.flat_map(|number| self.history_of(number)).collect();
        // What stood in the oldest listing did not come with it.
        let begins = index.removals().first_sights().begins();
        changes.retain(|change| change.observed_at >= since && Some(change.observed_at) != begins);
        changes.sort_by_key(|change| std::cmp::Reverse(change.serial));
        changes
    }

    /// The changes of a filing. Where the store cannot be read there are none, and the log says why.
    fn history_of(&self, number: crate::domain::RmdNumber) -> Vec<Change> {
        self.store.changes_of(number).unwrap_or_else(|error| {
            tracing::error!(%error, "the history of {number} could not be read: {error}");
            Vec::new()
        })
    }

    /// A page of standings.
    ///
    /// # Errors
    ///
    /// If no listing is loaded.
    pub async fn list_standings(&self, request: StandingsRequest) -> Result<StandingsPage, Rejection> {
        let services = self.clone();
        let page = tokio::task::spawn_blocking(move || services.page_of_standings(&request));
        page.await.map_err(|_| interrupted())?
    }

    fn page_of_standings(&self, request: &StandingsRequest) -> Result<StandingsPage, Rejection> {
        let (index, records, policy) = (self.loaded()?, self.records.load_full(), self.policy.load_full());
        let now = clock::now();
        let page = page_size(request.page_size, DEFAULT_PAGE, LARGEST_PAGE);
        let (peers, next_page_token) = page_of_peers(&records, &request.page_token, page, now);
        let basis = Basis { index: &index, records: &records, policy: &policy };
        let mut standings = standings_of(basis, peers.into_iter(), now);
        self.find_since_when(&mut standings);
        let own = if request.page_token.is_empty() { self.own_filings(now) } else { Vec::new() };
        Ok(StandingsPage { standings, next_page_token, own, snapshot: SnapshotRef::of(&index, now) })
    }

    /// How the peers stand in numbers; nothing before the first listing. Of the worst, which are few, the store is asked since
    /// when.
    pub fn peers_summary(&self, now: Timestamp) -> Option<PeersSummary> {
        let mut summary = PeersSummary::of(self.standings(now)?, now);
        self.find_since_when(&mut summary.worst);
        Some(summary)
    }

    /// Finds in the store since when these hold of which memory does not know it.
    pub fn find_since_when(&self, standings: &mut [Standing]) {
        for standing in standings.iter_mut().filter(|standing| standing.since.is_none()) {
            standing.since = self.since_by_history(standing);
        }
    }

    /// Since when a filing has said of roles what it says, or the peer is bound: whichever came last. Nothing where history
    /// does not reach back so far.
    fn since_by_history(&self, standing: &Standing) -> Option<Timestamp> {
        let history = self.history_of(standing.number()?);
        let came = |change: &&Change| match &change.kind {
            ChangeKind::Listed | ChangeKind::Reinstated(_) => true,
            ChangeKind::Amended(_) => changes_roles(change),
            ChangeKind::Removed => false,
        };
        let last = history.iter().filter(came).map(|change| change.observed_at).max()?;
        Some(last.max(standing.peer.at))
    }
}

/// So many peers that are bound now behind this ID, and the ID of the last where more follow.
fn page_of_peers<'a>(
    records: &'a Records,
    behind: &str,
    page: usize,
    now: Timestamp,
) -> (Vec<&'a Arc<crate::domain::Record>>, String) {
    let peers = records.all(RecordKind::Peer).filter(|peer| peer.in_force(now));
    let mut peers: Vec<_> =
        peers.filter(|peer| behind.is_empty() || peer.id().as_str() > behind).take(page + 1).collect();
    let mut next = String::new();
    if peers.len() > page {
        peers.truncate(page);
        next = peers.last().map(|peer| peer.id()).unwrap_or_default();
    }
    (peers, next)
}
