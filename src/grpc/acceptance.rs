//! `AcceptanceService`: the answer on every call.

use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::convert;
use super::records::peer_name;
use super::v1::acceptance_service_server::AcceptanceService;
use super::{ErrorReason, Services, error, v1};
use crate::caller_id::pertains_to_us;
use crate::clock;
use crate::decide::{NamedBy, Query, Wording, decide_in, sentence};
use crate::domain::{AdvisoryCode, Ternary, Who, rule};
use crate::index::Index;
use crate::moments::Moment;
use crate::records::{Records, Resolved};

#[tonic::async_trait]
impl AcceptanceService for Services {
    async fn check_provider(
        &self,
        request: Request<v1::CheckProviderRequest>,
    ) -> Result<Response<v1::CheckProviderResponse>, Status> {
        let request = request.get_ref();
        match &request.at {
            Some(at) => self.check_at(request, at).await,
            None => self.check_now(request),
        }
        .map(Response::new)
    }
}

impl Services {
    /// The answer to a question about now. All in memory: no call waits for another.
    ///
    /// # Errors
    ///
    /// If the question names nobody, or there is nothing to answer from. An emergency call always has an answer.
    pub fn check_now(&self, request: &v1::CheckProviderRequest) -> Result<v1::CheckProviderResponse, Status> {
        let now = clock::now();
        let records = self.records.load();
        let index = self.index.load();
        let checked = index
            .as_ref()
            .ok_or_else(error::snapshot_not_loaded)
            .and_then(|index| self.check(request, index, &records, now));
        match checked {
            // Whatever else holds: an unknown upstream, a daemon without a listing.
            Err(_) if request.emergency => Ok(emergency()),
            answer => answer,
        }
    }

    /// What would have been answered at a moment, had the policy been today's.
    async fn check_at(
        &self,
        request: &v1::CheckProviderRequest,
        at: &prost_types::Timestamp,
    ) -> Result<v1::CheckProviderResponse, Status> {
        let (at, Moment { index, records }) = self.moment(at).await?;
        let mut answer = self.check(request, &index, &records, at)?;
        let code = AdvisoryCode::PolicyOfToday;
        if answer.by_policy && !self.policy.load().cells.advisories_off.contains(&code) {
            answer.advisories.push(v1::Advisory {
                code: code.as_str().to_owned(),
                message: "the verdict rests on policy, and the policy of that time is not known: today's was taken"
                    .to_owned(),
            });
        }
        Ok(answer)
    }

    fn check(
        &self,
        request: &v1::CheckProviderRequest,
        index: &Index,
        records: &Records,
        now: Timestamp,
    ) -> Result<v1::CheckProviderResponse, Status> {
        let (query, resolved) = query(request, records, now)?;
        let full = request.detail() == v1::AnswerDetail::Full;
        let wording = if full { Wording::Sentences } else { Wording::Codes };
        let decision = decide_in(wording, index, records, &query, &self.policy.load(), now)
            .map_err(|undecided| ErrorReason::ListingTooOld.status(undecided.to_string()))?;
        let mut answer = if full {
            let answer = convert::decision(index, &decision, sentence(&decision, &query));
            v1::CheckProviderResponse { snapshot: Some(convert::snapshot(index, now)), ..answer }
        } else {
            let answer = convert::everyday(&decision);
            v1::CheckProviderResponse { snapshot: Some(convert::everyday_snapshot(index, now)), ..answer }
        };
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
