//! A whole listing, piece by piece.

use bytes::Bytes;
use jiff::Timestamp;

use super::{Services, SnapshotRef};
use crate::domain::{ErrorReason, Rejection};
use crate::listing::canonical::{self, Format};
use crate::observe::clock;
use crate::transport::Client;
use crate::transport::budget::Work;

/// A piece of an export. One is made when the one before was taken: a slow reader costs no more memory, and no thread.
const PIECE_BYTES: usize = 64 << 10;

/// A listing that is being written out.
#[derive(Debug)]
pub struct Export {
    /// Which.
    pub snapshot: SnapshotRef,
    writing: canonical::Export,
    work: Work,
    client: Client,
}

impl Export {
    /// The next piece, and what makes those behind it; nothing behind the last.
    ///
    /// # Errors
    ///
    /// If the daemon stops or fails.
    pub async fn next(self) -> Result<Option<(Bytes, Self)>, Rejection> {
        let (work, client) = (self.work.clone(), self.client.clone());
        let piece = move || {
            let Self { snapshot, mut writing, work, client } = self;
            let bytes = writing.piece(PIECE_BYTES);
            (bytes, Self { snapshot, writing, work, client })
        };
        let (bytes, rest) = work.piece(&client, piece).await?;
        let bytes = bytes.map_err(|error| ErrorReason::Internal.reject(format!("the export broke off: {error}")))?;
        Ok((!bytes.is_empty()).then(|| (bytes.into(), rest)))
    }
}

impl Services {
    /// The listing of now, or of a time, for a client.
    ///
    /// # Errors
    ///
    /// If there is none, or history does not reach back so far.
    pub async fn export(&self, format: Format, at: Option<Timestamp>, client: Client) -> Result<Export, Rejection> {
        let (now, index) = match at {
            Some(at) => (at, self.as_of(at).await?.index),
            None => (clock::now(), self.loaded()?),
        };
        let writing = canonical::Export::new(index.shared_snapshot(), format);
        Ok(Export { snapshot: SnapshotRef::of(&index, now), writing, work: self.budget.work.clone(), client })
    }
}
