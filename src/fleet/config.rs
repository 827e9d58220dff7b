//! What an operator may set about the fleet.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::Uri;
use serde::{Deserialize, Serialize};

/// No name in a fleet is longer: names are parts of keys, and columns of tables.
const LONGEST_NAME: usize = 63;

/// So many times a lease must be longer than the time between two polls: one or two that fail lose nothing.
const POLLS_IN_A_LEASE: u32 = 4;

/// The only thing that `alone_after` may still say: it is so in any case.
const NEVER: &str = "never";

/// etcd grants no shorter lease, by its default timing.
const SHORTEST_LEASE: Duration = Duration::from_secs(2);

/// The fleet that this site is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FleetConfig {
    /// The fleet's name: its keys in etcd stand under it.
    pub name: String,
    /// The members of the fleet's etcd, as `https://HOST:PORT`; `http://` on this machine alone.
    pub engine: Vec<String>,
    /// This site's name, which no other site of the fleet may have. Without it: the machine's name.
    pub site: Option<String>,
    /// Whether it may be the one site that fetches.
    pub fetches: bool,
    /// How often it looks whether the fleet has gone on.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub poll: Duration,
    /// So long without being current it counts as behind.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub behind_after: Duration,
    /// So long after its last word a site counts as gone, and another one may fetch. etcd counts in whole seconds.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub lease: Duration,
    /// Not a setting any more: whoever writes it is told what there is in its place.
    #[serde(skip_serializing)]
    pub alone_after: Option<String>,
    /// How etcd is known, and the site to etcd.
    pub tls: FleetTlsConfig,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            name: String::new(),
            engine: Vec::new(),
            site: None,
            fetches: true,
            poll: Duration::from_secs(1),
            behind_after: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            alone_after: None,
            tls: FleetTlsConfig::default(),
        }
    }
}

/// TLS between a site and the fleet's etcd: all three files with `https://`, none without.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FleetTlsConfig {
    /// A PEM file of the authorities that etcd's certificates are believed from.
    pub ca: Option<PathBuf>,
    /// A PEM file of the site's certificate: its common name is etcd's user.
    pub certificate: Option<PathBuf>,
    /// A PEM file of the certificate's private key.
    pub key: Option<PathBuf>,
}

impl FleetTlsConfig {
    /// The files that are not named, by their settings.
    fn missing(&self) -> Vec<&'static str> {
        let files =
            [("fleet.tls.ca", &self.ca), ("fleet.tls.certificate", &self.certificate), ("fleet.tls.key", &self.key)];
        files.into_iter().filter(|(_, file)| file.is_none()).map(|(name, _)| name).collect()
    }
}

impl FleetConfig {
    /// This site's name.
    ///
    /// # Errors
    ///
    /// If none is set and the machine's cannot be had.
    pub fn site(&self) -> Result<String, String> {
        if let Some(site) = &self.site {
            return Ok(site.clone());
        }
        let host = nix::sys::utsname::uname().ok().and_then(|host| host.nodename().to_str().map(str::to_owned));
        host.ok_or_else(|| "fleet.site is not set, and this machine has no name: name this site".to_owned())
    }

