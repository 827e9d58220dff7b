//! What says which fleet it is, where that is damaged or gone and the logs are not: a site that has followed them knows.

use super::Fault;
use super::client::Client;
use super::engine::{EngineError, Expect, Read};
use super::entry;
use super::found::{FoundError, Standing, heads};
use super::head::Head;
use super::said::{Founding, UNNAMED};
use crate::domain::Sha256Digest;
use crate::store::{Log, Position, Store};

/// Which fleet it is.
pub struct Naming {
    pub founding: Founding,
    /// What stands in the place of that, where it is not what should stand there.
    pub wrong: Option<Expect>,
}

/// Which fleet it is, as etcd says, or else as a store knows that has followed the logs which stand there.
///
/// # Errors
///
/// If neither says it, or etcd does not answer.
pub async fn naming(store: &Store, client: &Client) -> Result<Naming, FoundError> {
    let key = client.keys.fleet();
    let found = client.engine.read(&[Read::Key(key.clone())]).await?.pairs.into_iter().flatten().next();
    let (wrong, said) = match found {
        None => (Expect::Nothing(key), UNNAMED.to_owned()),
        Some(pair) => match Founding::from_bytes(&pair.value) {
            Ok(founding) => return Ok(Naming { founding, wrong: None }),
            Err(fault @ Fault::Damaged { .. }) => (Expect::Value(key, pair.value), fault.to_string()),
            Err(fault) => return Err(fault.into()),
        },
    };
    let heads = heads(client).await?;
    let Some(position) = store.fleet_position()?.filter(|_| !heads.iter().all(Standing::is_missing)) else {
        return Err(FoundError::Another { found: None });
    };
    let (mut is_this, mut format) = (None, None);
    for head in heads.iter().filter_map(Standing::good) {
        if let Some(same) = is_of(store, client, &head, &position.of(head.log)).await? {
            is_this = Some(same && is_this != Some(false));
        }
        format = format.max(Some(head.format));
    }
    let (Some(true), Some(format)) = (is_this, format) else {
        return Err(FoundError::Unnamed { said, prefix: client.keys.root().to_owned() });
    };
    let founding = Founding { id: position.fleet, format, schedule_minute: store.load()?.schedule_minute };
    Ok(Naming { founding, wrong: Some(wrong) })
}

/// Whether a log that ends there is the one that a store has followed; nothing where that cannot be told.
async fn is_of(store: &Store, client: &Client, head: &Head, own: &Position) -> Result<Option<bool>, FoundError> {
    let log = head.log;
    if head.index == own.index {
        return Ok(Some(head.sha256 == own.sha256));
    }
    if head.index < own.index {
        return Ok(store.followed(log, head.index)?.map(|sha256| sha256 == head.sha256));
    }
    let one = |index| one(client, log, index);
    if let Some(next) = one(own.index + 1).await? {
        return Ok(Some(entry::follows(&next) == Some(own.sha256)));
    }
    Ok(one(own.index).await?.map(|own_entry| Sha256Digest::of(&own_entry) == own.sha256))
}

async fn one(client: &Client, log: Log, index: u64) -> Result<Option<Vec<u8>>, EngineError> {
    Ok(client.entries(log, index, index).await?.into_iter().next())
}
