//! `rmdd fleet leave`

use anyhow::Context;
use clap::Args;

use super::super::text::say;
use super::super::{Global, YES};
use super::{open, owned_directory};
use crate::daemon::config::Overrides;

#[derive(Debug, Args)]
pub struct Leave {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Leave {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        // Whoever has taken [fleet] out already may leave as well.
        let config = global.load(Overrides::new())?.config;
        let store = open(owned_directory(&config)?).await?;
        let left = tokio::task::spawn_blocking(move || store.leave_fleet()).await;
        let left = left.context("the work on the store was interrupted")??;
        if self.json {
            let told = serde_json::json!({
                "id": left.fleet.to_string(), "listing_index": left.listing.index, "records_index": left.records.index,
            });
            say!("{told}");
            return Ok(YES);
        }
        say!(
            "This store has left the fleet {}, in which it stood at entry {} of the log of the listing and at entry {} of that \
             of records. All that it holds stays.",
            left.fleet,
            left.listing.index,
            left.records.index
        );
        if config.fleet.is_some() {
            say!("Take [fleet] out of the configuration before the daemon starts: this site fetches for itself then.");
        }
        say!("Until the other sites are told by hand, what is put on record here is in force here alone.");
        say!("Back again: [fleet] as it was, and `rmdd fleet join --bring-records`.");
        Ok(YES)
    }
}
