//! What would have been told: history is walked through, comparison by comparison, as if a channel had been there.
//!
//! Looked at is each moment at which a listing was applied or records were changed, and one a day in between, for what changes
//! with time alone. What was wrong with rmdd itself is in no history.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::channels::{Channel, Incident, pagerduty};
use super::digest::{self, Said};
use super::evaluate::{listings, me};
use super::watch::{self, Before, Now};
use super::{Alerts, standing};
use crate::decide::impact::Basis;
use crate::decide::own::own_filings;
use crate::decide::standing::standings;
use crate::domain::{ChangeSerial, ErrorReason, Rejection};
use crate::observe::clock;
use crate::service::{AsOf, SnapshotsRequest};
use crate::store::{EventRecord, Store, StoreError};

/// So many moments are looked at.
const MOMENTS: usize = 5_000;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// A message that would have been sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// When.
    pub at: Timestamp,
    /// What it is about, in one line.
    pub subject: String,
    /// Its text, line by line.
    pub lines: Vec<String>,
    /// Of how many events it tells.
    pub events: usize,
}

/// What was told so far.
#[derive(Default)]
struct Walk {
    reported: Option<BTreeMap<String, Value>>,
    cursor: ChangeSerial,
    sequence: u64,
    /// The incidents that would be open, by subject.
    open: BTreeMap<String, String>,
}

impl Alerts {
    /// What a channel would have been sent since a moment.
    ///
    /// # Errors
    ///
    /// If there is no such channel, or history cannot be read. Before the oldest listing on record nothing would have been told.
    pub async fn preview(self: &Arc<Self>, name: &str, since: Timestamp) -> Result<Vec<Preview>, Rejection> {
        let channel = self.channel(name)?;
        if !channel.takes_events() {
            return Err(ErrorReason::RecordUnknown.reject(format!("channel {name} has no events: it is a heartbeat")));
        }
        let mut walk = Walk::default();
        let mut messages = Vec::new();
        for at in self.moments(since).await? {
            let then = self.services.as_of(at).await?;
            let events = self.compare_then(&mut walk, then, at).await?;
            let passing: Vec<EventRecord> = events.into_iter().filter(|event| passes(&channel, event)).collect();
            messages.extend(written(&channel, &passing, &mut walk.open, at));
        }
        Ok(messages)
    }

    /// The moments that are looked at, oldest first: the first is the baseline.
    async fn moments(&self, since: Timestamp) -> Result<Vec<Timestamp>, Rejection> {
        let now = clock::now();
        let oldest = self.in_store(Store::oldest_snapshot).await;
        let oldest =
            oldest.map_err(|error| ErrorReason::StoreFailed.reject(format!("the history cannot be read: {error}")))?;
        // Nothing was told of what nobody knew.
        let since = oldest.map_or(since, |oldest| oldest.applied_at.max(since));
        let mut moments = vec![since];
        let mut request = SnapshotsRequest { since: Some(since), ..SnapshotsRequest::default() };
        loop {
            let page = self.services.snapshots(&request).await?;
            moments.extend(
                page.snapshots.iter().map(|snapshot| snapshot.applied_at).filter(|at| *at > since && *at <= now),
            );
            if page.next_page_token.is_empty() || moments.len() > MOMENTS {
                break;
            }
            request.page_token = page.next_page_token;
        }
        moments.extend(self.changes_of_records(since, now).await?);
        let mut daily = since;
        while let Ok(next) = daily.checked_add(DAY)
            && next < now
            && moments.len() <= MOMENTS
        {
            moments.push(next);
            daily = next;
        }
        moments.push(now);
        moments.sort_unstable();
        moments.dedup();
        Ok(moments)
    }

