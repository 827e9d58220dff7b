//! Founding a fleet from a store: what that holds is the state from which all sites begin.

use std::sync::Arc;

use super::FORMAT;
use super::base::{self, Packed};
use super::client::{Client, ClientError};
use super::engine::EngineError;
use super::head::Head;
use super::said::{Founding, Token};
use crate::store::{FleetId, FleetPosition, Log, Store, StoreError};

/// Why a fleet was not founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// There is one.
    #[error(
        "the fleet {name} is founded already, as {found}: start the daemon of this site, and it joins it. Nothing has changed"
    )]
    Founded {
        /// Its name.
        name: String,
        /// Its ID.
        found: FleetId,
    },
    /// etcd did not do it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A base could not be made.
    #[error(transparent)]
    Fault(#[from] super::Fault),
}

impl From<EngineError> for FoundError {
    fn from(error: EngineError) -> Self {
        Self::Client(error.into())
    }
}

/// What was founded.
#[derive(Debug, Clone, Copy)]
pub struct Founded {
    /// Which fleet it is.
    pub id: FleetId,
    /// Where its logs end.
    pub position: FleetPosition,
    /// Whether the store was in it before: the engine had lost it.
    pub again: bool,
}

/// Founds the fleet of this name, from what the store holds. A store that is in a fleet whose engine was lost puts that fleet
/// back as far as it has followed it.
///
/// # Errors
///
/// If there is one, or if etcd or the store does not do it. Where it is founded in the store alone, trying again goes on.
pub async fn found(store: Arc<Store>, client: &Client, name: &str) -> Result<Founded, FoundError> {
    if let Some(found) = client.founded().await? {
        return Err(FoundError::Founded { name: name.to_owned(), found: found?.id });
    }
    let (id, again, minute, packed) = prepared(Arc::clone(&store)).await?;
    for (log, packed) in Log::ALL.into_iter().zip(&packed) {
        for blob in packed.parts.iter().chain([&packed.manifest]) {
            client.put_blob(log, blob).await?;
        }
    }
    let position = store.fleet_position()?.ok_or(StoreError::Interrupted)?;
    let head = |log: Log, packed: &Packed| {
        let at = position.of(log);
        Head { log, index: at.index, sha256: at.sha256, base: Some(packed.name) }
    };
    let [listing, records] = &packed;
    let heads = [head(Log::Listing, listing), head(Log::Records, records)];
    if !client.found(Founding { id, format: FORMAT, schedule_minute: minute }, heads).await? {
        let found = client.founded().await?.transpose()?.map_or(id, |founding| founding.id);
        return Err(FoundError::Founded { name: name.to_owned(), found });
    }
    Ok(Founded { id, position, again })
}

/// Founds it in the store, and packs what that holds.
async fn prepared(store: Arc<Store>) -> Result<(FleetId, bool, u8, [Packed; 2]), FoundError> {
    let prepare = move || {
        let before = store.fleet_position()?.map(|position| position.fleet);
        let id = before.unwrap_or_else(|| FleetId(Token::draw().0));
        if before.is_none() {
            store.found_fleet(id)?;
        }
        let pack = |log| {
            let (state, position) = store.state(log)?;
            let position = position.ok_or(StoreError::Interrupted)?.of(log);
            Ok::<_, FoundError>(base::make(&state, position)?)
        };
        let again = before.is_some();
        Ok((id, again, store.load()?.schedule_minute, [pack(Log::Listing)?, pack(Log::Records)?]))
    };
    tokio::task::spawn_blocking(prepare).await.map_err(|_| StoreError::Interrupted)?
}
