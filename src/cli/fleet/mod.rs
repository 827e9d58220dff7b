//! `rmdd fleet`

mod from_wire;
mod init;
mod join;
mod leave;
mod repair;
mod status;
mod upgrade;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};

use super::{Global, here};
use crate::daemon::config::{Config, Overrides};
use crate::daemon::membership::engine;
use crate::fleet::client::Client;
use crate::fleet::config::FleetConfig;
use crate::fleet::keys::Keys;
use crate::store::{Store, StoreError};

pub use status::in_brief;

#[derive(Debug, Args)]
pub struct Fleet {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// How this site stands with its fleet, and what it knows of the others and of etcd.
    Status(status::Status),
    /// Found the fleet that is configured, from what the store here holds; the daemon must not run meanwhile.
    Init(init::Init),
    /// Join the fleet that is configured with a store that has a past of its own, which is kept beside; an empty one joins by
    /// itself. The daemon must not run meanwhile.
    Join(join::Join),
    /// Take the store here out of its fleet, with all that it holds: without [fleet] it fetches for itself then, until it joins
    /// again. The daemon must not run meanwhile.
    Leave(leave::Leave),
    /// Put back what an etcd that was restored from a backup has lost, as far as the store here has followed it: at the site
    /// that has come furthest. The daemon must not run meanwhile.
    Repair(repair::Repair),
    /// Raise the format of the fleet's logs to the next one, which every site must be able to read. Daemons run on meanwhile.
    Upgrade(upgrade::Upgrade),
}

impl Fleet {
    /// Whether 2 is an answer of it.
    pub fn is_status(&self) -> bool {
        matches!(self.command, FleetCommand::Status(_))
    }

    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.command {
            FleetCommand::Status(command) => command.run(global).await,
            FleetCommand::Init(command) => command.run(global).await,
            FleetCommand::Join(command) => command.run(global).await,
            FleetCommand::Leave(command) => command.run(global).await,
            FleetCommand::Repair(command) => command.run(global).await,
            FleetCommand::Upgrade(command) => command.run(global).await,
        }
    }
}

/// What a command works with that changes a fleet, or the store here for one, while no daemon runs.
struct AtHand {
    config: Config,
    fleet: FleetConfig,
    state_dir: PathBuf,
}

impl AtHand {
    /// Reads the configuration, and goes on as the owner of the store. `then` says what is to be done to the fleet.
    fn new(global: &Global, then: &str) -> anyhow::Result<Self> {
        let config = global.load(Overrides::new())?.config;
        let fleet = config.fleet.clone().ok_or_else(|| {
            anyhow!(
                "no fleet is configured: [fleet] with `name` and `engine` says which one is to be {then}, and where"
            )
        })?;
        let state_dir = owned_directory(&config)?;
        Ok(Self { config, fleet, state_dir })
    }

    /// The fleet's logs.
    fn client(&self) -> anyhow::Result<Client> {
        let (engine, _) = engine(&self.fleet)?;
        Ok(Client { engine: Arc::new(engine), keys: Keys::new(&self.fleet.name) })
    }
}

/// Where the store is, worked on as its owner from here on.
fn owned_directory(config: &Config) -> anyhow::Result<PathBuf> {
    let state_dir = config.state_dir().map_err(|error| anyhow!(error))?;
    here::become_owner_of(&state_dir)
        .map_err(|error| anyhow!("the store in {} cannot be worked on as its owner: {error}", state_dir.display()))?;
    Ok(state_dir)
}

/// Opens a store that is there.
async fn open(state_dir: PathBuf) -> anyhow::Result<Store> {
    let open = move || Store::open_existing(&state_dir).map(drop).and_then(|()| Store::open(&state_dir));
    let opened = tokio::task::spawn_blocking(open).await.context("opening the store was interrupted")?;
    opened.map_err(|error| match error {
        StoreError::Held { path } => anyhow!(
            "the store {} is held by the daemon: stop it first (systemctl stop rmdd), and start it again afterwards",
            path.display()
        ),
        error => error.into(),
    })
}
