//! What the page shows, and with which headers.

use reqwest::{Method, StatusCode};
use rmdd_testkit::World;
use serde_json::Value;

use super::{OPERATOR, PAGES, client, get, header, run, scene, start, text};
use crate::common::{Site, json};

const NAMES: [&str; 3] = ["Fern Velvet Telecom", "Quiet Harbor Tel", "Third & Co"];

/// What stands in a page between two texts.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    let rest = page.split_once(before).unwrap_or_else(|| panic!("{before} in {page}")).1;
    rest.split_once(after).unwrap_or_else(|| panic!("{after} behind {before}")).0
}

#[tokio::test]
async fn every_page_forbids_what_is_not_from_here_keeps_nothing_and_needs_nothing_else() {
    let (_site, daemon) = scene(NAMES, "").await;
    let files = ["/page.css", "/page.js", "/icon.svg"];
    for path in PAGES.into_iter().chain(files).chain(["/provider/..%2f", "/removals?format=csv"]) {
        let answer = get(&daemon, path, Some(OPERATOR)).await;
        for (name, value) in [
            (
                "content-security-policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; \
                 frame-ancestors 'none'; base-uri 'none'",
            ),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("referrer-policy", "no-referrer"),
            ("set-cookie", ""),
        ] {
            assert_eq!(header(&answer, name), value, "{path}: {name}");
        }
        let html = header(&answer, "content-type").starts_with("text/html");
        let page = answer.text().await.expect("a text");
        assert_eq!(html, !files.contains(&path) && !path.contains("csv"), "{path}");
        if !html {
            continue;
        }
        // What the policy would forbid is not there either.
        for none in ["style=", "<style", "onclick", "<script>", "src=\"http", "href=\"http", "<form method"] {
            assert!(!page.contains(none), "{path}: {none}");
        }
        assert_eq!((page.matches("<form").count(), page.matches("<script").count()), (1, 1), "{path}");
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{path}");
    }
    let script = text(&daemon, "/page.js", None).await;
    assert!(script.len() <= 4096, "the script has {} bytes", script.len());
}

