//! How the operator's own peers and filings stand, for the wire.

use jiff::Timestamp;

use super::convert::{self, advisory_to_wire, record_named, role_to_wire, time_to_wire};
use super::records::peer_kind_to_wire;
use super::v1;
use crate::decide::own::{OwnDeadlineKind, OwnState, RecertificationState};
use crate::decide::standing::{Deadline, PeerState, Standing};
use crate::domain::{AdvisoryCode, Change};
use crate::service::{OwnReport, PeersSummary, StandingsPage, changes_roles};

fn state_to_wire(state: PeerState) -> v1::PeerState {
    match state {
        PeerState::Refused => v1::PeerState::Refused,
        PeerState::Unmatched => v1::PeerState::Unmatched,
        PeerState::Attention => v1::PeerState::Attention,
        PeerState::Accepted => v1::PeerState::Accepted,
    }
}

/// The protocol's name of a deadline is its word in JSON.
fn kind_to_wire(word: &str) -> i32 {
    v1::DeadlineKind::from_str_name(&format!("DEADLINE_KIND_{word}")).unwrap_or_default().into()
}

fn codes(codes: &[AdvisoryCode]) -> Vec<String> {
    codes.iter().map(|code| code.as_str().to_owned()).collect()
}

fn deadline_to_wire(deadline: &Deadline) -> v1::Deadline {
    let then = deadline.then.as_ref();
    let ruling = then.and_then(|then| then.ruling);
    v1::Deadline {
        at: Some(time_to_wire(deadline.at)),
        kind: kind_to_wire(deadline.kind.as_str()),
        record: deadline.record.as_deref().map(record_named).unwrap_or_default(),
        state: then.map_or(v1::PeerState::Unspecified, |then| state_to_wire(then.state)).into(),
        verdict: ruling.map_or(v1::Verdict::Unspecified, |(verdict, _)| convert::verdict_to_wire(verdict)).into(),
        reason: ruling.map_or(v1::Reason::Unspecified, |(_, reason)| convert::reason_to_wire(reason)).into(),
        gained: then.map(|then| codes(&then.gained)).unwrap_or_default(),
        lost: then.map(|then| codes(&then.lost)).unwrap_or_default(),
    }
}

/// How a peer stands.
fn standing_to_wire(standing: &Standing) -> v1::PeerStanding {
    let (decision, filing) = (standing.decision(), standing.filing());
    let peer = standing.peer.peer();
    let frn = match standing.query.identity {
        crate::domain::Identity::Frn(frn) => Some(frn),
        crate::domain::Identity::RmdNumber(_) => filing.and_then(|filing| filing.frn()),
    };
    let advisories = standing.advisories().iter().map(|advisory| v1::Advisory {
        code: advisory.code.as_str().to_owned(),
        message: advisory.message.clone(),
        kind: advisory_to_wire(advisory.code).into(),
    });
    v1::PeerStanding {
        id: standing.peer.id(),
        name: standing.name().to_owned(),
        kind: peer.map_or(v1::PeerKind::Unspecified, |peer| peer_kind_to_wire(peer.kind)).into(),
        provider: standing.peer.provider.number_text(),
        role: standing.query.role.map_or(v1::ProviderRole::Unspecified, role_to_wire).into(),
        state: state_to_wire(standing.state).into(),
        verdict: standing.verdict().map_or(v1::Verdict::Unspecified, convert::verdict_to_wire).into(),
        reason: convert::reason_to_wire(standing.reason()).into(),
        rule: decision.map(|decision| decision.rule.to_owned()).unwrap_or_default(),
        message: standing.sentence(),
        advisories: advisories.collect(),
        provider_name: standing.provider_name().to_owned(),
        rmd_number: standing.number().map(|number| number.to_string()).unwrap_or_default(),
        frn: frn.map(|frn| frn.to_string()).unwrap_or_default(),
        since: standing.since.map(time_to_wire),
        next: standing.next.iter().map(deadline_to_wire).collect(),
        record: decision.and_then(|decision| decision.record.as_deref()).map(record_named).unwrap_or_default(),
    }
}

