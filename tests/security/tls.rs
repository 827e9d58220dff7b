//! TLS and mutual TLS.

use rmdd::api::client::{ConnectError, TlsFiles, connect_tcp, connect_tls};
use rmdd::api::grpc::v1::acceptance_service_client::AcceptanceServiceClient;
use rmdd::api::grpc::v1::{CheckProviderResponse, Verdict};
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Status;

use super::common::{self, Daemon, by_number, status_of, stderr, stdout};
use super::pki::{self, Authority, Pki};

/// A question over TLS.
async fn ask(daemon: &Daemon, number: &str, files: &TlsFiles) -> Result<CheckProviderResponse, String> {
    let url = daemon.tcp.as_deref().expect("a TCP listener");
    let channel = connect_tls(url, files).await.map_err(|error: ConnectError| error.to_string())?;
    let answer = AcceptanceServiceClient::new(channel).check_provider(by_number(number)).await;
    answer.map(tonic::Response::into_inner).map_err(|status: Status| {
        std::error::Error::source(&status).map_or_else(|| status.to_string(), rmdd::api::client::causes)
    })
}

/// An HTTP client that trusts the site's authority.
fn http(pki: &Pki) -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let ca = reqwest::Certificate::from_pem(pki.servers.pem.as_bytes()).expect("an authority");
    reqwest::Client::builder().no_proxy().tls_certs_only([ca]).build().expect("a client")
}

/// The opening of a client that speaks nothing newer than this version of TLS (3, 1 is TLS 1.0).
fn hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; ECDHE with AES, by GCM as TLS 1.2 has it and by SHA as all have it, and plain AES; no compression.
    body.extend([0, 0, 8, 0xc0, 0x2b, 0xc0, 0x09, 0xc0, 0x13, 0x00, 0x2f, 1, 0]);
    // The curves P-256 and X25519, uncompressed points, signatures by ECDSA with SHA-256, an extended master secret.
    let extensions = [0, 10, 0, 6, 0, 4, 0, 23, 0, 29, 0, 11, 0, 2, 1, 0, 0, 13, 0, 4, 0, 2, 4, 3, 0, 23, 0, 0];
    body.extend([0, extensions.len() as u8]);
    body.extend(extensions);
    let mut hello = vec![22, 3, 1, 0, body.len() as u8 + 4, 1, 0, 0, body.len() as u8];
    hello.extend(body);
    hello
}

/// What comes back until the other side closes.
async fn reported(url: &str, said: &[u8]) -> Vec<u8> {
    let mut socket = TcpStream::connect(pki::address(url)).await.expect("a connection");
    socket.write_all(said).await.expect("said");
    let mut reported = Vec::new();
    // It may be reset, too.
    let _ = tokio::time::timeout(common::PATIENCE, socket.read_to_end(&mut reported)).await.expect("it is closed");
    reported
}

#[tokio::test]
async fn tls_1_2_and_1_3_are_spoken_on_both_listeners_and_nothing_older() {
    let pki = Pki::new();
    pki.secured.configure(&(pki.settings("grpc", "") + &pki.settings("http", "")));
    let daemon = pki.secured.start().await;
    let (grpc, over_http) = (daemon.tcp.clone().expect("gRPC"), daemon.http.clone().expect("HTTP"));
    assert!(grpc.starts_with("https://") && over_http.starts_with("https://"), "{grpc} {over_http}");

    for version in [&TLS12, &TLS13] {
        for (url, offered, spoken) in [
            (&grpc, &[b"h2".as_slice()][..], b"h2".as_slice()),
            // A call to 911 is answered whatever its path is, which HTTP/2 would not allow.
            (&over_http, &[b"h2", b"http/1.1"], b"http/1.1"),
            (&over_http, &[b"h2"], b"h2"),
            (&over_http, &[b"http/1.1"], b"http/1.1"),
        ] {
            let stream = pki.shake(url, &[version], offered).await.expect("a handshake");
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.protocol_version(), Some(version.version));
            assert_eq!(connection.alpn_protocol(), Some(spoken));
        }
    }
    let refused = pki.shake(&grpc, &[&TLS13], &[b"http/1.1"]).await.expect_err("gRPC is HTTP/2");
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");

    for url in [&grpc, &over_http] {
        for older in [0, 1, 2] {
            let reported = reported(url, &hello(older)).await;
            // A fatal alert: protocol_version.
            assert_eq!(reported.first(), Some(&21), "{reported:?}");
            assert_eq!(reported[5..], [2, 70], "{reported:?}");
        }
        // The same with TLS 1.2 is answered: it was for its version that it was refused.
        let mut socket = TcpStream::connect(pki::address(url)).await.expect("a connection");
        socket.write_all(&hello(3)).await.expect("said");
        assert_eq!(socket.read_u8().await.expect("an answer"), 22);
    }
    assert_eq!(ask(&daemon, &pki.secured.number, &pki.trusting()).await.expect("a verdict").verdict(), Verdict::Accept);
    let alive = http(&pki).get(format!("{over_http}/readyz")).send().await.expect("an answer");
    assert_eq!((alive.status().as_u16(), alive.version()), (200, reqwest::Version::HTTP_11));
}

