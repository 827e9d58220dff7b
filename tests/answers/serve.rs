//! The daemon as its users meet it: started, asked, killed, started again.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};

use crate::common::http::Server;
use crate::common::{Site, ask, by_frn, by_number, eventually, rmdd, status_of, stderr, times};
use rmdd::api::grpc::v1::{
    AnswerDetail, CheckProviderRequest, GetProviderRequest, GetStatusRequest, ListRemovalsRequest, ProviderRole,
    Reason, ReloadConfigRequest, SyncOutcome, SyncTrigger, Ternary, Verdict, admin_service_client::AdminServiceClient,
    get_provider_request,
};
use rmdd_testkit::{Step, World};
use tonic::Code;
use tonic_types::StatusExt;

fn frn_of(world: &World, number: &str) -> String {
    world.rows().find(|row| row.get("number") == number).expect("a filing").get("frn").to_owned()
}

/// Numbers of filings whose FRN stands under no other number.
fn sole_filings(world: &World) -> Vec<String> {
    let frns: Vec<&str> = world.rows().map(|row| row.get("frn")).collect();
    world
        .rows()
        .filter(|row| !row.get("frn").is_empty() && frns.iter().filter(|frn| **frn == row.get("frn")).count() == 1)
        .map(|row| row.get("number").to_owned())
        .collect()
}

#[tokio::test]
async fn it_answers_from_a_listing_and_again_after_being_killed() {
    let world = World::new(1, 200);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    let sync = daemon.first_sync().await;
    assert_eq!((sync.outcome(), sync.filings), (SyncOutcome::Applied, 200));
    assert_eq!(sync.trigger(), SyncTrigger::Startup);

    let mut acceptance = daemon.acceptance().await;
    for row in world.rows().filter(|row| !row.get("frn").is_empty()) {
        for request in [by_frn(row.get("frn")), by_number(row.get("number"))] {
            let answer = ask(&mut acceptance, request).await;
            assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::Listed));
        }
    }
    let before = ask(&mut acceptance, by_frn("9999999999")).await;
    assert_eq!((before.verdict(), before.reason()), (Verdict::Refuse, Reason::NotListed));
    assert!(before.filing.is_none() && before.last_seen_at.is_none());

    daemon.kill();
    let daemon = site.start();
    let mut acceptance = daemon.acceptance().await;
    let after = ask(&mut acceptance, by_frn("9999999999")).await;
    let (before, after) = (before.snapshot.expect("a snapshot"), after.snapshot.expect("a snapshot"));
    assert_eq!((before.serial, before.sha256, before.fetched_at), (after.serial, after.sha256, after.fetched_at));
}

#[tokio::test]
async fn a_removed_provider_is_refused_with_its_times_and_a_reinstated_one_keeps_its_history() {
    let mut world = World::new(2, 200);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let number = sole_filings(&world)[3].clone();
    let frn = frn_of(&world, &number);

    let row = world.remove(&number).expect("it stood");
    site.publish(&world.to_csv());
    let sync = daemon.sync().await;
    assert_eq!((sync.removed, sync.listed, sync.amended, sync.reinstated), (1, 0, 0, 0));

    let mut acceptance = daemon.acceptance().await;
    let mut seen = BTreeSet::new();
    for request in [by_frn(&frn), by_number(&number)] {
        let answer = ask(&mut acceptance, request).await;
        assert_eq!((answer.verdict(), answer.reason()), (Verdict::Refuse, Reason::Removed));
        assert_eq!(answer.filing.as_ref().expect("the filing as it was").number, number);
        let (last_seen, first_missing) = times(&answer).expect("both times");
        assert!(last_seen < first_missing);
        seen.insert((last_seen, first_missing));
    }
    assert_eq!(seen.len(), 1, "both ways say the same times");
    let emergency = CheckProviderRequest { emergency: true, ..by_frn(&frn) };
    let answer = ask(&mut acceptance, emergency).await;
    assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::EmergencyCall));

    let mut listing = daemon.listing().await;
    let removals = listing.list_removals(ListRemovalsRequest::default()).await.expect("removals").into_inner();
    assert_eq!(removals.total, 1);
    assert_eq!(removals.removals[0].filing.as_ref().expect("the filing").number, number);

    world.insert(row);
    site.publish(&world.to_csv());
    assert_eq!(daemon.sync().await.reinstated, 1);
    let answer = ask(&mut acceptance, by_frn(&frn)).await;
    assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::Listed));

    let request = GetProviderRequest {
        identity: Some(get_provider_request::Identity::RmdNumber(number.clone())),
        include_history: true,
        ..GetProviderRequest::default()
    };
    let provider = listing.get_provider(request).await.expect("the provider").into_inner();
    let kinds: Vec<_> = provider.changes.iter().map(|change| change.kind().as_str_name()).collect();
    assert_eq!(kinds, ["CHANGE_KIND_LISTED", "CHANGE_KIND_REMOVED", "CHANGE_KIND_REINSTATED"]);
    assert!(provider.changes.is_sorted_by(|left, right| left.serial < right.serial));
    let [removal] = provider.removals.as_slice() else { panic!("{:?}", provider.removals) };
    assert!(removal.reinstated_at.is_some(), "the removal stays on record");
    let open = listing.list_removals(ListRemovalsRequest::default()).await.expect("removals").into_inner();
    assert_eq!(open.total, 0);
    let all = ListRemovalsRequest { include_reinstated: true, ..ListRemovalsRequest::default() };
    assert_eq!(listing.list_removals(all).await.expect("removals").into_inner().total, 1);
}

