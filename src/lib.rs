//! rmdd keeps the FCC's Robocall Mitigation Database at hand, tracks every removal, and answers: may I accept calls
//! from this provider? (47 CFR 64.6305(g))
//!
//! # The journey of a listing
//!
//! ```text
//!  sync/schedule ──trigger──┐
//!                           ▼
//!  source ─▶ sync/fetch ─▶ listing/parse ─▶ listing/vet ─▶ listing/diff ─▶ store (commit) ─▶ listing/index (publish)
//!            bytes         Listing          Snapshot       Delta           one transaction   one atomic swap
//!                                                                                               │
//!                          query ─▶ api ─▶ service ─▶ decide ◀──────────────────────────────────┘
//!                                                        │
//!                                                        ▼
//!                                                     Decision
//! ```
//!
//! A query about the past goes the way back: [`service`] has [`store`] read the changes since, [`listing::rewind`] undoes
//! them from the published index, and [`decide`] is asked with what was current then.
//!
//! # The layers
//!
//! The folders stand in this order, here and in `src/`; each imports only those before it. `tests/layers.rs` holds them to
//! it, to the outside crates that each owns, and to where the protocol's messages may be named.
//!
//! | folder | what it is |
//! |---|---|
//! | [`domain`] | the words of the field; times as people write them; text that may be shown |
//! | [`listing`] | pure: bytes, Listing, vetted Snapshot, Delta, Index; search; the canonical export; undoing changes |
//! | [`records`] | pure: what operators noted, and the lists that they hand in |
//! | [`decide`] | pure: (index, records, query, policy, now) gives a Decision; calling numbers; how peers stand, and what would become of them |
//! | [`store`] | redb, and the archive of raw bytes |
//! | [`transport`] | sockets, TLS, rights, limits, fair queueing; it knows no service |
//! | [`observe`] | metrics, the decision log, what the last hour brought, logging, the clock |
//! | [`sync`] | one cycle through the stages; its source, its schedule, its retries |
//! | [`service`] | the use cases, on domain types |
//! | [`alerts`] | what is told to people and machines outside, and that it arrives |
//! | [`fleet`] | what sites of a fleet say to one another, and what each makes of it |
//! | [`api`] | gRPC, HTTP, JSON and the page for people, side by side on `service`; the client |
//! | [`daemon`] | wiring, settings, readiness, signals, drain |
//! | [`cli`] | what people type, one file or folder a command |
//!
//! What an operator may set stands with the folder that works by it, and [`daemon::config`] puts it together. `domain`,
//! `listing`, `records` and `decide` do no I/O, know no tokio and read no clock: `now` is an argument.
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

// Outside tests: these panic as `unwrap` does, and what is printed goes through `cli::text`, where nothing from a listing
// can command a terminal.
#![cfg_attr(not(test), warn(clippy::expect_used, clippy::panic, clippy::unreachable, clippy::print_stdout))]

pub mod domain;

pub mod listing;

pub mod records;

pub mod decide;

pub mod store;

pub mod transport;

pub mod observe;

pub mod sync;

pub mod service;

pub mod alerts;

pub mod fleet;

pub mod api;

pub mod daemon;

pub mod cli;
