//! `AcceptanceService`: the answer on every call.

use std::time::Instant;

use jiff::Timestamp;
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::check_stream::CheckStream;
use super::convert;
use super::everyday::{Answer, put_message};
use super::records::peer_name;
use super::v1::acceptance_service_server::AcceptanceService;
use super::{ErrorReason, Services, error, v1};
use crate::caller_id::{self, CallerId};
use crate::clock;
use crate::decide::{NamedBy, Policy, Query, Wording, decide_in, sentence};
use crate::domain::{Advisory, AdvisoryCode, Decision, Ternary, Verdict, Who, rule};
use crate::index::Index;
use crate::metrics::Way;
use crate::moments::Moment;
use crate::observe::{Question, Seen};
use crate::records::{Records, Resolved};

/// Room for an everyday answer.
const EVERYDAY_BYTES: usize = 160;

/// `CheckProviderResponse.snapshot`.
const SNAPSHOT_FIELD: u32 = 10;

#[tonic::async_trait]
impl AcceptanceService for Services {
    async fn check_provider(
        &self,
        request: Request<v1::CheckProviderRequest>,
    ) -> Result<Response<v1::CheckProviderResponse>, Status> {
        let request = request.get_ref();
        match &request.at {
            Some(at) => self.check_at(request, at).await,
            None => self.check_now(request, self.see(Way::Unary, Instant::now()).as_ref()),
        }
        .map(Response::new)
    }

    async fn check_providers(
        &self,
        request: Request<v1::CheckProvidersRequest>,
    ) -> Result<Response<v1::CheckProvidersResponse>, Status> {
        let answer = self.answer_batch(request.get_ref(), Instant::now(), 0).await?;
        v1::CheckProvidersResponse::decode(answer.as_slice())
            .map(Response::new)
            .map_err(|error| Status::internal(format!("the answer cannot be read back: {error}")))
    }

    type CheckStreamStream = CheckStream<Streaming<v1::CheckStreamRequest>>;

    async fn check_stream(
        &self,
        request: Request<Streaming<v1::CheckStreamRequest>>,
    ) -> Result<Response<Self::CheckStreamStream>, Status> {
        Ok(Response::new(CheckStream::new(self.clone(), request)))
    }
}

impl Services {
    /// Sees to it that answers to questions are counted and logged, the first of which came in this way at this moment.
    pub fn see(&self, way: Way, since: Instant) -> Option<Seen<'_>> {
        self.observer.as_deref().map(|observer| observer.see(way, since))
    }

    /// The answer to a question about now. All in memory: no call waits for another.
    ///
    /// # Errors
    ///
    /// If the question names nobody, or there is nothing to answer from. An emergency call always has an answer.
    pub fn check_now(
        &self,
        request: &v1::CheckProviderRequest,
        seen: Option<&Seen<'_>>,
    ) -> Result<v1::CheckProviderResponse, Status> {
        let (answer, snapshot) =
            self.now(request, |index, records, policy, now| check(request, index, records, policy, now, seen))?;
        Ok(v1::CheckProviderResponse { snapshot, ..answer.into_message() })
    }

    /// Decides from what is published now; with the answer comes the listing that it rests on, where there is one.
    fn now(
        &self,
        request: &v1::CheckProviderRequest,
        decide: impl FnOnce(Option<&Index>, &Records, &Policy, Timestamp) -> Result<Answer, Status>,
    ) -> Result<(Answer, Option<v1::SnapshotRef>), Status> {
        let now = clock::now();
        let (index, records) = (self.index.load(), self.records.load());
        let answer = decide(index.as_deref(), &records, &self.policy.load(), now)?;
        Ok((answer, index.as_deref().map(|index| snapshot(request, index, now))))
    }

    /// The answer to a question about now, as it goes over the wire behind `head` bytes that are left free.
    pub(super) fn answer_now(
        &self,
        request: &v1::CheckProviderRequest,
        seen: Option<&Seen<'_>>,
        head: usize,
    ) -> Result<Vec<u8>, Status> {
        let (answer, snapshot) =
            self.now(request, |index, records, policy, now| check(request, index, records, policy, now, seen))?;
        let mut out = Vec::with_capacity(head + EVERYDAY_BYTES);
        out.resize(head, 0);
        answer.put(&mut out);
        if let Some(snapshot) = &snapshot {
            put_message(SNAPSHOT_FIELD, snapshot, &mut out);
        }
        Ok(out)
    }

    /// The same; but for an emergency call too, an error where nothing is known of whom it names. Only a verdict is
    /// counted.
    pub(crate) fn check_known(
        &self,
        request: &v1::CheckProviderRequest,
        seen: Option<&Seen<'_>>,
    ) -> Result<v1::CheckProviderResponse, Status> {
        let (answer, snapshot) = self.now(request, |index, records, policy, now| {
            answer(request, index.ok_or_else(error::snapshot_not_loaded)?, records, policy, now, seen)
        })?;
        Ok(v1::CheckProviderResponse { snapshot, ..answer.into_message() })
    }

    /// What would have been answered at a moment, had the policy been today's.
    pub(crate) async fn check_at(
        &self,
        request: &v1::CheckProviderRequest,
        at: &prost_types::Timestamp,
    ) -> Result<v1::CheckProviderResponse, Status> {
        let (at, moment) = self.moment(at).await?;
        let mut answer = check_then(request, &moment, &self.policy.load(), at)?;
        answer.snapshot = Some(snapshot(request, &moment.index, at));
        answer.at = Some(convert::time_to_wire(at));
        Ok(answer)
    }
}

