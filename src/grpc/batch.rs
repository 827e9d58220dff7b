//! `CheckProviders`: many questions, answered in one pass over one index.

use std::time::Instant;

use prost::{Message, length_delimiter_len};
use tokio::task::yield_now;
use tonic::Status;

use super::acceptance::{check, check_then};
use super::everyday::{put_length, put_message};
use super::v1::checked_provider::Outcome;
use super::{ErrorReason, Services, convert, error, v1};
use crate::clock;
use crate::metrics::Way;

/// What one answer of a batch mostly takes.
const ANSWER_BYTES: usize = 80;

/// `CheckProvidersResponse`'s and `CheckedProvider`'s fields.
const RESULTS_FIELD: u32 = 1;
const SNAPSHOT_FIELD: u32 = 2;
const ANSWER_FIELD: u32 = 1;
const ERROR_FIELD: u32 = 2;

/// So many questions are answered before others have their turn: some tenth of a millisecond.
const IN_ONE_GO: usize = 250;

/// The least that a question of a batch takes: an FRN, and twice what comes before a field.
const QUESTION_BYTES: usize = 14;

impl Services {
    /// Room for so many questions is needed, most likely, to read a batch of so many bytes.
    pub(super) fn questions_in(&self, bytes: usize) -> usize {
        (bytes / QUESTION_BYTES).min(self.limits.batch)
    }

    fn check_batch_size(&self, request: &v1::CheckProvidersRequest) -> Result<(), Status> {
        let (asked, most) = (request.questions.len(), self.limits.batch);
        if asked > most {
            return Err(ErrorReason::BatchTooLarge.status(format!(
                "the batch has {asked} questions, and limits.batch allows {most}: ask in several batches"
            )));
        }
        Ok(())
    }

    /// The answers to a batch as they go over the wire, behind `head` bytes that are left free. All or none.
    pub(super) async fn answer_batch(
        &self,
        request: &v1::CheckProvidersRequest,
        came: Instant,
        head: usize,
    ) -> Result<Vec<u8>, Status> {
        self.check_batch_size(request)?;
        let mut out = Vec::with_capacity(head + ANSWER_BYTES * (request.questions.len() + 1));
        out.resize(head, 0);
        if let Some(at) = &request.at {
            let answer = self.batch_then(request, at).await?;
            out.reserve(answer.encoded_len());
            answer.encode_raw(&mut out);
            return Ok(out);
        }
        let now = clock::now();
        // All from one listing, however long it takes.
        let (index, records, policy) = (self.index.load_full(), self.records.load_full(), self.policy.load_full());
        let seen = self.see(Way::Batch, came);
        let mut written = Vec::new();
        for (go, questions) in request.questions.chunks(IN_ONE_GO).enumerate() {
            if go > 0 {
                yield_now().await;
            }
            for question in questions {
                written.clear();
                let field = match &question.at {
                    None => match check(question, index.as_deref(), &records, &policy, now, seen.as_ref()) {
                        Ok(answer) => {
                            answer.put(&mut written);
                            ANSWER_FIELD
                        }
                        Err(status) => put_error(&status, &mut written),
                    },
                    Some(_) => put_error(&time_of_its_own(), &mut written),
                };
                put_length(RESULTS_FIELD, 1 + length_delimiter_len(written.len()) + written.len(), &mut out);
                put_length(field, written.len(), &mut out);
                out.extend_from_slice(&written);
            }
        }
        if let Some(index) = &index {
            put_message(SNAPSHOT_FIELD, &convert::snapshot(index, now), &mut out);
        }
        Ok(out)
    }

    /// What would have been answered at a moment.
    async fn batch_then(
        &self,
        request: &v1::CheckProvidersRequest,
        at: &prost_types::Timestamp,
    ) -> Result<v1::CheckProvidersResponse, Status> {
        let (at, moment) = self.moment(at).await?;
        let policy = self.policy.load();
        let outcome = |question: &v1::CheckProviderRequest| match &question.at {
            Some(_) => Outcome::Error(error::of_question(&time_of_its_own())),
            None => match check_then(question, &moment, &policy, at) {
                Ok(answer) => Outcome::Answer(answer),
                Err(status) => Outcome::Error(error::of_question(&status)),
            },
        };
        let checked = |question| v1::CheckedProvider { outcome: Some(outcome(question)) };
        Ok(v1::CheckProvidersResponse {
            results: request.questions.iter().map(checked).collect(),
            snapshot: Some(convert::snapshot(&moment.index, at)),
            at: Some(convert::time_to_wire(at)),
        })
    }
}

fn put_error(status: &Status, written: &mut Vec<u8>) -> u32 {
    let error = error::of_question(status);
    written.reserve(error.encoded_len());
    error.encode_raw(written);
    ERROR_FIELD
}

fn time_of_its_own() -> Status {
    ErrorReason::InvalidTime
        .status("a question of a batch has no time of its own: set `at` of the batch, or ask by CheckProvider")
}
