use super::super::tests::{snapshot, time};
use super::*;

fn filing_of(number: u32, name: &str) -> Arc<Filing> {
    Arc::clone(&snapshot(1, &[(number, name)]).filings[0])
}

fn removed() -> Removed {
    let removal = |number, serial, at: i64, back: Option<i64>| {
        Arc::new(Removal {
            filing: filing_of(number, "A \"name\"\nof two lines"),
            last_seen_at: time(at - 1),
            first_missing_at: time(at),
            snapshot: SnapshotSerial(serial),
            reinstated_at: back.map(time),
        })
    };
    let mut first_sights = FirstSights::since(time(1));
    first_sights.add(RmdNumber::from_value(12).expect("a number"), time(30));
    Removed {
        snapshot: SnapshotSerial(9),
        listings: [("one", 300), ("two", 100)]
            .map(|(bytes, at)| Named {
                sha256: Sha256Digest::of(bytes.as_bytes()),
                times: Some((time(at), time(at - 1))),
            })
            .to_vec(),
        gaps: vec![Gap { from: time(50), until: time(60), without: Vec::new() }],
        removals: vec![removal(10, 3, 100, Some(200)), removal(11, 3, 100, None), removal(10, 7, 300, None)],
        first_sights,
    }
}

fn names(directory: &Path) -> Vec<String> {
    let files = fs::read_dir(directory).expect("read");
    let mut names: Vec<_> = files.map(|file| file.expect("one").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_written_is_read_and_not_written_twice() {
    let directory = tempfile::tempdir().expect("a directory");
    assert_eq!(read(directory.path()), Ok(None));
    let removed = removed();
    assert!(write(directory.path(), &removed, time(0)).expect("written"));
    assert_eq!(read(directory.path()), Ok(Some(removed.clone())));
    assert!(!write(directory.path(), &removed, time(0)).expect("nothing to do"));
    let later = Removed { snapshot: SnapshotSerial(10), ..removed };
    assert!(write(directory.path(), &later, time(0)).expect("written"));
    assert_eq!(names(directory.path()), [REMOVALS_NAME], "one that knows less is not kept");
}

#[test]
fn nothing_is_taken_from_a_file_that_is_cut_or_altered_anywhere() {
    let bytes = removed().encode().expect("encoded");
    for cut in 0..bytes.len() {
        assert!(Removed::decode(&bytes[..cut]).is_err(), "cut at {cut}");
        let mut bad = bytes.clone();
        bad[cut] ^= 1;
        assert!(Removed::decode(&bad).is_err(), "altered at {cut}");
    }
    let text = String::from_utf8(bytes).expect("text").replacen("\"format\":1", "\"format\":2", 1);
    assert_eq!(Removed::decode(text.as_bytes()), Err(Unusable::UnknownFormat(2)));
}

#[test]
fn one_that_is_damaged_or_knows_more_is_kept_under_another_name() {
    let directory = tempfile::tempdir().expect("a directory");
    let (path, now) = (place(directory.path()), time(1_700_000_000_000));
    let removed = removed();
    fs::write(&path, "nothing").expect("written");
    assert!(write(directory.path(), &removed, now).expect("written"));
    let fewer = Removed { removals: removed.removals[..1].to_vec(), ..removed.clone() };
    assert!(write(directory.path(), &fewer, now).expect("written"));
    let stamp = "20231114T221320Z";
    let kept = [format!("{REMOVALS_NAME}.damaged-{stamp}"), format!("{REMOVALS_NAME}.other-{stamp}")];
    assert_eq!(names(directory.path()), [REMOVALS_NAME, &*kept[0], &*kept[1]]);
    let other = fs::read(directory.path().join(&kept[1])).expect("read");
    assert_eq!(Removed::decode(&other), Ok(removed));
    assert_eq!(read(directory.path()), Ok(Some(fewer)));
}
