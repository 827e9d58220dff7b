//! Founding a fleet from a store: what that holds is the state from which all sites begin.

use std::sync::Arc;

use jiff::Timestamp;

use super::ahead::{Ahead, ahead};
use super::base::{self, Packed};
use super::branch;
use super::client::{Client, ClientError};
use super::engine::{EngineError, Expect, Pair, Read, Write};
use super::follow::{self, FollowError};
use super::head::Head;
use super::naming::{Naming, naming};
use super::said::{Founding, Token};
use super::{Fault, entry, format, keep};
use crate::domain::Sha256Digest;
use crate::domain::wording::moment;
use crate::store::{FleetId, FleetPosition, Log, Position, Store, StoreError};

/// Why a fleet was not founded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FoundError {
    /// There is one.
    #[error("the fleet {name} is founded already, as {found}: {how}. Nothing has changed")]
    Founded {
        name: String,
        /// Its ID.
        found: FleetId,
        /// How this site comes into it.
        how: String,
    },
    /// None is there, and what stands where its logs should begin is in the way.
    #[error(
        "no fleet {name} is founded, and the heads of its logs stand in etcd all the same: where this store is in that fleet, `rmdd \
         fleet repair` puts right what says which one it is; otherwise whoever looks after etcd deletes what begins with {prefix} \
         there (etcdctl del --prefix), and then try again. Nothing has changed"
    )]
    Remains {
        name: String,
        /// How its keys begin.
        prefix: String,
    },
    /// What says which fleet it is cannot be read.
    #[error("{0}: `rmdd fleet repair` at a site of that fleet puts it right. Nothing has changed")]
    Unreadable(Fault),
    /// The same, and the logs do not show that it is this store's.
    #[error(
        "{said}, and the logs there do not show that they are those which this store has followed: repair it at another site of the \
         fleet. If none can, whoever looks after etcd deletes what begins with {prefix} there (etcdctl del --prefix), and `rmdd fleet \
         init` at the site that has come furthest puts the fleet back. Nothing has changed"
    )]
    Unnamed {
        /// What is wrong with it.
        said: String,
        /// How the fleet's keys begin.
        prefix: String,
    },
    /// etcd did not do it.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The store did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// None is there, or another one.
    #[error("the fleet in etcd is not the one that this store is in{}: nothing can be put back there. Nothing has changed", .found.map(|found| format!(", but {found}")).unwrap_or_default())]
    Another {
        /// Which is there, if one is.
        found: Option<FleetId>,
    },
    /// Another site has applied what comes behind where this store stands.
    #[error(
        "site {site} has followed the fleet's log `{}` up to entry {index}, and this store up to entry {own}: whatever is damaged or \
         missing there, `rmdd fleet repair` at {site} puts right, and nothing is lost. Nothing has changed. If {site} is gone for \
         good, take it out of the list first (etcdctl del {key})",
        .log.as_str()
    )]
    Ahead {
        log: Log,
        /// Which site.
        site: String,
        /// Where it stands.
        index: u64,
        /// Where this store does.
        own: u64,
        /// Under which key it is registered.
        key: String,
    },
    /// Both logs are as this store has followed them.
    #[error(
        "both logs of the fleet go as far as this store has followed them, or further: nothing is to be repaired. Where what comes \
         next can be applied at no site, --drop-what-is-stuck drops it"
    )]
    NothingToRepair,
    /// What says where the log ends cannot be read, and there are entries that this store has not followed.
    #[error(
        "the head of the fleet's log `{}` is lost, and there are entries behind entry {own}, where this store stands: repair it at \
         the site that has come furthest. Nothing has changed; --drop-what-came-since drops them",
        .log.as_str()
    )]
    Further {
        log: Log,
        /// Where the store stands.
        own: u64,
    },
    /// The store is one that was begun again, and holds something else than the fleet began with.
    #[error(
        "this store stands before the first entry of the fleet's log `{}`, and holds something else than the fleet began with: \
         repair it at another site. Nothing has changed",
        .0.as_str()
    )]
    BegunAgain(Log),
    /// The log has gone on since it was put back.
    #[error(
        "the fleet's log `{}` has gone on since etcd was restored, at {} by site {site}: what was told it since then would be lost. \
         Where that is right, this site joins the fleet anew, which keeps what is here beside and brings its records along: `rmdd \
         fleet leave`, `rmdd fleet join --dry-run`, `rmdd fleet join --bring-records --by NAME`. Nothing has changed; \
         --drop-what-came-since does it all the same",
        .log.as_str(), moment(*.at)
    )]
    GoneOn {
        log: Log,
        /// When its newest entry was made.
        at: Timestamp,
        /// By which site.
        site: String,
    },
    /// It is no earlier state of what this store has followed: it was written to since it was restored, or put back at another
    /// site.
    #[error(
        "the fleet's log `{}` has gone another way than this store: what stands there, up to entry {index}, {}, and would be lost. \
         Where it is right, this site joins the fleet anew, which keeps what is here beside and brings its records along: `rmdd \
         fleet leave`, `rmdd fleet join --dry-run`, `rmdd fleet join --bring-records --by NAME`. Nothing has changed; \
         --drop-what-came-since drops what stands there",
        .log.as_str(), if *.known { "is not what this store has followed" } else { "is older than what this store still knows" }
    )]
    AnotherWay {
        log: Log,
        /// Where it ends.
        index: u64,
        /// Whether that is known: a store that has begun behind there cannot tell.
        known: bool,
    },
    /// The store holds events of operators' records that it does not have from the log.
    #[error(
        "events {first} to {last} of operators' records came from the journal of this site, whose store was put back from a backup or \
         did not come to its end: start the daemon, so that it follows the fleet up to them, or do this at the site that has come \
         furthest. Where etcd is lost and no other site holds them, `rmdd fleet leave` and then `rmdd fleet init` found the fleet \
         anew with all that is here. Nothing has changed"
    )]
    Beyond { first: u64, last: u64 },
    /// A base could not be made.
    #[error(transparent)]
    Fault(#[from] Fault),
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
/// If there is one, or if etcd or the store does not do it. Where it is not known whether etcd did, it is founded in the store
/// alone, and trying again goes on; else nothing has changed.
pub async fn found(store: Arc<Store>, client: &Client, name: &str) -> Result<Founded, FoundError> {
    let was_in_one = store.fleet_position()?.is_some();
    let founded = try_to_found(Arc::clone(&store), client, name).await;
    let may_be_done = matches!(&founded, Err(FoundError::Client(ClientError::Engine(EngineError::Unknown { .. }))));
    // A store that is in a fleet that no etcd has would follow no other.
    if founded.is_err() && !may_be_done && !was_in_one && store.fleet_position()?.is_some() {
        store.leave_fleet()?;
    }
    founded
}

async fn try_to_found(store: Arc<Store>, client: &Client, name: &str) -> Result<Founded, FoundError> {
    match client.founded().await? {
        Some(Ok(found)) => return Err(founded_already(&store, name, found.id)?),
        Some(Err(fault @ Fault::Damaged { .. })) => return Err(FoundError::Unreadable(fault)),
        Some(Err(fault)) => return Err(fault.into()),
        None => {}
    }
    // A fleet that is put back has sites that read its format, and perhaps none that reads another.
    let again = store.fleet_position()?.is_some();
    let format = if again { store.fleet_format()?.unwrap_or(format::FORMAT) } else { format::newest() };
    format::check("the fleet, as this store has followed it,", format)?;
    let (id, minute, packed) = prepared(Arc::clone(&store), format).await?;
    for (log, packed) in Log::ALL.into_iter().zip(&packed) {
        for blob in packed.parts.iter().chain([&packed.manifest]) {
            client.put_blob(log, blob).await?;
        }
    }
    let position = store.fleet_position()?.ok_or(StoreError::Interrupted)?;
    let head = |log: Log, packed: &Packed| {
        let at = position.of(log);
        Head { log, format, index: at.index, sha256: at.sha256, base: Some(packed.name) }
    };
    let [listing, records] = &packed;
    let heads = [head(Log::Listing, listing), head(Log::Records, records)];
    if !client.found(Founding { id, format, schedule_minute: minute }, heads).await? {
        let name = name.to_owned();
        return Err(match client.founded().await?.transpose()? {
            Some(founding) => founded_already(&store, &name, founding.id)?,
            None => FoundError::Remains { name, prefix: client.keys.root().to_owned() },
        });
    }
    Ok(Founded { id, position, again })
}

/// That there is one, and how a site with this store comes into it.
fn founded_already(store: &Store, name: &str, found: FleetId) -> Result<FoundError, StoreError> {
    let how = match store.fleet_position()? {
        Some(position) if position.fleet == found => "this store is in it: start the daemon".to_owned(),
        Some(position) => format!(
            "this store is in another one, {}. `rmdd fleet leave` takes it out of that, and `rmdd fleet join` joins this one, and \
             keeps what is here beside",
            position.fleet
        ),
        None if store.is_empty()? => "start the daemon of this site, and it joins it".to_owned(),
        None => "this store has listings or records of its own, and `rmdd fleet join` joins it with them and keeps what is here \
                 beside (--dry-run lists the records that the fleet lacks)"
            .to_owned(),
    };
    Ok(FoundError::Founded { name: name.to_owned(), found, how })
}

/// Founds it in the store, and packs what that holds.
async fn prepared(store: Arc<Store>, format: u32) -> Result<(FleetId, u8, [Packed; 2]), FoundError> {
    let prepare = move || {
        let before = store.fleet_position()?.map(|position| position.fleet);
        let id = before.unwrap_or_else(|| FleetId(Token::draw().0));
        if let Some((first, last)) = store.unlogged()? {
            return Err(FoundError::Beyond { first, last });
        }
        if before.is_none() {
            store.found_fleet(id)?;
        }
        let pack = |log| {
            let (state, position) = store.state(log)?;
            let position = position.ok_or(StoreError::Interrupted)?.of(log);
            Ok::<_, FoundError>(base::make(&state, position, format)?)
        };
        Ok((id, store.load()?.schedule_minute, [pack(Log::Listing)?, pack(Log::Records)?]))
    };
    tokio::task::spawn_blocking(prepare).await.map_err(|_| StoreError::Interrupted)?
}

/// What may be dropped.
#[derive(Debug, Clone, Copy, Default)]
pub struct Drops {
    /// What was told the logs since etcd was restored, or behind a head that is lost.
    pub since: bool,
    /// What comes behind where the store stands in this log, because it can be applied at no site.
    pub stuck: Option<Log>,
}

/// What was put right.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Repaired {
    /// Which fleet it is, where what says so was damaged or gone.
    pub named: Option<FleetId>,
    /// Each log, at which entry it ended, where that could be read, and at which it ends again.
    pub logs: Vec<(Log, Option<u64>, u64)>,
}

