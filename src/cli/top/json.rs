//! A second of decisions as a JSON object.

use jiff::Timestamp;
use serde::Serialize;

use crate::api::grpc::v1::WatchDecisionsResponse;
use crate::api::json::filled;
use crate::cli::{from_wire, standing};
use crate::domain::visible;

#[derive(Debug, Serialize)]
struct Second {
    at: Option<Timestamp>,
    seconds: f64,
    decisions: Vec<Decision>,
    errors: Vec<Error>,
    p50_seconds: Option<f64>,
    p99_seconds: Option<f64>,
    refused: Vec<Refused>,
    askers: Vec<Asker>,
}

#[derive(Debug, Serialize)]
struct Decision {
    verdict: Option<String>,
    reason: Option<String>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Error {
    reason: Option<String>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Refused {
    peer: Option<String>,
    provider: String,
    provider_name: Option<String>,
    count: u64,
}

#[derive(Debug, Serialize)]
struct Asker {
    asked_by: Option<String>,
    count: u64,
}

fn seconds(duration: &prost_types::Duration) -> f64 {
    duration.seconds as f64 + f64::from(duration.nanos) / 1e9
}

/// The object, on one line.
///
/// # Errors
///
/// If it cannot be written as JSON.
pub fn line(frame: &WatchDecisionsResponse) -> serde_json::Result<String> {
    let decisions = frame.decisions.iter().map(|decision| Decision {
        verdict: standing::verdict(decision.verdict()),
        reason: standing::reason(decision.reason()),
        count: decision.count,
    });
    let refused = frame.refused.iter().map(|refused| Refused {
        peer: filled(&refused.peer),
        provider: refused.provider.clone(),
        provider_name: filled(&refused.provider_name),
        count: refused.count,
    });
    visible::to_json(&Second {
        at: from_wire::time(frame.at.as_ref()),
        seconds: frame.lasted.as_ref().map(seconds).unwrap_or_default(),
        decisions: decisions.collect(),
        errors: frame.errors.iter().map(|error| Error { reason: filled(&error.reason), count: error.count }).collect(),
        p50_seconds: frame.p50.as_ref().map(seconds),
        p99_seconds: frame.p99.as_ref().map(seconds),
        refused: refused.collect(),
        askers: frame.askers.iter().map(|of| Asker { asked_by: filled(&of.asked_by), count: of.count }).collect(),
    })
}
