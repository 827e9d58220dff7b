//! From the file, the environment and the flags to the settings in force, and where each comes from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Environment, File, FileFormat, Map, Source as Layer, Value};
use thiserror::Error;

use super::{Config, Listen};
use crate::alerts::config::nearest;

/// Read if it exists and no other file is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/rmdd/rmdd.toml";

/// Environment variables that are no settings.
const NOT_SETTINGS: [&str; 6] =
    ["RMDD_CONFIG", "RMDD_CONNECT", "RMDD_CA_FILE", "RMDD_CLIENT_CERT", "RMDD_CLIENT_KEY", "RMDD_TOKEN_FILE"];

/// The flags of settings that bear another name than the setting.
const FLAGS: [(&str, &str); 7] = [
    ("source", "--source"),
    ("state_dir", "--state-dir"),
    ("grpc.listen", "--grpc-listen"),
    ("http.listen", "--http-listen"),
    ("admin.listen", "--admin-listen"),
    ("schedule.cron", "--schedule"),
    ("log.level", "--log-level"),
];

/// Settings that are lists and may be set by flags.
const LISTS: [&str; 1] = ["fallback_sources"];
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
    #[error("{0}")]
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
pub(crate) type Overrides = BTreeMap<&'static str, String>;

/// The settings in force and where they come from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub config: Config,
    /// The file that was read, if one was.
    pub file: Option<PathBuf>,
    /// What is wrong with a file that was left out; see [`load_to_ask`].
    pub left_out: Option<LeftOut>,
    origins: BTreeMap<String, Origin>,
}

/// A configuration file that was left out.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// What is wrong with it, and with which file.
    pub problem: String,
    /// Whether nothing at all could be read of it.
    pub unread: bool,
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
    let path = in_use(file);
    let text = match path {
        None => None,
        Some(path) => {
            let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
            Some((path, std::fs::read_to_string(path).map_err(unreadable)?))
        }
    };
    from_layers(text.as_ref().map(|(path, text)| (*path, text.as_str())), environment, flags)
}

/// Reads all layers for a command that only asks a daemon. The daemon goes on by the settings that it has, so a file that
/// cannot be used is no reason not to ask it: of such a file only where the daemon is found is taken, if that can be read,
/// and what is wrong with it is in [`Loaded::left_out`].
///
/// # Errors
///
/// If a variable or a flag cannot be used.
pub fn load_to_ask(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overrides,
) -> Result<Loaded, ConfigError> {
    let environment: Vec<(String, String)> = environment.into_iter().collect();
    let problem = match load(file, environment.clone(), flags) {
        Ok(loaded) => return Ok(loaded),
        Err(problem) => problem,
    };
    let Some(path) = in_use(file) else { return Err(problem) };
    let text = std::fs::read_to_string(path);
    let whereabouts = text.as_ref().map(|text| whereabouts(text)).unwrap_or_default();
    let loaded = from_layers(Some((path, &whereabouts)), environment.clone(), flags)
        .or_else(|_| from_layers(None, environment, flags));
    match loaded {
        Ok(loaded) => {
            let left_out = LeftOut { problem: problem.to_string(), unread: text.is_err() };
            Ok(Loaded { left_out: Some(left_out), ..loaded })
        }
        // It is not the file's fault, or not its alone.
        Err(_) => Err(problem),
    }
}

/// The file that was named, else the default one if it exists.
fn in_use(file: Option<&Path>) -> Option<&Path> {
    let default_file = Path::new(DEFAULT_FILE);
    // One that may not be looked at is no reason to run by the defaults: reading it says why.
    file.or_else(|| default_file.try_exists().unwrap_or(true).then_some(default_file))
}

/// Where a daemon is found, by tables and keys of the configuration.
const WHEREABOUTS: [(Option<&str>, &str); 3] =
    [(None, "state_dir"), (Some("grpc"), "listen"), (Some("admin"), "listen")];

/// Of a file with mistakes, the lines that say where its daemon is found.
fn whereabouts(text: &str) -> String {
    let (table, _) = toml::de::DeTable::parse_recoverable(text);
    let mut kept = toml::Table::new();
    for (within, key) in WHEREABOUTS {
        let table = match within {
            None => Some(table.get_ref()),
            Some(within) => table.get_ref().get(within).and_then(|value| value.get_ref().as_table()),
        };
        let Some(text) = table.and_then(|table| table.get(key)).and_then(|value| value.get_ref().as_str()) else {
            continue;
        };
        // What is wrong there leads nowhere, and must not keep the rest from being of use.
        if key == "listen" && text.parse::<Listen>().is_err() {
            continue;
        }
        let text = toml::Value::String(text.to_owned());
        match within {
            None => drop(kept.insert(key.to_owned(), text)),
            Some(within) => {
                drop(kept.insert(within.to_owned(), toml::Table::from_iter([(key.to_owned(), text)]).into()))
            }
        }
    }
    kept.to_string()
}

