//! What several cells and several filings say together: of a role, and of being foreign.

use super::*;

/// The index of a listing of these filings, all of FRN 1.
fn of(filings: &[(&str, &str)]) -> Index {
    let filings = filings.iter().zip(1..).map(|((roles, foreign), place)| {
        let texts = roles.split('/').collect::<Vec<_>>();
        let cells = [
            (Column::VoiceServiceProviderChoice, texts[0]),
            (Column::GatewayProviderChoice, texts[1]),
            (Column::IntermediateProviderChoice, texts[2]),
            (Column::ForeignVoiceProvider, *foreign),
        ];
        filing_with(place * 10, 1, "", &cells)
    });
    let snapshot = Snapshot { filings: filings.collect(), carried: BTreeMap::new(), ..index().snapshot().clone() };
    Index::build(snapshot, RemovalHistory::default(), ChangeSerial(1))
}

/// Decides by FRN and by every number, and makes sure that it is the same.
fn one_answer(index: &Index, query: Query, policy: &Policy) -> Decision {
    let now = time(FIRST_MISSING + 60);
    let ask = |identity| decide(index, &Records::default(), &Query { identity, ..query }, policy, now).expect("told");
    let reported = ask(Identity::Frn(frn(1)));
    let codes = |decision: &Decision| decision.advisories.iter().map(|said| said.code).collect::<Vec<_>>();
    for current in index.by_frn(frn(1)) {
        let by_number = ask(Identity::RmdNumber(current.number()));
        let answer = |decision: &Decision| (decision.verdict, decision.reason, decision.rule, decision.by_policy);
        assert_eq!(answer(&by_number), answer(&reported), "{query:?} by {}", current.number());
        assert_eq!(codes(&by_number), codes(&reported), "{query:?} by {}", current.number());
    }
    reported
}

/// Asked as gateway: the cells for voice, gateway and intermediate, and the row of the matrix that applies.
#[test]
fn the_cell_of_the_role_that_is_named_decides_before_all_others_and_an_explicit_no_before_a_blank() {
    use Reason::{NoRoleCertified, RoleBlank, RoleNotCertified};
    let all_refuse = Policy {
        cells: PolicyConfig {
            role_blank: AcceptOrRefuse::Refuse,
            no_role_certified: AcceptOrRefuse::Refuse,
            ..PolicyConfig::default()
        },
        ..policy()
    };
    for (filings, row) in [
        (vec!["No/Yes/No"], Reason::Listed),
        (vec!["No/No/No"], RoleNotCertified),
        (vec!["/No/"], RoleNotCertified),
        (vec!["Yes/No/Yes"], RoleNotCertified),
        (vec!["Maybe/ no /Maybe"], RoleNotCertified),
        (vec!["//"], RoleBlank),
        (vec!["No//No"], RoleBlank),
        (vec!["Yes//Yes"], RoleBlank),
        (vec!["Maybe//No"], RoleBlank),
        (vec!["Yes/Maybe/No"], RoleBlank),
        (vec!["/Maybe/"], NoRoleCertified),
        (vec!["No/Maybe/No"], NoRoleCertified),
        (vec!["No/No/No", "No/Yes/No"], Reason::Listed),
        (vec!["//", "No/Yes/No"], Reason::Listed),
        (vec!["//", "Yes/No/No"], RoleNotCertified),
        (vec!["No/No/No", "//"], RoleNotCertified),
        (vec!["No/No/No", "No/Maybe/No"], RoleNotCertified),
        (vec!["Yes//No", "No/No/No"], RoleNotCertified),
        (vec!["//", "No/Maybe/No"], RoleBlank),
        (vec!["No/Maybe/No", "Yes/Maybe/No"], RoleBlank),
        (vec!["No/Maybe/No", "/Perhaps/"], NoRoleCertified),
    ] {
        let filings: Vec<(&str, &str)> = filings.into_iter().map(|roles| (roles, "No")).collect();
        let index = of(&filings);
        let query = Query { role: Some(ProviderRole::Gateway), ..Query::about(Identity::Frn(frn(1))) };
        let refused = one_answer(&index, query, &all_refuse);
        assert_eq!(refused.reason, row, "{filings:?}");
        assert_eq!(refused.verdict == Verdict::Accept, row == Reason::Listed, "{filings:?}");
        let code = match row {
            RoleNotCertified => Some(AdvisoryCode::RoleNotCertified),
            RoleBlank => Some(AdvisoryCode::RoleBlank),
            NoRoleCertified => Some(AdvisoryCode::NoRoleCertified),
            _ => None,
        };
        let of_roles = [AdvisoryCode::RoleNotCertified, AdvisoryCode::RoleBlank, AdvisoryCode::NoRoleCertified];
        let said = |decision: &Decision| -> Vec<AdvisoryCode> {
            decision.advisories.iter().map(|said| said.code).filter(|code| of_roles.contains(code)).collect()
        };
        assert_eq!(said(&refused), [], "the reason says it: {filings:?}");
        let by_default = one_answer(&index, query, &policy());
        assert_eq!(by_default.verdict == Verdict::Refuse, row == RoleNotCertified, "{filings:?}");
        if by_default.verdict == Verdict::Accept {
            assert_eq!((by_default.reason, said(&by_default)), (Reason::Listed, code.into_iter().collect()));
        }
        let lenient = PolicyConfig { role_not_certified: AcceptOrRefuse::Accept, ..PolicyConfig::default() };
        let accepted = one_answer(&index, query, &Policy { cells: lenient, ..policy() });
        assert_eq!((accepted.verdict, said(&accepted)), (Verdict::Accept, code.into_iter().collect()), "{filings:?}");
        let named = refused.filing.expect("a filing");
        let whose = named.text(Column::GatewayProviderChoice);
        assert!(row != RoleNotCertified || whose.eq_ignore_ascii_case("no"), "{filings:?}: {whose:?} is named");
    }
}

