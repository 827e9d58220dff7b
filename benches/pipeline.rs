//! What a sync and a look-up cost, side by side with the least that they could.
//!
//! `RMDD_BENCH_LISTING` and `RMDD_BENCH_NEXT` name two real listings, one week and the next; without them both are made
//! up, of 10,000 filings.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use criterion::{Criterion, criterion_group, criterion_main};
use jiff::Timestamp;
use rmdd::api::page;
use rmdd::decide::impact::Basis;
use rmdd::decide::standing::standings;
use rmdd::decide::{Policy, Query, decide};
use rmdd::domain::{
    ChangeSerial, Column, FilingBuilder, Frn, Identity, Listing, Notice, Override, OverrideAction, Peer, PeerKind,
    Record, RecordAction, RecordBody, RecordEvent, RemovalHistory, RmdNumber, Snapshot, SyncOutcome, SyncRecord,
    SyncTrigger, Who,
};
use rmdd::listing::diff::diff;
use rmdd::listing::index::{Index, PublishedIndex};
use rmdd::listing::parse::parse;
use rmdd::listing::vet::{Provenance, VetConfig, vet};
use rmdd::observe::clock;
use rmdd::records::Records;
use rmdd::service::{self, CheckRequest, Detail, PastAsked, PastIndexes, Services, SyncAccess, View};
use rmdd::store::{PublishedRecords, Store};
use rmdd::sync::fetch::Source;
use rmdd::sync::{ArchivedListing, SyncSettings, replay};
use rmdd::transport::auth::Right;
use rmdd::transport::budget::Work;
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
    judged(parse(bytes).expect("a listing"), previous)
}

fn judged(listing: Listing, previous: Option<&Snapshot>) -> Snapshot {
    vet(listing, Provenance::made_up(Timestamp::UNIX_EPOCH), previous, &VetConfig::default()).expect("read").snapshot
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
    // Within twice the time of reading the records.
    group.bench_function("vet", |bencher| {
        let parsed = parse(&next).expect("a listing");
        bencher.iter_batched(
            || parsed.clone(),
            |listing| judged(listing, Some(&previous)),
            criterion::BatchSize::LargeInput,
        );
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

/// 10,000 peers, 1,000 overrides and 100 notices, spread over the providers; every tenth override names a filing.
fn on_record(identities: &[Identity]) -> Records {
    let providers = identities.iter().copied().cycle();
    let record = |provider, body| Record {
        provider,
        by: "bench".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        why: "a bench".to_owned(),
        expires_at: None,
        body,
        revision: 1,
    };
    let peers = (0..10_000).zip(providers.clone().step_by(3)).map(|(n, provider)| {
        record(provider, RecordBody::Peer(Peer { kind: PeerKind::TrunkGroup, name: format!("tg-{n}"), role: None }))
    });
    let overrides = providers.clone().step_by(20).filter(|identity| matches!(identity, Identity::Frn(_))).take(900);
    let of_filings = providers.clone().step_by(177).filter(|identity| matches!(identity, Identity::RmdNumber(_)));
    let overrides = overrides
        .chain(of_filings.take(100))
        .map(|provider| record(provider, RecordBody::Override(Override { action: OverrideAction::Allow })));
    let notices = (0..100).zip(providers.step_by(190)).map(|(n, provider)| {
        let notice = Notice {
            id: format!("notice {n}"),
            document: String::new(),
            basis: String::new(),
            issued_at: Timestamp::UNIX_EPOCH,
            mitigated: None,
            informed: None,
            notified: None,
            calls: Vec::new(),
        };
        record(provider, RecordBody::Notice(notice))
    });
    Records::build(peers.chain(overrides).chain(notices), 1)
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
    let now = Timestamp::UNIX_EPOCH;
    for (name, records) in [("decision", Records::default()), ("decision with records", on_record(&identities))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let guard = published.load();
                let index = guard.as_deref().expect("an index");
                let query = Query::about(next());
                black_box(decide(index, &records, &query, &policy, now))
            });
        });
    }
    group.finish();
}

/// A listing of so many filings, with no more in them than decisions need, and a date that a week changes.
fn sized(filings: u32, serial: u64) -> Snapshot {
    let filing = |value: u32| {
        let number = RmdNumber::from_value(value).expect("a number");
        let mut builder = FilingBuilder::new(number, Frn::from_value(u64::from(value) + 20_000_000), 64);
        // A hundred and fifty filings of any size, spread over all of it, change with each snapshot.
        let changed = value % (filings / 150) == 1;
        for column in Column::ALL {
            builder.push(match column {
                Column::VoiceServiceProviderChoice => "Yes",
                Column::LastUpdated if changed && serial.is_multiple_of(2) => "2026-01-06",
                Column::LastUpdated => "2026-01-05",
                _ => "",
            });
        }
        Arc::new(builder.finish())
    };
    Snapshot::made_up(serial, Timestamp::UNIX_EPOCH, (1..=filings).map(filing))
}

