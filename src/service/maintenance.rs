//! Maintenance of the store: copies, checks, and the room that is free in it.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedMutexGuard, mpsc};

use super::{Services, store_failed};
use crate::domain::{ErrorReason, Rejection, Sha256Digest};
use crate::store::{Compacted, Store, StoreError, Verified, nameless_file};

const CHUNK_BYTES: usize = 256 << 10;
const CHUNKS_READY: usize = 4;

/// A piece of a copy of the store.
#[derive(Debug, Clone)]
pub struct CopyPiece {
    /// The bytes; none in the last piece.
    pub chunk: Bytes,
    /// How many bytes all pieces have together; told in the first.
    pub size: Option<u64>,
    /// The digest of all bytes; told in the last.
    pub sha256: Option<Sha256Digest>,
}

fn broke_off() -> Rejection {
    ErrorReason::StoreFailed.reject("the store could not be read: the work came to an unexpected end")
}

fn failed(error: &StoreError) -> Rejection {
    tracing::error!(%error, "{error}");
    // Whoever asks operates the daemon: it may know what the log says.
    ErrorReason::StoreFailed.reject(error.to_string())
}

/// A copy that is about to be read. It has no name any more: nothing is left of it, however the daemon ends.
fn nameless_copy(store: &Store, state_dir: &Path) -> Result<File, StoreError> {
    let file = nameless_file(state_dir)?;
    let cannot = |source| StoreError::NotAccessible { path: state_dir.to_owned(), source };
    let mut copy = file.try_clone().map_err(cannot)?;
    store.copy_to(file, state_dir)?;
    copy.rewind().map_err(cannot)?;
    Ok(copy)
}

/// A copy that is being read.
struct Reading {
    file: File,
    /// Told with the first piece.
    size: Option<u64>,
    hasher: Sha256,
}

impl Reading {
    fn begin(file: File) -> std::io::Result<Self> {
        let size = Some(file.metadata()?.len());
        Ok(Self { file, size, hasher: Sha256::new() })
    }

    /// The next piece; the last has no bytes.
    fn piece(&mut self) -> std::io::Result<CopyPiece> {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        self.file.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        self.hasher.update(&chunk);
        let sha256 = chunk.is_empty().then(|| Sha256Digest(self.hasher.clone().finalize().into()));
        Ok(CopyPiece { chunk: chunk.into(), size: self.size.take(), sha256 })
    }
}

/// Sends a copy piece by piece, no faster than it is read; between them no thread waits.
async fn send(file: File, pieces: mpsc::Sender<Result<CopyPiece, Rejection>>, _one_at_a_time: OwnedMutexGuard<()>) {
    let failed = |error: std::io::Error| ErrorReason::StoreFailed.reject(error.to_string());
    let mut reading = match Reading::begin(file) {
        Ok(reading) => reading,
        Err(error) => return drop(pieces.send(Err(failed(error))).await),
    };
    loop {
        let read = tokio::task::spawn_blocking(move || (reading.piece(), reading)).await;
        let Ok((piece, rest)) = read else { return drop(pieces.send(Err(broke_off())).await) };
        reading = rest;
        let is_last = piece.as_ref().map_or(true, |piece| piece.chunk.is_empty());
        // Whoever reads it may have gone.
        if pieces.send(piece.map_err(failed)).await.is_err() || is_last {
            return;
        }
    }
}

impl Services {
    /// A copy of the store as it is now, in pieces. One copy is made at a time.
    ///
    /// # Errors
    ///
    /// If it cannot be made; once it is being sent, the last piece is the error.
    pub async fn backup(&self) -> Result<mpsc::Receiver<Result<CopyPiece, Rejection>>, Rejection> {
        let one_at_a_time = Arc::clone(&self.copying).lock_owned().await;
        let (store, state_dir) = (Arc::clone(&self.store), self.state_dir.clone());
        let copied = tokio::task::spawn_blocking(move || nameless_copy(&store, &state_dir)).await;
        let file = copied.map_err(|_| broke_off())?.map_err(|error| failed(&error))?;
        let (sender, receiver) = mpsc::channel(CHUNKS_READY);
        tokio::spawn(send(file, sender, one_at_a_time));
        Ok(receiver)
    }

    /// Checks the store, and that it is the one that answers rest on.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub async fn verify(&self) -> Result<Verified, Rejection> {
        let _one_at_a_time = Arc::clone(&self.copying).lock_owned().await;
        let published = self.index.load_full().map(|index| index.snapshot().serial);
        let store = Arc::clone(&self.store);
        let mut verified = tokio::task::spawn_blocking(move || store.verify())
            .await
            .map_err(|_| broke_off())?
            .map_err(|error| store_failed(&error))?;
        if verified.faults.is_empty() && verified.newest < published {
            let newest = verified.newest.map_or_else(|| "none".to_owned(), |serial| serial.to_string());
            verified.faults.push(format!("its newest snapshot is {newest}, and answers rest on a newer one"));
        }
        Ok(verified)
    }

    /// Gives room that is free in the store back to the file system.
    ///
    /// # Errors
    ///
    /// If it cannot.
    pub async fn compact(&self) -> Result<Compacted, Rejection> {
        let store = Arc::clone(&self.store);
        let compacted = tokio::task::spawn_blocking(move || store.compact()).await;
        compacted.map_err(|_| broke_off())?.map_err(|error| failed(&error))
    }
}
