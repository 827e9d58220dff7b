//! `CheckProviders`: many questions, answered in one pass over one index.

use std::time::Instant;

use tonic::Status;

use super::acceptance::{check, check_then};
use super::v1::checked_provider::Outcome;
use super::{ErrorReason, Services, convert, error, v1};
use crate::clock;
use crate::metrics::Way;

impl Services {
    /// Answers all, or refuses all.
    pub(super) async fn check_batch(
        &self,
        request: &v1::CheckProvidersRequest,
    ) -> Result<v1::CheckProvidersResponse, Status> {
        let (asked, most) = (request.questions.len(), self.limits.batch);
        if asked > most {
            return Err(ErrorReason::BatchTooLarge.status(format!(
                "the batch has {asked} questions, and limits.batch allows {most}: ask in several batches"
            )));
        }
        if let Some(at) = &request.at {
            let (at, moment) = self.moment(at).await?;
            let policy = self.policy.load();
            return Ok(v1::CheckProvidersResponse {
                results: results(request, |question| check_then(question, &moment, &policy, at)),
                snapshot: Some(convert::snapshot(&moment.index, at)),
            });
        }
        let now = clock::now();
        let (index, records, policy) = (self.index.load(), self.records.load(), self.policy.load());
        let index = index.as_deref();
        let seen = self.see(Way::Batch, Instant::now());
        Ok(v1::CheckProvidersResponse {
            results: results(request, |question| check(question, index, &records, &policy, now, seen.as_ref())),
            snapshot: index.map(|index| convert::snapshot(index, now)),
        })
    }
}

fn results(
    request: &v1::CheckProvidersRequest,
    answer: impl Fn(&v1::CheckProviderRequest) -> Result<v1::CheckProviderResponse, Status>,
) -> Vec<v1::CheckedProvider> {
    let outcome = |question: &v1::CheckProviderRequest| match &question.at {
        Some(_) => Outcome::Error(error::of_question(
            &ErrorReason::InvalidTime
                .status("a question of a batch has no time of its own: set `at` of the batch, or ask by CheckProvider"),
        )),
        None => match answer(question) {
            Ok(answer) => Outcome::Answer(answer),
            Err(status) => Outcome::Error(error::of_question(&status)),
        },
    };
    request.questions.iter().map(|question| v1::CheckedProvider { outcome: Some(outcome(question)) }).collect()
}
