//! How the operator's own peers and filings stand, as commands ask for it and show it.

use jiff::Timestamp;

use super::from_wire::{role, time, word};
use super::screen::Cell;
use super::target::Target;
use super::text;
use crate::api::grpc::v1::{self, ListStandingsRequest, ListStandingsResponse};
use crate::api::json::{Deadline, Note, OwnChange, OwnFiling, PeerStanding, PeersSummary, filled};
use crate::domain::wording::come_and_go;

const PAGE: u32 = 2000;

/// Asks how all peers stand, and the operator's own filings.
pub async fn all(target: &Target) -> anyhow::Result<ListStandingsResponse> {
    let mut request = ListStandingsRequest { page_size: PAGE, page_token: String::new() };
    let mut all = target.list_standings(request.clone()).await?;
    while !all.next_page_token.is_empty() {
        request.page_token = std::mem::take(&mut all.next_page_token);
        let page = target.list_standings(request.clone()).await?;
        if page.peers.is_empty() && !page.next_page_token.is_empty() {
            anyhow::bail!("the daemon's pages do not end: this is a fault of the daemon");
        }
        all.peers.extend(page.peers);
        all.next_page_token = page.next_page_token;
    }
    Ok(all)
}

/// The worst first; of those, where something changes soonest.
pub fn sort(peers: &mut [v1::PeerStanding]) {
    let next =
        |peer: &v1::PeerStanding| peer.next.iter().find(|next| counts(next)).and_then(|next| time(next.at.as_ref()));
    peers.sort_by(|one, two| {
        let key = |peer: &v1::PeerStanding| (peer.state, next(peer).unwrap_or(Timestamp::MAX));
        key(one).cmp(&key(two)).then_with(|| one.id.cmp(&two.id))
    });
}

/// Whether a deadline is one that no sync puts off.
pub fn counts(deadline: &v1::Deadline) -> bool {
    deadline.kind() != v1::DeadlineKind::ListingOld
}

/// Whether a deadline is the same for every peer.
pub fn is_common(deadline: &v1::Deadline) -> bool {
    matches!(deadline.kind(), v1::DeadlineKind::ListingOld | v1::DeadlineKind::Recertification)
}

/// A state's word.
pub fn state(state: v1::PeerState) -> String {
    word(state.as_str_name(), "PEER_STATE_").to_ascii_lowercase()
}

/// A state's word in its colour.
pub fn styled(of: v1::PeerState, shown: &str) -> String {
    match of {
        v1::PeerState::Accepted => text::good(shown),
        v1::PeerState::Attention => text::doubtful(shown),
        _ => text::bad(shown),
    }
}

/// A text in the colour of a state.
pub fn cell(of: v1::PeerState, shown: String) -> Cell {
    match of {
        v1::PeerState::Accepted => Cell::good(shown),
        v1::PeerState::Attention => Cell::doubtful(shown),
        _ => Cell::bad(shown),
    }
}

/// A verdict's word; nothing where there is none.
pub fn verdict(verdict: v1::Verdict) -> Option<String> {
    (verdict != v1::Verdict::Unspecified).then(|| word(verdict.as_str_name(), "VERDICT_").to_owned())
}

/// A reason's word; nothing where there is none.
pub fn reason(reason: v1::Reason) -> Option<String> {
    (reason != v1::Reason::Unspecified).then(|| word(reason.as_str_name(), "REASON_").to_owned())
}

/// What a peer is called: an OCN with what it is, since a trunk may well be called 7321.
pub fn name(peer: &v1::PeerStanding) -> String {
    let name = text::one_line(&peer.name);
    if peer.kind() == v1::PeerKind::Ocn { format!("ocn:{name}") } else { name }
}

/// Who is behind it: the name as filed, else the number.
pub fn provider(peer: &v1::PeerStanding) -> String {
    text::one_line(if peer.provider_name.is_empty() { &peer.provider } else { &peer.provider_name })
}

/// What happens at a deadline, in a clause.
pub fn event(deadline: &v1::Deadline) -> String {
    let of = match deadline.record.as_str() {
        "" => String::new(),
        record => format!(" ({})", text::one_line(record)),
    };
    let what = match deadline.kind() {
        v1::DeadlineKind::NoticeMitigate => "the 48 hours for mitigating end",
        v1::DeadlineKind::NoticeInform => "the 14 days for informing the FCC end",
        v1::DeadlineKind::FinalDetermination => "day 30: its traffic must be blocked",
        v1::DeadlineKind::OverrideEnds => "the override ends",
        v1::DeadlineKind::RecordEnds => "the record ends",
        v1::DeadlineKind::TakesEffect => "what is on record takes effect",
        v1::DeadlineKind::BindingEnds => "the binding ends",
        v1::DeadlineKind::Recertification => "the deadline for recertifying has passed",
        v1::DeadlineKind::LastUpdated => "the filing's last update is too old",
        v1::DeadlineKind::ListingOld => "the listing is too old, if no sync confirms it",
        v1::DeadlineKind::OwnRecertificationOpens => "you can recertify your filing from then on",
        v1::DeadlineKind::OwnRecertificationDue => "the last day for recertifying your filing is over",
        v1::DeadlineKind::OwnUpdateDue => "the 10 business days for updating your filing are over",
        v1::DeadlineKind::Unspecified => "something changes that this version does not know",
    };
    format!("{what}{of}")
}

