//! How the operator's own peers and filings stand.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Compared, Now, Raised, Reported, frn_text};
use crate::alerts::event::{Draft, EventKind, NOT_ON_RECORD, object};
use crate::domain::Frn;
use crate::domain::visible::one_line;
use crate::service::Severity;

/// How a peer or an own filing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::enum_variant_names, reason = "stores have the word `me_stands`")]
pub enum Stands {
    /// Its calls are refused.
    Refused,
    /// It is bound to no filing that is known.
    Unmatched,
    /// Its calls are accepted, and somebody should look.
    Attention,
    /// Its calls are accepted.
    Accepted,
    /// An own filing that is gone from the listing, or was never in it.
    MeRemoved,
    /// An own filing that must be recertified, or was not.
    MeDue,
    /// An own filing that stands as it should.
    MeStands,
}

impl Stands {
    fn kind(self) -> EventKind {
        match self {
            Self::Refused => EventKind::PeerRefused,
            Self::Unmatched => EventKind::PeerUnmatched,
            Self::Attention => EventKind::PeerAttention,
            Self::Accepted => EventKind::PeerAccepted,
            Self::MeRemoved => EventKind::MeRemoved,
            Self::MeDue => EventKind::MeRecertification,
            Self::MeStands => EventKind::MeChanged,
        }
    }

    /// What tells that something else about it changed.
    fn changed(self) -> EventKind {
        match self {
            Self::MeRemoved | Self::MeDue | Self::MeStands => EventKind::MeChanged,
            _ => EventKind::PeerChanged,
        }
    }

    fn severity(self) -> Severity {
        match self {
            Self::Refused | Self::Unmatched | Self::MeRemoved => Severity::Critical,
            Self::Attention | Self::Accepted | Self::MeDue | Self::MeStands => Severity::Warning,
        }
    }

    /// Whether its calls are refused.
    fn bars_calls(self) -> bool {
        matches!(self, Self::Refused | Self::Unmatched)
    }

    fn is_good(self) -> bool {
        matches!(self, Self::Accepted | Self::MeStands)
    }
}

/// How a peer stands now.
#[derive(Debug, Clone)]
pub struct PeerNow {
    /// What it is: `peer/trunk_group/TG-Acme-1`, `me/0012345678`.
    pub subject: String,
    pub name: String,
    /// Its provider.
    pub frn: Option<Frn>,
    /// How it stands.
    pub stands: Stands,
    /// All else whose change is told: verdict, reason, filing, advisories. What is the same is nothing new.
    pub facts: BTreeMap<String, String>,
    /// Why, in a sentence: where its calls are taken and somebody should look, what the matter is.
    pub cause: String,
    /// What is answered about it, in a sentence, and what to know of a filing that is new or back.
    pub answer: String,
    pub rule: String,
    pub what_to_do: String,
}

/// What was reported of a peer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerState {
    /// How it stood.
    pub stands: Stands,
    /// Since when.
    pub since: Timestamp,
    /// All else whose change is told.
    pub facts: BTreeMap<String, String>,
    /// Its name and why.
    pub summary: String,
    /// Its provider.
    pub frn: Option<String>,
}

impl PeerState {
    pub(super) fn as_raised(&self, subject: &str) -> Option<Raised> {
        (!self.stands.is_good()).then(|| Raised {
            subject: subject.to_owned(),
            kind: self.stands.kind(),
            severity: self.stands.severity(),
            since: self.since,
            summary: self.summary.clone(),
            frn: self.frn.clone(),
        })
    }
}

/// How many peers stand how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PeerCounts {
    /// All of them.
    pub total: u64,
    pub refused: u64,
    /// Bound to no filing that is known.
    pub unmatched: u64,
    /// Accepted, and to be looked at.
    pub attention: u64,
    pub accepted: u64,
}

impl PeerCounts {
    /// Counts them. Own filings are none.
    pub fn of(peers: &[PeerNow]) -> Self {
        let mut counts = Self::default();
        for peer in peers {
            let place = match peer.stands {
                Stands::Refused => &mut counts.refused,
                Stands::Unmatched => &mut counts.unmatched,
                Stands::Attention => &mut counts.attention,
                Stands::Accepted => &mut counts.accepted,
                Stands::MeRemoved | Stands::MeDue | Stands::MeStands => continue,
            };
            *place += 1;
            counts.total += 1;
        }
        counts
    }
}

fn view(stands: Stands, facts: &BTreeMap<String, String>) -> Value {
    let mut view = object(json!(facts));
    view.insert("state".to_owned(), json!(stands));
    Value::Object(view)
}

