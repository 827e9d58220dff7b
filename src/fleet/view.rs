//! What a site knows of its fleet, kept for those who ask: nobody who asks waits for etcd.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::around::Around;
use super::engine::{EngineError, MemberStatus};
use super::site::Site;
use super::step::{Reading, Trouble};
use crate::domain::{EngineMember, EngineStatus, FleetHeads, FleetStanding, FleetState, FleetView, Place, SiteView};
use crate::observe::clock;
use crate::service::{Currency, Fleet};
use crate::store::Log;

/// A site that is behind for so long says why.
const SAYS_WHY_AFTER: Duration = Duration::from_secs(30);

/// So often members and sites are looked at, at least; less often, the more sites there are ...
const LOOK_AROUND: Duration = Duration::from_secs(5);

/// ... by so much for each: whatever one site tells of itself all others read.
const EACH: Duration = Duration::from_millis(100);

/// What a site knows of its fleet.
#[derive(Debug)]
pub struct Viewing {
    site: Arc<Site>,
    view: watch::Sender<Arc<FleetView>>,
    /// The same for answers, which take no lock.
    currency: Arc<Currency>,
    /// When it was last current, or began.
    current: Instant,
    /// The sites that live, as last read; nothing before that.
    living: Arc<Mutex<Option<BTreeSet<String>>>>,
}

impl Viewing {
    /// Of a site that has not looked yet.
    pub fn new(site: Arc<Site>, fleet: &str) -> (Self, Fleet) {
        let params = &site.params;
        let mut unread = FleetView::unread(fleet, &params.site, params.behind_after, clock::now());
        unread.position = site.store.fleet_position().ok().flatten();
        let (view, seen) = watch::channel(Arc::new(unread));
        let now = Instant::now();
        let currency = Arc::new(Currency::new(params.behind_after, now));
        let fleet = Fleet { view: seen, currency: Arc::clone(&currency) };
        (Self { site, view, currency, current: now, living: Arc::default() }, fleet)
    }

    /// Looks at the members of etcd and at the sites from time to time.
    pub fn look_around(&self, shutdown: CancellationToken) -> impl Future<Output = ()> + Send + use<> {
        let (site, view) = (Arc::clone(&self.site), self.view.clone());
        let (own, began, living) = (site.params.site.clone(), clock::now(), Arc::clone(&self.living));
        async move {
            let mut around = Around::default();
            loop {
                let look = async {
                    let status = site.client.engine.status().await;
                    (status, around.look(&site.client).await)
                };
                let (status, looked) = tokio::select! {
                    () = shutdown.cancelled() => return,
                    looked = look => looked,
                };
                let now = clock::now();
                if looked.is_ok() {
                    site.set_told(around.told());
                    let read = around.living().cloned().collect();
                    *living.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
                }
                view.send_modify(|view| {
                    let view = Arc::make_mut(view);
                    view.members = status.into_iter().map(|told| member(told, &view.members, now)).collect();
                    if looked.is_ok() {
                        view.sites = with_own(sites(&around), &own, began);
                        view.read_at = Some(now);
                    }
                });
                let pause = LOOK_AROUND.max(EACH * u32::try_from(around.count()).unwrap_or(u32::MAX));
                tokio::select! {
                    () = shutdown.cancelled() => return,
                    () = tokio::time::sleep(pause) => {}
                }
            }
        }
    }

