use std::collections::BTreeSet;

use super::by_frn;
use crate::filing::ROLES;
use crate::listing::{Row, World, quirks};
use crate::world::NAMESAKES;

#[test]
fn the_same_seed_makes_the_same_file_and_another_another() {
    assert_eq!(World::new(7, 300).to_csv(), World::new(7, 300).to_csv());
    assert_ne!(World::new(7, 300).to_csv(), World::new(8, 300).to_csv());
}

#[test]
fn every_quirk_is_in_small_worlds_and_in_a_large_one() {
    let worlds = (0..50).map(|seed| (seed, 60)).chain([(0, 61), (0, 999), (1, 10_000)]);
    for (seed, filings) in worlds {
        let world = World::new(seed, filings);
        assert_eq!(world.len(), filings);
        for quirk in quirks() {
            assert!(world.filings().any(quirk.holds), "{} among {filings} of seed {seed}", quirk.name);
        }
    }
}

#[test]
fn quirks_of_several_filings_are_in_small_worlds_and_in_a_large_one() {
    for (seed, filings) in (0..50).map(|seed| (seed, 60)).chain([(1, 10_000)]) {
        let world = World::new(seed, filings);
        let at = format!("among {filings} of seed {seed}");
        let frns = by_frn(&world);
        assert_eq!(frns.get("").map(Vec::len), Some(1), "one filing has no FRN, {at}");
        assert!(frns.keys().any(|frn| !frn.is_empty() && !frn.starts_with("00")), "an FRN without 00, {at}");
        assert!(frns.keys().all(|frn| frn.is_empty() || frn.len() == 10), "{at}");
        let beside = |rows: &Vec<&Row>| {
            let unfinished = |row: &&&Row| row.get("implementation") == "N/A" && row.get(ROLES[0]).is_empty();
            rows.len() > 1 && rows.iter().any(|row| unfinished(&row)) && !rows.iter().all(|row| unfinished(&row))
        };
        assert!(frns.values().any(beside), "an unfinished filing beside a good one, {at}");
        let names: Vec<&str> = world.filings().map(|row| row.get("business_name")).collect();
        for [one, other] in NAMESAKES {
            let borne = names.iter().filter(|name| [one, other].contains(name)).count();
            assert!(borne == 2 && names.contains(&one) && names.contains(&other), "{one}, {at}");
        }
    }
}

#[test]
fn numbers_ascend_with_gaps_and_addresses_of_filings_are_their_own() {
    let world = World::new(6, 3_000);
    let numbers: Vec<&str> = world.filings().map(|row| row.get("number")).collect();
    assert_eq!(numbers.first(), Some(&"RMD0001410"));
    assert!(numbers.is_sorted() && numbers.last() > Some(&"RMD0004410"));
    let urls: BTreeSet<&str> = world.filings().map(|row| row.get("filing_url")).collect();
    assert_eq!(urls.len(), 3_000);
    let (before, after) = (
        "https://fccprod.servicenowservices.com/rmd?id=rmd_form&table=x_g_fmc_rmd_robocall_mitigation_database&sys_id=",
        "&view=sp",
    );
    let id = |url: &str| url.strip_prefix(before)?.strip_suffix(after).map(str::to_owned);
    assert!(urls.iter().all(|url| {
        id(url).is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
    }));
}

#[test]
fn no_cell_is_longer_than_the_real_ones() {
    for (filings, longest) in [(60, 2_000), (999, 2_000), (1_000, 16_000)] {
        let world = World::new(9, filings);
        assert_eq!(world.filings().map(|row| row.get("previous_dba_names").len()).max(), Some(longest));
        assert!(world.filings().all(|row| row.get("business_name").len() <= 100));
    }
}

#[test]
fn the_proportions_of_a_large_world_are_about_the_real_ones() {
    let world = World::new(2, 10_000);
    let count = |holds: &dyn Fn(&Row) -> bool| world.filings().filter(|row| holds(row)).count();
    let is = |column: &'static str, cell: &'static str| count(&|row| row.get(column) == cell);
    let frns = by_frn(&world);
    let repeated = {
        let names: BTreeSet<&str> = world.filings().map(|row| row.get("business_name")).collect();
        10_000 - names.len() - is("business_name", "")
    };
    for (what, seen, expected) in [
        ("line breaks in addresses", count(&|row| row.get("business_address").contains('\n')), 9_960..=9_980),
        ("N/A implementation", is("implementation", "N/A"), 500..=720),
        ("complete implementation", is("implementation", "Complete STIR/SHAKEN Implementation"), 4_500..=5_100),
        ("N/A telephone", is("contact_telephone_number", "N/A"), 480..=700),
        ("N/A contact address", is("contact_business_address", "N/A"), 220..=450),
        ("no role", count(&|row| ROLES.iter().all(|role| row.get(role) != "Yes")), 140..=200),
        ("no business name", is("business_name", ""), 130..=130),
        ("foreign", is("foreign_voice_provider", "Yes"), 1_800..=2_200),
        ("never updated", is("last_updated", ""), 1_200..=1_900),
        ("guarded telephone", count(&|row| row.get("contact_telephone_number").starts_with("'+")), 1_600..=2_500),
        ("no other FRNs", is("other_frns", ""), 6_700..=7_400),
        ("no other names", is("other_dba_names", ""), 5_200..=5_900),
        ("FRNs without 00", frns.keys().filter(|frn| !frn.is_empty() && !frn.starts_with("00")).count(), 5..=5),
        ("FRNs of several filings", frns.values().filter(|rows| rows.len() > 1).count(), 28..=30),
        ("names borne before", repeated, 30..=150),
    ] {
        assert!(expected.contains(&seen), "{what}: {seen}, not in {expected:?}");
    }
}

#[test]
fn a_tiny_world_is_made_too() {
    for filings in 0..8 {
        assert_eq!(World::new(1, filings).len(), filings);
    }
    assert!(World::new(1, 0).is_empty());
}
