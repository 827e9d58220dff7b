//! The page, as a browser and as those who mean harm ask for it. `tests/browser` looks at it in a real browser.

mod browser;
mod hostile;
mod rights;
mod shown;

use reqwest::{Client, Response};
use rmdd_testkit::World;

use crate::common::{Daemon, Site, status_of, stderr};

/// A token of each right that the page knows.
const OPERATOR: (&str, &str) = ("noc", "0123456789abcdef0123456789abcdef");
const QUERY: (&str, &str) = ("desk", "fedcba9876543210fedcba9876543210");

/// Its pages, one of each kind.
const PAGES: [&str; 6] = ["/", "/peers", "/provider/RMD0900001", "/removals", "/changes", "/search?q=fern"];

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
}

/// A daemon with tokens, and settings.
fn start(site: &Site, settings: &str) -> Daemon {
    let tokens = site.directory.path().join("tokens.toml");
    let entry = |(name, token): (&str, &str), right: &str| {
        format!("[[token]]\nname = \"{name}\"\nright = \"{right}\"\ntoken = \"{token}\"\n")
    };
    std::fs::write(&tokens, entry(OPERATOR, "operator") + &entry(QUERY, "query")).expect("written");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&tokens, mode).expect("its mode");
    site.start_configured(&format!("access.tokens_file = {:?}\n{settings}", tokens.display().to_string()))
}

/// Gets a path as who has this token, or as nobody.
async fn get(daemon: &Daemon, path: &str, by: Option<(&str, &str)>) -> Response {
    let request = client().get(format!("{}{path}", daemon.http.as_deref().expect("an HTTP listener")));
    let request = request.header("accept", "text/html,*/*;q=0.8");
    let request = by.into_iter().fold(request, |request, (name, token)| request.basic_auth(name, Some(token)));
    request.send().await.expect("an answer")
}

async fn text(daemon: &Daemon, path: &str, by: Option<(&str, &str)>) -> String {
    let answer = get(daemon, path, by).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.text().await.expect("a text")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("a text"))
}

fn run(site: &Site, arguments: &[&str]) {
    let done = site.run(arguments);
    assert_eq!(status_of(&done), 0, "{arguments:?}: {}", stderr(&done));
}

/// A listing in which three providers of these names stand.
fn world(names: [&str; 3]) -> World {
    let mut world = World::new(91, 60);
    for (place, name) in names.into_iter().enumerate() {
        let mut row = world.rows().next().cloned().expect("a row");
        row.set("number", format!("RMD090000{}", place + 1));
        row.set("frn", format!("004100000{}", place + 1));
        row.set("business_name", name);
        row.set("business_address", format!("{place} Main Street"));
        row.set("voice_service_provider_choice", "Yes");
        world.insert(row);
    }
    world
}

/// Three providers, two of them peers; the second is removed then, and the third amended.
async fn scene(names: [&str; 3], settings: &str) -> (Site, Daemon) {
    let mut world = world(names);
    let site = Site::with_listing(&world.to_csv());
    let daemon = start(&site, settings);
    daemon.first_sync().await;
    world.remove("RMD0900002").expect("it stood");
    let mut third = world.remove("RMD0900003").expect("it stood");
    third.set("business_address", "9 Other Street");
    world.insert(third);
    site.publish(&world.to_csv());
    daemon.sync().await;
    run(&site, &["peers", "add", "TG-Good", "0041000001"]);
    run(&site, &["peers", "add", "TG-Bad", "0041000002", "--role", "voice_service"]);
    (site, daemon)
}
