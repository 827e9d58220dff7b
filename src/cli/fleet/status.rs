//! `rmdd fleet status`, and the fleet in `rmdd status`.

use anyhow::bail;
use clap::Args;
use jiff::SignedDuration;

use super::super::screen::{Cell, Column, Table};
use super::super::status::alarm::{finding, what_to_do};
use super::super::target::{Access, Target};
use super::super::text::{self, say};
use super::super::{FAILED, Global, NO, YES, from_wire, screen};
use crate::api::grpc::duration_from_wire;
use crate::api::grpc::v1::{
    Alarm, FleetMember, FleetPlace, FleetSite, FleetState, FleetStatus, GetStatusRequest, GetStatusResponse, Severity,
};
use crate::api::json;
use crate::daemon::config::Overrides;
use crate::domain::visible;
use crate::observe::clock;

/// A clock that differs by so much from the others' is told of: such a site does not fetch.
const CLOCK_TOLD: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Args)]
pub struct Status {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Status {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.settings(Overrides::new())?, Access::Read).await?;
        let status = target.get_status(GetStatusRequest {}).await?;
        let Some(fleet) = &status.fleet else {
            if status.started_at.is_none() {
                bail!("no daemon runs here, and what is known of a fleet only a daemon knows: start it (`rmdd serve`)");
            }
            bail!(
                "this daemon is in no fleet: the table [fleet] of its configuration puts it into one (docs/fleet.md)"
            );
        };
        if self.json {
            say!("{}", visible::to_json(&json::Fleet::from(fleet))?);
        } else {
            print(&status, fleet);
        }
        Ok(exit(&status))
    }
}

/// The next format of the fleet's logs, if all sites say that they read it.
fn can_be_raised_to(fleet: &FleetStatus) -> Option<u32> {
    let next = fleet.format + 1;
    let reads = |site: &FleetSite| (site.oldest_format..=site.newest_format).contains(&next);
    (fleet.format > 0 && !fleet.sites.is_empty() && fleet.sites.iter().all(reads)).then_some(next)
}

/// The alarms that are about the fleet.
fn alarms(status: &GetStatusResponse) -> impl Iterator<Item = &Alarm> {
    status.alarms.iter().filter(|alarm| alarm.code.starts_with("FLEET_"))
}

fn exit(status: &GetStatusResponse) -> u8 {
    match alarms(status).map(Alarm::severity).max() {
        Some(Severity::Critical) => FAILED,
        Some(Severity::Warning) => NO,
        // What lasts for less than half a minute is no alarm yet.
        _ if status.fleet.as_ref().is_some_and(|fleet| fleet.behind || !fleet.members.iter().all(is_good)) => NO,
        _ => YES,
    }
}

fn print(status: &GetStatusResponse, fleet: &FleetStatus) {
    in_brief(fleet, status.snapshot.is_some()).iter().for_each(|line| say_fitted(line));
    for alarm in alarms(status) {
        let severity = match alarm.severity() {
            Severity::Critical => text::bad("CRITICAL"),
            _ => text::doubtful("WARNING"),
        };
        say_fitted(&format!("  {severity} {}: {}", alarm.code, finding(alarm)));
        if let Some(what) = what_to_do(alarm) {
            say_fitted(&format!("    do: {what}"));
        }
    }
    say!();
    match fleet.read_at.as_ref() {
        None => say_fitted("Of its other sites nothing is known yet: this one has not read of them since its start."),
        Some(_) => sites(fleet).print(),
    }
    say!();
    members(fleet).print();
    if let Some(next) = can_be_raised_to(fleet) {
        say!();
        say_fitted(&format!(
            "All sites read format {next} of the fleet's logs, which have format {}: `rmdd fleet upgrade` raises it.",
            fleet.format
        ));
    }
    if let Some(read) = from_wire::time(fleet.read_at.as_ref())
        && (fleet.behind || fleet.state() != FleetState::Current)
    {
        say!();
        say_fitted(&format!(
            "The sites are as they were {} ago; nothing newer is known here.",
            text::span(since(read))
        ));
    }
}

fn say_fitted(line: &str) {
    match screen::columns() {
        None => say!("{line}"),
        Some(columns) => {
            screen::fitted(line, columns, screen::hanging(line)).iter().for_each(|line| say!("{line}"));
        }
    }
}

