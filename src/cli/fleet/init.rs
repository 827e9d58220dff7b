//! `rmdd fleet init`

use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::Args;

use super::super::text::say;
use super::super::{Global, YES, here};
use crate::daemon::config::Overrides;
use crate::daemon::membership::engine;
use crate::domain::Log;
use crate::fleet::client::Client;
use crate::fleet::found::found;
use crate::fleet::keys::Keys;
use crate::store::Store;

#[derive(Debug, Args)]
pub struct Init {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Init {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        let config = global.load(Overrides::new())?.config;
        let fleet = config.fleet.clone().ok_or_else(|| {
            anyhow!(
                "no fleet is configured: [fleet] with `name` and `engine` says which one is to be founded, and where"
            )
        })?;
        let state_dir = config.state_dir().map_err(|error| anyhow!(error))?;
        here::become_owner_of(&state_dir).map_err(|error| {
            anyhow!("the store in {} cannot be worked on as its owner: {error}", state_dir.display())
        })?;
        let (engine, _) = engine(&fleet)?;
        let client = Client { engine: Arc::new(engine), keys: Keys::new(&fleet.name) };
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
