//! Requests that are answered at once, and the same by the way of all others: no byte but the date differs.

use std::cell::Cell;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

const TOKEN: &str = "query-token-0123456789abcdef";

/// What goes another way, so that all that comes behind it on the connection does.
const ANOTHER: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: rmdd\r\n\r\n";

/// The end of what is sent.
const LAST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: rmdd\r\nConnection: close\r\n\r\n";

pub fn address(daemon: &Daemon) -> String {
    daemon.http.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an address").to_owned()
}

pub fn connected(address: &str) -> TcpStream {
    let socket = TcpStream::connect(address).expect("connected");
    socket.set_nodelay(true).expect("set");
    socket.set_read_timeout(Some(crate::common::PATIENCE)).expect("set");
    socket
}

/// All that comes until the daemon closes, without dates.
pub fn rest(socket: &mut TcpStream) -> String {
    let mut came = Vec::new();
    match socket.read_to_end(&mut came) {
        // It closes on what it cannot read, though there be more.
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        read => drop(read.expect("an end")),
    }
    let text = String::from_utf8(came).expect("a text");
    text.split_inclusive("\r\n").filter(|line| !line.starts_with("date: ")).collect()
}

/// What a new connection is answered.
fn at_once(address: &str, request: &[u8]) -> String {
    let mut socket = connected(address);
    socket.write_all(request).expect("sent");
    rest(&mut socket)
}

/// What a connection is answered that asked for something else before.
fn behind_another(address: &str, request: &[u8]) -> String {
    in_two_pieces(address, request, 0)
}

/// The same, where so much of it came with the other request, and was read before the rest was sent.
fn in_two_pieces(address: &str, request: &[u8], cut: usize) -> String {
    let mut socket = connected(address);
    socket.write_all(&[ANOTHER, &request[..cut]].concat()).expect("sent");
    let (mut before, mut byte) = (Vec::new(), [0]);
    while !before.ends_with(b"\r\n\r\nok\n") {
        assert_eq!(socket.read(&mut byte).expect("an answer"), 1, "{}", before.escape_ascii());
        before.push(byte[0]);
    }
    socket.write_all(&request[cut..]).expect("sent");
    rest(&mut socket)
}

/// Asserts that both are the same. Seconds go by between them, and what is refused often is at last refused otherwise.
fn assert_same(address: &str, request: &[u8]) -> String {
    loop {
        let (first, other, second) =
            (at_once(address, request), behind_another(address, request), at_once(address, request));
        if first == second {
            assert_eq!(first, other, "{}", request.escape_ascii());
            return first;
        }
    }
}

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(texts).prop_map(str::to_owned)
}

/// A target: mostly a check, with some of its parameters.
fn target() -> impl Strategy<Value = String> {
    let path = prop_oneof![
        12 => one_of(&[
            "/v1/check/0041000001", "/v1/check/RMD0900001", "/v1/check/0041000002", "/v1/check/RMD0900003",
            "/v1/check/0041000009", "/v1/check/TG-Acme-1", "/v1/check/West%207%2F8%20%C3%9Cnion", "/v1/check/591E",
            "/v1/check/frn:41000001", "/v1/check/peer:nobody", "/v1/check/", "/v1/check/%20", "/v1/check/a%FFb",
            "/v1/check/%zz", "/v1/check/004100000", "/v1/check/a/b//c", "/v1/check/..;@!$&'()*+,=:~_-",
        ]),
        2 => one_of(&[
            "/v1/check", "/v1/checks", "/V1/check/0041000001", "//v1/check/0041000001", "/v1/providers/0041000001",
            "/healthz", "/readyz", "/nothing", "http://rmdd/v1/check/0041000001", "*", "v1/check/x", "/v1/check/a b",
            "/v1/check/\"x\"", "/v1/check/x#y", "/v1/check/{x}",
        ]),
    ];
    let parameter = (
        one_of(&[
            "role",
            "emergency",
            "foreign",
            "us_caller_id",
            "caller_id",
            "at",
            "format",
            "detail",
            "ref",
            "unknown",
            "",
            "%65mergency",
            "Emergency",
        ]),
        one_of(&[
            "",
            "=",
            "=true",
            "=no",
            "=unknown",
            "=maybe",
            "=text",
            "=json",
            "=compact",
            "=full",
            "=gateway",
            "=voice_service",
            "=intermediate",
            "=%2B12125550100",
            "=+442079460018",
            "=call-17",
            "=%FF",
            "=2001-01-01",
        ]),
    );
    let parameter = parameter.prop_map(|(name, value)| name + &value);
    (path, prop::option::weighted(0.8, prop::collection::vec(parameter, 0..4))).prop_map(|(path, query)| match query {
        Some(query) => format!("{path}?{}", query.join("&")),
        None => path,
    })
}

