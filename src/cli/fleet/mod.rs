//! `rmdd fleet`

mod init;

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
}

impl Fleet {
    pub async fn run(self, global: &Global) -> anyhow::Result<u8> {
        match self.command {
            FleetCommand::Init(command) => command.run(global).await,
        }
    }
}
