//! Whom a command asks: a daemon, or, where none runs, the same services over the store.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use arc_swap::ArcSwap;
use thiserror::Error;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::CancellationToken;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;

use super::connect::{AsCommand, Link};
use super::{Global, connect, text};
use crate::api::client::{self, Bearer, TlsFiles};
use crate::api::grpc::Grpc;
use crate::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use crate::api::grpc::v1::acceptance_service_server::AcceptanceService;
use crate::api::grpc::v1::admin_service_client::AdminServiceClient;
use crate::api::grpc::v1::admin_service_server::AdminService;
use crate::api::grpc::v1::listing_service_client::ListingServiceClient;
use crate::api::grpc::v1::listing_service_server::ListingService;
use crate::api::grpc::v1::{self, GetStatusRequest};
use crate::daemon::config::{Listen, Loaded, Origin, default_state_dir};
use crate::daemon::{self, SOCKET_NAME, runtime_socket};
use crate::domain::Who;
use crate::service::{Basis, Services, SyncAccess};
use crate::store::archive::Archive;
use crate::store::{FILE_NAME, Store, StoreError};
use crate::sync::{Own, Syncer};

/// Where systemd keeps the daemon's socket and state.
pub const SYSTEM_SOCKET: &str = "/run/rmdd/rmdd.sock";
const SYSTEM_STATE: &str = "/var/lib/rmdd";

/// What a command does with the store where no daemon runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    /// Changes operators' records.
    Write,
    /// Changes the file of a store that is there, and nothing that it holds.
    Maintain,
    Sync,
}

/// Whom a command asks.
pub enum Target {
    Daemon { channel: Link, at: String },
    Store(Grpc),
}

/// An answer in pieces.
pub struct Pieces<'a, T> {
    target: &'a Target,
    stream: Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>,
}

impl<T> Pieces<'_, T> {
    /// The next piece; nothing behind the last.
    pub async fn next(&mut self) -> anyhow::Result<Option<T>> {
        self.stream.next().await.transpose().map_err(|status| self.target.explain(&status))
    }
}

/// The largest answer that is taken.
pub const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A refusal by whom was asked.
#[derive(Debug, Error)]
#[error("{message}")]
pub struct Refused {
    /// The reason in its ErrorInfo; empty if it has none.
    pub reason: String,
    /// Fields of the request that are bad, and what is wrong with them.
    pub violations: Vec<(String, String)>,
    message: String,
}

impl Refused {
    /// Why an ask was refused, if it was.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.downcast_ref()
    }
}

macro_rules! ask {
    ($name:ident, $client:ident, $request:ty, $response:ty) => {
        /// Asks.
        pub async fn $name(&self, request: $request) -> anyhow::Result<$response> {
            let answer = match self {
                Self::Daemon { channel, .. } => {
                    let client = $client::new(channel.clone());
                    client.max_decoding_message_size(MAX_ANSWER_BYTES).$name(request).await
                }
                Self::Store(services) => services.$name(Request::new(request)).await,
            };
            answer.map(tonic::Response::into_inner).map_err(|status| self.explain(&status))
        }
    };
}

impl Target {
    ask!(check_provider, AcceptanceServiceClient, v1::CheckProviderRequest, v1::CheckProviderResponse);
    ask!(check_providers, AcceptanceServiceClient, v1::CheckProvidersRequest, v1::CheckProvidersResponse);
    ask!(get_provider, ListingServiceClient, v1::GetProviderRequest, v1::GetProviderResponse);
    ask!(search_providers, ListingServiceClient, v1::SearchProvidersRequest, v1::SearchProvidersResponse);
    ask!(list_removals, ListingServiceClient, v1::ListRemovalsRequest, v1::ListRemovalsResponse);
    ask!(list_snapshots, ListingServiceClient, v1::ListSnapshotsRequest, v1::ListSnapshotsResponse);
    ask!(list_changes, ListingServiceClient, v1::ListChangesRequest, v1::ListChangesResponse);
    ask!(get_status, AdminServiceClient, v1::GetStatusRequest, v1::GetStatusResponse);
    ask!(trigger_sync, AdminServiceClient, v1::TriggerSyncRequest, v1::TriggerSyncResponse);

