//! The command line: one file per subcommand.

mod acknowledge;
mod alerts;
mod ask_list;
mod check;
mod check_list;
mod check_live;
mod completions;
mod config;
mod connect;
mod deadlines;
mod decisions;
mod doctor;
mod exit;
mod export;
mod fleet;
mod from_wire;
mod here;
mod history;
mod ics;
mod impact;
mod list_file;
mod live;
mod man;

mod maintenance;
mod named;
mod near;
mod output;
mod own_files;
mod probe;
mod records;
mod removals;
mod screen;
mod search;
mod serve;
mod show;
mod snapshots;
mod snippets;
mod standing;
mod status;
mod status_peers;
mod sync;
mod target;
mod text;
mod top;
mod watch;
mod words;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::daemon::config::{Loaded, Overrides};
use crate::daemon::{ActivatedSockets, reserve};
use crate::store::silence_contained_panics;
use exit::{FAILED, NO, UNKNOWN, YES};

const AFTER_HELP: &str = "\
Every command but `serve` asks the daemon that runs on this machine, over its Unix socket; those that only read, \
`sync`, and those that keep records work on the store directly where no daemon runs, and say so. `watch` needs one.

Times are given with their zone (\"2025-08-06 12:00 ET\", 2025-08-06T16:00Z), as a day of the FCC's (2025-08-06, Eastern \
time) or as a span (7d, 36h). They are printed in UTC.

Documentation: https://docs.rs/rmdd (the library), README.md and `rmdd man` (the command).";

const AFTER_SHORT_HELP: &str = "\
Every command but `serve` asks the daemon that runs on this machine; where none runs, those that only read, `sync`, and \
those that keep records work on the store directly, and say so. Times are printed in UTC.

Each command has a help of its own: `rmdd check --help`. What their exit statuses and these options mean: `rmdd --help \
--all`, or `rmdd man`.";

/// What the help calls the options that every command has.
const OF_ALL: &str = "Options of every command";

/// Keeps the FCC's Robocall Mitigation Database at hand, and answers: may I accept calls from this provider?
#[derive(Debug, Parser)]
#[command(name = "rmdd", version, after_help = AFTER_HELP, max_term_width = 110, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Configuration file [default: /etc/rmdd/rmdd.toml if it exists].
    #[arg(long, global = true, value_name = "FILE", env = "RMDD_CONFIG", help_heading = OF_ALL)]
    config: Option<PathBuf>,
    /// Where the store is kept [default: $STATE_DIRECTORY, else $XDG_STATE_HOME/rmdd, else ~/.local/state/rmdd].
    #[arg(long, global = true, value_name = "DIR", help_heading = OF_ALL)]
    state_dir: Option<PathBuf>,
    /// The daemon to ask: https://HOST:PORT, http://HOST:PORT or unix:PATH [default: the one that runs on this machine].
    #[arg(long, global = true, value_name = "URL", env = "RMDD_CONNECT", help_heading = OF_ALL)]
    connect: Option<String>,
    /// For https: a PEM file of authorities that are trusted besides the system's.
    #[arg(long, global = true, value_name = "FILE", env = "RMDD_CA_FILE", help_heading = OF_ALL)]
    ca_file: Option<PathBuf>,
    /// For https: a PEM file of the certificate to show.
    #[arg(long, global = true, value_name = "FILE", env = "RMDD_CLIENT_CERT", help_heading = OF_ALL)]
    client_cert: Option<PathBuf>,
    /// For https: a PEM file of that certificate's key, which nobody else may read.
    #[arg(long, global = true, value_name = "FILE", env = "RMDD_CLIENT_KEY", help_heading = OF_ALL)]
    client_key: Option<PathBuf>,
    /// A file with the token to show, which nobody else may read.
    #[arg(long, global = true, value_name = "FILE", env = "RMDD_TOKEN_FILE", help_heading = OF_ALL)]
    token_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon: serve the last listing, sync on schedule, answer questions.
    Serve(serve::Serve),
    /// Run one sync cycle now and print what changed.
    Sync(sync::Sync),
    /// May I accept calls from this provider?
    Check(check::Check),
    /// Show a provider's filings, roles and history.
    Show(show::Show),
    /// Find a provider by name, former name or DBA; typos are forgiven.
    Search(search::Search),
    /// List removed filings, newest first.
    Removals(removals::Removals),
    /// The changes of the listing by serial, and since when a filing is known.
    History(history::History),
    /// Print the changes of the listing as they happen, and go on where it broke off when the daemon is restarted.
    Watch(watch::Watch),
    /// List the listings that were applied, newest first: their digests, what each changed, and why it was applied.
    Snapshots(snapshots::Snapshots),
    /// Write the whole listing, now or as it was known at a moment.
    Export(export::Export),
    /// How things stand.
    Status(status::Status),
    /// What is decided just now: how much, who is refused most, who asks, and how fast; on a screen of its own.
    Top(top::Top),
    /// Who your upstreams are: trunk groups, OCNs, SPCs, IP addresses and accounts, bound to providers.
    Peers(records::Peers),
    /// Allow or deny a provider, whatever the listing says.
    Overrides(records::OverridesCommand),
    /// The FCC's orders: removals, Final Determination Orders, orders to cure or show cause (the watch list).
    Orders(records::Orders),
    /// The FCC's notices of suspected illegal traffic (47 CFR 64.1200(k)(4)), their clocks and answers.
    Notices(records::Notices),
    /// What will change by itself, of your peers and your own filing, and when; also as a calendar.
    Deadlines(deadlines::Deadlines),
    /// What was decided of calls, by the decision log: when did we stop taking calls from it?
    Decisions(decisions::Decisions),
    /// Which peers would be refused if a listing, orders or a policy came into force now? Changes nothing.
    Impact(impact::Impact),
    /// Take note of what was lost of your own records or of the past, or mended: ends the alarms RECORDS_LOST, RECORDS_MENDED
    /// and HISTORY_LOST.
    Acknowledge(acknowledge::Acknowledge),
    /// What is told by the channels of the configuration, and whether it arrives.
    Alerts(alerts::AlertsCommand),
    /// Many sites, one truth: how this one stands with its fleet, and how a fleet begins.
    Fleet(fleet::Fleet),
    /// Write a consistent copy of the store, also while it is in use.
    Backup(maintenance::Backup),
    /// Check the store, the journal of your records and the archive: pages, records, every listing against its digest.
    Verify(maintenance::Verify),
    /// Give back the room that is free within the store's file.
    Compact(maintenance::Compact),
    /// Is all well here? One line for each thing that can be wrong, with what to do; and a bundle for a bug report.
    Doctor(doctor::Doctor),
    /// Print what to put into a switch, with this daemon's address, and what it does while rmdd is down.
    Connect(snippets::Connect),
    /// Check the configuration, or show the effective one.
    Config(config::ConfigCommand),
    /// Print a completion script for a shell.
    Completions(completions::Completions),
    /// Print the manual page.
    Man(man::Man),
}

