//! The store of the daemon, opened and published.

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::config::Config;
use super::{DaemonError, rebuild, refill_if_gone, systemd};
use crate::decide::caller_id;
use crate::listing::index::{Index, PublishedIndex};
use crate::observe::clock;
use crate::records::Records;
use crate::store::{self, PublishedRecords, Store, StoreError, SyncState};

/// What a store holds, ready to be served.
pub struct Opened {
    /// The store.
    pub store: Arc<Store>,
    /// Its last snapshot, indexed and published; nothing before the first.
    pub index: Arc<PublishedIndex>,
    /// Its operators' records, published.
    pub records: Arc<PublishedRecords>,
    /// How syncing went.
    pub sync_state: SyncState,
    /// The minute of the hour at which this installation syncs by default.
    pub schedule_minute: u8,
}

/// Loads an open store's last snapshot and records, and publishes them.
///
/// # Errors
///
/// If the store cannot be read.
pub fn publish_stored(store: Store) -> Result<Opened, StoreError> {
    let store::Loaded { snapshot, removals, last_change, sync_state, schedule_minute } = store.load()?;
    let index = snapshot.map(|snapshot| Index::build(snapshot, removals, last_change));
    let (records, last_event) = store.load_records()?;
    Ok(Opened {
        store: Arc::new(store),
        index: Arc::new(PublishedIndex::new(index)),
        records: Arc::new(PublishedRecords::new(Records::build(records, last_event))),
        sync_state,
        schedule_minute,
    })
}

/// So long a start waits for a store that a command holds: a sync waits a minute for its second copy.
const HELD_BY_A_COMMAND: Duration = Duration::from_secs(180);

/// So long it waits where another daemon answers.
const HELD_BY_A_DAEMON: Duration = Duration::from_secs(5);

/// Opens the store, and waits for it if it is held: a command that works on it must not keep a daemon from starting. Another
/// daemon, which answers on the administration socket, holds it for longer than is worth a wait.
fn open_when_free(state_dir: &Path, admin_socket: Option<&Path>) -> Result<Store, StoreError> {
    let began = Instant::now();
    let is_answered = || admin_socket.is_some_and(|path| UnixStream::connect(path).is_ok());
    let mut said = false;
    loop {
        match Store::open(state_dir) {
            Err(StoreError::Held { path })
                if began.elapsed() < HELD_BY_A_DAEMON || (began.elapsed() < HELD_BY_A_COMMAND && !is_answered()) =>
            {
                systemd::extend_start(Duration::from_secs(30));
                if !said {
                    tracing::warn!("the store {} is held by another process: waiting for it", path.display());
                    said = true;
                }
                #[expect(clippy::disallowed_methods, reason = "a lock of a file cannot be waited for with a bound")]
                std::thread::sleep(Duration::from_millis(50));
            }
            opened => return opened,
        }
    }
}

/// Opens the store of a daemon that starts, after rebuilding it where that was asked for, and publishes what it holds.
///
/// # Errors
///
/// If it cannot be used.
///
/// `admin_socket` is where another daemon would answer; none where systemd holds the socket, which runs only one.
pub(super) async fn open(
    config: &Config,
    state_dir: PathBuf,
    rebuild: bool,
    admin_socket: Option<PathBuf>,
) -> Result<Opened, DaemonError> {
    let (vet, max_bytes, in_fleet) = (config.vet.clone(), config.fetch.max_bytes, config.fleet.is_some());
    let open = move || {
        // Before the store and on its thread: what reading the plans leaves behind is memory for the listing.
        caller_id::prepare();
        if in_fleet && matches!(state_dir.join(store::FILE_NAME).try_exists(), Ok(false)) {
            rebuild::begin_anew_in_fleet(&state_dir, clock::now())?;
        } else if rebuild {
            rebuild::rebuild(&state_dir, in_fleet, &vet, max_bytes, clock::now())?;
        } else {
            refill_if_gone(&state_dir, &vet, max_bytes)?;
        }
        Ok::<_, DaemonError>(publish_stored(open_when_free(&state_dir, admin_socket.as_deref())?)?)
    };
    let opened = tokio::task::spawn_blocking(open).await;
    opened.map_err(|_| DaemonError::TaskEnded { task: "store", detail: None })?
}
