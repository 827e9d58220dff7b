//! The daemon's messages -> the JSON objects that commands print.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::api::grpc::{duration_from_wire, time_from_wire, v1};
use crate::api::json::{
    Alarm, Change, Changes, Check, FieldChange, Filing, FirstKnown, Fleet, Held, Impact, ListedSnapshot, NameMatch,
    Note, OwnFiling, PeerImpact, PeersAffected, PeersSummary, Provider, Removal, RemovalTimes, ServedSnapshot,
    Snapshot, Source, SourceFault, Status, Sync, Week, filled,
};

/// A time, if there is one.
pub fn time(at: Option<&prost_types::Timestamp>) -> Option<Timestamp> {
    at.and_then(time_from_wire)
}

fn owned(text: &str) -> Option<Cow<'static, str>> {
    filled(text).map(Cow::Owned)
}

/// A wire enumeration's word without its prefix.
pub fn word<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// A role's word.
pub fn role(role: v1::ProviderRole) -> String {
    word(role.as_str_name(), "PROVIDER_ROLE_").to_ascii_lowercase()
}

/// A state's word.
pub fn state(state: v1::State) -> String {
    word(state.as_str_name(), "STATE_").to_ascii_lowercase()
}

impl From<&v1::SnapshotRef> for Snapshot {
    fn from(snapshot: &v1::SnapshotRef) -> Self {
        Self {
            serial: snapshot.serial,
            sha256: hex::encode(&snapshot.sha256),
            listing_sha256: filled(&hex::encode(&snapshot.listing_sha256)),
            fetched_at: time(snapshot.fetched_at.as_ref()),
            confirmed_at: time(snapshot.confirmed_at.as_ref()),
            age_seconds: snapshot.age.as_ref().map_or(0, |age| duration_from_wire(age).as_secs()),
        }
    }
}

impl From<&v1::Filing> for Filing<'static> {
    fn from(filing: &v1::Filing) -> Self {
        Self {
            number: filing.number.clone(),
            frn: filled(&filing.frn),
            business_name: owned(&filing.business_name),
            implementation: word(filing.implementation().as_str_name(), "IMPLEMENTATION_").to_owned().into(),
            roles: filing.roles().map(|it| role(it).into()).collect(),
            last_updated: owned(&filing.last_updated),
            last_recertified: owned(&filing.last_recertified),
            carried_since: time(filing.carried_since.as_ref()),
            cells: (!filing.cells.is_empty())
                .then(|| filing.cells.clone().into_iter().map(|(name, cell)| (name.into(), cell.into())).collect()),
        }
    }
}

impl From<&v1::CheckProviderResponse> for Check<'static> {
    fn from(answer: &v1::CheckProviderResponse) -> Self {
        let matched_by = match answer.matched_by() {
            v1::MatchedBy::Unspecified => None,
            matched => Some(word(matched.as_str_name(), "MATCHED_BY_").to_owned().into()),
        };
        Self {
            verdict: Some(word(answer.verdict().as_str_name(), "VERDICT_").to_owned().into()),
            reason: word(answer.reason().as_str_name(), "REASON_").to_owned().into(),
            message: answer.message.clone().into(),
            rule: owned(&answer.rule),
            by_policy: answer.by_policy,
            other_filings: answer.other_filings.clone(),
            candidates: answer.candidates.clone(),
            advisories: answer
                .advisories
                .iter()
                .map(|advisory| Note { code: advisory.code.clone().into(), message: advisory.message.clone().into() })
                .collect(),
            matched_by,
            filing: answer.filing.as_ref().map(Filing::from),
            removal: answer.first_missing_at.as_ref().map(|first_missing_at| RemovalTimes {
                first_missing_at: time(Some(first_missing_at)),
                last_seen_at: time(answer.last_seen_at.as_ref()),
            }),
            peer: owned(&answer.peer),
            record: filled(&answer.record),
            at: time(answer.at.as_ref()),
            snapshot: answer.snapshot.as_ref().map(Snapshot::from),
        }
    }
}

