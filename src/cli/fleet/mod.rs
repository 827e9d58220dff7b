//! `rmdd fleet`

mod init;
mod join;

use clap::{Args, Subcommand};

use super::Global;

#[derive(Debug, Args)]
pub struct Fleet {
    #[command(subcommand)]
    command: FleetCommand,
}

#[derive(Debug, Subcommand)]
enum FleetCommand {
    /// Found the fleet that is configured, from what the store here holds; the daemon must not run meanwhile.
    Init(init::Init),
    /// Join the fleet that is configured with a store that has a past of its own, which is kept beside; an empty one joins by
    /// itself. The daemon must not run meanwhile.
    Join(join::Join),
}

impl Fleet {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.command {
            FleetCommand::Init(command) => command.run(global).await,
            FleetCommand::Join(command) => command.run(global).await,
        }
    }
}
