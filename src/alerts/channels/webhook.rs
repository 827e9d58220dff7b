//! Over HTTP.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, Url};

use super::signature::{self, Key};
use super::{Failure, Means, Outgoing, alertmanager, pagerduty, slack};
use crate::alerts::config::secret_url_shown;
use crate::alerts::safe::{beginning, causes, innermost};
use crate::alerts::secrets::Secrets;
use crate::observe::clock;

/// A wish to be left alone is heeded for no longer.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 3600);

/// What the other end takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Events as they are.
    CloudEvents,
    /// Slack's and Mattermost's incoming webhooks.
    Slack,
    /// PagerDuty's Events API v2.
    PagerDuty,
    /// Alertmanager's API v2.
    Alertmanager,
}

/// An address that is posted to.
#[derive(Clone)]
pub struct Webhook {
    pub url: Url,
    /// By what.
    pub client: Client,
    /// What it takes.
    pub format: Format,
    /// What it is signed with; nothing where it is not.
    pub keys: Vec<Key>,
    /// By what PagerDuty knows whose it is.
    pub routing_key: Option<String>,
    /// What nothing may show that the other end answers.
    pub secrets: Secrets,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook({}, {:?})", secret_url_shown(&self.url), self.format)
    }
}

/// What a message is signed by besides its body.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub id: &'a str,
    /// The time of the attempt.
    pub at: Timestamp,
}

impl Webhook {
    /// Posts events. Returns what the other end said.
    ///
    /// # Errors
    ///
    /// Says why not, and what that means.
    pub async fn send(&self, outgoing: &Outgoing, repeat: Option<Duration>) -> Result<String, Failure> {
        let signed = Some(Signed { id: outgoing.id(), at: outgoing.now });
        let json = "application/json";
        match self.format {
            Format::CloudEvents => {
                let mut said = String::new();
                for event in &*outgoing.events {
                    let signed = Some(Signed { id: &event.id, at: outgoing.now });
                    let body = event.body.clone().into_bytes();
                    said = self.post(body, "application/cloudevents+json; charset=utf-8", signed).await?;
                }
                Ok(said)
            }
            Format::Slack => self.post(slack::body(&outgoing.events).into_bytes(), json, signed).await,
            Format::PagerDuty => {
                let alone = || Some(pagerduty::next(&outgoing.events, &BTreeMap::new())?.1);
                let incident = outgoing.incident.clone().or_else(alone);
                let key = self.routing_key.as_deref().unwrap_or_default();
                match incident.and_then(|incident| pagerduty::body(&outgoing.events, &incident, key)) {
                    Some(body) => self.post(body.into_bytes(), json, None).await,
                    None => Ok("nothing that opens or ends an incident".to_owned()),
                }
            }
            Format::Alertmanager => {
                let alerts = alertmanager::of_events(&outgoing.events, outgoing.now, alertmanager::lapse(repeat));
                if alerts.is_empty() {
                    return Ok("nothing that Alertmanager keeps".to_owned());
                }
                self.post(serde_json::Value::Array(alerts).to_string().into_bytes(), json, signed).await
            }
        }
    }

    /// Posts one body.
    ///
    /// # Errors
    ///
    /// Says why not, and what that means.
    pub async fn post(&self, body: Vec<u8>, kind: &str, signed: Option<Signed<'_>>) -> Result<String, Failure> {
        let mut request = self.client.post(self.url.clone()).header(CONTENT_TYPE, kind);
        if let Some(Signed { id, at }) = signed {
            let seconds = at.as_second();
            request = request.header("webhook-id", id).header("webhook-timestamp", seconds);
            if !self.keys.is_empty() {
                request = request.header("webhook-signature", signature::header(&self.keys, id, seconds, &body));
            }
        }
        answered(request.body(body), &self.url, &self.secrets).await
    }
}

/// Sends a request, and says what its answer means.
pub(super) async fn answered(request: RequestBuilder, url: &Url, secrets: &Secrets) -> Result<String, Failure> {
    let at = secret_url_shown(url);
    let response = request.send().await.map_err(|error| {
        let error = error.without_url();
        let why = match () {
            () if error.is_timeout() => "it did not answer in time".to_owned(),
            // What lies below says all of it: "error sending request: client error (Connect)" is no news.
            () if error.is_connect() => format!("it cannot be connected to: {}", innermost(&error, secrets)),
            () => causes(&error, secrets),
        };
        Failure::again(format!("{at}: {why}"))
    })?;
    let status = response.status();
    let header = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = header.and_then(|value| retry_after(value, clock::now()));
    let said = beginning(response, secrets).await;
    if status.is_success() {
        return Ok(format!("{status}: {said}"));
    }
    let error = if status.is_redirection() {
        format!("{at} answered {status}: redirects are not followed, name the address that it leads to")
    } else {
        format!("{at} answered {status}: {said}")
    };
    Err(Failure { error, means: meaning(status), after })
}

fn meaning(status: StatusCode) -> Means {
    match status.as_u16() {
        410 => Means::Gone,
        408 | 425 | 429 => Means::Again,
        400..=499 => Means::Refused,
        _ => Means::Again,
    }
}

/// How long the other end wants to be left alone: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    let value = value.trim();
    let asked = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = Timestamp::try_from(httpdate::parse_http_date(value).ok()?).ok()?;
            let left = date.duration_since(now);
            Duration::try_from(left.max(SignedDuration::ZERO)).ok()?
        }
    };
    Some(asked.min(LONGEST_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_to_be_left_alone_is_read_in_both_forms_and_bounded() {
        let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
        assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(retry_after("Thu, 26 Nov 2026 12:01:00 GMT", now), Some(Duration::from_secs(60)));
        assert_eq!(retry_after("Thu, 26 Nov 2026 11:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999", now), Some(LONGEST_RETRY_AFTER));
        assert_eq!(retry_after("soon", now), None);
    }

    #[test]
    fn a_status_means_what_the_standard_says() {
        let of = |status| meaning(StatusCode::from_u16(status).expect("a status"));
        assert_eq!([408, 425, 429, 500, 503, 301].map(of), [Means::Again; 6]);
        assert_eq!([400, 401, 404, 422].map(of), [Means::Refused; 4]);
        assert_eq!(of(410), Means::Gone);
    }
}
