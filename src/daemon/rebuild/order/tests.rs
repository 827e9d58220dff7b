use std::time::Duration;

use super::*;
use crate::domain::Anomaly;
use crate::store::archive::{Archive, ArchiveConfig};

/// A moment of a day that is far from all others.
fn day(day: i64) -> Timestamp {
    Timestamp::from_second(1_700_000_000 + day * 86_400).expect("a time")
}

fn digest(name: &str) -> Sha256Digest {
    Sha256Digest::of(name.as_bytes())
}

/// An archive in which each listing was applied on the days, of which the first is that on which it was fetched, or was held
/// until then.
struct Kept {
    directory: tempfile::TempDir,
    named: Vec<Named>,
}

impl Kept {
    /// `held` is fetched on day 4 and let through on day 6, `one` is applied again on day 8.
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let archive = Archive::new(directory.path());
        let mut named = Vec::new();
        for (name, fetched, applied, again) in [
            ("zero", 0, 0, false),
            ("one", 1, 1, false),
            ("two", 5, 5, false),
            ("held", 4, 6, false),
            ("one", 8, 8, true),
        ] {
            let why = (name == "held")
                .then(|| Anomaly::LetThrough { by: "alice".to_owned(), doubts: "half of it is gone".to_owned() });
            let (sha256, fetched_at, applied_at) = (digest(name), day(fetched), day(applied));
            archive.keep(name.as_bytes(), sha256, fetched_at, Fate::Applied).expect("kept");
            let note = Application { why, again, ..plain(sha256, fetched_at, applied_at) };
            archive.note(&note).expect("written");
            named.push(Named { sha256, times: Some((applied_at, fetched_at)) });
        }
        Self { directory, named }
    }

    fn archive(&self) -> Archive {
        Archive::new(self.directory.path())
    }

    fn unnamed_times(&self) -> Vec<Named> {
        self.named.iter().map(|named| Named { times: None, ..*named }).collect()
    }

    /// The path of what is told of a listing beside it.
    fn note(&self, name: &str) -> std::path::PathBuf {
        self.file(&format!("-{}.applied.json", digest(name)))
    }

    fn file(&self, end: &str) -> std::path::PathBuf {
        let files = std::fs::read_dir(self.archive().directory()).expect("read").map(|file| file.expect("one").path());
        files.into_iter().find(|path| path.to_string_lossy().ends_with(end)).expect("it is there")
    }

    fn order(&self, named: &[Named]) -> Order {
        let archive = self.archive();
        order(&archive.entries().expect("read"), &archive.notes(), named)
    }
}

