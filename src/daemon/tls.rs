//! The TLS of the listeners, and how it is renewed while they run.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::TaskEnd;
use crate::daemon::config::{Config, Listen};
use crate::transport::auth::{AccessError, Right, Rules};
use crate::transport::{Prepared, Tls, TlsConfig, TlsError};

/// gRPC is spoken over HTTP/2 alone.
const ALPN_GRPC: &[&[u8]] = &[b"h2"];
/// The first that the client speaks, too. Of what it may do wrong HTTP/1.1 bears more: a path that HTTP/2 does not allow is reset
/// before anybody can see that it asks for a call to 911.
const ALPN_HTTP: &[&[u8]] = &[b"http/1.1", b"h2"];

/// The TLS of each listener that has it.
#[derive(Clone)]
pub struct ListenersTls {
    pub grpc: Option<Arc<Tls>>,
    pub http: Option<Arc<Tls>>,
    pub admin: Option<Arc<Tls>>,
}

impl ListenersTls {
    /// Reads and checks all files, before anything is bound.
    pub fn load(config: &Config) -> Result<Self, TlsError> {
        let of = |name, alpn, listen: &Listen, tls: &TlsConfig| match listen {
            Listen::Off => Ok(None),
            _ => Tls::load(name, alpn, tls),
        };
        Ok(Self {
            grpc: of("grpc.tls", ALPN_GRPC, &config.grpc.listen, &config.grpc.tls)?,
            http: of("http.tls", ALPN_HTTP, &config.http.listen, &config.http.tls)?,
            admin: of("admin.tls", ALPN_GRPC, &config.admin.listen, &config.admin.tls)?,
        })
    }

    /// All of them.
    pub fn all(&self) -> Vec<Arc<Tls>> {
        [&self.grpc, &self.http, &self.admin].into_iter().flatten().map(Arc::clone).collect()
    }

    /// Looks at the files now and then until the shutdown, and puts new ones in force.
    pub fn watch(&self, tasks: &mut JoinSet<TaskEnd>, shutdown: &CancellationToken) {
        for tls in self.all() {
            let (shutdown, looked) = (shutdown.clone(), Arc::clone(&tls));
            tasks.spawn(async move {
                now_and_then(move || tls.check_every(), move |before| looked.look(before), shutdown).await;
                ("certificates", Ok(()))
            });
        }
    }

    /// What a reload puts in force. A listener that has TLS can be given other files, but none is given TLS or loses it
    /// without a restart.
    pub fn prepare(&self, next: &Config) -> Result<Renewal, TlsError> {
        let of = |tls: &Option<Arc<Tls>>, config: &TlsConfig| match tls {
            Some(tls) => tls.prepare(config),
            None => Ok(None),
        };
        Ok(Renewal {
            grpc: of(&self.grpc, &next.grpc.tls)?,
            http: of(&self.http, &next.http.tls)?,
            admin: of(&self.admin, &next.admin.tls)?,
        })
    }
}

/// Looks at the files of a certificate now and then until the shutdown. What was wrong with them is told the next look.
pub async fn now_and_then(
    every: impl Fn() -> Duration,
    look: impl Fn(Option<String>) -> Option<String> + Send + Sync + 'static,
    shutdown: CancellationToken,
) {
    let (mut wrong, look) = (None, Arc::new(look));
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(every()) => {}
        }
        let (look, before) = (Arc::clone(&look), wrong.take());
        match tokio::task::spawn_blocking(move || look(before)).await {
            Ok(found) => wrong = found,
            Err(_) => tracing::error!("a look at the certificates came to an unexpected end"),
        }
    }
}

/// Who has which right, as the configuration says, and that nobody is let in by mistake, or kept out.
pub fn rules(config: &Config) -> Result<Rules, AccessError> {
    let rules = Rules::load(&config.access, &config.admin.users, &config.admin.groups)?
        .with_socket_right(config.admin.socket_right);
    let asks_on_tcp = [(&config.grpc.listen, &config.grpc.tls), (&config.http.listen, &config.http.tls)]
        .into_iter()
        .filter(|(listen, _)| matches!(listen, Listen::Tcp(_)));
    if config.access.require
        && !rules.has_token_for(Right::Query)
        && asks_on_tcp.into_iter().any(|(_, tls)| !tls.is_on() || tls.client_ca.is_none())
    {
        return Err(AccessError::NobodyToLetIn);
    }
    if let Listen::Tcp(address) = &config.admin.listen {
        let tls = &config.admin.tls;
        let open = |why| AccessError::AdminOpen { listen: address.to_string(), why };
        if !address.ip().is_loopback() && !tls.is_on() {
            return Err(open("beyond this machine it is served over TLS only: set admin.tls"));
        }
        let by_certificate = tls.is_on() && tls.client_ca.is_some() && rules.has_certificate_for(Right::Operator);
        if !by_certificate && !rules.has_token_for(Right::Operator) {
            return Err(open(
                "nobody could use it, or anybody on this machine could: name a token with the right operator or admin in \
                 access.tokens_file, or admin.tls.client_ca and a certificate with such a right in access.certificates",
            ));
        }
    }
    Ok(rules)
}

/// What a reload puts in force.
pub struct Renewal {
    grpc: Option<Prepared>,
    http: Option<Prepared>,
    admin: Option<Prepared>,
}

impl Renewal {
    /// Whether a changed setting is put in force by it.
    pub fn puts_in_force(&self, setting: &str) -> bool {
        (self.grpc.is_some() && setting.starts_with("grpc.tls."))
            || (self.http.is_some() && setting.starts_with("http.tls."))
            || (self.admin.is_some() && setting.starts_with("admin.tls."))
    }

    /// Puts it in force. Names the listeners whose files hold something else than before.
    pub fn put_in_force(self) -> Vec<String> {
        let renewed = |name: &str, prepared: Option<Prepared>| {
            prepared.is_some_and(Prepared::put_in_force).then(|| format!("{name} (new files)"))
        };
        let all = [renewed("grpc.tls", self.grpc), renewed("http.tls", self.http), renewed("admin.tls", self.admin)];
        all.into_iter().flatten().collect()
    }
}