impl From<&v1::AssessImpactResponse> for Impact {
    fn from(impact: &v1::AssessImpactResponse) -> Self {
        Self {
            peers: impact
                .peers
                .iter()
                .map(|peer| PeerImpact {
                    peer: peer.then.as_ref().map(|then| then.peer.clone()).unwrap_or_default(),
                    now: peer.now.as_ref().map(Check::from),
                    then: peer.then.as_ref().map(Check::from),
                })
                .collect(),
            asked: impact.asked,
            refused: impact.refused,
            newly_refused: impact.newly_refused,
            newly_accepted: impact.newly_accepted,
            in_some_role: impact.in_some_role,
            providers: impact.providers,
            listing_doubts: impact.listing_doubts.clone(),
        }
    }
}

impl From<&v1::Removal> for Removal<'static> {
    fn from(removal: &v1::Removal) -> Self {
        Self {
            filing: removal.filing.as_ref().map(Filing::from),
            first_missing_at: time(removal.first_missing_at.as_ref()),
            last_seen_at: time(removal.last_seen_at.as_ref()),
            reinstated_at: time(removal.reinstated_at.as_ref()),
            snapshot_serial: removal.snapshot_serial,
        }
    }
}

impl From<&v1::NameMatch> for NameMatch<'static> {
    fn from(found: &v1::NameMatch) -> Self {
        Self {
            score: found.score,
            name: found.name.clone(),
            column: found.column.clone(),
            filing: found.filing.as_ref().map(Filing::from),
            removal: found.removal.as_ref().map(|removal| RemovalTimes {
                first_missing_at: time(removal.first_missing_at.as_ref()),
                last_seen_at: time(removal.last_seen_at.as_ref()),
            }),
        }
    }
}

impl From<&v1::Change> for Change {
    fn from(change: &v1::Change) -> Self {
        Self {
            serial: change.serial,
            kind: word(change.kind().as_str_name(), "CHANGE_KIND_").to_owned().into(),
            number: change.number.clone(),
            frn: filled(&change.frn),
            observed_at: time(change.observed_at.as_ref()),
            snapshot_serial: change.snapshot_serial,
            fields: change
                .fields
                .iter()
                .map(|field| FieldChange {
                    column: field.column.clone(),
                    before: field.before.clone(),
                    after: field.after.clone(),
                })
                .collect(),
        }
    }
}

impl From<&v1::FirstKnown> for FirstKnown {
    fn from(known: &v1::FirstKnown) -> Self {
        Self { number: known.number.clone(), at: time(known.at.as_ref()), already_listed: known.already_listed }
    }
}

impl From<&v1::GetProviderResponse> for Provider<'static> {
    fn from(provider: &v1::GetProviderResponse) -> Self {
        Self {
            filings: provider.filings.iter().map(Filing::from).collect(),
            removals: provider.removals.iter().map(Removal::from).collect(),
            changes: provider.changes.iter().map(Change::from).collect(),
            at: time(provider.at.as_ref()),
            snapshot: provider.snapshot.as_ref().map(Snapshot::from),
        }
    }
}

impl From<&v1::SourceFault> for SourceFault {
    fn from(fault: &v1::SourceFault) -> Self {
        Self { source: fault.source.clone(), kind: fault.kind.clone(), error: fault.error.clone() }
    }
}

impl From<&v1::SourceStatus> for Source {
    fn from(status: &v1::SourceStatus) -> Self {
        Self {
            source: status.source.clone(),
            last_contact_at: time(status.last_contact_at.as_ref()),
            last_success_at: time(status.last_success_at.as_ref()),
            last_whole_at: time(status.last_whole_at.as_ref()),
            failures: status.failures,
            fault: status.fault.as_ref().map(SourceFault::from),
            not_before: time(status.not_before.as_ref()),
            conditional: status.conditional,
            validators_distrusted_until: time(status.validators_distrusted_until.as_ref()),
            clock_skew_seconds: status.clock_skew.as_ref().map(|skew| skew.seconds),
        }
    }
}

impl From<&v1::SyncReport> for Sync {
    fn from(sync: &v1::SyncReport) -> Self {
        Self {
            at: time(sync.at.as_ref()),
            trigger: word(sync.trigger().as_str_name(), "SYNC_TRIGGER_").to_ascii_lowercase(),
            outcome: word(sync.outcome().as_str_name(), "SYNC_OUTCOME_").to_ascii_lowercase(),
            error: filled(&sync.error),
            source: sync.source.clone(),
            snapshot_serial: (sync.snapshot_serial > 0).then_some(sync.snapshot_serial),
            filings: sync.filings,
            listed: sync.listed,
            amended: sync.amended,
            removed: sync.removed,
            reinstated: sync.reinstated,
            passed_over: sync.passed_over.iter().map(SourceFault::from).collect(),
        }
    }
}

