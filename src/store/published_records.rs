//! Where the records stand for all to read, and the one way to change them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::{Mutex, watch};

use super::{Ledger, Store, StoreError};
use crate::domain::RecordEvent;
use crate::domain::visible::one_line;
use crate::records::{Change, PlanError, Records, plan};

/// Why a change of records was not made. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// It makes no sense, or does not fit what is on record.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// It could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Others of the fleet were first, again and again.
    #[error("nothing was changed, because other sites of the fleet change records all the time: try again")]
    Crowded,
    /// The task that wrote it broke off.
    #[error("writing the records was interrupted")]
    Interrupted,
}

/// Where the records stand for all to read, and the one way to change them.
#[derive(Debug, Default)]
pub struct PublishedRecords {
    current: ArcSwap<Records>,
    /// One change at a time: each is planned on what the one before has left.
    changing: Mutex<()>,
    /// Tells whenever other records are published.
    changes: watch::Sender<()>,
}

impl PublishedRecords {
    /// Starts with these.
    pub fn new(records: Records) -> Self {
        Self { current: ArcSwap::from_pointee(records), ..Self::default() }
    }

    /// Changes whenever other records are published.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// The records now. Never waits.
    pub fn load(&self) -> arc_swap::Guard<Arc<Records>> {
        self.current.load()
    }

    /// The records now, to keep for longer than a moment.
    pub fn load_full(&self) -> Arc<Records> {
        self.current.load_full()
    }

    /// Makes a change: plans it whole, commits it, and only then publishes it. Returns the events that it made, which
    /// are none where all was on record already.
    ///
    /// Once begun it comes to its end, though nobody waits for it any more: what is written is published.
    ///
    /// # Errors
    ///
    /// If it cannot be made whole. Nothing has changed then.
    pub async fn change(
        self: &Arc<Self>,
        ledger: &Ledger,
        change: Change,
        now: Timestamp,
    ) -> Result<Vec<RecordEvent>, ChangeError> {
        let (published, ledger) = (Arc::clone(self), ledger.clone());
        let made = tokio::spawn(async move { published.make(ledger, change, now).await });
        made.await.map_err(|_| ChangeError::Interrupted)?
    }

    async fn make(&self, ledger: Ledger, change: Change, now: Timestamp) -> Result<Vec<RecordEvent>, ChangeError> {
        let _one_at_a_time = self.changing.lock().await;
        let began = Instant::now();
        let mut waits = Waits::default();
        let events = loop {
            let current = self.load_full();
            let events = plan(&current, change.clone(), now)?;
            if events.is_empty() {
                return Ok(events);
            }
            let ledger = ledger.clone();
            let written = tokio::task::spawn_blocking(move || commit(&ledger, events)).await;
            match written.map_err(|_| ChangeError::Interrupted)?? {
                Committed::Done(events) => {
                    self.current.store(Arc::new(current.after(&events)));
                    break events;
                }
                // What stands there was not known to stand there. Another change cannot have come between at a site of its
                // own, and in a fleet whoever tries again is first some time.
                Committed::Behind(records) => {
                    self.current.store(Arc::from(records));
                    self.changes.send_replace(());
                    if began.elapsed() >= TRIED_FOR {
                        return Err(ChangeError::Crowded);
                    }
                    tokio::time::sleep(waits.next()).await;
                }
            }
        };
        self.changes.send_replace(());
        for event in &events {
            log(event);
        }
        Ok(events)
    }

    /// Publishes what others have changed: `follow` writes it to the store and returns the events, which are none where they
    /// are published already. No change is made meanwhile.
    ///
    /// # Errors
    ///
    /// As `follow`. Nothing is published then.
    pub async fn follow<E, F>(&self, store: &Store, follow: F) -> Result<(), E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<Vec<RecordEvent>, E>>,
    {
        let _one_at_a_time = self.changing.lock().await;
        let events = follow.await?;
        let Some(first) = events.first() else { return Ok(()) };
        let current = self.load_full();
        if current.last_event() + 1 == first.serial {
            self.current.store(Arc::new(current.after(&events)));
        } else {
            self.reload(store)?;
        }
        self.changes.send_replace(());
        for event in &events {
            log(event);
        }
        Ok(())
    }

    /// Publishes what the store holds after `replace` has put something else in its place. No change is made meanwhile.
    ///
    /// # Errors
    ///
    /// As `replace`, and if the store cannot be read.
    pub async fn replace<E, F>(&self, store: &Store, replace: F) -> Result<(), E>
    where
        E: From<StoreError>,
        F: Future<Output = Result<(), E>>,
    {
        let _one_at_a_time = self.changing.lock().await;
        replace.await?;
        Ok(self.reload(store)?)
    }

    /// Gives events that lie ahead of now a time that has come ([`Store::redate_records`]), and publishes the records with
    /// theirs. No change is made meanwhile.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub async fn redate(&self, store: &Arc<Store>, to: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        let written = Arc::clone(store);
        let redated = tokio::task::spawn_blocking(move || written.redate_records(to, now)).await;
        if redated.map_err(|_| StoreError::Interrupted)?? > 0 {
            self.reload(store)?;
        }
        Ok(())
    }

    /// Publishes the records that the store holds.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    fn reload(&self, store: &Store) -> Result<(), StoreError> {
        let (records, last_event) = store.load_records()?;
        self.current.store(Arc::new(Records::build(records, last_event)));
        self.changes.send_replace(());
        Ok(())
    }
}

