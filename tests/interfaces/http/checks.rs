//! `/v1/check/{who}`.

use reqwest::{Method, StatusCode};
use rmdd_testkit::World;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{GONE, GONE_NUMBER, NEVER, STANDS, STANDS_NUMBER, Scene, ask, error, get, header, json};
use crate::common::{Site, exists, json as printed, status_of, stderr, stdout};

/// An answer without what passes with time.
fn timeless(mut answer: Value) -> Value {
    answer["snapshot"]["age_seconds"] = Value::Null;
    answer
}

#[tokio::test]
async fn an_answer_is_just_what_the_command_prints() {
    let scene = Scene::new().await;
    for (who, options, query) in [
        (STANDS, &[][..], ""),
        (STANDS_NUMBER, &["--role", "intermediate"], "?role=non_gateway_intermediate"),
        ("41000001", &["--role", "gateway"], "?role=gateway"),
        ("41000001", &["--role", "Gateway Provider"], "?role=Gateway%20Provider"),
        (GONE, &[], "?role=&emergency=&caller_id=&at="),
        (GONE_NUMBER, &["--emergency"], "?emergency=true"),
        (NEVER, &[], "?foreign=unknown&us_caller_id=unknown"),
        (NEVER, &["--foreign", "yes", "--caller-id", "+442079460018"], "?foreign=yes&caller_id=%2B442079460018"),
        // As scripts write it that know of no encoding.
        (NEVER, &["--foreign", "yes", "--caller-id", "+442079460018"], "?foreign=yes&caller_id=+442079460018"),
        (
            NEVER,
            &["--foreign", "yes", "--caller-id", "\"Fern, Ltd\" <sip:+442079460018@gw;user=phone>;tag=x"],
            "?foreign=yes&caller_id=%22Fern,%20Ltd%22+%3Csip:+442079460018@gw;user=phone%3E;tag=x",
        ),
        (NEVER, &["--foreign", "yes", "--caller-id", "abc"], "?foreign=yes&caller_id=abc"),
        ("TG-Acme-1", &[], ""),
        ("591E", &[], ""),
    ] {
        let reported = printed(&scene.site.run(&[&["check", who, "--json"], options].concat()));
        let answered = json(&scene.daemon, &format!("/v1/check/{who}{query}"), StatusCode::OK).await;
        assert_eq!(timeless(answered), timeless(reported), "{who}{query}");
    }
    // To the byte, where no time passes.
    let at = &scene.all_stood_at;
    let reported = stdout(&scene.site.run(&["check", GONE, "--json", "--at", at]));
    let answered = get(&scene.daemon, &format!("/v1/check/{GONE}?at={at}")).await.text().await.expect("a body");
    assert_eq!(answered, reported);
    assert!(answered.contains("\"LISTED\""), "it stood then: {answered}");
}

#[tokio::test]
async fn the_verdict_is_in_the_headers_and_in_a_line_of_text_too() {
    let scene = Scene::new().await;
    for (path, verdict, reason) in [
        (format!("/v1/check/{STANDS}"), "ACCEPT", "LISTED"),
        (format!("/v1/check/{GONE}"), "REFUSE", "REMOVED"),
        (format!("/v1/check/{NEVER}"), "REFUSE", "NOT_LISTED"),
        (format!("/v1/check/{STANDS}?role=intermediate"), "REFUSE", "ROLE_NOT_CERTIFIED"),
        (format!("/v1/check/{GONE}?emergency"), "ACCEPT", "EMERGENCY_CALL"),
    ] {
        let response = get(&scene.daemon, &path).await;
        assert_eq!(response.status(), StatusCode::OK, "any verdict is an answer");
        assert_eq!((header(&response, "rmdd-verdict"), header(&response, "rmdd-reason")), (verdict, reason), "{path}");
        assert_eq!(header(&response, "cache-control"), "no-store");
        assert_eq!(["etag", "last-modified"].map(|name| header(&response, name)), ["", ""], "no answer may be kept");
        let reported = ["rmdd-rule", "rmdd-snapshot", "rmdd-age"].map(|name| header(&response, name).to_owned());
        let age: u64 = reported[2].parse().expect("seconds");
        let length = header(&response, "content-length").to_owned();
        let answer: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
        assert_eq!(
            (&answer["rule"], &reported[1]),
            (&reported[0].as_str().into(), &answer["snapshot"]["serial"].to_string())
        );
        assert_eq!(answer["snapshot"]["age_seconds"], age);

        let head = ask(&scene.daemon, Method::HEAD, &path, &[]).await;
        assert_eq!((header(&head, "rmdd-verdict"), header(&head, "rmdd-reason")), (verdict, reason));
        assert_eq!(header(&head, "content-length").len(), length.len(), "of the body that GET would have");
        assert!(head.bytes().await.expect("a body").is_empty());

        let sign = if path.contains('?') { '&' } else { '?' };
        let by_header = ask(&scene.daemon, Method::GET, &path, &[("Accept", "text/plain")]).await;
        let by_parameter = get(&scene.daemon, &format!("{path}{sign}format=text")).await;
        for text in [by_header, by_parameter] {
            assert_eq!(header(&text, "content-type"), "text/plain; charset=utf-8");
            assert_eq!((header(&text, "rmdd-verdict"), header(&text, "rmdd-reason")), (verdict, reason));
            let line = text.text().await.expect("a text");
            let message = line.strip_prefix(&format!("{verdict} {reason} ")).expect("the words");
            assert!(message.len() > 10 && message.find('\n') == Some(message.len() - 1), "one line: {line:?}");
        }
        let json = format!("{path}{sign}format=json");
        let json = ask(&scene.daemon, Method::GET, &json, &[("Accept", "text/plain")]).await;
        assert_eq!(header(&json, "content-type"), "application/json");
    }
}

