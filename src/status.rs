//! (index, sync state, limits, now) -> how things stand, and what somebody should look at. Pure.

mod clocks;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::decision_log::Counts;
use crate::domain::{Age, Awaits, PeersAffected, SyncOutcome, SyncTrigger, age, listed};
use crate::index::Index;
use crate::serving::CertificateState;
use crate::store::SyncState;

/// How long a listing may go unconfirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FreshnessConfig {
    /// Past this time since the last confirmation the state is a warning and every answer carries an advisory.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub warn_after: Duration,
    /// Past this time the state is critical.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub critical_after: Duration,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        // The listing changes every working day: a day and two hours means that one change may have been missed.
        Self { warn_after: Duration::from_secs(26 * 3600), critical_after: Duration::from_secs(74 * 3600) }
    }
}

impl FreshnessConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.warn_after.is_zero() {
            return Err("freshness.warn_after is zero: every listing would be old at once".to_owned());
        }
        if self.critical_after < self.warn_after {
            return Err("freshness.critical_after is shorter than freshness.warn_after".to_owned());
        }
        if self.critical_after > Duration::from_secs(366 * 24 * 3600) {
            return Err("freshness.critical_after is longer than a year".to_owned());
        }
        Ok(())
    }

    /// `warn_after`, for comparing with ages.
    pub fn warn(&self) -> SignedDuration {
        SignedDuration::try_from(self.warn_after).unwrap_or(SignedDuration::MAX)
    }

    fn critical(&self) -> SignedDuration {
        SignedDuration::try_from(self.critical_after).unwrap_or(SignedDuration::MAX)
    }
}

/// How bad it is. The order is that of badness.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The listing was confirmed recently and nothing is wrong.
    Fresh,
    /// Answers are good, but somebody should look.
    Warning,
    /// Answers rest on an old listing, or there are none.
    Critical,
}

/// Something that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// A stable code.
    pub code: &'static str,
    /// One sentence.
    pub message: String,
    /// How bad it is.
    pub severity: State,
}

/// What is wrong, worst first; nothing if all is well.
pub fn alarms(index: Option<&Index>, sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    match index {
        None => alarms.push(Alarm {
            code: "NO_SNAPSHOT",
            message: "no listing was ever loaded: questions cannot be answered".to_owned(),
            severity: State::Critical,
        }),
        Some(index) => {
            alarms.extend(listing_old(age(index.confirmed_at(), now), limits));
            alarms.extend(index.snapshot().anomalies.iter().map(|anomaly| Alarm {
                code: anomaly.code(),
                message: anomaly.to_string(),
                severity: if anomaly.is_note() { State::Fresh } else { State::Warning },
            }));
        }
    }
    alarms.extend(clocks::alarms(index, sync, now));
    alarms.extend(last_sync(sync));
    alarms.extend(held(sync, limits, now));
    alarms.extend(sources(sync, now));
    alarms.sort_by_key(|alarm| std::cmp::Reverse(alarm.severity));
    alarms
}

fn listing_old(unconfirmed: Age, limits: &FreshnessConfig) -> Option<Alarm> {
    let message = match unconfirmed {
        Age::Past(age) => format!("the source last confirmed the listing {} hours ago", age.as_hours()),
        Age::Ahead(_) => {
            "it is not known how long ago the source last confirmed the listing: the time on record lies ahead \
                          of the clock"
                .to_owned()
        }
    };
    let severity = if unconfirmed.exceeds(limits.critical()) { State::Critical } else { State::Warning };
    unconfirmed.exceeds(limits.warn()).then_some(Alarm { code: "LISTING_OLD", message, severity })
}

fn last_sync(sync: &SyncState) -> Option<Alarm> {
    let last = sync.last.as_ref()?;
    let error = last.outcome.error()?;
    let (code, what) = match last.outcome {
        SyncOutcome::Refused { .. } => ("SYNC_REFUSED", "was refused"),
        SyncOutcome::Held { .. } => ("LISTING_HELD", "brought a listing that is held"),
        _ => ("SYNC_FAILED", "failed"),
    };
    let times = match sync.failures_since {
        0 | 1 => String::new(),
        count => format!(" ({count} times in a row)"),
    };
    let held = match last.outcome {
        SyncOutcome::Held { sha256, .. } => sync.held.iter().find(|held| held.sha256 == sha256),
        _ => None,
    };
    let reach = held.and_then(|held| held.peers.as_ref()).map(reach).unwrap_or_default();
    Some(Alarm { code, message: format!("the last sync {what}{times}: {error}{reach}"), severity: State::Warning })
}

