//! Bases: what a store takes, what it refuses, and what becomes of it beside its logs.

use std::sync::Arc;

use rmdd_testkit::{Step, World};

use super::site::{FLEET, Origin, Site, assert_good, assert_same, beside, hours};
use crate::domain::SnapshotSerial;
use crate::fleet::{Fault, base};
use crate::store::{FLEET_FORMAT, FORMAT, FleetId, Log, Position, State, Store, StoreError, verify_closed};

fn origin(listings: i64) -> Origin {
    let mut origin = Origin::new(World::new(5, 70));
    for hour in 1..=listings {
        origin.now = hours(hour);
        let csv = origin.world.to_csv();
        origin.publish(&csv, None);
        origin.confirm();
        origin.put(&[("east", hour as u64 + 10)]);
        origin.world.advance(Step { list: 2, amend: 3, remove: 2, reinstate: 1 });
    }
    origin
}

fn ends(origin: &Origin) -> [Position; 2] {
    Log::ALL.map(|log| origin.end(log))
}

fn bases(origin: &Origin) -> [base::Packed; 2] {
    Log::ALL.map(|log| origin.site.base(log, origin.end(log)))
}

fn format(site: &Site) -> u64 {
    let copy = tempfile::tempfile_in(site.directory.path()).expect("a file");
    site.store.copy_to(copy.try_clone().expect("again"), &std::env::temp_dir()).expect("copied");
    let database = redb::Database::builder()
        .create_with_backend(redb::backends::FileBackend::new(copy).expect("a file"))
        .expect("opened");
    let transaction = redb::ReadableDatabase::begin_read(&database).expect("begun");
    let meta = transaction.open_table(redb::TableDefinition::<&str, u64>::new("meta")).expect("there");
    meta.get("format").expect("read").expect("one").value()
}

#[test]
fn a_store_without_a_fleet_keeps_its_format_and_one_in_a_fleet_has_one_that_others_refuse() {
    let mut site = Site::empty();
    assert_eq!(format(&site), u64::from(FORMAT));
    assert_eq!(site.store.fleet_position().expect("read"), None);
    let origin = origin(2);
    assert_eq!(format(&origin.site), u64::from(FORMAT));
    for (log, packed) in Log::ALL.into_iter().zip(bases(&origin)) {
        site.take(log, &packed).expect("taken");
    }
    // A copy is a store of the fleet as well, and goes on from there.
    assert_eq!(format(&site), u64::from(FLEET_FORMAT));
    assert_same(&origin.site, &site, ends(&origin));
    site.store.compact().expect("compacted");
    let site = site.restarted();
    assert_eq!(Log::ALL.map(|log| site.position(log)), ends(&origin));
    assert_good(&site);
    let directory = site.directory.path();
    let read = Store::open_existing(directory);
    assert!(matches!(read, Err(StoreError::Held { .. })), "{read:?}");
    drop(site.store);
    assert_eq!(verify_closed(directory).expect("checked").faults, Vec::<String>::new());
    let read = Store::open_existing(directory).expect("opened");
    assert_eq!(read.fleet_position().expect("read").expect("one").fleet, FLEET);
}

#[test]
fn a_store_that_leaves_its_fleet_keeps_what_it_holds_as_a_past_of_its_own_in_the_format_of_others() {
    let (origin, mut site) = (origin(2), Site::joined());
    for (log, packed) in Log::ALL.into_iter().zip(bases(&origin)) {
        site.take(log, &packed).expect("taken");
    }
    let left = site.store.leave_fleet().expect("left");
    assert_eq!((left.fleet, Log::ALL.map(|log| left.of(log))), (FLEET, ends(&origin)));
    assert!(matches!(site.store.leave_fleet(), Err(StoreError::NoFleet { .. })));
    assert_eq!((format(&site), site.store.fleet_position().expect("read")), (u64::from(FORMAT), None));
    let mut site = site.restarted();
    assert_same(&origin.site, &site, ends(&origin));
    assert_good(&site);
    let refused = site.take(Log::Listing, &bases(&origin)[0]);
    assert!(matches!(refused, Err(Fault::Store(StoreError::OwnPast { .. }))), "{refused:?}");
    site.store.found_fleet(FleetId([9; 16])).expect("a fleet of its own");
}

#[test]
fn a_store_with_a_past_of_its_own_and_one_of_another_fleet_take_no_base() {
    let (origin, mut own, mut foreign) = (origin(1), Site::empty(), Site::empty());
    let [listing, records] = bases(&origin);
    foreign.store.found_fleet(FleetId([9; 16])).expect("founded");
    for (log, packed) in [(Log::Listing, &listing), (Log::Records, &records)] {
        assert!(matches!(foreign.take(log, packed), Err(Fault::Store(StoreError::InFleet { .. }))));
    }
    let again = foreign.store.found_fleet(FLEET);
    assert!(matches!(again, Err(StoreError::InFleet { .. })), "{again:?}");
    let mut with_records = Origin::new(World::new(1, 5));
    with_records.put(&[("mine", 3)]);
    std::mem::swap(&mut own, &mut with_records.site);
    let refused = own.take(Log::Listing, &listing);
    assert!(matches!(refused, Err(Fault::Store(StoreError::OwnPast { .. }))), "{refused:?}");
    assert_eq!(format(&own), u64::from(FORMAT));
}

