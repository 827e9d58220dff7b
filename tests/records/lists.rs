//! Lists as operators hand them in: each row is asked, taken in, or told with what to do.

use rust_xlsxwriter::Workbook;

use super::*;

/// The number of the filing of [`GATEWAY`].
const GATEWAY_NUMBER: &str = "RMD0900002";

/// The verdict columns of the rows that `check --file` prints.
fn reasons(output: &Output) -> Vec<(String, String)> {
    let rows = stdout(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>();
    rows.iter().map(|row| (row["verdict"].as_str().unwrap_or("-").to_owned(), text(&row["reason"]))).collect()
}

#[tokio::test]
async fn one_bad_row_of_many_is_told_and_all_others_are_asked() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        for (bad, words) in [
            ("N/A,", "it says \"N/A\""),
            ("pending,", "it says \"pending\""),
            (",gateway", "it is empty"),
            ("Total: 500,", "\"Total: 500\""),
            ("0041000001,boss", "is no role"),
            ("1.2345E+09,", "format the column as text"),
            ("41000001,voice,more", "3 cells where the header has 2"),
        ] {
            let mut list = "FRN,Provider Type\n".to_owned();
            for row in 0..500 {
                list += &if row == 250 { format!("{bad}\n") } else { format!("{VOICE},Voice Service Provider\n") };
            }
            let file = desk.write("upstreams.csv", list);
            let output = desk.run(&["check", "--file", &file, "--json"]);
            let came = reasons(&output);
            assert_eq!((came.len(), status_of(&output)), (500, 2), "{bad}");
            assert_eq!(came[250], pair("-", "BAD_ROW"), "{bad}");
            assert_eq!(came.iter().filter(|row| **row == pair("ACCEPT", "LISTED")).count(), 499, "{bad}");
            let said = stderr(&output);
            assert!(said.contains("row 252, field ") && said.contains(words), "{bad}: {said}");
            assert!(said.contains("500 upstreams: 1 not asked"), "{bad}: {said}");
        }
    }
}

#[tokio::test]
async fn roles_count_whatever_their_column_is_called_and_one_that_is_not_used_is_said() {
    let desk = Desk::open(Through::Daemon).await;
    let file =
        desk.write("roles.csv", format!("FRN;Provider Type\n{VOICE};Gateway Provider\n{VOICE};VSP\n{VOICE};N/A\n"));
    let output = desk.run(&["check", "--file", &file, "--json"]);
    let expected = [pair("REFUSE", "ROLE_NOT_CERTIFIED"), pair("ACCEPT", "LISTED"), pair("ACCEPT", "LISTED")];
    assert_eq!((reasons(&output).as_slice(), status_of(&output)), (&expected[..], 1));

    let file = desk.write("acts.csv", format!("FRN,acts as\n{VOICE},Gateway\n"));
    let output = desk.run(&["check", "--file", &file]);
    let said = stderr(&output);
    assert!(said.contains("column \"acts as\" may hold roles and is not used"), "{said}");
    assert!(said.contains("1 upstream: the roles in column acts as not asked"), "{said}");
    assert_eq!(status_of(&output), 2, "a role was not asked");
    let named = desk.run(&["check", "--file", &file, "--role", "Voice Service Provider"]);
    assert_eq!(status_of(&named), 0, "the command says the role: {}", stderr(&named));
}

