//! PagerDuty's Events API v2: trigger and resolve, one key for each subject. All of the operator's own peers are one subject:
//! whoever is woken up for a wave is woken up once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::alerts::digest::{self, Said};
use crate::alerts::event::EventKind;
use crate::service::Severity;
use crate::store::EventRecord;

/// So many characters a summary has at most.
const SUMMARY: usize = 1024;

/// What one incident is about.
fn incident(said: &Said) -> String {
    match said.subject.split('/').next() {
        Some("peer") => "peers".to_owned(),
        Some("deadline") => "deadlines".to_owned(),
        _ => said.subject.clone(),
    }
}

/// One body for each incident that the events are about.
pub fn bodies(events: &[EventRecord], routing_key: &str) -> Vec<String> {
    let mut incidents: BTreeMap<String, Vec<EventRecord>> = BTreeMap::new();
    for event in events {
        let said = Said::read(event);
        // News of the listing are in the details of what they did; alone they wake nobody.
        if said.kind == Some(EventKind::ListingApplied) || said.kind == Some(EventKind::BaselineTaken) {
            continue;
        }
        incidents.entry(incident(&said)).or_default().push(event.clone());
    }
    incidents.iter().filter_map(|(about, events)| body(about, events, routing_key)).collect()
}

fn body(about: &str, events: &[EventRecord], routing_key: &str) -> Option<String> {
    let last = Said::read(events.last()?);
    let source = last.source.clone();
    let key = format!("{source}/{about}");
    if over(about, &last) {
        let event = json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key });
        return Some(event.to_string());
    }
    let digest = digest::of(events);
    let severity = match digest.worst {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let event = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "rmdd",
        "payload": {
            "summary": digest.subject.chars().take(SUMMARY).collect::<String>(),
            "source": source,
            "severity": severity,
            "timestamp": events.last()?.at.to_string(),
            "component": "rmdd",
            "class": last.kind.map_or("", EventKind::as_str),
            "custom_details": { "lines": digest.lines.iter().take(60).collect::<Vec<_>>() },
        },
    });
    Some(event.to_string())
}

/// Whether nothing of an incident is left with its last event.
fn over(about: &str, last: &Said) -> bool {
    match about {
        "peers" => {
            let count = |state: &str| last.data.get("peers").and_then(|peers| peers.get(state)).and_then(Value::as_u64);
            ["refused", "unmatched", "attention"].iter().all(|state| count(state) == Some(0))
        }
        _ => last.kind == Some(EventKind::AlarmCleared),
    }
}
