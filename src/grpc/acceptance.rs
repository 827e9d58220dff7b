//! `AcceptanceService`: the answer on every call.

use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::convert;
use super::records::peer_name;
use super::v1::acceptance_service_server::AcceptanceService;
use super::{ErrorReason, Services, error, v1};
use crate::caller_id::pertains_to_us;
use crate::clock;
use crate::decide::{NamedBy, Query, decide, sentence};
use crate::domain::{Ternary, Who, rule};
use crate::records::{Records, Resolved};

#[tonic::async_trait]
impl AcceptanceService for Services {
    async fn check_provider(
        &self,
        request: Request<v1::CheckProviderRequest>,
    ) -> Result<Response<v1::CheckProviderResponse>, Status> {
        let request = request.get_ref();
        match self.check(request, clock::now()) {
            // Whatever else holds: an unknown upstream, a daemon without a listing.
            Err(_) if request.emergency => Ok(Response::new(emergency())),
            answer => answer.map(Response::new),
        }
    }
}

impl Services {
    fn check(&self, request: &v1::CheckProviderRequest, now: Timestamp) -> Result<v1::CheckProviderResponse, Status> {
        let records = self.records.load();
        let (query, resolved) = query(request, &records, now)?;
        let guard = self.index.load();
        let index = guard.as_ref().ok_or_else(error::snapshot_not_loaded)?;
        let decision = decide(index, &records, &query, &self.policy.load(), now)
            .map_err(|undecided| ErrorReason::ListingTooOld.status(undecided.to_string()))?;
        let mut answer = convert::decision(index, &decision, sentence(&decision, &query));
        answer.snapshot = Some(convert::snapshot(index, now));
        answer.peer = resolved.peer.as_deref().map(peer_name).unwrap_or_default();
        Ok(answer)
    }
}

fn query(request: &v1::CheckProviderRequest, records: &Records, now: Timestamp) -> Result<(Query, Resolved), Status> {
    let us_caller_id = match convert::ternary(request.us_caller_id()) {
        Ternary::Unknown => pertains_to_us(&request.caller_id),
        told => told,
    };
    let (who, resolved) = convert::who(request.identity.as_ref(), records, now)?;
    let query = Query {
        identity: resolved.identity,
        named_by: match who {
            Who::Provider(_) => NamedBy::Number,
            Who::Ocn(_) => NamedBy::Ocn,
            Who::Peer(_) => NamedBy::Peer,
        },
        role: convert::asked_role(request.role()).or(resolved.role),
        foreign: convert::ternary(request.foreign()),
        us_caller_id,
        emergency: request.emergency,
    };
    Ok((query, resolved))
}

/// The answer for an emergency call when nothing else can be said.
fn emergency() -> v1::CheckProviderResponse {
    v1::CheckProviderResponse {
        verdict: v1::Verdict::Accept.into(),
        reason: v1::Reason::EmergencyCall.into(),
        message: "an emergency call is never refused; nothing is known of the provider".to_owned(),
        rule: rule::EMERGENCY.to_owned(),
        ..v1::CheckProviderResponse::default()
    }
}
