//! Who may see which page, and under which name.

use reqwest::StatusCode;

use super::{OPERATOR, PAGES, QUERY, client, get, header, scene, text};

const NAMES: [&str; 3] = ["Fern Velvet Telecom", "Quiet Harbor Tel", "Third & Co"];

/// What only an operator may see of this scene.
const OWN: [&str; 4] = ["TG-Good", "TG-Bad", "h-alarms", "h-sources"];

#[tokio::test]
async fn peers_alarms_and_deadlines_are_for_operators_and_the_listing_for_who_may_ask() {
    let (_site, daemon) = scene(NAMES, "").await;
    for path in PAGES {
        let page = get(&daemon, path, Some(OPERATOR)).await;
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        for by in [None, Some(QUERY)] {
            let answer = get(&daemon, path, by).await;
            let (status, asks) = (answer.status(), header(&answer, "www-authenticate").to_owned());
            let page = answer.text().await.expect("a text");
            assert!(!OWN.iter().any(|own| page.contains(own)), "{path}: {page}");
            match (path, by) {
                // A browser asks a person for a token, once.
                ("/peers", None) => {
                    assert_eq!(
                        (status, asks.as_str()),
                        (StatusCode::UNAUTHORIZED, "Basic realm=\"rmdd\", charset=\"UTF-8\"")
                    );
                }
                ("/peers", Some(_)) => assert_eq!((status, asks.as_str()), (StatusCode::FORBIDDEN, "")),
                _ => assert_eq!(status, StatusCode::OK, "{path}"),
            }
        }
    }
    // Nor in CSV, whichever table is named.
    for table in ["todo", "deadlines", "alarms", "sources", "held"] {
        assert_eq!(get(&daemon, &format!("/?format=csv&table={table}"), None).await.status(), StatusCode::BAD_REQUEST);
    }
    for path in ["/removals?format=csv", "/changes?format=csv", "/?format=csv&table=weeks", "/?format=csv&table=calls"]
    {
        let csv = text(&daemon, path, None).await;
        assert!(!csv.contains("TG-") && !csv.contains("Of your peers"), "{path}: {csv}");
    }
    let card = text(&daemon, "/provider/0041000002?format=csv&table=verdicts", Some(QUERY)).await;
    assert_eq!(card.lines().count(), 5, "{card}");
}

#[tokio::test]
async fn a_wrong_token_opens_nothing_and_the_right_one_does_in_both_writings() {
    let (_site, daemon) = scene(NAMES, "access.require = true\n").await;
    let (name, token) = OPERATOR;
    for wrong in [("noc", "wrong"), ("desk", token), ("", token), (token, ""), ("noc", "")] {
        for path in ["/", "/peers", "/provider/0041000001"] {
            let answer = get(&daemon, path, Some(wrong)).await;
            let status = answer.status();
            assert!(matches!(status.as_u16(), 401 | 429), "{wrong:?} {path}: {status}");
            let page = answer.text().await.expect("a text");
            assert!(!page.contains("Fern") && !page.contains(token), "{page}");
        }
    }
    let nobody = get(&daemon, "/", None).await;
    let challenges: Vec<_> = nobody.headers().get_all("www-authenticate").iter().collect();
    assert_eq!((nobody.status(), challenges.len()), (StatusCode::UNAUTHORIZED, 2));
    // The API is asked by programs, which take what they know of what is offered: curl, and what is built on it, the second.
    for path in ["/v1/check/0041000001", "/v1/removals", "/metrics"] {
        let nobody = get(&daemon, path, None).await;
        let challenges: Vec<_> = nobody.headers().get_all("www-authenticate").iter().collect();
        let offered = ["Bearer realm=\"rmdd\"", "Basic realm=\"rmdd\", charset=\"UTF-8\""]
            .map(reqwest::header::HeaderValue::from_static);
        assert_eq!((nobody.status(), challenges), (StatusCode::UNAUTHORIZED, offered.iter().collect()), "{path}");
    }
    assert_eq!(get(&daemon, "/page.css", None).await.status(), StatusCode::OK, "how it looks is no secret");
    assert!(text(&daemon, "/peers", Some((name, token))).await.contains("for noc"));
    let root = daemon.http.as_deref().expect("an HTTP listener");
    let bearer = client().get(format!("{root}/peers")).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(bearer.status(), StatusCode::OK);
    // A browser's token is good for the API as well.
    let check = client().get(format!("{root}/v1/check/0041000001")).basic_auth(name, Some(token));
    assert_eq!(check.send().await.expect("an answer").status(), StatusCode::OK);
}

#[tokio::test]
async fn the_socket_of_the_administration_serves_the_page_with_its_rights_and_grpc_as_before() {
    let (_site, daemon) = scene(NAMES, "").await;
    let browser = reqwest::Client::builder().no_proxy().unix_socket(daemon.socket.as_path()).build().expect("a client");
    // As `ssh -L 7634:/run/rmdd/rmdd.sock` has it.
    for path in PAGES {
        let page = browser.get(format!("http://localhost:7634{path}")).send().await.expect("an answer");
        assert_eq!(page.status(), StatusCode::OK, "{path}");
        let page = page.text().await.expect("a text");
        assert!(page.contains("for root") || std::env::var("USER").is_ok_and(|user| user != "root"), "{page}");
    }
    let page = browser.get("http://localhost:7634/").send().await.expect("an answer").text().await.expect("a text");
    assert!(OWN.iter().filter(|own| **own != "TG-Good").all(|own| page.contains(own)), "{page}");
    // A site that gave itself an address of this machine reads nothing through somebody's tunnel.
    let foreign = browser.get("http://evil.example:7634/").send().await.expect("an answer");
    assert_eq!(foreign.status(), StatusCode::MISDIRECTED_REQUEST);
    assert!(!foreign.text().await.expect("a text").contains("TG-"));
    assert_eq!(daemon.status().await.filings, 62, "and gRPC goes on");
}

#[tokio::test]
async fn a_foreign_name_is_refused_to_who_shows_nothing() {
    let (_site, daemon) = scene(NAMES, "http.hosts = [\"rmd1.example.net\"]\n").await;
    let root = daemon.http.as_deref().expect("an HTTP listener");
    let ask = async |path: &str, host: &str, by: Option<(&str, &str)>| {
        let request = client().get(format!("{root}{path}")).header("host", host);
        let request = by.into_iter().fold(request, |request, (name, token)| request.basic_auth(name, Some(token)));
        request.send().await.expect("an answer").status()
    };
    for path in ["/", "/removals", "/provider/0041000001"] {
        for (host, status) in [
            ("evil.example", StatusCode::MISDIRECTED_REQUEST),
            ("evil.example:7634", StatusCode::MISDIRECTED_REQUEST),
            ("rmd1.example.net.evil.example", StatusCode::MISDIRECTED_REQUEST),
            ("rmd1.example.net:7634", StatusCode::OK),
            ("localhost", StatusCode::OK),
            ("127.0.0.1:1", StatusCode::OK),
            ("[::1]:7634", StatusCode::OK),
        ] {
            assert_eq!(ask(path, host, None).await, status, "{path} {host}");
        }
        assert_eq!(ask(path, "evil.example", Some(OPERATOR)).await, StatusCode::OK, "no browser sends it there");
    }
    // What is asked today does not look at the name.
    assert_eq!(ask("/v1/check/0041000001", "evil.example", None).await, StatusCode::OK);
}
