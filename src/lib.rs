//! rmdd keeps the FCC's Robocall Mitigation Database at hand, tracks every removal, and answers: may I accept calls
//! from this provider? (47 CFR 64.6305(g))
//!
//! # The journey of a listing
//!
//! The rooms stand in the order in which the data flows:
//!
//! ```text
//!  schedule ──trigger──┐
//!                      ▼
//!  source ─▶ fetch ─▶ parse ─▶ vet ─▶ diff ─▶ store (commit) ─▶ index (publish)
//!            bytes    Listing  Snapshot Delta   one transaction    one atomic swap
//!                                                                     │
//!                            question ─▶ grpc, http ─▶ decide ◀───────┘
//!                                                        │
//!                                                        ▼
//!                                                     Decision
//! ```
//!
//! A question about the past goes the way back: [`moments`] has [`store`] read the changes since, [`history`] undoes them
//! from the published index, and [`decide`] is asked with what stood then.
//!
//! What vetting does not let pass at once waits aside: for a second copy, or for a person ([`vet`]). The raw bytes of what
//! was applied or waits are kept in the [`archive`].
//!
//! Connections live in [`serving`]: on threads that do nothing but answer, within bounds, over TLS where it is asked for;
//! [`access`] says who may ask what.
//!
//! Every answer of the daemon passes [`observe`]: counted in [`metrics`], kept in the [`decision_log`].
//!
//! What an operator may set stands with the room that works by it, and [`config`] puts it together; only the
//! listeners, which several rooms share, are its own.
//!
//! [`sync`] runs one cycle through the stages, one at a time; [`daemon`] wires everything; [`cli`] is what people type.
//!
//! # What the code promises
//!
//! 1. A snapshot is committed before it is published.
//! 2. A listing that is refused or held changes neither what stands nor the index.
//! 3. A look-up never waits for a sync and never touches the disk.
//! 4. A start serves the last committed snapshot, with its age, before any network call.
//! 5. A decision is a pure function of index, query and time.
//! 6. An unknown store format is refused with a clear error; it is never overwritten.
//! 7. An unreadable row is never a removal: an unknown enumeration text is kept as it stands, and a broken row carries
//!    the provider's last good filing forward, marked.
//!
//! # Who owns what
//!
//! One room owns each outside crate: reqwest and the unpackers in [`fetch`], csv, calamine, zip and encoding_rs in
//! [`parse`], zstd in [`archive`], redb in [`store`], tonic and prost in [`grpc`] (its client side in [`client`]), axum in
//! [`http`], hyper, rustls and governor in [`serving`] (rustls also in [`client`] and [`fetch`]), listenfd and sd-notify in
//! [`daemon`], the cron crates in [`schedule`], nix in [`access`], prometheus-client in [`metrics`], config in [`config`],
//! clap in [`cli`].
//! [`domain`] imports nothing of ours. [`parse`], [`vet`], [`diff`], [`export`], [`history`], [`index`], [`decide`],
//! [`live`] and [`status`] do no I/O, know no tokio and read no clock: `now` is an argument. Nothing imports [`daemon`] but
//! [`cli`], and nothing imports [`cli`] but the program.

pub mod api;
pub mod cli;
pub mod daemon;
pub mod decide;
pub mod domain;
pub mod listing;
pub mod observe;
pub mod records;
pub mod service;
pub mod store;
pub mod sync;
pub mod transport;
