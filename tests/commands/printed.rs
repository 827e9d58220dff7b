//! What the commands print, word for word.
//!
//! `tests/commands/snapshots` has it; what differs from run to run and from machine to machine (times, spans, directories,
//! digests, the version) stands there in brackets. After a change on purpose, `INSTA_UPDATE=always cargo test --test
//! commands printed` writes it anew, and the difference is part of the commit.

use std::process::{Command, Output};

use insta::{Settings, assert_snapshot};
use rmdd_testkit::World;

use crate::common::{Site, rmdd, status_of, stderr, stdout};

/// Certifies all roles, and stands.
const LISTED: &str = "0041000001";
const LISTED_NUMBER: &str = "RMD0900001";
/// Stood until the second listing.
const REMOVED: &str = "0041000002";
const REMOVED_NUMBER: &str = "RMD0000002";
const NEVER: &str = "0041000009";

/// Patterns of what is not the same everywhere, and what stands for it. The order matters.
const FILTERS: [(&str, &str); 16] = [
    (r"in the week of \d{4}-\d\d-\d\d", "in the week of [day]"),
    (r"content \d+ (days|months) old", "content [span] old"),
    // A supposed order is released today.
    (r"\(supposed\) of \d{4}-\d\d-\d\d", "(supposed) of [day]"),
    (r"20(2[6-9]|[3-9]\d)-\d\d-\d\d \d\d:\d\d(:\d\d)?( UTC)?", "[time]"),
    (r"20(2[6-9]|[3-9]\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "[time]"),
    (r"since 20(2[6-9]|[3-9]\d)-\d\d-\d\d", "since [day]"),
    (r"\(in \d+ (d|h)( \d+ (h|min))?\)", "(in [span])"),
    (r"\b\d+ (s|min) ago", "[span] ago"),
    (r"\bage \d+ s\b", "age [span]"),
    (r"\b[0-9a-f]{64}\b", "[digest]"),
    (r"\b[0-9a-f]{12}\b", "[digest]"),
    (r#""(age|confirmed|store)_(seconds|bytes)": ?\d+"#, r#""${1}_${2}": [number]"#),
    (r"\d+\.\d+ [KM]iB", "[size]"),
    (r"(rmdd|version|VERSION) +\d+\.\d+\.\d+", "$1 [version]"),
    // What pads a column beside something of another length elsewhere.
    (r" {2,}# (default|file|flag)", "  # $1"),
    (r"/tmp/\.tmp\w+", "[site]"),
];

/// A store that has seen two listings, with a filing of ours that stands and one that is gone.
fn site() -> Site {
    let mut world = World::new(41, 60);
    for (number, frn, name) in
        [(LISTED_NUMBER, LISTED, "Example Voice LLC"), (REMOVED_NUMBER, REMOVED, "Example Gone Inc.")]
    {
        let mut row = world.rows().next().cloned().expect("a filing");
        let roles = ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"];
        let ours = [
            ("number", number),
            ("frn", frn),
            ("business_name", name),
            ("business_address", "1 Example Street, Springfield"),
            ("other_frns", ""),
            ("other_dba_names", "Example Dial"),
            ("previous_dba_names", ""),
            ("foreign_voice_provider", "No"),
            ("country", "United States"),
            ("robocall_mitigation_contact_name", "Alex Example"),
            ("contact_telephone_number", "2025550143"),
            ("last_updated", "2026-02-10"),
            ("last_recertified", "2026-02-10"),
        ];
        for (column, cell) in ours.into_iter().chain(roles.map(|role| (role, "Yes"))) {
            row.set(column, cell);
        }
        world.insert(row);
    }
    let site = Site::with_listing(&world.to_csv());
    site.configure(&format!("source = {:?}\n", site.listing()));
    site.make_store();
    assert_eq!(status_of(&run(&site, &["sync"])), 0);
    world.remove(REMOVED_NUMBER).expect("it stood");
    site.publish(&world.to_csv());
    assert_eq!(status_of(&run(&site, &["sync"])), 0);
    site
}

/// The command, as wide as this whatever it runs in, and by whom.
fn command() -> Command {
    let mut command = rmdd();
    command.env("COLUMNS", "100").env("TZ", "America/Los_Angeles").env("LC_ALL", "C.UTF-8");
    for name in ["RMDD_HTTP__LISTEN", "RMDD_VET__CORROBORATE_AFTER"] {
        command.env_remove(name);
    }
    for name in ["SUDO_USER", "LOGNAME", "USER"] {
        command.env(name, "operator");
    }
    command
}

/// A command on a site, by its configuration.
fn run(site: &Site, arguments: &[&str]) -> Output {
    let mut command = command();
    if arguments.first() == Some(&"config") {
        command.env_remove("RMDD_FRESHNESS__CONTENT_WARN_AFTER");
    }
    command.args(["--config", &site.config(), "--state-dir"]).arg(site.state_dir());
    command.args(arguments).output().expect("it runs")
}

/// Everything that is seen of a command.
fn seen(arguments: &[&str], output: &Output) -> String {
    let mut text = format!("$ rmdd {}\n{}", arguments.join(" "), stdout(output));
    for line in stderr(output).lines() {
        text.push_str(&format!("! {line}\n"));
    }
    text.push_str(&format!("exit status {}\n", status_of(output)));
    text
}

/// What some commands print on a site, one after the other.
fn session(site: &Site, commands: &[&[&str]]) -> String {
    commands.iter().map(|arguments| seen(arguments, &run(site, arguments))).collect::<Vec<_>>().join("\n")
}

/// Compares with what is on record under this name.
fn is_as_recorded(name: &str, site: Option<&Site>, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // Before the times: the name of a directory may look like one.
    if let Some(site) = site {
        settings.add_filter(&regex_of(&site.directory.path().display().to_string()), "[site]");
    }
    for (pattern, instead) in FILTERS {
        settings.add_filter(pattern, instead);
    }
    settings.bind(|| assert_snapshot!(name, text));
}

/// A pattern of this text alone.
fn regex_of(text: &str) -> String {
    text.chars().flat_map(|c| (!c.is_alphanumeric() && c != '/').then_some('\\').into_iter().chain([c])).collect()
}

/// The subcommands that a help lists.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    listed
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

/// The help of a command and of all below it. The options of every command are shown once, by `rmdd --help`.
fn help(path: &[&str], text: &mut String) {
    let output = command().args(path).arg("--help").output().expect("it runs");
    assert_eq!((status_of(&output), stderr(&output).as_str()), (0, ""), "{path:?}");
    let whole = stdout(&output);
    let mut shown = whole.clone();
    if let (false, Some(start)) = (path.is_empty(), whole.find("Options of every command:\n")) {
        let end = whole[start..].find("\n\n").map_or(whole.len(), |end| start + end + 2);
        shown.replace_range(start..end, "(options of every command)\n\n");
    }
    text.push_str(&format!("$ rmdd {}\n{}\n\n", [path, &["--help"]].concat().join(" "), shown.trim_end()));
    for below in subcommands(&whole) {
        help(&[path, &[&below]].concat(), text);
    }
}

#[test]
fn the_help_of_every_command() {
    let mut text = String::new();
    help(&[], &mut text);
    assert!(text.matches("$ rmdd").count() > 30, "those of groups are among them");
    is_as_recorded("help", None, &text);
}

#[test]
fn a_check_prints_the_verdict_and_what_it_rests_on() {
    let site = site();
    let text = session(
        &site,
        &[
            &["check", LISTED],
            &["check", LISTED, "--role", "gateway", "--json"],
            &["check", REMOVED],
            &["check", NEVER],
            &["check", "Example Voice"],
            &["check", "12345"],
        ],
    );
    is_as_recorded("check", Some(&site), &text);
}

#[test]
fn the_listing_is_shown_with_its_history_and_removals() {
    let site = site();
    let text = session(
        &site,
        &[
            &["show", LISTED],
            &["show", NEVER],
            &["search", "Example Voice"],
            &["history", REMOVED],
            &["history", "--from", "61"],
            &["removals"],
            &["removals", "--json"],
            &["snapshots"],
        ],
    );
    is_as_recorded("listing", Some(&site), &text);
}

#[test]
fn records_are_kept_and_their_impact_told() {
    let site = site();
    let text = session(
        &site,
        &[
            &["peers", "list"],
            &["peers", "add", "example-voice", LISTED],
            &["peers", "add", "example-gone", REMOVED],
            &["peers", "list"],
            &["peers", "report"],
            &["overrides", "add", "allow", REMOVED, "--why", "tested"],
            &["overrides", "list"],
            &["impact", "--removed", LISTED],
            &["impact", "--policy", "role_blank=refuse"],
        ],
    );
    is_as_recorded("records", Some(&site), &text);
}

#[test]
fn the_status_says_whether_all_is_well() {
    let site = site();
    is_as_recorded("status", Some(&site), &session(&site, &[&["status"], &["sync"], &["verify"]]));
}

#[test]
fn a_configuration_is_printed_as_it_takes_effect_or_refused() {
    let site = Site::new();
    site.configure("source = \"https://rmd.example/listing.csv\"\n[policy]\nrole_blank = \"refuse\"\n");
    is_as_recorded("config_check", Some(&site), &session(&site, &[&["config", "check"]]));
    let mut text = String::new();
    for settings in [
        "[vet]\nmax_los_percent = 12.5\n",
        "[limits]\nquestions_per_second = 3\n",
        "source = 3\n",
        "[grpc]\nlisten = \"nowhere\"\n",
        "[schedule]\ncron = \"never\"\n",
    ] {
        site.configure(settings);
        text.push_str(&format!(
            "# {}\n{}\n",
            settings.trim_end().replace('\n', "\n# "),
            session(&site, &[&["config", "check"]])
        ));
    }
    is_as_recorded("config_refused", Some(&site), &text);
}

#[test]
fn errors_say_what_happened_and_what_to_do() {
    let site = Site::new();
    site.configure(&format!("source = {:?}\n", site.directory.path().join("nowhere.csv")));
    let text = session(
        &site,
        &[
            &["statsu"],
            &["check"],
            &["check", LISTED, "--role", "carrier"],
            &["status"],
            &["sync"],
            &["check", LISTED],
            &["history", "--since", "yesterday"],
            &["watch"],
            &["orders", "import", "/nonexistent/orders.csv"],
            &["status"],
            &["status", "--connect", "ftp://rmd.example"],
        ],
    );
    is_as_recorded("errors", Some(&site), &text);
}
