//! The gRPC services: messages in, messages out, on [`Services`]; and one mapping from rejections to statuses.
//!
//! Query and admin services are apart: a TCP listener carries the query services only, the Unix socket carries all.

mod acceptance;
mod activity;
mod admin;
mod alerts;
mod batch;
mod beside;
mod check_stream;
mod codec;
mod compact;
mod convert;
mod export;
mod fast_path;
mod fleet;
mod listing;
mod records;
mod reply;
mod routes;
mod standing;
mod status;
mod text;
mod watch;

/// The generated messages, clients and servers of `proto/rmdd/v1`.
#[allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated; the comments stand in proto/")]
#[allow(clippy::large_enum_variant, reason = "nearly every outcome is an answer")]
pub mod v1 {
    tonic::include_proto!("rmdd.v1");

    /// The compiled protos, for reflection.
    pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rmdd_descriptor.bin"));
}

use std::sync::Arc;

use crate::service::Services;
use crate::transport::auth::StreamAuthorization;
use crate::transport::{Caller, Client};

pub(crate) use admin::verified_to_wire;
pub(crate) use alerts::GrpcAlerts;
pub(crate) use convert::{duration_from_wire, filing_to_wire};
pub use convert::{role_to_wire, time_from_wire, time_to_wire};
pub use fast_path::FastPath;
pub(crate) use fast_path::INTERFACE;
pub(crate) use records::{kind_to_wire, record_from_wire, record_to_wire};
pub use reply::Reply;
pub(crate) use routes::ADMIN_SERVICE;
pub use routes::{Readiness, everything, health, queries};
pub use status::reason_of;
pub use tonic_health::pb::health_server::{Health, HealthServer};

/// The gRPC services over the use cases.
#[derive(Debug, Clone)]
pub struct Grpc(pub Arc<Services>);

/// An answer and its snapshot as they go over the wire.
#[cfg(test)]
pub(crate) fn answer_on_the_wire(answer: &crate::service::Answer, snapshot: &crate::service::SnapshotRef) -> Vec<u8> {
    let mut out = Vec::new();
    compact::put(answer, &mut out);
    compact::put_snapshot(&convert::snapshot_to_wire(snapshot), &mut out);
    out
}

/// Who asks, where a daemon answers; else this very process.
fn client<T>(request: &tonic::Request<T>) -> Client {
    request.extensions().get::<Arc<Caller>>().map_or(Client::Here, |caller| caller.client())
}

/// The authorization of a call that lasts, where a daemon answers it.
fn authorization<T>(request: &tonic::Request<T>, path: &'static str) -> Option<StreamAuthorization> {
    let caller = request.extensions().get::<Arc<Caller>>()?;
    Some(StreamAuthorization::begin(&caller.session, path, request.metadata().as_ref()))
}
