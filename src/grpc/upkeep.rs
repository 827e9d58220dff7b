//! Upkeep of the store: copies, checks, and the room that is free in it.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedMutexGuard, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::{ErrorReason, Services, error, v1};
use crate::store::{Store, StoreError, Verified, nameless_file};

const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS_READY: usize = 4;

/// The pieces of a copy.
pub type BackupStream = ReceiverStream<Result<v1::BackupResponse, Status>>;

fn interrupted() -> Status {
    ErrorReason::StoreFailed.status("the store could not be read: the work came to an unexpected end")
}

fn failed(error: &StoreError) -> Status {
    tracing::error!(%error, "{error}");
    // Whoever asks operates the daemon: it may know what the log says.
    ErrorReason::StoreFailed.status(error.to_string())
}

/// A copy that is about to be read. It has no name any more: nothing is left of it, however the daemon ends.
fn nameless_copy(store: &Store, state_dir: &Path) -> Result<File, StoreError> {
    let file = nameless_file(state_dir, "backup")?;
    let cannot = |source| StoreError::NotAccessible { path: state_dir.to_owned(), source };
    let mut copy = file.try_clone().map_err(cannot)?;
    store.copy_to(file)?;
    copy.rewind().map_err(cannot)?;
    Ok(copy)
}

fn send(
    mut file: File,
    pieces: &mpsc::Sender<Result<v1::BackupResponse, Status>>,
    _one_at_a_time: &OwnedMutexGuard<()>,
) -> std::io::Result<()> {
    let mut size = file.metadata()?.len();
    let mut hasher = Sha256::new();
    let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        hasher.update(&chunk);
        let last = chunk.is_empty();
        let sha256 = if last { hasher.clone().finalize().to_vec() } else { Vec::new() };
        let piece = v1::BackupResponse { chunk: chunk.into(), size, sha256: Bytes::from(sha256) };
        size = 0;
        pieces.blocking_send(Ok(piece)).map_err(gone)?;
        if last {
            return Ok(());
        }
    }
}

impl Services {
    pub(super) async fn back_up(&self) -> Result<BackupStream, Status> {
        let one_at_a_time = Arc::clone(&self.copying).lock_owned().await;
        let (store, state_dir) = (Arc::clone(&self.store), self.state_dir.clone());
        let copied = tokio::task::spawn_blocking(move || nameless_copy(&store, &state_dir)).await;
        let file = copied.map_err(|_| interrupted())?.map_err(|error| failed(&error))?;
        let (sender, receiver) = mpsc::channel(CHUNKS_READY);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = send(file, &sender, &one_at_a_time) {
                let _ = sender.blocking_send(Err(ErrorReason::StoreFailed.status(error.to_string())));
            }
        });
        Ok(ReceiverStream::new(receiver))
    }

    pub(super) async fn verify_store(&self) -> Result<v1::VerifyResponse, Status> {
        let _one_at_a_time = Arc::clone(&self.copying).lock_owned().await;
        let published = self.index.load_full().map(|index| index.snapshot().serial);
        let store = Arc::clone(&self.store);
        let mut verified = tokio::task::spawn_blocking(move || store.verify())
            .await
            .map_err(|_| interrupted())?
            .map_err(|error| error::from_store(&error))?;
        if verified.faults.is_empty() && verified.newest < published {
            let newest = verified.newest.map_or_else(|| "none".to_owned(), |serial| serial.to_string());
            verified.faults.push(format!("its newest snapshot is {newest}, and answers rest on a newer one"));
        }
        Ok(verified.into())
    }

    pub(super) async fn compact_store(&self) -> Result<v1::CompactResponse, Status> {
        let store = Arc::clone(&self.store);
        let compacted = tokio::task::spawn_blocking(move || store.compact())
            .await
            .map_err(|_| interrupted())?
            .map_err(|error| failed(&error))?;
        Ok(v1::CompactResponse { bytes_before: compacted.before, bytes_after: compacted.after })
    }
}

impl From<Verified> for v1::VerifyResponse {
    fn from(verified: Verified) -> Self {
        Self {
            faults: verified.faults,
            snapshots: verified.snapshots,
            changes: verified.changes,
            removals: verified.removals,
            records: verified.records,
            record_events: verified.record_events,
        }
    }
}
