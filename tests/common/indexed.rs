//! A published file as it stands in a daemon's memory, without a daemon.

use jiff::Timestamp;
use rmdd::domain::{ChangeSerial, RemovalHistory};
use rmdd::listing::index::Index;
use rmdd::listing::parse::parse;
use rmdd::listing::vet::{Provenance, VetConfig, vet};

/// The file, fetched at this time, as the first listing of all.
pub fn index(published: &[u8], at: Timestamp) -> Index {
    let listing = parse(published).expect("a listing");
    let vetted = vet(listing, Provenance::made_up(at), None, &VetConfig::default()).expect("it can be read");
    Index::build(vetted.snapshot, RemovalHistory::default(), ChangeSerial(0))
}
