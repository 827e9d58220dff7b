//! Appending to a log from many sides at once, while members of etcd are killed and fall silent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rmdd::fleet::FORMAT;
use rmdd::fleet::client::Client;
use rmdd::fleet::engine::{EngineError, Expect, Write};
use rmdd::fleet::entry::{self, Author};
use rmdd::fleet::head::Head;
use rmdd::fleet::said::{Fetcher, Founding, Token};
use rmdd::store::{FleetId, Log, Position};
use rmdd_testkit::etcd::{Etcd, Setup};

use crate::common::{eventually, now};
use crate::sites::client;

const FLEET: FleetId = FleetId([7; 16]);

async fn founded(etcd: &Etcd) -> Client {
    let client = client(etcd);
    let founding = Founding { id: FLEET, format: FORMAT, schedule_minute: 1 };
    let heads = Log::ALL.map(|log| Head::origin(FLEET, log));
    assert!(client.found(founding, heads).await.expect("founded"));
    assert!(!client.found(Founding { id: FleetId([8; 16]), ..founding }, heads).await.expect("answered"), "once");
    client
}

fn author(site: &str) -> Author {
    Author { site: site.to_owned(), version: "test".to_owned(), id: Token::draw().0, at: now(), format: FORMAT }
}

/// Where a log ends, as whoever appends to it knows it.
struct End {
    head: Head,
    position: Position,
}

impl End {
    /// Reads the log to its end, and checks all of it.
    async fn read(client: &Client, log: Log) -> Result<(Self, Vec<entry::Entry>), EngineError> {
        let [listing, records] = client.poll().await?.heads;
        let head = if log == Log::Listing { listing } else { records };
        let head = head.expect("a head").expect("a good one");
        let origin = Position::origin(FLEET, log);
        let entries = client.entries(log, 1, head.index).await?;
        assert_eq!(entries.len() as u64, head.index, "no gap");
        let chained = entry::chain(log, &origin, &entries, head.sha256).expect("whole");
        let position = chained.entries.last().map_or(origin, |entry| entry.position);
        Ok((Self { head, position }, chained.entries))
    }
}

/// Appends entries until it is told to stop; returns those that were acknowledged, and those of which no word came.
async fn write(client: Client, name: String, stop: Arc<AtomicBool>) -> (Vec<[u8; 16]>, Vec<[u8; 16]>) {
    let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
    while !stop.load(Ordering::SeqCst) {
        let Ok((End { head, position }, _)) = End::read(&client, Log::Records).await else { continue };
        let author = author(&name);
        let id = author.id;
        let written = entry::write(Log::Records, &position, b"x".to_vec(), author).expect("small");
        match client.append(&head, &written, None).await {
            Ok(true) => acknowledged.push(id),
            Ok(false) | Err(EngineError::CutOff { .. }) => {}
            Err(EngineError::Unknown { .. }) => unknown.push(id),
            Err(error) => panic!("{error}"),
        }
    }
    (acknowledged, unknown)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_stands_in_the_log_once_and_what_was_refused_does_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let Some(mut etcd) = Etcd::start(directory.path(), Setup::default()).await else { return };
    let own = founded(&etcd).await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> =
        (0..3).map(|place| tokio::spawn(write(client(&etcd), format!("site-{place}"), Arc::clone(&stop)))).collect();
    for round in 0..4 {
        let place = round % etcd.count();
        let before = End::read(&own, Log::Records).await.map_or(0, |(end, _)| end.head.index);
        match round % 2 {
            0 => etcd.kill(place),
            _ => etcd.pause(place),
        }
        eventually("the log goes on", || async {
            let (end, _) = End::read(&own, Log::Records).await.ok()?;
            (end.head.index > before + 2).then_some(())
        })
        .await;
        match round % 2 {
            0 => etcd.start_again(place),
            _ => etcd.resume(place),
        }
        assert!(etcd.answers_at(place).await);
    }
    stop.store(true, Ordering::SeqCst);
    let (mut acknowledged, mut unknown) = (Vec::new(), Vec::new());
    for writer in writers {
        let (done, not_known) = writer.await.expect("it ends");
        acknowledged.extend(done);
        unknown.extend(not_known);
    }
    let (_, entries) = eventually("the log is read", || async { End::read(&own, Log::Records).await.ok() }).await;
    for id in &acknowledged {
        assert_eq!(entries.iter().filter(|entry| entry.id == *id).count(), 1, "once");
    }
    for entry in &entries {
        assert!(acknowledged.contains(&entry.id) || unknown.contains(&entry.id), "nobody else wrote");
    }
    assert!(!acknowledged.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deposed_fetcher_moves_no_head_and_a_large_entry_comes_back_whole() {
    let directory = tempfile::tempdir().expect("a directory");
    let setup = Setup { members: Some(1), ..Setup::default() };
    let Some(etcd) = Etcd::start(directory.path(), setup).await else { return };
    let client = founded(&etcd).await;
    let fetcher =
        |token: u8| Fetcher { token: Token([token; 16]), site: "ams".to_owned(), since: Timestamp::UNIX_EPOCH };
    let put = |fetcher: &Fetcher| Write::Put(client.keys.fetcher(), fetcher.to_bytes(), None);
    assert!(client.engine.write(&[Expect::Nothing(client.keys.fetcher())], &[put(&fetcher(1))]).await.expect("put"));
    let (End { head, position }, _) = End::read(&client, Log::Listing).await.expect("read");
    // Larger than etcd takes in one request.
    let payload: Vec<u8> = (0..3_000_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
    let written = entry::write(Log::Listing, &position, payload.clone(), author("ams")).expect("written");
    assert!(client.append(&head, &written, Some(&fetcher(1))).await.expect("appended"));
    let (End { head, position }, entries) = End::read(&client, Log::Listing).await.expect("read");
    assert_eq!(client.payload(&entries[0]).await.expect("whole"), payload);

    assert!(client.engine.write(&[], &[put(&fetcher(2))]).await.expect("put"));
    let late = entry::write(Log::Listing, &position, b"late".to_vec(), author("ams")).expect("written");
    assert!(!client.append(&head, &late, Some(&fetcher(1))).await.expect("answered"), "another fetches");
    assert!(client.append(&head, &late, Some(&fetcher(2))).await.expect("appended"));
    // A chunk that is gone or another is told, and nothing comes out.
    let blobs = client.keys.blobs(Log::Listing);
    let chunk = client.below(&blobs).await.expect("read").remove(1);
    let key = format!("{blobs}{}", chunk.0);
    let mut bytes = chunk.1;
    bytes[1000] ^= 1;
    client.engine.write_again(&[Write::Put(key.clone(), bytes, None)]).await.expect("put");
    let damaged = client.payload(&entries[0]).await.expect_err("damaged").to_string();
    assert!(damaged.contains("digest is another"), "{damaged}");
    client.engine.write_again(&[Write::Delete(key)]).await.expect("deleted");
    assert!(client.payload(&entries[0]).await.is_err());
    tokio::time::timeout(Duration::from_secs(60), client.poll()).await.expect("in time").expect("it answers");
}
