//! Leave to go on with a call that lasts.

use std::sync::Arc;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use tokio::sync::watch;

use super::session::{Denied, Session};

/// What somebody was let begin and goes on with, for as long as they would be let begin it anew.
#[derive(Debug)]
pub struct StreamAuthorization {
    session: Arc<Session>,
    path: &'static str,
    /// The token that came with the call, alone.
    headers: HeaderMap,
    /// Told whenever other rules are put in force.
    rules: watch::Receiver<()>,
}

impl StreamAuthorization {
    /// Leave to go on with an RPC that was let begin with these headers.
    pub fn begin(session: &Arc<Session>, path: &'static str, headers: &HeaderMap) -> Self {
        let mut rules = session.rule_changes();
        let token = headers.get(AUTHORIZATION).map(|token| (AUTHORIZATION, token.clone()));
        // Other rules may have come since the call was let begin.
        rules.mark_changed();
        Self { session: Arc::clone(session), path, headers: token.into_iter().collect(), rules }
    }

    /// Whether it still holds. Costs a look at one number while the rules stay as they are.
    ///
    /// # Errors
    ///
    /// If the call would not be let begin any more.
    pub fn check(&mut self) -> Result<(), Denied> {
        if !self.rules.has_changed().unwrap_or(false) {
            return Ok(());
        }
        self.rules.mark_unchanged();
        self.session.check_rpc(self.path, &self.headers).map(|_| ())
    }

    /// Waits until it does not hold any more, and says why.
    pub async fn withdrawn(&mut self) -> Denied {
        loop {
            if self.rules.changed().await.is_err() {
                // The rules in force are gone, and the daemon with them.
                std::future::pending::<()>().await;
            }
            if let Err(denied) = self.session.check_rpc(self.path, &self.headers) {
                return denied;
            }
        }
    }
}