/// Whether a look-up and a week's commit cost more where the listing is larger.
fn sizes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("size");
    for filings in [10_000, 1_000_000] {
        let index = Index::build(sized(filings, 1), RemovalHistory::default(), ChangeSerial(0));
        let mut turn = 0_u32;
        group.bench_function(format!("look-up by FRN among {filings}"), |bencher| {
            bencher.iter(|| {
                // Over ten thousand of them in either case: what differs is the way to them, not the memory behind it.
                turn = turn.wrapping_add(7_919) % 10_000;
                let frn = Frn::from_value(u64::from(turn) + 20_000_001).expect("an FRN");
                black_box(index.by_frn(frn).next().is_some())
            });
        });
    }
    group.sample_size(10);
    for filings in [10_000, 100_000] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("a store");
        let mut current = None;
        let mut commit = || {
            let next = sized(filings, current.as_ref().map_or(1, |before: &Snapshot| before.serial.0 + 1));
            let delta = diff(current.as_ref(), |_| None, &next);
            let cycle = SyncRecord {
                at: Timestamp::UNIX_EPOCH,
                trigger: SyncTrigger::Schedule,
                source: String::new(),
                outcome: SyncOutcome::Unchanged { serial: next.serial, filings: 0 },
                passed_over: Vec::new(),
                sources: Vec::new(),
            };
            let started = Instant::now();
            store.commit(&next, delta.as_ref(), &[], &cycle).expect("committed");
            let took = started.elapsed();
            current = Some(next);
            took
        };
        commit();
        group.bench_function(format!("commit of a week's 150 changes in {filings}"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| commit()).sum());
        });
    }
    group.finish();
}

/// Whether a question about a moment costs more where more records were ever changed.
fn as_of(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut group = criterion.benchmark_group("moment");
    for events in [100u64, 10_000] {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Arc::new(Store::open(directory.path()).expect("a store"));
        let snapshot = sized(1_000, 1);
        let cycle = SyncRecord {
            at: Timestamp::UNIX_EPOCH,
            trigger: SyncTrigger::Schedule,
            source: String::new(),
            outcome: SyncOutcome::Unchanged { serial: snapshot.serial, filings: 0 },
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        store.commit(&snapshot, None, &[], &cycle).expect("committed");
        let at = |second: u64| Timestamp::from_second(second as i64).expect("a time");
        // A thousand overrides at most, changed again and again.
        let mut current: BTreeMap<u64, Record> = BTreeMap::new();
        let reported: Vec<RecordEvent> = (1..=events)
            .map(|serial| {
                let after = Record {
                    provider: Identity::Frn(Frn::from_value(20_000_001 + serial % 1_000).expect("an FRN")),
                    by: "bench".to_owned(),
                    at: at(serial),
                    why: format!("change {serial}"),
                    expires_at: None,
                    body: RecordBody::Override(Override { action: OverrideAction::Allow }),
                    revision: serial,
                };
                RecordEvent {
                    serial,
                    at: at(serial),
                    by: "bench".to_owned(),
                    why: after.why.clone(),
                    action: RecordAction::Changed,
                    before: current.insert(serial % 1_000, after.clone()),
                    after: Some(after),
                }
            })
            .collect();
        store.commit_records(&reported).expect("committed");
        let (records, last) = store.load_records().expect("loaded");
        let records = Arc::new(Records::build(records, last));
        let index = Arc::new(Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0)));
        let past = Arc::new(PastIndexes::default());
        let mut turn = 0u64;
        let now = at(1_000_000);
        let (work, asked) = (Work::direct(), |at| {
            let (current, records) = (Some(Arc::clone(&index)), Arc::clone(&records));
            PastAsked { current, records, at, now }
        });
        // Events are read once, when the first question needs them.
        let first = past.at(&work, &store, asked(at(0)));
        runtime.block_on(first).expect("a moment");
        group.bench_function(format!("a question about another one each, of {events} record events"), |bencher| {
            bencher.iter(|| {
                turn = turn.wrapping_add(7_919);
                let then = past.at(&work, &store, asked(at(turn % events)));
                let then = runtime.block_on(then).expect("a moment");
                let frn = Frn::from_value(20_000_001 + turn % 1_000).expect("an FRN");
                black_box(decide(
                    &then.index,
                    &then.records,
                    &Query::about(Identity::Frn(frn)),
                    &Policy::default(),
                    now,
                ))
            });
        });
    }
    group.finish();
}

