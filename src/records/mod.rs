//! The operators' own records: an immutable look-up structure, published by one atomic swap beside the index.
//!
//! ```text
//!  CSV, JSON, flags ─▶ fields (one Record each) ─▶ plan (a whole batch, or nothing) ─▶ store (commit) ─▶ Records (publish)
//! ```
//!
//! A change is planned whole before anything is written: one bad entry refuses the batch. Each change is an event in the
//! audit history, in the same transaction.

pub mod fields;
pub(crate) mod headers;
pub mod lists;
mod networks;
mod past;
mod plan;
mod summary;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use networks::Networks;
use thiserror::Error;

use crate::domain::wording::moment;
use crate::domain::{
    Identity, Notice, Order, Override, Peer, PeerKey, PeerName, ProviderRole, Record, RecordBody, RecordEvent,
    RecordKind, Who,
};

pub use past::Past;
pub use plan::{BadEntry, Change, PlanError, plan};
pub use summary::{FilingStatus, Provider, summary};

/// A record and the body that it was told by.
#[derive(Debug, Clone)]
pub struct OnRecord<T> {
    /// The record.
    pub record: Arc<Record>,
    /// Its body.
    pub body: T,
}

/// An order, with its days as times.
#[derive(Debug, Clone)]
pub struct OrderOnRecord {
    /// The order.
    pub order: Order,
    /// See [`Order::effective_at`].
    pub effective_at: Timestamp,
    /// See [`Order::must_block_from`].
    pub must_block_from: Timestamp,
}

/// A notice, with the ends of its clocks.
#[derive(Debug, Clone)]
pub struct NoticeOnRecord {
    /// The notice. Its traced calls are in the record alone.
    pub notice: Notice,
    /// See [`Notice::mitigate_by`].
    pub mitigate_by: Timestamp,
    /// See [`Notice::inform_by`].
    pub inform_by: Timestamp,
}

/// What is on record about a provider under one of its numbers.
#[derive(Debug, Clone, Default)]
pub struct ProviderRecords {
    /// At most one.
    pub overrides: Vec<OnRecord<Override>>,
    /// By document.
    pub orders: Vec<OnRecord<OrderOnRecord>>,
    /// By ID.
    pub notices: Vec<OnRecord<NoticeOnRecord>>,
}

/// All records.
#[derive(Debug, Clone, Default)]
pub struct Records {
    by_id: BTreeMap<(RecordKind, String), Arc<Record>>,
    /// The IDs by which orders and notices are on record, by how they are compared: see [`RecordKind::folded`].
    folded: HashMap<(RecordKind, String), String>,
    peers: HashMap<PeerKey, Arc<Record>>,
    networks: Networks,
    /// Ascending, so that a question finds its own by halving; each number's records stand at the same place beside it.
    numbers: Vec<u64>,
    of_numbers: Vec<ProviderRecords>,
    /// Whether any is told by the number of a filing rather than by an FRN.
    by_filing: bool,
    last_event: u64,
    /// Where these are the records of the past: then nothing else stands here.
    then: Option<Box<past::Then>>,
}

/// An FRN has ten digits, so the numbers of filings stand behind them all, from here on.
const FILINGS: u64 = 1 << 40;

fn number(identity: Identity) -> u64 {
    match identity {
        Identity::Frn(frn) => frn.value(),
        Identity::RmdNumber(number) => FILINGS | u64::from(number.value()),
    }
}

impl ProviderRecords {
    fn is_empty(&self) -> bool {
        self.overrides.is_empty() && self.orders.is_empty() && self.notices.is_empty()
    }

    /// By what its records are known.
    fn keys(&self) -> impl Iterator<Item = (RecordKind, String)> {
        let overrides = self.overrides.iter().map(|on| &on.record);
        let orders = self.orders.iter().map(|on| &on.record);
        let all = overrides.chain(orders).chain(self.notices.iter().map(|on| &on.record));
        all.map(|record| (record.kind(), record.id()))
    }
}

/// Whom a question turned out to be about.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The provider.
    pub identity: Identity,
    /// The peer whose binding led to it, if one did.
    pub peer: Option<Arc<Record>>,
    /// The role of that peer.
    pub role: Option<ProviderRole>,
}

/// Why a name leads to no provider.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Unresolved {
    /// Nobody bound it.
    #[error("{} is bound to no provider{}", .who.as_given(), what_to_do(.who))]
    Unknown {
        /// The name.
        who: Who,
    },
    /// Nobody bound it; but what is written so and is of another kind.
    #[error("{} is bound to no provider; {other} is: ask for {}", .who.as_given(), .other.in_full())]
    OfAnotherKind {
        /// The name.
        who: Who,
        /// What is bound.
        other: Who,
    },
    /// Its binding is over. A wider network around it does not count: nobody said that the calls are its provider's now.
    #[error("{} is bound to no provider any more: its binding{} to {provider} ended {}{}", .who.as_given(), network(.bound_as, .who), moment(*.ended), around(.wider))]
    Expired {
        /// The name.
        who: Who,
        /// What was bound: the name itself, or the narrowest network around it.
        bound_as: String,
        /// The provider that it was bound to.
        provider: Identity,
        /// When it ended.
        ended: Timestamp,
        /// A wider network around it that is bound, and to whom.
        wider: Option<Box<(String, Identity)>>,
    },
}