/// What stands where the head of a log should.
pub(super) enum Standing {
    Good(Head),
    /// It is not what was written.
    Damaged(Vec<u8>),
    Missing,
}

impl Standing {
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    pub(super) fn good(&self) -> Option<Head> {
        match self {
            Self::Good(head) => Some(*head),
            Self::Damaged(_) | Self::Missing => None,
        }
    }
}

/// The heads of both logs, as far as they are there and can be read.
pub(super) async fn heads(client: &Client) -> Result<Vec<Standing>, FoundError> {
    let reads = Log::ALL.map(|log| Read::Key(client.keys.head(log)));
    let found = client.engine.read(&reads).await?.pairs.into_iter();
    let standing = |(log, mut pairs): (Log, Vec<Pair>)| {
        let Some(Pair { value, .. }) = pairs.pop() else { return Ok(Standing::Missing) };
        match Head::from_bytes(log, &value) {
            Ok(head) => Ok(Standing::Good(head)),
            Err(Fault::Damaged { .. }) => Ok(Standing::Damaged(value)),
            Err(fault) => Err(fault.into()),
        }
    };
    Log::ALL.into_iter().zip(found).map(standing).collect()
}

/// Puts back what an etcd that was restored from a backup has lost: the logs go on from where this store stands, and sites
/// that have not come as far take a base. A log of which the head, entries or the base are damaged or missing is put right
/// likewise, and so is what says which fleet it is. `drop` says what may go.
///
/// # Errors
///
/// If another fleet is there, nothing is lost, a log has gone on since, another site than `site` has come further, or etcd does
/// not do it.
pub async fn repair(store: Arc<Store>, client: &Client, site: &str, drop: Drops) -> Result<Repaired, FoundError> {
    let Naming { founding, wrong } = naming(&store, client).await?;
    let Some(position) = store.fleet_position()?.filter(|position| position.fleet == founding.id) else {
        return Err(FoundError::Another { found: Some(founding.id) });
    };
    let heads = heads(client).await?;
    let (mut expected, mut writes, mut repaired) = (Vec::new(), Vec::new(), Repaired::default());
    if let Some(wrong) = wrong {
        expected.push(wrong);
        writes.push(Write::Put(client.keys.fleet(), founding.to_bytes(), None));
        repaired.named = Some(founding.id);
    }
    let mut elsewhere = None;
    let (_, _, packed) = prepared(Arc::clone(&store), founding.format).await?;
    for ((log, head), packed) in Log::ALL.into_iter().zip(heads).zip(&packed) {
        let own = position.of(log);
        expected.push(match &head {
            Standing::Good(head) => Expect::Value(client.keys.head(log), head.to_bytes()),
            Standing::Damaged(bytes) => Expect::Value(client.keys.head(log), bytes.clone()),
            Standing::Missing => Expect::Nothing(client.keys.head(log)),
        });
        match looked_at((&store, client), site, (log, &head), &own, drop).await? {
            Looked::Good => continue,
            Looked::Elsewhere(error) => {
                elsewhere.get_or_insert(error);
                continue;
            }
            Looked::Lost => {}
        }
        let head = head.good();
        let began_with = head.and_then(|head| head.base).filter(|base| base.index == 0);
        if own.index == 0 && began_with.is_some_and(|base| base != packed.name) {
            return Err(FoundError::BegunAgain(log));
        }
        for blob in packed.parts.iter().chain([&packed.manifest]) {
            client.put_blob(log, blob).await?;
        }
        // What stands behind the backup is none of this log.
        let (first, last) = (client.keys.entry(log, 0), client.keys.entry(log, u64::MAX));
        let base = Some(packed.name);
        let format = head.map_or(founding.format, |head| head.format);
        let next = Head { log, format, index: own.index, sha256: own.sha256, base };
        writes.push(Write::DeleteRange(first, last));
        writes.push(Write::Put(client.keys.head(log), next.to_bytes(), None));
        repaired.logs.push((log, head.map(|head| head.index), own.index));
    }
    if repaired == Repaired::default() {
        return Err(elsewhere.unwrap_or(FoundError::NothingToRepair));
    }
    match client.engine.write(&expected, &writes).await? {
        true => Ok(repaired),
        false => Err(FoundError::Client(ClientError::Missing("the head as it was read a moment ago".to_owned()))),
    }
}

