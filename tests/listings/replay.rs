//! Real weeks, one after the other, through a daemon over HTTP: listing, removals and reinstatements after each,
//! against a computation of the test's own.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::http::{Answer, Server};
use crate::common::real::newest_weeks;
use crate::common::{Site, stderr, stdout};
use rmdd::api::grpc::v1::{ListRemovalsRequest, SyncOutcome};

/// Each filing's row by its number, read by the csv crate alone, without anything of rmdd's.
fn rows(bytes: &[u8]) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv::Reader::from_reader(bytes);
    let header = reader.headers().expect("a header").clone();
    let number = header.iter().position(|name| name == "number").expect("its column");
    reader
        .records()
        .map(|row| row.expect("a row"))
        .map(|row| (row[number].to_owned(), row.iter().map(str::to_owned).collect()))
        .collect()
}

/// What was ever seen, by the test's own reckoning.
#[derive(Default)]
struct Reckoning {
    stands: BTreeMap<String, Vec<String>>,
    gone: BTreeSet<String>,
}

/// What a week changes: listed, amended, removed, reinstated.
fn advance(known: &mut Reckoning, week: BTreeMap<String, Vec<String>>) -> [u64; 4] {
    let mut counts = [0; 4];
    for (number, row) in &week {
        match known.stands.get(number) {
            Some(before) => counts[1] += u64::from(before != row),
            None if known.gone.remove(number) => counts[3] += 1,
            None => counts[0] += 1,
        }
    }
    for number in known.stands.keys().filter(|number| !week.contains_key(*number)) {
        known.gone.insert(number.clone());
        counts[2] += 1;
    }
    known.stands = week;
    counts
}

#[tokio::test]
async fn after_each_real_week_listing_removals_and_reinstatements_are_those_of_an_independent_reckoning() {
    let Some(weeks) = newest_weeks() else { return };
    let server = Server::start(Answer::csv(b"")).await;
    let site = Site::new();
    let mut known = Reckoning::default();
    let mut daemon = None;
    for (week, bytes) in weeks {
        server.answer(Answer::csv(&bytes));
        let asked = server.requests();
        let (running, sync) = match daemon.take() {
            None => {
                let started = site.start_with(&["--source", &server.url]);
                let sync = started.first_sync().await;
                (started, sync)
            }
            Some(running) => {
                let running: crate::common::Daemon = running;
                let sync = running.sync().await;
                (running, sync)
            }
        };
        assert_eq!(sync.outcome(), SyncOutcome::Applied, "{week}: {}", sync.error);
        assert!(server.requests() - asked <= 2, "{week}: within two fetches");
        let counts = advance(&mut known, rows(&bytes));
        assert_eq!([sync.listed, sync.amended, sync.removed, sync.reinstated], counts, "{week}");

        let mut listing = running.listing().await;
        let (mut removed, mut page_token) = (BTreeSet::new(), String::new());
        loop {
            let request = ListRemovalsRequest { page_size: 1000, page_token, ..ListRemovalsRequest::default() };
            let page = listing.list_removals(request).await.expect("a page").into_inner();
            removed.extend(
                page.removals
                    .iter()
                    .filter(|removal| removal.reinstated_at.is_none())
                    .filter_map(|removal| removal.filing.as_ref().map(|filing| filing.number.clone())),
            );
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(removed, known.gone, "{week}");

        let export = site.run(&["export"]);
        let exported = rows(stdout(&export).as_bytes());
        assert!(!exported.is_empty(), "{}", stderr(&export));
        assert!(exported.keys().eq(known.stands.keys()), "{week}: the numbers that stand");
        println!("{week}: {} stand, {} removed; {counts:?}", exported.len(), removed.len());
        daemon = Some(running);
    }
}
