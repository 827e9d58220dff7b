//! (what was last reported, what holds now) -> events, and what is reported then. Pure.
//!
//! What holds is compared, not what happens: a change that came while nobody looked, or by time alone, is found all the
//! same, and one that was written is not found again.

mod alarms;
mod deadlines;
mod peers;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{Draft, EventKind, object};
use crate::domain::wording::{count, count_of, grouped};
use crate::domain::{ChangeCounts, ChangeSerial, Frn};
use crate::service::{Alarm, Severity};
use crate::store::Told;

pub use alarms::AlarmState;
pub use deadlines::{DeadlineNow, DeadlineState};
pub use peers::{PeerCounts, PeerNow, PeerState, Stands};

/// What is reported of one subject, as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Reported {
    Alarm(AlarmState),
    /// One of the operator's own peers, or an own filing.
    Peer(PeerState),
    /// A moment that is still to come.
    Deadline(DeadlineState),
}

impl Reported {
    /// What was stored; nothing if a later version wrote what this one does not know.
    pub fn read(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    fn write(&self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// A listing that was applied.
#[derive(Debug, Clone)]
pub struct ListingNow {
    /// Its serial.
    pub snapshot: u64,
    /// When it was fetched.
    pub fetched_at: Timestamp,
    /// How many changes of each kind came with it.
    pub counts: ChangeCounts,
    /// The filings that are gone: number, FRN, name.
    pub removed: Vec<(String, String, String)>,
    /// The operator's own peers among what changed, by name.
    pub own: Vec<String>,
    /// How many filings it has.
    pub filings: u64,
    /// How many changes before it were dropped before they could be told.
    pub missed: u64,
}

/// So many filings that go at once are a wave, or a hundredth of the listing.
const WAVE: u64 = 100;

/// What holds now.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// The time.
    pub at: Timestamp,
    /// What somebody should look at.
    pub alarms: Vec<Alarm>,
    /// Whether it is not known yet how the fleet is: after a start its alarms say nothing, and so none is over.
    pub fleet_unknown: bool,
    /// The operator's own peers and filings.
    pub peers: Vec<PeerNow>,
    /// What will change by itself.
    pub deadlines: Vec<DeadlineNow>,
    /// The listings that were applied since.
    pub listings: Vec<ListingNow>,
    /// The newest change of the listing.
    pub cursor: ChangeSerial,
}

/// A channel that is told again of what is still raised.
#[derive(Debug, Clone)]
pub struct Repeats {
    /// Its name.
    pub channel: String,
    /// How often.
    pub every: jiff::SignedDuration,
}

/// What was reported.
#[derive(Debug, Clone, Default)]
pub struct Before<'a> {
    /// By subject. Nothing where nothing was ever reported: then a baseline is taken.
    pub reported: Option<&'a BTreeMap<String, Value>>,
    /// What channels were told of.
    pub told: Option<&'a BTreeMap<(String, String), Told>>,
    /// Channels that are told again.
    pub repeats: &'a [Repeats],
}

/// What came of a comparison.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The events, in the order in which they are told.
    pub drafts: Vec<Draft>,
    /// What is reported of subjects that changed; nothing of those that are gone.
    pub reported: Vec<(String, Option<Value>)>,
}

/// Something that is raised, for who keeps states.
#[derive(Debug, Clone)]
pub struct Raised {
    /// What it is about.
    pub subject: String,
    /// What told of it.
    pub kind: EventKind,
    /// How bad it is.
    pub severity: Severity,
    /// Since when.
    pub since: Timestamp,
    /// In words.
    pub summary: String,
    /// The provider.
    pub frn: Option<String>,
}

/// Whether what was reported of a subject is raised.
pub fn raised(subject: &str, state: &Value) -> Option<Raised> {
    match Reported::read(state)? {
        Reported::Alarm(alarm) => alarm.as_raised(subject),
        Reported::Peer(peer) => peer.as_raised(subject),
        Reported::Deadline(deadline) => deadline.as_raised(subject),
    }
}

/// Compares.
pub fn compare(before: &Before<'_>, now: &Now) -> Compared {
    let nothing = BTreeMap::new();
    let known = before.reported.unwrap_or(&nothing);
    let known: BTreeMap<&str, Reported> =
        known.iter().filter_map(|(subject, state)| Some((subject.as_str(), Reported::read(state)?))).collect();
    let mut compared = Compared::default();
    peers::compare(&known, now, &mut compared);
    deadlines::compare(&known, now, &mut compared);
    compared.drafts.extend(now.listings.iter().map(listing));
    alarms::compare(&known, before, now, &mut compared);
    if before.reported.is_none() {
        compared.drafts = vec![baseline(now)];
    }
    compared
}