fn since(then: jiff::Timestamp) -> SignedDuration {
    clock::now().duration_since(then).max(SignedDuration::ZERO)
}

/// How a site stands, in two lines; a third says why one has no listing yet.
pub fn in_brief(fleet: &FleetStatus, has_listing: bool) -> Vec<String> {
    let (name, site) = (text::one_line(&fleet.name), text::one_line(&fleet.site));
    let mut said = vec![format!("{name}, site {site}: {}", standing(fleet)), in_numbers(fleet, has_listing)];
    if !has_listing && !fleet.detail.is_empty() {
        said.push(text::doubtful(&format!(
            "it has never had a listing of the fleet: {}",
            text::one_line(&fleet.detail)
        )));
    }
    said
}

fn standing(fleet: &FleetStatus) -> String {
    let state = fleet.state();
    let current = match from_wire::time(fleet.current_as_of.as_ref()) {
        None => "never current since its start".to_owned(),
        Some(at) => format!("last current {} ago", text::span(since(at))),
    };
    match state {
        FleetState::Current if !fleet.behind => text::good("current"),
        FleetState::Current | FleetState::Behind => format!("{}, {current}", text::doubtful("BEHIND")),
        FleetState::Unspecified => format!("in a state that this version does not know, {current}"),
        state => format!("{}, {current}", text::bad(&word(state).replace('_', " "))),
    }
}

/// A state's word.
fn word(state: FleetState) -> &'static str {
    let name = state.as_str_name();
    name.strip_prefix("FLEET_STATE_").unwrap_or(name)
}

fn in_numbers(fleet: &FleetStatus, has_listing: bool) -> String {
    // Where it begins without a listing, it stands nowhere in that log.
    let listing = fleet.listing.as_ref().filter(|place| has_listing || place.index > 0);
    let mut said = vec![
        format!("listing {}", of_head(listing, fleet.listing_head.as_ref())),
        format!("records {}", of_head(fleet.records.as_ref(), fleet.records_head.as_ref())),
    ];
    said.push(match fleet.fetcher.as_str() {
        "" if fleet.heads_read_at.is_some() => text::doubtful("nobody fetches"),
        "" => "who fetches is not known".to_owned(),
        site if fleet.behind => format!("{} fetched then", text::one_line(site)),
        site if site == fleet.site => "this site fetches".to_owned(),
        site => format!("{} fetches", text::one_line(site)),
    });
    let alive = fleet.sites.iter().filter(|site| site.alive_since.is_some()).count();
    if !fleet.sites.is_empty() {
        let were = if fleet.behind { " were" } else { "" };
        let (alive, all) = (text::count(alive as u64), text::count(fleet.sites.len() as u64));
        said.push(format!("{alive} of {all} sites{were} alive"));
    }
    let good = fleet.members.iter().filter(|member| is_good(member)).count();
    if good < fleet.members.len() {
        said.push(text::doubtful(&format!("{good} of {} members of etcd are well", fleet.members.len())));
    }
    said.join(", ")
}

/// A place, and where the log ends if that is further on.
fn of_head(place: Option<&FleetPlace>, head: Option<&FleetPlace>) -> String {
    let index = |place: &FleetPlace| text::count(place.index);
    match (place, head) {
        (None, None) => "not known".to_owned(),
        (None, Some(head)) => format!("none of {}", index(head)),
        (Some(place), Some(head)) if head.index > place.index => format!("{} of {}", index(place), index(head)),
        (Some(place), _) => index(place),
    }
}

static SITES: [Column; 7] = [
    Column::text("SITE"),
    Column::whole("ALIVE SINCE"),
    Column::number("LISTING"),
    Column::number("RECORDS"),
    Column::number("BEHIND BY"),
    Column::whole("VERSION").from(90),
    Column::whole("CLOCK").from(100),
];

