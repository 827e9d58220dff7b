//! Alerts of a real daemon: they arrive, in order, whatever the other end does, and say what is so.

mod bad_input;
mod channels;
mod commands;
mod delivered;
mod peers;

use std::path::PathBuf;

use serde_json::Value;

use crate::common::http::{Answer, Request, Server};
use crate::common::{Site, eventually};
use rmdd_testkit::World;

/// Settings under which nothing waits for long.
pub const QUICK: &str = r#"
[alerts]
group_wait = "50ms"
check_every = "100ms"
retry_after = ["20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms", "20ms"]
timeout = "2s"
"#;

pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// 200 and nothing more.
pub fn taken() -> Answer {
    Answer::response("200 OK", "Content-Length: 2\r\n", b"ok")
}

pub fn answered(status: &str) -> Answer {
    Answer::response(status, "Content-Length: 3\r\n", b"no\x1b")
}

/// A file that only its owner may read.
pub fn secret_file(site: &Site, name: &str, text: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;

    let path = site.directory.path().join(name);
    std::fs::write(&path, text).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    path
}

/// A channel that posts to a server.
pub fn webhook(name: &str, server: &Server, more: &str) -> String {
    format!("\n[[alerts.channel]]\nname = {name:?}\ntype = \"webhook\"\nurl = {:?}\n{more}\n", server.url)
}

/// A site with a small listing.
pub fn site() -> (Site, World) {
    let world = World::new(31, 60);
    (Site::with_listing(&world.to_csv()), world)
}

pub fn event(request: &Request) -> Value {
    serde_json::from_slice(&request.body).expect("JSON")
}

/// Waits for an event of this type.
pub async fn event_of(server: &Server, kind: &str) -> Value {
    eventually(kind, || async {
        server.seen().iter().filter(|request| !request.body.is_empty()).map(event).find(|event| event["type"] == kind)
    })
    .await
}

/// The types of the events that came, each once.
pub fn kinds(server: &Server) -> Vec<String> {
    let mut seen = Vec::new();
    let mut ids = std::collections::BTreeSet::new();
    for request in server.seen() {
        let event = event(&request);
        if ids.insert(event["id"].as_str().expect("an ID").to_owned()) {
            seen.push(event["type"].as_str().expect("a type").to_owned());
        }
    }
    seen
}
