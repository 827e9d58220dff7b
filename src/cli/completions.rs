//! `rmdd completions`

use clap::Args;
use clap_complete::Shell;

use super::YES;

#[derive(Debug, Args)]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    pub fn run(self, mut command: clap::Command) -> anyhow::Result<u8> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "rmdd", &mut script);
        super::text::write(&script)?;
        Ok(YES)
    }
}
