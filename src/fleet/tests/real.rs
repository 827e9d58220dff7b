//! What a fleet writes and reads for real weeks. A run by hand:
//!
//! ```sh
//! RMDD_REAL_LISTINGS=/a/folder cargo test --lib fleet::tests::real -- --ignored --nocapture
//! ```

use std::time::Instant;

use jiff::SignedDuration;
use rmdd_testkit::World;

use super::site::{Origin, Site, assert_same};
use crate::store::Log;

#[test]
#[ignore = "needs a folder of real listings, YYYY-MM-DD.csv: name it in RMDD_REAL_LISTINGS"]
fn real_weeks_come_to_the_same_at_another_site() {
    let folder = std::env::var_os("RMDD_REAL_LISTINGS").expect("name the folder in RMDD_REAL_LISTINGS");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("one").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "csv"));
    files.sort();
    let mut origin = Origin::new(World::new(1, 1));
    for path in &files {
        let day: jiff::civil::Date =
            path.file_stem().and_then(|stem| stem.to_str()).expect("a name").parse().expect("a day");
        origin.now = day.at(12, 0, 0, 0).in_tz("UTC").expect("a time").timestamp();
        // No clock that is right shows a time before this program was.
        origin.now += SignedDuration::from_hours(24 * 366);
        origin.publish(&std::fs::read(path).expect("read"), None);
        for _ in 1..24 {
            origin.now += SignedDuration::from_hours(1);
            origin.confirm();
        }
    }
    let peers: Vec<String> = (0..7000).map(|place| format!("TG-{place}")).collect();
    let peers: Vec<(&str, u64)> = peers.iter().zip(1..).map(|(name, frn)| (name.as_str(), frn)).collect();
    origin.put(&peers);

    let mut site = Site::joined();
    for next in &origin.appended {
        let began = Instant::now();
        site.follow(next).expect("applied");
        if let Some(blob) = &next.written.blob {
            println!(
                "entry {} of {:?}: {} kB packed, {} kB unpacked, applied in {:?}",
                next.written.position.index,
                next.log,
                blob.name.packed_bytes / 1000,
                blob.name.bytes / 1000,
                began.elapsed()
            );
        } else if next.written.bytes.len() > 5000 {
            println!("entry {}: {} kB", next.written.position.index, next.written.bytes.len() / 1000);
        }
    }
    let ends = Log::ALL.map(|log| origin.end(log));
    assert_same(&origin.site, &site, ends);
    let mut joined = Site::joined();
    for log in Log::ALL {
        let began = Instant::now();
        let packed = site.base(log, site.position(log));
        let made = began.elapsed();
        let bytes: u64 = packed.parts.iter().map(|part| part.name.packed_bytes).sum();
        let began = Instant::now();
        joined.take(log, &packed).expect("taken");
        println!(
            "base of {log:?}: {} kB in {} parts, made in {made:?}, taken in {:?}",
            bytes / 1000,
            packed.parts.len(),
            began.elapsed()
        );
    }
    assert_same(&origin.site, &joined, ends);
}