#[tokio::test]
async fn many_steps_change_just_what_the_source_changed_and_serials_never_repeat() {
    let mut world = World::new(3, 400);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut last_change = daemon.status().await.last_change_serial;
    assert_eq!(last_change, 400);
    for step in 0..8 {
        let changes = world.advance(Step { list: 5, amend: 9, remove: 11, reinstate: if step > 1 { 3 } else { 0 } });
        site.publish(&world.to_csv());
        let sync = daemon.sync().await;
        assert_eq!(
            (sync.listed, sync.amended, sync.removed, sync.reinstated),
            (
                changes.listed.len() as u64,
                changes.amended.len() as u64,
                changes.removed.len() as u64,
                changes.reinstated.len() as u64
            ),
            "step {step}"
        );
        let status = daemon.status().await;
        let changed = sync.listed + sync.amended + sync.removed + sync.reinstated;
        assert_eq!(status.last_change_serial, last_change + changed, "no serial is skipped");
        last_change = status.last_change_serial;
        assert_eq!(status.filings, world.len() as u64);
        for (number, columns) in &changes.amended {
            let request = GetProviderRequest {
                identity: Some(get_provider_request::Identity::RmdNumber(number.clone())),
                include_history: true,
                ..GetProviderRequest::default()
            };
            let provider = daemon.listing().await.get_provider(request).await.expect("a filing").into_inner();
            let change = provider.changes.last().expect("a change");
            let named: BTreeSet<_> = change.fields.iter().map(|field| field.column.clone()).collect();
            assert_eq!(named, columns.iter().cloned().collect(), "{number}");
        }
    }
}

#[tokio::test]
async fn unchanged_bytes_confirm_the_snapshot_and_make_no_new_one() {
    let world = World::new(4, 100);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let before = daemon.status().await.snapshot.expect("a snapshot");
    let sync = daemon.sync().await;
    assert_eq!((sync.outcome(), sync.snapshot_serial), (SyncOutcome::Unchanged, 1));
    let after = daemon.status().await.snapshot.expect("a snapshot");
    assert_eq!((before.serial, &before.fetched_at), (after.serial, &after.fetched_at));
    let time = |at: Option<prost_types::Timestamp>| at.map(|at| (at.seconds, at.nanos)).expect("a time");
    assert!(time(after.confirmed_at) > time(before.confirmed_at));

    // The confirmation outlives the daemon.
    let confirmed = time(after.confirmed_at);
    daemon.kill();
    std::fs::remove_file(site.listing()).expect("removed");
    let daemon = site.start();
    assert_eq!(daemon.first_sync().await.outcome(), SyncOutcome::Failed);
    assert_eq!(time(daemon.status().await.snapshot.expect("a snapshot").confirmed_at), confirmed);
}