    /// Whether the settings make sense. Looks at no file and asks nobody.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.name.is_empty() {
            return Err(
                "fleet.name is not set: give the fleet a name, the same at all its sites (name = \"east\")".into()
            );
        }
        check_name("fleet.name", &self.name)?;
        match &self.site {
            Some(site) => check_name("fleet.site", site)?,
            None => check_name("fleet.site is not set, and the machine's name", &self.site()?)
                .map_err(|bad| format!("{bad}. Set fleet.site"))?,
        }
        self.check_alone()?;
        self.check_engine()?;
        self.check_tls()?;
        self.check_times()
    }

    /// What is allowed, and should be meant.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let [one] = self.engine.as_slice() {
            warnings.push(format!(
                "fleet.engine names one member of etcd, {one}: while that one is away, no record can be changed and no \
                 listing comes to the sites. Have three members, or five, and name them all (docs/fleet.md)"
            ));
        }
        if self.alone_after.is_some() {
            warnings.push(
                "fleet.alone_after says nothing: a site that is cut off never fetches for itself. Take it out"
                    .to_owned(),
            );
        }
        warnings
    }

    fn check_alone(&self) -> Result<(), String> {
        match &self.alone_after {
            Some(text) if text.trim() != NEVER => Err(format!(
                "fleet.alone_after is {text:?}, and a site that is cut off never fetches for itself, however long that lasts: \
                 take it out. Where etcd stays away, `rmdd fleet leave` lets a site go on by itself (docs/fleet.md)"
            )),
            _ => Ok(()),
        }
    }

    fn check_engine(&self) -> Result<(), String> {
        if self.engine.is_empty() {
            return Err(
                "fleet.engine is not set: name the members of the fleet's etcd (engine = [\"https://etcd-1:2379\"])"
                    .into(),
            );
        }
        for (place, address) in self.engine.iter().enumerate() {
            let member = Member::read(address)?;
            if !member.encrypted && !member.on_loopback {
                return Err(format!(
                    "fleet.engine has {address}, which is without TLS and not on this machine: whoever sits on the way could \
                     put listings and records into the fleet. Write https:// and set fleet.tls"
                ));
            }
            if self.engine.iter().take(place).any(|other| other == address) {
                return Err(format!("fleet.engine has {address} twice"));
            }
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), String> {
        let encrypted = self.engine.iter().any(|address| address.starts_with("https://"));
        let missing = self.tls.missing();
        match (encrypted, missing.as_slice()) {
            (true, []) | (false, [_, _, _]) => Ok(()),
            (true, missing) => Err(format!(
                "fleet.engine has members with TLS, and {} not set: etcd is known by its authority (ca), and this site to \
                 etcd by a certificate of its own (certificate, key)",
                match missing {
                    [one] => format!("{one} is"),
                    several => format!("{} are", several.join(", ")),
                }
            )),
            (false, _) => Err(
                "fleet.tls names files, and no member in fleet.engine is reached over TLS: write https://, or take the files \
                 away"
                    .to_owned(),
            ),
        }
    }

    fn check_times(&self) -> Result<(), String> {
        let Self { poll, behind_after, lease, .. } = self;
        let shown = |duration: &Duration| format!("{}s", duration.as_secs_f64());
        if *poll < Duration::from_millis(50) || *poll > Duration::from_secs(60) {
            return Err(format!("fleet.poll is {}: give something between 50ms and 1m", shown(poll)));
        }
        if *lease < *poll * POLLS_IN_A_LEASE {
            return Err(format!(
                "fleet.lease is {} and fleet.poll {}: a lease must be at least {POLLS_IN_A_LEASE} times poll, or a site that \
                 is only slow loses it",
                shown(lease),
                shown(poll)
            ));
        }
        if *lease < SHORTEST_LEASE || lease.subsec_nanos() != 0 || *lease > Duration::from_secs(600) {
            return Err(format!("fleet.lease is {}: give whole seconds, from 2s to 10m", shown(lease)));
        }
        if *behind_after < *poll * 2 {
            return Err(format!(
                "fleet.behind_after is {} and fleet.poll {}: give at least twice poll, or a site that is current counts as \
                 behind between two polls",
                shown(behind_after),
                shown(poll)
            ));
        }
        Ok(())
    }
}

/// What the address of a member says.
struct Member {
    encrypted: bool,
    on_loopback: bool,
}

impl Member {
    fn read(address: &str) -> Result<Self, String> {
        let bad =
            || format!("fleet.engine has {address:?}, which is no member: write https://HOST:PORT, without a path");
        let uri: Uri = address.parse().map_err(|_| bad())?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(bad()),
        };
        let plain = !address.contains(['@', '?', '#']) && uri.path() == "/" && !address.ends_with('/');
        let (Some(host), Some(_), true) = (uri.host(), uri.port_u16(), plain) else { return Err(bad()) };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let on_loopback = bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        Ok(Self { encrypted, on_loopback })
    }
}

