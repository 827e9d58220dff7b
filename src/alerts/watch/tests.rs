use super::*;
use crate::domain::AlarmCode;

/// What a store would keep of what is compared.
#[derive(Default)]
struct Told {
    reported: Option<BTreeMap<String, Value>>,
    told: BTreeMap<(String, String), crate::store::Told>,
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn alarm(code: AlarmCode, severity: Severity) -> Alarm {
    Alarm::new(code, severity, format!("{code:?} holds"))
}

fn peer(name: &str, stands: Stands) -> PeerNow {
    PeerNow {
        subject: format!("peer/{name}"),
        name: name.to_owned(),
        frn: Some("0012345678".parse().expect("an FRN")),
        stands,
        facts: BTreeMap::from([("reason".to_owned(), format!("{stands:?}"))]),
        cause: "because".to_owned(),
        answer: "the listing decides".to_owned(),
        rule: "a rule".to_owned(),
        what_to_do: "look".to_owned(),
    }
}

impl Told {
    fn with_baseline() -> Self {
        Self { reported: Some(BTreeMap::new()), ..Self::default() }
    }

    /// Compares, and keeps what came of it. Returns the types and subjects of the events.
    fn step(&mut self, now: &Now) -> Vec<Draft> {
        let repeats = [Repeats { channel: "mail".to_owned(), every: jiff::SignedDuration::from_hours(24) }];
        let before = Before { reported: self.reported.as_ref(), told: Some(&self.told), repeats: &repeats };
        let compared = compare(&before, now);
        let reported = self.reported.get_or_insert_default();
        for (subject, state) in compared.reported {
            match state {
                Some(state) => _ = reported.insert(subject, state),
                None => _ = reported.remove(&subject),
            }
        }
        for draft in compared.drafts.iter().filter(|draft| draft.raises || draft.clears) {
            let told = crate::store::Told { at: now.at, open: draft.raises, thread: None };
            self.told.insert(("mail".to_owned(), draft.subject.clone()), told);
        }
        compared.drafts
    }

    fn kinds(&mut self, now: &Now) -> Vec<&'static str> {
        self.step(now).iter().map(|draft| draft.kind.as_str().trim_start_matches("rmdd.")).collect()
    }
}

fn alarms(time: &str, alarms: &[Alarm]) -> Now {
    Now { at: at(time), alarms: alarms.to_vec(), ..Now::default() }
}

#[test]
fn the_first_comparison_takes_a_baseline_and_tells_only_that() {
    let mut told = Told::default();
    let now = Now {
        peers: vec![peer("a", Stands::Refused), peer("b", Stands::Accepted)],
        ..alarms("2026-11-26T12:00:00Z", &[alarm(AlarmCode::ListingOld, Severity::Warning)])
    };
    let drafts = told.step(&now);
    assert_eq!(drafts.len(), 1);
    assert_eq!((drafts[0].kind, drafts[0].severity), (EventKind::BaselineTaken, Severity::Warning));
    assert_eq!(drafts[0].data["refused"], json!(["a"]));
    assert!(told.kinds(&now).is_empty());
    // From then on what changes is told.
    let later = Now {
        peers: vec![peer("a", Stands::Accepted), peer("b", Stands::Accepted)],
        ..alarms("2026-11-26T12:01:00Z", &[])
    };
    assert_eq!(told.kinds(&later), ["peer.accepted", "alarm.cleared"]);
}

#[test]
fn an_alarm_of_the_fleet_is_not_over_because_the_daemon_has_not_looked_since_its_start() {
    let mut told = Told::default();
    told.step(&alarms("2026-11-26T12:00:00Z", &[]));
    let held = [alarm(AlarmCode::FleetEngineOld, Severity::Warning), alarm(AlarmCode::ListingOld, Severity::Warning)];
    assert_eq!(told.kinds(&alarms("2026-11-26T12:01:00Z", &held)), ["alarm.raised", "alarm.raised"]);
    let started = Now { fleet_unknown: true, ..alarms("2026-11-26T12:02:00Z", &[]) };
    assert_eq!(told.kinds(&started), ["alarm.cleared"], "the other one is");
    assert_eq!(told.kinds(&alarms("2026-11-26T12:03:00Z", &held[..1])), Vec::<&str>::new());
    assert_eq!(told.kinds(&alarms("2026-11-26T12:04:00Z", &[])), ["alarm.cleared"]);
}

