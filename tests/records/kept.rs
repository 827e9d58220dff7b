//! Records are put in, listed, written out, taken in again, taken off, and survive.

use super::*;

/// How one of each kind is added, its ID, and words that its list must hold.
const ONE_OF_EACH: [(&str, &[&str], &str, &str); 4] = [
    (
        "peers",
        &["TG-7", VOICE, "--kind", "account", "--role", "gateway", "--why", "contract 12, \"north\""],
        "tg-7",
        "account TG-7 is 0041000001 as gateway",
    ),
    ("overrides", &["deny", GATEWAY, "--why", "a fraud", "--expires", "2999-01-31"], GATEWAY, "deny 0041000002"),
    (
        "orders",
        &["removal", "DA 26-237", VOICE, "--released", "2026-03-12"],
        "DA 26-237/0041000001",
        "removal DA 26-237 of 2026-03-12: 0041000001",
    ),
    (
        "notices",
        &["letter", VOICE, "--issued-at", "Jan 24, 2023 20:15 UTC", "--document", "a letter"],
        "letter",
        "notice letter to 0041000001 of 2023-01-24",
    ),
];

/// Why, of a record or an event; empty where nothing was said.
fn why_of(object: &Value) -> String {
    if object["why"].is_null() { String::new() } else { text(&object["why"]) }
}

/// A record as `list --json` shows it, without the number of the event that made it.
fn said(desk: &Desk, kind: &str) -> Vec<Value> {
    let mut records = desk.lines(&[kind, "list", "--json"]);
    for record in &mut records {
        let record = record.as_object_mut().expect("an object");
        record.remove("revision");
        // How a peer stands is nothing that is on record.
        record.remove("now");
    }
    records
}

#[tokio::test]
async fn a_record_in_json_has_every_member_of_its_kind_null_for_nothing_and_its_revision_as_a_number() {
    let desk = Desk::open(Through::Store).await;
    for (kind, add, ..) in ONE_OF_EACH {
        desk.ok(&[&[kind, "add", "--by", "alice"], add].concat());
        let header = desk.ok(&[kind, "export", "--format", "csv"]);
        let columns: Vec<&str> = header.lines().next().expect("a header").split(',').collect();
        let event = desk.lines(&[kind, "history", "--json"]).remove(0);
        let objects = [
            desk.lines(&[kind, "list", "--json"]),
            desk.lines(&[kind, "export", "--format", "jsonl"]),
            vec![event["after"].clone()],
        ];
        for object in objects.iter().flatten() {
            for column in columns.iter().chain(&["revision"]) {
                assert!(object.get(column).is_some_and(|value| *value != ""), "{column}: {object}");
            }
            assert_eq!(object.get("calls").is_some(), kind == "notices", "{object}");
            assert_eq!(object["expires_at"].is_null(), kind != "overrides", "{object}");
        }
        assert!(objects[0][0]["revision"].is_u64() && event["serial"].is_u64(), "{event}");
        assert_eq!(objects[0][0]["revision"], objects[2][0]["revision"]);
    }
}

#[tokio::test]
async fn each_kind_is_added_listed_taken_off_and_taken_in_again_as_csv_and_json() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        for (kind, add, id, words) in ONE_OF_EACH {
            let added = desk.ok(&[&[kind, "add", "--by", "alice"], add].concat());
            assert!(added.starts_with("added") && added.contains(words), "{through:?}: {added}");
            let list = desk.ok(&[kind, "list"]);
            // Of peers the list says how they stand.
            let (words, by) = if kind == "peers" { ("TG-7", "1 peer on record") } else { (words, "by alice") };
            assert!(list.contains(words) && list.contains(by), "{through:?}: {list}");
            let before = said(&desk, kind);
            assert_eq!(
                (before.len(), before[0]["id"].as_str(), before[0]["by"].as_str()),
                (1, Some(id), Some("alice"))
            );

            for format in ["csv", "jsonl"] {
                let written = desk.ok(&[kind, "export", "--format", format]);
                let file = desk.write(&format!("{kind}.{format}"), &written);
                desk.ok(&[kind, "remove", id, "--by", "bob", "--why", "a mistake"]);
                assert_eq!(said(&desk, kind), Vec::<Value>::new());
                assert!(desk.ok(&[kind, "list"]).starts_with("0 "));
                let taken = desk.ok(&[kind, "import", &file, "--by", "carol"]);
                assert!(taken.starts_with("added"), "{through:?}: {taken}");
                assert_eq!(said(&desk, kind), before, "{through:?}: {kind} as {format}");
                let again = desk.ok(&[kind, "import", &file, "--by", "carol"]);
                assert_eq!(again, "0 added, 0 changed, 1 on record already\n");
            }

            let history = desk.lines(&[kind, "history", id, "--json"]);
            let reported: Vec<_> =
                history.iter().map(|event| (text(&event["action"]), text(&event["by"]), why_of(event))).collect();
            let why = why_of(&before[0]);
            let event = |action: &str, by: &str, why: &str| (action.to_owned(), by.to_owned(), why.to_owned());
            let came_again = [event("removed", "bob", "a mistake"), event("added", "carol", &why)];
            let expected = [vec![event("added", "alice", &why)], [came_again.clone(), came_again].concat()].concat();
            assert_eq!(reported, expected, "{through:?}: {kind}");
            assert!(history.iter().all(|event| text(&event["at"]).starts_with("20")), "{history:?}");
            assert!(history[1]["after"].is_null() && history[1]["before"]["by"] == "alice", "{}", history[1]);
            let printed = desk.ok(&[kind, "history"]);
            assert!(printed.contains("removed") && printed.contains("by bob") && printed.contains("(a mistake)"));
        }
        let serials = |kind: &str| desk.lines(&[kind, "history", "--json"]).into_iter().map(|e| e["serial"].clone());
        let mut all: Vec<u64> = ["peers", "overrides", "orders", "notices"]
            .into_iter()
            .flat_map(serials)
            .map(|serial| serial.as_u64().expect("a number"))
            .collect();
        all.sort_unstable();
        assert_eq!(all, (1..=20).collect::<Vec<_>>(), "{through:?}: no event is lost, none has the number of another");
    }
}