fn sites(fleet: &FleetStatus) -> Table {
    let mut table = Table::new(&SITES);
    let own = fleet.sites.iter().find(|site| site.name == fleet.site);
    for site in &fleet.sites {
        // Of itself this site knows more than it told the others.
        let own_places = (fleet.listing.as_ref(), fleet.records.as_ref());
        let (listing, records) = match site.name == fleet.site {
            true if own_places.0.is_some() => own_places,
            _ => (site.listing.as_ref(), site.records.as_ref()),
        };
        let behind = behind_by(listing, records, fleet);
        let cells = [
            Cell::plain(text::one_line(&site.name)),
            match &site.alive_since {
                None => Cell::bad("not alive"),
                since => Cell::plain(text::time(since.as_ref())),
            },
            Cell::plain(listing.map_or_else(String::new, |place| text::count(place.index))),
            Cell::plain(records.map_or_else(String::new, |place| text::count(place.index))),
            match behind {
                0 => Cell::plain("0"),
                behind => Cell::doubtful(text::count(behind)),
            },
            Cell::plain(text::one_line(&site.version)),
            Cell::plain(offset(site).map_or_else(String::new, in_seconds)),
        ];
        table.add(cells, notes(site, fleet, own));
    }
    table
}

/// So many entries a site at these places lacks of those that this one knows of.
fn behind_by(listing: Option<&FleetPlace>, records: Option<&FleetPlace>, fleet: &FleetStatus) -> u64 {
    let lacks = |head: Option<&FleetPlace>, place: Option<&FleetPlace>| {
        let (head, place) = (head.map_or(0, |head| head.index), place.map_or(0, |place| place.index));
        head.saturating_sub(place)
    };
    lacks(fleet.listing_head.as_ref(), listing) + lacks(fleet.records_head.as_ref(), records)
}

fn offset(site: &FleetSite) -> Option<SignedDuration> {
    site.clock_offset.as_ref().map(duration_from_wire)
}

fn in_seconds(offset: SignedDuration) -> String {
    format!("{:+.1} s", offset.as_secs_f64())
}

/// What is out of the ordinary about a site.
fn notes(site: &FleetSite, fleet: &FleetStatus, own: Option<&FleetSite>) -> Vec<String> {
    let mut notes = Vec::new();
    if site.name == fleet.fetcher {
        notes.push("fetches for all".to_owned());
    }
    if site.alive_since.is_none() {
        notes.push(format!("last heard of {}", text::time_and_distance(site.written_at.as_ref())));
    }
    if !site.fetches {
        notes.push("never fetches (fleet.fetches = false)".to_owned());
    }
    if let Some(offset) = offset(site).filter(|offset| offset.abs() > CLOCK_TOLD) {
        let so = if offset.is_negative() { "behind" } else { "ahead of" };
        notes.push(text::doubtful(&format!("its clock is {} {so} the others'", text::span(offset.abs()))));
    }
    let Some(own) = own else { return notes };
    if !site.policy_sha256.is_empty() && site.policy_sha256 != own.policy_sha256 {
        notes.push(text::doubtful("its policy is not this site's: it may answer otherwise"));
    }
    let same_place = |place: fn(&FleetSite) -> Option<&FleetPlace>| match (place(site), place(own)) {
        (Some(theirs), Some(ours)) => theirs.index != ours.index || theirs.sha256 == ours.sha256,
        _ => true,
    };
    if !same_place(|site| site.listing.as_ref()) || !same_place(|site| site.records.as_ref()) {
        notes.push(text::bad("it holds something else than this site at the same index"));
    }
    if (site.oldest_format, site.newest_format) != (own.oldest_format, own.newest_format) {
        notes.push(format!("reads formats {} to {} of the logs", site.oldest_format, site.newest_format));
    }
    notes
}

static MEMBERS: [Column; 4] =
    [Column::text("MEMBER OF ETCD"), Column::whole("VERSION"), Column::number("DATABASE"), Column::text("STATE")];

fn is_good(member: &FleetMember) -> bool {
    member.fault.is_empty() && member.errors.is_empty() && member.has_leader
}

fn members(fleet: &FleetStatus) -> Table {
    let mut table = Table::new(&MEMBERS);
    for member in &fleet.members {
        let answered = member.fault.is_empty();
        let state = match member {
            member if !answered => Cell::bad(text::one_line(&member.fault)),
            member if !member.errors.is_empty() => Cell::bad(text::one_line(&member.errors.join("; "))),
            member if !member.has_leader => Cell::bad("knows no leader"),
            _ => Cell::good("good"),
        };
        let database = if answered { text::bytes(member.database_bytes) } else { String::new() };
        let (address, version) = (text::one_line(&member.address), text::one_line(&member.version));
        table.add([Cell::plain(address), Cell::plain(version), Cell::plain(database), state], Vec::new());
    }
    table
}
