//! `rmdd fleet init`

use std::sync::Arc;

use anyhow::Context;
use clap::Args;

use super::super::text::say;
use super::super::{Global, YES};
use super::AtHand;
use crate::domain::Log;
use crate::fleet::found::found;
use crate::store::Store;

#[derive(Debug, Args)]
pub struct Init {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Init {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let at_hand = AtHand::new(global, "founded")?;
        let client = at_hand.client()?;
        let AtHand { fleet, state_dir, .. } = at_hand;
        let opened = tokio::task::spawn_blocking(move || Store::open(&state_dir)).await;
        let store = Arc::new(opened.context("opening the store was interrupted")??);
        let founded = found(Arc::clone(&store), &client, &fleet.name).await?;
        let (id, name) = (founded.id, &fleet.name);
        let (listing, records) = (founded.position.of(Log::Listing).index, founded.position.of(Log::Records).index);
        if self.json {
            let told = serde_json::json!({
                "fleet": name, "id": id.to_string(), "again": founded.again,
                "listing_index": listing, "records_index": records,
            });
            say!("{told}");
            return Ok(YES);
        }
        match founded.again {
            false => {
                say!("The fleet {name} is founded, as {id}. What this store holds is what all its sites begin with.")
            }
            true => say!(
                "The fleet {name} is put back, as {id}: its log of the listing ends at entry {listing}, that of records at \
                 entry {records}. A site that has come further says so, and does not follow."
            ),
        }
        say!("Start the daemon here, and those of the other sites with empty stores: they join by themselves.");
        Ok(YES)
    }
}
