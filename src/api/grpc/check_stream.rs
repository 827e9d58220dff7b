//! `CheckStream`: question after question on one stream.
//!
//! The stream of answers is made by hand: whoever sends it asks for the next answer, and then the next question is read
//! and answered, in memory and in place. No question costs a task or waits in a queue, and as many as have come are
//! answered before anything else is done, so that they leave in one piece. Questions about the past are the exception:
//! they are read from disk, each in a task of its own, few at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::{Code, Request, Status};

use super::acceptance::{By, caller, came, check_as_of, from_wire, interface_of, may_see_notes};
use super::status::of_query;
use super::v1::check_stream_response::Outcome;
use super::{authorization, convert, v1};
use crate::api::weights;
use crate::domain::{ErrorReason, Interface, Rejection, SnapshotSerial};
use crate::service::Services;
use crate::transport::auth::StreamAuthorization;
use crate::transport::{Caller, Client};

pub(super) const PATH: &str = "/rmdd.v1.AcceptanceService/CheckStream";

/// So many questions are answered in one go before others have their turn.
const IN_ONE_GO: u32 = 128;

/// So many questions about the past are under way on one stream.
const PAST_AT_A_TIME: usize = 16;

type Answered = Result<v1::CheckProviderResponse, Rejection>;

/// The answers to a stream of questions.
pub struct CheckStream<Q> {
    services: Arc<Services>,
    questions: Q,
    /// Who asks, where a daemon answers.
    by: Option<By>,
    authorization: Option<StreamAuthorization>,
    /// Whether whoever asks may read what operators note for themselves.
    notes: bool,
    interface: Interface,
    /// Whether more questions may come.
    open: bool,
    past: JoinSet<(u64, Answered)>,
    /// The listing that was reported last, and when its source had confirmed it.
    reported: Option<(SnapshotSerial, Timestamp)>,
    in_this_go: u32,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl<Q> CheckStream<Q> {
    /// The answers to these questions.
    pub fn new(services: Arc<Services>, request: Request<Q>) -> Self {
        let (authorization, notes, by) = (authorization(&request, PATH), may_see_notes(&request), caller(&request));
        let interface = interface_of(&request, Interface::GrpcStream);
        let questions = request.into_inner();
        Self {
            stopping: Box::pin(services.shutdown.clone().cancelled_owned()),
            services,
            questions,
            by,
            authorization,
            notes,
            interface,
            open: true,
            past: JoinSet::new(),
            reported: None,
            in_this_go: 0,
            ended: false,
        }
    }

    fn answer_now(&mut self, id: u64, query: &v1::CheckProviderRequest) -> v1::CheckStreamResponse {
        let services = &self.services;
        let seen = services.see(came(self.interface, Instant::now(), self.by.as_ref()));
        if !query.emergency
            && let Some(Err(rejection)) = self.by.as_ref().map(|(caller, _)| caller.may_ask(1))
        {
            if let Some(seen) = &seen {
                seen.rejected(&rejection);
            }
            return response(id, Err(rejection));
        }
        let published = services.published();
        let view = published.view();
        let answered = view.check(&from_wire(query, self.notes), seen.as_ref());
        let mut response = response(id, answered.map(|answer| convert::answer_to_wire(&answer)));
        if let Some(snapshot) = view.snapshot() {
            response.snapshot_serial = snapshot.serial.0;
            response.snapshot_age = Some(convert::age_to_wire(&snapshot));
            let current = (snapshot.serial, snapshot.confirmed_at);
            if self.reported != Some(current) {
                self.reported = Some(current);
                response.snapshot = Some(convert::snapshot_to_wire(&snapshot));
            }
        }
        response
    }

    /// Begins to answer a question about the past; gives the answer at once where there is no room for it.
    fn begin_past(
        &mut self,
        id: u64,
        query: v1::CheckProviderRequest,
        at: prost_types::Timestamp,
    ) -> Option<v1::CheckStreamResponse> {
        if self.past.len() >= PAST_AT_A_TIME {
            let busy = format!(
                "{PAST_AT_A_TIME} questions about the past are under way on this stream: ask again when one of them is answered"
            );
            return Some(response(id, Err(ErrorReason::HistoryBusy.reject(busy))));
        }
        let caller = self.by.as_ref().map(|(caller, _)| &**caller);
        if let Some(Err(rejection)) = caller.map(|caller| caller.may_ask_for(weights::LOOK_UP)) {
            return Some(response(id, Err(rejection)));
        }
        let (services, notes) = (Arc::clone(&self.services), self.notes);
        let (client, work) = (caller.map_or(Client::Here, Caller::client), services.budget.work.clone());
        self.past.spawn(async move {
            let asked = async move { check_as_of(&services, &query, &at, notes).await };
            (id, work.run(&client, ErrorReason::HistoryBusy, asked).await.flatten())
        });
        None
    }

    /// An answer about the past that is ready. Nothing if none is under way.
    fn poll_past(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<v1::CheckStreamResponse, Status>>> {
        let (id, answered) = match ready!(self.past.poll_join_next(cx)) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => {
                self.ended = true;
                let interrupted = ErrorReason::StoreFailed.reject("reading the history was interrupted");
                return Poll::Ready(Some(Err(interrupted.into())));
            }
            None => return Poll::Ready(None),
        };
        let snapshot = answered.as_ref().ok().and_then(|answer| answer.snapshot.clone());
        Poll::Ready(Some(Ok(v1::CheckStreamResponse {
            snapshot_serial: snapshot.as_ref().map_or(0, |snapshot| snapshot.serial),
            snapshot_age: snapshot.and_then(|snapshot| snapshot.age),
            ..response(id, answered)
        })))
    }

    /// Nothing is ready: the stream waits, unless the daemon stops.
    fn pause(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<v1::CheckStreamResponse, Status>>> {
        self.in_this_go = 0;
        ready!(self.stopping.as_mut().poll(cx));
        self.ended = true;
        Poll::Ready(Some(Err(Rejection::stopping().into())))
    }
}

/// A message that is longer than is taken, told as everywhere; any other error as it is.
fn too_long(status: Status) -> Status {
    // So tonic says of that alone.
    match status.code() {
        Code::OutOfRange => ErrorReason::MessageTooLong.reject(status.message().to_owned()).into(),
        _ => status,
    }
}

fn response(id: u64, answered: Answered) -> v1::CheckStreamResponse {
    let outcome = match answered {
        Ok(answer) => Outcome::Answer(answer),
        Err(rejection) => Outcome::Error(of_query(rejection)),
    };
    v1::CheckStreamResponse { id, outcome: Some(outcome), ..v1::CheckStreamResponse::default() }
}

impl<Q: Stream<Item = Result<v1::CheckStreamRequest, Status>> + Unpin> Stream for CheckStream<Q> {
    type Item = Result<v1::CheckStreamResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(Err(denied)) = this.authorization.as_mut().map(StreamAuthorization::check) {
            this.ended = true;
            return Poll::Ready(Some(Err(Rejection::from(&denied).into())));
        }
        if !this.past.is_empty()
            && let Poll::Ready(Some(response)) = this.poll_past(cx)
        {
            return Poll::Ready(Some(response));
        }
        while this.open {
            if this.in_this_go == IN_ONE_GO {
                cx.waker().wake_by_ref();
                return this.pause(cx);
            }
            match Pin::new(&mut this.questions).poll_next(cx) {
                Poll::Pending => return this.pause(cx),
                Poll::Ready(None) => this.open = false,
                Poll::Ready(Some(Err(status))) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(too_long(status))));
                }
                Poll::Ready(Some(Ok(v1::CheckStreamRequest { id, question }))) => {
                    this.in_this_go += 1;
                    let question = question.unwrap_or_default();
                    let response = match question.at {
                        None => Some(this.answer_now(id, &question)),
                        Some(at) => this.begin_past(id, question, at),
                    };
                    if let Some(response) = response {
                        return Poll::Ready(Some(Ok(response)));
                    }
                }
            }
        }
        // The last question was asked; those about the past may still be under way.
        match this.poll_past(cx) {
            Poll::Ready(Some(response)) => Poll::Ready(Some(response)),
            Poll::Ready(None) => {
                this.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => this.pause(cx),
        }
    }
}