pub(super) fn compare(known: &BTreeMap<&str, Reported>, now: &Now, compared: &mut Compared) {
    let counts = json!(PeerCounts::of(&now.peers));
    let mut seen = BTreeSet::new();
    for peer in &now.peers {
        seen.insert(peer.subject.as_str());
        let was = match known.get(peer.subject.as_str()) {
            Some(Reported::Peer(state)) => Some(state),
            _ => None,
        };
        if was.is_some_and(|was| was.stands == peer.stands && was.facts == peer.facts) {
            continue;
        }
        // One that is new and stands as it should is no news.
        if was.is_some() || !peer.stands.is_good() {
            compared.drafts.push(draft(peer, was, &counts));
        }
        let same = was.filter(|was| was.stands == peer.stands);
        let state = PeerState {
            stands: peer.stands,
            since: same.map_or(now.at, |was| was.since),
            facts: peer.facts.clone(),
            summary: format!("{}: {}", one_line(&peer.name), one_line(&peer.cause)),
            frn: frn_text(peer.frn),
        };
        compared.keep(&peer.subject, &Reported::Peer(state));
    }
    for (subject, state) in known {
        let Reported::Peer(state) = state else { continue };
        if !seen.contains(subject) {
            // Somebody ended it, and knows. Who keeps states, and was told that it does not stand, is told as well.
            if !state.stands.is_good() {
                compared.drafts.push(ended(subject, state, &counts));
            }
            compared.forget(subject);
        }
    }
}

/// That something is no peer, or no own filing, any more.
fn ended(subject: &str, was: &PeerState, counts: &Value) -> Draft {
    let name = was.summary.split(": ").next().unwrap_or_default();
    let own = matches!(was.stands.changed(), EventKind::MeChanged);
    let cause = match own {
        true => "it is not among your own filings (me.frn) any more",
        false => "it is no peer of yours any more: its binding has ended",
    };
    Draft {
        kind: was.stands.changed(),
        subject: subject.to_owned(),
        frn: was.frn.as_ref().and_then(|frn| frn.parse().ok()),
        severity: was.stands.severity(),
        raises: false,
        clears: false,
        only: None,
        data: object(json!({
            "name": one_line(name),
            "cause": cause,
            "before": view(was.stands, &was.facts),
            "after": { "state": NOT_ON_RECORD },
            "peers": counts,
        })),
    }
}

fn draft(peer: &PeerNow, was: Option<&PeerState>, counts: &Value) -> Draft {
    let same = was.is_some_and(|was| was.stands == peer.stands);
    let severity = was.map_or(peer.stands.severity(), |was| {
        // A way back from what was critical is told to whom the way there was.
        if same { Severity::Warning } else { peer.stands.severity().max(was.stands.severity()) }
    });
    Draft {
        kind: if same { peer.stands.changed() } else { peer.stands.kind() },
        subject: peer.subject.clone(),
        frn: peer.frn,
        severity,
        raises: false,
        clears: false,
        only: None,
        data: object(json!({
            "name": one_line(&peer.name),
            "provider": peer.facts.get("provider").map(|name| one_line(name)),
            "number": peer.facts.get("filing"),
            "cause": one_line(&cause(peer, was)),
            "before": was.map(|was| view(was.stands, &was.facts)),
            "after": view(peer.stands, &peer.facts),
            "rule": peer.rule,
            "what_to_do": peer.what_to_do,
            "peers": counts,
        })),
    }
}

/// Why it stands otherwise than it was told to. What has stood all along is no cause of that.
fn cause(peer: &PeerNow, was: Option<&PeerState>) -> String {
    let Some(was) = was else { return peer.cause.clone() };
    let others = || other_facts(&was.facts, &peer.facts);
    if was.stands.bars_calls() && !peer.stands.bars_calls() {
        let matter = (peer.stands == Stands::Attention).then(|| peer.cause.clone());
        let again = format!("its calls are accepted again: {}", peer.answer);
        return std::iter::once(again).chain(matter).collect::<Vec<_>>().join("; ");
    }
    if was.stands == peer.stands {
        return std::iter::once(peer.answer.clone()).chain(others()).collect::<Vec<_>>().join("; ");
    }
    peer.cause.clone()
}

/// What is told of it that was told otherwise before. Its verdict is told by how it stands.
fn other_facts(before: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let of = |facts: &BTreeMap<String, String>, name: &str| facts.get(name).cloned().unwrap_or_default();
    let mut others = Vec::new();
    for name in names.into_iter().filter(|name| !matches!(name.as_str(), "verdict" | ROW)) {
        let (was, is) = (of(before, name), of(now, name));
        if was == is {
            continue;
        }
        if name == "advisories" {
            let lacks = |codes: &str, code: &str| codes.split(' ').all(|other| other != code);
            let came: Vec<&str> = is.split(' ').filter(|code| !code.is_empty() && lacks(&was, code)).collect();
            let went: Vec<&str> = was.split(' ').filter(|code| !code.is_empty() && lacks(&is, code)).collect();
            others.extend((!came.is_empty()).then(|| format!("new is {}", came.join(", "))));
            others.extend((!went.is_empty()).then(|| format!("no more {}", went.join(", "))));
            continue;
        }
        let text = |value: String| if value.is_empty() { "nothing".to_owned() } else { value };
        others.push(format!("its {} was {}, and is {}", name.replace('_', " "), text(was), text(is)));
    }
    if others.is_empty() && before.get(ROW) != now.get(ROW) {
        others.push("other cells of its row in the listing have changed".to_owned());
    }
    others
}

/// The fact that any change of an own filing's row changes.
const ROW: &str = "sha256";
