//! Whether another site has come further along a log than a store: then it is there that the log is put right, and not here.

use super::client::Client;
use super::engine::EngineError;
use super::entry;
use super::head::Head;
use super::said::SiteSays;
use crate::domain::Sha256Digest;
use crate::store::{Log, Position};

/// A site that has come further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// Its name.
    pub site: String,
    /// The index of the last entry that it has applied.
    pub index: u64,
}

/// The registered site, other than this one, that has come furthest along a log behind where a store stands. Where the log's head
/// cannot be read, what sites say of themselves is all that there is; else it is compared with what stands in the log.
///
/// # Errors
///
/// If etcd does not answer.
pub async fn ahead(
    client: &Client,
    log: Log,
    head: Option<&Head>,
    own: &Position,
    site: &str,
) -> Result<Option<Ahead>, EngineError> {
    let registered = client.below(&client.keys.sites()).await?;
    let further = |(name, bytes): (String, Vec<u8>)| {
        let says = SiteSays::from_bytes(&bytes).ok()?;
        let (index, sha256) = match log {
            Log::Listing => says.listing,
            Log::Records => says.records,
        };
        (name != site && index > own.index).then_some((index, sha256, name))
    };
    let mut further: Vec<_> = registered.into_iter().filter_map(further).collect();
    further.sort_unstable_by_key(|(index, ..)| std::cmp::Reverse(*index));
    for (index, sha256, name) in further {
        let same = match head {
            None => true,
            Some(head) => is_on(client, head, index, sha256).await?,
        };
        if same {
            return Ok(Some(Ahead { site: name, index }));
        }
    }
    Ok(None)
}

/// Whether a place is one of the log that ends at this head, by the head, by the entry that stands there, or by the one behind it.
async fn is_on(client: &Client, head: &Head, index: u64, sha256: Sha256Digest) -> Result<bool, EngineError> {
    if index >= head.index {
        return Ok((index, sha256) == (head.index, head.sha256));
    }
    let there = client.entries(head.log, index, index).await?;
    if there.first().is_some_and(|bytes| Sha256Digest::of(bytes) == sha256) {
        return Ok(true);
    }
    let behind = client.entries(head.log, index + 1, index + 1).await?;
    Ok(behind.first().and_then(|bytes| entry::follows(bytes)) == Some(sha256))
}
