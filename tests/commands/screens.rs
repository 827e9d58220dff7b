//! What commands show on terminals of 5, 40, 80 and 200 columns, and in a pipe: no line is wider than the terminal, hostile
//! names do nothing, and a pipe gets a record a line.

use std::process::Command;

use rmdd_testkit::World;
use rmdd_testkit::terminal::Terminal;

use crate::common::{Daemon, Site, json, rmdd, status_of, stderr, stdout};

const HOSTILE: &str = "Alder\u{202e}mocelet \u{1b}]0;owned\u{7}\u{9b}2J <script>alert(1)</script> 名前 \u{200b}";

/// A daemon with a listing of two days, hostile names in it, and peers, overrides, orders and notices on record.
struct Desk {
    site: Site,
    daemon: Daemon,
    /// Certifies roles, and stands; has a hostile name.
    frn: String,
    number: String,
    /// Is gone.
    gone: String,
}

impl Desk {
    async fn open() -> Self {
        let mut world = World::new(17, 120);
        let with_frn: Vec<(String, String)> = world
            .filings()
            .filter(|row| !row.get("frn").is_empty())
            .map(|row| (row.get("number").to_owned(), row.get("frn").to_owned()))
            .collect();
        let [(number, frn), (gone_number, gone), (long, _), ..] = &with_frn[..] else { panic!("filings") };
        let row = world.row_mut(number).expect("the row");
        for column in ["business_name", "other_dba_names", "business_address", "robocall_mitigation_contact_name"] {
            row.set(column, HOSTILE);
        }
        world.row_mut(long).expect("the row").set("business_name", "Endless ".repeat(500));
        world.row_mut(gone_number).expect("the row").set("business_name", HOSTILE.repeat(60));
        let site = Site::with_listing(&world.to_csv());
        let daemon = site.start();
        daemon.first_sync().await;
        world.remove(gone_number).expect("it stood");
        world.row_mut(number).expect("the row").set("business_address", "x".repeat(4000));
        site.publish(&world.to_csv());
        daemon.sync().await;
        let desk = Self { frn: frn.clone(), number: number.clone(), gone: gone.clone(), site, daemon };
        for (place, (_, frn)) in with_frn.iter().take(12).enumerate() {
            desk.ok(&["peers", "add", &format!("TG-{place}-with-a-name-that-is-rather-long"), frn]);
        }
        desk.ok(&["peers", "add", "typo", "0041999999"]);
        let why = "they were asked twice and did not answer ".repeat(9);
        desk.ok(&["overrides", "add", "deny", &with_frn[5].1, "--why", &why, "--expires", "30h"]);
        desk.ok(&[
            "orders",
            "add",
            "removal",
            "DA 26-237",
            &with_frn[6].1,
            "--released",
            "2026-01-20",
            "--why",
            "read",
        ]);
        desk.ok(&["notices", "add", "letter-1", &with_frn[7].1, "--issued-at", "2h", "--why", "by mail"]);
        desk
    }

    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.site.run(&[arguments, &["--by", "alice"]].concat());
        assert_eq!(status_of(&output), 0, "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = rmdd();
        command.env("TERM", "xterm-256color").env_remove("COLUMNS");
        command.arg("--state-dir").arg(self.site.state_dir()).args(arguments);
        command
    }

    fn shown(&self, arguments: &[&str], columns: u16) -> String {
        let terminal = Terminal::start(self.command(arguments), columns, 50).expect("a terminal");
        let (status, shown, as_it_was) = terminal.end();
        assert!(status.code().is_some() && as_it_was, "{arguments:?} at {columns}: {status}\n{shown}");
        assert!(!shown.contains("panicked"), "{arguments:?} at {columns}: {shown}");
        shown
    }

