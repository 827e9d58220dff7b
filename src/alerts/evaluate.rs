//! Comparing what holds with what was reported, and writing what came of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::channels::Channel;
use super::event::{Draft, alarm_subject, is_of_one_listing, is_remark_on_a_listing};
use super::standing;
use super::watch::{self, Before, ListingNow, Now, Repeats};
use super::{Alerts, InForce};
use crate::decide::impact::Basis;
use crate::decide::own::{MeConfig, own_filings};
use crate::decide::standing::standings;
use crate::domain::{AlarmCode, Change, ChangeCounts, ChangeKind, ChangeSerial, Frn, RecordKind, RmdNumber, age};
use crate::listing::index::Index;
use crate::observe::clock;
use crate::records::Records;
use crate::service::{ChannelFault, Services, SyncAccess};
use crate::store::{AlertsKept, AlertsStep, EventRecord, NewEvent, Store, StoreError};

/// So many removed filings of one listing are named.
const NAMED: usize = 20_000;

/// So long a baseline waits for a listing, and for the sync of the start: without them it would say that nothing is known, or
/// what is over in a moment.
const LISTING_AWAITED: Duration = Duration::from_secs(120);

/// So many changes are read at a time.
const PAGE: usize = 5_000;

impl Alerts {
    /// Compares whenever something changes, and now and then, until the shutdown.
    pub async fn watch(self: Arc<Self>, shutdown: CancellationToken) {
        let SyncAccess::Handle(sync) = &self.services.sync else { return shutdown.cancelled().await };
        let (mut published, mut completed) = (sync.published(), sync.completed());
        let mut records = self.services.records.changes();
        let mut reloads = self.reloads.subscribe();
        let mut failed = false;
        loop {
            let comparing = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || comparing.compare()).await {
                Ok(Ok(())) => failed = false,
                Ok(Err(error)) if !failed => {
                    failed = true;
                    tracing::error!(%error, "alerts cannot be told for now: {error}; it is tried again every minute");
                }
                Ok(Err(_)) => {}
                Err(_) => tracing::error!("a look at what is to be told came to an unexpected end"),
            }
            let every = self.in_force().config.check_every;
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(every) => {}
                Ok(()) = published.changed() => {}
                Ok(()) = completed.changed() => {}
                Ok(()) = records.changed() => {}
                Ok(()) = reloads.changed() => {}
            }
        }
    }

    /// Compares once, and writes what came of it.
    pub(super) fn compare(&self) -> Result<(), StoreError> {
        let (services, in_force) = (&self.services, self.in_force());
        let at = clock::now();
        let kept = services.store.alerts_kept()?;
        self.note_failing(&kept, &in_force, at);
        let settled =
            self.began.elapsed() >= LISTING_AWAITED || (services.index.load().is_some() && !self.is_syncing());
        if kept.installation.is_none() && !settled {
            *self.compared() = Some(at);
            return Ok(());
        }
        let now = now(services, &kept, at)?;
        let repeats = repeats(&in_force.channels);
        let before =
            Before { reported: kept.installation.map(|_| &kept.reported), told: Some(&kept.told), repeats: &repeats };
        let mut compared = watch::compare(&before, &now);
        let (joined, left) = if settled { came_and_went(&kept, &in_force.channels) } else { Default::default() };
        if kept.installation.is_some() {
            compared.drafts.extend(joined.iter().map(|channel| watch::baseline_of(channel, &now)));
        }
        let nothing_new = compared.drafts.is_empty()
            && compared.reported.is_empty()
            && kept.cursor == now.cursor
            && joined.is_empty()
            && left.is_empty();
        if !nothing_new || kept.installation.is_none() {
            let installation = kept.installation.unwrap_or_else(rand::random);
            let failing = self.failing(&kept, &in_force, at);
            let concerns_peers = now.listings.iter().any(|listing| !listing.own.is_empty());
            let to = |draft: &Draft| to(draft, &in_force.channels, &failing, concerns_peers);
            let step = AlertsStep {
                installation: kept.installation.is_none().then_some(installation),
                after: kept.sequence,
                cursor: now.cursor,
                reported: compared.reported,
                events: numbered(&compared.drafts, to, kept.sequence, |draft, sequence| {
                    draft.freeze(sequence, installation, at).ok()
                }),
                joined,
                left,
            };
            services.store.commit_alerts(&step)?;
            if !step.events.is_empty() {
                self.wake();
            }
        }
        *self.compared() = Some(at);
        Ok(())
    }

    /// Whether the sync that was due at the start is not over yet.
    fn is_syncing(&self) -> bool {
        let SyncAccess::Handle(sync) = &self.services.sync else { return false };
        self.awaits_sync && *sync.completed().borrow() == 0
    }

    /// The channels that have failed for long, with why, or whose other end wants nothing more.
    fn failing(&self, kept: &AlertsKept, in_force: &InForce, now: Timestamp) -> BTreeMap<String, ChannelFault> {
        let limit = SignedDuration::try_from(in_force.config.failing_after).unwrap_or(SignedDuration::MAX);
        let mut failing = BTreeMap::new();
        for channel in &in_force.channels {
            let Some(record) = kept.channels.get(&channel.name) else { continue };
            if let Some(since) = record.failing_since.filter(|since| age(*since, now).exceeds(limit)) {
                failing.insert(channel.name.clone(), ChannelFault::Failing { since, error: record.error.clone() });
            }
        }
        for (channel, error) in self.stopped().iter() {
            failing.insert(channel.clone(), ChannelFault::Stopped { error: error.clone() });
        }
        failing
    }

    fn note_failing(&self, kept: &AlertsKept, in_force: &InForce, now: Timestamp) {
        self.services.alert_faults.store(Arc::new(self.failing(kept, in_force, now)));
    }
}

