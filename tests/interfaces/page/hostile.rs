//! Names and requests that mean harm.

use std::collections::BTreeMap;

use reqwest::StatusCode;

use super::{OPERATOR, PAGES, client, get, header, scene, text};

const SCRIPT: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
const TURNED: &str = "Fern \u{202e}gnp.exe\u{1b}[31m\u{7} Tel";

#[tokio::test]
async fn names_that_mean_harm_are_text_and_nothing_else() {
    let long = format!("=HYPERLINK(\"http://evil.example\",\"{}\")", "x".repeat(4000));
    let (_site, daemon) = scene([&long, SCRIPT, TURNED], "").await;
    let paths = [
        "/",
        "/peers",
        "/removals",
        "/changes",
        "/search?q=script+alert+img",
        "/search?q=fern",
        "/search?q=hyperlink",
        "/provider/0041000001",
        "/provider/0041000002",
        "/provider/0041000003",
        "/provider/peer:TG-Bad",
        "/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E%E2%80%AE%1B",
    ];
    let mut shown = 0;
    for path in paths {
        let page = text(&daemon, path, Some(OPERATOR)).await;
        assert!(!page.contains("<script>") && !page.contains("<img"), "{path}: {page}");
        assert!(!page.contains(['\u{202e}', '\u{1b}', '\u{7}']), "{path}");
        assert!(!page.contains(&"x".repeat(200)), "{path}: a long name is cut");
        shown += page.matches("&#60;script&#62;alert(1)").count();
    }
    assert!(shown > 5, "the name is there, as text: {shown}");
    let card = text(&daemon, "/provider/0041000003", Some(OPERATOR)).await;
    assert!(card.contains("Fern \\u{202e}gnp.exe\\u{1b}[31m\\u{7} Tel"), "{card}");
    for path in ["/search?q=hyperlink&format=csv", "/changes?format=csv"] {
        let csv = text(&daemon, path, Some(OPERATOR)).await;
        assert!(csv.contains("\"'=HYPERLINK(") && csv.contains(&"x".repeat(4000)), "{path}");
        assert!(!csv.contains("\n=") && !csv.contains(",=") && !csv.contains("\"="), "{path}");
    }
}

#[tokio::test]
async fn paths_that_lead_out_lead_nowhere() {
    let (_site, daemon) = scene(["A Tel", "B Tel", "C Tel"], "").await;
    for (path, status) in [
        ("/provider/..%2f", StatusCode::NOT_FOUND),
        ("/provider/..%2f..%2fetc%2fpasswd", StatusCode::NOT_FOUND),
        ("/provider/%2e%2e%2fpeers", StatusCode::NOT_FOUND),
        ("/provider/%00", StatusCode::BAD_REQUEST),
        ("/provider/%ff%fe", StatusCode::NOT_FOUND),
        ("/provider/RMD99", StatusCode::NOT_FOUND),
        ("/page.css/..%2f", StatusCode::NOT_FOUND),
        ("/removals?since=soon", StatusCode::BAD_REQUEST),
        ("/removals?page=x", StatusCode::BAD_REQUEST),
    ] {
        let answer = get(&daemon, path, Some(OPERATOR)).await;
        let got = answer.status();
        assert!(got == status || got == StatusCode::BAD_REQUEST, "{path}: {got}");
        let said = answer.text().await.expect("a text");
        assert!(!said.contains("root:") && !said.contains("TG-"), "{path}: {said}");
    }
    // Whoever misspells what is to be shown must not take all, or nothing, for it.
    for odd in [
        "/changes?before=999999999999999999999",
        "/changes?before=-1",
        "/changes?kind=nothing",
        "/changes?format=xml",
        "/peers?state=nothing",
        "/removals?reinstated=maybe",
        "/?x=y",
    ] {
        assert_eq!(get(&daemon, odd, Some(OPERATOR)).await.status(), StatusCode::BAD_REQUEST, "{odd}");
    }
    for fine in ["/search?q=", "/changes?kind=Removed&day=", "/changes?format=CSV", "/removals?reinstated=no"] {
        assert_eq!(get(&daemon, fine, Some(OPERATOR)).await.status(), StatusCode::OK, "{fine}");
    }
    let long = format!("/search?q={}", "a".repeat(7000));
    assert!(text(&daemon, &long, None).await.len() < 20_000);
}

/// Far more at once than there are places: each is a page, or told to come again; and what switches ask goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_reloads_harms_no_query() {
    let (_site, daemon) = scene(["A Tel", "B Tel", "C Tel"], "").await;
    let root = daemon.http.clone().expect("an HTTP listener");
    let browser = client();
    let reloads: Vec<_> = (0..1000)
        .map(|place: usize| {
            let request = browser.get(format!("{root}{}", PAGES[place % PAGES.len()]));
            let request = request.basic_auth(OPERATOR.0, Some(OPERATOR.1)).header("accept", "text/html");
            tokio::spawn(async move {
                let answer = request.send().await.expect("an answer");
                let status = answer.status();
                assert_eq!(status == StatusCode::TOO_MANY_REQUESTS, header(&answer, "retry-after") == "1");
                // One that crowds the connections has not even a body.
                let page = answer.text().await.expect("a whole body");
                assert!(page.starts_with("<!doctype html>") || (page.is_empty() && status != StatusCode::OK), "{page}");
                status
            })
        })
        .collect();
    for _ in 0..50 {
        let checked = client().get(format!("{root}/v1/check/0041000001")).send().await.expect("an answer");
        assert_eq!(checked.status(), StatusCode::OK);
    }
    let mut came = BTreeMap::new();
    for reload in reloads {
        *came.entry(reload.await.expect("no panic").as_u16()).or_insert(0) += 1;
    }
    assert!(came.keys().all(|status| [200, 429].contains(status)) && came[&200] > 0, "{came:?}");
    assert_eq!(get(&daemon, "/", Some(OPERATOR)).await.status(), StatusCode::OK, "and it is there again");
}