    /// Every command that shows something and ends by itself.
    fn commands(&self) -> Vec<Vec<&str>> {
        let listing = self.site.listing().display().to_string();
        let listing: &str = listing.leak();
        let mut commands: Vec<Vec<&str>> = [
            "status",
            "status --all",
            "status --peers",
            "removals",
            "removals --peers --reinstated",
            "snapshots",
            "history",
            "history --all",
            "search alder",
            "search endless",
            "peers list",
            "peers list --vanished",
            "peers report",
            "peers history",
            "overrides list",
            "overrides history",
            "orders list",
            "notices list",
            "notices report letter-1",
            "deadlines",
            "decisions",
            "decisions --each --people",
            "alerts",
            "alerts list",
            "config check",
            "sync",
            "verify",
            "compact",
            "--help",
            "--help --all",
            "check --help",
            "notices add --help",
            "status --pers",
            "nonsense",
            "acknowledge",
            "top --json --nonsense",
        ]
        .iter()
        .map(|line| line.split(' ').collect())
        .collect();
        commands.extend([
            vec!["show", &self.frn],
            vec!["show", &self.gone],
            vec!["check", &self.frn],
            vec!["check", &self.gone],
            vec!["check", "nobody"],
            vec!["history", &self.number],
            vec!["impact", "--removed", &self.frn],
            vec!["impact", "--listing", listing],
            vec!["peers", "remove", "nobody"],
        ]);
        commands
    }
}

/// How many columns a line takes.
fn width(line: &str) -> usize {
    textwrap::core::display_width(line)
}

#[test]
fn help_of_a_command_is_had_either_way() {
    for (asked, flag) in [(&["help"][..], &["--help"][..]), (&["help", "check"], &["check", "--help"])] {
        let said = |arguments: &[&str]| {
            let output = rmdd().args(arguments).output().expect("it runs");
            (status_of(&output), stdout(&output))
        };
        assert_eq!(said(asked), said(flag));
        assert_eq!(said(asked).0, 0);
    }
}

#[tokio::test]
async fn no_command_shows_a_line_wider_than_the_terminal_and_no_name_commands_it() {
    let desk = Desk::open().await;
    for columns in [40, 80, 200] {
        for arguments in desk.commands() {
            let shown = desk.shown(&arguments, columns);
            for line in shown.lines() {
                // A line that says how far something has come is overwritten.
                let line = line.rsplit("\r\u{1b}[2K").next().unwrap_or(line);
                // Folded it would be no setting any more, and what is printed may stand in a configuration file.
                let is_setting = arguments[0] == "config" && line.contains(" = ");
                assert!(
                    width(line) <= usize::from(columns) || is_setting,
                    "{arguments:?} at {columns}: {line:?}\n{shown}"
                );
                let bad = |sign: char| sign.is_control() || matches!(sign, '\u{202e}' | '\u{200b}' | '\u{9b}');
                assert!(!line.trim_end_matches('\r').contains(bad), "{arguments:?} at {columns}: {line:?}");
            }
        }
    }
    // At a width that is good for nothing, nothing breaks.
    for arguments in [&["status"][..], &["peers", "list"], &["removals"], &["show", &desk.frn], &["--help"]] {
        desk.shown(arguments, 5);
    }
    assert_eq!(desk.daemon.status().await.filings, 119);
}

