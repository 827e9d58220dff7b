//! Which services a listener carries, and the standard ones for health and reflection.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::Mutex;
use tokio_stream::{Stream, StreamExt};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic::{Code, Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_check_response};
use tonic_health::server::{HealthReporter, HealthService};

use super::v1::DESCRIPTORS;
use super::v1::acceptance_service_server::AcceptanceServiceServer;
use super::v1::admin_service_server::AdminServiceServer;
use super::v1::alerts_service_server::AlertsServiceServer;
use super::v1::listing_service_server::ListingServiceServer;
use super::{FastPath, Grpc, GrpcAlerts};
use crate::alerts::Alerts;
use crate::domain::Rejection;
use crate::service::Services;

/// The largest request to the admin service: a whole listing to assess, or tens of thousands of records.
const MAX_ADMIN_REQUEST_BYTES: usize = 64 << 20;

const HEALTH: &str = "grpc.health.v1.Health";

type Acceptance = AcceptanceServiceServer<Grpc>;
type Listing = ListingServiceServer<Grpc>;
type Admin = AdminServiceServer<Grpc>;
type AlertsServer = AlertsServiceServer<GrpcAlerts>;

/// The name of the admin service, as the health service knows it.
pub(crate) const ADMIN_SERVICE: &str = <Admin as NamedService>::NAME;

/// What the standard health service says.
#[derive(Clone)]
pub struct Readiness {
    reporter: HealthReporter,
    /// Whether the daemon stops, after which nothing is said any more. Held while something is said.
    stopping: Arc<Mutex<bool>>,
}

/// The health service, saying that no listing is loaded. Who watches it is told of the end when the daemon stops.
pub async fn health(shutdown: CancellationToken) -> (Readiness, HealthServer<impl Health>) {
    let readiness = Readiness { reporter: HealthReporter::new(), stopping: Arc::default() };
    readiness.reporter.set_service_status(Admin::NAME, ServingStatus::Serving).await;
    readiness.set(false).await;
    let told = HealthService::from_health_reporter(readiness.reporter.clone());
    (readiness, HealthServer::new(Told { health: told, shutdown }))
}

/// What the health service says, as the protocol has it where tonic's own does not: of a service that is not known a watch
/// says so, and stays open, and it tells of changes alone.
struct Told {
    health: HealthService,
    shutdown: CancellationToken,
}

#[tonic::async_trait]
impl Health for Told {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        self.health.check(request).await
    }

    type WatchStream = HealthWatch;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthWatch>, Status> {
        let statuses: Statuses = match self.health.watch(request).await {
            Ok(watched) => Box::pin(changes(watched.into_inner())),
            Err(status) if status.code() == Code::NotFound => {
                let unknown = health_check_response::ServingStatus::ServiceUnknown.into();
                Box::pin(tokio_stream::once(Ok(HealthCheckResponse { status: unknown })).chain(tokio_stream::pending()))
            }
            Err(status) => return Err(status),
        };
        let stopping = Box::pin(self.shutdown.clone().cancelled_owned());
        Ok(Response::new(HealthWatch { statuses, stopping: Some(stopping) }))
    }
}

type Statuses = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

/// Without those that only repeat the one before.
fn changes(
    statuses: impl Stream<Item = Result<HealthCheckResponse, Status>>,
) -> impl Stream<Item = Result<HealthCheckResponse, Status>> {
    let mut last = None;
    statuses.filter(move |told| match told {
        Ok(told) => last.replace(told.status) != Some(told.status),
        Err(_) => true,
    })
}

/// The statuses of a service as they change, until the daemon stops.
struct HealthWatch {
    statuses: Statuses,
    stopping: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Stream for HealthWatch {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stopping) = &mut self.stopping else { return Poll::Ready(None) };
        let stops = stopping.as_mut().poll(cx).is_ready();
        if let Poll::Ready(next) = self.statuses.as_mut().poll_next(cx) {
            return Poll::Ready(next);
        }
        if !stops {
            return Poll::Pending;
        }
        self.stopping = None;
        Poll::Ready(Some(Err(Rejection::stopping().into())))
    }
}

impl Readiness {
    /// Whether a listing is loaded.
    pub async fn set(&self, loaded: bool) {
        let stopping = self.stopping.lock().await;
        if !*stopping {
            self.say(loaded).await;
        }
    }

    /// Nothing more is taken on.
    pub async fn stopping(&self) {
        let mut stopping = self.stopping.lock().await;
        *stopping = true;
        self.say(false).await;
        self.reporter.set_service_status(Admin::NAME, ServingStatus::NotServing).await;
    }

    async fn say(&self, loaded: bool) {
        let status = if loaded { ServingStatus::Serving } else { ServingStatus::NotServing };
        for service in ["", Acceptance::NAME, Listing::NAME] {
            self.reporter.set_service_status(service, status).await;
        }
    }
}

/// What a listener for queries answers.
pub fn queries(services: &Arc<Services>, health: &HealthServer<impl Health>) -> FastPath {
    let names = [Acceptance::NAME, Listing::NAME, HEALTH];
    fast_path(services, with_reflection(query_routes(services, health), &names))
}

/// What a listener for everything answers.
pub fn everything(services: &Arc<Services>, alerts: &Arc<Alerts>, health: &HealthServer<impl Health>) -> FastPath {
    let names = [Acceptance::NAME, Listing::NAME, Admin::NAME, AlertsServer::NAME, HEALTH];
    let admin = Admin::new(Grpc(Arc::clone(services))).max_decoding_message_size(MAX_ADMIN_REQUEST_BYTES);
    let alerts = AlertsServer::new(GrpcAlerts(Arc::clone(alerts)));
    let routes = query_routes(services, health).add_service(admin).add_service(alerts);
    fast_path(services, with_reflection(routes, &names))
}

fn fast_path(services: &Arc<Services>, routes: Routes) -> FastPath {
    FastPath::new(Arc::clone(services), routes, services.limits.message_bytes, services.limits.request_timeout)
}

fn query_routes(services: &Arc<Services>, health: &HealthServer<impl Health>) -> Routes {
    let most = services.limits.message_bytes;
    let grpc = Grpc(Arc::clone(services));
    Routes::new(Acceptance::new(grpc.clone()).max_decoding_message_size(most))
        .add_service(Listing::new(grpc).max_decoding_message_size(most))
        .add_service(health.clone())
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
