//! The part of a daemon that takes part in a fleet, from its configuration.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use super::config::Config;
use crate::domain::Sha256Digest;
use crate::fleet::config::FleetConfig;
use crate::fleet::engine::{self, ClientConfig, Engine};
use crate::fleet::run::Runner;
use crate::fleet::site::{Params, Site};
use crate::fleet::start::{self, Parts, Starting};
use crate::fleet::tls::{self, EngineTls};
use crate::service::Fleet;
use crate::store::{Ledger, Store};
use crate::sync::Elsewhere;

/// So long a member of etcd has for an answer before the next one is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// So often it is looked whether the files of its TLS hold something else.
const LOOK_AT_FILES: Duration = Duration::from_secs(30);

fn setting(error: impl ToString) -> DaemonError {
    DaemonError::Setting(error.to_string())
}

/// The TLS towards the members, which is replaced when its files are.
#[derive(Debug)]
pub struct Certificates {
    config: FleetConfig,
    /// Nothing where they are reached without.
    in_force: Option<(Arc<ArcSwap<ClientConfig>>, Sha256Digest)>,
}

/// The members of a fleet's etcd.
///
/// # Errors
///
/// If an address is none, or a file of its TLS cannot be used.
pub fn engine(config: &FleetConfig) -> Result<(Engine, Certificates), DaemonError> {
    let tls = tls::load(&config.tls).map_err(setting)?;
    let in_force = tls.map(|EngineTls { config, digest }| (Arc::new(ArcSwap::new(config)), digest));
    let member = |address: &String| {
        let tls = in_force.as_ref().filter(|_| address.starts_with("https://"));
        engine::member(address, tls.map(|(config, _)| Arc::clone(config))).map_err(setting)
    };
    let members = config.engine.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    Ok((Engine::new(members, PATIENCE), Certificates { config: config.clone(), in_force }))
}

impl Certificates {
    /// Puts what other files hold in force, as they come.
    pub async fn renew(self, shutdown: CancellationToken) {
        let Some((current, mut digest)) = self.in_force else { return shutdown.cancelled().await };
        let mut said = String::new();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(LOOK_AT_FILES) => {}
            }
            let files = self.config.tls.clone();
            match tokio::task::spawn_blocking(move || tls::load(&files)).await {
                Ok(Ok(Some(read))) if read.digest != digest => {
                    tracing::info!("fleet.tls: new files are in force");
                    digest = read.digest;
                    current.store(read.config);
                    said.clear();
                }
                Ok(Ok(_)) | Err(_) => said.clear(),
                Ok(Err(error)) if said != error.to_string() => {
                    said = error.to_string();
                    tracing::error!(%error, "the files of fleet.tls cannot be used, and those in force stay: {error}");
                }
                Ok(Err(_)) => {}
            }
        }
    }
}

/// Whether a store can be served by this configuration.
///
/// # Errors
///
/// Says why not.
pub fn check(config: &Config, store: &Store) -> Result<(), DaemonError> {
    start::check(store, config.fleet.as_ref().map(|fleet| fleet.name.as_str())).map_err(setting)
}

/// The site that a daemon is in its fleet.
#[derive(Debug)]
pub struct Member {
    starting: Starting,
    certificates: Certificates,
}

/// The same, ready to run.
#[derive(Debug)]
pub struct Running {
    /// The task that it is.
    pub runner: Runner,
    /// What it knows of its fleet.
    pub fleet: Fleet,
    /// Its TLS towards the members of etcd.
    pub certificates: Certificates,
    /// What it tells the others of itself.
    pub says: Says,
}

/// What a site tells the others of its configuration.
#[derive(Debug, Clone)]
pub struct Says(Arc<Site>);

impl Says {
    /// Another configuration is in force.
    pub fn put_in_force(&self, config: &Config) {
        self.0.set_policy(policy(config));
    }
}

impl Member {
    /// Where its facts are made.
    pub fn ledger(&self) -> Ledger {
        self.starting.ledger()
    }

    /// Where cycles are run while another site fetches.
    pub fn elsewhere(&self) -> Arc<dyn Elsewhere> {
        Arc::clone(&self.starting.site) as _
    }

    /// Makes it ready to run.
    pub fn begin(self, parts: Parts) -> Running {
        let says = Says(Arc::clone(&self.starting.site));
        let (runner, fleet) = self.starting.runner(parts);
        Running { runner, fleet, certificates: self.certificates, says }
    }
}

/// The site that a daemon is, if it is one of a fleet.
///
/// # Errors
///
/// If the configuration makes none.
pub fn starting(config: &Config, store: &Arc<Store>) -> Result<Option<Member>, DaemonError> {
    let Some(fleet) = &config.fleet else { return Ok(None) };
    let (engine, certificates) = engine(fleet)?;
    let starting = Starting::new(&fleet.name, params(fleet)?, engine, Arc::clone(store));
    starting.site.set_policy(policy(config));
    Ok(Some(Member { starting, certificates }))
}

/// How a site takes part in its fleet.
///
/// # Errors
///
/// If it has no name.
pub fn params(fleet: &FleetConfig) -> Result<Params, DaemonError> {
    Ok(Params {
        site: fleet.site().map_err(setting)?,
        fetches: fleet.fetches,
        poll: fleet.poll,
        lease: fleet.lease,
        behind_after: fleet.behind_after,
    })
}

/// The digest of the policy, by which sites see that theirs differ.
fn policy(config: &Config) -> Sha256Digest {
    Sha256Digest::of(&serde_json::to_vec(&config.policy).unwrap_or_default())
}
