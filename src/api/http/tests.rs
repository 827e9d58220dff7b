use std::collections::BTreeSet;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use serde_json::Value;

use super::answer::Format;
use super::*;
use crate::api::grpc::v1::Reason;
use crate::domain::{AdvisoryCode, ErrorReason};

fn document() -> Value {
    serde_json::from_str(OPENAPI).expect("JSON")
}

fn words(document: &Value, pointer: &str) -> BTreeSet<String> {
    let words = document.pointer(pointer).and_then(Value::as_array).unwrap_or_else(|| panic!("no {pointer}"));
    words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

#[test]
fn every_path_that_is_served_is_described_and_none_besides() {
    let served: BTreeSet<String> = routes().into_iter().map(|(path, _)| path.replace("{*", "{")).collect();
    let document = document();
    let described: BTreeSet<String> = document["paths"].as_object().expect("paths").keys().cloned().collect();
    assert_eq!(served, described);
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_description_has_every_reason_and_advisory_and_no_other() {
    let document = document();
    let reasons: BTreeSet<String> = (1..)
        .map_while(|n| Reason::try_from(n).ok())
        .map(|reason| reason.as_str_name().replace("REASON_", ""))
        .collect();
    assert_eq!(words(&document, "/components/schemas/Check/properties/reason/enum"), reasons);
    assert_eq!(words(&document, "/components/headers/Reason/schema/enum"), reasons);
    let advisories = AdvisoryCode::ALL.iter().map(|code| code.as_str().to_owned()).collect();
    assert_eq!(words(&document, "/components/schemas/Advisory/properties/code/enum"), advisories);
    let errors = words(&document, "/components/schemas/Error/properties/error/properties/reason/enum");
    let known: BTreeSet<String> =
        ErrorReason::ALL.iter().map(|reason| reason.as_str()).chain(HTTP_REASONS).map(str::to_owned).collect();
    assert!(errors.is_subset(&known), "{errors:?}");
    assert!(HTTP_REASONS.iter().all(|reason| errors.contains(*reason)));
}

#[test]
fn text_is_for_those_who_prefer_it() {
    let format = |accept: &'static str| {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        Format::accepted(&headers)
    };
    for accept in ["text/plain", "Text/Plain; charset=utf-8", "application/json;q=0.5, text/plain", "text/plain, */*"] {
        assert_eq!(format(accept), Format::Text, "{accept}");
    }
    for accept in ["*/*", "application/json", "text/plain;q=0.5, application/json", "text/html", "", "text/plain;q=0"] {
        assert_eq!(format(accept), Format::Json, "{accept}");
    }
    assert_eq!(Format::accepted(&HeaderMap::new()), Format::Json);
}

#[test]
fn a_call_to_911_is_told_by_any_usual_writing() {
    let emergency = |query: &str| {
        let uri = format!("/v1/check/x?{query}").parse::<Uri>().expect("an address");
        QueryString::read(&uri).is_emergency()
    };
    for query in ["emergency=true", "emergency=1", "emergency", "role=x&emergency=YES", "Emergency=on", "%65mergency=1"]
    {
        assert!(emergency(query), "{query}");
    }
    for query in ["", "emergency=", "emergency=false", "emergency=0", "emergency=maybe", "at=emergency"] {
        assert!(!emergency(query), "{query}");
    }
    for (uri, past) in [("/?at=7d", true), ("/?at=&role=at", false)] {
        let uri: Uri = uri.parse().expect("an address");
        assert_eq!(QueryString::read(&uri).is_about_the_past(), past, "{uri}");
    }
}

#[test]
fn a_parameter_counts_once_and_an_empty_one_not_at_all() {
    let read = |query: &str| {
        let uri: Uri = format!("/?{query}").parse().expect("an address");
        let query = QueryString::read(&uri);
        query.params(&["a", "b"]).map(|params| params.get("a").map(str::to_owned))
    };
    assert_eq!(read("a=%2B1&b=2").expect("read"), Some("+1".to_owned()));
    assert_eq!(read("a=&b=").expect("read"), None);
    assert_eq!(read("&&a").expect("read"), Some("true".to_owned()));
    for query in ["a=1&a=2", "a=1&c=2", "A=1"] {
        assert!(read(query).is_err(), "{query}");
    }
}

#[tokio::test]
async fn a_fault_in_one_answer_is_told_in_the_usual_form_and_ends_nothing() {
    use tower::ServiceExt;

    async fn faulty() -> axum::response::Response {
        panic!("made to fail")
    }
    let router: Router = with_fallbacks(Router::new().route("/faulty", get(faulty)));
    for _ in 0..2 {
        let request = axum::http::Request::get("/faulty").body(axum::body::Body::empty()).expect("a request");
        let response = router.clone().oneshot(request).await.expect("an answer");
        assert_is_the_fault_described(response, "INTERNAL").await;
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_told_as_it_is_described() {
    let response = Problem::from(ErrorReason::StoreFailed.reject("the store could not be read")).respond(Format::Json);
    assert_is_the_fault_described(response, "STORE_FAILED").await;
}

/// That an answer is what the description says of status 500, wherever it says so.
async fn assert_is_the_fault_described(response: axum::response::Response, reason: &str) {
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(response.headers()["rmdd-error"], reason);
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a body");
    let body: Value = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["error"]["reason"], reason);
    let document = document();
    let faults = document["paths"].as_object().expect("paths").values().map(|path| &path["get"]["responses"]["500"]);
    let mut faults = faults.filter(|fault| !fault.is_null()).peekable();
    assert!(faults.peek().is_some() && faults.all(|fault| fault["$ref"] == "#/components/responses/Fault"));
    let mut schema = document["components"]["responses"]["Fault"]["content"]["application/json"]["schema"].clone();
    schema["components"] = document["components"].clone();
    assert!(jsonschema::validator_for(&schema).expect("a schema").is_valid(&body), "{body}");
}
