//! An etcd that was lost, restored or overtaken, and sites that have been away for long.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{FleetPlace, Override, OverrideAction, PutRecordsRequest, Record, SyncOutcome};
use rmdd::domain::{self, Log, Position};
use rmdd::fleet::client::Client;
use rmdd::fleet::engine::{Read, Write};
use rmdd::fleet::entry::{self, Author};
use rmdd::fleet::head::Head;
use rmdd::fleet::keys::behind;
use rmdd::fleet::payload;
use rmdd::fleet::said::{SiteSays, Token};
use rmdd::records::{Change, Records, plan};
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{Daemon, eventually, now, status_of, stderr};
use crate::sites::{Fleet, NAMES, NEVER};

fn deny(frn: u64) -> PutRecordsRequest {
    let body = Body::Override(Override { action: OverrideAction::Deny.into() });
    let record = Record {
        provider: Some(Provider::Frn(format!("{frn:010}"))),
        body: Some(body),
        why: "a test".to_owned(),
        ..Record::default()
    };
    PutRecordsRequest { records: vec![record], replace: false, by: "ann".to_owned() }
}

async fn deny_many(daemon: &Daemon, frns: impl Iterator<Item = u64>) {
    let mut admin = daemon.admin().await;
    for frn in frns {
        admin.put_records(deny(frn)).await.expect("put");
    }
}

async fn alarms(daemon: &Daemon) -> Vec<String> {
    daemon.status().await.alarms.into_iter().map(|alarm| alarm.code).collect()
}

/// A site that does nothing but put records on record, faster than any command would.
struct Writer {
    client: Client,
    records: Records,
    head: Head,
    position: Position,
}

impl Writer {
    /// One that begins before the first entry.
    async fn new(fleet: &Fleet) -> Self {
        let polled = fleet.client.poll().await.expect("read");
        let id = polled.fleet.expect("founded").expect("readable").id;
        let [_, head] = polled.heads;
        let position = Position::origin(id, Log::Records);
        let (client, records) = (fleet.client.clone(), Records::build(Vec::new(), 0));
        Self { client, records, head: head.expect("a head").expect("readable"), position }
    }

