//! The raw bytes of listings, as they came from the source: whoever fetches puts them into etcd, and every site into its
//! archive. It is done beside everything else: a listing is in force before its bytes are everywhere.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prost::Message;
use tokio_util::sync::CancellationToken;

use super::blob::{Blob, BlobName};
use super::client::ClientError;
use super::engine::{EngineError, Read, Write};
use super::keys::behind;
use super::site::Site;
use super::wire::{self, v1};
use super::{Fault, blob};
use crate::domain::Sha256Digest;
use crate::observe::clock;
use crate::store::Log;
use crate::store::archive::{Archive, Fate};
use crate::sync::Publisher;

/// So long raw bytes stay in etcd, unless they are those of a listing that stands or is held.
const STAY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So long after a failure it is tried again.
const AGAIN: Duration = Duration::from_secs(60);

/// What is not there yet is looked for after so long.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// Where all is there, it is looked after so long what may go.
const LOOKS_AGAIN: Duration = Duration::from_secs(3600);

/// The raw bytes of one listing.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    sha256: Sha256Digest,
    bytes: u64,
    fetched_at: Timestamp,
    fate: Fate,
}

/// What carries raw bytes.
#[derive(Debug)]
pub struct Raws {
    site: Arc<Site>,
    publisher: Publisher,
    archive: Archive,
    /// Those that are in etcd and in the archive.
    everywhere: HashSet<Sha256Digest>,
    /// Those that were missing in etcd when this site last looked.
    missed: HashSet<Sha256Digest>,
}

impl Raws {
    /// Carries them between etcd and this archive.
    pub fn new(site: Arc<Site>, publisher: Publisher) -> Self {
        let archive = publisher.archive();
        Self { site, publisher, archive, everywhere: HashSet::new(), missed: HashSet::new() }
    }

    /// Does so until the shutdown, whenever a cycle has ended here or elsewhere.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let (mut completed, mut fetches) = (self.publisher.completed(), self.site.fetches());
        let mut said = String::new();
        loop {
            let done = tokio::select! {
                () = shutdown.cancelled() => return,
                done = self.tend() => done,
            };
            let again = match done {
                Ok(all) => {
                    said.clear();
                    // What is not there yet is on its way.
                    if all { LOOKS_AGAIN } else { ON_ITS_WAY }
                }
                Err(error) => {
                    let now = error.to_string();
                    if !matches!(error, ClientError::Engine(EngineError::CutOff { .. })) && said != now {
                        tracing::warn!(%error, "raw listings cannot be carried: {error}");
                        said = now;
                    }
                    AGAIN
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = completed.changed() => {}
                _ = fetches.changed() => {}
                () = tokio::time::sleep(again) => {}
            }
        }
    }

    /// Carries what is missing. Says whether nothing is any more.
    async fn tend(&mut self) -> Result<bool, ClientError> {
        let wanted = self.wanted();
        self.everywhere.retain(|sha256| wanted.iter().any(|wanted| wanted.sha256 == *sha256));
        let mut all = true;
        for wanted in &wanted {
            if self.everywhere.contains(&wanted.sha256) {
                continue;
            }
            if self.carry(*wanted).await? {
                self.everywhere.insert(wanted.sha256);
            } else {
                all = false;
            }
        }
        if self.site.term().is_some() {
            self.drop_old(&wanted).await?;
        }
        Ok(all)
    }

    /// Those of the listing that stands and of those that are held.
    fn wanted(&self) -> Vec<Wanted> {
        let standing = self.publisher.index().map(|index| {
            let snapshot = index.snapshot();
            let (sha256, bytes, fetched_at) = (snapshot.sha256, snapshot.bytes, snapshot.fetched_at);
            Wanted { sha256, bytes, fetched_at, fate: Fate::Applied }
        });
        let state = self.publisher.state();
        let held = state.held.iter().map(|held| Wanted {
            sha256: held.sha256,
            bytes: held.bytes,
            fetched_at: held.last_fetched_at,
            fate: Fate::Held,
        });
        standing.into_iter().chain(held).collect()
    }