fn network(bound_as: &str, who: &Who) -> String {
    match who {
        Who::Peer(name) if bound_as != name.as_str() => format!(" by {bound_as}"),
        _ => String::new(),
    }
}

fn around(wider: &Option<Box<(String, Identity)>>) -> String {
    wider.as_deref().map_or_else(String::new, |(network, provider)| {
        format!(
            ", and that of {network} around it, to {provider}, does not stand in for it: remove the binding that ended \
             (`rmdd peers remove`) if its calls are that provider's now, or bind it anew"
        )
    })
}

/// What helps where nobody bound a name.
fn what_to_do(who: &Who) -> String {
    match who {
        Who::Peer(name) => match name.as_str().parse::<SocketAddr>() {
            Ok(address) => {
                format!(
                    ": addresses are bound without their port, so ask for {} or bind that with `rmdd peers add`",
                    address.ip()
                )
            }
            Err(_) => ": bind it with `rmdd peers add`".to_owned(),
        },
        _ => ": bind it with `rmdd peers add`".to_owned(),
    }
}

impl Records {
    /// Makes these records ready to be asked.
    pub fn build(records: impl IntoIterator<Item = Record>, last_event: u64) -> Self {
        let by_id = records
            .into_iter()
            .map(|record| ((record.kind(), record.id()), Arc::new(record)))
            .collect::<BTreeMap<_, _>>();
        Self::of(by_id, last_event)
    }

    fn of(by_id: BTreeMap<(RecordKind, String), Arc<Record>>, last_event: u64) -> Self {
        let (mut peers, mut networks) = (HashMap::new(), Networks::default());
        let mut folded = HashMap::new();
        for (kind, id) in by_id.keys().filter(|(kind, _)| matches!(kind, RecordKind::Order | RecordKind::Notice)) {
            folded.entry((*kind, kind.folded(id))).or_insert_with(|| id.clone());
        }
        let mut of_providers: BTreeMap<u64, ProviderRecords> = BTreeMap::new();
        for record in by_id.values() {
            let of = |of_providers: &mut BTreeMap<u64, ProviderRecords>, add: &dyn Fn(&mut ProviderRecords)| {
                add(of_providers.entry(number(record.provider)).or_default());
            };
            let shared = || Arc::clone(record);
            match &record.body {
                RecordBody::Peer(peer) => {
                    if let Some(network) = peer.network() {
                        networks.insert(network, shared());
                    }
                    if let Ok(key) = peer.key() {
                        peers.insert(key, shared());
                    }
                }
                RecordBody::Override(body) => {
                    of(&mut of_providers, &|on| on.overrides.push(OnRecord { record: shared(), body: *body }));
                }
                RecordBody::Order(order) => of(&mut of_providers, &|on| {
                    let body = OrderOnRecord {
                        effective_at: order.effective_at(),
                        must_block_from: order.must_block_from(),
                        order: order.clone(),
                    };
                    on.orders.push(OnRecord { record: shared(), body });
                }),
                RecordBody::Notice(notice) => of(&mut of_providers, &|on| {
                    let body = NoticeOnRecord {
                        mitigate_by: notice.mitigate_by(),
                        inform_by: notice.inform_by(),
                        notice: Notice { calls: Vec::new(), ..notice.clone() },
                    };
                    on.notices.push(OnRecord { record: shared(), body });
                }),
            }
        }
        let by_filing = of_providers.keys().any(|number| *number >= FILINGS);
        let (numbers, of_numbers) = of_providers.into_iter().unzip();
        Self { by_id, folded, peers, networks, numbers, of_numbers, by_filing, last_event, then: None }
    }

    /// The records as they were when this event had happened. They are found when they are asked for.
    pub fn then(past: Arc<Past>, serial: u64) -> Self {
        Self { then: Some(Box::new(past::Then::new(past, serial))), ..Self::default() }
    }

    /// The records after these events.
    pub fn after(&self, events: &[RecordEvent]) -> Self {
        let mut by_id = match &self.then {
            None => self.by_id.clone(),
            Some(_) => {
                let all = RecordKind::ALL.into_iter().flat_map(|kind| self.all(kind));
                all.map(|record| ((record.kind(), record.id()), Arc::clone(record))).collect()
            }
        };
        for event in events {
            if let Some(before) = &event.before {
                by_id.remove(&(before.kind(), before.id()));
            }
            if let Some(after) = &event.after {
                by_id.insert((after.kind(), after.id()), Arc::new(after.clone()));
            }
        }
        Self::of(by_id, events.last().map_or(self.last_event(), |event| event.serial))
    }

