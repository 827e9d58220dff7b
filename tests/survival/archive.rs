//! A listing that could not be archived is an alarm, and is archived as soon as it can be while the source publishes it.

use rmdd::store::archive::Archive;
use rmdd_testkit::{Step, World};

use super::*;
use crate::common::http::{Answer, Server};

/// Puts a file where the archive should be, so that nothing can be put into it.
fn block(site: &Site) {
    let place = site.state_dir().join("archive");
    let _ = std::fs::remove_dir_all(&place);
    std::fs::write(place, "in the way").expect("written");
}

#[tokio::test]
async fn a_listing_that_could_not_be_archived_is_an_alarm_until_a_later_sync_puts_it_there() {
    let mut world = World::new(85, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    block(&site);
    world.advance(Step { list: 2, amend: 5, remove: 1, reinstate: 0 });
    site.publish(&world.to_csv());
    assert_eq!(daemon.sync().await.snapshot_serial, 2);
    let status = daemon.status().await;
    let alarm = status.alarms.iter().find(|alarm| alarm.code == "ARCHIVE_FAILING").expect("an alarm");
    assert!(alarm.message.contains("archive"), "{alarm:?}");
    // The same listing again: nothing changes, but its bytes are at hand.
    std::fs::remove_file(site.state_dir().join("archive")).expect("removed");
    assert_eq!(daemon.sync().await.snapshot_serial, 2);
    assert!(!codes(&daemon.status().await).contains(&"ARCHIVE_FAILING"));
    let entries = Archive::new(&site.state_dir()).entries().expect("read");
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].sha256.0.to_vec(), daemon.status().await.snapshot.expect("one").sha256);
    daemon.terminate().await;
}

#[tokio::test]
async fn what_is_gone_from_the_archive_is_asked_for_whole_though_the_source_says_that_nothing_changed() {
    let world = World::new(86, 60);
    let server = Server::start(Answer::tagged("\"one\"", &world.to_csv())).await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url]);
    daemon.first_sync().await;
    daemon.terminate().await;
    std::fs::remove_dir_all(site.state_dir().join("archive")).expect("removed");
    let daemon = site.start_with(&["--source", &server.url]);
    daemon.sync().await;
    daemon.sync().await;
    assert!(!codes(&daemon.status().await).contains(&"ARCHIVE_FAILING"));
    assert_eq!(Archive::new(&site.state_dir()).entries().expect("read").len(), 1);
    daemon.terminate().await;
    server.stop().await;
}
