//! Clients that do not take their answers.

use std::net::SocketAddr;
use std::time::Duration;

use prost::Message;
use rmdd::api::grpc::v1::{CheckProvidersRequest, ExportListingRequest, WatchChangesRequest};
use rmdd_testkit::hostile::frames;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::common::{by_frn, eventually};
use super::{CHECK_PROVIDER, Scene, call, framed, outcome, raw, scene, scene_of};

const EXPORT: &str = "/rmdd.v1.ListingService/ExportListing";
const BATCH: &str = "/rmdd.v1.AcceptanceService/CheckProviders";

/// A connection whose windows are shut, on which these calls were made.
async fn shut(listener: SocketAddr, calls: &[(&str, Vec<u8>)]) -> TcpStream {
    let mut socket = TcpStream::connect(listener).await.expect("connected");
    let mut bytes = [frames::PREFACE, &frames::settings(&[(frames::INITIAL_WINDOW_SIZE, 0)])].concat();
    for (stream, (path, message)) in (1..).step_by(2).zip(calls) {
        bytes.extend(frames::call(stream, path, false));
        bytes.extend(frames::data(stream, &frames::message(message), true));
    }
    socket.write_all(&bytes).await.expect("written");
    socket
}

/// Reads frames until so many streams were reset; returns their numbers.
async fn resets(socket: &mut TcpStream, count: usize) -> Vec<u32> {
    streams_of(socket, frames::kind::RST_STREAM, count).await
}

/// Reads frames until so many of a kind came; returns the numbers of their streams.
async fn streams_of(socket: &mut TcpStream, wanted: u8, count: usize) -> Vec<u32> {
    let mut streams = Vec::new();
    let mut header = [0; frames::HEADER_BYTES];
    while streams.len() < count {
        socket.read_exact(&mut header).await.expect("a frame");
        let [a, b, c, kind, _, d, e, f, g] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        socket.read_exact(&mut payload).await.expect("its payload");
        if kind == wanted {
            streams.push(u32::from_be_bytes([d, e, f, g]));
        }
    }
    streams
}

#[tokio::test]
async fn an_answer_that_nobody_takes_is_given_up_and_its_stream_alone_is_reset() {
    let scene = scene("reader_patience = \"200ms\"").await;
    let (question, export) = (by_frn(&scene.frn).encode_to_vec(), ExportListingRequest::default().encode_to_vec());
    let batch = CheckProvidersRequest { questions: vec![by_frn(&scene.frn); 500], at: None }.encode_to_vec();
    let calls = [(CHECK_PROVIDER, question.clone()), (EXPORT, export), (BATCH, batch), (CHECK_PROVIDER, question)];
    let mut socket = shut(scene.grpc(), &calls).await;
    let mut reset = resets(&mut socket, 4).await;
    reset.sort_unstable();
    assert_eq!(reset, [1, 3, 5, 7]);
    assert!(scene.metric("rmdd_answers_untaken_total").await >= 4.0);
    eventually("nothing is kept for them", || async {
        let kept = scene.metric("rmdd_exports").await + scene.metric("rmdd_buffered_bytes").await;
        (kept == 0.0).then_some(())
    })
    .await;
    // The connection is as good as any.
    socket.write_all(&frames::frame(frames::kind::PING, 0, 0, &[1; 8])).await.expect("written");
    let mut header = [0; frames::HEADER_BYTES];
    loop {
        socket.read_exact(&mut header).await.expect("a frame");
        let mut payload = vec![0; usize::from(header[2])];
        socket.read_exact(&mut payload).await.expect("its payload");
        if header[3] == frames::kind::PING && header[4] == frames::ACK {
            break;
        }
    }
    scene.is_answered().await;
}

#[tokio::test]
async fn an_answer_of_which_one_byte_was_taken_keeps_its_share_and_is_given_up_too() {
    let scene = scene("reader_patience = \"1s\"").await;
    let mut socket = TcpStream::connect(scene.http()).await.expect("connected");
    let mut bytes = [frames::PREFACE, &frames::settings(&[(frames::INITIAL_WINDOW_SIZE, 1)])].concat();
    // GET in the place of POST. HTTP/2 takes all of an answer once there is room for a byte of it, and its task ends with that.
    let mut headers = frames::call_headers("/metrics");
    headers[0] = 0x82;
    for stream in [1, 3, 5, 7] {
        let flags = frames::END_HEADERS | frames::END_STREAM;
        bytes.extend(frames::frame(frames::kind::HEADERS, flags, stream, &headers));
    }
    socket.write_all(&bytes).await.expect("written");
    eventually("its bytes count", || async { (scene.metric("rmdd_buffered_bytes").await > 4096.0).then_some(()) })
        .await;
    let mut rest = Vec::new();
    // It may be reset, too.
    let _ = socket.read_to_end(&mut rest).await;
    eventually("nothing is kept", || async { (scene.metric("rmdd_buffered_bytes").await == 0.0).then_some(()) }).await;
    assert!(scene.metric("rmdd_answers_untaken_total").await >= 1.0);
    scene.is_answered().await;
}

