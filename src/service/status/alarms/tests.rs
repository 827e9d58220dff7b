use std::time::Duration;

use jiff::SignedDuration;

use super::*;
use crate::domain::{
    AlarmCode, Anomaly, Awaits, ChangeSerial, Column, EARLIEST, HeldListing, PeersAffected, RemovalHistory,
    Sha256Digest, Snapshot, SnapshotSerial, SourceFault, SourceState, SyncOutcome, SyncRecord, SyncTrigger,
};
use crate::transport::CertificateState;

fn index(anomalies: Vec<Anomaly>) -> Index {
    let snapshot = Snapshot { anomalies, ..Snapshot::made_up(1, EARLIEST, []) };
    Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0))
}

fn at(hours: i64) -> Timestamp {
    EARLIEST + SignedDuration::from_hours(hours)
}

fn codes(index: Option<&Index>, sync: &SyncState, now: Timestamp) -> (State, Vec<&'static str>) {
    let alarms = alarms(index, sync, None, &FreshnessConfig::default(), now);
    (state(&alarms), alarms.iter().map(|alarm| alarm.code.as_str()).collect())
}

#[test]
fn without_a_listing_the_state_is_critical() {
    assert_eq!(codes(None, &SyncState::default(), at(0)), (State::Critical, vec!["NO_SNAPSHOT"]));
}

#[test]
fn age_since_the_last_confirmation_goes_from_fresh_over_warning_to_critical() {
    let sync = SyncState::default();
    assert_eq!(codes(Some(&index(vec![])), &sync, at(26)), (State::Fresh, vec![]));
    assert_eq!(codes(Some(&index(vec![])), &sync, at(27)), (State::Warning, vec!["LISTING_OLD"]));
    assert_eq!(codes(Some(&index(vec![])), &sync, at(75)), (State::Critical, vec!["LISTING_OLD"]));
    assert_eq!(codes(Some(&index(vec![]).confirmed(at(74))), &sync, at(75)), (State::Fresh, vec![]));
}

#[test]
fn a_failed_sync_and_an_odd_listing_are_warnings() {
    let failed = SyncState {
        last: Some(SyncRecord {
            at: at(1),
            trigger: SyncTrigger::Schedule,
            source: String::new(),
            outcome: SyncOutcome::Failed { error: "no route".to_owned() },
            passed_over: Vec::new(),
            sources: Vec::new(),
        }),
        failures_since: 3,
        ..SyncState::default()
    };
    let odd = index(vec![Anomaly::MissingColumn(Column::Country)]);
    let alarms = alarms(Some(&odd), &failed, None, &FreshnessConfig::default(), at(1));
    assert_eq!(state(&alarms), State::Warning);
    assert!(alarms.iter().any(|alarm| alarm.code == AlarmCode::ColumnMissing));
    assert!(alarms.iter().any(|alarm| alarm.message.contains("(3 times in a row): no route")));
}

#[test]
fn a_preferred_source_that_is_down_and_validators_that_lie_are_warnings() {
    let fault = SourceFault {
        source: "https://rmd.example/".to_owned(),
        kind: "SERVER_ERROR".to_owned(),
        error: "https://rmd.example/ answered 500".to_owned(),
    };
    let mut sync = SyncState {
        last: Some(SyncRecord {
            at: at(1),
            trigger: SyncTrigger::Schedule,
            source: "/mirror.csv".to_owned(),
            outcome: SyncOutcome::Unchanged { serial: SnapshotSerial::FIRST, filings: 0 },
            passed_over: vec![fault],
            sources: Vec::new(),
        }),
        ..SyncState::default()
    };
    sync.sources = vec![SourceState { validators_distrusted_until: Some(at(9)), ..SourceState::default() }];
    let index = index(vec![]);
    assert_eq!(codes(Some(&index), &sync, at(1)), (State::Warning, vec!["SOURCE_DOWN", "VALIDATORS_LIE"]));
    assert_eq!(codes(Some(&index), &sync, at(9)), (State::Warning, vec!["SOURCE_DOWN"]));
    let alarms = alarms(Some(&index), &sync, None, &FreshnessConfig::default(), at(1));
    assert!(alarms[0].message.contains("answered 500") && alarms[0].message.contains("/mirror.csv"));
}

