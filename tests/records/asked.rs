//! Questions by what a switch calls its upstreams.

use super::*;

#[tokio::test]
async fn a_peer_is_asked_for_by_name_and_by_ocn_in_its_default_role_or_another() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-Acme-1", VOICE, "--role", "gateway", "--by", "alice"]);
        desk.ok(&["peers", "add", "591E", GATEWAY, "--kind", "ocn", "--role", "gateway", "--by", "alice"]);
        desk.ok(&["peers", "add", "2001:db8::1", VOICE_NUMBER, "--kind", "ip", "--by", "alice"]);
        desk.ok(&["peers", "add", "10012", GATEWAY, "--by", "alice"]);

        let default = desk.check(&["TG-ACME-1"]);
        assert_eq!((&default["verdict"], &default["reason"]), (&"REFUSE".into(), &"ROLE_NOT_CERTIFIED".into()));
        assert_eq!((&default["matched_by"], &default["peer"]), (&"PEER".into(), &"TG-Acme-1".into()), "{default}");
        assert_eq!(desk.verdict(&["tg-acme-1", "--role", "voice_service"]), pair("ACCEPT", "LISTED"));

        for writing in ["591e", "ocn:591E"] {
            let by_ocn = desk.check(&[writing]);
            assert_eq!((&by_ocn["verdict"], &by_ocn["matched_by"]), (&"ACCEPT".into(), &"OCN".into()), "{by_ocn}");
        }
        assert_eq!(desk.verdict(&["591e", "--role", "non_gateway_intermediate"]), pair("REFUSE", "ROLE_NOT_CERTIFIED"));
        assert_eq!(desk.check(&["2001:DB8:0:0::1"])["filing"]["number"], VOICE_NUMBER);
        assert_eq!(desk.check(&["10012"])["matched_by"], "PEER", "a trunk group that is called by a number");
        assert_eq!(desk.check(&["frn:10012"])["reason"], "NOT_LISTED");

        for (unknown, words) in [
            ("TG-Nobody", "rmdd peers add"),
            ("ocn:7321", "OCN 7321 is bound to no provider"),
            ("TG-Amce-1", "Peers of a name like it: TG-Acme-1 (FRN 0041000001)"),
            ("RMD1410", "is RMD0001410 meant?"),
            ("00410000o1", "is 0041000001 meant?"),
        ] {
            let refused = desk.refused(&["check", unknown]);
            assert!(refused.contains(words), "{refused}");
        }
        let list = desk.write("trunks.csv", "site,trunk group\nnorth,TG-Acme-1\nsouth,10012\nwest,TG-Nobody\n");
        let output = desk.run(&["check", "--file", &list]);
        assert_eq!(status_of(&output), 1);
        let rows = stdout(&output);
        assert!(rows.contains("north,TG-Acme-1,REFUSE,ROLE_NOT_CERTIFIED"), "{rows}");
        assert!(rows.contains("south,10012,ACCEPT,LISTED") && rows.contains("west,TG-Nobody,,PEER_UNKNOWN"), "{rows}");
    }
}

#[tokio::test]
async fn each_kind_of_record_decides_and_is_named_in_the_answer() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["overrides", "add", "allow", GONE, "--why", "a test trunk", "--by", "alice"]);
        let allowed = desk.check(&[GONE]);
        assert_eq!((&allowed["verdict"], &allowed["reason"]), (&"ACCEPT".into(), &"OVERRIDE".into()));
        assert_eq!(allowed["record"], format!("override {GONE}"));
        assert!(text(&allowed["message"]).contains("alice") && text(&allowed["message"]).contains("a test trunk"));

        desk.ok(&["orders", "add", "removal", "DA 26-237", VOICE, "--released", "2026-03-12", "--by", "alice"]);
        let refused = desk.check(&[VOICE]);
        assert_eq!((&refused["verdict"], &refused["reason"]), (&"REFUSE".into(), &"REMOVAL_ORDER".into()));
        assert!(text(&refused["message"]).contains("DA 26-237"));
        assert_eq!(desk.verdict(&[VOICE, "--emergency"]), pair("ACCEPT", "EMERGENCY_CALL"));

        desk.ok(&["orders", "add", "fdo", "DA 26-1", TWICE, "--released", "2026-03-12", "--by", "alice"]);
        assert_eq!(desk.verdict(&[TWICE]), pair("REFUSE", "FINAL_DETERMINATION"));

        desk.ok(&["orders", "add", "watch", "DA 24-1235", GATEWAY, "--released", "2024-12-10", "--by", "alice"]);
        let watched = desk.check(&[GATEWAY]);
        assert_eq!(watched["verdict"], "ACCEPT");
        let codes: Vec<_> = watched["advisories"].as_array().expect("advisories").iter().map(|a| &a["code"]).collect();
        assert!(codes.contains(&&"WATCH_LISTED".into()), "{watched}");
    }
}