#[tokio::test]
async fn what_is_to_be_copied_or_read_by_a_machine_is_on_a_terminal_what_it_is_in_a_pipe() {
    let desk = Desk::open().await;
    let mut all: Vec<Vec<&str>> = ["kamailio", "opensips", "asterisk", "freeswitch", "freeradius"]
        .into_iter()
        .map(|switch| vec!["connect", switch, "--address", "rmdd.example:7634"])
        .collect();
    all.extend([
        vec!["snapshots", "--json"],
        vec!["history", "--all", "--json"],
        vec!["peers", "list", "--json"],
        vec!["alerts", "--json"],
        vec!["config", "check", "--json"],
        vec!["check", &desk.frn, "--json"],
        vec!["search", "endless", "--json"],
    ]);
    let whole = |text: &str| -> Vec<String> {
        // What differs from one moment to the next is not what is looked at.
        let line =
            |line: &str| line.trim_end().chars().map(|sign| if sign.is_ascii_digit() { '0' } else { sign }).collect();
        text.lines().map(line).collect()
    };
    for arguments in all {
        let piped = desk.command(&arguments).output().expect("it runs");
        assert_eq!(status_of(&piped) / 2, 0, "{arguments:?}: {}", stderr(&piped));
        let shown = whole(&desk.shown(&arguments, 40));
        let lines = whole(&stdout(&piped));
        assert!(lines.iter().any(|line| width(line) > 80), "{arguments:?}: {lines:?}");
        for line in lines.iter().filter(|line| width(line) > 40) {
            // An age may have grown a digit; what comes before is compared.
            assert!(
                shown.iter().any(|on| on.len().abs_diff(line.len()) < 9 && on[..30] == line[..30]),
                "{arguments:?}: {line:?}\n{shown:#?}"
            );
        }
    }
    let asked = desk.shown(&["connect", "kamailio", "--address", "rmdd.example.a-long-name-of-a-host:7634"], 40);
    assert!(
        asked.contains("curl -i 'http://rmdd.example.a-long-name-of-a-host:7634/v1/check/peer:NAME?format=text'"),
        "{asked}"
    );
}

#[tokio::test]
async fn room_is_used_where_there_is_some_and_a_pipe_gets_a_record_a_line() {
    let desk = Desk::open().await;
    let [narrow, wide] = [80, 200].map(|columns| desk.shown(&["removals"], columns));
    assert!(wide.contains("LAST SEEN") && !narrow.contains("LAST SEEN"), "{narrow}\n{wide}");
    assert!(narrow.contains('…'), "a name that is too long is cut: {narrow}");
    // Titles, the record, a gap and the sum.
    let piped = stdout(&desk.site.run(&["removals"]));
    assert_eq!(piped.lines().count(), 4, "{piped}");
    assert!(!piped.contains('…') && piped.lines().nth(1).is_some_and(|line| line.len() > 4000), "nothing is cut");
    for (arguments, records) in [
        (&["peers", "list"][..], 13),
        (&["overrides", "list"], 1),
        (&["orders", "list"], 1),
        (&["notices", "list"], 1),
        (&["peers", "history"], 13),
    ] {
        let piped = stdout(&desk.site.run(arguments));
        let lines = piped.lines().filter(|line| line.contains(" UTC") || line.contains("RMD") || line.contains("typo"));
        assert_eq!(lines.count(), records, "{arguments:?}: {piped}");
        let below =
            |line: &str| line.starts_with("    ") && !line.trim_start().starts_with(|sign: char| sign.is_ascii_digit());
        assert!(!piped.lines().any(below), "nothing stands below a record: {piped}");
    }
    assert_eq!(stdout(&desk.site.run(&["snapshots"])).lines().count(), 5, "titles, two, a gap and the sum");
    // Of a cell that is too long for the terminal, a pipe gets all.
    let history = stdout(&desk.site.run(&["history", &desk.number]));
    assert!(history.contains(&"x".repeat(4000)), "{history}");
    assert!(!desk.shown(&["history", &desk.number], 80).contains(&"x".repeat(80)));
}

#[tokio::test]
async fn the_history_of_all_is_told_newest_first_and_no_further_than_is_asked() {
    let desk = Desk::open().await;
    let serials = |text: &str| -> Vec<u64> {
        let serial = |line: &str| line.split("(change ").nth(1)?.split(',').next()?.parse().ok();
        text.lines().filter_map(serial).collect()
    };
    let all = serials(&stdout(&desk.site.run(&["history", "--all"])));
    assert!(all.len() > 120 && all.is_sorted_by(|one, other| one > other), "{all:?}");
    assert_eq!(serials(&stdout(&desk.site.run(&["history"]))), all[..100], "the newest hundred");
    assert_eq!(serials(&stdout(&desk.site.run(&["history", "--limit", "3"]))), all[..3]);
    let from = all[4].to_string();
    assert_eq!(serials(&stdout(&desk.site.run(&["history", "--from", &from]))), all[..5]);
    let as_json = stdout(&desk.site.run(&["history", "--json", "--limit", "2"]));
    let first: Vec<serde_json::Value> = as_json.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(first.iter().map(|change| change["serial"].as_u64()).collect::<Vec<_>>(), [Some(1), Some(2)]);
}

