//! Whom a command asks: a daemon, or, where none runs, the same services over the store.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::Global;
use crate::client;
use crate::config::{Loaded, default_state_dir};
use crate::daemon::{self, SOCKET_NAME, runtime_socket};
use crate::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use crate::grpc::v1::acceptance_service_server::AcceptanceService;
use crate::grpc::v1::admin_service_client::AdminServiceClient;
use crate::grpc::v1::admin_service_server::AdminService;
use crate::grpc::v1::listing_service_client::ListingServiceClient;
use crate::grpc::v1::listing_service_server::ListingService;
use crate::grpc::v1::{self, GetStatusRequest};
use crate::grpc::{Services, SyncAccess};
use crate::store::{FILE_NAME, Store, StoreError};
use crate::sync::Syncer;

/// Where systemd keeps the daemon's socket and state.
const SYSTEM_SOCKET: &str = "/run/rmdd/rmdd.sock";
const SYSTEM_STATE: &str = "/var/lib/rmdd";

/// What a command does with the store where no daemon runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Sync,
}

/// Whom a command asks.
pub enum Target {
    Daemon { channel: Channel, at: String },
    Store(Box<Services>),
}

macro_rules! ask {
    ($name:ident, $client:ident, $request:ty, $response:ty) => {
        /// Asks.
        pub async fn $name(&self, request: $request) -> anyhow::Result<$response> {
            let answer = match self {
                Self::Daemon { channel, .. } => $client::new(channel.clone()).$name(request).await,
                Self::Store(services) => services.$name(Request::new(request)).await,
            };
            answer.map(tonic::Response::into_inner).map_err(|status| self.explain(&status))
        }
    };
}

impl Target {
    ask!(check_provider, AcceptanceServiceClient, v1::CheckProviderRequest, v1::CheckProviderResponse);
    ask!(get_provider, ListingServiceClient, v1::GetProviderRequest, v1::GetProviderResponse);
    ask!(search_providers, ListingServiceClient, v1::SearchProvidersRequest, v1::SearchProvidersResponse);
    ask!(list_removals, ListingServiceClient, v1::ListRemovalsRequest, v1::ListRemovalsResponse);
    ask!(get_status, AdminServiceClient, v1::GetStatusRequest, v1::GetStatusResponse);
    ask!(trigger_sync, AdminServiceClient, v1::TriggerSyncRequest, v1::TriggerSyncResponse);

    /// Finds whom to ask: the daemon that `--connect` names; else the one that runs on this machine; else the store.
    pub async fn find(global: &Global, loaded: &Loaded, access: Access) -> anyhow::Result<Self> {
        if let Some(url) = &global.connect {
            return connect(url).await;
        }
        for socket in sockets(global) {
            let Ok(channel) = client::connect_unix(&socket).await else { continue };
            let daemon = Self::Daemon { channel, at: format!("unix:{}", socket.display()) };
            // A --state-dir names one installation. The daemon of another one is not whom to ask.
            match &global.state_dir {
                Some(asked) if !daemon.keeps(asked).await => {}
                _ => return Ok(daemon),
            }
        }
        let state_dir = match &loaded.config.state_dir {
            Some(directory) => directory.clone(),
            None => default_state_dir().map_err(|error| anyhow!(error))?,
        };
        let services = over_store(&state_dir, loaded, access).await.map_err(|error| hint(error, global, &state_dir))?;
        anstream::eprintln!("No daemon runs; working on the store {} directly.", services.store.path().display());
        Ok(Self::Store(Box::new(services)))
    }

    async fn keeps(&self, state_dir: &Path) -> bool {
        let same = |left: &Path, right: &Path| match (left.canonicalize(), right.canonicalize()) {
            (Ok(left), Ok(right)) => left == right,
            _ => left == right,
        };
        match self.get_status(GetStatusRequest {}).await {
            Ok(status) => same(Path::new(&status.state_dir), state_dir),
            Err(_) => false,
        }
    }

