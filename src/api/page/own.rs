//! What operators have on record about a provider, and what was decided of its calls: for operators alone.

use jiff::Timestamp;

use crate::domain::{ErrorReason, Identity, Record, RecordBody, RecordKind, Rejection};
use crate::observe::decision_log::last_about;
use crate::service::Services;

use super::card::Subject;
use super::table::{Cell, Table};
use super::text::time;
use super::wording;

/// So many lines of the decision log are shown.
const DECISIONS: usize = 20;

/// By which names of the operator's switches it is known.
pub fn bound(services: &Services, subject: &Subject, now: Timestamp) -> Table {
    let records = services.records.load_full();
    let peers = records.all(RecordKind::Peer).filter(|peer| peer.in_force(now) && subject.is(peer.provider));
    let rows = peers.map(|record| {
        let role = record.peer().and_then(|peer| peer.role).map_or("any", |role| role.as_str());
        let name = wording::peer_name(record);
        vec![
            Cell::text(name.clone()).to(wording::peer_card(&name)),
            Cell::text(record.provider.to_string()),
            Cell::text(role),
            Cell::text(record.by.clone()),
            Cell::fixed(time(record.at)),
            Cell::fixed(record.expires_at.map_or_else(String::new, time)),
        ]
    });
    Table::new("bound", "Your peers that are bound to it", &["Peer", "Bound to", "Role", "By", "At", "Ends"])
        .with(rows)
        .or("None of your peers is bound to it.")
        .in_csv_at(&subject.path, "")
}

/// The operator's records about it.
pub fn records(services: &Services, subject: &Subject, now: Timestamp) -> Table {
    let records = services.records.load_full();
    let numbers = subject.frn.map(Identity::Frn).into_iter();
    let numbers = numbers.chain(subject.filings.iter().copied().map(Identity::RmdNumber));
    let mut rows = Vec::new();
    for about in numbers.filter_map(|identity| records.about(identity)) {
        rows.extend(about.overrides.iter().map(|on| record_row(&on.record, now, Vec::new())));
        rows.extend(about.orders.iter().map(|on| {
            let said = [("effective", on.body.effective_at), ("block from", on.body.must_block_from)];
            record_row(&on.record, now, said.to_vec())
        }));
        rows.extend(about.notices.iter().map(|on| {
            let said = [("mitigate by", on.body.mitigate_by), ("inform by", on.body.inform_by)];
            record_row(&on.record, now, said.to_vec())
        }));
    }
    Table::new("records", "Overrides, orders and notices", &["State", "What", "ID", "Times", "Why", "By"])
        .with(rows)
        .or("None.")
        .in_csv_at(&subject.path, "")
}

fn record_row(record: &Record, now: Timestamp, mut times: Vec<(&str, Timestamp)>) -> Vec<Cell> {
    times.extend(record.expires_at.map(|end| ("ends", end)));
    times.insert(0, ("noted", record.at));
    let times: Vec<String> = times.into_iter().map(|(what, at)| format!("{what} {}", time(at))).collect();
    let what = match &record.body {
        RecordBody::Override(of) => format!("override: {}", of.action.as_str()),
        RecordBody::Order(order) => order.kind.label().to_owned(),
        RecordBody::Notice(_) => "notice of suspected illegal traffic".to_owned(),
        RecordBody::Peer(_) => "peer".to_owned(),
    };
    vec![
        if record.in_force(now) { Cell::word("IN FORCE", "good") } else { Cell::word("ENDED", "plain") },
        Cell::text(what),
        Cell::text(record.id()),
        Cell::text(times.join("; ")),
        Cell::text(record.why.clone()),
        Cell::text(record.by.clone()),
    ]
}

/// The last lines of the decision log about it.
pub fn decisions(services: &Services, subject: &Subject) -> Result<Table, Rejection> {
    let table = Table::new(
        "decisions",
        "The last decisions in the log",
        &["When", "Verdict", "Reason", "Asked for", "By", "Over", "Call"],
    )
    .or("None at the end of the decision log. It has refusals, and what decision_log.log adds; rmdd decisions reads all of it.")
    .in_csv_at(&subject.path, "");
    let Some(observer) = &services.observer else { return Ok(table) };
    let found = last_about(&observer.log.path(), &subject.numbers(), DECISIONS).map_err(|error| {
        tracing::warn!(%error, "the decision log could not be read for a page: {error}");
        ErrorReason::StoreFailed.reject("the decision log could not be read; the daemon's log says why")
    })?;
    let rows = found.into_iter().map(|decision| {
        let verdict = match decision.verdict.as_str() {
            "REFUSE" => Cell::word("REFUSE", "bad"),
            "ACCEPT" => Cell::word("ACCEPT", "good"),
            _ => Cell::default(),
        };
        vec![
            Cell::fixed(time(decision.at)),
            verdict,
            Cell::text(decision.reason.clone()),
            Cell::text(decision.named()),
            Cell::text(decision.asked_by.clone().unwrap_or_default()),
            Cell::text(decision.interface.clone()),
            Cell::text(decision.reference.clone().unwrap_or_default()),
        ]
    });
    Ok(table.with(rows))
}