#[tokio::test]
async fn a_carriers_own_list_is_taken_in_by_its_own_columns() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let list = format!(
            "\u{feff}Trunk Group;OCN;FCC FRN;Upstream Role\nNYC-1;591e;{VOICE};voice_service\nNYC-2;;{GATEWAY};\n"
        );
        let semicolons = desk.write("semicolons.csv", &list);
        desk.ok(&["peers", "import", &semicolons, "--by", "alice"]);
        let file = desk.write("carriers.csv", list.replace(';', ","));
        assert!(desk.ok(&["peers", "import", &file, "--by", "alice"]).starts_with("0 added, 0 changed, 3 on record"));
        let ids: Vec<String> = desk.lines(&["peers", "list", "--json"]).iter().map(|peer| text(&peer["id"])).collect();
        assert_eq!(ids, ["nyc-1", "nyc-2", "ocn:591E"]);

        let orders = desk.write("orders.csv", format!("FRN,DA number,Release date\n{VOICE},DA 25-737,2025-08-25\n"));
        let unkind = desk.refused(&["orders", "import", &orders]);
        assert!(unkind.contains("row 2, field kind"), "{unkind}");
        desk.ok(&["orders", "import", &orders, "--default", "kind=removal", "--by", "alice"]);
        assert_eq!(desk.verdict(&[VOICE]), pair("REFUSE", "REMOVAL_ORDER"));
    }
}

#[tokio::test]
async fn records_are_replaced_only_when_it_is_asked_for_and_one_document_takes_off_all_its_orders() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["overrides", "add", "allow", GONE, "--why", "a test call", "--by", "alice"]);
        let other = ["overrides", "add", "deny", GONE, "--why", "no", "--by", "bob"];
        let refused = desk.refused(&other);
        assert!(refused.contains("WHO: ") && refused.contains("--replace"), "{refused}");
        assert!(refused.contains("action is \"allow\", not \"deny\""), "what is on record is said: {refused}");
        assert_eq!(desk.verdict(&[GONE]), pair("ACCEPT", "OVERRIDE"));
        let changed = desk.ok(&[&other[..], &["--replace"]].concat());
        assert!(changed.starts_with("changed") && changed.contains("action: allow -> deny"), "{changed}");
        let printed = desk.ok(&["overrides", "history"]);
        assert!(printed.contains("action: allow -> deny") && printed.contains("why: a test call -> no"), "{printed}");
        assert_eq!(desk.verdict(&[GONE]), pair("REFUSE", "OVERRIDE"));
        let history = desk.lines(&["overrides", "history", "--json"]);
        assert_eq!(
            (&history[1]["before"]["action"], &history[1]["after"]["action"]),
            (&"allow".into(), &"deny".into())
        );

        desk.ok(&["orders", "add", "show_cause", "DA 24-1235", VOICE, GATEWAY, "--released", "2024-12-10"]);
        assert_eq!(desk.lines(&["orders", "list", "--json"]).len(), 2);
        desk.ok(&["orders", "remove", "DA 24-1235"]);
        assert_eq!(desk.lines(&["orders", "list", "--json"]).len(), 0);
        assert_eq!(desk.lines(&["orders", "history", "--json"]).len(), 4);
    }
}

