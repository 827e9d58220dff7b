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
use crate::api::grpc::v1::DESCRIPTORS;
use crate::api::grpc::v1::acceptance_service_server::AcceptanceServiceServer;
use crate::api::grpc::v1::admin_service_server::AdminServiceServer;
use crate::api::grpc::v1::listing_service_server::ListingServiceServer;
use crate::api::grpc::{FastPath, Grpc};
use crate::api::http::HttpService;
use crate::service::Services;
use crate::transport::auth::{Access, Door};
use crate::transport::{Acceptor, Allowances, Framing, LimitsConfig, ListenSocket, Place, Registry, Respond, Threads};

/// The largest request to the admin service: a whole listing to assess, or tens of thousands of records.
const MAX_ADMIN_REQUEST_BYTES: usize = 64 << 20;

pub type Acceptance = AcceptanceServiceServer<Grpc>;
pub type Listing = ListingServiceServer<Grpc>;
pub type Admin = AdminServiceServer<Grpc>;

/// What all listeners have in common.
pub struct Serving<'a> {
    /// What is asked.
    pub services: Arc<Services>,
    /// The threads that answer.
    pub threads: &'a Threads,
    /// The bounds that connections are held to.
    pub limits: Arc<LimitsConfig>,
    /// Cancelled when the daemon stops.
    pub shutdown: CancellationToken,
}

impl Serving<'_> {
    /// Serves all listeners until the shutdown, queries on the threads that answer.
    pub fn spawn(&self, tasks: &mut JoinSet<TaskEnd>, listeners: Listeners, health: HealthServer<impl Health>) {
        let allowances = Arc::new(Allowances::new(self.limits.questions_per_second, self.limits.batch));
        let common = Common { serving: self, access: listeners.access, allowances };
        let grpc = |routes| {
            let (most, patience) = (self.limits.message_bytes, self.limits.request_timeout);
            Arc::new(FastPath::new(Arc::clone(&self.services), routes, most, patience))
        };
        let on_threads = || Place::Threads(self.threads.clone());
        if let Some(listener) = listeners.grpc {
            let queries = [Acceptance::NAME, Listing::NAME, "grpc.health.v1.Health"];
            let service = grpc(with_reflection(self.query_routes(&health), &queries));
            common.spawn(tasks, ("gRPC listener", listener), (Framing::Http2, service), on_threads());
        }
        if let Some(listener) = listeners.http {
            let service = Arc::new(HttpService::new(Arc::clone(&self.services)));
            common.spawn(tasks, ("HTTP listener", listener), (Framing::Either, service), on_threads());
        }
        let admin = Admin::new(Grpc(Arc::clone(&self.services))).max_decoding_message_size(MAX_ADMIN_REQUEST_BYTES);
        let everything = [Acceptance::NAME, Listing::NAME, Admin::NAME, "grpc.health.v1.Health"];
        let service = grpc(with_reflection(self.query_routes(&health).add_service(admin), &everything));
        // Apart from the threads that answer: what is asked here may take long, and must not be kept out by a flood.
        let lives = TaskTracker::new();
        let here = || Place::Here(lives.clone());
        if let Some(listener) = listeners.administration {
            common.spawn(tasks, ("admin listener", listener), (Framing::Http2, Arc::clone(&service)), here());
        }
        common.spawn(tasks, ("Unix socket", listeners.admin), (Framing::Http2, service), here());
        let shutdown = self.shutdown.clone();
        tasks.spawn(async move {
            shutdown.cancelled().await;
            lives.close();
            lives.wait().await;
            ("Unix socket's connections", Ok(()))
        });
    }

    fn query_routes(&self, health: &HealthServer<impl Health>) -> Routes {
        let most = self.limits.message_bytes;
        let grpc = Grpc(Arc::clone(&self.services));
        Routes::new(Acceptance::new(grpc.clone()).max_decoding_message_size(most))
            .add_service(Listing::new(grpc).max_decoding_message_size(most))
            .add_service(health.clone())
    }
}

/// What the acceptors have in common.
struct Common<'a> {
    serving: &'a Serving<'a>,
    access: Arc<Access>,
    allowances: Arc<Allowances>,
}

impl Common<'_> {
    fn spawn<R: Respond>(
        &self,
        tasks: &mut JoinSet<TaskEnd>,
        (name, listener): (&'static str, Listener),
        (framing, service): (Framing, Arc<R>),
        place: Place,
    ) {
        let Serving { services, limits, shutdown, .. } = self.serving;
        let registry = Registry::new(limits.connections);
        if let Some(observer) = &services.observer {
            observer.listens(name, Arc::clone(&registry));
        }
        let door = match (&listener.socket, &place) {
            (ListenSocket::Tcp(_), Place::Threads(_)) => Door::Queries,
            (ListenSocket::Unix(_), Place::Threads(_)) => Door::QuerySocket,
            (ListenSocket::Tcp(_), Place::Here(_)) => Door::Administration,
            (ListenSocket::Unix(_), Place::Here(_)) => Door::AdminSocket,
        };
        let acceptor = Acceptor {
            name,
            socket: listener.socket,
            framing,
            service,
            tls: listener.tls,
            door,
            access: Arc::clone(&self.access),
            place,
            registry,
            allowances: Arc::clone(&self.allowances),
            limits: Arc::clone(limits),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(async move { (name, acceptor.run().await.map_err(|error| error.to_string())) });
    }
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
