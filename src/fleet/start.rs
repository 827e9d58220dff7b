//! A site of a fleet, from what it is configured to be to the task that it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

use super::client::Client;
use super::engine::Engine;
use super::follow::Following;
use super::keep::Keeping;
use super::keys::Keys;
use super::lead::Leading;
use super::presence::Presence;
use super::run::{Memory, Runner};
use super::site::{Params, Site};
use super::view::Viewing;
use crate::service::Fleet;
use crate::store::{FleetId, Ledger, PublishedRecords, Store, StoreError};
use crate::sync::schedule::{Schedule, ScheduleConfig};
use crate::sync::{Publisher, SyncHandle};

/// Why a store cannot be served as the configuration says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It has a past that is none of a fleet's.
    #[error(
        "the store {} has listings or records of its own, and [fleet] is configured: what the fleet {fleet} holds would take their place. Where \
         there is no such fleet yet, `rmdd fleet init` makes this store its beginning; otherwise `rmdd fleet join` joins \
         it and keeps what is here beside (--dry-run lists the records that the fleet lacks). Nothing has changed",
        .path.display()
    )]
    OwnPast {
        /// The store.
        path: std::path::PathBuf,
        /// The fleet's name.
        fleet: String,
    },
    /// It is in a fleet, and none is configured.
    #[error(
        "the store {} is in the fleet {}, and no [fleet] is configured: it would change without the other sites being told. \
         Configure [fleet] as it was, or take the store out of it for good or until it joins again: `rmdd fleet leave`. Nothing \
         has changed",
        .path.display(), .fleet
    )]
    InFleet {
        /// The store.
        path: std::path::PathBuf,
        /// Which fleet.
        fleet: FleetId,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a store can be served: in the fleet of this name, or in none.
///
/// # Errors
///
/// Says why not.
pub fn check(store: &Store, fleet: Option<&str>) -> Result<(), StartError> {
    let path = || store.path().to_owned();
    match (fleet, store.fleet_position()?) {
        (None, Some(position)) => Err(StartError::InFleet { path: path(), fleet: position.fleet }),
        (Some(fleet), None) if !store.is_empty()? => Err(StartError::OwnPast { path: path(), fleet: fleet.to_owned() }),
        _ => Ok(()),
    }
}

/// A site that is about to take part in its fleet.
#[derive(Debug)]
pub struct Starting {
    /// What its parts share.
    pub site: Arc<Site>,
    name: String,
}

/// What a site publishes, and what it works by.
#[derive(Debug)]
pub struct Parts {
    /// Where listings are published.
    pub publisher: Publisher,
    /// Where records are.
    pub records: Arc<PublishedRecords>,
    /// What runs cycles.
    pub sync: SyncHandle,
    /// When they are due.
    pub schedule: watch::Receiver<Arc<Schedule>>,
    /// The minute of the hour at which they are where nothing else is configured.
    pub minute: Minute,
}

/// The minute of the hour at which the source is asked where no schedule is configured: that of the fleet, once it is known.
#[derive(Debug)]
pub struct Minute {
    minute: Arc<AtomicU8>,
    /// Set where that is in force.
    schedule: Option<watch::Sender<Arc<Schedule>>>,
}

impl Minute {
    /// A minute that others look at too, and the schedule that is made of it where it is in force.
    pub fn new(minute: &Arc<AtomicU8>, schedule: Option<watch::Sender<Arc<Schedule>>>) -> Self {
        Self { minute: Arc::clone(minute), schedule }
    }

    /// Puts the fleet's minute in force.
    ///
    /// # Errors
    ///
    /// If the store cannot remember it.
    pub(super) fn set(&self, minute: u8, store: &Store) -> Result<(), StoreError> {
        if self.minute.swap(minute, Ordering::Relaxed) == minute {
            return Ok(());
        }
        store.set_schedule_minute(minute)?;
        if let (Some(sender), Ok(schedule)) =
            (&self.schedule, Schedule::from_config(&ScheduleConfig { cron: None }, minute))
        {
            sender.send_replace(Arc::new(schedule));
        }
        Ok(())
    }
}

impl Starting {
    /// A site of the fleet of this name, which meets in this etcd.
    pub fn new(name: &str, params: Params, engine: Engine, store: Arc<Store>) -> Self {
        let client = Client { engine: Arc::new(engine), keys: Keys::new(name) };
        Self { site: Arc::new(Site::new(params, client, store)), name: name.to_owned() }
    }

    /// Where its facts are made.
    pub fn ledger(&self) -> Ledger {
        Ledger::Fleet(Arc::clone(&self.site.store), Arc::clone(&self.site) as _)
    }

    /// The task that it is, and what that knows of the fleet.
    pub fn runner(self, parts: Parts) -> (Runner, Fleet) {
        let Self { site, name } = self;
        let Parts { publisher, records, sync, schedule, minute } = parts;
        let (viewing, view) = Viewing::new(Arc::clone(&site), &name);
        let runner = Runner {
            following: Following::new(Arc::clone(&site), publisher, records),
            leading: Leading::new(Arc::clone(&site), sync, schedule),
            keeping: Keeping::default(),
            presence: Arc::new(Presence::default()),
            viewing,
            minute,
            memory: Memory::new(),
            site,
        };
        (runner, view)
    }
}
