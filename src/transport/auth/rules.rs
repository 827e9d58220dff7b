//! Who has which right, as the configuration says.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwap;
use nix::unistd::{Group, User, geteuid};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::sync::watch;

use super::tokens::{self, Token};
use super::{CREDENTIAL, Right, Tries};
use crate::transport::secret_file::SecretError;

/// Who may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AccessConfig {
    /// Whether the query listeners on TCP answer only those who show a token or a certificate.
    pub require: bool,
    /// A file of tokens. Without it: the credential `rmdd-tokens` that systemd hands over, if it does.
    pub tokens_file: Option<PathBuf>,
    /// Rights of clients' certificates, by the names in them. One that is not named has the right to query.
    pub certificates: Vec<CertificateRight>,
}

/// The right of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateRight {
    /// A DNS name, URI or e-mail address of the certificate; where it has none, its common name.
    pub name: String,
    /// What whoever shows it may do.
    pub right: Right,
}

/// Why the rules cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The file of tokens cannot be used.
    #[error("the tokens (access.tokens_file): {0}")]
    Tokens(#[source] SecretError),
    /// It holds not what it should.
    #[error("the tokens (access.tokens_file): {}: {detail}", .path.display())]
    TokensContent {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        detail: String,
    },
    /// A user or group is none of this machine's.
    #[error("{setting} names {name:?}: there is no such {what} on this machine")]
    Nobody {
        /// The setting.
        setting: &'static str,
        /// What it names.
        name: String,
        /// User or group.
        what: &'static str,
    },
    /// There is nobody to let in.
    #[error(
        "access.require is true, and nobody could be let in: name access.tokens_file (or hand over the credential \
         {CREDENTIAL}), or demand certificates with client_ca"
    )]
    NobodyToLetIn,
    /// The admin listener would be open to whoever comes.
    #[error("admin.listen is {listen}: {why}")]
    AdminOpen {
        /// Where it would listen.
        listen: String,
        /// What is missing.
        why: &'static str,
    },
}

/// Who has which right.
#[derive(Debug)]
pub struct Rules {
    /// A number of its own, for those who remember what a rule said.
    pub(super) generation: u64,
    require: bool,
    pub(super) tokens: Vec<Token>,
    certificates: Vec<CertificateRight>,
    /// Who alone is admin on the admin socket: users and groups; nothing if whoever opens it is.
    admins: Option<(Vec<u32>, Vec<u32>)>,
    /// The right of whoever opens `rmdd.sock`, where nobody is named.
    socket_right: Right,
    own: u32,
}

/// A user's number, by name or number.
///
/// # Errors
///
/// If there is none.
pub fn user(setting: &'static str, name: &str) -> Result<u32, AccessError> {
    let found = name.parse().ok().or_else(|| User::from_name(name).ok().flatten().map(|user| user.uid.as_raw()));
    found.ok_or_else(|| AccessError::Nobody { setting, name: name.to_owned(), what: "user" })
}

/// A group's number, by name or number.
///
/// # Errors
///
/// If there is none.
pub fn group(setting: &'static str, name: &str) -> Result<u32, AccessError> {
    let found = name.parse().ok().or_else(|| Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw()));
    found.ok_or_else(|| AccessError::Nobody { setting, name: name.to_owned(), what: "group" })
}

impl Rules {
    /// Reads what the settings name. `users` and `groups` are those of `admin`.
    ///
    /// # Errors
    ///
    /// If the tokens cannot be used, or a user or group is none.
    pub fn load(config: &AccessConfig, users: &[String], groups: &[String]) -> Result<Self, AccessError> {
        static GENERATION: AtomicU64 = AtomicU64::new(1);

        let tokens = tokens::place(config.tokens_file.as_deref())
            .map_or_else(|| Ok(Vec::new()), |path: PathBuf| tokens::read(Path::new(&path)))?;
        let admins = if users.is_empty() && groups.is_empty() {
            None
        } else {
            let users = users.iter().map(|name| user("admin.users", name)).collect::<Result<_, _>>()?;
            let groups = groups.iter().map(|name| group("admin.groups", name)).collect::<Result<_, _>>()?;
            Some((users, groups))
        };
        Ok(Self {
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
            require: config.require,
            tokens,
            certificates: config.certificates.clone(),
            admins,
            socket_right: Right::Admin,
            own: geteuid().as_raw(),
        })
    }

