//! A fleet as a site knows it, over the wire.

use super::convert::time_to_wire;
use super::v1;
use crate::domain::{EngineMember, FleetState, Place, SiteView};
use crate::service::FleetReport;

/// What is known of a fleet.
pub fn to_wire(report: &FleetReport) -> v1::FleetStatus {
    let view = &report.view;
    v1::FleetStatus {
        name: view.name.clone(),
        site: view.site.clone(),
        fleet_id: view.position.map(|position| position.fleet.0.to_vec()).unwrap_or_default(),
        state: state_to_wire(view.standing.state).into(),
        since: Some(time_to_wire(view.standing.since)),
        detail: view.standing.detail.clone(),
        listing: view.position.map(|position| place_to_wire(position.listing.into())),
        records: view.position.map(|position| place_to_wire(position.records.into())),
        listing_head: view.heads.map(|heads| place_to_wire(heads.listing)),
        records_head: view.heads.map(|heads| place_to_wire(heads.records)),
        heads_read_at: view.heads.map(|heads| time_to_wire(heads.read_at)),
        current_as_of: report.current_as_of.map(time_to_wire),
        behind: report.behind,
        fetcher: view.fetcher.clone().unwrap_or_default(),
        members: view.members.iter().map(member_to_wire).collect(),
        sites: view.sites.iter().map(site_to_wire).collect(),
        read_at: view.read_at.map(time_to_wire),
        format: view.format.unwrap_or_default(),
    }
}

fn state_to_wire(state: FleetState) -> v1::FleetState {
    v1::FleetState::from_str_name(&format!("FLEET_STATE_{}", state.as_str())).unwrap_or_default()
}

fn place_to_wire(Place { index, sha256 }: Place) -> v1::FleetPlace {
    v1::FleetPlace { index, sha256: sha256.0.to_vec() }
}

fn member_to_wire(member: &EngineMember) -> v1::FleetMember {
    let asked = v1::FleetMember {
        address: member.address.clone(),
        asked_at: Some(time_to_wire(member.asked_at)),
        ..v1::FleetMember::default()
    };
    match &member.status {
        Err(fault) => v1::FleetMember { fault: fault.clone(), ..asked },
        Ok(status) => v1::FleetMember {
            version: status.version.clone(),
            database_bytes: status.db_bytes,
            has_leader: status.has_leader,
            errors: status.errors.clone(),
            ..asked
        },
    }
}

fn site_to_wire(site: &SiteView) -> v1::FleetSite {
    v1::FleetSite {
        name: site.name.clone(),
        alive_since: site.alive_since.map(time_to_wire),
        listing: Some(place_to_wire(site.listing)),
        records: Some(place_to_wire(site.records)),
        written_at: Some(time_to_wire(site.written_at)),
        version: site.version.clone(),
        oldest_format: site.formats.0,
        newest_format: site.formats.1,
        fetches: site.fetches,
        clock_offset: site
            .clock_offset
            .map(|offset| prost_types::Duration { seconds: offset.as_secs(), nanos: offset.subsec_nanos() }),
        policy_sha256: site.policy.map(|policy| policy.0.to_vec()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_its_number_in_the_protocol() {
        for (place, state) in FleetState::ALL.iter().enumerate() {
            assert_eq!(state_to_wire(*state) as usize, place + 1, "{state:?}");
        }
        let last = i32::try_from(FleetState::ALL.len()).expect("few");
        assert!(v1::FleetState::try_from(last + 1).is_err(), "the protocol has a state that no site is in");
    }
}
