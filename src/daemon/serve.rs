//! The servers and their readiness.

use std::sync::Arc;

use axum::serve::ListenerExt;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

use super::listen::{Listeners, QueryListener};
use super::{TaskEnd, systemd};
use crate::clock;
use crate::grpc::Services;
use crate::grpc::v1::DESCRIPTORS;
use crate::grpc::v1::acceptance_service_server::AcceptanceServiceServer;
use crate::grpc::v1::admin_service_server::AdminServiceServer;
use crate::grpc::v1::listing_service_server::ListingServiceServer;
use crate::http;
use crate::index::PublishedIndex;
use crate::schedule::Schedule;
use crate::sync::SyncHandle;
use crate::sync::retry::earlier;

/// The largest request that is taken. A question is some dozens of bytes.
const MAX_REQUEST_BYTES: usize = 64 << 10;

/// The largest request to the admin service: a whole listing to assess, or tens of thousands of records.
const MAX_ADMIN_REQUEST_BYTES: usize = 64 << 20;

type Acceptance = AcceptanceServiceServer<Services>;
type Listing = ListingServiceServer<Services>;
type Admin = AdminServiceServer<Services>;

/// What the standard health service says.
#[derive(Clone)]
pub struct Readiness(HealthReporter);

/// The health service, saying what holds now.
pub async fn health(index: &PublishedIndex) -> (Readiness, HealthServer<impl Health>) {
    let (reporter, service) = tonic_health::server::health_reporter();
    let readiness = Readiness(reporter);
    readiness.0.set_service_status(Admin::NAME, ServingStatus::Serving).await;
    readiness.set(index.load().is_some()).await;
    (readiness, service)
}

impl Readiness {
    async fn set(&self, loaded: bool) {
        let status = if loaded { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in ["", Acceptance::NAME, Listing::NAME] {
            self.0.set_service_status(service, status).await;
        }
    }

    /// Nothing more is taken on.
    pub async fn stopping(&self) {
        self.set(false).await;
        self.0.set_service_status(Admin::NAME, ServingStatus::NotServing).await;
    }
}

/// Serves all listeners until the shutdown.
pub fn spawn(
    tasks: &mut JoinSet<TaskEnd>,
    listeners: Listeners,
    services: Services,
    health: HealthServer<impl Health>,
    shutdown: &CancellationToken,
) {
    let queries = [Acceptance::NAME, Listing::NAME, "grpc.health.v1.Health"];
    let everything = [Acceptance::NAME, Listing::NAME, Admin::NAME, "grpc.health.v1.Health"];
    let query_routes = || {
        let mut routes = Routes::new(Acceptance::new(services.clone()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(Listing::new(services.clone()).max_decoding_message_size(MAX_REQUEST_BYTES))
            .add_service(health.clone());
        routes = routes.prepare();
        routes
    };
    if let Some(listener) = listeners.query {
        let routes = with_reflection(query_routes(), &queries);
        let server = Server::builder().add_routes(routes);
        let stopped = shutdown.clone().cancelled_owned();
        tasks.spawn(async move {
            let served = match listener {
                QueryListener::Tcp(listener) => {
                    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
                    server.serve_with_incoming_shutdown(incoming, stopped).await
                }
                QueryListener::Unix(listener, _) => {
                    server.serve_with_incoming_shutdown(UnixListenerStream::new(listener), stopped).await
                }
            };
            ("query listener", served.map_err(|error| error.to_string()))
        });
    }
    if let Some(listener) = listeners.http {
        let router = http::router(services.clone());
        let stopped = shutdown.clone().cancelled_owned();
        tasks.spawn(async move {
            let served = match listener {
                QueryListener::Tcp(listener) => {
                    let incoming = listener.tap_io(|stream| {
                        // It only costs time on the way.
                        let _ = stream.set_nodelay(true);
                    });
                    axum::serve(incoming, router).with_graceful_shutdown(stopped).await
                }
                QueryListener::Unix(listener, _) => axum::serve(listener, router).with_graceful_shutdown(stopped).await,
            };
            ("HTTP listener", served.map_err(|error| error.to_string()))
        });
    }
    let routes =
        query_routes().add_service(Admin::new(services.clone()).max_decoding_message_size(MAX_ADMIN_REQUEST_BYTES));
    let server = Server::builder().add_routes(with_reflection(routes, &everything));
    let incoming = UnixListenerStream::new(listeners.admin);
    let stopped = shutdown.clone().cancelled_owned();
    tasks.spawn(async move {
        let served = server.serve_with_incoming_shutdown(incoming, stopped).await;
        ("Unix socket", served.map_err(|error| error.to_string()))
    });
}

/// Adds reflection, naming just the services that this listener has.
fn with_reflection(mut routes: Routes, services: &[&str]) -> Routes {
    let configure = || {
        let builder = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        services.iter().fold(builder, |builder, service| builder.with_service_name(*service))
    };
    // Old clients speak v1alpha only. Both fail only on descriptors that do not fit together, which a test would find.
    match (configure().build_v1(), configure().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes = routes.add_service(v1).add_service(v1alpha),
        (Err(error), _) | (_, Err(error)) => tracing::error!(%error, "server reflection is off: {error}"),
    }
    routes.prepare()
}

/// Keeps readiness and the status line true after every cycle.
pub struct Watch {
    pub index: Arc<PublishedIndex>,
    pub sync: SyncHandle,
    pub schedule: watch::Receiver<Arc<Schedule>>,
    pub retry: watch::Receiver<Option<Timestamp>>,
    pub health: Readiness,
}

impl Watch {
    /// Runs until the shutdown.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut completed = self.sync.completed();
        loop {
            self.health.set(self.index.load().is_some()).await;
            systemd::status(&self.status_line(clock::now()));
            tokio::select! {
                () = shutdown.cancelled() => return,
                changed = completed.changed() => if changed.is_err() { break },
                changed = self.schedule.changed() => if changed.is_err() { break },
                changed = self.retry.changed() => if changed.is_err() { break },
            }
        }
        shutdown.cancelled().await;
    }

    fn status_line(&self, now: Timestamp) -> String {
        let next = earlier(self.schedule.borrow().next_after(now), *self.retry.borrow())
            .map_or_else(|| "never".to_owned(), |next| next.strftime("%H:%M UTC").to_string());
        let state = self.sync.state();
        let trouble = state
            .last
            .as_ref()
            .filter(|last| last.outcome.error().is_some())
            .map_or_else(String::new, |last| format!("; LAST SYNC {}", last.outcome.as_str().to_uppercase()));
        match self.index.load().as_deref() {
            None => format!("No listing loaded yet, nothing can be answered{trouble}; next sync {next}"),
            Some(index) => format!(
                "Serving snapshot {} with {} filings, confirmed {}{trouble}; next sync {next}",
                index.snapshot().serial,
                index.snapshot().filings.len(),
                index.confirmed_at().strftime("%Y-%m-%d %H:%M UTC"),
            ),
        }
    }
}
