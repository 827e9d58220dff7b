//! PagerDuty's Events API v2: what needs somebody opens an incident, what is over resolves it.
//!
//! Each subject is an incident of its own, by its `dedup_key`, and ends when it stands as it should. But PagerDuty calls people
//! for each incident, and forty upstreams that one listing takes away are one matter: more than [`APART`] peers that are told
//! of together, and that have no incident yet, are one incident, which is resolved when the last of them stands as it should.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::alerts::digest::{self, Said};
use crate::alerts::event::{EventKind, NOT_ON_RECORD, alarm_subject};
use crate::domain::AlarmCode;
use crate::service::Severity;
use crate::store::EventRecord;

/// So many characters a summary has at most.
const SUMMARY: usize = 1024;

/// So many peers that are told of together have an incident each.
const APART: usize = 3;

/// So many lines of the details of an incident of many peers.
const LINES: usize = 200;

/// What becomes of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incident {
    /// It is opened, or something new about it is said.
    Trigger(String),
    /// Nothing of it is left.
    Resolve(String),
    /// One of its subjects is over, and others are not.
    Remains(String),
    /// The events are news, which open nothing and close nothing.
    News,
}

/// Of the events that wait those that go out next, oldest first, and what they do to which incident. `open` has the incidents
/// in which subjects were told of, by subject.
pub fn next(waiting: &[EventRecord], open: &BTreeMap<String, String>) -> Option<(Vec<EventRecord>, Incident)> {
    let first = waiting.first()?;
    let together = told_together(waiting, open);
    let about = |subject: &str| subject == first.subject;
    if together.contains(first.subject.as_str()) {
        let events = waiting.iter().filter(|event| together.contains(event.subject.as_str())).cloned().collect();
        let key = format!("{}/together/{}", Said::read(first).source, first.id);
        return Some((events, Incident::Trigger(key)));
    }
    let events: Vec<EventRecord> = waiting.iter().filter(|event| about(&event.subject)).cloned().collect();
    let last = Said::read(events.last()?);
    let key = open.get(&last.subject).cloned().unwrap_or_else(|| format!("{}/{}", last.source, last.subject));
    let incident = match (is_news(&last), is_over(&last)) {
        (true, _) => Incident::News,
        (_, false) => Incident::Trigger(key),
        (_, true) if open.iter().any(|(subject, of)| *of == key && !about(subject)) => Incident::Remains(key),
        (_, true) => Incident::Resolve(key),
    };
    Some((events, incident))
}

/// The subjects that are one incident; none where the peers among them are few.
fn told_together<'a>(waiting: &'a [EventRecord], open: &BTreeMap<String, String>) -> BTreeSet<&'a str> {
    let gone = alarm_subject(AlarmCode::PeersGone.as_str());
    let is_peer = |subject: &str| subject.starts_with("peer/");
    let last: BTreeMap<&str, &EventRecord> = waiting
        .iter()
        .filter(|event| (is_peer(&event.subject) || event.subject == gone) && !open.contains_key(&event.subject))
        .map(|event| (event.subject.as_str(), event))
        .collect();
    let opening: BTreeSet<&str> =
        last.into_iter().filter(|(_, event)| !is_over(&Said::read(event))).map(|(subject, _)| subject).collect();
    match opening.iter().filter(|subject| is_peer(subject)).count() {
        few if few <= APART => BTreeSet::new(),
        _ => opening,
    }
}

/// The body of a message; nothing where PagerDuty need not be told.
pub fn body(events: &[EventRecord], incident: &Incident, routing_key: &str) -> Option<String> {
    let event = match incident {
        Incident::News | Incident::Remains(_) => return None,
        Incident::Resolve(key) => {
            json!({ "routing_key": routing_key, "event_action": "resolve", "dedup_key": key })
        }
        Incident::Trigger(key) => json!({
            "routing_key": routing_key,
            "event_action": "trigger",
            "dedup_key": key,
            "client": "rmdd",
            "payload": payload(events)?,
        }),
    };
    Some(event.to_string())
}

