//! What people and machines see of a fleet at one of its sites.

use rmdd::api::grpc::v1::FleetState;
use rmdd_testkit::World;

use crate::common::{ask, by_frn, decisions, eventually, json, status_of, stderr, stdout};
use crate::sites::{Fleet, NEVER};

/// Of nobody.
const NOBODY: &str = "0049999999";

#[tokio::test(flavor = "multi_thread")]
async fn a_site_shows_its_fleet_and_says_so_in_answers_while_it_is_cut_off_from_it() {
    let world = World::new(509, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let place = fleet.other().await;
    let fetcher = fleet.fetcher().await;
    let seen = eventually("both sites are seen", || async {
        let output = fleet.run(place, &["fleet", "status", "--json"]);
        let seen = json(&output);
        let sites = seen["sites"].as_array()?;
        let whole = sites.len() == 2
            && sites.iter().all(|site| !site["alive_since"].is_null() && site["policy_sha256"].is_string())
            && seen["members"].as_array()?.len() == 3;
        (status_of(&output) == 0 && whole && seen["state"] == "current").then_some(seen)
    })
    .await;
    assert_eq!(
        (&seen["name"], &seen["site"], &seen["behind"]),
        (&"east".into(), &crate::sites::NAMES[place].into(), &false.into())
    );
    assert_eq!(seen["fetcher"], crate::sites::NAMES[fetcher]);
    assert_eq!(seen["listing"], seen["listing_head"]);
    let screen = stdout(&fleet.ok(place, &["status"]));
    assert!(screen.lines().any(|line| line.starts_with("FLEET") && line.ends_with(": current")), "{screen}");
    let screen = stdout(&fleet.ok(place, &["fleet", "status"]));
    assert!(screen.contains("fetches for all") && screen.contains("MEMBER OF ETCD"), "{screen}");

    let mut client = fleet.daemon(place).acceptance().await;
    let advisories = |answer: &rmdd::api::grpc::v1::CheckProviderResponse| -> Vec<String> {
        answer.advisories.iter().map(|advisory| advisory.code.clone()).collect()
    };
    assert_eq!(advisories(&ask(&mut client, by_frn(NOBODY)).await), Vec::<String>::new());

    fleet.etcd.kill_all();
    eventually("answers say that the site is behind", || {
        let mut client = client.clone();
        async move { (advisories(&ask(&mut client, by_frn(NOBODY)).await) == ["FLEET_BEHIND"]).then_some(()) }
    })
    .await;
    let status = fleet.daemon(place).status().await.fleet.expect("a fleet");
    assert!(status.behind && status.current_as_of.is_some(), "{status:?}");
    let log = fleet.sites[place].state_dir().join("decisions.jsonl");
    eventually("the decision log says so too", || async {
        let said = |line: &serde_json::Value| line["advisories"].to_string().contains("FLEET_BEHIND");
        decisions(&log).iter().any(said).then_some(())
    })
    .await;
    let table = stdout(&fleet.run(place, &["fleet", "status"]));
    assert!(table.contains("BEHIND, last current") || table.contains("CUT OFF, last current"), "{table}");
    assert!(table.contains("nothing newer is known here"), "{table}");

    fleet.etcd.start_all_again().await;
    eventually("the site is current again", || async {
        let fleet = fleet.daemon(place).status().await.fleet?;
        (fleet.state() == FleetState::Current && !fleet.behind).then_some(())
    })
    .await;
    assert_eq!(advisories(&ask(&mut client, by_frn(NOBODY)).await), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_policy_is_told_to_the_other_sites_as_soon_as_it_is_in_force() {
    let world = World::new(508, 50);
    let Some(fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let differs = "its policy is not this site's";
    eventually("both have told theirs", || async {
        let seen = json(&fleet.run(0, &["fleet", "status", "--json"]));
        let told = seen["sites"].as_array()?.iter().filter(|site| site["policy_sha256"].is_string()).count();
        (told == 2).then_some(())
    })
    .await;
    let same = stdout(&fleet.ok(0, &["fleet", "status"]));
    assert!(!same.contains(differs), "{same}");
    for (more, told) in [("[policy]\nlisting_old = \"refuse\"\n", true), ("", false)] {
        fleet.configure(1, more);
        fleet.daemon(1).signal("-HUP");
        eventually("it is told", || async {
            (stdout(&fleet.run(0, &["fleet", "status"])).contains(differs) == told).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_no_fleet_its_status_says_what_to_do() {
    let site = crate::common::Site::new();
    let daemon = site.start();
    daemon.first_sync().await;
    let output = tokio::task::block_in_place(|| site.run(&["fleet", "status"]));
    assert_eq!(status_of(&output), 3);
    assert!(stderr(&output).contains("this daemon is in no fleet: the table [fleet]"), "{}", stderr(&output));
    let (status, log) = daemon.terminate().await;
    assert!(status.success(), "{log}");
    let output = tokio::task::block_in_place(|| site.run(&["fleet", "status"]));
    assert_eq!(status_of(&output), 3);
    assert!(stderr(&output).contains("no daemon runs here"), "{}", stderr(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_has_just_begun_does_not_call_itself_gone() {
    let world = World::new(511, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    for _ in 0..3 {
        fleet.stop(1).await;
        fleet.start(1);
        let seen = eventually("it has read of the sites", || async {
            let seen = fleet.daemon(1).status().await.fleet?;
            (!seen.sites.is_empty()).then_some(seen)
        })
        .await;
        let own = seen.sites.iter().find(|site| site.name == crate::sites::NAMES[1]).expect("it is registered");
        assert!(own.alive_since.is_some(), "{own:?}");
    }
}