#[test]
fn an_alarm_is_told_once_and_when_it_gets_worse_and_when_it_is_over() {
    let mut told = Told::with_baseline();
    let warning = alarms("2026-11-26T12:00:00Z", &[alarm(AlarmCode::ListingOld, Severity::Warning)]);
    let drafts = told.step(&warning);
    assert_eq!((drafts.len(), drafts[0].subject.as_str()), (1, "alarm/LISTING_OLD"));
    assert!(told.kinds(&warning).is_empty());
    let critical = alarms("2026-11-26T12:01:00Z", &[alarm(AlarmCode::ListingOld, Severity::Critical)]);
    let drafts = told.step(&critical);
    assert_eq!((drafts[0].severity, &drafts[0].data["before"]["severity"]), (Severity::Critical, &json!("warning")));
    // Less bad again, and told to those who were told that it was critical.
    assert_eq!(told.step(&warning)[0].severity, Severity::Critical);
    let over = told.step(&alarms("2026-11-26T12:03:00Z", &[]));
    assert_eq!((over[0].kind, over[0].severity), (EventKind::AlarmCleared, Severity::Critical));
}

#[test]
fn one_that_comes_and_goes_is_told_of_once_until_an_hour_of_quiet() {
    let mut told = Told::with_baseline();
    let on = [alarm(AlarmCode::SyncFailed, Severity::Warning)];
    let mut kinds = Vec::new();
    for minute in 0..30 {
        let holds = minute % 2 == 0;
        let now = alarms(&format!("2026-11-26T12:{minute:02}:00Z"), if holds { &on } else { &[] });
        let drafts = told.step(&now);
        kinds.extend(drafts.iter().map(|draft| (draft.kind, draft.data.get("flapping") == Some(&json!(true)))));
    }
    use EventKind::{AlarmCleared, AlarmRaised};
    let expected =
        [(AlarmRaised, false), (AlarmCleared, false), (AlarmRaised, false), (AlarmCleared, false), (AlarmRaised, true)];
    assert_eq!(kinds, expected);
    assert!(told.kinds(&alarms("2026-11-26T13:28:00Z", &[])).is_empty(), "not quiet for an hour yet");
    assert_eq!(told.kinds(&alarms("2026-11-26T13:29:00Z", &[])), ["alarm.cleared"]);
    assert!(told.kinds(&alarms("2026-11-26T13:30:00Z", &[])).is_empty());
    assert_eq!(told.kinds(&alarms("2026-11-26T13:31:00Z", &on)), ["alarm.raised"], "and it begins anew");
}

#[test]
fn what_is_still_raised_is_told_again_after_a_day_to_who_was_told() {
    let mut told = Told::with_baseline();
    let on = [alarm(AlarmCode::SourceDown, Severity::Warning)];
    told.step(&alarms("2026-11-26T12:00:00Z", &on));
    assert!(told.kinds(&alarms("2026-11-27T11:59:00Z", &on)).is_empty());
    let again = told.step(&alarms("2026-11-27T12:00:00Z", &on));
    assert_eq!((again.len(), again[0].only.as_deref(), &again[0].data["repeated"]), (1, Some("mail"), &json!(true)));
    assert!(told.kinds(&alarms("2026-11-27T12:01:00Z", &on)).is_empty());
}

#[test]
fn a_baseline_tells_people_that_the_own_filing_is_gone() {
    let me = PeerNow { subject: "me/0012345678".to_owned(), ..peer("me", Stands::MeRemoved) };
    let now = Now { at: at("2026-11-26T12:00:00Z"), peers: vec![me], ..Now::default() };
    let begun = compare(&Before::default(), &now).drafts.remove(0);
    assert_eq!((begun.kind, begun.severity), (EventKind::BaselineTaken, Severity::Warning));
    assert!(
        begun.data["cause"].as_str().is_some_and(|cause| cause.contains("your own filing 0012345678")),
        "{begun:?}"
    );
}