#[tokio::test]
async fn short_answers_that_nobody_takes_are_kept_in_little_memory() {
    const CONNECTIONS: usize = 40;
    const STREAMS: usize = 200;
    // Nobody is refused who asks whether the daemon lives, so as many answers wait as there are streams. On the other listener the
    // method is not allowed, which is told in some hundred bytes.
    let calls = vec![("/grpc.health.v1.Health/Check", Vec::new()); STREAMS];
    for listener in [Scene::grpc, Scene::http] {
        let scene = scene("reader_patience = \"60s\"").await;
        let before = scene.peak_memory_kib();
        let mut sockets = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut socket = shut(listener(&scene), &calls).await;
            streams_of(&mut socket, frames::kind::HEADERS, STREAMS).await;
            sockets.push(socket);
        }
        let each = (scene.peak_memory_kib() - before) as usize / (CONNECTIONS * STREAMS);
        assert!(each < 4, "{each} KiB for an answer of a few bytes");
        scene.is_answered().await;
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_from_its_socket_is_dropped() {
    let scene = scene("reader_patience = \"300ms\"").await;
    // Some megabytes of answers, by each of the ways that an answer may go. It may be dropped before all was asked.
    for (dropped, path, times) in [(1.0, "/openapi.json", 200), (2.0, "/v1/check/0041000001", 20_000)] {
        let question = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").repeat(times);
        let mut socket = TcpStream::connect(scene.http()).await.expect("connected");
        let _ = socket.write_all(question.as_bytes()).await;
        let untaken = async || scene.metric("rmdd_answers_untaken_total").await;
        eventually("it is dropped", || async { (untaken().await >= dropped).then_some(()) }).await;
    }
    scene.is_answered().await;
}

#[tokio::test]
async fn a_watcher_to_whom_nothing_happens_and_a_reader_that_is_only_slow_are_not_dropped() {
    let scene = scene_of(1000, "reader_patience = \"1s\"\nwatcher_checkpoint = \"30s\"").await;
    let mut client = raw(scene.grpc()).await;
    let (watching, mut body) = client.send_request(call("/rmdd.v1.ListingService/WatchChanges"), false).expect("sent");
    let from_now = WatchChangesRequest {
        start: Some(rmdd::api::grpc::v1::watch_changes_request::Start::FromNow(true)),
        ..WatchChangesRequest::default()
    };
    body.send_data(framed(&from_now).into(), true).expect("sent");
    let mut watching = watching.await.expect("a response").into_body();
    let checkpoint = watching.data().await.expect("a checkpoint").expect("data");
    watching.flow_control().release_capacity(checkpoint.len()).expect("released");

    // The export is taken bit by bit, and all of it takes longer than any part of it may.
    let (response, mut body) = client.send_request(call(EXPORT), false).expect("sent");
    body.send_data(framed(&ExportListingRequest::default()).into(), true).expect("sent");
    let mut export = response.await.expect("a response").into_body();
    let mut taken = 0;
    while let Some(data) = export.data().await {
        let data = data.expect("it goes on");
        taken += data.len();
        tokio::time::sleep(Duration::from_millis(60)).await;
        export.flow_control().release_capacity(data.len()).expect("released");
    }
    assert!(taken > 256 << 10, "{taken}");
    // All that time nothing was there for the watcher.
    let waits = std::future::poll_fn(|cx| std::task::Poll::Ready(watching.poll_data(cx).is_pending())).await;
    assert!(waits, "it was dropped");
}

#[tokio::test]
async fn exports_streams_and_bytes_are_bounded_for_each_client_and_a_refusal_says_so() {
    let scene = scene("exports = 8\nopen_streams = 8\nbuffer_bytes = 65536").await;
    let export = ExportListingRequest::default().encode_to_vec();
    let _unread = shut(scene.grpc(), &vec![(EXPORT, export.clone()); 4]).await;
    eventually("four are open", || async { (scene.metric("rmdd_exports").await == 4.0).then_some(()) }).await;
    let ask = async |path: &str, message: &[u8]| {
        let mut client = raw(scene.grpc()).await;
        let (response, mut body) = client.send_request(call(path), false).expect("sent");
        body.send_data(frames::message(message).into(), true).expect("sent");
        outcome(response).await
    };
    let (code, message) = ask(EXPORT, &export).await;
    assert_eq!(code, tonic::Code::ResourceExhausted);
    assert!(message.contains("limits.exports"), "{message}");
    // Of the whole answer of a batch some would have to be kept: there are not so many bytes.
    let batch = CheckProvidersRequest { questions: vec![by_frn(&scene.frn); 500], at: None }.encode_to_vec();
    let (code, message) = ask(BATCH, &batch).await;
    assert_eq!(code, tonic::Code::ResourceExhausted);
    assert!(message.contains("limits.buffer_bytes"), "{message}");
    let watch = "/grpc.health.v1.Health/Watch";
    let _watching = shut(scene.grpc(), &vec![(watch, Vec::new()); 4]).await;
    eventually("four are open", || async { (scene.metric("rmdd_open_streams").await == 4.0).then_some(()) }).await;
    let (code, message) = ask(watch, &[]).await;
    assert_eq!(code, tonic::Code::ResourceExhausted);
    assert!(message.contains("limits.open_streams"), "{message}");
    scene.is_answered().await;
}
