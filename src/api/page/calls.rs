//! The calls of the last hour, as the page has them.

use crate::observe::last_hour::Calls;
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

/// Reads them; nothing where no daemon answers.
pub fn last_hour(services: &Services, now: jiff::Timestamp, operator: bool) -> Option<LastHour> {
    let observer = services.observer.as_ref()?;
    let calls = observer.last_hour.calls(&observer.metrics, now);
    let mut rows = vec![
        vec![Cell::word("accepted", "good"), Cell::default(), Cell::count(calls.accepted)],
        vec![Cell::word("refused", "bad"), Cell::text("all"), Cell::count(calls.refused)],
    ];
    if operator {
        rows.extend(calls.refused_peers.iter().take(NAMED).map(|(peer, refused)| {
            let name = wording::peer_name(peer);
            let link = wording::peer_card(&name);
            vec![Cell::word("refused", "bad"), Cell::text(name).to(link), Cell::count(*refused)]
        }));
        let rest: u64 = calls.refused_peers.iter().skip(NAMED).map(|(_, refused)| refused).sum();
        let rest = rest + calls.refused_others;
        if rest > 0 {
            rows.push(vec![Cell::word("refused", "bad"), Cell::text("other peers"), Cell::count(rest)]);
        }
    }
    rows.push(vec![Cell::word("errors", "warn"), Cell::default(), Cell::count(calls.errors)]);
    let table =
        Table::new("calls", "Calls by verdict and peer", &["Verdict", "Peer", "Calls"]).with(rows).in_csv_at("/", "");
    Some(LastHour { said: said(&calls, now), table })
}

fn said(calls: &Calls, now: jiff::Timestamp) -> String {
    let counted = now.duration_since(calls.since);
    let long = match counted.as_mins() {
        59..=61 => "in the last hour".to_owned(),
        _ => format!("since {} ({})", time(calls.since), span(counted)),
    };
    let fast = match calls.p99 {
        Some(p99) => format!("; 99 of 100 answered within {}", milliseconds(p99)),
        None if calls.accepted + calls.refused > 0 => "; more than 1 in 100 took over 100 ms".to_owned(),
        None => String::new(),
    };
    format!("{} {long}{fast}", count_of(calls.accepted + calls.refused, "decision"))
}

fn milliseconds(duration: std::time::Duration) -> String {
    match duration.as_micros() {
        micros @ 0..1000 => format!("{micros} µs"),
        micros => format!("{} ms", micros / 1000),
    }
}
