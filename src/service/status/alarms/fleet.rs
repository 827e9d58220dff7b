//! What is wrong between a site and its fleet.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{Alarm, Severity};
use crate::domain::visible::one_line;
use crate::domain::wording::{count, moment, span};
use crate::domain::{AlarmCode, EngineMember, FleetState, FleetView, Log, age};
use crate::service::FleetReport;

/// Who is behind for less has a moment of the network, or of etcd without a leader.
const TOLD_AFTER: Duration = Duration::from_secs(30);

/// What is wrong; nothing where a site is current and etcd is what it should be.
pub fn fleet(report: &FleetReport, now: Timestamp) -> Vec<Alarm> {
    let told = standing(report, now);
    // Who does not see the heads does not see who fetches.
    let unfetched = if told.is_none() { unfetched(&report.view, now) } else { None };
    let members = &report.view.members;
    told.into_iter().chain(unfetched).chain(engine_failing(members)).chain(engine_old(members)).collect()
}

fn standing(report: &FleetReport, now: Timestamp) -> Option<Alarm> {
    let FleetReport { view, lag, .. } = report;
    let told_after = TOLD_AFTER.max(view.behind_after);
    let lags = span(SignedDuration::try_from(*lag).unwrap_or(SignedDuration::MAX));
    let detail = match view.standing.detail.as_str() {
        "" => String::new(),
        detail => format!(" ({detail})"),
    };
    let name = &view.name;
    let alarm = |code, severity, message| Some(Alarm::new(code, severity, message));
    match view.standing.state {
        FleetState::Foreign => {
            let message =
                format!("etcd holds another fleet of the name {name} than this site's, or none{detail}: {STOPPED}");
            alarm(AlarmCode::FleetForeign, Severity::Critical, message)
        }
        FleetState::Forked => {
            let message =
                format!("the logs of the fleet {name} are not those that this site followed{detail}: {STOPPED}");
            let alarm = Alarm::new(AlarmCode::FleetForked, Severity::Critical, message);
            let remedy = if view.standing.branched { JOIN_ANEW.to_owned() } else { alarm.remedy };
            Some(Alarm { remedy, ..alarm })
        }
        FleetState::Newer => {
            let message = format!(
                "the logs of the fleet {name} have a format that this version of rmdd does not read{detail}: {STOPPED}"
            );
            alarm(AlarmCode::FleetNewer, Severity::Warning, message)
        }
        FleetState::CutOff => {
            let since = moment(now.checked_sub(*lag).unwrap_or(Timestamp::MIN));
            let message = format!(
                "this site has not reached etcd of the fleet {name} for {lags}, since {since}{detail}: it answers from what it \
                 has, and its records cannot be changed"
            );
            alarm(AlarmCode::FleetCutOff, Severity::Warning, message)
        }
        FleetState::Stuck => {
            let message =
                format!("this site cannot apply what the fleet {name} decided{detail}: it answers from what it has");
            alarm(AlarmCode::FleetStuck, Severity::Warning, message)
        }
        FleetState::Current | FleetState::Behind if *lag < told_after => None,
        FleetState::Current | FleetState::Behind => {
            let lacks = lacking(view);
            let message = format!(
                "this site has not been at the head of the fleet {name} for {lags}{detail}: {lacks}it answers from what it has"
            );
            alarm(AlarmCode::FleetBehind, Severity::Warning, message)
        }
    }
}

/// Behind a fetcher that was killed another begins within half a minute.
const UNFETCHED_AFTER: SignedDuration = SignedDuration::from_mins(5);

fn unfetched(view: &FleetView, now: Timestamp) -> Option<Alarm> {
    let since = view.unfetched_since.filter(|since| age(*since, now).exceeds(UNFETCHED_AFTER))?;
    let why = match view.unfetched_why.as_str() {
        "" => String::new(),
        why => format!(" ({why})"),
    };
    let message = format!(
        "no site fetches for the fleet {}, since {}{why}: what the FCC publishes does not reach any of them",
        view.name,
        moment(since)
    );
    let alarm = Alarm::new(AlarmCode::FleetNoFetcher, Severity::Warning, message);
    Some(if why.is_empty() { alarm } else { alarm.remedied_by(FREE_THE_KEY) })
}

