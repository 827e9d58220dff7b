//! The description of all this, held against what is so.

use std::collections::{BTreeMap, BTreeSet};

use jsonschema::Validator;
use reqwest::{Method, Response, StatusCode};
use rmdd_testkit::World;
use serde_json::{Value, json};

use super::{GONE, GONE_NUMBER, NEVER, STANDS, STANDS_NUMBER, Scene, ask, get, header};
use crate::common::{Daemon, Site, eventually};

/// The served description.
struct Description(Value);

impl Description {
    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.0.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere")),
            None => value,
        }
    }

    /// The path of the description that a request's path is an instance of.
    fn path(&self, asked: &str) -> &str {
        let asked = asked.split('?').next().expect("a path");
        let paths = self.0["paths"].as_object().expect("paths");
        let fits = |path: &&String| match path.split_once('{') {
            Some((prefix, _)) => asked.strip_prefix(prefix).is_some_and(|who| !who.is_empty()),
            None => asked == path.as_str(),
        };
        paths.keys().find(fits).unwrap_or_else(|| panic!("{asked} is not described"))
    }

    /// A validator that also takes offence at members that are not described.
    fn validator(&self, schema: &Value) -> Validator {
        let mut components = self.0["components"].clone();
        strict(&mut components);
        let mut schema = schema.clone();
        schema["components"] = components;
        jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema")
    }

    /// Holds an answer against what is described for it.
    async fn check(&self, asked: &str, method: Method, response: Response) {
        let what = format!("{method} {asked}: {}", response.status());
        let operation = &self.0["paths"][self.path(asked)]["get"];
        let described = &operation["responses"][response.status().as_str()];
        assert!(described.is_object(), "{what} is not described");
        let described = self.resolve(described);

        let headers = described["headers"].as_object().cloned().unwrap_or_default();
        let names: BTreeSet<String> = headers.keys().map(|name| name.to_ascii_lowercase()).collect();
        let sent: BTreeSet<String> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        for name in sent.iter().filter(|name| name.starts_with("rmdd-") || *name == "retry-after") {
            assert!(names.contains(name), "{what}: the header {name} is not described");
        }
        for (name, header) in &headers {
            let header = self.resolve(header);
            match response.headers().get(name) {
                None => assert_ne!(header["required"], true, "{what}: {name} is missing"),
                Some(value) => {
                    let text = value.to_str().expect("a text");
                    let value = match header["schema"]["type"].as_str() {
                        Some("integer") => json!(text.parse::<i64>().expect("a number")),
                        _ => json!(text),
                    };
                    self.holds(&header["schema"], &value, &format!("{what}, {name}"));
                }
            }
        }

        let media = super::header(&response, "content-type").split(';').next().expect("a type").to_owned();
        let schema = described["content"][&media]["schema"].clone();
        assert!(schema.is_object(), "{what}: {media} is not described");
        let body = response.bytes().await.expect("a body");
        if method == Method::HEAD {
            assert!(body.is_empty(), "{what}");
        } else if media == "application/json" {
            self.holds(&schema, &serde_json::from_slice(&body).expect("JSON"), &what);
        } else {
            self.holds(&schema, &json!(std::str::from_utf8(&body).expect("UTF-8")), &what);
        }
    }

    fn holds(&self, schema: &Value, value: &Value, what: &str) {
        let wrong: Vec<String> = self
            .validator(schema)
            .iter_errors(value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{value}");
    }
}

/// Lets no object have members that are not described.
fn strict(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.get("type") == Some(&json!("object")) && members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(strict);
        }
        Value::Array(items) => items.iter_mut().for_each(strict),
        _ => {}
    }
}

/// One with a listing that takes one question a second, and none before.
async fn busy(site: &Site) -> Daemon {
    let daemon = site.start_configured("[limits]\nrate_limit = 1\nbatch = 1\n");
    // This is no question, as the state would be.
    eventually("it is ready", || async { get(&daemon, "/readyz").await.status().is_success().then_some(()) }).await;
    daemon
}

