//! Searches by name: what one costs, and how many names are found as people type them.
//!
//! `RMDD_BENCH_LISTING` names a real listing; without it one is made up, of 10,000 filings.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use rmdd::domain::{ChangeSerial, RemovalHistory, Snapshot};
use rmdd::listing::index::Index;
use rmdd::listing::parse::parse;
use rmdd::listing::search::search;
use rmdd::listing::vet::{Provenance, VetConfig, vet};
use rmdd_testkit::World;
use rmdd_testkit::misspell::{Slip, any, dice, misspell};

const NAMES: usize = 200;
const SEEDS: [u64; 3] = [5, 50, 500];

fn snapshot() -> Snapshot {
    let bytes = match std::env::var_os("RMDD_BENCH_LISTING") {
        Some(path) => std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")),
        None => World::new(1, 10_000).to_csv(),
    };
    let provenance = Provenance::made_up(Timestamp::UNIX_EPOCH);
    vet(parse(&bytes).expect("a listing"), provenance, None, &VetConfig::default()).expect("read").snapshot
}

/// Prints how many of the names are among the first five, for each way of typing them, and what a search took.
fn hits(index: &Index) {
    let filings: Vec<_> = index.snapshot().filings.iter().filter(|f| !f.business_name().trim().is_empty()).collect();
    println!("{} filings; of {NAMES} names for each of the seeds {SEEDS:?}: among the first 5 (first)", filings.len());
    for slip in Slip::ALL {
        print!("  {:<20}", format!("{slip:?}"));
        let mut took: Vec<Duration> = Vec::new();
        for seed in SEEDS {
            let mut rng = dice(seed);
            let (mut tried, mut hit, mut first) = (0, 0, 0);
            for _ in 0..20_000 {
                let filing = filings[any(&mut rng, filings.len())];
                let Some(typed) = misspell(filing.business_name(), slip, &mut rng) else { continue };
                let started = Instant::now();
                let found = search(index, &typed, 5);
                took.push(started.elapsed());
                let place = found.iter().position(|found| found.filing.number() == filing.number());
                hit += usize::from(place.is_some());
                first += usize::from(place == Some(0));
                tried += 1;
                if tried == NAMES {
                    break;
                }
            }
            print!(" {hit:>4} ({first:>3}) of {tried}");
        }
        took.sort_unstable();
        println!("  median {:?}", took.get(took.len() / 2).copied().unwrap_or_default());
    }
}

fn searches(criterion: &mut Criterion) {
    let snapshot = snapshot();
    let removals = RemovalHistory::default;
    let mut group = criterion.benchmark_group("search");
    group.sample_size(20);
    group.bench_function("the names are made ready", |bencher| {
        bencher.iter_batched(
            || Index::build(snapshot.clone(), removals(), ChangeSerial(0)),
            |index| {
                black_box(index.names());
                index
            },
            criterion::BatchSize::LargeInput,
        );
    });
    let index = Index::build(snapshot, removals(), ChangeSerial(0));
    hits(&index);
    let all: Vec<String> = index.snapshot().filings.iter().map(|filing| filing.business_name().to_owned()).collect();
    let mut turn = 0usize;
    group.bench_function("a name with two typos", |bencher| {
        let mut rng = dice(7);
        bencher.iter_batched(
            || {
                turn = turn.wrapping_add(7_919);
                let name = &all[turn % all.len()];
                misspell(name, Slip::TwoTypos, &mut rng).unwrap_or_else(|| name.clone())
            },
            |typed| black_box(search(&index, &typed, 20)),
            criterion::BatchSize::SmallInput,
        );
    });
    let long: String = all.iter().take(40).flat_map(|name| [name.as_str(), " "]).collect();
    let texts = [
        ("200 letters of names", long),
        ("200 letters of one word and another", "communicatons servces ".repeat(10)),
        ("200 letters of pairs", ('a'..='z').cycle().take(100).map(|c| format!("{c}e ")).collect()),
        ("200 letters without a gap", "telecommunications".repeat(12)),
        ("a company d/b/a another", format!("{} d/b/a {}", all[all.len() / 2], all[all.len() / 3])),
    ];
    for (of, text) in texts {
        let text: String = text.chars().take(200).collect();
        group.bench_function(of, |bencher| bencher.iter(|| black_box(search(&index, &text, 20))));
    }
    group.finish();
}

criterion_group!(benches, searches);
criterion_main!(benches);
