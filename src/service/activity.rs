//! What is decided just now, with the names of those whom it concerns.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use jiff::Timestamp;
use tokio_stream::Stream;
use tokio_stream::wrappers::WatchStream as Newest;

use super::Services;
use crate::domain::{ErrorReason, Frn, Identity, Rejection};
use crate::listing::index::Index;
use crate::observe::activity::{Counter, Counts, Frame, SECONDS, Upstream};
use crate::observe::decision_log::name;
use crate::transport::auth::{Asker, StreamAuthorization};

/// Who was refused, and how often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedMost {
    /// The ID of the peer by whose name it was asked about; nothing if by its own number.
    pub peer: Option<String>,
    /// Its provider.
    pub provider: Identity,
    /// The business name as filed, current or last; empty if it was never listed.
    pub provider_name: String,
    /// How often.
    pub count: u64,
}

/// What was decided within a time.
#[derive(Debug, Clone)]
pub struct Decisions {
    /// When it ended.
    pub at: Timestamp,
    /// How long it was.
    pub lasted: Duration,
    /// How much was decided.
    pub counts: Counts,
    /// Who was refused most, the most frequent first. Where very many are refused it is an estimate.
    pub refused: Vec<RefusedMost>,
    /// Who asked most, likewise; nothing where nobody knows who it was.
    pub askers: Vec<(Option<String>, u64)>,
}

impl Services {
    /// What is decided, second by second, for as long as the authorization holds; the last so many seconds first.
    ///
    /// # Errors
    ///
    /// If no daemon runs here.
    pub fn watch_decisions(
        &self,
        seconds: usize,
        authorization: Option<StreamAuthorization>,
    ) -> Result<DecisionsStream, Rejection> {
        let Some(observer) = &self.observer else {
            return Err(ErrorReason::NoDaemon.reject("no daemon runs here: nothing is decided"));
        };
        let (past, newest) = observer.activity.watch(seconds.min(SECONDS));
        let coming = Newest::from_changes(newest).filter_map(std::future::ready);
        let services = self.clone();
        let frames = tokio_stream::iter(past).chain(coming).map(move |frame| services.decisions(&frame));
        let shutdown = self.shutdown.clone();
        let end = async move {
            let withdrawn = async {
                match authorization {
                    Some(mut authorization) => authorization.withdrawn().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => Rejection::stopping(),
                denied = withdrawn => Rejection::from(&denied),
            }
        };
        Ok(DecisionsStream { frames: Some(Box::pin(frames)), end: Box::pin(end) })
    }

    fn decisions(&self, frame: &Frame) -> Decisions {
        let Frame { at, lasted, counts, refused, askers: asked } = frame;
        let refused = named(refused, self.index.load().as_deref());
        Decisions { at: *at, lasted: *lasted, counts: counts.clone(), refused, askers: askers(asked) }
    }
}

fn named(refused: &[Counter<Upstream>], index: Option<&Index>) -> Vec<RefusedMost> {
    let one = |counter: &Counter<Upstream>| {
        let (peer, provider) = match &counter.key {
            Upstream::Peer(record) => (Some(record.id()), record.provider),
            Upstream::Provider(identity) => (None, *identity),
        };
        let provider_name = index.map(|index| name_of(index, provider)).unwrap_or_default();
        RefusedMost { peer, provider, provider_name, count: counter.count }
    };
    refused.iter().map(one).collect()
}

/// The name of a provider as filed, current or last.
fn name_of(index: &Index, provider: Identity) -> String {
    let by_frn = |frn: Frn| {
        let listed = index.by_frn(frn).map(|current| Arc::clone(current.filing())).next();
        listed.or_else(|| index.removed_by_frn(frn).map(|removal| Arc::clone(&removal.filing)).next())
    };
    let filing = match provider {
        Identity::Frn(frn) => by_frn(frn),
        Identity::RmdNumber(number) => {
            let listed = index.by_number(number).map(|current| Arc::clone(current.filing()));
            listed.or_else(|| index.removals().newest(number).map(|removal| Arc::clone(&removal.filing)))
        }
    };
    filing.map(|filing| filing.business_name().to_owned()).unwrap_or_default()
}

fn askers(askers: &[Counter<Asker>]) -> Vec<(Option<String>, u64)> {
    askers.iter().map(|counter| (name(&counter.key), counter.count)).collect()
}

/// What is decided, second by second.
pub struct DecisionsStream {
    frames: Option<Pin<Box<dyn Stream<Item = Decisions> + Send>>>,
    /// Why no more comes.
    end: Pin<Box<dyn Future<Output = Rejection> + Send>>,
}

impl Stream for DecisionsStream {
    type Item = Result<Decisions, Rejection>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(mut frames) = self.frames.take() else { return Poll::Ready(None) };
        if let Poll::Ready(rejection) = self.end.as_mut().poll(cx) {
            return Poll::Ready(Some(Err(rejection)));
        }
        match frames.as_mut().poll_next(cx) {
            Poll::Ready(None) => Poll::Ready(None),
            ready => {
                self.frames = Some(frames);
                ready.map(|frame| frame.map(Ok))
            }
        }
    }
}