#[tokio::test]
async fn a_client_that_asks_for_json_is_told_where_the_api_is_and_no_page_is_written_to() {
    let (_site, daemon) = scene(NAMES, "").await;
    let root = daemon.http.as_deref().expect("an HTTP listener");
    let api = client().get(root).header("accept", "application/json").send().await.expect("an answer");
    assert_eq!(header(&api, "content-type"), "application/json");
    let api: Value = serde_json::from_slice(&api.bytes().await.expect("a body")).expect("JSON");
    assert_eq!((&api["openapi"], &api["name"]), (&"/openapi.json".into(), &"rmdd".into()));
    for path in PAGES {
        let posted = client().request(Method::POST, format!("{root}{path}")).send().await.expect("an answer");
        assert_eq!((posted.status(), header(&posted, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"), "{path}");
    }
    let head = client().head(format!("{root}/")).send().await.expect("an answer");
    assert_eq!((head.status(), header(&head, "content-type")), (StatusCode::OK, "text/html; charset=utf-8"));
    // A call to 911 is answered whatever path a script has put together.
    let emergency = client().get(format!("{root}/peers?emergency=true")).send().await.expect("an answer");
    assert_eq!((emergency.status(), header(&emergency, "rmdd-verdict")), (StatusCode::OK, "ACCEPT"));
}

#[tokio::test]
async fn the_numbers_are_those_of_status_and_of_the_api() {
    let (site, daemon) = scene(NAMES, "").await;
    let status = json(&site.run(&["status", "--json"]));
    let page = text(&daemon, "/", Some(OPERATOR)).await;
    let fact = |name: &str| between(&page, &format!("<dt>{name}</dt><dd>"), "</dd>").replace(',', "");
    assert_eq!(fact("filings"), status["snapshot"]["filings"].to_string());
    assert_eq!(fact("removed"), status["removed_filings"].to_string());
    assert_eq!(fact("snapshot"), status["snapshot"]["serial"].to_string());
    let peers = &status["peers"];
    assert_eq!((&peers["refused"], &peers["accepted"]), (&1.into(), &1.into()), "{peers}");
    assert_eq!(
        between(&page, "<h1 class=\"headline bad\">", "</h1>"),
        "1 of your 2 upstreams may hand you calls; 1 is refused."
    );
    let todo = between(&page, "<table id=\"todo\"", "</table>");
    assert!(todo.contains("REFUSED") && todo.contains(">TG-Bad<") && todo.contains("Quiet Harbor Tel"), "{todo}");
    assert!(!todo.contains("TG-Good"), "{todo}");
    let state = status["state"].as_str().expect("a state").to_uppercase();
    assert!(page.contains(&format!(">{state}</span> confirmed")), "{state}");
    let alarms = status["alarms"].as_array().expect("alarms");
    assert!(alarms.iter().all(|alarm| page.contains(alarm["code"].as_str().expect("a code"))), "{alarms:?}");
    let recent = between(&page, "<table id=\"recent\"", "</table>");
    assert!(recent.contains("removed") && recent.contains("RMD0900002") && recent.contains(">TG-Bad<"), "{recent}");

    // The same in CSV as on the page and in the API.
    let csv = text(&daemon, "/removals?format=csv", Some(OPERATOR)).await;
    let rows: Vec<&str> = csv.lines().collect();
    assert_eq!((rows.len(), rows[0]), (2, "First missing,Number,Name,Yours,Last seen,Listed again"));
    assert!(rows[1].contains(",RMD0900002,Quiet Harbor Tel,TG-Bad,"), "{csv}");
    let refused = text(&daemon, "/peers?state=refused&format=csv", Some(OPERATOR)).await;
    assert_eq!(refused.lines().count(), 2, "{refused}");
    let unknown = get(&daemon, "/?format=csv&table=nonsense", Some(OPERATOR)).await;
    assert_eq!(unknown.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_card_has_the_verdicts_the_history_the_records_and_the_decisions_of_a_provider() {
    let (site, daemon) = scene(NAMES, "").await;
    run(&site, &["overrides", "add", "deny", "0041000001", "--why", "fraud & <4711>"]);
    run(&site, &["notices", "add", "letter-1", "0041000003", "--issued-at", "2026-01-02 20:15 UTC"]);
    let root = daemon.http.as_deref().expect("an HTTP listener");
    let call = client().get(format!("{root}/v1/check/peer:TG-Bad")).send().await.expect("an answer");
    assert_eq!(header(&call, "rmdd-verdict"), "REFUSE");
    let card = crate::common::eventually("the refusal is in the log", || async {
        let card = text(&daemon, "/provider/peer:TG-Bad", Some(OPERATOR)).await;
        card.contains("<table id=\"decisions\"").then_some(card)
    })
    .await;
    let verdicts = between(&card, "<table id=\"verdicts\"", "</table>");
    assert_eq!(verdicts.matches(">REFUSE<").count(), 4, "{verdicts}");
    assert!(between(&card, "<table id=\"history\"", "</table>").contains("removed"));
    assert!(between(&card, "<table id=\"decisions\"", "</table>").contains("TG-Bad"));
    assert!(card.contains("<code>rmdd overrides add deny 0041000002 --why"), "{card}");
    let denied = text(&daemon, "/provider/0041000001", Some(OPERATOR)).await;
    let records = between(&denied, "<table id=\"records\"", "</table>");
    assert!(records.contains("override: deny") && records.contains("fraud &#38; &#60;4711&#62;"), "{records}");
    let noticed = text(&daemon, "/provider/RMD0900003", Some(OPERATOR)).await;
    assert!(between(&noticed, "<table id=\"records\"", "</table>").contains("mitigate by"), "{noticed}");
    assert!(noticed.contains("<h1>Third &#38; Co"), "{noticed}");
    let amended = between(&noticed, "<table id=\"history\"", "</table>");
    assert!(amended.contains("business_address: 2 Main Street → 9 Other Street"), "{amended}");
    let unknown = text(&daemon, "/provider/0041999999", None).await;
    assert!(unknown.contains("Nothing is known of it"), "{unknown}");
}

#[tokio::test]
async fn changes_come_newest_first_in_pages_that_join_by_kind_and_day() {
    let (_site, daemon) = scene(NAMES, "").await;
    let rows = |page: &str| between(page, "<tbody>", "</tbody>").matches("<tr>").count();
    let all = text(&daemon, "/changes", None).await;
    assert!(all.find("RMD0900002") < all.find("RMD0900001"), "newest first");
    let removed = text(&daemon, "/changes?kind=removed", None).await;
    assert_eq!((rows(&removed), removed.contains("RMD0900002")), (1, true), "{removed}");
    let csv = text(&daemon, "/changes?format=csv", None).await;
    assert_eq!(csv.lines().count(), rows(&all) + 1);
    let before = text(&daemon, "/changes?before=3", None).await;
    assert_eq!(rows(&before), 2, "{before}");
    assert!(text(&daemon, "/changes?day=2020-01-01", None).await.contains("Nothing changed"));
    assert_eq!(get(&daemon, "/changes?day=%3Cscript%3E", None).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn before_the_first_listing_the_page_says_so() {
    let site = Site::new();
    let daemon = start(&site, "");
    daemon.first_sync().await;
    for path in PAGES {
        let answer = get(&daemon, path, Some(OPERATOR)).await;
        let status = answer.status();
        let page = answer.text().await.expect("a text");
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(page.contains("<h1>503") && page.contains("rmdd status"), "{page}");
    }
    site.publish(&World::new(1, 20).to_csv());
    daemon.sync().await;
    let page = text(&daemon, "/", Some(OPERATOR)).await;
    assert!(page.contains("None of your upstreams is bound yet"), "{page}");
}