#[tokio::test]
async fn the_report_names_bindings_that_match_nothing_or_several() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        for (name, provider) in [("one", VOICE), ("two", TWICE), ("gone", GONE), ("never", NEVER)] {
            desk.ok(&["peers", "add", name, provider, "--by", "alice"]);
        }
        let output = desk.run(&["peers", "report", "--json"]);
        assert_eq!(status_of(&output), 1, "{}", stderr(&output));
        let problems: Vec<(String, String)> = desk
            .lines(&["peers", "report", "--json"])
            .iter()
            .map(|peer| (text(&peer["name"]), text(&peer["problem"])))
            .collect();
        let expected = [
            ("gone", "its filing is removed: RMD0900006"),
            ("never", "matches no filing"),
            ("two", "matches several filings: RMD0900003, RMD0900004"),
        ];
        assert_eq!(problems, expected.map(|(name, problem)| pair(name, problem)));
        assert!(stdout(&desk.run(&["peers", "report"])).contains("3 of 4 peers"));
        desk.ok(&["peers", "remove", "two", "gone", "never", "--by", "alice"]);
        assert_eq!(status_of(&desk.run(&["peers", "report"])), 0);
    }
}

#[tokio::test]
async fn a_peer_that_is_called_like_a_number_is_asked_for_by_a_prefix_and_never_guessed() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        for name in ["1234567890", "RMD0900002", "20237343", "7321", "RMD1410"] {
            let added = desk.ok(&["peers", "add", name, VOICE, "--by", "alice"]);
            assert!(added.starts_with("added"), "{added}");
        }
        desk.ok(&["peers", "add", "7321", GATEWAY, "--kind", "ocn", "--by", "alice"]);
        for (name, by_number, reason) in [
            ("1234567890", "frn:1234567890", "NOT_LISTED"),
            ("RMD0900002", "rmd:RMD0900002", "LISTED"),
            ("20237343", "frn:0020237343", "NOT_LISTED"),
            ("7321", "ocn:7321", "LISTED"),
        ] {
            let said = desk.refused(&["check", name]);
            let by_name = format!("peer:{}", name.to_lowercase());
            assert!(said.contains(by_number) && said.contains(&by_name), "{through:?}: {said}");
            assert_eq!(desk.refused(&["show", name]), said, "every command says the same");
            let answer = desk.check(&[&by_name]);
            assert_eq!((&answer["matched_by"], &answer["filing"]["number"]), (&"PEER".into(), &VOICE_NUMBER.into()));
            assert_eq!(desk.check(&[by_number])["reason"], reason, "{by_number}");
            assert_eq!(desk.verdict(&[name, "--emergency"]), pair("ACCEPT", "EMERGENCY_CALL"), "whoever it is");
        }
        assert_eq!(desk.check(&["RMD1410"])["matched_by"], "PEER", "no number, and a name on record");
        let list = desk.write("trunks.csv", "peer\n1234567890\npeer:1234567890\npeer:RMD0900002\n");
        let rows = stdout(&desk.run(&["check", "--file", &list]));
        assert_eq!(rows.matches(",ACCEPT,LISTED,").count(), 3, "a column of peers holds nothing else: {rows}");
        desk.ok(&["peers", "remove", "peer:1234567890", "--by", "alice"]);
        assert_eq!(desk.check(&["1234567890"])["reason"], "NOT_LISTED");
    }
}

#[tokio::test]
async fn an_address_is_asked_for_by_the_narrowest_network_that_is_bound() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let bind = |name: &str, who: &str| desk.ok(&["peers", "add", name, who, "--kind", "ip", "--by", "alice"]);
        bind("192.0.2.0/24", VOICE);
        bind("192.0.2.64/26", GATEWAY);
        bind("192.0.2.65/32", BLANK);
        bind("2001:DB8:0::/32", VOICE);
        for (address, provider, peer) in [
            ("192.0.2.7", VOICE, "192.0.2.0/24"),
            ("::ffff:192.0.2.66", GATEWAY, "192.0.2.64/26"),
            ("192.0.2.65", BLANK, "192.0.2.65/32"),
            ("2001:db8:7::1", VOICE, "2001:DB8:0::/32"),
            ("peer:[2001:db8:7::1]", VOICE, "2001:DB8:0::/32"),
        ] {
            let answer = desk.check(&[address]);
            assert_eq!((&answer["filing"]["frn"], &answer["peer"]), (&provider.into(), &peer.into()), "{answer}");
        }
        assert!(desk.refused(&["check", "192.0.3.7"]).contains("peer 192.0.3.7 is bound to no provider"));
        let again = desk.refused(&["peers", "add", "2001:db8::/32", GATEWAY, "--kind", "ip", "--by", "alice"]);
        assert!(again.contains("NAME: it is bound to FRN 0041000001 already"), "{again}");
        let list = desk.write("networks.csv", format!("IP,FRN\n198.51.100.0/24,{VOICE}\n198.51.100.7/25,{VOICE}\n"));
        assert!(desk.refused(&["peers", "import", &list]).contains("the network is 198.51.100.0/25"));
        desk.ok(&["peers", "remove", "192.0.2.65", "2001:db8::/32", "--by", "alice"]);
        assert_eq!(desk.check(&["192.0.2.65"])["filing"]["frn"], GATEWAY, "the network around it");
    }
}

