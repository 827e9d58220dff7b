//! Names and addresses come from whoever filed them. Whatever stands in them, it commands no terminal, turns no line
//! around and hides nothing, and whoever reads the JSON has it as it was filed.

use crate::common::{Site, rmdd, status_of, stderr, stdout};
use rmdd::domain::visible::is_hidden;
use rmdd_testkit::World;

/// Turns what follows around, sets a title, clears the screen by a C1 control, and has signs that are not seen.
const NAME: &str = "Alder\u{202e}mocelet\u{2066} \u{1b}]0;owned\u{7}\u{9b}2J Quo\u{200b}kka\u{feff} LLC";

/// A site whose store holds a provider of that name; returns its number and FRN, too.
fn hostile() -> (Site, String, String) {
    let mut world = World::new(5, 60);
    let (number, frn) = {
        let row = world.filings().find(|row| !row.get("frn").is_empty()).expect("a filing");
        (row.get("number").to_owned(), row.get("frn").to_owned())
    };
    let row = world.row_mut(&number).expect("the row");
    for column in ["business_name", "other_dba_names", "business_address"] {
        row.set(column, NAME);
    }
    let site = Site::with_listing(&world.to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    let synced = site.run(&["sync", "--source", &source]);
    assert_eq!(status_of(&synced), 0, "{}", stderr(&synced));
    (site, number, frn)
}

fn hidden_in(text: &str) -> String {
    text.chars().filter(|sign| is_hidden(*sign) && *sign != '\n').collect()
}

#[test]
fn commands_show_what_is_hidden_as_escapes_and_json_has_it_as_it_was_filed() {
    let (site, number, frn) = hostile();
    for arguments in [
        &["show", &number] as &[&str],
        &["check", &frn],
        &["search", "alder quokka"],
        &["history", &number],
        &["check", "Alder\u{202e}mocelet Quokka"],
    ] {
        let output = site.run(arguments);
        for text in [stdout(&output), stderr(&output)] {
            assert_eq!(hidden_in(&text), "", "{arguments:?}: {text}");
        }
        let shown = stdout(&output) + &stderr(&output);
        if arguments[0] != "history" && arguments[0] != "check" {
            assert!(shown.contains("Alder\\u{202e}mocelet\\u{2066} \\u{1b}]0;owned\\u{7}"), "{arguments:?}: {shown}");
        }
    }
    for (arguments, path) in [
        (&["show", &number, "--json"] as &[&str], "/filings/0/business_name"),
        (&["check", &frn, "--json"], "/filing/business_name"),
        (&["search", "alder quokka", "--json"], "/name"),
    ] {
        let output = stdout(&site.run(arguments));
        assert_eq!(hidden_in(&output), "", "{arguments:?}: {output}");
        assert!(output.contains("Alder\\u202emocelet"), "{arguments:?}: {output}");
        let first = output.lines().next().expect("a line");
        let value: serde_json::Value = serde_json::from_str(first).expect("JSON");
        assert_eq!(value.pointer(path).and_then(serde_json::Value::as_str), Some(NAME), "{arguments:?}: {value}");
    }
}

#[test]
fn an_export_holds_what_was_published() {
    let (site, ..) = hostile();
    let exported = site.run(&["export"]);
    assert!(stdout(&exported).contains(NAME));
}

#[tokio::test]
async fn records_logs_and_http_show_what_is_hidden_as_escapes() {
    let (site, _, frn) = hostile();
    let log = site.state_dir().join("decisions.jsonl");
    let config = site.state_dir().join("rmdd.toml");
    std::fs::write(&config, format!("[decision_log]\npath = {:?}\n", log.display().to_string())).expect("written");
    let mut command = rmdd();
    command.arg("serve").arg("--config").arg(&config).arg("--state-dir").arg(site.state_dir());
    let source = site.listing().display().to_string();
    command.args(["--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--source", &source]);
    let daemon = crate::common::Daemon::spawn(command);
    daemon.first_sync().await;
    let put = ["overrides", "add", "deny", &frn, "--why", NAME, "--by", "ali\u{202e}ce"];
    let reported = site.run(&put);
    assert_eq!(hidden_in(&(stdout(&reported) + &stderr(&reported))), "", "{reported:?}");
    assert_eq!(status_of(&reported), 2, "a record's text has nothing hidden in it: {reported:?}");
    let reported = site.run(&["overrides", "add", "deny", &frn, "--why", "a test", "--by", "alice"]);
    assert_eq!(
        (hidden_in(&(stdout(&reported) + &stderr(&reported))), status_of(&reported)),
        (String::new(), 0),
        "{reported:?}"
    );
    let listed = site.run(&["overrides", "list", "--json"]);
    assert_eq!(hidden_in(&stdout(&listed)), "");
    assert_eq!(crate::common::json(&listed)["why"], "a test");

    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client");
    for form in ["text", "json"] {
        let url = format!("{}/v1/check/{frn}?format={form}", daemon.http.as_deref().expect("HTTP"));
        let body = client.get(url).send().await.expect("an answer").text().await.expect("a body");
        assert!(body.contains("override") || body.contains("OVERRIDE"), "{body}");
        assert_eq!(hidden_in(&body), "", "{form}: {body}");
    }
    let (_, errors) = daemon.terminate().await;
    assert!(errors.contains("alice"), "{errors}");
    assert_eq!(hidden_in(&errors), "", "{errors}");
    let decisions = std::fs::read_to_string(&log).expect("the decision log");
    assert!(!decisions.is_empty());
    assert_eq!(hidden_in(&decisions), "", "{decisions}");
}
