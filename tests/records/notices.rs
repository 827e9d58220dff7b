//! A notice from the day it comes to the summary for the Commission. The letter to Twilio is the model.

use super::*;

/// The calls of an Attachment A, under the letter's own headings. The numbers are made up.
const ATTACHMENT_A: &str = "\
Time of Notification,Time of Call,Caller,Called,Campaign,Violation
\"Jan 11, 2023 09:00 UTC\",\"Jan 10, 2023 15:04 UTC\",+12025550143,+12025550199,Mortgage-Impersonation,64.1200(a)(3)
\"Jan 12, 2023 09:00 UTC\",\"Jan 11, 2023 16:30 UTC\",(202) 555-0144,12025550198,Mortgage-Impersonation,
";

const REFUSING: &str = "[policy]\nnotice_unanswered = \"refuse\"\n";

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_letter_to_twilio_runs_its_course_on_the_command_line() {
    for through in BOTH {
        let desk = Desk::open_with(through, REFUSING).await;
        let add =
            ["notices", "add", "twilio", VOICE, "--issued-at", "2023-01-24", "--document", "letter of January 24"];
        let why = "our man at the ITG says so, ticket 4711";
        desk.ok(&[&add[..], &["--basis", "traceback 12", "--why", why, "--by", "alice"]].concat());
        let calls = desk.write("attachment-a.csv", ATTACHMENT_A);
        assert!(desk.ok(&["notices", "import-calls", "twilio", &calls, "--by", "alice"]).contains("2 traced calls"));
        assert!(desk.ok(&["notices", "import-calls", "twilio", &calls, "--by", "alice"]).contains("2 traced calls"));

        let unanswered = desk.check(&[VOICE]);
        assert_eq!(
            (&unanswered["verdict"], &unanswered["by_policy"]),
            (&"ACCEPT".into(), &false.into()),
            "not told yet"
        );
        let codes: Vec<_> =
            unanswered["advisories"].as_array().expect("advisories").iter().map(|a| &a["code"]).collect();
        assert!(codes.contains(&&"NOTICE_UNANSWERED".into()), "{unanswered}");

        let report = ["notices", "report", "twilio", "--from", "Carrier Inc., FRN 0041000008"];
        let unbound = desk.run(&report);
        assert!(stderr(&unbound).contains("no peer on record is bound to FRN 0041000001"), "{}", stderr(&unbound));
        assert!(!flat(&stdout(&unbound)).contains("hands calls to us"), "nothing on record says so");
        desk.ok(&["peers", "add", "TG-7", VOICE_NUMBER, "--by", "alice"]);
        let summary = desk.ok(&report);
        assert!(!summary.contains("4711") && !summary.contains("DRAFT"), "{summary}");
        for words in [
            "From: Carrier Inc., FRN 0041000008",
            "Example 0041000001 LLC (FRN 0041000001) stands in the Robocall Mitigation Database under RMD0900001",
            "It hands calls to us directly.",
            "illegal traffic (letter of January 24) on January 24, 2023. The time of day",
            "by January 26, 2023",
            "by February 7, 2023",
            "NOT DONE",
            "3. traceback 12",
            "Calls traced to it by the Industry Traceback Group (2)",
            "2023-01-11 04:00 EST 2023-01-10 10:04 EST +12025550143 +12025550199 Mortgage-Impersonation; 64.1200(a)(3)",
            "calls to 911 excepted",
            "All times are Eastern: EST is UTC-5",
        ] {
            assert!(flat(&summary).contains(words), "{through:?}: {words}: {summary}");
        }

        let list = desk.ok(&["notices", "list"]);
        assert!(list.contains("48 hours: not mitigated, was due 2023-01-27 04:59:59 UTC"), "{list}");
        assert!(list.contains("14 days: not informed the FCC, was due 2023-02-08 04:59:59 UTC"), "{list}");

        let reported = ["notices", "notified", "twilio", "--at", "2023-02-10", "--note", "ECFS 10"];
        desk.ok(&[&reported[..], &["--by", "alice"]].concat());
        let refused = desk.check(&[VOICE]);
        assert_eq!((&refused["reason"], &refused["by_policy"]), (&"NOTICE_UNANSWERED".into(), &true.into()));
        assert_eq!((&refused["rule"], &refused["record"]), (&"47 CFR 64.1200(k)(4)".into(), &"notice twilio".into()));
        assert_eq!(desk.verdict(&[VOICE, "--emergency"]), pair("ACCEPT", "EMERGENCY_CALL"));

        let respond =
            ["notices", "respond", "twilio", "--mitigated", "--informed", "--at", "2023-02-12", "--note", "a mail"];
        desk.ok(&[&respond[..], &["--by", "bob"]].concat());
        let answered = desk.check(&[VOICE]);
        assert_eq!(answered["verdict"], "ACCEPT");
        let codes: Vec<_> = answered["advisories"].as_array().expect("advisories").iter().map(|a| &a["code"]).collect();
        assert!(codes.contains(&&"NOTICE_ANSWERED_LATE".into()), "{answered}");

        let list = desk.ok(&["notices", "list"]);
        assert!(list.contains("48 hours: mitigated late  14 days: informed the FCC late"), "{list}");
        let closed = desk.run(&["notices", "report", "twilio"]);
        assert!(status_of(&closed) == 0 && stderr(&closed).contains("no ground to block"), "{}", stderr(&closed));
        assert!(stdout(&closed).starts_with("DRAFT, not to be sent"), "{}", stdout(&closed));
        assert!(!stdout(&closed).contains("a mail"), "notes are for the house: {}", stdout(&closed));
        desk.refused(&["notices", "respond", "twilio", "--note", "what it was is not said"]);

        let written = desk.ok(&["notices", "export", "--format", "jsonl"]);
        let file = desk.write("notices.json", &written);
        desk.ok(&["notices", "remove", "twilio", "--by", "bob", "--why", "closed"]);
        assert_eq!(desk.verdict(&[VOICE]), pair("ACCEPT", "LISTED"));
        desk.ok(&["notices", "import", &file, "--by", "bob"]);
        assert_eq!(desk.ok(&["notices", "export", "--format", "jsonl"]), written, "with its calls and its responses");
        let history = desk.lines(&["notices", "history", "twilio", "--json"]);
        let actions: Vec<String> = history.iter().map(|event| text(&event["action"])).collect();
        assert_eq!(actions, ["added", "changed", "changed", "changed", "removed", "added"]);
        assert_eq!(history[1]["after"]["calls"].as_array().map(Vec::len), Some(2), "the history holds the calls too");
    }
}

