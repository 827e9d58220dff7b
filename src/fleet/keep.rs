//! Keeping the logs: whoever fetches makes a base of each from time to time, and deletes what nobody needs any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::base::{self, Packed};
use super::client::{Client, ClientError};
use super::engine::{EngineError, Expect, Write};
use super::entry::{self, Payload};
use super::head::{BaseName, Head};
use super::keys::behind;
use super::site::Site;
use super::step::Reading;
use crate::observe::clock;
use crate::store::Log;

/// So many entries stand behind a base before the next one is made ...
const ENTRIES: u64 = 256;

/// ... or one that is so old: a quiet fleet has some 170 in that time.
const AGE: SignedDuration = SignedDuration::from_hours(7 * 24);

/// So often it is tried to name a new base in a head that moves on.
const TRIES: u32 = 10;

/// A blob that nothing names may be one of an entry that is about to be appended: it is left alone for so long.
const LEFT_ALONE: Duration = Duration::from_secs(3600);

/// What is remembered of that.
#[derive(Debug, Default)]
pub struct Keeping {
    /// The base before the newest, by log: entries before it go.
    before: HashMap<Log, BaseName>,
    /// Blobs that nothing names, and since when that is known.
    unnamed: HashMap<(Log, String), Instant>,
    /// When bases could last not be made.
    failed: Option<Instant>,
    /// What is known of the newest base, by log.
    newest: HashMap<Log, Known>,
}

/// A base in etcd, as far as it was looked at.
#[derive(Debug, Clone, Copy)]
struct Known {
    base: BaseName,
    /// Its format; nothing where it cannot be had whole.
    format: Option<u32>,
    /// When the first entry behind it was made, once there is one.
    first_behind: Option<Timestamp>,
}

impl Keeping {
    /// Makes what bases are due.
    ///
    /// # Errors
    ///
    /// If etcd does not answer.
    pub async fn tend(&mut self, site: &Arc<Site>, read: &Reading) -> Result<(), EngineError> {
        if self.failed.is_some_and(|at| at.elapsed() < LEFT_ALONE) {
            return Ok(());
        }
        for head in read.heads.iter().flatten() {
            if self.is_due(site, head).await? {
                self.make(site, head.log, head.format).await?;
            }
        }
        Ok(())
    }

    /// Whether the base of a log is far behind its head, old, of the format before, or not to be had.
    async fn is_due(&mut self, site: &Site, head: &Head) -> Result<bool, EngineError> {
        let Some(base) = head.base else { return Ok(true) };
        let behind = head.index - base.index;
        if behind >= ENTRIES {
            return Ok(true);
        }
        let mut known = match self.newest.get(&head.log).filter(|known| known.base == base) {
            Some(known) => *known,
            None => Known { base, format: format_of(&site.client, head.log, base).await?, first_behind: None },
        };
        if behind > 0 && known.first_behind.is_none() {
            let first = site.client.entries(head.log, base.index + 1, base.index + 1).await?;
            known.first_behind = first.first().and_then(|bytes| entry::written_by(bytes)).map(|(_, at)| at);
        }
        self.newest.insert(head.log, known);
        Ok(known.format != Some(head.format) || is_old(known.first_behind, clock::now()))
    }

    async fn make(&mut self, site: &Arc<Site>, log: Log, format: u32) -> Result<(), EngineError> {
        let store = Arc::clone(&site.store);
        let packed = tokio::task::spawn_blocking(move || {
            let (state, position) = store.state(log)?;
            let position = position.ok_or(crate::store::StoreError::Interrupted)?.of(log);
            base::make(&state, position, format)
        });
        let packed = match packed.await {
            Ok(Ok(packed)) => packed,
            failed => {
                let why = match failed {
                    Ok(Err(fault)) => fault.to_string(),
                    _ => "the work on it was interrupted".to_owned(),
                };
                tracing::error!("no base of the fleet's log `{}` can be made: {why}", log.as_str());
                self.failed = Some(Instant::now());
                return Ok(());
            }
        };
        put_base(site, log, &packed).await?;
        // One of the same name may have been damaged.
        self.newest.remove(&log);
        for _ in 0..TRIES {
            let Some(term) = site.term() else { return Ok(()) };
            let heads = site.client.poll().await?.heads;
            let Some(head) = heads.into_iter().flatten().flatten().find(|head| head.log == log) else { return Ok(()) };
            // It is of the same log, as long as this site has followed that.
            if head.index < packed.name.index {
                return Ok(());
            }
            let next = Head { base: Some(packed.name), ..head };
            let (keys, engine) = (&site.client.keys, &site.client.engine);
            let expected = [
                Expect::Value(keys.head(log), head.to_bytes()),
                Expect::Value(keys.fetcher(), term.fetcher.to_bytes()),
            ];
            // Another entry may come meanwhile.
            if engine.write(&expected, &[Write::Put(keys.head(log), next.to_bytes(), None)]).await? {
                if let Some(before) = head.base {
                    self.before.insert(log, before);
                }
                let (name, index) = (log.as_str(), packed.name.index);
                tracing::info!(log = name, index, "a base of the fleet's log `{name}` is made at entry {index}");
                return self.drop_old(site, &next, &packed).await;
            }
        }
        Ok(())
    }