#[tokio::test]
async fn one_look_at_the_status_tells_what_its_json_tells() {
    let desk = Desk::open().await;
    let status = json(&desk.site.run(&["status", "--json"]));
    let shown = stdout(&desk.site.run(&["status"]));
    for part in ["PEERS", "LIST", "SYNC", "ALERTS"] {
        assert!(shown.lines().any(|line| line.starts_with(part)), "{part}: {shown}");
    }
    let filings = status["snapshot"]["filings"].as_u64().expect("a count");
    let first = shown.lines().next().expect("a line");
    assert!(first.contains(&format!("{filings} filings, confirmed")) && first.contains("snapshot 2"), "{first}");
    let refused = status["peers"]["refused"].as_u64().expect("a count");
    assert!(refused > 1 && shown.contains(&format!("{refused} refused")), "{shown}");
    for peer in status["peers"]["worst"].as_array().expect("the worst") {
        assert!(shown.contains(peer["name"].as_str().expect("a name")), "{shown}");
    }
    let weeks = status["weeks"].as_array().expect("weeks");
    assert_eq!(weeks.len(), 26);
    let last = weeks.last().expect("this week");
    assert_eq!((&last["filings"], &last["removals"], &last["removals_of_peers"]), (&119.into(), &1.into(), &1.into()));
    assert!(shown.contains("hourly at minute"), "{shown}");
}

#[tokio::test]
async fn a_status_that_is_watched_is_drawn_in_place_and_a_pipe_gets_a_line_each_time() {
    let desk = Desk::open().await;
    let mut terminal = Terminal::start(desk.command(&["status", "--watch=1"]), 80, 50).expect("a terminal");
    terminal.wait_for("^C ends it");
    let shown = terminal.wait_for("^C ends it");
    assert!(shown.contains("F") && shown.contains("\u{1b}[J"), "the second is drawn over the first: {shown:?}");
    drop(terminal);
    let mut dumb = desk.command(&["status", "--watch=1"]);
    dumb.env("TERM", "dumb");
    let mut dumb = Terminal::start(dumb, 80, 50).expect("a terminal");
    let shown = dumb.wait_for("filings");
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
    drop(dumb);
    // It ends with whoever reads it.
    let script = format!(
        "set -o pipefail; {} --state-dir {} status --watch=1 | head -n 2",
        env!("CARGO_BIN_EXE_rmdd"),
        desk.site.state_dir().display()
    );
    let piped = Command::new("bash").env("RMDD_FRESHNESS__CONTENT_WARN_AFTER", "0s").args(["-c", &script]).output();
    let piped = piped.expect("bash runs");
    assert_eq!((status_of(&piped), stdout(&piped).lines().count()), (0, 2), "{}", stderr(&piped));
}

#[tokio::test]
async fn content_of_long_ago_is_an_alarm_however_recently_it_was_confirmed() {
    let desk = Site::with_listing(&World::new(18, 60).to_csv());
    let daemon = desk.start();
    daemon.first_sync().await;
    daemon.terminate().await;
    let with = |limit: &str| {
        let mut command = rmdd();
        command.env("RMDD_FRESHNESS__CONTENT_WARN_AFTER", limit).arg("--state-dir").arg(desk.state_dir());
        command.args(["status", "--json"]).output().expect("it runs")
    };
    let codes = |output: &std::process::Output| -> Vec<String> {
        let alarms = json(output)["alarms"].as_array().expect("alarms").clone();
        alarms.iter().map(|alarm| alarm["code"].as_str().expect("a code").to_owned()).collect()
    };
    let old = with("24h");
    assert!(status_of(&old) == 1 && codes(&old).contains(&"CONTENT_OLD".to_owned()), "{}", stdout(&old));
    for limit in ["0s", "876000h"] {
        assert!(!codes(&with(limit)).contains(&"CONTENT_OLD".to_owned()), "{limit}");
    }
}