/// One that answers nobody who does not say who they are.
fn closed(site: &Site) -> Daemon {
    use std::os::unix::fs::PermissionsExt;

    let tokens = site.directory.path().join("tokens.toml");
    std::fs::write(&tokens, "[[token]]\nname = \"x\"\nright = \"query\"\ntoken = \"0123456789abcdef0123456789\"\n")
        .expect("written");
    std::fs::set_permissions(&tokens, std::fs::Permissions::from_mode(0o600)).expect("its mode set");
    site.start_configured(&format!("[access]\nrequire = true\ntokens_file = {tokens:?}\n"))
}

#[tokio::test]
async fn every_path_answers_as_it_is_described_and_every_status_that_can_be_had_is_had() {
    let scene = Scene::new().await;
    let sites = [Site::new(), Site::with_listing(&World::new(92, 20).to_csv()), Site::new()];
    let empty = sites[0].start_configured("");
    empty.first_sync().await;
    let (busy, closed) = (busy(&sites[1]).await, closed(&sites[2]));
    let served = get(&scene.daemon, "/openapi.json").await;
    assert_eq!(header(&served, "content-type"), "application/json");
    let description = Description(serde_json::from_slice(&served.bytes().await.expect("a body")).expect("JSON"));

    let mut asked: BTreeSet<(String, String)> = BTreeSet::new();
    for (daemon, paths) in [
        (
            &scene.daemon,
            vec![
                format!("/v1/check/{STANDS}"),
                format!("/v1/check/{STANDS_NUMBER}?role=gateway&caller_id=2125550100"),
                format!("/v1/check/{GONE}"),
                format!("/v1/check/{GONE_NUMBER}?emergency=true"),
                format!("/v1/check/{NEVER}?foreign=yes&us_caller_id=no"),
                format!("/v1/check/{STANDS}?at=0m"),
                "/v1/check/TG-Acme-1?format=text".to_owned(),
                "/v1/check/TG-Nobody".to_owned(),
                "/v1/check/TG-Nobody?emergency=true".to_owned(),
                "/v1/check/ocn:1".to_owned(),
                "/v1/check/ocn:1?format=text".to_owned(),
                "/v1/check/RMD12".to_owned(),
                format!("/v1/providers/{STANDS}?history=true"),
                format!("/v1/providers/{GONE}?history=true"),
                format!("/v1/providers/{NEVER}?at=0m"),
                "/v1/providers/591E".to_owned(),
                "/v1/providers/TG-Nobody".to_owned(),
                "/v1/providers/ocn:1".to_owned(),
                "/v1/removals?include_reinstated=true&page_size=1&since=7d".to_owned(),
                "/v1/removals".to_owned(),
                "/v1/removals?page_token=x".to_owned(),
                "/v1/snapshots".to_owned(),
                "/v1/snapshots?since=7d&until=2999-01-01T00:00:00Z&page_size=1".to_owned(),
                "/v1/snapshots?page_token=x".to_owned(),
                "/v1/snapshots?since=2025-08-06%2012:00".to_owned(),
                "/healthz".to_owned(),
                "/readyz".to_owned(),
                "/metrics".to_owned(),
                "/openapi.json".to_owned(),
            ],
        ),
        (
            &empty,
            vec![
                format!("/v1/check/{STANDS}"),
                format!("/v1/check/{STANDS}?emergency=true"),
                format!("/v1/providers/{STANDS}"),
                "/v1/removals".to_owned(),
                "/v1/snapshots".to_owned(),
                "/healthz".to_owned(),
                "/readyz".to_owned(),
            ],
        ),
        (
            &closed,
            vec![
                format!("/v1/check/{STANDS}"),
                format!("/v1/providers/{STANDS}"),
                "/v1/removals".to_owned(),
                "/v1/snapshots".to_owned(),
                "/healthz".to_owned(),
                "/metrics".to_owned(),
                "/openapi.json".to_owned(),
            ],
        ),
    ] {
        for path in paths {
            for method in [Method::GET, Method::HEAD] {
                for accept in ["*/*", "text/plain", "application/json"] {
                    let response = ask(daemon, method.clone(), &path, &[("Accept", accept)]).await;
                    asked.insert((description.path(&path).to_owned(), response.status().as_str().to_owned()));
                    description.check(&path, method.clone(), response).await;
                }
            }
        }
    }
    // The second question of two within a second is one too many.
    for path in [
        "/v1/check/0041000001",
        "/v1/check/0041000001?format=text",
        "/v1/providers/RMD0900001",
        "/v1/removals",
        "/v1/snapshots",
    ] {
        for method in [Method::GET, Method::HEAD] {
            for accept in ["*/*", "text/plain"] {
                let response = eventually("there are too many", || async {
                    let response = ask(&busy, method.clone(), path, &[("Accept", accept)]).await;
                    (response.status() == StatusCode::TOO_MANY_REQUESTS).then_some(response)
                })
                .await;
                assert_eq!(
                    [header(&response, "rmdd-error"), header(&response, "retry-after")],
                    ["TOO_MANY_QUESTIONS", "1"]
                );
                asked.insert((description.path(path).to_owned(), "429".to_owned()));
                description.check(path, method.clone(), response).await;
                let emergency = get(&busy, "/v1/check/0041000001?emergency=true").await;
                assert_eq!(emergency.status(), StatusCode::OK, "a call to 911 is answered all the same");
            }
        }
    }
    // 500 takes a store that cannot be read, and a small one is in redb's memory whole; or a fault of the program. How
    // both are told is shown in src/http/tests.rs. /metrics weighs nothing, and is refused only where more wait than may
    // (tests/attacks).
    let described: BTreeSet<(String, String)> = description.0["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, item)| {
            let statuses = item["get"]["responses"].as_object().expect("responses").keys();
            statuses.map(move |status| (path.clone(), status.clone()))
        })
        .filter(|(path, status)| status != "500" && (path.as_str(), status.as_str()) != ("/metrics", "429"))
        .collect();
    assert_eq!(asked, described);
}