#[tokio::test]
async fn plain_text_on_a_tls_port_and_tls_on_a_plain_port_come_to_nothing_and_harm_nobody() {
    let pki = Pki::new();
    pki.secured.configure(&pki.settings("grpc", ""));
    let daemon = pki.secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    for garbage in
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".as_slice(), b"GET / HTTP/1.1\r\n\r\n", &[22; 600]]
    {
        let reported = reported(&url, garbage).await;
        assert!(reported.is_empty() || reported[0] == 21, "{reported:?}");
    }
    let plain = url.replace("https://", "http://");
    match connect_tcp(&plain).await {
        Err(_) => {}
        Ok(channel) => {
            AcceptanceServiceClient::new(channel).check_provider(by_number("RMD0000001")).await.expect_err("no answer");
        }
    }
    assert!(ask(&daemon, &pki.secured.number, &pki.trusting()).await.is_ok());

    // HTTP has no TLS here.
    let plain = daemon.http.as_deref().expect("HTTP").replace("http://", "https://");
    let error = connect_tls(&plain, &pki.trusting()).await.expect_err("no TLS").to_string();
    assert!(error.contains("speaks no TLS"), "{error}");
    let output = pki.secured.site.run(&["status", "--connect", &url.replace("https://", "http://")]);
    assert!(status_of(&output) == 3 && stderr(&output).contains("https://"), "{}", stderr(&output));
}

#[tokio::test]
async fn where_clients_must_show_a_certificate_only_those_of_the_authority_are_served() {
    let pki = Pki::new();
    pki.secured.configure(&(pki.settings("grpc", &pki.mutual(true)) + &pki.settings("http", &pki.mutual(true))));
    let daemon = pki.secured.start().await;
    let number = &pki.secured.number;
    let good = pki.showing(&pki.clients, &["switch-1.example"], pki::GOOD);
    assert_eq!(ask(&daemon, number, &good).await.expect("a verdict").verdict(), Verdict::Accept);

    let none = ask(&daemon, number, &pki.trusting()).await.expect_err("no certificate");
    assert!(none.contains("--client-cert"), "{none}");
    let bare = http(&pki).get(format!("{}/healthz", daemon.http.as_deref().expect("HTTP"))).send().await;
    assert!(bare.is_err(), "not even over HTTP");
    let strangers = Authority::new("Clients of the test");
    for (authority, validity, said) in [
        (&strangers, pki::GOOD, "does not believe"),
        (&pki.servers, pki::GOOD, "UnknownCA"),
        (&pki.clients, pki::EXPIRED, "CertificateExpired"),
        (&pki.clients, pki::NOT_YET, "does not believe"),
    ] {
        let shown = pki.showing(authority, &["switch-1.example"], validity);
        let refused = ask(&daemon, number, &shown).await.expect_err(said);
        assert!(refused.contains(said), "{refused}");
    }

    // Asked for, but not demanded: then a bad one is still refused.
    daemon.terminate().await;
    pki.secured.configure(&pki.settings("grpc", &pki.mutual(false)));
    let daemon = pki.secured.start().await;
    assert!(ask(&daemon, number, &pki.trusting()).await.is_ok());
    let stranger = pki.showing(&strangers, &["switch-1.example"], pki::GOOD);
    ask(&daemon, number, &stranger).await.expect_err("a stranger's");
}