/// Reads and checks the layers, of which the file is this text.
fn from_layers(
    file: Option<(&Path, &str)>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &Overrides,
) -> Result<Loaded, ConfigError> {
    let mut origins = BTreeMap::new();
    let mut builder = config::Config::builder();
    if let Some((path, text)) = file {
        // Read alone first: the reader of TOML names line and column of what is wrong, the layers do not.
        let of_file = |detail: String| ConfigError::File { path: path.to_owned(), detail };
        toml::from_str::<Config>(text).map_err(|error| of_file(with_new_name(error.to_string())))?;
        let layer = File::from_str(text, FileFormat::Toml);
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
        .with_list_parse_key("me.frn")
        .with_list_parse_key("admin.users")
        .with_list_parse_key("admin.groups")
        .with_list_parse_key("fleet.engine")
        .source(Some(variables));
    let layers = |error: config::ConfigError| ConfigError::Layers(with_new_name(in_layers(&error, flags)));
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
    Ok(Loaded { config, file: file.map(|(path, _)| path.to_owned()), left_out: None, origins })
}

/// Settings that had another name once, and what they are called now.
const RENAMED: [(&str, &str); 1] = [("questions_per_second", "limits.rate_limit")];

/// What is wrong, and what a setting is called now that goes by its old name, or which is meant.
fn with_new_name(problem: String) -> String {
    let problem = without_secrets(&without_addresses(&problem));
    let renamed = RENAMED.iter().find(|(old, _)| problem.contains(&format!("unknown field `{old}`")));
    let advice = match (renamed, meant(&problem)) {
        (Some((old, new)), _) => format!("limits.{old} is called {new} now"),
        (None, Some(near)) => format!("`{near}` is meant, most likely"),
        (None, None) => return problem,
    };
    format!("{}\n{advice}", problem.trim_end())
}

/// Which of the keys that there are is meant by one that there is not, if one is near it.
fn meant(problem: &str) -> Option<&str> {
    let (unknown, others) = problem.split_once("unknown field `")?.1.split_once('`')?;
    // Between the signs stand the keys, and words and commas.
    nearest(unknown, others.split('`').skip(1).step_by(2))
}

/// A problem with no address beyond its host: the rest may be a secret, and parsers show the line that they stumble over.
fn without_addresses(problem: &str) -> String {
    let mut shown = String::with_capacity(problem.len());
    let mut rest = problem;
    while let Some(at) = rest.find("://") {
        let (before, behind) = rest.split_at(at + 3);
        shown.push_str(before);
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ')' | ',' | ';');
        let (address, behind) = behind.split_at(behind.find(ends).unwrap_or(behind.len()));
        let host = address.rsplit('@').next().unwrap_or_default().split(['/', '?', '#']).next().unwrap_or_default();
        shown.push_str(host);
        if host.len() < address.len() {
            shown.push_str("/***");
        }
        rest = behind;
    }
    shown + rest
}

/// What the keys of secrets have in their names, also of settings that do not exist but that people try.
const SECRETIVE: [&str; 7] = ["pass", "pwd", "secret", "token", "key", "auth", "credential"];

/// What a signing secret begins with.
const SIGNING_SECRET: &str = "whsec_";

/// A problem without the values of lines that hold secrets. The reader of TOML shows the line that it stumbles over, behind
/// its number and a bar.
fn without_secrets(problem: &str) -> String {
    problem.split('\n').map(without_secret).collect::<Vec<_>>().join("\n")
}

fn without_secret(line: &str) -> String {
    let number_and_rest = line.split_once(" | ").filter(|(number, _)| {
        let number = number.trim();
        !number.is_empty() && number.chars().all(|c| c.is_ascii_digit())
    });
    if let Some((number, source)) = number_and_rest {
        // Of an inline table the first such key, and all that stands behind it.
        let mut from = 0;
        while let Some(at) = source.get(from..).and_then(|rest| rest.find('=')).map(|at| from + at) {
            let (before, value) = source.split_at(at + 1);
            let key = before.trim_end_matches('=').trim_end();
            let key = key.rsplit([',', '{', ' ', '\t']).next().unwrap_or(key).trim_matches(['"', '\'']);
            let key = key.to_ascii_lowercase();
            let is_path = key.ends_with("_file") && value.trim_start().trim_start_matches(['"', '\'']).starts_with('/');
            if SECRETIVE.iter().any(|word| key.contains(word)) && !is_path {
                return format!("{number} | {before} ***");
            }
            from = at + 1;
        }
    }
    match line.find(SIGNING_SECRET) {
        Some(at) => format!("{}{SIGNING_SECRET}***", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}

/// What is wrong with a variable or a flag, under the name by which it was given.
fn in_layers(error: &config::ConfigError, flags: &Overrides) -> String {
    let said = error.to_string();
    let (detail, key) = match said.rsplit_once(" for key `") {
        Some((detail, key)) => (detail, key.trim_end_matches('`')),
        None => (said.as_str(), ""),
    };
    let detail = detail.split(" in the environment").next().unwrap_or(detail);
    // The key of a name that is unknown is that of the table in which it was looked for.
    let unknown = detail.strip_prefix("unknown field `").and_then(|rest| rest.split('`').next());
    let name = match (unknown, key) {
        (Some(field), "") => field.to_owned(),
        (Some(field), table) => format!("{table}.{field}"),
        (None, key) => key.to_owned(),
    };
    if let Some((name, flag)) = FLAGS.iter().find(|(of, _)| *of == name).filter(|(of, _)| flags.contains_key(of)) {
        return format!("{flag} cannot be used: {detail} (setting {name})");
    }
    if name.is_empty() {
        return format!("an RMDD_ environment variable or a flag cannot be used: {detail}");
    }
    let variable = format!("RMDD_{}", name.replace('.', "__").to_ascii_uppercase());
    format!("the environment variable {variable} cannot be used: {detail}")
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
