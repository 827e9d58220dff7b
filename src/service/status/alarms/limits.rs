//! The settings that alarms go by.

use std::time::Duration;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// How long a listing may go unconfirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct FreshnessConfig {
    /// Past this time since the last confirmation the state is a warning and every answer carries an advisory.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub warn_after: Duration,
    /// Past this time the state is critical.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub critical_after: Duration,
    /// Past this time since the newest date in the listing the state is a warning, however recently the source confirmed it:
    /// a source may be frozen. Zero for never.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub content_warn_after: Duration,
}

impl Default for FreshnessConfig {
    fn default() -> Self {
        Self {
            // The listing changes every working day: a day and two hours means that one change may have been missed.
            warn_after: Duration::from_secs(26 * 3600),
            critical_after: Duration::from_secs(74 * 3600),
            // Over holidays nothing may be filed for a week or two; the source stood still for six in autumn 2025.
            content_warn_after: Duration::from_secs(21 * 24 * 3600),
        }
    }
}

impl FreshnessConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        if self.warn_after.is_zero() {
            return Err("freshness.warn_after is zero: every listing would be old at once".to_owned());
        }
        if self.critical_after < self.warn_after {
            return Err("freshness.critical_after is shorter than freshness.warn_after".to_owned());
        }
        if self.critical_after > Duration::from_secs(366 * 24 * 3600) {
            return Err("freshness.critical_after is longer than a year".to_owned());
        }
        let day = Duration::from_secs(24 * 3600);
        if !self.content_warn_after.is_zero() && self.content_warn_after < day {
            return Err(
                "freshness.content_warn_after is shorter than a day: the listing has dates of days; \"0s\" is never"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// `warn_after`, for comparing with ages.
    pub fn warn(&self) -> SignedDuration {
        SignedDuration::try_from(self.warn_after).unwrap_or(SignedDuration::MAX)
    }

    pub(super) fn critical(&self) -> SignedDuration {
        SignedDuration::try_from(self.critical_after).unwrap_or(SignedDuration::MAX)
    }
}

/// How much room the disk of the state directory must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DiskConfig {
    /// With less room than this many bytes it is an alarm; 0 for never.
    pub low_bytes: u64,
}

impl Default for DiskConfig {
    fn default() -> Self {
        // The store, a copy of it for a check or a backup, and some hundred raw listings.
        Self { low_bytes: 256 << 20 }
    }
}
