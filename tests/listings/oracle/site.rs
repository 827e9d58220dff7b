//! A store with a past, and a daemon on it.

use jiff::Timestamp;
use rmdd::listing::vet::VetConfig;
use rmdd::store::Store;
use rmdd::sync::{ArchivedListing, replay};
use rmdd_testkit::listing::{CsvFormat, World};

use super::matrix::{Choice, Policy, WhenOld};
use super::model::Model;
use crate::common::{Daemon, Site};

/// Now, in whole seconds, as the store keeps times.
pub fn now() -> Timestamp {
    Timestamp::from_second(crate::common::now().as_second()).expect("a time")
}

/// A world's file in its form of since 2026.
pub fn published(world: &World) -> Vec<u8> {
    world.to_csv_with(&CsvFormat { recertified: true, ..CsvFormat::default() })
}

/// A site whose store saw these listings at these times, and the oracle's model of the same.
pub fn with_past(listings: &[(Timestamp, Vec<u8>)]) -> (Site, Model) {
    let site = Site::with_listing(&listings.last().expect("a listing").1);
    let mut model = Model::default();
    std::fs::create_dir_all(site.state_dir()).expect("a directory");
    let store = Store::open(&site.state_dir()).expect("a store");
    let archived = listings.iter().map(|(at, bytes)| ArchivedListing {
        fetched_at: *at,
        source: "replayed".to_owned(),
        bytes: bytes.clone(),
    });
    let replayed = replay(&store, archived, &VetConfig::default()).expect("replayed");
    let taken = replayed.applied + replayed.confirmed;
    assert_eq!((taken, replayed.refused.len()), (listings.len() as u64, 0), "{:?}", replayed.refused);
    for (at, bytes) in listings {
        model.see(bytes, *at);
    }
    (site, model)
}

/// The configuration: no sync by itself, and this policy.
pub fn configure(site: &Site, policy: Policy) -> String {
    let word = |choice: Choice| if choice == Choice::Accept { "accept" } else { "refuse" };
    let old = match policy.listing_old {
        WhenOld::Answer => "answer",
        WhenOld::Accept => "accept",
        WhenOld::Refuse => "refuse",
        WhenOld::Error => "error",
    };
    let text = format!(
        "source = {:?}\n[schedule]\ncron = \"0 0 1 1 *\"\n[decision_log]\nlog = \"off\"\n[policy]\n\
         role_not_certified = {:?}\nrole_blank = {:?}\nno_role_certified = {:?}\nother_frn = {:?}\n\
         notice_unanswered = {:?}\nfinal_determination_early = {:?}\nlisting_old = {old:?}\n",
        site.listing(),
        word(policy.role_not_certified),
        word(policy.role_blank),
        word(policy.no_role_certified),
        word(policy.other_frn),
        word(policy.notice_unanswered),
        word(policy.final_determination_early),
    );
    site.configure(&text)
}

/// Starts a daemon under a policy, and waits until it has confirmed the listing.
pub async fn start(site: &Site, policy: Policy) -> Daemon {
    let config = configure(site, policy);
    let daemon = site.start_with(&["--config", &config]);
    daemon.first_sync().await;
    daemon
}