#[tokio::test]
async fn a_command_says_why_it_does_not_believe_a_daemon() {
    let pki = Pki::new();
    let (certificate, key) = pki.servers.certify("rmdd", &["localhost", "rmdd.example"], pki::GOOD);
    pki.secured.write("server.pem", &certificate);
    pki.secured.write("server.key", &key);
    pki.secured.configure(&pki.settings("grpc", ""));
    let daemon = pki.secured.start().await;
    let port = daemon.tcp.as_deref().expect("gRPC").rsplit(':').next().expect("a port").to_owned();
    let ca = pki.secured.path("ca.pem").display().to_string();
    let check = |url: &str, ca: &[&str]| {
        let url = format!("{url}:{port}");
        pki.secured.site.run(&[&["check", &pki.secured.number, "--connect", &url], ca].concat())
    };
    let trusted = check("https://localhost", &["--ca-file", &ca]);
    assert_eq!(status_of(&trusted), 0, "{}", stderr(&trusted));

    let unknown = stderr(&check("https://localhost", &[]));
    assert!(unknown.contains("not trusted here") && unknown.contains("--ca-file"), "{unknown}");
    let name = stderr(&check("https://127.0.0.1", &["--ca-file", &ca]));
    assert!(name.contains("not for 127.0.0.1") && name.contains("rmdd.example"), "{name}");
    let clients = pki.secured.path("clients.pem").display().to_string();
    let wrong = stderr(&check("https://localhost", &["--ca-file", &clients]));
    assert!(wrong.contains("not trusted here"), "{wrong}");
    let half = stderr(&check("https://localhost", &["--ca-file", &ca, "--client-cert", &ca]));
    assert!(half.contains("--client-key"), "{half}");
    let no_pem = stderr(&check("https://localhost", &["--ca-file", "/etc/hostname"]));
    assert!(no_pem.contains("/etc/hostname") && no_pem.contains("no certificate"), "{no_pem}");

    daemon.terminate().await;
    for (validity, said) in [(pki::EXPIRED, "has expired"), (pki::NOT_YET, "not valid yet")] {
        pki.serve_under(validity);
        // It serves all the same: what is asked over the Unix socket needs no certificate.
        let daemon = pki.secured.start().await;
        let url = daemon.tcp.clone().expect("gRPC");
        let output = pki.secured.site.run(&["check", &pki.secured.number, "--connect", &url, "--ca-file", &ca]);
        assert!(status_of(&output) == 2 && stderr(&output).contains(said), "{}", stderr(&output));
        let status = pki.secured.site.run(&["status"]);
        assert!(status_of(&status) == 2 && stdout(&status).contains("CERTIFICATE_"), "{}", stdout(&status));
    }
}

#[test]
fn files_that_cannot_be_used_are_refused_before_anything_is_bound() {
    use std::os::unix::fs::PermissionsExt;

    let pki = Pki::new();
    let secured = &pki.secured;
    let refused = |named: &[&str]| {
        // A place that cannot be bound: it is not come to.
        for arguments in [&["config", "check"][..], &["serve", "--grpc-listen", "192.0.2.1:1"]] {
            let said = secured.refused(arguments);
            for name in named {
                assert!(said.contains(name), "{arguments:?} {name}: {said}");
            }
        }
    };
    secured.configure(&pki.settings("grpc", ""));
    let (_, other) = pki.servers.certify("rmdd", &["localhost"], pki::GOOD);
    let key = std::fs::read_to_string(secured.path("server.key")).expect("a key");
    secured.write("server.key", &other);
    refused(&["server.pem", "server.key", "another certificate"]);
    secured.write("server.key", "rubbish");
    refused(&["grpc.tls.key", "server.key", "no private key"]);
    secured.write("server.key", &key);
    let mode = |mode| std::fs::set_permissions(secured.path("server.key"), std::fs::Permissions::from_mode(mode));
    mode(0o644).expect("its mode set");
    refused(&["server.key", "0644", "chmod o-rwx"]);
    mode(0o640).expect("its mode set");
    assert_eq!(status_of(&secured.site.run(&["--config", &secured.config(), "config", "check"])), 0);
    std::fs::remove_file(secured.path("server.key")).expect("removed");
    refused(&["grpc.tls.key", "server.key", "No such file"]);

    secured.write("server.key", &key);
    secured.configure(&pki.settings("http", &format!("client_ca = {:?}", secured.path("server.key"))));
    refused(&["http.tls.client_ca", "server.key", "no certificate"]);
    secured.configure(&format!("[grpc.tls]\ncertificate = {:?}\n", secured.path("server.pem")));
    refused(&["grpc.tls.key", "set both"]);
    secured.configure(&format!("[grpc.tls]\nclient_ca = {:?}\n", secured.path("clients.pem")));
    refused(&["grpc.tls.client_ca", "grpc.tls.certificate"]);
    secured.configure(&format!("[http]\nlisten = \"unix:/x\"\n{}", pki.settings("http", "")));
    let said = common::stderr(&{
        let mut command = common::rmdd();
        command.env_remove("RMDD_HTTP__LISTEN").args(["--config", &secured.config(), "config", "check"]);
        command.output().expect("it runs")
    });
    assert!(said.contains("http.tls") && said.contains("Unix socket"), "{said}");
}

#[tokio::test]
async fn a_handshake_that_comes_to_no_end_is_cut_off() {
    let pki = Pki::new();
    pki.secured.configure(&format!("[limits]\nhandshake_timeout = \"200ms\"\n{}", pki.settings("grpc", "")));
    let daemon = pki.secured.start().await;
    let url = daemon.tcp.clone().expect("gRPC");
    let whole = hello(3);
    for said in [&[][..], &whole[..20]] {
        // Nothing is told: the time is over.
        assert!(reported(&url, said).await.is_empty());
    }
    // Shaken, and then nothing said: the same time bounds both.
    let mut stream = pki.shake(&url, &[&TLS13], &[b"h2"]).await.expect("a handshake");
    let mut reported = Vec::new();
    let _ = tokio::time::timeout(common::PATIENCE, stream.read_to_end(&mut reported)).await.expect("it is closed");
    assert!(ask(&daemon, &pki.secured.number, &pki.trusting()).await.is_ok());
}
