//! `rmdd man`

use std::io::{ErrorKind, Write};

use clap::Args;
use clap_mangen::Man as Page;

use super::YES;

#[derive(Debug, Args)]
pub struct Man {
    /// The subcommand whose page is wanted; without one, that of rmdd.
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

impl Man {
    pub fn run(self, mut command: clap::Command) -> anyhow::Result<u8> {
        command.build();
        let command = match &self.command {
            None => command,
            Some(name) => command
                .find_subcommand(name)
                .cloned()
                .ok_or_else(|| anyhow::anyhow!("rmdd has no command {name:?}: see `rmdd --help`"))?,
        };
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        write(&page)?;
        Ok(YES)
    }
}

/// Writes to standard output. A reader that has seen enough, as `head` has, is no failure.
pub fn write(bytes: &[u8]) -> std::io::Result<()> {
    match std::io::stdout().write_all(bytes) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
