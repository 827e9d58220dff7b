//! `rmdd impact`: what would be, without anything being so.

use super::*;

fn impact(desk: &Desk, arguments: &[&str]) -> (i32, Value) {
    let output = desk.run(&[&["impact", "--json"], arguments].concat());
    (status_of(&output), crate::common::json(&output))
}

/// The peers that would be refused, with the reason.
fn refused(impact: &Value) -> Vec<(String, String)> {
    let peers = impact["peers"].as_array().expect("peers").iter();
    peers
        .filter(|peer| peer["then"]["verdict"] == "REFUSE")
        .map(|peer| (text(&peer["peer"]), text(&peer["then"]["reason"])))
        .collect()
}

#[tokio::test]
async fn impact_says_which_peers_would_be_refused_and_changes_nothing() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        for (name, provider) in [("voice", VOICE), ("gateway", GATEWAY), ("blank", BLANK), ("gone", GONE)] {
            desk.ok(&["peers", "add", name, provider, "--role", "gateway", "--by", "alice"]);
        }
        desk.ok(&["peers", "add", "voice-2", VOICE_NUMBER, "--role", "voice_service", "--by", "alice"]);
        let today = [pair("gone", "REMOVED"), pair("voice", "ROLE_NOT_CERTIFIED")];
        let (before, bytes) = (desk.everything(), std::fs::read(desk.store()).expect("the store"));

        let mut next = desk.world.clone();
        next.remove("RMD0900002");
        let listing = desk.write("next.csv", next.to_csv());
        let (status, reported) = impact(&desk, &["--listing", &listing]);
        let with = |more: (String, String)| {
            let mut all = today.to_vec();
            all.push(more);
            all.sort();
            all
        };
        assert_eq!((status, refused(&reported)), (1, with(pair("gateway", "REMOVED"))), "{through:?}");
        assert_eq!(
            (&reported["asked"], &reported["refused"], &reported["newly_refused"]),
            (&5.into(), &3.into(), &1.into())
        );
        assert_eq!(reported["listing_doubts"], serde_json::json!([]));
        let numbers: Vec<String> = next.rows().map(|row| row.get("number").to_owned()).collect();
        for number in numbers.iter().rev().take(5) {
            next.remove(number);
        }
        let half = desk.write("half.csv", next.to_csv());
        let (_, reported) = impact(&desk, &["--listing", &half]);
        let doubt = reported["listing_doubts"][0].as_str().expect("a doubt").to_owned();
        assert!(doubt.contains("the end is missing"), "{doubt}");

        let orders =
            desk.write("orders.csv", format!("kind,document,provider,released\nremoval,DA 99-1,{VOICE},2026-03-12\n"));
        let (status, reported) = impact(&desk, &["--orders", &orders]);
        assert_eq!(status, 1);
        assert_eq!(
            refused(&reported),
            [pair("gone", "REMOVED"), pair("voice", "REMOVAL_ORDER"), pair("voice-2", "REMOVAL_ORDER")]
        );
        assert_eq!(
            (&reported["newly_refused"], &reported["refused"]),
            (&1.into(), &3.into()),
            "one was refused anyway"
        );

        let (status, reported) = impact(&desk, &["--removed", GATEWAY]);
        assert_eq!((status, refused(&reported)), (1, with(pair("gateway", "REMOVAL_ORDER"))));

        assert_eq!(
            impact(&desk, &["--removed", "gateway"]),
            impact(&desk, &["--removed", GATEWAY]),
            "by a peer's name"
        );

        let (status, reported) = impact(&desk, &["--policy", "role_blank=refuse"]);
        assert_eq!((status, refused(&reported)), (1, with(pair("blank", "ROLE_BLANK"))));
        assert_eq!(reported["peers"].as_array().and_then(|all| all[0]["then"]["by_policy"].as_bool()), Some(true));

        let (status, reported) = impact(&desk, &["--policy", "policy.role_not_certified=accept"]);
        assert_eq!((status, refused(&reported)), (0, vec![pair("gone", "REMOVED")]));
        assert_eq!(reported["newly_accepted"], 1);

        let all = ["--listing", &listing, "--orders", &orders, "--policy", "role_blank=refuse"];
        let (_, reported) = impact(&desk, &all);
        assert_eq!((&reported["refused"], &reported["newly_refused"]), (&5.into(), &3.into()));
        let printed = stdout(&desk.run(&[&["impact"], &all[..]].concat()));
        assert!(printed.contains("REFUSE, ACCEPT now") && printed.contains("3 of them newly"), "{printed}");

        assert_eq!(desk.everything(), before, "{through:?}");
        assert_eq!(std::fs::read(desk.store()).expect("the store"), bytes, "{through:?}: not a byte of the store");
    }
}

#[tokio::test]
async fn impact_refuses_what_cannot_be_supposed() {
    for through in BOTH {
        let desk = Desk::open(through).await;
        let half = desk.world.to_csv();
        let half = desk.write("half.csv", &half[..half.len() / 2]);
        let page = desk.write("page.csv", "<html>");
        let orders = desk.write("orders.csv", format!("kind,document,provider\nremoval,DA 99-1,{VOICE}\n"));
        for (arguments, words) in [
            (&["--listing", half.as_str()][..], "the listing would be refused"),
            (&["--listing", &page], "the listing would be refused"),
            (&["--listing", "/nowhere.csv"], "cannot be read"),
            (&["--orders", &orders], "row 2, field released"),
            (&["--policy", "role_blanc=refuse"], "role_blanc"),
            (&["--policy", "role_blank=perhaps"], "role_blank"),
            (&["--policy", "role_blank"], "SETTING=VALUE"),
            (&["--removed", "Acme"], "Acme"),
            (&[], "--listing"),
        ] {
            let said = desk.refused(&[&["impact"], arguments].concat());
            assert!(said.contains(words), "{through:?}: {arguments:?}: {said}");
        }
        assert!(desk.ok(&["impact", "--policy", "role_blank=refuse"]).contains("No peers are on record"));
    }
}
