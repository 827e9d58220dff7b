//! Questions over HTTP, as a switch and as monitoring ask them.

mod common;

use common::{Daemon, Site, eventually};
use reqwest::{Client, ClientBuilder, Response, StatusCode};
use rmdd_testkit::World;

/// A client as a switch has one: with no proxy on the way.
fn client() -> ClientBuilder {
    // Fails where another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy()
}

/// Asks for a path.
async fn get(daemon: &Daemon, path: &str) -> Response {
    let url = format!("{}{path}", daemon.http.as_deref().expect("an HTTP listener"));
    client().build().expect("a client").get(url).send().await.expect("an answer")
}

#[tokio::test]
async fn it_is_alive_at_once_and_ready_when_a_listing_is_loaded() {
    let site = Site::new();
    let daemon = site.start();
    daemon.first_sync().await;
    let alive = get(&daemon, "/healthz").await;
    assert_eq!((alive.status(), alive.text().await.expect("a text").as_str()), (StatusCode::OK, "ok\n"));
    let ready = get(&daemon, "/readyz").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let why = ready.text().await.expect("a text");
    assert!(why.contains("no listing"), "{why}");

    site.publish(&World::new(1, 20).to_csv());
    daemon.sync().await;
    assert_eq!(get(&daemon, "/readyz").await.status(), StatusCode::OK);
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
    assert!(!common::exists(&socket), "the socket is gone with the daemon");

    let busy = site.start_with(&["--source", &source]);
    let address = busy.http.as_deref().expect("an HTTP listener").replace("http://", "");
    let second = Site::new();
    let refused = second.run(&["serve", "--http-listen", &address]);
    let said = common::stderr(&refused);
    assert!(!refused.status.success() && said.contains(&address) && said.contains("--http-listen"), "{said}");
    eventually("the first goes on", || async { Some(get(&busy, "/healthz").await.status() == StatusCode::OK) }).await;
}
