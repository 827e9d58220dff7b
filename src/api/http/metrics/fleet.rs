//! A fleet in numbers.

use std::fmt::Error;

use super::page::{Page, bytes, of, seconds};
use crate::domain::{EngineMember, EngineStatus, FleetState, Log};
use crate::service::FleetReport;

/// What is known of the fleet.
pub fn write(page: &mut Page<'_>, report: &FleetReport) -> Result<(), Error> {
    site(page, report)?;
    others(page, report)?;
    engine(page, &report.view.members)
}

fn site(page: &mut Page<'_>, report: &FleetReport) -> Result<(), Error> {
    let view = &report.view;
    page.gauges(
        of("rmdd_fleet_state", "1 for how this site stands with its fleet, 0 for the other states."),
        FleetState::ALL.iter().map(|state| (vec![("state", state.as_str())], u64::from(*state == view.standing.state))),
    )?;
    page.gauge(
        seconds(
            "rmdd_fleet_current_age",
            "Time since this site had published all that its fleet had; since its start where it never had.",
        ),
        Some(report.lag.as_secs_f64()),
    )?;
    page.gauge(
        of("rmdd_fleet_behind", "1 while that is longer than fleet.behind_after, and answers say so, else 0."),
        Some(u64::from(report.behind)),
    )?;
    page.gauges(
        of("rmdd_fleet_index", "The index of the newest entry of each log that this site has applied."),
        Log::ALL
            .into_iter()
            .filter_map(|log| Some((vec![("log", log.as_str())], view.position.as_ref()?.of(log).index))),
    )?;
    page.gauges(
        of("rmdd_fleet_head_index", "The index of the newest entry of each log, as this site last read it."),
        Log::ALL.into_iter().filter_map(|log| Some((vec![("log", log.as_str())], view.heads.as_ref()?.of(log).index))),
    )
}

fn others(page: &mut Page<'_>, report: &FleetReport) -> Result<(), Error> {
    let view = &report.view;
    let known = view.heads.is_some();
    page.gauge(
        of("rmdd_fleet_fetcher", "1 if this site is the one that fetches for its fleet, else 0."),
        Some(u64::from(view.fetcher.as_deref() == Some(view.site.as_str()))),
    )?;
    page.gauge(
        of("rmdd_fleet_fetchers", "1 if some site fetches for the fleet, as this site last read it, else 0."),
        known.then_some(u64::from(view.fetcher.is_some())),
    )?;
    page.gauge(
        of("rmdd_fleet_sites", "Sites that are registered, as this site last read it."),
        view.read_at.map(|_| view.sites.len()),
    )?;
    page.gauge(
        of("rmdd_fleet_sites_alive", "Those of them that are alive."),
        view.read_at.map(|_| view.sites.iter().filter(|site| site.alive_since.is_some()).count()),
    )
}