#[tokio::test]
async fn overrides_orders_and_notices_take_what_a_peer_is_called() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-Acme-1", GONE, "--by", "alice"]);
        desk.ok(&["peers", "add", "591E", VOICE, "--kind", "ocn", "--by", "alice"]);
        desk.ok(&["peers", "add", "192.0.2.0/24", GATEWAY, "--kind", "ip", "--by", "alice"]);
        desk.ok(&["peers", "add", "0041000002", VOICE, "--by", "alice"]);
        let before = desk.everything();
        for (arguments, words) in [
            (
                &["overrides", "add", "allow", "TG-Acme-2", "--why", "x"][..],
                "Peers of a name like it: TG-Acme-1 (FRN 0041000005)",
            ),
            (&["overrides", "add", "allow", VOICE, "nobody", "--why", "x"], "peer nobody is bound to no provider"),
            (&["overrides", "add", "allow", GATEWAY, "--why", "x"], "frn:0041000002 or peer:0041000002"),
            (&["orders", "notified", "DA 26-1", "nobody", "--note", "x"], "peer nobody is bound to no provider"),
        ] {
            let said = desk.refused(&[arguments, &["--by", "mallory"]].concat());
            assert!(said.contains(words), "{through:?}: {arguments:?}: {said}");
        }
        assert_eq!(desk.everything(), before, "{through:?}");

        let added = desk.ok(&["overrides", "add", "allow", "tg-acme-1", "--why", "a test", "--by", "alice"]);
        assert!(added.contains("TG-Acme-1 is FRN 0041000005, Example 0041000005 LLC"), "{added}");
        assert_eq!(desk.verdict(&[GONE]), pair("ACCEPT", "OVERRIDE"));
        desk.ok(&["overrides", "remove", "TG-Acme-1", "--by", "alice"]);
        assert_eq!(desk.verdict(&[GONE]), pair("REFUSE", "REMOVED"));
        let order = desk.ok(&["orders", "add", "fdo", "DA 26-1", "591e", "--released", "2026-03-12", "--by", "alice"]);
        assert!(order.contains("591E is FRN 0041000001"), "{order}");
        desk.ok(&["orders", "notified", "DA 26-1", "ocn:591E", "--note", "ECFS 1", "--by", "alice"]);
        let notice = ["notices", "add", "n", "192.0.2.7", "--issued-at", "2023-01-24", "--by", "alice"];
        assert!(desk.ok(&notice).contains("192.0.2.0/24 is FRN 0041000002"), "by the network around it");
        let peer = desk.ok(&["peers", "add", "TG-Acme-2", "TG-Acme-1", "--by", "alice"]);
        assert!(peer.contains("trunk_group TG-Acme-2 is 0041000005"), "{peer}");
    }
}

