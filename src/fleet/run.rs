//! The task of a site of a fleet: a look each second, and what it leads to.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::Fault;
use super::client::Polled;
use super::engine::EngineError;
use super::follow::{FollowError, Following};
use super::head::BaseName;
use super::keep::Keeping;
use super::lead::{ANOTHER_CLOCK, Leading};
use super::presence::Presence;
use super::raw::Raws;
use super::said::{SiteSays, Token};
use super::site::{Site, place};
use super::start::Minute;
use super::step::{Doubted, Lead, Place, Reading, Stand, Step, Trouble, Unreadable, Work, step};
use super::view::Viewing;
use crate::domain::Sha256Digest;
use crate::observe::clock;
use crate::store::{FleetId, FleetPosition, Log, StoreError};

/// What could not be had or applied is tried again after so long.
const TRIED_AGAIN: Duration = Duration::from_secs(30);

/// The task of a site.
#[derive(Debug)]
pub struct Runner {
    pub(super) site: Arc<Site>,
    pub(super) following: Following,
    pub(super) leading: Leading,
    pub(super) keeping: Keeping,
    pub(super) presence: Arc<Presence>,
    pub(super) viewing: Viewing,
    pub(super) minute: Minute,
    pub(super) memory: Memory,
}

/// What the task remembers from look to look.
#[derive(Debug)]
pub(super) struct Memory {
    began: Instant,
    seen: Option<(u64, i64)>,
    /// Whether it has taken the base that each log begins with.
    based: [bool; 2],
    /// Why each log does not go on, but by a newer base.
    stuck: [Option<(Instant, String)>; 2],
    /// The base of each log that lacks what this site holds.
    lacking: [Option<BaseName>; 2],
    doubt: Option<Doubted>,
    told: Option<SiteSays>,
    /// Whether the last look found the site at both heads, and when.
    current: Option<Instant>,
    failed_looks: u64,
    completed: u64,
    saying: bool,
    /// What etcd said last where it took nothing, as one that is full does.
    refused: Option<String>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            seen: None,
            based: [false; 2],
            stuck: [None, None],
            lacking: [None, None],
            doubt: None,
            told: None,
            current: None,
            failed_looks: 0,
            completed: 0,
            saying: false,
            refused: None,
        }
    }
}

/// Why a look led to nothing.
enum Failed {
    CutOff(EngineError),
    Stuck(Option<Log>, String),
    Newer(String),
    Forked(Log),
}

impl From<EngineError> for Failed {
    fn from(error: EngineError) -> Self {
        Self::CutOff(error)
    }
}

/// Why a site gives fetching up whose role was taken away while it fetched.
const NOT_PERMITTED: &str = "the role of its user in etcd does not permit it";

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Stuck(None, error.to_string())
    }
}