/// What a look at a log says that a repair is to do about it.
enum Looked {
    /// Nothing: it is as the store has followed it, or goes on from there.
    Good,
    /// Nothing here: this says where.
    Elsewhere(FoundError),
    /// It ends again where the store stands.
    Lost,
}

async fn looked_at(
    (store, client): (&Arc<Store>, &Client),
    site: &str,
    (log, standing): (Log, &Standing),
    own: &Position,
    drop: Drops,
) -> Result<Looked, FoundError> {
    let head = standing.good();
    let lost = match &head {
        Some(head) => is_lost(store, client, head, own, drop).await?,
        // Where the log ends only its entries tell.
        None if !drop.since && has_another(client, log, own).await? => {
            return Err(FoundError::AnotherWay { log, index: own.index, known: true });
        }
        None => true,
    };
    let goes_on = !drop.since && head.is_none_or(|head| head.index > own.index);
    if goes_on && let Some(Ahead { site, index }) = ahead(client, log, head.as_ref(), own, site).await? {
        let key = client.keys.site(&site);
        let elsewhere = FoundError::Ahead { log, site, index, own: own.index, key };
        // What that site has applied is neither stuck nor lost.
        return if lost { Err(elsewhere) } else { Ok(Looked::Elsewhere(elsewhere)) };
    }
    if goes_on && head.is_none() && !client.entries(log, own.index + 1, own.index + 1).await?.is_empty() {
        return Err(FoundError::Further { log, own: own.index });
    }
    Ok(if lost { Looked::Lost } else { Looked::Good })
}

