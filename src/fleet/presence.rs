//! That a site lives, and what it tells of itself. A quiet fleet writes neither: the one stands under a lease that is kept
//! alive without a write, the other is written when an index changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::engine::{EngineError, Expect, LeaseId, Pair, Read, Write};
use super::said::{Alive, SiteSays, Token};
use super::site::Site;
use crate::observe::clock;

/// That a site lives.
#[derive(Debug, Default)]
pub struct Presence {
    /// Whether another site of the same name lives.
    twin: AtomicBool,
    /// So many times in a row another process of the same name and the same store has said that it lives, after this one had.
    copies: AtomicU32,
}

/// So many times that is no earlier process of this site, of which an etcd that was put back still tells: a copy of its state
/// directory is served elsewhere.
const IS_A_COPY: u32 = 2;

/// In one of so many rounds of keeping a lease alive it is looked whether the key still stands.
const LOOKS_AGAIN: u64 = 5;

/// What stands at the key that says that a site of this name lives.
async fn stands(site: &Site) -> Result<Option<Pair>, EngineError> {
    let key = site.client.keys.alive(&site.params.site);
    Ok(site.client.engine.read(&[Read::Key(key)]).await?.pairs.into_iter().flatten().next())
}

/// Whether another process has the store of this one.
fn is_copy(other: Alive, alive: Alive) -> bool {
    other.token == alive.token && other.since != alive.since
}

impl Presence {
    /// Whether another site of the same name lives, so that this one may not.
    pub fn has_twin(&self) -> bool {
        self.twin.load(Ordering::Relaxed)
    }

    /// Says that the site lives until the shutdown. `token` tells it from another of the same name.
    pub async fn keep(&self, site: Arc<Site>, token: Token, shutdown: CancellationToken) {
        let alive = Alive { token, since: clock::now() };
        let pause = site.params.lease / 5;
        let mut lease: Option<LeaseId> = None;
        for round in 0_u64.. {
            let said = match lease {
                Some(id) => match site.client.engine.keep_alive(id).await {
                    // Somebody may have taken the key away, or put another in its place, and left the lease.
                    Ok(()) if round % LOOKS_AGAIN == 0 && !self.is_said(&site, alive).await.unwrap_or(true) => {
                        let said = self.say(&site, alive).await;
                        if matches!(said, Ok(Some(new)) if new != id) {
                            let _ = site.client.engine.revoke(id).await;
                        }
                        said
                    }
                    Ok(()) => Ok(Some(id)),
                    Err(EngineError::LeaseGone) => self.say(&site, alive).await,
                    Err(error) => Err(error),
                },
                None => self.say(&site, alive).await,
            };
            // A lease that could not be kept alive for want of an answer may live.
            if let Ok(said) = said {
                lease = said;
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(if lease.is_some() { pause } else { site.params.poll.max(Duration::from_millis(100)) }) => {}
            }
        }
        if let Some(id) = lease {
            let _ = site.client.engine.revoke(id).await;
        }
    }

    /// Whether the key says that this site lives.
    async fn is_said(&self, site: &Site, alive: Alive) -> Result<bool, EngineError> {
        let Some(pair) = stands(site).await? else { return Ok(false) };
        let copy = Alive::from_bytes(&pair.value).is_ok_and(|other| is_copy(other, alive));
        if !copy {
            self.copies.store(0, Ordering::Relaxed);
        } else if self.copies.fetch_add(1, Ordering::Relaxed) + 1 == IS_A_COPY {
            let name = &site.params.site;
            tracing::error!(
                "another process says that it is the site {name}, from a copy of this one's state directory: give it a name of its \
                 own (fleet.site)"
            );
        }
        Ok(pair.value == alive.to_bytes())
    }

    /// Whether what stands at the key is another site, to which this one gives way. Of two with the same store it is the one that
    /// began later.
    fn gives_way(&self, stands: Option<Alive>, alive: Alive) -> bool {
        let copied = self.copies.load(Ordering::Relaxed) >= IS_A_COPY;
        stands.is_some_and(|other| {
            other.token != alive.token || (copied && is_copy(other, alive) && other.since < alive.since)
        })
    }

    /// Says that the site lives, if no other of its name does.
    async fn say(&self, site: &Site, alive: Alive) -> Result<Option<LeaseId>, EngineError> {
        let (engine, key) = (&site.client.engine, site.client.keys.alive(&site.params.site));
        let found = stands(site).await?;
        let stands = found.as_ref().and_then(|pair| Alive::from_bytes(&pair.value).ok());
        let twin = self.gives_way(stands, alive);
        let was_twin = self.twin.swap(twin, Ordering::Relaxed);
        if was_twin && !twin {
            tracing::info!("no other site of this site's name lives any more");
        }
        if twin {
            return Ok(None);
        }
        let expected = match found {
            Some(pair) => Expect::Value(key.clone(), pair.value),
            None => Expect::Nothing(key.clone()),
        };
        let lease = engine.lease(site.params.lease).await?;
        let put = Write::Put(key, alive.to_bytes(), Some(lease.id));
        Ok(engine.write(&[expected], &[put]).await?.then_some(lease.id))
    }
}

impl Site {
    /// What this site tells of itself now; nothing before it is in the fleet.
    pub fn says(&self) -> Option<SiteSays> {
        let position = self.store.fleet_position().ok()??;
        let says = SiteSays::now(&position.listing, &position.records, self.may_fetch(), clock::now());
        Some(SiteSays { clock_offset_ms: self.offset(), policy: self.policy(), ..says })
    }

    /// Writes it down.
    ///
    /// # Errors
    ///
    /// If etcd does not take it.
    pub async fn tell(&self, says: &SiteSays) -> Result<(), EngineError> {
        let key = self.client.keys.site(&self.params.site);
        self.client.engine.write_again(&[Write::Put(key, says.to_bytes(), None)]).await
    }
}