#[test]
fn a_peer_is_told_of_when_it_stands_otherwise_and_when_the_reason_is_another() {
    let mut told = Told::with_baseline();
    let now = |time: &str, peers: Vec<PeerNow>| Now { at: at(time), peers, ..Now::default() };
    assert!(told.kinds(&now("2026-11-26T12:00:00Z", vec![peer("a", Stands::Accepted)])).is_empty(), "that is no news");
    let refused = told.step(&now("2026-11-26T12:01:00Z", vec![peer("a", Stands::Refused)]));
    assert_eq!((refused[0].kind, refused[0].severity), (EventKind::PeerRefused, Severity::Critical));
    assert_eq!(
        refused[0].data["peers"],
        json!({ "total": 1, "refused": 1, "unmatched": 0, "attention": 0, "accepted": 0 })
    );
    let mut other = peer("a", Stands::Refused);
    other.facts.insert("reason".to_owned(), "OPERATOR_DENY".to_owned());
    assert_eq!(told.kinds(&now("2026-11-26T12:02:00Z", vec![other])), ["peer.changed"]);
    assert_eq!(told.kinds(&now("2026-11-26T12:03:00Z", vec![peer("a", Stands::Accepted)])), ["peer.accepted"]);
    // One whose binding is gone is nothing to be told of, and if it comes again it is new.
    assert!(told.kinds(&now("2026-11-26T12:04:00Z", Vec::new())).is_empty());
    assert_eq!(told.kinds(&now("2026-11-26T12:05:00Z", vec![peer("a", Stands::Unmatched)])), ["peer.unmatched"]);
    // But who was told that it does not stand is told that it is no matter any more.
    let ended = told.step(&now("2026-11-26T12:06:00Z", Vec::new()));
    assert_eq!((ended.len(), ended[0].kind, ended[0].severity), (1, EventKind::PeerChanged, Severity::Critical));
    assert!(ended[0].is_of_record_that_ended() && ended[0].data["name"] == "a", "{ended:?}");
    assert!(told.kinds(&now("2026-11-26T12:07:00Z", Vec::new())).is_empty(), "once");
}

#[test]
fn the_cause_of_what_is_told_of_a_peer_is_what_has_changed() {
    let mut told = Told::with_baseline();
    let facts = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let mut cause = |minute: u8, stands, pairs: &[(&str, &str)]| {
        let peer = PeerNow { facts: facts(pairs), ..peer("a", stands) };
        let now = Now { at: at(&format!("2026-11-26T12:{minute:02}:00Z")), peers: vec![peer], ..Now::default() };
        told.step(&now)[0].data["cause"].as_str().expect("a cause").to_owned()
    };
    assert_eq!(cause(0, Stands::Refused, &[("reason", "REMOVED")]), "because");
    let back = cause(1, Stands::Attention, &[("reason", "LISTED"), ("advisories", "WATCH_LISTED")]);
    assert_eq!(back, "its calls are accepted again: the listing decides; because");
    let overridden = cause(2, Stands::Attention, &[("reason", "OVERRIDE"), ("advisories", "WATCH_LISTED")]);
    assert_eq!(overridden, "the listing decides; its reason was LISTED, and is OVERRIDE");
    let noticed = cause(3, Stands::Attention, &[("reason", "OVERRIDE"), ("advisories", "NOTICE_PENDING")]);
    assert_eq!(noticed, "the listing decides; new is NOTICE_PENDING; no more WATCH_LISTED");
}

fn deadline(time: &str) -> DeadlineNow {
    DeadlineNow {
        subject: format!("deadline/x/{time}"),
        at: at(time),
        cause: "something changes".to_owned(),
        what_to_do: "see to it".to_owned(),
        peers: vec!["a".to_owned()],
        refused: 1,
        frn: None,
    }
}

