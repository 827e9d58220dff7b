//! The brief summary for the Commission.

use super::*;

fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A notice that was answered in part, with a call, and its provider.
fn noticed() -> (Record, Notice, Provider) {
    let record = read(ONE_OF_EACH[4].0, ONE_OF_EACH[4].1);
    let RecordBody::Notice(mut notice) = record.body.clone() else { panic!("a notice") };
    notice.informed = None;
    notice.calls.push(crate::domain::TracedCall {
        called_at: Some(at("2023-01-10T15:04:00Z")),
        caller: "+12025550143".to_owned(),
        called: "+12025550199".to_owned(),
        campaign: "Mortgage-Impersonation".to_owned(),
        ..crate::domain::TracedCall::default()
    });
    let provider = Provider {
        business_name: "Example LLC".to_owned(),
        frn: "20237343".parse().ok(),
        hands_calls_to_us: true,
        status: FilingStatus::Filed(vec!["RMD0001410".to_owned(), "RMD0001411".to_owned()]),
        as_of: Some(at("2023-02-09T23:30:00Z")),
    };
    (record, notice, provider)
}

#[test]
fn the_summary_says_what_was_and_was_not_done_and_lists_the_calls() {
    let (record, notice, provider) = noticed();
    let between = summary(&record, &notice, &provider, Some("Carrier Inc."), at("2023-02-01T00:00:00Z"));
    assert!(between.starts_with("DRAFT, not to be sent"), "no time has run out: {between}");
    let between = flat(&between);
    assert!(between.contains("January 26, 2023, 15:15 EST: done January 24, 2023, 19:00 EST."), "{between}");
    assert!(between.contains("the time for it has not run out yet"), "{between}");
    let late = summary(&record, &notice, &provider, Some("Carrier Inc."), at("2023-02-10T00:00:00Z"));
    assert!(late.starts_with("To:      Federal Communications Commission"), "{late}");
    for words in [
        "Date: February 9, 2023, 19:00 EST",
        "February 7, 2023, 15:15 EST: NOT DONE",
        "Example LLC (FRN 0020237343) stands in the Robocall Mitigation Database under RMD0001410, RMD0001411, by our copy of \
         February 9, 2023, 18:30 EST. It hands calls to us directly.",
        "not known 2023-01-10 10:04 EST +12025550143 +12025550199 Mortgage-Impersonation",
    ] {
        assert!(flat(&late).contains(words), "{words}: {late}");
    }
    assert!(late.lines().all(|line| line.chars().count() <= 110), "{late}");
}

#[test]
fn the_summary_holds_its_own_basis_and_nothing_that_the_house_notes_for_itself() {
    let (mut record, mut notice, provider) = noticed();
    record.why = "our lawyer's idea".to_owned();
    record.by = "alice".to_owned();
    let said = |notice: &Notice| summary(&record, notice, &provider, None, at("2023-02-10T00:00:00Z"));
    let without = said(&notice);
    for inner in ["lawyer", "alice", "their mail", "ECFS 1", "n-1", "UTC 2023", "  3."] {
        assert!(!without.contains(inner), "{inner}: {without}");
    }
    notice.basis = "Traced calls\n went on.".to_owned();
    assert!(said(&notice).contains("  3. Traced calls went on."), "{}", said(&notice));
}

#[test]
fn the_summary_asserts_nothing_that_is_not_on_record() {
    let (record, mut notice, mut provider) = noticed();
    notice.issued_at = at("2023-01-25T04:59:59.999Z");
    notice.mitigated = Some(crate::domain::Noted { at: at("2023-01-27T04:59:59.999Z"), note: String::new() });
    notice.calls.clear();
    provider.hands_calls_to_us = false;
    provider.status =
        FilingStatus::Removed { number: "RMD0001410".to_owned(), first_missing: at("2023-07-01T03:59:00Z") };
    let said = flat(&summary(&record, &notice, &provider, None, at("2023-08-10T00:00:00Z")));
    assert!(!said.contains("hands calls to us") && !said.contains("that we receive from it"), "{said}");
    for words in [
        "we first found it missing on June 30, 2023, 23:59 EDT",
        "(a letter) on January 24, 2023. The time of day of its time stamp is not on our record",
        "by January 26, 2023, 23:59 EST: done January 26, 2023.",
        "No traced calls are on our record",
        "From: ____",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    provider.business_name.clear();
    provider.status = FilingStatus::Unknown;
    let said = flat(&summary(&record, &notice, &provider, None, at("2023-08-10T00:00:00Z")));
    assert!(said.contains("No filing of the provider (name not known) (FRN 0020237343) is known to us"), "{said}");
}
