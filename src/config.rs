//! The configuration: one TOML file, overridden by environment variables, overridden by flags.
//!
//! It only composes: what a setting means, its default and what it must not be stand with the room that works by it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use config::{Environment, File, FileFormat, Map, Source as Layer, Value};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::access::AccessConfig;
use crate::archive::ArchiveConfig;
use crate::decide::{Policy, PolicyConfig};
use crate::decision_log::DecisionLogConfig;
use crate::fetch::{FCC_CSV_URL, FetchConfig, Source};
use crate::history::HistoryConfig;
use crate::schedule::{Schedule, ScheduleConfig};
use crate::serving::{LimitsConfig, TlsConfig};
use crate::status::FreshnessConfig;
use crate::telemetry::LogConfig;
use crate::vet::VetConfig;

/// Read if it exists and no other file is named.
pub const DEFAULT_FILE: &str = "/etc/rmdd/rmdd.toml";

/// Environment variables that are no settings.
const NOT_SETTINGS: [&str; 6] =
    ["RMDD_CONFIG", "RMDD_CONNECT", "RMDD_CA_FILE", "RMDD_CLIENT_CERT", "RMDD_CLIENT_KEY", "RMDD_TOKEN_FILE"];

/// Settings that are lists and may be set by flags.
const LISTS: [&str; 1] = ["fallback_sources"];

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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    /// How far back history is kept.
    pub history: HistoryConfig,
    /// What is decided where the rules leave it open.
    pub policy: PolicyConfig,
    /// Which decisions are logged, and where.
    pub decision_log: DecisionLogConfig,
    /// What is logged, and how.
    pub log: LogConfig,
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
            history: HistoryConfig::default(),
            policy: PolicyConfig::default(),
            decision_log: DecisionLogConfig::default(),
            log: LogConfig::default(),
        }
    }
}

/// The gRPC listener of the query services. The Unix socket is always served besides it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct GrpcConfig {
    /// `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open it, where it is a Unix socket.
    pub socket: SocketConfig,
}

impl Default for GrpcConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7633))),
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
        }
    }
}

/// The HTTP listener: questions of switches that speak no gRPC, and what monitoring asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct HttpConfig {
    /// `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open it, where it is a Unix socket.
    pub socket: SocketConfig,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(SocketAddr::from(([127, 0, 0, 1], 7634))),
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
        }
    }
}

/// The administration: always on the Unix socket `rmdd.sock`, and on a listener more if one is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AdminConfig {
    /// Where else it is served: `ADDRESS:PORT`, `unix:PATH`, or `off`.
    pub listen: Listen,
    /// Users who alone are admins on its Unix sockets, besides root and the daemon's own. With neither users nor groups:
    /// everybody who may open them.
    pub users: Vec<String>,
    /// Groups of such users.
    pub groups: Vec<String>,
    /// Its TLS, on an address and port.
    pub tls: TlsConfig,
    /// Who may open its Unix sockets.
    pub socket: SocketConfig,
}

impl Default for AdminConfig {
    fn default() -> Self {
        Self {
            listen: Listen::Off,
            users: Vec::new(),
            groups: Vec::new(),
            tls: TlsConfig::default(),
            socket: SocketConfig::default(),
        }
    }
}

impl AdminConfig {
    fn validate(&self) -> Result<(), String> {
        if self.socket.mode.0 & 0o002 != 0 && self.users.is_empty() && self.groups.is_empty() {
            return Err(format!(
                "admin.socket.mode is {}: everybody on this machine would be an admin. Take the last digit away (0660), or \
                 name those who are in admin.users or admin.groups",
                self.socket.mode
            ));
        }
        Ok(())
    }
}

/// Who may open a Unix socket that the daemon makes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SocketConfig {
    /// Its mode; who may write to it may connect.
    pub mode: Mode,
    /// The user that it belongs to; only root can give one away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The group that it belongs to, which the daemon must be in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
}

/// The mode of a file, in octal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Mode(pub u32);

