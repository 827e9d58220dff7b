//! One message for people, of all that belongs together: own peers first, then the own filing, deadlines, the listing's news,
//! alarms. It is made of the frozen events alone, so that it is the same in every attempt.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::alerts::event::{self, EventKind, NOT_ON_RECORD, code_of, is_remark_on_a_listing};
use crate::domain::visible::one_line;
use crate::domain::wording;
use crate::records::lists::table;
use crate::service::Severity;
use crate::store::EventRecord;

/// So many lines of one kind are in the text. All are in the CSV.
const LINES: usize = 60;

/// So many of the operator's own peers are named in one line.
const PEERS_A_LINE: usize = 6;

/// What an event says.
#[derive(Debug, Clone)]
pub struct Said {
    /// Its type, if this version knows it.
    pub kind: Option<EventKind>,
    /// What it is about.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// The provider.
    pub frn: Option<String>,
    /// Which rmdd says so.
    pub source: String,
    /// What it says.
    pub data: Map<String, Value>,
}

impl Said {
    /// Reads an event as it was stored.
    pub fn read(event: &EventRecord) -> Self {
        let mut body: Map<String, Value> = serde_json::from_str(&event.body).unwrap_or_default();
        let text = |body: &Map<String, Value>, name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind: EventKind::read(&event.kind),
            subject: event.subject.clone(),
            severity: match event.severity.as_str() {
                "critical" => Severity::Critical,
                "warning" => Severity::Warning,
                _ => Severity::Note,
            },
            frn: text(&body, "partitionkey"),
            source: text(&body, "source").unwrap_or_default(),
            data: match body.remove("data") {
                Some(Value::Object(data)) => data,
                _ => Map::new(),
            },
        }
    }

    /// A text in what it says; empty if there is none.
    pub fn text(&self, name: &str) -> String {
        self.data.get(name).and_then(Value::as_str).map(one_line).unwrap_or_default()
    }

    /// A number in what it says.
    pub fn number(&self, name: &str) -> u64 {
        self.data.get(name).and_then(Value::as_u64).unwrap_or_default()
    }

    /// The operator's own peers that a listing concerns, by name.
    fn own_peers(&self) -> Vec<String> {
        let own = self.data.get("own_peers").and_then(Value::as_array).into_iter().flatten();
        own.filter_map(Value::as_str).map(one_line).collect()
    }

    /// How what it is about stood `before`, or stands `after`.
    pub fn state(&self, when: &str) -> Option<&str> {
        self.data.get(when)?.get("state")?.as_str()
    }

    /// How early it is told of in a message, the worst first.
    fn rank(&self) -> u8 {
        use EventKind as K;
        match (self.kind, self.severity) {
            (Some(K::PeerRefused | K::PeerUnmatched | K::MeRemoved), _) => 0,
            (Some(K::AlarmRaised), Severity::Critical) => 0,
            (Some(K::PeerAttention | K::MeRecertification | K::AlarmRaised | K::DeadlineNear), _) => 1,
            (Some(K::PeerAccepted | K::AlarmCleared | K::DeadlineCleared), _) => 3,
            _ => 2,
        }
    }

    /// Whether what it is about is in trouble behind it; nothing where other events say so.
    fn leaves_open(&self) -> Option<bool> {
        match self.kind? {
            EventKind::DeadlineNear => Some(true),
            EventKind::DeadlinePassed | EventKind::DeadlineCleared => Some(false),
            _ => self.state("after").map(|state| !matches!(state, "accepted" | "me_stands" | NOT_ON_RECORD)),
        }
    }

    /// Whether somebody asked for it, to see whether it arrives.
    pub fn is_test(&self) -> bool {
        self.data.get("test") == Some(&Value::Bool(true))
    }

    /// Its type without what they have in common.
    pub fn word(&self) -> String {
        self.kind.map_or("event", EventKind::as_str).trim_start_matches("rmdd.").to_owned()
    }

    /// All of it on one line.
    pub fn line(&self) -> String {
        let cause = self.text("cause");
        let name = self.text("name");
        match (self.kind, code_of(&self.subject)) {
            (Some(EventKind::AlarmRaised), Some(code)) if self.data.get("flapping") == Some(&Value::Bool(true)) => {
                format!("{code} comes and goes: {cause}")
            }
            (Some(EventKind::AlarmRaised), Some(code)) => format!("{code}: {cause}"),
            (Some(EventKind::AlarmCleared), Some(code)) => format!("{code} is over: {cause}"),
            _ if name.is_empty() => cause,
            _ => format!("{name}: {cause}"),
        }
    }
}