#[tokio::test]
async fn a_row_that_names_a_peer_is_asked_in_that_peers_role_whatever_else_names_the_provider() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-Acme-1", VOICE, "--role", "gateway", "--by", "alice"]);
        desk.ok(&["peers", "add", "TG-Acme-2", VOICE, "--by", "alice"]);
        desk.ok(&["peers", "add", "591E", VOICE, "--kind", "ocn", "--role", "gateway", "--by", "alice"]);
        desk.ok(&["peers", "add", "192.0.2.0/24", VOICE, "--kind", "ip", "--by", "alice"]);
        let (refused, listed) = ("REFUSE,ROLE_NOT_CERTIFIED", "ACCEPT,LISTED");
        for (list, verdict) in [
            ("Trunk Group\nTG-Acme-1\n".to_owned(), refused),
            (format!("Trunk Group,FRN\nTG-Acme-1,{VOICE}\n"), refused),
            (format!("FRN,Trunk Group\n{VOICE},TG-Acme-1\n"), refused),
            (format!("RMD No.,Trunk Group,FRN\n{VOICE_NUMBER},TG-Acme-1,{VOICE}\n"), refused),
            (format!("FRN,OCN\n{VOICE},591E\n"), refused),
            ("IP,Trunk Group\n192.0.2.9,TG-Acme-1\n".to_owned(), refused),
            ("Trunk Group,IP\nTG-Acme-1,192.0.2.9\n".to_owned(), refused),
            ("IP,Trunk Group\n198.51.100.7,TG-Acme-1\n".to_owned(), refused),
            (format!("Trunk Group,FRN,Role\nTG-Acme-1,{VOICE},VSP\n"), listed),
            (format!("Trunk Group,FRN,Voice\nTG-Acme-1,{VOICE},Yes\n"), listed),
            (format!("Trunk Group,FRN,Role\nTG-Acme-1,{VOICE},\n"), refused),
            (format!("Trunk Group,FRN\nTG-Acme-2,{VOICE}\n"), listed),
            (format!("Trunk Group,FRN\nTG-of-nobody,{VOICE}\n"), listed),
            (format!("Trunk Group,FRN\nTG-of-nobody,{NEVER}\n"), "REFUSE,NOT_LISTED"),
        ] {
            let file = desk.write("list.csv", &list);
            let output = desk.run(&["check", "--file", &file]);
            assert!(stdout(&output).contains(verdict), "{through:?}: {list}: {}{}", stdout(&output), stderr(&output));
            let expected = i32::from(verdict.starts_with("REFUSE"));
            assert_eq!(status_of(&output), expected, "{through:?}: {list}: {}", stderr(&output));
        }
        desk.ok(&["peers", "add", "198.51.100.0/24", GATEWAY, "--kind", "ip", "--by", "alice"]);
        let file = desk.write("list.csv", "OCN,IP,Trunk Group\n7321,198.51.100.7,TG-Acme-2\n");
        let output = desk.run(&["check", "--file", &file]);
        assert!(stdout(&output).contains(",BAD_ROW,"), "two providers behind an OCN of nobody: {}", stdout(&output));
        let file = desk.write("list.csv", format!("Trunk Group,FRN\nTG-Acme-1,{VOICE}\n"));
        let named = desk.run(&["check", "--file", &file, "--role", "voice_service"]);
        assert_eq!(status_of(&named), 0, "the command says the role: {}", stdout(&named));
    }
}

#[tokio::test]
async fn a_peer_that_is_bound_by_the_name_of_another_has_its_role_unless_the_command_says_otherwise() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["peers", "add", "TG-Acme-1", VOICE, "--role", "gateway", "--by", "alice"]);
        desk.ok(&["peers", "add", "591E", "TG-Acme-1", "--kind", "ocn", "--by", "alice"]);
        let bind = |name: &str, more: &[&str]| {
            desk.ok(&[&["peers", "add", name, "TG-Acme-1", "--kind", "ip", "--by", "alice"], more].concat())
        };
        let added = bind("192.0.2.0/24", &[]);
        assert!(added.contains("ip 192.0.2.0/24 is 0041000001 as gateway"), "{added}");
        assert!(added.contains("Its role, gateway, is that of TG-Acme-1: --role says another"), "{added}");
        assert!(bind("198.51.100.0/24", &["--role", "any"]).contains("198.51.100.0/24 is 0041000001\n"));
        assert!(bind("203.0.113.0/24", &["--role", "VSP"]).contains("203.0.113.0/24 is 0041000001 as voice_service\n"));
        let again = bind("198.51.100.0/24", &["--replace"]);
        assert!(again.contains("role: (nothing) -> gateway"), "{again}");
        let (refused, listed) = (pair("REFUSE", "ROLE_NOT_CERTIFIED"), pair("ACCEPT", "LISTED"));
        for (who, expected) in [
            ("TG-Acme-1", &refused),
            ("ocn:591E", &refused),
            ("192.0.2.9", &refused),
            ("198.51.100.9", &refused),
            ("203.0.113.9", &listed),
        ] {
            assert_eq!(&desk.verdict(&[who]), expected, "{through:?}: {who}");
        }
        let roles: Vec<Value> =
            desk.lines(&["peers", "list", "--json"]).iter().map(|peer| peer["role"].clone()).collect();
        let (gateway, voice) = (Value::from("gateway"), Value::from("voice_service"));
        assert_eq!(roles, [gateway.clone(), gateway.clone(), voice, gateway.clone(), gateway], "{through:?}");
        // A list names providers by their numbers: what it says of roles is all there is to them.
        let list = desk.write("list.csv", "name,provider\nTG-Acme-9,TG-Acme-1\n");
        let said = desk.refused(&["peers", "import", &list, "--by", "alice"]);
        assert!(said.contains("row 2, field provider: \"TG-Acme-1\" names no provider: give an FRN"), "{said}");
        let list = desk.write("list.json", "[{\"name\": \"TG-Acme-9\", \"provider\": \"TG-Acme-1\"}]");
        assert!(desk.refused(&["peers", "import", &list]).contains("entry 1, field provider: "));
    }
}
