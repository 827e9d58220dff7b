//! How peers stand: `status`, `peers list`, `deadlines`, `removals --peers`, `decisions`, and the operator's own filing.

use icalendar::parser::{read_calendar, unfold};

use super::*;

/// A desk with peers of every state: `voice` and `ocn` accepted, `noticed` in need of attention, `wrong-role` and `gone`
/// refused, `typo` unmatched.
async fn desk(through: Through, more: &str) -> Desk {
    let desk = Desk::open_with(through, more).await;
    for (name, provider, cells) in [
        ("voice", VOICE, &[][..]),
        ("wrong-role", VOICE, &["--role", "gateway"][..]),
        ("noticed", GATEWAY, &[][..]),
        ("gone", GONE, &[][..]),
        ("typo", NEVER, &[][..]),
        ("591E", TWICE, &["--kind", "ocn"][..]),
    ] {
        desk.ok(&[&["peers", "add", name, provider, "--by", "alice"], cells].concat());
    }
    let issued = (rmdd::observe::clock::now() - jiff::SignedDuration::from_hours(40)).to_string();
    desk.ok(&["notices", "add", "n-1", GATEWAY, "--issued-at", &issued, "--by", "alice"]);
    desk
}

fn states(status: &Value) -> Vec<(String, String, String)> {
    let peers = status["peers"].as_array().expect("peers").iter();
    peers.map(|peer| (text(&peer["name"]), text(&peer["state"]), text(&peer["reason"]))).collect()
}

fn expected() -> Vec<(String, String, String)> {
    [
        ("gone", "refused", "REMOVED"),
        ("wrong-role", "refused", "ROLE_NOT_CERTIFIED"),
        ("typo", "unmatched", "NOT_LISTED"),
        ("noticed", "attention", "LISTED"),
        ("591E", "accepted", "LISTED"),
        ("voice", "accepted", "LISTED"),
    ]
    .map(|(name, state, reason)| (name.to_owned(), state.to_owned(), reason.to_owned()))
    .to_vec()
}

#[tokio::test]
async fn every_peer_is_told_with_its_state_its_reason_and_what_comes_by_daemon_and_by_store() {
    for through in BOTH {
        let desk = desk(through, "").await;
        let output = desk.run(&["status", "--peers", "--json"]);
        let told = crate::common::json(&output);
        assert_eq!((status_of(&output), states(&told)), (2, expected()), "{through:?}");
        assert_eq!(told["changing_within_24_hours"], 1, "the 48 hours end in eight");
        let noticed = &told["peers"][3];
        assert_eq!(noticed["advisories"][0]["code"], "NOTICE_PENDING");
        assert_eq!(
            (&noticed["next"][0]["kind"], &noticed["next"][0]["gained"][0]),
            (&"NOTICE_MITIGATE".into(), &"NOTICE_UNANSWERED".into())
        );
        assert!(told["peers"][1]["since"].is_string(), "by the filing's history: {}", told["peers"][1]);

        let status = crate::common::json(&desk.run(&["status", "--json"]));
        let counts = ["refused", "unmatched", "attention", "accepted"].map(|state| status["peers"][state].as_u64());
        assert_eq!(counts, [Some(2), Some(1), Some(1), Some(2)]);
        let since = |peers: &Value| -> Vec<Value> {
            peers.as_array().expect("peers").iter().take(4).map(|peer| peer["since"].clone()).collect()
        };
        assert_eq!(since(&status["peers"]["worst"]), since(&told["peers"]), "{through:?}");
        let worst: Vec<String> =
            status["peers"]["worst"].as_array().expect("the worst").iter().map(|peer| text(&peer["name"])).collect();
        assert_eq!(worst, ["gone", "wrong-role", "typo", "noticed"]);
        let output = desk.run(&["status"]);
        assert_eq!(status["state"], "warning", "the last filing of the listing is gone");
        assert_eq!(status_of(&output), 1, "the daemon's own health, whatever becomes of peers: {}", stdout(&output));
        assert!(stdout(&output).contains("6: 2 accepted, 1 needs attention, 1 unmatched, 2 refused"));

        let listed = desk.ok(&["peers", "list"]);
        assert!(listed.lines().all(|line| !line.starts_with("    ")), "piped, a peer is a line: {listed}");
        for line in ["gone ", "wrong-role ", "ocn:591E"] {
            assert!(listed.lines().any(|of| of.starts_with(line)), "{line}: {listed}");
        }
        let first = desk.ok(&["peers", "list", "--json"]);
        let first: Value = serde_json::from_str(first.lines().next().expect("a line")).expect("JSON");
        for member in ["id", "in_force", "standing", "removed", "problem", "kind", "name"] {
            assert!(first.get(member).is_some(), "{member}: {first}");
        }
        for member in ["state", "verdict", "reason", "since", "next"] {
            assert!(first["now"].get(member).is_some(), "{member}: {first}");
        }
    }
}

