//! A stop in good order, and a restart that nobody notices: the listening sockets are held by somebody else, as systemd
//! does.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{Daemon, Site, ask, by_frn, eventually, rmdd, stderr};
use command_fds::{CommandFdExt, FdMapping};
use rmdd::api::client::connect_tcp;
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::{CheckStreamRequest, Verdict};
use rmdd_testkit::World;
use tokio_stream::wrappers::ReceiverStream;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

/// Starts a daemon to which these sockets are handed over, as systemd does it.
fn start(site: &Site, sockets: &[&TcpListener], grpc: &str, http: &str) -> std::process::Command {
    let mut command = rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).arg("--source").arg(site.listing());
    command.args(["--grpc-listen", grpc, "--http-listen", http]);
    command.env("LISTEN_FDS", sockets.len().to_string());
    let mapping = |(place, socket): (usize, &&TcpListener)| FdMapping {
        parent_fd: OwnedFd::from(socket.try_clone().expect("a copy")),
        child_fd: i32::try_from(place + 3).expect("few"),
    };
    command.fd_mappings(sockets.iter().enumerate().map(mapping).collect()).expect("no two alike");
    command
}

fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    (listener, address)
}

/// Whether a request failed before it was sent, or was sent behind the daemon's goodbye, which says that it will not be
/// looked at.
fn never_left(status: &tonic::Status) -> bool {
    let goodbye =
        |error: &h2::Error| error.is_go_away() && error.is_remote() && error.reason() == Some(h2::Reason::NO_ERROR);
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled)
            || error.downcast_ref().is_some_and(goodbye)
        {
            return true;
        }
        cause = error.source();
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_restarts_under_load_no_request_fails_where_the_sockets_are_held() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let world = World::new(21, 100);
    let site = Site::with_listing(&world.to_csv());
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    let ((grpc_socket, grpc), (http_socket, http)) = (listener(), listener());
    let sockets = [&grpc_socket, &http_socket];
    let mut daemon = Daemon::spawn(start(&site, &sockets, &grpc, &http));
    assert_eq!(daemon.tcp.as_deref(), Some(format!("http://{grpc}").as_str()), "it took over what it was handed");
    daemon.first_sync().await;

    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut load = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let channel = connect_tcp(&format!("http://{grpc}")).await.expect("connected");
        for _ in 0..4 {
            let (stop, asked, question) = (Arc::clone(&stop), Arc::clone(&asked), by_frn(&frn));
            let mut client = AcceptanceServiceClient::new(channel.clone());
            load.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = match client.check_provider(question.clone()).await {
                        Ok(answer) => answer.into_inner(),
                        Err(status) => {
                            // It was still on the client's side when the daemon said goodbye. Clients of gRPC send it again
                            // by themselves (transparent retries); tonic leaves that to its user.
                            assert!(never_left(&status), "no request fails: {status:?}");
                            continue;
                        }
                    };
                    assert_eq!(answer.verdict(), Verdict::Accept);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    for kept in [0, 1] {
        let (stop, url) = (Arc::clone(&stop), format!("http://{http}/v1/check/{frn}"));
        load.spawn(async move {
            // One with a connection for each request, one with a connection that is kept.
            let client = reqwest::Client::builder().pool_max_idle_per_host(kept).build().expect("a client");
            while !stop.load(Ordering::Relaxed) {
                let answer = client.get(&url).send().await.expect("no request fails");
                assert_eq!(answer.status(), 200);
            }
        });
    }
    for _ in 0..3 {
        let before = asked.load(Ordering::Relaxed);
        eventually("it is under load", || async { (asked.load(Ordering::Relaxed) > before + 100).then_some(()) }).await;
        let (status, log) = daemon.terminate().await;
        assert!(status.success(), "{log}");
        daemon = Daemon::spawn(start(&site, &sockets, &grpc, &http));
    }
    let before = asked.load(Ordering::Relaxed);
    eventually("it answers again", || async { (asked.load(Ordering::Relaxed) > before + 100).then_some(()) }).await;
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = load.join_next().await {
        ended.expect("every request was answered");
    }
}

