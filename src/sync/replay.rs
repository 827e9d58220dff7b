//! Listings that were fetched before, applied again in order: how a store that was lost is filled from an archive.

use jiff::Timestamp;

use crate::domain::{RemovalHistory, Sha256Digest, Snapshot, SyncOutcome, SyncRecord, SyncTrigger};
use crate::listing::next::{Current, FetchedAt, FetchedListing, Vetting};
use crate::listing::vet::VetConfig;
use crate::store::archive::Application;
use crate::store::removed::Removed;
use crate::store::{Holding, Store, StoreError};

/// A listing as it once was fetched.
#[derive(Debug, Clone)]
pub struct ArchivedListing {
    /// When.
    pub fetched_at: Timestamp,
    /// Where.
    pub source: String,
    /// The published bytes.
    pub bytes: Vec<u8>,
}

/// What came of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Replayed {
    /// So many listings were applied.
    pub applied: u64,
    /// So many were those that stood.
    pub confirmed: u64,
    /// When those were fetched that were not applied, and why.
    pub refused: Vec<(Timestamp, String)>,
}

/// Applies listings in the order in which they come, which is that of their times, by the same stages as a sync: parse,
/// vet, diff, commit. The store must not be in use. Each counts from the time at which it was fetched, so that the past can
/// be asked for as it was. One that is refused is passed over.
///
/// # Errors
///
/// If the store cannot be read or written. What was applied so far stays.
pub fn replay(
    store: &Store,
    listings: impl IntoIterator<Item = ArchivedListing>,
    config: &VetConfig,
) -> Result<Replayed, StoreError> {
    replay_behind(store, listings.into_iter().map(|listing| (listing, None)), config, None)
}

/// The same, where it is known of some how they came to be applied, and an empty store begins behind what an earlier one knew
/// (`past`).
///
/// # Errors
///
/// As [`replay`].
pub fn replay_behind(
    store: &Store,
    listings: impl IntoIterator<Item = (ArchivedListing, Option<Application>)>,
    config: &VetConfig,
    past: Option<&Removed>,
) -> Result<Replayed, StoreError> {
    let loaded = store.load()?;
    let mut previous: Option<Snapshot> = loaded.snapshot;
    let mut removals: RemovalHistory = loaded.removals;
    let mut replayed = Replayed::default();
    for (ArchivedListing { fetched_at, source, bytes }, application) in listings {
        let applied_at = application.as_ref().map_or(fetched_at, |application| application.applied_at);
        let sha256 = Sha256Digest::of(&bytes);
        let cycle = |outcome| SyncRecord {
            at: applied_at,
            trigger: SyncTrigger::Operator,
            source: source.clone(),
            outcome,
            passed_over: Vec::new(),
            sources: Vec::new(),
        };
        if let Some(current) = previous.as_mut().filter(|current| current.sha256 == sha256) {
            let filings = current.filings.len() as u64;
            let outcome = SyncOutcome::Unchanged { serial: current.serial, filings };
            let confirmed_at = current.confirmed_at.max(fetched_at);
            store.record_cycle(&cycle(outcome), Some((current.serial, confirmed_at)), &Holding::AsBefore)?;
            current.confirmed_at = confirmed_at;
            replayed.confirmed += 1;
            continue;
        }
        let current = Current {
            snapshot: previous.as_ref().map(|snapshot| (snapshot, snapshot.confirmed_at)),
            removals: Some(&removals),
        };
        let fetched = FetchedListing {
            bytes: &bytes,
            sha256,
            source: source.clone(),
            fetched_at: FetchedAt::Recorded(fetched_at),
        };
        let mut snapshot = match current.vet(fetched, Vetting { config, peers: &[] }) {
            // What there is to doubt about it was settled when it was applied.
            Ok(vetted) => vetted.snapshot,
            Err(refusal) => {
                replayed.refused.push((fetched_at, refusal.to_string()));
                continue;
            }
        };
        if let Some(Application { confirmed_at, why, .. }) = application {
            snapshot.confirmed_at = snapshot.confirmed_at.max(confirmed_at);
            snapshot.anomalies.extend(why);
        }
        let begins = past.filter(|_| previous.is_none());
        if let Some(past) = begins {
            removals = store.begin_behind(past, &mut snapshot)?;
        }
        let current = Current {
            snapshot: previous.as_ref().map(|snapshot| (snapshot, snapshot.confirmed_at)),
            removals: Some(&removals),
        };
        let step = current.step(&snapshot);
        let outcome = SyncOutcome::Applied {
            serial: snapshot.serial,
            filings: snapshot.filings.len() as u64,
            changes: step.counts(),
        };
        store.commit(&snapshot, step.delta.as_ref(), &step.touched, &cycle(outcome))?;
        removals = match begins {
            // What stands in the first listing was there before.
            Some(_) => step.removals.with_first_sights(removals.first_sights().clone()),
            None => step.removals,
        };
        if begins.is_some() {
            store.forget_beginning()?;
        }
        previous = Some(snapshot);
        replayed.applied += 1;
    }
    past.map_or(Ok(()), |past| store.add_missed(past))?;
    Ok(replayed)
}

#[cfg(test)]
mod tests {
    use rmdd_testkit::{Step, World};

    use super::*;
    use crate::listing::canonical;
    use crate::listing::parse::parse;

    fn time(days: i64) -> Timestamp {
        Timestamp::from_second(1_750_000_000 + days * 86_400).expect("a time")
    }

    #[test]
    fn an_archive_fills_a_store_with_the_past_as_it_was() {
        let mut world = World::new(8, 80);
        let mut published = Vec::new();
        for _ in 0..4 {
            published.push(world.to_csv());
            world.advance(Step { list: 2, amend: 9, remove: 3, reinstate: 1 });
        }
        let listing = |day: i64, bytes: &[u8]| ArchivedListing {
            fetched_at: time(day),
            source: "an archive".to_owned(),
            bytes: bytes.to_vec(),
        };
        let archive = vec![
            listing(0, &published[0]),
            listing(1, &published[0]),
            listing(7, &published[1]),
            listing(8, b"<html>maintenance</html>"),
            listing(14, &published[2]),
            listing(21, &published[3]),
        ];
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(directory.path()).expect("made");
        let replayed = replay(&store, archive, &VetConfig::default()).expect("replayed");
        assert_eq!((replayed.applied, replayed.confirmed, replayed.refused.len()), (4, 1, 1));
        assert!(replayed.refused[0].1.contains("HTML"), "{replayed:?}");
        for (week, bytes) in published.iter().enumerate() {
            let then = store.snapshot_at(time(7 * week as i64)).expect("read").then().expect("a snapshot");
            let filings = parse(bytes).expect("good").filings;
            assert_eq!(then.record.listing_sha256, Some(canonical::digest(&filings)), "week {week}");
            assert_eq!(then.record.fetched_at, time(7 * week as i64));
        }
        let then = store.snapshot_at(time(6)).expect("read").then().expect("a snapshot");
        assert_eq!(then.confirmed_at, time(1));
        let seen = store.load().expect("loaded").removals.newest_first().map(|removal| removal.last_seen_at).min();
        assert_eq!(seen, Some(time(1)), "what went in the second week was last seen when the first was confirmed");
        assert_eq!(store.verify().expect("checked").faults, Vec::<String>::new());
    }
}