    /// Deletes entries before the base before the newest, and blobs that nothing names.
    async fn drop_old(&mut self, site: &Site, head: &Head, packed: &Packed) -> Result<(), EngineError> {
        let Some(before) = self.before.get(&head.log).copied() else { return Ok(()) };
        let (client, log) = (&site.client, head.log);
        let keys = &client.keys;
        let entries = Write::DeleteRange(keys.entry(log, 0), keys.entry(log, before.index + 1));
        client.engine.write_again(&[entries]).await?;
        let mut named: HashSet<String> = HashSet::new();
        named.insert(packed.manifest.name.sha256.to_string());
        named.extend(packed.parts.iter().map(|part| part.name.sha256.to_string()));
        // A site may be taking the base before now: all of it stays.
        let Ok(manifest) = client.blob(log, before.manifest).await else { return Ok(()) };
        named.insert(before.manifest.sha256.to_string());
        let Ok(parts) = base::parts_of(log, before.index, &manifest) else { return Ok(()) };
        named.extend(parts.iter().map(|part| part.sha256.to_string()));
        for bytes in client.entries(log, before.index + 1, head.index).await? {
            match entry::payload_of(&bytes) {
                Some(Payload::Blob(name)) => _ = named.insert(name.sha256.to_string()),
                Some(Payload::Inline(_)) => {}
                // What is not understood names what is not known: nothing is deleted.
                None => return Ok(()),
            }
        }
        if log == Log::Listing {
            named.extend(site.raw_blobs().await?.iter().map(|blob| blob.sha256.to_string()));
        }
        self.drop_blobs(site, log, &named).await
    }

    async fn drop_blobs(&mut self, site: &Site, log: Log, named: &HashSet<String>) -> Result<(), EngineError> {
        let (keys, engine) = (&site.client.keys, &site.client.engine);
        let blobs = keys.blobs(log);
        let stored = engine.keys(&blobs, &behind(&blobs)).await?;
        let stored = stored.iter().filter_map(|key| key.strip_prefix(&blobs)?.split('/').next());
        let unnamed: HashSet<String> = stored.filter(|blob| !named.contains(*blob)).map(str::to_owned).collect();
        self.unnamed.retain(|(of, blob), _| *of != log || unnamed.contains(blob));
        for blob in unnamed {
            let since = *self.unnamed.entry((log, blob.clone())).or_insert_with(Instant::now);
            if since.elapsed() >= LEFT_ALONE {
                let from = format!("{blobs}{blob}/");
                engine.write_again(&[Write::DeleteRange(from.clone(), behind(&from))]).await?;
            }
        }
        Ok(())
    }
}

/// Whether the first entry behind a base is so old that the next base is due.
fn is_old(first_behind: Option<Timestamp>, now: Timestamp) -> bool {
    first_behind.is_some_and(|at| now.duration_since(at) >= AGE)
}

/// The format of a base; nothing where it cannot be had whole.
///
/// # Errors
///
/// If etcd does not answer.
pub async fn format_of(client: &Client, log: Log, base: BaseName) -> Result<Option<u32>, EngineError> {
    let manifest = match client.blob(log, base.manifest).await {
        Ok(manifest) => manifest,
        Err(ClientError::Engine(error)) => return Err(error),
        Err(_) => return Ok(None),
    };
    // One of the format before has to be made anew whatever its parts are.
    for part in base::parts_of(log, base.index, &manifest).unwrap_or_default() {
        if !client.is_there(log, part).await? {
            return Ok(None);
        }
    }
    Ok(base::format_of(&manifest))
}

/// Writes the blobs of a base.
///
/// # Errors
///
/// If etcd does not take them.
pub async fn put_base(site: &Site, log: Log, packed: &Packed) -> Result<(), EngineError> {
    for blob in packed.parts.iter().chain([&packed.manifest]) {
        site.client.put_blob(log, blob).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_is_due_when_the_first_entry_behind_it_is_seven_days_old() {
        let at = Timestamp::UNIX_EPOCH;
        assert!(!is_old(None, at), "no entry has come since");
        assert!(!is_old(Some(at), at + AGE - SignedDuration::from_secs(1)));
        assert!(is_old(Some(at), at + AGE));
        // A clock that was wrong then, or is now, makes none each second.
        assert!(!is_old(Some(at + AGE), at));
    }
}
