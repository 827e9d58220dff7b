//! How the daemon is.

pub mod alarms;

use std::path::PathBuf;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::{FleetReport, OwnReport, PeersSummary, Services, SnapshotRef, SyncAccess, Week};
use crate::domain::{ChangeSerial, Sha256Digest, SourceState};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::store::SyncState;
use crate::sync::SyncProgress;
use crate::sync::retry::earlier;
use alarms::{Alarm, State, state};

/// How the daemon is, all of it at one time.
#[derive(Debug)]
pub struct StatusReport {
    /// The time.
    pub now: Timestamp,
    /// How bad it is.
    pub state: State,
    /// What somebody should look at, worst first.
    pub alarms: Vec<Alarm>,
    /// The listing that is served, if one was ever loaded.
    pub snapshot: Option<SnapshotRef>,
    /// How many filings it has.
    pub filings: u64,
    /// How many removed filings are not listed again.
    pub removals: u64,
    /// How many removals were ever observed.
    pub removals_ever: u64,
    /// The newest change.
    pub last_change: ChangeSerial,
    /// The newest day that the listing itself names, as published.
    pub content_as_of: Option<String>,
    /// How syncing went.
    pub sync: Arc<SyncState>,
    /// The cycle that runs, if one does.
    pub progress: Option<SyncProgress>,
    /// When the next cycle comes.
    pub next_sync_at: Option<Timestamp>,
    /// The schedule, in words, where a daemon runs.
    pub schedule: Option<String>,
    /// The sources in their order.
    pub sources: Vec<SourceReport>,
    /// Since when the daemon runs.
    pub started_at: Option<Timestamp>,
    /// Where it answers over HTTP, if it does on an address and port.
    pub http_url: Option<String>,
    /// The state directory.
    pub state_dir: PathBuf,
    /// How large the store is.
    pub store_bytes: u64,
    /// How the operator's peers stand, if there is a listing.
    pub peers: Option<PeersSummary>,
    /// How the operator's own filings stand.
    pub own: Vec<OwnReport>,
    /// The last [`WEEKS`] weeks of the listing, oldest first; none before the first listing.
    pub weeks: Vec<Week>,
    /// The fleet, where a daemon is in one.
    pub fleet: Option<FleetReport>,
}

/// So many weeks are in a status: half a year.
pub const WEEKS: usize = 26;

/// How a source of listings is.
#[derive(Debug)]
pub struct SourceReport {
    /// Which, without its secrets.
    pub source: String,
    /// What is known of it; nothing if it was never asked.
    pub state: Option<SourceState>,
    /// Whether it is asked only for a listing that has changed.
    pub conditional: bool,
    /// It is left alone until then, since it asked for that.
    pub left_alone_until: Option<Timestamp>,
    /// What it says of changes is not believed until then.
    pub distrusted_until: Option<Timestamp>,
}