fn held(awaits: Awaits, hours: i64) -> HeldListing {
    HeldListing {
        sha256: Sha256Digest([7; 32]),
        source: String::new(),
        bytes: 0,
        filings: 0,
        gone: 0,
        first_fetched_at: at(hours),
        last_fetched_at: at(hours),
        times: 1,
        doubts: vec!["the end is missing".to_owned()],
        awaits,
        peers: None,
    }
}

fn last(trigger: SyncTrigger, outcome: SyncOutcome) -> Option<SyncRecord> {
    let (source, passed_over, sources) = (String::new(), Vec::new(), Vec::new());
    Some(SyncRecord { at: at(1), trigger, source, outcome, passed_over, sources })
}

#[test]
fn a_listing_that_waits_for_a_person_is_an_alarm_whatever_became_of_the_last_sync() {
    let failed = SyncOutcome::Failed { error: "no route".to_owned() };
    let refused = SyncOutcome::Refused { reason: "a page".to_owned() };
    let holds = SyncOutcome::Held { sha256: Sha256Digest([7; 32]), reason: "the end is missing".to_owned() };
    let codes = |outcome: &SyncOutcome, awaits| {
        let sync = SyncState {
            last: last(SyncTrigger::Schedule, outcome.clone()),
            held: vec![held(awaits, 1)],
            ..SyncState::default()
        };
        codes(Some(&index(vec![])), &sync, at(2)).1
    };
    assert_eq!(codes(&holds, Awaits::Person), ["LISTING_HELD"]);
    assert_eq!(codes(&failed, Awaits::Person), ["SYNC_FAILED", "LISTING_HELD"]);
    assert_eq!(codes(&refused, Awaits::Person), ["SYNC_REFUSED", "LISTING_HELD"]);
    assert_eq!(codes(&failed, Awaits::SecondCopy), ["SYNC_FAILED"], "the next sync settles it");
    let sync = SyncState { held: vec![held(Awaits::Person, 1)], ..SyncState::default() };
    let reported = alarms(Some(&index(vec![])), &sync, None, &FreshnessConfig::default(), at(2));
    let (message, remedy) = (&reported[0].message, &reported[0].remedy);
    assert!(message.contains("the end is missing") && !message.contains("rmdd"), "{reported:?}");
    assert!(remedy.contains("`rmdd sync --approve 0707"), "{reported:?}");
    let peers = Some(PeersAffected { peers: 9, in_some_role: 4, providers: 235, ..PeersAffected::default() });
    for outcome in [holds, failed] {
        let listing = HeldListing { peers: peers.clone(), ..held(Awaits::Person, 1) };
        let sync =
            SyncState { last: last(SyncTrigger::Schedule, outcome), held: vec![listing], ..SyncState::default() };
        let reported = alarms(Some(&index(vec![])), &sync, None, &FreshnessConfig::default(), at(2));
        let reach = |alarm: &&Alarm| alarm.message.contains("about 235 providers and 4 of your own 9 peers");
        let held = reported.iter().find(reach).unwrap_or_else(|| panic!("{reported:?}"));
        assert!(held.remedy.contains("--approve 0707") && !held.message.contains("--approve"), "{held:?}");
    }
}

#[test]
fn a_listing_that_was_held_while_the_clock_was_ahead_has_waited_for_too_long() {
    let sync = SyncState { held: vec![held(Awaits::Person, 30_000)], ..SyncState::default() };
    let (state, codes) = codes(Some(&index(vec![])), &sync, at(2));
    assert_eq!((state, codes), (State::Critical, vec!["LISTING_HELD_LONG", "TIMES_AHEAD", "LISTING_HELD"]));
}

