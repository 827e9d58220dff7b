//! An etcd that was restored, and sites that have gone two ways since: nothing that was acknowledged on either goes by itself, and
//! what each is told to do heals it.

use rmdd::api::grpc::v1::{FleetState, GetStatusResponse, SyncOutcome};
use rmdd::domain::Log;
use rmdd::fleet::engine::{Read, Write};
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{eventually, status_of, stderr, stdout};
use crate::sites::{Fleet, NAMES, NEVER};

/// What stands in etcd of both logs, but for blobs.
struct Backup {
    heads: Vec<(Log, Vec<u8>, u64)>,
}

impl Backup {
    async fn of(fleet: &Fleet) -> Self {
        let mut heads = Vec::new();
        for log in Log::ALL {
            heads.push((log, head(fleet, log).await, fleet.index(log).await));
        }
        Self { heads }
    }

    async fn restore(&self, fleet: &Fleet) {
        let keys = &fleet.client.keys;
        for (log, head, index) in &self.heads {
            let since = Write::DeleteRange(keys.entry(*log, index + 1), keys.entry(*log, u64::MAX));
            let head = Write::Put(keys.head(*log), head.clone(), None);
            fleet.client.engine.write_again(&[head, since]).await.expect("restored");
        }
    }
}

async fn head(fleet: &Fleet, log: Log) -> Vec<u8> {
    let found = fleet.client.engine.read(&[Read::Key(fleet.client.keys.head(log))]).await.expect("read");
    found.pairs[0][0].value.clone()
}

async fn heads(fleet: &Fleet) -> [Vec<u8>; 2] {
    [head(fleet, Log::Listing).await, head(fleet, Log::Records).await]
}

/// Puts an override on record at a site, once it takes one.
async fn deny(fleet: &Fleet, place: usize, frn: &str) {
    eventually("it is put on record", || async {
        let put = fleet.run(place, &["overrides", "add", "deny", frn, "--why", "a test", "--by", "ann"]);
        (status_of(&put) == 0).then_some(())
    })
    .await;
}

async fn sync(fleet: &Fleet, place: usize, world: &mut World) {
    world.advance(Step { remove: 1, ..Step::default() });
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.fetcher().await, place);
    assert_eq!(fleet.daemon(place).sync().await.outcome(), SyncOutcome::Applied);
}

fn overrides(fleet: &Fleet, place: usize) -> String {
    stdout(&fleet.ok(place, &["overrides", "list"]))
}

/// The alarm of a site that has gone another way, once it says so.
async fn branched(fleet: &Fleet, place: usize) -> GetStatusResponse {
    eventually("it says that it has gone another way", || async {
        let status = fleet.daemon(place).status().await;
        (status.fleet.as_ref()?.state() == FleetState::Forked).then_some(status)
    })
    .await
}

/// Two sites of one fleet. Of what the first did last, so many syncs and these records, etcd knows nothing any more, and the second
/// has gone on without it: by a sync and its own.
async fn gone_two_ways(seed: u64, syncs: usize, first: &[&str], second: &[&str]) -> Option<Fleet> {
    let mut world = World::new(seed, 60);
    let mut fleet = Fleet::found(&world.to_csv(), 2, NEVER).await?;
    deny(&fleet, 0, "0041000001").await;
    fleet.agree().await;
    let backup = Backup::of(&fleet).await;
    fleet.stop(1).await;
    for _ in 0..syncs {
        sync(&fleet, 0, &mut world).await;
    }
    for frn in first {
        deny(&fleet, 0, frn).await;
    }
    fleet.stop(0).await;
    backup.restore(&fleet).await;
    fleet.start(1);
    sync(&fleet, 1, &mut world).await;
    for frn in second {
        deny(&fleet, 1, frn).await;
    }
    Some(fleet)
}

/// Puts the fleet back as the first site has it, which drops what the second did.
async fn put_back(fleet: &mut Fleet) {
    let stood = heads(fleet).await;
    let refused = fleet.run(0, &["fleet", "repair"]);
    let said = stderr(&refused);
    assert!(status_of(&refused) == 2 && said.contains("--drop-what-came-since"), "{said}");
    assert!(said.contains(&format!("by site {}", NAMES[1])), "{said}");
    assert_eq!(heads(fleet).await, stood);
    let said = stdout(&fleet.ok(0, &["fleet", "repair", "--drop-what-came-since"]));
    assert!(said.contains("rmdd fleet leave") && said.contains("rmdd fleet join --bring-records"), "{said}");
    fleet.start(0);
}

