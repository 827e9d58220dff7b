//! etcd, as far as a fleet asks it: one range or many in one read, one transaction, a lease.
//!
//! One member is asked at a time, within a time limit, and the next one after a failure; the one that answered is asked first
//! the next time. A read may be asked again anywhere. A write whose answer did not come is never sent again by itself: whether
//! it was done is found out by reading ([`EngineError::Unknown`]).
//!
//! Values are compared, never revisions: those repeat after a restore. No watch is used, and nothing of the past is asked for,
//! so that etcd may be compacted at any time.

mod connect;
mod lease;
mod ops;

use std::error::Error as StdError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use thiserror::Error;
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Status};

use self::etcd::kv_client::KvClient;
use self::etcd::maintenance_client::MaintenanceClient;
use self::ops::{compare_op, pairs, range_op, write_op};

pub use connect::member;
pub use lease::{Lease, LeaseId};
pub use rustls::ClientConfig;

/// The generated messages and clients: etcd's own, trimmed.
#[allow(missing_docs, clippy::allow_attributes_without_reason, reason = "generated; see etcd.proto beside this file")]
#[allow(clippy::doc_lazy_continuation, clippy::enum_variant_names, reason = "generated")]
mod etcd {
    include!(concat!(env!("OUT_DIR"), "/etcdserverpb.rs"));
}

/// An answer has no more bytes than this: a chunk of a blob and some entries are asked for at a time.
const MOST_ANSWERED: usize = 16 << 20;

/// So many bytes ...
const CHUNK: usize = 32 << 10;

/// ... may take so much longer to write: what a line of 1 Mbit/s needs, four times.
const PATIENCE_FOR_A_CHUNK: Duration = Duration::from_secs(1);

/// Why etcd did not do what was asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No member was reached, or none that could answer. Nothing was written.
    #[error("no member of the fleet's etcd answers ({detail})")]
    CutOff {
        /// What each of them said.
        detail: String,
    },
    /// A write went out, and no answer came. It may have been done.
    #[error("whether the fleet's etcd has written it is not known ({detail})")]
    Unknown {
        /// What happened.
        detail: String,
    },
    /// It was refused. Nothing was written.
    #[error("the fleet's etcd refuses it: {detail}")]
    Refused {
        /// What etcd says.
        detail: String,
    },
    /// The site's user in etcd may not do it. Nothing was written.
    #[error("the fleet's etcd does not permit it ({detail}): see which role the user of this site's certificate has")]
    Denied {
        /// What etcd says.
        detail: String,
    },
    /// The lease is gone: another has to be had.
    #[error("the lease is gone")]
    LeaseGone,
}

/// A key and what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The key.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// Whether it stands there for as long as a lease lives, and no longer.
    pub leased: bool,
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// What stands at this key.
    Key(String),
    /// What stands at keys from this one on, below that one, so many at most.
    Range {
        /// The first.
        from: String,
        /// The first that is not wanted.
        below: String,
        /// How many at most; 0 for all.
        most: u32,
    },
    /// What has come to stand there since a revision, that one included. Revisions repeat after a restore: whoever asks so has to
    /// read all again now and then.
    Since {
        /// The first.
        from: String,
        /// The first that is not wanted.
        below: String,
        /// The revision.
        since: i64,
    },
}

/// What must hold for a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expect {
    /// This stands at the key.
    Value(String, Vec<u8>),
    /// Nothing does.
    Nothing(String),
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// This comes to stand at the key, for as long as a lease lives if one is named.
    Put(String, Vec<u8>, Option<LeaseId>),
    /// Nothing stands there any more.
    Delete(String),
    /// Nothing stands at keys from this one on, below that one.
    DeleteRange(String, String),
}

impl Write {
    /// How many bytes it brings.
    fn bytes(&self) -> usize {
        match self {
            Self::Put(_, value, _) => value.len(),
            Self::Delete(_) | Self::DeleteRange(..) => 0,
        }
    }
}

/// What a read found, all of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What each of the reads found, in their order.
    pub pairs: Vec<Vec<Pair>>,
    /// How many pairs there are where each of them read, also those that were not asked for.
    pub counts: Vec<u64>,
    /// Of which cluster.
    pub cluster: u64,
    /// How far the member that answered had come. Of one cluster it never goes back, but at a member that answers stale.
    pub revision: i64,
    /// The place of that member.
    pub member: usize,
}