    ask!(put_records, AdminServiceClient, v1::PutRecordsRequest, v1::PutRecordsResponse);
    ask!(remove_records, AdminServiceClient, v1::RemoveRecordsRequest, v1::RemoveRecordsResponse);
    ask!(list_records, AdminServiceClient, v1::ListRecordsRequest, v1::ListRecordsResponse);
    ask!(acknowledge_records, AdminServiceClient, v1::AcknowledgeRecordsRequest, v1::AcknowledgeRecordsResponse);
    ask!(verify, AdminServiceClient, v1::VerifyRequest, v1::VerifyResponse);
    ask!(compact, AdminServiceClient, v1::CompactRequest, v1::CompactResponse);
    ask!(list_record_events, AdminServiceClient, v1::ListRecordEventsRequest, v1::ListRecordEventsResponse);
    ask!(approve_listing, AdminServiceClient, v1::ApproveListingRequest, v1::ApproveListingResponse);
    ask!(list_standings, AdminServiceClient, v1::ListStandingsRequest, v1::ListStandingsResponse);
    ask!(assess_impact, AdminServiceClient, v1::AssessImpactRequest, v1::AssessImpactResponse);

    /// Asks for a whole listing, piece by piece.
    pub async fn export_listing(
        &self,
        request: v1::ExportListingRequest,
    ) -> anyhow::Result<Pieces<'_, v1::ExportListingResponse>> {
        match self {
            Self::Daemon { channel, .. } => {
                let mut client = ListingServiceClient::new(channel.clone());
                let answer = client.export_listing(request).await.map_err(|status| self.explain(&status))?;
                Ok(Pieces { target: self, stream: Box::pin(answer.into_inner()) })
            }
            Self::Store(services) => {
                let answer = services.export_listing(Request::new(request)).await;
                let answer = answer.map_err(|status| self.explain(&status))?;
                Ok(Pieces { target: self, stream: Box::pin(answer.into_inner()) })
            }
        }
    }

    /// Asks for a copy of the store, piece by piece.
    pub async fn backup(&self) -> anyhow::Result<Pieces<'_, v1::BackupResponse>> {
        let request = v1::BackupRequest {};
        match self {
            Self::Daemon { channel, .. } => {
                let answer = AdminServiceClient::new(channel.clone()).backup(request).await;
                let answer = answer.map_err(|status| self.explain(&status))?;
                Ok(Pieces { target: self, stream: Box::pin(answer.into_inner()) })
            }
            Self::Store(services) => {
                let answer = services.backup(Request::new(request)).await.map_err(|status| self.explain(&status))?;
                Ok(Pieces { target: self, stream: Box::pin(answer.into_inner()) })
            }
        }
    }

    /// Asks about whom a text means now.
    pub async fn first_known<T>(&self, text: &str, ask: impl AsyncFn(Who) -> anyhow::Result<T>) -> anyhow::Result<T> {
        self.first_known_at(text, None, ask).await
    }

    /// Finds whom to ask: the daemon that `--connect` names; else the one that runs on this machine; else the store.
    pub async fn find(global: &Global, loaded: &Loaded, access: Access) -> anyhow::Result<Self> {
        if let Some(daemon) = Self::find_daemon(global, loaded).await? {
            return Ok(daemon);
        }
        let state_dir = match &loaded.config.state_dir {
            Some(directory) => directory.clone(),
            None => default_state_dir().map_err(|error| anyhow!(error))?,
        };
        let services = over_store(&state_dir, loaded, access).await.map_err(|error| match closed(loaded) {
            Some(closed) => anyhow!("{closed}; and {error}"),
            None => hint(error, installation(global, loaded), &state_dir),
        })?;
        text::aside(format_args!("No daemon runs; working on the store {} directly.", services.store.path().display()));
        Ok(Self::Store(Grpc(Arc::new(services))))
    }

    /// Finds the daemon that `--connect` names, else the one that runs on this machine, if one does.
    pub async fn find_daemon(global: &Global, loaded: &Loaded) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &global.connect {
            return connect::connect(url, global).await.map(Some);
        }
        let installation = installation(global, loaded);
        for socket in sockets(loaded) {
            let Ok(channel) = client::connect_unix(&socket).await else { continue };
            let at = format!("unix:{}", socket.display());
            let daemon = Self::Daemon { channel: Link::new(channel, AsCommand(global.bearer()?)), at };
            match installation {
                Some(asked) if !daemon.keeps(asked, &socket).await => {}
                _ => return Ok(Some(daemon)),
            }
        }
        Ok(None)
    }

    async fn keeps(&self, state_dir: &Path, socket: &Path) -> bool {
        let same = |left: &Path, right: &Path| match (left.canonicalize(), right.canonicalize()) {
            (Ok(left), Ok(right)) => left == right,
            _ => left == right,
        };
        match self.get_status(GetStatusRequest {}).await {
            Ok(status) => same(Path::new(&status.state_dir), state_dir),
            // It may not say so to everybody. The socket that stands beside the store is that of its daemon.
            Err(error) => {
                Refused::of(&error).is_some() && socket.parent().is_some_and(|beside| same(beside, state_dir))
            }
        }
    }

    /// What went wrong, for a person.
    pub fn explain(&self, status: &Status) -> anyhow::Error {
        let at = match self {
            Self::Daemon { at, .. } => at.as_str(),
            Self::Store(_) => "the store",
        };
        if connect::speaks_no_grpc(status) {
            return anyhow!("{}", connect::no_grpc(at, "speaks HTTP, but no gRPC"));
        }
        match status.code() {
            Code::Unimplemented => anyhow!(
                "{at} serves questions only: for this command connect to the daemon's Unix socket (--connect \
                 unix:{SYSTEM_SOCKET})"
            ),
            // A status with a source was not said by the daemon but made of what became of the connection.
            code if std::error::Error::source(status).is_some()
                || (code == Code::Unavailable && status.message().is_empty()) =>
            {
                let cause = std::error::Error::source(status).map(client::causes).unwrap_or_default();
                connect::gone(at, &cause)
            }
            _ => {
                let details = status.get_error_details();
                let violations = details.bad_request().map(|bad| bad.field_violations.clone()).unwrap_or_default();
                anyhow::Error::new(Refused {
                    reason: details.error_info().map(|info| info.reason.clone()).unwrap_or_default(),
                    violations: violations.into_iter().map(|bad| (bad.field, bad.description)).collect(),
                    message: status.message().to_owned(),
                })
            }
        }
    }
}

