//! Fetching for the fleet: standing for it, keeping it, giving it up, and doing what other sites ask for meanwhile.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::around::Around;
use super::engine::{EngineError, Expect, Lease, Read, Write};
use super::said::{Ask, Done, Fetcher, SiteSays, Token};
use super::site::{Site, Term};
use super::step::clock_is_right;
use crate::domain::{SyncOutcome, SyncTrigger};
use crate::observe::clock;
use crate::store::Log;
use crate::sync::schedule::Schedule;
use crate::sync::{Approval, ApprovalError, SyncHandle};

/// So long a site that has given fetching up leaves it to others.
const STANDS_BACK: Duration = Duration::from_secs(600);

/// ... but takes it up again where nobody has fetched for so many leases: all may have given it up.
const LEASES_WITHOUT: u32 = 2;

/// So long an answer to what another site has asked stays there.
const ANSWER_STAYS: Duration = Duration::from_secs(600);

/// The clock of a site that fetches is no further than this from that of the source, in seconds.
const SOURCE_CLOCK: u64 = 300;

/// So many cycles of one term may bring nothing before another site may try.
const FAILED_CYCLES: u64 = 2;

/// Why a site gives fetching up.
pub const ANOTHER_CLOCK: &str = "its clock is not that of the other sites";

/// What a site does about fetching.
#[derive(Debug)]
pub struct Leading {
    site: Arc<Site>,
    sync: SyncHandle,
    schedule: watch::Receiver<Arc<Schedule>>,
    stands_back_until: Option<Instant>,
    /// Since when nobody fetches.
    vacant_since: Option<Instant>,
    /// What is asked and being done.
    doing: HashSet<String>,
    /// How many cycles in a row have brought nothing since the term began, or since it was last looked at whether another should
    /// try. A listing that is held is something: another site would hold it as well.
    failed: u64,
    /// How many cycles had ended, here or elsewhere, when the term began.
    completed_before: u64,
}

/// The sites of a fleet, of one moment, as whether this one should fetch is decided by.
struct Others(Around);

impl Others {
    async fn read(site: &Site) -> Result<Self, EngineError> {
        Around::whole(&site.client).await.map(Self)
    }

    /// Those that live.
    fn living(&self) -> impl Iterator<Item = (&String, &SiteSays)> {
        self.0.sites().filter_map(|(name, says, alive)| alive.map(|_| (name, says)))
    }

    /// Whether the clock of a site is right, as far as the sites that live tell.
    fn clock_is_right(&self, site: &str) -> bool {
        let own = self.living().find(|(name, _)| *name == site).and_then(|(_, says)| says.clock_offset_ms);
        let reported: Vec<i64> = self.living().filter_map(|(_, says)| says.clock_offset_ms).collect();
        // Of two nobody knows which is wrong.
        reported.len() < 3 || clock_is_right(own, &reported)
    }

    /// Whether another site could fetch.
    fn another_may(&self, site: &str) -> bool {
        self.living().any(|(name, says)| name != site && says.fetches)
    }
}

impl Leading {
    /// What a site does about fetching, by a schedule.
    pub fn new(site: Arc<Site>, sync: SyncHandle, schedule: watch::Receiver<Arc<Schedule>>) -> Self {
        Self {
            site,
            sync,
            schedule,
            stands_back_until: None,
            vacant_since: None,
            doing: HashSet::new(),
            failed: 0,
            completed_before: 0,
        }
    }

    /// Whether somebody fetches was seen.
    pub fn seen(&mut self, somebody: bool) {
        self.vacant_since = if somebody { None } else { self.vacant_since.or_else(|| Some(Instant::now())) };
    }

    /// Whether the site may stand for fetching now, as far as it knows by itself.
    pub fn may_stand(&self) -> bool {
        let rested = self.stands_back_until.is_none_or(|until| Instant::now() >= until);
        let patience = self.site.params.lease * LEASES_WITHOUT;
        let wanted = self.vacant_since.is_some_and(|since| since.elapsed() >= patience);
        self.site.params.fetches && (rested || wanted)
    }

    /// Whether a cycle of this term has found the source to have another time. What a site before has found says nothing of
    /// this one's clock.
    fn sources_clock_is_off(&self) -> bool {
        if *self.sync.completed().borrow() == self.completed_before {
            return false;
        }
        let state = self.sync.state();
        state
            .sources
            .iter()
            .filter_map(|source| source.clock_skew)
            .any(|skew| skew.as_secs().unsigned_abs() > SOURCE_CLOCK)
    }

