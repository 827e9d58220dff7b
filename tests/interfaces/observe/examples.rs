//! The dashboard and the alert rules ask for metrics and labels that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use super::table::documented;

const RULES: &str = include_str!("../../../examples/prometheus/rmdd.rules.yml");
const RULES_TESTS: &str = concat!(
    include_str!("../../../examples/prometheus/rmdd.rules.test.yml"),
    include_str!("../../../examples/prometheus/rmdd.rules.long.test.yml")
);
const DASHBOARD: &str = include_str!("../../../examples/grafana/rmdd.json");

/// The metrics in an expression, with the labels that it chooses them by.
fn metrics(expression: &str) -> Vec<(String, BTreeSet<String>)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut found = Vec::new();
    let mut rest = expression;
    while let Some(start) = rest.find(word) {
        let end = rest[start..].find(|c| !word(c)).map_or(rest.len(), |length| start + length);
        let (name, behind) = (&rest[start..end], &rest[end..]);
        rest = behind;
        if name.contains(':') || !(name.starts_with("rmdd_") || name.starts_with("process_")) {
            continue;
        }
        let chosen =
            behind.strip_prefix('{').and_then(|behind| behind.split_once('}')).map_or("", |(chosen, _)| chosen);
        // Every other piece between quotation marks is a value.
        let labels = chosen.split('"').step_by(2).map(|label| label.trim_matches(|c: char| !word(c)).to_owned());
        found.push((name.to_owned(), labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// What is wrong with an expression, by the table.
fn unknown(expression: &str, table: &BTreeMap<String, [String; 4]>) -> Vec<String> {
    let mut wrong = Vec::new();
    for (name, labels) in metrics(expression) {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
            let family = name.strip_suffix(end)?;
            table.get(family).filter(|row| row[0] == "histogram")
        });
        match family.or_else(|| table.get(&name)) {
            None => wrong.push(format!("there is no metric {name}")),
            Some([_, known, ..]) => wrong.extend(
                labels
                    .iter()
                    .filter(|label| !["job", "instance"].contains(&label.as_str()))
                    .filter(|label| !known.contains(&format!("`{label}`")))
                    .filter(|label| *label != "le" || !name.ends_with("_bucket"))
                    .map(|label| format!("{name} has no label {label}")),
            ),
        }
    }
    wrong
}

#[test]
fn what_is_wrong_with_an_expression_is_found() {
    let table = documented();
    let of = |expression: &str| unknown(expression, &table).len();
    assert_eq!(of(r#"rate(rmdd_decisions_total{verdict="REFUSE", interface=~"a|b"}[5m]) / rmdd_snapshot_filings"#), 0);
    assert_eq!(of("rmdd_decision_duration_seconds_bucket + rmdd_snapshot_filings_count"), 1);
    assert_eq!(of(r#"rmdd_decisions_total{verdikt="REFUSE"} > rmdd_decision_total"#), 2);
}

#[test]
fn the_dashboard_asks_for_what_there_is() {
    let table = documented();
    let dashboard: Value = serde_json::from_str(DASHBOARD).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let mut asked = 0;
    for target in panels.iter().flat_map(|panel| panel["targets"].as_array().into_iter().flatten()) {
        let expression = target["expr"].as_str().expect("an expression");
        assert_eq!(unknown(expression, &table), Vec::<String>::new());
        asked += metrics(expression).len();
    }
    for note in dashboard["annotations"]["list"].as_array().expect("annotations") {
        assert_eq!(unknown(note["expr"].as_str().expect("an expression"), &table), Vec::<String>::new());
    }
    assert!(asked > 30, "{asked}");
    let ids: BTreeSet<i64> = panels.iter().map(|panel| panel["id"].as_i64().expect("an ID")).collect();
    assert_eq!(ids.len(), panels.len());
}

#[test]
fn the_rules_ask_for_what_there_is_and_each_is_shown_to_fire() {
    let table = documented();
    assert_eq!(unknown(RULES, &table), Vec::<String>::new());
    assert_eq!(unknown(RULES_TESTS, &table), Vec::<String>::new());
    let alerts: Vec<&str> = RULES.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    for alert in alerts {
        let fires = [format!("alertname=\"{alert}\""), format!("alertname: {alert}\n")];
        assert!(fires.iter().any(|fires| RULES_TESTS.contains(fires)), "{alert} is shown nowhere to fire");
    }
}

#[test]
fn the_rules_fire_when_they_should() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/prometheus");
    let (check, test) = (["check", "rules"], ["test", "rules"]);
    for (command, file) in
        [(check, "rmdd.rules.yml"), (test, "rmdd.rules.test.yml"), (test, "rmdd.rules.long.test.yml")]
    {
        let arguments = [command[0], command[1], file];
        let Ok(output) = Command::new("promtool").args(arguments).current_dir(directory).output() else {
            println!("left out: promtool is not here (.ci/run installs it)");
            return;
        };
        assert!(output.status.success(), "{output:?}");
    }
}