impl Default for Mode {
    fn default() -> Self {
        Self(0o660)
    }
}

impl TryFrom<String> for Mode {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match u32::from_str_radix(text.trim().trim_start_matches("0o"), 8) {
            Ok(mode @ 0o200..=0o777) => Ok(Self(mode)),
            _ => Err(format!("{text:?} is no mode of a socket: give three or four octal digits, such as \"0660\"")),
        }
    }
}

impl From<Mode> for String {
    fn from(mode: Mode) -> Self {
        mode.to_string()
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

/// Where a listener listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// On an address and port; port 0 takes any that is free.
    Tcp(SocketAddr),
    /// On a Unix socket.
    Unix(PathBuf),
    /// Nowhere.
    Off,
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "off" => Ok(Self::Off),
            text => match text.strip_prefix("unix:") {
                Some("") => Err("\"unix:\" names no path: write unix:/run/rmdd/query.sock".to_owned()),
                Some(path) => Ok(Self::Unix(path.into())),
                None => text.parse().map(Self::Tcp).map_err(|_| {
                    format!("{text:?} is no listener: give an address and port (127.0.0.1:7633), unix:PATH, or off")
                }),
            },
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Off => f.write_str("off"),
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file that was named cannot be read.
    #[error("the configuration file {} cannot be read: {source}", .path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is no TOML, has a key that is no setting, or a value of the wrong kind.
    #[error("the configuration file {} cannot be used:\n{detail}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What, with the line.
        detail: String,
    },
    /// An environment variable or flag is no setting or has a value of the wrong kind.
    #[error("an RMDD_ environment variable or a flag cannot be used: {0}")]
    Layers(String),
    /// A value makes no sense.
    #[error("the configuration cannot be used: {0}")]
    Invalid(String),
}

/// Which layer a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The file.
    File,
    /// An environment variable.
    Environment,
    /// A flag.
    Flag,
}

impl Origin {
    /// The word in `rmdd config check`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
            Self::Flag => "flag",
        }
    }
}

/// Flags that override settings, by the setting's dotted name. A setting that is a list has an item on each line.
pub type Overrides = BTreeMap<&'static str, String>;

/// The settings in force and where they come from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    origins: BTreeMap<String, Origin>,
}

impl Loaded {
    /// Where a setting, by its dotted name, comes from.
    pub fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).copied().unwrap_or(Origin::Default)
    }
}

/// Reads and checks all layers. `file` is the file that was named; without one the default file is read if it exists.
/// `environment` are the process's variables.
///
/// # Errors
///
/// If a layer cannot be read, holds a key that is no setting, or a value that makes no sense.
pub fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overrides,
) -> Result<Loaded, ConfigError> {
    let default_file = Path::new(DEFAULT_FILE);
    let path = file.or_else(|| default_file.exists().then_some(default_file));
    let mut origins = BTreeMap::new();
    let mut builder = config::Config::builder();
    if let Some(path) = path {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        // Read alone first: the reader of TOML names line and column of what is wrong, the layers do not.
        let of_file = |detail: String| ConfigError::File { path: path.to_owned(), detail };
        toml::from_str::<Config>(&text).map_err(|error| of_file(error.to_string()))?;
        let layer = File::from_str(&text, FileFormat::Toml);
        note(&mut origins, "", layer.collect().map_err(|error| of_file(error.to_string()))?, Origin::File);
        builder = builder.add_source(layer);
    }
    let variables: Map<String, String> =
        environment.into_iter().filter(|(name, _)| !NOT_SETTINGS.contains(&name.as_str())).collect();
    let variables = Environment::with_prefix("RMDD")
        .prefix_separator("_")
        .separator("__")
        .ignore_empty(true)
        .try_parsing(true)
        // No address holds a blank.
        .list_separator(" ")
        .with_list_parse_key("fallback_sources")
        .with_list_parse_key("admin.users")
        .with_list_parse_key("admin.groups")
        .source(Some(variables));
    let layers = |error: config::ConfigError| ConfigError::Layers(error.to_string());
    note(&mut origins, "", variables.collect().map_err(layers)?, Origin::Environment);
    builder = builder.add_source(variables);
    for (name, value) in flags {
        origins.insert((*name).to_owned(), Origin::Flag);
        builder = if LISTS.contains(name) {
            builder.set_override(*name, value.lines().collect::<Vec<_>>())
        } else {
            builder.set_override(*name, value.as_str())
        }
        .map_err(layers)?;
    }
    let config: Config = builder.build().and_then(config::Config::try_deserialize).map_err(layers)?;
    config.validate()?;
    Ok(Loaded { config, file: path.map(Path::to_owned), origins })
}

