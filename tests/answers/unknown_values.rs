//! Enumerations with values that this version does not know: an error wherever one may stand, and never "not given".

use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::check_stream_response::Outcome as Streamed;
use rmdd::api::grpc::v1::checked_provider::Outcome;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    AssessImpactRequest, CheckProviderRequest, CheckProvidersRequest, CheckStreamRequest, ExportListingRequest,
    ListRecordEventsRequest, ListRecordsRequest, ListRemovalsRequest, Order, Override, Peer, PutRecordsRequest, Reason,
    Record, RemoveRecordsRequest, Verdict,
};
use rmdd_testkit::World;
use tokio_stream::StreamExt;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::common::{Daemon, Site, by_number};

/// None of them is known, and each is on the wire in its own way: negative ones take ten bytes.
const UNKNOWN: [i32; 5] = [4, 99, -1, i32::MIN, i32::MAX];

async fn daemon() -> (Site, Daemon, String) {
    let mut world = World::new(17, 60);
    let number = world.rows().next().expect("a row").get("number").to_owned();
    let row = world.row_mut(&number).expect("it stands");
    for (column, cell) in [
        ("voice_service_provider_choice", "Yes"),
        ("gateway_provider_choice", "No"),
        ("intermediate_provider_choice", "No"),
    ] {
        row.set(column, cell);
    }
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    (site, daemon, number)
}

/// The question, with one of its enumerations set so.
fn questions(number: &str) -> Vec<(&'static str, CheckProviderRequest)> {
    let asked = || by_number(number);
    let with = |value| {
        [
            ("role", CheckProviderRequest { role: value, ..asked() }),
            ("foreign", CheckProviderRequest { foreign: value, ..asked() }),
            ("us_caller_id", CheckProviderRequest { us_caller_id: value, ..asked() }),
            ("detail", CheckProviderRequest { detail: value, ..asked() }),
        ]
    };
    UNKNOWN.into_iter().flat_map(with).collect()
}

fn reason(status: &Status) -> (Code, String) {
    let info = status.get_error_details().error_info().cloned();
    (status.code(), info.map(|info| info.reason).unwrap_or_default())
}

fn unknown() -> (Code, String) {
    (Code::InvalidArgument, "UNKNOWN_VALUE".to_owned())
}

#[tokio::test]
async fn an_unknown_value_in_a_question_is_an_error_of_that_question_however_it_is_asked() {
    let (_site, daemon, number) = daemon().await;
    let questions = questions(&number);
    let now = crate::common::now();
    for channel in [daemon.tcp().await, daemon.unix().await] {
        let mut client = AcceptanceServiceClient::new(channel);
        for (field, question) in &questions {
            let status = client.check_provider(question.clone()).await.expect_err(field);
            assert_eq!(reason(&status), unknown(), "{field}: {status:?}");
            assert!(status.message().starts_with(&format!("{field} = ")), "{}", status.message());
            let past = CheckProviderRequest { at: Some(rmdd::api::grpc::time_to_wire(now)), ..question.clone() };
            assert_eq!(reason(&client.check_provider(past).await.expect_err(field)), unknown(), "{field}, at");
            let emergency = CheckProviderRequest { emergency: true, ..question.clone() };
            let answer = client.check_provider(emergency).await.expect("911 is answered").into_inner();
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::EmergencyCall), "{field}");
        }
        let good = by_number(&number);
        for at in [None, Some(rmdd::api::grpc::time_to_wire(now))] {
            let all = questions.iter().map(|(_, question)| question.clone()).chain([good.clone()]).collect();
            let answer = client.check_providers(CheckProvidersRequest { questions: all, at }).await.expect("answers");
            let results = answer.into_inner().results;
            let (last, bad) = results.split_last().expect("results");
            assert!(matches!(last.outcome, Some(Outcome::Answer(_))), "one bad question spoils no other");
            assert_eq!(bad.len(), questions.len());
            for (result, (field, _)) in bad.iter().zip(&questions) {
                let Some(Outcome::Error(error)) = &result.outcome else { panic!("{field}: {result:?}") };
                assert_eq!((error.reason.as_str(), error.code), ("UNKNOWN_VALUE", 3), "{field}");
            }
        }
        let asked: Vec<_> = questions.iter().map(|(_, question)| question.clone()).chain([good]).collect();
        let stream =
            asked.into_iter().zip(1..).map(|(question, id)| CheckStreamRequest { id, question: Some(question) });
        let answers = client.check_stream(tokio_stream::iter(stream.collect::<Vec<_>>())).await.expect("a stream");
        let answers: Vec<_> = answers.into_inner().collect::<Result<_, _>>().await.expect("to its end");
        assert_eq!(answers.len(), questions.len() + 1);
        for (answer, (field, _)) in answers.iter().zip(&questions) {
            let Some(Streamed::Error(error)) = &answer.outcome else { panic!("{field}: {answer:?}") };
            assert_eq!((error.reason.as_str(), error.code), ("UNKNOWN_VALUE", 3), "{field}");
        }
        assert!(matches!(answers.last().expect("the good one").outcome, Some(Streamed::Answer(_))));
    }
}