/// How far letting a held listing through would reach, in a sentence behind others.
fn reach(peers: &PeersAffected) -> String {
    let PeersAffected { peers, newly_refused, in_some_role, providers, .. } = peers;
    format!(
        " To let it through would change the answer in some role about {providers} providers and {in_some_role} of your own \
         {peers} peers; {newly_refused} of those would be refused in the role in which they are bound."
    )
}

/// A held listing may hold a real order, and waits for somebody. It stays an alarm while later cycles fail.
fn held(sync: &SyncState, limits: &FreshnessConfig, now: Timestamp) -> Vec<Alarm> {
    let waiting = || sync.held.iter().filter(|held| held.awaits == Awaits::Person);
    let mut alarms = Vec::new();
    let said = sync.last.as_ref().is_some_and(|last| matches!(last.outcome, SyncOutcome::Held { .. }));
    if let Some(newest) = waiting().max_by_key(|held| held.last_fetched_at).filter(|_| !said) {
        alarms.push(Alarm {
            code: "LISTING_HELD",
            message: format!(
                "a listing that was last fetched at {} is held and waits for somebody: {}. If it is right all the same, let \
                 it through with `rmdd sync --approve {}`.{}",
                moment(newest.last_fetched_at),
                listed(&newest.doubts),
                newest.sha256,
                newest.peers.as_ref().map(reach).unwrap_or_default()
            ),
            severity: State::Warning,
        });
    }
    if let Some(longest) = waiting().min_by_key(|held| held.first_fetched_at) {
        let waited = age(longest.first_fetched_at, now);
        if waited.exceeds(limits.warn()) {
            let how_long = match waited {
                Age::Past(age) => format!("for {} hours", age.as_hours()),
                Age::Ahead(_) => "for a time that is not known, since the clock was ahead when it came,".to_owned(),
            };
            alarms.push(Alarm {
                code: "LISTING_HELD_LONG",
                message: format!(
                    "a listing has been held {how_long} and waits for somebody: look at what is odd about it, then let it \
                     through with `rmdd sync --approve {}` or find out what is wrong with the source",
                    longest.sha256
                ),
                severity: State::Critical,
            });
        }
    }
    alarms
}

fn sources(sync: &SyncState, now: Timestamp) -> Vec<Alarm> {
    let down = |message| Alarm { code: "SOURCE_DOWN", message, severity: State::Warning };
    let mut alarms: Vec<Alarm> = Vec::new();
    if let Some(last) = &sync.last {
        alarms.extend(last.passed_over.iter().map(|fault| {
            down(format!("a preferred source gave no listing, and {} was used: {}", last.source, fault.error))
        }));
        // Letting a listing through asks no source: what was wrong with them still is.
        let asked_none = last.trigger == SyncTrigger::Approval;
        let failing = sync.sources.iter().map_while(|source| source.fault.as_ref()).filter(|_| asked_none);
        alarms.extend(
            failing.map(|fault| down(format!("a source gave no listing when it was last asked: {}", fault.error))),
        );
    }
    alarms.extend(sync.sources.iter().filter(|source| source.distrusted(now)).map(|source| {
        let until = source.validators_distrusted_until.unwrap_or(now);
        Alarm {
            code: "VALIDATORS_LIE",
            message: format!(
                "{} said that its listing had not changed, and it had: until {} it is asked for the whole listing each \
                 time (fetch.conditional = false does so for good)",
                source.source,
                until.strftime("%Y-%m-%d")
            ),
            severity: State::Warning,
        }
    }));
    alarms
}

fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// That something is wrong with the store: answers are good until the daemon stops, and then there are none.
pub fn store_damaged(what: &str) -> Alarm {
    Alarm {
        code: "STORE_DAMAGED",
        message: format!(
            "the store is damaged ({what}): answers go on from memory, and a restart will find nothing to serve. Run \
             `rmdd verify`, then put a backup in its place or start with `rmdd serve --rebuild`"
        ),
        severity: State::Critical,
    }
}

/// A reload that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedReload {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub error: String,
}