#[test]
fn a_source_that_is_down_stays_an_alarm_when_a_person_has_let_a_listing_through() {
    let fault = SourceFault {
        source: "https://rmd.example/".to_owned(),
        kind: "SERVER_ERROR".to_owned(),
        error: "https://rmd.example/ answered 500".to_owned(),
    };
    let failing = SourceState { fault: Some(fault), ..SourceState::default() };
    let applied = SyncOutcome::Unchanged { serial: SnapshotSerial::FIRST, filings: 0 };
    let of = |trigger, sources: &[&SourceState]| {
        let sources = sources.iter().map(|source| (*source).clone()).collect();
        let sync = SyncState { last: last(trigger, applied.clone()), sources, ..SyncState::default() };
        codes(Some(&index(vec![])), &sync, at(1)).1
    };
    let good = SourceState::default();
    assert_eq!(of(SyncTrigger::Approval, &[&failing, &good]), ["SOURCE_DOWN"]);
    assert!(of(SyncTrigger::Approval, &[&good, &failing]).is_empty(), "nobody asks the second");
    assert!(of(SyncTrigger::Schedule, &[&failing, &good]).is_empty(), "the sync says what it passed over");
}

#[test]
fn a_confirmation_ahead_of_now_confirms_nothing() {
    let ahead = index(vec![]).confirmed(at(40_000));
    let (state, codes) = codes(Some(&ahead), &SyncState::default(), at(2));
    assert_eq!((state, codes), (State::Critical, vec!["LISTING_OLD", "TIMES_AHEAD"]));
    let reported = alarms(Some(&ahead), &SyncState::default(), None, &FreshnessConfig::default(), at(2));
    assert!(
        reported[1].message.contains("the last confirmation of the listing by 1666 days (2030-"),
        "{}",
        reported[1].message
    );
}

#[test]
fn a_clock_at_1970_is_told_and_answers_go_on() {
    let (state, codes) = codes(Some(&index(vec![])), &SyncState::default(), Timestamp::UNIX_EPOCH);
    assert_eq!((state, codes), (State::Critical, vec!["LISTING_OLD", "CLOCK_WRONG"]));
    let reported = alarms(None, &SyncState::default(), None, &FreshnessConfig::default(), Timestamp::UNIX_EPOCH);
    assert!(reported.iter().any(|alarm| alarm.message.contains("says 1970-01-01 00:00:00 UTC, and it is 2026-01-01")));
}

#[test]
fn a_source_whose_clock_says_otherwise_is_an_alarm_past_five_minutes() {
    let codes = |minutes: i64| {
        let skewed = SourceState { clock_skew: Some(SignedDuration::from_mins(minutes)), ..SourceState::default() };
        let sync = SyncState { sources: vec![skewed], ..SyncState::default() };
        codes(Some(&index(vec![])), &sync, at(1))
    };
    assert_eq!((codes(5).1, codes(-5).1), (vec![], vec![]));
    assert_eq!(codes(6), (State::Warning, vec!["CLOCK_SKEW"]));
    assert_eq!(codes(-2_000_000), (State::Critical, vec!["CLOCK_SKEW"]));
}

#[test]
fn in_a_fleet_the_clock_that_a_source_contradicts_is_that_of_the_site_that_asked_it() {
    let of = |minutes| SourceState { clock_skew: Some(SignedDuration::from_mins(minutes)), ..SourceState::default() };
    let sync = SyncState { sources: vec![of(6), of(-3000)], ..SyncState::default() };
    let mut alarms = alarms(Some(&index(vec![])), &sync, None, &FreshnessConfig::default(), at(1));
    assert!(alarms.iter().all(|alarm| alarm.message.starts_with("this machine's clock was ")), "{alarms:?}");
    told_of_fleet(&mut alarms);
    assert_eq!(alarms.len(), 2);
    for alarm in alarms {
        assert!(alarm.message.starts_with("the clock of the site that fetched for the fleet then was "), "{alarm:?}");
        assert!(alarm.remedy.contains("rmdd fleet status"), "{alarm:?}");
    }
}

#[test]
fn a_reload_that_was_refused_is_a_warning_that_shows_nothing_of_the_file() {
    let error = toml::from_str::<crate::daemon::config::Config>("[fetch]\nproxy = \"http://u:hunter2@proxy\nx = 1\n")
        .expect_err("no TOML");
    assert!(error.to_string().contains("hunter2"), "{error}");
    let error = format!("the configuration file /etc/rmdd/rmdd.toml cannot be used:\n{error}");
    let alarm = reload_refused(&RefusedReload { at: at(24), error });
    assert_eq!((alarm.code.as_str(), alarm.severity), ("RELOAD_REFUSED", Severity::Warning));
    let message = alarm.message;
    assert!(message.contains("at 2026-01-02 00:00:00 UTC") && message.contains("rmdd.toml"), "{message}");
    assert!(message.contains("line 2") && !message.contains("hunter2") && !message.contains('\n'), "{message}");
}

