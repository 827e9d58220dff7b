//! What HTTP/1.1 asks of a server, as RFC 9112 has it.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::at_once::{address, connected, rest};
use super::*;

/// The head of the next answer, in lines that end with a line feed. Its body is read and left out.
fn answer(socket: &mut TcpStream) -> String {
    let (mut said, mut byte) = (Vec::new(), [0]);
    while !said.ends_with(b"\n\n") {
        assert_eq!(socket.read(&mut byte).expect("an answer"), 1, "{}", said.escape_ascii());
        said.extend(byte.iter().filter(|byte| **byte != b'\r'));
    }
    let head = String::from_utf8(said).expect("a text");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    socket.read_exact(&mut vec![0; length.parse().expect("a number")]).expect("a body");
    head
}

#[tokio::test]
async fn a_request_without_its_host_is_none_unless_it_asks_for_a_call_to_911() {
    let scene = Scene::new().await;
    let address = address(&scene.daemon);
    let ask = |target: &str, version: &str, headers: &str| {
        let mut socket = connected(&address);
        let request = format!("GET {target} {version}\r\n{headers}Connection: close\r\n\r\n");
        socket.write_all(request.as_bytes()).expect("sent");
        rest(&mut socket)
    };
    let check = format!("/v1/check/{STANDS}");
    for headers in
        ["", "Host: rmdd\r\nHost: rmdd\r\n", "host: a\r\nX: y\r\nHOST: b\r\n", "Host: a b\r\n", "Host: a/b\r\n"]
    {
        for path in [&check, "/healthz", "/metrics", "/", "/nothing", "http://rmdd/v1/check/1"] {
            let said = ask(path, "HTTP/1.1", headers);
            assert!(
                said.starts_with("HTTP/1.1 400 ") && said.contains("\nrmdd-error: INVALID_HOST\r\n"),
                "{path}: {said}"
            );
        }
        for path in [&check, "/v1/check/x y", "/elsewhere"] {
            let said = ask(&format!("{path}?emergency=true"), "HTTP/1.1", headers);
            assert!(said.starts_with("HTTP/1.1 200 ") && said.contains("EMERGENCY_CALL"), "{path}: {said}");
        }
    }
    // A host may be empty, and HTTP/1.0 knows of none.
    for (version, headers) in [("HTTP/1.1", "Host:\r\n"), ("HTTP/1.1", "Host: [::1]:7634\r\n"), ("HTTP/1.0", "")] {
        let said = ask(&check, version, headers);
        assert!(said.contains(" 200 OK") && said.contains("\"LISTED\""), "{version} {headers}: {said}");
    }
}

#[tokio::test]
async fn where_a_body_comes_behind_the_answer_the_answer_says_whether_the_connection_goes_on() {
    let scene = Scene::new().await;
    let address = address(&scene.daemon);
    let check = format!("/v1/check/{STANDS}");
    let call = format!("{check}?emergency=true");
    for path in [&check, &call, "/healthz", "/metrics", "/v1/removals", "/", "/nothing"] {
        for method in ["GET", "POST"] {
            for (length, body) in
                [("Content-Length: 5", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n")]
            {
                let mut socket = connected(&address);
                let head = format!("{method} {path} HTTP/1.1\r\nHost: rmdd\r\n{length}\r\n\r\n");
                socket.write_all(head.as_bytes()).expect("sent");
                let said = answer(&mut socket);
                if said.contains("\nconnection: close\n") {
                    assert_eq!(rest(&mut socket), "", "{method} {path}");
                    continue;
                }
                let next = format!("{body}GET {check} HTTP/1.1\r\nHost: rmdd\r\nConnection: close\r\n\r\n");
                socket.write_all(next.as_bytes()).expect("sent");
                let next = rest(&mut socket);
                assert!(next.contains("\"LISTED\""), "{method} {path} {length}: {said}, then {next}");
            }
        }
    }
}

#[tokio::test]
async fn head_says_what_get_would_and_has_no_body_over_http_2_either() {
    let scene = Scene::new().await;
    let two = client().http2_prior_knowledge().build().expect("a client");
    let address = scene.daemon.http.as_deref().expect("an HTTP listener");
    let checks = [STANDS, NEVER, "RMD12", "peer:nobody"].map(|who| format!("/v1/check/{who}?format=text"));
    let page = ["/", "/peers", "/removals", "/page.css", "/healthz", "/v1/snapshots"].map(str::to_owned);
    for path in checks.into_iter().chain(page) {
        let url = format!("{address}{path}");
        let get = two.get(&url).send().await.expect("an answer");
        let head = two.head(&url).send().await.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let said = |response: &Response| (response.status(), header(response, "content-type").to_owned());
        assert_eq!(said(&head), said(&get), "{path}");
        let length = header(&head, "content-length").to_owned();
        assert!(head.bytes().await.expect("none").is_empty(), "{path}");
        let body = get.bytes().await.expect("a body");
        if path.contains("format=text") {
            // The age of the listing may have another digit.
            assert!(length.parse::<usize>().expect("a length").abs_diff(body.len()) < 3, "{path}: {length}");
        }
    }
}