/// How the peers stand, in numbers.
pub(super) fn summary_to_wire(summary: &PeersSummary) -> v1::PeersSummary {
    v1::PeersSummary {
        refused: summary.count(PeerState::Refused),
        unmatched: summary.count(PeerState::Unmatched),
        attention: summary.count(PeerState::Attention),
        accepted: summary.count(PeerState::Accepted),
        worst: summary.worst.iter().map(standing_to_wire).collect(),
        next_deadline_at: summary.next_deadline_at.map(time_to_wire),
        changing_soon: summary.changing_soon,
    }
}

fn change_to_wire(change: &Change) -> v1::OwnChange {
    v1::OwnChange {
        at: Some(time_to_wire(change.observed_at)),
        kind: change.kind.as_str().to_owned(),
        rmd_number: change.number.to_string(),
        columns: change.kind.fields().iter().map(|field| field.column.clone()).collect(),
        roles: changes_roles(change),
    }
}

fn own_deadline((at, kind): (Timestamp, OwnDeadlineKind)) -> v1::Deadline {
    v1::Deadline { at: Some(time_to_wire(at)), kind: kind_to_wire(kind.as_str()), ..v1::Deadline::default() }
}

/// How the operator's own filings stand.
pub(super) fn own_to_wire(report: &OwnReport) -> v1::OwnFiling {
    let own = &report.own;
    let state = match own.state {
        OwnState::Listed => v1::OwnState::Listed,
        OwnState::Removed => v1::OwnState::Removed,
        OwnState::NotListed => v1::OwnState::NotListed,
    };
    let recertification = own.recertification.map(|recertification| match recertification.state {
        RecertificationState::NotYetOpen => v1::RecertificationState::NotYetOpen,
        RecertificationState::Open => v1::RecertificationState::Open,
        RecertificationState::Done => v1::RecertificationState::Done,
        RecertificationState::Overdue => v1::RecertificationState::Overdue,
    });
    v1::OwnFiling {
        frn: own.frn.to_string(),
        name: own.name().to_owned(),
        state: state.into(),
        rmd_numbers: own.filings.iter().map(|filing| filing.number().to_string()).collect(),
        first_missing_at: own.removal.as_ref().map(|removal| time_to_wire(removal.first_missing_at)),
        roles: own.roles.iter().map(|role| role_to_wire(role).into()).collect(),
        recertification: recertification.unwrap_or(v1::RecertificationState::Unspecified).into(),
        recertification_opens: own.recertification.map(|of| of.opens.to_string()).unwrap_or_default(),
        recertification_by: own.recertification.map(|of| of.by.to_string()).unwrap_or_default(),
        changed: own.update.map(|update| update.changed.to_string()).unwrap_or_default(),
        update_by: own.update.map(|update| update.by.to_string()).unwrap_or_default(),
        is_updated: own.update.is_some_and(|update| update.is_done),
        changes: report.changes.iter().map(change_to_wire).collect(),
        next: own.deadlines(report.now).into_iter().map(own_deadline).collect(),
        needs_attention: own.needs_attention(),
    }
}

/// A page of standings.
pub(super) fn page_to_wire(page: &StandingsPage) -> v1::ListStandingsResponse {
    v1::ListStandingsResponse {
        peers: page.standings.iter().map(standing_to_wire).collect(),
        next_page_token: page.next_page_token.clone(),
        own_filings: page.own.iter().map(own_to_wire).collect(),
        snapshot: Some(convert::snapshot_to_wire(&page.snapshot)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::standing::DeadlineKind;

    #[test]
    fn every_deadline_has_its_number_in_the_protocol() {
        let own =
            [OwnDeadlineKind::RecertificationOpens, OwnDeadlineKind::RecertificationDue, OwnDeadlineKind::UpdateDue];
        let all = DeadlineKind::ALL.map(DeadlineKind::as_str);
        let mut numbers: Vec<i32> = all.into_iter().chain(own.map(OwnDeadlineKind::as_str)).map(kind_to_wire).collect();
        assert_eq!(numbers.len(), 13);
        numbers.sort_unstable();
        numbers.dedup();
        assert!(numbers.len() == 13 && !numbers.contains(&0) && v1::DeadlineKind::try_from(14).is_err(), "{numbers:?}");
    }
}
