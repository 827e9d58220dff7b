//! One `[[alerts.channel]]`: its settings, and the channel that they make.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::message::Mailbox;
use reqwest::Url;
use serde::{Deserialize, Serialize};

use super::{Filter, SecretUrl, one_of};
use crate::alerts::channels::{Channel, Command, Format, Heartbeat, Kind, Mail, MailTls, Webhook, signature};
use crate::alerts::event::EventKind;
use crate::alerts::safe::{self, Reach};
use crate::alerts::secrets::Secrets;
use crate::service::Severity;
use crate::transport::secret_file;

/// Where PagerDuty takes events, unless another address is named.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

const DAY: Duration = Duration::from_secs(24 * 3600);

/// One channel, as the file has it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChannelConfig {
    pub name: String,
    /// What it is: `webhook`, `mail`, `command` or `heartbeat`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The events that it has: types (`peer.refused`) or their groups (`peer`). Without it: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
    /// No event that is less bad: `note`, `warning` or `critical`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_severity: Option<String>,
    /// So often what is still raised is told again; `off` for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<String>,
    /// Where a webhook or a heartbeat goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<SecretUrl>,
    /// A file that holds that address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url_file: Option<PathBuf>,
    /// What a webhook's other end takes: `cloudevents`, `slack`, `pagerduty` or `alertmanager`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The file of a webhook's secret. Without it: the credential `rmdd-alerts-NAME` that systemd hands over, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_file: Option<PathBuf>,
    /// Whether `http://` may leave this machine.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
    /// A PEM file of authorities that are trusted besides the system's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<PathBuf>,
    /// The mail server, `HOST` or `HOST:PORT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// How the mail server is spoken to: `starttls`, `tls` or `plain`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<String>,
    /// The user to log in as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The file of that user's password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// From whom mail comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// To whom it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Vec<String>>,
    /// The program and its arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// How often a heartbeat comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
}

/// The kinds of channels that somebody configures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Webhook,
    Mail,
    Command,
    Heartbeat,
}

const TYPES: [(&str, Type); 4] =
    [("webhook", Type::Webhook), ("mail", Type::Mail), ("command", Type::Command), ("heartbeat", Type::Heartbeat)];

const FORMATS: [(&str, Format); 4] = [
    ("cloudevents", Format::CloudEvents),
    ("slack", Format::Slack),
    ("pagerduty", Format::PagerDuty),
    ("alertmanager", Format::Alertmanager),
];

const SEVERITIES: [(&str, Severity); 3] =
    [("note", Severity::Note), ("warning", Severity::Warning), ("critical", Severity::Critical)];

const MAIL_TLS: [(&str, MailTls); 3] =
    [("starttls", MailTls::StartTls), ("tls", MailTls::Tls), ("plain", MailTls::Plain)];

impl ChannelConfig {
    /// The name of a setting of this channel, for messages.
    fn key(&self, setting: &str) -> String {
        format!("alerts.channel {:?}: {setting}", self.name)
    }

    /// What can be said without looking at a file.
    pub(super) fn validate(&self) -> Result<(), String> {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.name.is_empty() || self.name.len() > 64 || !self.name.chars().all(fits) {
            return Err(format!(
                "alerts.channel: the name {:?} cannot be used: give letters, digits, - _ and ., at most 64",
                self.name.chars().take(80).collect::<String>()
            ));
        }
        if self.name == "journal" {
            return Err("alerts.channel: \"journal\" is the name of the channel that is always there".to_owned());
        }
        let kind = one_of(&self.key("type"), &self.kind, &TYPES)?;
        self.refuse_settings_of_others(kind)?;
        self.filter(kind)?;
        self.repeat(kind)?;
        match kind {
            Type::Webhook => self.format().map(drop)?,
            Type::Mail => self.validate_mail()?,
            Type::Command if self.command.as_ref().and_then(|words| words.first()).is_none_or(String::is_empty) => {
                return Err(format!("{} is empty: name the program and its arguments", self.key("command")));
            }
            Type::Heartbeat => self.every().map(drop)?,
            Type::Command => {}
        }
        if let Some(url) = &self.url {
            self.check_url(&url.parse().map_err(|error| format!("{} {error}", self.key("url")))?)?;
        }
        Ok(())
    }

