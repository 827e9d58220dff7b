//! Random histories: a site that follows by entries, and one that begins with a base, hold what the site holds that made them.

use proptest::prelude::*;
use rmdd_testkit::{Step, World};

use super::site::{Origin, Site, assert_good, assert_same, hours};
use crate::domain::{Anomaly, Awaits, HeldListing, PeersAffected, Sha256Digest};
use crate::store::Log;

/// What happens at the site that makes facts.
#[derive(Debug, Clone)]
enum Event {
    /// The listing goes on, and may have a row that cannot be read.
    Publish {
        list: usize,
        amend: usize,
        remove: usize,
        reinstate: usize,
        broken: Option<u8>,
        noted: bool,
    },
    Confirm,
    Fail {
        refused: bool,
    },
    Hold {
        which: u8,
        between: bool,
        person: bool,
    },
    Put {
        name: u8,
        provider: u8,
        more: bool,
    },
    Remove {
        name: u8,
    },
    /// The clock leaps: for one event it is years ahead.
    Leap,
}

fn event() -> impl Strategy<Value = Event> {
    let small = 0usize..4;
    prop_oneof![
        4 => (small.clone(), small.clone(), small.clone(), small, prop::option::of(any::<u8>()), any::<bool>()).prop_map(
            |(list, amend, remove, reinstate, broken, noted)| Event::Publish { list, amend, remove, reinstate, broken, noted }
        ),
        2 => Just(Event::Confirm),
        1 => any::<bool>().prop_map(|refused| Event::Fail { refused }),
        1 => (0u8..4, any::<bool>(), any::<bool>())
            .prop_map(|(which, between, person)| Event::Hold { which, between, person }),
        2 => (0u8..5, 1u8..4, any::<bool>()).prop_map(|(name, provider, more)| Event::Put { name, provider, more }),
        1 => (0u8..5).prop_map(|name| Event::Remove { name }),
        1 => Just(Event::Leap),
    ]
}

fn held(which: u8, person: bool, origin: &Origin) -> HeldListing {
    let peers = PeersAffected { peers: 3, newly_refused: 1, refused: vec!["east".to_owned()], ..Default::default() };
    HeldListing {
        sha256: Sha256Digest([which; 32]),
        doubts: vec!["the end is missing".to_owned()],
        first_fetched_at: origin.now,
        last_fetched_at: origin.now,
        awaits: if person { Awaits::Person } else { Awaits::SecondCopy },
        peers: person.then_some(peers),
        ..HeldListing::made_up()
    }
}

/// One more cell in a row, which then cannot be read.
fn break_row(csv: Vec<u8>, place: u8) -> Vec<u8> {
    let text = String::from_utf8_lossy(&csv).into_owned();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let place = 1 + usize::from(place) % (lines.len() - 1);
    lines[place].push_str(",more");
    lines.join("\n").into_bytes()
}

fn happen(origin: &mut Origin, event: &Event) {
    match event {
        Event::Publish { list, amend, remove, reinstate, broken, noted } => {
            let step = Step { list: *list, amend: *amend, remove: *remove, reinstate: *reinstate };
            origin.world.advance(step);
            let csv = origin.world.to_csv();
            let csv = broken.map_or(csv.clone(), |place| break_row(csv, place));
            let why = Anomaly::LetThrough { by: "noc".to_owned(), doubts: "half of it is gone".to_owned() };
            origin.publish(&csv, noted.then_some(why));
        }
        Event::Confirm => origin.confirm(),
        Event::Fail { refused } => origin.fail(*refused),
        Event::Hold { which, between, person } => origin.hold(held(*which, *person, origin), *between),
        Event::Put { name, provider, more } => {
            let names = [format!("peer-{name}"), format!("peer-{}", name + 1)];
            let all = [(names[0].as_str(), u64::from(*provider)), (names[1].as_str(), 77)];
            origin.put(if *more { &all } else { &all[..1] });
        }
        Event::Remove { name } => _ = origin.remove(&format!("peer-{name}")),
        Event::Leap => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn sites_come_to_the_same_by_entries_and_by_a_base_and_the_rest(
        seed in any::<u64>(),
        events in prop::collection::vec(event(), 1..22),
        (before, from) in (0usize..100, 0usize..100),
    ) {
        let mut origin = Origin::new(World::new(seed, 40));
        let (mut hour, mut leapt) = (0, 0);
        for event in &events {
            hour += 1;
            origin.now = hours(hour + leapt);
            happen(&mut origin, event);
            leapt = if matches!(event, Event::Leap) { 40_000 } else { 0 };
        }
        let ends = Log::ALL.map(|log| origin.end(log));
        let count = origin.appended.len();
        prop_assume!(count > 0);
        let from = from * count / 100;
        let before = before * (from + 1) / 100;

        let (mut by_entries, mut by_base) = (Site::joined(), Site::joined());
        for (place, next) in origin.appended.iter().enumerate() {
            if place == from {
                for log in Log::ALL {
                    let packed = by_entries.base(log, by_entries.position(log));
                    by_base.take(log, &packed).expect("taken");
                }
                by_base = by_base.restarted();
            }
            by_entries.follow(next).expect("applied");
            if place < before || place >= from {
                by_base.follow(next).expect("applied");
            }
        }
        for site in [&by_entries, &by_base] {
            prop_assert_eq!(Log::ALL.map(|log| site.position(log)), ends);
            assert_same(&origin.site, site, ends);
        }
        assert_good(&by_entries.restarted());
        assert_good(&by_base.restarted());
    }
}