    /// Stands for fetching, where nobody does. A site whose role in etcd does not permit it follows all the same, and leaves it
    /// to others.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn stand(&mut self) -> Result<(), EngineError> {
        match self.try_to_stand().await {
            Err(EngineError::Denied { detail }) => {
                self.site.set_denied(true);
                self.stand_back();
                tracing::warn!(
                    detail,
                    "nobody fetches for the fleet, and this site may not: the role of its user in etcd does not permit it \
                     ({detail}). Give it the role of a fetcher, or set fleet.fetches = false"
                );
                Ok(())
            }
            // It is full, and takes no lease: what it holds is followed as ever.
            Err(error @ EngineError::Refused { .. }) => {
                self.stand_back();
                tracing::warn!(%error, "nobody fetches for the fleet, and this site cannot: {error}");
                Ok(())
            }
            stood => stood,
        }
    }

    async fn try_to_stand(&mut self) -> Result<(), EngineError> {
        let site = Arc::clone(&self.site);
        let others = Others::read(&site).await?;
        let apart = site.clock_stands_apart() && others.another_may(&site.params.site);
        if apart || !others.clock_is_right(&site.params.site) {
            tracing::warn!("this site does not stand for fetching: its clock is not that of the other sites");
            self.stand_back();
            return Ok(());
        }
        let (engine, key) = (&site.client.engine, site.client.keys.fetcher());
        let before = Instant::now();
        let lease = engine.lease(site.params.lease).await?;
        let fetcher = Fetcher { token: Token::draw(), site: site.params.site.clone(), since: clock::now() };
        let put = Write::Put(key.clone(), fetcher.to_bytes(), Some(lease.id));
        let won = match engine.write(&[Expect::Nothing(key.clone())], &[put]).await {
            Err(EngineError::Unknown { .. }) => {
                let found = engine.read(&[Read::Key(key)]).await?;
                found.pairs.into_iter().flatten().any(|pair| pair.value == fetcher.to_bytes())
            }
            answered => answered?,
        };
        if !won {
            return engine.revoke(lease.id).await;
        }
        self.begin(fetcher, lease, before + lease.lasts);
        Ok(())
    }

    fn begin(&mut self, fetcher: Fetcher, lease: Lease, until: Instant) {
        tracing::info!("this site fetches for the fleet now");
        let token = fetcher.token;
        self.site.set_denied(false);
        self.failed = 0;
        self.completed_before = *self.sync.completed().borrow();
        self.doing.clear();
        self.site.set_term(Some(Term { fetcher, lease: lease.id, until }));
        tokio::spawn(keep(Arc::clone(&self.site), token, lease));
        // No sooner than the one before would have: retries have their own times.
        let last = self.sync.state().last.as_ref().map(|last| last.at);
        if self.schedule.borrow().is_due(last, clock::now()) {
            self.sync.start(SyncTrigger::Schedule);
        }
    }

    /// It fetches no longer: another does, or its lease has ended.
    pub fn lost(&mut self) {
        if self.site.term_of_any_age().is_some() {
            tracing::warn!("this site fetches for the fleet no longer: its lease has ended");
            self.site.set_term(None);
        }
    }

    /// Gives fetching up, and leaves it to others for a while.
    pub async fn give_up(&mut self, why: &str) {
        tracing::warn!(why, "this site gives fetching for the fleet up: {why}");
        self.stand_back();
        self.site.resign().await;
    }

    fn stand_back(&mut self) {
        let now = Instant::now();
        (self.stands_back_until, self.vacant_since) = (Some(now + STANDS_BACK), Some(now));
    }

    /// Whether it should give fetching up, and why. Looked at whenever a cycle has ended.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn should_give_up(&mut self) -> Result<Option<&'static str>, EngineError> {
        match self.sync.state().last.as_ref().map(|last| &last.outcome) {
            Some(SyncOutcome::Failed { .. } | SyncOutcome::Refused { .. }) => self.failed += 1,
            Some(SyncOutcome::Held { .. }) | None => {}
            Some(SyncOutcome::Applied { .. } | SyncOutcome::Unchanged { .. }) => self.failed = 0,
        }
        let (others, site) = (Others::read(&self.site).await?, &self.site.params.site);
        if !others.clock_is_right(site) {
            return Ok(Some(ANOTHER_CLOCK));
        }
        // It may be the source's that is wrong: where nobody else could fetch, this one does.
        if self.sources_clock_is_off() && others.another_may(site) {
            return Ok(Some("its clock is not that of the source"));
        }
        // What somebody waits for is brought to its end.
        if self.failed >= FAILED_CYCLES && self.doing.is_empty() {
            if others.another_may(site) {
                return Ok(Some("two syncs have brought nothing, and another site may have more luck"));
            }
            self.failed = 0;
        }
        Ok(None)
    }

    /// Whether its clock is not that of the sites that have come since it fetches, one of which could.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn clock_stands_apart(&self) -> Result<bool, EngineError> {
        Ok(self.site.clock_stands_apart() && Others::read(&self.site).await?.another_may(&self.site.params.site))
    }

    /// Does what other sites ask for.
    pub fn answer(&mut self, asks: &[(String, Ask)]) {
        let Some(term) = self.site.term() else { return };
        self.doing.retain(|doing| asks.iter().any(|(id, _)| id == doing));
        for (id, ask) in asks.iter().filter(|(_, ask)| ask.done.is_none()) {
            if self.doing.insert(id.clone()) {
                let (site, sync, token) = (Arc::clone(&self.site), self.sync.clone(), term.fetcher.token);
                tokio::spawn(answer(site, sync, token, id.clone(), ask.clone()));
            }
        }
    }
}