#[tokio::test]
async fn a_column_for_each_role_is_asked_in_every_role_that_is_marked() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let list = [
            "FRN,Voice (Y/N),Gateway Provider?,Intermediate".to_owned(),
            format!("{VOICE},Yes,No,"),
            format!("{VOICE},Yes,X,"),
            format!("{GATEWAY},Yes,Yes,No"),
            format!("{BLANK},Y,Y,"),
            format!("{VOICE},,,"),
            format!("{VOICE},maybe,,"),
        ];
        let file = desk.write("matrix.csv", list.join("\n"));
        let output = desk.run(&["check", "--file", &file, "--json"]);
        let (listed, bad) = (pair("ACCEPT", "LISTED"), pair("-", "BAD_ROW"));
        let refused = pair("REFUSE", "ROLE_NOT_CERTIFIED");
        let expected = [listed.clone(), refused, listed.clone(), listed.clone(), listed, bad];
        assert_eq!((reasons(&output).as_slice(), status_of(&output)), (&expected[..], 2), "{}", stderr(&output));
        let rows: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(rows[1]["asked_roles"], serde_json::json!(["voice_service", "gateway"]));
        assert!(text(&rows[1]["message"]).contains("does not certify the role of a gateway provider"), "{}", rows[1]);
        let codes: Vec<&Value> = rows[3]["advisories"].as_array().expect("a list").iter().map(|a| &a["code"]).collect();
        assert!(codes.contains(&&"ROLE_BLANK".into()), "that of the second role stays: {}", rows[3]);
        assert!(stderr(&output).contains("\"maybe\" is neither Yes nor No"), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn a_peer_is_bound_in_the_one_role_that_is_marked_and_several_are_refused_with_what_to_do() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let rows = [
            "Trunk,FRN,Voice (Y/N),Gateway Provider?,Intermediate".to_owned(),
            format!("TG-1,{VOICE},No,X,No"),
            format!("TG-2,{VOICE},Yes,,"),
            format!("TG-3,{VOICE},,,"),
        ];
        let file = desk.write("marked.csv", rows.join("\n"));
        let taken = desk.ok(&["peers", "import", &file, "--by", "alice"]);
        for bound in ["TG-1 is 0041000001 as gateway", "TG-2 is 0041000001 as voice_service"] {
            assert!(taken.contains(bound), "{bound}: {taken}");
        }
        assert_eq!(desk.verdict(&["TG-1"]), pair("REFUSE", "ROLE_NOT_CERTIFIED"));
        assert_eq!(desk.verdict(&["TG-3"]), pair("ACCEPT", "LISTED"), "no role is marked, and none is asked");

        let before = desk.everything();
        for (marks, words) in [
            ("Yes,Yes,No", "row 2, field role: voice_service and gateway are marked, and a peer is bound in one role"),
            ("No,No,No", "row 2, field role: it says No in every role"),
            ("maybe,,", "row 2, field voice_service: \"maybe\" is neither Yes nor No"),
        ] {
            let file = desk.write("marked.csv", format!("{}\nTG-4,{VOICE},{marks}\n", rows[0]));
            let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
            assert!(refused.contains(words), "{marks}: {refused}");
        }
        let file = desk.write("both.csv", format!("Trunk,FRN,Role,Gateway\nTG-4,{VOICE},voice,Yes\n"));
        let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
        assert!(refused.contains("it is marked otherwise than the column of roles has it"), "{refused}");
        assert_eq!(desk.everything(), before);
    }
}

