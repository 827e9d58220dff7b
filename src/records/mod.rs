//! The operators' own records: an immutable look-up structure, published by one atomic swap beside the index.
//!
//! ```text
//!  CSV, JSON, flags ─▶ fields (one Record each) ─▶ plan (a whole batch, or nothing) ─▶ store (commit) ─▶ Records (publish)
//! ```
//!
//! A change is planned whole before anything is written: one bad entry refuses the batch. Each change is an event in the
//! audit history, in the same transaction.

pub mod fields;
pub mod headers;
mod networks;
mod past;
mod plan;
mod published;
mod summary;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use networks::Networks;
use thiserror::Error;

use crate::domain::{
    Identity, Notice, Order, Override, Peer, PeerKey, PeerName, ProviderRole, Record, RecordBody, RecordEvent,
    RecordKind, Who,
};

pub use past::Past;
pub use plan::{BadEntry, Change, PlanError, plan};
pub use published::{ChangeError, PublishedRecords};
pub use summary::{Provider, Standing, summary};

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
    /// Its binding is over.
    #[error("{} is bound to no provider any more: its binding to {provider} ended {ended}", .who.as_given())]
    Expired {
        /// The name.
        who: Who,
        /// The provider that it was bound to.
        provider: Identity,
        /// When it ended.
        ended: Timestamp,
    },
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
        Self { by_id, peers, networks, numbers, of_numbers, by_filing, last_event, then: None }
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
    pub fn last_event(&self) -> u64 {
        self.then.as_ref().map_or(self.last_event, |then| then.serial())
    }

    /// The record of this kind and ID.
    pub fn get(&self, kind: RecordKind, id: &str) -> Option<&Arc<Record>> {
        let key = (kind, id.to_owned());
        match &self.then {
            None => self.by_id.get(&key),
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
    pub fn resolve(&self, who: &Who, now: Timestamp) -> Result<Resolved, Unresolved> {
        let key = match who {
            Who::Provider(identity) => return Ok(Resolved { identity: *identity, peer: None, role: None }),
            Who::Ocn(ocn) => PeerKey::Ocn(*ocn),
            Who::Peer(name) => PeerKey::Name(name.clone()),
        };
        let exact = self.peer(&key);
        let record = match exact.filter(|record| record.in_force(now)) {
            Some(record) => record,
            None => self.by_network(who, exact, now)?,
        };
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

    /// The record of the network that an address lies in, where no record of its very name is in force.
    fn by_network<'a>(
        &'a self,
        who: &Who,
        exact: Option<&'a Arc<Record>>,
        now: Timestamp,
    ) -> Result<&'a Arc<Record>, Unresolved> {
        let mut around = match who {
            Who::Peer(name) => self.then.as_ref().map_or(&self.networks, |then| then.networks()).around(name),
            _ => Vec::new(),
        }
        .into_iter();
        if let Some(record) = around.clone().find(|record| record.in_force(now)) {
            return Ok(record);
        }
        let ended = exact.or_else(|| around.next()).and_then(|record| Some((record, record.expires_at?)));
        Err(match (ended, self.of_another_kind(who)) {
            (Some((record, ended)), _) => Unresolved::Expired { who: who.clone(), provider: record.provider, ended },
            (None, Some(other)) => Unresolved::OfAnotherKind { who: who.clone(), other },
            (None, None) => Unresolved::Unknown { who: who.clone() },
        })
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
    pub fn tell_of_filings(&self) -> bool {
        self.by_filing || self.then.as_ref().is_some_and(|then| then.tell_of_filings())
    }
}

#[cfg(test)]
mod tests;
