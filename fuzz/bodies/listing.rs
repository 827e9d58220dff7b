//! Bytes from anywhere: a listing, or an error that says why not.

use jiff::Timestamp;
use rmdd::decide::{Policy, Query, decide};
use rmdd::domain::{ChangeSerial, Column, Identity, Listing, RemovalHistory, Snapshot, Verdict};
use rmdd::listing::diff;
use rmdd::listing::index::Index;
use rmdd::listing::parse::parse;
use rmdd::listing::vet::{Provenance, VetConfig, vet};
use rmdd::records::Records;

/// Reads the bytes as a listing.
pub fn listing(bytes: &[u8]) {
    match parse(bytes) {
        Err(error) => assert!(!error.to_string().is_empty()),
        Ok(listing) => is_sound(&listing, bytes),
    }
}

fn is_sound(listing: &Listing, bytes: &[u8]) {
    let numbers: Vec<_> = listing.filings.iter().map(|filing| filing.number()).collect();
    assert!(numbers.is_sorted_by(|left, right| left < right), "one filing of a number, ascending");
    for filing in &listing.filings {
        // The number and the FRN are what the cells say, and nothing else.
        assert_eq!(filing.cell(Column::Number).parse(), Ok(filing.number()));
        match filing.frn() {
            Some(frn) => assert_eq!(filing.cell(Column::Frn).parse(), Ok(frn)),
            None => assert!(matches!(filing.cell(Column::Frn).trim(), "" | "N/A")),
        }
    }
    assert!(listing.unreadable.iter().all(|row| row.line >= 1));
    // No row is lost: each is a filing, is unreadable, or repeats another cell for cell.
    assert!(listing.rows() <= records(bytes), "no row comes from nowhere");

    let Some(snapshot) = believed(listing.clone(), None) else { return };
    // The same bytes again change nothing.
    let again = believed(listing.clone(), Some(&snapshot)).expect("what was believed is believed again");
    assert!(diff::diff(Some(&snapshot), |_| None, &again).is_none());
    let index = Index::build(snapshot, RemovalHistory::default(), ChangeSerial(0));
    for number in numbers {
        let filing = index.by_number(number).expect("it is found by its number");
        assert!(filing.frn().is_none_or(|frn| index.by_frn(frn).any(|other| other.number() == number)));
        let query = Query { emergency: true, ..Query::about(Identity::RmdNumber(number)) };
        let decided = decide(&index, &Records::default(), &query, &Policy::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(decided.map(|decision| decision.verdict), Ok(Verdict::Accept));
    }
}

/// How many records any reader of CSV would count at most: one for each line end, and one more.
fn records(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count()
}

fn believed(listing: Listing, previous: Option<&Snapshot>) -> Option<Snapshot> {
    vet(listing, Provenance::made_up(Timestamp::UNIX_EPOCH), previous, &VetConfig::default())
        .ok()
        .map(|vetted| vetted.snapshot)
}