fn headers() -> impl Strategy<Value = Vec<u8>> {
    let usual = one_of(&[
        "Accept: */*",
        "accept: text/plain",
        "ACCEPT: application/json",
        "Accept:text/plain;q=0.5, application/json;q=0.4",
        "User-Agent: curl/8.0",
        "Accept-Encoding: gzip",
        "Connection: keep-alive",
        "X-Call: 1",
        "Accept:  text/plain  ",
        "Authorization: Bearer query-token-0123456789abcdef",
        "Authorization: Bearer nobody-knows-this-one",
        "authorization: Basic eDp5",
        "Cookie: a=b",
        "Accept-Language: en",
    ]);
    let unusual = one_of(&[
        "Connection: close",
        "connection: Keep-Alive, close",
        "Connection: Upgrade",
        "Upgrade: h2c",
        "Host: other",
        "Content-Length: 0",
        "Content-Length: 3",
        "Content-Length: x",
        "Transfer-Encoding: chunked",
        "TE: trailers",
        "Expect: 100-continue",
        "no header",
        "Bad Name: x",
        ": x",
        "X: \u{e9}",
        "X-Control: \u{1}",
        "Proxy-Connection: close",
        " folded",
    ]);
    let header = prop_oneof![6 => usual, 2 => Just("Authorization: Bearer query-token-0123456789abcdef".to_owned()), 1 => unusual];
    let end = prop_oneof![9 => Just("\r\n"), 1 => Just("\n")];
    let host = prop_oneof![9 => Just("Host: rmdd\r\n"), 1 => Just("")];
    (host, prop::collection::vec((header, end), 0..5)).prop_map(|(host, headers)| {
        let lines = headers.into_iter().map(|(header, end)| header + end);
        (host.to_owned() + &lines.collect::<String>()).into_bytes()
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let method = prop_oneof![12 => Just("GET"), 1 => one_of(&["HEAD", "POST", "get", "OPTIONS"]).prop_map(|of| of.leak() as &str)];
    let version = prop_oneof![12 => Just("HTTP/1.1"), 1 => Just("HTTP/1.0"), 1 => Just("HTTP/2.0")];
    (method, target(), version, headers()).prop_map(|(method, target, version, headers)| {
        [format!("{method} {target} {version}\r\n").as_bytes(), &headers, b"\r\n"].concat()
    })
}

/// Asks both ways for a wide set of requests, one to three behind one another.
fn compare(daemon: &Daemon, verdicts: usize) {
    let (address, answered) = (address(daemon), Cell::new(0));
    let config = Config { cases: 250, failure_persistence: None, ..Config::default() };
    let ran = TestRunner::new(config).run(&prop::collection::vec(request(), 1..4), |requests| {
        let all = [requests.concat().as_slice(), LAST].concat();
        answered.set(answered.get() + assert_same(&address, &all).matches("rmdd-verdict: ").count());
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    assert!(answered.get() >= verdicts, "many were questions with a verdict: {}", answered.get());
}

#[tokio::test]
async fn an_answer_at_once_is_the_same_to_the_byte_as_by_the_way_of_all_others() {
    let scene = Scene::new().await;
    compare(&scene.daemon, 60);
}

#[tokio::test]
async fn and_so_is_what_is_said_where_a_token_is_needed_and_where_nobody_is_known() {
    let site = Site::with_listing(&World::new(1, 20).to_csv());
    let tokens = site.directory.path().join("tokens.toml");
    std::fs::write(&tokens, format!("[[token]]\nname = \"switch-1\"\nright = \"query\"\ntoken = \"{TOKEN}\"\n"))
        .expect("written");
    std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).expect("set");
    let daemon = site.start_configured(&format!("[access]\nrequire = true\ntokens_file = {tokens:?}\n"));
    daemon.first_sync().await;
    compare(&daemon, 2);
}

#[tokio::test]
async fn requests_behind_one_another_are_answered_in_their_order_whichever_way_each_goes() {
    let scene = Scene::new().await;
    let address = address(&scene.daemon);
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: rmdd\r\nAccept: text/plain\r\n\r\n");
    let paths = [STANDS, GONE, STANDS, "x/%", GONE, NEVER].map(|who| ask(&format!("/v1/check/{who}")));
    let all = paths.concat() + &ask("/healthz") + &paths.concat();
    let said = assert_same(&address, &[all.as_bytes(), LAST].concat());
    let verdicts: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("rmdd-reason: ")).collect();
    assert_eq!(verdicts, ["LISTED", "REMOVED", "LISTED", "REMOVED", "NOT_LISTED"].repeat(2), "{said}");
    // Cut anywhere, as a network may.
    let request = [paths[0].as_bytes(), LAST].concat();
    for at in (1..request.len()).step_by(7) {
        let mut socket = connected(&address);
        socket.write_all(&request[..at]).expect("sent");
        socket.write_all(&request[at..]).expect("sent");
        let said = rest(&mut socket);
        assert!(said.contains("rmdd-reason: LISTED") && said.ends_with("ok\n"), "{at}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_to_911_is_accepted_wherever_its_request_is_cut() {
    let scene = Scene::new().await;
    let address = address(&scene.daemon);
    let lines: [&[u8]; 4] = [
        b"GET /v1/check/0041000001?emergency=true HTTP/1.1\r\n",
        b"GET http://x/v1/check/0041000001?role=gateway&emergency=true HTTP/1.1\r\n",
        b"POST /v1/check/Acme Telecom?emergency=true HTTP/1.1\r\n",
        b"GET /v1/check/x?emergency=true HTTP/1.1\r\nno header\r\n",
    ];
    let ask = move || {
        for line in lines {
            let request = [line, b"Host: rmdd\r\nConnection: close\r\n\r\n"].concat();
            for cut in 1..request.len() {
                let answer = in_two_pieces(&address, &request, cut);
                let is_accepted = answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"EMERGENCY_CALL\"");
                assert!(is_accepted, "{} cut at {cut}: {answer}", request.escape_ascii());
            }
        }
        // Many at a time, which packets cut where they like.
        let mut socket = connected(&address);
        let one = b"GET /v1/check/0041000001?format=text&emergency=true HTTP/1.1\r\nHost: rmdd\r\n\r\n";
        socket.write_all(&[&one.repeat(400)[..], LAST].concat()).expect("sent");
        assert_eq!(rest(&mut socket).matches("ACCEPT EMERGENCY_CALL").count(), 400);
        // A header that looks like one is none.
        let request = b"GET /v1/check/0041000001?format=text HTTP/1.1\r\nHost: rmdd\r\nConnection: close\r\n\
            Referer: http://x/v1/check/1?emergency=true\r\nX: GET /v1/check/1 2?emergency=true HTTP/1.1\r\n\r\n";
        for cut in 1..request.len() {
            let answer = in_two_pieces(&address, request, cut);
            assert!(answer.contains("ACCEPT LISTED"), "cut at {cut}: {answer}");
        }
    };
    tokio::task::spawn_blocking(ask).await.expect("asked");
}