/// What becomes of a peer at a deadline, in a few words: the verdict and the reason if they are others than now, and the
/// advisories that come and go.
pub fn outcome(deadline: &v1::Deadline, now: &v1::PeerStanding) -> String {
    if deadline.kind() == v1::DeadlineKind::BindingEnds {
        return "bound to no provider any more".to_owned();
    }
    let changes = (deadline.verdict(), deadline.reason()) != (now.verdict(), now.reason());
    let mut said: Vec<String> = Vec::new();
    if changes {
        let verdict = verdict(deadline.verdict()).unwrap_or_else(|| "no verdict".to_owned());
        let why = reason(deadline.reason()).filter(|reason| reason != "LISTED").map(|reason| format!(" {reason}"));
        said.push(format!("{verdict}{}", why.unwrap_or_default()));
    }
    // What is the reason from then on is neither said to come nor to go.
    let reason = reason(deadline.reason()).unwrap_or_default();
    let others = |codes: &[String]| -> Vec<String> {
        codes.iter().map(|code| text::one_line(code)).filter(|code| *code != reason).collect()
    };
    let (come, go) = (others(&deadline.gained), others(&deadline.lost));
    said.extend(come_and_go(come.iter().map(String::as_str), go.iter().map(String::as_str)));
    if said.is_empty() { "the verdict stays, and what its advisory says changes".to_owned() } else { said.join("; ") }
}

/// The day of a time, in UTC.
pub fn day(at: &prost_types::Timestamp) -> String {
    time(Some(at)).map_or_else(|| "unknown".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

impl From<&v1::Deadline> for Deadline {
    fn from(deadline: &v1::Deadline) -> Self {
        let after = deadline.state();
        Self {
            at: time(deadline.at.as_ref()),
            kind: word(deadline.kind().as_str_name(), "DEADLINE_KIND_").to_owned(),
            record: filled(&deadline.record),
            state: (after != v1::PeerState::Unspecified).then(|| state(after)),
            verdict: verdict(deadline.verdict()),
            reason: reason(deadline.reason()),
            gained: deadline.gained.clone(),
            lost: deadline.lost.clone(),
        }
    }
}

impl From<&v1::PeerStanding> for PeerStanding {
    fn from(peer: &v1::PeerStanding) -> Self {
        let of = peer.role();
        let note = |note: &v1::Advisory| Note { code: note.code.clone().into(), message: note.message.clone().into() };
        Self {
            id: peer.id.clone(),
            name: peer.name.clone(),
            kind: word(peer.kind().as_str_name(), "PEER_KIND_").to_ascii_lowercase(),
            provider: peer.provider.clone(),
            role: (of != v1::ProviderRole::Unspecified).then(|| role(of)),
            state: state(peer.state()),
            verdict: verdict(peer.verdict()),
            reason: reason(peer.reason()).unwrap_or_default(),
            rule: filled(&peer.rule),
            message: peer.message.clone(),
            advisories: peer.advisories.iter().map(note).collect(),
            provider_name: filled(&peer.provider_name),
            rmd_number: filled(&peer.rmd_number),
            frn: filled(&peer.frn),
            since: time(peer.since.as_ref()),
            next: peer.next.iter().map(Deadline::from).collect(),
            record: filled(&peer.record),
        }
    }
}

impl From<&v1::PeersSummary> for PeersSummary {
    fn from(peers: &v1::PeersSummary) -> Self {
        Self {
            refused: peers.refused,
            unmatched: peers.unmatched,
            attention: peers.attention,
            accepted: peers.accepted,
            next_deadline_at: time(peers.next_deadline_at.as_ref()),
            changing_soon: peers.changing_soon,
            worst: peers.worst.iter().map(PeerStanding::from).collect(),
        }
    }
}

impl From<&v1::OwnFiling> for OwnFiling {
    fn from(own: &v1::OwnFiling) -> Self {
        let recertification = own.recertification();
        let change = |change: &v1::OwnChange| OwnChange {
            at: time(change.at.as_ref()),
            kind: change.kind.clone(),
            rmd_number: change.rmd_number.clone(),
            columns: change.columns.clone(),
            roles: change.roles,
        };
        Self {
            frn: own.frn.clone(),
            name: filled(&own.name),
            state: word(own.state().as_str_name(), "OWN_STATE_").to_ascii_lowercase(),
            needs_attention: own.needs_attention,
            rmd_numbers: own.rmd_numbers.clone(),
            first_missing_at: time(own.first_missing_at.as_ref()),
            roles: own.roles().map(role).collect(),
            recertification: (recertification != v1::RecertificationState::Unspecified)
                .then(|| word(recertification.as_str_name(), "RECERTIFICATION_STATE_").to_ascii_lowercase()),
            recertification_opens: filled(&own.recertification_opens),
            recertification_by: filled(&own.recertification_by),
            changed: filled(&own.changed),
            update_by: filled(&own.update_by),
            is_updated: own.is_updated,
            changes: own.changes.iter().map(change).collect(),
            next: own.next.iter().map(Deadline::from).collect(),
        }
    }
}