impl Runner {
    /// Looks and acts until the shutdown, and gives fetching up then.
    pub async fn run(mut self, shutdown: CancellationToken) {
        tokio::spawn(self.viewing.look_around(shutdown.clone()));
        let raws = Raws::new(Arc::clone(&self.site), self.following.publisher.clone());
        tokio::spawn(raws.run(shutdown.clone()));
        let poll = self.site.params.poll;
        let mut looks = tokio::time::interval(poll);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_first = true;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                _ = looks.tick() => {}
            }
            if self.presence.has_twin() {
                self.stop(Trouble::Twin(self.site.params.site.clone()));
                self.site.resign().await;
                continue;
            }
            let began = Instant::now();
            tokio::select! {
                // Whatever is being applied is done by a thread of its own.
                () = shutdown.cancelled() => break,
                () = self.look(&shutdown) => {}
            }
            // All sites that begin together, or have waited for the same etcd, would look at the same moment from here on.
            if std::mem::take(&mut is_first) || began.elapsed() >= poll {
                looks.reset_after(poll.mul_f64(rand::random()));
            }
        }
        // Another need not wait for the end of the lease.
        let _ = tokio::time::timeout(Duration::from_secs(2), self.site.resign()).await;
    }

    async fn look(&mut self, shutdown: &CancellationToken) {
        let (began, at) = (Instant::now(), clock::now());
        match self.try_look(began, at, shutdown).await {
            Ok(()) => {}
            Err(Failed::CutOff(error)) => {
                self.memory.failed_looks += 1;
                self.viewing.cut_off(&error);
                // Its lease would live on: to keep it alive needs no permission.
                if matches!(error, EngineError::Denied { .. }) && self.site.term().is_some() {
                    self.leading.give_up(NOT_PERMITTED).await;
                }
            }
            Err(Failed::Newer(what)) => self.stop(Trouble::Newer(what)),
            // What is seen at the next looks tells whether it stays so.
            Err(Failed::Forked(log)) => self.viewing.branched(log),
            Err(Failed::Stuck(log, why)) => {
                if let Some(log) = log {
                    self.memory.stuck[place(log)] = Some((Instant::now(), why.clone()));
                }
                match log.filter(|log| self.memory.lacking[place(*log)].is_some()) {
                    // Entries are missing before a base that does not go on from here.
                    Some(log) => self.viewing.branched(log),
                    None => self.viewing.stuck(&why),
                }
                if self.site.term().is_some() {
                    self.leading.give_up("it cannot apply what the log says").await;
                }
            }
        }
        self.site.progressed();
    }

    async fn try_look(&mut self, began: Instant, at: Timestamp, shutdown: &CancellationToken) -> Result<(), Failed> {
        // Whether or not etcd answers.
        self.following.settle().await.map_err(|error| Failed::Stuck(None, error.to_string()))?;
        let with_asks = self.site.term_of_any_age().is_some() || self.site.is_asking();
        let mut polled = self.site.client.look(Some(&self.site.params.site), with_asks).await?;
        trace_look(&polled, began);
        self.site.set_asks(std::mem::take(&mut polled.asks));
        self.site.set_fetched_for(polled.is_fetched_for);
        // It is gone, or an older one stands there, where etcd was wiped or put back.
        if self.memory.told.as_ref().map(SiteSays::to_bytes) != polled.said {
            self.memory.told = None;
        }
        let read = reading(polled);
        let stand = self.stand()?;
        let now = began.saturating_duration_since(self.memory.began);
        match step(&stand, &read, now) {
            // Another member is asked the next time.
            Step::Stale(doubted) => {
                self.memory.doubt = Some(doubted);
                self.site.client.engine.turn_to_another();
            }
            Step::Wait(trouble, doubted) => {
                self.memory.doubt = Some(doubted);
                self.viewing.doubts(&trouble);
                self.site.client.engine.turn_to_another();
            }
            Step::Stop(trouble) => {
                self.stop(match trouble {
                    Trouble::Forked(log) => self.branched(&read)?.map_or(Trouble::Forked(log), Trouble::Branched),
                    trouble => trouble,
                });
                // Another may read what this site cannot.
                self.site.resign().await;
                self.site.client.engine.turn_to_another();
                // Who has come furthest is to be seen from everywhere: an etcd that was put back says what was so then.
                if matches!(self.site.trouble(), Some(Trouble::Forked(_) | Trouble::Branched(_))) {
                    self.say(shutdown).await?;
                }
            }
            Step::Go { work, lead } => {
                self.memory.seen = Some((read.from.cluster, read.from.revision));
                self.memory.doubt = None;
                if self.site.set_trouble(None).is_some() {
                    tracing::info!("the fleet's etcd is the one that this site follows again");
                }
                self.go(&read, work, lead, began, shutdown).await?;
                let lacking = Log::ALL.into_iter().find(|log| self.memory.lacking[place(*log)].is_some());
                match (self.memory.stuck.iter().flatten().next(), lacking) {
                    (_, Some(log)) => self.viewing.branched(log),
                    (Some((_, why)), None) => self.viewing.stuck(why),
                    (None, None) if self.is_at_the_heads(&read)? => {
                        if let Some(beyond) = self.site.store.unlogged()? {
                            self.viewing.beyond(beyond);
                            return Ok(());
                        }
                        self.viewing.current(&read, began, at);
                        tracing::trace!(revision = read.from.revision, "published");
                    }
                    (None, None) => self.viewing.catches_up(),
                }
            }
        }
        Ok(())
    }

    async fn go(
        &mut self,
        read: &Reading,
        work: Vec<Work>,
        lead: Lead,
        began: Instant,
        shutdown: &CancellationToken,
    ) -> Result<(), Failed> {
        let Some(founding) = read.fleet else { return Ok(()) };
        let positions = self.site.store.fleet_position()?;
        self.note_heads(read, positions);
        let fresh =
            self.memory.current.is_some_and(|at| began.saturating_duration_since(at) < self.site.params.poll * 3);
        let before = positions.map(|positions| positions.listing.index);
        self.leading.seen(read.fetcher.is_some());
        if lead == Lead::Lost {
            self.leading.lost();
        }
        self.work_all(founding.id, work, read).await?;
        if self.is_at_the_heads(read)? {
            self.memory.current = Some(began);
        }
        let after = self.site.store.fleet_position()?.map(|position| position.listing);
        if let (Some(before), Some(after)) = (before, after)
            && fresh
            && after.index == before + 1
            && self.site.term().is_none()
        {
            self.site.set_offset(clock::now().as_millisecond() - after.at.as_millisecond());
        }
        if after.is_some() {
            self.minute.set(founding.schedule_minute, &self.site.store)?;
            self.note_format(founding.format)?;
        }
        let said = self.say(shutdown).await;
        self.unless_refused(said)?;
        if lead == Lead::Stand {
            let stood = self.leading.stand().await.map_err(Failed::CutOff);
            self.unless_refused(stood)?;
        }
        if self.site.term().is_some() {
            let led = self.lead(read).await;
            self.unless_refused(led)?;
        }
        Ok(())
    }

    /// An etcd that is full takes nothing, and is read as ever: whoever is at the head of what it holds is not cut off for that.
    fn unless_refused(&mut self, done: Result<(), Failed>) -> Result<(), Failed> {
        let Err(Failed::CutOff(error @ EngineError::Refused { .. })) = done else { return done };
        let said = error.to_string();
        if self.memory.refused.as_ref() != Some(&said) {
            tracing::warn!(%error, "what this site writes for its fleet is not taken: {error}");
            self.memory.refused = Some(said);
        }
        Ok(())
    }

    fn note_heads(&mut self, read: &Reading, positions: Option<FleetPosition>) {
        for head in read.heads.iter().flatten() {
            // Where this site has appended meanwhile, it looks again before it appends the next.
            self.site.set_head(*head);
            // What could not be had or applied is in the log no longer.
            if positions.is_some_and(|positions| positions.of(head.log).sha256 == head.sha256) {
                self.memory.stuck[place(head.log)] = None;
                self.memory.lacking[place(head.log)] = None;
            }
        }
    }

    /// Keeps in mind which format the fleet has: where etcd loses everything, it is put back in that one.
    fn note_format(&self, format: u32) -> Result<(), StoreError> {
        let before = self.site.store.fleet_format()?;
        if before != Some(format) {
            self.site.store.set_fleet_format(format)?;
        }
        if before.is_some_and(|before| before < format) {
            tracing::info!("the fleet's logs have format {format} from here on");
        }
        Ok(())
    }

    /// Whether all is published that was read, or more.
    fn is_at_the_heads(&self, read: &Reading) -> Result<bool, StoreError> {
        let Some(position) = self.site.store.fleet_position()? else { return Ok(false) };
        Ok(read.heads.iter().all(|head| head.is_some_and(|head| position.of(head.log).index >= head.index)))
    }

    /// What is to be done while this site fetches.
    async fn lead(&mut self, read: &Reading) -> Result<(), Failed> {
        if self.site.is_denied() {
            self.leading.give_up(NOT_PERMITTED).await;
            return Ok(());
        }
        // Before it dates another listing by it.
        if self.leading.clock_stands_apart().await? {
            self.leading.give_up(ANOTHER_CLOCK).await;
            return Ok(());
        }
        let asks = self.site.asks();
        self.leading.answer(&asks);
        let completed = *self.following.publisher.completed().borrow();
        if completed != self.memory.completed {
            self.memory.completed = completed;
            if let Some(why) = self.leading.should_give_up().await? {
                self.leading.give_up(why).await;
                return Ok(());
            }
        }
        self.keeping.tend(&self.site, read).await?;
        Ok(())
    }

    /// Does all that is to be done, log by log, and says what came to nothing.
    async fn work_all(&mut self, fleet: FleetId, all: Vec<Work>, read: &Reading) -> Result<(), Failed> {
        let mut failed = None;
        for work in all {
            let mut done = self.work(fleet, work).await;
            // A base is where the entries behind it begin.
            if let (Ok(()), Work::Take(log, base)) = (&done, work)
                && let Some(head) = read.heads[place(log)].filter(|head| head.index > base.index)
            {
                done = self.work(fleet, Work::Follow(head)).await;
            }
            // One log does not wait for the other.
            if let Err(error) = done {
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    async fn work(&mut self, fleet: FleetId, work: Work) -> Result<(), Failed> {
        let (log, done) = match work {
            // It is as it was when it was looked at.
            Work::Take(log, base) if self.memory.lacking[place(log)] == Some(base) => {
                (log, Err(FollowError::Forked(log)))
            }
            Work::Take(log, base) => {
                let taken = self.following.take(fleet, log, base).await;
                if taken.is_ok() {
                    self.memory.based[place(log)] = true;
                    self.memory.stuck[place(log)] = None;
                }
                let lacks = matches!(taken, Err(FollowError::Forked(_)));
                self.memory.lacking[place(log)] = lacks.then_some(base);
                (log, taken)
            }
            Work::Follow(head) => {
                let followed = self.following.to(&head).await;
                if followed.is_ok() {
                    self.memory.stuck[place(head.log)] = None;
                    self.memory.lacking[place(head.log)] = None;
                }
                (head.log, followed)
            }
        };
        done.map_err(|error| match error {
            FollowError::Engine(error) => Failed::CutOff(error),
            FollowError::Forked(log) => Failed::Forked(log),
            FollowError::Newer(what) => Failed::Newer(what),
            FollowError::Stuck(what) => Failed::Stuck(Some(log), what),
            // A disk that is full now may not be the next time.
            error @ (FollowError::Store(_) | FollowError::Interrupted) => Failed::Stuck(None, error.to_string()),
        })
    }

    /// Tells the other sites where this one stands, if that has changed.
    async fn say(&mut self, shutdown: &CancellationToken) -> Result<(), Failed> {
        if !self.memory.saying
            && let Some(token) = self.site.store.site_token()?
        {
            self.memory.saying = true;
            let (presence, site) = (Arc::clone(&self.presence), Arc::clone(&self.site));
            let shutdown = shutdown.clone();
            tokio::spawn(async move { presence.keep(site, Token(token), shutdown).await });
        }
        let Some(says) = self.site.says() else { return Ok(()) };
        let same = |told: &SiteSays| SiteSays { at: told.at, ..says.clone() } == *told;
        if !self.memory.told.as_ref().is_some_and(same) {
            self.site.tell(&says).await?;
            self.memory.told = Some(says);
            self.memory.refused = None;
        }
        Ok(())
    }

    fn stand(&self) -> Result<Stand, StoreError> {
        let position = self.site.store.fleet_position()?;
        let places =
            Log::ALL.map(|log| (log, position.map(|position| position.of(log)), self.memory.based[place(log)]));
        let mut stood = Vec::with_capacity(places.len());
        for (log, at, looked) in places {
            // A store that was begun again after damage stands at the beginning, and holds something else than the fleet began
            // with. To the founder its own base is no change.
            let bare = !looked && at.is_none_or(|at| at.index == 0);
            // What could not be had or applied is tried again after a while: it may have been put right.
            let stuck = self.memory.stuck[place(log)].as_ref().is_some_and(|(since, _)| since.elapsed() < TRIED_AGAIN);
            let position = at.unwrap_or(crate::store::Position {
                index: 0,
                sha256: Sha256Digest([0; 32]),
                at: Timestamp::UNIX_EPOCH,
            });
            stood.push(Place { position, bare, stuck });
        }
        let [listing, records] = stood[..] else { return Err(StoreError::Interrupted) };
        Ok(Stand {
            fleet: position.map(|position| position.fleet),
            places: [listing, records],
            seen: self.memory.seen,
            token: self.site.term_of_any_age().map(|term| term.fetcher.token),
            // What a fetcher makes of its store is the base of all.
            may_stand: self.leading.may_stand() && self.site.store.unlogged()?.is_none(),
            doubt: self.memory.doubt.clone(),
            members: self.site.client.engine.members(),
        })
    }

    /// The log that is no earlier state of what this site has followed, if that is known of one.
    fn branched(&self, read: &Reading) -> Result<Option<Log>, StoreError> {
        let Some(own) = self.site.store.fleet_position()? else { return Ok(None) };
        for head in read.heads.iter().flatten().filter(|head| head.index <= own.of(head.log).index) {
            let followed = self.site.store.followed(head.log, head.index)?;
            if followed.is_some_and(|sha256| sha256 != head.sha256) {
                return Ok(Some(head.log));
            }
        }
        Ok(None)
    }

    /// Follows no more, and says why once.
    fn stop(&mut self, trouble: Trouble) {
        let before = self.site.set_trouble(Some(trouble.clone()));
        if before.as_ref() != Some(&trouble) {
            tracing::error!("this site does not follow its fleet: {trouble}. Answers go on from what it holds");
        }
        self.viewing.stopped(&trouble);
    }
}

/// What each look was answered: whether a site that was behind without saying so was told the truth.
fn trace_look(polled: &Polled, began: Instant) {
    let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let [listing, records] = polled.heads.each_ref().map(|head| Some(head.as_ref()?.as_ref().ok()?.index));
    let super::client::ReadFrom { cluster, revision, member } = polled.from;
    tracing::trace!(took_us, cluster, revision, member, listing, records, "looked");
}

/// What was read, as far as it can be understood.
fn reading(polled: Polled) -> Reading {
    let Polled { from, fleet, heads, fetcher, .. } = polled;
    let mut unreadable = None;
    let mut note = |fault: Fault| {
        let said = fault.to_string();
        unreadable.get_or_insert(match fault {
            Fault::Format { .. } | Fault::Unknown { .. } => Unreadable::Newer(said),
            _ => Unreadable::Damaged(said),
        });
    };
    let fleet = fleet.and_then(|read| read.map_err(&mut note).ok());
    let heads = heads.map(|head| head.and_then(|read| read.map_err(&mut note).ok()));
    Reading { from, fleet, heads, fetcher, unreadable }
}
