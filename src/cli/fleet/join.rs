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
use crate::domain::wording::{count_of, moment, were};
use crate::domain::{Record, RecordEvent, visible};
use crate::fleet::join::{self, Joining};
use crate::fleet::lacking::{Lacking, There};
use crate::observe::clock;
use crate::store::archive::Archive;
use crate::store::{Ledger, Store};
use crate::sync::Syncer;

#[derive(Debug, Args)]
pub struct Join {
    /// Change nothing; list the records that the fleet lacks, and those it has lifted.
    #[arg(long)]
    dry_run: bool,
    /// Put the records that the fleet lacks there, as `--by`, but for those it has lifted.
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
        let (records, events) = (own.load_records()?.0, history(&own));
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
        let (lacking, lifted): (Vec<_>, Vec<_>) =
            joining.lacking(records, &events)?.into_iter().partition(Lacking::is_brought);
        let brought = match self.bring_records {
            true => {
                let records = lacking.iter().map(|lacking| lacking.record.clone()).collect();
                joining.bring(records, &by, clock::now()).await?.len()
            }
            false => 0,
        };
        let indexes = joining.indexes()?;
        let mut kept = None;
        if !self.dry_run {
            drop::<(Joining, Store)>((joining, own));
            let (from, to) = (made.path().to_owned(), state_dir.clone());
            kept = Some(blocking(move || Ok(join::put_in_place(&from, &to, clock::now())?)).await?);
        }
        let joined = Joined { fleet: &fleet.name, indexes, lacking, lifted, differing, brought, kept };
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
    lacking: Vec<Lacking>,
    /// What the fleet lacks because it has lifted it, which is not brought.
    lifted: Vec<Lacking>,
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
        let lacks = |lacking: &Lacking| {
            let mut told = named(&lacking.record);
            if let Some(event) = lacking.event() {
                told["lifted"] = serde_json::json!({ "at": event.at.to_string(), "by": event.by, "why": event.why });
            }
            told
        };
        let [lacking, lifted] =
            [&self.lacking, &self.lifted].map(|records| records.iter().map(lacks).collect::<Vec<_>>());
        let differing: Vec<_> = self.differing.iter().map(named).collect();
        serde_json::json!({
            "fleet": self.fleet, "listing_index": self.indexes[0], "records_index": self.indexes[1], "lacking": lacking,
            "lifted": lifted, "differing": differing, "brought": self.brought, "joined": self.kept.is_some(),
            "kept": self.kept.as_ref().map(|kept| kept.display().to_string()),
        })
    }

    fn say(&self, brings_records: bool) {
        tell(&self.lacking, &self.lifted, &self.differing);
        let Some(kept) = &self.kept else {
            return say!(
                "Nothing was changed. `rmdd fleet join` joins; with --bring-records the fleet gets the records that it lacks and \
                 has not lifted."
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

fn tell(lacking: &[Lacking], lifted: &[Lacking], differing: &[Record]) {
    match lacking.len() {
        0 => say!(
            "The fleet lacks none of the records of this store{}.",
            if lifted.is_empty() { "" } else { " otherwise than below" }
        ),
        many => say!("The fleet lacks {} of this store:", count_of(many as u64, "record")),
    }
    list(lacking.iter().map(|lacking| (&lacking.record, became(lacking))));
    if !lifted.is_empty() {
        let records = count_of(lifted.len() as u64, "record");
        say!(
            "{records} of this store the fleet has lifted, which stays so. Put on record again what is to hold all the same:"
        );
        list(lifted.iter().map(|lacking| (&lacking.record, became(lacking))));
    }
    if !differing.is_empty() {
        say!(
            "Of {} the fleet says something else, which stays as the fleet has it:",
            count_of(differing.len() as u64, "record")
        );
        list(differing.iter().map(|record| (record, String::new())));
    }
}

/// What became of a record in the fleet.
fn became(lacking: &Lacking) -> String {
    let lifted = match lacking.event() {
        Some(event) => {
            let (by, why) = (visible::one_line(&event.by), visible::one_line(&event.why));
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            format!("lifted {} by {by}{why}", moment(event.at))
        }
        None => "lifted; its history no longer says when and by whom".to_owned(),
    };
    match &lacking.there {
        There::Never => ", which the fleet never had".to_owned(),
        There::PutHereSince(_) => format!(", put here again since it was {lifted}"),
        There::Lifted(_) => format!(", {lifted}"),
    }
}

fn list<'a>(records: impl Iterator<Item = (&'a Record, String)>) {
    for (record, became) in records {
        say!("  {} {} ({}){became}", record.kind().as_str(), visible::one_line(&record.id()), record.provider);
    }
}

/// What ever became of the records of the store that joins. Where damage hides it, what the fleet has of it tells.
fn history(own: &Store) -> Vec<RecordEvent> {
    join::all_events(own).unwrap_or_else(|error| {
        tracing::warn!(%error, "the history of this store's records cannot be read: {error}");
        Vec::new()
    })
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
