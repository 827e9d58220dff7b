use std::collections::BTreeSet;

use super::by_number;
use crate::listing::{Changes, Step, World};

#[test]
fn a_step_says_just_what_differs_between_its_two_states() {
    let mut world = World::new(3, 500);
    let mut ever: BTreeSet<String> = by_number(&world).into_keys().collect();
    for round in 0..6 {
        let before = by_number(&world);
        let said = world.advance(Step { list: 7, amend: 40, remove: 12, reinstate: 5 });
        let after = by_number(&world);
        let (back, new): (Vec<String>, Vec<String>) =
            after.keys().filter(|number| !before.contains_key(*number)).cloned().partition(|new| ever.contains(new));
        let seen = Changes {
            listed: new,
            reinstated: back,
            removed: before.keys().filter(|number| !after.contains_key(*number)).cloned().collect(),
            amended: before
                .iter()
                .filter_map(|(number, row)| {
                    let columns = after.get(number)?.differs_in(row);
                    (!columns.is_empty()).then(|| (number.clone(), columns))
                })
                .collect(),
        };
        assert_eq!(said, seen, "round {round}");
        assert!(said.listed.iter().all(|number| Some(number) > ever.last()), "new filings have higher numbers");
        assert_eq!((said.listed.len(), said.amended.len(), said.removed.len()), (7, 40, 12));
        assert_eq!(said.reinstated.len(), if round == 0 { 0 } else { 5 });
        ever.extend(said.listed);
    }
}

#[test]
fn a_step_changes_one_or_two_cells_and_the_date_not_always() {
    let mut world = World::new(13, 10_000);
    let before = by_number(&world);
    let amended = world.advance(Step { amend: 5_000, ..Step::default() }).amended;
    let after = by_number(&world);
    let (mut undated, mut date_alone) = (0, 0);
    for (number, columns) in &amended {
        assert!((1..=2).contains(&columns.len()), "{number}: {columns:?}");
        assert!(!columns.iter().any(|column| ["number", "frn", "filing_url"].contains(&column.as_str())));
        if columns.iter().any(|column| column == "last_updated") {
            let date = |rows: &std::collections::BTreeMap<String, crate::Row>| {
                rows.get(number).expect("an amended filing stands").get("last_updated").to_owned()
            };
            assert!(date(&before) < date(&after), "{number}");
            date_alone += usize::from(columns.len() == 1);
        } else {
            undated += 1;
        }
    }
    assert!((300..=500).contains(&undated), "{undated} left the date as it was");
    assert!(date_alone > 500, "{date_alone} changed the date alone");
}

#[test]
fn no_filing_bears_a_day_that_has_not_come_however_many_steps_there_are() {
    let mut world = World::new(5, 60);
    for _ in 0..500 {
        world.advance(Step { list: 1, amend: 3, ..Step::default() });
    }
    let newest = world.filings().map(|row| row.get("last_updated").to_owned()).max();
    assert_eq!(newest.as_deref(), Some("2026-07-31"));
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
fn a_step_of_more_than_there_is_takes_what_there_is() {
    let mut world = World::new(4, 100);
    let all = Step { list: 2, amend: 500, remove: 60, reinstate: 9 };
    let said = world.advance(all);
    assert_eq!((said.removed.len(), said.amended.len(), said.reinstated.len()), (60, 40, 0));
    let said = world.advance(Step { remove: 500, ..all });
    assert_eq!((said.removed.len(), said.amended.len(), said.reinstated.len(), world.len()), (42, 0, 9, 11));
}

#[test]
fn a_filing_put_in_by_hand_is_not_listed_or_reinstated_again() {
    let mut world = World::new(4, 60);
    let mut row = world.remove("RMD0001410").expect("the first");
    assert!(world.remove("RMD0001410").is_none() && world.row_mut("RMD0001410").is_none());
    assert_eq!(world.len(), 59);
    row.set("number", "RMD0009000");
    world.insert(row.clone());
    assert_eq!(world.filings().last(), Some(&row));
    assert_eq!(world.advance(Step { list: 1, ..Step::default() }).listed, ["RMD0009001"]);

    let removed = world.advance(Step { remove: 5, ..Step::default() }).removed;
    let number = removed.first().expect("five went").as_str();
    row.set("number", number);
    world.insert(row);
    world.row_mut(number).expect("it was put in").set("business_name", "Put In By Hand LLC");
    let back = world.advance(Step { reinstate: 5, ..Step::default() }).reinstated;
    assert_eq!(Some(back.as_slice()), removed.get(1..));
    assert!(by_number(&world).get(number).is_some_and(|row| row.get("business_name") == "Put In By Hand LLC"));
}
