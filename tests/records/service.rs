//! Records over gRPC: `AdminService` on the Unix socket, and what `AcceptanceService` makes of them.

use rmdd::api::grpc::v1::admin_service_client::AdminServiceClient;
use rmdd::api::grpc::v1::check_provider_request::Identity;
use rmdd::api::grpc::v1::record::{Body, Provider};
use rmdd::api::grpc::v1::{
    AssessImpactRequest, CheckProviderRequest, ListRecordEventsRequest, ListRecordsRequest, MatchedBy, Override,
    OverrideAction, Peer, PeerKind, ProviderRole, PutRecordsRequest, Reason, Record, RecordAction, RecordKind,
    RemoveRecordsRequest, Verdict,
};
use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::common::{ask, everything};

fn record(provider: &str, body: Body) -> Record {
    Record { provider: Some(Provider::Frn(provider.to_owned())), body: Some(body), ..Record::default() }
}

fn peer(name: &str, kind: PeerKind, provider: &str, role: ProviderRole) -> Record {
    record(provider, Body::Peer(Peer { kind: kind.into(), name: name.to_owned(), role: role.into() }))
}

fn put(records: Vec<Record>, replace: bool) -> PutRecordsRequest {
    PutRecordsRequest { records, replace, by: "alice".to_owned() }
}

fn reason(status: &tonic::Status) -> String {
    status.get_error_details().error_info().map(|info| info.reason.clone()).unwrap_or_default()
}

#[tokio::test]
async fn a_switch_asks_by_ocn_and_peer_what_administration_put_on_record() {
    let desk = Desk::open(Through::Daemon).await;
    let (mut admin, mut acceptance) = (desk.daemon().admin().await, desk.daemon().acceptance().await);
    let by = |identity| CheckProviderRequest { identity: Some(identity), ..everything() };
    let by_peer = by(Identity::Peer("trunk 7".to_owned()));
    let unbound = acceptance.check_provider(by_peer.clone()).await.expect_err("unbound");
    assert_eq!((unbound.code(), reason(&unbound).as_str()), (Code::NotFound, "PEER_UNKNOWN"));

    let records = vec![
        peer("Trunk 7", PeerKind::TrunkGroup, VOICE, ProviderRole::Gateway),
        peer("591e", PeerKind::Ocn, GATEWAY, ProviderRole::Gateway),
    ];
    let events = admin.put_records(put(records, false)).await.expect("put").into_inner().events;
    assert_eq!(
        events.iter().map(|event| (event.serial, event.action())).collect::<Vec<_>>(),
        [(1, RecordAction::Added), (2, RecordAction::Added)]
    );
    let answer = ask(&mut acceptance, by_peer.clone()).await;
    assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::RoleNotCertified));
    assert_eq!((answer.matched_by(), answer.peer.as_str()), (MatchedBy::Peer, "Trunk 7"));
    let voice = CheckProviderRequest { role: ProviderRole::VoiceService.into(), ..by_peer.clone() };
    assert_eq!(ask(&mut acceptance, voice).await.verdict(), Verdict::Accept);
    let emergency = CheckProviderRequest { emergency: true, ..by_peer };
    assert_eq!(ask(&mut acceptance, emergency).await.reason(), Reason::EmergencyCall);
    let by_ocn = ask(&mut acceptance, by(Identity::Ocn("591E".to_owned()))).await;
    assert_eq!((by_ocn.verdict(), by_ocn.matched_by()), (Verdict::Accept, MatchedBy::Ocn));

    let deny = Record {
        why: "a fraud".to_owned(),
        ..record(GATEWAY, Body::Override(Override { action: OverrideAction::Deny.into() }))
    };
    admin.put_records(put(vec![deny], false)).await.expect("put");
    let denied = ask(&mut acceptance, by(Identity::Ocn("591E".to_owned()))).await;
    assert_eq!((denied.verdict(), denied.reason()), (Verdict::Refuse, Reason::Override));
    assert_eq!((denied.record.as_str(), denied.rule.as_str()), ("override 0041000002", "operator"));
    let remove = RemoveRecordsRequest {
        kind: RecordKind::Override.into(),
        ids: vec![GATEWAY.to_owned()],
        by: "bob".to_owned(),
        why: "settled".to_owned(),
    };
    admin.remove_records(remove).await.expect("removed");
    assert_eq!(ask(&mut acceptance, by(Identity::Ocn("591E".to_owned()))).await.verdict(), Verdict::Accept);
    let request = ListRecordEventsRequest { kind: RecordKind::Override.into(), ..ListRecordEventsRequest::default() };
    let events = admin.list_record_events(request).await.expect("events").into_inner().events;
    assert_eq!(
        events.iter().map(|event| (event.by.as_str(), event.why.as_str())).collect::<Vec<_>>(),
        [("alice", "a fraud"), ("bob", "settled")]
    );
}

