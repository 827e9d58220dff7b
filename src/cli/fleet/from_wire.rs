//! A fleet in the shape that is printed as JSON.

use super::super::from_wire::time;
use crate::api::grpc::duration_from_wire;
use crate::api::grpc::v1;
use crate::api::json::{Fleet, FleetMember, FleetPlace, FleetSite, filled};

impl From<&v1::FleetStatus> for Fleet {
    fn from(fleet: &v1::FleetStatus) -> Self {
        let state = fleet.state().as_str_name();
        Self {
            name: fleet.name.clone(),
            site: fleet.site.clone(),
            id: filled(&hex::encode(&fleet.fleet_id)),
            state: state.strip_prefix("FLEET_STATE_").unwrap_or(state).to_ascii_lowercase(),
            since: time(fleet.since.as_ref()),
            detail: filled(&fleet.detail),
            listing: fleet.listing.as_ref().map(FleetPlace::from),
            records: fleet.records.as_ref().map(FleetPlace::from),
            listing_head: fleet.listing_head.as_ref().map(FleetPlace::from),
            records_head: fleet.records_head.as_ref().map(FleetPlace::from),
            heads_read_at: time(fleet.heads_read_at.as_ref()),
            current_as_of: time(fleet.current_as_of.as_ref()),
            behind: fleet.behind,
            fetcher: filled(&fleet.fetcher),
            members: fleet.members.iter().map(FleetMember::from).collect(),
            sites: fleet.sites.iter().map(FleetSite::from).collect(),
            read_at: time(fleet.read_at.as_ref()),
            format: Some(fleet.format).filter(|format| *format > 0),
        }
    }
}

impl From<&v1::FleetPlace> for FleetPlace {
    fn from(place: &v1::FleetPlace) -> Self {
        Self { index: place.index, sha256: filled(&hex::encode(&place.sha256)) }
    }
}

impl From<&v1::FleetMember> for FleetMember {
    fn from(member: &v1::FleetMember) -> Self {
        Self {
            address: member.address.clone(),
            version: filled(&member.version),
            database_bytes: member.fault.is_empty().then_some(member.database_bytes),
            has_leader: member.has_leader,
            errors: member.errors.clone(),
            fault: filled(&member.fault),
            asked_at: time(member.asked_at.as_ref()),
        }
    }
}

impl From<&v1::FleetSite> for FleetSite {
    fn from(site: &v1::FleetSite) -> Self {
        Self {
            name: site.name.clone(),
            alive_since: time(site.alive_since.as_ref()),
            listing: site.listing.as_ref().map(FleetPlace::from),
            records: site.records.as_ref().map(FleetPlace::from),
            written_at: time(site.written_at.as_ref()),
            version: site.version.clone(),
            oldest_format: site.oldest_format,
            newest_format: site.newest_format,
            fetches: site.fetches,
            clock_offset_seconds: site.clock_offset.as_ref().map(|offset| duration_from_wire(offset).as_secs_f64()),
            policy_sha256: filled(&hex::encode(&site.policy_sha256)),
        }
    }
}
