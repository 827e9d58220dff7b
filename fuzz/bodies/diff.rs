//! Two snapshots: the difference, applied to the first, makes the second, and holds nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use rmdd::domain::{Column, FieldChange, Filing, FilingBuilder, RmdNumber, Snapshot};

/// So many filings may stand.
const NUMBERS: u8 = 24;

/// A filing as the oracle sees it: the cells that are not empty.
type Cells = BTreeMap<String, String>;

/// Each four bytes are a number, and that filing before, after, and as it was last known if it was removed before.
pub fn diff(bytes: &[u8]) {
    let (mut old, mut new, mut known) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for chunk in bytes.chunks_exact(4) {
        let number = RmdNumber::from_value(u32::from(chunk[0] % NUMBERS)).expect("seven digits");
        for (place, filings) in [(1, &mut old), (2, &mut new), (3, &mut known)] {
            match filing(number, chunk[place]) {
                Some(filing) => filings.insert(number, filing),
                None => filings.remove(&number),
            };
        }
        // A row that is published unchanged may well be the same in memory.
        if chunk[1] == chunk[2]
            && chunk[1] & 0x80 != 0
            && let Some(before) = old.get(&number)
        {
            new.insert(number, Arc::clone(before));
        }
    }
    // Nothing that stands is removed.
    known.retain(|number, _| !old.contains_key(number));
    check(&old, &new, &known);
}

fn filing(number: RmdNumber, state: u8) -> Option<Arc<Filing>> {
    if state & 3 == 0 {
        return None;
    }
    let mut builder = FilingBuilder::new(number, None, 0);
    let text = |bits: u8| ["", "a", "b", "ab"][usize::from(bits & 3)];
    for column in Column::ALL {
        builder.push(match column {
            Column::BusinessName => text(state >> 2),
            Column::LastUpdated => text(state),
            _ => "",
        });
    }
    // Columns that rmdd does not know, of which either side may lack one.
    for (column, bits) in [("shape", state >> 4), ("colour", state >> 6)] {
        if bits & 3 != 0 {
            builder.push_unknown(column, text(bits));
        }
    }
    Some(Arc::new(builder.finish()))
}

fn cells(filing: &Filing) -> Cells {
    let known = Column::ALL.into_iter().map(|column| (column.name(), filing.cell(column)));
    let all = known.chain(filing.unknown_cells()).filter(|(_, cell)| !cell.is_empty());
    all.map(|(column, cell)| (column.to_owned(), cell.to_owned())).collect()
}

/// Makes the changes; each must change something, and from what was there.
fn amend(mut row: Cells, changes: &[FieldChange]) -> Cells {
    let columns: BTreeSet<&str> = changes.iter().map(|change| change.column.as_str()).collect();
    assert_eq!(columns.len(), changes.len(), "a column is named once");
    for change in changes {
        let before = row.remove(&change.column).unwrap_or_default();
        assert_eq!(before, change.before);
        assert_ne!(before, change.after);
        if !change.after.is_empty() {
            row.insert(change.column.clone(), change.after.clone());
        }
    }
    row
}

type Filings = BTreeMap<RmdNumber, Arc<Filing>>;

fn snapshot(filings: &Filings) -> Snapshot {
    Snapshot::made_up(1, Timestamp::UNIX_EPOCH, filings.values().cloned())
}

fn check(old: &Filings, new: &Filings, known: &Filings) {
    let naive = |filings: &Filings| -> BTreeMap<RmdNumber, Cells> {
        filings.iter().map(|(number, filing)| (*number, cells(filing))).collect()
    };
    let (before, after, removed_before) = (naive(old), naive(new), naive(known));
    let Some(delta) = rmdd::listing::diff::diff(Some(&snapshot(old)), |number| known.get(&number), &snapshot(new))
    else {
        assert_eq!(before, after, "no difference is told only where there is none");
        return;
    };

    let mut made = before.clone();
    let mut touched = BTreeSet::new();
    for filing in &delta.removed {
        assert!(touched.insert(filing.number()));
        assert_eq!(made.remove(&filing.number()), Some(cells(filing)), "it stood, and just so");
    }
    for (number, changes) in &delta.amended {
        assert!(touched.insert(*number) && !changes.is_empty());
        let row = made.remove(number).expect("it stood");
        made.insert(*number, amend(row, changes));
    }
    for (number, changes) in &delta.reinstated {
        assert!(touched.insert(*number));
        let row = removed_before.get(number).expect("it was known").clone();
        assert_eq!(made.insert(*number, amend(row, changes)), None, "it did not stand");
    }
    for number in &delta.listed {
        assert!(touched.insert(*number) && !removed_before.contains_key(number));
        assert_eq!(made.insert(*number, after[number].clone()), None, "it did not stand");
    }
    assert_eq!(made, after, "the difference makes the one the other");

    let all: BTreeSet<&RmdNumber> = before.keys().chain(after.keys()).collect();
    let differing = all.into_iter().filter(|number| before.get(number) != after.get(number)).count();
    assert_eq!(touched.len(), differing, "and holds nothing else");
}