impl Site {
    /// Gives fetching up at once, so that another site need not wait for the end of the lease.
    pub async fn resign(&self) {
        let Some(term) = self.term_of_any_age() else { return };
        self.set_term(None);
        // It ends by itself otherwise.
        let _ = self.client.engine.revoke(term.lease).await;
    }
}

/// Keeps the lease of a term alive until that ends.
async fn keep(site: Arc<Site>, token: Token, lease: Lease) {
    let mine = |site: &Site| site.term_of_any_age().is_some_and(|term| term.fetcher.token == token);
    loop {
        tokio::time::sleep(lease.lasts / 5).await;
        if !mine(&site) {
            return;
        }
        let before = Instant::now();
        match site.client.engine.keep_alive(lease.id).await {
            Ok(()) => site.extend_term(token, before + lease.lasts),
            Err(EngineError::LeaseGone) => break,
            Err(_) if site.term().is_none() => break,
            Err(_) => {}
        }
    }
    if mine(&site) {
        tracing::warn!("this site fetches for the fleet no longer: its lease has ended");
        site.set_term(None);
    }
}

/// Does what another site has asked for, and says what came of it there.
async fn answer(site: Arc<Site>, sync: SyncHandle, token: Token, id: String, ask: Ask) {
    let key = site.client.keys.ask(&id);
    let taken = Ask { taken: true, ..ask.clone() };
    match put_in_place(&site, &key, &ask, &taken).await {
        // Whoever asked has taken it back meanwhile: nobody waits for it.
        Ok(false) => return,
        Ok(true) => {}
        // It can be done all the same.
        Err(error) => {
            tracing::warn!(%error, "site {} could not be told that what it asked is being done: {error}", ask.site)
        }
    }
    let done = match ask.approve.clone() {
        None => match sync.sync(SyncTrigger::Operator).await {
            Ok(record) => Done::Record(Box::new(record)),
            Err(_) => return,
        },
        Some((sha256, by)) => match sync.approve(Approval { sha256, by }).await {
            Ok(record) => Done::Record(Box::new(record)),
            Err(ApprovalError::NotHeld { held, .. }) => Done::NotHeld(held),
            Err(ApprovalError::Stopped(_)) => return,
            Err(error) => Done::Refused(error.to_string()),
        },
    };
    // Whoever fetches now is asked too.
    if site.term().is_none_or(|term| term.fetcher.token != token) {
        return;
    }
    let index = site.store.fleet_position().ok().flatten().map_or(0, |position| position.of(Log::Listing).index);
    let answered = Ask { done: Some((done, index)), ..taken.clone() };
    // Whoever asked may have gone.
    if let Err(error) = put_in_place(&site, &key, &taken, &answered).await {
        tracing::warn!(%error, "site {} could not be told what came of what it asked: {error}", ask.site);
    }
}

/// Puts something else in the place of what was asked, if that still stands there. Says whether it did.
async fn put_in_place(site: &Site, key: &str, before: &Ask, next: &Ask) -> Result<bool, EngineError> {
    let lease = site.client.engine.lease(ANSWER_STAYS).await?;
    let put = Write::Put(key.to_owned(), next.to_bytes(), Some(lease.id));
    site.client.engine.write(&[Expect::Value(key.to_owned(), before.to_bytes())], &[put]).await
}
