//! What makes no sense is refused whole, with the row and the field, and changes nothing.

use super::*;

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_its_field_and_changes_nothing() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-1", VOICE, "--by", "alice"]);
        desk.ok(&["notices", "add", "letter", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--by", "alice"]);
        let before = desk.everything();

        let twice = desk.write("twice.csv", format!("name,provider\nTG-9,{VOICE}\ntg-9,{GATEWAY}\n"));
        let early = desk.write(
            "early.csv",
            format!("id,provider,issued_at,mitigated_at\nn,{VOICE},2023-01-24T20:15:00Z,2023-01-24T20:14:00Z\n"),
        );
        let calls = desk.write("calls.csv", "called_at,caller\n2023-01-10 10:00 UTC,+12025550143\n,+12025550144\n");
        let cases: [(&[&str], &str); 29] = [
            (&["overrides", "add", "allow", GONE], "--why: it is empty"),
            (&["overrides", "add", "allow", GONE, "--why", "  "], "--why: it is empty"),
            (&["overrides", "add", "allow", GONE, "--why", "x", "--expires", "2020-01-01"], "--expires: "),
            (
                &["overrides", "add", "allow", GONE, "--why", "x", "--expires", "soon"],
                "'--expires <TIME>': \"soon\" is no time",
            ),
            (&["overrides", "add", "maybe", GONE, "--why", "x"], "ACTION: "),
            (
                &["overrides", "add", "deny", VOICE, "Acme Telecom", "--why", "x"],
                "WHO: peer Acme Telecom is bound to no",
            ),
            (&["orders", "add", "removal", "DA 26-237", VOICE], "--released: it is empty"),
            (&["orders", "add", "removal", "DA 26-237", VOICE, "--released", "2026-02-30"], "--released: it is no day"),
            (&["orders", "add", "decree", "DA 26-237", VOICE, "--released", "2026-03-12"], "KIND: "),
            (&["peers", "add", "tg-1", GATEWAY], "NAME: it is bound to FRN 0041000001 already"),
            (&["peers", "add", "10.0.0.7/8", GATEWAY, "--kind", "ip"], "NAME: \"10.0.0.7/8\" is no network"),
            (&["peers", "import", &twice], "row 3, field name"),
            (&["notices", "respond", "letter", "--mitigated", "--at", "2023-01-23", "--note", "x"], "--at: "),
            (&["notices", "import", &early], "row 2, field mitigated_at"),
            (&["notices", "import-calls", "letter", &calls], "row 3, field called_at"),
            (&["notices", "respond", "no-such", "--informed", "--note", "x"], "no notice \"no-such\" is on record"),
            (&["peers", "remove", "tg-1", "tg-2"], "\"tg-2\" is on record"),
            (
                &["notices", "add", "n", VOICE, "--issued-at", "tomorrow"],
                "'--issued-at <TIME>': \"tomorrow\" is no time",
            ),
            (&["notices", "add", "n", VOICE], "--issued-at: it is empty"),
            (&["peers", "add", "TG-2", VOICE, "--role", "boss"], "--role: "),
            (&["peers", "add", "TG-2", VOICE, "--kind", "colour"], "--kind: "),
            (&["peers", "add", "peer:x", VOICE], "NAME: \"peer:x\" could not be asked for"),
            (&["peers", "add", "TG-2", "RMD1410"], "is RMD0001410 meant?"),
            (&["overrides", "add", "deny", "00410000OI", "--why", "x"], "is 0041000001 meant?"),
            (&["peers", "add", "0.0.0.0/0", GATEWAY, "--kind", "ip"], "names nobody"),
            (&["peers", "add", "64.0.0.0/7", GATEWAY, "--kind", "ip"], "more of the Internet than any upstream has"),
            (&["notices", "report", "letter", "--basis", "fine\u{202e}dab"], "basis: it holds a sign that is not seen"),
            (&["overrides", "add", "deny", VOICE, "--why", "a\u{1b}[2Jb"], "--why: it holds a sign that is not seen"),
            (&["peers", "add", "192.0.2.7:5060", GATEWAY, "--kind", "ip"], "the address alone, 192.0.2.7"),
        ];
        for (arguments, words) in cases {
            let said = desk.refused(&[arguments, &["--by", "mallory"]].concat());
            assert!(said.contains(words), "{through:?}: {arguments:?}: {said}");
        }
        assert_eq!(desk.everything(), before, "{through:?}");
    }
}

