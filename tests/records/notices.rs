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
        desk.ok(&[&add[..], &["--why", "traceback 12", "--by", "alice"]].concat());
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

        let summary = desk.ok(&["notices", "report", "twilio", "--from", "Carrier Inc., FRN 0041000008"]);
        for words in [
            "From: Carrier Inc., FRN 0041000008",
            "Example 0041000001 LLC",
            "by January 26, 2023",
            "by February 7, 2023",
            "NOT DONE",
            "traceback 12",
            "Calls traced to it by the Industry Traceback Group (2)",
            "2023-01-10 15:04 UTC +12025550143 +12025550199 Mortgage-Impersonation; 64.1200(a)(3)",
            "calls to 911 excepted",
        ] {
            assert!(flat(&summary).contains(words), "{through:?}: {words}: {summary}");
        }

        let list = desk.ok(&["notices", "list"]);
        assert!(list.contains("48 hours: not mitigated, was due 2023-01-27 04:59:59 UTC"), "{list}");
        assert!(list.contains("14 days: not informed the FCC, was due 2023-02-08 04:59:59 UTC"), "{list}");

        let told = ["notices", "notified", "twilio", "--at", "2023-02-10", "--note", "ECFS 10"];
        desk.ok(&[&told[..], &["--by", "alice"]].concat());
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
        assert!(list.contains("48 hours: mitigated late; 14 days: informed the FCC late"), "{list}");
        let closed = desk.run(&["notices", "report", "twilio"]);
        assert!(status_of(&closed) == 0 && stderr(&closed).contains("no ground to block"), "{}", stderr(&closed));
        desk.refused(&["notices", "respond", "twilio", "--note", "what it was is not said"]);

        let written = desk.ok(&["notices", "export", "--format", "json"]);
        let file = desk.write("notices.json", &written);
        desk.ok(&["notices", "remove", "twilio", "--by", "bob", "--why", "closed"]);
        assert_eq!(desk.verdict(&[VOICE]), pair("ACCEPT", "LISTED"));
        desk.ok(&["notices", "import", &file, "--by", "bob"]);
        assert_eq!(desk.ok(&["notices", "export", "--format", "json"]), written, "with its calls and its responses");
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
    let released = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    let yesterday = released.parse::<jiff::civil::Date>().expect("a day").yesterday().expect("in range").to_string();
    let add = ["orders", "add", "final_determination", "DA 99-1", VOICE, "--released", &yesterday, "--by", "alice"];
    desk.ok(&add);
    let early = desk.check(&[VOICE]);
    assert_eq!(early["verdict"], "ACCEPT", "the Commission was not told");
    assert_eq!(early["advisories"][0]["code"], "FINAL_DETERMINATION", "{early}");
    desk.ok(&["orders", "notified", "DA 99-1", VOICE, "--note", "ECFS 11", "--by", "alice"]);
    let told = desk.check(&[VOICE]);
    assert_eq!((&told["reason"], &told["by_policy"]), (&"FINAL_DETERMINATION".into(), &true.into()), "{told}");
}
