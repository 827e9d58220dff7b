//! How connections are served: by one single-threaded runtime per core, apart from all other work.
//!
//! ```text
//!  listener ──accept──▶ the thread with the fewest connections ──▶ hyper ──▶ a service (gRPC or HTTP)
//!                                                            └──▶ at_once ──┘
//! ```
//!
//! HTTP/1.1 as nearly all switches speak it does not need hyper (`at_once`).
//!
//! A connection stays with its thread, so an answer meets no lock, no other thread and no work stealing; what else the
//! daemon does (syncs, reads of the store, administration) runs on threads of its own. Connections are given out by
//! count and not by the kernel (SO_REUSEPORT): a switch has few connections, and a hash would put most of them on one
//! core. It also leaves one socket for systemd to hold over a restart.
//!
//! Where a listener speaks TLS, the handshake is the connection's own business, on its own thread ([`Tls`]).
//!
//! The connections of a thread share a fair queue, so that a sparse client does not wait for all that the bulk ones have open
//! (`fair_queue`).
//!
//! Every connection is bounded: in what it may send and hold open, in time to say something, in time to be idle, in time to
//! take its answers (`patience`). What is asked beside calls has bounds of its own ([`budget`]).

mod accept;
mod activity;
mod at_once;
pub mod auth;
mod belief;
mod body;
pub mod budget;
mod certificate_files;
mod client;
mod connection;
mod drive;
mod fair_queue;
mod heads;
mod io;
mod limits;
mod patience;
mod preface;
pub mod priority;
mod quota;
mod registry;
mod request_line;
pub(crate) mod secret_file;
mod tls;
pub(crate) mod users;
mod workers;

pub use accept::{Acceptor, Framing, ListenSocket, Respond};
pub use at_once::Get;
pub use body::Incoming;
pub use certificate_files::{CertificateFacts, CertificateFiles, CertificateState};
pub use client::Client;
pub use connection::{Caller, Connection, Peer};
pub use limits::LimitsConfig;
pub use quota::Allowances;
pub(crate) use registry::LEAVING_PART;
pub use registry::{Registries, Registry};
pub(crate) use request_line::is_host;
pub(crate) use tls::private_key;
pub use tls::{Certified, Prepared, Tls, TlsConfig, TlsError, certificates};
pub use workers::{Place, Threads};
