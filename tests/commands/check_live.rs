//! `rmdd check --live`: the FCC asked directly, in the shapes it may answer in and the ways it may fail.

use std::process::Output;

use crate::common::http::{Answer, Server, head};
use crate::common::{Site, json, status_of, stderr, stdout};
use rmdd_testkit::{COLUMNS, World};
use serde_json::{Map, Value};

/// A store with a listing in it, and a server in the place of the FCC's endpoint.
struct Scene {
    site: Site,
    server: Server,
    world: World,
    number: String,
    frn: String,
}

impl Scene {
    async fn new(seed: u64) -> Self {
        let world = World::new(seed, 80);
        let site = Site::with_listing(&world.to_csv());
        // One that stands alone under its FRN, and says all that counts.
        let sole = |frn: &str| world.rows().filter(|row| row.get("frn") == frn).count() == 1;
        let row = world
            .rows()
            .find(|row| {
                let frn = row.get("frn");
                frn.len() == 10
                    && sole(frn)
                    && row.get("voice_service_provider_choice") == "Yes"
                    && !row.get("business_name").is_empty()
            })
            .expect("a filing");
        let (number, frn) = (row.get("number").to_owned(), row.get("frn").to_owned());
        let server = Server::start(Answer::response("500 Internal Server Error", "", b"")).await;
        let scene = Self { site, server, world, number, frn };
        scene.configure("");
        let source = scene.site.listing().display().to_string();
        scene.site.make_store();
        assert_eq!(status_of(&scene.site.run(&["sync", "--source", &source])), 0);
        scene
    }

    fn configure(&self, more: &str) {
        let text = format!(
            "[fetch]\nlive_url = {:?}\ncontact = \"noc@carrier.example\"\nidle_timeout = \"300ms\"\n{more}",
            self.server.url
        );
        self.site.configure(&text);
    }

    fn check(&self, arguments: &[&str]) -> Output {
        let config = self.site.config();
        self.site.run(&[["check", "--live", "--config", &config].as_slice(), arguments].concat())
    }

    /// The filing as JSON, each cell as this writes it.
    fn filing(&self, cell: impl Fn(&str) -> Value) -> Map<String, Value> {
        let row = self.world.rows().find(|row| row.get("number") == self.number).expect("it stands");
        COLUMNS.iter().map(|column| ((*column).to_owned(), cell(row.get(column)))).collect()
    }

    fn answers(&self, value: &Value) {
        self.server.answer(Answer::ok("application/json", value.to_string().as_bytes()));
    }
}

