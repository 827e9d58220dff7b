//! What is served where.

use std::sync::Arc;

use http::{Request, Response, Version};
use http_body_util::Either;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::TaskEnd;
use super::descriptors::Connections;
use super::listen::{Listener, Listeners};
use crate::alerts::Alerts;
use crate::api::grpc::{self, FastPath, Health, HealthServer};
use crate::api::http::{Hosts, HttpService};
use crate::service::Services;
use crate::transport::auth::{Access, ListenerKind};
use crate::transport::{
    Acceptor, Allowances, Caller, Framing, Incoming, LimitsConfig, ListenSocket, Place, Registries, Registry, Respond,
    Threads,
};

/// What `admin.listen` names.
const ADMIN_LISTENER: &str = "admin listener";

/// What all listeners have in common.
pub struct Serving<'a> {
    /// What is asked.
    pub services: Arc<Services>,
    /// What is told outside.
    pub alerts: Arc<Alerts>,
    /// The threads that answer.
    pub threads: &'a Threads,
    /// The bounds that connections are held to.
    pub limits: Arc<LimitsConfig>,
    /// Cancelled when the daemon stops.
    pub shutdown: CancellationToken,
    /// How many files may be open.
    pub descriptors: Option<usize>,
    /// Names under which the page is served (`http.hosts`).
    pub hosts: Vec<String>,
}

/// What the sockets of the administration answer: gRPC, and to browsers the page.
struct Everything {
    grpc: Arc<FastPath>,
    http: Arc<HttpService>,
}

impl Respond for Everything {
    type Body = Either<<FastPath as Respond>::Body, <HttpService as Respond>::Body>;

    async fn respond(self: Arc<Self>, request: Request<Incoming>, caller: Arc<Caller>) -> Response<Self::Body> {
        if request.version() <= Version::HTTP_11 {
            Arc::clone(&self.http).respond(request, caller).await.map(Either::Right)
        } else {
            Box::pin(Arc::clone(&self.grpc).respond(request, caller)).await.map(Either::Left)
        }
    }
}

impl Serving<'_> {
    /// Serves all listeners until the shutdown, queries on the threads that answer.
    pub fn spawn(&self, tasks: &mut JoinSet<TaskEnd>, listeners: Listeners, health: HealthServer<impl Health>) {
        let allowances = Arc::new(Allowances::new(self.limits.rate_limit, self.limits.batch));
        let queries = usize::from(listeners.grpc.is_some()) + usize::from(listeners.http.is_some());
        let administration = 1 + usize::from(listeners.administration.is_some());
        let wanted = self.limits.connections;
        let connections = Connections::share_out(self.descriptors, wanted, queries, administration);
        connections.announce(self.descriptors, wanted);
        let (access, registries) = (listeners.access, Registries::default());
        let common = Common { serving: self, access, allowances, connections, registries };
        let on_threads = || Place::Threads(self.threads.clone());
        if let Some(listener) = listeners.grpc {
            let service = Arc::new(grpc::queries(&self.services, &health));
            common.spawn(tasks, ("gRPC listener", listener), (Framing::Http2, service), on_threads());
        }
        if let Some(listener) = listeners.http {
            let hosts = Hosts { names: self.hosts.clone(), is_certain: listener.tls.is_some() };
            let service = Arc::new(HttpService::new(Arc::clone(&self.services)).under(hosts));
            common.spawn(tasks, ("HTTP listener", listener), (Framing::Either, service), on_threads());
        }
        let hosts = Hosts { names: self.hosts.clone(), is_certain: false };
        let http = HttpService::new(Arc::clone(&self.services)).under(hosts);
        let grpc = grpc::everything(&self.services, &self.alerts, &health);
        let service = Arc::new(Everything { grpc: Arc::new(grpc), http: Arc::new(http) });
        // Apart from the threads that answer: what is asked here may take long, and must not be kept out by a flood.
        let lives = TaskTracker::new();
        let here = || Place::Here(lives.clone());
        if let Some(listener) = listeners.administration {
            common.spawn(tasks, (ADMIN_LISTENER, listener), (Framing::Http2, Arc::clone(&service)), here());
        }
        if let Some(listener) = listeners.admin {
            common.spawn(tasks, ("Unix socket", listener), (Framing::ByPreface, service), here());
        }
        let shutdown = self.shutdown.clone();
        tasks.spawn(async move {
            shutdown.cancelled().await;
            lives.close();
            lives.wait().await;
            ("Unix socket's connections", Ok(()))
        });
    }
}

/// What the acceptors have in common.
struct Common<'a> {
    serving: &'a Serving<'a>,
    access: Arc<Access>,
    allowances: Arc<Allowances>,
    connections: Connections,
    registries: Registries,
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
        let registry = match &place {
            Place::Threads(_) => Registry::new(self.connections.queries),
            Place::Here(_) => Registry::new(self.connections.administration),
        };
        if matches!(place, Place::Threads(_)) {
            self.registries.add(&registry);
        }
        if let Some(observer) = &services.observer {
            observer.listens(name, Arc::clone(&registry));
        }
        let listener_kind = match (&listener.socket, &place) {
            (ListenSocket::Tcp(_), Place::Threads(_)) => ListenerKind::Queries,
            (ListenSocket::Unix(_), Place::Threads(_)) => ListenerKind::QuerySocket,
            (ListenSocket::Tcp(_), Place::Here(_)) => ListenerKind::Administration,
            (ListenSocket::Unix(_), Place::Here(_)) if name == ADMIN_LISTENER => ListenerKind::AdminListenSocket,
            (ListenSocket::Unix(_), Place::Here(_)) => ListenerKind::AdminSocket,
        };
        let acceptor = Acceptor {
            name,
            socket: listener.socket,
            framing,
            service,
            tls: listener.tls,
            listener_kind,
            access: Arc::clone(&self.access),
            place,
            registry,
            registries: self.registries.clone(),
            untaken: Arc::clone(&services.budget.untaken),
            allowances: Arc::clone(&self.allowances),
            limits: Arc::clone(limits),
            shutdown: shutdown.clone(),
        };
        tasks.spawn(async move { (name, acceptor.run().await.map_err(|error| error.to_string())) });
    }
}
