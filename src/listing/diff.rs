//! ([`Snapshot`], [`Snapshot`]) -> [`Delta`]: what one listing changed. Pure; nothing where nothing differs.

use std::cmp::Ordering;
use std::sync::Arc;

use jiff::Timestamp;

use crate::domain::{ChangeCounts, Column, Delta, FieldChange, Filing, Removal, RemovalHistory, RmdNumber, Snapshot};

/// What `next` changes against `previous`. `removed_before` finds the last known row of a filing that stood once and
/// does not stand in `previous`: such a filing is reinstated, not listed.
pub fn diff<'a>(
    previous: Option<&Snapshot>,
    removed_before: impl Fn(RmdNumber) -> Option<&'a Arc<Filing>>,
    next: &Snapshot,
) -> Option<Delta> {
    let mut delta = Delta::default();
    let mut current = previous.map_or(&[][..], |previous| &previous.filings).iter().peekable();
    for filing in &next.filings {
        let number = filing.number();
        while let Some(gone) = current.next_if(|before| before.number() < number) {
            delta.removed.push(Arc::clone(gone));
        }
        match current.next_if(|before| before.number() == number) {
            Some(before) if Arc::ptr_eq(before, filing) => {}
            Some(before) => {
                let fields = field_changes(before, filing);
                if !fields.is_empty() {
                    delta.amended.push((number, fields));
                }
            }
            None => match removed_before(number) {
                Some(before) => delta.reinstated.push((number, field_changes(before, filing))),
                None => delta.listed.push(number),
            },
        }
    }
    delta.removed.extend(current.cloned());
    (!delta.is_empty()).then_some(delta)
}

/// What a snapshot brings: its changes, and the removals as they are after it.
#[derive(Debug)]
pub struct Step {
    /// What it changes; nothing where nothing differs.
    pub delta: Option<Delta>,
    /// The removals after it.
    pub removals: RemovalHistory,
    /// The removals that it opened or closed.
    pub touched: Vec<Arc<Removal>>,
}

impl Step {
    /// How many changes of each kind it brings.
    pub fn counts(&self) -> ChangeCounts {
        self.delta.as_ref().map(Delta::counts).unwrap_or_default()
    }
}

/// The step from what stands, and the removals up to it, to the next snapshot. What is gone was last seen when the
/// standing listing was last confirmed.
pub fn step(previous: Option<(&Snapshot, Timestamp)>, removals: &RemovalHistory, next: &Snapshot) -> Step {
    let open = |number| removals.open(number).map(|removal| &removal.filing);
    let delta = diff(previous.map(|(snapshot, _)| snapshot), open, next);
    let last_seen_at = previous.map_or(next.fetched_at, |(_, confirmed_at)| confirmed_at);
    let (removals, touched) = match &delta {
        Some(delta) => removals.after(delta, last_seen_at, next),
        None => (removals.clone(), Vec::new()),
    };
    Step { delta, removals, touched }
}

/// The cells in which two rows of one filing differ. A column that one of them lacks counts as an empty cell.
pub(crate) fn field_changes(before: &Filing, after: &Filing) -> Vec<FieldChange> {
    let mut fields: Vec<FieldChange> = Column::ALL
        .into_iter()
        .filter(|column| before.cell(*column) != after.cell(*column))
        .map(|column| FieldChange {
            column: column.name().to_owned(),
            before: before.cell(column).to_owned(),
            after: after.cell(column).to_owned(),
        })
        .collect();
    let mut old = before.unknown_cells().peekable();
    let mut new = after.unknown_cells().peekable();
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return fields,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let (column, was) = if order.is_gt() { ("", "") } else { old.next().unwrap_or_default() };
        let (new_column, is) = if order.is_lt() { ("", "") } else { new.next().unwrap_or_default() };
        if was != is {
            let column = if column.is_empty() { new_column } else { column };
            fields.push(FieldChange { column: column.to_owned(), before: was.to_owned(), after: is.to_owned() });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::domain::FilingBuilder;

    fn filing(value: u32, name: &str, colour: &str) -> Arc<Filing> {
        let mut builder = FilingBuilder::new(RmdNumber::from_value(value).expect("a number"), None, 0);
        for column in Column::ALL {
            builder.push(if column == Column::BusinessName { name } else { "" });
        }
        builder.push_unknown("colour", colour);
        Arc::new(builder.finish())
    }

    fn snapshot(filings: impl IntoIterator<Item = Arc<Filing>>) -> Snapshot {
        Snapshot::made_up(1, Timestamp::UNIX_EPOCH, filings)
    }

    #[test]
    fn the_same_listing_has_no_delta() {
        let one = snapshot([filing(1, "a", ""), filing(2, "b", "")]);
        let again = snapshot([filing(1, "a", ""), filing(2, "b", "")]);
        assert!(diff(Some(&one), |_| None, &again).is_none());
    }

    #[test]
    fn an_amendment_names_the_cells_with_what_they_were_and_are() {
        let before = filing(1, "Old Name", "green");
        let after = filing(1, "New Name", "blue");
        let fields = field_changes(&before, &after);
        let named: Vec<_> = fields.iter().map(|f| (&*f.column, &*f.before, &*f.after)).collect();
        assert_eq!(named, [("business_name", "Old Name", "New Name"), ("colour", "green", "blue")]);
        let gone = field_changes(&before, &filing(1, "Old Name", ""));
        assert_eq!((&*gone[0].column, &*gone[0].before, &*gone[0].after), ("colour", "green", ""));
    }

    #[test]
    fn a_filing_that_stood_once_is_reinstated_not_listed() {
        let once = filing(2, "b", "");
        let next = snapshot([filing(1, "a", ""), filing(2, "b2", ""), filing(3, "c", "")]);
        let delta = diff(None, |number| (number.value() == 2).then_some(&once), &next).expect("a delta");
        assert_eq!(delta.listed.len(), 2);
        assert_eq!(delta.reinstated.len(), 1);
        assert_eq!(delta.reinstated[0].1[0].column, "business_name");
    }

    proptest! {
        /// Against the plainest computation there is: two maps, compared key by key.
        #[test]
        fn any_two_listings_differ_as_two_maps_do(
            before in prop::collection::btree_map(0u32..40, 0u8..3, 0..30),
            after in prop::collection::btree_map(0u32..40, 0u8..3, 0..30),
        ) {
            let build = |map: &BTreeMap<u32, u8>| {
                snapshot(map.iter().map(|(value, name)| filing(*value, &name.to_string(), "")))
            };
            let delta = diff(Some(&build(&before)), |_| None, &build(&after)).unwrap_or_default();
            let numbers = |values: Vec<RmdNumber>| values.into_iter().map(RmdNumber::value).collect::<Vec<_>>();
            let listed: Vec<u32> = after.keys().filter(|key| !before.contains_key(key)).copied().collect();
            let removed: Vec<u32> = before.keys().filter(|key| !after.contains_key(key)).copied().collect();
            let amended: Vec<u32> = after
                .iter()
                .filter(|(key, name)| before.get(key).is_some_and(|earlier| earlier != *name))
                .map(|(key, _)| *key)
                .collect();
            prop_assert_eq!(numbers(delta.listed), listed);
            prop_assert_eq!(numbers(delta.removed.iter().map(|filing| filing.number()).collect()), removed);
            prop_assert_eq!(numbers(delta.amended.iter().map(|(number, _)| *number).collect()), amended);
        }
    }
}
