//! What sites of a fleet tell people and machines: each for itself, and alike.

use rmdd::api::grpc::v1::SyncOutcome;
use rmdd_testkit::{Step, World};
use serde_json::Value;

use crate::common::eventually;
use crate::common::http::Answer;
use crate::sites::{Fleet, NEVER};

/// The events that a site's channel was given, of one type.
fn given(fleet: &Fleet, place: usize, kind: &str) -> Vec<Value> {
    let bytes = std::fs::read(told(fleet, place)).unwrap_or_default();
    let events = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>().filter_map(Result::ok);
    events.filter(|event| event["type"] == kind).collect()
}

fn told(fleet: &Fleet, place: usize) -> std::path::PathBuf {
    fleet.sites[place].directory.path().join("told")
}

#[tokio::test(flavor = "multi_thread")]
async fn each_site_tells_the_same_event_once_with_an_id_of_its_own_and_a_killed_fetcher_loses_none() {
    let mut world = World::new(581, 100);
    let Some(fleet) = Fleet::prepare(&world.to_csv(), 2, NEVER).await else { return };
    for place in 0..2 {
        let file = told(&fleet, place);
        let channel = format!(
            "[[alerts.channel]]\nname = \"all\"\ntype = \"command\"\ncommand = [\"/usr/bin/tee\", \"-a\", {file:?}]\n"
        );
        fleet.configure(place, &channel);
    }
    let mut fleet = fleet.founded().await.expect("founded");
    for place in 0..2 {
        eventually("it has begun", || async { (given(&fleet, place, "rmdd.baseline.taken").len() == 1).then_some(()) })
            .await;
    }
    world.advance(Step { amend: 1, ..Step::default() });
    let amended = world.to_csv();
    let gone = world.advance(Step { remove: 1, ..Step::default() }).removed.remove(0);
    fleet.ok(0, &["peers", "add", "TG-1", &gone, "--role", "voice_service", "--by", "ann"]);
    fleet.agree().await;
    let fetcher = fleet.fetcher().await;
    // Who tells of this listing has seen the peer accepted.
    fleet.source.answer(Answer::csv(&amended));
    assert_eq!(fleet.daemon(fetcher).sync().await.outcome(), SyncOutcome::Applied);
    for place in 0..2 {
        let told = || async { (!given(&fleet, place, "rmdd.listing.applied").is_empty()).then_some(()) };
        eventually("it has looked", told).await;
    }
    fleet.source.answer(Answer::csv(&world.to_csv()));
    assert_eq!(fleet.daemon(fetcher).sync().await.outcome(), SyncOutcome::Applied);
    // Between the commit and what it tells, or behind that: whatever it was.
    fleet.daemons[fetcher].take().expect("it runs").kill();
    let other = 1 - fetcher;
    let event = |fleet: &Fleet, place| given(fleet, place, "rmdd.peer.refused").pop();
    let theirs = eventually("the other site tells", || async { event(&fleet, other) }).await;
    fleet.start(fetcher);
    let own = eventually("so does the one that was killed", || async { event(&fleet, fetcher) }).await;
    for same in ["type", "subject", "severity", "data"] {
        assert_eq!(own[same], theirs[same], "{same}");
    }
    assert_ne!((&own["id"], &own["source"]), (&theirs["id"], &theirs["source"]));
    let ids = |place| {
        let mut ids: Vec<String> =
            given(&fleet, place, "rmdd.peer.refused").iter().map(|event| event["id"].to_string()).collect();
        ids.dedup();
        ids.len()
    };
    assert_eq!((ids(0), ids(1)), (1, 1), "sent again under the same ID at most");
}