/// Whether every entry behind the base of a log is there, and is what was written.
async fn is_whole(client: &Client, head: &Head) -> Result<bool, FoundError> {
    let log = head.log;
    let first = head.base.map_or(0, |base| base.index);
    if let Some(base) = head.base
        && keep::format_of(client, log, base).await?.is_none()
    {
        return Ok(false);
    }
    let entries = client.entries(log, first + 1, head.index).await?;
    if (entries.len() as u64) < head.index - first {
        return Ok(false);
    }
    let Some(bytes) = entries.first() else { return Ok(true) };
    let Some(sha256) = entry::follows(bytes) else { return Ok(false) };
    let after = Position { index: first, sha256, at: Timestamp::UNIX_EPOCH };
    let Ok(chained) = entry::chain(log, &after, &entries, head.sha256) else { return Ok(false) };
    for entry in &chained.entries {
        match client.payload(entry).await {
            Ok(_) => {}
            Err(ClientError::Engine(error)) => return Err(error.into()),
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

/// Whether another entry stands where a store does.
async fn has_another(client: &Client, log: Log, own: &Position) -> Result<bool, FoundError> {
    let at_own = client.entries(log, own.index, own.index).await?;
    Ok(at_own.first().is_some_and(|bytes| Sha256Digest::of(bytes) != own.sha256))
}

/// Whether a log that ends behind where a store stands goes on from there, as far as can be told: by the entry at which that
/// stands, or else by the base that it is in.
async fn goes_on(store: &Arc<Store>, client: &Client, head: &Head, own: &Position) -> Result<bool, FoundError> {
    if has_another(client, head.log, own).await? {
        return Ok(false);
    }
    let Some(base) = head.base.filter(|base| own.index > 0 && base.index >= own.index) else { return Ok(true) };
    let state = match follow::fetched(client, head.log, base).await {
        Ok((state, _)) => state,
        Err(FollowError::Engine(error)) => return Err(error.into()),
        // What it held cannot be told.
        Err(_) => return Ok(true),
    };
    let store = Arc::clone(store);
    let lacks = tokio::task::spawn_blocking(move || branch::lacks(&state, &store)).await;
    Ok(!lacks.map_err(|_| StoreError::Interrupted)??)
}

/// Whether a log has lost what a store has followed, or holds it no longer as it was written; or is to go no further.
async fn is_lost(
    store: &Arc<Store>,
    client: &Client,
    head: &Head,
    own: &Position,
    drop: Drops,
) -> Result<bool, FoundError> {
    let log = head.log;
    if (head.index, head.sha256) == (own.index, own.sha256) {
        return Ok(!is_whole(client, head).await?);
    }
    if head.index > own.index && goes_on(store, client, head, own).await? {
        return Ok(drop.stuck == Some(log));
    }
    if drop.since {
        return Ok(true);
    }
    let followed = if head.index <= own.index { store.followed(log, head.index)? } else { Some(own.sha256) };
    if followed == Some(head.sha256) {
        // It ends earlier, and nobody has written since.
        return Ok(true);
    }
    // An entry is no earlier than the one before: what is later than all that this store knows came after the restore.
    let newest = client.entries(log, head.index, head.index).await?;
    match newest.first().and_then(|bytes| entry::written_by(bytes)) {
        Some((site, at)) if at > own.at => Err(FoundError::GoneOn { log, at, site }),
        _ => Err(FoundError::AnotherWay { log, index: head.index, known: followed.is_some() }),
    }
}
