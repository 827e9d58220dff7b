//! What comes to stand in etcd, read while it comes: entries are deleted when a base has taken their place.

use std::io;
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
    /// The revision that began the term that stood there when it looked last.
    term: Option<i64>,
}

fn term(fetcher: &Fetcher) -> Term {
    let token = fetcher.token.0.iter().map(|byte| format!("{byte:02x}")).collect();
    Term { token, site: fetcher.site.clone() }
}

impl Witness {
    pub fn new(gateway: Gateway, client: Client, book: Arc<Book>) -> Self {
        Self { gateway, client, book, next: [1, 1], term: None }
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
        let keys = self.client.keys.clone();
        let Ok(revision) = self.fetchers(&keys.fetcher()).await else { return false };
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
        self.book.has_looked(revision);
        true
    }

    /// Who fetches, and who did since the last look: a term may come and go while nobody can ask.
    async fn fetchers(&mut self, key: &str) -> io::Result<i64> {
        let begin = self.book.now();
        let stands = self.gateway.at(key).await?;
        let created = stands.found.as_ref().map(|stored| stored.created);
        let known = self.book.looked_up_to();
        // A term has a key of its own. Where nobody fetches, somebody may have in between.
        if created != self.term || created.is_none() {
            let stood = self.gateway.stood(key, known + 1, stands.revision).await?;
            let spans = stood.into_iter().filter(|stood| stood.revision <= stands.revision);
            for stood in spans {
                self.fetched(begin, stood.value.as_deref());
            }
        }
        self.term = created;
        self.fetched(begin, stands.found.as_ref().map(|stored| &stored.value[..]));
        Ok(stands.revision)
    }

    fn fetched(&self, begin: Duration, value: Option<&[u8]>) {
        let fetcher = value.and_then(|value| Fetcher::from_bytes(value).ok());
        self.book.open().holders.push(Holder { span: self.book.since(begin), term: fetcher.as_ref().map(term) });
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

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use rmdd::fleet::engine::{Engine, member as way_to};
    use rmdd::fleet::keys::Keys;
    use rmdd::fleet::said::Token;
    use rmdd_testkit::etcd::{Etcd, Setup};
    use serde_json::json;

    use super::super::gateway::post;
    use super::super::history::History;
    use super::*;

    #[tokio::test]
    async fn a_term_that_comes_and_goes_between_two_looks_is_written_down() {
        let directory = tempfile::tempdir().expect("a directory");
        let setup = Setup { members: Some(1), ..Setup::default() };
        let Some(etcd) = Etcd::start(directory.path(), setup).await else { return };
        let url = etcd.urls().remove(0);
        let member = url.trim_start_matches("http://").to_owned();
        let way = way_to(&url, None).expect("an address");
        let client =
            Client { engine: Arc::new(Engine::new(vec![way], Duration::from_secs(2))), keys: Keys::new("east") };
        let key = STANDARD.encode(client.keys.fetcher());
        let mut witness = Witness::new(Gateway::new(vec![member.clone()]), client, Book::new(History::default()));
        let fetches = async |site: Option<&str>| {
            let (path, mut body) = ("/v3/kv/deleterange", json!({ "key": key }));
            post(&member, path, &body, Duration::from_secs(2)).await.expect("deleted");
            if let Some(site) = site {
                let fetcher =
                    Fetcher { token: Token::draw(), site: site.to_owned(), since: jiff::Timestamp::UNIX_EPOCH };
                body["value"] = STANDARD.encode(fetcher.to_bytes()).into();
                post(&member, "/v3/kv/put", &body, Duration::from_secs(2)).await.expect("put");
            }
        };
        for sites in [&[Some("ams")][..], &[Some("bos"), Some("chi")], &[Some("den"), None], &[Some("ely"), None]] {
            for site in sites {
                fetches(*site).await;
            }
            assert!(witness.look().await, "etcd answers");
        }
        let book = witness.book.open();
        let mut seen: Vec<_> =
            book.holders.iter().filter_map(|holder| Some(holder.term.as_ref()?.site.as_str())).collect();
        seen.dedup();
        assert_eq!(seen, ["ams", "bos", "chi", "den", "ely"]);
        assert_eq!(book.holders.last().and_then(|holder| holder.term.clone()), None);
    }
}
