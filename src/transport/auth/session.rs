//! One connection of somebody, and what they may ask on it.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use nix::unistd::{Gid, Uid, User, getgrouplist};
use subtle::ConstantTimeEq;
use tokio::sync::watch;

use super::rules::{Access, ListenerKind, Rules};
use super::{Right, needed, needed_over_http, tokens};
use crate::domain::{ErrorReason, Rejection};
use crate::transport::{Certified, Client, Peer};

/// Why somebody is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// Nothing says who asks.
    #[error(
        "nobody is answered here without a token or a certificate: send `authorization: Bearer TOKEN` (commands: \
         --token-file), or show a certificate"
    )]
    TokenMissing,
    /// The token is none that is known.
    #[error(
        "the token is none that this daemon knows: it stands in the file that access.tokens_file names, or does not"
    )]
    TokenUnknown,
    /// Too many others that are not known have come from there.
    #[error(
        "so many unknown tokens have come from {0} that no other is believed from there until the minute is over: ask again \
         then; one that was good from there before is believed all the time"
    )]
    TooManyTries(Client),
    /// The right does not reach so far.
    #[error("{who} has the right {has}, and this needs {needed}")]
    RightMissing {
        /// Who asks.
        who: String,
        /// What they may do.
        has: Right,
        /// What they would have to be allowed.
        needed: Right,
    },
}

impl From<&Denied> for Rejection {
    fn from(denied: &Denied) -> Self {
        let reason = match denied {
            Denied::TokenMissing => ErrorReason::TokenMissing,
            Denied::TokenUnknown => ErrorReason::TokenUnknown,
            Denied::TooManyTries(_) => ErrorReason::TooManyTries,
            Denied::RightMissing { .. } => ErrorReason::RightMissing,
        };
        reason.reject(denied.to_string())
    }
}

/// Who asks a question.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asker {
    /// Who has the token of this name.
    Token(Arc<str>),
    /// Who shows a certificate of this name.
    Certificate(Arc<str>),
    /// This user of this machine.
    User(u32),
    /// Who asks from this address.
    Address(IpAddr),
    /// Nobody that is known.
    Nobody,
}

/// One connection of somebody.
#[derive(Debug)]
pub struct Session {
    /// Who is at the other end.
    pub peer: Peer,
    certified: Option<Certified>,
    /// The groups of a user of this machine, where they matter.
    gids: Vec<u32>,
    listener_kind: ListenerKind,
    access: Arc<Access>,
    memory: Mutex<Memory>,
}

/// What was found out before. It holds under one set of rules.
#[derive(Debug, Default)]
struct Memory {
    generation: u64,
    base: Option<Right>,
    token: Option<KnownToken>,
}

/// A good token, as it was sent: it need not be digested again.
struct KnownToken {
    header: Box<[u8]>,
    name: Arc<str>,
    right: Right,
}

