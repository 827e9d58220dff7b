//! What a site does next, case by case.

use jiff::Timestamp;

use super::*;
use crate::domain::Sha256Digest;
use crate::fleet::FORMAT;
use crate::fleet::blob::BlobName;

const FLEET: FleetId = FleetId([1; 16]);

fn position(log: Log, index: u64) -> Position {
    match index {
        0 => Position::origin(FLEET, log),
        _ => Position { index, sha256: digest(log, index), at: Timestamp::UNIX_EPOCH },
    }
}

fn digest(log: Log, index: u64) -> Sha256Digest {
    Sha256Digest::of(format!("{} {index}", log.as_str()).as_bytes())
}

fn base(index: u64) -> BaseName {
    let sha256 = Sha256Digest::of(b"a manifest");
    BaseName { index, manifest: BlobName { sha256, packed_bytes: 1, bytes: 1 } }
}

fn head(log: Log, index: u64) -> Head {
    let Position { index, sha256, .. } = position(log, index);
    Head { log, format: FORMAT, index, sha256, base: Some(base(0)) }
}

fn stand(listing: u64, records: u64) -> Stand {
    let place = |log, index| Place { position: position(log, index), bare: false, stuck: false };
    Stand {
        fleet: Some(FLEET),
        places: [place(Log::Listing, listing), place(Log::Records, records)],
        seen: None,
        token: None,
        may_stand: true,
        doubt: None,
        members: 3,
    }
}

fn read(listing: u64, records: u64) -> Reading {
    Reading {
        from: ReadFrom { cluster: 7, revision: 100, member: 0 },
        fleet: Some(Founding { id: FLEET, format: FORMAT, schedule_minute: 5 }),
        heads: [Some(head(Log::Listing, listing)), Some(head(Log::Records, records))],
        fetcher: Some(fetcher(9)),
        unreadable: None,
    }
}

fn fetcher(token: u8) -> Fetcher {
    Fetcher { token: Token([token; 16]), site: "ams".to_owned(), since: Timestamp::UNIX_EPOCH }
}

const NOW: Duration = Duration::from_secs(1000);

fn idle() -> Step {
    Step::Go { work: Vec::new(), lead: Lead::Stay }
}

#[test]
fn a_site_at_both_heads_is_current_and_one_behind_follows_what_it_lacks() {
    assert_eq!(step(&stand(4, 2), &read(4, 2), NOW), idle());
    let behind = Step::Go { work: vec![Work::Follow(head(Log::Listing, 6))], lead: Lead::Stay };
    assert_eq!(step(&stand(4, 2), &read(6, 2), NOW), behind);
    let work = vec![Work::Follow(head(Log::Listing, 6)), Work::Follow(head(Log::Records, 3))];
    assert_eq!(step(&stand(4, 2), &read(6, 3), NOW), Step::Go { work, lead: Lead::Stay });
}

#[test]
fn a_read_of_the_same_cluster_that_is_older_than_one_seen_counts_as_none() {
    let mut stand = stand(4, 2);
    stand.seen = Some((7, 101));
    let Step::Stale(doubted) = step(&stand, &read(3, 2), NOW) else { panic!("taken for a fork") };
    stand.doubt = Some(Doubted { at: vec![0, 1], ..doubted });
    assert!(matches!(step(&stand, &read(3, 2), NOW + Duration::from_secs(9)), Step::Stale(_)));
    let restored = step(&stand, &read(3, 2), NOW + DOUBT_LASTS);
    assert_eq!(restored, Step::Stop(Trouble::Forked(Log::Listing)), "it stays so at two members");
    stand.doubt = None;
    stand.seen = Some((7, 100));
    assert_eq!(step(&stand, &read(4, 2), NOW), idle());
    stand.seen = Some((8, 101));
    assert_eq!(step(&stand, &read(4, 2), NOW), idle(), "another cluster counts from one again");
}

#[test]
fn a_site_that_holds_nothing_takes_the_bases_and_one_that_cannot_go_on_waits_for_a_newer_one() {
    let mut empty = stand(0, 0);
    empty.fleet = None;
    empty.places.iter_mut().for_each(|place| place.bare = true);
    let work = vec![Work::Take(Log::Listing, base(0)), Work::Take(Log::Records, base(0))];
    assert_eq!(step(&empty, &read(5, 5), NOW), Step::Go { work, lead: Lead::Stay });

    let mut stuck = stand(4, 2);
    stuck.places[0].stuck = true;
    assert_eq!(step(&stuck, &read(6, 2), NOW), idle(), "the base is older than where it stands");
    let mut newer = read(6, 2);
    newer.heads[0] = Some(Head { base: Some(base(5)), ..head(Log::Listing, 6) });
    let work = vec![Work::Take(Log::Listing, base(5))];
    assert_eq!(step(&stuck, &newer, NOW), Step::Go { work, lead: Lead::Stay });
}