/// The process's variables that may be settings. One that is not UTF-8 is none.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("RMDD_"))
        .collect()
}

/// Notes which settings a layer holds, by their dotted names.
fn note(origins: &mut BTreeMap<String, Origin>, prefix: &str, values: Map<String, Value>, origin: Origin) {
    for (key, value) in values {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value.clone().into_table() {
            Ok(table) => note(origins, &name, table, origin),
            Err(_) => {
                origins.insert(name, origin);
            }
        }
    }
}

impl Config {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// Names the first setting that makes no sense.
    pub fn validate(&self) -> Result<(), ConfigError> {
        self.sources()
            .map(|_| ())
            .and_then(|()| self.fetch.validate())
            .and_then(|()| self.vet.validate())
            .and_then(|()| self.freshness.validate())
            .and_then(|()| self.history.validate())
            .and_then(|()| self.limits.validate())
            .and_then(|()| self.decision_log.validate())
            .and_then(|()| check_listener("grpc", &self.grpc.listen, &self.grpc.tls))
            .and_then(|()| check_listener("http", &self.http.listen, &self.http.tls))
            .and_then(|()| check_listener("admin", &self.admin.listen, &self.admin.tls))
            .and_then(|()| self.admin.validate())
            .and_then(|()| self.log.validate())
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

    /// What is allowed, and should be meant: listeners that others than this machine reach.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for (name, listen, tls) in
            [("grpc", &self.grpc.listen, &self.grpc.tls), ("http", &self.http.listen, &self.http.tls)]
        {
            let Listen::Tcp(address) = listen else { continue };
            if address.ip().is_loopback() || tls.is_on() {
                continue;
            }
            warnings.push(if self.access.require {
                format!(
                    "{name}.listen is {address}, without TLS: whoever listens in on the way reads the tokens. Set {name}.tls \
                     unless the network itself is encrypted"
                )
            } else {
                format!(
                    "{name}.listen is {address}, without TLS and for everybody: whoever reaches it may ask about every \
                     provider and peer, and whoever sits on the way may alter the answers. Set {name}.tls and \
                     access.require, or listen on 127.0.0.1 (docs/security.md)"
                )
            });
        }
        warnings
    }

    /// The policy in force.
    pub fn policy(&self) -> Policy {
        Policy { cells: self.policy.clone(), listing_old_after: self.freshness.warn() }
    }

