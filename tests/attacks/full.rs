//! A listener that holds as many connections as it may.

use std::net::SocketAddr;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tonic::Code;

use super::common::{PATIENCE, by_frn};
use super::{CHECK_PROVIDER, Scene, call, framed, outcome, scene};

/// A switch, and somebody else, by their addresses.
const SWITCH: &str = "127.0.0.2:0";
const OTHER: &str = "127.0.0.3:0";

async fn connected(from: &str, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(from.parse().expect("an address")).expect("one of this machine's");
    socket.connect(to).await.expect("connected")
}

/// One answer over HTTP/1.1; nothing where the daemon has closed without one.
async fn answer(socket: &mut TcpStream) -> Option<String> {
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"\n\n") {
        match socket.read(&mut byte).await {
            Ok(1) => said.extend(byte.iter().filter(|byte| **byte != b'\r')),
            _ => return None,
        }
    }
    let head = String::from_utf8(said).expect("a head");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let mut body = vec![0; length.parse().expect("a number")];
    socket.read_exact(&mut body).await.ok()?;
    Some(head)
}

impl Scene {
    fn question(&self, parameters: &str) -> String {
        format!("GET /v1/check/{}?format=text{parameters} HTTP/1.1\r\nHost: rmdd\r\n\r\n", self.frn)
    }

    /// Puts a question on a connection.
    async fn put(&self, socket: &mut TcpStream, parameters: &str) -> Option<String> {
        socket.write_all(self.question(parameters).as_bytes()).await.ok()?;
        answer(socket).await
    }

    async fn kept(&self, from: &str, count: usize) -> Vec<TcpStream> {
        let mut kept = Vec::new();
        for _ in 0..count {
            let mut socket = connected(from, self.http()).await;
            self.put(&mut socket, "").await.expect("an answer");
            kept.push(socket);
        }
        kept
    }
}

#[tokio::test]
async fn a_newcomer_is_answered_though_all_others_have_asked_a_moment_ago() {
    let scene = scene("connections = 4").await;
    let mut kept = scene.kept(SWITCH, 4).await;
    for from in [SWITCH, OTHER].repeat(20) {
        let mut newcomer = connected(from, scene.http()).await;
        let said = scene.put(&mut newcomer, "&emergency=true").await.expect("a call to 911 is answered");
        assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("EMERGENCY_CALL"), "{said}");
        kept.push(newcomer);
    }
    // So over gRPC, whose connections are told by a frame.
    let mut channels = Vec::new();
    for _ in 0..20 {
        scene.is_answered().await;
        let mut client = scene.daemon.acceptance().await;
        client.check_provider(by_frn(&scene.frn)).await.expect("a newcomer is answered");
        channels.push(client);
    }
}

#[tokio::test]
async fn who_makes_room_between_two_questions_is_answered_the_next_and_told_that_it_was_the_last() {
    let scene = scene("connections = 2").await;
    let mut has_been_told = false;
    // The machine may take so long over a round that the connection is closed as one that asks nothing.
    for _ in 0..50 {
        let mut kept = scene.kept(SWITCH, 2).await;
        let mut newcomer = connected(OTHER, scene.http()).await;
        scene.put(&mut newcomer, "").await.expect("an answer");
        if let Some(said) = scene.put(&mut kept[0], "").await {
            assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("\nconnection: close\n"), "{said}");
            assert_eq!(kept[0].read(&mut [0]).await.expect("its end"), 0);
            has_been_told = true;
            break;
        }
    }
    assert!(has_been_told);
}

#[tokio::test]
async fn who_holds_most_of_a_listener_makes_room_for_itself() {
    let scene = scene("connections = 8").await;
    let mut kept = scene.kept(SWITCH, 3).await;
    // Each asks, so that none is silent, and stays.
    let mut flood = scene.kept(OTHER, 200).await;
    for (place, socket) in kept.iter_mut().enumerate() {
        let said = scene.put(socket, "").await;
        assert!(said.is_some_and(|said| !said.contains("connection: close")), "{place} of the switch was cut off");
    }
    // And of those that say nothing.
    for _ in 0..200 {
        flood.push(connected(OTHER, scene.http()).await);
    }
    for (place, socket) in kept.iter_mut().enumerate() {
        let said = scene.put(socket, "").await;
        assert!(said.is_some_and(|said| !said.contains("connection: close")), "{place} of the switch was cut off");
    }
}

#[tokio::test]
async fn who_has_requests_under_way_on_most_connections_takes_no_other_s_place() {
    let scene = scene("connections = 8\nrequest_timeout = \"1h\"").await;
    let from = async |address: &str| {
        let socket = connected(address, scene.grpc()).await;
        let (sender, connection) = h2::client::handshake(socket).await.ok()?;
        let connection = tokio::spawn(connection);
        Some((sender.ready().await.ok()?, connection))
    };
    let question = Bytes::from(framed(&by_frn(&scene.frn)));
    let mut kept = Vec::new();
    for _ in 0..3 {
        kept.push(from(SWITCH).await.expect("a connection"));
    }
    let mut ask_on_all = async || {
        for (sender, _) in &mut kept {
            let (response, mut body) = sender.send_request(call(CHECK_PROVIDER), false).expect("sent");
            body.send_data(question.clone(), true).expect("sent");
            assert_eq!(outcome(response).await, (Code::Ok, String::new()));
        }
    };
    ask_on_all().await;
    // Requests that do not come to their end. Until all that are held are under way, one of its own that has not asked yet makes
    // room for the next.
    let mut held = Vec::new();
    let fill = async {
        while scene.metric("rmdd_connections_refused_total{listener=\"gRPC\"}").await < 1.0 {
            let Some((mut sender, connection)) = from(OTHER).await else { continue };
            let Ok((response, mut body)) = sender.send_request(call(CHECK_PROVIDER), false) else { continue };
            let _ = body.send_data(question.slice(..3), false);
            held.push((sender, connection, response, body));
        }
    };
    tokio::time::timeout(PATIENCE, fill).await.expect("its newcomers are refused");
    ask_on_all().await;
    assert!(kept.iter().all(|(_, connection)| !connection.is_finished()), "a connection of the switch was closed");
}