/// That what is in force is not what stands in the configuration and the files that it names: a token that was taken
/// away there is still good.
pub fn reload_refused(refused: &RefusedReload) -> Alarm {
    Alarm {
        code: "RELOAD_REFUSED",
        message: format!(
            "the configuration was not reloaded at {}, and all that was in force before still is, tokens and rights too: \
             {}. Put it right and reload again; a restart would be refused as well",
            refused.at.strftime("%Y-%m-%d %H:%M:%S UTC"),
            without_excerpt(&refused.error)
        ),
        severity: State::Warning,
    }
}

/// An error on one line, without the lines of the file that it shows: they may hold what an operator is not to see.
fn without_excerpt(error: &str) -> String {
    let shows =
        |line: &str| line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start().starts_with('|');
    let said: Vec<&str> = error.lines().filter(|line| !shows(line)).map(str::trim).collect();
    said.join(" ").trim_end_matches('.').to_owned()
}

/// So long a loss of the decision log stays an alarm.
const LOSS_TOLD_FOR: SignedDuration = SignedDuration::from_hours(24);

/// What is wrong with the decision log: it cannot be written, or it has lost decisions within the last day.
pub fn decision_log(counts: &Counts, now: Timestamp) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    if let Some(fault) = &counts.fault {
        alarms.push(Alarm {
            code: "DECISION_LOG_FAILING",
            message: format!("{fault}; answers go on, and it is tried again every second"),
            severity: State::Warning,
        });
    }
    if let Some(last) = counts.last_drop_at.filter(|last| age(*last, now).known().is_none_or(|age| age < LOSS_TOLD_FOR))
    {
        alarms.push(Alarm {
            code: "DECISIONS_DROPPED",
            message: format!(
                "the decision log lacks {} decisions since the start, the last of {}: they came faster than they could be \
                 written. See whether the disk is slow or full, or raise decision_log.queue",
                counts.dropped,
                last.strftime("%Y-%m-%d %H:%M:%S UTC")
            ),
            severity: State::Warning,
        });
    }
    alarms
}

/// How long before its end a certificate is an alarm.
const CERTIFICATE_ENDS_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What is wrong with a listener's certificate; nothing if all is well.
pub fn certificate(certificate: &CertificateState, now: Timestamp) -> Vec<Alarm> {
    let CertificateState { name, valid_from, expires_at, unusable } = certificate;
    let mut alarms = Vec::new();
    let until = expires_at.strftime("%Y-%m-%d %H:%M UTC");
    if *expires_at <= now {
        alarms.push(Alarm {
            code: "CERTIFICATE_EXPIRED",
            message: format!(
                "the certificate of {name} was good until {until}: clients do not believe it any more. Put a new one in its \
                 place; no restart is needed"
            ),
            severity: State::Critical,
        });
    } else if expires_at.duration_since(now) <= CERTIFICATE_ENDS_SOON {
        alarms.push(Alarm {
            code: "CERTIFICATE_EXPIRES",
            message: format!(
                "the certificate of {name} is good until {until} only: put a new one in its place; no restart is needed"
            ),
            severity: State::Warning,
        });
    }
    if *valid_from > now {
        alarms.push(Alarm {
            code: "CERTIFICATE_NOT_YET_VALID",
            message: format!(
                "the certificate of {name} is good from {} only: clients do not believe it before. Is this machine's clock \
                 right?",
                valid_from.strftime("%Y-%m-%d %H:%M UTC")
            ),
            severity: State::Critical,
        });
    }
    if let Some(why) = unusable {
        alarms.push(Alarm {
            code: "CERTIFICATE_UNUSABLE",
            message: format!(
                "the files of {name} cannot be used as they are now, and those of before stay in force: {why}"
            ),
            severity: State::Warning,
        });
    }
    alarms
}