#[tokio::test]
async fn the_role_and_the_call_count_and_an_emergency_call_passes_whatever_else_holds() {
    let world = World::new(18, 200);
    let site = Site::new();
    let daemon = site.start();
    daemon.first_sync().await;
    let mut acceptance = daemon.acceptance().await;
    for request in [by_frn("20237343"), by_frn("rubbish"), CheckProviderRequest::default()] {
        let answer = ask(&mut acceptance, CheckProviderRequest { emergency: true, ..request }).await;
        assert_eq!((answer.verdict(), answer.reason()), (Verdict::Accept, Reason::EmergencyCall), "without a listing");
    }
    site.publish(&world.to_csv());
    daemon.sync().await;

    let answers = |row: &rmdd_testkit::Row| {
        ["voice_service_provider_choice", "gateway_provider_choice", "intermediate_provider_choice"]
            .map(|column| row.get(column).to_owned())
    };
    let roles = [ProviderRole::VoiceService, ProviderRole::Gateway, ProviderRole::NonGatewayIntermediate];
    let sole = sole_filings(&world);
    let mut seen = BTreeSet::new();
    for row in world.rows().filter(|row| sole.contains(&row.get("number").to_owned())) {
        for (role, says) in roles.into_iter().zip(answers(row)) {
            let mut request = by_frn(row.get("frn"));
            request.set_role(role);
            let answer = ask(&mut acceptance, request).await;
            let none_at_all = answers(row).iter().all(|answer| answer != "Yes");
            let expected = match says.as_str() {
                "Yes" | "" => (Verdict::Accept, Reason::Listed),
                _ => (Verdict::Refuse, Reason::RoleNotCertified),
            };
            assert_eq!((answer.verdict(), answer.reason()), expected, "{} as {role:?}", row.get("number"));
            seen.insert((says, none_at_all));
        }
    }
    assert!(seen.len() >= 4, "the listing holds every kind of answer: {seen:?}");

    let mut abroad = by_frn("9999999999");
    abroad.set_foreign(Ternary::Yes);
    for (caller_id, verdict) in [
        ("+442079460018", Verdict::Accept),
        ("+8613800138000", Verdict::Accept),
        ("+44 (0)20 7946 0018", Verdict::Accept),
        ("\"Fern, Ltd\" <sip:+442079460018@gw;user=phone>;tag=x", Verdict::Accept),
        ("tel:2079460018;phone-context=+44", Verdict::Accept),
        ("442079460018", Verdict::Accept),
        ("+14165550300", Verdict::Accept),
        ("+14165550100", Verdict::Refuse),
        ("310-822-9618-12", Verdict::Refuse),
        ("+12125550100", Verdict::Refuse),
        ("sip:2125550100@gw", Verdict::Refuse),
        ("13105503", Verdict::Refuse),
        ("anonymous", Verdict::Refuse),
        ("", Verdict::Refuse),
    ] {
        let request = CheckProviderRequest { caller_id: caller_id.to_owned(), ..abroad.clone() };
        assert_eq!(ask(&mut acceptance, request).await.verdict(), verdict, "{caller_id}");
    }
}

