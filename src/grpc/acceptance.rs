//! `AcceptanceService`: the answer on every call.

use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::convert::{self, Cells};
use super::v1::acceptance_service_server::AcceptanceService;
use super::{ErrorReason, Services, error, v1};
use crate::caller_id::pertains_to_us;
use crate::clock;
use crate::decide::{Query, decide, sentence};
use crate::domain::{Decision, Ternary, rule};
use crate::index::Index;

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
        let query = query(request)?;
        let guard = self.index.load();
        let index = guard.as_ref().ok_or_else(error::snapshot_not_loaded)?;
        let decision = decide(index, &query, &self.policy.load(), now)
            .map_err(|undecided| ErrorReason::ListingTooOld.status(undecided.to_string()))?;
        Ok(answer(index, &query, &decision, now))
    }
}

fn query(request: &v1::CheckProviderRequest) -> Result<Query, Status> {
    let us_caller_id = match convert::ternary(request.us_caller_id()) {
        Ternary::Unknown => pertains_to_us(&request.caller_id),
        told => told,
    };
    Ok(Query {
        identity: convert::identity(request.identity.as_ref())?,
        role: convert::asked_role(request.role()),
        foreign: convert::ternary(request.foreign()),
        us_caller_id,
        emergency: request.emergency,
    })
}

fn answer(index: &Index, query: &Query, decision: &Decision, now: Timestamp) -> v1::CheckProviderResponse {
    let removal = decision.removal.as_ref();
    v1::CheckProviderResponse {
        verdict: convert::verdict(decision.verdict).into(),
        reason: convert::reason(decision.reason).into(),
        message: sentence(decision, query),
        rule: decision.rule.to_owned(),
        advisories: decision
            .advisories
            .iter()
            .map(|advisory| v1::Advisory { code: advisory.code.as_str().to_owned(), message: advisory.message.clone() })
            .collect(),
        matched_by: convert::matched_by(decision.matched_by).into(),
        filing: decision.filing.as_ref().map(|filing| convert::standing(index, filing, Cells::Left)),
        last_seen_at: removal.map(|removal| convert::time_to_wire(removal.last_seen_at)),
        first_missing_at: removal.map(|removal| convert::time_to_wire(removal.first_missing_at)),
        snapshot: Some(convert::snapshot(index, now)),
        by_policy: decision.by_policy,
        other_filings: decision.other_filings.iter().map(ToString::to_string).collect(),
        candidates: decision.candidates.iter().map(ToString::to_string).collect(),
    }
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