#[tokio::test]
async fn a_client_that_still_speaks_behind_the_goodbye_is_not_cut_off() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const SETTINGS_SEEN: [u8; 9] = [0, 0, 0, 4, 1, 0, 0, 0, 0];
    const PING_SEEN: [u8; 9] = [0, 0, 8, 6, 1, 0, 0, 0, 0];
    const WINDOW: [u8; 13] = [0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 1];

    let site = Site::with_listing(&World::new(25, 10).to_csv());
    let daemon = site.start();
    daemon.first_sync().await;
    let address = daemon.tcp.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an address").to_owned();
    let mut client = tokio::net::TcpStream::connect(address).await.expect("connected");
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.expect("written");
    client.write_all(&SETTINGS).await.expect("written");
    let mut reported = false;
    let mut head = [0; 9];
    while client.read_exact(&mut head).await.is_ok() {
        let mut rest = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut rest).await.expect("a whole frame");
        match (head[3], head[4]) {
            (4, 0) => {
                client.write_all(&SETTINGS_SEEN).await.expect("written");
                daemon.signal("-TERM");
            }
            (6, 0) => client.write_all(&[&PING_SEEN[..], &rest].concat()).await.expect("written"),
            (7, _) => reported = true,
            _ => {}
        }
    }
    assert!(reported, "the daemon said goodbye and closed");
    // The second is refused where the first met a socket that was closed.
    for _ in 0..3 {
        client.write_all(&WINDOW).await.expect("the daemon still reads");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(client);
    let (status, log) = daemon.wait().await;
    assert!(status.success() && log.contains("stopped") && !log.contains("the grace is over"), "{log}");
}

#[tokio::test]
async fn a_socket_on_which_nothing_is_to_be_served_is_refused() {
    let site = Site::with_listing(&World::new(22, 10).to_csv());
    let ((held, _), (_other, elsewhere)) = (listener(), listener());
    drop(_other);
    let output = start(&site, &[&held], &elsewhere, "off").output().expect("it runs");
    assert!(!output.status.success());
    assert!(stderr(&output).contains("rmdd.socket"), "{}", stderr(&output));
}

#[tokio::test]
async fn a_unix_socket_that_was_handed_over_without_its_file_is_made_anew() {
    let site = Site::with_listing(&World::new(24, 10).to_csv());
    std::fs::create_dir(site.state_dir()).expect("a directory");
    let path = site.state_dir().join("rmdd.sock");
    let handed = std::os::unix::net::UnixListener::bind(&path).expect("a socket");
    // As systemd does it with what is in RuntimeDirectory= when the service stops.
    std::fs::remove_file(&path).expect("removed");
    let mut command = rmdd();
    command.arg("serve").arg("--state-dir").arg(site.state_dir()).arg("--source").arg(site.listing());
    command.args(["--grpc-listen", "off", "--http-listen", "off"]).env("LISTEN_FDS", "1");
    let mapping = FdMapping { parent_fd: OwnedFd::from(handed), child_fd: 3 };
    command.fd_mappings(vec![mapping]).expect("one");
    let daemon = Daemon::spawn(command);
    daemon.first_sync().await;
    let (status, log) = daemon.terminate().await;
    assert!(status.success() && log.contains("its file is gone"), "{log}");
}

#[tokio::test]
async fn a_stop_says_that_it_is_not_ready_before_it_closes_and_answers_what_is_under_way() {
    let world = World::new(23, 50);
    let site = Site::with_listing(&world.to_csv());
    let frn = world.rows().map(|row| row.get("frn")).find(|frn| !frn.is_empty()).expect("an FRN").to_owned();
    let daemon = site.start();
    daemon.first_sync().await;
    let mut health = HealthClient::new(daemon.tcp().await);
    let mut seen = health.watch(HealthCheckRequest { service: String::new() }).await.expect("watched").into_inner();
    // A moment after the sync it is ready.
    while seen.message().await.expect("a status").expect("one").status() != ServingStatus::Serving {}

    // A stream with a question that was answered, and no other yet.
    let mut client = daemon.acceptance().await;
    let (sender, questions) = tokio::sync::mpsc::channel(4);
    let asked = |id| CheckStreamRequest { id, question: Some(by_frn(&frn)) };
    sender.send(asked(1)).await.expect("sent");
    let mut answers = client.check_stream(ReceiverStream::new(questions)).await.expect("a stream").into_inner();
    assert_eq!(answers.message().await.expect("an answer").expect("one").id, 1);
    assert_eq!(ask(&mut client, by_frn(&frn)).await.verdict(), Verdict::Accept);

    daemon.signal("-TERM");
    let second = seen.message().await.expect("a status").expect("one");
    assert_eq!(second.status(), ServingStatus::NotServing);
    let ended = loop {
        match answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(ended.code(), tonic::Code::Unavailable, "{ended:?}");
    drop((seen, sender));
    let (status, log) = daemon.wait().await;
    assert!(status.success() && log.contains("stopped") && !log.contains("the grace is over"), "{log}");
}
