//! What a site asks of the one that fetches, and takes back.

use std::process::{Child, Command, Stdio};

use rmdd::api::grpc::v1::SyncOutcome;
use rmdd::domain::Log;
use rmdd_testkit::{Step, World};

use crate::common::http::Answer;
use crate::common::{eventually, rmdd, status_of, stderr};
use crate::sites::{Fleet, NEVER};

fn begin(fleet: &Fleet, place: usize, arguments: &[&str]) -> Child {
    let site = &fleet.sites[place];
    let mut command = rmdd();
    command.arg("--state-dir").arg(site.state_dir()).args(["--config", &site.config()]).args(arguments);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started")
}

fn interrupt(mut child: Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("sent");
    assert!(sent.success());
    tokio::task::block_in_place(|| child.wait()).expect("ended");
}

/// Waits until so much is asked.
async fn asked(fleet: &Fleet, many: usize) {
    eventually("so much is asked", || async { (fleet.client.poll().await.ok()?.asks.len() == many).then_some(()) })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_and_taken_back_is_not_carried_out_by_whoever_fetches_later() {
    let mut world = World::new(571, 400);
    let Some(fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    fleet.configure(1, "fetches = false");
    let mut fleet = fleet.founded().await.expect("founded");
    // A listing that is held.
    world.advance(Step { remove: 150, ..Step::default() });
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.daemon(1).sync().await.outcome(), SyncOutcome::Held);
    let told = fleet.agree().await;
    let digest = hex::encode(told.held.first().expect("held"));
    fleet.archived(&digest).await;

    // Nobody fetches for a moment; what is asked then stands there, and whoever asked goes.
    for arguments in [&["sync"][..], &["sync", "--approve", &digest, "--by", "ann"]] {
        // In good order: another would begin at once.
        fleet.stop(0).await;
        let child = begin(&fleet, 1, arguments);
        asked(&fleet, 1).await;
        interrupt(child);
        asked(&fleet, 0).await;
        let (requests, index) = (fleet.source.requests(), fleet.index(Log::Listing).await);
        fleet.start(0);
        assert_eq!(fleet.fetcher().await, 0);
        // What is asked now is done, and nothing before it: one request, one entry.
        assert_eq!(fleet.daemon(1).sync().await.outcome(), SyncOutcome::Held);
        assert_eq!((fleet.source.requests(), fleet.index(Log::Listing).await), (requests + 1, index + 1));
    }
    let told = fleet.agree().await;
    assert_eq!((told.listing.expect("a listing").0, told.held.len()), (1, 1), "it is held still");
    let approved = fleet.run(1, &["sync", "--approve", &digest, "--by", "ann"]);
    assert_eq!(status_of(&approved), 0, "{}", stderr(&approved));
}