/// What to do where the key of whoever fetches is held by nobody who does.
const FREE_THE_KEY: &str = "whoever looks after etcd deletes that key (`etcdctl del`): a site that may fetch takes it at once. Find out \
                            who put it there: sites put it under a lease alone";

/// What to do at a site whose fleet has gone another way: a repair there would drop what that has.
const JOIN_ANEW: &str = "where what the fleet's etcd holds is right, join it anew, which keeps what is here beside and brings its \
                         records along: stop the daemon, then `rmdd fleet leave`, `rmdd fleet join --dry-run`, `rmdd fleet join \
                         --bring-records --by NAME`, and start it; docs/fleet.md says what else there is";

/// What a site does that has stopped.
const STOPPED: &str = "this site follows it no further, answers from what it has, and keeps all of it";

/// So many entries a site lacks, where it is known.
fn lacking(view: &FleetView) -> String {
    match view.lacks(Log::Listing) + view.lacks(Log::Records) {
        0 => String::new(),
        1 => "it lacks one entry, ".to_owned(),
        entries => format!("it lacks {} entries, ", count(entries)),
    }
}

/// What members say is wrong with their databases. Each tells of the troubles of all, so those who say the same are named together.
fn engine_failing(members: &[EngineMember]) -> Option<Alarm> {
    let mut said: Vec<(String, Vec<&str>)> = Vec::new();
    for member in members {
        let Ok(status) = &member.status else { continue };
        let faults = status.faults().map(|fault| one_line(fault.trim())).collect::<Vec<_>>().join("; ");
        match said.iter_mut().find(|(known, _)| *known == faults) {
            _ if faults.is_empty() => {}
            Some((_, who)) => who.push(&member.address),
            None => said.push((faults, vec![&member.address])),
        }
    }
    let of = |(faults, who): &(String, Vec<&str>)| {
        format!("{} {}: {faults}", who.join(" and "), if who.len() > 1 { "say" } else { "says" })
    };
    let told: Vec<String> = said.iter().map(of).collect();
    (!told.is_empty()).then(|| {
        let message = format!(
            "the fleet's etcd is in trouble, {}: while its database is full or damaged, no listing and no record may come to the \
             sites, which answer from what they have",
            told.join("; ")
        );
        Alarm::new(AlarmCode::FleetEngineFailing, Severity::Warning, message)
    })
}

/// Members that are reached with certificates, and whose version lets others do what their roles forbid. Without TLS, on one
/// machine, there are no roles.
fn engine_old(members: &[EngineMember]) -> Option<Alarm> {
    let old = members.iter().filter(|member| member.address.starts_with("https://")).filter_map(|member| {
        // One that falls silent is no newer for that.
        let version = member.last_version.as_ref()?;
        (!holds_its_roles(version)).then(|| format!("{} has etcd {version}", member.address))
    });
    let old: Vec<String> = old.collect();
    (!old.is_empty()).then(|| {
        let message = format!(
            "{}, which does not hold its roles (CVE-2026-33343, CVE-2026-44283, CVE-2026-73499): whoever has a certificate of \
             any site may write what the fetcher alone should",
            old.join(", ")
        );
        Alarm::new(AlarmCode::FleetEngineOld, Severity::Warning, message)
    })
}

