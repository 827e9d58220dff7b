//! A store that was put back from a backup, beside the journal of the site: what that has besides is what the log brings once more.

use rmdd_testkit::World;

use super::site::{Appended, FLEET, Origin, Site, assert_same, hours};
use crate::fleet::entry;
use crate::fleet::{Fault, branch};
use crate::store::{Log, StoreError};

/// Changes of records, one of them of two events.
fn origin() -> Origin {
    let mut origin = Origin::new(World::new(5, 10));
    origin.now = hours(1);
    origin.put(&[("east", 11)]);
    origin.put(&[("west", 12), ("north", 13)]);
    origin.put(&[("south", 14)]);
    origin.remove("east");
    origin
}

fn entries(origin: &Origin) -> Vec<Appended> {
    origin.appended.iter().filter(|next| next.log == Log::Records).cloned().collect()
}

/// A site that has followed all of these, whose store is that of behind the first `kept`, put back from a backup.
fn put_back(entries: &[Appended], kept: usize) -> Site {
    let mut site = Site::joined();
    entries[..kept].iter().for_each(|next| site.follow(next).expect("applied"));
    let backup = tempfile::tempdir().expect("a directory");
    let place = backup.path().join("rmdd.redb");
    let file = std::fs::File::options().read(true).write(true).create_new(true).open(&place).expect("made");
    site.store.copy_to(file, backup.path()).expect("copied");
    entries[kept..].iter().for_each(|next| site.follow(next).expect("applied"));
    let Site { directory, store, .. } = site;
    drop(store);
    std::fs::rename(&place, directory.path().join("rmdd.redb")).expect("put back");
    Site::at(directory)
}

fn events(site: &Site) -> Vec<u64> {
    let mut events = site.store.record_events_between(0, u64::MAX, usize::MAX).expect("read");
    events.reverse();
    events.into_iter().map(|event| event.serial).collect()
}

#[test]
fn what_the_journal_has_brought_is_known_when_the_log_brings_it() {
    let (origin, ends) = (origin(), |origin: &Origin| Log::ALL.map(|log| origin.end(log)));
    let entries = entries(&origin);
    for kept in 0..entries.len() {
        let mut site = put_back(&entries, kept);
        assert_eq!(events(&site), [1, 2, 3, 4, 5], "kept {kept}: the journal has them");
        assert_eq!(site.position(Log::Records).index, kept as u64);
        for next in &entries[kept..] {
            assert!(site.store.unlogged().expect("read").is_some(), "kept {kept}");
            site.follow(next).unwrap_or_else(|error| panic!("kept {kept}: {error}"));
        }
        assert_eq!(site.store.unlogged().expect("read"), None);
        assert_same(&origin.site, &site, ends(&origin));
        let verified = site.store.verify().expect("checked");
        assert_eq!((verified.faults, verified.journal_faults), (Vec::new(), Vec::new()));
    }
}

#[test]
fn and_so_is_a_part_of_an_entry_of_which_the_rest_is_made_then() {
    let origin = origin();
    let entries = entries(&origin);
    let mut site = Site::joined();
    site.follow(&entries[0]).expect("applied");
    let (entry, bytes) = read(&entries[1], &site);
    let both = crate::fleet::payload::records(&entry, &bytes).expect("good");
    site.store.commit_records(&both[..1]).expect("committed");
    entries[1..].iter().for_each(|next| site.follow(next).expect("applied"));
    assert_same(&origin.site, &site, Log::ALL.map(|log| origin.end(log)));
}

fn read(next: &Appended, site: &Site) -> (entry::Entry, Vec<u8>) {
    let chained =
        entry::chain(next.log, &site.position(next.log), &[&next.written.bytes], next.written.position.sha256);
    let entry = chained.expect("whole").entries.remove(0);
    let entry::Payload::Inline(bytes) = entry.payload.clone() else { panic!("it is small") };
    (entry, bytes)
}

#[test]
fn what_differs_from_what_the_journal_has_brought_is_not_applied() {
    let (one, mut other) = (entries(&origin()), Origin::new(World::new(5, 10)));
    other.now = hours(1);
    other.put(&[("east", 11)]);
    other.put(&[("west", 12), ("north", 99)]);
    let mut site = put_back(&one, 1);
    let before = events(&site);
    let refused = site.follow(&entries(&other)[1]);
    assert!(matches!(refused, Err(Fault::Store(StoreError::Diverges { entry: 2, .. }))), "{refused:?}");
    assert_eq!((events(&site), site.position(Log::Records).index), (before, 1));
}

#[test]
fn a_log_that_ends_before_what_the_journal_has_brought_is_told_from_one_that_does_not() {
    let entries = entries(&origin());
    let mut site = put_back(&entries, 1);
    assert_eq!(site.store.unlogged().expect("read"), Some((2, 5)));
    site.follow(&entries[1]).expect("applied");
    assert_eq!(site.store.unlogged().expect("read"), Some((4, 5)));
    let site = site.restarted();
    assert_eq!(site.store.unlogged().expect("read"), Some((4, 5)), "also after a restart");
    site.store.leave_fleet().expect("left");
    assert_eq!(site.store.unlogged().expect("read"), None, "it is its own then");
    assert_eq!(events(&site), [1, 2, 3, 4, 5]);
}

#[test]
fn a_base_that_ends_before_what_the_journal_has_brought_drops_nothing_of_it() {
    let origin = origin();
    let entries = entries(&origin);
    let mut at = Site::joined();
    entries[..2].iter().for_each(|next| at.follow(next).expect("applied"));
    let (base, position) = (at.store.state(Log::Records).expect("read").0, at.position(Log::Records));
    let mut site = put_back(&entries, 1);
    let last = branch::stands_here(&base, &site.store).expect("read").expect("it stands here");
    site.store.pass_base(FLEET, position, last).expect("passed");
    assert_eq!((site.position(Log::Records), events(&site)), (position, vec![1, 2, 3, 4, 5]));
    entries[2..].iter().for_each(|next| site.follow(next).expect("applied"));
    assert_eq!(site.store.unlogged().expect("read"), None);
    assert_same(&origin.site, &site, Log::ALL.map(|log| origin.end(log)));
    // One of another history is none of it, and one that is further on is taken as ever.
    let mut other = Origin::new(World::new(6, 10));
    other.put(&[("west", 1)]);
    let site = put_back(&entries, 1);
    let other = other.site.store.state(Log::Records).expect("read").0;
    assert_eq!(branch::stands_here(&other, &site.store).expect("read"), None);
    assert!(branch::lacks(&other, &site.store).expect("read"));
}