#[tokio::test]
async fn the_exit_status_for_peers_is_0_1_or_2() {
    let desk = Desk::open(Through::Store).await;
    let status = || status_of(&desk.run(&["status", "--peers"]));
    assert_eq!(status(), 0, "no peers");
    desk.ok(&["peers", "add", "voice", VOICE, "--by", "alice"]);
    assert_eq!(status(), 0, "all accepted, though the listing grows old within 26 hours");
    desk.ok(&["overrides", "add", "allow", VOICE, "--why", "tested", "--expires", "10h", "--by", "alice"]);
    assert_eq!(status(), 1, "it changes within 24 hours");
    desk.ok(&["overrides", "remove", VOICE, "--by", "alice"]);
    desk.ok(&["peers", "add", "typo", NEVER, "--by", "alice"]);
    assert_eq!(status(), 1, "unmatched");
    desk.ok(&["peers", "add", "gone", GONE, "--by", "alice"]);
    assert_eq!(status(), 2, "refused");
}

#[tokio::test]
async fn the_operators_own_filing_is_told_with_what_changed_and_what_is_due() {
    for through in BOTH {
        let more = format!("[me]\nfrn = [\"{VOICE}\", \"{GONE}\", \"{NEVER}\"]\nchanged = \"2026-01-02\"\n");
        let mut desk = Desk::open_with(through, &more).await;
        let row = desk.world.row_mut(VOICE_NUMBER).expect("a filing");
        row.set("gateway_provider_choice", "Yes");
        row.set("last_updated", "2026-01-05");
        desk.site.publish(&desk.world.to_csv());
        desk.ok(&["sync"]);
        let status = crate::common::json(&desk.run(&["status", "--json"]));
        let own = status["own_filings"].as_array().expect("own filings");
        let states: Vec<String> = own.iter().map(|own| text(&own["state"])).collect();
        assert_eq!(states, ["listed", "removed", "not_listed"], "{through:?}");
        let change = &own[0]["changes"][0];
        assert_eq!((&change["kind"], &change["roles"]), (&"AMENDED".into(), &true.into()), "{own:?}");
        assert_eq!((&own[0]["update_by"], &own[0]["is_updated"]), (&"2026-01-16".into(), &true.into()));
        assert!(stdout(&desk.run(&["status"])).contains("ROLES CHANGED"));
        assert_eq!(status_of(&desk.run(&["status", "--peers"])), 2, "nobody may accept what comes from the operator");
        if through == Through::Store {
            let config = std::fs::read_to_string(desk.config()).expect("the configuration");
            std::fs::write(desk.config(), config.replace("2026-01-02", "2026-01-06")).expect("written");
            let told = stdout(&desk.run(&["status"]));
            assert!(told.contains("update overdue since 2026-01-21: it changed on 2026-01-06"), "{told}");
            std::fs::write(desk.config(), config.replace("2026-01-02", "2999-01-02")).expect("written");
            let told = desk.ok(&["config", "check"]);
            assert!(told.contains("WARNING: me.changed is 2999-01-02, which is still to come"), "{told}");
        }
    }
}