/// Whether a version of etcd holds its roles. One that cannot be read is believed.
fn holds_its_roles(version: &str) -> bool {
    let (numbers, before) = match version.split_once('-') {
        Some((numbers, _)) => (numbers, true),
        None => (version, false),
    };
    let mut parts = numbers.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch))) = (parts.next(), parts.next(), parts.next()) else {
        return true;
    };
    let first = match (major, minor) {
        (..=2, _) | (3, ..=4) => return false,
        (3, 5) => 33,
        (3, 6) => 14,
        (3, 7) => 1,
        _ => return true,
    };
    // What comes before a release lacks it.
    patch > first || (patch == first && !before)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use strum::VariantArray;

    use super::*;
    use crate::domain::{EARLIEST, EngineStatus, FleetHeads, FleetId, FleetPosition, Place, Sha256Digest};

    fn report(state: FleetState, detail: &str, lag: u64) -> FleetReport {
        let mut view = FleetView::unread("east", "nyc1", Duration::from_secs(5), EARLIEST);
        view.standing.state = state;
        view.standing.detail = detail.to_owned();
        let lag = Duration::from_secs(lag);
        FleetReport { view: Arc::new(view), current_as_of: None, lag, behind: lag.as_secs() > 5 }
    }

    fn codes(state: FleetState, lag: u64) -> Vec<(AlarmCode, Severity)> {
        fleet(&report(state, "", lag), EARLIEST).iter().map(|alarm| (alarm.code, alarm.severity)).collect()
    }

    #[test]
    fn a_site_that_is_behind_is_an_alarm_after_thirty_seconds_and_one_that_stopped_at_once() {
        use AlarmCode::{FleetBehind, FleetCutOff, FleetForeign, FleetForked, FleetNewer, FleetStuck};
        assert_eq!(codes(FleetState::Current, 29), []);
        assert_eq!(codes(FleetState::Behind, 29), []);
        assert_eq!(codes(FleetState::Behind, 30), [(FleetBehind, Severity::Warning)]);
        // Nobody looks any more, and nobody says so.
        assert_eq!(codes(FleetState::Current, 30), [(FleetBehind, Severity::Warning)]);
        assert_eq!(codes(FleetState::CutOff, 31), [(FleetCutOff, Severity::Warning)]);
        assert_eq!(codes(FleetState::Stuck, 31), [(FleetStuck, Severity::Warning)]);
        assert_eq!(codes(FleetState::Foreign, 0), [(FleetForeign, Severity::Critical)]);
        assert_eq!(codes(FleetState::Forked, 0), [(FleetForked, Severity::Critical)]);
        assert_eq!(codes(FleetState::Newer, 0), [(FleetNewer, Severity::Warning)]);
    }

    #[test]
    fn that_nobody_fetches_is_an_alarm_after_five_minutes() {
        let at = |minutes: i64| EARLIEST + SignedDuration::from_mins(minutes) + SignedDuration::from_secs(1);
        let mut unfetched = report(FleetState::Current, "", 0);
        Arc::make_mut(&mut unfetched.view).unfetched_since = Some(EARLIEST);
        assert_eq!(fleet(&unfetched, at(4)), []);
        let alarms = fleet(&unfetched, at(5));
        let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
        assert_eq!(alarm.code, AlarmCode::FleetNoFetcher);
        assert!(alarm.message.contains("no site fetches for the fleet east"), "{alarm:?}");
        assert!(alarm.remedy.contains("start a site"), "{alarm:?}");
        Arc::make_mut(&mut unfetched.view).unfetched_why = "etcd's key names bos, and no such site is alive".to_owned();
        let alarms = fleet(&unfetched, at(5));
        assert!(alarms[0].message.contains("names bos, and") && alarms[0].remedy.contains("etcdctl del"), "{alarms:?}");
    }

    #[test]
    fn every_state_but_current_is_an_alarm_in_the_end_that_names_the_fleet_and_what_shows_it() {
        for state in FleetState::VARIANTS {
            let alarms = fleet(&report(*state, "no member answers", 3600), EARLIEST);
            let [alarm] = alarms.as_slice() else { panic!("{state:?}: {alarms:?}") };
            assert!(alarm.message.contains("east") && alarm.message.contains("(no member answers)"), "{alarm:?}");
            assert!(!alarm.remedy.is_empty() && !alarm.message.ends_with('.'), "{alarm:?}");
        }
        let cut_off = fleet(&report(FleetState::CutOff, "", 3600), EARLIEST);
        assert!(cut_off[0].message.contains("for 1 h 0 min, since 2025-12-31 23:00:00 UTC"), "{cut_off:?}");
    }

    #[test]
    fn a_site_whose_fleet_has_gone_another_way_is_not_told_to_repair() {
        let mut forked = report(FleetState::Forked, "", 0);
        assert!(fleet(&forked, EARLIEST)[0].remedy.contains("rmdd fleet repair"));
        Arc::make_mut(&mut forked.view).standing.branched = true;
        let remedy = &fleet(&forked, EARLIEST)[0].remedy;
        assert!(!remedy.contains("repair") && remedy.contains("`rmdd fleet leave`"), "{remedy}");
    }

    #[test]
    fn what_a_site_lacks_is_told_where_it_is_known() {
        let mut lacking = report(FleetState::Behind, "", 60);
        let place = |index| Place { index, sha256: Sha256Digest([0; 32]) };
        let view = Arc::make_mut(&mut lacking.view);
        view.heads = Some(FleetHeads { listing: place(7), records: place(5), read_at: EARLIEST });
        view.position = Some(FleetPosition::origin(FleetId([0; 16])));
        let alarms = fleet(&lacking, EARLIEST);
        assert!(alarms[0].message.contains("it lacks 12 entries"), "{alarms:?}");
    }

    #[test]
    fn what_members_of_etcd_say_is_wrong_with_their_databases_is_an_alarm_that_names_them() {
        let member = |number: u32, errors: &[&str]| EngineMember {
            address: format!("http://etcd-{number}:2379"),
            status: Ok(EngineStatus {
                version: "3.6.14".to_owned(),
                db_bytes: 0,
                has_leader: errors.is_empty(),
                errors: errors.iter().map(|error| (*error).to_owned()).collect(),
            }),
            last_version: None,
            asked_at: EARLIEST,
        };
        let silent = EngineMember { status: Err("refused".to_owned()), ..member(4, &[]) };
        let no_leader = member(3, &["etcdserver: no leader"]);
        assert_eq!(engine_failing(&[member(1, &[]), no_leader.clone(), silent.clone()]), None, "that passes by itself");
        let full = "memberID:7 alarm:NOSPACE ";
        let corrupt = ["etcdserver: no leader", "memberID:9 alarm:CORRUPT "];
        let members = [member(1, &[full]), member(2, &[full]), member(5, &corrupt), no_leader, silent];
        let mut report = report(FleetState::Current, "", 0);
        Arc::make_mut(&mut report.view).members = members.into();
        let alarms = fleet(&report, EARLIEST);
        let [alarm] = alarms.as_slice() else { panic!("{alarms:?}") };
        assert_eq!((alarm.code, alarm.severity), (AlarmCode::FleetEngineFailing, Severity::Warning));
        let both = "http://etcd-1:2379 and http://etcd-2:2379 say: memberID:7 alarm:NOSPACE; http://etcd-5:2379 says: memberID:9";
        assert!(alarm.message.contains(both) && !alarm.message.contains("leader"), "{alarm:?}");
        assert!(alarm.remedy.contains("alarm disarm"), "{alarm:?}");
    }

    #[test]
    fn an_etcd_that_does_not_hold_its_roles_is_an_alarm_where_there_are_roles() {
        for (version, holds) in [
            ("2.3.8", false),
            ("3.4.23", false),
            ("3.5.32", false),
            ("3.5.33", true),
            ("3.5.33-rc.0", false),
            ("3.5.34-rc.0", true),
            ("3.6.13", false),
            ("3.6.14", true),
            ("3.7.0", false),
            ("3.7.1", true),
            ("3.8.0", true),
            ("4.0.0", true),
            ("main", true),
        ] {
            assert_eq!(holds_its_roles(version), holds, "{version}");
        }
        let member = |address: &str, version: &str| EngineMember {
            address: address.to_owned(),
            status: Ok(EngineStatus { version: version.to_owned(), db_bytes: 0, has_leader: true, errors: Vec::new() }),
            last_version: Some(version.to_owned()),
            asked_at: EARLIEST,
        };
        let silent = |version: Option<&str>| EngineMember {
            status: Err("refused".to_owned()),
            last_version: version.map(str::to_owned),
            ..member("https://etcd-3:2379", "")
        };
        assert_eq!(engine_old(&[silent(None)]), None);
        assert!(engine_old(&[silent(Some("3.4.23"))]).is_some(), "what it said last holds while it says nothing");
        let silent = silent(Some("3.6.14"));
        let members = [member("https://etcd-1:2379", "3.4.23"), member("https://etcd-2:2379", "3.6.14"), silent];
        let alarm = engine_old(&members).expect("an alarm");
        assert_eq!((alarm.code, alarm.severity), (AlarmCode::FleetEngineOld, Severity::Warning));
        assert!(alarm.message.starts_with("https://etcd-1:2379 has etcd 3.4.23, which"), "{alarm:?}");
        assert_eq!(engine_old(&[member("http://127.0.0.1:2379", "3.4.23")]), None);
    }
}