    /// The serial of the newest event.
    pub(crate) fn last_event(&self) -> u64 {
        self.then.as_ref().map_or(self.last_event, |then| then.serial())
    }

    /// The record of this kind and ID, in whichever writing of it.
    pub fn get(&self, kind: RecordKind, id: &str) -> Option<&Arc<Record>> {
        let key = (kind, id.to_owned());
        match &self.then {
            None => self.by_id.get(&key).or_else(|| {
                let written = self.folded.get(&(kind, kind.folded(id)))?;
                self.by_id.get(&(kind, written.clone()))
            }),
            Some(then) => then.get(&key),
        }
    }

    /// All records of a kind, by ID.
    pub fn all(&self, kind: RecordKind) -> impl Iterator<Item = &Arc<Record>> {
        let now = self.by_id.range((kind, String::new())..).take_while(move |((of, _), _)| *of == kind);
        now.map(|(_, record)| record).chain(self.then.iter().flat_map(move |then| then.all(kind)))
    }

    /// The provider behind a name.
    ///
    /// # Errors
    ///
    /// If nothing is bound to it now.
    #[inline]
    pub fn resolve(&self, who: &Who, now: Timestamp) -> Result<Resolved, Unresolved> {
        match who {
            Who::Provider(identity) => Ok(Resolved { identity: *identity, peer: None, role: None }),
            Who::Ocn(ocn) => self.resolve_peer(who, &PeerKey::Ocn(*ocn), now),
            Who::Peer(name) => self.resolve_peer(who, &PeerKey::Name(name.clone()), now),
        }
    }

    fn resolve_peer(&self, who: &Who, key: &PeerKey, now: Timestamp) -> Result<Resolved, Unresolved> {
        let record = self.bound(who, key, now)?;
        let role = match &record.body {
            RecordBody::Peer(Peer { role, .. }) => *role,
            _ => None,
        };
        Ok(Resolved { identity: record.provider, peer: Some(Arc::clone(record)), role })
    }

    /// The peer that is bound by this key, in force or not.
    fn peer(&self, key: &PeerKey) -> Option<&Arc<Record>> {
        match &self.then {
            None => self.peers.get(key),
            Some(then) => then.peer(key),
        }
    }

    /// The record that binds a name: its own, else that of the narrowest network that an address lies in. If that one is
    /// over, nothing wider takes its place: a narrow binding says that these calls are not those of the network around, and
    /// who they are of since it ended nobody has said.
    fn bound<'a>(&'a self, who: &Who, key: &PeerKey, now: Timestamp) -> Result<&'a Arc<Record>, Unresolved> {
        let exact = self.peer(key);
        if let Some(record) = exact.filter(|record| record.in_force(now)) {
            return Ok(record);
        }
        let around = match who {
            Who::Peer(name) => self.then.as_ref().map_or(&self.networks, |then| then.networks()).around(name),
            _ => Vec::new(),
        };
        let mut bound = exact.into_iter().chain(around);
        match (bound.next(), self.of_another_kind(who)) {
            (Some(record), _) if record.in_force(now) => Ok(record),
            (Some(record), _) => Err(Unresolved::Expired {
                who: who.clone(),
                bound_as: record.id(),
                provider: record.provider,
                ended: record.expires_at.unwrap_or(now),
                wider: bound.find(|wider| wider.in_force(now)).map(|wider| Box::new((wider.id(), wider.provider))),
            }),
            (None, Some(other)) => Err(Unresolved::OfAnotherKind { who: who.clone(), other }),
            (None, None) => Err(Unresolved::Unknown { who: who.clone() }),
        }
    }

    /// What is bound and written like a name that is not.
    fn of_another_kind(&self, who: &Who) -> Option<Who> {
        let (key, other) = match who {
            Who::Provider(_) => return None,
            Who::Ocn(ocn) => {
                let name: PeerName = ocn.to_string().parse().ok()?;
                (PeerKey::Name(name.clone()), Who::Peer(name))
            }
            Who::Peer(name) => {
                let ocn = name.as_str().parse().ok()?;
                (PeerKey::Ocn(ocn), Who::Ocn(ocn))
            }
        };
        self.peer(&key).map(|_| other)
    }

    /// What is on record under a provider's number: overrides, orders and notices, in force or not.
    pub fn about(&self, identity: Identity) -> Option<&ProviderRecords> {
        match &self.then {
            None => self.under(number(identity)),
            Some(then) => then.about(number(identity)),
        }
    }

    fn under(&self, number: u64) -> Option<&ProviderRecords> {
        let place = self.numbers.binary_search(&number).ok()?;
        self.of_numbers.get(place)
    }

    /// Whether there is anything to find by [`Self::about`] under the number of a filing.
    pub(crate) fn tell_of_filings(&self) -> bool {
        self.by_filing || self.then.as_ref().is_some_and(|then| then.tell_of_filings())
    }
}

#[cfg(test)]
mod tests;
