//! What comes from a log is not what was written: nothing of it is applied, nothing panics, and the fault names it.

use proptest::prelude::*;
use prost::Message;
use rmdd_testkit::{Step, World};

use super::site::{Appended, FLEET, Origin, Site, digest, hours};
use crate::domain::Sha256Digest;
use crate::fleet::blob::{Blob, BlobName, CHUNK, MOST_PACKED};
use crate::fleet::entry::{self, Author, Entry, Payload, Written};
use crate::fleet::head::{BaseName, Head};
use crate::fleet::wire::v1;
use crate::fleet::{FORMAT, Fault};
use crate::store::{FleetId, Log, Position, StoreError};

/// So many bytes that do not pack.
fn noise(count: usize) -> Vec<u8> {
    let next = |state: &u64| Some(state ^ state << 13).map(|s| s ^ s >> 7).map(|s| s ^ s << 17);
    std::iter::successors(Some(88_172_645_463_325_252), next).flat_map(u64::to_le_bytes).take(count).collect()
}

/// Two listings, a confirmation, and three changes of records.
fn origin() -> Origin {
    let mut origin = Origin::new(World::new(3, 90));
    let mut csv = origin.world.to_csv();
    for hour in 1..=2 {
        origin.now = hours(hour);
        origin.publish(&csv, None);
        origin.world.advance(Step { list: 1, amend: 2, remove: 1, reinstate: 0 });
        csv = origin.world.to_csv();
    }
    origin.now = hours(3);
    origin.confirm();
    origin.put(&[("east", 11), ("west", 12)]);
    origin.put(&[("east", 13)]);
    origin.remove("west");
    origin
}

fn of(origin: &Origin, log: Log) -> Vec<Appended> {
    origin.appended.iter().filter(|next| next.log == log).cloned().collect()
}

/// What a store is known to hold.
fn held(site: &Site) -> (Vec<Sha256Digest>, [Position; 2]) {
    let positions = Log::ALL.map(|log| site.position(log));
    let bases = Log::ALL.map(|log| site.base(log, site.position(log)).name.manifest.sha256);
    (bases.to_vec(), positions)
}

