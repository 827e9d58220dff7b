//! Alertmanager's API v2. It forgets what it is not told again: what is raised is posted again before it lapses.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::alerts::config::Filter;
use crate::alerts::digest::Said;
use crate::alerts::event::{EventKind, NOT_ON_RECORD, code_of};
use crate::alerts::watch;
use crate::service::Severity;
use crate::store::EventRecord;

/// What is posted once and not again is over after so long.
const ONCE: SignedDuration = SignedDuration::from_mins(5);

/// The words for how bad it is.
const SEVERITIES: [&str; 3] = ["note", "warning", "critical"];

/// After so long Alertmanager takes what it was not told again for over.
pub fn lapse(repeat: Option<Duration>) -> SignedDuration {
    let repeat = repeat.and_then(|repeat| SignedDuration::try_from(repeat).ok()).unwrap_or(ONCE);
    (repeat * 3).max(ONCE)
}

/// The labels that tell an alert from others.
fn labels(subject: &str, severity: &str, source: &str, frn: Option<&str>) -> Value {
    let name = match code_of(subject) {
        Some(code) => code.to_owned(),
        None => subject.split('/').next().unwrap_or("event").to_uppercase(),
    };
    let mut labels = json!({
        "alertname": format!("rmdd_{name}"),
        "service": "rmdd",
        "subject": subject,
        "severity": severity,
        "instance": source,
    });
    if let (Some(labels), Some(frn)) = (labels.as_object_mut(), frn) {
        labels.insert("frn".to_owned(), Value::String(frn.to_owned()));
    }
    labels
}

/// The alerts of events.
pub fn of_events(events: &[EventRecord], now: Timestamp, lapse: SignedDuration) -> Vec<Value> {
    let mut alerts = Vec::new();
    for event in events {
        let said = Said::read(event);
        // News are no state, and Alertmanager keeps states.
        let Some(kind) = said.kind else { continue };
        if matches!(kind, EventKind::ListingApplied | EventKind::BaselineTaken) && !said.is_test() {
            continue;
        }
        let over = matches!(
            kind,
            EventKind::AlarmCleared | EventKind::PeerAccepted | EventKind::DeadlinePassed | EventKind::DeadlineCleared
        ) || said.state("after") == Some(NOT_ON_RECORD);
        let ends = if over { event.at } else { end(now, lapse) };
        let annotations = json!({ "summary": said.line(), "description": said.text("what_to_do") });
        // How bad it is tells alerts apart there: one that has become worse is another, and the one before is over.
        for severity in SEVERITIES {
            let this = severity == event.severity && !over;
            if !this && !over && kind != EventKind::AlarmRaised && !event.subject.starts_with("peer/") {
                continue;
            }
            alerts.push(json!({
                "labels": labels(&event.subject, severity, &said.source, said.frn.as_deref()),
                "annotations": annotations,
                "startsAt": event.at.to_string(),
                "endsAt": if this { ends } else { event.at }.to_string(),
                "generatorURL": "",
            }));
        }
    }
    alerts
}

fn end(now: Timestamp, lapse: SignedDuration) -> Timestamp {
    now.checked_add(lapse).unwrap_or(now)
}

/// The alerts of what is raised now.
pub fn of_reported(
    reported: &[(String, Value)],
    filter: &Filter,
    source: &str,
    now: Timestamp,
    lapse: SignedDuration,
) -> Vec<Value> {
    let raised = reported.iter().filter_map(|(subject, state)| watch::raised(subject, state));
    let passing = raised.filter(|raised| filter.passes(raised.kind, raised.severity));
    passing
        .map(|raised| {
            let severity = match raised.severity {
                Severity::Note => "note",
                Severity::Warning => "warning",
                Severity::Critical => "critical",
            };
            json!({
                "labels": labels(&raised.subject, severity, source, raised.frn.as_deref()),
                "annotations": { "summary": raised.summary },
                "startsAt": raised.since.to_string(),
                "endsAt": end(now, lapse).to_string(),
                "generatorURL": "",
            })
        })
        .collect()
}