#[tokio::test]
async fn deadlines_are_a_calendar_that_a_calendar_reads() {
    let desk = desk(Through::Store, &format!("[me]\nfrn = [\"{VOICE}\"]\n")).await;
    let hostile = "trunk, one; \\n BEGIN:VEVENT ünïcødé ".repeat(3);
    desk.ok(&["peers", "add", hostile.trim(), VOICE, "--expires", "2027-01-31", "--by", "alice"]);
    let lines = desk.ok(&["deadlines", "--json"]);
    let kinds: Vec<String> =
        lines.lines().map(|line| text(&serde_json::from_str::<Value>(line).expect("JSON")["kind"])).collect();
    for kind in ["NOTICE_MITIGATE", "NOTICE_INFORM", "LISTING_OLD", "BINDING_ENDS", "OWN_RECERTIFICATION_OPENS"] {
        assert!(kinds.iter().any(|told| told == kind), "{kind}: {kinds:?}");
    }
    assert!(kinds.iter().filter(|kind| *kind == "LISTING_OLD").count() == 1, "one for all peers: {kinds:?}");

    let calendar = |desk: &Desk| {
        let path = desk.write("deadlines.ics", "");
        let output = desk.run(&["deadlines", "--ics", &path]);
        assert!(stderr(&output).contains("1 deadline not in the calendar (LISTING_OLD)"), "{}", stderr(&output));
        std::fs::read_to_string(path).expect("written")
    };
    let written = calendar(&desk);
    assert!(written.split_terminator("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{written}");
    let unfolded = unfold(&written);
    let read = read_calendar(&unfolded).expect("a calendar");
    let events: Vec<_> = read.components.iter().filter(|component| component.name == "VEVENT").collect();
    assert_eq!(
        events.len(),
        kinds.iter().filter(|kind| *kind != "LISTING_OLD").count(),
        "no other event was smuggled in"
    );
    let all = |name: &str| -> Vec<String> {
        events
            .iter()
            .filter_map(|event| event.properties.iter().find(|property| property.name == name))
            .map(|property| property.val.to_string())
            .collect()
    };
    assert!(all("CATEGORIES").contains(&"BINDING_ENDS".to_owned()), "{:?}", all("CATEGORIES"));
    let provider = format!("noticed (Example {GATEWAY} LLC): ");
    assert!(all("SUMMARY").iter().any(|told| told.starts_with(&provider)), "{:?}", all("SUMMARY"));
    let mut ids = all("UID");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "each has an ID of its own");
    let unfolded = unfold(&written);
    let uids: Vec<&str> = unfolded.lines().filter(|line| line.starts_with("UID:")).collect();
    let again = calendar(&desk);
    let again = unfold(&again);
    assert_eq!(uids, again.lines().filter(|line| line.starts_with("UID:")).collect::<Vec<_>>(), "which stays");
    desk.ok(&["deadlines"]);
}

#[tokio::test]
async fn which_upstreams_vanished_when_is_told() {
    for through in BOTH {
        let desk = desk(through, "").await;
        let names = |arguments: &[&str]| -> Vec<String> {
            let told = desk.ok(&[&["peers", "list", "--json", "--vanished"], arguments].concat());
            told.lines().map(|line| text(&serde_json::from_str::<Value>(line).expect("JSON")["name"])).collect()
        };
        assert_eq!(names(&[]), ["gone"], "{through:?}");
        assert_eq!(names(&["--since", "1d"]), ["gone"]);
        assert_eq!(names(&["--until", "1d"]), Vec::<String>::new());
        let removals = |arguments: &[&str]| desk.ok(&[&["removals", "--json"], arguments].concat());
        let of: Vec<Value> =
            removals(&["--peers"]).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(
            (of.len(), &of[0]["peers"], &of[0]["filing"]["number"]),
            (1, &serde_json::json!(["gone"]), &GONE_NUMBER.into())
        );
        assert_eq!(removals(&["--until", "1d"]), "");
        let table = desk.ok(&["removals", "--peers"]);
        assert!(table.contains("PEERS") && table.contains(" gone "), "{table}");
        assert_eq!(status_of(&desk.run(&["peers", "list", "--since", "1d"])), 2, "--since needs --vanished");
    }
}

#[tokio::test]
async fn before_the_first_listing_peers_are_listed_without_a_standing() {
    let site = Site::with_listing(&world().to_csv());
    site.configure(&format!("source = {:?}\n", site.listing()));
    site.make_store();
    let run = |arguments: &[&str]| site.run(&[&["--config", &site.config()], arguments].concat());
    assert_eq!(status_of(&run(&["peers", "add", "voice", VOICE, "--by", "alice"])), 0);
    let listed = run(&["peers", "list"]);
    assert!(
        status_of(&listed) == 0 && stdout(&listed).contains("not known before the first listing"),
        "{}",
        stdout(&listed)
    );
    assert_eq!(status_of(&run(&["status", "--peers"])), 3, "nobody can tell");
}