/// Which was applied on which day, with a mark where that is in doubt and one where it cannot be applied again.
fn told(order: &Order) -> Vec<(String, i64)> {
    let names = ["zero", "one", "two", "held", "other"];
    let told = |step: &Step| {
        let name = names.iter().find(|name| digest(name) == step.sha256).expect("known");
        let marks = [(step.doubt.is_some(), "?"), (step.listing.is_err(), "!")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        (format!("{name}{marks}"), step.at.duration_since(day(0)).as_secs() / 86_400)
    };
    order.steps.iter().map(told).collect()
}

fn as_it_was() -> Vec<(String, i64)> {
    [("zero", 0), ("one", 1), ("two", 5), ("held", 6), ("one", 8)].map(|(name, day)| (name.to_owned(), day)).to_vec()
}

fn expected(listed: &[(&str, i64)]) -> Vec<(String, i64)> {
    listed.iter().map(|(name, day)| ((*name).to_owned(), *day)).collect()
}

#[test]
fn whoever_tells_of_it_the_order_is_the_same() {
    let kept = Kept::new();
    for named in [kept.named.clone(), kept.unnamed_times(), Vec::new(), kept.named[2..].to_vec()] {
        let order = kept.order(&named);
        assert_eq!(told(&order), as_it_was(), "{order:?}");
        assert_eq!((order.mended, order.lost), (Vec::new(), Vec::new()));
        let held = order.steps[3].listing.as_ref().expect("there").1.clone().expect("told");
        assert_eq!(
            held.why.expect("why"),
            Anomaly::LetThrough { by: "alice".to_owned(), doubts: "half of it is gone".to_owned() }
        );
    }
}

#[test]
fn wherever_a_note_is_damaged_or_gone_the_store_s_own_order_counts_and_that_is_said() {
    for name in ["one", "held"] {
        let whole = std::fs::read(Kept::new().note(name)).expect("read");
        let altered = (0..whole.len()).map(|place| {
            let mut bytes = whole.clone();
            bytes[place] ^= 1;
            Some(bytes)
        });
        for bytes in altered.chain([Some(Vec::new()), Some(b"{".to_vec()), None]) {
            let kept = Kept::new();
            let case = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let is_there = bytes.is_some();
            match bytes {
                Some(bytes) => std::fs::write(kept.note(name), bytes).expect("written"),
                None => std::fs::remove_file(kept.note(name)).expect("removed"),
            }
            assert_eq!(kept.archive().notes().bad.len(), usize::from(is_there), "{case:?}");
            let order = kept.order(&kept.named);
            assert_eq!(told(&order), as_it_was(), "{case:?}: {order:?}");
            assert_eq!((order.mended.len(), order.lost.len()), (1, 0), "{case:?}: {order:?}");
            if is_there {
                // Its name tells when, where the copy of removals is of a version that did not.
                let order = kept.order(&kept.unnamed_times());
                assert_eq!(told(&order), as_it_was(), "{case:?}: {order:?}");
                assert_eq!((order.mended.len(), order.lost.len()), (1, 0), "{case:?}: {order:?}");
            }
        }
    }
}

#[test]
fn where_nothing_names_the_order_a_note_s_name_tells_which_stood_last_and_the_rest_is_in_doubt() {
    let kept = Kept::new();
    std::fs::write(kept.note("one"), "{").expect("written");
    let order = kept.order(&[]);
    assert_eq!(told(&order), expected(&[("zero", 0), ("one?", 1), ("two", 5), ("held", 6), ("one", 8)]));
    assert!(order.lost.len() == 1 && order.lost[0].contains("cannot be read"), "{order:?}");
    std::fs::rename(kept.note("one"), kept.archive().directory().join("x.applied.json")).expect("renamed");
    let order = kept.order(&[]);
    assert!(order.lost.len() == 1 && order.lost[0].contains("whether that stood last"), "{order:?}");
    assert_eq!(told(&kept.order(&kept.named)), as_it_was());
}

#[test]
fn where_the_order_is_known_and_a_time_is_not_that_is_in_doubt_and_the_newest_is_the_newest() {
    let kept = Kept::new();
    std::fs::remove_file(kept.note("one")).expect("removed");
    let order = kept.order(&kept.unnamed_times());
    // Of what the archive tells of `one` the newest is that which stood last.
    assert_eq!(told(&order).last().expect("one"), &("one?".to_owned(), 6), "{order:?}");
    assert!(!order.lost.is_empty(), "{order:?}");
    let kept = Kept::new();
    std::fs::remove_file(kept.note("held")).expect("removed");
    let order = kept.order(&kept.unnamed_times());
    assert_eq!(told(&order), expected(&[("zero", 0), ("one", 1), ("two", 5), ("held?", 5), ("one", 8)]));
    assert_eq!(order.lost.len(), 1, "{order:?}");
}

#[test]
fn what_is_named_and_gone_is_lost_unless_it_is_older_than_the_archive() {
    let kept = Kept::new();
    std::fs::remove_file(kept.file(&format!("{}.applied.csv.zst", digest("two")))).expect("removed");
    std::fs::remove_file(kept.file(&format!("{}.applied.csv.zst", digest("zero")))).expect("removed");
    let order = kept.order(&kept.named);
    assert_eq!(told(&order), expected(&[("one", 1), ("two?!", 5), ("held", 6), ("one", 8)]), "{order:?}");
    let order = kept.order(&kept.unnamed_times());
    assert_eq!(told(&order), expected(&[("one", 1), ("two?!", 1), ("held", 6), ("one", 8)]), "{order:?}");
}

#[test]
fn what_the_store_had_not_named_is_in_doubt_between_what_it_had_and_counts_behind_it() {
    let kept = Kept::new();
    let listing = |at| kept.archive().keep(b"other", digest("other"), at, Fate::Applied).expect("kept");
    listing(day(7));
    let order = kept.order(&kept.named);
    let doubted = [("zero", 0), ("one", 1), ("two", 5), ("held", 6), ("other?!", 7), ("one", 8)];
    assert_eq!(told(&order), expected(&doubted), "{order:?}");
    let newer = Kept::new();
    newer.archive().keep(b"other", digest("other"), day(9), Fate::Applied).expect("kept");
    let order = newer.order(&newer.named);
    assert_eq!(told(&order).last().expect("one"), &("other".to_owned(), 9), "{order:?}");
}

#[test]
fn a_listing_that_was_applied_again_is_kept_for_as_long_as_if_it_had_been_fetched_then() {
    let kept = Kept::new();
    let config = ArchiveConfig { keep: Duration::from_secs(3 * 86_400) };
    let archive = kept.archive();
    assert_eq!(archive.expire(&config, &[], day(9)).expect("done"), 2, "zero and two");
    let left: Vec<_> = archive.entries().expect("read").into_iter().map(|entry| entry.sha256).collect();
    assert_eq!(left, [digest("one"), digest("held")]);
}

#[test]
fn a_gap_goes_from_a_listing_that_could_not_be_applied_to_the_next_that_was() {
    use super::super::lost;
    let kept = Kept::new();
    let steps = kept.order(&kept.named).steps;
    let failing = |places: &[usize]| -> Vec<Option<String>> {
        (0..steps.len()).map(|place| places.contains(&place).then(|| "is damaged".to_owned())).collect()
    };
    let found = |places: &[usize]| -> Vec<(Timestamp, Timestamp, usize, bool)> {
        let found = lost(&steps, &failing(places), day(20));
        found.iter().map(|lost| (lost.from, lost.until, lost.without.len(), lost.last)).collect()
    };
    assert_eq!(found(&[]), []);
    assert_eq!(found(&[1]), [(day(1), day(5), 1, false)]);
    assert_eq!(found(&[1, 2, 4]), [(day(1), day(6), 2, false), (day(8), day(20), 1, true)]);
    let said = lost(&steps, &failing(&[4]), day(20))[0].to_string();
    assert!(said.contains(&digest("one").to_string()) && said.contains("until a sync succeeds"), "{said}");
}