/// Refuses what cannot be a part of a key or would puzzle who reads it.
fn check_name(what: &str, name: &str) -> Result<(), String> {
    let may_stand = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    let good = (1..=LONGEST_NAME).contains(&name.len())
        && name.chars().all(may_stand)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if good {
        return Ok(());
    }
    Err(format!(
        "{what} is {name:?}: a name has up to {LONGEST_NAME} letters, digits, dots, dashes and underscores, and begins with \
         a letter or digit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<FleetConfig, String> {
        let config: FleetConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.validate().map(|()| config)
    }

    const THREE: &str = "name = \"east\"\nsite = \"nyc1\"\nengine = [\"http://127.0.0.1:2379\", \"http://[::1]:2379\", \
                         \"http://localhost:12379\"]\n";

    const TLS: &str = "[tls]\nca = \"/a\"\ncertificate = \"/b\"\nkey = \"/c\"\n";

    #[test]
    fn a_name_and_members_are_enough_and_the_rest_has_defaults() {
        let config = of(THREE).expect("usable");
        let whole = FleetConfig {
            name: "east".to_owned(),
            engine: config.engine.clone(),
            site: Some("nyc1".to_owned()),
            ..FleetConfig::default()
        };
        assert_eq!(config, whole);
        assert_eq!((config.poll, config.lease), (Duration::from_secs(1), Duration::from_secs(15)));
        assert!(config.warnings().is_empty(), "{:?}", config.warnings());
        assert!(of(&format!("name = \"e\"\nsite = \"s\"\nengine = [\"https://etcd-1:2379\"]\n{TLS}")).is_ok());
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_setting_and_what_to_do() {
        let https = "name = \"e\"\nsite = \"s\"\nengine = [\"https://etcd-1:2379\"]\n";
        for (text, said) in [
            ("engine = [\"http://localhost:1\"]\n".to_owned(), "fleet.name is not set"),
            (THREE.replace("east", "two words"), "fleet.name is \"two words\""),
            (THREE.replace("nyc1", "a/b"), "fleet.site is \"a/b\""),
            (THREE.replace("nyc1", ".."), "begins with a letter"),
            (THREE.replace("nyc1", &"x".repeat(64)), "up to 63"),
            ("name = \"east\"\n".to_owned(), "fleet.engine is not set"),
            (THREE.replace("[::1]", "127.0.0.1"), "twice"),
            (THREE.replace("[::1]", "10.0.0.1"), "without TLS and not on this machine"),
            (THREE.replace("localhost", "localhost.example.net"), "without TLS and not on this machine"),
            (THREE.replace("localhost:12379", "localhost"), "write https://HOST:PORT"),
            (THREE.replace("localhost:12379", "me:secret@localhost:12379"), "write https://HOST:PORT"),
            (THREE.replace("localhost:12379", "localhost:12379/v3"), "write https://HOST:PORT"),
            (THREE.replace("http://localhost:12379", "localhost:12379"), "write https://HOST:PORT"),
            (https.to_owned(), "fleet.tls.ca, fleet.tls.certificate, fleet.tls.key are not set"),
            (format!("{https}{}", TLS.replace("key = \"/c\"\n", "")), "fleet.tls.key is not set"),
            (format!("{THREE}{TLS}"), "no member in fleet.engine is reached over TLS"),
            (format!("{THREE}poll = \"4s\"\n"), "at least 4 times poll"),
            (format!("{THREE}lease = \"3s\"\n"), "at least 4 times poll"),
            (format!("{THREE}poll = \"100ms\"\nlease = \"1s\"\n"), "from 2s to 10m"),
            (format!("{THREE}lease = \"15500ms\"\n"), "whole seconds"),
            (format!("{THREE}poll = \"0s\"\n"), "fleet.poll is 0s"),
            (format!("{THREE}behind_after = \"1s\"\n"), "at least twice poll"),
            (format!("{THREE}alone_after = \"26h\"\n"), "`rmdd fleet leave`"),
            (format!("{THREE}pol = \"1s\"\n"), "unknown field `pol`"),
        ] {
            let refused = of(&text).expect_err(&text);
            assert!(refused.contains(said), "{text}: {refused}");
        }
    }

    #[test]
    fn one_member_is_allowed_and_warned_of() {
        let one = of("name = \"e\"\nsite = \"s\"\nengine = [\"http://127.0.0.1:2379\"]\n").expect("usable");
        assert!(one.warnings().iter().any(|warning| warning.contains("one member")), "{:?}", one.warnings());
    }

    #[test]
    fn what_was_a_setting_once_is_told_of_where_it_does_no_harm() {
        let never = of(&format!("{THREE}alone_after = \"never\"\n")).expect("usable");
        assert!(never.warnings().iter().any(|warning| warning.contains("Take it out")), "{:?}", never.warnings());
        assert!(!toml::to_string(&never).expect("written").contains("alone_after"));
    }
}