/// What is documented for a site that has gone another way.
async fn join_anew(fleet: &mut Fleet, place: usize, brings: &[&str]) {
    fleet.stop(place).await;
    fleet.ok(place, &["fleet", "leave"]);
    let said = stdout(&fleet.ok(place, &["fleet", "join", "--dry-run"]));
    assert!(brings.iter().all(|frn| said.contains(frn)), "{said}");
    let said = stdout(&fleet.ok(place, &["fleet", "join", "--bring-records", "--by", "ann"]));
    // Those of one kind are one change.
    assert!(brings.len() > 1 || said.contains("1 record change was made in the fleet."), "{said}");
    fleet.start(place);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_without_a_flag_never_drops_what_another_site_has_put_back_and_what_is_told_heals() {
    let second = ["0041000012", "0041000013"];
    let Some(mut fleet) = gone_two_ways(601, 1, &["0041000002"], &second).await else { return };
    put_back(&mut fleet).await;
    let status = branched(&fleet, 1).await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "FLEET_FORKED").expect("an alarm");
    assert!(alarm.message.contains("has gone another way than this site"), "{alarm:?}");
    assert!(
        alarm.what_to_do.contains("rmdd fleet leave") && alarm.what_to_do.contains("join --bring-records"),
        "{alarm:?}"
    );
    assert!(!alarm.what_to_do.contains("rmdd fleet repair` at the site"), "{alarm:?}");
    assert!(stdout(&fleet.run(1, &["fleet", "status"])).contains("rmdd fleet leave"));

    // It stands further on, and what etcd holds is not in its past.
    fleet.stop(1).await;
    let stood = heads(&fleet).await;
    let refused = fleet.run(1, &["fleet", "repair"]);
    let said = stderr(&refused);
    assert!(status_of(&refused) == 2 && said.contains("Nothing has changed"), "{said}{}", stdout(&refused));
    assert!(said.contains("rmdd fleet leave") && said.contains("--drop-what-came-since"), "{said}");
    assert_eq!(heads(&fleet).await, stood);
    fleet.start(1);
    branched(&fleet, 1).await;
    eventually("the other sees that it lives, and how far it has come", || async {
        let seen = fleet.daemon(0).status().await.fleet?;
        let other = seen.sites.into_iter().find(|site| site.name == NAMES[1])?;
        (other.alive_since.is_some() && other.records?.index == 1 + second.len() as u64).then_some(())
    })
    .await;
    join_anew(&mut fleet, 1, &second).await;
    fleet.agree().await;
    for frn in ["0041000001", "0041000002"].iter().chain(&second) {
        assert!(overrides(&fleet, 0).contains(frn), "{}", overrides(&fleet, 0));
    }
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_has_gone_another_way_takes_no_base_that_lacks_what_it_holds() {
    let (first, second) = (["0041000002", "0041000003", "0041000004"], ["0041000012"]);
    let Some(mut fleet) = gone_two_ways(602, 2, &first, &second).await else { return };
    put_back(&mut fleet).await;
    // It stands before the base that the fleet goes on from.
    let has_dropped = eventually("it says that it has gone another way, or takes what is there", || async {
        let fleet = fleet.daemon(1).status().await.fleet?;
        let took = fleet.records.as_ref()?.index > 1 + second.len() as u64;
        (took || fleet.detail.contains("has gone another way")).then_some(took)
    })
    .await;
    assert!(!has_dropped);
    branched(&fleet, 1).await;
    assert!(overrides(&fleet, 1).contains(second[0]), "{}", overrides(&fleet, 1));
    fleet.stop(1).await;
    let refused = fleet.run(1, &["fleet", "repair"]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("rmdd fleet leave"), "{}", stderr(&refused));
    fleet.start(1);
    assert!(overrides(&fleet, 1).contains(second[0]), "{}", overrides(&fleet, 1));
    join_anew(&mut fleet, 1, &second).await;
    fleet.agree().await;
    for frn in first.iter().chain(&second) {
        assert!(overrides(&fleet, 0).contains(frn), "{}", overrides(&fleet, 0));
    }
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_and_a_store_that_were_both_put_back_lose_nothing_that_stands_in_the_journal() {
    let Some(mut fleet) = Fleet::found(&World::new(603, 60).to_csv(), 2, NEVER).await else { return };
    deny(&fleet, 0, "0041000001").await;
    fleet.agree().await;
    let place = fleet.other().await;
    let backup = fleet.sites[place].state_dir().with_file_name("backup.redb");
    fleet.ok(place, &["backup", &backup.to_string_lossy()]);
    let of_etcd = Backup::of(&fleet).await;
    for frn in ["0041000002", "0041000003"] {
        deny(&fleet, place, frn).await;
    }
    for place in 0..2 {
        fleet.stop(place).await;
    }
    of_etcd.restore(&fleet).await;
    std::fs::copy(&backup, fleet.sites[place].state_dir().join("rmdd.redb")).expect("put back");
    let refused = fleet.run(place, &["fleet", "repair"]);
    assert!(status_of(&refused) == 2 && stderr(&refused).contains("start the daemon"), "{}", stderr(&refused));
    // Alone it neither fetches nor puts anything behind events that the log does not have.
    fleet.start(place);
    let status = branched(&fleet, place).await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "FLEET_FORKED").expect("an alarm");
    assert!(alarm.message.contains("events 2 to 3 of operators' records"), "{alarm:?}");
    assert!(alarm.what_to_do.contains("join --bring-records"), "{alarm:?}");
    let refused = fleet.run(place, &["overrides", "add", "deny", "0041000009", "--why", "a test", "--by", "ann"]);
    assert_eq!(status_of(&refused), 2);
    assert!(overrides(&fleet, place).contains("0041000003"), "{}", overrides(&fleet, place));
    assert!(fleet.client.poll().await.expect("read").fetcher.is_none());
    join_anew(&mut fleet, place, &["0041000002", "0041000003"]).await;
    fleet.stop(place).await;
    let held = crate::sites::held(&fleet.sites[place]);
    assert_eq!(held.1.expect("in a fleet").records.index, of_etcd.heads[1].2 + 1);
    fleet.start(place);
    for frn in ["0041000001", "0041000002", "0041000003"] {
        assert!(overrides(&fleet, place).contains(frn), "{}", overrides(&fleet, place));
    }
}
