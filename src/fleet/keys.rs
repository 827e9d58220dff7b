//! Where things stand in etcd: all below `/rmdd/NAME/`.

use crate::domain::Sha256Digest;
use crate::store::Log;

/// The keys of one fleet.
#[derive(Debug, Clone)]
pub struct Keys {
    root: String,
}

impl Keys {
    /// Those of the fleet of this name.
    pub fn new(fleet: &str) -> Self {
        Self { root: format!("/rmdd/{fleet}/") }
    }

    /// How all of them begin.
    pub fn root(&self) -> &str {
        &self.root
    }

    fn at(&self, rest: &str) -> String {
        format!("{}{rest}", self.root)
    }

    /// Which fleet it is.
    pub fn fleet(&self) -> String {
        self.at("fleet")
    }

    /// Who fetches.
    pub fn fetcher(&self) -> String {
        self.at("fetcher")
    }

    /// Where a log ends.
    pub fn head(&self, log: Log) -> String {
        self.at(&format!("{}/head", log.as_str()))
    }

    /// An entry. Those of one log are in their order.
    pub fn entry(&self, log: Log, index: u64) -> String {
        self.at(&format!("{}/log/{index:020}", log.as_str()))
    }

    /// The index of an entry, from its key.
    pub fn index_of(&self, log: Log, key: &str) -> Option<u64> {
        key.strip_prefix(&self.at(&format!("{}/log/", log.as_str())))?.parse().ok()
    }

    /// Below this stand the blobs of a log.
    pub fn blobs(&self, log: Log) -> String {
        self.at(&format!("{}/blob/", log.as_str()))
    }

    /// Below this stand the chunks of a blob, in their order.
    pub fn chunks(&self, log: Log, blob: Sha256Digest) -> String {
        format!("{}{blob}/", self.blobs(log))
    }

    /// One chunk of a blob.
    pub fn chunk(&self, log: Log, blob: Sha256Digest, place: u64) -> String {
        format!("{}{place:04}", self.chunks(log, blob))
    }

    /// Below this stands which blob has the bytes of a raw listing.
    pub fn raws(&self) -> String {
        self.at("listing/raw/")
    }

    /// Which blob has the bytes of a raw listing.
    pub fn raw(&self, listing: Sha256Digest) -> String {
        format!("{}{listing}", self.raws())
    }

    /// Below this stands what sites ask of the one that fetches.
    pub fn asks(&self) -> String {
        self.at("ask/")
    }

    /// One thing that is asked.
    pub fn ask(&self, id: &str) -> String {
        format!("{}{id}", self.asks())
    }

    /// Below this stands what sites tell of themselves.
    pub fn sites(&self) -> String {
        self.at("site/")
    }

    /// What a site tells of itself.
    pub fn site(&self, site: &str) -> String {
        format!("{}{site}", self.sites())
    }

    /// Below this stand the sites that live.
    pub fn living(&self) -> String {
        self.at("alive/")
    }

    /// That a site lives.
    pub fn alive(&self, site: &str) -> String {
        format!("{}{site}", self.living())
    }
}

/// The first key behind all that begin with this prefix, which ends in `/`.
pub fn behind(prefix: &str) -> String {
    let mut end = prefix.to_owned();
    end.pop();
    end.push('0');
    end
}