    /// A read that began then, which was `at` by the clock, is published.
    pub fn current(&mut self, read: &Reading, began: Instant, at: Timestamp) {
        self.current = began;
        self.currency.note(began);
        let position = self.site.store.fleet_position().ok().flatten();
        let place = |head: &super::head::Head| Place { index: head.index, sha256: head.sha256 };
        let heads = match &read.heads {
            [Some(listing), Some(records)] => {
                Some(FleetHeads { listing: place(listing), records: place(records), read_at: at })
            }
            _ => None,
        };
        let fetches = self.site.term().map(|term| term.fetcher.site);
        let said = read.fetcher.as_ref().map(|fetcher| fetcher.site.clone());
        let vain = if fetches.is_some() { None } else { said.as_deref().and_then(|said| self.in_vain(said)) };
        // A key that no lease stands behind is nobody who fetches.
        let fetcher = fetches.or(said.filter(|_| self.site.is_fetched_for()));
        let was = self.view.borrow().standing.state;
        if !matches!(was, FleetState::Current | FleetState::Behind) {
            tracing::info!("this site is at the fleet's head again");
        }
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.position = position;
            view.format = read.fleet.map(|founding| founding.format);
            view.heads = heads.or(view.heads);
            let unfetched = fetcher.is_none() || vain.is_some();
            view.unfetched_since = unfetched.then(|| view.unfetched_since.unwrap_or(at));
            view.unfetched_why = vain.unwrap_or_default();
            view.fetcher = fetcher;
            view.current_as_of = Some(at);
            view.read_at.get_or_insert(at);
            stand(view, FleetState::Current, String::new());
        });
    }

    /// Why nobody fetches, though the key says that this site does.
    fn in_vain(&self, said: &str) -> Option<String> {
        let key = self.site.client.keys.fetcher();
        if !self.site.is_fetched_for() {
            return Some(format!(
                "etcd's key {key} names {said}, and no lease stands behind it: no site can take its place"
            ));
        }
        // Whoever has come a moment ago is read at the next look.
        let living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        let lives = living.as_ref().is_none_or(|living| living.contains(said));
        (!lives).then(|| format!("etcd's key {key} names {said}, and no such site is alive"))
    }

    /// etcd does not answer.
    pub fn cut_off(&self, error: &EngineError) {
        self.behind(FleetState::CutOff, error.to_string());
    }

    /// The logs are read, and something of them cannot be applied.
    pub fn stuck(&self, why: &str) {
        self.behind(FleetState::Stuck, why.to_owned());
    }

    /// Something speaks against the engine, which may go away.
    pub fn doubts(&self, trouble: &Trouble) {
        self.behind(FleetState::Behind, trouble.to_string());
    }

    /// The logs have gone on further than this site has come.
    pub fn catches_up(&self) {
        self.behind(FleetState::Behind, "it takes over what the fleet has decided meanwhile".to_owned());
    }

    /// The site follows no more.
    pub fn stopped(&self, trouble: &Trouble) {
        let state = match trouble {
            Trouble::NotFounded | Trouble::Foreign(_) => FleetState::Foreign,
            Trouble::Forked(_) | Trouble::Branched(_) | Trouble::Beyond(..) => FleetState::Forked,
            Trouble::Newer(_) => FleetState::Newer,
            Trouble::Damaged(_) | Trouble::Twin(_) => FleetState::Stuck,
        };
        self.stands(state, trouble.to_string(), matches!(trouble, Trouble::Branched(_) | Trouble::Beyond(..)));
    }

    /// The logs are read, and have gone another way than this site.
    pub fn branched(&self, log: Log) {
        self.behind(FleetState::Forked, Trouble::Branched(log).to_string());
    }

    /// The log of records is read to its end, and this site holds more of them.
    pub fn beyond(&self, (first, last): (u64, u64)) {
        self.behind(FleetState::Forked, Trouble::Beyond(first, last).to_string());
    }

    /// It is not current: for a moment that is nothing, then it is behind, and then it says why.
    fn behind(&self, why: FleetState, detail: String) {
        let lasts = self.current.elapsed();
        let state = match lasts {
            _ if lasts >= SAYS_WHY_AFTER.max(self.site.params.behind_after) => why,
            _ if lasts >= self.site.params.behind_after => FleetState::Behind,
            _ => return,
        };
        let was = self.view.borrow().standing.state;
        if was != state {
            tracing::warn!("this site is behind its fleet: {detail}. Answers go on from what it holds");
        }
        self.stands(state, detail, why == FleetState::Forked);
    }

    /// Where it has come to so far is told as well: a base may have been taken, or one log followed and not the other.
    fn stands(&self, state: FleetState, detail: String, branched: bool) {
        let position = self.site.store.fleet_position().ok().flatten();
        self.view.send_modify(|view| {
            let view = Arc::make_mut(view);
            view.position = position.or(view.position);
            stand(view, state, detail);
            view.standing.branched = branched;
        });
    }
}

