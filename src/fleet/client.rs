//! The two logs, as they stand in etcd: reading where they end, reading entries and blobs, and appending.
//!
//! An append is one transaction: if the head is what it was, then the entry and the head behind it. So one of two who append
//! at the same time is told that the other was first, and nothing can come between an entry and the one that it follows.
//! Whoever fetches also compares what says that he does.

use std::sync::Arc;
use std::time::Duration;

use super::blob::{Blob, BlobName};
use super::engine::{Engine, EngineError, Expect, Found, Pair, Read, Write};
use super::entry::{Entry, Written};
use super::head::Head;
use super::keys::{Keys, behind};
use super::left_out::{Part, is_left_out};
use super::said::{Ask, Fetcher, Founding};
use super::{Fault, entry_of};
use crate::store::Log;

/// So many entries are asked for at a time: a megabyte at most.
const ENTRIES: u32 = 16;

/// So many chunks are asked for at a time: a megabyte.
const CHUNKS: u32 = 4;

/// So long they may take: what a line of 1 Mbit/s needs, twice.
const PATIENCE: Duration = Duration::from_secs(17);

/// So often it is looked whether an entry stands in the log, before that counts as not known.
const LOOKS: u32 = 3;

/// What one read has found.
#[derive(Debug)]
pub struct Polled {
    /// Of which cluster, how far that had come, and which member said so.
    pub from: ReadFrom,
    /// Which fleet it is; nothing where none was founded.
    pub fleet: Option<Result<Founding, Fault>>,
    /// The heads, by [`Log::ALL`].
    pub heads: [Option<Result<Head, Fault>>; 2],
    /// Who fetches, as the key says.
    pub fetcher: Option<Fetcher>,
    /// Whether that key goes with a lease, as whoever fetches has put it. One that another hand has put stays for ever, and nobody
    /// fetches by it.
    pub is_fetched_for: bool,
    /// What is asked, by its ID, where that was read.
    pub asks: Vec<(String, Ask)>,
    /// What stands at the key of the site that looks, where that was read.
    pub said: Option<Vec<u8>>,
}

/// Where something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFrom {
    /// The cluster.
    pub cluster: u64,
    /// How far it had come.
    pub revision: i64,
    /// The place of the member that answered.
    pub member: usize,
}

/// Reading and writing the logs of a fleet.
#[derive(Debug, Clone)]
pub struct Client {
    /// The way to etcd.
    pub engine: Arc<Engine>,
    /// Where things stand there.
    pub keys: Keys,
}

/// Why something of a log could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// etcd did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It is not what it should be.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// It is not there.
    #[error("{0} is not in the fleet's etcd")]
    Missing(String),
}

fn one(pairs: &mut [Vec<Pair>], place: usize) -> Option<Vec<u8>> {
    pairs.get_mut(place)?.pop().map(|pair| pair.value)
}