impl Services {
    /// What is wrong now, worst first.
    pub fn alarms(&self, index: Option<&Index>, sync: &SyncState, now: Timestamp) -> Vec<Alarm> {
        // A fleet's log says when its records were changed, and no sync dates that anew: whose clock is wrong is an alarm there.
        let records = if self.fleet.is_some() { None } else { self.store.events_ahead(now) };
        let mut alarms = alarms::alarms(index, sync, records, &self.freshness.load(), now);
        if self.fleet.is_some() {
            alarms::told_of_fleet(&mut alarms);
        }
        if let Some(damage) = self.store.damage() {
            alarms.insert(0, alarms::store_damaged(damage));
        }
        alarms.extend(self.store.misplaced().map(alarms::store_misplaced));
        let no_socket = self.running.as_ref().and_then(|running| running.no_socket.as_deref());
        alarms.extend(self.store.read_only().as_deref().map(|why| alarms::store_read_only(why, no_socket)));
        alarms.extend(self.store.records_notice().as_ref().map(alarms::records_notice).into_iter().flatten());
        alarms.extend(self.store.journal_fault().as_deref().map(alarms::journal_failing));
        if let SyncAccess::Handle(handle) = &self.sync {
            alarms.extend(handle.archive_fault().as_deref().map(alarms::archive_failing));
            alarms.extend(handle.removals_fault().as_deref().map(alarms::removals_failing));
        }
        if let Some(observer) = &self.observer {
            alarms.extend(alarms::decision_log(&observer.log.counts(), now));
        }
        if self.running.is_some()
            && let Ok(disk) = nix::sys::statvfs::statvfs(&self.state_dir)
        {
            let free = disk.blocks_available().saturating_mul(disk.fragment_size());
            alarms.extend(alarms::disk_low(free, &self.disk.load()));
        }
        alarms.extend(alarms::alerts_failing(&self.alert_faults.load()));
        if let Some(refused) = self.running.as_ref().and_then(|running| running.refused_reload.borrow().clone()) {
            alarms.push(alarms::reload_refused(&refused));
        }
        if let Some(running) = &self.running {
            let certificates = running.tls.iter().map(|tls| tls.state());
            let of_fleet = running.fleet_certificate.iter().map(|files| files.state());
            alarms.extend(certificates.chain(of_fleet).flat_map(|state| alarms::certificate(&state, now)));
        }
        if let Some(fleet) = &self.fleet {
            alarms.extend(alarms::fleet(&fleet.report(now), now));
        }
        alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.severity));
        alarms
    }

    /// How the daemon is.
    pub async fn status(&self) -> StatusReport {
        let services = self.clone();
        let (peers, own, weeks) = tokio::task::spawn_blocking(move || {
            let now = clock::now();
            // Without a listing there are none; a store that cannot be read is an alarm besides.
            let weeks = services.weeks_until(WEEKS, now).unwrap_or_default();
            (services.peers_summary(now), services.own_filings(now), weeks)
        })
        .await
        .unwrap_or_default();
        StatusReport { peers, own, weeks, ..self.state_of_daemon() }
    }

    /// The same without the operator's peers. Looks at memory, and at how much room the disk has.
    pub fn state_of_daemon(&self) -> StatusReport {
        let now = clock::now();
        let index = self.index.load_full();
        let (sync, progress) = match &self.sync {
            SyncAccess::Handle(handle) => (handle.state(), handle.progress()),
            SyncAccess::Record { state, .. } => (Arc::clone(state), None),
        };
        let retry = self.running.as_ref().and_then(|running| *running.retry.borrow());
        let schedule = self.running.as_ref().map(|running| running.schedule.borrow().clone());
        let alarms = self.alarms(index.as_deref(), &sync, now);
        StatusReport {
            now,
            state: state(&alarms),
            alarms,
            snapshot: index.as_deref().map(|index| SnapshotRef::of(index, now)),
            filings: index.as_ref().map_or(0, |index| index.snapshot().filings.len() as u64),
            removals: index.as_ref().map_or(0, |index| index.removals().open_count() as u64),
            removals_ever: index.as_ref().map_or(0, |index| index.removals().count() as u64),
            last_change: index.as_ref().map_or(ChangeSerial::default(), |index| index.last_change()),
            content_as_of: index.as_ref().and_then(|index| index.content_as_of()).map(str::to_owned),
            sources: self.sources(index.as_ref().map(|index| index.snapshot().sha256), &sync, now),
            sync,
            progress,
            next_sync_at: earlier(schedule.as_ref().and_then(|schedule| schedule.next_after(now)), retry),
            schedule: schedule.map(|schedule| schedule.to_string()),
            started_at: self.running.as_ref().map(|running| running.started_at),
            http_url: self.running.as_ref().and_then(|running| running.http_url.clone()),
            state_dir: self.state_dir.clone(),
            store_bytes: self.store.size(),
            peers: None,
            own: Vec::new(),
            weeks: Vec::new(),
            fleet: self.fleet.as_ref().map(|fleet| fleet.report(now)),
        }
    }

    /// The sources that are configured, in their order, then those that the last sync asked instead. They are asked by the digest of the current listing where they may be.
    fn sources(&self, current: Option<Sha256Digest>, sync: &SyncState, now: Timestamp) -> Vec<SourceReport> {
        let settings = self.sync.settings();
        let conditional = settings.fetch.conditional.then_some(current).flatten();
        let longest = SignedDuration::try_from(settings.fetch.max_retry_after).unwrap_or(SignedDuration::MAX);
        let report = |source: String| {
            let state = sync.sources.iter().find(|state| state.source == source).cloned();
            let of = |tell: &dyn Fn(&SourceState) -> Option<Timestamp>| state.as_ref().and_then(tell);
            SourceReport {
                conditional: conditional.is_some()
                    && state.as_ref().is_some_and(|state| state.validators_for(conditional, now).is_some()),
                left_alone_until: of(&|state| state.left_alone_until(longest, now)),
                distrusted_until: of(&|state| state.validators_distrusted_until.filter(|_| state.distrusted(now))),
                source,
                state,
            }
        };
        let configured: Vec<String> = settings.sources().map(|source| source.to_string()).collect();
        // The last sync may have been told of others: `rmdd sync --source FILE`.
        let others =
            sync.sources.iter().map(|state| state.source.clone()).filter(|source| !configured.contains(source));
        let others: Vec<String> = others.collect();
        configured.into_iter().chain(others).map(report).collect()
    }
}