/// A message for people.
#[derive(Debug, Clone)]
pub struct Digest {
    /// What it is about, in one line.
    pub subject: String,
    /// The text, line by line.
    pub lines: Vec<String>,
    /// The whole list, as CSV.
    pub csv: String,
}

impl Digest {
    /// The lines as a mail has them.
    pub fn text(&self) -> String {
        self.lines.iter().fold(String::new(), |text, line| text + line + "\n")
    }
}

/// The digest of events.
pub fn of(events: &[EventRecord]) -> Digest {
    let all: Vec<Said> = events.iter().map(Said::read).collect();
    let said = newest_of_each(&all);
    let mut lines = Vec::new();
    let is = |group: &'static str| move |said: &&&Said| said.word().split('.').next() == Some(group);
    for (group, title) in [
        ("peer", "Your upstreams"),
        ("me", "Your own filing"),
        ("deadline", "What changes by itself"),
        ("alarm", "rmdd itself"),
        ("baseline", "From now on"),
        ("listing", "The listing"),
    ] {
        let of_group: Vec<&Said> = said.iter().filter(is(group)).copied().collect();
        if of_group.is_empty() {
            continue;
        }
        lines.push(title.to_owned());
        for said in of_group.iter().take(LINES) {
            lines.extend(lines_of(said));
        }
        if of_group.len() > LINES {
            lines.push(format!("  … and {} more, all in the list", wording::count((of_group.len() - LINES) as u64)));
        }
        lines.push(String::new());
    }
    lines.extend(found(events));
    lines.push("Ask with: rmdd status, rmdd peers list, rmdd alerts list".to_owned());
    Digest { subject: format!("[rmdd] {}", headline(&said)), lines, csv: csv(events, &all) }
}

/// What is so by now of each subject, the worst first: what came and went meanwhile is in the list alone.
fn newest_of_each(all: &[Said]) -> Vec<&Said> {
    let last: BTreeMap<&str, usize> =
        all.iter().enumerate().map(|(place, said)| (said.subject.as_str(), place)).collect();
    let newest = all.iter().enumerate().filter(|(place, said)| last.get(said.subject.as_str()) == Some(place));
    let mut newest: Vec<&Said> = newest.map(|(_, said)| said).collect();
    newest.sort_by_key(|said| said.rank());
    newest
}

/// The subjects of events, each with whether the last of them leaves it in trouble: later messages about those belong to this
/// one. Alarms are not among them, whose events are pairs.
pub fn left_open(events: &[EventRecord]) -> BTreeMap<String, bool> {
    let left = |event: &EventRecord| Some((event.subject.clone(), Said::read(event).leaves_open()?));
    events.iter().filter_map(left).collect()
}

/// When it was found: what waited for long, or is sent again, is old news.
fn found(events: &[EventRecord]) -> Option<String> {
    let times = || events.iter().map(|event| event.at);
    let (first, last) = (wording::moment(times().min()?), wording::moment(times().max()?));
    Some(if first == last { format!("Found: {first}") } else { format!("Found: {first} to {last}") })
}

