//! Certificates that are replaced while the daemon runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rmdd::api::client::connect_tls;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::{GetStatusResponse, ReloadConfigRequest};
use rustls::version::TLS13;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::common::{Daemon, by_number, eventually};
use super::pki::{self, Pki};
use super::tokens::metrics;

/// The certificate that a new connection is shown.
async fn shown(pki: &Pki, daemon: &Daemon) -> Vec<u8> {
    let stream = pki.shake(daemon.tcp.as_deref().expect("gRPC"), &[&TLS13], &[b"h2"]).await.expect("a handshake");
    stream.get_ref().1.peer_certificates().expect("a certificate")[0].to_vec()
}

fn has(status: &GetStatusResponse, code: &str) -> bool {
    status.alarms.iter().any(|alarm| alarm.code == code)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_put_in_force_under_load_without_a_failed_request() {
    let pki = Pki::new();
    pki.secured.configure(&pki.settings("grpc", ""));
    let daemon = pki.secured.start().await;
    let (url, files, number) = (daemon.tcp.clone().expect("gRPC"), pki.trusting(), pki.secured.number.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::new(AtomicUsize::new(0));
    // Some keep their connection, some make one for each question.
    let mut clients = Vec::new();
    for fresh in [false, false, true, true] {
        let (url, files, number) = (url.clone(), files.clone(), number.clone());
        let (stop, asked) = (Arc::clone(&stop), Arc::clone(&asked));
        clients.push(tokio::spawn(async move {
            let mut channel = connect_tls(&url, &files).await.expect("a connection");
            while !stop.load(Ordering::Relaxed) {
                if fresh {
                    channel = connect_tls(&url, &files).await.expect("a connection");
                }
                let mut client = AcceptanceServiceClient::new(channel.clone());
                client.check_provider(by_number(&number)).await.expect("a verdict");
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }));
    }
    let mut before = shown(&pki, &daemon).await;
    for round in 0..6 {
        pki.serve_under(pki::GOOD);
        if round % 2 == 0 {
            let reloaded = daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect("reloaded");
            assert_eq!(reloaded.into_inner().applied, ["grpc.tls (new files)"]);
            assert_ne!(shown(&pki, &daemon).await, before);
        } else {
            daemon.signal("-HUP");
            eventually("the new one is shown", || async { (shown(&pki, &daemon).await != before).then_some(()) }).await;
        }
        before = shown(&pki, &daemon).await;
        let so_far = asked.load(Ordering::Relaxed);
        eventually("questions go on", || async { (asked.load(Ordering::Relaxed) > so_far + 20).then_some(()) }).await;
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.expect("no question failed");
    }
}

#[tokio::test]
async fn files_that_changed_are_noticed_and_a_broken_pair_keeps_the_old_one_with_an_alarm() {
    let pki = Pki::new();
    pki.secured.configure(&pki.settings("grpc", "check_every = \"50ms\""));
    let daemon = pki.secured.start().await;
    let first = shown(&pki, &daemon).await;
    assert!(daemon.status().await.alarms.iter().all(|alarm| !alarm.code.starts_with("CERTIFICATE")));

    // A certificate without its key.
    let (certificate, key) = pki.servers.certify("rmdd", &["localhost"], pki::GOOD);
    pki.secured.write("server.pem", &certificate);
    let alarm = eventually("there is an alarm", || async {
        daemon.status().await.alarms.into_iter().find(|alarm| alarm.code == "CERTIFICATE_UNUSABLE")
    })
    .await;
    assert!(alarm.message.contains("server.key") && alarm.message.contains("grpc.tls"), "{}", alarm.message);
    let refused = daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect_err("refused");
    assert!(refused.message().contains("server.key"), "{}", refused.message());
    assert_eq!(shown(&pki, &daemon).await, first, "the old one stays");

    pki.secured.write("server.key", &key);
    eventually("the whole pair is in force", || async { (shown(&pki, &daemon).await != first).then_some(()) }).await;
    eventually("the alarm is over", || async { (!has(&daemon.status().await, "CERTIFICATE_UNUSABLE")).then_some(()) })
        .await;

    // One that ends in ten days.
    let end = rmdd::observe::clock::now() + jiff::SignedDuration::from_hours(10 * 24);
    let end: Vec<u16> =
        end.strftime("%Y %m %d").to_string().split(' ').map(|part| part.parse().expect("a number")).collect();
    let end = (i32::from(end[0]), end[1] as u8, end[2] as u8);
    pki.serve_under(((2020, 1, 1), end));
    eventually("its end is announced", || async { has(&daemon.status().await, "CERTIFICATE_EXPIRES").then_some(()) })
        .await;
    let ends = rcgen::date_time_ymd(end.0, end.1, end.2).unix_timestamp();
    let page = metrics(&daemon, None).await;
    let reported = format!("rmdd_certificate_expiry_timestamp_seconds{{listener=\"gRPC\"}} {ends}\n");
    assert!(page.contains(&reported), "{reported}{page}");
}

#[tokio::test]
async fn a_reload_names_other_files_for_tls_but_turns_it_neither_on_nor_off() {
    let pki = Pki::new();
    pki.secured.configure(&pki.settings("grpc", ""));
    let daemon = pki.secured.start().await;
    let first = shown(&pki, &daemon).await;
    let (certificate, key) = pki.servers.certify("rmdd", &["localhost"], pki::GOOD);
    let (certificate, key) = (pki.secured.write("two.pem", &certificate), pki.secured.write("two.key", &key));
    pki.secured.configure(&format!(
        "[grpc.tls]\ncertificate = {certificate:?}\nkey = {key:?}\n{}\n{}",
        pki.mutual(false),
        pki.settings("http", "")
    ));
    let reloaded = daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect("reloaded").into_inner();
    for (setting, list) in [
        ("grpc.tls.certificate", &reloaded.applied),
        ("grpc.tls.client_ca", &reloaded.applied),
        ("http.tls.certificate", &reloaded.needs_restart),
    ] {
        assert!(list.iter().any(|named| named == setting), "{setting}: {reloaded:?}");
    }
    assert_ne!(shown(&pki, &daemon).await, first);
    // What waits for a restart is named again; what is in force is not.
    let again = daemon.admin().await.reload_config(ReloadConfigRequest {}).await.expect("reloaded").into_inner();
    assert!(again.applied.is_empty() && again.needs_restart.len() == reloaded.needs_restart.len(), "{again:?}");
}

#[tokio::test]
async fn connections_of_clients_whose_authority_is_believed_no_more_are_closed_and_others_go_on() {
    let pki = Pki::new();
    let lost = pki::Authority::new("Clients whose keys were lost");
    pki.secured.write("clients.pem", &format!("{}{}", pki.clients.pem, lost.pem));
    let often = format!("check_every = \"50ms\"\n{}", pki.mutual(true));
    pki.secured.configure(&(pki.settings("grpc", &often) + &pki.settings("http", &often)));
    let daemon = pki.secured.start().await;
    let url = daemon.tcp.as_deref().expect("gRPC");
    let good = connect_tls(url, &pki.showing(&pki.clients, &["switch-1.example"], pki::GOOD)).await.expect("let in");
    let files = pki.showing(&lost, &["switch-2.example"], pki::GOOD);
    let bad = connect_tls(url, &files).await.expect("let in");
    let ask = async |channel: &tonic::transport::Channel| {
        AcceptanceServiceClient::new(channel.clone()).check_provider(by_number(&pki.secured.number)).await
    };
    assert!(ask(&good).await.is_ok() && ask(&bad).await.is_ok());
    // One that is kept over HTTP, and a stream on which nothing happens.
    let (certificate, key) = files.identity.expect("an identity");
    let identity = [certificate, key].map(|file| std::fs::read(file).expect("read")).concat();
    // Fails where another test was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kept = reqwest::Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(pki.servers.pem.as_bytes()).expect("PEM"))
        .identity(reqwest::Identity::from_pem(&identity).expect("an identity"))
        .build()
        .expect("a client");
    let healthz = format!("{}/healthz", daemon.http.as_deref().expect("HTTP"));
    assert!(kept.get(&healthz).send().await.is_ok());
    let mut health = HealthClient::new(bad.clone());
    let mut watched = health.watch(HealthCheckRequest::default()).await.expect("watched").into_inner();
    watched.message().await.expect("a status");

    // Another certificate of the daemon's changes nothing for anybody.
    let before = shown(&pki, &daemon).await;
    pki.serve_under(pki::GOOD);
    eventually("it is in force", || async { (shown(&pki, &daemon).await != before).then_some(()) }).await;
    assert!(ask(&bad).await.is_ok() && kept.get(&healthz).send().await.is_ok());

    pki.secured.write("clients.pem", &pki.clients.pem);
    eventually("its questions are answered no more", || async { ask(&bad).await.err().map(drop) }).await;
    eventually("nor those over HTTP", || async { kept.get(&healthz).send().await.err().map(drop) }).await;
    while watched.message().await.is_ok_and(|told| told.is_some()) {}
    assert!(ask(&good).await.is_ok());
    let (_, log) = daemon.terminate().await;
    assert!(log.contains("of clients that are believed no more are closed"), "{log}");
}