/// The worst of the alarms.
pub fn state(alarms: &[Alarm]) -> State {
    alarms.iter().map(|alarm| alarm.severity).max().unwrap_or(State::Fresh)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::domain::{
        Anomaly, ChangeSerial, Column, EARLIEST, HeldListing, RemovalHistory, Sha256Digest, Snapshot, SnapshotSerial,
        SourceFault, SourceState, SyncRecord,
    };

    fn index(anomalies: Vec<Anomaly>) -> Index {
        let snapshot = Snapshot {
            serial: SnapshotSerial::FIRST,
            sha256: Sha256Digest([0; 32]),
            source: String::new(),
            bytes: 0,
            fetched_at: EARLIEST,
            confirmed_at: EARLIEST,
            filings: Vec::new(),
            carried: BTreeMap::new(),
            anomalies,
            steps: Vec::new(),
        };
        Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0))
    }

    fn at(hours: i64) -> Timestamp {
        EARLIEST + SignedDuration::from_hours(hours)
    }

    fn codes(index: Option<&Index>, sync: &SyncState, now: Timestamp) -> (State, Vec<&'static str>) {
        let alarms = alarms(index, sync, &FreshnessConfig::default(), now);
        (state(&alarms), alarms.iter().map(|alarm| alarm.code).collect())
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
        let alarms = alarms(Some(&odd), &failed, &FreshnessConfig::default(), at(1));
        assert_eq!(state(&alarms), State::Warning);
        assert!(alarms.iter().any(|alarm| alarm.code == "COLUMN_MISSING"));
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
        let alarms = alarms(Some(&index), &sync, &FreshnessConfig::default(), at(1));
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
        let told = alarms(Some(&index(vec![])), &sync, &FreshnessConfig::default(), at(2));
        assert!(
            told[0].message.contains("the end is missing") && told[0].message.contains("--approve 0707"),
            "{told:?}"
        );
        let peers = Some(PeersAffected { peers: 9, in_some_role: 4, providers: 235, ..PeersAffected::default() });
        for outcome in [holds, failed] {
            let listing = HeldListing { peers: peers.clone(), ..held(Awaits::Person, 1) };
            let sync =
                SyncState { last: last(SyncTrigger::Schedule, outcome), held: vec![listing], ..SyncState::default() };
            let told = alarms(Some(&index(vec![])), &sync, &FreshnessConfig::default(), at(2));
            let said = told.iter().any(|alarm| alarm.message.contains("about 235 providers and 4 of your own 9 peers"));
            assert!(said, "{told:?}");
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
        let told = alarms(Some(&ahead), &SyncState::default(), &FreshnessConfig::default(), at(2));
        assert!(
            told[1].message.contains("the last confirmation of the listing by 1666 days (2030-"),
            "{}",
            told[1].message
        );
    }

    #[test]
    fn a_clock_at_1970_is_told_and_answers_go_on() {
        let (state, codes) = codes(Some(&index(vec![])), &SyncState::default(), Timestamp::UNIX_EPOCH);
        assert_eq!((state, codes), (State::Critical, vec!["LISTING_OLD", "CLOCK_WRONG"]));
        let told = alarms(None, &SyncState::default(), &FreshnessConfig::default(), Timestamp::UNIX_EPOCH);
        assert!(told.iter().any(|alarm| alarm.message.contains("says 1970-01-01 00:00:00 UTC, and it is 2026-01-01")));
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
    fn a_reload_that_was_refused_is_a_warning_that_shows_nothing_of_the_file() {
        let error = toml::from_str::<crate::config::Config>("[fetch]\nproxy = \"http://u:hunter2@proxy\nx = 1\n")
            .expect_err("no TOML");
        assert!(error.to_string().contains("hunter2"), "{error}");
        let error = format!("the configuration file /etc/rmdd/rmdd.toml cannot be used:\n{error}");
        let alarm = reload_refused(&RefusedReload { at: at(24), error });
        assert_eq!((alarm.code, alarm.severity), ("RELOAD_REFUSED", State::Warning));
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
            certificate(state, now).iter().map(|alarm| (alarm.code, alarm.severity)).collect::<Vec<_>>()
        };
        assert_eq!(codes(&state(None), at(85 * day)), []);
        assert_eq!(codes(&state(None), at(86 * day)), [("CERTIFICATE_EXPIRES", State::Warning)]);
        assert_eq!(codes(&state(None), at(100 * day)), [("CERTIFICATE_EXPIRED", State::Critical)]);
        assert_eq!(codes(&state(None), at(9 * day)), [("CERTIFICATE_NOT_YET_VALID", State::Critical)]);
        assert_eq!(codes(&state(Some("no PEM")), at(50 * day)), [("CERTIFICATE_UNUSABLE", State::Warning)]);
    }

    #[test]
    fn limits_in_the_wrong_order_are_refused() {
        let config = FreshnessConfig { critical_after: Duration::from_secs(1), ..FreshnessConfig::default() };
        assert!(config.validate().is_err());
    }
}
