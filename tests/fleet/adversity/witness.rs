//! What comes to stand in etcd, read while it comes: entries are deleted when a base has taken their place.

use std::sync::Arc;
use std::time::Duration;

use prost::Message;
use rmdd::domain::{Log, Position, Sha256Digest};
use rmdd::fleet::client::Client;
use rmdd::fleet::entry::{self, Payload};
use rmdd::fleet::payload;
use rmdd::fleet::said::Fetcher;
use tokio_util::sync::CancellationToken;

use super::book::Book;
use super::gateway::{Gateway, Stored};
use super::history::{Entry, Holder, Place, Term};

/// So often it looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Of an entry, what it follows.
#[derive(Clone, PartialEq, Message)]
struct Before {
    #[prost(bytes = "vec", tag = "5")]
    sha256: Vec<u8>,
}

/// Of what an entry of the listing says, which snapshot it makes.
#[derive(Clone, PartialEq, Message)]
struct ListingPayload {
    #[prost(message, optional, tag = "1")]
    snapshot: Option<Snapshot>,
}

#[derive(Clone, PartialEq, Message)]
struct Snapshot {
    #[prost(uint64, tag = "1")]
    serial: u64,
    #[prost(bytes = "vec", tag = "2")]
    sha256: Vec<u8>,
}

pub struct Witness {
    pub gateway: Gateway,
    pub client: Client,
    pub book: Arc<Book>,
    next: [u64; 2],
}

fn term(fetcher: &Fetcher) -> Term {
    let token = fetcher.token.0.iter().map(|byte| format!("{byte:02x}")).collect();
    Term { token, site: fetcher.site.clone() }
}

impl Witness {
    pub fn new(gateway: Gateway, client: Client, book: Arc<Book>) -> Self {
        Self { gateway, client, book, next: [1, 1] }
    }

    /// Reads what comes, until it is told to stop, and then what is left.
    pub async fn run(mut self, stop: CancellationToken) -> Self {
        while !stop.is_cancelled() {
            self.look().await;
            let _ = tokio::time::timeout(PAUSE, stop.cancelled()).await;
        }
        self
    }

    /// Reads what there is. Says whether etcd has answered.
    pub async fn look(&mut self) -> bool {
        let begin = self.book.now();
        let keys = self.client.keys.clone();
        let Ok(fetcher) = self.gateway.range(&keys.fetcher(), None, 0).await else { return false };
        let fetcher = fetcher.first().and_then(|stored| Fetcher::from_bytes(&stored.value).ok());
        self.book.open().holders.push(Holder { span: self.book.since(begin), term: fetcher.as_ref().map(term) });
        for (place, log) in Log::ALL.into_iter().enumerate() {
            loop {
                let from = keys.entry(log, self.next[place]);
                let Ok(found) = self.gateway.range(&from, Some(&keys.entry(log, u64::MAX)), 0).await else {
                    return false;
                };
                let seen = self.book.now();
                let many = found.len();
                for stored in found {
                    let Some(entry) = self.entry(log, stored, seen).await else { return false };
                    self.next[place] = entry.index + 1;
                    self.book.open().entries.push(entry);
                }
                if many < 64 {
                    break;
                }
            }
        }
        true
    }

    /// An entry, and what it says. Nothing where that cannot be had now.
    async fn entry(&mut self, log: Log, stored: Stored, seen: Duration) -> Option<Entry> {
        let index = self.client.keys.index_of(log, &stored.key).expect("the key of an entry");
        let before = Before::decode(&stored.value[..]).expect("an entry").sha256.try_into().expect("a digest");
        let sha256 = Sha256Digest::of(&stored.value);
        let after = Position { index: index - 1, sha256: Sha256Digest(before), at: jiff::Timestamp::UNIX_EPOCH };
        let chained = entry::chain(log, &after, &[&stored.value], sha256).expect("an entry");
        let read = chained.entries.into_iter().next().expect("an entry of this version");
        let bytes = match &read.payload {
            Payload::Inline(bytes) => bytes.clone(),
            Payload::Blob(_) => self.client.payload(&read).await.ok()?,
        };
        let (mut snapshot, mut events) = (None, Vec::new());
        match log {
            Log::Listing => snapshot = made(&bytes),
            Log::Records => {
                let made = payload::records(&read, &bytes).expect("events");
                events = made.into_iter().map(|event| (event.serial, event.why)).collect();
            }
        }
        let holder = match log {
            Log::Listing => self.holder_at(stored.created).await?,
            Log::Records => None,
        };
        let (id, site) = (read.id, read.site);
        let (revision, writes, sha256) = (stored.created, stored.writes, sha256.0);
        Some(Entry { log, index, id, before, sha256, site, revision, writes, seen, holder, snapshot, events })
    }

    /// Who fetched at a revision; nothing within where that is not known any more, nothing at all where etcd is silent.
    async fn holder_at(&mut self, revision: i64) -> Option<Option<Option<Term>>> {
        match self.gateway.range(&self.client.keys.fetcher(), None, revision).await {
            Ok(found) => {
                let fetcher = found.first().and_then(|stored| Fetcher::from_bytes(&stored.value).ok());
                Some(Some(fetcher.as_ref().map(term)))
            }
            Err(error) if error.to_string().contains("compacted") => Some(None),
            Err(_) => None,
        }
    }
}

fn made(bytes: &[u8]) -> Option<Place> {
    let Snapshot { serial, sha256 } = ListingPayload::decode(bytes).expect("what an entry says").snapshot?;
    Some((serial, sha256.try_into().expect("a digest")))
}
