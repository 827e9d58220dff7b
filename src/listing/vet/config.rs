//! How much may be unusual about a listing.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How much may be unusual about a listing, and what it takes then. Shares are in percent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct VetConfig {
    /// Above this share of the standing filings gone at once, a second copy must say the same. A median real week loses
    /// 0.03 %.
    pub corroborate_loss_percent: f64,
    /// Above this share of the standing filings gone at once, the listing is held. The worst real week lost 10.8 %.
    pub max_loss_percent: f64,
    /// Above this share of new filings, a second copy must say the same.
    pub corroborate_growth_percent: f64,
    /// Above this share of new filings, the listing is held.
    pub max_growth_percent: f64,
    /// Above this share of filings changed in one column, a second copy must say the same. The worst real week changed
    /// 8.6 %. The columns on which decisions rest have closer limits of their own.
    pub corroborate_amended_percent: f64,
    /// Above this share of filings changed in a column on which decisions rest, or in three others at once, the listing
    /// is held.
    pub max_amended_percent: f64,
    /// The largest share of rows that may be unreadable. Up to [`UNREADABLE_FLOOR`] always may.
    pub max_unreadable_percent: f64,
    /// How long to wait before a second copy is fetched.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub corroborate_after: Duration,
    /// A held listing that the source has gone on publishing for so long is applied without a person. Where it is not
    /// set, never.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional")]
    pub release_held_after: Option<Duration>,
}

/// So many unreadable rows never refuse a listing by themselves, however small it is.
pub const UNREADABLE_FLOOR: usize = 3;

impl Default for VetConfig {
    fn default() -> Self {
        Self {
            corroborate_loss_percent: 1.0,
            max_loss_percent: 25.0,
            corroborate_growth_percent: 10.0,
            max_growth_percent: 50.0,
            corroborate_amended_percent: 10.0,
            max_amended_percent: 30.0,
            max_unreadable_percent: 1.0,
            corroborate_after: Duration::from_secs(60),
            release_held_after: None,
        }
    }
}

impl VetConfig {
    /// Whether the settings make sense.
    ///
    /// # Errors
    ///
    /// Names the setting that does not.
    pub fn validate(&self) -> Result<(), String> {
        let pairs = [
            ("loss", self.corroborate_loss_percent, self.max_loss_percent, 100.0),
            // A list may more than double.
            ("growth", self.corroborate_growth_percent, self.max_growth_percent, 10_000.0),
            ("amended", self.corroborate_amended_percent, self.max_amended_percent, 100.0),
        ];
        for (what, corroborate, max, most) in pairs {
            for (name, value) in [("corroborate", corroborate), ("max", max)] {
                if !(0.0..=most).contains(&value) {
                    return Err(format!("vet.{name}_{what}_percent is {value}: give a share from 0 to {most} percent"));
                }
            }
            if corroborate > max {
                return Err(format!("vet.corroborate_{what}_percent is larger than vet.max_{what}_percent"));
            }
        }
        if !(0.0..=100.0).contains(&self.max_unreadable_percent) {
            let value = self.max_unreadable_percent;
            return Err(format!("vet.max_unreadable_percent is {value}: give a share from 0 to 100 percent"));
        }
        if self.corroborate_after > Duration::from_secs(3600) {
            return Err(
                "vet.corroborate_after is longer than an hour: a sync would wait for it all the while".to_owned()
            );
        }
        Ok(())
    }
}