#[tokio::test]
async fn a_name_is_found_however_it_is_encoded() {
    let scene = Scene::new().await;
    for (who, verdict) in [
        ("tg-acme-1", "ACCEPT"),
        ("peer:TG-ACME-1", "ACCEPT"),
        ("peer%3ATG%2DAcme%2D1", "ACCEPT"),
        ("ocn:591e", "ACCEPT"),
        ("0041-0000-01", "ACCEPT"),
        ("FRN%2041000001", "ACCEPT"),
        ("frn:0041000001", "ACCEPT"),
        ("West%207%2F8%20%C3%9Cnion", "REFUSE"),
        ("West%207/8%20%C3%BCnion", "REFUSE"),
    ] {
        let response = get(&scene.daemon, &format!("/v1/check/{who}")).await;
        assert_eq!((response.status(), header(&response, "rmdd-verdict")), (StatusCode::OK, verdict), "{who}");
    }
    // The peer's own role counts unless another is named.
    let own = json(&scene.daemon, "/v1/check/TG-Acme-1", StatusCode::OK).await;
    assert_eq!((&own["rule"], &own["peer"]), (&"47 CFR 64.6305(g)(3)".into(), &"TG-Acme-1".into()));
    let named = json(&scene.daemon, "/v1/check/TG-Acme-1?role=voice", StatusCode::OK).await;
    assert_eq!(named["rule"], "47 CFR 64.6305(g)(1)");
}

#[tokio::test]
async fn a_name_that_is_a_number_too_is_asked_for_by_a_prefix_and_a_network_by_its_addresses() {
    let scene = Scene::new().await;
    for (name, kind) in
        [(GONE, "trunk_group"), ("41000002", "account"), ("192.0.2.0/24", "ip"), ("2001:db8::/32", "ip")]
    {
        let added = scene.site.run(&["peers", "add", name, STANDS, "--kind", kind]);
        assert_eq!(status_of(&added), 0, "{}", stderr(&added));
    }
    for prefix in ["/v1/check", "/v1/providers"] {
        for (who, writings) in
            [(GONE, format!("frn:{GONE} or peer:{GONE}")), ("41000002", "or peer:41000002".to_owned())]
        {
            let path = format!("{prefix}/{who}");
            assert_eq!(error(&scene.daemon, &path, StatusCode::BAD_REQUEST).await, "IDENTITY_AMBIGUOUS", "{path}");
            let text = ask(&scene.daemon, Method::GET, &path, &[("Accept", "text/plain")]).await;
            let text = text.text().await.expect("a text");
            assert!(text.contains(&writings), "{text}");
        }
    }
    for (who, verdict) in [
        (format!("peer:{GONE}"), "ACCEPT"),
        (format!("frn:{GONE}"), "REFUSE"),
        (format!("rmd:{GONE_NUMBER}"), "REFUSE"),
        (format!("{GONE}?emergency=true"), "ACCEPT"),
        // Before the names were bound.
        (format!("{GONE}?at={}", scene.all_stood_at), "ACCEPT"),
        ("192.0.2.77".to_owned(), "ACCEPT"),
        ("peer:192.0.2.0%2F24".to_owned(), "ACCEPT"),
        ("peer:[2001:DB8::7]".to_owned(), "ACCEPT"),
    ] {
        let response = get(&scene.daemon, &format!("/v1/check/{who}")).await;
        assert_eq!((response.status(), header(&response, "rmdd-verdict")), (StatusCode::OK, verdict), "{who}");
    }
    assert_eq!(error(&scene.daemon, "/v1/check/192.0.3.7", StatusCode::NOT_FOUND).await, "PEER_UNKNOWN");
}

