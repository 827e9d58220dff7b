//! `rmdd serve --example`: a made-up listing to play with, of which one filing was removed, and upstreams that have names.

use std::io::Write;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::DaemonError;
use super::config::default_state_dir;
use crate::domain::{RecordKind, Sha256Digest};
use crate::listing::vet::VetConfig;
use crate::observe::clock;
use crate::records::fields::{Fields, read};
use crate::records::{Change, Records, plan};
use crate::store::archive::{Archive, Fate};
use crate::store::{FILE_NAME, Store};
use crate::sync::{ArchivedListing, replay};

/// The listing, as it is in `examples/`.
const LISTING: &str = include_str!("../../examples/listing.csv");

/// Where it is put, in the state directory.
const FILE: &str = "listing.csv";

/// A filing that stood before, and was removed: a line of a listing like the others.
const REMOVED: &str = "RMD0001999,0033333333,Hollow Reed Telecom LLC,\"17 Kiln Road\nSamplebury OH 44001\",No,United States of \
America,,,,Contact 5A3F10,CEO,Compliance,\"17 Kiln Road\nSamplebury OH 44001\",United States of America,2025550117,,Complete \
STIR/SHAKEN Implementation,Yes,Yes,No,2024-05-02,2026-02-11,https://fccprod.servicenowservices.com/rmd?id=rmd_form\n";

/// Upstreams by name, with whose they are: one that may hand over calls, one whose filing is gone, one that is a typo.
const PEERS: [(&str, &str, &str); 3] =
    [("TG-Acme-1", "RMD0001410", "voice_service"), ("TG-Hollow-2", "RMD0001999", ""), ("TG-Typo-3", "0099999999", "")];

/// How long ago the two listings were fetched.
const FETCHED: [SignedDuration; 2] = [SignedDuration::from_hours(7 * 24), SignedDuration::from_hours(2 * 24)];

/// Where it is kept where no other directory is named: beside the user's own.
///
/// # Errors
///
/// If the environment names no home.
pub fn default_directory() -> Result<PathBuf, String> {
    default_state_dir().map(|own| own.with_file_name("rmdd-example"))
}

/// Whether a source is the example of a state directory.
pub fn is_of(state_dir: &Path, source: &str) -> bool {
    Path::new(source) == state_dir.join(FILE)
}

/// Makes the store of the example, if there is none yet. Returns the path of its listing.
///
/// # Errors
///
/// If it cannot be written.
pub fn prepare(state_dir: &Path) -> Result<PathBuf, DaemonError> {
    let source = state_dir.join(FILE);
    let path = state_dir.join(FILE_NAME);
    let begins = !path.try_exists().map_err(|error| DaemonError::StateDir(format!("{}: {error}", path.display())))?;
    // It makes the directory, with a mode of its own.
    let store = Store::open(state_dir)?;
    std::fs::File::create(&source)
        .and_then(|mut file| file.write_all(LISTING.as_bytes()))
        .map_err(|error| DaemonError::StateDir(format!("{} cannot be written: {error}", source.display())))?;
    if begins {
        let now = clock::now();
        let at = |ago: SignedDuration| now.checked_sub(ago).unwrap_or(Timestamp::MIN);
        let [first, second] = FETCHED.map(at);
        let listing = |fetched_at, bytes| ArchivedListing { fetched_at, source: source.display().to_string(), bytes };
        let before = format!("{LISTING}{REMOVED}").into_bytes();
        let listings = [listing(first, before), listing(second, LISTING.as_bytes().to_vec())];
        archive(state_dir, &listings)?;
        replay(&store, listings, &VetConfig::default())?;
        bind_peers(&store, first)?;
    }
    Ok(source)
}

/// Keeps the raw bytes, as the syncs would have that fetched them.
fn archive(state_dir: &Path, listings: &[ArchivedListing]) -> Result<(), DaemonError> {
    let archive = Archive::new(state_dir);
    for ArchivedListing { bytes, fetched_at, .. } in listings {
        archive
            .keep(bytes, Sha256Digest::of(bytes), *fetched_at, Fate::Applied)
            .map_err(|error| DaemonError::StateDir(error.to_string()))?;
    }
    Ok(())
}

fn bind_peers(store: &Store, at: Timestamp) -> Result<(), DaemonError> {
    let refuse = |error: &dyn std::fmt::Display| DaemonError::Setting(format!("the example cannot be made: {error}"));
    let mut records = Vec::new();
    for (name, provider, role) in PEERS {
        let mut fields = Fields::default();
        for (field, text) in [("name", name), ("kind", "trunk_group"), ("provider", provider), ("role", role)] {
            fields.set(field, text);
        }
        records.push(read(RecordKind::Peer, &fields, "example", at).map_err(|error| refuse(&error.problem))?);
    }
    let (known, last) = store.load_records()?;
    let put = Change::Put { records, replace: true, by: "example".to_owned() };
    let events = plan(&Records::build(known, last), put, at).map_err(|error| refuse(&error))?;
    Ok(store.commit_records(&events)?)
}