    /// With this right for whoever opens `rmdd.sock`, in place of the right to administer.
    #[must_use]
    pub fn with_socket_right(self, socket_right: Right) -> Self {
        Self { socket_right, ..self }
    }

    /// Whether a token gives this right.
    pub fn has_token_for(&self, right: Right) -> bool {
        self.tokens.iter().any(|token| token.right >= right)
    }

    /// Whether a certificate gives this right.
    pub fn has_certificate_for(&self, right: Right) -> bool {
        self.certificates.iter().any(|certificate| certificate.right >= right)
    }

    /// The right of a certificate with these names: the highest of them.
    pub(super) fn of_certificate(&self, names: &[String]) -> Right {
        let named = self.certificates.iter().filter(|entry| names.contains(&entry.name.to_ascii_lowercase()));
        named.map(|entry| entry.right).max().unwrap_or(Right::Query)
    }

    /// The right of whoever opened a socket of the administration, either of them.
    pub(super) fn of_user(&self, listener_kind: ListenerKind, uid: Option<u32>, gids: &[u32]) -> Right {
        let is_own = uid.is_some_and(|uid| uid == 0 || uid == self.own);
        let is_named = self.admins.as_ref().is_some_and(|(users, groups)| {
            uid.is_some_and(|uid| users.contains(&uid) || gids.iter().any(|gid| groups.contains(gid)))
        });
        if is_own || is_named {
            return Right::Admin;
        }
        let most = if self.admins.is_none() { Right::Admin } else { Right::Operator };
        match listener_kind {
            ListenerKind::AdminSocket => most.min(self.socket_right),
            _ => most,
        }
    }

    /// What anybody may do on a query listener.
    pub(super) fn of_anybody(&self) -> Option<Right> {
        (!self.require).then_some(Right::Query)
    }

    /// Whether a peer's groups matter.
    pub(super) fn asks_for_groups(&self) -> bool {
        self.admins.as_ref().is_some_and(|(_, groups)| !groups.is_empty())
    }
}

/// Where somebody comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListenerKind {
    /// A listener for questions, on TCP.
    Queries,
    /// A Unix socket for questions: who may open it may ask.
    QuerySocket,
    /// A listener for everything, on TCP.
    Administration,
    /// The Unix socket `rmdd.sock`.
    AdminSocket,
    /// The Unix socket of `admin.listen`, for everything.
    AdminListenSocket,
}

impl ListenerKind {
    /// Whether the daemon is administered there.
    pub fn administers(self) -> bool {
        self == Self::Administration || self.is_admin_socket()
    }

    /// Whether it is one of the administration's Unix sockets.
    pub fn is_admin_socket(self) -> bool {
        matches!(self, Self::AdminSocket | Self::AdminListenSocket)
    }
}

/// The rules in force.
#[derive(Debug)]
pub struct Access {
    pub(super) rules: ArcSwap<Rules>,
    /// Whether nothing need be looked at on a query listener, and on the admin socket: so that it costs nothing there.
    queries_open: AtomicBool,
    socket_open: AtomicBool,
    listen_socket_open: AtomicBool,
    pub(super) denied: AtomicU64,
    /// Who was refused, and tried which tokens.
    pub tries: Tries,
    /// Tells those who go by the rules for long that there are others.
    changes: watch::Sender<()>,
}

impl Access {
    /// Puts rules in force.
    pub fn new(rules: Rules) -> Arc<Self> {
        let access = Self {
            rules: ArcSwap::from_pointee(rules),
            queries_open: AtomicBool::new(false),
            socket_open: AtomicBool::new(false),
            listen_socket_open: AtomicBool::new(false),
            denied: AtomicU64::new(0),
            tries: Tries::default(),
            changes: watch::Sender::new(()),
        };
        access.note();
        Arc::new(access)
    }

