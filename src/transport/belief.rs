//! Whom a listener believes, and the connections over TLS that are open: where it believes other authorities from now on, those
//! of clients that it believes no more are closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::ClientCertVerifier;

use super::activity::Activity;

/// The certificates that a client showed, its own first.
pub(super) type Chain = Vec<CertificateDer<'static>>;

/// Whom a listener believes.
#[derive(Debug, Clone, Default)]
pub(super) struct Belief(Option<Arc<dyn ClientCertVerifier>>);

impl Belief {
    /// Clients for whom this vouches.
    pub(super) fn by(verifier: Arc<dyn ClientCertVerifier>) -> Self {
        Self(Some(verifier))
    }

    /// Whether a client that showed this would be let in now.
    fn lets_in(&self, chain: Option<&Chain>) -> bool {
        match (&self.0, chain.and_then(|chain| chain.split_first())) {
            (Some(verifier), Some((own, between))) => {
                verifier.verify_client_cert(own, between, UnixTime::now()).is_ok()
            }
            (Some(verifier), None) => !verifier.client_auth_mandatory(),
            // What it was let in by says nothing any more.
            (None, shown) => shown.is_none(),
        }
    }
}

/// The connections that are open.
#[derive(Debug, Default)]
pub(super) struct Open(Mutex<HashMap<usize, Shown>>);

/// A connection, and what its client showed.
#[derive(Debug)]
struct Shown {
    activity: Arc<Activity>,
    chain: Option<Chain>,
}

/// A connection among those that are open, until it is dropped.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    open: &'a Open,
    which: usize,
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        self.open.lock().remove(&self.which);
    }
}

impl Open {
    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Shown>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a connection in mind.
    pub(super) fn keep(&self, activity: &Arc<Activity>, chain: Option<Chain>) -> Kept<'_> {
        let which = activity.which();
        self.lock().insert(which, Shown { activity: Arc::clone(activity), chain });
        Kept { open: self, which }
    }

    /// Has the connections closed whose clients would not be let in any more. Returns how many that are.
    pub(super) fn close_all_but_believed(&self, belief: &Belief) -> usize {
        let open = self.lock();
        let unbelieved = open.values().filter(|shown| !belief.lets_in(shown.chain.as_ref()));
        unbelieved.inspect(|shown| shown.activity.cut()).count()
    }
}
