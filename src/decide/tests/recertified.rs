//! Who owes the yearly recertification, for which deadline, and from when on an advisory says so.

use super::*;

/// A filing of a listing: its number, `last_updated`, `last_recertified`.
pub(super) type Dated = (u32, &'static str, &'static str);

/// The index after these listings, each with the time at which it was fetched. The filing `n` stands under FRN `n`.
pub(super) fn after(listings: &[(&str, &[Dated])]) -> Index {
    let mut current: Option<Snapshot> = None;
    let mut removals = RemovalHistory::default();
    for ((fetched, listed), serial) in listings.iter().zip(1..) {
        let filings = listed.iter().map(|(value, updated, recertified)| {
            let cells = [(Column::LastUpdated, *updated), (Column::LastRecertified, *recertified)];
            filing_with(*value, u64::from(*value), "ynn", &cells)
        });
        let next = Snapshot::made_up(serial, at(fetched), filings);
        let previous = current.as_ref().map(|snapshot| (snapshot, snapshot.confirmed_at));
        removals = crate::listing::diff::step(previous, &removals, &next).removals;
        current = Some(next);
    }
    Index::build(current.expect("a listing"), removals, ChangeSerial(1))
}

fn is_overdue(index: &Index, value: u32, now: &str) -> bool {
    let query = Query::about(Identity::RmdNumber(number(value)));
    let decision = decide(index, &Records::default(), &query, &policy(), at(now)).expect("a verdict");
    assert_eq!(decision.verdict, Verdict::Accept, "it never refuses");
    decision.advisories.iter().any(|said| said.code == AdvisoryCode::RecertificationOverdue)
}

/// Whether a filing that has stood for years is overdue, when its cell says this.
fn says(recertified: &'static str, now: &str) -> bool {
    let listing: &[Dated] = &[(10, "", recertified), (20, "", "2026-02-10")];
    is_overdue(&after(&[("2024-02-15T00:00:00Z", listing)]), 10, now)
}

#[test]
fn the_deadline_itself_is_in_time_and_of_a_weekend_the_monday_in_washington() {
    for (now, overdue) in [
        ("2025-12-01T00:00:00Z", false),
        ("2026-03-01T05:00:00Z", false),
        ("2026-03-02T05:00:00Z", false),
        ("2026-03-03T04:59:59Z", false),
        ("2026-03-03T05:00:00Z", true),
        ("2026-12-31T00:00:00Z", true),
        ("2027-02-28T00:00:00Z", true),
    ] {
        assert_eq!(says("", now), overdue, "March 1, 2026 is a Sunday: {now}");
    }
    for (now, overdue) in [("2027-03-02T04:59:59Z", false), ("2027-03-02T05:00:00Z", true)] {
        assert_eq!(says("2026-02-10", now), overdue, "March 1, 2027 is a Monday: {now}");
    }
    for (now, overdue) in [("2031-03-04T04:59:59Z", false), ("2031-03-04T05:00:00Z", true)] {
        assert_eq!(says("2030-02-10", now), overdue, "March 1, 2031 is a Saturday: {now}");
    }
}

#[test]
fn a_date_counts_for_the_deadline_whose_window_had_opened_however_late_it_is() {
    for (recertified, of_2026, of_2027) in [
        ("2025-12-31", true, true),
        ("2026-01-31", true, true),
        ("2026-02-01", false, true),
        ("2026-03-01", false, true),
        ("2026-03-02", false, true),
        ("2026-03-15", false, true),
        ("2026-11-30", false, true),
        ("2027-01-31", false, true),
        ("2027-02-01", false, false),
        ("2027-03-15", false, false),
        ("soon", false, false),
    ] {
        assert_eq!(says(recertified, "2026-06-29T12:00:00Z"), of_2026, "{recertified} for 2026");
        assert_eq!(says(recertified, "2027-06-29T12:00:00Z"), of_2027, "{recertified} for 2027");
    }
}

#[test]
fn a_listing_that_tells_of_no_recertification_says_of_nobody_that_one_is_missing() {
    let listing: &[Dated] = &[(10, "2024-01-01", ""), (20, "2024-01-01", "")];
    assert!(!is_overdue(&after(&[("2024-02-15T00:00:00Z", listing)]), 10, "2026-06-29T12:00:00Z"));
}

#[test]
fn a_filing_that_was_first_seen_after_a_deadline_owes_nothing_until_the_next() {
    let index = after(&[
        ("2024-02-15T00:00:00Z", &[(10, "", ""), (20, "", "")]),
        ("2026-02-28T12:00:00Z", &[(10, "", ""), (20, "", "2026-02-10"), (30, "", "")]),
        ("2026-03-01T12:00:00Z", &[(10, "", ""), (20, "", "2026-02-10"), (30, "", ""), (40, "", "")]),
        ("2026-03-09T12:00:00Z", &[(10, "", ""), (20, "", "2026-02-10"), (30, "", ""), (40, "", ""), (50, "", "")]),
    ]);
    for (value, of_2026) in [(10, true), (20, false), (30, true), (40, false), (50, false)] {
        assert_eq!(is_overdue(&index, value, "2026-06-29T12:00:00Z"), of_2026, "{value} in 2026");
        assert!(is_overdue(&index, value, "2027-06-29T12:00:00Z"), "{value} in 2027");
    }
}

#[test]
fn a_filing_that_came_back_is_as_old_as_its_first_sight() {
    let index = after(&[
        ("2024-02-15T00:00:00Z", &[(10, "", ""), (20, "", "2026-02-10")]),
        ("2026-02-20T00:00:00Z", &[(20, "", "2026-02-10")]),
        ("2026-04-01T00:00:00Z", &[(10, "", ""), (20, "", "2026-02-10")]),
    ]);
    assert!(is_overdue(&index, 10, "2026-06-29T12:00:00Z"));
}

/// The first listing that was ever fetched is younger than the deadline: what is in it may be old or new.
#[test]
fn where_history_begins_after_the_deadline_dates_and_numbers_tell_which_filings_were_there_before() {
    const NOW: &str = "2026-06-29T12:00:00Z";
    let dated: &[Dated] = &[
        (10, "", ""),
        (20, "", "2026-02-10"),
        (30, "", ""),
        (40, "2026-02-27", ""),
        (50, "", ""),
        (60, "2026-03-05", ""),
        (70, "", ""),
    ];
    let alone = after(&[("2026-06-01T00:00:00Z", dated)]);
    let expected = [(10, true), (20, false), (30, true), (40, true), (50, false), (60, false), (70, false)];
    for (value, overdue) in expected {
        assert_eq!(is_overdue(&alone, value, NOW), overdue, "{value}, of one listing");
    }
    let more: Vec<Dated> = dated.iter().copied().chain([(80, "", "")]).collect();
    let followed = after(&[("2026-06-01T00:00:00Z", dated), ("2026-06-08T00:00:00Z", &more)]);
    for (value, overdue) in [(10, true), (30, true), (40, true), (50, false), (60, false), (70, true), (80, false)] {
        assert_eq!(is_overdue(&followed, value, NOW), overdue, "{value}, with one that was first seen later");
    }
}