impl From<&v1::HeldListing> for Held {
    fn from(held: &v1::HeldListing) -> Self {
        Self {
            sha256: hex::encode(&held.sha256),
            source: held.source.clone(),
            bytes: held.bytes,
            filings: held.filings,
            gone: held.gone,
            first_fetched_at: time(held.first_fetched_at.as_ref()),
            last_fetched_at: time(held.last_fetched_at.as_ref()),
            times: held.times,
            doubts: held.doubts.clone(),
            awaits: word(held.awaits().as_str_name(), "AWAITS_").to_ascii_lowercase(),
            peers: held.peers.as_ref().map(|affected| PeersAffected {
                peers: affected.peers,
                newly_refused: affected.newly_refused,
                newly_accepted: affected.newly_accepted,
                refused: affected.refused.clone(),
                in_some_role: affected.in_some_role,
                providers: affected.providers,
            }),
        }
    }
}

impl From<&v1::GetStatusResponse> for Status {
    fn from(status: &v1::GetStatusResponse) -> Self {
        Self {
            state: state(status.state()),
            alarms: status
                .alarms
                .iter()
                .map(|alarm| Alarm {
                    severity: word(alarm.severity().as_str_name(), "SEVERITY_").to_ascii_lowercase(),
                    code: alarm.code.clone(),
                    message: alarm.message.clone(),
                    finding: alarm.finding.clone(),
                    what_to_do: alarm.what_to_do.clone(),
                })
                .collect(),
            snapshot: status
                .snapshot
                .as_ref()
                .map(|snapshot| ServedSnapshot { snapshot: snapshot.into(), filings: status.filings }),
            removed_filings: status.removed_filings,
            removals_total: status.removals_total,
            last_sync: status.last_sync.as_ref().map(Sync::from),
            last_success_at: time(status.last_success_at.as_ref()),
            failures_since: status.failures_since,
            next_sync_at: time(status.next_sync_at.as_ref()),
            schedule: filled(&status.schedule),
            source: status.source.clone(),
            sources: status.sources.iter().map(Source::from).collect(),
            version: status.version.clone(),
            sync_in_progress: status.sync_in_progress.is_some(),
            last_change_serial: status.last_change_serial,
            state_dir: status.state_dir.clone(),
            http_url: Some(status.http_url.clone()).filter(|url| !url.is_empty()),
            store_bytes: status.store_bytes,
            started_at: time(status.started_at.as_ref()),
            held: status.held.iter().map(Held::from).collect(),
            last_contact_at: time(status.last_contact_at.as_ref()),
            content_as_of: filled(&status.content_as_of),
            peers: status.peers.as_ref().map(PeersSummary::from),
            own_filings: status.own_filings.iter().map(OwnFiling::from).collect(),
            weeks: status.weeks.iter().map(Week::from).collect(),
            sync_waits_until: time(status.sync_in_progress.as_ref().and_then(|sync| sync.waits_until.as_ref())),
            fleet: status.fleet.as_ref().map(Fleet::from),
        }
    }
}

impl From<&v1::Week> for Week {
    fn from(week: &v1::Week) -> Self {
        Self {
            monday: week.monday.clone(),
            filings: week.filings,
            removals: week.removals,
            removals_of_peers: week.removals_of_peers,
        }
    }
}

impl From<&v1::ListedSnapshot> for ListedSnapshot<'static> {
    fn from(listed: &v1::ListedSnapshot) -> Self {
        let note =
            |note: &v1::SnapshotNote| Note { code: note.code.clone().into(), message: note.message.clone().into() };
        Self {
            snapshot: listed.snapshot.as_ref().map(Snapshot::from),
            applied_at: time(listed.applied_at.as_ref()),
            filings: listed.filings,
            source: listed.source.clone(),
            bytes: listed.bytes,
            changes: Changes {
                listed: listed.listed,
                amended: listed.amended,
                removed: listed.removed,
                reinstated: listed.reinstated,
            },
            notes: listed.notes.iter().map(note).collect(),
        }
    }
}
