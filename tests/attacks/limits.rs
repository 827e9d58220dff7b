//! The limits on what a connection sends, and the fair queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use prost::Message;
use rmdd::api::grpc::v1::check_stream_response::Outcome;
use rmdd::api::grpc::v1::{
    CheckProviderRequest, CheckProvidersRequest, CheckStreamRequest, Verdict,
    acceptance_service_client::AcceptanceServiceClient, checked_provider,
};
use rmdd_testkit::hostile::frames;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_types::StatusExt;

use super::common::{ask, by_frn, eventually};
use super::{CHECK_PROVIDER, GET_PROVIDER, call, framed, framed_bytes, outcome, raw, scene};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_connections_that_say_nothing_keep_nobody_out() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("raised");
    let room = most.saturating_sub(200).min(10_000);
    let scene = scene("connections = 500").await;
    // One that asks now and then, as a switch at night.
    let mut early = scene.daemon.acceptance().await;
    ask(&mut early, by_frn(&scene.frn)).await;
    let mut silent = Vec::new();
    for _ in 0..room {
        silent.push(TcpStream::connect(scene.grpc()).await.expect("connected"));
    }
    scene.is_answered().await;
    ask(&mut early, by_frn(&scene.frn)).await;
    eventually("no more than allowed are open", || async {
        (scene.metric("rmdd_connections{listener=\"gRPC\"}").await <= 500.0).then_some(())
    })
    .await;
    assert!(scene.peak_memory_kib() < 200 << 10, "{} KiB", scene.peak_memory_kib());
}

#[tokio::test]
async fn a_client_that_does_not_begin_to_speak_is_cut_off() {
    let scene = scene("handshake_timeout = \"200ms\"").await;
    for begun in ["", "PRI * HTTP/2.0\r\n"] {
        let mut socket = TcpStream::connect(scene.grpc()).await.expect("connected");
        socket.write_all(begun.as_bytes()).await.expect("written");
        let mut reported = Vec::new();
        // It ends; how, the kernel may decide.
        let _ = socket.read_to_end(&mut reported).await;
    }
    let http = scene.daemon.http.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an HTTP listener");
    let mut socket = TcpStream::connect(http).await.expect("connected");
    let _ = socket.read_to_end(&mut Vec::new()).await;
    scene.is_answered().await;
}

#[tokio::test]
async fn a_request_that_does_not_arrive_is_given_up_and_says_so() {
    let scene = scene("request_timeout = \"200ms\"").await;
    let question = framed(&by_frn(&scene.frn));
    for path in [CHECK_PROVIDER, GET_PROVIDER] {
        for sent in [0, 3, question.len() - 1] {
            let mut client = raw(scene.grpc()).await;
            let (response, mut body) = client.send_request(call(path), false).expect("sent");
            body.send_data(Bytes::copy_from_slice(&question[..sent]), false).expect("sent");
            let (code, message) = outcome(response).await;
            assert_eq!(code, Code::DeadlineExceeded, "{path} {sent}: {message}");
            assert!(message.contains("limits.request_timeout"), "{message}");
        }
    }
    scene.is_answered().await;
}

#[tokio::test]
async fn a_message_of_a_hundred_megabytes_is_refused_by_its_header_and_costs_no_memory() {
    let scene = scene("").await;
    let before = scene.peak_memory_kib();
    for path in [CHECK_PROVIDER, "/rmdd.v1.AcceptanceService/CheckProviders", GET_PROVIDER] {
        let mut client = raw(scene.grpc()).await;
        let (response, mut body) = client.send_request(call(path), false).expect("sent");
        let mut header = vec![0];
        header.extend((100u32 << 20).to_be_bytes());
        body.send_data(header.into(), false).expect("sent");
        let (code, message) = outcome(response).await;
        let expected = [Code::ResourceExhausted, Code::OutOfRange];
        assert!(expected.contains(&code), "{path}: {code:?} {message}");
        // The rest may still come, as far as it is let.
        let _ = body.send_data(vec![0; 1 << 20].into(), true);
    }
    scene.is_answered().await;
    let grown = scene.peak_memory_kib() - before;
    assert!(grown < 20 << 10, "{grown} KiB more");
}

