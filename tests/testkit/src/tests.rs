use std::collections::BTreeMap;

use crate::quirks::QUIRKS;
use crate::{COLUMNS, Changes, CsvFormat, Row, Step, World};

fn by_number(world: &World) -> BTreeMap<String, Row> {
    world.rows().map(|row| (row.get("number").to_owned(), row.clone())).collect()
}

#[test]
fn the_same_seed_makes_the_same_file_and_another_another() {
    assert_eq!(World::new(7, 300).to_csv(), World::new(7, 300).to_csv());
    assert_ne!(World::new(7, 300).to_csv(), World::new(8, 300).to_csv());
}

#[test]
fn every_quirk_is_in_a_small_world_and_in_a_large_one() {
    for filings in [60, 10_000] {
        let world = World::new(1, filings);
        assert_eq!(world.len(), filings);
        for quirk in &QUIRKS {
            assert!(world.rows().any(|row| (quirk.holds)(row)), "{} among {filings}", quirk.name);
        }
        let nameless = world.rows().filter(|row| row.get("frn").is_empty()).count();
        assert_eq!(nameless, 1, "one filing has no FRN");
        let mut frns: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
        for row in world.rows() {
            frns.entry(row.get("frn")).or_default().push(row);
        }
        let shared = |rows: &Vec<&Row>| {
            rows.len() > 1 && rows.iter().any(|row| row.get("voice_service_provider_choice").is_empty())
        };
        assert!(frns.values().any(shared), "an unfinished filing beside a good one among {filings}");
        let names: Vec<_> = world.rows().map(|row| row.get("business_name")).collect();
        assert!(names.iter().filter(|name| **name == "Twin Pines Telecom LLC").count() == 2);
        assert!(names.contains(&"Lone Elm Voice LLC") && names.contains(&"Lone Elm Voice Inc."));
    }
}

#[test]
fn the_proportions_of_a_large_world_are_about_the_real_ones() {
    let world = World::new(2, 10_000);
    let share = |holds: &dyn Fn(&Row) -> bool| world.rows().filter(|row| holds(row)).count();
    let broken = share(&|row| row.get("business_address").contains('\n'));
    assert!((9_900..10_000).contains(&broken), "{broken} with line breaks");
    let none = share(&|row| row.get("implementation") == "N/A");
    assert!((450..800).contains(&none), "{none} without implementation");
    let foreign = share(&|row| row.get("foreign_voice_provider") == "Yes");
    assert!((1_700..2_300).contains(&foreign), "{foreign} foreign");
    let undated = share(&|row| row.get("last_updated").is_empty());
    assert!((1_000..2_000).contains(&undated), "{undated} without a date");
    let elsewhere = share(&|row| !row.get("frn").starts_with("00") && !row.get("frn").is_empty());
    assert!((50..200).contains(&elsewhere), "{elsewhere} FRNs that do not begin 00");
}

#[test]
fn a_step_says_just_what_differs_between_its_two_states() {
    let mut world = World::new(3, 500);
    for round in 0..6 {
        let before = by_number(&world);
        let said = world.advance(Step { list: 7, amend: 40, remove: 12, reinstate: 5 });
        let after = by_number(&world);
        let new: Vec<String> = after.keys().filter(|number| !before.contains_key(*number)).cloned().collect();
        let mut said_new = [said.listed.clone(), said.reinstated.clone()].concat();
        said_new.sort();
        assert_eq!(said_new, new, "round {round}");
        assert!(said.listed.iter().all(|number| *number > *before.keys().last().expect("a filing")) || round > 0);
        let seen = Changes {
            removed: before.keys().filter(|number| !after.contains_key(*number)).cloned().collect(),
            amended: before
                .iter()
                .filter_map(|(number, row)| {
                    let columns = after.get(number)?.differs_in(row);
                    (!columns.is_empty()).then(|| (number.clone(), columns))
                })
                .collect(),
            ..said.clone()
        };
        assert_eq!(said, seen, "round {round}");
        assert_eq!((said.listed.len(), said.amended.len(), said.removed.len()), (7, 40, 12));
        assert_eq!(said.reinstated.len(), if round == 0 { 0 } else { 5 });
    }
}

#[test]
fn a_reinstated_filing_comes_back_as_it_was() {
    let mut world = World::new(4, 100);
    let before = by_number(&world);
    let gone = world.advance(Step { remove: 10, ..Step::default() }).removed;
    let back = world.advance(Step { reinstate: 10, ..Step::default() }).reinstated;
    assert_eq!(gone, back);
    assert_eq!(by_number(&world), before);
}

#[test]
fn the_file_has_a_header_and_the_columns_that_were_asked_for() {
    let world = World::new(5, 60);
    let header = |format: &CsvFormat| {
        let text = String::from_utf8(world.to_csv_with(format)).expect("UTF-8");
        text.lines().next().expect("a header").to_owned()
    };
    assert_eq!(header(&CsvFormat::default()), COLUMNS.join(","));
    let recertified = header(&CsvFormat { recertified: true, ..CsvFormat::default() });
    assert!(recertified.ends_with("last_updated,last_recertified,filing_url"));
    let own = CsvFormat { columns: Some(vec!["frn".to_owned(), "colour".to_owned()]), ..CsvFormat::default() };
    assert_eq!(header(&own), "frn,colour");
    let bom = world.to_csv_with(&CsvFormat { bom: true, final_line_end: false, ..CsvFormat::default() });
    assert!(bom.starts_with(b"\xef\xbb\xbfnumber") && bom.ends_with(b"&view=sp"));
}
