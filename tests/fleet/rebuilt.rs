//! A store that was begun again at a site of a fleet, or put back from a backup: the site is one of its fleet at once, by what the
//! fleet holds.

use rmdd::api::grpc::v1::{FleetState, SyncOutcome};
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{eventually, stdout};
use crate::sites::{Fleet, NEVER};

/// Has the fetcher sync what the world is by now.
async fn sync(fleet: &Fleet, world: &World) {
    fleet.source.answer(Answer::csv(&world.to_csv()));
    let fetcher = fleet.fetcher().await;
    assert_eq!(fleet.daemon(fetcher).sync().await.outcome(), SyncOutcome::Applied);
}

/// Spoils the rows of one filing in a store that nobody has open.
fn spoil(fleet: &Fleet, place: usize, world: &World) {
    let path = fleet.sites[place].state_dir().join("rmdd.redb");
    let mut bytes = std::fs::read(&path).expect("read");
    let name = world.rows().nth(20).expect("a filing").get("filing_url").to_owned();
    let found: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(name.as_bytes())).collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at..at + name.len()].fill(b'x');
    }
    std::fs::write(&path, &bytes).expect("written");
}

/// What a site says of the past.
fn past(fleet: &Fleet, place: usize, gone: &str, at: &str) -> Vec<String> {
    let asked: [&[&str]; 4] =
        [&["snapshots", "--json"], &["history", "--json"], &["history", gone, "--json"], &["removals", "--json"]];
    // Ages go on while it is asked.
    let ageless = |said: String| said.split(',').filter(|part| !part.contains("age_seconds")).collect::<String>();
    let mut said: Vec<String> = asked.iter().map(|arguments| ageless(stdout(&fleet.ok(place, arguments)))).collect();
    let then = fleet.run(place, &["check", gone, "--at", at, "--json"]);
    let then: serde_json::Value = serde_json::from_slice(&then.stdout).expect("an answer");
    said.push(format!("{} {} {}", then["verdict"], then["reason"], then["snapshot"]["serial"]));
    said
}

/// A fleet whose first base is empty (`from_nothing`) or has a listing, one of whose sites loses its store.
async fn begun_again(seed: u64, from_nothing: bool) {
    let mut world = World::new(seed, 60);
    let Some(fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    let founded = if from_nothing { fleet.founded_from_nothing().await } else { fleet.founded().await };
    let mut fleet = founded.expect("founded");
    let mut gone = String::new();
    for frn in ["0041000001", "0041000002", "0041000003"] {
        gone = world.advance(Step { remove: 1, amend: 2, ..Step::default() }).removed.remove(0);
        sync(&fleet, &world).await;
        fleet.ok(0, &["overrides", "add", "deny", frn, "--why", "a test"]);
    }
    let before = fleet.agree().await;
    let digest = hex::encode(&before.listing.as_ref().expect("a listing").1);
    fleet.archived(&digest).await;
    let at = crate::common::now().to_string();

    let place = fleet.other().await;
    fleet.stop(place).await;
    spoil(&fleet, place, &world);
    fleet.start_rebuilding(place);
    assert_eq!(fleet.agree().await, before);
    eventually("it is current", || async {
        (fleet.daemon(place).status().await.fleet?.state() == FleetState::Current).then_some(())
    })
    .await;
    assert_eq!(past(&fleet, place, &gone, &at), past(&fleet, 1 - place, &gone, &at));

    // What the fleet decides from here on is in force there as anywhere.
    let next = world.advance(Step { remove: 1, ..Step::default() }).removed.remove(0);
    sync(&fleet, &world).await;
    fleet.ok(0, &["overrides", "add", "deny", "0041000004", "--why", "a test"]);
    fleet.agree().await;
    for place in 0..2 {
        let answer = fleet.run(place, &["check", &next, "--json"]);
        let answer: serde_json::Value = serde_json::from_slice(&answer.stdout).expect("an answer");
        assert_eq!((&answer["verdict"], &answer["reason"]), (&"REFUSE".into(), &"REMOVED".into()), "{answer}");
    }
    assert_eq!(past(&fleet, place, &next, &at), past(&fleet, 1 - place, &next, &at));
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_store_was_begun_again_follows_a_fleet_that_began_with_nothing() {
    begun_again(591, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn and_one_that_began_with_a_listing() {
    begun_again(592, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_is_put_back_with_its_journal_beside_it_follows_what_the_journal_has_brought() {
    let mut world = World::new(593, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let deny = |fleet: &Fleet, place: usize, frn: &str| {
        fleet.ok(place, &["overrides", "add", "deny", frn, "--why", "a test"]);
    };
    deny(&fleet, 0, "0041000001");
    fleet.agree().await;
    let place = fleet.other().await;
    let backup = fleet.sites[place].state_dir().with_file_name("backup.redb");
    fleet.ok(place, &["backup", &backup.to_string_lossy()]);
    world.advance(Step { remove: 1, ..Step::default() });
    sync(&fleet, &world).await;
    for (place, frn) in [(1, "0041000002"), (0, "0041000003"), (1, "0041000004")] {
        deny(&fleet, place, frn);
    }
    fleet.agree().await;
    fleet.stop(place).await;
    std::fs::copy(&backup, fleet.sites[place].state_dir().join("rmdd.redb")).expect("put back");
    fleet.start(place);
    let before = fleet.agree().await;
    eventually("it is current", || async {
        (fleet.daemon(place).status().await.fleet?.state() == FleetState::Current).then_some(())
    })
    .await;
    deny(&fleet, place, "0041000005");
    assert_ne!(fleet.agree().await, before);
    fleet.end_alike().await;
}