#[tokio::test]
async fn a_refusal_says_if_it_rests_on_a_calling_number_that_could_not_be_read() {
    let world = World::new(5, 60);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut acceptance = daemon.acceptance().await;
    let listed = world.rows().find(|row| row.get("gateway_provider_choice") == "Yes").expect("a gateway");
    for (frn, foreign, emergency, caller_id, us_caller_id, said) in [
        ("9999999999", Ternary::Yes, false, "sip:alice@example.com", Ternary::Unspecified, true),
        ("9999999999", Ternary::Yes, false, "5550100", Ternary::Unspecified, true),
        // It would be refused all the same, or is accepted.
        ("9999999999", Ternary::No, false, "abc", Ternary::Unspecified, false),
        ("9999999999", Ternary::Yes, true, "abc", Ternary::Unspecified, false),
        (listed.get("frn"), Ternary::Yes, false, "abc", Ternary::Unspecified, false),
        // The number is known, withheld or not given, or whoever asks knows whose it is.
        ("9999999999", Ternary::Yes, false, "+12125550100", Ternary::Unspecified, false),
        ("9999999999", Ternary::Yes, false, "anonymous", Ternary::Unspecified, false),
        ("9999999999", Ternary::Yes, false, "", Ternary::Unspecified, false),
        ("9999999999", Ternary::Yes, false, "abc", Ternary::Yes, false),
    ] {
        let mut request = CheckProviderRequest { emergency, caller_id: caller_id.to_owned(), ..by_frn(frn) };
        request.set_foreign(foreign);
        request.set_us_caller_id(us_caller_id);
        for detail in [AnswerDetail::Compact, AnswerDetail::Full] {
            request.set_detail(detail);
            let answer = ask(&mut acceptance, request.clone()).await;
            let advisory = answer.advisories.iter().find(|advisory| advisory.code == "CALLER_ID_UNREADABLE");
            assert_eq!(advisory.is_some(), said, "{request:?}: {answer:?}");
            let in_words = advisory.is_some_and(|advisory| advisory.message.contains("could not be read"));
            assert_eq!(in_words, said && detail == AnswerDetail::Full, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn bad_questions_get_errors_that_say_which_field_and_why() {
    let site = Site::with_listing(&World::new(6, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut acceptance = daemon.acceptance().await;
    for (request, reason) in [
        (by_frn("12AB"), "INVALID_FRN"),
        (by_frn(""), "INVALID_FRN"),
        (by_frn("00202373431"), "INVALID_FRN"),
        (by_number("RMD12"), "INVALID_RMD_NUMBER"),
        (CheckProviderRequest::default(), "IDENTITY_MISSING"),
    ] {
        let refused = acceptance.check_provider(request).await.expect_err(reason);
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert_eq!(refused.get_details_error_info().expect("details").reason, reason);
    }
    let page = ListRemovalsRequest { page_token: "rubbish".to_owned(), ..ListRemovalsRequest::default() };
    let refused = daemon.listing().await.list_removals(page).await.expect_err("no token");
    assert_eq!(refused.get_details_error_info().expect("details").reason, "INVALID_PAGE_TOKEN");
}

#[tokio::test]
async fn removals_come_in_pages_without_gap_or_repeat_even_if_more_are_removed_between_them() {
    let mut world = World::new(7, 300);
    let site = Site::with_listing(&world.to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut gone = BTreeSet::new();
    for _ in 0..2 {
        gone.extend(world.advance(Step { remove: 20, ..Step::default() }).removed);
        site.publish(&world.to_csv());
        daemon.sync().await;
    }
    let mut listing = daemon.listing().await;
    let mut request = ListRemovalsRequest { page_size: 7, ..ListRemovalsRequest::default() };
    let mut seen = Vec::new();
    loop {
        let page = listing.list_removals(request.clone()).await.expect("a page").into_inner();
        seen.extend(page.removals.into_iter().map(|removal| removal.filing.expect("the filing").number));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
        if seen.len() == 14 {
            world.advance(Step { remove: 5, ..Step::default() });
            site.publish(&world.to_csv());
            daemon.sync().await;
        }
    }
    assert_eq!(seen.len(), gone.len());
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), gone);
}

#[tokio::test]
async fn administration_is_on_the_unix_socket_only() {
    let site = Site::with_listing(&World::new(8, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let mut over_tcp = AdminServiceClient::new(daemon.tcp().await);
    let refused = over_tcp.get_status(GetStatusRequest {}).await.expect_err("not over TCP");
    assert_eq!(refused.code(), Code::Unimplemented);
    let mut over_unix =
        rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient::new(daemon.unix().await);
    assert_eq!(ask(&mut over_unix, by_frn("9999999999")).await.reason(), Reason::NotListed);
}

#[tokio::test]
async fn reflection_names_just_the_services_of_each_listener() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let site = Site::with_listing(&World::new(9, 60).to_csv());
    let daemon = site.start();
    let mut named = Vec::new();
    for channel in [daemon.tcp().await, daemon.unix().await] {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut answers = ServerReflectionClient::new(channel)
            .server_reflection_info(tokio_stream::once(request))
            .await
            .expect("reflection")
            .into_inner();
        let answer = answers.message().await.expect("an answer").expect("one");
        let Some(MessageResponse::ListServicesResponse(services)) = answer.message_response else {
            panic!("{answer:?}");
        };
        named.push(services.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>());
    }
    let admin = "rmdd.v1.AdminService";
    assert!(!named[0].contains(admin) && named[1].contains(admin), "{named:?}");
    assert!(named[0].contains("rmdd.v1.AcceptanceService"));
}

#[tokio::test]
async fn a_signal_stops_it_cleanly_and_leaves_no_socket_behind() {
    for signal in ["-TERM", "-INT"] {
        let site = Site::with_listing(&World::new(10, 60).to_csv());
        let daemon = site.start();
        daemon.first_sync().await;
        let socket = daemon.socket.clone();
        daemon.signal(signal);
        let (status, log) = daemon.wait().await;
        assert!(status.success(), "{signal}: {log}");
        assert!(!crate::common::exists(&socket));
        assert!(log.contains("stopping"), "{log}");
    }
}

#[tokio::test]
async fn a_client_that_never_lets_go_holds_a_stop_up_for_the_grace_and_no_longer() {
    let site = Site::with_listing(&World::new(17, 60).to_csv());
    let daemon = site.start_configured("shutdown_grace = \"200ms\"\n");
    daemon.first_sync().await;
    let socket = daemon.socket.clone();
    // It has said hello and will never answer the goodbye.
    let mut deaf = std::os::unix::net::UnixStream::connect(&socket).expect("connected");
    std::io::Write::write_all(&mut deaf, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("sent");
    std::io::Read::read_exact(&mut deaf, &mut [0; 9]).expect("the daemon's settings");
    let (status, log) = daemon.terminate().await;
    assert!(status.success(), "{log}");
    assert!(log.contains("the grace is over"), "{log}");
    assert!(!crate::common::exists(&socket), "no socket is left behind");
}

#[tokio::test]
async fn a_stop_during_a_fetch_that_hangs_does_not_wait_for_it() {
    let server = Server::start(crate::common::http::Answer::Stall(b"HTTP/1.1 200 OK\r\n\r\nnumber,frn".to_vec())).await;
    let site = Site::new();
    let daemon = site.start_with(&["--source", &server.url]);
    eventually("the fetch is under way", || async {
        daemon.status().await.sync_in_progress.filter(|progress| progress.bytes > 0)
    })
    .await;
    let (status, log) = daemon.terminate().await;
    assert!(status.success(), "{log}");
}

#[tokio::test]
async fn callers_who_ask_for_a_sync_while_one_runs_get_its_outcome() {
    let server = Server::start(crate::common::http::Answer::Stall(b"HTTP/1.1 200 OK\r\n\r\nnumber,frn".to_vec())).await;
    let site = Site::new();
    let config = site.configure("[fetch]\nidle_timeout = \"2s\"\ntries = 1\n");
    let daemon = site.start_with(&["--source", &server.url, "--config", &config]);
    eventually("the fetch is under way", || async {
        daemon.status().await.sync_in_progress.filter(|progress| progress.bytes > 0)
    })
    .await;
    let (first, second) = tokio::join!(daemon.sync(), daemon.sync());
    assert_eq!(first.outcome(), SyncOutcome::Failed);
    assert_eq!((first.at, first.trigger), (second.at, second.trigger));
    assert_eq!(first.trigger(), SyncTrigger::Startup, "the cycle that was running");
    assert_eq!(server.requests(), 1);
    assert!(first.error.contains("too long"), "{}", first.error);
}

#[tokio::test]
async fn a_second_daemon_on_the_same_store_is_refused_and_the_first_goes_on() {
    let site = Site::with_listing(&World::new(11, 60).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let second = site.run(&["serve", "--grpc-listen", "off"]);
    assert_ne!(status_of(&second), 0);
    assert!(stderr(&second).contains("held by another process"), "{}", stderr(&second));
    assert_eq!(ask(&mut daemon.acceptance().await, by_frn("9999999999")).await.reason(), Reason::NotListed);
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_names_it() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let site = Site::with_listing(&World::new(12, 60).to_csv());
    let refused = site.run(&["serve", "--grpc-listen", &address]);
    assert_ne!(status_of(&refused), 0);
    let said = stderr(&refused);
    assert!(said.contains(&address) && said.contains("--grpc-listen"), "{said}");
}

#[tokio::test]
async fn the_query_listener_may_be_a_unix_socket_or_off() {
    let site = Site::with_listing(&World::new(13, 60).to_csv());
    let source = site.listing().display().to_string();
    let query = site.directory.path().join("query.sock");
    let listen = format!("unix:{}", query.display());
    let start = |listen: &str| {
        let mut command = rmdd();
        command.args(["serve", "--source", &source, "--grpc-listen", listen]);
        command.arg("--state-dir").arg(site.state_dir());
        crate::common::Daemon::spawn(command)
    };
    let daemon = start(&listen);
    daemon.first_sync().await;
    let channel = rmdd::api::client::connect_unix(&query).await.expect("it listens");
    let mut acceptance = rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient::new(channel.clone());
    assert_eq!(ask(&mut acceptance, by_frn("9999999999")).await.reason(), Reason::NotListed);
    let refused = AdminServiceClient::new(channel).get_status(GetStatusRequest {}).await.expect_err("queries only");
    assert_eq!(refused.code(), Code::Unimplemented);
    daemon.kill();
    assert!(crate::common::exists(&query), "a killed daemon leaves its sockets behind");

    let daemon = start(&listen);
    assert!(daemon.status().await.snapshot.is_some(), "and they are in nobody's way");
    daemon.kill();
    let daemon = start("off");
    assert!(daemon.tcp.is_none());
    assert!(daemon.status().await.snapshot.is_some());
}

#[tokio::test]
async fn a_reload_puts_what_it_can_in_force_names_the_rest_and_refuses_rubbish_whole() {
    let site = Site::with_listing(&World::new(14, 60).to_csv());
    let other = site.directory.path().join("other.csv");
    std::fs::write(&other, World::new(14, 60).to_csv()).expect("written");
    let write = |text: String| site.configure(&text);
    let config = write(format!("source = {:?}\n", site.listing()));
    let daemon = site.start_with(&["--config", &config]);
    daemon.first_sync().await;
    let mut admin = daemon.admin().await;

    write("source = 3\n[rubbish]\n".to_owned());
    let refused = admin.reload_config(ReloadConfigRequest {}).await.expect_err("rubbish");
    assert_eq!(refused.get_details_error_info().expect("details").reason, "CONFIG_INVALID");
    assert_eq!(daemon.status().await.source, site.listing().display().to_string());

    write(format!("source = {other:?}\nshutdown_grace = \"1s\"\n[schedule]\ncron = \"5 4 * * *\"\n"));
    let reloaded = admin.reload_config(ReloadConfigRequest {}).await.expect("reloaded").into_inner();
    assert_eq!(reloaded.applied, ["schedule.cron", "source"]);
    assert_eq!(reloaded.needs_restart, ["shutdown_grace"]);
    let status = daemon.status().await;
    assert_eq!((status.source, status.schedule.as_str()), (other.display().to_string(), "0 5 4 * * *"));
    eventually("the new source is asked", || async {
        daemon.status().await.last_sync.filter(|sync| sync.trigger() == SyncTrigger::Reload)
    })
    .await;

    write(format!("source = {other:?}\n[freshness]\nwarn_after = \"1ms\"\n"));
    daemon.signal("-HUP");
    eventually("SIGHUP reloads too", || async {
        let status = daemon.status().await;
        status.schedule.ends_with("* * * *").then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_schedule_asks_the_source() {
    let site = Site::with_listing(&World::new(15, 60).to_csv());
    let source = site.listing().display().to_string();
    let daemon = site.start_with(&["--source", &source, "--schedule", "* * * * * *"]);
    eventually("a scheduled cycle", || async {
        daemon.status().await.last_sync.filter(|sync| sync.trigger() == SyncTrigger::Schedule)
    })
    .await;
    assert!(daemon.status().await.next_sync_at.is_some());
}

#[tokio::test]
async fn a_source_of_another_kind_is_asked_at_start_only_when_a_sync_is_due() {
    let body = World::new(16, 60).to_csv();
    let server = Server::start(crate::common::http::Answer::ok("text/csv", &body)).await;
    let site = Site::new();
    // Once a year: not due again for a while.
    let arguments = ["--source", &server.url, "--schedule", "0 0 1 1 *"];
    let daemon = site.start_with(&arguments);
    daemon.first_sync().await;
    assert_eq!(server.requests(), 1);
    daemon.kill();
    let daemon = site.start_with(&arguments);
    // Serving at once, from the store; a cycle that was asked for is the next request that the source sees.
    assert_eq!(ask(&mut daemon.acceptance().await, by_frn("9999999999")).await.reason(), Reason::NotListed);
    assert_eq!(daemon.sync().await.outcome(), SyncOutcome::Unchanged);
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_start_waits_for_a_command_that_looks_into_the_store() {
    let site = Site::with_listing(&World::new(71, 60).to_csv());
    let source = site.listing().display().to_string();
    site.make_store();
    assert_eq!(status_of(&site.run(&["sync", "--source", &source])), 0);
    let holding = rmdd::store::Store::open(&site.state_dir()).expect("opened");
    let mut command = rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).args(["--grpc-listen", "off", "--source", &source]);
    let mut daemon =
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().expect("it starts");
    let mut log = BufReader::new(daemon.stderr.take().expect("its log")).lines();
    assert!(log.any(|line| line.expect("a line").contains("waiting for it")), "it says what it waits for");
    drop(holding);
    let mut said = BufReader::new(daemon.stdout.take().expect("its output")).lines();
    assert!(said.any(|line| line.expect("a line").starts_with("listening on unix:")), "and goes on");
    daemon.kill().expect("killed");
    daemon.wait().expect("gone");
}