fn assert_damaged(read: Result<impl std::fmt::Debug, Fault>, named: &str) {
    match read {
        Err(fault @ Fault::Damaged { .. }) if fault.to_string().starts_with(named) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_that_is_cut_short_or_changed_in_one_bit_is_not_believed() {
    let origin = origin();
    for next in [&of(&origin, Log::Listing)[2], &of(&origin, Log::Records)[0]] {
        let (bytes, end) = (&next.written.bytes, next.written.position.sha256);
        let entry = v1::Entry::decode(bytes.as_slice()).expect("good");
        let after = Position {
            index: entry.index - 1,
            sha256: Sha256Digest(entry.before_sha256.try_into().expect("32 bytes")),
            at: hours(0),
        };
        let name = format!("entry {} of the fleet's log `{}`", entry.index, next.log.as_str());
        assert_eq!(entry::chain(next.log, &after, &[bytes], end).expect("good").entries[0].name(), name);
        for length in 0..bytes.len() {
            assert_damaged(entry::chain(next.log, &after, &[&bytes[..length]], end), &name);
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_damaged(entry::chain(next.log, &after, &[&changed], end), &name);
            // Nor does it panic where its digest is vouched for.
            let _ = entry::chain(next.log, &after, &[&changed], digest(&changed));
        }
    }
}

#[test]
fn entries_out_of_order_of_another_log_or_of_another_fleet_are_not_believed() {
    let origin = origin();
    let listing = of(&origin, Log::Listing);
    let records = of(&origin, Log::Records);
    let bytes = |all: &[Appended]| all.iter().map(|next| next.written.bytes.clone()).collect::<Vec<_>>();
    let (all, end) = (bytes(&listing), origin.end(Log::Listing).sha256);
    let first = Position::origin(FLEET, Log::Listing);
    let chain = |entries: &[Vec<u8>]| entry::chain(Log::Listing, &first, entries, end);
    assert_eq!(chain(&all).expect("good").entries.len(), 3);
    let swapped = [all[1].clone(), all[0].clone(), all[2].clone()];
    let twice = [all[0].clone(), all[0].clone(), all[2].clone()];
    assert_damaged(chain(&swapped), "entry 2 of the fleet's log `listing`");
    assert_damaged(chain(&twice), "entry 2 of the fleet's log `listing`");
    assert_damaged(chain(&all[1..]), "entry 2 of the fleet's log `listing`");
    assert_damaged(chain(&all[..2]), "entry 2 of the fleet's log `listing`");
    let none: [Vec<u8>; 0] = [];
    assert_damaged(chain(&none), "entry 1 of the fleet's log `listing`");
    let foreign = Position::origin(FleetId([8; 16]), Log::Listing);
    assert_damaged(entry::chain(Log::Listing, &foreign, &all, end), "entry 1 of the fleet's log `listing`");
    let end = origin.end(Log::Records).sha256;
    assert_damaged(entry::chain(Log::Listing, &first, &bytes(&records), end), "entry 3 of the fleet's log `listing`");

    let mut site = Site::joined();
    site.follow(&listing[0]).expect("applied");
    let before = held(&site);
    assert_damaged(site.follow(&listing[0]), "entry 2 of the fleet's log `listing` is damaged: it is");
    assert_damaged(site.follow(&listing[2]), "entry 2 of the fleet's log `listing` is damaged: it is");
    assert_eq!(held(&site), before);
}

/// An entry that says this, as one that the head vouches for.
fn vouched(after: &Position, log: Log, payload: Vec<u8>) -> Appended {
    let author = Author { site: "b".to_owned(), version: "9".to_owned(), id: [9; 16], at: hours(9), format: FORMAT };
    Appended { log, written: entry::write(log, after, payload, author).expect("written") }
}

#[test]
fn a_time_before_the_last_entrys_is_not_believed_and_not_written() {
    let mut after = Position::origin(FLEET, Log::Listing);
    after.at = hours(20);
    let next = vouched(&after, Log::Listing, vec![1]);
    assert_eq!(next.written.position.at, hours(20));
    let late =
        v1::Entry { at_ms: hours(19).as_millisecond(), ..v1::Entry::decode(&next.written.bytes[..]).expect("good") };
    let late = late.encode_to_vec();
    assert_damaged(entry::chain(Log::Listing, &after, &[&late], digest(&late)), "entry 1 of the fleet's log `listing`");
}

#[test]
fn a_newer_format_or_another_kind_stops_a_site_there_and_not_before() {
    let origin = origin();
    let listing = of(&origin, Log::Listing);
    let second = v1::Entry::decode(&listing[1].written.bytes[..]).expect("good");
    let newer = v1::Entry { format: FORMAT + 1, ..second.clone() }.encode_to_vec();
    let other = v1::Entry { payload: None, ..second }.encode_to_vec();
    let first = Position::origin(FLEET, Log::Listing);
    for (bytes, said) in [(newer, "entry 2 of the fleet's log `listing` has format 2"), (other, "entry 2 of")] {
        let end = digest(&bytes);
        let chained =
            entry::chain(Log::Listing, &first, &[listing[0].written.bytes.clone(), bytes], end).expect("good");
        assert_eq!(chained.entries.len(), 1);
        let fault = chained.then.expect("a fault");
        assert!(matches!(fault, Fault::Format { .. } | Fault::Unknown { .. }), "{fault:?}");
        assert!(fault.to_string().starts_with(said), "{fault}");
    }
    // A fact of a kind that comes later, and words that are not known.
    let mut site = Site::joined();
    let unknown = [(v1::ListingPayload { fact: None }).encode_to_vec(), b"\xc2\x3e\x00".to_vec()];
    for payload in unknown {
        let next = vouched(&first, Log::Listing, payload);
        let fault = site.follow(&next).expect_err("refused");
        assert!(matches!(fault, Fault::Unknown { .. }), "{fault:?}");
    }
    let cycle = v1::Cycle {
        cycle: Some(v1::SyncRecord { trigger: "moon".to_owned(), ..Default::default() }),
        holding: 1,
        ..Default::default()
    };
    let payload = v1::ListingPayload { fact: Some(v1::listing_payload::Fact::Cycle(cycle)) }.encode_to_vec();
    assert!(matches!(site.follow(&vouched(&first, Log::Listing, payload)), Err(Fault::Unknown { .. })));
    assert_eq!(site.position(Log::Listing).index, 0);
}

#[test]
fn a_head_that_is_cut_short_or_changed_in_one_bit_is_not_believed() {
    let manifest = Blob::pack("a base", b"a base").expect("packed").name;
    let base = Some(BaseName { index: 7, manifest });
    let head = Head { log: Log::Records, format: FORMAT, index: 9, sha256: Sha256Digest([5; 32]), base };
    let bytes = head.to_bytes();
    assert_eq!(Head::from_bytes(Log::Records, &bytes).expect("good"), head);
    let named = "the head of the fleet's log `records`";
    for length in 0..bytes.len() {
        assert!(Head::from_bytes(Log::Records, &bytes[..length]).is_err(), "{length}");
    }
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let fault = Head::from_bytes(Log::Records, &changed).expect_err("refused");
        assert!(fault.to_string().starts_with(named), "{fault}");
    }
    assert_damaged(Head::from_bytes(Log::Listing, &bytes), "the head of the fleet's log `listing`");
    let first = Head::origin(FLEET, Log::Listing);
    assert_eq!(Head::from_bytes(Log::Listing, &first.to_bytes()).expect("good"), first);
    let ahead = Head { base: Some(BaseName { index: 10, manifest }), ..head };
    assert_damaged(Head::from_bytes(Log::Records, &ahead.to_bytes()), named);
}

#[test]
fn a_blob_that_is_not_what_was_written_is_not_unpacked() {
    let bytes = noise(3 << 18);
    let blob = Blob::pack("a listing", &bytes).expect("packed");
    let chunks: Vec<&[u8]> = blob.chunks().collect();
    assert!(chunks.len() > 2 && chunks[..2].iter().all(|chunk| chunk.len() == CHUNK));
    assert_eq!(blob.name.chunks(), chunks.len() as u64);
    assert_eq!(blob.name.unpack(chunks.clone()).expect("good"), bytes);
    let named = format!("the blob {}", blob.name.sha256.short());
    assert_damaged(blob.name.unpack(chunks[1..].to_vec()), &named);
    assert_damaged(blob.name.unpack(chunks[..chunks.len() - 1].to_vec()), &named);
    assert_damaged(blob.name.unpack([chunks[1], chunks[0]].into_iter().chain(chunks[2..].iter().copied())), &named);
    assert_damaged(blob.name.unpack(chunks.iter().copied().chain([&b"more"[..]])), &named);
    let mut changed = blob.packed.clone();
    changed[400_000] ^= 4;
    assert_damaged(blob.name.unpack(changed.chunks(CHUNK)), &named);
    for bytes in [blob.name.bytes - 1, blob.name.bytes + 1] {
        assert_damaged(BlobName { bytes, ..blob.name }.unpack(chunks.clone()), &named);
    }
}

#[test]
fn a_bomb_goes_off_nowhere() {
    // 64 MB of zeros in some kilobytes, announced as a few bytes.
    let packed = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("packed");
    let name = |bytes| BlobName { sha256: digest(&packed), packed_bytes: packed.len() as u64, bytes };
    assert!(packed.len() < 100_000);
    assert_damaged(name(5000).unpack([packed.as_slice()]), "the blob");
    let announced = v1::BlobRef { sha256: vec![0; 32], packed_bytes: 9, bytes: 1 << 40 };
    assert!(BlobName::from_wire(&announced).is_err());
    let announced = v1::BlobRef { sha256: vec![0; 32], packed_bytes: MOST_PACKED + 1, bytes: 9 };
    assert!(BlobName::from_wire(&announced).is_err());
    // One frame that wants 128 MB to look back into.
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("begun");
    encoder.window_log(27).expect("set");
    std::io::Write::write_all(&mut encoder, b"a few bytes").expect("written");
    let packed = encoder.finish().expect("packed");
    let name = BlobName { sha256: digest(&packed), packed_bytes: packed.len() as u64, bytes: 11 };
    assert_damaged(name.unpack([packed.as_slice()]), "the blob");
}

#[test]
fn what_is_too_large_for_a_fleet_is_refused_with_a_sentence() {
    let noise = noise(34 << 20);
    let author = Author { site: "a".to_owned(), version: "1".to_owned(), id: [1; 16], at: hours(1), format: FORMAT };
    let origin = Position::origin(FLEET, Log::Listing);
    match entry::write(Log::Listing, &origin, noise, author) {
        Err(fault @ Fault::TooLarge { .. }) => {
            assert!(fault.to_string().contains("carries 33554432 at most"), "{fault}")
        }
        other => panic!("{:?}", other.map(|written| written.bytes.len())),
    }
}

/// The payload of an entry.
fn payload_of(Appended { log, written }: &Appended, after: &Position) -> (Entry, Vec<u8>) {
    let Written { bytes, position, blob } = written;
    let chained = entry::chain(*log, after, &[bytes], position.sha256).expect("good");
    let entry = chained.entries.into_iter().next().expect("one");
    let bytes = match &entry.payload {
        Payload::Inline(bytes) => bytes.clone(),
        Payload::Blob(name) => name.unpack(blob.as_ref().expect("a blob").chunks()).expect("good"),
    };
    (entry, bytes)
}

#[test]
fn a_snapshot_that_comes_to_something_else_is_not_applied() {
    let origin = origin();
    let listing = of(&origin, Log::Listing);
    let mut site = Site::joined();
    site.follow(&listing[0]).expect("applied");
    let before = held(&site);
    let (entry, good) = payload_of(&listing[1], &site.position(Log::Listing));
    let message = |change: &dyn Fn(&mut v1::Snapshot)| {
        let mut payload = v1::ListingPayload::decode(&good[..]).expect("good");
        let Some(v1::listing_payload::Fact::Snapshot(message)) = &mut payload.fact else { panic!("a snapshot") };
        change(message);
        payload.encode_to_vec()
    };
    let attacks: [&dyn Fn(&mut v1::Snapshot); 11] = [
        &|message| message.listing_sha256[0] ^= 1,
        &|message| message.last_change += 1,
        &|message| message.filings += 1,
        &|message| message.serial += 1,
        &|message| message.rows[0].cells[2].push('!'),
        &|message| message.rows.truncate(1),
        &|message| _ = message.removed.pop(),
        &|message| message.removed.push(9_999_999),
        &|message| message.columns.swap(2, 3),
        &|message| message.steps_kept = u64::MAX,
        &|message| message.cycle = None,
    ];
    for (place, attack) in attacks.into_iter().enumerate() {
        let refused = site.apply(&entry, &message(attack));
        assert!(refused.is_err(), "attack {place}");
        assert_eq!(held(&site), before, "attack {place}");
    }
    site.apply(&entry, &good).expect("the good one is");
}

#[test]
fn a_crash_between_the_journal_and_the_position_loses_nothing_and_makes_nothing_twice() {
    let origin = origin();
    let records = of(&origin, Log::Records);
    let mut site = Site::joined();
    site.follow(&records[0]).expect("applied");
    // What the start after such a crash makes of the journal.
    let (entry, bytes) = payload_of(&records[1], &site.position(Log::Records));
    let events = crate::fleet::payload::records(&entry, &bytes).expect("good");
    site.store.commit_records(&events).expect("committed");
    site.follow(&records[1]).expect("only its position was missing");
    assert_eq!(site.position(Log::Records).index, 2);
    // And something else in its place.
    let (entry, bytes) = payload_of(&records[2], &site.position(Log::Records));
    let mut others = crate::fleet::payload::records(&entry, &bytes).expect("good");
    others[0].by = "somebody else".to_owned();
    site.store.commit_records(&others).expect("committed");
    let before = held(&site);
    assert!(matches!(site.follow(&records[2]), Err(Fault::Store(StoreError::Diverges { entry: 3, .. }))));
    assert_eq!(held(&site), before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever a writer that is broken has vouched for: it is refused, or does what it says; it never panics, and never half.
    #[test]
    fn a_payload_that_is_changed_anywhere_never_panics(log in 0usize..2, place in any::<prop::sample::Index>(), bits in 1u8.., cut in any::<bool>()) {
        thread_local! {
            static AT: (Origin, std::cell::RefCell<Site>) = (origin(), std::cell::RefCell::new(half_way()));
        }
        AT.with(|(origin, site)| {
            let (log, mut site) = (Log::ALL[log], site.borrow_mut());
            let next = &of(origin, log)[1];
            let (entry, mut bytes) = payload_of(next, &site.position(log));
            let place = place.index(bytes.len());
            if cut {
                bytes.truncate(place);
            } else {
                bytes[place] ^= bits;
            }
            let glance = |site: &Site| {
                let loaded = site.store.load().expect("read");
                (loaded.last_change, loaded.sync_state, site.store.load_records().expect("read"))
            };
            let before = (Log::ALL.map(|log| site.position(log)), glance(&site));
            if site.apply(&entry, &bytes).is_ok() {
                *site = half_way();
            } else {
                assert_eq!((Log::ALL.map(|log| site.position(log)), glance(&site)), before);
            }
        });
    }
}

/// A site that has applied the first entry of each log.
fn half_way() -> Site {
    let origin = origin();
    let mut site = Site::joined();
    for log in Log::ALL {
        site.follow(&of(&origin, log)[0]).expect("applied");
    }
    site
}

fn diverges(read: Result<(), Fault>, said: &str) {
    match read {
        Err(Fault::Store(error @ StoreError::Diverges { .. })) if error.to_string().contains(said) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_confirmation_of_a_snapshot_that_does_not_stand_and_serials_that_jump_are_not_applied_and_named() {
    let origin = origin();
    let (listing, records) = (of(&origin, Log::Listing), of(&origin, Log::Records));
    let mut site = Site::joined();
    // Before anything stands here, the second snapshot is none that follows, and the third entry confirms none.
    let first = site.position(Log::Listing);
    let payload = |next: &Appended, after: &Appended| payload_of(next, &after.written.position).1;
    let second = vouched(&first, Log::Listing, payload(&listing[1], &listing[0]));
    diverges(
        site.follow(&second),
        "entry 1 of the fleet's log `listing` comes to something else here than where it was made: it makes",
    );
    let confirmation = vouched(&first, Log::Listing, payload(&listing[2], &listing[1]));
    diverges(site.follow(&confirmation), "it confirms snapshot 2, and none stands here");
    assert_eq!((site.position(Log::Listing), site.index.is_none()), (first, true));
    let later = vouched(&site.position(Log::Records), Log::Records, payload(&records[1], &records[0]));
    diverges(site.follow(&later), "its first event is 3, and event 0 is the last one here");

    site.follow(&listing[0]).expect("applied");
    let before = held(&site);
    let after = site.position(Log::Listing);
    let confirmation = vouched(&after, Log::Listing, payload(&listing[2], &listing[1]));
    diverges(site.follow(&confirmation), "it confirms snapshot 2, and snapshot 1 stands here");
    // The same listing once more, as the one after the next.
    let (_, good) = payload_of(&listing[1], &after);
    let mut jumps = v1::ListingPayload::decode(&good[..]).expect("good");
    let Some(v1::listing_payload::Fact::Snapshot(message)) = &mut jumps.fact else { panic!("a snapshot") };
    message.serial += 1;
    let jumps = vouched(&after, Log::Listing, jumps.encode_to_vec());
    diverges(site.follow(&jumps), "it makes snapshot 3, and snapshot 1 stands here");
    assert_eq!(held(&site), before);
    for next in &listing[1..] {
        site.follow(next).expect("applied");
    }
}
