//! `/v1/providers/{who}`, `/v1/removals` and `/v1/snapshots`.

use reqwest::StatusCode;
use serde_json::Value;

use super::{BACK_NUMBER, GONE, GONE_NUMBER, NEVER, STANDS, STANDS_NUMBER, Scene, error, get, json};
use crate::common::{json as printed, stdout};
use rmdd::domain::wording::moment;

#[tokio::test]
async fn a_provider_is_told_just_as_the_command_tells_it() {
    let scene = Scene::new().await;
    let timeless = |mut answer: Value| {
        answer["snapshot"]["age_seconds"] = Value::Null;
        answer
    };
    for who in [STANDS, STANDS_NUMBER, GONE, BACK_NUMBER, NEVER, "TG-Acme-1", "591E"] {
        let reported = printed(&scene.site.run(&["show", who, "--json"]));
        let answered = json(&scene.daemon, &format!("/v1/providers/{who}?history=true"), StatusCode::OK).await;
        assert_eq!(timeless(answered), timeless(reported.clone()), "{who}");
        let without = json(&scene.daemon, &format!("/v1/providers/{who}"), StatusCode::OK).await;
        assert_eq!(
            (&without["filings"], &without["changes"]),
            (&reported["filings"], &Value::Array(Vec::new())),
            "{who}"
        );
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
    assert_eq!(json(&scene.daemon, "/v1/removals?until=2d", StatusCode::OK).await["total"], 0);

    for (query, reason) in [
        ("page_token=7", "INVALID_PAGE_TOKEN"),
        ("page_size=0", "INVALID_PARAMETER"),
        ("page_size=many", "INVALID_PARAMETER"),
        ("since=soon", "INVALID_TIME"),
        ("upto=7d", "INVALID_PARAMETER"),
        ("until=soon", "INVALID_TIME"),
    ] {
        assert_eq!(error(&scene.daemon, &format!("/v1/removals?{query}"), StatusCode::BAD_REQUEST).await, reason);
    }
}

#[tokio::test]
async fn snapshots_come_newest_first_in_pages_that_join() {
    let scene = Scene::new().await;
    let all = json(&scene.daemon, "/v1/snapshots", StatusCode::OK).await;
    assert_eq!((all["total"].as_u64(), &all["next_page_token"]), (Some(3), &Value::Null), "{all}");
    let all = all["snapshots"].as_array().expect("snapshots").clone();
    let serials: Vec<_> = all.iter().map(|snapshot| snapshot["serial"].as_u64().expect("a serial")).collect();
    assert_eq!(serials, [3, 2, 1]);
    let changes = |place: usize| -> [u64; 4] {
        ["listed", "amended", "removed", "reinstated"].map(|kind| all[place]["changes"][kind].as_u64().expect(kind))
    };
    assert_eq!((changes(0), changes(1), changes(2)), ([0, 0, 0, 1], [0, 0, 2, 0], [63, 0, 0, 0]));
    let mut joined = Vec::new();
    let mut token = String::new();
    loop {
        let path = format!("/v1/snapshots?page_size=2&page_token={token}");
        let page = json(&scene.daemon, &path, StatusCode::OK).await;
        joined.extend(page["snapshots"].as_array().expect("snapshots").clone());
        match page["next_page_token"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
    }
    let shape = |snapshots: &[Value]| snapshots.iter().map(|one| one["sha256"].clone()).collect::<Vec<_>>();
    assert_eq!(shape(&joined), shape(&all));
    let before = format!("/v1/snapshots?until={}", scene.all_stood_at);
    let before = json(&scene.daemon, &before, StatusCode::OK).await;
    assert_eq!((before["total"].as_u64(), &before["snapshots"][0]["serial"]), (Some(1), &1.into()));
    // Written as it is, the plus sign of an offset is a blank.
    let long_ago = json(&scene.daemon, "/v1/snapshots?until=2001-01-01T00:00:00+02:00", StatusCode::OK).await;
    assert_eq!(long_ago["total"], 0);
    for (query, reason) in [
        ("page_token=x", "INVALID_PAGE_TOKEN"),
        ("since=soon", "INVALID_TIME"),
        ("since=2025-08-06T12:00", "INVALID_TIME"),
        ("page_size=0", "INVALID_PARAMETER"),
        ("limit=1", "INVALID_PARAMETER"),
    ] {
        assert_eq!(error(&scene.daemon, &format!("/v1/snapshots?{query}"), StatusCode::BAD_REQUEST).await, reason);
    }
}

#[tokio::test]
async fn an_answer_about_a_moment_names_it() {
    let scene = Scene::new().await;
    let at = &scene.all_stood_at;
    for path in [format!("/v1/check/{GONE}"), format!("/v1/providers/{GONE_NUMBER}")] {
        let now = json(&scene.daemon, &path, StatusCode::OK).await;
        assert_eq!(now.get("at"), Some(&Value::Null), "{now}");
        let then = json(&scene.daemon, &format!("{path}?at={at}"), StatusCode::OK).await;
        assert_eq!(then["at"].as_str(), Some(at.as_str()), "{then}");
    }
    let line = get(&scene.daemon, &format!("/v1/check/{GONE}?format=text&at={at}")).await;
    assert!(
        line.text().await.expect("a text").ends_with(&format!(" (as of {})\n", moment(at.parse().expect("a time"))))
    );
}
