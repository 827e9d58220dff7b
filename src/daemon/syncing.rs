//! What runs cycles by the schedule, or follows the site of the fleet that does.

use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::config::Config;
use super::state::Opened;
use super::{DaemonError, membership};
use crate::decide::Policy;
use crate::fleet::start::{Minute, Parts};
use crate::store::Ledger;
use crate::store::archive::Archive;
use crate::sync::schedule::Schedule;
use crate::sync::{Own, SyncHandle, SyncSettings, Syncer};

/// It is put together, and nothing of it runs yet.
pub struct Syncing {
    pub syncer: Syncer,
    pub sync: SyncHandle,
    /// Where facts are made.
    pub ledger: Ledger,
    /// The site that this is, in a fleet.
    pub member: Option<membership::Running>,
    /// The schedule in force.
    pub schedule: watch::Receiver<Arc<Schedule>>,
    /// Where another is put in force.
    pub schedules: watch::Sender<Arc<Schedule>>,
    /// The minute of the hour at which cycles are run by default.
    pub schedule_minute: Arc<AtomicU8>,
}

impl Syncing {
    /// Over a store that was opened.
    ///
    /// # Errors
    ///
    /// If the configuration makes no site of a fleet.
    pub fn over(
        opened: Opened,
        config: &Config,
        (settings, schedule): (SyncSettings, Schedule),
        policy: &Arc<ArcSwap<Policy>>,
        archive: Archive,
    ) -> Result<Self, DaemonError> {
        let Opened { store, index, records, sync_state, schedule_minute } = opened;
        let member = membership::starting(config, &store)?;
        let elsewhere = member.as_ref().map(|member| member.elsewhere());
        let ledger = member.as_ref().map_or_else(|| Ledger::Own(store), |member| member.ledger());
        let (syncer, sync) = Syncer::new(ledger.clone(), index, sync_state, settings, archive);
        let sync = elsewhere.into_iter().fold(sync, SyncHandle::with_elsewhere);
        let syncer = syncer.with_own(Own { records: Arc::clone(&records), policy: Arc::clone(policy) });
        let schedule_minute = Arc::new(AtomicU8::new(schedule_minute));
        let (schedules, schedule) = watch::channel(Arc::new(schedule));
        let member = member.map(|member| {
            let minute = Minute::new(&schedule_minute, config.schedule.cron.is_none().then(|| schedules.clone()));
            let (schedule, publisher) = (schedule.clone(), syncer.publisher(&sync));
            member.begin(Parts { publisher, records, sync: sync.clone(), schedule, minute })
        });
        Ok(Self { syncer, sync, ledger, member, schedule, schedules, schedule_minute })
    }
}
