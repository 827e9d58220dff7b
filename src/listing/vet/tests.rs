use super::*;
use std::sync::Arc;

use crate::domain::{Column, Filing, FilingBuilder, RowFault, UnreadableRow};

fn number(value: u32) -> RmdNumber {
    RmdNumber::from_value(value).expect("seven digits")
}

fn filing(value: u32, name: &str) -> Arc<Filing> {
    let mut builder = FilingBuilder::new(number(value), None, 0);
    for column in Column::ALL {
        builder.push(if column == Column::BusinessName { name } else { "" });
    }
    builder.finish().into()
}

fn listing(values: impl IntoIterator<Item = u32>) -> Listing {
    Listing {
        filings: values.into_iter().map(|value| filing(value, "as filed")).collect(),
        in_order: true,
        unreadable: Vec::new(),
        repeated: 0,
        undecoded: 0,
        missing_columns: Vec::new(),
        unknown_columns: Vec::new(),
        truncated: None,
    }
}

fn at(second: i64) -> Provenance {
    Provenance {
        sha256: Sha256Digest([second as u8; 32]),
        source: "a test".to_owned(),
        bytes: 0,
        fetched_at: Timestamp::from_second(second).expect("a time"),
    }
}

fn unreadable(own: Option<u32>, after: Option<u32>, before: Option<u32>) -> UnreadableRow {
    UnreadableRow {
        line: 7,
        number: own.map(number),
        may_hide_others: own.is_none(),
        after: after.map(number),
        before: before.map(number),
        fault: RowFault::Number,
    }
}

fn hundred() -> Snapshot {
    vet(listing(1..=100), at(1), None, &VetConfig::default()).expect("read").snapshot
}

#[test]
fn a_listing_without_filings_is_refused() {
    assert_eq!(vet(listing([]), at(1), None, &VetConfig::default()).expect_err("refused"), Refusal::NoFilings);
}

#[test]
fn a_filing_behind_an_unreadable_row_stands_as_it_last_was_read_and_is_marked_since_when() {
    let previous = hundred();
    let mut broken = listing((1..=100).filter(|value| !(49..=51).contains(value) && *value != 70));
    broken.unreadable.push(unreadable(Some(50), Some(48), Some(52)));
    broken.unreadable.push(unreadable(None, Some(69), Some(71)));
    let next = vet(broken.clone(), at(2), Some(&previous), &VetConfig::default()).expect("read").snapshot;
    assert!(next.filing(number(50)).is_some() && next.filing(number(70)).is_some());
    assert!(next.filing(number(49)).is_none() && next.filing(number(51)).is_none());
    assert_eq!(next.carried.keys().copied().collect::<Vec<_>>(), [number(50), number(70)]);
    assert!(next.filings.is_sorted_by_key(|filing| filing.number()));

    let third = vet(broken, at(3), Some(&next), &VetConfig::default()).expect("read").snapshot;
    assert_eq!(third.carried[&number(50)], at(2).fetched_at, "carried since the second listing, not the third");

    let healed = vet(listing(1..=100), at(4), Some(&third), &VetConfig::default()).expect("read").snapshot;
    assert!(healed.carried.is_empty());
}

#[test]
fn too_many_unreadable_rows_refuse_the_listing_and_name_the_first() {
    let mut broken = listing(1..=100);
    for own in 201..=203 {
        broken.unreadable.push(unreadable(Some(own), None, None));
    }
    assert!(vet(broken.clone(), at(1), None, &VetConfig::default()).is_ok(), "three are always borne");
    broken.unreadable.push(unreadable(Some(204), None, None));
    let refusal = vet(broken, at(1), None, &VetConfig::default()).expect_err("refused");
    assert!(refusal.to_string().contains("4 of 104 rows") && refusal.to_string().contains("line 7"), "{refusal}");
}

#[test]
fn a_listing_of_nothing_but_unreadable_rows_is_refused() {
    let mut broken = listing([]);
    broken.unreadable.push(unreadable(None, None, None));
    assert!(matches!(vet(broken, at(1), None, &VetConfig::default()), Err(Refusal::TooManyUnreadable { .. })));
}

#[test]
fn a_truncated_listing_is_refused_even_as_the_first() {
    let mut cut = listing(1..=3);
    cut.truncated = Some(Truncation { line: 9, sign: "it stops" });
    assert!(matches!(vet(cut, at(1), None, &VetConfig::default()), Err(Refusal::Truncated(_))));
}

#[test]
fn unchanged_filings_share_the_memory_of_the_snapshot_before() {
    let previous = hundred();
    let mut next = listing(1..=100);
    next.filings[4] = filing(5, "renamed");
    let next = vet(next, at(2), Some(&previous), &VetConfig::default()).expect("read").snapshot;
    assert!(Arc::ptr_eq(&next.filings[3], &previous.filings[3]));
    assert!(!Arc::ptr_eq(&next.filings[4], &previous.filings[4]));
    assert_eq!(next.filings[4].business_name(), "renamed");
}

#[test]
fn oddities_become_anomalies() {
    let mut odd = listing(1..=10);
    odd.missing_columns.push(Column::Country);
    odd.unknown_columns.push("colour".to_owned());
    odd.unreadable.push(unreadable(None, None, None));
    let codes: Vec<_> = vet(odd, at(1), None, &VetConfig::default())
        .expect("read")
        .snapshot
        .anomalies
        .iter()
        .map(|anomaly| anomaly.code().as_str())
        .collect();
    assert_eq!(codes, ["COLUMN_MISSING", "COLUMN_UNKNOWN", "ROWS_UNREADABLE"]);
}

#[test]
fn a_share_beyond_all_is_no_setting() {
    assert!(VetConfig { max_loss_percent: 101.0, ..VetConfig::default() }.validate().is_err());
    assert!(VetConfig { max_unreadable_percent: f64::NAN, ..VetConfig::default() }.validate().is_err());
    assert!(VetConfig { max_loss_percent: 0.5, ..VetConfig::default() }.validate().is_err(), "below the first limit");
}

mod cells;
mod doubts;
mod lately;
mod newcomers;
mod returns;
