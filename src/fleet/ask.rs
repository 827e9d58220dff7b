//! Asking the site that fetches: for a sync, or to let a held listing through.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;

use super::client::Client;
use super::engine::{EngineError, LeaseId, Write};
use super::said::{Ask, Done, Token};
use super::site::Site;
use crate::domain::SyncRecord;
use crate::observe::clock;
use crate::store::Log;
use crate::sync::{Answered, Approval, ApprovalError, Elsewhere};

/// So long what is asked stands there: a sync with a second copy takes more than a minute.
const ASK_STANDS: Duration = Duration::from_secs(600);

/// What is said where nobody could do it.
const NOBODY_FETCHES: &str = "nothing was done: no site fetches for the fleet now. One must run whose fleet.fetches is not false, \
                              which follows to the head, and whose clock is right (see `rmdd fleet status`)";

/// So long whoever fetches has to see what is asked, and ...
const TAKEN_WITHIN: Duration = Duration::from_secs(60);

/// ... so many leases: behind one that was killed another begins within one.
const TAKEN_WITHIN_LEASES: u32 = 3;

/// What is said where nobody has.
const NOT_TAKEN: &str = "the site that holds fetching for the fleet has not taken what was asked of it, and it was \
                         taken back. Its log says why, if it runs (see `rmdd fleet status`)";

/// So long etcd may be silent while an answer is awaited.
const SILENT: Duration = Duration::from_secs(30);

/// As long as it is there, this site looks at what is asked.
struct Asking<'a>(&'a Site);

impl<'a> Asking<'a> {
    fn new(site: &'a Site) -> Self {
        site.asking.fetch_add(1, Ordering::SeqCst);
        Self(site)
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Elsewhere for Site {
    fn fetches(&self) -> tokio::sync::watch::Receiver<bool> {
        Self::fetches(self)
    }

    fn fetches_now(&self) -> bool {
        self.term().is_some()
    }

    fn ask(&self, approval: Option<Approval>) -> Answered<'_> {
        Box::pin(self.asked(approval))
    }
}

/// What was asked goes when its answer has come, or when nobody waits for that any more: nobody is to do it later.
struct TakenBack {
    client: Client,
    key: String,
    lease: LeaseId,
}

impl Drop for TakenBack {
    fn drop(&mut self) {
        let (client, key, lease) = (self.client.clone(), std::mem::take(&mut self.key), self.lease);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            // It goes by itself otherwise.
            let _ = client.engine.write_again(&[Write::Delete(key)]).await;
            let _ = client.engine.revoke(lease).await;
        });
    }
}

impl Site {
    /// What is asked, as it was last read.
    pub fn set_asks(&self, asks: Vec<(String, Ask)>) {
        *self.asks.lock().unwrap_or_else(PoisonError::into_inner) = asks;
    }

    /// Whether this site waits for an answer.
    pub fn is_asking(&self) -> bool {
        self.asking.load(Ordering::SeqCst) > 0
    }

    fn ask_of(&self, id: &str) -> Option<Ask> {
        let asks = self.asks.lock().unwrap_or_else(PoisonError::into_inner);
        asks.iter().find(|(asked, _)| asked == id).map(|(_, ask)| ask.clone())
    }

    async fn asked(&self, approval: Option<Approval>) -> Result<SyncRecord, ApprovalError> {
        if let Some(trouble) = self.trouble() {
            return Err(ApprovalError::Elsewhere(format!(
                "nothing was done: this site does not follow its fleet: {trouble}"
            )));
        }
        let id = hex::encode(Token::draw().0);
        let approve = approval.clone().map(|approval| (approval.sha256, approval.by));
        let ask = Ask { site: self.params.site.clone(), at: clock::now(), approve, done: None, taken: false };
        let cut_off =
            |error: EngineError| ApprovalError::Elsewhere(format!("the site that fetches cannot be asked: {error}"));
        let lease = self.client.engine.lease(ASK_STANDS).await.map_err(cut_off)?;
        let put = Write::Put(self.client.keys.ask(&id), ask.to_bytes(), Some(lease.id));
        let _asking = Asking::new(self);
        // Before it is asked: whoever waits may go while it is on its way, and what comes under a lease that is gone is refused.
        let _taken_back = TakenBack { client: self.client.clone(), key: self.client.keys.ask(&id), lease: lease.id };
        self.client.engine.write_again(&[put]).await.map_err(cut_off)?;
        match (self.answer_to(&id).await?, approval) {
            (Done::Record(record), _) => Ok(*record),
            (Done::NotHeld(held), Some(approval)) => Err(ApprovalError::NotHeld { sha256: approval.sha256, held }),
            (Done::NotHeld(_), None) => Err(ApprovalError::Elsewhere("no such listing is held".to_owned())),
            (Done::Refused(why), _) => Err(ApprovalError::Elsewhere(why)),
        }
    }

    /// Waits until what was asked is done, and until this site holds what came of it.
    async fn answer_to(&self, id: &str) -> Result<Done, ApprovalError> {
        let mut progress = self.progress();
        let end = Instant::now() + ASK_STANDS;
        // Behind one that was killed another begins within a lease.
        let patience = self.params.lease * 2;
        let mut fetched_for = Instant::now();
        let taken_by = Instant::now() + TAKEN_WITHIN.max(self.params.lease * TAKEN_WITHIN_LEASES);
        loop {
            if self.is_fetched_for() {
                fetched_for = Instant::now();
            } else if fetched_for.elapsed() >= patience {
                return Err(ApprovalError::Elsewhere(NOBODY_FETCHES.to_owned()));
            }
            let ask = self.ask_of(id);
            let is_taken = ask.as_ref().is_some_and(|ask| ask.taken);
            if let Some((done, index)) = ask.and_then(|ask| ask.done)
                && self.listing_index() >= index
            {
                return Ok(done);
            }
            if !is_taken && Instant::now() >= taken_by {
                return Err(ApprovalError::Elsewhere(NOT_TAKEN.to_owned()));
            }
            let heard = tokio::time::timeout(SILENT, progress.changed()).await;
            if !matches!(heard, Ok(Ok(()))) || Instant::now() >= end {
                let why = "the site that fetches was asked, and no answer came: whether it was done is not known";
                return Err(ApprovalError::Elsewhere(why.to_owned()));
            }
        }
    }

    fn listing_index(&self) -> u64 {
        self.store.fleet_position().ok().flatten().map_or(0, |position| position.of(Log::Listing).index)
    }
}