    /// A setting that does nothing is a mistake.
    fn refuse_settings_of_others(&self, kind: Type) -> Result<(), String> {
        use Type::{Command, Heartbeat, Mail, Webhook};
        let settings: [(&str, bool, &[Type]); 17] = [
            ("url", self.url.is_some(), &[Webhook, Heartbeat]),
            ("url_file", self.url_file.is_some(), &[Webhook, Heartbeat]),
            ("plain", self.plain, &[Webhook, Heartbeat]),
            ("format", self.format.is_some(), &[Webhook]),
            ("secret_file", self.secret_file.is_some(), &[Webhook]),
            ("ca_file", self.ca_file.is_some(), &[Webhook, Heartbeat, Mail]),
            ("server", self.server.is_some(), &[Mail]),
            ("tls", self.tls.is_some(), &[Mail]),
            ("user", self.user.is_some(), &[Mail]),
            ("password_file", self.password_file.is_some(), &[Mail]),
            ("from", self.from.is_some(), &[Mail]),
            ("to", self.to.is_some(), &[Mail]),
            ("command", self.command.is_some(), &[Command]),
            ("every", self.every.is_some(), &[Heartbeat]),
            ("events", self.events.is_some(), &[Webhook, Mail, Command]),
            ("min_severity", self.min_severity.is_some(), &[Webhook, Mail, Command]),
            ("repeat", self.repeat.is_some(), &[Webhook, Mail, Command]),
        ];
        match settings.iter().find(|(_, set, of)| *set && !of.contains(&kind)) {
            Some((name, ..)) => Err(format!("{} is nothing that a channel of type {} has", self.key(name), self.kind)),
            None => Ok(()),
        }
    }

    fn format(&self) -> Result<Format, String> {
        one_of(&self.key("format"), self.format.as_deref().unwrap_or("cloudevents"), &FORMATS)
    }

    /// Whether people read it: they have one message for all that belongs together, and no notes unless they ask.
    fn is_for_people(&self, kind: Type) -> bool {
        match kind {
            Type::Mail => true,
            Type::Webhook => matches!(self.format(), Ok(Format::Slack | Format::PagerDuty)),
            Type::Command | Type::Heartbeat => false,
        }
    }

    fn filter(&self, kind: Type) -> Result<Filter, String> {
        let mut words: Vec<(&str, &[EventKind])> = EventKind::GROUPS.to_vec();
        let types: Vec<(&str, [EventKind; 1])> =
            EventKind::ALL.iter().map(|kind| (kind.as_str().trim_start_matches("rmdd."), [*kind])).collect();
        words.extend(types.iter().map(|(word, kind)| (*word, kind.as_slice())));
        let mut kinds = std::collections::BTreeSet::new();
        if self.events.as_ref().is_some_and(Vec::is_empty) {
            return Err(format!(
                "{} is empty, and so it would have none: name types or groups, such as [\"peer\", \"deadline\"], or leave it \
                 out for all",
                self.key("events")
            ));
        }
        for event in self.events.iter().flatten() {
            let word = event.strip_prefix("rmdd.").unwrap_or(event);
            kinds.extend(one_of(&self.key("events"), word, &words)?);
        }
        let default = if self.is_for_people(kind) { Severity::Warning } else { Severity::Note };
        let least = self.min_severity.as_deref().map(|word| one_of(&self.key("min_severity"), word, &SEVERITIES));
        Ok(Filter { kinds, least: least.transpose()?.unwrap_or(default) })
    }

    fn repeat(&self, kind: Type) -> Result<Option<Duration>, String> {
        match self.repeat.as_deref() {
            Some("off") => Ok(None),
            Some(text) => {
                let read = self.duration("repeat", text, Duration::from_secs(10));
                read.map(Some).map_err(|error| format!("{error}, or \"off\""))
            }
            None if matches!(self.format(), Ok(Format::Alertmanager)) && kind == Type::Webhook => {
                Ok(Some(Duration::from_secs(60)))
            }
            None => Ok(self.is_for_people(kind).then_some(DAY)),
        }
    }

    fn every(&self) -> Result<Duration, String> {
        self.duration("every", self.every.as_deref().unwrap_or("5m"), Duration::from_secs(1))
    }

    fn duration(&self, setting: &str, text: &str, least: Duration) -> Result<Duration, String> {
        let span: Option<Duration> =
            text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
        span.filter(|span| (least..=super::LONGEST).contains(span)).ok_or_else(|| {
            format!(
                "{} is {:?}: give a time of at least {least:?}, such as \"24h\"",
                self.key(setting),
                text.chars().take(40).collect::<String>()
            )
        })
    }