#[tokio::test]
async fn a_list_with_a_bad_row_7000_is_refused_whole() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "trunk-7000", GATEWAY, "--by", "alice"]);
        let before = desk.everything();
        let list = |bad: &str| {
            let mut rows = "Trunk Group,FRN,Role,Expires\n".to_owned();
            rows.extend((2..7_000).map(|row| format!("trunk-{row},{VOICE},gateway,\n")));
            rows + bad + "\n" + &format!("trunk-7001,{VOICE},,\n")
        };
        for (bad, words) in [
            ("trunk-x,00410000o1,gateway,", "row 7000, field provider"),
            (&format!("trunk-x,{VOICE},boss,"), "row 7000, field role"),
            (&format!("trunk-x,{VOICE},,2020-01-01"), "row 7000, field expires_at"),
            (&format!(",{VOICE},,"), "row 7000, field name"),
            (&format!("TRUNK-2,{GATEWAY},,"), "row 7000, field name"),
            (&format!("trunk-x,{VOICE},,,x"), "row 7000, field Expires"),
            (&format!("trunk-x,{VOICE}"), "row 7000, field Role"),
            (&format!("\"trunk-x,{VOICE},,"), "row 7000, line 7000, cell 1: the quote"),
            // What clashes with what is on record is known to the store alone.
            (&format!("trunk-7000,{VOICE},,"), "row 7000, field name"),
        ] {
            let file = desk.write("trunks.csv", list(bad));
            let said = desk.refused(&["peers", "import", &file, "--by", "mallory"]);
            assert!(said.contains(words) && said.contains("trunks.csv"), "{through:?}: {bad}: {said}");
            assert!(said.contains("nothing was changed"), "{said}");
        }
        assert_eq!(desk.everything(), before, "{through:?}");
        let file = desk.write("trunks.csv", list(&format!("trunk-7000,{GATEWAY},,")));
        let taken = desk.ok(&["peers", "import", &file, "--by", "alice"]);
        assert_eq!(taken, "6999 added, 0 changed, 1 on record already\n", "a good one is taken whole");
    }
}

#[tokio::test]
async fn rubbish_for_a_list_is_refused_and_says_why() {
    let desk = Desk::open(Through::Store).await;
    let before = desk.everything();
    for (name, content, words) in [
        ("empty.csv", &b""[..], "no row"),
        ("header.csv", b"name,provider\n", "no row"),
        ("columns.csv", b"name,provider,colour\na,20237343,blue\n", "\"colour\""),
        ("binary.csv", b"name,provider\n\xff\xfe\x00,20237343\n", "nothing was changed"),
        ("page.csv", b"<!DOCTYPE html>\n<html></html>\n", "web page"),
        ("names.csv", b"colour,shade\na,b\n", "none of its first rows is a header of peers"),
        ("broken.json", b"[{\"name\": \"a\", ", "nothing was changed"),
        ("array.json", b"[[1, 2]]", "entry 1"),
        ("field.json", b"[{\"name\": \"a\", \"provider\": \"20237343\", \"expire_at\": \"2030-01-01\"}]", "expire_at"),
        ("type.json", b"[{\"name\": [\"a\"], \"provider\": \"20237343\"}]", "field name"),
    ] {
        let file = desk.write(name, content);
        let said = desk.refused(&["peers", "import", &file, "--by", "mallory"]);
        assert!(said.contains(words) && said.contains(name), "{said}");
        assert!(said.lines().count() <= 2, "one error, on one line: {said}");
    }
    let missing = desk.refused(&["peers", "import", "/nowhere/list.csv"]);
    assert!(missing.contains("cannot be read"), "{missing}");
    assert_eq!(desk.everything(), before);
}
