//! Real weekly listings, where a folder of them stands beside this checkout. They are never part of this repository.
//!
//! `RMDD_REAL_LISTINGS` names another folder of `YYYY-MM-DD.csv` files. With `RMDD_ALL_WEEKS` set, what takes minutes for all of
//! them takes all of them.

use std::io::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    std::env::var_os("RMDD_REAL_LISTINGS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/rmd/weekly")), PathBuf::from)
}

/// Said past the capture of the test harness: a test that was left out must not look like one that passed.
pub fn left_out(why: std::fmt::Arguments<'_>) {
    let _ = writeln!(std::io::stderr(), "\nLEFT OUT, {why}");
}

#[allow(dead_code, reason = "not every test asks for one week")]
/// A week's listing, or nothing, said aloud, where there is none.
pub fn week(name: &str) -> Option<Vec<u8>> {
    let path = folder().join(name);
    std::fs::read(&path)
        .inspect_err(|error| left_out(format_args!("no real listing at {}: {error}", path.display())))
        .ok()
}

/// All weeks, by name, oldest first; or nothing, said aloud, where there are none.
pub fn weeks() -> Option<Vec<(String, Vec<u8>)>> {
    let folder = folder();
    let mut paths: Vec<_> = std::fs::read_dir(&folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "csv"))
        .collect();
    paths.sort();
    let weeks: Vec<_> = paths
        .into_iter()
        .filter_map(|path| Some((path.file_stem()?.to_str()?.to_owned(), std::fs::read(&path).ok()?)))
        .collect();
    if weeks.is_empty() {
        left_out(format_args!("no real listings in {}", folder.display()));
        return None;
    }
    Some(weeks)
}

/// So many weeks at the end are enough where each takes a daemon seconds: unoptimized, a sync of one does.
const NEWEST: usize = 6;

/// The newest weeks, one after the other as they came; with `RMDD_ALL_WEEKS`, all.
#[allow(dead_code, reason = "not every test needs few")]
pub fn newest_weeks() -> Option<Vec<(String, Vec<u8>)>> {
    let mut weeks = weeks()?;
    if std::env::var_os("RMDD_ALL_WEEKS").is_none() {
        weeks.drain(..weeks.len().saturating_sub(NEWEST));
    }
    Some(weeks)
}