    /// When operators changed their records: what they bound is compared from then on.
    async fn changes_of_records(&self, since: Timestamp, now: Timestamp) -> Result<Vec<Timestamp>, Rejection> {
        let events = self.in_store(|store| store.record_events_between(0, u64::MAX, MOMENTS)).await;
        let events =
            events.map_err(|error| ErrorReason::StoreFailed.reject(format!("the history cannot be read: {error}")))?;
        Ok(events.iter().map(|event| event.at).filter(|at| *at > since && *at <= now).collect())
    }

    async fn compare_then(&self, walk: &mut Walk, then: AsOf, at: Timestamp) -> Result<Vec<EventRecord>, Rejection> {
        let AsOf { index, records } = then;
        let (store, cursor) = (Arc::clone(&self.services.store), walk.cursor);
        let (policy, me) = (self.services.policy.load_full(), me(&self.services));
        let is_first = walk.reported.is_none();
        let (of_index, of_records) = (Arc::clone(&index), Arc::clone(&records));
        let made = tokio::task::spawn_blocking(move || {
            let standings = standings(Basis { index: &of_index, records: &of_records, policy: &policy }, at);
            let own = own_filings(&of_index, &me, at);
            let mut now = Now { at, ..Now::default() };
            now.peers = standing::peers(&standings);
            now.deadlines = standing::deadlines(&standings, &own, at);
            now.peers.extend(standing::own(&own));
            if !is_first {
                now.listings = listings(&store, cursor, &of_index, &of_records)?;
            }
            Ok::<_, StoreError>(now)
        });
        let now = made.await.unwrap_or(Err(StoreError::Interrupted));
        let now =
            now.map_err(|error| ErrorReason::StoreFailed.reject(format!("the history cannot be read: {error}")))?;
        let before = Before { reported: walk.reported.as_ref(), ..Before::default() };
        let compared = watch::compare(&before, &now);
        let reported = walk.reported.get_or_insert_default();
        for (subject, state) in compared.reported {
            match state {
                Some(state) => _ = reported.insert(subject, state),
                None => _ = reported.remove(&subject),
            }
        }
        walk.cursor = index.last_change();
        if is_first {
            return Ok(Vec::new());
        }
        let mut events = Vec::new();
        for draft in &compared.drafts {
            walk.sequence += 1;
            events.extend(draft.freeze(walk.sequence, 0, at));
        }
        Ok(events)
    }
}

fn passes(channel: &Channel, event: &EventRecord) -> bool {
    let said = Said::read(event);
    said.kind.is_some_and(|kind| channel.has_messages_for(kind) && channel.filter.passes(kind, said.severity))
}

fn one(events: &[EventRecord], at: Timestamp) -> Preview {
    let digest = digest::of(events);
    Preview { at, subject: digest.subject, lines: digest.lines, events: events.len() }
}

/// The messages to who keeps incidents. `open` has those that are open, by subject.
fn of_incidents(mut events: Vec<EventRecord>, open: &mut BTreeMap<String, String>, at: Timestamp) -> Vec<Preview> {
    let mut messages = Vec::new();
    while let Some((these, incident)) = pagerduty::next(&events, open) {
        events.retain(|event| !these.contains(event));
        for event in &these {
            match &incident {
                Incident::Trigger(key) => _ = open.insert(event.subject.clone(), key.clone()),
                Incident::Resolve(_) | Incident::Remains(_) => _ = open.remove(&event.subject),
                Incident::News => {}
            }
        }
        if matches!(incident, Incident::Trigger(_) | Incident::Resolve(_)) {
            messages.push(one(&these, at));
        }
    }
    messages
}

fn written(
    channel: &Channel,
    events: &[EventRecord],
    open: &mut BTreeMap<String, String>,
    at: Timestamp,
) -> Vec<Preview> {
    match events {
        [] => Vec::new(),
        events if channel.keeps_incidents() => of_incidents(events.to_vec(), open, at),
        events if channel.people => vec![one(events, at)],
        events => events
            .iter()
            .map(|event| Preview {
                at,
                subject: format!("{} {}", event.kind, event.subject),
                lines: vec![Said::read(event).line()],
                events: 1,
            })
            .collect(),
    }
}
