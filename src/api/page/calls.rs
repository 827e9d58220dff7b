//! The calls of the last hour, as the page has them.

use crate::domain::Verdict;
use crate::observe::activity::{self, Upstream};
use crate::service::Services;

use super::table::{Cell, Table};
use super::text::{count_of, span, time};
use super::wording;

/// So many refused peers are named.
const NAMED: usize = 8;

/// The calls of the last hour: a sentence, and how many of each verdict; the peers that were refused for who may see them.
pub struct LastHour {
    /// How long it is counted, and how fast the answers were.
    pub said: String,
    /// By verdict, and by peer.
    pub table: Table,
}

/// Reads them; nothing where no daemon answers. Within its first second the table is there, and has no rows.
pub fn last_hour(services: &Services, now: jiff::Timestamp, operator: bool) -> Option<LastHour> {
    let table = Table::new("calls", "Calls by verdict and peer", &["Verdict", "Peer", "Calls"]);
    let Some(calls) = services.observer.as_ref()?.activity.last_hour() else {
        let said = "Counted from the first second on".to_owned();
        return Some(LastHour { said, table: table.in_csv_at("/", "") });
    };
    let refused = calls.counts.with_verdict(Verdict::Refuse);
    let mut rows = vec![
        vec![Cell::word("accepted", "good"), Cell::default(), Cell::count(calls.counts.with_verdict(Verdict::Accept))],
        vec![Cell::word("refused", "bad"), Cell::text("all"), Cell::count(refused)],
    ];
    if operator {
        let peers = calls.refused.iter().filter_map(|counter| match &counter.key {
            Upstream::Peer(record) => Some((wording::peer_name(record), counter.count)),
            Upstream::Provider(_) => None,
        });
        rows.extend(peers.take(NAMED).map(|(name, refused)| {
            let link = wording::peer_card(&name);
            vec![Cell::word("refused", "bad"), Cell::text(name).to(link), Cell::count(refused)]
        }));
    }
    rows.push(vec![Cell::word("errors", "warn"), Cell::default(), Cell::count(calls.counts.failed())]);
    Some(LastHour { said: said(&calls, now), table: table.with(rows).in_csv_at("/", "") })
}

fn said(calls: &activity::LastHour, now: jiff::Timestamp) -> String {
    let counted = now.duration_since(calls.since);
    let long = match counted.as_mins() {
        59..=61 => "in the last hour".to_owned(),
        _ => format!("since {} ({})", time(calls.since), span(counted)),
    };
    let decided = calls.counts.with_verdict(Verdict::Accept) + calls.counts.with_verdict(Verdict::Refuse);
    let fast = calls.counts.took.quantile(0.99);
    let fast = fast.map(|p99| format!("; 99 of 100 answered within {}", milliseconds(p99))).unwrap_or_default();
    format!("{} {long}{fast}", count_of(decided, "decision"))
}

fn milliseconds(duration: std::time::Duration) -> String {
    match duration.as_micros() {
        micros @ 0..1000 => format!("{micros} µs"),
        micros => format!("{} ms", micros / 1000),
    }
}
