//! What a year leaves in etcd: its entries, bases and raw listings, by the sizes of real ones, with what whoever fetches deletes.

use rmdd::domain::Log;
use rmdd::fleet::client::Client;
use rmdd::fleet::engine::Write;
use rmdd::fleet::keys::behind;
use rmdd_testkit::etcd::{Etcd, Setup};

use super::figures::Figures;
use crate::sites::client;

/// Hours of a year, each with an entry.
const HOURS: u64 = 8760;

/// Listings that changed, in a year.
const CHANGED: u64 = 250;

/// Bytes of an entry of a cycle that brought nothing, and of one with what changed in a week.
const QUIET: usize = 600;
const CHANGES: usize = 28_000;

/// Bytes of a base of fifteen weeks; what a year adds to it is more of the same, in parts of which all but the last stay.
const BASE: usize = 1_500_000;

/// Bytes of a raw listing, which stays for a week.
const RAW: usize = 850_000;
const RAW_HOURS: u64 = 7 * 24;

/// An entry each hour: a base comes after a week.
const BASE_HOURS: u64 = 7 * 24;

const CHUNK: usize = 256 << 10;

/// Bytes that nothing packs.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut noise = Vec::with_capacity(bytes + 8);
    while noise.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise.truncate(bytes);
    noise
}

async fn put(client: &Client, key: String, value: Vec<u8>) {
    client.engine.write(&[], &[Write::Put(key, value, None)]).await.expect("written");
}

async fn put_blob(client: &Client, name: &str, seed: u64, bytes: usize) {
    for (place, chunk) in noise(seed, bytes).chunks(CHUNK).enumerate() {
        put(client, format!("{}{name}/{place:04}", client.keys.blobs(Log::Listing)), chunk.to_vec()).await;
    }
}

async fn delete_blob(client: &Client, name: &str) {
    let from = format!("{}{name}/", client.keys.blobs(Log::Listing));
    client.engine.write(&[], &[Write::DeleteRange(from.clone(), behind(&from))]).await.expect("deleted");
}

pub async fn of_an_etcd(figures: &mut Figures, trying: bool) {
    let directory = tempfile::tempdir().expect("a directory");
    let etcd = Etcd::start(directory.path(), Setup::default()).await.expect("etcd");
    let client = client(&etcd);
    let hours = if trying { 400 } else { HOURS };
    let (mut most, mut raws): (i64, Vec<(u64, String)>) = (0, Vec::new());
    let mut bases: Vec<(u64, String)> = Vec::new();
    for hour in 1..=hours {
        let changed = hour % (HOURS / CHANGED) == 0;
        let entry = noise(hour, if changed { CHANGES } else { QUIET });
        let head = Write::Put(client.keys.head(Log::Listing), noise(hour, 120), None);
        let writes = [Write::Put(client.keys.entry(Log::Listing, hour), entry, None), head];
        client.engine.write(&[], &writes).await.expect("written");
        if changed {
            put_blob(&client, &format!("raw-{hour}"), hour, RAW).await;
            raws.push((hour, format!("raw-{hour}")));
        }
        while raws.first().is_some_and(|(at, _)| hour - at > RAW_HOURS) {
            delete_blob(&client, &raws.remove(0).1).await;
        }
        if hour % BASE_HOURS == 0 {
            put_blob(&client, &format!("base-{hour}"), hour, BASE).await;
            bases.push((hour, format!("base-{hour}")));
            if bases.len() > 2 {
                delete_blob(&client, &bases.remove(0).1).await;
                let (from, below) =
                    (client.keys.entry(Log::Listing, 0), client.keys.entry(Log::Listing, bases[0].0 + 1));
                client.engine.write(&[], &[Write::DeleteRange(from, below)]).await.expect("deleted");
            }
        }
        // examples/etcd compacts what is an hour old, every hour.
        let revision = client.poll().await.expect("read").from.revision;
        etcd.compact(revision - 3).await;
        if hour % 50 == 0 {
            let sizes = client.engine.status().await;
            let largest = sizes.iter().filter_map(|(_, status)| Some(status.as_ref().ok()?.db_bytes)).max();
            most = most.max(largest.unwrap_or_default());
        }
    }
    let what = format!("etcd after {hours} hours with {} changed listings (simulated)", hours / (HOURS / CHANGED));
    figures.add(&what, "100 MB", format!("{:.0} MB, as each member has it on its disk", most as f64 / 1e6));
}
