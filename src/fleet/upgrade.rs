//! Raising the format of a fleet, once every site can read the next one.

use super::client::{Client, ClientError};
use super::engine::{EngineError, Expect, Write};
use super::head::Head;
use super::said::{Founding, SiteSays};
use super::{Fault, base, format, in_words};
use crate::store::{FleetId, Log};

/// So often it is tried while the logs go on.
const TRIES: u32 = 10;

/// Why the format of a fleet was not raised. Nothing has changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// None is there.
    #[error("no fleet of this name is founded in its etcd: `rmdd fleet init` founds it")]
    NotFounded,
    /// Some sites cannot read the next format.
    #[error(
        "not all sites can read format {next} of the fleet's logs yet: {}. Nothing has changed. Install the newer version there \
         first, and start it; a site that is gone for good is taken out of the list (docs/fleet.md)",
        .sites.join("; ")
    )]
    TooEarly {
        /// The format that the fleet was to have.
        next: u32,
        /// The sites, and what they read.
        sites: Vec<String>,
    },
    /// What a site begins with is still of the format before.
    #[error(
        "the base of the fleet's log `{}` is not of format {format} yet: the site that fetches makes one after each upgrade, within \
         seconds. Nothing has changed",
        .log.as_str()
    )]
    OldBase {
        log: Log,
        /// The fleet's format.
        format: u32,
    },
    /// The logs went on each time.
    #[error("the fleet's logs go on faster than their format can be raised. Nothing has changed: try again")]
    GoesOn,
    /// etcd did not do it, or what it holds cannot be read.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl From<EngineError> for UpgradeError {
    fn from(error: EngineError) -> Self {
        Self::Client(error.into())
    }
}

impl From<Fault> for UpgradeError {
    fn from(fault: Fault) -> Self {
        Self::Client(fault.into())
    }
}

/// What became of a fleet's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upgraded {
    /// Which fleet.
    pub id: FleetId,
    /// The format that it had.
    pub from: u32,
    /// The one that it has: the same where this version knows no newer one.
    pub to: u32,
}

/// Raises the format of a fleet by one.
///
/// # Errors
///
/// If a site cannot read the next format, or etcd does not do it.
pub async fn upgrade(client: &Client) -> Result<Upgraded, UpgradeError> {
    for _ in 0..TRIES {
        let polled = client.poll().await?;
        let founding = polled.fleet.transpose()?.ok_or(UpgradeError::NotFounded)?;
        let (id, from, to) = (founding.id, founding.format, founding.format + 1);
        if to > format::newest() {
            return Ok(Upgraded { id, from, to: from });
        }
        let unready = unready(client, to).await?;
        if !unready.is_empty() {
            return Err(UpgradeError::TooEarly { next: to, sites: unready });
        }
        let mut heads = Vec::with_capacity(Log::ALL.len());
        for head in polled.heads {
            let head = head.transpose()?.ok_or(UpgradeError::NotFounded)?;
            check_base(client, &head, from).await?;
            heads.push(head);
        }
        if put(client, founding, &heads, to).await? {
            return Ok(Upgraded { id, from, to });
        }
        // A record or a listing came between.
    }
    Err(UpgradeError::GoesOn)
}

/// The sites that do not say that they read a format: all that are registered, whether they live or not, and those that live
/// and say nothing.
async fn unready(client: &Client, format: u32) -> Result<Vec<String>, EngineError> {
    let (mut unready, mut registered) = (Vec::new(), Vec::new());
    for (name, bytes) in client.below(&client.keys.sites()).await? {
        match SiteSays::from_bytes(&bytes) {
            Ok(SiteSays { formats: (oldest, newest), .. }) if (oldest..=newest).contains(&format) => {}
            Ok(SiteSays { formats: (oldest, newest), version, .. }) => {
                unready.push(format!("{name} (rmdd {version}) reads {}", in_words(oldest, newest)));
            }
            Err(_) => unready.push(format!("what {name} tells of itself cannot be read")),
        }
        registered.push(name);
    }
    let living = client.below(&client.keys.living()).await?.into_iter().map(|(name, _)| name);
    unready.extend(
        living.filter(|name| !registered.contains(name)).map(|name| format!("{name} has not said what it reads")),
    );
    Ok(unready)
}

/// A version that reads this format and the next could not begin with a base of the one before.
async fn check_base(client: &Client, head: &Head, format: u32) -> Result<(), UpgradeError> {
    let log = head.log;
    let Some(base) = head.base else { return Err(UpgradeError::OldBase { log, format }) };
    let manifest = client.blob(log, base.manifest).await?;
    match base::format_of(&manifest) == Some(format) {
        true => Ok(()),
        false => Err(UpgradeError::OldBase { log, format }),
    }
}

/// Puts the next format where the fleet's stands, if nothing came between. Says whether it did.
async fn put(client: &Client, founding: Founding, heads: &[Head], format: u32) -> Result<bool, EngineError> {
    let keys = &client.keys;
    let next = Founding { format, ..founding };
    let mut expected = vec![Expect::Value(keys.fleet(), founding.to_bytes())];
    let mut writes = vec![Write::Put(keys.fleet(), next.to_bytes(), None)];
    for head in heads {
        expected.push(Expect::Value(keys.head(head.log), head.to_bytes()));
        writes.push(Write::Put(keys.head(head.log), Head { format, ..*head }.to_bytes(), None));
    }
    match client.engine.write(&expected, &writes).await {
        Err(EngineError::Unknown { detail }) => match client.founded().await? {
            Some(Ok(found)) if found == next => Ok(true),
            Some(Ok(found)) if found == founding => Ok(false),
            _ => Err(EngineError::Unknown { detail }),
        },
        answered => answered,
    }
}
