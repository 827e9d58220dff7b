//! The configuration: one TOML file, overridden by environment variables, overridden by flags.
//!
//! It only composes: what a setting means, its default and what it must not be stand with the room that works by it. The
//! listeners, which several rooms share, have a room of their own here.

mod layers;
mod listeners;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::alerts::config::AlertsConfig;
use crate::decide::own::MeConfig;
use crate::decide::{Policy, PolicyConfig};
use crate::fleet::config::FleetConfig;
use crate::listing::rewind::HistoryConfig;
use crate::listing::vet::VetConfig;
use crate::observe::decision_log::DecisionLogConfig;
use crate::observe::logging::LogConfig;
use crate::service::{DiskConfig, FreshnessConfig};
use crate::store::archive::ArchiveConfig;
use crate::sync::fetch::{FCC_CSV_URL, FetchConfig, Source};
use crate::sync::schedule::{Schedule, ScheduleConfig};
use crate::transport::LimitsConfig;
use crate::transport::auth::AccessConfig;

pub use layers::{ConfigError, Loaded, Origin, environment, load, load_to_ask};
pub(crate) use layers::{DEFAULT_FILE, Overrides};
pub use listeners::{AdminConfig, GrpcConfig, HttpConfig, Listen, SocketConfig};

/// All settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// Where the listing is published: an http(s) address or a path.
    pub source: String,
    /// Where else it is published: asked in this order if the source gives no listing.
    pub fallback_sources: Vec<String>,
    /// Where the store is kept. Where there is none: `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/rmdd`, else
    /// `~/.local/state/rmdd`.
    pub state_dir: Option<PathBuf>,
    /// The longest a stop may wait for answers under way.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub shutdown_grace: Duration,
    /// The gRPC listener of the query services.
    pub grpc: GrpcConfig,
    /// The HTTP listener.
    pub http: HttpConfig,
    /// The administration's listeners.
    pub admin: AdminConfig,
    /// Who may ask.
    pub access: AccessConfig,
    /// What one client may ask.
    pub limits: LimitsConfig,
    /// When the source is asked.
    pub schedule: ScheduleConfig,
    /// How it is asked.
    pub fetch: FetchConfig,
    /// How its listings are judged.
    pub vet: VetConfig,
    /// How long its raw bytes are kept.
    pub archive: ArchiveConfig,
    /// How long a listing may go unconfirmed.
    pub freshness: FreshnessConfig,
    /// How much room the disk of the state directory must have.
    pub disk: DiskConfig,
    /// What is told to people and machines outside.
    pub alerts: AlertsConfig,
    /// How far back history is kept.
    pub history: HistoryConfig,
    /// What is decided where the rules leave it open.
    pub policy: PolicyConfig,
    /// Who the operator is.
    pub me: MeConfig,
    /// Which decisions are logged, and where.
    pub decision_log: DecisionLogConfig,
    /// What is logged, and how.
    pub log: LogConfig,
    /// The fleet that this site is in, if it is in one.
    pub fleet: Option<FleetConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            source: FCC_CSV_URL.to_owned(),
            fallback_sources: Vec::new(),
            state_dir: None,
            shutdown_grace: Duration::from_secs(10),
            grpc: GrpcConfig::default(),
            http: HttpConfig::default(),
            admin: AdminConfig::default(),
            access: AccessConfig::default(),
            limits: LimitsConfig::default(),
            schedule: ScheduleConfig::default(),
            fetch: FetchConfig::default(),
            vet: VetConfig::default(),
            archive: ArchiveConfig::default(),
            freshness: FreshnessConfig::default(),
            disk: DiskConfig::default(),
            alerts: AlertsConfig::default(),
            history: HistoryConfig::default(),
            policy: PolicyConfig::default(),
            me: MeConfig::default(),
            decision_log: DecisionLogConfig::default(),
            log: LogConfig::default(),
            fleet: None,
        }
    }
}
impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first setting that makes no sense.
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        self.sources()
            .map(|_| ())
            .and_then(|()| self.fetch.validate())
            .and_then(|()| self.vet.validate())
            .and_then(|()| self.freshness.validate())
            .and_then(|()| self.alerts.validate())
            .and_then(|()| self.history.validate())
            .and_then(|()| self.limits.validate())
            .and_then(|()| self.decision_log.validate())
            .and_then(|()| self.grpc.validate())
            .and_then(|()| self.http.validate())
            .and_then(|()| self.admin.validate())
            .and_then(|()| self.log.validate())
            .and_then(|()| self.fleet.as_ref().map_or(Ok(()), FleetConfig::validate))
            .and_then(|()| Schedule::from_config(&self.schedule, 0).map(|_| ()).map_err(|e| e.to_string()))
            .map_err(ConfigError::Invalid)
    }

    /// Where the listing is published, in order of preference.
    ///
    /// # Errors
    ///
    /// If one of them is no source, or two cannot be told apart.
    pub fn sources(&self) -> Result<(Source, Vec<Source>), String> {
        let first = Source::read(&self.source)?;
        let others: Vec<Source> =
            self.fallback_sources.iter().map(|source| Source::read(source)).collect::<Result<_, _>>()?;
        let shown: Vec<String> = std::iter::once(&first).chain(&others).map(ToString::to_string).collect();
        match shown.iter().enumerate().find(|(place, source)| shown[..*place].contains(source)) {
            Some((_, source)) => Err(format!("the source {source} stands twice in source and fallback_sources")),
            None => Ok((first, others)),
        }
    }

    /// What is allowed, and should be meant: listeners that others than this machine reach, a fleet that hangs on one machine.
    pub fn warnings(&self) -> Vec<String> {
        let known = self.access.require;
        let fleet = self.fleet.iter().flat_map(FleetConfig::warnings);
        self.grpc.warning(known).into_iter().chain(self.http.warning(known)).chain(fleet).collect()
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        Policy { cells: self.policy.clone(), listing_old_after: self.freshness.warn() }
    }

    /// The settings by dotted name, as TOML values; nothing for those that are not set. Secrets are hidden.
    pub fn settings(&self) -> BTreeMap<String, Option<String>> {
        let shown = Self {
            source: without_secrets(&self.source),
            fallback_sources: self.fallback_sources.iter().map(|source| without_secrets(source)).collect(),
            ..self.clone()
        };
        let mut settings = BTreeMap::new();
        if let Ok(Value::Object(all)) = serde_json::to_value(&shown) {
            flatten(&mut settings, "", all);
        }
        settings
    }

    /// The directory of the store.
    ///
    /// # Errors
    ///
    /// If none is set and the environment names none.
    pub fn state_dir(&self) -> Result<PathBuf, String> {
        self.state_dir.clone().map_or_else(default_state_dir, Ok)
    }
}
fn without_secrets(source: &str) -> String {
    Source::read(source).map_or_else(|_| source.to_owned(), |source| source.to_string())
}