fn lines_of(said: &Said) -> Vec<String> {
    let word = said.word();
    let word = word.rsplit('.').next().unwrap_or_default().to_uppercase();
    let mut lines = vec![format!("  {word:<10} {}", said.line())];
    let rule = said.text("rule");
    if !rule.is_empty() {
        lines.push(format!("             rule: {rule}"));
    }
    let to_do = said.text("what_to_do");
    if !to_do.is_empty() && said.kind != Some(EventKind::AlarmCleared) {
        lines.push(format!("             do: {to_do}"));
    }
    if said.kind == Some(EventKind::ListingApplied) {
        for few in said.own_peers().chunks(PEERS_A_LINE).take(LINES) {
            lines.push(format!("    yours: {}", few.join(", ")));
        }
        let removed = event::removed(&said.data);
        for filing in removed.iter().take(LINES) {
            let [number, frn, name] = filing.each_ref().map(|text| one_line(text));
            lines.push(format!("    - {number} {frn} {name}"));
        }
        let all = said.number("removed_count");
        let shown = removed.len().min(LINES) as u64;
        if all > shown {
            lines.push(format!("    … and {} more: rmdd removals", wording::count(all - shown)));
        }
    }
    lines
}

/// What it is all about.
fn headline(said: &[&Said]) -> String {
    let count = |kind: EventKind| said.iter().filter(|said| said.kind == Some(kind)).count();
    let all = said.iter().rev().find_map(|said| said.data.get("peers").and_then(|peers| peers.get("total")?.as_u64()));
    let upstreams = |count: usize| match all {
        Some(all) => format!("{count} of your {} upstream{}", wording::count(all), if all == 1 { "" } else { "s" }),
        None => format!("{count} of your upstreams"),
    };
    let removed: u64 = said
        .iter()
        .filter(|said| said.kind == Some(EventKind::ListingApplied))
        .map(|said| said.number("removed_count"))
        .sum();
    let behind = match removed {
        0 => String::new(),
        1 => " (1 filing removed)".to_owned(),
        removed => format!(" ({} filings removed)", wording::count(removed)),
    };
    let refused = count(EventKind::PeerRefused) + count(EventKind::PeerUnmatched);
    if refused > 0 {
        return format!("{} may no longer hand you calls{behind}", upstreams(refused));
    }
    if said.iter().any(|said| said.kind == Some(EventKind::MeRemoved)) {
        return format!("your own filing is gone from the listing{behind}");
    }
    let attention = count(EventKind::PeerAttention) + count(EventKind::PeerChanged);
    if attention > 0 {
        return format!("{} should be looked at{behind}", upstreams(attention));
    }
    let accepted = count(EventKind::PeerAccepted);
    if accepted > 0 {
        return format!("{} may hand you calls again{behind}", upstreams(accepted));
    }
    let concerns = |said: &&Said| said.kind == Some(EventKind::ListingApplied) && said.number("own_peers_count") > 0;
    let concerned = said.iter().any(concerns);
    // What is odd about a listing comes behind what it does to the own peers.
    let others: Vec<&Said> = said
        .iter()
        .copied()
        .filter(|said| said.kind != Some(EventKind::ListingApplied))
        .filter(|said| !concerned || !is_remark_on_a_listing(&said.subject))
        .collect();
    match others.as_slice() {
        [] => match said.iter().map(|said| said.number("own_peers_count")).sum::<u64>() {
            0 => format!("a listing was applied{behind}"),
            own => format!("the filings of {} changed{behind}", upstreams(usize::try_from(own).unwrap_or(usize::MAX))),
        },
        [one] => short(one),
        [one, rest @ ..] => format!("{}, and {} more", short(one), rest.len()),
    }
}

