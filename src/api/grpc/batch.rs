//! `CheckProviders`: many queries, answered in one pass over one index.

use prost::Message;
use tokio::task::yield_now;

use super::acceptance::from_wire;
use super::compact::{put, put_message, put_nested};
use super::status::of_query;
use super::v1::checked_provider::Outcome;
use super::{Grpc, convert, v1};
use crate::domain::{ErrorReason, Rejection};
use crate::observe::{Came, clock};
use crate::service::{Answer, SnapshotRef, View};

/// What one answer of a batch mostly takes.
const ANSWER_BYTES: usize = 80;
const FULL_ANSWER_BYTES: usize = 1200;

/// `CheckProvidersResponse`'s and `CheckedProvider`'s fields.
const RESULTS_FIELD: u32 = 1;
const SNAPSHOT_FIELD: u32 = 2;
const AT_FIELD: u32 = 3;
const ANSWER_FIELD: u32 = 1;
const ERROR_FIELD: u32 = 2;

/// So many queries are answered before other connections have their turn: some tenth of a millisecond.
const IN_ONE_GO: usize = 250;

/// The least that a query of a batch takes: an FRN, and twice what comes before a field.
const QUERY_BYTES: usize = 14;

impl Grpc {
    /// Room for so many queries is needed, most likely, to read a batch of so many bytes.
    pub(super) fn queries_in(&self, bytes: usize) -> usize {
        (bytes / QUERY_BYTES).min(self.0.limits.batch)
    }

    /// So many bytes the answer to a batch takes, most likely.
    pub(super) fn answer_bytes(&self, request: &v1::CheckProvidersRequest) -> usize {
        let bytes = |query: &v1::CheckProviderRequest| match query.detail() {
            v1::AnswerDetail::Full => FULL_ANSWER_BYTES,
            _ => ANSWER_BYTES,
        };
        request.questions.iter().take(self.0.limits.batch).map(bytes).sum()
    }

    fn check_batch_size(&self, request: &v1::CheckProvidersRequest) -> Result<(), Rejection> {
        let (asked, most) = (request.questions.len(), self.0.limits.batch);
        if asked > most {
            return Err(ErrorReason::BatchTooLarge.reject(format!(
                "the batch has {asked} questions, and limits.batch allows {most}: ask in several batches"
            )));
        }
        Ok(())
    }

    /// The answers to a batch, all or none. `answered` is given each answer in turn. `others` says why only calls to 911 are
    /// answered, if that is so.
    async fn answer_batch(
        &self,
        request: &v1::CheckProvidersRequest,
        came: Came<'_>,
        others: Option<Rejection>,
        notes: bool,
        mut answered: impl FnMut(&Result<Answer, Rejection>),
    ) -> Result<Option<SnapshotRef>, Rejection> {
        self.check_batch_size(request)?;
        let policy = self.0.policy.load_full();
        if let Some(at) = convert::optional_time_from_wire(request.at.as_ref())? {
            let then = self.0.as_of(at).await?;
            let (index, records) = (Some(&*then.index), &*then.records);
            let view = View::new(index, records, &policy, at);
            for query in &request.questions {
                answered(&match query.at {
                    Some(_) => Err(time_of_its_own()),
                    None => {
                        let read = from_wire(query, notes).map_err(|unreadable| unreadable.rejection);
                        read.and_then(|query| view.check_as_of(&query))
                    }
                });
            }
            return Ok(view.snapshot());
        }
        // All from one listing, however long it takes.
        let behind = self.0.behind();
        let (index, records) = (self.0.index.load_full(), self.0.records.load_full());
        let view = View::new(index.as_deref(), &records, &policy, clock::now()).behind(behind);
        let seen = self.0.see(came);
        let others = others.map(Err);
        for (go, queries) in request.questions.chunks(IN_ONE_GO).enumerate() {
            if go > 0 {
                yield_now().await;
            }
            for query in queries {
                if let Some(refused) = others.as_ref().filter(|_| !query.emergency) {
                    answered(refused);
                    continue;
                }
                answered(&match &query.at {
                    None => view.check(&from_wire(query, notes), seen.as_ref()),
                    Some(_) => Err(time_of_its_own()),
                });
            }
        }
        Ok(view.snapshot())
    }

    /// The answers to a batch as they go over the wire, behind `head` bytes that are left free. `others` says why only calls
    /// to 911 are answered, if that is so.
    pub(super) async fn write_batch(
        &self,
        request: &v1::CheckProvidersRequest,
        came: Came<'_>,
        others: Option<Rejection>,
        head: usize,
        notes: bool,
    ) -> Result<Vec<u8>, Rejection> {
        let queries = request.questions.len().min(self.0.limits.batch);
        let mut out = Vec::with_capacity(head + ANSWER_BYTES * (queries + 1));
        out.resize(head, 0);
        let snapshot = self
            .answer_batch(request, came, others, notes, |answer| match answer {
                Ok(answer) => put_nested([RESULTS_FIELD, ANSWER_FIELD], &mut out, |out| put(answer, out)),
                Err(rejection) => {
                    let error = of_query(rejection.clone());
                    put_nested([RESULTS_FIELD, ERROR_FIELD], &mut out, |out| error.encode_raw(out));
                }
            })
            .await?;
        if let Some(snapshot) = snapshot {
            put_message(SNAPSHOT_FIELD, &convert::snapshot_to_wire(&snapshot), &mut out);
        }
        if let Some(at) = &request.at {
            put_message(AT_FIELD, at, &mut out);
        }
        Ok(out)
    }

    /// The same as a message.
    pub(super) async fn check_batch(
        &self,
        request: &v1::CheckProvidersRequest,
        came: Came<'_>,
        notes: bool,
    ) -> Result<v1::CheckProvidersResponse, Rejection> {
        let mut results = Vec::with_capacity(request.questions.len().min(self.0.limits.batch));
        let snapshot = self
            .answer_batch(request, came, None, notes, |answer| {
                let outcome = match answer {
                    Ok(answer) => Outcome::Answer(convert::answer_to_wire(answer)),
                    Err(rejection) => Outcome::Error(of_query(rejection.clone())),
                };
                results.push(v1::CheckedProvider { outcome: Some(outcome) });
            })
            .await?;
        let snapshot = snapshot.as_ref().map(convert::snapshot_to_wire);
        Ok(v1::CheckProvidersResponse { results, snapshot, at: request.at })
    }
}

fn time_of_its_own() -> Rejection {
    ErrorReason::InvalidTime
        .reject("a question of a batch has no time of its own: set `at` of the batch, or ask by CheckProvider")
}
