//! Alarms: raised, worse, over; one that comes and goes is told of once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Before, Compared, Now, Raised, Reported};
use crate::alerts::event::{Draft, EventKind, alarm_subject, code_of};
use crate::service::{Alarm, Severity};

/// An alarm that is raised so often within [`QUIET`] comes and goes.
const OFTEN: usize = 3;

/// And it does so until nothing changed for so long.
const QUIET: SignedDuration = SignedDuration::from_hours(1);

/// What was reported of an alarm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlarmState {
    /// Whether it holds.
    pub raised: bool,
    /// How bad it is: 0 a note, 1 a warning, 2 critical.
    pub severity: u8,
    /// How bad it was at its worst since it was raised.
    pub worst: u8,
    /// Since when it holds, or does not.
    pub since: Timestamp,
    /// Its sentence when it was raised.
    pub message: String,
    /// When it was raised within the last hour.
    #[serde(default)]
    pub raises: Vec<Timestamp>,
    /// Whether it comes and goes.
    #[serde(default)]
    pub flapping: bool,
}

fn number(severity: Severity) -> u8 {
    match severity {
        Severity::Note => 0,
        Severity::Warning => 1,
        Severity::Critical => 2,
    }
}

fn severity(number: u8) -> Severity {
    match number {
        0 => Severity::Note,
        1 => Severity::Warning,
        _ => Severity::Critical,
    }
}

impl AlarmState {
    pub(super) fn as_raised(&self, subject: &str) -> Option<Raised> {
        self.raised.then(|| Raised {
            subject: subject.to_owned(),
            kind: EventKind::AlarmRaised,
            severity: severity(self.severity),
            since: self.since,
            summary: self.message.clone(),
            frn: None,
        })
    }
}

/// The alarms of one code, as one: the worst of them speaks.
fn by_code(alarms: &[Alarm]) -> BTreeMap<&'static str, (Alarm, usize)> {
    let mut by_code: BTreeMap<&'static str, (Alarm, usize)> = BTreeMap::new();
    for alarm in alarms {
        let (worst, count) = by_code.entry(alarm.code.as_str()).or_insert_with(|| (alarm.clone(), 0));
        *count += 1;
        if alarm.severity > worst.severity {
            *worst = alarm.clone();
        }
    }
    by_code
}

pub(super) fn compare(known: &BTreeMap<&str, Reported>, before: &Before<'_>, now: &Now, compared: &mut Compared) {
    let current = by_code(&now.alarms);
    for (code, (alarm, count)) in &current {
        let subject = alarm_subject(code);
        let was = match known.get(subject.as_str()) {
            Some(Reported::Alarm(state)) => Some(state),
            _ => None,
        };
        holds(was, alarm, *count, now, compared);
        if let Some(was) = was.filter(|was| was.raised && !was.flapping) {
            repeat(&subject, was, alarm, before, now, compared);
        }
    }
    for (subject, state) in known {
        if let (Some(code), Reported::Alarm(state)) = (code_of(subject), state)
            && !current.contains_key(code)
            && !(now.fleet_unknown && code.starts_with("FLEET_"))
        {
            is_over(subject, code, state, now, compared);
        }
    }
}

fn draft(kind: EventKind, alarm: &Alarm, severity: Severity, more: serde_json::Value) -> Draft {
    let mut data = json!({
        "cause": alarm.message,
        "code": alarm.code.as_str(),
        "what_to_do": alarm.remedy,
    });
    if let (Some(data), serde_json::Value::Object(more)) = (data.as_object_mut(), more) {
        data.extend(more);
    }
    Draft::of_alarm(kind, alarm.code.as_str(), severity, data)
}

/// An alarm that holds.
fn holds(was: Option<&AlarmState>, alarm: &Alarm, count: usize, now: &Now, compared: &mut Compared) {
    let subject = alarm_subject(alarm.code.as_str());
    let level = number(alarm.severity);
    let state = |since, worst, raises, flapping| {
        Reported::Alarm(AlarmState {
            raised: true,
            severity: level,
            worst,
            since,
            message: alarm.message.clone(),
            raises,
            flapping,
        })
    };
    match was {
        Some(was) if was.raised => {
            if was.flapping && now.at.duration_since(was.since) >= QUIET {
                compared.keep(&subject, &state(was.since, was.worst.max(level), Vec::new(), false));
            } else if was.severity != level {
                let worst = was.worst.max(level);
                if !was.flapping {
                    let more = json!({
                        "before": { "state": "raised", "severity": severity(was.severity).as_str() },
                        "after": { "state": "raised", "severity": alarm.severity.as_str(), "count": count },
                    });
                    // As bad as it was told: who was told that it is critical is told that it is not any more.
                    let told = severity(was.severity.max(level));
                    compared.drafts.push(draft(EventKind::AlarmRaised, alarm, told, more));
                }
                compared.keep(&subject, &state(was.since, worst, was.raises.clone(), was.flapping));
            }
        }
        _ => {
            let mut raises = was.map(|was| was.raises.clone()).unwrap_or_default();
            raises.retain(|at| now.at.duration_since(*at) < QUIET);
            raises.push(now.at);
            let was_flapping = was.is_some_and(|was| was.flapping && now.at.duration_since(was.since) < QUIET);
            let flapping = was_flapping || raises.len() >= OFTEN;
            if !was_flapping {
                let more = json!({
                    "before": { "state": "not raised" },
                    "after": { "state": "raised", "severity": alarm.severity.as_str(), "count": count },
                    "flapping": flapping,
                });
                compared.drafts.push(draft(EventKind::AlarmRaised, alarm, alarm.severity, more));
            }
            compared.keep(&subject, &state(now.at, level, raises, flapping));
        }
    }
}

/// An alarm that is over, or was before.
fn is_over(subject: &str, code: &str, was: &AlarmState, now: &Now, compared: &mut Compared) {
    let mut raises = was.raises.clone();
    raises.retain(|at| now.at.duration_since(*at) < QUIET);
    let over = |was: &AlarmState, flapped: bool| {
        Draft::of_alarm(
            EventKind::AlarmCleared,
            code,
            severity(was.worst),
            json!({
                "cause": was.message,
                "code": code,
                "before": { "state": "raised", "severity": severity(was.severity).as_str() },
                "after": { "state": "not raised" },
                "flapping": flapped,
            }),
        )
    };
    if was.raised {
        if !was.flapping {
            compared.drafts.push(over(was, false));
        }
        let state = AlarmState { raised: false, since: now.at, raises, ..was.clone() };
        compared.keep(subject, &Reported::Alarm(state));
    } else if was.flapping && now.at.duration_since(was.since) >= QUIET {
        // Quiet, and not raised: that is told now, as it was held back before.
        compared.drafts.push(over(was, true));
        compared.forget(subject);
    } else if !was.flapping && raises.is_empty() {
        compared.forget(subject);
    }
}

/// Tells channels again that wish it.
fn repeat(subject: &str, was: &AlarmState, alarm: &Alarm, before: &Before<'_>, now: &Now, compared: &mut Compared) {
    let Some(told) = before.told else { return };
    for repeats in before.repeats {
        let told = told.get(&(repeats.channel.clone(), subject.to_owned())).filter(|told| told.open);
        if told.is_some_and(|told| now.at.duration_since(told.at) >= repeats.every) {
            let more = json!({ "repeated": true, "since": was.since.to_string() });
            let draft = draft(EventKind::AlarmRaised, alarm, alarm.severity, more);
            compared.drafts.push(Draft { only: Some(repeats.channel.clone()), ..draft });
        }
    }
}
