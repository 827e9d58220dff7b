//! What a sync and a look-up cost, side by side with the least that they could.
//!
//! `RMDD_BENCH_LISTING` and `RMDD_BENCH_NEXT` name two real listings, one week and the next; without them both are made
//! up, of 10,000 filings.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use rmdd::decide::{Policy, Query, decide};
use rmdd::diff::diff;
use rmdd::domain::{ChangeSerial, Identity, RemovalHistory, Sha256Digest, Snapshot};
use rmdd::index::{Index, PublishedIndex};
use rmdd::parse::parse;
use rmdd::vet::{Provenance, VetConfig, vet};
use rmdd_testkit::{Step, World};

fn listings() -> (Vec<u8>, Vec<u8>) {
    let read = |name: &str| {
        std::env::var_os(name).map(|path| std::fs::read(&path).unwrap_or_else(|error| panic!("{path:?}: {error}")))
    };
    match (read("RMDD_BENCH_LISTING"), read("RMDD_BENCH_NEXT")) {
        (Some(listing), Some(next)) => (listing, next),
        _ => {
            let mut world = World::new(1, 10_000);
            let listing = world.to_csv();
            world.advance(Step { list: 30, amend: 120, remove: 100, reinstate: 0 });
            (listing, world.to_csv())
        }
    }
}

fn vetted(bytes: &[u8], previous: Option<&Snapshot>) -> Snapshot {
    let provenance = Provenance {
        sha256: Sha256Digest([0; 32]),
        source: String::new(),
        bytes: bytes.len() as u64,
        fetched_at: Timestamp::UNIX_EPOCH,
    };
    let listing = parse(bytes).expect("a listing");
    vet(listing, provenance, previous, &VetConfig::default()).expect("believed")
}

fn sync_stages(criterion: &mut Criterion) {
    let (listing, next) = listings();
    let previous = vetted(&listing, None);
    let mut group = criterion.benchmark_group("sync");
    group.sample_size(20);
    group.bench_function("the csv crate reads the records alone", |bencher| {
        bencher.iter(|| {
            let mut reader = csv::ReaderBuilder::new().from_reader(next.as_slice());
            let mut record = csv::ByteRecord::new();
            let mut cells = 0;
            while reader.read_byte_record(&mut record).expect("a record") {
                cells += record.len();
            }
            black_box(cells)
        });
    });
    group.bench_function("parse, vet and diff", |bencher| {
        bencher.iter(|| {
            let snapshot = vetted(&next, Some(&previous));
            black_box(diff(Some(&previous), |_| None, &snapshot))
        });
    });
    group.bench_function("index", |bencher| {
        bencher.iter_batched(
            || previous.clone(),
            |snapshot| Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0)),
            criterion::BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn look_ups(criterion: &mut Criterion) {
    let (listing, _) = listings();
    let snapshot = vetted(&listing, None);
    let identities: Vec<Identity> = snapshot
        .filings
        .iter()
        .flat_map(|filing| [filing.frn().map(Identity::Frn), Some(Identity::RmdNumber(filing.number()))])
        .flatten()
        .collect();
    let published = PublishedIndex::new(Some(Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0))));
    let policy = Policy::default();
    let mut group = criterion.benchmark_group("question");
    let mut turn = 0usize;
    let mut next = || {
        // A stride that is prime to any likely length: neighbours in memory are not asked in a row.
        turn = turn.wrapping_add(7_919);
        identities[turn % identities.len()]
    };
    group.bench_function("look-up", |bencher| {
        bencher.iter(|| {
            let guard = published.load();
            let index = guard.as_deref().expect("an index");
            match next() {
                Identity::Frn(frn) => black_box(index.by_frn(frn).next().is_some()),
                Identity::RmdNumber(number) => black_box(index.by_number(number).is_some()),
            }
        });
    });
    group.bench_function("decision", |bencher| {
        bencher.iter(|| {
            let guard = published.load();
            let index = guard.as_deref().expect("an index");
            let query = Query::about(next());
            black_box(decide(index, &query, &policy, Timestamp::UNIX_EPOCH))
        });
    });
    group.finish();
}

criterion_group!(benches, sync_stages, look_ups);
criterion_main!(benches);