#[tokio::test]
async fn accepts_that_rest_on_a_policy_that_is_not_the_default_are_logged_and_others_are_not() {
    use rmdd::api::grpc::v1::ProviderRole;

    let desk = Desk::open_with(Through::Daemon, "[policy]\nrole_not_certified = \"accept\"\n").await;
    let mut client = desk.daemon().acceptance().await;
    for frn in [VOICE, BLANK, GATEWAY] {
        let role = ProviderRole::Gateway.into();
        let query = rmdd::api::grpc::v1::CheckProviderRequest { role, ..crate::common::by_frn(frn) };
        assert_eq!(crate::common::ask(&mut client, query).await.verdict(), rmdd::api::grpc::v1::Verdict::Accept);
    }
    let log = desk.site.state_dir().join("decisions.jsonl");
    desk.daemon.expect("it runs").terminate().await;
    let asked: Vec<String> =
        crate::common::decisions(&log).iter().map(|line| line["asked"]["frn"].to_string()).collect();
    assert_eq!(
        asked,
        [format!("{VOICE:?}")],
        "by the default policy it would have been refused; a blank role would not"
    );
}

#[tokio::test]
async fn decisions_tell_calls_from_people_and_when_calls_were_no_longer_taken() {
    use rmdd::api::grpc::v1::CheckProviderRequest;
    use rmdd::api::grpc::v1::check_provider_request::Identity;

    let desk = desk(Through::Daemon, "").await;
    let mut client = desk.daemon().acceptance().await;
    let question = |name: &str, reference: &str| CheckProviderRequest {
        identity: Some(Identity::Peer(name.to_owned())),
        r#ref: reference.as_bytes().to_vec(),
        ..CheckProviderRequest::default()
    };
    desk.ok(&["overrides", "add", "allow", GONE, "--why", "tested", "--by", "alice"]);
    crate::common::ask(&mut client, question("gone", "call-1@sbc\r\n\u{202e}")).await;
    desk.ok(&["overrides", "remove", GONE, "--by", "alice"]);
    for reference in ["call-2@sbc", ""] {
        crate::common::ask(&mut client, question("gone", reference)).await;
    }
    crate::common::ask(&mut client, question("voice", "call-4@sbc")).await;
    assert_eq!(status_of(&desk.run(&["check", "gone"])), 1);
    let log = desk.site.state_dir().join("decisions.jsonl");
    let is_whole = || async {
        // The last line may be there by half.
        let whole = std::fs::read_to_string(&log).unwrap_or_default().ends_with('\n');
        (whole && crate::common::decisions(&log).len() == 4).then_some(())
    };
    crate::common::eventually("the log is written", is_whole).await;
    let lines = crate::common::decisions(&log);
    let refs: Vec<_> = lines.iter().map(|line| (line["ref"].as_str(), line["reason"].as_str())).collect();
    assert_eq!(
        refs,
        [
            (Some("call-1@sbc"), Some("OVERRIDE")),
            (Some("call-2@sbc"), Some("REMOVED")),
            (None, Some("REMOVED")),
            (None, Some("REMOVED")),
        ]
    );
    assert_eq!((&lines[3]["interface"], &lines[0]["interface"]), (&"cli".into(), &"grpc_unary".into()));
    assert!(lines.iter().all(|line| line["asked_by"].is_string()), "{lines:?}");

    // Somebody has put the file aside, and a line of it is damaged.
    std::fs::write(log.with_file_name("decisions.jsonl.1"), "{\"at\": \n").expect("written");
    let output = desk.run(&["decisions", "--peer", "GONE"]);
    let told = stdout(&output);
    let rows = |words: &[&str]| told.lines().filter(|line| words.iter().all(|word| line.contains(word))).count();
    assert_eq!((rows(&["ACCEPT", "OVERRIDE", " 1"]), rows(&["REFUSE", "REMOVED", " 2"])), (1, 1), "{told}");
    assert!(told.contains("last refused 20") && told.contains("unless decision_log.log = \"all\""), "{told}");
    let notes = stderr(&output);
    assert!(notes.contains("1 more decision for people") && notes.contains("decisions.jsonl.1 line 1"), "{notes}");
    let count = |arguments: &[&str]| desk.ok(&[&["decisions", "--json"], arguments].concat()).lines().count();
    assert_eq!(count(&[]), 3);
    assert_eq!(count(&["--people"]), 4);
    assert_eq!(count(&["--verdict", "refuse"]), 2);
    assert_eq!(count(&["--peer", GONE, "--verdict", "accept"]), 1);
    assert_eq!((count(&["--peer", "voice"]), count(&["--until", "1d"])), (0, 0));
    assert!(desk.ok(&["decisions", "--each"]).contains("ref call-2@sbc"));
}
