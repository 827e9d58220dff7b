//! What comes from outside and is none of the values that there are, and times of a wave that took a second copy.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::checked_provider::Outcome;
use rmdd::api::grpc::v1::{CheckProviderRequest, CheckProvidersRequest, SyncOutcome};
use rmdd_testkit::listing::{Step, World};
use tonic::Code;
use tonic_types::StatusExt;

use crate::common::http::{Answer, Server};
use crate::common::{Site, by_frn, by_number};

/// A question with one value that is none.
fn unknown(value: i32) -> [(&'static str, CheckProviderRequest); 4] {
    let question = || CheckProviderRequest {
        identity: Some(Identity::Frn("0097310000".to_owned())),
        ..CheckProviderRequest::default()
    };
    [
        ("role", CheckProviderRequest { role: value, ..question() }),
        ("foreign", CheckProviderRequest { foreign: value, ..question() }),
        ("us_caller_id", CheckProviderRequest { us_caller_id: value, ..question() }),
        ("detail", CheckProviderRequest { detail: value, ..question() }),
    ]
}

#[tokio::test]
async fn a_value_that_is_none_of_those_there_are_is_an_invalid_argument_and_never_taken_as_not_given() {
    let site = Site::with_listing(&World::new(5, 80).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut client = daemon.acceptance().await;
    let mut taken = Vec::new();
    for value in [3, 4, 99, -1, i32::MAX, i32::MIN] {
        // There is a role 3.
        for (field, question) in unknown(value).into_iter().filter(|(field, _)| value != 3 || *field != "role") {
            match client.check_provider(question.clone()).await {
                Err(status) if status.code() == Code::InvalidArgument => {
                    assert!(status.get_details_error_info().is_some(), "{field} = {value}: without a reason");
                }
                Err(status) => taken.push(format!("{field} = {value}: {status}")),
                Ok(answer) => taken.push(format!("{field} = {value}: {}", answer.into_inner().reason().as_str_name())),
            }
            let batch = CheckProvidersRequest { questions: vec![question], at: None };
            let results = client.check_providers(batch).await.map(|batch| batch.into_inner().results);
            match results.as_ref().map(|results| &results[0].outcome) {
                Ok(Some(Outcome::Error(error))) if error.code == Code::InvalidArgument as i32 => {}
                Err(status) if status.code() == Code::InvalidArgument => {}
                _ => taken.push(format!("{field} = {value} in a batch")),
            }
        }
    }
    assert!(taken.is_empty(), "{} values were taken:\n{}", taken.len(), taken.join("\n"));
}

#[tokio::test]
async fn a_wave_that_took_a_second_copy_is_missing_since_the_first() {
    let mut world = World::new(6, 400);
    let before = world.to_csv();
    let gone = world.advance(Step { remove: 30, ..Step::default() }).removed;
    let after = world.to_csv();
    let asked: Arc<Mutex<Vec<Timestamp>>> = Arc::default();
    let server = Server::start(Answer::csv(&before)).await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url]);
    daemon.first_sync().await;
    server.answer({
        let asked = Arc::clone(&asked);
        Answer::by(move |_| {
            asked.lock().expect("not poisoned").push(crate::common::now());
            Answer::csv(&after)
        })
    });
    let sync = daemon.sync().await;
    assert_eq!(sync.outcome(), SyncOutcome::Applied, "{}", sync.error);
    let asked = asked.lock().expect("not poisoned").clone();
    let [_, second] = asked[..] else { panic!("a second copy was asked for: {asked:?}") };
    let mut client = daemon.acceptance().await;
    let now = crate::common::now();
    for question in gone.iter().map(|number| by_number(number)).chain([by_frn("0097310000")]) {
        let answer = client.check_provider(question).await.expect("a verdict").into_inner();
        let first_fetched = answer.snapshot.and_then(|snapshot| snapshot.fetched_at).expect("a time");
        for at in [Some(first_fetched), answer.first_missing_at].into_iter().flatten() {
            let at = Timestamp::new(at.seconds, at.nanos).expect("a time");
            assert!(at <= second, "fetched first before {second}, and told as {at}, at {now}");
        }
    }
}
