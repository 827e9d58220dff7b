//! `rmdd removals`

use anyhow::bail;
use clap::Args;
use jiff::Timestamp;

use super::target::{Access, Target};
use super::text::say;
use super::{Global, YES, text};
use crate::api::grpc::time_to_wire;
use crate::api::grpc::v1::{ListRemovalsRequest, Removal};
use crate::api::json;
use crate::api::times::since;
use crate::daemon::config::Overrides;
use crate::domain::visible;

const PAGE: u32 = 1000;

#[derive(Debug, Args)]
pub struct Removals {
    /// Only removals observed since then: a time with its zone (2025-08-06 12:00 ET), a day (2025-08-06: from its
    /// beginning, Eastern time) or an age (7d, 36h).
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Also filings that were reinstated since.
    #[arg(long)]
    reinstated: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

impl Removals {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        text::warn_if_ahead(self.since);
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
                    say!("{}", visible::to_json(&json::Removal::from(removal))?);
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
