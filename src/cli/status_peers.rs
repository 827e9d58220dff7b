//! How the operator's own peers and filings stand, in `rmdd status` and alone.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::deadlines::entries;
use super::from_wire::time;
use super::standing::{self, counts};
use super::target::Target;
use super::text::{self, say};
use super::{FAILED, NO, YES};
use crate::api::grpc::v1::{self, OwnState, PeerState, RecertificationState};
use crate::api::json::{OwnFiling, PeerStanding};
use crate::domain::visible;
use crate::observe::clock;

/// What changes within this time is near.
const NEAR: SignedDuration = SignedDuration::from_hours(24);

/// `rmdd status --peers`
pub async fn run(target: &Target, as_json: bool) -> anyhow::Result<u8> {
    let mut all = standing::all(target).await?;
    standing::sort(&mut all.peers);
    let until = clock::now().checked_add(NEAR).unwrap_or(Timestamp::MAX);
    let near = entries(&all, Some(until)).into_iter().filter(|entry| counts(&entry.deadline)).count();
    let of = |state: PeerState| all.peers.iter().filter(|peer| peer.state() == state).count() as u64;
    let summary = v1::PeersSummary {
        refused: of(PeerState::Refused),
        unmatched: of(PeerState::Unmatched),
        attention: of(PeerState::Attention),
        accepted: of(PeerState::Accepted),
        ..v1::PeersSummary::default()
    };
    let own_gone = all.own_filings.iter().any(|own| own.state() != OwnState::Listed);
    let own_needs = all.own_filings.iter().any(|own| own.needs_attention);
    let status = if summary.refused > 0 || own_gone {
        FAILED
    } else if summary.unmatched > 0 || summary.attention > 0 || near > 0 || own_needs {
        NO
    } else {
        YES
    };
    if as_json {
        let peers: Vec<PeerStanding> = all.peers.iter().map(PeerStanding::from).collect();
        let own: Vec<OwnFiling> = all.own_filings.iter().map(OwnFiling::from).collect();
        let object = json!({
            "state": word(status),
            "refused": summary.refused,
            "unmatched": summary.unmatched,
            "attention": summary.attention,
            "accepted": summary.accepted,
            "changing_within_24_hours": near,
            "peers": peers,
            "own_filings": own,
        });
        text::whole!("{}", visible::to_json(&object)?);
        return Ok(status);
    }
    // Monitoring shows the first line.
    let styled = match status {
        YES => text::good(word(status)),
        NO => text::doubtful(word(status)),
        _ => text::bad(word(status)),
    };
    let soon =
        if near > 0 { format!("; {} within 24 hours", text::count_of(near as u64, "change")) } else { String::new() };
    say!("{styled}  {}{soon}", in_numbers(&summary));
    let shown: Vec<&v1::PeerStanding> =
        all.peers.iter().filter(|peer| peer.state() != PeerState::Accepted || changes_before(peer, until)).collect();
    if !shown.is_empty() || !all.own_filings.is_empty() {
        say!();
    }
    for peer in shown {
        let [head, below @ ..] = &in_words(peer)[..] else { continue };
        text::record(&format!("  {head}"), below);
    }
    all.own_filings.iter().for_each(own);
    Ok(status)
}

fn word(status: u8) -> &'static str {
    match status {
        YES => "ACCEPTED",
        NO => "ATTENTION",
        _ => "REFUSED",
    }
}

fn next(peer: &v1::PeerStanding) -> Option<&v1::Deadline> {
    peer.next.iter().find(|deadline| counts(deadline))
}

fn changes_before(peer: &v1::PeerStanding, until: Timestamp) -> bool {
    next(peer).and_then(|deadline| time(deadline.at.as_ref())).is_some_and(|at| at <= until)
}