impl Global {
    /// The token that the user has.
    pub fn bearer(&self) -> anyhow::Result<Bearer> {
        match &self.token_file {
            None => Ok(Bearer::default()),
            Some(path) => Bearer::read(path).map_err(|error| anyhow!("--token-file: {error}")),
        }
    }

    pub fn tls_files(&self) -> anyhow::Result<TlsFiles> {
        let identity = match (&self.client_cert, &self.client_key) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => bail!("--client-cert and --client-key go together: give both"),
        };
        Ok(TlsFiles { ca: self.ca_file.clone(), identity })
    }
}

/// The state directory of the one installation that is meant, where flags, the environment or a configuration that was
/// named say so. The daemon of another one is not whom to ask.
fn installation<'a>(global: &Global, loaded: &'a Loaded) -> Option<&'a Path> {
    let meant = match loaded.origin("state_dir") {
        Origin::Flag | Origin::Environment => true,
        Origin::File => global.config.is_some(),
        Origin::Default => false,
    };
    loaded.config.state_dir.as_deref().filter(|_| meant)
}

/// Where a daemon's socket may be, the likeliest first: where the settings in force say, then where systemd's daemon and the
/// user's own have theirs.
fn sockets(loaded: &Loaded) -> Vec<PathBuf> {
    let mut sockets = Vec::new();
    if let Some(directory) = &loaded.config.state_dir {
        sockets.push(directory.join(SOCKET_NAME));
    }
    if let Listen::Unix(path) = &loaded.config.admin.listen {
        sockets.push(path.clone());
    }
    if std::env::var_os("RUNTIME_DIRECTORY").is_some() {
        sockets.push(runtime_socket(Path::new("")));
    }
    sockets.push(SYSTEM_SOCKET.into());
    if let Ok(directory) = default_state_dir() {
        sockets.push(directory.join(SOCKET_NAME));
    }
    // Where this user may not look, nothing is there for it.
    sockets.retain(|socket| socket.try_exists().unwrap_or(false));
    sockets
}