#[tokio::test]
async fn a_final_determination_order_is_followed_early_once_the_commission_was_told_and_policy_says_so() {
    let desk = Desk::open_with(Through::Daemon, "[policy]\nfinal_determination_early = \"refuse\"\n").await;
    // Released yesterday, or at the latest today in Washington: no day 30 yet, whenever this runs.
    let released = crate::common::now().strftime("%Y-%m-%d").to_string();
    let yesterday = released.parse::<jiff::civil::Date>().expect("a day").yesterday().expect("in range").to_string();
    let add = ["orders", "add", "final_determination", "DA 99-1", VOICE, "--released", &yesterday, "--by", "alice"];
    desk.ok(&add);
    let early = desk.check(&[VOICE]);
    assert_eq!(early["verdict"], "ACCEPT", "the Commission was not told");
    assert_eq!(early["advisories"][0]["code"], "FINAL_DETERMINATION", "{early}");
    desk.ok(&["orders", "notified", "DA 99-1", VOICE, "--note", "ECFS 11", "--by", "alice"]);
    let reported = desk.check(&[VOICE]);
    assert_eq!(
        (&reported["reason"], &reported["by_policy"]),
        (&"FINAL_DETERMINATION".into(), &true.into()),
        "{reported}"
    );
}

#[tokio::test]
async fn what_is_on_record_of_a_notice_is_changed_only_by_replacing_it_and_the_history_says_what_changed() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        desk.ok(&["notices", "add", "letter", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--by", "alice"]);
        for (what, first, second) in [
            (&["respond", "letter", "--mitigated"][..], "their mail", "their letter"),
            (&["respond", "letter", "--informed"], "ECFS 1", "ECFS 2"),
            (&["notified", "letter"], "ECFS 3", "ECFS 4"),
        ] {
            let put = |note: &str, at: &str, more: &[&str]| {
                let common = ["--note", note, "--at", at, "--by", "alice"];
                [&["notices"], what, &common, more].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
            };
            let strs = |all: &[String]| -> Vec<String> { all.to_vec() };
            let run = |all: Vec<String>| desk.run(&all.iter().map(String::as_str).collect::<Vec<_>>());
            assert_eq!(status_of(&run(strs(&put(first, "2023-01-26T10:00:00Z", &[])))), 0, "{what:?}");
            assert_eq!(
                status_of(&run(put(first, "2023-01-26T10:00:00Z", &[]))),
                0,
                "the same again is on record already"
            );
            let before = desk.everything();
            let refused = run(put(second, "2023-01-27T11:00:00Z", &[]));
            let said = stderr(&refused);
            assert_eq!((status_of(&refused), stdout(&refused).as_str()), (2, ""), "{what:?}");
            assert!(said.contains("2023-01-26 10:00:00 UTC") && said.contains(first), "what is on record: {said}");
            assert!(said.contains("use --replace"), "{said}");
            assert_eq!(desk.everything(), before);

            let changed = run(put(second, "2023-01-27T11:00:00Z", &["--replace"]));
            assert_eq!(status_of(&changed), 0, "{}", stderr(&changed));
            let history = desk.ok(&["notices", "history", "letter"]);
            assert!(history.contains("_at: 2023-01-26 10:00:00 UTC -> 2023-01-27 11:00:00 UTC"), "{history}");
            assert!(history.contains(&format!("_note: {first} -> {second}")), "{history}");
        }
        // One that is on record refuses the whole of it.
        desk.ok(&["notices", "add", "other", VOICE, "--issued-at", "2023-01-24T20:15:00Z", "--by", "alice"]);
        desk.ok(&["notices", "respond", "other", "--informed", "--note", "ECFS 5", "--by", "alice"]);
        desk.refused(&["notices", "respond", "other", "--mitigated", "--informed", "--note", "both", "--by", "alice"]);
        assert!(desk.lines(&["notices", "list", "--json"])[1]["mitigated_at"].is_null());
    }
}

