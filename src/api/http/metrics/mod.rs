//! What monitoring reads.

mod fleet;
mod page;
mod process;
mod scrape;

use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::{Shared, answer};
pub(crate) use scrape::{Format, render};

/// All metrics, in the format that is asked for.
pub async fn metrics(State(services): State<Shared>, headers: HeaderMap) -> Response {
    let accepted: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accepted.join(","));
    // It looks at files, and is on a thread that may wait for them.
    match render(&services, format) {
        Ok(page) => ([(CONTENT_TYPE, HeaderValue::from_static(format.content_type()))], page).into_response(),
        Err(_) => Problem::fault("the metrics could not be written").respond(answer::Format::accepted(&headers)),
    }
}