#[tokio::test]
async fn json_is_asked_as_a_table_is_and_is_taken_in_as_calls() {
    let desk = Desk::open(Through::Daemon).await;
    let file = desk.write(
        "upstreams.json",
        format!("[{{\"frn\": \"{VOICE}\", \"role\": \"Gateway Provider\"}}, {{\"frn\": 41000001}}, {{\"frn\": null}}]"),
    );
    let output = desk.run(&["check", "--file", &file, "--json"]);
    let expected = [pair("REFUSE", "ROLE_NOT_CERTIFIED"), pair("ACCEPT", "LISTED"), pair("-", "BAD_ROW")];
    assert_eq!((reasons(&output).as_slice(), status_of(&output)), (&expected[..], 2), "{}", stderr(&output));
    desk.ok(&["notices", "add", "letter", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--by", "alice"]);
    let file = desk.write("calls.json", "{\"called_at\": \"2023-01-10 10:00 UTC\", \"caller\": \"+12025550143\"}");
    assert!(desk.ok(&["notices", "import-calls", "letter", &file, "--by", "alice"]).contains("1 traced call is"));
}

#[tokio::test]
async fn what_an_export_holds_is_taken_in_again_records_that_have_ended_among_it() {
    let desk = Desk::open(Through::Store).await;
    let past = "alice,2025-01-01T00:00:00Z,2025-02-01T00:00:00Z";
    for (kind, list) in [
        (
            "peers",
            format!("name,kind,provider,role,by,at,expires_at\nTG-1,trunk,{VOICE},VSP,{past}\nTG-2,tg,{GATEWAY},,,,\n"),
        ),
        (
            "overrides",
            format!("action,provider,why,by,at,expires_at\nallow,{VOICE},\"x, y\",{past}\ndeny,{GATEWAY},z,,,\n"),
        ),
        (
            "orders",
            format!("document,kind,provider,released,by,at,expires_at\nDA 1,Removal Order,{VOICE},2024-12-01,{past}\n"),
        ),
        ("notices", format!("id,provider,issued_at,by,at,expires_at\nLetter 1,{VOICE},2024-12-01T00:00:00Z,{past}\n")),
    ] {
        let file = desk.write("list.csv", &list);
        let output = desk.run(&[kind, "import", &file, "--by", "bob"]);
        assert_eq!(status_of(&output), 0, "{kind}: {}", stderr(&output));
        assert!(
            stderr(&output).contains("1 record ended before today and is taken in as history"),
            "{}",
            stderr(&output)
        );
        let written = desk.ok(&[kind, "export", "--format", "jsonl"]);
        for (name, content) in [
            ("export.csv", desk.ok(&[kind, "export"])),
            ("export.json", written.clone()),
            ("list.json", desk.ok(&[kind, "list", "--json"])),
        ] {
            let other = Desk::open(Through::Store).await;
            let file = other.write(name, content);
            other.ok(&[kind, "import", &file, "--by", "carol"]);
            assert_eq!(other.ok(&[kind, "export", "--format", "jsonl"]), written, "{kind}, {name}");
        }
    }
}

#[tokio::test]
async fn a_sheets_errors_are_taken_for_no_name_of_any_record() {
    let desk = Desk::open(Through::Store).await;
    let before = desk.everything();
    let list = format!("name,provider\n#REF!,{VOICE}\n#N/A,{VOICE}\nTG-1,#N/A\n# TG-2,{VOICE}\n#2,x\n");
    let file = desk.write("peers.csv", list);
    let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
    for words in [
        "5 bad entries",
        "row 2, field name: \"#REF!\" is an error of the spreadsheet",
        "row 3, field name",
        "row 4, field provider",
        "row 5, field name: it begins like a comment",
        "row 6, field provider",
    ] {
        assert!(refused.contains(words), "{words}: {refused}");
    }
    assert_eq!(desk.everything(), before);
}

#[tokio::test]
async fn a_row_that_names_two_providers_is_a_bad_row_and_is_not_taken_in() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-1", VOICE, "--by", "alice"]);
        desk.ok(&["peers", "add", "TG-2", GATEWAY, "--by", "alice"]);
        let list = [
            "FRN,RMD number,Trunk".to_owned(),
            format!("{VOICE},{VOICE_NUMBER},TG-1"),
            format!("{VOICE},{GATEWAY_NUMBER},"),
            format!("{GONE},{GONE_NUMBER},"),
            format!("{VOICE},RMD0999999,"),
            format!("{VOICE},,TG-2"),
            format!("{VOICE},,TG-of-nobody"),
            format!("{NEVER},RMD0999999,"),
            "pending,,TG-of-nobody".to_owned(),
        ];
        let file = desk.write("both.csv", list.join("\n"));
        let output = desk.run(&["check", "--file", &file, "--json"]);
        let bad = pair("-", "BAD_ROW");
        let (listed, removed) = (pair("ACCEPT", "LISTED"), pair("REFUSE", "REMOVED"));
        let never = pair("REFUSE", "NOT_LISTED");
        let expected = [listed.clone(), bad.clone(), removed, bad.clone(), bad.clone(), listed, never, bad];
        assert_eq!((reasons(&output).as_slice(), status_of(&output)), (&expected[..], 2), "{}", stderr(&output));
        let said = stderr(&output);
        assert!(said.contains("row 3, field FRN: the row names two providers"), "{said}");
        assert!(said.contains("row 6, field Trunk: the row names two providers"), "{said}");
        assert!(said.contains("row 5, field FRN: ") && said.contains("RMD0999999 beside it matches none"), "{said}");
        assert!(
            said.contains("row 9, field RMD number: it is empty") && said.contains("is bound to no provider"),
            "{said}"
        );

        let before = desk.everything();
        let list = [
            "Trunk,FRN,RMD number".to_owned(),
            format!("TG-8,{VOICE},{VOICE_NUMBER}"),
            format!("TG-9,{VOICE},{GATEWAY_NUMBER}"),
        ];
        let file = desk.write("bind.csv", list.join("\n"));
        let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
        assert!(refused.contains("row 3, field provider: the row names two providers"), "{refused}");
        assert_eq!(desk.everything(), before);
        let file = desk.write("bind.csv", list[..2].join("\n"));
        assert!(desk.ok(&["peers", "import", &file, "--by", "alice"]).contains("TG-8 is 0041000001"));
    }
}