    async fn append(&mut self, many: u64) {
        for _ in 0..many {
            let frn = format!("{:010}", 1_000_000 + self.position.index);
            let record = domain::Record {
                provider: domain::Identity::Frn(frn.parse().expect("an FRN")),
                body: domain::RecordBody::Override(domain::Override { action: domain::OverrideAction::Deny }),
                by: "ann".to_owned(),
                why: "a test".to_owned(),
                at: now(),
                revision: 0,
                expires_at: None,
            };
            let change = Change::Put { records: vec![record], replace: false, by: "ann".to_owned() };
            let events = plan(&self.records, change, now()).expect("planned");
            let payload = payload::of_records(&events).expect("written");
            let id = Token::draw().0;
            let author = Author {
                site: "writer".to_owned(),
                version: "test".to_owned(),
                id,
                at: now(),
                format: self.head.format,
            };
            let written = entry::write(Log::Records, &self.position, payload, author).expect("small");
            // A base may have been named meanwhile.
            while !self.client.append(&self.head, &written, None).await.expect("answered") {
                let [_, head] = self.client.poll().await.expect("read").heads;
                self.head = head.expect("a head").expect("readable");
                assert_eq!(self.head.index, self.position.index, "nobody else writes");
            }
            self.position = written.position;
            self.head = Head { index: written.position.index, sha256: written.position.sha256, ..self.head };
            self.records = self.records.after(&events);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_that_was_away_for_longer_than_entries_are_kept_takes_a_base() {
    let world = World::new(521, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    let (away, at) = (fleet.other().await, fleet.fetcher().await);
    fleet.daemons[away].take().expect("it runs").kill();
    // A base for each 256 entries; those before the base before it go.
    let mut writer = Writer::new(&fleet).await;
    for many in [260, 260] {
        writer.append(many).await;
        let made = fleet.index(Log::Records).await;
        eventually("a base is made", || async {
            let [_, records] = fleet.client.poll().await.ok()?.heads;
            (records?.ok()?.base?.index >= made / 256 * 256).then_some(())
        })
        .await;
        assert!(fleet.daemons[at].is_some());
    }
    eventually("old entries go", || async {
        fleet.client.entries(Log::Records, 1, 1).await.ok()?.is_empty().then_some(())
    })
    .await;
    fleet.start(away);
    fleet.agree().await;
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_site_catches_up_while_etcd_throws_away_all_old_revisions_every_second() {
    let mut world = World::new(525, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 3, NEVER).await else { return };
    let (away, at) = (fleet.other().await, fleet.fetcher().await);
    let empty = (0..3).find(|place| ![away, at].contains(place)).expect("a third");
    fleet.daemons[away].take().expect("it runs").kill();
    fleet.daemons[empty].take().expect("it runs").kill();
    std::fs::remove_dir_all(fleet.sites[empty].state_dir()).expect("removed");
    let mut writer = Writer::new(&fleet).await;
    let (done, thrown_away) = (AtomicBool::new(false), AtomicU64::new(0));
    let compacting = async {
        let mut every = tokio::time::interval(std::time::Duration::from_secs(1));
        while !done.load(Ordering::SeqCst) {
            every.tick().await;
            let Ok(polled) = fleet.client.poll().await else { continue };
            if fleet.etcd.compact(polled.from.revision).await {
                thrown_away.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let writing = async {
        // Each compaction is behind entries that no other site has seen.
        while thrown_away.load(Ordering::SeqCst) < 4 {
            writer.append(20).await;
            world.advance(Step { amend: 3, remove: 1, ..Step::default() });
            fleet.source.answer(Answer::csv(&world.to_csv()));
            assert_eq!(fleet.daemon(at).sync().await.outcome(), SyncOutcome::Applied);
        }
        // One from an hour ago, one from nothing, while it goes on.
        let mut starting: Vec<_> = [away, empty].map(|place| (place, fleet.sites[place].config())).into();
        let mut daemons = Vec::new();
        while let Some((place, config)) = starting.pop() {
            let daemon = tokio::task::block_in_place(|| fleet.sites[place].start_with(&["--config", &config]));
            daemons.push((place, daemon));
        }
        let heads = fleet.daemon(at).status().await.fleet.expect("a fleet");
        for (_, daemon) in &daemons {
            eventually("it catches up", || async {
                let status = daemon.status().await.fleet?;
                let index = |place: Option<&FleetPlace>| place.map(|place| place.index);
                let there = index(status.records.as_ref()) >= index(heads.records.as_ref())
                    && index(status.listing.as_ref()) >= index(heads.listing.as_ref());
                there.then_some(())
            })
            .await;
        }
        done.store(true, Ordering::SeqCst);
        daemons
    };
    let (daemons, ()) = tokio::join!(writing, compacting);
    daemons.into_iter().for_each(|(place, daemon)| fleet.daemons[place] = Some(daemon));
    fleet.agree().await;
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bases_that_are_gone_or_damaged_are_made_again_by_whoever_fetches() {
    let world = World::new(527, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    // What holds nothing but a base begins with that again.
    deny_many(fleet.daemon(0), 1..3).await;
    assert_eq!(fleet.daemon(0).sync().await.outcome(), SyncOutcome::Unchanged);
    fleet.agree().await;
    for place in 0..2 {
        fleet.stop(place).await;
    }
    let (client, keys) = (&fleet.client, &fleet.client.keys);
    let (gone, damaged) = (keys.blobs(Log::Listing), keys.blobs(Log::Records));
    let mut writes = vec![Write::DeleteRange(gone.clone(), behind(&gone))];
    for (key, mut bytes) in client.below(&damaged).await.expect("read") {
        bytes.reverse();
        writes.push(Write::Put(format!("{damaged}{key}"), bytes, None));
    }
    client.engine.write_again(&writes).await.expect("written");
    fleet.start(0);
    eventually("they are made again", || async {
        let heads = fleet.client.poll().await.ok()?.heads;
        let bases = heads.map(|head| head.and_then(|head| Some(head.ok()?.base?.index)));
        (bases == [Some(1), Some(2)]).then_some(())
    })
    .await;
    std::fs::remove_dir_all(fleet.sites[1].state_dir()).expect("removed");
    fleet.start(1);
    fleet.agree().await;
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_base_of_a_fleet_that_is_lost_before_any_entry_is_made_again_by_the_site_that_founded_it() {
    let world = World::new(528, 60);
    let Some(mut fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    fleet.sites[0].make_store();
    fleet.ok(0, &["sync"]);
    fleet.ok(0, &["fleet", "init"]);
    let (client, keys) = (&fleet.client, &fleet.client.keys);
    let blobs = Log::ALL.map(|log| keys.blobs(log)).map(|blobs| Write::DeleteRange(blobs.clone(), behind(&blobs)));
    client.engine.write_again(&blobs).await.expect("deleted");
    // A new site never gets a listing, and says so and why.
    fleet.start(1);
    eventually("it says so", || async {
        let said = crate::common::stdout(&fleet.run(1, &["fleet", "status"]));
        (said.contains("listing none") || said.contains("listing not known"))
            .then(|| said.contains("it has never had a listing of the fleet: the blob"))
            .filter(|said| *said)
    })
    .await;
    fleet.start(0);
    assert_eq!(fleet.fetcher().await, 0);
    fleet.agree().await;
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etcd_that_lost_everything_is_founded_again_by_a_site_and_the_others_go_on() {
    let world = World::new(522, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    deny_many(fleet.daemon(0), 1..4).await;
    let before = fleet.agree().await;
    fleet.etcd.kill_all();
    fleet.etcd.wipe();
    fleet.etcd.start_all_again().await;
    eventually("the loss is told", || async {
        alarms(fleet.daemon(1)).await.contains(&"FLEET_FOREIGN".to_owned()).then_some(())
    })
    .await;
    let refused = fleet.run(1, &["overrides", "add", "deny", "0041000009", "--by", "ann", "--why", "a test"]);
    assert_eq!(status_of(&refused), 2);
    assert!(stderr(&refused).contains("rmdd fleet init"), "{}", stderr(&refused));
    let (status, log) = fleet.daemons[0].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    fleet.ok(0, &["fleet", "init"]);
    fleet.start(0);
    // Before anything changes: who is at the head is seen at once, and who is gone later is missed.
    let (engine, keys) = (&fleet.client.engine, &fleet.client.keys);
    let told = || async {
        let read = [Read::Key(keys.site(NAMES[0])), Read::Key(keys.site(NAMES[1]))];
        let found = engine.read(&read).await.expect("read").pairs.into_iter().flatten();
        found.map(|pair| pair.value).collect::<Vec<_>>()
    };
    let said =
        eventually("both tell of themselves", || async { Some(told().await).filter(|said| said.len() == 2) }).await;
    // As an etcd has it that was put back.
    let mut earlier = SiteSays::from_bytes(&said[1]).expect("read");
    earlier.records.0 -= 1;
    engine.write_again(&[Write::Put(keys.site(NAMES[1]), earlier.to_bytes(), None)]).await.expect("put");
    let is_said = |bytes: &[u8]| SiteSays::from_bytes(bytes).expect("read").records.0 == earlier.records.0 + 1;
    eventually("it tells of itself again", || async { is_said(&told().await[1]).then_some(()) }).await;
    eventually("the other goes on", || async {
        let mut admin = fleet.daemon(1).admin().await;
        admin.put_records(deny(9)).await.is_ok().then_some(())
    })
    .await;
    let told = fleet.agree().await;
    assert_eq!(told.listing, before.listing);
    assert_eq!(fleet.index(Log::Records).await, 4, "the log goes on from where the site stood");
    fleet.end_alike().await;
}

/// Waits until each site can put a record on record again.
async fn go_on(fleet: &Fleet, from: u64) {
    for place in 0..2 {
        eventually("it goes on", || async {
            let mut admin = fleet.daemon(place).admin().await;
            admin.put_records(deny(from + place as u64)).await.is_ok().then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_went_back_stops_all_sites_which_answer_on_and_go_on_when_it_is_what_it_was() {
    let world = World::new(523, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    deny_many(fleet.daemon(0), 1..2).await;
    let client = fleet.client.clone();
    let keys = &client.keys;
    let head = || async {
        let found = client.engine.read(&[Read::Key(keys.head(Log::Records))]).await.expect("read");
        found.pairs[0][0].value.clone()
    };
    let earlier = head().await;
    deny_many(fleet.daemon(1), 2..4).await;
    let before = fleet.agree().await;
    let newest = head().await;
    let put = |value: &[u8]| Write::Put(keys.head(Log::Records), value.to_vec(), None);
    fleet.client.engine.write_again(&[put(&earlier)]).await.expect("put");
    for place in 0..2 {
        eventually("the fork is told", || async {
            alarms(fleet.daemon(place)).await.contains(&"FLEET_FORKED".to_owned()).then_some(())
        })
        .await;
        let refused = fleet.daemon(place).admin().await.put_records(deny(9)).await.expect_err("refused");
        assert!(refused.message().contains("nothing was changed"), "{}", refused.message());
    }
    assert_eq!(fleet.agree().await, before, "nothing is thrown away");
    fleet.client.engine.write_again(&[put(&newest)]).await.expect("put");
    go_on(&fleet, 10).await;
    fleet.agree().await;

    // It stays lost: a site puts back what it holds.
    fleet.client.engine.write_again(&[put(&earlier)]).await.expect("put");
    let (status, log) = fleet.daemons[0].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    fleet.ok(0, &["fleet", "repair"]);
    let again = fleet.run(0, &["fleet", "repair"]);
    assert!(status_of(&again) == 2 && stderr(&again).contains("nothing is to be repaired"), "{}", stderr(&again));
    fleet.start(0);
    go_on(&fleet, 20).await;
    assert_eq!(fleet.index(Log::Records).await, 7, "none was lost");
    fleet.agree().await;
    fleet.end_alike().await;
}

/// Puts a log back to where it ended before, without the entries since, as an etcd is that was restored.
async fn restore(fleet: &Fleet, log: Log, head: Vec<u8>, index: u64) {
    let keys = &fleet.client.keys;
    let since = Write::DeleteRange(keys.entry(log, index + 1), keys.entry(log, u64::MAX));
    fleet.client.engine.write_again(&[Write::Put(keys.head(log), head, None), since]).await.expect("restored");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_sites_alone_have_of_one_log_each_is_put_back_by_both() {
    let mut world = World::new(526, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 2, NEVER).await else { return };
    deny_many(fleet.daemon(0), 1..3).await;
    fleet.agree().await;
    let mut earlier = Vec::new();
    for log in Log::ALL {
        let found = fleet.client.engine.read(&[Read::Key(fleet.client.keys.head(log))]).await.expect("read");
        earlier.push((found.pairs[0][0].value.clone(), fleet.index(log).await));
    }
    let [listing, records] = &earlier[..] else { panic!("two logs") };
    // One has a record, and etcd loses it; then the other has a listing, and etcd loses that.
    fleet.stop(1).await;
    deny_many(fleet.daemon(0), 3..5).await;
    fleet.stop(0).await;
    restore(&fleet, Log::Records, records.0.clone(), records.1).await;
    fleet.start(1);
    world.advance(Step { remove: 1, ..Step::default() });
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.fetcher().await, 1);
    assert_eq!(fleet.daemon(1).sync().await.outcome(), SyncOutcome::Applied);
    fleet.stop(1).await;
    restore(&fleet, Log::Listing, listing.0.clone(), listing.1).await;
    for place in 0..2 {
        fleet.ok(place, &["fleet", "repair"]);
    }
    (0..2).for_each(|place| fleet.start(place));
    let told = fleet.agree().await;
    assert_eq!((told.listing.expect("a listing").0, fleet.index(Log::Records).await), (2, records.1 + 2));
    let all = |told: &str| (1..5).all(|frn: u64| told.contains(&format!("{frn:010}")));
    assert!(all(&told.records), "{}", told.records);
    fleet.end_alike().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_site_of_one_name_takes_no_part_until_the_first_is_gone() {
    let world = World::new(524, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 1, NEVER).await else { return };
    let twin = fleet.add_twin_of(0);
    fleet.start(twin);
    // Until it has joined and met the other it may be heard.
    let mut frns = 100..;
    eventually("the twin is told", || {
        let frn = frns.next().expect("another");
        let daemon = fleet.daemon(twin);
        async move {
            let refused = daemon.admin().await.put_records(deny(frn)).await.err()?;
            refused.message().contains("another site of the name").then_some(())
        }
    })
    .await;
    deny_many(fleet.daemon(0), 2..3).await;
    let index = fleet.index(Log::Records).await;
    let (status, log) = fleet.daemons[0].take().expect("it runs").terminate().await;
    assert!(status.success(), "{log}");
    eventually("it takes part", || async {
        fleet.daemon(twin).admin().await.put_records(deny(3)).await.is_ok().then_some(())
    })
    .await;
    assert_eq!(fleet.index(Log::Records).await, index + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn and_so_does_one_that_is_served_from_a_copy_of_its_state_directory() {
    let world = World::new(526, 60);
    let Some(mut fleet) = Fleet::found(&world.to_csv(), 1, NEVER).await else { return };
    // It has said that it lives, by what its store has for that.
    fleet.fetcher().await;
    fleet.stop(0).await;
    let copy = fleet.add_twin_of(0);
    std::fs::create_dir_all(fleet.sites[copy].state_dir()).expect("made");
    for name in ["rmdd.redb", "records.jsonl"] {
        let [from, to] = [0, copy].map(|place| fleet.sites[place].state_dir().join(name));
        std::fs::copy(from, to).expect("copied");
    }
    fleet.start(0);
    assert_eq!(fleet.fetcher().await, 0);
    fleet.start(copy);
    eventually("the copy is told", || async {
        alarms(fleet.daemon(copy)).await.contains(&"FLEET_STUCK".to_owned()).then_some(())
    })
    .await;
    let refused = fleet.daemon(copy).admin().await.put_records(deny(9)).await.expect_err("refused");
    assert!(refused.message().contains("another site of the name"), "{}", refused.message());
    deny_many(fleet.daemon(0), 2..3).await;
    assert_eq!(alarms(fleet.daemon(0)).await, Vec::<String>::new());
    // One that is started again is no other, and neither is one whose end nobody has seen.
    fleet.daemons[copy].take().expect("it runs").kill();
    fleet.daemons[0].take().expect("it runs").kill();
    fleet.start(0);
    eventually("it goes on", || async {
        fleet.daemon(0).admin().await.put_records(deny(3)).await.is_ok().then_some(())
    })
    .await;
    assert_eq!(alarms(fleet.daemon(0)).await, Vec::<String>::new());
}
