//! `rmdd man`

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use clap_mangen::Man as Page;
use roff::{Roff, bold, roman};

use super::own_files::OwnFiles;
use super::{Global, YES, exit, text};
use crate::daemon::config::{Config, DEFAULT_FILE, Overrides};

#[derive(Debug, Args)]
pub struct Man {
    /// The command whose page is wanted, such as check, or peers add; without one, that of rmdd.
    #[arg(value_name = "COMMAND")]
    command: Vec<String>,
    /// Write the pages of all commands into this directory, as packages have them.
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    directory: Option<PathBuf>,
}

impl Man {
    pub fn run(self, mut command: clap::Command, global: &Global) -> anyhow::Result<u8> {
        command.build();
        if let Some(directory) = &self.directory {
            let own = global.settings(Overrides::new()).map(|loaded| OwnFiles::of(&loaded)).unwrap_or_default();
            write_all(&command, directory, &own)?;
            return Ok(YES);
        }
        for (name, behind) in self.command.iter().zip(0..) {
            command = command.find_subcommand(name).cloned().ok_or_else(|| {
                let of = self.command[..behind].join(" ");
                let of = if of.is_empty() { "rmdd".to_owned() } else { format!("rmdd {of}") };
                anyhow::anyhow!("{of} has no command {name:?}: see `{of} --help`")
            })?;
        }
        text::write(&page(command, self.command.is_empty())?)?;
        Ok(YES)
    }
}

fn page(command: clap::Command, of_rmdd: bool) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    // The day of a build is no news, and would make each build another.
    Page::new(command).date("").render(&mut page)?;
    if of_rmdd {
        sections().to_writer(&mut page)?;
    }
    Ok(page)
}

/// Writes the page of a command and those of the commands below it.
fn write_all(command: &clap::Command, directory: &Path, own: &OwnFiles) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    let path = directory.join(format!("{name}.1"));
    let page = page(command.clone(), name == "rmdd")?;
    own.spare(&path)
        .and_then(|()| std::fs::write(&path, page))
        .with_context(|| format!("{} cannot be written", path.display()))?;
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| write_all(below, directory, own))
}

type Section = (&'static str, &'static [(&'static str, &'static str)]);

/// What the arguments cannot tell, beside the exit statuses and the settings.
const SECTIONS: [Section; 4] = [
    (
        "TIMES",
        &[
            (
                "a time with its zone",
                "2025-08-06 12:00 ET, 2025-08-06T16:00Z, 2025-08-06 12:00 -04:00, Jan 24, 2023 20:15 UTC, or with the name of \
                 a zone such as America/Chicago. One without a zone is refused",
            ),
            (
                "a day",
                "2025-08-06: the FCC's day, in Eastern time. --since counts from its beginning; --until, --at and --expires \
                 to its end",
            ),
            ("a span", "7d, 36h, 2w, 1d 12h: so long ago, or for --expires so long from now; a day is 24 hours"),
        ],
    ),
    (
        "SIGNALS",
        &[
            ("SIGTERM, SIGINT", "stop: nothing new is taken on, answers under way are finished within shutdown_grace"),
            ("SIGHUP", "read the configuration again; one that cannot be used changes nothing"),
        ],
    ),
    (
        "FILES",
        &[
            (DEFAULT_FILE, "the configuration, if no other file is named"),
            ("rmdd.redb", "the store, in the state directory"),
            ("records.jsonl", "the journal of your own records, in the state directory"),
            ("removals.jsonl", "what listings no longer show, a second time, in the state directory"),
            ("rmdd.redb.damaged-*, records.jsonl.damaged-*", "damaged ones that were kept"),
            ("rmdd.sock", "the Unix socket, in $RUNTIME_DIRECTORY, else in the state directory"),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            ("RMDD_CONFIG", "the configuration file"),
            ("RMDD_CONNECT", "the daemon that commands ask"),
            ("RMDD_CA_FILE, RMDD_CLIENT_CERT, RMDD_CLIENT_KEY, RMDD_TOKEN_FILE", "as the flags of these names"),
            ("CREDENTIALS_DIRECTORY", "where `rmdd serve` finds rmdd-tokens, if no access.tokens_file is set"),
            ("RMDD_SECTION__KEY", "any setting, such as RMDD_FETCH__CONTACT; it overrides the file"),
            ("NO_COLOR", "no colours"),
        ],
    ),
];

/// What the arguments cannot tell.
fn sections() -> Roff {
    let mut roff = Roff::new();
    let statuses = exit::rows();
    let statuses: Vec<_> = statuses.iter().map(|(command, say)| (command.as_str(), *say)).collect();
    section(&mut roff, "EXIT STATUS", &statuses);
    for (name, entries) in SECTIONS {
        section(&mut roff, name, entries);
    }
    roff.control("SH", ["CONFIGURATION"]);
    roff.text([roman("The settings and their defaults, as they may stand in the configuration file:")]);
    for (name, value) in Config::default().settings() {
        roff.control("br", []);
        match value {
            Some(value) => roff.text([bold(format!("{name} = {value}"))]),
            None => roff.text([bold(name), roman(" (not set)")]),
        };
    }
    roff
}

fn section(roff: &mut Roff, name: &str, entries: &[(&str, &str)]) {
    roff.control("SH", [name]);
    for (term, text) in entries {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
}
