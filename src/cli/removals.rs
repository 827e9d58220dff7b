//! `rmdd removals`

use anyhow::bail;
use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::target::{Access, Target};
use super::text::say;
use super::{Global, YES, text};
use crate::config::Overrides;
use crate::grpc::time_to_wire;
use crate::grpc::v1::{ListRemovalsRequest, Removal};
use crate::report;

const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct Removals {
    /// Only removals observed since then: a time (2025-08-06T12:00:00Z), a day (2025-08-06, UTC) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Also filings that were reinstated since.
    #[arg(long)]
    reinstated: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

/// Reads a time, a day or an age.
fn since(text: &str) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    if let Ok(day) = text.parse::<Date>() {
        return TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).map_err(|error| error.to_string());
    }
    // A day is taken as 24 hours.
    let age = match text.trim().strip_suffix('d').map(str::parse::<i64>) {
        Some(Ok(days)) => Some(SignedDuration::from_hours(days.saturating_mul(24).min(24 * 366 * 100))),
        _ => text.parse::<SignedDuration>().ok(),
    };
    age.filter(|age| *age >= SignedDuration::ZERO)
        .and_then(|age| Timestamp::now().checked_sub(age).ok())
        .ok_or_else(|| "give a time (2025-08-06T12:00:00Z), a day (2025-08-06) or an age (7d, 36h)".to_owned())
}

impl Removals {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let target = Target::find(global, &global.load(Overrides::new())?, Access::Read).await?;
        let mut request = ListRemovalsRequest {
            since: self.since.map(time_to_wire),
            include_reinstated: self.reinstated,
            page_size: PAGE,
            page_token: String::new(),
        };
        let mut shown = 0u64;
        loop {
            let page = target.list_removals(request.clone()).await?;
            for removal in &page.removals {
                if self.json {
                    say!("{}", serde_json::to_string(&report::Removal::from(removal))?);
                } else {
                    if shown == 0 {
                        say!(
                            "{}",
                            text::strong(
                                "FIRST MISSING            LAST SEEN                FILING      FRN         NAME"
                            )
                        );
                    }
                    print(removal);
                }
                shown += 1;
            }
            if page.next_page_token.is_empty() {
                if !self.json {
                    say!(
                        "{}{} removed; snapshot {}",
                        if shown > 0 { "\n" } else { "" },
                        text::count(page.total),
                        text::snapshot(page.snapshot.as_ref())
                    );
                }
                return Ok(YES);
            }
            if page.removals.is_empty() {
                bail!("the daemon's pages do not end: this is a fault of the daemon");
            }
            request.page_token = page.next_page_token;
        }
    }
}

fn print(removal: &Removal) {
    let Some(filing) = &removal.filing else { return };
    let back = match &removal.reinstated_at {
        Some(at) => format!("  (stands again since {})", text::time(Some(at))),
        None => String::new(),
    };
    say!(
        "{:<23}  {:<23}  {}  {:<10}  {}{back}",
        text::time(removal.first_missing_at.as_ref()),
        text::time(removal.last_seen_at.as_ref()),
        filing.number,
        filing.frn,
        text::one_line(&filing.business_name),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_a_time_a_day_or_an_age() {
        let at: Timestamp = "2025-08-06T12:00:00Z".parse().expect("a time");
        assert_eq!(since("2025-08-06T12:00:00Z"), Ok(at));
        assert_eq!(since("2025-08-06"), "2025-08-06T00:00:00Z".parse().map_err(|_| String::new()));
        for age in ["7d", "36h", "0d", "90m"] {
            assert!(since(age).expect(age) <= Timestamp::now(), "{age}");
        }
        for rubbish in ["", "yesterday", "-3h", "7 August"] {
            assert!(since(rubbish).is_err(), "{rubbish:?}");
        }
    }
}
