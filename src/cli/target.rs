//! Whom a command asks: a daemon, or, where none runs, the same services over the store.

use std::path::Path;
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
use super::here::SYSTEM_SOCKET;
use super::{Global, connect, here, text};
use crate::api::client::{self, Bearer, TlsFiles};
use crate::api::grpc::Grpc;
use crate::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use crate::api::grpc::v1::acceptance_service_server::AcceptanceService;
use crate::api::grpc::v1::admin_service_client::AdminServiceClient;
use crate::api::grpc::v1::admin_service_server::AdminService;
use crate::api::grpc::v1::listing_service_client::ListingServiceClient;
use crate::api::grpc::v1::listing_service_server::ListingService;
use crate::api::grpc::v1::{self, GetStatusRequest};
use crate::daemon;
use crate::daemon::config::Loaded;
use crate::domain::Who;
use crate::fleet;
use crate::service::{Basis, Services, SyncAccess};
use crate::store::archive::Archive;
use crate::store::{Ledger, Store};
use crate::sync::{Own, Syncer};

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
        if let Some(daemon) = Self::find_daemon(global, loaded, access).await? {
            return Ok(daemon);
        }
        if let Some(left_out) = &loaded.left_out {
            // The store is worked on by the settings that are meant, or not at all.
            match here::closed(global, loaded) {
                Some(closed) => bail!("{closed}; and {}", left_out.problem),
                None => bail!("no daemon runs, and {}", left_out.problem),
            }
        }
        let state_dir = here::state_dir(loaded)?;
        let services =
            over_store(&state_dir, loaded, access).await.map_err(|error| match here::closed(global, loaded) {
                Some(closed) => anyhow!("{closed}; and {error}"),
                None => here::hint(error, &state_dir, loaded),
            })?;
        text::aside(format_args!("No daemon runs; working on the store {} directly.", services.store.path().display()));
        Ok(Self::Store(Grpc(Arc::new(services))))
    }

    /// Finds the daemon that `--connect` names, else the one that runs on this machine, if one does. Where its Unix socket is
    /// not for this user, a question goes to its listener for queries.
    pub async fn find_daemon(global: &Global, loaded: &Loaded, access: Access) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &global.connect {
            return connect::connect(url, global).await.map(Some);
        }
        let installation = here::installation(global, loaded);
        let mut found = None;
        for socket in here::sockets(loaded) {
            let Ok(channel) = client::connect_unix(&socket).await else { continue };
            let at = format!("unix:{}", socket.display());
            let daemon = Self::Daemon { channel: Link::new(channel, AsCommand(global.bearer()?)), at };
            match installation {
                Some(asked) if !daemon.keeps(asked, &socket).await => {}
                _ => {
                    found = Some(daemon);
                    break;
                }
            }
        }
        if found.is_none() && access == Access::Read {
            found = here::at_its_listener(global, loaded).await;
        }
        if let (Some(left_out), Some(_)) = (&loaded.left_out, &found) {
            text::aside(format_args!(
                "{} {}\n  The daemon is asked all the same; it goes on by the settings that it has.",
                text::doubtful("WARNING:"),
                left_out.problem
            ));
        }
        Ok(found)
    }

    /// The daemon, for what only one tells, with the way to it and its address. `otherwise` says what to do where none runs.
    pub async fn daemon(
        global: &Global,
        loaded: &Loaded,
        access: Access,
        otherwise: &str,
    ) -> anyhow::Result<(Self, Link, String)> {
        let found = Self::find_daemon(global, loaded, access).await?;
        let Some(Self::Daemon { channel, at }) = found else {
            return Err(here::closed(global, loaded).unwrap_or_else(|| anyhow!("{otherwise}")));
        };
        let (link, address) = (channel.clone(), at.clone());
        Ok((Self::Daemon { channel, at }, link, address))
    }

    async fn keeps(&self, state_dir: &Path, socket: &Path) -> bool {
        let same = |left: &Path, right: &Path| match (left.canonicalize(), right.canonicalize()) {
            (Ok(left), Ok(right)) => left == right,
            _ => left == right,
        };
        match self.get_status(GetStatusRequest {}).await {
            // A directory that was renamed while its daemon runs is still the one of the socket in it.
            Ok(status) => {
                let told = Path::new(&status.state_dir);
                let renamed = || {
                    matches!(told.try_exists(), Ok(false))
                        && socket.parent().is_some_and(|beside| same(beside, state_dir))
                };
                same(told, state_dir) || renamed()
            }
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
                 unix:{SYSTEM_SOCKET}), which root, its owner and its group may use"
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

/// The services over the store itself.
async fn over_store(state_dir: &Path, loaded: &Loaded, access: Access) -> anyhow::Result<Services> {
    let directory = state_dir.to_owned();
    if access != Access::Read {
        here::become_owner_of(state_dir).map_err(|error| {
            anyhow!("the store in {} cannot be worked on as its owner: {error}", state_dir.display())
        })?;
    }
    let opened = tokio::task::spawn_blocking(move || {
        // Only the daemon makes a store: one that a mistyped name, or a command of root's, made elsewhere would be empty, well
        // kept, and taken for the real one.
        let store = match access {
            Access::Read => Store::open_existing(&directory),
            _ => Store::open_existing(&directory).map(drop).and_then(|()| Store::open(&directory)),
        };
        let store = store?;
        // What this command would change, the other sites would not be told.
        if matches!(access, Access::Write | Access::Sync) && fleet::start::check(&store, None).is_err() {
            bail!("the store in {} is in a fleet, and only its daemon changes it: start that", directory.display());
        }
        Ok(daemon::publish_stored(store)?)
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
                Ledger::Own(Arc::clone(&opened.store)),
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