#[tokio::test]
async fn a_known_value_is_still_taken_and_what_is_not_given_still_means_any() {
    let (_site, daemon, number) = daemon().await;
    let mut client = daemon.acceptance().await;
    for (role, reason) in [(0, Reason::Listed), (1, Reason::Listed), (2, Reason::RoleNotCertified)] {
        let question = CheckProviderRequest { role, ..by_number(&number) };
        assert_eq!(client.check_provider(question).await.expect("an answer").into_inner().reason(), reason, "{role}");
    }
}

#[tokio::test]
async fn an_unknown_value_in_any_other_request_is_an_error_and_changes_nothing() {
    let (_site, daemon, number) = daemon().await;
    let (mut admin, mut listing) = (daemon.admin().await, daemon.listing().await);
    for value in UNKNOWN {
        // Most have more kinds than four.
        let value = if value == 4 { 6 } else { value };
        let export = listing.export_listing(ExportListingRequest { format: value, at: None }).await;
        assert_eq!(reason(&export.expect_err("no such format")), unknown());
        let list = ListRecordsRequest { kind: value, ..ListRecordsRequest::default() };
        assert_eq!(reason(&admin.list_records(list).await.expect_err("no such kind")), unknown());
        let events = ListRecordEventsRequest { kind: value, ..ListRecordEventsRequest::default() };
        assert_eq!(reason(&admin.list_record_events(events).await.expect_err("no such kind")), unknown());
        let remove = RemoveRecordsRequest {
            kind: value,
            ids: vec!["a".to_owned()],
            by: "alice".to_owned(),
            ..Default::default()
        };
        assert_eq!(reason(&admin.remove_records(remove).await.expect_err("no such kind")), unknown());

        let peer = |kind, role| Body::Peer(Peer { kind, name: "TG-1".to_owned(), role });
        let order =
            Order { kind: value, document: "DA 1".to_owned(), released: "2026-01-05".to_owned(), notified: None };
        for (field, body) in [
            ("kind", peer(value, 0)),
            ("role", peer(0, value)),
            ("action", Body::Override(Override { action: value })),
            ("kind", Body::Order(order)),
        ] {
            let provider = Some(Provider::RmdNumber(number.clone()));
            let record = Record { provider, why: "a test".to_owned(), body: Some(body), ..Record::default() };
            let put = PutRecordsRequest { records: vec![record.clone()], replace: true, by: "alice".to_owned() };
            let status = admin.put_records(put).await.expect_err(field);
            assert_eq!(reason(&status), (Code::InvalidArgument, "INVALID_RECORD".to_owned()), "{field}");
            let details = status.get_error_details();
            let violations = &details.bad_request().expect("violations").field_violations;
            assert_eq!(violations[0].field, format!("records[0].{field}"), "{violations:?}");
            assert!(violations[0].description.contains(&value.to_string()), "{violations:?}");
            let supposed = AssessImpactRequest { records: vec![record], ..AssessImpactRequest::default() };
            assert_eq!(admin.assess_impact(supposed).await.expect_err(field).code(), Code::InvalidArgument, "{field}");
        }
    }
    for kind in 1..=4 {
        let list = ListRecordsRequest { kind, ..ListRecordsRequest::default() };
        assert_eq!(admin.list_records(list).await.expect("a list").into_inner().records.len(), 0);
    }
    let since = Some(prost_types::Timestamp { seconds: i64::MAX, nanos: 0 });
    let removals = listing.list_removals(ListRemovalsRequest { since, ..ListRemovalsRequest::default() }).await;
    assert_eq!(reason(&removals.expect_err("no such time")), (Code::InvalidArgument, "INVALID_TIME".to_owned()));
}

#[tokio::test]
async fn an_unknown_value_of_a_parameter_or_a_setting_is_an_error_too() {
    let (site, daemon, number) = daemon().await;
    let address = daemon.http.as_deref().expect("an HTTP listener");
    let client = crate::common::web();
    for query in [
        "role=99",
        "role=carrier",
        "role=any",
        "foreign=2",
        "foreign=maybe",
        "us_caller_id=-1",
        "emergency=perhaps",
        "format=xml",
    ] {
        let url = format!("{address}/v1/check/{number}?{query}");
        let response = client.get(url).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 400, "{query}");
    }
    for setting in [
        "[policy]\nrole_blank = \"maybe\"",
        "[policy]\nlisting_old = \"ignore\"",
        "[policy]\nadvisories_off = [\"NO_SUCH_ADVISORY\"]",
        "[decision_log]\nwhich = \"some\"",
    ] {
        let file = site.directory.path().join("bad.toml");
        std::fs::write(&file, setting).expect("written");
        let checked = site.run(&["--config", &file.display().to_string(), "config", "check"]);
        assert_eq!(crate::common::status_of(&checked), 2, "{setting}: {}", crate::common::stdout(&checked));
    }
}
