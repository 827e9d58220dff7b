//! `/v1/providers/{who}` and `/v1/removals`.

use reqwest::StatusCode;
use serde_json::Value;

use crate::common::{json as printed, stdout};
use crate::{BACK_NUMBER, GONE, GONE_NUMBER, NEVER, STANDS, STANDS_NUMBER, Scene, error, json};

#[tokio::test]
async fn a_provider_is_told_just_as_the_command_tells_it() {
    let scene = Scene::new().await;
    let timeless = |mut answer: Value| {
        answer["snapshot"]["age_seconds"] = Value::Null;
        answer
    };
    for who in [STANDS, STANDS_NUMBER, GONE, BACK_NUMBER, NEVER, "TG-Acme-1", "591E"] {
        let told = printed(&scene.site.run(&["show", who, "--json"]));
        let answered = json(&scene.daemon, &format!("/v1/providers/{who}?history=true"), StatusCode::OK).await;
        assert_eq!(timeless(answered), timeless(told.clone()), "{who}");
        let without = json(&scene.daemon, &format!("/v1/providers/{who}"), StatusCode::OK).await;
        assert_eq!((&without["filings"], &without["changes"]), (&told["filings"], &Value::Array(Vec::new())), "{who}");
    }
    let gone = json(&scene.daemon, &format!("/v1/providers/{GONE}"), StatusCode::OK).await;
    let at = &scene.all_stood_at;
    let then = json(&scene.daemon, &format!("/v1/providers/{GONE}?at={at}"), StatusCode::OK).await;
    assert_eq!((gone["filings"].as_array().map(Vec::len), &then["removals"]), (Some(0), &Value::Array(Vec::new())));
    assert_eq!(then["filings"][0]["number"], GONE_NUMBER);

    for (path, status, reason) in [
        ("/v1/providers/ocn:1", StatusCode::BAD_REQUEST, "INVALID_OCN"),
        ("/v1/providers/TG-Nobody", StatusCode::NOT_FOUND, "PEER_UNKNOWN"),
        ("/v1/providers/0041000001?emergency=true", StatusCode::BAD_REQUEST, "INVALID_PARAMETER"),
        ("/v1/providers/0041000001?at=2001-01-01", StatusCode::BAD_REQUEST, "HISTORY_NOT_REACHING"),
    ] {
        assert_eq!(error(&scene.daemon, path, status).await, reason, "{path}");
    }
}

#[tokio::test]
async fn removals_are_those_of_the_command_page_by_page() {
    let scene = Scene::new().await;
    let lines = |arguments: &[&str]| -> Vec<Value> {
        let printed = stdout(&scene.site.run(&[&["removals", "--json"], arguments].concat()));
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let open = json(&scene.daemon, "/v1/removals", StatusCode::OK).await;
    assert_eq!(open["removals"].as_array(), Some(&lines(&[])));
    assert_eq!((&open["total"], &open["next_page_token"]), (&1.into(), &Value::Null));

    let all = lines(&["--reinstated"]);
    let (mut paged, mut token) = (Vec::new(), String::new());
    loop {
        let path = format!("/v1/removals?include_reinstated=true&page_size=1&page_token={token}");
        let page = json(&scene.daemon, &path, StatusCode::OK).await;
        assert_eq!(page["total"], 2);
        paged.extend(page["removals"].as_array().expect("removals").clone());
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(paged, all);
    let later = json(&scene.daemon, "/v1/removals?since=0m", StatusCode::OK).await;
    assert_eq!((later["removals"].as_array().map(Vec::len), &later["total"]), (Some(0), &0.into()));
    assert_eq!(json(&scene.daemon, "/v1/removals?since=2d", StatusCode::OK).await["total"], 1);

    for (query, reason) in [
        ("page_token=7", "INVALID_PAGE_TOKEN"),
        ("page_size=0", "INVALID_PARAMETER"),
        ("page_size=many", "INVALID_PARAMETER"),
        ("since=soon", "INVALID_TIME"),
        ("until=7d", "INVALID_PARAMETER"),
    ] {
        assert_eq!(error(&scene.daemon, &format!("/v1/removals?{query}"), StatusCode::BAD_REQUEST).await, reason);
    }
}