    fn validate_mail(&self) -> Result<(), String> {
        let tls = self.mail_tls()?;
        self.server()?;
        if self.to.as_ref().is_none_or(Vec::is_empty) {
            return Err(format!("{} is empty: name whom the mail goes to", self.key("to")));
        }
        self.mailboxes()?;
        match (&self.user, &self.password_file) {
            (Some(_), None) => Err(format!("{} is missing, since user is set", self.key("password_file"))),
            (None, Some(_)) => Err(format!("{} is missing, since password_file is set", self.key("user"))),
            (Some(_), Some(_)) if tls == MailTls::Plain => {
                Err(format!("{} is \"plain\": a password would go in the clear", self.key("tls")))
            }
            _ => Ok(()),
        }
    }

    fn mail_tls(&self) -> Result<MailTls, String> {
        one_of(&self.key("tls"), self.tls.as_deref().unwrap_or("starttls"), &MAIL_TLS)
    }

    fn server(&self) -> Result<(String, u16), String> {
        let Some(server) = self.server.as_deref().filter(|server| !server.is_empty()) else {
            return Err(format!("{} is missing: name the mail server, HOST or HOST:PORT", self.key("server")));
        };
        let default = match self.mail_tls()? {
            MailTls::StartTls => 587,
            MailTls::Tls => 465,
            MailTls::Plain => 25,
        };
        // Read as an address is, so that an IPv6 address stands in brackets.
        let wrong = || format!("{} is {server:?}: give HOST or HOST:PORT", self.key("server"));
        let url = Url::parse(&format!("smtp://{server}")).map_err(|_| wrong())?;
        let host = url
            .host_str()
            .filter(|_| url.port() != Some(0) && url.path().is_empty() && url.username().is_empty())
            .ok_or_else(wrong)?;
        let host = host.trim_matches(['[', ']']);
        if let Some(why) = safe::refused_server(host, self.mail_tls()?.reach()) {
            return Err(format!("{} cannot be used: {why}", self.key("server")));
        }
        Ok((host.to_owned(), url.port().unwrap_or(default)))
    }