#[tokio::test]
async fn a_bad_question_is_told_what_is_bad_and_gets_no_verdict() {
    let scene = Scene::new().await;
    for (path, status, reason) in [
        ("/v1/check/00410000012", 400, "INVALID_FRN"),
        ("/v1/check/frn:12AB", 400, "INVALID_FRN"),
        ("/v1/check/RMD12", 400, "INVALID_RMD_NUMBER"),
        ("/v1/check/0001410", 400, "INVALID_RMD_NUMBER"),
        ("/v1/check/rmd:12345678", 400, "INVALID_RMD_NUMBER"),
        ("/v1/check/004100000I", 400, "INVALID_FRN"),
        ("/v1/check/ocn:12", 400, "INVALID_OCN"),
        ("/v1/check/peer:", 400, "INVALID_PEER"),
        ("/v1/check/%FF%FE", 400, "INVALID_PEER"),
        ("/v1/check/peer:TG%00", 400, "INVALID_PEER"),
        ("/v1/check/", 400, "IDENTITY_MISSING"),
        ("/v1/check", 400, "IDENTITY_MISSING"),
        ("/v1/check/%20", 400, "IDENTITY_MISSING"),
        ("/v1/check/TG-Nobody", 404, "PEER_UNKNOWN"),
        ("/v1/check/7321?role=gateway", 200, ""),
        ("/v1/check/ocn:7321", 404, "PEER_UNKNOWN"),
        ("/v1/check/0041000001?role=carrier", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?roll=gateway", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?role=gateway&role=gateway", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?emergency=maybe", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?foreign=perhaps", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?us_caller_id=2", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?format=xml", 400, "INVALID_PARAMETER"),
        ("/v1/check/0041000001?at=soon", 400, "INVALID_TIME"),
        ("/v1/check/0041000001?at=2999-01-01T00:00:00Z", 400, "INVALID_TIME"),
        ("/v1/check/0041000001?at=2001-01-01", 400, "HISTORY_NOT_REACHING"),
        ("/v1/check/0041000001?at=2001-01-01&emergency=true", 400, "HISTORY_NOT_REACHING"),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        if status.is_success() {
            json(&scene.daemon, path, status).await;
            continue;
        }
        assert_eq!(error(&scene.daemon, path, status).await, reason, "{path}");
        assert!(get(&scene.daemon, path).await.headers().get("rmdd-verdict").is_none(), "{path}");
        let text = ask(&scene.daemon, Method::GET, path, &[("Accept", "text/plain")]).await;
        let text = text.text().await.expect("a text");
        assert!(text.starts_with(&format!("ERROR {reason} ")) && text.ends_with('\n'), "{path}: {text:?}");
    }
}

#[tokio::test]
async fn a_call_to_911_is_accepted_whatever_is_wrong() {
    let scene = Scene::new().await;
    let site = Site::new();
    let empty = site.start();
    empty.first_sync().await;
    let broken = ["", "/", "/00410000012", "/TG-Nobody", "/%FF", "/a/b/c", "/RMD12", "/x?role=carrier", "/x?roll=1"];
    for daemon in [&scene.daemon, &empty] {
        for path in broken {
            for emergency in ["emergency=true", "emergency"] {
                let sign = if path.contains('?') { '&' } else { '?' };
                let path = format!("/v1/check{path}{sign}{emergency}");
                let response = get(daemon, &path).await;
                let reported = ["rmdd-verdict", "rmdd-reason"].map(|name| header(&response, name));
                assert_eq!((response.status(), reported), (StatusCode::OK, ["ACCEPT", "EMERGENCY_CALL"]), "{path}");
            }
        }
    }
    for (method, path) in [
        (Method::POST, "/v1/check/x?emergency=true"),
        (Method::DELETE, "/v1/check/x?emergency=true"),
        (Method::GET, "//v1/check/x?emergency=true"),
        (Method::GET, "/v1/chek/x?emergency=true"),
        (Method::GET, "/?emergency=true"),
        (Method::GET, "/v1/check/x?emergency=true&at=bad&role=bad"),
    ] {
        let response = ask(&scene.daemon, method.clone(), path, &[]).await;
        let reported = ["rmdd-verdict", "rmdd-reason"].map(|name| header(&response, name));
        assert_eq!((response.status(), reported), (StatusCode::OK, ["ACCEPT", "EMERGENCY_CALL"]), "{method} {path}");
    }
    let response = get(&empty, &format!("/v1/check/{STANDS}?emergency=1")).await;
    assert_eq!(header(&response, "rmdd-snapshot"), "", "there is none");
    let answer: Value = serde_json::from_str(&response.text().await.expect("a body")).expect("JSON");
    assert_eq!((&answer["verdict"], &answer["snapshot"]), (&"ACCEPT".into(), &Value::Null));
}