impl Compared {
    fn keep(&mut self, subject: &str, state: &Reported) {
        self.reported.push((subject.to_owned(), state.write()));
    }

    fn forget(&mut self, subject: &str) {
        self.reported.push((subject.to_owned(), None));
    }
}

fn listing(listing: &ListingNow) -> Draft {
    let ChangeCounts { listed, amended, removed, reinstated } = listing.counts;
    let wave = removed >= WAVE || (removed > 1 && removed * 100 >= listing.filings.max(1));
    let own = listing.own.len();
    let mut cause = format!(
        "snapshot {} was applied: {} removed, {} new, {} amended, {} back again; {} of your own peers among them",
        listing.snapshot,
        count_of(removed, "filing"),
        count(listed),
        count(amended),
        count(reinstated),
        grouped(own)
    );
    if listing.missed > 0 {
        cause.push_str(&format!(
            ". Of the changes before it {} were dropped by history.keep before they could be told: this store was without its \
             alerts for long",
            count(listing.missed)
        ));
    }
    let gone: Vec<Value> = listing
        .removed
        .iter()
        .map(|(number, frn, name)| json!({ "number": number, "frn": frn, "name": crate::domain::visible::one_line(name) }))
        .collect();
    Draft {
        kind: EventKind::ListingApplied,
        subject: format!("listing/{}", listing.snapshot),
        frn: None,
        severity: if own > 0 { Severity::Warning } else { Severity::Note },
        raises: false,
        clears: false,
        only: None,
        data: object(json!({
            "cause": cause,
            "snapshot": listing.snapshot,
            "fetched_at": listing.fetched_at.to_string(),
            "filings": listing.filings,
            "listed_count": listed,
            "amended_count": amended,
            "removed_count": removed,
            "reinstated_count": reinstated,
            "wave": wave,
            "own_peers_count": own,
            "own_peers": listing.own,
            "missed": listing.missed,
            "removed": gone,
        })),
    }
}

/// What is told of a store of which nothing was told before.
fn baseline(now: &Now) -> Draft {
    let counts = PeerCounts::of(&now.peers);
    let codes: Vec<&str> = now.alarms.iter().map(|alarm| alarm.code.as_str()).collect();
    let alarms = if codes.is_empty() { "no alarms".to_owned() } else { format!("alarms: {}", codes.join(", ")) };
    let own: Vec<String> = now
        .peers
        .iter()
        .filter(|peer| matches!(peer.stands, Stands::MeRemoved | Stands::MeDue))
        .map(|peer| format!("{}: {}", peer.subject.trim_start_matches("me/"), peer.cause))
        .collect();
    let wrong = counts.refused + counts.unmatched > 0
        || !own.is_empty()
        || now.alarms.iter().any(|alarm| alarm.severity > Severity::Note);
    let mut cause = format!(
        "alerts begin here, and tell of what changes from now on. Now: {} upstreams, {} refused, {} unmatched, {} to be looked \
         at; {alarms}",
        counts.total, counts.refused, counts.unmatched, counts.attention
    );
    if !own.is_empty() {
        cause.push_str(&format!("; your own filing {}", own.join("; ")));
    }
    let worst = |stands: Stands| now.peers.iter().filter(move |peer| peer.stands == stands).map(|peer| &peer.name);
    let refused: Vec<&String> = worst(Stands::Refused).chain(worst(Stands::Unmatched)).collect();
    Draft {
        kind: EventKind::BaselineTaken,
        subject: "baseline".to_owned(),
        frn: None,
        severity: if wrong { Severity::Warning } else { Severity::Note },
        raises: false,
        clears: false,
        only: None,
        data: object(json!({ "cause": cause, "peers": counts, "refused": refused, "own": own, "alarms": codes })),
    }
}

/// What is told to a channel that is new: what is so now, as to all when alerts began.
pub fn baseline_of(channel: &str, now: &Now) -> Draft {
    let mut draft = baseline(now);
    if let Some(Value::String(cause)) = draft.data.get_mut("cause") {
        *cause = cause.replacen("alerts begin here", &format!("alerts begin here for channel {channel}"), 1);
    }
    Draft { only: Some(channel.to_owned()), ..draft }
}

/// The provider of an event, as a cell.
fn frn_text(frn: Option<Frn>) -> Option<String> {
    frn.map(|frn| frn.to_string())
}

#[cfg(test)]
mod tests;
