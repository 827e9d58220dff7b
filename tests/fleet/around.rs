//! What a site knows of the others, look by look, at a real etcd.

use std::collections::BTreeMap;
use std::time::Duration;

use rmdd::domain::{FleetId, Log, Position};
use rmdd::fleet::around::Around;
use rmdd::fleet::client::Client;
use rmdd::fleet::engine::{LeaseId, Write};
use rmdd::fleet::said::{Alive, SiteSays, Token};
use rmdd_testkit::etcd::{Etcd, Setup};

use crate::common::{eventually, now};
use crate::sites::client;

fn says(fetches: bool) -> Vec<u8> {
    let [listing, records] = Log::ALL.map(|log| Position::origin(FleetId([1; 16]), log));
    SiteSays::now(&listing, &records, fetches, now()).to_bytes()
}

async fn write(client: &Client, writes: &[Write]) {
    client.engine.write_again(writes).await.expect("written");
}

fn registered(client: &Client, name: &str, fetches: bool) -> Write {
    Write::Put(client.keys.site(name), says(fetches), None)
}

fn living(client: &Client, name: &str, lease: Option<LeaseId>) -> Write {
    Write::Put(client.keys.alive(name), Alive { token: Token::draw(), since: now() }.to_bytes(), lease)
}

/// The names of the sites; whether each lives, and whether it may fetch.
fn known(around: &Around) -> BTreeMap<String, (bool, bool)> {
    around.sites().map(|(name, says, alive)| (name.clone(), (alive.is_some(), says.fetches))).collect()
}

async fn bytes_sent(etcd: &Etcd) -> f64 {
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
    let of = |metrics: &String| {
        metrics
            .lines()
            .filter(|line| line.starts_with("etcd_network_client_grpc_sent_bytes_total"))
            .map(value)
            .sum::<f64>()
    };
    etcd.metrics().await.iter().map(of).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_brings_what_has_changed_and_sites_that_come_change_and_go_are_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    let setup = || Setup { members: Some(1), ..Setup::default() };
    let Some(mut etcd) = Etcd::start(directory.path(), setup()).await else { return };
    let client = client(&etcd);
    for place in 0..8 {
        let name = format!("site-{place}");
        write(&client, &[registered(&client, &name, true), living(&client, &name, None)]).await;
    }
    let mut around = Around::default();
    let before = bytes_sent(&etcd).await;
    around.look(&client).await.expect("looked");
    assert_eq!(known(&around).len(), 8);
    let whole = bytes_sent(&etcd).await - before;
    let before = bytes_sent(&etcd).await;
    for _ in 0..3 {
        around.look(&client).await.expect("looked");
    }
    let unchanged = bytes_sent(&etcd).await - before;
    assert!(unchanged * 4.0 < whole, "{unchanged} bytes in three looks at what has not changed, {whole} in the first");

    // One that comes, one that changes, and one that says what nobody can read.
    write(&client, &[registered(&client, "zoe", true), living(&client, "zoe", None)]).await;
    write(&client, &[registered(&client, "site-7", false)]).await;
    write(&client, &[Write::Put(client.keys.site("odd"), vec![0xff], None)]).await;
    around.look(&client).await.expect("looked");
    let seen = known(&around);
    assert_eq!((seen.len(), seen["zoe"], seen["site-7"]), (9, (true, true), (true, false)));
    around.look(&client).await.expect("looked");
    assert_eq!(known(&around), seen);

    // One that falls silent, one that goes for good, and one that takes the place of another in the count.
    write(&client, &[Write::Delete(client.keys.alive("site-1"))]).await;
    write(&client, &[Write::Delete(client.keys.alive("site-2")), Write::Delete(client.keys.site("site-2"))]).await;
    write(&client, &[Write::Delete(client.keys.alive("site-3")), living(&client, "odd", None)]).await;
    let seen = gone(&mut around, &client, "site-2").await;
    assert_eq!((seen["site-1"], seen["site-3"]), ((false, true), (false, true)));

    // An etcd that was lost and filled again: its revisions begin anew.
    etcd.kill_all();
    etcd.wipe();
    etcd.start_all_again().await;
    write(&client, &[registered(&client, "ams", true), living(&client, "ams", None)]).await;
    let seen = gone(&mut around, &client, "zoe").await;
    assert_eq!(seen, BTreeMap::from([("ams".to_owned(), (true, true))]));
}

/// Looks until a site is not known any more: it may take as long as all is read no sooner.
async fn gone(around: &mut Around, client: &Client, name: &str) -> BTreeMap<String, (bool, bool)> {
    let around = tokio::sync::Mutex::new(around);
    eventually("it is gone", || async {
        let mut around = around.lock().await;
        tokio::time::timeout(Duration::from_secs(10), around.look(client)).await.ok()?.ok()?;
        Some(known(&around)).filter(|known| !known.contains_key(name))
    })
    .await
}
