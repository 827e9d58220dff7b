//! `AcceptanceService`: the answer on every call.

use tonic::{Request, Response, Status};

use super::convert::{self, Cells};
use super::v1::acceptance_service_server::AcceptanceService;
use super::v1::check_provider_request::Identity as Named;
use super::{Services, error, v1};
use crate::clock;
use crate::decide::{Query, decide, sentence};

#[tonic::async_trait]
impl AcceptanceService for Services {
    async fn check_provider(
        &self,
        request: Request<v1::CheckProviderRequest>,
    ) -> Result<Response<v1::CheckProviderResponse>, Status> {
        let request = request.get_ref();
        let identity = match &request.identity {
            Some(Named::Frn(text)) => convert::frn(text)?,
            Some(Named::RmdNumber(text)) => convert::rmd_number(text)?,
            None => return Err(error::identity_missing()),
        };
        let guard = self.index.load();
        let index = guard.as_ref().ok_or_else(error::snapshot_not_loaded)?;
        let query = Query { identity, emergency: request.emergency };
        let now = clock::now();
        let decision = decide(index, &query, &self.policy(), now);
        Ok(Response::new(v1::CheckProviderResponse {
            verdict: convert::verdict(decision.verdict).into(),
            reason: convert::reason(decision.reason).into(),
            message: sentence(&decision, &query),
            rule: decision.rule.to_owned(),
            advisories: decision
                .advisories
                .iter()
                .map(|advisory| v1::Advisory {
                    code: advisory.code.as_str().to_owned(),
                    message: advisory.message.clone(),
                })
                .collect(),
            matched_by: convert::matched_by(decision.matched_by).into(),
            filing: decision.filing.as_ref().map(|filing| convert::standing(index, filing, Cells::Left)),
            last_seen_at: decision.removal.as_ref().map(|removal| convert::time_to_wire(removal.last_seen_at)),
            first_missing_at: decision.removal.as_ref().map(|removal| convert::time_to_wire(removal.first_missing_at)),
            snapshot: Some(convert::snapshot(index, now)),
        }))
    }
}