#[tokio::test]
async fn what_a_killed_daemon_had_on_record_is_there_after_it_whole() {
    let mut desk = Desk::open(Through::Daemon).await;
    for (kind, add, ..) in ONE_OF_EACH {
        desk.ok(&[&[kind, "add", "--by", "alice"], add].concat());
    }
    desk.ok(&["overrides", "remove", GATEWAY, "--by", "bob", "--why", "settled"]);
    let before = desk.everything();
    desk.daemon.take().expect("it runs").kill();
    assert_eq!(desk.everything(), before, "by the store");
    desk.start().await;
    assert_eq!(desk.everything(), before, "by the next daemon");

    // Killed at whatever moment of a change: all of it is there, or nothing.
    let mut rows = "name,provider\n".to_owned();
    rows.extend((0..2_000).map(|n| format!("wave-{n},{VOICE}\n")));
    let file = desk.write("wave.csv", rows);
    for round in 0..4 {
        let mut command = crate::common::rmdd();
        command.arg("--state-dir").arg(desk.site.state_dir()).args(["peers", "import", &file, "--by", "alice"]);
        let mut import =
            command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().expect("it starts");
        if round > 0 {
            import.wait().expect("it ended");
        }
        desk.daemon.take().expect("it runs").kill();
        import.wait().expect("it ended");
        desk.start().await;
        let (kept, events) = (desk.lines(&["peers", "list", "--json"]), desk.lines(&["peers", "history", "--json"]));
        let waves = kept.iter().filter(|peer| text(&peer["id"]).starts_with("wave-")).count();
        assert!(waves == 0 || waves == 2_000, "round {round}: {waves}");
        assert!(round == 0 || waves == 2_000, "what was answered for is on record");
        assert_eq!(events.len(), kept.len(), "round {round}: an event for each, and no more");
    }
}

#[tokio::test]
async fn an_export_that_nobody_touched_changes_nothing_and_what_it_cannot_hold_stays() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let put = |arguments: &[&str]| desk.ok(&[arguments, &["--by", "alice"]].concat());
        put(&["notices", "add", "Letter 1", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--document", "a letter"]);
        let calls = desk.write(
            "calls.csv",
            "called_at,caller\n2023-01-10 10:00 UTC,+12025550143\n2023-01-11 10:00 UTC,+12025550144\n",
        );
        put(&["notices", "import-calls", "letter 1", &calls]);
        let responded = ["--note", "their mail", "--at", "2023-01-26T10:00:00Z"];
        put(&[&["notices", "respond", "letter 1", "--mitigated"], &responded[..]].concat());
        put(&["notices", "add", "Letter 2", GATEWAY, "--issued-at", "2023-01-24"]);
        put(&["orders", "add", "fdo", "DA 26-1", VOICE, "--released", "2023-01-25"]);
        put(&["orders", "notified", "DA 26-1", VOICE, "--note", "ECFS 1", "--at", "2023-01-26T10:00:00Z"]);
        let before = desk.everything();

        for kind in ["notices", "orders"] {
            for (name, list) in [
                ("export.csv", desk.ok(&[kind, "export"])),
                ("export.json", desk.ok(&[kind, "export", "--format", "jsonl"])),
                ("list.json", desk.ok(&[kind, "list", "--json"])),
            ] {
                let file = desk.write(name, list);
                for more in [&[][..], &["--replace"]] {
                    let output = desk.run(&[&[kind, "import", &file, "--by", "bob"], more].concat());
                    let said = format!("{}{}", stdout(&output), stderr(&output));
                    assert!(said.contains("0 added, 0 changed"), "{through:?}: {name}, {more:?}: {said}");
                    let holds_calls = kind == "orders" || name == "export.json";
                    assert_eq!(said.contains("the list leaves blank stays: calls"), !holds_calls, "{name}: {said}");
                }
            }
        }
        assert_eq!(desk.everything(), before, "{through:?}");

        // What a list does say is replaced, and nothing else.
        let list = format!("id,provider,issued_at,document\nletter  1,{VOICE},2023-01-24T20:15:00Z,a second letter\n");
        let file = desk.write("notices.csv", list);
        let refused = desk.refused(&["notices", "import", &file, "--by", "bob"]);
        assert!(refused.contains("(document is \"a letter\", not \"a second letter\")"), "{refused}");
        let output = desk.run(&["notices", "import", &file, "--by", "bob", "--replace"]);
        let said = stdout(&output);
        assert!(said.contains("document: a letter -> a second letter"), "{said}");
        assert!(!said.contains("calls:") && !said.contains("mitigated_at:"), "{said}");
        assert!(stderr(&output).contains("of 1 notice and the list leaves blank stays: calls, mitigated_at"));
        let kept = desk.lines(&["notices", "export", "--format", "jsonl"]);
        assert_eq!(
            (kept[0]["calls"].as_array().map(Vec::len), &kept[0]["document"]),
            (Some(2), &"a second letter".into())
        );
        assert_eq!(kept[0]["mitigated_note"], "their mail");
        let late = format!("id,provider,issued_at\nletter 1,{VOICE},2023-01-27T20:15:00Z\n");
        let file = desk.write("late.csv", late);
        let refused = desk.refused(&["notices", "import", &file, "--by", "bob", "--replace"]);
        assert!(refused.contains("row 2, field mitigated_at"), "it would come before the notice: {refused}");
    }
}