#[tokio::test]
async fn every_parameter_that_is_described_is_taken_with_each_of_its_values_and_no_other() {
    let scene = Scene::new().await;
    let served = get(&scene.daemon, "/openapi.json").await;
    let description: Value = serde_json::from_slice(&served.bytes().await.expect("a body")).expect("JSON");
    // Where the schema names no values.
    let examples = BTreeMap::from([("page_size", "3"), ("page_token", "9.9"), ("caller_id", "%2B12125550100")]);
    let mut tried = 0;
    for (path, item) in description["paths"].as_object().expect("paths") {
        let path = path.replace("{who}", STANDS);
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            if parameter["in"] == "path" {
                continue;
            }
            let name = parameter["name"].as_str().expect("a name");
            let values: Vec<String> = match (&parameter["schema"]["enum"], parameter["schema"]["type"].as_str()) {
                (Value::Array(values), _) => {
                    values.iter().map(|value| value.as_str().expect("a word").into()).collect()
                }
                (_, Some("boolean")) => vec!["true".to_owned(), "false".to_owned()],
                // A page of snapshots is known by its last serial.
                _ if path == "/v1/snapshots" && name == "page_token" => vec!["9".to_owned()],
                _ => vec![examples.get(name).copied().unwrap_or("0m").to_owned()],
            };
            for value in values {
                let asked = format!("{path}?{name}={value}");
                assert_eq!(get(&scene.daemon, &asked).await.status(), StatusCode::OK, "{asked}");
                tried += 1;
            }
            if parameter["schema"]["type"] != "string" || parameter["schema"]["enum"].is_array() {
                let asked = format!("{path}?{name}=nonsense");
                assert_eq!(get(&scene.daemon, &asked).await.status(), StatusCode::BAD_REQUEST, "{asked}");
            }
        }
        if item["get"]["parameters"].is_array() {
            let asked = format!("{path}?nonsense=1");
            assert_eq!(get(&scene.daemon, &asked).await.status(), StatusCode::BAD_REQUEST, "{asked}");
        }
    }
    assert!(tried > 20, "{tried}");
}
