//! Somebody has written into the fleet's etcd by hand, or a site has lost what it had.

use rmdd::api::grpc::v1::{FleetState, SyncOutcome};
use rmdd::domain::{Log, Sha256Digest};
use rmdd::domain::{SnapshotSerial, SyncRecord, SyncTrigger};
use rmdd::fleet::engine::{Read, Write};
use rmdd::fleet::entry::{self, Author};
use rmdd::fleet::head::Head;
use rmdd::fleet::payload;
use rmdd::store::{CycleFact, Holding};
use rmdd_testkit::World;
use rmdd_testkit::etcd::Setup;

use crate::common::{eventually, now, status_of, stderr, stdout};
use crate::sites::{Fleet, NAMES, NEVER, QUICK};

async fn value(fleet: &Fleet, key: String) -> Option<Vec<u8>> {
    let found = fleet.client.engine.read(&[Read::Key(key)]).await.ok()?;
    found.pairs.into_iter().flatten().next().map(|pair| pair.value)
}

async fn put(fleet: &Fleet, key: String, value: Vec<u8>) {
    fleet.client.engine.write_again(&[Write::Put(key, value, None)]).await.expect("put");
}

async fn state(fleet: &Fleet, place: usize) -> Option<FleetState> {
    Some(fleet.daemon(place).status().await.fleet?.state())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_written_by_hand_kills_nobody_and_is_followed_again_once_it_is_put_right() {
    let world = World::new(531, 50);
    let Some(fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let place = fleet.other().await;
    let key = fleet.client.keys.head(Log::Records);
    let right = value(&fleet, key.clone()).await.expect("a head");
    let head = Head::from_bytes(Log::Records, &right).expect("a head");
    // The last index that there is, and one whose entry is not there.
    for index in [u64::MAX, head.index + 1] {
        let wrong = Head { index, sha256: Sha256Digest([7; 32]), ..head };
        put(&fleet, key.clone(), wrong.to_bytes()).await;
        eventually("the site is not current", || async {
            state(&fleet, place).await.filter(|state| *state != FleetState::Current)
        })
        .await;
        put(&fleet, key.clone(), right.clone()).await;
        eventually("the site is current again", || async {
            state(&fleet, place).await.filter(|state| *state == FleetState::Current)
        })
        .await;
    }
    fleet.ok(place, &["overrides", "add", "deny", "0049999999", "--why", "a test"]);
    fleet.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_whose_sign_of_life_was_taken_away_gives_another() {
    let world = World::new(532, 50);
    let Some(fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let key = fleet.client.keys.alive(NAMES[1]);
    eventually("the site lives", || async { value(&fleet, key.clone()).await }).await;
    fleet.client.engine.write_again(&[Write::Delete(key.clone())]).await.expect("deleted");
    eventually("it says so again", || async { value(&fleet, key.clone()).await }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_site_fetches_a_sync_says_so_and_nothing_waits_for_it() {
    let world = World::new(533, 50);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    fleet.configure(1, "fetches = false");
    fleet = fleet.founded().await.expect("founded");
    fleet.stop(0).await;
    let said = fleet.run(1, &["sync", "--json"]);
    assert_eq!(status_of(&said), 2, "{}", stdout(&said));
    let said: serde_json::Value = serde_json::from_slice(&said.stdout).expect("JSON");
    assert!(said["error"].as_str().is_some_and(|error| error.contains("no site fetches for the fleet")), "{said}");
    assert_eq!(said["outcome"], SyncOutcome::Failed.as_str_name().trim_start_matches("SYNC_OUTCOME_").to_lowercase());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_damaged_in_etcd_is_put_right_by_a_site_that_has_followed_it() {
    let world = World::new(535, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let (away, whole) = (fleet.other().await, fleet.fetcher().await);
    fleet.stop(away).await;
    for frn in ["0049999998", "0049999999"] {
        fleet.ok(whole, &["overrides", "add", "deny", frn, "--why", "a test"]);
    }
    let last = fleet.index(Log::Records).await;
    let key = fleet.client.keys.entry(Log::Records, last - 1);
    let mut entry = value(&fleet, key.clone()).await.expect("an entry");
    *entry.last_mut().expect("bytes") ^= 1;
    put(&fleet, key, entry).await;
    fleet.start(away);
    eventually("the site is stuck", || async {
        state(&fleet, away).await.filter(|state| *state != FleetState::Current)
    })
    .await;
    // The one that has not come so far names the one that has, and drops nothing of what that holds.
    fleet.stop(away).await;
    for arguments in [&["fleet", "repair"][..], &["fleet", "repair", "--drop-what-is-stuck", "records"]] {
        let refused = fleet.run(away, arguments);
        let said = stderr(&refused);
        let names = format!("site {} has followed the fleet's log `records` up to entry {last}", NAMES[whole]);
        assert!(status_of(&refused) == 2 && said.contains(&names) && said.contains("Nothing has changed"), "{said}");
        assert!(!said.contains("--drop-what-is-stuck"), "{said}");
    }
    assert_eq!(fleet.index(Log::Records).await, last);
    fleet.start(away);
    fleet.stop(whole).await;
    let said = stdout(&fleet.ok(whole, &["fleet", "repair"]));
    assert!(said.contains(&format!("ends at entry {last} again")), "{said}");
    fleet.start(whole);
    fleet.agree().await;
    // Nothing is wrong with it any more.
    fleet.stop(whole).await;
    let said = fleet.run(whole, &["fleet", "repair"]);
    assert!(status_of(&said) > 0, "{}", stdout(&said));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_has_lost_its_store_begins_with_what_the_fleet_holds() {
    let world = World::new(534, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let place = fleet.other().await;
    fleet.ok(place, &["overrides", "add", "deny", "0049999999", "--why", "a test"]);
    let before = fleet.agree().await;
    // By which it is seen that there was a store.
    fleet.archived(&hex::encode(&before.listing.as_ref().expect("a listing").1)).await;

    fleet.stop(place).await;
    let state_dir = fleet.sites[place].state_dir();
    std::fs::remove_file(state_dir.join("rmdd.redb")).expect("it was there");
    fleet.start(place);
    assert_eq!(fleet.agree().await, before);
    let alarms = fleet.daemon(place).status().await.alarms;
    assert!(!alarms.iter().any(|alarm| alarm.code.starts_with("RECORDS_")), "nothing is lost: {alarms:?}");
    let log = fleet.stop(place).await;
    assert!(log.contains("the store is missing: this site begins with what its fleet holds"), "{log}");
    fleet.start(place);
    assert_eq!(fleet.agree().await, before);
    let names: Vec<String> = std::fs::read_dir(&state_dir)
        .expect("a directory")
        .map(|entry| entry.expect("read").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.iter().any(|name| name.contains(".before-")), "the journal is kept: {names:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_was_damaged_or_taken_away_stops_all_sites_which_say_so_and_is_put_right_by_a_command() {
    let world = World::new(536, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    fleet.ok(0, &["overrides", "add", "deny", "0049999999", "--why", "a test"]);
    let before = fleet.agree().await;
    let index = fleet.index(Log::Records).await;
    let key = fleet.client.keys.head(Log::Records);
    for damaged in [true, false] {
        let mut head = value(&fleet, key.clone()).await.expect("a head");
        *head.last_mut().expect("bytes") ^= 1;
        let write = if damaged { Write::Put(key.clone(), head, None) } else { Write::Delete(key.clone()) };
        fleet.client.engine.write_again(&[write]).await.expect("written");
        for place in 0..2 {
            eventually("it is stuck", || async {
                state(&fleet, place).await.filter(|state| *state == FleetState::Stuck)
            })
            .await;
        }
        let said = stdout(&fleet.run(1, &["fleet", "status"]));
        let what = if damaged { "the head of the fleet's log `records` is damaged" } else { "`records` has no head" };
        assert!(said.contains("FLEET_STUCK") && said.contains(what) && said.contains("rmdd fleet repair"), "{said}");
        fleet.stop(0).await;
        let said = stdout(&fleet.ok(0, &["fleet", "repair"]));
        assert!(said.contains(&format!("`records` had lost where it ends, and ends at entry {index} again")), "{said}");
        fleet.start(0);
        for place in 0..2 {
            eventually("it goes on", || async {
                state(&fleet, place).await.filter(|state| *state == FleetState::Current)
            })
            .await;
        }
        assert_eq!(fleet.agree().await.records, before.records);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_confirmation_of_a_snapshot_that_does_not_exist_is_applied_nowhere_and_can_be_dropped() {
    let world = World::new(537, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let before = fleet.agree().await;
    let at = fleet.index(Log::Listing).await;
    // By whoever has the fetcher's certificate, at the head.
    let position = crate::sites::position(&fleet, Log::Listing).await;
    let confirmed = Some((SnapshotSerial(9), now()));
    let outcome = rmdd::domain::SyncOutcome::Unchanged { serial: SnapshotSerial(9), filings: 50 };
    let cycle = SyncRecord {
        at: now(),
        trigger: SyncTrigger::Schedule,
        source: "forged".to_owned(),
        outcome,
        passed_over: Vec::new(),
        sources: Vec::new(),
    };
    let payload = payload::of_cycle(&CycleFact { cycle, confirmed, holding: Holding::AsBefore });
    let [head, _] = fleet.client.poll().await.expect("read").heads;
    let head = head.expect("a head").expect("readable");
    let (site, version) = ("forger".to_owned(), "1".to_owned());
    let author = Author { site, version, id: [9; 16], at: now(), format: head.format };
    let written = entry::write(Log::Listing, &position, payload, author).expect("small");
    assert!(fleet.client.append(&head, &written, None).await.expect("answered"));
    let named = format!("entry {} of the fleet's log `listing` comes to something else here", at + 1);
    for place in 0..2 {
        eventually("it is stuck, and says at what", || async {
            let fleet = fleet.daemon(place).status().await.fleet?;
            let says =
                fleet.detail.contains(&named) && fleet.detail.contains("it confirms snapshot 9, and snapshot 1 stands");
            (says && fleet.state() != FleetState::Current).then_some(())
        })
        .await;
    }
    fleet.stop(0).await;
    let refused = fleet.run(0, &["fleet", "repair"]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("--drop-what-is-stuck"), "{}", stderr(&refused));
    fleet.ok(0, &["fleet", "repair", "--drop-what-is-stuck", "listing"]);
    fleet.start(0);
    assert_eq!(fleet.agree().await, before);
    eventually("it goes on", || async {
        (fleet.daemon(1).sync().await.outcome() == SyncOutcome::Unchanged).then_some(())
    })
    .await;
    fleet.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fleet_that_etcd_does_not_let_be_founded_leaves_the_store_in_none() {
    let world = World::new(539, 50);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 1, NEVER).await else { return };
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    let key = fleet.client.keys.head(Log::Records);
    put(&fleet, key.clone(), b"somebody's".to_vec()).await;
    let refused = fleet.run(0, &["fleet", "init"]);
    assert_eq!(status_of(&refused), 2);
    assert!(
        stderr(&refused).contains("Nothing has changed")
            && stderr(&refused).contains("deletes what begins with /rmdd/east/ there (etcdctl"),
        "{}",
        stderr(&refused)
    );
    fleet.client.engine.write_again(&[Write::DeleteRange(key.clone(), format!("{key}\0"))]).await.expect("deleted");
    let founded = fleet.run(0, &["fleet", "init"]);
    assert!(stdout(&founded).contains("is founded, as"), "{}", stdout(&founded));
    fleet.start(0);
    fleet.agree().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_is_full_is_an_alarm_at_every_site_and_cuts_off_none_that_holds_what_is_there() {
    let world = World::new(540, 50);
    let setup = Setup { quota_bytes: Some(8 << 20), ..Setup::default() };
    let Some(fleet) = Fleet::prepare_in(setup, &world.to_csv(), 2, NEVER, QUICK).await else { return };
    let mut fleet = fleet.founded().await.expect("founded");
    let large = Write::Put("large".to_owned(), vec![b'x'; 1 << 20], None);
    eventually("it is full", || async { fleet.client.engine.write(&[], std::slice::from_ref(&large)).await.err() })
        .await;
    let failing = |alarms: &[rmdd::api::grpc::v1::Alarm]| {
        let alarm = alarms.iter().find(|alarm| alarm.code == "FLEET_ENGINE_FAILING")?;
        assert!(alarm.finding.contains("NOSPACE") && alarm.what_to_do.contains("alarm disarm"), "{alarm:?}");
        fleet.etcd.urls().iter().any(|url| alarm.finding.contains(url)).then_some(())
    };
    for place in 0..2 {
        eventually("the site tells", || async { failing(&fleet.daemon(place).status().await.alarms) }).await;
    }
    let said = fleet.run(1, &["fleet", "status"]);
    assert!(status_of(&said) == 1 && stdout(&said).contains("WARNING FLEET_ENGINE_FAILING"), "{}", stdout(&said));

    // The other one stands for fetching, and gets no lease.
    let fetcher = fleet.fetcher().await;
    let other = fleet.other().await;
    fleet.stop(fetcher).await;
    eventually("nobody fetches", || async { fleet.client.poll().await.ok()?.fetcher.is_none().then_some(()) }).await;
    let from = now();
    let status = eventually("it is at the head of what etcd holds", || async {
        let status = fleet.daemon(other).status().await;
        let as_of = status.fleet.as_ref()?.current_as_of?;
        (as_of.seconds > from.as_second() + 3).then_some(status)
    })
    .await;
    assert_eq!(status.fleet.expect("in a fleet").state(), FleetState::Current);
    let refused = fleet.run(other, &["overrides", "add", "deny", "0049999999", "--why", "a test"]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("nothing was changed"), "{}", stderr(&refused));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_says_which_fleet_it_is_is_put_right_by_a_site_that_has_followed_its_logs() {
    let world = World::new(541, 50);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let key = fleet.client.keys.fleet();
    let right = value(&fleet, key.clone()).await.expect("a fleet");
    for (wrong, frn) in [(Some(b"\0".to_vec()), "0049999998"), (None, "0049999999")] {
        fleet.ok(0, &["overrides", "add", "deny", frn, "--why", "a test"]);
        fleet.agree().await;
        match wrong {
            Some(wrong) => put(&fleet, key.clone(), wrong).await,
            None => fleet.client.engine.write_again(&[Write::Delete(key.clone())]).await.expect("deleted"),
        }
        let status = eventually("the site says so", || async {
            let status = fleet.daemon(1).status().await;
            (status.fleet.as_ref()?.state() == FleetState::Stuck).then_some(status)
        })
        .await;
        let alarm = status.alarms.iter().find(|alarm| alarm.code == "FLEET_STUCK").expect("an alarm");
        assert!(alarm.message.contains("what says which fleet it is"), "{alarm:?}");
        assert!(alarm.what_to_do.contains("rmdd fleet repair"), "{alarm:?}");
        fleet.stop(0).await;
        let refused = fleet.run(0, &["fleet", "init"]);
        assert!(status_of(&refused) == 2 && stderr(&refused).contains("rmdd fleet repair"), "{}", stderr(&refused));
        // Logs that are not those that the site has followed show nothing.
        let head_key = fleet.client.keys.head(Log::Listing);
        let head = value(&fleet, head_key.clone()).await.expect("a head");
        let other = Head { sha256: Sha256Digest([7; 32]), ..Head::from_bytes(Log::Listing, &head).expect("a head") };
        put(&fleet, head_key.clone(), other.to_bytes()).await;
        let refused = fleet.run(0, &["fleet", "repair"]);
        assert!(status_of(&refused) == 2 && stderr(&refused).contains("Nothing has changed"), "{}", stderr(&refused));
        assert_ne!(value(&fleet, key.clone()).await.as_ref(), Some(&right));
        put(&fleet, head_key, head).await;

        let said = stdout(&fleet.ok(0, &["fleet", "repair"]));
        assert!(said.contains("says again that it is") && !said.contains("ends at entry"), "{said}");
        assert_eq!(value(&fleet, key.clone()).await.as_ref(), Some(&right));
        fleet.start(0);
        for place in 0..2 {
            eventually("the site goes on", || async {
                state(&fleet, place).await.filter(|state| *state == FleetState::Current)
            })
            .await;
        }
    }
    fleet.ok(1, &["overrides", "add", "deny", "0049999997", "--why", "a test"]);
    fleet.agree().await;
    fleet.end_alike().await;
}
