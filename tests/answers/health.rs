//! Whether the daemon can answer, as the standard health service says it.

use crate::common::{Site, by_frn, eventually};
use rmdd::api::grpc::v1::{State, SyncOutcome};
use rmdd_testkit::World;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt;

#[tokio::test]
async fn before_the_first_listing_it_says_so_and_healthy_comes_with_the_listing() {
    let site = Site::new();
    let daemon = site.start();
    let mut health = HealthClient::new(daemon.tcp().await);
    let serving = |service: &str| HealthCheckRequest { service: service.to_owned() };
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Failed);
    for service in ["", "rmdd.v1.AcceptanceService", "rmdd.v1.ListingService"] {
        let answer = health.check(serving(service)).await.expect("health").into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing, "{service:?}");
    }
    let refused = daemon.acceptance().await.check_provider(by_frn("20237343")).await.expect_err("no listing");
    assert_eq!(refused.code(), Code::Unavailable);
    let details = refused.get_details_error_info().expect("details");
    assert_eq!((details.domain.as_str(), details.reason.as_str()), ("rmdd", "SNAPSHOT_NOT_LOADED"));
    let status = daemon.status().await;
    assert_eq!(status.state(), State::Critical);
    assert!(status.alarms.iter().any(|alarm| alarm.code == "NO_SNAPSHOT"));

    site.publish(&World::new(5, 60).to_csv());
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Applied);
    eventually("health follows the listing", || {
        let mut health = health.clone();
        async move {
            let answer = health.check(serving("rmdd.v1.AcceptanceService")).await.expect("health").into_inner();
            (answer.status() == ServingStatus::Serving).then_some(())
        }
    })
    .await;
    assert_eq!(daemon.status().await.state(), State::Fresh);
}

#[tokio::test]
async fn a_watch_of_health_tells_of_changes_alone_and_of_none_behind_the_stop() {
    let site = Site::with_listing(&World::new(5, 20).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut health = HealthClient::new(daemon.tcp().await);
    let request = HealthCheckRequest { service: String::new() };
    let mut seen = health.watch(request).await.expect("watched").into_inner();
    let mut told = vec![seen.message().await.expect("a status").expect("one").status()];
    // Each of them is a moment at which the daemon looks at itself.
    for _ in 0..5 {
        daemon.sync().await;
    }
    daemon.signal("-TERM");
    while let Ok(Some(status)) = seen.message().await {
        told.push(status.status());
    }
    drop((seen, health));
    daemon.wait().await;
    let (first, rest) = told.split_first().expect("one");
    assert!(matches!(first, ServingStatus::Serving | ServingStatus::NotServing), "{told:?}");
    let changes = if *first == ServingStatus::Serving { &[][..] } else { &[ServingStatus::Serving] };
    assert_eq!(*rest, [changes, &[ServingStatus::NotServing]].concat());
}
