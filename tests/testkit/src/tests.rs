//! Tests of the generator, by routes that its own code does not take.

mod file;
mod states;
mod steps;

use std::collections::BTreeMap;

use crate::listing::{Row, World};

fn by_number(world: &World) -> BTreeMap<String, Row> {
    world.filings().map(|row| (row.get("number").to_owned(), row.clone())).collect()
}

fn by_frn(world: &World) -> BTreeMap<&str, Vec<&Row>> {
    let mut frns: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in world.filings() {
        frns.entry(row.get("frn")).or_default().push(row);
    }
    frns
}