fn stand(view: &mut FleetView, state: FleetState, detail: String) {
    if view.standing.state != state {
        view.standing.since = clock::now();
    }
    view.standing = FleetStanding { state, since: view.standing.since, detail, branched: false };
}

/// A member, by what was known of all of them before.
fn member(
    (address, status): (String, Result<MemberStatus, String>),
    before: &[EngineMember],
    asked_at: Timestamp,
) -> EngineMember {
    let status = status.map(|MemberStatus { version, db_bytes, has_leader, errors }| EngineStatus {
        version,
        db_bytes: u64::try_from(db_bytes).unwrap_or_default(),
        has_leader,
        errors,
    });
    let said = status.as_ref().ok().map(|status: &EngineStatus| status.version.clone());
    let before = before.iter().find(|member| member.address == address);
    let last_version = said.or_else(|| before?.last_version.clone());
    EngineMember { address, status, last_version, asked_at }
}

/// A site knows of itself that it lives, before anybody could read it of the key that says so.
fn with_own(mut sites: Vec<SiteView>, own: &str, began: Timestamp) -> Vec<SiteView> {
    if let Some(own) = sites.iter_mut().find(|site| site.name == own) {
        own.alive_since.get_or_insert(began);
    }
    sites
}

fn sites(around: &Around) -> Vec<SiteView> {
    // What those told that are gone was of other entries.
    let of_living =
        |(_, says, alive): (_, &super::said::SiteSays, Option<&super::said::Alive>)| alive.and(says.clock_offset_ms);
    let mut offsets: Vec<i64> = around.sites().filter_map(of_living).collect();
    offsets.sort_unstable();
    let median = offsets.get(offsets.len() / 2).copied().unwrap_or_default();
    let site = |(name, says, alive): (&String, &super::said::SiteSays, Option<&super::said::Alive>)| SiteView {
        alive_since: alive.map(|alive| alive.since),
        listing: Place { index: says.listing.0, sha256: says.listing.1 },
        records: Place { index: says.records.0, sha256: says.records.1 },
        written_at: says.at,
        version: says.version.clone(),
        formats: says.formats,
        fetches: says.fetches,
        clock_offset: says.clock_offset_ms.map(|offset| jiff::SignedDuration::from_millis(offset - median)),
        policy: says.policy,
        name: name.clone(),
    };
    around.sites().map(site).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_falls_silent_keeps_the_version_that_it_last_said_until_it_says_another() {
        let says = |version: &str| {
            Ok(MemberStatus { version: version.to_owned(), db_bytes: 1, has_leader: true, errors: Vec::new() })
        };
        let told = |status, before: &[EngineMember]| {
            member(("https://etcd-1:2379".to_owned(), status), before, Timestamp::UNIX_EPOCH)
        };
        let silent = || Err("refused".to_owned());
        assert_eq!(told(silent(), &[]).last_version, None);
        let old = [told(says("3.4.23"), &[])];
        let gone = [told(silent(), &old)];
        assert_eq!((gone[0].last_version.as_deref(), gone[0].status.is_err()), (Some("3.4.23"), true));
        assert_eq!(told(silent(), &gone).last_version.as_deref(), Some("3.4.23"));
        assert_eq!(told(says("3.6.14"), &gone).last_version.as_deref(), Some("3.6.14"));
    }
}
