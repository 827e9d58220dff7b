//! What is served where.

use std::sync::Arc;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::server::NamedService;
use tonic::service::Routes;
use tonic_health::pb::health_server::{Health, HealthServer};

use super::TaskEnd;
use super::listen::{Listener, Listeners};
use crate::access::Door;
use crate::grpc::v1::DESCRIPTORS;
use crate::grpc::v1::acceptance_service_server::AcceptanceServiceServer;
use crate::grpc::v1::admin_service_server::AdminServiceServer;
use crate::grpc::v1::listing_service_server::ListingServiceServer;
use crate::grpc::{Front, Services};
use crate::http;
use crate::serving::{Acceptor, Allowances, Incoming, LimitsConfig, Place, Protocol, Registry, Threads};

/// The largest request to the admin service: a whole listing to assess, or tens of thousands of records.
const MAX_ADMIN_REQUEST_BYTES: usize = 64 << 20;

pub type Acceptance = AcceptanceServiceServer<Services>;
pub type Listing = ListingServiceServer<Services>;
pub type Admin = AdminServiceServer<Services>;

/// Serves all listeners until the shutdown, questions on the threads that answer.
pub fn spawn(
    tasks: &mut JoinSet<TaskEnd>,
    listeners: Listeners,
    services: &Services,
    health: HealthServer<impl Health>,
    threads: &Threads,
    limits: &LimitsConfig,
    shutdown: &CancellationToken,
) {
    let limits = Arc::new(limits.clone());
    let allowances = Arc::new(Allowances::new(limits.questions_per_second, limits.batch));
    let queries = [Acceptance::NAME, Listing::NAME, "grpc.health.v1.Health"];
    let everything = [Acceptance::NAME, Listing::NAME, Admin::NAME, "grpc.health.v1.Health"];
    let most = limits.message_bytes;
    let query_routes = || {
        Routes::new(Acceptance::new(services.clone()).max_decoding_message_size(most))
            .add_service(Listing::new(services.clone()).max_decoding_message_size(most))
            .add_service(health.clone())
    };
    let front = |routes| Arc::new(Front::new(services.clone(), routes, most, limits.request_timeout));
    let on_threads = || Place::Threads(threads.clone());
    let mut serve = |name: &'static str, listener: Listener, protocol, place| {
        let registry = Registry::new(limits.connections);
        if let Some(observer) = &services.observer {
            observer.listens(name, Arc::clone(&registry));
        }
        let door = match (&listener.incoming, &place) {
            (Incoming::Tcp(_), Place::Threads(_)) => Door::Queries,
            (Incoming::Unix(_), Place::Threads(_)) => Door::QuerySocket,
            (Incoming::Tcp(_), Place::Here(_)) => Door::Administration,
            (Incoming::Unix(_), Place::Here(_)) => Door::AdminSocket,
        };
        let acceptor = Acceptor {
            name,
            incoming: listener.incoming,
            protocol,
            tls: listener.tls,
            door,
            access: Arc::clone(&listeners.access),
            place,
            registry,
            allowances: Arc::clone(&allowances),
            limits: Arc::clone(&limits),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(async move { (name, acceptor.run().await.map_err(|error| error.to_string())) });
    };
    if let Some(listener) = listeners.grpc {
        let routes = with_reflection(query_routes(), &queries);
        serve("gRPC listener", listener, Protocol::Grpc(front(routes)), on_threads());
    }
    if let Some(listener) = listeners.http {
        let router = http::router(services.clone());
        serve("HTTP listener", listener, Protocol::Http(router), on_threads());
    }
    let admin = Admin::new(services.clone()).max_decoding_message_size(MAX_ADMIN_REQUEST_BYTES);
    let routes = with_reflection(query_routes().add_service(admin), &everything);
    // Apart from the threads that answer: what is asked here may take long, and must not be kept out by a flood.
    let lives = TaskTracker::new();
    let front = front(routes);
    if let Some(listener) = listeners.administration {
        serve("admin listener", listener, Protocol::Grpc(Arc::clone(&front)), Place::Here(lives.clone()));
    }
    serve("Unix socket", listeners.admin, Protocol::Grpc(front), Place::Here(lives.clone()));
    let shutdown = shutdown.clone();
    tasks.spawn(async move {
        shutdown.cancelled().await;
        lives.close();
        lives.wait().await;
        ("Unix socket's connections", Ok(()))
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