/// What a member says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberStatus {
    /// Its version of etcd.
    pub version: String,
    /// The size of its database in bytes.
    pub db_bytes: i64,
    /// Whether it knows a leader.
    pub has_leader: bool,
    /// What is wrong with it, as it says: a full database, a damaged one.
    pub errors: Vec<String>,
}

/// One member.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its address.
    pub address: String,
    /// The way to it, which is connected when it is used.
    pub channel: Channel,
}

/// The members of an etcd.
#[derive(Debug)]
pub struct Engine {
    members: Vec<Member>,
    /// The one that is asked first.
    first: AtomicUsize,
    patience: Duration,
}

/// How a call failed at one member.
enum Failed {
    /// It did not reach it, or was refused before anything was done: another may do it.
    There(String),
    /// It may have been done.
    Perhaps(String),
    /// No member will do it.
    Everywhere(EngineError),
}

impl Engine {
    /// These members, each of which has so long for an answer.
    pub fn new(members: Vec<Member>, patience: Duration) -> Self {
        Self { members, first: AtomicUsize::new(0), patience }
    }

    /// Reads, all at one moment, by the majority of the members.
    ///
    /// # Errors
    ///
    /// If no member can answer.
    pub async fn read(&self, reads: &[Read]) -> Result<Found, EngineError> {
        self.read_within(self.patience, reads).await
    }

    /// The same, where much is read over a slow line: each member has so long for it.
    ///
    /// # Errors
    ///
    /// If no member can answer.
    pub(crate) async fn read_within(&self, patience: Duration, reads: &[Read]) -> Result<Found, EngineError> {
        let request = etcd::TxnRequest { success: reads.iter().map(range_op).collect(), ..Default::default() };
        let answer = self.asked(true, patience, |channel| {
            let request = request.clone();
            async move { kv(channel).txn(request).await.map(tonic::Response::into_inner) }
        });
        let etcd::TxnResponse { header, responses, .. } = answer.await?;
        let header = header.unwrap_or_default();
        let (pairs, counts) = responses.into_iter().map(pairs).unzip();
        let member = self.first.load(Ordering::Relaxed);
        Ok(Found { pairs, counts, cluster: header.cluster_id, revision: header.revision, member })
    }

    /// The keys from one on, below another, without what stands there.
    ///
    /// # Errors
    ///
    /// If no member can answer.
    pub async fn keys(&self, from: &str, below: &str) -> Result<Vec<String>, EngineError> {
        let range = etcd::RangeRequest {
            key: from.as_bytes().to_vec(),
            range_end: below.as_bytes().to_vec(),
            keys_only: true,
            ..Default::default()
        };
        let answer = self.asked(true, self.patience, |channel| {
            let range = range.clone();
            async move { kv(channel).range(range).await.map(tonic::Response::into_inner) }
        });
        let key = |kv: etcd::KeyValue| String::from_utf8_lossy(&kv.key).into_owned();
        Ok(answer.await?.kvs.into_iter().map(key).collect())
    }

    /// Writes, if all of what is expected holds. Says whether it did.
    ///
    /// # Errors
    ///
    /// If no member was reached, if etcd refuses it, or if no answer came.
    pub async fn write(&self, expected: &[Expect], writes: &[Write]) -> Result<bool, EngineError> {
        self.transact(false, expected, writes).await
    }

    /// Writes what comes to the same however often it is written.
    ///
    /// # Errors
    ///
    /// If no member does it.
    pub async fn write_again(&self, writes: &[Write]) -> Result<(), EngineError> {
        self.transact(true, &[], writes).await.map(|_| ())
    }

    /// Asks another member first the next time.
    pub(crate) fn turn_to_another(&self) {
        let next = self.first.load(Ordering::Relaxed) + 1;
        self.first.store(next % self.members.len().max(1), Ordering::Relaxed);
    }