#[test]
fn a_restored_or_foreign_engine_is_believed_after_ten_seconds_at_two_members_and_not_before() {
    let foreign = |mut read: Reading| {
        read.fleet = Some(Founding { id: FleetId([2; 16]), format: FORMAT, schedule_minute: 5 });
        read
    };
    let mut fork = read(4, 2);
    fork.heads[0] = Some(Head { sha256: digest(Log::Listing, 99), ..head(Log::Listing, 4) });
    let unnamed = || {
        let read = Reading { fleet: None, ..read(4, 2) };
        let Step::Wait(trouble, _) = step(&stand(4, 2), &read, NOW) else { panic!("it waits") };
        assert!(trouble.to_string().contains("rmdd fleet repair"), "{trouble}");
        (read, trouble)
    };
    let cases = [
        unnamed(),
        (read(3, 2), Trouble::Forked(Log::Listing)),
        (read(4, 1), Trouble::Forked(Log::Records)),
        (fork, Trouble::Forked(Log::Listing)),
        (foreign(read(9, 9)), Trouble::Foreign(FleetId([2; 16]))),
    ];
    for (mut read, trouble) in cases {
        let mut stand = stand(4, 2);
        let Step::Wait(said, doubted) = step(&stand, &read, NOW) else { panic!("{trouble:?}") };
        assert_eq!((said, &doubted.at[..]), (trouble.clone(), &[0][..]));
        stand.doubt = Some(doubted);
        let later = NOW + DOUBT_LASTS;
        assert!(matches!(step(&stand, &read, later), Step::Wait(..)), "one member alone: {trouble:?}");
        read.from.member = 2;
        assert!(matches!(step(&stand, &read, later - Duration::from_secs(1)), Step::Wait(..)), "{trouble:?}");
        assert_eq!(step(&stand, &read, later), Step::Stop(trouble));
    }
}

#[test]
fn what_is_of_a_newer_format_or_was_not_founded_stops_a_site_at_once() {
    let mut newer = read(5, 2);
    newer.unreadable = Some(Unreadable::Newer("the head".to_owned()));
    assert_eq!(step(&stand(4, 2), &newer, NOW), Step::Stop(Trouble::Newer("the head".to_owned())));
    let none = Reading { fleet: None, heads: [None, None], ..read(0, 0) };
    assert_eq!(step(&stand(4, 2), &none, NOW), Step::Stop(Trouble::NotFounded));
}

#[test]
fn a_site_stands_for_fetching_when_nobody_does_and_it_is_at_both_heads() {
    let nobody = |listing, records| Reading { fetcher: None, ..read(listing, records) };
    let lead = |stand: &Stand, read: &Reading| match step(stand, read, NOW) {
        Step::Go { lead, .. } => lead,
        other => panic!("{other:?}"),
    };
    assert_eq!(lead(&stand(4, 2), &nobody(4, 2)), Lead::Stand);
    assert_eq!(lead(&stand(4, 2), &nobody(5, 2)), Lead::Stay, "it is behind");
    assert_eq!(lead(&stand(4, 2), &nobody(4, 3)), Lead::Stay, "it is behind");
    assert_eq!(lead(&stand(4, 2), &read(4, 2)), Lead::Stay, "another does");
    let mut barred = stand(4, 2);
    barred.may_stand = false;
    assert_eq!(lead(&barred, &nobody(4, 2)), Lead::Stay);
    let mut mine = stand(4, 2);
    mine.token = Some(Token([9; 16]));
    assert_eq!(lead(&mine, &read(4, 2)), Lead::Stay);
    assert_eq!(lead(&mine, &nobody(4, 2)), Lead::Lost);
    mine.token = Some(Token([8; 16]));
    assert_eq!(lead(&mine, &read(4, 2)), Lead::Lost, "another fetches");
}

#[test]
fn a_clock_is_held_against_the_median_of_what_sites_report() {
    assert!(clock_is_right(None, &[1, 2]) && clock_is_right(Some(1), &[]));
    assert!(clock_is_right(Some(20_000), &[-5_000, 0, 20_000]));
    assert!(!clock_is_right(Some(3_600_000), &[0, 100, 3_600_000]));
    assert!(clock_is_right(Some(100), &[0, 100, 3_600_000]));
}

#[test]
fn a_clock_stands_apart_where_most_of_all_sites_have_the_same_other_time() {
    let day = 86_400_000;
    assert!(!clock_stands_apart(&[]) && !clock_stands_apart(&[-day]), "of two nobody knows which is wrong");
    assert!(clock_stands_apart(&[-day, -day]) && clock_stands_apart(&[day, day + 5_000]));
    assert!(!clock_stands_apart(&[-day, 0]) && !clock_stands_apart(&[-day, day]));
    assert!(!clock_stands_apart(&[day, day, 0]) && clock_stands_apart(&[day, day, day, 0]));
    assert!(!clock_stands_apart(&[-60_000, -60_000]), "they are seen a moment later");
}