/// The settings that `--source` stands for: sources that the configuration names besides are not asked.
fn source_flags(sources: &[String]) -> Overrides {
    match sources {
        [] => Overrides::new(),
        [first, others @ ..] => Overrides::from([("source", first.clone()), ("fallback_sources", others.join("\n"))]),
    }
}

impl Global {
    /// A command's flags and those that all commands have.
    fn with_flags(&self, mut flags: Overrides) -> Overrides {
        if let Some(directory) = &self.state_dir {
            flags.insert("state_dir", directory.display().to_string());
        }
        flags
    }

    /// The settings for a command that asks a daemon. A configuration that cannot be used does not stand in its way; where no
    /// daemon is found, [`target::Target`] says what is wrong with it.
    fn settings(&self, flags: Overrides) -> anyhow::Result<Loaded> {
        let flags = self.with_flags(flags);
        let environment = crate::daemon::config::environment();
        let loaded = crate::daemon::config::load_to_ask(self.config.as_deref(), environment, &flags)?;
        if let Some(left_out) = &loaded.left_out {
            // A file that was named says which daemon is meant: another is not to answer in its place.
            let meant = self.config.is_none() || self.connect.is_some() || loaded.config.state_dir.is_some();
            if left_out.unread && !meant {
                anyhow::bail!("{}", left_out.problem);
            }
        }
        Ok(loaded)
    }

