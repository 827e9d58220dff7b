//! Exit statuses: one table, from which the help and the manual page are made.

use clap::Command;

/// The table of statuses is so wide, unless the terminal is narrower.
const HELP_COLUMNS: usize = 80;

/// What stands before the statuses of a command.
const INDENT: &str = "      ";

/// It is as asked for.
pub const YES: u8 = 0;
/// It is not.
pub const NO: u8 = 1;
/// The question could not be answered, or the command failed.
pub const FAILED: u8 = 2;
/// Of `status`, `fleet status`, `doctor` and `config check`, whose 2 is an answer: how things stand is not known.
pub const UNKNOWN: u8 = 3;

/// What the statuses of a command say. Those that are not here end with 0, or with 2 if they failed.
struct Statuses {
    /// The command, and one below it.
    command: &'static [&'static str],
    say: &'static str,
    /// That of a command that fails, or whose arguments cannot be read.
    failed: u8,
}

const fn of(command: &'static [&'static str], say: &'static str) -> Statuses {
    Statuses { command, say, failed: FAILED }
}

const TABLE: [Statuses; 15] = [
    of(
        &["check"],
        "0 accept, 1 refuse, 2 the question could not be answered, or with --live the FCC could not be asked; with --file \
         0 all accepted, 1 some refused, 2 some rows not asked, or none refused and some without an answer",
    ),
    of(&["show"], "0 found, 1 nothing is known of it, 2 failed"),
    of(&["search"], "0 found, 1 nothing is found, 2 failed"),
    of(&["history"], "0, with WHO 1 if nothing is known of it, 2 failed"),
    of(&["sync"], "0 applied or unchanged, 1 refused or held by vetting, 2 failed"),
    Statuses {
        command: &["status"],
        say: "0 fresh, 1 warning, 2 critical, 3 unknown, as monitoring plugins have it; with --peers 0 all accepted, 1 some \
              unmatched or in need of attention, or something changes within 24 hours, or your own filing needs it, 2 some \
              refused, or your own filing gone, 3 unknown",
        failed: UNKNOWN,
    },
    Statuses {
        command: &["fleet", "status"],
        say: "0 this site is current and etcd is as it should be, 1 warning, 2 critical, 3 unknown",
        failed: UNKNOWN,
    },
    of(&["impact"], "0 no peer would be refused that is accepted now, 1 some would, 2 failed"),
    of(&["peers", "report"], "0 every binding matches one standing filing, 1 some do not, 2 failed"),
    of(&["alerts"], "0 every channel is good, 1 some fail or were stopped, 2 failed"),
    of(&["alerts", "test"], "0 the other end took the message, 1 it did not, 2 failed"),
    of(&["verify"], "0 good, 1 damaged, 2 could not be checked"),
    Statuses {
        command: &["doctor"],
        say: "0 all is good, 1 something should be looked at, 2 something is broken, 3 it was not examined",
        failed: UNKNOWN,
    },
    Statuses {
        command: &["config", "check"],
        say: "0 it can be used, 2 it cannot, 3 it was not checked",
        failed: UNKNOWN,
    },
    of(&["serve"], "0 after a clean stop, 1 if it could not start or broke off, 2 if its arguments cannot be read"),
];

/// The rows of the table as they are told: the command, and what its statuses say.
pub fn rows() -> Vec<(String, &'static str)> {
    let own = TABLE.iter().map(|row| (row.command.join(" "), row.say));
    let rest = [
        ("all others", "0, or 2 if the command failed"),
        ("arguments that cannot be read", "2; of status, fleet, doctor and config, where 2 is an answer, 3"),
    ];
    own.chain(rest.map(|(command, say)| (command.to_owned(), say))).collect()
}

/// The status of a command whose arguments cannot be read.
pub fn unreadable(command: Option<&str>) -> u8 {
    let row = TABLE.iter().find(|row| row.command.first().copied() == command);
    row.map_or(FAILED, |row| row.failed)
}

/// The command line with the table in its help.
pub fn described(command: Command) -> Command {
    let table: Vec<String> = rows()
        .iter()
        .flat_map(|(command, say)| {
            let below = textwrap::wrap(say, HELP_COLUMNS - INDENT.len());
            let below = below.into_iter().map(|line| format!("{INDENT}{line}"));
            std::iter::once(format!("  {command}")).chain(below).collect::<Vec<_>>()
        })
        .collect();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let command = command.after_help(format!("Exit statuses:\n{}\n\n{after}", table.join("\n")));
    TABLE.iter().fold(command, |command, row| with_own(command, row.command, row.say))
}

/// The command line with the status of each command in that one's help alone.
pub fn described_in_short(command: Command) -> Command {
    TABLE.iter().fold(command, |command, row| with_own(command, row.command, row.say))
}

fn with_own(command: Command, path: &'static [&'static str], say: &'static str) -> Command {
    match path {
        [] => command.after_help(format!("Exit status: {say}.")),
        [first, rest @ ..] => command.mut_subcommand(*first, |below| with_own(below, rest, say)),
    }
}