fn payload(events: &[EventRecord]) -> Option<Value> {
    let said: Vec<Said> = events.iter().map(Said::read).collect();
    // The worst, and of those the last.
    let worst = said.iter().max_by_key(|said| said.severity)?;
    let several = said.iter().any(|other| other.subject != worst.subject);
    let last = if several { worst } else { said.last()? };
    let severity = match last.severity {
        Severity::Critical => "critical",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let summary = match several {
        true => digest::of(events).subject,
        false => format!("[rmdd] {}: {}", last.word(), last.line()),
    };
    let details = match several {
        true => json!({
            "count": said.len(),
            "told": said.iter().take(LINES).map(|said| format!("{}: {}", said.word(), said.line())).collect::<Vec<_>>(),
            "what_to_do": "see `rmdd peers list`",
        }),
        false => Value::Object(last.data.clone()),
    };
    Some(json!({
        "summary": summary.chars().take(SUMMARY).collect::<String>(),
        "source": last.source,
        "severity": severity,
        "timestamp": events.last()?.at.to_string(),
        "component": "rmdd",
        "group": last.subject.split('/').next().unwrap_or_default(),
        "class": last.kind.map_or("", EventKind::as_str),
        "custom_details": details,
    }))
}

/// Whether it opens nothing and closes nothing.
fn is_news(last: &Said) -> bool {
    matches!(last.kind, Some(EventKind::ListingApplied | EventKind::BaselineTaken)) && !last.is_test()
}

/// Whether nothing of an incident is left with its last event.
fn is_over(last: &Said) -> bool {
    match last.kind {
        Some(
            EventKind::AlarmCleared | EventKind::DeadlinePassed | EventKind::DeadlineCleared | EventKind::PeerAccepted,
        ) => true,
        // Its calls are taken, or it is no peer any more: nobody need be woken.
        Some(EventKind::PeerChanged) => matches!(last.state("after"), Some("accepted" | NOT_ON_RECORD)),
        // It stands again. One that stood and says something else now is looked at: who changed it?
        Some(EventKind::MeChanged) => match last.state("after") {
            Some(NOT_ON_RECORD) => true,
            after => after == Some("me_stands") && last.state("before") != Some("me_stands"),
        },
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
            removed: Vec::new(),
        }
    }

    fn told(events: &[EventRecord], open: &BTreeMap<String, String>) -> Option<(String, String)> {
        let (events, incident) = next(events, open)?;
        let body: Value = serde_json::from_str(&body(&events, &incident, "KEY")?).expect("JSON");
        let text = |name: &str| body[name].as_str().expect(name).to_owned();
        Some((text("event_action"), text("dedup_key")))
    }

    fn read(event: EventRecord) -> Option<(String, String)> {
        told(&[event], &BTreeMap::new())
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
            ("rmdd.peer.changed", "peer/trunk_group/TG-2", state("refused", "not_on_record"), "resolve"),
            ("rmdd.me.removed", "me/0012345678", state("me_stands", "me_removed"), "trigger"),
            ("rmdd.me.changed", "me/0012345678", state("me_removed", "me_stands"), "resolve"),
            ("rmdd.me.changed", "me/0012345678", state("me_stands", "me_stands"), "trigger"),
            ("rmdd.deadline.near", "deadline/x", json!({}), "trigger"),
            ("rmdd.deadline.passed", "deadline/x", json!({}), "resolve"),
            ("rmdd.deadline.cleared", "deadline/x", json!({}), "resolve"),
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

    #[test]
    fn many_peers_of_one_cycle_are_one_incident_that_ends_with_the_last_of_them() {
        let refused = |name: usize| event("rmdd.peer.refused", &format!("peer/trunk_group/TG-{name}"), json!({}));
        let accepted = |name: usize| event("rmdd.peer.accepted", &format!("peer/trunk_group/TG-{name}"), json!({}));
        let failed = event("rmdd.alarm.raised", "alarm/SYNC_FAILED", json!({}));
        let gone = event("rmdd.alarm.raised", "alarm/PEERS_GONE", json!({}));
        let none = BTreeMap::new();
        let few: Vec<EventRecord> = (1..=3).map(refused).collect();
        let (events, incident) = next(&few, &none).expect("a message");
        assert_eq!((events.len(), incident), (1, Incident::Trigger("urn:rmdd:1/peer/trunk_group/TG-1".to_owned())));

        let wave: Vec<EventRecord> = (1..=4).map(refused).chain([failed.clone(), gone, accepted(9)]).collect();
        let (events, incident) = next(&wave, &none).expect("a message");
        let key = "urn:rmdd:1/together/0000000001-0";
        assert_eq!((events.len(), &incident), (5, &Incident::Trigger(key.to_owned())), "and that they are gone");
        let body: Value = serde_json::from_str(&body(&events, &incident, "KEY").expect("a body")).expect("JSON");
        assert_eq!(body["payload"]["summary"], "[rmdd] 4 of your upstreams may no longer hand you calls");
        assert_eq!(body["payload"]["severity"], "critical");
        assert_eq!(next(&wave[4..], &none).expect("a message").0, [failed]);

        let mut open: BTreeMap<String, String> =
            events.iter().map(|event| (event.subject.clone(), key.to_owned())).collect();
        let more: Vec<EventRecord> = [1, 5, 6, 7].map(refused).into();
        assert_eq!(told(&more, &open), Some(("trigger".to_owned(), key.to_owned())), "it has an incident");
        open.remove("alarm/PEERS_GONE");
        for name in 1..=3 {
            assert_eq!(told(&[accepted(name)], &open), None, "others are left");
            open.remove(&format!("peer/trunk_group/TG-{name}"));
        }
        assert_eq!(told(&[accepted(4)], &open), Some(("resolve".to_owned(), key.to_owned())));
    }
}