    /// The settings in force for this command.
    fn load(&self, flags: Overrides) -> Result<Loaded, crate::daemon::config::ConfigError> {
        crate::daemon::config::load(
            self.config.as_deref(),
            crate::daemon::config::environment(),
            &self.with_flags(flags),
        )
    }
}

/// The command line, of which each option that takes a time takes one with a sign, too: what is wrong with that is said better by
/// who reads times than by who reads options.
fn with_times() -> clap::Command {
    let is_time = |arg: &clap::Arg| {
        let names = arg.get_value_names().unwrap_or_default();
        arg.get_long().is_some() && names.iter().any(|name| name == "TIME" || name == "T")
    };
    with_below(Cli::command(), &|command| {
        command.mut_args(|arg| if is_time(&arg) { arg.allow_hyphen_values(true) } else { arg })
    })
}

/// The command line, with all that its help says.
fn command_line() -> clap::Command {
    exit::described(with_times())
}

/// The same with a short help: the options of every command by name alone.
fn command_line_in_short() -> clap::Command {
    let hidden = |command: clap::Command| {
        command.mut_args(|arg| if arg.get_help_heading() == Some(OF_ALL) { arg.hide(true) } else { arg })
    };
    let command = exit::described_in_short(with_times().after_help(AFTER_SHORT_HELP));
    let names = command.get_arguments().filter(|arg| arg.get_help_heading() == Some(OF_ALL));
    let names: Vec<String> = names.filter_map(|arg| arg.get_long().map(|name| format!("--{name}"))).collect();
    let line = format!("{OF_ALL}: {} (`rmdd --help --all`)", names.join(", "));
    with_below(hidden(command), &|command| {
        let after = command.get_after_help().map(|after| format!("\n\n{after}")).unwrap_or_default();
        command.after_help(format!("{line}{after}"))
    })
}

/// Changes a command and all below it.
fn with_below(command: clap::Command, change: &dyn Fn(clap::Command) -> clap::Command) -> clap::Command {
    change(command).mut_subcommands(|below| with_below(below, change))
}

/// The command line that reads these arguments, and what is left of them for it: `--help --all` asks for the whole help.
fn asked(mut arguments: Vec<OsString>) -> (clap::Command, Vec<OsString>) {
    // `rmdd help check`, as many programs have it, is `rmdd check --help`.
    if arguments.get(1).is_some_and(|first| first == "help") {
        arguments.remove(1);
        arguments.push("--help".into());
    }
    let mut before_end = arguments.iter().take_while(|argument| *argument != "--");
    let helps = before_end.any(|argument| argument == "--help" || argument == "-h");
    match helps && arguments.iter().any(|argument| argument == "--all") {
        true => (command_line(), arguments.into_iter().filter(|argument| argument != "--all").collect()),
        false => (command_line_in_short(), arguments),
    }
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let (command, arguments) = asked(std::env::args_os().collect());
    let matches = command.try_get_matches_from(&arguments);
    let cli = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(error) => return not_a_command(&error, &arguments),
    };
    let failed = match &cli.command {
        Command::Status(_) | Command::Doctor(_) => UNKNOWN,
        Command::Fleet(fleet) if fleet.is_status() => UNKNOWN,
        Command::Serve(_) => NO,
        _ => FAILED,
    };
    // What a command found out and could not print is not known to whoever asked.
    let unprinted = match &cli.command {
        Command::Config(_) => UNKNOWN,
        _ => failed,
    };
    // What is known of a name that nobody bound: nothing, as of a number that was never listed.
    let shows = matches!(cli.command, Command::Show(_) | Command::History(_));
    silence_contained_panics();
    let ended = run(cli);
    if let Err(error) = text::finish() {
        text::aside(format_args!("{}: standard output cannot be written: {error}", text::bad("rmdd")));
        return ExitCode::from(unprinted);
    }
    match ended {
        Ok(status) => ExitCode::from(status),
        // Whoever asked has seen enough.
        Err(error) if error.is::<text::NoReader>() => ExitCode::from(YES),
        Err(error) => {
            text::aside(format_args!("{}: {}", text::bad("rmdd"), with_causes(&error)));
            ExitCode::from(if shows && named::is_of_nobody(&error) { NO } else { failed })
        }
    }
}