#[tokio::test]
async fn whoever_replaces_a_notice_or_an_order_keeps_what_was_recorded_of_it_since() {
    let desk = Desk::open(Through::Store).await;
    let add = ["notices", "add", "letter", VOICE, "--by", "alice", "--issued-at"];
    desk.ok(&[&add[..], &["2023-01-24T20:15:00Z"]].concat());
    let calls = desk.write("attachment-a.csv", ATTACHMENT_A);
    desk.ok(&["notices", "import-calls", "letter", &calls, "--by", "alice"]);
    desk.ok(&["notices", "respond", "letter", "--mitigated", "--note", "a mail", "--by", "alice"]);
    let changed = desk.ok(&[&add[..], &["2023-01-24T21:15:00Z", "--replace"]].concat());
    assert!(changed.contains("issued_at: 2023-01-24 20:15:00 UTC -> 2023-01-24 21:15:00 UTC"), "{changed}");
    let kept: Value = serde_json::from_str(&desk.ok(&["notices", "export", "--format", "jsonl"])).expect("JSON");
    assert_eq!(
        (kept["calls"].as_array().map(Vec::len), &kept["mitigated_note"]),
        (Some(2), &"a mail".into()),
        "{kept}"
    );

    let order = ["orders", "add", "fdo", "DA 26-1", VOICE, "--by", "alice", "--released"];
    desk.ok(&[&order[..], &["2026-03-12"]].concat());
    desk.ok(&["orders", "notified", "DA 26-1", VOICE, "--note", "ECFS 6", "--by", "alice"]);
    let again = desk.refused(&["orders", "notified", "DA 26-1", VOICE, "--note", "ECFS 7", "--by", "alice"]);
    assert!(again.contains("ECFS 6") && again.contains("use --replace"), "{again}");
    desk.ok(&[&order[..], &["2026-03-11", "--replace"]].concat());
    let history = desk.ok(&["orders", "history"]);
    assert!(history.contains("released: 2026-03-12 -> 2026-03-11"), "{history}");
    assert!(desk.ok(&["orders", "list"]).contains("FCC notified"));
    desk.ok(&["orders", "add", "removal", "DA 26-2", VOICE, "--released", "2026-03-12", "--by", "alice"]);
    let none = desk.refused(&["orders", "notified", "DA 26-2", VOICE, "--note", "x", "--by", "alice"]);
    assert!(none.contains("DA 26-2 is a removal order, which asks for no notice"), "{none}");
}

#[tokio::test]
async fn the_basis_for_the_commission_is_kept_apart_from_what_the_house_notes() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let add = ["notices", "add", "letter", VOICE_NUMBER, "--issued-at", "2023-07-24T20:15:00Z", "--by", "alice"];
        desk.ok(&[&add[..], &["--why", "the boss wants them gone"]].concat());
        let bare = desk.run(&["notices", "report", "letter"]);
        assert!(stderr(&bare).contains("--basis TEXT"), "{}", stderr(&bare));
        assert!(!stdout(&bare).contains("boss"), "{}", stdout(&bare));

        let with = ["notices", "report", "letter", "--by", "bob", "--basis"];
        let summary = flat(&desk.ok(&[&with[..], &["Three traced calls\nsince the notice."]].concat()));
        for words in [
            "3. Three traced calls since the notice.",
            "Example 0041000001 LLC, FRN 0041000001, RMD0900001",
            "July 24, 2023, 16:15 EDT",
            "by July 26, 2023, 16:15 EDT: NOT DONE",
        ] {
            assert!(summary.contains(words), "{words}: {summary}");
        }
        let other = desk.refused(&[&with[..], &["Another."]].concat());
        assert!(other.contains("Three traced calls since the notice.") && other.contains("use --replace"), "{other}");
        assert!(flat(&desk.ok(&["notices", "report", "letter"])).contains("3. Three traced calls"), "it is on record");
        desk.ok(&[&with[..], &["Another.", "--replace"]].concat());
        let history = desk.ok(&["notices", "history", "letter"]);
        assert!(history.contains("basis: Three traced calls since the notice. -> Another."), "{history}");
    }
}
