//! What a real daemon counts, logs and tells monitoring.

mod decisions;
mod examples;
mod page;
mod printed;
mod scraped;
mod table;

use crate::common::{Daemon, Site, by_frn};
use rmdd::api::grpc::v1::{CheckProviderRequest, PutRecordsRequest};
use rmdd_testkit::{Row, World};

/// Stands, and certifies all roles.
const LISTED: &str = "0041000001";
/// Stood, and does not any more.
const REMOVED: &str = "0041000002";
/// Never stood.
const NEVER: &str = "0041000009";

/// What is somebody's own in the filings above.
const PERSONAL: [(&str, &str); 3] = [
    ("robocall_mitigation_contact_name", "Zebulon Quartermain"),
    ("contact_business_address", "77 Zebra Crossing"),
    ("contact_telephone_number", "2025550177"),
];

/// A listing with two filings of ours.
fn world() -> World {
    let mut world = World::new(61, 80);
    for (number, frn) in [("RMD0900001", LISTED), ("RMD0900002", REMOVED)] {
        let mut row = world.rows().next().cloned().unwrap_or_else(Row::default);
        let roles = ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"];
        let ours = [("number", number), ("frn", frn), ("business_name", "Example LLC"), ("other_frns", "")];
        for (column, cell) in ours.into_iter().chain(roles.map(|role| (role, "Yes"))).chain(PERSONAL) {
            row.set(column, cell);
        }
        world.insert(row);
    }
    world
}

/// A daemon that has seen one of our filings go.
async fn with_a_removal(site: &Site, settings: &str) -> Daemon {
    let mut world = world();
    site.publish(&world.to_csv());
    let daemon = site.start_configured(settings);
    daemon.first_sync().await;
    world.remove("RMD0900002").expect("it stood");
    site.publish(&world.to_csv());
    assert_eq!(daemon.sync().await.removed, 1);
    daemon
}

/// A question about an emergency call.
fn emergency(frn: &str) -> CheckProviderRequest {
    CheckProviderRequest { emergency: true, ..by_frn(frn) }
}

/// Binds a peer's name.
async fn bind_peer(daemon: &Daemon, name: &str, frn: &str) {
    use rmdd::api::grpc::v1::{Peer, Record, record};

    let record = Record {
        provider: Some(record::Provider::Frn(frn.to_owned())),
        body: Some(record::Body::Peer(Peer { name: name.to_owned(), ..Peer::default() })),
        ..Record::default()
    };
    let request = PutRecordsRequest { records: vec![record], by: "test".to_owned(), ..PutRecordsRequest::default() };
    daemon.admin().await.put_records(request).await.expect("bound");
}

#[tokio::test]
async fn numbers_in_lines_of_the_log_are_grouped_as_everywhere() {
    let site = Site::with_listing(&World::new(3, 1_500).to_csv());
    let daemon = site.start();
    let filings = daemon.first_sync().await.filings.to_string();
    daemon.sync().await;
    let (_, first) = daemon.terminate().await;
    let again = site.start();
    again.status().await;
    let (_, second) = again.terminate().await;
    let grouped = format!("{},{} filings", &filings[..1], &filings[1..]);
    for (log, line) in [(&first, "sync applied"), (&first, "sync confirmed"), (&second, "serving snapshot")] {
        let said = log.lines().find(|said| said.contains(line)).unwrap_or_else(|| panic!("no {line} in {log}"));
        assert!(said.contains(&grouped), "{said}");
    }
}