    fn mailboxes(&self) -> Result<(Mailbox, Vec<Mailbox>), String> {
        let read = |setting: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|error| format!("{}: {text:?} is no address: {error}", self.key(setting)))
        };
        let from = self.from.as_deref().filter(|from| !from.is_empty());
        let from = from.ok_or_else(|| format!("{} is missing: say from whom the mail comes", self.key("from")))?;
        let to = self.to.iter().flatten().map(|to| read("to", to)).collect::<Result<_, _>>()?;
        Ok((read("from", from)?, to))
    }

    /// Whether this address may be spoken to at all.
    fn check_url(&self, url: &Url) -> Result<(), String> {
        let refused = safe::refused_url(url, self.reach(url));
        refused.map_or(Ok(()), |why| Err(format!("{} cannot be used: {why}", self.key("url"))))
    }

    fn reach(&self, url: &Url) -> Reach {
        if url.scheme() == "http" && !self.plain { Reach::ThisMachine } else { Reach::Anywhere }
    }

    /// The channel, with what its files hold.
    pub(super) fn load(&self, timeout: Duration) -> Result<Channel, String> {
        let kind = one_of(&self.key("type"), &self.kind, &TYPES)?;
        let made = match kind {
            Type::Webhook => Kind::Webhook(self.webhook(timeout)?),
            Type::Mail => Kind::Mail(self.mail(timeout)?),
            Type::Command => Kind::Command(self.program(timeout)?),
            Type::Heartbeat => {
                let (url, reach) = self.url("a heartbeat calls an address")?;
                let client = safe::client(reach, timeout, self.authorities()?.as_deref());
                let client = client.map_err(|error| format!("{}: {error}", self.key("ca_file")))?;
                let secrets = Secrets::of_url(&url);
                Kind::Heartbeat(Heartbeat { url, client, every: self.every()?, secrets })
            }
        };
        let filter = if kind == Type::Heartbeat { Filter::all() } else { self.filter(kind)? };
        let people = self.is_for_people(kind);
        Ok(Channel { name: self.name.clone(), kind: made, filter, repeat: self.repeat(kind)?, people })
    }

    fn webhook(&self, timeout: Duration) -> Result<Webhook, String> {
        let format = self.format()?;
        let (url, reach) = match (format, &self.url, &self.url_file) {
            (Format::PagerDuty, None, None) => {
                let url = Url::parse(PAGERDUTY).map_err(|error| error.to_string())?;
                (url, Reach::Anywhere)
            }
            _ => self.url("a webhook posts to an address")?,
        };
        let secret = self.secret(self.secret_file.as_deref())?;
        let secrets = Secrets::of_url(&url).with_lines(secret.as_deref().unwrap_or_default());
        let (mut keys, mut routing_key) = (Vec::new(), None);
        match (format, secret) {
            (Format::PagerDuty, Some(key)) => routing_key = Some(key),
            (Format::PagerDuty, None) => {
                return Err(format!(
                    "{} is missing: PagerDuty tells who posts by the routing key",
                    self.key("secret_file")
                ));
            }
            (_, Some(text)) => {
                keys = signature::keys(&text).map_err(|error| format!("{} {error}", self.key("secret_file")))?;
            }
            (_, None) => {}
        }
        let client = safe::client(reach, timeout, self.authorities()?.as_deref());
        let client = client.map_err(|error| format!("{}: {error}", self.key("ca_file")))?;
        Ok(Webhook { url, client, format, keys, routing_key, secrets })
    }

    fn mail(&self, timeout: Duration) -> Result<Mail, String> {
        let (server, port) = self.server()?;
        let (from, to) = self.mailboxes()?;
        let password = match &self.password_file {
            Some(path) => self.secret(Some(path))?,
            None => None,
        };
        let login = self.user.clone().zip(password);
        let secrets = login.as_ref().map(|(user, password)| Secrets::default().with_login(user, password));
        let (tls, authorities, secrets) = (self.mail_tls()?, self.authorities()?, secrets.unwrap_or_default());
        Ok(Mail { server, port, tls, login, secrets, from, to, authorities, timeout })
    }

    fn program(&self, timeout: Duration) -> Result<Command, String> {
        let mut words = self.command.clone().unwrap_or_default().into_iter();
        let program = PathBuf::from(words.next().unwrap_or_default());
        let wrong = |why: String| format!("{}: {} {why}", self.key("command"), program.display());
        if !program.is_absolute() {
            return Err(wrong("is no absolute path, and no shell looks for it".to_owned()));
        }
        let found = std::fs::metadata(&program).map_err(|error| wrong(format!("cannot be used: {error}")))?;
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            return Err(wrong("is no file that can be run".to_owned()));
        }
        let arguments: Vec<String> = words.collect();
        let secrets = Secrets::of_arguments(&arguments);
        Ok(Command { program, arguments, timeout, secrets })
    }

    /// The address, which a file may hold.
    fn url(&self, why: &str) -> Result<(Url, Reach), String> {
        let (setting, url) = match (&self.url, &self.url_file) {
            (Some(_), Some(_)) => return Err(format!("{} and url_file are both set: keep one", self.key("url"))),
            (Some(url), None) => ("url", url.clone()),
            (None, Some(path)) => ("url_file", SecretUrl::from(self.secret(Some(path))?.unwrap_or_default())),
            (None, None) => return Err(format!("{} is missing: {why}", self.key("url"))),
        };
        let url = url.parse().map_err(|error| format!("{} {error}", self.key(setting)))?;
        self.check_url(&url)?;
        let reach = self.reach(&url);
        Ok((url, reach))
    }

    /// The text of a file that only its owner and group may read, or of systemd's credential for this channel.
    fn secret(&self, named: Option<&Path>) -> Result<Option<String>, String> {
        let credential = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty());
        let credential = credential.map(|directory| Path::new(&directory).join(format!("rmdd-alerts-{}", self.name)));
        let place = match named {
            Some(path) => Some(path.to_owned()),
            None => credential.filter(|path| path.try_exists().unwrap_or(true)),
        };
        let Some(path) = place else { return Ok(None) };
        let bytes = secret_file::read(&path).map_err(|error| format!("alerts.channel {:?}: {error}", self.name))?;
        let text = String::from_utf8(bytes).map_err(|_| self.bad_secret(&path, "holds no text"))?;
        let text = text.trim().to_owned();
        if text.is_empty() {
            return Err(self.bad_secret(&path, "is empty"));
        }
        Ok(Some(text))
    }

    fn bad_secret(&self, path: &Path, what: &str) -> String {
        format!("alerts.channel {:?}: {} {what}", self.name, path.display())
    }

    fn authorities(&self) -> Result<Option<Vec<u8>>, String> {
        let Some(path) = &self.ca_file else { return Ok(None) };
        std::fs::read(path).map(Some).map_err(|error| format!("{}: {}: {error}", self.key("ca_file"), path.display()))
    }
}