/// The peers in numbers, on one line.
fn in_numbers(peers: &v1::PeersSummary) -> String {
    let all = peers.refused + peers.unmatched + peers.attention + peers.accepted;
    let counted = [
        (peers.refused, "refused"),
        (peers.unmatched, "unmatched"),
        (peers.attention, "in need of attention"),
        (peers.accepted, "accepted"),
    ];
    let counted: Vec<String> = counted
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{} {what}", text::count(count)))
        .collect();
    match all {
        0 => "no peers on record: bind them with `rmdd peers add` or `rmdd peers import`".to_owned(),
        _ => format!("{}: {}", text::count_of(all, "peer"), counted.join(", ")),
    }
}

/// One peer on a few lines: what is wrong, and how much time is left.
fn in_words(peer: &v1::PeerStanding) -> Vec<String> {
    let state = standing::state(peer.state()).to_uppercase();
    let reason = standing::reason(peer.reason()).unwrap_or_default();
    let codes: Vec<String> = peer.advisories.iter().map(|advisory| text::one_line(&advisory.code)).collect();
    let why = match peer.state() {
        PeerState::Refused | PeerState::Unmatched => reason,
        _ if codes.is_empty() => reason,
        _ => codes.join(", "),
    };
    let since = match &peer.since {
        Some(since) => format!(", since {}", standing::day(since)),
        None => String::new(),
    };
    let said = format!("{} ({}): {why}{since}", standing::name(peer), standing::provider(peer));
    let mut lines = vec![format!("{} {said}", standing::styled(peer.state(), &state))];
    let near = next(peer).filter(|deadline| !standing::is_common(deadline));
    if let Some(deadline) = near {
        let at = text::time_and_distance(deadline.at.as_ref());
        lines.push(format!("{at}: {} -> {}", standing::event(deadline), standing::outcome(deadline, peer)));
    }
    lines
}

/// The operator's own filing under one FRN.
pub fn own(own: &v1::OwnFiling) {
    let name = if own.name.is_empty() { String::new() } else { format!(" ({})", text::one_line(&own.name)) };
    let state = match own.state() {
        OwnState::Listed => format!("listed as {}", own.rmd_numbers.join(", ")),
        OwnState::Removed => text::bad(&format!(
            "GONE from the listing since {}: nobody may accept your calls",
            text::time(own.first_missing_at.as_ref())
        )),
        OwnState::NotListed | OwnState::Unspecified => text::bad("NOT in the listing: nobody may accept your calls"),
    };
    text::fact("own filing", format!("{}{name}", own.frn));
    text::fact("", state);
    let (opens, by) = (&own.recertification_opens, &own.recertification_by);
    match own.recertification() {
        RecertificationState::Overdue => text::fact("", text::bad(&format!("recertification overdue since {by}"))),
        RecertificationState::Open => text::fact("", text::doubtful(&format!("recertify by {by} (Eastern time)"))),
        RecertificationState::Done => text::fact("", format!("recertified for {by}")),
        RecertificationState::NotYetOpen => text::fact("", format!("recertify from {opens} to {by}")),
        RecertificationState::Unspecified => {}
    }
    if !own.update_by.is_empty() {
        let (changed, by) = (&own.changed, &own.update_by);
        // What is past does not come any more.
        let is_due = own.next.iter().any(|deadline| deadline.kind() == v1::DeadlineKind::OwnUpdateDue);
        let said = match (own.is_updated, is_due) {
            (true, _) => format!("changed on {changed}: updated"),
            (false, true) => text::doubtful(&format!("update the filing by {by}: it changed on {changed}")),
            (false, false) => text::bad(&format!("update overdue since {by}: it changed on {changed}")),
        };
        text::fact("", said);
    }
    for change in own.changes.iter().take(3) {
        let columns: Vec<String> = change.columns.iter().map(|column| text::one_line(column)).collect();
        let what = if columns.is_empty() { String::new() } else { format!(": {}", columns.join(", ")) };
        let roles = if change.roles { text::bad(" ROLES CHANGED") } else { String::new() };
        let kind = change.kind.to_lowercase();
        let at = text::time(change.at.as_ref());
        text::fact("", format!("{} {kind} {at}{what}{roles}", change.rmd_number));
    }
}