#[tokio::test]
async fn a_quote_that_is_never_closed_swallows_no_row_of_any_list() {
    let desk = Desk::open(Through::Store).await;
    desk.ok(&["notices", "add", "letter", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--by", "alice"]);
    let before = desk.everything();
    let overrides = format!("action,provider,why\ndeny,{VOICE_NUMBER},\"fraud\ndeny,{GATEWAY_NUMBER},spam\n");
    let peers = format!("name,provider,why\nTG-1,{VOICE},\"north\nTG-2,{GATEWAY},south\"\n");
    let orders = format!(
        "document,kind,provider,released,why\nDA 1,removal,{VOICE},2025-08-25,\"x\nDA 2,removal,{GATEWAY},2025-08-25,y\n"
    );
    let calls =
        "called_at,caller,campaign\n2023-01-10 10:00 UTC,+12025550143,\"x\n2023-01-11 10:00 UTC,+12025550144,y\n";
    let check = format!("frn,site\n{VOICE},\"north\n{GATEWAY},south\n");
    let lists: [(&[&str], &str); 6] = [
        (&["overrides", "import"], &overrides),
        (&["peers", "import"], &peers),
        (&["orders", "import"], &orders),
        (&["notices", "import-calls", "letter"], calls),
        (&["check", "--file"], &check),
        (&["impact", "--orders"], &orders),
    ];
    for (command, list) in lists {
        let file = desk.write("list.csv", list);
        let refused = desk.refused(&[command, &[file.as_str()]].concat());
        assert!(refused.contains("list.csv") && refused.contains("row 2, line 2, cell "), "{command:?}: {refused}");
    }
    assert_eq!(desk.everything(), before);
}

#[tokio::test]
async fn a_number_that_matches_no_filing_is_said_at_once() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let said = |arguments: &[&str]| {
            let output = desk.run(arguments);
            assert_eq!(status_of(&output), 0, "{}", stderr(&output));
            stderr(&output)
        };
        let file = desk.write("peers.csv", format!("name,provider\nTG-1,{VOICE}\nTG-2,{GONE}\nTG-3,{NEVER}\n"));
        let warned = said(&["peers", "import", &file, "--by", "alice"]);
        assert!(warned.contains("row 4: FRN 0041000009 matches no filing, standing or removed"), "{warned}");
        assert_eq!(warned.matches("matches no filing").count(), 1, "{warned}");
        for arguments in [
            &["peers", "add", "TG-4", NEVER][..],
            &["overrides", "add", "deny", NEVER, "--why", "x"],
            &["orders", "add", "removal", "DA 1", NEVER, "--released", "2025-08-25"],
            &["notices", "add", "letter", "RMD0999999", "--issued-at", "2023-01-24T20:15:00Z"],
        ] {
            let warned = said(&[arguments, &["--by", "alice"]].concat());
            assert!(warned.contains("matches no filing"), "{arguments:?}: {warned}");
        }
        assert!(!said(&["peers", "add", "TG-5", GONE, "--by", "alice"]).contains("matches no filing"));
        let orders =
            desk.write("orders.csv", format!("document,kind,provider,released\nDA 1,removal,{NEVER},2025-08-25\n"));
        let supposed = stderr(&desk.run(&["impact", "--orders", &orders]));
        assert!(supposed.contains("row 2: FRN 0041000009 matches no filing"), "{supposed}");

        let file = desk.write("short.csv", "name,provider\nTG-9,99\n");
        let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
        assert!(refused.contains("row 2, field provider") && refused.contains("write its zeros"), "{refused}");
    }
}