#[tokio::test]
async fn before_the_first_listing_there_is_no_verdict() {
    let site = Site::new();
    let daemon = site.start();
    daemon.first_sync().await;
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    for path in ["/v1/check/0041000001", "/v1/check/TG-Nobody", "/v1/providers/0041000001", "/v1/removals"] {
        assert_eq!(error(&daemon, path, unavailable).await, "SNAPSHOT_NOT_LOADED", "{path}");
    }
    assert!(exists(&daemon.socket));
    site.publish(&World::new(5, 30).to_csv());
    daemon.sync().await;
    assert_eq!(json(&daemon, "/v1/check/0041000001", StatusCode::OK).await["reason"], "NOT_LISTED");
}

#[tokio::test]
async fn a_call_to_911_is_accepted_though_its_request_line_is_not_well_formed() {
    let scene = Scene::new().await;
    let address = scene.daemon.http.as_deref().and_then(|url| url.strip_prefix("http://")).expect("an address");
    let lines: [&[u8]; 7] = [
        b"GET http://rmdd/v1/check/x?emergency=true&called=911&\xff HTTP/1.1",
        b"GET http://[::1]:7634/v1/check/Acme Telecom?emergency=true HTTP/1.1",
        b"GET /v1/check/Acme Telecom?emergency=true HTTP/1.1",
        b"GET /v1/check/x?caller_id=\"Fern\" <sip:+12125550100@gw>&emergency=true HTTP/1.1",
        b"GET /v1/check/x?emergency=true&caller_id=\xff\xfe HTTP/1.1",
        b"POST v1/check/x?emergency HTTP/1.1",
        b"GET /v1/check/x?emergency=true HTTP/1.1",
    ];
    let mut kept = tokio::net::TcpStream::connect(address).await.expect("connected");
    for line in lines {
        let request = [line, b"\r\nHost: rmdd\r\nAccept: text/plain\r\n\r\n"].concat();
        kept.write_all(&request).await.expect("sent");
        let mut reply = Vec::new();
        while !reply.windows(2).any(|pair| pair == b".\n" || pair == b")\n") && !reply.ends_with(b"provider\n") {
            let read = kept.read_buf(&mut reply).await.expect("an answer");
            assert!(read > 0, "{}: {}", String::from_utf8_lossy(line), String::from_utf8_lossy(&reply));
        }
        let reply = String::from_utf8_lossy(&reply).into_owned();
        assert!(reply.starts_with("HTTP/1.1 200 ") && reply.contains("ACCEPT EMERGENCY_CALL"), "{reply}");
    }
    // What is no request by any reading of RFC 9112 ends the connection behind its answer.
    let requests: [&[u8]; 6] = [
        b"G@T /v1/check/x?emergency=true HTTP/1.0\r\n\r\n",
        b" GET /v1/check/x?emergency=true HTTP/1.0\r\n\r\n",
        b"GET /v1/check/x?emergency=true HTTP/2.0\r\nHost: rmdd\r\n\r\n",
        b"GET /v1/check/x?emergency=true\r\n\r\n",
        b"GET /v1/check/x?emergency=true HTTP/1.1\r\nno header\r\nHost: rmdd\r\n\r\n",
        b"GET /v1/check/x?emergency=true HTTP/1.1\r\nFrom: \x01\r\nHost: rmdd\r\n\r\n",
    ];
    for request in requests {
        let mut alone = tokio::net::TcpStream::connect(address).await.expect("connected");
        alone.write_all(request).await.expect("sent");
        let mut reply = String::new();
        alone.read_to_string(&mut reply).await.expect("an answer");
        assert!(reply.contains(" 200 ") && reply.contains("EMERGENCY_CALL"), "{}: {reply}", request.escape_ascii());
    }
    // Anything else is no guess of the daemon's.
    let mut other = tokio::net::TcpStream::connect(address).await.expect("connected");
    other.write_all(b"GET /v1/check/Acme Telecom HTTP/1.1\r\nHost: rmdd\r\n\r\n").await.expect("sent");
    let mut reply = String::new();
    other.read_to_string(&mut reply).await.expect("an answer");
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
}