/// How often each channel is told again of what goes on, where it is.
fn repeats(channels: &[Arc<Channel>]) -> Vec<Repeats> {
    let repeats = |channel: &Arc<Channel>| {
        let every = SignedDuration::try_from(channel.repeat?).ok()?;
        Some(Repeats { channel: channel.name.clone(), every })
    };
    channels.iter().filter(|channel| !channel.forgets()).filter_map(repeats).collect()
}

/// What somebody is to have of the drafts, frozen and numbered on from the newest event.
fn numbered(
    drafts: &[Draft],
    to: impl Fn(&Draft) -> Vec<String>,
    newest: u64,
    freeze: impl Fn(&Draft, u64) -> Option<EventRecord>,
) -> Vec<NewEvent> {
    let mut events = Vec::with_capacity(drafts.len());
    let mut sequence = newest + 1;
    for draft in drafts {
        let to = to(draft);
        // Only what somebody has is numbered: a gap reads as a loss.
        if !wanted(draft, &to) {
            continue;
        }
        let Some(event) = freeze(draft, sequence) else { continue };
        sequence += 1;
        events.push(NewEvent { event, to, raises: draft.raises, clears: draft.clears });
    }
    events
}

/// The channels that are new, or back again, and those that are gone from the configuration.
fn came_and_went(kept: &AlertsKept, channels: &[Arc<Channel>]) -> (Vec<String>, Vec<String>) {
    let here: Vec<&str> =
        channels.iter().filter(|channel| channel.takes_events()).map(|channel| channel.name.as_str()).collect();
    let is_known = |name: &str| kept.channels.get(name).is_some_and(|record| record.joined);
    let joined = here.iter().filter(|name| !is_known(name)).map(|name| (*name).to_owned()).collect();
    let left = kept.channels.iter().filter(|(name, record)| record.joined && !here.contains(&name.as_str()));
    (joined, left.map(|(name, _)| name.clone()).collect())
}

/// Whether an event goes to whom it is for; one for all is a line of the journal in any case.
fn wanted(draft: &Draft, to: &[String]) -> bool {
    match &draft.only {
        Some(only) => to.contains(only),
        None => !to.is_empty(),
    }
}

