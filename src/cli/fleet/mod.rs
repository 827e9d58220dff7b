//! `rmdd fleet`

mod from_wire;
mod init;
mod join;
mod repair;
mod status;

use clap::{Args, Subcommand};

use super::Global;

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
    /// Put back what an etcd that was restored from a backup has lost, as far as the store here has followed it: at the site
    /// that has come furthest. The daemon must not run meanwhile.
    Repair(repair::Repair),
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
            FleetCommand::Repair(command) => command.run(global).await,
        }
    }
}
