//! `rmdd fleet join`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, anyhow, bail};
use clap::Args;

use super::super::records::By;
use super::super::text::say;
use super::super::{Global, YES};
use super::AtHand;
use crate::daemon::membership::params;
use crate::daemon::{Opened, publish_stored, sync_settings};
use crate::domain::Record;
use crate::domain::wording::{count_of, were};
use crate::fleet::join::{self, Joining};
use crate::observe::clock;
use crate::store::archive::Archive;
use crate::store::{Ledger, Store};
use crate::sync::Syncer;

#[derive(Debug, Args)]
pub struct Join {
    /// Change nothing; list the records that this store has and the fleet lacks.
    #[arg(long)]
    dry_run: bool,
    /// Put the records that the fleet lacks on record there, all of them, as `--by`.
    #[arg(long, conflicts_with = "dry_run")]
    bring_records: bool,
    #[command(flatten)]
    by: By,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Join {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        // Before the owner of the store is who asks.
        let by = self.by.name()?;
        let at_hand = AtHand::new(global, "joined")?;
        let state_dir = at_hand.state_dir.clone();
        let own = super::open(state_dir.clone()).await?;
        if let Some(position) = own.fleet_position()? {
            bail!(
                "the store in {} is in a fleet already ({}). If it is that of [fleet], start the daemon; if it is another, \
                 `rmdd fleet leave` takes this site out of that one",
                state_dir.display(),
                position.fleet
            );
        }
        remove_what_a_kill_left(&state_dir);
        let records = own.load_records()?.0;
        let made =
            tempfile::Builder::new().prefix(JOINING).tempdir_in(&state_dir).context("no room beside the store")?;
        let client = at_hand.client()?;
        let AtHand { config, fleet, .. } = at_hand;
        let joining = {
            let place = made.path().to_owned();
            let Opened { store, index, records, sync_state, .. } =
                blocking(move || Ok(publish_stored(Store::open(&place)?)?)).await?;
            let settings = sync_settings(&config).map_err(|error| anyhow!(error))?;
            let ledger = Ledger::Own(Arc::clone(&store));
            let (syncer, handle) = Syncer::new(ledger, index, sync_state, settings, Archive::new(made.path()));
            join::follow(client, params(&fleet)?, store, syncer.publisher(&handle), records).await?
        };
        let differing = joining.differing(&records);
        let lacking = joining.lacking(records);
        let brought = match self.bring_records {
            true => joining.bring(lacking.clone(), &by, clock::now()).await?.len(),
            false => 0,
        };
        let indexes = joining.indexes()?;
        let mut kept = None;
        if !self.dry_run {
            drop::<(Joining, Store)>((joining, own));
            let (from, to) = (made.path().to_owned(), state_dir.clone());
            kept = Some(blocking(move || Ok(join::put_in_place(&from, &to, clock::now())?)).await?);
        }
        let joined = Joined { fleet: &fleet.name, indexes, lacking, differing, brought, kept };
        match self.json {
            true => say!("{}", joined.json()),
            false => joined.say(self.bring_records),
        }
        Ok(YES)
    }
}

/// What came of it.
struct Joined<'a> {
    fleet: &'a str,
    /// Of the listing and of records.
    indexes: [u64; 2],
    lacking: Vec<Record>,
    differing: Vec<Record>,
    brought: usize,
    /// The store as it was; nothing where nothing was changed.
    kept: Option<PathBuf>,
}

impl Joined<'_> {
    fn json(&self) -> serde_json::Value {
        let named = |record: &Record| {
            serde_json::json!({
                "kind": record.kind().as_str(), "id": record.id(), "provider": record.provider.to_string(),
            })
        };
        let [lacking, differing] =
            [&self.lacking, &self.differing].map(|records| records.iter().map(named).collect::<Vec<_>>());
        serde_json::json!({
            "fleet": self.fleet, "listing_index": self.indexes[0], "records_index": self.indexes[1], "lacking": lacking,
            "differing": differing, "brought": self.brought, "joined": self.kept.is_some(),
            "kept": self.kept.as_ref().map(|kept| kept.display().to_string()),
        })
    }

    fn say(&self, brings_records: bool) {
        tell(&self.lacking, &self.differing);
        let Some(kept) = &self.kept else {
            return say!(
                "Nothing was changed. `rmdd fleet join` joins; with --bring-records the fleet gets these records."
            );
        };
        if brings_records {
            let brought = self.brought as u64;
            say!("{} {} made in the fleet.", count_of(brought, "record change"), were(brought));
        }
        say!("This site has joined the fleet {}. The store as it was is kept as {}.", self.fleet, kept.display());
        say!("Start the daemon.");
    }
}

fn tell(lacking: &[Record], differing: &[Record]) {
    match lacking.len() {
        0 => say!("The fleet lacks none of the records of this store."),
        many => say!("The fleet lacks {} of this store:", count_of(many as u64, "record")),
    }
    list(lacking);
    if !differing.is_empty() {
        say!(
            "Of {} the fleet says something else, which stays as the fleet has it:",
            count_of(differing.len() as u64, "record")
        );
        list(differing);
    }
}

fn list(records: &[Record]) {
    for record in records {
        say!("  {} {} ({})", record.kind().as_str(), crate::domain::visible::one_line(&record.id()), record.provider);
    }
}

/// What stands in the state directory while a site joins.
const JOINING: &str = "joining-";

/// Whoever holds the store is the only one that joins with it.
fn remove_what_a_kill_left(state_dir: &Path) {
    let entries = std::fs::read_dir(state_dir).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(JOINING)) {
        // Room is all that it costs.
        let _ = std::fs::remove_dir_all(entry.path());
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> anyhow::Result<T> + Send + 'static) -> anyhow::Result<T> {
    tokio::task::spawn_blocking(work).await.context("the work on the store was interrupted")?
}
