//! Operators' records through the real command, a real store, a real daemon and its real sockets.

#[path = "../common/mod.rs"]
mod common;

mod asked;
mod decisions;
mod impact;
mod kept;
mod lists;
mod notices;
mod refused;
mod service;
mod standing;

use std::path::PathBuf;
use std::process::Output;

use common::{Daemon, Site, status_of, stderr, stdout};
use rmdd_testkit::{Row, World};
use serde_json::Value;

/// Certifies voice service alone.
const VOICE: &str = "0041000001";
const VOICE_NUMBER: &str = "RMD0900001";
/// Certifies voice service and gateway.
const GATEWAY: &str = "0041000002";
/// Has two filings.
const TWICE: &str = "0041000003";
/// Leaves the role of a gateway blank.
const BLANK: &str = "0041000004";
/// Was listed and is not any more.
const GONE: &str = "0041000005";
const GONE_NUMBER: &str = "RMD0900006";
/// Never was listed.
const NEVER: &str = "0041000009";

/// Number, FRN, and the answers for voice service, gateway and intermediate.
const OURS: [(&str, &str, [&str; 3]); 6] = [
    (VOICE_NUMBER, VOICE, ["Yes", "No", "No"]),
    ("RMD0900002", GATEWAY, ["Yes", "Yes", "No"]),
    ("RMD0900003", TWICE, ["Yes", "No", "No"]),
    ("RMD0900004", TWICE, ["No", "No", "Yes"]),
    ("RMD0900005", BLANK, ["Yes", "", "No"]),
    (GONE_NUMBER, GONE, ["Yes", "No", "No"]),
];

/// A listing with the filings above.
fn world() -> World {
    let mut world = World::new(71, 80);
    for (number, frn, roles) in OURS {
        let mut row = world.rows().next().cloned().unwrap_or_else(Row::default);
        let [voice, gateway, intermediate] = roles;
        for (column, cell) in [
            ("number", number),
            ("frn", frn),
            ("business_name", &format!("Example {frn} LLC")),
            ("business_address", &format!("{number} Main Street")),
            ("foreign_voice_provider", "No"),
            ("other_frns", ""),
            ("voice_service_provider_choice", voice),
            ("gateway_provider_choice", gateway),
            ("intermediate_provider_choice", intermediate),
        ] {
            row.set(column, cell);
        }
        world.insert(row);
    }
    world
}

/// How a command gets at the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Through {
    /// No daemon runs; the store itself.
    Store,
    /// The daemon that runs.
    Daemon,
}

const BOTH: [Through; 2] = [Through::Store, Through::Daemon];

/// Where an operator sits: a listing that was synced, and a daemon or none.
struct Desk {
    site: Site,
    daemon: Option<Daemon>,
    world: World,
}

impl Desk {
    async fn open(through: Through) -> Self {
        Self::open_with(through, "").await
    }

    /// With a configuration in which no sync comes by itself.
    async fn open_with(through: Through, more: &str) -> Self {
        let mut world = world();
        let site = Site::with_listing(&world.to_csv());
        site.configure(&format!("source = {:?}\n[schedule]\ncron = \"0 0 1 1 *\"\n{more}", site.listing()));
        let mut desk = Self { site, daemon: None, world: world.clone() };
        desk.site.make_store();
        desk.ok(&["sync"]);
        world.remove(GONE_NUMBER);
        desk.site.publish(&world.to_csv());
        desk.ok(&["sync"]);
        desk.world = world;
        if through == Through::Daemon {
            desk.start().await;
        }
        desk
    }

    async fn start(&mut self) {
        let config = self.config();
        let daemon = self.site.start_with(&["--config", &config]);
        daemon.first_sync().await;
        self.daemon = Some(daemon);
    }

    fn config(&self) -> String {
        self.site.config()
    }

    fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().expect("a daemon runs")
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let config = self.config();
        let output = self.site.run(&[&["--config", config.as_str()], arguments].concat());
        let direct = stderr(&output).contains("No daemon runs");
        assert!(!direct || self.daemon.is_none(), "the daemon was not asked: {arguments:?}");
        output
    }

    /// What a command prints that must succeed.
    fn ok(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(status_of(&output), 0, "{arguments:?}: {}{}", stdout(&output), stderr(&output));
        stdout(&output)
    }

    /// What a command says that must be refused, having done nothing.
    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!((status_of(&output), stdout(&output).as_str()), (2, ""), "{arguments:?}: {}", stderr(&output));
        stderr(&output)
    }

    /// The lines of a command's JSON.
    fn lines(&self, arguments: &[&str]) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        stdout(&self.run(arguments)).lines().map(parse).collect()
    }

    /// The answer about an upstream.
    fn check(&self, arguments: &[&str]) -> Value {
        self.lines(&[&["check", "--json"], arguments].concat()).remove(0)
    }

    /// Verdict and reason.
    fn verdict(&self, arguments: &[&str]) -> (String, String) {
        let check = self.check(arguments);
        (text(&check["verdict"]), text(&check["reason"]))
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.site.directory.path().join(name);
        std::fs::write(&path, content).expect("written");
        path.display().to_string()
    }

    fn store(&self) -> PathBuf {
        self.site.state_dir().join("rmdd.redb")
    }

    /// All that is on record, and all that ever was.
    fn everything(&self) -> Vec<Vec<Value>> {
        let of =
            |kind: &str| [self.lines(&[kind, "export", "--format", "jsonl"]), self.lines(&[kind, "history", "--json"])];
        ["peers", "overrides", "orders", "notices"].into_iter().flat_map(of).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn pair(verdict: &str, reason: &str) -> (String, String) {
    (verdict.to_owned(), reason.to_owned())
}
