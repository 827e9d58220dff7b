//! Providers are found by their names as people type them: with typos, shortened, joined, in another writing.
//!
//! Of each way to type a name otherwise than it was filed, 200 names are tried, those of four seeds; 98 of 100 must be
//! among the first five that are found.

#[path = "common/real.rs"]
mod real;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rmdd::domain::{ChangeSerial, RemovalHistory, Sha256Digest};
use rmdd::index::Index;
use rmdd::parse::parse;
use rmdd::search::search;
use rmdd::vet::{Provenance, VetConfig, vet};
use rmdd_testkit::World;
use rmdd_testkit::misspell::{Slip, dice, misspell, telling_words};

const NAMES: usize = 200;
const SEEDS: [u64; 4] = [1, 22, 333, 4444];
const FIRST: usize = 5;
const GOAL: f64 = 0.98;

fn index(bytes: &[u8]) -> Index {
    let provenance = Provenance {
        sha256: Sha256Digest([0; 32]),
        source: String::new(),
        bytes: bytes.len() as u64,
        fetched_at: Timestamp::UNIX_EPOCH,
    };
    let listing = parse(bytes).expect("a listing");
    let snapshot = vet(listing, provenance, None, &VetConfig::default()).expect("read").snapshot;
    Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0))
}

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

/// How many of the names are found, and how many were tried.
fn rate(index: &Index, names: &[String], numbers: &[u32], slip: Slip) -> (usize, usize, Vec<String>) {
    let bearers = Bearers::of(names);
    let (mut hits, mut tried, mut missed) = (0, 0, Vec::new());
    for seed in SEEDS {
        let mut rng = dice(seed);
        let mut of_seed = 0;
        for _ in 0..20_000 {
            if of_seed == NAMES / SEEDS.len() {
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
                let same = |name: &str| name.eq_ignore_ascii_case(&names[place]);
                assert!(same(&found[0].name), "{:?} comes before {:?}", found[0].name, names[place]);
            }
        }
    }
    (hits, tried, missed)
}

fn held(of: &str, bytes: &[u8]) {
    let index = index(bytes);
    let filings = index.snapshot().filings.iter().filter(|filing| !telling_words(filing.business_name()).is_empty());
    let (names, numbers): (Vec<String>, Vec<u32>) =
        filings.map(|filing| (filing.business_name().to_owned(), filing.number().value())).unzip();
    let mut below = Vec::new();
    println!("{of}: hits among the first {FIRST}");
    for slip in Slip::ALL {
        let (hits, tried, missed) = rate(&index, &names, &numbers, slip);
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
    held("2025-08-25", &week);
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
    held("a made-up listing", &world.to_csv());
}
