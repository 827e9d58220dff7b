//! Mail, over SMTP. Not by the `sendmail` program: its setgid part cannot work where a daemon may gain no privileges.

use std::time::Duration;

use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use super::{Failure, Means, Outgoing};
use crate::alerts::digest;
use crate::alerts::safe::{self, Reach, causes};
use crate::alerts::secrets::Secrets;

/// What a server answers where it is the login that is wrong, or missing, and not the mail.
const OF_LOGIN: [u16; 4] = [530, 534, 535, 538];

/// A mail names so many that it answers.
const MOST_ANSWERED: usize = 20;

/// How the server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// In the clear, and then over TLS, or not at all.
    StartTls,
    /// Over TLS from the first byte on.
    Tls,
    /// In the clear, to a relay on this machine.
    Plain,
}

impl MailTls {
    /// How far it may lead.
    pub fn reach(self) -> Reach {
        if self == Self::Plain { Reach::Relay } else { Reach::Anywhere }
    }
}

/// A mail server, and who writes to whom.
#[derive(Clone)]
pub struct Mail {
    pub server: String,
    pub port: u16,
    /// How it is spoken to.
    pub tls: MailTls,
    /// User and password.
    pub login: Option<(String, String)>,
    /// What nothing may show that the server answers.
    pub secrets: Secrets,
    /// From whom.
    pub from: Mailbox,
    /// To whom.
    pub to: Vec<Mailbox>,
    /// PEM of authorities that are trusted besides the system's.
    pub authorities: Option<Vec<u8>>,
    /// So long an attempt may take.
    pub timeout: Duration,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mail({}:{}, {:?})", self.server, self.port, self.tls)
    }
}

/// The ID of the mail whose first event has this one.
pub fn message_id(event: &str, from: &Mailbox) -> String {
    format!("<{event}@{}>", from.email.domain())
}

impl Mail {
    /// Sends one mail for all events. Returns what the server said.
    ///
    /// # Errors
    ///
    /// Says why not, and what that means.
    pub async fn send(&self, outgoing: &Outgoing) -> Result<String, Failure> {
        let message = self.message(outgoing).map_err(|error| Failure {
            error: format!("the mail cannot be written: {error}"),
            means: Means::Refused,
            after: None,
        })?;
        match tokio::time::timeout(self.timeout, self.hand_over(&message)).await {
            Ok(handed_over) => handed_over,
            Err(_) => Err(Failure::again(format!("{}: it did not take the mail in time", self.server))),
        }
    }

    async fn hand_over(&self, message: &Message) -> Result<String, Failure> {
        let failed = |why: String| Failure::again(format!("{}:{}: {why}", self.server, self.port));
        let (reach, secrets) = (self.tls.reach(), &self.secrets);
        let resolved =
            safe::resolve(&self.server, self.port, reach).await.map_err(|error| failed(causes(&*error, secrets)))?;
        let tls = self.security().map_err(|error| failed(causes(&error, secrets)))?;
        let mut last = failed("it has no address".to_owned());
        for address in resolved {
            // To the address that was checked; the certificate is that of the name.
            let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
                .port(self.port)
                .tls(tls.clone())
                .timeout(Some(self.timeout));
            if let Some((user, password)) = &self.login {
                builder = builder.credentials(Credentials::new(user.clone(), password.clone()));
            }
            let envelope: &Envelope = message.envelope();
            match builder.build().send_raw(envelope, &message.formatted()).await {
                Ok(response) => {
                    let said: Vec<&str> = response.message().collect();
                    return Ok(format!("{} {}", response.code(), safe::excerpt(said.join(" ").as_bytes(), secrets)));
                }
                Err(error) => {
                    // A login that is refused says nothing of the message.
                    let of_login = error.status().is_some_and(|code| OF_LOGIN.contains(&u16::from(code)));
                    let means = if error.is_permanent() && !of_login { Means::Refused } else { Means::Again };
                    last = Failure { means, ..failed(causes(&error, secrets)) };
                    // One that answers speaks for all.
                    if error.status().is_some() {
                        break;
                    }
                }
            }
        }
        Err(last)
    }

    fn security(&self) -> Result<Tls, lettre::transport::smtp::Error> {
        if self.tls == MailTls::Plain {
            return Ok(Tls::None);
        }
        // Fails only if a provider is installed already, and then there is one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut parameters = TlsParameters::builder(self.server.clone());
        if let Some(pem) = &self.authorities {
            parameters = parameters.add_root_certificate(Certificate::from_pem(pem)?);
        }
        let parameters = parameters.build()?;
        Ok(if self.tls == MailTls::Tls { Tls::Wrapper(parameters) } else { Tls::Required(parameters) })
    }

    /// The mail: the same bytes in every attempt.
    fn message(&self, outgoing: &Outgoing) -> Result<Message, lettre::error::Error> {
        let digest = digest::of(&outgoing.events);
        let id = message_id(outgoing.id(), &self.from);
        let date = outgoing.events.last().map_or(outgoing.now, |event| event.at);
        let seconds = u64::try_from(date.as_second()).unwrap_or_default();
        let mut builder = Message::builder()
            .from(self.from.clone())
            .subject(digest.subject.clone())
            .message_id(Some(id))
            .date(std::time::UNIX_EPOCH + Duration::from_secs(seconds));
        for to in &self.to {
            builder = builder.to(to.clone());
        }
        let mut answered: Vec<&str> = outgoing.threads.iter().map(|(_, id)| id.as_str()).collect();
        answered.dedup();
        answered.truncate(MOST_ANSWERED);
        if let [first, ..] = answered.as_slice() {
            // Readers put a mail below the one that it answers: that about the first of its events.
            builder = builder.in_reply_to((*first).to_owned()).references(answered.join(" "));
        }
        let boundary = format!("rmdd-{}", outgoing.id());
        let csv = Attachment::new("rmdd.csv".to_owned()).body(
            digest.csv.clone().into_bytes(),
            ContentType::parse("text/csv; charset=utf-8").unwrap_or(ContentType::TEXT_PLAIN),
        );
        let parts = MultiPart::mixed().boundary(boundary).singlepart(SinglePart::plain(digest.text())).singlepart(csv);
        let mut message = builder.multipart(parts)?;
        // So that no absence notice comes back.
        for (name, value) in [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")] {
            if let Ok(name) = HeaderName::new_from_ascii(name.to_owned()) {
                message.headers_mut().insert_raw(HeaderValue::new(name, value.to_owned()));
            }
        }
        Ok(message)
    }
}