#[test]
fn where_no_role_is_named_any_that_is_certified_will_do() {
    for (filings, certified) in [
        (vec!["No/No/Yes"], true),
        (vec!["No/No/No"], false),
        (vec!["//"], false),
        (vec!["Maybe//"], false),
        (vec!["No/No/No", "//Yes"], true),
    ] {
        let filings: Vec<(&str, &str)> = filings.into_iter().map(|roles| (roles, "No")).collect();
        let decision = one_answer(&of(&filings), Query::about(Identity::Frn(frn(1))), &policy());
        assert_eq!((decision.verdict, decision.reason), (Verdict::Accept, Reason::Listed));
        assert_eq!(decision.by_policy, !certified, "{filings:?}");
        let code = AdvisoryCode::NoRoleCertified;
        assert_eq!(decision.advisories.iter().any(|said| said.code == code), !certified, "{filings:?}");
    }
}

#[test]
fn what_is_neither_yes_nor_no_nor_blank_is_said_of_the_cells_that_were_asked() {
    let said = |roles: &str, foreign: &str, role: Option<ProviderRole>, reported: Ternary| {
        let us_caller_id = Ternary::No;
        let query = Query { role, foreign: reported, us_caller_id, ..Query::about(Identity::Frn(frn(1))) };
        let decision = one_answer(&of(&[(roles, foreign)]), query, &policy());
        let found = decision.advisories.into_iter().find(|said| said.code == AdvisoryCode::CellUnrecognized);
        found.map(|said| said.message)
    };
    let gateway = Some(ProviderRole::Gateway);
    let column = |said: Option<String>| said.expect("said").split_once(" as its ").expect("named").1.to_owned();
    assert!(column(said("Yes/Maybe/No", "No", gateway, Ternary::Unknown)).starts_with("gateway_provider_choice"));
    assert!(column(said("No/No/Maybe", "No", None, Ternary::Unknown)).starts_with("intermediate_provider_choice"));
    assert!(column(said("No/Yes/No", "Perhaps", gateway, Ternary::Unknown)).starts_with("foreign_voice_provider"));
    assert_eq!(said("No/Yes/No", "Perhaps", gateway, Ternary::No), None, "the question says it");
    assert_eq!(said("Maybe/Yes/No", "No", gateway, Ternary::Unknown), None, "it was not asked");
    assert_eq!(said("Maybe/Yes/No", "No", None, Ternary::Unknown), None, "another role is certified");
    assert_eq!(said("//", "", gateway, Ternary::Unknown), None);
}

