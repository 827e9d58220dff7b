//! Damaged stores: opening refuses, never panics, overwrites nothing, and never serves what was not written.

use std::path::Path;

use super::tests::{allow, apply, commit, put, snapshot};
use super::*;

/// A store, and what it holds.
fn filled(directory: &Path) -> Vec<u8> {
    let store = Store::open(directory).expect("made");
    let names: Vec<(u32, String)> = (1..200).map(|value| (value, format!("Provider {value}"))).collect();
    for serial in 1..=4 {
        let some: Vec<(u32, &str)> = names
            .iter()
            .filter(|(value, _)| value % 9 != serial as u32)
            .map(|(value, name)| (*value, &**name))
            .collect();
        apply(&store, &snapshot(serial, &some)).expect("committed");
    }
    commit(&store, put(vec![allow(1, "first"), allow(2, "second")]));
    drop(store);
    std::fs::read(directory.join(FILE_NAME)).expect("read")
}

type Serving = (Vec<std::sync::Arc<crate::domain::Filing>>, Vec<crate::domain::Record>);

/// What a start would serve.
fn serving(store: &Store) -> Result<Serving, StoreError> {
    let loaded = store.load()?;
    let filings = loaded.snapshot.map(|snapshot| snapshot.filings).unwrap_or_default();
    Ok((filings, store.load_records()?.0))
}

/// Opens a store of these bytes in both ways: it must be refused and left as it is, or serve what was written.
fn opens_or_refuses(bytes: &[u8], good: &Serving, what: &str) -> bool {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join(FILE_NAME);
    std::fs::write(&path, bytes).expect("written");
    let read = Store::open_existing(directory.path()).and_then(|store| serving(&store));
    if let Ok(read) = &read {
        assert_eq!(read.0.len(), good.0.len(), "{what}");
        assert_eq!(read.1, good.1, "{what}");
        assert!(read == good, "{what}: what is read is what was written");
    } else {
        assert!(std::fs::read(&path).expect("read") == bytes, "{what}: it is left as it is");
    }
    let before = std::fs::read(&path).expect("read");
    match Store::open(directory.path()).and_then(|store| serving(&store)) {
        Ok(read) => {
            assert!(read == *good, "{what}: what is served is what was written");
            true
        }
        Err(error) => {
            let said = error.to_string();
            assert!(said.contains("rmdd serve --rebuild") || said.contains("version of rmdd"), "{what}: {said}");
            assert!(std::fs::read(&path).expect("read") == before, "{what}: it is left as it is");
            let others = std::fs::read_dir(directory.path()).expect("read").count();
            assert_eq!(others, 1, "{what}: nothing is put beside it");
            false
        }
    }
}

#[test]
fn bytes_flipped_or_zeroed_anywhere_are_refused_or_were_of_no_use() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = filled(directory.path());
    let good = serving(&Store::open_existing(directory.path()).expect("opened")).expect("read");
    assert!(opens_or_refuses(&bytes, &good, "nothing changed"));
    let (mut opened, mut refused) = (0, 0);
    let places = (0..320).step_by(16).chain((320..bytes.len()).step_by(bytes.len() / 110 + 1));
    for place in places {
        for (what, spoil) in [("flipped", (|byte| byte ^ 0xa5) as fn(u8) -> u8), ("zeroed", |_| 0)] {
            let mut bad = bytes.clone();
            let end = (place + 16).min(bad.len());
            bad[place..end].iter_mut().for_each(|byte| *byte = spoil(*byte));
            match opens_or_refuses(&bad, &good, &format!("{what} at {place}")) {
                true => opened += 1,
                false => refused += 1,
            }
        }
    }
    assert!(opened > 20 && refused > 20, "{opened} opened, {refused} refused");
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let bytes = filled(directory.path());
    let good = serving(&Store::open_existing(directory.path()).expect("opened")).expect("read");
    for length in [0, 1, 9, 64, 320, 4096, 8192, bytes.len() / 2, bytes.len() - 4096, bytes.len() - 1] {
        assert!(!opens_or_refuses(&bytes[..length], &good, &format!("cut to {length}")), "{length}");
    }
}

#[test]
fn what_is_no_store_at_all_is_refused() {
    let nothing = (Vec::new(), Vec::new());
    for bytes in [&b"number,frn\nRMD0000001,0000000001\n"[..], &[0; 20_000], b"SQLite format 3\0"] {
        assert!(!opens_or_refuses(bytes, &nothing, "no store"));
    }
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join(FILE_NAME)).expect("made");
    for refused in [Store::open(directory.path()), Store::open_existing(directory.path())] {
        let said = refused.expect_err("refused").to_string();
        assert!(said.contains(FILE_NAME), "{said}");
    }
}

#[test]
fn damage_that_is_met_later_is_an_error_and_is_kept_in_mind() {
    let directory = tempfile::tempdir().expect("a directory");
    drop(filled(directory.path()));
    {
        let database = redb::Database::open(directory.path().join(FILE_NAME)).expect("opened");
        let transaction = database.begin_write().expect("begun");
        transaction.open_table(tables::CHANGES).expect("open").insert(3, [9].as_slice()).expect("written");
        transaction.commit().expect("committed");
    }
    let store = Store::open(directory.path()).expect("what is served is good");
    assert_eq!(store.damage(), None);
    let asked = ChangesAsked::default();
    assert!(matches!(store.changes(&asked, 10), Err(StoreError::Damaged { .. })));
    assert!(store.damage().expect("noted").contains("change"), "{:?}", store.damage());
}
