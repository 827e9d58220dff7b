//! Questions over HTTP, as a switch and as monitoring ask them.

mod at_once;
mod checks;
mod described;
mod listing;
mod rfc;

use std::sync::LazyLock;

use crate::common::{Daemon, Site, status_of, stderr};
use reqwest::{Client, ClientBuilder, Method, Response, StatusCode};
use rmdd_testkit::World;
use serde_json::Value;

/// Stands, for voice service and gateway.
const STANDS: &str = "0041000001";
const STANDS_NUMBER: &str = "RMD0900001";
/// Stood, and was removed.
const GONE: &str = "0041000002";
const GONE_NUMBER: &str = "RMD0900002";
/// Was removed, and stands again.
const BACK_NUMBER: &str = "RMD0900003";
/// Never was listed.
const NEVER: &str = "0041000009";

/// A client as a switch has one: with no proxy on the way.
fn client() -> ClientBuilder {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy()
}

/// Every test has a runtime of its own, which a kept connection would not outlive.
static CLIENT: LazyLock<Client> = LazyLock::new(|| client().pool_max_idle_per_host(0).build().expect("a client"));

/// Asks for a path.
async fn ask(daemon: &Daemon, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let url = format!("{}{path}", daemon.http.as_deref().expect("an HTTP listener"));
    let mut request = CLIENT.request(method, url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.expect("an answer")
}

async fn get(daemon: &Daemon, path: &str) -> Response {
    ask(daemon, Method::GET, path, &[]).await
}

/// Asks for JSON, and expects this status.
async fn json(daemon: &Daemon, path: &str, status: StatusCode) -> Value {
    let response = get(daemon, path).await;
    assert_eq!((response.status(), header(&response, "content-type")), (status, "application/json"), "{path}");
    serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON")
}

/// Asks and expects an error with this status; returns its reason.
async fn error(daemon: &Daemon, path: &str, status: StatusCode) -> String {
    let response = get(daemon, path).await;
    assert_eq!(response.status(), status, "{path}");
    let reported = header(&response, "rmdd-error").to_owned();
    let error: Value = serde_json::from_slice(&response.bytes().await.expect("a body")).expect("JSON");
    assert_eq!(error["error"]["reason"], reported.as_str(), "{path}");
    assert!(error["error"]["message"].as_str().is_some_and(|message| message.len() > 10), "{path}: {error}");
    reported
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("a text"))
}

/// The filings above, two of them removed at first and then one of these there again; and names for some.
struct Scene {
    site: Site,
    daemon: Daemon,
    /// When all of them stood.
    all_stood_at: String,
}

impl Scene {
    async fn new() -> Self {
        let mut world = World::new(91, 60);
        for (number, frn) in [(STANDS_NUMBER, STANDS), (GONE_NUMBER, GONE), (BACK_NUMBER, "0041000003")] {
            let mut row = world.rows().next().cloned().expect("a row");
            for (column, cell) in [
                ("number", number),
                ("frn", frn),
                ("business_name", &format!("Example\n{frn} LLC")),
                ("business_address", &format!("{number} Main Street")),
                ("foreign_voice_provider", "No"),
                ("other_frns", ""),
                ("voice_service_provider_choice", "Yes"),
                ("gateway_provider_choice", "Yes"),
                ("intermediate_provider_choice", "No"),
            ] {
                row.set(column, cell);
            }
            world.insert(row);
        }
        let site = Site::with_listing(&world.to_csv());
        let daemon = site.start();
        daemon.first_sync().await;
        let all_stood_at = crate::common::now().to_string();
        world.remove(GONE_NUMBER).expect("it stood");
        let back = world.remove(BACK_NUMBER).expect("it stood");
        site.publish(&world.to_csv());
        assert_eq!(daemon.sync().await.removed, 2);
        world.insert(back);
        site.publish(&world.to_csv());
        assert_eq!(daemon.sync().await.reinstated, 1);
        for (name, of, options) in [
            ("TG-Acme-1", STANDS, ["--role", "gateway"]),
            ("West 7/8 Ünion", GONE_NUMBER, ["--kind", "trunk_group"]),
            ("591E", STANDS_NUMBER, ["--kind", "ocn"]),
        ] {
            let added = site.run(&[&["peers", "add", name, of][..], &options[..]].concat());
            assert_eq!(status_of(&added), 0, "{}", stderr(&added));
        }
        Self { site, daemon, all_stood_at }
    }
}

#[tokio::test]
async fn it_is_alive_at_once_and_ready_when_a_listing_is_loaded() {
    let site = Site::new();
    let daemon = site.start();
    daemon.first_sync().await;
    let alive = get(&daemon, "/healthz").await;
    assert_eq!((alive.status(), alive.text().await.expect("a text").as_str()), (StatusCode::OK, "ok\n"));
    assert_eq!(error(&daemon, "/readyz", StatusCode::SERVICE_UNAVAILABLE).await, "SNAPSHOT_NOT_LOADED");

    site.publish(&World::new(1, 20).to_csv());
    daemon.sync().await;
    let ready = get(&daemon, "/readyz").await;
    assert_eq!((ready.status(), ready.text().await.expect("a text").as_str()), (StatusCode::OK, "ready\n"));
}

#[tokio::test]
async fn it_listens_where_it_is_told_and_nowhere_if_told_so() {
    let site = Site::with_listing(&World::new(1, 20).to_csv());
    let source = site.listing().display().to_string();
    let daemon = site.start_with(&["--source", &source, "--http-listen", "off"]);
    assert!(daemon.http.is_none());
    daemon.terminate().await;

    let socket = site.directory.path().join("http.sock");
    let daemon = site.start_with(&["--source", &source, "--http-listen", &format!("unix:{}", socket.display())]);
    let client = client().unix_socket(socket.as_path()).build().expect("a client");
    let alive = client.get("http://rmdd/healthz").send().await.expect("an answer");
    assert_eq!(alive.status(), StatusCode::OK);
    let (status, _) = daemon.terminate().await;
    assert!(status.success());
    assert!(!crate::common::exists(&socket), "the socket is gone with the daemon");

    let busy = site.start_with(&["--source", &source]);
    let address = busy.http.as_deref().expect("an HTTP listener").replace("http://", "");
    let second = Site::new();
    let refused = second.run(&["serve", "--grpc-listen", "off", "--http-listen", &address]);
    let said = crate::common::stderr(&refused);
    assert!(!refused.status.success() && said.contains(&address) && said.contains("--http-listen"), "{said}");
    assert_eq!(get(&busy, "/healthz").await.status(), StatusCode::OK, "the first goes on");
}

#[tokio::test]
async fn paths_and_methods_that_are_none_get_errors_in_the_usual_form() {
    let site = Site::with_listing(&World::new(1, 20).to_csv());
    let daemon = site.start();
    for path in ["/v1", "/v1/removals/", "/v2/check/RMD0001410", "/v1/providers", "/%ff"] {
        assert_eq!(error(&daemon, path, StatusCode::NOT_FOUND).await, "PATH_UNKNOWN", "{path}");
    }
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let response = ask(&daemon, method, "/v1/check/RMD0001410", &[]).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(header(&response, "rmdd-error"), "METHOD_NOT_ALLOWED");
        assert_eq!(header(&response, "allow"), "GET,HEAD");
    }
    let text = ask(&daemon, Method::GET, "/nowhere", &[("Accept", "text/plain")]).await;
    assert!(text.text().await.expect("a text").starts_with("ERROR PATH_UNKNOWN nothing is served at /nowhere"));
}