/// So long a change is planned anew where other sites of a fleet make theirs before it.
const TRIED_FOR: Duration = Duration::from_secs(10);

/// How long to wait before the next try: a random time, so that those who were late together are not late together again, and
/// ever longer ones, up to a limit.
#[derive(Debug, Default)]
struct Waits(u32);

impl Waits {
    const SHORTEST: Duration = Duration::from_millis(2);
    const DOUBLINGS: u32 = 6;

    fn next(&mut self) -> Duration {
        let longest = Self::SHORTEST * 2_u32.pow(self.0.min(Self::DOUBLINGS));
        self.0 += 1;
        longest.mul_f64(rand::random())
    }
}

/// What came of committing.
enum Committed {
    Done(Vec<RecordEvent>),
    /// Other events were there already. These are the records.
    Behind(Box<Records>),
}

/// Commits events. A disk that fails at the very end leaves it open whether it did as it was told: then the file says.
fn commit(ledger: &Ledger, events: Vec<RecordEvent>) -> Result<Committed, StoreError> {
    let store = ledger.store();
    match ledger.records(&events) {
        Ok(()) => Ok(Committed::Done(events)),
        Err(StoreError::Conflict { .. }) => {
            let (records, last_event) = store.load_records()?;
            Ok(Committed::Behind(Box::new(Records::build(records, last_event))))
        }
        Err(error @ StoreError::Disk { .. }) => match store.load_records() {
            Ok((_, last)) if Some(last) == events.last().map(|event| event.serial) => Ok(Committed::Done(events)),
            _ => Err(error),
        },
        Err(error) => Err(error),
    }
}

fn log(event: &RecordEvent) {
    let Some(record) = event.record() else { return };
    let (kind, id, action) = (record.kind().as_str(), record.id(), event.action.as_str());
    let (id, by, provider) = (one_line(&id), one_line(&event.by), record.provider);
    tracing::info!(kind, id, action, by, event = event.serial, "{kind} {id} ({provider}) {action} by {by}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Identity, Peer, PeerKind, Record, RecordBody, RecordKind};

    fn now() -> Timestamp {
        "2026-11-26T00:00:00Z".parse().expect("a time")
    }

    fn peer(name: &str, frn: &str) -> Record {
        Record {
            provider: Identity::Frn(frn.parse().expect("an FRN")),
            body: RecordBody::Peer(Peer { name: name.to_owned(), kind: PeerKind::TrunkGroup, role: None }),
            by: "noc".to_owned(),
            why: "a test".to_owned(),
            at: now(),
            revision: 0,
            expires_at: None,
        }
    }

    fn put(record: Record) -> Change {
        Change::Put { records: vec![record], replace: false, by: "noc".to_owned() }
    }

    #[tokio::test]
    async fn a_change_that_nobody_waits_for_any_more_is_made_and_published_or_not_at_all() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("made"));
        let (published, ledger) = (Arc::new(PublishedRecords::default()), Ledger::Own(Arc::clone(&store)));
        for serial in 1..=20 {
            let mut changes = published.changes();
            let mut change = Box::pin(published.change(&ledger, put(peer(&format!("p{serial}"), "0041000001")), now()));
            // As where a client goes away while the change is being written.
            assert!(futures_util::poll!(&mut change).is_pending());
            drop(change);
            changes.changed().await.expect("published");
            assert_eq!(published.load().last_event(), serial);
        }
        assert_eq!(store.load_records().expect("read").0.len(), 20);
    }

    #[test]
    fn whoever_is_late_waits_ever_longer_up_to_a_limit() {
        let mut waits = Waits::default();
        let all: Vec<Duration> = (0..100).map(|_| waits.next()).collect();
        assert!(all.iter().all(|wait| *wait <= Duration::from_millis(128)) && all[0] <= Duration::from_millis(2));
        assert!(all[10..].iter().any(|wait| *wait > Duration::from_millis(32)), "{all:?}");
    }

    #[tokio::test]
    async fn events_that_the_disk_kept_without_a_word_are_met_by_the_next_change() {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("made"));
        let (published, ledger) = (Arc::new(PublishedRecords::default()), Ledger::Own(Arc::clone(&store)));
        published.change(&ledger, put(peer("first", "0041000001")), now()).await.expect("put");
        // As if the disk had failed behind the last byte of a commit.
        let unheard = plan(&published.load_full(), put(peer("second", "0041000002")), now()).expect("planned");
        store.commit_records(&unheard).expect("stored");

        let events = published.change(&ledger, put(peer("third", "0041000003")), now()).await.expect("put");
        assert_eq!(events.iter().map(|event| event.serial).collect::<Vec<_>>(), [3]);
        let records = published.load_full();
        assert_eq!((records.all(RecordKind::Peer).count(), records.last_event()), (3, 3));
        assert_eq!(store.load_records().expect("read").0.len(), 3);
    }
}