#[tokio::test]
async fn more_than_one_message_and_half_a_message_are_refused() {
    let scene = scene("").await;
    let question = framed(&by_frn(&scene.frn));
    let twice = [question.clone(), question.clone()].concat();
    for (sent, code) in [
        (&question[..4], Code::InvalidArgument),
        (&question[..9], Code::InvalidArgument),
        (&twice, Code::InvalidArgument),
    ] {
        let mut client = raw(scene.grpc()).await;
        let (response, mut body) = client.send_request(call(CHECK_PROVIDER), false).expect("sent");
        body.send_data(Bytes::copy_from_slice(sent), true).expect("sent");
        assert_eq!(outcome(response).await.0, code, "{} bytes", sent.len());
    }
    let mut client = raw(scene.grpc()).await;
    let (response, mut body) = client.send_request(call(CHECK_PROVIDER), false).expect("sent");
    for byte in &question {
        body.send_data(Bytes::copy_from_slice(&[*byte]), false).expect("sent");
    }
    body.send_data(Bytes::new(), true).expect("sent");
    assert_eq!(outcome(response).await.0, Code::Ok, "byte by byte it is a question still");
}

#[tokio::test]
async fn rubbish_on_the_port_ends_its_connection_and_nothing_else() {
    let scene = scene("").await;
    let hello = [0x16, 0x03, 0x01, 0x00, 0x05, 0x01, 0x00, 0x00, 0x01, 0x03];
    let http1 = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let long: Vec<u8> = (0..100_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let broken = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &long].concat();
    for rubbish in [&hello[..], http1, &long, &broken] {
        let mut socket = TcpStream::connect(scene.grpc()).await.expect("connected");
        // It may be cut off in the midst of it.
        let _ = socket.write_all(rubbish).await;
        let _ = socket.read_to_end(&mut Vec::new()).await;
    }
    scene.is_answered().await;
}

#[tokio::test]
async fn a_client_that_disappears_in_the_midst_of_calls_leaves_nothing_behind() {
    let scene = scene("").await;
    for _ in 0..20 {
        let socket = TcpStream::connect(scene.grpc()).await.expect("connected");
        let (sender, connection) = h2::client::handshake(socket).await.expect("a handshake");
        let connection = tokio::spawn(connection);
        let mut sender = sender.ready().await.expect("ready");
        let mut bodies = Vec::new();
        for path in [CHECK_PROVIDER, GET_PROVIDER, "/rmdd.v1.AcceptanceService/CheckStream"] {
            bodies.push(sender.send_request(call(path), false).expect("sent"));
        }
        // Without a word of parting.
        connection.abort();
    }
    eventually("none of them is open", || async {
        (scene.metric("rmdd_connections{listener=\"gRPC\"}").await == 0.0).then_some(())
    })
    .await;
    scene.is_answered().await;
}

#[tokio::test]
async fn headers_beyond_the_limit_are_refused() {
    let scene = scene("header_bytes = 4096").await;
    let mut client = raw(scene.grpc()).await;
    let mut request = call(CHECK_PROVIDER);
    request.headers_mut().insert("x-filler", "x".repeat(8192).parse().expect("a value"));
    let refused = match client.send_request(request, true) {
        Err(_) => true,
        Ok((response, _)) => response.await.map_or(true, |response| response.status() == 431),
    };
    assert!(refused);
    let url = format!("{}/v1/check/{}", scene.daemon.http.as_deref().expect("HTTP"), scene.frn);
    let client = crate::common::web();
    let refused = client.get(url).header("x-filler", "x".repeat(16384)).send().await;
    assert!(refused.map_or(true, |response| response.status() == 431));
    scene.is_answered().await;
}