/// What to say where nobody could be asked, if a daemon's socket is there and not for this user.
pub fn closed(loaded: &Loaded) -> Option<anyhow::Error> {
    let refuses = |socket: &PathBuf| {
        std::os::unix::net::UnixStream::connect(socket).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
    };
    let socket = sockets(loaded).into_iter().find(refuses)?;
    Some(anyhow!(
        "only its owner, its group and root may use the daemon's socket {}: be one of these, or ask it over TCP what is no \
         administration (--connect http://127.0.0.1:7633)",
        socket.display()
    ))
}

fn hint(error: anyhow::Error, installation: Option<&Path>, state_dir: &Path) -> anyhow::Error {
    let system = Path::new(SYSTEM_STATE);
    let missing = matches!(error.downcast_ref(), Some(StoreError::Missing { .. }));
    if missing && installation.is_none() && state_dir != system && system.join(FILE_NAME).try_exists().unwrap_or(false)
    {
        return anyhow!("no daemon runs, and {error}; systemd's daemon keeps its own: --state-dir {SYSTEM_STATE}");
    }
    if missing { anyhow!("no daemon runs, and {error}") } else { error }
}

/// The services over the store itself.
async fn over_store(state_dir: &Path, loaded: &Loaded, access: Access) -> anyhow::Result<Services> {
    let directory = state_dir.to_owned();
    let (vet, max_bytes) = (loaded.config.vet.clone(), loaded.config.fetch.max_bytes);
    let opened = tokio::task::spawn_blocking(move || {
        if matches!(access, Access::Write | Access::Sync) {
            daemon::refill_if_gone(&directory, &vet, max_bytes)?;
        }
        let store = match access {
            Access::Read => Store::open_existing(&directory),
            // A name that is mistyped must not make a store that is empty and well kept.
            Access::Maintain => Store::open_existing(&directory).map(drop).and_then(|()| Store::open(&directory)),
            Access::Write | Access::Sync => Store::open(&directory),
        };
        daemon::publish_stored(store?)
    })
    .await
    .context("reading the store was interrupted")??;
    let settings = daemon::sync_settings(&loaded.config).map_err(|error| anyhow!(error))?;
    let policy = Arc::new(ArcSwap::from_pointee(loaded.config.policy()));
    let sync = match access {
        Access::Read | Access::Write | Access::Maintain => {
            SyncAccess::Record { state: Arc::new(opened.sync_state), settings: Arc::new(settings) }
        }
        Access::Sync => {
            let (syncer, handle) = Syncer::new(
                Arc::clone(&opened.store),
                Arc::clone(&opened.index),
                opened.sync_state,
                settings,
                Archive::new(state_dir),
            );
            let syncer = syncer.with_own(Own { records: Arc::clone(&opened.records), policy: Arc::clone(&policy) });
            // Ends with the command.
            tokio::spawn(syncer.run(CancellationToken::new()));
            SyncAccess::Handle(handle)
        }
    };
    Ok(Services::new(Basis {
        index: opened.index,
        records: opened.records,
        store: opened.store,
        state_dir: state_dir.to_owned(),
        sync,
        freshness: loaded.config.freshness.clone(),
        policy,
        me: loaded.config.me.clone(),
        limits: loaded.config.limits.clone(),
    }))
}