fn plain(cell: &str) -> Value {
    cell.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fcc_is_asked_by_frn_or_number_and_agrees_in_whatever_shape_it_answers() {
    let scene = Scene::new(81).await;
    let pairs = |cell: &str| serde_json::json!({ "value": "internal", "display_value": cell });
    let filing = scene.filing(plain);
    for shape in [
        serde_json::json!([filing]),
        serde_json::json!({ "result": [filing] }),
        serde_json::json!({ "records": [filing], "count": 1 }),
        serde_json::json!({ "result": [scene.filing(|cell| if cell.is_empty() { Value::Null } else { pairs(cell) })] }),
    ] {
        scene.answers(&shape);
        for (who, query) in [(&scene.frn, "frn_str%3D"), (&scene.number, "number%3D")] {
            let output = scene.check(&[who, "--json"]);
            assert_eq!(status_of(&output), 0, "{}", stderr(&output));
            let reported = json(&output);
            assert_eq!(
                (&reported["verdict"], &reported["live"]["agrees"]),
                (&"ACCEPT".into(), &true.into()),
                "{reported}"
            );
            assert_eq!(reported["live"]["compared"][0]["agreement"], "SAME");
            assert_eq!(reported["live"]["filings"][0]["frn"], scene.frn.as_str());
            assert_eq!(reported["filing"]["roles"], reported["live"]["filings"][0]["roles"]);
            let request = scene.server.seen().pop().expect("asked");
            assert_eq!(request.target, format!("/listing.csv?sysparm_query={query}{who}"));
            assert_eq!(request.header("accept"), Some("application/json"));
            assert!(request.header("user-agent").expect("one").contains("noc@carrier.example"));
        }
    }
    let text = stdout(&scene.check(&[&scene.frn]));
    for words in ["ACCEPT  LISTED", "LIVE AGREES", "last updated", "the same as stored", &scene.server.url] {
        assert!(text.contains(words), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_is_asked_for_its_verdict_and_a_peer_leads_to_its_provider() {
    let scene = Scene::new(82).await;
    let daemon = scene.site.start();
    daemon.first_sync().await;
    assert_eq!(status_of(&scene.site.run(&["peers", "add", "TG-WEST", &scene.frn])), 0);
    scene.answers(&Value::Array(vec![scene.filing(plain).into()]));
    let output = scene.check(&["TG-WEST", "--json"]);
    assert_eq!(status_of(&output), 0, "{}", stderr(&output));
    assert_eq!((&json(&output)["peer"], &json(&output)["live"]["agrees"]), (&"TG-WEST".into(), &true.into()));
    assert!(scene.server.seen()[0].target.ends_with(&scene.frn));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_fcc_says_otherwise_is_told_and_the_verdict_stays_that_of_the_listing() {
    let scene = Scene::new(83).await;
    let mut other = scene.filing(plain);
    other.insert("business_name".to_owned(), "Renamed Example".into());
    other.insert("voice_service_provider_choice".to_owned(), "No".into());
    scene.answers(&serde_json::json!({ "result": [other] }));
    let output = scene.check(&[&scene.frn, "--json"]);
    let reported = json(&output);
    assert_eq!((status_of(&output), &reported["live"]["agrees"]), (0, &false.into()), "{reported}");
    let compared = &reported["live"]["compared"][0];
    let columns: Vec<&str> =
        compared["fields"].as_array().expect("fields").iter().filter_map(|field| field["column"].as_str()).collect();
    assert_eq!(
        (compared["agreement"].as_str(), columns),
        (Some("DIFFERS"), vec!["business_name", "voice_service_provider_choice"])
    );
    assert_eq!((&compared["fields"][1]["stored"], &compared["fields"][1]["live"]), (&"Yes".into(), &"No".into()));
    let text = stdout(&scene.check(&[&scene.frn]));
    assert!(text.contains("LIVE DIFFERS") && text.contains("stored \"Yes\", live \"No\""), "{text}");

    scene.answers(&serde_json::json!({ "result": [] }));
    let output = scene.check(&[&scene.frn, "--json"]);
    assert_eq!((status_of(&output), &json(&output)["verdict"]), (0, &"ACCEPT".into()));
    assert_eq!(json(&output)["live"]["compared"][0]["agreement"], "ONLY_STORED");
    assert!(stdout(&scene.check(&[&scene.frn])).contains("the FCC does not tell of it"));

    // Neither side knows of it.
    let output = scene.check(&["0099999999", "--json"]);
    assert_eq!((status_of(&output), &json(&output)["live"]["agrees"]), (1, &true.into()));

    let new =
        serde_json::json!([{ "number": "RMD9999999", "frn": 99_999_999, "voice_service_provider_choice": "Yes" }]);
    scene.answers(&new);
    let output = scene.check(&["0099999999", "--json"]);
    assert_eq!((status_of(&output), &json(&output)["reason"]), (1, &"NOT_LISTED".into()));
    let live = &json(&output)["live"];
    assert_eq!(
        (&live["compared"][0]["agreement"], &live["filings"][0]["roles"][0]),
        (&"ONLY_LIVE".into(), &"voice_service".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_failure_names_its_cause_and_the_stored_verdict_is_printed_all_the_same() {
    let scene = Scene::new(84).await;
    let body = Value::Array(vec![scene.filing(plain).into()]).to_string();
    let half = &body.as_bytes()[..body.len() / 2];
    let others = r#"[{"number":"RMD9999999","frn":"0099999999"}]"#;
    let zipped = Answer::packed("gzip", body.as_bytes());
    let refusal = r#"{"error":{"message":"Invalid query","detail":"frn_str"},"status":"failure"}"#;
    for (answer, kind, words) in [
        (Answer::response("500 Internal Server Error", "", b""), "SERVER_ERROR", "500"),
        (Answer::response("401 Unauthorized", "", b""), "ACCESS_DENIED", "401"),
        (Answer::response("429 Too Many Requests", "Retry-After: 60\r\n", b""), "TOO_MANY_REQUESTS", "1 min"),
        (Answer::response("302 Found", "Location: /login\r\n", b""), "REDIRECT_UNSAFE", "/login"),
        (Answer::ok("text/html", b"<html>Log in</html>"), "ANSWER_UNREADABLE", "HTML"),
        (Answer::ok("application/json", b""), "ANSWER_UNREADABLE", "empty"),
        (Answer::ok("application/json", half), "ANSWER_UNREADABLE", "no JSON"),
        (Answer::ok("application/json", b"{\"result\":\"none\"}"), "ANSWER_UNREADABLE", "no array of filings"),
        (Answer::ok("application/json", refusal.as_bytes()), "ANSWER_UNREADABLE", "Invalid query (frn_str)"),
        (Answer::csv(b"number,frn\n"), "ANSWER_UNREADABLE", "no JSON"),
        (Answer::ok("application/json", others.as_bytes()), "ANSWER_UNRELATED", "does not honour the query"),
        (zipped, "PACKING_UNKNOWN", "gzip"),
        (Answer::Stall(Vec::new()), "IDLE_TIMEOUT", "silent"),
        (Answer::Reset([head("200 OK", "").as_slice(), half].concat()), "BROKEN_OFF", "fetched whole"),
        (Answer::Zeros(head("200 OK", ""), 80 << 20), "TOO_LARGE", "fetch.max_bytes"),
    ] {
        scene.server.answer(answer);
        let output = scene.check(&[&scene.frn, "--json"]);
        let reported = json(&output);
        assert_eq!((status_of(&output), &reported["verdict"]), (2, &"ACCEPT".into()), "{kind}: {reported}");
        assert_eq!(reported["live"]["error"]["code"], kind, "{reported}");
        assert!(reported["live"]["error"]["message"].as_str().expect("a sentence").contains(words), "{reported}");
        assert_eq!(reported["live"]["agrees"], Value::Null);
    }
    let text = stdout(&scene.check(&[&scene.frn]));
    assert!(text.contains("ACCEPT  LISTED") && text.contains("LIVE FAILED  TOO_LARGE"), "{text}");

    let Scene { site, server, frn, .. } = scene;
    let config = site.config();
    server.stop().await;
    let output = site.run(&["check", "--live", &frn, "--json", "--config", &config]);
    assert_eq!((status_of(&output), &json(&output)["live"]["error"]["code"]), (2, &"UNREACHABLE".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fcc_is_asked_by_the_proxy_of_the_configuration() {
    let scene = Scene::new(85).await;
    let body = Value::Array(vec![scene.filing(plain).into()]).to_string();
    let proxy = Server::start(Answer::ok("application/json", body.as_bytes())).await;
    scene.configure(&format!("proxy = \"http://carrier:s3cret@{}\"\n", proxy.address()));
    let output = scene.check(&[&scene.frn, "--json"]);
    assert_eq!(json(&output)["live"]["agrees"], true, "{}", stdout(&output));
    assert!(proxy.seen()[0].target.starts_with(&scene.server.url));
    assert!(!stdout(&output).contains("s3cret"));
}