    /// How many members there are.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    async fn transact(&self, again: bool, expected: &[Expect], writes: &[Write]) -> Result<bool, EngineError> {
        let request = etcd::TxnRequest {
            compare: expected.iter().map(compare_op).collect(),
            success: writes.iter().map(write_op).collect(),
            failure: Vec::new(),
        };
        let bytes: usize = writes.iter().map(Write::bytes).sum();
        let patience = self.patience + PATIENCE_FOR_A_CHUNK * u32::try_from(bytes / CHUNK).unwrap_or(u32::MAX);
        let answer = self.asked(again, patience, |channel| {
            let request = request.clone();
            async move { kv(channel).txn(request).await.map(tonic::Response::into_inner) }
        });
        Ok(answer.await?.succeeded)
    }

    /// What each member says of itself; an error's words for one that does not answer.
    pub async fn status(&self) -> Vec<(String, Result<MemberStatus, String>)> {
        let mut all = Vec::with_capacity(self.members.len());
        for Member { address, channel } in &self.members {
            let mut client = MaintenanceClient::new(channel.clone());
            let asked = tokio::time::timeout(self.patience, client.status(etcd::StatusRequest {})).await;
            let status = match asked {
                Err(_) => Err(format!("no answer within {:?}", self.patience)),
                Ok(Err(status)) => Err(status.message().to_owned()),
                Ok(Ok(answer)) => {
                    let etcd::StatusResponse { version, db_size, leader, errors, .. } = answer.into_inner();
                    Ok(MemberStatus { version, db_bytes: db_size, has_leader: leader != 0, errors })
                }
            };
            all.push((address.clone(), status));
        }
        all
    }

    /// Asks one member after the other, from the one that answered last on. `again` says whether it may be asked for twice.
    async fn asked<T, F>(&self, again: bool, patience: Duration, ask: impl Fn(Channel) -> F) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Status>>,
    {
        let first = self.first.load(Ordering::Relaxed);
        let mut said = Vec::new();
        for place in 0..self.members.len() {
            let place = (first + place) % self.members.len();
            let Some(member) = self.members.get(place) else { break };
            let failed = match tokio::time::timeout(patience, ask(member.channel.clone())).await {
                Ok(Ok(answer)) => {
                    self.first.store(place, Ordering::Relaxed);
                    return Ok(answer);
                }
                Ok(Err(status)) => judge(&status),
                Err(_) => Failed::Perhaps(format!("no answer within {patience:?}")),
            };
            // Whoever failed is not asked first again.
            self.first.store((place + 1) % self.members.len(), Ordering::Relaxed);
            match failed {
                Failed::Everywhere(error) => return Err(error),
                Failed::Perhaps(detail) if !again => {
                    return Err(EngineError::Unknown { detail: format!("{}: {detail}", member.address) });
                }
                Failed::There(detail) | Failed::Perhaps(detail) => said.push(format!("{}: {detail}", member.address)),
            }
        }
        Err(EngineError::CutOff { detail: said.join("; ") })
    }
}

fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(MOST_ANSWERED)
}

/// What a failure says of what was done.
fn judge(status: &Status) -> Failed {
    let detail = || in_words(status);
    if never_connected(status) {
        return Failed::There(detail());
    }
    match status.code() {
        // Full, or asked for too much: nothing was done, and no member does it.
        Code::ResourceExhausted if status.message().contains("too many requests") => Failed::There(detail()),
        Code::ResourceExhausted
        | Code::InvalidArgument
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => Failed::Everywhere(EngineError::Refused { detail: detail() }),
        Code::PermissionDenied | Code::Unauthenticated => Failed::Everywhere(EngineError::Denied { detail: detail() }),
        Code::NotFound if status.message().contains("lease not found") => Failed::Everywhere(EngineError::LeaseGone),
        _ => Failed::Perhaps(detail()),
    }
}

/// What a failure says, and what caused it: where a connection ends in its handshake, the status says no more than that the call
/// was given up.
fn in_words(status: &Status) -> String {
    let mut words = status.message().to_owned();
    let mut cause: Option<&(dyn StdError + 'static)> = status.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !words.contains(&said) {
            words.push_str(": ");
            words.push_str(&said);
        }
        cause = error.source();
    }
    words
}

/// Whether a call never reached the member.
fn never_connected(status: &Status) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = status.source();
    while let Some(error) = cause {
        if error.is::<ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}