/// The channels that are to have an event: the journal in any case. That a channel fails is told on the others. What is odd
/// about a listing people are told with what it does to their peers; where it does nothing to them, the others have it.
fn to(
    draft: &Draft,
    channels: &[Arc<Channel>],
    failing: &BTreeMap<String, ChannelFault>,
    concerns_peers: bool,
) -> Vec<String> {
    let about_channels = draft.subject == alarm_subject(AlarmCode::AlertsFailing.as_str());
    let has = |channel: &&Arc<Channel>| {
        channel.takes_events()
            && draft.only.as_ref().is_none_or(|only| *only == channel.name || channel.is_journal())
            && channel.has_messages_for(draft.kind)
            && channel.filter.passes(draft.kind, draft.severity)
            && !(draft.clears && channel.is_read() && is_of_one_listing(&draft.subject))
            && !(draft.is_of_record_that_ended() && channel.is_read())
            && !(draft.raises && channel.people && !concerns_peers && is_remark_on_a_listing(&draft.subject))
            && !(about_channels && draft.raises && failing.contains_key(&channel.name))
    };
    channels.iter().filter(has).map(|channel| channel.name.clone()).collect()
}

/// Who the operator is.
pub(super) fn me(services: &Services) -> Arc<MeConfig> {
    services.me.load_full()
}

/// What holds now.
fn now(services: &Services, kept: &AlertsKept, at: Timestamp) -> Result<Now, StoreError> {
    let index = services.index.load_full();
    let records = services.records.load_full();
    let sync = services.sync.state();
    let alarms = services.alarms(index.as_deref(), &sync, at);
    let fleet_unknown = services.fleet.as_ref().is_some_and(|fleet| !fleet.report(at).is_known());
    let mut now = Now { at, alarms, fleet_unknown, ..Now::default() };
    now.cursor = index.as_ref().map_or(kept.cursor, |index| index.last_change());
    if let Some(index) = &index {
        let policy = services.policy.load_full();
        let standings = standings(Basis { index, records: &records, policy: &policy }, at);
        now.peers = standing::peers(&standings);
        let own = own_filings(index, &me(services), at);
        now.deadlines = standing::deadlines(&standings, &own, at);
        now.peers.extend(standing::own(&own));
    }
    if kept.installation.is_some()
        && let Some(index) = &index
    {
        now.listings = listings(&services.store, kept.cursor, index, &records)?;
    }
    Ok(now)
}

/// The listings that were applied since a change, each with what it did.
pub(super) fn listings(
    store: &Store,
    cursor: ChangeSerial,
    index: &Index,
    records: &Records,
) -> Result<Vec<ListingNow>, StoreError> {
    let last = index.last_change();
    // A store that was put back from a backup may be behind what was told.
    if cursor >= last {
        return Ok(Vec::new());
    }
    let kept = store.changes_kept()?;
    let mut missed = kept.behind.0.saturating_sub(cursor.0).min(last.0);
    let own = Own::of(records);
    let mut listings: Vec<ListingNow> = Vec::new();
    let mut after = cursor.max(kept.behind);
    loop {
        let changes = store.changes_after(after, PAGE)?;
        let Some(newest) = changes.last() else { break };
        after = newest.serial;
        for change in changes.iter().take_while(|change| change.serial <= last) {
            if listings.last().is_none_or(|listing| listing.snapshot != change.snapshot.0) {
                listings.push(ListingNow {
                    snapshot: change.snapshot.0,
                    fetched_at: change.observed_at,
                    counts: ChangeCounts::default(),
                    removed: Vec::new(),
                    own: Vec::new(),
                    filings: index.snapshot().filings.len() as u64,
                    missed: std::mem::take(&mut missed),
                });
            }
            if let Some(listing) = listings.last_mut() {
                add(listing, change, index, &own);
            }
        }
        if after >= last {
            break;
        }
    }
    Ok(listings)
}

fn add(listing: &mut ListingNow, change: &Change, index: &Index, own: &Own) {
    listing.counts.count(&change.kind);
    if matches!(change.kind, ChangeKind::Removed) && listing.removed.len() < NAMED {
        let name = index.removals().of(change.number).find(|removal| removal.snapshot == change.snapshot);
        let name = name.map(|removal| removal.filing.business_name().to_owned()).unwrap_or_default();
        let frn = change.frn.map(|frn| frn.to_string()).unwrap_or_default();
        listing.removed.push((change.number.to_string(), frn, name));
    }
    for name in own.names(change) {
        if !listing.own.contains(name) {
            listing.own.push(name.clone());
        }
    }
}