impl std::fmt::Debug for KnownToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KnownToken").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Session {
    /// Somebody who came in here. May ask the machine for a user's groups, which may take a while.
    pub fn new(peer: Peer, certified: Option<Certified>, listener_kind: ListenerKind, access: Arc<Access>) -> Self {
        let gids = match peer {
            Peer::Unix { uid, gid } if listener_kind.is_admin_socket() && access.rules.load().asks_for_groups() => {
                groups(uid, gid)
            }
            _ => Vec::new(),
        };
        Self { peer, certified, gids, listener_kind, access, memory: Mutex::default() }
    }

    /// Whether an RPC may be called, and the right by which it is.
    ///
    /// # Errors
    ///
    /// If it may not.
    pub fn check_rpc(&self, path: &str, headers: &HeaderMap) -> Result<Right, Denied> {
        match self.open_right() {
            Some(right) => Ok(right),
            None => self.judge(needed(path), path, headers),
        }
    }

    /// Whether a path may be asked for over HTTP, and the right by which it is.
    ///
    /// # Errors
    ///
    /// If it may not.
    pub fn check_http(&self, path: &str, headers: &HeaderMap) -> Result<Right, Denied> {
        match (self.open_right(), needed_over_http(path)) {
            (Some(right), _) => Ok(right),
            (None, Some(needed)) => self.judge(needed, path, headers),
            (None, None) => Ok(Right::Query),
        }
    }

    /// Whether queries are answered here without a token: then one that is not known is no reason to leave a call to 911
    /// without an answer.
    pub fn is_answered_without_token(&self) -> bool {
        self.open_right().is_some() || self.base(&self.access.rules.load()) >= Some(Right::Query)
    }

    /// Whether a token could give somebody a right here.
    pub fn takes_tokens(&self) -> bool {
        !self.access.rules.load().tokens.is_empty()
    }

    /// Whether whoever asks shows a certificate.
    pub fn is_certified(&self) -> bool {
        self.certified.is_some()
    }

    /// The name of the token that came last and is known.
    pub fn token(&self) -> Option<Arc<str>> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.token.as_ref().map(|token| Arc::clone(&token.name))
    }

    /// The right of everybody, where everybody may do all that can be done here.
    fn open_right(&self) -> Option<Right> {
        self.access.is_open(self.listener_kind).then_some(match self.listener_kind {
            ListenerKind::Queries | ListenerKind::QuerySocket => Right::Query,
            ListenerKind::Administration | ListenerKind::AdminSocket | ListenerKind::AdminListenSocket => Right::Admin,
        })
    }

    /// Told whenever other rules are put in force.
    pub(super) fn rule_changes(&self) -> watch::Receiver<()> {
        self.access.changes()
    }

    fn judge(&self, needed: Right, path: &str, headers: &HeaderMap) -> Result<Right, Denied> {
        let rules = self.access.rules.load();
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        if memory.generation != rules.generation {
            *memory = Memory { generation: rules.generation, base: self.base(&rules), ..Memory::default() };
        }
        let judged = self.right(&rules, &mut memory, headers).and_then(|has| match has {
            Some(has) if has >= needed => Ok(has),
            Some(has) => Err(Denied::RightMissing { who: self.called(&memory, headers), has, needed }),
            None => Err(Denied::TokenMissing),
        });
        if let Err(denied) = &judged {
            self.access.denied.fetch_add(1, Ordering::Relaxed);
            let is_unknown = matches!(denied, Denied::TokenUnknown | Denied::TooManyTries(_));
            // Who tries many times must not fill the log: what comes behind it is told in sum.
            if self.access.tries.refused(&Client::of(&self.peer), is_unknown, Instant::now()) {
                tracing::warn!(peer = %self.peer, path, "{path} was refused to {}: {denied}", self.peer);
            } else {
                tracing::debug!(peer = %self.peer, path, "refused: {denied}");
            }
        }
        judged
    }

    /// What they may do, by itself or by the token that comes with the request.
    fn right(&self, rules: &Rules, memory: &mut Memory, headers: &HeaderMap) -> Result<Option<Right>, Denied> {
        let header = headers.get(AUTHORIZATION).filter(|_| !rules.tokens.is_empty());
        let Some(header) = header.map(http::HeaderValue::as_bytes) else { return Ok(memory.base) };
        if let Some(known) = &memory.token
            && bool::from(known.header.ct_eq(header))
        {
            return Ok(memory.base.max(Some(known.right)));
        }
        let (client, token) = (Client::of(&self.peer), tokens::find(&rules.tokens, header));
        let named = token.map_or(Err(header), |token| Ok(token.name.as_str()));
        if !self.access.tries.believes(&client, named, Instant::now()) {
            return Err(Denied::TooManyTries(client));
        }
        let token = token.ok_or(Denied::TokenUnknown)?;
        memory.token =
            Some(KnownToken { header: header.into(), name: Arc::from(token.name.as_str()), right: token.right });
        Ok(memory.base.max(Some(token.right)))
    }

    /// What they may do by itself.
    fn base(&self, rules: &Rules) -> Option<Right> {
        let by_certificate = self.certified.as_ref().map(|certified| rules.of_certificate(&certified.names));
        match (self.listener_kind, &self.peer) {
            (ListenerKind::Queries, _) => by_certificate.or(rules.of_anybody()),
            (ListenerKind::QuerySocket, _) => Some(Right::Query),
            (ListenerKind::Administration, _) => by_certificate,
            (kind @ (ListenerKind::AdminSocket | ListenerKind::AdminListenSocket), Peer::Unix { uid, .. }) => {
                Some(rules.of_user(kind, *uid, &self.gids))
            }
            (ListenerKind::AdminSocket | ListenerKind::AdminListenSocket, Peer::Tcp(_)) => None,
        }
    }

    fn called(&self, memory: &Memory, headers: &HeaderMap) -> String {
        let itself = || match &self.certified {
            Some(certified) => {
                format!("the certificate of {}", certified.names.first().map_or("nobody by name", String::as_str))
            }
            None => self.peer.to_string(),
        };
        match memory.token.as_ref().filter(|_| headers.contains_key(AUTHORIZATION)) {
            None => itself(),
            // Where both count, whoever reads the log sees whose right it was.
            Some(token) if memory.base >= Some(token.right) => format!("{}, with the token {}", itself(), token.name),
            Some(token) if self.certified.is_some() => format!("the token {}, with {}", token.name, itself()),
            Some(token) => format!("the token {}", token.name),
        }
    }

    /// Who asks: by the token that comes with the request, else by the certificate, else by who or where they are.
    pub fn asker(&self, token: Option<&http::HeaderValue>) -> Asker {
        let token = token.filter(|_| self.open_right().is_none());
        if let Some(header) = token.map(http::HeaderValue::as_bytes) {
            let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
            match &memory.token {
                Some(known) if bool::from(known.header.ct_eq(header)) => {
                    return Asker::Token((&*known.name).into());
                }
                _ => drop(memory),
            }
            if let Some(token) = tokens::find(&self.access.rules.load().tokens, header) {
                return Asker::Token(token.name.as_str().into());
            }
        }
        match (self.certified.as_ref().and_then(|certified| certified.names.first()), &self.peer) {
            (Some(name), _) => Asker::Certificate(name.as_str().into()),
            (None, Peer::Unix { uid: Some(uid), .. }) => Asker::User(*uid),
            (None, Peer::Unix { uid: None, .. }) => Asker::Nobody,
            (None, Peer::Tcp(address)) => Asker::Address(address.ip().to_canonical()),
        }
    }

    /// Notes in the log who had something changed, where things can be changed.
    pub fn note(&self, path: &str, headers: &HeaderMap) {
        if self.listener_kind.administers() && needed(path) == Right::Admin {
            let who = self.called(&self.memory.lock().unwrap_or_else(PoisonError::into_inner), headers);
            let method = path.rsplit('/').next().unwrap_or(path);
            tracing::info!(method, who, "{method} was asked for by {who}");
        }
    }
}

/// All groups of a user.
fn groups(uid: Option<u32>, gid: Option<u32>) -> Vec<u32> {
    let mut groups: Vec<u32> = gid.into_iter().collect();
    let user = uid.and_then(|uid| User::from_uid(Uid::from_raw(uid)).ok().flatten());
    if let Some(user) = user
        && let Ok(name) = std::ffi::CString::new(user.name)
        && let Ok(more) = getgrouplist(&name, user.gid)
    {
        groups.extend(more.into_iter().map(Gid::as_raw));
    }
    groups
}
