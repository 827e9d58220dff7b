//! PagerDuty's Events API v2: what needs somebody opens an incident, what is over resolves it. Each subject is an incident of
//! its own, by its `dedup_key`; `group` and `class` let PagerDuty put those of one wave together.

use serde_json::{Value, json};

use crate::alerts::digest::Said;
use crate::alerts::event::EventKind;
use crate::service::Severity;
use crate::store::EventRecord;

/// So many characters a summary has at most.
const SUMMARY: usize = 1024;

/// The body for events of one subject; nothing where they are news, which open nothing and close nothing.
pub fn body(events: &[EventRecord], routing_key: &str) -> Option<String> {
    let last = Said::read(events.last()?);
    if matches!(last.kind, Some(EventKind::ListingApplied | EventKind::BaselineTaken)) && !last.is_test() {
        return None;
    }
    let source = &last.source;
    let key = format!("{source}/{}", last.subject);
    if is_over(&last) {
        let event = json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key });
        return Some(event.to_string());
    }
    let severity = match last.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let summary = format!("[rmdd] {}: {}", last.word(), last.line());
    let event = json!({
        "routing_key": routing_key,
        "event_action": "trigger",
        "dedup_key": key,
        "client": "rmdd",
        "payload": {
            "summary": summary.chars().take(SUMMARY).collect::<String>(),
            "source": source,
            "severity": severity,
            "timestamp": events.last()?.at.to_string(),
            "component": "rmdd",
            "group": last.subject.split('/').next().unwrap_or_default(),
            "class": last.kind.map_or("", EventKind::as_str),
            "custom_details": last.data,
        },
    });
    Some(event.to_string())
}

/// Whether nothing of an incident is left with its last event.
fn is_over(last: &Said) -> bool {
    let state = |when: &str| last.data.get(when).and_then(|view| view.get("state")).and_then(Value::as_str);
    match last.kind {
        Some(EventKind::AlarmCleared | EventKind::DeadlinePassed | EventKind::PeerAccepted) => true,
        // Its calls are taken: nobody need be woken.
        Some(EventKind::PeerChanged) => state("after") == Some("accepted"),
        // It stands again. One that stood and says something else now is looked at: who changed it?
        Some(EventKind::MeChanged) => state("after") == Some("me_stands") && state("before") != Some("me_stands"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, subject: &str, data: Value) -> EventRecord {
        let body = json!({ "source": "urn:rmdd:1", "data": data }).to_string();
        EventRecord {
            sequence: 1,
            id: "0000000001-0".to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            severity: "critical".to_owned(),
            at: jiff::Timestamp::UNIX_EPOCH,
            body,
        }
    }

    fn read(event: EventRecord) -> Option<(String, String)> {
        let body: Value = serde_json::from_str(&body(&[event], "KEY")?).expect("JSON");
        let text = |name: &str| body[name].as_str().expect(name).to_owned();
        Some((text("event_action"), text("dedup_key")))
    }

    #[test]
    fn each_subject_is_an_incident_of_its_own_which_ends_when_it_stands_as_it_should() {
        let state = |before: &str, after: &str| json!({ "before": { "state": before }, "after": { "state": after } });
        for (kind, subject, data, action) in [
            ("rmdd.peer.refused", "peer/trunk_group/TG-1", state("accepted", "refused"), "trigger"),
            ("rmdd.peer.attention", "peer/trunk_group/TG-1", state("refused", "attention"), "trigger"),
            ("rmdd.peer.accepted", "peer/trunk_group/TG-1", state("refused", "accepted"), "resolve"),
            ("rmdd.peer.changed", "peer/trunk_group/TG-2", state("accepted", "accepted"), "resolve"),
            ("rmdd.peer.changed", "peer/trunk_group/TG-2", state("refused", "refused"), "trigger"),
            ("rmdd.me.removed", "me/0012345678", state("me_stands", "me_removed"), "trigger"),
            ("rmdd.me.changed", "me/0012345678", state("me_removed", "me_stands"), "resolve"),
            ("rmdd.me.changed", "me/0012345678", state("me_stands", "me_stands"), "trigger"),
            ("rmdd.deadline.near", "deadline/x", json!({}), "trigger"),
            ("rmdd.deadline.passed", "deadline/x", json!({}), "resolve"),
            ("rmdd.alarm.raised", "alarm/SYNC_FAILED", json!({}), "trigger"),
            ("rmdd.alarm.cleared", "alarm/SYNC_FAILED", json!({}), "resolve"),
        ] {
            let told = read(event(kind, subject, data));
            assert_eq!(told, Some((action.to_owned(), format!("urn:rmdd:1/{subject}"))), "{kind}");
        }
        assert_eq!(read(event("rmdd.listing.applied", "listing/7", json!({}))), None);
        assert_eq!(read(event("rmdd.baseline.taken", "baseline", json!({}))), None);
        assert!(read(event("rmdd.baseline.taken", "test", json!({ "test": true }))).is_some(), "a test is seen");
    }
}
