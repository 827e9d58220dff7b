//! What requests weigh, and what each client may have of what there is so much of.

use rmdd::api::grpc::v1::{
    CheckProviderRequest, ExportListingRequest, ListRemovalsRequest, SearchProvidersRequest, WatchChangesRequest,
    watch_changes_request::Start,
};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::common::{by_frn, now};
use super::scene;

fn reason(status: &Status) -> (Code, String) {
    let reason = status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default();
    (status.code(), reason)
}

#[tokio::test]
async fn a_request_weighs_what_it_costs_in_the_rate_limit() {
    // So few that none comes back within the test, and three searches at once.
    let scene = scene("rate_limit = 1\nbatch = 65").await;
    let (mut listing, mut acceptance) = (scene.daemon.listing().await, scene.daemon.acceptance().await);
    let search = || SearchProvidersRequest { text: "fern".to_owned(), ..SearchProvidersRequest::default() };
    listing.search_providers(search()).await.expect("20");
    listing.list_removals(ListRemovalsRequest::default()).await.expect("40");
    let at = prost_types::Timestamp { seconds: now().as_second(), nanos: 0 };
    let past = CheckProviderRequest { at: Some(at), ..by_frn(&scene.frn) };
    let answered = acceptance.check_provider(past).await;
    // The listing may be younger than this second: what counts is that it was let in.
    assert!(answered.as_ref().err().is_none_or(|status| status.code() != Code::ResourceExhausted), "{answered:?}");
    let refused = listing.search_providers(search()).await.expect_err("80 of 65");
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "TOO_MANY_QUESTIONS".to_owned()));
    acceptance.check_provider(by_frn(&scene.frn)).await.expect("a call weighs one");
    let http = reqwest::get(format!("http://{}/v1/removals", scene.http())).await.expect("an answer");
    assert_eq!(http.status(), 429);
    let metrics = reqwest::get(format!("http://{}/metrics", scene.http())).await.expect("an answer");
    assert_eq!(metrics.status(), 200, "monitoring is no question");
}

#[tokio::test]
async fn what_weighs_more_than_there_can_ever_be_may_be_asked_when_all_is_left() {
    let scene = scene("rate_limit = 2\nbatch = 5").await;
    let mut listing = scene.daemon.listing().await;
    let mut pieces = listing.export_listing(ExportListingRequest::default()).await.expect("all was left").into_inner();
    while pieces.message().await.expect("a piece").is_some() {}
    let refused = listing.export_listing(ExportListingRequest::default()).await.expect_err("nothing is left");
    assert_eq!(reason(&refused).1, "TOO_MANY_QUESTIONS");
}

#[tokio::test]
async fn one_client_gets_a_quarter_of_the_watchers_and_another_finds_room() {
    let scene = scene("watchers = 20").await;
    let from_now = || WatchChangesRequest { start: Some(Start::FromNow(true)), ..WatchChangesRequest::default() };
    let mut listing = scene.daemon.listing().await;
    let mut watching = Vec::new();
    for _ in 0..5 {
        watching.push(listing.watch_changes(from_now()).await.expect("a place"));
    }
    let refused = listing.watch_changes(from_now()).await.expect_err("its quarter is taken");
    assert_eq!(reason(&refused), (Code::ResourceExhausted, "TOO_MANY_WATCHERS".to_owned()));
    let unix = scene.daemon.unix().await;
    let mut other = rmdd::api::grpc::v1::listing_service_client::ListingServiceClient::new(unix);
    watching.push(other.watch_changes(from_now()).await.expect("another client"));
}
