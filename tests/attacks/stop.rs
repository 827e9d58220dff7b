//! Clients that would keep a daemon from stopping.

use std::time::{Duration, Instant};

use rmdd_testkit::hostile::frames;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::scene;

#[tokio::test]
async fn connections_on_which_nothing_is_under_way_hold_no_stop() {
    let scene = scene("handshake_timeout = \"10m\"").await;
    let mut open = Vec::new();
    for begun in [
        &b""[..],
        b"PRI * HTTP/2.0\r\n",
        // It has begun to speak, and answers nothing from here on: neither pings nor the goodbye.
        &[frames::PREFACE, &frames::settings(&[])].concat(),
    ] {
        let mut socket = TcpStream::connect(scene.grpc()).await.expect("connected");
        socket.write_all(begun).await.expect("written");
        open.push(socket);
    }
    for begun in [&b""[..], b"G", b"GET /v1/check/x HTTP/1.1\r\nHost: loc"] {
        let mut socket = TcpStream::connect(scene.http()).await.expect("connected");
        socket.write_all(begun).await.expect("written");
        open.push(socket);
    }
    scene.is_answered().await;
    let began = Instant::now();
    let (status, log) = scene.daemon.terminate().await;
    assert!(status.success(), "{status}");
    assert!(!log.contains("the grace is over"), "{:?}: {log}", began.elapsed());
    assert!(began.elapsed() < Duration::from_secs(9), "shutdown_grace is ten");
}

#[tokio::test]
async fn who_asks_over_http_while_the_daemon_stops_is_answered_and_told_that_the_connection_ends() {
    let scene = scene("").await;
    let mut socket = TcpStream::connect(scene.http()).await.expect("connected");
    let question = format!("GET /v1/check/{}?format=text HTTP/1.1\r\nHost: localhost\r\n\r\n", scene.frn);
    let mut ask = async || {
        socket.write_all(question.as_bytes()).await.expect("sent");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\n") || answer.ends_with(b"\r\n") {
            assert!(socket.read_buf(&mut answer).await.expect("an answer") > 0, "{}", answer.escape_ascii());
        }
        let answer = String::from_utf8(answer).expect("a text");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.contains("\r\nconnection: close\r\n")
    };
    assert!(!ask().await, "nothing stops yet");
    scene.daemon.signal("-TERM");
    while !ask().await {}
    assert_eq!(socket.read(&mut [0]).await.expect("the end"), 0, "it stayed open");
    let (status, log) = scene.daemon.wait().await;
    assert!(status.success() && !log.contains("the grace is over"), "{log}");
}

#[tokio::test]
async fn who_watches_the_health_of_a_service_is_told_of_the_stop_and_holds_it_not_up() {
    use tonic_health::pb::health_check_response::ServingStatus;
    use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

    let scene = scene("").await;
    let mut client = HealthClient::new(scene.daemon.tcp().await);
    let mut watch = async |service: &str| {
        let request = HealthCheckRequest { service: service.to_owned() };
        client.watch(request).await.expect("a watch").into_inner()
    };
    let mut known = watch("rmdd.v1.AcceptanceService").await;
    // It may not have been told of the first listing yet.
    while known.message().await.expect("a status").expect("one").status() != ServingStatus::Serving {}
    let mut unknown = watch("nobody.knows.It").await;
    assert_eq!(unknown.message().await.expect("a status").expect("one").status(), ServingStatus::ServiceUnknown);
    let (status, log) = scene.daemon.terminate().await;
    assert_eq!(known.message().await.expect("a status").expect("one").status(), ServingStatus::NotServing);
    for mut watching in [known, unknown] {
        assert_eq!(watching.message().await.expect_err("the end").code(), tonic::Code::Unavailable, "it stayed open");
    }
    assert!(status.success() && !log.contains("the grace is over"), "{log}");
}
