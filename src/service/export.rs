//! A whole listing, piece by piece.

use std::io::{self, Write};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::{Services, SnapshotRef};
use crate::domain::Rejection;
use crate::listing::canonical::{self, Format};
use crate::observe::clock;

/// A piece of an export. So many are ready at most: a slow reader costs no more memory.
const CHUNK_BYTES: usize = 64 << 10;
const CHUNKS_READY: usize = 4;

/// A listing that is being written out.
#[derive(Debug)]
pub struct Export {
    /// Which.
    pub snapshot: SnapshotRef,
    /// Its bytes, in pieces. It ends early only where the daemon fails.
    pub chunks: mpsc::Receiver<Bytes>,
}

impl Services {
    /// The listing of now, or of a time.
    ///
    /// # Errors
    ///
    /// If there is none, or history does not reach back so far.
    pub async fn export(&self, format: Format, at: Option<Timestamp>) -> Result<Export, Rejection> {
        let (now, index) = match at {
            Some(at) => (at, self.as_of(at).await?.index),
            None => (clock::now(), self.loaded()?),
        };
        let (sender, chunks) = mpsc::channel(CHUNKS_READY);
        let snapshot = SnapshotRef::of(&index, now);
        tokio::task::spawn_blocking(move || {
            let mut chunks = Chunks { gathered: Vec::with_capacity(CHUNK_BYTES), sender };
            // It fails only where the reader has gone.
            let _ = canonical::write(index.snapshot(), format, &mut chunks).and_then(|()| chunks.flush());
        });
        Ok(Export { snapshot, chunks })
    }
}

/// Gathers what is written into pieces and sends them, no faster than they are read.
struct Chunks {
    gathered: Vec<u8>,
    sender: mpsc::Sender<Bytes>,
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= CHUNK_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let chunk = Bytes::from(std::mem::take(&mut self.gathered));
        self.sender.blocking_send(chunk).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