#[tokio::test]
async fn records_are_taken_in_from_a_workbook_and_from_json_and_refused_whole_with_their_place() {
    let desk = Desk::open(Through::Daemon).await;
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet();
    for (row, cells) in
        [["Our trunks", "", "", ""], ["Trunk Group", "FRN", "Provider Type", "Carrier Name"]].iter().enumerate()
    {
        for (column, cell) in cells.iter().enumerate() {
            sheet.write(row as u32, column as u16, *cell).expect("written");
        }
    }
    sheet
        .write(2, 0, "TG-1")
        .expect("written")
        .write(2, 1, 41_000_001)
        .expect("written")
        .write(2, 2, "VSP")
        .expect("written");
    let file = desk.write("trunks.xlsx", workbook.save_to_buffer().expect("a workbook"));
    let taken = desk.ok(&["peers", "import", &file, "--by", "alice"]);
    assert!(taken.contains("trunk_group TG-1 is 0041000001 as voice_service"), "{taken}");

    let before = desk.everything();
    for (json, words) in [
        (
            format!("[{{\"name\": \"a\", \"provider\": \"{VOICE}\", \"name\": \"b\"}}]"),
            "entry 1, field name: it stands twice",
        ),
        (
            format!("{{\"name\": \"a\", \"provider\": \"{VOICE}\"}}\n{{\"name\": \"b\", \"provider\": true}}"),
            "entry 2, field provider",
        ),
        (format!("[{{\"name\": \"a\", \"provider\": \"{VOICE}\", \"rolle\": \"gateway\"}}]"), "entry 1, field rolle"),
        ("[[]]".to_owned(), "entry 1, field record"),
        (format!("{{\"name\": \"a\", \"provider\": \"{VOICE}\"}}\n{{\"name\""), "entry 2: it cannot be read as JSON"),
        ("[]".to_owned(), "it is empty"),
    ] {
        let file = desk.write("peers.json", &json);
        let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
        assert!(refused.contains(words), "{json}: {refused}");
    }
    let bad: String = (0..30).map(|row| format!("TG-{row},x\n")).collect();
    let file = desk.write("bad.csv", format!("name,provider\n{bad}"));
    let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
    assert!(
        refused.contains("30 bad entries") && refused.contains("row 21,") && refused.contains("and 10 more"),
        "{refused}"
    );
    assert_eq!(desk.everything(), before);
    let file = desk.write("peers.json", "\u{feff}[{\"name\": \"x\", \"provider\": 41000001.0}]");
    assert!(desk.ok(&["peers", "import", &file, "--by", "alice"]).contains("x is 0041000001"));
}

#[tokio::test]
async fn a_name_that_is_a_formula_is_a_text_in_the_answer_and_the_lists_own_cells_come_out_as_they_were() {
    let mut desk = Desk::open(Through::Store).await;
    let mut row = desk.world.rows().find(|row| row.get("number") == VOICE_NUMBER).cloned().expect("it is listed");
    row.set("business_name", "'=HYPERLINK(\"http://x\",\"y\")");
    desk.world.insert(row);
    desk.site.publish(&desk.world.to_csv());
    desk.ok(&["sync"]);
    let file = desk.write("list.csv", format!("note,frn\n=1+1,\"=\"\"{VOICE}\"\"\"\n"));
    let output = desk.run(&["check", "--file", &file]);
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    let rows = stdout(&output);
    let line = rows.lines().nth(1).expect("a row");
    assert!(
        line.starts_with(&format!("=1+1,\"=\"\"{VOICE}\"\"\",ACCEPT,LISTED,{VOICE_NUMBER},\"'=HYPERLINK(")),
        "{line}"
    );
}

