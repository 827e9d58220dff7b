//! `AcceptanceService`: the answer on every call.

use std::sync::Arc;
use std::time::Instant;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use tonic::{Request, Response, Status, Streaming};

use super::check_stream::CheckStream;
use super::fast_path::INTERFACE;
use super::v1::acceptance_service_server::AcceptanceService;
use super::{Grpc, compact, convert, v1};
use crate::domain::{Interface, Rejection, Ternary, Who};
use crate::observe::{Came, Seen};
use crate::service::{CheckRequest, Detail, Services, SnapshotRef, Unreadable};
use crate::transport::Caller;
use crate::transport::auth::Right;

/// Room for a compact answer.
const COMPACT_BYTES: usize = 160;

#[tonic::async_trait]
impl AcceptanceService for Grpc {
    async fn check_provider(
        &self,
        request: Request<v1::CheckProviderRequest>,
    ) -> Result<Response<v1::CheckProviderResponse>, Status> {
        let (notes, by) = (may_see_notes(&request), caller(&request));
        let interface = interface_of(&request, Interface::GrpcUnary);
        let request = request.get_ref();
        if let Some(at) = &request.at {
            return Ok(Response::new(check_as_of(&self.0, request, at, notes).await?));
        }
        let published = self.0.published();
        let view = published.view();
        let came = came(interface, Instant::now(), by.as_ref());
        let answer = view.check(&from_wire(request, notes), self.0.see(came).as_ref())?;
        let snapshot = view.snapshot().map(|snapshot| snapshot_to_wire(request, &snapshot));
        Ok(Response::new(v1::CheckProviderResponse { snapshot, ..convert::answer_to_wire(&answer) }))
    }

    async fn check_providers(
        &self,
        request: Request<v1::CheckProvidersRequest>,
    ) -> Result<Response<v1::CheckProvidersResponse>, Status> {
        let (notes, by) = (may_see_notes(&request), caller(&request));
        let came = came(interface_of(&request, Interface::GrpcBatch), Instant::now(), by.as_ref());
        Ok(Response::new(self.check_batch(request.get_ref(), came, notes).await?))
    }

    type CheckStreamStream = CheckStream<Streaming<v1::CheckStreamRequest>>;

    async fn check_stream(
        &self,
        request: Request<Streaming<v1::CheckStreamRequest>>,
    ) -> Result<Response<Self::CheckStreamStream>, Status> {
        Ok(Response::new(CheckStream::new(self.0.clone(), request)))
    }
}

impl Grpc {
    /// The answer to a query about now, as it goes over the wire behind `head` bytes that are left free. All in memory:
    /// no call waits for another.
    pub(super) fn write_answer(
        &self,
        request: &v1::CheckProviderRequest,
        seen: Option<&Seen<'_>>,
        head: usize,
        notes: bool,
    ) -> Result<Vec<u8>, Rejection> {
        let published = self.0.published();
        let view = published.view();
        let answer = view.check(&from_wire(request, notes), seen)?;
        let mut out = Vec::with_capacity(head + COMPACT_BYTES);
        out.resize(head, 0);
        compact::put(&answer, &mut out);
        if let Some(snapshot) = view.snapshot() {
            compact::put_snapshot(&snapshot_to_wire(request, &snapshot), &mut out);
        }
        Ok(out)
    }
}

/// The answer to a query about the past.
pub(super) async fn check_as_of(
    services: &Services,
    request: &v1::CheckProviderRequest,
    at: &prost_types::Timestamp,
    notes: bool,
) -> Result<v1::CheckProviderResponse, Rejection> {
    let at = convert::request_time_from_wire(at)?;
    let read = from_wire(request, notes).map_err(|unreadable| unreadable.rejection)?;
    let (answer, snapshot) = services.check_as_of(&read, at).await?;
    Ok(v1::CheckProviderResponse {
        snapshot: Some(snapshot_to_wire(request, &snapshot)),
        at: request.at,
        ..convert::answer_to_wire(&answer)
    })
}

fn snapshot_to_wire(request: &v1::CheckProviderRequest, snapshot: &SnapshotRef) -> v1::SnapshotRef {
    match request.detail() {
        v1::AnswerDetail::Full => convert::snapshot_to_wire(snapshot),
        _ => convert::compact_snapshot_to_wire(snapshot),
    }
}

/// Who asks: the connection, and the token in the request if there is one. Nothing where no daemon answers.
pub(super) type By = (Arc<Caller>, Option<HeaderValue>);

/// Who asks.
pub(super) fn caller<T>(request: &Request<T>) -> Option<By> {
    let caller = Arc::clone(request.extensions().get::<Arc<Caller>>()?);
    Some((caller, request.metadata().as_ref().get(AUTHORIZATION).cloned()))
}

/// That they ask.
pub(super) fn came(interface: Interface, since: Instant, by: Option<&By>) -> Came<'_> {
    let came = Came::over(interface, since);
    by.map_or(came, |(caller, token)| came.by(&caller.session, token.as_ref()))
}

/// Over which interface a query came in: the commands say that they are.
pub(super) fn interface(said: Option<&[u8]>, otherwise: Interface) -> Interface {
    if said == Some(Interface::Cli.as_str().as_bytes()) { Interface::Cli } else { otherwise }
}

/// [`interface`] of a request.
pub(super) fn interface_of<T>(request: &Request<T>, otherwise: Interface) -> Interface {
    interface(request.metadata().get(INTERFACE).map(|said| said.as_encoded_bytes()), otherwise)
}

/// Whether whoever asks may read what operators note for themselves. The command line that reads a store itself may.
pub(super) fn may_see_notes<T>(request: &Request<T>) -> bool {
    request.extensions().get::<Right>().is_none_or(|right| *right >= Right::Operator)
}

/// A query from the wire. `notes` says whether whoever asks may read what operators note for themselves.
pub(super) fn from_wire(request: &v1::CheckProviderRequest, notes: bool) -> Result<CheckRequest<'_>, Box<Unreadable>> {
    read(request, notes).map_err(|rejection| {
        let who = request.identity.as_ref().and_then(|who| who.try_into().ok());
        Box::new(Unreadable { rejection, emergency: request.emergency, who, reference: request.r#ref.clone() })
    })
}

fn read(request: &v1::CheckProviderRequest, notes: bool) -> Result<CheckRequest<'_>, Rejection> {
    let us_caller_id = convert::ternary_from_wire("us_caller_id", request.us_caller_id)?;
    let role = convert::role_from_wire("role", request.role)?;
    let foreign: Ternary = convert::ternary_from_wire("foreign", request.foreign)?;
    let detail = match convert::known("detail", request.detail)? {
        v1::AnswerDetail::Full => Detail::Full,
        v1::AnswerDetail::Unspecified | v1::AnswerDetail::Compact => Detail::Compact,
    };
    let who: Who = convert::who_from_wire(request.identity.as_ref())?;
    let (caller_id, reference, emergency) = (request.caller_id.as_str(), request.r#ref.as_slice(), request.emergency);
    Ok(CheckRequest { who, role, foreign, us_caller_id, caller_id, emergency, detail, notes, reference })
}