/// The operator's own peers by what they are bound to.
#[derive(Default)]
struct Own {
    by_frn: BTreeMap<Frn, Vec<String>>,
    by_number: BTreeMap<RmdNumber, Vec<String>>,
}

impl Own {
    fn of(records: &Records) -> Self {
        use crate::domain::Identity;

        let mut own = Self::default();
        for record in records.all(RecordKind::Peer) {
            let Some(peer) = record.peer() else { continue };
            let names = match record.provider {
                Identity::Frn(frn) => own.by_frn.entry(frn).or_default(),
                Identity::RmdNumber(number) => own.by_number.entry(number).or_default(),
            };
            names.push(peer.name.clone());
        }
        own
    }

    fn names(&self, change: &Change) -> impl Iterator<Item = &String> {
        let by_frn = change.frn.and_then(|frn| self.by_frn.get(&frn));
        by_frn.into_iter().chain(self.by_number.get(&change.number)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::channels::{Format, Kind, Webhook};
    use crate::alerts::config::Filter;
    use crate::alerts::event::EventKind;
    use crate::alerts::safe::{Reach, client};
    use crate::alerts::secrets::Secrets;
    use crate::service::Severity;

    fn channel(name: &str, format: Format) -> Arc<Channel> {
        let url = reqwest::Url::parse("http://127.0.0.1/").expect("a URL");
        let client = client(Reach::ThisMachine, Duration::from_secs(1), None).expect("a client");
        let (keys, secrets) = (Vec::new(), Secrets::default());
        let kind = Kind::Webhook(Webhook { url, client, format, keys, routing_key: None, secrets });
        Arc::new(Channel { name: name.to_owned(), kind, filter: Filter::all(), repeat: None, people: true })
    }

    #[test]
    fn people_are_not_told_that_what_one_listing_did_is_over() {
        let channels =
            [Arc::new(Channel::journal()), channel("chat", Format::Slack), channel("pager", Format::PagerDuty)];
        let of = |kind, code: AlarmCode| {
            let draft = Draft::of_alarm(kind, code.as_str(), Severity::Critical, serde_json::json!({}));
            to(&draft, &channels, &BTreeMap::new(), true)
        };
        assert_eq!(of(EventKind::AlarmRaised, AlarmCode::PeersGone), ["journal", "chat", "pager"]);
        assert_eq!(of(EventKind::AlarmCleared, AlarmCode::PeersGone), ["journal", "pager"]);
        assert_eq!(of(EventKind::AlarmCleared, AlarmCode::ListingCorroborated), ["journal", "pager"]);
        assert_eq!(of(EventKind::AlarmCleared, AlarmCode::SyncFailed), ["journal", "chat", "pager"]);
    }

    #[test]
    fn what_is_odd_about_a_listing_that_concerns_no_peer_is_no_message_to_people() {
        let mut machine = channel("machine", Format::CloudEvents).as_ref().clone();
        machine.people = false;
        let channels = [Arc::new(Channel::journal()), channel("chat", Format::Slack), Arc::new(machine)];
        let of = |code: AlarmCode, concerns_peers: bool| {
            let draft =
                Draft::of_alarm(EventKind::AlarmRaised, code.as_str(), Severity::Warning, serde_json::json!({}));
            to(&draft, &channels, &BTreeMap::new(), concerns_peers)
        };
        for code in [AlarmCode::ListingUnusual, AlarmCode::ListingCorroborated, AlarmCode::ListingLetThrough] {
            assert_eq!(of(code, false), ["journal", "machine"]);
            assert_eq!(of(code, true), ["journal", "chat", "machine"]);
        }
        for code in [AlarmCode::PeersGone, AlarmCode::ListingOld, AlarmCode::ListingHeld, AlarmCode::RowsUnreadable] {
            assert_eq!(of(code, false), ["journal", "chat", "machine"]);
        }
    }
}