    /// Brings one to where it is missing, if it is somewhere. Says whether it is everywhere then.
    async fn carry(&mut self, wanted: Wanted) -> Result<bool, ClientError> {
        let archive = self.archive.clone();
        let here = tokio::task::spawn_blocking(move || archive.read(wanted.sha256, wanted.bytes).ok()).await;
        let here = here.ok().flatten();
        let there = self.there(wanted.sha256).await?;
        match (here, there) {
            (Some(_), Some(_)) => Ok(true),
            // Whoever fetches brings it; where that has not got it, another that may fetch.
            (Some(bytes), None) => {
                let missed = !self.missed.insert(wanted.sha256);
                match self.site.term().is_some() || (self.site.params.fetches && missed) {
                    true => self.put(wanted.sha256, bytes).await.map(|()| true),
                    false => Ok(false),
                }
            }
            (None, Some(blob)) => {
                let bytes = self.site.client.blob(Log::Listing, blob).await?;
                if Sha256Digest::of(&bytes) != wanted.sha256 {
                    let what = format!("the raw listing {} in the fleet's etcd", wanted.sha256.short());
                    return Err(Fault::Damaged { what, detail: "its digest is another".to_owned() }.into());
                }
                self.publisher.keep_raw(bytes, (wanted.sha256, wanted.fetched_at), wanted.fate).await;
                Ok(true)
            }
            (None, None) => Ok(false),
        }
    }

    /// The blob of a raw listing, if it is in etcd.
    async fn there(&self, sha256: Sha256Digest) -> Result<Option<BlobName>, EngineError> {
        let found = self.site.client.engine.read(&[Read::Key(self.site.client.keys.raw(sha256))]).await?;
        Ok(found.pairs.into_iter().flatten().next().and_then(|pair| read(&pair.value)).map(|(blob, _)| blob))
    }

    async fn put(&self, sha256: Sha256Digest, bytes: Vec<u8>) -> Result<(), ClientError> {
        let what = format!("the raw listing {}", sha256.short());
        let packed = tokio::task::spawn_blocking(move || Blob::pack(&what, &bytes)).await;
        let packed = packed.map_err(|_| ClientError::Missing("what was packed".to_owned()))??;
        self.site.client.put_blob(Log::Listing, &packed).await?;
        let raw = v1::Raw { blob: Some(packed.name.to_wire()), at_ms: clock::now().as_millisecond() };
        let put = Write::Put(self.site.client.keys.raw(sha256), raw.encode_to_vec(), None);
        Ok(self.site.client.engine.write_again(&[put]).await?)
    }

    /// Deletes those that have been there for long enough.
    async fn drop_old(&self, wanted: &[Wanted]) -> Result<(), EngineError> {
        let client = &self.site.client;
        let now = clock::now();
        for (name, bytes) in client.below(&client.keys.raws()).await? {
            let is_wanted = wanted.iter().any(|wanted| wanted.sha256.to_string() == name);
            let Some((blob, at)) = read(&bytes).filter(|_| !is_wanted) else { continue };
            if now.duration_since(at) > STAY {
                let chunks = client.keys.chunks(Log::Listing, blob.sha256);
                let key = format!("{}{name}", client.keys.raws());
                client.engine.write_again(&[Write::Delete(key)]).await?;
                client.engine.write_again(&[Write::DeleteRange(chunks.clone(), behind(&chunks))]).await?;
            }
        }
        Ok(())
    }
}

impl Site {
    /// The blobs of all raw listings that are in etcd.
    ///
    /// # Errors
    ///
    /// If that does not answer.
    pub async fn raw_blobs(&self) -> Result<Vec<blob::BlobName>, EngineError> {
        let raws = self.client.below(&self.client.keys.raws()).await?;
        Ok(raws.iter().filter_map(|(_, bytes)| read(bytes)).map(|(blob, _)| blob).collect())
    }
}

/// Which blob it is, and since when it is there.
fn read(bytes: &[u8]) -> Option<(BlobName, Timestamp)> {
    let raw: v1::Raw = wire::decode(bytes).ok()?;
    Some((BlobName::from_wire(&raw.blob?).ok()?, wire::time(raw.at_ms).ok()?))
}