#[tokio::test]
async fn a_number_of_somebody_else_answers_for_no_upstream_and_binds_no_peer() {
    let desk = Desk::open(Through::Daemon).await;
    desk.ok(&["peers", "add", "TG-1", VOICE, "--by", "alice"]);
    let list = [
        "Trunk,FRN,Parent FRN".to_owned(),
        format!(",N/A,{VOICE}"),
        format!("TG-of-nobody,,{VOICE}"),
        format!("TG-1,,{VOICE}"),
        format!("TG-1,,{GATEWAY}"),
        format!("TG-1,{VOICE},"),
    ];
    let file = desk.write("parents.csv", list.join("\n"));
    let output = desk.run(&["check", "--file", &file, "--json"]);
    let (listed, bad) = (pair("ACCEPT", "LISTED"), pair("-", "BAD_ROW"));
    let expected = [bad.clone(), bad.clone(), listed.clone(), bad, listed];
    assert_eq!((reasons(&output).as_slice(), status_of(&output)), (&expected[..], 2), "{}", stderr(&output));
    assert!(stderr(&output).contains("row 2, field FRN: it says \"N/A\": give an FRN"), "{}", stderr(&output));

    let before = desk.everything();
    let file = desk.write("bind.csv", format!("Trunk,FRN,Customer FRN\nTG-8,,{VOICE}\nTG-9,{VOICE},\n"));
    let refused = desk.refused(&["peers", "import", &file, "--by", "alice"]);
    assert!(refused.contains("row 2, field provider: it is empty: give the provider's own"), "{refused}");
    assert_eq!(desk.everything(), before);
}

#[tokio::test]
async fn a_role_that_a_column_only_hints_at_is_said_in_the_summary_too() {
    let desk = Desk::open(Through::Store).await;
    for (cell, expected) in [
        ("Gateway", pair("REFUSE", "ROLE_NOT_CERTIFIED")),
        ("Gateway/Intermediate", pair("-", "BAD_ROW")),
        ("Gateway & VSP", pair("-", "BAD_ROW")),
        ("International gateway", pair("ACCEPT", "LISTED")),
        ("GW/INT", pair("ACCEPT", "LISTED")),
    ] {
        let file = desk.write("type.csv", format!("FRN,Name,Type\n{VOICE},A,{cell}\n"));
        let output = desk.run(&["check", "--file", &file, "--json"]);
        assert_eq!(reasons(&output), std::slice::from_ref(&expected), "{cell}");
        let (status, said) = (status_of(&output), stderr(&output));
        assert_eq!(status, if expected.0 == "REFUSE" { 1 } else { 2 }, "{cell}: {said}");
        if expected.0 == "ACCEPT" {
            assert!(said.contains("1 upstream: the roles in column Type not asked"), "{cell}: {said}");
            let named = desk.run(&["check", "--file", &file, "--role", "voice_service"]);
            assert_eq!(status_of(&named), 0, "{cell}: {}", stderr(&named));
        }
    }
}

#[tokio::test]
async fn of_two_tables_in_one_file_neither_is_asked_or_taken_in() {
    let desk = Desk::open(Through::Store).await;
    let file = desk.write("two.csv", format!("FRN,Name\n{NEVER},A\nName,FRN,Role\nC,{GATEWAY},gateway\n"));
    let said = desk.refused(&["check", "--file", &file]);
    assert!(said.contains("nothing was asked: row 3 is another header, besides row 1"), "{said}");
    let file = desk.write("two.csv", format!("Trunk,FRN\nnorth,{VOICE}\n\nFRN,Trunk,Role\n{GATEWAY},TG-1,gateway\n"));
    let said = desk.refused(&["peers", "import", &file]);
    assert!(said.contains("nothing was changed: row 4 is another header, besides row 1"), "{said}");
}

#[tokio::test]
async fn a_peer_that_stands_twice_in_a_list_is_one_whatever_the_case_of_its_letters() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let twice = |second: &str| format!("Trunk Group,FRN\nTG-North,{VOICE}\ntg-north,{second}\n");
        let output = desk.run(&["peers", "import", &desk.write("twice.csv", twice(VOICE))]);
        assert_eq!(status_of(&output), 0, "{}", stderr(&output));
        let listed = stdout(&desk.run(&["peers", "list"]));
        assert!(listed.contains("TG-North") && !listed.contains("tg-north"), "{listed}");
        let output = desk.run(&["peers", "import", &desk.write("others.csv", twice(GATEWAY))]);
        assert!(status_of(&output) == 2 && stderr(&output).contains("says something else"), "{}", stderr(&output));
    }
}