fn flatten(settings: &mut BTreeMap<String, Option<String>>, prefix: &str, table: Map<String, Value>) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            Value::Object(inner) => flatten(settings, &name, inner),
            value => {
                // TOML has no word for nothing.
                settings.insert(name, toml::Value::try_from(value).ok().map(|value| value.to_string()));
            }
        }
    }
}

/// `$STATE_DIRECTORY`, which systemd sets, else `$XDG_STATE_HOME/rmdd`, else `~/.local/state/rmdd`.
///
/// # Errors
///
/// If the environment names no home.
pub(crate) fn default_state_dir() -> Result<PathBuf, String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = of_systemd("STATE_DIRECTORY") {
        return Ok(directory);
    }
    if let Some(base) = set("XDG_STATE_HOME").filter(|base| base.is_absolute()) {
        return Ok(base.join("rmdd"));
    }
    set("HOME")
        .map(|home| home.join(".local/state/rmdd"))
        .ok_or_else(|| "neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set: name a --state-dir".to_owned())
}

/// A directory that systemd has made, by the variable that names it: the first, where the unit has several.
pub(crate) fn of_systemd(variable: &str) -> Option<PathBuf> {
    first_of(&std::env::var_os(variable)?)
}

fn first_of(directories: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(directories).find(|directory| !directory.as_os_str().is_empty())
}

#[cfg(test)]
mod tests;