impl Client {
    /// Everything that there is to look at, in one read.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn poll(&self) -> Result<Polled, EngineError> {
        self.look(None, true).await
    }

    /// What a `site` looks at each second, in one read: what it said of itself is gone where etcd was put back. What sites ask
    /// only those need that fetch or ask: `with_asks` says whether it is read.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn look(&self, site: Option<&str>, with_asks: bool) -> Result<Polled, EngineError> {
        let keys = &self.keys;
        let asks = keys.asks();
        // Two neighbours: nothing else has its place between them.
        let founding = Read::Range { from: keys.fetcher(), below: format!("{}\0", keys.fleet()), most: 0 };
        let mut reads = vec![founding, Read::Key(keys.head(Log::Listing)), Read::Key(keys.head(Log::Records))];
        reads.extend(site.map(|site| Read::Key(keys.site(site))));
        if with_asks {
            reads.push(Read::Range { below: behind(&asks), from: asks.clone(), most: 100 });
        }
        let Found { mut pairs, cluster, revision, member, .. } = self.engine.read(&reads).await?;
        let asked = if with_asks { pairs.pop().unwrap_or_default() } else { Vec::new() };
        let pair_at = |key: &str| pairs.first()?.iter().find(|pair| pair.key == key);
        let at = |key: &str| pair_at(key).map(|pair| pair.value.as_slice());
        let is_fetched_for = pair_at(&keys.fetcher()).is_some_and(|pair| pair.leased);
        let fleet = at(&keys.fleet()).map(Founding::from_bytes);
        // Whoever it is that cannot be read is not this site.
        let fetcher = at(&keys.fetcher()).map(|bytes| Fetcher::from_bytes(bytes).unwrap_or_else(|_| nobody_known()));
        let head = |bytes: Option<Vec<u8>>, log| bytes.map(|bytes| Head::from_bytes(log, &bytes));
        let ask = |pair: Pair| {
            let id = pair.key.strip_prefix(&asks)?.to_owned();
            Some((id, Ask::from_bytes(&pair.value).ok()?))
        };
        Ok(Polled {
            from: ReadFrom { cluster, revision, member },
            fleet,
            heads: [head(one(&mut pairs, 1), Log::Listing), head(one(&mut pairs, 2), Log::Records)],
            fetcher,
            is_fetched_for,
            asks: asked.into_iter().filter_map(ask).collect(),
            said: site.and_then(|_| one(&mut pairs, 3)),
        })
    }

    /// The entries from one index to another, both included, as far as they are there without a gap.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn entries(&self, log: Log, from: u64, to: u64) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut entries: Vec<Vec<u8>> = Vec::new();
        let mut next = from;
        while next <= to {
            let below = self.keys.entry(log, to + 1);
            let read = Read::Range { from: self.keys.entry(log, next), below, most: ENTRIES };
            let page = self.engine.read_within(PATIENCE, &[read]).await?.pairs.pop().unwrap_or_default();
            if page.is_empty() {
                break;
            }
            for pair in page {
                if self.keys.index_of(log, &pair.key) != Some(next) {
                    return Ok(entries);
                }
                entries.push(pair.value);
                next += 1;
            }
        }
        Ok(entries)
    }

    /// What comes out of a blob.
    ///
    /// # Errors
    ///
    /// If it is not there, or not what was written.
    pub async fn blob(&self, log: Log, name: BlobName) -> Result<Vec<u8>, ClientError> {
        let mut chunks: Vec<Vec<u8>> = Vec::new();
        while (chunks.len() as u64) < name.chunks() {
            let from = self.keys.chunk(log, name.sha256, chunks.len() as u64);
            let below = behind(&self.keys.chunks(log, name.sha256));
            let read = Read::Range { from, below, most: CHUNKS };
            let page = self.engine.read_within(PATIENCE, &[read]).await?.pairs.pop().unwrap_or_default();
            if page.is_empty() {
                return Err(ClientError::Missing(format!("the blob {}", name.sha256.short())));
            }
            chunks.extend(page.into_iter().map(|pair| pair.value));
        }
        // It takes as long as it is large.
        let unpacked = tokio::task::spawn_blocking(move || name.unpack(chunks.iter().map(Vec::as_slice))).await;
        Ok(unpacked.map_err(|_| ClientError::Missing("what was unpacked".to_owned()))??)
    }

    /// Whether all chunks of a blob are there. What stands in them is not looked at.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub(crate) async fn is_there(&self, log: Log, name: BlobName) -> Result<bool, EngineError> {
        let chunks = self.keys.chunks(log, name.sha256);
        Ok(self.engine.keys(&chunks, &behind(&chunks)).await?.len() as u64 >= name.chunks())
    }

    /// Writes a blob, before the head that names it.
    ///
    /// # Errors
    ///
    /// If etcd does not take it.
    pub async fn put_blob(&self, log: Log, blob: &Blob) -> Result<(), EngineError> {
        for (place, chunk) in (0..).zip(blob.chunks()) {
            self.engine
                .write_again(&[Write::Put(self.keys.chunk(log, blob.name.sha256, place), chunk.to_vec(), None)])
                .await?;
        }
        Ok(())
    }

    /// Appends an entry behind a head, if that is still where the log ends, and `fetcher` still fetches where one is named.
    /// Says whether it was appended. Its blob is written before.
    ///
    /// # Errors
    ///
    /// If etcd does not take it, or if it is not known whether it did.
    pub async fn append(&self, head: &Head, written: &Written, fetcher: Option<&Fetcher>) -> Result<bool, EngineError> {
        let log = head.log;
        if let Some(blob) = &written.blob {
            self.put_blob(log, blob).await?;
        }
        let next = Head { index: written.position.index, sha256: written.position.sha256, ..*head };
        let mut expected = vec![Expect::Value(self.keys.head(log), head.to_bytes())];
        expected.extend(fetcher.map(|fetcher| Expect::Value(self.keys.fetcher(), fetcher.to_bytes())));
        if is_left_out(Part::Fence) {
            expected.truncate(1);
        }
        if let Some(fetcher) = fetcher {
            tracing::trace!(entry = %next.sha256, token = %hex::encode(fetcher.token.0), "appends");
        }
        let writes = [
            Write::Put(self.keys.entry(log, next.index), written.bytes.clone(), None),
            Write::Put(self.keys.head(log), next.to_bytes(), None),
        ];
        let mut looks = 0;
        loop {
            match self.engine.write(&expected, &writes).await {
                Err(EngineError::Unknown { .. }) if is_left_out(Part::Look) => {}
                // An earlier try may have done it, of which no word came.
                Ok(false) if looks > 0 => return self.stands(log, written).await.map(|found| found == Some(true)),
                Err(EngineError::Unknown { detail }) => {
                    looks += 1;
                    match self.stands(log, written).await {
                        Ok(Some(it_does)) => return Ok(it_does),
                        // Nothing stands there yet. As long as the head is what it was, trying again appends it once.
                        Ok(None) if looks < LOOKS => {}
                        Ok(None) | Err(_) => return Err(EngineError::Unknown { detail }),
                    }
                }
                // A try of which no word came may still be done.
                Err(error @ EngineError::CutOff { .. }) if looks > 0 => {
                    return Err(EngineError::Unknown { detail: error.to_string() });
                }
                answered => return answered,
            }
        }
    }

    /// Whether what stands in an entry's place is that entry; nothing where nothing stands there.
    async fn stands(&self, log: Log, written: &Written) -> Result<Option<bool>, EngineError> {
        let found = self.engine.read(&[Read::Key(self.keys.entry(log, written.position.index))]).await?;
        // The same bytes have the same ID.
        Ok(found.pairs.into_iter().flatten().next().map(|pair| pair.value == written.bytes))
    }

    /// What an entry says.
    ///
    /// # Errors
    ///
    /// If its blob cannot be had.
    pub async fn payload(&self, entry: &Entry) -> Result<Vec<u8>, ClientError> {
        match &entry.payload {
            super::entry::Payload::Inline(bytes) => Ok(bytes.clone()),
            super::entry::Payload::Blob(name) => self.blob(entry.log, *name).await.map_err(|error| match error {
                ClientError::Missing(what) => {
                    ClientError::Missing(format!("{what} of {}", entry_of(entry.log, entry.position.index)))
                }
                error => error,
            }),
        }
    }

    /// Founds a fleet: says which it is and where its logs end, if nobody has. Says whether it did.
    ///
    /// # Errors
    ///
    /// If etcd does not take it.
    pub async fn found(&self, founding: Founding, heads: [Head; 2]) -> Result<bool, EngineError> {
        let mut expected = vec![Expect::Nothing(self.keys.fleet())];
        let mut writes = vec![Write::Put(self.keys.fleet(), founding.to_bytes(), None)];
        for head in heads {
            expected.push(Expect::Nothing(self.keys.head(head.log)));
            writes.push(Write::Put(self.keys.head(head.log), head.to_bytes(), None));
        }
        match self.engine.write(&expected, &writes).await {
            Err(EngineError::Unknown { detail }) => match self.founded().await? {
                Some(Ok(found)) => Ok(found == founding),
                _ => Err(EngineError::Unknown { detail }),
            },
            answered => answered,
        }
    }

    /// Which fleet it is; nothing where none was founded.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn founded(&self) -> Result<Option<Result<Founding, Fault>>, EngineError> {
        let found = self.engine.read(&[Read::Key(self.keys.fleet())]).await?;
        Ok(found.pairs.into_iter().flatten().next().map(|pair| Founding::from_bytes(&pair.value)))
    }

    /// All values below a prefix, by what follows it in their keys.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn below(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, EngineError> {
        let read = Read::Range { from: prefix.to_owned(), below: behind(prefix), most: 0 };
        let pairs = self.engine.read(&[read]).await?.pairs.pop().unwrap_or_default();
        let named = |pair: Pair| Some((pair.key.strip_prefix(prefix)?.to_owned(), pair.value));
        Ok(pairs.into_iter().filter_map(named).collect())
    }
}

/// A fetcher of whom nothing is known.
fn nobody_known() -> Fetcher {
    Fetcher { token: super::said::Token([0; 16]), site: "?".to_owned(), since: jiff::Timestamp::UNIX_EPOCH }
}
