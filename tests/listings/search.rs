//! Providers are found by their names as people type them: with typos, shortened, joined, in another writing.
//!
//! Of each way to type a name otherwise than it was filed, names of four seeds are tried: 200 of the commonest ways, fewer
//! of the others. 98 of 100 must be among the first five that are found. `cargo bench --bench search` tries more.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rmdd::listing::index::Index;
use rmdd::listing::search::search;
use rmdd_testkit::World;
use rmdd_testkit::misspell::{Slip, dice, misspell, telling_words};

use crate::common::indexed::index;
use crate::common::real;

const SEEDS: [u64; 4] = [1, 22, 333, 4444];
const FIRST: usize = 5;
const GOAL: f64 = 0.98;

/// Which filings bear a name with each word, to know what a text can still tell.
struct Bearers(BTreeMap<String, Vec<usize>>);

impl Bearers {
    fn of(names: &[String]) -> Self {
        let mut bearers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            for word in telling_words(name) {
                let of_word = bearers.entry(word).or_default();
                if of_word.last() != Some(&place) {
                    of_word.push(place);
                }
            }
        }
        Self(bearers)
    }

    /// How many filings bear a name with all words of a text.
    fn count(&self, text: &str) -> usize {
        let all = telling_words(text).into_iter().map(|word| self.0.get(&word).cloned().unwrap_or_default());
        let common = all.reduce(|left, right| left.into_iter().filter(|place| right.contains(place)).collect());
        common.map_or(usize::MAX, |common| common.len())
    }
}

/// A listing that is searched.
struct Listing {
    index: Index,
    names: Vec<String>,
    numbers: Vec<u32>,
    bearers: Bearers,
}

/// How many of the names are found, and how many were tried.
fn rate(listing: &Listing, slip: Slip, tries: usize) -> (usize, usize, Vec<String>) {
    let Listing { index, names, numbers, bearers } = listing;
    let (mut hits, mut tried, mut missed) = (0, 0, Vec::new());
    for seed in SEEDS {
        let mut rng = dice(seed);
        let mut of_seed = 0;
        for _ in 0..20_000 {
            if of_seed == tries / SEEDS.len() {
                break;
            }
            let place = rmdd_testkit::misspell::any(&mut rng, names.len());
            let Some(typed) = misspell(&names[place], slip, &mut rng) else { continue };
            // Where a word that is left out was the one that tells a name from others, nobody can know which is meant.
            if slip == Slip::OneWordMissing && bearers.count(&typed) > FIRST {
                continue;
            }
            of_seed += 1;
            tried += 1;
            let found = search(index, &typed, FIRST);
            if found.iter().any(|found| found.filing.number().value() == numbers[place]) {
                hits += 1;
            } else {
                missed.push(format!("{:?} for {:?}", typed, names[place]));
            }
            if slip == Slip::Exact {
                let letters = |name: &str| name.to_lowercase().replace(|c: char| !c.is_alphanumeric(), "");
                assert_eq!(letters(&found[0].name), letters(&names[place]), "the same name comes first");
            }
        }
    }
    (hits, tried, missed)
}

/// The ways of which most names are tried.
const COMMON: [Slip; 8] = [
    Slip::Exact,
    Slip::OneTypo,
    Slip::TwoTypos,
    Slip::FirstLetterWrong,
    Slip::Abbreviated,
    Slip::DoingBusinessAs,
    Slip::AndForAmpersand,
    Slip::OneWordMissing,
];

/// Holds the goal for so many names of each common way of typing them, and for so many of each other.
fn held(of: &str, bytes: &[u8], common: usize, other: usize) {
    let index = index(bytes, Timestamp::UNIX_EPOCH);
    let filings = index.snapshot().filings.iter().filter(|filing| !telling_words(filing.business_name()).is_empty());
    let (names, numbers): (Vec<String>, Vec<u32>) =
        filings.map(|filing| (filing.business_name().to_owned(), filing.number().value())).unzip();
    let listing = Listing { bearers: Bearers::of(&names), index, names, numbers };
    let halves = Slip::ALL.split_at(Slip::ALL.len() / 2);
    let tries = |slip: &Slip| if COMMON.contains(slip) { common } else { other };
    let rated = |slip: &Slip| (*slip, rate(&listing, *slip, tries(slip)));
    let rates = |slips: &[Slip]| slips.iter().map(rated).collect::<Vec<_>>();
    let all = std::thread::scope(|scope| {
        let first = scope.spawn(|| rates(halves.0));
        let second = rates(halves.1);
        let first = first.join().expect("the first half");
        first.into_iter().chain(second).collect::<Vec<_>>()
    });
    println!("{of}: hits among the first {FIRST}");
    let mut below = Vec::new();
    for (slip, (hits, tried, missed)) in all {
        println!("  {:<20} {hits:>4} of {tried}", format!("{slip:?}"));
        if tried == 0 || (hits as f64) < GOAL * tried as f64 {
            below.push(format!("{slip:?}: {hits} of {tried}, without {missed:?}"));
        }
    }
    assert!(below.is_empty(), "{of}: {below:#?}");
}

#[test]
fn names_of_a_real_week_are_found_as_people_type_them() {
    let Some(week) = real::week("2025-08-25.csv") else { return };
    held("2025-08-25", &week, 200, 60);
}

#[test]
fn made_up_names_are_found_as_people_type_them() {
    let mut world = World::new(13, 4_000);
    // The words of which such names are made have no ampersand and no association: some have.
    let numbers: Vec<String> = world.filings().map(|row| row.get("number").to_owned()).collect();
    for (place, number) in numbers.iter().enumerate().filter(|(place, _)| place % 20 == 0) {
        let row = world.row_mut(number).expect("a row");
        let first = row.get("business_name").split(' ').next().unwrap_or_default().to_owned();
        let (sign, kind) =
            ([" & ", " and "][place / 20 % 2], ["Associates", "Sons Telephone Company", "Brothers"][place % 3]);
        row.set("business_name", format!("{first} {number}{sign}{kind}"));
    }
    held("a made-up listing", &world.to_csv(), 60, 40);
}