/// One event in few words of our own.
fn short(said: &Said) -> String {
    match (said.kind, code_of(&said.subject)) {
        (Some(EventKind::AlarmRaised), Some(code)) if said.data.get("flapping") == Some(&Value::Bool(true)) => {
            format!("alarm {code} comes and goes")
        }
        (Some(EventKind::AlarmRaised), Some(code)) if said.data.get("repeated") == Some(&Value::Bool(true)) => {
            format!("alarm {code} still stands")
        }
        (Some(EventKind::AlarmRaised), Some(code)) => format!("alarm {code}"),
        (Some(EventKind::AlarmCleared), Some(code)) => format!("alarm {code} is over"),
        (Some(EventKind::DeadlineNear), _) => "something changes within 24 hours".to_owned(),
        (Some(EventKind::DeadlinePassed), _) => "a deadline has passed".to_owned(),
        (Some(EventKind::DeadlineCleared), _) => "a deadline does not come any more".to_owned(),
        (Some(EventKind::MeChanged), _) => "your own filing has changed".to_owned(),
        (Some(EventKind::MeRecertification), _) => "your own filing must be recertified".to_owned(),
        (Some(EventKind::BaselineTaken), _) => "alerts begin here".to_owned(),
        _ => said.word(),
    }
}

fn csv(events: &[EventRecord], said: &[Said]) -> String {
    let header = ["time", "event", "severity", "about", "frn", "number", "name", "cause", "rule", "what to do"]
        .map(str::to_owned);
    let mut rows = vec![header.to_vec()];
    for (event, said) in events.iter().zip(said) {
        let cells = [
            event.at.to_string(),
            said.word(),
            event.severity.clone(),
            event.subject.clone(),
            said.frn.clone().unwrap_or_default(),
            said.text("number"),
            [said.text("name"), said.text("provider")].into_iter().find(|name| !name.is_empty()).unwrap_or_default(),
            said.text("cause"),
            said.text("rule"),
            said.text("what_to_do"),
        ];
        rows.push(cells.into_iter().map(table::as_text).collect());
        for name in said.own_peers() {
            let mut cells: [String; 10] = Default::default();
            [cells[0], cells[1], cells[2], cells[3]] =
                [event.at.to_string(), "yours".to_owned(), event.severity.clone(), name];
            rows.push(cells.into_iter().map(table::as_text).collect());
        }
        for filing in removed(event, said) {
            let [number, frn, name] = filing.map(|text| one_line(&text));
            let empty = String::new;
            let cells = [
                event.at.to_string(),
                "removed".to_owned(),
                "note".to_owned(),
                empty(),
                frn,
                number,
                name,
                empty(),
                empty(),
                empty(),
            ];
            rows.push(cells.into_iter().map(table::as_text).collect());
        }
    }
    let mut out = Vec::new();
    // A vector takes all that is written.
    let _ = table::write(&mut out, rows);
    String::from_utf8_lossy(&out).into_owned()
}