    fn note(&self) {
        let rules = self.rules.load();
        self.queries_open.store(!rules.require && rules.tokens.is_empty(), Ordering::Relaxed);
        let unnamed = rules.admins.is_none();
        self.socket_open.store(unnamed && rules.socket_right == Right::Admin, Ordering::Relaxed);
        self.listen_socket_open.store(unnamed, Ordering::Relaxed);
    }

    /// Puts other rules in force, also for connections and streams that are open. Says whether the tokens are others.
    pub fn put_in_force(&self, rules: Rules) -> bool {
        let before = self.rules.swap(Arc::new(rules));
        self.note();
        self.changes.send_replace(());
        before.tokens != self.rules.load().tokens
    }

    /// Whether everybody who comes in here may do all that can be done here.
    pub(super) fn is_open(&self, listener_kind: ListenerKind) -> bool {
        match listener_kind {
            ListenerKind::Queries => self.queries_open.load(Ordering::Relaxed),
            ListenerKind::QuerySocket => true,
            ListenerKind::AdminSocket => self.socket_open.load(Ordering::Relaxed),
            ListenerKind::AdminListenSocket => self.listen_socket_open.load(Ordering::Relaxed),
            ListenerKind::Administration => false,
        }
    }

    /// Tells whenever other rules are put in force.
    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// Requests that were refused for want of a right.
    pub fn denied(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn on_the_admin_socket_whoever_opens_it_is_admin_unless_users_or_groups_are_named() {
        let open = Rules::load(&AccessConfig::default(), &[], &[]).expect("rules");
        assert_eq!(open.of_user(ListenerKind::AdminSocket, Some(12345), &[]), Right::Admin);
        let named = Rules::load(&AccessConfig::default(), &names(&["4242"]), &names(&["77"])).expect("rules");
        assert_eq!(named.of_user(ListenerKind::AdminSocket, Some(12345), &[1, 2]), Right::Operator);
        assert_eq!(named.of_user(ListenerKind::AdminSocket, None, &[]), Right::Operator);
        for (uid, gids) in [(0, vec![]), (4242, vec![]), (geteuid().as_raw(), vec![]), (12345, vec![1, 77])] {
            assert_eq!(named.of_user(ListenerKind::AdminSocket, Some(uid), &gids), Right::Admin, "{uid} {gids:?}");
        }
        let root = Rules::load(&AccessConfig::default(), &names(&["root"]), &names(&["root"])).expect("rules");
        assert_eq!(root.of_user(ListenerKind::AdminSocket, Some(12345), &[0]), Right::Admin);
        let shared = Rules::load(&AccessConfig::default(), &[], &[]).expect("rules").with_socket_right(Right::Operator);
        for (uid, on_shared) in [(12345, Right::Operator), (0, Right::Admin), (geteuid().as_raw(), Right::Admin)] {
            assert_eq!(shared.of_user(ListenerKind::AdminSocket, Some(uid), &[]), on_shared, "{uid}");
            assert_eq!(shared.of_user(ListenerKind::AdminListenSocket, Some(uid), &[]), Right::Admin, "{uid}");
        }
        let both = named.with_socket_right(Right::Query);
        assert_eq!(both.of_user(ListenerKind::AdminSocket, Some(12345), &[]), Right::Query);
        assert_eq!(both.of_user(ListenerKind::AdminListenSocket, Some(12345), &[]), Right::Operator);
        let error = Rules::load(&AccessConfig::default(), &names(&["no-such-user"]), &[]).expect_err("nobody");
        assert!(error.to_string().contains("admin.users") && error.to_string().contains("no-such-user"), "{error}");
    }

    #[test]
    fn a_certificate_has_the_highest_right_of_its_names_and_query_without_any() {
        let entry = |name: &str, right| CertificateRight { name: name.to_owned(), right };
        let certificates = vec![entry("NOC.example", Right::Admin), entry("monitor.example", Right::Operator)];
        let config = AccessConfig { certificates, ..AccessConfig::default() };
        let rules = Rules::load(&config, &[], &[]).expect("rules");
        assert_eq!(rules.of_certificate(&names(&["monitor.example", "noc.example"])), Right::Admin);
        assert_eq!(rules.of_certificate(&names(&["monitor.example"])), Right::Operator);
        assert_eq!(rules.of_certificate(&names(&["example", "xnoc.example"])), Right::Query);
    }
}
