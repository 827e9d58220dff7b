//! What holds whatever is asked, and whatever is on record.

use proptest::prelude::*;

use super::*;

/// One of the records that the property below adds.
fn any_record(choice: u8, of: u64, day: i64) -> Record {
    let provider = if choice.is_multiple_of(2) { format!("{:010}", of + 1) } else { format!("RMD{:07}", of * 10) };
    let released = time(day * 86_400).strftime("%Y-%m-%d").to_string();
    let reported = time((day + 1) * 86_400).to_string();
    match choice / 2 {
        0 => says("deny", &provider, ""),
        1 => says("allow", &provider, &reported),
        2 => order("removal", &provider, &released),
        3 => notified("fdo", &provider, &released, &reported),
        4 => order("show_cause", &provider, &released),
        _ => {
            let cells = [("id", "n"), ("provider", &*provider), ("issued_at", &*released), ("notified_at", &*reported)];
            record(RecordKind::Notice, &cells)
        }
    }
}

proptest! {
    /// Whatever is asked and whatever is on record, a 911 call is accepted; and the same question has the same answer.
    #[test]
    fn an_emergency_call_is_never_refused_and_answers_do_not_vary(
        of in 0u64..12, by_number in any::<bool>(), role in 0usize..4, foreign in 0u8..3, us in 0u8..3,
        hours in 0i64..2000, refuse in any::<bool>(), old in 0u8..4,
        on_record in prop::collection::vec((0u8..12, 0u64..12, 0i64..60), 0..6), off in 0usize..17,
    ) {
        let three = |value| match value { 0 => Ternary::Yes, 1 => Ternary::No, _ => Ternary::Unknown };
        let identity = if by_number {
            Identity::RmdNumber(number(of as u32 * 10))
        } else {
            Identity::Frn(frn(of + 1))
        };
        let choice = if refuse { AcceptOrRefuse::Refuse } else { AcceptOrRefuse::Accept };
        let cells = PolicyConfig {
            role_not_certified: choice,
            role_blank: choice,
            no_role_certified: choice,
            other_frn: choice,
            notice_unanswered: choice,
            final_determination_early: choice,
            listing_old: [OldListing::Answer, OldListing::Accept, OldListing::Refuse, OldListing::Error][old as usize],
            advisories_off: AdvisoryCode::ALL.get(off).copied().into_iter().collect(),
            ..PolicyConfig::default()
        };
        let policy = Policy { cells, ..policy() };
        let query = Query {
            role: ProviderRole::ALL.get(role).copied(),
            foreign: three(foreign),
            us_caller_id: three(us),
            ..Query::about(identity)
        };
        let now = time(FIRST_MISSING + hours * 3600);
        let records = || {
            Records::build(on_record.iter().map(|(choice, of, day)| any_record(*choice, *of, *day)), 7)
        };
        let (index, again) = (index(), index());
        let reported = |index: &Index, records: &Records, query: &Query| {
            decide(index, records, query, &policy, now).map(|decision| {
                let advisories: Vec<String> = decision.advisories.iter().map(|said| said.message.clone()).collect();
                (decision.verdict, decision.reason, sentence(&decision, query, true), advisories)
            })
        };
        prop_assert_eq!(reported(&index, &records(), &query), reported(&again, &records(), &query));
        let call = Query { emergency: true, ..query };
        prop_assert_eq!(reported(&index, &records(), &call).map(|answer| answer.0), Ok(Verdict::Accept));
        prop_assert_eq!(reported(&index, &Records::default(), &call).map(|answer| answer.0), Ok(Verdict::Accept));
    }
}