/// All that an event says was removed: number, FRN, name. Its body may have no room for them.
fn removed(event: &EventRecord, said: &Said) -> Vec<[String; 3]> {
    if event.removed.is_empty() { event::removed(&said.data) } else { event.removed.clone() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, subject: &str, minute: i64, data: Value) -> EventRecord {
        EventRecord {
            sequence: 1,
            id: "0000000001-0".to_owned(),
            kind: kind.to_owned(),
            subject: subject.to_owned(),
            severity: "warning".to_owned(),
            at: jiff::Timestamp::from_second(minute * 60).expect("a time"),
            body: json!({ "source": "urn:rmdd:1", "data": data }).to_string(),
            removed: Vec::new(),
        }
    }

    #[test]
    fn own_upstreams_come_before_what_is_odd_about_a_listing_and_it_is_said_when_it_was_found() {
        let applied = |own: u64| {
            event("rmdd.listing.applied", "listing/7", 0, json!({ "own_peers_count": own, "removed_count": 251 }))
        };
        let odd = event("rmdd.alarm.raised", "alarm/LISTING_CORROBORATED", 0, json!({ "cause": "two copies" }));
        let old = event("rmdd.alarm.raised", "alarm/LISTING_OLD", 61, json!({ "cause": "it is old" }));
        let subject = |events: &[EventRecord]| of(events).subject;
        let of_27 = "[rmdd] the filings of 27 of your upstreams changed (251 filings removed)";
        assert_eq!(subject(&[applied(27), odd.clone()]), of_27);
        assert_eq!(subject(&[applied(0), odd.clone()]), "[rmdd] alarm LISTING_CORROBORATED");
        assert_eq!(subject(&[applied(27), odd.clone(), old.clone()]), "[rmdd] alarm LISTING_OLD");
        let found = |events: &[EventRecord]| of(events).lines.into_iter().find(|line| line.starts_with("Found"));
        assert_eq!(found(std::slice::from_ref(&odd)).as_deref(), Some("Found: 1970-01-01 00:00:00 UTC"));
        assert_eq!(found(&[odd, old]).as_deref(), Some("Found: 1970-01-01 00:00:00 UTC to 1970-01-01 01:01:00 UTC"));
    }

    #[test]
    fn the_worst_comes_first_and_each_peer_once() {
        let peer = |kind: &str, name: &str| {
            let data = json!({ "name": name, "cause": "because", "peers": { "total": 3 } });
            event(&format!("rmdd.peer.{kind}"), &format!("peer/{name}"), 0, data)
        };
        let events = [peer("accepted", "a"), peer("attention", "b"), peer("attention", "c"), peer("refused", "b")];
        let digest = of(&events);
        assert_eq!(digest.subject, "[rmdd] 1 of your 3 upstreams may no longer hand you calls");
        let told: Vec<&str> = digest.lines.iter().filter_map(|line| line.trim().strip_suffix(": because")).collect();
        assert_eq!(told, ["REFUSED    b", "ATTENTION  c", "ACCEPTED   a"]);
        assert_eq!(digest.csv.lines().count(), 5, "all are in the list");
        let alarm = |kind: &str, minute| {
            event(
                &format!("rmdd.alarm.{kind}"),
                "alarm/SYNC_FAILED",
                minute,
                json!({ "flapping": true, "cause": "it" }),
            )
        };
        let flapping = of(&[alarm("cleared", 0), alarm("raised", 1)]);
        assert_eq!(flapping.subject, "[rmdd] alarm SYNC_FAILED comes and goes");
    }

    #[test]
    fn the_list_of_a_mail_is_whole_though_an_event_has_no_room_for_it_and_own_peers_are_named_first() {
        let gone: Vec<Value> = (0..1_203)
            .map(|place| json!({ "number": format!("RMD{place:07}"), "frn": format!("{place:010}"), "name": "A Telephone Company" }))
            .collect();
        let data = json!({ "cause": "applied", "removed_count": 1_203, "own_peers_count": 2, "own_peers": ["TG-1", "TG-2"], "removed": gone });
        let Value::Object(data) = data else { panic!("an object") };
        let draft = crate::alerts::event::Draft {
            kind: EventKind::ListingApplied,
            subject: "listing/7".to_owned(),
            frn: None,
            severity: Severity::Warning,
            raises: false,
            clears: false,
            only: None,
            data,
        };
        let event = draft.freeze(1, 0, jiff::Timestamp::UNIX_EPOCH).expect("an event");
        assert!(
            event.body.len() <= crate::alerts::event::MOST_BYTES && event.body.len() > 15_000,
            "{}",
            event.body.len()
        );
        let said = Said::read(&event);
        let shown = said.data["removed"].as_array().expect("a list").len() as u64;
        assert_eq!(said.number("left_out"), 1_203 - shown);
        let digest = of(&[event]);
        assert_eq!(digest.csv.lines().filter(|line| line.contains(",removed,")).count(), 1_203);
        assert_eq!(digest.csv.lines().filter(|line| line.contains(",yours,")).count(), 2);
        let yours = digest.lines.iter().position(|line| line.trim() == "yours: TG-1, TG-2").expect("named");
        let first = digest.lines.iter().position(|line| line.contains("RMD0000000")).expect("listed");
        assert!(yours < first);
    }
}
