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

        for (unknown, words) in [("TG-Nobody", "rmdd peers add"), ("ocn:7321", "OCN 7321 is bound to no provider")] {
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
