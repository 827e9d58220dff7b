//! The part of a daemon that takes part in a fleet, from its configuration.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio_util::sync::CancellationToken;

use super::DaemonError;
use super::config::Config;
use super::tls::now_and_then;
use crate::domain::Sha256Digest;
use crate::fleet::config::{FleetConfig, FleetTlsConfig};
use crate::fleet::engine::{self, ClientConfig, Engine};
use crate::fleet::run::Runner;
use crate::fleet::site::{Params, Site};
use crate::fleet::start::{self, Parts, Starting};
use crate::fleet::tls::{self, EngineTls};
use crate::service::Fleet;
use crate::store::{Ledger, Store};
use crate::sync::Elsewhere;
use crate::transport::CertificateFiles;

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
    config: FleetTlsConfig,
    /// Nothing where they are reached without.
    in_force: Option<InForce>,
}

#[derive(Debug)]
struct InForce {
    /// What new connections are made with.
    current: Arc<ArcSwap<ClientConfig>>,
    files: Arc<CertificateFiles>,
}

/// The members of a fleet's etcd.
///
/// # Errors
///
/// If an address is none, or a file of its TLS cannot be used.
pub fn engine(config: &FleetConfig) -> Result<(Engine, Certificates), DaemonError> {
    let tls = tls::load(&config.tls).map_err(setting)?;
    let in_force = tls.map(|EngineTls { config, facts }| InForce {
        current: Arc::new(ArcSwap::new(config)),
        files: Arc::new(CertificateFiles::new(tls::NAME, facts)),
    });
    let member = |address: &String| {
        let tls = in_force.as_ref().filter(|_| address.starts_with("https://"));
        engine::member(address, tls.map(|tls| Arc::clone(&tls.current))).map_err(setting)
    };
    let members = config.engine.iter().map(member).collect::<Result<Vec<_>, _>>()?;
    Ok((Engine::new(members, PATIENCE), Certificates { config: config.tls.clone(), in_force }))
}

impl Certificates {
    /// How the files of its certificate stand, where it has one.
    pub fn files(&self) -> Option<Arc<CertificateFiles>> {
        self.in_force.as_ref().map(|in_force| Arc::clone(&in_force.files))
    }

    /// Puts what other files hold in force, as they come.
    pub async fn renew(self, shutdown: CancellationToken) {
        let Self { config, in_force } = self;
        let Some(in_force) = in_force else { return shutdown.cancelled().await };
        now_and_then(|| LOOK_AT_FILES, move |before| in_force.look(&config, before), shutdown).await;
    }
}

impl InForce {
    fn look(&self, config: &FleetTlsConfig, before: Option<String>) -> Option<String> {
        let load = || Ok(tls::load(config)?.map(|EngineTls { config, facts }| (facts, config)));
        self.files.look(before, load, |facts, config| {
            self.current.store(config);
            self.files.put_in_force(facts);
        })
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::*;

    fn put(path: &Path, text: &str) {
        std::fs::write(path, text).expect("written");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    }

    #[tokio::test]
    async fn files_towards_etcd_that_cannot_be_used_are_told_and_leave_what_is_in_force_until_others_come() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let made = || rcgen::generate_simple_self_signed(["site.example".to_owned()]).expect("a certificate");
        let (first, other) = (made(), made());
        put(&at("ca.pem"), &first.cert.pem());
        put(&at("site.pem"), &first.cert.pem());
        put(&at("site.key"), &first.signing_key.serialize_pem());
        let engine_at = vec!["https://127.0.0.1:1".to_owned()];
        let mut config = FleetConfig { engine: engine_at, ..FleetConfig::default() };
        config.tls.ca = Some(at("ca.pem"));
        config.tls.certificate = Some(at("site.pem"));
        config.tls.key = Some(at("site.key"));
        let (_, certificates) = engine(&config).expect("members");
        let in_force = certificates.in_force.expect("TLS");
        let (config, began) = (certificates.config, in_force.current.load_full());
        assert_eq!(in_force.look(&config, None), None);

        // The key of another: at first it may be that the certificate comes next.
        put(&at("site.key"), &other.signing_key.serialize_pem());
        let wrong = in_force.look(&config, None).expect("wrong");
        assert_eq!(in_force.files.state().unusable, None);
        in_force.look(&config, Some(wrong));
        let unusable = in_force.files.state().unusable.expect("told");
        assert!(unusable.contains("fleet.tls") && unusable.contains("site.key"), "{unusable}");
        assert!(Arc::ptr_eq(&began, &in_force.current.load_full()), "what was in force stays");

        put(&at("site.pem"), &other.cert.pem());
        assert_eq!(in_force.look(&config, Some(unusable)), None);
        assert_eq!(in_force.files.state().unusable, None);
        assert!(!Arc::ptr_eq(&began, &in_force.current.load_full()), "the others are in force");
    }
}