/// How 10,000 peers stand, side by side with a batch of as many queries about them.
fn standing(criterion: &mut Criterion) {
    let index = Index::build(sized(10_000, 1), RemovalHistory::default(), ChangeSerial(1));
    let policy = Policy::default();
    let peers: Vec<Record> = (0..10_000u64)
        .map(|of| Record {
            provider: Identity::Frn(Frn::from_value(of + 20_000_001).expect("ten digits")),
            by: "alice".to_owned(),
            at: Timestamp::UNIX_EPOCH,
            why: String::new(),
            expires_at: None,
            body: RecordBody::Peer(Peer { kind: PeerKind::TrunkGroup, name: format!("tg-{of}"), role: None }),
            revision: 1,
        })
        .collect();
    let asked: Vec<Who> = peers.iter().filter_map(|peer| Who::peer(&peer.peer()?.name).ok()).collect();
    let records = Records::build(peers, 1);
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().expect("a time");
    let index = index.confirmed(now);
    let mut group = criterion.benchmark_group("standing");
    group.sample_size(20);
    for (name, detail) in [("compact", Detail::Compact), ("full", Detail::Full)] {
        group.bench_function(format!("a batch of 10,000 queries, {name} answers"), |bencher| {
            let view = View::new(Some(&index), &records, &policy, now);
            bencher.iter(|| {
                let answer =
                    |who: &Who| view.check(&Ok(CheckRequest { detail, ..CheckRequest::about(who.clone()) }), None);
                asked.iter().filter(|who| answer(who).is_ok()).count()
            });
        });
    }
    group.bench_function("10,000 peers", |bencher| {
        let basis = Basis { index: &index, records: &records, policy: &policy };
        bencher.iter(|| standings(basis, now).len());
    });
    group.finish();
}

/// The page's overview at 10,000 filings and 500 peers, some of them refused, as an operator sees it.
fn overview(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let directory = tempfile::tempdir().expect("a directory");
    let services = Arc::new(with_peers(directory.path(), 500));
    let viewer = page::Viewer { right: Right::Operator, known_as: None, has_tokens: false };
    let asked = page::Asked { path: page::Path::Overview, params: page::Params::default(), viewer };
    let mut group = criterion.benchmark_group("page");
    group.bench_function("the overview of 10,000 filings and 500 peers", |bencher| {
        bencher.iter(|| {
            let made = runtime.block_on(page::make(&services, &asked)).expect("a page");
            assert!(made.body.len() < 50_000, "{} bytes", made.body.len());
            made
        });
    });
    group.finish();
}

/// A store of four weeks and so many peers, of which some were removed in these.
fn with_peers(directory: &std::path::Path, count: usize) -> Services {
    let store = Store::open(directory).expect("a store");
    let (mut world, mut archived, now) = (World::new(1, 10_000), Vec::new(), clock::now());
    let frns: Vec<String> = world.rows().map(|row| row.get("frn").to_owned()).take(count).collect();
    for weeks_ago in (0..4).rev() {
        let fetched_at = now - jiff::SignedDuration::from_hours(24 * 7 * weeks_ago);
        archived.push(ArchivedListing { fetched_at, source: "bench".to_owned(), bytes: world.to_csv() });
        world.advance(Step { list: 30, amend: 120, remove: 100, reinstate: 1 });
    }
    let replayed = replay(&store, archived, &VetConfig::default()).expect("replayed");
    assert_eq!(replayed.applied, 4, "{replayed:?}");
    let peers = frns.iter().enumerate().filter_map(|(place, frn)| {
        let body = RecordBody::Peer(Peer { kind: PeerKind::TrunkGroup, name: format!("TG-{place}"), role: None });
        let (by, why, revision) = ("bench".to_owned(), String::new(), 1);
        let provider = Identity::Frn(frn.parse().ok()?);
        Some(Record { provider, by, at: now, why, expires_at: None, body, revision })
    });
    let records = PublishedRecords::new(Records::build(peers, 1));
    let loaded = store.load().expect("loaded");
    let index = loaded.snapshot.map(|snapshot| Index::build(snapshot, loaded.removals, loaded.last_change));
    let settings = SyncSettings {
        source: Source::read("listing.csv").expect("a path"),
        fallbacks: Vec::new(),
        fetch: Default::default(),
        vet: VetConfig::default(),
        archive: Default::default(),
        history: Default::default(),
    };
    Services::new(service::Basis {
        index: Arc::new(PublishedIndex::new(index)),
        records: Arc::new(records),
        store: Arc::new(store),
        state_dir: directory.to_owned(),
        sync: SyncAccess::Record { state: Arc::new(loaded.sync_state), settings: Arc::new(settings) },
        freshness: Default::default(),
        policy: Default::default(),
        me: Default::default(),
        limits: Default::default(),
    })
}

criterion_group!(benches, sync_stages, look_ups, sizes, as_of, standing, overview);
criterion_main!(benches);
