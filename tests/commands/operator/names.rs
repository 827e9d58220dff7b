//! Names that nobody bound, and numbers behind a prefix: what is read, and what is said.

use rmdd_testkit::World;

use super::{lines, past};
use crate::common::{Site, json, status_of, stderr, stdout};

#[test]
fn of_a_name_that_nobody_bound_nothing_is_known_and_no_verdict_can_be_given() {
    let site = past().site;
    for (arguments, status) in [
        (&["show", "nosuchpeer"][..], 1),
        (&["show", "nosuchpeer", "--json"], 1),
        (&["show", "ocn:7321"], 1),
        (&["history", "nosuchpeer"], 1),
        (&["show", "RMD12345678"], 2),
        (&["show", "nosuchpeer", "--at", "2001-01-01"], 2),
        (&["check", "nosuchpeer"], 2),
    ] {
        let refused = site.run(arguments);
        assert_eq!(
            (status_of(&refused), stdout(&refused).as_str()),
            (status, ""),
            "{arguments:?}: {}",
            stderr(&refused)
        );
    }
}

#[tokio::test]
async fn a_message_has_a_name_as_it_was_typed_by_store_and_by_daemon() {
    let site = past().site;
    let asks = || {
        for (typed, said) in [
            ("TG-Acme-1", "peer TG-Acme-1 is bound to no provider: bind it"),
            ("peer:TG-Acme-1", "peer TG-Acme-1 is bound to no provider: bind it"),
            (
                "203.0.113.5:5060",
                "peer 203.0.113.5:5060 is bound to no provider: addresses are bound without their port, so ask for 203.0.113.5",
            ),
            ("[2001:db8::7]:5060", "ask for 2001:db8::7"),
        ] {
            for command in ["check", "show", "history"] {
                let refused = stderr(&site.run(&[command, typed]));
                assert!(refused.contains(said), "{command} {typed}: {refused}");
            }
        }
    };
    asks();
    let daemon = site.start();
    daemon.first_sync().await;
    asks();
    let list = site.directory.path().join("list.csv");
    std::fs::write(&list, "peer\nTG-Acme-1\n").expect("written");
    let listed = site.run(&["check", "--file", &list.display().to_string()]);
    assert!(stdout(&listed).contains("peer TG-Acme-1 is bound to no provider"), "{}", stdout(&listed));
}

#[test]
fn behind_its_prefix_a_number_is_read_without_its_leading_zeros() {
    let world = World::new(77, 20);
    let site = Site::with_listing(&world.to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
    let listed = lines(&stdout(&site.run(&["history", "--json"])));
    let number = listed[0]["number"].as_str().expect("a number").to_owned();
    let shown = json(&site.run(&["check", &number, "--json"]));
    let frn = shown["filing"]["frn"].as_str().expect("an FRN").to_owned();
    let (few, few_of_frn) = (number[3..].trim_start_matches('0'), frn.trim_start_matches('0'));
    for (text, field, expected) in [
        (format!("rmd:{few}"), "number", &number),
        (format!("RMD:{number}"), "number", &number),
        (format!("frn:{few_of_frn}"), "frn", &frn),
        (format!("frn:FRN {frn}"), "frn", &frn),
    ] {
        let answer = json(&site.run(&["check", &text, "--json"]));
        assert_eq!(answer["filing"][field].as_str(), Some(expected.as_str()), "{text}: {answer}");
    }
}