#[tokio::test]
async fn one_bad_record_refuses_the_request_and_is_named_by_place_and_field() {
    let desk = Desk::open(Through::Daemon).await;
    let mut admin = desk.daemon().admin().await;
    let good = peer("a", PeerKind::TrunkGroup, VOICE, ProviderRole::Unspecified);
    let denial = Body::Override(Override { action: OverrideAction::Deny.into() });
    for (bad, field) in [
        (record(VOICE, denial.clone()), "records[1].why"),
        (record("Acme", denial), "records[1].provider"),
        (peer("ab", PeerKind::Ocn, VOICE, ProviderRole::Unspecified), "records[1].name"),
        (peer("A", PeerKind::TrunkGroup, GATEWAY, ProviderRole::Unspecified), "records[1].name"),
        (Record { provider: Some(Provider::Frn(VOICE.to_owned())), ..Record::default() }, "records[1]."),
        (Record::default(), "records[1]."),
    ] {
        let status = admin.put_records(put(vec![good.clone(), bad.clone()], true)).await.expect_err(field);
        assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_RECORD"), "{bad:?}");
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("violations").field_violations;
        assert!(violations[0].field.starts_with(field), "{violations:?}");
    }
    let nobody = PutRecordsRequest { by: " ".to_owned(), ..put(vec![good.clone()], false) };
    assert_eq!(admin.put_records(nobody).await.expect_err("nobody").code(), Code::InvalidArgument);
    let listed = ListRecordsRequest { kind: RecordKind::Peer.into(), ..ListRecordsRequest::default() };
    assert_eq!(admin.list_records(listed.clone()).await.expect("a list").into_inner().records.len(), 0);

    admin.put_records(put(vec![good.clone()], false)).await.expect("put");
    let stale = Record { revision: 99, ..good };
    let status = admin.put_records(put(vec![stale], true)).await.expect_err("changed meanwhile");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::Aborted, "RECORD_CHANGED"));
    let unknown = RemoveRecordsRequest {
        kind: RecordKind::Peer.into(),
        ids: vec!["a".to_owned(), "b".to_owned()],
        by: "bob".to_owned(),
        why: String::new(),
    };
    let status = admin.remove_records(unknown).await.expect_err("not on record");
    assert_eq!((status.code(), reason(&status).as_str()), (Code::NotFound, "RECORD_UNKNOWN"));
    assert_eq!(admin.list_records(listed).await.expect("a list").into_inner().records.len(), 1);
}

#[tokio::test]
async fn a_long_list_comes_in_pages_without_gap_or_repeat() {
    let desk = Desk::open(Through::Daemon).await;
    let mut admin = desk.daemon().admin().await;
    let many = (0..25).map(|n| peer(&format!("tg-{n:02}"), PeerKind::TrunkGroup, VOICE, ProviderRole::Unspecified));
    admin.put_records(put(many.collect(), false)).await.expect("put");
    let mut request =
        ListRecordsRequest { kind: RecordKind::Peer.into(), page_size: 10, ..ListRecordsRequest::default() };
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let page = admin.list_records(request.clone()).await.expect("a page").into_inner();
        ids.extend(page.records.into_iter().filter_map(|listed| listed.record).map(|record| record.id));
        pages += 1;
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!((pages, ids), (3, (0..25).map(|n| format!("tg-{n:02}")).collect::<Vec<_>>()));
}

#[tokio::test]
async fn records_cannot_be_read_or_changed_over_the_tcp_listener() {
    let desk = Desk::open(Through::Daemon).await;
    let mut outside = AdminServiceClient::new(desk.daemon().tcp().await);
    let anything = peer("a", PeerKind::TrunkGroup, VOICE, ProviderRole::Unspecified);
    let codes = [
        outside.put_records(put(vec![anything], false)).await.expect_err("put").code(),
        outside.remove_records(RemoveRecordsRequest::default()).await.expect_err("remove").code(),
        outside.list_records(ListRecordsRequest::default()).await.expect_err("list").code(),
        outside.list_record_events(ListRecordEventsRequest::default()).await.expect_err("events").code(),
        outside.assess_impact(AssessImpactRequest::default()).await.expect_err("impact").code(),
    ];
    assert_eq!(codes, [Code::Unimplemented; 5]);
    let url = desk.daemon().tcp.clone().expect("a TCP listener");
    for arguments in
        [&["peers", "list"][..], &["overrides", "add", "allow", GONE, "--why", "x"], &["impact", "--removed", VOICE]]
    {
        let said = desk.refused(&[arguments, &["--connect", &url]].concat());
        assert!(said.contains("Unix socket"), "{said}");
    }
    assert_eq!(desk.lines(&["overrides", "list", "--json"]).len(), 0);
}