#[test]
fn a_deadline_is_told_24_hours_before_over_a_change_of_the_clocks_and_once_when_it_has_passed() {
    let mut told = Told::with_baseline();
    // In the night to March 14, 2027 the clocks of New York leap from 2:00 to 3:00: the day has 23 hours. At noon Eastern
    // time on the 14th it is 16:00 UTC, and a day of 24 hours before it is 11:00 on the 13th by the clocks there.
    let end = "2027-03-14T16:00:00Z";
    let now = |time: &str, deadlines: Vec<DeadlineNow>| Now { at: at(time), deadlines, ..Now::default() };
    assert!(told.kinds(&now("2027-03-13T15:59:59Z", vec![deadline(end)])).is_empty());
    let near = told.step(&now("2027-03-13T16:00:00Z", vec![deadline(end)]));
    assert_eq!((near[0].kind, near[0].severity), (EventKind::DeadlineNear, Severity::Critical));
    assert!(told.kinds(&now("2027-03-13T20:00:00Z", vec![deadline(end)])).is_empty(), "once");
    assert_eq!(told.kinds(&now(end, Vec::new())), ["deadline.passed"]);
    assert!(told.kinds(&now("2027-03-14T17:00:00Z", Vec::new())).is_empty(), "once");
    // One that is put off before it comes, by an answer to a notice, does not pass.
    assert!(told.kinds(&now("2027-03-20T00:00:00Z", vec![deadline("2027-03-25T00:00:00Z")])).is_empty());
    assert!(told.kinds(&now("2027-03-21T00:00:00Z", Vec::new())).is_empty());
    assert!(told.kinds(&now("2027-03-26T00:00:00Z", Vec::new())).is_empty());
    // One that was told as near and does not come is told, at the same severity, and once.
    let met = "2027-03-30T00:00:00Z";
    assert_eq!(told.kinds(&now("2027-03-29T12:00:00Z", vec![deadline(met)])), ["deadline.near"]);
    let raised = |told: &Told| {
        let reported = told.reported.as_ref().expect("a baseline");
        reported
            .iter()
            .filter_map(|(subject, state)| raised(subject, state))
            .map(|raised| raised.kind)
            .collect::<Vec<_>>()
    };
    assert_eq!(raised(&told), [EventKind::DeadlineNear], "who keeps states is told of it again and again");
    let cleared = told.step(&now("2027-03-29T13:00:00Z", Vec::new()));
    assert_eq!((cleared[0].kind, cleared[0].severity), (EventKind::DeadlineCleared, Severity::Critical));
    assert_eq!((cleared[0].subject.as_str(), raised(&told)), ("deadline/x/2027-03-30T00:00:00Z", Vec::new()));
    assert!(told.kinds(&now("2027-03-31T00:00:00Z", Vec::new())).is_empty());
    // One that nobody looked at for its last day is told when it has passed.
    told.step(&now("2027-04-01T00:00:00Z", vec![deadline("2027-04-03T00:00:00Z")]));
    assert_eq!(told.kinds(&now("2027-04-04T00:00:00Z", Vec::new())), ["deadline.passed"]);
}

#[test]
fn an_event_fits_whatever_names_say() {
    let removed =
        (0..5000).map(|n| (format!("RMD{n:07}"), "0012345678".to_owned(), "\u{202e}evil\r\nBcc: x".repeat(9)));
    let listing = ListingNow {
        snapshot: 7,
        fetched_at: at("2026-11-26T12:00:00Z"),
        counts: ChangeCounts { removed: 5000, ..ChangeCounts::default() },
        removed: removed.collect(),
        own: vec!["x".repeat(100_000)],
        filings: 10_000,
        missed: 3,
    };
    let event = super::listing(&listing).freeze(1, 1, at("2026-11-26T12:00:01Z")).expect("JSON");
    assert!(event.body.len() <= crate::alerts::event::MOST_BYTES, "{}", event.body.len());
    let body: Value = serde_json::from_str(&event.body).expect("JSON");
    assert_eq!((&body["data"]["removed_count"], &body["data"]["wave"]), (&json!(5000), &json!(true)));
    assert!(body["data"]["cause"].as_str().expect("a cause").contains("Of the changes before it 3 were dropped"));
    assert!(!event.body.contains('\u{202e}') && !event.body.contains("\\r\\n"), "hidden signs are escapes");
    let digest = crate::alerts::digest::of(&[event]);
    assert!(!digest.subject.contains(['\r', '\n']) && digest.lines.iter().all(|line| !line.contains(['\r', '\n'])));
}