#[test]
fn a_certificate_is_an_alarm_from_two_weeks_before_its_end() {
    let day = 24;
    let state = |unusable: Option<&str>| CertificateState {
        name: "grpc.tls",
        valid_from: at(10 * day),
        expires_at: at(100 * day),
        unusable: unusable.map(str::to_owned),
    };
    let codes = |state: &CertificateState, now| {
        certificate(state, now).iter().map(|alarm| (alarm.code.as_str(), alarm.severity)).collect::<Vec<_>>()
    };
    assert_eq!(codes(&state(None), at(85 * day)), []);
    assert_eq!(codes(&state(None), at(86 * day)), [("CERTIFICATE_EXPIRES", Severity::Warning)]);
    assert_eq!(codes(&state(None), at(100 * day)), [("CERTIFICATE_EXPIRED", Severity::Critical)]);
    assert_eq!(codes(&state(None), at(9 * day)), [("CERTIFICATE_NOT_YET_VALID", Severity::Critical)]);
    assert_eq!(codes(&state(Some("no PEM")), at(50 * day)), [("CERTIFICATE_UNUSABLE", Severity::Warning)]);
    let of_fleet = CertificateState { name: "fleet.tls", ..state(None) };
    let [ended] = &certificate(&of_fleet, at(100 * day))[..] else { panic!("one alarm") };
    assert!(ended.message.contains("fleet.tls") && ended.message.contains("etcd does not believe it"), "{ended:?}");
}

#[test]
fn limits_in_the_wrong_order_are_refused() {
    let config = FreshnessConfig { critical_after: Duration::from_secs(1), ..FreshnessConfig::default() };
    assert!(config.validate().is_err());
}

#[test]
fn a_source_that_stands_still_is_a_warning_past_three_weeks_of_the_newest_date() {
    // The source stood still for six weeks in autumn 2025, and was confirmed all the while.
    let limits = FreshnessConfig::default();
    let on = |day: &str| {
        let now: Timestamp = format!("{day}T17:00:00Z").parse().expect("a time");
        content_old(Some("2025-10-01"), &limits, now)
    };
    assert_eq!(on("2025-10-22"), None, "21 days");
    let alarm = on("2025-10-23").expect("an alarm");
    assert_eq!((alarm.code, alarm.severity), (AlarmCode::ContentOld, Severity::Warning));
    assert!(alarm.message.contains("2025-10-01, 22 days ago"), "{}", alarm.message);
    assert!(on("2025-11-12").is_some_and(|alarm| alarm.message.contains("42 days ago")));
    // A day is the FCC's: in Washington it is still the 22nd.
    assert_eq!(content_old(Some("2025-10-01"), &limits, "2025-10-23T03:59:59Z".parse().expect("a time")), None);
    for unknown in [None, Some(""), Some("soon")] {
        assert_eq!(content_old(unknown, &limits, at(100_000)), None);
    }
    let never = FreshnessConfig { content_warn_after: Duration::ZERO, ..limits };
    assert_eq!(content_old(Some("2001-01-01"), &never, at(0)), None);
    assert!(FreshnessConfig { content_warn_after: Duration::from_secs(3600), ..never }.validate().is_err());
}

#[test]
fn a_change_of_records_that_lies_ahead_is_named() {
    let told = |records| {
        let alarms = alarms(Some(&index(vec![])), &SyncState::default(), records, &FreshnessConfig::default(), at(2));
        alarms.into_iter().filter(|alarm| alarm.code == AlarmCode::TimesAhead).collect::<Vec<_>>()
    };
    assert!(told(None).is_empty() && told(Some(at(2))).is_empty());
    let alarms = told(Some(at(50)));
    assert!(alarms[0].message.contains("the newest change of records by 48 hours"), "{}", alarms[0].message);
}
