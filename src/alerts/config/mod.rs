//! Which channels there are, and how they behave: `[alerts]` and each `[[alerts.channel]]`.
//!
//! What the file says is checked whole before anything starts: each channel is made of its settings and of the files that
//! these name, or the first thing that is wrong is told with its key and the nearest right word.

mod channel;
mod secret_url;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rapidfuzz::distance::osa;
use serde::{Deserialize, Serialize};

use crate::alerts::channels::{Channel, Kind};
use crate::alerts::event::EventKind;
use crate::service::Severity;

pub use channel::ChannelConfig;
pub use secret_url::{SecretUrl, shown as secret_url_shown};

/// The longest time that a setting may name.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// How alerts behave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct AlertsConfig {
    /// So long people's messages wait for what belongs together.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub group_wait: Duration,
    /// How often what holds is compared with what was reported, besides whenever something changes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub check_every: Duration,
    /// The longest an attempt may take.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub timeout: Duration,
    /// The pauses behind the first attempt, the second and so on, before jitter. Behind the last the delivery is set aside.
    pub retry_after: Vec<Pause>,
    /// A channel that fails for so long is told of on the others.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub failing_after: Duration,
    #[serde(rename = "channel", skip_serializing_if = "Vec::is_empty")]
    pub channels: Vec<ChannelConfig>,
}

/// A pause between two attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pause(
    /// How long.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub Duration,
);

impl Default for AlertsConfig {
    fn default() -> Self {
        const MINUTE: u64 = 60;
        const HOUR: u64 = 60 * MINUTE;
        let pauses =
            [5, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR].into_iter();
        Self {
            group_wait: Duration::from_secs(30),
            check_every: Duration::from_secs(MINUTE),
            timeout: Duration::from_secs(15),
            retry_after: pauses.map(|seconds| Pause(Duration::from_secs(seconds))).collect(),
            failing_after: Duration::from_secs(30 * MINUTE),
            channels: Vec::new(),
        }
    }
}

impl AlertsConfig {
    /// Whether the settings make sense. Files are not looked at: see [`AlertsConfig::channels`].
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        for (name, value, least) in [
            ("group_wait", self.group_wait, Duration::ZERO),
            ("check_every", self.check_every, Duration::from_millis(10)),
            ("timeout", self.timeout, Duration::from_millis(10)),
            ("failing_after", self.failing_after, Duration::ZERO),
        ] {
            if value < least {
                return Err(format!("alerts.{name} is too short: give a time such as \"30s\""));
            }
            if value > LONGEST {
                return Err(format!("alerts.{name} is longer than a year"));
            }
        }
        let good = |pause: &Pause| !pause.0.is_zero() && pause.0 <= LONGEST;
        if !(1..=100).contains(&self.retry_after.len()) || !self.retry_after.iter().all(good) {
            return Err(
                "alerts.retry_after is a list of 1 to 100 pauses between attempts, none of them zero or longer than a \
                        year: such as [\"5s\", \"5m\"]"
                    .to_owned(),
            );
        }
        let mut names = BTreeMap::new();
        for (place, channel) in (1..).zip(&self.channels) {
            channel.validate()?;
            if let Some(before) = names.insert(channel.name.as_str(), place) {
                return Err(format!(
                    "alerts.channel: two channels have the name {:?}, the {} and the {} of the file: give each a `name` of its \
                     own",
                    channel.name,
                    ordinal(before),
                    ordinal(place)
                ));
            }
        }
        Ok(())
    }

    /// The channels, made of the settings and of the files that they name, with the journal, which is always there.
    ///
    /// # Errors
    ///
    /// Names the first setting or file that cannot be used.
    pub fn channels(&self) -> Result<Vec<Channel>, String> {
        self.validate()?;
        let named = self.channels.iter().map(|channel| channel.load(self.timeout));
        std::iter::once(Ok(Channel::journal())).chain(named).collect()
    }
}

/// Which events a channel has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// Their types; all of them where there are none.
    pub kinds: BTreeSet<EventKind>,
    /// None that is less bad.
    pub least: Severity,
}

impl Filter {
    /// Everything.
    pub fn all() -> Self {
        Self { kinds: BTreeSet::new(), least: Severity::Note }
    }

    /// Whether an event passes.
    pub fn passes(&self, kind: EventKind, severity: Severity) -> bool {
        severity >= self.least && (self.kinds.is_empty() || self.kinds.contains(&kind))
    }
}

/// The word that is nearest to one that there is not, if one is near at all.
pub(crate) fn nearest<'a>(given: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let given: Vec<char> = given.chars().take(100).collect();
    let slips = |word: &str| osa::distance(word.chars(), given.iter().copied());
    words.filter(|word| slips(word) <= word.len().div_ceil(2)).min_by_key(|word| slips(word))
}

/// The word of a set that is meant, or the nearest one.
pub(super) fn one_of<T: Copy>(setting: &str, given: &str, words: &[(&str, T)]) -> Result<T, String> {
    if let Some((_, meant)) = words.iter().find(|(word, _)| *word == given) {
        return Ok(*meant);
    }
    let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let hint = nearest(given, all.iter().copied())
        .map_or_else(String::new, |word| format!("; {word:?} is meant, most likely"));
    let given: String = given.chars().take(40).collect();
    Err(format!("{setting} is {given:?}, which is none of {}{hint}", all.join(", ")))
}

fn ordinal(place: usize) -> String {
    let ending = match (place % 10, place % 100) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    };
    format!("{place}{ending}")
}

/// What a channel is, for who only looks.
pub(super) fn kind_of(kind: &Kind) -> &'static str {
    match kind {
        Kind::Journal => "journal",
        Kind::Webhook(_) => "webhook",
        Kind::Mail(_) => "mail",
        Kind::Command(_) => "command",
        Kind::Heartbeat(_) => "heartbeat",
    }
}