#[tokio::test]
async fn a_connection_without_requests_is_closed_in_good_order() {
    let scene = scene("idle_timeout = \"300ms\"\nhandshake_timeout = \"100ms\"").await;
    let socket = TcpStream::connect(scene.grpc()).await.expect("connected");
    let (_sender, connection) = h2::client::handshake(socket).await.expect("a handshake");
    // It says goodbye, and no error.
    connection.await.expect("closed in good order");
    // Over HTTP one that has asked, and one whose next request does not come to its end.
    let question = format!("GET /v1/check/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", scene.frn);
    for sent in [question.clone(), question.clone() + &question[..20]] {
        let mut socket = TcpStream::connect(scene.http()).await.expect("connected");
        socket.write_all(sent.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await.expect("closed in good order");
        assert!(answer.starts_with("HTTP/1.1 200 ") && answer.matches("HTTP/1.1").count() == 1, "{answer}");
    }
    scene.is_answered().await;
}

#[tokio::test]
async fn who_asks_more_than_it_may_is_told_so_in_every_way_of_asking_and_calls_to_911_are_answered() {
    // So few that none comes back within the test.
    let scene = scene("rate_limit = 1\nbatch = 5").await;
    let mut client = scene.daemon.acceptance().await;
    let batch = |emergency| CheckProvidersRequest {
        questions: (0..5).map(|_| CheckProviderRequest { emergency, ..by_frn(&scene.frn) }).collect(),
        at: None,
    };
    client.check_providers(batch(false)).await.expect("as many as there may be at once");
    let refused = |status: tonic::Status| {
        assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
        assert_eq!(status.get_error_details().error_info().expect("a reason").reason, "TOO_MANY_QUESTIONS");
    };
    // One may have come back in the meantime.
    let second = client.check_provider(by_frn(&scene.frn)).await;
    let third = client.check_provider(by_frn(&scene.frn)).await;
    refused(second.and(third).expect_err("one of them was too many"));
    refused(client.check_providers(batch(false)).await.expect_err("too many"));

    let questions = (0..9).map(|id| {
        let question = CheckProviderRequest { emergency: id == 8, ..by_frn(&scene.frn) };
        CheckStreamRequest { id, question: Some(question) }
    });
    let mut answers =
        client.check_stream(tokio_stream::iter(questions.collect::<Vec<_>>())).await.expect("a stream").into_inner();
    let (mut errors, mut last) = (0, None);
    while let Some(answer) = answers.message().await.expect("it goes on") {
        match answer.outcome.expect("an outcome") {
            Outcome::Error(error) if error.reason == "TOO_MANY_QUESTIONS" => errors += 1,
            outcome => last = Some((answer.id, matches!(outcome, Outcome::Answer(_)))),
        }
    }
    assert!(errors >= 6, "{errors}");
    assert_eq!(last, Some((8, true)));

    // The same client over HTTP.
    let url = format!("{}/v1/check/{}", scene.daemon.http.as_deref().expect("HTTP"), scene.frn);
    let mut reported = reqwest::get(&url).await.expect("an answer");
    if reported.status() == 200 {
        reported = reqwest::get(&url).await.expect("an answer");
    }
    assert_eq!((reported.status().as_u16(), reported.headers()["retry-after"].to_str().expect("text")), (429, "1"));
    assert!(reported.text().await.expect("text").contains("TOO_MANY_QUESTIONS"));

    let emergency = CheckProviderRequest { emergency: true, ..by_frn(&scene.frn) };
    assert_eq!(ask(&mut client, emergency).await.verdict(), Verdict::Accept);
    client.check_providers(batch(true)).await.expect("a batch of calls to 911");
    // One call to 911 does not bring others with it.
    let mut mixed = batch(false);
    mixed.questions[3].emergency = true;
    let results = client.check_providers(mixed).await.expect("a batch with a call to 911").into_inner().results;
    let answered = results.into_iter().map(|result| match result.outcome.expect("an outcome") {
        checked_provider::Outcome::Answer(_) => "answered".to_owned(),
        checked_provider::Outcome::Error(error) => error.reason,
    });
    let refused = "TOO_MANY_QUESTIONS";
    assert_eq!(answered.collect::<Vec<_>>(), [refused, refused, refused, "answered", refused]);
    let reported = reqwest::get(format!("{url}?emergency=true")).await.expect("an answer");
    assert_eq!(reported.status(), 200);
    // Monitoring is no question.
    assert_eq!(
        reqwest::get(url.replace(&format!("/v1/check/{}", scene.frn), "/healthz")).await.expect("ok").status(),
        200
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_flood_a_client_that_asks_one_at_a_time_is_always_answered() {
    let scene = scene("threads = 1").await;
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let channel = scene.daemon.tcp().await;
        for _ in 0..200 {
            let (stop, asked, question) = (Arc::clone(&stop), Arc::clone(&asked), by_frn(&scene.frn));
            let mut client = AcceptanceServiceClient::new(channel.clone());
            flood.spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    match client.check_provider(question.clone()).await {
                        Ok(_) => {}
                        Err(status) => {
                            let reason = status.get_error_details().error_info().map(|info| info.reason.clone());
                            assert_eq!(reason.as_deref(), Some("OVERLOADED"), "{status:?}");
                        }
                    }
                    asked.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    }
    let mut client = scene.daemon.acceptance().await;
    for _ in 0..200 {
        assert_eq!(ask(&mut client, by_frn(&scene.frn)).await.verdict(), Verdict::Accept);
    }
    assert!(asked.load(Ordering::Relaxed) > 200, "it was no flood");
    stop.store(true, Ordering::Relaxed);
    while let Some(ended) = flood.join_next().await {
        ended.expect("told nothing but that it asks too much");
    }
}

/// So many questions as they go over a new connection, in one piece.
fn burst(frn: &str, questions: u32) -> Vec<u8> {
    let question = frames::message(&by_frn(frn).encode_to_vec());
    let mut bytes = [frames::PREFACE, &frames::settings(&[])].concat();
    for stream in (0..questions).map(|place| 2 * place + 1) {
        bytes.extend(frames::call(stream, CHECK_PROVIDER, false));
        bytes.extend(frames::data(stream, &question, true));
    }
    bytes
}

/// Reads what has come, and counts the streams that ended.
async fn answers(socket: &mut TcpStream, read: &mut Vec<u8>, all: Option<usize>) -> usize {
    let ended = |read: &[u8]| {
        let (mut rest, mut ended) = (read, 0);
        while let [a, b, c, kind, flags, _, _, _, _, ..] = rest {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            if rest.len() < 9 + length {
                break;
            }
            ended += usize::from(*kind == 1 && flags & 1 == 1);
            rest = &rest[9 + length..];
        }
        ended
    };
    let mut piece = vec![0; 64 << 10];
    loop {
        match all {
            Some(all) if ended(read) < all => {
                let length = socket.read(&mut piece).await.expect("answers");
                assert!(length > 0, "it hung up on {} of {all}", ended(read));
                read.extend_from_slice(&piece[..length]);
            }
            Some(_) => return ended(read),
            None => match socket.try_read(&mut piece) {
                Ok(length) if length > 0 => read.extend_from_slice(&piece[..length]),
                _ => return ended(read),
            },
        }
    }
}

#[tokio::test]
async fn a_single_question_does_not_wait_for_hundreds_that_others_have_open() {
    const OPEN: u32 = 200;
    let scene = scene("threads = 1").await;
    let address = scene.daemon.tcp.as_deref().and_then(|url| url.strip_prefix("http://")).expect("a TCP listener");
    let mut client = scene.daemon.acceptance().await;
    let burst = burst(&scene.frn, OPEN);
    let mut before = Vec::new();
    for _ in 0..9 {
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push((TcpStream::connect(address).await.expect("a connection"), Vec::new()));
        }
        assert_eq!(ask(&mut client, by_frn(&scene.frn)).await.verdict(), Verdict::Accept);
        for (socket, _) in &mut flood {
            socket.write_all(&burst).await.expect("written");
        }
        assert_eq!(ask(&mut client, by_frn(&scene.frn)).await.verdict(), Verdict::Accept);
        // Has the runtime look at the sockets.
        tokio::task::yield_now().await;
        let mut answered = 0;
        for (socket, read) in &mut flood {
            answered += answers(socket, read, None).await;
        }
        before.push(answered);
        for (socket, read) in &mut flood {
            assert_eq!(answers(socket, read, Some(OPEN as usize)).await, OPEN as usize);
        }
    }
    before.sort_unstable();
    assert!(before[4] < 400, "so many of 800 questions of others were answered before one: {before:?}");
}

/// Reads what has come over HTTP/1.1, and counts the answers in it; all of them, if it is said how many there will be.
async fn http_answers(socket: &mut TcpStream, read: &mut Vec<u8>, all: Option<usize>) -> usize {
    let answered = |read: &[u8]| read.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count();
    let mut piece = vec![0; 64 << 10];
    loop {
        let length = match all {
            Some(all) if answered(read) < all => socket.read(&mut piece).await.expect("answers"),
            Some(_) => return answered(read),
            None => match socket.try_read(&mut piece) {
                Ok(length) if length > 0 => length,
                _ => return answered(read),
            },
        };
        assert!(length > 0, "it hung up after {} answers", answered(read));
        read.extend_from_slice(&piece[..length]);
    }
}

#[tokio::test]
async fn a_single_question_over_http_does_not_wait_for_hundreds_that_others_have_sent() {
    const SENT: usize = 200;
    let scene = scene("threads = 1").await;
    let address = scene.daemon.http.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an HTTP listener");
    let question = format!("GET /v1/check/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", scene.frn);
    let mut single = TcpStream::connect(address).await.expect("a connection");
    let mut ask_one = async || {
        single.write_all(question.as_bytes()).await.expect("written");
        http_answers(&mut single, &mut Vec::new(), Some(1)).await
    };
    let mut before = Vec::new();
    for _ in 0..9 {
        let mut flood = Vec::new();
        for _ in 0..4 {
            flood.push((TcpStream::connect(address).await.expect("a connection"), Vec::new()));
        }
        assert_eq!(ask_one().await, 1);
        for (socket, _) in &mut flood {
            socket.write_all(question.repeat(SENT).as_bytes()).await.expect("written");
        }
        assert_eq!(ask_one().await, 1);
        // Has the runtime look at the sockets.
        tokio::task::yield_now().await;
        let mut answered = 0;
        for (socket, read) in &mut flood {
            answered += http_answers(socket, read, None).await;
        }
        before.push(answered);
        for (socket, read) in &mut flood {
            assert_eq!(http_answers(socket, read, Some(SENT)).await, SENT);
        }
    }
    before.sort_unstable();
    assert!(before[4] < 400, "so many of 800 questions of others were answered before one: {before:?}");
}

/// A calling number, a peer's name and a Call-ID come as a switch has them, and no switch looks whether they are UTF-8.
#[tokio::test]
async fn a_call_is_answered_whatever_bytes_its_texts_are_one_to_911_and_those_beside_it_too() {
    let scene = scene("").await;
    let field = |tag: u8, content: &[u8]| [&[tag << 3 | 2, content.len() as u8][..], content].concat();
    let with_rubbish = |question: CheckProviderRequest| {
        [question.encode_to_vec(), field(10, b"+1212\xff5550100"), field(12, b"\xfe\xff@sbc")].concat()
    };
    let emergency = CheckProviderRequest { emergency: true, ..CheckProviderRequest::default() };
    let to_911 = [emergency.encode_to_vec(), field(4, b"TG-\xff")].concat();
    let mut client = raw(scene.grpc()).await;
    let batch: Vec<u8> = [with_rubbish(by_frn(&scene.frn)), to_911.clone(), by_frn(&scene.frn).encode_to_vec()]
        .iter()
        .flat_map(|question| field(1, question))
        .collect();
    for (path, message) in [
        (CHECK_PROVIDER, with_rubbish(by_frn(&scene.frn))),
        (CHECK_PROVIDER, to_911),
        ("/rmdd.v1.AcceptanceService/CheckProviders", batch),
    ] {
        let (response, mut body) = client.send_request(call(path), false).expect("sent");
        body.send_data(framed_bytes(&message).into(), true).expect("sent");
        assert_eq!(outcome(response).await, (Code::Ok, String::new()), "{path}");
    }
    // What is no message at all is an error.
    let (response, mut body) = client.send_request(call(CHECK_PROVIDER), false).expect("sent");
    body.send_data(framed_bytes(&[0x52, 0x7f, 1]).into(), true).expect("sent");
    assert_eq!(outcome(response).await.0, Code::InvalidArgument);
}

#[tokio::test]
async fn a_connection_for_the_administration_has_fewer_requests_at_a_time_on_whatever_socket() {
    let directory = tempfile::tempdir().expect("a directory");
    let listen = directory.path().join("admin.sock");
    let scene = scene(&format!("[admin]\nlisten = \"unix:{}\"", listen.display())).await;
    for path in [&scene.daemon.socket, &listen] {
        let socket = tokio::net::UnixStream::connect(path).await.expect("connected");
        let (sender, connection) = h2::client::handshake(socket).await.expect("a handshake");
        tokio::spawn(connection);
        let sender = sender.ready().await.expect("ready");
        // What the daemon allows has come with its settings.
        eventually("its settings came", || async { (sender.current_max_send_streams() == 64).then_some(()) }).await;
    }
    let calls = raw(scene.grpc()).await;
    eventually("its settings came", || async { (calls.current_max_send_streams() == 256).then_some(()) }).await;
}
