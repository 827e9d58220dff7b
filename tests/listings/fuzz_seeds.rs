//! What the fuzz targets check, on their seeds: everywhere, without a fuzzer.

#[path = "../../fuzz/bodies/mod.rs"]
mod bodies;

use std::path::PathBuf;

/// Every seed of a target.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a seed")))
        .collect();
    seeds.sort();
    seeds
}

/// Runs a target on its seeds, each whole, cut anywhere near its ends, and with a byte turned.
fn run(target: &str, body: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() >= 5, "{target} has seeds");
    for (path, seed) in seeds {
        // A panic names the seed by this line.
        println!("{}", path.display());
        body(&seed);
        for cut in (0..seed.len()).step_by(1 + seed.len() / 64) {
            body(&seed[..cut]);
            body(&seed[cut..]);
            let mut turned = seed.clone();
            turned[cut] ^= 1 << (cut % 8);
            body(&turned);
        }
    }
}

#[test]
fn the_seeds_of_the_listing_parser_hold() {
    run("listing", bodies::listing);
}

#[test]
fn the_seeds_of_the_identity_texts_hold() {
    run("identity", bodies::identity);
}

#[test]
fn the_seeds_of_the_difference_hold() {
    run("diff", bodies::diff);
}

#[test]
fn the_seeds_of_the_lists_hold() {
    run("lists", bodies::lists);
}