fn engine(page: &mut Page<'_>, members: &[EngineMember]) -> Result<(), Error> {
    let up = |member: &EngineMember| member.status.as_ref().is_ok_and(|status| status.has_leader);
    page.gauges(
        of("rmdd_fleet_engine_up", "1 for a member of etcd that answers this site and knows a leader, else 0."),
        members.iter().map(|member| (vec![("member", member.address.as_str())], u64::from(up(member)))),
    )?;
    let answered = || members.iter().filter_map(|member| Some((member.address.as_str(), member.status.as_ref().ok()?)));
    page.gauges(
        of("rmdd_fleet_engine_faults", "What a member of etcd says is wrong with it: a full database, a damaged one."),
        answered().map(|(member, status)| (vec![("member", member)], status.faults().count())),
    )?;
    page.gauges(
        bytes("rmdd_fleet_engine_database", "The size of a member's database."),
        answered().map(|(member, EngineStatus { db_bytes, .. })| (vec![("member", member)], *db_bytes)),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;
    use std::time::Duration;

    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::{DescriptorEncoder, prometheus_text};
    use prometheus_client::registry::Registry;

    use super::*;
    use crate::domain::{EARLIEST, FleetHeads, FleetId, FleetPosition, FleetView, Place, Sha256Digest, SiteView};

    #[derive(Debug)]
    struct Scrape(FleetReport);

    impl Collector for Scrape {
        fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
            write(&mut Page(encoder), &self.0)
        }
    }

    fn page(view: FleetView, lag: Duration) -> String {
        let report = FleetReport { view: Arc::new(view), current_as_of: None, lag, behind: lag.as_secs() > 5 };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Scrape(report)));
        let mut page = String::new();
        prometheus_text::encode(&mut page, &registry).expect("written");
        page
    }

    fn unread() -> FleetView {
        FleetView::unread("east", "nyc1", Duration::from_secs(5), EARLIEST)
    }

    fn read() -> FleetView {
        let place = |index| Place { index, sha256: Sha256Digest([0; 32]) };
        let mut view = unread();
        view.position = Some(FleetPosition::origin(FleetId([0; 16])));
        view.heads = Some(FleetHeads { listing: place(7), records: place(5), read_at: EARLIEST });
        view.standing.state = FleetState::Current;
        view.fetcher = Some("nyc1".to_owned());
        view.read_at = Some(EARLIEST);
        let site = |name: &str, alive_since| SiteView {
            name: name.to_owned(),
            alive_since,
            listing: place(7),
            records: place(5),
            written_at: EARLIEST,
            version: "0.1.0".to_owned(),
            formats: (1, 1),
            fetches: true,
            clock_offset: None,
            policy: None,
        };
        view.sites = vec![site("nyc1", Some(EARLIEST)), site("nyc2", None)];
        let status = |errors: &[&str]| EngineStatus {
            version: "3.6.14".to_owned(),
            db_bytes: 4096,
            has_leader: true,
            errors: errors.iter().map(|&error| error.to_owned()).collect(),
        };
        let member = |address: &str, status| EngineMember {
            address: address.to_owned(),
            status,
            last_version: None,
            asked_at: EARLIEST,
        };
        view.members = vec![
            member("http://127.0.0.1:1", Ok(status(&["alarm:NOSPACE", "etcdserver: no leader"]))),
            member("http://127.0.0.1:2", Err("refused".to_owned())),
        ];
        view
    }

    #[test]
    fn a_fleet_is_told_in_numbers_as_the_table_of_the_guide_has_them() {
        let page = page(read(), Duration::from_millis(1500));
        for line in [
            "rmdd_fleet_state{state=\"CURRENT\"} 1",
            "rmdd_fleet_state{state=\"CUT_OFF\"} 0",
            "rmdd_fleet_current_age_seconds 1.5",
            "rmdd_fleet_behind 0",
            "rmdd_fleet_index{log=\"listing\"} 0",
            "rmdd_fleet_head_index{log=\"records\"} 5",
            "rmdd_fleet_fetcher 1",
            "rmdd_fleet_fetchers 1",
            "rmdd_fleet_sites 2",
            "rmdd_fleet_sites_alive 1",
            "rmdd_fleet_engine_up{member=\"http://127.0.0.1:1\"} 1",
            "rmdd_fleet_engine_up{member=\"http://127.0.0.1:2\"} 0",
            "rmdd_fleet_engine_faults{member=\"http://127.0.0.1:1\"} 1",
            "rmdd_fleet_engine_database_bytes{member=\"http://127.0.0.1:1\"} 4096",
        ] {
            assert!(page.lines().any(|served| served == line), "{line}:\n{page}");
        }
        let table = include_str!("../../../../docs/metrics.md");
        let told: BTreeSet<(&str, &str)> = table
            .lines()
            .filter(|row| row.starts_with("| `rmdd_fleet_"))
            .filter_map(|row| {
                let mut cells = row.trim_matches('|').split(" | ");
                Some((cells.next()?.trim().trim_matches('`'), cells.last()?.trim()))
            })
            .collect();
        let served: BTreeSet<(&str, &str)> =
            page.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' ')).collect();
        assert_eq!(served, told);
    }

    #[test]
    fn what_was_never_read_is_left_out() {
        let page = page(unread(), Duration::from_secs(40));
        for name in ["rmdd_fleet_sites", "rmdd_fleet_fetchers", "rmdd_fleet_index", "rmdd_fleet_engine_up"] {
            let is_of = |line: &&str| line.starts_with(&format!("{name} ")) || line.starts_with(&format!("{name}{{"));
            assert_eq!(page.lines().find(is_of), None, "{page}");
        }
        assert!(page.contains("rmdd_fleet_behind 1\n") && page.contains("rmdd_fleet_current_age_seconds 40"), "{page}");
    }
}