    /// The settings by dotted name, as TOML values; secrets are hidden.
    pub fn settings(&self) -> BTreeMap<String, String> {
        let shown = Self {
            source: without_secrets(&self.source),
            fallback_sources: self.fallback_sources.iter().map(|source| without_secrets(source)).collect(),
            ..self.clone()
        };
        let mut settings = BTreeMap::new();
        if let Ok(table) = toml::Table::try_from(&shown) {
            flatten(&mut settings, "", table);
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

/// Whether a listener's settings go together.
fn check_listener(table: &str, listen: &Listen, tls: &TlsConfig) -> Result<(), String> {
    tls.validate(&format!("{table}.tls"))?;
    if tls.is_on() && matches!(listen, Listen::Unix(_)) {
        return Err(format!(
            "{table}.listen is a Unix socket and {table}.tls names a certificate: nobody listens in on a Unix socket; take \
             the certificate away or listen on ADDRESS:PORT"
        ));
    }
    Ok(())
}

fn without_secrets(source: &str) -> String {
    Source::read(source).map_or_else(|_| source.to_owned(), |source| source.to_string())
}

fn flatten(settings: &mut BTreeMap<String, String>, prefix: &str, table: toml::Table) {
    for (key, value) in table {
        let name = if prefix.is_empty() { key } else { format!("{prefix}.{key}") };
        match value {
            toml::Value::Table(inner) => flatten(settings, &name, inner),
            value => {
                settings.insert(name, value.to_string());
            }
        }
    }
}

/// `$STATE_DIRECTORY`, which systemd sets, else `$XDG_STATE_HOME/rmdd`, else `~/.local/state/rmdd`.
///
/// # Errors
///
/// If the environment names no home.
pub fn default_state_dir() -> Result<PathBuf, String> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(directory) = set("STATE_DIRECTORY") {
        return Ok(directory);
    }
    if let Some(base) = set("XDG_STATE_HOME").filter(|base| base.is_absolute()) {
        return Ok(base.join("rmdd"));
    }
    set("HOME")
        .map(|home| home.join(".local/state/rmdd"))
        .ok_or_else(|| "neither STATE_DIRECTORY nor XDG_STATE_HOME nor HOME is set: name a --state-dir".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn flags_override_the_environment_which_overrides_the_file() {
        let file = file(
            "source = \"/a.csv\"\nshutdown_grace = \"3s\"\n[vet]\nmax_loss_percent = 10.5\n[fetch]\ncontact = \"noc@a.example\"\n",
        );
        let variables = environment(&[
            ("RMDD_SOURCE", "/b.csv"),
            ("RMDD_VET__MAX_LOSS_PERCENT", "11"),
            ("RMDD_CONFIG", "/elsewhere"),
            ("PATH", "/bin"),
        ]);
        let flags = Overrides::from([("source", "/c.csv".to_owned())]);
        let loaded = load(Some(file.path()), variables, &flags).expect("usable");
        assert_eq!(loaded.config.source, "/c.csv");
        assert_eq!(loaded.config.vet.max_loss_percent, 11.0);
        assert_eq!(loaded.config.shutdown_grace, Duration::from_secs(3));
        assert_eq!(loaded.origin("source"), Origin::Flag);
        assert_eq!(loaded.origin("vet.max_loss_percent"), Origin::Environment);
        assert_eq!(loaded.origin("fetch.contact"), Origin::File);
        assert_eq!(loaded.origin("grpc.listen"), Origin::Default);
    }

    #[test]
    fn an_unknown_key_in_the_file_is_an_error_that_names_it_and_its_line() {
        let file = file("source = \"/a.csv\"\n[fetch]\ntimeout = \"3s\"\n");
        let error = load(Some(file.path()), [], &Overrides::new()).expect_err("refused").to_string();
        assert!(error.contains("timeout") && error.contains("line 3"), "{error}");
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_it() {
        let variables = environment(&[("RMDD_FETCH__TIMEOUT", "3s")]);
        let error = load(None, variables, &Overrides::new()).expect_err("refused").to_string();
        assert!(error.contains("timeout"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_an_error_that_names_the_setting() {
        for (text, named) in [
            ("[grpc]\nlisten = \"localhost\"\n", "localhost"),
            ("[fetch]\nidle_timeout = \"soon\"\n", "idle_timeout"),
            ("[vet]\nmax_loss_percent = 200.0\n", "vet.max_loss_percent"),
            ("source = \"ftp://rmd.example\"\n", "ftp://"),
            ("[schedule]\ncron = \"hourly\"\n", "hourly"),
            ("[limits]\nbatch = 0\n", "limits.batch"),
            ("[limits]\nwatcher_patience = \"0s\"\n", "limits.watcher_patience"),
            ("[decision_log]\nlog = \"some\"\n", "some"),
            ("[decision_log]\nmax_bytes = 100\n", "decision_log.max_bytes"),
            ("[decision_log]\nqueue = 0\n", "decision_log.queue"),
            ("[log]\nlevel = \"rmdd=loud\"\n", "log.level"),
        ] {
            let file = file(text);
            let error = load(Some(file.path()), [], &Overrides::new()).expect_err(text).to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_named_file_that_is_not_there_is_an_error() {
        let error = load(Some(Path::new("/nonexistent/rmdd.toml")), [], &Overrides::new()).expect_err("refused");
        assert!(error.to_string().contains("/nonexistent/rmdd.toml"));
    }

    #[test]
    fn the_settings_shown_are_settings_that_can_be_read_back() {
        let config = Config { shutdown_grace: Duration::from_millis(1500), ..Config::default() };
        let text: String = config.settings().iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        assert_eq!(toml::from_str::<Config>(&text).expect("readable"), config);
    }

    #[test]
    fn a_password_in_the_source_is_not_shown() {
        let config = Config { source: "https://u:secret@rmd.example/".to_owned(), ..Config::default() };
        assert!(!config.settings()["source"].contains("secret"));
        let sources = vec!["/a.csv".to_owned(), "https://u:secret@rmd.example/".to_owned()];
        let config = Config { fallback_sources: sources, ..Config::default() };
        let shown = &config.settings()["fallback_sources"];
        assert!(shown.contains("***@rmd.example") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn further_sources_come_from_any_layer_and_flags_override_them() {
        let file = file("source = \"/a.csv\"\nfallback_sources = [\"/b.csv\", \"/c.csv\"]\n");
        let of = |variables: &[(&str, &str)], flags: &Overrides| {
            load(Some(file.path()), environment(variables), flags).expect("usable").config.fallback_sources
        };
        assert_eq!(of(&[], &Overrides::new()), ["/b.csv", "/c.csv"]);
        let variable = [("RMDD_FALLBACK_SOURCES", "https://one.example/a,b /d.csv")];
        assert_eq!(of(&variable, &Overrides::new()), ["https://one.example/a,b", "/d.csv"]);
        let flags = Overrides::from([("fallback_sources", "/e f.csv\n/g.csv".to_owned())]);
        assert_eq!(of(&variable, &flags), ["/e f.csv", "/g.csv"]);
        let none = Overrides::from([("fallback_sources", String::new())]);
        assert!(of(&variable, &none).is_empty());
    }

    #[test]
    fn settings_of_access_come_from_the_file_and_the_environment_and_can_be_shown() {
        let file = file(
            "[access]\nrequire = true\n[[access.certificates]]\nname = \"noc.example\"\nright = \"admin\"\n\
             [admin]\ngroups = [\"noc\"]\n",
        );
        let variables = environment(&[("RMDD_ADMIN__SOCKET__MODE", "0640"), ("RMDD_ADMIN__USERS", "ann 1000")]);
        let config = load(Some(file.path()), variables, &Overrides::new()).expect("usable").config;
        assert_eq!((config.admin.socket.mode.0, config.admin.groups.as_slice()), (0o640, &["noc".to_owned()][..]));
        assert_eq!(config.admin.users, ["ann", "1000"]);
        assert_eq!(config.access.certificates[0].name, "noc.example");
        let text: String = config.settings().iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
        assert_eq!(toml::from_str::<Config>(&text).expect("readable"), config);
    }

    #[test]
    fn sources_that_cannot_be_told_apart_are_refused() {
        let file = file("source = \"https://a:b@rmd.example/\"\nfallback_sources = [\"https://c:d@rmd.example/\"]\n");
        let error = load(Some(file.path()), [], &Overrides::new()).expect_err("refused").to_string();
        assert!(error.contains("twice") && !error.contains("c:d"), "{error}");
    }

    #[test]
    fn the_example_shows_every_setting_with_its_default() {
        let example = include_str!("../examples/rmdd.toml");
        let uncommented: String = example
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let shown: toml::Table = toml::from_str(&uncommented).expect("TOML");
        let mut names = BTreeMap::new();
        flatten(&mut names, "", shown);
        assert_eq!(names, Config::default().settings());
    }
}