#[test]
fn a_base_in_the_place_of_what_is_behind_keeps_the_file_once_and_what_is_the_sites_own() {
    let origin = origin(4);
    let mut site = Site::joined();
    for next in &origin.appended[..4] {
        site.follow(next).expect("applied");
    }
    let minute = site.store.load().expect("read").schedule_minute;
    let [listing, records] = bases(&origin);
    for _ in 0..2 {
        site.take(Log::Listing, &listing).expect("taken");
        site.take(Log::Records, &records).expect("taken");
    }
    assert_same(&origin.site, &site, ends(&origin));
    assert_eq!(site.store.load().expect("read").schedule_minute, minute);
    assert_eq!(beside(site.directory.path(), "before-base"), ["rmdd.redb.before-base"]);
    assert_good(&site.restarted());
}

#[test]
fn events_that_a_base_lacks_stay_beside_the_journal() {
    let origin = origin(2);
    let mut site = Site::joined();
    let mut other = Origin::new(World::new(1, 5));
    let events = other.put(&[("mine", 3)]);
    site.store.commit_records(&events).expect("committed");
    let records = origin.site.base(Log::Records, origin.end(Log::Records));
    site.take(Log::Records, &records).expect("taken");
    let kept = beside(site.directory.path(), "records.jsonl.before-base");
    assert_eq!(kept.len(), 1, "{kept:?}");
    let kept = std::fs::read_to_string(site.directory.path().join(&kept[0])).expect("read");
    assert!(kept.contains("mine"));
    assert_good(&site.restarted());
}

#[test]
fn what_is_old_is_the_same_blob_in_the_next_base() {
    let (mut origin, at) = (origin(3), Log::Listing);
    let before = origin.site.base(at, origin.end(at));
    origin.now = hours(9);
    origin.fail(false);
    let after = origin.site.base(at, origin.end(at));
    let same = before.parts.iter().filter(|part| after.parts.contains(part)).count();
    assert_eq!((same, before.parts.len()), (after.parts.len() - 1, after.parts.len()), "how syncing went is another");
}

#[test]
fn a_part_of_one_log_is_none_of_the_other_whatever_rows_it_has() {
    let origin = origin(3);
    let packed = bases(&origin);
    for (log, other) in [(0, 1), (1, 0)] {
        let (name, manifest) = (Log::ALL[log], &packed[log].manifest);
        let manifest = packed[log].name.manifest.unpack(manifest.chunks()).expect("good");
        let mut assembly = base::Assembly::begin(name, origin.end(name).index, &manifest).expect("begun");
        for part in packed[other].parts.iter().map(|part| part.name.unpack(part.chunks()).expect("good")) {
            // The first of the records says nothing where no event was lost.
            assert!(part.is_empty() || assembly.add(&part).is_err(), "{name:?}");
        }
    }
}

#[test]
fn parts_that_are_missing_others_or_do_not_hold_together_are_not_taken_and_the_next_good_base_is() {
    let origin = origin(3);
    let mut site = Site::joined();
    let [listing, records] = bases(&origin);
    let end = origin.end(Log::Listing);
    let manifest = listing.name.manifest.unpack(listing.manifest.chunks()).expect("good");
    let begin = |index, log| base::Assembly::begin(log, index, &manifest);
    assert!(matches!(begin(end.index + 1, Log::Listing), Err(Fault::Damaged { .. })));
    assert!(matches!(begin(end.index, Log::Records), Err(Fault::Damaged { .. })));
    let mut assembly = begin(end.index, Log::Listing).expect("begun");
    let part = |place: usize| listing.parts[place].name.unpack(listing.parts[place].chunks()).expect("good");
    assert!(assembly.add(&part(1)[..40]).expect_err("refused").to_string().starts_with("part 1 of the base of"));
    let other = &records.parts[1];
    assert!(assembly.add(&other.name.unpack(other.chunks()).expect("good")).is_err(), "of the other log");
    assembly.add(&part(0)).expect("a part");
    assert!(matches!(assembly.finish(), Err(Fault::Damaged { .. })), "parts are missing");

    let (State::Listing(good), _) = origin.site.store.state(Log::Listing).expect("read") else { panic!("the listing") };
    let attacks: [&dyn Fn(&mut crate::store::ListingState); 7] = [
        &|state| _ = state.filings.pop(),
        &|state| _ = state.filings.swap_remove(0),
        &|state| _ = state.changes.remove(3),
        &|state| state.last_change.0 += 1,
        &|state| _ = state.snapshots.remove(1),
        &|state| state.snapshots[2].0.serial = SnapshotSerial(9),
        &|state| {
            state.removals.push(Arc::new(crate::domain::Removal {
                filing: Arc::clone(&state.filings[0]),
                last_seen_at: hours(1),
                first_missing_at: hours(2),
                snapshot: SnapshotSerial(2),
                reinstated_at: None,
            }))
        },
    ];
    for (place, attack) in attacks.into_iter().enumerate() {
        let mut state = good.clone();
        attack(&mut state);
        let refused = site.store.take_base(&State::Listing(state), FLEET, end);
        assert!(matches!(refused, Err(StoreError::BadBase { .. })), "attack {place}: {refused:?}");
        assert_eq!(site.position(Log::Listing).index, 0, "attack {place}");
    }
    let (State::Records(mut state), _) = origin.site.store.state(Log::Records).expect("read") else {
        panic!("records")
    };
    state.events.remove(0);
    let refused = site.store.take_base(&State::Records(state), FLEET, origin.end(Log::Records));
    assert!(matches!(refused, Err(StoreError::BadBase { .. })), "{refused:?}");
    site.take(Log::Listing, &listing).expect("taken");
    site.take(Log::Records, &records).expect("taken");
    assert_same(&origin.site, &site, ends(&origin));
    assert_good(&site);
}