    fn explain(&self, status: &Status) -> anyhow::Error {
        let at = match self {
            Self::Daemon { at, .. } => at.as_str(),
            Self::Store(_) => "the store",
        };
        match status.code() {
            Code::Unimplemented => anyhow!(
                "{at} serves questions only: for this command connect to the daemon's Unix socket (--connect \
                 unix:{SYSTEM_SOCKET})"
            ),
            Code::Unavailable if status.message().is_empty() || std::error::Error::source(status).is_some() => {
                anyhow!("the daemon at {at} went away before it answered")
            }
            _ => anyhow!("{}", status.message()),
        }
    }
}

async fn connect(url: &str) -> anyhow::Result<Target> {
    let channel = if let Some(path) = url.strip_prefix("unix:") {
        client::connect_unix(Path::new(path)).await
    } else if url.starts_with("http://") {
        client::connect_tcp(url).await
    } else if url.starts_with("https://") {
        bail!("{url:?}: this version speaks to daemons without TLS only; give http://HOST:PORT or unix:PATH");
    } else {
        bail!("{url:?} is no daemon's address: give http://HOST:PORT or unix:PATH");
    };
    let channel = channel.map_err(|error| {
        let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), root_cause);
        anyhow!("no daemon answers at {url}: {cause}")
    })?;
    Ok(Target::Daemon { channel, at: url.to_owned() })
}

fn root_cause(mut error: &(dyn std::error::Error + 'static)) -> String {
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// Where a daemon's socket may be, the likeliest first.
fn sockets(global: &Global) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    if let Some(directory) = &global.state_dir {
        sockets.push(directory.join(SOCKET_NAME));
    }
    if std::env::var_os("RUNTIME_DIRECTORY").is_some() {
        sockets.push(runtime_socket(Path::new("")));
    }
    sockets.push(SYSTEM_SOCKET.into());
    if let Ok(directory) = default_state_dir() {
        sockets.push(directory.join(SOCKET_NAME));
    }
    sockets.retain(|socket| socket.exists());
    sockets
}

fn hint(error: anyhow::Error, global: &Global, state_dir: &Path) -> anyhow::Error {
    let system = Path::new(SYSTEM_STATE);
    let missing = matches!(error.downcast_ref(), Some(StoreError::Missing { .. }));
    if missing && global.state_dir.is_none() && state_dir != system && system.join(FILE_NAME).exists() {
        return anyhow!("no daemon runs, and {error}; systemd's daemon keeps its own: --state-dir {SYSTEM_STATE}");
    }
    if missing { anyhow!("no daemon runs, and {error}") } else { error }
}

/// The services over the store itself.
async fn over_store(state_dir: &Path, loaded: &Loaded, access: Access) -> anyhow::Result<Services> {
    let directory = state_dir.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let store = match access {
            Access::Read => Store::open_existing(&directory),
            Access::Sync => Store::open(&directory),
        };
        daemon::publish_stored(store?)
    })
    .await
    .context("reading the store was interrupted")??;
    let settings = daemon::sync_settings(&loaded.config).map_err(|error| anyhow!(error))?;
    let sync = match access {
        Access::Read => SyncAccess::Record { state: Arc::new(opened.sync_state), source: settings.source.to_string() },
        Access::Sync => {
            let (syncer, handle) =
                Syncer::new(Arc::clone(&opened.store), Arc::clone(&opened.index), opened.sync_state, settings);
            // Ends with the command.
            tokio::spawn(syncer.run(CancellationToken::new()));
            SyncAccess::Handle(handle)
        }
    };
    Ok(Services {
        index: opened.index,
        store: opened.store,
        state_dir: state_dir.to_owned(),
        sync,
        freshness: Arc::new(ArcSwap::from_pointee(loaded.config.freshness.clone())),
        policy: Arc::new(ArcSwap::from_pointee(loaded.config.policy())),
        running: None,
    })
}
