//! The ways out: webhooks, mail, programs, heartbeats, and the journal.

mod alertmanager;
mod command;
mod mail;
pub(in crate::alerts) mod pagerduty;
pub mod signature;
mod slack;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::alerts::config::Filter;
use crate::alerts::event::EventKind;
use crate::alerts::secrets::Secrets;
use crate::store::EventRecord;

pub use command::Command;
pub use mail::{Mail, MailTls, message_id};
pub use pagerduty::Incident;
pub use webhook::{Format, Webhook};

/// A way out, ready to be used.
#[derive(Debug, Clone)]
pub struct Channel {
    pub name: String,
    pub kind: Kind,
    /// What it has.
    pub filter: Filter,
    /// So often what is still raised is told again.
    pub repeat: Option<Duration>,
    /// Whether people read it: they have one message for all that belongs together.
    pub people: bool,
}

/// What a channel is.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A line in the log for each event.
    Journal,
    /// HTTP.
    Webhook(Webhook),
    /// SMTP.
    Mail(Mail),
    /// A program on this machine.
    Command(Command),
    /// An address that is called while all is well.
    Heartbeat(Heartbeat),
}

/// An address that is called while all is well.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    pub url: reqwest::Url,
    /// By what.
    pub client: reqwest::Client,
    /// How often.
    pub every: Duration,
    /// What nothing may show that the other end answers.
    pub secrets: Secrets,
}

/// What goes out in one message.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The events, oldest first; more than one for people alone.
    pub events: Arc<[EventRecord]>,
    /// What it answers, by subject, where there is such a message.
    pub threads: Vec<(String, String)>,
    /// What it does to which incident, where the other end keeps incidents; nothing: what it does alone.
    pub incident: Option<Incident>,
    /// The time of this attempt.
    pub now: Timestamp,
}

impl Outgoing {
    /// The ID of the message: that of its first event.
    pub fn id(&self) -> &str {
        self.events.first().map_or("", |event| event.id.as_str())
    }
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In words. It names no address beyond its host, and no secret of the channel.
    pub error: String,
    pub means: Means,
    /// The other end wants to be left alone for so long.
    pub after: Option<Duration>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It may pass.
    Again,
    /// The other end does not want this message, and will hardly want it later.
    Refused,
    /// The other end wants no message any more.
    Gone,
}

impl Failure {
    /// One that may pass.
    pub fn again(error: impl Into<String>) -> Self {
        Self { error: error.into(), means: Means::Again, after: None }
    }
}

impl Channel {
    /// The channel that is always there.
    pub fn journal() -> Self {
        Self { name: "journal".to_owned(), kind: Kind::Journal, filter: Filter::all(), repeat: None, people: false }
    }

    /// Whether it is the one that is always there.
    pub fn is_journal(&self) -> bool {
        matches!(self.kind, Kind::Journal)
    }

    /// Whether people read each message as it comes, and nothing keeps states for them.
    pub fn is_read(&self) -> bool {
        match &self.kind {
            Kind::Mail(_) => true,
            Kind::Webhook(webhook) => webhook.format == Format::Slack,
            _ => false,
        }
    }

    /// Whether the other end keeps incidents, and calls people for each.
    pub fn keeps_incidents(&self) -> bool {
        matches!(&self.kind, Kind::Webhook(webhook) if webhook.format == Format::PagerDuty)
    }

    /// Whether it has messages for events of this type: who keeps states has none for news.
    pub fn has_messages_for(&self, kind: EventKind) -> bool {
        let keeps_states = matches!(
            &self.kind,
            Kind::Webhook(webhook) if matches!(webhook.format, Format::PagerDuty | Format::Alertmanager)
        );
        !keeps_states || !matches!(kind, EventKind::ListingApplied | EventKind::BaselineTaken)
    }

    /// Whether events go to it at all.
    pub fn takes_events(&self) -> bool {
        !matches!(self.kind, Kind::Heartbeat(_))
    }

    /// Sends. Returns what the other end said.
    ///
    /// # Errors
    ///
    /// Says why not, and what that means.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<String, Failure> {
        match &self.kind {
            Kind::Journal => {
                outgoing.events.iter().for_each(journal);
                Ok("written to the log".to_owned())
            }
            Kind::Webhook(webhook) => webhook.send(outgoing, self.repeat).await,
            Kind::Mail(mail) => mail.send(outgoing).await,
            Kind::Command(command) => command.run(outgoing).await,
            Kind::Heartbeat(heartbeat) => heartbeat.beat().await,
        }
    }

    /// Tells the other end again what is raised, where it forgets what it is not told again.
    ///
    /// # Errors
    ///
    /// Says why not.
    pub async fn tell_again(&self, raised: &[(String, Value)], source: &str, now: Timestamp) -> Result<(), Failure> {
        match &self.kind {
            Kind::Webhook(webhook) if webhook.format == Format::Alertmanager => {
                let lapse = alertmanager::lapse(self.repeat);
                let alerts = alertmanager::of_reported(raised, &self.filter, source, now, lapse);
                if alerts.is_empty() {
                    return Ok(());
                }
                webhook.post(Value::Array(alerts).to_string().into_bytes(), "application/json", None).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Whether the other end forgets what it is not told again.
    pub fn forgets(&self) -> bool {
        matches!(&self.kind, Kind::Webhook(webhook) if webhook.format == Format::Alertmanager)
    }
}

impl Heartbeat {
    /// Says that all is well.
    ///
    /// # Errors
    ///
    /// Says why it could not be said.
    pub async fn beat(&self) -> Result<String, Failure> {
        webhook::answered(self.client.get(self.url.clone()), &self.url, &self.secrets).await
    }
}

/// One structured line for an event.
fn journal(event: &EventRecord) {
    let EventRecord { id, kind, subject, severity, sequence, .. } = event;
    let said = crate::alerts::digest::Said::read(event);
    let cause = format!("{}: {}", said.word(), said.line());
    let what_to_do = Some(said.text("what_to_do")).filter(|what| !what.is_empty());
    match severity.as_str() {
        "critical" => tracing::error!(event = id, kind, subject, severity, sequence, what_to_do, "alert: {cause}"),
        "warning" => tracing::warn!(event = id, kind, subject, severity, sequence, what_to_do, "alert: {cause}"),
        _ => tracing::info!(event = id, kind, subject, severity, sequence, what_to_do, "alert: {cause}"),
    }
}
