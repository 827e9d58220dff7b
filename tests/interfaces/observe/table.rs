//! `docs/metrics.md` lists what is served, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use super::page::{Family, Page};
use super::{NEVER, with_a_removal};
use crate::common::{Site, ask, by_frn};

const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.5";

/// Settings of a listener with TLS.
fn an_admin_listener(site: &Site) -> String {
    use std::os::unix::fs::PermissionsExt;

    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate");
    let token = "[[token]]\nname = \"noc\"\nright = \"admin\"\ntoken = \"0123456789abcdef0123456789\"\n";
    let write = |name: &str, text: &str| {
        let path = site.directory.path().join(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode set");
        path
    };
    format!(
        "[access]\ntokens_file = {:?}\n[admin]\nlisten = \"127.0.0.1:0\"\n[admin.tls]\ncertificate = {:?}\nkey = {:?}\n",
        write("tokens.toml", token),
        write("cert.pem", &made.cert.pem()),
        write("key.pem", &made.signing_key.serialize_pem())
    )
}

/// A page of a daemon that has something to say in every family.
async fn pages() -> (Page, Page) {
    let site = Site::new();
    let settings = format!("[freshness]\nwarn_after = \"1ms\"\n{}", an_admin_listener(&site));
    let daemon = with_a_removal(&site, &settings).await;
    let mut client = daemon.acceptance().await;
    ask(&mut client, by_frn(NEVER)).await;
    client.check_provider(by_frn("no number")).await.expect_err("no answer");
    std::fs::remove_file(site.listing()).expect("removed");
    daemon.sync().await;
    (Page::of(&daemon, "").await, Page::of(&daemon, PROMETHEUS).await)
}

/// The rows of the table: name, type, labels, unit, meaning.
pub fn documented() -> BTreeMap<String, [String; 4]> {
    let text = include_str!("../../../docs/metrics.md");
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace("\\|", "|")).collect()
    };
    let mut table = BTreeMap::new();
    for row in rows {
        let [name, kind, labels, unit, meaning] = <[String; 5]>::try_from(cells(row)).expect("five cells");
        let name = name.trim_matches('`').to_owned();
        assert!(table.insert(name.clone(), [kind, labels, unit, meaning]).is_none(), "{name} stands twice");
    }
    table
}

/// What a family is, in the words of the table. Labels stand in an order of their own there.
fn served(name: &str, family: &Family) -> [String; 4] {
    let labels: Vec<&str> = family.labels.iter().map(String::as_str).collect();
    let unit = ["seconds", "bytes"].into_iter().find(|unit| {
        let name = name.trim_end_matches("_total");
        name.ends_with(&format!("_{unit}"))
    });
    [family.kind.clone(), labels.join(", "), unit.unwrap_or_default().to_owned(), family.help.clone()]
}

#[tokio::test]
async fn the_table_lists_every_metric_that_is_served_and_no_other() {
    let (page, open) = pages().await;
    assert_eq!(page.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(open.content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
    // Those of a fleet are served in one alone, and compared where they are written.
    let table: BTreeMap<_, _> = documented().into_iter().filter(|(name, _)| !name.starts_with("rmdd_fleet_")).collect();
    let names = |keys: &mut dyn Iterator<Item = &String>| -> BTreeSet<String> { keys.cloned().collect() };
    assert_eq!(names(&mut table.keys()), names(&mut page.families.keys()));
    for (name, family) in &page.families {
        // A file does not say what time it is.
        let may_lack = name == "rmdd_clock_skew_seconds";
        assert!(family.series > 0 || may_lack, "{name} has no series here: let the test see one");
        let [kind, labels, unit, meaning] = served(name, family);
        let [reported_kind, reported_labels, reported_unit, reported_meaning] = &table[name];
        let reported_labels: BTreeSet<&str> = reported_labels
            .split(", ")
            .map(|label| label.trim_matches('`'))
            .filter(|label| !label.is_empty())
            .collect();
        let labels: BTreeSet<&str> = labels.split(", ").filter(|label| !label.is_empty()).collect();
        assert_eq!(
            (&kind, labels, &unit, &meaning),
            (reported_kind, reported_labels, reported_unit, reported_meaning),
            "{name}"
        );
    }
    // OpenMetrics calls a counter by its name without the end.
    let bare = |name: &String| name.trim_end_matches("_total").to_owned();
    let (plain, open_names): (BTreeSet<_>, BTreeSet<_>) =
        (page.families.keys().map(bare).collect(), open.families.keys().cloned().collect());
    assert_eq!(plain, open_names);
    assert!(open.text.ends_with("# EOF\n"));
    assert!(open.text.contains("# UNIT rmdd_store_size_bytes bytes\n"));
}

#[tokio::test]
async fn prometheus_finds_nothing_wrong_with_the_page() {
    let Ok(mut promtool) = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).spawn() else {
        println!("left out: promtool is not here (.ci/run installs it)");
        return;
    };
    let (page, _) = pages().await;
    promtool.stdin.take().expect("its input").write_all(page.text.as_bytes()).expect("written");
    let status = promtool.wait().expect("it ended");
    assert!(status.success(), "promtool check metrics: {status}");
}
