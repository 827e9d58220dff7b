//! `WatchDecisions`: what is decided, second by second; and the listing week by week.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio_stream::Stream;
use tonic::Status;

use super::convert::{reason_to_wire, time_to_wire, verdict_to_wire};
use super::v1;
use crate::domain::ErrorReason;
use crate::service::{Decisions, DecisionsStream, RefusedMost, Week};

/// The RPC, as rights name it.
pub const WATCH_DECISIONS: &str = "/rmdd.v1.AdminService/WatchDecisions";

/// What whoever watches is sent.
pub struct WatchDecisions(pub DecisionsStream);

impl Stream for WatchDecisions {
    type Item = Result<v1::WatchDecisionsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = Pin::new(&mut self.0).poll_next(cx);
        next.map(|next| next.map(|frame| frame.map(|frame| to_wire(&frame)).map_err(Status::from)))
    }
}

fn duration(duration: Duration) -> prost_types::Duration {
    // A second, or a little more.
    prost_types::Duration::try_from(duration).unwrap_or_default()
}

fn to_wire(frame: &Decisions) -> v1::WatchDecisionsResponse {
    let Decisions { at, lasted, counts, refused, askers } = frame;
    let decision = |(verdict, reason, count): &(_, _, u64)| v1::DecisionCount {
        verdict: verdict_to_wire(*verdict).into(),
        reason: reason_to_wire(*reason).into(),
        count: *count,
    };
    let error = |(reason, count): &(Option<ErrorReason>, u64)| v1::ErrorCount {
        reason: reason.map(ErrorReason::as_str).unwrap_or_default().to_owned(),
        count: *count,
    };
    let asker = |(name, count): &(Option<String>, u64)| v1::AskerCount {
        asked_by: name.clone().unwrap_or_default(),
        count: *count,
    };
    v1::WatchDecisionsResponse {
        at: Some(time_to_wire(*at)),
        lasted: Some(duration(*lasted)),
        decisions: counts.decided.iter().map(decision).collect(),
        errors: counts.errors.iter().map(error).collect(),
        p50: counts.took.quantile(0.5).map(duration),
        p99: counts.took.quantile(0.99).map(duration),
        refused: refused.iter().map(refused_to_wire).collect(),
        askers: askers.iter().map(asker).collect(),
    }
}

fn refused_to_wire(refused: &RefusedMost) -> v1::RefusedCount {
    v1::RefusedCount {
        peer: refused.peer.clone().unwrap_or_default(),
        provider: refused.provider.number_text(),
        provider_name: refused.provider_name.clone(),
        count: refused.count,
    }
}

/// A week of the listing.
pub fn week_to_wire(week: &Week) -> v1::Week {
    v1::Week {
        monday: week.monday.to_string(),
        filings: week.filings,
        removals: week.removals,
        removals_of_peers: week.removals_of_peers,
    }
}