/// Asked as gateway with a caller ID that is no US number, of filings that are certified as voice providers only.
#[test]
fn a_provider_is_foreign_if_all_its_standing_filings_say_so_and_else_an_advisory_says_that_they_differ() {
    for (filings, foreign, differs) in [
        (vec!["Yes"], true, false),
        (vec!["No"], false, false),
        (vec![""], false, false),
        (vec!["Perhaps"], false, false),
        (vec!["Yes", "yes"], true, false),
        (vec!["Yes", "No"], false, true),
        (vec!["No", "Yes"], false, true),
        (vec!["Yes", ""], false, true),
        (vec!["", "Yes", "Yes"], false, true),
        (vec!["Yes", "Perhaps"], false, true),
        (vec!["No", ""], false, false),
    ] {
        let filings: Vec<(&str, &str)> = filings.into_iter().map(|foreign| ("Yes/No/No", foreign)).collect();
        let index = of(&filings);
        let query = Query {
            role: Some(ProviderRole::Gateway),
            us_caller_id: Ternary::No,
            ..Query::about(Identity::Frn(frn(1)))
        };
        let decision = one_answer(&index, query, &policy());
        let expected = if foreign { Reason::CallNotCovered } else { Reason::RoleNotCertified };
        assert_eq!(decision.reason, expected, "{filings:?}");
        let said = |decision: &Decision| decision.advisories.iter().any(|a| a.code == AdvisoryCode::ForeignDiffers);
        assert_eq!(said(&decision), differs, "{filings:?}");
        for (reported, reason) in [(Ternary::Yes, Reason::CallNotCovered), (Ternary::No, Reason::RoleNotCertified)] {
            let decision = one_answer(&index, Query { foreign: reported, ..query }, &policy());
            assert_eq!(
                (decision.reason, said(&decision)),
                (reason, false),
                "{filings:?}, the question says {reported:?}"
            );
        }
    }
}

#[test]
fn a_provider_that_is_gone_has_one_answer_by_all_its_numbers() {
    let foreign = |answer| [(Column::ForeignVoiceProvider, answer)];
    let index_of = |first: &'static str, second: &'static str| {
        let stood = vec![filing_with(10, 1, "ynn", &foreign(first)), filing_with(20, 1, "ynn", &foreign(second))];
        let next = Snapshot { filings: Vec::new(), carried: BTreeMap::new(), ..index().snapshot().clone() };
        let gone = Delta { removed: stood, ..Delta::default() };
        let (removals, _) = RemovalHistory::default().after(&gone, time(LAST_SEEN), &next);
        Index::build(next, removals, ChangeSerial(1))
    };
    for (first, second, reason) in [
        ("Yes", "Yes", Reason::CallNotCovered),
        ("Yes", "No", Reason::Removed),
        ("No", "Yes", Reason::Removed),
        ("No", "No", Reason::Removed),
    ] {
        let index = index_of(first, second);
        for who in [Identity::Frn(frn(1)), Identity::RmdNumber(number(10)), Identity::RmdNumber(number(20))] {
            let query = Query { us_caller_id: Ternary::No, ..Query::about(who) };
            let decision = decide(&index, &Records::default(), &query, &policy(), time(FIRST_MISSING + 60));
            assert_eq!(decision.expect("a verdict").reason, reason, "{first}, {second}: {who}");
        }
    }
}