/// What is wrong with the arguments, or the help that they ask for. A mistyped flag must not look like an answer: of a
/// monitoring plugin, 2 says that all is lost.
fn not_a_command(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    // Its lines are made for the terminal; a word that is longer still is not.
    let said = error.render().ansi().to_string();
    if !error.use_stderr() {
        said.trim_end().lines().for_each(|line| text::line(format_args!("{line}")));
        return match text::finish() {
            Err(error) => {
                text::aside(format_args!("{}: standard output cannot be written: {error}", text::bad("rmdd")));
                ExitCode::from(FAILED)
            }
            Ok(()) => ExitCode::from(YES),
        };
    }
    said.trim_end().lines().for_each(|line| text::aside(format_args!("{line}")));
    let command = command_line();
    let named = arguments.iter().skip(1).find_map(|argument| {
        let argument = argument.to_str()?;
        command.find_subcommand(argument).map(clap::Command::get_name)
    });
    ExitCode::from(exit::unreadable(named))
}

/// What went wrong and why, down to the last cause. Some errors say their causes themselves.
fn with_causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    let Cli { global, command } = cli;
    match command {
        Command::Completions(command) => return command.run(command_line()),
        Command::Man(command) => return command.run(command_line(), &global),
        Command::Config(command) => return command.run(&global),
        _ => {}
    }
    let daemon = matches!(command, Command::Serve(_));
    // Before the runtime and its threads: it changes the environment.
    let socket_activation = if daemon { ActivatedSockets::take() } else { ActivatedSockets::default() };
    let mut runtime = if daemon {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.max_blocking_threads(reserve::THREADS).thread_keep_alive(reserve::KEEP);
        runtime
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    let runtime = runtime.enable_all().build()?;
    let status = runtime.block_on(async {
        match command {
            Command::Serve(command) => command.run(&global, socket_activation).await,
            Command::Sync(command) => command.run(&global).await,
            Command::Check(command) => command.run(&global).await,
            Command::Show(command) => command.run(&global).await,
            Command::Search(command) => command.run(&global).await,
            Command::Removals(command) => command.run(&global).await,
            Command::History(command) => command.run(&global).await,
            Command::Watch(command) => command.run(&global).await,
            Command::Snapshots(command) => command.run(&global).await,
            Command::Export(command) => command.run(&global).await,
            Command::Status(command) => command.run(&global).await,
            Command::Top(command) => command.run(&global).await,
            Command::Acknowledge(command) => command.run(&global).await,
            Command::Alerts(command) => command.run(&global).await,
            Command::Fleet(command) => command.run(&global).await,
            Command::Backup(command) => command.run(&global).await,
            Command::Verify(command) => command.run(&global).await,
            Command::Compact(command) => command.run(&global).await,
            Command::Peers(command) => command.run(&global).await,
            Command::Overrides(command) => command.run(&global).await,
            Command::Orders(command) => command.run(&global).await,
            Command::Notices(command) => command.run(&global).await,
            Command::Deadlines(command) => command.run(&global).await,
            Command::Decisions(command) => command.run(&global).await,
            Command::Impact(command) => command.run(&global).await,
            Command::Doctor(command) => command.run(&global).await,
            Command::Connect(command) => command.run(&global).await,
            Command::Config(_) | Command::Completions(_) | Command::Man(_) => Ok(YES),
        }
    });
    // A fetch that was dropped may have left a thread in a system call; a commit is waited for.
    runtime.shutdown_timeout(std::time::Duration::from_secs(10));
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command_line().debug_assert();
        command_line_in_short().debug_assert();
    }

    #[test]
    fn an_error_tells_each_of_its_causes_once() {
        use anyhow::Context;

        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        let reported = Err::<(), _>(io()).context("x cannot be written").expect_err("an error");
        assert_eq!(with_causes(&reported), "x cannot be written: permission denied");
        let says_itself = Err::<(), _>(io()).context("x: permission denied; be root").expect_err("an error");
        assert_eq!(with_causes(&says_itself), "x: permission denied; be root");
    }
}