/// The answer from what was known at a moment, without its snapshot.
pub(super) fn check_then(
    request: &v1::CheckProviderRequest,
    Moment { index, records }: &Moment,
    policy: &Policy,
    at: Timestamp,
) -> Result<v1::CheckProviderResponse, Status> {
    let mut answer = answer(request, index, records, policy, at, None)?.into_message();
    let code = AdvisoryCode::PolicyOfToday;
    if answer.by_policy && !policy.cells.advisories_off.contains(&code) {
        answer.advisories.push(v1::Advisory {
            code: code.as_str().to_owned(),
            message: "the verdict rests on policy, and the policy of that time is not known: today's was taken"
                .to_owned(),
        });
    }
    Ok(answer)
}

/// The answer as things are, without its snapshot. It is counted and logged by who sees it.
pub(super) fn check(
    request: &v1::CheckProviderRequest,
    index: Option<&Index>,
    records: &Records,
    policy: &Policy,
    now: Timestamp,
    seen: Option<&Seen<'_>>,
) -> Result<Answer, Status> {
    let index = index.ok_or_else(error::snapshot_not_loaded);
    match index.and_then(|index| answer(request, index, records, policy, now, seen)) {
        // Whatever else holds: an unknown upstream, a daemon without a listing.
        Err(_) if request.emergency => {
            if let Some(seen) = seen {
                seen.emergency(|| request.identity.as_ref().and_then(|who| who.try_into().ok()), now);
            }
            Ok(Answer::Message(Box::new(emergency())))
        }
        Err(status) => {
            if let Some(seen) = seen {
                seen.not_decided(&status);
            }
            Err(status)
        }
        answer => answer,
    }
}

fn wants_all(request: &v1::CheckProviderRequest) -> bool {
    request.detail() == v1::AnswerDetail::Full
}

fn snapshot(request: &v1::CheckProviderRequest, index: &Index, now: Timestamp) -> v1::SnapshotRef {
    if wants_all(request) { convert::snapshot(index, now) } else { convert::everyday_snapshot(index, now) }
}

fn answer(
    request: &v1::CheckProviderRequest,
    index: &Index,
    records: &Records,
    policy: &Policy,
    now: Timestamp,
    seen: Option<&Seen<'_>>,
) -> Result<Answer, Status> {
    // Whoever says whose number it is need not have it read.
    let told = convert::ternary(convert::known("us_caller_id", request.us_caller_id)?);
    let caller_id = if told == Ternary::Unknown { caller_id::read(&request.caller_id) } else { CallerId::Absent };
    let us_caller_id = if told == Ternary::Unknown { caller_id.pertains_to_us() } else { told };
    let (who, query, resolved) = query(request, us_caller_id, records, now)?;
    let full = wants_all(request);
    let wording = if full { Wording::Sentences } else { Wording::Codes };
    let decide = |query: &Query, wording| decide_in(wording, index, records, query, policy, now);
    let mut decision =
        decide(&query, wording).map_err(|undecided| ErrorReason::ListingTooOld.status(undecided.to_string()))?;
    if caller_id == CallerId::Unreadable && decision.verdict == Verdict::Refuse {
        let abroad = decide(&Query { us_caller_id: Ternary::No, ..query }, Wording::Codes);
        if abroad.is_ok_and(|decision| decision.verdict == Verdict::Accept) {
            say_unreadable(&mut decision, policy, wording);
        }
    }
    if let Some(seen) = seen {
        let (peer, caller_id_given) = (resolved.peer.as_ref(), !request.caller_id.is_empty());
        let question = Question { who: &who, query: &query, peer, caller_id_given, caller_id };
        seen.decided(question, &decision, index, now);
    }
    if !full {
        return Ok(Answer::Everyday(decision, resolved.peer));
    }
    let mut answer = convert::decision(index, &decision, sentence(&decision, &query));
    answer.peer = resolved.peer.as_deref().map(peer_name).unwrap_or_default();
    Ok(Answer::Message(Box::new(answer)))
}

/// Says that a call is refused because nobody could read who calls.
fn say_unreadable(decision: &mut Decision, policy: &Policy, wording: Wording) {
    let code = AdvisoryCode::CallerIdUnreadable;
    if policy.cells.advisories_off.contains(&code) {
        return;
    }
    let message = match wording {
        Wording::Codes => String::new(),
        Wording::Sentences => {
            "the calling number could not be read; were it known to be no US number, the call would not \
                               be barred"
                .to_owned()
        }
    };
    decision.advisories.push(Advisory { code, message });
}

fn query(
    request: &v1::CheckProviderRequest,
    us_caller_id: Ternary,
    records: &Records,
    now: Timestamp,
) -> Result<(Who, Query, Resolved), Status> {
    let role = convert::asked_role(convert::known("role", request.role)?);
    let foreign = convert::ternary(convert::known("foreign", request.foreign)?);
    convert::known::<v1::AnswerDetail>("detail", request.detail)?;
    let (who, resolved) = convert::who(request.identity.as_ref(), records, now)?;
    let query = Query {
        identity: resolved.identity,
        named_by: match &who {
            Who::Provider(_) => NamedBy::Number,
            Who::Ocn(_) => NamedBy::Ocn,
            Who::Peer(_) => NamedBy::Peer,
        },
        role: role.or(resolved.role),
        foreign,
        us_caller_id,
        emergency: request.emergency,
    };
    Ok((who, query, resolved))
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
